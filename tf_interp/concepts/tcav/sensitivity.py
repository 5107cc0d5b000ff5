"""How targets change with layers: one backward pass for all layers and class targets."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tf_interp.capture import pool
from tf_interp.models import Model
from tf_interp.models.batches import call_compiled, in_batches

_FLOAT16_SCALE = 1024.0  # small gradients vanish in float16; a power of two changes nothing else


@dataclasses.dataclass(frozen=True, eq=False)
class Sensitivity:
    """How a target's logit changes with each layer, on the target's images.

    Args:
        gradients: layer -> float32 [q,d], gradient of the logit; summed over positions under "mean" pooling, so that
            `gradients @ delta` is the first-order change when every position moves by `delta`.
        predicted: share of the images that the network gives to this class; None where the target is a function.
    """

    gradients: dict[str, tf.Tensor]
    predicted: float | None


def sensitivities(
    model: Model,
    layers: Sequence[str],
    targets: Sequence[tuple[int | Callable[[tf.Tensor], tf.Tensor], np.ndarray]],
    pooling: str,
    batch_size: int,
) -> list[Sensitivity]:
    """Return the gradients of each target on its images, one backward pass for all layers and class targets.

    Args:
        model: the network.
        layers: paths of layers.
        targets: `(class index or function outputs -> [N], images)`.
        pooling: "mean" over positions (all axes but the first and the last), or "flat".
        batch_size: images at a time.

    Returns:
        A `Sensitivity` per target, in order.

    Raises:
        ValueError: if the target does not depend on a layer.
    """
    found: list[Sensitivity | None] = [None] * len(targets)
    classes = [number for number, (target, _) in enumerate(targets) if not callable(target)]
    jobs = ([classes] if classes else []) + [[number] for number in range(len(targets)) if number not in classes]
    for job in jobs:
        first = targets[job[0]][0]
        score = first if callable(first) else None
        blocks = [targets[number][1] for number in job]
        sizes = [len(block) for block in blocks]
        step = _sensitivity_step(model, tuple(layers), score, pooling)
        classes_of = [0 if callable(targets[number][0]) else targets[number][0] for number in job]
        indices = [np.full(size, index, np.int32) for size, index in zip(sizes, classes_of, strict=True)]
        parts = [*in_batches(model, "concept gradients", [blocks, indices], batch_size, step)]
        ends = np.cumsum(sizes)[:-1]
        joined = {layer: np.split(np.concatenate([part[0][layer] for part in parts]), ends) for layer in layers}
        correct = np.split(np.concatenate([part[1] for part in parts]), ends)
        for place, number in enumerate(job):
            own = {layer: tf.constant(joined[layer][place]) for layer in layers}
            found[number] = Sensitivity(own, None if _is_free(score) else float(correct[place].mean()))
    return [item for item in found if item is not None]


def goes_otherwise(
    concept: tf.Tensor, contrast: tf.Tensor, score: int | Callable[[tf.Tensor], tf.Tensor], displacement: float | None
) -> bool:
    """Return whether the target really moves against the displacement, from images without to those with the concept.

    The displacement speaks of the target's images, to first order, and with "mean" pooling as if the concept were
    everywhere. Pairs show what the network does, so a clear contradiction can be told.

    Args:
        concept: [n,classes], outputs for the images with the concept.
        contrast: [n,classes], outputs for the same images without it.
        score: class index, or a function outputs -> [n].
        displacement: first-order change of the target.

    Returns:
        True if the mean change has the other sign and is more than three standard errors from 0.
    """
    number = 0 if callable(score) else score
    function = score if callable(score) else None
    index = tf.fill(tf.shape(concept)[:1], number)
    moved = (_score(concept, index, function) - _score(contrast, index, function)).numpy()
    error = moved.std(ddof=1) / np.sqrt(len(moved))
    return displacement is not None and bool(moved.mean() * displacement < 0 and abs(moved.mean()) > 3 * error)


def first_of_two(outputs: tf.Tensor) -> tf.Tensor:
    """Return the evidence for class 0 of a network that has one logit for two classes: minus that for class 1."""
    return -tf.reshape(outputs, [-1])


def _is_free(score: Callable | None) -> bool:
    """Return whether a target is a function of which no class can be said."""
    return score is not None and score is not first_of_two


def _sensitivity_step(model: Model, layers: tuple[str, ...], score: Callable | None, pooling: str) -> Callable:
    """Return the compiled function `(images [b,...], class [b]) -> (layer -> [b,d], whether it is predicted [b])`."""

    def step(images, index):
        with tf.GradientTape(persistent=True) as tape:
            if images.dtype.is_floating:
                tape.watch(images)
            got = model.run(images, [*layers, "output"])
            value = _score(got["output"], index, score)
        scale = max(_scale(got[name]) for name in layers)
        seed = tf.fill(tf.shape(value), tf.cast(scale, value.dtype))
        gradients = dict(zip(layers, tape.gradient(value, [got[name] for name in layers], seed), strict=True))
        for name in [name for name, gradient in gradients.items() if gradient is None]:
            # Nothing before this layer could be differentiated (integer inputs, say): start from the layer itself.
            with tf.GradientTape() as own:
                own.watch(got[name])
                value = _score(model.run(images, ["output"], {name: got[name]})["output"], index, score)
            gradients[name] = own.gradient(value, got[name], seed)
            if gradients[name] is None:
                raise ValueError(f"the target does not depend on layer {name!r}, so its concepts cannot be tested")
        pooled = {name: pool(gradients[name], pooling, tf.reduce_sum) / scale for name in layers}
        return pooled, _is_predicted(got["output"], index, value)

    return functools.partial(call_compiled, model, ("concepts.sensitivities", layers, score, pooling), step)


def _is_predicted(output: tf.Tensor, index: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Return whether the network decides for the target, bool [b]; one logit decides by its sign."""
    if output.shape.rank == 2 and output.shape[-1] != 1:
        return tf.argmax(output, -1, tf.int32) == index
    return value > 0


def _score(output: tf.Tensor, index: tf.Tensor, score: Callable | None) -> tf.Tensor:
    """Return the target's value for each image, [b]."""
    if score is None:
        if output.shape.rank == 1:
            return output
        if output.shape.rank != 2:
            raise ValueError(
                f"the model's output has shape {output.shape}, a class index needs [N, classes]: "
                "give a function outputs -> [N] as target"
            )
        return tf.gather(output, index, axis=1, batch_dims=1)
    value = tf.convert_to_tensor(score(output))
    if value.shape.rank != 1:
        raise ValueError(f"a target function must return one number for each image, shape [N], got {value.shape}")
    return value


def _scale(activation: tf.Tensor) -> float:
    return _FLOAT16_SCALE if activation.dtype == tf.float16 else 1.0
