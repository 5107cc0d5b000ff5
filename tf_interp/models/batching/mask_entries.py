"""Where a network takes a text in: the first layer on which a mask is seen to work; padding is followed from there."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.models.batching.masks import Mask, read_masks
from tf_interp.models.batching.noisy_rows import SCALES, NoisyRows, differ, digest_rows, fit_rows, pick

_TRIED = 12  # layers that may be the first one behind an input
_SHOWN = 8  # rows that must agree there


def find_entries(model: Any, images: Any, masks: Sequence[Mask]) -> Mapping[int, str]:
    """Return number of a mask -> the first layer of its length where what it leaves out changes nothing that stays."""
    entries: dict[int, str] = model.cached("entries of masks", dict)
    failed: set[Any] = model.cached("tried entries of masks", set)
    sources = {mask.source for mask in masks if mask.left_out.any()}
    for number, mask in enumerate(masks):
        some = mask.left_out.any(1) & ~mask.left_out.all(1)
        if number in entries or not some.any() or any(is_same(mask, masks[before]) for before in range(number)):
            continue
        length = mask.left_out.shape[1]
        # rows of several lengths, so that no two masks are padded alike
        _, first = np.unique(mask.left_out[some], axis=0, return_index=True)
        shown = min(_SHOWN, fit_rows(model, model.outputs, length))
        rows = np.flatnonzero(some)[first][:: max(1, len(first) // shown)][:shown]
        own = [item._replace(left_out=item.left_out[rows]) for item in masks]
        look = NoisyRows(model, pick(images, rows), own, np.random.default_rng(1))
        attempt = number, *digest_rows(look.images)
        if attempt in failed:
            continue
        failed.add(attempt)
        paths = [
            path
            for path, shape in model.layers.items()
            if len(shape) == 2 and shape[0] in (None, length) and path not in model.outputs
        ][:_TRIED]
        values = look.run(paths) if paths else {}
        for path in paths:
            value = values[path]
            if (
                value.shape[:2] == (len(rows), length)
                and value.dtype.kind == "f"
                and _is_entry(look, path, value, number, len(sources) > 1)
            ):
                entries[number] = path
                break
    return entries


def _is_entry(look: NoisyRows, path: str, value: np.ndarray, number: int, several: bool) -> bool:
    """Return whether what a mask leaves out of a layer changes no output where it stays, and the rest does."""
    left_out = look.masks[number].left_out
    outputs = list(look.model.outputs)
    plain = look.run(outputs, {path: value})
    # an output may be padded by the mask of another input of that length
    stays = ~np.any([mask.left_out for mask in look.masks if mask.left_out.shape == left_out.shape], 0)

    def move(places: np.ndarray, scale: float, elsewhere: bool = False) -> np.ndarray:
        """Return in which rows outputs change with noise at places, where they stay, or where they stay elsewhere."""
        got = look.run(outputs, {path: look.fill(value, places, scale)})
        moved = np.zeros(len(value), bool)
        for name in outputs:
            differs = differ(plain[name], got[name])
            if differs.ndim > 1 and differs.shape[1] == left_out.shape[1]:
                differs = differs & stays & ~(places & elsewhere)
            moved |= differs.reshape(len(value), -1).any(1)
        return moved

    if any(move(left_out, scale).any() for scale in SCALES) or (several and not _is_of(look, path, number)):
        return False
    first = ~left_out & (np.cumsum(~left_out, 1) * 2 <= np.count_nonzero(~left_out, 1)[:, None])
    # behind all that joins positions each output follows its own position, whatever a mask says
    return bool(move(~left_out, 1.0)[stays.any(1)].all()) and any(
        move(half, 1.0, True).any() for half in (first, ~left_out & ~first)
    )


def _is_of(look: NoisyRows, path: str, number: int) -> bool:
    """Return whether a layer stands for the input that a mask is of, and not for another one of that length.

    What is computed of tokens at a position changes with that token, or, for a mask that is an input of its own, noise
    does something as soon as the mask lets it. At the end of a text that is read in one direction neither shows in the
    outputs, whatever the mask.
    """
    mask = look.masks[number]
    if not isinstance(look.images, Mapping):
        return True
    array = np.array(look.images[mask.source])
    if mask.kept is not None:
        images = {**look.images, mask.source: np.full_like(array, mask.kept)}
        got = look.run([path, *look.model.outputs], images=images)
        before = look.run(look.model.outputs, {path: got[path]}, images=images)
        after = look.run(look.model.outputs, {path: look.fill(got[path], mask.left_out, 1.0)}, images=images)
        for name in look.model.outputs:
            differs = differ(before[name], after[name])
            if differs.ndim > 1 and differs.shape[1] == mask.left_out.shape[1]:
                differs = differs & ~mask.left_out
            if differs.any():
                return True
        return False
    stays = ~mask.left_out
    changed = stays & (np.arange(stays.shape[1]) % 2 == 0)
    array[changed] = look.rng.permutation(array[stays])[: np.count_nonzero(changed)]
    images = {**look.images, mask.source: array}
    again = read_masks(look.model, images)[number]
    value, other = look.run([path])[path], look.run([path], images=images)[path]
    differs = differ(value, other)
    return np.array_equal(again.left_out, mask.left_out) and bool(differs.any() and not differs[~changed].any())


def is_same(first: Mask, second: Mask) -> bool:
    """Return whether two masks of an input leave the same out."""
    return first.source == second.source and np.array_equal(first.left_out, second.left_out)
