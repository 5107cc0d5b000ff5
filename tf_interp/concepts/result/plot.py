"""Findings as bars."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from tf_interp.concepts.result.explain import CLEAR_OF_CHANCE
from tf_interp.plots import import_pyplot

_AGAINST = {
    "random": "concepts against random examples",
    "relative": "concepts against each other",
    "paired": "examples against the same ones without the concept",
    "continuous": "for a standard deviation more",
}
_SLOT = 0.86  # part of a concept's place that its bars fill
_LETTER = 0.085  # width of a letter of the names, inches
_INK = "#333333"
_BAND = "#e4e4e4"


def plot_rows(
    rows: Sequence[Mapping[str, Any]], claims: Sequence[str], family: int, alpha: float, ax: Any = None
) -> Any:
    """Draw one target and contrast of a concept test: concepts along the axis, a bar for each layer.

    A filled bar is clear of chance after correction, a hollow one is not; a diamond says that the concept is specific.

    Args:
        rows: rows of `ConceptTest` with one target and one contrast.
        claims: what each of them claims, of `CLAIMS`.
        family: number of tests of the correction.
        alpha: its level.
        ax: matplotlib axes; None makes new ones.

    Returns:
        The axes; nothing is shown.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    pyplot = import_pyplot()
    colormap = importlib.import_module("matplotlib").colormaps["viridis"]
    halo = [importlib.import_module("matplotlib.patheffects").withStroke(linewidth=2.3, foreground="white")]
    keys = [(row["concept"], *(row["against"] or [])) for row in rows]
    split = len({key[0] for key in keys}) < len(set(keys))  # concepts are compared with each of the others
    names = [f"{key[0]} against {key[1]}" if split and len(key) == 2 else key[0] for key in keys]
    concepts = list(dict.fromkeys(names))
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    depths = [number / (len(layers) - 1) for number in range(len(layers))] if len(layers) > 1 else [0.6]
    colors = [colormap(0.85 - 0.75 * depth) for depth in depths]  # the deeper, the darker
    classical = all(row["displacement"] is None for row in rows)
    value, low, high = ("effect", "effect_low", "effect_high") if classical else ("displacement", "ci_low", "ci_high")
    if ax is None:
        size = (max(6.4, 3.2 + 0.4 * len(concepts) * (len(layers) + 0.6)), 4.2)
        ax = pyplot.figure(figsize=size, layout="constrained").add_subplot()
    width = _SLOT / len(layers)
    for row, name, claim in zip(rows, names, claims, strict=True):
        number = layers.index(row["layer"])
        place = concepts.index(name) + (number + 0.5) * width - _SLOT / 2
        if row[value] is None:
            ax.text(place, 0, "?", ha="center", va="bottom", color=colors[number])
            continue
        if row["null_low"] is not None:
            edges = [place - width / 2, place + width / 2]
            ax.fill_between(edges, row["null_low"], row["null_high"], color=_BAND, linewidth=0, zorder=1)
        face = colors[number] if claim in CLEAR_OF_CHANCE else "none"
        ax.bar(place, row[value], 0.66 * width, facecolor=face, edgecolor=colors[number], linewidth=1.4, zorder=2)
        ax.plot([place, place], [row[low], row[high]], color=_INK, linewidth=1.3, path_effects=halo, zorder=3)
        if claim == "finding" and row["specificity"] is not None:
            up = row[value] > 0
            end = max(row[high], 0) if up else min(row[low], 0)
            ax.annotate(
                "\N{BLACK DIAMOND}", (place, end), (0, 3 if up else -3), textcoords="offset points",
                ha="center", va="bottom" if up else "top", fontsize="small", color=_INK,
            )  # fmt: skip
    _add_legend(ax, layers, colors, None if classical else (family, alpha))
    ax.axhline(0, color=_INK, linewidth=0.8, zorder=3)
    room = (ax.figure.get_figwidth() - 3.2) / len(concepts)  # inches
    longest = max(map(len, concepts))
    slant = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if longest * _LETTER > room else {}
    ax.set_xticks(range(len(concepts)), concepts, **slant)
    ax.set_xlim(-0.55, len(concepts) - 0.45)
    ax.tick_params(axis="x", length=0)
    ax.grid(axis="y", color=_BAND, linewidth=0.6, zorder=0)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    ax.margins(y=0.1)
    target = rows[0]["target"]
    ax.set_ylabel(
        "mean cosine of gradient and concept"
        if classical
        else f"change of the {rows[0].get('quantity', 'logit')} of {target}"
    )
    ax.set_title(f"{target}: {_AGAINST[rows[0]['contrast']]}", loc="left", fontsize="medium", fontweight="bold", pad=12)
    return ax


def _add_legend(ax: Any, layers: Sequence[str], colors: Sequence[Any], corrected: tuple[int, float] | None) -> None:
    """Say beside the axes which color is which layer, and what filled, hollow, grey and the diamond mean."""
    patch = importlib.import_module("matplotlib.patches").Patch
    line = importlib.import_module("matplotlib.lines").Line2D
    names = ax.legend(
        handles=[patch(color=color, label=layer) for layer, color in zip(layers, colors, strict=True)],
        title="layer", alignment="left", loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0,
        fontsize="small", title_fontsize="small", frameon=False, labelcolor=_INK,
    )  # fmt: skip
    signs = [
        line([], [], color=_INK, linewidth=1.3, label="95 % of the runs" if corrected is None else "95 % interval")
    ]
    if corrected is not None:
        family, alpha = corrected
        signs = [
            patch(facecolor=_INK, edgecolor=_INK, label=f"p ≤ {alpha:g} by Holm, {family} tests,\nand clear of 0"),
            patch(facecolor="none", edgecolor=_INK, label="not so, or negligible"),
            *signs,
            patch(facecolor=_BAND, label="95 % of shuffled labels"),
            line(
                [],
                [],
                color=_INK,
                marker="D",
                markersize=4,
                linestyle="none",
                label="and specific, beyond\n95 % of other patterns",
            ),
        ]
    ax.add_artist(names)
    names.set_clip_on(False)  # add_artist clips, and what is clipped gets no room in the layout
    ax.legend(
        handles=signs, loc="lower left", bbox_to_anchor=(1.01, 0.0), borderaxespad=0, fontsize="small",
        frameon=False, labelcolor=_INK,
    )  # fmt: skip
