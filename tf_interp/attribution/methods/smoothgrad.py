"""SmoothGrad and its kin: gradients under noise."""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import tensorflow as tf

from tf_interp.attribution.methods.method import GradientMethod
from tf_interp.attribution.scene import Scene


@dataclasses.dataclass(frozen=True)
class SmoothGrad(GradientMethod):
    """Mean of g over copies of the input, or of the layer, with noise.

    Args:
        samples: number of copies.
        noise: standard deviation of the noise, as a share of the range (largest minus smallest) of each image.
        seed: of the noise; that of an image does not depend on the others.

    Source:
        Smilkov et al., SmoothGrad: removing noise by adding noise, 2017.
    """

    name: ClassVar[str] = "smoothgrad"
    divides: ClassVar[bool] = False
    samples: int = 50
    noise: float = 0.15
    seed: int = 0

    def check(self) -> None:  # noqa: D102
        if self.samples < 1 or not self.noise > 0:
            raise ValueError(
                f"{self.name} needs at least one sample and noise above 0, got {self.samples} and {self.noise}"
            )

    def gradients(self, scene: Scene) -> Iterator[tf.Tensor]:
        """Yield the gradient at each of the copies."""
        point, axes = scene.point, tuple(range(1, scene.point.shape.rank))
        spread = tf.reduce_max(point, axes, keepdims=True) - tf.reduce_min(point, axes, keepdims=True)
        for sample in range(self.samples):
            yield scene.gradient(point + self.noise * spread * scene.draw_normal(self.seed, sample))[1]

    def pairs(self, scene: Scene) -> Iterator[tuple[Any, Any]]:  # noqa: D102
        yield None, sum(self.gradients(scene)) / self.samples


@dataclasses.dataclass(frozen=True)
class SquareGrad(SmoothGrad):
    """Mean of g^2 under noise; in squared units, never below zero. Source: Hooker et al., ROAR, 2019, "SG-SQ"."""

    name: ClassVar[str] = "squaregrad"
    along: ClassVar[bool] = False

    def pairs(self, scene: Scene) -> Iterator[tuple[Any, Any]]:  # noqa: D102
        yield None, sum(gradient**2 for gradient in self.gradients(scene)) / self.samples


@dataclasses.dataclass(frozen=True)
class VarGrad(SmoothGrad):
    """Variance of g under noise; in squared units, never below zero. Source: Adebayo et al., 2018."""

    name: ClassVar[str] = "vargrad"
    along: ClassVar[bool] = False
    silence: ClassVar[str] = "the gradient at {} is the same under all the noise"
    reason: ClassVar[str] = "the score is linear in it there, or a dead or saturated unit lies between"

    def check(self) -> None:  # noqa: D102
        super().check()
        if self.samples < 2:
            raise ValueError(f"vargrad needs at least two samples, got {self.samples}")

    def pairs(self, scene: Scene) -> Iterator[tuple[Any, Any]]:  # noqa: D102
        mean = square = tf.zeros_like(scene.point)
        for number, gradient in enumerate(self.gradients(scene), 1):  # in one pass, and stable (Welford)
            step = gradient - mean
            mean += step / number
            square += step * (gradient - mean)
        yield None, square / self.samples
