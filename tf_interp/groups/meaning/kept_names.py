"""Names that a person gave to groups: one small JSON file beside the log, which steps, sessions and runs share.

The file is `<logdir>/interp-names.json`, `<logdir>` being the log directory of one run, as `Writer` and
`InterpCallback` take it; it lies beside the sessions `interp`, `interp-2`, ... UTF-8, at most 8 MB:

    {
      "schema": 1,
      "names": [
        {
          "layer": "conv3",                 path of the layer, as in the records
          "group": "group 3",               what the group is called without a name, as in the records
          "name": "stripes",                what the person calls it; never empty
          "vector": {                       what the group is made of, with length 1; or null where that is not known
            "size": 64,                     number of channels of the layer
            "channels": [17, 3],            the strongest first, as many as hold 99.5 % of the squared length
            "weights": [0.91, 0.4146]       their weights, four digits
          },
          "time": "2026-01-31T12:00:00+00:00"
        }
      ]
    }

Whose name it is: of a layer, groups and entries with a vector of that size are paired so that their cosines are
largest in all, and a pair of .8 or more is the same group, whatever it is called by now. An entry without vector is
that of the group with its layer and its `group`, in the log where it stands; where a group has one of each, the later
one counts. Who writes replaces the entry of the group or adds one; takes it away where the name is empty; leaves all
that it does not understand as it is, keys and entries, and a file of another schema whole; and writes a file beside it
that is then moved to its place. Two who write at the same moment may lose the name of the one that was first.
"""

import dataclasses
import datetime
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.directions import Directions
from tf_interp.groups.matching import cosines, pair_up
from tf_interp.records.whole_file import replace_file

FILE = "interp-names.json"
SCHEMA = 1
SAME = 0.8  # cosine from which on two vectors are one group
LONGEST = 200  # letters of a name
_MAX_BYTES = 8 * 2**20
_HELD = 0.995  # of the squared length
_MOST = 1024  # channels of one vector


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
    path = pathlib.Path(logdir) / FILE
    entries, notes, _ = _read(path)
    good = [entry for entry in entries if _is_entry(entry)]
    if len(good) < len(entries):
        notes = [
            *notes,
            f"{path}: {len(entries) - len(good)} of {len(entries)} names are not understood and left alone",
        ]
    return KeptNames(path, tuple(good), tuple(notes))


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
    _check_names(groups, names)
    path = pathlib.Path(logdir) / FILE
    entries, notes, whole = _read(path)
    if whole is None:
        notes = [f"{notes[0]}; it was put aside as {_put_aside(path).name}"]
        whole = {}
    if whole.get("schema", SCHEMA) != SCHEMA:
        raise ValueError(f"{notes[0]}: use the version that wrote it, or move the file away")
    found = _match(entries, groups, own=True)
    time = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    for row, group in enumerate(groups.names):
        if group not in names:
            continue
        gone = {number for number, (owner, _) in found.items() if owner == row}
        entries = [None if number in gone else entry for number, entry in enumerate(entries)]
        if name := (names[group] or "").strip():
            vector = _shorten(groups.units[row])
            entry = {"layer": groups.layer, "group": group, "name": name, "vector": vector, "time": time}
            others = [whole["names"][number] for number in sorted(gone)]
            entries.append({**(others[-1] if others else {}), **entry})
    kept = [entry for entry in entries if entry is not None]
    text = json.dumps({**whole, "schema": SCHEMA, "names": kept}, indent=1, ensure_ascii=False)
    replace_file(path, lambda file: file.write(text.encode()))
    now = read_group_names(logdir)
    return dataclasses.replace(now, notes=(*notes, *now.notes))


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
        for entry, (row, cosine) in _match(kept.entries, groups, own=not number).items():
            if row in told:  # of two entries the later one
                names[row], sources[row], alike[row] = kept.entries[entry]["name"], str(logdir), cosine
    return RecalledNames(tuple(names), tuple(alike), tuple(sources), tuple(notes))


