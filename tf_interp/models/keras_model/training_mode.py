"""Layers that a network calls as in training: Keras itself is of two minds about them, and that has to be told.

A functional model remembers `Dropout(0.5)(x, training=True)`. `model(x)` and an export do what it says, while
`predict`, `evaluate` and the validation of `fit` hand `training=False` to all layers, which goes before. So do we.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_interp.models.batching.batch_mixing import make_batch
from tf_interp.models.keras_model.changes.kept_state import KeptState, kept_attributes
from tf_interp.models.keras_model.keras_layers import walk
from tf_interp.models.private import outside_graphs, read_function, read_nodes

_TOLD = (
    "{} called with training=True{}: model(x), and a SavedModel that is exported, run that as in training (it draws at "
    "random, or normalizes by the batch), while model.predict, model.evaluate and all numbers here run it as in "
    "inference. To read it as in training, open what model.export(folder) writes"
)
_PICTURES = 8  # one draw may leave one or another as it is
_UNASKED = ", which is what it takes for granted"


class Told(NamedTuple):
    """What is said of layers that are called as in training.

    Args:
        warnings: of those for which somebody asked.
        notes: of those that do so by themselves, as all layers that change pictures by chance.
    """

    warnings: list[str]
    notes: list[str]


def tell_training(model: Any, structure: Any, specs: Mapping[str, tf.TensorSpec] | None, kept: KeptState) -> Told:
    """Say that a network asks for training, if `predict` computes something else.

    Args:
        model: the Keras model.
        structure: how it takes its inputs, specs in dicts or lists.
        specs: input name -> what the network takes, in the same order; None if not known yet.
        kept: what calls of it change.
    """
    asked = dict(_list_training(model))
    if not asked or not _differs(model, structure, specs, kept):
        return Told([], [])
    names = [[repr(name) for name, own in asked.items() if own == unasked] for unasked in (False, True)]
    said = [
        [_TOLD.format(f"{', '.join(some[:4])}{', ...' * bool(some[4:])} {'are' if some[1:] else 'is'}", why)]
        if some
        else []
        for some, why in zip(names, ("", _UNASKED), strict=True)
    ]
    return Told(*said)


def _list_training(model: Any) -> Iterator[tuple[str, bool]]:
    """Yield path of each layer that is called with `training=True`, and whether that is its own default."""
    if _takes_for_granted(model):
        yield model.name, False
    for path, layer in [("", model), *walk(model, "")]:
        function = read_function(layer) if isinstance(layer, keras.Model) else None
        for node in (read_nodes(function) or ()) if isinstance(function, keras.Function) else ():
            if node.arguments.kwargs.get("training") is True:
                yield f"{path}/{node.operation.name}".lstrip("/"), _takes_for_granted(node.operation)


def _takes_for_granted(layer: Any) -> bool:
    parameter = inspect.signature(layer.call).parameters.get("training")
    return parameter is not None and parameter.default is True


def _differs(model: Any, structure: Any, specs: Mapping[str, tf.TensorSpec] | None, kept: KeptState) -> bool:
    """Return whether a call and one in inference give different numbers; True where that cannot be tried."""
    try:
        batch = [tf.constant(value) for value in make_batch(specs, _PICTURES).values()]

        def call_both(*inputs: Any) -> list[list[Any]]:
            packed = keras.tree.pack_sequence_as(structure, list(inputs))
            with keras.StatelessScope():
                return [keras.tree.flatten(model(packed, **more)) for more in ({}, {"training": False})]

        every = [model, *(layer for _, layer in walk(model, ""))]
        with outside_graphs():
            with kept_attributes(every, lambda: None), kept.draws.kept():
                compiled = tf.function(call_both, autograph=False).get_concrete_function(*batch)
            with KeptState().learn(compiled.graph).kept(), tf.init_scope():
                first, second = compiled(*batch)
        return not all(
            np.allclose(one, two, 1e-4, 1e-6, equal_nan=True) for one, two in zip(first, second, strict=True)
        )
    except Exception:  # whatever a user's layer raises on noise
        return True
