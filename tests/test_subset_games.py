"""What the values of all subsets tell, against games whose answer can be written down and against plain sums."""

import itertools
import math

import numpy as np
import pytest
from test_ablate_groups import make, make_groups, make_images

import tf_interp as ti
from tf_interp.groups.effects.subset_games import interaction_index, sobol_of_subsets


def play(function, k):
    """Return the worth [2^k] of a function of who is there, bools [k]."""
    return np.array([float(function([bool(subset >> player & 1) for player in range(k)])) for subset in range(1 << k)])


def test_an_additive_game_has_no_interactions_and_squares_as_indices():
    worth = play(lambda there: there @ np.array([1.0, -2, 3]), 3)
    assert np.allclose(interaction_index(worth), 0)
    first, total = sobol_of_subsets(worth)
    assert np.allclose(first, np.array([1, 4, 9]) / 14)
    assert np.allclose(total, first)


def test_a_pair_that_needs_each_other_and_one_that_stands_in():
    both = interaction_index(play(lambda there: 2 * (there[0] and there[1]) + there[2], 3))
    assert np.allclose(both, [[0, 2, 0], [2, 0, 0], [0, 0, 0]])
    either = interaction_index(play(lambda there: there[0] or there[1], 2))
    assert np.allclose(either, [[0, -1], [-1, 0]])


def test_the_index_is_the_mean_over_all_orders_of_the_pair_and_the_others():
    worth = np.random.default_rng(0).normal(size=(16, 3))
    found = interaction_index(worth)
    assert np.allclose(found, found.swapaxes(0, 1))
    one, other, expected, orders = 1, 3, 0, list(itertools.permutations(["pair", 0, 2]))
    for order in orders:
        subset = sum(1 << player for player in order[: order.index("pair")])
        a, b = 1 << one, 1 << other
        expected += (worth[subset | a | b] - worth[subset | a] - worth[subset | b] + worth[subset]) / len(orders)
    assert np.allclose(found[one, other], expected)


def test_sobol_indices_are_parts_of_the_variance():
    worth = np.random.default_rng(1).normal(size=16)
    first, total = sobol_of_subsets(worth)
    cube = worth.reshape(2, 2, 2, 2)  # player 3 first
    for player in range(4):
        axis = 3 - player
        others = tuple(item for item in range(4) if item != axis)
        assert first[player] == pytest.approx(cube.mean(others).var() / worth.var())
        assert total[player] == pytest.approx(cube.var(axis).mean() / worth.var())
    product = sobol_of_subsets(play(lambda there: math.prod(2 * item - 1 for item in there), 3))
    assert np.allclose(product[0], 0)
    assert np.allclose(product[1], 1)
    assert np.array_equal(sobol_of_subsets(np.ones(8)), np.zeros((2, 3)))


def test_an_ablation_keeps_some_groups_alone_and_beside_that_switches_them_off():
    model, images = make(), make_images()
    found = ti.ablate_groups(model, images, make_groups(model, images), ["red", "green"])
    part = images.mean((1, 2)).T  # [K,N]: red says twice the first, green three times the second
    kept = found.keep(["red"])
    assert kept.groups == ("red",)
    assert np.allclose(kept.kept, [2 * part[0], 0 * part[1]], atol=1e-5)
    assert np.allclose(kept.off, [0 * part[0], 3 * part[1]], atol=1e-5)
    assert np.allclose(kept.whole, [2 * part[0], 3 * part[1]], atol=1e-5)
    assert np.allclose(kept.none, 0, atol=1e-5)
    table = kept.to_dataframe().set_index("target")
    assert table["kept_share"].tolist() == pytest.approx([1, 0], abs=1e-4)
    assert table["off_share"].tolist() == pytest.approx([1, 0], abs=1e-4)
    assert kept.explain().splitlines()[0].startswith(f"red: {2 * part[0].mean():.3g} with all groups, ")
    assert found.keep([2, 0, 2]).groups == ("red", "blue")
    assert np.array_equal(found.keep([]).kept, found.scores[0])
    assert np.allclose(found.interactions(), 0, atol=1e-5)


def test_groups_that_act_together_interact_in_the_network():
    model, images = make(relu=True), make_images()
    found = ti.ablate_groups(model, images, make_groups(model, images), ["green"])
    index = found.interactions()
    assert index.shape == (3, 3, 1, 6)
    score = found.subsets[..., 1]
    pair = [(score[0b011 | rest] - score[0b001 | rest] - score[0b010 | rest] + score[rest]) / 2 for rest in (0, 0b100)]
    assert np.allclose(index[0, 1, 0], sum(pair), atol=1e-5)
    assert np.abs(index[0, 1]).max() > 1e-3


def test_mistakes_are_told():
    model, images = make(), make_images()
    groups = make_groups(model, images)
    found = ti.ablate_groups(model, images, groups, [0])
    with pytest.raises(TypeError, match=r"write \['red'\]"):
        found.keep("red")
    with pytest.raises(ValueError, match="no group 'gren'; did you mean"):
        found.keep(["gren"])
    with pytest.raises(ValueError, match=r"groups 0\.\.2, got 3"):
        found.keep([3])
    many = ti.Groups("parts", np.eye(3)[[0, 1, 2] * 3], (), "groups", weights=np.tile(images, 3) / 3, error=0.0,
                     shares=np.ones(9) / 9, ids=groups.ids)  # fmt: skip
    with pytest.raises(ValueError, match="sobol_importance takes more"):
        ti.ablate_groups(model, images, many, [0], draws=1).interactions()
