"""Split NMF: the positive and the negative halves of the channels stand side by side and are factorized together."""

import dataclasses
from typing import ClassVar

import numpy as np

from tf_interp.groups.methods.factorizer import Factorizer, Fitted, check_start, measure
from tf_interp.groups.nmf import nmf, solve_weights

_CHUNK = 20_000  # rows summed at a time
_KEPT = 1e-3  # how much a vector is held where it is, beside what its weights say of it


@dataclasses.dataclass(frozen=True)
class SplitNmf(Factorizer):
    """NMF of (max(x, 0), max(-x, 0)); the halves of each factor are joined to one vector with signs.

    Where two groups cancel, neither half sees them. So at the end the joined vectors are fitted to the rows with their
    signs, and then the weights to these vectors, both by least squares, which leaves less over each time.

    Args:
        refits: how often both are fitted; 0 leaves the halves as they are.

    Source:
        Olah et al., The Building Blocks of Interpretability, 2018, on activations with signs.
    """

    name: ClassVar[str] = "split_nmf"
    refits: int = 2

    def check(self) -> None:  # noqa: D102
        if not isinstance(self.refits, int) or self.refits < 0:
            raise ValueError(f"refits of split_nmf is a whole number from 0 on, got {self.refits!r}")

    def fit(self, rows: np.ndarray, k: int, *, seed: int, init: np.ndarray | None, iterations: int) -> Fitted:  # noqa: D102
        start = None if init is None else split_signs(check_start(init, k, rows.shape[1]))
        found = nmf(split_signs(rows), k, seed=seed, init=start, iterations=iterations)
        weights, vectors = found.weights.numpy(), join_signs(found.vectors.numpy())
        for _ in range(self.refits if found.rounds else 0):  # without a round it is the start itself
            vectors = solve_vectors(*sum_up(rows, weights), vectors)
            weights = solve_weights(rows, vectors)
        return measure(rows, weights, vectors, order=init is None, rounds=found.rounds)


def split_signs(rows: np.ndarray) -> np.ndarray:
    """Return rows [n,C] as [n,2C]: what is above 0, and what is below it."""
    return np.concatenate([np.maximum(rows, 0), np.maximum(-rows, 0)], axis=1)


def join_signs(vectors: np.ndarray) -> np.ndarray:
    """Return vectors [k,2C] of both halves as [k,C]."""
    above, below = np.split(vectors, 2, axis=1)
    return above - below


def sum_up(rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return W'W, float64 [k,k], and W'X, float64 [k,C], of weights [n,k] and rows [n,C]; of shards they add up."""
    gram, products = np.zeros((weights.shape[1],) * 2), np.zeros((weights.shape[1], rows.shape[1]))
    for begin in range(0, len(rows), _CHUNK):
        part = weights[begin : begin + _CHUNK].astype(np.float64)
        gram += part.T @ part
        products += part.T @ rows[begin : begin + _CHUNK].astype(np.float64)
    return gram, products


def solve_vectors(gram: np.ndarray, products: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the vectors [k,C], of any sign, that come closest to rows given their weights; see `sum_up`.

    What weights leave open, how groups that fire in proportion share what they explain, stays as in `vectors` [k,C].
    """
    lengths = np.sqrt(np.diag(gram))
    lengths = np.where(lengths > 0, lengths, 1)[:, None]
    kept = _KEPT * np.eye(len(gram))
    solved = np.linalg.solve(gram / lengths / lengths.T + kept, products / lengths + kept @ (vectors * lengths))
    return solved / lengths
