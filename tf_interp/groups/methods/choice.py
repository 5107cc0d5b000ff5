"""All methods by name, and the one that suits what a layer does."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from tf_interp.groups.methods.decomposition import Decomposition
from tf_interp.groups.methods.dictionaries.archetypal import Archetypal
from tf_interp.groups.methods.dictionaries.sparse import Sparse
from tf_interp.groups.methods.factorizer import Factorizer, Fitted
from tf_interp.groups.methods.non_negative import Nmf
from tf_interp.groups.methods.semi_nmf import SemiNmf
from tf_interp.groups.methods.split_nmf import SplitNmf

MUCH = 0.25  # of the activation is negative


@dataclasses.dataclass(frozen=True)
class Automatic(Factorizer):
    """NMF, or semi-NMF where much of the activation is negative.

    Args:
        much: share of the activation (of the sum of absolute values) that is negative, from which on semi-NMF is taken.
    """

    name: ClassVar[str] = "auto"
    much: float = MUCH

    def check(self) -> None:  # noqa: D102
        if not 0 <= self.much <= 1:
            raise ValueError(f"much of auto must be from 0 to 1, got {self.much!r}")

    def settle(self, rows: np.ndarray) -> Factorizer:
        """Return the method for rows [n,C]."""
        return SemiNmf() if share_negative(rows) > self.much else Nmf()

    def fit(self, rows: np.ndarray, k: int, *, seed: int, init: np.ndarray | None, iterations: int) -> Fitted:  # noqa: D102
        return self.settle(rows).fit(rows, k, seed=seed, init=init, iterations=iterations)


def share_negative(rows: np.ndarray) -> float:
    """Return which share of the sum of absolute values is negative, 0..1; of zeros 0."""
    total = float(np.abs(rows).sum(dtype=np.float64))
    return float(-np.minimum(rows, 0).sum(dtype=np.float64)) / total if total else 0.0


_ALL: tuple[type[Factorizer], ...] = (Nmf, SemiNmf, SplitNmf, Sparse, Archetypal)
METHODS = tuple(kind.name for kind in _ALL)
_NAMED: tuple[type[Factorizer], ...] = (Automatic, *_ALL)
_BY_NAME = {kind.name: kind for kind in _NAMED}


def settle_by_start(method: Factorizer, init: Any) -> Factorizer:
    """Return the method of the groups that are gone on from, where "auto" was asked for: it does not change its kind.

    Args:
        method: from `choose`.
        init: groups to start from, or what else says where to start.
    """
    known = getattr(init, "method", None)
    return known if isinstance(method, Automatic) and isinstance(known, Factorizer) else method


def choose(method: Any, reducer: Any = None) -> Factorizer:
    """Return a method with its settings.

    Args:
        method: "auto" or one of `METHODS`, or (name, {setting: value}).
        reducer: a scikit-learn decomposition, which stands in place of `method`.

    Raises:
        ValueError: if there is no such method, or both are given.
        TypeError: if the method has no such setting, or the reducer is no decomposition.
    """
    if reducer is not None:
        if method != Automatic.name:  # the default, so nobody asked for it
            raise ValueError(f"method={method!r} and reducer= are two ways to find groups: give one of them")
        found: Factorizer = Decomposition(reducer)
        found.check()
        return found
    if isinstance(method, Factorizer):
        return method
    pair = isinstance(method, tuple) and len(method) == 2 and isinstance(method[1], Mapping)
    name, options = method if pair else (method, {})
    if not isinstance(name, str) or name not in _BY_NAME:
        if callable(getattr(name, "transform", None)):
            raise ValueError(f"{type(name).__name__} is an estimator: give it as reducer=, not as method=")
        near = difflib.get_close_matches(str(name), _BY_NAME, 1)
        raise ValueError(
            f"method must be one of {list(_BY_NAME)}, got {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    known = [field.name for field in dataclasses.fields(_BY_NAME[name])]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise TypeError(f"method {name!r} has no setting {unknown[0]!r}: it has {known or 'none'}")
    found = _BY_NAME[name](**options)
    found.check()
    return found
