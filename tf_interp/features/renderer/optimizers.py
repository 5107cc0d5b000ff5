"""`Adam` and `SGD`. Their state is kept with the pictures, so that one compiled step serves all calls.

Each update is one fused operation in place: written out, its dozen operations would cost time beside a small network.
"""

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
    ) -> None:
        """Take one step down the gradients.

        Args:
            variables: handles of variables, changed in place.
            slots: handles of variables that began as `slots` made them, changed in place.
            gradients: a tensor for each variable.
            rate: learning rate, scalar tensor.
            step: number of this step from 0, float scalar tensor.
        """
        half = len(slots) // 2
        for x, mean, square, gradient in zip(variables, slots[:half], slots[half:], gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=x,
                m=mean,
                v=square,
                beta1_power=self.beta1 ** (step + 1),
                beta2_power=self.beta2 ** (step + 1),
                lr=rate,
                beta1=self.beta1,
                beta2=self.beta2,
                epsilon=self.epsilon,
                grad=gradient,
            )


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
    ) -> None:
        """Take one step down the gradients; see `Adam.update`."""
        if not self.momentum:
            for x, gradient in zip(variables, gradients, strict=True):
                tf.raw_ops.ResourceApplyGradientDescent(var=x, alpha=rate, delta=gradient)
            return
        for x, speed, gradient in zip(variables, slots, gradients, strict=True):
            tf.raw_ops.ResourceApplyMomentum(var=x, accum=speed, lr=rate, grad=gradient, momentum=self.momentum)
