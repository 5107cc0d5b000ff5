"""Bounds of numbers that are compared with others of their row: shares, averages by shares, lengths, cosines."""

import math
from collections.abc import Callable, Collection

import numpy as np
import tensorflow as tf

from tf_interp.models.outputs.ends.inner_bounds import Bounds, read_mean
from tf_interp.models.outputs.ends.operations import (
    cuts_off,
    find_other,
    is_aligned,
    is_log_total,
    is_same,
    reduces_last,
    strip,
)


def read_relation(tensor: tf.Tensor, look: Callable[[tf.Tensor], Bounds], weights: Collection[str]) -> Bounds | None:
    """Return what is known of numbers that are compared with others of their row: shares, parts of the largest."""
    operation, kind, inputs = tensor.op, tensor.op.type, list(tensor.op.inputs)
    if kind in ("Sum", "Cumsum") and _are_shares(inputs[0], look):
        whole = kind == "Sum" and reduces_last(operation)
        last = kind == "Cumsum" and tf.get_static_value(inputs[1]) in (-1, (inputs[0].shape.rank or 0) - 1)
        return (1.0, 1.0) if whole else (0.0, 1.0) if last else None
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
    if kind == "MatMul" and not operation.get_attr("transpose_a"):
        return _read_average(operation, look, weights)
    return None


def _read_average(
    operation: tf.Operation, look: Callable[[tf.Tensor], Bounds], weights: Collection[str]
) -> Bounds | None:
    """Return the bounds of averages that shares weigh, and of cosines."""
    first, second = operation.inputs
    turned = operation.get_attr("transpose_b")
    if strip(second).op.name in weights:
        return None
    matrix = tf.get_static_value(second)
    if matrix is not None and _are_shares(first, look):
        return float(matrix.min()), float(matrix.max())
    if _find_length_axes(first) != [1]:
        return None
    if matrix is not None:
        length = float(np.linalg.norm(matrix.astype(float), axis=1 if turned else 0).max())
        return -length, length
    return (-1.0, 1.0) if _find_length_axes(second) == [1 if turned else 0] else None


def _are_shares(tensor: tf.Tensor, look: Callable[[tf.Tensor], Bounds]) -> bool:
    """Return whether numbers are not negative and sum to one along the last axis."""
    operation = tensor.op
    while operation.type in ("Identity", "Cast", "EnsureShape", "StopGradient") and not cuts_off(operation.outputs[0]):
        operation = operation.inputs[0].op
    if operation.type != "RealDiv":
        return bool(operation.type == "Softmax")
    above, below = operation.inputs[0], strip(operation.inputs[1])
    total = below.op.type == "Sum" and reduces_last(below.op) and is_same(below.op.inputs[0], above)
    total = total and _is_aligned(above, operation.inputs[1], below)
    return bool(total and look(above)[0] >= 0)


def _is_aligned(above: tf.Tensor, divisor: tf.Tensor, total: tf.Tensor) -> bool:
    """Return whether numbers are divided by the total of their own row, and not by that of another one."""
    operation = total.op
    if operation.type not in ("Sum", "Max", "Min") or operation.get_attr("keep_dims"):
        return True
    axes, rank = tf.get_static_value(operation.inputs[1]), above.shape.rank
    leading = (
        axes is not None and rank is not None and sorted(int(axis) % rank for axis in axes.flat) == [*range(axes.size)]
    )
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
    return twice and is_same(square.inputs[0], of)


def _is_contrast(above: tf.Tensor, below: tf.Tensor, look: Callable[[tf.Tensor], Bounds]) -> bool:
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
