"""What every way to divide activations into groups has in common."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from tf_interp.groups.nmf import solve_weights


class Fitted(NamedTuple):
    """`rows` ~ `offset` + `weights` @ `vectors`.

    Args:
        weights: float32 [n,K], in units of the rows.
        vectors: float32 [K,C], rows of length 1; an empty group is a row of zeros.
        error: norm of what is left over, divided by the norm of the rows less `offset`, of what the method keeps.
        shares: float32 [K]: part of that squared norm that each group explains.
        offset: float32 [C] that is there everywhere; None is nothing.
        notes: sentences on what a person should know.
        rounds: how often the vectors were improved; 0 where the method does not tell.
    """

    weights: np.ndarray
    vectors: np.ndarray
    error: float
    shares: np.ndarray
    offset: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    rounds: int = 0


@dataclasses.dataclass(frozen=True)
class Factorizer(abc.ABC):
    """A way to divide rows into weights and vectors. Its fields are its settings."""

    name: ClassVar[str]
    keeps_negative: ClassVar[bool] = True  # else what is below 0 is left out
    signed_weights: ClassVar[bool] = False  # a group and its opposite are the same
    overcomplete: ClassVar[bool] = False  # there may be more groups than channels
    has_start: ClassVar[bool] = True  # that can be seen, with 0 iterations

    @property
    def label(self) -> str:
        """The name, as people see it."""
        return self.name

    def check(self) -> None:  # noqa: B027
        """Raise ValueError if a setting is impossible."""

    def settle(self, rows: np.ndarray) -> "Factorizer":
        """Return the method that divides rows [n,C]: this one, unless it chooses among others.

        Args:
            rows: float32 [n,C], finite.
        """
        return self

    def say_start(self) -> tuple[str, ...]:
        """Return what a person should know of fits with other starts: nothing, or that there are none."""
        return ()

    @abc.abstractmethod
    def fit(self, rows: np.ndarray, k: int, *, seed: int, init: np.ndarray | None, iterations: int) -> Fitted:
        """Divide rows into k groups.

        Args:
            rows: float32 [n,C], finite and not all 0.
            k: number of groups.
            seed: of the random start.
            init: float32 [k,C] to start from, whose order is kept; None starts anew, and sorts by share.
            iterations: the most to take; 0 gives the start itself.
        """

    def weigh(self, rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Return the weights [n,K] with which vectors that were found come closest to other rows.

        Args:
            rows: [n,C], less the offset.
            vectors: [K,C].
        """
        return solve_weights(rows, vectors)


def fit_rows(
    method: Factorizer, rows: np.ndarray, k: int, *, seed: int, init: np.ndarray | None = None, iterations: int = 200
) -> Fitted:
    """Return rows [n,C] divided into k groups; rows of zeros give empty groups, whatever the method."""
    if not rows.any():
        empty = np.zeros
        return Fitted(
            empty((len(rows), k), np.float32), empty((k, rows.shape[1]), np.float32), 0.0, empty(k, np.float32)
        )
    return method.fit(rows, k, seed=seed, init=init, iterations=iterations)


def measure(
    rows: np.ndarray, weights: np.ndarray, vectors: np.ndarray, *, order: bool,
    offset: np.ndarray | None = None, notes: Sequence[str] = (), rounds: int = 0,
) -> Fitted:  # fmt: skip
    """Return a division with vectors of length 1, its error and shares.

    Args:
        rows: float32 [n,C].
        weights: float [n,K].
        vectors: float [K,C], of any length.
        order: whether to sort by share, largest first.
        offset: float [C], None is nothing.
        notes: sentences on what a person should know.
        rounds: how often the vectors were improved.
    """
    lengths = np.linalg.norm(vectors, axis=1)
    vectors = np.divide(vectors, lengths[:, None], out=np.zeros_like(vectors), where=lengths[:, None] > 0)
    weights = weights * lengths
    rest = rows if offset is None else rows - offset
    total = float((rest.astype(np.float64) ** 2).sum())
    error = float(np.sqrt(((rest - weights @ vectors) ** 2).sum(dtype=np.float64) / total)) if total else 0.0
    explained = (weights * (rest @ vectors.T)).sum(0, dtype=np.float64)
    whole = explained.sum()
    shares = explained * (max(0.0, 1 - error**2) / whole) if whole > 0 else np.zeros(len(vectors))
    ranks = np.argsort(-shares, kind="stable") if order else np.arange(len(vectors))
    return Fitted(
        np.asarray(weights[:, ranks], np.float32), np.asarray(vectors[ranks], np.float32), error,
        np.asarray(shares[ranks], np.float32), None if offset is None else np.asarray(offset, np.float32), tuple(notes),
        rounds,
    )  # fmt: skip


def check_start(init: np.ndarray, k: int, channels: int) -> np.ndarray:
    """Return vectors to start from, which may have any sign.

    Raises:
        ValueError: if they are not finite or not [k,C].
    """
    array = np.asarray(init, np.float32)
    if array.shape != (k, channels) or not np.isfinite(array).all():
        raise ValueError(f"init must be finite and of shape {[k, channels]}, got {list(array.shape)}")
    return array
