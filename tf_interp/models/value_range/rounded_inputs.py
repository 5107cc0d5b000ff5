"""Numbers that a network's inputs cannot hold: rounded to fewer digits, which is told, or another number, refused."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.images.rounding import Rounding, find_rounding
from tf_interp.models.inputs import name_inputs, take_images

_ROUNDED = (
    "{what} {held} in {kind}: {given} becomes {now}, {moved:.3g} off, where the numbers beside it spread by "
    "{spread:.3g}; what differs by less than that is one number to the network (predict of Keras rounds as much). Take "
    "an offset off the numbers before, in training too, or let the network take {wide}"
)


class RoundedInputs:
    """The part of `Model` that is about numbers which do not fit into the types of its inputs."""

    name: str
    preprocess: Callable[[Any], Any] | None
    input_specs: Any
    cached: Callable[..., Any]
    _ordered: bool

    def check_numbers(self, images: Any) -> None:
        """Look whether the inputs can hold what is given, as it is given; nothing is done inside a `tf.function`.

        What is rounded so that it counts is told once for each input, in `Model.warnings`.

        Args:
            images: as `run` takes them, or a list of such arrays or dicts.

        Raises:
            ValueError: if whole numbers are given that the type of an input does not reach.
        """
        leaves = tf.nest.flatten(images)
        if self.input_specs is None or any(tf.is_symbolic_tensor(item) for item in leaves):
            return
        specs = dict(self.input_specs)
        kinds = {spec.dtype.name for spec in specs.values()}
        if kinds <= {"float32", "float64"} and all(_name_type(item) == "float32" for item in leaves):
            return
        told: dict[str, str] = self.cached("rounded inputs", dict)
        blocks = isinstance(images, list) and images and isinstance(images[0], Mapping)
        for name, value, kind in itertools.chain.from_iterable(
            self._list_given(block, specs) for block in (images if blocks else [images])
        ):
            what = "the network" if len(specs) == 1 else f"input {name!r}"
            if kind.is_integer and value.dtype.kind in "iu":
                _check_reach(value, kind, f"{what} ({self.name!r})" if len(specs) == 1 else what)
            elif kind.is_floating and name not in told:
                found = find_rounding(value, kind.as_numpy_dtype)
                if found is not None:
                    told[name] = _say(found, what, kind)

    def _list_given(self, images: Any, specs: dict[str, tf.TensorSpec]) -> Iterator[tuple[str, np.ndarray, tf.DType]]:
        """Yield name, numbers, and the type that is to hold them, each time that they are put into another."""
        if self.preprocess is None:
            yield from _pair(images, specs, self._ordered)
            return
        blocks = _join(images) if isinstance(images, list | tuple) and len(specs) == 1 else [images]
        for block in blocks:
            named = block if isinstance(block, Mapping) else {"images": block}
            arrays = {str(name): np.asarray(item) for name, item in named.items()}
            if all(spec.dtype != tf.float64 for spec in specs.values()):  # preprocess gets what is left of it
                yield from ((name, item, tf.float32) for name, item in arrays.items() if item.dtype == np.float64)
            if any(_is_large(item, specs) for item in arrays.values()):
                yield from _pair(self.preprocess(take_images(block, [*specs.values()])), specs, self._ordered)

    def _rounded(self) -> list[str]:
        """Return what must be read of numbers that were rounded."""
        return [*self.cached("rounded inputs", dict).values()]


def _pair(images: Any, specs: dict[str, tf.TensorSpec], ordered: bool) -> Iterator[tuple[str, np.ndarray, tf.DType]]:
    """Yield name, numbers and type of each input; nothing of what does not fit, which others refuse."""
    if isinstance(images, Mapping):
        named = [(name, images[name]) for name in specs if name in images]
    elif len(specs) == 1:
        named = [(*specs, item) for item in (_join(images) if isinstance(images, list | tuple) else [images])]
    else:
        try:
            named = [*name_inputs(images, specs, ordered).items()]
        except (TypeError, ValueError):
            return
    for name, item in named:
        if _name_type(item) != specs[name].dtype.name:
            yield name, np.asarray(item), specs[name].dtype


def _name_type(item: Any) -> str:
    return str(getattr(getattr(item, "dtype", None), "name", ""))


def _join(items: Any) -> list[Any]:
    """Return rows or arrays of one input as few arrays."""
    arrays = [np.asarray(item) for item in items]
    if len({(item.shape[1:], item.dtype) for item in arrays}) == 1 and arrays[0].ndim > 1:
        return [np.concatenate(arrays)]
    return [np.stack(arrays)] if len({(item.shape, item.dtype) for item in arrays}) == 1 else arrays


def _is_large(values: np.ndarray, specs: dict[str, tf.TensorSpec]) -> bool:
    """Return whether numbers are so large that it is worth to see what preprocess makes of them."""
    half = any(spec.dtype in (tf.float16, tf.bfloat16) for spec in specs.values())
    if values.dtype.kind not in ("iuf" if half else "iu") or not values.size:
        return False
    return bool(np.abs(values.astype(np.float64)).max() > (2**8 if half else 2**15))


def _check_reach(value: np.ndarray, kind: tf.DType, what: str) -> None:
    if not value.size or (int(value.min()) >= kind.min and int(value.max()) <= kind.max):
        return
    wrong = int(value.min()) if int(value.min()) < kind.min else int(value.max())
    raise ValueError(
        f"{what} takes {kind.name}, {kind.min} to {kind.max}, and was given {wrong}, which would become another "
        "number: give numbers that it reaches, or let the network take int64"
    )


def _say(found: Rounding, what: str, kind: tf.DType) -> str:
    whole, infinite = isinstance(found.given, int), not np.isfinite(found.held)
    return _ROUNDED.format(
        what=f"numbers given to {what}",
        held="are too large" if infinite else "lose digits",
        kind=kind.name,
        given=_write(found.given),
        now=_write(found.held),
        moved=found.moved,
        spread=found.spread,
        wide="whole numbers (int64) or float64" if whole else "float64",
    )


def _write(number: float) -> str:
    return repr(number).removesuffix(".0")
