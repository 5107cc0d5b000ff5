"""The layers of a Keras model: how they are found below it, and what their calls are named."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tf_interp.models.keras_model.convolution import is_grouped
from tf_interp.models.keras_model.folding import (
    Padded,
    Pair,
    find_adjacent,
    is_foldable,
    is_norm,
    is_padding,
    is_unpadded,
)
from tf_interp.models.keras_model.taps import Call
from tf_interp.models.layout import find_channels_first
from tf_interp.models.private import list_sublayers

L = keras.layers
ELSEWHERE = "it runs inside a loop, a branch or a tf.function of its own, where its output cannot leave"


class Spot(NamedTuple):
    """Where a named activation arises: tensor number `leaf` of call number `call` of a layer."""

    layer: Any
    call: int
    leaf: int
    shape: tuple[int | None, ...]


class Found(NamedTuple):
    """What the network's own graph, or one trace of it, showed."""

    spots: dict[str, Spot]
    outputs: dict[str, tuple[int | None, ...]]  # "output", "output:1", ... -> shape of the logits
    aliases: dict[str, str]  # "output:<name>" -> one of `outputs`
    unreadable: dict[str, str]  # path -> why
    turned: dict[str, str]  # path -> what shows that its channels come before its positions
    first: Any  # the innermost layer that was called first
    pairs: tuple[Pair, ...]  # layers with a batch normalization that can be folded into them
    padded: tuple[Padded, ...]  # layers that can do the zero padding before them
    grouped: tuple[Any, ...]  # convolutions in groups, which Keras leaves to XLA


def walk(layer: Any, prefix: str, seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Yield path and object of every layer and operation below `layer`, each object once."""
    seen = {id(layer)} if seen is None else seen
    children = layer.layers if isinstance(layer, keras.Sequential) else []
    if isinstance(layer, keras.Function):  # a functional model: operations that are no layers too
        children = layer.operations
    if isinstance(layer, keras.Layer):
        children = [*children, *list_sublayers(layer, recursive=False)]
    for child in children:
        if id(child) not in seen and not isinstance(child, keras.layers.InputLayer):
            seen.add(id(child))
            yield prefix + child.name, child
            yield from walk(child, f"{prefix}{child.name}/", seen)


def is_turned(layer: Any) -> bool:
    """Return whether a layer says that channels come before positions; how far that reaches, only a trace shows."""
    norm = isinstance(layer, L.BatchNormalization | L.GroupNormalization) and layer.axis == 1
    return norm or getattr(layer, "data_format", None) == "channels_first"


def name_calls(
    model: Any, walked: dict[str, Any], calls: list[Call], is_seen: Callable[[Any], bool], result: Any
) -> Found:
    """Turn the calls of one forward pass into names.

    Args:
        model: the model.
        walked: path -> each layer that should have been called.
        calls: the calls.
        is_seen: whether a tensor can be read from outside.
        result: what the model returned.
    """
    readable, unreadable, called = [], {}, set()
    for path, layer, number, _, output, _ in calls:
        called.add(id(layer))
        leaves = [
            (leaf, tensor)
            for leaf, tensor in enumerate(keras.tree.flatten(output))
            if isinstance(tensor, tf.Tensor | keras.KerasTensor)
        ]
        if leaves and all(is_seen(tensor) for _, tensor in leaves):
            readable.append((path, layer, number, leaves))
        else:
            unreadable[path] = ELSEWHERE if leaves else "it returns no tensor"
    # a recurrent layer calls its cell once outside of its loop too, to see what it returns: that call tells nothing
    readable = [item for item in readable if item[0] not in unreadable]
    repeats = Counter(path for path, *_ in readable)
    for path, layer in walked.items():
        if id(layer) not in called and not repeats[path]:
            unreadable[path] = "it is not called in a forward pass, or only in a tf.function that was traced before"
    outputs = keras.tree.flatten(result)
    names = [f"output:{index}" if index else "output" for index in range(len(outputs))]
    repeats.update(names)  # these are taken; a layer called "output" becomes "output@0"
    numbers: Counter[str] = Counter()
    spots: dict[str, Spot] = {}
    tensors: dict[str, tf.Tensor] = {}
    for path, layer, number, leaves in readable:
        name = path if repeats[path] == 1 else f"{path}@{numbers[path]}"
        numbers[path] += 1
        for leaf, tensor in leaves:
            own = f"{name}:{leaf}" if leaf else name
            spots[own] = Spot(layer, number, leaf, _shape(tensor))
            if isinstance(tensor, tf.Tensor):
                tensors[own] = tensor
    ends = dict(zip(names, outputs, strict=True))
    places = {(id(spot.layer), spot.call, spot.leaf): name for name, spot in spots.items()}
    labels = sorted(result) if isinstance(result, Mapping) else getattr(model, "output_names", ())
    return Found(
        spots,
        {name: _shape(tensor) for name, tensor in ends.items()},
        {f"output:{label}": name for label, name in zip(labels, names, strict=False)},
        unreadable,
        find_channels_first(tensors),
        calls[0].layer if calls else None,
        tuple(Pair(*found) for found in find_adjacent(calls, is_foldable, is_norm, places, ends)),
        tuple(Padded(*found) for found in find_adjacent(calls, is_padding, is_unpadded, places, ends)),
        tuple({id(call.layer): call.layer for call in calls if is_grouped(call.layer)}.values()),
    )


def _shape(tensor: tf.Tensor) -> tuple[int | None, ...]:
    return tuple(tensor.shape[1:]) if len(tensor.shape or ()) else ()
