"""`Objective`: what a picture shall make large, as a small algebra.

An objective is a function of a look-up `T`: `T("conv2")` is the activation [N,h,w,C] of the transformed pictures,
`T("input")` the clean pictures [N,h,w,C] in [0,1]. It returns one number per picture [N] (a scalar counts for all
pictures of the objective). It is made larger; penalties are positive and are subtracted. This module knows no model.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tf_interp.display import cut
from tf_interp.features.matrices import average_positions
from tf_interp.models.layer_names import check_name


class Lookup(Protocol):
    """What an objective may ask, while it is evaluated on the N pictures of one program.

    Args:
        step: float32 scalar tensor, optimization steps done so far.
        count: pictures that belong to one objective; they follow each other, N is a multiple of it.
        alpha: whether the last channel of "input" is opacity.
    """

    step: Any
    count: int
    alpha: bool

    def __call__(self, layer: str, of: Any = None) -> Any:
        """Return the float32 activation [N,h,w,C] of a layer; dense layers have h = w = 1, token layers w = 1.

        Args:
            layer: name of a layer, "output" for the logits, or "input" for the clean pictures.
            of: other pictures [N,h,w,C] in [0,1] to look at in place of the optimized ones, under the same random
                transform.
        """

    def each(self, function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
        """Return [N]: the scalar `function(T, **values)` of each objective's own pictures, repeated for each."""


class Objective:
    """What a picture shall make large. Made by the functions of `tf_interp.features`, joined with `+ - * /`.

    Example:
        >>> str(Objective.sum(["conv:7", "conv:8"]) * 2)
        '(conv:7 + conv:8) * 2'
    """

    @property
    def silence_level(self) -> float | None:
        """A picture whose activation is not above this did not activate; None if that cannot be said."""
        return None

    def structure(self) -> tuple:
        """Return everything but the numbers, hashable: objectives of one structure share a compiled program."""
        raise NotImplementedError

    def terms(self) -> Iterator["Term"]:
        """Iterate over the leaves, left to right."""
        raise NotImplementedError

    def map(self, change: Callable[["Term"], "Term"]) -> "Objective":
        """Return the same objective with each leaf changed.

        Args:
            change: from a leaf to the one in its place.
        """
        raise NotImplementedError

    def evaluate(self, T: Lookup, values: Iterator[Mapping[str, Any]], rewards_only: bool = False) -> Any:
        """Return the value [N] or a scalar.

        Args:
            T: the look-up.
            values: for each term in order, its numbers as tensors [N,...].
            rewards_only: count penalties as 0 and schedules as 1.
        """
        raise NotImplementedError

    @staticmethod
    def sum(objectives: Any) -> "Objective":
        """Return the sum of objectives (or of whatever `as_objective` takes).

        Args:
            objectives: at least one.
        """
        items = [as_objective(item) for item in objectives]
        if not items:
            raise ValueError("the sum of no objectives is not an objective; give at least one")
        return functools.reduce(lambda a, b: a + b, items)

    def __add__(self, other: Any) -> "Objective":
        return _join("+", self, other)

    def __radd__(self, other: Any) -> "Objective":
        return self if isinstance(other, int) and other == 0 else _join("+", other, self)  # sum() starts at 0

    def __sub__(self, other: Any) -> "Objective":
        return _join("-", self, other)

    def __rsub__(self, other: Any) -> "Objective":
        return _join("-", other, self)

    def __mul__(self, other: Any) -> "Objective":
        return _join("*", self, other)

    def __rmul__(self, other: Any) -> "Objective":
        return _join("*", other, self)

    def __truediv__(self, other: Any) -> "Objective":
        if isinstance(other, Objective):
            raise TypeError("an objective can be divided by a number only, not by another objective")
        return _join("/", self, other)

    def __neg__(self) -> "Objective":
        return _join("*", -1, self)

    def __repr__(self) -> str:
        return f"<Objective {cut(self, 180)}>"


