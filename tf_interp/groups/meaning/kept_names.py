"""Names that a person gave to groups: kept in a file beside the log, which steps, sessions, runs and the tab share.

What the file is, and whose name an entry is, says `tensorboard_plugin_interp.metadata.names_file`, its home.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorboard_plugin_interp import metadata
from tf_interp.directions import Directions
from tf_interp.groups.matching import cosines, pair_up


@dataclasses.dataclass(frozen=True)
class KeptNames:
    """The names that a log holds.

    Args:
        path: of the file, which need not be there.
        entries: those that are understood, as the module's text says.
        notes: sentences on what could not be read.
    """

    path: pathlib.Path
    entries: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class RecalledNames:
    """What a person called groups, here or elsewhere.

    Args:
        names: of each group; None where it has none.
        cosines: of the group with what was named; NaN where there is no name, or no vector with it.
        sources: log directory that each is from, or None.
        notes: sentences on what could not be read.
    """

    names: tuple[str | None, ...]
    cosines: tuple[float, ...]
    sources: tuple[str | None, ...]
    notes: tuple[str, ...] = ()


def read_group_names(logdir: str | os.PathLike) -> KeptNames:
    """Return the names that a person gave to groups of a run; what is broken is a note, never an error.

    Args:
        logdir: TensorBoard's log directory of one run.

    Returns:
        The names.

    Example:
        >>> ti.read_group_names(tmp_path / "new run").entries
        ()
    """
    return _tell(metadata.read_names(pathlib.Path(logdir)))


def keep_group_names(logdir: str | os.PathLike, groups: Directions, names: Mapping[str, str | None]) -> KeptNames:
    """Write names of groups into the file of a run, beside those that are there.

    Args:
        logdir: TensorBoard's log directory of one run; made if missing.
        groups: all groups of the layer, so that it is known which of those with a name already they are.
        names: name of a group -> what a person calls it; "" or None takes the name away.

    Returns:
        What the file holds now; a file that could not be read was put aside, and a note says where.

    Raises:
        TypeError: if these are no directions, or a name is no text.
        ValueError: if there is no such group, a name is too long, or the file is of another version.

    Example:
        >>> groups = ti.Directions("conv", np.eye(2), ["group 0", "group 1"])
        >>> ti.keep_group_names(tmp_path, groups, {"group 1": "stripes"}).entries[0]["name"]
        'stripes'
        >>> ti.recall_group_names(groups[[1, 0]], tmp_path).names
        ('stripes', None)
    """
    if not isinstance(groups, Directions):
        raise TypeError(f"names are kept of groups or other directions, got {type(groups).__name__}")
    asked = _check_names(groups, names)

    def change(file: metadata.NamesFile) -> list[Any]:
        found = _match(file.understood(), groups, own=True)
        gone, added = set[int](), list[Any]()
        for row, group in enumerate(groups.names):
            if group not in asked:
                continue
            places = sorted(place for place, (owner, _) in found.items() if owner == row)
            gone |= set(places)
            if asked[group]:
                vector = metadata.shorten_vector(groups.units[row].tolist())
                before = [file.entries[place] for place in places]
                added.append(metadata.make_entry(groups.layer, group, asked[group], vector, before))
        return [entry for place, entry in enumerate(file.entries) if place not in gone] + added

    return _tell(metadata.change_names(pathlib.Path(logdir), change))


def recall_group_names(groups: Directions, *logdirs: str | os.PathLike) -> RecalledNames:
    """Return what a person called these groups, in this run or in others: names follow groups by what they are made of.

    Args:
        groups: all groups of a layer, of any step.
        *logdirs: log directories of runs, this one first; of a group that has a name in several the first counts.

    Returns:
        A name for each group, or None.

    Example:
        >>> groups = ti.find_groups(model, probe, "conv", 2)
        >>> ti.recall_group_names(groups, tmp_path / "run 2", tmp_path / "run 1").names
        (None, None)
    """
    count = len(groups)
    names: list[str | None] = [None] * count
    sources: list[str | None] = [None] * count
    alike = [float("nan")] * count
    notes: list[str] = []
    for number, logdir in enumerate(logdirs):
        kept = read_group_names(logdir)
        notes += kept.notes
        told = [row for row, name in enumerate(names) if name is None]
        for entry, (row, cosine) in _match(dict(enumerate(kept.entries)), groups, own=not number).items():
            if row in told:  # of two entries the later one
                names[row], sources[row], alike[row] = kept.entries[entry]["name"], str(logdir), cosine
    return RecalledNames(tuple(names), tuple(alike), tuple(sources), tuple(notes))


def _tell(file: metadata.NamesFile) -> KeptNames:
    return KeptNames(file.path, tuple(file.understood().values()), tuple(file.remarks()))


def _check_names(groups: Directions, names: Mapping[str, str | None]) -> dict[str, str]:
    """Return the names as they are kept, "" for those that are taken away."""
    if not isinstance(names, Mapping):
        raise TypeError(f"names must be a dict, group -> name, got {type(names).__name__}")
    if unknown := [name for name in names if name not in groups.names]:
        raise ValueError(f"there is no group {unknown[0]!r} in {groups.layer!r}, only {list(groups.names)[:12]}")
    asked = {}
    for group, name in names.items():
        try:
            asked[group] = metadata.check_name("" if name is None else name)
        except (TypeError, ValueError) as error:
            raise type(error)(f"group {group!r} of {groups.layer!r}: {error}") from None
    return asked


def _match(entries: Mapping[int, Mapping[str, Any]], groups: Directions, *, own: bool) -> dict[int, tuple[int, float]]:
    """Return entry -> (group that it names, cosine); entries without vector are those of a log of its own only."""
    found: dict[int, tuple[int, float]] = {}
    size = groups.vectors.shape[1]
    here = {place: entry for place, entry in entries.items() if entry["layer"] == groups.layer}
    pointed = [place for place, entry in here.items() if (entry.get("vector") or {}).get("size") == size]
    if pointed:
        vectors = np.zeros((len(pointed), size))
        for row, place in enumerate(pointed):
            vector = here[place]["vector"]
            vectors[row, vector["channels"]] = vector["weights"]
        alike = cosines(vectors, groups.vectors)
        for row, column in zip(*pair_up(alike), strict=True):
            if alike[row, column] >= metadata.SAME_GROUP:
                found[pointed[row]] = int(column), float(alike[row, column])
    for place, entry in here.items():
        if own and entry.get("vector") is None and entry["group"] in groups.names:
            found[place] = list(groups.names).index(entry["group"]), float("nan")
    return dict(sorted(found.items()))
