"""Names of TensorFlow and Keras that nobody promises: each is asked for here, and has another road where it is gone.

Seen in TensorFlow 2.20 and 2.21, and in Keras 3.15. A name that is missing is told once, in the log; numbers stay the
same, and a first picture comes later. `TF_INTERP_PLAIN=1` in the environment takes the other road everywhere: for a
version in which something behaves differently, and for tests that compare both.
"""

import contextlib
import importlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

PLAIN_VARIABLE = "TF_INTERP_PLAIN"
ANONYMOUS = "cd2c89b7-88b7-44c8-ad83-06c2a9158347"  # a resource of this name is a new one each time: `ResourceHandle`
GRADIENT_ATTRIBUTE = "_gradient_op_type"  # of an operation, in its definition: which registered gradient it has
_LOG = logging.getLogger("tf_interp")
_FLAT, _CAPTURED = "AtomicFunction.call_flat", "ConcreteFunction.captured_inputs"
_CHECKED = "steps are called with all checks"
_TRACED = "networks are traced, and a first picture comes later"
_CHANGED = (AttributeError, TypeError, LookupError)  # what comes where a name is there, but not what it was
_told: set[str] = set()
_get = getattr  # tests take names away here


def is_plain() -> bool:
    """Return whether no private name is to be used."""
    return os.environ.get(PLAIN_VARIABLE, "") not in ("", "0")


def read_nodes(function: Any) -> list[Any] | None:
    """Return the nodes of a functional Keras model, in the order of a forward pass: `keras.Function._nodes_by_depth`.

    Args:
        function: the model.

    Returns:
        The nodes without those of inputs, each with `operation`, `arguments`, `input_tensors`, `outputs`; else None.
    """
    depths = _ask(function, "_nodes_by_depth", "keras.Function._nodes_by_depth", _TRACED)
    if depths is None:
        return None
    try:
        nodes = [node for depth in sorted(depths, reverse=True) for node in depths[depth]]
        nodes = [node for node in nodes if node.operation and not node.is_input]
        for node in nodes:
            fill = _ask(node.arguments, "fill_in", "the arguments of a Keras node", _TRACED)
            if fill is None:
                return None
            fill({id(tensor): tensor for tensor in (*node.input_tensors, *node.outputs)})  # does it still work?
    except _CHANGED as error:
        _tell("a node in keras.Function._nodes_by_depth", _TRACED, error)
        return None
    return nodes


def list_made_nodes(operation: Any) -> dict[int, int]:
    """Return id of each node of an operation -> which of its calls made it: `keras.Operation._inbound_nodes`.

    Args:
        operation: a layer or operation of a functional Keras model.
    """
    instead = "calls of one layer are numbered in the order in which they run"
    nodes = _ask(operation, "_inbound_nodes", "keras.Operation._inbound_nodes", instead)
    return {id(node): number for number, node in enumerate(nodes or ())}


def read_output_structure(function: Any) -> Any:
    """Return what a functional Keras model returns, as symbolic tensors: `keras.Function._outputs_struct`; else None.

    Args:
        function: the model.
    """
    return _ask(function, "_outputs_struct", "keras.Function._outputs_struct", _TRACED)


def read_function(model: Any) -> Any:
    """Return what holds the graph of a Keras model: of a sequential one `keras.Sequential._functional`; else None.

    Args:
        model: any Keras model.
    """
    if type(model) is not keras.Sequential:
        return None if is_plain() else model
    if not model.built:
        return None
    return _ask(model, "_functional", "keras.Sequential._functional", _TRACED)


def list_captures(graph: Any) -> list[tuple[Any, Any]]:
    """Return what a function takes from outside, each as (there, in its graph): `FuncGraph.captures`; else nothing.

    Args:
        graph: of a traced `tf.function`.
    """
    instead = "what a call of a network writes is not found, and so not put back"
    return list(_ask(graph, "captures", "FuncGraph.captures", instead) or ())


