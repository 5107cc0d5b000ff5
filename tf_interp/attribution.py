"""`attribute`: what pushed a decision, by pixel, position, channel, or along any `Directions`."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.directions import Directions, to_positions
from tf_interp.models import Model, Target
from tf_interp.models.batches import call_compiled, count_rows, in_batches, take_inputs
from tf_interp.models.loss_scale import differentiate
from tf_interp.models.outputs.targets import weigh
from tf_interp.probe import Probe

METHODS = ("gradient", "gradient_x_input", "integrated_gradients")
TargetLike = int | str | Target | Sequence[int | str | Target] | Callable[[tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True, eq=False)
class Attribution:
    """What each part of an image, or of a layer, contributed to a score.

    Args:
        values: float32 [N,H,W,C] for the input, [N,h,w,C] for a layer, [N,K] along K directions; in units of the score.
        layer: path of the layer, None for the input.
        method: one of `METHODS`.
        scores: float32 [N]: the target's logit, or what the callable target returned.
        totals: float32 [N]: sum of the attribution over the whole input or layer.
        residual: float32 [N]: what the directions leave out, so that `values.sum(-1) + residual` is `totals`; None
            without directions, and for "gradient", which has no total to divide.
        names: names of the directions, or None.
        notes: sentences on what a person should know, such as that a gradient is zero.
    """

    values: np.ndarray
    layer: str | None
    method: str
    scores: np.ndarray
    totals: np.ndarray
    residual: np.ndarray | None = None
    names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def positions(self) -> np.ndarray:
        """Return the sum over channels at each position.

        Returns:
            float32 array [N,h,w].

        Raises:
            ValueError: if the values are along directions: those have no positions.
        """
        if self.values.ndim != 4:
            raise ValueError(
                f"an attribution along {len(self.names or ())} directions has one number per image and direction, "
                "no positions: call attribute without along"
            )
        return self.values.sum(-1)


def attribute(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    target: TargetLike,
    *,
    layer: str | None = None,
    along: Directions | None = None,
    method: str = "gradient_x_input",
    steps: int = 32,
    batch_size: int = 32,
) -> Attribution:
    """Attribute a score to the pixels of images, to the neurons of a layer, or to directions in a layer.

    With a the images or the layer's activation and g the gradient of the score with respect to it, the values are

    * "gradient": g;
    * "gradient_x_input": a * g, the linear approximation;
    * "integrated_gradients": a * (mean of g at `steps` midpoints of the straight line from 0 to a). Their sum comes
      close to score(a) - score(0); 0 is a black image, or a layer that is silent.

    With `along`, the activation at each position is written as a sum of directions and a rest; each direction's part is
    multiplied with the gradient and summed over positions:

    * Neuron groups, on images that they were found on: the sum is the groups' own, `weights @ vectors`.
    * Other directions: the sum is the one that comes closest to the activation (least squares; of several the one with
      the smallest weights). One-hot directions give exactly the channels' attribution; for a single direction v it is
      (a.v)(v.g)/(v.v), whatever the length of v; equal directions share.
    * "gradient" needs no such sum: each value is v.g, summed over positions.

    Args:
        model: the network.
        images: a probe, or float32 [N,H,W,C] in [0,1]; for a network with several inputs a dict of arrays [N,...], and
            then a layer is needed.
        target: the score: a class index or class name (its logit; see `Model.target`), a sequence of one of these per
            image, or a callable from logits [n,classes] to scores [n], e.g. `lambda y: y[:, 3] - y[:, 5]`, which is
            called for n images at a time, and must not mix them.
        layer: name of a layer, None for the input.
        along: directions in that layer, which may then be left out.
        method: one of `METHODS`.
        steps: points on the path of "integrated_gradients".
        batch_size: images at a time; changes nothing but memory and speed.

    Returns:
        The attribution.

    Raises:
        TypeError: if the model was not opened.
        ValueError: if a layer, class or method does not exist, or shapes do not match; if the score does not depend on
            the layer at all, or a gradient is not finite.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> layers = [keras.layers.Conv2D(5, 3, name="conv"), keras.layers.Flatten(), keras.layers.Dense(2)]
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), *layers]))
        >>> attribute(model, np.ones((4, 8, 8, 3)), 1, layer="conv").positions().shape
        (4, 6, 6)

    Source:
        Olah et al., The Building Blocks of Interpretability, 2018, "What Does the Network See?"; Sundararajan et al.,
        Axiomatic Attribution for Deep Networks, 2017.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {list(METHODS)}, got {method!r}")
    if steps < 1 or batch_size < 1:
        raise ValueError(f"steps and batch_size must be at least 1, got {steps} and {batch_size}")
    array = take_inputs(model, images, "attribute")
    count = count_rows(array)
    path = _resolve_layer(model, layer, along)
    if path is None and isinstance(array, Mapping):
        raise ValueError(f"the network has {len(array)} inputs, {list(array)}: name a layer to attribute the score to")
    wanted = _resolve_target(model, target, count)
    split = None if along is None else _split(model, along, array, method)
    integrated = method == "integrated_gradients"
    parts = [(step + 0.5) / steps for step in range(steps)] if integrated else [1.0]
    where = "the input" if path is None else f"layer {path!r}"

    def work(batch: Any, rows: np.ndarray) -> tuple:
        batch, sought = tf.nest.map_structure(tf.constant, batch), wanted.of(rows)
        point = batch if path is None else tf.cast(model.run(batch, [path])[path], tf.float32)
        gradient = tf.zeros_like(point)
        for part in parts:
            logits, slope = _gradient(model, path, batch, point * part, sought, where)
            gradient += slope / len(parts)
        logits = _logits(model, sought.output, path, batch, point) if integrated else logits
        point, gradient = to_positions(point), to_positions(gradient)
        effect = gradient if method == "gradient" else point * gradient
        if not bool(tf.reduce_all(tf.math.is_finite(effect))):
            raise ValueError(f"the attribution to {where} holds NaN or infinite values: has the training diverged?")
        return (
            effect if split is None else split(point, gradient, rows),
            sought.score(logits),
            tf.reduce_sum(effect, axis=(1, 2, 3)),
            tf.reduce_all(gradient == 0, axis=(1, 2, 3)),
        )

    found = in_batches(model, "attribution", [array, np.arange(count)], batch_size, work)
    joined, scores, total, silent = (np.concatenate(items) for items in zip(*found, strict=True))
    note = (
        f"the gradient at {where} is zero for {silent.sum()} of {count} images: a dead or saturated unit lies between "
        "it and the score"
    )
    return Attribution(
        joined,
        path,
        method,
        scores,
        total,
        None if along is None or method == "gradient" else total - joined.sum(-1),
        None if along is None else tuple(along.names),
        (*wanted.notes, *((note,) if silent.any() else ())),
    )


