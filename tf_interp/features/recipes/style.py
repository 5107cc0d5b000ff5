"""`transfer_style`: the content of one picture in the style of another."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_interp.features.objectives.algebra import Lookup, Term
from tf_interp.features.objectives.rewards import gram
from tf_interp.features.recipes.from_pictures import fit_picture
from tf_interp.features.renderer.render import render
from tf_interp.features.renderer.rendering import Rendering
from tf_interp.features.renderer.settings import has_alpha
from tf_interp.models.batches import check_model
from tf_interp.models.model import Model


def transfer_style(
    model: Model,
    content: Any,
    style: Any,
    *,
    content_layer: str,
    style_layers: str | Sequence[str],
    content_weight: float = 0.2,
    size: int | tuple[int, int] | None = None,
    **options: Any,
) -> Rendering:
    """Return a picture that has the activations of one picture and the Gram matrices of another.

    Differences are relative to what is to be matched, 0 for a perfect match and about 1 for an unrelated picture, so
    that layers of any scale count alike.

    Args:
        model: the network, from `open_model`.
        content: picture [h,w,C] in [0,1] whose things are kept.
        style: picture [h,w,C] in [0,1] whose texture and colors are taken; it is resized like the content.
        content_layer: a layer in the middle.
        style_layers: one or several layers, from early (strokes) to late (motifs).
        content_weight: of the content against all style layers together; 0.1 to 1 is usual, 0 gives texture alone.
        size: of the result; None is the network's, or the content's own where that is free.
        options: of `render`; the content is where it starts, `init=None` starts from noise.

    Returns:
        A `Rendering` of one picture; its activation is minus the weighted differences.

    Raises:
        ValueError: if a layer does not exist, or a picture is not in [0,1].

    Example:
        >>> layers = {"content_layer": "conv3", "style_layers": ["conv1", "conv2"]}
        >>> transfer_style(model, photo, painting, **layers, steps=32).images.shape
        (1, 32, 32, 3)

    Source: Gatys et al., "A Neural Algorithm of Artistic Style" (2015); Lucid's style transfer notebook.
    """
    check_model(model, "transfer_style")
    names = (style_layers,) if isinstance(style_layers, str) else tuple(style_layers)
    if not names:
        raise ValueError("style_layers is empty: name at least one layer")
    alpha = has_alpha(options)
    picture = fit_picture(model, content, size, "content", alpha)
    texture = fit_picture(model, style, picture.shape[:2], "style", alpha)
    likeness = Term(
        _likeness,
        {"content_layer": content_layer, "style_layers": names},
        {"content": picture, "style": texture, "weight": float(content_weight)},
        needs=tuple((name, "layer", 0) for name in (content_layer, *names)),
        title=f"likeness(content {content_layer}, style {', '.join(names)})",
    )
    return render(model, likeness, size=picture.shape[:2], **{"init": picture[None], **options})


def _likeness(T: Lookup, content_layer: str, style_layers: tuple, content: Any, style: Any, weight: Any) -> Any:
    total = -weight * _relative_difference(T(content_layer), T(content_layer, of=content))
    for layer in style_layers:
        total -= _relative_difference(gram(T(layer)), gram(T(layer, of=style))) / len(style_layers)
    return total


def _relative_difference(mine: Any, real: Any) -> Any:
    axes = list(range(1, len(mine.shape)))
    return tf.reduce_sum(tf.abs(mine - real), axes) / (tf.reduce_sum(tf.abs(real), axes) + 1e-9)
