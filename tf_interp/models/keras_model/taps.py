"""Taps: how calls of Keras layers are seen and changed, without touching the layers for good."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

Around = Callable[[Any, functools.partial], Any]
_TAPPING = threading.RLock()  # taps are attributes of the caller's model: one thread at a time


class AllFetched(BaseException):
    """All that is wanted was seen: the rest of the network need not be built. No Exception, so that nobody stops it."""


@contextlib.contextmanager
def tapped(layers: Iterable[Any], around: Around) -> Iterator[None]:
    """While open, a call of a layer in this thread returns `around(layer, call)`, where `call()` is what it would.

    A tap is an instance attribute `call`, which `Operation.__call__` reads; `__call__` itself cannot be set on an
    instance. It goes into `__dict__` directly, so that Keras's attribute tracking does not see it.

    Args:
        layers: Keras layers or operations, each once.
        around: called in place of the layer's `call`, with its arguments bound.
    """
    owner = threading.get_ident()  # another thread may train the same model meanwhile: its calls pass untouched

    def tap(layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        def tapped(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != owner:
                return call(*args, **kwargs)
            return around(layer, functools.partial(call, *args, **kwargs))

        return tapped

    with _TAPPING, contextlib.ExitStack() as undo:
        for layer in layers:
            name = "quantized_call" if getattr(layer, "quantization_mode", None) else "call"
            if name in layer.__dict__:  # a tap of an outer `tapped`, or the user's own: put it back afterwards
                undo.callback(layer.__dict__.__setitem__, name, layer.__dict__[name])
            else:
                undo.callback(layer.__dict__.pop, name)
            before = layer.__dict__.get(name)
            layer.__dict__[name] = tap(layer, getattr(layer, name))
            layer.__dict__[name].over = before
        yield


class Exchange:
    """Layers that compute with other weights than their own, which stay what they are.

    Args:
        spots: path of each layer -> where it is called, with its `layer`.
        weights: path of a layer -> what is to be used in place of what `read_weights` gives for it.
    """

    def __init__(self, spots: Mapping[str, Any], weights: Mapping[str, Sequence[Any]]) -> None:
        own = group_weights(spots)
        self.layers = [spots[path].layer for path in own]
        self._pairs = [pair for path, values in weights.items() for pair in zip(own[path], values, strict=True)]

    def call(self, layer: Any, call: functools.partial) -> Any:
        """Return what a call of one of the layers gives."""
        with keras.StatelessScope(self._pairs):  # all pairs: a layer may use the weights of another one
            return call()


def read_weights(spots: Mapping[str, Any]) -> dict[str, list[tf.Tensor]]:
    """Return path of each layer that has weights of its own -> a copy of them.

    Args:
        spots: path of each layer -> where it is called, with its `layer`.
    """
    return {path: [tf.constant(item.numpy()) for item in own] for path, own in group_weights(spots).items()}


def group_weights(spots: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return path of each layer that has weights of its own -> its variables, each with the innermost that has it.

    Args:
        spots: path of each layer -> where it is called, with its `layer`.
    """
    owners: dict[int, tuple[str, Any]] = {}
    seen: set[int] = set()
    for path in sorted(spots, key=lambda path: path.count("/")):  # what lies inside comes later, and takes over
        layer = spots[path].layer
        if id(layer) not in seen:  # called several times it is one
            owners |= {id(variable): (path, variable) for variable in getattr(layer, "weights", ())}
        seen.add(id(layer))
    grouped: dict[str, list[Any]] = {path: [] for path in spots}
    for path, variable in owners.values():
        grouped[path].append(variable)
    return {path: own for path, own in grouped.items() if own}


def is_overridden(layer: Any) -> bool:
    """Return whether somebody gave a layer another `call` than its class has; taps, of any thread, do not count.

    Args:
        layer: a Keras layer or operation.
    """
    return untapped(layer.__dict__.get("call")) is not None


def untapped(value: Any) -> Any:
    """Return what an attribute of a layer is without taps; None where there was nothing.

    Args:
        value: the attribute.
    """
    while getattr(value, "__name__", "") == "tapped" and hasattr(value, "over"):
        value = value.over
    return value


def first_argument(call: functools.partial) -> Any:
    """Return what a layer is called on."""
    return next(iter((*call.args, *call.keywords.values())), None)
