"""Use concept vectors on any images: sort by them, see where they are, take them away."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_interp.capture import read_activations, stream_activations
from tf_interp.concepts.examples.concept import as_concept
from tf_interp.directions import Directions
from tf_interp.models import Model
from tf_interp.models.batches import check_model, in_batches, learn
from tf_interp.probe import take_dict


def concept_scores(model: Model, images: Any, directions: Directions, *, batch_size: int = 32) -> np.ndarray:
    """Return how much each image looks like each concept to the network.

    Args:
        model: the network.
        images: a probe, concept or float [N,H,W,C] in [0,1]; for several inputs a dict of arrays [N,...].
        directions: K concept vectors of one layer.
        batch_size: images at a time.

    Returns:
        float32 array [N,K], cosine of the image's activation (mean over positions) with the vector, -1..1.

    Raises:
        ValueError: if the layer is unknown, or has another number of channels than the vectors.

    Source: Kim et al., TCAV, 2018, section 4.1.1.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv")]))
        >>> concept_scores(model, np.zeros((2, 8, 8, 3)), Directions("conv", np.eye(4))).shape
        (2, 4)
    """
    check_model(model, "concept_scores")
    array = _take_images(model, images)
    path, units = _fitting(model, directions)
    pooled = read_activations(model, array, [path], pooling="mean", batch_size=batch_size)[path]
    return pooled @ units.T / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)


def sort_by_concept(model: Model, images: Any, directions: Directions, *, batch_size: int = 32) -> np.ndarray:
    """Return the order of images by each concept, the most alike first: a look at both ends tells if a vector is sane.

    Args:
        model: the network.
        images: a probe, concept or float [N,H,W,C] in [0,1]; for several inputs a dict of arrays [N,...].
        directions: K concept vectors of one layer.
        batch_size: images at a time.

    Returns:
        int64 array [K,N] of image indices.

    Raises:
        ValueError: as `concept_scores`.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv")]))
        >>> sort_by_concept(model, np.zeros((2, 8, 8, 3)), Directions("conv", np.eye(4))).shape
        (4, 2)
    """
    check_model(model, "sort_by_concept")
    scores = concept_scores(model, images, directions, batch_size=batch_size)
    return np.argsort(-scores.T, axis=1, kind="stable")


def concept_maps(model: Model, images: Any, directions: Directions, *, batch_size: int = 32) -> np.ndarray:
    """Return where each concept is in each image: the product of activation and unit vector at each position.

    Args:
        model: the network.
        images: a probe, concept or float [N,H,W,C] in [0,1]; for several inputs a dict of arrays [N,...].
        directions: K concept vectors of one layer with positions.
        batch_size: images at a time.

    Returns:
        float32 array [N,h,w,K] in units of the activation; positive where the concept is present.

    Raises:
        ValueError: if the layer has no positions, or does not fit the vectors.

    Source: De Santis et al., Visual-TCAV, 2024.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv")]))
        >>> concept_maps(model, np.zeros((2, 8, 8, 3)), Directions("conv", np.eye(4))).shape
        (2, 6, 6, 4)
    """
    check_model(model, "concept_maps")
    array = _take_images(model, images)
    path, units = _fitting(model, directions)
    if len(model.layers[path]) < 2:
        raise ValueError(
            f"layer {path!r} has shape {model.layers[path]}, so there are no positions to show a concept at"
        )
    parts = stream_activations(model, array, [path], batch_size=batch_size)
    return np.concatenate([part[path] @ units.T for part in parts])


def ablate_concepts(
    model: Model, images: Any, directions: Directions, *, baseline: Any = None, batch_size: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits with and without each concept: its direction is set to a fixed level at every position.

    Args:
        model: the network.
        images: a probe, concept or float [N,H,W,C] in [0,1]; for several inputs a dict of arrays [N,...].
        directions: K concept vectors of one layer.
        baseline: images whose mean activation gives the level of "without"; None takes level 0.
        batch_size: images at a time.

    Returns:
        `(before [N,classes], after [N,K,classes])`, float32: one concept is taken away at a time.

    Raises:
        ValueError: if the layer is unknown, or does not fit the vectors.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv"),
        ...                            keras.layers.Flatten(), keras.layers.Dense(5)]))
        >>> [array.shape for array in ablate_concepts(model, np.zeros((2, 8, 8, 3)), Directions("conv", np.eye(4)))]
        [(2, 5), (2, 4, 5)]
    """
    check_model(model, "ablate_concepts")
    array = _take_images(model, images)
    path, units = _fitting(model, directions)
    end = model.head().path
    levels = np.zeros(len(units), np.float32)
    if baseline is not None:
        others = _take_images(model, baseline, "baseline images")
        pooled = read_activations(model, others, [path], pooling="mean", batch_size=batch_size)
        levels = pooled[path].mean(0) @ units.T

    def work(batch: Any) -> tuple:
        got = {name: value.numpy() for name, value in model.run(batch, [path, end]).items()}
        activation, without = got[path].astype(np.float32), []
        for unit, level in zip(units, levels, strict=True):
            changed = activation - ((activation @ unit)[..., None] - level) * unit
            without.append(model.run(batch, [end], {path: changed.astype(got[path].dtype)})[end].numpy())
        return got[end], np.stack(without, 1)

    before, after = zip(*in_batches(model, "concept ablation", [array], batch_size, work), strict=True)
    return np.concatenate(before), np.concatenate(after)


def _take_images(model: Model, images: Any, name: str = "images") -> Any:
    if isinstance(images, Mapping):
        taken = take_dict(images)
    else:
        taken = as_concept(images, name).images
    learn(model, taken)
    return taken


def _fitting(model: Model, directions: Directions) -> tuple[str, np.ndarray]:
    """Return the layer's path and unit vectors [K,C], or say that they do not fit."""
    if not isinstance(directions, Directions):
        raise TypeError(
            f"concept vectors come as Directions, e.g. result.directions(layer), got {type(directions).__name__}"
        )
    path = model.resolve(directions.layer, channels=True)
    channels = model.layers[path][-1] if model.layers[path] else 1
    if channels is not None and channels != directions.vectors.shape[1]:
        raise ValueError(f"layer {path!r} has {channels} channels, the vectors have {directions.vectors.shape[1]}")
    return path, directions.units
