"""What no logit is, is not called one: of every end that a network may have, live and as SavedModel."""

import keras
import numpy as np
import pytest

from tf_interp import Probe, open_model
from tf_interp.models.outputs.heads import Head

L, ops = keras.layers, keras.ops
FACTORS = np.array([1, 0.5, -1, 2], np.float32)
X = np.random.default_rng(2).normal(size=(16, 6)).astype(np.float32)


def _row(function, y):
    return function(y, axis=-1, keepdims=True)


def _attend(y, act):
    """Return what the first of four positions gathers from values of all."""
    queries = y[:, :, None] * np.float32([1, -0.5])
    return L.Attention()([queries, act(y[:, :, None] * FACTORS), queries])[:, 0]


def _eye():
    return np.eye(4, dtype=np.float32)


# end -> what is made of four numbers, kind, quantity, words of the caution
ENDS = {
    "numbers": (lambda y: y, "multiclass", "logit", None),
    "two branches": (lambda y: y + 2 * y[:, ::-1], "multiclass", "logit", None),
    "largest taken off": (lambda y: y - _row(ops.max, y), "multiclass", "logit", None),
    "normalized": (lambda y: L.LayerNormalization()(y), "multiclass", "logit", None),
    "gelu": (ops.gelu, "multiclass", "logit", None),
    "temperature": (lambda y: ops.softmax(y / 2.5), "multiclass", "logit", None),
    "at most": (lambda y: ops.cumsum(ops.softmax(y), -1), "regression", "number", "never fall from one to the next"),
    "more than": (
        lambda y: 1 - ops.cumsum(ops.softmax(y), -1),
        "regression",
        "number",
        "the largest is always the fir",
    ),
    "steps": (lambda y: ops.cumsum(ops.softplus(y), -1)[:, :3], "regression", "number", "these are no logits"),
    "by a triangle": (
        lambda y: ops.matmul(ops.softmax(y), np.triu(np.ones((4, 4), np.float32))),
        "regression",
        "number",
        "the largest is always the last",
    ),
    "sorted": (lambda y: ops.sort(ops.softmax(y), -1), "regression", "number", "never fall from one to the next"),
    "ordinal sigmoids": (lambda y: ops.sigmoid(-ops.cumsum(ops.softplus(y), -1)), "multilabel", "logit", "never rise"),
    "part of largest": (
        lambda y: (lambda p: p / _row(ops.max, p))(ops.sigmoid(y)),
        "multiclass",
        "number",
        "all outputs lie in [0,1]",
    ),
    "part of largest class": (
        lambda y: (lambda p: p / _row(ops.max, p))(ops.softmax(y)),
        "multiclass",
        "number",
        "all outputs lie in [0,1]",
    ),
    "part of sum": (
        lambda y: (lambda p: p / _row(ops.sum, p))(ops.sigmoid(y)),
        "multiclass",
        "probability",
        "sum to one",
    ),
    "least to largest": (
        lambda y: (y - _row(ops.min, y)) / (_row(ops.max, y) - _row(ops.min, y)),
        "multiclass",
        "number",
        "all outputs lie in [0,1]",
    ),
    "label smoothing": (lambda y: 0.9 * ops.softmax(y) + 0.025, "multiclass", "probability", "sum to one"),
    "mixed by a gate": (
        lambda y: ops.sigmoid(y[:, :1]) * ops.softmax(y) + (1 - ops.sigmoid(y[:, :1])) * ops.softmax(-y),
        "multiclass",
        "probability",
        "sum to one",
    ),
    "log of a mixture": (
        lambda y: ops.log(ops.sigmoid(y[:, :1]) * ops.softmax(y) + (1 - ops.sigmoid(y[:, :1])) * ops.softmax(-y)),
        "multiclass",
        "log-probability",
        "the exponentials of the outputs sum to one",
    ),
    "log-sigmoid": (ops.log_sigmoid, "multilabel", "logit", None),
    "minus softplus": (lambda y: -ops.softplus(y), "multilabel", "logit", None),
    "log of sigmoid": (lambda y: ops.log(ops.sigmoid(y) + 1e-7), "multilabel", "logit", None),
    "log of softmax": (lambda y: ops.log(ops.softmax(y)), "multiclass", "logit", None),
    "log of clipped": (lambda y: ops.log(ops.clip(ops.softmax(y), 1e-7, 1)), "multiclass", "logit", None),
    "less logsumexp": (lambda y: y - ops.logsumexp(y, -1, keepdims=True), "multiclass", "logit", None),
    "less log of sum": (lambda y: y - ops.log(_row(ops.sum, ops.exp(y))), "multiclass", "logit", None),
    "log-odds": (lambda y: (lambda p: ops.log(p / (1 - p)))(ops.sigmoid(y)), "multilabel", "logit", None),
    "log-odds of clipped": (
        lambda y: (lambda p: ops.log(p) - ops.log(1 - p))(ops.clip(ops.sigmoid(y), 1e-6, 1 - 1e-6)),
        "multilabel",
        "logit",
        None,
    ),
    "minus log": (lambda y: -ops.log(ops.softmax(y)), "multiclass", "number", "is ever negative"),
    "cut below half": (lambda y: ops.clip(ops.sigmoid(y), 0, 0.4), "multiclass", "number", "all outputs lie in [0,1]"),
    "cut at a third": (lambda y: ops.maximum(ops.softmax(y), 0.3), "multiclass", "number", "all outputs lie in [0,1]"),
    "cut": (lambda y: ops.clip(ops.sigmoid(y), 0.3, 0.9), "multilabel", "logit", "is clipped to [0.3, 0.9] behind"),
    "cut classes": (lambda y: ops.minimum(ops.softmax(y), 0.5), "multiclass", "logit", "is clipped to [0, 0.5] behind"),
    "cut for safety": (lambda y: ops.clip(ops.sigmoid(y), 1e-4, 1 - 1e-4), "multilabel", "logit", None),
    "scaled and scaled back": (lambda y: L.Rescaling(0.01)(ops.softmax(y) * 100), "multiclass", "logit", None),
    "mean and deviation": (
        lambda y: ops.concatenate([y[:, :2], ops.softplus(y[:, 2:])], -1),
        "regression",
        "number",
        "it joins other numbers and numbers that are never negative",
    ),
    "larger of two": (
        lambda y: ops.maximum(ops.softmax(y), ops.softmax(-y)),
        "multiclass",
        "number",
        "all outputs lie in [0,1]",
    ),
    "twice": (lambda y: ops.softmax(ops.softmax(y)), "multiclass", "logit", "stood there twice"),
    "tanh": (ops.tanh, "multiclass", "number", "lie between -1 and 1"),
    "by its square": (lambda y: y / (1 + y**2), "multiclass", "number", "lie between -0.5 and 0.5"),
    "by a root": (lambda y: y / ops.sqrt(1 + ops.square(y)), "multiclass", "number", "lie between -1 and 1"),
    "scaled to length": (
        lambda y: 16 * y / ops.sqrt(_row(ops.sum, ops.square(y)) + 1e-12),
        "multiclass",
        "number",
        "lie between -16 and 16",
    ),
    "scaled to length, by a layer": (lambda y: L.UnitNormalization()(y) * 10, "multiclass", "number", "-10 and 10"),
    "attention": (lambda y: _attend(y, ops.tanh), "multiclass", "number", "lie between -1 and 1"),
    "attention to numbers": (lambda y: _attend(y, ops.copy), "multiclass", "logit", None),
    "attention to probabilities": (
        lambda y: _attend(y, ops.sigmoid),
        "multiclass",
        "number",
        "all outputs lie in [0,1]",
    ),
    "attention to labels": (
        lambda y: ops.matmul(ops.softmax(y), np.eye(4, dtype=np.float32)[[0, 1, 1, 3]]),
        "multiclass",
        "probability",
        "sum to one",
    ),
    "pooling by attention": (
        lambda y: ops.sum(ops.softmax(y, 1)[:, :, None] * ops.tanh(y[:, :, None] * FACTORS), 1),
        "multiclass",
        "number",
        "lie between -1 and 1",
    ),
    "experts": (
        lambda y: ops.einsum("bk,bck->bc", ops.softmax(y), ops.sigmoid(y[:, :, None] * y[:, None, :])),
        "multiclass",
        "number",
        "all outputs lie in [0,1]",
    ),
    "bell": (lambda y: y * ops.exp(-(y * y)), "multiclass", "number", "lie between -0.5 and 0.5"),
    **{
        name: (lambda y, make=make: make(y[:, :, None]), "multiclass", "number", "lie between -1 and 1")
        for name, make in {
            "lstm": L.LSTM(4),
            "gru": L.GRU(4),
            "simple rnn": L.SimpleRNN(4),
            "two ways": L.Bidirectional(L.LSTM(2)),
            "masked": lambda series: L.GRU(4)(L.Masking()(series)),
            "cells": L.RNN([L.LSTMCell(4), L.GRUCell(4)]),
            "unrolled": L.GRU(4, unroll=True),
        }.items()
    },
    "rnn of rectified": (lambda y: L.LSTM(4, "relu")(y[:, :, None]), "multiclass", "number", "is ever negative"),
    "rnn of any numbers": (lambda y: L.SimpleRNN(4, "linear")(y[:, :, None]), "multiclass", "logit", None),
    "rnn from a state": (lambda y: L.GRU(4)(y[:, :, None], initial_state=y), "multiclass", "logit", None),
    "softsign by hand": (lambda y: y / (1 + ops.abs(y)), "multiclass", "number", "lie between -1 and 1"),
    "hard tanh": (ops.hard_tanh, "multiclass", "number", "lie between -1 and 1"),
    "clipped by choices": (
        lambda y: ops.where(y > 2, 2.0, ops.where(y < -2, -2.0, y)),
        "multiclass",
        "number",
        "-2 and 2",
    ),
    "arctan": (ops.arctan, "multiclass", "number", "lie between -1.57 and 1.57"),
    "absolute sum one": (lambda y: ops.normalize(y, order=1), "multiclass", "number", "lie between -1 and 1"),
    "by its squares": (lambda y: y / _row(ops.sum, y**2), "multiclass", "logit", None),
    "cosines": (
        lambda y: 16 * ops.matmul(ops.normalize(y, -1), ops.normalize(_eye() + 0.1, 0)),
        "multiclass",
        "number",
        "lie between -16 and 16",
    ),
    "minus shares": (lambda y: -ops.softmax(y), "multiclass", "number", "is ever above zero"),
    "minus distances": (
        lambda y: -ops.sum((y[:, None] - _eye()) ** 2, -1),
        "multiclass",
        "number",
        "is ever above zero",
    ),
    "evidence": (lambda y: ops.softplus(y) + 1, "multiclass", "number", "is ever negative"),
    "rates": (ops.softplus, "multiclass", "number", "is ever negative"),
    "rectified": (ops.relu, "multiclass", "number", "is ever negative"),
    "choice": (lambda y: ops.argmax(y, -1), "other", "number", "no gradient leads through ArgMax"),
    "one-hot choice": (
        lambda y: ops.one_hot(ops.argmax(y, -1), 4),
        "other",
        "number",
        "no gradient leads through OneHot",
    ),
    "yes or no": (lambda y: ops.cast(ops.sigmoid(y) > 0.5, "float32"), "other", "number", "leads through Greater"),
    "tree": (
        lambda y: ops.concatenate(
            [ops.softmax(y[:, :2])[:, :1] * ops.softmax(y[:, 2:]), ops.softmax(y[:, :2])[:, 1:]], -1
        ),
        "multiclass",
        "probability",
        "sum to one",
    ),
    "other exponents": (  # two constants that differ
        lambda y: ops.exp(y * np.float32([1, 2, 3, 4])) / _row(ops.sum, ops.exp(y * np.float32([4, 3, 2, 1]))),
        "multiclass",
        "number",
        "is ever negative",
    ),
    "softmax over a batch's largest": (
        lambda y: ops.exp(y - ops.max(y, 0, keepdims=True)) / _row(ops.sum, ops.exp(y - ops.max(y, 0, keepdims=True))),
        "multiclass",
        "logit",
        None,
    ),
}
MAPS = {
    "numbers": (lambda y: y, "number", None),
    "rectified": (ops.relu, "number", None),
    "softmax": (ops.softmax, "logit", None),
    "sigmoid by tanh": (lambda y: 0.5 * (1 + ops.tanh(y)), "number", "all outputs lie in [0,1]"),
    "one less a sigmoid": (lambda y: 1 - ops.sigmoid(y), "number", "all outputs lie in [0,1]"),
    "squares": (lambda y: y**2 / _row(ops.sum, y**2), "probability", "sum to one"),
    "clipped numbers": (lambda y: ops.clip(y, 0, 1), "number", "all outputs lie in [0,1]"),
    "clipped sigmoid": (lambda y: ops.clip(ops.sigmoid(y), 0, 0.4), "number", "all outputs lie in [0,1]"),
    "tanh": (ops.tanh, "number", "lie between -1 and 1"),
    "mixture": (
        lambda y: ops.sigmoid(y[..., :1]) * ops.softmax(y) + (1 - ops.sigmoid(y[..., :1])) * ops.softmax(-y),
        "probability",
        "sum to one",
    ),
    "joined": (lambda y: ops.concatenate([ops.sigmoid(y[..., :1]), y[..., 1:]], -1), "number", "it joins sigmoid and"),
    "choice": (lambda y: ops.argmax(y, -1), "number", "no gradient leads through ArgMax"),
    "steps": (lambda y: ops.cumsum(ops.softmax(y), -1), "number", "never fall from one to the next"),
}


