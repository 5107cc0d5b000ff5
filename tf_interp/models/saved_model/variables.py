"""Variables of a graph: which value of the checkpoint each has, and what stands for it in the graph that is read."""

import pathlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tf_interp.models.outputs.ends.operations import CALLS
from tf_interp.models.private import ANONYMOUS, parse_object_graph
from tf_interp.models.saved_model.inlining import FlatGraph, called, flatten, reach, split

SHARED_FROM = 1024  # a constant of so many numbers is kept once, outside the graphs that use it
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_READ = ("ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape", "VarIsInitializedOp")
_REFERENCES = ("Variable", "VariableV2")  # of TensorFlow 1, which give their value themselves
_ASSIGN = ("Assign", "AssignVariableOp")
_FIRST_ARGUMENT = {"If": 1, "StatelessIf": 1, "Case": 1, "StatelessCase": 1, "While": 0, "StatelessWhile": 0}
_FIRST_ARGUMENT |= {"PartitionedCall": 0, "StatefulPartitionedCall": 0}


class Saved(NamedTuple):
    """Where a value stands in a checkpoint.

    Args:
        key: its name there.
        piece: "" for all of it, else which part: "10 4 0,5:0,4" are the first 5 of 10 rows.
    """

    key: str
    piece: str


class Checkpoint:
    """The values that were saved with a graph.

    Args:
        prefix: of its files, e.g. `folder/variables/variables`.
        meta: the `MetaGraphDef` that they belong to; None if there is none, and no values.
    """

    def __init__(self, prefix: pathlib.Path, meta: Any = None) -> None:
        self._prefix = prefix
        self._reader: Any = None
        self.nodes: dict[str, Any] = {}  # what would read the checkpoint; it is looked at and never run
        self.saved: dict[str, Saved] = {}  # name of a variable -> where its value is
        if meta is None:
            return
        root = split(meta.saver_def.restore_op_name)[0]
        if root in {node.name for node in meta.graph_def.node}:
            self.nodes = flatten(meta.graph_def, [f"^{root}"]).nodes
        for node in self.nodes.values():
            if node.op in _ASSIGN and (place := self.find(node.input[1])) is not None:
                self.saved[origin(node.input[0], self.nodes)[0]] = place
        if len(meta.object_graph_def.nodes):
            self.saved |= self._of_objects(meta)

    def _of_objects(self, meta: Any) -> dict[str, Saved]:
        """Return name of a variable -> where its value is, by the objects that TensorFlow 2 saves beside the graph.

        A graph may hold several copies of a variable: the one that a function takes is told by its object.
        """
        if not self._open().has_tensor(_OBJECTS):
            return {}
        here, there = meta.object_graph_def, parse_object_graph(self._reader.get_tensor(_OBJECTS))
        keys: dict[int, str] = {}
        pairs, seen = [(0, 0)], set()
        for place, twin in pairs:  # the same names lead to the same object in both; grows meanwhile
            for attribute in there.nodes[twin].attributes:
                if attribute.name == "VARIABLE_VALUE":
                    keys[place] = attribute.checkpoint_key
            children = {child.local_name: child.node_id for child in there.nodes[twin].children}
            for child in here.nodes[place].children:
                if child.local_name in children and child.node_id not in seen:
                    seen.add(child.node_id)
                    pairs.append((child.node_id, children[child.local_name]))
        found = {}
        for node in meta.graph_def.node:
            function = here.concrete_functions.get(node.attr["f"].func.name) if node.op in CALLS else None
            if function is not None and len(function.bound_inputs):
                given = [item for item in node.input if not item.startswith("^")]
                for item, bound in zip(given[-len(function.bound_inputs) :], function.bound_inputs, strict=True):
                    if bound in keys:
                        found[split(item)[0]] = Saved(keys[bound], "")
        return found

    def _open(self) -> Any:
        if self._reader is None:
            if not self._prefix.with_name(f"{self._prefix.name}.index").is_file():
                raise ValueError(f"{self._prefix}.index is missing: the weights of the SavedModel are not there")
            self._reader = tf.train.load_checkpoint(str(self._prefix))
        return self._reader

    def find(self, item: str) -> Saved | None:
        """Return where a tensor comes from, if it is one that the checkpoint holds."""
        name, index = origin(item, self.nodes)
        node = self.nodes.get(name)
        if node is None or node.op != "RestoreV2":
            return None
        keys, pieces = (
            tf.make_ndarray(self.nodes[split(node.input[place])[0]].attr["value"].tensor) for place in (1, 2)
        )
        return Saved(keys.ravel()[index].decode(), pieces.ravel()[index].decode())

    def read(self, place: Saved) -> Any:
        """Return a value as an array."""
        if not self._open().has_tensor(place.key):
            raise ValueError(f"{self._prefix}: the checkpoint holds no {place.key!r}, which the graph needs")
        value = self._reader.get_tensor(place.key)
        if place.piece:  # "10 4 0,5:0,4": of the first axis 5 from 0 on
            ranges = [part.split(",") for part in place.piece.split(" ")[-1].split(":")]
            whole = slice(None)
            value = value[tuple(slice(int(r[0]), int(r[0]) + int(r[1])) if len(r) == 2 else whole for r in ranges)]
        return value

    def value_of(self, variable: Any) -> Any:
        """Return the value of a variable, given by its node."""
        name = variable.attr["shared_name"].s.decode() or variable.name
        return self.read(self.saved.get(variable.name) or Saved(name, ""))


