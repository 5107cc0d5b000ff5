"""Are these the same images without the concept, in the same order?"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_interp.concepts.examples.concept import Concept

_ALIKE = 0.6  # the correlation with another's counterpart that looks like a mix-up,
_MARGIN = 0.3  # if it is higher by this than that with the own one
_LISTED = 3
_CHUNK = 2**20  # numbers of each side at once: 4 MB


def check_counterparts(name: str, concept: Concept, counterparts: Concept, kept: np.ndarray, notes: list[str]) -> bool:
    """Check that counterpart i belongs to concept image i.

    Args:
        name: of the concept.
        concept: its images.
        counterparts: the same images without the concept.
        kept: int [n], indices of the concept's images without duplicates.
        notes: sentences are added here.

    Returns:
        Whether pictures look as if they were in another order.

    Raises:
        ValueError: if numbers differ, the same file stands at two places, or nothing differs.
    """
    if len(counterparts) != len(concept):
        raise ValueError(
            f"paired images of {name!r} must be its {len(concept)} images without the concept, in the same "
            f"order, got {len(counterparts)} images{_skipped(concept, counterparts)}"
        )
    places = {file: place for place, file in enumerate(counterparts.files)}
    for place, file in enumerate(concept.files):
        if places.get(file, place) != place:
            raise ValueError(
                f"paired images of {name!r}: {file!r} is image {place} of the concept, but image {places[file]} of "
                f"the counterparts: bring both into the same order{_skipped(concept, counterparts)}"
            )
    same = sum(counterparts.digests[index] == concept.digests[index] for index in kept)
    if same == len(kept):
        raise ValueError(f"paired images of {name!r} equal its own images: the concept's mark is not on them")
    if same:
        notes.append(f"concept {name!r}: {same} of {len(kept)} images equal their counterpart")
    mixed = find_mixed(concept.images, counterparts.images, kept)
    if mixed:
        listed = ", ".join(f"image {own} like that of image {other}" for own, other in mixed[:_LISTED])
        notes.append(
            f"paired images of {name!r}: {len(mixed)} of {len(kept)} images are much more like the counterpart of "
            f"another image than like their own ({listed}{', ...' if len(mixed) > _LISTED else ''}): is the order the "
            "same?"
        )
    return bool(mixed)


def find_mixed(images: Any, counterparts: Any, rows: np.ndarray | None = None) -> list[tuple[int, int]]:
    """Return which pictures are much more like the counterpart of another picture than like their own.

    Likeness is the correlation of pixels after each side's mean picture is taken away, so that a mark or a change of
    brightness that all share does not count. Of tables and texts nothing can be said.

    Args:
        images: float32 [n,H,W,C], or what else a network takes.
        counterparts: the same.
        rows: int [m], which of them to look at; None for all.

    Returns:
        `(picture, counterpart that it is like)`, in order.

    Example:
        >>> pictures = np.random.default_rng(0).random((4, 8, 8, 1))
        >>> find_mixed(pictures, pictures[[0, 2, 1, 3]])
        [(1, 2), (2, 1)]
    """
    if isinstance(images, Mapping) or images.ndim != 4:
        return []
    rows = np.arange(len(images)) if rows is None else rows
    sides = [side.reshape(len(side), -1) for side in (images, counterparts)]
    means = [side.mean(1, dtype=np.float64)[rows] for side in sides]
    step = max(1, _CHUNK // len(rows))
    powers, products = np.zeros((2, len(rows))), np.zeros((len(rows), len(rows)))
    for start in range(0, sides[0].shape[1], step):  # some pixels of all pictures at a time: copies of all are too much
        own, other = (side[rows, start : start + step].astype(np.float32) for side in sides)
        for part, mean, power in zip((own, other), means, powers, strict=True):
            part -= part.mean(0)
            part -= (mean - mean.mean()).astype(np.float32)[:, None]
            power += np.einsum("np,np->n", part, part)
        products += own @ other.T
    likeness = products / np.maximum(np.sqrt(np.outer(*powers)), 1e-12)
    best = likeness.argmax(1)
    mixed = likeness.max(1) > np.maximum(np.diag(likeness) + _MARGIN, _ALIKE)
    return [(int(rows[own]), int(rows[best[own]])) for own in np.flatnonzero(mixed)]


def _skipped(*concepts: Concept) -> str:
    count = sum(len(concept.skipped) for concept in concepts)
    return f" ({count} files could not be read)" if count else ""
