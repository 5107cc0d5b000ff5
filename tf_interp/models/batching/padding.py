"""Which positions of a layer are padding: those that the network's own masks keep away from what it returns."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tf_interp.models.batching.masks import read_masks
from tf_interp.models.batching.unread_positions import measure_padding


def find_padding(model: Any, images: Any, path: str) -> np.ndarray | None:
    """Return where a layer stands over padding, bool [N,T]; None where no position of it was shown to.

    It is measured, see `measure_padding`, once for each layer and way in which texts are padded.

    Args:
        model: the network.
        images: what it is given: an array [N,...], or a dict of them.
        path: of the layer; only [N,T,C] has positions that can be padding.
    """
    if len(model.layers[path]) != 2:
        return None
    masks = read_masks(model, images)
    if not any(mask.left_out.any() for mask in masks):
        return None
    found = measure_padding(model, images, masks, path)
    return found if found is not None and found.any() else None


def find_kept(model: Any, images: Any, paths: Iterable[str]) -> dict[str, np.ndarray]:
    """Return path -> bool [N,T], True where a position of the layer counts in a mean over the positions of its row.

    Of a row that is padding throughout all positions count: there is nothing else to take the mean of. A layer without
    padding is left out.

    Args:
        model: the network.
        images: as in `find_padding`, or a list of these, which count as one.
        paths: of the layers.
    """
    blocks = images if isinstance(images, list) else [images]
    sizes = [len(next(iter(block.values())) if isinstance(block, Mapping) else block) for block in blocks]
    kept = {}
    for path in dict.fromkeys(paths):
        found = [find_padding(model, block, path) for block in blocks]
        lengths = {item.shape[1] for item in found if item is not None}
        if len(lengths) != 1:
            continue
        length = lengths.pop()
        parts = zip(found, sizes, strict=True)
        left_out = np.concatenate([np.zeros((size, length), bool) if item is None else item for item, size in parts])
        kept[path] = ~left_out | left_out.all(1, keepdims=True)
    return kept


def tell_padding(model: Any, images: Any) -> str | None:
    """Return the beginning of a sentence on how many positions the masks of a network leave out, or None.

    Args:
        model: the network.
        images: as in `find_kept`.
    """
    blocks = images if isinstance(images, list) else [images]
    found: dict[tuple[str, int], list[np.ndarray]] = {}
    for block in blocks:
        own: dict[tuple[str, int], np.ndarray] = {}
        for mask in read_masks(model, block):
            key = mask.source, mask.left_out.shape[1]
            own[key] = own.get(key, True) & mask.left_out
        for key, left_out in own.items():
            found.setdefault(key, []).append(left_out)
    arrays = [item for items in found.values() if any(part.any() for part in items) for item in items]
    return say_padding(sum(map(np.count_nonzero, arrays)), sum(map(np.size, arrays))) if arrays else None


def tell_means(model: Any, images: Any, paths: Iterable[str]) -> Iterator[str]:
    """Yield what a person should know of means over positions where some are padding.

    Args:
        model: the network.
        images: as in `find_kept`.
        paths: of the layers whose means are taken.
    """
    layers = [path for path in paths if len(model.layers[path]) > 1]
    said = tell_padding(model, images)
    if said is None or not layers:
        return
    kept = find_kept(model, images, layers)
    for path in kept:
        own = say_padding(int(np.count_nonzero(~kept[path])), kept[path].size)
        yield f"{own}: they do not count in means over the positions of {path}"
    if other := [path for path in layers if path not in kept]:
        yield f"{said}, but {say_all_count(', '.join(other))}"


def say_padding(count: int, total: int) -> str:
    """Return the beginning of a sentence: how many of all positions are padding."""
    return f"{count} of {total} positions are padding by the network's own mask"


def say_all_count(path: str) -> str:
    """Return the end of a sentence on a layer of which no position was left out."""
    return f"{path} has other positions, or reads them: all of them count"
