"""From a SavedModel to one plain graph: variables become constants, and what would stop gradients is cleared."""

import re
from typing import Any

import tensorflow as tf

from tf_interp.models.private import GRADIENT_ATTRIBUTE, freeze_variables

_LIMIT = 2**31 - 2**26  # bytes that a frozen graph can hold


def choose_signature(loaded: Any, path: Any) -> Any:
    """Return the signature to read.

    Args:
        loaded: what `tf.saved_model.load` returned.
        path: of the SavedModel, for the message.

    Raises:
        ValueError: if it is not clear which.
    """
    names = [name for name in loaded.signatures if not name.startswith("__")]
    if "serving_default" in names:
        return loaded.signatures["serving_default"]
    if len(names) == 1:
        return loaded.signatures[names[0]]
    raise ValueError(
        f"{path}: expected a signature 'serving_default' or only one, found {names}; save with model.export(path), or "
        'tf.saved_model.save(module, path, signatures={"serving_default": function})'
    )


def freeze(function: Any) -> tuple[tf.Graph, Any, dict[str, str]]:
    """Return the frozen graph, a cleaned copy of its definition, and output name -> tensor name."""
    size = sum((variable.shape.num_elements() or 0) * variable.dtype.size for variable in function.variables)
    if size > _LIMIT:
        raise ValueError(
            f"the SavedModel holds {size / 2**30:.1f} GB of weights, a frozen graph at most 2: open the Keras model "
            "instead"
        )
    frozen = freeze_variables(function)
    graph_def = _clean(frozen.graph.as_graph_def())
    if any(node.op in ("PartitionedCall", "StatefulPartitionedCall") for node in graph_def.node):
        # calls that XLA was to compile were kept; now they can be inlined too, which their gradients need
        whole = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph_def, name=""), [])
        ends = [[whole.graph.get_tensor_by_name(t.name) for t in some] for some in (frozen.inputs, frozen.outputs)]
        frozen = freeze_variables(whole.prune(*ends))
        graph_def = _clean(frozen.graph.as_graph_def())
    labels = sorted(function.structured_outputs)
    names = dict(zip(labels, (tensor.name for tensor in frozen.outputs), strict=True))
    return frozen.graph, graph_def, {label: names[label] for label in sorted(labels, key=_by_number)}


def _by_number(label: str) -> list[Any]:
    """Return a sorting key that puts output_2 before output_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", label)]


def _clean(graph_def: Any) -> Any:
    """Drop what would stop gradients: custom gradients of a Python process that is gone, and XLA calls.

    Functions get new names, since under the old ones this process has them with the attributes.
    """
    new = {function.signature.name: f"{function.signature.name}_plain" for function in graph_def.library.function}
    for function in graph_def.library.function:
        function.signature.name = new[function.signature.name]
        for name in ("_XlaMustCompile", "_noinline"):
            function.attr.pop(name, None)
    for nodes in (graph_def.node, *(function.node_def for function in graph_def.library.function)):
        for node in nodes:
            for name in (GRADIENT_ATTRIBUTE, "_XlaMustCompile", "_noinline"):
                node.attr.pop(name, None)
            for value in node.attr.values():
                for function in (value.func, *value.list.func) if value.WhichOneof("value") in ("func", "list") else ():
                    if function.name:
                        function.name = new.get(function.name, function.name)
    return graph_def
