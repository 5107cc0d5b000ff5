"""One round of a factorization over shards: what a shard tells, how that adds up, and what follows from the sum.

A round is `update(merge(map_shard(...), map_shard(...), ...), vectors)`. Only vectors and sums travel; the weights of a
shard stay with it. Where shards are is not known here.
"""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_interp.groups.nmf import gain, sweep


class Sums(NamedTuple):
    """What all there is to know of weights W [n,k] and rows X [n,C] when the vectors are to be improved.

    Args:
        gram: float64 [k,k], W'W.
        products: float64 [k,C], W'X.
        weights: float64 [k], how much there is of each group.
        gain: by how much the new weights lowered the squared norm of what is left over, with the price of the weights.
    """

    gram: np.ndarray
    products: np.ndarray
    weights: np.ndarray
    gain: float


def map_shard(
    rows: np.ndarray, vectors: np.ndarray, weights: np.ndarray | None = None, *, price: float = 0.0, sweeps: int = 1
) -> tuple[Sums, np.ndarray]:
    """Improve the weights of one shard, given the vectors, and return what it tells.

    Args:
        rows: float32 [n,C]; for non-negative vectors without negative numbers.
        vectors: float32 [k,C].
        weights: float32 [k,n], those of the round before, of which each is set to its optimum in turn; None is zeros.
        price: of a weight, see `SemiNmf`.
        sweeps: how often to go through the weights.

    Returns:
        The sums, and the weights [k,n] for the next round.

    Example:
        >>> map_shard(np.eye(2), np.eye(2))[0].gram.tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    vectors = np.asarray(vectors, np.float32)
    if weights is None:
        weights = np.zeros((len(vectors), len(rows)), np.float32)
    given = [tf.constant(value, tf.float32) for value in (rows, vectors, weights, price)]
    after, gram, products, total, gained = (
        value.numpy() for value in _mapper(len(vectors))(*given, tf.constant(sweeps))
    )
    exact = np.float64
    return Sums(gram.astype(exact), products.astype(exact), total.astype(exact), float(gained)), after


def merge(a: Sums, b: Sums) -> Sums:
    """Return what two shards tell together; the order does not matter."""
    return Sums(a.gram + b.gram, a.products + b.products, a.weights + b.weights, a.gain + b.gain)


def update(sums: Sums, vectors: np.ndarray, *, signed: bool = False) -> tuple[np.ndarray, float]:
    """Return better vectors, each in turn set to its optimum given the weights of all shards, and what is gained.

    Args:
        sums: of all shards.
        vectors: float32 [k,C], those that the weights were made with.
        signed: vectors may have any sign.

    Returns:
        float32 [k,C], and by how much they lower the squared norm of what is left over.
    """
    given = [tf.constant(value, tf.float32) for value in (vectors, sums.products, sums.gram)]
    after, gained = _updater(len(vectors), signed)(*given)
    return after.numpy(), float(gained)


@functools.cache
def _mapper(k: int):
    matrix, factors = tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([k, None], tf.float32)
    numbers = [tf.TensorSpec([], tf.float32), tf.TensorSpec([], tf.int32)]

    @tf.function(input_signature=[matrix, factors, factors, *numbers])
    def run(rows, vectors, weights, price, sweeps):
        products = tf.matmul(vectors, rows, transpose_b=True) - price
        gram = tf.matmul(vectors, vectors, transpose_b=True)
        before = weights
        for _ in tf.range(sweeps):
            weights = sweep(weights, products, gram)
        sums = tf.matmul(weights, weights, transpose_b=True), tf.matmul(weights, rows), tf.reduce_sum(weights, 1)
        return weights, *sums, gain(before, weights, products, gram)

    return run.get_concrete_function()


@functools.cache
def _updater(k: int, signed: bool):
    factors = tf.TensorSpec([k, None], tf.float32)

    @tf.function(input_signature=[factors, factors, tf.TensorSpec([k, k], tf.float32)])
    def run(vectors, products, gram):
        after = sweep(vectors, products, gram, signed=signed)
        return after, gain(vectors, after, products, gram)

    return run.get_concrete_function()
