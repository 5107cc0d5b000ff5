"""Small networks for series, tokens, tables and volumes, for the test of all doors; see `door_check`."""

from typing import Any

import keras
import numpy as np
from door_check import Fixture
from door_networks import register, seeded, some, whole

L = keras.layers
STRINGS = {"saved": "a graph is fed numbers: input= names the tensor behind the lookup"}


@seeded
def lstm() -> Fixture:
    """Two LSTM layers, the first one returns sequences."""
    layers = [L.LSTM(5, return_sequences=True, name="first"), L.LSTM(4, name="second"), L.Dense(3, name="head")]
    return Fixture(keras.Sequential([keras.Input((7, 4)), *layers]), some(3, 7, 4))


@seeded
def gru_states() -> Fixture:
    """Encoder and decoder with the state handed on."""
    x, y = keras.Input((6, 4), name="source"), keras.Input((5, 3), name="target")
    _, state = L.GRU(4, return_state=True, name="encoder")(x)
    decoded = L.GRU(4, return_sequences=True, name="decoder")(y, initial_state=state)
    model = keras.Model([x, y], L.Dense(5, activation="softmax", name="tokens")(decoded))
    return Fixture(model, [some(2, 6, 4), some(2, 5, 3)])


@seeded
def bidirectional() -> Fixture:
    """Masked tokens, a bidirectional GRU, attention pooling by hand."""
    tokens = keras.Input((8,), dtype="int32")
    y = L.Embedding(20, 6, mask_zero=True, name="words")(tokens)
    y = L.Bidirectional(L.GRU(4, return_sequences=True, name="gru"), name="both")(y)
    weight = keras.ops.softmax(L.Dense(1, name="score")(y), axis=1)
    model = keras.Model(tokens, L.Dense(2, name="head")(keras.ops.sum(weight * y, axis=1)))
    return Fixture(model, whole(20, 3, 8))


@seeded
def time_distributed() -> Fixture:
    """A small network for each picture of a video."""
    picture = keras.Input((6, 6, 2))
    inner = L.GlobalAveragePooling2D(name="pool")(L.Conv2D(4, 3, activation="relu", name="conv")(picture))
    inner = keras.Model(picture, inner, name="frame")
    x = keras.Input((3, 6, 6, 2))
    y = L.TimeDistributed(inner, name="frames")(x)
    return Fixture(keras.Model(x, L.Dense(3, name="head")(L.GRU(4, name="gru")(y))), some(2, 3, 6, 6, 2))


@seeded
def conv1d() -> Fixture:
    """An ECG-like series: convolutions of one axis, squeeze and excitation."""
    x = y = keras.Input((24, 3))
    for number in range(2):
        y = L.Conv1D(6, 5, strides=2, padding="same", name=f"conv{number}")(y)
        y = L.ReLU(name=f"relu{number}")(L.BatchNormalization(name=f"norm{number}")(y))
    gate = L.Dense(6, activation="sigmoid", name="gate")(L.GlobalAveragePooling1D(name="squeeze")(y))
    y = L.Multiply(name="excite")([y, L.Reshape((1, 6), name="row")(gate)])
    model = keras.Model(x, L.Dense(5, activation="sigmoid", name="findings")(L.GlobalMaxPooling1D(name="pool")(y)))
    return Fixture(model, some(3, 24, 3))


@seeded
def conv3d() -> Fixture:
    """A volume."""
    layers = [
        L.Conv3D(4, 3, activation="relu", name="conv1"),
        L.MaxPooling3D(name="pool1"),
        L.BatchNormalization(name="norm"),
        L.Conv3D(5, 2, name="conv2"),
        L.GlobalAveragePooling3D(name="pool2"),
        L.Dense(1, name="malignant"),
    ]
    return Fixture(keras.Sequential([keras.Input((8, 8, 8, 1)), *layers]), some(2, 8, 8, 8, 1))


@register
class Tokens(L.Layer):
    """Sum of token, segment and position embeddings, normalized."""

    def build(self, input_shape: Any) -> None:
        self.words, self.kinds = L.Embedding(30, 8, name="words"), L.Embedding(2, 8, name="kinds")
        self.places, self.norm = L.Embedding(6, 8, name="places"), L.LayerNormalization(name="norm")
        for layer in (self.words, self.kinds, self.places):
            layer.build((None, 6))
        self.norm.build((None, 6, 8))
        self.built = True

    def call(self, tokens, kinds):
        places = self.places(keras.ops.expand_dims(keras.ops.arange(6), 0))
        return self.norm(self.words(tokens) + self.kinds(kinds) + places)


