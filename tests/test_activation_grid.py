"""`activation_grid`: what stands for each position, against networks whose answer is known."""

import keras
import numpy as np
import pytest
from other_inputs import PLACES, make_other

import tf_interp as ti
from tf_interp.images import crop_around
from tf_interp.interfaces.activation_grid import find_sources

L = keras.layers
RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 12, 12, 3), np.float32)


def copy_network():
    """The first layer is the picture, the second its mean over 3 x 3 pixels."""
    x = keras.Input((12, 12, 3))
    first = L.Activation("linear", name="pixels")(x)
    second = L.AveragePooling2D(3, name="blocks")(first)
    return ti.open_model(keras.Model(x, L.Dense(2)(L.GlobalAveragePooling2D()(second))))


@pytest.fixture(scope="module")
def model():
    return copy_network()


def test_the_closest_position_of_another_picture_stands_for_each(model):
    grid = ti.activation_grid(model, IMAGES, ["blocks"])
    layer = grid.layers["blocks"]
    values = IMAGES.reshape(3, 4, 3, 4, 3, 3).mean((2, 4))
    units = values / np.linalg.norm(values, axis=-1, keepdims=True)
    for picture, y, x in np.ndindex(3, 4, 4):
        cosines = np.einsum("c,nhwc->nhw", units[picture, y, x], units)
        cosines[picture] = -1
        best = np.unravel_index(cosines.argmax(), cosines.shape)
        assert tuple(layer.sources.rows[picture, y, x]) == best
        np.testing.assert_allclose(layer.sources.likeness[picture, y, x], cosines.max(), atol=1e-6)
    np.testing.assert_allclose(layer.magnitudes, np.linalg.norm(values, axis=-1), atol=1e-6)
    flat = units.reshape(-1, 3)
    np.testing.assert_allclose(layer.sources.typical, (flat @ flat.T).mean(), atol=1e-5)
    row, *place = layer.sources.rows[0, 1, 2]
    np.testing.assert_array_equal(layer.cell(0, 1, 2), crop_around(IMAGES[row], place, (4, 4)))


def test_a_color_is_found_in_the_probe_however_bright(model):
    """The length of a vector does not count, only where it points."""
    images = np.zeros((1, 12, 12, 3), np.float32)
    images[0, :6], images[0, 6:] = (0.2, 0, 0), (0, 0.3, 0)
    probe = np.zeros((2, 12, 12, 3), np.float32)
    probe[0, 5, 5], probe[1, 8, 1] = (0, 1, 0), (1, 0, 0)
    sources = ti.activation_grid(model, images, ["pixels"], probe=probe).layers["pixels"].sources
    assert (sources.rows[0, :6] == (1, 8, 1)).all()
    assert (sources.rows[0, 6:] == (0, 5, 5)).all()


def test_a_picture_that_is_in_the_probe_too_does_not_stand_for_itself(model):
    grid = ti.activation_grid(model, IMAGES[1:2], ["blocks"], probe=IMAGES)
    assert not (grid.layers["blocks"].sources.rows[..., 0] == 1).any()
    assert not grid.notes
    alone = ti.activation_grid(model, IMAGES[:1], ["blocks"])
    sources = alone.layers["blocks"].sources
    itself = np.stack(np.indices((4, 4)), -1)
    assert not (sources.rows[0, ..., 1:] == itself).all(-1).any()
    assert any("one picture only" in note for note in alone.notes)


def test_blocks_of_cosines_change_nothing(monkeypatch):
    values = RNG.normal(size=(2, 3, 5, 4)).astype(np.float32)
    whole = find_sources(values, values, np.arange(2))
    monkeypatch.setitem(find_sources.__globals__, "_BLOCK", 70)
    parts = find_sources(values, values, np.arange(2))
    np.testing.assert_array_equal(whole.rows, parts.rows)
    alone = find_sources(values[:1], values[:1], np.zeros(1, int))
    assert not (alone.rows[0, ..., 1:] == np.stack(np.indices((3, 5)), -1)).all(-1).any()


