"""Bounds of numbers that are divided by what grows as fast as they do: x / (1 + x^2), x / |x|, x * exp(-x^2)."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_interp.models.outputs.ends.inner_bounds import Bounds
from tf_interp.models.outputs.ends.operations import follow, is_same, read_value, strip

_DEEPEST = 10
_FINITE = 1e30
_NEAR = 1e-6  # two powers are one
_GUARD = 1e-3  # what is added so that nothing is divided by zero is less, and bounds nothing that counts
Terms = list[tuple[float, float]]  # what is at least the sum of coefficient * size ** power
Look = Callable[[tf.Tensor], Bounds]


class _Base(NamedTuple):
    """The numbers by whose size others are measured.

    Args:
        tensor: the numbers.
        axes: along which their length is the size; None is the size of each by itself.
    """

    tensor: tf.Tensor
    axes: tuple[int, ...] | None = None


def find_limit(tensor: tf.Tensor, look: Look) -> float | None:
    """Return what the size of a product or quotient never exceeds, because its divisor grows as fast; None if unknown.

    All factors are measured by the size r of the numbers x that may be of any size. A divisor that is at least
    a + b r^2 is also at least 2 sqrt(a b) r, as the arithmetic mean is never less than the geometric one.

    Args:
        tensor: what is made by a product or quotient.
        look: the bounds of a tensor.
    """
    factors = [*_list_factors(tensor, 1.0, look)]
    for base in _list_bases(factors, look):
        limit = _measure(factors, base, look)
        if limit is not None:
            return float(f"{limit:.6g}")  # powers are constants of single precision
    return None


def _list_factors(tensor: tf.Tensor, power: float, look: Look, depth: int = _DEEPEST) -> Iterator[tuple]:
    """Yield (tensor, power): the product of their sizes, each to its power, is the size of a tensor, or more."""
    tensor = follow(tensor)
    operation = tensor.op
    kind, inputs = operation.type, list(operation.inputs)
    parts = [(item, power) for item in inputs]
    if kind in ("RealDiv", "DivNoNan"):
        parts[1] = (inputs[1], -power)
    elif kind in ("Reciprocal", "Inv", "Square", "Sqrt", "Rsqrt"):
        parts = [(inputs[0], power * {"Square": 2.0, "Sqrt": 0.5, "Rsqrt": -0.5}.get(kind, -1.0))]
    elif kind == "Pow" and (raised := _read_quotient(inputs[1])) is not None:
        parts = [(inputs[0], power * raised)]
    elif kind == "Minimum" and power > 0 and look(tensor)[0] >= 0:  # no more than each
        parts = [(item, power) for item in inputs if read_value(item) is None]
    elif kind not in ("Mul", "Neg", "Abs"):
        parts = []
    if not parts or depth == 0:
        yield tensor, power
    for part, raised in parts:
        yield from _list_factors(part, raised, look, depth - 1)


def _list_bases(factors: Sequence[tuple], look: Look) -> Iterator[_Base]:
    """Yield the numbers by which factors may be measured, first those that may be of any size."""
    raised = [tensor for tensor, power in factors if power > 0 and tensor.op.type != "Const"]
    for tensor in sorted(raised, key=lambda item: _is_bounded(item, look)):
        yield _Base(tensor)
        if tensor.op.type == "Sum":  # of squares, beside numbers of the same row: a capsule
            for inner, _ in _list_factors(tensor.op.inputs[0], 1.0, look):
                yield _Base(inner, _read_axes(tensor.op))


def _measure(factors: Sequence[tuple], base: _Base, look: Look) -> float | None:
    """Return the largest that a product can be, by the size of the base."""
    limit, wanted, divisors = 1.0, 0.0, []
    for tensor, power in factors:
        if power > 0:
            most = _find_most(tensor, base, look)
            if most is None:
                return None
            rest = _find_least(tensor.op.inputs[0], -1.0, base, look, _DEEPEST) if tensor.op.type == "Exp" else None
            if rest and (terms := _gather([(1.0, 0.0), *rest])):  # exp(-u) <= 1 / (1 + u)
                divisors.append((terms, power))
                continue
            limit, wanted = limit * most[0] ** power, wanted + most[1] * power
        elif power < 0:
            terms = _gather(_find_least(tensor, 1.0, base, look, _DEEPEST))
            if not terms:
                return None
            divisors.append((terms, -power))
    takes = [(min(terms) * power, max(terms) * power) for terms, power in divisors]
    left = wanted - sum(least for least, _ in takes)
    for (terms, power), (least, most) in zip(divisors, takes, strict=True):
        more = min(left, most - least)
        left -= more
        if more < -_NEAR:
            return None
        limit /= _find_coefficient(terms, (least + more) / power) ** power
    return limit if abs(left) < _NEAR and limit < _FINITE else None


def _find_most(tensor: tf.Tensor, base: _Base, look: Look) -> tuple[float, float] | None:
    """Return (coefficient, power) of the base's size that the size of a tensor never exceeds."""
    power = _match(tensor, base, look)
    if power is not None:
        return 1.0, power
    return (max(map(abs, look(tensor))), 0.0) if _is_bounded(tensor, look) else None


