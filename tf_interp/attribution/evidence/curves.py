"""Deletion and insertion: the score while positions or directions are taken away, or put back, in some order.

Of positions all orders move the same cells of a grid. Single pixels, scattered, disturb a network by their edges
whatever they show, so that an order that scatters them looks better than it is.

Source: Petsiuk et al., RISE, 2018.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.attribution.methods.baseline import read_baseline
from tf_interp.attribution.methods.method import Split
from tf_interp.attribution.scene import Scene
from tf_interp.directions import to_positions

TakeAway = Callable[[np.ndarray], tf.Tensor]  # bool [n,pieces] -> the point without these


def cover(scene: Scene, grid: np.ndarray, baseline: Any) -> TakeAway:
    """Return what takes cells away.

    Args:
        scene: the batch of n images.
        grid: int [h,w], the cell of each position.
        baseline: what stands where a cell is away.
    """
    point, nothing = to_positions(scene.point), to_positions(read_baseline(baseline, scene.point))
    return lambda gone: tf.reshape(tf.where(gone[:, grid][..., None], nothing, point), tf.shape(scene.point))


def ablate(scene: Scene, split: Split) -> TakeAway:
    """Return what takes directions out of the activation.

    Args:
        scene: the batch of n images.
        split: how its activation is divided along them.
    """
    point = to_positions(scene.point)
    return lambda gone: tf.reshape(split.remove(point, gone), tf.shape(scene.point))


def trace_curves(scene: Scene, order: np.ndarray, take_away: TakeAway, steps: int) -> np.ndarray:
    """Return the scores while pieces are taken away, and while they are put back.

    Args:
        scene: the batch of n images.
        order: int [n,pieces], each image's pieces, the most attributed first.
        take_away: what takes them away.
        steps: into how many equal steps the pieces are shared out.

    Returns:
        float32 array [2,n,steps + 1]: deletion and insertion.
    """
    rank = np.argsort(order, axis=1)  # place of each piece in the order
    curves = np.zeros((2, len(order), steps + 1), np.float32)
    for step in range(steps + 1):
        gone = rank < round(step * order.shape[1] / steps)
        curves[0, :, step] = np.asarray(scene.score(take_away(gone)))
        if 0 < step < steps:
            curves[1, :, step] = np.asarray(scene.score(take_away(~gone)))
    curves[1, :, [0, steps]] = curves[0, :, [steps, 0]]  # nothing and all are the same both ways
    return curves


def area(curves: np.ndarray) -> np.ndarray:
    """Return the mean height of curves [...,steps + 1], by the trapezoid rule."""
    return (curves[..., 1:] + curves[..., :-1]).mean(-1) / 2
