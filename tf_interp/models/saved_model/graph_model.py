"""`GraphModel`: a SavedModel, read through its frozen graph; no Python code of the model is needed."""

import contextlib
import copy
import hashlib
import pathlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import tensorflow as tf

from tf_interp.models.inputs import Preprocess
from tf_interp.models.layout import find_channels_first
from tf_interp.models.model import LayerRow, Model, Weights
from tf_interp.models.outputs.logits import End, describe_end, find_logits, no_way_to_logits
from tf_interp.models.private import GRADIENT_ATTRIBUTE, is_plain, list_captures
from tf_interp.models.saved_model.freezing import choose_signature, freeze
from tf_interp.models.saved_model.graph_folding import Chain, find_chains
from tf_interp.models.saved_model.graph_layers import GraphLayer, find_layers, weight_sizes

_SHARED_FROM = 1024  # a constant of so many numbers is kept once, outside the graphs that use it


class GraphModel(Model):
    """A SavedModel as a frozen graph: weights as they were saved, inference only.

    Layers are named by their scopes, as far as the graph has some. The name of any operation works too, e.g.
    "StatefulPartitionedCall/net_1/conv_1/Relu", and is listed in `layers` from then on.

    Args:
        path: folder of the SavedModel. Loading it runs code from it, so `open_model` looks through it first.
        preprocess: from images in [0,1] to what the network wants, or None.
        class_names: names by class index, or None.
        input: name of the tensor to feed, where that is not the input of the signature (e.g. the decoded picture).

    Raises:
        ValueError: if there is no signature to choose, the weights exceed 2 GB, or the input is not a number.
    """

    def __init__(
        self,
        path: str | pathlib.Path,
        preprocess: Preprocess | None = None,
        class_names: Sequence[str] | None = None,
        input: str | None = None,
    ) -> None:
        super().__init__(pathlib.Path(path).name, preprocess, class_names)
        loaded = tf.saved_model.load(str(path))
        function = choose_signature(loaded, path)
        graph, graph_def, ends = freeze(function)
        feeds = _choose_feeds(function, graph, input)
        self._digest = _digest(graph_def)
        left = {node.name for node in graph_def.node if node.op == "Placeholder"}
        captures = list_captures(function)
        self._resources = {inner.name: outer for outer, inner in captures if inner.op.name in left}
        self._loaded = loaded if self._resources else None  # lookup tables live as long as it does
        self._weights = _take_weights(graph_def)
        self._graph_def = graph_def
        self._nodes = {node.name: node for node in graph_def.node}
        self._chains: list[Chain] = []
        self._replaced = threading.local()  # .gradients, while `replacing_gradients` is open
        self._feeds = {name: tensor.name for name, tensor in feeds.items()}
        for any_batch in (True, False):
            self._any_batch = any_batch
            self._specs = {name: _input_spec(tensor, any_batch) for name, tensor in feeds.items()}
            specs = dict(zip(self._feeds.values(), self._specs.values(), strict=True))
            try:
                self._graph, fed = _survey(graph_def, specs, self._weights)
            except ValueError:
                if not any_batch:
                    raise
                continue
            # a graph saved for one batch size often does not depend on it: inferring the shapes again shows that
            if not any(self._graph.get_tensor_by_name(name).shape[:1].is_fully_defined() for name in ends.values()):
                break
        outputs = [self._graph.get_tensor_by_name(name) for name in ends.values()]
        names = [f"output:{index}" if index else "output" for index in range(len(ends))]
        self._aliases = {f"output:{label}": name for label, name in zip(ends, names, strict=True)}
        self._labels = dict(zip(names, ends if len(ends) > 1 else names, strict=True))
        self._layers = find_layers(self._graph, fed, outputs)
        with self._graph.as_default():
            before = len(self._graph.get_operations())
            logits = [find_logits(tensor) for tensor in outputs]
            self._nodes |= {op.name: op.node_def for op in self._graph.get_operations()[before:]}
        self._raw = dict(zip(names, outputs, strict=True))
        self._how = {name: describe_end(*item) for name, *item in zip(names, outputs, logits, strict=True)}
        self._outputs = {
            name: output if found is None else found.tensor
            for name, output, found in zip(names, outputs, logits, strict=True)
        }
        self._roots = {
            name: {root.op.name for root in found.roots} for name, found in zip(names, logits, strict=True) if found
        }
        if not self._any_batch:
            self._fixed = _fixed_batch((self._specs or {}).values(), self._outputs["output"])
        self._check_fed(self._outputs, self._nodes_for(list(ends.values()), ()))
        self._scale = _first_scale(fed)

    @property
    def layers(self) -> dict[str, tuple]:
        """Name of each layer -> shape of its output without the batch axis, in the order of the graph; and "output"."""
        tensors = {name: self._tensor(name) for name in (*self._layers, *self._outputs)}
        return {name: (None,) if t.shape.rank is None else tuple(t.shape[1:]) for name, t in tensors.items()}

    @property
    def outputs(self) -> tuple[str, ...]:
        """Which entries of `layers` are outputs, see `Model`."""
        return tuple(self._outputs)

    @property
    def notes(self) -> list[str]:
        """Plain sentences on what a person should know about this network."""
        sizes = {spec.shape[0] for spec in (self._specs or {}).values()} if self._fixed is None else {self._fixed}
        fixed = [] if self._any_batch else [f"saved for a fixed number of images at a time: {sorted(sizes, key=str)}"]
        return super().notes + fixed

    @property
    def graphs(self) -> Sequence[tf.Graph]:
        """The graph of the network, see `Model`."""
        return (self._graph,)

    def _fold(self) -> Model:
        twin = copy.copy(self)
        twin._functions = {"folded": twin}
        twin._chains = find_chains(self._graph, self._graph_def, self._weights)
        twin._weights = self._weights | {name: value for chain in twin._chains for name, value in chain.weights.items()}
        return twin if twin._chains else self

    def expect(self, head: str | Mapping[str, str] | None, output: str | None) -> Self:
        """Say what outputs are, see `Model`; numbers are taken as they come out."""
        super().expect(head, output)
        for name in [name for name in self._outputs if self._keeps_end(name)]:
            self._outputs[name], self._how[name] = self._raw[name], describe_end(self._raw[name], None)
            self._roots.pop(name, None)
        return self

    def _ends(self) -> Mapping[str, End]:
        return self._how

    def _output_labels(self) -> dict[str, str]:
        return self._labels

    def _first_scale(self) -> float:
        return self._scale

    def digest(self) -> str:
        """Return a short hash of graph and weights: 12 hexadecimal characters, to name caches with."""
        return self._digest

    def inspect(self) -> list[LayerRow]:
        """Return one row per entry of `layers`, in the same order, for a table."""
        shapes, sizes = self.layers, weight_sizes(self._graph)
        rows = [
            LayerRow(
                name,
                tensor.op.type,
                shapes[name],
                sum(sizes[read] for read in sizes if scope and read.startswith(scope + "/")),
            )
            for name, (tensor, scope) in self._layers.items()
        ]
        ends = [LayerRow(name, "logits" if end.kind else "output", shapes[name], 0) for name, end in self._how.items()]
        return rows + ends

    def _near(self, name: str) -> str | None:
        if name in self._aliases:
            return self._aliases[name]
        operation, _, index = name.partition(":")
        try:
            tensor = self._graph.get_tensor_by_name(f"{operation}:{index or 0}")
        except (KeyError, ValueError):
            return None
        path = operation if tensor.value_index == 0 else name
        with self._lock:  # a new dict, since another thread may be reading the old one
            self._layers = {**self._layers, path: GraphLayer(tensor, "")}
        return path

    def _channels_first(self, path: str) -> str | None:
        return find_channels_first({path: self._tensor(path)}).get(path)

    def _tensor(self, name: str) -> tf.Tensor:
        return self._outputs[name] if name in self._outputs else self._layers[name].tensor

    def _forward(
        self, inputs: dict[str, tf.Tensor], fetch: Sequence[str], given: Mapping[str, tf.Tensor], weights: Weights
    ) -> dict[str, tf.Tensor]:
        changed = getattr(self._replaced, "gradients", None)
        if changed is None:
            part = self.cached(("part", tuple(fetch), tuple(given)), lambda: self._part(fetch, list(given)))
        else:
            part = self._importer(fetch, list(given), changed)
        values = [tf.cast(value, self._tensor(name).dtype) for name, value in given.items()]
        results = dict(zip(fetch, part(list(inputs.values()), values), strict=True))
        return {
            name: tf.cast(tensor, tf.float32) if name in self._outputs else tensor for name, tensor in results.items()
        }

    @contextlib.contextmanager
    def replacing_gradients(self, gradients: Mapping[str, str]) -> Iterator[None]:
        """While open, operations that `run` builds in the current graph have other gradients, see `Model`."""
        before = getattr(self._replaced, "gradients", None)
        self._replaced.gradients = {} if is_plain() else gradients
        try:
            yield
        finally:
            self._replaced.gradients = before

    def _part(self, fetch: Sequence[str], given: Sequence[str]) -> Any:
        """Return a compiled function (inputs, given values) -> fetched tensors, holding only the nodes that this needs.

        It has to be a function: a tape does not see imported operations, but it does see the call.
        """
        part = self._importer(fetch, given, {})
        specs = [self._open_batch(self._tensor(name)) for name in given]
        return tf.function(part, autograph=False).get_concrete_function(list((self._specs or {}).values()), specs)

    def _importer(self, fetch: Sequence[str], given: Sequence[str], gradients: Mapping[str, str]) -> Callable[..., Any]:
        """Return a function (inputs, given values) -> fetched tensors that imports what this needs."""
        places = {name: self._tensor(name).name for name in {*fetch, *given}}
        fed = [places[name] for name in given]
        for name in given:
            behind = self._nodes_for([places[name]], ())
            for end in set(fetch) & set(self._roots):
                if places[end] not in fed and self._roots[end] & set(behind):
                    raise no_way_to_logits(name)
        nodes = self._nodes_for([places[name] for name in fetch], fed)
        self._check_fed(fetch, nodes)
        needed = tf.compat.v1.GraphDef(
            versions=self._graph_def.versions, library=self._graph_def.library, node=nodes.values()
        )
        for node in needed.node:  # not in loops and branches: their functions are shared by name with other graphs
            if node.op in gradients:
                node.attr[GRADIENT_ATTRIBUTE].s = gradients[node.op].encode()
        edges = _edges(needed)

        def part(inputs: list[tf.Tensor], values: list[tf.Tensor]) -> list[tf.Tensor]:
            known = {**self._resources, **self._weights, **dict(zip(self._feeds.values(), inputs, strict=True))}
            replaced = dict(zip(fed, values, strict=True))
            known |= replaced
            wanted = [places[name] for name in fetch]
            imported = tf.graph_util.import_graph_def(
                needed,
                input_map={edge: tf.identity(value) for edge, value in known.items() if edge in edges},
                return_elements=[tensor for tensor in wanted if tensor not in replaced],
                name="network",
            )
            rest = iter(imported)
            return [replaced[tensor] if tensor in replaced else next(rest) for tensor in wanted]

        return part

    def _check_fed(self, wanted: Iterable[str], nodes: Mapping[str, Any]) -> None:
        unfed = [name for name, node in nodes.items() if node.op == "Placeholder"]
        if unfed:
            raise ValueError(
                f"{list(wanted)} of {self.name!r} depend on {unfed} besides input={list(self._feeds.values())}: choose "
                "a tensor through which everything passes"
            )

    def _nodes_for(self, tensors: Sequence[str], given: Sequence[str]) -> dict[str, Any]:
        """Return name -> node of all that computes `tensors` from what is fed, given or shared."""
        stop = {*self._feeds.values(), *self._resources, *self._weights, *given}
        nodes = dict(self._nodes)
        for chain in self._chains:
            if chain.inner.isdisjoint([*tensors, *given, *self._feeds.values()]):
                nodes |= chain.nodes
        found: dict[str, Any] = {}
        stack = [name.split(":")[0] for name in tensors if name not in stop]
        while stack:
            name = stack.pop()
            if name not in found:
                found[name] = nodes[name]
                edges = [_edge(item) for item in nodes[name].input]
                stack += [edge.split(":")[0] for edge in edges if edge not in stop]
        return found


