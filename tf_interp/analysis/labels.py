"""Whose classes? The probe's labels are brought to the classes of the network before anything is looked at."""

import dataclasses

import numpy as np

from tf_interp.models import Head, Model
from tf_interp.probe import Probe


def align_labels(model: Model, probe: Probe) -> tuple[Head, Probe, list[str]]:
    """Make the network's classes and the probe's labels speak of the same things.

    Args:
        model: the network; its class names lead, where it has some.
        probe: the probe; its labels are indices into its own `class_names`, where it has some.

    Returns:
        The output that is looked at, with names; the probe with labels as that output takes them; and notes.

    Raises:
        ValueError: if numbers or names do not match; the message says which.
    """
    head, notes = _choose_head(model, probe)
    names, labels = head.names, probe.labels
    whole = labels is None or (labels.ndim == 1 and labels.dtype.kind == "i")
    if head.kind == "regression" and names is None and probe.class_names is not None and whole:
        head = head.with_names(len(probe.class_names), indices=labels is not None)
    if names is not None and head.count is not None and len(names) != head.count:
        raise ValueError(f"{model.name!r} has {head.count} classes, but {len(names)} class names were given")
    if names is None and probe.class_names is not None:
        if head.count is None or len(probe.class_names) == head.count:
            names = probe.class_names
        else:
            notes.append(
                f"the probe's {len(probe.class_names)} class names are not those of the network, which has "
                f"{head.describe()}: its labels were left out; give all class names to use them"
            )
            labels = None
    elif labels is not None and probe.class_names is not None and probe.class_names != names:
        labels = _translate(labels, probe.class_names, names or ())
    head = dataclasses.replace(head, names=names)
    if labels is not None:
        if labels.ndim == 1 and head.kind == "multilabel":
            notes.append("labels name one class per picture: all its other classes are counted as absent")
        if probe.label_count not in (None, head.count):
            raise ValueError(
                f"labels are one-hot for {probe.label_count} classes (or rows that sum to one), but {model.name!r} has "
                f"{head.describe()}"
            )
        labels = head.check_labels(labels, repr(model.name))
    if len(model.heads) > 1:
        others = [item.label for item in model.heads.values() if item.path != head.path]
        notes.append(f"of several outputs this looks at {head.label!r}; others are {others} (output= chooses)")
    if head.caution is not None:
        notes.append(head.caution)
    return head, dataclasses.replace(probe, labels=labels, class_names=names), notes


def _choose_head(model: Model, probe: Probe) -> tuple[Head, list[str]]:
    """Return the output that labels and class names of a probe are about, and what was assumed.

    Raises:
        ValueError: if several outputs may be meant, and the user named none.
    """
    head, heads = model.head(), list(model.heads.values())
    if len(heads) == 1 or model.output_is_chosen or (probe.labels is None and probe.class_names is None):
        return head, []
    fitting = [item for item in heads if _fits(item, probe)]
    if len(fitting) > 1:
        raise ValueError(
            f"{model.name!r} has several outputs that the probe's labels may be about, "
            f"{[item.label for item in fitting]}: say which with output=, in open_model or InterpCallback (--output)"
        )
    return (fitting[0] if fitting else head), []


def _fits(head: Head, probe: Probe) -> bool:
    if not head.decides or head.count is None:
        return False
    if probe.class_names is not None and len(probe.class_names) != head.count and probe.class_names != head.names:
        return bool(head.names) and {*probe.class_names} <= {*(head.names or ())}
    try:
        if probe.labels is not None:
            head.check_labels(probe.labels)
    except ValueError:
        return False
    return probe.label_count in (None, head.count)


def _translate(labels: np.ndarray, own: tuple[str, ...], names: tuple[str, ...]) -> np.ndarray:
    """Return labels as indices into the network's names."""
    used = np.unique(labels) if labels.ndim == 1 else np.flatnonzero(labels.any(0))
    unknown = [own[label] for label in used if own[label] not in names]
    if unknown:
        raise ValueError(f"the probe has classes {unknown[:8]} that are not among the network's class names")
    twice = [own[label] for label in used if names.count(own[label]) > 1]
    if twice:
        raise ValueError(f"several of the network's classes are called {twice[:8]}: give labels as class indices")
    if labels.ndim == 1:
        return np.asarray([names.index(own[label]) for label in labels])
    found = np.zeros((len(labels), len(names)), np.int64)
    for label in used:
        found[:, names.index(own[label])] = labels[:, label]
    return found
