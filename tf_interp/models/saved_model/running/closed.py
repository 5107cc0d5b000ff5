"""Graphs that no gradient passes: they run, and say so when one is asked for."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

_CLOSED = {  # what no gradient passes, by what it is made of
    "loops and branches of TensorFlow 1": ("Switch", "Merge", "Enter", "Exit"),
    "code that was compiled for XLA, inside of which nothing can be read": ("XlaCallModule",),
}


def name_closed(nodes: Mapping[str, Any]) -> str | None:
    """Return what in a graph no gradient passes, in words; None if there is no such thing.

    Args:
        nodes: name -> definition.
    """
    operations = {node.op for node in nodes.values()}
    found = [what for what, kinds in _CLOSED.items() if not operations.isdisjoint(kinds)]
    return " and ".join(found) or None


def call_without_gradient(
    part: Callable[..., Any], fed: list[tf.TensorSpec], given: list[tf.TensorSpec], why: str
) -> Callable[..., Any]:
    """Return a compiled function that says in words why no gradient passes it.

    Args:
        part: from inputs and given activations to what is fetched.
        fed: what the inputs are.
        given: what the activations are.
        why: as `name_closed` returns it.
    """

    def refuse(*_: tf.Tensor) -> Any:
        raise ValueError(f"no gradient passes {why}: give the activation of a layer behind that")

    def whole(*tensors: tf.Tensor) -> list[tf.Tensor]:
        return part(list(tensors[: len(fed)]), list(tensors[len(fed) :]))

    # as TensorFlow 1 builds graphs: a `tf.function` would wait at its end for what is inside of the loops
    compiled = tf.compat.v1.wrap_function(whole, [*fed, *given])

    def call(inputs: list[tf.Tensor], values: list[tf.Tensor]) -> list[tf.Tensor]:
        return list(tf.custom_gradient(lambda *tensors: (tuple(compiled(*tensors)), refuse))(*inputs, *values))

    return call
