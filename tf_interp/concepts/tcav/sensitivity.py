"""How targets change with layers: one backward pass for all layers and class targets."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.capture import pool
from tf_interp.models import Model, Target
from tf_interp.models.batches import call_compiled, count_rows, in_batches
from tf_interp.models.batching.padding import find_kept
from tf_interp.models.loss_scale import differentiate


@dataclasses.dataclass(frozen=True, eq=False)
class Sensitivity:
    """How a target's logit changes with each layer, on the target's images.

    Args:
        gradients: layer -> float32 [q,d], gradient of the logit; summed over positions under "mean" pooling, so that
            `gradients @ delta` is the first-order change when every position but padding moves by `delta`.
        predicted: share of the images that the network gives to this class; None where it decides nothing.
    """

    gradients: dict[str, tf.Tensor]
    predicted: float | None


def sensitivities(
    model: Model, layers: Sequence[str], targets: Sequence[tuple[Target, Any]], pooling: str, batch_size: int
) -> list[Sensitivity]:
    """Return the gradients of each target on its images, one backward pass for all layers and classes of an output.

    Args:
        model: the network.
        layers: paths of layers.
        targets: `(target, images)`.
        pooling: "mean" over positions (all axes but the first and the last), or "flat".
        batch_size: images at a time.

    Returns:
        A `Sensitivity` per target, in order.

    Raises:
        ValueError: if the target does not depend on a layer.
    """
    found: dict[int, Sensitivity] = {}
    for job in _join(targets):
        first = targets[job[0]][0]
        blocks = [targets[number][1] for number in job]
        sizes = [count_rows(block) for block in blocks]
        step = _sensitivity_step(model, tuple(layers), first, pooling)
        if first.function is None:
            rows = [np.tile(targets[number][0].weights, (size, 1)) for number, size in zip(job, sizes, strict=True)]
        else:
            rows = [np.zeros((size, 1), np.float32) for size in sizes]
        kept = find_kept(model, blocks, layers) if pooling == "mean" else {}
        parts = [*in_batches(model, "concept gradients", [blocks, rows, kept], batch_size, step)]
        ends = np.cumsum(sizes)[:-1]
        joined = {layer: np.split(np.concatenate([part[0][layer] for part in parts]), ends) for layer in layers}
        outputs = np.split(np.concatenate([part[1] for part in parts]), ends)
        for place, number in enumerate(job):
            decided = targets[number][0].decided(outputs[place])
            share = None if decided is None else float(decided.mean())
            found[number] = Sensitivity({layer: tf.constant(joined[layer][place]) for layer in layers}, share)
    return [found[number] for number in range(len(targets))]


def _join(targets: Sequence[tuple[Target, Any]]) -> list[list[int]]:
    """Return which targets are run together: the classes of one output."""
    jobs: dict[object, list[int]] = {}
    for number, (target, _) in enumerate(targets):
        jobs.setdefault(target.output if target.function is None else number, []).append(number)
    return list(jobs.values())


def goes_otherwise(concept: tf.Tensor, contrast: tf.Tensor, target: Target, displacement: float | None) -> bool:
    """Return whether the target really moves against the displacement, from images without to those with the concept.

    The displacement speaks of the target's images, to first order, and with "mean" pooling as if the concept were
    everywhere. Pairs show what the network does, so a clear contradiction can be told.

    Args:
        concept: [n,classes], outputs for the images with the concept.
        contrast: [n,classes], outputs for the same images without it.
        target: what is asked about.
        displacement: first-order change of the target.

    Returns:
        True if the mean change has the other sign and is more than three standard errors from 0.
    """
    moved = (target.score(concept) - target.score(contrast)).numpy()
    error = moved.std(ddof=1) / np.sqrt(len(moved))
    return displacement is not None and bool(moved.mean() * displacement < 0 and abs(moved.mean()) > 3 * error)


def _sensitivity_step(model: Model, layers: tuple[str, ...], target: Target, pooling: str) -> Callable:
    """Return the function `(images [b,...], weights [b,K]) -> (layer -> [b,d], output [b,K])`, compiled once."""
    output = target.output

    def look(images):
        return model.run(images, [output])[output]

    def step(images, weights, kept):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([value for value in tf.nest.flatten(images) if value.dtype.is_floating])
            got = model.run(images, [*layers, output])

        def derive(own: tf.GradientTape, value: tf.Tensor, names: Sequence[str]) -> dict[str, tf.Tensor | None]:
            sources = [got[name] for name in names]
            slope = tf.reshape(tf.cast(weights, value.dtype), tf.shape(value))

            def scaled(scale: float) -> list:
                return own.gradient(value, sources, scale * slope)

            return dict(zip(names, differentiate(model, scaled), strict=True))

        gradients = derive(tape, got[output], layers)
        for name in [name for name, gradient in gradients.items() if gradient is None]:
            # Nothing before this layer could be differentiated (integer inputs, say): start from the layer itself.
            with tf.GradientTape(persistent=True) as own:
                own.watch(got[name])
                value = model.run(images, [output], {name: got[name]})[output]
            gradients |= derive(own, value, [name])
            if gradients[name] is None:
                raise ValueError(f"the target does not depend on layer {name!r}, so its concepts cannot be tested")
        pooled = {name: pool(gradients[name], pooling, tf.reduce_sum, kept.get(name)) for name in layers}
        return pooled, got[output]

    def work(images, weights, kept):
        if target.function is not None:
            weights = target.slope(call_compiled(model, ("concepts.outputs", output), look, images))
        return call_compiled(model, ("concepts.sensitivities", layers, output, pooling), step, images, weights, kept)

    return work
