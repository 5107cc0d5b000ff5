"""Whether numbers rise or fall from one to the next, whatever the weights are, as the steps of an order do."""

import itertools
from collections.abc import Collection

import tensorflow as tf

from tf_interp.models.outputs.ends.bounds import find_bounds
from tf_interp.models.outputs.ends.operations import (
    PASSING,
    is_constant,
    is_even,
    is_same,
    list_before,
    read_value,
    strip,
)
from tf_interp.models.outputs.ends.written_out import BOUNDING

_DEEPEST = 16
_RISING = (
    *PASSING, "Sigmoid", "Tanh", "Exp", "Expm1", "Log", "Log1p", "Softplus", "Softsign", "Sqrt", "Relu", "Relu6", "Elu",
    "Selu", "Erf", "Round",
)  # fmt: skip


def find_order(tensor: tf.Tensor, weights: Collection[str] = ()) -> int:
    """Return 1 where numbers never fall along the last axis, -1 where they never rise, 0 where that is not known.

    Args:
        tensor: in the current graph.
        weights: as in `find_bounds`.
    """
    return _read(tensor, weights, _DEEPEST)


def move_together(tensor: tf.Tensor, depth: int = _DEEPEST) -> bool:
    """Return whether all numbers of a row are one number that is moved by what no input changes, each by its own.

    So are the logits of CORAL: one vector of weights for all steps of an order, and a bias for each.

    Args:
        tensor: in the current graph.
        depth: how many operations to look back.
    """
    tensor = strip(tensor)
    kind, inputs = tensor.op.type, list(tensor.op.inputs)
    if depth == 0 or not tensor.shape.rank or tensor.shape[-1] in (1, None):
        return False
    if kind in (*_RISING, "Neg"):
        return move_together(inputs[0], depth - 1)
    if kind in ("Mul", "RealDiv") and any(read_value(item) is not None for item in inputs):
        return any(move_together(item, depth - 1) for item in inputs)
    if kind not in ("Add", "AddV2", "Sub", "BiasAdd"):
        return False
    for one, other in (inputs, inputs[::-1]):
        if _is_fixed(other) and other.shape.rank and other.shape[-1] == tensor.shape[-1]:
            return (is_even(one) and not _is_fixed(one)) or move_together(one, depth - 1)
    return False


def _is_fixed(tensor: tf.Tensor) -> bool:
    """Return whether a tensor is made of weights and constants alone."""
    return all("Placeholder" not in item.type or item.outputs[0].dtype == tf.resource for item in list_before(tensor))


def _read(tensor: tf.Tensor, weights: Collection[str], depth: int) -> int:
    kind, inputs = tensor.op.type, list(tensor.op.inputs)
    if depth == 0 or not tensor.shape.rank or tensor.shape[-1] == 1:
        return 0
    if is_constant(tensor):
        return _read_constant(tensor, weights)
    if kind == "TopKV2":
        return -1 if tensor.value_index == 0 else 0
    if kind in _RISING:
        return _read(inputs[tensor.value_index if kind == "IdentityN" else 0], weights, depth - 1)
    if kind == "Neg":
        return -_read(inputs[0], weights, depth - 1)
    if kind in ("Cumsum", "Cumprod", "ReverseV2", "StridedSlice", "MatMul"):
        return _read_row(tensor, weights, depth)
    if kind in ("ConcatV2", "Pack"):
        return _read_columns(tensor, weights)
    if kind in BOUNDING or kind in ("Add", "AddV2", "Sub", "BiasAdd", "Mul", "RealDiv"):
        return _read_pair(tensor, weights, depth)
    return 0


def _read_constant(tensor: tf.Tensor, weights: Collection[str]) -> int:
    """Return the order of numbers that stand in the graph, such as cutpoints that are not learned."""
    value = None if strip(tensor).op.name in weights else tf.get_static_value(tensor)
    if value is None or value.dtype.kind not in "fiu":
        return 0
    steps = value[..., 1:] - value[..., :-1] if value.dtype.kind != "u" else value[..., :0]
    return 0 if not steps.any() else 1 if (steps >= 0).all() else -1 if (steps <= 0).all() else 0


