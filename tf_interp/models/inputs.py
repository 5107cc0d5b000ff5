"""What goes into a network: from pictures in [0,1] to the tensors that it takes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

Preprocess = Callable[[Any], Any]


def take_images(images: Any, count: int | None) -> Any:
    """Return images as one tensor, or as a dict or list of tensors for several inputs.

    Args:
        images: array-like [N,H,W,C], or a list of N pictures; for several inputs a dict, list or tuple of arrays.
        count: how many inputs the network takes; None if not known yet.

    Raises:
        TypeError: if they are not numbers, or single images are not floats.
    """
    if isinstance(images, list | tuple):
        ranks = {np.ndim(item) for item in images}
        pictures = ranks == {3} if count is None else count == 1 and max(ranks, default=0) <= 3
        images = tf.stack([_to_tensor(item) for item in images]) if pictures else list(images)
    if isinstance(images, Mapping | list):
        return tf.nest.map_structure(_to_tensor, images)
    images = _to_tensor(images)
    if not images.dtype.is_floating:
        raise TypeError(f"images must be floats in [0,1], got {images.dtype.name}: divide by 255 first")
    return images


def name_inputs(images: Any, names: list[str]) -> dict[str, Any]:
    """Return input name -> tensor.

    Args:
        images: one tensor, or a dict, list or tuple of them.
        names: what the network calls its inputs, in its own order.

    Raises:
        ValueError: if number or names do not match.
    """
    if not isinstance(images, Mapping | list | tuple):
        images = [images]
    if len(images) != len(names) or (isinstance(images, Mapping) and set(images) != set(names)):
        got = sorted(images) if isinstance(images, Mapping) else f"{len(images)} of them"
        raise ValueError(f"the network takes {len(names)} inputs, {names}, got {got}")
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
    if value.dtype != spec.dtype and not (value.dtype.is_floating and spec.dtype.is_floating):
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


def range_notes(preprocess: Preprocess | None, shape: Any, scale: float) -> list[str]:
    """Return a warning if pictures in [0,1] come to the first weights as nearly one value.

    That is the commonest silent mistake: a network or a preprocess that expects 0..255 is fed [0,1].
    """
    low, high = 0.0, 1.0
    if preprocess is not None:
        if not isinstance(shape, tuple) or len(shape) != 3:
            return []
        size = [8 if item is None else item for item in shape]
        try:
            low, high = (float(tf.reduce_mean(preprocess(tf.fill([1, *size], value)))) for value in (0.0, 1.0))
        except Exception:  # it wants pictures of another shape: no guess then
            return []
    span = abs(high - low) * scale
    if span > 0.1:
        return []
    return [
        f"pictures in [0,1] reach the first weights spread over only {span:.2g}: the network or its preprocess seems "
        "to expect 0..255, then multiply by 255 in preprocess"
    ]


def _to_tensor(value: Any) -> tf.Tensor:
    if not tf.is_tensor(value):
        value = np.asarray(value)
        value = value.astype(np.float32) if value.dtype == np.float64 else value
        if value.dtype == object:
            raise TypeError("images must be an array [N,H,W,C], got objects of different shapes or types")
    tensor = tf.convert_to_tensor(value)
    return tf.cast(tensor, tf.float32) if tensor.dtype == tf.float64 else tensor
