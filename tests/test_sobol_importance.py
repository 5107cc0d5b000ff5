"""`sobol_importance` against functions whose indices are known, and against all subsets of few groups."""

import numpy as np
import pytest
from test_ablate_groups import make, make_groups, make_images

import tf_interp as ti
from tf_interp.groups.effects.sobol_design import draw_design, estimate_indices
from tf_interp.groups.effects.subset_games import sobol_of_subsets


def estimate(function, k, designs=128, seed=0):
    return estimate_indices(function(draw_design(k, designs, (seed,))).reshape(k + 2, designs, 1))


def test_a_sum_has_indices_by_the_squares():
    first, total = estimate(lambda x: x @ np.array([3.0, 2, 0]), 3, 512)
    assert np.allclose(first, np.array([9, 4, 0]) / 13, atol=0.04)
    assert np.allclose(total, np.array([9, 4, 0]) / 13, atol=0.02)


def test_a_product_of_centered_switches_is_interaction_only():
    first, total = estimate(lambda x: (x[:, 0] - 0.5) * (x[:, 1] - 0.5) * 10 + x[:, 2], 3, 256)
    joint, alone = 100 / 144, 1 / 12
    spread = joint + alone
    assert np.allclose(first, [0, 0, alone / spread], atol=0.08)
    assert np.allclose(total, [joint / spread, joint / spread, alone / spread], atol=0.08)


def test_ishigami_as_published():
    def ishigami(x):
        a, b, c = (2 * np.pi * x.astype(np.float64) - np.pi).T
        return np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)

    first, total = estimate(ishigami, 3, 1024)
    assert np.allclose(first, [0.3139, 0.4424, 0], atol=0.03)
    assert np.allclose(total, [0.5576, 0.4424, 0.2437], atol=0.03)


def test_a_design_of_any_size_is_even_and_exchanges_one_column_at_a_time():
    design = draw_design(5, 20, (0, 1)).reshape(7, 20, 5)
    assert design.min() >= 0
    assert design.max() <= 1
    for column in range(5):
        same = design[2 + column] == design[0]
        assert same[:, np.arange(5) != column].all()
        assert np.array_equal(design[2 + column][:, column], design[1][:, column])
    even = draw_design(3, 64, (0,))[:64]
    assert all((np.histogram(column, 16, (0, 1))[0] == 4).all() for column in even.T)


def test_nothing_changes():
    assert np.array_equal(estimate(lambda x: np.ones(len(x)), 3), np.zeros((2, 3)))


def test_switched_off_groups_have_the_indices_of_all_subsets():
    model, images = make(relu=True), make_images()
    groups = make_groups(model, images)
    exact = ti.ablate_groups(model, images, groups, ["green"], draws=1).scores[:, 0]
    found = ti.sobol_importance(model, images, groups, ["green"], switches="off", designs=256)
    first, total = sobol_of_subsets(exact)
    assert np.allclose(found.first[:, 0], first, atol=0.06)
    assert np.allclose(found.total[:, 0], total, atol=0.06)
    assert (total > first + 1e-3).all(), "they interact, so that this is more than a sum"
    assert found.variance[0] == pytest.approx(exact.var(0).mean(), rel=0.05)


def test_a_linear_network_has_the_squares_and_intervals_around_them():
    model, images = make(), make_images()
    found = ti.sobol_importance(model, images, make_groups(model, images), [lambda y: y[:, 0] + y[:, 1]], designs=64)
    given = images.mean((1, 2)) * [2, 3, 0]
    expected = (given**2).sum(0) / (given**2).sum()
    assert np.allclose(found.total[:, 0], expected, atol=0.03)
    low, high = found.total_interval[..., 0]
    assert ((low <= found.total[:, 0]) & (found.total[:, 0] <= high)).all()
    assert high[1] - low[1] < 0.3
    assert found.runs == 5 * 64
    table = found.to_dataframe()
    assert table.columns.tolist() == [
        "group", "target", "total", "total_low", "total_high", "first", "first_low", "first_high",
    ]  # fmt: skip
    assert table["group"].tolist() == ["red", "green", "blue"]
    assert found.explain().startswith("<lambda>: green takes part in ")
    assert repr(found).startswith("SobolImportance(3 groups, targets '<lambda>', 'green' takes part in ")


def test_more_groups_than_subsets_and_several_targets():
    model, images = make(), make_images()
    many = ti.Groups("parts", np.eye(3)[[0, 1, 2] * 4], (), "groups", weights=np.tile(images, 4) / 4, error=0.0,
                     shares=np.ones(12) / 12, ids=make_groups(model, images).ids)  # fmt: skip
    found = ti.sobol_importance(model, images, many, ["red", "blue"], designs=32, bootstraps=20)
    assert found.total.shape == (12, 2)
    assert np.allclose(found.total[0::3, 0], 0.25, atol=0.08)
    assert np.allclose(found.total[1::3, 0], 0, atol=1e-6)
    assert np.allclose(found.total[2::3, 1], 0.25, atol=0.08)
    same = ti.sobol_importance(model, images, many, ["red", "blue"], designs=32, bootstraps=20, batch_size=4)
    assert np.allclose(found.total, same.total, atol=1e-4)


def test_groups_that_do_nothing_are_told_and_mistakes_too():
    model, images = make(), make_images()
    groups = make_groups(model, images)
    nothing = ti.sobol_importance(model, images, groups, [lambda y: y[:, 0] * 0], designs=4, bootstraps=20)
    assert not nothing.total.any()
    assert nothing.explain() == "<lambda>: the groups change nothing"
    with pytest.raises(ValueError, match="switches is one of"):
        ti.sobol_importance(model, images, groups, switches="on")
    with pytest.raises(ValueError, match="designs must be 4 or more, got 2"):
        ti.sobol_importance(model, images, groups, designs=2)
    with pytest.raises(TypeError, match="takes the result of find_groups, got Directions"):
        ti.sobol_importance(model, images, ti.Directions("parts", np.eye(3)))


def test_what_varies_by_rounding_only_has_no_indices():
    values = 5 + 1e-7 * np.random.default_rng(0).random((5, 64, 3))
    assert not np.any(estimate_indices(values))
    assert np.any(estimate_indices(5 + 1e-3 * np.random.default_rng(0).random((5, 64, 3))))
    assert not np.any(sobol_of_subsets(5 + 1e-7 * np.random.default_rng(0).random(8)))
