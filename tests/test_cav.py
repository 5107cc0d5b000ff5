"""Concept vectors: every kind against scikit-learn, many at once against one at a time."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.svm import LinearSVC

from tf_interp.concepts.statistics import cav
from tf_interp.concepts.statistics.cav import Problem, balance, get_fit


def make_problem(concept=25, contrast=40, width=60, seed=0, shift=0.6):
    random = np.random.default_rng(seed)
    x = random.normal(size=(concept + contrast, width)).astype(np.float32) * np.linspace(
        2, 0.2, width, dtype=np.float32
    )
    x[:concept, :5] += shift
    x -= x.mean(0)
    signed = np.repeat([1, -1], [concept, contrast])
    return Problem(tf.constant(x), tf.constant(x @ x.T)), x, signed


def scaled(x):
    """As the fits see it: mean square length 1."""
    return x / np.sqrt((x**2).sum(1).mean())


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_mean_is_the_difference_of_the_means_and_the_pattern_of_the_labels():
    problem, x, signed = make_problem()
    found = get_fit("mean")(problem, *balance(signed[None]))
    delta = x[signed > 0].mean(0) - x[signed < 0].mean(0)
    np.testing.assert_allclose(found.units()[0], delta / np.linalg.norm(delta), atol=1e-5)
    even = np.concatenate([np.flatnonzero(signed > 0), np.flatnonzero(signed < 0)[:25]])
    labels = signed[even].astype(float)
    pattern = ((labels - labels.mean())[:, None] * x[even]).mean(0) / labels.var()
    part = np.zeros_like(signed)
    part[even] = signed[even]
    np.testing.assert_allclose(
        get_fit("mean")(problem, *balance(part[None])).units()[0], pattern / np.linalg.norm(pattern), atol=1e-5
    )
    threshold = (x[signed > 0].mean(0) + x[signed < 0].mean(0)) / 2
    np.testing.assert_allclose(found.scores[0], (x - threshold) @ delta / 2, atol=1e-4)


def test_ridge_is_scikit_learns():
    problem, x, signed = make_problem()
    targets, weights = balance(signed[None])
    found = get_fit("ridge")(problem, targets, weights)
    oracle = Ridge(alpha=1.0).fit(scaled(x), signed, sample_weight=weights[0].numpy() * len(x))
    assert cosine(found.units()[0].numpy(), oracle.coef_) > 0.9999
    np.testing.assert_allclose(found.scores[0], oracle.predict(scaled(x)), atol=2e-3)


@pytest.mark.parametrize(
    ("kind", "oracle", "least"),
    [
        ("logistic", LogisticRegression(C=1.0, class_weight="balanced", tol=1e-8, max_iter=1000), 0.9999),
        (
            "hinge",
            LinearSVC(C=1.0, class_weight="balanced", intercept_scaling=100.0, tol=1e-8, max_iter=100_000),
            0.999,
        ),
    ],
)
def test_logistic_and_hinge_are_scikit_learns(kind, oracle, least):
    problem, x, signed = make_problem()
    found = get_fit(kind)(problem, *balance(signed[None]))
    oracle.fit(scaled(x), signed)
    assert cosine(found.units()[0].numpy(), oracle.coef_[0]) > least
    expected = oracle.decision_function(scaled(x))
    np.testing.assert_allclose(found.scores[0], expected, atol=0.02 * np.abs(expected).max())


@pytest.mark.parametrize("kind", cav.KINDS)
def test_many_labelings_at_once_are_each_alone(kind, monkeypatch):
    problem, _, signed = make_problem(12, 14, 30)
    random = np.random.default_rng(1)
    several = np.stack([random.permutation(signed) * random.integers(0, 3, len(signed)) for _ in range(7)])
    whole = get_fit(kind)(problem, *balance(several))
    monkeypatch.setattr(cav, "_CHUNK", 26**2 * 3)
    chunks = get_fit(kind)(problem, *balance(several))
    np.testing.assert_allclose(whole.scores, chunks.scores, atol=1e-4)
    for number in range(7):
        used = np.flatnonzero(several[number])
        alone = get_fit(kind)(problem, *balance(several[number : number + 1]))
        assert cosine(alone.units()[0].numpy(), whole.units()[number].numpy()) > 0.9999
        assert (
            np.asarray(alone.weights)[0, np.setdiff1d(np.arange(26), used)] == 0
        ).all()  # unused images do not count


@pytest.mark.parametrize("kind", [*cav.KINDS, LogisticRegression()])
def test_an_image_that_counts_twice_is_two_images(kind):
    problem, x, signed = make_problem(10, 12, 20)
    twice = signed.copy()
    twice[3] *= 2
    weighted = get_fit(kind)(problem, *balance(twice[None])).units()[0].numpy()
    longer = np.concatenate([x, x[3:4]])
    copy = get_fit(kind)(
        Problem(tf.constant(longer), tf.constant(longer @ longer.T)), *balance(np.append(signed, 1)[None])
    )
    assert cosine(weighted, copy.units()[0].numpy()) > 0.995


@pytest.mark.parametrize("kind", cav.KINDS)
def test_turned_labels_turn_the_vector(kind):
    problem, _, signed = make_problem()
    both = get_fit(kind)(problem, *balance(np.stack([signed, -signed]))).units().numpy()
    np.testing.assert_allclose(both[0], -both[1], atol=1e-4)


@pytest.mark.parametrize("estimator", [LinearSVC(), SGDClassifier(alpha=0.01), LinearDiscriminantAnalysis()])
def test_any_linear_classifier_is_fitted_and_left_alone(estimator):
    problem, x, signed = make_problem(width=10)
    fit = get_fit(estimator, seed=3)
    found = fit(problem, *balance(np.stack([signed, -signed])))
    assert not hasattr(estimator, "coef_")
    assert found.units().shape == (2, 10)
    np.testing.assert_allclose(np.linalg.norm(found.units(), axis=1), 1, rtol=1e-5)
    assert cosine(found.units()[0].numpy(), x[signed > 0].mean(0) - x[signed < 0].mean(0)) > 0.3
    again = get_fit(estimator, seed=3)(problem, *balance(signed[None]))
    np.testing.assert_array_equal(again.units()[0], found.units()[0])


def test_projections_are_cosines():
    problem, _, signed = make_problem(width=7)
    direction = np.eye(7, dtype=np.float32)[:, :2]
    for kind in ("mean", LinearSVC()):
        found = get_fit(kind)(problem, *balance(signed[None]))
        np.testing.assert_allclose(found.project(direction), found.units().numpy() @ direction, atol=1e-5)


def test_identical_images_give_no_direction_and_no_error():
    x = tf.zeros((10, 4))
    for kind in cav.KINDS:
        found = get_fit(kind)(Problem(x, x @ tf.transpose(x)), *balance(np.repeat([[1, -1]], 5, 1).reshape(1, 10)))
        assert np.isfinite(found.scores).all()
        assert (found.units().numpy() == 0).all()


def test_errors():
    with pytest.raises(ValueError, match="choose one of"):
        get_fit("svm")
    with pytest.raises(TypeError, match=r"write LinearSVC\(\)"):
        get_fit(LinearSVC)
    with pytest.raises(TypeError, match="linear classifier"):
        get_fit(3)
    from sklearn.neighbors import KNeighborsClassifier

    problem, _, signed = make_problem()
    with pytest.raises(TypeError, match="coef_"):
        get_fit(KNeighborsClassifier())(problem, *balance(signed[None]))
