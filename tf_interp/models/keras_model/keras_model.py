"""`KerasModel`: a live Keras model of any kind, read through taps, or run layer by layer where that is the same."""

import copy
import functools
import pathlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_interp.models.inputs import Preprocess
from tf_interp.models.keras_model.calls import Trace, list_tensors, trace_calls, trace_model
from tf_interp.models.keras_model.changes.kept_state import KeptState, kept_attributes
from tf_interp.models.keras_model.changes.late_weights import LateWeights
from tf_interp.models.keras_model.changes.structure import Structure, say_changes
from tf_interp.models.keras_model.convolution import around_groups, is_grouped
from tf_interp.models.keras_model.folding import Folding, choose_folded, fold_weights
from tf_interp.models.keras_model.input_specs import cannot_call, name_specs, read_inputs, take_types, to_specs
from tf_interp.models.keras_model.keras_layers import (
    ELSEWHERE,
    Found,
    fill_open_sides,
    is_turned,
    list_rows,
    name_calls,
    walk,
)
from tf_interp.models.keras_model.taps import AllFetched, Around, Exchange, read_weights, tapped
from tf_interp.models.keras_model.training_mode import Told, tell_training
from tf_interp.models.keras_model.wiring import Wiring, read_wiring
from tf_interp.models.layer_names import LayerRow
from tf_interp.models.model import Model, Weights
from tf_interp.models.outputs.ends.logits import find_logits, no_way_to_logits
from tf_interp.models.outputs.losses import Loss, read_losses
from tf_interp.models.outputs.output_end import DRAWN, End, check_end, describe_end
from tf_interp.models.private import outside_graphs


