"""Intervals from a bootstrap, wide enough also where a mean is over few sources.

Resampling n sources sees their spread too small, by (n - 1) / n, and it takes this spread for known, as a normal
distribution does and Student's t does not. With 30 sources that is nothing, with 4 the interval is half as wide as it
should be.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

_NORMAL = 1.959964  # 97.5 % of a standard normal distribution


def get_widening(parts: Sequence[tuple[np.ndarray, int]]) -> np.ndarray:
    """Return by how much bootstrap deviations are multiplied, so that 95 % intervals hold with few sources.

    Args:
        parts: of each side that is resampled apart, what each source adds to T displacements, float [n_k,T], and the
            degrees of freedom, n_k - 1 for a mean; with none, the side is taken as it is.

    Returns:
        float64 array [T], at least 1.

    Source: Hesterberg, What Teachers Should Know About the Bootstrap, 2015, sections 3.2 and 5.3; Satterthwaite, An
    Approximate Distribution of Estimates of Variance Components, 1946, for the degrees of freedom of several parts.

    Example:
        >>> get_widening([(np.array([[0.5], [-0.5]]), 1)]).round(1).tolist()  # two sources say next to nothing
        [9.2]
    """
    seen: Any = 0.0
    true: Any = 0.0
    squares: Any = 0.0
    for part, freedom in parts:
        if freedom < 1:
            continue
        variance = ((part - part.mean(0)) ** 2).sum(0).astype(np.float64)  # of a sum of n independent draws
        seen = seen + variance
        true = true + variance * len(part) / freedom
        squares = squares + (variance * len(part) / freedom) ** 2 / freedom
    moved = np.asarray(seen) > 0
    freedom = np.divide(np.square(true), squares, where=moved, out=np.ones(moved.shape))
    ratio = np.divide(true, seen, where=moved, out=np.ones(moved.shape))
    from scipy.special import stdtrit  # here, since few calls need it

    quantile = stdtrit(np.maximum(freedom, 1), 0.975)
    return np.where(moved, np.maximum(np.sqrt(ratio) * quantile / _NORMAL, 1.0), 1.0)


def widen(drawn: np.ndarray, center: float, factor: float) -> tuple[float, float]:
    """Return the 95 % interval of a bootstrap, widened around the estimate.

    Args:
        drawn: float [B], the estimate of each resample.
        center: the estimate.
        factor: as `get_widening` returns it.

    Returns:
        `(low, high)`.
    """
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(center + factor * (low - center)), float(center + factor * (high - center))
