"""Layers in a graph without source: found from the scopes in the names of its operations."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import tensorflow as tf

_CALL = re.compile(r"(Stateful)?PartitionedCall(_\d+)?")  # an inlined function call leaves this in the path
_COUNTED = re.compile(r"(.+)_(\d+)")


class GraphLayer(NamedTuple):
    """A layer of a graph.

    Args:
        tensor: its output.
        scope: the scope that holds its operations; "" if it has none.
    """

    tensor: tf.Tensor
    scope: str


def find_layers(graph: tf.Graph, inputs: Iterable[tf.Tensor], outputs: Iterable[tf.Tensor]) -> dict[str, GraphLayer]:
    """Return layer name -> output and scope, in the order of the graph.

    A layer is a scope which exactly one floating-point tensor leaves that depends on an input: that tensor is its
    output. Layers that leave no operation (inputs, dropout, identity) are not there. Keras enters the scope of a layer
    twice in a call, so `conv` shows as `conv_1` and its second call as `conv_3`: the number is taken off, and several
    calls are told apart as `conv@0`, `conv@1`. The scope of the whole model is left out. In a graph without scopes,
    every such tensor is listed under the name of its operation.

    Keras 3.16 (seen in a pre-release) enters a scope once: what it exports is read like any graph. Its layers have
    their names, some operations inside them are listed too, and a second call of `conv` is `conv_1`.

    Args:
        graph: a graph without function calls around the layers.
        inputs: tensors that are fed.
        outputs: tensors that the network returns.

    Returns:
        Name -> layer.
    """
    operations = graph.get_operations()
    live = _depending(inputs)
    ends = {id(tensor) for tensor in outputs}
    leaving: dict[str, list[tf.Tensor]] = defaultdict(list)
    plain: dict[str, GraphLayer] = {}
    for operation in operations:
        if id(operation) not in live:
            continue
        for tensor in operation.outputs:
            if not tensor.dtype.is_floating:
                continue
            if operation.type not in ("Identity", "Cast"):
                plain[tensor.name if tensor.value_index else operation.name] = GraphLayer(tensor, "")
            users = [user.name for user in tensor.consumers()]
            for scope in _scopes(operation.name):
                if id(tensor) in ends or any(not user.startswith(scope + "/") for user in users):
                    leaving[scope].append(tensor)
    named = _name_scopes({scope: tensors[0] for scope, tensors in leaving.items() if len(tensors) == 1}, set(leaving))
    order = {operation.name: place for place, operation in enumerate(operations)}
    # a block comes after the layer that makes its output
    return dict(
        sorted((named or plain).items(), key=lambda item: (order[item[1].tensor.op.name], -item[1].scope.count("/")))
    )


def weight_sizes(graph: tf.Graph) -> dict[str, int]:
    """Return name of each operation that reads weights -> how many numbers they are.

    Args:
        graph: as in `find_layers`.
    """
    reads = (operation for operation in graph.get_operations() if operation.name.endswith("/ReadVariableOp"))
    return {operation.name: operation.outputs[0].shape.num_elements() or 0 for operation in reads}


def _depending(inputs: Iterable[tf.Tensor]) -> set[int]:
    """Return ids of the operations that depend on a tensor of `inputs`."""
    seen: set[int] = set()
    stack = [user for tensor in inputs for user in tensor.consumers()]
    while stack:
        operation = stack.pop()
        if id(operation) not in seen:
            seen.add(id(operation))
            stack += [user for tensor in operation.outputs for user in tensor.consumers()]
    return seen


def _scopes(name: str) -> list[str]:
    if name.startswith("Func/"):  # arguments and results of inlined functions
        return []
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts)) if not _CALL.fullmatch(parts[end - 1])]


def _parts(scope: str) -> list[str]:
    return [part for part in scope.split("/") if not _CALL.fullmatch(part)]


def _uncounted(part: str) -> str:
    match = _COUNTED.fullmatch(part)
    return match[1] if match else part


def _name_scopes(single: dict[str, tf.Tensor], scopes: set[str]) -> dict[str, GraphLayer]:
    """Return layer name -> layer for scopes with one output each; `scopes` are all that there are."""
    parts = {scope: _parts(scope) for scope in single}
    tops = {tuple(_parts(scope)[:1]) for scope in scopes}
    if len(tops) == 1 and any(len(item) > 1 for item in parts.values()):  # the scope of the model itself
        parts = {scope: item[1:] for scope, item in parts.items() if len(item) > 1}
    if _looks_like_keras({item[0] for item in parts.values() if item}):
        scopes_by_parts = {tuple(_parts(scope)) for scope in scopes}
        parts = {
            scope: item
            for scope, item in parts.items()
            if (match := _COUNTED.fullmatch(item[-1]))
            # `einsum` and `einsum_1` are operations; a Keras layer never computes in its scope without number
            and (_COUNTED.fullmatch(match[1]) or (*_parts(scope)[:-1], match[1]) not in scopes_by_parts)
        }
        calls: dict[str, list[tuple[list[int], str]]] = defaultdict(list)
        for scope, item in parts.items():
            number = [int(counted[2]) if (counted := _COUNTED.fullmatch(part)) else 0 for part in item]
            calls["/".join(_uncounted(part) for part in item)].append((number, scope))
    else:
        calls = defaultdict(list)
        for scope, item in parts.items():
            calls["/".join(item)].append(([], scope))
    named: dict[str, GraphLayer] = {}
    for path, found in calls.items():
        alone = len(found) == 1 and path != "output"
        for place, (_, scope) in enumerate(sorted(found)):
            named[path if alone else f"{path}@{place}"] = GraphLayer(single[scope], scope)
    return named


def _looks_like_keras(tops: set[str]) -> bool:
    """Return whether the outermost scopes are numbered as Keras numbers them: most are, and never 1, 2, 3."""
    matches = [match for top in tops if (match := _COUNTED.fullmatch(top))]
    numbers = {(match[1], int(match[2])) for match in matches}
    return len(matches) * 2 >= len(tops) > 0 and not any((base, number + 1) in numbers for base, number in numbers)
