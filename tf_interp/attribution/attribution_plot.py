"""Attributions as pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_interp.plots import import_pyplot

_COLUMNS = 8


def plot_maps(maps: np.ndarray, scores: np.ndarray, images: np.ndarray | None) -> Any:
    """Draw maps: blue speaks for the score, red against it, all on one scale.

    Args:
        maps: float32 [N,h,w].
        scores: float32 [N].
        images: float [N,H,W,C] in [0,1] below them, in grey, or None.

    Returns:
        matplotlib `Figure`.
    """
    pyplot = import_pyplot()
    count = len(maps)
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(1.9 * columns, 2.1 * rows), squeeze=False, layout="constrained"
    )
    scale = float(np.abs(maps).max()) or 1.0
    for axis in axes.flat:
        axis.set_axis_off()
    drawn = None
    for axis, number in zip(axes.flat, range(count), strict=False):
        extent = (0, 1, 0, 1)
        if images is not None:
            axis.imshow(images[number].mean(-1), cmap="gray", vmin=0, vmax=1, extent=extent, aspect="auto")
        drawn = axis.imshow(
            maps[number], cmap="RdBu", vmin=-scale, vmax=scale, extent=extent, aspect="auto",
            alpha=1.0 if images is None else 0.65, interpolation="nearest",
        )  # fmt: skip
        axis.set_title(f"{scores[number]:.3g}", fontsize=9)
    figure.colorbar(drawn, ax=axes, shrink=0.8, label="for the score (blue), against it (red)")
    return figure


def plot_bars(values: np.ndarray, names: Sequence[str], scores: np.ndarray) -> Any:
    """Draw a row of bars per picture, one for each direction, all on one scale.

    Args:
        values: float32 [N,K].
        names: K names.
        scores: float32 [N].

    Returns:
        matplotlib `Figure`.
    """
    pyplot = import_pyplot()
    count = len(values)
    columns = min(count, 4)
    rows = -(-count // columns)
    size = (3.2 * columns, (0.8 + 0.24 * len(names)) * rows)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=size, squeeze=False, sharex=True, sharey=True, layout="constrained"
    )
    for axis in axes.flat[count:]:
        axis.set_axis_off()
    for axis, row, score in zip(axes.flat, values, scores, strict=False):
        axis.barh(list(names), row, color=["#2166ac" if value > 0 else "#b2182b" for value in row])
        axis.axvline(0, color="#333333", linewidth=0.8)
        axis.invert_yaxis() if axis is axes.flat[0] else None
        axis.set_title(f"score {score:.3g}", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    return figure
