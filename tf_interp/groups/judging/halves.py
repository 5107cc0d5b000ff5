"""How many groups hold: as many as two halves of the pictures still agree on."""

import numpy as np

from tf_interp.groups.matching import cosines, pair_up
from tf_interp.groups.methods.factorizer import Factorizer, fit_rows

RESAMPLES = 3  # random divisions of the pictures into halves
THRESHOLD = 0.8  # median stability from which a number of groups holds
COUNTS = (2, 3, 4, 6, 8, 12, 16)  # numbers of groups that k="auto" tries


def draw_halves(count: int, resamples: int, seed: int) -> list[np.ndarray]:
    """Return orders of the pictures; each divides them into its first and its second half."""
    rng = np.random.default_rng((seed, 5))
    return [rng.permutation(count) for _ in range(resamples)]


def agreement(
    method: Factorizer, activations: np.ndarray, order: np.ndarray, k: int, seed: int, iterations: int
) -> float:
    """Return the median matched cosine of the groups of two halves of the pictures.

    Args:
        method: that finds the groups.
        activations: float32 [N,h,w,C].
        order: of the pictures, from `draw_halves`.
        k: number of groups.
        seed: of the starts.
        iterations: the most that a fit may take.
    """
    halves = [activations[half].reshape(-1, activations.shape[-1]) for half in np.array_split(order, 2)]
    first, second = (fit_rows(method, half, k, seed=seed, iterations=iterations).vectors for half in halves)
    cosine = cosines(first, second)
    cosine = np.abs(cosine) if method.signed_weights else cosine
    return float(np.median(cosine[pair_up(cosine)]))


def suggest(counts: list[int], stability: np.ndarray, threshold: float) -> tuple[int | None, str]:
    """Return the largest number of groups that holds, None without one, and why.

    Args:
        counts: numbers of groups, smallest first.
        stability: median of each.
        threshold: from which one holds.
    """
    held = [k for k, value in zip(counts, stability, strict=True) if value >= threshold]
    if not held:
        best = int(np.argmax(stability))
        return None, (
            f"no number of groups is suggested: the most stable, {counts[best]}, has {stability[best]:.3f}, below "
            f"{threshold:g}; other pictures give other groups"
        )
    most = held[-1]
    text = f"{most} groups are suggested: the most whose median stability, {stability[counts.index(most)]:.3f}, holds"
    if most == counts[-1]:
        return most, f"{text} {threshold:g}; more than that was not tried"
    after = counts[counts.index(most) + 1]
    return most, f"{text} {threshold:g}; {after} have {stability[counts.index(after)]:.3f}"


def count_groups(method: Factorizer, activations: np.ndarray, *, seed: int, iterations: int) -> tuple[int, str]:
    """Return how many groups a layer has, and why: what `scan_groups` with `COUNTS` suggests.

    The largest number comes first, and the first that holds ends the search: smaller ones would not be taken.

    Args:
        method: that finds the groups.
        activations: float32 [N,h,w,C].
        seed: of the starts and the divisions.
        iterations: the most that a fit may take.

    Raises:
        ValueError: if there are too few pictures for halves.
    """
    *form, channels = activations.shape
    smaller = form[0] // 2 * int(np.prod(form[1:]))
    counts = [k for k in COUNTS if k <= min(smaller, channels)]
    if not counts:
        if channels == 1 and smaller:
            return 1, "the layer has one channel, and so one group"
        raise ValueError(
            f'k="auto" finds groups in halves of the pictures, which have {smaller} positions here: give more '
            "pictures, or a number"
        )
    orders = draw_halves(form[0], RESAMPLES, seed)
    tried: list[int] = []
    stability: list[float] = []
    for k in reversed(counts):
        tried.insert(0, k)
        values = [agreement(method, activations, order, k, seed, iterations) for order in orders]
        stability.insert(0, float(np.median(np.array(values, np.float32))))
        if stability[0] >= THRESHOLD:
            break
    suggested, reason = suggest(tried, np.array(stability), THRESHOLD)
    if suggested is None:
        suggested = tried[int(np.argmax(stability))]
    return suggested, f'k="auto": {reason}'
