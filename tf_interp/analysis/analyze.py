"""The one pipeline: model, probe, layers and parts in, records out. Callback, command line and notebook all use it."""

import collections
import dataclasses
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tensorboard_plugin_interp import metadata
from tf_interp.analysis.labels import align_labels, check_order
from tf_interp.analysis.part import Part, View
from tf_interp.analysis.vocabulary import Vocabulary
from tf_interp.analysis.workspace import Workspace, keep_records, recall_records
from tf_interp.display import name_some, quote, tell
from tf_interp.models import Model
from tf_interp.models.batches import check_model, learn
from tf_interp.models.layer_names import take_names
from tf_interp.probe import Probe
from tf_interp.records import Record


class Analysis:
    """A set of parts for one model and probe, run at one or many steps.

    Args:
        model: the network.
        probe: the pictures to look at it with.
        layers: layer names; a unique suffix of a path is enough.
        parts: what to do.
        repeated: whether it will be run at several steps.

    Raises:
        TypeError: if the model was not opened, or a part is not a `Part`.
        ValueError: if a layer does not exist, the probe does not fit the model, or a part's settings are wrong.
    """

    def __init__(
        self, model: Model, probe: Probe, layers: Sequence[str], parts: Sequence[Part], *, repeated: bool = False
    ) -> None:
        check_model(model, "an analysis")
        layers = take_names(layers)
        if not isinstance(probe, Probe):
            raise TypeError(
                f"probe must be a Probe, got {type(probe).__name__}: use Probe.from_arrays, from_folder or from_dataset"
            )
        for part in parts:
            if not isinstance(part, Part):
                raise TypeError(f"parts must be Features(), NeuronGroups(6), ... objects, got {part!r}")
        kinds = [part.kind for part in parts]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"each kind of part may appear once, got {[type(part).__name__ for part in parts]}")
        if not layers or not parts:
            raise ValueError(f"an analysis needs at least one layer and one part, got {list(layers)} and {list(parts)}")
        self.model = model
        _check_size(model, probe)
        learn(model, probe.images)
        self._asked = list(layers)
        self._shapes: list[tuple] = []
        self.parts = sorted(parts, key=lambda part: part.joins)  # who shows what others found runs after them
        self._given, self._repeated = probe, repeated
        self._memory: dict[str, dict[Any, Any]] = collections.defaultdict(dict)
        self._written: collections.Counter[str] = collections.Counter()
        self._order: str | None = None
        self._vocabulary: tuple[Any, Vocabulary] = (None, Vocabulary())
        self.align()

    def align(self) -> None:
        """Bring layers and the probe's labels to what the network is now, and check that the parts fit it."""
        self.layers = _resolve(self.model, self._asked)
        shapes = [self.model.layers[layer] for layer in self.layers]
        if shapes != self._shapes:  # changed in place: what was chosen and drawn was of other units
            self._shapes = shapes
            self._memory.clear()
            self._vocabulary = (None, Vocabulary())
        self.head, self.probe, self._notes, self._cautions = align_labels(self.model, self._given)
        for part in self.parts:
            part.check(self.view(part))

    @property
    def warnings(self) -> list[str]:
        """What a person must read before trusting the records, one sentence each; every record has them too."""
        order = [self._order] if self._order else []
        return [*self.model.warnings, *order, *self._cautions, *_list_skipped(self._given.skipped)]

    def recall(self, records: Iterable[Record]) -> None:
        """Go on with a training that was interrupted, from the last records of its parts."""
        for record in records:
            for part in self.parts:
                if part.kind == record.kind:
                    part.recall(record, self._memory[part.kind])

    def count_from(self, written: Mapping[str, int]) -> None:
        """Go on where others stopped: the next record of a tag is the one with this number, from 0."""
        self._written = collections.Counter(written)

    def run(
        self,
        step: int = 0,
        epoch: int | None = None,
        parts: Sequence[Part] | None = None,
        *,
        weights: str | None = None,
        about: Mapping[str, Any] | None = None,
        progress: float | None = None,
        training: int = 0,
        effort: float = 1.0,
        workspace: Workspace | None = None,
        written: Collection[str] = (),
    ) -> Iterator[Record]:
        """Yield the records of one step.

        Args:
            step: training step, 0 for a finished model.
            epoch: epoch from 0 after which it runs, None for a finished model.
            parts: some of the parts; None runs all.
            weights: what `Model.digest` says now, if that is known.
            about: further entries for the data of each record; `notes` and `warnings` are added to those there are.
            progress: share of the training that is over, 0..1; None where nobody knows.
            training: how many trainings have begun, as in `View`.
            effort: share of their usual steps that pictures get, as in `View`.
            workspace: where finished pieces are kept and found, of a network that is looked at once.
            written: tags (`kind/layer`) of the records that there are already at this step: they are left out.

        Yields:
            Complete records.
        """
        if [self.model.layers.get(layer) for layer in self.layers] != self._shapes:
            self.align()
        self.model.range_guess(self.probe.images, in_training=self._repeated)
        outputs = None
        # in training, and of random weights, another order may well fit: nothing was learned yet
        if not self._repeated and self.probe.labels is not None and self.head.decides and self.model.is_trained:
            outputs = View(self.model, self.probe, self.layers, self.head, {}).outputs
            self._order = check_order(self.head, outputs, self.probe.labels)
        about, known, warned = dict(about or {}), [*self.model.notes, *self._notes], self.warnings
        common = {
            "model": {"name": self.model.name, "weights": self.model.digest() if weights is None else weights},
            "class_names": self.head.names,
            "output": {name: getattr(self.head, name) for name in ("label", "kind", "evidence", "quantity")},
            "epoch": epoch,
            "warnings": [*warned, *about.pop("warnings", ())],
            "notes": [*known, *about.pop("notes", ())],
            "background": [note for note in known if note not in warned],
            **about,
        }
        moment = (step, common["model"]["weights"])
        if self._vocabulary[0] != moment:  # the parts of one step may be run one by one
            self._vocabulary = (moment, Vocabulary(self.parts))
        _, vocabulary = self._vocabulary
        parts = self.parts if parts is None else sorted(parts, key=lambda part: part.joins)
        wanted = any(part.joins and self.missing(part, written) for part in parts)  # who shows what others drew
        shared: dict[str, Any] = {"known": outputs, "vocabulary": vocabulary, "step": step, "progress": progress}
        shared |= {"training": training, "effort": effort}
        finished: list[str] = []  # groups of pieces that nobody needs any more
        for part in parts:
            missing = self.missing(part, written)
            if not missing:
                continue
            if workspace is None:
                yield from self._make(part, dataclasses.replace(self.view(part), **shared), step, common)
                continue
            view = dataclasses.replace(self.view(part), memory={}, repeated=False, workspace=workspace, **shared)
            if part.by_layer:
                view = dataclasses.replace(view, layers=missing)
                records: Iterable[Record] = self._make(part, view, step, common)
            else:  # its layers belong together: what they give is kept before the first is written
                kept = recall_records(workspace, part.kind)
                records = list(self._make(part, view, step, common)) if kept is None else kept
                if kept is None:
                    keep_records(workspace, part.kind, records)
            for record in records:
                if record.tag not in written:
                    yield record
                finished.append(record.tag)
                if not wanted:
                    workspace.drop(record.tag)
            finished.append(part.kind)
            workspace.drop(part.kind)
        if workspace is not None:
            for group in finished:
                workspace.drop(group)

    def missing(self, part: Part, written: Collection[str]) -> list[str]:
        """Return the layers of which a part has no record yet.

        Args:
            part: one of the parts.
            written: tags of the records that there are.
        """
        layers = part.record_layers(self.layers, self.head)
        return [layer for layer in layers if any(tag not in written for tag in part.tags(layer))]

    def _make(self, part: Part, view: View, step: int, common: Mapping[str, Any]) -> Iterator[Record]:
        started = time.perf_counter()
        for draft in part.make(view):
            tag = metadata.make_tag(draft.kind, draft.layer, draft.data.get("variant", ""))
            data = {
                **common,
                "settings": draft.settings,
                "seconds": round(time.perf_counter() - started, 3),
                "ordinal": self._written[tag],
                "notes": list(dict.fromkeys([*common["notes"], *common["warnings"], *draft.notes])),
                "scalars": draft.scalars,
                **draft.data,
            }
            yield Record(draft.kind, draft.layer, step, draft.title, data, draft.album.images)
            self._written[tag] += 1
            started = time.perf_counter()

    def view(self, part: Part) -> View:
        """Return what a part sees."""
        return View(self.model, self.probe, self.layers, self.head, self._memory[part.kind], self._repeated)

    def __repr__(self) -> str:
        parts = ", ".join(type(part).__name__ for part in self.parts)
        return tell(self, quote(self.model.name), f"layers {name_some(self.layers)}", parts)


