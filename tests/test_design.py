"""Permutation and bootstrap draws, p values and their corrections: known answers."""

import itertools

import numpy as np
import pytest

from tf_interp import corrections
from tf_interp.concepts.statistics import design as permutation
from tf_interp.concepts.statistics.design import Design


def test_few_relabelings_are_all_there_once_without_the_true_one():
    masks = permutation.relabelings(Design(2, 3), 5000, 0)
    assert len(masks) == len(np.unique(masks, axis=0)) == 9  # all 5 over 2 but one
    assert (masks.sum(1) == 2).all()
    assert not (masks == [1, 1, 0, 0, 0]).all(1).any()
    paired = permutation.relabelings(Design(4, 4, paired=True), 15, 0)
    assert len(paired) == len(np.unique(paired, axis=0)) == 15
    assert not paired.all(1).any()


@pytest.mark.parametrize("paired", [False, True])
def test_many_relabelings_are_drawn_evenly(paired):
    design = Design(9, 9, True) if paired else Design(6, 12)
    masks = permutation.relabelings(design, 400, 0)
    assert masks.shape == (400, design.count)
    share = masks.mean(0)
    np.testing.assert_allclose(share, 0.5 if paired else 1 / 3, atol=0.1)
    if not paired:
        assert (masks.sum(1) == 6).all()
    together = (masks.astype(float).T @ masks / 400)[np.triu_indices(design.count, 1)]
    np.testing.assert_allclose(together, 0.25 if paired else 6 * 5 / (18 * 17), atol=0.1)


def test_groups_move_together():
    design = Design(4, 4, groups=(0, 0, 1, 1, 2, 2, 3, 3))
    masks = permutation.relabelings(design, 300, 0)
    assert (masks[:, ::2] == masks[:, 1::2]).all()
    assert (masks.sum(1) == 4).all()
    assert len(np.unique(masks, axis=0)) == len(masks) == 5
    many = permutation.relabelings(Design(20, 20, groups=tuple(np.repeat(np.arange(20), 2).tolist())), 300, 0)
    assert len(many) == 300
    assert (many[:, ::2] == many[:, 1::2]).all()
    assert (many.sum(1) == 20).all()


def test_groups_on_both_sides_are_shuffled_within():
    design = Design(2, 3, groups=(0, 1, 0, 1, 2))  # 0 and 1 straddle, 2 is contrast only
    masks = permutation.relabelings(design, 300, 0)
    assert (masks[:, 0] + masks[:, 2] == 1).all()
    assert (masks[:, 1] + masks[:, 3] == 1).all()
    assert (masks[:, 4] == 0).all()
    assert len(masks) == 3
    assert design.p_smallest == 1 / 4
    sides = np.tile(np.arange(12), 3)
    many = permutation.relabelings(Design(12, 24, groups=tuple(sides.tolist())), 300, 0)
    assert (many.reshape(300, 3, 12).sum(1) == 1).all()


