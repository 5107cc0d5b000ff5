"""Bounds of numbers that are compared with others of their row: shares, averages by shares, lengths, cosines."""

import math
from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_interp.models.outputs.ends.inner_bounds import Bounds, read_mean
from tf_interp.models.outputs.ends.operations import (
    SHAPING,
    cuts_off,
    find_other,
    follow,
    is_aligned,
    is_log_total,
    is_same,
    list_kept_axes,
    read_numbers,
    read_value,
    strip,
)

Look = Callable[[tf.Tensor], Bounds]


def read_relation(tensor: tf.Tensor, look: Look, weights: Collection[str]) -> Bounds | None:
    """Return what is known of numbers that are compared with others of their row: shares, parts of the largest."""
    operation, kind, inputs = tensor.op, tensor.op.type, list(tensor.op.inputs)
    if kind in ("Sum", "Cumsum"):
        return _read_total(operation, look)
    if kind in ("Add", "AddV2"):
        return read_mean(tensor, look)
    if kind == "Sub" and is_log_total(inputs[1], inputs[0]):
        return -math.inf, 0.0
    if kind == "Sub" and _is_least(inputs[1], inputs[0]):
        low, high = look(inputs[0])
        return 0.0, high - low
    if kind in ("RealDiv", "DivNoNan"):
        above, below = inputs[0], _strip_guard(inputs[1])
        if not _is_aligned(above, inputs[1], below):
            return None
        if _is_contrast(above, inputs[1], look):
            return -1.0, 1.0
        top, under = strip(above).op, below.op
        spans = top.type == under.type == "Sub" and _is_least(top.inputs[1], top.inputs[0])
        if spans and _is_least(under.inputs[1], top.inputs[0]):
            largest = strip(under.inputs[0])
            return (0.0, 1.0) if largest.op.type == "Max" and is_same(largest.op.inputs[0], top.inputs[0]) else None
    if kind in ("MatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum"):
        return _read_average(operation, look) or (_read_cosines(operation, weights) if kind == "MatMul" else None)
    return None


def _read_total(operation: tf.Operation, look: Look) -> Bounds | None:
    """Return the bounds of a sum of shares, or of what shares weigh: an average of numbers lies between them."""
    inside, axes = operation.inputs[0], _list_axes(operation)
    shares = _find_shares(inside, look)
    if shares is not None and shares.axes == axes:
        return (1.0, 1.0) if shares.whole and operation.type == "Sum" else (0.0, 1.0)
    inside = follow(inside)
    if operation.type != "Sum" or inside.op.type != "Mul":
        return None
    for one, other in (inside.op.inputs, [*inside.op.inputs][::-1]):
        shares = _find_shares(one, look)
        if shares is not None and shares.axes == axes and _fills(one, inside, axes):
            return _join(look(other), shares)
    return None


def _read_average(operation: tf.Operation, look: Look) -> Bounds | None:
    """Return the bounds of a product of matrices one of which holds shares along what is summed, as in attention."""
    pair = list(operation.inputs)
    places = _list_summed(operation) if len(pair) == 2 else None
    if places is None:
        return None
    for one, other, place in ((*pair, places[0]), (*pair[::-1], places[1])):
        shares = _find_shares(one, look)
        if shares is not None and shares.axes == (place,):
            return _join(look(other), shares)
    return None


def _list_summed(operation: tf.Operation) -> tuple[int, int] | None:
    """Return the axis of each of two factors along which products are summed, if it is one; else None."""
    ranks = [item.shape.rank for item in operation.inputs]
    if None in ranks:
        return None
    if operation.type == "Einsum":
        equation = operation.get_attr("equation").decode().replace(" ", "")
        taken, given = equation.split("->")
        first, second = taken.split(",")
        summed = {*first, *second} - {*given}
        if "." in equation or len(summed) != 1 or not summed <= {*first} & {*second}:
            return None
        label = summed.pop()
        return (first.index(label), second.index(label)) if (first + second).count(label) == 2 else None
    names = ("transpose_a", "transpose_b") if operation.type == "MatMul" else ("adj_x", "adj_y")
    turned = [operation.get_attr(name) for name in names]
    return ranks[0] - 1 - turned[0], ranks[1] - 2 + turned[1]


