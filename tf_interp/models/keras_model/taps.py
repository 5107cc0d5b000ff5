"""Taps: how calls of Keras layers are seen and changed, without touching the layers for good."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

Around = Callable[[Any, functools.partial], Any]
_TAPPING = threading.RLock()  # taps are attributes of the caller's model: one thread at a time


class Call(NamedTuple):
    """One call of a layer while tracing.

    Args:
        path: names of the layers that were being called, joined by "/".
        layer: the layer.
        number: how often it had been called before.
        input: its first argument.
        output: what it returned.
        alone: whether nothing else reads the input.
    """

    path: str
    layer: Any
    number: int
    input: Any
    output: Any
    alone: bool


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

        tapped.is_tap = not is_overridden(layer)  # type: ignore[attr-defined]
        return tapped

    with _TAPPING, contextlib.ExitStack() as undo:
        for layer in layers:
            name = "quantized_call" if getattr(layer, "quantization_mode", None) else "call"
            if name in layer.__dict__:  # a tap of an outer `tapped`, or the user's own: put it back afterwards
                undo.callback(layer.__dict__.__setitem__, name, layer.__dict__[name])
            else:
                undo.callback(layer.__dict__.pop, name)
            layer.__dict__[name] = tap(layer, getattr(layer, name))
        yield


def is_overridden(layer: Any) -> bool:
    """Return whether somebody gave a layer another `call` than its class has; taps, of any thread, do not count.

    Args:
        layer: a Keras layer or operation.
    """
    call = layer.__dict__.get("call")
    return call is not None and not getattr(call, "is_tap", False)


def first_argument(call: functools.partial) -> Any:
    """Return what a layer is called on."""
    return next(iter((*call.args, *call.keywords.values())), None)
