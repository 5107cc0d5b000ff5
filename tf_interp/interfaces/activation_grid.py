"""`activation_grid`: what each position of a layer stands for, shown in its place."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tf_interp.capture import read_positions
from tf_interp.directions import Directions
from tf_interp.display import number_of, quote, tell, write_size
from tf_interp.features import render
from tf_interp.images import crop_around, digest_images
from tf_interp.interfaces.icons import check_icons, cut_crops, find_picture, say_none
from tf_interp.interfaces.interface_plot import compose_grid, plot_sheets
from tf_interp.interfaces.places import arrange
from tf_interp.models import Model
from tf_interp.models.batches import count_rows, take_inputs
from tf_interp.models.layer_names import take_names
from tf_interp.models.layout import DRAWN
from tf_interp.probe import Probe

_BLOCK = 1 << 24  # numbers of a block of cosines


class Sources(NamedTuple):
    """Which position of which picture comes closest to each position.

    Args:
        rows: int32 [N,h,w,3]: picture of the probe, row and column of the layer.
        likeness: float32 [N,h,w]: cosine of the two activation vectors.
        typical: mean cosine of any two positions, beside which a likeness is to be read: behind a ReLU none is below 0.
    """

    rows: np.ndarray
    likeness: np.ndarray
    typical: float


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class GridLayer:
    """One layer of an activation grid.

    Args:
        layer: path of the layer.
        magnitudes: float32 [N,h,w]: length of the activation vector at each position.
        drawn: float32 [N,h,w,a,b,C] in [0,1], of series [N,h,w,b,F]: what was drawn; None without.
        sources: where the parts of pictures come from; None where there are none.
        probe: what parts are cut out of.
        kind: what that is: "pictures", "series", ...
    """

    layer: str
    magnitudes: np.ndarray
    drawn: np.ndarray | None
    sources: Sources | None
    probe: np.ndarray
    kind: str

    def cell(self, picture: int, y: int, x: int) -> np.ndarray | None:
        """Return what stands for a position, [a,b,C] or of series [b,F]; None where nothing can.

        Args:
            picture: index of the picture.
            y: row of the layer.
            x: column of the layer.
        """
        if self.drawn is not None:
            return self.drawn[picture, y, x]
        if self.sources is None or not self.magnitudes[picture, y, x]:
            return None
        row, *place = self.sources.rows[picture, y, x]
        return cut_crops(self.probe, self.kind, [row], [place], self.magnitudes.shape[1:])[0]

    def compose(self, picture: int) -> np.ndarray:
        """Return a picture as the layer has it: the area of a cell is the length of the activation vector.

        Args:
            picture: index of the picture.

        Returns:
            float32 [H,W,4] in [0,1], transparent between the cells; without cells the lengths [h,w].
        """
        lengths = self.magnitudes[picture]
        if self.drawn is None and self.sources is None:
            return lengths
        return compose_grid(lengths, functools.partial(self.cell, picture), self.kind)


class Magnified(NamedTuple):
    """A place of a picture in one layer.

    Args:
        layer: path of the layer.
        y: its row there.
        x: its column there.
        magnitude: length of the activation vector.
        picture: what stands for it, float32 [a,b,C], or None.
        likeness: cosine to the position whose part of a picture that is; None if it was drawn. What any two positions
            have, `GridLayer.sources.typical` says.
    """

    layer: str
    y: int
    x: int
    magnitude: float
    picture: np.ndarray | None
    likeness: float | None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ActivationGrid:
    """Pictures, redrawn as each layer has them.

    Args:
        layers: path -> what there is of a layer.
        icons: "crops" or "draw".
        notes: sentences on what a person should know.
    """

    layers: Mapping[str, GridLayer]
    icons: str
    notes: tuple[str, ...] = ()

    def magnify(self, picture: int, y: int, x: int = 0, *, layer: str | None = None) -> list[Magnified]:
        """Return the same place in all layers.

        Positions are brought from one layer to another by where their middles lie in the whole.

        Args:
            picture: index of the picture.
            y: row in `layer`.
            x: column in `layer`.
            layer: path of one of the layers; None is the first.

        Returns:
            One entry a layer, in their order.

        Raises:
            KeyError: if there is no such layer.
            IndexError: if there is no such picture or position.
        """
        first = self.layers[next(iter(self.layers)) if layer is None else layer]
        count, height, width = first.magnitudes.shape
        if not (0 <= picture < count and 0 <= y < height and 0 <= x < width):
            raise IndexError(
                f"there is no position ({y}, {x}) of picture {picture}: {first.layer!r} has "
                f"{count} x {height} x {width}"
            )
        found = []
        for one in self.layers.values():
            _, rows, columns = one.magnitudes.shape
            there = int((y + 0.5) / height * rows), int((x + 0.5) / width * columns)
            magnitude = float(one.magnitudes[picture, *there])
            likeness = None if one.sources is None else float(one.sources.likeness[picture, *there])
            found.append(Magnified(one.layer, *there, magnitude, one.cell(picture, *there), likeness))
        return found

    def plot(self, picture: int = 0) -> Any:
        """Draw a picture as each layer has it: the area of a cell is the length of the activation vector.

        Args:
            picture: index of the picture.

        Returns:
            matplotlib `Figure`.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        return plot_sheets({path: one.compose(picture) for path, one in self.layers.items()})

    def __repr__(self) -> str:
        layers = list(self.layers.values())
        sizes = [f"{quote(one.layer)} {write_size(one.magnitudes.shape[1:3])}" for one in layers[:3]]
        more = [f"{len(layers) - 3} more"] if len(layers) > 3 else []
        count = number_of(len(layers[0].magnitudes), "picture")
        return tell(self, f"{count} by {self.icons}: {', '.join([*sizes, *more])}")