def _key(name):
    return name.replace(" ", "_").replace("-", "_").replace("'", "")


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    """Return what Keras computes, and a network with each end as an output of its own, opened live and as a file."""
    keras.utils.set_random_seed(4)
    x = keras.Input((6,))
    y, z = L.Dense(4, name="scores")(x), L.Reshape((2, 3, 3))(L.Dense(18, name="map_scores")(x))
    outputs = {_key(name): ends[0](y) for name, ends in ENDS.items()}
    outputs |= {f"map_{_key(name)}": ends[0](z) for name, ends in MAPS.items()}
    network = keras.Model(x, outputs)
    folder = tmp_path_factory.mktemp("ends")
    network.export(folder, verbose=False)
    return network(X), {"live": open_model(network), "saved": open_model(folder)}


@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize("name", ENDS)
def test_what_the_numbers_are_is_told(name, door, doors):
    _, kind, quantity, words = ENDS[name]
    head = doors[1][door].head(_key(name))
    assert (head.kind, head.quantity) == (kind, quantity), head
    assert head.caution is None if words is None else words in head.caution
    assert ("taken for logits" in head.evidence) <= (quantity == "logit")


@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize("name", MAPS)
def test_of_maps_it_is_told_too(name, door, doors):
    _, quantity, words = MAPS[name]
    head = doors[1][door].head(f"map_{_key(name)}")
    assert (head.kind, head.quantity) == ("other" if name == "choice" else "dense", quantity)
    assert head.caution is None if words is None else words in head.caution


