"""Rows of a network that are run again and again with noise in some places, and what differs then."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_interp.models.batching.masks import Mask

_ROUNDING = 1e-6  # of the largest number of a layer: what differs by no more is the same
_HALF = {"float16": 2e-3, "bfloat16": 2e-2}
SCALES = (1.0, 4.0)  # of noise, in standard deviations: some stays in what saturates, some wins in a maximum
_ROWS = 64  # that are run at a time
_VALUES = 2**24  # of all that is compared at a time: an output may have a number for each word at each position


class NoisyRows(NamedTuple):
    """The rows of one measurement.

    Args:
        model: the network.
        images: what it is given, a row for each way of padding.
        masks: what the masks leave out of these rows.
        rng: of the noise.
    """

    model: Any
    images: Any
    masks: Sequence[Mask]
    rng: np.random.Generator

    def run(
        self, fetch: Sequence[str], given: Mapping[str, np.ndarray] | None = None, rows: Any = None, images: Any = None
    ) -> dict[str, np.ndarray]:
        """Return what the network computes, in parts that memory holds."""
        images = self.images if images is None else images
        rows = np.arange(count(images)) if rows is None else np.asarray(rows)
        parts = []
        for start in range(0, len(rows), _ROWS):
            place = slice(start, start + _ROWS)
            some = {path: value[place] for path, value in (given or {}).items()}
            parts.append(self.model.run(pick(images, rows[place]), list(fetch), some or None))
        return {path: np.concatenate([np.asarray(part[path]) for part in parts]) for path in fetch}

    def fill(self, value: np.ndarray, places: np.ndarray, scale: float) -> np.ndarray:
        """Return an activation [n,T,C] with noise of its own size at places, bool [n,T]."""
        number = value.astype(np.float64)
        size = number.std((0, 1))
        size = np.where(size > 0, size, number.std() or 1.0)
        noise = number.mean((0, 1)) + scale * size * self.rng.standard_normal(value.shape)
        return np.where(places[..., None], noise, number).astype(value.dtype)


def differ(first: np.ndarray, second: np.ndarray, size: float | None = None) -> np.ndarray:
    """Return where two values [n,T,...] are not the same, bool [n,T]; bool [n] of values [n]."""
    rounding = _HALF.get(first.dtype.name, _ROUNDING)
    a, b = (np.asarray(item, np.float64) for item in (first, second))
    largest = np.abs(a[np.isfinite(a)]).max(initial=0.0) if size is None else size
    with np.errstate(invalid="ignore"):
        differs = ~(np.abs(a - b) <= rounding * largest) & ~(np.isnan(a) & np.isnan(b))
    return np.asarray(differs.reshape(*differs.shape[:2], -1).any(-1)) if differs.ndim > 2 else differs


def differ_rows(first: Any, second: Any) -> np.ndarray:
    """Return which rows of what is given are not the same, bool [n]."""
    pairs = zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True)
    return np.asarray(np.stack([(np.asarray(a) != np.asarray(b)).reshape(len(a), -1).any(1) for a, b in pairs]).any(0))


def fit_rows(model: Any, paths: Sequence[str], length: int) -> int:
    """Return how many rows to compare at a time.

    Args:
        model: the network.
        paths: of what is compared.
        length: of a text, for sides that are open.
    """
    sizes = [int(np.prod([side or length for side in model.layers[path]])) for path in paths]
    return max(1, min(_ROWS, _VALUES // max(sum(sizes), 1)))


def digest_rows(images: Any) -> list[bytes]:
    """Return for each row what tells its numbers from others."""
    arrays = [np.asarray(item) for item in tf.nest.flatten(images)]
    return [hashlib.sha1(b"".join(array[row].tobytes() for array in arrays)).digest() for row in range(count(images))]


def pick(images: Any, rows: np.ndarray) -> Any:
    """Return some rows of what is given: an array [N,...], or a dict of them."""
    return tf.nest.map_structure(lambda item: np.asarray(item)[rows], images)


def count(images: Any) -> int:
    """Return how many rows are given."""
    return len(tf.nest.flatten(images)[0])
