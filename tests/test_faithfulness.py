"""`faithfulness` on networks where the right order is known, and beside chance."""

import keras
import numpy as np
import pytest

from tf_interp import Directions, attribute, faithfulness, find_groups, open_model
from tf_interp.attribution.evidence.curves import area
from tf_interp.attribution.evidence.faithfulness import Faithfulness
from tf_interp.attribution.evidence.fidelity import correlate_sums, largest_change
from tf_interp.attribution.grid import gather_cells, make_grid

L = keras.layers
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(0, 1, (5, 9, 9, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def linear():
    keras.utils.set_random_seed(1)
    model = open_model(keras.Sequential([keras.Input((9, 9, 3)), L.Flatten(), L.Dense(3)]))
    return model, np.asarray(model.model.layers[-1].kernel).reshape(9, 9, 3, 3)[..., 1]


@pytest.fixture(scope="module")
def deep():
    keras.utils.set_random_seed(1)
    layers = [L.Conv2D(6, 3, activation="relu", name="conv"), L.GlobalAveragePooling2D(), L.Dense(3)]
    return open_model(keras.Sequential([keras.Input((9, 9, 3)), *layers]))


def test_curves_of_a_linear_network_are_sums_in_order(linear):
    model, weights = linear
    product = (IMAGES * weights).sum(-1).reshape(5, -1)
    found = faithfulness(model, IMAGES, 1, methods=["gradient_x_input"], baselines=[0.0], steps=81, draws=2, orders=3)
    ordered = -np.sort(-product, axis=1)
    steps = np.concatenate([np.zeros((5, 1)), np.cumsum(ordered, 1)], 1)
    bias = float(model.model.layers[-1].bias[1])
    np.testing.assert_allclose(found.insertion[0, :, 0], steps + bias, atol=1e-4)
    np.testing.assert_allclose(found.deletion[0, :, 0], steps[:, -1:] - steps + bias, atol=1e-4)
    assert (area(found.deletion)[0] < found.null[0].min(0)).all()  # no order is better than the true one
    assert (area(found.insertion)[0] > found.null[1].max(0)).all()
    assert found.better_than_random()[0].all()
    assert not found.better_than_random()[1].any()


def test_mu_fidelity_is_1_for_the_truth_and_not_for_noise_or_nothing(linear):
    model, _ = linear
    methods = ["gradient_x_input", ("occlusion", {"window": 1})]
    found = faithfulness(model, IMAGES, 1, methods=methods, baselines=[0.0], steps=3, draws=60, orders=2)
    np.testing.assert_allclose(found.mu_fidelity[:2], 1, atol=1e-3)
    assert (np.abs(found.mu_fidelity[2]) < 0.5).all()
    sets = RANDOM.permuted(np.tile(np.arange(81) < 16, (40, 1)), axis=1).reshape(40, 9, 9)
    constant = correlate_sums(np.ones((1, 9, 9)), sets, RANDOM.normal(size=(40, 1)))
    assert np.isnan(constant).all()  # a map that says nothing has no score, not a good one


def test_stability_by_hand():
    maps = RANDOM.normal(size=(2, 3, 3))
    noisy = [maps * 1.1, maps * 0.5]
    np.testing.assert_allclose(largest_change(maps, noisy), 0.5)
    assert np.isnan(largest_change(np.zeros((1, 3, 3)), [np.ones((1, 3, 3))])).all()


def test_cells_share_out_positions():
    grid = make_grid(5, 7, 3)
    # position * 3 // size: rows 0 0 1 1 2 of 5, columns 0 0 0 1 1 2 2 of 7
    assert grid.tolist() == [
        [0, 0, 0, 1, 1, 2, 2],
        [0, 0, 0, 1, 1, 2, 2],
        [3, 3, 3, 4, 4, 5, 5],
        [3, 3, 3, 4, 4, 5, 5],
        [6, 6, 6, 7, 7, 8, 8],
    ]
    maps = RANDOM.normal(size=(2, 5, 7))
    np.testing.assert_allclose(gather_cells(maps, grid)[1, 4], maps[1][grid == 4].mean())


def test_a_layer_and_its_table(deep):
    methods = ["gradient_x_input", "integrated_gradients", "grad_cam"]
    found = faithfulness(deep, IMAGES, [0, 1, 2, 1, 0], methods=methods, layer="conv", steps=7, draws=20, orders=4)
    table = found.to_dataframe()
    assert list(table)[:6] == ["method", "picture", "deletion", "insertion", "mu_fidelity", "stability"]
    assert {"deletion:blur", "insertion:blur"} <= set(table)
    assert len(table) == 4 * 5
    assert list(table["method"].unique()) == [*methods, "random"]
    # behind "conv" all is linear: gradient x input is exact there, and integrated gradients are the same
    np.testing.assert_allclose(found.deletion[0], found.deletion[1], atol=1e-5)
    assert "better than all 4 random orders in" in found.explain().splitlines()[0]
    assert "(chance: 20%)" in found.explain().splitlines()[0]
    assert repr(found).startswith("Faithfulness('gradient_x_input'")


def test_directions_are_taken_out_of_a_layer_in_order(deep):
    """Behind "conv" all is linear: removing channels takes away the sum of their attributions, to the last bit."""
    channels = Directions("conv", np.eye(6, dtype=np.float32))
    methods = ["gradient_x_input", "occlusion"]
    found = faithfulness(deep, IMAGES, 1, methods=methods, along=channels, steps=50, draws=30, orders=5)
    values = attribute(deep, IMAGES, 1, along=channels).values
    score = np.asarray(deep.run(IMAGES, ["output"])["output"])[:, 1]
    ordered = -np.sort(-values, axis=1)
    gone = np.concatenate([np.zeros((5, 1)), np.cumsum(ordered, 1)], 1)
    assert found.deletion.shape == (3, 5, 1, 7)  # a step for each direction
    for row in (0, 1):
        np.testing.assert_allclose(found.deletion[row, :, 0], score[:, None] - gone, atol=1e-4)
        np.testing.assert_allclose(found.insertion[row, :, 0], (score - gone[:, -1])[:, None] + gone, atol=1e-4)
        np.testing.assert_allclose(found.mu_fidelity[row], 1, atol=1e-3)
    assert (area(found.deletion)[0, :, 0] <= found.null[0, :, :, 0].min(0) + 1e-5).all()
    assert found.baselines == ("ablation",)
    assert found.layer == "conv"
    assert "deleting the 17% it marks takes away" in found.explain()
    assert list(found.to_dataframe())[:6] == ["method", "picture", "deletion", "insertion", "mu_fidelity", "stability"]


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([4.0, 4.0], "takes away 50% of the score, a random 10% 25%"),
        ([0.1, -0.1], "takes 2 from a score of 0.1 in size, a random 10% 1"),
        ([0.0, 0.0], "takes 2 from a score of 0 in size, a random 10% 1"),
    ],
)
def test_a_share_is_told_only_of_a_score_that_is_there(scores, said):
    falls = np.array([2.0, 1.0])[:, None, None, None] * np.linspace(0, 10, 11)
    curves = np.array(scores)[None, :, None, None] - falls
    none = np.full((2, 2), np.nan)
    found = Faithfulness(("gradient", "random"), (0.0,), None, curves, curves, np.zeros((2, 3, 2, 1)), none, none)
    assert found.sentence("gradient").startswith(f"deleting the 10% it marks {said}; better than")


