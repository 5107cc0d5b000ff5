"""`semantic_dictionary`: what fires where, against networks whose answer is known."""

import keras
import numpy as np
import pytest
from other_inputs import PLACES, make_other
from scipy.optimize import nnls

import tf_interp as ti
from tf_interp.images import crop_around

L = keras.layers
RNG = np.random.default_rng(0)
IMAGES = RNG.random((4, 12, 12, 3), np.float32)
MATRIX = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, -3]], np.float32)  # channels: red, green, blue, and a mix


def colors(activation="relu", images=IMAGES):
    """A 1 x 1 convolution: what fires at a pixel is known from its color."""
    conv = L.Conv2D(4, 1, use_bias=False, activation=activation, name="colors")
    model = keras.Sequential([keras.Input(images.shape[1:]), conv, L.GlobalAveragePooling2D(), L.Dense(2)])
    conv.set_weights([MATRIX[None, None]])
    return ti.open_model(model)


def test_the_strongest_channels_of_a_known_layer():
    found = ti.semantic_dictionary(colors(), IMAGES, "colors", top=3)
    known = np.maximum(IMAGES @ MATRIX, 0)
    order = np.argsort(-known, axis=-1, kind="stable")[..., :3]
    np.testing.assert_array_equal(found.rows, order)
    np.testing.assert_allclose(found.values, np.take_along_axis(known, order, -1), atol=1e-6)
    np.testing.assert_allclose(found.magnitudes, np.linalg.norm(known, axis=-1), atol=1e-5)
    entries = found.at(1, 2, 3)
    assert [entry.name for entry in entries] == [f"channel {row}" for row in order[1, 2, 3] if known[1, 2, 3, row] > 0]
    assert [entry.value for entry in entries] == sorted((e.value for e in entries), reverse=True)


def test_what_is_silent_does_not_stand_in_the_dictionary():
    images = IMAGES.copy()
    images[0, 0, 0] = 0
    images[0, 0, 1] = (0.5, 0, 0)
    found = ti.semantic_dictionary(colors(), images, "colors")
    assert found.at(0, 0, 0) == []
    assert [entry.name for entry in found.at(0, 0, 1)] == ["channel 0", "channel 3"]
    table = found.to_dataframe()
    assert (table.value > 0).all()
    here = table[(table.picture == 0) & (table.y == 0) & (table.x == 1)]
    assert list(here.direction) == ["channel 0", "channel 3"]
    assert len(table) == (found.values > 0).sum()


def test_the_numbers_are_those_of_read_activations():
    model = colors(None)
    found = ti.semantic_dictionary(model, IMAGES, "colors", top=9, icons=None)
    read = ti.read_activations(model, IMAGES, ["colors"])["colors"]
    np.testing.assert_array_equal(np.take_along_axis(read, found.rows, -1), found.values)
    assert not found.icons
    assert found.rows.shape == (4, 12, 12, 4)


def test_an_icon_is_the_part_of_the_probe_that_excites_most_and_each_direction_has_one():
    probe = np.full((2, 12, 12, 3), 0.1, np.float32)
    probe[1, 9, 2] = (1, 0, 0)
    found = ti.semantic_dictionary(colors(), IMAGES, "colors", probe=probe)
    np.testing.assert_array_equal(found.icons["channel 0"], crop_around(probe[1], (9, 2), (12, 12)))
    assert set(found.icons) == {f"channel {row}" for row in np.unique(found.rows[found.values > 0])}
    shown = [e.icon for y in range(12) for e in found.at(0, y, 4) if e.name == "channel 0"]
    assert all(icon is found.icons["channel 0"] for icon in shown)
    assert not found.drawn


def test_what_fires_nowhere_in_the_probe_has_no_icon():
    found = ti.semantic_dictionary(colors(), IMAGES, "colors", probe=np.zeros((1, 12, 12, 3), np.float32))
    assert not found.icons
    assert all(entry.icon is None for entry in found.at(0, 0, 0))


def test_icons_are_drawn():
    found = ti.semantic_dictionary(colors(), IMAGES[:1], "colors", icons="draw", steps=60, size=12, retries=0)
    red = found.icons["channel 0"]
    assert red.shape == (12, 12, 3)
    assert "channel 0" in found.drawn
    assert red[..., 0].mean() > 0.6


def test_groups_fire_by_their_own_weights_and_elsewhere_by_those_that_come_closest():
    model = colors()
    groups = ti.find_groups(model, IMAGES[:3], "colors", 2)
    found = ti.semantic_dictionary(model, IMAGES[:3], "colors", along=groups, top=2)
    read = np.take_along_axis(groups.weights, found.rows, -1)
    np.testing.assert_allclose(found.values, read)
    assert set(found.names) == {"group 0", "group 1"}
    elsewhere = ti.semantic_dictionary(model, IMAGES[3:], "colors", along=groups, top=2)
    fired = np.maximum(IMAGES[3:] @ MATRIX, 0)
    weights = np.apply_along_axis(lambda row: nnls(groups.vectors.T.astype(float), row)[0], -1, fired)
    np.testing.assert_allclose(elsewhere.values, np.take_along_axis(weights, elsewhere.rows, -1), atol=1e-5)


