"""Corrections for a family of tests."""

import numpy as np


def holm(p: np.ndarray, family: int | None = None) -> np.ndarray:
    """Return p values adjusted so that no claim of the family is false with the stated confidence.

    Args:
        p: float [F] in [0, 1]; NaN is a test that could not be made: it counts in the family and stays NaN.
        family: number of tests in the whole family, where these are only some of them; None for just these.

    Returns:
        float64 array [F].

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, np.float64)
    order = np.argsort(np.where(np.isnan(p), 1.0, p), kind="stable")
    steps = np.where(np.isnan(p), 1.0, p)[order] * np.arange(family or len(p), (family or len(p)) - len(p), -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return np.where(np.isnan(p), np.nan, adjusted)


def benjamini_hochberg(p: np.ndarray, family: int | None = None) -> np.ndarray:
    """Return p values adjusted for the expected share of false ones among the claims (for screening).

    Args:
        p: float [F] in [0, 1]; NaN as in `holm`.
        family: as in `holm`.

    Returns:
        float64 array [F].

    Source: Benjamini and Hochberg, Controlling the False Discovery Rate, 1995.

    Example:
        >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(3).tolist()
        [0.03, 0.04, 0.04]
    """
    p = np.asarray(p, np.float64)
    order = np.argsort(np.where(np.isnan(p), 1.0, p), kind="stable")
    steps = np.where(np.isnan(p), 1.0, p)[order] * (family or len(p)) / np.arange(1, len(p) + 1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    return np.where(np.isnan(p), np.nan, adjusted)
