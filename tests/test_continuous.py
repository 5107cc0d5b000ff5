"""Concepts that come in degrees: the slope by hand, and the same answer by two roads."""

import numpy as np
import pytest
import tensorflow as tf
from concept_networks import FAST, HEAD, find, make_linear, noise

from tf_interp.concepts import Concept, tcav
from tf_interp.concepts.statistics.cav import Problem, get_fit
from tf_interp.concepts.statistics.continuous import ContinuousDesign


def test_change_per_standard_deviation_by_hand():
    random = np.random.default_rng(0)
    values, projections = random.normal(size=50), random.normal(size=(50, 2)).astype(np.float32)
    trend = ContinuousDesign(tuple(values))
    change, null = trend.test(projections, 500, 0)
    expected = ((values - values.mean())[:, None] * projections).mean(0) / values.std()
    np.testing.assert_allclose(change, expected, rtol=1e-4)
    assert null.shape == (500, 2)
    assert np.abs(null.mean(0)).max() < 0.03
    spread = trend.resample(2000, 0)[0].numpy() @ projections
    np.testing.assert_allclose(spread.mean(0), expected, atol=0.03)


def test_leave_out_by_hand():
    random = np.random.default_rng(0)
    values, projections = random.normal(size=9), random.normal(size=9).astype(np.float32)
    whole = ContinuousDesign(tuple(values)).test(projections[:, None], 99, 0)[0][0]
    found = ContinuousDesign(tuple(values)).leave_out(projections)
    for index in range(9):
        v, s = np.delete(values, index), np.delete(projections, index)
        without = ((v - v.mean()) * s).mean() / v.std()
        assert found[index] == pytest.approx(whole - without, abs=1e-5)


def test_p_is_uniform_under_the_null():
    random = np.random.default_rng(0)
    trend = ContinuousDesign(tuple(random.exponential(size=30)))
    projections = random.standard_t(3, (30, 1500)).astype(np.float32)
    change, null = trend.test(projections, 499, 0)
    p = (1 + (np.abs(null) >= np.abs(change)).sum(0)) / 500
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.02)


def test_sources_count_once():
    values = np.repeat([1.0, 2.0, 4.0, 0.0], 3)
    groups = tuple(np.repeat(np.arange(4), 3).tolist())
    projections = np.random.default_rng(0).normal(size=(12, 1)).astype(np.float32)
    grouped, null = ContinuousDesign(tuple(values), groups).test(projections, 200, 0)
    alone = ContinuousDesign((1.0, 2.0, 4.0, 0.0)).test(projections.reshape(4, 3, 1).mean(1), 200, 0)
    np.testing.assert_allclose(grouped, alone[0], rtol=1e-4)
    assert len(np.unique(null.round(5))) <= 24


def test_held_out_correlation():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 40)).astype(np.float32)
    x -= x.mean(0)
    problem = Problem(tf.constant(x), tf.constant(x @ x.T))
    for kind in ("mean", "ridge"):
        noise_found, high = ContinuousDesign(tuple(random.normal(size=60))).measure(problem, get_fit(kind), 0, 40)
        assert noise_found < high + 0.1
        assert abs(noise_found) < 0.35
        real, _ = ContinuousDesign(tuple((3 * x[:, 0] + x[:, 1]).tolist())).measure(problem, get_fit(kind), 0, 40)
        assert real > 0.4


def test_a_continuous_concept_in_a_linear_network():
    model = make_linear(HEAD)
    images = noise(60, 1)
    redness = np.random.default_rng(0).uniform(0, 0.2, 60).astype(np.float32)
    images[..., 0] += redness[:, None, None]
    concepts = {"redness": Concept.from_values(images, redness), "red": images[redness > 0.1], "pale": noise(20, 7)}
    result = tcav(model, concepts, noise(60, 2), {"0": noise(9, 3)}, "features", permutations=999, bootstraps=100)
    row = find(result, concept="redness")
    means = images.mean((1, 2)) @ np.array(HEAD)[:, 0]
    expected = ((redness - redness.mean()) * means).mean() / redness.std()
    assert row["contrast"] == "continuous"
    assert row["displacement"] == pytest.approx(expected, rel=1e-3)
    assert row["effect"] > 0.9
    assert row["p"] == 1 / 1000
    assert row["cav_correlation"] > 0.6
    assert row["cav_accuracy"] is row["n_contrast"] is None
    assert {r["concept"] for r in result.rows if r["contrast"] == "relative"} == {"red", "pale"}
    influence = result.influence("features", "0", "redness", "continuous")
    assert influence.shape == (60,)
    alone = tcav(model, {"redness": concepts["redness"]}, None, {"0": noise(9, 3)}, "features", **FAST)
    assert alone.rows[0]["displacement"] == pytest.approx(expected, rel=1e-3)
