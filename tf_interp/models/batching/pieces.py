"""Networks that take one number of images only: any other number goes through them in pieces of that size."""

import re
from collections.abc import Callable
from typing import Any

import tensorflow as tf

_JOINED = "tf_interp_joined"
_SCOPE = re.compile(r"(?:^|/)rows_(\d+)_to_(\d+)_of_(\d+)")


def run_in_pieces(run: Callable[..., dict[str, tf.Tensor]], size: int, *columns: Any) -> dict[str, tf.Tensor]:
    """Run any number of images through a network that takes one number only; derivatives are those of the images.

    Args:
        run: takes the columns with `size` rows each, returns name -> tensor with as many rows.
        size: the number that the network takes.
        columns: tensors [N,...], or dicts or lists of them. The last piece is filled up, with copies of its first row:
            a made-up image could give NaN.

    Returns:
        Name -> tensor [N,...].

    Raises:
        ValueError: if the number of images is not known in a `tf.function`, is 0 or not the same everywhere, or a
            result does not have one row for each image.
    """
    counts = {int((value.shape[0] if value.shape.rank else 0) or 0) for value in tf.nest.flatten(columns)}
    if len(counts) > 1 or 0 in counts:
        raise ValueError(
            f"the network takes {size} images at a time, and others in pieces: their number must be known, above 0 and "
            f"the same for all inputs and layers given, got {sorted(counts)}, where 0 may mean unknown (then give the "
            "tf.function an input_signature with the number)"
        )
    count = counts.pop()
    parts: list[dict[str, tf.Tensor]] = []
    for start in range(0, count, size):
        stop = min(start + size, count)

        def cut(value: tf.Tensor, start: int = start, stop: int = stop) -> tf.Tensor:
            copies = tf.repeat(value[start : start + 1], size - (stop - start), 0)
            return tf.concat([value[start:stop], copies], 0) if stop - start < size else value[start:stop]

        with tf.name_scope(f"rows_{start}_to_{stop}_of_{size}"):
            parts.append(run(*tf.nest.map_structure(cut, columns)))
    for name, value in parts[0].items():
        if not value.shape.rank or value.shape[0] not in (None, size):
            raise ValueError(
                f"{name!r} has shape {list(value.shape)} for {size} images, not one row for each: it can be read for "
                f"exactly {size} images only"
            )
    return {name: tf.concat([part[name] for part in parts], 0, name=_JOINED)[:count] for name in parts[0]}


def rows_of(operation: tf.Operation, values: tf.Tensor) -> tf.Tensor:
    """Return those of some values, one for each image, that belong to the images which reach an operation.

    Args:
        operation: of a network that was built in a graph, in pieces or whole.
        values: tensor [N,...].
    """
    found = _SCOPE.search(operation.name)
    if found is None:
        return values
    start, stop, size = map(int, found.groups())
    return tf.gather(values, [*range(start, stop), *[start] * (size - stop + start)])


def split_joined(tensor: tf.Tensor) -> list[tf.Tensor]:
    """Return the results of the single pieces that a result was joined from; the result itself, if it was not.

    Args:
        tensor: a result of `run_in_pieces`, or any other tensor of a graph.
    """
    operation = tensor.op
    if operation.type == "StridedSlice" and _JOINED in operation.inputs[0].op.name:
        joined = operation.inputs[0].op
        return list(joined.inputs)[:-1] if joined.type == "ConcatV2" else [joined.inputs[0]]
    return [tensor]
