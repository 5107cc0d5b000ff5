"""The one pipeline: model, probe, layers and parts in, records out. Callback, command line and notebook all use it."""

import collections
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tf_interp.analysis.labels import align_labels
from tf_interp.analysis.part import Part, View
from tf_interp.models import Model
from tf_interp.models.batches import check_model, learn
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
        if isinstance(layers, str):
            raise TypeError(f"layers must be a list of layer names, got the string {layers!r}: write [{layers!r}]")
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
        self.layers = list(dict.fromkeys(model.resolve(name, channels=True) for name in layers))
        for layer in self.layers:
            if layer in model.outputs or not model.layers[layer]:
                raise ValueError(
                    f"{layer!r} is not a layer with channels, but an output or a single number: name another"
                )
        self.parts = list(parts)
        self._given, self._repeated = probe, repeated
        self._memory: dict[str, dict[Any, Any]] = collections.defaultdict(dict)
        self._written: collections.Counter[str] = collections.Counter()
        self.align()

    def align(self) -> None:
        """Bring the probe's labels to what the network's outputs are now, and check that the parts fit them."""
        self.head, self.probe, self._notes = align_labels(self.model, self._given)
        for part in self.parts:
            part.check(self._view(part))

    def run(self, step: int = 0, epoch: int | None = None, parts: Sequence[Part] | None = None) -> Iterator[Record]:
        """Yield the records of one step.

        Args:
            step: training step, 0 for a finished model.
            epoch: epoch from 0 after which it runs, None for a finished model.
            parts: some of the parts; None runs all.

        Yields:
            Complete records.
        """
        for part in self.parts if parts is None else parts:
            view = self._view(part)
            started = time.perf_counter()
            for draft in part.make(view):
                tag = f"{draft.kind}/{draft.layer}"
                data = {
                    "model": {"name": self.model.name},
                    "class_names": self.head.names,
                    "output": {name: getattr(self.head, name) for name in ("label", "kind", "evidence", "quantity")},
                    "settings": draft.settings,
                    "seconds": round(time.perf_counter() - started, 3),
                    "epoch": epoch,
                    "ordinal": self._written[tag],
                    "notes": [*self.model.notes, *self._notes, *draft.notes],
                    "scalars": draft.scalars,
                    **draft.data,
                }
                yield Record(draft.kind, draft.layer, step, draft.title, data, draft.album.images)
                self._written[tag] += 1
                started = time.perf_counter()

    def _view(self, part: Part) -> View:
        return View(self.model, self.probe, self.layers, self.head, self._memory[part.kind], self._repeated)


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


def _check_size(model: Model, probe: Probe) -> None:
    """Say so at once where the probe cannot fit the network's input; a preprocess may change every shape."""
    expected, found = model.input_shape, probe.images.shape[1:]
    if isinstance(expected, dict):
        raise ValueError(
            f"{model.name!r} takes {len(expected)} inputs, {list(expected)}; an analysis needs one of images"
        )
    if expected is None or model.preprocess is not None:
        return
    if len(expected) == len(found) and all(e is None or e == f for e, f in zip(expected, found, strict=True)):
        return
    if len(expected) == 2:
        hint = "take the last axis off with preprocess=lambda images: images[..., 0]"
    elif len(expected) == 3 and expected[2] == 3 and found[2] == 1:
        hint = "repeat the grey channel, np.repeat(images, 3, -1), or read pictures with channels=3"
    else:
        hint = f"resize them, or read them with size={tuple(expected[:2])}"
    raise ValueError(f"{model.name!r} takes images of shape {tuple(expected)}, the probe's are {tuple(found)}: {hint}")
