"""What a trace of the network tells of its layers before anything is run: shapes, and where gradients end."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tf_interp.models import Model

_SIDE = 224  # pixels, where the network leaves the size open and nobody says one


@dataclasses.dataclass(frozen=True)
class DeadEnd:
    """Where gradients of a layer end.

    Args:
        drawing: why no picture can be drawn for it, or None.
        attribution: why no decision can be attributed to it, or None.
    """

    drawing: str | None
    attribution: str | None


def trace_shapes(model: Model, layers: Sequence[str], side: int | None = None) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of layers without the batch axis, for pictures of one size where the network leaves it open.

    Args:
        model: the network.
        layers: paths.
        side: pixels of a side.
    """
    shapes = {path: model.layers[path] for path in layers}
    spec = _spec(model, side)
    if spec is None or all(None not in shape for shape in shapes.values()):
        return shapes
    tensors = _trace(spec, lambda images: model.run(images, layers))
    return {path: tuple(tensors[path].shape[1:]) for path in layers}


def find_dead_ends(model: Model, layers: Sequence[str], side: int | None = None) -> dict[str, DeadEnd]:
    """Return where the gradients of some layers end; nothing for a network that takes no single picture.

    Args:
        model: the network.
        layers: paths, a few: each needs the graph of its gradients.
        side: pixels of a side, where the network leaves that open.
    """
    spec, output = _spec(model, side), model.head().path
    if spec is None or not layers:
        return {}
    found: dict[str, DeadEnd] = {}

    def trace(images: tf.Tensor) -> None:
        got = model.run(images, [*layers, output])
        for layer in layers:
            drawing = _explain(got[layer], images, "the picture from it")
            found[layer] = DeadEnd(drawing, _explain(got[output], got[layer], "it from the output"))

    _trace(spec, trace)
    return found


def _spec(model: Model, side: int | None) -> tf.TensorSpec | None:
    """Return what one batch of pictures is, or None where the network takes something else."""
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) not in (2, 3):
        return None
    sizes = [size or (side or _SIDE if axis < 2 else 3) for axis, size in enumerate(shape)]
    return tf.TensorSpec([model.fixed_batch or 1, *sizes], tf.float32)


def _trace(spec: tf.TensorSpec, build: Callable[[tf.Tensor], Any]) -> Any:
    """Return what a function builds, in a graph that is never run."""
    results = []
    with_result = tf.function(lambda images: results.append(build(images)), autograph=False)
    with_result.get_concrete_function(spec)
    return results[-1]


def _explain(value: Any, source: Any, what: str) -> str | None:
    """Return why no gradient of a tensor reaches another, or None."""
    if not value.dtype.is_floating:
        return f"its values are {value.dtype.name}, through which no gradient passes"
    try:
        reached = tf.gradients(tf.reduce_sum(tf.cast(value, tf.float32)), source)[0]
    except LookupError as error:  # an operation that has none
        return f"no gradient reaches {what}: {str(error).splitlines()[0]}"
    return None if reached is not None else f"no gradient reaches {what}"
