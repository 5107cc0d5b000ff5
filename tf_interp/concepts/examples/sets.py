"""The sets of a test: checked, without duplicates, each image stored and run once."""

import dataclasses
import difflib
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.concepts.examples.checks import check_groups
from tf_interp.concepts.examples.concept import Concept
from tf_interp.concepts.examples.counterparts import check_counterparts
from tf_interp.concepts.examples.target_images import TargetImages, resolve_targets
from tf_interp.models import Model
from tf_interp.probe import pick_rows

POOL = "random images"
_LISTED = 5  # skipped files and labels in a note
MINIMUM = 5  # fewer examples on a side cannot give a p value below .05 / 12


@dataclasses.dataclass(frozen=True, eq=False)
class Sets:
    """All sets of one test.

    Args:
        blocks: arrays, or dicts of them, that hold each different image once, to be run one after the other.
        concepts: name -> rows of its images in the blocks taken together, int [n].
        values: name -> value of each of its images, float [n], where the concept comes in degrees.
        paired: name -> rows of the counterparts, int [n], in the same order.
        pool: rows of the random images, int [m], or None.
        groups: source of each row, int [rows]; None where every image is its own source.
        digests: hash of each row.
        targets: what is asked about.
        overlap: names of concepts whose images were found in the pool.
        disordered: names of concepts whose counterparts look as if they were in another order.
        notes: plain sentences on what was left out.
    """

    blocks: list[Any]
    concepts: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    paired: dict[str, np.ndarray]
    pool: np.ndarray | None
    groups: np.ndarray | None
    digests: list[str]
    targets: list[TargetImages]
    overlap: frozenset[str]
    disordered: frozenset[str]
    notes: list[str]


class _Store:
    """Gives every different image one row."""

    def __init__(self) -> None:
        self.blocks: list[Any] = []
        self.rows: dict[str, int] = {}
        self.groups: list[Any] = []

    def add(self, concept: Concept, kept: np.ndarray, name: str) -> np.ndarray:
        """Return the rows of the kept examples, int [n]; store those that are new."""
        digests = [concept.digests[index] for index in kept]
        fresh = []
        for index, digest in zip(kept, digests, strict=True):
            source = None if concept.groups is None else concept.groups[index]
            if digest not in self.rows:
                self.rows[digest] = len(self.rows)
                self.groups.append(source)
                fresh.append(index)
                continue
            known = self.groups[self.rows[digest]]
            if None not in (known, source) and known != source:
                raise ValueError(
                    f"groups: an image has the source {known!r} in one set and {source!r} in {name}: give the same "
                    "source the same label in all sets"
                )
            self.groups[self.rows[digest]] = source if known is None else known
        if fresh:
            self.blocks.append(concept.images if len(fresh) == len(concept) else pick_rows(concept.images, fresh))
        return np.array([self.rows[digest] for digest in digests], np.int64)

    def number_sources(self) -> np.ndarray:
        """Return a number for the source of each row, int [rows]; an image without a label is its own source."""
        numbers: dict[Any, int] = {}
        keys = [("row", row) if group is None else ("label", group) for row, group in enumerate(self.groups)]
        return np.array([numbers.setdefault(key, len(numbers)) for key in keys])


