"""`weight_randomization`: does a map change when what the network learned is taken away, layer by layer?"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.attribution.attribute import TargetLike, find_last_map
from tf_interp.attribution.evidence.fidelity import correlate_ranks
from tf_interp.attribution.gradient_rules import read_rules
from tf_interp.attribution.methods.class_activation import ClassActivation
from tf_interp.attribution.registry import METHODS, list_methods, number_names, read_method
from tf_interp.attribution.scene import open_scene
from tf_interp.attribution.scores import Scores, resolve_scores
from tf_interp.display import name_some, number_of, tell, write_number
from tf_interp.models import Model
from tf_interp.models.batches import count_rows, in_batches, take_inputs
from tf_interp.probe import Probe

_ALIKE = 0.5  # rank correlation from which a map without anything learned counts as the same


@dataclasses.dataclass(frozen=True, eq=False)
class WeightRandomization:
    """How alike maps are to the true ones: M methods, S stages, N pictures. Low is good.

    At stage s the weights of `layers[s]` and of all layers behind it are shuffled; at the last one those of all.

    Args:
        methods: names [M].
        layers: paths [S], the first layer whose weights are shuffled; from the end of the network to its start.
        similarity: float32 [M,S,N]: Spearman's rank correlation with the true map; NaN where a map does not vary.
        absolute: float32 [M,S,N]: the same of the absolute values, which a change of sign does not lower.
    """

    methods: tuple[str, ...]
    layers: tuple[str, ...]
    similarity: np.ndarray
    absolute: np.ndarray

    def to_dataframe(self) -> Any:
        """Return a table: a row per method, stage and picture.

        Returns:
            pandas `DataFrame` with the columns "method", "layer", "picture", "similarity" and "absolute".

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        method, stage, picture = np.indices(self.similarity.shape).reshape(3, -1)
        return pd.DataFrame(
            {
                "method": np.array(self.methods)[method],
                "layer": np.array(self.layers)[stage],
                "picture": picture,
                "similarity": self.similarity.ravel(),
                "absolute": self.absolute.ravel(),
            }
        )

    def explain(self) -> str:
        """Return a line per method."""
        return "\n".join(f"{method}: {self.sentence(method)}" for method in self.methods)

    def sentence(self, method: str) -> str:
        """Return in a sentence how much of a method's map is left without what the network learned.

        Args:
            method: one of `methods`.
        """
        signed, absolute = (item[self.methods.index(method)] for item in (self.similarity, self.absolute))
        if not np.isfinite(signed[-1]).any():
            return "no map is left to compare with when all weights are shuffled"
        last, size = np.nanmean(signed[-1]), np.nanmean(absolute[-1])
        alike = [
            stage
            for stage, pair in enumerate(zip(signed, absolute, strict=True))
            if any(np.isfinite(one).any() and np.nanmean(one) >= _ALIKE for one in pair)
        ]
        verdict = "it depends on what was learned"
        if alike:
            where = "" if alike[-1] == len(self.layers) - 1 else f" from {self.layers[alike[-1]]!r} on"
            verdict = f"it hardly depends on what was learned{where}"
        first = np.nanmean(signed[0]) if np.isfinite(signed[0]).any() else np.nan
        return (
            f"with all weights shuffled the map correlates by {last:.2f} with the true one ({size:.2f} in "
            f"absolute values), with those from {self.layers[0]!r} on by {first:.2f}; {verdict}"
        )

    def __repr__(self) -> str:
        what = f"{name_some(self.methods)} on {number_of(self.similarity.shape[2], 'picture')}"
        known = self.similarity[:, -1][np.isfinite(self.similarity[:, -1])]
        alike = f"correlation {write_number(known.mean() if known.size else None)} with all weights shuffled"
        return tell(self, what, number_of(len(self.layers), "stage"), alike)


