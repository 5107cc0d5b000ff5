"""Small networks for pictures, as people build them, for the test of all doors; see `door_check`."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from door_check import Fixture, vary

L = keras.layers
register = keras.saving.register_keras_serializable("doors")


def some(*shape: int, seed: int = 0) -> np.ndarray:
    """Return float32 numbers in [0,1]."""
    return np.random.default_rng(seed).random(shape, np.float32)


def whole(high: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Return int32 numbers below `high`."""
    return np.random.default_rng(seed).integers(0, high, shape).astype(np.int32)


def seeded(build: Callable[[], Fixture]) -> Callable[[], Fixture]:
    """Return `build`, always with the same weights."""

    @functools.wraps(build)
    def made() -> Fixture:
        keras.backend.clear_session(free_memory=False)  # which would collect garbage, for a second in a long process
        keras.utils.set_random_seed(0)
        fixture = build()
        if not fixture.model.built:
            fixture.model(keras.tree.map_structure(keras.ops.convert_to_tensor, fixture.inputs))
        vary(fixture.model)
        return fixture

    return made


def _convolution(x: Any, channels: int, name: str, **options: Any) -> Any:
    x = L.Conv2D(channels, 3, padding="same", use_bias=False, name=f"{name}_conv", **options)(x)
    return L.ReLU(name=f"{name}_relu")(L.BatchNormalization(name=f"{name}_norm")(x))


@seeded
def unet() -> Fixture:
    """Skips, transposed convolutions, one sigmoid a pixel."""
    x = y = keras.Input((16, 16, 3))
    kept = []
    for level, channels in enumerate((4, 8)):
        y = _convolution(y, channels, f"down{level}")
        kept.append(y)
        y = L.MaxPooling2D(name=f"pool{level}")(y)
    y = _convolution(y, 12, "bottom")
    for level, channels in ((1, 8), (0, 4)):
        y = L.Conv2DTranspose(channels, 2, strides=2, name=f"up{level}")(y)
        y = _convolution(L.Concatenate(name=f"skip{level}")([y, kept[level]]), channels, f"fuse{level}")
    return Fixture(keras.Model(x, L.Conv2D(1, 1, activation="sigmoid", name="mask")(y)), some(2, 16, 16, 3))


@seeded
def detector() -> Fixture:
    """Feature pyramid, heads shared by its levels, outputs in a dict."""
    x = y = keras.Input((16, 16, 3))
    levels = []
    for number in range(2):
        y = _convolution(y, 6, f"stage{number}", strides=2)
        levels.append(L.Conv2D(5, 1, name=f"lateral{number}")(y))
    merged = [levels[-1]]
    for number, level in reversed(list(enumerate(levels[:-1]))):
        merged.append(L.Add(name=f"merge{number}")([level, L.UpSampling2D(name=f"up{number}")(merged[-1])]))
    tower, classes = L.Conv2D(5, 3, padding="same", activation="relu", name="tower"), L.Conv2D(2, 1, name="classes")
    boxes = L.Conv2D(4, 1, name="boxes")
    found = {"boxes": [], "classes": []}
    for number, level in enumerate(merged):
        level = tower(level)
        found["classes"].append(L.Reshape((-1, 2), name=f"class_rows{number}")(classes(level)))
        found["boxes"].append(L.Reshape((-1, 4), name=f"box_rows{number}")(boxes(level)))
    outputs = {name: L.Concatenate(1, name=f"all_{name}")(rows) for name, rows in found.items()}
    outputs["classes"] = L.Activation("sigmoid", name="scores")(outputs["classes"])
    return Fixture(keras.Model(x, outputs), some(2, 16, 16, 3))


