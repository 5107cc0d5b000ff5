"""`nmf`: known factors are found again, the error is as good as scikit-learn's, and odd data is told from good data."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import NMF

from tf_interp.groups.nmf import _solver, nmf


def random_matrix(rows=400, columns=30, rank=4, noise=0.0, seed=0):
    """Return (matrix, vectors): sparse non-negative factors, as activations behind a ReLU have them."""
    random = np.random.default_rng(seed)
    weights, vectors = random.gamma(0.3, 1, (rows, rank)), random.gamma(0.3, 1, (rank, columns))
    matrix = weights @ vectors
    return np.maximum(matrix + random.normal(0, noise * matrix.std(), matrix.shape), 0).astype(np.float32), vectors


def cosines(a, b):
    unit = [np.asarray(x) / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
    return unit[0] @ unit[1].T


def test_rank_one_is_exact():
    result = nmf(np.outer([1, 2, 0], [3, 4]), 1)
    assert np.allclose(result.vectors, [[0.6, 0.8]], atol=1e-6)
    assert np.allclose(result.weights, [[5], [10], [0]], atol=1e-5)
    assert result.error < 1e-6
    assert np.allclose(result.shares, [1])


def test_known_factors_are_found_again():
    matrix, vectors = random_matrix(rank=4)
    result = nmf(matrix, 4, iterations=2000)
    assert result.error < 0.01
    found = cosines(vectors, result.vectors)
    assert (found.max(1) > 0.98).all()
    assert sorted(found.argmax(1)) == [0, 1, 2, 3]


@pytest.mark.parametrize(("k", "noise"), [(3, 0.0), (6, 0.5), (10, 1.0)])
def test_error_is_as_good_as_scikit_learn(k, noise):
    matrix, _ = random_matrix(800, 40, 6, noise)
    reference = NMF(k, init="nndsvda", solver="cd", max_iter=500, random_state=0).fit(matrix)
    assert nmf(matrix, k).error <= 1.01 * reference.reconstruction_err_ / np.linalg.norm(matrix) + 0.01


@pytest.mark.parametrize("iterations", [1, 200])
def test_result_is_what_it_says(iterations):
    matrix, _ = random_matrix(noise=0.5)
    result = nmf(matrix, 5, iterations=iterations)
    weights, vectors = result.weights.numpy(), result.vectors.numpy()
    assert weights.shape == (400, 5)
    assert vectors.shape == (5, 30)
    assert weights.min() >= 0
    assert vectors.min() >= 0
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    error = np.linalg.norm(matrix - weights @ vectors) / np.linalg.norm(matrix)
    assert result.error == pytest.approx(error, abs=1e-5)
    explained = [(np.outer(w, v) * matrix).sum() / (matrix**2).sum() for w, v in zip(weights.T, vectors, strict=True)]
    assert np.allclose(result.shares, explained, atol=1e-5)
    assert result.shares.sum() == pytest.approx(1 - error**2, abs=1e-5)
    assert (np.diff(result.shares) <= 0).all()


def test_more_iterations_never_hurt():
    matrix, _ = random_matrix(noise=0.5)
    errors = [nmf(matrix, 4, iterations=n).error for n in (1, 2, 4, 8, 16, 64)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > errors[-1]


def test_seed_decides():
    matrix, _ = random_matrix(noise=0.5)
    tf.random.set_seed(1)
    first = nmf(matrix, 4, seed=3, iterations=5).vectors.numpy()
    tf.random.set_seed(2)
    assert np.array_equal(first, nmf(matrix, 4, seed=3, iterations=5).vectors)
    assert not np.array_equal(first, nmf(matrix, 4, seed=4, iterations=5).vectors)


def test_scale_of_the_matrix_does_not_matter():
    matrix, _ = random_matrix(noise=0.5)
    plain = nmf(matrix, 4, iterations=20)
    for scale in (1e-6, 1e6):
        scaled = nmf(matrix * scale, 4, iterations=20)
        assert np.allclose(scaled.vectors, plain.vectors, atol=1e-3)
        assert np.allclose(scaled.weights / scale, plain.weights, rtol=1e-2, atol=1e-3)


def test_warm_start_keeps_order_and_is_quick():
    matrix, _ = random_matrix(noise=0.3)
    before = nmf(matrix, 4)
    order = [2, 0, 3, 1]
    changed = np.maximum(matrix + np.random.default_rng(1).normal(0, 0.1, matrix.shape), 0)
    after = nmf(changed, 4, init=before.vectors.numpy()[order], iterations=10)
    assert cosines(after.vectors, before.vectors).argmax(1).tolist() == order
    assert after.error == pytest.approx(nmf(changed, 4).error, abs=0.01)


def test_warm_start_from_empty_factors_recovers():
    matrix, _ = random_matrix()
    init = nmf(matrix, 4).vectors.numpy() * [[1], [1], [0], [0]]
    assert nmf(matrix, 4, init=init, iterations=500).error < 0.02
    assert nmf(matrix, 4, init=np.zeros_like(init), iterations=500).error < 0.05


def test_factor_that_is_crowded_out_for_a_while_comes_back():
    matrix = np.array([[0.35, 0], [0.36, 0.39], [0.19, 0.23]])
    assert nmf(matrix, 2, init=[[0.5, 0], [0.8, 0]]).error < 0.01  # at first the second factor has nothing to explain


# --- degenerate data --------------------------------------------------------------------------------------------------


def test_zeros_give_empty_factors():
    result = nmf(np.zeros((5, 4)), 3)
    assert result.error == 0
    assert not result.shares.any()
    assert not np.any(result.vectors)
    assert result.weights.shape == (5, 3)


def test_more_factors_than_rank():
    result = nmf(np.outer([1, 2, 3, 4], [3, 4, 0]), 3)
    assert result.error < 1e-3
    assert np.isfinite(result.weights).all()
    assert np.isfinite(result.vectors).all()
    assert result.shares.sum() == pytest.approx(1, abs=1e-3)


def test_a_single_value_and_a_single_spike():
    assert nmf(np.array([[2.0]]), 1).weights.numpy() == pytest.approx(2)
    spike = np.zeros((50, 20))
    spike[7, 3] = 5
    result = nmf(spike, 4)
    assert result.error < 1e-3
    assert result.weights.numpy()[7].sum() == pytest.approx(5, abs=1e-2)


@pytest.mark.parametrize(
    ("matrix", "k", "message"),
    [
        (np.array([[1, np.nan], [np.inf, 1]]), 1, "2 of 4 values of the matrix are NaN or infinite"),
        (np.array([[1, -0.5]]), 1, "non-negative, its lowest value is -0.5"),
        (np.ones((3, 4)), 4, "a matrix of 3 x 4 has 1 to 3 factors, got k=4"),
        (np.ones((3, 4)), 0, "got k=0"),
        (np.ones((3, 4)), 1.5, "got k=1.5"),
        (np.ones(3), 1, "a matrix .n,C. is needed"),
        (np.ones((0, 4)), 1, "a matrix .n,C. is needed"),
    ],
)
def test_impossible_input_is_refused(matrix, k, message):
    with pytest.raises(ValueError, match=message):
        nmf(matrix, k)


@pytest.mark.parametrize("init", [np.ones((2, 4)), np.full((1, 4), -1), np.full((1, 4), np.nan), np.ones(4)])
def test_init_that_does_not_fit_is_refused(init):
    with pytest.raises(ValueError, match="init must be finite, non-negative and of shape"):
        nmf(np.ones((3, 4)), 1, init=init)


def test_one_compiled_solver_for_all_sizes():
    _solver.cache_clear()
    for rows, columns, iterations in ((5, 4, 3), (6, 8, 9), (50, 3, 1)):
        nmf(np.random.default_rng(0).random((rows, columns)), 3, iterations=iterations)
    assert _solver.cache_info().misses == 1
