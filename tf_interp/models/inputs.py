"""What goes into a network: from pictures in [0,1] to the tensors that it takes."""

import difflib
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.images import divisor

Preprocess = Callable[[Any], Any]


def take_images(images: Any, specs: Sequence[tf.TensorSpec] | None) -> Any:
    """Return images as one tensor, or as a dict or list of tensors for several inputs.

    Args:
        images: array-like [N,H,W,C], or a list of N pictures; for several inputs a dict, list or tuple of arrays.
        specs: what the network takes; None if not known yet.

    Raises:
        TypeError: if they are not numbers, or single images are not floats.
    """
    double = any(spec.dtype == tf.float64 for spec in specs or ())
    if isinstance(images, list | tuple):
        ranks = {np.ndim(item) for item in images}
        pictures = ranks == {3} if specs is None else len(specs) == 1 and max(ranks, default=0) <= 3
        images = tf.stack([_to_tensor(item, double) for item in images]) if pictures else list(images)
    if isinstance(images, Mapping | list):
        tensors = tf.nest.map_structure(lambda item: _to_tensor(item, double), images)
        _check_numbers(tensors)
        return tensors
    images = _to_tensor(images, double)
    whole = specs is not None and len(specs) == 1 and specs[0].dtype.is_integer  # then it takes them as they are
    if not images.dtype.is_floating and images.shape.rank in (3, 4) and not whole:  # of other ranks: no pictures
        kind = images.dtype.name
        raise TypeError(f"images must be floats in [0,1], got {kind}: divide by {divisor(kind)} first")
    return images


def name_inputs(images: Any, specs: Mapping[str, tf.TensorSpec], ordered: bool = True) -> dict[str, Any]:
    """Return input name -> tensor.

    Args:
        images: one tensor, or a dict, list or tuple of them.
        specs: name of each input -> what the network takes, in its own order.
        ordered: False if nothing tells that order; then a list is taken only if its shapes fit in one way.

    Raises:
        ValueError: if number or names do not match, or it is not known which of a list is which.
    """
    if not isinstance(images, Mapping | list | tuple):
        images = [images]
    if len(images) != len(specs) or (isinstance(images, Mapping) and set(images) != set(specs)):
        wrong = _say_wrong(images, specs) if isinstance(images, Mapping) else ""
        raise ValueError(f"the network takes {_say_specs(specs)}; got {_say_values(images)}{wrong}")
    if isinstance(images, Mapping):
        return {name: images[name] for name in specs}
    if ordered or len(specs) == 1:
        return dict(zip(specs, images, strict=True))
    few = len(specs) <= 6  # more would take long
    orders = itertools.permutations(images) if few else iter(())
    fitting = [order for order in orders if all(map(_fits, order, specs.values()))]
    if len(fitting) == 1:
        return dict(zip(specs, fitting[0], strict=True))
    asked = ", ".join(f"{name!r}: ..." for name in specs)
    how = "fit in no order" if few and not fitting else "do not tell which is which"
    raise ValueError(
        f"got {len(specs)} inputs in a list, but the network takes them by name, {_say_specs(specs)}, and their shapes "
        f"({_say_values(images)}) {how}: give a dict, {{{asked}}}"
    )


def name_list(images: Any, specs: Mapping[str, tf.TensorSpec], ordered: bool = True) -> Any:
    """Return arrays in a list for several inputs by name, see `name_inputs`; anything else as it is.

    Args:
        images: what a network is given.
        specs: name of each input -> what the network takes; nothing if not known yet.
        ordered: False if nothing tells in which order it takes them.
    """
    if not isinstance(images, list | tuple) or len(specs) < 2 or any(isinstance(item, Mapping) for item in images):
        return images
    arrays = [item if tf.is_tensor(item) else np.asarray(item) for item in images]
    _check_numbers(arrays)
    return name_inputs(arrays, specs, ordered)


def fit_inputs(images: Any, specs: Mapping[str, tf.TensorSpec], ordered: bool = True) -> dict[str, tf.Tensor]:
    """Return name -> tensor with rank and type of what the network takes, see `name_inputs` and `fit_input`.

    Args:
        images: one tensor, or a dict, list or tuple of them.
        specs: name of each input -> what the network takes.
        ordered: False if nothing tells in which order it takes them.

    Raises:
        TypeError: if an input has another type.
        ValueError: if an input has another shape; with several inputs the message says what all of them take.
    """
    values = name_inputs(images, specs, ordered)
    if len(specs) == 1:
        return {name: fit_input(values[name], spec, "images") for name, spec in specs.items()}
    try:
        return {name: fit_input(values[name], spec, f"input {name!r}") for name, spec in specs.items()}
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error}. It takes {_say_specs(specs)}; got {_say_values(values)}") from error