def list_sublayers(layer: keras.Layer, recursive: bool = True) -> list[Any]:
    """Return the layers that a layer holds: `keras.Layer._flatten_layers`, else those among its attributes.

    Args:
        layer: any Keras layer or model.
        recursive: whether to list what those hold too.
    """
    name, instead = "keras.Layer._flatten_layers", "layers are looked for among attributes"
    flatten = _ask(layer, "_flatten_layers", name, instead)
    if flatten is not None:
        try:
            return list(flatten(include_self=False, recursive=recursive))
        except _CHANGED as error:
            _tell(name, instead, error)
    found: dict[int, Any] = {}
    own = layer.layers if isinstance(layer, keras.Sequential) else list(vars(layer).values())  # it holds a copy too
    for item in _search(own, depth=3):
        if item is not layer and id(item) not in found:
            found[id(item)] = item
            if recursive:
                found |= {id(inner): inner for inner in list_sublayers(item)}
    return list(found.values())


def _search(values: Iterable[Any], depth: int) -> Iterator[Any]:
    for value in values:
        if isinstance(value, keras.Layer):
            yield value
        elif depth and isinstance(value, list | tuple):
            yield from _search(value, depth - 1)
        elif depth and isinstance(value, Mapping):
            yield from _search(value.values(), depth - 1)


class FlatCall:
    """A compiled function that takes its arguments as they are, instead of comparing them with what it expects.

    By `inference_fn.call_flat`, else by a plain call; either way it returns a flat tuple of its results.

    Args:
        concrete: a `ConcreteFunction`; kept, since TensorFlow takes its graph apart once nobody holds it.
    """

    def __init__(self, concrete: Any) -> None:
        self.concrete = concrete
        flat = _ask(concrete, "inference_fn", "ConcreteFunction.inference_fn", _CHECKED)
        call = None if flat is None else _ask(flat, "call_flat", _FLAT, _CHECKED)
        captured = None if call is None else _ask(concrete, "captured_inputs", _CAPTURED, _CHECKED)
        self._call: Any = None if captured is None else call
        self._captured = captured or ()

    def __call__(self, *args: Any) -> tuple:  # noqa: D102  said above
        if self._call is not None:
            try:
                return tuple(self._call(*tf.nest.flatten(args), *self._captured))
            except TypeError as error:  # it takes other arguments than it did: nothing has been computed yet
                _tell(_FLAT, _CHECKED, error)
                self._call = None
        return tuple(tf.nest.flatten(self.concrete(*args)))


@contextlib.contextmanager
def outside_graphs() -> Iterator[None]:
    """While open, code runs eagerly though the caller may be in a graph: `tf.__internal__.eager_context.eager_mode`.

    A user's network is traced in here, and not under `tf.init_scope`: that pauses all tapes, and what is traced so has
    lost the gradients that a network takes itself in its call (forces of an energy, equations of physics). Where the
    name is gone, `tf.init_scope` is all there is in a graph; outside one nothing is needed.
    """
    with contextlib.ExitStack() as opened:
        if not tf.executing_eagerly():
            owner = _get(_get(tf, "__internal__", None), "eager_context", None)
            instead = (
                "a network that takes gradients in its call is read wrongly where its first use is in a tf.function"
            )
            eager = tf.compat.v1.executing_eagerly_outside_functions()  # not so in a graph of TensorFlow 1
            mode = _ask(owner, "eager_mode", "tf.__internal__.eager_context.eager_mode", instead) if eager else None
            opened.enter_context(tf.init_scope() if mode is None else mode())
        yield


@contextlib.contextmanager
def override_gradients(gradients: Mapping[str, str]) -> Iterator[None]:
    """While open, operations that are built in the current graph have other gradients: `Graph.gradient_override_map`.

    Where that is gone they have TensorFlow's own: silent units find no way out then, the rest is the same.

    Args:
        gradients: type of an operation -> name that `tf.RegisterGradient` gave the gradient to use.
    """
    graph, instead = tf.compat.v1.get_default_graph(), "gradients are TensorFlow's own, silent units find no way out"
    override = _ask(graph, "gradient_override_map", "Graph.gradient_override_map", instead) if gradients else None
    with contextlib.nullcontext() if override is None else override(dict(gradients)):
        yield


