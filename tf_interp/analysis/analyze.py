"""The one pipeline: model, probe, layers and parts in, records out. Callback, command line and notebook all use it."""

import collections
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tf_interp.analysis.part import Part, View
from tf_interp.models import Model
from tf_interp.probe import Probe
from tf_interp.records import Record


class Analysis:
    """A set of parts for one model and probe, run at one or many steps.

    Args:
        model: the network.
        probe: the pictures to look at it with.
        layers: layer names; a unique suffix of a path is enough.
        parts: what to do.

    Raises:
        TypeError: if a part is not a `Part`.
        ValueError: if a layer does not exist, the probe does not fit the model, or a part's settings are wrong.
    """

    def __init__(self, model: Model, probe: Probe, layers: Sequence[str], parts: Sequence[Part]) -> None:
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
        self.probe = probe
        _check_size(model, probe)
        self.layers = list(dict.fromkeys(model.resolve(name) for name in layers))
        self.parts = list(parts)
        self._memory: dict[str, dict[Any, Any]] = collections.defaultdict(dict)
        self._written: collections.Counter[str] = collections.Counter()
        for part in self.parts:
            part.check(self._view(part))

    def run(self, step: int = 0, epoch: int | None = None) -> Iterator[Record]:
        """Yield the records of one step.

        Args:
            step: training step, 0 for a finished model.
            epoch: epoch from 0 after which it runs, None for a finished model.

        Yields:
            Complete records.
        """
        for part in self.parts:
            view = self._view(part)
            started = time.perf_counter()
            for draft in part.make(view):
                tag = f"{draft.kind}/{draft.layer}"
                data = {
                    "model": {"name": self.model.name},
                    "class_names": view.class_names,
                    "settings": draft.settings,
                    "seconds": round(time.perf_counter() - started, 3),
                    "epoch": epoch,
                    "ordinal": self._written[tag],
                    "notes": [*self.model.notes, *draft.notes],
                    "scalars": draft.scalars,
                    **draft.data,
                }
                yield Record(draft.kind, draft.layer, step, draft.title, data, draft.album.images)
                self._written[tag] += 1
                started = time.perf_counter()

    def _view(self, part: Part) -> View:
        return View(self.model, self.probe, self.layers, self._memory[part.kind])


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
    """Say so at once where the probe cannot fit the network's input."""
    expected, found = model.input_shape, probe.images.shape[1:]
    if expected is not None and (
        len(expected) != 3 or any(e is not None and e != f for e, f in zip(expected, found, strict=True))
    ):
        raise ValueError(
            f"{model.name!r} takes images of shape {tuple(expected)}, the probe's are {tuple(found)}"
            + (
                ""
                if len(expected) != 3 or expected[0] == found[0]
                else f": use Probe.from_folder(..., size={tuple(expected[:2])})"
            )
        )
