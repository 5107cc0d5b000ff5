"""What each output of a network is: from how it ends, from its loss, and from what the user says."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.models.batching.batch_mixing import make_batch
from tf_interp.models.outputs.heads import KINDS, Head
from tf_interp.models.outputs.logits import End
from tf_interp.models.outputs.losses import Loss

_ONE_NUMBER = (
    "one number without a sigmoid was taken for a regression; if it is the logit of two classes, say head='binary'"
)
_ONE_BOUNDED = (
    "one number in [0,1], whatever the weights are, was taken for a regression; if it is the probability of the second "
    "of two classes, say head='binary'"
)
_SUM_TO_ONE = (
    "on noise the outputs lie in [0,1] and sum to one, so they are probabilities, but how {} makes them is not "
    "recognized: effects are in probabilities, which saturate, not in logits. Let the network return its logits, where "
    "that is possible"
)
_BOUNDED = (
    "all outputs lie in [0,1], whatever the weights are; if they are probabilities, effects are in probabilities, not "
    "in logits: how {} makes them is not recognized"
)
_POSITIVE = (
    "none of its numbers is ever negative, whatever the weights are: they were taken for what speaks for classes, but "
    "{} makes no logits. Lengths (of capsules), distances and rates are something else, and effects are in them"
)
_JOINED = (
    "it joins {}: effects are in the numbers as they are returned, in probabilities for some of them, and cannot be "
    "compared between columns. Give its parts as outputs of their own, or head="
)
_TRAINED_AS_ONE = (
    "the loss, {}, takes probabilities, but how {} makes them is not recognized: effects are in probabilities, which "
    "saturate, not in logits. Let the network return its logits, where that is possible"
)
_SELECTED = (
    "it holds the boxes that {} selected: they have no fixed meaning from picture to picture, and no gradient leads to "
    "their choice. Ask about the layers before it, which hold the raw scores and boxes"
)
_ONE_WHY = "one number without a sigmoid"
# operations that end in any number: what comes out of them is no probability
_FREE = (
    "BiasAdd", "MatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "Conv2D", "Conv3D", "DepthwiseConv2dNative",
    "FusedBatchNormV3", "Relu", "LeakyRelu", "Elu", "Selu", "Softplus", "Tanh",
)  # fmt: skip


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
    found = {}
    for path, end in model._ends().items():
        label, shape = labels[path], shapes[path]
        own = next((names for call, names in model._names.items() if call in calls[path]), None)
        names = own or _plain_names(model, path, shapes, labels)
        loss = losses.get(path)
        kind, evidence, quantity, caution = _guess_kind(end, shape, loss, _sums_to_one(model, path, end, shape))
        source = "network" if loss is None or loss.kind(shape[0] if shape else 1) is None else "loss"
        head = Head(path, label, kind, evidence, shape, names, quantity, caution, end.bounded, source, calls[path][2:])
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


def _sums_to_one(model: Any, path: str, end: End, shape: tuple) -> bool:
    """Return whether the numbers of an unrecognized end lie in [0,1] and sum to one, seen on noise."""
    if end.kind is not None or end.selection is not None or len(shape) != 1 or (shape[0] or 0) < 2:
        return False

    def measure() -> bool:
        try:
            noise = make_batch(model.input_specs, 4)
            with tf.init_scope(), model.with_noise():
                values = model.run(noise if len(noise) > 1 else next(iter(noise.values())), [path])[path].numpy()
        except Exception:  # it wants something else than noise: no guess then
            return False
        if not np.isfinite(values).all() or np.ptp(values, 0).max() < 1e-6:  # nothing flows yet: any sum is chance
            return False
        return bool(values.min() >= 0 and values.max() <= 1 and np.allclose(values.sum(-1), 1, atol=1e-3))

    return model.cached(("sums to one", path), measure)


def _guess_kind(
    end: End, shape: tuple[int | None, ...], loss: Loss | None, sums_to_one: bool
) -> tuple[str, str, str, str | None]:
    """Return what an output is, from what that is concluded, what its numbers are, and a caution or None.

    Args:
        end: how the network ends there.
        shape: of the output without the batch axis.
        loss: that it was trained with, if known.
        sums_to_one: whether its numbers were seen to be in [0,1] and to sum to one.
    """
    count = shape[0] if shape else 1
    quantity = "logit" if end.exact else "log-probability" if end.kind == "softmax" else "log-odds"
    caution = None if end.exact else f"the network ends in {end.how}"
    if end.selection is not None:
        return "other", f"behind {end.selection}", "number", _SELECTED.format(end.selection)
    if len(shape) > 1:
        caution = _JOINED.format(end.joins) if end.joins else caution
        return "dense", f"shape {list(shape)}", quantity if end.kind else "number", caution
    if end.kind == "softmax" and count != 1:
        return "multiclass", end.how, quantity, caution
    if end.kind == "sigmoid":
        return ("binary" if count == 1 else "multilabel"), end.how, quantity, caution
    if end.kind is not None:
        return "other", f"{end.how} over one axis", quantity, "the output joins several softmaxes: no single classes"
    trained = None if loss is None else loss.kind(count)
    if end.joins and not trained:
        return "regression", f"it joins {end.joins}", "number", _JOINED.format(end.joins)
    if trained == "regression" or (trained is None and count == 1):
        one = ("one number in [0,1]", _ONE_BOUNDED) if end.bounded else (_ONE_WHY, _ONE_NUMBER)
        why, caution = (f"trained with {loss.name}", None) if loss and trained else one
        return "regression", why, "number", caution
    numbers = "numbers" if count is None else f"{count} numbers"
    evidence = f"trained with {loss.name}" if loss and trained else f"{numbers}, taken for logits"
    if sums_to_one:
        evidence = evidence if trained else "outputs sum to one"
        quantity, caution = "probability", _SUM_TO_ONE.format(end.operation)
    elif loss and loss.takes == "probabilities" and end.operation not in _FREE:
        quantity, caution = "probability", _TRAINED_AS_ONE.format(loss.name, end.operation)
    elif end.bounded and not (loss and loss.takes == "logits"):
        evidence = evidence if trained else f"{numbers} in [0,1]"
        quantity, caution = "number", _BOUNDED.format(end.operation)
    elif end.positive and not trained and end.operation not in _FREE:
        quantity, caution = "number", _POSITIVE.format(end.operation)
    return trained or "multiclass", evidence, quantity, caution
