"""What `tcav` was asked for: checked, and described in the result."""

import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from tf_interp.capture import POOLINGS
from tf_interp.concepts.examples.sets import Sets

METHODS = ("displacement", "kim2018")


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
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


def check_options(asked: Asked) -> None:
    """Raise ValueError if an option is unknown or out of range."""
    if not asked.paths:
        raise ValueError("layers is empty: give at least one layer name")
    for name, value, known in (("pooling", asked.pooling, POOLINGS), ("method", asked.method, METHODS)):
        if value not in known:
            raise ValueError(f"{name} must be one of {list(known)}, got {value!r}")
    for name, number, least in (
        ("permutations", asked.permutations, 99),
        ("bootstraps", asked.bootstraps, 20),
        ("batch_size", asked.batch_size, 1),
        ("seed", asked.seed, 0),
        ("family", 1 if asked.family is None else asked.family, 1),
    ):
        if not isinstance(number, numbers.Integral) or number < least:
            raise ValueError(f"{name} must be an integer of at least {least}, got {number!r}")
    if not isinstance(asked.alpha, numbers.Real) or not 0 < asked.alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {asked.alpha!r}")


def check_reference(sets: Sets, asked: Asked) -> None:
    """Raise ValueError if method "kim2018" cannot test these sets."""
    if sets.pool is None:
        raise ValueError('method "kim2018" needs random images, also where concepts are paired')
    if sets.values:
        raise ValueError(f'method "kim2018" cannot test concepts that come in degrees: {sorted(sets.values)}')
    if not isinstance(asked.runs, numbers.Integral) or asked.runs < 2:
        raise ValueError(f"runs must be an integer of at least 2, got {asked.runs!r}")


def describe(asked: Asked, sets: Sets) -> dict[str, Any]:
    """Return the settings of the result, plain values only."""
    settings = {
        "method": asked.method,
        "cav": asked.cav if isinstance(asked.cav, str) else repr(asked.cav),
        "pooling": asked.pooling,
        "permutations": asked.permutations,
        "bootstraps": asked.bootstraps,
        "seed": asked.seed,
        "alpha": asked.alpha,
        "layers": asked.paths,
        "concepts": {name: len(found) for name, found in sets.concepts.items()},
        "paired": sorted(sets.paired),
        "relative": asked.relative,
        "hierarchy": {name: list(children) for name, children in (asked.hierarchy or {}).items()},
        "random": None if sets.pool is None else len(sets.pool),
        "targets": {target.name: len(target.images) for target in sets.targets},
        "classes": {item.name: item.target.index for item in sets.targets},
        "grouped": sets.groups is not None,
    }
    if asked.method == "kim2018":
        settings |= {"cav": "hinge by stochastic gradient descent, alpha .01", "runs": asked.runs, "permutations": 0}
    return settings
