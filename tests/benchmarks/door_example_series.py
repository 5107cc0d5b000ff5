"""Small networks for series, tokens, tables and points with the structures of public Keras code examples."""

from typing import Any

import keras
import numpy as np
from door_check import Fixture
from door_networks import register, seeded, some, whole
from door_series import STRINGS

L = keras.layers
ops = keras.ops


@register
class TokenAndPosition(L.Layer):
    """Words and places."""

    def __init__(self, length: int = 6, words: int = 20, width: int = 6, **options: Any) -> None:
        super().__init__(**options)
        self.token, self.position = L.Embedding(words, width, name="token"), L.Embedding(length, width, name="position")

    def build(self, input_shape):
        self.token.build(input_shape)
        self.position.build(input_shape)
        self.built = True

    def call(self, x):
        return self.token(x) + self.position(ops.arange(0, ops.shape(x)[-1], 1))

    def get_config(self):  # without it a file forgets the layer's name
        return super().get_config()


@register
class TransformerBlock(L.Layer):
    """Attention and a Sequential with two dense layers."""

    def __init__(self, width: int = 6, **options: Any) -> None:
        super().__init__(**options)
        self.width = width
        self.attend = L.MultiHeadAttention(2, 3, name="attend")
        dense = [L.Dense(8, activation="relu", name="wide"), L.Dense(width, name="narrow")]
        self.feed = keras.Sequential(dense, name="feed")
        self.norm1, self.norm2 = L.LayerNormalization(name="norm1"), L.LayerNormalization(name="norm2")
        self.drop1, self.drop2 = L.Dropout(0.1), L.Dropout(0.1)

    def build(self, input_shape):
        self.attend.build(input_shape, input_shape)
        for layer in (self.feed, self.norm1, self.norm2):
            layer.build(input_shape)
        self.built = True

    def call(self, inputs, training=False):
        y = self.norm1(inputs + self.drop1(self.attend(inputs, inputs), training=training))
        return self.norm2(y + self.drop2(self.feed(y), training=training))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@seeded
def text_transformer() -> Fixture:
    x = keras.Input((6,), dtype="int32")
    y = TransformerBlock(name="block")(TokenAndPosition(name="embed")(x))
    y = L.Dense(5, activation="relu")(L.Dropout(0.1)(L.GlobalAveragePooling1D()(y)))
    return Fixture(keras.Model(x, L.Dense(2, activation="softmax")(y)), whole(20, 3, 6), constant=("embed/position",))


@seeded
def masked_words() -> Fixture:
    """A vocabulary for each place out."""
    x = keras.Input((6,), dtype="int32")
    y = TransformerBlock(name="block")(TokenAndPosition(name="embed")(x))
    model = keras.Model(x, L.Dense(20, activation="softmax", name="mlm_cls")(y))
    return Fixture(model, whole(20, 3, 6), constant=("embed/position",))


@register
class GraphConvolution(L.Layer):
    """Sums over neighbors, by a matrix."""

    def build(self, input_shape):
        self.prepare, self.update = L.Dense(5, activation="gelu", name="prepare"), L.Dense(5, name="update")
        self.prepare.build((None, input_shape[0][-1]))
        self.update.build((None, 5 + input_shape[0][-1]))
        self.built = True

    def call(self, inputs):
        nodes, neighbors = inputs
        message = ops.matmul(neighbors, self.prepare(nodes))
        return ops.normalize(self.update(ops.concatenate([nodes, message], axis=-1)), axis=-1)


@seeded
def node_classification() -> Fixture:
    nodes, neighbors = keras.Input((6, 4), name="nodes"), keras.Input((6, 6), name="neighbors")
    one = GraphConvolution(name="graph_conv1")([nodes, neighbors])
    two = GraphConvolution(name="graph_conv2")([one, neighbors])
    model = keras.Model([nodes, neighbors], L.Dense(3, name="classes")(L.Add()([one, two])))
    return Fixture(model, [some(2, 6, 4), np.round(some(2, 6, 6, seed=1))])