def _resolve_layer(model: Model, layer: str | None, along: Directions | None) -> str | None:
    path = None if layer is None else model.resolve(layer, channels=True)
    if along is None:
        return path
    if not isinstance(along, Directions):
        raise TypeError(f"along must be Directions (groups, channels, concept vectors), got {type(along).__name__}")
    home = model.resolve(along.layer, channels=True)
    if path not in (None, home):
        raise ValueError(f"the directions belong to layer {home!r}, not to {path!r}")
    return home


@dataclasses.dataclass(frozen=True, eq=False)
class _Scores:
    """What is attributed for each of N images: a function of the logits, or weights [N,K] of them and an offset [N]."""

    output: str
    function: Target | None
    weights: np.ndarray
    offsets: np.ndarray
    notes: tuple[str, ...]

    def of(self, rows: np.ndarray) -> "_Scores":
        """Return the same for some of the images."""
        if self.function is not None:
            return self
        return dataclasses.replace(self, weights=self.weights[rows], offsets=self.offsets[rows])

    def score(self, logits: tf.Tensor) -> tf.Tensor:
        """Return the scores [n] of logits [n,K]."""
        if self.function is not None:
            return self.function.score(logits)
        return weigh(logits, self.weights) + tf.cast(self.offsets, logits.dtype)


