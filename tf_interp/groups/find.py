"""`find_groups`: which neurons of a layer fire together, and where."""

import dataclasses
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.capture import read_positions
from tf_interp.directions import Directions
from tf_interp.groups.found_groups import Groups
from tf_interp.groups.judging.halves import count_groups
from tf_interp.groups.methods.choice import MUCH, Automatic, choose, settle_by_start, share_negative
from tf_interp.groups.methods.factorizer import Factorizer, Fitted
from tf_interp.groups.methods.weighting import check_weighting, read_weighting
from tf_interp.groups.methods.windows import average_kept, check_flat, check_window, fit_windows
from tf_interp.images import digest_images
from tf_interp.models import Model
from tf_interp.models.batches import take_inputs
from tf_interp.models.batching.padding import find_padding, say_all_count, say_padding, tell_padding
from tf_interp.probe import Probe

AUTO = "auto"  # as many groups as hold


def find_groups(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    layer: str,
    k: int | str,
    *,
    seed: int = 0,
    init: Directions | np.ndarray | None = None,
    iterations: int = 200,
    batch_size: int = 64,
    method: str | tuple[str, Mapping[str, Any]] = "auto",
    reducer: Any = None,
    window: int = 1,
    weighting: str | None = None,
) -> Groups:
    """Find k groups of neurons that fire together, by factorization of a layer's activations.

    The activations of all images, one row per position, are split into `weights` [N,h,w,K], where each group fires, and
    `vectors` [K,C], which channels it is made of, rows of length 1. A layer without ReLU has negative activations too:
    where they are much, semi-NMF keeps them, and a note says so; "nmf" takes them as 0, and a note says how much that
    was. Positions that the network's own mask leaves out, as padding of tokens, are left out here too; a note says so.
    Equal activations give equal groups. Where they differ by a rounding, as those of a live network and its SavedModel,
    the factorization may stop one round apart: weights then differ by up to one percent.

    Args:
        model: the network.
        images: a probe, or float32 [N,H,W,C] in [0,1], or what else the network takes; for a network with several
            inputs a dict of arrays [N,...]. A data set that does not fit into memory is for `stream_groups`.
        layer: name of the layer; a dense layer [N,C] counts as one position, a sequence [N,T,C] as one row of them, and
            the slices of a volume lie below each other.
        k: number of groups, at most the number of channels and of positions. "auto" takes the most of 2, 3, 4, 6, 8, 12
            and 16 of which halves of the pictures find each again, see `scan_groups`, and says why in the notes; it
            costs three more factorizations for each number tried, from 16 down to the one that holds, so at most 21
            more. It is not for the first look at a big layer: with several thousand pictures give a number, or some of
            the pictures.
        seed: of the random start.
        init: groups, or vectors [k,C], to start from: those of an earlier training step, say. The groups then keep
            order and names. Without it they are ordered by share, largest first.
        iterations: the most that the factorization may take.
        batch_size: images per forward pass.
        method: "auto", that of `init`, or else "semi_nmf" where more than a quarter of the activation is negative and
            "nmf" elsewhere. "nmf", weights and vectors are non-negative; "semi_nmf", only the weights are; "split_nmf",
            NMF of the positive and negative halves of the channels, joined; "sparse", many atoms of which few fire at a
            position, k may be larger than the number of channels; "archetypal", the same with atoms that are mixtures
            of the layer's activations. With settings: (name, {setting: value}), such as ("sparse", {"active": 4}).
        reducer: in its place a scikit-learn decomposition such as `PCA()`, with fit, transform and components_.
        window: how near neurons must fire to fire together: an odd number of positions on a side. 1 is at the same
            position. A thing that is larger than a position looks different at each of its parts, and falls into a
            group for each; means of 3 x 3 positions, say, have it whole. Where a group fires is found position by
            position either way.
        weighting: what a channel counts. None is all alike, as loud as they are. "gradient" is as much as the decision
            hangs on it: its root mean square gradient of the logit of the class that each picture is taken for (of a
            regression of its first numbers). The groups are then more of what the network uses, and say less of the
            activation; error and shares are of that as it is. Asks for a gradient of each picture.

    Returns:
        The groups; on a layer that is silent on all images they are empty, and a note says so.

    Raises:
        TypeError: if the model was not opened, or `images` is a data set.
        ValueError: if the layer does not exist, `k`, `init`, `window` or `weighting` does not fit it, or what it
            puts out is not finite.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 3, name="conv")])
        >>> find_groups(open_model(network), np.ones((4, 8, 8, 3)), "conv", 2).weights.shape
        (4, 6, 6, 2)

    Source:
        Olah et al., The Building Blocks of Interpretability, 2018, "Making Things Human-Scale". Means of a window: as
        Fel et al., CRAFT, 2023, factorize means of crops.
    """
    chosen = settle_by_start(choose(method, reducer), init)
    check_auto(k, init)
    check_window(window)
    check_weighting(weighting)
    if isinstance(images, Iterator) or callable(images) or hasattr(images, "cardinality"):
        raise TypeError(
            f"find_groups takes images in memory, got {type(images).__name__}: stream_groups(...) takes a data set, or "
            "make a probe of its first pictures with Probe.from_dataset"
        )
    array = take_inputs(model, images, "find_groups")
    path = check_count(model, layer, 1 if k == AUTO else k, chosen)
    start, names = take_start(init, path)
    check_flat(model, path, window)
    activations, padded, notes = read_counted(model, array, path, 1 if isinstance(k, str) else k, batch_size)
    scale, told = read_weighting(model, array, path, weighting, batch_size, padded)
    notes = (*notes, *told)
    ids = digest_images(array)
    if isinstance(k, str):
        settled = chosen.settle(activations.reshape(-1, activations.shape[-1]))
        means = average_kept(settled, activations, window, padded)
        k, reasons = count_groups(settled, means, padded, ids, seed=seed, iterations=iterations, scale=scale)
        notes = (*notes, *reasons)
    groups = group(
        path,
        activations,
        k,
        chosen,
        seed=seed,
        init=start,
        iterations=iterations,
        names=names,
        ids=ids,
        padded=padded,
        window=window,
        scale=scale,
    )
    return dataclasses.replace(groups, notes=(*groups.notes, *notes))


