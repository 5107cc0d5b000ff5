"""Softmaxes and sigmoids that are written out with other operations, and the logits behind them."""

import math
from typing import Any, NamedTuple

import tensorflow as tf

from tf_interp.models.outputs.ends.operations import find_other, is_even, is_same, read_value, reduces_last, strip

BOUNDING = ("ClipByValue", "Minimum", "Maximum")
HARD, SPARSE = "hard sigmoid", "sparse sigmoid"


class Written(NamedTuple):
    """The logits behind a softmax or sigmoid that is written out.

    Args:
        tensor: the logits.
        kind: "softmax" or "sigmoid".
        how: what was undone, in words.
        log: whether the logarithm of probabilities was written.
        source: what it is written with, where that is not the logits themselves.
    """

    tensor: tf.Tensor
    kind: str
    how: str
    log: bool = False
    source: tf.Tensor | None = None


def read_written_out(tensor: tf.Tensor) -> Written | None:
    """Return the logits behind what is written out, or None if a tensor is no such thing."""
    readers = (_read_softmax, _read_sigmoid, _read_sparse_sigmoid, _read_log_softmax, _read_log_sigmoid)
    found = next((found for found in (read(tensor) for read in readers) if found is not None), None)
    return found if found and found.tensor.shape.is_compatible_with(tensor.shape) else None


def _read_softmax(tensor: tf.Tensor) -> Written | None:
    """Return the logits of a softmax that is written out as exp(x) / sum(exp(x))."""
    if tensor.op.type != "RealDiv":
        return None
    above, below = (strip(item) for item in tensor.op.inputs)
    if above.op.type != "Exp" or below.op.type != "Sum":
        return None
    under = strip(below.op.inputs[0])
    if under.op.type != "Exp" or not is_same(above.op.inputs[0], under.op.inputs[0]):
        return None
    if not reduces_last(below.op):
        return None
    return Written(_give_back(above.op.inputs[0]), "softmax", "softmax (written out)")


def _give_back(x: tf.Tensor) -> tf.Tensor:
    """Return logits before the largest of them was taken off."""
    inside = strip(x)
    if inside.op.type != "Sub" or inside.shape.rank != x.shape.rank:
        return x
    first, second = inside.op.inputs
    return first if strip(second).op.type == "Max" and is_even(second) else x


def _read_log_softmax(tensor: tf.Tensor) -> Written | None:
    """Return the logits x of x - log(sum(exp(x))), also where the largest is taken off and added again."""
    if tensor.op.type != "Sub":
        return None
    x, below = tensor.op.inputs[0], strip(tensor.op.inputs[1])
    added = None
    if below.op.type in ("Add", "AddV2"):
        logs = [item for item in below.op.inputs if strip(item).op.type == "Log"]
        added = next((item for item in below.op.inputs if len(logs) == 1 and item is not logs[0]), None)
        below = strip(logs[0]) if logs else below
    total = strip(below.op.inputs[0]) if below.op.type == "Log" else below
    if below.op.type != "Log" or total.op.type != "Sum" or not reduces_last(total.op):
        return None
    raised = strip(total.op.inputs[0])
    if raised.op.type != "Exp":
        return None
    inside = strip(raised.op.inputs[0])
    if added is not None:
        if inside.op.type != "Sub" or not is_same(inside.op.inputs[1], added):
            return None
        inside = inside.op.inputs[0]
    return Written(_give_back(x), "softmax", "log-softmax (written out)", True) if is_same(x, inside) else None


def _read_log_sigmoid(tensor: tf.Tensor) -> Written | None:
    """Return the logit x of -softplus(-x), the logarithm of a sigmoid."""
    inside = strip(tensor.op.inputs[0]) if tensor.op.type == "Neg" else None
    if inside is None or inside.op.type != "Softplus":
        return None
    x = inside.op.inputs[0]
    if x.op.type == "Neg":
        return Written(x.op.inputs[0], "sigmoid", "log-sigmoid", True)
    return Written(-x, "sigmoid", "log-sigmoid", True, x)


