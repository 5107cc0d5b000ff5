"""The rule of each operation for relevance, written as a gradient.

What flows back through the network is not relevance R itself but R / a, relevance for each unit of activation. Then
everything that is linear in its input (sums, pooling, reshaping, a folded normalization) has its ordinary gradient as
its rule, a bias keeps what falls on it, and only these have rules of their own:

* a product with weights, z = W x + b: "epsilon" divides by z, kept away from 0; "z_plus" lets positive products only
  count, so that relevance is shared by what spoke for it. Its bias takes nothing.
* an activation function y = f(x): R passes unchanged, so R / x = (R / y) (y / x).
* a product of a signal and a gate: the gate takes nothing.

Source: Bach et al., On Pixel-wise Explanations for Non-Linear Classifier Decisions by Layer-wise Relevance Propagation,
2015; Montavon et al., Layer-Wise Relevance Propagation: An Overview, 2019.
"""

import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_interp.models.private import set_gradient

PREFIX = "TfInterpRelevance"
WEIGHTED = ("Conv2D", "DepthwiseConv2dNative", "Conv3D", "MatMul", "Conv2DBackpropInput")
ACTIVATIONS = ("Relu6", "Elu", "Selu", "LeakyRelu", "Softplus", "Softsign", "Tanh", "Sigmoid", "Erf")
# their gradient is their rule; Relu's too, since y / x is 1 or 0
LINEAR = frozenset(
    (
        "Add", "AddV2", "AddN", "AvgPool", "AvgPool3D", "BatchToSpaceND", "Cast", "ConcatV2", "DepthToSpace",
        "ExpandDims", "FusedBatchNormV3", "Identity", "IdentityN", "MaxPool", "MaxPool3D", "Mean", "MirrorPad", "Neg",
        "Pack", "Pad", "PadV2", "PreventGradient", "Relu", "Reshape", "ResizeBilinear", "ResizeNearestNeighbor",
        "Slice", "SpaceToBatchND", "SpaceToDepth", "Split", "SplitV", "Squeeze", "StridedSlice", "Sub", "Sum", "Tile",
        "Transpose", "Unpack", "BiasAdd", "Max", "EnsureShape",
    )
)  # fmt: skip
settings = threading.local()  # .epsilon, .z_plus: while gradients are built


def _share(relevance: Any, value: Any, whole: Any) -> Any:
    """Return relevance * value / whole, with the whole kept `settings.epsilon` away from 0.

    In float32, and cut to what half precision holds: of a whole near 0 nothing is left to share, and infinity would
    make NaN of that.
    """
    wide = tf.cast(whole, tf.float32)
    away = wide + settings.epsilon * tf.where(wide < 0, -1.0, 1.0)
    found = tf.cast(relevance, tf.float32) * (tf.cast(value, tf.float32) / away)
    return tf.saturate_cast(found, relevance.dtype)