def _choose_feeds(function: Any, graph: tf.Graph, input: str | None) -> dict[str, tf.Tensor]:
    """Return input name -> tensor of the frozen graph that images are fed to."""
    if input is None:
        places = {tensor.op.name: tensor.name for tensor in function.inputs}
        feeds = {
            name: graph.get_tensor_by_name(places.get(spec.name, f"{name}:0"))
            for name, spec in sorted(function.structured_input_signature[1].items())
        }
    else:
        try:
            feeds = {"images": graph.get_tensor_by_name(input if ":" in input else f"{input}:0")}
        except (KeyError, ValueError) as error:
            raise ValueError(f"no tensor {input!r} in the graph; {_pictures(graph)}") from error
    for name, tensor in feeds.items():
        if not (tensor.dtype.is_floating or tensor.dtype.is_integer):
            raise ValueError(f"input {name!r} takes {tensor.dtype.name}, not numbers; {_pictures(graph)}")
    return feeds


def _pictures(graph: tf.Graph) -> str:
    """Return a hint that names tensors which look like decoded pictures."""
    tensors = (tensor for operation in graph.get_operations() for tensor in operation.outputs)
    like = [
        t.name
        for t in tensors
        if t.dtype.is_floating and t.shape.rank == 4 and t.shape[-1] in (1, 3) and t.op.type != "Const"
    ]
    return f"with input= name the tensor that holds pictures [N,H,W,C], perhaps one of {like[:6]}"


