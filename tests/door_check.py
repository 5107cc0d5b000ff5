"""Every layer of a network through every door, against what Keras itself computes, eagerly and under a plain tape.

The direct computation shares nothing with the product: Keras's own `__call__` is watched on its class while the model
runs eagerly, and one tape gives the derivatives with respect to all that was seen.
"""

import contextlib
import dataclasses
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_interp import open_model

L = keras.layers
ENDS = ("Softmax", "Sigmoid", "LogSoftmax")
DOORS = ("live", "keras", "saved")  # a model, a `.keras` file, a SavedModel


@dataclasses.dataclass
class Fixture:
    """A network, and what it is called on.

    Args:
        model: the Keras model.
        inputs: an array [N,...], or a dict or list of them.
        tolerance: largest relative error; 1e-5 is float32.
        known: one of `DOORS` -> why it is wrong or shut there, today; the benchmark shows such cells and does not count
            them.
        options: for `open_model`, all doors.
        constant: layers that do not see the inputs: a SavedModel has them as constants, so they are not counted.
    """

    model: keras.Model
    inputs: Any
    tolerance: float = 1e-5
    known: dict[str, str] = dataclasses.field(default_factory=dict)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    constant: tuple[str, ...] = ()


@dataclasses.dataclass(eq=False)
class Call:
    """One call of a layer.

    Args:
        path: names of the layers that were being called, joined by "/".
        layer: the layer, or an operation of keras.ops.
        inputs: tensors that came in.
        outputs: tensors that came out.
        loop: whether it is a step of a recurrent layer, which cannot leave its loop, or one time of a distributed one,
            whose inner model has no scope in a SavedModel.
        gradient: of the score with respect to the first output; None where there is none.
    """

    path: str
    layer: Any
    inputs: list[Any]
    outputs: list[Any]
    loop: bool
    gradient: np.ndarray | None = None

    @property
    def leaves_operation(self) -> bool:
        """Whether it computes a floating-point tensor: dropout and identity hand theirs on."""
        same = {id(item) for item in self.inputs}
        return any(item.dtype.is_floating and id(item) not in same for item in self.outputs)


@dataclasses.dataclass
class Direct:
    """What Keras computed: the calls, and the logits [N,...] of each output."""

    calls: list[Call]
    logits: list[np.ndarray]
    inputs: list[np.ndarray | None]  # gradients of the score with respect to them; None of one that is not floating


@dataclasses.dataclass
class Row:
    """What one door gave; errors are relative to the largest number of the array.

    Args:
        activation: largest error of an activation or of logits, and its layer.
        gradient: the same of a gradient of the score.
        found: layers that were found by path.
        layers: layers that leave an operation.
        missing: paths that were not found.
        gradients: how many gradients were compared.
        error: what was raised, or "".
    """

    activation: tuple[float, str] = (0.0, "")
    gradient: tuple[float, str] = (0.0, "")
    found: int = 0
    layers: int = 0
    missing: tuple[str, ...] = ()
    gradients: int = 0
    error: str = ""
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """Share of the layers that were found."""
        return self.found / self.layers if self.layers else 1.0

    def meets(self, tolerance: float) -> bool:
        """Return whether the bars are met."""
        right = max(self.activation[0], self.gradient[0]) <= tolerance
        return not self.error and right and self.gradients > 0 and self.share >= 0.95


def score(logits: Any) -> Any:
    """Return the sum of a class's logit over pictures (and positions): class 1, or the only one."""
    return tf.reduce_sum(tf.cast(logits, tf.float32)[..., min(1, logits.shape[-1] - 1)])


@contextlib.contextmanager
def watched(calls: list[Call]) -> Iterator[None]:
    """While open, eager calls of all Keras layers and operations are appended to `calls`."""
    plain, stack = keras.Operation.__call__, []

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        stack.append(self)
        try:
            output = plain(self, *args, **kwargs)
            leaves = [item for item in keras.tree.flatten(output) if tf.is_tensor(item)]
            if len(stack) > 1 and leaves and not any(tf.is_symbolic_tensor(item) for item in leaves):
                inputs = [item for item in keras.tree.flatten((args, kwargs)) if tf.is_tensor(item)]
                path = "/".join(layer.name for layer in stack[1:])
                loop = any(isinstance(layer, L.RNN | L.TimeDistributed) for layer in stack[:-1])
                calls.append(Call(path, self, inputs, leaves, loop))
            return output
        finally:
            stack.pop()

    keras.Operation.__call__ = call
    try:
        yield
    finally:
        keras.Operation.__call__ = plain


@contextlib.contextmanager
def linear(layers: list[Any]) -> Iterator[None]:
    """While open, layers have no activation."""
    before = [layer.activation for layer in layers]
    try:
        for layer in layers:
            layer.activation = keras.activations.linear
        yield
    finally:
        for layer, activation in zip(layers, before, strict=True):
            layer.activation = activation


