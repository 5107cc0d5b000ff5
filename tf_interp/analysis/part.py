"""What the parts of an analysis share: what they see (`View`), hand over (`Draft`), and their pictures (`Album`)."""

import abc
import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from tensorboard_plugin_interp import metadata
from tf_interp.analysis.drawing import Drawing
from tf_interp.analysis.labels import explain_order
from tf_interp.analysis.vocabulary import Vocabulary
from tf_interp.analysis.workspace import Workspace
from tf_interp.capture import read_activations
from tf_interp.directions import Directions
from tf_interp.display import tell
from tf_interp.features import PicturePrior
from tf_interp.features.input_form import find_form
from tf_interp.features.renderer.settings import learn_prior
from tf_interp.images import make_sheet
from tf_interp.interfaces.icons import cut_crops, find_picture, tell_kind
from tf_interp.interfaces.places import Places, arrange, average_cells
from tf_interp.models import Head, Model, Target
from tf_interp.models.layout import DRAWN, find_kinds, main_input
from tf_interp.models.outputs.targets import resolve_target
from tf_interp.probe import Probe, pick_rows
from tf_interp.records import Record
from tf_interp.records.sheets import Shown, show_inputs

SHOWN = 64  # most probe pictures that a record carries as thumbnails
THUMBNAIL = 96  # pixels of their longer side


