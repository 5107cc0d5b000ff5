"""What can be covered: positions of a picture, steps of a series, or the single numbers of a vector."""

from typing import Any

import tensorflow as tf

from tf_interp.attribution.scene import Scene
from tf_interp.directions import to_positions


def as_plane(scene: Scene, value: Any, method: str) -> tf.Tensor:
    """Return a point with two axes of places, [n,h,w,C]; of a vector [n,F] each number is a place, [n,1,F,1].

    Args:
        scene: the batch.
        value: like its point.
        method: name of the method, for the message.

    Raises:
        ValueError: for a volume, whose windows and cells would reach from one slice into the next.
    """
    rank = scene.point.shape.rank
    if rank > 4:
        raise ValueError(
            f"{method!r} covers places of pictures, series and vectors, {scene.where} is a volume, "
            f"{list(scene.point.shape)}: use a method of the gradient"
        )
    return value[:, None, :, None] if rank == 2 else to_positions(value)


def from_plane(scene: Scene, drawn: Any) -> Any:
    """Return values [n,h,w,1] of places in the form of `Attribution.values`: of a vector [n,1,1,F]."""
    return drawn.transpose(0, 1, 3, 2) if scene.point.shape.rank == 2 else drawn
