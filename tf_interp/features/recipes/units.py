"""Recipes for units: both signs, facets, and the way from one to another. All take further options of `render`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.features.objectives.algebra import Lookup, Term, as_objective
from tf_interp.features.objectives.algebra import channel as channel_objective
from tf_interp.features.objectives.penalties import diversity
from tf_interp.features.param import Param, Shared
from tf_interp.features.renderer.render import render
from tf_interp.features.renderer.rendering import Rendering
from tf_interp.models.batches import check_model
from tf_interp.models.model import Model


def positive_negative(model: Model, layer: str, channels: int | Sequence[int], **options: Any) -> Rendering:
    """Return pictures that excite units most, and pictures that push them down most.

    A unit behind a ReLU cannot be pushed below 0, and its negative picture's `status` says that nothing was found:
    name the layer before the ReLU.

    Args:
        model: the network, from `open_model`.
        layer: name of a layer.
        channels: one channel, or K of them.
        options: of `render`.

    Returns:
        A `Rendering` of 2 K pictures: the first channel's positive, its negative, the second channel's positive, ...
        Activations of negatives are what was made large: the channel's mean with the sign changed.

    Example:
        >>> positive_negative(model, "conv2", [7, 8]).images.shape
        (4, 32, 32, 3)

    Source: Olah et al., "Feature Visualization" (2017), positive and negative examples; Lucid,
    `recipes.feature_visualization`.
    """
    check_model(model, "positive_negative")
    wanted = [channels] if isinstance(channels, int | np.integer) else list(channels)
    units = [channel_objective(layer, index) for index in wanted]
    return render(model, [item for unit in units for item in (unit, -unit)], **options)


def facets(
    model: Model,
    layer: str,
    channel: int,
    count: int = 4,
    *,
    weight: float = 0.9,
    along: str | None = None,
    **options: Any,
) -> Rendering:
    """Return several pictures that excite one unit in different ways.

    Each picture makes `unit * (1 - weight * likeness)` large, where likeness, from 0 to 1, is the mean cosine between
    its style (Gram matrix) and that of the others. So the weight means the same for every unit.

    Args:
        model: the network, from `open_model`.
        layer: name of the unit's layer.
        channel: the unit.
        count: number of facets, 2 or more.
        weight: from 0, independent pictures, to 1.
        along: the layer in which pictures shall differ; None is the unit's own. For units without positions, such as
            logits, name a convolutional layer.
        options: of `render`.

    Returns:
        A `Rendering` of `count` pictures.

    Raises:
        ValueError: if there are fewer than two facets.

    Example:
        >>> len(facets(model, "conv2", 7, steps=32))
        4

    Source: Olah et al., "Feature Visualization" (2017), "Diversity".
    """
    check_model(model, "facets")
    if count < 2:
        raise ValueError(f"facets differ from each other: count must be 2 or more, got {count}")
    likeness = diversity(layer if along is None else along)
    return render(
        model, channel_objective(layer, channel) * (1 - weight / (count - 1) * likeness), count=count, **options
    )


def interpolate(
    model: Model, first: Any, second: Any, *, count: int = 6, param: Param | None = None, **options: Any
) -> Rendering:
    """Return a row of aligned pictures from one objective to another.

    Picture i of n makes `(1 - t) first + t second` large with t = i / (n - 1). The pictures share low-resolution parts,
    so that what they have in common stays in place and only what differs changes.

    Args:
        model: the network, from `open_model`.
        first: an objective, or "layer:channel".
        second: another one.
        count: number of pictures, both ends included.
        param: parameterization; None is that of `init` if it is a `Rendering`, else `Shared()`.
        options: of `render`.

    Returns:
        A `Rendering` of `count` pictures.

    Raises:
        ValueError: if there are fewer than two pictures.

    Example:
        >>> interpolate(model, "conv2:7", "conv3:1", count=3, steps=32).names[1]
        '0.50 (conv2:7) + 0.50 (conv3:1)'

    Source: Mordvintsev et al., "Differentiable Image Parameterizations" (2018), "Aligned Feature Visualization
    Interpolation".
    """
    check_model(model, "interpolate")
    if count < 2:
        raise ValueError(f"an interpolation has two ends: count must be 2 or more, got {count}")
    a, b = as_objective(first), as_objective(second)
    along = Term(_position, title="t")
    if param is None and not isinstance(options.get("init"), Rendering):
        param = Shared()
    rendering = render(model, (1 - along) * a + along * b, count=count, param=param, **options)
    names = tuple(f"{1 - t:.2f} ({a}) + {t:.2f} ({b})" for t in np.linspace(0, 1, count))
    return dataclasses.replace(rendering, names=names)


def _position(T: Lookup) -> Any:
    """Return where each picture is in its row, from 0 to 1."""
    pictures = tf.shape(T("input"))[0]
    return tf.tile(tf.linspace(0.0, 1.0, T.count), [pictures // T.count])
