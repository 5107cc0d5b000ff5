"""Lucid's objectives: rewards, to be made large. Means run over all positions of one picture.

Positions are x (column) and y (row), counted from the top left of the layer's map. Source of all formulas: Lucid,
`optvis.objectives`, and Olah et al., "Feature Visualization" (2017), "The Building Blocks of Interpretability" (2018).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.directions import Directions
from tf_interp.features.matrices import average_positions
from tf_interp.features.objectives.algebra import Lookup, Objective, Term, check_index, mean_of_channel, pick
from tf_interp.images import check_picture


def neuron(layer: str, n: int, x: int | None = None, y: int | None = None) -> Objective:
    """Reward: the activation of one channel at one position.

    Args:
        layer: name of a layer.
        n: channel index, from 0.
        x: column; None is the middle (the right one of two).
        y: row; None is the middle (the lower one of two).

    Returns:
        The objective.
    """
    n = check_index("channel n", n)
    values, needs = _position(layer, x, y)
    title = f"neuron({layer!r}, {n}, x={x}, y={y})"
    needs = ((layer, "channel", n), *needs)
    return Term(_neuron, {"layer": layer}, {"n": n, **values}, needs=needs, title=title, silence_level=0.0)


def _neuron(T: Lookup, layer: str, n: Any, x: Any = None, y: Any = None) -> Any:
    return pick(_at(T(layer), x, y), n)


def direction(layer: str, vec: Any, cossim_pow: float = 0) -> Objective:
    """Reward: the mean over positions of `<a, vec>`, times `max(0.1, cosine)^cossim_pow`.

    With power 0 and a one-hot vector this is `channel`. `vec` is not normalized.

    Args:
        layer: name of a layer.
        vec: [C] direction in the layer's channel space.
        cossim_pow: how much the angle counts beside the size; 1 to 4 gives purer pictures.

    Returns:
        The objective.

    Source: Lucid `direction`; Carter et al., "Activation Atlas" (2019).
    """
    vec = _vector(vec, 1)
    fixed = {"layer": layer, "cossim_pow": float(cossim_pow)}
    return Term(
        _direction,
        fixed,
        {"vec": vec},
        needs=((layer, "width", len(vec)),),
        title=_title("direction", layer, cossim_pow),
        silence_level=0.0 if np.count_nonzero(vec) == 1 and vec.max() > 0 else None,  # as for `channel`
    )


def _direction(T: Lookup, layer: str, cossim_pow: float, vec: Any) -> Any:
    if not cossim_pow:
        return tf.reduce_sum(average_positions(T(layer)) * vec, -1)  # the same number, without a map of products
    return tf.reduce_mean(_project(T(layer), vec[:, None, None], cossim_pow), [1, 2])


def direction_neuron(
    layer: str, vec: Any, x: int | None = None, y: int | None = None, cossim_pow: float = 0
) -> Objective:
    """Reward: `direction` at one position.

    Args:
        layer: name of a layer.
        vec: [C] direction.
        x: column; None is the middle.
        y: row; None is the middle.
        cossim_pow: power of the cosine.

    Returns:
        The objective.
    """
    vec = _vector(vec, 1)
    values, needs = _position(layer, x, y)
    fixed = {"layer": layer, "cossim_pow": float(cossim_pow)}
    needs = ((layer, "width", len(vec)), *needs)
    return Term(
        _direction_neuron,
        fixed,
        {"vec": vec, **values},
        needs=needs,
        title=_title("direction_neuron", layer, cossim_pow),
    )


def _direction_neuron(T: Lookup, layer: str, cossim_pow: float, vec: Any, x: Any = None, y: Any = None) -> Any:
    return _project(_at(T(layer), x, y), vec, cossim_pow)


def tensor_direction(layer: str, vec: Any, cossim_pow: float = 0) -> Objective:
    """Reward: the mean over the central h x w positions of the direction wanted at each.

    Args:
        layer: name of a layer.
        vec: [h,w,C] a direction for each position; h and w at most the layer's.
        cossim_pow: power of the cosine.

    Returns:
        The objective.
    """
    vec = _vector(vec, 3)
    fixed = {"layer": layer, "cossim_pow": float(cossim_pow)}
    needs = ((layer, "width", vec.shape[-1]), (layer, "y", vec.shape[0] - 1), (layer, "x", vec.shape[1] - 1))
    return Term(
        _tensor_direction, fixed, {"vec": vec}, needs=needs, title=_title("tensor_direction", layer, cossim_pow)
    )


def _tensor_direction(T: Lookup, layer: str, cossim_pow: float, vec: Any) -> Any:
    a = T(layer)
    h, w = vec.shape[1], vec.shape[2]
    top, left = (tf.shape(a)[1] - h) // 2, (tf.shape(a)[2] - w) // 2
    return tf.reduce_mean(_project(a[:, top : top + h, left : left + w], vec, cossim_pow), [1, 2])


def from_directions(directions: Directions, cossim_pow: float = 0) -> list[Objective]:
    """Return one `direction` objective per row: the common road for channels, neuron groups and concept vectors.

    Args:
        directions: K directions of one layer.
        cossim_pow: power of the cosine.

    Returns:
        K objectives, titled with the rows' names.

    Example:
        >>> rows = Directions.from_channels("conv2", [7], 16)
        >>> [str(2 * item) for item in from_directions(rows)]
        ['2 * channel 7']
    """
    items = [direction(directions.layer, vector, cossim_pow) for vector in directions.vectors]
    for item, name in zip(items, directions.names, strict=True):
        item.title = str(name)  # type: ignore[attr-defined]
    return items


def deepdream(layer: str) -> Objective:
    """Reward: the mean square of everything in a layer (DeepDream).

    Args:
        layer: name of a layer.

    Returns:
        The objective.
    """
    return Term(_deepdream, {"layer": layer}, needs=((layer, "layer", 0),), title=f"deepdream({layer!r})")


def _deepdream(T: Lookup, layer: str) -> Any:
    return tf.reduce_mean(T(layer) ** 2, [1, 2, 3])


def class_logit(target: int | str) -> Objective:
    """Reward: the logit of a class.

    Args:
        target: class index or name, or whatever else `Model.target` takes for a class ("breed:dog"). Of a map of
            logits, the mean over its positions.

    Returns:
        The objective.
    """
    return Term(_class_logit, targets={"k": target}, needs=(("output", "layer", 0),), title=f"class_logit({target!r})")


def _class_logit(T: Lookup, k: Any) -> Any:
    return pick(tf.reduce_mean(T("output"), [1, 2]), k)


def class_weights(term: Term, output: str, weights: np.ndarray, title: str) -> Term:
    """Return the term for a class of a network that is known by now.

    Args:
        term: as `class_logit` made it.
        output: path of the output that the class belongs to.
        weights: float32 [K], what each number of that output counts.
        title: how it is written.
    """
    needs = ((output, "layer", 0),)
    return Term(_weighted_logits, {"output": output}, {"weights": weights}, needs=needs, title=title)


def _weighted_logits(T: Lookup, output: str, weights: Any) -> Any:
    return tf.reduce_sum(tf.reduce_mean(T(output), [1, 2]) * weights, -1)


def channel_interpolate(layer1: str, n1: int, layer2: str, n2: int) -> Objective:
    """Reward: from one channel (first picture) to another (last picture) in equal steps, over `count` pictures.

    Args:
        layer1: layer of the first channel.
        n1: first channel.
        layer2: layer of the second channel.
        n2: second channel.

    Returns:
        The objective.
    """
    values = {"n1": check_index("n1", n1), "n2": check_index("n2", n2)}
    needs = ((layer1, "channel", n1), (layer2, "channel", n2))
    title = f"channel_interpolate({layer1!r}, {n1}, {layer2!r}, {n2})"
    return Term(_channel_interpolate, {"layer1": layer1, "layer2": layer2}, values, needs=needs, title=title)


def _channel_interpolate(T: Lookup, layer1: str, layer2: str, n1: Any, n2: Any) -> Any:
    a, b = mean_of_channel(T, layer1, n1), mean_of_channel(T, layer2, n2)
    if T.count < 2:
        raise ValueError("channel_interpolate goes from one picture to another: render it with count=2 or more")
    weight = tf.tile(tf.linspace(0.0, 1.0, T.count), [tf.shape(a)[0] // T.count])
    return (1 - weight) * a + weight * b


def dot_compare(layer: str, images: Any, cossim_pow: float = 0, weights: Any = None) -> Objective:
    """Reward: a caricature, the dot product with a real picture's activation, times `max(0.1, cosine)^cossim_pow`.

    The real picture goes through the same random transform as the optimized one.

    Args:
        layer: name of a layer.
        images: the real picture [h,w,C] in [0,1], of the size that is rendered.
        cossim_pow: power of the cosine.
        weights: [C], what each channel of the real picture's activation counts for; None is 1.

    Returns:
        The objective.

    Source: Lucid `recipes.caricature`, and its notebooks' `weighted_dot_compare`; layer by layer it is feature
    inversion (Mahendran & Vedaldi, 2015).
    """
    fixed = {"layer": layer, "cossim_pow": float(cossim_pow)}
    values, need = {"images": check_picture(images)}, (layer, "layer", 0)
    if weights is not None:
        values["weights"] = _vector(weights, 1, "weights")
        need = (layer, "width", len(values["weights"]))
    return Term(_dot_compare, fixed, values, needs=(need,), title=_title("dot_compare", layer, cossim_pow))


def _dot_compare(T: Lookup, layer: str, cossim_pow: float, images: Any, weights: Any = None) -> Any:
    real, mine = T(layer, of=images), T(layer)
    if weights is not None:
        real *= weights[:, None, None, :]
    dot = tf.reduce_sum(real * mine, [1, 2, 3])
    if not cossim_pow:
        return dot
    return dot * tf.maximum(0.1, dot / (1e-6 + _norm(mine, [1, 2, 3]) * _norm(real, [1, 2, 3]))) ** cossim_pow


def activation_difference(layers: str | Sequence[str], images: Any, *, gram: bool = False) -> Objective:
    """Penalty: the mean absolute difference from a real picture's activations, summed over layers (content and style).

    Args:
        layers: one or several layer names.
        images: the real picture [h,w,C] in [0,1], of the size that is rendered.
        gram: compare Gram matrices F^T F / (h w) (style) in place of activations (content).

    Returns:
        The objective.

    Source: Gatys et al. (2015), with mean L1 as in Lucid's style transfer.
    """
    names = (layers,) if isinstance(layers, str) else tuple(layers)
    fixed = {"layers": names, "matrices": bool(gram)}
    title = f"activation_difference({', '.join(names)}{', gram' if gram else ''})"
    needs = tuple((name, "layer", 0) for name in names)
    return Term(_activation_difference, fixed, {"images": check_picture(images)}, neutral=0.0, needs=needs, title=title)


def _activation_difference(T: Lookup, layers: tuple, matrices: bool, images: Any) -> Any:
    total = tf.constant(0.0)
    for layer in layers:
        mine, real = T(layer), T(layer, of=images)
        if matrices:
            mine, real = gram(mine), gram(real)
        total += tf.reduce_mean(tf.abs(mine - real), list(range(1, len(mine.shape))))
    return total


def gram(activations: Any) -> Any:
    """Return how often channels are active together, wherever that is: the Gram matrix.

    Args:
        activations: float32 tensor [N,h,w,C].

    Returns:
        float32 tensor [N,C,C], the mean over positions of the products of channels.

    Example:
        >>> gram(tf.ones((1, 2, 2, 3))).numpy().tolist()
        [[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]]
    """
    positions = tf.cast(tf.shape(activations)[1] * tf.shape(activations)[2], tf.float32)
    return tf.einsum("nhwc,nhwd->ncd", activations, activations) / positions


def _project(a: Any, vec: Any, power: float) -> Any:
    dot = tf.reduce_sum(a * vec, -1)
    if not power:
        return dot
    cosine = dot / (1e-4 + _norm(a, -1)) / (1e-4 + _norm(vec, -1))
    return dot * tf.maximum(0.1, cosine) ** power


def _norm(a: Any, axis: Any) -> Any:
    return tf.sqrt(tf.reduce_sum(a * a, axis) + 1e-12)  # the 1e-12 keeps the gradient of a dead picture finite


def _at(a: Any, x: Any, y: Any) -> Any:
    """Return the vectors [N,C] at column x[i], row y[i] of picture i; None is the middle."""
    height, width = tf.shape(a)[1], tf.shape(a)[2]
    column = tf.one_hot(tf.fill(tf.shape(a)[:1], width // 2) if x is None else x, width)
    row = tf.one_hot(tf.fill(tf.shape(a)[:1], height // 2) if y is None else y, height)
    return tf.einsum("nhwc,nh,nw->nc", a, row, column)


def _position(layer: str, x: int | None, y: int | None) -> tuple[dict, tuple]:
    given = {key: check_index(key, value) for key, value in (("x", x), ("y", y)) if value is not None}
    return given, tuple((layer, key, value) for key, value in given.items())


def _vector(vec: Any, rank: int, name: str = "vec") -> np.ndarray:
    array = np.asarray(vec, np.float32)
    if array.ndim == 4 and rank == 3 and len(array) == 1:
        array = array[0]
    if array.ndim != rank:
        raise ValueError(f"{name} must have shape {['C'] if rank == 1 else ['h', 'w', 'C']}, got {list(array.shape)}")
    return array


def _title(name: str, layer: str, cossim_pow: float) -> str:
    return f"{name}({layer!r}, ...)" if not cossim_pow else f"{name}({layer!r}, ..., cossim_pow={cossim_pow:g})"
