"""The part of a picture that a position of a layer stands for."""

from collections.abc import Sequence

import numpy as np


def crop_around(image: np.ndarray, place: Sequence[int], cells: Sequence[int]) -> np.ndarray:
    """Return the part of a picture around a position of a layer: a third of its sides, or three positions.

    Args:
        image: [H,W,C].
        place: row and column of the position.
        cells: how many rows and columns the layer has.

    Returns:
        [a,b,C], of the same size for all positions.

    Example:
        >>> crop_around(np.zeros((30, 30, 1)), (0, 2), (10, 3)).shape
        (10, 30, 1)
    """
    slices = []
    for index, count, side in zip(place, cells, image.shape[:2], strict=True):
        length = crop_length(side, count)
        start = round((index + 0.5) * side / count - length / 2)
        start = min(max(start, 0), side - length)
        slices.append(slice(start, start + length))
    return image[slices[0], slices[1]]


def crop_length(side: int, count: int) -> int:
    """Return how many pixels of a side a crop has.

    Args:
        side: pixels of the picture.
        count: positions of the layer along it.
    """
    return min(side, max(round(3 * side / count), -(-side // 3)))
