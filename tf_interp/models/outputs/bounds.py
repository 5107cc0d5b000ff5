"""Between which bounds the numbers of a tensor must lie, whatever the weights are, by the operations that make it."""

import math
from collections.abc import Callable, Collection

import tensorflow as tf

_FREE = (-math.inf, math.inf)
_DEEPEST = 32  # operations; what bounds an output stands near its end
_Bounds = tuple[float, float]
_SAME = (
    "Identity", "IdentityN", "Cast", "EnsureShape", "StopGradient", "Reshape", "Squeeze", "ExpandDims", "Transpose",
    "StridedSlice", "Mean", "Max", "Min", "MaxPool", "AvgPool", "GatherV2", "Tile", "ResizeBilinear",
    "ResizeNearestNeighbor", "ReverseV2", "Roll", "TopKV2", "Slice", "MirrorPad", "GatherNd", "Unpack", "SplitV",
)  # fmt: skip
_FIXED: dict[str, _Bounds] = {
    "Sigmoid": (0, 1), "Softmax": (0, 1), "Tanh": (-1, 1), "Erf": (-1, 1), "Softsign": (-1, 1), "Relu6": (0, 6),
    "Sin": (-1, 1), "Cos": (-1, 1), "LogSoftmax": (-math.inf, 0),
}  # fmt: skip


_RISING: dict[str, Callable[[float], float]] = {  # functions that never fall: bounds become bounds
    "Exp": lambda x: math.exp(min(x, 700.0)) if x < math.inf else x,
    "Expm1": lambda x: math.expm1(min(x, 700.0)) if x < math.inf else x,
    "Softplus": lambda x: x if x > 30 else math.log1p(math.exp(x)),
    "Sqrt": lambda x: math.sqrt(max(x, 0.0)),
    "Log": lambda x: math.log(x) if x > 0 else -math.inf,
    "Log1p": lambda x: math.log1p(x) if x > -1 else -math.inf,
}


def find_bounds(tensor: tf.Tensor, weights: Collection[str] = ()) -> tuple[float, float]:
    """Return the lowest and the highest number that a tensor can hold, as far as its operations say.

    Interval arithmetic: each operation turns the bounds of what it takes into those of what it gives. What is not known
    is free.

    Args:
        tensor: in the current graph.
        weights: names of the constants that stand for weights, in a network that was saved with their values.
    """
    known: dict[int, _Bounds] = {}

    def find(item: tf.Tensor, depth: int) -> _Bounds:
        if id(item) not in known:
            known[id(item)] = _read(item, lambda other: find(other, depth - 1), weights) if depth else _FREE
        return known[id(item)]

    return find(tensor, _DEEPEST)


def _read(tensor: tf.Tensor, look: Callable[[tf.Tensor], _Bounds], weights: Collection[str]) -> _Bounds:
    kind, inputs = tensor.op.type, list(tensor.op.inputs)
    if kind == "Const" and tensor.op.name in weights:
        return _FREE
    if kind == "Const":
        value = tf.get_static_value(tensor)
        return (float(value.min()), float(value.max())) if value.size and value.dtype.kind in "fiu" else _FREE
    if kind in _FIXED:
        return _FIXED[kind]
    if kind == "TopKV2" and tensor.value_index:  # where they were
        return _FREE
    if kind in _SAME:
        return look(inputs[tensor.value_index if kind == "IdentityN" else 0])
    if kind in _RISING:
        low, high = look(inputs[0])
        return _RISING[kind](low), _RISING[kind](high)
    squared = kind in ("Square", "SquaredDifference") or (kind == "Mul" and inputs[0] is inputs[1])
    if squared or kind == "Abs":
        low, high = look(inputs[0])
        if kind == "SquaredDifference":
            low, high = low - look(inputs[1])[1], high - look(inputs[1])[0]
        sizes = [end * end if squared else abs(end) for end in (low, high)]
        return 0.0 if low < 0 < high else min(sizes), max(sizes)
    if kind in ("Pow", "Prod", "Cumprod", "MatMul", "BatchMatMulV2"):
        root = inputs[1].op if len(inputs) > 1 else tensor.op
        while root.type in ("Identity", "Cast"):
            root = root.inputs[0].op
        return _FREE if root.name in weights else _read_product(tensor.op, look(inputs[0]))
    if kind in ("ConcatV2", "Pack", "Select", "SelectV2", "Pad", "PadV2"):
        some = {"ConcatV2": inputs[:-1], "Pack": inputs, "PadV2": inputs[::2], "Pad": inputs[:1]}  # else both choices
        parts = [look(item) for item in some.get(kind, inputs[1:])] + [(0.0, 0.0)] * (kind == "Pad")
        return min(low for low, _ in parts), max(high for _, high in parts)
    if kind == "Sum":  # of unknown many: only the sign is sure
        low, high = look(inputs[0])
        return (0.0 if low >= 0 else -math.inf), (0.0 if high <= 0 else math.inf)
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


def _raise(x: float, power: float) -> float:
    try:
        return x**power
    except OverflowError:
        return math.inf


def _read_product(operation: tf.Operation, bounds: _Bounds) -> _Bounds:
    """Return the bounds of a power, of a product of many, or of a product with a constant matrix."""
    low, high = bounds
    if operation.type in ("Prod", "Cumprod"):
        return (0.0, 1.0) if low >= 0 and high <= 1 else _FREE
    other = tf.get_static_value(operation.inputs[1])
    if other is None or other.dtype.kind != "f" or other.size == 0:
        return _FREE
    if operation.type == "Pow":
        least, most = float(other.min()), float(other.max())
        if not (other % 2).any():  # the sign plays no part
            low, high = 0.0 if low < 0 < high else min(abs(low), abs(high)), max(abs(low), abs(high))
        if low < 0 or least < 0:
            return _FREE
        corners = [_raise(x, power) for x in (low, high) for power in (least, most)]
        return min(corners), max(corners)
    turned = operation.get_attr("transpose_b" if operation.type == "MatMul" else "adj_y")
    other = other.astype(float).swapaxes(-1, -2) if turned else other.astype(float)
    up, down = other.clip(min=0).sum(-2), other.clip(max=0).sum(-2)  # of each column

    def weigh(first: float, second: float) -> list[float]:
        pairs = zip(up.ravel(), down.ravel(), strict=True)
        return [(a * first if a else 0.0) + (b * second if b else 0.0) for a, b in pairs]

    return min(weigh(low, high)), max(weigh(high, low))
