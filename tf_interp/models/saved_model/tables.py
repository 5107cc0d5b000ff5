"""Lookup tables of a graph: made and filled as the file says, without running anything else of it."""

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tf_interp.models.saved_model.inlining import FlatGraph, build_library, flatten, reach, split
from tf_interp.models.saved_model.scan import check_operations
from tf_interp.models.saved_model.variables import Checkpoint, origin

_NAMELESS = {  # tables without a name live as long as somebody holds them, and two files cannot mean the same one
    "HashTableV2": "AnonymousHashTable",
    "MutableHashTableV2": "AnonymousMutableHashTable",
    "MutableHashTableOfTensorsV2": "AnonymousMutableHashTableOfTensors",
}
_FILLING = ("InitializeTableV2", "InitializeTableFromTextFileV2", "LookupTableImportV2")


def make_tables(
    name: Any,
    flat: FlatGraph,
    graph_def: Any,
    initializers: Iterable[str],
    checkpoint: Checkpoint,
    assets: Mapping[str, str],
    trust: bool,
) -> dict[str, tf.Tensor]:
    """Return tensor name -> handle of each lookup table of a graph, filled.

    Args:
        name: of the file, for messages.
        flat: the graph that uses them.
        graph_def: the file's whole graph.
        initializers: names of the operations that would fill them.
        checkpoint: what holds the content of tables that were changed after they were made.
        assets: name of a constant -> path of the file that it names.
        trust: True lets any operation compute the content.
    """
    tables = {node.name: node for node in flat.nodes.values() if node.op.endswith(("HashTable", "HashTableV2"))}
    tables |= {node.name: node for node in flat.nodes.values() if node.op.startswith("MutableHashTable")}
    if not tables:
        return {}
    unknown = sorted({node.op for node in tables.values()} - set(_NAMELESS) - set(_NAMELESS.values()))
    if unknown:
        raise ValueError(f"{name} holds lookup tables of the kind {unknown}, which cannot be read")
    handles = {table: _make(node) for table, node in tables.items()}
    names = {node.name for node in graph_def.node}
    roots = [f"^{split(root)[0]}" for root in initializers if split(root)[0] in names]
    filling = flatten(graph_def, roots) if roots else FlatGraph({}, {}, {})
    filled = set()
    for nodes, functions in ((filling.nodes, filling.functions), (checkpoint.nodes, {})):
        for node in nodes.values():
            table = origin(node.input[0], nodes)[0] if node.op in _FILLING else None
            if table in handles:
                _fill(name, handles[table], node, FlatGraph(nodes, functions, {}), checkpoint, assets, trust)
                filled.add(table)
    empty = sorted(table for table in set(tables) - filled if tables[table].op in ("HashTableV2", "AnonymousHashTable"))
    if empty:
        raise ValueError(f"{name}: nothing in the file fills the lookup tables {empty}")
    return {f"{table}:0": handle for table, handle in handles.items()}


def _make(node: Any) -> tf.Tensor:
    make = getattr(tf.raw_ops, _NAMELESS.get(node.op, node.op))
    options = {key: tf.as_dtype(node.attr[key].type) for key in ("key_dtype", "value_dtype")}
    if "OfTensors" in node.op:
        options["value_shape"] = tf.TensorShape(node.attr["value_shape"].shape)
    return make(**options)


def _fill(
    name: Any,
    handle: tf.Tensor,
    node: Any,
    graph: FlatGraph,
    checkpoint: Checkpoint,
    assets: Mapping[str, str],
    trust: bool,
) -> None:
    if node.op == "InitializeTableFromTextFileV2":
        asset = origin(node.input[1], graph.nodes)[0]
        if asset not in assets and not trust:
            raise ValueError(f"{name} fills a lookup table from a file that is no asset of it; trust=True accepts that")
        file = assets.get(asset) or tf.make_ndarray(graph.nodes[asset].attr["value"].tensor).ravel()[0]
        given = ("key_index", "value_index", "vocab_size", "offset")
        options = {key: node.attr[key].i for key in given if key in node.attr}
        delimiter = node.attr["delimiter"].s.decode() if "delimiter" in node.attr else "\t"
        tf.raw_ops.InitializeTableFromTextFileV2(table_handle=handle, filename=file, delimiter=delimiter, **options)
        return
    keys, content = (_content(name, item, graph, checkpoint, trust) for item in node.input[1:3])
    fill = tf.raw_ops.InitializeTableV2 if node.op == "InitializeTableV2" else tf.raw_ops.LookupTableImportV2
    fill(table_handle=handle, keys=keys, values=content)


def _content(name: Any, item: str, graph: FlatGraph, checkpoint: Checkpoint, trust: bool) -> tf.Tensor:
    """Return the value of a constant tensor, or of one in the checkpoint."""
    place = checkpoint.find(item) if graph.nodes is checkpoint.nodes else None
    if place is not None:
        return tf.constant(checkpoint.read(place))
    part = FlatGraph(reach(graph.nodes, [item]), graph.functions, {})
    part.keep([item])
    check_operations(name, part.nodes.values(), part.functions, trust)
    return evaluate([item], part)[0]


def evaluate(items: list[str], graph: FlatGraph) -> list[tf.Tensor]:
    """Return the values of tensors that no input is needed for.

    Args:
        items: their names.
        graph: what they need.
    """
    nodes = reach(graph.nodes, items)
    library = build_library(graph.functions, nodes)
    part = tf.compat.v1.GraphDef(library=library, node=nodes.values())

    def compute() -> list[tf.Tensor]:
        asked = ["{}:{}".format(*split(item)) for item in items]
        return tf.graph_util.import_graph_def(part, return_elements=asked, name="constants")

    return list(tf.function(compute, autograph=False).get_concrete_function()())
