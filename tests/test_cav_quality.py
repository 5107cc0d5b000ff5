"""Held-out accuracy, AUC and stability: against scikit-learn, on noise, and without leaks between folds."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from tf_interp.concepts.statistics import cav_quality
from tf_interp.concepts.statistics.cav import Problem, get_fit
from tf_interp.concepts.statistics.design import Design


def make_problem(x):
    x = (x - x.mean(0)).astype(np.float32)
    return Problem(tf.constant(x), tf.constant(x @ x.T))


def measure(design, x, kind="mean"):
    vectors = get_fit(kind)(make_problem(x), *cav_quality.label_splits(design, 60, 0))
    return cav_quality.measure_quality(design, vectors, 60, 0)


def test_auc_is_scikit_learns_with_ties_half():
    random = np.random.default_rng(0)
    scores = random.integers(-2, 3, (6, 30)).astype(np.float32)
    labels = np.where(np.arange(30) < 12, 1, -1)[None].repeat(6, 0)
    tests = random.random((6, 30)) < 0.6
    accuracy, auc = cav_quality._judge(scores, labels, tests)
    for row in range(6):
        own, truth = scores[row, tests[row]], labels[row, tests[row]] > 0
        assert auc[row] == pytest.approx(roc_auc_score(truth, own))
        called = np.where(own == 0, 0.5, own > 0)
        assert accuracy[row] == pytest.approx((called[truth].mean() + 1 - called[~truth].mean()) / 2)


@pytest.mark.parametrize("kind", ["mean", "logistic"])
def test_noise_is_at_chance_though_a_training_fit_would_be_perfect(kind):
    found = measure(Design(30, 90), np.random.default_rng(0).normal(size=(120, 400)), kind)
    assert found.accuracy == pytest.approx(0.5, abs=0.1)
    assert found.auc == pytest.approx(0.5, abs=0.12)
    assert found.accuracy < found.null_accuracy + 0.05
    assert abs(found.stability) < 0.3


def test_a_clear_concept_is_told_apart_and_stable():
    x = np.random.default_rng(0).normal(size=(120, 50))
    x[:30, 0] += 6
    found = measure(Design(30, 90), x)
    assert found.accuracy > 0.95
    assert found.auc > 0.98
    assert found.null_accuracy < 0.75
    assert found.stability > 0.85


def test_null_range_holds_for_nineteen_of_twenty_noise_concepts():
    random = np.random.default_rng(2)
    above = [
        (lambda q: q.accuracy > q.null_accuracy)(measure(Design(15, 30), random.normal(size=(45, 40))))
        for _ in range(60)
    ]
    assert np.mean(above) < 0.15


def test_copies_of_one_source_do_not_leak_into_the_held_out_part():
    random = np.random.default_rng(0)
    sources = random.normal(size=(20, 300))
    x = np.repeat(sources, 6, 0) + 0.01 * random.normal(size=(120, 300))
    groups = tuple(np.repeat(np.arange(20), 6).tolist())
    assert measure(Design(60, 60), x).accuracy > 0.95  # copies of each source are on both sides of the split
    assert measure(Design(60, 60, groups=groups), x).accuracy < 0.75


def test_pairs_stay_together():
    random = np.random.default_rng(0)
    base = random.normal(size=(40, 30)) * 10
    marked = base.copy()
    marked[:, 0] += 0.5
    design = Design(40, 40, paired=True)
    labels, tests = cav_quality._splits(design, 10, 0)
    assert (tests[:, :40] == tests[:, 40:]).all()
    assert (labels[:, :40] == -labels[:, 40:]).all()
    assert 0.3 < measure(design, np.concatenate([marked, base])).accuracy < 0.7  # the mark drowns in the pictures


def test_splits_hold_out_each_image_once_and_both_sides_each_time():
    labels, tests = cav_quality._splits(Design(10, 25), 5, 0)
    weights = cav_quality.label_splits(Design(10, 25), 5, 0)[1][: len(tests)]
    assert (tests.reshape(-1, 3, 35).sum(1) == 1).all()
    assert ((tests & (labels > 0)).sum(1) >= 3).all()
    assert (np.asarray(weights)[tests] == 0).all()
    np.testing.assert_allclose(np.asarray(weights).sum(1), 1, rtol=1e-5)
