"""Intervals hold what they promise, also where few sources were seen."""

import numpy as np
import pytest
from concept_networks import HEAD, make_linear, noise, tinted

from tf_interp.concepts import Concept, tcav
from tf_interp.concepts.statistics.continuous import ContinuousDesign
from tf_interp.concepts.statistics.design import Design
from tf_interp.concepts.statistics.interval import get_widening, widen


def test_one_small_mean_gets_students_interval():
    values = np.random.default_rng(0).normal(size=(5, 1))
    moves = (values - values.mean(0)) / 5
    # standard error of the bootstrap times the factor = t * true standard error of the mean
    assert get_widening([(moves, 4)])[0] * np.sqrt((moves**2).sum()) * 1.959964 == pytest.approx(
        2.776445 * values.std(ddof=1) / np.sqrt(5), rel=1e-5
    )


def test_many_sources_change_little_and_the_smaller_side_decides():
    random = np.random.default_rng(0)
    many, few = random.normal(size=(200, 3)) / 200, random.normal(size=(4, 3)) / 4
    assert (get_widening([(many, 199)]) < 1.02).all()
    both = get_widening([(many, 199), (few, 3)])
    assert (both > 1.5).all()
    assert (both <= get_widening([(few, 3)]) + 1e-9).all()
    np.testing.assert_array_equal(get_widening([(np.zeros((9, 2)), 8), (few[:1, :2], 0)]), [1, 1])


def test_widening_stretches_both_ends_from_the_estimate():
    low, high = widen(np.linspace(-1, 2, 10_001), 0.0, 2.0)
    assert (low, high) == (pytest.approx(2 * -0.925), pytest.approx(2 * 1.925))


def test_moves_are_what_a_source_adds():
    random = np.random.default_rng(0)
    values = random.normal(size=(9, 2)).astype(np.float32)
    (first, one), (second, two) = Design(4, 5).moves(values)
    assert (one, two) == (3, 4)
    np.testing.assert_allclose(first, (values[:4] - values[:4].mean(0)) / 4, rtol=1e-5)
    np.testing.assert_allclose(second, (values[4:].mean(0) - values[4:]) / 5, rtol=1e-5)
    for design in (Design(4, 5, groups=(0, 0, 1, 1, 2, 2, 3, 3, 3)), Design(4, 5, groups=(0, 0, 1, 1, 0, 2, 2, 3, 3))):
        spread = design.resample(4000, 0)[0].numpy() @ values
        seen = np.sqrt(sum(((part - part.mean(0)) ** 2).sum(0) for part, _ in design.moves(values)))
        np.testing.assert_allclose(seen, spread.std(0), rtol=0.25)  # linear in the sources' sums, which is not all
    (paired, freedom) = Design(4, 4, paired=True).moves(values[:8])[0]
    assert freedom == 3
    differences = values[:4] - values[4:8]
    np.testing.assert_allclose(paired, (differences - differences.mean(0)) / 4, rtol=1e-5, atol=1e-7)


def test_moves_of_a_trend_are_those_of_its_residuals():
    random = np.random.default_rng(0)
    degrees = random.normal(size=60)
    values = (degrees[:, None] * [1.0, 0.0] + random.normal(size=(60, 2))).astype(np.float32)
    trend = ContinuousDesign(tuple(degrees.tolist()))
    ((moves, freedom),) = trend.moves(values)
    assert freedom == 58
    spread = trend.resample(4000, 0)[0].numpy() @ values
    np.testing.assert_allclose(np.sqrt((moves**2).sum(0)), spread.std(0), rtol=0.25)


@pytest.mark.parametrize(("concept", "contrast", "least"), [(3, 20, 0.89), (5, 5, 0.92)])
def test_few_sources_are_covered(concept, contrast, least):
    random, hits, naive = np.random.default_rng(0), 0, 0
    for seed in range(300):
        sources = np.repeat(np.arange(concept + contrast), random.integers(2, 8, concept + contrast))
        values = random.normal(size=concept + contrast)[sources] + 0.2 * random.normal(size=len(sources))
        values = values[:, None].astype(np.float32)
        own = int((sources < concept).sum())
        design = Design(own, len(sources) - own, groups=tuple(sources.tolist()))
        drawn, center = design.resample(300, seed)[0].numpy() @ values[:, 0], design.displace(values)[0]
        ends = [widen(drawn, center, factor) for factor in (get_widening(design.moves(values))[0], 1.0)]
        hits += ends[0][0] <= 0 <= ends[0][1]
        naive += ends[1][0] <= 0 <= ends[1][1]
    assert hits / 300 > least
    assert naive / 300 < least - 0.05  # what resampling alone gives


def test_a_single_image_of_the_target_does_not_widen_and_few_do():
    model, red, pool = make_linear(HEAD), tinted(noise(40, 1), 0), noise(80, 2)
    widths = []
    for concept in (red, Concept.from_arrays(red[:6])):
        row = tcav(model, {"red": concept}, pool, {"0": noise(1, 3)}, "features", bootstraps=400).rows[0]
        widths.append(row["ci_high"] - row["ci_low"])
    deviation = (red.mean((1, 2)) @ np.array(HEAD)[:, 0]).std(ddof=1)
    others = (pool.mean((1, 2)) @ np.array(HEAD)[:, 0]).std(ddof=1) / np.sqrt(80)
    assert widths[0] == pytest.approx(2 * 1.99 * np.sqrt(deviation**2 / 40 + others**2), rel=0.1)
    assert widths[1] > 2 * widths[0]
