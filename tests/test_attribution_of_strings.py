"""`attribute` on networks that take strings: to layers behind the lookup, and what is said where that cannot be."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp.attribution import attribute
from tf_interp.groups import find_groups
from tf_interp.models import open_model

WORDS = np.array([["a", "b", "zz"], ["c", "a", "c"], ["b", "b", "a"]])


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(2)
    words = keras.Input((3,), dtype="string", name="words")
    rows = keras.layers.StringLookup(vocabulary=["a", "b", "c"], name="lookup")(words)
    vectors = keras.layers.Embedding(4, 5, embeddings_initializer="normal", name="vectors")(rows)
    hidden = keras.layers.Dense(6, activation="tanh", name="hidden")(keras.layers.Flatten()(vectors))
    return keras.Model(words, keras.layers.Dense(2, name="logits")(hidden), name="reader")


@pytest.mark.parametrize("words", [WORDS, WORDS.astype(object), WORDS.tolist(), {"words": WORDS}])
def test_layers_behind_the_lookup_get_the_gradient_of_keras(network, words):
    found = attribute(open_model(network), words, 1, layer="vectors", method="gradient").values
    vectors = keras.Model(network.input, network.get_layer("vectors").output)(tf.constant(WORDS))
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        hidden = network.get_layer("hidden")(tf.reshape(vectors, (3, -1)))
        score = network.get_layer("logits")(hidden)[:, 1]
    assert np.allclose(np.reshape(found, (3, 3, 5)), tape.gradient(score, vectors), atol=1e-6)


def test_integrated_gradients_behind_the_lookup_sum_to_the_change_of_the_score(network):
    found = attribute(open_model(network), WORDS, 0, layer="hidden", method="integrated_gradients")
    hidden = keras.Model(network.input, network.get_layer("hidden").output)(tf.constant(WORDS)).numpy()
    kernel = network.get_layer("logits").kernel.numpy()[:, 0]
    assert np.allclose(np.reshape(found.values, (3, 6)), hidden * kernel, atol=1e-5)


def test_strings_have_no_gradient_and_a_layer_is_asked_for(network):
    with pytest.raises(ValueError, match="holds strings and so has no gradient: name a layer behind it"):
        attribute(open_model(network), WORDS, 1)


@pytest.mark.parametrize("wrong", [np.ones((2, 3), np.float32), np.array([["a", 1, None]], object)])
def test_what_is_no_string_is_refused_by_the_name_of_the_input(network, wrong):
    with pytest.raises(TypeError, match="input 'words' must be an array of strings"):
        attribute(open_model(network), wrong, 1, layer="vectors")


def test_others_name_the_input_and_what_can_be_done(network):
    with pytest.raises(TypeError, match="find_groups needs numbers, but input 'words' of 'reader' takes strings: open"):
        find_groups(open_model(network), WORDS, "vectors", 2)
