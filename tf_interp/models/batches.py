"""What every door to a network does first: is it open, what was given, and then batch after batch."""

import logging
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from tf_interp.models.layout import find_kinds
from tf_interp.models.model import Model
from tf_interp.probe import Probe, check_inputs, take_dict

_LOG = logging.getLogger("tf_interp")
_Result = TypeVar("_Result")


def check_model(model: Any, caller: str) -> None:
    """Raise a TypeError that says what to do, if a network was not opened.

    Args:
        model: what the caller was given.
        caller: name of the public function.

    Raises:
        TypeError: if it is no `Model`.
    """
    if not isinstance(model, Model):
        raise TypeError(f"{caller} needs a Model, got {type(model).__name__}: wrap it with open_model(...) first")


def take_inputs(model: Model, images: Any, caller: str, *, strings: bool = False) -> Any:
    """Return what somebody gives for a network as arrays; a network that was never called learns from them.

    Args:
        model: the network.
        images: a `Probe`; floats [N,H,W,C] or [N,H,W] in [0,1]; what else the network takes, such as series [N,T,F]
            or tokens [N,T]; for several inputs a dict of arrays [N,...].
        caller: name of the public function.
        strings: whether the caller can do with strings, where the network takes them.

    Returns:
        float32 array [N,H,W,C], array [N,...] of what is no picture, or dict input -> array [N,...].

    Raises:
        TypeError: if the model was not opened, or images are no numbers.
        ValueError: if images lie outside [0,1], or inputs differ in their number.
    """
    check_model(model, caller)
    if isinstance(images, Probe):
        taken = images.images
    elif worded := [name for name, spec in (model.input_specs or {}).items() if spec.dtype == tf.string]:
        taken = _take_strings(model, images, worded, caller, strings)
    else:
        series = list(find_kinds(model).values()) == ["series"]
        images = model.name_inputs(images)
        taken = check_inputs({"images": images} if series and not isinstance(images, Mapping) else images)
    learn(model, taken)
    return taken


def _take_strings(model: Model, images: Any, worded: Sequence[str], caller: str, strings: bool) -> Any:
    """Return what is given for a network of which some inputs, `worded`, take strings."""
    if not strings:
        raise TypeError(
            f"{caller} needs numbers, but input {worded[0]!r} of {model.name!r} takes strings: open the part of the "
            "network behind its lookup as a model of its own, and give that the numbers that the lookup makes"
        )
    images = model.name_inputs(images)
    return take_dict(images if isinstance(images, Mapping) else {worded[0]: images}, worded)


def learn(model: Model, images: Any) -> None:
    """Run a network that was never called on a first image, from which it learns what its layers are.

    A few images are kept, to measure with whether they influence one another, see `Model.batch_mixing`; and it is
    noticed if its inputs cannot hold the numbers that they are.

    Args:
        model: the network.
        images: array [N,...], or a dict of them.
    """
    if model.input_shape is None:
        model.run(_cut(images, 0, 1, 1), ["output"])
    model.check_numbers(images)
    model.remember(images)


def count_rows(column: Any) -> int:
    """Return how many rows there are.

    Args:
        column: an array [N,...]; a dict of them, which agree in N; or a list of these, which count as one.
    """
    if isinstance(column, Mapping):
        return len(next(iter(column.values())))
    return sum(map(count_rows, column)) if isinstance(column, list) else len(column)


def in_batches(
    model: Model, purpose: str, columns: Sequence[Any], size: int, work: Callable[..., Any]
) -> Iterator[Any]:
    """Yield the results of one batch after the other.

    A network that takes one number of images gets that many, whatever `size` is. Where a function is compiled for the
    number at hand, the last batch is filled up, with copies of its first row: a made-up image could give NaN. When
    memory runs out, the batches become smaller, see `in_parts`.

    Args:
        model: the network.
        purpose: what is done, the same for all that takes as much memory.
        columns: what is cut into batches: arrays [N,...] with the same N; a dict of them for several inputs; a list of
            these counts as one.
        size: rows at a time.
        work: takes one batch of each column, returns a structure of arrays or tensors with a row for each of its rows.

    Yields:
        The structure of arrays, without the rows that filled up.

    Raises:
        ValueError: if a result does not have a row for each image.
    """
    count = count_rows(columns[0])
    size = model.fixed_batch or min(size, 1 << (count - 1).bit_length())

    def run(start: int, stop: int, wanted: int) -> Any:
        rows = stop - start if model.takes_any_batch else wanted

        def finish(value: Any) -> np.ndarray:
            array = np.asarray(value)  # here, since memory may run out as late as that
            if not array.ndim or len(array) != rows:
                raise ValueError(
                    f"a layer or score has shape {list(array.shape)} for {rows} images, so not one row for each (is it "
                    "inside a TimeDistributed?): choose another"
                )
            return array[: stop - start]

        return tf.nest.map_structure(finish, work(*(_cut(column, start, stop, rows) for column in columns)))

    return in_parts(model, purpose, count, size, run)


