"""What is lost where numbers are put into a type that holds fewer digits, such as seconds of today into float32."""

from typing import Any, NamedTuple

import numpy as np

_WHOLE = {"bfloat16": 2.0**8, "float16": 2.0**11, "float32": 2.0**24, "float64": 2.0**53}  # so far all are held
_ALLOWED = {"bfloat16": 0.05, "float16": 0.01}  # of the spread: half precision takes as much of any picture
_IN_FULL = 1e-3
_MEANT = 1e-9  # of the numbers: floats that spread by less are one number and what computing it left
_ROWS = 3  # of fewer numbers a spread may be small by chance


class Rounding(NamedTuple):
    """What a type makes of some numbers where it loses most.

    Args:
        given: one of the numbers.
        held: what the type makes of it; infinite where it holds none so large.
        spread: standard deviation of the numbers that it is one of.
    """

    given: int | float
    held: float
    spread: float

    @property
    def moved(self) -> float:
        """How far the number is moved."""
        whole = isinstance(self.given, int) and np.isfinite(self.held)
        return abs(float(self.given - int(self.held) if whole else self.given - self.held))


def find_rounding(values: np.ndarray, kind: Any) -> Rounding | None:
    """Return what is lost if a type is to hold some numbers, where that is much beside what tells them apart.

    The spread is that of one column, the last axis, over all others: columns may differ in size by much. Pictures and
    ordinary floats lose nothing that counts.

    Args:
        values: numbers [N,...].
        kind: numpy type of floats that is to hold them.

    Returns:
        The worst case; None if nothing is lost that counts.

    Example:
        >>> find_rounding(np.array([20000001, 20000003, 20000005]), np.dtype("float32")).held
        20000000.0
        >>> find_rounding(np.random.default_rng(0).random((4, 8, 8, 3)), np.dtype("float32"))
    """
    kind = np.dtype(kind)
    whole = values.dtype.kind in "iu"
    if values.dtype == kind or values.dtype.kind not in "fiu" or not values.size or kind.name not in _WHOLE:
        return None
    wide = np.longdouble if kind == np.float64 else np.float64
    if (whole or kind.name in _ALLOWED) and np.abs(values.astype(wide)).max() <= _WHOLE[kind.name]:
        return None
    columns = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values[:, None]
    if len(columns) < _ROWS:
        columns = columns.reshape(-1, 1)
    columns = columns.astype(wide)
    with np.errstate(over="ignore", invalid="ignore"):
        held = columns.astype(kind).astype(wide)
        finite = np.isfinite(columns)
        moved = np.where(finite, np.abs(held - columns), 0)
        safe, count = np.where(finite, columns, 0), np.maximum(finite.sum(0), 1)
        apart = np.where(finite, safe - safe.sum(0) / count, 0)
        spread = np.sqrt((apart**2).sum(0) / count)
    telling = spread > (0 if whole else _MEANT * np.abs(safe).max(0))
    allowed = _ALLOWED.get(kind.name, _IN_FULL) * spread
    lost = np.isinf(moved) | (telling & (moved > allowed))
    if not lost.any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(lost, np.where(np.isinf(moved), np.inf, moved / spread), 0)
    row, column = np.unravel_index(int(np.argmax(share)), share.shape)
    given = columns[row, column]
    return Rounding(int(given) if whole else float(given), float(held[row, column]), float(spread[column]))
