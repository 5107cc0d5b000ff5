"""Plots that several results share: pictures, maps over pictures, bars beside chance, curves; with matplotlib."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_COLUMNS = 8
_FOR, _AGAINST, _CHANCE, _INK = "#2166ac", "#b2182b", "#bdbdbd", "#333333"
_STYLES = ("-", "--", "-.", ":")  # color is not all that tells curves apart


def import_pyplot() -> Any:
    """Return `matplotlib.pyplot`, which only plots need.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    try:
        return importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError("plot() needs matplotlib: pip install matplotlib (or tf-interp[plot])") from error


def plot_pictures(cells: np.ndarray, titles: Sequence[str]) -> Any:
    """Draw pictures in rows, each under its title.

    Args:
        cells: float [N,H,W], [N,H,W,3] or with opacity [N,H,W,4], in [0,1].
        titles: N strings.

    Returns:
        matplotlib `Figure`.
    """
    figure, axes = _make_axes(len(cells), min(len(cells), _COLUMNS))
    for axis, cell, title in zip(axes.flat, cells, titles, strict=False):
        axis.imshow(np.squeeze(cell), cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=8)
    return figure


def plot_overlays(maps: np.ndarray, names: Sequence[str], images: np.ndarray | None) -> Any:
    """Draw a row for each picture and a column for each map: where it is strong, over the picture in grey.

    Args:
        maps: float [N,h,w,K]; each of the K on one scale over all pictures.
        names: K strings.
        images: float [N,H,W,C] in [0,1], or None.

    Returns:
        matplotlib `Figure`.
    """
    count = maps.shape[-1]
    figure, axes = _make_axes(len(maps) * count, count)
    scales = np.maximum(np.abs(maps).max((0, 1, 2)), np.finfo(np.float32).tiny)
    for row, line in enumerate(axes):
        for column, axis in enumerate(line):
            extent = (0, 1, 0, 1)
            if images is not None:
                axis.imshow(images[row].mean(-1), cmap="gray", vmin=0, vmax=1, extent=extent, aspect="auto")
            axis.imshow(
                maps[row, ..., column] / scales[column], cmap="inferno", vmin=0, vmax=1, extent=extent, aspect="auto",
                alpha=1.0 if images is None else 0.6, interpolation="nearest",
            )  # fmt: skip
            if row == 0:
                axis.set_title(names[column], fontsize=8)
    return figure


def plot_bars_beside_chance(values: np.ndarray, chance: np.ndarray, names: Sequence[str], label: str) -> Any:
    """Draw a bar for each name, and behind it what chance reaches either way.

    Args:
        values: float [K].
        chance: float [K], size of what chance does, not negative.
        names: K strings.
        label: of the axis, with its unit.

    Returns:
        matplotlib `Figure`.
    """
    figure, axis = _make_axis(height=1.2 + 0.3 * len(names))
    places = np.arange(len(names))
    axis.barh(places, 2 * chance, left=-chance, height=0.8, color=_CHANCE, label="chance")
    axis.barh(places, values, height=0.5, color=[_FOR if value > 0 else _AGAINST for value in values])
    axis.set_yticks(places, list(names))
    axis.axvline(0, color=_INK, linewidth=0.8)
    axis.invert_yaxis()
    axis.set_xlabel(label)
    axis.legend(loc="best", fontsize=8, frameon=False)
    return figure


def plot_curves(
    across: np.ndarray, curves: Mapping[str, np.ndarray], labels: tuple[str, str], mark: float | None = None
) -> Any:
    """Draw curves over one axis.

    Args:
        across: float [S], where they are known.
        curves: name -> float [S].
        labels: of the two axes.
        mark: a place on the first axis to draw a line at, or None.

    Returns:
        matplotlib `Figure`.
    """
    figure, axis = _make_axis()
    for number, (name, values) in enumerate(curves.items()):
        axis.plot(across, values, _STYLES[number % len(_STYLES)], marker=".", label=name)
    if mark is not None:
        axis.axvline(mark, color=_INK, linewidth=0.8, linestyle=":")
    axis.set_xlabel(labels[0])
    axis.set_ylabel(labels[1])
    axis.legend(loc="best", fontsize=8, frameon=False)
    return figure


def _make_axes(count: int, columns: int) -> tuple[Any, Any]:
    """Return a figure with places for pictures, row by row, no frames around them."""
    rows = -(-count // columns)
    figure, axes = import_pyplot().subplots(
        rows, columns, figsize=(1.6 * columns, 1.8 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, axes


def _make_axis(height: float = 3.6) -> tuple[Any, Any]:
    figure = import_pyplot().figure(figsize=(6.4, height), layout="constrained")
    axis = figure.add_subplot()
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis
