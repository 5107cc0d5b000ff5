"""Padding is measured for each layer: what a mask keeps away from the outputs, not what has the mask's length."""

import keras
import numpy as np
import pytest

from tf_interp import find_groups, open_model, read_activations
from tf_interp.models.batching.padding import find_padding

L, ops = keras.layers, keras.ops
_TRIANGLE = np.tril(np.ones((1, 8, 8), bool))
LENGTHS, OTHERS = np.array([8, 3, 5, 1, 6]), np.array([2, 8, 4, 7, 5])


def _write(lengths, seed=0, first=1):
    tokens = np.random.default_rng(seed).integers(first, 20, (len(lengths), 8))
    return np.where(np.arange(8) < lengths[:, None], tokens, 0).astype(np.int32)


TOKENS, MORE = _write(LENGTHS), _write(OTHERS, 1)
PADDED, MORE_PADDED = TOKENS == 0, MORE == 0
SERIES = np.random.default_rng(2).random((5, 8, 3), np.float32) * ~PADDED[..., None]


def _tokens(name="tokens"):
    return keras.Input((8,), dtype="int32", name=name)


def _mean(x, kept):
    kept = ops.cast(kept, "float32")[..., None]
    return ops.sum(x * kept, 1) / (ops.sum(kept, 1) + 1e-9)


def _block(x, mask, name):
    x = L.LayerNormalization(name=f"{name}_sum")(x + L.MultiHeadAttention(2, 4, name=name)(x, x, attention_mask=mask))
    return L.Add(name=f"{name}_end")([x, L.Dense(8, "gelu", name=f"{name}_dense")(x)])


def _recurrent(layer, pooled):
    x = _tokens()
    y = layer(L.Embedding(20, 6, mask_zero=True, name="words")(x))
    return keras.Model(x, L.Dense(3)(L.GlobalAveragePooling1D()(y) if pooled else L.LayerNormalization(name="norm")(y)))


def _convolution():
    x = _tokens()
    y = L.Conv1D(5, 3, padding="same", name="conv")(L.Embedding(20, 6, name="words")(x))
    return keras.Model(x, L.Dense(3)(_mean(y, ops.not_equal(x, 0))))


def _strided():
    x = _tokens()
    kept = ops.cast(ops.not_equal(x, 0), "float32")[..., None]
    y = L.Conv1D(5, 2, 2, name="conv")(L.Embedding(20, 6, name="words")(x) * kept)
    return keras.Model(x, L.Dense(3)(_mean(L.Dense(5, name="further")(y), ops.not_equal(x, 0)[:, ::2])))


def _behind_masking():
    x = keras.Input((8, 3))
    y = L.Conv1D(5, 2, 2, name="conv")(L.Masking(name="masking")(x))
    return keras.Model(x, L.Dense(3)(L.GlobalAveragePooling1D()(y)))


def _bert(read, kind="int32"):
    x, mask, kinds = _tokens(), keras.Input((8,), dtype=kind, name="mask"), _tokens("kinds")
    y = L.Embedding(20, 8, name="words")(x) + L.Embedding(2, 8, name="kinds_of_words")(kinds)
    y = _block(_block(y, mask[:, None], "first"), mask[:, None], "second")
    return keras.Model({"tokens": x, "mask": mask, "kinds": kinds}, L.Dense(3)(read(y, mask)))


def _by_sum():
    x, mask = _tokens(), _tokens("mask")
    y = L.Embedding(20, 8, name="words")(x)
    scores = ops.matmul(y, ops.transpose(y, (0, 2, 1))) + (1.0 - ops.cast(mask[:, None], "float32")) * -1e9
    y = L.Add(name="added")([y, ops.matmul(ops.softmax(scores), y)])
    return keras.Model({"tokens": x, "mask": mask}, L.Dense(3)(y[:, 0]))


def _by_whole_numbers():
    x = _tokens()
    y = L.Embedding(20, 8, name="words")(x)
    mask = ops.cast(ops.not_equal(x, 0), "int32")
    scores = ops.where(ops.equal(mask[:, None], 0), -1e9, ops.matmul(y, ops.transpose(y, (0, 2, 1))))
    y = L.Add(name="added")([y, ops.matmul(ops.softmax(scores), y)])
    return keras.Model(x, L.Dense(3)(y[:, 0]))


def _left_out_as_numbers():
    x, mask = _tokens(), _tokens("is_padding")
    y = L.LSTM(6, return_sequences=True, name="memory")(L.Embedding(20, 8, name="words")(x))
    return keras.Model({"tokens": x, "is_padding": mask}, L.Dense(3)(_mean(y, 1 - mask)))


