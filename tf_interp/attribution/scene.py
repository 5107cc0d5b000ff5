"""`Scene`: one batch, the point that is attributed to, and what methods may ask of the network there."""

import contextlib
import dataclasses
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_interp.attribution.scores import Scores
from tf_interp.models import Model
from tf_interp.models.batches import call_compiled
from tf_interp.models.layout import to_float
from tf_interp.models.loss_scale import differentiate


class Replacement(NamedTuple):
    """Other gradients than the network's own.

    Args:
        gradients: (type of an operation, name of a registered gradient) pairs.
        key: tells this replacement from others.
        prepare: called with the network's output and what it is derived by, before gradients are built; or None.
    """

    gradients: tuple[tuple[str, str], ...]
    key: Hashable
    prepare: Callable[[Any, Any], None] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """What a method sees of one batch of n images.

    Args:
        model: the network, as it is run: folded, or not.
        path: the layer that is attributed to; None for the input.
        input: which of several inputs is attributed to, where that is no layer.
        images: tensor [n,H,W,C], or a dict of them.
        point: the images, or the layer's activation: float32 [n,...].
        scores: what is attributed.
        rows: int array [n]: which of all images these are, for seeds that do not depend on batches.
        weights: what it is run with, see `Model.run`.
        replaced: other gradients, or None.
        known: what was computed for the point already.
    """

    model: Model
    path: str | None
    input: str | None
    images: Any
    point: tf.Tensor
    scores: Scores
    rows: Any
    weights: Any
    replaced: Replacement | None = None
    known: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def where(self) -> str:
        """What is attributed to, in words."""
        return name_place(self.path, self.input)

    def replacing(self, replaced: Replacement) -> "Scene":
        """Return the same scene with other gradients."""
        if self.replaced is not None:
            raise ValueError("a method that has gradients of its own takes neither relu= nor pooling=")
        return dataclasses.replace(self, replaced=replaced)  # `known` is shared

    def activation(self, path: str, images: Any = None) -> tf.Tensor:
        """Return the activation of a layer on the images, or on others, float32 [n,...]."""
        images = self.images if images is None else images
        return to_float(self.model.run(images, [path], weights=self.weights)[path])

    def score(self, point: tf.Tensor) -> tf.Tensor:
        """Return the scores [n] for another point."""
        if point is not self.point:
            return self.scores.score(self._output(point))
        if "score" not in self.known:
            self.known["score"] = self.scores.score(self._output(point))
        return self.known["score"]

    def seed(self, point: tf.Tensor) -> tf.Tensor:
        """Return the gradient of the scores with respect to what they are computed from, for another point."""
        slope = self.scores.slope
        return tf.constant(self.scores.weights, tf.float32) if slope is None else slope(self._output(point))

    def gradient(self, point: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the scores [n] for another point, and their gradient there, like the point.

        Raises:
            ValueError: if the score does not depend on it.
        """
        scores, place, output = self.scores, (self.path, self.input), self.scores.output
        seed = self.seed(point)
        model, replaced = self.model, self.replaced or Replacement((), None)
        wanted = dict(replaced.gradients)

        def derive(images: Any, point: Any, seed: Any, weights: Any) -> tuple[Any, Any]:
            own = contextlib.nullcontext()
            with tf.GradientTape(persistent=True) as tape, model.replacing_gradients(wanted) if wanted else own:
                tape.watch(point)
                found = _run(model, place, output, images, point, weights)
            if replaced.prepare is not None:
                replaced.prepare(found, point)
            seed = fit_seed(seed, found)

            def back(scale: float) -> list[Any]:
                scaled = seed if scale == 1 else scale * seed
                # a tape does not see other gradients
                return tf.gradients(found, [point], [scaled]) if wanted else [tape.gradient(found, point, scaled)]

            (gradient,) = differentiate(model, back)
            return found, gradient

        key = ("attribution", output, *place, replaced.key)
        found, gradient = call_compiled(model, key, derive, self.images, point, seed, fixed=self.weights)
        if gradient is None:
            raise ValueError(
                f"the score does not depend on {self.where}, or only through operations without a gradient (rounding, "
                "argmax, integer types): choose another layer"
            )
        score = scores.score(found)
        if point is self.point:
            self.known["score"] = score
        return score, gradient

    def draw_normal(self, seed: int, sample: int) -> tf.Tensor:
        """Return noise like the point; that of an image does not depend on the batch that it is in."""

        def draw(row: Any) -> tf.Tensor:
            return tf.random.stateless_normal(self.point.shape[1:], tf.stack([seed, row * 65536 + sample]))

        return tf.map_fn(draw, tf.cast(self.rows, tf.int32), fn_output_signature=tf.float32)

    def _output(self, point: tf.Tensor) -> tf.Tensor:
        """Return what the scores are computed from, for a point."""
        place = self.path, self.input
        return _run(self.model, place, self.scores.output, self.images, point, self.weights)


def fit_seed(seed: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Return the gradient of scores in the shape of the output that they are computed from."""
    if seed.shape.rank == output.shape.rank:
        seed = tf.broadcast_to(seed, tf.shape(output))
    return tf.reshape(seed, tf.shape(output))


def name_place(path: str | None, input: str | None) -> str:
    """Return what is attributed to, in words."""
    if path is not None:
        return f"layer {path!r}"
    return "the input" if input is None else f"input {input!r}"


def _run(
    model: Model, place: tuple[str | None, str | None], output: str, images: Any, point: tf.Tensor, weights: Any
) -> tf.Tensor:
    path, input = place
    if path is not None:
        found = model.run(images, [output], {path: point}, weights)
    else:
        found = model.run(point if input is None else {**images, input: point}, [output], {}, weights)
    return tf.cast(found[output], tf.float32)


def open_scene(
    model: Model, path: str | None, input: str | None, batch: Any, rows: Any, scores: Scores, weights: Any
) -> Scene:
    """Return the scene of a batch.

    Args:
        model: the network, as it is run: folded, or not.
        path: the layer that is attributed to, None for the input.
        input: which of several inputs, where that is no layer.
        batch: array [n,H,W,C], or a dict of them.
        rows: int array [n]: which of all images these are.
        scores: what is attributed, for all images.
        weights: what it is run with: of a folded model what `Model.folded_weights` gave for the output of the scores.
    """
    batch = tf.nest.map_structure(tf.constant, batch)
    given = tf.cast(batch if input is None else batch[input], tf.float32) if path is None else None
    scene = Scene(model, path, input, batch, given, scores.of(rows), rows, weights)
    return scene if path is None else dataclasses.replace(scene, point=scene.activation(path))


def check_input(model: Model, array: Any, path: str | None, input: str | None) -> None:
    """Say if there is nothing to attribute to: no layer, and several inputs, or one that has no gradient.

    Args:
        model: the network.
        array: what the network is given.
        path: the layer that is attributed to, or None.
        input: name of an input, or None.

    Raises:
        ValueError: if so.
    """
    if isinstance(array, Mapping) and input is None and path is None:
        raise ValueError(
            f"the network has {len(array)} inputs, {list(array)}: name a layer to attribute the score to, or one of "
            "them as input="
        )
    if input is None and path is not None:
        return
    if input is not None and (path is not None or not isinstance(array, Mapping) or input not in array):
        known = list(array) if isinstance(array, Mapping) else "one without a name"
        raise ValueError(f"input must be one of several inputs, and then no layer is named; got {input!r}, {known}")
    value = array[input] if isinstance(array, Mapping) else array
    kind, specs = value.dtype.kind, model.input_specs or {}
    if value.dtype == np.float64 and any(specs[name].dtype == tf.float64 for name in ([input] if input else specs)):
        moved = np.abs(value - value.astype(np.float32)).max()
        raise ValueError(
            f"{name_place(path, input)} holds numbers of up to {np.abs(value).max():.4g} for a network that computes "
            f"in float64, but is attributed to in float32, which would move them by up to {moved:.2g}: name a layer "
            "behind it, as layer="
        )
    if kind != "f":
        holds = "strings" if kind in "USO" else "whole numbers, such as tokens,"
        what = name_place(path, input)
        raise ValueError(f"{what} holds {holds} and so has no gradient: name a layer behind it, as layer=")
