"""Which network is looked at: the model that trains, or a part of it (`of=`)."""

import re
from collections.abc import Callable
from typing import Any

import keras

from tf_interp.models.private import list_sublayers

Of = str | Callable[[Any], Any] | None  # a Keras model can be called too


def pick_network(model: Any, of: Of) -> Any:
    """Return the network to look at.

    Args:
        model: the Keras model that is trained.
        of: path of attributes or layer names ("generator", "vae.encoder"), a Keras model, a function of `model`, or
            None for `model` itself.

    Returns:
        A Keras model.

    Raises:
        TypeError: if `of` leads to something that is no Keras model.
        ValueError: if there is no such attribute, or `model` has no `call`; the message lists the networks in it.
    """
    if of is None:
        if isinstance(model, keras.Model) and type(model).call is keras.Model.call:
            raise ValueError(
                f"{type(model).__name__} has no call(), so nothing says what comes out of it: say which network in "
                f"it to look at with InterpCallback(..., of=...); {_list_networks(model)}"
            )
        return model
    if isinstance(of, str):
        found = _follow(model, of)
    elif isinstance(of, keras.Model):
        found = of
    else:
        found = of(model)
    if not isinstance(found, keras.Model):
        hint = ": a layer goes into keras.Sequential([layer])" if isinstance(found, keras.Layer) else ""
        raise TypeError(f"of={of!r} must lead to a Keras model, got {type(found).__name__}{hint}")
    return found


def _follow(model: Any, path: str) -> Any:
    found = model
    for name in re.split(r"[./]", path):
        inner = getattr(found, name, None)
        if inner is None and isinstance(found, keras.Layer):
            named = [layer for layer in list_sublayers(found, recursive=False) if layer.name == name]
            inner = named[0] if len(named) == 1 else None
        if inner is None:
            raise ValueError(f"of={path!r}: {type(found).__name__} has no {name!r}; {_list_networks(model)}")
        found = inner
    return found


def _list_networks(model: Any) -> str:
    found = sorted(_find_networks(model, "", depth=3))
    return f"there are of={', of='.join(map(repr, found))}" if found else "it holds no Keras model"


def _find_networks(model: Any, path: str, depth: int) -> list[str]:
    """Return the paths of the networks in a model: by their attributes, else by their names."""
    named = {layer.name: layer for layer in list_sublayers(model, recursive=False)}
    named |= {name: value for name, value in vars(model).items() if not name.startswith("_")}
    found = {id(value): (name, value) for name, value in named.items() if isinstance(value, keras.Model)}
    paths = []
    for name, value in found.values():
        paths.append(path + name)
        if depth > 1:
            paths += _find_networks(value, f"{path}{name}.", depth - 1)
    return paths