@seeded
def bert() -> Fixture:
    """Tokens, segments and a padding mask in, attention that is masked, the first token's class out."""
    names = ("padding_mask", "segment_ids", "token_ids")
    inputs = {name: keras.Input((6,), dtype="int32", name=name) for name in names}
    y = Tokens(name="embeddings")(inputs["token_ids"], inputs["segment_ids"])
    mask = keras.ops.expand_dims(keras.ops.cast(inputs["padding_mask"], "bool"), 1)
    z = L.MultiHeadAttention(2, 4, name="attention")(y, y, attention_mask=mask)
    y = L.LayerNormalization(name="attention_norm")(L.Add(name="attention_add")([y, z]))
    z = L.Dense(8, name="feedforward_down")(L.Dense(16, activation="gelu", name="feedforward_up")(y))
    y = L.LayerNormalization(name="feedforward_norm")(L.Add(name="feedforward_add")([y, z]))
    pooled = L.Dense(8, activation="tanh", name="pooler")(y[:, 0])
    mask = np.array([[1, 1, 1, 1, 0, 0], [1] * 6, [1, 1, 0, 0, 0, 0]], np.int32)
    given = {"token_ids": whole(30, 3, 6), "segment_ids": whole(2, 3, 6), "padding_mask": mask}
    model = keras.Model(inputs, L.Dense(3, name="head")(pooled))
    return Fixture(model, given, constant=("embeddings/places",))


@seeded
def tabular() -> Fixture:
    """A table, normalized by what was seen."""
    norm = L.Normalization(name="scale")
    norm.adapt(3 * some(50, 5) + 1)
    layers = [
        L.Dense(8, activation="relu", name="hidden1"),
        L.Dropout(0.3, name="drop"),
        L.Dense(8, activation="mish", name="hidden2"),
        L.Dense(1, name="price"),
    ]
    return Fixture(keras.Sequential([keras.Input((5,)), norm, *layers]), 3 * some(4, 5) + 1)


@register
class Sampling(L.Layer):
    """Draws from the latent distribution while training."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator(3)

    def call(self, mean, spread, training=False):
        noise = keras.random.normal(keras.ops.shape(mean), seed=self.seeds) if training else 0.0
        return mean + keras.ops.exp(0.5 * spread) * noise


@register
class Variational(keras.Model):
    """A variational autoencoder with a loss of its own; `call` returns the reconstruction."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.hidden, self.mean, self.spread = (
            L.Dense(6, activation="relu", name="hidden"),
            L.Dense(2, name="mean"),
            L.Dense(2, name="spread"),
        )
        self.sample = Sampling(name="sample")
        self.decoder = keras.Sequential(
            [L.Dense(6, activation="relu", name="wide"), L.Dense(8, activation="sigmoid", name="out")], name="decoder"
        )

    def call(self, inputs, training=False):
        hidden = self.hidden(inputs)
        mean, spread = self.mean(hidden), self.spread(hidden)
        return self.decoder(self.sample(mean, spread, training=training))


@seeded
def variational() -> Fixture:
    """A variational autoencoder."""
    return Fixture(Variational(name="variational"), some(3, 8))


@seeded
def lora() -> Fixture:
    """Dense and embedding with low-rank additions."""
    tokens = keras.Input((5,), dtype="int32")
    words, hidden = L.Embedding(12, 6, name="words"), L.Dense(6, activation="relu", name="hidden")
    y = L.GlobalAveragePooling1D(name="mean")(hidden(words(tokens)))
    model = keras.Model(tokens, L.Dense(3, name="head")(y))
    words.enable_lora(2)
    hidden.enable_lora(2)
    return Fixture(model, whole(12, 3, 5))


@seeded
def quantized() -> Fixture:
    """Weights and inputs of dense layers as int8; the gradients are rules of Keras, not derivatives."""
    layers = [L.Dense(8, activation="relu", name="hidden1"), L.Dense(8, name="hidden2"), L.Dense(3, name="head")]
    model = keras.Sequential([keras.Input((6,)), *layers])
    for layer in layers:
        layer.quantize("int8")
    known = {"saved": "straight-through gradients of int8 are not in a SavedModel"}
    return Fixture(model, some(4, 6) - 0.5, known=known)


@seeded
def words() -> Fixture:
    """Strings in: a lookup table, an embedding."""
    lookup = L.StringLookup(vocabulary=["red", "green", "blue"], name="lookup")
    x = keras.Input((2,), dtype="string")
    y = L.Flatten(name="flat")(L.Embedding(4, 3, name="colors")(lookup(x)))
    given = np.array([["red", "blue"], ["green", "green"]])
    return Fixture(keras.Model(x, L.Dense(2, name="head")(y)), given, known=STRINGS)


@seeded
def vectorized() -> Fixture:
    """Sentences in."""
    split = L.TextVectorization(output_sequence_length=4, vocabulary=["the", "cat", "sat", "dog"], name="split")
    layers = [split, L.Embedding(6, 3, name="words"), L.GlobalAveragePooling1D(name="mean"), L.Dense(2, name="head")]
    model = keras.Sequential([keras.Input((1,), dtype="string"), *layers])
    return Fixture(model, np.array([["the cat sat"], ["a dog"]]), known=STRINGS)


SERIES = {
    name: value
    for name, value in dict(globals()).items()
    if hasattr(value, "__wrapped__") and getattr(value, "__module__", None) == __name__
}
