"""What the examples of docstrings and README take as given: a small network, pictures, a probe, records."""

import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tf_interp as ti
from tf_interp.features import channel

L = keras.layers
NAMES = ["horse", "zebra", "dog", "cat"]


def small_network(size: tuple[int, int, int] = (32, 32, 3)) -> keras.Model:
    """Return a network with layers conv, conv1, conv2, conv3, compiled; logits of four classes."""
    keras.utils.set_random_seed(0)
    layers = [L.Conv2D(8, 3, padding="same", activation="relu", name=name) for name in ("conv", "conv1")]
    layers += [L.Conv2D(16, 3, padding="same", activation="relu", name=name) for name in ("conv2", "conv3")]
    model = keras.Sequential([keras.Input(size), *layers, L.GlobalAveragePooling2D(), L.Dense(4, name="class")])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def striped(count: int, seed: int) -> np.ndarray:
    """Return noise with vertical stripes, float32 [count,32,32,3] in [0,1]."""
    pictures = np.random.default_rng(seed).random((count, 32, 32, 3), np.float32) / 2
    pictures[:, :, ::4] += 0.5
    return pictures


def names(folder: pathlib.Path) -> dict[str, Any]:
    """Return what an example may use without saying where it comes from."""
    model = ti.open_model(small_network(), class_names=NAMES)
    photos = np.random.default_rng(1).random((60, 32, 32, 3), np.float32)
    labels = np.arange(60) % 4
    probe = ti.Probe.from_arrays(photos[:12], labels[:12], NAMES)
    return {
        **{"ti": ti, "np": np, "tf": tf, "keras": keras, "channel": channel},
        **{name: getattr(ti, name) for name in ("find_concepts", "tcav", "NeuronGroups", "InterpCallback")},
        **{"model": model, "probe": probe, "image": photos[0], "photo": photos[0], "painting": photos[1]},
        **{"zebras": striped(30, 2), "stripes": striped(30, 3), "photos": photos, "names": NAMES, "tmp_path": folder},
        "records": list(ti.analyze(model, probe, ["conv"], [ti.Features([0], steps=2)])),
    }