def _encoder_decoder(causal=False):
    x, more = _tokens(), _tokens("more")
    kept, kept_more = ops.not_equal(x, 0)[:, None], ops.not_equal(more, 0)[:, None]
    memory = _block(L.Embedding(20, 8, name="words")(x), kept, "encode")
    own = _block(L.Embedding(20, 8, name="asked")(more), kept_more if not causal else kept_more & _TRIANGLE, "decode")
    crossed = L.Add(name="crossed")([own, L.MultiHeadAttention(2, 4, name="cross")(own, memory, attention_mask=kept)])
    return keras.Model({"tokens": x, "more": more}, L.Dense(20, name="next")(crossed))


def _pair():
    x, more = _tokens(), _tokens("more")
    words = L.Embedding(20, 8, mask_zero=True, name="words")
    first, second = (
        L.GRU(5, return_sequences=True, name="one"),
        L.Bidirectional(L.GRU(5, return_sequences=True), name="two"),
    )
    ends = L.GlobalAveragePooling1D()(first(words(x))), L.GlobalAveragePooling1D()(second(words(more)))
    return keras.Model({"tokens": x, "more": more}, L.Dense(3)(L.Concatenate()(ends)))


def _repeating():
    x = _tokens()
    code = L.GRU(6, name="code")(L.Embedding(20, 8, mask_zero=True, name="words")(x))
    y = L.GRU(6, return_sequences=True, name="written")(L.RepeatVector(8, name="repeated")(code))
    return keras.Model(x, L.Dense(20, name="next")(y))


def _causal():
    x = _tokens()
    words = L.Embedding(20, 8, name="words")(x)
    return keras.Model(
        x, L.Dense(3)(L.MultiHeadAttention(2, 4, name="layer")(words, words, use_causal_mask=True)[:, -1])
    )


def _kinds():
    x, kinds = _tokens(), _tokens("kinds")
    y = ops.where(
        ops.equal(kinds, 1)[..., None], L.Embedding(20, 8, name="words")(x), L.Embedding(20, 8, name="others")(x)
    )
    return keras.Model({"tokens": x, "kinds": kinds}, L.Dense(3)(L.GlobalAveragePooling1D()(y)))


def _read_all():
    x, mask = _tokens(), _tokens("mask")
    words = L.Embedding(20, 8, name="words")(x)
    y = L.MultiHeadAttention(2, 4, name="layer")(words, words, attention_mask=ops.cast(mask[:, None], "bool"))
    return keras.Model({"tokens": x, "mask": mask}, L.Dense(3)(L.Flatten()(y)))


_SHORT = np.arange(4)[None] >= (LENGTHS[:, None] + 1) // 2  # windows of 2 that begin behind a text
_BESIDE = np.arange(8)[None] >= LENGTHS[:, None] + 1  # a window of 3 around the last word sees one position more
_PAIR = {"tokens": TOKENS, "more": MORE}
_KINDS = np.tile([0, 0, 1, 1], (5, 2)).astype(np.int32)
_BERT = {"tokens": TOKENS, "mask": (~PADDED).astype(np.int32), "kinds": _KINDS}
_BLOCKS = dict.fromkeys(["words", "first_end", "second"], PADDED)
_READ = {"words": PADDED, "layer": PADDED}
_TAGS = {"layer": PADDED, "norm": PADDED}
_ENCODER = dict.fromkeys(["words", "encode_end"], PADDED)
_DECODER = dict.fromkeys(["asked", "decode_end", "crossed"], MORE_PADDED)
_MASK = {"tokens": TOKENS, "mask": (~PADDED).astype(np.int32)}


def _gated(layer, pooled, tokens=TOKENS, wanted=None):
    return lambda: _recurrent(layer(), pooled), tokens, wanted or (_READ if pooled else _TAGS)


def _gru():
    return L.GRU(5, return_sequences=True, name="layer")


def _both_ways():
    return L.Bidirectional(L.LSTM(5, return_sequences=True), name="layer")