@seeded
def tab_transformer() -> Fixture:
    """Categories by number as inputs of their own, numbers beside them."""
    inputs = {name: keras.Input((1,), dtype="int32", name=name) for name in ("job", "town")}
    inputs |= {name: keras.Input((1,), name=name) for name in ("age", "hours")}
    codes = [L.Embedding(5, 6, name=f"{name}_code")(inputs[name]) for name in ("job", "town")]
    y = L.Concatenate(axis=1, name="codes")(codes)
    y = TransformerBlock(name="block")(y)
    numbers = L.LayerNormalization()(L.Concatenate(name="numbers")([inputs["age"], inputs["hours"]]))
    y = L.Concatenate(name="features")([L.Flatten(name="flat")(y), numbers])
    y = L.Dense(6, activation="selu", name="hidden")(L.BatchNormalization(name="norm")(y))
    given = {"job": whole(5, 4, 1), "town": whole(5, 4, 1, seed=1), "age": some(4, 1), "hours": some(4, 1, seed=1)}
    return Fixture(keras.Model(inputs, L.Dense(1, activation="sigmoid", name="rich")(y)), given)


@seeded
def wide_and_deep() -> Fixture:
    """Cross layers beside dense ones, one-hot categories."""
    inputs = {"color": keras.Input((1,), dtype="int32", name="color"), "size": keras.Input((3,), name="size")}
    hot = L.CategoryEncoding(num_tokens=4, output_mode="one_hot", name="hot")(inputs["color"])
    x = L.Concatenate(name="all")([hot, inputs["size"]])
    cross = x
    for number in range(2):
        cross = L.Add(name=f"cross{number}")([L.Multiply()([x, L.Dense(7, name=f"weight{number}")(cross)]), cross])
    deep = L.ReLU()(L.BatchNormalization()(L.Dense(6, name="deep")(x)))
    model = keras.Model(inputs, L.Dense(3, activation="softmax", name="head")(L.Concatenate()([cross, deep])))
    return Fixture(model, {"color": whole(4, 4, 1), "size": some(4, 3)})