def activation_grid(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    layers: Sequence[str],
    *,
    icons: str = "crops",
    probe: Probe | np.ndarray | Mapping[str, np.ndarray] | None = None,
    cells: int | None = 28,
    steps: int = 128,
    seed: int = 0,
    batch_size: int = 64,
    **options: Any,
) -> ActivationGrid:
    """Return for each position of layers a picture of what the network has there.

    With "crops" that is, at no cost, the part of another picture whose activation vector points the same way (the
    largest cosine over all positions of `probe`). With "draw" the activation vector itself is drawn, as a direction,
    and the middle of the picture taken: hundreds of pictures a layer, for which a small `cells` is wise.

    Args:
        model: the network.
        images: a probe, or float32 [N,H,W,C] in [0,1], or what else the network takes; for a network with several
            inputs a dict of arrays [N,...].
        layers: layer names.
        icons: "crops" or "draw".
        probe: the pictures that parts are cut out of, the more the better; None is `images`. A picture never stands for
            itself where there is another.
        cells: most positions along each side, of a finer layer means over neighbors; None keeps all.
        steps: optimization steps of a picture that is drawn.
        seed: of the drawing.
        batch_size: images at a time.
        **options: further ones of `render`, for pictures that are drawn.

    Returns:
        The grid; of volumes, vectors and tokens without pictures, which `notes` say.

    Raises:
        TypeError: if the model was not opened, or layers are a single name.
        ValueError: if a layer does not exist, or a setting is wrong.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 3, name="conv")])
        >>> grid = activation_grid(open_model(network), np.random.default_rng(0).random((4, 8, 8, 3)), ["conv"])
        >>> grid.layers["conv"].cell(0, 2, 3).shape
        (4, 4, 3)

    Source:
        Olah et al., The Building Blocks of Interpretability, 2018, "What Does the Network See?".
    """
    check_icons(icons, options)
    if icons is None:
        raise ValueError('a grid is made of pictures: icons must be "crops" or "draw", got None')
    for name, number in {"cells": cells, "steps": steps, "batch_size": batch_size}.items():
        if number is not None and number < 1:
            raise ValueError(f"{name} must be 1 or more, got {number}")
    given = take_inputs(model, images, "activation_grid")
    paths = [model.resolve(name, channels=True) for name in take_names(layers)]
    if not paths:
        raise ValueError("a grid needs at least one layer, got none")
    pool = given if probe is None else take_inputs(model, probe, "activation_grid")
    array, kind = find_picture(model, pool)
    here = read_positions(model, given, paths, batch_size=batch_size)
    there = here if probe is None else read_positions(model, pool, paths, batch_size=batch_size)
    same = None if probe is None else _find_same(given, pool)
    notes: list[str] = []
    found: dict[str, GridLayer] = {}
    for path in paths:
        places = arrange(model, path, here[path], cells)
        values = places.values
        magnitudes = np.linalg.norm(values, axis=-1)
        notes += places.notes
        drawn, sources = None, None
        if kind not in DRAWN:
            notes.append(say_none(kind))
        elif icons == "draw":
            drawn, told = _draw(model, path, values, steps=steps, seed=seed, **options)
            notes += told
        else:
            others = values if probe is None else arrange(model, path, there[path], cells).values
            sources = find_sources(values, others, np.arange(len(values)) if same is None else same)
            if count_rows(pool) == 1:
                notes.append("there is one picture only, whose own parts stand for each other: give more as probe=")
        found[path] = GridLayer(path, magnitudes, drawn, sources, array, kind)
    return ActivationGrid(found, icons, tuple(dict.fromkeys(notes)))