@seeded
def siamese() -> Fixture:
    """One embedding for two pictures, a distance through keras.ops, one logit."""
    picture = keras.Input((12, 12, 1))
    y = L.Flatten(name="flat")(L.Conv2D(4, 3, activation="tanh", name="conv")(picture))
    embed = keras.Model(picture, L.Dense(5, name="code")(y), name="embed")
    left, right = keras.Input((12, 12, 1), name="left"), keras.Input((12, 12, 1), name="right")
    one, two = embed(left), embed(right)
    distance = keras.ops.sqrt(keras.ops.sum(keras.ops.square(one - two), -1, keepdims=True) + 1e-6)
    output = L.Dense(1, activation="sigmoid", name="same")(L.BatchNormalization(name="norm")(distance))
    return Fixture(keras.Model([left, right], output), [some(3, 12, 12, 1), some(3, 12, 12, 1, seed=1)])


@seeded
def two_in_a_list() -> Fixture:
    """Two inputs of one shape, in another order than that of their names; a layer called on both."""
    after, before = keras.Input((6, 6, 2), name="b_after"), keras.Input((6, 6, 2), name="a_before")
    shared = L.Conv2D(4, 3, activation="relu", name="shared")
    joined = L.Concatenate(name="joined")([shared(before), shared(after)])
    model = keras.Model([after, before], L.Dense(3, name="head")(L.Flatten(name="flat")(joined)))
    return Fixture(model, [some(2, 6, 6, 2), some(2, 6, 6, 2, seed=1)])


@seeded
def picture_and_table() -> Fixture:
    """A picture and a vector, as a dict."""
    picture, table = keras.Input((10, 10, 3), name="picture"), keras.Input((4,), name="table")
    seen = L.GlobalAveragePooling2D(name="seen")(L.Conv2D(6, 3, activation="relu", name="conv")(picture))
    known = L.Dense(6, activation="relu", name="known")(table)
    joined = L.Concatenate(name="joined")([seen, known])
    model = keras.Model({"picture": picture, "table": table}, L.Dense(3, activation="softmax", name="head")(joined))
    return Fixture(model, {"picture": some(4, 10, 10, 3), "table": some(4, 4)})


@seeded
def finetuned() -> Fixture:
    """A backbone inside, called with training=False, after augmentation and rescaling; several sigmoids."""
    inner = z = keras.Input((16, 16, 3))
    for number in range(2):
        z = _convolution(z, 6, f"block{number}")
    backbone = keras.Model(inner, z, name="backbone")
    augment = keras.Sequential([L.RandomFlip("horizontal"), L.RandomRotation(0.1)], name="augment")
    x = keras.Input((16, 16, 3))
    y = L.Rescaling(2.0, -1.0, name="rescale")(augment(x))
    y = L.Dropout(0.2)(L.GlobalAveragePooling2D(name="pool")(backbone(y, training=False)))
    return Fixture(keras.Model(x, L.Dense(4, activation="sigmoid", name="tags")(y)), some(2, 16, 16, 3))


