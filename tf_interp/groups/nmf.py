"""Non-negative matrix factorization by hierarchical alternating least squares (HALS), in TensorFlow, on the device."""

import functools
import numbers
from typing import NamedTuple

import numpy as np
import tensorflow as tf

_TOLERANCE = 1e-5  # stop when an iteration lowers the squared error by less than this part of it
_MIXED_ROWS = 5  # a random start for one factor is the mean of this many rows of the matrix


class Factorization(NamedTuple):
    """`matrix` ~ `weights` @ `vectors`, all of them non-negative.

    Args:
        weights: float32 tensor [n,K]: how strongly each factor is present in each row, in units of the matrix.
        vectors: float32 tensor [K,C]: the factors, rows of length 1; an empty factor is a row of zeros.
        error: norm of what is left over, divided by the norm of the matrix; 0..1.
        shares: float32 array [K]: part of the matrix's squared norm that each factor explains, together 1 - error^2.
    """

    weights: tf.Tensor
    vectors: tf.Tensor
    error: float
    shares: np.ndarray


def nmf(
    matrix: tf.Tensor, k: int, *, seed: int = 0, init: np.ndarray | None = None, iterations: int = 200
) -> Factorization:
    """Factorize a non-negative matrix into k non-negative factors.

    Args:
        matrix: float32 [n,C], non-negative, e.g. activations with one row per position.
        k: number of factors, 1 <= k <= min(n, C).
        seed: of the random start; equal seeds give equal factors.
        init: non-negative [k,C] to start from instead; the factors keep this order, so that they keep their identity
            when the matrix changes a little. Without it the factors are ordered by their share, largest first.
        iterations: the most to take; it stops earlier when nothing changes any more.

    Returns:
        The factorization.

    Raises:
        ValueError: if the matrix holds NaN, infinite or negative values, or `k` or `init` does not fit it.

    Example:
        >>> nmf(np.outer([1, 2, 3], [3, 4]), 1).weights.numpy().round().tolist()
        [[5.0], [10.0], [15.0]]

    Source:
        Cichocki and Phan, Fast local algorithms for large scale nonnegative matrix and tensor factorizations, 2009.
    """
    matrix = tf.cast(matrix, tf.float32)
    if matrix.shape.rank != 2 or 0 in matrix.shape:
        raise ValueError(f"a matrix [n,C] is needed, got shape {list(matrix.shape)}")
    rows, columns = matrix.shape
    if not isinstance(k, numbers.Integral) or not 1 <= k <= min(rows, columns):
        raise ValueError(f"a matrix of {rows} x {columns} has 1 to {min(rows, columns)} factors, got k={k!r}")
    broken = int(tf.math.count_nonzero(~tf.math.is_finite(matrix)))
    if broken:
        raise ValueError(f"{broken} of {rows * columns} values of the matrix are NaN or infinite")
    if float(tf.reduce_min(matrix)) < 0:
        raise ValueError(f"the matrix must be non-negative, its lowest value is {float(tf.reduce_min(matrix)):.4g}")
    if float(tf.reduce_max(matrix)) == 0:
        return Factorization(tf.zeros([rows, k]), tf.zeros([k, columns]), 0.0, np.zeros(k, np.float32))
    start = _start(matrix, k, seed)
    if init is not None:
        init = _check_init(init, k, columns)
        start = tf.where(tf.reduce_any(init > 0, axis=1, keepdims=True), init, start)  # an empty row could not grow
    weights, vectors, error, shares = _solver(int(k))(matrix, tf.constant(start), tf.constant(iterations))
    if init is None:
        order = tf.argsort(shares, direction="DESCENDING", stable=True)
        weights, vectors, shares = (
            tf.gather(weights, order, axis=1),
            tf.gather(vectors, order),
            tf.gather(shares, order),
        )
    return Factorization(weights, vectors, float(error), shares.numpy())