def gather_sets(
    model: Model,
    concepts: Mapping[str, Any],
    random: Any,
    targets: Mapping[Any, Any],
    paired: Mapping[str, Any] | None,
    groups: Mapping[str, Sequence[Any]] | None,
    fixed: Mapping[str, Any] | None = None,
) -> Sets:
    """Check everything a test is given, before any costly work.

    Args:
        model: the network, for class names and input shape.
        concepts: name -> images or `Concept`.
        random: images or `Concept` of the random pool, or None.
        targets: class name or index -> images; or any name -> (class or function, images).
        paired: concept name -> the same images without the concept, same order.
        groups: concept name or "random" -> source of each image.
        fixed: of a network with several inputs, name of an input -> what it gets in sets that are one array.

    Returns:
        The sets.

    Raises:
        TypeError: if an argument has the wrong type.
        ValueError: if names do not match, shapes differ, or too few images remain; with counts.
    """
    for argument, given in (("paired", paired), ("groups", groups)):
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(f"{argument} must be a dictionary with names of concepts, got {_kind(given)}")
    paired, groups = dict(paired or {}), dict(groups or {})
    if not isinstance(concepts, Mapping) or not concepts:
        raise TypeError(f"concepts must be a dictionary name -> images with at least one entry, got {_kind(concepts)}")
    if not isinstance(targets, Mapping) or not targets:
        raise TypeError(f"targets must be a dictionary name -> images with at least one entry, got {_kind(targets)}")
    for name in concepts:
        if not isinstance(name, str) or name == "random":
            raise ValueError(f"concepts are named by texts other than 'random' (the random images), got {name!r}")
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
    complete = functools.partial(_complete, model, fixed)
    sets = {
        name: complete(_as_concept(value, groups.get(name), f"concept {name!r}"), f"concept {name!r}")
        for name, value in concepts.items()
    }
    pairs = {
        name: complete(_as_concept(value, None, f"paired images of {name!r}"), f"paired images of {name!r}")
        for name, value in paired.items()
    }
    pool = None if random is None else complete(_as_concept(random, groups.get("random"), POOL), POOL)
    if fixed and not isinstance(model.input_shape, Mapping):
        raise ValueError(f"fixed is for networks with several inputs, {model.name!r} has one: leave it out")
    if fixed:
        notes.append(f"inputs {sorted(fixed)} are fixed: the same for all images that were given as one array")
    called = {f"concept {name!r}": item for name, item in sets.items()} | ({} if pool is None else {POOL: pool})
    asked = {
        name: (target, complete(images, f"the images of target {name!r}"))
        for name, (target, images) in resolve_targets(model, targets).items()
    }
    everything = (
        called
        | {f"paired images of {name!r}": item for name, item in pairs.items()}
        | {f"the images of target {name!r}": images for name, (_, images) in asked.items()}
    )
    _check_shapes(model, {name: item.images for name, item in everything.items()})
    notes += dict.fromkeys(note for target, _ in asked.values() for note in (target.note, target.head.caution) if note)
    for name, item in everything.items():
        _list_skipped(name, item, notes)
        notes += [f"{name}: {note}" for note in item.notes]

    kept = {name: _distinct(item, f"concept {name!r}", notes) for name, item in sets.items()}
    for name in sets:
        _need(f"concept {name!r}", len(kept[name]), len(sets[name]))
    disordered = {name for name, item in pairs.items() if check_counterparts(name, sets[name], item, kept[name], notes)}
    own = {name: _distinct(images, f"target {name!r}", notes) for name, (_, images) in asked.items()}
    store = _Store()
    rows = {name: store.add(sets[name], kept[name], f"concept {name!r}") for name in sets}
    pair_rows = {name: store.add(pairs[name], kept[name], f"paired images of {name!r}") for name in pairs}
    pool_rows, overlap = None, set[str]()
    if pool is not None:
        pool_rows, overlap = _pool_rows(pool, sets, {name: images for name, (_, images) in asked.items()}, store, notes)
    for (name, item), (other, second) in itertools.combinations(called.items(), 2):
        if POOL not in (name, other):  # such images were left out of the pool
            _note_shared(name, item, other, second, notes)
        _note_sources(name, item, other, second, notes)
    final = []
    for name, (target, images) in asked.items():
        shared = [
            concept
            for concept, item in sets.items()
            if _note_shared(f"concept {concept!r}", item, f"the images of target {name!r}", images, notes)
        ]
        distinct = images.images if len(own[name]) == len(images) else pick_rows(images.images, own[name])
        final.append(TargetImages(name, target, _as_taken(model, distinct), frozenset(shared)))
    sources = store.number_sources() if any(item.groups is not None for item in called.values()) else None
    values = {name: item.values[kept[name]] for name, item in sets.items() if item.values is not None}
    blocks = [_as_taken(model, block) for block in store.blocks]
    return Sets(
        blocks, rows, values, pair_rows, pool_rows, sources, list(store.rows), final, frozenset(overlap),
        frozenset(disordered), notes,
    )  # fmt: skip


def _complete(model: Model, fixed: Mapping[str, Any] | None, concept: Concept, name: str) -> Concept:
    """Return examples with all inputs of a network: what one array leaves open is the same for all of them."""
    takes, given = model.input_shape, concept.images
    if isinstance(takes, Mapping) and not isinstance(given, Mapping):
        left = [key for key in takes if key not in (fixed or {})]
        if len(left) != 1:
            raise ValueError(
                f"{model.name!r} has the inputs {list(takes)}, and {name} are one array, for one input: give a dict of "
                f"arrays, or all other inputs as fixed={{name: one row}}; fixed are {[*(fixed or {})]}"
            )
        rows = {key: np.asarray(value) for key, value in (fixed or {}).items()}
        given = {left[0]: given, **{key: np.broadcast_to(row, (len(concept), *row.shape)) for key, row in rows.items()}}
    if not isinstance(given, Mapping):
        return concept
    return dataclasses.replace(concept, images=_as_taken(model, given))