class Term(Objective):
    """One leaf: a function of the look-up, with its numbers kept apart from its structure.

    Args:
        function: called as `function(T, **fixed, **values)`, returns [N] or a scalar. `values` come as tensors [N,...].
        fixed: hashable settings; another setting is another program.
        values: numbers and arrays; another number is not another program.
        neutral: what it counts as in a picture's activation: 0 for penalties, 1 for schedules, None for itself.
        needs: what the model must have, for a check before costly work: tuples `(layer, kind, number)` with kind
            "channel" (an index), "width" (a number of channels), "x" or "y" (a position), or "layer" (no number).
        targets: values that are classes; `class_weights` puts what a network makes of them in their place.
        title: how it is written.
        silence_level: a picture whose activation is not above this did not activate; None if that cannot be said.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        fixed: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        *,
        neutral: float | None = None,
        needs: tuple = (),
        targets: Mapping[str, Any] | None = None,
        title: str | None = None,
        silence_level: float | None = None,
    ) -> None:
        self.function, self.fixed, self.neutral, self.needs = function, dict(fixed or {}), neutral, tuple(needs)
        self.values = {key: _array(key, value) for key, value in (values or {}).items()}
        self.targets, self._silence_level = dict(targets or {}), silence_level
        self.title = title or str(getattr(function, "__name__", type(function).__name__))
        for name, value in self.fixed.items():
            _check_setting(self.title, name, value)  # fail here, not at the end of a render call

    @property
    def constant(self) -> bool:
        """Whether it is a number only."""
        return self.function is _number

    @property
    def silence_level(self) -> float | None:
        """As given."""
        return self._silence_level

    def structure(self) -> tuple:  # noqa: D102
        shapes = tuple((key, value.shape, value.dtype.str) for key, value in self.values.items())
        return (self.function, tuple(self.fixed.items()), shapes, tuple(self.targets), self.neutral)

    def terms(self) -> Iterator["Term"]:  # noqa: D102
        yield self

    def map(self, change: Callable[["Term"], "Term"]) -> Objective:  # noqa: D102
        return change(self)

    def evaluate(self, T: Lookup, values: Iterator[Mapping[str, Any]], rewards_only: bool = False) -> Any:  # noqa: D102
        mine = next(values)
        if rewards_only and self.neutral is not None:
            return tf.constant(self.neutral, tf.float32)
        try:
            value = tf.cast(self.function(T, **self.fixed, **mine), tf.float32)
        except TypeError as error:
            whole = [name for name, number in mine.items() if number.dtype == tf.int32]
            if not whole or "int32" not in str(error):
                raise
            raise TypeError(
                f"{self}: {error} (as int32 came {', '.join(whole)}: write floats with a point, or annotate them in "
                "the function, `weight: float`)"
            ) from error
        if value.shape.rank == 0:  # a scalar would mix the pictures of all objectives of the program
            value = T.each(functools.partial(self.function, **self.fixed), mine)
        if value.shape.rank != 1:
            raise ValueError(
                f"the objective {self} gave a tensor of shape {value.shape}; expected one number per picture [N], or "
                "a scalar: take the mean over the remaining axes"
            )
        return value

    def __str__(self) -> str:
        return self.title


class _Join(Objective):
    """Two objectives and the sign between them."""

    def __init__(self, sign: str, left: Objective, right: Objective) -> None:
        self.sign, self.left, self.right = sign, left, right

    @property
    def silence_level(self) -> float | None:
        """What each of the rewards has, if it is all that counts: 0, times a positive number, plus penalties."""
        sides = (self.left, self.right)
        numbers = [float(side.values["value"]) for side in sides if isinstance(side, Term) and side.constant]
        rewards = [side for side in sides if any(t.neutral is None and not t.constant for t in side.terms())]
        factor = self.sign in "*/" and all(number > 0 for number in numbers)
        if (numbers and not factor) or (self.sign == "-" and self.right in rewards):
            return None
        return 0.0 if rewards and all(side.silence_level == 0.0 for side in rewards) else None

    def structure(self) -> tuple:
        return (self.sign, self.left.structure(), self.right.structure())

    def terms(self) -> Iterator[Term]:
        yield from self.left.terms()
        yield from self.right.terms()

    def map(self, change: Callable[[Term], Term]) -> Objective:
        return _Join(self.sign, self.left.map(change), self.right.map(change))

    def evaluate(self, T: Lookup, values: Iterator[Mapping[str, Any]], rewards_only: bool = False) -> Any:
        a = self.left.evaluate(T, values, rewards_only)
        b = self.right.evaluate(T, values, rewards_only)
        return {"+": tf.add, "-": tf.subtract, "*": tf.multiply, "/": tf.divide}[self.sign](a, b)

    def __str__(self) -> str:
        sides = [str(self.left), str(self.right)]
        for index, side in enumerate((self.left, self.right)):
            loose = isinstance(side, _Join) and side.sign in "+-"
            if loose and (self.sign in "*/" or (index == 1 and self.sign == "-")):
                sides[index] = f"({sides[index]})"
        return f"{sides[0]} {self.sign} {sides[1]}"


def _number(T: Lookup, *, value: Any) -> Any:
    return value


def _join(sign: str, left: Any, right: Any) -> Objective:
    return _Join(sign, _operand(left), _operand(right))


def _operand(x: Any) -> Objective:
    if isinstance(x, Objective):
        return x
    if isinstance(x, int | float | np.number) and not isinstance(x, bool):
        return Term(_number, values={"value": float(x)}, title=f"{float(x):g}")
    raise TypeError(f"objectives are joined with objectives and numbers, got {type(x).__name__}")


def _check_setting(title: str, name: str, value: Any) -> None:
    if name.rstrip("0123456789") == "layer":
        check_name(value)
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"{title}: {name} must be a text, a number or something else that can be hashed, got "
            f"{type(value).__name__} {cut(value, 60)}"
        ) from None


def _array(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must be a number or an array of numbers, got {type(value).__name__} of dtype {array.dtype}"
        )
    array = array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return array


def as_objective(x: Any) -> Objective:
    """Return an objective for what people write for one.

    Args:
        x: an objective, "layer:channel" (such as "conv2:7"), or a function of the look-up.

    Returns:
        The objective.

    Raises:
        TypeError: if it is none of these.
        ValueError: if a string is not of the form "layer:channel".

    Example:
        >>> str(as_objective("conv2:7"))
        'conv2:7'
    """
    if isinstance(x, Objective):
        return x
    if isinstance(x, str):
        layer, colon, number = x.rpartition(":")
        if not colon or not layer or not number.strip().isdigit():
            raise ValueError(f"the objective {x!r} should be written 'layer:channel', for example 'conv2:7'")
        return channel(layer, int(number))
    if callable(x):
        return Term(x)
    raise TypeError(f"expected an Objective, 'layer:channel' or a function of the look-up T, got {type(x).__name__}")


def channel(layer: str, n: int) -> Objective:
    """Reward: the mean activation of one channel.

    Args:
        layer: name of a layer.
        n: channel index, from 0.

    Returns:
        The objective.

    Example:
        >>> str(channel("conv2", 7) / 2)
        'conv2:7 / 2'
    """
    n = check_index("channel n", n)
    needs = ((layer, "channel", n),)
    return Term(mean_of_channel, {"layer": layer}, {"n": n}, needs=needs, title=f"{layer}:{n}", silence_level=0.0)


def mean_of_channel(T: Lookup, layer: str, n: Any) -> Any:
    """Return what `channel` asks for, [N]."""
    return pick(average_positions(T(layer)), n)


def pick(a: Any, n: Any) -> Any:
    """Return entry n[i] of row i, [N]."""
    width = a.shape[1] or tf.shape(a)[1]
    chosen = tf.one_hot(n, width, on_value=True, off_value=False)  # compiled sooner than a gather
    return tf.reduce_sum(tf.where(chosen, a, 0.0), 1)


def check_index(name: str, value: Any) -> int:
    """Return a whole number from 0 on, or raise.

    Args:
        name: how the caller calls it.
        value: what was given.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, got {value!r}; for several channels give a list of objectives")
    if value < 0:
        raise ValueError(f"{name} must be 0 or more, got {value}")
    return int(value)
