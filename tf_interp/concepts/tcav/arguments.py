"""What `tcav` was asked for: checked, and described in the result."""

import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from tf_interp.capture import POOLINGS
from tf_interp.concepts.examples.sets import Sets
from tf_interp.models.batches import count_rows

METHODS = ("displacement", "kim2018")


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
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
    fixed: Mapping[str, Any] | None = None


def check_options(request: Request) -> None:
    """Raise ValueError if an option is unknown or out of range."""
    if not request.paths:
        raise ValueError("layers is empty: give at least one layer name")
    for name, value, known in (("pooling", request.pooling, POOLINGS), ("method", request.method, METHODS)):
        if value not in known:
            raise ValueError(f"{name} must be one of {list(known)}, got {value!r}")
    for name, number, least in (
        ("permutations", request.permutations, 99),
        ("bootstraps", request.bootstraps, 20),
        ("batch_size", request.batch_size, 1),
        ("seed", request.seed, 0),
        ("family", 1 if request.family is None else request.family, 1),
    ):
        if not isinstance(number, numbers.Integral) or number < least:
            raise ValueError(f"{name} must be an integer of at least {least}, got {number!r}")
    if not isinstance(request.alpha, numbers.Real) or not 0 < request.alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {request.alpha!r}")


def check_reference(sets: Sets, request: Request) -> None:
    """Raise ValueError if method "kim2018" cannot test these sets."""
    if sets.pool is None:
        raise ValueError('method "kim2018" needs random images, also where concepts are paired')
    if sets.values:
        raise ValueError(f'method "kim2018" cannot test concepts that come in degrees: {sorted(sets.values)}')
    if not isinstance(request.runs, numbers.Integral) or request.runs < 2:
        raise ValueError(f"runs must be an integer of at least 2, got {request.runs!r}")


def describe(request: Request, sets: Sets) -> dict[str, Any]:
    """Return the settings of the result, plain values only."""
    settings = {
        "method": request.method,
        "cav": request.cav if isinstance(request.cav, str) else repr(request.cav),
        "pooling": request.pooling,
        "permutations": request.permutations,
        "bootstraps": request.bootstraps,
        "seed": request.seed,
        "alpha": request.alpha,
        "layers": request.paths,
        "concepts": {name: len(found) for name, found in sets.concepts.items()},
        "paired": sorted(sets.paired),
        "relative": request.relative,
        "hierarchy": {name: list(children) for name, children in (request.hierarchy or {}).items()},
        "random": None if sets.pool is None else len(sets.pool),
        "targets": {target.name: count_rows(target.images) for target in sets.targets},
        "classes": {item.name: item.target.index for item in sets.targets},
        "grouped": sets.groups is not None,
    }
    if request.method == "kim2018":
        settings |= {
            "cav": "hinge by stochastic gradient descent, alpha .01",
            "runs": request.runs,
            "permutations": 0,
        }
    return settings
