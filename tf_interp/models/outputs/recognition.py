"""What each output of a network is: from how it ends, from its loss, and from what the user says."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tf_interp.models.batching.batch_mixing import make_batch
from tf_interp.models.outputs import cautions
from tf_interp.models.outputs.cautions import Seen
from tf_interp.models.outputs.heads import KINDS, Head
from tf_interp.models.outputs.losses import Loss
from tf_interp.models.outputs.output_end import End
from tf_interp.models.private import outside_graphs

_ONE_NUMBER = (
    "one number without a sigmoid was taken for a regression; if it is the logit of two classes, say head='binary'"
)
_ONE_BOUNDED = (
    "one number in [0,1], {always}, was taken for a regression; if it is the probability of the second "
    "of two classes, say head='binary'"
)
_ONE_BETWEEN = (
    "one number between {:.3g} and {:.3g}, {always}, was taken for a regression; if it decides between "
    "two classes, say head='binary'"
)
_REBUILT = (
    "{} numbers come out, as many as go in, and no loss is known: they were taken for what speaks for classes; if the "
    "network rebuilds or continues its input, say head='regression'"
)
_ORDINARY = ("BiasAdd", "Conv2D", "Conv3D", "DepthwiseConv2dNative", "FusedBatchNormV3", "Relu")  # ends of a map
_LOUD = 30.0  # times usual noise


class Guess(NamedTuple):
    """What an output seems to be.

    Args:
        kind: one of `KINDS`.
        evidence: from what that is concluded.
        quantity: what its numbers are.
        caution: a sentence that a person should read, or None.
        decides_at: as of `Head`.
    """

    kind: str
    evidence: str
    quantity: str
    caution: str | None
    decides_at: float | None = None


def list_heads(model: Any) -> dict[str, Head]:
    """Return path of each output -> what it is.

    Args:
        model: a `Model`.

    Raises:
        ValueError: if the user spoke of an output that there is not.
    """
    labels, kinds, losses, shapes = model._output_labels(), model._kinds, model._losses(), model.layers
    calls = model._output_calls()
    said = {model._main_path(): kinds} if isinstance(kinds, str) else kinds
    for what, given in (("class_names", model._names), ("head", said)):
        if wrong := [key for key in given if not any(key in known for known in calls.values())]:
            raise ValueError(f"{what} names the outputs {wrong}; {model.name!r} has {list(labels.values())}")
    found, seen = {}, _look_at_noise(model, losses, shapes)
    for path, end in model._ends().items():
        label, shape = labels[path], shapes[path]
        own = next((names for call, names in model._names.items() if call in calls[path]), None)
        names = own or _plain_names(model, path, shapes, labels)
        loss = losses.get(path)
        guess = _guess_kind(end, shape, loss, seen.get(path, Seen()))
        unknown = loss is None and names is None and end.kind != "softmax" and guess.caution is None
        if unknown and _is_as_input(model, shape):
            guess = guess._replace(caution=_REBUILT.format(shape[0]))
        source = "network" if loss is None or loss.kind(shape[-1] if shape else 1) is None else "loss"
        head = Head(
            path,
            label,
            guess.kind,
            guess.evidence,
            shape,
            names,
            guess.quantity,
            guess.caution,
            end.bounded,
            source,
            calls[path][2:],
            end.steps,
            guess.decides_at,
        )
        wanted = next((kind for call, kind in said.items() if call in calls[path]), None)
        if wanted is not None:
            _check_kind(wanted, label, shape)
            head = head.as_said(wanted)
        if names is not None:
            head = head.with_names(len(names))
        if own is not None and head.count not in (None, len(head.names or ())):
            raise ValueError(
                f"class_names has {len(head.names or ())} names for {label!r}, which has {head.count} classes"
            )
        found[path] = head
    return found


def _is_as_input(model: Any, shape: tuple[int | None, ...]) -> bool:
    """Return whether an output is a vector as long as the one that the network takes."""
    taken = [spec.shape for spec in (model.input_specs or {}).values()]
    one = len(taken) == len(shape) == 1 and shape[0] not in (None, 1) and taken[0].rank == 2
    return one and taken[0][1] == shape[0]


def _check_kind(kind: str, label: str, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError if an output of such a shape cannot be what the user says."""
    width = (shape[-1] if shape else 1) if len(shape) < 2 else None
    fits = {"binary": width == 1, "multiclass": width not in (None, 1), "multilabel": width not in (None, 1)}
    if kind == "regression" and len(shape) > 1:
        fits["regression"] = False
    if not fits.get(kind, True) and (len(shape) > 1 or None not in shape):
        raise ValueError(f"head={kind!r} does not fit output {label!r}, which gives {['N', *shape]}: {KINDS[kind]}")


def _plain_names(
    model: Any, path: str, shapes: Mapping[str, tuple], labels: Mapping[str, str]
) -> tuple[str, ...] | None:
    """Return `class_names` for the output that they belong to: the chosen, else the only one of as many classes."""
    names = model.class_names
    if names is None:
        return None
    width = {item: (shapes[item] or (1,))[-1] for item in labels}
    fitting = [item for item in labels if len(names) == width[item] or (len(names), width[item]) == (2, 1)]
    chosen = model.output_is_chosen or len(labels) == 1 or len(fitting) != 1
    owner = model._main_path() if chosen else fitting[0]
    return names if path == owner else None


