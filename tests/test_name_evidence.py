"""Scores of names against what scikit-learn, scipy and counting all arrangements give."""

import itertools

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import average_precision_score

from tf_interp.groups.meaning.naming.name_evidence import average_precision, overlap, weigh_evidence
from tf_interp.groups.meaning.naming.word import Word

RNG = np.random.default_rng(0)


def test_average_precision_is_that_of_scikit_learn_with_equal_scores_too():
    scores, truths = RNG.integers(0, 6, (50, 3)).astype(float), RNG.random((50, 4)) < 0.3
    wanted = [[average_precision_score(truth, score) for truth in truths.T] for score in scores.T]
    np.testing.assert_allclose(average_precision(scores, truths), wanted, rtol=1e-12)
    assert np.isnan(average_precision(scores, np.zeros((50, 1), bool))).all()


def test_overlap_takes_as_many_positions_as_the_mask_has_and_none_that_is_silent():
    mask = np.array([[[1, 1, 0, 0]]], bool)
    maps = np.stack([[3, 2, 1, 0], [3, 0, 2, 1], [0, 0, 0, 5], [4, 0, 0, 0]], -1).reshape(1, 1, 4, 4)
    assert overlap(maps, mask).tolist() == pytest.approx([1, 1 / 3, 0, 1 / 2])


def test_r_is_pearsons_for_pictures_positions_and_places():
    presence = RNG.random((12, 3, 4, 2))
    values = [RNG.random(12), RNG.random((12, 3, 4)), RNG.random((3, 4))]
    words = [Word(str(number), "words", value) for number, value in enumerate(values)]
    found = weigh_evidence(presence, presence.mean((1, 2)), words, 500, 0.05, 0)
    for group in range(2):
        own = presence[..., group]
        pairs = [(own.mean((1, 2)), values[0]), (own, values[1]), (own, np.tile(values[2], (12, 1, 1)))]
        wanted = [pearsonr(first.ravel(), second.ravel())[0] for first, second in pairs]
        np.testing.assert_allclose(found.r[group], wanted, atol=1e-6)


@pytest.mark.parametrize("two_sided", [False, True])
def test_p_comes_close_to_that_of_all_arrangements(two_sided):
    presence = RNG.random((6, 2, 2, 1))
    opposite = "low" if two_sided else None
    words = [
        Word("picture", "words", RNG.random(6), opposite),
        Word("map", "words", RNG.random((6, 2, 2)), opposite),
        Word("place", "place", RNG.random((2, 2)), opposite),
    ]
    maps, place = presence[..., 0], words[2].values - words[2].values.mean()
    orders = np.array(list(itertools.permutations(range(6))))
    signs = np.array(list(itertools.product([1, -1], repeat=6)))
    null = [
        ((maps - maps.mean()).mean((1, 2)) * words[0].values[orders]).sum(1),
        ((maps - maps.mean()) * (words[1].values - words[1].values.mean())[orders]).sum((1, 2, 3)),
        signs @ (maps * place).sum((1, 2)),
    ]
    for number, (word, all_) in enumerate(zip(words, null, strict=True)):
        own = all_[0]
        wanted = np.mean(np.abs(all_) >= abs(own) - 1e-12) if two_sided else np.mean(all_ >= own - 1e-12)
        found = weigh_evidence(presence, presence.mean((1, 2)), [word], 20_000, 0.05, number)
        assert found.p[0, 0] == pytest.approx(wanted, abs=0.015)


def test_enough_permutations_are_drawn_for_holm_and_otherwise_the_largest_agreement_corrects():
    presence = RNG.random((12, 1, 1, 10))
    pooled = presence[:, 0, 0]
    words = [Word(str(number), "words", RNG.random(12)) for number in range(60)]
    words[0] = Word("own", "words", pooled[:, 0])
    many = weigh_evidence(presence, pooled, words, None, 0.05, 0)
    assert (many.correction, many.permutations) == ("Holm", 2 * 600 * 20)
    assert many.p[0, 0] == pytest.approx(600 / 24_001)
    few = weigh_evidence(presence, pooled, words, 400, 0.05, 0)
    assert (few.correction, few.permutations) == ("maxT", 400)
    assert few.p[0, 0] == pytest.approx(1 / 401, abs=0.01)
    assert (few.p[1:] > 0.05).all()


def test_one_permutation_after_the_other_is_drawn_in_blocks(monkeypatch):
    presence = RNG.random((12, 2, 2, 2))
    words = [Word("a", "words", RNG.random(12)), Word("b", "words", RNG.random((12, 2, 2))),
             Word("c", "place", RNG.random((2, 2)))]  # fmt: skip
    whole = weigh_evidence(presence, presence.mean((1, 2)), words, 1000, 0.05, 0)
    monkeypatch.setattr("tf_interp.groups.meaning.naming.name_evidence._FLOATS", 1)
    np.testing.assert_array_equal(weigh_evidence(presence, presence.mean((1, 2)), words, 1000, 0.05, 0).p, whole.p)
