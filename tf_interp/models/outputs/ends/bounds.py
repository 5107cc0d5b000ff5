"""Between which bounds the numbers of a tensor must lie, whatever the weights are, by the operations that make it."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tf_interp.models.outputs.ends.growth import find_limit
from tf_interp.models.outputs.ends.inner_bounds import (
    CHOICES,
    FREE,
    LOOPS,
    Bounds,
    join_bounds,
    read_choice,
    read_inside,
)
from tf_interp.models.outputs.ends.operations import CALLS
from tf_interp.models.outputs.ends.row_bounds import read_relation

_DEEPEST = 32  # operations; what bounds an output stands near its end
_SAME = (
    "Identity", "IdentityN", "EnsureShape", "StopGradient", "Reshape", "Squeeze", "ExpandDims", "Transpose",
    "StridedSlice", "Mean", "Max", "Min", "MaxPool", "AvgPool", "GatherV2", "Tile", "ResizeBilinear",
    "ResizeNearestNeighbor", "ReverseV2", "Roll", "TopKV2", "Slice", "MirrorPad", "GatherNd", "Unpack", "SplitV",
    "BroadcastTo", "ReverseSequence", "TensorListFromTensor", "TensorListStack", "TensorListGetItem",
)  # fmt: skip
_FIXED: dict[str, Bounds] = {
    "Sigmoid": (0, 1), "Softmax": (0, 1), "Tanh": (-1, 1), "Erf": (-1, 1), "Softsign": (-1, 1), "Relu6": (0, 6),
    "Sin": (-1, 1), "Cos": (-1, 1), "LogSoftmax": (-math.inf, 0), "Sign": (-1, 1), "Atan": (-math.pi / 2, math.pi / 2),
    "Elu": (-1, math.inf), "Selu": (-1.7581, math.inf), "ArgMax": (0, math.inf), "ArgMin": (0, math.inf),
    "Rsqrt": (0, math.inf), "Bucketize": (0, math.inf), "Atan2": (-math.pi, math.pi), "Acos": (0, math.pi),
    "Asin": (-math.pi / 2, math.pi / 2), "Erfc": (0, 2), "Cosh": (1, math.inf), "ZerosLike": (0, 0),
    "OnesLike": (1, 1), "TensorListReserve": (0, 0),
} | dict.fromkeys(
    ("Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual", "LogicalNot", "LogicalAnd", "LogicalOr"),
    (0, 1),
)  # fmt: skip


_RISING: dict[str, Callable[[float], float]] = {  # functions that never fall: bounds become bounds
    "Exp": lambda x: math.exp(min(x, 700.0)) if x < math.inf else x,
    "Expm1": lambda x: math.expm1(min(x, 700.0)) if x < math.inf else x,
    "Softplus": lambda x: x if x > 30 else math.log1p(math.exp(x)),
    "Sqrt": lambda x: math.sqrt(max(x, 0.0)),
    "Log": lambda x: math.log(x) if x > 0 else -math.inf,
    "Log1p": lambda x: math.log1p(x) if x > -1 else -math.inf,
    "Round": lambda x: round(x) if math.isfinite(x) else x,
    "Rint": lambda x: round(x) if math.isfinite(x) else x,
    "Floor": lambda x: math.floor(x) if math.isfinite(x) else x,
    "Ceil": lambda x: math.ceil(x) if math.isfinite(x) else x,
}


def find_bounds(
    tensor: tf.Tensor, weights: Collection[str] = (), shares: Collection[tf.Tensor] = ()
) -> tuple[float, float]:
    """Return the lowest and the highest number that a tensor can hold, as far as its operations say.

    Interval arithmetic: each operation turns the bounds of what it takes into those of what it gives. What is not known
    is free.

    Args:
        tensor: in the current graph.
        weights: names of the constants that stand for weights, in a network that was saved with their values.
        shares: tensors that are taken to lie in [0,1], such as inputs of the network that may be masks.
    """
    return _find_all([tensor], {id(item): (0.0, 1.0) for item in shares}, weights)[0]


def _find_all(tensors: Sequence[tf.Tensor], given: Mapping[int, Bounds], weights: Collection[str]) -> list[Bounds]:
    """Return the bounds of several tensors of a graph, by those of what is given, id of a tensor -> bounds."""
    known = dict(given)

    def find(item: tf.Tensor, depth: int) -> Bounds:
        if id(item) not in known:
            known[id(item)] = _read(item, lambda other: find(other, depth - 1), weights) if depth else FREE
        return known[id(item)]

    return [find(tensor, _DEEPEST) for tensor in tensors]


def _read(tensor: tf.Tensor, look: Callable[[tf.Tensor], Bounds], weights: Collection[str]) -> Bounds:
    kind, inputs = tensor.op.type, list(tensor.op.inputs)
    if kind == "Const" and tensor.op.name in weights:
        return FREE
    if kind == "Const":
        value = tf.get_static_value(tensor)
        return (float(value.min()), float(value.max())) if value.size and value.dtype.kind in "fiu" else FREE
    if kind in _FIXED:
        return _FIXED[kind]
    if kind in (*LOOPS, *CALLS):
        return read_inside(tensor, look, lambda items, known: _find_all(items, known, weights))
    related = read_relation(tensor, look, weights)
    if related is not None:
        return related
    if kind == "TopKV2" and tensor.value_index:  # where they were
        return FREE
    if kind in _SAME:
        return look(inputs[tensor.value_index if kind == "IdentityN" else 0])
    if kind == "Cast":
        return _read_cast(tensor.dtype, inputs[0].dtype, look(inputs[0]))
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
        return FREE if root.name in weights else _read_product(tensor.op, look(inputs[0]))
    if kind in CHOICES:
        return read_choice(tensor, look)
    if kind in ("ConcatV2", "Pack", "Pad", "PadV2", "TensorListSetItem"):
        some = {"ConcatV2": inputs[:-1], "Pack": inputs, "Pad": inputs[:1]}  # else the first and the third
        return join_bounds([look(item) for item in some.get(kind, inputs[::2])] + [(0.0, 0.0)] * (kind == "Pad"))
    if kind in ("Split", "Fill"):
        return look(inputs[1])
    if kind == "FloorMod":
        low, high = look(inputs[1])
        return (0.0, high) if low > 0 else (low, 0.0) if high < 0 else FREE
    if kind in ("Sum", "Cumsum"):
        return _read_sum(tensor.op, look(inputs[0]))
    if kind == "OneHot":
        return join_bounds([look(item) for item in inputs[2:]])
    if kind in ("Relu", "Neg"):
        low, high = look(inputs[0])
        return (max(low, 0), max(high, 0)) if kind == "Relu" else (-high, -low)
    if kind in ("Add", "AddV2", "AddN", "BiasAdd", "Sub"):
        parts = [look(item) for item in inputs]
        parts = [parts[0], (-parts[1][1], -parts[1][0])] if kind == "Sub" else parts
        return sum(low for low, _ in parts), sum(high for _, high in parts)
    if kind == "Mul" and any(a.op.type == "Neg" and a.op.inputs[0] is b for a, b in (inputs, inputs[::-1])):  # -x * x
        least, most = sorted(map(abs, look(inputs[0])))
        return -most * most, -least * least if look(inputs[0])[0] > 0 or look(inputs[0])[1] < 0 else 0.0
    if kind in ("Mul", "RealDiv", "DivNoNan", "Reciprocal", "Inv"):
        first, second = (look(item) for item in inputs) if len(inputs) > 1 else ((1.0, 1.0), look(inputs[0]))
        if kind != "Mul":
            second = _invert(second)
            second = (
                join_bounds([second, (0.0, 0.0)]) if kind == "DivNoNan" else second
            )  # 0 is what it gives for no number
        products = [0.0 if 0 in (a, b) else a * b for a in first for b in second]  # no number is infinite itself
        low, high = min(products), max(products)
        limit = None if high - low < math.inf else find_limit(tensor, look)
        return (low, high) if limit is None else (max(low, -limit), min(high, limit))
    if kind in ("Maximum", "Minimum", "ClipByValue"):
        low, high = look(inputs[0])
        if kind != "Minimum":
            floor = look(inputs[1])
            low, high = max(low, floor[0]), max(high, floor[1])
        if kind != "Maximum":
            ceiling = look(inputs[-1])
            low, high = min(low, ceiling[0]), min(high, ceiling[1])
        return low, high
    return FREE


def _read_cast(to: tf.DType, of: tf.DType, bounds: Bounds) -> Bounds:
    """Return the bounds of numbers of another type: whole ones are cut off towards 0, and begin anew past the last."""
    if to.is_bool:
        return 0.0, 1.0
    if of.is_bool:
        return max(bounds[0], 0.0), min(bounds[1], 1.0)
    if not to.is_integer:
        return bounds
    low, high = (math.trunc(end) if math.isfinite(end) else end for end in bounds)
    if (to.min <= low and high <= to.max) or (of.is_integer and low >= 0 and to.size >= 4):
        return float(low), float(high)
    return (0.0 if to.is_unsigned else -math.inf), math.inf


def _raise(x: float, power: float) -> float:
    try:
        return x**power
    except OverflowError:
        return math.inf


def _invert(bounds: Bounds) -> Bounds:
    low, high = bounds
    if low > 0 or high < 0:
        return 1 / high, 1 / low
    return (1 / high if high else math.inf, math.inf) if low >= 0 else FREE


def _read_sum(operation: tf.Operation, bounds: Bounds) -> Bounds:
    """Return the bounds of a sum of several numbers, or of the sums on the way to it."""
    (low, high), shape = bounds, operation.inputs[0].shape
    axes = tf.get_static_value(operation.inputs[1])
    sides = [] if shape.rank is None or axes is None else [shape[int(axis)] for axis in np.ravel(axes)]
    known = [side for side in sides if side is not None]
    if not sides or len(known) < len(sides):  # of unknown many: only the sign is sure
        return (0.0 if low >= 0 else -math.inf), (0.0 if high <= 0 else math.inf)
    count = math.prod(known)
    counts = [count]
    if operation.type == "Cumsum":
        counts = [0, count - 1] if operation.get_attr("exclusive") else [1, count]
    ends = [number * end if number else 0.0 for number in counts for end in (low, high)]
    return min(ends), max(ends)


def _read_product(operation: tf.Operation, bounds: Bounds) -> Bounds:
    """Return the bounds of a power, of a product of many, or of a product with a constant matrix."""
    low, high = bounds
    if operation.type in ("Prod", "Cumprod"):
        return (0.0, 1.0) if low >= 0 and high <= 1 else FREE
    other = tf.get_static_value(operation.inputs[1])
    if other is None or other.dtype.kind != "f" or other.size == 0:
        return FREE
    if operation.type == "Pow":
        least, most = float(other.min()), float(other.max())
        if not (other % 2).any():  # the sign plays no part
            low, high = 0.0 if low < 0 < high else min(abs(low), abs(high)), max(abs(low), abs(high))
        if low < 0 or least < 0:
            return FREE
        corners = [_raise(x, power) for x in (low, high) for power in (least, most)]
        return min(corners), max(corners)
    turned = operation.get_attr("transpose_b" if operation.type == "MatMul" else "adj_y")
    other = other.astype(float).swapaxes(-1, -2) if turned else other.astype(float)
    up, down = other.clip(min=0).sum(-2), other.clip(max=0).sum(-2)  # of each column

    def weigh(first: float, second: float) -> list[float]:
        pairs = zip(up.ravel(), down.ravel(), strict=True)
        return [(a * first if a else 0.0) + (b * second if b else 0.0) for a, b in pairs]

    return min(weigh(low, high)), max(weigh(high, low))
