"""A small network in which the picture counts: no biases, mid-grey is zero; 16x16 RGB in, 3 classes out."""

import importlib

import keras
import networks
import numpy as np

from tf_interp.features import SGD, Pixel, render
from tf_interp.models import KerasModel

L = keras.layers
SIZE = (16, 16, 3)
EXACT = {"steps": 4, "param": Pixel(), "optimizer": SGD(), "learning_rate": 30.0, "transforms": (), "retries": 0}
WIDTH = 8  # channels of "conv" (behind a ReLU), "conv2" (linear) and "relu"


def from_unit(images):
    """Return what the network takes, -2 to 2."""
    return 4 * images - 2


def open_small(seed: int = 0, preprocess=from_unit) -> KerasModel:
    """Return the network, always with the same weights."""
    x = keras.Input(SIZE)
    first = L.Conv2D(WIDTH, 3, padding="same", activation="relu", name="conv")(x)
    second = L.ReLU(name="relu")(L.Conv2D(WIDTH, 3, padding="same", name="conv2")(first))
    network = keras.Model(x, L.Dense(3, name="head")(L.GlobalAveragePooling2D(name="pool")(second)), name="small")
    networks.fill(network, seed)
    for weight in network.weights:
        if weight.name == "bias":
            weight.assign(np.zeros(weight.shape))
    return KerasModel(network, preprocess=preprocess, class_names=["cat", "dog", "owl"])


def read(model, images, layer: str) -> np.ndarray:
    """Return the activation of a layer."""
    return np.asarray(model.run(images, [layer])[layer])


def count_renders(monkeypatch) -> list[int]:
    """Return a list to which `render_many` adds the number of units of each call of `render`."""
    seen: list[int] = []

    def count(model, objectives, **options):
        seen.append(len(objectives))
        return render(model, objectives, **options)

    monkeypatch.setattr(importlib.import_module("tf_interp.features.many.render_many"), "render", count)
    return seen


def means(model, images, layer: str) -> np.ndarray:
    """Return the mean activation of each channel, [N,C]."""
    return read(model, images, layer).mean((1, 2))