class KerasModel(Model):
    """A live Keras model: functional, sequential, subclassed, nested; weights are read when a function runs.

    Layers are found at the first use of `layers`: in the graph that a plain functional model has, otherwise by one
    symbolic trace. They are named by the chain of layers that were being called, e.g. "backbone/block2/conv2". A model
    that was never called needs `input` for that, or a first `run`.

    Args:
        model: the Keras model; it is left as found (no copy, no new nodes, no changed state).
        preprocess: from images in [0,1] to what the model wants, or None.
        class_names: names by class index, or None.
        input: shape of one image (H, W, C), or a sample batch, or a dict or list of these; None takes the model's own.
        file: that it was loaded from, whose weights it should have; or None.

    Raises:
        ValueError: if Keras does not run on TensorFlow.
    """

    def __init__(
        self,
        model: keras.Model,
        preprocess: Preprocess | None = None,
        class_names: Sequence[str] | None = None,
        input: Any = None,
        file: pathlib.Path | None = None,
    ) -> None:
        super().__init__(model.name, preprocess, class_names)
        self._whole, self._half = self, False  # of a folded twin the model it was made of, if half precision is folded
        self._wiring: Wiring | None = None
        self.model, self._input, self._late = model, input, LateWeights(model, file)
        self._structure: Any = None  # how the model takes its inputs: a spec, or a dict or list; None if not known yet
        self._seen: Structure | None = None  # the network when it was looked at last
        self._written, self._said, self._kept = set[tuple[int, str]](), set[str](), KeptState()
        self._revision = 0  # how often the network was changed
        self._read_input()

    def _read_input(self) -> None:
        """Find out how the model takes its inputs, as far as it or the user says."""
        structure, self._guessed = read_inputs(self.model, self._input)
        self._set_structure(structure)

    def refresh(self) -> None:
        """Notice whether the network was changed in place, see `Model`."""
        if self._settled:
            return
        with self._lock:
            if self._whole is not self:
                self._whole.refresh()
                if self._revision != self._whole._revision:
                    self._follow()
            elif self._seen is None or not self._functions:
                self._seen = self._look()
                if self._specs is None:
                    self._read_input()
            elif changes := self._seen.find_changes():
                self._forget(changes)

    def _look(self) -> Structure:
        return Structure([("", self.model), *walk(self.model, "")], self._written)

    def _forget(self, changes: list[str]) -> None:
        """Drop what was learned and compiled of a network that has been changed."""
        say_changes(self.name, changes, self._said)
        self._functions.clear()
        self._kept.forget()
        self._wiring, self._any_batch, self._fixed = None, True, None
        self._revision, known = self._revision + 1, self._structure
        self._read_input()
        self._set_structure(known if self._structure is None else self._structure)  # it may not be built any more
        self._seen = self._look()

    @property
    def layers(self) -> dict[str, tuple]:
        """Path of each layer -> shape of its output without the batch axis, in the order of the calls; and "output"."""
        self.refresh()
        return self._found.shapes

    @property
    def outputs(self) -> tuple[str, ...]:
        """Which entries of `layers` are outputs, see `Model`."""
        return tuple(self._found.outputs)

    @property
    def notes(self) -> list[str]:
        """Plain sentences on what a person should know about this network."""
        return super().notes + self._found.left_out + self._kept.notes + self._late.notes + self._told.notes

    def _own_warnings(self) -> list[str]:
        return self._late.warnings + self._told.warnings + self._found.wrapped + [DRAWN] * self.draws

    @property
    def _told(self) -> Told:
        _ = self._specs and self._found  # which shows what calls write
        return self.cached("training", lambda: tell_training(self.model, self._structure, self._specs, self._kept))

    @property
    def draws(self) -> bool:
        """Whether what it returns is drawn at random, see `Model`."""
        return any(end.drawn for end in self._ends().values())

    def _fold(self, half: bool = False) -> Model:
        if half and all(pair.exact for pair in self._found.pairs):
            return self.folded
        twin = copy.copy(self)
        twin._half = half
        return twin._follow()

    def _follow(self) -> Model:
        """Make a folded twin what the model is now that it was made of."""
        own = {"layers": self._whole._found, "folded": self, "folded in half": self}
        kept = {"_functions": own, "_settled": self._settled, "_half": self._half}
        self.__dict__.update(vars(self._whole) | kept)
        return self

    def folded_weights(self, fetch: Sequence[str]) -> Weights:
        """Return the weights of layers that are folded, see `Model`."""
        if self._whole is self:
            return {}
        pairs, _ = self._choose_folded([self.resolve(name) for name in fetch])
        return {pair.name: [tf.constant(value) for value in fold_weights(pair)] for pair in pairs}

    def _choose_folded(self, fetch: Iterable[str], given: Iterable[str] = ()) -> tuple[Any, Any]:
        found = self._found
        return choose_folded(found.pairs, found.padded, [*found.spots], fetch, given, half=self._half)

    def layer_weights(self) -> Weights:
        """Return the weights of each layer that has any, see `Model`."""
        return read_weights(self._found.spots)

    def _ends(self) -> Mapping[str, End]:
        return self._whole.cached("ends", self._whole._find_ends)

    def _output_labels(self) -> dict[str, str]:
        found = self._found
        labels = {path: label.removeprefix("output:") for label, path in found.aliases.items()}
        return {path: labels.get(path, path) if len(found.outputs) > 1 else path for path in found.outputs}

    def _losses(self) -> Mapping[str, Loss]:
        return read_losses(getattr(self.model, "loss", None) or self._saved_loss, self._found.places)

    def weight_vectors(self) -> Iterator[Any]:
        """Yield the weights with one axis, see `Model`."""
        return (weight.numpy() for weight in self.model.weights if len(weight.shape) == 1)

    def digest(self) -> str:
        """Return a short hash of layers and weights as they are now: 12 hexadecimal characters, to name caches with."""
        _ = self._specs and self._found  # a first call shows what calls write themselves, which does not count
        return self._look().digest(self.model.weights)

    def inspect(self) -> list[LayerRow]:
        """Return one row per entry of `layers`, in the same order, for a table."""
        found = self._found
        return list_rows(found) + [
            LayerRow(path, "logits" if self._ends()[path].kind else "output", shape, 0)
            for path, shape in found.outputs.items()
        ]

    def _channels_first(self, path: str) -> str | None:
        return self._found.turned.get(path)

    def _near(self, name: str) -> str | None:
        found = self._found
        for path, why in found.unreadable.items():
            if path == name or path.endswith("/" + name):
                raise ValueError(f"layer {path!r} cannot be read: {why}")
        return found.aliases.get(name)

    def _learn(self, images: Any) -> None:
        if self._specs is None:
            self._set_structure(to_specs(images, batched=True))
        else:
            structure = take_types(self._structure, images)
            if [spec.dtype for spec in keras.tree.flatten(structure)] != [spec.dtype for spec in self._specs.values()]:
                self._functions.clear()
                self._set_structure(structure)
        self._guessed = False

    def _set_structure(self, structure: Any) -> None:
        self._structure = structure
        self._ordered = not isinstance(structure, Mapping) or [*structure] == sorted(structure)  # as model.inputs
        self._specs = None if structure is None else name_specs(structure)

    @property
    def _found(self) -> Found:
        found = self.cached("layers", lambda: fill_open_sides(self._kept.draws.learn(self._discover), self._look_with))
        if not found.outputs:
            raise ValueError(
                f"{self.name!r} returns no tensor ({'; '.join(found.left_out)}): let its call return what it computes"
            )
        return found

    def _call(self, inputs: Mapping[str, tf.Tensor], layers: Iterable[Any], around: Around) -> Any:
        """Call the model in the current graph, return its outputs; no state of the model changes.

        Calls of some layers are `around(layer, call)`; convolutions in groups are computed by us, and are among them.
        """
        if grouped := self._find_grouped():
            layers, around = around_groups(grouped, layers, around)
        if self._wiring is not None and self._wiring.can_run():
            try:
                with keras.StatelessScope():
                    return self._wiring.run(list(inputs.values()), layers, around)
            except AllFetched:
                return None
        packed = keras.tree.pack_sequence_as(self._structure, list(inputs.values()))
        seen, kept = self._whole._seen, self._kept.kept()
        every = [self.model, *(layer for _, layer in walk(self.model, ""))]
        learn = (lambda: None) if seen is None else seen.learn_written  # what it writes was not changed by somebody
        try:
            with kept_attributes(every, learn), kept, tapped(layers, around), self._kept.stateless(every):
                return self.model(packed, training=False)
        except AllFetched:
            return None
        finally:
            self._whole._seen = self._look() if seen else None

    def _forward(
        self, inputs: dict[str, tf.Tensor], fetch: Sequence[str], given: Mapping[str, tf.Tensor], weights: Weights
    ) -> dict[str, tf.Tensor]:
        if self._whole is not self:
            got = self._read(inputs, fetch, given, folding := Folding(*self._choose_folded(fetch, given), weights))
            if folding.held(got.values()):
                return got
        exchange = Exchange(self._found.spots, weights) if weights and self._whole is self else None
        return self._read(inputs, fetch, given, exchange)

    def _read(
        self,
        inputs: dict[str, tf.Tensor],
        fetch: Sequence[str],
        given: Mapping[str, tf.Tensor],
        folding: Folding | Exchange | None,
    ) -> dict[str, tf.Tensor]:
        found = self._found
        graph = next(iter(inputs.values())).graph
        places: dict[tuple[int, int], dict[int, str]] = defaultdict(dict)
        for name in {*fetch, *given} - set(found.outputs):
            spot = found.spots[name]
            places[id(spot.layer), spot.call][spot.leaf] = name
        layers = [spot.layer for name, spot in found.spots.items() if name in {*fetch, *given}]
        touched = {id(layer): layer for layer in (*layers, *(folding.layers if folding else ()))}
        calls, got, wanted = Counter[int](), dict[str, tf.Tensor](), {*fetch}

        def around(layer: Any, call: functools.partial) -> Any:
            place = places.get((id(layer), calls[id(layer)]), {})
            calls[id(layer)] += 1
            output = folding.call(layer, call) if folding else call()
            leaves = keras.tree.flatten(output)
            for leaf, name in place.items():
                if leaves[leaf].graph is not graph:
                    raise ValueError(f"layer {name!r} cannot be read: {ELSEWHERE}")
                if name in given:
                    leaves[leaf] = tf.cast(given[name], leaves[leaf].dtype)
                got[name] = leaves[leaf]
            if place and wanted <= got.keys():
                raise AllFetched
            return keras.tree.pack_sequence_as(output, leaves) if place else output

        outputs = list_tensors(self._call(inputs, touched.values(), around))
        for name, output in zip(found.outputs, outputs, strict=False):
            if name in fetch:
                stop = [output] if self._keeps_end(name) else [got[path] for path in given]
                logits = find_logits(output, stop)
                if logits is None and given and self._ends()[name].kind:
                    raise no_way_to_logits(next(iter(given)))
                if "ends" in self._whole._functions:
                    check_end(self.name, self._ends()[name], logits)
                got[name] = tf.cast(output if logits is None else logits.tensor, tf.float32)
        if missing := [name for name in fetch if name not in got]:
            raise ValueError(
                f"layer {missing[0]!r} was not called in this forward pass, though it was when layers were listed"
            )
        return got

    def _discover(self) -> Found:
        """Find the layers in the model's own graph, or by tracing it for any number of images, or else for one."""
        if self._specs is None:
            raise ValueError(
                f"{self.name!r} was never called, so its layers are not known yet: open_model(model, input=(height, "
                "width, channels)), or call run(images, [...]) once"
            )
        self._fixed = self._find_fixed()
        self._any_batch = self._fixed is None
        wiring = read_wiring(self.model)
        if (
            wiring is not None
            and wiring.fits([tuple(spec.shape[1:]) for spec in self._specs.values()])
            and not any(is_turned(layer) for _, layer in walk(self.model, ""))
        ):
            self._wiring = wiring
            calls, output = wiring.list_calls()
            inputs = dict(zip(self._specs, wiring.inputs, strict=True))
            return name_calls(self.model, [], calls, lambda tensor: True, inputs, output)
        with outside_graphs():  # we may be inside somebody's tf.function
            try:
                return self._trace_layers(self._fixed)
            except Exception as error:  # whatever a user's layer raises
                try:
                    found = self._trace_layers(1)
                except Exception:
                    raise cannot_call(self.name, self._structure, error) from error
                self._any_batch = False
                return found

    def _find_fixed(self) -> int | None:
        """Return the number of images that the inputs name, if the network's outputs do not follow another one."""
        sizes = {tensor.shape[0] for tensor in getattr(self.model, "inputs", None) or []} - {None}
        if len(sizes) != 1:
            return None
        try:
            outputs = list_tensors(self._trace(None).output)
        except Exception:  # whatever a user's layer raises
            return sizes.pop()
        return None if all(tensor.shape[:1] in ([], [None]) for tensor in outputs) else sizes.pop()

    def _find_grouped(self) -> list[Any]:
        found = self._functions.get("layers")  # not yet while they are being listed
        layers = (layer for _, layer in walk(self.model, "")) if found is None else found.grouped
        return [layer for layer in layers if is_grouped(layer)]

    def _find_ends(self) -> Mapping[str, End]:
        """Return how each output ends, which only a trace shows."""
        with (traced := self._trace_all()).graph.as_default():
            return {
                name: describe_end(output, None if self._keeps_end(name) else find_logits(output), traced.inputs)
                for name, output in zip(self._found.outputs, list_tensors(traced.output), strict=True)
            }

    @property
    def graph_inputs(self) -> Mapping[str, tf.Tensor]:
        """Name of each input -> its tensor in a graph, see `Model`."""
        return self._trace_all().inputs

    def _trace_all(self) -> Trace:
        return self._trace(None if self.takes_any_batch else self._fixed or 1)

    def _trace(
        self, batch: int | None, layers: Iterable[Any] = (), around: Around = lambda layer, call: call(), *begin: Any
    ) -> Trace:
        known = (self._specs or {}).items()
        specs = {name: tf.TensorSpec([batch, *spec.shape[1:]], spec.dtype) for name, spec in known}
        with outside_graphs():
            return trace_model(specs, lambda inputs: self._call(inputs, layers, around), *begin)

    def _look_with(self, count: int) -> Found | None:
        """Return what is found for some number of images; None where sides are open, or that number is no choice."""
        known = self._any_batch and all(spec.shape[1:].is_fully_defined() for spec in (self._specs or {}).values())
        with outside_graphs():
            return self._trace_layers(count) if known else None

    def _trace_layers(self, batch: int | None) -> Found:
        walked = [*walk(self.model, "")]
        if not all(getattr(layer, "built", True) for layer in (self.model, *(layer for _, layer in walked))):
            self._trace(batch)  # builds it, which may add layers
            walked = [*walk(self.model, "")]
        trace = functools.partial(self._trace, batch)
        traced, calls = trace_calls(self.model, [layer for _, layer in walked], trace)
        self._late.check(traced.graph.variables)
        self._kept.learn(traced.graph)
        return name_calls(self.model, walked, calls, lambda tensor: tensor.graph is traced.graph, *traced[1:])
