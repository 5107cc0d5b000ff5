"""Concepts in text: token numbers in, words of praise come out, the days of the week do not."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp import open_model, tcav

PRAISE = ["delightful", "superb", "moving", "brilliant"]
BLAME = ["dull", "clumsy", "tedious", "shallow"]
DAYS = ["monday", "tuesday", "friday", "sunday"]
PLAIN = ["the", "film", "was", "and", "its", "story", "actors", "music", "we", "saw", "it", "on", "in", "town"]
WORDS = ["", *PRAISE, *BLAME, *DAYS, *PLAIN]
LENGTH = 10


def write(count, seed, *kinds):
    """Return `count` texts of plain words, with a word of each kind at a random place, as token numbers [n,LENGTH]."""
    rng = np.random.default_rng(seed)
    texts = rng.choice([WORDS.index(word) for word in PLAIN], (count, LENGTH))
    for text in texts:
        places = rng.permutation(LENGTH)
        for place, kind in zip(places, kinds, strict=False):
            text[place] = WORDS.index(rng.choice(kind))
    return texts


def make_convolution():
    layers = [
        keras.Input((LENGTH,)),
        keras.layers.Embedding(len(WORDS), 8, name="words"),
        keras.layers.Conv1D(12, 3, activation="relu", name="phrases"),
        keras.layers.GlobalMaxPooling1D(),
        keras.layers.Dense(2, name="logits"),
    ]
    return keras.Sequential(layers), None


def make_recurrent():
    tokens = keras.Input((LENGTH,), dtype="int32")
    words = keras.layers.Embedding(len(WORDS), 8, mask_zero=True, name="words")(tokens)
    memory = keras.layers.GRU(12, name="phrases")(words)
    return keras.Model(tokens, keras.layers.Dense(2, name="logits")(memory)), lambda texts: tf.cast(texts, tf.int32)


@pytest.mark.parametrize("make", [make_convolution, make_recurrent])
def test_words_of_praise_come_out_and_days_do_not(make):
    keras.utils.set_random_seed(0)
    network, preprocess = make()
    texts = np.concatenate([_half(PRAISE, BLAME, 1), _half(PRAISE, BLAME, 2, DAYS)])
    labels = np.tile(np.repeat([1, 0], 150), 2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    history = network.fit(texts, labels, epochs=5, batch_size=50, verbose=0)
    assert history.history["accuracy"][-1] > 0.95

    model = open_model(network, preprocess=preprocess, class_names=["blame", "praise"])
    concepts = {"praise": write(50, 10, PRAISE), "blame": write(50, 11, BLAME), "days": _half(PRAISE, BLAME, 12, DAYS)}
    result = tcav(
        model, concepts, _half(PRAISE, BLAME, 13), {"praise": write(40, 14, PRAISE)}, ["words", "phrases"],
        permutations=1999, bootstraps=100, relative="none",
    )  # fmt: skip
    for layer in ("words", "phrases"):
        praise, blame, days = result.find(layer=layer)
        assert result.claims(praise)
        assert result.claims(blame)
        assert praise["displacement"] > 0 > blame["displacement"]
        assert praise["score"] > 0.9 > 0.1 > blame["score"]
        assert abs(days["displacement"]) < 0.3 * praise["displacement"]
        assert not result.claims(days)


def _half(first, second, seed, *more):
    """Return 150 texts with a word of the first kind, then 150 with one of the second, [300,LENGTH]."""
    return np.concatenate([write(150, (seed, number), kind, *more) for number, kind in enumerate((first, second))])


def test_a_gradient_behind_an_integer_input_is_that_of_the_layer():
    _, preprocess = make_recurrent()
    tokens = keras.Input((LENGTH,), dtype="int32")
    words = keras.layers.Embedding(len(WORDS), 3, name="words")(tokens)
    mean = keras.layers.GlobalAveragePooling1D(name="mean")(words)
    network = keras.Model(tokens, keras.layers.Dense(2, use_bias=False, name="logits")(mean))
    table, head = network.get_layer("words").get_weights()[0], network.get_layer("logits").get_weights()[0]
    praise, pool = write(20, 1, PRAISE), write(60, 2)
    result = tcav(
        open_model(network, preprocess=preprocess), {"praise": praise}, pool, {"0": write(20, 3)}, "words",
        permutations=99, bootstraps=20,
    )  # fmt: skip
    expected = (table[praise].mean((0, 1)) - table[pool].mean((0, 1))) @ head[:, 0]
    assert result.rows[0]["displacement"] == pytest.approx(expected, abs=1e-6)
