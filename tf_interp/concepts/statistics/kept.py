"""What is drawn once and kept: relabelings and resamples depend on sizes and seed only, so that all tests share them.

All of it together has one limit in bytes, whatever the sizes of the tests: what was not used for longest goes first.
"""

import collections
import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

LIMIT = 2**29  # 512 MB; a comparison of 50 images with 200 keeps 9

_Function = TypeVar("_Function", bound=Callable[..., Any])
_values: collections.OrderedDict[tuple, tuple[Any, int]] = collections.OrderedDict()  # the last used ones at the end
_lock = threading.Lock()


def kept(function: _Function) -> _Function:
    """Return a function whose results are kept: arrays, tensors, or tuples of them, which nobody may change.

    Args:
        function: its arguments can be hashed, and its result depends on nothing else.
    """

    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        key = function, *args, *sorted(named.items())
        with _lock:
            if key in _values:
                _values.move_to_end(key)
                return _values[key][0]
        value = function(*args, **named)
        with _lock:
            _values[key] = value, _size(value)
            while len(_values) > 1 and held_bytes() > LIMIT:  # the newest stays: its test needs it again and again
                _values.popitem(last=False)
        return value

    return call  # type: ignore[return-value]


def held_bytes() -> int:
    """Return how many bytes are kept now."""
    return sum(size for _, size in _values.values())


def _size(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(_size(item) for item in value)
    if isinstance(value, tf.Tensor):
        return int(value.shape.num_elements()) * value.dtype.size
    whole: np.ndarray = value if value.base is None else value.base  # a part of an array holds all of it
    return whole.nbytes
