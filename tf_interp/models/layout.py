"""Where a layer has its channels: a network may keep them before its positions, [N,C,h,w], and its graph shows it."""

from collections.abc import Mapping

import tensorflow as tf

_KNOWING = {
    *("Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3DBackpropInputV2", "BiasAdd"),
    *("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"),
}  # they have an attribute `data_format`
_TURNS = {(0, 3, 1, 2): True, (0, 4, 1, 2, 3): True, (0, 2, 3, 1): False, (0, 2, 3, 4, 1): False}
_SAME_ORDER = ("ExpandDims", "Squeeze")  # around a convolution of sequences: other rank, same order of axes


def find_channels_first(tensors: Mapping[str, tf.Tensor]) -> dict[str, str]:
    """Return which tensors have their channels before their positions, and what shows it.

    The nearest operation before a tensor that knows the order of axes decides (a convolution, pooling or
    transposition); where there is none, the nearest behind it. Where nothing tells, channels come last.

    Args:
        tensors: name -> tensor [N,...], all of one graph.

    Returns:
        Name -> a few words that name the operation.
    """
    first = next(iter(tensors.values()), None)
    if first is None or not any(_ask(item, False) or _ask(item, True) for item in first.graph.get_operations()):
        return {}  # most networks: nothing to look for
    return {name: why for name, tensor in tensors.items() if (why := _search(tensor))}


def _search(tensor: tf.Tensor) -> str | None:
    if tensor.shape.rank is None or tensor.shape.rank < 3:
        return None
    for behind in (False, True):
        seen, waiting = {id(tensor)}, [tensor]
        for item in waiting:  # grows meanwhile: the nearest come first
            operations = item.consumers() if behind else [item.op]
            for operation in operations:
                told = _ask(operation, behind)
                if told is not None:
                    return told
                for other in operation.outputs if behind else operation.inputs:
                    if id(other) not in seen and _is_alike(operation, other, item):
                        seen.add(id(other))
                        waiting.append(other)
    return None


def _ask(operation: tf.Operation, behind: bool) -> str | None:
    """Return what shows that the channels of an operation's output come first, or of its input if it is `behind` us.

    "" says that they come last, None that it does not know.
    """
    if operation.type in _KNOWING:
        form = operation.get_attr("data_format").decode()
        return f"{operation.type} {operation.name!r} works on {form}" if form.startswith("NC") else ""
    if operation.type == "Transpose":
        order = tf.get_static_value(operation.inputs[1])
        first = None if order is None else _TURNS.get(tuple(order.tolist()))
        return None if first is None else f"{operation.name!r} moves them" if first != behind else ""
    if operation.type in ("Mean", "Max") and behind and operation.inputs[0].shape.rank == 4:
        axes = tf.get_static_value(operation.inputs[1])
        over = () if axes is None else tuple(sorted(axis % 4 for axis in axes.ravel().tolist()))
        return {(2, 3): f"{operation.name!r} takes the axes 2 and 3 for positions", (1, 2): ""}.get(over)
    if operation.type == "Placeholder" and not behind and operation.outputs[0].shape.rank == 4:
        count, channels, _, width = operation.outputs[0].shape
        if count is None and channels in (1, 3) and width is not None and width > 4:
            return f"the network takes images of shape {[channels, *operation.outputs[0].shape[2:]]}"
    return None


def _is_alike(operation: tf.Operation, other: tf.Tensor, tensor: tf.Tensor) -> bool:
    """Return whether an operation leaves the order of axes as it is, between two of its tensors."""
    if operation.type in ("Transpose", "Reshape"):
        return False
    return operation.type in _SAME_ORDER or other.shape.rank == tensor.shape.rank
