"""`predict_from_groups` where the answer can be written down, and beside chance where it must be better."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_ablate_groups import make, make_groups, make_images

import tf_interp as ti
from tf_interp.groups.effects.prediction_scores import score_predictions

RNG = np.random.default_rng(0)
CHANNELS, K = 16, 3


def make_parts(bend=False, classes=5, last=None):
    """Return a network of many channels of which few say something, pictures, and the groups of those."""
    layers = [keras.layers.Activation("linear", name="parts"), keras.layers.GlobalAveragePooling2D()]
    layers += [keras.layers.Activation("tanh")] if bend else []
    end = keras.layers.Dense(classes, name="end", activation=last)
    network = keras.Sequential([keras.Input((4, 4, CHANNELS)), *layers, end])
    rng = np.random.default_rng(2)
    kernel = np.zeros((CHANNELS, classes))
    kernel[:K] = 8 * rng.normal(size=(K, classes))
    end.set_weights([kernel, rng.normal(size=classes)])
    images = rng.random((24, 4, 4, CHANNELS)).astype(np.float32) * rng.random((24, 1, 1, CHANNELS), np.float32)
    model = ti.open_model(network)
    ids = ti.find_groups(model, images, "parts", 1, iterations=1).ids
    groups = ti.Groups("parts", np.eye(CHANNELS)[:K], (), "groups", weights=images[..., :K], error=0.5,
                       shares=np.ones(K) / K, ids=ids)  # fmt: skip
    return model, images, groups, kernel


@pytest.mark.parametrize("effects", ["gradient", "ablation"])
def test_a_linear_network_is_predicted_exactly_by_what_it_reads(effects):
    model, images, groups, kernel = make_parts()
    found = ti.predict_from_groups(model, images, groups, effects=effects)
    assert np.allclose(found.effects, kernel[:K] / 16, atol=1e-3)
    assert np.allclose(found.presence, images[..., :K].sum((1, 2)), rtol=1e-5)
    assert np.allclose(found.offset, model.model.get_layer("end").bias, atol=1e-2)
    table = found.to_dataframe().set_index("measure")
    assert table["groups"].tolist() == pytest.approx([0, 0, 1, 1, 1], abs=2e-3)
    assert table.columns.tolist() == [
        "groups", "random", "random_best", "untrained", "shuffled_pictures", "shuffled_classes", "means",
    ]  # fmt: skip
    for floor in set(table.columns) - {"groups"}:
        assert table[floor]["mae"] > 0.05
        assert table[floor]["r2"] < 0.9
    assert table["means"]["r2"] == pytest.approx(0)
    assert table["random"]["mae"] > table["random_best"]["mae"]
    assert np.allclose(table["means"]["mae"], np.abs(found.truth - found.truth.mean(0)).mean(), rtol=1e-5)
    top = table["random"]["top1"]
    said = f"these 3 groups predict the logits to within {found.scores[0]:.2g}, top-1 100%; random directions "
    assert found.sentence().startswith(said + f"{table['random']['mae']:.2g}, top-1 {top:.0%}, the means alone ")
    assert found.runs == 1 + 11 * 3 * {"gradient": 2, "ablation": 1}[effects]


def test_the_gradient_is_that_of_a_tape_weighted_by_presence():
    model, images, groups, _ = make_parts(bend=True)
    found = ti.predict_from_groups(model, images, groups, draws=1)
    point = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(point)
        score = model.run(images, ["output"], {"parts": point})["output"][:, 1]
    slope = tape.gradient(score, point).numpy()[..., :K]
    weights = groups.weights
    assert np.allclose(found.effects[:, 1], (slope * weights).sum((0, 1, 2)) / weights.sum((0, 1, 2)), rtol=5e-3)
    off = ti.predict_from_groups(model, images, groups, effects="ablation", draws=1)
    whole = model.run(images, ["output"])["output"].numpy()
    without = model.run(images * (np.arange(CHANNELS) != 2), ["output"])["output"].numpy()
    assert np.allclose(off.effects[2], (whole - without).sum(0) / weights[..., 2].sum(), rtol=1e-3)


def test_groups_that_the_network_does_not_read_are_no_better_than_means():
    model, images, groups, _ = make_parts()
    idle = ti.Groups("parts", np.eye(CHANNELS)[5:8], (), "groups", weights=images[..., 5:8], error=0.5,
                     shares=groups.shares, ids=groups.ids)  # fmt: skip
    found = ti.predict_from_groups(model, images, idle, draws=2)
    assert np.allclose(found.effects, 0, atol=1e-4)
    assert "no better than the mean of each logit alone" in found.sentence()


def test_groups_with_signs_and_means_taken_away():
    from sklearn.decomposition import PCA

    model, images, _, _ = make_parts()
    groups = ti.find_groups(model, images, "parts", CHANNELS, reducer=PCA())
    found = ti.predict_from_groups(model, images, groups, draws=1)
    assert found.scores[0] < 1e-2, "all directions together say everything"
    assert found.scores[4] > 0.999


def test_heads_of_all_kinds():
    model, images, groups, _ = make_parts(classes=1, last="sigmoid")
    one = ti.predict_from_groups(model, images, groups, draws=1)
    assert one.outputs == ("class 1",)
    assert one.scores.tolist() == pytest.approx([0, 0, 1, 1, 1], abs=5e-3)
    assert "shuffled_classes" not in one.floors
    model, images, groups, _ = make_parts(classes=4, last="sigmoid")
    many = ti.predict_from_groups(model, images, groups, draws=1)
    p = 1 / (1 + np.exp(-many.truth))
    assert many.floors["means"][0, 1] == pytest.approx(np.abs(p - 1 / (1 + np.exp(-many.truth.mean(0)))).mean())
    model, images, groups, _ = make_parts(classes=2)
    model.expect("regression", None)
    numbers = ti.predict_from_groups(model, images, groups, draws=1)
    assert np.isnan(numbers.scores[1:3]).all()
    assert "top-1" not in numbers.sentence()
    assert "predict the numbers to within" in numbers.sentence()


def test_the_distance_is_half_the_summed_difference_of_probabilities():
    model, images, groups, _ = make_parts()
    found = ti.predict_from_groups(model, images, groups, draws=1)
    p = np.exp(found.truth) / np.exp(found.truth).sum(-1, keepdims=True)
    mean = np.exp(found.truth.mean(0)) / np.exp(found.truth.mean(0)).sum()
    assert found.floors["means"][0, 1] == pytest.approx(np.abs(p - mean).sum(-1).mean() / 2, rel=1e-4)


def test_other_images_one_group_and_a_saved_model(tmp_path):
    model, images = make(), make_images()
    groups = make_groups(model, images)[[1]]
    found = ti.predict_from_groups(model, make_images(seed=3), groups, draws=1)
    assert "found on other images" in found.explain()
    assert found.sentence().startswith("this group predicts the logits to within ")
    model.model.export(tmp_path / "saved", verbose=False)
    saved = ti.open_model(tmp_path / "saved")
    layer = next(name for name, shape in saved.layers.items() if shape == (3,) and name != "output")
    rows = ti.find_groups(saved, images, layer, 2)
    without = ti.predict_from_groups(saved, images, rows, draws=1)
    assert "untrained" not in without.floors
    assert "there is no untrained network to compare with: " in without.notes[0]
    assert json.dumps(without.to_dataframe().to_dict("list"))


def test_impossible_requests_are_refused():
    model, images = make(), make_images()
    groups = make_groups(model, images)
    with pytest.raises(TypeError, match="predict_from_groups takes the result of find_groups, got Directions"):
        ti.predict_from_groups(model, images, ti.Directions("parts", np.eye(3)))
    with pytest.raises(ValueError, match="effects is one of"):
        ti.predict_from_groups(model, images, groups, effects="slope")
    with pytest.raises(ValueError, match="got draws=0"):
        ti.predict_from_groups(model, images, groups, draws=0)
    with pytest.raises(ValueError, match="give 2 or more"):
        ti.predict_from_groups(model, images[:1], groups)
    with pytest.raises(ValueError, match="no output 'color'"):
        ti.predict_from_groups(model, images, groups, output="color")


def test_outputs_that_differ_by_rounding_have_no_r2():
    model, images, groups, _ = make_parts()
    truth = np.ones((24, 5)) + 1e-7 * np.random.default_rng(0).random((24, 5))
    assert np.isnan(score_predictions(model.head(), truth, np.ones((24, 5)))[4])
    assert np.isfinite(ti.predict_from_groups(model, images, groups, draws=1).scores[4])
