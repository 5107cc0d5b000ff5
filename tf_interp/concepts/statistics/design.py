"""Who is compared with whom, and what the numbers would be if the labels meant nothing.

The statistic is linear in the images: the mean projection of the concept's images minus that of the contrast's. So
every relabeling and every resample is a row of weights, and all of them together one matrix product. The rows depend
on the sizes and the seed only: they are made once and kept.
"""

import dataclasses
import itertools
import math

import numpy as np
import tensorflow as tf

from tf_interp.concepts.statistics.cav import balance
from tf_interp.concepts.statistics.kept import kept

_CHUNK = 2**24  # weights turned to float32 at once: 64 MB


@dataclasses.dataclass(frozen=True)
class Design:
    """Two sides of a comparison: `concept` images first, then `contrast` images.

    Args:
        concept: number of concept images, n.
        contrast: number of contrast images, m; equal to n where they are paired.
        paired: whether contrast image i is concept image i without the concept.
        groups: a number for each image (n+m of them; n where paired), equal where images share a source, or None.
    """

    concept: int
    contrast: int
    paired: bool = False
    groups: tuple[int, ...] | None = None

    @property
    def sources(self) -> tuple[int, int] | None:
        """Number of sources of the concept's and of the contrast's images; None where every image is its own."""
        if self.groups is None:
            return None
        sides = (self.groups, self.groups) if self.paired else np.split(np.array(self.groups), [self.concept])
        return len(set(sides[0])), len(set(sides[1]))

    @property
    def p_smallest(self) -> float:
        """The smallest p that all relabelings together can give: with few sources nothing can be significant."""
        strata = self.strata()
        ways = math.prod(math.comb(len(labels), int(labels.sum())) for _, labels in strata)
        if self.paired:
            ways = 2 ** len(strata)
        turned = self.paired or all(2 * labels.sum() == len(labels) for _, labels in strata)
        return min(1.0, (2 if turned and ways > 1 else 1) / ways)  # with all labels turned a statistic is as large

    def strata(self) -> list[tuple[list[np.ndarray], np.ndarray]]:
        """Return within what labels may be exchanged.

        Returns:
            `(units, labels)` for each stratum: rows that keep one label together (int [.] each), and which units are
            labeled as concept (bool [units]). Sources on one side form a stratum; a source on both sides is a stratum
            of its own, of single images. Paired, each unit is a stratum: its differences keep or flip their sign.
        """
        if self.groups is None:
            units, labels = [np.array([row]) for row in range(self.count)], self.labels
            return [([unit], np.array([True])) for unit in units] if self.paired else [(units, labels)]
        _, numbers = np.unique(self.groups, return_inverse=True)
        sources = [np.flatnonzero(numbers == number) for number in range(numbers.max() + 1)]
        if self.paired:
            return [([rows], np.array([True])) for rows in sources]
        pure = [rows for rows in sources if self.labels[rows].all() or not self.labels[rows].any()]
        mixed = [rows for rows in sources if 0 < self.labels[rows].sum() < len(rows)]
        found = [(pure, np.array([self.labels[rows[0]] for rows in pure]))] if pure else []
        return found + [([rows[[place]] for place in range(len(rows))], self.labels[rows]) for rows in mixed]

    @property
    def count(self) -> int:
        """Number of rows that the weights speak of: n+m images, or n differences where paired."""
        return self.concept if self.paired else self.concept + self.contrast

    @property
    def labels(self) -> np.ndarray:
        """Which rows are concept images, bool [count]."""
        return np.arange(self.count) < self.concept

    @property
    def signs(self) -> np.ndarray:
        """+1 for each concept image, -1 for each contrast image, int8 [n+m]."""
        return np.repeat(np.array([1, -1], np.int8), [self.concept, self.contrast])

    def label(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Return targets and weights of the true labels, float32 [1,n+m], for a fit."""
        return balance(self.signs[None])

    def test(self, projections: np.ndarray, permutations: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the displacement and what it is under relabelings.

        Args:
            projections: float32 [n+m,T], of each image on T gradients.
            permutations: number of relabelings, B.
            seed: for the draw.

        Returns:
            `(displacement [T], null [B,T])`, float32.
        """
        null = displacements(self, relabelings(self, permutations, seed), self._units_of(projections))
        return self.displace(projections), null

    def displace(self, projections: np.ndarray) -> np.ndarray:
        """Return the displacement, float32 [T], of projections [n+m,T]."""
        true = np.ones((1, self.count), np.uint8) if self.paired else self.labels.astype(np.uint8)[None]
        return displacements(self, true, self._units_of(projections))[0]

    def _units_of(self, projections: np.ndarray) -> np.ndarray:
        return projections[: self.concept] - projections[self.concept :] if self.paired else projections

    def moves(self, projections: np.ndarray) -> list[tuple[np.ndarray, int]]:
        """Return what each source adds to the displacement, float [n_k,T], and the degrees of freedom, by side."""
        own = self._units_of(projections)
        if self.paired:
            moved = (own - own.mean(0)) / self.count
        else:
            first, second = own[: self.concept], own[self.concept :]
            moved = np.concatenate([(first - first.mean(0)) / self.concept, (second.mean(0) - second) / self.contrast])
        units = np.arange(self.count) if self.groups is None else np.unique(self.groups, return_inverse=True)[1]
        sums = np.zeros((units.max() + 1, own.shape[1]))
        np.add.at(sums, units, moved)
        if self.paired:
            return [(sums, len(sums) - 1)]
        first = _first_side(units, self.labels)
        return [(side, len(side) - 1) for side in (sums[first], sums[~first])]

    def resample(self, bootstraps: int, seed: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return bootstrap weights of all images, and targets and weights for refits.

        Args:
            bootstraps: number of resamples, B.
            seed: for the draw.

        Returns:
            Three float32 tensors [B,n+m]; the first times the projections is the displacement of each resample.
        """
        return _resample(self, bootstraps, seed)

    def leave_out(self, projections: np.ndarray) -> np.ndarray:
        """Return how much of the displacement is owed to each concept image: with it minus without it.

        Args:
            projections: float32 [n+m], of each image on a gradient.

        Returns:
            float32 array [n].
        """
        own = projections[: self.concept] - (projections[self.concept :] if self.paired else 0)
        return (own - own.mean()) / (self.concept - 1)


@kept
def _resample(design: Design, bootstraps: int, seed: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    drawn = resamples(design, bootstraps, seed)
    spread = np.concatenate([drawn, -drawn], 1) if design.paired else drawn
    return tf.constant(spread), *balance(spread)


@kept
def relabelings(design: Design, permutations: int, seed: int) -> np.ndarray:
    """Return relabelings that the null hypothesis calls as likely as the true one.

    Unpaired, the labels are shuffled among the images; images of one group keep one label together, and where a group
    has images on both sides its labels are shuffled within the group. Paired, each difference (or group of
    differences) keeps or flips its sign. Where there are no more ways than asked for, these are all of them but the
    true one, once each: then p is exact. Else they are drawn at random.

    Args:
        design: the comparison.
        permutations: how many, B, if there are as many.
        seed: for the draw.

    Returns:
        uint8 array [<=B, design.count]: 1 = labeled as concept (or sign kept), 0 = contrast (or sign flipped). Shared:
        do not change it.

    Source: Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005, ch. 3.
    """
    strata = design.strata()
    sizes = [2 if design.paired else math.comb(len(labels), int(labels.sum())) for _, labels in strata]
    if math.prod(sizes) <= permutations + 1:
        masks = _all_ways(design, strata)
        true = np.ones(design.count, np.uint8) if design.paired else design.labels
        return masks[(masks != true).any(1)]
    random = np.random.default_rng((seed, 1))
    masks = np.empty((permutations, design.count), np.uint8)
    if design.paired:
        drawn = random.integers(0, 2, (permutations, len(strata)), np.uint8)
        for (units, _), column in zip(strata, drawn.T, strict=True):
            masks[:, units[0]] = column[:, None]
        return masks
    for units, labels in strata:
        rows = np.concatenate(units)
        masks[:, rows] = np.repeat(_shuffled(random, permutations, labels), [len(unit) for unit in units], axis=1)
    return masks


def _all_ways(design: Design, strata: list[tuple[list[np.ndarray], np.ndarray]]) -> np.ndarray:
    """Return every relabeling, uint8 [ways, design.count]."""
    choices = []
    for units, labels in strata:
        places = range(len(units))
        chosen = [(), (0,)] if design.paired else itertools.combinations(places, int(labels.sum()))
        choices.append([[row for place in way for row in units[place]] for way in chosen])
    masks = np.zeros((math.prod(len(ways) for ways in choices), design.count), np.uint8)
    for mask, ways in zip(masks, itertools.product(*choices), strict=True):
        mask[[row for way in ways for row in way]] = 1
    return masks


def _shuffled(random: np.random.Generator, rows: int, labels: np.ndarray) -> np.ndarray:
    """Return uint8 [rows, len(labels)], each row a shuffle of `labels`."""
    ones = int(labels.sum())
    masks = np.zeros((rows, len(labels)), np.uint8)
    if 0 < ones < len(labels):
        keys = random.random((rows, len(labels)), np.float32)
        np.put_along_axis(masks, np.argpartition(keys, ones, axis=1)[:, :ones], 1, axis=1)
    else:
        masks[:] = labels
    return masks


def displacements(design: Design, masks: np.ndarray, projections: tf.Tensor) -> np.ndarray:
    """Return the statistic under each relabeling: one matrix product.

    Args:
        design: the comparison.
        masks: uint8 [B, design.count], as `relabelings` returns them.
        projections: float32 [design.count, T], of each image (or difference) on T gradients.

    Returns:
        float32 array [B, T]: mean over the rows called concept minus mean over the others (or signed mean).
    """
    step = max(1, _CHUNK // design.count)
    move = _flip if design.paired else _swap
    chunks = [move(masks[start : start + step], projections) for start in range(0, len(masks), step)]
    return np.concatenate([chunk.numpy() for chunk in chunks])


_DRAWN = [tf.TensorSpec((None, None), tf.uint8), tf.TensorSpec((None, None), tf.float32)]


@tf.function(input_signature=_DRAWN, autograph=False)
def _flip(masks: tf.Tensor, projections: tf.Tensor) -> tf.Tensor:
    return tf.matmul(2 * tf.cast(masks, tf.float32) - 1, projections) / tf.cast(tf.shape(projections)[0], tf.float32)


@tf.function(input_signature=_DRAWN, autograph=False)
def _swap(masks: tf.Tensor, projections: tf.Tensor) -> tf.Tensor:
    mask = tf.cast(masks, tf.float32)
    sums, ones = tf.matmul(mask, projections), tf.reduce_sum(mask, 1, keepdims=True)
    others = tf.cast(tf.shape(projections)[0], tf.float32) - ones
    return sums / ones - (tf.reduce_sum(projections, 0) - sums) / others


def resamples(design: Design, bootstraps: int, seed: int) -> np.ndarray:
    """Return bootstrap weights: each side drawn again with replacement, whole groups at a time.

    Args:
        design: the comparison.
        bootstraps: how many, B.
        seed: for the draw.

    Returns:
        float32 array [B, design.count]; a row times the images is a resampled difference.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 8 and 13.
    """
    if design.groups is None and not design.paired:
        first = draws(design.concept, bootstraps, seed, stream=2)
        second = draws(design.contrast, bootstraps, seed, stream=3)
        return np.concatenate([first, -second], 1)
    if design.groups is None:
        return draws(design.count, bootstraps, seed, stream=2)
    _, units = np.unique(design.groups, return_inverse=True)
    if design.paired:
        counts = draws(units.max() + 1, bootstraps, seed, stream=2)[:, units]
        return counts / counts.sum(1, keepdims=True)
    first = _first_side(units, design.labels)
    counts = np.zeros((bootstraps, len(first)), np.float32)
    for stream, alike in enumerate((first, ~first), 2):
        if alike.any():
            counts[:, alike] = draws(int(alike.sum()), bootstraps, seed, stream) * alike.sum()
    sides = []
    for side in (design.labels, ~design.labels):
        weights = counts[:, units] * side
        sides.append(weights / weights.sum(1, keepdims=True))
    return sides[0] - sides[1]


def _first_side(units: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return which sources, bool [U], are drawn apart from the others, so that neither side is ever empty."""
    share = np.bincount(units, labels) / np.bincount(units)
    return share > 0 if (share == 0).any() else share == 1


@kept
def draws(count: int, bootstraps: int, seed: int, stream: int = 0) -> np.ndarray:
    """Return how often each of `count` images is drawn, divided by `count`.

    Args:
        count: number of images.
        bootstraps: how many resamples, B.
        seed: for the draw.
        stream: another number gives an independent draw.

    Returns:
        float32 array [B, count], rows sum to 1. Shared: do not change it.
    """
    random = np.random.default_rng((seed, 4, stream))
    drawn = random.integers(0, count, (bootstraps, count)) + np.arange(bootstraps)[:, None] * count
    counts = np.bincount(drawn.ravel(), minlength=bootstraps * count).reshape(bootstraps, count)
    return (counts / count).astype(np.float32)


def p_values(observed: np.ndarray, null: np.ndarray, tolerance: np.ndarray | float = 0.0) -> np.ndarray:
    """Return two-sided p values by counting: (1 + how many are at least as large) / (1 + B).

    Args:
        observed: float [T].
        null: float [B, T], the same statistic under the null.
        tolerance: what rounding may have changed, so that equal numbers count as equal.

    Returns:
        float64 array [T] in (0, 1].

    Source: Phipson and Smyth, Permutation P-values Should Never Be Zero, 2010.

    Example:
        >>> p_values(np.array([2.0]), np.array([[1.0], [-3.0], [0.5]])).tolist()
        [0.5]
    """
    larger = (np.abs(null) >= np.abs(observed) - tolerance).sum(0)
    return (1.0 + larger) / (1.0 + len(null))
