"""Split NMF: the positive and the negative halves of the channels stand side by side and are factorized together."""

import dataclasses
from typing import ClassVar

import numpy as np

from tf_interp.groups.methods.factorizer import Factorizer, Fitted, check_start, measure
from tf_interp.groups.nmf import nmf


@dataclasses.dataclass(frozen=True)
class SplitNmf(Factorizer):
    """NMF of (max(x, 0), max(-x, 0)); the halves of each factor are joined to one vector with signs.

    Source:
        Olah et al., The Building Blocks of Interpretability, 2018, on activations with signs.
    """

    name: ClassVar[str] = "split_nmf"

    def fit(self, rows: np.ndarray, k: int, *, seed: int, init: np.ndarray | None, iterations: int) -> Fitted:  # noqa: D102
        start = None if init is None else split_signs(check_start(init, k, rows.shape[1]))
        found = nmf(split_signs(rows), k, seed=seed, init=start, iterations=iterations)
        vectors = join_signs(found.vectors.numpy())
        return measure(rows, found.weights.numpy(), vectors, order=init is None, rounds=found.rounds)


def split_signs(rows: np.ndarray) -> np.ndarray:
    """Return rows [n,C] as [n,2C]: what is above 0, and what is below it."""
    return np.concatenate([np.maximum(rows, 0), np.maximum(-rows, 0)], axis=1)


def join_signs(vectors: np.ndarray) -> np.ndarray:
    """Return vectors [k,2C] of both halves as [k,C]."""
    above, below = np.split(vectors, 2, axis=1)
    return above - below
