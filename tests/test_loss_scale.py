"""Gradients that are too small for float16 come out as in float32, wherever gradients are taken."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from concept_networks import FAST, noise, tinted

from tf_interp import attribute, open_model, tcav
from tf_interp.features import Adam, class_logit, render
from tf_interp.models.loss_scale import differentiate, loss_scale

SIZE = 6
SMALL = 1e-6  # of the last weights; shared among 36 positions, less than half the smallest number of float16
IMAGES = np.round(noise(4, 1, SIZE) * 8) / 8  # few bits each, so that the same units are active in both types


def build(policy, size=SMALL):
    """A network that computes in the types of a policy up to its last layer, as Keras recommends."""
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="first", dtype=policy),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="second", dtype=policy),
            layers.GlobalAveragePooling2D(name="pool", dtype=policy),
            layers.Dense(2, name="logits"),
        ]
    )
    random = np.random.default_rng(0)
    for weight in network.weights[:-2]:
        scale = 0.1 if len(weight.shape) == 1 else 1 / np.prod(weight.shape[:-1]) ** 0.5
        weight.assign(np.round(random.normal(0, scale, weight.shape) * 16) / 16)
    network.weights[-2].assign(size * np.round(random.uniform(0.5, 1, (8, 2)) * 16) / 16)
    network.weights[-1].assign(np.zeros(2))
    return network


def opened(policy, form, folder):
    network = build(policy)
    if form == "keras":
        return open_model(network)
    network.export(folder / policy, verbose=False)
    return open_model(folder / policy)


def compare(found, expected, tolerance):
    """Relative to the norm: a unit near 0 may be active in one type and not in the other."""
    assert np.linalg.norm(expected) > 0
    assert np.linalg.norm(found - expected) < tolerance * np.linalg.norm(expected)


@pytest.mark.parametrize(("form", "layer"), [("keras", None), ("keras", "first"), ("keras", "second"), ("saved", None)])
def test_attributions_are_those_of_single_precision(form, layer, tmp_path):
    models = [opened(policy, form, tmp_path) for policy in ("mixed_float16", "float32")]
    compare(*(attribute(model, IMAGES, 1, layer=layer, method="gradient").values for model in models), 0.01)


def test_a_picture_finds_its_way_up_as_in_single_precision():
    half, single = (
        render(open_model(build(policy)), class_logit(1), steps=32, transforms=(), optimizer=Adam(epsilon=0.0))
        for policy in ("mixed_float16", "float32")
    )
    assert half.status == single.status == ("ok",)
    assert half.activations[0] == pytest.approx(single.activations[0], rel=0.05)


def test_concept_tests_are_those_of_single_precision():
    args = ({"red": tinted(noise(20, 1, SIZE), 0)}, noise(61, 2, SIZE), {"1": noise(17, 3, SIZE)}, ["first", "second"])
    rows = [tcav(open_model(build(policy)), *args, **FAST).rows for policy in ("mixed_float16", "float32")]
    for half, single in zip(*rows, strict=True):
        assert abs(single["displacement"]) > 0
        assert half["displacement"] == pytest.approx(single["displacement"], rel=0.02, abs=0)
        assert half["score"] == pytest.approx(single["score"], abs=0.02)
        assert half["effect"] == pytest.approx(single["effect"], rel=0.02)


def test_gradients_that_scaling_takes_out_of_range_are_taken_unscaled():
    values = [
        attribute(open_model(build(policy, size=5000.0)), IMAGES, 1, layer="first", method="gradient").values
        for policy in ("mixed_float16", "float32")
    ]
    assert np.abs(values[1]).max() > 5, "nothing was out of range"
    compare(*values, 0.01)


def test_single_precision_is_differentiated_once_and_unscaled():
    model, factors, counts = open_model(build("float32")), [], []

    @tf.function
    def step(x):
        y = model.run(x, ["output"])["output"]
        assert loss_scale(model) == 1

        def derive(scale):
            factors.append(scale)
            found = tf.gradients(y, [x])
            counts.append(len(x.graph.get_operations()))
            return found

        found = differentiate(model, derive)
        counts.append(len(x.graph.get_operations()))
        return found

    step.get_concrete_function(tf.TensorSpec((None, SIZE, SIZE, 3)))
    assert factors == [1.0]
    assert counts[0] == counts[1]