def _resolve(model: Model, names: Sequence[str]) -> list[str]:
    """Return the full paths of layers with channels."""
    layers = list(dict.fromkeys(model.resolve(name, channels=True) for name in names))
    for layer in layers:
        if layer in model.outputs or not model.layers[layer]:
            raise ValueError(f"{layer!r} is not a layer with channels, but an output or a single number: name another")
    return layers


def analyze(
    model: Model, probe: Probe, layers: Sequence[str], parts: Sequence[Part], *, step: int = 0
) -> Iterator[Record]:
    """Yield the records of a finished model.

    Args:
        model: the network, from `open_model`.
        probe: the pictures to look at it with.
        layers: layer names; a unique suffix of a path is enough.
        parts: what to do, e.g. `[Features(), NeuronGroups(6)]`.
        step: training step to file the records under.

    Returns:
        Iterator of records; mistakes in the settings are raised before the first.

    Raises:
        ValueError: if a layer does not exist, the probe does not fit the model, or a part's settings are wrong.

    Example:
        >>> [record.kind for record in analyze(model, probe, ["conv"], [NeuronGroups(2, icons=False)])]
        ['groups']
    """
    return Analysis(model, probe, layers, parts).run(step)


def _list_skipped(lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    rest = f"; and {len(lines) - 3} more, see probe.skipped" if len(lines) > 3 else ""
    count = "1 file of the probe was" if len(lines) == 1 else f"{len(lines)} files of the probe were"
    return [f"{count} skipped: {'; '.join(lines[:3])}{rest}"]


def _check_size(model: Model, probe: Probe) -> None:
    """Say so at once where the probe cannot fit the network's input; a preprocess may change every shape."""
    expected, given = model.input_shape, probe.images
    if expected is None or model.preprocess is not None:
        return
    several = isinstance(expected, dict)
    if several != isinstance(given, dict) or (several and {*given} != {*expected}):
        takes = f"{len(expected)} inputs, {list(expected)}" if several else "one input"
        has = f"the inputs {list(given)}" if isinstance(given, dict) else "one array"
        raise ValueError(f"{model.name!r} takes {takes}, the probe has {has}: Probe.from_arrays({{name: array, ...}})")
    for name in expected if several else [None]:
        wanted, found = (expected[name], given[name].shape[1:]) if several else (expected, given.shape[1:])
        if not _fits(wanted, found):
            what = f"input {name!r}" if several else "images"
            raise ValueError(
                f"{model.name!r} takes {what} of shape {tuple(wanted)}, the probe's are {tuple(found)}: "
                + _advise(tuple(wanted), tuple(found))
            )


def _fits(expected: tuple, found: tuple) -> bool:
    """Return whether the network takes an array; of series a last axis of 1 is what `check_images` put there."""
    if len(found) == len(expected) + 1 == 3 and found[-1] == 1:
        found = found[:-1]
    return len(expected) == len(found) and all(e is None or e == f for e, f in zip(expected, found, strict=True))


def _advise(expected: tuple, found: tuple) -> str:
    if len(expected) == 3 and len(found) == 3 and expected[2] == 3 and found[2] == 1:
        return "repeat the grey channel, np.repeat(images, 3, -1), or read pictures with channels=3"
    if len(expected) == 3 and len(found) == 3:
        return f"resize them, or read them with size={tuple(expected[:2])}"
    return "give them in that shape, or bring them into it in preprocess"
