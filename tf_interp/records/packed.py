"""Records as they were written, pictures still PNG: for readers that pass them on and draw none."""

import dataclasses
import json
import os
import pathlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from tensorboard_plugin_interp import metadata
from tf_interp.records.event_file import find_event_files, parse_event
from tf_interp.records.summary import Place, find_records, records_in


@dataclasses.dataclass(frozen=True)
class PackedRecord:
    """One record, with its pictures as they are in the file.

    Args:
        tag: under which TensorBoard keeps its series.
        kind: what it shows.
        layer: path of the layer.
        step: training step.
        wall_time: when it was written, in seconds since 1970.
        title: one line for a person.
        data: JSON values.
        pngs: encoded pictures, in the order in which `data` numbers them.
    """

    tag: str
    kind: str
    layer: str
    step: int
    wall_time: float
    title: str
    data: dict[str, Any]
    pngs: Sequence[bytes]


@dataclasses.dataclass(frozen=True)
class PackedRun:
    """The records of one run, read again whenever they are asked for.

    Args:
        name: of the run, as `read_runs` has it.
        folder: its folder below the log directory, which is TensorBoard's name of it.
        places: tag of each record and where it stands, by step.
    """

    name: str
    folder: str
    places: Sequence[tuple[str, Place]]

    def read(self) -> Iterator[PackedRecord]:
        """Yield the records in the order of their steps; what cannot be read is skipped with a warning."""
        seen = set()
        for tag, (path, start, length) in self.places:
            with open(path, "rb") as file:
                file.seek(start)
                event = parse_event(file.read(length))
            for value in records_in(event):
                if value.tag != tag:
                    continue
                try:
                    header, pngs = metadata.unpack(list(value.tensor.string_val))
                    json.dumps(header, allow_nan=False)  # a browser would fail on NaN
                    if not isinstance(header.get("data"), dict):
                        raise ValueError("this record has no data")
                except ValueError as error:
                    if str(error) not in seen:
                        seen.add(str(error))
                        warnings.warn(f"{path}, byte {start}: record skipped: {error}", stacklevel=2)
                    continue
                kind, layer, title = (str(header.get(key, "")) for key in ("kind", "layer", "title"))
                yield PackedRecord(tag, kind, layer, event.step, event.wall_time, title, header["data"], pngs)


def find_runs(logdir: str | os.PathLike) -> list[PackedRun]:
    """Return the runs with records below a log directory, by name.

    Args:
        logdir: a log directory; sub-folders are read as well.

    Returns:
        The runs; none where there are no records.

    Raises:
        ValueError: if it is not a folder.
    """
    top = pathlib.Path(logdir)
    if not top.is_dir():
        raise ValueError(f"{top}: expected a log directory, found {'a file' if top.exists() else 'nothing'}")
    runs = []
    for folder, paths in find_event_files(top).items():
        run = folder.parent if folder.name == metadata.SUBRUN and folder != top else folder
        if places := find_records(paths):
            runs.append(PackedRun(run.relative_to(top).as_posix(), folder.relative_to(top).as_posix(), places))
    return runs
