"""Whether an end that was undone is what it was taken for: computed once, from numbers put in the logits' place."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.models.outputs.ends.operations import SHAPING, is_same, strip

_ROWS, _SIDE = 6, 3  # of a side that is not known: of the batch, of any other
_SPREAD = 3.0  # of the logits that are put in: probabilities from nearly 0 to nearly 1
_MOST = 400  # operations of an end
_NEAR = 2e-3  # what clipping for safety, and small numbers under a logarithm, may change
_NEAR_IN_HALVES = 2e-2


class _Foreign(Exception):
    """An end is made of more than the logits that were found behind it."""


def compute_end(
    output: tf.Tensor, wanted: Sequence[tf.Tensor], sources: Sequence[tf.Tensor]
) -> list[np.ndarray] | None:
    """Return what an end makes of random numbers, or None if it cannot be computed by itself.

    Args:
        output: what a network returns.
        wanted: further tensors of the end, such as the logits.
        sources: the tensors in whose place numbers are put; all that the end is made of.

    Returns:
        Numbers of `output` and of each of `wanted`; None where an operation of the end cannot be run alone.

    Raises:
        ValueError: if the end is made of other tensors too, so that `sources` do not say what it gives.
    """
    try:
        part, shapes, alike = _cut_out([output, *wanted], sources)
    except _Foreign as error:
        raise ValueError(str(error)) from None
    rng = np.random.default_rng(0)
    try:
        given = {item.name: rng.normal(0, _SPREAD, _fill(item.shape)).astype(np.float32) for item in sources}

        def whole(*numbers: tf.Tensor) -> list[tf.Tensor]:
            known = {item.name: tf.cast(value, item.dtype) for item, value in zip(sources, numbers, strict=True)}
            known |= {name: known[source] for name, source in alike.items()}
            known |= {name: tf.constant(shape, dtype) for name, (shape, dtype) in shapes.items()}
            asked = [item.name for item in (output, *wanted)]
            used = {f"{name}:{place}" for node in part.node for name, place in map(_split, node.input)}
            found = [item for item in asked if item not in known]
            inner = {name: value for name, value in known.items() if name in used}
            made = tf.graph_util.import_graph_def(part, inner, found, name="end")
            results = known | dict(zip(found, made, strict=True))
            return [tf.cast(results[name], tf.float32) for name in asked]

        def run() -> list[np.ndarray]:
            with tf.device("CPU:0"):
                specs = [tf.TensorSpec(value.shape) for value in given.values()]
                function = tf.compat.v1.wrap_function(whole, specs)
                return [value.numpy() for value in function(*map(tf.constant, given.values()))]

        with ThreadPoolExecutor(1) as aside:  # in a thread of its own no graph is being built
            return aside.submit(run).result()
    except (ValueError, TypeError, KeyError, tf.errors.OpError):
        return None


def is_true(output: tf.Tensor, found: Any) -> bool:
    """Return whether an output is what follows from the logits found behind it, as far as it can be computed alone.

    Args:
        output: what a network returns.
        found: what it was taken for, a `Logits`.
    """
    if strip(output).op.type in ("Softmax", "LogSoftmax", "Sigmoid"):
        return True
    try:
        numbers = compute_end(output, [found.tensor], [*{item.ref(): item for item in found.sources}.values()])
    except ValueError:
        return False
    return numbers is None or found.kind == "softmaxes" or agrees(numbers, found, output.dtype)


def agrees(numbers: Sequence[np.ndarray], found: Any, dtype: tf.DType) -> bool:
    """Return whether what an end gives is what follows from the logits.

    Args:
        numbers: what the end gives, and the logits.
        found: what the end was taken for, a `Logits`.
        dtype: of the output.
    """
    got, logits = (np.asarray(item, np.float64) for item in numbers)
    if got.shape != logits.shape or not np.isfinite(got).all():
        return False
    with np.errstate(over="ignore"):
        got = 1 / (1 + np.exp(-got)) if found.odds else np.exp(got) if found.log else got
    if found.hard:
        rows, columns = (item.reshape(-1, item.shape[-1] if item.ndim > 1 else 1) for item in (got, logits))
        ordered = np.take_along_axis(rows, columns.argsort(0), 0)
        sides = ((rows > 0.5) == (columns > 0)) | (np.abs(columns) < 0.01)  # rounding puts those on either side
        return bool((np.diff(ordered, axis=0) >= -1e-6).all() and sides.all() and rows.min() >= 0 and rows.max() <= 1)
    if found.kind == "sigmoid":
        expected = 1 / (1 + np.exp(-logits))
    else:
        expected = np.exp(logits - logits.max(-1, keepdims=True))
        expected /= expected.sum(-1, keepdims=True)
    expected = expected if found.clipped is None else expected.clip(*found.clipped)
    return bool(np.abs(got - expected).max() <= (_NEAR_IN_HALVES if dtype.size < 4 else _NEAR))


def _cut_out(
    ends: Sequence[tf.Tensor], sources: Sequence[tf.Tensor]
) -> tuple[tf.compat.v1.GraphDef, dict[str, tuple[list[int], tf.DType]], dict[str, str]]:
    """Return the operations between tensors, what shapes they ask of others, and what is computed as a source is."""
    part, shapes, alike, seen = tf.compat.v1.GraphDef(), {}, {}, set()
    stops = {item.ref() for item in sources}
    stack = [*ends]
    while stack:
        tensor = stack.pop()
        operation = tensor.op
        if tensor.ref() in stops or operation in seen:
            continue
        same = next((item for item in sources if _repeats(tensor, item)), None)
        if same is not None:
            alike[tensor.name] = same.name
            stops.add(tensor.ref())
            continue
        seen.add(operation)
        inputs = list(operation.inputs)
        if operation.type == "Shape" and not _is_before(inputs[0], stops):
            shapes[operation.outputs[0].name] = (_fill(inputs[0].shape), operation.outputs[0].dtype)
            continue
        if (not inputs and operation.type != "Const") or len(seen) > _MOST:
            raise _Foreign(f"it is made of {operation.name!r} too, which the logits do not say")
        node = part.node.add()
        node.CopyFrom(operation.node_def)
        del node.input[:]
        node.input.extend(item.name for item in inputs)  # none that are only waited for
        node.attr.pop("_class", None)
        stack += inputs
    return part, shapes, alike


def _repeats(tensor: tf.Tensor, source: tf.Tensor) -> bool:
    """Return whether a tensor is computed once more as another was."""
    alike = tensor.op.type == source.op.type and tensor.dtype == source.dtype and tensor.op.type not in SHAPING
    return alike and tensor.shape.is_compatible_with(source.shape) and is_same(tensor, source)


def _is_before(tensor: tf.Tensor, stops: set) -> bool:
    """Return whether a tensor is made of nothing but constants and some tensors."""
    stack, seen = [tensor], set()
    while stack:
        item = stack.pop()
        if item.ref() in stops or item.ref() in seen:
            continue
        seen.add(item.ref())
        if (not item.op.inputs and item.op.type != "Const") or len(seen) > _MOST:
            return False
        stack += item.op.inputs
    return True


def _fill(shape: tf.TensorShape) -> list[int]:
    """Return a shape with numbers for the sides that are not known."""
    if shape.rank is None:
        raise ValueError("a tensor of unknown rank")
    return [side or (_SIDE if place else _ROWS) for place, side in enumerate(shape)]


def _split(name: str) -> tuple[str, str]:
    operation, _, place = name.partition(":")
    return operation, place or "0"
