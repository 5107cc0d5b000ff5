"""`GroupingCard`: how good a grouping is, beside what chance and the start alone would give."""

import dataclasses
from typing import Any

import numpy as np

from tf_interp.display import cut, number_of, quote, tell
from tf_interp.groups.found_groups import Groups
from tf_interp.groups.judging.picture_halves import count_rows, divide, say_few, take_halves
from tf_interp.groups.matching import cosines, pair_up
from tf_interp.groups.methods.factorizer import Factorizer
from tf_interp.groups.methods.weighting import fit_scaled
from tf_interp.groups.methods.windows import average_kept

UNSTABLE = 0.5  # a group that agrees less with itself, as concept vectors do
_CHUNK = 20_000  # rows compared with all groups at a time
_SAME = 1e-13  # of the squares of a layer; less is rounding


@dataclasses.dataclass(frozen=True, eq=False)
class GroupingCard:
    """How good K groups are.

    Args:
        groups: what was judged.
        method: how they were found.
        r2: 1 - what the groups leave over / what the mean of each channel leaves over, in squares, of the whole
            activation, negative parts included; 0 is as good as these means, below 0 worse.
        mean_alone: the same of the means of the channels beside one mean of all numbers: what a score that takes that
            for nothing gives to means alone.
        active: mean number of groups that fire at a position.
        sparsity: share of the weights that are 0.
        dead: number of groups that fire nowhere.
        halves: float32 [K]: cosine of what two disjoint halves of the pictures make of each group; NaN where there are
            too few pictures.
        seeds: float32 [K]: mean cosine with the group that another start finds.
        seeds_before: mean matched cosine of the starts themselves, before any fitting; NaN where a method has no start.
        random: mean matched cosine of the groups with the same numbers in random channels.
        collinearity: float32 [K]: largest |cosine| with another group.
        distance: float32 [K]: 1 - largest cosine with an activation less the groups' offset, where weights have signs
            of either sign; large where a group looks like nothing there is.
        notes: sentences on what a person should know.
    """

    groups: Groups
    method: str
    r2: float
    mean_alone: float
    active: float
    sparsity: float
    dead: int
    halves: np.ndarray
    seeds: np.ndarray
    seeds_before: float
    random: float
    collinearity: np.ndarray
    distance: np.ndarray
    notes: tuple[str, ...]

    @property
    def stability(self) -> np.ndarray:
        """The lower of `halves` and `seeds` of each group, float32 [K]."""
        return np.fmin(self.halves, self.seeds)

    @property
    def flags(self) -> tuple[str, ...]:
        """Of each group "DEAD" (fires nowhere), "UNSTABLE" (stability below .5), or ""."""
        alive = np.any(self.groups.weights, axis=(0, 1, 2)).tolist()
        rows = zip(alive, self.stability, strict=True)
        return tuple("" if fires and stable >= UNSTABLE else "UNSTABLE" if fires else "DEAD" for fires, stable in rows)

    def to_dataframe(self) -> Any:
        """Return a table: a row per group.

        Returns:
            pandas `DataFrame` with the columns "group", "share", "halves", "seeds", "stability", "collinearity",
            "distance" and "flag".

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        columns = {name: getattr(self, name) for name in ("halves", "seeds", "stability", "collinearity", "distance")}
        return pd.DataFrame({"group": self.groups.names, "share": self.groups.shares, **columns, "flag": self.flags})

    def summary(self) -> dict[str, Any]:
        """Return the numbers of the whole grouping by name; of what each group has, the median."""

        def middle(values: np.ndarray) -> float:
            known = values[np.isfinite(values)]
            return float(np.median(known)) if len(known) else float("nan")

        return {
            "method": self.method, "k": len(self.groups), "r2": self.r2, "active": self.active,
            "sparsity": self.sparsity, "dead": self.dead, "stability": middle(self.stability),
            "halves": middle(self.halves), "seeds": middle(self.seeds), "seeds_before": self.seeds_before,
            "random": self.random, "unstable": self.flags.count("UNSTABLE"),
            "collinearity": middle(self.collinearity), "distance": middle(self.distance),
        }  # fmt: skip

    def explain(self) -> str:
        """Return what the numbers say, a sentence or two for the grouping, and one for each note."""
        row = self.summary()
        weak = [name for name, flag in zip(self.groups.names, self.flags, strict=True) if flag == "UNSTABLE"]
        text = (
            f"{self.method}: {row['k']} groups explain {self.r2:.0%} of what differs from the mean of each channel, "
            f"{self.active:.1f} at a position; found again with a median cosine of {row['stability']:.2f} (starts "
            f"alone {_number(self.seeds_before)}, random {self.random:.2f}); {self.dead} dead"
        )
        if weak:
            text += f"; UNSTABLE: {', '.join(weak)}"
        return "\n".join([text, *(f"Note: {note}." for note in self.notes)])

    def __repr__(self) -> str:
        what = f"{number_of(len(self.groups), 'group')} of {quote(self.groups.layer, 60)}"
        return tell(self, cut(self.method, 60), what, f"R2 {self.r2:.2f}")


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "unknown"


def judge(
    groups: Groups, method: Factorizer, activations: np.ndarray, padded: np.ndarray | None = None, *, refits: int,
    seed: int, iterations: int,
) -> GroupingCard:  # fmt: skip
    """Return the card of groups of these activations.

    Groups that are some of a grouping are looked for among all that halves and other starts find.

    Args:
        groups: with the weights and ids of these pictures.
        method: settled.
        activations: float32 [N,h,w,C].
        padded: bool [N,h,w], True at positions that do not count; None is none.
        refits: fits with other starts, at least 1.
        seed: of the groups.
        iterations: the most that a fit may take.
    """
    whole, places = groups.chosen_from or (groups, np.arange(len(groups)))
    vectors, counted = whole.vectors, slice(None) if padded is None else ~padded
    rows = activations[counted].reshape(-1, activations.shape[-1])
    weights = groups.weights[counted].reshape(-1, len(groups))
    centered = rows if groups.offset is None else rows - groups.offset
    means = average_kept(method, activations, groups.window, padded)
    each = means[counted].reshape(rows.shape)

    def fit(part: np.ndarray, number: int, iterations: int = iterations) -> np.ndarray:
        counts = groups.channel_weights
        return fit_scaled(method, part, len(vectors), counts, seed=seed + number, iterations=iterations).vectors

    def compare(some: np.ndarray, others: np.ndarray) -> np.ndarray:
        cosine = cosines(some, others)
        return np.abs(cosine) if method.signed_weights else cosine

    def match(some: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the row of `others` that belongs to each vector, and their cosine."""
        cosine = compare(some, others)
        order = pair_up(cosine)[1]
        return order, cosine[np.arange(len(some)), order]

    notes = []
    rng = np.random.default_rng((seed, 3))
    stable = np.full(len(vectors), np.nan)
    halves = divide(groups.ids, rng)
    if count_rows(activations.shape, padded, halves) < len(vectors):
        count = len(set(groups.ids))
        notes.append(f"{count} pictures are too few to find {len(vectors)} groups in each half: give more pictures")
    else:
        notes += say_few(groups.ids)
        first, second = (fit(part, 0) for part in take_halves(means, padded, halves))
        stable = np.diag(compare(*(found[match(vectors, found)[0]] for found in (first, second))))
    seeds = np.mean([match(vectors, fit(each, number))[1] for number in range(1, refits + 1)], axis=0)
    before = np.nan
    if method.has_start and rows.any():
        starts = [fit(each, number, 0) for number in range(refits + 1)]
        before = float(np.mean([match(starts[0], start)[1].mean() for start in starts[1:]]))
    notes += method.say_start()
    mixed = [match(vectors, rng.permuted(vectors, axis=1))[1][places].mean() for _ in range(10)]
    alike = np.abs(cosines(groups.vectors, groups.vectors)) - np.eye(len(groups))
    blocks = range(0, len(rows), _CHUNK)
    nearest = [compare(groups.vectors, centered[at : at + _CHUNK]).max(1) for at in blocks]
    rest, spread, total = (
        _squares(item)
        for item in (centered - weights @ groups.vectors, rows - _mean(rows, 0), rows - _mean(rows, None))
    )
    even = spread <= _SAME * _squares(rows)
    if even:
        notes.append("the layer is the same everywhere: R2 is not defined")
    return GroupingCard(
        groups, method.label, np.nan if even else 1 - rest / spread,
        1 - spread / total if total > _SAME * _squares(rows) else np.nan,
        float((weights != 0).sum(1).mean()), float((weights == 0).mean()), int((~weights.any(0)).sum()),
        stable[places].astype(np.float32), seeds[places].astype(np.float32), before, float(np.mean(mixed)),
        np.maximum(alike.max(1), 0).astype(np.float32), (1 - np.max(nearest, axis=0)).astype(np.float32),
        (*groups.notes, *notes),
    )  # fmt: skip


def _mean(rows: np.ndarray, axis: int | None) -> np.ndarray:
    return rows.mean(axis, dtype=np.float64)


def _squares(rows: np.ndarray) -> float:
    return float((rows.astype(np.float64) ** 2).sum())
