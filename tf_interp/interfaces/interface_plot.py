"""Semantic dictionaries and activation grids as pictures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tf_interp.plots import import_pyplot
from tf_interp.records.sheets import show_inputs

_SIDE = 48  # pixels of the longest possible cell of a grid
_MOST = 1200  # pixels of a side of a grid


def plot_position(
    picture: np.ndarray,
    kind: str,
    cells: tuple[int, int],
    place: tuple[int, int],
    entries: Sequence[tuple[str, float, np.ndarray | None]],
    most: float,
    title: str,
) -> Any:
    """Draw a picture with a position marked, and what fires there.

    Args:
        picture: [1,...], what was given.
        kind: what that is: "pictures", "series", ...
        cells: rows and columns of the layer.
        place: row and column that are marked.
        entries: name, value and icon of each direction that fires there.
        most: the value of a bar of full length.
        title: of the bars.

    Returns:
        matplotlib `Figure`.
    """
    pyplot = import_pyplot()
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.6, 3.4), width_ratios=(1, 1.3), layout="constrained")
    (height, width), (y, x) = cells, place
    shown = show_inputs(picture, kind).cells[0]
    left.imshow(shown, cmap="gray", vmin=0, vmax=1, extent=(0, width, height, 0), aspect="auto")
    left.add_patch(pyplot.Rectangle((x, y), 1, 1, fill=False, edgecolor="#f76707", linewidth=2))
    left.set_axis_off()
    left.set_title(f"position {y},{x}", fontsize=9)
    right.set_title(title, fontsize=9)
    right.set_ylim(max(len(entries), 4) - 0.4, -0.6)
    right.spines[["top", "right", "left"]].set_visible(False)
    right.set_yticks([])
    right.set_xlim(-0.62 * most, 1.02 * most)
    right.set_xticks([0, most], ["0", f"{most:.3g}"])
    if not entries:
        right.text(0, 0, "nothing", va="center")
    for row, (name, value, icon) in enumerate(entries):
        right.barh(row, value, height=0.5, color="#2f6fde")
        right.text(-0.03 * most, row, name, va="center", ha="right", fontsize=8)
        if icon is not None:
            inset = right.inset_axes((-0.62 * most, row - 0.42, 0.2 * most, 0.84), transform=right.transData)
            inset.imshow(show_inputs(icon[None], kind).cells[0], cmap="gray", vmin=0, vmax=1)
            inset.set_axis_off()
    return figure


def plot_sheets(sheets: Mapping[str, np.ndarray]) -> Any:
    """Draw sheets side by side.

    Args:
        sheets: title -> grey [h,w], or colors and opacity [h,w,4].

    Returns:
        matplotlib `Figure`.
    """
    pyplot = import_pyplot()
    size = (4.2 * len(sheets), 4.4)
    figure, axes = pyplot.subplots(1, len(sheets), figsize=size, squeeze=False, layout="constrained")
    for axis, (title, sheet) in zip(axes.flat, sheets.items(), strict=True):
        axis.set_title(title, fontsize=10)
        axis.set_axis_off()
        axis.imshow(sheet, cmap="gray", vmin=0, vmax=float(sheet.max()) or 1)
    return figure


def compose_grid(magnitudes: np.ndarray, cell: Callable[[int, int], np.ndarray | None], kind: str) -> np.ndarray:
    """Return cells in their places, the area of each as large as its activation vector is long.

    Args:
        magnitudes: float32 [h,w], the lengths.
        cell: row and column -> its picture [a,b,C], of series [b,F], or None.
        kind: what these are: "pictures" or "series".

    Returns:
        float32 [H,W,4] in [0,1]; transparent between the cells.
    """
    height, width = magnitudes.shape
    side = max(2, min(_SIDE, _MOST // max(height, width)))
    sheet = np.zeros((height * side, width * side, 4), np.float32)
    lengths = np.round(side * np.sqrt(magnitudes / (magnitudes.max() or 1))).astype(int)
    for y, x in np.argwhere(lengths):
        found, length = cell(y, x), lengths[y, x]
        if found is None:
            continue
        shown = show_inputs(found[None], kind).cells[0]
        colors = np.repeat(shown[..., None], 3, -1) if shown.ndim == 2 else shown
        small = Image.fromarray((colors * 255 + 0.5).astype(np.uint8)).resize((length, length))
        top, left = (place * side + (side - length) // 2 for place in (y, x))
        sheet[top : top + length, left : left + length, :3] = np.asarray(small, np.float32) / 255
        sheet[top : top + length, left : left + length, 3] = 1
    return sheet
