"""`Features`: what single channels detect, drawn, beside the probe pictures that excite them most."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.analysis.drawing import Drawing, steps_of
from tf_interp.analysis.part import SHOWN, Album, Draft, Part, View
from tf_interp.capture import read_activations
from tf_interp.directions import Directions, to_positions
from tf_interp.features import Objective, accentuate, check_path, direction_neuron
from tf_interp.features.path_check import LEAST, PathCheck

_DISTANCE = 0.1  # of an accentuated picture from its start, root mean square: seen well, and still that picture
_ACCENTS = 64  # optimization steps for it
_END = 0.01  # of the range of a layer, within which a number is at its end
_NEARLY_ALWAYS = 0.95  # of the positions
_CHANNELS = 8  # fewest of a layer on the path of a picture
_BEFORE = 3  # most such layers


class Features(Part):
    """Feature visualization of channels of each layer.

    The same units are drawn at every step, each from its last picture on, so that a unit's pictures can be compared.

    Args:
        units: how many channels (those that differ most between the probe pictures at the first step), or which.
        steps: optimization steps for the first picture.
        warm_steps: steps for each later one; None takes an eighth of `steps`.
        at: "channel" excites it everywhere (a texture); "neuron" at the central position only (one receptive field).
        penalty: objective to subtract, such as `0.01 * l1()` for networks trained on a black ground.
        size: side of the pictures in pixels; None takes the network's own.
        examples: how many probe pictures to name beside each unit.
        seed: of the initial pictures and the transforms.
        param: "probe" draws with the frequencies, colors, values and background of the probe's pictures, "photographs"
            with those of photographs; "auto" takes the first for grey pictures and the second for all others.
        accentuate: whether to add to each unit its best probe picture, in which what excites it was made stronger; this
            takes 64 further steps a unit at each look, fewer where `max_overhead` leaves no room for them.

    Raises:
        ValueError: if a number is below 1.

    Example:
        >>> Features(units=[0, 3], steps=64).units
        [0, 3]
    """

    kind = "features"
    by_layer = True
    drawing: Drawing

    def __init__(
        self,
        units: int | Sequence[int] = 8,
        steps: int = 256,
        *,
        warm_steps: int | None = None,
        at: str = "channel",
        penalty: Objective | None = None,
        size: int | None = None,
        examples: int = 4,
        seed: int = 0,
        param: str = "auto",
        accentuate: bool = False,
    ) -> None:
        self.units = int(units) if isinstance(units, int | np.integer) else [int(unit) for unit in units]
        if not self.units or (isinstance(self.units, int) and self.units < 1):
            raise ValueError(f"Features needs at least one unit, got units={units!r}")
        self.examples, self.accentuate = examples, accentuate
        self.drawing = Drawing(steps, warm_steps, at, penalty, size, seed, param)

    def check(self, view: View) -> None:
        """Raise if a listed channel does not exist in a layer."""
        for layer in view.layers:
            if not isinstance(self.units, int):
                Directions.from_channels(layer, self.units, view.model.layers[layer][-1])

    def directions(self, view: View, layer: str) -> Directions | None:
        """Return as many channels as will be drawn."""
        count = view.model.layers[layer][-1]
        if count is None:
            return None
        units = range(min(self.units, count)) if isinstance(self.units, int) else self.units
        return Directions.from_channels(layer, list(units), count)

    def further_steps(self, view: View, drawing: Drawing | None) -> int:
        """Return the steps that each unit's accentuated picture gets; 0 where none is made."""
        pictures = view.probe.images
        plain = isinstance(pictures, np.ndarray) and pictures.ndim == 4
        if not self.accentuate or not plain or drawing is None or drawing.options.keys() - {"param"}:
            return 0
        return max(1, round(view.effort * _ACCENTS))

    def make(self, view: View) -> Iterator[Draft]:
        """Yield one draft per layer."""
        for layer in view.layers:
            activations = to_positions(read_activations(view.model, view.probe.images, [layer])[layer])  # [N,h,w,C]
            levels = activations.mean((1, 2)) if self.drawing.at == "channel" else activations.max((1, 2))  # [N,C]
            memory = view.memory.setdefault(layer, {})
            if "units" not in memory:
                memory["units"] = self._choose(levels)
            units, last = memory["units"], memory.get("rendering")
            directions = Directions.from_channels(layer, units, levels.shape[1])
            drawing, notes = view.prepare(self.drawing)
            rendering = None
            if drawing is not None:
                rendering = drawing.draw(view.model, directions, last, view.workspace, f"{self.kind}/{layer}")
            pictures = None
            album = Album()
            entry = view.describe_probe(album)
            shown = levels[: entry["thumbnails"]["count"]]
            best = [np.argsort(-shown[:, unit], kind="stable")[: self.examples] for unit in units]
            places = view.arrange(activations, layer)
            ranks = [(int(row), unit) for unit, indices in zip(units, best, strict=True) for row in indices]
            notes += places.notes
            crops = view.show_crops(places.values, *zip(*ranks, strict=True)) if ranks else None
            further = self.further_steps(view, drawing)
            accents = self._accentuate(view, further, directions, shown[:, units].argmax(0), activations)
            if self.accentuate and accents is None:
                notes.append(
                    "no probe picture was accentuated: the network takes no pictures in [0,1], or several inputs"
                )
            if accents is not None and view.effort < 1:
                notes.append(
                    f"to keep within max_overhead, probe pictures were accentuated in {further} steps, not {_ACCENTS}"
                )
            path = self._check_path(view, layer, drawing, rendering, best)
            if drawing is not None and rendering is not None:
                limits = drawing.options.get("limits", (0.0, 1.0))
                pictures = album.add_shown(view.show(rendering.images, limits), None)
                view.vocabulary.keep(directions, rendering.images, limits)
            rows = [
                {
                    "channel": unit,
                    "name": directions.names[row],
                    "picture": None if rendering is None else row,
                    "activation": None if rendering is None else rendering.activations[row],
                    "probe_mean": levels[:, unit].mean(),
                    "probe_max": levels[:, unit].max(),
                    "status": "was not drawn" if rendering is None else rendering.status[row],
                    **_compare(rendering, row, levels[:, unit].max(), shown[best[row][0], unit] if crops else None),
                    "examples": [
                        {
                            "probe": index,
                            "activation": shown[index, unit],
                            "crop": row * len(best[row]) + rank if crops else None,
                        }
                        for rank, index in enumerate(best[row])
                    ],
                    "histogram": _count(levels[:, unit]),
                    **_tell_path(path, row, rendering),
                    **({} if accents is None else {"accentuated": accents.tell(row, shown[:, unit].max())}),
                }
                for row, unit in enumerate(units)
            ]
            data = {
                "units": rows,
                "pictures": pictures,
                "crops": None if crops is None else album.add_shown(crops),
                "probe": entry,
                "curve": None if rendering is None else -rendering.losses.mean(1),
                "channels": _count_idle(activations),
                **({} if accents is None else {"accentuated": album.add_shown(view.show(accents.images), None)}),
            }
            settings = {
                "steps": (drawing or self.drawing).count_steps(steps_of(last)),
                "warm": last is not None,
                "at": self.drawing.at,
                **({} if drawing is None else {"param": drawing.param}),
                "seed": self.drawing.seed,
                "choice": "variance" if isinstance(self.units, int) else "named",
                **({} if accents is None else {"accentuated": _DISTANCE}),
            }
            memory["rendering"] = rendering  # now that all is there
            yield Draft(self.kind, layer, f"What {len(units)} channels of {layer} detect", data, album, settings, notes)

    def _accentuate(
        self, view: View, steps: int, directions: Directions, rows: np.ndarray, activations: np.ndarray
    ) -> "_Accents | None":
        """Return the given probe picture of each unit with what excites it made stronger; None without steps."""
        if not steps:
            return None
        asked: Any = directions
        if self.drawing.at == "neuron":  # where it fires most, since the picture is not moved
            asked = []
            for direction, row in zip(directions, rows, strict=True):
                fires = activations[row] @ direction.vectors[0]
                y, x = np.unravel_index(int(fires.argmax()), fires.shape)
                asked.append(direction_neuron(direction.layer, direction.vectors[0], int(x), int(y)))
        pictures = view.probe.images[rows]
        made = accentuate(view.model, pictures, asked, distance=_DISTANCE, steps=steps, seed=self.drawing.seed)
        if made.stopped:
            raise KeyboardInterrupt
        if view.workspace is not None:
            view.workspace.advance(steps * len(rows))
        return _Accents(rows, made.images, made.activations, made.status)

    def _check_path(
        self, view: View, layer: str, drawing: Drawing | None, rendering: Any, best: Sequence[np.ndarray]
    ) -> PathCheck | None:
        """Return how the drawn pictures pass layers before theirs, beside those of the probe that are shown."""
        pictures = view.probe.images
        plain = isinstance(pictures, np.ndarray) and pictures.ndim == 4 and drawing is not None
        if not plain or rendering is None or drawing.options.keys() - {"param"}:  # type: ignore[union-attr]
            return None
        shown, count = pictures[:SHOWN], len(best[0])
        layers = _list_before(view.model.layers, layer)
        if not layers or count < 2 or len(shown) - count < LEAST or rendering.images.shape[1:] != shown.shape[1:]:
            return None
        return check_path(view.model, rendering.images, shown, [list(rows) for rows in best], layers)

    def _choose(self, levels: np.ndarray) -> list[int]:
        if not isinstance(self.units, int):
            return self.units
        return sorted(int(unit) for unit in np.argsort(-levels.std(0), kind="stable")[: self.units])


