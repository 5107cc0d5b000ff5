"""Which positions of a sequence the network itself leaves out: its masks, found in the graph whatever the door."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.models.dependence import find_before, find_behind
from tf_interp.models.inputs import name_inputs

# what makes a mask of an input: Embedding(mask_zero=True), Masking, and masks that are an input themselves
_STEPS = ("NotEqual", "Greater", "GreaterEqual", "Any", "Cast", "Identity")


def find_padding(model: Any, images: Any) -> dict[int, np.ndarray]:
    """Return number of positions -> bool [N,T], True where the masks that the network uses leave a position out.

    A mask that nothing reads, such as that of an embedding before a convolution, leaves nothing out. Of several masks
    of one length a position is padding where all of them leave it out.

    Args:
        model: the network.
        images: what it is given: an array [N,...], or a dict of them.
    """
    ranks = [spec.shape.rank for spec in (model.input_specs or {}).values()]
    if not any(rank in (None, 2, 3) for rank in ranks):  # pictures and the like have no masks, and a trace costs
        return {}
    inputs, masks = model.cached("padding masks", lambda: _list_masks(model))
    if not masks:
        return {}
    given = images if model.preprocess is None else model.preprocess(images)
    named = name_inputs(given, list(inputs), True)
    padding: dict[int, np.ndarray] = {}
    for mask in masks:
        left_out = ~_evaluate(mask, inputs, named)
        length = left_out.shape[1]
        padding[length] = padding.get(length, True) & left_out
    return {length: found for length, found in padding.items() if found.any() and not found.all()}


def _list_masks(model: Any) -> tuple[Mapping[str, tf.Tensor], list[tf.Tensor]]:
    """Return the inputs in a graph of the network, and the masks there; nothing is kept of a graph without any."""
    inputs = model.graph_inputs
    masks = [mask for tensor in inputs.values() for mask in _find_masks(tensor)]
    return (inputs, masks) if masks else ({}, [])


def _find_masks(tensor: tf.Tensor) -> Iterator[tf.Tensor]:
    """Yield the masks [N,T] that are made of an input alone, and read by something."""
    if tensor.shape.rank not in (2, 3):
        return
    # vectors [N,D] of numbers that are compared with something are no tokens
    taken = _STEPS if tensor.shape.rank == 3 or tensor.dtype.is_integer else ("NotEqual", "Identity")
    behind, stack, seen = find_behind([tensor]), [tensor], set[str]()
    while stack:
        value = stack.pop()
        users = {user.name: user for user in value.consumers() if user.name not in seen}
        seen |= {*users}
        steps = [
            user
            for user in users.values()
            if user.type in taken
            and sum(item.op in behind or item is tensor for item in user.inputs) == 1
            and (user.type != "Any" or value.dtype == tf.bool)
        ]
        if value.dtype == tf.bool and value.shape.rank == 2 and len(steps) < len(users):
            yield value
        stack += [output for user in steps for output in user.outputs if value is tensor or output.dtype == tf.bool]


def _evaluate(mask: tf.Tensor, inputs: Mapping[str, tf.Tensor], given: Mapping[str, Any]) -> np.ndarray:
    fed = {tensor.op.name: (tensor, name) for name, tensor in inputs.items()}
    nodes = [operation for operation in find_before([mask]) if operation.name not in fed]
    part = tf.compat.v1.GraphDef(node=[operation.node_def for operation in nodes])
    read = {item.name for operation in nodes for item in operation.inputs}

    def compute() -> Any:
        used = [(tensor, name) for tensor, name in fed.values() if tensor.name in read]
        known = {tensor.name: tf.cast(tf.constant(given[name]), tensor.dtype) for tensor, name in used}
        return tf.graph_util.import_graph_def(part, known, [mask.name], name="mask")[0]

    return np.asarray(tf.function(compute, autograph=False).get_concrete_function()())
