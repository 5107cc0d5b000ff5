"""`sobol_importance`: how much of a decision's changes each of many groups takes part in, alone and with others."""

import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.display import name_some, number_of, quote, tell, write_number
from tf_interp.groups.effects.placed_groups import check_targets, choose_targets, place_groups, score_each
from tf_interp.groups.effects.sobol_design import SAME, draw_design, estimate_indices
from tf_interp.groups.found_groups import Groups
from tf_interp.models import Model
from tf_interp.probe import Probe

SWITCHES = ("fade", "off")


@dataclasses.dataclass(frozen=True, eq=False)
class SobolImportance:
    """How much of a decision's changes each group takes part in: K groups, M targets.

    Args:
        groups: names [K].
        targets: names [M].
        total: float64 [K,M], the part of the score's variance that a group takes part in, alone or with others, when
            all groups are switched at random; all together may be more than 1.
        first: float64 [K,M], the part that is a group's alone; all together at most 1, up to sampling error.
        total_interval: float64 [2,K,M], 95 % bootstrap interval over the runs and the pictures.
        first_interval: float64 [2,K,M], likewise.
        variance: float64 [M], mean over the pictures of the score's variance, in units of the score squared; where it
            is 0 the groups change nothing and all indices are 0.
        switches: "fade" or "off".
        runs: of the network from the middle, for each picture.
        pictures: number of them.
        notes: sentences on what a person should know.
    """

    groups: tuple[str, ...]
    targets: tuple[str, ...]
    total: np.ndarray
    first: np.ndarray
    total_interval: np.ndarray
    first_interval: np.ndarray
    variance: np.ndarray
    switches: str
    runs: int
    pictures: int
    notes: tuple[str, ...] = ()

    def to_dataframe(self) -> Any:
        """Return a table: a row per group and target.

        Returns:
            pandas `DataFrame` with the columns "group", "target", "total", "total_low", "total_high", "first",
            "first_low" and "first_high".

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        numbers = {
            "total": self.total, "total_low": self.total_interval[0], "total_high": self.total_interval[1],
            "first": self.first, "first_low": self.first_interval[0], "first_high": self.first_interval[1],
        }  # fmt: skip
        names = {"group": np.repeat(self.groups, len(self.targets)), "target": np.tile(self.targets, len(self.groups))}
        return pd.DataFrame(names | {name: value.ravel() for name, value in numbers.items()})

    def explain(self) -> str:
        """Return a line per target with its strongest group, and one for each note."""
        how = "faded" if self.switches == "fade" else "switched off"
        lines = []
        for number, target in enumerate(self.targets):
            if self.variance[number] == 0:
                lines.append(f"{target}: the groups change nothing")
                continue
            row = int(self.total[:, number].argmax())
            low, high = self.total_interval[:, row, number]
            lines.append(
                f"{target}: {self.groups[row]} takes part in {self.total[row, number]:.0%} ({low:.0%} to {high:.0%}) "
                f"of the changes when groups are {how} at random, {max(0.0, self.first[row, number]):.0%} are its alone"
            )
        return "\n".join([*lines, *(f"Note: {note}." for note in self.notes)])

    def __repr__(self) -> str:
        total = np.nan_to_num(self.total, nan=-1.0)
        row, column = np.unravel_index(total.argmax(), total.shape)
        part = write_number(self.total[row, column])
        most = f"{quote(self.groups[row])} takes part in {part} of {quote(self.targets[column])}"
        return tell(self, number_of(len(self.groups), "group"), f"targets {name_some(self.targets)}", most)


def sobol_importance(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    groups: Groups,
    targets: Sequence[Any] | None = None,
    *,
    switches: str = "fade",
    designs: int = 32,
    bootstraps: int = 500,
    seed: int = 0,
    batch_size: int = 64,
) -> SobolImportance:
    """Switch many groups at random, and see how much of the score's changes each takes part in, alone and with others.

    `ablate_groups` runs all subsets of up to 8 groups; this takes any number: `(K + 2) * designs` runs from the middle
    for each picture, with quasi-random switches.

    Args:
        model: the network.
        images: as in `ablate_groups`.
        groups: from `find_groups`.
        targets: as in `ablate_groups`.
        switches: "fade" keeps a part of 0 to 1 of each group, as CRAFT does; "off" keeps a group or switches it off,
            by the toss of a coin: then the indices are those of all subsets (`ablate_groups(...).scores`), sampled.
        designs: random settings of the switches for each picture, at least 4; powers of 2 cover most evenly.
        bootstraps: drawn for the intervals, at least 20.
        seed: of the switches and the intervals.
        batch_size: images per forward pass.

    Returns:
        Total and first-order indices with their intervals.

    Raises:
        TypeError: if these are no groups.
        ValueError: if they do not fit the layer, targets are of several outputs, or a number is out of range.

    Example:
        >>> groups = ti.find_groups(model, photos[:4], "conv3", 2)
        >>> ti.sobol_importance(model, photos[:4], groups, ["zebra"], designs=8).total.shape
        (2, 1)

    Source:
        Saltelli et al., Variance based sensitivity analysis of model output, 2010; Jansen, Analysis of variance designs
        for model output, 1999; Fel et al., CRAFT, 2023, section 3.3.
    """
    if switches not in SWITCHES:
        raise ValueError(f"switches is one of {list(SWITCHES)}, got {switches!r}")
    for name, value, least in (("designs", designs, 4), ("bootstraps", bootstraps, 20)):
        if not isinstance(value, numbers.Integral) or value < least:
            raise ValueError(f"{name} must be {least} or more, got {value!r}")
    check_targets(targets)
    placed = place_groups(model, images, groups, "sobol_importance", batch_size)
    chosen = choose_targets(placed, targets)
    pictures, output = len(placed.whole), chosen[0].output
    kept = np.stack([draw_design(len(groups), designs, (seed, 2, number)) for number in range(pictures)], 1)
    if switches == "off":
        kept = (kept >= 0.5).astype(np.float32)
    values = score_each(chosen, placed.run_each(output, kept))  # [(K+2)*designs,M,N]
    values = values.reshape(len(groups) + 2, designs, len(chosen), pictures)
    variance = values[:2].var((0, 1)).mean(-1)
    variance = np.where(variance > SAME * (values**2).mean((0, 1, 3)), variance, 0)
    rng = np.random.default_rng((seed, 3))
    found = [_with_interval(values[..., number, :], bootstraps, rng) for number in range(len(chosen))]
    first, total, first_interval, total_interval = (np.stack(item, -1) for item in zip(*found, strict=True))
    return SobolImportance(
        tuple(groups.names), tuple(target.name for target in chosen), total, first, total_interval, first_interval,
        variance, switches, len(kept), pictures, placed.notes,
    )  # fmt: skip


def _with_interval(values: np.ndarray, bootstraps: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return first and total indices [K] with intervals [2,K] of one target, from values [K+2,designs,N]."""
    _, designs, pictures = values.shape
    drawn = []
    for _ in range(bootstraps):
        rows, columns = rng.integers(designs, size=(designs, pictures)), rng.integers(pictures, size=pictures)
        drawn.append(estimate_indices(values[:, rows, columns]))
    low_first, low_total = np.quantile(np.array(drawn), 0.025, axis=0)
    high_first, high_total = np.quantile(np.array(drawn), 0.975, axis=0)
    return *estimate_indices(values), np.stack([low_first, high_first]), np.stack([low_total, high_total])