def _find_same(images: Any, probe: Any) -> np.ndarray:
    """Return which picture of the probe each image is, -1 where it is none."""
    rows = {name: row for row, name in enumerate(digest_images(probe))}
    return np.asarray([rows.get(name, -1) for name in digest_images(images)])


def find_sources(values: np.ndarray, others: np.ndarray, same: np.ndarray) -> Sources:
    """Return the position whose activation vector points the same way as that of each position.

    Args:
        values: float32 [N,h,w,C].
        others: float32 [M,h,w,C], among which it is looked for.
        same: int [N]: which of the M pictures each of the N is, which does not count if there is another; of one
            picture alone the position itself does not. -1 where it is none of them.
    """
    count, height, width, channels = values.shape
    units, pool = _unit(values).reshape(count, -1, channels), _unit(others).reshape(-1, channels)
    area = height * width
    size = max(1, _BLOCK // len(pool))
    best, likeness = np.zeros((count, area), np.int64), np.zeros((count, area), np.float32)
    for number in range(count):
        for start in range(0, area, size):
            cosines = units[number, start : start + size] @ pool.T
            if same[number] >= 0 and len(others) > 1:
                cosines[:, same[number] * area : (same[number] + 1) * area] = -np.inf
            elif same[number] >= 0 and area > 1:
                rows = np.arange(len(cosines))
                cosines[rows, start + rows] = -np.inf
            best[number, start : start + size] = cosines.argmax(1)
            likeness[number, start : start + size] = cosines.max(1)
    rows = np.stack(np.unravel_index(best, (len(others), height, width)), -1).astype(np.int32)
    typical = float(_mean_of_some(units.reshape(-1, channels)) @ _mean_of_some(pool))
    return Sources(rows.reshape(count, height, width, 3), likeness.reshape(count, height, width), typical)


def _mean_of_some(units: np.ndarray) -> np.ndarray:
    """Return the mean of those vectors of length 1 that are there."""
    alive = units.any(-1)
    return units[alive].mean(0) if alive.any() else np.zeros(units.shape[-1], np.float32)


def _unit(values: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)


def _draw(model: Model, path: str, values: np.ndarray, **options: Any) -> tuple[np.ndarray, list[str]]:
    """Return the middle of a picture of each activation vector [N,h,w,C]; grey where there is none."""
    count, height, width, channels = values.shape
    flat = values.reshape(count, -1, channels)
    drawn, failed, notes = None, 0, dict[str, None]()
    for number in range(count):
        alive = np.flatnonzero(np.linalg.norm(flat[number], axis=-1) > 0)
        if not len(alive):
            continue
        names = [f"position {place // width},{place % width}" for place in alive]
        rendering = render(model, Directions(path, flat[number, alive], names), **options)
        failed += sum(status != "ok" for status in rendering.status)
        notes.update(dict.fromkeys(rendering.notes))
        middle = take_middle(rendering.images, height, width)
        if drawn is None:
            drawn = np.full((count, height * width, *middle.shape[1:]), 0.5, np.float32)
        drawn[number, alive] = middle
    told = list(notes)
    if failed:
        told.append(f"{failed} of {count * height * width} positions of {path!r} were drawn without success")
    if drawn is None:
        return np.zeros((count, height, width, 1, 1, 1), np.float32), [f"{path!r} is silent: nothing was drawn"]
    return drawn.reshape(count, height, width, *drawn.shape[2:]), told


def take_middle(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the part of pictures around the middle position of a layer.

    Args:
        images: [K,H,W,C], or series [K,T,F].
        height: rows of the layer.
        width: its columns.
    """
    flat = images if images.ndim == 4 else images[:, None]
    crops = np.stack([crop_around(image, (height // 2, width // 2), (height, width)) for image in flat])
    return crops if images.ndim == 4 else crops[:, 0]
