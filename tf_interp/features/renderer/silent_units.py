"""Redirected gradients: where an activation function has slope zero, silent pictures get a gradient all the same.

Which pictures are silent, and for how long, is decided in `activation`.

Only for silent pictures, and values are never changed:

* ReLU, ReLU6: where nothing at all of a picture's gradient would pass, it passes also where the function is flat,
  unless it would push the unit even further down. (Lucid's rule.)
* Functions that are their input times a gate (SiLU, GELU, Mish, hard SiLU): left of their minimum they rise again
  towards zero, so that "more" leads further down, away from where the unit is active. Where that is so for all that a
  picture wants more of, this passes as it is. In the wanted layer's own function only: before it such a slope is as
  good as any other.

Source: Lucid, `redirected_relu_grad`; https://github.com/tensorflow/lucid/pull/56 . The rule for gates is our own.
"""

import threading
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tf_interp.models.batching.pieces import rows_of, split_joined
from tf_interp.models.private import set_gradient

# type of an operation -> the gradient to build the network with
GRADIENTS = {"Relu": "TfInterpRedirectedRelu", "Relu6": "TfInterpRedirectedRelu6"}

_UNARY = ("Sigmoid", "Tanh", "Erf", "Erfc", "Softplus", "Relu6", "Neg", "Square", "Cast", "Identity")
_BINARY = ("Mul", "RealDiv", "AddV2", "Sub", "Pow")
_NONLINEAR = ("Sigmoid", "Tanh", "Erf", "Erfc", "Relu6")
_PASSING = ("Identity", "Cast", "Reshape", "ExpandDims", "EnsureShape")
_SIGNED = (
    "BiasAdd", "Add", "AddV2", "Sub", "Conv2D", "DepthwiseConv2dNative", "FusedBatchNormV3", "MatMul", "BatchMatMulV2",
    "BatchMatMulV3", "Einsum", "Tanh",
)  # fmt: skip
_LONGEST = 16  # operations in a gate

_current = threading.local()  # .silent: bool [N], while gradients are built


def gradients(loss: Any, sources: list[Any], silent: Any, layers: Iterable[Any]) -> list[Any]:
    """Return the gradients of a loss whose network was built with `GRADIENTS`.

    Args:
        loss: tensor of the current graph, whose sum counts.
        sources: tensors.
        silent: bool [N], the pictures to which redirection applies.
        layers: tensors of the wanted layers.

    Returns:
        A tensor, or None, for each source.
    """
    for operation in find_gates(layers):
        # TensorFlow's own SiLU writes its derivative out, so that the product in it is never asked for one
        name = b"TfInterpRedirectedMul" if operation.type == "Mul" else b"TfInterpRedirectedSilu"
        set_gradient(operation, name)
    _current.silent = silent
    try:
        return tf.gradients(loss, sources)
    finally:
        del _current.silent


def any_signed(layers: Iterable[Any]) -> bool:
    """Return whether one of some layers ends in a sum, a product of matrices or tanh: below 0 it is not silent.

    Args:
        layers: tensors.
    """
    return any(end.type in _SIGNED for tensor in layers for end in _ends(tensor))


def _ends(tensor: Any) -> list[Any]:
    """Return the operation that a layer ends in; several, where the network was run in pieces."""
    parts = split_joined(tensor)
    if parts[0] is not tensor:
        return [end for part in parts for end in _ends(part)]
    operation = tensor.op
    if operation.type in _PASSING or (operation.type == "IdentityN" and find_gate(operation.inputs[0].op) is None):
        return _ends(operation.inputs[0])
    return [operation]


def find_gates(layers: Iterable[Any]) -> list[Any]:
    """Return the last operations of those layers that end in a function that is its input times a gate.

    Args:
        layers: tensors.
    """
    ends = [end for tensor in layers for end in _ends(tensor)]
    return [end for end in ends if end.type == "IdentityN" or find_gate(end) is not None]


def find_gate(operation: Any) -> tuple[int, Any] | None:
    """Return (which input of a product is the gated one, the tensor x that it and the gate are computed from), or None.

    Args:
        operation: an operation, e.g. the last one of x * sigmoid(x).
    """
    if operation.type != "Mul":
        return None
    for side in (0, 1):
        x = _strip(operation.inputs[side])
        if x.shape.rank != 0 and _is_gate(operation.inputs[1 - side], x):
            return side, x
    return None


