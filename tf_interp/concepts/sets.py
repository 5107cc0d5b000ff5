"""The sets of a test: checked, without duplicates, each image stored and run once."""

import dataclasses
import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.concepts.concept import Concept
from tf_interp.models import Model

MINIMUM = 5  # fewer examples on a side cannot give a p value below .05 / 12


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """What is asked about: a logit (or a function of the outputs) and the images on which its gradient is taken.

    Args:
        name: shown to people.
        score: class index, or function outputs -> [N].
        images: [q,...].
        overlap: names of the concepts that share images with it.
    """

    name: str
    score: int | Callable
    images: np.ndarray
    overlap: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, eq=False)
class Sets:
    """All sets of one test.

    Args:
        blocks: arrays that hold each different image once, to be run one after the other.
        concepts: name -> rows of its images in the blocks taken together, int [n].
        values: name -> value of each of its images, float [n], where the concept comes in degrees.
        paired: name -> rows of the counterparts, int [n], in the same order.
        pool: rows of the random images, int [m], or None.
        groups: source of each row, int [rows]; None where every image is its own source.
        digests: hash of each row.
        targets: what is asked about.
        overlap: names of concepts that lost images as duplicates, or whose images were found in the pool.
        notes: plain sentences on what was left out.
    """

    blocks: list[np.ndarray]
    concepts: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    paired: dict[str, np.ndarray]
    pool: np.ndarray | None
    groups: np.ndarray | None
    digests: list[str]
    targets: list[Target]
    overlap: frozenset[str]
    notes: list[str]


class _Store:
    """Gives every different image one row."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []
        self.rows: dict[str, int] = {}
        self.groups: list[Any] = []

    def add(self, concept: Concept, kept: np.ndarray) -> np.ndarray:
        """Return the rows of the kept examples, int [n]; store those that are new."""
        digests = [concept.digests[index] for index in kept]
        fresh = []
        for index, digest in zip(kept, digests, strict=True):
            if digest not in self.rows:
                self.rows[digest] = len(self.rows)
                self.groups.append(("source", concept.groups[index]) if concept.groups else ("image", digest))
                fresh.append(index)
        if fresh:
            self.blocks.append(concept.images if len(fresh) == len(concept) else concept.images[fresh])
        return np.array([self.rows[digest] for digest in digests], np.int64)


def gather_sets(
    model: Model,
    concepts: Mapping[str, Any],
    random: Any,
    targets: Mapping[Any, Any],
    paired: Mapping[str, Any] | None,
    groups: Mapping[str, Sequence[Any]] | None,
) -> Sets:
    """Check everything a test is given, before any costly work.

    Args:
        model: the network, for class names and input shape.
        concepts: name -> images or `Concept`.
        random: images or `Concept` of the random pool, or None.
        targets: class name or index -> images; or any name -> (class or function, images).
        paired: concept name -> the same images without the concept, same order.
        groups: concept name or "random" -> source of each image.

    Returns:
        The sets.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if names do not match, shapes differ, or too few images remain; with counts.
    """
    paired, groups = dict(paired or {}), dict(groups or {})
    if not isinstance(concepts, Mapping) or not concepts:
        raise TypeError(f"concepts must be a dictionary name -> images with at least one entry, got {_kind(concepts)}")
    if not isinstance(targets, Mapping) or not targets:
        raise TypeError(f"targets must be a dictionary name -> images with at least one entry, got {_kind(targets)}")
    _check_names("paired", paired, list(concepts))
    _check_names("groups", groups, [*concepts, "random"])
    degrees = {name for name, value in concepts.items() if isinstance(value, Concept) and value.values is not None}
    if wrong := sorted(degrees & set(paired)):
        raise ValueError(f"concepts {wrong} have a value for each image, so they take no paired images")
    missing = [name for name in concepts if name not in paired and name not in degrees]
    if random is None and missing:
        raise ValueError(
            f"concepts {missing} have no counterparts in `paired`, so they need random images to be compared with: "
            "give random=images, or paired={name: the same images without the concept}"
        )
    notes: list[str] = []
    sets = {name: _as_concept(value, groups.get(name), f"concept {name!r}") for name, value in concepts.items()}
    pairs = {name: _as_concept(value, None, f"paired images of {name!r}") for name, value in paired.items()}
    pool = None if random is None else _as_concept(random, groups.get("random"), "random images")
    asked = {str(key): _as_target(model, key, value) for key, value in targets.items()}
    _check_shapes(
        model,
        {f"concept {name!r}": item.images for name, item in sets.items()}
        | {f"paired images of {name!r}": item.images for name, item in pairs.items()}
        | ({} if pool is None else {"random images": pool.images})
        | {f"images of target {name!r}": images.images for name, (_, images) in asked.items()},
    )

    overlap: set[str] = set()
    kept = {name: _distinct(item, f"concept {name!r}", notes) for name, item in sets.items()}
    for name, item in pairs.items():
        if len(item) != len(sets[name]):
            raise ValueError(
                f"paired images of {name!r} must be its {len(sets[name])} images without the concept, in the same "
                f"order, got {len(item)} images"
            )
        same = sum(item.digests[index] == sets[name].digests[index] for index in kept[name])
        if same == len(kept[name]):
            raise ValueError(f"paired images of {name!r} equal its own images: the concept's mark is not on them")
        if same:
            notes.append(f"concept {name!r}: {same} of {len(kept[name])} images equal their counterpart")
    for name in sets:
        _need(f"concept {name!r}", len(kept[name]), len(sets[name]))

    resolved: dict[str, tuple[int | Callable, Concept, np.ndarray]] = {}
    for name, (score, images) in asked.items():
        resolved[name] = (score, images, _distinct(images, f"target {name!r}", notes))
    store = _Store()
    rows = {name: store.add(sets[name], kept[name]) for name in sets}
    pair_rows = {name: store.add(pairs[name], kept[name]) for name in pairs}
    pool_rows = None
    if pool is not None:
        pool_rows, touched = _pool_rows(pool, sets, {n: c for n, (_, c, _) in resolved.items()}, store, notes)
        overlap |= touched
    final = []
    for name, (score, images, own) in resolved.items():
        digests = {images.digests[index] for index in own}
        shared = frozenset(concept for concept in sets if digests & set(sets[concept].digests))
        final.append(Target(name, score, images.images if len(own) == len(images) else images.images[own], shared))
    grouped = any(item.groups for item in [*sets.values(), *([pool] if pool else [])])
    sources = None
    if grouped:
        numbers: dict[Any, int] = {}
        sources = np.array([numbers.setdefault(group, len(numbers)) for group in store.groups])
    values = {name: item.values[kept[name]] for name, item in sets.items() if item.values is not None}
    return Sets(
        store.blocks, rows, values, pair_rows, pool_rows, sources, list(store.rows), final, frozenset(overlap), notes
    )


def _pool_rows(
    pool: Concept, sets: Mapping[str, Concept], targets: Mapping[str, Concept], store: _Store, notes: list[str]
) -> tuple[np.ndarray, set[str]]:
    """Return the pool's rows without what is also a concept or class image, and the concepts that were found in it."""
    kept = _distinct(pool, "random images", notes)
    touched: set[str] = set()
    for kind, others in (("concept", sets), ("target", targets)):
        for name, other in others.items():
            known = set(other.digests)
            both = [index for index in kept if pool.digests[index] in known]
            if both:
                notes.append(f"random images: {len(both)} are also images of {kind} {name!r} and were left out")
                kept = np.array([index for index in kept if pool.digests[index] not in known], np.int64)
                if kind == "concept":
                    touched.add(name)
    _need("random images", len(kept), len(pool), notes)
    return store.add(pool, kept), touched


