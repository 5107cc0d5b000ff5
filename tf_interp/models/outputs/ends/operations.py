"""Reading the operations of a graph: what only passes a tensor on, constants, and what is computed alike."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.models.private import describe_operation

CALLS = ("PartitionedCall", "StatefulPartitionedCall")  # of functions
PASSING = ("Identity", "IdentityN", "Cast", "EnsureShape", "StopGradient")
SHAPING = ("Reshape", "Squeeze", "ExpandDims")
_LAYERS = (
    "MatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv2dNative",
    "Conv2DBackpropInput", "Conv3DBackpropInputV2", "FusedBatchNormV3",
)  # fmt: skip
_FLAT = (
    "ArgMax", "ArgMin", "OneHot", "Round", "Rint", "Floor", "Ceil", "Sign", "Greater", "GreaterEqual", "Less",
    "LessEqual", "Equal", "NotEqual", "LogicalNot", "LogicalAnd", "LogicalOr", "Bucketize", "FloorDiv", "Where",
)  # fmt: skip


def find_other(tensor: tf.Tensor, fits: Callable[[float], bool]) -> tf.Tensor | None:
    """Return the operand beside a constant that fits, or None."""
    for place, item in enumerate(tensor.op.inputs):
        value = read_value(item)
        if value is not None and fits(value):
            return tensor.op.inputs[1 - place]
    return None


def read_value(tensor: tf.Tensor) -> float | None:
    """Return the number that a constant of one number holds, else None."""
    value = tf.get_static_value(tensor) if is_constant(tensor) else None
    return float(value.reshape(-1)[0]) if value is not None and value.size == 1 else None


def read_numbers(tensor: tf.Tensor) -> np.ndarray | None:
    """Return the whole numbers that a graph counts out of constants, such as the order of axes; None for all else."""
    value = tf.get_static_value(tensor)
    if value is not None:
        return np.asarray(value)
    counts: dict[str, Callable[..., Any]] = {
        "Identity": lambda x: x,
        "Add": np.add,
        "AddV2": np.add,
        "Sub": np.subtract,
        "Range": np.arange,
        "Pack": lambda *parts: np.stack(parts),
        "ConcatV2": lambda *parts: np.concatenate(parts[:-1]),
    }
    parts = [read_numbers(item) for item in tensor.op.inputs] if tensor.op.type in counts else [None]
    return None if any(part is None for part in parts) else np.asarray(counts[tensor.op.type](*parts))


def is_constant(tensor: tf.Tensor) -> bool:
    """Return whether a tensor is a constant of the graph."""
    return strip(tensor).op.type == "Const"


def strip(tensor: tf.Tensor) -> tf.Tensor:
    """Return a tensor without what only passes it on, or shapes it."""
    while (tensor.op.type in (*PASSING, *SHAPING) and len(tensor.op.inputs) and not cuts_off(tensor)) or (
        tensor.op.type == "StridedSlice" and None not in list_kept_axes(tensor.op)
    ):
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
    return tensor


def follow(tensor: tf.Tensor) -> tf.Tensor:
    """Return a tensor without what only passes it on, in its shape."""
    while tensor.op.type in PASSING and len(tensor.op.inputs) and not cuts_off(tensor):
        tensor = tensor.op.inputs[tensor.value_index]
    return tensor


def list_kept_axes(operation: tf.Operation) -> list[int | None]:
    """Return for each axis of what a slice takes from where it stands behind it; None where not all of it is taken."""
    masks = {
        name: operation.get_attr(f"{name}_mask") for name in ("begin", "end", "new_axis", "shrink_axis", "ellipsis")
    }
    strides, rank = tf.get_static_value(operation.inputs[3]), operation.inputs[0].shape.rank
    if strides is None or rank is None:
        return [None]
    set_in = [{name for name, mask in masks.items() if mask >> place & 1} for place in range(strides.size)]
    named = sum(not found & {"new_axis", "ellipsis"} for found in set_in)
    kept: list[int | None] = []
    behind = 0
    for stride, found in zip(strides.flat, set_in, strict=True):
        if "ellipsis" in found:
            kept += range(behind, behind + rank - named)
            behind += rank - named
        elif "new_axis" in found:
            behind += 1
        else:
            kept.append(behind if {"begin", "end"} <= found and stride == 1 and "shrink_axis" not in found else None)
            behind += "shrink_axis" not in found
    return [*kept, *range(behind, behind + rank - len(kept))]


def cuts_off(tensor: tf.Tensor) -> bool:
    """Return whether a cast leaves whole numbers, or only whether there is one, of numbers that were none."""
    return bool(tensor.op.type == "Cast" and not tensor.dtype.is_floating and tensor.op.inputs[0].dtype.is_floating)


def is_same(first: tf.Tensor, second: tf.Tensor, depth: int = 3) -> bool:
    """Return whether two tensors are the same, or computed in the same way."""
    first, second = strip(first), strip(second)
    if first is second:
        return True
    if first.op.type != second.op.type or first.value_index != second.value_index:
        return False
    if first.op.type == "Const":
        return bool(np.array_equal(tf.get_static_value(first), tf.get_static_value(second)))
    pairs = list(zip(first.op.inputs, second.op.inputs, strict=False))
    if not pairs or depth == 0 or len(first.op.inputs) != len(second.op.inputs) or _how(first) != _how(second):
        return False
    return all(is_same(*pair, depth - 1) for pair in pairs)


def is_aligned(first: tf.Tensor, second: tf.Tensor) -> bool:
    """Return whether two tensors hold the same numbers in the same places: `is_same` looks past their shapes."""
    if first is second:
        return True
    known = first.shape.rank is not None and first.shape.rank == second.shape.rank
    return known and first.shape.is_compatible_with(second.shape) and is_same(first, second)


def _how(tensor: tf.Tensor) -> dict[str, str]:
    """Return the settings of the operation that makes a tensor, such as whether a matrix is turned."""
    return {key: str(value) for key, value in tensor.op.node_def.attr.items() if not key.startswith("_")}


def reduces_last(operation: tf.Operation) -> bool:
    """Return whether a sum or maximum goes over the last axis, and over nothing else."""
    axes, rank = tf.get_static_value(operation.inputs[1]), operation.inputs[0].shape.rank
    return axes is not None and rank is not None and [int(axis) % rank for axis in axes.flat] == [rank - 1]


def is_log_total(tensor: tf.Tensor, of: tf.Tensor) -> bool:
    """Return whether a tensor is log(sum(exp(x))) of numbers x, over any axes that it keeps with one number each."""
    root = tensor.op
    if root.type not in ("Add", "AddV2"):  # what is taken off before exp, and put back behind log
        return False
    for log, shift in (root.inputs, [*root.inputs][::-1]):
        total = log.op.inputs[0].op if log.op.type == "Log" else None
        if total is None or total.type != "Sum" or not total.get_attr("keep_dims") or total.inputs[0].op.type != "Exp":
            continue
        moved = total.inputs[0].op.inputs[0].op
        if moved.type == "Sub" and is_aligned(moved.inputs[0], of) and is_aligned(moved.inputs[1], shift):
            return tensor.shape.rank == of.shape.rank
    return False


def is_even(tensor: tf.Tensor) -> bool:
    """Return whether a tensor has one number for all that stand along the last axis of what it is joined with."""
    return tensor.shape.rank == 0 or (tensor.shape.rank is not None and tensor.shape[-1] == 1)


def list_before(output: tf.Tensor) -> list[tf.Operation]:
    """Return the operations that an output depends on, itself first."""
    found = {output.op: None}
    stack = [output.op]
    while stack:
        before = [tensor.op for tensor in stack.pop().inputs if tensor.op not in found]
        found |= dict.fromkeys(before)
        stack += before
    return [*found]


def find_barrier(output: tf.Tensor) -> str | None:
    """Return the type of an operation that lets no gradient pass, if every road from an output back ends at one.

    One with no layer before it does not count: tokens are whole numbers, and their embedding can be asked about.
    Nor does one with a layer behind it, such as a dense one behind a codebook or one-hot tokens.
    """
    found, stack, seen = None, [output], set()
    while stack:
        tensor = stack.pop()
        operation = tensor.op
        if operation in seen or tensor.dtype == tf.resource:
            continue
        seen.add(operation)
        if "Placeholder" in operation.type or operation.type in _LAYERS:
            return None
        indices = operation.type in ("TopKV2", "MaxPoolWithArgmax") and tensor.value_index
        if operation.type in _FLAT or cuts_off(tensor) or indices:
            found = found or (operation.type if _has_layer_before(operation) else None)
            continue
        choice = operation.type in ("Select", "SelectV2")
        stack += operation.inputs[1:] if choice else operation.inputs
    return found


def _has_layer_before(operation: tf.Operation) -> bool:
    """Return whether what an operation is given was computed by a layer with weights."""
    stack, seen = [*operation.inputs], set()
    while stack:
        tensor = stack.pop()
        if tensor.op in seen or tensor.dtype == tf.resource:
            continue
        seen.add(tensor.op)
        if tensor.op.type in _LAYERS or ("Gather" in tensor.op.type and tensor.dtype.is_floating):
            return True
        stack += tensor.op.inputs
    return False


def is_free(tensor: tf.Tensor, depth: int = 16) -> bool:
    """Return whether numbers are what a layer with weights gives, added to, scaled, bent or put in another shape."""
    operation = strip(tensor).op
    kind, inputs = operation.type, list(operation.inputs)
    if depth == 0 or kind in _LAYERS:
        return depth > 0
    if kind in ("Add", "AddV2", "AddN", "Sub", "BiasAdd"):
        return any(is_free(item, depth - 1) for item in inputs)
    if kind in ("ConcatV2", "Pack"):
        return all(is_free(item, depth - 1) for item in (inputs[:-1] if kind == "ConcatV2" else inputs))
    if kind in ("Mul", "RealDiv"):
        inputs = [item for item in inputs if read_value(item) is None]
        return len(inputs) == 1 and is_free(inputs[0], depth - 1)
    passes = kind in (
        "Relu",
        "LeakyRelu",
        "Elu",
        "Selu",
        "Softplus",
        "Tanh",
        "Mean",
        "Transpose",
        "StridedSlice",
        "ResizeBilinear",
        "ResizeNearestNeighbor",
        "DepthToSpace",
    )
    return passes and is_free(inputs[0], depth - 1)


def read_function_nodes(function: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the operations of a function as nodes of a graph, and the name of each tensor there.

    Args:
        function: a `FunctionDef`, which names tensors "operation:result:0".

    Returns:
        Name -> node, and name of a tensor in the function -> in a graph, "operation:0"; those of what it is given, too.
    """
    names = {argument.name: f"{argument.name}:0" for argument in function.signature.input_arg}
    for inner in function.node_def:
        for index, name in enumerate(_results(inner)):
            names[f"{inner.name}:{name}"] = f"{inner.name}:{index}"
    nodes: dict[str, Any] = {}
    for inner in function.node_def:
        node = type(inner)()
        node.CopyFrom(inner)
        for place, item in enumerate(inner.input):
            node.input[place] = item if item.startswith("^") else names[item]
        nodes[inner.name] = node
    return nodes, names


def _results(node: Any) -> Iterator[str]:
    """Yield the results of an operation as a function names them: "y:0", "parts:0", "parts:1"."""
    for result in describe_operation(node.op).output_arg:
        count = 1
        if result.number_attr:
            count = node.attr[result.number_attr].i
        elif result.type_list_attr:
            count = len(node.attr[result.type_list_attr].list.type)
        for index in range(count):
            yield f"{result.name}:{index}"
