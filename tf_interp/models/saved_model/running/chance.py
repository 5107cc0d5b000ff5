"""Does a graph draw what it returns?"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

_DRAWING = ("Multinomial", "StatefulUniform", "StatefulStandardNormal", "StatefulTruncatedNormal")


def depends_on_chance(
    read: Any, specs: Mapping[str, tf.TensorSpec], run: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]
) -> bool:
    """Return whether outputs are drawn: from a saved state that each run begins with, or anew in each run.

    The second is measured, since graphs of TensorFlow 1 may hold a dropout that leaves all as it is.

    Args:
        read: a `PlainGraph`.
        specs: what it takes.
        run: from inputs to outputs.
    """
    kinds = {node.op for node in read.nodes.values() if "Random" in node.op or node.op.startswith(_DRAWING)}
    if not kinds or read.states:
        return bool(kinds)
    try:
        noise = {
            name: tf.cast(tf.random.stateless_uniform([side or 2 for side in spec.shape], [0, 0]), spec.dtype)
            for name, spec in specs.items()
        }
        first, second = run(noise), run(noise)
    except Exception:  # it wants something else than noise
        return True
    return any(not np.array_equal(first[name], second[name]) for name in first)
