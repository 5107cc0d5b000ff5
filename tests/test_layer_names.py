"""Sides of layers that are not known while the number of pictures is open, and are for any number of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import pictures

from tf_interp import open_model
from tf_interp.models.layer_names import fill_sides

L = keras.layers


class Rows(L.Layer):
    """Positions in a row, as people write it: the rest is -1."""

    def call(self, x):
        return tf.reshape(x, [tf.shape(x)[0], -1, 3])


class Turned(L.Layer):
    """The batch axis comes second."""

    def call(self, x):
        return tf.transpose(x, [1, 0, 2])


class Above(L.Layer):
    """As many rows as there are bright ones."""

    def call(self, x):
        return tf.boolean_mask(x, tf.reduce_min(x, [0, 2]) > 0.001, axis=1)


class Own(keras.Model):
    """A subclassed network."""

    def __init__(self):
        super().__init__()
        self.rows, self.pool, self.head = Rows(name="rows"), L.GlobalAveragePooling1D(name="pool"), L.Dense(2)

    def call(self, x):
        return self.head(self.pool(self.rows(x)))


def _network(*layers):
    return keras.Sequential([keras.Input((8, 8, 3)), *layers])


def _open(network, door, folder):
    if door == "live":
        return open_model(network)
    network.export(folder / "saved", verbose=False)
    return open_model(folder / "saved")


def _notes(model):
    return [note for note in model.notes if "not known before it runs" in note]


@pytest.mark.parametrize("door", ["live", "saved"])
def test_sides_are_those_of_any_number_of_pictures(door, tmp_path):
    network = _network(Rows(name="rows"), L.ReLU(name="relu"), L.Conv1D(4, 3, name="conv"))
    model = _open(network, door, tmp_path)
    got = model.run(pictures(), ["rows", "relu", "conv", "output"])
    for name, value in got.items():
        assert model.layers[name] == value.shape[1:], name
    assert model.head().shape == (62, 4)
    assert _notes(model) == []


@pytest.mark.parametrize("door", ["live", "saved"])
def test_sides_of_a_subclassed_network(door, tmp_path):
    network = Own()
    network(pictures())
    assert _open(network, door, tmp_path).layers["rows"] == (64, 3)


@pytest.mark.parametrize("door", ["live", "saved"])
def test_a_side_that_is_the_number_of_pictures_stays_open(door, tmp_path):
    network = _network(Rows(name="rows"), Turned(name="turned"), Turned(name="back"), L.Dense(2, name="head"))
    model = _open(network, door, tmp_path)
    assert model.layers["turned"] == (None, 3)
    assert model.layers["back"] == (64, 3)
    (note,) = _notes(model)
    assert "['turned']" in note


def test_a_side_that_depends_on_what_is_seen_stays_open_and_is_told():
    model = open_model(_network(Rows(name="rows"), Above(name="above"), L.GlobalMaxPooling1D(), L.Dense(2)))
    assert model.layers["above"] == (None, 3)
    (note,) = _notes(model)
    assert "['above']" in note


def test_what_comes_out_of_a_loop_of_a_file_stays_open_and_is_told(tmp_path):
    network = _network(Rows(name="rows"), L.LSTM(4, return_sequences=True, name="memory"), L.GlobalMaxPooling1D())
    assert open_model(network).layers["memory"] == (64, 4)
    model = _open(network, "saved", tmp_path)
    (note,) = _notes(model) if model.layers["memory"] == (None, 4) else ["['memory']"]
    assert "'memory'" in note


def test_open_inputs_are_nothing_to_tell():
    x = keras.Input((None, None, 3))
    model = open_model(keras.Model(x, L.GlobalAveragePooling2D()(L.Conv2D(4, 3, name="conv")(x))))
    assert model.layers["conv"] == (None, None, 4)
    assert _notes(model) == []


def test_only_what_all_agree_in_is_filled_in():
    assert fill_sides((None, 3), [(64, 3), (64, 3)]) == (64, 3)
    assert fill_sides((None, 3), [(2, 3), (3, 3)]) == (None, 3)
    assert fill_sides((None, 3), [(64, 3), (3,)]) == (None, 3)
    assert fill_sides((None,), [(None,), (None,)]) == (None,)
    assert fill_sides((None,), []) == (None,)
    assert np.prod(fill_sides((2, None), [(2, 5)])) == 10
