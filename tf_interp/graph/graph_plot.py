"""A graph as a picture."""

import importlib
from typing import Any

import numpy as np

from tf_interp.plots import import_pyplot

_FOR, _AGAINST, _INK = "#2166ac", "#b2182b", "#333333"
_WIDEST = 9.0  # points of the strongest edge


def draw_graph(graph: Any, images: np.ndarray | None, picture: int, output: str) -> Any:
    """Draw the nodes that lead to one output: a column a layer, each node with its map.

    Args:
        graph: an `AttributionGraph`.
        images: float [N,H,W,C] in [0,1], or None.
        picture: which one.
        output: name of the output node.

    Returns:
        matplotlib `Figure`.
    """
    pyplot = import_pyplot()
    patches, paths = importlib.import_module("matplotlib.patches"), importlib.import_module("matplotlib.path")
    nodes = [node for node in graph.nodes if node.kind != "output" or node.name == output]
    columns = list(dict.fromkeys(node.layer for node in nodes))
    stacks = {layer: [node for node in nodes if node.layer == layer] for layer in columns}
    tallest = max(len(stack) for stack in stacks.values())
    size = (3.0 * len(columns), max(3.0, 1.15 * tallest))
    figure = pyplot.figure(figsize=size)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_xlim(0, size[0])
    axis.set_ylim(0, size[1])
    axis.set_axis_off()
    side, place = 0.72, {}
    for number, layer in enumerate(columns):
        gap = (size[1] - 0.55) / len(stacks[layer])
        for row, node in enumerate(stacks[layer]):
            place[node.name] = (3.0 * number + 1.3, size[1] - 0.5 - gap * (row + 0.5))
        axis.text(3.0 * number + 1.3, size[1] - 0.25, layer, ha="center", weight="bold", color=_INK, fontsize=10)
    values = {(e.source, e.target): float(e.value[picture]) for e in graph.edges if {e.source, e.target} <= set(place)}
    into: dict[str, float] = {}
    for (_, target), value in values.items():
        into[target] = into.get(target, 0.0) + abs(value)
    for (source, target), value in sorted(values.items(), key=lambda item: abs(item[1])):
        share = abs(value) / into[target] if into[target] else 0.0
        if share < 0.01:
            continue
        (x0, y0), (x1, y1) = place[source], place[target]
        x0, x1 = x0 + side / 2, x1 - side / 2
        middle = (x1 - x0) / 2
        curve = paths.Path([(x0, y0), (x0 + middle, y0), (x1 - middle, y1), (x1, y1)], [1, 4, 4, 4])
        color = _FOR if value > 0 else _AGAINST
        width = _WIDEST * np.sqrt(share)
        axis.add_patch(patches.PathPatch(curve, fill=False, edgecolor=color, linewidth=width, alpha=0.15 + 0.6 * share))
    for node in nodes:
        x, y = place[node.name]
        box = (x - side / 2, x + side / 2, y - side / 2, y + side / 2)
        if node.name in graph.maps:
            _draw_map(axis, graph.maps[node.name][picture], None if images is None else images[picture], box)
        label = node.name.split(": ", 1)[1]
        text = label if node.kind != "output" else f"{label}\n{node.value[picture]:.2f}"
        if node.name in graph.maps:
            axis.text(x, y - side / 2 - 0.06, text, ha="center", va="top", fontsize=7.5, color=_INK)
        else:
            axis.text(x, y, text, ha="center", va="center", fontsize=10, color=_INK, weight="bold")
    return figure


def _draw_map(axis: Any, where: np.ndarray, image: np.ndarray | None, box: tuple[float, ...]) -> None:
    """Draw a picture, bright where a node is present; without a picture the map alone."""
    share = where / (where.max() or 1.0)
    if image is None:
        axis.imshow(share, cmap="gray", vmin=0, vmax=1, extent=box, aspect="auto", zorder=3)
        return
    height, width = image.shape[:2]
    rows, columns = (np.arange(size) * count // size for size, count in zip((height, width), share.shape, strict=True))
    light = 0.15 + 0.85 * share[rows][:, columns]
    color = image if image.shape[-1] == 3 else np.repeat(image.mean(-1, keepdims=True), 3, -1)
    axis.imshow(np.clip(color * light[..., None], 0, 1), extent=box, aspect="auto", zorder=3)
