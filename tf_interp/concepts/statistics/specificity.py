"""Is the alignment more than any pattern of this pool would have?

A network with random weights answers to everything a little, so a significant displacement says nothing about learning.
What it lacks is an alignment beyond that of arbitrary coherent patterns: sets of random images that the layer itself
finds alike.
"""

import numpy as np
import tensorflow as tf

from tf_interp.concepts.statistics.cav import Fit, Problem, Vectors, balance
from tf_interp.concepts.statistics.kept import kept

NEIGHBORS = 15
PATTERNS = 200
SMALLEST = 4 * NEIGHBORS  # a smaller pool has no patterns, only itself


class Patterns:
    """Coherent patterns of a pool in one layer: S = min(count, m) random anchors, each with its nearest neighbors.

    Args:
        pool: float32 [m,d], activations of the random images, m >= 60.
        fit: as `get_fit` returns it: patterns get the same kind of vector as concepts.
        seed: for anchors and siblings.
        count: most patterns, S.
    """

    def __init__(self, pool: tf.Tensor, fit: Fit, seed: int, count: int = PATTERNS) -> None:
        self._fit = fit
        self._seed = seed
        self._count = int(pool.shape[0])
        self._problem, nearest = _prepare(pool, tf.constant(_anchors(self._count, seed)[:count]))
        self._members = np.zeros((len(nearest), self._count), bool)
        np.put_along_axis(self._members, nearest.numpy(), True, axis=1)
        self._vectors: dict[int, Vectors] = {}

    def align(self, directions: np.ndarray, siblings: int) -> np.ndarray:
        """Return the effect that each pattern has when it plays the part of the concept.

        Args:
            directions: float32 [d,T], mean unit gradient of each target.
            siblings: 0 compares each pattern with the rest of the pool; k with the union of k other patterns.

        Returns:
            float32 [S,T], mean cosine between the target's gradients and the pattern's vector.
        """
        if siblings not in self._vectors:
            self._vectors[siblings] = self._fit(Problem(*self._problem), *balance(self._sides(siblings)))
        return self._vectors[siblings].project(directions).numpy()

    def _sides(self, siblings: int) -> np.ndarray:
        if not siblings:
            return np.where(self._members, 1, -1)
        others = _others(len(self._members), siblings, self._seed)
        union = self._members[others].any(1)
        return np.where(self._members, 1, np.where(union, -1, 0))


@tf.function(
    input_signature=[tf.TensorSpec((None, None), tf.float32), tf.TensorSpec((None,), tf.int64)], autograph=False
)
def _prepare(pool: tf.Tensor, anchors: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return the centered pool [m,d] with its Gram matrix, and the nearest neighbors [S,15] of the anchors."""
    centered = pool - tf.reduce_mean(pool, 0)
    standard = tf.math.divide_no_nan(centered, tf.math.reduce_std(centered, 0))
    squares = tf.reduce_sum(standard**2, 1)
    nearness = 2 * tf.matmul(tf.gather(standard, anchors), standard, transpose_b=True) - squares
    nearest = tf.math.top_k(nearness, NEIGHBORS, sorted=False).indices  # by minus squared distance, up to a constant
    return (centered, tf.matmul(centered, centered, transpose_b=True)), nearest


@kept
def _anchors(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng((seed, 7)).permutation(count)


@kept
def _others(count: int, siblings: int, seed: int) -> np.ndarray:
    keys = np.random.default_rng((seed, 8)).random((count, count))
    np.fill_diagonal(keys, 2.0)  # never itself
    return np.argsort(keys, 1)[:, : min(siblings, count - 1)].copy()  # a view would hold all


def rank_effects(effects: np.ndarray, null: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile of each |effect| among those of the patterns, and its p value.

    Args:
        effects: float [T], mean cosine of gradient and concept vector.
        null: float [S,T], the same of each pattern.

    Returns:
        `(percentile [T] in 0..1, p [T])`; ties count half in the percentile and against the concept in p.
    """
    size = np.abs(effects)
    above = (np.abs(null) > size + 1e-7).mean(0)
    below = (np.abs(null) < size - 1e-7).mean(0)
    larger = (np.abs(null) >= size - 1e-7).sum(0)
    return (1 + below - above) / 2, (1 + larger) / (1 + len(null))