def check_auto(k: Any, init: Any) -> None:
    """Raise a ValueError if a number of groups is a word other than "auto", or has been chosen before.

    Args:
        k: number of groups, or "auto".
        init: what the groups start from, or None.
    """
    if not isinstance(k, str):
        return
    if k != AUTO:
        raise ValueError(f'the number of groups is a whole number from 1 on, or "auto", got k={k!r}')
    if init is not None:
        raise ValueError(f'k="auto" starts anew: with init give the number of its groups, k={len(init)}')


def group(
    path: str, activations: np.ndarray, k: int, chosen: Factorizer, *, seed: int, ids: Sequence[str],
    init: np.ndarray | None = None, iterations: int = 200, names: Sequence[str] = (),
    padded: np.ndarray | None = None, window: int = 1, scale: np.ndarray | None = None,
) -> Groups:  # fmt: skip
    """Return activations [N,h,w,C] that were read as k groups.

    Args:
        path: of the layer.
        activations: float32 [N,h,w,C], finite.
        k: number of groups.
        chosen: the method.
        seed: of the start.
        ids: content hash of each image.
        init: vectors [k,C] to start from.
        iterations: the most to take.
        names: of the groups; "group 0", ... if left out.
        padded: bool [N,h,w], True at positions that are left out and where no group fires; None is none.
        window: as in `find_groups`.
        scale: float32 [C], what each channel counts; None is all alike.
    """
    rows = activations.reshape(-1, activations.shape[-1]) if padded is None else activations[~padded]
    automatic, chosen = isinstance(chosen, Automatic), chosen.settle(rows)
    found = fit_windows(
        chosen, activations, padded, k, window, seed=seed, init=init, iterations=iterations, scale=scale
    )
    negative = share_negative(rows)
    if padded is not None:
        weights = np.zeros((*padded.shape, k), np.float32)
        weights[~padded] = found.weights
        found = found._replace(weights=weights)
    groups = as_groups(path, found, activations.shape[:-1], chosen, names=names, ids=ids, negative=negative)
    groups = dataclasses.replace(groups, window=window, channel_weights=scale)
    if not automatic or not chosen.keeps_negative:
        return groups
    return dataclasses.replace(groups, notes=(say_kept(negative, path, chosen), *groups.notes))


