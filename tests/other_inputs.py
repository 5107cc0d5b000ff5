"""Networks of what is no picture, each with a layer "layer" of five channels that sees one position at a time."""

import keras
import numpy as np

L = keras.layers
RELU = {"name": "layer", "activation": "relu"}
PLACES = {
    "series": (1, 9),
    "vectors": (1, 1),
    "volumes": (12, 5),
    "tokens": (1, 7),
}  # of "layer", slices below each other


def make_other(kind: str) -> tuple[keras.Model, np.ndarray]:
    """Return a network that takes series, vectors, volumes or tokens, as input "first", and three of these."""
    rng = np.random.default_rng(0)
    shape, layers, given = {
        "series": ((9, 2), [L.Conv1D(5, 1, **RELU)], rng.normal(size=(3, 9, 2))),
        "vectors": ((4,), [L.Dense(5, **RELU)], rng.normal(size=(3, 4))),
        "volumes": ((3, 4, 5, 2), [L.Conv3D(5, 1, **RELU)], rng.normal(size=(3, 3, 4, 5, 2))),
        "tokens": ((7,), [L.Embedding(20, 4), L.Conv1D(5, 1, **RELU)], rng.integers(0, 20, (3, 7))),
    }[kind]
    network = keras.Sequential([keras.Input(shape, name="first"), *layers, L.Flatten(), L.Dense(2)])
    return network, given if kind == "tokens" else given.astype(np.float32)
