"""`GlobalDraws`: what a network draws from the generators of Python and numpy while it is traced.

A layer with `random.random()` in its `call` draws once a trace, not once a run. Our traces must not move these
generators on, and all of them must draw the same, or two functions of one network would compute two networks.
"""

import contextlib
import pickle
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

_LONGEST = 1.0  # seconds in which to see whether somebody else draws


class _State(NamedTuple):
    """Where both generators are, as bytes that can be compared."""

    python: bytes
    numpy: bytes


class GlobalDraws:
    """Whether a network draws from the global generators, and from which state each trace of it does.

    Threads that prepare data may draw from the same generators, so these are put back only for networks that were seen
    to draw from them themselves.
    """

    def __init__(self) -> None:
        self._start: _State | None = None  # of each trace; None if the network draws nothing, or is not known yet
        self._names: list[str] = []

    @property
    def notes(self) -> list[str]:
        """What a person should know of it, in plain sentences."""
        return [
            f"layers draw from {name} when the network is traced, not when it runs: each function compiled here "
            "holds the draw it was traced with, the same one in all, while Keras's own hold others"
            for name in [" and ".join(self._names)]
            if name
        ]

    def learn(self, trace: Callable[[], Any]) -> Any:
        """Trace a network and find out whether that draws: a second time, if it seems so.

        Args:
            trace: traces it, and may be called again.

        Returns:
            What `trace` does.
        """
        before, began = _read(), time.monotonic()
        traced, first = trace(), _read()
        if first == before or self._start is not None:
            return traced
        time.sleep(min(time.monotonic() - began, _LONGEST))
        if (quiet := _read()) != first:  # somebody else draws, whom putting it back would make draw the same again
            return traced
        traced = trace()
        if (second := _read()) != quiet:  # and no first call, which draws a seed for what it makes
            moved = zip(("Python's random", "np.random"), quiet, second, strict=True)
            self._names = [name for name, was, now in moved if was != now]
            self._start = before
            _write(before)
        return traced

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """While open, the network may be traced: it draws what it always does, and afterwards the generators go on."""
        if self._start is None:
            yield
            return
        before = _read()
        _write(self._start)
        try:
            yield
        finally:
            _write(before)


def _read() -> _State:
    of_numpy = np.random.get_state(legacy=False)  # noqa: NPY002  the generator in question
    return _State(pickle.dumps(random.getstate()), pickle.dumps(of_numpy))


def _write(state: _State) -> None:
    random.setstate(pickle.loads(state.python))  # noqa: S301  our own bytes
    np.random.set_state(pickle.loads(state.numpy))  # noqa: NPY002, S301  the generator in question
