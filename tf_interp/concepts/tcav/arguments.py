"""What `tcav` was asked for: checked, and described in the result."""

import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from tf_interp.capture import POOLINGS
from tf_interp.concepts.examples.sets import Sets

METHODS = ("displacement", "kim2018")


@dataclasses.dataclass(frozen=True, eq=False)
class Arguments:
    """The arguments of `tcav`."""

    concepts: Mapping[str, Any]
    random: Any
    targets: Mapping[Any, Any]
    paths: list[str]
    paired: Mapping[str, Any] | None
    groups: Mapping[str, Sequence[Any]] | None
    relative: str
    hierarchy: Mapping[str, Sequence[str]] | None
    method: str
    cav: Any
    pooling: str
    permutations: int
    bootstraps: int
    runs: int
    seed: int
    batch_size: int
    alpha: float
    family: int | None


def check_options(wanted: Arguments) -> None:
    """Raise ValueError if an option is unknown or out of range."""
    if not wanted.paths:
        raise ValueError("layers is empty: give at least one layer name")
    for name, value, known in (("pooling", wanted.pooling, POOLINGS), ("method", wanted.method, METHODS)):
        if value not in known:
            raise ValueError(f"{name} must be one of {list(known)}, got {value!r}")
    for name, number, least in (
        ("permutations", wanted.permutations, 99),
        ("bootstraps", wanted.bootstraps, 20),
        ("batch_size", wanted.batch_size, 1),
        ("seed", wanted.seed, 0),
        ("family", 1 if wanted.family is None else wanted.family, 1),
    ):
        if not isinstance(number, numbers.Integral) or number < least:
            raise ValueError(f"{name} must be an integer of at least {least}, got {number!r}")
    if not isinstance(wanted.alpha, numbers.Real) or not 0 < wanted.alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {wanted.alpha!r}")


def check_reference(sets: Sets, wanted: Arguments) -> None:
    """Raise ValueError if method "kim2018" cannot test these sets."""
    if sets.pool is None:
        raise ValueError('method "kim2018" needs random images, also where concepts are paired')
    if sets.values:
        raise ValueError(f'method "kim2018" cannot test concepts that come in degrees: {sorted(sets.values)}')
    if not isinstance(wanted.runs, numbers.Integral) or wanted.runs < 2:
        raise ValueError(f"runs must be an integer of at least 2, got {wanted.runs!r}")


def describe(wanted: Arguments, sets: Sets) -> dict[str, Any]:
    """Return the settings of the result, plain values only."""
    settings = {
        "method": wanted.method,
        "cav": wanted.cav if isinstance(wanted.cav, str) else repr(wanted.cav),
        "pooling": wanted.pooling,
        "permutations": wanted.permutations,
        "bootstraps": wanted.bootstraps,
        "seed": wanted.seed,
        "alpha": wanted.alpha,
        "layers": wanted.paths,
        "concepts": {name: len(found) for name, found in sets.concepts.items()},
        "paired": sorted(sets.paired),
        "relative": wanted.relative,
        "hierarchy": {name: list(children) for name, children in (wanted.hierarchy or {}).items()},
        "random": None if sets.pool is None else len(sets.pool),
        "targets": {target.name: len(target.images) for target in sets.targets},
        "classes": {item.name: item.target.index for item in sets.targets},
        "grouped": sets.groups is not None,
    }
    if wanted.method == "kim2018":
        settings |= {
            "cav": "hinge by stochastic gradient descent, alpha .01",
            "runs": wanted.runs,
            "permutations": 0,
        }
    return settings
