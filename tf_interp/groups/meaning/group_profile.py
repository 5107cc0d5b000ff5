"""`describe_groups`: where groups fire, in which pictures they matter, and which classes and concepts are near them."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.corrections import holm
from tf_interp.directions import Directions
from tf_interp.display import number_of, quote, tell, write_range
from tf_interp.groups.effects.placed_groups import PlacedGroups, check_targets, choose_targets, place_groups, score_all
from tf_interp.groups.found_groups import Groups
from tf_interp.groups.matching import cosines
from tf_interp.groups.meaning.naming.word_sources import read_labels
from tf_interp.models import Model
from tf_interp.probe import Probe

FIRES = 0.1  # a group fires in a picture where it reaches this part of the most that it reaches anywhere
_DRAWS = 10_000  # random directions that a cosine is compared with, at least
_ALPHA = 0.05
_FEW = 10  # pictures, from which random directions are made


@dataclasses.dataclass(frozen=True, eq=False)
class GroupProfiles:
    """What K groups are, by N pictures: where they fire, where they matter, and what is near them.

    Args:
        layer: path of the layer.
        groups: K names.
        classes: L classes of the labels that there are pictures of; none without labels.
        class_counts: int [L], pictures of each.
        profile: float32 [K,L], mean presence of each group in the pictures of each class, at positions that count.
        strength: float32 [K,N], presence at the position of each picture where the group fires most.
        places: int [K,N,2], row and column of that position.
        fires: int [K], pictures where a group reaches a tenth of the most that it reaches anywhere.
        best: int [K,n], the pictures where it fires most; of a group that fires in fewer, the first `fires` of them.
        typical: K arrays int [<=n], of those where it fires the ones nearest to their median.
        targets: M names.
        contribution: float32 [K,M,N], how much lower the score of each target is with the group switched off.
        contributing: int [K,M,n], the pictures where it contributes most to each target.
        shared: float32 [K,M], share of the m best pictures that are among the first m of them; m is n or, if that is
            fewer, `fires`; m/N is chance, NaN of a silent group.
        outputs: P names of classes, or numbers, of the output.
        effects: float32 [K,P], mean contribution to each.
        concepts: T names.
        cosine: float32 [K,T], with each concept vector.
        cosine_limit: float32 [K], what 95 % of random directions stay below.
        p: float64 [K,T], of the cosine among random directions, one-sided, corrected by Holm for all; none is smaller
            than as many directions allow as there are ways to divide these pictures into halves.
        notes: sentences on what a person should know.
    """

    layer: str
    groups: tuple[str, ...]
    classes: tuple[str, ...]
    class_counts: np.ndarray
    profile: np.ndarray
    strength: np.ndarray
    places: np.ndarray
    fires: np.ndarray
    best: np.ndarray
    typical: tuple[np.ndarray, ...]
    targets: tuple[str, ...]
    contribution: np.ndarray
    contributing: np.ndarray
    shared: np.ndarray
    outputs: tuple[str, ...]
    effects: np.ndarray
    concepts: tuple[str, ...]
    cosine: np.ndarray
    cosine_limit: np.ndarray
    p: np.ndarray
    notes: tuple[str, ...] = ()

    def to_dataframe(self) -> Any:
        """Return a table: a row per group.

        Returns:
            pandas `DataFrame` with the columns "group", "fires" (share of the pictures), "class" (where it fires most),
            "for" and "against" (the outputs that it moves most), "effect_for", "effect_against", "shared" (mean of the
            targets), "concept" (the nearest), "cosine" and "p"; what is not known is missing.

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        rows = []
        for row, group in enumerate(self.groups):
            line: dict[str, Any] = {"group": group, "fires": self.fires[row] / self.strength.shape[1]}
            line["class"] = self._class(row)
            for key, column in zip(("for", "against"), self._ends(row), strict=True):
                line[key] = None if column is None else self.outputs[column]
                line[f"effect_{key}"] = np.nan if column is None else self.effects[row, column]
            line["shared"] = self.shared[row].mean() if self.targets else np.nan
            near = int(self.cosine[row].argmax()) if self.concepts else None
            line["concept"] = None if near is None else self.concepts[near]
            line["cosine"], line["p"] = (
                (np.nan, np.nan) if near is None else (self.cosine[row, near], self.p[row, near])
            )
            rows.append(line)
        return pd.DataFrame(rows)

    def _class(self, row: int) -> str | None:
        """Return the class where a group fires most; None where there is nothing to compare."""
        return self.classes[self.profile[row].argmax()] if len(self.classes) > 1 and self.fires[row] else None

    def _ends(self, row: int) -> tuple[int | None, int | None]:
        """Return the outputs that a group moves up and down most, where it does."""
        if not self.outputs:
            return None, None
        up, down = int(self.effects[row].argmax()), int(self.effects[row].argmin())
        return (up if self.effects[row, up] > 0 else None), (down if self.effects[row, down] < 0 else None)

    def explain(self) -> str:
        """Return a line per group, where best pictures and contributing ones differ, and a line for each note."""
        lines = []
        count = self.strength.shape[1]
        for row, group in enumerate(self.groups):
            parts = [f"{group}: fires in {self.fires[row]} of {count} pictures"]
            if (most := self._class(row)) is not None:
                parts.append(f"most in those of {most}")
            up, down = self._ends(row)
            if up is not None:
                parts.append(f"speaks for {self.outputs[up]} ({self.effects[row, up]:+.3g})")
            if down is not None:
                parts.append(f"against {self.outputs[down]} ({self.effects[row, down]:+.3g})")
            near = [column for column in np.argsort(-self.cosine[row]) if self.p[row, column] <= _ALPHA][:3]
            if near:
                parts.append(f"near {', '.join(f'{self.concepts[at]} ({self.cosine[row, at]:.2f})' for at in near)}")
            lines.append(", ".join(parts))
            n = min(self.best.shape[1], int(self.fires[row]))
            few = [
                f"{round(float(self.shared[row, column]) * n)} for {target}"
                for column, target in enumerate(self.targets)
                if self.shared[row, column] < 0.5 and self.contribution[row, column].mean() > 0
            ]
            if few:
                lines.append(
                    f"{group}: of the {n} pictures where it fires most few are among the {n} where it contributes "
                    f"most, {', '.join(few)} (by chance {n * n / count:.1f})"
                )
        return "\n".join([*lines, *(f"Note: {note}." for note in self.notes)])

    def __repr__(self) -> str:
        sizes = (number_of(len(self.groups), "group"), number_of(self.strength.shape[1], "picture"))
        return tell(self, quote(self.layer, 60), *sizes, f"each fires in {write_range(self.fires)}")


