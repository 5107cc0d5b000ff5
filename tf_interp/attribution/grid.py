"""Cells of a grid: parts of a picture or layer that are taken away, shown or counted as one."""

import numpy as np


def make_grid(height: int, width: int, cells: int) -> np.ndarray:
    """Return which cell each position belongs to.

    Args:
        height: of the picture or layer.
        width: likewise.
        cells: most cells along each side.

    Returns:
        int array [h,w], cells numbered from 0.
    """
    rows, columns = (np.arange(size) * min(cells, size) // size for size in (height, width))
    return rows[:, None] * (columns[-1] + 1) + columns


def gather_cells(maps: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the mean of each cell, [N,cells], of maps [N,h,w]."""
    counts = np.bincount(grid.ravel())
    return np.stack([np.bincount(grid.ravel(), one.ravel().astype(np.float64)) for one in maps]) / counts


def make_masks(height: int, width: int, cells: int) -> np.ndarray:
    """Return where each cell is.

    Args:
        height: of the picture or layer.
        width: likewise.
        cells: most cells along each side.

    Returns:
        bool array [cells,h,w,1], row by row.
    """
    grid = make_grid(height, width, cells)
    return np.stack([(grid == number)[..., None] for number in range(int(grid.max()) + 1)])
