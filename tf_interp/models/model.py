"""`Model`: the one door to a network. All activations and gradients come through `Model.run`."""

import collections
import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf_interp.models.batching.batch_mixing import Batching
from tf_interp.models.batching.pieces import run_in_pieces
from tf_interp.models.inputs import Preprocess, fit_inputs, from_unit_range, name_list, take_images
from tf_interp.models.layer_names import LayerRow, check_name, find_layer, take_names, tell_open_sides
from tf_interp.models.outputs.half_precision import tell_half_precision
from tf_interp.models.outputs.heads import did_you_mean
from tf_interp.models.outputs.model_outputs import ModelOutputs
from tf_interp.models.private import is_plain, override_gradients
from tf_interp.models.value_range.range_guess import ValueRange
from tf_interp.models.value_range.rounded_inputs import RoundedInputs

Weights = Mapping[str, Sequence[tf.Tensor]]  # name of a layer -> what is to be used in place of its own


class Model(ModelOutputs, ValueRange, RoundedInputs, Batching):
    """A network whose layers can be read and replaced, whatever it was built with.

    `run` is differentiable under `tf.GradientTape` and may be called inside `tf.function`. Two kinds exist:
    `KerasModel` (live weights) and `GraphModel` (a SavedModel, weights as saved). Make one with `open_model`.

    `"output"` always names the logits: where the network ends in a softmax or sigmoid, its input is taken (`notes`
    says so). Of several outputs `"output"` is the first, the others are `"output:1"`, ...; an output that has a name
    answers to `"output:<name>"` too. A layer that is called several times is listed as `path@0`, `path@1`, ..., and so
    are several layers of one name, in the order in which they are called (`inspect` says on what); further tensors of
    a layer that returns several are `path:1`, `path:2`, ...

    Args:
        name: what to call the network in records.
        preprocess: from images in [0,1] to what the network wants; made of TensorFlow or Keras operations. A
            `preprocess_input` of keras.applications is recognized, and gets the 0..255 that it expects.
        class_names: names by class index, or None; for several outputs a dict, label of an output -> names.
    """

    def __init__(
        self, name: str, preprocess: Preprocess | None, class_names: Sequence[str] | Mapping[str, Sequence[str]] | None
    ) -> None:
        self.name = name
        self.preprocess = from_unit_range(preprocess)
        self._set_names(class_names)
        self._functions: dict[Hashable, Any] = {}
        self._lock = threading.RLock()
        self._settled = 0  # calls under way that have looked for changes already
        self._specs: dict[str, tf.TensorSpec] | None = None  # name -> what the network takes; None if not known yet
        self._guessed = False  # whether the types in there are not known for sure
        self._ordered = True  # whether it is known in which order inputs come, so that a list of them can be taken
        self._any_batch = True  # whether the network can be built for a number of images that is not known yet
        self._fixed: int | None = None  # the only number of images that it can be built for, if there is one

    @property
    def layers(self) -> dict[str, tuple]:
        """Path of each layer -> shape of its output without the batch axis, in the order of the calls; and "output"."""
        raise NotImplementedError

    @property
    def outputs(self) -> tuple[str, ...]:
        """Which entries of `layers` are outputs of the network and no layers: "output", "output:1", ...

        A layer may have any name, "output_conv" or "output:1" too: ask here, not the name.
        """
        raise NotImplementedError

    @property
    def notes(self) -> list[str]:
        """Plain sentences on what a person should know about this network ("softmax undone, using logits")."""
        notes = [
            f"softmax or sigmoid undone: {path!r} is its input, the logits"
            if end.exact
            else f"{path!r} ends in {end.how}"
            for path, end in sorted(self._ends().items())
            if end.kind is not None
        ]
        taken = [(None,) if spec.shape.rank is None else spec.shape[1:] for spec in (self._specs or {}).values()]
        notes += self.warnings + self._open_questions() + self._tell_taken() + tell_half_precision(self)
        return notes + tell_open_sides(self.layers, taken)

    @property
    def warnings(self) -> list[str]:
        """Those of `notes` that a person must read before trusting a result, such as a value range that looks wrong."""
        ranges = [line for line in [self.range_guess().warning] if line]
        ranges += self._rounded()
        return self._tell_nan() + self._tell_outputs() + ranges + self._mixed() + self._own_warnings()

    def _own_warnings(self) -> list[str]:
        """Return what must be read of a network of this kind only."""
        return []

    def digest(self) -> str:
        """Return a short hash of the weights as they are now: 12 hexadecimal characters, to name caches with."""
        raise NotImplementedError

    def inspect(self) -> list[LayerRow]:
        """Return one row per entry of `layers`, in the same order, for a table."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Notice whether the network was changed in place; then what was learned and compiled of it is dropped.

        `run`, `layers` and `cached` do so themselves, and a warning says once what was changed. A function that you
        compiled yourself stays what it was. A SavedModel cannot change.
        """

    @contextlib.contextmanager
    def _settle(self) -> Iterator[None]:
        """While open, the network is not looked at again for changes: once is enough for a call."""
        self.refresh()
        with self._lock:
            self._settled += 1
        try:
            yield
        finally:
            with self._lock:
                self._settled -= 1

    def _learn(self, images: Any) -> None:
        """Find out from a first batch (preprocessed) what the network takes, where that was not known before."""

    def _forward(
        self, inputs: dict[str, tf.Tensor], fetch: Sequence[str], given: Mapping[str, tf.Tensor], weights: Weights
    ) -> dict[str, tf.Tensor]:
        """Build the network in the current graph, return path -> tensor for each path of `fetch`."""
        raise NotImplementedError

    def _fold(self, half: bool = False) -> "Model":
        """Return this model with batch normalization folded, in half precision too if `half`."""
        raise NotImplementedError

    def _channels_first(self, path: str) -> str | None:
        """Return what shows that a layer has its channels before its positions, or None."""
        return None

    def _near(self, name: str) -> str | None:
        """Return a path for a name that is not in `layers`, or None; raise ValueError if it says why there is none."""
        return None

    @property
    def input_shape(self) -> Any:
        """Shape of one image as the network takes it, (H, W, C) with None where free; None if not known (yet).

        For a network with several inputs: dict name -> shape.
        """
        if self._specs is None:
            return None
        ranks = {name: spec.shape.rank for name, spec in self._specs.items()}  # a frozen graph may leave them open
        shapes = {name: None if ranks[name] is None else tuple(self._specs[name].shape[1:]) for name in ranks}
        return next(iter(shapes.values())) if len(shapes) == 1 else shapes

    @property
    def input_specs(self) -> Mapping[str, tf.TensorSpec] | None:
        """Name of each input -> shape [N,...] and type that the network takes; None if not known yet."""
        return self._specs

    @property
    def graph_inputs(self) -> Mapping[str, tf.Tensor]:
        """Name of each input -> its tensor in a graph of the network, to see what is made of it."""
        raise NotImplementedError

    @property
    def graphs(self) -> Sequence[tf.Graph]:
        """What `run` calls as a function, so that its operations do not stand in the graph that `run` builds in."""
        return ()

    @property
    def folded(self) -> "Model":
        """The same network, faster: each batch normalization is computed inside the convolution or dense layer before.

        Layers, names, targets and preprocess are the same. Results are equal up to rounding (1e-5 relative in float32).
        In half precision nothing is folded: other roundings of the weights are other sides of a ReLU, other gradients.
        Where a convolution's own output is fetched or given, it stays as it is. What `cached` keeps on the one model is
        not seen by the other. The weights are computed beforehand, by `folded_weights`: hand them to a function that
        you compile, and to `run` in it. `run`, called eagerly, does so itself. A network of which nothing is known
        yet, since it was never called, is its own folded model until then.

        Example:
            >>> import keras
            >>> from tf_interp.models import open_model
            >>> x = keras.Input((8, 8, 3))
            >>> norm = keras.layers.BatchNormalization(name="norm")
            >>> model = open_model(keras.Model(x, norm(keras.layers.Conv2D(4, 3)(x))))
            >>> model.folded.run(tf.zeros((2, 8, 8, 3)), ["norm"])["norm"].shape
            TensorShape([2, 6, 6, 4])
        """
        return self if self._specs is None or is_plain() else self.cached("folded", self._fold)

    @property
    def folded_in_half(self) -> "Model":
        """The same as `folded`, and in half precision too, for what is defined on a folded network."""
        if self._specs is None or is_plain():
            return self
        return self.cached("folded in half", lambda: self._fold(True))

    @contextlib.contextmanager
    def replacing_gradients(self, gradients: Mapping[str, str]) -> Iterator[None]:
        """While open, operations that `run` builds in the current graph have other gradients.

        Take them with `tf.gradients`: a tape does not see it.

        Args:
            gradients: type of an operation -> name that `tf.RegisterGradient` gave the gradient to use.
        """
        with override_gradients(gradients):
            yield

    def folded_weights(self, fetch: Sequence[str]) -> Weights:
        """Return what a `folded` model computes from the weights of the network as they are now, to hand it to `run`.

        Args:
            fetch: what is fetched with them.

        Returns:
            Name of a layer -> its weights with the normalization in them; nothing where `run` reads the network's own.
        """
        return {}

    def layer_weights(self) -> Weights:
        """Return a copy of the weights of each layer that has any, to change them and hand them to `run`.

        Returns:
            Path of a layer -> its weights, in the order of the calls; each weight once.

        Raises:
            ValueError: for a SavedModel, whose weights are part of its graph.
        """
        raise ValueError(
            f"{self.name!r} is a SavedModel, whose weights cannot be exchanged: open the Keras model or a .keras file"
        )

    @tf.autograph.experimental.do_not_convert
    def run(
        self,
        images: Any,
        fetch: Sequence[str],
        given: Mapping[str, Any] | None = None,
        weights: Weights | None = None,
    ) -> dict[str, tf.Tensor]:
        """Run the network on images and return the named activations.

        Inside a `tf.function` the network is built in place, and what is not needed is not computed. Called eagerly it
        goes through a compiled function that is kept per (fetch, given, shape of an image). Then the results are
        outputs of one function: for a derivative with respect to a layer, give that layer.

        Args:
            images: float32 [N,H,W,C] in [0,1]; a dict or list of arrays for a network with several inputs.
            fetch: layer names; "output" is the logits.
            given: layer name -> activation [N,...] to put in its place ("run from the middle"); it takes the layer's
                type. Always together with images, though only their number may matter then.
            weights: what `folded_weights` gave for this `fetch`; None is those of the moment, in a compiled function
                those of the moment when it was traced. Of a Keras model that is not folded what `layer_weights` gave,
                changed: layers compute with these then, and the network keeps its own.

        Returns:
            Name -> tensor [N,...] in the layer's own type, for each name of `fetch`; outputs as float32.

        Raises:
            TypeError: if images are not floats, or `fetch` is a single string.
            ValueError: if a name does not exist (the message lists near ones) or is ambiguous, or a shape does not fit.

        Example:
            >>> import keras
            >>> from tf_interp.models import open_model
            >>> network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv")])
            >>> open_model(network).run(tf.zeros((2, 8, 8, 3)), ["conv"])["conv"].shape
            TensorShape([2, 6, 6, 4])
        """
        names = take_names(fetch, "fetch")
        with self._settle():
            return self._run(images, names, given, weights)

    def _run(
        self, images: Any, fetch: Sequence[str], given: Mapping[str, Any] | None, weights: Weights | None
    ) -> dict[str, tf.Tensor]:
        exact, images = images, take_images(images, None if self._specs is None else list(self._specs.values()))
        if self._specs is None or self._guessed:
            self._learn(self._preprocessed(images))
        self.check_numbers(exact)
        self.remember(images)
        paths = {name: self.resolve(name) for name in fetch}
        taken = [self._take_given(*item) for item in (given or {}).items()]
        values = dict(sorted(taken, key=lambda item: item[0]))
        wanted = tuple(dict.fromkeys(paths.values()))
        if weights is None:
            with tf.init_scope():
                weights = self.folded_weights(wanted)
        if self._fixed is not None and any(v.shape[:1] != [self._fixed] for v in tf.nest.flatten((images, values))):
            got = run_in_pieces(lambda x, some: self.run(x, wanted, some, weights), self._fixed, images, values)
        elif not tf.executing_eagerly():
            got = self._build(images, wanted, values, weights)
        elif tf.config.functions_run_eagerly():
            raise ValueError(
                "networks are read through graphs, but tf.config.run_functions_eagerly(True) is on: switch it off"
            )
        else:
            known = tf.nest.map_structure(tf.TensorSpec.from_tensor, weights)
            spec = *tf.nest.map_structure(self._open_batch, (images, values)), known
            form = tuple(images) if isinstance(images, Mapping) else type(images)
            key = ("run", wanted, form, tuple(values), tuple(weights), tuple(tf.nest.flatten(spec)))
            got = self._call_compiled(self.cached(key, lambda: self._compile(wanted, spec)), images, values, weights)
        return {name: got[path] for name, path in paths.items()}

    def _take_given(self, name: str, value: Any) -> tuple[str, tf.Tensor]:
        """Return path and tensor of a given activation, or say that it does not fit."""
        path = self.resolve(name)
        if path in self.outputs:
            raise ValueError(f"{name!r} cannot be given: it is the end of the network; give a layer")
        value, shape = tf.convert_to_tensor(value), self.layers[path]
        if value.shape.rank == 0 or not value.shape[1:].is_compatible_with(shape):
            raise ValueError(
                f"the activation given for {name!r} has shape {list(value.shape)}, the layer's is {['N', *shape]}"
            )
        return path, value

    def _open_batch(self, value: tf.Tensor) -> tf.TensorSpec:
        shape = [None, *value.shape[1:]] if self._any_batch and value.shape.rank else value.shape
        return tf.TensorSpec(shape, value.dtype)

    def _compile(self, fetch: tuple[str, ...], spec: Any) -> Any:
        # traced here and not at its first call, which TensorFlow would report as retracing of this lambda
        function = tf.function(lambda images, *more: self._build(images, fetch, *more), autograph=False)
        return function.get_concrete_function(*spec)

    def _preprocessed(self, images: Any) -> Any:
        return images if self.preprocess is None else self.preprocess(images)

    def _build(
        self, images: Any, fetch: Sequence[str], given: Mapping[str, tf.Tensor], weights: Weights
    ) -> dict[str, tf.Tensor]:
        """Build preprocessing and network in the current graph."""
        specs = self._specs or {}
        return self._forward(fit_inputs(self._preprocessed(images), specs, self._ordered), fetch, given, weights)

    def name_inputs(self, images: Any) -> Any:
        """Return arrays that are given in a list for several inputs as a dict by name; anything else as it is."""
        return name_list(images, self._specs or {}, self._ordered)

    def resolve(self, name: str, *, channels: bool = False) -> str:
        """Return the full path of a layer given by its path or a unique suffix of it.

        Args:
            name: path, or its last parts, e.g. "conv2" for "backbone/block2/conv2".
            channels: whether the caller takes the last axis for the channels, as all do but `run`: then a layer that
                has them before its positions is refused.

        Returns:
            The path as `layers` has it.

        Raises:
            ValueError: if there is no such layer, or several; the message lists what there is.
        """
        path = self._find_path(name)
        if channels and (why := self._channels_first(path)):
            raise ValueError(
                f"layer {path!r} has its channels before its positions, shape {['N', *self.layers[path]]} ({why}), and "
                'only Model.run reads such layers: build the same network with data_format="channels_last" and give '
                "it these weights (behind a Flatten, the rows of a Dense layer come in another order)"
            )
        return path

    def _find_path(self, name: str) -> str:
        layers = list(self.layers)
        path = find_layer(check_name(name), layers, self.inspect) or self._near(name)
        if path is not None:
            return path
        raise ValueError(f"{self.name!r} has no layer {name!r}; {did_you_mean(name, layers, 'it has')}")

    def cached(self, key: Any, build: Callable[[], Any], *, most: int | None = None) -> Any:
        """Return what `build` made for `key` on this model, building it once.

        This is where compiled `tf.function`s live: one per (purpose, layers, shape), with unit indices as tensors.

        Args:
            key: what the function depends on, besides its arguments.
            build: called without arguments the first time; other threads wait for it.
            most: how many of this kind, the first item of `key`, to keep; what was not used for longest is dropped.
                Needed wherever a user's function is part of the key: each new lambda is another one.

        Returns:
            The cached object.
        """
        self.refresh()
        with self._lock:
            if most is not None:
                kept = self.cached(key[0], collections.OrderedDict)
                if key not in kept:
                    kept[key] = build()
                kept.move_to_end(key)
                while len(kept) > most:
                    kept.popitem(last=False)
                return kept[key]
            if key not in self._functions:
                self._functions[key] = build()
            return self._functions[key]
