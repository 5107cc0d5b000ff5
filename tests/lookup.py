"""A look-up over given arrays, to evaluate objectives without a network."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.features import as_objective


class Given:
    """What an objective may ask: activations and pictures that are given. `count` pictures belong to one objective."""

    def __init__(
        self, layers: Mapping[str, Any], pictures: Any = None, step: float = 0.0, count: int = 1, alpha: bool = False
    ) -> None:
        self.layers = {name: tf.constant(value, tf.float32) for name, value in layers.items()}
        if pictures is not None:
            self.layers["input"] = tf.convert_to_tensor(pictures)
        self.step, self.count, self.alpha = tf.constant(step), count, alpha

    def __call__(self, layer: str, of: Any = None) -> Any:
        return self.layers[layer] if of is None else of

    def each(self, function: Any, values: Any) -> Any:
        return tf.repeat(function(self, **values), self.count)


def value_of(
    objective: Any,
    layers: Mapping[str, Any] | None = None,
    pictures: Any = None,
    rewards_only: bool = False,
    **options: Any,
) -> np.ndarray:
    """Return the value of an objective on given activations and pictures, as an array [N] or a number."""
    return evaluate(objective, Given(layers or {}, pictures, **options), rewards_only).numpy()


def evaluate(objective: Any, T: Given, rewards_only: bool = False) -> Any:
    """Return the value of an objective as a tensor; every picture gets the objective's numbers."""
    objective = as_objective(objective)
    number = len(next(iter(T.layers.values())))
    numbers = [{k: tf.constant(np.repeat(v[None], number, 0)) for k, v in t.values.items()} for t in objective.terms()]
    for term, own in zip(objective.terms(), numbers, strict=True):
        own.update({name: tf.fill([number], np.int32(k)) for name, k in term.targets.items()})
    return objective.evaluate(T, iter(numbers), rewards_only)