class Values(NamedTuple):
    """What stands for the variables of a graph.

    Args:
        weights: tensor name -> value, of large constants that are no nodes.
        resources: tensor name -> handle of a variable that is only read.
        states: tensor name of a handle -> first value, of variables that the graph changes while it runs.
        alive: what has to live as long as the handles.
        readers: name of a variable -> how many numbers it holds, and the operations that read it.
    """

    weights: dict[str, tf.Tensor]
    resources: dict[str, tf.Tensor]
    states: dict[str, tf.Tensor]
    alive: list[Any]
    readers: dict[str, tuple[int, list[str]]]


def origin(item: str, nodes: Mapping[str, Any]) -> tuple[str, int]:
    """Return operation and index of what a tensor is a copy of."""
    name, index = split(item)
    while (node := nodes.get(name)) is not None and node.op in ("Identity", "Enter", "RefEnter"):
        name, index = split(node.input[0])
    return name, index


def users_of(nodes: Mapping[str, Any]) -> dict[str, list[tuple[Any, int]]]:
    """Return operation -> (node that takes its first output, as which input); copies are looked through."""
    users: dict[str, list[tuple[Any, int]]] = defaultdict(list)
    for node in nodes.values():
        for place, item in enumerate(node.input):
            if not item.startswith("^"):
                users[origin(item, nodes)[0]].append((node, place))
    return users


def put_values(flat: FlatGraph, checkpoint: Checkpoint) -> Values:
    """Put values in the place of variables; `flat.nodes` is changed.

    Those that are only read, as nearly all are, become constants. Where loops, branches or lookups read one, it stays a
    variable. What the graph changes while it runs begins with its saved value in every run.

    Args:
        flat: the graph.
        checkpoint: its values.
    """
    values = Values({}, {}, {}, [], {})
    users = users_of(flat.nodes)
    for name, node in list(flat.nodes.items()):
        readers = [(user, place) for user, place in users[name] if user.op != "Identity"]
        if node.op in _REFERENCES:
            changing = sorted({user.op for user, _ in readers if user.op.startswith(("Assign", "Scatter", "Apply"))})
            if changing:
                raise ValueError(
                    f"the graph changes the variable {name!r} while it runs ({changing}), as TensorFlow 1 did"
                )
            del flat.nodes[name]
            value = checkpoint.value_of(node)
            values.readers[name] = value.size, [name]
            _put_constant(f"{name}:0", value, flat.nodes, values.weights)
        elif node.op == "VarHandleOp":
            value = checkpoint.value_of(node)
            values.readers[name] = value.size, [user.name for user, _ in readers]
            if any(_changes(user, place, flat.functions) for user, place in readers):
                values.states[f"{name}:0"] = tf.constant(value)
                continue
            reads = [user for user, _ in readers if user.op == "ReadVariableOp"]
            for read in reads:
                read.op = "Identity"
                read.attr["T"].CopyFrom(read.attr["dtype"])
                read.attr.pop("dtype")
                read.input[0] = f"{name}/value"
            if reads:
                _put_constant(f"{name}/value:0", value, flat.nodes, values.weights)
            if len(reads) < len(readers):
                variable = tf.Variable(value, trainable=False)
                values.alive.append(variable)
                values.resources[f"{name}:0"] = variable.handle
    _without_references(flat.nodes.values())
    return values


def take_constants(nodes: dict[str, Any], readers: dict[str, tuple[int, list[str]]]) -> dict[str, tf.Tensor]:
    """Take the large constants out of a graph, return tensor name -> value.

    Args:
        nodes: of the graph; changed.
        readers: as in `Values`; in a frozen graph, which has no variables, constants that are no single numbers are
            added.
    """
    large: dict[str, tf.Tensor] = {}
    frozen = not readers
    for name, node in list(nodes.items()):
        if node.op == "Const" and tf.as_dtype(node.attr["dtype"].type).is_floating:
            value = tf.make_ndarray(node.attr["value"].tensor)
            if frozen and value.ndim:
                readers[name] = value.size, [name]
            if value.size >= SHARED_FROM:
                large[f"{name}:0"] = tf.constant(value)
                del nodes[name]
    return large


