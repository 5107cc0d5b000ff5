"""Sobol indices from runs with random switches: which switches to run, and what the runs tell. No network in here."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc

SAME = 1e-12  # of the squares of scores; what varies less varies by rounding


def draw_design(k: int, designs: int, seed: Sequence[int]) -> np.ndarray:
    """Return the settings of k switches to run: two independent designs, and the first with each column exchanged.

    Args:
        k: number of switches.
        designs: settings in each design; quasi-random (Sobol's points, scrambled) up to some 10,000 switches.
        seed: numbers that it depends on.

    Returns:
        float32 array [(k+2)*designs, k] in [0,1].
    """
    rng = np.random.default_rng(tuple(seed))
    sampler = qmc.Sobol(2 * k, scramble=True, seed=rng)
    # a power of two is drawn, since other numbers of Sobol's points are warned about
    points = sampler.random_base2(max(designs - 1, 1).bit_length())[:designs].astype(np.float32)
    first, second = points[:, :k], points[:, k:]
    exchanged = np.repeat(first[None], k, axis=0)
    exchanged[np.arange(k), :, np.arange(k)] = second.T
    return np.concatenate([first, second, *exchanged])


def estimate_indices(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first-order and total Sobol indices of k switches from the values of a design's runs.

    Total indices are Jansen's, first-order ones Saltelli's of 2010. Variances are summed over the pictures before they
    are divided, so that pictures on which the switches do nothing weigh nothing.

    Args:
        values: float [k+2,designs,N], of N pictures, in the order of `draw_design`.

    Returns:
        float64 arrays [k], up to sampling error between 0 and 1; all 0 where nothing changes.

    Source:
        Jansen, Analysis of variance designs for model output, 1999; Saltelli et al., Variance based sensitivity
        analysis of model output, 2010, table 2.
    """
    values = np.asarray(values, np.float64)
    plain, other, exchanged = values[0], values[1], values[2:]
    spread = values[:2].var((0, 1)).sum()
    if spread <= SAME * (values**2).mean((0, 1)).sum():
        return np.zeros(len(exchanged)), np.zeros(len(exchanged))
    total = ((plain - exchanged) ** 2).mean(1).sum(-1) / 2
    alone = ((other - values[:2].mean((0, 1))) * (exchanged - plain)).mean(1).sum(-1)
    return alone / spread, total / spread