def _input_spec(tensor: tf.Tensor, any_batch: bool) -> tf.TensorSpec:
    shape = [None, *tensor.shape[1:]] if any_batch and tensor.shape.rank else tensor.shape
    return tf.TensorSpec(shape, tensor.dtype)


def _fixed_batch(specs: Iterable[tf.TensorSpec], output: tf.Tensor) -> int | None:
    """Return the only number of images that a graph takes; None if its inputs differ in it, or any number may do."""
    sizes = {spec.shape[0] for spec in specs if spec.shape.rank} - {None}
    if not sizes and output.shape.rank:
        sizes = {output.shape[0]} - {None}
    return sizes.pop() if len(sizes) == 1 else None


def _survey(
    graph_def: Any, feeds: dict[str, tf.TensorSpec], weights: dict[str, tf.Tensor]
) -> tuple[tf.Graph, list[tf.Tensor]]:
    """Return a graph to look names and shapes up in, and its inputs."""
    edges = _edges(graph_def)
    with tf.Graph().as_default() as graph:
        fed = [tf.compat.v1.placeholder(spec.dtype, spec.shape, "fed") for spec in feeds.values()]
        shared = {
            name: tf.compat.v1.placeholder(weight.dtype, weight.shape, "shared") for name, weight in weights.items()
        }
        known = {**shared, **dict(zip(feeds, fed, strict=True))}
        tf.graph_util.import_graph_def(
            graph_def, input_map={name: tensor for name, tensor in known.items() if name in edges}, name=""
        )
    return graph, fed