def _read_cosines(operation: tf.Operation, weights: Collection[str]) -> Bounds | None:
    """Return the bounds of what rows of length one, which stand first, are multiplied with."""
    first, second = operation.inputs
    turned = operation.get_attr("transpose_b")
    if operation.get_attr("transpose_a") or strip(second).op.name in weights or _find_length_axes(first) != [1]:
        return None
    matrix = tf.get_static_value(second)
    if matrix is not None:
        length = float(np.linalg.norm(matrix.astype(float), axis=1 if turned else 0).max())
        return -length, length
    return (-1.0, 1.0) if _find_length_axes(second) == [1 if turned else 0] else None


class _Shares(NamedTuple):
    """Numbers that are never negative, and sum to one along some axes.

    Args:
        axes: these axes.
        whole: whether they do; else to no more than one.
    """

    axes: tuple[int, ...]
    whole: bool


def _find_shares(tensor: tf.Tensor, look: Look, depth: int = 8) -> _Shares | None:
    """Return along which axes numbers are shares of one, or of less; None where that is not known."""
    operation, rank = tensor.op, tensor.shape.rank
    kind, inputs = operation.type, list(operation.inputs)
    if kind == "Softmax" and rank is not None:
        return _Shares((rank - 1,), True)
    if kind == "OneHot" and rank is not None:
        numbers = [tf.get_static_value(item) for item in inputs[2:]]
        return _Shares((operation.get_attr("axis") % rank,), False) if numbers == [1, 0] else None
    if kind in ("RealDiv", "DivNoNan"):
        return _read_quotients(operation, look)
    if depth == 0 or rank is None or not inputs or cuts_off(tensor):
        return None
    if kind in ("Mul", "Select", "SelectV2"):
        return _read_masked(tensor, look, depth)
    if kind not in ("Identity", "Cast", "EnsureShape", "StopGradient", "Transpose", "StridedSlice", *SHAPING):
        return None
    found = _find_shares(inputs[0], look, depth - 1)
    moved = None if found is None else _move_axes(operation, found.axes)
    return found._replace(axes=moved) if found is not None and moved is not None else None


def _read_quotients(operation: tf.Operation, look: Look) -> _Shares | None:
    """Return the shares that are made by division by their total."""
    above, total = operation.inputs[0], strip(operation.inputs[1])
    guarded = _strip_guard(operation.inputs[1])
    found = guarded if total.op.type != "Sum" else total
    if found.op.type != "Sum" or not is_same(found.op.inputs[0], above) or look(above)[0] < 0:
        return None
    axes = _list_axes(found.op)
    if axes is None or not _is_aligned(above, operation.inputs[1], found):
        return None
    return _Shares(axes, found is total and operation.type == "RealDiv")


def _read_masked(tensor: tf.Tensor, look: Look, depth: int) -> _Shares | None:
    """Return the shares that are left where some are lessened, or replaced by nothing."""
    parts = list(tensor.op.inputs)[-2:]
    for one, other in (parts, parts[::-1]):
        low, high = look(other)
        less = low >= 0 and high <= (1 if tensor.op.type == "Mul" else 0)
        found = _find_shares(one, look, depth - 1) if less else None
        if found is not None and _fills(one, tensor, found.axes):
            return found._replace(whole=False)
    return None


def _fills(part: tf.Tensor, whole: tf.Tensor, axes: tuple[int, ...] | None) -> bool:
    """Return whether a factor has the axes of the product, of which it is not repeated along some."""
    same = axes is not None and part.shape.rank is not None and part.shape.rank == whole.shape.rank
    return same and all(part.shape[axis] == whole.shape[axis] for axis in axes or ())


