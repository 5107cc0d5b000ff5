"""Why a map is empty: no black picture without its reason."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.attribution.scene import Scene
from tf_interp.models.dependence import find_behind

_SAME = 1e-3  # units farther apart are not at one bound, however large another unit is, such as a masked one


def find_cause(scene: Scene, row: int) -> str | None:
    """Return where the gradient of an image ends, in words; None if it does not end, or nobody can tell.

    Layers between are asked for theirs, by halves: the first one that has one lets nothing through to those before.

    Args:
        scene: the batch.
        row: of the image in the batch.
    """
    if not np.asarray(scene.seed(scene.point))[row].any():
        return f"the score does not change with {scene.scores.output!r} there, a saturated softmax or sigmoid perhaps"
    if _passes(scene, row):
        return None
    paths = [path for path in scene.model.layers if path not in scene.model.outputs]
    first = 0 if scene.path is None else paths.index(scene.path) + 1
    last = paths.index(scene.scores.output) if scene.scores.output in paths else len(paths)
    between = _find_way(scene, paths[first:last])
    without, with_one = -1, len(between)
    while with_one - without > 1:
        middle = (without + with_one) // 2
        if _passes(_move(scene, between[middle]), row):
            with_one = middle
        else:
            without = middle
    if with_one == len(between):
        return None
    return _describe(between[with_one], np.asarray(scene.activation(between[with_one]))[row])


def _find_way(scene: Scene, paths: list[str]) -> list[str]:
    """Return those of some layers that are computed from what the scene is about; a branch beside it blocks nothing."""
    found: list[str] = []

    def trace(images: Any, point: tf.Tensor) -> None:
        if scene.path is None:
            images = point if scene.input is None else {**images, scene.input: point}
        got = scene.model.run(images, paths, {} if scene.path is None else {scene.path: point}, scene.weights)
        behind = find_behind([point])
        found.extend(path for path in paths if got[path].op in behind)

    spec = tf.nest.map_structure(
        tf.TensorSpec.from_tensor, (tf.nest.map_structure(tf.constant, scene.images), scene.point)
    )
    tf.function(trace, autograph=False).get_concrete_function(*spec)
    return found


def _move(scene: Scene, path: str) -> Scene:
    """Return the same scene at another layer, with the network's own gradients."""
    return dataclasses.replace(scene, path=path, input=None, point=scene.activation(path), replaced=None, known={})


def _passes(scene: Scene, row: int) -> bool:
    """Return whether the gradient is not zero for an image."""
    try:
        return bool(np.asarray(dataclasses.replace(scene, replaced=None).gradient(scene.point)[1])[row].any())
    except ValueError:  # the layer is on no way to the score, or before an operation without a gradient
        return False


def _describe(path: str, value: np.ndarray) -> str:
    """Return what of a layer lets no gradient through, from its activation on one image."""
    low, high = float(value.min()), float(value.max())
    units = f"all {value.size:,} units of layer {path!r}"
    if low == high == 0:
        return f"{units} are zero there (a dead ReLU, or weights that are zero)"
    if np.minimum(value - low, high - value).max() <= min(1e-6 * (high - low), _SAME):
        where = f"{low:.3g}" if low == high else f"{low:.3g} or {high:.3g}"
        return f"{units} are at {where} there, as where it is saturated, or where something else was chosen"
    return (
        f"on the way to the score it ends at layer {path!r}, by a factor of zero, a mask, an operation without a "
        "gradient, or since the score asks only about other numbers there"
    )
