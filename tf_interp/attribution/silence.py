"""Why a map is empty: no black picture without its reason."""

import dataclasses

import numpy as np

from tf_interp.attribution.scene import Scene


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
    between = paths[first:last]
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
    if low == high == 0:
        return f"all {value.size:,} units of layer {path!r} are zero there (dead ReLU)"
    if np.minimum(value - low, high - value).max() <= 1e-6 * (high - low):
        where = f"{low:.3g}" if low == high else f"{low:.3g} or {high:.3g}"
        return f"layer {path!r} is saturated there, all its {value.size:,} units are at {where}"
    return f"layer {path!r} lets no gradient through"
