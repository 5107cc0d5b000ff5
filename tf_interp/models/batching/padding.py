"""Which positions of a sequence the network itself leaves out: its masks, found in the graph whatever the door."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.models.batching.mask_sense import read_sense
from tf_interp.models.dependence import find_before, find_behind
from tf_interp.models.inputs import name_inputs

# what makes a mask of an input: Embedding(mask_zero=True), Masking, and masks that are an input themselves
_STEPS = ("NotEqual", "Equal", "Greater", "GreaterEqual", "Any", "Cast", "Identity")

_LEAST = {"Greater": (-1, 0), "GreaterEqual": (0, 1)}  # padding is 0 or -1; other sizes tell kinds of tokens apart


def find_padding(model: Any, images: Any) -> dict[int, np.ndarray]:
    """Return number of positions -> bool [N,T], True where the masks that the network uses leave a position out.

    A mask that nothing reads, such as that of an embedding before a convolution, leaves nothing out. Of several masks
    of one length a position is padding where all of them leave it out.

    Args:
        model: the network.
        images: what it is given: an array [N,...], or a dict of them.
    """
    read = _look_up(model)
    if read is None:
        return {}
    given = images if model.preprocess is None else model.preprocess(images)
    padding: dict[int, np.ndarray] = {}
    for left_out in read(name_inputs(given, list(model.input_specs), True)):
        length = left_out.shape[1]
        padding[length] = padding.get(length, True) & left_out
    return {length: found for length, found in padding.items() if found.any() and not found.all()}


def find_kept(model: Any, images: Any) -> dict[int, np.ndarray]:
    """Return number of positions -> bool [N,T], True where a position counts in a mean over the positions of its row.

    Of a row that is padding throughout all positions count: there is nothing else to take the mean of. A length without
    padding is left out.

    Args:
        model: the network.
        images: as in `find_padding`, or a list of these, which count as one.
    """
    blocks = images if isinstance(images, list) else [images]
    if _look_up(model) is None:
        return {}
    found = [find_padding(model, block) for block in blocks]
    sizes = [len(next(iter(block.values())) if isinstance(block, Mapping) else block) for block in blocks]
    kept = {}
    for length in sorted({length for padding in found for length in padding}):
        parts = zip(found, sizes, strict=True)
        left_out = np.concatenate([item.get(length, np.zeros((size, length), bool)) for item, size in parts])
        kept[length] = ~left_out | left_out.all(1, keepdims=True)
    return kept


def tell_means(model: Any, images: Any, paths: Iterable[str]) -> Iterator[str]:
    """Yield what a person should know of means over positions where some are padding.

    Args:
        model: the network.
        images: as in `find_kept`.
        paths: of the layers whose means are taken.
    """
    kept = find_kept(model, images)
    layers = {path: model.layers[path] for path in paths if len(model.layers[path]) > 1}
    if not kept or not layers:
        return
    said = say_padding(*count_padding(~item for item in kept.values()))
    known = [path for path, shape in layers.items() if len(shape) == 2 and shape[0] in (None, *kept)]
    if known:
        yield f"{said}: they do not count in means over the positions of {', '.join(known)}"
    if other := [path for path in layers if path not in known]:
        yield f"{said}, but {', '.join(other)} has other positions: all of them count"


def _find_masks(tensor: tf.Tensor, behind: Collection[tf.Operation]) -> Iterator[tuple[tf.Tensor, bool]]:
    """Yield the masks [N,T] that are made of an input alone and leave positions out, and whether they say which stay.

    Args:
        tensor: the input.
        behind: the operations that depend on any input.
    """
    if tensor.shape.rank not in (2, 3):
        return
    # vectors [N,D] of numbers that are compared with something are no tokens
    taken = _STEPS if tensor.shape.rank == 3 or tensor.dtype.is_integer else ("NotEqual", "Identity")
    own, stack, seen = find_behind([tensor]), [tensor], set[str]()
    while stack:
        value = stack.pop()
        users = {user.name: user for user in value.consumers() if user.name not in seen}
        seen |= {*users}
        steps = [
            user
            for user in users.values()
            if user.type in taken
            and _is_step(user)
            and sum(item.op in own or item is tensor for item in user.inputs) == 1
            and (user.type != "Any" or value.dtype == tf.bool)
        ]
        sense = read_sense(value, behind) if value.dtype == tf.bool and value.shape.rank == 2 else 0
        if sense:
            yield value, sense > 0
        stack += [output for user in steps for output in user.outputs if value is tensor or output.dtype == tf.bool]


def _is_step(operation: tf.Operation) -> bool:
    """Return whether an operation may make a mask of tokens: only padding is told from all others by its size."""
    if operation.type not in _LEAST:
        return True
    value = tf.get_static_value(operation.inputs[1])
    return value is None or (all(value.ravel() == value.flat[0]) and value.flat[0] in _LEAST[operation.type])


def count_padding(left_out: Iterable[np.ndarray]) -> tuple[int, int]:
    """Return how many positions are True in arrays of bools, and how many there are."""
    arrays = [*left_out]
    return sum(map(np.count_nonzero, arrays)), sum(map(np.size, arrays))


def say_padding(count: int, total: int) -> str:
    """Return the beginning of a sentence: how many of all positions are padding."""
    return f"{count} of {total} positions are padding by the network's own mask"


def _look_up(model: Any) -> Callable[[Mapping[str, Any]], list[np.ndarray]] | None:
    """Return what `_compile` gives, made once."""
    ranks = [spec.shape.rank for spec in (model.input_specs or {}).values()]
    if not any(rank in (None, 2, 3) for rank in ranks):  # pictures and the like have no masks, and a trace costs
        return None
    found: Callable[[Mapping[str, Any]], list[np.ndarray]] | None = model.cached("padding", lambda: _compile(model))
    return found


def _compile(model: Any) -> Callable[[Mapping[str, Any]], list[np.ndarray]] | None:
    """Return what makes the padding [N,T] of each mask from inputs by name; None where there are no masks."""
    inputs = model.graph_inputs
    behind = find_behind(inputs.values())
    found = [item for tensor in inputs.values() for item in _find_masks(tensor, behind)]
    masks = [mask for mask, _ in found]
    if not found:
        return None
    places = {tensor.op.name: name for name, tensor in inputs.items()}
    nodes = [operation for operation in find_before(masks) if operation.name not in places]
    part = tf.compat.v1.GraphDef(node=[operation.node_def for operation in nodes])
    inner = {item.name for operation in nodes for item in operation.inputs}
    read = inner | {mask.name for mask in masks}  # one may be an input itself
    used = {name: tensor for name, tensor in inputs.items() if tensor.name in read}
    names = [mask.name for mask in masks if mask.op.name not in places]

    def compute(given: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        known = {used[name].name: value for name, value in given.items()}
        made = tf.graph_util.import_graph_def(part, {k: v for k, v in known.items() if k in inner}, names, name="mask")
        known |= dict(zip(names, made, strict=True))
        return [tf.logical_not(known[mask.name]) if stays else known[mask.name] for mask, stays in found]

    types = {name: tensor.dtype for name, tensor in used.items()}
    spec = {name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for name, tensor in used.items()}
    compiled = tf.function(compute, autograph=False).get_concrete_function(spec)

    def run(given: Mapping[str, Any]) -> list[np.ndarray]:
        return [np.asarray(item) for item in compiled({name: tf.cast(given[name], types[name]) for name in types})]

    return run
