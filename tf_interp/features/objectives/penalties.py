"""Penalties, positive and to be subtracted, and schedules to multiply them with; most act on the clean pictures.

Penalties that Lucid sums over all pixels are sums here too: against a reward near 1 they want weights like 1e-4.
Source of all formulas: Lucid, `optvis.objectives`, and its alpha and regularization notebooks.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.features.objectives.algebra import Lookup, Objective, Term
from tf_interp.images import check_picture


def total_variation(layer: str = "input") -> Objective:
    """Penalty: the sum of absolute differences between neighbors, over rows and columns.

    Args:
        layer: "input" for the pictures, or a layer.

    Returns:
        The objective.
    """
    return _penalty(_total_variation, layer, f"total_variation({_quoted(layer)})")


def _total_variation(T: Lookup, layer: str) -> Any:
    return tf.image.total_variation(T(layer))


def l1(layer: str = "input", constant: float = 0.0) -> Objective:
    """Penalty: the sum of `|a - constant|`.

    Args:
        layer: "input" for the pictures, or a layer.
        constant: what to stay near; 0.5 is mid-grey.

    Returns:
        The objective.
    """
    return _penalty(_l1, layer, f"l1({_quoted(layer, constant)})", {"constant": float(constant)})


def _l1(T: Lookup, layer: str, constant: Any) -> Any:
    return tf.reduce_sum(tf.abs(T(layer) - constant[:, None, None, None]), [1, 2, 3])


def l2(layer: str = "input", constant: float = 0.0, epsilon: float = 1e-6) -> Objective:
    """Penalty: `sqrt(epsilon + sum (a - constant)^2)`.

    Args:
        layer: "input" for the pictures, or a layer.
        constant: what to stay near.
        epsilon: keeps the gradient finite at 0.

    Returns:
        The objective.
    """
    values = {"constant": float(constant), "epsilon": float(epsilon)}
    return _penalty(_l2, layer, f"l2({_quoted(layer, constant)})", values)


def _l2(T: Lookup, layer: str, constant: Any, epsilon: Any) -> Any:
    return tf.sqrt(epsilon + tf.reduce_sum((T(layer) - constant[:, None, None, None]) ** 2, [1, 2, 3]))


def blur_input() -> Objective:
    """Penalty: `0.5 sum (x - blur(x))^2` with the blur held fixed, so that its gradient is `x - blur(x)`.

    Weight k and plain gradient steps of 1 mean x <- (1-k) x + k blur(x).

    Returns:
        The objective.
    """
    return Term(_blur_input, {"alpha": False}, neutral=0.0, title="blur_input()")


def blur_alpha() -> Objective:
    """Penalty: `blur_input` on the alpha channel only.

    Returns:
        The objective.
    """
    return Term(_blur_input, {"alpha": True}, neutral=0.0, title="blur_alpha()")


def _blur_input(T: Lookup, alpha: bool) -> Any:
    x = _alpha(T) if alpha else T("input")
    return 0.5 * tf.reduce_sum((x - tf.stop_gradient(blur(x, 3))) ** 2, [1, 2, 3])


def mean_alpha() -> Objective:
    """Penalty: the mean of the alpha channel, so that only what is needed stays opaque.

    Returns:
        The objective.
    """
    return Term(_mean_alpha, neutral=0.0, title="mean_alpha()")


def _mean_alpha(T: Lookup) -> Any:
    return tf.reduce_mean(_alpha(T), [1, 2, 3])


def _alpha(T: Lookup) -> Any:
    x = T("input")
    if not T.alpha:
        raise ValueError(
            f"this objective needs pictures with alpha, got {x.shape[-1]} channels: use param=Fourier(alpha=True)"
        )
    return x[..., -1:]


def boundary_complexity(width: int = 20, constant: float = 0.5) -> Objective:
    """Penalty: `sum (blur5(x) - x)^2 + 0.8 (x - constant)^2` over a frame, for pictures with a quiet edge.

    Args:
        width: of the frame, in pixels.
        constant: color of a quiet edge.

    Returns:
        The objective.

    Source: Carter et al., "Activation Atlas" (2019).
    """
    values = {"constant": float(constant)}
    return Term(_boundary_complexity, {"width": int(width)}, values, neutral=0.0, title=f"boundary_complexity({width})")


def _boundary_complexity(T: Lookup, width: int, constant: Any) -> Any:
    x = T("input")
    mask = np.ones((*x.shape[1:3], 1), np.float32)
    mask[width : x.shape[1] - width, width : x.shape[2] - width] = 0
    away = (blur(x, 5) - x) ** 2 + 0.8 * (x - constant[:, None, None, None]) ** 2
    return tf.reduce_sum(mask * away, [1, 2, 3])


def input_diff(images: Any) -> Objective:
    """Penalty: the root mean square difference from a given picture.

    Args:
        images: the picture [h,w,C] in [0,1], of the size that is rendered.

    Returns:
        The objective.
    """
    return Term(_input_diff, values={"images": check_picture(images)}, neutral=0.0, title="input_diff(...)")


def _input_diff(T: Lookup, images: Any) -> Any:
    x = T("input")
    if x.shape[1:] != images.shape[1:]:
        raise ValueError(
            f"input_diff compares with a picture {images.shape[1:].as_list()}, but pictures {x.shape[1:].as_list()} "
            "are rendered: give one of that size and number of channels"
        )
    return tf.sqrt(tf.reduce_mean((x - images) ** 2, [1, 2, 3]) + 1e-12)


def saturation(constant: float = 0.5) -> Objective:
    """Penalty: how far pixels are from a color on average, 0 to 1. Factor of a reward, whatever the reward's scale.

    Small networks often have channels that simply like white; with this only what the channel needs is drawn.

    Args:
        constant: the color; 0.5 is mid-grey, 0 black.

    Returns:
        The objective.

    Example:
        >>> from tf_interp.features import channel
        >>> str(channel("conv2", 7) * (1 - 0.6 * saturation()))
        'conv2:7 * (1 - 0.6 * saturation())'
    """
    title = "saturation()" if constant == 0.5 else f"saturation({constant:g})"
    return Term(_saturation, values={"constant": float(constant)}, neutral=0.0, title=title)


def _saturation(T: Lookup, constant: Any) -> Any:
    away = tf.reduce_mean(tf.abs(T("input") - constant[:, None, None, None]), [1, 2, 3])
    return away / tf.maximum(constant, 1 - constant)


def diversity(layer: str) -> Objective:
    """Penalty: how alike the pictures of one objective are in style; render with `count` for as many facets.

    The sum, over the other pictures, of the cosines between Gram matrices: `count - 1` for equal pictures.

    Args:
        layer: name of a layer.

    Returns:
        The objective.

    Source: Olah et al., "Feature Visualization" (2017), diversity.
    """
    return _penalty(_diversity, layer, f"diversity({layer!r})")


def _diversity(T: Lookup, layer: str) -> Any:
    if T.count < 2:
        raise ValueError("diversity compares pictures of one objective: render it with count=4, for example")
    a = T(layer)
    gram = tf.einsum("nhwc,nhwd->ncd", a, a)
    gram /= tf.sqrt(tf.reduce_sum(gram * gram, [1, 2], keepdims=True) + 1e-20)
    sets = tf.reshape(gram, [-1, T.count, a.shape[-1] * a.shape[-1]])
    likeness = tf.matmul(sets, sets, transpose_b=True)  # [K, count, count]
    return tf.reshape(tf.reduce_sum(likeness, -1) - tf.linalg.diag_part(likeness), [-1])


def alignment(layer: str, decay_ratio: float = 2.0) -> Objective:
    """Penalty: how much neighbors in a row of `count` pictures differ.

    The sum over d = 1..4 and i of `mean (a_i - a_(i+d))^2 / decay_ratio^d`.

    Args:
        layer: name of a layer.
        decay_ratio: how fast the weight falls with the distance d.

    Returns:
        The objective.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations" (2018), aligned interpolation.
    """
    return _penalty(_alignment, layer, f"alignment({layer!r})", {"decay_ratio": float(decay_ratio)})


def _alignment(T: Lookup, layer: str, decay_ratio: Any) -> Any:
    if T.count < 2:
        raise ValueError("alignment compares pictures of one objective: render it with count=2 or more")
    a = T(layer)
    flat = tf.reshape(a, [-1, T.count, tf.reduce_prod(tf.shape(a)[1:])])
    ratio = tf.reshape(decay_ratio, [-1, T.count])[:, 0]
    total = tf.zeros_like(ratio)
    for distance in range(1, min(5, T.count)):
        steps = (flat[:, distance:] - flat[:, :-distance]) ** 2
        total += tf.reduce_sum(tf.reduce_mean(steps, -1), -1) / ratio**distance
    return tf.repeat(total, T.count)


def decay(steps: float) -> Objective:
    """Schedule: `1 - step / steps`, 0 from there on. Multiply a penalty with it.

    Args:
        steps: optimization steps after which it is 0.

    Returns:
        The objective.
    """
    return Term(_decay, values={"steps": float(steps)}, neutral=1.0, title=f"decay({steps:g})")


def _decay(T: Lookup, steps: Any) -> Any:
    return tf.maximum(0.0, 1 - T.step / steps)


def only_after(steps: float) -> Objective:
    """Schedule: 0 before that many steps, then 1. Multiply a penalty with it.

    Args:
        steps: optimization steps.

    Returns:
        The objective.
    """
    return Term(_only_after, values={"steps": float(steps)}, neutral=1.0, title=f"only_after({steps:g})")


def _only_after(T: Lookup, steps: Any) -> Any:
    return tf.cast(T.step >= steps, tf.float32)


def blur(images: Any, width: int) -> Any:
    """Return pictures under a small blur that leaves constants alone, also at the edges.

    The kernel's outer ring weighs 0.5, its inside 1.

    Args:
        images: [N,h,w,C].
        width: of the kernel, 3 or 5.

    Returns:
        Tensor of the same shape.
    """
    kernel = np.full((width, width, 1, 1), 0.5, np.float32)
    kernel[1:-1, 1:-1] = 1.0
    channels = images.shape[-1]
    ones = tf.nn.conv2d(tf.ones_like(images[:1, ..., :1]), kernel, 1, "SAME")
    return tf.nn.depthwise_conv2d(images, np.tile(kernel, (1, 1, channels, 1)), [1, 1, 1, 1], "SAME") / ones


def _penalty(function: Callable[..., Any], layer: str, title: str, values: dict[str, float] | None = None) -> Objective:
    needs = () if layer == "input" else ((layer, "layer", 0),)
    return Term(function, {"layer": layer}, values, neutral=0.0, needs=needs, title=title)


def _quoted(layer: str, constant: float = 0.0) -> str:
    parts = ([] if layer == "input" else [repr(layer)]) + ([f"constant={constant:g}"] if constant else [])
    return ", ".join(parts)
