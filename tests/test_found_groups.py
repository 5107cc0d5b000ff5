"""Weights that groups know of images are those of the network that they were found in, and of no other."""

import dataclasses

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA

import tf_interp as ti
from tf_interp.groups.methods.choice import METHODS
from tf_interp.interfaces.places import measure

IMAGES = np.random.default_rng(0).random((24, 8, 8, 3), np.float32)


def make(seed, activation="relu"):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Conv2D(6, 3, activation=activation, name="conv"), keras.layers.GlobalAveragePooling2D()]
    return ti.open_model(keras.Sequential([keras.Input((8, 8, 3)), *layers, keras.layers.Dense(3, name="end")]))


def find(model, method, **settings):
    given = {"method": method} if isinstance(method, str) else {"reducer": method}
    return ti.find_groups(model, IMAGES, "conv", 3, iterations=30, **given, **settings)


def read(model):
    return model.run(IMAGES, ["conv"])["conv"].numpy()


@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("method", [*METHODS, PCA()], ids=str)
def test_a_network_that_does_something_else_has_other_weights(method, activation):
    model, other = make(0, activation), make(1, activation)
    groups = find(model, method)
    new = dataclasses.replace(groups, ids=("unknown",) * len(IMAGES))
    for some in (groups, groups[[2, 0]]):
        assert some.weights_for(IMAGES, read(other)) is None
        assert np.array_equal(some.weights_for(IMAGES, read(model)), some.weights)
    ask = {
        "ablate": lambda groups: ti.ablate_groups(other, IMAGES, groups, [0], draws=1).change,
        "describe": lambda groups: ti.describe_groups(other, IMAGES, groups, targets=[0]).strength,
        "predict": lambda groups: ti.predict_from_groups(other, IMAGES, groups, draws=1).presence,
        "along": lambda groups: ti.attribute(other, IMAGES, 0, along=groups).values,
        "target": lambda groups: ti.attribute(other, IMAGES, groups[0]).values,
        "places": lambda groups: measure(groups, read(other), IMAGES),
    }
    for how in ask.values():
        assert np.allclose(how(groups), how(new), atol=1e-5)
    said = "the groups were found on these images in a network that did something else there, as before a training"
    assert any(note.startswith(said) for note in ti.ablate_groups(other, IMAGES, groups, [0], draws=1).notes)
    for where in ({"target": 0, "along": groups}, {"target": groups[0]}):
        assert any(note.startswith(said) for note in ti.attribute(other, IMAGES, **where).notes)
        assert not any(note.startswith(said) for note in ti.attribute(model, IMAGES, **where).notes)
    with pytest.raises(ValueError, match="does something else on these images than when the groups were found"):
        ti.judge_groups(other, IMAGES, groups)


@pytest.mark.parametrize("method", [*METHODS, PCA()], ids=str)
def test_weights_of_some_images_are_known(method):
    model = make(0)
    groups, whole = find(model, method), read(model)
    for row in range(len(IMAGES)):
        known = groups.weights_for(IMAGES[[row]], whole[[row]])
        assert np.array_equal(known, groups.weights[[row]])
    whole = find(model, method, window=3).weights_for(IMAGES, whole)
    assert whole is not None


def test_weights_of_a_data_set_are_known_of_the_first():
    model = make(0)
    dull = 0.01 * IMAGES + 0.5
    groups = ti.stream_groups(model, [IMAGES[:4], *np.split(dull, 4)], "conv", 2, keep=4, method="nmf")
    assert np.array_equal(groups.weights_for(IMAGES[:4], read(model)[:4]), groups.weights)


def test_no_group_fires_in_a_silent_layer():
    groups = ti.find_groups(make(0), 0 * IMAGES, "conv", 2, method="nmf")
    assert groups.weights_for(0 * IMAGES, np.zeros_like(read(make(0)))) is not None
