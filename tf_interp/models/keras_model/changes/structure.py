"""`Structure`: what the layers of a Keras model are made of, to notice when somebody changes the network in place.

`layer.activation = ...`, `enable_lora`, `quantize`, `Sequential.pop`, another head, a flag that `call` asks: no layer
tells. So the attributes of all layers are remembered and compared: by identity, plain values and small arrays by what
they hold, large ones by some of it. So are those of objects that hold nothing but settings, and of the classes that
somebody wrote for layers, with the code of their methods. Values of weights are no structure, they are read live. What
a call itself writes (a counter, the last attention map) is none either; that is found out at our own calls. A change in
something that no layer holds, such as a global variable, is not seen.
"""

import functools
import hashlib
import itertools
import logging
import operator
import types
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_interp.models.keras_model.taps import untapped
from tf_interp.models.keras_model.wiring import PASSING

_LOG = logging.getLogger("tf_interp")
_COMPARED = 1 << 16  # bytes up to which an array is compared by content
_SAMPLED = 1 << 10  # numbers of a larger array that are compared
_DEPTH = 5  # of containers in containers
_SETTINGS = 200  # attributes that an object may have which holds nothing but settings
_LIBRARIES = {"keras", "tensorflow", "numpy", "builtins"}
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic, tf.DType, tf.TensorShape)
_COUNTS = {"name", "autocast", "_dtype_policy", "_layers", "_supports_masking"}  # of what every layer has
_GRAPH = {  # what a functional model never changes, and what a sequential one makes from its layers
    *("_inputs", "_inputs_struct", "_outputs", "_outputs_struct", "_nodes", "_nodes_by_depth"),
    *("_operations", "_operations_by_depth", "_functional", "output_names"),
}
_FOR_TRAINING = ("_regularizer", "_constraint", "_initializer")
_TRAINING = {  # what only training gives a model
    *("history", "optimizer", "stop_training", "_compile_config", "_compiled_trainable_state", "_eval_epoch_iterator"),
}


class _Part(NamedTuple):
    """A layer as it was."""

    path: str
    layer: Any
    built: bool
    held: dict[str, Any]  # the attributes that count, and what they held


class Structure:
    """The layers of a network as they are now.

    Args:
        layers: path and layer, the network itself first.
        written: (id of a layer, attribute) of what calls write; more is added when that is found out.
    """

    def __init__(self, layers: Iterable[tuple[str, Any]], written: set[tuple[int, str]]) -> None:
        self._written = written
        self._parts: list[_Part] = []
        self._containers: list[Any] = []
        self._arrays: list[np.ndarray] = []
        self._methods: list[Any] = []
        layers = [*layers]
        own = {kind: kind.__name__ for _, layer in layers for kind in type(layer).__mro__ if _is_own(kind)}
        for path, layer in [*layers, *((name, kind) for kind, name in own.items())]:
            counting = dict(self._list(layer))
            for value in counting.values():
                self._note(value, _DEPTH)
            held = {name: _hold(value) for name, value in counting.items()}
            self._parts.append(_Part(path, layer, getattr(layer, "built", True), held))
        self._before = self._look()

    def find_changes(self) -> list[str]:
        """Return what is not as it was, as "path.attribute"; equal values in another object are no change."""
        now, before = self._look(), self._before
        if len(now[0]) == len(before[0]) and all(map(operator.is_, now[0], before[0])) and now[1:] == before[1:]:
            return []
        changed = [
            f"{part.path}.{name.lstrip('_')}".lstrip(".") for part in self._parts for name in self._compare(part)
        ]
        if not changed:  # nothing that counts
            layers = [(part.path, part.layer) for part in self._parts if not isinstance(part.layer, type)]
            self.__init__(layers, self._written)  # type: ignore[misc]
        return changed

    def describe(self) -> str:
        """Return kinds, settings and functions of the layers, the same for the same network in another process."""
        layers = []
        for part in (part for part in self._parts if not isinstance(part.layer, type)):
            spelled = {name: _spell(value) for name, value in self._list(part.layer) if name not in ("name", "_layers")}
            # some switches are there only once a layer was loaded
            kept = sorted((name, value) for name, value in spelled.items() if value is not None and value is not False)
            layers.append((type(part.layer).__name__, kept))
        return repr(layers)

    def digest(self, weights: Iterable[Any]) -> str:
        """Return a short hash of the layers and of these weights, 12 hexadecimal characters."""
        digest = hashlib.blake2b(self.describe().encode(), digest_size=6)
        for value in (np.ascontiguousarray(weight.numpy()) for weight in weights):
            digest.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
        return digest.hexdigest()

    def learn_written(self) -> None:
        """Learn which attributes a call writes: what differs, although only calls have happened since."""
        for part in self._parts:
            if part.built:
                self._written.update((id(part.layer), name) for name in self._compare(part) if name != "_layers")

    def _look(self) -> tuple[list[Any], list[int], list[Any]]:
        """Return all that the layers hold, quickly: hundreds of layers in a fraction of a millisecond."""
        holders = [*(vars(part.layer) for part in self._parts), *self._containers]
        values = (item.values() if isinstance(item, dict | types.MappingProxyType) else item for item in holders)
        inside = [array.tobytes() for array in self._arrays] + [method.__code__ for method in self._methods]
        return [*itertools.chain.from_iterable(values)], [*map(len, holders)], inside

    def _note(self, value: Any, depth: int) -> None:
        """Keep what may be changed in place."""
        if isinstance(value, list | set | dict | tuple) and depth:
            if not isinstance(value, tuple):
                self._containers.append(value)
            for item in value.values() if isinstance(value, dict) else value:
                self._note(item, depth - 1)
        elif isinstance(value, np.ndarray):
            self._arrays.append(_sample(value))
        elif isinstance(value, types.FunctionType):
            self._methods.append(value)
        elif depth and _is_settings(value):
            self._note(vars(value), depth)

    def _list(self, layer: Any) -> Iterator[tuple[str, Any]]:
        """Yield the attributes of a layer, or of a class, that may decide what it computes."""
        if isinstance(layer, type):
            named = [(name, value) for name, value in vars(layer).items() if not name.startswith(("__", "_abc_"))]
            yield from (pair for pair in named if (id(layer), pair[0]) not in self._written)
            return
        base, passing = list_base_names(isinstance(layer, keras.Model)), type(layer) in PASSING
        for name, value in [*vars(layer).items()]:
            if name in base or name.startswith("_self_") or (id(layer), name) in self._written:
                continue
            if name.endswith(_FOR_TRAINING) or (passing and name not in ("name", "call")):
                continue
            if name in ("call", "quantized_call") and (value := untapped(value)) is None:
                continue
            if isinstance(value, keras.KerasTensor) or (isinstance(value, tf.Tensor) and tf.is_symbolic_tensor(value)):
                self._written.add((id(layer), name))
            elif not isinstance(value, keras.Metric | keras.Optimizer):
                yield name, value

    def _compare(self, part: _Part) -> list[str]:
        """Return the attributes in which a layer is not what it was."""
        now = {name: _hold(value) for name, value in self._list(part.layer)}
        held = {name: value for name, value in part.held.items() if (id(part.layer), name) not in self._written}
        # a layer that is built only now was in no call; what is new can have been read from the class only
        changed = [name for name, value in held.items() if name not in now or now[name] != value] if part.built else []
        new = [name for name in now if name not in held]
        return changed + [name for name in new if isinstance(part.layer, type) or hasattr(type(part.layer), name)]