@register
class Recommender(keras.Model):
    """Two numbers in a row: user and film; a dot product, one sigmoid."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.users, self.user_bias = L.Embedding(5, 4, name="users"), L.Embedding(5, 1, name="user_bias")
        self.films, self.film_bias = L.Embedding(6, 4, name="films"), L.Embedding(6, 1, name="film_bias")

    def call(self, inputs):
        user, film = self.users(inputs[:, 0]), self.films(inputs[:, 1])
        dot = ops.sum(user * film, axis=1, keepdims=True)
        return ops.nn.sigmoid(dot + self.user_bias(inputs[:, 0]) + self.film_bias(inputs[:, 1]))


@seeded
def recommender() -> Fixture:
    """No layer makes the sigmoid, so the reference has no logits: gradients of the probability are compared."""
    return Fixture(Recommender(name="recommender"), whole(5, 4, 2), options={"head": "regression"})


@seeded
def feature_space() -> Fixture:
    """Words, numbers in bins and a scale, hashed crossings."""
    thal, age, sex = (
        keras.Input((1,), dtype="string", name="thal"),
        keras.Input((1,), name="age"),
        keras.Input((1,), dtype="int32", name="sex"),
    )
    hot = L.StringLookup(vocabulary=["fixed", "normal"], output_mode="one_hot", name="thal_hot")(thal)
    bins = L.CategoryEncoding(5, "one_hot", name="age_hot")(L.Discretization([20, 40, 60], name="age_bins")(age))
    scaled = L.Normalization(mean=40.0, variance=100.0, name="age_scaled")(age)
    code = L.CategoryEncoding(3, "one_hot", name="sex_hot")(L.IntegerLookup(vocabulary=[0, 1], name="sex_index")(sex))
    y = L.Dense(6, activation="relu", name="hidden")(L.Concatenate(name="features")([hot, bins, scaled, code]))
    model = keras.Model({"thal": thal, "age": age, "sex": sex}, L.Dense(1, activation="sigmoid", name="disease")(y))
    given = {"thal": np.array([["fixed"], ["normal"], ["?"]]), "age": 60 * some(3, 1), "sex": whole(2, 3, 1)}
    return Fixture(model, given, known=STRINGS)


@seeded
def series_transformer() -> Fixture:
    x = y = keras.Input((10, 4))
    for _ in range(2):
        z = L.LayerNormalization(epsilon=1e-6)(L.Dropout(0.2)(L.MultiHeadAttention(2, 4, dropout=0.2)(y, y)))
        y = z + y
        z = L.Conv1D(4, 1)(L.Dropout(0.2)(L.Conv1D(4, 1, activation="relu")(y)))
        y = L.LayerNormalization(epsilon=1e-6)(z) + y
    y = L.GlobalAveragePooling1D(data_format="channels_last")(y)
    y = L.Dropout(0.4)(L.Dense(6, activation="relu")(L.Concatenate()([y, L.Flatten()(x)])))
    return Fixture(keras.Model(x, L.Dense(3, activation="softmax")(y)), some(3, 10, 4))


@seeded
def wavenet() -> Fixture:
    """Causal, dilated, gated convolutions with skips."""
    x = keras.Input((16, 2))
    y, skips = L.Conv1D(4, 2, padding="causal", name="front")(x), []
    for rate in (1, 2, 4):
        filter_ = L.Conv1D(4, 2, padding="causal", dilation_rate=rate, activation="tanh", name=f"filter{rate}")(y)
        gate = L.Conv1D(4, 2, padding="causal", dilation_rate=rate, activation="sigmoid", name=f"gate{rate}")(y)
        z = L.Conv1D(4, 1, name=f"one{rate}")(L.Multiply(name=f"gated{rate}")([filter_, gate]))
        skips.append(z)
        y = L.Add(name=f"residual{rate}")([y, z])
    y = L.Conv1D(5, 1, activation="softmax", name="next")(L.ReLU(name="out")(L.Add(name="skips")(skips)))
    return Fixture(keras.Model(x, y), some(2, 16, 2))


@seeded
def nerf() -> Fixture:
    """Rays in, color and density for each point out."""
    x = y = keras.Input((9, 6))
    for number in range(5):
        y = L.Dense(6, activation="relu", name=f"dense{number}")(y)
        if number == 2:
            y = L.Concatenate(axis=-1, name="again")([y, x])
    return Fixture(keras.Model(x, L.Dense(4, name="rgb_sigma")(y)), some(2, 9, 6))


@register
class Orthogonal(keras.regularizers.Regularizer):
    """Keeps a transformation near a rotation."""

    def __init__(self, size: int = 3) -> None:
        self.size = size

    def __call__(self, x):
        x = ops.reshape(x, (-1, self.size, self.size))
        return ops.sum(ops.square(ops.einsum("bij,bkj->bik", x, x) - ops.eye(self.size)))

    def get_config(self):
        return {"size": self.size}


@seeded
def pointnet() -> Fixture:
    """Points turned by a small network of their own, with an activity regularizer."""
    x = keras.Input((10, 3))
    y = L.ReLU()(L.BatchNormalization(momentum=0.0)(L.Conv1D(4, 1)(x)))
    y = L.Dense(5, activation="relu")(L.GlobalMaxPooling1D()(y))
    y = L.Dense(9, kernel_initializer="glorot_uniform", activity_regularizer=Orthogonal(3), name="transform")(y)
    turned = L.Dot(axes=(2, 1), name="turned")([x, L.Reshape((3, 3), name="matrix")(y)])
    y = L.ReLU()(L.BatchNormalization(momentum=0.0)(L.Conv1D(6, 1)(turned)))
    return Fixture(keras.Model(x, L.Dense(3, activation="softmax")(L.GlobalMaxPooling1D()(y))), some(2, 10, 3))


@seeded
def captcha() -> Fixture:
    """Columns of a picture read by two bidirectional LSTMs."""
    x = keras.Input((12, 8, 1), name="image")
    y = L.MaxPooling2D(2, name="pool1")(L.Conv2D(3, 3, activation="relu", padding="same", name="conv1")(x))
    y = L.Dense(6, activation="relu", name="dense1")(L.Reshape((6, 12), name="columns")(y))
    y = L.Bidirectional(L.LSTM(4, return_sequences=True, dropout=0.25))(y)
    y = L.Bidirectional(L.LSTM(3, return_sequences=True, dropout=0.25))(y)
    return Fixture(keras.Model(x, L.Dense(5, activation="softmax", name="dense2")(y)), some(2, 12, 8, 1))


@seeded
def addition() -> Fixture:
    """Sequence to sequence through one vector, repeated."""
    layers = [
        L.LSTM(5, name="encode"),
        L.RepeatVector(3, name="repeat"),
        L.LSTM(5, return_sequences=True, name="decode"),
        L.Dense(6, activation="softmax", name="digits"),
    ]
    return Fixture(keras.Sequential([keras.Input((5, 6)), *layers]), some(2, 5, 6))


@seeded
def fnet() -> Fixture:
    """Fourier transforms in place of attention."""
    x = keras.Input((8, 4))
    y = L.LayerNormalization(name="norm")(L.Add(name="add")([x, Fourier(name="fourier")(x)]))
    return Fixture(keras.Model(x, L.Dense(3, name="head")(L.GlobalAveragePooling1D(name="pool")(y))), some(2, 8, 4))


@register
class Fourier(L.Layer):
    """The real part of a transform over both axes."""

    def call(self, inputs):
        return ops.fft2((inputs, ops.zeros_like(inputs)))[0]


@register
class GatedResidual(L.Layer):
    """Gated residual network."""

    def build(self, input_shape):
        self.elu, self.linear = L.Dense(5, activation="elu", name="elu"), L.Dense(5, name="linear")
        self.gate, self.norm = L.Dense(5, activation="sigmoid", name="gate"), L.LayerNormalization(name="norm")
        self.project = L.Dense(5, name="project")
        for layer in (self.elu, self.project):
            layer.build(input_shape)
        for layer in (self.linear, self.gate, self.norm):
            layer.build((*input_shape[:-1], 5))
        self.built = True

    def call(self, inputs):
        x = self.linear(self.elu(inputs))
        return self.norm(self.project(inputs) + x * self.gate(x))


@seeded
def variable_selection() -> Fixture:
    """One small network for each feature, and weights over them."""
    inputs = [keras.Input((3,), name=f"feature{number}") for number in range(3)]
    rows = [GatedResidual(name=f"grn_{number}")(item) for number, item in enumerate(inputs)]
    weight = L.Dense(3, activation="softmax", name="weights")(GatedResidual(name="grn")(L.Concatenate()(inputs)))
    stacked = ops.stack(rows, axis=1)
    y = ops.squeeze(ops.matmul(ops.expand_dims(weight, 1), stacked), 1)
    given = [some(4, 3, seed=number) for number in range(3)]
    return Fixture(keras.Model(inputs, L.Dense(1, activation="sigmoid", name="head")(y)), given)


@seeded
def ecg_residual() -> Fixture:
    """Convolutions of one axis with batch normalization, unnamed, as in time series classification from scratch."""
    x = y = keras.Input((20, 1))
    for _ in range(3):
        y = L.ReLU()(L.BatchNormalization()(L.Conv1D(4, 3, padding="same")(y)))
    return Fixture(keras.Model(x, L.Dense(2, activation="softmax")(L.GlobalAveragePooling1D()(y))), some(2, 20, 1))


EXAMPLE_SERIES = {
    f"example {name}": value
    for name, value in dict(globals()).items()
    if hasattr(value, "__wrapped__") and getattr(value, "__module__", None) == __name__
}
