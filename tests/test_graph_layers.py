"""Which scopes of a graph are layers: of recurrent ones those that Keras itself names, and with the same numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from door_check import compute, relative

from tf_interp import attribute, channel, open_model, render

L = keras.layers


def _tokens(layer):
    tokens = keras.Input((4,), dtype="int32")
    y = layer(L.Embedding(9, 3, mask_zero=True, name="words")(tokens))
    return keras.Model(tokens, L.Dense(2, name="head")(y)), np.array([[1, 2, 3, 0], [4, 0, 0, 0]], np.int32)


def _series(layer):
    x = keras.Input((4, 3))
    series = np.random.default_rng(0).random((2, 4, 3), np.float32)
    return keras.Model(x, L.Dense(2, name="head")(layer(x))), series


def _stack():
    return [L.GRUCell(3, name="low"), L.LSTMCell(2, name="high")]


CASES = {  # network, and which calls of cells both doors list, each with its number
    "loop, masked": (lambda: _tokens(L.GRU(3, return_sequences=True, name="gru")), []),
    "loop, both ways": (lambda: _tokens(L.Bidirectional(L.LSTM(2, name="lstm"), name="both")), []),
    "loop of stacked cells": (lambda: _series(L.RNN(_stack(), name="stack")), []),
    "every step, masked": (
        lambda: _tokens(L.GRU(3, unroll=True, name="gru")),
        [f"gru/gru_cell@{step}" for step in range(4)],
    ),
    "every step, two states": (lambda: _series(L.LSTM(3, unroll=True, name="lstm")), ["lstm/lstm_cell@3"]),
    "every step of stacked cells": (
        lambda: _series(L.RNN(_stack(), unroll=True, name="stack")),
        [*(f"stack/stacked/low@{step}" for step in range(4)), "stack/stacked/high@3", "stack/stacked@3"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_cells_of_a_recurrent_layer(case, tmp_path):
    make, wanted = CASES[case]
    network, inputs = make()
    for layer in network.layers:
        if isinstance(layer, L.RNN) and isinstance(layer.cell, L.StackedRNNCells):
            layer.cell.name = "stacked"
    network.export(tmp_path, verbose=False)
    live, saved = open_model(network), open_model(tmp_path)
    assert [path for path in saved.layers if "cell" in path or "stacked" in path] == wanted
    assert {*saved.layers} <= {*live.layers}
    inner = {path for path in live.layers if path.startswith(("gru/", "lstm/", "stack/"))}
    assert {*wanted} <= inner
    assert all(path.partition("@")[2] for path in inner)  # a step of a loop cannot be read, and there are no others
    direct = compute(network, inputs)
    for model in (live, saved):
        got = model.run(inputs, [*saved.layers])
        for path, value in got.items():
            if path != "output":
                name, _, number = path.partition("@")
                called = [call for call in direct.calls if call.path == name]
                assert relative(value, called[int(number or 0)].outputs[0]) < 1e-5, path


def test_gradients_of_one_loop_for_several_purposes(tmp_path):
    """TensorFlow names the gradient of a loop after the loop: two of other intermediate values must not collide."""
    layers = [L.LSTM(3, return_sequences=True, name="first"), L.LSTM(2, name="second"), L.Dense(2)]
    network = keras.Sequential([keras.Input((4, 3)), *layers])
    network.export(tmp_path, verbose=False)
    inputs = np.random.default_rng(0).random((2, 4, 3), np.float32)
    live, saved = open_model(network), open_model(tmp_path)
    for options in ({"layer": "first"}, {}):
        found, wanted = (attribute(model, inputs, 1, **options).values for model in (saved, live))
        assert relative(found, wanted) < 1e-5
    assert np.isfinite(render(saved, channel("first", 0), steps=2).images).all()  # a third purpose: it once collided


def test_a_cell_that_cannot_be_read_says_why():
    network, _ = _series(L.RNN(_stack(), name="stack"))
    with pytest.raises(ValueError, match="'stack/low' cannot be read: the recurrent layer around it calls it once to"):
        open_model(network).resolve("stack/low")


def test_one_of_several_calls_that_hand_on_more_than_one_tensor(tmp_path):
    """Of two calls of one layer a graph shows the one with one result, and says which it is."""
    x = keras.Input((4, 3))
    attend = L.MultiHeadAttention(1, 2, name="attend")
    first, scores = attend(x, x, return_attention_scores=True)
    y = L.Dense(2, name="head")(
        L.Concatenate(name="joined")([attend(first, first), L.Reshape((4, 4), name="flat")(scores)])
    )
    network = keras.Model(x, y)
    inputs = np.random.default_rng(0).random((2, 4, 3), np.float32)
    network.export(tmp_path, verbose=False)
    saved = open_model(tmp_path)
    assert "attend" not in saved.layers
    wanted = attend(attend(inputs, inputs), attend(inputs, inputs))
    assert relative(saved.run(inputs, ["attend@1"])["attend@1"], wanted) < 1e-5


def test_what_is_computed_for_its_shape_is_no_layer(tmp_path):
    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 3])])
        def serve(self, x):
            with tf.name_scope("shaping"):
                form = tf.square(x) + 1.0
            with tf.name_scope("computing"):
                found = tf.sqrt(x) + tf.zeros_like(form)
            return tf.identity(2.0 * found, "end")

    module = Network()
    tf.saved_model.save(module, tmp_path, signatures=module.serve)
    assert [*open_model(tmp_path).layers] == ["computing", "output"]
