"""Class activation maps: one map of a layer, from its channels and the gradient."""

import abc
import dataclasses
from typing import Any, ClassVar

import tensorflow as tf

from tf_interp.attribution.methods.method import Explained, Method, Split, is_zero, total
from tf_interp.attribution.scene import Scene
from tf_interp.directions import to_positions


@dataclasses.dataclass(frozen=True)
class ClassActivation(Method):
    """A map of a hidden layer, below zero cut off: how much channels with weights are there at each position."""

    divides: ClassVar[bool] = False
    along: ClassVar[bool] = False
    emptiness: ClassVar[str] = (
        "all that it shows would speak against the score, and such a map is cut off below zero; gradient_x_input has "
        "both signs"
    )

    @abc.abstractmethod
    def draw(self, activation: Any, gradient: Any) -> Any:
        """Return the map [n,h,w] before it is cut off, from [n,h,w,C]."""

    def explain(self, scene: Scene, along: Split | None) -> Explained:  # noqa: D102
        activation, gradient = to_positions(scene.point), to_positions(scene.gradient(scene.point)[1])
        drawn = tf.nn.relu(self.draw(activation, gradient))[..., None]
        return Explained(drawn, total(drawn), is_zero(gradient))


@dataclasses.dataclass(frozen=True)
class GradCam(ClassActivation):
    """Channels weighted with their mean gradient. Source: Selvaraju et al., Grad-CAM, 2017."""

    name: ClassVar[str] = "grad_cam"

    def draw(self, activation: Any, gradient: Any) -> Any:  # noqa: D102
        return tf.einsum("nhwc,nc->nhw", activation, tf.reduce_mean(gradient, axis=(1, 2)))


@dataclasses.dataclass(frozen=True)
class GradCamPlusPlus(ClassActivation):
    """Channels weighted with their positive gradients, those of few positions more.

    The score counts as the exponential of the target, as in the paper; a factor common to the whole map is left out.
    Source: Chattopadhyay et al., Grad-CAM++, 2018, equations 10 and 19.
    """

    name: ClassVar[str] = "grad_cam_plus_plus"

    def draw(self, activation: Any, gradient: Any) -> Any:  # noqa: D102
        mass = tf.reduce_sum(activation, axis=(1, 2), keepdims=True)
        below = 2 * gradient**2 + mass * gradient**3
        share = tf.math.divide_no_nan(gradient**2, below)
        return tf.einsum("nhwc,nc->nhw", activation, tf.reduce_sum(share * tf.nn.relu(gradient), axis=(1, 2)))


@dataclasses.dataclass(frozen=True)
class LayerCam(ClassActivation):
    """Each position weighted with its own gradient, where that is positive. Source: Jiang et al., LayerCAM, 2021."""

    name: ClassVar[str] = "layer_cam"

    def draw(self, activation: Any, gradient: Any) -> Any:  # noqa: D102
        return tf.reduce_sum(tf.nn.relu(gradient) * activation, axis=-1)
