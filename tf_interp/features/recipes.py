"""Recipes: what people draw again and again, each a few lines over `render`. All take further options of `render`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.capture import check_model
from tf_interp.features.asked import has_alpha, list_objectives, read_input_shape, to_sides
from tf_interp.features.objective import Lookup, Objective, Term, as_objective
from tf_interp.features.objectives import channel as channel_objective
from tf_interp.features.objectives import deepdream, dot_compare
from tf_interp.features.param import Param, Shared
from tf_interp.features.penalties import diversity
from tf_interp.features.render import render
from tf_interp.features.rendering import Rendering, gather
from tf_interp.images import check_images
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
        >>> positive_negative(model, "conv2", [7, 8]).images.shape  # doctest: +SKIP
        (4, 224, 224, 3)

    Source: Olah et al., "Feature Visualization" (2017), positive and negative examples; Lucid,
    `recipes.feature_visualization`.
    """
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
        >>> len(facets(model, "conv2", 7))  # doctest: +SKIP
        4

    Source: Olah et al., "Feature Visualization" (2017), "Diversity".
    """
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
        >>> interpolate(model, "conv2:7", "conv3:1", count=3).names[1]  # doctest: +SKIP
        '0.50 (conv2:7) + 0.50 (conv3:1)'

    Source: Mordvintsev et al., "Differentiable Image Parameterizations" (2018), "Aligned Feature Visualization
    Interpolation".
    """
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


@dataclasses.dataclass(frozen=True, eq=False)
class Interaction:
    """Two units together.

    Args:
        alone: three pictures, each for itself: the first unit, the sum of both, the second unit.
        between: aligned pictures from the first unit to the second.
    """

    alone: Rendering
    between: Rendering


def interaction(model: Model, a: Any, b: Any, *, count: int = 5, **options: Any) -> Interaction:
    """Return what two units look like alone, together, and in between.

    Args:
        model: the network, from `open_model`.
        a: an objective, or "layer:channel".
        b: another one.
        count: number of aligned pictures, both ends included.
        options: of `render`, for all pictures.

    Returns:
        An `Interaction`.

    Example:
        >>> interaction(model, "conv2:7", "conv2:8").alone.names  # doctest: +SKIP
        ('conv2:7', 'conv2:7 + conv2:8', 'conv2:8')

    Source: Olah et al., "Feature Visualization" (2017), "Interaction between Neurons"; Lucid's
    neuron_interaction_grids notebook.
    """
    first, second = as_objective(a), as_objective(b)
    between = interpolate(model, first, second, count=count, **options)
    if between.stopped:  # by Ctrl-C: give what there is
        options.update(steps=0, snapshots=())
    mixtures: list[Objective] = [x * first + y * second for x, y in ((1.0, 0.0), (1.0, 1.0), (0.0, 1.0))]
    alone = render(model, mixtures, **options)
    if between.stopped:
        nothing = np.full_like(between.losses, np.nan, shape=(len(between.losses), len(alone)))
        status = (f"stopped after 0 of {len(nothing)} steps",) * len(alone)
        alone = dataclasses.replace(
            alone, status=status, losses=nothing, activations=np.full_like(alone.activations, np.nan)
        )
    names = (str(first), str(first + second), str(second))
    return Interaction(dataclasses.replace(alone, names=names), between)


def interaction_grid(model: Model, units: Any, **options: Any) -> Rendering:
    """Return what each of some units looks like alone, and together with each of the others.

    The picture in row i and column j makes the sum of units i and j large; on the diagonal each unit is alone. Since
    rows and columns are the same units, every pair is drawn once and shown twice.

    Args:
        model: the network, from `open_model`.
        units: K objectives or "layer:channel", or `Directions`; of one layer they are drawn by one compiled program.
        options: of `render`, without `count`; `init` may be another such grid.

    Returns:
        A `Rendering` of K x K pictures, row by row.

    Raises:
        TypeError: if `count` is given.
        ValueError: if there are fewer than two units, or pictures would share variables.

    Example:
        >>> interaction_grid(model, ["conv2:7", "conv2:8"]).names  # doctest: +SKIP
        ('conv2:7', 'conv2:7 + conv2:8', 'conv2:7 + conv2:8', 'conv2:8')

    Source: as for `interaction`.
    """
    objectives = list_objectives(units)
    if len(objectives) < 2:
        raise ValueError(f"units act together: give two or more, got {len(objectives)}")
    if "count" in options:
        raise TypeError("interaction_grid draws one picture of each pair: leave `count` out")
    if getattr(options.get("param"), "shared", False):
        raise ValueError(f"interaction_grid draws each picture for itself: {options['param']} shares variables")
    places = [(i, j) for i in range(len(objectives)) for j in range(i, len(objectives))]
    # a unit alone is a sum too, of itself and nothing, so that all pictures are of one structure
    sums: list[Objective] = [1.0 * objectives[i] + float(i != j) * objectives[j] for i, j in places]
    start = options.get("init")
    if isinstance(start, Rendering) and len(start) == len(objectives) ** 2:
        options["init"] = gather([start], [(0, i * len(objectives) + j) for i, j in places])
    drawn = render(model, sums, **options)
    names = [str(objectives[i] + objectives[j]) if i != j else str(objectives[i]) for i, j in places]
    numbers = {place: number for number, place in enumerate(places)}
    rows = range(len(objectives))
    where = [(0, numbers[min(i, j), max(i, j)]) for i in rows for j in rows]
    return gather([dataclasses.replace(drawn, names=tuple(names))], where)


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
        >>> caricature(model, image, ["conv2", "conv3"]).images.shape  # doctest: +SKIP
        (2, 224, 224, 3)

    Source: Lucid, `recipes.caricature`; Mahendran & Vedaldi, "Understanding deep image representations by inverting
    them" (2015).
    """
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
        >>> dream(model, image, "conv3").images.shape  # doctest: +SKIP
        (1, 224, 224, 3)

    Source: Mordvintsev et al., "Inceptionism: Going Deeper into Neural Networks" (2015).
    """
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
    check_model(model, "this recipe")
    sides = None if size is None else to_sides(size)
    pictures = check_images(array[None] if array.ndim in (2, 3) else array, name)
    if len(pictures) != 1:
        raise ValueError(f"{name} must be one picture [h,w,C], got {len(pictures)} of them")
    shape, channels = read_input_shape(model), pictures.shape[3]
    taken = shape[2] or channels
    made = channels < taken and model.preprocess is not None  # by preprocessing, such as color from grey
    if not made and channels not in (taken, taken + alpha):
        raise ValueError(f"{name} has {channels} channels, but the network takes {taken}")
    height, width = sides or (shape[0] or pictures.shape[1], shape[1] or pictures.shape[2])
    if pictures.shape[1:3] == (height, width):
        return pictures[0]
    return np.clip(tf.image.resize(pictures, (height, width), antialias=True).numpy()[0], 0, 1)
