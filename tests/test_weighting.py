"""`find_groups(weighting="gradient")`: groups of what the decision hangs on, and not of what is only loud."""

import dataclasses

import keras
import numpy as np
import pytest

import tf_interp as ti
from tf_interp.groups.methods.choice import METHODS
from tf_interp.groups.methods.weighting import read_weighting
from tf_interp.groups.nmf import nmf

LOUD, QUIET, CHANNELS = [0, 1, 2], [3, 4, 5], 6
COUNTS = np.array([[0.01, 0.01, 0.01, 1, 2, 1], [0, 0, 0, -1, 1, 0]], np.float32)  # of each channel for the two classes


def open_layer(counts=COUNTS, factor=1.0, side=4, **given):
    """Return a network whose layer "parts" is its input, and whose logits are 16 times its mean, weighted."""
    layers = [keras.layers.Rescaling(1.0, name="parts"), keras.layers.GlobalAveragePooling2D(name="mean")]
    network = keras.Sequential(
        [keras.Input((side, side, CHANNELS)), *layers, keras.layers.Dense(len(counts), name="end")]
    )
    network.layers[-1].set_weights([counts.T * factor, np.zeros(len(counts), np.float32)])
    return ti.open_model(network, **given)


def make_pictures(count=30, seed=0, side=4):
    """Return pictures [N,4,4,6] with one thing in the loud channels and, elsewhere, a faint one in the quiet ones."""
    rng = np.random.default_rng(seed)
    weights = rng.gamma(0.5, 1, (count, side, side, 2)) * np.eye(2)[rng.integers(0, 2, (count, side, side))]
    images = np.zeros((count, side, side, CHANNELS))
    images[..., LOUD] = weights[..., :1] * [1, 0.6, 0.8]
    images[..., QUIET] = weights[..., 1:] * [0.08, 0.05, 0.03]
    return (images / images.max()).astype(np.float32)


@pytest.mark.parametrize("method", ["nmf", "semi_nmf", "split_nmf"])
def test_the_group_is_of_what_decides_and_not_of_what_is_loud(method):
    images, model = make_pictures(), open_layer()
    plain, weighted = (
        ti.find_groups(model, images, "parts", 1, method=method, weighting=kind).vectors[0]
        for kind in (None, "gradient")
    )
    assert (plain[LOUD] ** 2).sum() > 0.99
    assert (weighted[QUIET] ** 2).sum() > 0.9
    assert weighted[QUIET] / np.linalg.norm(weighted[QUIET]) == pytest.approx(np.array([8, 5, 3]) / 98**0.5, abs=0.02)


def test_channels_count_by_the_gradient_of_the_class_that_each_picture_is_taken_for():
    images, model = make_pictures(), open_layer(np.array([[1, 2, 3, 0, 4, 0], [0, 1, 0, 30, 30, 0]], np.float32))
    classes = np.asarray(model.run(images, ["output"])["output"]).argmax(1)
    assert 0 < classes.mean() < 1
    gradient = np.array([[1, 2, 3, 0, 4, 0], [0, 1, 0, 30, 30, 0]])[classes]
    expected = np.sqrt((gradient**2).mean(0))
    scale, notes = read_weighting(model, images, "parts", "gradient", 8)
    np.testing.assert_allclose(scale, expected / np.sqrt((expected**2).mean()), rtol=1e-5)
    assert "1 of 6 do not count" in notes[0]
    assert read_weighting(model, images, "parts", None, 8) == (None, ())


def test_vectors_are_of_the_weighted_activation_and_all_else_of_the_activation_as_it_is():
    images, model = make_pictures(), open_layer()
    groups = ti.find_groups(model, images, "parts", 2, weighting="gradient")
    scale, _ = read_weighting(model, images, "parts", "gradient", 8)
    found = nmf((images * scale).reshape(-1, CHANNELS), 2).vectors.numpy() / scale
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert (groups.vectors @ found.T).max(1).min() > 0.9999
    assert np.linalg.norm(groups.vectors, axis=1) == pytest.approx([1, 1], rel=1e-5)
    assert np.allclose(groups.weights, groups.weigh(images), atol=1e-5), "as on new pictures"
    rest = images - groups.weights @ groups.vectors
    assert groups.error == pytest.approx(np.linalg.norm(rest) / np.linalg.norm(images), rel=1e-4, abs=1e-5)
    assert groups.shares.sum() == pytest.approx(1 - groups.error**2, rel=1e-4)
    assert groups.shares[0] > groups.shares[1], "sorted by share of the activation"
    assert any("error and shares are of the activation as it is" in note for note in groups.notes)


def test_logits_that_are_larger_change_nothing_and_channels_that_count_alike_are_as_before():
    images = make_pictures()
    once, more = (
        ti.find_groups(open_layer(factor=factor), images, "parts", 2, weighting="gradient") for factor in (1, 64)
    )
    np.testing.assert_array_equal(once.vectors, more.vectors)
    alike = open_layer(np.ones((2, CHANNELS), np.float32))
    plain, weighted = (ti.find_groups(alike, images, "parts", 2, weighting=kind) for kind in (None, "gradient"))
    np.testing.assert_allclose(plain.vectors, weighted.vectors, atol=1e-4)
    np.testing.assert_allclose(plain.weights @ plain.vectors, weighted.weights @ weighted.vectors, atol=1e-2)


