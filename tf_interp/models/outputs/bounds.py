"""Between which bounds the numbers of a tensor must lie, whatever the weights are, by the operations that make it."""

import math
from collections.abc import Callable

import tensorflow as tf

_FREE = (-math.inf, math.inf)
_DEEPEST = 32  # operations; what bounds an output stands near its end
_Bounds = tuple[float, float]
_SAME = (
    "Identity", "IdentityN", "Cast", "EnsureShape", "StopGradient", "Reshape", "Squeeze", "ExpandDims", "Transpose",
    "StridedSlice", "Mean", "Max", "Min", "MaxPool", "AvgPool", "GatherV2", "Tile", "ResizeBilinear",
    "ResizeNearestNeighbor",
)  # fmt: skip
_FIXED: dict[str, _Bounds] = {
    "Sigmoid": (0, 1), "Softmax": (0, 1), "Tanh": (-1, 1), "Erf": (-1, 1), "Softsign": (-1, 1), "Relu6": (0, 6),
    "Exp": (0, math.inf), "Softplus": (0, math.inf), "Square": (0, math.inf), "Abs": (0, math.inf),
    "Sin": (-1, 1), "Cos": (-1, 1), "LogSoftmax": (-math.inf, 0),
}  # fmt: skip


def find_bounds(tensor: tf.Tensor) -> tuple[float, float]:
    """Return the lowest and the highest number that a tensor can hold, as far as its operations say.

    Interval arithmetic: each operation turns the bounds of what it takes into those of what it gives. What is not known
    is free.

    Args:
        tensor: in the current graph.
    """
    return _find(tensor, _DEEPEST, {})


def _find(tensor: tf.Tensor, depth: int, known: dict[int, _Bounds]) -> _Bounds:
    if id(tensor) not in known:
        known[id(tensor)] = _read(tensor, lambda item: _find(item, depth - 1, known)) if depth else _FREE
    return known[id(tensor)]


def _read(tensor: tf.Tensor, look: Callable[[tf.Tensor], _Bounds]) -> _Bounds:
    kind, inputs = tensor.op.type, list(tensor.op.inputs)
    if kind == "Const":
        value = tf.get_static_value(tensor)
        return (float(value.min()), float(value.max())) if value.size and value.dtype.kind in "fiu" else _FREE
    if kind in _FIXED:
        return _FIXED[kind]
    if kind in _SAME:
        return look(inputs[tensor.value_index if kind == "IdentityN" else 0])
    if kind in ("ConcatV2", "Pack"):
        parts = [look(item) for item in (inputs if kind == "Pack" else inputs[:-1])]
        return min(low for low, _ in parts), max(high for _, high in parts)
    if kind in ("Relu", "Neg"):
        low, high = look(inputs[0])
        return (max(low, 0), max(high, 0)) if kind == "Relu" else (-high, -low)
    if kind in ("Add", "AddV2", "AddN", "BiasAdd", "Sub"):
        parts = [look(item) for item in inputs]
        parts = [parts[0], (-parts[1][1], -parts[1][0])] if kind == "Sub" else parts
        return sum(low for low, _ in parts), sum(high for _, high in parts)
    if kind in ("Mul", "RealDiv"):
        first, second = (look(item) for item in inputs)
        if kind == "RealDiv":
            second = (1 / second[1], 1 / second[0]) if second[0] > 0 or second[1] < 0 else _FREE
        products = [0.0 if 0 in (a, b) else a * b for a in first for b in second]  # no number is infinite itself
        return min(products), max(products)
    if kind in ("Maximum", "Minimum", "ClipByValue"):
        low, high = look(inputs[0])
        if kind != "Minimum":
            floor = look(inputs[1])
            low, high = max(low, floor[0]), max(high, floor[1])
        if kind != "Maximum":
            ceiling = look(inputs[-1])
            low, high = min(low, ceiling[0]), min(high, ceiling[1])
        return low, high
    return _FREE
