"""Tiny networks, their training and the callback, for the tests of `tf_interp.callback`."""

import keras
import numpy as np
import tensorflow as tf

from tf_interp import InterpCallback, Probe
from tf_interp.analysis.part import Album, Draft, Part

X = np.random.default_rng(0).random((48, 12, 12, 1), dtype=np.float32)
Y = np.random.default_rng(1).integers(0, 3, 48)
STEPS = 3  # of an epoch


class Seen(Part):
    """The cheapest part: a record of each layer, and nothing computed."""

    kind = "seen"

    def make(self, view):
        for layer in view.layers:
            yield Draft(self.kind, layer, "seen", {}, Album(), {})


def build(seed=7, name="small"):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Conv2D(4, 3, activation="relu", name="conv"), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((12, 12, 1)), *layers, keras.layers.Dense(3)], name=name)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def build_stateful(*start):
    """Everything that has state in training: batch norm, dropout with its seed generator, an optimizer with slots."""
    keras.utils.set_random_seed(7)
    layers = keras.layers
    model = keras.Sequential(
        [
            *start,
            layers.Conv2D(6, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.3, name="drop"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(3, activation="softmax", name="dense"),
        ],
        name="small",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Gan(keras.Model):
    """As the examples of Keras write it: no `call`, optimizers of its own beside the compiled one."""

    def __init__(self, built=True):
        super().__init__()
        layers = keras.layers
        start = [keras.Input((4,))] if built else []
        self.generator = keras.Sequential([*start, layers.Dense(144), layers.Reshape((12, 12, 1))], name="generator")
        self.discriminator = keras.Sequential(
            [
                *([keras.Input((12, 12, 1))] if built else []),
                layers.Conv2D(4, 3, activation="relu", name="conv"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(1),
            ],
            name="discriminator",
        )

    def compile(self):
        super().compile()
        self.own = keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1)

    def train_step(self, data):
        real = data[0] if isinstance(data, tuple) else data
        noise = tf.zeros((tf.shape(real)[0], 4)) + 0.5
        with tf.GradientTape(persistent=True) as tape:
            made = self.discriminator(self.generator(noise, training=True), training=True)
            loss = tf.reduce_mean(made) - tf.reduce_mean(self.discriminator(real, training=True))
        for network, optimizer, sign in zip((self.discriminator, self.generator), self.own, (1.0, -1.0), strict=True):
            variables = network.trainable_variables
            optimizer.apply([sign * gradient for gradient in tape.gradient(loss, variables)], variables)
        return {"loss": loss}


def gan(built=True):
    keras.utils.set_random_seed(3)
    model = Gan(built)
    model.compile()
    return model


class Best(keras.callbacks.Callback):
    """As `EarlyStopping(restore_best_weights=True)`, with a best epoch that is known before."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.best = self.model.get_weights()

    def on_train_end(self, logs=None):
        self.model.set_weights(self.best)


def watch(folder, **options):
    options = {"layers": ["conv"], "parts": [Seen()], "max_overhead": None, **options}
    return InterpCallback(folder, Probe.from_arrays(X[:6]), on_error="raise", **options)


def fit(model, *callbacks, epochs=2, **options):
    model.fit(X, Y, batch_size=16, epochs=epochs, callbacks=[*callbacks], **{"verbose": 0, **options})
    return model


def steps(records):
    return [record.step for record in records]
