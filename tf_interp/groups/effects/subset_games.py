"""What the values of all subsets of groups tell: interactions, Sobol indices, and what a subset is worth alone."""

import dataclasses
import math
from typing import Any

import numpy as np

from tf_interp.display import name_some, number_of, quote, tell, write_number
from tf_interp.groups.effects.sobol_design import SAME


@dataclasses.dataclass(frozen=True, eq=False)
class KeptGroups:
    """What some groups are worth: kept alone, and switched off; M targets, N pictures.

    Args:
        groups: names of those that are kept.
        targets: names [M].
        kept: float64 [M,N], scores with only these, and what no group explains.
        off: float64 [M,N], scores with all but these.
        whole: float64 [M,N], scores with all.
        none: float64 [M,N], scores without any group.
    """

    groups: tuple[str, ...]
    targets: tuple[str, ...]
    kept: np.ndarray
    off: np.ndarray
    whole: np.ndarray
    none: np.ndarray

    def to_dataframe(self) -> Any:
        """Return a table: a row per target.

        Returns:
            pandas `DataFrame` with the columns "target", "kept", "off", "all", "none" (means over the pictures),
            "kept_share" and "off_share": how much of what all groups change (all - none) is there when these are kept
            alone, and is gone when they are switched off; NaN where all groups together change nothing.

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        kept, off, whole, none = (item.mean(-1) for item in (self.kept, self.off, self.whole, self.none))
        largest = np.maximum(np.abs(whole), np.abs(none))
        change = np.where(np.abs(whole - none) <= np.sqrt(SAME) * largest, np.nan, whole - none)  # less is rounding
        return pd.DataFrame(
            {
                **{"target": list(self.targets), "kept": kept, "off": off, "all": whole, "none": none},
                **{"kept_share": (kept - none) / change, "off_share": (whole - off) / change},
            }
        )

    def explain(self) -> str:
        """Return a line per target."""
        names = " and ".join(self.groups) or "no group"
        means = zip(*(item.mean(-1) for item in (self.kept, self.off, self.whole, self.none)), strict=True)
        return "\n".join(
            f"{target}: {whole:.3g} with all groups, {kept:.3g} with {names} alone, {off:.3g} without, "
            f"{none:.3g} with none"
            for target, (kept, off, whole, none) in zip(self.targets, means, strict=True)
        )

    def __repr__(self) -> str:
        means = [write_number(item[0].mean()) for item in (self.kept, self.whole, self.none)]
        first = f"{quote(self.targets[0])} {means[0]}, with all groups {means[1]}, with none {means[2]}"
        return tell(self, name_some(self.groups), first, number_of(len(self.targets), "target"))


def interaction_index(worth: np.ndarray) -> np.ndarray:
    """Return the Shapley interaction index of each pair of players.

    For players i and j it is the mean, over all orders in which the others and the pair can come, of what the two do
    together beyond what each does alone, at the subset of those that came before. Above 0 they need each other, below
    0 one stands in for the other.

    Args:
        worth: float [2^K,...]: of each subset of the players, player k at bit k.

    Returns:
        float64 array [K,K,...], symmetric, 0 on the diagonal.

    Example:
        >>> interaction_index(np.array([0.0, 1.0, 2.0, 4.0]))[0, 1]
        np.float64(1.0)

    Source:
        Grabisch and Roubens, An axiomatic approach to the concept of interaction among players, 1999.
    """
    players = len(worth).bit_length() - 1
    subsets = np.arange(len(worth))
    found = np.zeros((players, players, *worth.shape[1:]))
    for one in range(players):
        for other in range(one):
            first, second = 1 << one, 1 << other
            without = subsets[(subsets & (first | second)) == 0]
            sizes = [int(subset).bit_count() for subset in without]
            weight = np.array([1 / ((players - 1) * math.comb(players - 2, size)) for size in sizes])
            gain = worth[without | first | second] - worth[without | first] - worth[without | second] + worth[without]
            found[one, other] = found[other, one] = np.tensordot(weight, gain, 1)
    return found


def sobol_of_subsets(worth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact Sobol indices of players of whom each is there or not, by the toss of a coin.

    Args:
        worth: float [2^K,...]: of each subset of the players, player k at bit k. Variances are summed over the further
            axes before they are divided, so that pictures on which the groups do nothing weigh nothing.

    Returns:
        First-order indices float64 [K]: the part of the variance that is one player's alone; and total indices [K]:
        the part that each takes part in. All 0 where nothing changes.

    Example:
        >>> [index.tolist() for index in sobol_of_subsets(np.array([0.0, 1.0, 2.0, 3.0]))]
        [[0.2, 0.8], [0.2, 0.8]]

    Source:
        O'Donnell, Analysis of Boolean Functions, 2014, section 2.
    """
    players = len(worth).bit_length() - 1
    spectrum = np.asarray(worth, np.float64).reshape(len(worth), -1)
    for player in range(players):  # a Walsh transform: one axis after the other
        pairs = spectrum.reshape(-1, 2, 1 << player, spectrum.shape[1])
        spectrum = np.stack([pairs.sum(1) / 2, (pairs[:, 1] - pairs[:, 0]) / 2], 1).reshape(spectrum.shape)
    power = (spectrum**2).sum(1)
    total = power[1:].sum()
    power = power / total if total > SAME * power.sum() else np.zeros(len(power))
    subsets = np.arange(len(worth))
    first = np.array([power[1 << player] for player in range(players)])
    return first, np.array([power[(subsets >> player & 1) == 1].sum() for player in range(players)])
