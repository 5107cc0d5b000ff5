"""What is computed from what in a graph, by the numbers or by their shapes only."""

from collections.abc import Collection, Iterable

import tensorflow as tf

NO_NUMBERS = ("Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike")  # the numbers that come in are no matter
_VALUES = {"GatherV2": 1, "GatherNd": 1, "ResourceGather": 1, "OneHot": 0}  # how many inputs are not for an index


def find_before(tensors: Iterable[tf.Tensor], stop: Collection[str] = (), indices: bool = True) -> set[tf.Operation]:
    """Return the operations that tensors depend on, with their own.

    Args:
        tensors: of one graph.
        stop: types of operations whose inputs do not count, such as `NO_NUMBERS`.
        indices: whether what a row is picked by counts.
    """
    seen: set[tf.Operation] = set()
    stack = [tensor.op for tensor in tensors]
    while stack:
        operation = stack.pop()
        if operation not in seen:
            seen.add(operation)
            values = len(operation.inputs) if indices else _VALUES.get(operation.type, len(operation.inputs))
            stack += [] if operation.type in stop else [source.op for source in operation.inputs[:values]]
    return seen


def find_behind(tensors: Iterable[tf.Tensor], stop: Collection[str] = ()) -> set[tf.Operation]:
    """Return the operations that depend on one of the tensors.

    Args:
        tensors: of one graph.
        stop: types of operations that are left out, with all behind them.
    """
    seen: set[tf.Operation] = set()
    stack = [user for tensor in tensors for user in tensor.consumers()]
    while stack:
        operation = stack.pop()
        if operation not in seen and operation.type not in stop:
            seen.add(operation)
            stack += [user for tensor in operation.outputs for user in tensor.consumers()]
    return seen
