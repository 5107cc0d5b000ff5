"""`differentiate`: gradients through float16, in which small ones would vanish."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tf_interp.models.model import Model

_SCALE = 2.0**14  # a power of two, so that it changes nothing else; float16 ends at 2**16 and fades out below 2**-14


def differentiate(model: Model, gradients: Callable[[float], Sequence[Any]]) -> list[Any]:
    """Return gradients through a network that was built in the current graph.

    Where it computes in float16, what is differentiated is scaled up first. What overflows then is taken unscaled. A
    network without float16 costs nothing more.

    Args:
        model: the network.
        gradients: from a factor for what is differentiated to tensors, or None where there is no gradient.

    Returns:
        The gradients for a factor of 1: as they are, behind float16 as float32.

    Raises:
        ValueError: if the way back leads through an operation that has no gradient.
    """
    scale = loss_scale(model)
    try:
        if scale == 1:
            return list(gradients(1.0))
        pairs = zip(gradients(scale), gradients(1.0), strict=True)
    except LookupError as error:  # TensorFlow's, for an operation without a gradient
        found = re.search(r"(?:op type|entry for): (\w+)", str(error))
        if found is None:
            raise
        raise ValueError(
            f"the way back leads through {found[1]}, an operation of {model.name!r} that has no gradient: ask about a "
            "layer before it"
        ) from error
    return [None if scaled is None else _choose(scaled, plain, scale) for scaled, plain in pairs]


def loss_scale(model: Model) -> float:
    """Return what to multiply a loss with before it is differentiated; 1 without float16.

    Args:
        model: a network that was built in the current graph.
    """
    graphs = [tf.compat.v1.get_default_graph(), *model.graphs]
    outputs = (tensor for graph in graphs for operation in graph.get_operations() for tensor in operation.outputs)
    return _SCALE if any(tensor.dtype == tf.float16 for tensor in outputs) else 1.0


def _choose(scaled: Any, plain: Any, scale: float) -> Any:
    scaled, plain = tf.cast(scaled, tf.float32), tf.cast(plain, tf.float32)
    return tf.where(tf.math.is_finite(scaled), scaled / scale, plain)