def test_the_same_place_in_all_layers(model):
    grid = ti.activation_grid(model, IMAGES, ["pixels", "blocks"], cells=12)
    pixels, blocks = grid.magnify(1, 7, 2)
    assert (pixels.layer, pixels.y, pixels.x) == ("pixels", 7, 2)
    assert (blocks.layer, blocks.y, blocks.x) == ("blocks", 2, 0)
    assert blocks.magnitude == grid.layers["blocks"].magnitudes[1, 2, 0]
    assert 0 < blocks.likeness <= 1.0001
    np.testing.assert_array_equal(blocks.picture, grid.layers["blocks"].cell(1, 2, 0))
    back, _ = grid.magnify(1, 2, 0, layer="blocks")
    assert (back.y, back.x) == (7, 1)
    with pytest.raises(IndexError, match="no position"):
        grid.magnify(0, 12, 0)


def test_activation_vectors_are_drawn(model):
    images = np.zeros((1, 12, 12, 3), np.float32)
    images[0, :, :6], images[0, :, 6:] = (0.8, 0, 0), (0, 0, 0.8)
    images[0, :3, :3] = 0
    quick = {"transforms": (), "param": ti.Pixel(decorrelate=False), "learning_rate": 0.5}
    grid = ti.activation_grid(model, images, ["blocks"], icons="draw", steps=30, cells=2, retries=0, **quick)
    layer = grid.layers["blocks"]
    assert layer.drawn.shape == (1, 2, 2, 12, 12, 3)  # of two positions a crop is all
    assert layer.sources is None
    assert layer.drawn[0, 1, 0, ..., 0].mean() > layer.drawn[0, 1, 0, ..., 2].mean() + 0.1
    assert layer.drawn[0, 1, 1, ..., 2].mean() > layer.drawn[0, 1, 1, ..., 0].mean() + 0.1
    silent = ti.activation_grid(model, images, ["blocks"], icons="draw", steps=1, retries=0).layers["blocks"]
    assert (silent.drawn[0, 0, 0] == 0.5).all()
    assert silent.magnitudes[0, 0, 0] == 0
    assert any("silent" in note for note in ti.activation_grid(model, 0 * images, ["blocks"], icons="draw").notes)


def test_cells_are_as_large_as_their_vectors_are_long(model):
    images = IMAGES.copy()
    images[0, :3, :3] = 0
    images[0, 3:6, 3:6] /= 4
    grid = ti.activation_grid(model, images, ["blocks"])
    sheet = grid.layers["blocks"].compose(0)
    cells = (sheet[..., 3] > 0).reshape(4, 48, 4, 48).sum((1, 3))
    lengths = grid.layers["blocks"].magnitudes[0]
    np.testing.assert_allclose(cells / 48**2, lengths / lengths.max(), atol=0.04)
    assert cells[0, 0] == 0
    assert cells.max() == 48**2
    assert len(grid.plot().axes) == 1


@pytest.mark.parametrize("kind", PLACES)
def test_other_inputs_have_all_but_what_cannot_be_shown(kind):
    network, given = make_other(kind)
    model = ti.open_model(network)
    grid = ti.activation_grid(model, given, ["layer"])
    layer = grid.layers["layer"]
    read = ti.read_activations(model, given, ["layer"])["layer"]
    np.testing.assert_allclose(layer.magnitudes.ravel(), np.linalg.norm(read, axis=-1).ravel(), atol=1e-5)
    assert any(f"takes {kind}" in note for note in grid.notes) == (kind != "series")
    y, x = np.unravel_index(layer.magnitudes[0].argmax(), layer.magnitudes[0].shape)
    cell = grid.magnify(0, y, x)[0].picture
    assert cell.shape == (3, 2) if kind == "series" else cell is None
    grid.plot()


def test_mistakes_are_said_before_any_work(model):
    for wrong, message, kind in [
        ({"icons": None}, "made of pictures", ValueError),
        ({"icons": "photos"}, 'icons must be "crops"', ValueError),
        ({"cells": 0}, "cells must be 1 or more", ValueError),
        ({"size": 16}, 'icons="draw"', TypeError),
    ]:
        with pytest.raises(kind, match=message):
            ti.activation_grid(model, IMAGES, ["blocks"], **wrong)
    with pytest.raises(TypeError, match="list of layer names"):
        ti.activation_grid(model, IMAGES, "blocks")
    with pytest.raises(ValueError, match="at least one layer"):
        ti.activation_grid(model, IMAGES, [])
    assert repr(ti.activation_grid(model, IMAGES, ["blocks"])) == "ActivationGrid(3 pictures by crops: 'blocks' 4 x 4)"