@pytest.mark.parametrize("door", ["live", "saved"])
def test_what_is_undone_gives_back_what_keras_computes(door, doors):
    direct, model = doors[0], doors[1][door]
    got = model.run(X, [head.path for head in model.heads.values()])
    for head in model.heads.values():
        logits, expected = np.array(got[head.path], np.float64), np.array(direct[head.label], np.float64)
        if head.quantity == "logit" and head.evidence != "4 numbers, taken for logits":
            undone = 1 / (1 + np.exp(-logits))
            if head.kind in ("multiclass", "dense"):
                undone = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
            if "log_odds" in head.label:
                undone = np.log(undone / (1 - undone))
            elif expected.min() < 0:
                undone = np.log(undone)
            if head.label.startswith("cut"):
                undone = undone.clip(expected.min(), expected.max())
            logits = undone
        np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=2e-5, err_msg=head.label)


def test_steps_of_an_order_take_no_class_indices(doors):
    head = doors[1]["live"].head("ordinal_sigmoids")
    assert head.ordered
    with pytest.raises(ValueError, match=r"the steps of an order: give labels \[N,4\]"):
        head.check_labels(np.array([0, 1, 2]))
    assert head.check_labels(np.tri(4, 4, -1, dtype=int)[:2]).tolist() == [[0, 0, 0, 0], [1, 0, 0, 0]]
    steps = doors[1]["live"].head("at_most")
    assert steps.with_names(4).kind == "regression"
    assert Head("output", "output", "regression", "", (4,)).with_names(4).kind == "multiclass"


