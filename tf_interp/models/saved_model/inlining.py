"""One flat graph from a file: what its outputs need, with the functions that it calls put in their places."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_interp.models.outputs.ends.operations import CALLS, read_function_nodes
from tf_interp.models.private import GRADIENT_ATTRIBUTE, describe_operation

_MOST_DEEP, _MOST_CALLS = 100, 50_000  # a function that calls itself would go on for ever
_MARKS = itertools.count()
# closed-over gradients of a process that is gone, and orders to XLA, which would keep gradients from passing
_STOPPING = (GRADIENT_ATTRIBUTE, "_XlaMustCompile", "_noinline", "_class", "_output_shapes")


@dataclasses.dataclass
class FlatGraph:
    """What some tensors of a file need.

    Args:
        nodes: name -> definition, with every call replaced by what is called.
        functions: name -> definition of the functions that are left: bodies of loops and branches.
        ends: name of each tensor that was asked for in the file -> its name in `nodes`.
        versions: of TensorFlow, that wrote the file.
    """

    nodes: dict[str, Any]
    functions: dict[str, Any]
    ends: dict[str, str]
    versions: Any = None

    def keep(self, ends: Iterable[str], stop: Iterable[str] = ()) -> None:
        """Drop what is not needed for some tensors when those of `stop` are given."""
        self.nodes = reach(self.nodes, ends, stop)
        self.functions = _used_functions(self.nodes.values(), self.functions)


@dataclasses.dataclass
class _Call:
    """One function in the place of a call, or the graph itself."""

    prefix: str
    nodes: dict[str, Any]
    outer: "_Call | None" = None
    call: Any = None  # the node that calls it
    arguments: dict[str, str] = dataclasses.field(default_factory=dict)  # its name -> what the caller gives
    results: list[str] = dataclasses.field(default_factory=list)
    effects: list[str] = dataclasses.field(default_factory=list)  # what has to run although nothing reads it
    inner: dict[str, "_Call"] = dataclasses.field(default_factory=dict)
    depth: int = 0


def flatten(graph_def: Any, ends: Sequence[str], stop: Iterable[str] = ()) -> FlatGraph:
    """Return what some tensors of a graph need.

    An operation in a called function is named `call/operation`. Where one call makes all that is asked for, as in every
    SavedModel of TensorFlow 2, its operations have their own names.

    Args:
        graph_def: a `GraphDef`.
        ends: names of tensors, or of operations that are only to run ("^name").
        stop: names of tensors that are given, so that what makes them is left out.

    Raises:
        ValueError: if functions call each other without end, or TensorFlow does not know an operation.
    """
    library = {function.signature.name: function for function in graph_def.library.function}
    everything = {node.name: node for node in graph_def.node}
    top = _Call("", reach(everything, ends, stop))
    calls = [top]
    makers = {split(end)[0] for end in ends}
    for call in calls:  # grows meanwhile
        for node in call.nodes.values():
            function = library.get(node.attr["f"].func.name if node.op in CALLS else node.op)
            if function is not None:
                alone = call is top and makers == {node.name}
                call.inner[node.name] = _enter(function, node, call, "" if alone else f"{call.prefix}{node.name}/")
                calls.append(call.inner[node.name])
                if call.depth > _MOST_DEEP or len(calls) > _MOST_CALLS:
                    raise ValueError(f"the graph calls functions without end: {function.signature.name!r}, for one")
    outer = {name for name in top.nodes if name not in top.inner}
    for call in top.inner.values():
        if call.prefix == "" and not outer.isdisjoint(call.nodes):
            _rename(call, f"{call.call.name}/")
    nodes: dict[str, Any] = {}
    for call in calls:
        for name, node in call.nodes.items():
            if name not in call.inner and name not in call.arguments:
                nodes[call.prefix + name] = _place(node, call)
    flat = FlatGraph(nodes, library, {end: _find(end, top) for end in ends if not end.startswith("^")})
    flat.versions = graph_def.versions
    wanted = [*flat.ends.values()]
    for end in ends:
        wanted += _find_controls(end.removeprefix("^"), top) if end.startswith("^") else ()
    flat.keep(wanted, stop)
    return flat


def _rename(call: _Call, prefix: str) -> None:
    call.prefix = prefix + call.prefix
    for inner in call.inner.values():
        _rename(inner, prefix)


def _enter(function: Any, node: Any, outer: _Call, prefix: str) -> _Call:
    """Return a function in the place of a call."""
    nodes, flat = read_function_nodes(function)
    signature = function.signature
    given = [item for item in node.input if not item.startswith("^")]
    arguments = {argument.name: item for argument, item in zip(signature.input_arg, given, strict=True)}
    results = [flat[function.ret[result.name]] for result in signature.output_arg]
    return _Call(
        prefix, nodes, outer, node, arguments, results, list(function.control_ret.values()), depth=outer.depth + 1
    )


def _place(node: Any, call: _Call) -> Any:
    """Return a node under its name in the flat graph, with inputs as they are named there."""
    placed = type(node)()
    placed.CopyFrom(node)
    placed.name = call.prefix + node.name
    controls = [name for item in node.input if item.startswith("^") for name in _find_controls(item[1:], call)]
    outer: _Call | None = call
    while outer is not None and outer.call is not None and describe_operation(node.op).is_stateful:
        for item in outer.call.input:  # what a call waits for, its operations with an effect wait for
            if item.startswith("^") and outer.outer is not None:
                controls += _find_controls(item[1:], outer.outer)
        outer = outer.outer
    del placed.input[:]
    placed.input.extend(_find(item, call) for item in node.input if not item.startswith("^"))
    placed.input.extend(f"^{name}" for name in dict.fromkeys(controls))
    for attribute in _STOPPING:
        placed.attr.pop(attribute, None)
    return placed


def _find(item: str, call: _Call) -> str:
    """Return the name that a tensor of one call has in the flat graph."""
    while True:
        name, index = split(item)
        if name in call.arguments and call.outer is not None:
            item, call = call.arguments[name], call.outer
        elif name in call.inner:
            call = call.inner[name]
            item = call.results[index]
        else:
            return f"{call.prefix}{name}:{index}"


def _find_controls(name: str, call: _Call) -> list[str]:
    """Return the operations of the flat graph that have run when one of a call has."""
    if name in call.arguments:
        return [split(_find(name, call))[0]]
    if name not in call.inner:
        return [call.prefix + name]
    inner = call.inner[name]
    found = [split(_find(item, inner))[0] for item in inner.results]
    return found + [one for effect in inner.effects for one in _find_controls(effect, inner)]


def split(item: str) -> tuple[str, int]:
    """Return operation and index of the input of a node: "node", "node:1" or "^node"."""
    name, _, index = item.removeprefix("^").partition(":")
    return name, int(index or 0)


def reach(
    nodes: Mapping[str, Any], ends: Iterable[str], stop: Iterable[str] = (), controls: bool = True
) -> dict[str, Any]:
    """Return name -> node of all that some tensors need, in the order of `nodes`.

    Args:
        nodes: of a graph.
        ends: names of the tensors.
        stop: names of tensors that are given, so that what makes them is left out.
        controls: whether what has to run before counts as well.
    """
    given = {split(item) for item in stop}
    found: set[str] = set()
    stack = [item for item in ends if split(item) not in given]
    while stack:
        name = split(stack.pop())[0]
        if name not in found and name in nodes:
            found.add(name)
            stack += [x for x in nodes[name].input if (controls if x.startswith("^") else split(x) not in given)]
    return {name: node for name, node in nodes.items() if name in found}


def called(node: Any) -> list[str]:
    """Return the functions that a node names."""
    found = [function.name for value in node.attr.values() for function in (value.func, *value.list.func)]
    return [name for name in found if name]


def _used_functions(nodes: Iterable[Any], library: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    stack = list(nodes)
    while stack:
        node = stack.pop()
        for name in (node.op, *called(node)):
            if name in library and name not in found:
                found[name] = library[name]
                stack += library[name].node_def
    return found


def build_library(functions: Mapping[str, Any], nodes: Mapping[str, Any]) -> Any:
    """Return the library of functions with names that no other file has, and rename them in `nodes` too.

    TensorFlow knows functions by name in the whole process, and two files may call different ones alike.

    Args:
        functions: name -> definition.
        nodes: of the graph that uses them; changed in place.
    """
    mark = next(_MARKS)
    library = tf.compat.v1.GraphDef().library
    new = {name: f"{name}_{mark}" for name in functions}
    for name, function in functions.items():
        copied = library.function.add()
        copied.CopyFrom(function)
        copied.signature.name = new[name]
        for attribute in _STOPPING:
            copied.attr.pop(attribute, None)
        for node in copied.node_def:
            node.op = new.get(node.op, node.op)
    for node in (*nodes.values(), *(node for function in library.function for node in function.node_def)):
        for attribute in _STOPPING:
            node.attr.pop(attribute, None)
        for value in node.attr.values():
            for named in (value.func, *value.list.func) if value.WhichOneof("value") in ("func", "list") else ():
                if named.name:
                    named.name = new.get(named.name, named.name)
    if functions:
        with tf.init_scope():  # makes them known to the process; without that, only gradients would find them
            tf.graph_util.import_graph_def(tf.compat.v1.GraphDef(library=library), name="")
    return library


def settle_branches(nodes: dict[str, Any]) -> None:
    """Leave out the branches of TensorFlow 1 that are never taken, as those for training; `nodes` is changed.

    What TensorFlow 1 writes for a branch (Switch, Merge) lets no gradients pass when it is read from a file. Nearly
    always it asks for something that has a value already: "training", which is False unless somebody says otherwise.
    """
    known = {name: value for name in nodes if (value := _known_bool(name, nodes)) is not None}
    dead: set[tuple[str, int]] = set()  # outputs that never get a value
    straight: dict[tuple[str, int], str] = {}  # output of a switch or merge that is left out -> what takes its place
    for name, node in nodes.items():
        if node.op == "Switch" and (value := known.get(split(node.input[1])[0])) is not None:
            dead.add((name, 0 if value else 1))
            straight[name, 1 if value else 0] = node.input[0]
    if not dead:
        return
    users: dict[str, list[str]] = {}
    for name, node in nodes.items():
        for item in node.input:
            users.setdefault(split(item)[0], []).append(name)
    gone: set[str] = set()
    stack = [user for name, _ in dead for user in users.get(name, ())]
    while stack:
        name = stack.pop()
        node = nodes[name]
        never = [split(item)[0] in gone if item.startswith("^") else split(item) in dead for item in node.input]
        if name not in gone and (all(never) if node.op == "Merge" else any(never)):
            gone.add(name)
            dead |= {(name, index) for index in range(64)}
            stack += users.get(name, ())
    for name, node in nodes.items():
        left = [item for item in node.input if not item.startswith("^") and split(item) not in dead]
        if node.op == "Merge" and name not in gone and len(left) == 1 < len(node.input):
            straight[name, 0] = left[0]
    for name in gone:
        del nodes[name]
    for node in nodes.values():
        for place, item in enumerate(node.input):
            while not item.startswith("^") and split(item) in straight:
                item = straight[split(item)]
            node.input[place] = item
    for name in {name for name, _ in straight if name in nodes and nodes[name].op == "Merge"}:
        node, item = nodes[name], straight[name, 0]
        node.op = "Identity"
        del node.input[:]
        node.input.append(item)
        node.attr.pop("N", None)


def _known_bool(name: str, nodes: Mapping[str, Any]) -> bool | None:
    """Return what a yes or no always is; None if that depends on something."""
    negated = False
    while (node := nodes.get(name)) is not None and node.op in ("Identity", "LogicalNot", "PlaceholderWithDefault"):
        negated ^= node.op == "LogicalNot"
        name = split(node.input[0])[0]
    if node is None or node.op != "Const" or node.attr["dtype"].type != tf.bool.as_datatype_enum:
        return None
    value = tf.make_ndarray(node.attr["value"].tensor)
    return bool(value) != negated if value.size == 1 else None


class Arguments(NamedTuple):
    """The inputs of a signature, as the function takes them that was saved.

    Args:
        order: their labels in the order of its arguments; empty if the file does not tell.
        keys: label -> key in the dict that it took, where it took one and the signature has other names.
    """

    order: Sequence[str] = ()
    keys: Mapping[str, str] = {}


def read_arguments(meta: Any, inputs: Mapping[str, str]) -> Arguments:
    """Return what the function behind a signature takes.

    A signature has no order, TensorFlow 2 sorts its labels. But it only wraps the function that was saved, and hands
    on what it gets in that one's order: of a list its own. Of a dict that is the order of its keys in the alphabet,
    which nobody chose: a list is none then. Where the file does not say whether a dict was taken, another order than
    that of the alphabet shows that it was none.

    Args:
        meta: the `MetaGraphDef`.
        inputs: label of each input -> name of its tensor.
    """
    library = {function.signature.name: function for function in meta.graph_def.library.function}
    labels = {tensor: label for label, tensor in inputs.items()}
    for node in meta.graph_def.node:
        given = [labels.get("{}:{}".format(*split(item))) for item in node.input if not item.startswith("^")]
        name = node.attr["f"].func.name if node.op in CALLS and set(inputs) <= set(given) else ""
        if name not in meta.object_graph_def.concrete_functions:
            continue
        names = dict(zip([one.name for one in library[name].signature.input_arg], given, strict=True))
        inner = [one for one in library[name].node_def if one.op in CALLS]
        order = [label for item in inner[0].input if (label := names.get(item))] if len(inner) == 1 else []
        if sorted(order) != sorted(inputs):
            continue
        saved = meta.object_graph_def.concrete_functions.get(inner[0].attr["f"].func.name)
        if saved is None:
            return Arguments() if order == sorted(order) else Arguments(order)
        taken = saved.canonicalized_input_signature
        if not _takes_dict(taken):
            return Arguments(order)
        dicts = [one.dict_value.fields for part in taken.tuple_value.values for one in part.tuple_value.values]
        plain = len(dicts) == 1 and all(one.WhichOneof("kind") == "tensor_spec_value" for one in dicts[0].values())
        keys = dict(zip(order, sorted(dicts[0]), strict=True)) if plain and len(dicts[0]) == len(order) else {}
        return Arguments((), {label: key for label, key in keys.items() if label != key})
    return Arguments()


def _takes_dict(structure: Any) -> bool:
    """Return whether several tensors come in one dict, in what a saved function takes.

    Args:
        structure: a `StructuredValue` of TensorFlow.
    """
    fields = list(structure.dict_value.fields.values())
    parts = [*structure.tuple_value.values, *structure.list_value.values, *fields]
    return len(fields) > 1 or any(_takes_dict(part) for part in parts)
