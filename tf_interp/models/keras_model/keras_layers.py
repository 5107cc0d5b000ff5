"""The layers of a Keras model: how they are found below it, and what their calls are named."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_interp.models.dependence import NO_NUMBERS, find_before
from tf_interp.models.keras_model.calls import Call, is_symbolic, list_tensors, name_reads
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
from tf_interp.models.layer_names import COUNTS, LayerRow, fill_sides
from tf_interp.models.layout import find_channels_first
from tf_interp.models.outputs.losses import Place
from tf_interp.models.private import list_sublayers

L = keras.layers
_FOR_SHAPES = "the recurrent layer around it calls it once to learn shapes, and computes nothing from that"
ELSEWHERE = (
    "it runs inside a loop, a branch or a tf.function of its own, where its output cannot leave; of a tf.function it "
    "can in what model.export writes"
)


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
    places: dict[str, Place]  # one of `outputs` -> where it stands in what the model returns
    aliases: dict[str, str]  # "output:<name>" -> one of `outputs`
    unreadable: dict[str, str]  # path -> why
    left_out: list[str]  # what is said of outputs that are no tensors
    wrapped: list[str]  # what is said of layers that do more around their `call`
    turned: dict[str, str]  # path -> what shows that its channels come before its positions
    called_on: dict[str, str]  # path of each of several calls -> what it reads
    pairs: tuple[Pair, ...]  # layers with a batch normalization that can be folded into them
    padded: tuple[Padded, ...]  # layers that can do the zero padding before them
    grouped: tuple[Any, ...]  # convolutions in groups, which Keras leaves to XLA

    @property
    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Path of each layer and output -> shape without the batch axis."""
        return {**{path: spot.shape for path, spot in self.spots.items()}, **self.outputs}


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


def fill_open_sides(found: Found, look: Callable[[int], Found | None]) -> Found:
    """Return the same layers, with sides that are not known while the number of pictures is open, but for any of them.

    Args:
        found: as it was found for any number of pictures.
        look: from a number of pictures to what is found for that; None where that cannot be asked.
    """
    if not any(None in shape for shape in found.shapes.values()):
        return found
    try:
        others = [other for count in COUNTS if (other := look(count)) is not None]
    except Exception:  # whatever a user's layer raises
        return found
    known = [other.shapes for other in others]
    filled = {name: fill_sides(shape, [other.get(name, ()) for other in known]) for name, shape in found.shapes.items()}
    spots = {name: spot._replace(shape=filled[name]) for name, spot in found.spots.items()}
    return found._replace(spots=spots, outputs={name: filled[name] for name in found.outputs})


def is_turned(layer: Any) -> bool:
    """Return whether a layer says that channels come before positions; how far that reaches, only a trace shows."""
    norm = isinstance(layer, L.BatchNormalization | L.GroupNormalization) and layer.axis == 1
    return norm or getattr(layer, "data_format", None) == "channels_first"


def list_rows(found: Found) -> list[LayerRow]:
    """Return a row for each layer, for `Model.inspect`."""
    return [
        LayerRow(path, type(spot.layer).__name__, spot.shape, count_parameters(spot.layer), found.called_on.get(path))
        for path, spot in found.spots.items()
    ]


def count_parameters(layer: Any) -> int:
    """Return how many numbers the weights of a layer are."""
    return sum(int(np.prod(weight.shape)) for weight in getattr(layer, "weights", ()))