def _match(tensor: tf.Tensor, base: _Base, look: Look) -> float | None:
    """Return the power of the base's size that a tensor is, or in a row of which it is one number at most."""
    if _is_in_place(tensor, base.tensor):
        return 1.0
    ends = [follow(item) for item in (*tensor.op.inputs, *base.tensor.op.inputs)]
    if tensor.op.type == "SquaredDifference" and base.tensor.op.type == "Sub" and tensor.shape == base.tensor.shape:
        return 2.0 if all(is_same(*pair) for pair in zip(ends[:2], ends[2:], strict=True)) else None
    total = strip(tensor).op
    if base.axes is not None and total.type == "Sum" and _read_place(tensor, base.tensor) == base.axes:
        return 2.0 if _read_power(total.inputs[0], 1.0, _Base(base.tensor), look) == (1.0, 2.0) else None
    return None


def _read_power(tensor: tf.Tensor, sign: float, base: _Base, look: Look) -> tuple[float, float] | None:
    """Return (coefficient, power) where a tensor, or minus it, is never negative, and nothing but that of the size."""
    coefficient, total = 1.0, 0.0
    for factor, power in _list_factors(tensor, 1.0, look):
        value, raised = read_value(factor), _match(factor, base, look)
        if value is None and raised is None:
            return None
        coefficient *= 1.0 if value is None else abs(value) ** power if value else 0.0
        total += (raised or 0.0) * power
    low, high = look(tensor)
    return (coefficient, total) if total and (low >= 0 if sign > 0 else high <= 0) else None


def _find_least(tensor: tf.Tensor, scale: float, base: _Base, look: Look, depth: int) -> Terms | None:
    """Return terms whose sum a tensor times `scale` is never less than; None where it may be anything."""
    outer, tensor = tensor, follow(tensor)
    kind, inputs = tensor.op.type, list(tensor.op.inputs)
    found: Terms | None = None
    if depth and kind != "Const":
        own = base.axes is None or strip(tensor).op.type == "Sum"
        known = _read_power(tensor, scale, base, look) if own else None
        found = [(abs(scale) * known[0], known[1])] if known else _find_reduced(outer, scale, base, look, depth)
    if found is None and depth:
        parts: list[tuple[tf.Tensor, float]] = []
        if kind in ("Add", "AddV2", "AddN", "BiasAdd", "Neg", "Sub"):
            signs = {"Neg": (-1.0,), "Sub": (1.0, -1.0)}.get(kind, (1.0,) * len(inputs))
            parts = [(item, scale * sign) for item, sign in zip(inputs, signs, strict=True)]
        elif kind in ("Mul", "RealDiv") and (value := read_value(inputs[1])):
            parts = [(inputs[0], scale * value if kind == "Mul" else scale / value)]
        elif kind == "Mul" and (value := read_value(inputs[0])):
            parts = [(inputs[1], scale * value)]
        least_parts = [_find_least(item, sign, base, look, depth - 1) for item, sign in parts]
        if parts and all(part is not None for part in least_parts):
            found = [term for part in least_parts for term in part or []]
        elif kind == "Maximum" and scale > 0:  # no less than either
            either = [_find_least(item, scale, base, look, depth - 1) for item in inputs]
            best = max(map(_gather, either), key=lambda terms: max(terms, default=-1.0))
            found = [(value, power) for power, value in best.items()] or None
        elif kind in ("Sqrt", "Pow") and scale > 0:
            raised = 0.5 if kind == "Sqrt" else _read_quotient(inputs[1])
            inner = _gather(_find_least(inputs[0], 1.0, base, look, depth - 1))
            if inner and raised is not None and raised > 0:  # a sum is no less than one of its terms
                found = [(scale * inner[max(inner)] ** raised, max(inner) * raised)]
    if found is not None:
        return found
    least = scale * look(tensor)[0 if scale > 0 else 1]
    return [(least, 0.0)] if abs(least) < _FINITE else None