def in_parts(
    model: Model, purpose: str, count: int, size: int, work: Callable[[int, int, int], _Result]
) -> Iterator[_Result]:
    """Yield the results of one part after the other; halve the parts when memory runs out, and say so in one line.

    Args:
        model: the network; it remembers for each purpose what memory holds.
        purpose: what is done.
        count: how much there is in all.
        size: how much to do at a time.
        work: takes where the part begins, where it ends, and the size of a full part.

    Yields:
        What `work` returns.
    """
    limits = model.cached("in_parts", dict)
    start, failed = 0, 0
    while start < count:
        part = min(size, limits.get(purpose, size))
        stop = min(start + part, count)
        try:
            result = work(start, stop, part)
        except tf.errors.ResourceExhaustedError:
            if stop - start == 1 or model.fixed_batch is not None:
                raise
            failed, limits[purpose] = failed or stop - start, (stop - start + 1) // 2
            continue  # behind the handler: what the failed part held is free by then
        if failed:
            _LOG.warning(
                "%s: while %s, memory did not hold %d at a time, so it goes on with %d; the numbers stay the same",
                model.name, purpose, failed, stop - start,
            )  # fmt: skip
            failed = 0
        yield result
        start = stop


def call_compiled(
    model: Model,
    key: tuple[Hashable, ...],
    function: Callable[..., Any],
    *arguments: Any,
    fixed: Any = None,
    most: int | None = None,
) -> Any:
    """Return `function(*arguments)`, compiled once for each key and form of the arguments.

    One compiled function serves batches of any size, where the network can be built for that.

    Args:
        model: the network that the function runs; it keeps what is compiled.
        key: what the function depends on, besides its arguments.
        function: of tensors; only that of the first call is kept.
        arguments: arrays or tensors [b,...], or dicts of them.
        fixed: a last argument whose form stays what it is, such as weights; None for none.
        most: as in `Model.cached`.
    """
    tensors = tf.nest.map_structure(tf.convert_to_tensor, arguments)
    lead = (None,) if model.takes_any_batch else ()

    def describe(value: tf.Tensor) -> tf.TensorSpec:
        return tf.TensorSpec((*lead, *value.shape[len(lead) :]), value.dtype)

    spec = tf.nest.map_structure(describe, tensors)
    if fixed is not None:
        tensors, spec = (*tensors, fixed), (*spec, tf.nest.map_structure(tf.TensorSpec.from_tensor, fixed))
    bound = {} if most is None else {"most": most}

    def build() -> Any:
        return tf.function(function, autograph=False).get_concrete_function(*spec)

    return model.cached((*key, repr(spec)), build, **bound)(*tensors)


def _cut(column: Any, start: int, stop: int, rows: int) -> Any:
    """Return rows `start` to `stop` of a column, filled up to `rows`."""
    if isinstance(column, Mapping):
        return {name: _cut(value, start, stop, rows) for name, value in column.items()}
    if isinstance(column, list) and isinstance(column[0], Mapping):
        return {name: _cut([block[name] for block in column], start, stop, rows) for name in column[0]}
    cuts, first = [], 0
    for block in column if isinstance(column, list) else [column]:
        if start < first + len(block) and stop > first:
            cuts.append(block[max(start - first, 0) : stop - first])
        first += len(block)
    if stop - start < rows:
        cuts.append(np.repeat(cuts[0][:1], rows - (stop - start), 0))
    return cuts[0] if len(cuts) == 1 else np.concatenate(cuts)
