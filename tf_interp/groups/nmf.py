"""Non-negative matrix factorization by hierarchical alternating least squares (HALS), in TensorFlow, on the device."""

import functools
import numbers
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

_TOLERANCE = 1e-5  # stop when an iteration lowers the squared error by less than this part of it
_CHUNK = 20_000  # rows whose weights are solved at a time
_SWEEPS = 1000  # the most to take for them
_MIXED_ROWS = 5  # a random start for one factor is the mean of this many rows of the matrix


class Factorization(NamedTuple):
    """`matrix` ~ `weights` @ `vectors`, all of them non-negative.

    Args:
        weights: float32 tensor [n,K]: how strongly each factor is present in each row, in units of the matrix.
        vectors: float32 tensor [K,C]: the factors, rows of length 1; an empty factor is a row of zeros.
        error: norm of what is left over, divided by the norm of the matrix; 0..1.
        shares: float32 array [K]: part of the matrix's squared norm that each factor explains, together 1 - error^2.
        rounds: how often weights and vectors were improved.
    """

    weights: tf.Tensor
    vectors: tf.Tensor
    error: float
    shares: np.ndarray
    rounds: int = 0


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
    places, mean = start_places(int(k), seed, rows), tf.reduce_mean(matrix)
    start = mix_start(tf.gather(matrix, places), mean, seed)
    if init is not None:
        init = check_positive_start(init, k, columns)
        start = tf.where(tf.reduce_any(init > 0, axis=1, keepdims=True), init, start)  # an empty row could not grow
    weights, vectors, error, shares, rounds = _solver(int(k))(matrix, tf.constant(start), tf.constant(iterations))
    if init is None:
        order = tf.argsort(shares, direction="DESCENDING", stable=True)
        weights, vectors, shares = (
            tf.gather(weights, order, axis=1),
            tf.gather(vectors, order),
            tf.gather(shares, order),
        )
    return Factorization(weights, vectors, float(error), shares.numpy(), int(rounds))


def check_positive_start(init: np.ndarray, k: int, columns: int) -> np.ndarray:
    """Return non-negative vectors to start from.

    Raises:
        ValueError: if they are not finite, not [k,C], or below 0.
    """
    array = np.asarray(init, np.float32)
    if array.shape != (k, columns) or not np.isfinite(array).all() or array.min() < 0:
        raise ValueError(
            f"init must be finite, non-negative and of shape {[k, columns]}, got {list(array.shape)} "
            f"with values from {array.min():.4g} to {array.max():.4g}"
        )
    return array


def still_falls(fall: Any, error: Any, total: Any) -> Any:
    """Return whether another round is worth it.

    Args:
        fall: by how much the last round lowered what is left over.
        error: squared norm of what is left over.
        total: squared norm of the matrix.
    """
    return fall > _TOLERANCE * error + 1e-7 * total


def sum_squares(matrix: tf.Tensor) -> tf.Tensor:
    """Return the squared norm of a matrix [n,C], float64."""
    return tf.reduce_sum(tf.cast(tf.reduce_sum(matrix * matrix, 1), tf.float64))


def gain(before: tf.Tensor, after: tf.Tensor, products: tf.Tensor, gram: tf.Tensor) -> tf.Tensor:
    """Return by how much new rows lower the squared norm of what is left over.

    It is not the difference of two such norms, in which float32 loses what a round changes beside a large matrix; so
    the number of rounds does not hang on the order in which a matrix is summed.

    Args:
        before: [k,m], one side of the factorization.
        after: [k,m], what took its place.
        products: [k,m], the other side's rows times the matrix.
        gram: [k,k], inner products of the other side's rows.

    Returns:
        float64 scalar.
    """
    slope = products - tf.matmul(gram, 0.5 * (before + after))
    return 2 * tf.reduce_sum(tf.cast(tf.reduce_sum((after - before) * slope, 1), tf.float64))


def start_places(k: int, seed: int, rows: int) -> tf.Tensor:
    """Return which rows of a matrix a random start is mixed of.

    Args:
        k: number of factors.
        seed: of the start.
        rows: of the matrix.

    Returns:
        int32 [k,5].
    """
    return tf.random.stateless_uniform([k, _MIXED_ROWS], [seed, 0], 0, rows, tf.int32)


def mix_start(picked: tf.Tensor, mean: tf.Tensor | float, seed: int) -> tf.Tensor:
    """Return a random start: means of a few rows, and some noise so that no two are equal and none is empty.

    Args:
        picked: float32 [k,5,C], the rows at `start_places`.
        mean: of all numbers of the matrix.
        seed: of the start.

    Returns:
        float32 [k,C].
    """
    noise = tf.random.stateless_uniform([picked.shape[0], picked.shape[2]], [seed, 1])
    return tf.reduce_mean(picked, axis=1) + 0.1 * mean * noise