def name_calls(
    model: Any,
    walked: Sequence[tuple[str, Any]],
    calls: list[Call],
    is_seen: Callable[[Any], bool],
    inputs: Mapping[str, Any],
    result: Any,
) -> Found:
    """Turn the calls of one forward pass into names.

    What has a path of its own has that for a name. Several calls of one path, of one layer or of layers that have the
    same name, are `path@0`, `path@1`, ... in the order in which the user makes them.

    Args:
        model: the model.
        walked: path and layer of each that should have been called.
        calls: the calls.
        is_seen: whether a tensor can be read from outside.
        inputs: name -> tensor.
        result: what the model returned.
    """
    readable, unreadable, called, idle = [], {}, set(), dict[str, str]()
    used = find_before(_list_used(calls), stop=NO_NUMBERS)
    for call in calls:
        called.add(id(call.layer))
        leaves = [(leaf, item) for leaf, item in enumerate(keras.tree.flatten(call.output)) if is_symbolic(item)]
        if not leaves or not all(is_seen(tensor) for _, tensor in leaves):
            unreadable[call.path] = ELSEWHERE if leaves else "it returns no tensor"
        elif call.recurrent and not any(tensor.op in used for _, tensor in leaves):
            idle[call.path] = _FOR_SHAPES  # for dropout of stacked cells, say, or at the first step of a loop
        else:
            readable.append((call, leaves))
    # a recurrent layer calls its cell once outside of its loop too, to see what it returns: that call tells nothing
    readable = [item for item in readable if item[0].path not in unreadable]
    repeats = Counter(call.path for call, _ in readable)
    unreadable = {path: why for path, why in idle.items() if not repeats[path]} | unreadable
    places: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for call, _ in sorted(readable, key=lambda item: item[0].place):
        places[call.path].append(call.place)
    for path, layer in walked:
        if id(layer) not in called and not repeats[path]:
            unreadable[path] = "it is not called in a forward pass, or only in a tf.function that was traced before"
    outputs = list_tensors(result)
    names = [f"output:{index}" if index else "output" for index in range(len(outputs))]
    repeats.update(names)  # these are taken; a layer called "output" becomes "output@0"
    spots: dict[str, Spot] = {}
    tensors: dict[str, tf.Tensor] = {}
    several: dict[str, tuple[int, int]] = {}
    for call, leaves in readable:
        path, layer, number = call[:3]
        name = path if repeats[path] == 1 else f"{path}@{places[path].index(call.place)}"
        for leaf, tensor in leaves:
            own = f"{name}:{leaf}" if leaf else name
            spots[own] = Spot(layer, number, leaf, _shape(tensor))
            if len(places[path]) > 1:
                several[own] = id(layer), number
            if isinstance(tensor, tf.Tensor):
                tensors[own] = tensor
    ends = dict(zip(names, outputs, strict=True))
    named = {(id(spot.layer), spot.call, spot.leaf): name for name, spot in spots.items()}
    reads = name_reads(calls, named, inputs) if several else {}
    keys = [path for path, item in keras.tree.flatten_with_path(result) if is_symbolic(item)]
    known = [*getattr(model, "output_names", ())]
    known = [one if known.count(one) == 1 else "" for one in known]  # one that several have names none
    labels = ["/".join(map(str, path)) for path in keys] if isinstance(result, Mapping) else known
    labels = [label if labels.count(label) == 1 else "" for label in labels]
    return Found(
        spots,
        {name: _shape(tensor) for name, tensor in ends.items()},
        {name: Place(keys[index], "".join(known[index : index + 1])) for index, name in enumerate(names)},
        {f"output:{label}": name for label, name in zip(labels, names, strict=False) if label},
        unreadable,
        [*_say_left_out(result)],
        [*_say_around(spots)],
        find_channels_first(tensors),
        {own: reads[key] for own, key in several.items()},
        tuple(Pair(*found) for found in find_adjacent(calls, is_foldable, is_norm, named, ends)),
        tuple(Padded(*found) for found in find_adjacent(calls, is_padding, is_unpadded, named, ends)),
        tuple({id(call.layer): call.layer for call in calls if is_grouped(call.layer)}.values()),
    )


def _list_used(calls: Sequence[Call]) -> list[tf.Tensor]:
    """Return the tensors that what recurrent layers call must be a part of: what other layers give."""
    if not any(call.recurrent for call in calls):
        return []
    tensors = [item for call in calls if not call.recurrent for item in list_tensors(call.output)]
    return [tensor for tensor in tensors if isinstance(tensor, tf.Tensor)]


def _say_left_out(result: Any) -> Iterator[str]:
    for path, value in keras.tree.flatten_with_path(result):
        if not is_symbolic(value):
            where = "what the network returns" if not path else f"output {'/'.join(map(str, path))!r}"
            yield f"{where} is left out: it is {'None' if value is None else f'{value!r}, no tensor of the network'}"


def _say_around(spots: Mapping[str, Spot]) -> Iterator[str]:
    """Say of which layers something else goes on than what is read: Keras calls `call`, their class wraps that."""
    wrapped: dict[type, list[str]] = defaultdict(list)
    for path, spot in spots.items():
        if not (getattr(type(spot.layer).__call__, "__module__", None) or "").startswith("keras."):
            wrapped[type(spot.layer)].append(repr(path))
    for kind, paths in wrapped.items():
        more = f" and {len(paths) - 4} more" * (len(paths) > 4)
        yield (
            f"{kind.__name__} has a __call__ of its own: of {', '.join(paths[:4])}{more} is read, and replaced, what "
            "its call returns, before what __call__ makes of it; put that into call"
        )


def _shape(tensor: tf.Tensor) -> tuple[int | None, ...]:
    return tuple(tensor.shape[1:]) if len(tensor.shape or ()) else ()
