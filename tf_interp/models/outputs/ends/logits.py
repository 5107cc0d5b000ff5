"""The softmax or sigmoid at the end of a network, and the logits behind it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_interp.models.outputs.ends.operations import (
    PASSING,
    SHAPING,
    cuts_off,
    find_other,
    is_same,
    list_kept_axes,
    read_numbers,
    read_value,
    strip,
)
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
_PICKING = ("StridedSlice", "GatherV2", "ReverseV2", "Transpose")
_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
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
        if kind in _PICKING:
            return self._undo_picking(tensor)
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

    def _undo_picking(self, tensor: tf.Tensor) -> Logits | None:
        """Return the logits of what was picked or put in another order, such as the last step of a series.

        Those of a softmax only where all its classes stay side by side: a part of them says less than it seems to.
        """
        operation = tensor.op
        found = self.undo(operation.inputs[0])
        if found is None or not found.exact or found.kind == "softmaxes" or found.tensor.shape.rank is None:
            return None
        if found.kind == "softmax" and not _keeps_classes(tensor):
            return None
        kind, settings = operation.type, [*operation.inputs][1:]
        if kind == "StridedSlice":
            masks = {name: operation.get_attr(name) for name in _MASKS}
            picked = tf.raw_ops.StridedSlice(
                input=found.tensor, begin=settings[0], end=settings[1], strides=settings[2], **masks
            )
        elif kind == "GatherV2":
            picked = tf.gather(found.tensor, settings[0], axis=settings[1], batch_dims=operation.get_attr("batch_dims"))
        elif kind == "ReverseV2":
            picked = tf.reverse(found.tensor, settings[0])
        else:
            picked = tf.transpose(found.tensor, settings[0])
        return found._replace(tensor=picked)

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


def _keeps_classes(tensor: tf.Tensor) -> bool:
    """Return whether all numbers of the last axis stay beside each other behind what picks or turns some."""
    operation, last = tensor.op, (tensor.op.inputs[0].shape.rank or 0) - 1
    if operation.type == "StridedSlice":
        kept = list_kept_axes(operation)
        return len(kept) == last + 1 and kept[-1] is not None and kept[-1] == (tensor.shape.rank or 0) - 1
    if operation.type == "ReverseV2":
        return True
    if operation.type == "Transpose":
        order = read_numbers(operation.inputs[1])
        return order is not None and int(order[-1]) == last
    axis, places = tf.get_static_value(operation.inputs[2]), tf.get_static_value(operation.inputs[1])
    if axis is None or operation.get_attr("batch_dims"):
        return False
    if int(axis) % (last + 1) != last:
        return operation.inputs[1].shape.rank is not None and tensor.shape[-1:] == operation.inputs[0].shape[-1:]
    return places is not None and np.array_equal(
        np.sort(np.ravel(places)), np.arange(tensor.op.inputs[0].shape[-1] or 0)
    )


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
