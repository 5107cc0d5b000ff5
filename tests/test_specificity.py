"""Coherent patterns of the pool: what they are, and that their percentile means what it says."""

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.concepts.statistics.cav import get_fit
from tf_interp.concepts.statistics.specificity import NEIGHBORS, Patterns, rank_effects


def make_patterns(pool, seed=0):
    return Patterns(tf.constant(pool, tf.float32), get_fit("mean"), seed)


def test_patterns_are_the_nearest_neighbors_in_standardized_activations():
    random = np.random.default_rng(0)
    pool = random.normal(size=(80, 3)).astype(np.float32)
    pool[:, 0] *= 1000  # a loud channel must not decide alone
    patterns = make_patterns(pool)
    standard = (pool - pool.mean(0)) / pool.std(0)
    order = np.random.default_rng((0, 7)).permutation(80)
    for row, anchor in enumerate(order[:10]):
        distance = ((standard - standard[anchor]) ** 2).sum(1)
        assert set(np.flatnonzero(patterns._members[row])) == set(np.argsort(distance)[:NEIGHBORS])


@pytest.mark.parametrize("siblings", [0, 2])
def test_effects_are_cosines_of_mean_differences(siblings):
    pool = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
    patterns = make_patterns(pool)
    directions = np.eye(4, dtype=np.float32)
    found = patterns.align(directions, siblings)
    sides = patterns._sides(siblings)
    assert found.shape == (90, 4)
    for row in (0, 17, 89):
        delta = pool[sides[row] > 0].mean(0) - pool[sides[row] < 0].mean(0)
        np.testing.assert_allclose(found[row], delta / np.linalg.norm(delta), atol=1e-4)
    expected = 75 if not siblings else 30
    assert (sides < 0).sum(1).max() <= expected
    assert ((sides > 0).sum(1) == NEIGHBORS).all()


def test_rank_counts_ties_half_in_the_percentile_and_against_the_concept_in_p():
    null = np.array([[0.1], [-0.2], [0.3], [-0.4]])
    percentile, p = rank_effects(np.array([0.3]), null)
    assert percentile[0] == pytest.approx(2.5 / 4)
    assert p[0] == pytest.approx(3 / 5)
    percentile, p = rank_effects(np.array([-0.9]), null)
    assert (percentile[0], p[0]) == (1.0, pytest.approx(1 / 5))
    assert rank_effects(np.array([0.0]), np.zeros((4, 1)))[0][0] == 0.5


def test_a_pattern_of_the_pool_itself_is_not_special():
    random = np.random.default_rng(0)
    pool = random.normal(size=(300, 20)) * np.linspace(3, 0.3, 20)
    patterns = make_patterns(pool)
    direction = random.normal(size=(20, 40))
    direction /= np.linalg.norm(direction, axis=0)
    null = patterns.align(direction.astype(np.float32), 0)
    other = make_patterns(pool, seed=5).align(direction.astype(np.float32), 0)
    high = np.mean([rank_effects(effect, null)[0] > 0.95 for effect in other[:60]])
    assert high == pytest.approx(0.05, abs=0.03)
