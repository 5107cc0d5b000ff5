"""What "nothing" is: where a path starts, and what stands in for what is taken away."""

from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.directions import to_positions

NAMED = ("zero", "mean", "blur")


def check_baseline(baseline: Any) -> None:
    """Raise if a baseline is neither a number nor one of `NAMED`.

    Args:
        baseline: what the user gave.

    Raises:
        ValueError: if it is something else.
    """
    if isinstance(baseline, str) and baseline not in NAMED:
        raise ValueError(
            f"baseline must be a number, an array like one image, or one of {list(NAMED)}; got {baseline!r}"
        )


def read_baseline(baseline: Any, point: tf.Tensor) -> tf.Tensor:
    """Return a baseline for each image.

    Args:
        baseline: a number; an array that fits one image or activation; "zero"; "mean", each channel's mean over the
            positions of the image; "blur", the mean over a quarter of its height and width.
        point: float32 [n,...].

    Returns:
        float32 tensor like `point`.
    """
    if isinstance(baseline, str) and baseline != "zero":
        whole = to_positions(point)
        if baseline == "mean":
            whole = tf.broadcast_to(tf.reduce_mean(whole, axis=(1, 2), keepdims=True), tf.shape(whole))
        else:
            height, width = (max(size // 4 | 1, 3) for size in whole.shape[1:3])
            for _ in range(2):  # twice a box is nearly a bell
                whole = tf.nn.avg_pool2d(whole, (height, width), 1, "SAME")
        return tf.reshape(whole, tf.shape(point))
    number = 0.0 if isinstance(baseline, str) else np.asarray(baseline, np.float32)
    return tf.broadcast_to(tf.constant(number, tf.float32), tf.shape(point))
