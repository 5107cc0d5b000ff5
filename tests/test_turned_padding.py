"""Padding of layers whose positions stand in another order than those of the mask: reversed, or rolled."""

import keras
import numpy as np
import pytest

from tf_interp import find_groups, open_model, read_activations
from tf_interp.models.batching.padding import find_padding

L, ops = keras.layers, keras.ops
TOKENS = np.random.default_rng(0).integers(1, 40, (6, 8)).astype(np.int32)
TOKENS[np.arange(8) >= np.arange(2, 8)[:, None]] = 0
PADDED = TOKENS == 0
_ORDER = np.array([3, 6, 1, 4, 7, 0, 2, 5])


def _recurrent(layer):
    x = keras.Input((8,), dtype="int32")
    return keras.Model(
        x, L.Dense(2)(L.GlobalAveragePooling1D()(layer(L.Embedding(40, 8, mask_zero=True, name="words")(x))))
    )


def _both_ways():
    return _recurrent(L.Bidirectional(L.LSTM(5, return_sequences=True, name="l"), name="bi"))


def _backwards():
    x = keras.Input((8,), dtype="int32")
    y = L.LSTM(5, return_sequences=True, go_backwards=True, name="layer")(L.Embedding(40, 8, mask_zero=True)(x))
    kept = ops.cast(ops.not_equal(x, 0), "float32")[:, ::-1, None]
    return keras.Model(x, L.Dense(2)(ops.sum(y * kept, 1)))


def _turned(turn):
    x = keras.Input((8,), dtype="int32")
    y = L.Dense(5, name="layer")(turn(L.Embedding(40, 8, name="words")(x)))
    kept = turn(ops.cast(ops.not_equal(x, 0), "float32")[..., None])
    return keras.Model(x, L.Dense(2)(ops.sum(y * kept, 1)))


def _flip(x):
    return x[:, ::-1]


def _roll(x):
    return ops.roll(x, 3, axis=1)


def _permute(x):
    return ops.concatenate([x[:, place : place + 1] for place in _ORDER], 1)


CASES = {
    "both ways": (_both_ways, "bi/backward_l", TOKENS, PADDED[:, ::-1]),
    "both ways, padded before": (_both_ways, "bi/backward_l", TOKENS[:, ::-1], PADDED),
    "both ways, forward": (_both_ways, "bi/forward_l", TOKENS, PADDED),
    "backwards": (_backwards, "layer", TOKENS, PADDED[:, ::-1]),
    "flipped": (lambda: _turned(_flip), "layer", TOKENS, PADDED[:, ::-1]),
    "rolled": (lambda: _turned(_roll), "layer", TOKENS, np.roll(PADDED, 3, 1)),
    "before a roll": (lambda: _turned(_roll), "words", TOKENS, PADDED),
}


@pytest.mark.parametrize(
    ("case", "door"), [*((case, "live") for case in CASES), ("both ways", "saved"), ("rolled", "saved")]
)
def test_padding_is_found_where_it_stands(case, door, tmp_path):
    make, path, tokens, padded = CASES[case]
    keras.utils.set_random_seed(1)
    network = make()
    if door == "saved":
        network.export(tmp_path, verbose=False)
    model = open_model(tmp_path if door == "saved" else network)
    np.testing.assert_array_equal(find_padding(model, tokens, path), padded)
    for row in range(len(tokens)):  # a text alone has the same padding
        alone = find_padding(open_model(network) if door == "live" and row == 0 else model, tokens[row : row + 1], path)
        np.testing.assert_array_equal(alone, padded[row : row + 1])
    groups = find_groups(model, tokens, path, 2)
    assert any("21 of 48 positions are padding" in note and "left out" in note for note in groups.notes)
    values, kept = np.asarray(model.run(tokens, [path])[path]), ~padded[..., None]
    means = read_activations(model, tokens, [path], pooling="mean")[path]
    np.testing.assert_allclose(means, (values * kept).sum(1) / kept.sum(1), rtol=1e-4, atol=1e-6)


def test_positions_in_an_order_that_is_not_followed_all_count():
    keras.utils.set_random_seed(1)
    model = open_model(_turned(_permute))
    assert find_padding(model, TOKENS, "layer") is None
    np.testing.assert_array_equal(find_padding(model, TOKENS, "words"), PADDED)
    notes = find_groups(model, TOKENS, "layer", 2).notes
    assert any(note.startswith("21 of 48 positions are padding") and "all of them count" in note for note in notes)


def test_an_output_in_another_order_is_not_left_out_in_part():
    keras.utils.set_random_seed(1)
    x = keras.Input((8,), dtype="int32")
    words = L.Embedding(40, 8, mask_zero=True, name="words")(x)
    y = L.GRU(5, return_sequences=True, go_backwards=True, name="layer")(words)
    model = open_model(keras.Model(x, y))
    found = find_padding(model, TOKENS, "layer")
    assert found is None or np.array_equal(found, PADDED[:, ::-1])