# --- losses


def _compiled(loss, units=3, end=None):
    keras.utils.set_random_seed(1)
    x = keras.Input((6,))
    y = L.Dense(units)(x)
    network = keras.Model(x, y if end is None else end(y))
    network.compile("sgd", loss)
    return network


@pytest.mark.parametrize(
    ("loss", "units", "end", "kind", "words"),
    [
        ("sparse_categorical_crossentropy", 3, None, "multiclass", "End it in a softmax, or compile it with from_log"),
        ("categorical_crossentropy", 3, lambda y: y + y[:, ::-1], "multiclass", "gives numbers of any size"),
        ("binary_crossentropy", 3, None, "multilabel", "End it in a sigmoid, or compile it with from_logits=True"),
        ("binary_crossentropy", 1, ops.relu, "binary", "Keras forces them into [0,1]"),
        (keras.losses.BinaryCrossentropy(), 1, None, "binary", "Keras forces them into [0,1]"),
        ("kl_divergence", 3, None, "multiclass", "does not learn what it seems to. End it in a softmax"),
    ],
)
def test_numbers_of_any_size_under_a_loss_of_probabilities(loss, units, end, kind, words, tmp_path):
    network = _compiled(loss, units, end)
    network.save(tmp_path / "network.keras")
    for source in (network, tmp_path / "network.keras"):
        head = open_model(source).head()
        assert (head.kind, head.quantity) == (kind, "number")
        assert words in head.caution
        assert head.threshold == 0.5


