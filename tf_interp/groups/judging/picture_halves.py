"""Two halves of the pictures: no picture is in both, and padding is in none."""

from collections.abc import Iterator, Sequence

import numpy as np

Halves = tuple[np.ndarray, np.ndarray]  # numbers of the pictures of each
_FEW = 20  # pictures, of which halves say little


def divide(ids: Sequence[str], rng: np.random.Generator) -> Halves:
    """Return a random division of pictures into two halves; those that are equal fall into the same one.

    Else the halves would agree for having the same pictures.

    Args:
        ids: content hash of each picture.
        rng: what draws.
    """
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(ids):
        rows.setdefault(name, []).append(row)
    members = list(rows.values())
    first, second = (
        np.array([row for one in half for row in members[one]], np.int64)
        for half in np.array_split(rng.permutation(len(members)), 2)
    )
    return first, second


def take_halves(activations: np.ndarray, padded: np.ndarray | None, halves: Halves) -> list[np.ndarray]:
    """Return the positions of each half that count, float [n,C].

    Args:
        activations: [N,h,w,C].
        padded: bool [N,h,w], True at positions that do not count; None is none.
        halves: from `divide`.
    """
    parts = [activations[half] if padded is None else activations[half][~padded[half]] for half in halves]
    return [part.reshape(-1, activations.shape[-1]) for part in parts]


def count_rows(shape: Sequence[int], padded: np.ndarray | None, halves: Halves) -> int:
    """Return how many positions the smaller half has that count.

    Args:
        shape: of the activations, [N,h,w,C].
        padded: as in `take_halves`.
        halves: from `divide`.
    """
    if padded is None:
        return min(map(len, halves)) * int(np.prod(shape[1:-1]))
    return min(int(np.count_nonzero(~padded[half])) for half in halves)


def say_few(ids: Sequence[str]) -> Iterator[str]:
    """Yield what a person should know of halves of so many pictures.

    Args:
        ids: content hash of each picture.
    """
    count = len(set(ids))
    if count < len(ids):
        yield f"{len(ids)} pictures are {count} different ones: equal ones were put into the same half"
    if count < _FEW:
        yield f"halves of {count} pictures say little about stability: 40 or more tell something"
