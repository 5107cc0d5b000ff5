"""`GraphNetwork`: the network that a graph is about, as it was, cut into the parts of the nodes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.attribution.scores import Scores
from tf_interp.graph.graph_edges import run_direct
from tf_interp.graph.graph_nodes import INPUT, Layer
from tf_interp.models import Model


class GraphNetwork:
    """What a graph needs to be tested by hand.

    Args:
        model: the network.
        images: as it takes them.
        places: the input and the layers, in order, and what their nodes have of them.
        outputs: name of an output node -> what it asks.
    """

    def __init__(self, model: Model, images: Any, places: tuple[Layer, ...], outputs: dict[str, Scores]) -> None:
        self.model, self.images, self.places, self.outputs = model, images, places, outputs
        self._whole: dict[str, np.ndarray] | None = None

    @property
    def whole(self) -> dict[str, np.ndarray]:
        """Output -> scores [N], with nothing changed."""
        if self._whole is None:
            self._whole = self.score({})
        return self._whole

    def measure(self, factors: Mapping[str, float], like: Mapping[str, Any] | None = None) -> dict[str, np.ndarray]:
        """Return output -> scores [N] with nodes changed; later layers follow from what is before them.

        Where nodes of several layers are changed, what is added to or taken from a later layer is still the part that
        its node had before.

        Args:
            factors: name of a node -> what to multiply it with.
            like: name of a node -> index [N] of the picture from which each picture gets that node's part.
        """
        changed: dict[str, Any] = {}
        for place in self.places:
            extra: Any = 0.0
            for row, name in enumerate(place.names):
                if name in factors:
                    extra = extra + (factors[name] - 1) * place.parts[row]
                if name in (like or {}):
                    extra = extra + place.parts[row][(like or {})[name]] - place.parts[row]
            if isinstance(extra, float):
                continue
            now = place.point
            if changed and place.path != INPUT:  # what earlier changes make of this layer
                now = run_direct(self.model, place.path, self.images, self._held(changed), changed)
            changed[place.path] = now + extra
        return self.score(changed)

    def fall(self, changed: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return output -> by how much it is lower, [N], with some layers replaced."""
        left = self.score(changed)
        return {name: self.whole[name] - left[name] for name in left}

    def score(self, changed: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return output -> scores [N] with some layers replaced."""
        held, found = self._held(changed), dict[str, Any]()
        for scores in self.outputs.values():
            if scores.output not in found:  # several classes are read from one run
                found[scores.output] = tf.constant(run_direct(self.model, scores.output, self.images, held, changed))
        return {name: np.asarray(scores.score(found[scores.output])) for name, scores in self.outputs.items()}

    def _held(self, changed: dict[str, Any]) -> list[Layer]:
        return [place for place in self.places if place.path in changed]
