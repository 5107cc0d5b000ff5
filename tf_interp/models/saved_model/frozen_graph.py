"""Frozen graphs: one `.pb` file with the weights as constants, without a word on what goes in and what comes out."""

import pathlib
from typing import Any

import tensorflow as tf

from tf_interp.models.private import describe_operation
from tf_interp.models.saved_model.inlining import flatten, reach, settle_branches, split
from tf_interp.models.saved_model.reading import PlainGraph, find_tensor, finish, put_placeholder
from tf_interp.models.saved_model.scan import check_operations
from tf_interp.models.saved_model.variables import Checkpoint

_NO_END = ("NoOp", "Assert", "Const", "Placeholder", "PlaceholderWithDefault", "Print")


def read_frozen_graph(
    path: pathlib.Path, input: str | None = None, output: str | None = None, trust: bool = False
) -> PlainGraph:
    """Read a frozen graph.

    Args:
        path: the file.
        input: name of the tensor to feed; None is every placeholder that the output needs.
        output: name of the tensor that comes out; None is the only one at the end of the graph.
        trust: True lets operations pass that reach outside.

    Raises:
        ValueError: if it is not a graph, it is unclear what comes out, or it does more than compute.
    """
    graph_def = _parse(path)
    nodes = {node.name: node for node in graph_def.node}
    end = _only_end(path, nodes) if output is None else find_tensor(nodes, output, path)
    flat = flatten(graph_def, [end])
    check_operations(path, flat.nodes.values(), flat.functions, trust)  # TensorFlow runs parts even to infer shapes
    if input is None:
        fed = [name for name, node in flat.nodes.items() if node.op == "Placeholder"]
        if not fed:
            raise ValueError(f"{path}: {end!r} depends on no placeholder; with input= name the tensor to feed")
        inputs = {name: put_placeholder(flat, f"{name}:0") for name in fed}
    else:
        inputs = {"images": put_placeholder(flat, find_tensor(flat.nodes, input, path))}
    settle_branches(flat.nodes)
    flat.keep(flat.ends.values())
    empty = Checkpoint(path)
    kinds = ("VarHandleOp", "Variable", "VariableV2")
    variables = sorted(name for name, node in flat.nodes.items() if node.op in kinds)
    if variables:
        raise ValueError(
            f"{path} is a graph without its weights, for its variables {variables[:4]}: freeze it, or save a SavedModel"
        )
    return finish(flat, inputs, {end.removesuffix(":0"): flat.ends[end]}, empty, {})


def _parse(path: pathlib.Path) -> Any:
    graph_def = tf.compat.v1.GraphDef()
    try:
        graph_def.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's own DecodeError, of one of its implementations
        raise ValueError(f"{path} is no frozen graph: {error}") from error
    if not graph_def.node or any(not node.op or not node.name for node in graph_def.node):
        raise ValueError(f"{path} is no frozen graph: no operations in it")
    return graph_def


def _only_end(path: pathlib.Path, nodes: dict[str, Any]) -> str:
    """Return the tensor at the end of a graph."""
    read = {split(item)[0] for node in nodes.values() for item in node.input}
    fed = {name for name, node in nodes.items() if node.op.startswith("Placeholder")}
    ends = [
        name
        for name, node in nodes.items()
        if name not in read and node.op not in _NO_END and not fed.isdisjoint(reach(nodes, [name]))
    ]
    ends = [name for name in ends if _is_floating(nodes[name])] or ends  # not the index of the best class
    if len(ends) != 1:
        what = (
            f"ends in {ends[:12]}" if ends else f"nothing in it depends on a placeholder, {sorted(fed)[:12]} are there"
        )
        raise ValueError(f'{path}: {what}; say with output= which tensor is meant, e.g. output="softmax"')
    return f"{ends[0]}:0"


def _is_floating(node: Any) -> bool:
    results = describe_operation(node.op).output_arg
    kind = results[0].type or node.attr[results[0].type_attr].type if results else 0
    return bool(kind) and tf.as_dtype(kind).is_floating
