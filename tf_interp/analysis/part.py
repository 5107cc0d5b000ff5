"""What the parts of an analysis share: what they see (`View`), hand over (`Draft`), and their pictures (`Album`)."""

import abc
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from tf_interp.capture import read_activations
from tf_interp.images import make_sheet
from tf_interp.models import Head, Model, Target
from tf_interp.models.outputs.targets import resolve_target
from tf_interp.probe import Probe

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
    """

    model: Model
    probe: Probe
    layers: Sequence[str]
    head: Head
    memory: dict[Any, Any]
    repeated: bool = False

    @functools.cached_property
    def outputs(self) -> np.ndarray:
        """What the network gives for the probe pictures at the output that is looked at, float32 [N,K]."""
        return read_activations(self.model, self.probe.images, [self.head.path])[self.head.path]

    @property
    def logits(self) -> np.ndarray:
        """One number per class of the probe pictures, float32 [N,classes]."""
        return self.head.spread(self.outputs)

    def target(self, asked: Any) -> Target:
        """Return what a part was asked about: as `Model.target`, with the names and the output of this analysis."""
        found = resolve_target({**self.model.heads, self.head.path: self.head}, self.head, asked, chosen=True)
        if found.index is None or found.head is not self.head:
            return found
        return dataclasses.replace(found, name=self.head.name(found.index))

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
            "thumbnails": album.add(probe.images[:shown], longest=THUMBNAIL),
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

    def check(self, view: View) -> None:  # noqa: B027  a part without settings has nothing to check
        """Raise a ValueError or TypeError on a mistake in the settings, before any costly work."""

    @abc.abstractmethod
    def make(self, view: View) -> Iterator[Draft]:
        """Yield the drafts of one step."""
