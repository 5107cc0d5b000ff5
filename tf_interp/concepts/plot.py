"""Findings as bars."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_AGAINST = {
    "random": "random images",
    "relative": "each other",
    "paired": "the same images without them",
    "continuous": "their own degree",
}


def plot_rows(
    rows: Sequence[Mapping[str, Any]], claimed: Sequence[bool], family: int, alpha: float, ax: Any = None
) -> Any:
    """Draw one target and contrast of a concept test: concepts along the axis, a bar for each layer.

    Args:
        rows: rows of `ConceptTest` with one target and one contrast.
        claimed: which of them are significant after correction.
        family: number of tests of the correction.
        alpha: its level.
        ax: matplotlib axes; None makes new ones.

    Returns:
        The axes; nothing is shown.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    try:
        pyplot = importlib.import_module("matplotlib.pyplot")
        colors = importlib.import_module("matplotlib").colormaps["viridis"]
    except ImportError as error:
        raise ImportError("plot() needs matplotlib: pip install matplotlib (or tf-interp[plot])") from error
    concepts = list(dict.fromkeys(row["concept"] for row in rows))
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    classical = all(row["displacement"] is None for row in rows)
    value, low, high = ("effect", "effect_low", "effect_high") if classical else ("displacement", "ci_low", "ci_high")
    if ax is None:
        size = (max(5.5, 1.2 + 0.35 * len(concepts) * (len(layers) + 1)), 3.6)
        ax = pyplot.figure(figsize=size, layout="constrained").add_subplot()
    width = 0.8 / len(layers)
    for row, star in zip(rows, claimed, strict=True):
        number = layers.index(row["layer"])
        place = concepts.index(row["concept"]) - 0.4 + width * (number + 0.5)
        if row[value] is None:
            ax.text(place, 0, "?", ha="center", va="bottom")
            continue
        color = colors(0.15 + 0.7 * number / max(1, len(layers) - 1))
        ax.bar(place, row[value], 0.9 * width, color=color, alpha=1.0 if star else 0.4)
        if row["null_low"] is not None:
            edges = [place - width / 2, place + width / 2]
            ax.fill_between(edges, row["null_low"], row["null_high"], color="0.5", alpha=0.35, linewidth=0)
        ax.plot([place, place], [row[low], row[high]], color="0.1", linewidth=1.2)
        if star:
            top = max(row[high], 0) if row[value] > 0 else min(row[low], 0)
            ax.annotate("*", (place, top), (0, 2 if row[value] > 0 else -12), textcoords="offset points", ha="center")
    for number, layer in enumerate(layers):
        ax.bar(np.nan, np.nan, color=colors(0.15 + 0.7 * number / max(1, len(layers) - 1)), label=layer)
    ax.axhline(0, color="0.1", linewidth=0.8)
    ax.set_xticks(range(len(concepts)), concepts)
    ax.set_ylabel("mean cosine of gradient and concept vector" if classical else "displacement of the logit")
    first = rows[0]
    ax.set_title(f"target {first['target']}, concepts against {_AGAINST[first['contrast']]}", fontsize="medium")
    note = "" if classical else f"grey: 95 % of shuffled labels; * p < {alpha:g}, Holm over {family} tests"
    ax.set_xlabel(note, fontsize="small")
    ax.margins(y=0.12)
    ax.legend(fontsize="small", frameon=False)
    return ax
