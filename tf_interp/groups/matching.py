"""`match_groups`: which groups of two sets are the same, by what they are made of and by where they fire."""

import dataclasses
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from tf_interp.directions import Directions
from tf_interp.display import number_of, tell, write_range
from tf_interp.groups.found_groups import Groups


@dataclasses.dataclass(frozen=True, eq=False)
class GroupMatch:
    """Which groups of `a` and `b` are the same.

    Args:
        pairs: int [P,2]: (group of a, group of b) that are the same, in the order of a.
        cosine: float32 [P]: of the vectors of each pair; where weights have signs, without its sign.
        presence: float32 [P]: cosine of where the two fire, on the images that both were found on; None where there are
            none, or not in maps of one size.
        births: groups of b that are none of a.
        deaths: groups of a that are none of b.
        names: names of the groups of a, and of b.
    """

    pairs: np.ndarray
    cosine: np.ndarray
    presence: np.ndarray | None
    births: tuple[int, ...]
    deaths: tuple[int, ...]
    names: tuple[tuple[str, ...], tuple[str, ...]]

    def to_dataframe(self) -> Any:
        """Return a table: a row per pair, per birth and per death.

        Returns:
            pandas `DataFrame` with the columns "a", "b" (names, missing where there is none), "cosine" and "presence".

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        first, second = self.names
        presence = [None] * len(self.pairs) if self.presence is None else self.presence
        rows: list[tuple] = [
            (first[a], second[b], cosine, there)
            for (a, b), cosine, there in zip(self.pairs, self.cosine, presence, strict=True)
        ]
        rows += [(first[a], None, None, None) for a in self.deaths] + [
            (None, second[b], None, None) for b in self.births
        ]
        return pd.DataFrame(rows, columns=["a", "b", "cosine", "presence"])

    def __repr__(self) -> str:
        alike = f"cosine {write_range(self.cosine)}" if len(self.pairs) else None
        changes = (number_of(len(self.births), "birth"), number_of(len(self.deaths), "death"))
        return tell(self, number_of(len(self.pairs), "pair"), *changes, alike)


def match_groups(a: Directions, b: Directions, *, threshold: float = 0.5) -> GroupMatch:
    """Match the groups of two steps, seeds or methods, so that as much as possible agrees over all pairs together.

    Agreement is the cosine of two vectors; where both were found on the same images, the mean of that and of the cosine
    of where the two fire.

    Args:
        a: groups, or other directions.
        b: groups of a layer with as many channels.
        threshold: pairs that agree less are no pairs: one group has died and another was born.

    Returns:
        The pairs, births and deaths.

    Raises:
        TypeError: if they are no directions.
        ValueError: if they have different numbers of channels.

    Example:
        >>> first, second = (Directions("conv", np.eye(3)[rows]) for rows in ([0, 1], [1, 0, 2]))
        >>> match_groups(first, second).pairs.tolist()
        [[0, 1], [1, 0]]

    Source:
        Kuhn, The Hungarian method for the assignment problem, 1955.
    """
    for groups in (a, b):
        if not isinstance(groups, Directions):
            raise TypeError(f"match_groups takes groups or other directions, got {type(groups).__name__}")
    if a.vectors.shape[1] != b.vectors.shape[1]:
        raise ValueError(
            f"groups of {a.vectors.shape[1]} channels ({a.layer!r}) and of {b.vectors.shape[1]} ({b.layer!r}) cannot "
            "be matched: give groups of one layer"
        )
    cosine, there = _compare(a, b)
    alike = cosine if there is None else (cosine + there) / 2
    rows, columns = pair_up(alike)
    kept = alike[rows, columns] >= threshold
    rows, columns = rows[kept], columns[kept]
    return GroupMatch(
        np.stack([rows, columns], 1),
        cosine[rows, columns].astype(np.float32),
        None if there is None else there[rows, columns].astype(np.float32),
        tuple(sorted(set(range(len(b))) - set(columns.tolist()))),
        tuple(sorted(set(range(len(a))) - set(rows.tolist()))),
        (tuple(a.names), tuple(b.names)),
    )


def pair_up(alike: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the pairs whose agreement [K,L] is largest in all; the smaller side is used up."""
    return linear_sum_assignment(alike, maximize=True)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cosines [K,L] of rows [K,C] and [L,C]; of a row of zeros they are 0."""
    units = []
    for rows in (a, b):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        units.append(np.divide(rows, lengths, out=np.zeros(rows.shape, np.float64), where=lengths > 0))
    return units[0] @ units[1].T


def agreement(a: Directions, b: Directions) -> np.ndarray:
    """Return how alike groups of two sets are, [K,L], -1..1: what `match_groups` makes as large as possible."""
    cosine, there = _compare(a, b)
    return cosine if there is None else (cosine + there) / 2


def has_signs(groups: Directions) -> bool:
    """Return whether groups fire with signs, so that each is its opposite."""
    return isinstance(groups, Groups) and bool((groups.weights < 0).any())


def presences(a: Directions, b: Directions) -> tuple[np.ndarray, np.ndarray] | None:
    """Return where groups fire on the images that both were found on, [K,P] and [L,P]; None where that is not known.

    That is where there are no such images, the maps have other sizes, or these are no groups.
    """
    if not (isinstance(a, Groups) and isinstance(b, Groups)) or a.weights.shape[1:3] != b.weights.shape[1:3]:
        return None
    places = {name: row for row, name in enumerate(b.ids)}
    rows = [(row, places[name]) for row, name in enumerate(a.ids) if name in places]
    if not rows:
        return None
    ours, theirs = (np.array(column) for column in zip(*rows, strict=True))
    return a.weights[ours].reshape(-1, len(a)).T, b.weights[theirs].reshape(-1, len(b)).T


def _compare(a: Directions, b: Directions) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the cosines of vectors and of where groups fire, [K,L] each; without signs where weights have them."""
    cosine, parts = cosines(a.vectors, b.vectors), presences(a, b)
    there = None if parts is None else cosines(*parts)
    if has_signs(a) or has_signs(b):
        return np.abs(cosine), None if there is None else np.abs(there)
    return cosine, there
