"""`stream_groups`: the groups of a layer on a data set that does not fit into memory."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tf_interp.capture import read_activations
from tf_interp.directions import Directions, to_positions
from tf_interp.groups.find import as_groups, check_count, say_kept, take_padding, take_start
from tf_interp.groups.found_groups import Groups
from tf_interp.groups.methods.choice import Automatic, choose, settle_by_start, share_negative
from tf_interp.groups.methods.windows import average_kept, check_flat, check_window
from tf_interp.groups.rounds.data_set import first_image, open_batches, stream_positions
from tf_interp.groups.rounds.shards import Shard
from tf_interp.groups.rounds.streamed_fit import STREAMED, fit_shards
from tf_interp.groups.rounds.window_weights import weigh_shards
from tf_interp.images import digest_images
from tf_interp.models import Model
from tf_interp.models.batches import check_model
from tf_interp.models.batching.padding import say_all_count, say_padding


def stream_groups(
    model: Model,
    batches: Iterable[Any] | Callable[[], Iterable[Any]],
    layer: str,
    k: int,
    *,
    method: str | tuple[str, Mapping[str, Any]] = "auto",
    seed: int = 0,
    init: Directions | np.ndarray | None = None,
    iterations: int = 200,
    batch_size: int = 64,
    keep: int = 64,
    cache: str | pathlib.Path | None = None,
    window: int = 1,
) -> Groups:
    """Find k groups of neurons that fire together on a whole data set, with one batch at a time in memory.

    The result is that of `find_groups` on all images at once, up to rounding: the same start, the same rounds, the same
    positions left out where the network's own mask says that they are padding. What
    there is to remember of the activations from round to round, the weights, is kept in a temporary file of 4 k bytes a
    position (in memory up to 64 MB).

    Args:
        model: the network.
        batches: batches of images, or of (images, labels), that are the same each time they are gone through: a
            `tf.data.Dataset`, a list of arrays, or a function without arguments that begins them anew, such as the one
            with `yield` in it. Images are as in `find_groups`.
        layer: as in `find_groups`.
        k: number of groups, at most the number of channels and of positions.
        method: "auto" (by the first batch), "nmf", "semi_nmf" or "split_nmf", as in `find_groups`; the others need all
            activations at once.
        seed: as in `find_groups`.
        init: as in `find_groups`.
        iterations: the most rounds; each goes through the data set once, as two to five other passes do.
        batch_size: images per forward pass, also where batches are larger.
        keep: of how many images, from the first on, to return the weights, at least 1.
        cache: folder for a temporary file with all activations, of 4 C bytes a position, which is gone when this
            returns; the network then runs over the data set once, with a window twice. None runs it in each round, and
            writes none.
        window: as in `find_groups`; with more than 1 there is one pass more, which finds where the groups fire.

    Returns:
        The groups, with `weights` and `ids` of the first `keep` images, `error` and `shares` of all.

    Raises:
        TypeError: if the model was not opened, or this data set can be gone through only once.
        ValueError: if the layer does not exist, `k`, `init`, `window` or the method does not fit, numbers are not
            finite (it says in which batch), or the data set is empty or not the same the second time.

    Example:
        >>> ti.stream_groups(model, [photos[:4], photos[4:8]], "conv", 2, keep=3).weights.shape[0]
        3

    Source:
        Cichocki and Phan, Fast local algorithms for large scale nonnegative matrix and tensor factorizations, 2009; the
        sums that travel are those of their updates.
    """
    check_model(model, "stream_groups")
    begin = open_batches(batches, "stream_groups")
    chosen = settle_by_start(choose(method), init)
    if not isinstance(chosen, Automatic) and not isinstance(chosen, STREAMED):
        raise ValueError(
            f"method {chosen.name!r} needs all activations at once: a data set is streamed with one of "
            f"{sorted(kind.name for kind in STREAMED)}"
        )
    if keep < 1:
        raise ValueError(f"keep, the number of images whose weights are returned, must be 1 or more, got {keep}")
    check_window(window)
    inputs = first_image(model, begin, "stream_groups")  # from which a network that was never called learns its layers
    path = check_count(model, layer, k, chosen)
    check_flat(model, path, window)
    start, names = take_start(init, path)
    told = []
    if isinstance(chosen, Automatic):
        _, given, got = next(stream_positions(model, begin, path, batch_size, "stream_groups"))
        padded, _ = take_padding(model, given, path, got)
        rows = got.reshape(-1, got.shape[-1]) if padded is None else got[~padded]
        chosen = chosen.settle(rows)
        if chosen.keeps_negative:
            told.append(f"{say_kept(share_negative(rows), path, chosen)}, by the first batch")
    form = to_positions(read_activations(model, inputs, [path])[path]).shape[1:-1]
    ids: list[str] = []
    count, left_out, elsewhere = 0, 0, False
    fires: list[np.ndarray] = []  # bool [h,w] for each image whose weights are kept

    def read(window: int = window) -> Iterator[Shard]:
        nonlocal count, left_out, elsewhere
        first = not count
        for name, images, positions in stream_positions(model, begin, path, batch_size, "stream_groups"):
            if positions.shape[1:-1] != form:
                sizes = [" x ".join(map(str, size)) for size in (positions.shape[1:-1], form)]
                raise ValueError(f"{name} has {sizes[0]} positions, before it had {sizes[1]}: give images of one size")
            padded, said = take_padding(model, images, path, positions)
            counted = np.ones(positions.shape[:-1], bool) if padded is None else ~padded
            if first:
                count += len(positions)
                left_out += 0 if padded is None else int(np.count_nonzero(padded))
                elsewhere |= padded is None and bool(said)
                fires.extend(counted[: max(0, keep - len(ids))])
                ids.extend(digest_images(images)[: keep - len(ids)] if len(ids) < keep else ())
            yield Shard(name, average_kept(chosen, positions, window, padded)[counted])

    most = keep * int(np.prod(form))
    fitted = fit_shards(read, k, chosen, seed=seed, init=start, iterations=iterations, keep=most, cache=cache)
    seen, found, passes = fitted.seen, fitted.found, fitted.passes
    total = seen.positive + seen.negative
    negative = seen.negative / total if total else 0.0
    if window > 1 and found.vectors.any():
        found, negative = weigh_shards(read(1), found.vectors, chosen, keep=most, order=start is None, window=window)
        passes += 1
    places = np.stack(fires)
    weights = np.zeros((*places.shape, k), np.float32)
    weights[places] = found.weights[: np.count_nonzero(places)]
    groups = as_groups(
        path, found._replace(weights=weights), places.shape, chosen, names=names, ids=ids, negative=negative
    )
    groups = dataclasses.replace(groups, window=window)
    notes = [*told, f"the groups are of {count} images, their weights of the first {len(ids)}"]
    if left_out:
        said = say_padding(left_out, count * int(np.prod(form)))
        notes.append(f"{said}: they were left out, and no group fires there")
    if elsewhere:
        notes.append(f"the network's own mask leaves out padding, but {say_all_count(path)}")
    if cache is None:
        once = "once" if window == 1 else "twice"
        notes.append(f"the network ran over the data set {passes} times; with cache=folder it runs {once}")
    return dataclasses.replace(groups, notes=(*groups.notes, *notes))
