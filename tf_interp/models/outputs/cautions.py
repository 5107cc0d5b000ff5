"""What a person should know of the numbers of an output: that they are no logits, or not what the loss takes."""

from typing import NamedTuple

from tf_interp.models.outputs.losses import Loss
from tf_interp.models.outputs.output_end import End

SELECTED = (
    "it holds the boxes that {} selected: they have no fixed meaning from picture to picture, and no gradient leads to "
    "their choice. Ask about the layers before it, which hold the raw scores and boxes"
)
FLAT = (
    "no gradient leads through {}, which makes whole numbers or choices: nothing can be attributed to it. Ask about a "
    "layer before it, or let the network return what it chooses from"
)
_RETURN = "Let the network return its logits, where that is possible"
_SUM_TO_ONE = (
    "on noise the outputs lie in [0,1] and sum to one, so they are probabilities, but how {} makes them is not "
    "recognized: effects are in probabilities, which saturate, not in logits. " + _RETURN
)
_LOGS = (
    "on noise the exponentials of the outputs sum to one, so they are logarithms of probabilities, but how {} makes "
    "them is not recognized: effects are in log-probabilities, which every class moves, not in logits. " + _RETURN
)
_BOUNDED = (
    "all outputs lie in [0,1], {always}; if they are probabilities, effects are in probabilities, not in logits: how "
    "{} makes them is not recognized"
)
_POSITIVE = (
    "none of its numbers is ever negative, {always}: they were taken for what speaks for classes, but {} makes no "
    "logits. Lengths (of capsules), distances and rates are something else, and effects are in them"
)
_NEGATIVE = (
    "none of its numbers is ever above zero, {always}: they were taken for what speaks for classes, as "
    "minus a distance does, but {} makes no logits, and effects are in the numbers as they are"
)
_BETWEEN = (
    "all its numbers lie between {:.3g} and {:.3g}, {always}: {}logits have no such bounds, unless they are cosines or "
    "were capped. Effects are in the numbers as they are"
)
_TAKEN = "they were taken for what speaks for classes, but "
_JOINED = (
    "it joins {}: effects are in the numbers as they are returned, which are of several kinds, and cannot be compared "
    "between columns. Give its parts as outputs of their own, or say with head= what all of it is"
)
_TRAINED_AS_ONE = (
    "the loss, {}, takes probabilities, but how {} makes them is not recognized: effects are in probabilities, which "
    "saturate, not in logits. " + _RETURN
)
_UNEQUAL = (
    "the loss, {}, takes probabilities of one of several classes, but on noise the outputs do not sum to one, so they "
    "are none: Keras's crossentropies divide them by their sum, which the network does not. Effects are in the numbers "
    "as they are returned, and how {} makes them is not recognized. " + _RETURN
)
_ORDERED = (
    "its numbers never {} from one to the next, whatever the weights are, as the steps of an order do (at least, at "
    "most class k): these are no logits of classes, each of its own, and the largest is always the {}. Ask about one "
    "step, or let the network return the probability of each class"
)
_TOGETHER = (
    "its numbers are one number that moves all of them alike, and one added to each that no input changes, as the "
    "steps of an order have (at least class k, as in CORAL): these are no logits of classes, each of its own, and the "
    "largest is always the same. Ask about one step, or let the network return the probability of each class"
)
_RAW = (
    "the loss, {}, takes probabilities (from_logits=False), but {} gives numbers of any size: Keras forces them into "
    "[0,1] before it takes logarithms, so the network does not learn what it seems to. End it in a {}{}"
)
_RAW_OVERLAP = (
    "the loss, {}, compares sums of shares in [0,1], but {} gives numbers of any size, for which it has no lowest "
    "value that means a match: the network does not learn what it seems to. End it in a {}"
)
_LOGS_AS_ONE = (
    "the loss, {}, takes probabilities (from_logits=False), but the network returns their logarithms, which Keras "
    "forces into [0,1]: it does not learn what it seems to. Return probabilities{}"
)
_OR_LOGITS = ", or compile it with from_logits=True in the loss"
_ONE_TOO_MANY = (
    "the loss, {}, takes logits (from_logits=True), but what the network returns lies in [0,1], {always}: the loss "
    "puts a softmax or sigmoid behind probabilities. Compile it without from_logits=True"
)
_CLIPPED = (
    "what it returns is clipped to [{:.3g}, {:.3g}] behind its {}: effects are on the logit, which moves on where what "
    "is returned stands still"
)
_TWICE = (
    "what its {} gets lies in [0,1] itself, whatever the weights are: it looks as if a softmax or sigmoid stood there "
    "twice. Effects are on the numbers between the two"
)
_ALONE = (
    "it returns one number behind a softmax: over one number alone that is 1 whatever the network learns, and a "
    "sigmoid was meant"
)
_SEVERAL = "the output joins several softmaxes: no single classes"
_OTHER_LOSS = (
    "it ends in {}, each for itself, but the loss, {}, is for one of several classes: they were taken for that. If "
    "several may be true, say head='multilabel'"
)
_FOR_NUMBERS = (
    "it ends in {}, but the loss, {}, is for numbers: they were taken for {}. If it was trained to give numbers in "
    "[0,1], say head='regression'"
)


class Seen(NamedTuple):
    """What noise shows of the numbers of an output that is not recognized.

    Args:
        shares: whether they lie in [0,1] and sum to one.
        logs: whether their exponentials do.
        outside: whether some lie outside [0,1].
        unequal: whether all lie in [0,1], but some do not sum to one.
    """

    shares: bool = False
    logs: bool = False
    outside: bool = False
    unequal: bool = False


