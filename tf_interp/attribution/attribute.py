"""`attribute`: what pushed a decision, by pixel, position, channel, or along any `Directions`."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.attribution.attributed import Attribution
from tf_interp.attribution.gradient_rules import read_rules
from tf_interp.attribution.methods.class_activation import ClassActivation
from tf_interp.attribution.methods.integrated_gradients import IntegratedGradients
from tf_interp.attribution.methods.method import Method, Split, is_zero
from tf_interp.attribution.registry import AT_PICTURES, DEFAULT, read_method
from tf_interp.attribution.scene import Scene, check_input, name_place, open_scene
from tf_interp.attribution.scores import STALE, LayerTarget, Scores, read_known, resolve_scores
from tf_interp.attribution.silence import find_cause
from tf_interp.directions import Directions
from tf_interp.models import Model, Target
from tf_interp.models.batches import count_rows, in_batches, take_inputs
from tf_interp.models.layout import find_kinds, main_input
from tf_interp.probe import Probe

TargetLike = (
    int
    | str
    | Target
    | LayerTarget
    | Directions
    | Scores
    | Sequence[int | str | Target]
    | Callable[[tf.Tensor], tf.Tensor]
)
_COMPLETE = 0.01  # share of the change of the score that a sum may miss before it is said


def attribute(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    target: TargetLike,
    *,
    layer: str | None = None,
    along: Directions | None = None,
    through: Directions | None = None,
    method: str | None = None,
    steps: int | None = None,
    relu: str | None = None,
    pooling: str | None = None,
    batch_size: int = 32,
    input: str | None = None,
    **options: Any,
) -> Attribution:
    """Attribute a score to the pixels of images, to the neurons of a layer, or to directions in a layer.

    With a the images or the layer's activation and g the gradient of the score with respect to it, the values are

    * "gradient": g;
    * "gradient_x_input" (`baseline=0`): (a - baseline) * g, the linear approximation;
    * "integrated_gradients" (`steps=32, baseline=0`): a * (mean of g at `steps` midpoints of the straight line from the
      baseline to a). Their sum comes close to score(a) - score(baseline); a miss of more than 1 % is said;
    * "expected_gradients" (`baselines=` a probe, `samples=32`): the same from other pictures in place of nothing;
    * "smoothgrad", "squaregrad", "vargrad" (`samples=50, noise=.15`): mean of g, of g^2, and variance of g under noise;
    * "grad_cam", "grad_cam_plus_plus", "layer_cam": one map of a layer; without `layer` of the last one with positions;
    * "lrp" (`rule="epsilon_plus", epsilon=1e-6`): the score handed back layer by layer;
    * "occlusion" (`window=, stride=, baseline=0`): the fall of the score when a window is covered;
    * "rise" (`samples=500, cells=7, share=.5, baseline=0`): random masks weighted with the score under them;
    * "shapley" (`cells=3, baseline=0`): exact Shapley values of 9 regions, or along at most 10 directions.

    The last three need no gradient and give one number a position. Each method's own file tells more.

    With `along`, the activation at each position is written as a sum of directions and a rest; each direction's part is
    multiplied with the gradient and summed over positions:

    * Neuron groups, on images that they were found on: the sum is the groups' own, `weights @ vectors`.
    * Other directions: the sum is the one that comes closest to the activation (least squares; of several the one with
      the smallest weights). One-hot directions give exactly the channels' attribution; for a single direction v it is
      (a.v)(v.g)/(v.v), whatever the length of v; equal directions share.
    * "gradient" needs no such sum: each value is v.g, summed over positions.

    Args:
        model: the network.
        images: a probe, or float32 [N,H,W,C] in [0,1], or what else the network takes; for a network with several
            inputs a dict of arrays [N,...], and then a layer or `input` is needed.
        target: the score: a class index or class name (its logit; see `Model.target`), a sequence of one of these per
            image, or a callable from logits [n,classes] to scores [n], e.g. `lambda y: y[:, 3] - y[:, 5]`, which is
            called for n images at a time, and must not mix them. For "why this and not that" subtract two targets:
            `model.target("wolf") - model.target("husky")`. For something inside of the network a `LayerTarget`, or one
            row of `Directions` (`groups[2]`): its activation along the direction, summed over positions; of a group, on
            images that it was found on, weighted with where it fires.
        layer: name of a layer, None for the input.
        along: directions in that layer, which may then be left out.
        through: directions of a later layer: only what reaches the score through them counts, to first order.
        method: one of the above; None is "gradient_x_input", at the input of pictures with `baseline="mean"`, the mean
            color of each picture: black means nothing special there.
        steps: points on the path of "integrated_gradients".
        relu: "guided" or "deconvnet": other gradients of ReLU. Their pictures are sharp, and hardly depend on the class
            or on the weights behind (Adebayo et al., Sanity Checks for Saliency Maps, 2018): for show.
        pooling: "smooth": max pooling hands back to all positions of a window, by the gradient of mean x^2 / mean |x|,
            which takes away the checkerboard of position maps; no exact gradient any more.
        batch_size: images at a time; changes nothing but memory and speed.
        input: of a network with several inputs, the one to attribute the score to; the others stay what they are.
        **options: settings of the method, as above.

    Returns:
        The attribution.

    Raises:
        TypeError: if the model was not opened, or the method has no such setting.
        ValueError: if a layer, class or method does not exist, or shapes do not match; if the score does not depend on
            the layer at all, or a gradient is not finite.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> layers = [keras.layers.Conv2D(5, 3, name="conv"), keras.layers.Flatten(), keras.layers.Dense(2)]
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), *layers]))
        >>> attribute(model, np.ones((4, 8, 8, 3)), 1, layer="conv").positions().shape
        (4, 6, 6)

    Source:
        Olah et al., The Building Blocks of Interpretability, 2018, "What Does the Network See?"; those of
        the methods stand with them, in `tf_interp/attribution/methods`.
    """
    if (steps is not None and steps < 1) or batch_size < 1:
        raise ValueError(f"steps and batch_size must be at least 1, got {steps} and {batch_size}")
    asked, method = method, method or DEFAULT
    chosen = read_method(method, _with_steps(method, steps, options))
    replaced = read_rules(relu, pooling)
    array = take_inputs(model, images, "attribute", strings=True)
    count = count_rows(array)
    path = find_place(model, layer, along)
    notes: list[str] = []
    if path is None and isinstance(chosen, ClassActivation):
        path = find_last_map(model)
        notes.append(f"{method} drew its map of {path!r}, the last layer with positions")
    check_input(model, array, path, input)
    if asked is None and path is None and not options and _takes_pictures(model, input):
        chosen = read_method(method, AT_PICTURES)
    scores = resolve_scores(model, target, count, array)
    if along is not None and not chosen.along:
        raise ValueError(
            f"{chosen.name!r} cannot be divided along directions: choose another method, or leave out along"
        )
    split, said = (None, ()) if along is None else split_along(model, along, array)
    gate = None if through is None else _gate(model, through, path)
    run = model.folded_in_half if chosen.folded else model.folded
    weights = run.folded_weights([scores.output])
    causes: list[str | None] = []

    def work(batch: Any, rows: np.ndarray) -> tuple:
        scene = open_scene(run, path, input, batch, rows, scores, weights)
        scene = scene if replaced is None else scene.replacing(replaced)
        if gate is not None:
            scene = dataclasses.replace(scene, scores=gate(scene))
        found = chosen.explain(scene, None if split is None else split(rows))
        if not bool(tf.reduce_all(tf.math.is_finite(found.values))):
            raise ValueError(
                f"the attribution to {scene.where} holds NaN or infinite values: has the training diverged?"
            )
        expected = np.full(len(rows), np.nan, np.float32) if found.expected is None else found.expected
        silent, empty = np.asarray(found.silent), np.asarray(is_zero(found.values))
        if silent.any() and not causes:
            causes.append(find_cause(scene, int(silent.argmax())))
        return found.values, scene.score(scene.point), found.totals, silent, empty & ~silent, expected

    found = in_batches(model, "attribution", [array, np.arange(count)], batch_size, work)
    joined, scored, totals, silent, empty, expected = (np.concatenate(items) for items in zip(*found, strict=True))
    return Attribution(
        joined,
        path,
        method,
        scored,
        totals,
        None if along is None or not chosen.divides else totals - joined.sum(-1),
        None if along is None else tuple(along.names),
        (
            *scores.notes,
            *said,
            *notes,
            *_say_silence(name_place(path, input), chosen, silent, empty, causes),
            *_say_missed(totals, expected),
        ),
    )


def _takes_pictures(model: Model, input: str | None) -> bool:
    kinds = find_kinds(model)
    return bool(kinds) and kinds[input or main_input(model)] == "pictures"


def _with_steps(method: str, steps: int | None, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options; `steps` concerns one method only, and is no mistake with the others."""
    return options if steps is None or method != IntegratedGradients.name else {**options, "steps": steps}