def _strip(tensor: Any) -> Any:
    """Return a tensor without constant factors."""
    while tensor.op.type in ("Mul", "RealDiv") and 0 in [item.shape.rank for item in tensor.op.inputs]:
        tensor = next((item for item in tensor.op.inputs if item.shape.rank != 0), tensor.op.inputs[0])
    return tensor


def _is_gate(tensor: Any, x: Any) -> bool:
    """Return whether a tensor is a nonlinear function of x alone, element by element."""
    stack, types = [tensor], []
    while stack:
        item = stack.pop()
        if item is x or item.shape.rank == 0:
            continue
        types.append(item.op.type)
        if item.op.type not in _UNARY + _BINARY or len(types) > _LONGEST:
            return False
        stack += item.op.inputs
    return any(kind in _NONLINEAR for kind in types)


@tf.RegisterGradient("TfInterpRedirectedRelu")
def _redirected_relu(operation: Any, gradient: Any) -> Any:
    x = operation.inputs[0]
    plain = tf.where(x > 0, gradient, 0)
    return _choose(operation, plain, tf.where((x < 0) & (gradient > 0), tf.zeros_like(gradient), gradient))


@tf.RegisterGradient("TfInterpRedirectedRelu6")
def _redirected_relu6(operation: Any, gradient: Any) -> Any:
    x = operation.inputs[0]
    plain = tf.where((x > 0) & (x < 6), gradient, 0)
    away = ((x < 0) & (gradient > 0)) | ((x > 6) & (gradient < 0))
    return _choose(operation, plain, tf.where(away, tf.zeros_like(gradient), gradient))


@tf.RegisterGradient("TfInterpRedirectedMul")
def _redirected_mul(operation: Any, gradient: Any) -> list[Any]:
    # the product once more, with TensorFlow's own gradient, and of copies, since one factor may depend on the other
    factors, (side, x) = list(operation.inputs), find_gate(operation) or (0, operation.inputs[0])
    copies = [tf.identity(factor) for factor in factors]
    plain = tf.gradients(tf.multiply(*copies), copies, gradient)
    stuck = _is_stuck(operation, tf.gradients(tf.multiply(*factors), x)[0], gradient)
    scale = 1.0 if factors[side] is x else tf.gradients(factors[side], x)[0]
    plain[side] = tf.where(stuck, gradient / scale, plain[side])
    plain[1 - side] = tf.where(stuck, tf.zeros_like(gradient), plain[1 - side])
    return plain


@tf.RegisterGradient("TfInterpRedirectedSilu")
def _redirected_silu(operation: Any, gradient: Any, *others: Any) -> list[Any]:
    product, x = operation.inputs[0].op, operation.inputs[1]
    slope = tf.gradients(tf.multiply(*product.inputs), x)[0]
    redirected = tf.where(_is_stuck(operation, slope, gradient), gradient, slope * gradient)
    return [redirected if item is x else None for item in operation.inputs]


def _is_stuck(operation: Any, slope: Any, gradient: Any) -> Any:
    """Return where a silent picture wants more of something that falls, if it does so wherever it wants more."""
    falling = (gradient >= 0) | (slope <= 0)
    stuck = _rows(operation, gradient) & tf.reduce_all(falling, range(1, len(gradient.shape)))
    return tf.reshape(stuck, [-1] + [1] * (len(gradient.shape) - 1)) & (gradient < 0)


def _choose(operation: Any, plain: Any, redirected: Any) -> Any:
    """Return, picture by picture, the plain gradient unless the picture is silent and all of it is zero."""
    axes = range(1, len(plain.shape))
    if axes:
        chosen = _rows(operation, plain) & tf.reduce_all(plain == 0, axes)
        return tf.where(tf.reshape(chosen, [-1, *[1] * len(axes)]), redirected, plain)
    return plain


def _rows(operation: Any, gradient: Any) -> Any:
    """Return which rows belong to a silent picture; under TimeDistributed it has several, one after the other."""
    silent = rows_of(operation, _current.silent)
    return tf.repeat(silent, tf.shape(gradient)[0] // tf.shape(silent)[0])
