"""The softmax or sigmoid at the end of a network, and the logits behind it."""

from collections.abc import Sequence

import tensorflow as tf


def behind_head(output: tf.Tensor, stop: Sequence[tf.Tensor] = ()) -> tf.Tensor | None:
    """Return the logits from which a softmax or sigmoid at the very end of a graph computes `output`.

    Args:
        output: what the network returns.
        stop: tensors behind which not to look.

    Returns:
        The input of the last Softmax, LogSoftmax or Sigmoid operation, or None if the network does not end in one.
    """
    tensor = output
    while not any(tensor is item for item in stop):
        operation = tensor.op
        if operation.type in ("Softmax", "LogSoftmax", "Sigmoid"):
            return operation.inputs[0]
        if operation.type not in ("Identity", "IdentityN", "Cast", "EnsureShape") or not operation.inputs:
            return None
        tensor = operation.inputs[tensor.value_index]
    return None


def no_way_to_logits(name: str) -> ValueError:
    """Return the error for a given layer behind the logits."""
    return ValueError(
        f'layer {name!r} holds what the softmax or sigmoid makes of the logits: "output" (the logits) does not depend '
        "on it; give a layer before it, or fetch another one"
    )
