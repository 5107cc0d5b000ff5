"""Where groups fire, in few numbers: enough to know them again at the next step."""

import dataclasses
import math

import numpy as np

from tf_interp.directions import Directions
from tf_interp.groups.found_groups import Groups

_NUMBERS = 1024  # for each group, over all pictures


def summarize(groups: Directions) -> Directions:
    """Return groups whose weights are means over few cells of each picture; other directions as they are.

    With 64 pictures or fewer these are 4 x 4 cells or more, with 1,024 one cell a picture; of more pictures the first
    1,024 are kept.

    Args:
        groups: any number, with weights [N,h,w,K].
    """
    if not isinstance(groups, Groups):
        return groups
    weights = groups.weights[:_NUMBERS]
    side = max(1, math.isqrt(_NUMBERS // max(1, len(weights))))
    for axis in (1, 2):
        edges = np.arange(min(side, weights.shape[axis])) * weights.shape[axis] // min(side, weights.shape[axis])
        lengths = np.diff([*edges, weights.shape[axis]])
        form = [-1 if place == axis else 1 for place in range(4)]
        weights = np.add.reduceat(weights, edges, axis=axis) / lengths.reshape(form)
    return dataclasses.replace(groups, weights=weights.astype(np.float32), ids=tuple(groups.ids[:_NUMBERS]))