def test_what_nothing_hangs_on_is_in_no_group():
    images = make_pictures()
    unused = open_layer(np.where(COUNTS == 0.01, 0, COUNTS))
    groups = ti.find_groups(unused, images, "parts", 2, weighting="gradient")
    assert not groups.vectors[:, LOUD].any()
    assert np.isfinite(groups.weights).all()
    assert groups.error > 0.9, "most of the activation is of no use"
    assert any("3 of 6 do not count: nothing hangs on them" in note for note in groups.notes)
    nothing = ti.find_groups(open_layer(COUNTS * 0), images, "parts", 2, weighting="gradient")
    plain = ti.find_groups(open_layer(COUNTS * 0), images, "parts", 2)
    np.testing.assert_array_equal(nothing.vectors, plain.vectors)
    assert any("is zero all over parts: its channels were counted alike" in note for note in nothing.notes)
    silent = ti.find_groups(open_layer(), images * 0, "parts", 2, weighting="gradient")
    assert not silent.vectors.any()


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_weighted(method, window):
    images = make_pictures(12)
    given = {"method": method, "weighting": "gradient", "iterations": 20, "window": window}
    groups = ti.find_groups(open_layer(), images, "parts", 2, **given)
    assert groups.weights.shape == (12, 4, 4, 2)
    assert groups.weights.min() >= 0
    assert np.allclose(groups.weights, groups.weigh(images), atol=1e-5)
    assert 0 <= groups.error < 1
    assert any("within 3 x 3 positions" in note for note in groups.notes) == (window == 3)


def test_a_decomposition_has_its_mean_where_nothing_counts_too():
    decomposition = pytest.importorskip("sklearn.decomposition")
    images, unused = make_pictures(), open_layer(np.where(COUNTS == 0.01, 0, COUNTS))
    for model in (open_layer(), unused):
        groups = ti.find_groups(model, images, "parts", 2, reducer=decomposition.PCA(), weighting="gradient")
        np.testing.assert_allclose(groups.offset, images.mean((0, 1, 2)), rtol=1e-4)
        assert np.allclose(groups.weights, groups.weigh(images), atol=1e-4)
        rest = images - groups.offset
        error = np.linalg.norm(rest - groups.weights @ groups.vectors) / np.linalg.norm(rest)
        assert groups.error == pytest.approx(error, rel=1e-3, abs=1e-5)


def test_the_next_step_goes_on_from_them():
    images, model = make_pictures(), open_layer()
    first = ti.find_groups(model, images, "parts", 2, weighting="gradient")
    start = first[[1, 0]]
    again = ti.find_groups(model, images, "parts", 2, weighting="gradient", init=start)
    assert again.names == start.names
    assert np.einsum("kc,kc->k", again.vectors, start.vectors).min() > 0.999


def test_dense_layers_and_padded_sequences():
    rng = np.random.default_rng(0)
    wide = keras.Sequential(
        [keras.Input((5,)), keras.layers.Rescaling(1.0, name="parts"), keras.layers.Dense(1, name="end")]
    )
    wide.layers[-1].set_weights([np.array([[0.01], [0.01], [1], [1], [0]], np.float32), np.zeros(1, np.float32)])
    rows = rng.uniform(0, 1, (40, 5)).astype(np.float32) * np.array([1, 1, 0.1, 0.1, 1], np.float32)
    rows[::2, 2:4] = 0
    rows[1::2, [0, 1, 4]] = 0  # one thing in each row
    group = ti.find_groups(ti.open_model(wide), rows, "parts", 1, weighting="gradient")
    assert (group.vectors[0, 2:4] ** 2).sum() > 0.9
    tokens = np.array([[1, 2, 3, 0, 0, 0], [4, 1, 0, 0, 0, 0]] * 4, np.int32)
    x = keras.Input((6,), dtype="int32")
    words = keras.layers.Embedding(9, 4, mask_zero=True, name="words")(x)
    network = keras.Model(x, keras.layers.Dense(2)(keras.layers.LSTM(3)(words)))
    model = ti.open_model(network)
    scale, _ = read_weighting(model, tokens, "words", "gradient", 8, tokens[:, None] == 0)
    classes = np.asarray(model.run(tokens, ["output"])["output"]).argmax(1).tolist()
    found = ti.attribute(model, tokens, classes, layer="words", method="gradient").values
    gradient = found.reshape(*tokens.shape, -1)[tokens > 0]
    expected = np.sqrt((gradient.astype(np.float64) ** 2).mean(0))
    np.testing.assert_allclose(scale, expected / np.sqrt((expected**2).mean()), rtol=1e-4)
    groups = ti.find_groups(model, tokens, "words", 2, weighting="gradient")
    assert not groups.weights[:, 0][tokens == 0].any()
    assert any("they were left out" in note for note in groups.notes)


