"""`GraphModel`: a SavedModel or a frozen graph, read by its operations; no Python code of the model is needed."""

import contextlib
import copy
import pathlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import tensorflow as tf

from tf_interp.models.inputs import Preprocess
from tf_interp.models.layer_names import LayerRow
from tf_interp.models.layout import find_channels_first
from tf_interp.models.model import Model, Weights
from tf_interp.models.outputs.ends.logits import find_logits, no_way_to_logits
from tf_interp.models.outputs.output_end import DRAWN, End, describe_end
from tf_interp.models.private import GRADIENT_ATTRIBUTE, is_plain, tell_loops_of_variables
from tf_interp.models.saved_model.frozen_graph import read_frozen_graph
from tf_interp.models.saved_model.graph_folding import Chain, find_chains
from tf_interp.models.saved_model.graph_layers import (
    GraphLayer,
    find_augmentation,
    find_layers,
    name_graph_reads,
    name_outputs,
    note_calls,
    note_loops,
    note_rounding,
)
from tf_interp.models.saved_model.inlining import build_library, reach, split
from tf_interp.models.saved_model.reading import PlainGraph, edges_of, placeholder_spec, read_saved_model, survey
from tf_interp.models.saved_model.running.chance import depends_on_chance
from tf_interp.models.saved_model.running.closed import call_without_gradient, name_closed
from tf_interp.models.saved_model.running.grouped_convolutions import spread_groups
from tf_interp.models.saved_model.running.open_sides import fill_graph_sides
from tf_interp.models.saved_model.variables import changers, fresh_variable, keep_effects


