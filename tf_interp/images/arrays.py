"""Arrays of pictures and labels: what is let in, and what is said of the rest."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def check_images(images: Any, name: str = "images") -> np.ndarray:
    """Return `images` as float32 [N,H,W,C] in [0,1], or say what is wrong with them.

    Args:
        images: array-like [N,H,W,C] or [N,H,W] (grey), floats in [0,1].
        name: how the caller calls them, for the message.

    Returns:
        float32 array [N,H,W,C].

    Raises:
        TypeError: if they are not numbers.
        ValueError: if the shape, the range or a value is not what is expected.

    Example:
        >>> check_images(np.zeros((2, 8, 8))).shape
        (2, 8, 8, 1)
    """
    try:
        array = np.asarray(images)
    except ValueError as error:  # a list of pictures of several sizes
        several = isinstance(images, list | tuple) and len({np.ndim(item) for item in images}) > 1
        way = "; for a network with several inputs give a dict, name of each input -> array [N,...]" if several else ""
        raise ValueError(f"{name} differ in shape: they must form one array [N,H,W,C]{way} ({error})") from error
    if array.dtype == object or array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of floats [N,H,W,C] in [0,1], got dtype {array.dtype}")
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or 0 in array.shape:
        raise ValueError(
            f"{name} must have shape [N,H,W,C] with at least one image, got {list(array.shape)}"
            + ("; for a single image pass image[None]" if array.ndim == 2 else "")
        )
    if array.dtype.kind in "iu" and array.max() > 1:
        raise ValueError(
            f"{name} must be floats in [0,1], got {array.dtype} values up to {array.max()}: divide by "
            f"{divisor(array.dtype.name, array.max())} first and give the network's own range as preprocess"
        )
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold {int((~np.isfinite(array)).sum())} NaN or infinite values")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        hint = f"divide by {divisor('float32', high)}" if low >= 0 and high > 2 else "undo the network's own scaling"
        raise ValueError(
            f"{name} must lie in [0,1], got values from {low:.4g} to {high:.4g}: {hint} and give the network's range "
            "as preprocess (open_model(..., preprocess=...) or InterpCallback(..., preprocess=...))"
        )
    return array


def divisor(dtype: str, most: float = 255) -> str:
    """Return what pictures of a type with values up to `most` are to be divided by, in words."""
    if most > 255:
        return "65535"
    return "65535 (by 255, if they are of 8 bits)" if dtype in ("uint16", "int16") else "255"


def check_picture(images: Any) -> np.ndarray:
    """Return one real picture to compare with, or say what is wrong with it.

    Args:
        images: [h,w,C] or [1,h,w,C] in [0,1].

    Returns:
        float32 [h,w,C].
    """
    array = np.asarray(images, np.float32)
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim != 3 or array.min() < 0 or array.max() > 1:
        raise ValueError(f"the real picture must have shape [h,w,C] and values in [0,1], got {list(array.shape)}")
    return array


def digest_images(images: np.ndarray | Mapping[str, np.ndarray]) -> list[str]:
    """Return a short hash of each picture, to name it and to find duplicates.

    Args:
        images: float32 [N,H,W,C]; or a dict of arrays [N,...], whose rows belong together.

    Returns:
        N hexadecimal strings of 12 characters.
    """
    columns = [images[name] for name in sorted(images)] if isinstance(images, Mapping) else [images]
    rows = (b"".join(np.ascontiguousarray(item).tobytes() for item in row) for row in zip(*columns, strict=True))
    return [hashlib.blake2b(row, digest_size=6).hexdigest() for row in rows]


def check_labels(labels: Any, count: int, class_names: Sequence[str] | None) -> np.ndarray | None:
    """Return labels as class indices, as several classes per picture, or as numbers; or say how they do not match.

    Args:
        labels: N class indices, or one-hot [N,K]; or multi-hot [N,K] of 0 and 1 where several classes, or none, may be
            true; or, without class names, numbers [N] or [N,K] of a regression; or None.
        count: number of images.
        class_names: names by class index, if known.

    Returns:
        int64 array [N], int64 array [N,K] of 0 and 1, float32 array [N,K], or None.

    Raises:
        ValueError: if their number, type or range does not match.

    Example:
        >>> check_labels([[0, 1, 1], [0, 0, 0]], 2, None).tolist()
        [[0, 1, 1], [0, 0, 0]]
    """
    if labels is None:
        return None
    if isinstance(labels, Mapping):
        raise ValueError(f"labels must be of one output, got a dict of {list(labels)}: give those of one, and output=")
    array = np.asarray(labels)
    given = list(array.shape)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or len(array) != count:
        raise ValueError(f"{count} images need as many labels [N], got shape {given}")
    if array.dtype.kind not in "iubf":
        raise ValueError(
            f"labels must be class indices (integers), got dtype {array.dtype}: names become indices by "
            "[class_names.index(name) for name in labels]"
        )
    if not np.isfinite(array).all():
        raise ValueError("labels hold NaN or infinite values")
    whole = array.dtype.kind != "f" or np.array_equal(array, array.round())
    if array.ndim == 2 and array.min() >= 0 and array.max() <= 1:
        if np.allclose(array.sum(-1), 1, atol=1e-3):  # one-hot, or smoothed
            array, whole = array.argmax(-1), True
        elif whole:
            if class_names is not None and array.shape[1] != len(class_names):
                raise ValueError(f"labels are for {array.shape[1]} classes, but there are {len(class_names)} names")
            return array.astype(np.int64)
    below = array.dtype.kind == "f" and class_names is None and array.min() < 0  # no classes: numbers
    if not whole or array.ndim == 2 or below:
        if class_names is not None:
            raise ValueError(
                f"labels must be class indices (integers), or 0 and 1 for each class, got numbers from "
                f"{array.min():.4g} to {array.max():.4g}"
            )
        return array.reshape(count, -1).astype(np.float32)
    array = array.astype(np.int64)
    if class_names is None and array.size and array.min() < 0:
        raise ValueError(f"labels must be class indices from 0 on, the lowest is {array.min()}")
    if class_names is not None and (array.min() < 0 or array.max() >= len(class_names)):
        raise ValueError(
            f"labels run from {array.min()} to {array.max()}, but there are {len(class_names)} class names, "
            f"0..{len(class_names) - 1}"
        )
    return array
