"""Semi-NMF: vectors of any sign, weights that are not below 0."""

import dataclasses
import functools
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tf_interp.groups.methods.factorizer import Factorizer, Fitted, check_start, measure
from tf_interp.groups.methods.split_nmf import SplitNmf
from tf_interp.groups.nmf import gain, sum_squares, sweep

_TOLERANCE = 1e-5  # stop when an iteration lowers the squared error by less than this part of it
FREE_SWEEPS = 10  # sweeps over the weights without the price


@dataclasses.dataclass(frozen=True)
class SemiNmf(Factorizer):
    """Factorization with non-negative weights only, by hierarchical alternating least squares.

    Many factorizations of this kind are equally close, since each wider cone holds the data as well. Two things choose
    among them: the start, split NMF, whose factors are determined; and a small price on the weights, which are larger
    in a wider cone.

    Args:
        price: of a weight, in units of the rows' root mean square length; the last sweeps are free of it.

    Source:
        Ding, Li and Jordan, Convex and semi-nonnegative matrix factorizations, 2010; the updates are those of `nmf`,
        which set each weight and each vector to its optimum in turn.
    """

    name: ClassVar[str] = "semi_nmf"
    price: float = 0.01

    def check(self) -> None:  # noqa: D102
        if not 0 <= self.price < 1:
            raise ValueError(f"price of semi_nmf must be from 0 to below 1, got {self.price!r}")

    def fit(self, rows: np.ndarray, k: int, *, seed: int, init: np.ndarray | None, iterations: int) -> Fitted:  # noqa: D102
        start = None if init is None else check_start(init, k, rows.shape[1])
        if start is None or not start.any(1).all():
            fresh = SplitNmf(refits=0).fit(rows, k, seed=seed, init=None, iterations=iterations).vectors
            start = fresh if start is None else np.where(start.any(1, keepdims=True), start, fresh)
        price = self.price * float(np.sqrt((rows.astype(np.float64) ** 2).sum(1).mean()))
        weights, vectors, rounds = _solver(k)(
            tf.constant(rows), tf.constant(start), tf.constant(iterations), tf.constant(price)
        )
        return measure(rows, weights.numpy(), vectors.numpy(), order=init is None, rounds=int(rounds))


def still_moves(fall: Any, error: Any) -> Any:
    """Return whether another round is worth it: since vectors get length 1 after each, it may also be a rise.

    Args:
        fall: by how much the last round lowered what is minimized.
        error: what is minimized, the squared norm of what is left over and the price.
    """
    return abs(fall) > _TOLERANCE * error


@functools.cache
def _solver(k: int):
    """Return the compiled factorization into k factors, for matrices of any size."""
    matrix, factors = tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([k, None], tf.float32)

    numbers = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)

    @tf.function(input_signature=[matrix, factors, *numbers], autograph=False)  # as in `nmf`
    def solve(matrix, vectors, iterations, price):
        total = sum_squares(matrix)
        vectors = tf.math.l2_normalize(vectors, 1)
        weights = tf.zeros([k, tf.shape(matrix)[0]])  # transposed: a factor's values lie side by side
        error, fall = total, total

        def goes_on(step, weights, vectors, error, fall):
            return (step < iterations) & still_moves(fall, error)

        def improve(step, weights, vectors, error, fall):
            products, gram = tf.matmul(vectors, matrix, transpose_b=True), tf.matmul(vectors, vectors, transpose_b=True)
            before, weights = weights, sweep(weights, products - price, gram)
            fall = gain(before, weights, products - price, gram)
            products, gram = tf.matmul(weights, matrix), tf.matmul(weights, weights, transpose_b=True)
            before, vectors = vectors, sweep(vectors, products, gram, signed=True)
            fall += gain(before, vectors, products, gram)
            lengths = tf.norm(vectors, axis=1)
            # what is minimized: without the price the last steps, which lower that alone, would look like nothing
            dearer = tf.cast(2 * price * tf.reduce_sum(weights, 1) * (lengths - 1), tf.float64)
            fall -= tf.reduce_sum(dearer)
            vectors = tf.math.divide_no_nan(vectors, lengths[:, None])
            weights *= lengths[:, None]
            return step + 1, weights, vectors, error - fall, fall

        start = tf.constant(0), weights, vectors, error, fall
        step, weights, vectors, *_ = tf.while_loop(goes_on, improve, start)
        products, gram = tf.matmul(vectors, matrix, transpose_b=True), tf.matmul(vectors, vectors, transpose_b=True)

        def improve_weights(index, weights):
            return index + 1, sweep(weights, products, gram)

        _, weights = tf.while_loop(lambda index, _: index < FREE_SWEEPS, improve_weights, (tf.constant(0), weights))
        return tf.transpose(weights), vectors, step

    return solve.get_concrete_function()