def describe_groups(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    groups: Groups,
    *,
    targets: Sequence[Any] | None = None,
    concepts: Directions | None = None,
    top: int = 8,
    seed: int = 0,
    batch_size: int = 64,
) -> GroupProfiles:
    """Describe groups: their classes, their best and typical pictures, those where they matter, and what is near them.

    What a group contributes is measured: it is switched off, and the network run on from there. The pictures where it
    fires most (ActMax) need not be those where it contributes most (RelMax); where they differ, `explain()` says so.

    Args:
        model: the network.
        images: a probe, whose labels make the profile of classes; or as in `find_groups`.
        groups: from `find_groups`.
        targets: as in `ablate_groups`; None is the classes that the network sees most often, at most 4.
        concepts: concept vectors of the same layer, such as `result.directions(layer)`. The cosines are compared with
            those of random directions as far apart as the means of two random halves of these pictures.
        top: pictures of each kind.
        seed: of the random directions.
        batch_size: images per forward pass; there are as many runs from the layer on as groups, and one more.

    Returns:
        The profiles.

    Raises:
        TypeError: if these are no groups, or concepts no directions.
        ValueError: if they do not fit the layer.

    Example:
        >>> groups = ti.find_groups(model, probe, "conv3", 2)
        >>> ti.describe_groups(model, probe, groups, targets=["zebra"], top=3).best.shape
        (2, 3)

    Source:
        Achtibat et al., From attribution maps to human-understandable explanations through Concept Relevance
        Propagation, 2023 (examples by relevance).
    """
    check_targets(targets)
    if top < 1:
        raise ValueError(f"top must be 1 or more pictures, got {top}")
    placed = place_groups(model, images, groups, "describe_groups", batch_size)
    vectors = _check_concepts(placed, concepts)
    maps = placed.weights if placed.padded is None else np.where(placed.padded[..., None], -np.inf, placed.weights)
    count, _, columns, k = maps.shape
    n = min(top, count)
    notes = list(placed.notes)
    flat = maps.reshape(count, -1, k)
    strength, where = np.nan_to_num(flat.max(1).T, neginf=0), flat.argmax(1).T
    most = strength.max(1, keepdims=True)
    firing = (strength >= FIRES * most) & (most > 0)
    if silent := [name for name, some in zip(groups.names, firing, strict=True) if not some.any()]:
        notes.append(f"{', '.join(silent)}: fires nowhere in these pictures")
    classes, counts, profile = _profile(placed, images, notes)
    best = np.argsort(-strength, axis=1, kind="stable")[:, :n]
    names, contribution, outputs, effects = _contribute(placed, targets, notes)
    contributing = np.argsort(-contribution, axis=2, kind="stable")[..., :n]
    shared = _share(best, contributing, firing.sum(1))
    cosine, limit, p = _compare(placed, vectors, seed, notes)
    return GroupProfiles(
        placed.path, tuple(groups.names), classes, counts, profile, strength.astype(np.float32),
        np.stack([where // columns, where % columns], -1), firing.sum(1), best,
        tuple(_typical(*item, n) for item in zip(strength, firing, strict=True)), names, contribution, contributing,
        shared.astype(np.float32), outputs, effects, () if concepts is None else tuple(concepts.names), cosine, limit,
        p, tuple(notes),
    )  # fmt: skip


def _share(best: np.ndarray, contributing: np.ndarray, fires: np.ndarray) -> np.ndarray:
    """Return which share of the best pictures [K,n] are among the contributing [K,M,n], of those where a group fires.

    Where it does not, it is no example of either: such pictures stand in both lists in their order.
    """
    found = np.full(contributing.shape[:2], np.nan)
    for row, count in enumerate(np.minimum(fires, best.shape[1])):
        if count:
            found[row] = np.isin(contributing[row, :, :count], best[row, :count]).mean(-1)
    return found


def _check_concepts(placed: PlacedGroups, concepts: Directions | None) -> np.ndarray:
    size = placed.groups.vectors.shape[1]
    if concepts is None:
        return np.zeros((0, size), np.float32)
    if not isinstance(concepts, Directions):
        raise TypeError(f"concepts must be Directions, e.g. result.directions(layer), got {type(concepts).__name__}")
    path = placed.model.resolve(concepts.layer, channels=True)
    if path != placed.path or concepts.vectors.shape[1] != size:
        raise ValueError(
            f"the concept vectors are of layer {path!r} with {concepts.vectors.shape[1]} channels, the groups of "
            f"{placed.path!r} with {size}: give those of the same layer"
        )
    return concepts.vectors


def _profile(placed: PlacedGroups, images: Any, notes: list[str]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return names and sizes of the classes of a probe, and the mean presence [K,L] of groups in each."""
    words = []
    if isinstance(images, Probe):
        names = placed.model.head().names
        if images.class_names is None and names is not None and _has_classes(images.labels, len(names)):
            images = dataclasses.replace(images, class_names=names)
        words = [word for word in read_labels(images) if word.binary is not None and word.values.any()]
    if not words:
        notes.append("there is no profile of classes: give a probe with labels of classes")
        return (), np.zeros(0, np.int64), np.zeros((len(placed.groups), 0), np.float32)
    of = np.stack([word.values for word in words], 1)
    profile = placed.means(placed.weights).T @ of / of.sum(0)
    return tuple(word.name for word in words), of.sum(0).astype(np.int64), profile.astype(np.float32)


def _has_classes(labels: np.ndarray | None, count: int) -> bool:
    """Return whether labels are of so many classes."""
    if labels is None or labels.dtype.kind not in "iu":
        return False
    return bool(labels.max() < count) if labels.ndim == 1 else labels.shape[1] == count


def _typical(strength: np.ndarray, firing: np.ndarray, n: int) -> np.ndarray:
    """Return the pictures nearest to the median of those where a group fires, the nearest first."""
    rows = np.flatnonzero(firing)
    if not len(rows):
        return rows
    return rows[np.argsort(np.abs(strength[rows] - np.median(strength[rows])), kind="stable")[:n]]


def _contribute(
    placed: PlacedGroups, targets: Sequence[Any] | None, notes: list[str]
) -> tuple[tuple[str, ...], np.ndarray, tuple[str, ...], np.ndarray]:
    """Return names of targets, contributions [K,M,N] to them, names of all outputs, and mean contributions [K,P]."""
    k, count = len(placed.groups), len(placed.weights)
    if targets is None and placed.model.head().count is None:
        notes.append("this network has no classes to choose from, so nothing is told of contributions: give targets")
        return (), np.zeros((k, 0, count), np.float32), (), np.zeros((k, 0), np.float32)
    chosen = choose_targets(placed, targets)
    head = chosen[0].head
    outputs = () if head.count is None else tuple(head.name(index) for index in range(head.count))

    def read(output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return score_all(chosen, output), head.spread(output).mean(0)[: len(outputs)] if outputs else np.zeros(0)

    (scores, level), *parts = map(read, placed.run_each(head.path, np.concatenate([np.ones((1, k)), 1 - np.eye(k)])))
    return (
        tuple(target.name for target in chosen),
        np.stack([scores - item for item, _ in parts]).astype(np.float32),
        outputs,
        np.stack([level - item for _, item in parts]).astype(np.float32),
    )


def _compare(
    placed: PlacedGroups, vectors: np.ndarray, seed: int, notes: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cosines of groups and concepts [K,T], the limit of chance [K], and corrected p [K,T]."""
    k, family = len(placed.groups), len(placed.groups) * len(vectors)
    if not family:
        return np.zeros((k, 0), np.float32), np.full(k, np.nan, np.float32), np.zeros((k, 0))
    pictures = placed.means(placed.positions)
    different = len(np.unique(pictures, axis=0))
    if different < _FEW:
        notes.append(f"random directions are made of {different} pictures only: p of concepts say little")
    rng = np.random.default_rng((seed, 8))
    draws = max(_DRAWS, math.ceil(2 * family / _ALPHA))
    halves = rng.permuted(np.tile(np.arange(len(pictures)) % 2 * 2.0 - 1, (draws, 1)), axis=1)
    null = cosines(halves @ (pictures - pictures.mean(0)), placed.groups.vectors)  # [draws,K]
    cosine = cosines(placed.groups.vectors, vectors)
    if different < 2:  # there is no direction between them
        return cosine.astype(np.float32), np.full(k, np.nan, np.float32), np.ones((k, len(vectors)))
    above = np.stack([(null >= column - 1e-9).sum(0) for column in cosine.T], 1)
    smallest = 1 / (1 + math.comb(different, different // 2))  # drawn again and again, a few directions stay few
    p = holm(np.maximum((1 + above) / (1 + draws), smallest).ravel()).reshape(cosine.shape)
    return cosine.astype(np.float32), np.quantile(null, 1 - _ALPHA, axis=0).astype(np.float32), p
