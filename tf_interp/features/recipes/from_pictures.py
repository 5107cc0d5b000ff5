"""Recipes that start from a picture: caricature and dream. All take further options of `render`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.features.objectives.rewards import deepdream, dot_compare
from tf_interp.features.renderer.render import render
from tf_interp.features.renderer.rendering import Rendering
from tf_interp.features.renderer.settings import has_alpha, read_input_shape, to_sides
from tf_interp.images import check_images
from tf_interp.models.batches import check_model, learn
from tf_interp.models.model import Model


def caricature(
    model: Model,
    image: Any,
    layers: str | Sequence[str],
    *,
    cossim_pow: float = 1.0,
    size: int | tuple[int, int] | None = None,
    **options: Any,
) -> Rendering:
    """Return what layers keep of a picture, overdrawn: feature inversion, layer by layer.

    Each picture makes the dot product of its activations with the real picture's large, times the cosine to a power.

    Args:
        model: the network, from `open_model`.
        image: the real picture [h,w,C] in [0,1].
        layers: one or several layer names.
        cossim_pow: 0 overdraws most, 2 and more comes closest to the picture.
        size: of the pictures; None is the network's, or the picture's own where that is free.
        options: of `render`.

    Returns:
        A `Rendering` of one picture per layer.

    Example:
        >>> caricature(model, image, ["conv2", "conv3"]).images.shape
        (2, 32, 32, 3)

    Source: Lucid, `recipes.caricature`; Mahendran & Vedaldi, "Understanding deep image representations by inverting
    them" (2015).
    """
    check_model(model, "caricature")
    real = fit_picture(model, image, size, alpha=has_alpha(options))
    names = [layers] if isinstance(layers, str) else list(layers)
    return render(model, [dot_compare(name, real, cossim_pow) for name in names], size=real.shape[:2], **options)


def dream(
    model: Model,
    image: Any,
    layer: str,
    *,
    steps: int = 64,
    size: int | tuple[int, int] | None = None,
    **options: Any,
) -> Rendering:
    """Return a picture in which whatever a layer sees has grown: DeepDream.

    Args:
        model: the network, from `open_model`.
        image: where to start, [h,w,C] in [0,1].
        layer: name of a layer; early ones give strokes and textures, late ones parts of things.
        steps: optimization steps; more steps go further from the picture.
        size: of the result; None is the network's, or the picture's own where that is free.
        options: of `render`; a lower `learning_rate` stays closer to the picture.

    Returns:
        A `Rendering` of one picture.

    Example:
        >>> dream(model, image, "conv3").images.shape
        (1, 32, 32, 3)

    Source: Mordvintsev et al., "Inceptionism: Going Deeper into Neural Networks" (2015).
    """
    check_model(model, "dream")
    start = fit_picture(model, image, size, alpha=has_alpha(options))
    return render(model, deepdream(layer), init=start[None], size=start.shape[:2], steps=steps, **options)


def fit_picture(
    model: Model, image: Any, size: int | tuple[int, int] | None = None, name: str = "image", alpha: bool = False
) -> np.ndarray:
    """Return a picture in the size in which it is to be rendered.

    Args:
        model: the network.
        image: [h,w,C] or [1,h,w,C] in [0,1]; [h,w] is grey.
        size: side, or (height, width); None is the network's, or the picture's own where that is free.
        name: what the caller calls the picture, for messages.
        alpha: whether a further channel of opacity is allowed.

    Returns:
        float32 array [h,w,C] in [0,1].

    Raises:
        TypeError: if the size is no size.
        ValueError: if it is not one picture in [0,1], or has other channels than the network takes.
    """
    array = np.asarray(image)
    sides = None if size is None else to_sides(size)
    pictures = check_images(array[None] if array.ndim in (2, 3) else array, name)
    if len(pictures) != 1:
        raise ValueError(f"{name} must be one picture [h,w,C], got {len(pictures)} of them")
    learn(model, pictures)
    shape, channels = read_input_shape(model), pictures.shape[3]
    taken = shape[2] or channels
    made = channels < taken and model.preprocess is not None  # by preprocessing, such as color from grey
    if not made and channels not in (taken, taken + alpha):
        raise ValueError(f"{name} has {channels} channels, but the network takes {taken}")
    height, width = sides or (shape[0] or pictures.shape[1], shape[1] or pictures.shape[2])
    if pictures.shape[1:3] == (height, width):
        return pictures[0]
    return np.clip(tf.image.resize(pictures, (height, width), antialias=True).numpy()[0], 0, 1)