@dataclasses.dataclass(eq=False)
class View:
    """What a part sees at one step.

    Args:
        model: the network.
        probe: the pictures to look at it with.
        layers: full layer paths.
        head: the output that is looked at: what classes and names mean, and the probe's labels.
        memory: kept for this part from step to step (last pictures, chosen units), empty at the first.
        repeated: whether more steps are to come, or came before.
        known: the `outputs`, where they were computed already.
        workspace: where finished pieces of a long analysis are kept, or None.
        vocabulary: what the parts share at this step.
        step: of the training; 0 of a finished model.
        progress: share of the training that is over, 0..1; None where nobody knows.
        training: how many trainings have begun that were looked at, this one with them; 0 of a finished model.
        effort: share of their usual steps that pictures get, above 0 and at most 1; later ones go on from there.
    """

    model: Model
    probe: Probe
    layers: Sequence[str]
    head: Head
    memory: dict[Any, Any]
    repeated: bool = False
    known: np.ndarray | None = None
    workspace: Workspace | None = None
    vocabulary: Vocabulary = dataclasses.field(default_factory=Vocabulary)
    step: int = 0
    progress: float | None = None
    training: int = 0
    effort: float = 1.0

    @functools.cached_property
    def outputs(self) -> np.ndarray:
        """What the network gives for the probe pictures at the output that is looked at, float32 [N,K]."""
        if self.known is not None:
            return self.known
        return read_activations(self.model, self.probe.images, [self.head.path])[self.head.path]

    @property
    def logits(self) -> np.ndarray:
        """One number per class of the probe pictures, float32 [N,classes]."""
        return self.head.spread(self.outputs)

    def target(self, asked: Any) -> Target:
        """Return what a part was asked about: as `Model.target`, with the names and the output of this analysis.

        Raises:
            ValueError: as there, and if a class is named of which only a folder of the probe tells.
        """
        folders = () if self.probe.ordered or self.head.names else self.probe.class_names or ()
        if isinstance(asked, str) and asked in folders:
            raise ValueError(f"target {asked!r} is the name of a folder only: {explain_order(folders)}")
        found = resolve_target({**self.model.heads, self.head.path: self.head}, self.head, asked, chosen=True)
        if found.index is None or found.head is not self.head:
            return found
        return dataclasses.replace(found, name=self.head.name(found.index))

    @functools.cached_property
    def shown_input(self) -> str | None:
        """Which of several inputs is drawn and shown; None where there is only one."""
        given = self.probe.images
        if not isinstance(given, Mapping):
            return None
        name = main_input(self.model)
        return name if name in given else max(given, key=lambda key: given[key].ndim)

    def show(self, inputs: Any, limits: Any = None) -> Shown:
        """Return what the network is given as pictures for people, see `show_inputs`.

        Args:
            inputs: array [N,...] or dict input -> array; or rendered pictures.
            limits: between which numbers these were rendered; None of what was given.
        """
        array = inputs[self.shown_input] if isinstance(inputs, Mapping) else inputs
        array, kind = tell_kind(array, self._kind)
        names = self.probe.band_names
        own = names if names is not None and len(names) == array.shape[-1] else None  # not of a feature of other width
        shown = show_inputs(array, kind, bands=self.probe.bands, names=own, limits=limits)
        if not isinstance(inputs, Mapping):
            return shown
        legend = f"input {self.shown_input!r}" + (f": {shown.legend}" if shown.legend else "")
        return dataclasses.replace(shown, legend=legend)

    def show_crops(self, activations: np.ndarray, rows: Sequence[int], units: Sequence[int]) -> Shown | None:
        """Return the part of each probe input that excites a unit most; None where a part of it cannot be shown.

        Args:
            activations: float32 [N,h,w,C] of the layer on the probe, as `arrange` has them.
            rows: of the probe.
            units: channel for each of these rows.
        """
        array, kind = find_picture(self.model, self.probe.images)
        if kind not in DRAWN or not len(rows):
            return None
        best = [activations[row, ..., unit].argmax() for row, unit in zip(rows, units, strict=True)]
        cells = activations.shape[1:3]
        return self.show(cut_crops(array, kind, rows, np.stack(np.unravel_index(best, cells), -1), cells))

    def arrange(self, values: np.ndarray, layer: str, cells: int | None = None) -> Places:
        """Return numbers of a layer at the positions that are shown: of a volume its middle slice, tokens as a grid.

        Args:
            values: [N,h,w,K]; the slices of a volume lie one below the other.
            layer: path of the layer they belong to.
            cells: most positions along each side; of more, neighbors are averaged. None keeps all.
        """
        sides = self.model.layers[layer][:-1]
        if len(sides) < 3 or None in sides[1:]:
            return arrange(self.model, layer, values, cells)
        for place, depth in enumerate(sides[:-2]):
            depth = depth or values.shape[1] // int(np.prod(sides[place + 1 : -1]))
            values = values.reshape(len(values), depth, -1, *values.shape[2:])[:, depth // 2]
        note = f"of {layer!r}, a layer of a volume, the middle slice is shown"
        return Places(average_cells(values, cells), None, (note,))

    def prepare(self, drawing: Drawing | None) -> tuple[Drawing | None, list[str]]:
        """Return how a part draws for this network and probe, None if it cannot, and sentences on what that means.

        Args:
            drawing: how it would draw pictures of one input in [0,1]; None if it shall not.
        """
        if drawing is None:
            return None, []
        kinds, name = find_kinds(self.model), main_input(self.model)
        if kinds[name] not in DRAWN:
            return None, [f"no feature was drawn: the network takes {kinds[name]}, and pictures or series are needed"]
        notes, options, array = list[str](), dict[str, Any](), self.probe.images
        if self.effort < 1:
            notes.append(
                f"to keep within max_overhead, pictures got {self.effort:.0%} of their usual steps: those of later "
                "looks go on from there"
            )
        if isinstance(array, Mapping):
            others = {key: value for key, value in array.items() if key != name}
            fixed = {key: value.mean(0) if value.dtype.kind == "f" else value[0] for key, value in others.items()}
            how = [f"{key!r} ({'mean' if value.dtype.kind == 'f' else 'first'})" for key, value in others.items()]
            notes.append(
                f"{name!r} is drawn and shown; meanwhile other inputs are fixed, by the probe: {', '.join(how)}"
            )
            options, array = {"input": name, "fixed": fixed}, array[name]
        low, high = array.min(), array.max()
        if low < 0 or high > 1:
            if kinds[name] == "series" and array.ndim == 3:
                low, high = array.min((0, 1)), array.max((0, 1))
                high = np.where(high > low, high, low + 1)
            options["limits"] = (low, high)
            notes.append("features are drawn between the lowest and the highest number that the probe has")
        prior, told = self._choose_prior(drawing.param, options)
        options |= {} if prior is None else {"param": prior}
        drawing = dataclasses.replace(drawing, param="photographs" if prior is None else "probe")
        notes += told
        complete = self.progress == 1  # what first looks saved is made up for at the end
        return dataclasses.replace(drawing, options=options, effort=self.effort, complete=complete), notes

    def _choose_prior(self, asked: str, options: Mapping[str, Any]) -> tuple[PicturePrior | None, list[str]]:
        """Return what is learned from the probe to draw with, None to draw as photographs are, and sentences.

        Unasked it is learned for grey pictures only: there spectra and values come closer to real pictures, on
        photographs they do not (`tests/benchmarks/picture_priors.py`).
        """
        form, _ = find_form(self.model, options.get("input"), None, options.get("limits"))
        if asked == "photographs" or (asked == "auto" and (form.series or form.shape[2] != 1)):
            return None, []
        try:
            return learn_prior(self.probe, form), []
        except ValueError as error:
            said = f"features are drawn as photographs are, not as the probe's pictures: {error}"
            return None, [said] if asked == "probe" else []

    @functools.cached_property
    def _kind(self) -> str:
        return find_kinds(self.model).get(self.shown_input or main_input(self.model), "pictures")

    def describe_probe(self, album: "Album", limit: int = SHOWN) -> dict[str, Any]:
        """Return the `probe` entry of a record, its thumbnails added to the album."""
        probe, shown = self.probe, min(limit, len(self.probe))
        decisions = labels = right = None
        if self.head.decides and self.head.count is not None:
            outputs = self.outputs[:shown]
            decisions, labels = self.head.decide(outputs), None if probe.labels is None else probe.labels[:shown]
            right = self.head.judge(outputs, labels)
        return {
            "count": len(probe),
            "ids": list(probe.ids[:shown]),
            "labels": _list_classes(labels),
            "predictions": _list_classes(decisions),
            "right": right,
            "thumbnails": album.add_shown(self.show(pick_rows(probe.images, slice(shown)))),
        }


def _list_classes(classes: np.ndarray | None) -> Any:
    """Return a class index of each picture, or where several may be true the list of its class indices."""
    return [np.flatnonzero(row) for row in classes] if classes is not None and classes.ndim == 2 else classes


class Album:
    """The pictures of one record, in the order in which its data numbers them."""

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []

    def add(self, pictures: np.ndarray, columns: int | None = None, longest: int | None = None) -> dict[str, int]:
        """Add pictures in [0,1] as one sheet and return its description.

        Args:
            pictures: float [N,h,w] or [N,h,w,C].
            columns: cells per row; None makes the sheet about square.
            longest: shrink cells whose longer side is above this many pixels.

        Returns:
            `{"image", "rows", "columns", "count"}`.
        """
        sheet, shape = make_sheet(pictures, columns, longest)
        self.images.append(sheet)
        return {"image": len(self.images) - 1, **shape}

    def add_shown(self, shown: Shown, longest: int | None = THUMBNAIL) -> dict[str, Any]:
        """Add what a network is given, with its legend where it is no ordinary picture.

        Args:
            shown: from `View.show`.
            longest: shrink pictures whose longer side is above this many pixels; lines and bars stay as they are.
        """
        sheet: dict[str, Any] = self.add(shown.cells, longest=None if shown.plotted else longest)
        return sheet if shown.legend is None else {**sheet, "legend": shown.legend}


@dataclasses.dataclass(eq=False)
class Draft:
    """A record without the entries that every record has; `Analysis` completes it."""

    kind: str
    layer: str
    title: str
    data: dict[str, Any]
    album: Album
    settings: dict[str, Any]
    notes: list[str] = dataclasses.field(default_factory=list)
    scalars: dict[str, float] = dataclasses.field(default_factory=dict)


class Part(abc.ABC):
    """One part of an analysis, ours or your own. It has no state: what it must remember lives in `View.memory`.

    A part has a `kind`, the name of its records, and makes a `Draft` for each layer from what the `View` shows;
    pictures go into the draft's `Album`. All three are in `tf_interp.analysis`. The tab names records of kinds that it
    does not know, but cannot draw them; numbers in `scalars` are drawn by TensorBoard itself.

    Example:
        >>> from tf_interp import Probe, analyze, open_model, read_activations
        >>> class MeanActivation(Part):
        ...     kind = "mean activation"
        ...     def make(self, view):
        ...         for layer in view.layers:
        ...             values = read_activations(view.model, view.probe.images, [layer], pooling="mean")[layer]
        ...             album, mean = Album(), float(values.mean())
        ...             data = {"mean": mean, "probe": view.describe_probe(album)}
        ...             scalars = {f"mean activation/{layer}": mean}
        ...             yield Draft(self.kind, layer, f"Mean of {layer}", data, album, settings={}, scalars=scalars)
        >>> import keras
        >>> network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, name="conv")])
        >>> probe = Probe.from_arrays(np.zeros((2, 8, 8, 1)))
        >>> [(r.kind, r.data["mean"]) for r in analyze(open_model(network), probe, ["conv"], [MeanActivation()])]
        [('mean activation', 0.0)]
    """

    kind: ClassVar[str]
    by_layer: ClassVar[bool] = False  # whether a layer's draft depends on that layer alone
    joins: ClassVar[bool] = False  # whether it shows what others found and drew, and so runs after them
    drawing: Drawing | None = None  # how it draws, if it does

    def check(self, view: View) -> None:  # noqa: B027  a part without settings has nothing to check
        """Raise a ValueError or TypeError on a mistake in the settings, before any costly work."""

    def recall(self, record: Record, memory: dict[Any, Any]) -> None:  # noqa: B027  most have nothing to go on with
        """Take up what was left off, where a training that was interrupted goes on.

        Args:
            record: one of those that the part wrote last; this is called for each of them.
            memory: as in `View`, to be filled.
        """

    def record_layers(self, layers: Sequence[str], head: Head) -> list[str]:
        """Return the layers that its records are filed under, those of the analysis unless a part says otherwise.

        Args:
            layers: of the analysis.
            head: the output that is looked at.
        """
        return list(layers)

    def tags(self, layer: str) -> list[str]:
        """Return the tags of the records that it makes of a layer at one step: one, unless a part says otherwise.

        Args:
            layer: that they are filed under.
        """
        return [metadata.make_tag(self.kind, layer)]

    def directions(self, view: View, layer: str) -> Directions | None:
        """Return directions as those that `make` draws in a layer: as many, of the same shape; None if none are.

        With them it is told beforehand how long the part will take.
        """
        return None

    def further_steps(self, view: View, drawing: Drawing | None) -> int:
        """Return the steps that a look takes for each of these beside those of its drawing, such as to accentuate.

        Args:
            view: what is looked at.
            drawing: as `View.prepare` returned it.
        """
        return 0

    @abc.abstractmethod
    def make(self, view: View) -> Iterator[Draft]:
        """Yield the drafts of one step."""

    def __repr__(self) -> str:
        settings = {name: value for name, value in vars(self).items() if value is None or isinstance(value, int | str)}
        return tell(self, *(f"{name}={value!r}" for name, value in settings.items()))
