"""A picture of a direction: drawn, or else the part of a picture where it fires most."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.directions import Directions
from tf_interp.features import render
from tf_interp.images import crop_around
from tf_interp.models import Model
from tf_interp.models.layout import DRAWN, find_kinds, main_input

HOW = ("crops", "draw")
_OK = "ok"


@dataclasses.dataclass(frozen=True, eq=False)
class Icons:
    """A picture of each of K directions.

    Args:
        pictures: K arrays [a,b,C] in the range of the input, of series [T,F]; None where there is none.
        drawn: bool [K]: whether it was drawn, and is no part of a picture.
        notes: sentences on what a person should know.
    """

    pictures: tuple[np.ndarray | None, ...]
    drawn: np.ndarray
    notes: tuple[str, ...]


def check_icons(icons: Any, options: Mapping[str, Any]) -> None:
    """Raise where icons are asked for in a way that does not exist.

    Args:
        icons: "crops", "draw" or None.
        options: of `render`.

    Raises:
        TypeError: if there are options where nothing is drawn.
        ValueError: if it is none of them.
    """
    if icons not in (*HOW, None):
        raise ValueError(f'icons must be "crops" (parts of pictures, at no cost), "draw" or None, got {icons!r}')
    if options and icons != "draw":
        raise TypeError(f'{", ".join(options)}: options of render are for icons="draw", got icons={icons!r}')


def make_icons(
    model: Model,
    directions: Directions,
    used: Any,
    inputs: Any,
    strengths: np.ndarray,
    how: str | None,
    **options: Any,
) -> Icons:
    """Return a picture of each of some directions.

    Args:
        model: the network.
        directions: all of a layer.
        used: int [K], which of them.
        inputs: what parts are cut out of, as the network takes it.
        strengths: float32 [N,h,w,all], how strongly each direction fires there.
        how: "draw", and where that fails a part of a picture; "crops"; None for no pictures.
        **options: of `render`.
    """
    none = Icons((None,) * len(used), np.zeros(len(used), bool), ())
    array, kind = find_picture(model, inputs)
    if how is None or not len(used):
        return none
    if kind not in DRAWN:
        return dataclasses.replace(none, notes=(say_none(kind),))
    flat = strengths[..., used].reshape(-1, len(used))
    fires = flat.max(0) > 0
    rows, *places = np.unravel_index(flat.argmax(0), strengths.shape[:3])
    crops = cut_crops(array, kind, rows, np.stack(places, -1), strengths.shape[1:3])
    pictures: list[np.ndarray | None] = [crop if there else None for crop, there in zip(crops, fires, strict=True)]
    if how == "crops":
        return dataclasses.replace(none, pictures=tuple(pictures))
    some = directions[used]
    rendering = render(model, some, **options)
    notes = list(rendering.notes)
    for row, (name, status) in enumerate(zip(some.names, rendering.status, strict=True)):
        if status == _OK or pictures[row] is None:
            pictures[row] = rendering.images[row]
        if status != _OK:
            notes.append(f"{name} was not drawn: {status}")
    drawn = np.asarray([status == _OK for status in rendering.status])
    return Icons(tuple(pictures), drawn, tuple(notes))


def say_none(kind: str) -> str:
    """Return why there are no pictures of directions for what a network takes."""
    return f"there are no icons: the network takes {kind}, and pictures or series are needed"


def find_picture(model: Model, inputs: Any) -> tuple[np.ndarray, str]:
    """Return the input that can be shown, of several, and what it is.

    Args:
        model: the network.
        inputs: array [N,...], or dict input -> array [N,...].

    Returns:
        `(array [N,...], "pictures", "series", "volumes", "vectors" or "tokens")`.
    """
    name = main_input(model)
    if isinstance(inputs, Mapping):
        name = name if name in inputs else max(inputs, key=lambda key: inputs[key].ndim)
        inputs = inputs[name]
    return tell_kind(inputs, find_kinds(model).get(name, "pictures"))


def tell_kind(array: np.ndarray, kind: str) -> tuple[np.ndarray, str]:
    """Return what is given and what that is: a preprocess may make the network's input of something else.

    Args:
        array: [N,...].
        kind: what the network's input takes.
    """
    if kind == "series" and array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]  # taken for grey pictures, as they are in [0,1]
    if array.ndim == 3 and kind == "series":
        return array, kind
    if array.ndim > 2:
        return array, "pictures" if array.ndim < 5 else "volumes"
    return array, "tokens" if array.dtype.kind in "iu" or kind == "tokens" else "vectors"


def cut_crops(array: np.ndarray, kind: str, rows: Any, places: Any, cells: Sequence[int]) -> np.ndarray:
    """Return the parts of pictures or series around positions of a layer.

    Args:
        array: [N,H,W,C], of series [N,T,F].
        kind: "pictures" or "series".
        rows: int [M], which of the N pictures.
        places: int [M,2], row and column of a position in each of them.
        cells: how many rows and columns the layer has.

    Returns:
        [M,a,b,C], of series [M,b,F].
    """
    flat = array[:, None] if kind == "series" else array  # a series is one row of points
    crops = [crop_around(flat[row], place, cells) for row, place in zip(rows, places, strict=True)]
    return np.stack([crop[0] if kind == "series" else crop for crop in crops])
