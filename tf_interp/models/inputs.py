"""What goes into a network: from pictures in [0,1] to the tensors that it takes."""

from collections.abc import Callable, Mapping, Sequence
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
    if isinstance(images, list | tuple):
        ranks = {np.ndim(item) for item in images}
        pictures = ranks == {3} if specs is None else len(specs) == 1 and max(ranks, default=0) <= 3
        images = tf.stack([_to_tensor(item) for item in images]) if pictures else list(images)
    if isinstance(images, Mapping | list):
        return tf.nest.map_structure(_to_tensor, images)
    images = _to_tensor(images)
    whole = specs is not None and len(specs) == 1 and specs[0].dtype.is_integer  # then it takes them as they are
    if not images.dtype.is_floating and images.shape.rank in (3, 4) and not whole:  # of other ranks: no pictures
        kind = images.dtype.name
        raise TypeError(f"images must be floats in [0,1], got {kind}: divide by {divisor(kind)} first")
    return images


def name_inputs(images: Any, names: list[str], ordered: bool = True) -> dict[str, Any]:
    """Return input name -> tensor.

    Args:
        images: one tensor, or a dict, list or tuple of them.
        names: what the network calls its inputs, in its own order.
        ordered: False if that order is not known.

    Raises:
        ValueError: if number or names do not match, or something without names is given though there is no order.
    """
    if not isinstance(images, Mapping | list | tuple):
        images = [images]
    if len(images) != len(names) or (isinstance(images, Mapping) and set(images) != set(names)):
        got = sorted(images) if isinstance(images, Mapping) else f"{len(images)} of them"
        raise ValueError(f"the network takes {len(names)} inputs, {names}, got {got}")
    if not ordered and not isinstance(images, Mapping):
        asked = ", ".join(f"{name!r}: ..." for name in names)
        raise ValueError(
            f"got {len(names)} inputs in a list, but the file of the network does not tell their order: give a dict, "
            f"{{{asked}}}"
        )
    return (
        {name: images[name] for name in names} if isinstance(images, Mapping) else dict(zip(names, images, strict=True))
    )


def fit_input(value: tf.Tensor, spec: tf.TensorSpec, name: str) -> tf.Tensor:
    """Return `value` with rank and type of `spec`; only an axis of size 1 at the end is added or dropped."""
    rank, wanted = value.shape.rank, spec.shape.rank
    if rank is not None and wanted is not None:
        if rank == wanted + 1 and value.shape[-1] == 1:
            value = tf.squeeze(value, -1)
        elif rank == wanted - 1 and spec.shape[-1] == 1:
            value = value[..., None]
    if not value.shape.is_compatible_with(spec.shape):
        expected = ["N" if size is None and not axis else size for axis, size in enumerate(spec.shape)]
        raise ValueError(
            f"{name} reach the network as {list(value.shape)}, but it takes {expected} (None: any size): resize them, "
            "or do so in preprocess"
        )
    known = value.dtype.is_floating or value.dtype.is_integer or value.dtype.is_bool
    fits = (known and spec.dtype.is_floating) or (value.dtype.is_integer and spec.dtype.is_integer)
    if value.dtype != spec.dtype and not fits:
        raise TypeError(
            f"{name} reach the network as {value.dtype.name}, but it takes {spec.dtype.name}: convert in preprocess"
        )
    return tf.cast(value, spec.dtype)


def from_unit_range(preprocess: Preprocess | None) -> Preprocess | None:
    """Return a preprocess that takes [0,1], where it is one of keras.applications: those take 0..255."""
    module = getattr(preprocess, "__module__", None) or ""
    if preprocess is None or not module.startswith(("keras.applications", "keras.src.applications")):
        return preprocess
    return lambda images: preprocess(255.0 * images)


def _to_tensor(value: Any) -> tf.Tensor:
    if not tf.is_tensor(value):
        value = np.asarray(value)
        value = value.astype(np.float32) if value.dtype == np.float64 else value
        if value.dtype == object and not all(isinstance(item, str | bytes) for item in value.flat):
            raise TypeError("images must be an array [N,H,W,C], got objects of different shapes or types")
    tensor = tf.convert_to_tensor(value)
    return tf.cast(tensor, tf.float32) if tensor.dtype == tf.float64 else tensor
