"""Activations of many images, in batches: read them whole, or as one row for each image."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.directions import to_positions
from tf_interp.models import Model
from tf_interp.models.batches import call_compiled, check_model, in_batches, learn
from tf_interp.models.batching.padding import find_kept
from tf_interp.models.layer_names import take_names
from tf_interp.models.layout import to_float
from tf_interp.probe import Probe, take_dict

POOLINGS = ("mean", "flat")


def read_activations(
    model: Model,
    images: Probe | np.ndarray | Sequence[np.ndarray] | Mapping[str, np.ndarray],
    layers: Sequence[str],
    *,
    pooling: str | None = None,
    batch_size: int = 64,
) -> dict[str, np.ndarray]:
    """Return the activations of layers on images, read in batches: one forward pass for all layers.

    Args:
        model: the network.
        images: a probe; float32 [N,H,W,C] in [0,1], or a list of such arrays, which are read as if they were one; for a
            network with several inputs a dict of arrays [N,...].
        layers: layer names; "output" is the logits.
        pooling: None leaves activations as they are; "mean" averages over positions (all axes but the first and the
            last) without those that the network's own mask leaves out, as padding of tokens; "flat" puts each image's
            numbers in one row.
        batch_size: images per forward pass.

    Returns:
        Name -> float32 array [N,...]; with a pooling [N,d].

    Raises:
        TypeError: if the model was not opened.
        ValueError: if a layer name does not exist or is ambiguous, or a layer does not have one row for each image.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv")]))
        >>> read_activations(model, np.zeros((2, 8, 8, 3), np.float32), ["conv"], pooling="mean")["conv"].shape
        (2, 4)
    """
    check_model(model, "read_activations")
    parts: dict[str, list[np.ndarray]] = {name: [] for name in take_names(layers)}
    for got in stream_activations(model, images, layers, pooling=pooling, batch_size=batch_size):
        for name, value in got.items():
            parts[name].append(value)
    return {name: np.concatenate(values) for name, values in parts.items()}


def read_positions(model: Model, images: Any, layers: Sequence[str], *, batch_size: int = 64) -> dict[str, np.ndarray]:
    """Return the activations of layers with two axes of positions, or say that they are not finite.

    Args:
        model: the network.
        images: as in `read_activations`.
        layers: layer names.
        batch_size: images per forward pass.

    Returns:
        Name -> float32 array [N,h,w,C], see `to_positions`.

    Raises:
        ValueError: as there, and if a number is NaN or infinite.
    """
    found = read_activations(model, images, layers, batch_size=batch_size)
    for path, value in found.items():
        if broken := int(np.count_nonzero(~np.isfinite(value))):
            raise ValueError(
                f"{broken} of {value.size} activations of layer {path!r} are NaN or infinite: "
                "has the training diverged?"
            )
    return {path: to_positions(value) for path, value in found.items()}


def stream_activations(
    model: Model,
    images: Probe | np.ndarray | Sequence[np.ndarray] | Mapping[str, np.ndarray],
    layers: Sequence[str],
    *,
    pooling: str | None = None,
    batch_size: int = 64,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the activations of one batch after the other, for what need not be kept whole.

    Args:
        model: as in `read_activations`.
        images: as in `read_activations`.
        layers: as in `read_activations`.
        pooling: as in `read_activations`.
        batch_size: as in `read_activations`.

    Yields:
        Name -> float32 array [batch,...].
    """
    layers, images = take_names(layers), model.name_inputs(images)
    taken: Any = images
    if isinstance(images, Probe):
        taken = images.images
    elif isinstance(images, Mapping):
        taken = take_dict(images)
    else:
        taken = list(images) if isinstance(images, list | tuple) else np.asarray(images)
    learn(model, taken)
    paths = {name: model.resolve(name, channels=pooling == "mean") for name in layers}
    wanted = list(dict.fromkeys(paths.values()))

    kept = find_kept(model, taken, wanted) if pooling == "mean" else {}

    def read(batch: Any, kept: Any) -> dict[str, tf.Tensor]:
        return {path: pool(value, pooling, kept=kept.get(path)) for path, value in model.run(batch, wanted).items()}

    def work(batch: Any, kept: Any) -> Any:
        return call_compiled(model, ("capture", *wanted, pooling), read, batch, kept)

    for got in in_batches(model, "reading activations", [taken, kept], batch_size, work):
        yield {name: got[path] for name, path in paths.items()}


def pool(
    value: tf.Tensor, pooling: str | None, reduce: Any = tf.reduce_mean, kept: tf.Tensor | None = None
) -> tf.Tensor:
    """Return an activation as float32, with one row for each image unless `pooling` is None.

    Args:
        value: tensor [b,...] of any float type.
        pooling: "mean", "flat", or None.
        reduce: what "mean" does with the axes of positions; `tf.reduce_sum` is right for gradients.
        kept: bool [b,T], which positions of a layer [b,T,C] "mean" counts, see `find_kept`; None for all.

    Returns:
        float32 tensor [b,d], or [b,...].
    """
    value = to_float(value)  # reduced in float32, whatever the network's type
    if pooling is None:
        return value
    if value.shape.rank == 1:
        return value[:, None]
    if pooling == "flat":
        return tf.reshape(value, (tf.shape(value)[0], -1))
    if kept is not None:
        value = tf.where(kept[..., None], value, 0.0)
        if reduce is tf.reduce_mean:
            value /= tf.reduce_mean(tf.cast(kept, tf.float32), 1)[:, None, None]
    return reduce(value, axis=list(range(1, value.shape.rank - 1)))
