"""One network of three classes that takes any number of images, one number only, or was never called."""

import keras
import networks
import tensorflow as tf

from tf_interp import open_model

L = keras.layers


class Cells(L.Layer):
    """Positions in one row, by a reshape that holds the number of images, if there is one."""

    def __init__(self, batch: int | None = None, **options) -> None:
        super().__init__(**options)
        self.batch = batch

    def call(self, inputs):
        return tf.reshape(inputs, [self.batch or tf.shape(inputs)[0], 36, 5])


def _layers(batch: int | None) -> list[L.Layer]:
    return [
        L.Conv2D(4, 3, padding="same", activation="relu", name="early"),
        L.BatchNormalization(name="norm"),
        L.Conv2D(5, 3, name="conv"),
        L.Activation("silu", name="silu"),
        Cells(batch, name="cells"),
        L.GlobalAveragePooling1D(name="pool"),
        L.Dense(3, name="head"),
    ]


class NeverCalled(keras.Model):
    """The same network, which does not say what it takes."""

    def __init__(self) -> None:
        super().__init__(name="never_called")
        self.steps = _layers(None)

    def build(self, input_shape):
        """Leave building to the layers; Keras would warn."""

    def call(self, inputs):
        for layer in self.steps:
            inputs = layer(inputs)
        return inputs


def build(batch: int | None = None) -> keras.Model:
    """Return the Keras model; with a number, it can be called on so many pictures [8,8,3] only."""
    x = y = keras.Input(networks.SIZE, batch_size=batch)
    for layer in _layers(batch):
        y = layer(y)
    model = keras.Model(x, y, name="network")
    networks.fill(model)
    return model


def open_network(kind: str, folder):
    """Return the `Model`; the kinds are "any", "fixed 1", "fixed 4", "Keras 4" and "never called"."""
    if kind == "never called":
        model = NeverCalled()
        model(networks.pictures(1))
        networks.fill(model)
        fresh = NeverCalled()
        fresh.steps = model.steps  # weights, but no knowledge of what comes in
        return open_model(fresh)
    if kind == "any":
        return open_model(build())
    if kind == "Keras 4":
        return open_model(build(4))
    return open_model(save(int(kind[-1]), folder))


def save(batch: int | None, folder):
    """Return the folder of a SavedModel with its batch size in the graph, if it has one."""
    model = build(batch)
    path = folder / f"fixed_{batch}"
    signature = tf.function(model, input_signature=[tf.TensorSpec([batch, *networks.SIZE])])
    tf.saved_model.save(model, str(path), signatures={"serving_default": signature})
    return path