def _put_constant(tensor: str, value: Any, nodes: dict[str, Any], weights: dict[str, tf.Tensor]) -> None:
    if value.size >= SHARED_FROM and value.dtype != object:
        weights[tensor] = tf.constant(value)
        return
    proto = tf.make_tensor_proto(value)
    node = tf.compat.v1.NodeDef(name=tensor.removesuffix(":0"), op="Const")
    node.attr["dtype"].type = proto.dtype
    node.attr["value"].tensor.CopyFrom(proto)
    nodes[node.name] = node


def _changes(user: Any, place: int, functions: Mapping[str, Any], seen: tuple[str, ...] = ()) -> bool:
    """Return whether an operation, or a function that it calls, changes the variable that it gets as an input."""
    if user.op in _READ:
        return False
    if user.op not in _FIRST_ARGUMENT or place < _FIRST_ARGUMENT[user.op]:
        return True
    for name in called(user):
        if name in seen:
            return True  # calls itself
        function = functions[name]
        argument = function.signature.input_arg[place - _FIRST_ARGUMENT[user.op]].name
        same = {argument}
        for node in function.node_def:  # copies
            if node.op == "Identity" and node.input[0] in same:
                same.add(f"{node.name}:output:0")
        for node in function.node_def:
            for inner, item in enumerate(node.input):
                if item in same and node.op != "Identity" and _changes(node, inner, functions, (*seen, name)):
                    return True
    return False


def _without_references(nodes: Iterable[Any]) -> None:
    """Let operations on variables of TensorFlow 1 take plain values."""
    for node in nodes:
        if node.op in ("RefSwitch", "RefMerge", "RefEnter", "RefExit", "RefIdentity", "RefNextIteration"):
            node.op = node.op.removeprefix("Ref")


def changers(nodes: Mapping[str, Any], states: Iterable[str]) -> set[str]:
    """Return the operations that take the handle of a variable that changes."""
    changing = {split(state) for state in states}
    return {
        name
        for name, node in nodes.items()
        if any(not item.startswith("^") and origin(item, nodes) in changing for item in node.input)
    }


def keep_effects(nodes: Mapping[str, Any], ends: Iterable[str], states: Iterable[str]) -> None:
    """Let nodes wait only for operations on variables that change, and only if some value depends on such a variable.

    All others compute the same at any time.

    Args:
        nodes: of a graph; changed.
        ends: names of the tensors that come out.
        states: names of the handles of variables that change.
    """
    if any(node.op == "Enter" for node in nodes.values()):
        return  # in loops of TensorFlow 1 waiting says what belongs to the loop
    effects = changers(nodes, states)
    if effects.isdisjoint(reach(nodes, ends, controls=False)):
        effects = set()
    before: dict[str, frozenset[str]] = {}

    def told(item: str) -> frozenset[str]:
        name = split(item)[0]
        return frozenset([name]) if name in effects else before.get(name, frozenset())

    for name in _in_order(nodes) if effects else ():
        before[name] = frozenset[str]().union(*(told(item) for item in nodes[name].input))
    for name, node in nodes.items():
        if any(item.startswith("^") for item in node.input):
            waits = {one for item in node.input if item.startswith("^") for one in told(item)}
            kept = [item for item in node.input if not item.startswith("^")]
            del node.input[:]
            node.input.extend([*kept, *(f"^{one}" for one in sorted(waits - {name}))])


def _in_order(nodes: Mapping[str, Any]) -> list[str]:
    """Return the nodes, each after what it needs."""
    order: dict[str, None] = {}
    seen: set[str] = set()
    for root in nodes:
        stack = [root]
        while stack:
            name = stack[-1]
            waiting = [] if name in seen else [split(item)[0] for item in nodes[name].input]
            seen.add(name)
            waiting = [one for one in waiting if one in nodes and one not in seen]
            if waiting:
                stack += waiting
            else:
                order[stack.pop()] = None
    return list(order)


def new_handle(value: tf.Tensor) -> tf.Tensor:
    """Return the handle of a variable that is empty, for looking shapes up."""
    return tf.raw_ops.VarHandleOp(dtype=value.dtype, shape=value.shape, shared_name=ANONYMOUS)


def fresh_variable(value: tf.Tensor) -> tf.Tensor:
    """Return the handle of a new variable with a value: what a run changes in it, no other run sees."""
    handle = new_handle(value)
    with tf.control_dependencies([tf.raw_ops.AssignVariableOp(resource=handle, value=value)]):
        return tf.identity(handle)
