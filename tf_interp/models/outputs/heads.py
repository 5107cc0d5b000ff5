"""`Head`: what an output of a network is, and what right and wrong mean for it. The one home of classes and labels."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.models.outputs.logits import End
from tf_interp.models.outputs.losses import Loss

KINDS = {
    "multiclass": "one of several classes",
    "binary": "two classes, one logit for the second of them",
    "multilabel": "several classes, each of which may be true",
    "regression": "numbers",
    "dense": "a map with numbers at each position",
    "other": "something else",
}
_ONE_NUMBER = (
    "one number without a sigmoid was taken for a regression; if it is the logit of two classes, say head='binary'"
)
_SUM_TO_ONE = (
    "on noise the outputs lie in [0,1] and sum to one, so they are probabilities, but how {} makes them is not "
    "recognized: effects are in probabilities, which saturate, not in logits. Let the network return its logits, where "
    "that is possible"
)
_BOUNDED = (
    "on noise all outputs lie in [0,1]; if they are probabilities, effects are in probabilities, not in logits: how {} "
    "makes them is not recognized"
)
_TRAINED_AS_ONE = (
    "the loss, {}, takes probabilities, but how {} makes them is not recognized: effects are in probabilities, which "
    "saturate, not in logits. Let the network return its logits, where that is possible"
)
_ONE_WHY = "one number without a sigmoid"
_SAID = "as given by head="
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
    """

    path: str
    label: str
    kind: str
    evidence: str
    shape: tuple[int | None, ...]
    names: tuple[str, ...] | None = None
    quantity: str = "logit"
    caution: str | None = None

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
        """From what number on a single sigmoid is for its class: a probability of one half, a logit of 0."""
        return 0.5 if self.quantity == "probability" else 0.0

    def describe(self) -> str:
        """Return in a few words what it is and why that is believed."""
        count = f"{self.count} classes" if self.decides and self.count is not None else KINDS[self.kind]
        kind = {"binary": "2 classes, one logit", "multilabel": f"{count}, each true or not"}.get(self.kind, count)
        return f"{kind} ({self.evidence})"

    def with_names(self, count: int) -> "Head":
        """Return what numbers are once it is known that there are names of classes: as many, or two for one number."""
        width = self.shape[-1] if self.shape else 1
        if self.kind != "regression" or self.evidence == _SAID or count != (2 if width == 1 else width):
            return self
        kind = "binary" if width == 1 else "multiclass"
        evidence = f"{'one number' if width == 1 else f'{width} numbers'} and {count} class names"
        return dataclasses.replace(self, kind=kind, evidence=evidence, quantity="logit", caution=None)

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
                "out parts that need a class"
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

    def spread(self, output: np.ndarray) -> np.ndarray:
        """Return one number per class [N,count] from what the network puts out."""
        flat = output.reshape(-1, 1) if self.kind == "binary" or not self.shape else output
        return np.concatenate([2 * self.threshold - flat, flat], -1) if self.kind == "binary" else flat

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
            labels: as `check_labels` returned them.
        """
        decisions = self.decide(output)
        if decisions is None or labels is None:
            return None
        right = decisions == labels
        return right.all(-1) if self.kind == "multilabel" else right

    def holds(self, labels: np.ndarray, index: int) -> np.ndarray:
        """Return which pictures are of a class by their labels, bool [N]."""
        return labels[:, index] > 0 if labels.ndim == 2 else labels == index

    def check_labels(self, labels: np.ndarray, network: str = "the network") -> np.ndarray:
        """Return labels as this head takes them, or say how they do not match.

        Args:
            labels: int [N] class indices, 0 or 1 [N,K] for several classes per picture, or numbers.
            network: what to call the network.

        Returns:
            int64 [N]; for several sigmoids int64 [N,K] of 0 and 1; for a regression float32 [N,K].

        Raises:
            ValueError: if they are of another kind, or out of range.
        """
        if self.kind == "regression":
            numbers = labels.reshape(len(labels), -1).astype(np.float32)
            if self.count is not None and numbers.shape[1] != self.count:
                raise ValueError(
                    f"the network has {self.describe()}, {self.count} of them, but labels have {numbers.shape[1]} for "
                    "each picture: if these are classes, say head='multiclass' (or 'binary', 'multilabel')"
                )
            return numbers
        if (
            labels.dtype.kind == "f"
            and self.kind in ("binary", "multilabel")
            and 0 <= labels.min() <= labels.max() <= 1
        ):
            labels = (labels > 0.5).astype(np.int64)  # smoothed
            labels = labels[:, 0] if self.kind == "binary" and labels.shape[1] == 1 else labels
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
                "class index each, or say head='multilabel'"
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


def list_heads(model: Any) -> dict[str, Head]:
    """Return path of each output -> what it is.

    Args:
        model: a `Model`.

    Raises:
        ValueError: if the user spoke of an output that there is not.
    """
    labels, kinds, losses, shapes = model._output_labels(), model._kinds, model._losses(), model.layers
    said = {model._main_path(): kinds} if isinstance(kinds, str) else kinds
    for what, given in (("class_names", model._names), ("head", said)):
        if wrong := [key for key in given if key not in {*labels, *labels.values()}]:
            raise ValueError(f"{what} names the outputs {wrong}; {model.name!r} has {list(labels.values())}")
    found = {}
    for path, end in model._ends().items():
        label, shape = labels[path], shapes[path]
        names = model._names.get(label, model._names.get(path)) or _plain_names(model, path, shapes, labels)
        sums = _sums(model, path, end, shape)
        kind, evidence, quantity, caution = _guess_kind(end, shape, losses.get(path), sums)
        wanted = said.get(label, said.get(path))
        if wanted is not None:
            _check_kind(wanted, label, shape)
            if wanted == "regression":
                quantity, caution = "number", None
            elif quantity == "number":
                quantity, caution = ("probability", _BOUNDED.format(end.operation)) if sums else ("logit", None)
            caution = caution if wanted in _DECIDING and quantity != "logit" else None
            kind, evidence = wanted, _SAID
        head = Head(path, label, kind, evidence, shape, names, quantity, caution)
        if names is not None and not evidence.startswith("trained with"):  # there they are names of its numbers
            head = head.with_names(len(names))
        if label in model._names and head.count not in (None, len(head.names or ())):
            raise ValueError(
                f"class_names has {len(head.names or ())} names for {label!r}, which has {head.count} classes"
            )
        found[path] = head
    return found


def _check_kind(kind: str, label: str, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError if an output of such a shape cannot be what the user says."""
    width = (shape[-1] if shape else 1) if len(shape) < 2 else None
    fits = {"binary": width == 1, "multiclass": width not in (None, 1), "multilabel": width not in (None, 1)}
    if kind == "regression" and len(shape) > 1:
        fits["regression"] = False
    if not fits.get(kind, True) and (len(shape) > 1 or None not in shape):
        raise ValueError(f"head={kind!r} does not fit output {label!r}, which gives {['N', *shape]}: {KINDS[kind]}")