def _find_reduced(tensor: tf.Tensor, scale: float, base: _Base, look: Look, depth: int) -> Terms | None:
    """Return terms of a sum, mean or maximum of numbers that are never negative: it holds the base's own."""
    operation = strip(tensor).op
    if operation.type not in ("Sum", "Mean", "Max") or base.axes is not None or scale < 0:
        return None
    axes, inside = _read_place(tensor, base.tensor), operation.inputs[0]
    if axes is None or look(inside)[0] < 0:
        return None
    sides = [inside.shape[axis] for axis in axes] if operation.type == "Mean" else []
    return None if None in sides else _find_least(inside, scale / int(np.prod(sides or [1])), base, look, depth - 1)


def _gather(terms: Terms | None) -> dict[float, float]:
    """Return power -> coefficient, without those that are nothing; nothing where some speak against a bound."""
    found: dict[float, float] = {}
    for value, power in terms or []:
        found[power] = found.get(power, 0.0) + value
    guard = 0.0 < found.get(0.0, 0.0) < _GUARD
    if any(value < 0 for value in found.values()):
        return {}
    return {power: value for power, value in found.items() if value and (power or not guard)}


def _find_coefficient(terms: dict[float, float], power: float) -> float:
    """Return c for which a sum of terms is at least c * size ** power: the best of one term, and of two around it."""
    best = [value for raised, value in terms.items() if abs(raised - power) < _NEAR]
    for low, first in terms.items():
        for high, second in terms.items():
            if low < power - _NEAR and high > power + _NEAR:
                share = (power - low) / (high - low)
                best.append((first / (1 - share)) ** (1 - share) * (second / share) ** share)
    return max(best)


def _is_in_place(tensor: tf.Tensor, base: tf.Tensor) -> bool:
    """Return whether a tensor holds the numbers of the base, each where it stands there."""
    tensor, base = follow(tensor), follow(base)
    if tensor is base or tensor.shape.rank is None or base.shape.rank is None:
        return tensor is base
    sides = tensor.shape.as_list()
    return sides == base.shape.as_list() and sides.count(None) <= 1 and is_same(tensor, base)


def _read_axes(operation: tf.Operation) -> tuple[int, ...] | None:
    axes, rank = tf.get_static_value(operation.inputs[1]), operation.inputs[0].shape.rank
    return None if axes is None or rank is None else tuple(sorted(int(axis) % rank for axis in axes.flat))


def _read_place(tensor: tf.Tensor, base: tf.Tensor) -> tuple[int, ...] | None:
    """Return the axes that a tensor reduces, if it stands beside the base so that each row has its own; else None."""
    operation = strip(tensor).op
    axes, rank = _read_axes(operation), base.shape.rank
    if axes is None or rank is None or operation.inputs[0].shape.rank != rank or tensor.shape.rank is None:
        return None
    sides, all_sides = tensor.shape.as_list(), base.shape.as_list()
    if axes == tuple(range(len(axes))) and sides == all_sides[len(axes) :]:
        return axes
    kept = operation.outputs[0].shape.rank == rank  # with an axis of one number for each that is reduced
    fits = sides == [1 if axis in axes else side for axis, side in enumerate(all_sides)]
    return axes if fits and (kept or sides.count(None) <= 1) else None


def _is_bounded(tensor: tf.Tensor, look: Look) -> bool:
    return max(map(abs, look(tensor))) < _FINITE


def _read_quotient(tensor: tf.Tensor) -> float | None:
    """Return a constant, or one that is divided by another."""
    if tensor.op.type != "RealDiv":
        return read_value(tensor)
    above, below = map(read_value, tensor.op.inputs)
    return above / below if above is not None and below else None
