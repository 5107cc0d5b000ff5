"""Concepts that come in degrees: one number for each image instead of two sides."""

import dataclasses
import itertools
import math

import numpy as np
import tensorflow as tf

from tf_interp.concepts.statistics.cav import Fit, Problem
from tf_interp.concepts.statistics.design import draws
from tf_interp.concepts.statistics.kept import kept

FOLDS = 3
REPEATS = 5


@dataclasses.dataclass(frozen=True)
class ContinuousDesign:
    """Images with a value each; the statistic is the first-order change of the logit per standard deviation of it.

    Args:
        values: the n values.
        groups: a number for each image, equal where images share a source, or None; sources count as one image each.
    """

    values: tuple[float, ...]
    groups: tuple[int, ...] | None = None

    @property
    def sources(self) -> tuple[int, int] | None:
        """Number of sources, twice (as of a `Design`); None where every image is its own."""
        return None if self.groups is None else (len(set(self.groups)),) * 2

    @property
    def p_smallest(self) -> float:
        """The smallest p that all shuffles of the values together can give."""
        own = np.sort(self._of_units())
        _, ties = np.unique(own, return_counts=True)
        turned = np.allclose(own, -own[::-1], atol=1e-5)  # in the other order a statistic is as large
        return (1 + turned) * math.prod(map(math.factorial, ties.tolist())) / math.factorial(int(ties.sum()))

    def label(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Return targets and weights of the true values, float32 [1,n], for a fit."""
        return tf.constant(self._targets()[None]), tf.constant(self._shares()[None])

    def test(self, projections: np.ndarray, permutations: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the change per standard deviation, and what it is when values are shuffled among the images.

        Args:
            projections: float32 [n,T], of each image on T gradients.
            permutations: number of shuffles, B.
            seed: for the draw.

        Returns:
            `(change [T], null [B,T])`, float32.
        """
        own = self._sources_of(projections)
        null = _shuffled_slopes(self, permutations, seed)
        return self.displace(projections), tf.matmul(null, tf.constant(own)).numpy()

    def displace(self, projections: np.ndarray) -> np.ndarray:
        """Return the change per standard deviation, float32 [T], of projections [n,T]."""
        return (_slopes(self._of_units()[None]) @ self._sources_of(projections))[0]

    def moves(self, projections: np.ndarray) -> list[tuple[np.ndarray, int]]:
        """Return what each source adds to the change beyond a straight line, float [U,T], and the freedom, U - 2."""
        own, values = self._sources_of(projections), self._of_units()
        rest = own - own.mean(0) - values[:, None] * self.displace(projections)
        return [(values[:, None] * rest / len(own), len(own) - 2)]

    def _sources_of(self, projections: np.ndarray) -> np.ndarray:
        """Return the mean projection of each source, float32 [U,T]."""
        own = np.asarray(projections, np.float32)
        if self.groups is None:
            return own
        sums = np.zeros((max(self.groups) + 1, own.shape[1]), np.float32)
        np.add.at(sums, np.array(self.groups), own)
        return sums / np.bincount(self.groups)[:, None].astype(np.float32)

    def resample(self, bootstraps: int, seed: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return bootstrap weights of all images, and targets and weights for refits.

        Args:
            bootstraps: number of resamples, B.
            seed: for the draw.

        Returns:
            Three float32 tensors [B,n]; the first times the projections is the change of each resample.
        """
        shares = self._shares()
        if self.groups is None:
            shares = draws(len(self.values), bootstraps, seed, stream=2)
        else:
            units = np.array(self.groups)
            shares = draws(units.max() + 1, bootstraps, seed, stream=2)[:, units] / np.bincount(units)[units]
        targets = np.broadcast_to(self._targets(), shares.shape).astype(np.float32)
        spread = _slopes(targets, shares)
        return tf.constant(spread), tf.constant(targets), tf.constant(shares, tf.float32)

    def leave_out(self, projections: np.ndarray) -> np.ndarray:
        """Return how much of the change is owed to each image: with it minus without it.

        Args:
            projections: float32 [n], of each image on a gradient.

        Returns:
            float32 array [n].
        """
        count = len(self.values)
        shares = self._shares()
        without = np.broadcast_to(shares, (count, count)) * (1 - np.eye(count))
        without /= without.sum(1, keepdims=True)
        targets = np.broadcast_to(self._targets(), (count, count))
        return (_slopes(self._targets()[None], shares[None]) - _slopes(targets, without)) @ projections

    def measure(self, problem: Problem, fit: Fit, seed: int, nulls: int) -> tuple[float, float]:
        """Return the held-out correlation between values and scores, and its 95th percentile under shuffled values.

        Args:
            problem: the images.
            fit: as `get_fit` returns it.
            seed: for folds and shuffles.
            nulls: number of shuffles.

        Returns:
            `(correlation, null_high)`, -1..1.
        """
        random = np.random.default_rng((seed, 9))
        units = np.arange(len(self.values)) if self.groups is None else np.array(self.groups)
        own, shares = self._of_units(), self._shares()
        targets, tests = [], []
        for number in range(REPEATS + nulls):
            values = own if number < REPEATS else random.permutation(own)
            part = (random.permutation(len(own)) % FOLDS)[units]
            targets += [values[units]] * FOLDS
            tests += [part == fold for fold in range(FOLDS)]
        wanted, held = np.array(targets, np.float32), np.array(tests)
        weights = np.where(held, 0, shares)
        weights /= weights.sum(1, keepdims=True)
        scores = fit(problem, wanted, weights.astype(np.float32)).scores.numpy()
        found = [_correlate(w[t], s[t]) for w, s, t in zip(wanted, scores, held, strict=True)]
        means = np.array(found).reshape(-1, FOLDS).mean(1)
        return float(means[:REPEATS].mean()), float(np.quantile(means[REPEATS:], 0.95))

    def _of_units(self) -> np.ndarray:
        """Return the standardized value of each source, float32 [U]."""
        values = np.array(self.values)
        if self.groups is not None:
            values = np.bincount(self.groups, values) / np.bincount(self.groups)
        return ((values - values.mean()) / values.std()).astype(np.float32)

    def _targets(self) -> np.ndarray:
        own = self._of_units()
        return own if self.groups is None else own[np.array(self.groups)]

    def _shares(self) -> np.ndarray:
        """Return what each image counts, float32 [n], sum 1; sources count the same."""
        if self.groups is None:
            return np.full(len(self.values), 1 / len(self.values), np.float32)
        sizes = np.bincount(self.groups)
        return (1 / sizes[np.array(self.groups)] / len(sizes)).astype(np.float32)


def _slopes(values: np.ndarray, shares: np.ndarray | None = None) -> np.ndarray:
    """Return weights [B,n] that turn projections into their covariance with values by the values' deviation."""
    shares = np.full(values.shape, 1 / values.shape[1]) if shares is None else shares
    off = values - (shares * values).sum(1, keepdims=True)
    spread = np.sqrt((shares * off**2).sum(1, keepdims=True))
    return (shares * off / np.maximum(spread, 1e-12)).astype(np.float32)


@kept
def _shuffled_slopes(trend: ContinuousDesign, permutations: int, seed: int) -> np.ndarray:
    true = _slopes(trend._of_units()[None])
    if math.factorial(true.shape[1]) <= permutations + 1:  # all of them but the true one, once each: p is exact
        return true[0][list(itertools.permutations(range(true.shape[1])))[1:]]
    random = np.random.default_rng((seed, 1))
    return random.permuted(np.repeat(true, permutations, 0), axis=1)


def _correlate(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    length = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / length) if length > 0 else 0.0
