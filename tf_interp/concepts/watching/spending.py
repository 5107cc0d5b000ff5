"""How the error rate of an alarm is spread over a training: any function that is fixed before it begins."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Spending = Callable[[float], float]  # share of the training that is over, 0..1 -> share of alpha that may be spent

_UNKNOWN_LENGTH = 10  # looks after which half of alpha is spent, where nobody knows how many there will be


def _linear(over: float) -> float:
    return over


def _pocock(over: float) -> float:
    return float(np.log1p((np.e - 1) * over))


def _late(over: float) -> float:
    return over**3


SPENDINGS: dict[str, Spending] = {"linear": _linear, "pocock": _pocock, "late": _late}


def get_spending(spending: Any) -> Spending:
    """Return a spending function by its name, or the user's own.

    Args:
        spending: "linear" (in proportion to the training), "pocock" (more of it early), "late" (the third power: hardly
            anything early), or a function 0..1 -> 0..1 that rises.

    Returns:
        The function.

    Raises:
        ValueError: for another name, or a function that does not rise from 0 or more to 1 or less.
        TypeError: if it is neither.

    Source: Lan and DeMets, Discrete Sequential Boundaries for Clinical Trials, 1983; Kim and DeMets, 1987, for powers.

    Example:
        >>> [round(get_spending(name)(0.5), 3) for name in ("linear", "pocock", "late")]
        [0.5, 0.62, 0.125]
    """
    if isinstance(spending, str):
        if spending not in SPENDINGS:
            raise ValueError(f"spending must be one of {list(SPENDINGS)} or a function, got {spending!r}")
        return SPENDINGS[spending]
    if not callable(spending):
        raise TypeError(f"spending must be one of {list(SPENDINGS)} or a function, got {spending!r}")
    values = [float(spending(share)) for share in np.linspace(0, 1, 101)]
    if values[0] < 0 or values[-1] > 1 or any(after < before for before, after in itertools.pairwise(values)):
        raise ValueError(
            "spending must be a function that rises, from 0 or more at 0 to 1 or less at 1; it gives "
            f"{values[0]:.3g}, {values[50]:.3g} and {values[-1]:.3g} at 0, .5 and 1"
        )
    return spending


def get_spent(spending: Spending, start: float, share: float) -> float:
    """Return what share of alpha may be spent by a watch that began at `start`, when a share of the training is over.

    Args:
        spending: as `get_spending` returns it.
        start: share of the training that was over when it began: what others may have spent by then is theirs.
        share: that is over now.
    """
    return max(0.0, float(spending(share)) - (float(spending(start)) if start > 0 else 0.0))


def guess_share(looks: int) -> float:
    """Return what share of a training of unknown length is taken to be over: it rises for ever and stays below 1.

    Args:
        looks: that were made before this one.
    """
    return looks / (looks + _UNKNOWN_LENGTH)
