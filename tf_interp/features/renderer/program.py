"""`Program`: the compiled step of all objectives that differ in their numbers only, on one model."""

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.features.input_form import InputForm
from tf_interp.features.objectives.algebra import Objective
from tf_interp.features.param import Param
from tf_interp.features.renderer import input_gradients, silent_units
from tf_interp.features.renderer.optimizers import SGD, Adam
from tf_interp.features.transforms import Geometric, Transform, apply, plan
from tf_interp.models.loss_scale import differentiate
from tf_interp.models.model import Model, Weights
from tf_interp.models.private import FlatCall

_PLANNED = 16  # steps whose transforms are drawn at once


class _Missing(BaseException):
    """The objective asked for a layer that was not fetched. No Exception, so that no objective's own code stops it."""


class _Lookup:
    """What an objective sees, see `objective.Lookup`."""

    def __init__(
        self,
        pictures: Any,
        layers: Mapping[str, Any],
        read_layers: Callable[[Any], Mapping[str, Any]],
        step: Any,
        count: int,
        alpha: bool,
    ) -> None:
        self.step, self.count, self.alpha = step, count, alpha
        self._pictures, self._layers, self._read_layers = pictures, layers, read_layers
        self._others: dict[int, tuple[Any, Mapping[str, Any]]] = {}

    def __call__(self, layer: str, of: Any = None) -> Any:
        if layer == "input":
            return self._pictures if of is None else of
        if layer not in self._layers:
            raise _Missing(layer)
        if of is None:
            return self._layers[layer]
        if id(of) not in self._others:
            self._others[id(of)] = (of, self._read_layers(of))
        return self._others[id(of)][1][layer]

    def each(self, function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
        def split(x: Any) -> Any:
            return tf.reshape(x, tf.concat([[-1, self.count], tf.shape(x)[1:]], 0))

        def one(items: Any) -> Any:
            pictures, layers, mine = items
            pictures.set_shape(self._pictures.shape)
            for key, value in layers.items():
                value.set_shape(self._layers[key].shape)
            lookup = _Lookup(pictures, layers, self._read_layers, self.step, self.count, self.alpha)
            return tf.cast(function(lookup, **mine), tf.float32)

        items = tf.nest.map_structure(split, (self._pictures, dict(self._layers), dict(values)))
        return tf.repeat(tf.map_fn(one, items, fn_output_signature=tf.float32), self.count)


class HeldWeights:
    """The weights of a folded network as they are when they are first read.

    Args:
        model: the network.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._fetch: list[str] | None = None
        self._weights: Weights = {}

    def read(self, fetch: list[str]) -> Weights:
        """Return them.

        Args:
            fetch: the layers for which they are; others than the last time are read anew.
        """
        if fetch != self._fetch:
            self._fetch, self._weights = fetch, self._model.folded_weights(fetch)
        return self._weights


class Canvas:
    """Pictures in the making: variables of our own, which each step changes in place.

    Args:
        variables: float32 arrays, as `Param.variables` made them.
        slots: float32 arrays, as the optimizer made them.
        values: numbers of the objective's terms, as `prepare` gave them.
        weights: of the network.
    """

    def __init__(self, variables: Sequence[Any], slots: Sequence[Any], values: list, weights: HeldWeights) -> None:
        self.variables = [_make_variable(value) for value in variables]
        self.slots = [_make_variable(value) for value in slots]
        self.values, self.weights = values, weights
        self._left: list[tuple[np.ndarray, list[Any]]] = []

    def leave(self, rows: np.ndarray | None) -> None:
        """Keep some pictures as they are now: a copy has them so, whatever steps do to them.

        Args:
            rows: bool [N], or None; pictures that share variables cannot be kept.
        """
        items = [*self.variables, *self.slots]
        if rows is not None and all(item.shape[0] == len(rows) for item in items):
            self._left.append((rows, [item.read_value() for item in items]))

    def copy(self) -> "Canvas":
        """Return the same, to try something on."""
        values = [item.read_value() for item in (*self.variables, *self.slots)]
        for rows, kept in self._left:
            shaped = [rows.reshape(-1, *[1] * (value.shape.rank - 1)) for value in values]
            values = [tf.where(*item) for item in zip(shaped, kept, values, strict=True)]
        count = len(self.variables)
        return Canvas(values[:count], values[count:], self.values, self.weights)

    def arguments(self) -> tuple[list, list, list, list]:
        """Return what a compiled function takes: variables as they are, handles to change them and slots, values."""
        # read here and not in the function: TensorFlow joins operations only where it knows shapes of its inputs
        now = [tf.raw_ops.ReadVariableOp(resource=item.handle, dtype=item.dtype) for item in self.variables]
        return now, [item.handle for item in self.variables], [item.handle for item in self.slots], self.values


def _make_variable(value: Any) -> tf.Variable:
    """Return a variable on one device, though somebody's `strategy.scope()` may be open, which makes one on each."""
    variable = tf.Variable(value, trainable=False)
    return tf.distribute.get_strategy().experimental_local_results(variable)[0]


class Program:
    """Compiled functions for one structure of objective; one for a single picture, one for any number of them.

    Args:
        model: the network.
        objective: one of that structure.
        param: parameterization.
        transforms: in order.
        optimizer: moves the variables.
        shape: (h, w, C) of a picture without alpha.
        size: (height, width) that the network sees.
        count: pictures that belong to one objective.
        form: how the pictures reach the network.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        param: Param,
        transforms: Sequence[Transform | Geometric],
        optimizer: Adam | SGD,
        shape: tuple[int, int, int],
        size: tuple[int, int],
        count: int,
        form: InputForm,
    ) -> None:
        self.model, self.objective, self.param, self.form = model, objective, param, form
        self.transforms, self.optimizer = transforms, optimizer
        self.shape, self.size, self.count = shape, size, count
        self.layer_shapes: dict[str, tuple] = {}  # as seen while tracing
        self._fetch = {layer for term in objective.terms() for layer, *_ in term.needs}
        self._functions: dict[tuple, Any] = {}
        self._steps: dict[tuple, Any] = {}
        self._planned: tuple[tuple[int, int], list[tuple[Any, Any]]] | None = None
        self._gated = self._signed = False
        self._lock = threading.RLock()

    def snapshot(self, canvas: Canvas, done: int) -> tuple[Any, Any]:
        """Return the clean pictures [N,h,w,C] as they are, and their rewards [N], penalties left out.

        Args:
            canvas: the pictures.
            done: steps done so far.
        """
        # a step of a copy: one trace less, and a trace costs more than a hundred steps
        still = tf.eye(3, batch_shape=[len(plan(self.transforms, 0, 0))])
        draw = still, tf.constant([0, done]), _scalar(0.0), _scalar(True)
        _, _, reward, pictures = self._take(canvas.copy(), draw)
        return pictures, reward

    def step(self, canvas: Canvas, done: int, seed: int, rate: float, silent: Any = None) -> tuple[Any, Any, Any]:
        """Take one step.

        Args:
            canvas: the pictures; changed.
            done: steps done so far.
            seed: of the random transforms.
            rate: learning rate.
            silent: bool [N], pictures that get redirected gradients; None is the faster program without.

        Returns:
            `(values, push, rewards)`; values [N] is the objective before the step, push [N,H,W,C] the gradient that
            reaches the network's input, ones if the objective does not ask the network; rewards [N] are the values
            without penalties.
        """
        draw = *self._plan(seed, done), _scalar(float(rate)), _scalar(False)
        return self._take(canvas, draw, silent)[:3]

    @property
    def gated(self) -> bool:
        """Whether a wanted layer ends in a function that falls somewhere, such as SiLU; known once traced."""
        return self._gated

    @property
    def signed(self) -> bool:
        """Whether a wanted layer may well be negative, such as a convolution; known once traced."""
        return self._signed

    def traces(self) -> int:
        """Return how often anything was traced."""
        return sum(function.experimental_get_tracing_count() for function in self._functions.values())

    def _plan(self, seed: int, done: int) -> tuple[Any, Any]:
        """Return `plan` for one step, and seed and step; several are made at once, which takes less time each."""
        key, first = (seed, done // _PLANNED), done // _PLANNED * _PLANNED
        planned = self._planned
        if planned is None or planned[0] != key:
            steps = range(first, first + _PLANNED)
            moves = tf.unstack(np.stack([plan(self.transforms, seed, step) for step in steps]))
            now = tf.unstack(np.array([(seed % 0x7FFFFFFF, step) for step in steps], np.int32))
            planned = self._planned = key, list(zip(moves, now, strict=True))
        return planned[1][done - first]

    def _take(self, canvas: Canvas, draw: tuple, silent: Any = None) -> tuple:
        """Run the compiled step; `draw` is what `_step` takes of it."""
        variables, handles, slots, values = canvas.arguments()
        exact, free = (draw, handles, slots), (variables, values, *(() if silent is None else (silent,)))
        number = len(variables[0])
        name = "step" if silent is None else "redirected", number if self._is_exact(number) else None
        with self._lock:
            compiled, weights = self._compile(name, canvas.weights, exact, free)
        return compiled(weights, *exact, *free)

    def _compile(self, name: tuple, held: HeldWeights, exact: tuple, free: tuple) -> tuple[Any, Weights]:
        """Return the compiled step of a name, and the weights that it takes."""
        while True:
            weights = held.read(sorted(self._fetch))
            key = *name, *weights  # layers may cease to fold, and an objective may ask for further ones
            try:
                if key not in self._steps:
                    self._steps[key] = self._trace(key, weights, exact, free)
                return self._steps[key], weights
            except _Missing as missing:  # found out by asking
                self._fetch.add(missing.args[0])

    def _trace(self, key: tuple, weights: Weights, exact: tuple, free: tuple) -> Any:
        # what is free holds a row for each picture
        specs = *tf.nest.map_structure(tf.TensorSpec.from_tensor, exact), *tf.nest.map_structure(self._free, free)
        signature = tf.nest.map_structure(tf.TensorSpec.from_tensor, weights), *specs
        function = tf.function(self._step, input_signature=signature, autograph=False)
        compiled = FlatCall(function.get_concrete_function())
        self._functions[key] = function
        return compiled

    def _free(self, x: Any) -> tf.TensorSpec:
        exact = tf.TensorSpec.from_tensor(x)
        return exact if self._is_exact(len(x)) else tf.TensorSpec((None, *x.shape[1:]), x.dtype)

    def _is_exact(self, number: int) -> bool:
        # a single picture is compiled for itself: where the number is known, a step takes a twentieth less time
        return self.param.shared or number == 1 or not self.model.takes_any_batch

    def _step(
        self, weights: Weights, draw: tuple, handles: list, slots: list, variables: list, values: list, *silent: Any
    ) -> tuple:
        moves, seed, rate, clean = draw
        done = tf.cast(seed[1], tf.float32)

        def transform(pictures: Any) -> Any:
            return apply(self.transforms, pictures, moves, seed, self.size, clean, self.param.fill)

        pictures = self.param.image(variables, self.shape)
        seen = transform(pictures)
        changed = {**input_gradients.GRADIENTS, **(silent_units.GRADIENTS if silent else {})}
        try:
            layers = self._run(seen, changed, weights)
        except ValueError as error:
            if self.param.alpha and seen.shape[-1] > self.shape[-1]:
                raise ValueError(
                    f"the network takes {self.shape[-1]} channels, without alpha: begin your transforms with "
                    f"CollapseAlpha() ({error})"
                ) from error
            raise

        def read_layers(images: Any) -> Mapping[str, Any]:
            if self.param.alpha and images.shape[-1] == self.shape[-1]:
                images = tf.concat([images, tf.ones_like(images[..., :1])], -1)  # a real picture: all of it is there
            return self._run(transform(images), {}, weights)

        lookup = _Lookup(pictures, layers, read_layers, done, self.count, self.param.alpha)
        value, reward = self._evaluate(lookup, values, pictures)
        loss, sources = -value, [*variables, seen]

        def derive(scale: float) -> list:
            scaled = loss if scale == 1 else scale * loss
            if silent:
                return silent_units.gradients(scaled, sources, silent[0], layers.values())
            return tf.gradients(scaled, sources)

        *gradients, push = differentiate(self.model, derive)
        if not silent:
            self._gated = bool(silent_units.find_gates(layers.values()))
            self._signed = silent_units.any_signed(layers.values())
        if any(gradient is None for gradient in gradients):
            raise ValueError(
                f"the objective {self.objective} does not depend on {self.form.describe()}, so there is nothing to "
                "optimize"
            )
        self.optimizer.update(handles, slots, gradients, rate, done)
        return value, tf.ones_like(seen) if push is None else push, reward, pictures

    def _evaluate(self, lookup: _Lookup, values: list, pictures: Any) -> tuple:
        """Return the objective [N] and the rewards in it [N]."""

        def ask(rewards_only: bool) -> Any:
            value = self.objective.evaluate(lookup, iter(values), rewards_only)
            if value.shape.is_fully_defined() and value.shape == pictures.shape[:1]:
                return value
            return tf.broadcast_to(value, tf.shape(pictures)[:1])

        value = ask(rewards_only=False)
        rewarding = {term.neutral is None for term in self.objective.terms() if not term.constant}
        return value, ask(rewards_only=True) if len(rewarding) == 2 else value

    def _run(self, seen: Any, gradients: Mapping[str, str], weights: Weights) -> dict[str, Any]:
        """Return the layers that the objective needs; `gradients` as in `Model.replacing_gradients`."""
        if not self._fetch:
            return {}
        with self.model.replacing_gradients(gradients):
            got = self.model.run(self.form.feed(seen), sorted(self._fetch), weights=weights)
        layers = {name: _as_grid(value, name) for name, value in got.items()}
        self.layer_shapes.update({name: tuple(value.shape[1:]) for name, value in layers.items()})
        return layers


@functools.lru_cache(64, typed=True)  # 0.0 is not False
def _scalar(value: float | bool) -> Any:
    """Return a constant, kept, since each step needs two."""
    with tf.init_scope():
        return tf.constant(value, tf.bool if isinstance(value, bool) else tf.float32)


def prepare(objectives: Sequence[Objective], count: int) -> list[dict[str, Any]]:
    """Return the numbers of objectives of one structure as tensors.

    Args:
        objectives: of one structure.
        count: pictures per objective.

    Returns:
        For each term of the structure, name -> tensor [len(objectives) * count, ...].
    """
    stacks = []
    for terms in zip(*(item.terms() for item in objectives), strict=True):
        rows = [term.values for term in terms]
        stacks.append({key: tf.constant(np.repeat(np.stack([row[key] for row in rows]), count, 0)) for key in rows[0]})
    return stacks


def _as_grid(a: Any, name: str) -> Any:
    """Return an activation as float32 [N,h,w,C]: dense layers 1 x 1, tokens L x 1, volumes slice below slice."""
    a = tf.cast(a, tf.float32)
    if a.shape.rank == 4:
        return a
    if a.shape.rank is None or a.shape.rank < 2:
        raise ValueError(f"layer {name!r} gives a tensor of shape {a.shape}; expected [N,C], [N,L,C] or [N,h,w,C]")
    if a.shape.rank == 2:
        return tf.expand_dims(tf.expand_dims(a, 1), 1)  # no slice: `redirect` looks for what is behind it
    if a.shape.rank == 3:
        return tf.expand_dims(a, 2)
    return tf.reshape(a, [tf.shape(a)[0], -1, a.shape[-2], a.shape[-1]])