@register
class Block(L.Layer):
    """A residual block."""

    def __init__(self, channels: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self.channels = channels
        self.conv = L.Conv2D(channels, 3, padding="same", name="conv")
        self.norm = L.BatchNormalization(name="norm")

    def build(self, input_shape: Any) -> None:
        self.conv.build(input_shape)
        self.norm.build((*input_shape[:-1], self.channels))
        self.built = True

    def call(self, inputs, training=False):
        return inputs + keras.ops.relu(self.norm(self.conv(inputs), training=training))

    def get_config(self):
        return {**super().get_config(), "channels": self.channels}


@register
class Blocks(keras.Model):
    """Three blocks, which have one name or not."""

    def __init__(self, equal: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.equal = equal
        self.stem = L.Conv2D(4, 3, name="stem")
        self.blocks = [Block(name="block" if equal else f"block_{letter}") for letter in "abc"]
        self.pool, self.head = L.GlobalAveragePooling2D(name="pool"), L.Dense(3, name="head")

    def call(self, inputs, training=False):
        value = self.stem(inputs)
        for block in self.blocks:
            value = block(value, training=training)
        return self.head(self.pool(value))

    def get_config(self):
        return {**super().get_config(), "equal": self.equal}


@seeded
def subclassed() -> Fixture:
    """Blocks of blocks in a list."""
    return Fixture(Blocks(name="subclassed"), some(2, 10, 10, 3))


@seeded
def equal_names() -> Fixture:
    """Three blocks of one name in a subclassed model."""
    return Fixture(Blocks(True, name="equal_names"), some(2, 10, 10, 3))


@seeded
def channels_first() -> Fixture:
    """What can run on a CPU with channels first: dense, normalization, pooling by mean, depth to the front by hand."""
    x = keras.Input((12, 12, 3))
    y = L.Conv2D(6, 3, activation="relu", name="conv")(x)
    y = L.BatchNormalization(axis=1, name="norm")(L.Permute((3, 1, 2), name="turn")(y))
    y = L.LayerNormalization(axis=1, name="layer_norm")(y)
    y = L.GlobalAveragePooling2D(data_format="channels_first", name="pool")(y)
    return Fixture(keras.Model(x, L.Dense(3, name="head")(y)), some(2, 12, 12, 3))


@seeded
def one_logit() -> Fixture:
    """A Sequential for two classes, with L2 and spatial dropout."""
    layers = [
        L.Conv2D(4, 3, kernel_regularizer="l2", activation="relu", name="conv1"),
        L.SpatialDropout2D(0.2, name="drop"),
        L.MaxPooling2D(name="pool1"),
        L.SeparableConv2D(6, 3, activation="elu", name="conv2"),
        L.GlobalMaxPooling2D(name="pool2"),
        L.Dense(1, activation="sigmoid", name="dog"),
    ]
    return Fixture(keras.Sequential([keras.Input((12, 12, 3)), *layers]), some(3, 12, 12, 3))


@register
class Scale(L.Layer):
    """Layer scale, as in vision transformers of keras-hub."""

    def build(self, input_shape: Any) -> None:
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")

    def call(self, inputs):
        return inputs * self.gamma


@register
class Patches(L.Layer):
    """Patch embedding, class token and positions, as the `ViTPatchingAndEmbedding` of keras-hub."""

    def __init__(self, size: int = 4, width: int = 8, **options: Any) -> None:
        super().__init__(**options)
        self.size, self.width = size, width

    def build(self, input_shape: Any) -> None:
        self.count = (input_shape[1] // self.size) * (input_shape[2] // self.size)
        self.patches = L.Conv2D(self.width, self.size, strides=self.size, name="patch_embedding")
        self.patches.build(input_shape)
        self.positions = L.Embedding(self.count + 1, self.width, name="position_embedding")
        self.positions.build((1, self.count + 1))
        self.token = self.add_weight(shape=(1, 1, self.width), initializer="random_normal", name="class_token")
        self.built = True

    def call(self, inputs):
        rows = keras.ops.reshape(self.patches(inputs), (-1, self.count, self.width))
        tokens = keras.ops.tile(self.token, (keras.ops.shape(inputs)[0], 1, 1))
        numbers = keras.ops.expand_dims(keras.ops.arange(self.count + 1), 0)
        return keras.ops.concatenate([tokens, rows], axis=1) + self.positions(numbers)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "width": self.width}


@register
class Encoder(L.Layer):
    """One block of a vision transformer."""

    def __init__(self, width: int = 8, **options: Any) -> None:
        super().__init__(**options)
        self.width = width

    def build(self, input_shape: Any) -> None:
        self.norm1, self.norm2 = (L.LayerNormalization(epsilon=1e-6, name=f"ln_{number}") for number in (1, 2))
        self.attend = L.MultiHeadAttention(2, self.width // 2, name="mha")
        self.attend.build(input_shape, input_shape)
        self.up = L.Dense(2 * self.width, activation="gelu", name="dense_1")
        self.down = L.Dense(self.width, name="dense_2")
        self.scale1, self.scale2 = Scale(name="ls_1"), Scale(name="ls_2")
        for layer in (self.norm1, self.norm2, self.scale1, self.scale2, self.up):
            layer.build(input_shape)
        self.down.build((*input_shape[:-1], 2 * self.width))
        self.built = True

    def call(self, inputs):
        value = self.norm1(inputs)
        inputs = inputs + self.scale1(self.attend(value, value))
        return inputs + self.scale2(self.down(self.up(self.norm2(inputs))))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@seeded
def vit() -> Fixture:
    """A vision transformer with the layers of keras-hub's."""
    x = keras.Input((16, 16, 3))
    y = Patches(name="patching")(x)
    y = Encoder(name="tranformer_block_1")(y)
    y = L.LayerNormalization(name="ln")(y)
    model = keras.Model(x, L.Dense(3, name="head")(y[:, 0]))
    return Fixture(model, some(2, 16, 16, 3), constant=("patching/position_embedding",))


@seeded
def convnext() -> Fixture:
    """Blocks of ConvNeXt: depthwise by groups, layer normalization, GELU, layer scale."""
    x = keras.Input((16, 16, 3))
    y = L.LayerNormalization(name="stem_norm")(L.Conv2D(8, 4, strides=4, name="stem")(x))
    for number in range(2):
        z = L.Conv2D(8, 7, padding="same", groups=8, name=f"depthwise{number}")(y)
        z = L.Dense(16, activation="gelu", name=f"up{number}")(L.LayerNormalization(name=f"norm{number}")(z))
        y = L.Add(name=f"add{number}")([y, Scale(name=f"scale{number}")(L.Dense(8, name=f"down{number}")(z))])
    y = L.GlobalAveragePooling2D(name="pool")(y)
    return Fixture(keras.Model(x, L.Dense(3, name="head")(y)), some(2, 16, 16, 3))


@seeded
def autoencoder() -> Fixture:
    """Pictures out, through sigmoids."""
    layers = [
        L.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="encode1"),
        L.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="encode2"),
        L.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu", name="decode2"),
        L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="sigmoid", name="decode1"),
    ]
    return Fixture(keras.Sequential([keras.Input((12, 12, 3)), *layers]), some(2, 12, 12, 3))


