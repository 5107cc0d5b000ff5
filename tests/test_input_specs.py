"""What a Keras model takes: the types of its inputs, and what is not read."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import fill

from tf_interp.models import open_model

L = keras.layers


def tokens(count=4, high=9):
    return np.random.default_rng(0).integers(0, high, (count, 5)).astype(np.int32)


def texts():
    return np.array([["good day"], ["bad day"], ["good"], ["day"]])


def vectorize():
    return L.TextVectorization(vocabulary=["good", "bad", "day"], output_sequence_length=3, name="words")


class Reader(keras.Model):
    """Subclassed: takes tokens, or texts, and counts on their type."""

    def __init__(self, first, kind):
        super().__init__(name="reader")
        self.first, self.kind = first, kind
        self.embed, self.pool = L.Embedding(9, 4, name="embed"), L.GlobalAveragePooling1D(name="pool")

    def call(self, inputs):
        assert inputs.dtype == self.kind, f"{inputs.dtype} instead of {self.kind}"
        return self.pool(self.embed(inputs if self.first is None else self.first(inputs)))


INPUTS = {
    "tokens, sequential": (lambda: keras.Sequential([keras.Input((5,), dtype="int32"), *embed()]), tokens),
    "tokens, sequential without Input": (lambda: keras.Sequential(embed()), tokens),
    "tokens, subclassed": (lambda: Reader(None, "int32"), tokens),
    "texts, sequential": (lambda: keras.Sequential([keras.Input((1,), dtype="string"), vectorize(), *embed()]), texts),
    "texts, subclassed": (lambda: Reader(vectorize(), "string"), texts),
}


def embed():
    return [L.Embedding(9, 4, name="embed"), L.GlobalAveragePooling1D(name="pool")]


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("name", INPUTS)
def test_numbers_and_texts_keep_their_type(name, built):
    make, data = INPUTS[name]
    network, given = make(), data()
    if built:
        network(tf.constant(given))
        fill(network)
    model = open_model(network) if built else open_model(network, input=given)
    got = model.run(given, ["embed", "output"])
    np.testing.assert_allclose(got["output"], network(tf.constant(given)), rtol=1e-6)
    np.testing.assert_allclose(np.mean(got["embed"], 1), got["output"], rtol=1e-5)
    assert model._specs["images"].dtype == ("float32" if "without" in name and built else tf.constant(given).dtype)


def test_a_described_shape_does_not_change_the_type_of_a_functional_input():
    x = keras.Input((None,), dtype="int32")
    model = open_model(keras.Model(x, L.Embedding(9, 4, name="embed")(x)), input=(5,))
    assert model.run(tokens(), ["embed"])["embed"].shape == (4, 5, 4)
    assert model._specs[x.name].dtype == tf.int32


@pytest.mark.parametrize("kind", ["sparse", "ragged"])
def test_sparse_and_ragged_inputs_are_refused_in_a_sentence(kind):
    if kind == "sparse":
        x = keras.Input((8,), sparse=True, name="words")
        network = keras.Model(x, L.Dense(2)(x))
    else:
        x = keras.Input((None,), ragged=True, name="words")
        network = keras.Model(x, keras.ops.sum(x, 1))
    with pytest.raises(ValueError, match=rf"input 'words' .* is {kind}, and tf-interp reads dense tensors only: build"):
        open_model(network)
