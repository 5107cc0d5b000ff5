"""Small networks with every kind of head, each with its scores written by hand from the pooled activation."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

L = keras.layers
SIZE = (8, 8, 3)


@dataclasses.dataclass
class Headed:
    """A network and what its targets should be.

    Args:
        model: 8x8x3 in; a convolution "conv", a mean over positions, and the head.
        kind: what its output is.
        targets: target -> from the pooled activation [N,4] to the score [N].
        refused: a target that there is not.
    """

    model: keras.Model
    kind: str
    targets: dict[Any, Callable[[Any], Any]]
    refused: Any


def _base() -> tuple[Any, Any]:
    x = keras.Input(SIZE)
    return x, L.GlobalAveragePooling2D(name="pool")(L.Conv2D(4, 3, activation="relu", name="conv")(x))


def _dense(units: int, activation: str | None = None, name: str | None = None) -> Any:
    return L.Dense(units, activation, name=name or "dense")


def _linear(layer: Any, column: int, sign: int = 1) -> Callable[[Any], Any]:
    return lambda pooled: sign * (tf.matmul(pooled, layer.kernel) + layer.bias)[:, column]


def _one(kind: str, units: int, activation: str | None, after: Callable[[Any], Any] = lambda y: y) -> Headed:
    x, pooled = _base()
    dense = _dense(units, activation)
    model = keras.Model(x, after(dense(pooled)), name=kind)
    if kind == "binary":
        targets = {0: _linear(dense, 0, -1), 1: _linear(dense, 0)}
    else:
        targets = {index: _linear(dense, index) for index in range(units)}
    return Headed(model, kind, targets, max(targets) + 1)


def _written_out() -> Headed:
    def softmax(y: Any) -> Any:
        return keras.ops.exp(y) / keras.ops.sum(keras.ops.exp(y), -1, keepdims=True)

    return _one("multiclass", 3, None, softmax)


def _ensemble() -> Headed:
    x, pooled = _base()
    members = [_dense(3, "softmax", name) for name in ("first", "second")]
    model = keras.Model(x, L.Average()([member(pooled) for member in members]))

    def score(index: int) -> Callable[[Any], Any]:
        return lambda a: tf.math.log(sum(member(a) for member in members)[:, index] / 2)

    return Headed(model, "multiclass", {index: score(index) for index in range(3)}, 3)


def _two(as_dict: bool) -> Headed:
    x, pooled = _base()
    breed, species = _dense(3, "softmax", "breed"), _dense(2, "softmax", "species")
    ends = [breed(pooled), species(pooled)]
    model = keras.Model(x, {"species": ends[1], "breed": ends[0]} if as_dict else ends)
    targets: dict[Any, Callable[[Any], Any]] = {index: _linear(breed, index) for index in range(3)}
    targets |= {"breed:2": _linear(breed, 2), "species:1": _linear(species, 1)}
    return Headed(model, "multiclass", targets, "species:2")


HEADS: dict[str, Callable[[], Headed]] = {
    "softmax": lambda: _one("multiclass", 3, "softmax"),
    "one logit": lambda: _one("binary", 1, "sigmoid"),
    "several sigmoids": lambda: _one("multilabel", 3, "sigmoid"),
    "regression": lambda: _one("regression", 1, None),
    "two heads, list": lambda: _two(False),
    "two heads, dict": lambda: _two(True),
    "written-out softmax": _written_out,
    "ensemble": _ensemble,
    "reshaped softmax": lambda: _one("multiclass", 3, "softmax", lambda y: L.Flatten()(L.Reshape((1, 3))(y))),
    "clipped softmax": lambda: _one("multiclass", 3, "softmax", lambda y: keras.ops.clip(y, 1e-7, 1 - 1e-7)),
    "hard sigmoid": lambda: _one("binary", 1, "hard_sigmoid"),
    "log-softmax": lambda: _one("multiclass", 3, "log_softmax"),
}


def build(name: str) -> Headed:
    """Return a network with a head, its weights always the same."""
    headed = HEADS[name]()
    rng = np.random.default_rng(3)
    for weight in headed.model.weights:
        weight.assign(rng.normal(0.1, 0.4, weight.shape))
    return headed
