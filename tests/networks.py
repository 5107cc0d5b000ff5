"""Small networks of every kind, each with its plain Keras answer; 8x8 RGB pictures in, 3 classes out.

Layers have names, and weights come from a generator of their own, so that a network is the same in every test.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

L = keras.layers
SIZE = (8, 8, 3)


@dataclasses.dataclass
class Network:
    """A Keras model, pictures for it, and one of its layers with the two halves of the network written by hand.

    Args:
        model: the model.
        images: what it takes, float32 [4,8,8,3] in [0,1], or a dict or list of these.
        layer: path of a layer in the middle.
        before: images -> activation of that layer.
        after: activation -> logits [4,3] (with `images`, where they are needed again).
        input: what `open_model` needs to know about a model that was never called.
        tolerance: relative, for the model's number type.
    """

    model: keras.Model
    images: Any
    layer: str
    before: Callable[[Any], tf.Tensor]
    after: Callable[[tf.Tensor], tf.Tensor]
    input: Any = None
    tolerance: float = 1e-5


def pictures(count: int = 4, seed: int = 0, size: tuple[int, ...] = SIZE) -> np.ndarray:
    """Return float32 [count, *size] in [0,1]."""
    return np.random.default_rng(seed).random((count, *size), np.float32)


def fill(model: keras.Model, seed: int = 0) -> None:
    """Set all weights, always to the same values: small normal numbers, variances between 0.5 and 1.5."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if "variance" in weight.name:
            weight.assign(0.5 + rng.random(weight.shape))
        elif weight.name not in ("seed_generator_state",):
            weight.assign(rng.normal(0.0, 1 / max(1, np.prod(weight.shape[:-1])) ** 0.5, weight.shape))


def chain(*layers: keras.layers.Layer) -> keras.Sequential:
    """Return layers one after the other, filled."""
    model = keras.Sequential([keras.Input(SIZE), *layers], name="chain")
    fill(model)
    return model


def _linear(dense: Any, value: tf.Tensor) -> tf.Tensor:
    """Return what a Dense layer computes before its activation."""
    return tf.matmul(value, tf.cast(dense.kernel, value.dtype)) + tf.cast(dense.bias, value.dtype)


def functional() -> Network:
    """Batch normalization, a residual connection, softmax inside the last Dense."""
    x = keras.Input(SIZE, name="picture")
    conv = L.Conv2D(6, 3, padding="same", activation="relu", name="conv")
    norm, conv2 = L.BatchNormalization(name="norm"), L.Conv2D(6, 3, padding="same", name="conv2")
    add, relu, pool = L.Add(name="add"), L.ReLU(name="relu"), L.GlobalAveragePooling2D(name="pool")
    head = L.Dense(3, activation="softmax", name="head")
    first = conv(x)
    model = keras.Model(x, head(pool(relu(add([first, conv2(norm(first))])))), name="functional")
    fill(model)
    return Network(
        model,
        pictures(),
        "conv",
        conv,
        lambda a: _linear(head, pool(relu(a + conv2(norm(a, training=False))))),
    )


def sequential() -> Network:
    """With Input; softmax in an Activation layer."""
    layers = [
        L.Conv2D(4, 3, name="conv"),
        L.Activation("relu", name="relu"),
        L.Dropout(0.5, name="drop"),
        L.Flatten(name="flat"),
        L.Dense(3, name="dense"),
        L.Activation("softmax", name="softmax"),
    ]
    model = keras.Sequential([keras.Input(SIZE), *layers], name="sequential")
    fill(model)
    return Network(model, pictures(), "relu", lambda x: layers[1](layers[0](x)), lambda a: layers[4](layers[3](a)))


def unbuilt() -> Network:
    """A Sequential without Input that was never called; sigmoid inside the last Dense, which is named "output"."""
    layers = [L.Conv2D(4, 3, name="conv"), L.Flatten(name="flat"), L.Dense(3, activation="sigmoid", name="output")]
    model = keras.Sequential(layers, name="unbuilt")
    return Network(model, pictures(), "conv", layers[0], lambda a: _linear(layers[2], layers[1](a)), input=SIZE)


def nested() -> Network:
    """A functional model in a Sequential in a functional model; its last layer is linear."""
    x = keras.Input(SIZE)
    conv, norm = L.Conv2D(4, 3, name="conv"), L.BatchNormalization(name="norm")
    inner = keras.Model(x, norm(conv(x)), name="inner")
    relu = L.ReLU(name="relu")
    middle = keras.Sequential([keras.Input(SIZE), inner, relu], name="backbone")
    pool, head = L.GlobalMaxPooling2D(name="pool"), L.Dense(3, name="head")
    y = keras.Input(SIZE)
    model = keras.Model(y, head(pool(middle(y))), name="nested")
    fill(model)
    return Network(
        model,
        pictures(),
        "backbone/inner/conv",
        conv,
        lambda a: head(pool(relu(norm(a, training=False)))),
    )