def _as_concept(value: Any, groups: Sequence[Any] | None, name: str) -> Concept:
    if isinstance(value, Concept):
        if groups is None:
            return value
        if len(groups) != len(value):
            raise ValueError(f"{name}: {len(value)} examples need as many groups, got {len(groups)}")
        return dataclasses.replace(value, groups=tuple(np.asarray(groups).tolist()))
    return Concept.from_arrays(value, groups, name)


def _as_target(model: Model, key: Any, value: Any) -> tuple[int | Callable, Concept]:
    score, images = key, value
    if isinstance(value, tuple) and len(value) == 2 and (callable(value[0]) or np.ndim(value[0]) == 0):
        score, images = value
    elif isinstance(key, str) and key.isdecimal() and key not in (model.class_names or ()):
        score = int(key)
    if not callable(score):
        if isinstance(score, np.integer):
            score = int(score)
        if not isinstance(score, str | int):
            raise TypeError(f"target {key!r} must be a class name, a class index or a function, got {_kind(score)}")
        score = model.resolve_target(score)
    return score, _as_concept(images, None, f"images of target {str(key)!r}")


def _distinct(concept: Concept, name: str, notes: list[str]) -> np.ndarray:
    """Return the indices of first appearances, int [n]."""
    _, first = np.unique(np.array(concept.digests), return_index=True)
    if len(first) < len(concept):
        notes.append(f"{name}: {len(concept) - len(first)} of {len(concept)} are duplicates and were left out")
    return np.sort(first)


def _need(name: str, count: int, given: int, notes: Sequence[str] = ()) -> None:
    if count < MINIMUM:
        why = "".join(f"\n  {note}" for note in notes)
        raise ValueError(
            f"{name}: {count} of {given} remain without duplicates, at least {MINIMUM} are needed "
            f"(30 or more are better){why}"
        )


def _check_names(argument: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 3, 0.5) or list(known)[:12]
            raise ValueError(f"`{argument}` has {name!r}, which is not among the concepts; did you mean {near}?")


def _check_shapes(model: Model, arrays: Mapping[str, np.ndarray]) -> None:
    first, example = next(iter(arrays.items()))
    wanted = model.input_shape
    for name, array in arrays.items():
        if array.shape[1:] != example.shape[1:] or array.dtype != example.dtype:
            raise ValueError(
                f"all images of a test must have one size and type: {first} have {list(example.shape[1:])} "
                f"{example.dtype}, {name} have {list(array.shape[1:])} {array.dtype}"
            )
        if isinstance(wanted, Mapping):
            raise ValueError(f"concept tests need a network with one input, {model.name!r} has {list(wanted)}")
        if wanted is not None and model.preprocess is None and not _fits(array.shape[1:], tuple(wanted)):
            raise ValueError(f"{name} have shape {list(array.shape)}, the model takes [N, {str(list(wanted))[1:-1]}]")


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Return whether the network takes such an image; a last axis of 1 may be there or not."""
    forms = [shape, shape[:-1]] if shape[-1] == 1 else [shape, (*shape, 1)]
    return any(
        len(form) == len(wanted) and all(size in (None, got) for size, got in zip(wanted, form, strict=True))
        for form in forms
    )


def _kind(value: Any) -> str:
    return f"{type(value).__name__} {getattr(value, 'shape', value)!r:.80}"
