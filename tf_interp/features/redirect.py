"""Redirected gradients: a way out for a picture whose unit is silent, where a ReLU would let no gradient through.

For a silent picture, and only where nothing at all of its gradient would pass an activation function, the gradient
passes also where the function is flat, unless it would push the unit even further down. Values are never changed.
Source: Lucid, `redirected_relu_grad`; https://github.com/tensorflow/lucid/pull/56 .
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

STEPS = 16  # steps with redirected gradients, after which to look whether a picture is still silent
LIMIT = 64  # steps after which it is left alone

_current = threading.local()  # .silent: bool [N], while gradients are built


@contextlib.contextmanager
def forward() -> Iterator[None]:
    """While open, ReLU operations built in the current graph get redirected gradients."""
    names = {"Relu": "TfInterpRedirectedRelu", "Relu6": "TfInterpRedirectedRelu6"}
    with tf.compat.v1.get_default_graph().gradient_override_map(names):
        yield


def gradients(loss: Any, sources: list[Any], silent: Any) -> list[Any]:
    """Return the gradients of a loss that was built inside `forward`.

    Args:
        loss: scalar tensor of the current graph.
        sources: tensors.
        silent: bool [N], the pictures to which redirection applies.

    Returns:
        A tensor, or None, for each source.
    """
    _current.silent = silent
    try:
        return tf.gradients(loss, sources)
    finally:
        del _current.silent


@tf.RegisterGradient("TfInterpRedirectedRelu")
def _redirected_relu(operation: Any, gradient: Any) -> Any:
    x = operation.inputs[0]
    plain = tf.where(x > 0, gradient, 0)
    return _choose(plain, tf.where((x < 0) & (gradient > 0), tf.zeros_like(gradient), gradient))


@tf.RegisterGradient("TfInterpRedirectedRelu6")
def _redirected_relu6(operation: Any, gradient: Any) -> Any:
    x = operation.inputs[0]
    plain = tf.where((x > 0) & (x < 6), gradient, 0)
    away = ((x < 0) & (gradient > 0)) | ((x > 6) & (gradient < 0))
    return _choose(plain, tf.where(away, tf.zeros_like(gradient), gradient))


def _choose(plain: Any, redirected: Any) -> Any:
    """Return, picture by picture, the plain gradient unless the picture is silent and all of it is zero."""
    axes = list(range(1, len(plain.shape)))
    silent = _current.silent
    if axes:  # layers under TimeDistributed have several rows for each picture, one after the other
        silent = tf.repeat(silent, tf.shape(plain)[0] // tf.shape(silent)[0])
        chosen = silent & tf.reduce_all(plain == 0, axes)
        return tf.where(tf.reshape(chosen, [-1, *[1] * len(axes)]), redirected, plain)
    return plain
