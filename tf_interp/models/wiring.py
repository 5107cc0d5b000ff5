"""The calls of a plain functional or sequential Keras model, read from its own graph instead of tracing it.

Tracing a known network takes longer than drawing a first picture with it, and a functional model has the answer: its
nodes. Only models are read that consist of Keras's own layers and operations, none inside another.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras

from tf_interp.models.taps import Call

L = keras.layers
# what returns the very tensor that it gets, when it is not training
_PASSING = (
    *(L.Dropout, L.SpatialDropout1D, L.SpatialDropout2D, L.SpatialDropout3D, L.AlphaDropout),
    *(L.GaussianDropout, L.GaussianNoise, L.ActivityRegularization, L.Identity),
)


def list_calls(model: Any, shapes: Sequence[tuple[int | None, ...]]) -> tuple[list[Call], Any] | None:
    """Return the calls of one forward pass and what it returns, as symbolic Keras tensors; None if it must be traced.

    Args:
        model: a Keras model.
        shapes: of one picture of each input; other ones than the graph has mean a trace.

    Returns:
        `(calls, output)`, calls in the order of a forward pass, output in the model's own structure. Equal tensors are
        the same object.
    """
    function = model._functional if type(model) is keras.Sequential else model
    if not isinstance(function, keras.Function) or not all(_is_known(item) for item in (model, function)):
        return None
    if [tuple(tensor.shape[1:]) for tensor in function.inputs] != list(shapes):
        return None
    nodes = [
        node
        for depth in sorted(function._nodes_by_depth, reverse=True)
        for node in function._nodes_by_depth[depth]
        if node.operation and not node.is_input
    ]
    if not all(_is_plain(node.operation) for node in nodes):
        return None
    same: dict[int, Any] = {}  # id of a tensor -> the tensor that it is

    def find(tensor: Any) -> Any:
        return same.get(id(tensor), tensor)

    for node in nodes:
        if _passes(node.operation) and len(node.input_tensors) == len(node.outputs) == 1:
            same[id(node.outputs[0])] = find(node.input_tensors[0])
    passing = {id(node) for node in nodes if id(node.outputs[0]) in same}
    readers = Counter(id(find(tensor)) for node in nodes if id(node) not in passing for tensor in node.input_tensors)
    numbers: Counter[int] = Counter()
    calls = []
    for node in nodes:
        first = find(node.input_tensors[0]) if node.input_tensors else None
        if first is not None and first.dtype != getattr(node.operation, "compute_dtype", first.dtype):
            first = None  # the layer reads a cast of it, which is another tensor
        output = keras.tree.pack_sequence_as(list(node.outputs), [find(tensor) for tensor in node.outputs])
        operation = node.operation
        calls.append(
            Call(operation.name, operation, numbers[id(operation)], first, _one(output), readers[id(first)] == 1)
        )
        numbers[id(operation)] += 1
    return calls, keras.tree.map_structure(find, function._outputs_struct)


def _one(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def _is_known(model: Any) -> bool:
    """Return whether a model does what its graph says, and not what a class or an instance of somebody's says."""
    return type(model).__module__.startswith("keras.") and "call" not in model.__dict__


def _is_plain(operation: Any) -> bool:
    """Return whether one call of an operation is one call, and takes any number of images."""
    inner = operation._flatten_layers(include_self=False) if isinstance(operation, keras.Layer) else ()
    return (
        _is_known(operation) and not isinstance(operation, L.Lambda | keras.Function | L.TFSMLayer) and not list(inner)
    )


def _passes(operation: Any) -> bool:
    linear = type(operation) is L.Activation and operation.activation is keras.activations.linear
    return type(operation) in _PASSING or linear
