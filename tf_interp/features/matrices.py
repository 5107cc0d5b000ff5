"""Matrix products, picture by picture."""

from typing import Any

import tensorflow as tf


def multiply(a: Any, b: Any, **transposed: bool) -> Any:
    """Return what `tf.matmul` gives for two stacks of matrices, sooner where there is one picture.

    There it is one product of two matrices, which takes a third of the time of a stack of one product on a CPU.

    Args:
        a: float32 tensor [N,h,w], or [1,h,w] for all.
        b: float32 tensor [N,h,w], or [1,h,w] for all.
        transposed: as for `tf.matmul`.

    Returns:
        float32 tensor [N,h,w].
    """
    if a.shape[0] != 1 or b.shape[0] != 1:
        return tf.matmul(a, b, **transposed)
    return tf.expand_dims(tf.matmul(tf.squeeze(a, [0]), tf.squeeze(b, [0]), **transposed), 0)


def average_positions(a: Any) -> Any:
    """Return the mean over all positions of a map, as a product: its gradient is one too, instead of copies.

    Args:
        a: float32 tensor [N,h,w,C].

    Returns:
        float32 tensor [N,C].
    """
    _, height, width, channels = a.shape
    if height is None or width is None or height * width == 1:
        return tf.reduce_mean(a, [1, 2])
    positions = height * width
    weights = tf.fill([1, positions], 1.0 / positions)
    if a.shape[0] == 1:
        return tf.matmul(weights, tf.reshape(a, [positions, channels]))
    return tf.squeeze(tf.matmul(weights, tf.reshape(a, [-1, positions, channels])), [1])
