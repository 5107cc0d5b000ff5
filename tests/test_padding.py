"""Positions that a network's own masks leave out are found through every door, and left out of groups."""

import keras
import numpy as np
import pytest

from tf_interp import find_groups, open_model
from tf_interp.models.batching.padding import find_padding

L = keras.layers
TOKENS = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [1, 7, 1, 1, 1], [2, 0, 0, 0, 0]], np.int32)
SERIES = np.random.default_rng(0).random((4, 5, 3), np.float32) * (TOKENS != 0)[..., None]


def _embed(behind, dtype="int32"):
    x = keras.Input((5,), dtype=dtype)
    return keras.Model(x, L.Dense(2)(behind(L.Embedding(9, 4, mask_zero=True, name="words")(x))))


def _attend(tokens):
    return L.GlobalAveragePooling1D()(L.MultiHeadAttention(2, 2, name="layer")(tokens, tokens))


def _masking():
    x = keras.Input((5, 3))
    return keras.Model(x, L.Dense(2)(L.LSTM(4, return_sequences=True, name="layer")(L.Masking()(x))))


def _given():
    x, padding = keras.Input((5,), dtype="int32", name="tokens"), keras.Input((5,), dtype="int32", name="mask")
    words, mask = L.Embedding(9, 4)(x), keras.ops.expand_dims(keras.ops.cast(padding, "bool"), 1)
    y = L.MultiHeadAttention(2, 2, name="layer")(words, words, attention_mask=mask)
    return keras.Model({"tokens": x, "mask": padding}, L.Dense(2)(y))


CASES = {
    "tokens": (lambda: _embed(L.GRU(4, return_sequences=True, name="layer")), TOKENS),
    "tokens as floats": (
        lambda: _embed(L.GRU(4, return_sequences=True, name="layer"), "float32"),
        TOKENS.astype(np.float32),
    ),
    "attention": (lambda: _embed(_attend), TOKENS),
    "masking": (_masking, SERIES),
    "a mask of its own": (_given, {"tokens": TOKENS, "mask": (TOKENS != 0).astype(np.int32)}),
}


@pytest.fixture(params=["live", "saved"])
def opened(request, tmp_path):
    def open_one(network):
        keras.utils.set_random_seed(0)
        if request.param == "live":
            return open_model(network)
        network.export(tmp_path, verbose=False)
        return open_model(tmp_path)

    return open_one


@pytest.mark.parametrize("case", CASES)
def test_groups_are_of_what_is_no_padding(case, opened):
    make, inputs = CASES[case]
    model = opened(make())
    np.testing.assert_array_equal(find_padding(model, inputs)[5], TOKENS == 0)
    groups = find_groups(model, inputs, "layer", 2, method="nmf")
    assert any("9 of 20 positions are padding by the network's own mask: they were left out" in n for n in groups.notes)
    assert not groups.weights[:, 0][TOKENS == 0].any()
    rows = np.maximum(np.asarray(model.run(inputs, ["layer"])["layer"])[TOKENS != 0], 0)
    rest = rows - groups.weights[:, 0][TOKENS != 0] @ groups.vectors
    assert groups.error == pytest.approx(np.linalg.norm(rest) / np.linalg.norm(rows), rel=1e-3)


def test_a_layer_of_other_positions_counts_all_and_says_so(opened):
    model = opened(_embed(lambda x: L.Dense(4, name="layer")(L.GRU(4)(x))))
    assert any("but layer has other positions" in note for note in find_groups(model, TOKENS, "layer", 2).notes)


@pytest.mark.filterwarnings("ignore:Layer 'flatten")
def test_a_mask_that_nothing_reads_leaves_nothing_out(opened):
    model = opened(_embed(L.Flatten(name="flatten")))
    assert find_padding(model, TOKENS) == {}
