"""Where words for names come from: labels, concepts, masks, columns of metadata, and a table of the user's own."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.groups.meaning.naming.picture_words import cover
from tf_interp.groups.meaning.naming.word import Word
from tf_interp.images import digest_images
from tf_interp.probe import Probe, check_inputs


def read_labels(probe: Probe) -> list[Word]:
    """Return a word for each class of a probe's labels; of a regression its numbers."""
    labels, names = probe.labels, probe.class_names
    if labels is None:
        return []
    if labels.dtype.kind == "f":
        columns = labels.reshape(len(labels), -1).T
        called = names or [f"label {index}" if len(columns) > 1 else "label" for index in range(len(columns))]
        return [_number(name, "class", column) for name, column in zip(called, columns, strict=True)]
    several = labels.ndim == 2
    count = labels.shape[1] if several else int(labels.max()) + 1
    words = []
    for index in range(count):
        name = names[index] if names is not None else f"class {index}"
        words.append(Word(name, "class", (labels[:, index] > 0 if several else labels == index).astype(np.float64)))
    return words


def read_concepts(concepts: Mapping[str, Any] | None, ids: Sequence[str], notes: list[str]) -> list[Word]:
    """Return a word for each concept that has pictures of the probe, which are known by their content.

    Args:
        concepts: name -> `Concept`, `Probe` or array [n,...].
        ids: content hash of each picture of the probe.
        notes: where it is said what was left out.
    """
    words = []
    for name, given in _items(concepts, "concepts"):
        images = getattr(given, "images", None)
        digests = digest_images(check_inputs(given, f"concept {name!r}") if images is None else images)
        values = getattr(given, "values", None) if images is not None else None
        known = dict.fromkeys(digests, 1.0) if values is None else dict(zip(digests, values, strict=True))
        there = [item in known for item in ids]
        if not any(there):
            notes.append(
                f"concept {name!r} was left out: none of its {len(digests)} pictures is one of the probe's (they are "
                "compared by content: same size, same numbers)"
            )
        elif values is None:
            words.append(Word(name, "concept", np.asarray(there, np.float64)))
        elif all(there):
            words.append(_number(name, "concept", np.asarray([known[item] for item in ids], np.float64)))
        else:
            notes.append(f"concept {name!r} was left out: it has degrees, but only for {sum(there)} of {len(ids)}")
    return words


def read_masks(masks: Mapping[str, Any] | None, count: int, cells: Sequence[int], on_grid: bool) -> list[Word]:
    """Return a word for each mask, at the resolution of a layer.

    A position is counted to it that is covered at least half, or half as much as the most covered one.

    Args:
        masks: name -> bool or part [N,H,W], of any size.
        count: N.
        cells: rows and columns of the layer.
        on_grid: whether these lie over the picture; else the mask's share of a picture is taken.
    """
    words = []
    for name, given in _items(masks, "masks"):
        mask = np.asarray(given)
        if mask.ndim == 4 and mask.shape[-1] == 1:
            mask = mask[..., 0]
        if mask.ndim != 3 or len(mask) != count or mask.dtype.kind not in "biuf":
            raise ValueError(
                f"mask {name!r} must have one map for each of the {count} pictures, [{count},H,W], true where the word "
                f"is, got {mask.dtype} {list(mask.shape)}"
            )
        if not np.isfinite(mask).all() or mask.min() < 0 or mask.max() > 1:
            raise ValueError(f"mask {name!r} must be true or false, or lie in [0,1]; divide by 255 where it does not")
        covered = cover(mask, cells if on_grid else (1, 1))
        truth = covered >= max(min(0.5, covered.max() / 2), 1e-9)
        if on_grid:
            words.append(Word(name, "mask", covered, truth=truth))
        else:
            words.append(Word(name, "mask", covered[:, 0, 0], truth=covered[:, 0, 0] > 0))
    return words


def read_columns(columns: Any, count: int) -> list[Word]:
    """Return words for columns of metadata: of true and false one, of numbers one, of text one for each value.

    Args:
        columns: name -> N values, such as a pandas `DataFrame`.
        count: N.
    """
    words = []
    for name, given in _items(columns, "columns"):
        values = _check_column(name, given, count)
        if values.dtype.kind in "OUS":
            texts = values.astype(str)
            words += [
                Word(f"{name}: {text}", "column", (texts == text).astype(np.float64)) for text in np.unique(texts)
            ]
        elif values.dtype.kind == "b" or np.isin(values, (0, 1)).all():
            words.append(Word(name, "column", values.astype(np.float64)))
        else:
            words.append(_number(name, "column", values.astype(np.float64)))
    return words


def read_table(words: Any, count: int) -> list[Word]:
    """Return words of a table pictures x words, such as likenesses from a network of pictures and texts.

    Args:
        words: name -> N numbers, or (table [N,W], W names).
        count: N.
    """
    if isinstance(words, tuple):
        if len(words) != 2 or np.ndim(words[0]) != 2 or np.shape(words[0])[1] != len(words[1]):
            raise ValueError(
                f"words must be {{name: {count} numbers}} or (table [{count},W], W names), got a tuple of "
                f"{[np.shape(item) for item in words]}"
            )
        words = dict(zip(map(str, words[1]), np.asarray(words[0]).T, strict=True))
    found = []
    for name, given in _items(words, "words"):
        values = _check_column(name, given, count)
        if values.dtype.kind in "OUS":
            raise TypeError(f"word {name!r} must have a number for each picture, got text: give it as a column")
        found.append(Word(name, "words", values.astype(np.float64)))
    return found


def _items(given: Any, argument: str) -> list[tuple[str, Any]]:
    if given is None:
        return []
    if not hasattr(given, "items"):
        raise TypeError(f"{argument} must be a dict, name -> values, got {type(given).__name__}")
    return [(str(name), value) for name, value in given.items()]


def _check_column(name: str, given: Any, count: int) -> np.ndarray:
    values = np.asarray(given)
    if values.shape != (count,):
        raise ValueError(f"{name!r} must have a value for each of the {count} pictures, got shape {list(values.shape)}")
    if values.dtype.kind not in "biufOUS":
        raise TypeError(f"{name!r} must be numbers, true and false, or text, got {values.dtype}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name!r} holds NaN or infinite values, {int((~np.isfinite(values)).sum())} of {count}")
    return values


def _number(name: str, source: str, values: np.ndarray) -> Word:
    return Word(f"high {name}", source, np.asarray(values, np.float64), f"low {name}")
