"""`Loss`: what the loss of a training says of an output."""

import types
from collections.abc import Mapping
from typing import Any, NamedTuple

_NUMBERS = (
    "meansquarederror", "meanabsoluteerror", "meanabsolutepercentageerror", "meansquaredlogarithmicerror", "huber",
    "logcosh", "poisson", "mse", "mae", "mape", "msle",
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
    """

    name: str
    takes: str | None

    @property
    def has_logits(self) -> bool:
        """Whether it can take logits, by from_logits=True."""
        return self.takes is not None and self.name not in (*_DIVERGENCES, *_OVERLAPS)

    def kind(self, count: int | None) -> str | None:
        """Return the kind of head that it is for, None if unknown.

        Args:
            count: numbers of the output.
        """
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
        items = list(loss) if isinstance(loss, list | tuple) else [loss] * len(labels)
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
            return config if isinstance(config, str) else None
        logits = isinstance(config, Mapping) and bool(config.get("from_logits"))
        return types.SimpleNamespace(__name__=str(saved["class_name"]), from_logits=logits)
    if isinstance(saved, Mapping):
        return {label: parse_loss(item) for label, item in saved.items()}
    return (
        [parse_loss(item) for item in saved] if isinstance(saved, list) else saved if isinstance(saved, str) else None
    )


def _read(loss: Any) -> Loss:
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    name = name.replace("_", "").lower()
    if name in (*_DIVERGENCES, *_OVERLAPS):
        return Loss(name, "probabilities")
    if name not in (*_CLASSES, *_SIGMOIDS) or name.endswith("hinge"):
        return Loss(name, None)
    return Loss(name, "logits" if getattr(loss, "from_logits", False) else "probabilities")
