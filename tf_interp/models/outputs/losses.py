"""`Loss`: what the loss of a training says of an output."""

from collections.abc import Mapping, Sequence
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
    def overlaps(self) -> bool:
        """Whether it compares sets, by sums of what belongs to them, and takes no logarithms."""
        return self.takes is not None and self.name in _OVERLAPS

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
        if self.name in _OVERLAPS:  # of several numbers it says not whether one class excludes another
            return "binary" if count == 1 else None
        if self.name in _SIGMOIDS:
            return "binary" if count == 1 else "multilabel"
        return "multiclass" if self.name in _CLASSES and count != 1 else None


class Place(NamedTuple):
    """Where an output stands in what its network returns.

    Args:
        keys: of the dicts and lists that it is in, the outermost first; none where it is alone.
        name: that Keras has for it beside them, or "".
    """

    keys: tuple[Any, ...] = ()
    name: str = ""


def read_losses(loss: Any, places: Mapping[str, Place]) -> dict[str, Loss]:
    """Return path of an output -> its loss, as far as that is known.

    This follows what Keras does: one loss is for all outputs; a dict goes by the keys of what the network returns, or
    by the names of its outputs; a list by their order; each of these may hold further ones.

    Args:
        loss: what `keras.Model.compile` was given: a name, a function, an object, a list or a dict.
        places: path of each output -> where it stands, in their order.
    """
    by_name = {place.name: path for path, place in places.items() if place.name}
    named = isinstance(loss, Mapping) and not any(
        place.keys and isinstance(place.keys[0], str) for place in places.values()
    )
    if named:
        given = [(path, loss[name]) for name, path in by_name.items() if name in loss]
    else:
        given = _spread(loss, {path: place.keys for path, place in places.items()})
    found: dict[str, list[Loss]] = {}
    for path, item in given:
        if item is not None:
            found.setdefault(path, []).append(_read(item))
    return {path: _join(losses) for path, losses in found.items()}


def _spread(loss: Any, places: Mapping[str, tuple[Any, ...]]) -> list[tuple[str, Any]]:
    """Return (path of an output, its loss) for all of a structure; one that has several losses comes several times.

    Args:
        loss: as `read_losses` takes it.
        places: path of each output -> keys of what it is in, from here on.
    """
    several = isinstance(loss, list | tuple) and not isinstance(loss, Loss)
    if not places or not (several or isinstance(loss, Mapping)):
        return [(path, loss) for path in places]
    if several and len(loss) == len(places) and not any(map(_is_nested, loss)):
        return list(zip(places, loss, strict=True))
    parts: dict[Any, dict[str, tuple[Any, ...]]] = {}
    for path, keys in places.items():
        parts.setdefault(keys[0] if keys else None, {})[path] = keys[1:]
    if several and not all(isinstance(key, int) for key in parts):  # several losses of the same outputs
        return [pair for item in loss for pair in _spread(item, places)]
    own = dict(enumerate(loss)) if several else loss
    return [pair for key, inner in parts.items() if key in own for pair in _spread(own[key], inner)]


def _is_nested(loss: Any) -> bool:
    return isinstance(loss, Mapping | list | tuple) and not isinstance(loss, Loss)


def _join(losses: Sequence[Loss]) -> Loss:
    """Return several losses of one output as one, which says what they agree on."""
    known = [loss for loss in losses if loss.known]
    first = next(iter(known), losses[0])
    if all(loss == first for loss in known):
        return first
    return Loss(" and ".join(loss.name for loss in losses), None, False)


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
