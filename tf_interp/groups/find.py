"""`find_groups`: which neurons of a layer fire together, and where."""

import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.capture import read_activations
from tf_interp.directions import Directions, to_positions
from tf_interp.groups.nmf import nmf
from tf_interp.images import digest_images
from tf_interp.models import Model
from tf_interp.models.batches import take_inputs
from tf_interp.probe import Probe


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Groups(Directions):
    """Groups of neurons that fire together: directions that know where they are present.

    `weights @ vectors` is close to the layer's activations. `groups[[0, 2]]` is some of the groups.

    Args:
        weights: float32 [N,h,w,K], non-negative: how strongly each group fires at each position, in units of the layer.
        error: norm of the activation that the groups leave over, divided by the norm of the activation; 0..1.
        shares: float32 [K]: part of the activation's squared norm that each group explains; all together 1 - error^2.
        ids: content hash of each of the N images.
        notes: sentences on what a person should know, such as that negative activations were left out.
    """

    weights: np.ndarray
    error: float
    shares: np.ndarray
    ids: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def weights_for(self, images: Any) -> np.ndarray | None:
        """Return the groups' weights [N,h,w,K] on images that they were found on, else None."""
        rows = {name: row for row, name in enumerate(self.ids)}
        found = [rows.get(name) for name in digest_images(images)]
        return None if None in found else self.weights[np.asarray(found, np.int64)]

    def __getitem__(self, index: int | slice | Sequence[int]) -> "Groups":
        rows = np.atleast_1d(np.arange(len(self))[index])
        return dataclasses.replace(
            self,
            vectors=self.vectors[rows],
            names=[self.names[row] for row in rows],
            weights=self.weights[..., rows],
            shares=self.shares[rows],
        )


def find_groups(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    layer: str,
    k: int,
    *,
    seed: int = 0,
    init: Directions | np.ndarray | None = None,
    iterations: int = 200,
    batch_size: int = 64,
) -> Groups:
    """Find k groups of neurons that fire together, by non-negative factorization of a layer's activations.

    The activations of all images, one row per position, are split into `weights` [N,h,w,K], where each group fires, and
    `vectors` [K,C], which channels it is made of, rows of length 1. A layer without ReLU has negative activations too:
    they are left out, that is taken as 0, and a note says how much that was.

    Args:
        model: the network.
        images: a probe, or float32 [N,H,W,C] in [0,1]; for a network with several inputs a dict of arrays [N,...].
        layer: name of the layer; a dense layer [N,C] counts as one position, a sequence [N,T,C] as one row of them.
        k: number of groups, at most the number of channels and of positions.
        seed: of the random start.
        init: groups, or vectors [k,C], to start from: those of an earlier training step, say. The groups then keep
            order and names. Without it they are ordered by share, largest first.
        iterations: the most that the factorization may take.
        batch_size: images per forward pass.

    Returns:
        The groups; on a layer that is silent on all images they are empty, and a note says so.

    Raises:
        TypeError: if the model was not opened.
        ValueError: if the layer does not exist, `k` or `init` does not fit it, or its activations are not finite.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 3, name="conv")])
        >>> find_groups(open_model(network), np.ones((4, 8, 8, 3)), "conv", 2).weights.shape
        (4, 6, 6, 2)

    Source:
        Olah et al., The Building Blocks of Interpretability, 2018, "Making Things Human-Scale".
    """
    array = take_inputs(model, images, "find_groups")
    path = model.resolve(layer, channels=True)
    channels = model.layers[path][-1] if model.layers[path] else None
    if not isinstance(k, numbers.Integral) or k < 1 or (channels is not None and k > channels):
        raise ValueError(f"layer {path!r} has {channels} channels and so 1 to {channels} groups, got k={k!r}")
    if isinstance(init, Directions) and init.layer != path:
        raise ValueError(f"groups of layer {init.layer!r} cannot start those of layer {path!r}")
    start = init.vectors if isinstance(init, Directions) else init
    activations = tf.constant(to_positions(read_activations(model, array, [path], batch_size=batch_size)[path]))
    shape = activations.shape
    broken = int(tf.math.count_nonzero(~tf.math.is_finite(activations)))
    if broken:
        raise ValueError(
            f"{broken} of {shape.num_elements()} activations of layer {path!r} are NaN or infinite: "
            "has the training diverged?"
        )
    rows = shape.num_elements() // shape[-1]
    if k > rows:
        raise ValueError(
            f"layer {path!r} has {rows} positions on these images, too few for {k} groups: give more images"
        )
    positive = tf.nn.relu(activations)
    total = float(tf.reduce_sum(tf.abs(activations)))
    negative = 1 - float(tf.reduce_sum(positive)) / total if total else 0.0
    result = nmf(tf.reshape(positive, [-1, shape[-1]]), k, seed=seed, init=start, iterations=iterations)
    names = init.names if isinstance(init, Directions) else [f"group {index}" for index in range(k)]
    return Groups(
        path,
        result.vectors.numpy(),
        names,
        "groups",
        weights=result.weights.numpy().reshape(*shape[:-1], k),
        error=result.error,
        shares=result.shares,
        ids=tuple(digest_images(array)),
        notes=tuple(_notes(path, names, result.shares, negative)),
    )


def _notes(path: str, names: Sequence[str], shares: np.ndarray, negative: float) -> list[str]:
    notes = []
    if negative > 1e-6:
        notes.append(f"{negative:.1%} of the activation of {path} is negative and was left out of the groups")
    empty = [name for name, share in zip(names, shares, strict=True) if share == 0]
    if len(empty) == len(names):
        notes.append(f"{path} is silent: it has no positive activation on any of the images")
    elif empty:
        notes.append(f"{', '.join(empty)}: empty, the activations of {path} have fewer parts than that")
    return notes
