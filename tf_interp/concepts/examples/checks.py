"""What examples may be: pictures, rows of tables, series; with their sources and degrees."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_interp.images import check_images
from tf_interp.probe import take_dict


def check_examples(examples: Any, name: str) -> Any:
    """Return examples as float32 [N,...]; token numbers become integers again where a network takes such.

    Args:
        examples: pictures [N,H,W,C] in [0,1], or other numbers [N,...]; for several inputs a dict of arrays [N,...].
        name: how the caller calls them, for messages.

    Returns:
        float32 array [N,...], or a dict of arrays.

    Raises:
        TypeError: if they are not numbers.
        ValueError: if pictures lie outside [0,1], a value is not finite, or the shape does not fit.
    """
    if isinstance(examples, Mapping):
        return take_dict(examples)
    if isinstance(examples, str | os.PathLike):
        raise TypeError(f"{name} must be an array, got {str(examples)!r}: read a folder with Concept.from_folder(...)")
    if hasattr(examples, "element_spec"):
        raise TypeError(f"{name} must be an array, got a data set: take examples with Concept.from_dataset(...)")
    try:
        array = np.asarray(examples)
    except ValueError as error:
        raise ValueError(f"{name} differ in shape: they must form one array [N,...] ({error})") from error
    if array.ndim == 4:
        return check_images(array, name)
    if array.dtype.kind not in "fiub":
        kind = type(examples).__name__ if array.ndim == 0 else f"dtype {array.dtype}"
        raise TypeError(f"{name} must be an array of numbers, got {kind}")
    if array.ndim < 2 or 0 in array.shape:
        raise ValueError(f"{name} must have shape [N,H,W,C] (pictures) or [N,F] (tables), got {list(array.shape)}")
    array = array.astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold {int((~np.isfinite(array)).sum())} NaN or infinite values")
    return array


def check_groups(groups: Any, count: int, name: str) -> tuple[Any, ...]:
    """Return the sources of examples; NumPy numbers become Python's, so that 1 and np.int64(1) agree.

    Args:
        groups: N labels: texts, numbers or tuples of these.
        count: N.
        name: how the caller calls the examples, for messages.

    Returns:
        The labels.

    Raises:
        TypeError: if they are not labels.
        ValueError: if their number is not N.
    """
    if isinstance(groups, str):
        raise TypeError(f"{name}: groups must be a list of {count} labels, got the string {groups[:40]!r}")
    labels = tuple(label.item() if isinstance(label, np.generic) else label for label in groups)
    if len(labels) != count:
        raise ValueError(f"{name}: {count} examples need as many groups, got {len(labels)}")
    for label in labels:
        if not isinstance(label, str | int | float | tuple | bytes):
            raise TypeError(f"{name}: groups must be labels (texts, numbers or tuples of these), got {label!r}")
    return labels


def check_values(values: Any, count: int) -> np.ndarray:
    """Return the degrees in which examples show an idea.

    Args:
        values: N numbers.
        count: N.

    Returns:
        float64 array [N].

    Raises:
        ValueError: if their number is not N, one is not finite, or all are equal.
    """
    numbers = np.asarray(values, np.float64)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise ValueError(f"{count} examples need as many finite values, got {list(numbers.shape)}")
    if np.ptp(numbers) == 0:
        raise ValueError(f"all {len(numbers)} values are {numbers[0]}: there is nothing to regress on")
    return numbers


def take_batch(element: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Return examples and labels of an element of a data set, whether it is a batch or one example.

    Args:
        element: examples or (examples, labels): a batch [n,...], a picture [H,W,C] or a row of a table [F].

    Returns:
        `(examples [n,...], labels [n,...] or None)`, n = 1 for one example.

    Raises:
        TypeError: if it is a dictionary.
        ValueError: if it may be either, or numbers of examples and labels differ.
    """
    labeled = isinstance(element, tuple | list)
    examples = element[0] if labeled else element
    if isinstance(examples, Mapping):
        raise TypeError("a concept needs images or (images, labels), got a dict: use dataset.map(...) first")
    images, labels = np.asarray(examples), np.asarray(element[1]) if labeled else None
    single = labels is not None and labels.ndim == 0
    if images.ndim == 1 or (images.ndim == 3 and images.shape[-1] in (1, 3, 4)):
        single = True  # a row of a table; a picture with colors last
    elif images.ndim == 3 and labels is None:
        raise ValueError(
            f"an element of the data set has shape {list(images.shape)}: it may be one picture of {images.shape[-1]} "
            f"channels, or {len(images)} grey pictures; give grey pictures a last axis of 1, and batch the data set"
        )
    if single:
        return images[None], None if labels is None else labels[None]
    if labels is not None and len(labels) != len(images):
        raise ValueError(f"an element of the data set has {len(images)} examples with {len(labels)} labels")
    return images, labels