def tell_recognized(end: End, loss: Loss | None, trained: str | None, alone: bool = False) -> str | None:
    """Return what should be known of an output behind which softmaxes or sigmoids were found; None if nothing.

    Args:
        end: how the network ends there.
        loss: that it was trained with, if known.
        trained: the kind of head that the loss is for, if known.
        alone: whether it is one number.
    """
    told = [] if end.exact else [f"the network ends in {end.how}"]
    if alone and end.kind == "softmax":
        told.append(_ALONE)
    if end.kind == "softmaxes":
        told.append(_SEVERAL)
    if end.clipped is not None:
        told.append(_CLIPPED.format(*end.clipped, end.how.removesuffix(" and clipping")))
    if end.twice:
        told.append(_TWICE.format(end.how))
    if end.steps and end.kind == "sigmoid":
        told.append(_tell_order(end.order))
    if end.kind == "sigmoid" and trained == "multiclass" and loss is not None:
        told.append(_OTHER_LOSS.format(end.how, loss.name))
    if end.kind == "sigmoid" and trained == "regression" and loss is not None:
        of = "the probability of the second of two classes" if alone else "probabilities of classes"
        told.append(_FOR_NUMBERS.format(end.how, loss.name, of))
    if loss is not None and end.log and loss.takes == "probabilities":
        told.append(_LOGS_AS_ONE.format(loss.name, _OR_LOGITS if loss.has_logits else ""))
    # of a plain softmax or sigmoid Keras takes the input itself, and warns
    if loss is not None and loss.takes == "logits" and end.bounded and not end.plain:
        told.append(_ONE_TOO_MANY.format(loss.name, always=end.always))
    return "; ".join(told) or None


def tell_numbers(
    end: End, loss: Loss | None, trained: str | None, seen: Seen, dense: bool
) -> tuple[str, str | None, str | None]:
    """Return what numbers are that no softmax or sigmoid was found behind, from what that is seen, and a caution.

    Args:
        end: how the network ends there.
        loss: that it was trained with, if known.
        trained: the kind of head that the loss is for, if known; None or one of classes.
        seen: what noise shows of them.
        dense: whether it is a map, of which nothing was concluded from the bare numbers.
    """
    takes = None if loss is None else loss.takes
    if end.joins and not trained and not seen.shares:
        return "number", None, _JOINED.format(end.joins)
    if seen.shares and not end.steps:
        return "probability", "that sum to one", _SUM_TO_ONE.format(end.operation)
    if seen.logs and not end.steps:
        told = [_LOGS.format(end.operation)]
        if loss is not None and takes == "probabilities":
            told.append(_LOGS_AS_ONE.format(loss.name, _OR_LOGITS if loss.has_logits else ""))
        return "log-probability", "whose exponentials sum to one", "; ".join(told)
    quantity, evidence, caution = _judge(end, loss, trained, seen, dense)
    if not end.steps:
        return quantity, evidence, caution
    told = [_tell_order(end.order), *([caution] if caution and trained else [])]
    moves = {1: "rise from one to the next", -1: "fall from one to the next", 0: "move together"}
    evidence = f"that {moves[end.order]}"
    return quantity if trained else "number", evidence, "; ".join(told)


def _judge(
    end: End, loss: Loss | None, trained: str | None, seen: Seen, dense: bool
) -> tuple[str, str | None, str | None]:
    """Return what numbers are by their bounds and by the loss alone, from what that is seen, and a caution."""
    takes, plain = None if loss is None else loss.takes, "number" if dense else "logit"
    if loss is not None and takes == "probabilities":
        if end.bounded or not (end.free or seen.outside):
            if trained == "multiclass" and seen.unequal:
                return "number", None, _UNEQUAL.format(loss.name, end.operation)
            return "probability", None, _TRAINED_AS_ONE.format(loss.name, end.operation)
        if loss.overlaps:
            needed = "sigmoid" if trained == "binary" else "sigmoid or softmax"
            return "number", None, _RAW_OVERLAP.format(loss.name, end.operation, needed)
        needed = "softmax" if trained == "multiclass" else "sigmoid"
        return "number", None, _RAW.format(loss.name, end.operation, needed, _OR_LOGITS if loss.has_logits else "")
    if loss is not None and takes == "logits":
        return "logit", None, _ONE_TOO_MANY.format(loss.name, always=end.always) if end.bounded else None
    if end.bounded:
        return "number", "in [0,1]", _BOUNDED.format(end.operation, always=end.always)
    low, high = end.fed
    if trained:  # by a hinge, which takes numbers between bounds as well
        return "number" if high - low < float("inf") else plain, None, None
    if low < 0 < high and high - low < float("inf"):
        told = _BETWEEN.format(low, high, "" if dense else _TAKEN, always=end.always)
        return "number", f"between {low:.3g} and {high:.3g}", told
    if not dense and low >= 0:
        return "number", "that are never negative", _POSITIVE.format(end.operation, always=end.always)
    if not dense and high <= 0:
        return "number", "that are never above zero", _NEGATIVE.format(end.operation, always=end.always)
    return plain, None, None


def _tell_order(order: int) -> str:
    if not order:
        return _TOGETHER
    return _ORDERED.format(*(("fall", "last") if order > 0 else ("rise", "first")))
