"""The softmax or sigmoid at the end of a network, and the logits behind it."""

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import tensorflow as tf

from tf_interp.models.outputs.ends.bounds import find_bounds
from tf_interp.models.outputs.ends.operations import (
    PASSING,
    SHAPING,
    cuts_off,
    find_barrier,
    find_other,
    is_free,
    is_same,
    list_before,
    read_value,
    strip,
)
from tf_interp.models.outputs.ends.order import find_order
from tf_interp.models.outputs.ends.verification import is_true
from tf_interp.models.outputs.ends.written_out import (
    BOUNDING,
    HARD,
    SPARSE,
    Written,
    read_clip,
    read_clipped_line,
    read_written_out,
)

_SMALLEST = 1e-30  # probabilities below count as this, so that their logarithm stays finite
_SAFE = 1e-3  # clipping that cuts off no more than this from [0,1] is for safety, and changes no number that counts
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
        log: whether the network returns logarithms of its probabilities.
        clipped: between which bounds it clips its probabilities, where that changes what it returns; else None.
        odds: whether the logarithms are those of odds, p / (1 - p).
        hard: whether straight lines stand in for a sigmoid.
        sources: the tensors that the softmaxes or sigmoids take, all that the output is made of.
    """

    tensor: tf.Tensor
    kind: str
    how: str
    exact: bool
    roots: tuple[tf.Tensor, ...]
    log: bool = False
    clipped: tuple[float, float] | None = None
    odds: bool = False
    hard: bool = False
    sources: tuple[tf.Tensor, ...] = ()


class End(NamedTuple):
    """How a network ends at one output, without the tensors.

    Args:
        kind: as of `Logits`, None where no probabilities are recognized.
        how: what was undone, in words.
        exact: as of `Logits`.
        operation: type of the last operation.
        low: the lowest number that its operations can give, whatever the weights are.
        high: the highest one.
        selection: type of an operation before it that selects boxes, or None.
        flat: type of an operation that lets no gradient pass, where none of its roads is free of such; else None.
        joins: what it joins, in words, where that is of several kinds; else None.
        drawn: whether an operation before it draws at random.
        log: as of `Logits`.
        clipped: as of `Logits`.
        order: 1 where its numbers never fall from one to the next, whatever the weights are, -1 where they never rise.
        twice: whether the logits themselves lie in [0,1], as those of a second softmax do.
        plain: whether it is what a softmax or sigmoid puts out itself, with nothing behind it.
        free: whether a layer with weights, and nothing else that would bound it, gives its numbers.
    """

    kind: str | None
    how: str
    exact: bool
    operation: str
    low: float
    high: float
    selection: str | None
    flat: str | None
    joins: str | None
    drawn: bool
    log: bool
    clipped: tuple[float, float] | None
    order: int
    twice: bool
    plain: bool
    free: bool

    @property
    def bounded(self) -> bool:
        """Whether all its numbers lie in [0,1], whatever the weights are."""
        return self.low >= 0 and self.high <= 1

    @property
    def positive(self) -> bool:
        """Whether none of its numbers is ever negative."""
        return self.low >= 0


def describe_end(output: tf.Tensor, found: Logits | None, weights: Collection[str] = ()) -> End:
    """Return how a network ends.

    Args:
        output: what it returns.
        found: what `find_logits` found behind it.
        weights: as in `find_bounds`.
    """
    low, high = find_bounds(output, weights)
    inner = (-1.0, 1.0) if found is None or not found.exact else find_bounds(found.tensor, weights)
    before = list_before(output)
    selections = [item.type for item in before if "NonMaxSuppression" in item.type]  # they give no rows of pictures
    return End(
        kind=None if found is None else found.kind,
        how="" if found is None else found.how,
        exact=found is None or found.exact,
        operation=strip(output).op.type,
        low=low,
        high=high,
        selection=selections[0] if selections else None,
        flat=None if found else find_barrier(output),
        joins=_read_join(output, weights) if found is None else None,
        drawn=any(word in item.type for item in before for word in _DRAWING),
        log=found is not None and found.log,
        clipped=None if found is None else found.clipped,
        order=find_order(output, weights),
        twice=inner[0] >= 0 and inner[1] <= 1,
        plain=output.op.type in ("Softmax", "Sigmoid"),
        free=found is None and is_free(output),
    )


def _read_join(output: tf.Tensor, weights: Collection[str]) -> str | None:
    """Return what an output joins, if only some of its numbers are probabilities, or they are so by several roads."""
    joined = strip(output).op
    if joined.type not in ("ConcatV2", "Pack"):
        return None
    kinds = []
    for part in joined.inputs if joined.type == "Pack" else joined.inputs[:-1]:
        logits = find_logits(part)
        kinds.append(logits.how if logits else _describe_bounds(*find_bounds(part, weights)))
    return " and ".join(dict.fromkeys(kinds)) if len(set(kinds)) > 1 else None


def _describe_bounds(low: float, high: float) -> str:
    if low >= 0:
        return "numbers in [0,1]" if high <= 1 else "numbers that are never negative"
    return f"numbers between {low:.3g} and {high:.3g}" if high - low < math.inf else "other numbers"


def find_logits(output: tf.Tensor, stop: Sequence[tf.Tensor] = ()) -> Logits | None:
    """Return the logits from which the end of a network computes probabilities.

    Softmax, log-softmax, sigmoid, hard and sparse sigmoid are undone, also where they are written out, and where
    reshaping, clipping or joining comes behind them. An average of several of them has no logits: the logarithm of the
    probability stands in for those of softmaxes, its log-odds for those of sigmoids. What is more than a softmax or
    sigmoid put in another shape is computed once from random logits, and is none if it gives other numbers.

    Args:
        output: what the network returns, in the current graph.
        stop: tensors behind which not to look.

    Returns:
        The logits, or None if the network does not end in probabilities that are recognized.
    """
    found = _Search(stop).undo(output)
    if found is None or not is_true(output, found):
        return None
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
        if kind in ("Softmax", "LogSoftmax", "Sigmoid"):
            how = "sigmoid" if kind == "Sigmoid" else "softmax"
            return _root(Written(inputs[0], how, how, kind == "LogSoftmax"))
        if kind in ("Log", "Sub"):
            found = self._undo_log_odds(tensor) or (self._undo_logarithm(tensor) if kind == "Log" else None)
            if found is not None:
                return found
        if cuts_off(tensor):  # whole numbers are left of no probability
            return None
        if kind in PASSING and len(inputs):
            return self.undo(inputs[tensor.value_index])
        if kind in SHAPING:
            return self._undo_shaping(tensor)
        if kind in BOUNDING:
            line = read_clipped_line(tensor)
            return _root(line) if line else self._undo_clipping(tensor)
        if kind in ("ConcatV2", "Pack"):
            return self._undo_joining(tensor)
        written = read_written_out(tensor)
        return _root(written) if written else self._undo_mixture(tensor)

    def _undo_clipping(self, tensor: tf.Tensor) -> Logits | None:
        inside, low, high = read_clip(tensor)
        found = None if math.isnan(low) else self.undo(inside)
        if found is None:
            return None
        ends = (low, high)
        if found.odds:
            ends = (1 / (1 + math.exp(min(-low, 700.0))), 1 / (1 + math.exp(min(-high, 700.0))))
        elif found.log:
            ends = (math.exp(low), math.exp(min(high, 0.0)))
        ends = (max(ends[0], 0.0), min(ends[1], 1.0))
        if ends[0] > _SAFE or ends[1] < 1 - _SAFE:
            width = tensor.shape[-1] if tensor.shape.rank else None
            halves = found.kind == "sigmoid" and ends[0] < 0.5 < ends[1]
            first = found.kind == "softmax" and width is not None and ends[0] <= 1 / width and ends[1] >= 0.5
            if not halves and not first:
                return None  # what it decides is something else than what the logits say
            found = found._replace(clipped=ends)
        return found._replace(how=f"{found.how.removesuffix(' and clipping')} and clipping")

    def _undo_log_odds(self, tensor: tf.Tensor) -> Logits | None:
        """Return what is behind log(p / (1 - p)), or log(p) - log(1 - p), of sigmoids p."""
        parts = tensor.op if tensor.op.type == "Sub" else strip(tensor.op.inputs[0]).op
        if parts.type not in ("Sub", "RealDiv") or (parts.type == "RealDiv" and tensor.op.type != "Log"):
            return None
        p, rest = (strip(item) for item in parts.inputs)
        if parts.type == "Sub":
            if p.op.type != "Log" or rest.op.type not in ("Log", "Log1p"):
                return None
            p, rest = strip(p.op.inputs[0]), strip(rest.op.inputs[0]) if rest.op.type == "Log" else rest
        of = {"Sub": lambda: rest.op.inputs[1], "Log1p": lambda: strip(rest.op.inputs[0]).op.inputs[0]}
        less = rest.op.type == "Sub" and read_value(rest.op.inputs[0]) == 1
        minus = rest.op.type == "Log1p" and strip(rest.op.inputs[0]).op.type == "Neg"
        if not (less or minus) or not is_same(of[rest.op.type](), p):
            return None
        found = self.undo(p)
        if found is None or found.kind != "sigmoid" or not found.exact or found.log:
            return None
        return found._replace(log=True, odds=True, how=f"log-odds of {found.how}")

    def _undo_logarithm(self, tensor: tf.Tensor) -> Logits | None:
        """Return what is behind log(p), or behind log(p + a small number)."""
        inside = strip(tensor.op.inputs[0])
        if inside.op.type in ("Add", "AddV2"):
            inside = find_other(inside, lambda value: 0 <= value <= _SAFE)
        found = None if inside is None else self.undo(inside)
        if found is None or found.log:
            return None
        return found._replace(log=True, how=f"logarithm of {found.how}" if found.exact else found.how)

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
        if len(found) < len(parts) or len({(part.kind, part.log, part.odds) for part in found}) > 1:
            return None
        values = [tf.cast(part.tensor, found[0].tensor.dtype) for part in found]
        axis = operation.get_attr("axis") if pack else operation.inputs[-1]
        joined = tf.stack(values, axis) if pack else tf.concat(values, axis)
        joined.set_shape(tensor.shape)
        how = found[0].how if len(found) == 1 else f"{len(found)} times {found[0].how}"
        place, rank = tf.get_static_value(axis) if not pack else axis, joined.shape.rank
        last = place is None or rank is None or int(place) % rank == rank - 1
        kind = "softmaxes" if last and found[0].kind == "softmax" else found[0].kind
        clipped = [part.clipped for part in found if part.clipped is not None]
        return Logits(
            joined,
            kind,
            how,
            all(part.exact for part in found),
            tuple(root for part in found for root in part.roots),
            found[0].log,
            (max(low for low, _ in clipped), min(high for _, high in clipped)) if clipped else None,
            found[0].odds,
            any(part.hard for part in found),
            tuple(source for part in found for source in part.sources),
        )

    def _undo_mixture(self, tensor: tf.Tensor) -> Logits | None:
        """Return the logarithm of an average of softmaxes, or the log-odds of one of sigmoids."""
        found = self._mix(tensor, _LONGEST)
        if found is None or tensor.op.type in ("Softmax", "Sigmoid") or abs(found[1] - 1) > 1e-3:
            return None  # scaled, as where a sigmoid is stretched over the range of a regression: no probabilities
        (kind, _, sources), x = found, found[2][0].op.inputs[0]
        if all(source is sources[0] for source in sources) and x.shape.is_compatible_with(tensor.shape):
            return _root(Written(x, kind.lower(), kind.lower()))  # of one with itself
        taken = tuple(source.op.inputs[0] for source in sources)
        p = tf.maximum(tf.cast(tensor, tf.float32), _SMALLEST)
        if kind == "Softmax":
            how = "an average of softmaxes, which has no logits: log-probabilities stand in for them"
            return Logits(tf.math.log(p), "softmax", how, False, (tensor,), sources=taken)
        odds = tf.math.log(p) - tf.math.log(tf.maximum(1 - p, _SMALLEST))
        how = "an average of sigmoids, which has no logits: log-odds stand in for them"
        return Logits(odds, "sigmoid", how, False, (tensor,), sources=taken)

    def _mix(self, tensor: tf.Tensor, depth: int) -> tuple[str, float, list[tf.Tensor]] | None:
        """Return what a weighted sum is of, "Softmax" or "Sigmoid", the sum of its weights, and all that it sums."""
        kind, inputs = tensor.op.type, list(tensor.op.inputs)
        if depth == 0 or tensor.shape.rank == 0 or any(tensor is end for end in self._stop):
            return None
        if kind in ("Softmax", "Sigmoid"):
            return kind, 1.0, [tensor]
        factor, parts = 1.0, inputs
        if kind in PASSING or kind in SHAPING:
            parts = inputs[:1]
        elif kind == "Mul" and any(read_value(item) is not None for item in inputs):
            factor = next(value for value in map(read_value, inputs) if value is not None)
            parts = [item for item in inputs if read_value(item) is None]
        elif kind == "RealDiv" and read_value(inputs[1]):
            factor, parts = 1 / (read_value(inputs[1]) or 1.0), inputs[:1]
        elif kind in ("Mean", "Sum") and inputs[0].op.type == "Pack" and _joins(inputs[0], inputs[1]):
            parts = list(inputs[0].op.inputs)
            factor = 1 / len(parts) if kind == "Mean" else 1.0
        elif kind in ("Add", "AddV2", "AddN", "BiasAdd"):  # Keras adds by the last where the batch is one
            parts = [item for item in inputs if read_value(item) != 0]
        else:
            return None
        mixed = [self._mix(part, depth - 1) for part in parts] if factor > 0 else []
        found = [item for item in mixed if item is not None]
        if not found or len(found) < len(parts) or any(part.shape[-1] != tensor.shape[-1] for part in parts):
            return None
        if len({item[0] for item in found}) > 1:
            return None
        return found[0][0], factor * sum(item[1] for item in found), [one for item in found for one in item[2]]


def _joins(packed: tf.Tensor, axes: tf.Tensor) -> bool:
    """Return whether a mean or sum goes over what was stacked, and over nothing else."""
    values, rank = tf.get_static_value(axes), packed.shape.rank
    if values is None or rank is None:
        return False
    return [int(axis) % rank for axis in values.flat] == [packed.op.get_attr("axis") % rank]


def _root(found: Written) -> Logits:
    source = found.tensor if found.source is None else found.source
    hard = found.how in (HARD, SPARSE)
    return Logits(found.tensor, found.kind, found.how, True, (found.tensor,), found.log, hard=hard, sources=(source,))