def test_groups_are_taken_out_with_what_they_know_of_themselves(deep):
    groups = find_groups(deep, IMAGES, "conv", 3, iterations=20)
    found = faithfulness(deep, IMAGES, 1, methods=["gradient_x_input"], along=groups, draws=10, orders=4)
    values = attribute(deep, IMAGES, 1, along=groups).values
    fall = found.deletion[0, :, 0, :1] - found.deletion[0, :, 0]
    np.testing.assert_allclose(fall[:, 1:], np.cumsum(-np.sort(-values, axis=1), 1), atol=1e-4)


def test_batches_do_not_matter(deep):
    options = {"methods": ["smoothgrad"], "steps": 4, "draws": 10, "orders": 3}
    whole, parts = (faithfulness(deep, IMAGES, 1, batch_size=size, **options) for size in (5, 2))
    for name in ("deletion", "insertion", "null", "mu_fidelity", "stability"):
        np.testing.assert_allclose(getattr(whole, name), getattr(parts, name), rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"methods": ["gradeint"]}, ValueError, "did you mean 'gradient'"),
        ({"methods": "gradient"}, TypeError, r"write \['gradient'\]"),
        ({"methods": []}, ValueError, "at least one method"),
        ({"methods": ["random"]}, ValueError, "at least one method"),
        ({"baselines": ["gray"]}, ValueError, "baseline must be a number"),
        ({"methods": ["grad_cam", "gradient"]}, ValueError, "explain different layers"),
        ({"steps": 0}, ValueError, "must be at least 1"),
        ({"methods": [("gradient", {"samples": 2})]}, TypeError, "has no setting 'samples'"),
        ({"along": Directions("conv", np.eye(1, 6))}, ValueError, "one direction has no order to compare"),
        ({"along": Directions("conv", np.eye(2, 6)), "methods": ["rise"]}, ValueError, "cannot be divided along"),
    ],
)
def test_impossible_requests_are_refused(deep, arguments, error, message):
    with pytest.raises(error, match=message):
        faithfulness(deep, IMAGES, 1, **arguments)


def test_tokens_have_curves_but_no_stability():
    tokens = np.random.default_rng(0).integers(0, 20, (3, 9)).astype(np.int32)
    layers = [keras.layers.Embedding(20, 6, name="words"), keras.layers.GlobalMaxPooling1D(), keras.layers.Dense(3)]
    model = open_model(keras.Sequential([keras.Input((9,), dtype="int32"), *layers]))
    found = faithfulness(
        model, tokens, 1, methods=["gradient_x_input"], layer="words", baselines=[0.0], steps=3, draws=2
    )
    assert np.isfinite(found.deletion).all()
    assert np.isnan(found.stability).all()
    assert any("stability was not measured" in note for note in found.notes)


def test_noise_on_a_series_keeps_its_range():
    """A series that leaves [0,1] was cut off there, and its stability was that of another series."""
    from tf_interp.attribution.evidence.faithfulness import _disturb

    random = np.random.default_rng(0)
    series = random.normal(0, 5, (4, 30, 2)).astype(np.float32)
    noisy = _disturb(series, 0.01, random)
    assert np.abs(noisy - series).max() < 0.06 * np.ptp(series)
    assert (noisy - series).std() == pytest.approx(0.01 * np.ptp(series), rel=0.1)
    assert set(_disturb({"a": series, "b": series[:, 0]}, 0.01, random)) == {"a", "b"}


def test_of_random_orders_as_many_are_better_than_all_others_as_is_told():
    areas = np.random.default_rng(0).uniform(size=(1 + 20, 4000)).astype(np.float32)
    curves = np.repeat(areas[[0, 1], :, None, None], 3, -1)  # a method that is an order like any other
    null = np.stack([areas[1:, :, None]] * 2)
    found = Faithfulness(("any", "random"), (0.0,), None, curves, curves, null, areas[:2], areas[:2])
    assert found.chance == 1 / 21
    assert found.better_than_random()[0].mean() == pytest.approx(found.chance, abs=0.01)
    assert "of 4000 pictures (chance: 5%)" in found.sentence("any")
