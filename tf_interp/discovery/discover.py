"""`find_concepts`: what a network looks for in the pictures of a class, found without names and ready to be tested."""

import dataclasses
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.attribution import attribute
from tf_interp.capture import read_activations
from tf_interp.directions import to_positions
from tf_interp.discovery.found_concepts import MINIMUM, FoundConcepts
from tf_interp.discovery.importance import total_indices
from tf_interp.groups import Groups
from tf_interp.groups.nmf import nmf, solve_weights
from tf_interp.images import digest_images
from tf_interp.models import Model
from tf_interp.models.batches import take_inputs
from tf_interp.probe import Probe

IMPORTANCE = ("sobol", "gradient")
_OVERLAP = 0.2  # part of a crop that its neighbor shows too
_THIN = 0.25  # concepts that explain less of a layer than this get a note


def find_concepts(
    model: Model,
    images: Probe | np.ndarray,
    layer: str,
    *,
    target: Any,
    k: int = 10,
    crops: Sequence[float] = (1 / 2, 1 / 3),
    held_out: float = 0.5,
    importance: str = "sobol",
    designs: int = 16,
    seed: int = 0,
    batch_size: int = 64,
) -> FoundConcepts:
    """Find what a network looks for in the pictures of a class, without telling it what to look for.

    The pictures are split: on the discovery part concepts are found and judged, the held-out part is kept for tests
    with `tcav` (see `FoundConcepts.concept`). Each picture is cut into overlapping crops of several scales, enlarged to
    its size; the layer's activations on the crops, mean over positions, are factorized into k non-negative directions.

    Each is then judged by what it does to the target in whole discovery pictures. "sobol", the default, fades concepts
    in and out at random: it takes a random part of each away from the layer's activation at all positions, runs the
    rest of the network, and gives the total Sobol index. It sees saturated and interacting concepts, to which the
    gradient at one point is blind, and costs (k + 2) * designs runs of the network above the layer for each picture.
    "gradient" needs one backward pass and is exact where the network is linear above the layer. The signed gradient
    effect is given in both cases.

    Args:
        model: the network.
        images: pictures of one class: a probe, or float32 [N,H,W,C] in [0,1], N >= 10, better 60 or more.
        layer: name of a layer, best right behind a ReLU; late ones have concepts, early ones textures and colors.
        target: class index or name, or a function from logits [n,classes] to [n].
        k: the most concepts to find.
        crops: sides of the crops as part of the picture's, 0 < side <= 1.
        held_out: part of the pictures that is kept for tests, 0..1.
        importance: "sobol" or "gradient".
        designs: random fadings for each picture, twice this many and k times again.
        seed: of the split, the factorization and the fadings.
        batch_size: pictures at a time; changes nothing but memory and speed.

    Returns:
        The concepts, the most important first; empty directions are left out.

    Raises:
        TypeError: if the model was not opened.
        ValueError: if the layer or target does not exist, a number is out of range, the layer is silent, or too few
            pictures remain without duplicates.

    Example:
        >>> found = find_concepts(model, zebras, "conv3", target="zebra", k=4, designs=2)
        >>> found.explain()[0].startswith("concept 0: it takes part in")
        True

    Source:
        Fel et al., CRAFT: Concept Recursive Activation FacTorization for Explainability, 2023; Ghorbani et al., Towards
        Automatic Concept-based Explanations (ACE), 2019; Jansen, Analysis of variance designs for model output, 1999.
        Unlike CRAFT, what the factorization leaves over stays in place, so that the unfaded picture is the real one.
    """
    pictures = take_inputs(model, images, "find_concepts")
    if isinstance(pictures, dict) or pictures.ndim != 4:
        what = list(pictures) if isinstance(pictures, dict) else f"an array of shape {list(pictures.shape)}"
        raise ValueError(f"find_concepts cuts pictures into crops, so it needs one array of them, got {what}")
    path = model.resolve(layer, channels=True)
    if path in model.outputs:
        raise ValueError(f"{path!r} is the end of the network: concepts are found in a layer before it")
    _check_options(k, crops, held_out, importance, designs, batch_size, seed)
    score = model.target(target)
    _, first = np.unique(digest_images(pictures), return_index=True)
    notes = [f"{len(pictures) - len(first)} duplicates were left out"] if len(first) < len(pictures) else []
    pictures = pictures[np.sort(first)]
    discovery, rest = _split(len(pictures), held_out, seed)
    boxes = _boxes(pictures.shape[1], pictures.shape[2], crops)

    values = _read_crops(model, pictures, path, boxes, batch_size)  # [N,B,C]
    vectors = _factorize(values[discovery].reshape(-1, values.shape[-1]), k, path, seed, notes)
    presence = solve_weights(values.reshape(-1, values.shape[-1]), vectors)
    presence = presence.astype(np.float32).reshape(*values.shape[:2], -1)

    seen = pictures[discovery]
    activations = read_activations(model, seen, [path], batch_size=batch_size)[path]
    groups = _describe(path, vectors, activations, digest_images(seen))
    pushed = attribute(model, seen, target, along=groups, batch_size=batch_size)
    effects = pushed.values.mean(0)
    notes += pushed.notes
    if importance == "sobol":
        judged = total_indices(
            model, seen, activations, groups, score, designs=designs, seed=seed, batch_size=batch_size
        ).clip(0, 1)  # sampling may carry an index beyond the whole
    else:
        judged = np.abs(effects) / (np.abs(effects).sum() or 1)
    if groups.shares.sum() < _THIN:
        notes.append(
            f"the concepts make up {groups.shares.sum():.0%} of the squared activation of {path} on whole pictures: "
            "ask for more of them, or take a layer right behind a ReLU, whose activations are not negative"
        )
    if not judged.any():
        notes.append(f"none of the concepts of {path} changes the target")
    order = np.argsort(-judged, kind="stable")
    names = [f"concept {index}" for index in range(len(order))]
    return FoundConcepts(
        dataclasses.replace(groups[order.tolist()], names=names), target, judged[order].astype(np.float32),
        effects[order].astype(np.float32), importance, pictures, discovery, rest, boxes, presence[..., order], seed,
        tuple(notes),
    )  # fmt: skip