CASES = {
    "LSTM, mean": _gated(lambda: L.LSTM(5, return_sequences=True, name="layer"), True),
    "GRU, tags": _gated(_gru, False),
    "both ways, mean": _gated(_both_ways, True),
    "both ways, tags": _gated(_both_ways, False),
    "padded before": _gated(_gru, True, TOKENS[:, ::-1], dict.fromkeys(["words", "layer"], PADDED[:, ::-1])),
    "a convolution before the mask": (_convolution, TOKENS, {"words": _BESIDE, "conv": PADDED}),
    "shorter": (_strided, TOKENS, {"conv": _SHORT, "further": _SHORT}),
    "a convolution that reads on": (_behind_masking, SERIES, {"conv": None, "masking": None}),
    "BERT, one position": (lambda: _bert(lambda y, _: y[:, 0]), _BERT, _BLOCKS),
    "BERT, mean": (lambda: _bert(_mean), _BERT, _BLOCKS),
    "BERT, tags": (lambda: _bert(lambda y, _: y), _BERT, _BLOCKS),
    "a mask of floats": (lambda: _bert(_mean, "float32"), _BERT | {"mask": (~PADDED).astype(np.float32)}, _BLOCKS),
    "a sum by hand": (_by_sum, _MASK, {"words": PADDED, "added": PADDED}),
    "compared whole numbers": (_by_whole_numbers, TOKENS, {"words": PADDED, "added": PADDED}),
    "what is left out, as numbers": (
        _left_out_as_numbers,
        {"tokens": TOKENS, "is_padding": PADDED.astype(np.int32)},
        {"words": PADDED, "memory": PADDED},
    ),
    "encoder and decoder": (_encoder_decoder, _PAIR, _ENCODER | _DECODER),
    "a causal decoder": (lambda: _encoder_decoder(True), _PAIR, _ENCODER | _DECODER),
    "a pair": (_pair, _PAIR, {"one": PADDED, "two": MORE_PADDED}),
    "what is written anew": (_repeating, TOKENS, {"words": PADDED, "repeated": None, "written": None, "next": None}),
    "causal": (_causal, TOKENS, {"words": None, "layer": None}),
    "kinds": (_kinds, {"tokens": TOKENS, "kinds": _KINDS}, {"words": None, "others": None}),
    "no padding": (lambda: _bert(_mean), _BERT | {"mask": np.ones((5, 8), np.int32)}, {"second_end": None}),
    "a network that reads it": (_read_all, {k: v[:3] for k, v in _MASK.items()}, {"words": None, "layer": None}),
}


SAVED = ["both ways, tags", "shorter", "BERT, tags", "a sum by hand", "encoder and decoder", "a pair", "causal"]


@pytest.mark.filterwarnings("ignore:Layer '(conv|flatten)")
@pytest.mark.parametrize(("case", "door"), [*((case, "live") for case in CASES), *((case, "saved") for case in SAVED)])
def test_padding_of_each_layer(case, door, tmp_path):
    make, inputs, wanted = CASES[case]
    keras.utils.set_random_seed(0)
    network = make()
    if door == "saved":
        network.export(tmp_path, verbose=False)
    model = open_model(tmp_path if door == "saved" else network)
    for path, padded in wanted.items():
        found = find_padding(model, inputs, path)
        if padded is None:
            assert found is None, path
        else:
            np.testing.assert_array_equal(found, padded, err_msg=path)


def test_means_and_groups_are_those_of_texts_without_padding():
    keras.utils.set_random_seed(0)
    x, mask = keras.Input((None,), dtype="int32", name="tokens"), keras.Input((None,), dtype="int32", name="mask")
    y = _block(L.Embedding(20, 8, name="words")(x), mask[:, None], "block")
    model = open_model(keras.Model({"tokens": x, "mask": mask}, L.Dense(3)(_mean(y, mask))))
    padded = {"tokens": TOKENS, "mask": (~PADDED).astype(np.int32)}
    means = read_activations(model, padded, ["block_end"], pooling="mean")["block_end"]
    groups = find_groups(model, padded, "block_end", 2, method="semi_nmf")
    rows = []
    for row, length in enumerate(LENGTHS):
        alone = {"tokens": TOKENS[row : row + 1, :length], "mask": np.ones((1, length), np.int32)}
        rows.append(np.asarray(model.run(alone, ["block_end"])["block_end"])[0])
        np.testing.assert_allclose(means[row], rows[-1].mean(0), rtol=1e-4, atol=1e-6)
    activations, weights = np.concatenate(rows), groups.weights[:, 0][~PADDED]
    rest = np.linalg.norm(activations - weights @ groups.vectors) / np.linalg.norm(activations)
    assert groups.error == pytest.approx(rest, rel=1e-3)
    assert not groups.weights[:, 0][PADDED].any()
