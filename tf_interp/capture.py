"""Activations of many images, in batches: read them whole, or as one row for each image."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.models import Model

POOLINGS = ("mean", "flat")


def check_model(model: Any, caller: str) -> None:
    """Raise a TypeError that says what to do, if a network was not opened.

    Args:
        model: what the caller was given.
        caller: name of the public function.

    Raises:
        TypeError: if it is no `Model`.
    """
    if not isinstance(model, Model):
        raise TypeError(f"{caller} needs a Model, got {type(model).__name__}: wrap it with open_model(...) first")


def read_activations(
    model: Model,
    images: np.ndarray | Sequence[np.ndarray],
    layers: Sequence[str],
    *,
    pooling: str | None = None,
    batch_size: int = 64,
) -> dict[str, np.ndarray]:
    """Return the activations of layers on images, read in batches: one forward pass for all layers.

    Args:
        model: the network.
        images: float32 [N,H,W,C] in [0,1], or several such arrays, which are read as if they were one.
        layers: layer names; "output" is the logits.
        pooling: None leaves activations as they are; "mean" averages over positions (all axes but the first and the
            last), "flat" puts each image's numbers in one row.
        batch_size: images per forward pass.

    Returns:
        Name -> float32 array [N,...]; with a pooling [N,d].

    Raises:
        TypeError: if the model was not opened.
        ValueError: if a layer name does not exist or is ambiguous.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv")]))
        >>> read_activations(model, np.zeros((2, 8, 8, 3), np.float32), ["conv"], pooling="mean")["conv"].shape
        (2, 4)
    """
    check_model(model, "read_activations")
    parts: dict[str, list[np.ndarray]] = {name: [] for name in layers}
    for got in stream_activations(model, images, layers, pooling=pooling, batch_size=batch_size):
        for name, value in got.items():
            parts[name].append(value)
    return {name: np.concatenate(values) for name, values in parts.items()}


def stream_activations(
    model: Model,
    images: np.ndarray | Sequence[np.ndarray],
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
    blocks = list(images) if isinstance(images, list | tuple) else [np.asarray(images)]
    if model.input_shape is None:
        model.run(blocks[0][:1], ["output"])  # a network that was never called learns from it what its layers are
    paths = {name: model.resolve(name, channels=pooling == "mean") for name in layers}
    read = _reader(model, tuple(dict.fromkeys(paths.values())), pooling, blocks[0], batch_size)
    for (batch,), used in batches([blocks], batch_size, fill=not model.takes_any_batch):
        got = {path: value.numpy()[:used] for path, value in read(batch).items()}
        yield {name: got[path] for name, path in paths.items()}


def _reader(model: Model, paths: tuple[str, ...], pooling: str | None, example: np.ndarray, batch_size: int) -> Any:
    """Return the compiled function `images [b,...] -> (path -> float32 [b,...])`; one serves all short last batches."""
    count = None if model.takes_any_batch else batch_size
    key = ("capture", paths, pooling, count, example.shape[1:], example.dtype.str)

    def build() -> Any:
        @tf.function(input_signature=[tf.TensorSpec((count, *example.shape[1:]), example.dtype)], autograph=False)
        def read(images):
            return {path: pool(value, pooling) for path, value in model.run(images, list(paths)).items()}

        return read

    return model.cached(key, build)


def pool(value: tf.Tensor, pooling: str | None, reduce: Any = tf.reduce_mean) -> tf.Tensor:
    """Return an activation as float32, with one row for each image unless `pooling` is None.

    Args:
        value: tensor [b,...] of any float type.
        pooling: "mean", "flat", or None.
        reduce: what "mean" does with the axes of positions; `tf.reduce_sum` is right for gradients.

    Returns:
        float32 tensor [b,d], or [b,...].
    """
    value = tf.cast(value, tf.float32)  # reduced in float32, whatever the network's type
    if pooling is None:
        return value
    if value.shape.rank == 1:
        return value[:, None]
    if pooling == "flat":
        return tf.reshape(value, (tf.shape(value)[0], -1))
    return reduce(value, axis=list(range(1, value.shape.rank - 1)))


def batches(
    columns: Sequence[Sequence[np.ndarray]], size: int, *, fill: bool
) -> Iterator[tuple[tuple[np.ndarray, ...], int]]:
    """Yield batches over several arrays as if they were one.

    Args:
        columns: one or more lists of arrays [n_i,...]; the lists agree in all n_i (images and their labels, say).
        size: images in a batch.
        fill: whether the last batch is filled up, with copies of its first image: a made-up image could give NaN.

    Yields:
        `(one batch [size,...] for each column, how many of its images are real)`.

    Example:
        >>> [used for _, used in batches([[np.zeros((3, 2)), np.zeros((2, 2))]], 4, fill=True)]
        [4, 1]
    """
    ends = np.cumsum([0] + [len(block) for block in columns[0]])
    for start in range(0, int(ends[-1]), size):
        stop = min(start + size, int(ends[-1]))
        batch = []
        for blocks in columns:
            cuts = [
                block[max(start - first, 0) : stop - first]
                for block, first in zip(blocks, ends[:-1], strict=True)
                if start < first + len(block) and stop > first
            ]
            if fill and stop - start < size:
                cuts.append(np.repeat(cuts[0][:1], size - (stop - start), 0))
            batch.append(cuts[0] if len(cuts) == 1 else np.concatenate(cuts))
        yield tuple(batch), stop - start
