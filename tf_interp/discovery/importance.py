"""How much a decision hangs on each of several directions: total Sobol indices."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.groups import Groups
from tf_interp.groups.effects.sobol_design import draw_design, estimate_indices
from tf_interp.models import Model, Target
from tf_interp.models.batches import in_batches


def total_indices(
    model: Model,
    images: np.ndarray,
    activations: np.ndarray,
    groups: Groups,
    target: Target,
    *,
    designs: int,
    seed: int,
    batch_size: int,
) -> np.ndarray:
    """Return the total Sobol index of each group: its part in the score's variance when all are faded at random.

    A run keeps a random part 0..1 of each group at all positions; what no group explains stays as it is. The index
    counts a group's own effect and all interactions that it takes part in. Variances are summed over the images before
    they are divided, so that images on which the groups do nothing weigh nothing.

    Args:
        model: the network.
        images: float32 [N,H,W,C] in [0,1].
        activations: float32 [N,...] of the groups' layer on these images.
        groups: K groups with weights on these images.
        target: what the groups are important for.
        designs: random runs for each image, n: (K + 2) * n in all.
        seed: of the fadings.
        batch_size: runs at a time; changes nothing but memory and speed.

    Returns:
        float64 array [K], 0..1 up to sampling error; all 0 where the groups change nothing.

    Source:
        Jansen, Analysis of variance designs for model output, 1999; Fel et al., CRAFT, 2023, section 3.3.
    """
    values = []
    for number, (image, whole) in enumerate(zip(images, activations, strict=True)):
        masks = draw_design(len(groups), designs, (seed, 2, number))
        parts = groups.weights[number].reshape(-1, len(groups))
        run = functools.partial(_fade, model, image, whole, parts, groups, target)
        scores = [np.float64(part) for part in in_batches(model, "importance", [masks], batch_size, run)]
        values.append(np.concatenate(scores).reshape(-1, designs))
    return estimate_indices(np.stack(values, -1))[1]


def _fade(
    model: Model,
    image: np.ndarray,
    whole: np.ndarray,
    parts: np.ndarray,
    groups: Groups,
    target: Target,
    masks: np.ndarray,
) -> Any:
    """Return the score of one image in each run, [n]; `masks` [n,K] say how much of each group is left."""
    taken = (((1 - masks)[:, None] * parts) @ groups.vectors).reshape(-1, *whole.shape)
    same = tf.broadcast_to(image, (len(masks), *image.shape))
    return target.score(model.run(same, [target.output], {groups.layer: whole - taken})[target.output])