@dataclasses.dataclass(frozen=True, eq=False)
class _Accents:
    """Probe pictures of units, in which what excites them was made stronger."""

    rows: np.ndarray
    images: np.ndarray
    activations: np.ndarray
    status: tuple[str, ...]

    def tell(self, row: int, before: float) -> dict[str, Any] | None:
        """Return the entry of a unit; None where nothing stronger came out: pictures are moved while they are made."""
        if not self.activations[row] > before:  # nor a number
            return None
        return {"probe": self.rows[row], "cell": row, "before": before, "activation": self.activations[row]}


def _list_before(shapes: Mapping[str, tuple], layer: str) -> list[str]:
    """Return up to three layers before one, evenly spread, that have channels enough for ranks to say something."""
    order = list(shapes)
    before = order[: order.index(layer)]
    wide = [path for path in before if shapes[path] and (shapes[path][-1] or 0) >= _CHANNELS]
    if not wide:
        return []
    return [wide[place] for place in np.unique(np.linspace(0, len(wide) - 1, _BEFORE).round().astype(int))]


def _tell_path(path: PathCheck | None, row: int, rendering: Any) -> dict[str, Any]:
    """Return the entry of a unit on the path of its drawn picture; nothing where that is not known."""
    known = np.zeros(0, bool) if path is None else np.isfinite(path.rank[:, row])
    if path is None or rendering.status[row] != "ok" or not known.any():
        return {}
    numbers = {name: getattr(path, name)[known, row] for name in ("likeness", "natural", "rank")}
    layers = [layer for layer, there in zip(path.layers, known, strict=True) if there]
    return {"path": {"layers": layers, **numbers, "sentence": path.explain(row)}}


