"""Pictures at the border of the library: check arrays, read folders, make uint8 sheets.

An image batch is plain float32 [N,H,W,C] in [0,1], everywhere. Only a model's `preprocess` knows another range.
"""

import hashlib
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 32_000_000  # a larger file is refused: it is a decompression bomb or a mistake
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")


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
        raise ValueError(f"{name} differ in shape: they must form one array [N,H,W,C] ({error})") from error
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
            f"{name} must be floats in [0,1], got {array.dtype} values up to {array.max()}: divide by 255 first "
            "and give the network's own range as preprocess"
        )
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold {int((~np.isfinite(array)).sum())} NaN or infinite values")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        hint = "divide by 255" if low >= 0 and high > 2 else "undo the network's own scaling"
        raise ValueError(
            f"{name} must lie in [0,1], got values from {low:.4g} to {high:.4g}: {hint} and give the network's range "
            "as preprocess (open_model(..., preprocess=...) or InterpCallback(..., preprocess=...))"
        )
    return array


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


def read_image(path: str | pathlib.Path, size: tuple[int, int] | None = None, channels: int = 3) -> np.ndarray:
    """Return one picture file as float32 [H,W,channels] in [0,1], turned as its EXIF orientation says.

    Args:
        path: a PNG, JPEG, WebP, BMP or GIF file.
        size: (height, width) to resize to, bilinear; None keeps the file's own.
        channels: 3 for RGB, 1 for grey.

    Returns:
        float32 array [H,W,channels].

    Raises:
        ValueError: if the file is not such a picture, is damaged, or has more than 32 million pixels.
    """
    try:
        with Image.open(path, formats=FORMATS) as file:
            if file.width * file.height > MAX_PIXELS:
                raise ValueError(f"{path}: {file.width}x{file.height} is over {MAX_PIXELS:,} pixels")
            picture = _turn(file)
            if picture.mode.startswith("I;16"):  # Pillow would clip 16-bit grey at 255 instead of scaling it
                picture = Image.fromarray((np.asarray(picture) // 257).astype(np.uint8))
            picture = picture.convert("L" if channels == 1 else "RGB")
            if size is not None:
                picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            array = np.asarray(picture, np.float32) / 255.0
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError, SyntaxError) as error:
        raise ValueError(f"{path}: not a readable picture ({error})") from error
    return array.reshape(*array.shape[:2], channels)


def _turn(picture: Image.Image) -> Image.Image:
    """Return a picture as its camera was held, and as every viewer shows it."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged metadata raise errors of many kinds; viewers do not turn such pictures either
        return picture


def read_folder(
    path: str | pathlib.Path,
    size: tuple[int, int] | None = None,
    channels: int = 3,
    minimum: int = 1,
    limit: int | None = None,
) -> tuple[np.ndarray, list[pathlib.Path], list[str]]:
    """Return all pictures of one folder (not of its sub-folders), in the order of their names.

    Args:
        path: the folder.
        size: (height, width); None takes the first picture's size for all.
        channels: 3 for RGB, 1 for grey.
        minimum: fewest readable pictures to accept.
        limit: how many pictures to read, the first ones by name; None reads all.

    Returns:
        `(images, files, skipped)`: float32 [N,H,W,channels] in [0,1], N paths, and a line for each skipped file.

    Raises:
        ValueError: if it is not a folder, or fewer than `minimum` pictures are readable; the message has the counts.
    """
    if limit is not None and limit < max(minimum, 1):
        raise ValueError(f"limit must be at least {max(minimum, 1)}, the fewest pictures to accept, got {limit}")
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder of pictures, found {'a file' if folder.exists() else 'nothing'}")
    images: list[np.ndarray] = []
    files, skipped = [], []
    for file in sorted(folder.iterdir()):
        if len(images) == limit:
            break
        if file.name.startswith(".") or file.is_dir():
            continue
        if file.suffix.lower() not in SUFFIXES:
            skipped.append(f"{file.name}: not one of {', '.join(SUFFIXES)}")
            continue
        try:
            image = read_image(file, size, channels)
        except ValueError as error:
            skipped.append(f"{file.name}: {error}")
            continue
        size = size or (image.shape[0], image.shape[1])
        images.append(image)
        files.append(file)
    if len(images) < minimum:
        listed = "".join(f"\n  {line}" for line in skipped[:5]) + ("\n  ..." if len(skipped) > 5 else "")
        raise ValueError(
            f"{folder}: found {len(images)} readable pictures, need at least {minimum}; "
            f"skipped {len(skipped)} files{listed}"
        )
    return np.stack(images), files, skipped


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Return pictures in [0,1] as uint8, rounded; a last axis of size 1 is dropped.

    Args:
        images: floats [...,H,W], [...,H,W,1], [...,H,W,3] or [...,H,W,4]; values outside [0,1] are clipped.

    Returns:
        uint8 array of the same shape, without a last axis of 1.
    """
    array = _quantize(images)
    return array[..., 0] if array.ndim >= 3 and array.shape[-1] == 1 else array


def _quantize(images: np.ndarray) -> np.ndarray:
    array = np.nan_to_num(np.asarray(images, np.float32), nan=0.5, posinf=1.0, neginf=0.0)
    return (np.clip(array, 0, 1) * 255 + 0.5).astype(np.uint8)


def make_sheet(
    images: np.ndarray, columns: int | None = None, longest: int | None = None, alpha: bool = False
) -> tuple[np.ndarray, dict]:
    """Return N pictures as cells of one uint8 picture, row by row, and the sheet's description for a record.

    Args:
        images: float [N,h,w] or [N,h,w,C] in [0,1]; of four channels the first three are
            shown as colors, of other numbers the mean.
        columns: cells per row; None makes the sheet about square.
        longest: shrink cells whose longer side is above this many pixels.
        alpha: the last channel is opacity; it is shown beside colors and left out beside others.

    Returns:
        `(sheet, {"rows", "columns", "count"})`; the caller adds the index of the picture as "image".

    Example:
        >>> make_sheet(np.zeros((3, 4, 4)), columns=2)[0].shape
        (8, 8)
    """
    if images.ndim == 4 and alpha != (images.shape[-1] == 4):  # opacity beside no colors, or a fourth band
        images = images[..., :-1]
    if images.ndim == 4 and images.shape[-1] not in (3, 4):
        images = images.mean(-1)
    cells = _quantize(images)
    if longest is not None and max(cells.shape[1:3]) > longest:
        ratio = longest / max(cells.shape[1:3])
        size = (max(1, round(cells.shape[2] * ratio)), max(1, round(cells.shape[1] * ratio)))
        cells = np.stack([np.asarray(Image.fromarray(c).resize(size, Image.Resampling.LANCZOS)) for c in cells])
    count, height, width = cells.shape[:3]
    columns = min(count, columns or math.ceil(math.sqrt(count)))
    rows = math.ceil(count / columns)
    padded = np.zeros((rows * columns, *cells.shape[1:]), np.uint8)
    padded[:count] = cells
    grid = padded.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, *cells.shape[3:]), {
        "rows": rows,
        "columns": columns,
        "count": count,
    }


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