def _say_silence(
    where: str, method: Method, silent: np.ndarray, empty: np.ndarray, causes: Sequence[str | None]
) -> Iterator[str]:
    if silent.any():
        cause = next((cause for cause in causes if cause), method.reason)
        yield f"{method.silence.format(where)} for {silent.sum()} of {len(silent)} images: {cause}"
    if empty.any():
        yield f"the map of {where} is zero for {empty.sum()} of {len(empty)} images: {method.emptiness}"


def _say_missed(totals: np.ndarray, expected: np.ndarray) -> Iterator[str]:
    missed = np.abs(totals - expected) / np.maximum(np.abs(expected), 1e-6)
    if (missed > _COMPLETE).any():  # NaN where nothing was promised
        yield (
            f"the sums miss the change of the score by up to {np.nanmax(missed):.1%}, in {(missed > _COMPLETE).sum()} "
            f"of {len(missed)} images by more than {_COMPLETE:.0%}: take more steps or samples. Where that does not "
            "help, the network jumps, or its gradients are not those of what it computes, as with stop_gradient"
        )


def find_last_map(model: Model) -> str:
    """Return the path of the last layer with positions, which a class activation map is drawn of unasked."""
    maps = [path for path in model.layers if path not in model.outputs and _is_map(path, model.layers)]
    if not maps:
        raise ValueError(f"{model.name!r} has no layer with positions to draw a map of: name one with layer=")
    return model.resolve(maps[-1], channels=True)


