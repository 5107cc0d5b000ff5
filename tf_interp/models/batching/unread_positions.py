"""Which positions of a layer a mask keeps away from what a network returns: measured, since a layer does not tell.

A position of a layer is padding where noise in its place changes no output, and it is a mask that does this: what
stands there comes from what the mask leaves out, or is the same whatever stays, or repeats the position beside it.
Outputs that have positions themselves count where they are no padding. What is not clear is no padding.

Positions of a layer may stand in another order than those of the mask: a text is read backwards, or rolled. They are
followed there where what the mask governs is a flip or roll of it in every row. Where unread positions are neither
those of the mask nor some of them, nothing is claimed: what both happen to share would be a wrong part of the padding.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_interp.models.batching.mask_entries import find_entries, is_same
from tf_interp.models.batching.masks import Mask, read_masks
from tf_interp.models.batching.noisy_rows import (
    SCALES,
    NoisyRows,
    count,
    differ,
    differ_rows,
    digest_rows,
    fit_rows,
    pick,
)

_SPLITS = 96  # rows that may be run to tell positions of one picture apart


def measure_padding(model: Any, images: Any, masks: Sequence[Mask], path: str) -> np.ndarray | None:
    """Return where a layer stands over padding, bool [N,T]; None where nothing can be told of it.

    Args:
        model: the network.
        images: what it is given: an array [N,...], or a dict of them.
        masks: what its masks leave out there.
        path: of a layer [N,T,C].
    """
    kinds = _name_rows(images, masks)
    known: dict[bytes, np.ndarray | None] = model.cached(("padding", path), dict)
    keys = [kind if kind in known else kind + text for kind, text in zip(kinds, digest_rows(images), strict=True)]
    # one row of each kind is measured; what it does not settle holds for the same text only
    rows = {kind: row for row, kind in reversed([*enumerate(kinds)]) if keys[row] not in known}
    if rows:
        wanted = list(rows.values())
        size = fit_rows(model, [path, *model.outputs], masks[0].left_out.shape[1])
        try:
            with model.with_noise():
                parts = [
                    _measure(model, images, masks, wanted[start : start + size], path)
                    for start in range(0, len(wanted), size)
                ]
        except (TypeError, ValueError, tf.errors.OpError):  # what a user's layer raises on such numbers
            return None
        if any(left_out is None for left_out, _, _ in parts):
            return None
        left_out, settled, agrees = (np.concatenate(item) for item in zip(*parts, strict=True))
        found = [item if agree else None for item, agree in zip(left_out, agrees, strict=True)]
        measured = dict(zip(rows, zip(found, settled, strict=True), strict=True))
        for kind, key in zip(kinds, keys, strict=True):
            if kind in measured:
                item, clear = measured[kind]
                known.setdefault(kind if clear else key, item)
    every = [known[kind] if kind in known else known[key] for kind, key in zip(kinds, keys, strict=True)]
    clear = [item for item in every if item is not None]
    return np.stack(clear) if len(clear) == len(every) else None


def _name_rows(images: Any, masks: Sequence[Mask]) -> list[bytes]:
    """Return for each row what tells in which way it is padded, and how large it is."""
    form = repr([np.shape(item)[1:] for item in tf.nest.flatten(images)]).encode()
    packed = [np.packbits(mask.left_out, axis=1) for mask in masks]
    return [form + b"".join(item[row].tobytes() for item in packed) for row in range(count(images))]


def _measure(
    model: Any, images: Any, masks: Sequence[Mask], rows: Sequence[int], path: str
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Return for some rows where a layer stands over padding, bool [n,T].

    Also whether that is settled, bool [n], and whether masks and unread positions agree, bool [n].
    """
    outputs = list(model.outputs)
    own = [mask._replace(left_out=mask.left_out[rows]) for mask in masks]
    look = NoisyRows(model, pick(images, np.asarray(rows)), own, np.random.default_rng(0))
    entries = find_entries(model, images, masks)
    wanted = list(dict.fromkeys([path, *outputs, *entries.values()]))
    plain = look.run(wanted)
    value = plain[path]
    if model.draws or value.ndim != 3 or (value.dtype.kind != "f" and value.dtype.name != "bfloat16"):
        return None, np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    drawn: list[Any] = [_shuffle(look, images, masks, rows, seed) for seed in (1, 2)]
    others = [look.run(wanted, images=item) for item in drawn if item is not None]  # all of it: one trace
    evidence: dict[str, np.ndarray] = {
        name: np.zeros(plain[name].shape[:2], bool) for name in [path, *outputs] if plain[name].ndim > 1
    }
    placed: dict[str, list[np.ndarray]] = {name: [] for name in evidence}
    agrees = np.ones(len(rows), bool)
    for number, mask in enumerate(own):
        if number not in entries or any(is_same(mask, own[before]) for before in range(number)):
            continue
        touched = _touch(look, plain, entries[number], mask, [*evidence])
        for name, shown in evidence.items():
            if name in outputs and shown.shape[1] != mask.left_out.shape[1]:
                continue
            item = touched.get(name, np.zeros(shown.shape, bool)).copy()
            values = [other[name] for other in others]
            changes = [differ(plain[name], value) for value in values]
            if shown.shape[1] == mask.left_out.shape[1]:
                aligned = _align(plain[name], values, changes, item, mask.left_out)
                placed[name].append(aligned.left_out)
                item = aligned.shown
                if name in outputs:  # what it shows in another order cannot be told apart
                    item &= aligned.agrees[:, None]
                    agrees &= aligned.agrees | (name != path)
            elif changes:  # the same whatever stays, but not where texts are longer
                moved = np.asarray(np.stack(changes).any(0))
                item |= ~moved & np.asarray(np.any(moved, 0)) & mask.left_out.any(1, keepdims=True)
            shown |= item
    read = {name: ~evidence[name] for name in outputs if name in evidence}
    found = evidence[path] if path in outputs else _find_unread(look, path, value, evidence[path], read, plain)
    if path not in outputs:
        agrees &= _agree(look, path, value, found, placed[path], read)
    for left_out in placed[path]:  # of a row that is padding throughout nothing stays that could be told apart
        whole = np.asarray(left_out.all(1))
        if whole.any() and _follows(found[~whole], left_out[~whole]):
            found = found | whole[:, None]
    started = [own[number] for number in entries]
    missing = [mask for mask in own if mask.left_out.any() and not any(is_same(mask, item) for item in started)]
    changed = np.zeros(len(rows), bool)
    for item in drawn:
        if item is not None:
            changed |= differ_rows(look.images, item)
    return found, changed & (not missing), agrees


