"""Expected gradients: integrated gradients from real pictures in place of nothing."""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tf_interp.attribution.methods.method import GradientMethod
from tf_interp.attribution.scene import Scene
from tf_interp.probe import Probe


@dataclasses.dataclass(frozen=True, eq=False)
class ExpectedGradients(GradientMethod):
    """Mean of (a - b) * g over other pictures b and over points between b and a.

    Their sum comes close to score(a) minus the mean score of the baselines.

    Args:
        baselines: a `Probe` or images [M,H,W,C] in [0,1], of which each picture draws `samples`; None takes the
            pictures that are explained themselves.
        samples: how many baselines, with a point on the way from each.
        seed: of the draws.

    Source:
        Erion et al., Improving performance of deep learning models with axiomatic attribution priors, 2021.
    """

    name: ClassVar[str] = "expected_gradients"
    samples: int = 32
    baselines: Any = None
    seed: int = 0

    def check(self) -> None:  # noqa: D102
        if self.baselines is None:
            raise ValueError("expected_gradients needs baselines=, a Probe or images that stand for the ordinary case")

    def pairs(self, scene: Scene) -> Iterator[tuple[Any, Any]]:  # noqa: D102
        for start, part in self._draw(scene):
            way = scene.point - start
            yield way, scene.gradient(start + way * part)[1] / self.samples

    def promise(self, scene: Scene) -> Any:  # noqa: D102
        score = scene.score(scene.point)
        return score - sum(scene.score(start) for start, _ in self._draw(scene)) / self.samples

    def _draw(self, scene: Scene) -> Iterator[tuple[Any, Any]]:
        """Yield a baseline and how far to go from it to the point, one part in each of `samples` strata."""
        images = self.baselines.images if isinstance(self.baselines, Probe) else np.asarray(self.baselines)
        rows = np.asarray(scene.rows)
        random = [np.random.default_rng([self.seed, int(row)]) for row in rows]  # whatever batch it is in
        order = np.stack([_spread(item, len(images), self.samples) for item in random])
        strata = np.stack([(item.permutation(self.samples) + item.random(self.samples)) for item in random])
        shape = (len(rows), *(1,) * (scene.point.shape.rank - 1))
        for sample in range(self.samples):
            chosen = tf.constant(images[order[:, sample]], tf.float32)
            if scene.path is not None:
                chosen = scene.activation(scene.path, chosen)
            yield chosen, tf.constant((strata[:, sample] / self.samples).reshape(shape), tf.float32)


def _spread(random: np.random.Generator, count: int, samples: int) -> np.ndarray:
    """Return which of `count` to take, each as often as any other, but for one."""
    rounds = -(-samples // count)
    return np.concatenate([random.permutation(count) for _ in range(rounds)])[:samples]
