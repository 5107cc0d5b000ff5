"""`KerasModel`: a live Keras model of any kind, read through taps, or run layer by layer where that is the same."""

import copy
import functools
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tf_interp.models.inputs import Preprocess
from tf_interp.models.keras_model.convolution import call_convolution, is_grouped
from tf_interp.models.keras_model.folding import (
    Folding,
    Padded,
    Pair,
    fold_weights,
    is_foldable,
    is_norm,
    is_padding,
    is_unpadded,
)
from tf_interp.models.keras_model.input_specs import name_specs, read_own_input, to_specs
from tf_interp.models.keras_model.keras_layers import ELSEWHERE, Found, is_turned, name_calls, walk
from tf_interp.models.keras_model.taps import Around, Call, first_argument, tapped
from tf_interp.models.keras_model.wiring import Wiring, read_wiring
from tf_interp.models.model import LayerRow, Model, Weights
from tf_interp.models.outputs.logits import End, describe_end, find_logits, no_way_to_logits
from tf_interp.models.outputs.losses import Loss, read_losses

_Two = TypeVar("_Two", Pair, Padded)


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

    Raises:
        ValueError: if Keras does not run on TensorFlow.
    """

    def __init__(
        self,
        model: keras.Model,
        preprocess: Preprocess | None = None,
        class_names: Sequence[str] | None = None,
        input: Any = None,
    ) -> None:
        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                f"Keras runs on {keras.backend.backend()!r}, but gradients are taken by TensorFlow: set the "
                'environment variable KERAS_BACKEND="tensorflow" before keras is imported'
            )
        super().__init__(model.name, preprocess, class_names)
        self.model = model
        self._whole = self  # of the folded twin the model that it was made of
        self._wiring: Wiring | None = None
        self._set_structure(to_specs(read_own_input(model), batched=True))
        if input is not None:
            specs = keras.tree.flatten(to_specs(input, batched=False))
            if self._specs is not None and len(specs) != len(self._specs):
                raise ValueError(
                    f"{model.name!r} takes {len(self._specs)} inputs, {list(self._specs)}; input describes {len(specs)}"
                )
            self._set_structure(
                to_specs(input, batched=False)
                if self._specs is None
                else keras.tree.pack_sequence_as(self._structure, specs)
            )

    @property
    def layers(self) -> dict[str, tuple]:
        """Path of each layer -> shape of its output without the batch axis, in the order of the calls; and "output"."""
        found = self._found
        return {**{path: spot.shape for path, spot in found.spots.items()}, **found.outputs}

    @property
    def outputs(self) -> tuple[str, ...]:
        """Which entries of `layers` are outputs, see `Model`."""
        return tuple(self._found.outputs)

    def _fold(self) -> Model:
        found, twin = self._found, copy.copy(self)
        twin._functions = {"layers": found, "folded": twin}
        return twin

    def folded_weights(self, fetch: Sequence[str]) -> Weights:
        """Return the weights of layers that are folded, see `Model`."""
        if self._whole is self:
            return {}
        pairs = self._pairs([self.resolve(name) for name in fetch], ())
        return {pair.name: [tf.constant(value) for value in fold_weights(pair)] for pair in pairs}

    def _pairs(self, fetch: Iterable[str], given: Iterable[str]) -> list[Pair]:
        """Return the pairs to fold in a run, if they have not become something else since they were found."""
        pairs = self._concern(self._found.pairs, fetch, given)
        return [pair for pair in pairs if is_foldable(pair.layer) and is_norm(pair.norm)]

    def _padded(self, fetch: Iterable[str], given: Iterable[str]) -> list[Padded]:
        """Return the convolutions that are to pad in a run, likewise."""
        padded = self._concern(self._found.padded, fetch, given)
        return [item for item in padded if is_padding(item.pad) and is_unpadded(item.layer)]

    def _concern(self, found: Iterable[_Two], fetch: Iterable[str], given: Iterable[str]) -> list[_Two]:
        """Return what to fold in a run: what is fetched or given stays itself, and so does what comes later."""
        place = {name: number for number, name in enumerate(self._found.spots)}
        last = max((place.get(name, len(place)) for name in fetch), default=0)  # outputs come behind all layers
        own = {*fetch, *given}
        return [
            item
            for item in found
            if item.names.isdisjoint(own) and min(place[name] for name in item.names if name in place) < last
        ]

    def _ends(self) -> Mapping[str, End]:
        return self._whole.cached("ends", self._whole._find_ends)

    def _output_labels(self) -> dict[str, str]:
        found = self._found
        labels = {path: label.removeprefix("output:") for label, path in found.aliases.items()}
        return {path: labels.get(path, path) if len(found.outputs) > 1 else path for path in found.outputs}

    def _losses(self) -> Mapping[str, Loss]:
        return read_losses(getattr(self.model, "loss", None), self._output_labels())

    def _first_scale(self) -> float:
        first = self._found.first
        return float(np.max(np.abs(first.scale))) if isinstance(first, keras.layers.Rescaling) else 1.0

    def digest(self) -> str:
        """Return a short hash of the weights as they are now: 12 hexadecimal characters, to name caches with."""
        digest = hashlib.blake2b(digest_size=6)
        for weight in self.model.weights:
            value = weight.numpy()
            digest.update(f"{value.dtype}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()

    def inspect(self) -> list[LayerRow]:
        """Return one row per entry of `layers`, in the same order, for a table."""
        found = self._found
        rows = [
            LayerRow(path, type(spot.layer).__name__, spot.shape, _count_parameters(spot.layer))
            for path, spot in found.spots.items()
        ]
        return rows + [
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
        self._set_structure(to_specs(images, batched=True))

    def _set_structure(self, structure: Any) -> None:
        """Keep how the model takes its inputs: a spec, or a dict or list of specs; None if not known yet."""
        self._structure = structure
        self._specs = None if structure is None else name_specs(structure)

    @property
    def _found(self) -> Found:
        return self.cached("layers", self._discover)

    def _call(self, inputs: Mapping[str, tf.Tensor], layers: Iterable[Any], around: Around) -> Any:
        """Call the model in the current graph, return its outputs; no state of the model changes.

        Calls of some layers are `around(layer, call)`; convolutions in groups are computed by us, and are among them.
        """
        grouped = {id(layer): layer for layer in self._find_grouped()}
        if grouped:
            layers, plain = {**{id(layer): layer for layer in layers}, **grouped}.values(), around

            def around(layer: Any, call: functools.partial) -> Any:
                own = functools.partial(call_convolution, first_argument(call), layer) if id(layer) in grouped else call
                return plain(layer, own)

        if self._wiring is not None and self._wiring.can_run():
            try:
                with keras.StatelessScope():
                    return self._wiring.run(list(inputs.values()), layers, around)
            except _AllFetched:
                return None
        packed = keras.tree.pack_sequence_as(self._structure, list(inputs.values()))
        try:
            with tapped(layers, around), keras.StatelessScope():
                return self.model(packed, training=False)
        except _AllFetched:
            return None

    def _forward(
        self, inputs: dict[str, tf.Tensor], fetch: Sequence[str], given: Mapping[str, tf.Tensor], weights: Weights
    ) -> dict[str, tf.Tensor]:
        if self._whole is not self:
            folding = Folding(self._pairs(fetch, given), self._padded(fetch, given), weights)
            got = self._read(inputs, fetch, given, folding)
            if folding.held(got.values()):
                return got
        return self._read(inputs, fetch, given, None)

    def _read(
        self,
        inputs: dict[str, tf.Tensor],
        fetch: Sequence[str],
        given: Mapping[str, tf.Tensor],
        folding: Folding | None,
    ) -> dict[str, tf.Tensor]:
        found = self._found
        graph = next(iter(inputs.values())).graph
        places: dict[tuple[int, int], dict[int, str]] = defaultdict(dict)
        for name in {*fetch, *given} - set(found.outputs):
            spot = found.spots[name]
            places[id(spot.layer), spot.call][spot.leaf] = name
        layers = [spot.layer for name, spot in found.spots.items() if name in {*fetch, *given}]
        touched = {id(layer): layer for layer in (*layers, *(folding.layers if folding else ()))}
        calls: Counter[int] = Counter()
        got: dict[str, tf.Tensor] = {}
        wanted = {*fetch}

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
                raise _AllFetched
            return keras.tree.pack_sequence_as(output, leaves) if place else output

        outputs = keras.tree.flatten(self._call(inputs, touched.values(), around))
        for name, output in zip(found.outputs, outputs, strict=False):
            if name in fetch:
                stop = [output] if self._keeps_end(name) else [got[path] for path in given]
                logits = find_logits(output, stop)
                if logits is None and given and self._ends()[name].kind:
                    raise no_way_to_logits(next(iter(given)))
                known = self._whole._functions.get("ends")
                if known is not None and known[name].kind != (logits and logits.kind):
                    raise ValueError(
                        f"{self.name!r} ends otherwise for inputs of this shape than when it was looked at "
                        f"({known[name].how or 'no softmax'}): probabilities would pass for logits"
                    )
                got[name] = tf.cast(output if logits is None else logits.tensor, tf.float32)
        missing = [name for name in fetch if name not in got]
        if missing:
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
        with tf.init_scope():
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
            return name_calls(self.model, {}, calls, lambda tensor: True, output)
        with tf.init_scope():  # we may be inside somebody's tf.function
            try:
                return self._trace_layers(self._fixed)
            except Exception as error:  # whatever a user's layer raises
                try:
                    found = self._trace_layers(1)
                except Exception:
                    shapes = {name: list(spec.shape) for name, spec in self._specs.items()}
                    raise ValueError(
                        f"{self.name!r} could not be called on inputs of shape {shapes}: {error}"
                    ) from error
                self._any_batch = False
                return found

    def _find_fixed(self) -> int | None:
        """Return the number of images that the inputs name, if the network's outputs do not follow another one."""
        sizes = {tensor.shape[0] for tensor in getattr(self.model, "inputs", None) or []} - {None}
        if len(sizes) != 1:
            return None
        try:
            outputs = keras.tree.flatten(self._trace(None, [], lambda layer, call: call())[1])
        except Exception:  # whatever a user's layer raises
            return sizes.pop()
        return None if all(tensor.shape[0] is None for tensor in outputs) else sizes.pop()

    def _find_grouped(self) -> list[Any]:
        found = self._functions.get("layers")  # not yet while they are being listed
        layers = [layer for _, layer in walk(self.model, "")] if found is None else found.grouped
        return [layer for layer in layers if is_grouped(layer)]

    def _find_ends(self) -> Mapping[str, End]:
        """Return how each output ends, which only a trace shows."""
        names = self._found.outputs  # finds out first for how many images the model can be built
        with tf.init_scope():
            batch = None if self._any_batch else self._fixed or 1
            graph, outputs = self._trace(batch, [], lambda layer, call: call())
        with graph.as_default():
            found = zip(names, keras.tree.flatten(outputs), strict=True)
            return {
                name: describe_end(output, None if self._keeps_end(name) else find_logits(output))
                for name, output in found
            }

    def _trace(self, batch: int | None, layers: Iterable[Any], around: Around) -> Any:
        specs = {
            name: tf.TensorSpec([batch, *spec.shape[1:]], spec.dtype) for name, spec in (self._specs or {}).items()
        }
        kept: list[Any] = []

        @tf.function(autograph=False)
        def forward(inputs: dict[str, tf.Tensor]) -> None:
            kept[:] = [inputs, self._call({name: inputs[name] for name in specs}, layers, around)]

        concrete = forward.get_concrete_function(specs)
        return concrete.graph, kept[1]

    def _trace_layers(self, batch: int | None) -> Found:
        walked = dict(walk(self.model, ""))
        if not all(getattr(layer, "built", True) for layer in (self.model, *walked.values())):
            self._trace(batch, [], lambda layer, call: call())  # builds it, which may add layers
            walked = dict(walk(self.model, ""))
        stack: list[str] = []
        calls: list[Call] = []
        users: list[int] = []  # how many operations of a call read its input; 0 if another one had done so before
        counts: Counter[int] = Counter()

        def around(layer: Any, call: functools.partial) -> Any:
            number = counts[id(layer)]
            counts[id(layer)] += 1
            stack.append(layer.name)
            value = first_argument(call)
            alone = tf.is_symbolic_tensor(value) and not value.consumers()
            try:
                output = call()
            finally:
                path = "/".join(stack)
                stack.pop()
            users.append(len(value.consumers()) if alone else 0)
            calls.append(Call(path, layer, number, value, output, False))
            return output

        graph, outputs = self._trace(batch, walked.values(), around)
        calls = [
            call._replace(alone=count > 0 and count == len(call.input.consumers()))
            for call, count in zip(calls, users, strict=True)
        ]
        return name_calls(self.model, walked, calls, lambda tensor: tensor.graph is graph, outputs)


class _AllFetched(BaseException):
    """All that is wanted was seen: the rest of the network need not be built. No Exception, so that nobody stops it."""


def _count_parameters(layer: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in getattr(layer, "weights", ()))