class GraphModel(Model):
    """A SavedModel or a frozen graph: weights as they were saved, inference only.

    Layers are named by their scopes, as far as the graph has some. The name of any operation works too, e.g.
    "StatefulPartitionedCall/net_1/conv_1/Relu", and is listed in `layers` from then on.

    Args:
        path: folder of the SavedModel, or the `.pb` file of a frozen graph.
        preprocess: from images in [0,1] to what the network wants, or None.
        class_names: names by class index, or None.
        input: name of the tensor to feed, where that is not the input of the signature (e.g. the decoded picture).
        signature: name of the signature of a SavedModel; None is "serving_default", or the only one.
        output: of a frozen graph: name of the tensor that comes out; None is the only one at its end.
        trust: True opens a file that does more than compute (reads files, calls Python).

    Raises:
        ValueError: if it is unclear what to read, the file wants trust, or the input is not a number.
    """

    def __init__(
        self,
        path: str | pathlib.Path,
        preprocess: Preprocess | None = None,
        class_names: Sequence[str] | None = None,
        input: str | None = None,
        *,
        signature: str | None = None,
        output: str | None = None,
        trust: bool = False,
    ) -> None:
        path = pathlib.Path(path)
        super().__init__(path.name.removesuffix(".pb"), preprocess, class_names)
        if path.is_dir():
            read = read_saved_model(path, signature, input, trust)
        else:
            read = read_frozen_graph(path, input, output, trust)
        self._chains: list[Chain] = []
        self._replaced = threading.local()  # .gradients, while `replacing_gradients` is open
        self._weights, self._feeds, ends = read.weights, read.inputs, read.outputs
        self._ordered = read.ordered
        fed = self._survey(read)
        self._passed = self._pass_by_augmentation(fed)
        if self._passed:
            fed = self._survey(self._read)
        outputs = [self._graph.get_tensor_by_name(name) for name in ends.values()]
        names = [f"output:{index}" if index else "output" for index in range(len(ends))]
        self._fed = dict(zip(self._feeds, fed, strict=True))
        self._reads = name_graph_reads(self._layers, self._fed)
        self._rounding = note_rounding(self._layers, fed, outputs)
        labels = name_outputs(list(ends), outputs, self._layers)
        both = zip((*ends, *labels), (*names, *names), strict=True)
        self._aliases = {f"output:{label}": name for label, name in both}
        self._labels = dict(zip(names, labels if len(ends) > 1 else names, strict=True))
        self._signed = dict(zip(names, ends, strict=True))
        with self._graph.as_default():
            before = len(self._graph.get_operations())
            logits = [find_logits(tensor) for tensor in outputs]
            self._nodes |= {op.name: op.node_def for op in self._graph.get_operations()[before:]}
        self._raw = dict(zip(names, outputs, strict=True))
        weights = self._read.named_weights
        self._how = {
            name: describe_end(end, found, self._fed, weights)
            for name, end, found in zip(names, outputs, logits, strict=True)
        }
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

    def _survey(self, read: PlainGraph) -> list[tf.Tensor]:
        """Find out shapes and layers of a graph, return its inputs."""
        self._read, self._nodes = read, dict(read.nodes)
        self._graph_def = tf.compat.v1.GraphDef(library=read.library, node=read.nodes.values(), versions=read.versions)
        feeds = {name: placeholder_spec(read.nodes[split(tensor)[0]]) for name, tensor in read.inputs.items()}
        fed: list[tf.Tensor] = []
        for any_batch in (True, False):
            self._any_batch = any_batch
            self._specs = {
                name: tf.TensorSpec(
                    [None, *spec.shape[1:]] if any_batch and spec.shape.rank else spec.shape, spec.dtype
                )
                for name, spec in feeds.items()
            }
            specs = dict(zip(self._feeds.values(), self._specs.values(), strict=True))
            try:
                self._graph, fed = survey(read, self._graph_def, specs)
            except ValueError:
                if not any_batch:
                    raise
                continue
            # a graph saved for one batch size often does not depend on it: inferring the shapes again shows that
            outputs = [self._graph.get_tensor_by_name(name) for name in read.outputs.values()]
            if not any(tensor.shape[:1].is_fully_defined() for tensor in outputs):
                break
        if self._any_batch:
            fill_graph_sides(self._graph, specs, lambda other: survey(read, self._graph_def, other)[0])
        self._layers = find_layers(self._graph, fed, outputs)
        return fed

    def _pass_by_augmentation(self, fed: list[tf.Tensor]) -> list[str]:
        """Let layers that change pictures by chance return what they get, return their names."""
        read = self._read
        if not read.states:
            return []
        weighted = {one for name, (_, users) in read.readers.items() if f"{name}:0" not in read.states for one in users}
        seeds = {name for name, value in read.states.items() if value.dtype.is_integer and value.shape.rank == 1}
        random, counting = (changers(read.nodes, some) for some in (seeds, read.states.keys() - seeds))
        places = find_augmentation(self._layers.values(), fed, random, weighted, counting)
        names = {tensor.name: name for tensor, name in zip(fed, self._feeds.values(), strict=True)}
        for tensor, before in places.items():
            node = read.nodes[split(tensor)[0]]
            node.CopyFrom(tf.compat.v1.NodeDef(name=node.name, op="Identity", input=[names.get(before, before)]))
            node.attr["T"].type = self._graph.get_tensor_by_name(tensor).dtype.as_datatype_enum
        found = [path for path, layer in self._layers.items() if layer.tensor.name in places]
        keep_effects(read.nodes, read.outputs.values(), read.states)
        nodes = reach(read.nodes, read.outputs.values(), read.states)
        states = {name: value for name, value in read.states.items() if changers(nodes, [name])}
        self._read = read._replace(nodes=nodes, states=states)
        return found

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
        closed = name_closed(self._nodes)
        flow = [f"it holds {closed}: no gradient passes that"] if closed else []
        begun = sorted(name.split(":")[0] for name in self._read.states)
        state = [f"it changes variables while it runs, in each run from what was saved: {begun}"] if begun else []
        keys = [
            f"input {label!r} is {key!r} of the dict it took when it was saved"
            for label, key in self._read.keys.items()
        ]
        passed = [f"pictures are not changed by chance: {self._passed} return what they get"] if self._passed else []
        return (
            super().notes
            + keys
            + fixed
            + flow
            + passed
            + state
            + note_calls(self._reads)
            + note_loops(self._layers, self._graph)
        )

    def _own_warnings(self) -> list[str]:
        return [DRAWN] * self.draws + self._rounding

    @property
    def draws(self) -> bool:
        """Whether what it returns is drawn at random, see `Model`."""
        return self.cached("chance", lambda: depends_on_chance(self._read, self._specs or {}, self._run_on))

    def _run_on(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        with tf.init_scope():
            return self._forward(inputs, list(self._outputs), {}, {})

    @property
    def graph_inputs(self) -> Mapping[str, tf.Tensor]:
        """Name of each input -> its tensor in the graph, see `Model`."""
        return self._fed

    @property
    def graphs(self) -> Sequence[tf.Graph]:
        """The graph of the network, see `Model`."""
        return (self._graph,)

    def _fold(self, half: bool = False) -> Model:
        chains = find_chains(self._graph, self._graph_def, self._weights, half)
        if half and all(chain.exact for chain in chains):
            return self.folded
        twin = copy.copy(self)
        twin._functions = {"folded": twin, "folded in half": twin}
        twin._chains = chains
        twin._weights = self._weights | {name: value for chain in twin._chains for name, value in chain.weights.items()}
        return twin if twin._chains else self

    def expect(self, head: str | Mapping[str, str] | None, output: str | None) -> Self:
        """Say what outputs are, see `Model`; numbers are taken as they come out."""
        super().expect(head, output)
        weights = self._read.named_weights
        for name in [name for name in self._outputs if self._keeps_end(name)]:
            self._outputs[name] = self._raw[name]
            self._how[name] = describe_end(self._raw[name], None, self._fed, weights)
            self._roots.pop(name, None)
        return self

    def _ends(self) -> Mapping[str, End]:
        return self._how

    def _output_labels(self) -> dict[str, str]:
        return self._labels

    def _output_calls(self) -> dict[str, tuple[str, ...]]:
        return {path: (*calls, self._signed[path]) for path, calls in super()._output_calls().items()}

    def weight_vectors(self) -> Iterator[Any]:
        """Yield the weights with one axis, see `Model`."""
        small = (node.attr["value"].tensor for node in self._graph_def.node if node.op == "Const")
        yield from (tf.make_ndarray(item) for item in small if _is_vector(item))
        yield from (value.numpy() for value in self._weights.values() if value.shape.rank == 1)

    def digest(self) -> str:
        """Return a short hash of graph and weights: 12 hexadecimal characters, to name caches with."""
        return self._read.digest

    def inspect(self) -> list[LayerRow]:
        """Return one row per entry of `layers`, in the same order, for a table."""
        shapes = self.layers
        rows = [
            LayerRow(name, tensor.op.type, shapes[name], self._parameters(scope), self._reads.get(name))
            for name, (tensor, scope) in self._layers.items()
        ]
        ends = [LayerRow(name, "logits" if end.kind else "output", shapes[name], 0) for name, end in self._how.items()]
        return rows + ends

    def _parameters(self, scope: str) -> int:
        """Return how many numbers the variables hold that the operations of a scope read."""
        variables = self._read.readers.values() if scope else ()
        return sum(size for size, readers in variables if any(name.startswith(f"{scope}/") for name in readers))

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
        fed = list((self._specs or {}).values())
        why = name_closed(self._nodes_for(*([self._tensor(name).name for name in some] for some in (fetch, given))))
        if why is not None:
            return call_without_gradient(part, fed, specs, why)
        return tf.function(part, autograph=False).get_concrete_function(fed, specs)

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
        needed = tf.compat.v1.GraphDef(versions=self._graph_def.versions, node=nodes.values())
        # of each part its own: TensorFlow calls the gradients of loops by their names, whatever is wanted of them
        functions = {function.signature.name: function for function in self._graph_def.library.function}
        needed.library.CopyFrom(build_library(functions, {node.name: node for node in needed.node}))
        spread_groups(needed, self._graph)
        for node in needed.node:  # not in loops and branches: their functions are shared by name with other graphs
            if node.op in gradients:
                node.attr[GRADIENT_ATTRIBUTE].s = gradients[node.op].encode()
        edges = edges_of(needed)

        def part(inputs: list[tf.Tensor], values: list[tf.Tensor]) -> list[tf.Tensor]:
            known = {**self._read.resources, **self._weights, **dict(zip(self._feeds.values(), inputs, strict=True))}
            known |= {name: fresh_variable(value) for name, value in self._read.states.items() if name in edges}
            replaced = dict(zip(fed, values, strict=True))
            known |= replaced
            wanted = [places[name] for name in fetch]
            imported = tf.graph_util.import_graph_def(
                needed,
                input_map={edge: tf.identity(value) for edge, value in known.items() if edge in edges},
                return_elements=[tensor for tensor in wanted if tensor not in replaced],
                name="network",
            )
            tell_loops_of_variables(tf.compat.v1.get_default_graph())
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
        stop = {*self._feeds.values(), *self._read.resources, *self._read.states, *self._weights, *given}
        nodes = dict(self._nodes)
        for chain in self._chains:
            if chain.inner.isdisjoint([*tensors, *given, *self._feeds.values()]):
                nodes |= chain.nodes
        return reach(nodes, tensors, stop)


def _fixed_batch(specs: Iterable[tf.TensorSpec], output: tf.Tensor) -> int | None:
    """Return the only number of images that a graph takes; None if its inputs differ in it, or any number may do."""
    sizes = {spec.shape[0] for spec in specs if spec.shape.rank} - {None}
    if not sizes and output.shape.rank:
        sizes = {output.shape[0]} - {None}
    return sizes.pop() if len(sizes) == 1 else None


def _is_vector(proto: Any) -> bool:
    return len(proto.tensor_shape.dim) == 1 and tf.as_dtype(proto.dtype).is_floating
