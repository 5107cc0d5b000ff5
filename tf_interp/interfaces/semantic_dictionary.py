"""`semantic_dictionary`: what fires at each position of a picture, named and shown."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_interp.capture import read_positions
from tf_interp.directions import Directions
from tf_interp.display import number_of, quote, tell
from tf_interp.interfaces.icons import check_icons, find_picture, make_icons
from tf_interp.interfaces.interface_plot import plot_position
from tf_interp.interfaces.places import arrange, check_directions, measure
from tf_interp.models import Model
from tf_interp.models.batches import take_inputs
from tf_interp.probe import Probe


class Entry(NamedTuple):
    """One direction that fires at a position.

    Args:
        name: of the channel, group or other direction.
        value: how strongly, in units of the activation.
        icon: float32 [a,b,C], or of series [T,F], what it looks for; None without icons.
    """

    name: str
    value: float
    icon: np.ndarray | None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Dictionary:
    """What fires at each position of a layer.

    Args:
        layer: path of the layer.
        names: K names of channels or directions.
        rows: int32 [N,h,w,top]: which of them are strongest, the strongest first.
        values: float32 [N,h,w,top]: how strongly they fire, in units of the activation.
        magnitudes: float32 [N,h,w]: length of the activation vector.
        icons: name -> picture [a,b,C], of series [T,F], of each direction that fires somewhere among the strongest; one
            that fires nowhere in the pictures that icons come from has none.
        drawn: names of those icons that were drawn, and are no parts of pictures.
        class_token: of a vision transformer the same for the token that stands for no position, else None.
        images: what was given.
        kind: what that is: "pictures", "series", "volumes", "vectors" or "tokens".
        notes: sentences on what a person should know.
    """

    layer: str
    names: tuple[str, ...]
    rows: np.ndarray
    values: np.ndarray
    magnitudes: np.ndarray
    icons: Mapping[str, np.ndarray]
    drawn: frozenset[str]
    class_token: "Dictionary | None"
    images: np.ndarray
    kind: str
    notes: tuple[str, ...] = ()

    def at(self, picture: int, y: int, x: int = 0) -> list[Entry]:
        """Return what fires at a position, the strongest first; nothing where all is silent.

        Args:
            picture: index of the picture.
            y: row of the layer; of a series there is only row 0.
            x: column of the layer.

        Raises:
            IndexError: if there is no such picture or position.
        """
        count, height, width, _ = self.rows.shape
        for what, index, limit in (("picture", picture, count), ("row", y, height), ("column", x, width)):
            if not -limit <= index < limit:
                raise IndexError(f"there is no {what} {index}: {self.layer!r} has {count} x {height} x {width}")
        found = zip(self.rows[picture, y, x].tolist(), self.values[picture, y, x].tolist(), strict=True)
        return [Entry(self.names[row], value, self.icons.get(self.names[row])) for row, value in found if value > 0]

    def to_dataframe(self) -> Any:
        """Return a table of all that fires.

        Returns:
            pandas `DataFrame` with the columns "picture", "y", "x", "rank" (from 0), "direction" and "value".

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        picture, y, x, rank = np.nonzero(self.values > 0)
        names = np.asarray(self.names)[self.rows[picture, y, x, rank]]
        values = self.values[picture, y, x, rank]
        return pd.DataFrame({"picture": picture, "y": y, "x": x, "rank": rank, "direction": names, "value": values})

    def plot(self, picture: int = 0, position: tuple[int, int] | None = None) -> Any:
        """Draw a picture with a position marked, and what fires there as bars with icons.

        Args:
            picture: index of the picture.
            position: row and column of the layer; None is where the strongest single activation is.

        Returns:
            matplotlib `Figure`.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        if position is None:
            strongest = self.values[picture, ..., 0]
            y, x = np.unravel_index(int(strongest.argmax()), strongest.shape)
            position = (int(y), int(x))
        return plot_position(
            self.images[[picture]],
            self.kind,
            self.rows.shape[1:3],
            position,
            self.at(picture, *position),
            float(self.values[picture].max()) if self.values[picture].max() > 0 else 1.0,
            f"fires there in {self.layer}",
        )

    def __repr__(self) -> str:
        count, height, width, top = self.rows.shape
        used = len(np.unique(self.rows[self.values > 0]))
        icons = f", {len(self.icons)} icons" if self.icons else ""
        return tell(
            self,
            f"layer {quote(self.layer, 60)}: {number_of(count, 'picture')} x {height} x {width} positions, the {top} "
            f"strongest; {used} of {len(self.names)} directions occur{icons}",
        )


def semantic_dictionary(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    layer: str,
    *,
    along: Directions | None = None,
    top: int = 5,
    icons: str | None = "crops",
    probe: Probe | np.ndarray | Mapping[str, np.ndarray] | None = None,
    cells: int | None = None,
    steps: int = 128,
    seed: int = 0,
    batch_size: int = 64,
    **options: Any,
) -> Dictionary:
    """Return for each position of a layer what fires there: the strongest channels, or directions, with icons.

    Each direction has one icon, wherever it fires. Of series, volumes, vectors and tokens the dictionary is the same;
    what cannot be shown of them, `notes` say.

    Args:
        model: the network.
        images: a probe, or float32 [N,H,W,C] in [0,1], or what else the network takes; for a network with several
            inputs a dict of arrays [N,...].
        layer: name of the layer.
        along: directions of the layer in place of its channels. Neuron groups fire by their own weights on images that
            they were found on; other directions by the product of the activation and the vector of length 1.
        top: how many at each position, the most.
        icons: "crops": the part of a picture where the direction fires most, at no cost; "draw": feature visualization;
            None.
        probe: pictures that such parts are cut out of, the more the better; None is `images`.
        cells: most positions along each side, of a finer layer means over neighbors; None keeps all.
        steps: optimization steps of an icon.
        seed: of the drawing.
        batch_size: images at a time.
        **options: further ones of `render`, for icons that are drawn.

    Returns:
        The dictionary.

    Raises:
        TypeError: if the model was not opened, or `along` is no `Directions`.
        ValueError: if the layer does not exist, directions do not fit it, or a setting is wrong.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 3, name="conv")])
        >>> semantic_dictionary(open_model(network), np.ones((4, 8, 8, 3)), "conv", top=2).rows.shape
        (4, 6, 6, 2)

    Source:
        Olah et al., The Building Blocks of Interpretability, 2018, "Semantic Dictionaries".
    """
    check_icons(icons, options)
    for name, number in {"top": top, "cells": cells, "steps": steps, "batch_size": batch_size}.items():
        if number is not None and number < 1:
            raise ValueError(f"{name} must be 1 or more, got {number}")
    given = take_inputs(model, images, "semantic_dictionary")
    path = model.resolve(layer, channels=True)
    if along is not None:
        check_directions(model, path, along)
    pool = given if probe is None else take_inputs(model, probe, "semantic_dictionary")
    activations = read_positions(model, given, [path], batch_size=batch_size)[path]
    places = arrange(model, path, activations, cells)
    strengths = arrange(model, path, measure(along, activations, given), cells)
    if along is None:
        along = Directions.from_channels(path, range(activations.shape[-1]), activations.shape[-1])
    norms = np.linalg.norm(places.values, axis=-1)
    grid = _Grid(*find_strongest(strengths.values, top), norms)
    apart = None
    if strengths.class_token is not None and places.class_token is not None:
        token = np.linalg.norm(places.class_token, axis=-1)
        apart = _Grid(*find_strongest(strengths.class_token, top), token)
    used = np.unique(np.concatenate([part.rows[part.values > 0] for part in (grid, apart) if part is not None]))
    if probe is None:
        where = strengths.values
    else:
        there = read_positions(model, pool, [path], batch_size=batch_size)[path]
        where = arrange(model, path, measure(along, there, pool)).values
    array, kind = find_picture(model, given)
    found = make_icons(model, along, used, pool, where, icons, steps=steps, seed=seed, **options)
    names = [along.names[row] for row in used]
    build = functools.partial(
        Dictionary,
        layer=path,
        names=tuple(along.names),
        icons={name: icon for name, icon in zip(names, found.pictures, strict=True) if icon is not None},
        drawn=frozenset(name for name, drawn in zip(names, found.drawn, strict=True) if drawn),
        images=array,
        kind=kind,
        notes=(*places.notes, *found.notes),
    )
    token = None
    if apart is not None:
        token = build(rows=apart.rows, values=apart.values, magnitudes=apart.magnitudes, class_token=None)
    return build(rows=grid.rows, values=grid.values, magnitudes=grid.magnitudes, class_token=token)


class _Grid(NamedTuple):
    rows: np.ndarray
    values: np.ndarray
    magnitudes: np.ndarray


def find_strongest(strengths: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and values of the strongest directions at each position; of equal ones the first.

    Args:
        strengths: float32 [N,h,w,K].
        top: how many, the most.

    Returns:
        `(int32 [N,h,w,top], float32 [N,h,w,top])`.
    """
    values, rows = tf.math.top_k(strengths, min(top, strengths.shape[-1]))
    return rows.numpy(), values.numpy()