def _as_taken(model: Model, given: Any) -> Any:
    """Return numbers as the network takes them: whole ones, such as tokens, in its own type, others as float32."""
    specs = dict(model.input_specs or {}) if model.preprocess is None else {}
    if isinstance(given, Mapping):
        return {key: _cast(value, specs.get(key)) for key, value in given.items()}
    return _cast(given, next(iter(specs.values()), None))


def _cast(array: np.ndarray, spec: Any) -> np.ndarray:
    if spec is not None and spec.dtype.is_integer and np.array_equal(array, np.round(array)):
        return array.astype(spec.dtype.as_numpy_dtype)
    return array.astype(np.float32) if spec is not None and array.dtype.kind in "iub" else array


def _list_skipped(name: str, concept: Concept, notes: list[str]) -> None:
    lines = [line.strip().rstrip(".") for line in concept.skipped]
    if lines:
        count = "1 file was" if len(lines) == 1 else f"{len(lines)} files were"
        more = f"; and {len(lines) - _LISTED} more" if len(lines) > _LISTED else ""
        notes.append(f"{name}: {count} not read: {'; '.join(lines[:_LISTED])}{more}")


def _note_shared(name: str, concept: Concept, other: str, second: Concept, notes: list[str]) -> int:
    """Return how many images are in both sets, and tell."""
    count = len(set(concept.digests) & set(second.digests))
    if count:
        notes.append(f"{'1 image is' if count == 1 else f'{count} images are'} in both {name} and {other}")
    return count


def _note_sources(name: str, concept: Concept, other: str, second: Concept, notes: list[str]) -> None:
    """Tell which labels of sources are in both sets: the same label is the same source."""
    theirs = set(second.groups or ())
    both = list(dict.fromkeys(label for label in concept.groups or () if label in theirs))
    if both:
        listed = ", ".join([str(label) for label in both[:_LISTED]] + ["..."] * (len(both) > _LISTED))
        notes.append(
            f"{'1 source is' if len(both) == 1 else f'{len(both)} sources are'} in both {name} and {other} ({listed}): "
            "images of one source are compared with each other only; where these are not the same sources, give "
            "different labels"
        )


def _pool_rows(
    pool: Concept, sets: Mapping[str, Concept], targets: Mapping[str, Concept], store: _Store, notes: list[str]
) -> tuple[np.ndarray, set[str]]:
    """Return the pool's rows without what is also a concept or class image, and the concepts that were found in it."""
    kept = _distinct(pool, POOL, notes)
    touched: set[str] = set()
    for kind, others in (("concept", sets), ("target", targets)):
        for name, other in others.items():
            known = set(other.digests)
            both = [index for index in kept if pool.digests[index] in known]
            if both:
                notes.append(f"{POOL}: {len(both)} are also images of {kind} {name!r} and were left out")
                kept = np.array([index for index in kept if pool.digests[index] not in known], np.int64)
                if kind == "concept":
                    touched.add(name)
    _need(POOL, len(kept), len(pool), notes)
    return store.add(pool, kept, POOL), touched


def _as_concept(value: Any, groups: Sequence[Any] | None, name: str) -> Concept:
    if isinstance(value, Concept):
        return value if groups is None else dataclasses.replace(value, groups=check_groups(groups, len(value), name))
    return Concept.from_arrays(value, groups, name)


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


def _check_shapes(model: Model, arrays: Mapping[str, Any]) -> None:
    wanted = model.input_shape
    named = [name for name, array in arrays.items() if isinstance(array, Mapping)]
    if not named:
        return _check_input(model, arrays, wanted)
    if len(named) < len(arrays):
        raise ValueError(f"all sets of a test must be dicts of arrays or none, only {named} are")
    keys = {name: {*array} for name, array in arrays.items()}
    takes = {*wanted} if isinstance(wanted, Mapping) else keys[named[0]]
    for name, own in keys.items():
        if own != takes:
            raise ValueError(f"{name} have the inputs {sorted(own)}, {model.name!r} takes {sorted(takes)}")
    for key in takes:
        some = {f"{key!r} of {name}": array[key] for name, array in arrays.items()}
        _check_input(model, some, wanted[key] if isinstance(wanted, Mapping) else None)
    return None


def _check_input(model: Model, arrays: Mapping[str, np.ndarray], wanted: Any) -> None:
    first, example = next(iter(arrays.items()))
    for name, array in arrays.items():
        if array.shape[1:] != example.shape[1:] or array.dtype != example.dtype:
            raise ValueError(
                f"all images of a test must have one size and type: {first} have {list(example.shape[1:])} "
                f"{example.dtype}, {name} have {list(array.shape[1:])} {array.dtype}"
            )
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
