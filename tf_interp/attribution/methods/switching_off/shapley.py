"""Exact Shapley values of few players."""

import dataclasses
import math
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tf_interp.attribution.grid import make_masks
from tf_interp.attribution.methods.baseline import check_baseline, read_baseline
from tf_interp.attribution.methods.method import Explained, Split, SwitchingOff, is_zero
from tf_interp.attribution.methods.switching_off.plane import as_plane, from_plane
from tf_interp.attribution.scene import Scene
from tf_interp.directions import to_positions

_MOST = 10  # players: 1,024 runs


@dataclasses.dataclass(frozen=True, eq=False)
class Shapley(SwitchingOff):
    """Each player's mean contribution over all orders in which the players can come, from all 2^K subsets.

    Along directions the players are the directions, at most 10, and the rest of the activation is always there. Else
    they are `cells` x `cells` regions of the picture or layer, of a vector of at most 10 numbers each number; the value
    of one is spread evenly over its positions.
    All values together are score(a) - score(nothing), exactly.

    Args:
        cells: regions along each side, at most 3.
        baseline: what stands where a player is away; along directions nothing does.

    Source:
        Shapley, A value for n-person games, 1953.
    """

    name: ClassVar[str] = "shapley"
    cells: int = 3
    baseline: Any = 0.0

    def check(self) -> None:  # noqa: D102
        check_baseline(self.baseline)
        if not 1 <= self.cells <= 3:
            raise ValueError(f"shapley takes 1 to 3 cells along each side (up to 512 runs), got {self.cells}")

    def explain(self, scene: Scene, along: Split | None) -> Explained:  # noqa: D102
        masks = np.zeros(0)
        if along is not None:
            point = to_positions(scene.point)
            if len(along.vectors) > _MOST:
                raise ValueError(
                    f"exact Shapley values take at most {_MOST} players, these are {len(along.vectors)} directions: "
                    'choose some, e.g. groups[:10], or method="occlusion"'
                )
            parts = list(along.parts(point))
            rest = point - sum(parts)
        else:
            point = as_plane(scene, scene.point, self.name)
            nothing = as_plane(scene, read_baseline(self.baseline, scene.point), self.name)
            height, width = point.shape[1:3]
            few = scene.point.shape.rank == 2 and width <= _MOST
            masks = make_masks(height, width, width if few else self.cells).astype(np.float32)
            parts, rest = [mask * (point - nothing) for mask in masks], nothing
        worth = []
        for subset in range(1 << len(parts)):
            there = rest + sum(part for player, part in enumerate(parts) if subset >> player & 1)
            worth.append(np.asarray(scene.score(tf.reshape(there, tf.shape(scene.point))), np.float64))
        values = shapley_values(np.stack(worth)).astype(np.float32)  # [K,n]
        change = (worth[-1] - worth[0]).astype(np.float32)
        if along is not None:
            return Explained(values.T, values.sum(0), is_zero(values.T), change)
        spread = sum(value[:, None, None, None] * mask / mask.sum() for value, mask in zip(values, masks, strict=True))
        return Explained(from_plane(scene, np.asarray(spread, np.float32)), values.sum(0), is_zero(values.T), change)


def shapley_values(worth: np.ndarray) -> np.ndarray:
    """Return the Shapley values of a game.

    Args:
        worth: float [2^K,...]: of each subset of the players, player k at bit k.

    Returns:
        float array [K,...]; their sum is `worth[-1] - worth[0]`.

    Example:
        >>> shapley_values(np.array([0.0, 1.0, 2.0, 4.0])).tolist()
        [1.5, 2.5]
    """
    players = len(worth).bit_length() - 1
    subsets = np.arange(len(worth))
    sizes = np.array([int(subset).bit_count() for subset in subsets])
    values = []
    for player in range(players):
        without = subsets[(subsets >> player & 1) == 0]
        weight = np.array([1 / (players * math.comb(players - 1, size)) for size in sizes[without]])
        gain = worth[without | 1 << player] - worth[without]
        values.append(np.tensordot(weight, gain, 1))
    return np.stack(values)
