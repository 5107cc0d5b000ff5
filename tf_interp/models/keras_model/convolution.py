"""Convolutions of images by TensorFlow's own operations, whatever Keras would call.

Around one operation Keras and TensorFlow build others, which takes longer than a first picture should. And in groups
Keras lets XLA compile it, which on a CPU takes some twenty times the time with 4 groups and a hundred times with one
for each channel: ConvNeXt and ResNeXt consist of such.
"""

import functools
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from tf_interp.models.keras_model.taps import Around, first_argument, is_overridden

L = keras.layers


def is_image_convolution(layer: Any) -> bool:
    """Return whether `convolve` knows what a layer does with its kernel.

    Args:
        layer: a Keras layer.
    """
    return (
        type(layer) in (L.Conv2D, L.DepthwiseConv2D)
        and {*layer.dilation_rate} == {1}
        and layer.data_format == "channels_last"
    )


def is_grouped(layer: Any) -> bool:
    """Return whether a layer is a plain convolution in groups of channels, which `call_convolution` does faster.

    Args:
        layer: a Keras layer.
    """
    return (
        is_image_convolution(layer)
        and getattr(layer, "groups", 1) > 1
        and getattr(layer, "quantization_mode", None) is None
        and not is_overridden(layer)
    )


def call_convolution(value: Any, layer: Any, padding: str | None = None) -> Any:
    """Return what a call of a convolution gives.

    Args:
        value: tensor [N,h,w,C] of the type in which the layer computes.
        layer: one of which `is_image_convolution` is true.
        padding: "same" or "valid" in place of the layer's own.
    """
    output = convolve(layer, value, layer.kernel, padding or layer.padding)
    output = add_bias(output, layer.bias) if layer.use_bias else output
    return output if layer.activation is None else layer.activation(output)


def around_groups(grouped: Iterable[Any], layers: Iterable[Any], around: Around) -> tuple[list[Any], Around]:
    """Return layers, and what to call around them, so that convolutions in groups are computed by `call_convolution`.

    Args:
        grouped: these convolutions.
        layers: those whose calls are seen.
        around: called in place of their `call`.
    """
    ours = {id(layer): layer for layer in grouped}

    def both(layer: Any, call: functools.partial) -> Any:
        own = functools.partial(call_convolution, first_argument(call), layer) if id(layer) in ours else call
        return around(layer, own)

    return [*{**{id(layer): layer for layer in layers}, **ours}.values()], both


def convolve(layer: Any, value: Any, kernel: Any, padding: str) -> Any:
    """Return a convolution without bias and activation.

    Args:
        layer: one of which `is_image_convolution` is true; says how it goes over the image.
        value: tensor [N,h,w,C].
        kernel: of the layer, or another one in its place.
        padding: "same" or "valid".
    """
    kernel = tf.cast(kernel, value.dtype)
    how = {"strides": [1, *layer.strides, 1], "padding": padding.upper()}
    channels, groups = value.shape[-1], getattr(layer, "groups", 1)
    if type(layer) is L.DepthwiseConv2D:
        return tf.raw_ops.DepthwiseConv2dNative(input=value, filter=kernel, **how)
    if groups == 1:
        return tf.raw_ops.Conv2D(input=value, filter=kernel, **how)
    if groups == channels and len({*layer.strides}) == 1:
        kernel = tf.reshape(kernel, [*layer.kernel_size, channels, layer.filters // channels])
        return tf.raw_ops.DepthwiseConv2dNative(input=value, filter=kernel, **how)
    # the operation knows groups, but not everywhere has it a gradient then
    parts = zip(tf.split(value, groups, -1), tf.split(kernel, groups, -1), strict=True)
    return tf.concat([tf.raw_ops.Conv2D(input=part, filter=own, **how) for part, own in parts], -1)


def add_bias(value: Any, bias: Any) -> Any:
    """Return a tensor with a bias added, by one operation too.

    Args:
        value: tensor [N,...,C].
        bias: [C].
    """
    return tf.raw_ops.BiasAdd(value=value, bias=tf.cast(bias, value.dtype))
