"""NMF: weights and vectors are non-negative, what is below 0 is left out."""

import dataclasses
from typing import ClassVar

import numpy as np

from tf_interp.groups.methods.factorizer import Factorizer, Fitted
from tf_interp.groups.nmf import nmf


@dataclasses.dataclass(frozen=True)
class Nmf(Factorizer):
    """Non-negative matrix factorization, see `nmf`."""

    name: ClassVar[str] = "nmf"
    keeps_negative: ClassVar[bool] = False

    def fit(self, rows: np.ndarray, k: int, *, seed: int, init: np.ndarray | None, iterations: int) -> Fitted:  # noqa: D102
        found = nmf(np.maximum(rows, 0), k, seed=seed, init=init, iterations=iterations)
        return Fitted(found.weights.numpy(), found.vectors.numpy(), found.error, found.shares, rounds=found.rounds)

    def weigh(self, rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:  # noqa: D102
        return super().weigh(np.maximum(rows, 0), vectors)