def _compare(rendering: Any, row: int, most: float, best: float | None) -> dict[str, Any]:
    """Return what is shown first of a unit, and what must be known of its drawn picture.

    People predict a unit better from the best example than from a picture that excites it less (Borowski et al. 2021).
    `most` is over the whole probe, `best` that of the first example: of a large probe only some pictures are kept.
    """
    if rendering is None:
        return {"first": None if best is None else "crop", "caution": None}
    reached, ok = float(rendering.activations[row]), rendering.status[row] == "ok"
    below = most > 0 and not reached >= most  # also where it is no number
    caution = None
    if ok and below:
        caution = f"the drawn picture excites it less than a probe picture does ({reached:.3g} against {most:.3g})"
    return {"first": "crop" if best is not None and below and not reached >= best else "picture", "caution": caution}


def _count_idle(activations: np.ndarray) -> dict[str, int]:
    """Return how many channels of activations [N,h,w,C] never change, and how many are nearly always at their ends."""
    flat = activations.reshape(-1, activations.shape[-1])
    low, high = flat.min(0), flat.max(0)
    constant = high <= low
    least, most = float(low.min(initial=np.inf)), float(high.max(initial=-np.inf))
    margin = _END * (most - least)
    reaches = ((low <= least + margin) & (high >= most - margin)) | (low >= most - margin)
    ends = ((flat <= least + margin) | (flat >= most - margin)).mean(0) > _NEARLY_ALWAYS
    return {
        "count": flat.shape[1],
        "pictures": len(activations),
        "constant": int(constant.sum()),
        "saturated": int((~constant & reaches & ends).sum()),
    }


def _count(values: np.ndarray, bins: int = 24) -> dict[str, Any]:
    """Return the distribution of finite values as `{"low", "high", "counts"}`."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if not len(finite):
        return {"low": None, "high": None, "counts": []}
    counts, edges = np.histogram(finite, bins)
    return {"low": edges[0], "high": edges[-1], "counts": counts}
