"""The edges of a graph: what a node puts directly into another one, and what the network does without it.

The *direct* effect of a node on a node of a later layer goes past all chosen layers in between: they are held where
they are. So what passes through another node is that node's own, and the linear effects into a node, with what a bias
or a bend adds, are what it is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.attribution.scores import Scores
from tf_interp.graph.graph_nodes import INPUT, Layer
from tf_interp.models import Model
from tf_interp.models.batches import call_compiled
from tf_interp.models.loss_scale import differentiate


def run_direct(model: Model, end: str, images: Any, held: Sequence[Layer], changed: dict[str, Any]) -> np.ndarray:
    """Return an activation or output while layers are held, float32 [N,...].

    Args:
        model: the network.
        end: what to return.
        images: as the network takes them.
        held: layers between, and before.
        changed: path -> activation in place of a held layer's own; "input" for other images.
    """
    given = {layer.path: changed.get(layer.path, layer.point) for layer in held if layer.path != INPUT}
    found = model.run(changed.get(INPUT, images), [end], {path: tf.constant(value) for path, value in given.items()})
    return np.asarray(tf.cast(found[end], tf.float32))


def find_slopes(
    model: Model, end: str, images: Any, layers: Sequence[Layer], scores: Scores
) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Return scores of `end`, and how they change directly with each layer before it.

    Args:
        model: the network.
        end: path of a layer or output.
        images: tensor [N,H,W,C], or a dict of them.
        layers: the input (or not) and all layers before `end`.
        scores: what counts of `end`.

    Returns:
        float32 [N]; for each of `layers` float32 like its point, or None where there is no direct way.
    """
    paths = [layer.path for layer in layers]
    points = [tf.constant(layer.point) for layer in layers]

    def read(images: Any, points: Sequence[Any]) -> Any:
        given = {path: point for path, point in zip(paths, points, strict=True) if path != INPUT}
        fed = points[paths.index(INPUT)] if INPUT in paths else images
        return tf.cast(model.run(fed, [end], given)[end], tf.float32)

    seed = scores.weights if scores.slope is None else scores.slope(read(images, points))

    def derive(images: Any, points: Any, seed: Any) -> tuple[Any, list[Any]]:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(points)
            found = read(images, points)
        seed = tf.reshape(seed, tf.shape(found)) if seed.shape.rank != found.shape.rank else seed
        seed = tf.broadcast_to(seed, tf.shape(found))
        slopes = differentiate(model, lambda scale: tape.gradient(found, points, seed if scale == 1 else scale * seed))
        return found, slopes

    key = ("graph", end, tuple(paths))
    found, slopes = call_compiled(model, key, derive, images, points, tf.constant(seed, tf.float32))
    return np.asarray(scores.score(found)), [None if slope is None else np.asarray(slope) for slope in slopes]
