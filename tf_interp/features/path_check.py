"""`check_path`: does a network process a drawn picture as it does real ones?"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_interp.capture import read_activations
from tf_interp.display import tell
from tf_interp.models import Model
from tf_interp.models.batches import check_model
from tf_interp.probe import Probe

LEAST = 20  # other pictures: among fewer, "less than 95 % of them" says nothing
_FEW = 0.05  # of the other pictures
_ALIKE = 0.1  # mean correlation of real pictures, below which channels are ranked by chance (means that a norm makes 0)
_SAME = 1e-9  # correlations that differ by a rounding are the same


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PathCheck:
    """How M drawn pictures pass L layers, beside real ones.

    Args:
        layers: their paths.
        likeness: float64 [L,M], mean rank correlation of a drawn picture's channels (means over positions) with those
            of the pictures that excite its unit most, -1..1.
        natural: float64 [L,M], the same of these pictures with each other.
            NaN in all three: nothing can be ranked there, as in a dead layer.
        rank: float64 [L,M], share of the other pictures that are less like them, 0..1 (those as like count half).
    """

    layers: tuple[str, ...]
    likeness: np.ndarray
    natural: np.ndarray
    rank: np.ndarray

    def strange(self, row: int) -> list[str]:
        """Return the layers in which a drawn picture is less like them than 95 % of the other pictures are."""
        return [path for path, rank in zip(self.layers, self.rank[:, row], strict=True) if rank < _FEW]

    def explain(self, row: int = 0) -> str:
        """Return in a sentence what that means for a drawn picture."""
        known = [path for path, rank in zip(self.layers, self.rank[:, row], strict=True) if np.isfinite(rank)]
        if not known:
            return f"Along which path it was drawn does not show in {', '.join(self.layers)}."
        if layers := self.strange(row):
            return (
                f"Drawn along another path: in {', '.join(layers)} its channels are less like those of the pictures "
                "that excite the unit most than 95 % of the other pictures are. Trust pictures more than the drawing."
            )
        return (
            f"Drawn along the path of pictures: in {', '.join(known)} its channels are as much like those of the "
            "pictures that excite the unit most as other pictures are."
        )

    def __repr__(self) -> str:
        strange = sum(bool(self.strange(row)) for row in range(self.rank.shape[1]))
        return tell(self, f"{self.rank.shape[1]} pictures, {strange} along another path", f"{len(self.layers)} layers")


def check_path(
    model: Model,
    drawn: np.ndarray,
    images: Probe | np.ndarray,
    exciting: Sequence[Sequence[int]],
    layers: Sequence[str],
    *,
    batch_size: int = 64,
) -> PathCheck:
    """Compare, layer by layer, what drawn pictures and real ones activate on the way to the units they were drawn for.

    A picture can excite a unit by a way that no real picture takes; then it says nothing of what the unit responds to.

    Args:
        model: the network.
        drawn: float32 [M,H,W,C] in [0,1].
        images: real pictures, float32 [N,H,W,C] in [0,1], or a probe.
        exciting: for each drawn picture the indices of the real ones that excite its unit most, two or more.
        layers: names of layers before the unit's.
        batch_size: pictures per forward pass.

    Returns:
        The correlations, and where each drawn picture stands among the real ones.

    Raises:
        TypeError: if the model was not opened.
        ValueError: if a layer does not exist, `exciting` does not fit, or fewer than 20 other pictures are left.

    Source:
        Geirhos et al., Don't trust your eyes: on the (un)reliability of feature visualizations, ICML 2024, section 4.
        There the activations of all positions are correlated; here their means, so that it does not matter where in a
        picture a thing is.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(9, 3, name="conv")]))
        >>> pictures = np.random.default_rng(0).random((30, 8, 8, 1), np.float32)
        >>> check_path(model, pictures[:1], pictures, [[1, 2, 3]], ["conv"]).rank.shape
        (1, 1)
    """
    check_model(model, "check_path")
    if len(exciting) != len(drawn):
        raise ValueError(f"exciting must have a list of indices for each of {len(drawn)} pictures, got {len(exciting)}")
    real = read_activations(model, images, layers, pooling="mean", batch_size=batch_size)
    made = read_activations(model, drawn, layers, pooling="mean", batch_size=batch_size)
    count = len(next(iter(real.values())))
    chosen = [np.unique(np.asarray(rows, int)) for rows in exciting]
    for rows in chosen:
        if len(rows) < 2 or rows[0] < 0 or rows[-1] >= count or count - len(rows) < LEAST:
            raise ValueError(
                f"two or more of {count} pictures must excite a unit most, and {LEAST} others are needed, got "
                f"{rows.tolist()}"
            )
    found: list[list[tuple[float, float, float]]] = []
    for layer in layers:
        between, with_drawn = _correlate(real[layer], real[layer]), _correlate(made[layer], real[layer])
        line = []
        alike = between[np.triu_indices(count, 1)].mean()
        if not (np.isfinite(made[layer]).all() and alike > _ALIKE):  # nor a number
            found.append([(np.nan, np.nan, np.nan)] * len(chosen))
            continue
        for row, rows in enumerate(chosen):
            own = between[np.ix_(rows, rows)][np.triu_indices(len(rows), 1)].mean()
            others = between[np.setdiff1d(np.arange(count), rows)][:, rows].mean(1)
            like = with_drawn[row, rows].mean()
            below, above = others < like - _SAME, others > like + _SAME
            line.append((like, own, float((below.mean() + 1 - above.mean()) / 2)))  # those that are as like count half
        found.append(line)
    likeness, natural, rank = np.moveaxis(np.array(found).reshape(len(layers), len(chosen), 3), -1, 0)
    return PathCheck(tuple(model.resolve(layer) for layer in layers), likeness, natural, rank)


def _correlate(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the rank correlation of each row of [M,C] with each of [N,C], 0 of a row that is the same everywhere."""
    sides = []
    for rows in (one, other):
        ranks = np.apply_along_axis(_rank, 1, rows.astype(np.float64))
        ranks -= ranks.mean(1, keepdims=True)
        sides.append(ranks / np.maximum(np.linalg.norm(ranks, axis=1, keepdims=True), 1e-12))
    return sides[0] @ sides[1].T


def _rank(values: np.ndarray) -> Any:
    """Return the ranks of numbers; equal ones share theirs."""
    if not np.isfinite(values).all():
        return np.full(len(values), np.nan)
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]
