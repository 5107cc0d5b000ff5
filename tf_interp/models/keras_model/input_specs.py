"""What a Keras model takes: specs of its inputs, from its own graph, from shapes or from sample batches."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def _check_backend() -> None:
    """Raise a ValueError if Keras does not run on TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"Keras runs on {keras.backend.backend()!r}, but gradients are taken by TensorFlow: set the "
            'environment variable KERAS_BACKEND="tensorflow" before keras is imported'
        )


def read_inputs(model: Any, given: Any) -> tuple[Any, bool]:
    """Return a structure of specs of what a model takes, None if that is not known yet, and whether types are guessed.

    Args:
        model: the Keras model.
        given: shapes without batch axis, or a sample batch, or a dict or list of these; None takes the model's own.

    Raises:
        TypeError: if `given` is something else.
        ValueError: if it describes another number of inputs than the model has, or the model takes what is not read.
    """
    _check_backend()
    own, typed = _read_own(model)
    for tensor in keras.tree.flatten(own) if typed else ():
        for kind in ("sparse", "ragged"):
            if getattr(tensor, kind, False):
                raise ValueError(
                    f"input {tensor.name!r} of {model.name!r} is {kind}, and tf-interp reads dense tensors only: build "
                    "the same network, with the same weights, on a dense keras.Input"
                )
    own = to_specs(own, batched=True)
    if typed and isinstance(model, keras.Sequential):  # nobody chose the names
        own = keras.tree.map_structure(lambda spec: tf.TensorSpec(spec.shape, spec.dtype), own)
    if given is None:
        return own, own is not None and not typed
    structure = to_specs(given, batched=False)
    if own is None:
        return structure, not _has_types(given)
    specs, known = keras.tree.flatten(structure), keras.tree.flatten(own)
    if len(specs) != len(known):
        raise ValueError(
            f"{model.name!r} takes {len(known)} inputs, {list(name_specs(own))}; input describes {len(specs)}"
        )
    if typed:
        specs = [tf.TensorSpec(one.shape, other.dtype, other.name) for one, other in zip(specs, known, strict=True)]
    return keras.tree.pack_sequence_as(own, specs), not typed and not _has_types(given)


def take_types(structure: Any, values: Any) -> Any:
    """Return a structure of specs with the types of what the network is given, where these are not floats.

    Args:
        structure: the specs.
        values: tensors, in the same order.
    """
    specs, tensors = keras.tree.flatten(structure), keras.tree.flatten(values)
    if len(specs) != len(tensors):
        return structure
    typed = [
        spec if tensor.dtype.is_floating else tf.TensorSpec(spec.shape, tensor.dtype, spec.name)
        for spec, tensor in zip(specs, tensors, strict=True)
    ]
    return keras.tree.pack_sequence_as(structure, typed)


def _read_own(model: Any) -> tuple[Any, bool]:
    """Return what a model knows about its input, and whether that are Keras tensors, and not shapes with batch axis."""
    if isinstance(model, keras.Function):
        return model.input, True
    inputs = getattr(model, "inputs", None) if isinstance(model, keras.Sequential) else None
    if inputs:
        return inputs[0] if len(inputs) == 1 else inputs, True
    return (model.get_build_config() or {}).get("input_shape") if model.built else None, False


def _has_types(given: Any) -> bool:
    """Return whether inputs were described by sample batches, and not by shapes."""
    return any(hasattr(item, "dtype") for item in keras.tree.flatten(given))


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
    if dtype == tf.float64 and isinstance(source, np.ndarray | np.generic):  # what numpy makes of any numbers
        dtype = tf.as_dtype(tf.float32)
    return tf.TensorSpec([None, *source.shape[1:]], dtype, getattr(source, "name", None))


def name_specs(structure: Any) -> dict[str, tf.TensorSpec]:
    """Return input name -> spec, in the flat order of `structure`."""
    specs = keras.tree.flatten(structure)
    names = sorted(structure) if isinstance(structure, Mapping) else [spec.name for spec in specs]
    if len(names) != len(specs) or None in names or len(set(names)) != len(names):
        names = ["images"] if len(specs) == 1 else [f"input_{index}" for index in range(len(specs))]
    return {name: tf.TensorSpec(spec.shape, spec.dtype) for name, spec in zip(names, specs, strict=True)}


def cannot_call(name: str, structure: Any, error: Exception) -> ValueError:
    """Return the error for a model that does not take what it was thought to take.

    Args:
        name: of the model.
        structure: of the specs that it was called with.
        error: what it raised.
    """
    shapes = {key: list(spec.shape) for key, spec in name_specs(structure).items()}
    single = not isinstance(structure, Mapping) and len(shapes) == 1
    sides = tuple(next(iter(shapes.values()))[1:])
    named = f"; if it takes a dict, of one entry too, name it: input={{'name': {sides}}}"
    return ValueError(f"{name!r} could not be called on inputs of shape {shapes}: {error}{named if single else ''}")