def compute(model: keras.Model, inputs: Any) -> Direct:
    """Return what Keras computes eagerly, with the end of the network as logits."""
    inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
    calls: list[Call] = []
    with watched(calls):
        ends = {id(item) for item in keras.tree.flatten(model(inputs, training=False)) if item is not None}
    squash = (keras.activations.softmax, keras.activations.sigmoid)
    last = [call for call in calls if any(id(item) in ends for item in call.outputs)]
    squashing = [call.layer for call in last if getattr(call.layer, "activation", None) in squash]
    again: list[Call] = []
    flat = [item for item in keras.tree.flatten(inputs) if item.dtype.is_floating]
    with linear(squashing), watched(again), tf.GradientTape() as tape:
        tape.watch(flat)
        outputs = [item for item in keras.tree.flatten(model(inputs, training=False)) if item is not None]
        before = {  # a softmax that is an operation or a layer of its own: its input are the logits
            id(call.outputs[0]): call.inputs[0] for call in again if type(call.layer).__name__ in ENDS
        }
        logits = [before.get(id(item), item) for item in outputs]
        total = score(logits[0])
    ends = {id(item) for item in logits} if squashing else set()  # what stands there was probabilities
    pairs = [(call, same.outputs[0]) for call, same in zip(calls, again, strict=True)]
    pairs = [(call, item) for call, item in pairs if item.dtype.is_floating and id(item) not in ends]
    found = tape.gradient(total, [*(item for _, item in pairs), *flat])
    arrays = [None if item is None else np.asarray(_float(tf.convert_to_tensor(item))) for item in found]
    for (call, _), array in zip(pairs, arrays, strict=False):
        call.gradient = array
    own = iter(arrays[len(pairs) :])
    return Direct(
        calls,
        [np.asarray(_float(item)) for item in logits],
        [next(own) if item.dtype.is_floating else None for item in keras.tree.flatten(inputs)],
    )


def compare_with_submodel(model: keras.Model, inputs: Any, direct: Direct) -> float:
    """Return the largest relative difference of the calls that were seen from `keras.Model(inputs, layer.output)`."""
    seen = defaultdict(list)
    for call in direct.calls:
        seen[call.path].append(call)
    layers = [
        layer for layer in model.layers if len(seen.get(layer.name, ())) == 1 and len(seen[layer.name][0].outputs) == 1
    ]
    layers = [item for item in layers if not isinstance(item, keras.Model)]
    if not layers:
        return 0.0
    got = keras.Model(model.input, [layer.output for layer in layers])(inputs, training=False)
    pairs = zip(layers, keras.tree.flatten(got), strict=True)
    return max(relative(item, seen[layer.name][0].outputs[0]) for layer, item in pairs)


def relative(value: Any, wanted: Any) -> float:
    """Return the largest difference, relative to the largest number; infinity for another shape, or NaN."""
    value, wanted = (np.asarray(tf.cast(tf.convert_to_tensor(item), tf.float64)) for item in (value, wanted))
    if value.shape != wanted.shape:
        return float("inf")
    difference = float(np.max(np.abs(value - wanted), initial=0.0))
    scale = float(np.max(np.abs(wanted), initial=0.0))
    error = difference / scale if scale else difference
    return error if np.isfinite(error) else float("inf")


def open_door(fixture: Fixture, door: str, folder: Any) -> Any:
    """Return the opened network."""
    if door == "live":
        return open_model(fixture.model, **fixture.options)
    options = {name: value for name, value in fixture.options.items() if door == "keras" or name != "input"}
    path = folder / ("network.keras" if door == "keras" else "saved")
    if door == "keras":
        fixture.model.save(path)
        # names that Keras makes up are counted from the start, as in another process
        keras.backend.clear_session(free_memory=False)
    else:
        fixture.model.export(path, verbose=False)
    return open_model(path, **options)


def check(fixture: Fixture, door: str, folder: Any, direct: Direct, depths: int = 3) -> Row:
    """Return how a network looks through a door; what is raised is told in the row.

    Args:
        fixture: the network.
        door: one of `DOORS`.
        folder: where files may be written.
        direct: what Keras computes.
        depths: of how many layers gradients are taken.
    """
    row, start = Row(), time.process_time()
    try:
        calls = [call for call in direct.calls if door != "saved" or call.path not in fixture.constant]
        _fill(row, open_door(fixture, door, folder), fixture.inputs, dataclasses.replace(direct, calls=calls), depths)
    except Exception as error:  # whatever it is, it is a finding
        row.error = f"{type(error).__name__}: {error}"
    row.seconds = time.process_time() - start
    return row


