"""Shards of rows that are gone through again and again: checked, the same each time, on request kept in a file."""

import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

_SPOOL = 64 << 20  # bytes that are kept in memory before a file is made
_ALIKE = 1e-3  # how far a row may be from what it was, as part of its norm, before it is another one


class Shard(NamedTuple):
    """Some of the rows.

    Args:
        name: where they come from, for messages.
        rows: float32 [n,C].
    """

    name: str
    rows: np.ndarray


class Seen(NamedTuple):
    """What one pass over all shards finds.

    Args:
        rows: how many there are.
        channels: numbers of each.
        positive: sum of all numbers above 0.
        negative: sum of all numbers below 0, without their sign.
        positive_squares: sum of the squares of those above 0.
        squares: sum of all squares.
    """

    rows: int
    channels: int
    positive: float
    negative: float
    positive_squares: float
    squares: float


class Shards:
    """All shards, pass after pass; it is noticed when they are not the same as in the first one.

    Args:
        source: begins anew, and returns the shards one after the other.
        cache: folder for a file with all rows, so that the source is asked once only; None asks it each time.
    """

    def __init__(self, source: Callable[[], Iterator[Shard]], cache: str | pathlib.Path | None = None) -> None:
        self.source, self.passes, self.counts = source, 0, list[int]()
        self._names: list[str] = []
        self._marks: list[np.ndarray] = []
        self._file = None if cache is None else ShardFile(cache, spool=0)

    def look(self) -> Seen:
        """Go through all for the first time.

        Raises:
            ValueError: if there is nothing, a number is NaN or infinite, or numbers of channels differ.
        """
        seen, channels = np.zeros(4), None
        for name, rows in self._ask():
            if not len(rows):
                continue
            channels = rows.shape[1] if channels is None else channels
            if rows.shape[1] != channels:
                raise ValueError(f"{name} has {rows.shape[1]} channels, those before have {channels}")
            if broken := int(np.count_nonzero(~np.isfinite(rows))):
                raise ValueError(
                    f"{broken} of {rows.size} activations of {name} are NaN or infinite: has the training diverged?"
                )
            above = np.maximum(rows, 0)
            sums = [above.sum(dtype=np.float64), rows.sum(dtype=np.float64), _squares(above), _squares(rows)]
            seen += sums
            self.counts.append(len(rows))
            self._names.append(name)
            self._marks.append(_mark(rows))
            if self._file is not None:
                self._file.append(rows)
        if channels is None:
            raise ValueError("there are no rows in any of the shards")
        positive, total, positive_squares, squares = seen.tolist()
        return Seen(sum(self.counts), channels, positive, positive - total, positive_squares, squares)

    def __iter__(self) -> Iterator[Shard]:
        """Yield the shards once more.

        Raises:
            ValueError: if they are not those of the first time.
        """
        if self._file is not None:
            for number, name in enumerate(self._names):
                yield Shard(name, self._file.read(number).reshape(self.counts[number], -1))
            return
        number = 0
        for name, rows in self._ask():
            if not len(rows):
                continue
            if number == len(self.counts) or len(rows) != self.counts[number]:
                raise _changed(name)
            mark = _mark(rows)
            if not np.abs(mark - self._marks[number]).max() <= _ALIKE * np.abs(self._marks[number]).max():
                raise _changed(name)
            yield Shard(name, rows)
            number += 1
        if number < len(self.counts):
            raise _changed(self._names[number])

    def pick(self, places: np.ndarray) -> np.ndarray:
        """Return rows by their number, float32 [*places.shape,C]."""
        wanted, found, begin = places.ravel(), {}, 0
        for _, rows in self:
            for place in wanted[(wanted >= begin) & (wanted < begin + len(rows))]:
                found[int(place)] = rows[place - begin].copy()
            begin += len(rows)
        return np.stack([found[int(place)] for place in wanted]).reshape(*places.shape, -1)

    def _ask(self) -> Iterator[Shard]:
        self.passes += 1
        for name, rows in self.source():
            if np.ndim(rows) != 2:
                raise ValueError(f"{name} must be rows of activations [n,C], got shape {list(np.shape(rows))}")
            yield Shard(name, np.asarray(rows, np.float32))

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()


class ShardFile:
    """Float32 arrays, one a shard, in one file that is gone when it is closed.

    Args:
        folder: for the file; None is the system's folder for such things.
        spool: bytes up to which memory stands in for the file.
    """

    def __init__(self, folder: str | pathlib.Path | None = None, spool: int = _SPOOL) -> None:
        if folder is not None:
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        # no file at all up to that size
        self._file = tempfile.SpooledTemporaryFile(max_size=spool, dir=None if folder is None else str(folder))  # noqa: SIM115
        if not spool:
            self._file.rollover()
        self._ends = [0]

    def append(self, values: np.ndarray) -> None:
        """Write those of the next shard."""
        self._file.seek(self._ends[-1])
        self._file.write(np.ascontiguousarray(values, np.float32).data)
        self._ends.append(self._file.tell())

    def rewrite(self, number: int, values: np.ndarray) -> None:
        """Put others, of the same size, in their place."""
        self._file.seek(self._ends[number])
        self._file.write(np.ascontiguousarray(values, np.float32).data)

    def read(self, number: int) -> np.ndarray:
        """Return those of a shard, in one row."""
        self._file.seek(self._ends[number])
        return np.frombuffer(self._file.read(self._ends[number + 1] - self._ends[number]), np.float32)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def _squares(rows: np.ndarray) -> float:
    return float(np.einsum("nc,nc->n", rows, rows).sum(dtype=np.float64))


def _mark(rows: np.ndarray) -> np.ndarray:
    """Return by what a shard is known again: its first row, its last and one between, each as a few numbers."""
    some = rows[[0, len(rows) // 2, -1]].astype(np.float64)
    waves = np.cos(np.outer(np.arange(1, 4), np.arange(rows.shape[1])))
    return some @ waves.T


def _changed(name: str) -> ValueError:
    return ValueError(
        f"the data set is not the same the second time, which shows at {name}: it must give the same images in the "
        "same order each time (no shuffle, no random augmentation, no generator that is used up), or be read only "
        "once, with cache=folder"
    )
