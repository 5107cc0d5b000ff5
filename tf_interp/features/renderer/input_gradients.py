"""Gradients of convolutions with respect to their inputs only, since rendering never changes the weights.

TensorFlow would also build those of the weights and drop them later. Without them the first picture comes sooner.
"""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

# type of an operation -> the gradient to build the network with
GRADIENTS = {
    "Conv2D": "TfInterpWeightlessConv2D",
    "DepthwiseConv2dNative": "TfInterpWeightlessDepthwiseConv2D",
    "BiasAdd": "TfInterpWeightlessBiasAdd",
}

_FIXED = ("ReadVariableOp", "Const", "Placeholder")  # a placeholder holds what a function captured or was given
_PASSING = {"Identity": 0, "Cast": 0, "Reshape": 0, "Split": 1}  # type of an operation -> which input it passes on


@tf.RegisterGradient("TfInterpWeightlessConv2D")
def _convolution(operation: Any, gradient: Any) -> list[Any]:
    if _is_pointwise(operation) and _is_fixed(operation.inputs[1]):
        return [_back_through_pointwise(operation, gradient), None]
    keys = ("strides", "padding", "explicit_paddings", "data_format", "dilations", "use_cudnn_on_gpu")
    return _without_weights(tf.raw_ops.Conv2D, tf.raw_ops.Conv2DBackpropInput, keys, operation, gradient)


@tf.RegisterGradient("TfInterpWeightlessDepthwiseConv2D")
def _depthwise_convolution(operation: Any, gradient: Any) -> list[Any]:
    keys = ("strides", "padding", "explicit_paddings", "data_format", "dilations")
    back = tf.raw_ops.DepthwiseConv2dNativeBackpropInput
    return _without_weights(tf.raw_ops.DepthwiseConv2dNative, back, keys, operation, gradient)


@tf.RegisterGradient("TfInterpWeightlessBiasAdd")
def _bias(operation: Any, gradient: Any) -> list[Any]:
    if _is_fixed(operation.inputs[1]):
        return [gradient, None]
    return [gradient, tf.raw_ops.BiasAddGrad(out_backprop=gradient, data_format=operation.get_attr("data_format"))]


def _without_weights(forward: Any, back: Any, keys: tuple[str, ...], operation: Any, gradient: Any) -> list[Any]:
    x, weights = operation.inputs
    options = {key: operation.get_attr(key) for key in keys}
    if not _is_fixed(weights):  # somebody's weights depend on the picture: as TensorFlow does it
        copies = [tf.identity(x), tf.identity(weights)]
        return tf.gradients(forward(input=copies[0], filter=copies[1], **options), copies, gradient)
    sizes = _constant(x.shape) if x.shape.is_fully_defined() else tf.shape(x)
    return [back(input_sizes=sizes, filter=weights, out_backprop=gradient, **options), None]


def _is_pointwise(operation: Any) -> bool:
    """Return whether a convolution looks at one pixel and at all of its channels."""
    x, weights = operation.inputs
    return (
        operation.get_attr("data_format") == b"NHWC"
        and weights.shape[:2].as_list() == [1, 1]
        and weights.shape[2] == x.shape[3]  # no groups
        and set(operation.get_attr("strides")) == {1}
        and operation.get_attr("padding") != b"EXPLICIT"
    )


def _back_through_pointwise(operation: Any, gradient: Any) -> Any:
    # the same as one product of matrices, which takes between a third and nine tenths of the time on a CPU
    weights = operation.inputs[1]
    channels, filters = weights.shape[2:]
    # raw operations: a deep network has dozens of these, and what is around them takes time before a first picture
    rows = tf.raw_ops.Reshape(tensor=gradient, shape=_constant([-1, filters]))
    matrix = tf.raw_ops.Squeeze(input=weights, axis=[0, 1])
    flat = tf.raw_ops.MatMul(a=rows, b=matrix, transpose_b=True)
    if gradient.shape[1:3].is_fully_defined():
        return tf.raw_ops.Reshape(tensor=flat, shape=_constant([-1, *gradient.shape[1:3], channels]))
    return tf.reshape(flat, tf.concat([tf.shape(gradient)[:3], [channels]], 0))


def _constant(shape: Iterable[int]) -> Any:
    """Return a shape as a tensor, the same one for all operations of a graph: each costs time to build."""
    made = tf.compat.v1.get_default_graph().get_collection_ref("tf_interp_shapes")
    if not made:
        made.append({})
    key = tuple(shape)
    if key not in made[0]:
        made[0][key] = tf.constant(key)
    return made[0][key]


def _is_fixed(weights: Any) -> bool:
    while weights.op.type in _PASSING:
        weights = weights.op.inputs[_PASSING[weights.op.type]]
    return weights.op.type in _FIXED
