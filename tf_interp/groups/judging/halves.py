"""How many groups hold: as many as two halves of the pictures still agree on, each of them."""

from collections.abc import Sequence

import numpy as np

from tf_interp.groups.judging.grouping_card import UNSTABLE
from tf_interp.groups.judging.picture_halves import Halves, count_rows, divide, say_few, take_halves
from tf_interp.groups.matching import cosines, pair_up
from tf_interp.groups.methods.factorizer import Factorizer
from tf_interp.groups.methods.weighting import fit_scaled

RESAMPLES = 3  # random divisions of the pictures into halves
THRESHOLD = 0.8  # median stability from which a number of groups holds
COUNTS = (2, 3, 4, 6, 8, 12, 16)  # numbers of groups that k="auto" tries


def draw_halves(ids: Sequence[str], resamples: int, seed: int) -> list[Halves]:
    """Return random divisions of pictures into two halves, by their content hashes; see `divide`."""
    rng = np.random.default_rng((seed, 5))
    return [divide(ids, rng) for _ in range(resamples)]


def agreement(
    method: Factorizer,
    halves: Sequence[np.ndarray],
    k: int,
    seed: int,
    iterations: int,
    scale: np.ndarray | None = None,
) -> tuple[float, float]:
    """Return the median and the lowest matched cosine of the groups of two halves of the pictures.

    Args:
        method: that finds the groups.
        halves: two of float32 [n,C], from `take_halves`.
        k: number of groups.
        seed: of the starts.
        iterations: the most that a fit may take.
        scale: float32 [C], what each channel counts; None is all alike.
    """
    first, second = (fit_scaled(method, half, k, scale, seed=seed, iterations=iterations).vectors for half in halves)
    cosine = cosines(first, second)
    cosine = np.abs(cosine) if method.signed_weights else cosine
    matched = cosine[pair_up(cosine)]
    return float(np.median(matched)), float(matched.min())


def suggest(counts: list[int], stability: np.ndarray, least: np.ndarray, threshold: float) -> tuple[int | None, str]:
    """Return the largest number of groups that holds, None without one, and why.

    One group too many hardly changes the median, but halves do not agree on it: so the median and the least stable
    group both count.

    Args:
        counts: numbers of groups, smallest first.
        stability: median of each.
        least: of each the lowest of all groups and halves; a number with one that is `UNSTABLE` does not hold.
        threshold: from which a median holds.
    """
    held = [row for row, value in enumerate(stability) if value >= threshold and least[row] >= UNSTABLE]
    if not held:
        best = int(np.argmax(stability))
        return None, (
            f"no number of groups is suggested: the most stable, {counts[best]}, has {stability[best]:.3f}, its least "
            f"stable group {least[best]:.3f}, and {threshold:g} and {UNSTABLE:g} are needed; other pictures give other "
            "groups"
        )
    row = held[-1]
    text = (
        f"{counts[row]} groups are suggested: the most whose median stability, {stability[row]:.3f}, holds "
        f"{threshold:g}, and the least stable, {least[row]:.3f}, {UNSTABLE:g}"
    )
    if row == len(counts) - 1:
        return counts[row], f"{text}; more than that was not tried"
    return counts[row], f"{text}; {counts[row + 1]} have {stability[row + 1]:.3f} and {least[row + 1]:.3f}"


def count_groups(
    method: Factorizer, activations: np.ndarray, padded: np.ndarray | None, ids: Sequence[str], *, seed: int,
    iterations: int, scale: np.ndarray | None = None,
) -> tuple[int, tuple[str, ...]]:  # fmt: skip
    """Return how many groups a layer has, why, and cautions: what `scan_groups` with `COUNTS` suggests.

    The largest number comes first, and the first that holds ends the search: smaller ones would not be taken.

    Args:
        method: that finds the groups.
        activations: float32 [N,h,w,C].
        padded: bool [N,h,w], True at positions that do not count; None is none.
        ids: content hash of each picture.
        seed: of the starts and the divisions.
        iterations: the most that a fit may take.
        scale: float32 [C], what each channel counts; None is all alike.

    Raises:
        ValueError: if there are too few pictures for halves.
    """
    channels = activations.shape[-1]
    divisions = draw_halves(ids, RESAMPLES, seed)
    smaller = min(count_rows(activations.shape, padded, halves) for halves in divisions)
    counts = [k for k in COUNTS if k <= min(smaller, channels)]
    if not counts:
        if channels == 1:
            return 1, ("the layer has one channel, and so one group",)
        if not (activations if method.keeps_negative else np.maximum(activations, 0)).any():
            said = "the layer is silent, so that no number of groups is better than another"
            return min(COUNTS[0], channels), (said,)
        raise ValueError(
            f'k="auto" finds groups in halves of the pictures, which have {smaller} positions here: give more '
            "pictures that differ, or a number"
        )
    tried: list[int] = []
    stability: list[float] = []
    least: list[float] = []
    for k in reversed(counts):
        tried.insert(0, k)
        values = [
            agreement(method, take_halves(activations, padded, halves), k, seed, iterations, scale)
            for halves in divisions
        ]
        middle, lowest = np.array(values, np.float32).T
        stability.insert(0, float(np.median(middle)))
        least.insert(0, float(lowest.min()))
        if stability[0] >= THRESHOLD and least[0] >= UNSTABLE:
            break
    suggested, reason = suggest(tried, np.array(stability), np.array(least), THRESHOLD)
    if suggested is None:
        suggested = tried[int(np.argmax(stability))]
    return suggested, (f'k="auto": {reason}', *say_few(ids))
