"""RISE: the mean of random masks, weighted with the score that is left under each."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tf_interp.attribution.methods.baseline import check_baseline, read_baseline
from tf_interp.attribution.methods.method import Explained, Split, SwitchingOff, is_zero
from tf_interp.attribution.methods.switching_off.plane import as_plane, from_plane
from tf_interp.attribution.scene import Scene


@dataclasses.dataclass(frozen=True, eq=False)
class Rise(SwitchingOff):
    """Mean of score x mask over random smooth masks, divided by the share that a mask leaves.

    Here the score is the target's (a logit, where the paper takes a probability), and its mean over the masks is taken
    off, so that a position without influence comes out near 0.

    Args:
        samples: number of masks, the same for all images.
        cells: a mask has about `cells` x `cells` cells, on or off.
        share: probability of a cell to be on.
        baseline: what is seen where a mask is off.
        seed: of the masks.

    Source:
        Petsiuk et al., RISE: Randomized Input Sampling for Explanation of Black-box Models, 2018.
    """

    name: ClassVar[str] = "rise"
    divides: ClassVar[bool] = False
    along: ClassVar[bool] = False
    samples: int = 500
    cells: int = 7
    share: float = 0.5
    baseline: Any = 0.0
    seed: int = 0

    def check(self) -> None:  # noqa: D102
        check_baseline(self.baseline)
        if self.samples < 2 or self.cells < 1 or not 0 < self.share < 1:
            raise ValueError(
                "rise needs at least 2 samples, 1 cell and a share between 0 and 1, got "
                f"{self.samples}, {self.cells} and {self.share}"
            )

    def explain(self, scene: Scene, along: Split | None) -> Explained:  # noqa: D102
        point = as_plane(scene, scene.point, self.name)
        nothing = as_plane(scene, read_baseline(self.baseline, scene.point), self.name)
        random = np.random.default_rng(self.seed)
        weighted, masks, scores = np.zeros(()), np.zeros(()), np.zeros(())
        least, most = np.inf, -np.inf
        for _ in range(self.samples):
            mask = self._draw(random, *point.shape[1:3])[..., None]
            seen = tf.reshape(mask * point + (1 - mask) * nothing, tf.shape(scene.point))
            score = np.asarray(scene.score(seen))
            weighted = weighted + score[:, None, None, None] * mask
            masks, scores = masks + mask, scores + score
            least, most = np.minimum(least, score), np.maximum(most, score)
        mean = (scores / self.samples)[:, None, None, None]
        drawn = ((weighted - mean * masks) / (self.samples * self.share)).astype(np.float32)
        drawn[least == most] = 0  # rounding alone is no map
        return Explained(from_plane(scene, drawn), drawn.sum((1, 2, 3)), is_zero(drawn))

    def _draw(self, random: np.random.Generator, height: int, width: int) -> np.ndarray:
        """Return a mask [h,w] in [0,1]: cells on or off, made smooth and moved by a part of a cell."""
        cells = [min(self.cells, size) for size in (height, width)]
        grid = (random.random([count + 1 for count in cells]) < self.share).astype(np.float32)
        sizes = [-(-size // count) for size, count in zip((height, width), cells, strict=True)]
        larger = [(count + 1) * size for count, size in zip(cells, sizes, strict=True)]
        mask = np.asarray(tf.image.resize(grid[..., None], larger))[..., 0]
        y, x = (random.integers(0, size) for size in sizes)
        return mask[y : y + height, x : x + width]