def test_other_directions_fire_by_their_product_whatever_their_length():
    vectors = np.array([[2, 0, 0, 0], [0, 5, 0, 0]])
    found = ti.semantic_dictionary(
        colors(), IMAGES, "colors", along=ti.Directions("colors", vectors, ["red", "green"]), top=2
    )
    np.testing.assert_allclose(np.sort(found.values, -1), np.sort(IMAGES[..., :2], -1), atol=1e-6)
    assert found.at(0, 0, 0)[0].name == ("red" if IMAGES[0, 0, 0, 0] >= IMAGES[0, 0, 0, 1] else "green")


def test_finer_layers_are_averaged_where_that_is_asked_for():
    found = ti.semantic_dictionary(colors(None), IMAGES, "colors", top=4, cells=4)
    means = IMAGES.reshape(4, 4, 3, 4, 3, 3).mean((2, 4)) @ MATRIX
    np.testing.assert_allclose(np.sort(found.values), np.sort(means), atol=1e-5)
    assert any("12 x 12 positions are shown as 4 x 4" in note for note in found.notes)


class ClassToken(L.Layer):
    """Puts a token of zeros before all others."""

    def call(self, x):
        return keras.ops.pad(x, [[0, 0], [1, 0], [0, 0]])


def tokens(class_token):
    """A network of patches: each 4 x 4 patch is a token, its channels are mean colors."""
    x = keras.Input((12, 12, 3))
    y = L.Reshape((9, 3), name="tokens")(L.AveragePooling2D(4)(x))
    y = ClassToken()(y) if class_token else y
    y = L.Dense(3, kernel_initializer="identity", bias_initializer="ones", name="mixed")(y)
    return ti.open_model(keras.Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(y))))


@pytest.mark.parametrize("class_token", [False, True])
def test_tokens_of_pictures_are_a_grid(class_token):
    found = ti.semantic_dictionary(tokens(class_token), IMAGES, "mixed", top=3)
    means = IMAGES.reshape(4, 3, 4, 3, 4, 3).mean((2, 4)) + 1
    assert found.rows.shape == (4, 3, 3, 3)
    np.testing.assert_allclose(found.values, -np.sort(-means, -1), atol=1e-5)
    assert any("grid of 3 x 3" in note for note in found.notes)
    assert (found.class_token is not None) == class_token
    if class_token:
        assert any("class token" in note for note in found.notes)
        assert [entry.value for entry in found.class_token.at(0, 0)] == [1, 1, 1]


@pytest.mark.parametrize("kind", PLACES)
def test_other_inputs_have_all_but_what_cannot_be_shown(kind):
    network, given = make_other(kind)
    model = ti.open_model(network)
    found = ti.semantic_dictionary(model, given, "layer", top=2)
    assert found.rows.shape == (3, *PLACES[kind], 2)
    read = ti.read_activations(model, given, ["layer"])["layer"].reshape(3, *PLACES[kind], 5)
    np.testing.assert_array_equal(np.take_along_axis(read, found.rows, -1), found.values)
    assert bool(found.icons) == (kind == "series")
    assert any(f"takes {kind}" in note for note in found.notes) == (kind != "series")
    assert any("slices" in note for note in found.notes) == (kind == "volumes")
    if kind == "series":
        assert next(iter(found.icons.values())).shape == (3, 2)
        drawn = ti.semantic_dictionary(model, given, "layer", icons="draw", steps=30, limits=(-2, 2))
        assert next(iter(drawn.icons.values())).shape == (9, 2)
    found.plot()


def test_a_plot_marks_the_strongest_position():
    images = np.zeros((1, 12, 12, 3), np.float32)
    images[0, 5, 7] = 1
    figure = ti.semantic_dictionary(colors(), images, "colors").plot()
    assert "position 5,7" in figure.axes[0].get_title()
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts == ["channel 0", "channel 1", "channel 2"]
    figure = ti.semantic_dictionary(colors(), images, "colors").plot(0, (0, 0))
    assert [text.get_text() for text in figure.axes[1].texts] == ["nothing"]


def test_mistakes_are_said_before_any_work():
    model = colors()
    for wrong, message, kind in [
        ({"icons": "photos"}, 'icons must be "crops"', ValueError),
        ({"top": 0}, "top must be 1 or more", ValueError),
        ({"cells": 0}, "cells must be 1 or more", ValueError),
        ({"along": np.eye(4)}, "along must be Directions", TypeError),
        ({"along": ti.Directions("colors", np.eye(3))}, "3 channels", ValueError),
        ({"along": ti.Directions("colors", np.eye(4), ["a", "b", "c", "a"])}, "several called a", ValueError),
        ({"size": 16}, 'size: options of render are for icons="draw"', TypeError),
    ]:
        with pytest.raises(kind, match=message):
            ti.semantic_dictionary(model, IMAGES, "colors", **wrong)
    with pytest.raises(ValueError, match="colours"):
        ti.semantic_dictionary(model, IMAGES, "colours")
    with pytest.raises(TypeError, match="open_model"):
        ti.semantic_dictionary(model.model, IMAGES, "colors")
    found = ti.semantic_dictionary(model, IMAGES, "colors")
    with pytest.raises(IndexError, match="no column 12"):
        found.at(0, 0, 12)
    assert "4 pictures x 12 x 12 positions" in repr(found)


def test_broken_activations_are_said():
    model = colors()
    model.model.get_layer("colors").set_weights([np.full((1, 1, 3, 4), np.nan, np.float32)])
    with pytest.raises(ValueError, match="diverged"):
        ti.semantic_dictionary(model, IMAGES, "colors")