class _Same:
    """An object that is compared by identity, and kept, so that no other one gets its id."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._value is other._value

    __hash__ = None  # type: ignore[assignment]


def _hold(value: Any, depth: int = _DEPTH) -> Any:
    """Return what an attribute holds, to be compared with `==`."""
    if isinstance(value, _PLAIN):
        return type(value), value
    if depth and isinstance(value, dict):
        return [*value], [_hold(item, depth - 1) for item in value.values()]
    if depth and isinstance(value, list | tuple | set):
        return [_hold(item, depth - 1) for item in value]
    if isinstance(value, np.ndarray) or (isinstance(value, tf.Tensor) and not tf.is_symbolic_tensor(value)):
        array = np.asarray(value)
        if array.nbytes <= _COMPARED:
            return array.shape, array.dtype, array.tobytes()
        return _Same(value), _sample(array).tobytes()
    if isinstance(value, types.FunctionType):
        return _Same(value), value.__code__
    if depth and _is_settings(value):
        return _Same(value), _hold(vars(value), depth - 1)
    return _Same(value)


def _sample(array: np.ndarray) -> np.ndarray:
    """Return what of an array is compared, as a part of it: all, or some numbers of a large one."""
    if array.nbytes <= _COMPARED or not array.flags.c_contiguous:
        return array if array.nbytes <= _COMPARED else array[(slice(1),) * array.ndim]
    return array.reshape(-1)[:: array.size // _SAMPLED]


def _is_settings(value: Any) -> bool:
    """Return whether an object of somebody's own class holds plain values and nothing else, as a configuration does."""
    held = getattr(value, "__dict__", None)
    if type(held) is not dict or len(held) > _SETTINGS or callable(value) or isinstance(value, types.ModuleType):
        return False
    return _is_own(type(value)) and all(_is_plain(item) for item in held.values())


def _is_plain(value: Any, depth: int = _DEPTH) -> bool:
    if isinstance(value, list | tuple | dict) and depth:
        return all(_is_plain(item, depth - 1) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, (*_PLAIN, np.ndarray))


def _is_own(kind: type) -> bool:
    """Return whether somebody wrote a class, who may change it."""
    return kind.__module__.split(".")[0] not in _LIBRARIES


def _spell(value: Any) -> Any:
    """Return plain values as they are, functions as their names, and None of anything else."""
    if isinstance(value, list | tuple):
        return [_spell(item) for item in value]
    return value if isinstance(value, bool | int | float | str) else getattr(value, "__qualname__", None)


@functools.cache
def list_base_names(whole: bool) -> frozenset[str]:
    """Return the attributes that every layer, or every model, has: they are about training and bookkeeping."""
    made = keras.Model(name="any") if whole else keras.Layer(name="any")  # with a name: Keras counts those without
    return frozenset(vars(made).keys() - _COUNTS | _GRAPH | (_TRAINING if whole else set()))


def say_changes(network: str, changes: Iterable[str], said: set[str]) -> None:
    """Say what was changed in a network, each change once.

    Args:
        network: what it is called.
        changes: as `Structure.find_changes` returns them.
        said: what was said before; grows.
    """
    new = [change for change in dict.fromkeys(changes) if change not in said]
    said.update(new)
    if new:
        _LOG.warning(
            "%s: the network was changed in place (%s%s), so it is read anew, and what was compiled for it is compiled "
            "again",
            network, ", ".join(new[:6]), ", ..." if len(new) > 6 else "",
        )  # fmt: skip
