"""Which classes of each picture a record carries, where a network has more than anyone reads."""

from typing import Any

import numpy as np

from tf_interp.models import Head

ALL_CLASSES = 10  # of a network with at most so many, all are recorded: any two can be set against each other


def choose_classes(head: Head, logits: np.ndarray, labels: Any, most: int) -> np.ndarray:
    """Return the classes of each picture that are recorded, int [N,M], highest first; of a regression its first few.

    Args:
        head: what they are classes of.
        logits: float [N,classes], a number per class.
        labels: the true class of each picture, or None; it is among those recorded.
        most: how many, of a network with more than ten classes.
    """
    classes = np.argsort(-logits, axis=-1, kind="stable")
    if not head.decides:
        return np.sort(classes, axis=-1)[:, :most]
    if classes.shape[1] <= ALL_CLASSES:
        return classes
    kept = classes[:, : min(most, classes.shape[1])].copy()
    for row, label in enumerate(labels if labels is not None else ()):
        if np.ndim(label) == 0 and most > 1 and 0 <= label < classes.shape[1] and label not in kept[row]:
            kept[row, -1] = label
    return kept
