"""Gradient, and gradient x input."""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

from tf_interp.attribution.methods.baseline import check_baseline, read_baseline
from tf_interp.attribution.methods.method import GradientMethod
from tf_interp.attribution.scene import Scene


@dataclasses.dataclass(frozen=True)
class Gradient(GradientMethod):
    """g, how the score changes with each number (Simonyan et al., 2014). It has no total to divide."""

    name: ClassVar[str] = "gradient"
    divides: ClassVar[bool] = False

    def pairs(self, scene: Scene) -> Iterator[tuple[Any, Any]]:  # noqa: D102
        yield None, scene.gradient(scene.point)[1]


@dataclasses.dataclass(frozen=True)
class GradientXInput(GradientMethod):
    """(a - b) * g, the linear approximation; at a hidden layer that of The Building Blocks of Interpretability.

    The baseline b is what stands for nothing: to first order the values say what the score loses when it takes the
    place of what is there.
    """

    name: ClassVar[str] = "gradient_x_input"
    baseline: Any = 0.0

    def check(self) -> None:  # noqa: D102
        check_baseline(self.baseline)

    def pairs(self, scene: Scene) -> Iterator[tuple[Any, Any]]:  # noqa: D102
        nothing = isinstance(self.baseline, int | float) and self.baseline == 0
        way = scene.point if nothing else scene.point - read_baseline(self.baseline, scene.point)
        yield way, scene.gradient(scene.point)[1]  # of the point itself groups know their weights
