"""Occlusion: what the score loses when a part is taken away."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tf_interp.attribution.methods.baseline import check_baseline, read_baseline
from tf_interp.attribution.methods.method import Explained, Split, SwitchingOff, is_zero
from tf_interp.attribution.methods.switching_off.plane import as_plane, from_plane
from tf_interp.attribution.scene import Scene
from tf_interp.directions import to_positions


@dataclasses.dataclass(frozen=True, eq=False)
class Occlusion(SwitchingOff):
    """The fall of the score when a window is covered; a position has the mean over the windows that cover it.

    Along directions: the fall when all that is along a direction is taken out of the layer (ablation).

    Args:
        window: height and width of the window; None is an eighth of the picture, of a layer one position, of a vector
            one number.
        stride: from window to window; None is half a window.
        baseline: what covers: a number, an array like one image, "mean" or "blur".

    Source:
        Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014.
    """

    name: ClassVar[str] = "occlusion"
    divides: ClassVar[bool] = False
    window: int | None = None
    stride: int | None = None
    baseline: Any = 0.0

    def check(self) -> None:  # noqa: D102
        check_baseline(self.baseline)
        if min(self.window or 1, self.stride or 1) < 1:
            raise ValueError(f"window and stride must be at least 1, got {self.window} and {self.stride}")

    def explain(self, scene: Scene, along: Split | None) -> Explained:  # noqa: D102
        whole = scene.score(scene.point)
        if along is not None:
            parts = along.parts(to_positions(scene.point))
            lost = [np.asarray(whole - scene.score(scene.point - tf.reshape(p, tf.shape(scene.point)))) for p in parts]
            drawn = np.stack(lost, axis=1)
            return Explained(drawn, drawn.sum(1), is_zero(drawn))
        point = as_plane(scene, scene.point, self.name)
        cover = as_plane(scene, read_baseline(self.baseline, scene.point), self.name)
        height, width = point.shape[1:3]
        single = scene.path is not None or scene.point.shape.rank == 2
        window = self.window or (1 if single else -(-max(height, width) // 8))
        stride = self.stride or max(window // 2, 1)
        falls, counts = np.zeros(point.shape[:3], np.float32), np.zeros((height, width), np.float32)
        for y in _starts(height, window, stride):
            for x in _starts(width, window, stride):
                mask = np.zeros((height, width, 1), np.float32)
                mask[y : y + window, x : x + window] = 1
                covered = tf.reshape(tf.where(mask > 0, cover, point), tf.shape(scene.point))
                fall = np.asarray(whole - scene.score(covered))
                falls[:, y : y + window, x : x + window] += fall[:, None, None]
                counts[y : y + window, x : x + window] += 1
        drawn = (falls / counts)[..., None]
        return Explained(from_plane(scene, drawn), drawn.sum((1, 2, 3)), is_zero(drawn))


def _starts(size: int, window: int, stride: int) -> list[int]:
    """Return where windows begin, so that every position is covered."""
    last = max(size - window, 0)
    return sorted({*range(0, last + 1, stride), last})
