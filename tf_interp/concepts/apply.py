"""Use concept vectors on any images: sort by them, see where they are, take them away."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.concepts.concept import Concept
from tf_interp.concepts.measure import batches
from tf_interp.directions import Directions
from tf_interp.models import Model


def concept_scores(model: Model, images: Any, directions: Directions, *, batch_size: int = 32) -> np.ndarray:
    """Return how much each image looks like each concept to the network.

    Args:
        model: the network.
        images: float [N,H,W,C] in [0,1].
        directions: K concept vectors of one layer.
        batch_size: images at a time.

    Returns:
        float32 array [N,K], cosine of the image's activation (mean over positions) with the vector, -1..1.

    Raises:
        ValueError: if the layer is unknown, or has another number of channels than the vectors.

    Source: Kim et al., TCAV, 2018, section 4.1.1.
    """

    def score(activation: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        pooled = tf.reduce_mean(activation, list(range(1, activation.shape.rank - 1)))
        return tf.matmul(tf.math.l2_normalize(pooled, 1), tf.math.l2_normalize(vectors, 1), transpose_b=True)

    return _map(model, images, directions, "concepts.scores", score, batch_size)


def sort_by_concept(model: Model, images: Any, directions: Directions, *, batch_size: int = 32) -> np.ndarray:
    """Return the order of images by each concept, the most alike first: a look at both ends tells if a vector is sane.

    Args:
        model: the network.
        images: float [N,H,W,C] in [0,1].
        directions: K concept vectors of one layer.
        batch_size: images at a time.

    Returns:
        int64 array [K,N] of image indices.
    """
    scores = concept_scores(model, images, directions, batch_size=batch_size)
    return np.argsort(-scores.T, axis=1, kind="stable")


def concept_maps(model: Model, images: Any, directions: Directions, *, batch_size: int = 32) -> np.ndarray:
    """Return where each concept is in each image: the product of activation and unit vector at each position.

    Args:
        model: the network.
        images: float [N,H,W,C] in [0,1].
        directions: K concept vectors of one layer with positions.
        batch_size: images at a time.

    Returns:
        float32 array [N,h,w,K] in units of the activation; positive where the concept is present.

    Raises:
        ValueError: if the layer has no positions, or does not fit the vectors.

    Source: De Santis et al., Visual-TCAV, 2024.
    """
    shape = model.layers[model.resolve(directions.layer)]
    if len(shape) < 2:
        raise ValueError(
            f"layer {directions.layer!r} has shape {shape}, so there are no positions to show a concept at"
        )

    def place(activation: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(activation, tf.math.l2_normalize(vectors, 1), [[-1], [1]])

    return _map(model, images, directions, "concepts.maps", place, batch_size)


def ablate_concepts(
    model: Model, images: Any, directions: Directions, *, baseline: Any = None, batch_size: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits with and without each concept: its direction is set to a fixed level at every position.

    Args:
        model: the network.
        images: float [N,H,W,C] in [0,1].
        directions: K concept vectors of one layer.
        baseline: images whose mean activation gives the level of "without"; None takes level 0.
        batch_size: images at a time.

    Returns:
        `(before [N,classes], after [N,K,classes])`, float32: one concept is taken away at a time.

    Raises:
        ValueError: if the layer is unknown, or does not fit the vectors.
    """
    levels = np.zeros(len(directions), np.float32)
    if baseline is not None:
        maps = _map(model, baseline, directions, "concepts.levels", _mean_product, batch_size)
        levels = maps.mean(0)
    path, units = _fitting(model, directions)
    array = Concept.from_arrays(images, name="images").images

    def build() -> Any:
        @tf.function(input_signature=_signature(array, batch_size, tf.TensorSpec((), tf.float32)), autograph=False)
        def step(batch, vector, level):
            activation = model.run(batch, [path])[path]
            vector = tf.cast(vector[0], activation.dtype)
            product = tf.tensordot(activation, vector, [[-1], [0]])[..., None]
            changed = activation - (product - tf.cast(level, activation.dtype)) * vector
            return tf.cast(model.run(batch, ["output"], {path: changed})["output"], tf.float32)

        return step

    step = model.cached(("concepts.ablate", path, batch_size, array.shape[1:]), build)
    after = [
        np.concatenate([step(batch, unit[None], level).numpy()[:used] for batch, used in batches([array], batch_size)])
        for unit, level in zip(units, levels, strict=True)
    ]
    nothing = np.zeros((1, units.shape[1]), np.float32)
    before = [step(batch, nothing, 0.0).numpy()[:used] for batch, used in batches([array], batch_size)]
    return np.concatenate(before), np.stack(after, 1)


def _mean_product(activation: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
    products = tf.tensordot(activation, tf.math.l2_normalize(vectors, 1), [[-1], [1]])
    return tf.reduce_mean(products, list(range(1, products.shape.rank - 1)))


def _fitting(model: Model, directions: Directions) -> tuple[str, np.ndarray]:
    """Return the layer's path and unit vectors, or say that they do not fit."""
    path = model.resolve(directions.layer)
    channels = model.layers[path][-1] if model.layers[path] else 1
    if channels is not None and channels != directions.vectors.shape[1]:
        raise ValueError(f"layer {path!r} has {channels} channels, the vectors have {directions.vectors.shape[1]}")
    lengths = np.linalg.norm(directions.vectors, axis=1, keepdims=True)
    return path, directions.vectors / np.maximum(lengths, 1e-12)


def _map(
    model: Model, images: Any, directions: Directions, purpose: str, change: Callable, batch_size: int
) -> np.ndarray:
    """Return `change(activation, vectors)` of all images."""
    path, units = _fitting(model, directions)
    array = Concept.from_arrays(images, name="images").images

    def build() -> Any:
        @tf.function(input_signature=_signature(array, batch_size), autograph=False)
        def step(batch, vectors):
            return change(tf.cast(model.run(batch, [path])[path], tf.float32), vectors)

        return step

    step = model.cached((purpose, path, batch_size, array.shape[1:]), build)
    return np.concatenate([step(batch, units).numpy()[:used] for batch, used in batches([array], batch_size)])


def _signature(array: np.ndarray, batch_size: int, *more: tf.TensorSpec) -> list[tf.TensorSpec]:
    images = tf.TensorSpec((batch_size, *array.shape[1:]), tf.float32)
    return [images, tf.TensorSpec((None, None), tf.float32), *more]
