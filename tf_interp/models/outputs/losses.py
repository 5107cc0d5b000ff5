"""`Loss`: what the loss of a training says of an output."""

from collections.abc import Mapping
from typing import Any, NamedTuple

_NUMBERS = (
    "meansquarederror", "meanabsoluteerror", "meanabsolutepercentageerror", "meansquaredlogarithmicerror", "huber",
    "logcosh", "poisson", "mse", "mae", "mape", "msle", "cosinesimilarity",
)  # fmt: skip
_DIVERGENCES = ("kldivergence", "kld")
_OVERLAPS = ("dice", "tversky")  # of sets, for one class or several
_CLASSES = (
    "categoricalcrossentropy", "sparsecategoricalcrossentropy", "categoricalfocalcrossentropy", "categoricalhinge",
    *_DIVERGENCES,
)  # fmt: skip
_SIGMOIDS = ("binarycrossentropy", "binaryfocalcrossentropy", "hinge", "squaredhinge", "bce")


class Loss(NamedTuple):
    """The loss that an output was trained with.

    Args:
        name: in lower-case letters.
        takes: "probabilities", "logits", or None where it does not say.
        known: whether it is one of Keras; what a user wrote may be called so too, and says nothing.
    """

    name: str
    takes: str | None
    known: bool = True

    @property
    def has_logits(self) -> bool:
        """Whether it can take logits, by from_logits=True."""
        return self.takes is not None and self.name not in (*_DIVERGENCES, *_OVERLAPS)

    def kind(self, count: int | None) -> str | None:
        """Return the kind of head that it is for, None if unknown.

        Args:
            count: numbers of the output.
        """
        if not self.known:
            return None
        if self.name in _NUMBERS:
            return "regression"
        if self.name in _SIGMOIDS:
            return "binary" if count == 1 else "multilabel"
        return "multiclass" if self.name in _CLASSES and count != 1 else None


def read_losses(loss: Any, labels: Mapping[str, str]) -> dict[str, Loss]:
    """Return path of an output -> its loss, as far as that is known.

    Args:
        loss: what `keras.Model.compile` was given: a name, a function, an object, a list or a dict by label.
        labels: path of each output -> its label.
    """
    if isinstance(loss, Mapping):
        given = {path: loss.get(label) for path, label in labels.items()}
    else:
        several = isinstance(loss, list | tuple) and not isinstance(loss, Loss)
        items = list(loss) if several else [loss] * len(labels)
        given = dict(zip(labels, items, strict=False))
    return {path: _read(item) for path, item in given.items() if item is not None}


def parse_loss(saved: Any) -> Any:
    """Return a loss as Keras wrote it down in a file, in a form that `read_losses` takes; nothing of it is built.

    Args:
        saved: the value of "loss" in the file: a name, a serialized object or function, a list or a dict by label.
    """
    if isinstance(saved, Mapping) and "class_name" in saved:
        config = saved.get("config")
        if saved["class_name"] == "function":
            module = saved.get("module")
            known = module in (None, "builtins") or _is_of_keras(str(module))
            return Loss(str(config), None, False) if not known or ">" in str(config) else config
        known = _is_of_keras(str(saved.get("module"))) and not saved.get("registered_name")
        logits = isinstance(config, Mapping) and bool(config.get("from_logits"))
        return _tell(str(saved["class_name"]), logits, known)
    if isinstance(saved, Mapping):
        return {label: parse_loss(item) for label, item in saved.items()}
    return (
        [parse_loss(item) for item in saved] if isinstance(saved, list) else saved if isinstance(saved, str) else None
    )


def _read(loss: Any) -> Loss:
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str):
        return _tell(loss, False, True)
    kept = loss if hasattr(loss, "__name__") else type(loss)
    known = _is_of_keras(str(getattr(kept, "__module__", None)))
    return _tell(kept.__name__, bool(getattr(loss, "from_logits", False)), known)


def _is_of_keras(module: str) -> bool:
    return module.partition(".")[0] in ("keras", "tf_keras")


def _tell(name: str, from_logits: bool, known: bool) -> Loss:
    name = name.replace("_", "").lower()
    if not known:
        return Loss(name, None, False)
    if name in (*_DIVERGENCES, *_OVERLAPS):
        return Loss(name, "probabilities")
    if name not in (*_CLASSES, *_SIGMOIDS) or name.endswith("hinge"):
        return Loss(name, None)
    return Loss(name, "logits" if from_logits else "probabilities")
