"""`spritemap`: all units of a layer in one picture, as the "Building Blocks" article shows them."""

import dataclasses
import hashlib
import io
import json
import math
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tf_interp.display import number_of, quote, tell, write_block, write_picture, write_range, write_size
from tf_interp.features.many.render_many import Engine, RenderedUnit, render_many
from tf_interp.features.many.unit_cache import name_file
from tf_interp.features.objectives.algebra import Objective, channel
from tf_interp.features.renderer.activation import is_stopped
from tf_interp.features.renderer.settings import has_alpha
from tf_interp.images import make_sheet, show_bands
from tf_interp.models.batches import check_model
from tf_interp.models.model import Model
from tf_interp.records.sheets import show_inputs
from tf_interp.records.whole_file import replace_file

EMPTY = 0.9  # light grey, in place of a unit without a good picture


@dataclasses.dataclass(frozen=True, eq=False)
class Spritemap:
    """The units of a layer as cells of one picture.

    Args:
        layer: path of the layer.
        channels: the units, in the order of the cells, row by row.
        cells: float32 [N,h,w,C] in [0,1]; plain light grey where `status` is not "ok".
        activations: float32 [N], what the pictures reach; NaN where there is no picture.
        status: N times "ok", or a sentence on what is wrong.
        columns: cells per row of the sheet, about the square root of N.
        path: the sheet as a PNG file, beside it a JSON file with the same name; None without a cache or when stopped.
        alpha: whether the last channel of a cell is opacity.
    """

    layer: str
    channels: tuple[int, ...]
    cells: np.ndarray
    activations: np.ndarray
    status: tuple[str, ...]
    columns: int
    path: pathlib.Path | None = None
    alpha: bool = False

    @property
    def sheet(self) -> np.ndarray:
        """All cells in one picture, uint8 [H,W,3], with alpha [H,W,4], grey [H,W].

        Channel n of a whole layer is at row n // columns.
        """
        return make_sheet(self.cells, self.columns, alpha=self.alpha)[0]

    @property
    def legend(self) -> str | None:
        """Which channels the colors of the sheet are, where pictures have others than three."""
        return show_bands(self.cells[..., :-1] if self.alpha else self.cells)[1]

    def __len__(self) -> int:
        return len(self.cells)

    def __repr__(self) -> str:
        good = sum(status == "ok" for status in self.status)
        cells = f"{number_of(len(self), 'unit')} {write_size(self.cells.shape[1:])}, {good} ok"
        return tell(self, quote(self.layer, 60), cells, f"activation {write_range(self.activations)}", self.path)

    def _repr_html_(self) -> str:
        sheet = self.sheet
        notes = [] if self.legend is None else [self.legend]
        return write_block(repr(self), write_picture(sheet, f"units of {self.layer}", 480), notes=notes)


