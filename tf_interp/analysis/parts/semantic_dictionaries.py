"""`SemanticDictionary`: what fires at each position of probe pictures, and what each position stands for."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from tf_interp.analysis.drawing import Drawing
from tf_interp.analysis.part import SHOWN, Album, Draft, Part, View
from tf_interp.analysis.parts.neuron_groups import check_channels, find_shared
from tf_interp.capture import read_positions
from tf_interp.directions import Directions
from tf_interp.features import Objective
from tf_interp.images import crop_length
from tf_interp.interfaces.activation_grid import find_sources, take_middle
from tf_interp.interfaces.icons import HOW, find_picture, say_none
from tf_interp.interfaces.places import Places, measure
from tf_interp.interfaces.semantic_dictionary import find_strongest
from tf_interp.models.layout import DRAWN

SCALE = 1000  # what the largest number of a list of whole numbers stands for
_GRIDS = 2  # pictures whose cells are drawn
_ICON, _CELL = 48, 32  # pixels of the longer side


@dataclasses.dataclass
class _Layer:
    """One layer at one step: what its record is made of."""

    view: View
    path: str
    memory: dict[Any, Any]
    along: Directions
    places: Places  # activations [N,h,w,C]
    strengths: Places  # of the directions [N,h,w,K]
    count: int  # pictures that are shown
    notes: list[str]
    album: Album = dataclasses.field(default_factory=Album)


class SemanticDictionary(Part):
    """What fires where in probe pictures, channel by channel or group by group, with icons.

    Icons are what other parts drew at this step; what nobody drew has the part of a probe picture where it fires most.

    Args:
        pictures: how many probe pictures, from the first on.
        top: how many channels at each position, the most.
        groups: number of neuron groups that stand in place of channels, the same as in `NeuronGroups`; None: channels.
        icons: "crops": as above, at no cost; "draw": what nobody drew is drawn, the same at every step; None.
        most: how many icons, of the most frequent channels.
        cells: most positions along each side; of a finer layer means over neighbors are shown.
        grid: what stands for each position: "crops": the part of another of the first 64 probe pictures where the
            activation vector points the same way; "draw": for the first two pictures the vector itself is drawn, which
            takes long; None.
        steps: optimization steps for the first picture, where something is drawn.
        warm_steps: steps for each later one; None takes an eighth of `steps`.
        at: "channel" or "neuron", as in `Features`.
        penalty: objective to subtract, as in `Features`.
        seed: of the groups and of what is drawn.
        param: "auto", "probe" or "photographs": what drawn pictures are like, as in `Features`.

    Raises:
        ValueError: if a number is below 1, there are more than 64 pictures, or `icons` or `grid` is unknown.

    Example:
        >>> SemanticDictionary(8, top=3).top
        3
    """

    kind = "dictionary"
    by_layer = True
    joins = True
    drawing: Drawing

    def __init__(
        self,
        pictures: int = 16,
        *,
        top: int = 4,
        groups: int | None = None,
        icons: str | None = "crops",
        most: int = 96,
        cells: int = 14,
        grid: str | None = "crops",
        steps: int = 128,
        warm_steps: int | None = None,
        at: str = "channel",
        penalty: Objective | None = None,
        seed: int = 0,
        param: str = "auto",
    ) -> None:
        if not 1 <= pictures <= SHOWN:
            raise ValueError(f"SemanticDictionary shows 1 to {SHOWN} pictures, got {pictures}")
        if min(top, most, cells, 1 if groups is None else groups) < 1:
            raise ValueError(f"top, most, cells and groups must be at least 1, got {top}, {most}, {cells} and {groups}")
        for name, value in {"icons": icons, "grid": grid}.items():
            if value not in (*HOW, None):
                raise ValueError(f'{name} must be "crops", "draw" or None, got {value!r}')
        self.pictures, self.top, self.groups, self.icons = pictures, top, groups, icons
        self.most, self.cells, self.grid, self.seed = most, cells, grid, seed
        self.drawing = Drawing(steps, warm_steps, at, penalty, None, seed, param)

    def check(self, view: View) -> None:
        """Raise if a layer has fewer channels than groups."""
        for layer in view.layers if self.groups is not None else ():
            check_channels(view, layer, self.groups or 1)

    def directions(self, view: View, layer: str) -> Directions | None:
        """Return as many channels as icons and cells will be drawn."""
        *sides, channels = view.model.layers[layer]
        if channels is None or None in sides:
            return None
        count = min(self.most, self.groups or channels) if self.icons == "draw" else 0
        if self.grid == "draw":
            count += min(_GRIDS, self.pictures) * int(np.prod([min(side, self.cells) for side in sides[-2:]]))
        return Directions.from_channels(layer, [row % channels for row in range(count)], channels) if count else None

    def make(self, view: View) -> Iterator[Draft]:
        """Yield one draft per layer."""
        for path in view.layers:
            layer = self._read(view, path)
            entry = view.describe_probe(layer.album, SHOWN if self.grid == "crops" else layer.count)
            rows, values = find_strongest(layer.strengths.values[: layer.count], self.top)
            apart = layer.strengths.class_token
            token = None if apart is None else find_strongest(apart[: layer.count], self.top)
            fires = [rows[values > 0], *([] if token is None else [token[0][token[1] > 0]])]
            used, frequency = np.unique(np.concatenate(fires), return_counts=True)
            order = np.argsort(-frequency, kind="stable")
            used = used[order]
            icons, words = self._show_icons(layer, used)
            for word, number in zip(words, frequency[order], strict=True):
                word["count"] = number
            grid, pictures = self._show_grid(layer)
            numbers = np.full(len(layer.along), -1)
            numbers[used] = np.arange(len(used))
            scale = float(max(values.max(), 0 if token is None else token[1].max(), 0))
            lengths = np.linalg.norm(layer.places.values[: layer.count], axis=-1)
            longest = float(lengths.max())
            for picture, row in enumerate(pictures):
                row |= {"probe": picture, **_tell(numbers, rows[picture], values[picture], scale)}
                row["magnitudes"] = _scale(lengths[picture], longest)
                row["class_token"] = token and _tell(numbers, token[0][picture], token[1][picture], scale)
            data = {
                **dict(zip(("rows", "columns", "top"), rows.shape[1:], strict=True)),
                "channels": len(layer.along),
                "scale": scale,
                "magnitude_scale": longest,
                "words": words,
                "pictures": pictures,
                **icons,
                **grid,
                "probe": entry,
            }
            if self.groups is not None:
                layer.memory["groups"] = layer.along  # now that all is there: the next step starts from them
            settings = {"pictures": layer.count, "icons": self.icons, "grid": self.grid, "groups": self.groups}
            drawing = view.prepare(self.drawing)[0] if "draw" in (self.icons, self.grid) else None
            settings |= {} if drawing is None else {"param": drawing.param}
            title = f"{'Channels' if self.groups is None else 'Groups'} of {path} that fire at each position"
            yield Draft(self.kind, path, title, data, layer.album, settings, layer.notes)

    def _read(self, view: View, path: str) -> _Layer:
        """Return what fires where."""
        memory = view.memory.setdefault(path, {})
        activations = read_positions(view.model, view.probe.images, [path])[path]
        channels = activations.shape[-1]
        along: Directions = Directions.from_channels(path, range(channels), channels)
        values = activations
        if self.groups is not None:
            along = find_shared(view, path, self.groups, self.seed)
            values = measure(along, activations, view.probe.images)
        tokens = find_picture(view.model, view.probe.images)[1] == "tokens"  # whose neighbors are others
        places, strengths = (view.arrange(one, path, None if tokens else self.cells) for one in (activations, values))
        count = min(self.pictures, len(view.probe))
        return _Layer(view, path, memory, along, places, strengths, count, list(places.notes))

    def _show_icons(self, layer: _Layer, used: np.ndarray) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the sheets of icons, those that were drawn and those that were cut out, and the directions in use."""
        words: list[dict[str, Any]] = [
            {"name": layer.along.names[row], "channel": int(row) if self.groups is None else None}
            | {"icon": None, "crop": None}
            for row in used
        ]
        sheets: dict[str, Any] = {"icons": None, "crops": None}
        if self.icons is None or not len(used):
            return sheets, words
        view, some = layer.view, used[: self.most]
        if self.icons == "draw":
            self._draw_icons(layer, some)
        known = [view.vocabulary.pictures(layer.along[[row]]) for row in some]
        limits = next((one[1] for one in known if one is not None), None)
        shape = next((one[0].shape for one in known if one is not None), None)
        drawn = {place: one[0] for place, one in enumerate(known) if one is not None and one[0].shape == shape}
        cut = [place for place in range(len(some)) if place not in drawn]
        if drawn:
            sheets["icons"] = layer.album.add_shown(view.show(np.concatenate([*drawn.values()]), limits), _ICON)
        strengths = layer.strengths.values
        best = strengths[..., some].max((1, 2)).argmax(0)
        crops = view.show_crops(strengths, [int(best[place]) for place in cut], [int(some[place]) for place in cut])
        if crops is not None:
            sheets["crops"] = layer.album.add_shown(crops, _ICON)
        for name, places in {"icon": [*drawn], "crop": cut if crops is not None else []}.items():
            for number, place in enumerate(places):
                words[place][name] = number
        if crops is None and not drawn:
            layer.notes.append(say_none(find_picture(view.model, view.probe.images)[1]))
        elif len(used) > len(some):
            layer.notes.append(f"the {len(some)} most frequent of {len(used)} have icons: more with most=")
        return sheets, words

    def _draw_icons(self, layer: _Layer, used: np.ndarray) -> None:
        """Draw what no other part has drawn at this step, the same directions at every step."""
        view, memory = layer.view, layer.memory
        drawing, told = view.prepare(self.drawing)
        layer.notes += told
        if drawing is None:
            return
        if "icons" not in memory:
            memory["icons"] = [int(row) for row in used if view.vocabulary.pictures(layer.along[[row]]) is None]
        if memory["icons"]:
            some, key = layer.along[memory["icons"]], f"{self.kind}/{layer.path}/icons"
            memory["drawn"] = drawing.draw(view.model, some, memory.get("drawn"), view.workspace, key)
            view.vocabulary.keep(some, memory["drawn"].images, drawing.options.get("limits", (0.0, 1.0)))

    def _show_grid(self, layer: _Layer) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return what stands for each position: a sheet that was drawn, or for each picture where parts come from.

        A token stands for itself.
        """
        none: dict[str, Any] = {"crop": None, "typical_likeness": None, "grid": None}
        pictures: list[dict[str, Any]] = [{} for _ in range(layer.count)]
        array, kind = find_picture(layer.view.model, layer.view.probe.images)
        if kind == "tokens" and array.shape[1:] == layer.places.values.shape[2:3]:
            pictures = [{"tokens": row} for row in array[: layer.count].astype(int)]
        if self.grid is None or kind not in DRAWN:
            return none, pictures
        if self.grid == "draw":
            return none | {"grid": self._draw_grid(layer)}, pictures
        values = layer.places.values
        cells = values.shape[1:3]
        found = find_sources(values[: layer.count], values[:SHOWN], np.arange(layer.count))
        sources = (found.rows[..., 0] * cells[0] + found.rows[..., 1]) * cells[1] + found.rows[..., 2]
        likeness = np.round(100 * found.likeness).astype(int)
        for row, picture in enumerate(pictures):
            picture |= {"sources": sources[row].ravel(), "likeness": likeness[row].ravel()}
        sides = array.shape[1:3] if kind == "pictures" else (1, array.shape[1])
        crop = [crop_length(side, number) / side for side, number in zip(sides, cells, strict=True)]
        return none | {"crop": crop, "typical_likeness": round(100 * found.typical)}, pictures

    def _draw_grid(self, layer: _Layer) -> dict[str, Any] | None:
        """Return a sheet of the activation vectors of the first pictures, drawn; grey where there is none."""
        drawing, told = layer.view.prepare(self.drawing)
        layer.notes += told
        values = layer.places.values[: min(_GRIDS, layer.count)]
        _, height, width, channels = values.shape
        vectors = values.reshape(-1, channels)
        alive = np.flatnonzero(vectors.any(-1))
        if drawing is None or not len(alive):
            return None
        some = Directions(layer.path, vectors[alive], [f"position {row}" for row in alive])
        last = layer.memory.get("grid")
        if last is not None and len(last.images) != len(some):  # others are silent now
            last = None
        key = f"{self.kind}/{layer.path}/grid"
        layer.memory["grid"] = drawn = drawing.draw(layer.view.model, some, last, layer.view.workspace, key)
        shown = layer.view.show(take_middle(drawn.images, height, width), drawing.options.get("limits", (0.0, 1.0)))
        layer.notes.append(f"each position of the first {len(values)} pictures is its activation vector, drawn")
        cells = np.full((len(vectors), *shown.cells.shape[1:]), 0.5, np.float32)
        cells[alive] = shown.cells
        return layer.album.add(cells, width, _CELL)


def _tell(numbers: np.ndarray, rows: np.ndarray, values: np.ndarray, scale: float) -> dict[str, Any]:
    """Return which words fire at each position, -1 where nothing more does, and how strongly."""
    return {"entries": np.where(values > 0, numbers[rows], -1).ravel(), "strengths": _scale(values, scale)}


def _scale(values: np.ndarray, scale: float) -> np.ndarray:
    """Return values as whole numbers, none below 0."""
    return np.round(np.maximum(values, 0) * (SCALE / scale if scale > 0 else 0)).astype(int).ravel()
