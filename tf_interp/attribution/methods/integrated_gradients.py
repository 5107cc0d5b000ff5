"""Integrated gradients: the mean gradient on the way from nothing to what is there."""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import tensorflow as tf

from tf_interp.attribution.methods.baseline import check_baseline, read_baseline
from tf_interp.attribution.methods.method import GradientMethod
from tf_interp.attribution.scene import Scene


@dataclasses.dataclass(frozen=True)
class IntegratedGradients(GradientMethod):
    """(a - b) * (mean of g at `steps` midpoints of the straight line from the baseline b to a).

    Their sum comes close to score(a) - score(b); more steps bring it closer.

    Source: Sundararajan et al., Axiomatic Attribution for Deep Networks, 2017.
    """

    name: ClassVar[str] = "integrated_gradients"
    steps: int = 32
    baseline: Any = 0.0

    def check(self) -> None:  # noqa: D102
        check_baseline(self.baseline)

    def pairs(self, scene: Scene) -> Iterator[tuple[Any, Any]]:  # noqa: D102
        start = read_baseline(self.baseline, scene.point)
        way = scene.point - start
        slope = tf.zeros_like(scene.point)
        for step in range(self.steps):
            slope += scene.gradient(start + way * ((step + 0.5) / self.steps))[1] / self.steps
        yield way, slope

    def promise(self, scene: Scene) -> Any:  # noqa: D102
        return scene.score(scene.point) - scene.score(read_baseline(self.baseline, scene.point))
