"""`GroupFactorization` keeps scikit-learn's contract with every method, and is the same as `find_groups`."""

import numpy as np
import pytest
from group_layers import as_images, find_again, identity_model, plant
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import tf_interp as ti
from tf_interp.groups.methods.choice import METHODS, choose
from tf_interp.groups.methods.factorizer import fit_rows


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_checks_all_methods(method):
    done = check_estimator(ti.GroupFactorization(method=method, max_iter=20), on_fail=None)
    failed = {row["check_name"]: row["exception"] for row in done if row["status"] == "failed"}
    assert not failed
    assert sum(row["status"] == "passed" for row in done) > 35


@pytest.mark.parametrize("method", METHODS)
def test_it_finds_what_find_groups_finds(method):
    model, images = identity_model(20, 2), as_images(plant(400, signed=method != "nmf")[0], 2)
    rows = np.maximum(
        ti.read_activations(model, images, ["parts"])["parts"].reshape(-1, 20), 0 if method == "nmf" else -9
    )
    groups = ti.find_groups(model, images, "parts", 4, method=method, seed=3)
    found = ti.GroupFactorization(4, method=method, random_state=3).fit(rows)
    assert np.allclose(found.components_, groups.vectors, atol=1e-5)
    assert np.allclose(found.shares_, groups.shares, atol=1e-5)
    rest = rows - found.offset_
    assert found.reconstruction_err_ == pytest.approx(groups.error * np.linalg.norm(rest), rel=1e-3)
    weights = found.transform(rows)
    assert np.array_equal(weights, ti.GroupFactorization(4, method=method, random_state=3).fit_transform(rows))
    assert weights.min() >= 0
    error = np.linalg.norm(rows - found.inverse_transform(weights))
    assert error <= 1.01 * found.reconstruction_err_  # components are given, so weights alone are as near as can be
    assert np.allclose(groups.weigh(rows.reshape(-1, 2, 2, 20)).reshape(-1, 4), weights, atol=1e-5)
    assert found.get_feature_names_out().tolist() == [f"groupfactorization{number}" for number in range(4)]


@pytest.mark.parametrize("method", ["sparse", "archetypal"])
def test_sparse_weights_stay_sparse_and_atoms_may_be_many(method):
    rows, _ = plant(300, 8, 3)
    found = ti.GroupFactorization(12, method=(method, {"active": 2}), max_iter=20, random_state=0).fit(rows)
    assert found.components_.shape == (12, 8)
    assert ((found.transform(rows) > 0).sum(1) <= 2).all()


def test_planted_parts_are_found_in_pipelines_and_searches():
    rows, vectors = plant(600, 20, 4, signed=False)
    pipeline = make_pipeline(ti.GroupFactorization(4, max_iter=1000, random_state=0))
    assert find_again(vectors, pipeline.fit(rows)[-1].components_).min() > 0.98

    def score(estimator, samples, labels=None):
        return -np.linalg.norm(samples - estimator.inverse_transform(estimator.transform(samples)))

    settings = {"n_components": [2, 4], "method": ["nmf", "semi_nmf"]}
    search = GridSearchCV(ti.GroupFactorization(random_state=0, max_iter=50), settings, scoring=score, cv=2).fit(rows)
    assert search.best_params_["n_components"] == 4


def test_weights_are_the_nearest_there_are():
    rng = np.random.default_rng(0)
    rows, vectors = rng.normal(size=(50, 6)), rng.normal(size=(4, 6))
    weights = choose("semi_nmf").weigh(rows, vectors)
    slope = (weights @ vectors - rows) @ vectors.T
    assert np.abs(slope[weights > 0]).max() < 1e-8
    assert slope[weights == 0].min() > -1e-8
    assert np.allclose(choose("nmf").weigh(rows, vectors), choose("nmf").weigh(np.maximum(rows, 0), vectors))
    assert choose("semi_nmf").weigh(rows[:0], vectors).shape == (0, 4)


def test_impossible_requests_are_refused():
    rows, _ = plant(30, 6, 3)
    for settings, message in (
        (
            {"n_components": 7, "method": "semi_nmf"},
            "n_components must be from 1 to 6 for 30 samples of 6 features, got 7",
        ),
        ({"n_components": 0, "method": "semi_nmf"}, "got 0"),
        ({"n_components": 2.5, "method": "semi_nmf"}, "got 2.5"),
        ({"method": "semi_nmf", "max_iter": 0}, "max_iter must be 1 or more"),
        ({"method": "nfm"}, "did you mean 'nmf'"),
        ({}, 'Negative values in data passed to GroupFactorization.*method="semi_nmf" takes them'),
    ):
        with pytest.raises(ValueError, match=message):
            ti.GroupFactorization(**settings).fit(rows)
    found = ti.GroupFactorization(2, method="semi_nmf").fit(rows)
    with pytest.raises(ValueError, match=r"weights \[n,2\] are needed, got shape \[30, 3\]"):
        found.inverse_transform(np.ones((30, 3)))


def test_a_start_is_another_each_time_only_if_asked_for():
    rows, _ = plant(300, 20, 4, signed=False)
    rows = rows + np.random.default_rng(0).random(rows.shape, np.float32)

    def find(state):
        return ti.GroupFactorization(6, max_iter=3, random_state=state).fit(rows).components_

    assert np.array_equal(find(5), find(5))
    assert np.array_equal(find(np.random.RandomState(5)), find(np.random.RandomState(5)))
    assert not np.array_equal(find(5), find(6))
    wanted = fit_rows(choose("nmf"), rows, 6, seed=5, iterations=3)
    assert np.array_equal(find(5), wanted.vectors)
    assert ti.GroupFactorization(6, max_iter=3).fit(rows).n_iter_ == wanted.rounds == 3


def test_auto_is_what_find_groups_settles_on():
    """With a little below 0 that is NMF: its error is of the samples as they are, its weights see none of that."""
    rows = plant(400, 20, 4, signed=False)[0]
    rows = np.where(np.random.default_rng(1).random(rows.shape) < 0.2, -0.1 * rows, rows)
    found = ti.GroupFactorization(4, method="auto", random_state=0).fit(rows)
    fitted = fit_rows(choose("nmf"), rows, 4, seed=0)
    assert found.reconstruction_err_ == pytest.approx(np.linalg.norm(rows - fitted.weights @ fitted.vectors), rel=1e-4)
    assert np.allclose(found.transform(rows), choose("nmf").weigh(rows, fitted.vectors), atol=1e-5)


def test_an_estimator_is_no_method():
    with pytest.raises(ValueError, match="method is one of find_groups, got a PCA: use it in place of"):
        ti.GroupFactorization(2, method=PCA()).fit(np.eye(4))