def test_numbers_have_gradients_and_maps_are_refused():
    images = make_pictures()
    model = open_layer(head="regression")
    scale, notes = read_weighting(model, images, "parts", "gradient", 8)
    expected = np.sqrt((COUNTS**2).mean(0))
    np.testing.assert_allclose(scale, expected / np.sqrt((expected**2).mean()), rtol=1e-5)
    assert "number 0 and number 1" in notes[0]
    maps = keras.Sequential([keras.Input((4, 4, CHANNELS)), keras.layers.Conv2D(6, 1, name="parts"),
                             keras.layers.Conv2D(3, 1, name="end")])  # fmt: skip
    with pytest.raises(ValueError, match="this network has neither"):
        ti.find_groups(ti.open_model(maps), images, "parts", 2, weighting="gradient")


def test_a_scan_and_the_number_that_holds_are_of_the_same_groups():
    images, model = make_pictures(), open_layer()
    scan = ti.scan_groups(model, images, "parts", [1, 2], weighting="gradient", resamples=1)
    errors = [ti.find_groups(model, images, "parts", k, weighting="gradient").error for k in (1, 2)]
    np.testing.assert_allclose(scan.error, errors, rtol=1e-4, atol=1e-5)
    assert scan.error[0] > ti.scan_groups(model, images, "parts", [1, 2], resamples=1).error[0]
    found = ti.find_groups(model, images, "parts", "auto", weighting="gradient", iterations=30)
    same = ti.find_groups(model, images, "parts", len(found), weighting="gradient", iterations=30)
    np.testing.assert_array_equal(found.vectors, same.vectors)
    assert any(note.startswith('k="auto"') for note in found.notes)


def test_cards_look_for_the_groups_again_in_channels_that_count_the_same():
    images, model = make_pictures(40), open_layer()
    groups = ti.find_groups(model, images, "parts", 1, weighting="gradient")
    expected, _ = read_weighting(model, images, "parts", "gradient", 8)
    np.testing.assert_allclose(groups.channel_weights, expected, rtol=1e-5)
    card = ti.judge_groups(model, images, groups, refits=1)
    assert card.seeds.min() > 0.99
    assert card.halves.min() > 0.99
    other = ti.judge_groups(model, images, dataclasses.replace(groups, channel_weights=None), refits=1)
    assert other.seeds.max() < 0.5, "the loud thing, which is another one"
    (same,) = ti.compare_groupings(model, images, "parts", 1, methods=["nmf"], refits=1, weighting="gradient").cards
    np.testing.assert_array_equal(same.groups.vectors, groups.vectors)
    np.testing.assert_allclose(same.seeds, card.seeds)
    assert any("channels of parts were counted by" in note for note in same.notes)


def test_a_saved_model_counts_the_same(tmp_path):
    network = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.Conv2D(5, 3, activation="relu", name="parts"),
                                keras.layers.Flatten(), keras.layers.Dense(3, name="end")])  # fmt: skip
    images = np.random.default_rng(0).uniform(0, 1, (8, 6, 6, 3)).astype(np.float32)
    network.export(tmp_path, verbose=False)
    live, saved = ti.open_model(network), ti.open_model(tmp_path)
    expected, _ = read_weighting(live, images, "parts", "gradient", 3)
    (path,) = (path for path, shape in saved.layers.items() if "parts" in path and shape[-1] == 5)
    found, _ = read_weighting(saved, images, path, "gradient", 8)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    with pytest.raises(ValueError, match="'output' is the end"):
        ti.find_groups(live, images, "output", 2, weighting="gradient")


@pytest.mark.parametrize("weighting", ["activation", True, 1, ["gradient"]])
def test_what_is_no_weighting_is_refused(weighting):
    for find in (lambda: ti.NeuronGroups(2, weighting=weighting),
                 lambda: ti.find_groups(open_layer(), make_pictures(2), "parts", 2, weighting=weighting),
                 lambda: ti.compare_groupings(open_layer(), make_pictures(8), "parts", 2, weighting=weighting),
                 lambda: ti.scan_groups(open_layer(), make_pictures(8), "parts", [2], weighting=weighting),
                 ):  # fmt: skip
        with pytest.raises(ValueError, match=r"weighting must be None or one of \['gradient'\]"):
            find()


def test_the_part_and_those_that_show_its_groups_count_channels_the_same():
    images, model = make_pictures(12), open_layer()
    parts = [ti.NeuronGroups(2, weighting="gradient", icons=False, switches=0), ti.Decisions(pictures=2)]
    records = ti.analyze(model, ti.Probe.from_arrays(images), ["parts"], parts)
    groups = ti.find_groups(model, images, "parts", 2, weighting="gradient")
    (record,) = (item for item in records if item.kind == "groups")
    assert [row["share"] for row in record.data["groups"]] == pytest.approx(groups.shares.tolist(), rel=1e-3)
    assert any("channels of parts were counted by" in note for note in record.data["notes"])
    assert record.data["settings"]["weighting"] == "gradient"
