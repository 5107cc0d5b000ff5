"""Optimizers as pure functions, so that one compiled step serves all calls and a picture's state is plain arrays."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba, 2014), with the constants of Keras.

    Args:
        beta1: decay of the mean gradient.
        beta2: decay of the mean squared gradient.
        epsilon: added to the root.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7

    def slots(self, variables: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the optimizer's own state to start from.

        Args:
            variables: what is optimized.

        Returns:
            float32 arrays; each has the shape of a variable.
        """
        return [np.zeros_like(value) for value in (*variables, *variables)]

    def update(
        self, variables: Sequence[Any], slots: Sequence[Any], gradients: Sequence[Any], rate: Any, step: Any
    ) -> tuple[list[Any], list[Any]]:
        """Return variables and slots after one step down the gradients.

        Args:
            variables: tensors.
            slots: as `slots` made them.
            gradients: one for each variable.
            rate: learning rate, scalar tensor.
            step: number of this step from 0, float scalar tensor.

        Returns:
            `(variables, slots)`.
        """
        half = len(slots) // 2
        means = [self.beta1 * m + (1 - self.beta1) * g for m, g in zip(slots[:half], gradients, strict=True)]
        squares = [self.beta2 * v + (1 - self.beta2) * g * g for v, g in zip(slots[half:], gradients, strict=True)]
        rate = rate * tf.sqrt(1 - self.beta2 ** (step + 1)) / (1 - self.beta1 ** (step + 1))
        after = [x - rate * m / (tf.sqrt(v) + self.epsilon) for x, m, v in zip(variables, means, squares, strict=True)]
        return after, means + squares


@dataclasses.dataclass(frozen=True)
class SGD:
    """Plain gradient steps, with momentum if wanted.

    Args:
        momentum: part of the last step that is kept.
    """

    momentum: float = 0.0

    def slots(self, variables: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the optimizer's own state to start from; see `Adam.slots`."""
        return [np.zeros_like(value) for value in variables] if self.momentum else []

    def update(
        self, variables: Sequence[Any], slots: Sequence[Any], gradients: Sequence[Any], rate: Any, step: Any
    ) -> tuple[list[Any], list[Any]]:
        """Return variables and slots after one step; see `Adam.update`."""
        if not self.momentum:
            return [x - rate * g for x, g in zip(variables, gradients, strict=True)], []
        speeds = [self.momentum * s + g for s, g in zip(slots, gradients, strict=True)]
        return [x - rate * s for x, s in zip(variables, speeds, strict=True)], speeds
