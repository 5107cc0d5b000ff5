"""Positions that a network's own masks leave out are found through every door, and left out of groups."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp import (
    compare_groupings,
    find_groups,
    judge_groups,
    open_model,
    read_activations,
    scan_groups,
    stream_groups,
    tcav,
)
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
    kept = keras.ops.cast(padding, "float32")[..., None]
    return keras.Model({"tokens": x, "mask": padding}, L.Dense(2)(keras.ops.sum(y * kept, 1)))


def _by_hand():
    x = keras.Input((5,), dtype="int32")
    words = L.Embedding(9, 4, name="layer")(x)
    kept = keras.ops.cast(keras.ops.not_equal(x, 0), "float32")
    return keras.Model(x, L.Dense(2)(keras.ops.sum(words * kept[..., None], 1)))


def _left_out():
    x, padding = keras.Input((5,), dtype="int32", name="tokens"), keras.Input((5,), dtype="bool", name="is_padding")
    words = L.Embedding(9, 4, name="layer")(x)
    scores = keras.ops.where(padding[:, None], -1e9, L.Dot(2)([words, words]))
    y = L.Add()([words, L.Dot((2, 1))([L.Softmax()(scores), words])])
    return keras.Model({"tokens": x, "is_padding": padding}, L.Dense(2)(y[:, 0]))


CASES = {
    "tokens": (lambda: _embed(L.GRU(4, return_sequences=True, name="layer")), TOKENS),
    "tokens as floats": (
        lambda: _embed(L.GRU(4, return_sequences=True, name="layer"), "float32"),
        TOKENS.astype(np.float32),
    ),
    "attention": (lambda: _embed(_attend), TOKENS),
    "masking": (_masking, SERIES),
    "a mask of its own": (_given, {"tokens": TOKENS, "mask": (TOKENS != 0).astype(np.int32)}),
    "a sum by hand": (_by_hand, TOKENS),
    "what is left out": (_left_out, {"tokens": TOKENS, "is_padding": TOKENS == 0}),
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
    np.testing.assert_array_equal(find_padding(model, inputs, "layer"), TOKENS == 0)
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
    assert find_padding(model, TOKENS, "words") is None


@pytest.mark.parametrize("case", ["attention", "a mask of its own"])
def test_means_and_concept_tests_are_of_what_is_no_padding(case, opened):
    make, inputs = CASES[case]
    model = opened(make())
    whole = read_activations(model, inputs, ["layer"])["layer"]
    wanted = np.stack([row[kept].mean(0) for row, kept in zip(whole, TOKENS != 0, strict=True)])
    got = read_activations(model, inputs, ["layer"], pooling="mean", batch_size=3)["layer"]
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    cut = {"tokens": TOKENS[:3], "mask": (TOKENS[:3] != 0).astype(np.int32)} if isinstance(inputs, dict) else TOKENS[:3]
    test = tcav(model, {"c": _repeat(cut, 1)}, _repeat(cut, 3), {0: inputs}, "layer", permutations=99, bootstraps=20)
    assert any("padding by the network's own mask: they do not count in means" in note for note in test.notes)
    values, slopes = test.state.values["layer"], test.state.slopes[0].gradients["layer"]
    assert not np.allclose(values[0], whole[0].mean(0))
    with tf.GradientTape() as tape:
        activation = tf.constant(whole)
        tape.watch(activation)
        logit = model.run(inputs, ["output"], {"layer": activation})["output"][:, 0]
    expected = (np.asarray(tape.gradient(logit, activation)) * (TOKENS != 0)[..., None]).sum(1)
    np.testing.assert_allclose(slopes, expected, rtol=1e-4, atol=1e-6)


def _repeat(inputs, seed):
    if isinstance(inputs, dict):
        tokens = _repeat(inputs["tokens"], seed)
        return {"tokens": tokens, "mask": (tokens != 0).astype(np.int32)}
    return np.where(inputs != 0, np.random.default_rng(seed).integers(1, 9, (4, *inputs.shape)), 0).reshape(-1, 5)


def test_streamed_groups_are_those_of_find_groups(opened):
    model = opened(_embed(L.GRU(4, return_sequences=True, name="layer")))
    wanted = find_groups(model, TOKENS, "layer", 2, method="nmf")
    groups = stream_groups(model, [TOKENS[:3], TOKENS[3:]], "layer", 2, method="nmf", keep=3)
    np.testing.assert_allclose(groups.weights, wanted.weights[:3], rtol=1e-3, atol=1e-5)
    assert groups.error == pytest.approx(wanted.error, rel=1e-3)
    assert any("9 of 20 positions are padding" in note for note in groups.notes)


def test_cards_and_scans_are_of_what_is_no_padding():
    keras.utils.set_random_seed(0)
    model = open_model(_embed(L.GRU(4, return_sequences=True, name="layer")))
    lengths = np.random.default_rng(0).integers(2, 6, (24, 1))
    tokens = np.where(np.arange(5) < lengths, np.random.default_rng(1).integers(1, 9, (24, 5)), 0)
    rows = np.asarray(model.run(tokens, ["layer"])["layer"])[tokens != 0]
    groups = find_groups(model, tokens, "layer", 2, method="semi_nmf")
    (card,) = compare_groupings(model, tokens, "layer", 2, methods=["semi_nmf"], refits=1).cards
    rest = rows - groups.weights[:, 0][tokens != 0] @ groups.vectors
    assert card.r2 == pytest.approx(1 - (rest**2).sum() / ((rows - rows.mean(0)) ** 2).sum(), abs=1e-4)
    assert judge_groups(model, tokens, groups, refits=1).r2 == pytest.approx(card.r2, abs=1e-4)
    assert any("positions are padding" in note for note in card.notes)
    scan = scan_groups(model, tokens, "layer", [2], method="semi_nmf", resamples=1)
    assert scan.error[0] == pytest.approx(groups.error, rel=1e-4)
    assert any("positions are padding" in note for note in scan.notes)


def test_a_row_that_is_padding_throughout_keeps_its_mean(opened):
    model = opened(_embed(_attend))
    tokens = np.array([[0, 0, 0, 0, 0], [1, 2, 0, 0, 0]], np.int32)
    alone, both = (
        read_activations(model, item, ["layer"], pooling="mean")["layer"][0] for item in (tokens[:1], tokens)
    )
    assert np.isfinite(both).all()
    np.testing.assert_allclose(alone, both, rtol=1e-5)
