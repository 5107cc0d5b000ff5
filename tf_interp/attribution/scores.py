"""What is attributed: a class, a difference, a function of the logits, or something inside of the network."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.directions import Directions, to_positions
from tf_interp.display import cut, tell
from tf_interp.models import Model, Target
from tf_interp.models.batches import in_batches
from tf_interp.models.outputs.targets import weigh

STALE = "the groups were found on these images in a network that did something else there, as before a training"
_ALIKE = f"{STALE}: the direction counts alike at all positions, as on other images"


@dataclasses.dataclass(frozen=True, eq=False)
class LayerTarget:
    """What is attributed where that is inside of the network: a unit, a position or a direction of a layer.

    The score is the sum over positions of the activation along the direction; at a position alone it is that of this
    position. Without a channel and a vector it is the length of the activation vector, at the position or of all.

    Args:
        layer: name of the layer.
        channel: index of a channel.
        position: (y, x) in the layer.
        vector: direction [C] in place of a channel; its length does not count.

    Raises:
        ValueError: if both a channel and a vector are given.

    Example:
        >>> LayerTarget("conv", channel=3, position=(0, 2)).name
        'channel 3 of conv at (0, 2)'

    Source:
        Olah et al., The Building Blocks of Interpretability, 2018, attribution between hidden layers.
    """

    layer: str
    channel: int | None = None
    position: tuple[int, int] | None = None
    vector: Any = None

    def __post_init__(self) -> None:
        if self.channel is not None and self.vector is not None:
            raise ValueError("a LayerTarget is about a channel or about a vector, not both")

    @property
    def name(self) -> str:
        """What it is called."""
        what = "a direction" if self.vector is not None else "the activation"
        what = what if self.channel is None else f"channel {self.channel}"
        return f"{what} of {self.layer}" + ("" if self.position is None else f" at {tuple(self.position)}")

    def __repr__(self) -> str:
        return tell(self, cut(self.name, 150))


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """What is attributed for each of N images: a function of one activation, or a sum of it with weights.

    Args:
        output: path of the output or layer that it is computed from.
        function: from that, [n,...], to scores [n]; None where weights say all.
        slope: the derivative of `function`, asked for outside of compiled functions.
        weights: [N,...], or broadcast to it: what each number of the output counts.
        offsets: [N], added.
        notes: what was assumed.
    """

    output: str
    function: Callable[[Any], Any] | None = None
    slope: Callable[[Any], Any] | None = None
    weights: Any = None
    offsets: Any = None
    notes: tuple[str, ...] = ()

    def of(self, rows: np.ndarray) -> "Scores":
        """Return the same for some of the images."""
        if self.function is not None:
            return self
        return dataclasses.replace(self, weights=self.weights[rows], offsets=self.offsets[rows])

    def score(self, output: tf.Tensor) -> tf.Tensor:
        """Return the scores [n] of an output or activation [n,...]."""
        if self.function is not None:
            return self.function(output)
        if output.shape.rank is not None and output.shape.rank <= 2:
            return weigh(output, self.weights) + tf.cast(self.offsets, output.dtype)
        return tf.reduce_sum(output * tf.cast(self.weights, output.dtype), tuple(range(1, output.shape.rank)))


def resolve_scores(model: Model, target: Any, count: int, images: Any) -> Scores:
    """Return what is attributed for each of `count` images.

    Args:
        model: the network.
        target: as `attribute` takes it.
        count: number of images.
        images: the images.
    """
    if isinstance(target, Scores):
        return target
    if isinstance(target, Directions):
        return _score_direction(model, target, count, images)
    if isinstance(target, LayerTarget):
        return _score_layer(model, target, count)
    several = isinstance(target, list | tuple) or (isinstance(target, np.ndarray) and target.ndim > 0)
    asked = list(target) if several else [target]
    if several and len(asked) != count:
        raise ValueError(
            f"{count} images need one target for all or one for each, got {len(asked)} (for a difference of two "
            "classes subtract their targets: model.target(a) - model.target(b))"
        )
    return _score_output(model, asked, count)


def _score_output(model: Model, asked: Sequence[Any], count: int) -> Scores:
    found = [model.target(item) for item in asked]
    if len(found) > 1 and any(item.function is not None for item in found):
        raise TypeError("one callable target serves all images; a sequence holds class indices or names")
    outputs = {item.output for item in found}
    if len(outputs) > 1:
        raise ValueError(f"the targets of one call must be of one output, got some of {sorted(outputs)}")
    notes = tuple(dict.fromkeys(note for item in found for note in (item.note, item.head.caution) if note))
    first: Target = found[0]
    if first.function is not None:
        return Scores(first.output, first.score, first.slope, notes=notes)
    weights = np.stack([item.weights for item in found])
    offsets = np.array([item.head.offset(item.index or 0) for item in found], np.float32)
    weights, offsets = (np.broadcast_to(item, (count, *item.shape[1:])) for item in (weights, offsets))
    return Scores(first.output, weights=weights, offsets=offsets, notes=notes)


def _score_direction(model: Model, target: Directions, count: int, images: Any) -> Scores:
    """Return how strongly a direction fires; of a group, on images that it was found on, where the group fires."""
    path = model.resolve(target.layer, channels=True)
    if len(target) != 1:
        raise ValueError(
            f"a target is one direction, these are {len(target)}, {list(target.names)}: choose one, e.g. target=x[0]"
        )
    vector = target.vectors[0]
    _check_width(model, path, len(vector))
    known, stale = read_known(model, target, images)
    if known is None:
        alike = np.broadcast_to(vector / (np.linalg.norm(vector) or 1), (count, len(vector)))
        return dataclasses.replace(_linear(model, path, alike), notes=(_ALIKE,) * stale)
    part = known[..., :1] * vector  # [N,h,w,C]
    norms = np.linalg.norm(part.reshape(count, -1), axis=1)
    part = part / np.where(norms == 0, 1, norms)[:, None, None, None]
    return Scores(path, weights=part.reshape(count, *_known(model, path, part)), offsets=np.zeros(count, np.float32))


def read_known(model: Model, directions: Directions, images: Any) -> tuple[np.ndarray | None, bool]:
    """Return where groups fire on images that they were found on, else None; and whether that is of another network.

    Args:
        model: the network.
        directions: of one of its layers.
        images: as the network takes them.

    Returns:
        float32 [N,h,w,K] or None, and whether the layer does something else on these images than when they were found.
    """
    known = directions.weights_for(images)
    if known is None:
        return None, False
    path = model.resolve(directions.layer, channels=True)

    def read(batch: Any) -> np.ndarray:
        return np.asarray(tf.cast(to_positions(model.run(batch, [path])[path]), tf.float32))

    there = np.concatenate(list(in_batches(model, "weights of groups", [images], 64, read)))
    known = directions.weights_for(images, there)
    return known, known is None


def _known(model: Model, path: str, part: np.ndarray) -> tuple[int, ...]:
    """Return the shape of a layer's activation, its free axes taken from weights [N,h,w,C]."""
    rank = len(model.layers[path])
    return part.shape[4 - rank :]


