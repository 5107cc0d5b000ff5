"""Small networks and pictures with known answers, for the tests of concepts."""

import keras
import numpy as np

from tf_interp.models import KerasModel

FAST = {"permutations": 199, "bootstraps": 50}


def make_linear(head, preprocess=None, class_names=None):
    """Images [N,4,4,3] -> "features" (the identity, 1x1) -> mean over positions -> logits = mean color @ head."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Conv2D(3, 1, use_bias=False, name="features"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(np.shape(head)[1], use_bias=False, name="logits"),
        ]
    )
    model.get_layer("features").set_weights([np.eye(3, dtype=np.float32)[None, None]])
    model.get_layer("logits").set_weights([np.asarray(head, np.float32)])
    return KerasModel(model, preprocess, class_names)


def make_curved(seed=0, units=4, classes=3, dtype=None):
    """A small network with ReLUs, so that gradients differ between images."""
    keras.utils.set_random_seed(seed)
    return KerasModel(
        keras.Sequential(
            [
                keras.Input((6, 6, 3)),
                keras.layers.Conv2D(units, 3, activation="relu", name="early", dtype=dtype),
                keras.layers.Conv2D(units + 2, 3, activation="relu", name="late", dtype=dtype),
                keras.layers.Flatten(name="flat", dtype=dtype),
                keras.layers.Dense(classes, name="logits", dtype=dtype),
            ]
        )
    )


def noise(count, seed, size=4, low=0.2, high=0.8):
    return np.random.default_rng(seed).uniform(low, high, (count, size, size, 3)).astype(np.float32)


def tinted(images, channel, amount=0.2):
    images = images.copy()
    images[..., channel] += amount
    return images


def find(result, **wanted):
    rows = [row for row in result.rows if all(row[key] == value for key, value in wanted.items())]
    assert len(rows) == 1, (wanted, len(rows))
    return rows[0]


HEAD = [[2.0, -1.0], [0.5, 3.0], [0.0, 0.25]]
