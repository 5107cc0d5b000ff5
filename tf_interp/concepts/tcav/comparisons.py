"""The declared comparisons: each concept against the pool, its siblings, its counterparts, or along its own values."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence

import numpy as np

from tf_interp.concepts.examples.sets import MINIMUM, POOL, Sets
from tf_interp.concepts.statistics.continuous import ContinuousDesign
from tf_interp.concepts.statistics.design import Design

RELATIVE = ("union", "pairs", "none")


@dataclasses.dataclass(frozen=True, eq=False)
class Contrast:
    """Which images stand against which.

    Args:
        concept: name of the concept.
        kind: "random", "relative", "paired" or "continuous".
        rows: int [n], the concept's images among all rows.
        against: int [m], the contrast's; None for a concept that comes in degrees.
        design: sizes, pairing, groups and values.
        names: concepts in the contrast, where relative.
        overlap: whether images were in both and were left out.
        single: whether it is one of several relative comparisons of the concept.
        disordered: whether counterparts look as if they were in another order.
    """

    concept: str
    kind: str
    rows: np.ndarray
    against: np.ndarray | None
    design: Design | ContinuousDesign
    names: tuple[str, ...] = ()
    overlap: bool = False
    single: bool = False
    disordered: bool = False

    @property
    def shares_sources(self) -> bool:
        """Whether images of one source stand on both sides."""
        design = self.design
        if self.against is None or not isinstance(design, Design) or design.paired or design.groups is None:
            return False
        return bool(set(design.groups[: design.concept]) & set(design.groups[design.concept :]))

    @property
    def all_rows(self) -> np.ndarray:
        """Rows of the concept's and then of the contrast's images, int [n+m]."""
        return self.rows if self.against is None else np.concatenate([self.rows, self.against])

    @property
    def siblings(self) -> int:
        """Number of concepts in the contrast, 0 unless relative."""
        return len(self.names)

    @property
    def key(self) -> tuple[str, str]:
        """Concept and contrast, unlike those of all other comparisons of the test."""
        return self.concept, f"relative to {self.names[0]}" if self.single else self.kind


def declare_contrasts(sets: Sets, relative: str, hierarchy: Mapping[str, Sequence[str]] | None) -> list[Contrast]:
    """Return all comparisons of a test: the family that is corrected for.

    Args:
        sets: checked images.
        relative: "union" compares each concept with the union of its siblings, "pairs" with each of them, "none" not.
        hierarchy: parent -> names of its children; parents are tested as the union of these, and siblings are the
            children of one parent.

    Returns:
        The comparisons, in the order of the concepts, parents last.

    Raises:
        TypeError: if the hierarchy is no dictionary.
        ValueError: if a name is unknown or has two parents, or too few images remain.
    """
    if relative not in RELATIVE:
        raise ValueError(f"relative must be one of {list(RELATIVE)}, got {relative!r}")
    if hierarchy is not None and not isinstance(hierarchy, Mapping):
        raise TypeError(f"hierarchy must be a dictionary parent -> names of its children, got {hierarchy!r:.80}")
    concepts, parent = _grow(sets.concepts, hierarchy or {})
    found = []
    for name, rows in concepts.items():
        if name in sets.values:
            found.append(Contrast(name, "continuous", rows, None, _trend(sets, name, rows)))
            continue
        if sets.pool is not None:
            design = _design(sets, f"concept {name!r}", rows, POOL, sets.pool)
            found.append(Contrast(name, "random", rows, sets.pool, design, overlap=name in sets.overlap))
        siblings = [
            other
            for other in concepts
            if other != name and parent.get(other) == parent.get(name) and other not in sets.values
        ]
        opponents = {"union": [siblings], "pairs": [[other] for other in siblings], "none": []}[relative]
        found += [_relative(sets, concepts, name, others, relative == "pairs") for others in opponents if others]
        if name in sets.paired:
            against = sets.paired[name]
            design, mixed = _design(sets, f"concept {name!r}", rows), name in sets.disordered
            found.append(Contrast(name, "paired", rows, against, design, disordered=mixed))
    return found


def _grow(
    concepts: Mapping[str, np.ndarray], hierarchy: Mapping[str, Sequence[str]]
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return concepts with parents added as unions, and each child's parent."""
    grown, parent = dict(concepts), dict[str, str]()
    for name, children in hierarchy.items():
        if name in concepts:
            raise ValueError(f"hierarchy: {name!r} is a concept with images of its own, so it cannot be a parent")
        if isinstance(children, str) or len(children) < 2:
            raise ValueError(f"hierarchy: {name!r} needs a list of two or more children, got {children!r}")
        for child in children:
            if child not in concepts and child not in hierarchy:
                near = difflib.get_close_matches(child, [*concepts, *hierarchy], 3, 0.5) or [*concepts, *hierarchy][:12]
                raise ValueError(f"hierarchy: {name!r} has child {child!r}, which is no concept; did you mean {near}?")
            if child in parent:
                raise ValueError(f"hierarchy: {child!r} has two parents, {parent[child]!r} and {name!r}")
            parent[child] = name

    def union(name: str, above: tuple[str, ...]) -> np.ndarray:
        if name in above:
            raise ValueError(f"hierarchy: {name!r} is its own ancestor: {' -> '.join([*above, name])}")
        if name in concepts:
            return concepts[name]
        return np.unique(np.concatenate([union(child, (*above, name)) for child in hierarchy[name]]))

    for name in hierarchy:
        grown[name] = union(name, ())
    return grown, parent


