"""`InputForm`: how pictures in the making reach a network that takes something else, or something beside them.

A series [T,F] is made as a picture of T rows, one column and F channels, so that nothing mixes its features. Of several
inputs one gets the pictures, and the others get the same for every picture. Numbers may have other limits than [0,1].
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.models import Model
from tf_interp.models.layout import DRAWN, find_kinds, main_input


@dataclasses.dataclass(frozen=True)
class _Constant:
    """What an input gets beside the pictures; hashable, as part of what a program is compiled for."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes

    def repeat(self, count: Any) -> Any:
        value = np.frombuffer(self.data, self.dtype).reshape(self.shape)
        return tf.repeat(tf.constant(value)[None], count, 0)


@dataclasses.dataclass(frozen=True)
class InputForm:
    """How pictures [N,h,w,C] in [0,1] become what a network takes.

    Args:
        shape: (h, w, C) of the pictures, None where free.
        series: whether they are series [N,T,F], made as [N,T,1,F].
        name: of the input that gets them, None of an only one.
        constants: what the other inputs get.
        low: what 0 stands for: a number, or one for each channel.
        high: what 1 stands for.
    """

    shape: tuple[int | None, int | None, int | None]
    series: bool = False
    name: str | None = None
    constants: tuple[_Constant, ...] = ()
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (1.0,)

    def feed(self, pictures: Any) -> Any:
        """Return what `Model.run` takes, of pictures [N,h,w,C], a tensor."""
        value = self.give(pictures)
        if self.name is None:
            return value
        return {self.name: value, **{item.name: item.repeat(tf.shape(pictures)[0]) for item in self.constants}}

    def give(self, pictures: Any) -> Any:
        """Return pictures [N,h,w,C] in [0,1] as the network's own: series [N,T,F], between the limits."""
        if (self.low, self.high) != ((0.0,), (1.0,)):
            low, high = np.array(self.low, np.float32), np.array(self.high, np.float32)
            pictures = low + (high - low) * pictures
        return pictures[:, :, 0] if self.series else pictures

    def describe(self) -> str:
        """Return what is drawn, in words; of several inputs, how another is chosen."""
        if self.name is None:
            return "the pictures"
        return f"input {self.name!r}, which is drawn (input= draws one of {[item.name for item in self.constants]})"

    def take(self, values: Any) -> Any:
        """Return the network's own, such as series [N,T,F], as pictures [N,h,w,C]."""
        if not self.series and (self.low, self.high) == ((0.0,), (1.0,)):
            return values
        array = np.asarray(values, np.float32)
        low, high = np.array(self.low, np.float32), np.array(self.high, np.float32)
        return ((array[:, :, None] if self.series and array.ndim == 3 else array) - low) / (high - low)


def find_form(
    model: Model, name: str | None, fixed: Mapping[str, Any] | None, limits: Any
) -> tuple[InputForm, tuple[str, ...]]:
    """Return how pictures reach a network, and sentences on what was assumed.

    Args:
        model: the network.
        name: the input that gets them, of several; None is the first that takes pictures or series.
        fixed: name of each other input -> what it gets, an array without the axis of images; 0 where nothing is given.
        limits: (low, high), what 0 and 1 stand for: numbers, or one for each channel; None is (0, 1).

    Raises:
        TypeError: if `fixed` is no dictionary, or limits are no numbers.
        ValueError: if there is no such input, it takes no pictures, or a shape does not fit.
    """
    specs = model.input_specs
    if fixed is not None and not isinstance(fixed, Mapping):
        raise TypeError(f"fixed must be a dictionary, name of an input -> what it gets, got {type(fixed).__name__}")
    if specs is None and (name is not None or fixed):
        raise ValueError(f"{model.name!r} was never called, so its inputs are not known: run it on a batch first")
    if specs is None:
        return InputForm((None, None, 3), low=_numbers(limits, 0), high=_numbers(limits, 1)), ()
    kinds = find_kinds(model)
    chosen = main_input(model) if name is None else name
    others = [other for other in specs if other != chosen]
    if chosen not in specs or {*(fixed or {})} - {*others}:
        asked = chosen if chosen not in specs else sorted({*(fixed or {})} - {*others})
        raise ValueError(f"{model.name!r} has the inputs {list(specs)}: {asked!r} is none that can be drawn or fixed")
    shape = tuple(specs[chosen].shape[1:])
    if kinds[chosen] not in DRAWN:
        raise ValueError(
            f"render draws pictures [h,w,C] and series [T,F], but input {chosen!r} of {model.name!r} takes "
            f"{kinds[chosen]} of shape {shape}"
        )
    series = kinds[chosen] == "series"
    made = (shape[0], 1, shape[1]) if series else (*shape, 1)[:3]
    constants = tuple(_constant(other, specs[other], (fixed or {}).get(other), model) for other in others)
    low, high = _numbers(limits, 0), _numbers(limits, 1)
    if any(len(end) not in (1, made[2]) for end in (low, high)) or not all(np.less(low, high)):
        raise ValueError(f"limits must be (low, high) with low < high, numbers or {made[2]} of each, got {limits!r}")
    zero = [other for other in others if other not in (fixed or {})]
    notes = (f"{chosen!r} is drawn, while {', '.join(map(repr, zero))} got 0: give fixed=...",) if zero else ()
    return InputForm(made, series, chosen if others else None, constants, low, high), notes


def _constant(name: str, spec: tf.TensorSpec, value: Any, model: Model) -> _Constant:
    dtype = spec.dtype.as_numpy_dtype
    if spec.dtype == tf.string:
        raise ValueError(f"input {name!r} of {model.name!r} takes texts, and those cannot be fixed")
    sides = [1 if side is None else side for side in spec.shape[1:]]
    array = np.zeros(sides, dtype) if value is None else np.asarray(value)
    if not spec.shape[1:].is_compatible_with(array.shape):
        raise ValueError(
            f"fixed[{name!r}] has shape {list(array.shape)}, but the input takes {list(spec.shape[1:])}: give one "
            "row, without the axis of images"
        )
    if array.dtype.kind not in "fiub" or (array.dtype.kind == "f" and not spec.dtype.is_floating):
        raise TypeError(f"fixed[{name!r}] is {array.dtype}, but the input takes {spec.dtype.name}")
    array = np.ascontiguousarray(array.astype(np.float32 if spec.dtype.is_floating else dtype))
    return _Constant(name, array.dtype.str, array.shape, array.tobytes())


def _numbers(limits: Any, end: int) -> tuple[float, ...]:
    if limits is None:
        return (float(end),)
    try:
        low_high = tuple(limits)
        numbers = np.atleast_1d(np.asarray(low_high[end], np.float64))
    except (TypeError, ValueError, IndexError) as error:
        raise TypeError(f"limits must be (low, high), numbers or one for each channel, got {limits!r}") from error
    if len(low_high) != 2 or numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise ValueError(f"limits must be (low, high), finite numbers or one for each channel, got {limits!r}")
    return tuple(numbers.tolist())
