"""The calls of one forward pass of a Keras model: in whose call each stands, which comes first, and what it reads."""

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tf_interp.models.keras_model.taps import first_argument
from tf_interp.models.private import list_made_nodes, read_function, read_nodes


class Call(NamedTuple):
    """One call of a layer.

    Args:
        path: names of the layers that were being called, joined by "/".
        layer: the layer.
        number: how often it had been called before, in this forward pass.
        input: its first argument.
        output: what it returned.
        alone: whether nothing else reads the input.
        place: sorts the calls of one path as the user made them: a number for each part of the path. A functional model
            runs its layers by depth, whatever the order in which they were called; Keras remembers that.
        started: how many calls had come to their end when this one began.
        reads: the tensors among its arguments.
        recurrent: whether a recurrent layer makes it.
    """

    path: str
    layer: Any
    number: int
    input: Any
    output: Any
    alone: bool
    place: tuple[int, ...]
    started: int
    reads: tuple[Any, ...]
    recurrent: bool = False


class Trace(NamedTuple):
    """A model that was called in a graph.

    Args:
        graph: where.
        inputs: name -> tensor.
        output: what it returned.
    """

    graph: tf.Graph
    inputs: Mapping[str, Any]
    output: Any


def is_symbolic(value: Any) -> bool:
    """Return whether something is a tensor of a graph."""
    return isinstance(value, keras.KerasTensor) or (isinstance(value, tf.Tensor) and tf.is_symbolic_tensor(value))


def list_tensors(value: Any) -> tuple[Any, ...]:
    """Return the tensors of a graph in a structure.

    Args:
        value: tensors, or dicts or lists of them, and anything else.
    """
    return tuple(item for item in keras.tree.flatten(value) if is_symbolic(item))


def trace_model(
    specs: Mapping[str, tf.TensorSpec], call: Callable[[dict[str, Any]], Any], begin: Callable[[], None] = lambda: None
) -> Trace:
    """Call a model in a graph of its own.

    Args:
        specs: input name -> what it takes.
        call: from inputs to what the model returns.
        begin: called before each call of the model: where the first one makes variables, TensorFlow traces another.
    """
    kept: list[Any] = []

    @tf.function(autograph=False)
    def forward(given: dict[str, tf.Tensor]) -> None:
        begin()
        inputs = {name: given[name] for name in specs}
        kept[:] = [inputs, call(inputs)]

    return Trace(forward.get_concrete_function(dict(specs)).graph, *kept)


def trace_calls(model: Any, layers: Iterable[Any], trace: Callable[..., Trace]) -> tuple[Trace, list[Call]]:
    """Call a model in a graph and return all calls of its layers, in the order in which they came to their ends.

    Args:
        model: the model.
        layers: the layers whose calls are wanted.
        trace: from `layers`, what to call in place of their `call`, see `tapped`, and what to call before each call of
            the model, to the trace.
    """
    frames = [_Frame(model, (), (), False)]
    calls: list[Call] = []
    users: list[int] = []  # how many operations of a call read its input; 0 if another one had done so before
    counts: Counter[int] = Counter()

    def around(layer: Any, call: functools.partial) -> Any:
        number, started = counts[id(layer)], len(calls)
        counts[id(layer)] += 1
        frame = frames[-1].enter(layer)
        frames.append(frame)
        value, reads = first_argument(call), list_tensors([call.args, call.keywords])
        alone = tf.is_symbolic_tensor(value) and not value.consumers()
        try:
            output = call()
        finally:
            frames.pop()
        users.append(len(value.consumers()) if alone else 0)
        calls.append(
            Call(
                "/".join(frame.names), layer, number, value, output, False, frame.place, started, reads, frame.recurrent
            )
        )
        return output

    def begin() -> None:
        for past in (calls, users, counts):
            past.clear()

    traced = trace(layers, around, begin)
    return traced, [
        call._replace(alone=count > 0 and count == len(call.input.consumers()))
        for call, count in zip(calls, users, strict=True)
    ]


class _Frame:
    """A call that is under way."""

    def __init__(self, layer: Any, names: tuple[str, ...], place: tuple[int, ...], recurrent: bool) -> None:
        self.names, self.place, self.recurrent = names, place, recurrent
        self._repeats = recurrent or isinstance(layer, keras.layers.RNN)
        self._ranks = rank_calls(read_function(layer))
        self._counts: Counter[str] = Counter()

    def enter(self, layer: Any) -> "_Frame":
        """Return the call of a layer in this one."""
        number = self._counts[layer.name]
        self._counts[layer.name] += 1
        ranks = self._ranks.get(id(layer), ())
        rank = ranks[number] if number < len(ranks) else number
        return _Frame(layer, (*self.names, layer.name), (*self.place, rank), self._repeats)


def rank_calls(function: Any) -> dict[int, list[int]]:
    """Return id of each layer that a functional model calls several times -> for each call as it runs, which it was.

    Args:
        function: a functional Keras model; anything else runs its layers as it calls them.
    """
    if not isinstance(function, keras.Function):
        return {}
    nodes: dict[int, list[Any]] = defaultdict(list)
    for node in read_nodes(function) or ():
        nodes[id(node.operation)].append(node)
    ranks = {}
    for key, run in nodes.items():
        if len(run) > 1:
            made = list_made_nodes(run[0].operation)
            if all(id(node) in made for node in run):
                order = sorted(made[id(node)] for node in run)
                ranks[key] = [order.index(made[id(node)]) for node in run]
    return ranks


def name_reads(
    calls: Sequence[Call], names: Mapping[tuple[int, int, int], str], inputs: Mapping[str, Any]
) -> dict[tuple[int, int], str]:
    """Return id of a layer and number of its call -> names of the layers and inputs that this call reads.

    A tensor that several layers return, one inside the other, has the name of the outermost that is done by then; what
    is computed between layers is followed back.

    Args:
        calls: of one forward pass.
        names: id of a layer, number of its call and of the tensor in what it returned -> name of that tensor.
        inputs: name -> tensor.
    """
    known: dict[int, list[tuple[int, str]]] = defaultdict(list)  # id of a tensor -> when it got which name
    for name, tensor in inputs.items():
        known[id(tensor)].append((-1, name))
    for index, call in enumerate(calls):
        for leaf, tensor in enumerate(keras.tree.flatten(call.output)):
            if (id(call.layer), call.number, leaf) in names:
                known[id(tensor)].append((index, names[id(call.layer), call.number, leaf]))
    reads = {}
    for call in calls:
        found: dict[str, None] = {}
        stack, seen = [*reversed(call.reads)], set()
        while stack:
            tensor = stack.pop()
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            own = [name for index, name in known.get(id(tensor), ()) if index < call.started]
            if own:
                found[own[-1]] = None
            elif isinstance(tensor, tf.Tensor):
                stack += reversed(tensor.op.inputs)
        reads[id(call.layer), call.number] = ", ".join(found)
    return reads
