"""`Vocabulary`: the groups and the pictures of directions that the parts of an analysis share at one step."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from tf_interp.directions import Directions
from tf_interp.groups import Groups


class Vocabulary:
    """What was found and drawn at this step, so that no part finds or draws it again, and all show the same.

    Args:
        parts: all parts of the analysis: what one of them draws the others may show.
    """

    def __init__(self, parts: Sequence[Any] = ()) -> None:
        self.parts = tuple(parts)
        self._groups: dict[Hashable, Groups] = {}
        self._pictures: dict[tuple[str, bytes], tuple[np.ndarray, Any]] = {}
        self._identities: dict[tuple[str, bytes], int] = {}

    def groups(self, key: Hashable, find: Callable[[], Groups]) -> Groups:
        """Return the groups of a layer.

        Args:
            key: layer, number and how they are found: tells them from others.
            find: finds them, where no part has yet.
        """
        if key not in self._groups:
            self._groups[key] = find()
        return self._groups[key]

    def identify(self, directions: Directions, identities: Sequence[int]) -> None:
        """Keep which groups of the steps before these are.

        Args:
            directions: K groups.
            identities: the numbers that they keep over steps; -1 of an empty one.
        """
        for vector, identity in zip(directions.vectors, identities, strict=True):
            self._identities[directions.layer, _name(vector)] = identity

    def identity(self, layer: str, vector: np.ndarray) -> int | None:
        """Return the number that a group keeps over steps; None where no part has followed it.

        Args:
            layer: path of the layer.
            vector: float [C], of the group.
        """
        return self._identities.get((layer, _name(vector)))

    def keep(self, directions: Directions, pictures: np.ndarray, limits: Any = (0.0, 1.0)) -> None:
        """Keep what was drawn.

        Args:
            directions: K rows.
            pictures: [K,...], one of each.
            limits: between which numbers they were drawn.
        """
        for vector, picture in zip(directions.vectors, pictures, strict=True):
            self._pictures[directions.layer, _name(vector)] = (picture, limits)

    def pictures(self, directions: Directions) -> tuple[np.ndarray, Any] | None:
        """Return the pictures of directions [K,...] and their limits, or None unless all were drawn alike.

        Args:
            directions: K rows.
        """
        found = [self._pictures.get((directions.layer, _name(vector))) for vector in directions.vectors]
        known = [one for one in found if one is not None]
        if not known or len(known) < len(found) or len({one[0].shape for one in known}) > 1:
            return None
        return np.stack([picture for picture, _ in known]), known[0][1]


def _name(vector: np.ndarray) -> bytes:
    return np.asarray(vector, np.float32).tobytes()