def test_keras_forces_numbers_into_the_range_as_is_said():
    network, labels = _compiled("sparse_categorical_crossentropy"), np.arange(16) % 3
    raw = np.array(network(X))
    assert raw.min() < 0
    assert raw.max() > 1
    forced = -np.log(np.clip(raw, 1e-7, 1 - 1e-7)[np.arange(16), labels])
    forced += np.log(np.clip(raw, 1e-7, 1 - 1e-7).sum(-1))
    assert network.evaluate(X, labels, verbose=0) == pytest.approx(forced.mean(), rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "end", "words"),
    [
        (keras.losses.CategoricalCrossentropy(from_logits=True), None, None),
        (keras.losses.BinaryCrossentropy(from_logits=True), None, None),
        ("hinge", ops.tanh, None),
        ("mse", ops.tanh, None),
        ("binary_crossentropy", ops.sigmoid, None),
        ("categorical_crossentropy", ops.log_softmax, "the network returns their logarithms"),
        (keras.losses.CategoricalCrossentropy(from_logits=True), ops.log_softmax, None),
        (keras.losses.CategoricalCrossentropy(from_logits=True), keras.activations.softmax, None),
        (
            keras.losses.CategoricalCrossentropy(from_logits=True),
            lambda y: L.Flatten()(L.Reshape((3, 1))(ops.softmax(y))),
            "Compile it without from_logits=True",
        ),
        (
            keras.losses.BinaryCrossentropy(from_logits=True),
            lambda y: 0.5 * (1 + ops.tanh(y)),
            "Compile it without from_logits=True",
        ),
        ("categorical_crossentropy", keras.activations.sigmoid, "is for one of several classes: they were taken for"),
        ("categorical_crossentropy", lambda y: ops.cumsum(ops.softmax(y), -1), "never fall from one to the next"),
    ],
)
def test_whether_the_loss_fits_the_end(loss, end, words):
    network = _compiled(loss, 3, end)
    head = open_model(network).head()
    assert head.caution is None if words is None else words in head.caution
    if "without from_logits" in (words or ""):  # the loss has a softmax or sigmoid of its own, behind what comes out
        labels = np.eye(3, dtype=np.float32)[np.arange(16) % 3]
        assert network.evaluate(X, labels, verbose=0) == pytest.approx(float(loss(labels, network(X))), rel=1e-5)


def test_a_probe_of_class_indices_is_no_judge_of_steps():
    network = _compiled(None, 3, lambda y: ops.cumsum(ops.softmax(y), -1))
    head = open_model(network).head()
    with pytest.raises(ValueError, match=r"the steps of an order: give labels \[N,3\]"):
        head.check_labels(Probe.from_arrays(np.zeros((3, 8, 8, 3), np.float32), [0, 1, 2]).labels)
    assert head.decide(np.array(network(X))) is None


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_tokens_are_no_choice_that_stops_gradients(dtype):
    """Whole numbers of the input, and those that are made of it before any layer, hide no layer."""
    tokens = keras.Input((9,), dtype=dtype)
    words = keras.layers.Embedding(30, 4)(tokens)
    rows = keras.layers.Dense(4)(ops.one_hot(ops.cast(tokens, "int32"), 30))
    network = keras.Model(tokens, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(words + rows)))
    head = open_model(network).head()
    assert (head.kind, head.caution) == ("multiclass", None)