def _check_options(
    k: int,
    crops: Sequence[float],
    held_out: float,
    importance: str,
    designs: int,
    batch_size: int,
    seed: int,
) -> None:
    if importance not in IMPORTANCE:
        raise ValueError(f"importance must be one of {list(IMPORTANCE)}, got {importance!r}")
    sides = [crops] if isinstance(crops, int | float) else list(crops)
    if isinstance(crops, int | float) or not sides or not all(0 < side <= 1 for side in sides):
        raise ValueError(
            f"crops must list sides as parts of the picture's, above 0 and up to 1, like [0.5]; got {crops}"
        )
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must lie between 0 and 1, got {held_out}")
    for name, value, least in (("k", k, 1), ("designs", designs, 2), ("batch_size", batch_size, 1), ("seed", seed, 0)):
        if not isinstance(value, numbers.Integral) or value < least:
            raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def _split(count: int, held_out: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the discovery and of the held-out pictures, each in order."""
    kept = round(count * held_out)
    if min(kept, count - kept) < MINIMUM:
        raise ValueError(
            f"{count} different pictures split into {count - kept} to find concepts on and {kept} to test them on; at "
            f"least {MINIMUM} are needed of each (30 or more are better): give more pictures"
        )
    order = np.random.default_rng((seed, 0)).permutation(count)
    return np.sort(order[kept:]), np.sort(order[:kept])


def _boxes(height: int, width: int, crops: Sequence[float]) -> np.ndarray:
    """Return (top, left, bottom, right) of crops that cover a picture evenly at each scale, int [B,4]."""
    found = []
    for side in crops:
        tall, wide = max(1, round(height * side)), max(1, round(width * side))
        steps = int(np.ceil((1 - side) / (side * (1 - _OVERLAP)) - 1e-9)) + 1
        tops, lefts = (np.linspace(0, whole - part, steps).round() for whole, part in ((height, tall), (width, wide)))
        found += [(top, left, top + tall, left + wide) for top in tops for left in lefts]
    return np.unique(np.array(found, np.int64), axis=0)


def _read_crops(model: Model, pictures: np.ndarray, path: str, boxes: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the layer's activation on each crop of each picture, mean over positions, float32 [N,B,C]."""
    found = []
    for top, left, bottom, right in boxes:  # one box of all pictures at a time: all crops together may not fit
        cut = tf.image.resize(pictures[:, top:bottom, left:right], pictures.shape[1:3], "bilinear", antialias=True)
        cut = np.clip(cut.numpy(), 0, 1)
        found.append(read_activations(model, cut, [path], pooling="mean", batch_size=batch_size)[path])
    return np.stack(found, 1)


def _factorize(rows: np.ndarray, k: int, path: str, seed: int, notes: list[str]) -> np.ndarray:
    """Return non-empty directions of unit length, float32 [K,C]."""
    if k > min(rows.shape):
        raise ValueError(
            f"layer {path!r} has {rows.shape[1]} channels and the pictures {len(rows)} crops, so there are 1 to "
            f"{min(rows.shape)} concepts, got k={k}"
        )
    if not np.isfinite(rows).all():
        raise ValueError(f"activations of layer {path!r} are NaN or infinite: has the training diverged?")
    positive = np.maximum(rows, 0)
    total = float(np.abs(rows).sum())
    if positive.sum() < (1 - 1e-6) * total:
        part = 1 - float(positive.sum()) / total
        notes.append(f"{part:.1%} of the activation of {path} is negative and was left out of the concepts")
    vectors = nmf(tf.constant(positive), k, seed=seed).vectors.numpy()
    alive = vectors.any(1)
    if not alive.any():
        raise ValueError(f"layer {path!r} has no positive activation on these pictures: choose another layer")
    if not alive.all():
        notes.append(f"{k} concepts were asked for, but the activations of {path} have only {int(alive.sum())} parts")
    return vectors[alive]


def _describe(path: str, vectors: np.ndarray, activations: np.ndarray, ids: Sequence[str]) -> Groups:
    """Return the directions with their weights at each position of whole pictures."""
    whole = to_positions(activations)
    rows = whole.reshape(-1, whole.shape[-1])
    weights = solve_weights(rows, vectors).astype(np.float32)
    power = float((rows**2).sum()) or 1.0
    return Groups(
        path, vectors, (), "groups",
        weights=weights.reshape(*whole.shape[:-1], len(vectors)),
        error=float(np.sqrt(((rows - weights @ vectors) ** 2).sum() / power)),
        shares=((weights * (rows @ vectors.T)).sum(0) / power).astype(np.float32),
        ids=tuple(ids),
    )  # fmt: skip