def _check_init(init: np.ndarray, k: int, columns: int) -> np.ndarray:
    array = np.asarray(init, np.float32)
    if array.shape != (k, columns) or not np.isfinite(array).all() or array.min() < 0:
        raise ValueError(
            f"init must be finite, non-negative and of shape {[k, columns]}, got {list(array.shape)} "
            f"with values from {array.min():.4g} to {array.max():.4g}"
        )
    return array


def _start(matrix: tf.Tensor, k: int, seed: int) -> tf.Tensor:
    """Return a random start [k,C]: means of a few rows, and some noise so that no two are equal and none is empty."""
    picks = tf.random.stateless_uniform([k, _MIXED_ROWS], [seed, 0], 0, tf.shape(matrix)[0], tf.int32)
    noise = tf.random.stateless_uniform([k, matrix.shape[1]], [seed, 1])
    return tf.reduce_mean(tf.gather(matrix, picks), axis=1) + 0.1 * tf.reduce_mean(matrix) * noise


@functools.cache
def _solver(k: int):
    """Return the compiled factorization into k factors, for matrices of any size."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float32),
            tf.TensorSpec([k, None], tf.float32),
            tf.TensorSpec([], tf.int32),
        ]
    )
    def solve(matrix, vectors, iterations):
        total = tf.reduce_sum(matrix * matrix)
        weights = tf.zeros([k, tf.shape(matrix)[0]])  # transposed throughout: a factor's values lie side by side
        last, error = 2 * total, total
        step = 0
        while step < iterations and last - error > _TOLERANCE * error + 1e-7 * total:
            weights = _sweep(weights, tf.matmul(vectors, matrix, transpose_b=True), _gram(vectors))
            products, gram = tf.matmul(weights, matrix), _gram(weights)
            vectors = _sweep(vectors, products, gram)
            last = error
            error = total - 2 * tf.reduce_sum(products * vectors) + tf.reduce_sum(gram * _gram(vectors))
            step += 1
        lengths = tf.norm(vectors, axis=1)
        vectors = tf.math.divide_no_nan(vectors, lengths[:, None])
        weights = weights * lengths[:, None]
        # With the best common scale, the parts that the factors explain add up to 1 - error^2.
        explained = tf.reduce_sum(weights * tf.matmul(vectors, matrix, transpose_b=True), axis=1)
        scale = tf.math.divide_no_nan(tf.reduce_sum(explained), tf.reduce_sum(_gram(weights) * _gram(vectors)))
        weights = tf.transpose(weights * scale)
        error = tf.norm(matrix - tf.matmul(weights, vectors)) / tf.sqrt(total)
        return weights, vectors, error, explained * scale / total

    return solve.get_concrete_function()


def _gram(rows: tf.Tensor) -> tf.Tensor:
    return tf.matmul(rows, rows, transpose_b=True)


def _sweep(rows: tf.Tensor, products: tf.Tensor, gram: tf.Tensor) -> tf.Tensor:
    """Return the rows after setting each in turn to its best non-negative value, given all the others.

    Args:
        rows: [k,m], one side of the factorization.
        products: [k,m], the other side's rows times the matrix.
        gram: [k,k], inner products of the other side's rows.

    Returns:
        The new rows [k,m]; a row whose counterpart is empty stays as it is.
    """
    lengths = tf.linalg.diag_part(gram)
    empty = tf.cast(lengths <= 1e-10 * tf.reduce_sum(lengths), tf.float32)
    later = tf.linalg.band_part(gram, 0, -1) - tf.linalg.diag(lengths)
    rest = products - tf.matmul(later, rows)
    new: list[tf.Tensor] = []
    for index in range(rows.shape[0]):
        row = rest[index]
        if new:
            row -= tf.matmul(gram[index : index + 1, :index], tf.stack(new))[0]
        new.append(tf.nn.relu(empty[index] * rows[index] + row / (lengths[index] + empty[index])))
    return tf.stack(new)