class Block(L.Layer):
    """Two convolutions and a ReLU that is no layer."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.first = L.Conv2D(4, 3, padding="same", name="first")
        self.second = L.Conv2D(4, 1, name="second")

    def call(self, inputs):
        return tf.nn.relu(self.second(self.first(inputs)))


class Subclassed(keras.Model):
    """Blocks in a list, one convolution used after each of them, softmax as an operation in `call`."""

    def __init__(self) -> None:
        super().__init__(name="subclassed")
        self.blocks = [Block(name="block_1"), Block(name="block_2")]
        self.shared = L.Conv2D(4, 1, name="shared")
        self.pool = L.GlobalAveragePooling2D(name="pool")
        self.head = L.Dense(3, name="head")

    def call(self, inputs):
        for block in self.blocks:
            inputs = self.shared(block(inputs))
        return keras.ops.softmax(self.head(self.pool(inputs)))


def subclassed() -> Network:
    """Never called; see `Subclassed`."""
    model = Subclassed()

    def after(activation):
        value = model.blocks[1].second(activation)
        return model.head(model.pool(model.shared(tf.nn.relu(value))))

    def before(images):
        return model.blocks[1].first(model.shared(model.blocks[0](images)))

    return Network(model, pictures(), "block_2/first", before, after, input=SIZE)


def many() -> Network:
    """Two inputs as a dict, two outputs, one layer used for both inputs."""
    left, right = keras.Input(SIZE, name="left"), keras.Input(SIZE, name="right")
    conv, join = L.Conv2D(4, 3, name="conv"), L.Concatenate(name="join")
    pool = L.GlobalAveragePooling2D(name="pool")
    head, aside = L.Dense(3, activation="softmax", name="head"), L.Dense(2, activation="sigmoid", name="aside")
    joined = pool(join([conv(left), conv(right)]))
    model = keras.Model({"left": left, "right": right}, [head(joined), aside(joined)], name="many")
    fill(model)
    return Network(
        model,
        {"left": pictures(), "right": pictures(seed=1)},
        "join",
        lambda x: tf.concat([conv(x["left"]), conv(x["right"])], -1),
        lambda a: _linear(head, pool(a)),
    )


def operations() -> Network:
    """Operations of keras.ops between layers, logits through log_softmax."""
    x = keras.Input(SIZE)
    conv, pool, head = L.Conv2D(4, 3, name="conv"), L.GlobalAveragePooling2D(name="pool"), L.Dense(3, name="head")
    model = keras.Model(x, keras.ops.log_softmax(head(pool(keras.ops.relu(conv(x)) * 2.0))), name="operations")
    fill(model)
    return Network(model, pictures(), "conv", conv, lambda a: head(pool(tf.nn.relu(a) * 2.0)))


def modern() -> Network:
    """Grouped convolution, SiLU, layer normalization, GELU, attention over positions."""
    x = keras.Input(SIZE)
    conv, grouped = L.Conv2D(4, 3, strides=2, name="conv"), L.Conv2D(4, 3, groups=2, padding="same", name="grouped")
    silu, norm = L.Activation("silu", name="silu"), L.LayerNormalization(name="norm")
    flat, attend = L.Reshape((9, 4), name="positions"), L.MultiHeadAttention(2, 3, name="attend")
    pool, head = L.GlobalAveragePooling1D(name="pool"), L.Dense(3, activation="gelu", name="head")
    value = flat(norm(silu(grouped(conv(x)))))
    model = keras.Model(x, head(pool(attend(value, value))), name="modern")
    fill(model)

    def after(activation):
        rows = flat(norm(silu(grouped(activation))))
        return head(pool(attend(rows, rows)))

    return Network(model, pictures(), "conv", conv, after)


def recurrent() -> Network:
    """Rows of the picture as a sequence for an LSTM that returns its state."""
    x = keras.Input(SIZE)
    rows, cell = L.Reshape((8, 24), name="rows"), L.LSTM(4, return_sequences=True, return_state=True, name="lstm")
    flat, head = L.Flatten(name="flat"), L.Dense(3, name="head")
    value = rows(x)
    model = keras.Model(x, head(flat(cell(value)[0])), name="recurrent")
    fill(model)
    return Network(model, pictures(), "rows", rows, lambda a: head(flat(cell(a)[0])))


def mixed(policy: str, tolerance: float) -> Network:
    """Layers that compute in half precision, softmax in float32 at the end."""
    x = keras.Input(SIZE)
    conv, relu = L.Conv2D(4, 3, name="conv", dtype=policy), L.ReLU(name="relu", dtype=policy)
    pool, head = L.GlobalAveragePooling2D(name="pool", dtype=policy), L.Dense(3, name="head", dtype=policy)
    softmax = L.Activation("softmax", name="softmax", dtype="float32")
    model = keras.Model(x, softmax(head(pool(relu(conv(x))))), name=policy)
    fill(model)
    return Network(
        model, pictures(), "conv", conv, lambda a: tf.cast(head(pool(relu(a))), tf.float32), tolerance=tolerance
    )


NETWORKS: dict[str, Callable[[], Network]] = {
    "functional": functional,
    "sequential": sequential,
    "unbuilt": unbuilt,
    "nested": nested,
    "subclassed": subclassed,
    "many": many,
    "operations": operations,
    "modern": modern,
    "recurrent": recurrent,
    "mixed_float16": lambda: mixed("mixed_float16", 4e-3),
    "mixed_bfloat16": lambda: mixed("mixed_bfloat16", 3e-2),
}
