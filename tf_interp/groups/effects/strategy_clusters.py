"""Clusters of rows: how many stand out from a single cloud, and which rows belong to none. No network in here."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from scipy.signal import find_peaks
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

_STARTS = 4  # of k-means
_FAR = 2.0  # how many times less dense it is around a row than around its neighbors, for it to belong to none
_NEIGHBORS = 5
_GRID = 128
_WIDTHS = 24


@dataclasses.dataclass(frozen=True, eq=False)
class Clusters:
    """Rows divided into clusters.

    Args:
        labels: int [N], 1 is the largest cluster, 0 is none.
        ks: numbers of clusters that were tried.
        silhouette: float [len(ks)], of the rows that belong to any; NaN where a cluster was too small.
        chance: float [len(ks)], the same of a single cloud, mean of the draws.
        p: of that many standing out by chance from a single cloud; NaN where several were not tried.
    """

    labels: np.ndarray
    ks: np.ndarray
    silhouette: np.ndarray
    chance: np.ndarray
    p: float


def cluster(rows: np.ndarray, most: int, smallest: int, draws: int, alpha: float, seed: int) -> Clusters:
    """Divide rows into as many clusters as stand out from a single cloud, one at least.

    Rows around which it is much less dense than around their neighbors (local outlier factor) belong to none. The
    others are divided by k-means into 2, 3, ... clusters, whose silhouettes are compared with those of single clouds as
    long along each principal axis and as skewed: the rows' own places along each axis, permuted independently, and
    smoothed until they have one peak. The number is the one that is furthest above chance, if the largest distance
    above chance is larger than that of all but `alpha` of the clouds.

    Args:
        rows: float [N,K].
        most: clusters to try, at least 1.
        smallest: rows of a cluster.
        draws: clouds.
        alpha: level of the test.
        seed: of k-means and the clouds.

    Source:
        Breunig et al., LOF, 2000; Rousseeuw, Silhouettes, 1987; Silverman, Using kernel density estimates to
        investigate multimodality, 1981.
    """
    rows = np.asarray(rows, np.float64)
    labels = np.zeros(len(rows), np.int64)
    inside = np.flatnonzero(local_outlier_factors(rows) <= _FAR)
    labels[inside] = 1
    few = rows[inside]
    ks = np.arange(2, min(most, len(few) // smallest) + 1)
    empty = np.full(len(ks), np.nan)
    if not len(ks) or not np.ptp(few, axis=0).any():
        return Clusters(labels, ks, empty, empty, np.nan)
    rng = np.random.default_rng((seed, 11))
    with threadpool_limits(1):  # on few rows threads wait for each other longer than they work
        found = [_divide(few, int(k), smallest, seed) for k in ks]
        clouds = np.array([[_divide(cloud, int(k), 1, seed)[0] for k in ks] for cloud in draw_clouds(few, draws, rng)])
    silhouette = np.array([value for value, _ in found])
    chance = np.nanmean(clouds, 0)
    if not np.isfinite(silhouette).any():
        return Clusters(labels, ks, silhouette, chance, 1.0)
    best = int(np.nanargmax(silhouette - chance))
    p = float((1 + (np.nanmax(clouds - chance, 1) >= (silhouette - chance)[best]).sum()) / (draws + 1))
    if p <= alpha and silhouette[best] > chance[best]:
        which = found[best][1]
        order = np.argsort(-np.bincount(which), kind="stable")
        labels[inside] = 1 + np.argsort(order)[which]
    return Clusters(labels, ks, silhouette, chance, p)


def draw_clouds(rows: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield single clouds [N,K] with the variance of rows along each of their principal axes, and their skew."""
    mean = rows.mean(0)
    places, lengths, axes = np.linalg.svd(rows - mean, full_matrices=False)
    places = (places * lengths)[:, lengths > 1e-6 * lengths[0]]
    axes = axes[: places.shape[1]]
    widths = np.array([smallest_width(column) for column in places.T])
    for _ in range(count):
        drawn = rng.permuted(places, axis=0) + rng.normal(size=places.shape) * widths
        yield mean + drawn / np.hypot(1, widths / places.std(0)) @ axes


def smallest_width(values: np.ndarray) -> float:
    """Return the smallest standard deviation of a normal kernel from which on the density of values [N] has one peak.

    A peak counts where it stands above the valley before it by what chance leaves of so many values, and of 3 or more.
    """
    for width in np.geomspace(np.ptp(values), np.ptp(values) / 64, _WIDTHS):
        grid = np.linspace(values.min() - 3 * width, values.max() + 3 * width, _GRID)
        density = np.exp(-(((grid[:, None] - values) / width) ** 2) / 2).sum(1)
        peaks, found = find_peaks(density, prominence=0)
        height = found["prominences"]
        if (height >= np.maximum(3, 2 * np.sqrt(density[peaks]))).sum() > 1:
            return float(width)
    return 0.0


def local_outlier_factors(rows: np.ndarray) -> np.ndarray:
    """Return how many times less dense it is around each row than around its neighbors, float64 [N]; 1 for few rows."""
    count = min(_NEIGHBORS, len(rows) - 1)
    if count < _NEIGHBORS:
        return np.ones(len(rows))
    squares = (rows**2).sum(1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0))
    np.fill_diagonal(distance, np.inf)
    near = np.argsort(distance, 1, kind="stable")[:, :count]
    reach = np.take_along_axis(distance, near, 1)
    least = 1e-6 * max(float(np.median(reach)), float(np.ptp(rows)), 1e-30)  # of rows that are the same
    thin = np.maximum(reach, reach[:, -1][near]).mean(1) + least
    return thin / np.exp(np.log(thin[near]).mean(1))


def _divide(rows: np.ndarray, k: int, smallest: int, seed: int) -> tuple[float, np.ndarray]:
    """Return the silhouette of k clusters, and the clusters; NaN where one is too small."""
    labels = KMeans(k, n_init=_STARTS, random_state=seed).fit_predict(rows)
    counts = np.bincount(labels)
    if len(counts) < k or counts.min() < smallest:
        return np.nan, labels
    return float(silhouette_score(rows, labels)), labels
