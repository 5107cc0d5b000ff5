"""`ablate_groups`: what groups do, proved by switching them off, beside directions of chance."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.attribution.methods.switching_off.shapley import shapley_values
from tf_interp.display import name_some, number_of, quote, tell
from tf_interp.groups.effects.placed_groups import check_targets, choose_targets, place_groups, score_all, score_each
from tf_interp.groups.effects.subset_games import KeptGroups, interaction_index
from tf_interp.groups.found_groups import Groups
from tf_interp.models import Model
from tf_interp.models.outputs.heads import did_you_mean
from tf_interp.plots import plot_bars_beside_chance
from tf_interp.probe import Probe

_MOST = 8  # groups of which all subsets are run: 256


@dataclasses.dataclass(frozen=True, eq=False)
class GroupAblation:
    """What switching groups off does: K groups, M targets, N pictures.

    Args:
        groups: names [K].
        targets: names [M].
        change: float32 [K,M,N]: score of the target without a group, less the score with all.
        random_change: float32 [K,M,R,N]: the same for R random directions that take as much away, at the same places.
        subsets: float32 [2^K,N,...], the output of the network with the groups of each subset, group k at bit k; what
            no group explains is always there, so the last is the network as it is. None for more than 8 groups.
        shapley: float32 [K,M,N]: mean change of the score over all orders in which the groups can be switched on; their
            sum is the score with all groups less that with none. None for more than 8 groups.
        notes: sentences on what a person should know.
        scores: float64 [2^K,M,N], the score of each target with the groups of each subset; None for more than 8 groups.
    """

    groups: tuple[str, ...]
    targets: tuple[str, ...]
    change: np.ndarray
    random_change: np.ndarray
    subsets: np.ndarray | None
    shapley: np.ndarray | None
    notes: tuple[str, ...] = ()
    scores: np.ndarray | None = None

    def interactions(self) -> np.ndarray:
        """Return what pairs of groups do together beyond what each does alone: the Shapley interaction index, exact.

        Returns:
            float64 array [K,K,M,N], symmetric, 0 on the diagonal; above 0 two groups need each other, below 0 one
            stands in for the other.

        Raises:
            ValueError: if not all subsets were run.
        """
        return interaction_index(self._all_scores())

    def keep(self, groups: Sequence[int | str]) -> KeptGroups:
        """Return what some groups are worth: kept alone, beside switched off.

        Args:
            groups: numbers or names of those to keep; an empty list keeps none.

        Raises:
            TypeError: if it is no list.
            ValueError: if there is no such group, or not all subsets were run.
        """
        scores = self._all_scores()
        if isinstance(groups, str) or not isinstance(groups, Sequence | np.ndarray):
            raise TypeError(f"keep takes a list of groups, got {groups!r}: write [{groups!r}]")
        rows = sorted({self._find(item) for item in groups})
        bits = sum(1 << row for row in rows)
        names = tuple(self.groups[row] for row in rows)
        return KeptGroups(names, self.targets, scores[bits], scores[-1 - bits], scores[-1], scores[0])

    def plot(self, target: int | str = 0) -> Any:
        """Draw what each group's absence does to one target, mean over the pictures, beside random directions.

        Args:
            target: number or name of one of `targets`.

        Returns:
            matplotlib `Figure`; nothing is shown.

        Raises:
            ValueError: if there is no such target.
            ImportError: if matplotlib is not installed.
        """
        if isinstance(target, str):
            if target not in self.targets:
                raise ValueError(f"no target {target!r}; {did_you_mean(target, self.targets, 'there are')}")
            target = self.targets.index(target)
        if not 0 <= target < len(self.targets):
            raise ValueError(f"there are targets 0..{len(self.targets) - 1}, got {target!r}")
        change, chance = self.change[:, target].mean(1), np.abs(self.random_change[:, target]).mean((1, 2))
        return plot_bars_beside_chance(
            change, chance, self.groups, f"change of {self.targets[target]} without the group"
        )

    def _all_scores(self) -> np.ndarray:
        if self.scores is None:
            raise ValueError(
                f"all subsets are run for up to {_MOST} groups, these are {len(self.groups)}: ablate_groups of some, "
                "groups[:8]; sobol_importance takes more"
            )
        return self.scores

    def _find(self, item: int | str) -> int:
        if isinstance(item, str):
            if item not in self.groups:
                raise ValueError(f"no group {item!r}; {did_you_mean(item, self.groups, 'there are')}")
            return self.groups.index(item)
        if not 0 <= item < len(self.groups):
            raise ValueError(f"there are groups 0..{len(self.groups) - 1}, got {item!r}")
        return int(item)

    def to_dataframe(self) -> Any:
        """Return a table: a row per group and target.

        Returns:
            pandas `DataFrame` with the columns "group", "target", "change" (mean over the pictures), "random_change"
            (of random directions, mean size of that) and "shapley" (mean over the pictures).

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        table = {
            "group": np.repeat(self.groups, len(self.targets)),
            "target": np.tile(self.targets, len(self.groups)),
            "change": self.change.mean(-1).ravel(),
            "random_change": np.abs(self.random_change.mean(-1)).mean(-1).ravel(),
        }
        if self.shapley is not None:
            table["shapley"] = self.shapley.mean(-1).ravel()
        return pd.DataFrame(table)

    def explain(self) -> str:
        """Return a line per target with its strongest group, and one for each note."""
        mean, chance = self.change.mean(-1), np.abs(self.random_change.mean(-1)).mean(-1)
        lines = []
        for number, target in enumerate(self.targets):
            row = int(np.abs(mean[:, number]).argmax())
            change = mean[row, number]
            lines.append(
                f"{target}: without {self.groups[row]} its score {'falls' if change < 0 else 'rises'} by "
                f"{abs(change):.3g}, without a random direction of that size by {chance[row, number]:.3g}"
            )
        return "\n".join([*lines, *(f"Note: {note}." for note in self.notes)])

    def __repr__(self) -> str:
        mean = self.change.mean(-1)
        row, column = np.unravel_index(np.abs(mean).argmax(), mean.shape)
        most = f"without {quote(self.groups[row])} {quote(self.targets[column])} moves by {mean[row, column]:+.3g}"
        return tell(self, number_of(len(self.groups), "group"), f"targets {name_some(self.targets)}", most)


