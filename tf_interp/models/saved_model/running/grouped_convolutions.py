"""Convolutions in groups of channels, in operations that every machine can compute and derive.

TensorFlow's own operation knows groups, but on many CPUs has no gradient then, nor a bias that is fused into it. Keras
therefore leaves such convolutions to XLA; a plain graph cannot, and it would be far slower.
"""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

_KEPT = ("T", "strides", "padding", "explicit_paddings", "data_format", "dilations")


def spread_groups(graph_def: Any, graph: tf.Graph) -> None:
    """Write convolutions in groups as one convolution a group, or one by depth; their names stay.

    Args:
        graph_def: changed in place.
        graph: the same operations, to look shapes up in.
    """
    shapes = {node.name: found for node in graph_def.node if (found := _find_groups(node, graph)) is not None}
    if not shapes:
        return
    nodes = [type(node).FromString(node.SerializeToString()) for node in graph_def.node]
    del graph_def.node[:]
    for node in nodes:
        graph_def.node.extend(_spread(node, *shapes[node.name]) if node.name in shapes else [node])


def _find_groups(node: Any, graph: tf.Graph) -> tuple[int, list[int]] | None:
    """Return how many groups a convolution has and the shape of its kernel; None if it has one group."""
    if node.op != "Conv2D" or node.attr["data_format"].s not in (b"", b"NHWC"):
        return None
    try:
        image, kernel = (tensor.shape for tensor in graph.get_operation_by_name(node.name).inputs[:2])
    except KeyError:
        return None
    if not kernel.is_fully_defined() or image.rank != 4 or not image[-1] or image[-1] == kernel[2]:
        return None
    return image[-1] // kernel[2], kernel.as_list()


def _spread(node: Any, groups: int, kernel: list[int]) -> Iterator[Any]:
    """Yield the nodes that take the place of one."""
    (image, weights, *controls) = node.input
    strides, dilations = (list(node.attr[name].list.i) for name in ("strides", "dilations"))
    if kernel[2] == 1 and strides[1] == strides[2] and {*dilations} <= {1}:
        height, width, _, filters = kernel
        yield _constant(f"{node.name}/by_depth", [height, width, groups, filters // groups])
        reshaped = _make("Reshape", f"{node.name}/kernel", [weights, f"{node.name}/by_depth"], T=node.attr["T"])
        reshaped.attr["Tshape"].type = tf.int32.as_datatype_enum
        yield reshaped
        own = {name: node.attr[name] for name in _KEPT if name in node.attr}
        yield _make("DepthwiseConv2dNative", node.name, [image, reshaped.name, *controls], **own)
        return
    axis = _constant(f"{node.name}/axis", 3)
    yield axis
    for part, whole in (("image", image), ("kernel", weights)):
        parts = _make("Split", f"{node.name}/{part}", [axis.name, whole, *controls], T=node.attr["T"])
        parts.attr["num_split"].i = groups
        yield parts
    for group in range(groups):
        inputs = [f"{node.name}/{part}:{group}" for part in ("image", "kernel")]
        yield _make("Conv2D", f"{node.name}/group_{group}", inputs, **dict(node.attr))
    joined = _make(
        "ConcatV2", node.name, [*(f"{node.name}/group_{group}" for group in range(groups)), axis.name], T=node.attr["T"]
    )
    joined.attr["N"].i = groups
    joined.attr["Tidx"].type = tf.int32.as_datatype_enum
    yield joined


def _make(operation: str, name: str, inputs: list[str], **attributes: Any) -> Any:
    node = tf.compat.v1.NodeDef(op=operation, name=name, input=inputs)
    for key, value in attributes.items():
        node.attr[key].CopyFrom(value)
    return node


def _constant(name: str, value: Any) -> Any:
    node = tf.compat.v1.NodeDef(op="Const", name=name)
    node.attr["dtype"].type = tf.int32.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, tf.int32))
    return node