def _plain_names(
    model: Any, path: str, shapes: Mapping[str, tuple], labels: Mapping[str, str]
) -> tuple[str, ...] | None:
    """Return `class_names` for the output that they belong to: the only one of as many numbers, else the chosen."""
    names = model.class_names
    if names is None:
        return None
    fitting = [item for item in labels if len(names) in (shapes[item] or (1,))[-1:]]
    owner = fitting[0] if len(labels) > 1 and len(fitting) == 1 else model._main_path()
    return names if path == owner else None


def _sums(model: Any, path: str, end: End, shape: tuple) -> str | None:
    """Return "one" if numbers of an unrecognized end sum to one on noise, "bounded" if they lie in [0,1], or None."""
    sizes = model.input_shape
    doubtful = end.kind is None and end.operation not in _FREE and len(shape) < 2
    if not doubtful or not isinstance(sizes, tuple):
        return None

    def measure() -> str | None:
        noise = np.random.default_rng(0).random((4, *(size or 32 for size in sizes)), np.float32)
        try:
            with tf.init_scope():
                values = model.run(noise, [path])[path].numpy()
        except Exception:  # it wants something else than noise: no guess then
            return None
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            return None
        several = values.ndim > 1 and values.shape[-1] > 1
        return "one" if several and np.allclose(values.sum(-1), 1, atol=1e-3) else "bounded"

    return model.cached(("sums", path), measure)


# operations that end in any number: what comes out of them is no probability
_FREE = (
    "BiasAdd", "MatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "Conv2D", "Conv3D", "DepthwiseConv2dNative",
    "FusedBatchNormV3", "Relu", "LeakyRelu", "Elu", "Selu", "Softplus", "Tanh",
)  # fmt: skip


def _guess_kind(
    end: End, shape: tuple[int | None, ...], loss: Loss | None, sums: str | None
) -> tuple[str, str, str, str | None]:
    """Return what an output is, from what that is concluded, what its numbers are, and a caution or None.

    Args:
        end: how the network ends there.
        shape: of the output without the batch axis.
        loss: that it was trained with, if known.
        sums: "one" where numbers were seen to be in [0,1] and to sum to one, "bounded" where only in [0,1], or None.
    """
    count = shape[0] if shape else 1
    quantity = "logit" if end.exact else "log-probability" if end.kind == "softmax" else "log-odds"
    caution = None if end.exact else f"the network ends in {end.how}"
    if len(shape) > 1:
        return "dense", f"shape {list(shape)}", quantity if end.kind else "number", caution
    if end.kind == "softmax" and count != 1:
        return "multiclass", end.how, quantity, caution
    if end.kind == "sigmoid":
        return ("binary" if count == 1 else "multilabel"), end.how, quantity, caution
    if end.kind is not None:
        return "other", f"{end.how} over one axis", quantity, "the output joins several softmaxes: no single classes"
    trained = None if loss is None else loss.kind(count)
    if trained == "regression" or (trained is None and count == 1):
        why, caution = (f"trained with {loss.name}", None) if loss and trained else (_ONE_WHY, _ONE_NUMBER)
        return "regression", why, "number", caution
    evidence = f"trained with {loss.name}" if loss and trained else f"{count} numbers, taken for logits"
    if sums == "one":
        evidence = evidence if trained else "outputs sum to one"
        quantity, caution = "probability", _SUM_TO_ONE.format(end.operation)
    elif loss and loss.takes == "probabilities" and end.operation not in _FREE:
        quantity, caution = "probability", _TRAINED_AS_ONE.format(loss.name, end.operation)
    elif sums == "bounded" and not (loss and loss.takes == "logits"):
        evidence = evidence if trained else f"{count} numbers in [0,1]"
        quantity, caution = "number", _BOUNDED.format(end.operation)
    return trained or "multiclass", evidence, quantity, caution


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