def ablate_groups(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    groups: Groups,
    targets: Sequence[Any] | None = None,
    *,
    draws: int = 8,
    seed: int = 0,
    batch_size: int = 64,
    baseline: str = "zero",
) -> GroupAblation:
    """Switch groups off, one by one and in all combinations, and see what becomes of the decision.

    A group's part of the activation, its weights times its vector, is taken away and the network is run on from there.

    Args:
        model: the network.
        images: as in `find_groups`; on others than the groups were found on, the weights that come closest are taken.
        groups: from `find_groups`.
        targets: class indices, names or functions as everywhere, of one output; None is the classes that the network
            sees in these images most often, at most 4, of a regression its first numbers.
        draws: random directions for each group, at least 1.
        seed: of these.
        batch_size: images per forward pass.
        baseline: what is left of a group that is switched off. "zero" is nothing: the group is taken out wherever it
            fires. "median" is what it is at each position in the median of the pictures that the groups were found
            on: of a group that fires in few of them, on a planted tag say, that takes the tag away and leaves alone
            what other pictures have of it. Of a group that fires in most of them it takes away what is more than usual
            and adds what is less, so that the change may have either sign.

    Returns:
        Changes, and for up to 8 groups all subsets and Shapley values.

    Raises:
        TypeError: if these are no groups.
        ValueError: if they do not fit the layer, targets are of several outputs, or there is no such baseline.

    Example:
        >>> groups = ti.find_groups(model, photos[:4], "conv3", 2)
        >>> ti.ablate_groups(model, photos[:4], groups, ["zebra"]).to_dataframe().columns.tolist()
        ['group', 'target', 'change', 'random_change', 'shapley']

    Source:
        Shapley, A value for n-person games, 1953. Baselines from the data, in place of zero, which the network never
        sees: Wang et al., Interpretability in the Wild, 2023.
    """
    if draws < 1:
        raise ValueError(f"a change means nothing without one or more random directions, got draws={draws}")
    check_targets(targets)
    placed = place_groups(model, images, groups, "ablate_groups", batch_size, baseline)
    notes = list(placed.notes)
    chosen = choose_targets(placed, targets)
    output, count = chosen[0].output, len(groups)
    with_all = placed.run(output, np.ones(count))
    subsets, scores, shapley = None, None, None
    if count <= _MOST:
        everything = (1 << count) - 1
        there = np.arange(everything)[:, None] >> np.arange(count) & 1
        subsets = np.concatenate([placed.run_each(output, there), with_all[None]])
        scores = score_each(chosen, subsets)
        single = [scores[everything ^ (1 << row)] for row in range(count)]
        shapley = shapley_values(scores).astype(np.float32)
    else:
        notes.append(f"all subsets are run for up to {_MOST} groups, these are {count}: choose some, groups[:8]")
        single = list(score_each(chosen, placed.run_each(output, 1 - np.eye(count))))
    base = score_all(chosen, with_all)
    rng = np.random.default_rng(seed)
    chance = np.empty((count, len(chosen), draws, len(placed.whole)), np.float32)
    vectors = np.empty((count, draws, groups.vectors.shape[1]), np.float32)
    for row in range(count):
        length = np.linalg.norm(groups.vectors[row])
        for draw in range(draws):
            noise = rng.normal(size=groups.vectors.shape[1])
            vectors[row, draw] = noise * (length / np.linalg.norm(noise))
    for row in range(count):
        after = placed.run_without(output, (placed.weights[..., [row]] * vector for vector in vectors[row]))
        chance[row] = np.moveaxis(score_each(chosen, after) - base, 0, 1)
    return GroupAblation(
        tuple(groups.names), tuple(target.name for target in chosen),
        np.stack([item - base for item in single]).astype(np.float32), chance, subsets, shapley, tuple(notes), scores,
    )  # fmt: skip