def _relative(
    sets: Sets, concepts: Mapping[str, np.ndarray], name: str, others: Sequence[str], single: bool
) -> Contrast:
    rows = concepts[name]
    union = np.unique(np.concatenate([concepts[other] for other in others]))
    rest = np.setdiff1d(union, rows)
    if len(rest) < MINIMUM:
        raise ValueError(
            f"concept {name!r} shares {len(union) - len(rest)} of the {len(union)} images of {list(others)}: "
            f"{len(rest)} remain to compare it with, at least {MINIMUM} are needed"
        )
    design = _design(sets, f"concept {name!r}", rows, f"the other concepts {list(others)}", rest)
    return Contrast(name, "relative", rows, rest, design, tuple(others), len(rest) < len(union), single)


def _design(sets: Sets, name: str, rows: np.ndarray, other: str = "", against: np.ndarray | None = None) -> Design:
    own = rows if against is None else np.concatenate([rows, against])
    groups = _number(sets, own)
    design = Design(len(rows), len(rows) if against is None else len(against), against is None, groups)
    for side, count, sources in zip(
        (name, other), (design.concept, design.contrast), design.sources or (), strict=False
    ):
        _need_sources(side, count, sources)
    return design


def _trend(sets: Sets, name: str, rows: np.ndarray) -> ContinuousDesign:
    values, groups = sets.values[name], _number(sets, rows)
    if groups is not None:
        _need_sources(f"concept {name!r}", len(rows), max(groups) + 1)
        means = np.bincount(groups, values) / np.bincount(groups)
        if np.ptp(means) <= 1e-9 * np.abs(means).max():
            raise ValueError(
                f"concept {name!r}: its {len(means)} sources have the same mean value, so there is nothing to regress "
                "on: values must differ between sources"
            )
    return ContinuousDesign(tuple(values.tolist()), groups)


def _need_sources(name: str, count: int, sources: int) -> None:
    if sources < 2:
        raise ValueError(
            f"{name}: all {count} images share one source, so nothing can be said beyond it: give images of at least 2 "
            "sources, better 10 or more (or leave `groups` out, if each image is a source of its own)"
        )


def _number(sets: Sets, rows: np.ndarray) -> tuple[int, ...] | None:
    """Return the source of each row, numbered from 0; None where every image is its own source."""
    if sets.groups is None:
        return None
    _, own = np.unique(sets.groups[rows], return_inverse=True)
    return tuple(own.tolist()) if own.max() + 1 < len(own) else None