@seeded
def generator() -> Fixture:
    """Noise in, a picture between -1 and 1 out."""
    layers = [
        L.Dense(4 * 4 * 8, use_bias=False, name="project"),
        L.BatchNormalization(name="norm"),
        L.LeakyReLU(negative_slope=0.2, name="leaky"),
        L.Reshape((4, 4, 8), name="map"),
        L.Conv2DTranspose(4, 4, strides=2, padding="same", name="up1"),
        L.PReLU(shared_axes=[1, 2], name="prelu"),
        L.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh", name="up2"),
    ]
    return Fixture(keras.Sequential([keras.Input((6,)), *layers]), some(3, 6))


@seeded
def heads_in_a_dict() -> Fixture:
    """A trunk with a dict of heads: classes, one logit, a number."""
    x = keras.Input((10, 10, 3))
    trunk = L.Flatten(name="flat")(L.Conv2D(4, 3, strides=2, activation="swish", name="trunk")(x))
    heads = {
        "age": L.Dense(1, name="age")(L.Dense(5, activation="relu", name="age_hidden")(trunk)),
        "breed": L.Dense(4, activation="softmax", name="breed")(L.Dense(5, activation="selu", name="hidden")(trunk)),
        "dog": L.Dense(1, activation="sigmoid", name="dog")(trunk),
    }
    return Fixture(keras.Model(x, heads), some(3, 10, 10, 3))


@seeded
def mixed_float16() -> Fixture:
    """Half precision in the middle: a rounding is 5e-4 (11 bits), and graphs round at other places than eager code."""
    policy = "mixed_float16"
    x = keras.Input((12, 12, 3))
    y = L.Conv2D(6, 3, activation="relu", dtype=policy, name="conv")(x)
    y = L.BatchNormalization(dtype=policy, name="norm")(y)
    y = L.GlobalAveragePooling2D(dtype=policy, name="pool")(L.Conv2D(6, 3, dtype=policy, name="conv2")(y))
    return Fixture(keras.Model(x, L.Dense(3, dtype="float32", name="head")(y)), some(2, 12, 12, 3), tolerance=4e-3)


PICTURES = {
    name: value
    for name, value in dict(globals()).items()
    if hasattr(value, "__wrapped__") and getattr(value, "__module__", None) == __name__
}