def _look_at_noise(model: Any, losses: Mapping[str, Loss], shapes: Mapping[str, tuple]) -> Mapping[str, Seen]:
    """Return path of each output that is not recognized -> what its numbers look like on noise."""
    paths = []
    for path, end in model._ends().items():
        ordinary = len(shapes[path]) > 1 and end.operation in _ORDINARY and path not in losses
        if not (end.kind is not None or end.selection or end.flat or not shapes[path] or ordinary):
            paths.append(path)

    def measure() -> dict[str, Seen]:
        try:
            noise = make_batch(model.input_specs, 4)
            loud = {name: _make_loud(values) for name, values in noise.items()}
            with outside_graphs(), model.with_noise():
                both = [
                    model.run(item if len(item) > 1 else next(iter(item.values())), paths) for item in (noise, loud)
                ]
        except Exception:  # it wants something else than noise: no guess then
            return {}
        usual, louder = both
        return {path: _join(_see(usual[path].numpy()), _see(louder[path].numpy(), True)) for path in paths}

    return model.cached(("seen on noise", *paths), measure) if paths else {}


def _make_loud(values: Any) -> Any:
    """Return noise so large that a network is sure: what is clipped or cut shows only then."""
    values = np.asarray(values)
    return values * values.dtype.type(_LOUD) if values.dtype.kind == "f" else values


def _join(usual: Seen | None, loud: Seen | None) -> Seen:
    """Return what holds for usual noise and, where that gave numbers at all, for loud noise."""
    if usual is None or loud is None:
        return usual or Seen()
    outside = usual.outside or loud.outside
    unequal = usual.unequal or (loud.unequal and not outside)  # a loud mask leads outside, where a usual one does not
    return Seen(usual.shares and loud.shares, usual.logs and loud.logs, outside, unequal)


def _see(values: np.ndarray, alike: bool = False) -> Seen | None:
    """Return what some rows of numbers look like; None where they are none.

    Args:
        values: the numbers.
        alike: whether rows that are all the same show anything. Loud noise may give one class everywhere.
    """
    if not values.size or not np.isfinite(values).all():
        return None
    outside = bool(values.min() < 0 or values.max() > 1)
    same = not alike and np.ptp(values, 0).max() < 1e-6  # nothing flows yet: sums are chance
    if values.ndim < 2 or values.shape[-1] < 2 or same:
        return Seen(outside=outside)
    logs = values.max() <= 1e-6 and np.allclose(np.exp(values).sum(-1), 1, atol=1e-3)
    sums = values.sum(-1)
    unequal = not outside and not np.allclose(sums, 1, atol=1e-2)
    return Seen(not outside and np.allclose(sums, 1, atol=1e-3), bool(logs), outside, unequal)


def _guess_kind(end: End, shape: tuple[int | None, ...], loss: Loss | None, seen: Seen) -> Guess:
    """Return what an output is.

    Args:
        end: how the network ends there.
        shape: of the output without the batch axis.
        loss: that it was trained with, if known.
        seen: what noise shows of its numbers.
    """
    if end.selection is not None:
        return Guess("other", f"behind {end.selection}", "number", cautions.SELECTED.format(end.selection))
    if end.flat is not None:
        return Guess("other", f"behind {end.flat}", "number", cautions.FLAT.format(end.flat))
    count, dense = shape[-1] if shape else 1, len(shape) > 1
    trained = None if loss is None else loss.kind(count)
    if end.kind is not None:
        return _guess_recognized(end, shape, loss, trained)
    if dense and trained == "regression":
        return Guess("dense", f"shape {list(shape)}", "number", None)
    if not dense and trained == "regression" and loss is not None:
        return Guess("regression", f"trained with {loss.name}", "number", None)
    if not dense and trained is None and count == 1 and not end.joins:
        if end.bounded:
            return Guess("regression", "one number in [0,1]", "number", _ONE_BOUNDED.format(always=end.always))
        low, high = end.fed
        if high - low < float("inf"):
            told = _ONE_BETWEEN.format(low, high, always=end.always)
            return Guess("regression", f"one number between {low:.3g} and {high:.3g}", "number", told)
        return Guess("regression", "one number without a sigmoid", "number", _ONE_NUMBER)
    quantity, why, caution = cautions.tell_numbers(end, loss, trained, seen, dense)
    if dense:
        return Guess("dense", f"shape {list(shape)}", quantity, caution)
    if end.joins and not trained and not seen.shares:
        return Guess("regression", f"it joins {end.joins}", quantity, caution)
    evidence = ("numbers" if count is None else f"{count} numbers") + (
        f", taken for {'logits' if quantity == 'logit' else 'classes'}" if why is None else f" {why}"
    )
    if end.steps and trained in (None, "multiclass"):
        return Guess("regression", evidence, "number", caution)
    if loss is not None and trained:
        evidence = f"trained with {loss.name}"
    half = quantity == "number" and loss is not None and loss.takes == "probabilities"
    return Guess(trained or "multiclass", evidence, quantity, caution, 0.5 if half else None)


def _guess_recognized(end: End, shape: tuple[int | None, ...], loss: Loss | None, trained: str | None) -> Guess:
    """Return what an output is behind which softmaxes or sigmoids were found."""
    count = shape[-1] if shape else 1
    quantity = "logit" if end.exact else "log-probability" if end.kind == "softmax" else "log-odds"
    caution = cautions.tell_recognized(end, loss, trained, count == 1 and len(shape) < 2)
    if len(shape) > 1:
        return Guess("dense", f"shape {list(shape)}", quantity, caution)
    if end.kind == "sigmoid" and trained == "multiclass" and loss is not None:
        return Guess("multiclass", f"trained with {loss.name}", quantity, caution)
    if end.kind == "sigmoid":
        return Guess("binary" if count == 1 else "multilabel", end.how, quantity, caution)
    if end.kind == "softmax" and count != 1:
        return Guess("multiclass", end.how, quantity, caution)
    return Guess("other", f"{end.how} over one axis", quantity, caution)
