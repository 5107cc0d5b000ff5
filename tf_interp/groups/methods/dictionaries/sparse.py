"""An overcomplete sparse dictionary: many atoms, few of them in each row."""

import dataclasses
from typing import ClassVar

import numpy as np

from tf_interp.groups.methods.dictionaries.autoencoder import train
from tf_interp.groups.methods.dictionaries.pursuit import improve, pursue
from tf_interp.groups.methods.factorizer import Factorizer, Fitted, check_start, measure


@dataclasses.dataclass(frozen=True)
class Sparse(Factorizer):
    """A top-k autoencoder with atoms of length 1; on a layer with signs, of what differs from a learned offset.

    Its atoms are then improved by turns with codes from matching pursuit, by which any rows are coded.

    Args:
        active: the most groups at one position; None is an eighth of them, at least 2.

    Source:
        Gao et al., Scaling and evaluating sparse autoencoders, 2024.
    """

    name: ClassVar[str] = "sparse"
    overcomplete: ClassVar[bool] = True
    inside: ClassVar[bool] = False
    active: int | None = None

    def check(self) -> None:  # noqa: D102
        if self.active is not None and self.active < 1:
            raise ValueError(
                f"active of {self.name}, the most groups at one position, must be 1 or more, got {self.active}"
            )

    def fit(self, rows: np.ndarray, k: int, *, seed: int, init: np.ndarray | None, iterations: int) -> Fitted:  # noqa: D102
        start = None if init is None else check_start(init, k, rows.shape[1])
        active = self._count(k)
        shifted = not self.inside and float(rows.min()) < 0
        found = train(
            rows, k, active=active, inside=self.inside, shifted=shifted, seed=seed, init=start, iterations=iterations
        )
        rest, offset = (rows - found.offset, found.offset) if found.offset.any() else (rows, None)
        atoms = found.atoms
        if not self.inside:  # least squares would lead mixtures of the data out of it
            atoms = improve(rest, atoms, active, rounds=iterations, fresh=init is None, seed=seed)
        return measure(rows, self.weigh(rest, atoms), atoms, order=init is None, offset=offset, rounds=iterations)

    def weigh(self, rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:  # noqa: D102
        return pursue(rows, vectors, self._count(len(vectors)))

    def _count(self, k: int) -> int:
        """Return the most groups at one position."""
        return min(k, max(2, k // 8) if self.active is None else self.active)
