"""What a Keras model takes: specs of its inputs, from its own graph, from shapes or from sample batches."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def read_own_input(model: Any) -> Any:
    """Return what a model knows about its input: Keras tensors, or shapes with batch axis, or None."""
    if isinstance(model, keras.Function):  # functional
        return model.input
    return (model.get_build_config() or {}).get("input_shape") if model.built else None


def to_specs(source: Any, batched: bool) -> Any:
    """Return a structure of specs, any batch, from a structure of shapes, arrays or Keras tensors.

    Args:
        source: shapes, arrays [N,...], Keras tensors, or a dict or list of them, or None.
        batched: whether shapes begin with the batch axis.
    """
    if source is None:
        return None
    if isinstance(source, Mapping):
        return {name: to_specs(item, batched) for name, item in source.items()}
    if (
        isinstance(source, list | tuple)
        and source
        and all(item is None or isinstance(item, int | np.integer) for item in source)
    ):
        return tf.TensorSpec([None, *(source[1:] if batched or source[0] is None else source)], tf.float32)
    if isinstance(source, list | tuple):
        return [to_specs(item, batched) for item in source]
    if not hasattr(source, "shape") or not hasattr(source, "dtype"):
        raise TypeError(f"input must be a shape (H, W, C) or a sample batch [N,H,W,C], got {source!r}")
    dtype = tf.as_dtype(source.dtype)
    return tf.TensorSpec(
        [None, *source.shape[1:]], tf.float32 if dtype == tf.float64 else dtype, getattr(source, "name", None)
    )


def name_specs(structure: Any) -> dict[str, tf.TensorSpec]:
    """Return input name -> spec, in the flat order of `structure`."""
    specs = keras.tree.flatten(structure)
    names = sorted(structure) if isinstance(structure, Mapping) else [spec.name for spec in specs]
    if len(names) != len(specs) or None in names or len(set(names)) != len(names):
        names = ["images"] if len(specs) == 1 else [f"input_{index}" for index in range(len(specs))]
    return {name: tf.TensorSpec(spec.shape, spec.dtype) for name, spec in zip(names, specs, strict=True)}
