"""What a mask says: which positions stay, or which are left out. Read from what the network does with it."""

import operator
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import tensorflow as tf

_LARGE = 100.0  # what is added to scores so that a softmax leaves a position out is larger
_SAME = (
    "Identity", "Cast", "EnsureShape", "StopGradient", "Reshape", "Squeeze", "ExpandDims", "StridedSlice", "Slice",
    "Transpose", "BroadcastTo", "Tile", "ReverseV2", "ReverseSequence", "Roll", "Pack", "ConcatV2", "Unpack", "Split",
    "LogicalAnd", "LogicalOr",
)  # fmt: skip
_LOOPS = ("While", "StatelessWhile", "TensorListFromTensor", "TensorArrayScatterV3", "Enter")
_PRODUCTS = ("Mul", "MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum")
_SUMS = ("Add", "AddV2", "Sub")
_CHOICES = ("Select", "SelectV2")
_COMPARED = {
    "Equal": operator.eq,
    "NotEqual": operator.ne,
    "Greater": operator.gt,
    "GreaterEqual": operator.ge,
    "Less": operator.lt,
    "LessEqual": operator.le,
}
_PICKED = {"GatherV2": 1, "ResourceGather": 1, "OneHot": 0}  # which input says what is picked


class _Share(NamedTuple):
    """A tensor that is `factor` where the mask says so, else 0.

    Args:
        tensor: the tensor.
        sense: 1 where it is not 0 where the mask is True, -1 where it is not 0 where the mask is False.
        factor: what it is there.
    """

    tensor: tf.Tensor
    sense: int
    factor: float


def read_sense(mask: tf.Tensor, behind: Collection[tf.Operation]) -> int:
    """Return 1 if True says that a position stays, -1 if it says that it is left out, 0 if it is no mask, or unclear.

    A position is left out where what was computed of it is multiplied by 0, replaced by a constant, or where a large
    number is taken off its score; a recurrent layer goes on where its mask is True. What only chooses between two
    things that the network computes, as tokens of two kinds do, leaves nothing out.

    Args:
        mask: bool [N,T], or numbers that are 0 and 1.
        behind: the operations that depend on what the network is given.
    """
    found, seen, stack = set[int](), set[tuple[str, int, float]](), [_Share(mask, 1, 1.0)]
    while stack:
        share = stack.pop()
        for user in share.tensor.consumers():
            if (user.name, share.sense, share.factor) not in seen:
                seen.add((user.name, share.sense, share.factor))
                further, uses = _follow(share, user, behind)
                stack += further
                found |= uses
    return found.pop() if len(found) == 1 else 0


def _follow(share: _Share, user: tf.Operation, behind: Collection[tf.Operation]) -> tuple[list[_Share], set[int]]:
    """Return what an operation makes of a share of the mask, and which senses its use has; 0 leaves nothing out."""
    tensor, sense, factor = share
    kind, inputs = user.type, list(user.inputs)
    others = [item for item in inputs if item is not tensor]
    if kind in _SAME:
        return [_Share(output, sense, factor) for output in user.outputs], set()
    if kind == "LogicalNot":
        return [_Share(user.outputs[0], -sense, factor)], set()
    if kind == "Neg":
        return [_Share(user.outputs[0], sense, -factor)], set()
    if kind in _LOOPS:
        return [], {sense}
    if kind in _PICKED and inputs[_PICKED[kind]] is tensor:
        return [], {0}  # a vector for each of two kinds
    if kind in _CHOICES and inputs[0] is tensor:
        nothing = [_is_nothing(item) for item in inputs[1:]]
        return [], {0 if nothing[0] == nothing[1] else sense if nothing[1] else -sense}
    if kind not in (*_PRODUCTS, *_SUMS, "RealDiv", *_COMPARED) or len(others) != 1:
        return [], set()
    other = _read_constant(others[0])
    if kind in _COMPARED:
        first = inputs[0] is tensor
        there, elsewhere = (
            other is not None and _COMPARED[kind](*((value, other) if first else (other, value)))
            for value in (factor, 0.0)
        )
        return ([] if there == elsewhere else [_Share(user.outputs[0], sense if there else -sense, 1.0)]), set()
    if kind in _PRODUCTS and other is None:
        return [], {sense if others[0].op in behind else 0}
    if kind in ("Mul", "RealDiv") and other and inputs[0] is (tensor if kind == "RealDiv" else inputs[0]):
        return [_Share(user.outputs[0], sense, factor * other if kind == "Mul" else factor / other)], set()
    if kind not in _SUMS:
        return [], set()
    taken_off = kind == "Sub" and inputs[1] is tensor
    if other is not None and (other == factor if taken_off else other == (factor if kind == "Sub" else -factor)):
        return [_Share(user.outputs[0], -sense, factor if taken_off else -factor)], set()
    return [], {-sense} if other is None and (-factor if taken_off else factor) <= -_LARGE else set()


def _is_nothing(tensor: tf.Tensor) -> bool:
    """Return whether a tensor stands for nothing: all zeros, or numbers that no score reaches, or scores with these."""
    value = _read_constant(tensor)
    if tensor.op.type in _SUMS:
        added = [_read_constant(item) for item in tensor.op.inputs]
        return any(number is not None and abs(number) >= _LARGE for number in added)
    return value is not None and (value == 0 or abs(value) >= _LARGE)


def _read_constant(tensor: tf.Tensor) -> float | None:
    """Return the one number that a tensor holds everywhere, else None."""
    kind, inputs = tensor.op.type, tensor.op.inputs
    if kind in ("ZerosLike", "OnesLike"):
        return float(kind == "OnesLike")
    if kind in ("Identity", "Cast", "Reshape", "ExpandDims", "BroadcastTo", "Tile"):
        return _read_constant(inputs[0])
    if kind == "Fill":
        return _read_constant(inputs[1])
    if kind == "Neg":
        value = _read_constant(inputs[0])
        return None if value is None else -value
    if kind == "Mul":
        values = [_read_constant(item) for item in inputs]
        return None if None in values else float(np.prod(np.array(values, float)))
    value = tf.get_static_value(tensor) if kind == "Const" else None
    if value is None or not value.size or value.dtype.kind not in "fiub" or (value != value.flat[0]).any():
        return None
    return float(value.flat[0])
