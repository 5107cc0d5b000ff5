"""`Head`: what an output of a network is, and what right and wrong mean for it. The one home of classes and labels."""

import dataclasses
import difflib
from collections.abc import Sequence

import numpy as np

from tf_interp.display import cut, name_some, tell, write_size

KINDS = {
    "multiclass": "one of several classes",
    "binary": "two classes, one logit for the second of them",
    "multilabel": "several classes, each of which may be true",
    "regression": "numbers",
    "dense": "a map with numbers at each position",
    "other": "something else",
}
_BOUNDED = (
    "all its numbers lie in [0,1], where all that the network takes does: they were taken for probabilities, though "
    "how is not recognized. Effects are in probabilities, which saturate, not in logits. Let the network return its "
    "logits, where that is possible"
)
_DECIDING = ("multiclass", "binary", "multilabel")


@dataclasses.dataclass(frozen=True)
class Head:
    """One output of a network: what its numbers are, and what right and wrong mean for it.

    Args:
        path: "output", "output:1", ...: the name of its logits among the layers.
        label: what the network itself calls it ("breed"), else the path.
        kind: one of `KINDS`.
        evidence: from what that is known, in words.
        shape: shape of the output without the batch axis.
        names: names by class index (of a regression: of the numbers), or None.
        quantity: what the numbers are: "logit", or what stands in for it.
        caution: a sentence that a person should read, such as that logits cannot be had; or None.
        bounded: whether its numbers lie in [0,1] whatever the weights are, where all that the network takes does.
        source: who says what it is: "network" (how it ends), "loss" or "user".
        also: further names that it answers to, such as that of a signature.
        ordered: whether its numbers are the steps of an order, whatever the weights are: no classes each of its own.
        decides_at: from what number on a single number is for its class, where the loss says it; None is by `quantity`.
    """

    path: str
    label: str
    kind: str
    evidence: str
    shape: tuple[int | None, ...]
    names: tuple[str, ...] | None = None
    quantity: str = "logit"
    caution: str | None = None
    bounded: bool = False
    source: str = "network"
    also: tuple[str, ...] = ()
    ordered: bool = False
    decides_at: float | None = None

    @property
    def calls(self) -> tuple[str, ...]:
        """All names that it answers to."""
        return (self.label, self.path, *self.also)

    @property
    def count(self) -> int | None:
        """Number of classes, or of numbers; None where there are none to name."""
        if self.kind == "binary":
            return 2
        if self.kind in ("dense", "other"):
            return None
        return self.shape[-1] if self.shape else 1

    @property
    def decides(self) -> bool:
        """Whether the network decides for classes, so that it can be right or wrong."""
        return self.kind in _DECIDING

    @property
    def threshold(self) -> float:
        """From what number on a single number is for its class: a probability of one half, a logit of 0."""
        if self.decides_at is not None:
            return self.decides_at
        return 0.5 if self.quantity == "probability" else 0.0

    def describe(self) -> str:
        """Return in a few words what it is and why that is believed."""
        count = f"{self.count} classes" if self.decides and self.count is not None else KINDS[self.kind]
        kind = {"binary": "2 classes, one logit", "multilabel": f"{count}, each true or not"}.get(self.kind, count)
        return f"{kind} ({self.evidence})"

    def with_names(self, count: int, indices: bool = False) -> "Head":
        """Return what numbers are once it is known that there are names of classes: as many, or two for one number.

        What was trained as numbers has names of numbers, unless labels are class indices of several.

        Args:
            count: how many names.
            indices: whether pictures are labeled with class indices.
        """
        width = self.shape[-1] if self.shape else 1
        names_numbers = self.source == "user" or (self.source == "loss" and not (indices and width != 1))
        if self.kind != "regression" or names_numbers or self.ordered or count != (2 if width == 1 else width):
            return self
        evidence = f"{'one number' if width == 1 else f'{width} numbers'} and {count} class names"
        return self._of_classes("binary" if width == 1 else "multiclass", evidence)

    def as_said(self, kind: str) -> "Head":
        """Return what it is by the word of the user.

        Args:
            kind: one of `KINDS`.
        """
        if kind == "regression":
            said = dataclasses.replace(self, quantity="number", caution=None)
        elif self.quantity == "number":
            said = self._of_classes(kind, "")
        else:
            keeps = kind in _DECIDING and self.quantity != "logit"
            said = dataclasses.replace(self, caution=self.caution if keeps else None)
        ordered = self.ordered and kind == "multilabel"
        return dataclasses.replace(
            said, kind=kind, evidence="as given by head=", source="user", ordered=ordered, decides_at=None
        )

    def _of_classes(self, kind: str, evidence: str) -> "Head":
        """Return the same with its numbers read as what speaks for classes."""
        quantity, caution = ("probability", _BOUNDED) if self.bounded else ("logit", None)
        return dataclasses.replace(self, kind=kind, evidence=evidence, quantity=quantity, caution=caution)

    def index(self, target: int | str) -> int:
        """Return the class index of a class given by index or name.

        Args:
            target: class index, or one of the names.

        Raises:
            TypeError: if it is neither.
            ValueError: if there is no such class (the message lists near names), or several have that name.
        """
        if not isinstance(target, str) and (isinstance(target, bool) or not isinstance(target, int | np.integer)):
            raise TypeError(
                f"a target is a class index, a class name, or a callable from logits [N,K] to [N]; got {target!r} "
                f"of type {type(target).__name__}"
            )
        if self.kind in ("dense", "other"):
            raise ValueError(
                f"the model's output has shape {['N', *self.shape]}, no classes: give a callable as target, and leave "
                f"out parts that need a class{'' if self.caution is None else f' ({self.caution})'}"
            )
        if isinstance(target, str):
            return self._find(target)
        if self.count is not None and not 0 <= target < self.count:
            what = "logits" if self.kind != "regression" else "numbers"
            hint = "" if self.count > 1 else self._hint()
            raise ValueError(f"class index {target} is outside the {self.count} {what} (0..{self.count - 1}){hint}")
        return int(target)

    def _hint(self) -> str:
        return f"; it was taken for {KINDS[self.kind]} ({self.evidence}), head= corrects that"

    def _find(self, name: str) -> int:
        names = list(self.names or ())
        if names and self.count not in (None, len(names)):
            raise ValueError(f"there are {len(names)} class names for {self.count} classes: give one for each")
        same = [index for index, item in enumerate(names) if item == name]
        if len(same) > 1:
            raise ValueError(f"several classes are called {name!r}: give an index, one of {same}")
        if not same:
            known = (
                did_you_mean(name, names, "known names:") if names else "the model has no class_names: give an index"
            )
            raise ValueError(f"no class {name!r}; {known}")
        return same[0]

    def name(self, index: int) -> str:
        """Return how a person calls a class; of several with one name, with the index."""
        if self.names is None or index >= len(self.names):
            return f"class {index}" if self.kind != "regression" else f"number {index}"
        name = self.names[index]
        return name if self.names.count(name) == 1 else f"{name} ({index})"

    def weights(self, index: int) -> np.ndarray:
        """Return what each number of the output counts for a class, float32 [K]: 1, or minus 1 for the first of two."""
        if self.kind == "binary":
            return np.array([1.0 if index == 1 else -1.0], np.float32)
        width = self.shape[-1] if self.shape else 1
        if width is None:
            raise ValueError(f"the number of classes of {self.label!r} is not known: give a callable as target")
        return np.eye(width, dtype=np.float32)[index]

    def offset(self, index: int) -> float:
        """Return what is added to the weighted numbers: for the first of two classes 1 makes 1 - p of minus p."""
        return 2 * self.threshold if self.kind == "binary" and index == 0 else 0.0

    def spread(self, output: np.ndarray) -> np.ndarray:
        """Return one number per class [N,count] from what the network puts out."""
        flat = output.reshape(-1, 1) if self.kind == "binary" or not self.shape else output
        return np.concatenate([self.offset(0) - flat, flat], -1) if self.kind == "binary" else flat

    def decide(self, output: np.ndarray) -> np.ndarray | None:
        """Return what the network decides.

        Args:
            output: float32 [N,K] as the network gives it.

        Returns:
            int64 [N]; for several sigmoids bool [N,K]; None where it decides nothing.
        """
        if self.kind == "multilabel":
            return np.asarray(output) > self.threshold
        return self.spread(output).argmax(-1) if self.decides else None

    def judge(self, output: np.ndarray, labels: np.ndarray | None) -> np.ndarray | None:
        """Return whether the network is right about each picture, bool [N]; all classes of a picture must be.

        Args:
            output: float32 [N,K].
            labels: as `check_labels` takes them.

        Raises:
            ValueError: if the labels are of another kind, or as many as other pictures.
        """
        decisions = self.decide(output)
        if decisions is None or labels is None:
            return None
        checked = self.check_labels(np.asarray(labels))
        if checked.shape != decisions.shape:
            raise ValueError(f"there are labels of {len(checked)} pictures, for the outputs of {len(decisions)}")
        right = decisions == checked
        return right.all(-1) if self.kind == "multilabel" else right

    def holds(self, labels: np.ndarray, index: int) -> np.ndarray:
        """Return which pictures are of a class by their labels, bool [N]."""
        return labels[:, index] > 0 if labels.ndim == 2 else labels == index

    def commonest(self, classes: np.ndarray | None, most: int = 4) -> list[int]:
        """Return the indices of the classes that most pictures are of, in their order; of numbers the first.

        Args:
            classes: of each picture, as `holds` takes them; None where nothing is decided.
            most: how many, the most.
        """
        if self.count is None:
            return []
        counts = np.ones(self.count, np.int64)
        if self.decides and classes is not None:
            counts = np.array([self.holds(classes, index).sum() for index in range(self.count)])
        return sorted(int(index) for index in np.argsort(-counts, kind="stable")[:most] if counts[index])

    def check_labels(self, labels: np.ndarray, network: str = "the network") -> np.ndarray:
        """Return labels as this head takes them, or say how they do not match.

        Args:
            labels: int [N] class indices, or one-hot [N,K]; 0 or 1 [N,K] for several classes per picture; or numbers.
            network: what to call the network.

        Returns:
            int64 [N]; for several sigmoids int64 [N,K] of 0 and 1; for a regression float32 [N,K].

        Raises:
            ValueError: if they are of another kind, or out of range.
        """
        if self.ordered and self.kind in ("multilabel", "regression") and labels.ndim == 1:
            raise ValueError(
                f"labels have one number a picture, but the network has {self.describe()}, the steps of an order: "
                f"give labels [N,{self.count}], of each step whether it is reached (0 or 1), or how likely"
            )
        if self.kind == "regression":
            numbers = labels.reshape(len(labels), -1).astype(np.float32)
            if self.count is not None and numbers.shape[1] != self.count:
                raise ValueError(
                    f"the network has {self.describe()}, {self.count} of them, but labels have {numbers.shape[1]} for "
                    "each picture: if these are classes, say head='multiclass' (or 'binary', 'multilabel')"
                )
            return numbers
        if labels.ndim == 2 and self.kind in ("binary", "multiclass"):
            one_each = np.isin(labels, (0, 1)).all() and (labels.sum(-1) == 1).all()
            if labels.shape[1] == 1:
                labels = labels[:, 0]
            elif labels.shape[1] == self.count and one_each:  # one-hot
                labels = labels.argmax(-1)
        if (
            labels.dtype.kind == "f"
            and self.kind in ("binary", "multilabel")
            and 0 <= labels.min() <= labels.max() <= 1
        ):
            labels = (labels > 0.5).astype(np.int64)  # smoothed
        if labels.dtype.kind == "f":
            raise ValueError(
                f"labels are numbers, but the network has {self.describe()}: give class indices, or say "
                "head='regression'"
            )
        if not self.decides or self.count is None:
            return labels
        if labels.ndim == 2 and self.kind != "multilabel":
            raise ValueError(
                f"labels hold several classes per picture (or none), but the network has {self.describe()}: give one "
                f"class index each, or one-hot rows [N,{self.count}], or say head='multilabel'"
            )
        if labels.ndim == 2 and labels.shape[1] != self.count:
            raise ValueError(f"labels are for {labels.shape[1]} classes, but the network has {self.count}")
        if labels.ndim == 1 and (labels.min() < 0 or labels.max() >= self.count):
            raise ValueError(
                f"the probe's labels run from {labels.min()} to {labels.max()}, but {network} has {self.count} classes "
                f"(0..{self.count - 1})"
            )
        one_each = labels.ndim == 1 and self.kind == "multilabel"
        return np.eye(self.count, dtype=np.int64)[labels] if one_each else labels

    def __repr__(self) -> str:
        label = self.label if self.label == self.path else f"{cut(self.label)} ({self.path})"
        names = None if self.names is None else name_some(self.names)
        size = write_size(self.shape) if len(self.shape) > 1 else None
        return tell(self, label, self.describe(), size, self.quantity, names)


def did_you_mean(name: str, known: Sequence[str], otherwise: str) -> str:
    """Return near names as a question, or the known ones.

    Args:
        name: what was asked for.
        known: what there is; of paths, the last parts count too.
        otherwise: words before the list, where nothing is near.
    """
    short = {path.rsplit("/", 1)[-1]: path for path in known}
    near = difflib.get_close_matches(name, known, 4, 0.5) or [
        short[key] for key in difflib.get_close_matches(name, list(short), 4, 0.5)
    ]
    return f"did you mean {near}?" if near else f"{otherwise} {list(known[:12])}{' ...' if len(known) > 12 else ''}"