def weight_randomization(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    target: TargetLike,
    *,
    methods: Sequence[str | tuple[str, dict[str, Any]]] = ("gradient", "gradient_x_input", "integrated_gradients"),
    layer: str | None = None,
    stages: int = 8,
    seed: int = 0,
    batch_size: int = 32,
) -> WeightRandomization:
    """Compare maps with those of a network whose weights are shuffled, from its end on, more and more (cascading).

    A method that explains what the network learned must give another map then. The numbers in each weight change their
    places, so that their distribution stays. The network itself is left as it is.

    Args:
        model: the network, a Keras model.
        images: as in `attribute`.
        target: as in `attribute`.
        methods: names, as in `attribute`, or (name, settings) pairs; `relu` and `pooling` are settings here.
        layer: name of a layer, None for the input; class activation maps are of the last layer with positions then.
        stages: into how many steps the layers are shared out.
        seed: of the shuffles.
        batch_size: images at a time.

    Returns:
        The similarities.

    Raises:
        ValueError: if a method, layer or class does not exist, a number is out of range, or the model is a SavedModel.
        TypeError: if a method has no such setting.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> layers = [keras.layers.Conv2D(5, 3, name="conv"), keras.layers.Flatten(), keras.layers.Dense(2)]
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), *layers]))
        >>> images = np.random.default_rng(0).uniform(size=(2, 8, 8, 3))
        >>> weight_randomization(model, images, 1, methods=["gradient"]).similarity.shape
        (1, 2, 2)

    Source:
        Adebayo et al., Sanity Checks for Saliency Maps, 2018; there weights are drawn anew.
    """
    if min(stages, batch_size) < 1:
        raise ValueError(f"stages and batch_size must be at least 1, got {stages} and {batch_size}")
    asked = list_methods(methods)
    if not asked:
        raise ValueError(f"weight_randomization needs at least one method of {list(METHODS)}")
    names = [
        " ".join([name, *(options[key] for key in ("relu", "pooling") if options.get(key))]) for name, options in asked
    ]
    rules = [read_rules(options.pop("relu", None), options.pop("pooling", None)) for _, options in asked]
    chosen = [read_method(name, options) for name, options in asked]
    array = take_inputs(model, images, "weight_randomization")
    path = None if layer is None else model.resolve(layer, channels=True)
    if path is None and isinstance(array, Mapping):
        raise ValueError(f"the network has {len(array)} inputs, {list(array)}: name a layer")
    scores = resolve_scores(model, target, count_rows(array), array)
    own = model.layer_weights()
    order = _from_the_end(model, scores, list(own))
    places = [find_last_map(model) if path is None and isinstance(one, ClassActivation) else path for one in chosen]

    def draw(weights: Any) -> list[np.ndarray]:
        return [
            _draw(model, array, scores, place, method, rule, weights, batch_size)
            for place, method, rule in zip(places, chosen, rules, strict=True)
        ]

    true, weights, layers, similar = draw(own), dict(own), [], []
    for part in np.array_split(np.arange(len(order)), min(stages, len(order))):
        weights |= {order[number]: shuffle_weights(own[order[number]], [seed, int(number)]) for number in part}
        layers.append(order[part[-1]])
        similar.append([_compare(one, other) for one, other in zip(true, draw(weights), strict=True)])
    found = np.moveaxis(np.array(similar, np.float32), 0, 2)  # [M,2,S,N]
    return WeightRandomization(tuple(number_names(names)), tuple(layers), found[:, 0], found[:, 1])


def _from_the_end(model: Model, scores: Scores, paths: list[str]) -> list[str]:
    """Return the layers that the score may depend on, the last one first."""
    place = {path: number for number, path in enumerate(model.layers)}
    end = len(place) if scores.output in model.outputs else place[scores.output]
    found = [path for path in paths if place[path] <= end]
    if not found:
        raise ValueError(f"no layer before {scores.output!r} has weights to shuffle")
    return found[::-1]


def shuffle_weights(values: Sequence[tf.Tensor], seed: Sequence[int]) -> list[tf.Tensor]:
    """Return weights whose numbers changed their places, each within its own tensor, so that nothing learned is left.

    Args:
        values: weights of one layer.
        seed: numbers that the places depend on.
    """
    random = np.random.default_rng(seed)
    return [tf.reshape(tf.constant(random.permutation(value.numpy().ravel())), value.shape) for value in values]


def _draw(
    model: Model, array: Any, scores: Scores, path: str | None, method: Any, rule: Any, weights: Any, batch_size: int
) -> np.ndarray:
    """Return a method's maps [N,h,w] of the network with other weights."""

    def work(batch: Any, rows: np.ndarray) -> Any:
        scene = open_scene(model, path, None, batch, rows, scores, weights)
        return method.explain(scene if rule is None else scene.replacing(rule), None).values

    found = in_batches(model, "attribution", [array, np.arange(count_rows(array))], batch_size, work)
    return np.concatenate(list(found)).sum(-1)


def _compare(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the rank correlations of maps [N,h,w], as they are and of absolute values, [2,N]."""
    return np.array(
        [[correlate_ranks(f(one), f(other)) for one, other in zip(maps, others, strict=True)] for f in (np.array, abs)]
    )