def _follows(found: np.ndarray, left_out: np.ndarray) -> bool:
    """Return whether all that a mask leaves out of some rows was found to be padding."""
    return bool(left_out.any() and found[left_out].all())


def _touch(
    look: NoisyRows, plain: Mapping[str, np.ndarray], entry: str, mask: Mask, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return name -> bool [n,T], which positions change with what a mask leaves out of the layer behind the input."""
    value = plain[entry]
    if value.shape[:2] != mask.left_out.shape:
        return {}
    others = [name for name in names if name != entry]
    found = {entry: mask.left_out} if entry in names else {}
    if others:
        before = look.run(others, {entry: value})
        after = look.run(others, {entry: look.fill(value, mask.left_out, SCALES[0])})
        found |= {name: differ(before[name], after[name]) for name in others}
    return found


class _Aligned(NamedTuple):
    """A mask in the order of the positions of a layer.

    Args:
        left_out: bool [n,T], what it leaves out there.
        shown: bool [n,T], where it is seen to do so.
        agrees: bool [n], whether nothing is seen elsewhere while a part of it is not seen.
    """

    left_out: np.ndarray
    shown: np.ndarray
    agrees: np.ndarray


def _align(
    value: np.ndarray,
    others: Sequence[np.ndarray],
    changes: Sequence[np.ndarray],
    touched: np.ndarray,
    left_out: np.ndarray,
) -> _Aligned:
    """Return where a layer has what a mask leaves out: in the order of the mask, or else flipped or rolled.

    Args:
        value: [n,T,...] of the layer.
        others: the same with other contents where the mask lets them stay.
        changes: bool [n,T], where these differ.
        touched: bool [n,T], what changes with what the mask leaves out.
        left_out: bool [n,T].
    """

    def show(places: np.ndarray) -> np.ndarray:
        return (touched | _find_constant(value, others, changes, places)) & places

    moved = np.asarray(np.stack(changes).any(0)) if changes else np.zeros(left_out.shape, bool)
    clear = left_out.any(1) & ~left_out.all(1) & (moved | touched).any(1)
    own = show(left_out)
    if np.array_equal(own[clear], left_out[clear]):
        return _Aligned(left_out, own, np.ones(len(own), bool))
    governed = touched | (~moved & moved.any(1, keepdims=True)) | _find_repeats(value, others)
    fits: dict[bytes, np.ndarray] = {}
    for turned in (left_out[:, ::-1], left_out):
        for shift in range(left_out.shape[1]):
            places = np.roll(turned, shift, 1)
            if governed[clear][places[clear]].all() and np.array_equal(show(places)[clear], places[clear]):
                fits[places.tobytes()] = places
    if len(fits) == 1 and clear.any():  # what stays may be drawn again by chance, so that two orders fit
        (places,) = fits.values()
        return _Aligned(places, show(places), np.ones(len(own), bool))
    part = own.any(1) & (own != left_out).any(1)
    return _Aligned(left_out, own, ~(part & (governed & ~left_out).any(1)))


def _find_repeats(value: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Return which positions repeat the one before whatever stays, bool [n,T]."""
    repeats = np.full(value.shape[:2], bool(others))
    for item in (value, *others):
        repeats[:, 1:] &= ~differ(item[:, 1:], item[:, :-1])
    repeats[:, 0] = False
    return repeats


def _agree(
    look: NoisyRows,
    path: str,
    value: np.ndarray,
    found: np.ndarray,
    placed: Sequence[np.ndarray],
    read: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Return in which rows no position beside a mask is unread while only a part of what it leaves out is, bool [n].

    Args:
        look: the rows.
        path: of the layer.
        value: its activation [n,T,C].
        found: bool [n,T], which positions are taken for padding.
        placed: what masks leave out there, bool [n,T] each.
        read: as in `_find_unread`.
    """
    agrees = np.ones(len(found), bool)
    if not placed:  # positions of another number are told by what changes there, not by those of a mask
        return agrees
    part = found.any(1) & np.all([(found != item).any(1) for item in placed], 0)
    stays = ~np.any(placed, 0)
    before = look.run(list(look.model.outputs), {path: value}) if part.any() else {}
    for row in np.flatnonzero(part & stays.any(1)):
        items = np.flatnonzero(stays[row])
        # each alone, and the first and last in any case: there a roll shows
        items = items[np.unique(np.linspace(0, len(items) - 1, min(len(items), _SPLITS)).astype(int))]
        places = np.eye(found.shape[1], dtype=bool)[items]
        agrees[row] = _moves(look, path, value, np.full(len(items), row), places, read, before).all()
    return agrees


def _find_constant(
    value: np.ndarray, others: Sequence[np.ndarray], changes: Sequence[np.ndarray], left_out: np.ndarray
) -> np.ndarray:
    """Return where a mask leaves out what is the same whatever stays, or repeats the position before, bool [n,T].

    Args:
        value: [n,T,...].
        others: the same with other contents where the mask lets them stay.
        changes: bool [n,T], where these differ.
        left_out: bool [n,T].
    """
    found = np.zeros(left_out.shape, bool)
    if not others:
        return found
    moved = np.asarray(np.stack(changes).any(0))
    found |= ~moved & (moved & ~left_out).any(1, keepdims=True)
    repeats = _find_repeats(value, others)
    stays = ~left_out
    for position in range(1, left_out.shape[1]):  # from a position that stays on
        before = stays[:, position - 1]
        stays[:, position] |= left_out[:, position] & repeats[:, position] & before
    return found | (stays & left_out)


def _find_unread(
    look: NoisyRows,
    path: str,
    value: np.ndarray,
    candidates: np.ndarray,
    read: Mapping[str, np.ndarray],
    plain: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Return which of some positions of a layer no output reads, bool [n,T]: all at once, then halves of what is read.

    Args:
        look: the rows.
        path: of the layer.
        value: its activation [n,T,C].
        candidates: bool [n,T].
        read: output -> bool [n,T], which of its positions count; outputs that are left out count whole.
        plain: what the network returns.
    """
    outputs = list(look.model.outputs)
    found = np.zeros(candidates.shape, bool)
    waiting = [(row, np.flatnonzero(item)) for row, item in enumerate(candidates) if item.any()]
    before = look.run(outputs, {path: value})
    if any(not np.isfinite(before[name]).all() for name in outputs) or any(
        differ(before[name], plain[name]).any() for name in outputs
    ):
        return found  # it is no layer in whose place something can be put
    spent = np.zeros(len(value), int)
    while waiting:
        rows = np.array([row for row, _ in waiting])
        places = np.zeros((len(waiting), candidates.shape[1]), bool)
        for number, (_, items) in enumerate(waiting):
            places[number, items] = True
        moved = _moves(look, path, value, rows, places, read, before)
        further = []
        for (row, items), reads in zip(waiting, moved, strict=True):
            spent[row] += 1
            if not reads:
                found[row, items] = True
            elif len(items) > 1 and spent[row] < _SPLITS:
                middle = len(items) // 2
                further += [(row, items[:middle]), (row, items[middle:])]
        waiting = further
    return found


def _moves(
    look: NoisyRows,
    path: str,
    value: np.ndarray,
    rows: np.ndarray,
    places: np.ndarray,
    read: Mapping[str, np.ndarray],
    before: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Return in which of some rows an output changes with noise at places of a layer, bool [m].

    Args:
        look: the rows.
        path: of the layer.
        value: its activation [n,T,C].
        rows: which rows, int [m].
        places: bool [m,T].
        read: as in `_find_unread`.
        before: what the outputs are without noise.
    """
    moved = np.zeros(len(rows), bool)
    for scale in SCALES:
        got = look.run(list(before), {path: look.fill(value[rows], places, scale)}, rows)
        for name in before:
            differs = differ(before[name][rows], got[name], np.abs(before[name]).max(initial=0.0))
            if name in read:
                differs = differs & read[name][rows]
            moved |= differs.reshape(len(rows), -1).any(1)
    return moved


def _shuffle(look: NoisyRows, images: Any, masks: Sequence[Mask], rows: Sequence[int], seed: int) -> Any | None:
    """Return rows with what stays exchanged for what stays elsewhere, under the same masks; None if there is no way."""
    rng = np.random.default_rng(seed)
    named = images if isinstance(images, Mapping) else {next(iter(look.model.input_specs)): images}
    if len(named) != len(look.model.input_specs):
        return None
    taken = {}
    for name, value in named.items():
        array = np.array(value)
        own = [mask for mask in masks if mask.source == name] or list(masks)
        fits = [mask.left_out for mask in own if mask.left_out.shape == array.shape[:2]]
        stays = ~np.any(fits, 0) if fits else None
        array, some = array[list(rows)], None if stays is None else stays[list(rows)]
        if some is not None and some.any():
            pool = np.array(value)[stays]
            array[some] = pool[rng.integers(0, len(pool), np.count_nonzero(some))]
        taken[name] = array
    shuffled = taken if isinstance(images, Mapping) else next(iter(taken.values()))
    again = read_masks(look.model, shuffled)
    same = all(np.array_equal(a.left_out, b.left_out) for a, b in zip(again, look.masks, strict=True))
    return shuffled if same else None