def _resolve_target(model: Model, target: Any, count: int) -> _Scores:
    """Return what is attributed for each of `count` images."""
    several = isinstance(target, list | tuple) or (isinstance(target, np.ndarray) and target.ndim > 0)
    asked = list(target) if several else [target]
    if several and len(asked) != count:
        raise ValueError(f"{count} images need one target for all or one for each, got {len(asked)}")
    found = [model.target(item) for item in asked]
    if several and any(item.function is not None for item in found):
        raise TypeError("one callable target serves all images; a sequence holds class indices or names")
    outputs = {item.output for item in found}
    if len(outputs) > 1:
        raise ValueError(f"the targets of one call must be of one output, got some of {sorted(outputs)}")
    notes = tuple(dict.fromkeys(note for item in found for note in (item.note, item.head.caution) if note))
    if found[0].function is not None:
        return _Scores(found[0].output, found[0], np.zeros((0, 0)), np.zeros(0), notes)
    weights = np.stack([item.weights for item in found])
    offsets = np.array([item.head.offset(item.index or 0) for item in found], np.float32)
    weights, offsets = (np.broadcast_to(item, (count, *item.shape[1:])) for item in (weights, offsets))
    return _Scores(found[0].output, None, weights, offsets, notes)


def _logits(model: Model, output: str, path: str | None, images: Any, point: tf.Tensor) -> tf.Tensor:
    """Return the logits for an activation `point` of a layer on images, or for `point` as the images."""
    if path is None:
        return model.run(point, [output])[output]
    return model.run(images, [output], {path: point})[output]


def _gradient(
    model: Model,
    path: str | None,
    images: Any,
    point: tf.Tensor,
    target: _Scores,
    where: str,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the logits for an activation `point`, and the score's gradient there."""
    if target.function:
        weights = target.function.slope(_logits(model, target.output, path, images, point))
    else:
        weights = tf.constant(target.weights)

    def derive(images, point, weights):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(point)
            logits = _logits(model, target.output, path, images, point)
        seed = tf.reshape(weights, tf.shape(logits))
        (gradient,) = differentiate(
            model, lambda scale: [tape.gradient(logits, point, seed if scale == 1 else scale * seed)]
        )
        return logits, gradient

    key = ("attribution", target.output, path)
    logits, gradient = call_compiled(model, key, derive, images, point, weights)
    if gradient is None:
        raise ValueError(
            f"the score does not depend on {where}, or only through operations without a gradient (rounding, argmax, "
            "integer types): choose another layer"
        )
    return logits, gradient


def _split(model: Model, along: Directions, images: Any, method: str) -> Callable:
    """Return a function from activation, gradient and rows of the images to their attribution along directions."""
    vectors = along.vectors
    channels = model.layers[model.resolve(along.layer)][-1]
    if channels not in (None, vectors.shape[1]):
        raise ValueError(f"the directions have {vectors.shape[1]} channels, their layer has {channels}")
    known = along.weights_for(images)
    inverse = _pseudo_inverse(vectors)

    def split(point, gradient, rows):
        slopes = tf.einsum("nhwc,kc->nhwk", gradient, vectors)
        if method == "gradient":
            return tf.reduce_sum(slopes, axis=(1, 2))
        weights = tf.einsum("nhwc,ck->nhwk", point, inverse) if known is None else known[rows]
        return tf.reduce_sum(weights * slopes, axis=(1, 2))

    return split


def _pseudo_inverse(vectors: np.ndarray) -> np.ndarray:
    """Return the pseudo-inverse [C,K] of [K,C], exactly where rows are orthogonal."""
    wide = vectors.astype(np.float64)
    gram = wide @ wide.T
    lengths = np.diag(gram)
    if np.array_equal(gram, np.diag(lengths)) and (lengths > 0).all():
        return (wide / lengths[:, None]).T.astype(np.float32)
    return np.linalg.pinv(wide, rcond=1e-6).astype(np.float32)
