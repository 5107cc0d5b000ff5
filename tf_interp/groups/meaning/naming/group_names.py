"""`name_groups`: what groups may be called, by what the user has, with the evidence; "no name" is allowed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.directions import Directions
from tf_interp.groups.meaning.naming.name_checks import check_name
from tf_interp.groups.meaning.naming.name_evidence import Evidence, average_precision, overlap, weigh_evidence
from tf_interp.groups.meaning.naming.names_result import GroupName, GroupNames, write_share
from tf_interp.groups.meaning.naming.picture_words import measure_pictures, name_places
from tf_interp.groups.meaning.naming.word import Word
from tf_interp.groups.meaning.naming.word_sources import (
    read_columns,
    read_concepts,
    read_labels,
    read_masks,
    read_table,
)
from tf_interp.images import digest_images
from tf_interp.probe import Probe

POOLINGS = ("mean", "max")
_NEAR = 0.05  # a word whose r is not more below fits as well


def name_groups(
    groups: Directions,
    probe: Probe,
    *,
    words: Any = None,
    concepts: Mapping[str, Any] | None = None,
    masks: Mapping[str, Any] | None = None,
    columns: Any = None,
    measured: bool = True,
    presence: np.ndarray | None = None,
    pooling: str = "mean",
    alpha: float = 0.05,
    minimum: float = 0.3,
    fewest: int = 3,
    permutations: int | None = None,
    seed: int = 0,
) -> GroupNames:
    """Name groups by the word that goes with where they fire, over the whole probe, or say that none does.

    A name is what a group fires *for*: of words that are true or not only positive correlations count. Words for whole
    pictures (classes, concepts, columns) are compared with one number a picture; masks and what is measured in pictures
    with the maps of a layer that has some. The null exchanges whole pictures, never positions; for words of places
    ("top", "border"), which are the same in all pictures, each picture's own agreement gets a random sign.

    Args:
        groups: from `find_groups`, or any directions, whose `presence` is then needed.
        probe: pictures, on which the groups were found; its labels and class names are candidates.
        words: a table of the user's own, such as likenesses of pictures and texts: name -> N numbers, a pandas
            `DataFrame`, or (table [N,W], W names). A name is where the numbers are large.
        concepts: name -> `Concept`, `Probe` or array of pictures; true of the pictures of the probe that are in it, by
            content. One that has none of them is left out, and a note says so.
        masks: name -> bool [N,H,W], or part of each pixel, of any size.
        columns: metadata: name -> N numbers, true and false, or texts, or a pandas `DataFrame`. Numbers give "high" and
            "low" that, texts a word for each value.
        measured: whether what can be measured in pictures is a candidate too: brightness, hue, edges, orientation, fine
            and coarse texture, and places.
        presence: float [N,h,w,K] or [N,K], how strongly each group fires; None takes what the groups know.
        pooling: how a map becomes one number a picture, "mean" or "max".
        alpha: a name must have a corrected p of this at most.
        minimum: and an r of this at least.
        fewest: pictures that a word is true of, and others, at least; words with fewer are left out.
        permutations: how many; None takes 10,000, and as many more as Holm's smallest p needs, up to 200,000. With too
            few for Holm, p are those of the largest agreement of all (single-step maxT), which is said.
        seed: of these, and of the draws of the checks.

    Returns:
        The names, with all groups and words in a table.

    Raises:
        TypeError: if `groups` or `probe` are none, or words are no dict.
        ValueError: if presence is not known, shapes do not match, or there is no word at all.

    Example:
        >>> groups = ti.find_groups(model, probe, "conv", 2)
        >>> ti.name_groups(groups, probe, columns={"night": [True, False] * 6}, permutations=999).n
        12

    Source:
        Oikarinen et al., NeuronEval, 2025, on which scores of a name can be trusted (Pearson and AUPRC among them).
    """
    _check(groups, probe, pooling, alpha, minimum)
    notes: list[str] = []
    ids = digest_images(probe.images)
    rows = np.sort(np.unique(np.asarray(ids), return_index=True)[1])
    if len(rows) < len(ids):
        notes.append(f"{len(ids) - len(rows)} of {len(ids)} pictures are there twice and were counted once")
    maps = find_presence(groups, probe, presence)[rows].astype(np.float64)
    pooled = maps.mean((1, 2)) if pooling == "mean" else maps.max((1, 2))
    candidates = _gather(probe, ids, maps.shape[1:3], words, concepts, masks, columns, measured, notes)
    candidates = [item for word in candidates if (item := _keep(word, rows, fewest, notes)) is not None]
    if not candidates:
        why = "".join(f"\n  {note}" for note in notes)
        raise ValueError(
            "there is no word to name groups by: give a probe with labels, or concepts=, masks=, columns= or words="
            f"{why}"
        )
    evidence = weigh_evidence(maps, pooled, candidates, permutations, alpha, seed)
    if evidence.reachable > alpha:
        notes.append(
            f"no name is possible: with {len(rows)} pictures, {evidence.permutations} permutations and "
            f"{evidence.r.size} pairs of group and word the smallest p is {evidence.reachable:.2g}, above {alpha:g}; "
            "give more pictures, or fewer words"
        )
    if evidence.correction != "Holm":
        notes.append(
            f"p is that of the largest agreement of all {evidence.r.size} pairs of group and word (maxT): Holm's would "
            f"need more than {evidence.permutations} permutations"
        )
    silent = [name for name, column in zip(groups.names, maps.T, strict=True) if not np.ptp(column)]
    if silent:
        notes.append(f"{', '.join(silent)}: fires nowhere on the probe, or everywhere alike")
    return _result(groups, maps, pooled, candidates, evidence, (alpha, minimum, seed), notes)


def find_presence(groups: Directions, probe: Probe, presence: np.ndarray | None) -> np.ndarray:
    """Return how strongly groups fire at each position of a probe's pictures, or say what is missing.

    Args:
        groups: K directions.
        probe: N pictures.
        presence: [N,h,w,K] or [N,K] of the user; None takes what the groups know.

    Returns:
        float [N,h,w,K].

    Raises:
        ValueError: if it is not known, not finite, or of another shape.
    """
    known = groups.weights_for(probe.images) if presence is None else np.asarray(presence)
    if known is None:
        raise ValueError(
            f"where these {len(groups)} directions are present on the probe is not known: give groups that find_groups "
            "found on it, or presence= an array [N,h,w,K], such as concept_maps(model, probe, directions)"
        )
    known = known[:, None, None] if known.ndim == 2 else known
    if known.ndim != 4 or len(known) != len(probe) or known.shape[-1] != len(groups):
        raise ValueError(
            f"presence must have shape [{len(probe)},h,w,{len(groups)}] for {len(probe)} pictures and {len(groups)} "
            f"groups, got {list(known.shape)}"
        )
    if not np.isfinite(known).all():
        raise ValueError(f"presence holds NaN or infinite values, {int((~np.isfinite(known)).sum())} of {known.size}")
    return known


def _check(groups: Any, probe: Any, pooling: str, alpha: float, minimum: float) -> None:
    if not isinstance(groups, Directions):
        raise TypeError(f"name_groups takes groups or other directions, got {type(groups).__name__}")
    if not isinstance(probe, Probe):
        raise TypeError(f"name_groups takes a Probe, got {type(probe).__name__}: Probe.from_arrays(images, labels)")
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {list(POOLINGS)}, got {pooling!r}")
    if not 0 < alpha < 1 or not 0 <= minimum <= 1:
        raise ValueError(f"alpha must lie in (0,1) and minimum in [0,1], got {alpha} and {minimum}")


def _gather(
    probe: Probe, ids: Sequence[str], cells: tuple[int, ...], words: Any, concepts: Any, masks: Any, columns: Any,
    measured: bool, notes: list[str],
) -> list[Word]:  # fmt: skip
    """Return all candidates, those of people first: of words that fit equally well the first is taken."""
    count, images = len(probe), probe.images
    pictures = not isinstance(images, Mapping) and images.ndim == 4
    on_grid = pictures and min(cells) > 1
    found = [
        *read_labels(probe),
        *read_concepts(concepts, ids, notes),
        *read_masks(masks, count, cells, on_grid),
        *read_columns(columns, count),
        *read_table(words, count),
    ]
    if measured and pictures:
        found += measure_pictures(images, cells if on_grid else (1, 1))
        found += name_places(cells) if on_grid else []
    if not on_grid and max(cells) > 1 and (masks or (measured and pictures)):
        notes.append("positions of this layer do not lie over the picture: masks and measures are of whole pictures")
    return found


def _keep(word: Word, rows: np.ndarray, fewest: int, notes: list[str]) -> Word | None:
    """Return a word of the pictures that count, or None where it is true of too few or of too many."""
    if word.kind == "place":
        return word
    values = word.values[rows]
    truth = None if word.truth is None else word.truth[rows]
    kept = dataclasses.replace(word, values=values, truth=truth)
    binary = kept.binary
    if binary is not None:
        there = binary.reshape(len(rows), -1).any(1)
        others = (~binary.reshape(len(rows), -1)).any(1)
        if min(there.sum(), others.sum()) < fewest:
            notes.append(
                f"{word.name!r} was left out: it is true of {there.sum()} of {len(rows)} pictures, and {fewest} that "
                "are and that are not so are needed"
            )
            return None
    return kept if np.ptp(values) > 0 else None


def _result(
    groups: Directions, maps: np.ndarray, pooled: np.ndarray, words: Sequence[Word], evidence: Evidence,
    limits: tuple[float, float, int], notes: Sequence[str],
) -> GroupNames:  # fmt: skip
    alpha, minimum, seed = limits
    shape = len(groups), len(words)
    auprc, iou, share = np.full(shape, np.nan), np.full(shape, np.nan), np.full(len(words), np.nan)
    cases = [_cases(word, maps, pooled) for word in words]
    for column, (word, (fires, truth)) in enumerate(zip(words, cases, strict=True)):
        if truth is None:
            continue
        auprc[:, column], share[column] = average_precision(fires, truth[:, None])[:, 0], truth.mean()
        if word.source == "mask" and word.kind == "map":
            iou[:, column] = overlap(maps, truth)
    empty = tuple(GroupName(name, None, "", 0, 0, 0, 0, 1) for name in groups.names)
    auprc, iou, share, p = (item.astype(np.float32) for item in (auprc, iou, share, evidence.p))
    found = GroupNames(
        groups.layer, empty, tuple(word.name for word in words), tuple(word.opposite for word in words),
        tuple(word.source for word in words), evidence.r, auprc, iou, share, p, len(maps),
        evidence.permutations, evidence.correction, (), tuple(notes),
    )  # fmt: skip
    names, checks = [], []
    for row, group in enumerate(groups.names):
        entries = [found.read(row, column) for column in range(len(words))]
        best = _choose(entries, evidence.p[row], alpha, minimum)
        names.append(_name(group, entries, evidence.p[row], best, alpha, minimum))
        fires, truth = cases[best] if best is not None else (pooled, None)
        if best is not None and truth is not None:
            checks += check_name(group, words[best].name, fires[:, row], truth, seed)
    return dataclasses.replace(found, names=tuple(names), checks=tuple(checks))


def _cases(word: Word, maps: np.ndarray, pooled: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return what a word is compared with, [n,K], and whether it is true there, bool [n] or None."""
    truth = word.binary
    if word.kind == "picture":
        return pooled, truth
    flat = maps.reshape(-1, maps.shape[-1])
    return flat, None if truth is None else np.broadcast_to(truth, maps.shape[:-1]).ravel()


