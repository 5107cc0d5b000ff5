"""Where a layer fires: its activations at positions that can be laid over what the network was given."""

import dataclasses
import math
from typing import Any

import numpy as np

from tf_interp.attribution.grid import make_grid
from tf_interp.directions import Directions
from tf_interp.groups import Groups
from tf_interp.models import Model
from tf_interp.models.layout import find_kinds, main_input


@dataclasses.dataclass(frozen=True, eq=False)
class Places:
    """Numbers of a layer by position.

    Args:
        values: float32 [N,h,w,C]; tokens of a vision transformer are a grid, slices of a volume one below the other.
        class_token: float32 [N,1,1,C] of the token that stands for no position, or None.
        notes: sentences on how the positions were found.
    """

    values: np.ndarray
    class_token: np.ndarray | None
    notes: tuple[str, ...]


def arrange(model: Model, path: str, values: np.ndarray, cells: int | None = None) -> Places:
    """Return numbers of a layer at the positions of what the network was given.

    Args:
        model: the network.
        path: of the layer.
        values: float32 [N,h,w,K], as `to_positions` gives them.
        cells: most positions along each side; of more, neighbors are averaged. None keeps all.

    Returns:
        The same by position.
    """
    shape, token = model.layers[path], None
    notes: list[str] = []
    depth = 1
    if len(shape) == 2 and find_kinds(model)[main_input(model)] == "pictures":
        values, token, notes = _lay_out_tokens(path, values)
    elif len(shape) > 3:
        depth = values.shape[1] // (shape[-3] or 1) if shape[-3] else 1
        notes.append(f"{path!r} is a layer of a volume: its slices lie one below the other")
    count, height, width, channels = values.shape
    slices = values.reshape(count * depth, height // depth, width, channels)
    small = average_cells(slices, cells)
    if small.shape != slices.shape:
        notes.append(
            f"each position of {path!r} is the mean over its neighbors: {height // depth} x {width} positions are "
            f"shown as {small.shape[1]} x {small.shape[2]}"
        )
    return Places(small.reshape(count, -1, *small.shape[2:]), token, tuple(notes))


def _lay_out_tokens(path: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Return the tokens of a network of pictures as a grid, where their number is a square."""
    count, _, length, channels = values.shape
    for extra in (0, 1):
        side = math.isqrt(length - extra)
        if side > 1 and side * side == length - extra:
            token = values[:, :, :1] if extra else None
            apart = "; the first, taken for the class token, is set apart" if extra else ""
            note = f"the {length} tokens of {path!r} are taken for a grid of {side} x {side}{apart}"
            return values[:, 0, extra:].reshape(count, side, side, channels), token, [note]
    return values, None, [f"the {length} tokens of {path!r} are no square, and shown as one row"]


def average_cells(values: np.ndarray, cells: int | None) -> np.ndarray:
    """Return the means over neighboring positions, so that no side has more than `cells` of them.

    Args:
        values: float32 [N,h,w,K].
        cells: most positions along each side; None keeps all.
    """
    count, height, width, channels = values.shape
    if cells is None or max(height, width) <= cells:
        return values
    grid = make_grid(height, width, cells).ravel()
    flat = values.reshape(count, height * width, channels)
    order = np.argsort(grid, kind="stable")
    starts = np.flatnonzero(np.diff(grid[order], prepend=-1))
    sums = np.add.reduceat(flat[:, order], starts, axis=1)
    means = sums / np.bincount(grid)[:, None].astype(np.float32)
    return means.reshape(count, min(cells, height), min(cells, width), channels)


def measure(directions: Directions | None, activations: np.ndarray, images: Any) -> np.ndarray:
    """Return how strongly directions fire at each position.

    Args:
        directions: K rows; None is each channel by itself.
        activations: float32 [N,h,w,C] of their layer.
        images: what was given; neuron groups know their weights on images that they were found on.

    Returns:
        float32 [N,h,w,K] in units of the activation: of groups how much of each is there; of other directions the
        product with the vector of length 1.
    """
    if directions is None:
        return activations
    known = directions.weights_for(images, activations)
    if known is not None:
        return np.asarray(known, np.float32)
    if isinstance(directions, Groups):  # found on other images, or before a training
        return directions.weigh(activations)
    return activations @ directions.units.T


def check_directions(model: Model, path: str, along: Any) -> None:
    """Raise where directions do not belong to a layer, or two have one name.

    Args:
        model: the network.
        path: of the layer.
        along: what somebody gave.

    Raises:
        TypeError: if they are no `Directions`.
        ValueError: if they are of another layer or width, or a name stands twice.
    """
    if not isinstance(along, Directions):
        raise TypeError(f"along must be Directions (groups, channels, concept vectors), got {type(along).__name__}")
    if model.resolve(along.layer, channels=True) != path:
        raise ValueError(f"the directions belong to layer {along.layer!r}, not to {path!r}")
    channels = model.layers[path][-1]
    if channels not in (None, along.vectors.shape[1]):
        raise ValueError(f"the directions have {along.vectors.shape[1]} channels, their layer has {channels}")
    twice = sorted({name for name in along.names if list(along.names).count(name) > 1})
    if twice:
        raise ValueError(f"each direction needs a name of its own, got several called {', '.join(twice)}")
