"""The masks of a network: what is made of its inputs alone and leaves positions out, found whatever the door."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_interp.models.batching.mask_sense import read_sense
from tf_interp.models.dependence import find_before, find_behind
from tf_interp.models.inputs import name_inputs

# what makes a mask of an input: Embedding(mask_zero=True), Masking, and masks that are an input themselves
_STEPS = ("NotEqual", "Equal", "Greater", "GreaterEqual", "Any", "Cast", "Identity")

_LEAST = {"Greater": (-1, 0), "GreaterEqual": (0, 1)}  # padding is 0 or -1; other sizes tell kinds of tokens apart


class Mask(NamedTuple):
    """What one mask leaves out.

    Args:
        source: name of the input that it is made of.
        left_out: bool [N,T], True at positions that it leaves out.
        kept: what the input has where a position stays, if the mask is that input itself; else None.
    """

    source: str
    left_out: np.ndarray
    kept: int | None = None


class _Found(NamedTuple):
    source: str
    tensor: tf.Tensor
    stays: bool  # whether True says that a position stays
    whole: bool  # whether it is the input itself


def read_masks(model: Any, images: Any) -> list[Mask]:
    """Return the masks that the network uses, as they are on some images, always in the same order.

    A mask that nothing reads, such as that of an embedding before a convolution, is none. A mask of numbers, which is
    an input of its own, leaves nothing out where it is given other numbers than 0 and 1.

    Args:
        model: the network.
        images: what it is given: an array [N,...], or a dict of them.
    """
    ranks = [spec.shape.rank for spec in (model.input_specs or {}).values()]
    if not any(rank in (None, 2, 3) for rank in ranks):  # pictures and the like have no masks, and a trace costs
        return []
    read: Callable[[Mapping[str, Any]], list[Mask]] | None = model.cached("masks", lambda: _compile(model))
    if read is None:
        return []
    given = images if model.preprocess is None else model.preprocess(images)
    return read(name_inputs(given, model.input_specs))


def _find_masks(source: str, tensor: tf.Tensor, behind: Collection[tf.Operation], several: bool) -> Iterator[_Found]:
    """Yield the masks [N,T] that are made of an input alone and leave positions out.

    Args:
        source: name of the input.
        tensor: the input.
        behind: the operations that depend on any input.
        several: whether there are other inputs, to which this one may be the mask.
    """
    if tensor.shape.rank not in (2, 3):
        return
    if several and tensor.shape.rank == 2 and tensor.dtype != tf.bool and (sense := read_sense(tensor, behind)):
        yield _Found(source, tensor, sense > 0, True)  # of tokens too, which are other numbers than 0 and 1
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
            yield _Found(source, value, sense > 0, value is tensor)
        stack += [output for user in steps for output in user.outputs if value is tensor or output.dtype == tf.bool]


def _is_step(operation: tf.Operation) -> bool:
    """Return whether an operation may make a mask of tokens: only padding is told from all others by its size."""
    if operation.type not in _LEAST:
        return True
    value = tf.get_static_value(operation.inputs[1])
    return value is None or (all(value.ravel() == value.flat[0]) and value.flat[0] in _LEAST[operation.type])


def _compile(model: Any) -> Callable[[Mapping[str, Any]], list[Mask]] | None:
    """Return what makes the masks from inputs by name; None where there are none."""
    inputs = model.graph_inputs
    behind = find_behind(inputs.values())
    found = [item for name, tensor in inputs.items() for item in _find_masks(name, tensor, behind, len(inputs) > 1)]
    masks = [item.tensor for item in found]
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
        return [known[mask.name] for mask in masks]

    types = {name: tensor.dtype for name, tensor in used.items()}
    spec = {name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for name, tensor in used.items()}
    compiled = tf.function(compute, autograph=False).get_concrete_function(spec)

    def run(given: Mapping[str, Any]) -> list[Mask]:
        got = compiled({name: tf.cast(given[name], types[name]) for name in types})
        return [
            Mask(item.source, _leave_out(np.asarray(value), item.stays), int(item.stays) if item.whole else None)
            for item, value in zip(found, got, strict=True)
        ]

    return run


def _leave_out(value: np.ndarray, stays: bool) -> np.ndarray:
    """Return where a mask leaves positions out."""
    if value.dtype != bool and not np.isin(value, (0, 1)).all():
        return np.zeros(value.shape, bool)
    return value == (0 if stays else 1)
