"""Pictures as uint8: rounded, and as cells of one sheet."""

import math

import numpy as np
from PIL import Image

from tf_interp.images.bands import show_bands


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
        images: float [N,h,w] or [N,h,w,C] in [0,1]; other than one or three channels as `show_bands` has them.
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
    if images.ndim == 4 and not (alpha and images.shape[-1] == 4):
        images = show_bands(images)[0]
        images = images[..., 0] if images.shape[-1] == 1 else images
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