def _choose(entries: Sequence[Mapping[str, Any]], p: np.ndarray, alpha: float, minimum: float) -> int | None:
    fits = [number for number, item in enumerate(entries) if p[number] <= alpha and item["r"] >= minimum]
    return max(fits, key=lambda number: round(entries[number]["r"], 6), default=None)  # the first of equal ones


def _name(
    group: str, entries: Sequence[Mapping[str, Any]], p: np.ndarray, best: int | None, alpha: float, minimum: float
) -> GroupName:
    row = int(np.argmax([item["r"] for item in entries])) if best is None else best
    item = entries[row]
    numbers = item["r"], item["auprc"], item["share"], item["iou"], float(p[row])
    said = f"{item['word']}, r {write_share(item['r'])}"
    if best is None:
        why = f"p {p[row]:.2g}" if p[row] > alpha else f"below {write_share(minimum)}"
        return GroupName(group, None, f"no name: of {len(entries)} words {said} comes closest, {why}", *numbers)
    also = tuple(
        other["word"]
        for number, other in enumerate(entries)
        if number != best and p[number] <= alpha and other["r"] >= max(item["r"] - _NEAR, minimum)
    )
    return GroupName(group, item["word"], said + (f"; {', '.join(also)} as well" if also else ""), *numbers, also)