def _score_layer(model: Model, target: LayerTarget, count: int) -> Scores:
    path = model.resolve(target.layer, channels=True)
    channels = model.layers[path][-1]
    if target.vector is not None:
        vector = np.asarray(target.vector, np.float32)
        if vector.ndim != 1:
            raise ValueError(f"the vector of a LayerTarget has shape [C], got {list(vector.shape)}")
        _check_width(model, path, len(vector))
    elif target.channel is not None:
        if channels is not None and not 0 <= target.channel < channels:
            raise ValueError(f"layer {path!r} has channels 0..{channels - 1}, got {target.channel}")
        vector = np.eye(1, channels or target.channel + 1, target.channel, dtype=np.float32)[0]
    else:
        return _length(path, target.position)
    vector = vector / (np.linalg.norm(vector) or 1)
    if target.position is None:
        return _linear(model, path, np.broadcast_to(vector, (count, len(vector))))
    height, width = (size for size in ((1, 1, *model.layers[path])[-3:-1]))
    if height is None or width is None:
        raise ValueError(f"layer {path!r} has no fixed size {model.layers[path]}: ask without a position")
    y, x = target.position
    if not (0 <= y < height and 0 <= x < width):
        raise ValueError(f"layer {path!r} has positions (0..{height - 1}, 0..{width - 1}), got {target.position}")
    weights = np.zeros((height, width, len(vector)), np.float32)
    weights[y, x] = vector
    weights = weights.reshape(weights.shape[3 - len(model.layers[path]) :])
    return Scores(path, weights=np.broadcast_to(weights, (count, *weights.shape)), offsets=np.zeros(count, np.float32))


def _linear(model: Model, path: str, vectors: np.ndarray) -> Scores:
    """Return the sum over positions along vectors [N,C]."""
    rank = len(model.layers[path])
    shape = (len(vectors), *(1,) * (rank - 1), vectors.shape[1])
    return Scores(path, weights=vectors.reshape(shape), offsets=np.zeros(len(vectors), np.float32))


def _length(path: str, position: tuple[int, int] | None) -> Scores:
    """Return the length of the activation vectors, at a position or of all together."""

    def measure(activation: Any) -> tf.Tensor:
        whole = to_positions(activation)
        part = whole if position is None else whole[:, position[0], position[1]]
        return tf.norm(tf.reshape(part, (tf.shape(part)[0], -1)), axis=1)

    def slope(activation: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(activation)
            length = measure(activation)
        found = tape.gradient(length, activation)
        return tf.where(tf.math.is_finite(found), found, 0)  # a vector of zeros has no direction

    return Scores(path, measure, slope)


def _check_width(model: Model, path: str, width: int) -> None:
    channels = model.layers[path][-1]
    if channels not in (None, width):
        raise ValueError(f"the directions have {width} channels, their layer {path!r} has {channels}")