def _check_names(groups: Directions, names: Mapping[str, str | None]) -> None:
    if not isinstance(names, Mapping):
        raise TypeError(f"names must be a dict, group -> name, got {type(names).__name__}")
    if unknown := [name for name in names if name not in groups.names]:
        raise ValueError(f"there is no group {unknown[0]!r} in {groups.layer!r}, only {list(groups.names)[:12]}")
    for group, name in names.items():
        if name is not None and not isinstance(name, str):
            raise TypeError(f"the name of {group!r} must be text, got {name!r}")
        if name is not None and len(name.strip()) > LONGEST:
            raise ValueError(f"the name of {group!r} has {len(name.strip())} letters, at most {LONGEST} are kept")


def _read(path: pathlib.Path) -> tuple[list[Any], list[str], dict[str, Any] | None]:
    """Return the entries of a file as they are, what is wrong with it, and all of it; None if it is no such file."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return [], [f"{path} was not read: it has more than {_MAX_BYTES:,} bytes"], None
        whole = json.loads(path.read_text("utf-8-sig"))  # an editor may have put a mark before it
    except FileNotFoundError:
        return [], [], {}
    except (OSError, ValueError, RecursionError) as error:
        return [], [f"{path} was not read: it is no JSON ({str(error)[:100]})"], None
    if not isinstance(whole, dict) or not isinstance(whole.get("names"), list):
        return [], [f"{path} was not read: it holds no list of names"], None
    if whole.get("schema") != SCHEMA:
        return [], [f"{path} was not read: it is of schema {whole.get('schema')!r}, this version reads {SCHEMA}"], whole
    return whole["names"], [], whole


def _is_entry(entry: Any) -> bool:
    """Return whether an entry is understood."""
    if not isinstance(entry, Mapping) or not all(isinstance(entry.get(key), str) for key in ("layer", "group", "name")):
        return False
    vector = entry.get("vector")
    if vector is None:
        return bool(entry["name"].strip())
    if not isinstance(vector, Mapping) or not isinstance(vector.get("size"), int):
        return False
    channels, weights = vector.get("channels"), vector.get("weights")
    if not isinstance(channels, list) or not isinstance(weights, list):
        return False
    return bool(
        len(channels) == len(weights) > 0
        and all(type(item) is int and 0 <= item < vector["size"] for item in channels)
        and all(type(item) in (int, float) and abs(item) <= 1 for item in weights)
        and entry["name"].strip()
    )


def _match(entries: Sequence[Any], groups: Directions, *, own: bool) -> dict[int, tuple[int, float]]:
    """Return entry -> (group that it names, cosine); entries without vector are those of a log of its own only."""
    found: dict[int, tuple[int, float]] = {}
    size = groups.vectors.shape[1]
    known = {number: entry for number, entry in enumerate(entries) if _is_entry(entry)}
    here = {number: entry for number, entry in known.items() if entry["layer"] == groups.layer}
    pointed = [number for number, entry in here.items() if (entry.get("vector") or {}).get("size") == size]
    if pointed:
        vectors = np.zeros((len(pointed), size))
        for row, number in enumerate(pointed):
            vector = here[number]["vector"]
            vectors[row, vector["channels"]] = vector["weights"]
        alike = cosines(vectors, groups.vectors)
        for row, column in zip(*pair_up(alike), strict=True):
            if alike[row, column] >= SAME:
                found[pointed[row]] = int(column), float(alike[row, column])
    for number, entry in here.items():
        if own and entry.get("vector") is None and entry["group"] in groups.names:
            found[number] = list(groups.names).index(entry["group"]), float("nan")
    return dict(sorted(found.items()))


def _shorten(unit: np.ndarray) -> dict[str, Any] | None:
    """Return the strongest channels of a vector of length 1, and how many there are; None of an empty group."""
    if not unit.any():
        return None
    order = np.argsort(-np.abs(unit), kind="stable")
    held = np.cumsum(np.square(unit[order], dtype=np.float64))
    order = order[: min(int(np.searchsorted(held, _HELD * held[-1])) + 1, _MOST)]
    return {"size": len(unit), "channels": order.tolist(), "weights": [round(float(unit[item]), 4) for item in order]}


def _put_aside(path: pathlib.Path) -> pathlib.Path:
    """Return where a file that cannot be read was moved, so that nothing is lost."""
    number = 1
    while (place := path.with_name(f"{path.stem}.broken-{number}{path.suffix}")).exists():
        number += 1
    return path.rename(place)
