"""Whose classes? The probe's labels are brought to the classes of the network before anything is looked at."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from tf_interp.models import Head, Model
from tf_interp.probe import Probe, find_class

_SHUFFLES = 400  # draws that say how well some order of the classes fits by chance


def align_labels(model: Model, probe: Probe) -> tuple[Head, Probe, list[str], list[str]]:
    """Make the network's classes and the probe's labels speak of the same things.

    Args:
        model: the network; its class names lead, where it has some.
        probe: the probe; its labels are indices into its own `class_names`, where it has some.

    Returns:
        The output that is looked at, with names; the probe with labels as that output takes them; notes; and warnings,
        what a person must read.

    Raises:
        ValueError: if numbers or names do not match; the message says which.
    """
    head, notes = _choose_head(model, probe), [*probe.notes]
    warnings: list[str] = []
    if not probe.ordered and head.names is None:
        if head.decides or head.kind == "regression":
            warnings.append(f"right and wrong were not told: {explain_order(probe.class_names or ())}")
        probe = dataclasses.replace(probe, labels=None)
    names, labels = head.names, probe.labels
    whole = labels is None or (labels.ndim == 1 and labels.dtype.kind == "i")
    if head.kind == "regression" and names is None and probe.class_names is not None and probe.ordered and whole:
        head = head.with_names(len(probe.class_names), indices=labels is not None)
    if names is not None and head.count is not None and len(names) != head.count:
        raise ValueError(f"{model.name!r} has {head.count} classes, but {len(names)} class names were given")
    if names is None and probe.class_names is not None and probe.ordered:
        if head.count is None or len(probe.class_names) == head.count:
            names = probe.class_names
        else:
            warnings.append(
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
        warnings.append(head.caution)
    own = probe.class_names if names is None and not probe.ordered else names  # folders stay, for messages
    return head, dataclasses.replace(probe, labels=labels, class_names=own), notes, warnings


def explain_order(folders: Sequence[str]) -> str:
    """Return why names of folders do not say which output is which, and what to do."""
    listed = ", ".join(repr(name) for name in folders[:4]) + (", ..." if len(folders) > 4 else "")
    return (
        f"names of folders ({listed}) say what pictures are, not which output of the network is which. Give the "
        "network's classes in the order of its outputs: open_model(..., class_names=[...]), "
        "Probe.from_folder(..., class_names=[...]) or --class-names FILE (keras.utils.image_dataset_from_directory "
        "sorts the names of the folders that it trains on)"
    )


def check_order(head: Head, outputs: np.ndarray, labels: np.ndarray | None) -> str | None:
    """Return a warning if the labels seem to name the network's classes in a wrong order.

    That is so where the network is hardly ever right about some classes, yet would be with their names exchanged, by
    more than any exchange gives by chance.

    Args:
        head: the output that is looked at.
        outputs: what the network gives for the pictures, [N,K].
        labels: class index of each picture, or None.

    Example:
        >>> head = Head("output", "output", "multiclass", "a softmax", (3,), names=("cat", "dog", "emu"))
        >>> check_order(head, np.eye(3)[[1, 2, 0] * 5], np.array([0, 1, 2] * 5))
        "the network is right about 0 of 15 pictures of ['cat', 'dog', 'emu'], but about 15 with names exchanged...
    """
    decisions = head.decide(outputs) if head.kind in ("binary", "multiclass") else None
    if decisions is None or labels is None or labels.ndim != 1:
        return None
    order = _best_order(labels, decisions)
    moved = np.array([label for label, place in order.items() if label != place], int)
    chosen = np.isin(labels, moved)
    if len(moved) < 2:
        return None
    labels, decisions = labels[chosen], decisions[chosen]
    right, fitting = (labels == decisions).mean(), _fit(labels, decisions)
    if right > 1 / len(moved) or fitting < 0.6:
        return None
    rng = np.random.default_rng(0)
    if np.mean([_fit(rng.permutation(labels), decisions) >= fitting for _ in range(_SHUFFLES)]) > 0.02:
        return None
    names = [head.name(label) for label in moved]
    pairs = ", ".join(f"{head.name(label)} -> {head.name(order[label])}" for label in moved[:6])
    count = len(labels)
    return (
        f"the network is right about {round(right * count)} of {count} pictures of {names[:6]}, but about "
        f"{round(fitting * count)} with names exchanged ({pairs}): the class names, or the labels, seem to be in "
        "another order than the network's outputs"
    )


def _best_order(labels: np.ndarray, decisions: np.ndarray) -> dict[int, int]:
    """Return label -> class that the network decides for, each class once, so that most pictures fit."""
    classes = np.unique([labels, decisions])
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (np.searchsorted(classes, labels), np.searchsorted(classes, decisions)), 1)
    counts += 1e-6 * np.eye(len(classes))  # of equally good orders the one that leaves most as it is
    rows, columns = linear_sum_assignment(-counts)
    present = np.isin(classes[rows], labels)
    return dict(zip(classes[rows][present].tolist(), classes[columns][present].tolist(), strict=True))


def _fit(labels: np.ndarray, decisions: np.ndarray) -> float:
    order = _best_order(labels, decisions)
    return float(
        np.mean([order[label] == decision for label, decision in zip(labels.tolist(), decisions, strict=True)])
    )


def _choose_head(model: Model, probe: Probe) -> Head:
    """Return the output that labels and class names of a probe are about.

    Raises:
        ValueError: if several outputs may be meant, and the user named none.
    """
    head, heads = model.head(), list(model.heads.values())
    if len(heads) == 1 or model.output_is_chosen or (probe.labels is None and probe.class_names is None):
        return head
    fitting = [item for item in heads if _fits(item, probe)]
    if len(fitting) > 1:
        raise ValueError(
            f"{model.name!r} has several outputs that the probe's labels may be about, "
            f"{[item.label for item in fitting]}: say which with output=, in open_model or InterpCallback (--output)"
        )
    return fitting[0] if fitting else head


def _fits(head: Head, probe: Probe) -> bool:
    if not head.decides or head.count is None:
        return False
    own = probe.class_names
    if not probe.ordered and own is not None:
        return head.names is not None and all(find_class(name, head.names) is not None for name in own)
    if own is not None and len(own) != head.count and own != head.names:
        return bool(head.names) and {*own} <= {*(head.names or ())}
    try:
        if probe.labels is not None:
            head.check_labels(probe.labels)
    except ValueError:
        return False
    return probe.label_count in (None, head.count)


def _translate(labels: np.ndarray, own: tuple[str, ...], names: tuple[str, ...]) -> np.ndarray:
    """Return labels as indices into the network's names."""
    used = np.unique(labels) if labels.ndim == 1 else np.flatnonzero(labels.any(0))
    places = {label: find_class(own[label], names) for label in used.tolist()}
    unknown = [own[label] for label, place in places.items() if place is None]
    if unknown:
        raise ValueError(f"the probe has classes {unknown[:8]} that are not among the network's class names")
    if labels.ndim == 1:
        return np.asarray([places[label] for label in labels.tolist()])
    found = np.zeros((len(labels), len(names)), np.int64)
    for label, place in places.items():
        found[:, place] = labels[:, label]
    return found