def test_paired_groups_flip_together():
    masks = permutation.relabelings(Design(4, 4, paired=True, groups=(7, 7, 9, 9)), 200, 0)
    assert (masks[:, 0] == masks[:, 1]).all()
    assert (masks[:, 2] == masks[:, 3]).all()
    assert len(masks) == 3
    many = permutation.relabelings(Design(24, 24, paired=True, groups=tuple(np.arange(24) // 2)), 200, 0)
    assert (many[:, ::2] == many[:, 1::2]).all()
    assert 0.4 < many.mean() < 0.6


@pytest.mark.parametrize("paired", [False, True])
def test_displacements_equal_the_means_by_hand(paired):
    random = np.random.default_rng(0)
    design = Design(3, 3, paired) if paired else Design(3, 4)
    projections = random.normal(size=(design.count, 2)).astype(np.float32)
    masks = permutation.relabelings(design, 50, 1)
    got = permutation.displacements(design, masks, projections)
    for mask, row in zip(masks, got, strict=True):
        if paired:
            expected = (np.where(mask[:, None] > 0, 1, -1) * projections).mean(0)
        else:
            expected = projections[mask > 0].mean(0) - projections[mask == 0].mean(0)
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)


def test_displacements_in_chunks_are_the_same(monkeypatch):
    design = Design(5, 6)
    projections = np.random.default_rng(0).normal(size=(11, 3)).astype(np.float32)
    masks = permutation.relabelings(design, 100, 0)
    whole = permutation.displacements(design, masks, projections)
    monkeypatch.setattr(permutation, "_CHUNK", 70)
    np.testing.assert_allclose(permutation.displacements(design, masks, projections), whole, atol=1e-6)


def test_p_agrees_with_all_labelings_enumerated():
    values = np.array([3.0, 2.5, 1.0, 0.5, 0.2, -1.0], np.float32)[:, None]
    design = Design(2, 4)
    masks = np.zeros((15, 6), np.uint8)
    for row, chosen in enumerate(itertools.combinations(range(6), 2)):
        masks[row, chosen] = 1
    every = permutation.displacements(design, masks, values)[:, 0]
    exact = (np.abs(every) >= np.abs(every[0]) - 1e-6).mean()
    null = permutation.displacements(design, permutation.relabelings(design, 20_000, 3), values)
    assert permutation.p_values(every[:1], null, 1e-6)[0] == pytest.approx(exact)
    assert design.p_smallest == pytest.approx(1 / 15)


def test_p_is_uniform_under_the_null():
    random = np.random.default_rng(1)
    design = Design(12, 20)
    projections = random.standard_t(3, (32, 2000)).astype(np.float32)  # 2000 experiments at once, heavy tails
    null = permutation.displacements(design, permutation.relabelings(design, 999, 0), projections)
    observed = permutation.displacements(design, design.labels.astype(np.uint8)[None], projections)[0]
    p = permutation.p_values(observed, null)
    for level in (0.01, 0.05, 0.2, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 2000) + 0.001)


@pytest.mark.parametrize(("concept", "contrast", "both"), [(3, 5, 0), (4, 9, 0), (2, 3, 4)])
def test_p_is_honest_about_images_that_share_few_sources(concept, contrast, both):
    random, p, naive = np.random.default_rng(0), [], []
    sources = np.arange(concept + contrast + both)
    for seed in range(200):
        groups = np.repeat(sources, random.integers(2, 8, len(sources)))
        place = np.arange(len(groups)) % 2
        labels = np.where(groups < concept, 1, np.where(groups < concept + contrast, 0, place))
        order = np.argsort(-labels, kind="stable")
        values = (random.normal(size=len(sources))[groups] + 0.2 * random.normal(size=len(groups)))[order]
        sizes = int(labels.sum()), int((1 - labels).sum())
        for design, found in ((Design(*sizes, groups=tuple(groups[order].tolist())), p), (Design(*sizes), naive)):
            observed, null = design.test(values[:, None].astype(np.float32), 499, seed)
            found.append(permutation.p_values(observed, null, 1e-6)[0])
            assert len(null) == 499 or found[-1] >= design.p_smallest - 1e-9
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(np.array(naive) <= 0.05) > 0.15  # what the test says that takes images for sources


def test_a_moderate_shift_is_found():
    random = np.random.default_rng(1)
    design = Design(40, 100)
    projections = random.normal(size=(140, 300)).astype(np.float32)
    projections[:40] += 0.6  # standard deviations
    null = permutation.displacements(design, permutation.relabelings(design, 999, 0), projections)
    observed = permutation.displacements(design, design.labels.astype(np.uint8)[None], projections)[0]
    assert (permutation.p_values(observed, null) <= 0.05).mean() > 0.8


def test_nothing_at_all_gives_p_one():
    assert permutation.p_values(np.zeros(1), np.zeros((99, 1)), 0.0)[0] == 1.0


def test_resamples_are_weights_of_a_mean_difference():
    for design in (Design(5, 7), Design(5, 7, groups=(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5))):
        weights = permutation.resamples(design, 200, 0)
        np.testing.assert_allclose(weights[:, :5].sum(1), 1, rtol=1e-5)
        np.testing.assert_allclose(weights[:, 5:].sum(1), -1, rtol=1e-5)
        assert np.ptp(weights, axis=0).min() > 0
    few = permutation.resamples(Design(4, 60, groups=(0, 0, 1, 1, *range(2, 62))), 200, 0)
    assert len(np.unique(few[:, :4], axis=0)) == 3  # both sources, or either twice
    grouped = permutation.resamples(Design(4, 4, groups=(0, 0, 1, 1, 2, 2, 3, 3)), 50, 0)
    np.testing.assert_array_equal(grouped[:, ::2], grouped[:, 1::2])
    paired = permutation.resamples(Design(6, 6, paired=True), 50, 0)
    np.testing.assert_allclose(paired.sum(1), 1, rtol=1e-5)


def test_bootstrap_spread_is_the_standard_error():
    values = np.random.default_rng(0).normal(size=80).astype(np.float32)
    design = Design(30, 50)
    spread = (permutation.resamples(design, 4000, 0) @ values).std()
    expected = np.sqrt(values[:30].var() / 30 + values[30:].var() / 50)
    assert spread == pytest.approx(expected, rel=0.05)


def test_draws_of_different_streams_differ_and_repeat():
    assert np.array_equal(permutation.draws(9, 5, 0, 1), permutation.draws(9, 5, 0, 1))
    assert not np.array_equal(permutation.draws(9, 5, 0, 1), permutation.draws(9, 5, 0, 2))
    assert not np.array_equal(permutation.draws(9, 5, 0, 1), permutation.draws(9, 5, 1, 1))


def test_corrections_by_hand():
    p = np.array([0.04, 0.01, np.nan, 0.02])
    np.testing.assert_allclose(corrections.holm(p), [0.08, 0.04, np.nan, 0.06])
    np.testing.assert_allclose(corrections.benjamini_hochberg(p), [0.16 / 3, 0.04, np.nan, 0.04])
    np.testing.assert_allclose(corrections.holm(np.array([0.6, 0.7])), [1.0, 1.0])
    np.testing.assert_allclose(corrections.holm(np.array([0.01, 0.02]), family=10), [0.1, 0.18])
    np.testing.assert_allclose(corrections.benjamini_hochberg(np.array([0.01, 0.02]), family=10), [0.1, 0.1])


def test_global_random_state_is_untouched():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    permutation.relabelings(Design(6, 6), 20, 11)
    permutation.resamples(Design(6, 6), 20, 11)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