def _is_map(path: str, layers: Mapping[str, tuple]) -> bool:
    """Return whether a layer has positions; what an attention asks with is tokens by heads, and no picture."""
    above, _, name = path.rpartition("/")
    heads = name.partition("@")[0] in ("query", "key", "value") and len(layers.get(above, ())) == 2
    return len(layers[path]) == 3 and tuple(layers[path][:2]) != (1, 1) and not heads


def _gate(model: Model, through: Directions, path: str | None) -> Callable[[Scene], Scores]:
    """Return what makes of a scene's scores only what reaches them through directions of a layer, to first order."""
    if not isinstance(through, Directions):
        raise TypeError(f"through must be Directions (groups, channels, concept vectors), got {type(through).__name__}")
    home = model.resolve(through.layer, channels=True)
    if home == path:
        raise ValueError(f"the score is attributed to {home!r} itself: use along= for directions of the same layer")
    inverse = _pseudo_inverse(through.vectors)

    def gate(scene: Scene) -> Scores:
        activation = scene.activation(home)
        there = dataclasses.replace(scene, path=home, input=None, point=activation, known={})
        slope = tf.einsum("...c,kc->...k", there.gradient(activation)[1], through.vectors)
        kept = np.asarray(tf.einsum("...k,ck->...c", slope, inverse))
        return Scores(home, weights=kept, offsets=np.zeros(len(kept), np.float32))

    return gate


def find_place(model: Model, layer: str | None, along: Directions | None) -> str | None:
    """Return the path of what is attributed to, None for the input.

    Args:
        model: the network.
        layer: name of a layer, or None.
        along: directions in it, or None.

    Raises:
        ValueError: if there is no such layer, or the directions belong to another one.
    """
    path = None if layer is None else model.resolve(layer, channels=True)
    if along is None:
        return path
    if not isinstance(along, Directions):
        raise TypeError(f"along must be Directions (groups, channels, concept vectors), got {type(along).__name__}")
    home = model.resolve(along.layer, channels=True)
    if path not in (None, home):
        raise ValueError(f"the directions belong to layer {home!r}, not to {path!r}")
    return home


def split_along(model: Model, along: Directions, images: Any) -> tuple[Callable[[np.ndarray], Split], tuple[str, ...]]:
    """Return, for the rows of a batch, how its activations are divided along directions; and what to know of that.

    Args:
        model: the network.
        along: the directions.
        images: all images; groups that were found on them know their own part.

    Raises:
        ValueError: if the directions do not fit their layer.
    """
    vectors = along.vectors
    channels = model.layers[model.resolve(along.layer)][-1]
    if channels not in (None, vectors.shape[1]):
        raise ValueError(f"the directions have {vectors.shape[1]} channels, their layer has {channels}")
    known, stale = read_known(model, along, images)
    inverse = _pseudo_inverse(vectors)

    def split(rows: np.ndarray) -> Split:
        own = None if known is None else known[rows]
        return Split(vectors, lambda point: tf.einsum("nhwc,ck->nhwk", point, inverse), own)

    return split, (f"{STALE}: the activation was divided into the sum that comes closest to it now",) * stale


def _pseudo_inverse(vectors: np.ndarray) -> np.ndarray:
    """Return the pseudo-inverse [C,K] of [K,C], exactly where rows are orthogonal."""
    wide = vectors.astype(np.float64)
    gram = wide @ wide.T
    lengths = np.diag(gram)
    if np.array_equal(gram, np.diag(lengths)) and (lengths > 0).all():
        return (wide / lengths[:, None]).T.astype(np.float32)
    return np.linalg.pinv(wide, rcond=1e-6).astype(np.float32)