def _read_sigmoid(tensor: tf.Tensor) -> Written | None:
    """Return the logit of a sigmoid that is written out as 1 / (1 + exp(-x)), or of a hard one, relu6(x + 3) / 6."""
    operation = tensor.op
    if operation.type == "Reciprocal":
        below: Any = operation.inputs[0]
    elif operation.type == "RealDiv" and read_value(operation.inputs[0]) == 1:
        below = operation.inputs[1]
    else:
        return _read_hard_sigmoid(tensor)
    below = strip(below)
    term = find_other(below, lambda value: value == 1) if below.op.type in ("Add", "AddV2") else None
    if term is None or strip(term).op.type != "Exp":
        return None
    minus = strip(strip(term).op.inputs[0])
    return Written(minus.op.inputs[0], "sigmoid", "sigmoid (written out)") if minus.op.type == "Neg" else None


def _read_hard_sigmoid(tensor: tf.Tensor) -> Written | None:
    sixth = 1 / 6 if tensor.op.type == "Mul" else 6.0
    scaled = (
        find_other(tensor, lambda value: abs(value - sixth) < 1e-3) if tensor.op.type in ("Mul", "RealDiv") else None
    )
    if scaled is None or strip(scaled).op.type != "Relu6":
        return None
    moved = strip(strip(scaled).op.inputs[0])
    x = find_other(moved, lambda value: value == 3) if moved.op.type in ("Add", "AddV2") else None
    return None if x is None else Written(x, "sigmoid", HARD)


def _read_sparse_sigmoid(tensor: tf.Tensor) -> Written | None:
    """Return the logit of where(x <= -1, 0, where(x >= 1, 1, (x + 1) / 2))."""
    compared = []
    for ending, side, end in (("LessEqual", -1, 0.0), ("GreaterEqual", 1, 1.0)):
        if tensor.op.type not in ("Select", "SelectV2"):
            return None
        choice, first, second = tensor.op.inputs
        if choice.op.type != ending or read_value(choice.op.inputs[1]) != side or read_value(first) != end:
            return None
        compared.append(choice.op.inputs[0])
        tensor = second
    moved = find_other(tensor, lambda value: value == 0.5) if tensor.op.type == "Mul" else None
    x = find_other(moved, lambda value: value == 1) if moved is not None and moved.op.type == "AddV2" else None
    alike = x is not None and all(is_same(item, x) for item in compared)
    return Written(x, "sigmoid", SPARSE) if x is not None and alike else None


def read_clipped_line(tensor: tf.Tensor) -> Written | None:
    """Return the logit of a hard sigmoid of older versions of Keras, clip(x / 5 + 1 / 2, 0, 1)."""
    tensor, *bounds = read_clip(tensor)
    if bounds != [0.0, 1.0]:
        return None
    scaled = find_other(tensor, lambda value: value == 0.5) if tensor.op.type in ("Add", "AddV2") else None
    x = None if scaled is None or strip(scaled).op.type != "Mul" else find_other(strip(scaled), lambda value: value > 0)
    return None if x is None else Written(x, "sigmoid", HARD)


def read_clip(tensor: tf.Tensor) -> tuple[tf.Tensor, float, float]:
    """Return what one or several operations clip, and the bounds that it comes out in; NaN if these are no constants.

    Args:
        tensor: what comes out.
    """
    low, high = -math.inf, math.inf
    while tensor.op.type in BOUNDING:
        operation = tensor.op
        inside = next((item for item in operation.inputs if read_value(item) is None), operation.inputs[0])
        bounds = [read_value(item) for item in operation.inputs if item is not inside]
        if not bounds or None in bounds:
            return tensor, math.nan, math.nan
        first = -math.inf if operation.type == "Minimum" else float(bounds[0] or 0)
        last = math.inf if operation.type == "Maximum" else float(bounds[-1] or 0)
        low, high = (min(max(end, low), high) for end in (first, last))
        tensor = strip(inside)
    return tensor, low, high
