"""Small networks with attention and mixers for pictures, likewise from public Keras code examples."""

from typing import Any

import keras
import numpy as np
from door_check import Fixture
from door_networks import register, seeded, some

L = keras.layers
ops = keras.ops


@register
class ExtractPatches(L.Layer):
    """Patches as rows, by keras.ops."""

    def __init__(self, size: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self.size = size

    def call(self, x):
        patches = ops.image.extract_patches(x, self.size)
        count = patches.shape[1] * patches.shape[2]
        return ops.reshape(patches, (-1, count, patches.shape[-1]))

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@register
class Mixer(L.Layer):
    """Two Sequential models inside a layer, made in `__init__`."""

    def __init__(self, patches: int = 16, hidden: int = 8, **options: Any) -> None:
        super().__init__(**options)
        self.patches, self.hidden = patches, hidden
        self.mlp1, self.mlp2 = (
            keras.Sequential(
                [L.Dense(size, activation="gelu", name="wide"), L.Dense(size, name="narrow"), L.Dropout(0.2)], name=name
            )
            for size, name in ((patches, "mlp1"), (hidden, "mlp2"))
        )
        self.normalize = L.LayerNormalization(epsilon=1e-6, name="normalize")

    def build(self, input_shape):
        self.normalize.build(input_shape)
        self.mlp1.build((None, self.hidden, self.patches))
        self.mlp2.build(input_shape)
        self.built = True

    def call(self, inputs):
        channels = ops.transpose(self.normalize(inputs), (0, 2, 1))
        x = ops.transpose(self.mlp1(channels), (0, 2, 1)) + inputs
        return x + self.mlp2(self.normalize(x))

    def get_config(self):
        return {**super().get_config(), "patches": self.patches, "hidden": self.hidden}


@seeded
def mlp_mixer() -> Fixture:
    x = keras.Input((16, 16, 3))
    y = L.Dense(8)(ExtractPatches(4)(x))
    y = keras.Sequential([Mixer(), Mixer()])(y)
    return Fixture(keras.Model(x, L.Dense(3)(L.Dropout(0.2)(L.GlobalAveragePooling1D()(y)))), some(2, 16, 16, 3))


@register
class Perceiver(keras.Model):
    """A latent array that looks at the patches again and again, through one cross-attention and one transformer."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.patcher, self.project = ExtractPatches(4, name="patcher"), L.Dense(6, name="project")
        self.cross = L.MultiHeadAttention(1, 6, name="cross")
        self.own = L.MultiHeadAttention(2, 3, name="own")
        self.norm = L.LayerNormalization(name="norm")
        self.head = L.Dense(3, name="head")

    def build(self, input_shape):
        self.latent = self.add_weight(shape=(5, 6), initializer=keras.initializers.RandomNormal(0, 1), name="latent")
        self.project.build((None, 16, 48))
        self.cross.build((None, 5, 6), (None, 16, 6))
        self.own.build((None, 5, 6), (None, 5, 6))
        self.norm.build((None, 5, 6))
        self.head.build((None, 6))
        self.built = True

    def call(self, inputs):
        rows = self.project(self.patcher(inputs))
        latent = ops.tile(ops.expand_dims(self.latent, 0), (ops.shape(inputs)[0], 1, 1))
        for _ in range(2):
            latent = latent + self.cross(latent, rows)
            latent = self.norm(latent + self.own(latent, latent))
        return self.head(ops.mean(latent, axis=1))


@seeded
def perceiver() -> Fixture:
    return Fixture(Perceiver(name="perceiver"), some(2, 16, 16, 3))


@register
class WindowAttention(L.Layer):
    """Attention within windows of 2x2, shifted or not, with relative positions, as in Swin."""

    def __init__(self, shift: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.shift = shift

    def build(self, input_shape):
        self.width = input_shape[-1]
        self.qkv, self.proj = L.Dense(3 * self.width, name="qkv"), L.Dense(self.width, name="proj")
        self.norm = L.LayerNormalization(name="norm")
        for layer in (self.qkv, self.proj, self.norm):
            layer.build((None, 4, self.width))
        self.bias = self.add_weight(shape=(9,), initializer="random_normal", name="relative_position_bias_table")
        places = np.stack(np.meshgrid([0, 1], [0, 1], indexing="ij")).reshape(2, -1)
        away = places[:, :, None] - places[:, None] + 1
        self.index = (3 * away[0] + away[1]).reshape(-1)

    def call(self, x):
        height, width, channels = x.shape[1:]
        y = self.norm(x)
        if self.shift:
            y = ops.roll(y, (-self.shift, -self.shift), axis=(1, 2))
        y = ops.reshape(y, (-1, height // 2, 2, width // 2, 2, channels))
        y = ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4, 5)), (-1, 4, channels))
        q, k, v = ops.split(self.qkv(y), 3, axis=-1)
        weight = ops.matmul(q, ops.transpose(k, (0, 2, 1))) + ops.reshape(ops.take(self.bias, self.index), (4, 4))
        y = self.proj(ops.matmul(ops.softmax(weight), v))
        y = ops.transpose(ops.reshape(y, (-1, height // 2, width // 2, 2, 2, channels)), (0, 1, 3, 2, 4, 5))
        y = ops.reshape(y, (-1, height, width, channels))
        return x + (ops.roll(y, (self.shift, self.shift), axis=(1, 2)) if self.shift else y)

    def get_config(self):
        return {**super().get_config(), "shift": self.shift}


@seeded
def swin() -> Fixture:
    x = keras.Input((16, 16, 3))
    y = L.Conv2D(8, 4, strides=4, name="embed")(x)
    y = WindowAttention(0, name="window")(y)
    y = WindowAttention(1, name="shifted_window")(y)
    return Fixture(keras.Model(x, L.Dense(3)(L.GlobalAveragePooling2D()(y))), some(2, 16, 16, 3))


@register
class BagWeights(L.Layer):
    """Attention over a list of instances."""

    def build(self, input_shape):
        self.v = self.add_weight(shape=(input_shape[0][1], 4), initializer="glorot_uniform", name="v")
        self.w = self.add_weight(shape=(4, 1), initializer="glorot_uniform", name="w")

    def call(self, inputs):
        scores = [ops.tensordot(ops.tanh(ops.tensordot(item, self.v, axes=1)), self.w, axes=1) for item in inputs]
        weights = ops.softmax(ops.stack(scores), 0)
        return [weights[index] for index in range(len(inputs))]


@seeded
def attention_mil() -> Fixture:
    """A bag of pictures as a list of inputs; shared layers, a layer that returns a list."""
    inputs = [keras.Input((8, 8)) for _ in range(3)]
    dense = L.Dense(6, activation="relu", name="embed")
    embedded = [dense(L.Flatten()(item)) for item in inputs]
    weights = BagWeights(name="alpha")(embedded)
    bag = L.concatenate([L.multiply([one, other]) for one, other in zip(weights, embedded, strict=True)])
    known = {"saved": "a graph does not tell in which order a layer returns several tensors"}
    model = keras.Model(inputs, L.Dense(2, activation="softmax")(bag))
    return Fixture(model, [some(2, 8, 8, seed=s) for s in range(3)], known=known)


@register
class Tubelets(L.Layer):
    """Tubelets of a video and where they are."""

    def build(self, input_shape):
        self.projection = L.Conv3D(6, (2, 4, 4), strides=(2, 4, 4), name="projection")
        self.projection.build(input_shape)
        self.flatten = L.Reshape((-1, 6), name="flatten")
        count = (input_shape[1] // 2) * (input_shape[2] // 4) * (input_shape[3] // 4)
        self.positions = L.Embedding(count, 6, name="positions")
        self.positions.build(None)
        self.numbers = ops.arange(0, count)
        self.built = True

    def call(self, videos):
        return self.flatten(self.projection(videos)) + self.positions(self.numbers)


@seeded
def video_vit() -> Fixture:
    x = keras.Input((4, 8, 8, 1))
    y = Tubelets(name="tubelets")(x)
    z = L.LayerNormalization(epsilon=1e-6)(y)
    y = L.Add()([L.MultiHeadAttention(2, 3, dropout=0.1)(z, z), y])
    z = keras.Sequential(
        [L.Dense(12, activation=keras.activations.gelu), L.Dense(6, activation=keras.activations.gelu)]
    )
    y = L.Add()([z(L.LayerNormalization(epsilon=1e-6)(y)), y])
    y = L.GlobalAvgPool1D()(L.LayerNormalization(epsilon=1e-6)(y))
    model = keras.Model(x, L.Dense(3, activation="softmax")(y))
    return Fixture(model, some(2, 4, 8, 8, 1), constant=("tubelets/positions",))


EXAMPLE_ATTENTION = {
    f"example {name}": value
    for name, value in dict(globals()).items()
    if hasattr(value, "__wrapped__") and getattr(value, "__module__", None) == __name__
}