def _fill(row: Row, network: Any, inputs: Any, direct: Direct, depths: int) -> None:
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in direct.calls:
        if call.leaves_operation and not call.loop:
            calls[call.path].append(call)
    if network.input_shape is None:
        network.run(inputs, ["output"])  # a network that was never called learns what it is
    names: dict[str, list[str]] = defaultdict(list)
    for name in network.layers:
        if name not in network.outputs:
            names[re.sub(r"@\d+$", "", name)].append(name)
    known = [path for path in calls if path in names]
    wanted = [name for path in known for name in names[path]]
    got = network.run(inputs, [*wanted, *network.outputs])
    layers = {path: made for path, made in calls.items() if isinstance(made[0].layer, keras.Layer)}
    row.layers = sum(map(len, layers.values()))
    row.missing = tuple(path for path in layers if len(names.get(path, ())) < len(layers[path]))
    pairs: dict[str, Call] = {}
    for path in known:
        left = list(calls[path])
        for name in names[path]:
            if left:  # of several calls, whichever comes nearest: their order has a test of its own
                near = min(left, key=lambda call: relative(_float(got[name]), _float(call.outputs[0])))
                left.remove(near)
                pairs[name] = near
    row.found = sum(call.path in layers for call in pairs.values())
    for name, call in pairs.items():
        row.activation = max(row.activation, (relative(_float(got[name]), _float(call.outputs[0])), name))
    for name, logits in zip(network.outputs, direct.logits, strict=True):
        row.activation = max(row.activation, (relative(got[name], logits), name))
    ready = [name for name, call in pairs.items() if call.gradient is not None]
    spread = [ready[int(place)] for place in np.linspace(0, len(ready) - 1, depths + 2)[1:-1]] if ready else []
    for name in dict.fromkeys(spread):
        error = relative(_float(_gradient(network, inputs, {name: got[name]})), pairs[name].gradient)
        row.gradient = max(row.gradient, (error, name))
        row.gradients += 1
    for place, value in enumerate(direct.inputs):
        if value is not None:
            error = relative(_float(_gradient(network, inputs, place)), value)
            row.gradient = max(row.gradient, (error, f"input {place}"))
            row.gradients += 1


def _float(value: Any) -> Any:
    return tf.cast(value, tf.float32)


def _gradient(network: Any, inputs: Any, source: Any) -> Any:
    """Return the gradient of the score with respect to a given activation, or to input number `source`."""
    inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
    given = source if isinstance(source, dict) else {}
    value = next(iter(given.values())) if given else keras.tree.flatten(inputs)[source]
    with tf.GradientTape() as tape:
        tape.watch(value)
        total = score(network.run(inputs, ["output"], given)["output"])
    gradient = tape.gradient(total, value)
    return tf.zeros_like(value) if gradient is None else gradient


def vary(model: keras.Model, seed: int = 0) -> keras.Model:
    """Give normalizations, biases and layer scales values that are not trivial; return the model."""
    rng = np.random.default_rng(seed)
    ranges: dict[str, Callable[[Any], Any]] = {
        "variance": lambda shape: 0.5 + rng.random(shape),
        "gamma": lambda shape: 0.5 + rng.random(shape),
        "mean": lambda shape: rng.normal(0.0, 0.1, shape),
        "beta": lambda shape: rng.normal(0.0, 0.1, shape),
        "bias": lambda shape: rng.normal(0.0, 0.1, shape),
        "lora": lambda shape: rng.normal(0.0, 0.3, shape),
    }
    norms = [layer for layer in model.layers if isinstance(layer, L.Normalization)]
    kept = {id(weight) for layer in norms for weight in layer.weights}  # it computes with a copy of them
    for weight in model.weights:
        for word, make in ranges.items():
            if word in weight.name and id(weight) not in kept and weight.dtype != "int8":
                weight.assign(make(weight.shape))
                break
    return model


def print_row(name: str, door: str, fixture: Fixture, row: Row) -> None:
    """Print one line of the table, and below it what is missing or wrong."""
    verdict = (
        "ok" if row.meets(fixture.tolerance) else f"known: {fixture.known[door]}" if door in fixture.known else "MISS"
    )
    print(
        f"{name:28s} {door:6s} {row.activation[0]:9.1e} {row.gradient[0]:9.1e} {row.gradients:3d} "
        f"{row.found:4d}/{row.layers:<4d} {100 * row.share:5.1f}% {row.seconds:6.1f}s  {verdict}",
        flush=True,
    )
    if row.error:
        print("    " + row.error.replace("\n", "\n    ")[:600])
    if verdict == "MISS" and max(row.activation[0], row.gradient[0]) > fixture.tolerance:
        print(f"    activation of {row.activation[1]!r}, gradient of {row.gradient[1]!r}")
    if row.missing:
        print(f"    not found: {', '.join(row.missing[:8])}{' ...' if len(row.missing) > 8 else ''}")