def _weighted(apply: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """Return the rule of a product with weights; `apply(operation, x, w)` computes it."""

    def rule(operation: Any, relevance: Any) -> Any:
        transposed = operation.type == "Conv2DBackpropInput"  # takes (shape, w, x)
        x, w = operation.inputs[:0:-1] if transposed else operation.inputs
        z = operation.outputs[0]
        z_plus = settings.z_plus(operation)

        def back(x: Any, w: Any, flow: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                product = apply(operation, x, w)
            return tape.gradient(product, x, flow)

        if not z_plus:
            biased = any(consumer.type == "BiasAdd" for consumer in z.consumers())  # then z has its bias first
            found = back(x, w, relevance if biased else _share(relevance, z, z))
            return (None, None, found) if transposed else (found, None)
        up, down = tf.nn.relu(w), -tf.nn.relu(-w)
        positive = apply(operation, tf.nn.relu(x), up) + apply(operation, -tf.nn.relu(-x), down)
        flow = _share(relevance, z, positive)
        found = tf.where(x > 0, back(x, up, flow), back(x, down, flow))
        return (None, None, found) if transposed else (found, None)

    return rule


def _convolve(operation: Any, x: Any, w: Any) -> Any:
    names = ("strides", "padding", "explicit_paddings", "data_format", "dilations")
    options = {name: _plain(operation.get_attr(name)) for name in names if name in operation.node_def.attr}
    if operation.type == "Conv2DBackpropInput":
        return tf.raw_ops.Conv2DBackpropInput(input_sizes=operation.inputs[0], filter=w, out_backprop=x, **options)
    return getattr(tf.raw_ops, operation.type)(input=x, filter=w, **options)


def _multiply(operation: Any, x: Any, w: Any) -> Any:
    return tf.raw_ops.MatMul(
        a=x, b=w, transpose_a=operation.get_attr("transpose_a"), transpose_b=operation.get_attr("transpose_b")
    )


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _activation(operation: Any, relevance: Any) -> Any:
    x, y = operation.inputs[0], operation.outputs[0]
    return relevance * tf.math.divide_no_nan(y, x)


def _bias(operation: Any, relevance: Any) -> Any:
    """A bias takes its part, but for "z_plus", where the product before it takes all."""
    z, y = operation.inputs[0], operation.outputs[0]
    if settings.z_plus(z.op):
        relevance = _share(relevance, y, z)
    elif z.op.type in WEIGHTED:
        relevance = _share(relevance, y, y)
    return relevance, None


def _product(operation: Any, relevance: Any) -> Any:
    x, y = operation.inputs
    gates = _is_gate(x), _is_gate(y)
    flows = [None if gates[0] else _fit(relevance * y, x), None if gates[1] else _fit(relevance * x, y)]
    return tuple(flows)


def _fit(value: Any, like: Any) -> Any:
    """Return a sum of `value` that has the shape of `like`, which was broadcast to it."""
    axes, _ = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(like), s1=tf.shape(value))
    return tf.reshape(tf.reduce_sum(value, axes), tf.shape(like))


def _is_gate(tensor: Any) -> bool:
    """Return whether a factor only scales: it ends in a sigmoid or its kin, perhaps with constants around it."""
    operation = tensor.op
    while operation.type in _AROUND:
        inner = [item for item in operation.inputs if item.shape.rank != 0 and item.op.type != "Const"]
        if not inner or (operation.type in _ARITHMETIC and len(inner) != 1):  # constants only, or two signals
            return False
        operation = inner[0].op
    return operation.type in _GATES


def _identity(operation: Any, *relevance: Any) -> Any:
    """Custom gradients (TensorFlow's SiLU) are taken apart: what they are made of has rules."""
    return relevance[0] if len(relevance) == 1 else relevance


_GATES = ("Sigmoid", "Erf", "Erfc", "Tanh", "Relu6")
_ARITHMETIC = ("Mul", "RealDiv", "AddV2", "Sub")
_AROUND = (*_ARITHMETIC, "Identity", "IdentityN", "Reshape", "ExpandDims", "Squeeze", "Cast")
_RULES = {
    **{kind: _weighted(_multiply if "MatMul" in kind else _convolve) for kind in WEIGHTED},
    **dict.fromkeys(ACTIVATIONS, _activation),
    "BiasAdd": _bias,
    "Mul": _product,
    "IdentityN": _identity,
}
GRADIENTS = tuple((kind, PREFIX + kind) for kind in _RULES)
for _kind, _rule in _RULES.items():
    tf.RegisterGradient(PREFIX + _kind)(_rule)


def find_unruled(end: Any, start: Any) -> list[str]:
    """Return the types of operations between two tensors of the current graph that have no rule.

    Args:
        end: tensor, the logits.
        start: tensor, what is attributed to.
    """
    dependent = {start.op}
    for operation in end.graph.get_operations():
        if any(item.op in dependent and item.dtype.is_floating for item in operation.inputs):
            dependent.add(operation)
    stack, seen, unruled = [end.op], {start.op}, set()
    while stack:
        operation = stack.pop()
        if operation in seen:
            continue
        seen.add(operation)
        inputs = [item for item in operation.inputs if item.op in dependent and item.dtype.is_floating]
        if operation.type == "IdentityN":
            set_gradient(operation, (PREFIX + "IdentityN").encode())
        elif operation.type == "Mul" and len(inputs) == 2:
            inputs = [item for item in inputs if not _is_gate(item)]
            unruled |= {"a product of two signals"} if len(inputs) != 1 else set()
        elif operation.type in WEIGHTED and len(inputs) == 2:
            unruled.add(f"{operation.type} of two signals")
        elif operation.type not in _RULES and operation.type not in LINEAR and operation.type != "RealDiv":
            unruled.add(operation.type)
        stack += [item.op for item in inputs]
    return sorted(unruled)
