"""Mu-fidelity and stability: do sums foretell what a part is worth, and are maps the same under noise?"""

import numpy as np
from scipy.stats import rankdata

from tf_interp.attribution.evidence.curves import TakeAway
from tf_interp.attribution.scene import Scene


def draw_subsets(
    scene: Scene, take_away: TakeAway, count: int, share: float, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return random sets of pieces, and what the score loses when each is taken away.

    All sets have the same size: with sets of any size a map that is positive everywhere looks faithful, since large
    sets have large sums and large losses.

    Args:
        scene: the batch of n images.
        take_away: what takes pieces away.
        count: of the pieces.
        share: of the pieces in a set.
        draws: number of sets, the same for all images.
        seed: of the sets.

    Returns:
        bool [draws,count], float32 [draws,n].
    """
    size = max(1, min(round(share * count), count - 1))
    random = np.random.default_rng(seed)
    whole = np.asarray(scene.score(scene.point))
    sets, losses = np.zeros((draws, count), bool), []
    for chosen in sets:
        chosen[random.permutation(count)[:size]] = True
        losses.append(whole - np.asarray(scene.score(take_away(np.tile(chosen, (len(whole), 1))))))
    return sets, np.stack(losses)


def correlate_sums(maps: np.ndarray, sets: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation between the sums of maps over sets and the losses.

    Args:
        maps: float [n,h,w], or [n,pieces].
        sets: bool [draws,h,w], or likewise.
        losses: float [draws,n].

    Returns:
        float [n]; NaN where one of them does not vary.

    Source:
        Bhatt et al., Evaluating and Aggregating Feature-based Model Explanations, 2020.
    """
    flat = [item.reshape(len(item), -1).astype(np.float64) for item in (sets, maps)]
    sums = flat[0] @ flat[1].T
    return np.array([correlate_ranks(one, other) for one, other in zip(sums.T, losses.T, strict=True)])


def correlate_ranks(one: np.ndarray, other: np.ndarray) -> float:
    """Return Spearman's correlation of two arrays of one shape; NaN where one of them does not vary, or is not finite.

    Args:
        one: floats; differences of the size of rounding are none.
        other: floats.
    """
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("nan")
    if np.ptp(one) <= 1e-9 * np.abs(one).max() or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def largest_change(maps: np.ndarray, noisy: list[np.ndarray]) -> np.ndarray:
    """Return the largest relative change of maps [n,...] among maps of noisy images, float [n]."""
    lengths = np.linalg.norm(maps.reshape(len(maps), -1), axis=1)
    changes = [np.linalg.norm((other - maps).reshape(len(maps), -1), axis=1) for other in noisy]
    return np.divide(np.max(changes, 0), lengths, out=np.full(len(maps), np.nan), where=lengths > 0)
