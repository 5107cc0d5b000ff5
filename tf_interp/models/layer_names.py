"""How layers are listed, and how one is found by its name."""

import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import keras

COUNTS = (2, 3)  # numbers of pictures for which sides are looked up that are open for any number


class LayerRow(NamedTuple):
    """One line of `Model.inspect`.

    Args:
        path: name of the layer, as `Model.layers` has it.
        kind: class of the Keras layer, or type of the operation in a SavedModel.
        shape: shape of its output without the batch axis.
        parameters: how many weights it holds.
        called_on: paths of the layers and inputs that this call reads, of a path with several calls; else None.
    """

    path: str
    kind: str
    shape: tuple[int | None, ...]
    parameters: int
    called_on: str | None = None


def fill_sides(shape: Sequence[int | None], others: Iterable[Sequence[int | None]]) -> tuple[int | None, ...]:
    """Return a shape with its open sides as they are for several numbers of pictures, where these agree.

    A side that is not known while the number of pictures is open often is what is left over ("-1"), and the same for
    each of them.

    Args:
        shape: without the batch axis.
        others: the same for some given numbers of pictures.
    """
    sides = [{side} for side in shape]
    for other in others:
        if len(other) == len(sides):
            sides = [known | {side} for known, side in zip(sides, other, strict=True)]
        else:
            sides = [known | {-1, -2} for known in sides]  # nothing is sure then
    found = [known - {None} for known in sides]
    return tuple(
        next(iter(known)) if side is None and len(known) == 1 else side
        for side, known in zip(shape, found, strict=True)
    )


def tell_open_sides(layers: Mapping[str, Sequence[int | None]], taken: Iterable[Sequence[int | None]]) -> list[str]:
    """Return a sentence on layers whose sides are open though those of the inputs are known.

    Args:
        layers: path -> shape without the batch axis.
        taken: shape of each input, without the batch axis.
    """
    some = [path for path, shape in layers.items() if None in shape]
    if not some or any(None in shape for shape in taken):
        return []
    named = f"{some[:4]}{' and others' if some[4:] else ''}"
    return [f"sides of {named} are not known before it runs (None): they depend on what is seen, or on the batch"]


def check_name(name: Any) -> str:
    """Return what a layer is named by, or say that it is no name, and which one was meant where that is sure.

    Raises:
        TypeError: if it is no string.
    """
    if isinstance(name, str):
        return name
    meant = name.name if isinstance(name, keras.Layer) else str(name) if isinstance(name, pathlib.PurePath) else None
    hint = "" if meant is None else f": write {meant!r}"
    raise TypeError(f"a layer is named by a string, got {name!r} of type {type(name).__name__}{hint}")


def take_names(names: Any, what: str = "layers") -> list[str]:
    """Return the names of several layers, or say that they are no list of names.

    Args:
        names: a list, or whatever else gives names one after the other.
        what: how the argument is called.

    Raises:
        TypeError: if they are one name, or something is no name.
    """
    if isinstance(names, str):
        raise TypeError(f"{what} must be a list of layer names, got the string {names!r}: write [{names!r}]")
    if isinstance(names, bytes) or not isinstance(names, Iterable):
        hint = f": write [{names.name!r}]" if isinstance(names, keras.Layer) else ""
        raise TypeError(f"{what} must be a list of layer names, got {names!r} of type {type(names).__name__}{hint}")
    return [check_name(name) for name in names]


def find_layer(name: str, paths: Sequence[str], inspect: Callable[[], Sequence[LayerRow]]) -> str | None:
    """Return the full path of a layer given by its path or a unique suffix of it; None if there is none.

    Args:
        name: path, or its last parts; without a number it stands for all calls of that path.
        paths: of all layers.
        inspect: lists the layers.

    Raises:
        ValueError: if there are several.
    """
    if name in paths:
        return name
    plain = {path: re.sub(r"@\d+$", "", path) for path in paths}
    matches = [path for path in paths if f"/{path}".endswith(f"/{name}") or f"/{plain[path]}".endswith(f"/{name}")]
    if len(matches) > 1 and len({plain[path] for path in matches}) == 1:
        on = [f"{row.path} on {row.called_on}" for row in inspect() if row.path in matches and row.called_on]
        said = f": {', '.join(on)}" if on else ""
        raise ValueError(f"layer {name!r} is called {len(matches)} times: choose one of {matches}{said}")
    if len(matches) > 1:
        raise ValueError(f"layer name {name!r} is ambiguous, it fits {matches}: write one of them in full")
    return matches[0] if matches else None
