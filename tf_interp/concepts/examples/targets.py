"""What is asked about: decisions of a network, by class name, index or function, with their images."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tf_interp.concepts.examples.concept import Concept
from tf_interp.concepts.tcav.sensitivity import first_of_two
from tf_interp.models import Model


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """What is asked about: a logit (or a function of the outputs) and the images on which its gradient is taken.

    Args:
        name: shown to people.
        score: class index, or function outputs -> [N].
        images: [q,...].
        overlap: names of the concepts that share images with it.
    """

    name: str
    score: int | Callable
    images: np.ndarray
    overlap: frozenset[str] = frozenset()


def resolve_targets(model: Model, targets: Mapping[Any, Any]) -> dict[str, tuple[int | Callable, Concept]]:
    """Return name -> (class index or function, images) of each target.

    A class goes by its name wherever the network has one, however it was given. A name of its own is given with
    `name: (class, images)`; so one class can be asked about on several sets of images.

    Args:
        model: the network.
        targets: class name or index -> images; or any name -> (class name, index or function, images).

    Returns:
        The targets, in order.

    Raises:
        TypeError: if a target is no name, index or function.
        ValueError: if a class is unknown, or two targets are the same class or have the same name.
    """
    found: dict[str, tuple[int | Callable, Concept]] = {}
    plain: dict[Any, Any] = {}  # class -> key of the target that is only a class
    for key, value in targets.items():
        own = _is_pair(value)
        asked, images = value if own else (key, value)
        if not own and isinstance(key, str) and key.isdecimal() and key not in (model.class_names or ()):
            asked = int(key)
        if not callable(asked) and (isinstance(asked, bool) or not isinstance(asked, str | int | np.integer)):
            raise TypeError(
                f"target {key!r} must be a class name, a class index or a function, got {asked!r} of type "
                f"{type(asked).__name__}"
            )
        score = _resolve(model, asked)
        name = str(key) if own else name_class(model, score)
        if not own and score in plain:
            raise ValueError(
                f"targets {plain[score]!r} and {key!r} are the same class, {score}: give it once, or name each set of "
                'images, as in {"young zebras": ("zebra", images)}'
            )
        if name in found:
            raise ValueError(f"two targets are called {name!r}: give each a name of its own")
        if not own:
            plain[score] = key
        concept = (
            images if isinstance(images, Concept) else Concept.from_arrays(images, name=f"images of target {name!r}")
        )
        found[name] = (score, concept)
    return found


def _is_pair(value: Any) -> bool:
    """Return whether a value is (class or function, images), and not images."""
    return isinstance(value, tuple | list) and len(value) == 2 and (callable(value[0]) or np.ndim(value[0]) == 0)


def name_class(model: Model, score: int | Callable) -> str:
    """Return the name of a class for people: of two classes with one name, with the index.

    Args:
        model: the network.
        score: index of a logit, or a function of the logits.

    Returns:
        Its class name, or the index where the network knows no names.
    """
    names = model.class_names or ()
    if _has_one_logit(model) and len(names) == 2:
        return names[0] if callable(score) else names[1]
    if callable(score):
        return getattr(score, "__name__", "function")
    if score >= len(names):
        return str(score)
    return names[score] if names.count(names[score]) == 1 else f"{names[score]} ({score})"


def _resolve(model: Model, asked: Any) -> int | Callable:
    names = model.class_names or ()
    if _has_one_logit(model) and len(names) == 2 and asked in names:
        return (
            0 if asked == names[1] else first_of_two
        )  # one logit speaks for the second class, and minus it for the first
    return model.resolve_target(asked)


def _has_one_logit(model: Model) -> bool:
    shape = model.layers["output"]
    return not shape or shape[-1] == 1