def _read_row(tensor: tf.Tensor, weights: Collection[str], depth: int) -> int:
    """Return the order of what is made of other numbers of its row."""
    operation, x = tensor.op, tensor.op.inputs[0]
    other = tf.get_static_value(operation.inputs[-1])
    if other is None or x.shape.rank != tensor.shape.rank:
        return 0
    rank, last = tensor.shape.rank, tensor.shape.rank - 1
    if operation.type == "ReverseV2":
        found = _read(x, weights, depth - 1)
        return -found if last in [axis % rank for axis in other.flat] else found
    if operation.type == "StridedSlice":
        return _read(x, weights, depth - 1) if (other > 0).all() else 0
    if operation.type == "Cumprod":
        low, high = find_bounds(x, weights)
        sign = 0 if low < 0 or int(other) % rank != last else -1 if high <= 1 else 1 if low >= 1 else 0
        return -sign if operation.get_attr("reverse") else sign
    steps = [x]
    plain = operation.type == "Cumsum" and not operation.get_attr("reverse") and not operation.get_attr("exclusive")
    if plain and x.op.type == "ConcatV2" and x.op.inputs[0].shape[-1] == 1:
        steps = [*x.op.inputs[1:-1]]  # along the last axis, the first number may be any: it is in all sums
        axis = tf.get_static_value(x.op.inputs[-1])
        steps = steps if axis is not None and int(axis) % rank == last else [x]
    bounds = [find_bounds(step, weights) for step in steps]
    sign = 1 if all(low >= 0 for low, _ in bounds) else -1 if all(high <= 0 for _, high in bounds) else 0
    if operation.type == "Cumsum":
        return (-sign if operation.get_attr("reverse") else sign) if int(other) % rank == last else 0
    if strip(operation.inputs[1]).op.name in weights or operation.get_attr("transpose_a"):
        return 0
    rises = (other.T if operation.get_attr("transpose_b") else other)[:, 1:]
    rises = rises - (other.T if operation.get_attr("transpose_b") else other)[:, :-1]
    return sign if rises.size and (rises >= 0).all() else -sign if rises.size and (rises <= 0).all() else 0


def _read_pair(tensor: tf.Tensor, weights: Collection[str], depth: int) -> int:
    """Return the order of what is made of a row and of one number for all of it, or of two rows that are alike."""
    kind, inputs = tensor.op.type, list(tensor.op.inputs)
    rows = [item for item in inputs if not is_even(item) and read_value(item) is None]
    if kind in BOUNDING:
        return _read(rows[0], weights, depth - 1) if len(rows) == 1 else 0
    orders = [0 if all(item is not row for row in rows) else _read(item, weights, depth - 1) for item in inputs]
    if kind in ("Mul", "RealDiv"):
        factor = inputs[1] if len(rows) == 1 and rows[0] is inputs[0] else inputs[0]
        if len(rows) != 1 or (kind == "RealDiv" and factor is inputs[0]):
            return 0
        low, high = find_bounds(factor, weights)
        return max(orders, key=abs) * (1 if low >= 0 else -1 if high <= 0 else 0)
    if kind == "Sub":
        orders[1] = -orders[1]
    found = {order for item, order in zip(inputs, orders, strict=True) if any(item is row for row in rows)}
    return found.pop() if len(found) == 1 else 0


def _read_columns(tensor: tf.Tensor, weights: Collection[str]) -> int:
    """Return the order of numbers that are put side by side: quantiles, the ends of an interval.

    Each is a sum; what is left of the next one without the terms of the one before decides.
    """
    operation, rank = tensor.op, tensor.shape.rank
    pieces = [*operation.inputs]
    axis = operation.get_attr("axis") if operation.type == "Pack" else tf.get_static_value(pieces.pop())
    single = operation.type == "Pack" or all(item.shape[-1] == 1 for item in pieces)
    if axis is None or int(axis) % rank != rank - 1 or not single:
        return 0
    steps = [_bound_step(*pair, weights) for pair in itertools.pairwise(pieces)]
    return 1 if all(low >= 0 for low, _ in steps) else -1 if all(high <= 0 for _, high in steps) else 0


def _bound_step(first: tf.Tensor, second: tf.Tensor, weights: Collection[str]) -> tuple[float, float]:
    """Return bounds of how much larger one sum is than another, whatever the weights are."""
    left = _list_terms(first, -1)
    for item, sign in _list_terms(second, 1):
        same = next((known for known in left if known[1] == -sign and is_same(known[0], item)), None)
        if same is None:
            left.append((item, sign))
        else:
            left.remove(same)
    bounds = [(*find_bounds(item, weights), sign) for item, sign in left]
    low = sum(low if sign > 0 else -high for low, high, sign in bounds)
    return low, sum(high if sign > 0 else -low for low, high, sign in bounds)


def _list_terms(tensor: tf.Tensor, sign: int, depth: int = _DEEPEST) -> list[tuple[tf.Tensor, int]]:
    """Return what a tensor is a sum of, each with 1 or -1; its numbers may stand in another shape."""
    tensor = strip(tensor)
    signs = {"Add": (1, 1), "AddV2": (1, 1), "Sub": (1, -1), "Neg": (-1,)}.get(tensor.op.type)
    if signs is None or depth == 0:
        return [(tensor, sign)]
    pairs = zip(tensor.op.inputs, signs, strict=True)
    return [term for item, own in pairs for term in _list_terms(item, sign * own, depth - 1)]
