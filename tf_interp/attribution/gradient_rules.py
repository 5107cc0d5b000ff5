"""Other gradients for the methods of the gradient: of ReLU and of max pooling."""

from typing import Any

import tensorflow as tf

from tf_interp.attribution.scene import Replacement

RELU = ("guided", "deconvnet")
POOLING = ("smooth",)
_RELUS = ("Relu", "Relu6")


def read_rules(relu: str | None, pooling: str | None) -> Replacement | None:
    """Return the gradients that somebody wants instead of TensorFlow's, or None.

    Args:
        relu: one of `RELU`, or None.
        pooling: one of `POOLING`, or None.

    Raises:
        ValueError: if it is something else.
    """
    if relu not in (None, *RELU):
        raise ValueError(f"relu must be one of {list(RELU)} or None, got {relu!r}")
    if pooling not in (None, *POOLING):
        raise ValueError(f"pooling must be one of {list(POOLING)} or None, got {pooling!r}")
    replaced = [(kind, f"TfInterp{relu.title()}{kind}") for kind in _RELUS] if relu else []
    replaced += [("MaxPool", "TfInterpSmoothMaxPool")] if pooling else []
    return Replacement(tuple(replaced), (relu, pooling)) if replaced else None


@tf.RegisterGradient("TfInterpGuidedRelu")
@tf.RegisterGradient("TfInterpGuidedRelu6")
def _guided(operation: Any, gradient: Any) -> Any:
    """Only what is positive passes, and only where the unit is active (Springenberg et al., 2015)."""
    x, y = operation.inputs[0], operation.outputs[0]
    return tf.where((x > 0) & ((y < 6) if operation.type == "Relu6" else True), tf.nn.relu(gradient), 0)


@tf.RegisterGradient("TfInterpDeconvnetRelu")
@tf.RegisterGradient("TfInterpDeconvnetRelu6")
def _deconvnet(operation: Any, gradient: Any) -> Any:
    """Only what is positive passes, whether the unit is active or not (Zeiler and Fergus, 2014)."""
    return tf.nn.relu(gradient)


@tf.RegisterGradient("TfInterpSmoothMaxPool")
def _smooth(operation: Any, gradient: Any) -> Any:
    """The gradient of mean x^2 / mean |x|, which lies between mean and maximum (The Building Blocks, footnote)."""
    x = operation.inputs[0]
    size, strides = operation.get_attr("ksize"), operation.get_attr("strides")
    padding = operation.get_attr("padding").decode()
    with tf.GradientTape() as tape:
        tape.watch(x)
        square, length = (tf.nn.avg_pool(item, size, strides, padding) for item in (x**2, tf.abs(x)))
        pooled = square / (1e-2 + length)
    return tape.gradient(pooled, x, gradient)
