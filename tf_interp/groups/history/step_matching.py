"""What became of the groups of one step at the next: which go on, split, merge, come back, are new or gone."""

import dataclasses
import itertools
from collections.abc import Collection, Sequence

import numpy as np
from scipy.optimize import nnls

from tf_interp.directions import Directions
from tf_interp.groups.matching import agreement, cosines, has_signs, match_groups, presences

_TRIED = 8  # free groups that may be part of a group: those that agree most with it


@dataclasses.dataclass
class StepMatch:
    """What became of groups. Numbers are rows of the three sets that were compared: before, gone and now.

    Args:
        kept: row of now -> the row of before that goes on in it.
        returned: row of now -> the row of gone that is there again.
        splits: (row of before, the two rows of now that explain it, agreement of their sum).
        merges: (row of now, the two rows of before that explain it, agreement of their sum).
    """

    kept: dict[int, int]
    returned: dict[int, int]
    splits: list[tuple[int, tuple[int, int], float]]
    merges: list[tuple[int, tuple[int, int], float]]


@dataclasses.dataclass(frozen=True)
class Limits:
    """From what agreement on groups are the same, and two explain one; see `GroupHistory`."""

    threshold: float
    explained: float
    gain: float


def match_step(before: Directions | None, gone: Directions | None, now: Directions | None, limits: Limits) -> StepMatch:
    """Return what became of groups.

    Args:
        before: those of the last step, or None.
        gone: those that were there earlier, or None.
        now: those of this step, or None.
        limits: of agreement.
    """
    match = StepMatch({}, {}, [], [])
    if now is None:
        return match
    if before is not None:
        _compare(before, now, match, limits)
    fresh = [row for row in range(len(now)) if row not in match.kept]
    if gone is not None and fresh:
        found = match_groups(gone, now[fresh], threshold=limits.threshold).pairs
        match.returned.update({fresh[int(b)]: int(a) for a, b in found})
    return match


def _compare(before: Directions, now: Directions, match: StepMatch, limits: Limits) -> None:
    """Fill in which groups go on, split and merge."""
    kept = match.kept
    pairs = match_groups(before, now, threshold=limits.threshold).pairs
    kept.update({int(b): int(a) for a, b in pairs})
    alike = agreement(before, now)
    match.splits.extend(_find_splits(before, now, kept, limits))
    for row, pair, _ in match.splits:
        if row not in kept.values():  # it goes on in the one of the two that it agrees with most
            kept[pair[int(alike[row, pair[1]] > alike[row, pair[0]])]] = row
    new_parts = {row for _, pair, _ in match.splits for row in pair} - set(kept)
    turned = {a: b for b, a in kept.items()}
    match.merges.extend(_find_splits(now, before, turned, limits, skip=new_parts))
    for row, pair, _ in match.merges:
        if row not in kept:
            kept[row] = pair[int(alike[pair[1], row] > alike[pair[0], row])]


def _find_splits(
    one: Directions, two: Directions, kept: dict[int, int], limits: Limits, skip: Collection[int] = ()
) -> list[tuple[int, tuple[int, int], float]]:
    """Return the groups of one set that two of the other explain, best first; no group of the other counts twice.

    One of the two must be free, which is paired with none; the other may be free too, or be the group's own partner.

    Args:
        one: the set whose groups are explained.
        two: the set that explains.
        kept: row of `two` -> the row of `one` that it is paired with.
        limits: of agreement.
        skip: rows of `one` that are not asked about.
    """
    free = [row for row in range(len(two)) if row not in kept]
    partner = {a: b for b, a in kept.items()}
    alike, found = agreement(one, two), []
    for row in range(len(one)) if free else ():
        own = [partner[row]] if row in partner else []
        near = sorted(free, key=lambda other: -alike[row, other])[:_TRIED]
        pairs = [pair for pair in itertools.combinations(sorted(own + near), 2) if set(own) <= set(pair)]
        if row not in skip and (best := _best_pair(one[[row]], two, pairs, limits)):
            found.append((row, *best))
    taken: set[int] = set()
    chosen = []
    for row, pair, value in sorted(found, key=lambda item: -item[2]):
        if not taken & set(pair):
            taken |= set(pair)
            chosen.append((row, pair, value))
    return chosen


def _best_pair(
    whole: Directions, parts: Directions, pairs: Sequence[tuple[int, int]], limits: Limits
) -> tuple[tuple[int, int], float] | None:
    """Return the two groups whose sum explains a group, and the agreement; None where no two do."""
    best: tuple[tuple[int, int], float] | None = None
    alone = agreement(whole, parts)[0]
    there, signed = presences(whole, parts), has_signs(whole) or has_signs(parts)
    for pair in pairs:
        rows = list(pair)
        measured = [_explain(whole.vectors[0], parts.vectors[rows], signed)]
        if there is not None:
            measured.append(_explain(there[0][0], there[1][rows], signed))
        value = float(np.mean([cosine for cosine, _ in measured]))
        both = any(used for _, used in measured)
        if both and value >= max(limits.explained, alone[rows].max() + limits.gain, best[1] if best else 0):
            best = pair, value
    return best


def _explain(whole: np.ndarray, parts: np.ndarray, signed: bool) -> tuple[float, bool]:
    """Return the cosine of a vector with the non-negative sum of two that is nearest, and whether both are in it."""
    if signed:  # a group with signs is its opposite, so each part may be turned round
        parts = parts * np.where(parts @ whole < 0, -1, 1)[:, None]
    factors = nnls(parts.T.astype(np.float64), whole.astype(np.float64))[0]
    return float(cosines(whole[None], (factors @ parts)[None])[0, 0]), bool((factors > 0).all())