def solve_weights(rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the non-negative weights with which vectors come closest to rows, each row for itself.

    Args:
        rows: [n,C].
        vectors: [k,C].

    Returns:
        float64 [n,k].
    """
    exact = tf.constant(vectors, tf.float64)
    parts = [np.zeros((0, len(vectors)))]
    for begin in range(0, len(rows), _CHUNK):
        part = tf.constant(rows[begin : begin + _CHUNK], tf.float64)
        parts.append(_weigher(len(vectors))(part, exact).numpy())
    return np.concatenate(parts)


@functools.cache
def _weigher(k: int):
    matrix, factors = tf.TensorSpec([None, None], tf.float64), tf.TensorSpec([k, None], tf.float64)

    @tf.function(input_signature=[matrix, factors], autograph=False)
    def run(rows, vectors):
        products, gram = tf.matmul(vectors, rows, transpose_b=True), _gram(vectors)

        def goes_on(step, weights, change):
            return (step < _SWEEPS) & (change > 1e-10 * tf.reduce_max(weights))

        def improve(step, weights, change):
            new = sweep(weights, products, gram)
            return step + 1, new, tf.reduce_max(abs(new - weights))

        start = tf.constant(0), tf.zeros_like(products), tf.constant(1, tf.float64)
        return tf.transpose(tf.while_loop(goes_on, improve, start)[1])

    return run.get_concrete_function()


@functools.cache
def _solver(k: int):
    """Return the compiled factorization into k factors, for matrices of any size."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float32),
            tf.TensorSpec([k, None], tf.float32),
            tf.TensorSpec([], tf.int32),
        ],
        autograph=False,  # translating Python loops took longer than the trace
    )
    def solve(matrix, vectors, iterations):
        total = sum_squares(matrix)
        weights = tf.zeros([k, tf.shape(matrix)[0]])  # transposed throughout: a factor's values lie side by side

        def goes_on(step, weights, vectors, error, fall):
            return (step < iterations) & still_falls(fall, error, total)

        def improve(step, weights, vectors, error, fall):
            products, gram = tf.matmul(vectors, matrix, transpose_b=True), _gram(vectors)
            before, weights = weights, sweep(weights, products, gram)
            fall = gain(before, weights, products, gram)
            products, gram = tf.matmul(weights, matrix), _gram(weights)
            before, vectors = vectors, sweep(vectors, products, gram)
            fall += gain(before, vectors, products, gram)
            return step + 1, weights, vectors, error - fall, fall

        start = tf.constant(0), weights, vectors, total, total
        step, weights, vectors, error, _ = tf.while_loop(goes_on, improve, start)
        lengths = tf.norm(vectors, axis=1)
        vectors = tf.math.divide_no_nan(vectors, lengths[:, None])
        weights = weights * lengths[:, None]
        # With the best common scale, the parts that the factors explain add up to 1 - error^2.
        explained = tf.reduce_sum(weights * tf.matmul(vectors, matrix, transpose_b=True), axis=1)
        total = tf.cast(total, tf.float32)
        scale = tf.math.divide_no_nan(tf.reduce_sum(explained), tf.reduce_sum(_gram(weights) * _gram(vectors)))
        weights = tf.transpose(weights * scale)
        error = tf.norm(matrix - tf.matmul(weights, vectors)) / tf.sqrt(total)
        return weights, vectors, error, explained * scale / total, step

    return solve.get_concrete_function()


def _gram(rows: tf.Tensor) -> tf.Tensor:
    return tf.matmul(rows, rows, transpose_b=True)


def sweep(rows: tf.Tensor, products: tf.Tensor, gram: tf.Tensor, signed: bool = False) -> tf.Tensor:
    """Return the rows after setting each in turn to its best non-negative value, given all the others.

    Args:
        rows: [k,m], one side of the factorization.
        products: [k,m], the other side's rows times the matrix.
        gram: [k,k], inner products of the other side's rows.
        signed: take the best value of any sign.

    Returns:
        The new rows [k,m]; a row whose counterpart is empty stays as it is.
    """
    lengths = tf.linalg.diag_part(gram)
    empty = tf.cast(lengths <= 1e-10 * tf.reduce_sum(lengths), gram.dtype)
    later = tf.linalg.band_part(gram, 0, -1) - tf.linalg.diag(lengths)
    rest = products - tf.matmul(later, rows)
    new: list[tf.Tensor] = []
    for index in range(rows.shape[0]):
        row = rest[index]
        if new:
            row -= tf.matmul(gram[index : index + 1, :index], tf.stack(new))[0]
        best = empty[index] * rows[index] + row / (lengths[index] + empty[index])
        new.append(best if signed else tf.nn.relu(best))
    return tf.stack(new)
