"""What is asked about, with its images: decisions of a network by class name, index or function."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_interp.concepts.examples.concept import Concept
from tf_interp.models import Model, Target


@dataclasses.dataclass(frozen=True, eq=False)
class TargetImages:
    """A target and the images on which its gradient is taken.

    Args:
        name: shown to people.
        target: a class of an output, or a function of it.
        images: [q,...], or a dict of these.
        overlap: names of the concepts that share images with it.
    """

    name: str
    target: Target
    images: Any
    overlap: frozenset[str] = frozenset()


def resolve_targets(model: Model, targets: Mapping[Any, Any]) -> dict[str, tuple[Target, Concept]]:
    """Return name -> (target, images) of each target.

    A class goes by its name wherever the network has one, however it was given. A name of its own is given with
    `name: (class, images)`; so one class can be asked about on several sets of images.

    Args:
        model: the network.
        targets: class name or index -> images; or any name -> (class name, index, function or `Target`, images).

    Returns:
        The targets, in order.

    Raises:
        TypeError: if a target is no name, index or function.
        ValueError: if a class is unknown, or two targets are the same class or have the same name.
    """
    found: dict[str, tuple[Target, Concept]] = {}
    plain: dict[Any, Any] = {}  # class -> key of the target that is only a class
    for key, value in targets.items():
        own = _is_pair(value)
        asked, images = value if own else (key, value)
        target = model.target(asked)
        name, place = str(key) if own else target.name, (target.output, target.index)
        if not own and place in plain:
            raise ValueError(
                f"targets {plain[place]!r} and {key!r} are the same class, {target.index}: give it once, or name each "
                'set of images, as in {"young zebras": ("zebra", images)}'
            )
        if name in found:
            raise ValueError(f"two targets are called {name!r}: give each a name of its own")
        if not own:
            plain[place] = key
        concept = (
            images if isinstance(images, Concept) else Concept.from_arrays(images, name=f"images of target {name!r}")
        )
        found[name] = (target, concept)
    return found


def _is_pair(value: Any) -> bool:
    """Return whether a value is (target, images), and not images."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        return False
    return callable(value[0]) or isinstance(value[0], Target) or np.ndim(value[0]) == 0
