"""`CloseTo`: a parameterization that changes given pictures, and by no more than a distance."""

import dataclasses

import numpy as np
import tensorflow as tf

from tf_interp.features.param import Fourier, Param


@dataclasses.dataclass(frozen=True)
class CloseTo(Param):
    """Given pictures plus a change, in Fourier coefficients, that is held below a root mean square.

    The pictures to change are what `render(..., init=images)` starts from. They are variables that no step moves, so
    that one compiled program serves all pictures.

    Args:
        distance: root mean square of the change over pixels and channels, the most, for values in [0,1].

    Raises:
        ValueError: if the distance is not above 0, or opacity is asked for.

    Example:
        >>> settings = CloseTo(distance=0.05)
        >>> start = np.full((1, 8, 8, 1), 0.25, np.float32)
        >>> np.abs(settings.image(settings.invert(start), (8, 8, 1)).numpy() - start).max().item()
        0.0

    Source: Hamblin et al., "Feature Accentuation: Revealing 'What' Features Respond to in Natural Images" (2024), with
    a bound in place of their weighted distance in a hidden layer.
    """

    distance: float = 0.1

    def __post_init__(self) -> None:
        if not self.distance > 0:
            raise ValueError(f"distance must be above 0, got {self.distance}")
        if self.alpha:
            raise ValueError("CloseTo changes pictures without opacity: leave alpha out")

    def variables(self, shape, seeds):  # noqa: D102
        return [*self._change().variables(shape, seeds), np.full((len(seeds), *shape), 0.5, np.float32)]

    def image(self, variables, shape):  # noqa: D102
        coefficients, start = variables
        change, matrix = self._change()._raw([coefficients], shape), self._colors(shape[2])
        if matrix is not None:
            change = tf.matmul(change, tf.constant(matrix), transpose_b=True)
        size = tf.sqrt(tf.reduce_mean(change * change, [1, 2, 3], keepdims=True) + 1e-12)
        change *= self.distance / tf.maximum(size, self.distance)
        held = tf.stop_gradient(start) + 0.0 * start  # a gradient of zeros, which leaves it where it is
        return tf.clip_by_value(held + change, 0.0, 1.0)

    def invert(self, images):  # noqa: D102
        count, height, width, channels = np.shape(images)
        return [np.zeros((count, channels, height, width // 2 + 1, 2), np.float32), np.asarray(images, np.float32)]

    def _change(self) -> Fourier:
        return Fourier(self.decorrelate, sd=self.sd)
