"""Sessions: one training each, in a folder of its own below the log directory of a run; and what was written last."""

import itertools
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tensorboard_plugin_interp import metadata
from tf_interp.records.event_file import read_event, read_steps
from tf_interp.records.record import Record
from tf_interp.records.summary import records_in

_VERSION = 12  # where the first event of a file stands, its version


class Look(NamedTuple):
    """What a folder holds of one step, without the pictures.

    Args:
        step: the step.
        first: the lowest step that the folder holds.
        model: name of the network that was looked at, or None if no record says so.
        weights: what `Model.digest` said of it, or None.
        written: tag -> how many records of it had been written in the session after this step.
    """

    step: int
    first: int
    model: str | None
    weights: str | None
    written: Mapping[str, int]


def list_sessions(logdir: str | os.PathLike) -> list[int]:
    """Return the numbers of the sessions of a run, from 1, in order; an empty folder counts too.

    Args:
        logdir: TensorBoard's log directory of one run, as `Writer` takes it.

    Returns:
        The numbers.
    """
    top = pathlib.Path(logdir)
    names = [path.name for path in top.iterdir() if path.is_dir()] if top.is_dir() else []
    return sorted(number for number in map(metadata.parse_session, names) if number is not None)


def read_look(logdir: str | os.PathLike, session: int = 1, step: int | None = None) -> Look | None:
    """Return what a session holds of one step, reading a few bytes of each record and those of that step.

    Args:
        logdir: TensorBoard's log directory of one run.
        session: number of the session.
        step: which step; None is the highest.

    Returns:
        The look, or None if there are no records of it.
    """
    found = _find_steps(logdir, session)
    for number, values in _read_back(place for place in found if step in (None, place[0])):
        if values:
            return _summarize(number, min(place[0] for place in found if place[2] != _VERSION), values)
    return None


def read_last(logdir: str | os.PathLike, session: int, kinds: Iterable[str]) -> list[Record]:
    """Return what a session holds of each kind at the last step that has any, without the pictures.

    Args:
        logdir: TensorBoard's log directory of one run.
        session: number of the session.
        kinds: of records.

    Returns:
        Records, of all layers and variants; kinds that are not there are left out.
    """
    found: list[Record] = []
    wanted = set(kinds)
    for _, values in _read_back(_find_steps(logdir, session)):
        here: dict[str, Record] = {}  # tag -> record
        for value in values:
            kind, _, _ = metadata.split_tag(value.tag)
            if kind in wanted and value.tag not in here:
                try:
                    header, _ = metadata.unpack(list(value.tensor.string_val[:1]))
                    here[value.tag] = Record(**{key: header[key] for key in metadata.HEADER_KEYS})
                except (ValueError, KeyError, TypeError, RecursionError):  # of a newer version, or none of ours
                    continue
        found.extend(here.values())
        wanted -= {record.kind for record in here.values()}
        if not wanted:
            break
    return found


def _find_steps(logdir: str | os.PathLike, session: int) -> list[tuple[int, pathlib.Path, int, int]]:
    """Return `(step, file, first byte, length)` of each event."""
    folder = pathlib.Path(logdir) / metadata.name_session(session)
    files = sorted(folder.glob("*tfevents*")) if folder.is_dir() else []
    return [(number, path, start, length) for path in files for number, start, length in read_steps(path)]


def _read_back(places: Iterable[tuple[int, pathlib.Path, int, int]]) -> Iterator[tuple[int, list[Any]]]:
    """Yield steps with the values of our events, the highest step first."""
    for number, own in itertools.groupby(sorted(places, reverse=True), key=lambda place: place[0]):
        events = [read_event(*place[1:]) for place in own]
        yield number, [value for event in events if event is not None for value in records_in(event)]


def last_step(logdir: str | os.PathLike) -> int | None:
    """Return the highest step of the records of one run, in its first session.

    Args:
        logdir: TensorBoard's log directory of one run, as `Writer` takes it.

    Returns:
        The step, or None if there are no records.
    """
    look = read_look(logdir)
    return None if look is None else look.step


def _summarize(step: int, first: int, values: list[Any]) -> Look:
    model = weights = None
    written: dict[str, int] = {}
    for value in values:
        try:
            data = metadata.unpack(list(value.tensor.string_val[:1]))[0]["data"]
            about, ordinal = data.get("model") or {}, data.get("ordinal")
        except (ValueError, KeyError, AttributeError, RecursionError):  # of a newer version, or none of ours
            continue
        model, weights = about.get("name", model), about.get("weights", weights)
        if isinstance(ordinal, int):
            written[value.tag] = max(ordinal + 1, written.get(value.tag, 0))
    return Look(step, first, model, weights, written)