def set_gradient(operation: Any, name: bytes) -> None:
    """Give one operation of a graph another gradient: `Operation._set_attr`; else it keeps its own.

    Args:
        operation: of a graph.
        name: of a registered gradient.
    """
    change = _ask(operation, "_set_attr", "Operation._set_attr", "silent units behind SiLU and its kin find no way out")
    if change is not None:
        change(GRADIENT_ATTRIBUTE, tf.compat.v1.AttrValue(s=name))


def tell_loops_of_variables(graph: Any) -> None:
    """Say of the variables that come out of loops what they hold, as of those that go in: `copy_handle_data`.

    An imported loop has forgotten it, and then TensorFlow finds no way back through it.

    Args:
        graph: that the loops were imported into.
    """
    loops = [item for item in graph.get_operations() if item.type in ("While", "StatelessWhile")]
    pairs = [pair for loop in loops for pair in zip(loop.inputs, loop.outputs, strict=True)]
    pairs = [pair for pair in pairs if pair[0].dtype == tf.resource]
    if not pairs:
        return
    try:
        from tensorflow.python.ops.handle_data_util import copy_handle_data
    except ImportError as error:
        _tell("handle_data_util.copy_handle_data", "no gradient passes loops of a SavedModel", error)
        return
    for source, target in pairs:
        copy_handle_data(source, target)


def describe_operation(name: str) -> Any:
    """Return the description of an operation, an `OpDef`: `op_def_registry`.

    Args:
        name: its type, e.g. "Conv2D".

    Raises:
        ValueError: if this TensorFlow has no such operation, or no registry where it was; there is no other road.
    """
    try:
        from tensorflow.python.framework import op_def_registry
    except ImportError as error:
        raise ValueError(
            f"TensorFlow {tf.__version__} does not list its operations where 2.20 and 2.21 did, so graphs cannot be "
            "read: open the Keras model itself, or a .keras file"
        ) from error
    found = op_def_registry.get(name)
    if found is None:
        raise ValueError(
            f"the graph holds the operation {name!r}, which this TensorFlow does not know: import the package that "
            "brings it (tensorflow_text, for example) before you open the graph"
        )
    return found


def parse_saved_model(data: bytes) -> Any:
    """Return the message that `saved_model.pb` holds: `tensorflow.core.protobuf.saved_model_pb2`.

    Args:
        data: content of the file.

    Raises:
        ValueError: if TensorFlow does not have the description of the message where it was.
    """
    return _parse("saved_model_pb2", "SavedModel", data)


def parse_object_graph(data: bytes) -> Any:
    """Return the message in a checkpoint that says which objects it is of: `trackable_object_graph_pb2`.

    Args:
        data: the entry "_CHECKPOINTABLE_OBJECT_GRAPH" of the checkpoint.

    Raises:
        ValueError: if TensorFlow does not have the description of the message where it was.
    """
    return _parse("trackable_object_graph_pb2", "TrackableObjectGraph", data)


def _parse(module: str, kind: str, data: bytes) -> Any:
    try:
        message = getattr(importlib.import_module(f"tensorflow.core.protobuf.{module}"), kind)()
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"TensorFlow {tf.__version__} does not describe SavedModels where 2.20 and 2.21 did, so this one cannot be "
            "read: open the Keras model itself, or a .keras file"
        ) from error
    message.ParseFromString(data)
    return message


def _ask(owner: Any, attribute: str, name: str, instead: str) -> Any:
    """Return a private attribute; None, and one line in the log, if it is not there."""
    if is_plain():
        return None
    value = _get(owner, attribute, None)
    if value is None:
        _tell(name, instead)
    return value


def _tell(name: str, instead: str, error: Exception | None = None) -> None:
    """Say once for each name what is done instead; with an error, that it is there but not what it was."""
    if name not in _told:
        _told.add(name)
        versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
        what = "is not there any more" if error is None else f"is not what it was, {error!r}"
        _LOG.warning("%s %s (%s): %s", name, what, versions, instead)
