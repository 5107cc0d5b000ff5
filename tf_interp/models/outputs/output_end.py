"""`End`: how a network ends at one output, in words and numbers, without the tensors."""

import math
from collections.abc import Collection, Mapping
from typing import NamedTuple

import tensorflow as tf

from tf_interp.models.outputs.ends.bounds import find_bounds
from tf_interp.models.outputs.ends.logits import Logits, find_logits
from tf_interp.models.outputs.ends.operations import find_barrier, is_free, list_before, strip
from tf_interp.models.outputs.ends.order import find_order, move_together

_DRAWING = ("Random", "Multinomial", "TruncatedNormal", "StatefulUniform", "StatefulStandardNormal")
DRAWN = "what it returns is one draw of chance: it holds operations that draw at random, as in training"
_ALWAYS = "whatever the weights are"


class End(NamedTuple):
    """How a network ends at one output, without the tensors.

    Args:
        kind: as of `Logits`, None where no probabilities are recognized.
        how: what was undone, in words.
        exact: as of `Logits`.
        operation: type of the last operation.
        low: the lowest number that its operations can give, whatever the weights are.
        high: the highest one.
        fed: the lowest and the highest one where what the network takes lies in [0,1], as masks do.
        selection: type of an operation before it that selects boxes, or None.
        flat: type of an operation that lets no gradient pass, where none of its roads is free of such; else None.
        joins: what it joins, in words, where that is of several kinds; else None.
        drawn: whether an operation before it draws at random.
        log: as of `Logits`.
        clipped: as of `Logits`.
        order: 1 where its numbers never fall from one to the next, whatever the weights are, -1 where they never rise.
        together: whether its numbers are one number that is moved by what no input changes, each by its own.
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
    fed: tuple[float, float]
    selection: str | None
    flat: str | None
    joins: str | None
    drawn: bool
    log: bool
    clipped: tuple[float, float] | None
    order: int
    together: bool
    twice: bool
    plain: bool
    free: bool

    @property
    def steps(self) -> bool:
        """Whether its numbers are the steps of an order, and no classes each of its own."""
        return self.order != 0 or self.together

    @property
    def always(self) -> str:
        """Where `fed` holds, in words."""
        only = self.fed != (self.low, self.high)
        return _ALWAYS + (", where what the network takes lies in [0,1], as masks and shares do" if only else "")

    @property
    def bounded(self) -> bool:
        """Whether all its numbers lie in [0,1], where `fed` holds."""
        return self.fed[0] >= 0 and self.fed[1] <= 1

    @property
    def positive(self) -> bool:
        """Whether none of its numbers is ever negative, where `fed` holds."""
        return self.fed[0] >= 0


def describe_end(
    output: tf.Tensor, found: Logits | None, inputs: Mapping[str, tf.Tensor], weights: Collection[str] = ()
) -> End:
    """Return how a network ends.

    Args:
        output: what it returns.
        found: what `find_logits` found behind it.
        inputs: name -> tensor of what the network takes.
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
        fed=find_bounds(output, weights, inputs.values()),
        selection=selections[0] if selections else None,
        flat=None if found else find_barrier(output),
        joins=_read_join(output, weights) if found is None else None,
        drawn=any(word in item.type for item in before for word in _DRAWING),
        log=found is not None and found.log,
        clipped=None if found is None else found.clipped,
        order=find_order(output, weights),
        together=move_together(output),
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
        with output.graph.as_default():  # what is undone is built there
            logits = find_logits(part)
        kinds.append(logits.how if logits else _describe_bounds(*find_bounds(part, weights)))
    return " and ".join(dict.fromkeys(kinds)) if len(set(kinds)) > 1 else None


def _describe_bounds(low: float, high: float) -> str:
    if low >= 0:
        return "numbers in [0,1]" if high <= 1 else "numbers that are never negative"
    return f"numbers between {low:.3g} and {high:.3g}" if high - low < math.inf else "other numbers"


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
