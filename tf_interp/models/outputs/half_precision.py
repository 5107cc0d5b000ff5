"""How coarse the numbers of a network are that computes in half precision."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_interp.models.batching.batch_mixing import make_batch
from tf_interp.models.private import outside_graphs

_ROWS = 8  # of noise
_ENOUGH = 6  # different numbers: so many of single precision do not all lie among those of half by chance
_OUTPUTS = (
    "its outputs are {name} numbers, of about {digits} digits: margins between classes below {part} of the size of the "
    "logits are rounding, so classes that near are not decided"
)
_WITHIN = (
    "some of its layers compute in {name}, whose numbers have about {digits} digits: activations there have no more, "
    "and what is computed from them is no surer"
)


class _Half(NamedTuple):
    type: tf.DType
    digits: int
    part: str  # the largest distance of two neighbors, in parts of their size


_HALVES = {  # the coarser first: small numbers of it are numbers of the other too
    "bfloat16": _Half(tf.bfloat16, 2, "1/128"),
    "float16": _Half(tf.float16, 3, "1/1024"),
}


def tell_half_precision(model: Any) -> list[str]:
    """Return how coarse the numbers of a network are; nothing where all of it computes in single precision.

    Args:
        model: the network.
    """
    if model.input_specs is None:
        return []
    found: list[str] = model.cached("half precision", lambda: _measure(model))
    return found


def _measure(model: Any) -> list[str]:
    """Return the sentences, by the types in graphs that were built anyway, and by what outputs really are."""
    compiled = [made for key, made in model._functions.items() if isinstance(key, tuple) and key[0] == "run"]
    graphs = [*model.graphs, *(made.graph for made in compiled)]
    operations = (operation for graph in graphs for operation in graph.get_operations())
    types = {tensor.dtype.base_dtype.name for operation in operations for tensor in operation.outputs}
    names = [name for name in _HALVES if name in types]
    if not names:
        return []
    try:
        with outside_graphs(), model.with_noise():
            batch = make_batch(model.input_specs, model.fixed_batch or _ROWS)
            given = batch if len(batch) > 1 else next(iter(batch.values()))
            outputs = [value.numpy() for value in model.run(given, list(model.outputs)).values()]
    except Exception:  # what a user's layer or preprocess raises on noise
        outputs = []
    coarse = [name for name in names if outputs and all(_are_of(value, _HALVES[name].type) for value in outputs)][:1]
    told = [_OUTPUTS if name in coarse else _WITHIN for name in names]
    return [
        line.format(name=name, digits=_HALVES[name].digits, part=_HALVES[name].part)
        for name, line in zip(names, told, strict=True)
    ]


def _are_of(values: np.ndarray, type: tf.DType) -> bool:
    """Return whether these are numbers of a type of half precision, and enough of them to be sure."""
    some = np.unique(values[np.isfinite(values)])
    return len(some) >= _ENOUGH and bool(np.all(tf.cast(tf.cast(some, type), tf.float32).numpy() == some))