def take_padding(
    model: Model, images: Any, path: str, activations: np.ndarray
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return where a layer stands over padding, bool [N,h,w] or None, and what a person should know of it.

    Args:
        model: the network.
        images: what it is given.
        path: of the layer.
        activations: float32 [N,1,T,C] of a sequence, or else [N,h,w,C].
    """
    found = find_padding(model, images, path)
    if found is None:
        said = tell_padding(model, images)
        return None, () if said is None else (f"{said}, but {say_all_count(path)}",)
    said = say_padding(int(np.count_nonzero(found)), found.size)
    return found[:, None], (f"{said}: they were left out, and no group fires there",)


def read_counted(
    model: Model, images: Any, path: str, k: int, batch_size: int
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """Return what a layer does, as `read_layer`, with 0 at padding; where that is; and what a person should know of it.

    Args:
        model: the network.
        images: what it is given.
        path: of the layer.
        k: number of groups.
        batch_size: images per forward pass.

    Returns:
        float32 [N,h,w,C]; bool [N,h,w] or None; sentences.
    """
    activations = read_layer(model, images, path, k, batch_size)
    padded, told = take_padding(model, images, path, activations)
    return activations if padded is None else np.where(padded[..., None], 0, activations), padded, told


def say_kept(negative: float, path: str, chosen: Factorizer) -> str:
    """Return a sentence on why "auto" chose a method that keeps what is negative."""
    return f"{negative:.0%} of the activation of {path} is negative, which {chosen.label} groups keep"


def as_groups(
    path: str, found: Fitted, form: Sequence[int], method: Factorizer, *, names: Sequence[str], ids: Sequence[str],
    negative: float,
) -> Groups:  # fmt: skip
    """Return what a method found as groups, with what a person should know of them.

    Args:
        path: of the layer.
        found: what the method found.
        form: N, h and w of the weights.
        method: that found it.
        names: of the groups; "group 0", ... if empty.
        ids: content hash of each of the N images.
        negative: part of the activation that is below 0.
    """
    names = tuple(names) or tuple(f"group {index}" for index in range(len(found.vectors)))
    left_out = 0.0 if method.keeps_negative else negative
    return Groups(
        path,
        found.vectors,
        names,
        "groups",
        weights=found.weights.reshape(*form, -1),
        error=found.error,
        shares=found.shares,
        ids=tuple(ids),
        notes=(*_notes(path, names, found, left_out), *found.notes),
        method=method,
        offset=found.offset,
        left_out=left_out,
    )


def take_start(init: Directions | np.ndarray | None, path: str) -> tuple[np.ndarray | None, Sequence[str]]:
    """Return the vectors to start from, and the names that they keep, if they have some.

    Raises:
        ValueError: if they are groups of another layer.
    """
    if not isinstance(init, Directions):
        return init, ()
    if init.layer != path:
        raise ValueError(f"groups of layer {init.layer!r} cannot start those of layer {path!r}")
    return init.vectors, init.names


def check_count(model: Model, layer: str, k: Any, method: Factorizer) -> str:
    """Return the path of a layer that can have k groups.

    Raises:
        ValueError: if there is no such layer, or it cannot have as many.
    """
    path = model.resolve(layer, channels=True)
    channels = model.layers[path][-1] if model.layers[path] else None
    if method.overcomplete:
        channels = None
    if not isinstance(k, numbers.Integral) or k < 1 or (channels is not None and k > channels):
        if channels is None:
            raise ValueError(f"the number of groups is a whole number from 1 on, got k={k!r}")
        raise ValueError(f"layer {path!r} has {channels} channels and so 1 to {channels} groups, got k={k!r}")
    return path


def read_layer(model: Model, images: Any, path: str, k: int, batch_size: int) -> np.ndarray:
    """Return the activations of a layer on images, float32 [N,h,w,C].

    Raises:
        ValueError: if some are not finite, or there are fewer positions than groups.
    """
    activations = read_positions(model, images, [path], batch_size=batch_size)[path]
    rows = activations.size // activations.shape[-1]
    if k > rows:
        raise ValueError(
            f"layer {path!r} has {rows} positions on these images, too few for {k} groups: give more images"
        )
    return activations


def _notes(path: str, names: Sequence[str], found: Fitted, negative: float) -> list[str]:
    notes = []
    if negative > 1e-6:
        kept = ': method="semi_nmf" or "split_nmf" keeps it' if negative > MUCH else ""
        notes.append(
            f"{negative:.1%} of the activation of {path} is negative and was left out of the groups, their error and "
            f"their shares, which are of the rest{kept}"
        )
    if found.offset is not None:
        size = np.linalg.norm(found.offset)
        notes.append(f"an offset of length {size:.3g} is everywhere in {path} and belongs to no group")
    empty = [name for name, share in zip(names, found.shares, strict=True) if share == 0]
    if len(empty) == len(names):
        notes.append(f"{path} is silent: it has no positive activation on any of the images")
    elif empty:
        notes.append(f"{', '.join(empty)}: empty, the activations of {path} have fewer parts than that")
    return notes
