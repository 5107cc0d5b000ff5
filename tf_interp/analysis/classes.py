"""`Classes`: what a class index or name means, once the network's names and the probe's labels agree."""

import dataclasses
import difflib
from collections.abc import Callable
from typing import Any

import numpy as np

from tf_interp.models import Model
from tf_interp.probe import Probe


def first_of_two(logits: Any) -> Any:
    """Return the score of the first class of a network with one logit: minus that logit, [N]."""
    return -logits[:, 0]


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a network.

    A network with one logit has two classes: its logit speaks for class 1, and minus its logit for class 0.

    Args:
        count: number of classes; None where the output is not one row of logits.
        names: names by class index, or None.
        single: whether the network has one logit for two classes.
        shape: shape of the output without the batch axis.
    """

    count: int | None
    names: tuple[str, ...] | None
    single: bool
    shape: tuple[int | None, ...]

    def index(self, target: int | str) -> int:
        """Return the class index of a target given by index or name.

        Args:
            target: class index, or one of the names.

        Returns:
            The index.

        Raises:
            TypeError: if it is neither.
            ValueError: if there is no such class; the message lists near names.
        """
        if self.count is None:
            raise ValueError(
                f"the network's output has shape {self.shape}, not one logit per class, so there is no class "
                f"{target!r}: leave out parts and targets that need one"
            )
        if isinstance(target, str):
            names = list(self.names or ())
            if target in names:
                return names.index(target)
            near = difflib.get_close_matches(target, names, 4, 0.5)
            known = f"did you mean {near}?" if near else f"known names: {names[:12]}" if names else "give an index"
            raise ValueError(f"no class {target!r}; {known}")
        if isinstance(target, bool) or not isinstance(target, int | np.integer):
            raise TypeError(f"a target is a class index or a class name, got {target!r}")
        if not 0 <= target < self.count:
            raise ValueError(f"class index {target} is outside the {self.count} classes (0..{self.count - 1})")
        return int(target)

    def name(self, index: int) -> str:
        """Return how a person calls a class."""
        return self.names[index] if self.names is not None else f"class {index}"

    def spread(self, output: np.ndarray) -> np.ndarray:
        """Return one logit per class [N,count] from what the network puts out."""
        return np.stack([-output[:, 0], output[:, 0]], -1) if self.single else output

    def sign(self, index: int) -> tuple[int, int]:
        """Return which of the network's logits speaks for a class, and with which sign."""
        return (0, 1 if index == 1 else -1) if self.single else (index, 1)

    def score(self, index: int) -> int | Callable[[Any], Any]:
        """Return a class as `tcav` and `attribute` take a target."""
        row, sign = self.sign(index)
        return row if sign > 0 else first_of_two


def align_classes(model: Model, probe: Probe) -> tuple[Classes, Probe, list[str]]:
    """Make the network's classes and the probe's labels speak of the same things.

    Args:
        model: the network; its `class_names` lead, where it has some.
        probe: the probe; its labels are indices into its own `class_names`, where it has some.

    Returns:
        The classes, the probe with labels that are the network's class indices, and notes for a person.

    Raises:
        ValueError: if numbers or names do not match; the message says which.
    """
    shape = model.layers["output"]
    count = shape[0] if len(shape) == 1 else None
    single = count == 1
    count = 2 if single else count
    if model.class_names is not None and count is not None and len(model.class_names) != count:
        raise ValueError(f"{model.name!r} has {count} classes, but {len(model.class_names)} class names were given")
    names, labels, notes = model.class_names, probe.labels, []
    if names is None and probe.class_names is not None:
        if count is None or len(probe.class_names) == count:
            names = probe.class_names
        else:
            notes.append(
                f"the probe's {len(probe.class_names)} class names are not those of the network's {count} classes: "
                "its labels were left out; give all class names to use them"
            )
            labels = None
    elif labels is not None and probe.class_names is not None and probe.class_names != names:
        used = [probe.class_names[label] for label in np.unique(labels)]
        unknown = [name for name in used if name not in (names or ())]
        if unknown:
            raise ValueError(f"the probe has classes {unknown[:8]} that are not among the network's class names")
        labels = np.asarray([(names or ()).index(probe.class_names[label]) for label in labels])
    if labels is not None and count is not None and (labels.min() < 0 or labels.max() >= count):
        raise ValueError(
            f"the probe's labels run from {labels.min()} to {labels.max()}, but {model.name!r} has {count} classes "
            f"(0..{count - 1})"
        )
    return Classes(count, names, single, shape), dataclasses.replace(probe, labels=labels, class_names=names), notes
