"""`Groups`: directions that know where they are present."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_interp.directions import Directions
from tf_interp.display import name_some, number_of, quote, tell, write_block, write_number, write_table
from tf_interp.groups.methods.factorizer import Factorizer
from tf_interp.groups.nmf import solve_weights
from tf_interp.images import digest_images
from tf_interp.plots import plot_overlays

_SOME = 1e-6  # of an activation; less is rounding
_MORE = 0.02  # of an activation that weights leave over beyond their error, when it is another one
_WORSE = 1.1  # times what the nearest weights leave over


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Groups(Directions):
    """Groups of neurons that fire together: directions that know where they are present.

    `weights @ vectors` is close to the layer's activations. `groups[[0, 2]]` is some of the groups.

    Args:
        weights: float32 [N,h,w,K]: how strongly each group fires at each position, in units of the layer; non-negative,
            unless a `reducer` with signs found them.
        error: norm of the activation that the groups leave over, divided by the norm of the activation; 0..1.
        shares: float32 [K]: part of the activation's squared norm that each group explains; all together 1 - error^2.
        ids: content hash of each of the N images.
        notes: sentences on what a person should know, such as that negative activations were left out.
        method: how they were found; None where only their weights were.
        offset: float32 [C] that is there everywhere and belongs to no group, such as the mean that PCA takes away;
            None is nothing. `error` and `shares` are of the activation without it.
        left_out: part of the activation (of the sum of absolute values) that is negative and that the method leaves
            out, 0..1: `error` and `shares` are of the rest, in which these numbers are 0.
        window: how near neurons had to fire to fire together, positions on a side.
        channel_weights: float32 [C], what each channel counted when they were found, of mean square 1; None is
            all alike.
        chosen_from: all groups of a grouping and which of them these are, where they are some of it: on other pictures
            each still has the weight that it has among all.
    """

    weights: np.ndarray
    error: float
    shares: np.ndarray
    ids: tuple[str, ...]
    notes: tuple[str, ...] = ()
    method: Factorizer | None = None
    offset: np.ndarray | None = None
    left_out: float = 0.0
    window: int = 1
    channel_weights: np.ndarray | None = None
    chosen_from: "tuple[Groups, np.ndarray] | None" = None

    def weights_for(self, images: Any, activations: np.ndarray | None = None) -> np.ndarray | None:
        """Return the groups' weights [N,h,w,K] on images that they were found on, else None.

        Args:
            images: as in `find_groups`.
            activations: float32 [N,h,w,C], what the layer does on them now. Where the network was trained on since, or
                is another one, the weights are not those of these activations, and None is returned. None takes the
                weights as they were found.
        """
        rows = {name: row for row, name in enumerate(self.ids)}
        found = [rows.get(name) for name in digest_images(images)]
        if None in found:
            return None
        places = np.asarray(found, np.int64)
        if activations is not None and not self._still_explains(activations, places):
            return None
        return self.weights[places]

    def _still_explains(self, activations: np.ndarray, places: np.ndarray) -> bool:
        """Return whether activations are those that the weights were found in, as far as what they leave over tells."""
        among = self if self.chosen_from is None else self.chosen_from[0]
        method = among.method
        if method is None:
            return True
        if activations.shape[:3] != (len(places), *among.weights.shape[1:3]):
            return False
        weights = among.weights[places]
        fires = weights.any(-1)  # at padding no group does
        kept = activations[fires] if method.keeps_negative else np.maximum(activations[fires], 0)
        kept = kept if among.offset is None else kept - among.offset
        whole, rest = (float(np.linalg.norm(item)) for item in (kept, kept - weights[fires] @ among.vectors))
        if rest <= (among.error + _MORE) * whole:
            return True
        if method.signed_weights:  # whose weights need not be near
            return len(set(places.tolist())) < len(among.ids)
        # of some images more may be left over than of all, but not more than with the weights that come closest
        nearest = method.weigh(kept, among.vectors)
        return rest <= _WORSE * float(np.linalg.norm(kept - nearest @ among.vectors))

    def weigh(self, activations: np.ndarray) -> np.ndarray:
        """Return the groups' weights [N,h,w,K] on activations [N,h,w,C] of any images: those that come closest.

        None is below 0, unless the groups themselves have weights with signs.
        """
        if self.chosen_from is not None:
            among, rows = self.chosen_from
            return among.weigh(activations)[..., rows]
        rest = (activations if self.offset is None else activations - self.offset).reshape(-1, activations.shape[-1])
        if self.method is not None:
            weights = self.method.weigh(rest, self.vectors)
        elif (self.weights < 0).any():
            weights = rest @ np.linalg.pinv(self.vectors.astype(np.float64))
        else:
            weights = solve_weights(rest, self.vectors)
        return weights.astype(np.float32).reshape(*activations.shape[:-1], -1)

    def __repr__(self) -> str:
        error = f"error {self.error:.1%}{say_left_out(self.left_out)}"
        count, height, width = self.weights.shape[:3]
        where = f"{number_of(count, 'picture')} x {height} x {width} positions"
        return tell(self, quote(self.layer, 60), number_of(len(self), "group"), where, error, name_some(self.names))

    def _repr_html_(self) -> str:
        strongest = self.weights.max((1, 2))  # [N,K]
        fires = (strongest >= np.maximum(0.1 * strongest.max(0), np.finfo(np.float32).tiny)).sum(0)
        rows = [
            [name, f"{share:.1%}", f"{count} of {len(strongest)}", write_number(most)]
            for name, share, count, most in zip(self.names, self.shares, fires, strongest.max(0), strict=True)
        ]
        table = write_table(["group", "share", "fires in pictures", "most"], rows)
        return write_block(repr(self), table, notes=self.notes)

    def plot(self, images: Any = None, pictures: Sequence[int] = range(4)) -> Any:
        """Draw where each group fires: a row for each picture, a column for each group, each on a scale of its own.

        Args:
            images: the images that the groups were found on, float [N,H,W,C] in [0,1] or a `Probe`, drawn below; None
                draws the maps alone.
            pictures: which of them, by number.

        Returns:
            matplotlib `Figure`; nothing is shown.

        Raises:
            ValueError: if the groups were not found on these images, or their positions lie on no grid.
            ImportError: if matplotlib is not installed.

        Example:
            >>> figure = ti.find_groups(model, probe, "conv", k=4).plot(probe)
        """
        if self.weights.ndim != 4:
            raise ValueError(f"plot draws maps [N,h,w,K], these groups have weights {self.weights.shape}")
        rows = [row for row in pictures if row < len(self.weights)]
        shown = None
        if images is not None:
            shown = np.asarray(getattr(images, "images", images))
            shown = shown.astype(np.float32) if shown.dtype.kind == "f" else shown  # as they were looked at
            if self.weights_for(shown) is None:
                raise ValueError(
                    f"these are not the {len(self.ids)} images that the groups were found on: give those, or none"
                )
            shown = shown[rows] if shown.ndim == 4 else None
        titles = [f"{name}\n{share:.0%}" for name, share in zip(self.names, self.shares, strict=True)]
        return plot_overlays(self.weights[rows], titles, shown)

    def __getitem__(self, index: int | slice | Sequence[int]) -> "Groups":
        rows = np.atleast_1d(np.arange(len(self))[index])
        among, places = self.chosen_from or (self, np.arange(len(self)))
        return dataclasses.replace(
            self,
            chosen_from=(among, places[rows]),
            vectors=self.vectors[rows],
            names=[self.names[row] for row in rows],
            weights=self.weights[..., rows],
            shares=self.shares[rows],
        )


def say_left_out(share: float) -> str:
    """Return what an error is of, to stand behind it: nothing, or that what is negative is not in it.

    Args:
        share: part of the activation that is negative and was left out, 0..1.
    """
    return f" of what is not negative ({share:.1%} is, and was left out)" if share > _SOME else ""
