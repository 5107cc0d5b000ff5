"""What decided a picture by positions and by channels: maps and tables of each layer, for any two of a few classes."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_interp.analysis.part import Album, View
from tf_interp.analysis.parts.decision_record import shorten
from tf_interp.attribution import attribute, faithfulness
from tf_interp.attribution.grid import gather_cells, make_grid
from tf_interp.attribution.scores import Scores
from tf_interp.capture import read_positions
from tf_interp.graph.graph_edges import find_slopes
from tf_interp.graph.graph_nodes import INPUT, Layer, unit_pattern

_DETAILED = 5  # classes of a picture that have details: the highest, and the true one
_CHANNELS = 8  # in the table of a picture and layer
_ICONS = 64  # channels of a layer that have a picture
_FEWEST = 4  # positions of a layer, for something to be deleted
_SIDE = 28  # most cells along a side of a map


def choose_columns(classes: np.ndarray, labels: Any) -> np.ndarray:
    """Return which recorded classes of each picture have details, int [N,D].

    Args:
        classes: int [N,M], highest first.
        labels: the true class of each picture, or None.
    """
    count = min(_DETAILED, classes.shape[1])
    found = np.tile(np.arange(count), (len(classes), 1))
    for row, label in enumerate(labels if labels is not None else ()):
        where = np.flatnonzero(classes[row] == label) if np.ndim(label) == 0 else np.zeros(0, np.int64)
        if len(where) and where[0] >= count:
            found[row, -1] = where[0]
    return found


def tell_layer(view: View, album: Album, images: Any, layer: str | None, asked: Sequence[Scores]) -> dict[str, Any]:
    """Return a layer's attribution by position, and by channel.

    Args:
        view: what the part sees.
        album: where pictures go.
        images: of N pictures.
        layer: its path; None is the input.
        asked: D scores: each picture's first class, its second, ...

    Returns:
        `{"positions": sheet with a row per picture and a column per class, "positions_scale",
        "class_token": what that puts into each class [N][D], or None, "channels"}`.
    """
    how: dict[str, Any] = {"layer": layer, "method": "gradient_x_input"}  # as the graph has it, at the input too
    values = np.stack([attribute(view.model, images, scores, **how).values for scores in asked])  # [D,N,h,w,C]
    name = INPUT if layer is None else layer
    vectors = layer is None and values.shape[2:4] == (1, 1)  # whose features are shown side by side
    maps = values[:, :, :, 0] if vectors else values.sum(-1)  # [D,N,h,w]
    token = None
    if layer is not None:
        places = view.arrange(np.moveaxis(maps, 0, -1), layer)
        maps, token = places.values.transpose(3, 0, 1, 2), places.class_token
    stacked = np.stack([_pool(one) for one in maps], 1)
    scale = float(np.abs(stacked).max())
    shown = 0.5 + 0.5 * stacked / (scale or 1.0)
    found: dict[str, Any] = {
        "layer": name,
        "positions": album.add(shown.reshape(-1, *stacked.shape[2:]), columns=len(asked)),
        "positions_scale": shorten(scale),
        "class_token": None if token is None else shorten(token[:, 0, 0]),
    }
    if layer is None:
        return found
    effects = np.moveaxis(values.sum((2, 3)), 0, -1)  # [N,C,D]
    spread = np.ptp(effects, axis=-1) if len(asked) > 1 else np.abs(effects[..., 0])
    best = np.argsort(-spread, axis=1, kind="stable")[:, :_CHANNELS]
    some, counts = np.unique(best, return_counts=True)
    used = some[np.argsort(-counts, kind="stable")[:_ICONS]]
    activations = view.arrange(read_positions(view.model, view.probe.images, [layer])[layer], layer).values
    peaks = activations.max((1, 2)).argmax(0)
    crops = view.show_crops(activations, peaks[used].tolist(), used.tolist())
    cells = {int(channel): cell for cell, channel in enumerate(used)}
    others = effects.copy()
    np.put_along_axis(others, best[..., None], 0, axis=1)
    found["channels"] = {
        "crops": None if crops is None else album.add_shown(crops),
        "pictures": [
            {
                "channels": best[row].tolist(),
                "crops": [cells.get(int(channel)) for channel in best[row]] if crops is not None else None,
                "effects": shorten(effects[row, best[row]]),
                "rest": shorten(others[row].sum(0)),
            }
            for row in range(len(best))
        ],
    }
    return found


def tell_evidence(view: View, images: Any, layer: str, asked: Scores) -> dict[str, Any] | None:
    """Return whether deleting what a layer's map marks changes the decision more than chance would, in words.

    Args:
        view: what the part sees.
        images: of N pictures.
        layer: its path.
        asked: what is explained.

    Returns:
        `{"layer", "method", "sentence", "better", "count"}`; None where the layer has less than four positions.
    """
    sides = view.model.layers[layer][:-1]
    if not sides or (None not in sides and np.prod(sides) < _FEWEST):
        return None
    method = "gradient_x_input"
    orders = 5 if view.repeated else 20  # a training waits for it
    found = faithfulness(
        view.model, images, asked, methods=[method], layer=layer, baselines=[0.0], steps=10, draws=10, orders=orders
    )
    better = int(found.better_than_random()[0].sum())
    sentence = f"In {layer}: {found.sentence(method)}"
    return {"layer": layer, "method": method, "sentence": sentence, "better": better, "count": len(found.stability[0])}


def tell_flows(view: View, images: Any, places: Sequence[Layer], cells: int) -> list[dict[str, Any] | None]:
    """Return how much of what is at each region of a layer came from each region of the one before it.

    Args:
        view: what the part sees.
        images: of N pictures.
        places: the input (or not) and the layers.
        cells: regions along each side.

    Returns:
        For each pair of neighbors `{"source", "target", "sides": rows and columns of both, "pictures": [[[...]]]}`: of
        each picture, for each region of the target, what each region of the source puts there, as a share of what is
        there; None where positions of one of them are tokens.

    Source:
        Olah et al., The Building Blocks of Interpretability, 2018, "Spatial attribution" between hidden layers.
    """
    flows: list[dict[str, Any] | None] = []
    for before, place in itertools.pairwise(places):
        shapes = [one.maps.shape[2:4] for one in (before, place)]
        if any(_is_rearranged(view, one) for one in (before, place)):
            flows.append(None)  # tokens of pictures, whose order is no neighborhood
            continue
        grids = [make_grid(height, width, cells) for height, width in shapes]
        rows = []
        for region in range(int(grids[1].max()) + 1):
            there = _flat(place, place.point) * (grids[1] == region)[..., None]
            pattern = unit_pattern(there.astype(np.float32).reshape(place.point.shape))
            scores = Scores(place.path, weights=pattern, offsets=np.zeros(len(pattern), np.float32))
            size = np.linalg.norm(there.reshape(len(there), -1), axis=1)
            _, (slope,) = find_slopes(view.model, place.path, images, [before], scores)
            effect = np.zeros_like(before.point) if slope is None else before.point * slope
            sums = gather_cells(_flat(before, effect).sum(-1), grids[0]) * np.bincount(grids[0].ravel())
            rows.append(sums / np.where(size > 0, size, 1)[:, None])
        sides = [[len(np.unique(grid[:, 0])), len(np.unique(grid[0]))] for grid in grids]
        shares = np.stack(rows, 1)  # [N,target,source]
        flows.append({"source": before.path, "target": place.path, "sides": sides, "pictures": shorten(shares)})
    return flows


def _is_rearranged(view: View, place: Layer) -> bool:
    if place.path == INPUT:
        return False
    return view.arrange(place.maps[0][..., None], place.path).values.shape[1:3] != place.maps.shape[2:4]


def _flat(place: Layer, activation: np.ndarray) -> np.ndarray:
    """Return an activation of the input or a layer as [N,h,w,C], with the positions of its maps."""
    return activation.reshape(len(activation), *place.maps.shape[2:4], -1)


def _pool(maps: np.ndarray) -> np.ndarray:
    """Return maps [N,h,w] with at most 28 cells along a side: their means."""
    height, width = maps.shape[1:]
    if max(height, width) <= _SIDE:
        return maps
    grid = make_grid(height, width, _SIDE)
    return gather_cells(maps, grid).reshape(len(maps), min(height, _SIDE), min(width, _SIDE))
