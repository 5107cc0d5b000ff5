"""`Word`: something that a group may be called, and where in the probe it is true."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Word:
    """A candidate for a name.

    Args:
        name: the word.
        source: who says it: "class", "concept", "mask", "column", "words", "picture" (measured in it) or "place".
        values: how true it is: float [N] of each picture, [N,h,w] at each position of each, or [h,w] at each position,
            the same in all pictures.
        opposite: what it is called where it is least true, such as "dark" for "bright"; None where that is no name.
        truth: bool as `values`, where it is true; None takes `values` where these are 0 and 1.
    """

    name: str
    source: str
    values: np.ndarray
    opposite: str | None = None
    truth: np.ndarray | None = None

    @property
    def binary(self) -> np.ndarray | None:
        """Where it is true, bool, of a word that is true or not; else None."""
        if self.truth is not None:
            return self.truth
        whole = self.opposite is None and bool(np.isin(self.values, (0, 1)).all())
        return self.values > 0 if whole else None

    @property
    def kind(self) -> str:
        """What it says something of: "picture", "map" (positions of each picture) or "place" (of all pictures)."""
        return {1: "picture", 2: "place"}.get(self.values.ndim, "map")