def _move_axes(operation: tf.Operation, axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return where axes stand behind an operation that puts numbers in another shape; None where that is not known."""
    given, made = operation.inputs[0].shape, operation.outputs[0].shape
    if operation.type == "Transpose":
        order = read_numbers(operation.inputs[1])
        return None if order is None else tuple(sorted([*order.flat].index(axis) for axis in axes))
    if operation.type == "StridedSlice":
        kept = list_kept_axes(operation)
        places = [kept[axis] for axis in axes] if len(kept) > max(axes) else [None]
        return None if None in places else tuple(place for place in places if place is not None)
    if operation.type not in SHAPING:
        return axes
    before, behind = given.as_list(), made.as_list()
    pairs = [[(axis, side) for axis, side in enumerate(sides) if side != 1] for sides in (before, behind)]
    if [side for _, side in pairs[0]] == [side for _, side in pairs[1]] and before.count(None) <= 1:
        moved = {old: new for (old, _), (new, _) in zip(*pairs, strict=True)}
        return tuple(moved[axis] for axis in axes) if all(axis in moved for axis in axes) else None
    return _split_axes(before, behind, axes)


def _split_axes(before: list, behind: list, axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the axes that hold what some did before numbers were laid out anew, as places of a map do."""
    tail = before[axes[0] :]
    if None in tail or axes != tuple(range(axes[0], axes[-1] + 1)):
        return None
    inner = math.prod(before[axes[-1] + 1 :])
    ends = {1: len(behind)}  # how many numbers stand from an axis on -> this axis, the last such
    count = 1
    for axis in range(len(behind) - 1, -1, -1):
        if behind[axis] is None:
            break
        count *= behind[axis]
        ends[count] = axis
    if inner not in ends or math.prod(tail) not in ends or math.prod(tail) == inner:
        return None
    places = range(ends[math.prod(tail)], ends[inner])
    return tuple(place for place in places if behind[place] != 1)


def _list_axes(operation: tf.Operation) -> tuple[int, ...] | None:
    """Return the axes that a sum goes over; None where they are not known."""
    axes, rank = tf.get_static_value(operation.inputs[1]), operation.inputs[0].shape.rank
    return None if axes is None or rank is None else tuple(sorted(int(axis) % rank for axis in np.ravel(axes)))


def _join(bounds: Bounds, shares: _Shares) -> Bounds:
    return bounds if shares.whole else (min(bounds[0], 0.0), max(bounds[1], 0.0))


def _is_aligned(above: tf.Tensor, divisor: tf.Tensor, total: tf.Tensor) -> bool:
    """Return whether numbers are divided by the total of their own row, and not by that of another one."""
    operation = total.op
    if operation.type not in ("Sum", "Max", "Min") or operation.get_attr("keep_dims"):
        return True
    axes, rank = tf.get_static_value(operation.inputs[1]), above.shape.rank
    if not rank:  # one number for all rows, or nobody knows
        return False
    leading = axes is not None and sorted(int(axis) % rank for axis in axes.flat) == [*range(axes.size)]
    return bool(leading) or divisor.shape.rank == rank


def _is_least(tensor: tf.Tensor, of: tf.Tensor) -> bool:
    tensor = strip(tensor)
    return bool(tensor.op.type == "Min" and is_same(tensor.op.inputs[0], of))


def _strip_guard(tensor: tf.Tensor, kinds: Collection[str] = ("Maximum", "Add", "AddV2")) -> tf.Tensor:
    """Return a divisor without the small number that is added to it, or the least one that it may be.

    Args:
        tensor: the divisor.
        kinds: operations that only make the quotient smaller; of a factor these are others.
    """
    while True:
        tensor = strip(tensor)
        inside = find_other(tensor, lambda value: value >= 0) if tensor.op.type in kinds else None
        if inside is None:
            return tensor
        tensor = inside


def _is_square(tensor: tf.Tensor, of: tf.Tensor) -> bool:
    square = strip(tensor).op
    twice = square.type == "Square" or (square.type == "Mul" and square.inputs[0] is square.inputs[1])
    twice = twice or (square.type == "Pow" and read_value(square.inputs[1]) == 2)
    return twice and is_same(square.inputs[0], of)


def _is_contrast(above: tf.Tensor, below: tf.Tensor, look: Look) -> bool:
    """Return whether the difference of two numbers that are not negative is divided by their sum, as in a tanh."""
    top, under = strip(above).op, strip(below).op
    if top.type != "Sub" or under.type not in ("Add", "AddV2"):
        return False
    orders = ((0, 1), (1, 0))
    same = any(all(is_aligned(under.inputs[i], top.inputs[j]) for i, j in enumerate(order)) for order in orders)
    return same and all(look(item)[0] >= 0 for item in top.inputs)


def _find_length_axes(tensor: tf.Tensor) -> list[int] | None:
    """Return the axes along which numbers are divided by their own length; None where they are not."""
    tensor = strip(tensor)
    if tensor.op.type not in ("RealDiv", "DivNoNan", "Mul"):
        return None
    root = "Rsqrt" if tensor.op.type == "Mul" else "Sqrt"
    for x, scale in (tensor.op.inputs, [*tensor.op.inputs][::-1])[: 1 + (root == "Rsqrt")]:
        length = _strip_guard(scale, ("Minimum",)) if root == "Rsqrt" else _strip_guard(scale)
        total = _strip_guard(length.op.inputs[0]) if length.op.type == root else length
        if length.op.type != root or total.op.type != "Sum":
            continue
        axes = tf.get_static_value(total.op.inputs[1])
        if axes is not None and _is_square(total.op.inputs[0], x) and _is_aligned(x, scale, total):
            return sorted(int(axis) % (x.shape.rank or 1) for axis in axes.flat)
    return None
