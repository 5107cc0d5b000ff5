"""The softmax or sigmoid at the end of a network, and the logits behind it."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_interp.models.outputs.bounds import find_bounds

_SMALLEST = 1e-30  # probabilities below count as this, so that their logarithm stays finite
_PASSING = ("Identity", "IdentityN", "Cast", "EnsureShape", "StopGradient")
_SHAPING = ("Reshape", "Squeeze", "ExpandDims")
_BOUNDING = ("ClipByValue", "Minimum", "Maximum")
_DRAWING = ("Random", "Multinomial", "TruncatedNormal", "StatefulUniform", "StatefulStandardNormal")
DRAWN = "what it returns is one draw of chance: it holds operations that draw at random, as in training"
_LONGEST = 64  # operations between the end of a network and its softmaxes


class Logits(NamedTuple):
    """What stands behind the end of a network.

    Args:
        tensor: the logits, in the shape of the output.
        kind: "softmax", "sigmoid", or "softmaxes" where several share the last axis.
        how: what was undone, in words.
        exact: whether these are the network's own logits; False where they are computed from probabilities.
        roots: the tensors that they are computed from; nothing behind these has a part in them.
    """

    tensor: tf.Tensor
    kind: str
    how: str
    exact: bool
    roots: tuple[tf.Tensor, ...]


class End(NamedTuple):
    """How a network ends at one output, without the tensors.

    Args:
        kind: as of `Logits`, None where no probabilities are recognized.
        how: what was undone, in words.
        exact: as of `Logits`.
        operation: type of the last operation.
        bounded: whether its operations keep all numbers in [0,1], whatever the weights are.
        selection: type of an operation before it that selects boxes, or None.
        positive: whether its operations keep all numbers from being negative.
        joins: what it joins, in words, where that is of several kinds; else None.
        drawn: whether an operation before it draws at random.
    """

    kind: str | None
    how: str
    exact: bool
    operation: str
    bounded: bool
    selection: str | None = None
    positive: bool = False
    joins: str | None = None
    drawn: bool = False


def describe_end(output: tf.Tensor, found: Logits | None, weights: Collection[str] = ()) -> End:
    """Return how a network ends.

    Args:
        output: what it returns.
        found: what `find_logits` found behind it.
        weights: as in `find_bounds`.
    """
    operation, (low, high) = _strip(output).op.type, find_bounds(output, weights)
    kind, how, exact = (None, "", True) if found is None else (found.kind, found.how, found.exact)
    joins = _read_join(output, weights) if found is None else None
    before = _list_before(output)
    selections = [item.type for item in before if "NonMaxSuppression" in item.type]  # they give no rows of pictures
    drawn = any(word in item.type for item in before for word in _DRAWING)
    return End(
        kind,
        how,
        exact,
        operation,
        bounded=bool(low >= 0 and high <= 1),
        selection=selections[0] if selections else None,
        positive=bool(low >= 0),
        joins=joins,
        drawn=drawn,
    )


def _read_join(output: tf.Tensor, weights: Collection[str]) -> str | None:
    """Return what an output joins, if only some of its numbers are probabilities, or they are so by several roads."""
    joined = _strip(output).op
    if joined.type not in ("ConcatV2", "Pack"):
        return None
    kinds = []
    for part in joined.inputs if joined.type == "Pack" else joined.inputs[:-1]:
        logits, (low, high) = find_logits(part), find_bounds(part, weights)
        kinds.append(logits.how if logits else "numbers in [0,1]" if low >= 0 and high <= 1 else "other numbers")
    return " and ".join(dict.fromkeys(kinds)) if len(set(kinds)) > 1 else None


def _list_before(output: tf.Tensor) -> list[tf.Operation]:
    """Return the operations that an output depends on, itself first."""
    found = {output.op: None}
    stack = [output.op]
    while stack:
        before = [tensor.op for tensor in stack.pop().inputs if tensor.op not in found]
        found |= dict.fromkeys(before)
        stack += before
    return [*found]


def find_logits(output: tf.Tensor, stop: Sequence[tf.Tensor] = ()) -> Logits | None:
    """Return the logits from which the end of a network computes probabilities.

    Softmax, log-softmax, sigmoid, hard and sparse sigmoid are undone, also where they are written out, and where
    reshaping, clipping or joining comes behind them. An average of several of them has no logits: the logarithm of the
    probability stands in for those of softmaxes, its log-odds for those of sigmoids.

    Args:
        output: what the network returns, in the current graph.
        stop: tensors behind which not to look.

    Returns:
        The logits, or None if the network does not end in probabilities that are recognized.
    """
    found = _Search(stop).undo(output)
    if found is not None:
        found.tensor.set_shape(output.shape)  # a signature states more of the end than the graph shows
    return found


def no_way_to_logits(name: str) -> ValueError:
    """Return the error for a given layer behind the logits."""
    return ValueError(
        f'layer {name!r} holds what the softmax or sigmoid makes of the logits: "output" (the logits) does not depend '
        "on it; give a layer before it, or fetch another one"
    )


def check_end(network: str, known: End, found: Logits | None) -> None:
    """Raise a ValueError if a network ends otherwise than it did when it was looked at.

    Args:
        network: what it is called.
        known: how it ended then.
        found: what `find_logits` finds now.
    """
    if known.kind != (found and found.kind):
        raise ValueError(
            f"{network!r} ends otherwise for inputs of this shape than when it was looked at "
            f"({known.how or 'no softmax'}): probabilities would pass for logits"
        )


class _Search:
    """A walk from the end of a graph back to its softmaxes and sigmoids."""

    def __init__(self, stop: Sequence[tf.Tensor]) -> None:
        self._stop = stop

    def undo(self, tensor: tf.Tensor) -> Logits | None:
        """Return what is behind a tensor."""
        if any(tensor is item for item in self._stop):
            return None
        operation = tensor.op
        kind, inputs = operation.type, operation.inputs
        if kind in ("Softmax", "LogSoftmax"):
            return _root(inputs[0], "softmax", "softmax")
        if kind == "Sigmoid":
            return _root(inputs[0], "sigmoid", "sigmoid")
        if kind in _PASSING and len(inputs):
            return self.undo(inputs[tensor.value_index])
        if kind in _SHAPING:
            return self._undo_shaping(tensor)
        if kind in _BOUNDING:
            return _read_clipped_line(tensor) or self._undo_clipping(tensor)
        if kind in ("ConcatV2", "Pack"):
            return self._undo_joining(tensor)
        written = _read_softmax(tensor) or _read_sigmoid(tensor) or _read_sparse_sigmoid(tensor)
        return written or self._undo_mixture(tensor)

    def _undo_clipping(self, tensor: tf.Tensor) -> Logits | None:
        found = [self.undo(item) for item in tensor.op.inputs if item.shape.rank != 0]
        if len(found) != 1 or found[0] is None:
            return None
        return found[0]._replace(how=f"{found[0].how.removesuffix(' and clipping')} and clipping")

    def _undo_shaping(self, tensor: tf.Tensor) -> Logits | None:
        found = self.undo(tensor.op.inputs[0])
        if found is None:
            return None
        size = [-1 if side is None else side for side in tensor.shape]
        shape = size if size.count(-1) <= 1 else tf.shape(tensor)
        kept = tensor.shape[-1:] == tensor.op.inputs[0].shape[-1:] or found.kind == "sigmoid"
        return found._replace(tensor=tf.reshape(found.tensor, shape), kind=found.kind if kept else "softmaxes")

    def _undo_joining(self, tensor: tf.Tensor) -> Logits | None:
        operation = tensor.op
        pack = operation.type == "Pack"
        parts = [self.undo(item) for item in (operation.inputs if pack else operation.inputs[:-1])]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts) or len({part.kind for part in found}) > 1:
            return None
        values = [tf.cast(part.tensor, found[0].tensor.dtype) for part in found]
        axis = operation.get_attr("axis") if pack else operation.inputs[-1]
        joined = tf.stack(values, axis) if pack else tf.concat(values, axis)
        joined.set_shape(tensor.shape)
        how = found[0].how if len(found) == 1 else f"{len(found)} times {found[0].how}"
        place, rank = tf.get_static_value(axis) if not pack else axis, joined.shape.rank
        last = place is None or rank is None or int(place) % rank == rank - 1
        kind = "softmaxes" if last and found[0].kind == "softmax" else found[0].kind
        return Logits(
            joined, kind, how, all(part.exact for part in found), tuple(root for part in found for root in part.roots)
        )

    def _undo_mixture(self, tensor: tf.Tensor) -> Logits | None:
        """Return the logarithm of an average of softmaxes, or the log-odds of one of sigmoids."""
        found = self._mix(tensor, _LONGEST)
        if found is None or tensor.op.type in ("Softmax", "Sigmoid") or abs(found[1] - 1) > 1e-3:
            return None  # scaled, as where a sigmoid is stretched over the range of a regression: no probabilities
        p = tf.maximum(tf.cast(tensor, tf.float32), _SMALLEST)
        if found[0] == "Softmax":
            how = "an average of softmaxes, which has no logits: log-probabilities stand in for them"
            return Logits(tf.math.log(p), "softmax", how, False, (tensor,))
        odds = tf.math.log(p) - tf.math.log(tf.maximum(1 - p, _SMALLEST))
        how = "an average of sigmoids, which has no logits: log-odds stand in for them"
        return Logits(odds, "sigmoid", how, False, (tensor,))

    def _mix(self, tensor: tf.Tensor, depth: int) -> tuple[str, float] | None:
        """Return what a weighted sum is of, "Softmax" or "Sigmoid", and the sum of its weights."""
        kind, inputs = tensor.op.type, list(tensor.op.inputs)
        if depth == 0 or tensor.shape.rank == 0 or any(tensor is end for end in self._stop):
            return None
        if kind in ("Softmax", "Sigmoid"):
            return kind, 1.0
        factor, parts = 1.0, inputs
        if kind in _PASSING or kind in _SHAPING:
            parts = inputs[:1]
        elif kind == "Mul" and any(_value(item) is not None for item in inputs):
            factor = next(value for value in map(_value, inputs) if value is not None)
            parts = [item for item in inputs if _value(item) is None]
        elif kind == "RealDiv" and _value(inputs[1]):
            factor, parts = 1 / (_value(inputs[1]) or 1.0), inputs[:1]
        elif kind in ("Mean", "Sum") and inputs[0].op.type == "Pack" and _joins(inputs[0], inputs[1]):
            parts = list(inputs[0].op.inputs)
            factor = 1 / len(parts) if kind == "Mean" else 1.0
        elif kind in ("Add", "AddV2", "AddN", "BiasAdd"):  # Keras adds by the last where the batch is one
            parts = [item for item in inputs if _value(item) != 0]
        else:
            return None
        found = [self._mix(part, depth - 1) for part in parts] if factor > 0 else []
        if not found or None in found or any(part.shape[-1] != tensor.shape[-1] for part in parts):
            return None
        kinds = {item[0] for item in found if item is not None}
        return (kinds.pop(), factor * sum(item[1] for item in found if item is not None)) if len(kinds) == 1 else None


def _joins(packed: tf.Tensor, axes: tf.Tensor) -> bool:
    """Return whether a mean or sum goes over what was stacked, and over nothing else."""
    values, rank = tf.get_static_value(axes), packed.shape.rank
    if values is None or rank is None:
        return False
    return [int(axis) % rank for axis in values.flat] == [packed.op.get_attr("axis") % rank]


def _root(tensor: tf.Tensor, kind: str, how: str) -> Logits:
    return Logits(tensor, kind, how, True, (tensor,))


def _read_softmax(tensor: tf.Tensor) -> Logits | None:
    """Return the logits of a softmax that is written out as exp(x) / sum(exp(x))."""
    if tensor.op.type != "RealDiv":
        return None
    above, below = (_strip(item) for item in tensor.op.inputs)
    if above.op.type != "Exp" or below.op.type != "Sum":
        return None
    under = _strip(below.op.inputs[0])
    if under.op.type != "Exp" or not _is_same(above.op.inputs[0], under.op.inputs[0]):
        return None
    axes = tf.get_static_value(below.op.inputs[1])
    if axes is None or [int(axis) % tensor.shape.rank for axis in axes.flat] != [tensor.shape.rank - 1]:
        return None
    x = _strip(above.op.inputs[0])
    if x.op.type == "Sub" and _strip(x.op.inputs[1]).op.type == "Max":  # only the largest was taken off
        x = x.op.inputs[0]
    return _root(x, "softmax", "softmax (written out)")


def _read_sigmoid(tensor: tf.Tensor) -> Logits | None:
    """Return the logit of a sigmoid that is written out as 1 / (1 + exp(-x)), or of a hard one, relu6(x + 3) / 6."""
    operation = tensor.op
    if operation.type == "Reciprocal":
        below: Any = operation.inputs[0]
    elif operation.type == "RealDiv" and _value(operation.inputs[0]) == 1:
        below = operation.inputs[1]
    else:
        return _read_hard_sigmoid(tensor)
    below = _strip(below)
    term = _other(below, lambda value: value == 1) if below.op.type in ("Add", "AddV2") else None
    if term is None or _strip(term).op.type != "Exp":
        return None
    minus = _strip(_strip(term).op.inputs[0])
    return _root(minus.op.inputs[0], "sigmoid", "sigmoid (written out)") if minus.op.type == "Neg" else None


def _read_hard_sigmoid(tensor: tf.Tensor) -> Logits | None:
    sixth = 1 / 6 if tensor.op.type == "Mul" else 6.0
    scaled = _other(tensor, lambda value: abs(value - sixth) < 1e-3) if tensor.op.type in ("Mul", "RealDiv") else None
    if scaled is None or _strip(scaled).op.type != "Relu6":
        return None
    moved = _strip(_strip(scaled).op.inputs[0])
    x = _other(moved, lambda value: value == 3) if moved.op.type in ("Add", "AddV2") else None
    return None if x is None else _root(x, "sigmoid", "hard sigmoid")


def _read_sparse_sigmoid(tensor: tf.Tensor) -> Logits | None:
    """Return the logit of where(x <= -1, 0, where(x >= 1, 1, (x + 1) / 2))."""
    for ending, end in (("LessEqual", 0.0), ("GreaterEqual", 1.0)):
        if tensor.op.type not in ("Select", "SelectV2"):
            return None
        choice, first, second = tensor.op.inputs
        if choice.op.type != ending or _value(first) != end:
            return None
        tensor = second
    moved = _other(tensor, lambda value: value == 0.5) if tensor.op.type == "Mul" else None
    x = _other(moved, lambda value: value == 1) if moved is not None and moved.op.type == "AddV2" else None
    return None if x is None else _root(x, "sigmoid", "sparse sigmoid")


def _read_clipped_line(tensor: tf.Tensor) -> Logits | None:
    """Return the logit of a hard sigmoid of older versions of Keras, clip(x / 5 + 1 / 2, 0, 1)."""
    bounds: set[float | None] = set()
    while tensor.op.type in _BOUNDING:
        inside = next((item for item in tensor.op.inputs if _value(item) is None), tensor.op.inputs[0])
        bounds |= {_value(item) for item in tensor.op.inputs if item is not inside}
        tensor = _strip(inside)
    if bounds != {0.0, 1.0}:
        return None
    scaled = _other(tensor, lambda value: value == 0.5) if tensor.op.type in ("Add", "AddV2") else None
    x = None if scaled is None or _strip(scaled).op.type != "Mul" else _other(_strip(scaled), lambda value: value > 0)
    return None if x is None else _root(x, "sigmoid", "hard sigmoid")


def _other(tensor: tf.Tensor, fits: Callable[[float], bool]) -> tf.Tensor | None:
    """Return the operand beside a constant that fits, or None."""
    for place, item in enumerate(tensor.op.inputs):
        value = _value(item)
        if value is not None and fits(value):
            return tensor.op.inputs[1 - place]
    return None


def _value(tensor: tf.Tensor) -> float | None:
    value = tf.get_static_value(tensor) if _is_constant(tensor) else None
    return float(value.reshape(-1)[0]) if value is not None and value.size == 1 else None


def _is_constant(tensor: tf.Tensor) -> bool:
    return _strip(tensor).op.type == "Const"


def _strip(tensor: tf.Tensor) -> tf.Tensor:
    """Return a tensor without what only passes it on, or shapes it."""
    while tensor.op.type in (*_PASSING, *_SHAPING) and len(tensor.op.inputs):
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
    return tensor


def _is_same(first: tf.Tensor, second: tf.Tensor, depth: int = 3) -> bool:
    """Return whether two tensors are the same, or computed in the same way."""
    first, second = _strip(first), _strip(second)
    if first is second:
        return True
    pairs = list(zip(first.op.inputs, second.op.inputs, strict=False))
    alike = first.op.type == second.op.type and len(first.op.inputs) == len(second.op.inputs) and depth > 0 and pairs
    if first.op.type == second.op.type == "Const":
        return _value(first) == _value(second)
    return bool(alike) and all(_is_same(*pair, depth - 1) for pair in pairs)
