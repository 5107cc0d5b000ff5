"""A data set that can be gone through more than once, and what a layer does on it, batch after batch."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tf_interp.capture import stream_activations
from tf_interp.directions import to_positions
from tf_interp.models import Model
from tf_interp.models.batches import take_inputs
from tf_interp.probe import Probe, pick_rows

_INFINITE = -1  # what `tf.data.Dataset.cardinality` returns then


def open_batches(batches: Any, caller: str) -> Callable[[], Iterator[Any]]:
    """Return what begins a data set anew, or say why it cannot be gone through again.

    Args:
        batches: as in `stream_groups`.
        caller: name of the public function.

    Raises:
        TypeError: if it is one array, can be gone through only once, or is no data set.
        ValueError: if it never ends.
    """
    wanted = "a data set of batches, such as a tf.data.Dataset, a list of arrays, or a function that begins it anew"
    if isinstance(batches, Probe | np.ndarray | Mapping):
        raise TypeError(
            f"{caller} takes {wanted}; what is in memory, such as this {type(batches).__name__}, find_groups takes"
        )
    if isinstance(batches, Iterator):
        raise TypeError(
            f"{caller} goes through a data set many times, and this {type(batches).__name__} can be gone through only "
            "once: give the function that makes it, without calling it"
        )
    if callable(getattr(batches, "cardinality", None)) and int(batches.cardinality()) == _INFINITE:
        raise ValueError(
            f"this data set never ends, so {caller} would not either: leave out .repeat(), or use .take(n)"
        )
    if hasattr(batches, "__iter__") and not isinstance(batches, str | bytes):
        return lambda: iter(batches)
    if hasattr(batches, "__getitem__") and hasattr(batches, "__len__") and not isinstance(batches, str | bytes):
        return lambda: (batches[index] for index in range(len(batches)))
    if callable(batches):
        return lambda: iter(batches())
    raise TypeError(f"{caller} takes {wanted}, got {type(batches).__name__}")


def stream_positions(
    model: Model, begin: Callable[[], Iterator[Any]], path: str, batch_size: int, caller: str
) -> Iterator[tuple[str, Any, np.ndarray]]:
    """Yield a name, images, and the layer's activations on them, at most `batch_size` images at a time.

    Args:
        model: the network.
        begin: from `open_batches`.
        path: of the layer.
        batch_size: images per forward pass.
        caller: name of the public function.

    Yields:
        Name for messages, images as the network takes them, float32 [b,h,w,C].

    Raises:
        ValueError: if images are not what the network takes; it says in which batch.
    """
    for number, images in _take_batches(model, begin, caller):
        start = 0
        for got in stream_activations(model, images, [path], batch_size=batch_size):
            positions = to_positions(got[path])
            part = pick_rows(images, slice(start, start + len(positions)))
            yield f"layer {path!r} on batch {number} of the data set", part, positions
            start += len(positions)


def first_image(model: Model, begin: Callable[[], Iterator[Any]], caller: str) -> Any:
    """Return the first image of a data set, as a batch of one.

    Args:
        model: the network.
        begin: from `open_batches`.
        caller: name of the public function.

    Raises:
        ValueError: if there is none.
    """
    for _, images in _take_batches(model, begin, caller):
        return pick_rows(images, slice(0, 1))
    raise ValueError(f"the data set is empty: {caller} needs batches of images")


def _take_batches(model: Model, begin: Callable[[], Iterator[Any]], caller: str) -> Iterator[tuple[int, Any]]:
    for number, batch in enumerate(begin()):
        given: Any = batch[0] if isinstance(batch, tuple | list) else batch
        if isinstance(given, Mapping):
            given = {key: np.asarray(value) for key, value in given.items()}
        else:
            given = np.asarray(given)
        if not len(next(iter(given.values())) if isinstance(given, Mapping) else given):
            continue
        try:
            images = take_inputs(model, given, caller)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"batch {number} of the data set: {error}") from error
        yield number, images