def fit_input(value: tf.Tensor, spec: tf.TensorSpec, name: str) -> tf.Tensor:
    """Return `value` with rank and type of `spec`; only an axis of size 1 at the end is added or dropped."""
    rank, wanted = value.shape.rank, spec.shape.rank
    if rank is not None and wanted is not None:
        if rank == wanted + 1 and value.shape[-1] == 1:
            value = tf.squeeze(value, -1)
        elif rank == wanted - 1 and spec.shape[-1] == 1:
            value = value[..., None]
    if not value.shape.is_compatible_with(spec.shape):
        raise ValueError(
            f"{name} reach the network as {_say_shape(value.shape)}, but it takes {_say_shape(spec.shape)} (None: any "
            "size): resize them, or do so in preprocess"
        )
    known = value.dtype.is_floating or value.dtype.is_integer or value.dtype.is_bool
    fits = (known and spec.dtype.is_floating) or (value.dtype.is_integer and spec.dtype.is_integer)
    if value.dtype != spec.dtype and not fits:
        raise TypeError(
            f"{name} reach the network as {value.dtype.name}, but it takes {spec.dtype.name}: convert in preprocess"
        )
    return tf.cast(value, spec.dtype)


def from_unit_range(preprocess: Preprocess | None) -> Preprocess | None:
    """Return a preprocess that takes [0,1], where it is one of keras.applications: those take 0..255.

    Args:
        preprocess: what the user gives, or None.

    Raises:
        TypeError: if it is no function.
    """
    if preprocess is not None and not callable(preprocess):
        raise TypeError(f"preprocess must be a function of a batch of images, got {type(preprocess).__name__}")
    module = getattr(preprocess, "__module__", None) or ""
    if preprocess is None or not module.startswith(("keras.applications", "keras.src.applications")):
        return preprocess
    return lambda images: preprocess(255.0 * images)


def _to_tensor(value: Any, double: bool = False) -> tf.Tensor:
    """Return a value as a tensor, float64 only for a network that computes so: numpy makes that of any numbers."""
    if not tf.is_tensor(value):
        value = np.asarray(value)
        value = value.astype(np.float32) if value.dtype == np.float64 and not double else value
        if value.dtype == object and not all(isinstance(item, str | bytes) for item in value.flat):
            raise TypeError("images must be an array [N,H,W,C], got objects of different shapes or types")
    tensor = tf.convert_to_tensor(value)
    return tf.cast(tensor, tf.float32) if tensor.dtype == tf.float64 and not double else tensor


def _fits(value: Any, spec: tf.TensorSpec) -> bool:
    """Return whether a tensor or array could be what an input takes."""
    try:
        fit_input(_to_tensor(value), spec, "")
    except (TypeError, ValueError):
        return False
    return True


def _check_numbers(tensors: Any) -> None:
    """Raise a ValueError if inputs differ in their number of rows."""
    named = tensors.items() if isinstance(tensors, Mapping) else enumerate(tensors)
    flat = {name: item for name, item in named if hasattr(item, "shape") and tf.TensorShape(item.shape).rank}
    if len({item.shape[0] for item in flat.values()} - {None}) > 1:
        raise ValueError(f"inputs differ in their number: {_say_values(flat)}; give as many rows of each")


def _say_shape(shape: tf.TensorShape) -> str:
    if shape.rank is None:
        return "any shape"
    return f"[{', '.join('N' if size is None and not axis else str(size) for axis, size in enumerate(shape))}]"


def _say_specs(specs: Mapping[str, tf.TensorSpec]) -> str:
    """Return what a network takes in words: number, names and shapes of its inputs."""
    named = ", ".join(f"{name!r} {_say_shape(spec.shape)}" for name, spec in specs.items())
    return f"{len(specs)} {'input' if len(specs) == 1 else 'inputs'}: {named}"


def _say_wrong(given: Mapping[str, Any], known: Collection[str]) -> str:
    """Return which names of inputs are wrong, with those that they may stand for, and which are missing."""
    missing = [name for name in known if name not in given]
    alike = {str(name).casefold(): name for name in missing}
    said = []
    for name in [name for name in given if name not in known]:
        near = difflib.get_close_matches(str(name).casefold(), alike, 3, 0.5)
        asked = f", did you mean {' or '.join(repr(alike[item]) for item in near)}?" if near else ""
        said.append(f"no input is called {name!r}{asked}")
    return "".join(f"; {part}" for part in (*said, *[f"missing: {missing}"] * bool(missing)))


def _say_values(values: Any) -> str:
    """Return what was given in words: names, where there are any, and shapes."""
    if isinstance(values, Mapping):
        return ", ".join(f"{name!r} {_say_shape(tf.TensorShape(item.shape))}" for name, item in values.items())
    return f"{len(values)}: " + ", ".join(_say_shape(tf.TensorShape(item.shape)) for item in values)
