"""`find_strategies`: in how many ways a class is said, and which pictures are said in none of them."""

import dataclasses
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_interp.display import number_of, quote, tell
from tf_interp.groups.effects.placed_groups import PlacedGroups, place_groups, score_all
from tf_interp.groups.effects.strategy_clusters import cluster
from tf_interp.groups.found_groups import Groups
from tf_interp.models import Model, Target
from tf_interp.models.batches import check_model
from tf_interp.probe import Probe

PICTURES = ("decided", "labeled", "all")
_TOLD = 2  # groups that describe a way
_LISTED = 8  # pictures that a sentence names


@dataclasses.dataclass(frozen=True, eq=False)
class Strategies:
    """The ways in which a class is said: N pictures, K groups, W ways.

    Args:
        target: name.
        layer: path of the groups' layer.
        groups: names [K].
        pictures: int [N], which of the images were taken.
        effects: float32 [N,K], what each group adds to the score of each picture: with all groups, less without it.
        way: int [N], 1 for the commonest; 0 for pictures that belong to none.
        centers: float32 [W,K], mean effects in each way.
        reasons: a sentence for each picture that belongs to none, by its number among the images.
        ks: int, numbers of ways that were tried.
        silhouette: float64 [len(ks)], how far apart that many ways are, -1..1.
        chance: float64 [len(ks)], the same where there is one way only.
        p: of ways as far apart by chance, where there is one only; NaN where several could not be tried.
        notes: sentences on what a person should know.
    """

    target: str
    layer: str
    groups: tuple[str, ...]
    pictures: np.ndarray
    effects: np.ndarray
    way: np.ndarray
    centers: np.ndarray
    reasons: Mapping[int, str]
    ks: np.ndarray
    silhouette: np.ndarray
    chance: np.ndarray
    p: float
    notes: tuple[str, ...] = ()

    def to_dataframe(self) -> Any:
        """Return a table: a row per picture.

        Returns:
            pandas `DataFrame` with the columns "picture", "way" (0 is none), "reason" (of those in none), and
            "effect of ..." for each group.

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        reasons = [self.reasons.get(int(picture)) for picture in self.pictures]
        effects = {f"effect of {name}": column for name, column in zip(self.groups, self.effects.T, strict=True)}
        return pd.DataFrame({"picture": self.pictures, "way": self.way, "reason": reasons, **effects})

    def sentence(self) -> str:
        """Return in how many ways the class is said, and what is said in none."""
        count = len(self.centers)
        text = f"{self.target} is said in {'1 way' if count == 1 else f'{count} ways'}"
        if count > 1:
            text += f" ({', '.join(str(int((self.way == number + 1).sum())) for number in range(count))} pictures)"
        if not self.reasons:
            return text
        listed = ", ".join(map(str, list(self.reasons)[:_LISTED])) + (" ..." if len(self.reasons) > _LISTED else "")
        who = "this picture" if len(self.reasons) == 1 else f"these {len(self.reasons)} pictures"
        return f"{text}, {who} in none: {listed}"

    def explain(self) -> str:
        """Return the sentence, a line per way and per picture in none, how sure the number is, and the notes."""
        lines = [self.sentence()]
        for number, center in enumerate(self.centers):
            order = np.argsort(-np.abs(center), kind="stable")[:_TOLD]
            told = ", ".join(f"{self.groups[row]} {center[row]:+.2g}" for row in order)
            lines.append(f"way {number + 1} ({int((self.way == number + 1).sum())} pictures): {told}")
        lines += [f"picture {picture}: {reason}" for picture, reason in self.reasons.items()]
        if np.isfinite(self.p):
            best = int(np.nanargmax(self.silhouette - self.chance)) if np.isfinite(self.silhouette).any() else 0
            verdict = "stand out from one" if len(self.centers) > 1 else "do not stand out from one"
            lines.append(
                f"{self.ks[best]} ways {verdict}: silhouette {self.silhouette[best]:.2f}, by chance "
                f"{self.chance[best]:.2f} (p = {self.p:.2g})"
            )
        return "\n".join([*lines, *(f"Note: {note}." for note in self.notes)])

    def __repr__(self) -> str:
        none = int((self.way == 0).sum())
        ways = f"{number_of(len(self.centers), 'way')}"
        return tell(self, quote(self.target, 60), ways, f"{none} of {number_of(len(self.way), 'picture')} in none")


def find_strategies(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    groups: Groups,
    target: Any,
    *,
    pictures: str | None = None,
    most: int = 5,
    smallest: int = 3,
    draws: int = 59,
    alpha: float = 0.05,
    seed: int = 0,
    batch_size: int = 64,
) -> Strategies:
    """Find in how many ways a network says a class: clusters of what the groups do on each picture, and who is in none.

    A group's effect on a picture is what the score loses when the group is switched off there. The number of ways is
    the one whose silhouette is furthest above that of single clouds as long and as skewed; it is 1 where none is
    above nearly all of these. Pictures that are alone with their effects (local outlier factor above 2) are in no way:
    wrong labels and shortcuts are often found among them, and in small ways.

    Args:
        model: the network.
        images: as in `ablate_groups`.
        groups: from `find_groups`.
        target: class index, name or function, as everywhere.
        pictures: which of the images: "decided", those that the network decides for the class; "labeled", those of the
            probe's label; "all". None is "decided" for a class of a network that decides, else "all".
        most: ways to try, at least 1.
        smallest: pictures of a way, at least 2.
        draws: single clouds to compare with, at least 19.
        alpha: how often one way may be taken for several.
        seed: of the clusters and clouds.
        batch_size: images per forward pass; K + 1 passes from the middle.

    Returns:
        The ways, and the pictures in none with the reason of each.

    Raises:
        TypeError: if these are no groups.
        ValueError: if they do not fit the layer, there is no such class, no picture is of it, or a number is out of
            range.

    Example:
        >>> groups = ti.find_groups(model, photos[:16], "conv3", 2)
        >>> found = ti.find_strategies(model, photos[:16], groups, "zebra", pictures="all", draws=19, most=2)
        >>> found.effects.shape
        (16, 2)

    Source:
        Dreyer et al., Understanding the (extra-)ordinary: prototypical concept-based explanations, 2024 (PCX).
    """
    check_model(model, "find_strategies")
    for name, value, least in (("most", most, 1), ("smallest", smallest, 2), ("draws", draws, 19)):
        if not isinstance(value, numbers.Integral) or value < least:
            raise ValueError(f"{name} must be {least} or more, got {value!r}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha lies between 0 and 1, got {alpha!r}")
    if pictures not in (None, *PICTURES):
        raise ValueError(f"pictures is one of {list(PICTURES)}, got {pictures!r}")
    placed = place_groups(model, images, groups, "find_strategies", batch_size)
    chosen = model.target(target)
    count = len(groups)
    whole = placed.run(chosen.output, np.ones(count))
    rows = _choose_pictures(images, chosen, whole, pictures)
    effects = _measure(placed, chosen, whole)[rows]
    if not np.isfinite(effects).all():
        raise ValueError(f"some scores of {chosen.name!r} are NaN or infinite: has the training diverged?")
    notes = list(placed.notes)
    if most > 1 and len(rows) < 2 * smallest:
        notes.append(f"{len(rows)} pictures are too few to look for several ways of {smallest} or more: give more")
    found = cluster(effects, int(most), int(smallest), int(draws), alpha, seed)
    centers = np.array(
        [effects[found.labels == number].mean(0) for number in range(1, found.labels.max(initial=0) + 1)]
    ).reshape(-1, count)
    names = tuple(groups.names)
    reasons = {int(rows[row]): _explain(effects[row], centers, names) for row in np.flatnonzero(found.labels == 0)}
    return Strategies(
        chosen.name, placed.path, names, rows, effects.astype(np.float32), found.labels, centers.astype(np.float32),
        reasons, found.ks, found.silhouette, found.chance, found.p, tuple(notes),
    )  # fmt: skip


def _measure(placed: PlacedGroups, target: Target, whole: np.ndarray) -> np.ndarray:
    """Return what each group adds to the score of each picture, float64 [N,K]."""
    count = len(placed.groups)
    base = score_all([target], whole)[0]
    without = [placed.run(target.output, np.arange(count) != row) for row in range(count)]
    return np.stack([base - score_all([target], item)[0] for item in without], 1)


def _choose_pictures(images: Any, target: Target, outputs: np.ndarray, pictures: str | None) -> np.ndarray:
    """Return which images are of the class, int [n]."""
    if pictures == "labeled":
        if target.index is None or not isinstance(images, Probe) or images.labels is None:
            raise ValueError(
                'pictures="labeled" needs a class, and a probe with labels: Probe.from_arrays(x, labels=y)'
            )
        labels = target.head.check_labels(np.asarray(images.labels))
        chosen = np.flatnonzero(target.head.holds(labels, target.index))
    else:
        decided = None if pictures == "all" else target.decided(outputs)
        if decided is None and pictures == "decided":
            raise ValueError(f'nothing is decided about {target.name!r}: write pictures="all"')
        chosen = np.arange(len(outputs)) if decided is None else np.flatnonzero(decided)
    if not len(chosen):
        how = "labeled" if pictures == "labeled" else "taken by the network for"
        raise ValueError(f'none of these {len(outputs)} pictures is {how} {target.name!r}: write pictures="all"')
    return chosen


def _explain(effects: np.ndarray, centers: np.ndarray, names: tuple[str, ...]) -> str:
    """Return why a picture belongs to none: the group by which it differs most from the nearest way."""
    if not len(centers):
        return "no other picture is like it"
    near = int(((centers - effects) ** 2).sum(1).argmin())
    row = int(np.abs(effects - centers[near]).argmax())
    return f"{names[row]} adds {effects[row]:+.2g}, in way {near + 1}, the nearest, {centers[near, row]:+.2g}"