def _take_weights(graph_def: Any) -> dict[str, tf.Tensor]:
    """Take the large constants out of a graph, return tensor name -> value."""
    large, rest = {}, []
    for node in graph_def.node:
        proto = node.attr["value"].tensor if node.op == "Const" else None
        if proto is not None and tf.as_dtype(proto.dtype).is_floating:
            value = tf.make_ndarray(proto)
            if value.size >= _SHARED_FROM:
                large[f"{node.name}:0"] = tf.constant(value)
                continue
        rest.append(node)
    rest = copy.deepcopy(rest)  # they live in the list that is emptied now
    del graph_def.node[:]
    graph_def.node.extend(rest)
    return large


def _edge(item: str) -> str:
    """Return "node:0" for the name of an input in a node definition ("node", "node:0" or "^node")."""
    item = item.removeprefix("^")
    return item if ":" in item else f"{item}:0"


def _edges(graph_def: Any) -> set[str]:
    return {_edge(item) for node in graph_def.node for item in node.input}


def _digest(graph_def: Any) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for node in sorted(graph_def.node, key=lambda node: node.name):
        digest.update(f"{node.op} {node.name} {list(node.input)}".encode())
        if node.op == "Const":
            digest.update(node.attr["value"].tensor.SerializeToString(deterministic=True))
    return digest.hexdigest()


def _first_scale(fed: list[tf.Tensor]) -> float:
    """Return the constant that the network multiplies its input with first, or 1."""
    tensor = fed[0]
    while len(fed) == 1 and len(users := tensor.consumers()) == 1:
        operation = users[0]
        if operation.type in ("Mul", "RealDiv"):
            other = next(item for item in operation.inputs if item is not tensor)
            value = tf.get_static_value(other)
            if value is None or value.size != 1:
                return 1.0
            return abs(float(value)) if operation.type == "Mul" else 1 / abs(float(value))
        if operation.type not in ("Cast", "Identity"):
            return 1.0
        tensor = operation.outputs[0]
    return 1.0