def spritemap(
    model: Model,
    layer: str,
    *,
    channels: Sequence[int] | None = None,
    side: int = 96,
    objective: Callable[[str, int], Objective] = channel,
    cache: str | os.PathLike | None = None,
    engine: Engine | None = None,
    progress: bool = False,
    **options: Any,
) -> Spritemap:
    """Return a picture of each unit of a layer.

    With a `cache` every finished unit is kept under the digest of the weights, the layer and the settings: a second
    call renders nothing, a killed one goes on where it was, and a damaged file is rendered again.

    Args:
        model: the network, from `open_model`.
        layer: name of the layer.
        channels: units, None for all.
        side: longest side of a cell in pixels; pictures are rendered at `size` and shrunk to it.
        objective: from layer and channel to what a picture shall make large; `neuron` is another one.
        cache: folder for units and sheet.
        engine: see `render_many`.
        progress: show a progress bar with the time left.
        options: of `render_many`, such as `steps`, `size` or `seed`.

    Returns:
        The `Spritemap` of N units.

    Raises:
        ValueError: if the layer or a channel does not exist, or no unit at all could be rendered.

    Example:
        >>> spritemap(model, "conv2", channels=range(8), steps=16).sheet.shape
        (96, 96, 3)

    Source: Lucid's spritemap notebook; Olah et al., "The Building Blocks of Interpretability" (2018).
    """
    check_model(model, "spritemap")
    path = model.resolve(layer, channels=True)
    chosen = _choose_channels(path, model.layers[path], channels)
    if options.get("count", 1) != 1:
        raise ValueError(f"a spritemap has one picture per unit, got count={options['count']}; see facets")
    objectives = [objective(path, index) for index in chosen]
    units = list(render_many(model, objectives, side=side, cache=cache, engine=engine, progress=progress, **options))
    drawn = [unit for unit in units if len(unit.images)]
    if not drawn:
        raise ValueError(f"no unit of layer {path!r} could be rendered; the first: {units[0].status[0]}")
    cells = np.full((len(units), *_as_pictures(drawn[0].images).shape[1:]), EMPTY, np.float32)
    for cell, unit in zip(cells, units, strict=True):
        if unit.ok:
            cell[:] = _as_pictures(unit.images)[0]
    result = Spritemap(
        layer=path,
        channels=chosen,
        cells=cells,
        activations=np.array([unit.activations[0] if len(unit.images) else np.nan for unit in units], np.float32),
        status=tuple(unit.status[0] for unit in units),
        columns=math.ceil(math.sqrt(len(units))),
        alpha=has_alpha(options),
    )
    if cache is None or not all(_is_finished(unit) for unit in units):
        return result
    return dataclasses.replace(result, path=_write_sheet(pathlib.Path(cache), result, model))


def _as_pictures(images: np.ndarray) -> np.ndarray:
    """Return pictures as they are, and series [N,T,F] as pictures of lines."""
    return images if images.ndim == 4 else show_inputs(images, "series", limits=(0.0, 1.0)).cells


def _choose_channels(path: str, shape: tuple, channels: Sequence[int] | None) -> tuple[int, ...]:
    width = shape[-1] if shape else None
    if channels is None:
        if width is None:
            raise ValueError(f"the number of channels of layer {path!r} is not known: give channels=range(...)")
        return tuple(range(width))
    if isinstance(channels, int | np.integer):
        raise TypeError(f"channels must be a list of units, got {channels}: write [{channels}]")
    chosen = tuple(int(index) for index in channels)
    if not chosen:
        raise ValueError("channels is empty; None takes all")
    outside = [index for index in chosen if index < 0 or (width is not None and index >= width)]
    if outside:
        raise ValueError(f"layer {path!r} has channels 0..{'?' if width is None else width - 1}, got {outside}")
    return chosen


def _is_finished(unit: RenderedUnit) -> bool:
    return len(unit.images) == 1 and not is_stopped(unit.status[0])


def _write_sheet(folder: pathlib.Path, result: Spritemap, model: Model) -> pathlib.Path:
    """Write the sheet for people and other tools, unless it is there already; the JSON file last, as commit mark."""
    about = {
        "layer": result.layer,
        "channels": result.channels,
        "activations": [float(value) if math.isfinite(value) else None for value in result.activations],
        "status": result.status,
        "columns": result.columns,
        "alpha": result.alpha,
        "cell": result.cells.shape[1:3],
        "model": model.name,
        "weights": model.digest(),
    }
    picture = folder / name_file(f"{result.layer}-sheet", (about, result.cells), ".png")
    note = picture.with_suffix(".json")
    try:
        known = json.loads(note.read_text("utf-8"))
        whole = known["png"] == hashlib.blake2b(picture.read_bytes(), digest_size=16).hexdigest()
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        buffer = io.BytesIO()
        sheet = result.sheet
        Image.fromarray(sheet).save(buffer, "PNG")
        png = buffer.getvalue()
        replace_file(picture, lambda file: file.write(png))
        text = json.dumps({**about, "png": hashlib.blake2b(png, digest_size=16).hexdigest()}, indent=1)
        replace_file(note, lambda file: file.write(text.encode()))
    return picture
