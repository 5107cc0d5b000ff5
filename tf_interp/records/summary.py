"""Records in ordinary TensorBoard event files: `write`, `read`, and the `Writer` that a training run keeps open.

One event per record, `[json, png, ...]` under the plugin's name, in the sub-run `<logdir>/interp`, further sessions in
`<logdir>/interp-2` and so on.
"""

import errno
import os
import pathlib
import threading
import time
import warnings
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2, types_pb2

from tensorboard_plugin_interp import metadata
from tf_interp.display import cut, tell
from tf_interp.records.event_file import (
    EventFile,
    find_event_files,
    parse_event,
    read_events,
)
from tf_interp.records.record import Record

MAX_EVENT_BYTES = 64 * 2**20  # above 2 GiB TensorBoard loses an event silently; long before that it is a mistake

_LIVE: "weakref.WeakValueDictionary[tuple[int, str], Writer]" = weakref.WeakValueDictionary()  # (pid, folder) -> writer
_LIVE_LOCK = threading.Lock()


class Writer:
    """Writes records into one event file of `<logdir>/interp`, each of them on disk when `add` returns.

    Use it as a context manager, or call `close`. Threads may share it; a pickle or copy of it opens a file of its own
    when it is first used, and so does a forked process.

    Args:
        logdir: TensorBoard's log directory of one run; made if missing.
        take_over: close another writer of this process that has the folder open, instead of refusing: a training run
            that was interrupted leaves one behind.
        session: which training of this run it is, from 1; each has a folder of its own, `interp`, `interp-2`, ...

    Raises:
        ValueError: if the folder cannot be made or written to, or another writer of this process has it open.
        OSError: if the disk is full.

    Example:
        >>> import tempfile
        >>> with Writer(tempfile.mkdtemp()) as writer:
        ...     writer.add(Record("features", "conv", 0, "one"))
    """

    def __init__(self, logdir: str | os.PathLike, *, take_over: bool = False, session: int = 1) -> None:
        if "://" in str(logdir):
            raise ValueError(f"log directory {str(logdir)!r}: only folders of this machine can be written to")
        self.logdir, self.session = pathlib.Path(logdir), session
        self._steps: dict[str, int] = {}
        self._replaced = False
        self._file: EventFile | None = None
        self._start()
        if take_over:
            with _LIVE_LOCK:
                stale = _LIVE.get((os.getpid(), str(self.folder.resolve())))
            if stale is not None:
                stale.close()
        self._file = self._open()

    @property
    def folder(self) -> pathlib.Path:
        """The folder of the event file, `<logdir>/interp`, or `<logdir>/interp-2` and so on for a further session."""
        return self.logdir / metadata.name_session(self.session)

    @property
    def path(self) -> pathlib.Path | None:
        """The event file, or None while none is open."""
        return None if self._file is None else self._file.path

    def add(self, record: Record) -> None:
        """Write one record, and its `data["scalars"]` as ordinary scalars `interp/<name>` at the same step.

        Args:
            record: what to write; its step must be above that of the last record with the same tag.

        Raises:
            ValueError: if the step does not increase, a scalar is not a number, or the record is above 64 MB.
            OSError: if it could not be written whole; the file then ends after the last whole record.
        """
        if self._pid != os.getpid():
            self._start()  # a forked child: the parent's file, lock and claim are not ours
        with self._lock:
            steps = dict.fromkeys((record.tag, *_scalars(record)), record.step)
            for tag, step in steps.items():
                if tag in self._steps and step <= self._steps[tag]:
                    raise ValueError(
                        f"{tag!r} was already written at step {self._steps[tag]}, got step {step}: the steps of a tag "
                        "must increase, since TensorBoard drops what it has when a step goes back; write another "
                        "session to another log directory"
                    )
            self._append(_to_event(record))
            self._steps.update(steps)

    def flush(self) -> None:
        """Ask the operating system to bring what was written to the disk itself, in case the power fails."""
        with self._lock:
            if self._file is not None and self._pid == os.getpid():
                self._file.flush()

    def close(self) -> None:
        """Close the event file; a later `add` opens a new one."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
            with _LIVE_LOCK:
                for key in [key for key, writer in _LIVE.items() if writer is self]:
                    del _LIVE[key]

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {
            "logdir": self.logdir,
            "session": self.session,
            "_steps": dict(self._steps),
            "_replaced": self._replaced,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    def _start(self) -> None:
        """Hold nothing: no file, no claim on the folder."""
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._file = None

    def _open(self) -> EventFile:
        """Claim the folder and return a new event file in it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            key = (os.getpid(), str(self.folder.resolve()))
            with _LIVE_LOCK:
                if _LIVE.get(key, self) is not self:
                    raise ValueError(
                        f"{self.folder} is already open in another Writer of this process, and TensorBoard reads one "
                        "writer per folder: close that one first, or give this run a log directory of its own"
                    )
                _LIVE[key] = self
            return EventFile(self.folder)
        except OSError as error:
            self.close()
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise ValueError(
                f"the log directory {str(self.logdir)!r} cannot be written to ({error.strerror or error}): "
                "give a folder that can be made and written to"
            ) from error

    def _append(self, event: event_pb2.Event) -> None:
        """Write an event and see that it arrived; begin a new file in place of a lost one, once."""
        if self._file is None:
            self._file = self._open()
        if not self._file.is_lost():
            self._file.append(event)
            if not self._file.is_lost():
                return
        lost = f"the event file {self._file.path} was deleted or does not grow"
        if self._replaced:
            raise OSError(f"{lost}, after another was already replaced")
        self._replaced = True
        self._file.close()
        try:
            self._file = self._open()
        except ValueError as error:
            raise OSError(f"{lost}: {error}") from error
        self._append(event)
        warnings.warn(f"{lost}: records go on in {self._file.path.name}", stacklevel=3)

    def __repr__(self) -> str:
        return tell(
            self, cut(self.folder, 120), "closed" if self._file is None else "open", f"{len(self._steps)} series"
        )


def write(records: Iterable[Record], logdir: str | os.PathLike) -> pathlib.Path:
    """Write records into a log directory, for TensorBoard and `read`.

    Args:
        records: the records, each on disk before the next is asked for; steps of one tag must increase.
        logdir: TensorBoard's log directory of one run; made if missing.

    Returns:
        The folder of the event file, `<logdir>/interp`.

    Raises:
        ValueError: if the folder cannot be written to, or as `Writer.add`.
        OSError: if the disk is full.

    Example:
        >>> import tempfile
        >>> write([Record("features", "conv", 0, "one")], tempfile.mkdtemp()).name
        'interp'
    """
    with Writer(logdir, take_over=True) as writer:
        for record in records:
            writer.add(record)
        return writer.folder


def read(logdir: str | os.PathLike) -> Iterator[Record]:
    """Return the records of all runs below a log directory: run by run, in the order of their steps.

    Where a run holds the same tag and step twice, the one written last counts. Other events are passed over, and so is
    the unfinished end of a file that is being written. What is damaged, or from a newer version, is skipped with a
    warning.

    Args:
        logdir: a log directory; sub-folders are read as well, also behind symbolic links.

    Returns:
        Iterator of records.

    Raises:
        ValueError: if it is not a folder.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> _ = write([Record("features", "conv", 0, "one")], folder)
        >>> [record.title for record in read(folder)]
        ['one']
    """
    return (record for records in read_runs(logdir).values() for record in records)


def written_tags(logdir: str | os.PathLike, step: int) -> set[str]:
    """Return the tags of the whole records of one run at one step.

    Args:
        logdir: TensorBoard's log directory of one run, as `Writer` takes it.
        step: the step.

    Returns:
        Tags, `kind/layer` each.
    """
    folder = pathlib.Path(logdir) / metadata.SUBRUN
    files = sorted(folder.glob("*tfevents*")) if folder.is_dir() else []
    events = (event for path in files for _, _, event in read_events(path) if event.step == step)
    return {value.tag for event in events for value in records_in(event)}


def read_runs(logdir: str | os.PathLike, kinds: Collection[str] | None = None) -> dict[str, Iterator[Record]]:
    """Return the records below a log directory by run, each as `read` would.

    Args:
        logdir: a log directory.
        kinds: only records of these kinds, and runs that have some; None for all.

    Returns:
        Name of the run, as TensorBoard has it without the last part `interp` ("." for `logdir` itself) -> iterator.
        A further session of a run is a run of its own, with the last part `interp-2` and so on.

    Raises:
        ValueError: if it is not a folder.
    """
    top = pathlib.Path(logdir)
    if not top.is_dir():
        raise ValueError(f"{top}: expected a log directory, found {'a file' if top.exists() else 'nothing'}")
    files: dict[str, list[pathlib.Path]] = {}
    for folder, paths in find_event_files(top).items():
        run = folder.parent if folder.name == metadata.SUBRUN and folder != top else folder
        files.setdefault(run.relative_to(top).as_posix(), []).extend(paths)
    places = {run: find_records(paths) for run, paths in files.items()}
    if kinds is not None:
        places = {
            run: [place for place in found if metadata.split_tag(place[0])[0] in kinds] for run, found in places.items()
        }
    return {run: _load(found) for run, found in places.items() if found}


Place = tuple[pathlib.Path, int, int]  # where an event's data stands: file, first byte, number of bytes


def find_records(paths: Iterable[pathlib.Path]) -> list[tuple[str, Place]]:
    """Return tag and place of the records of one run, by step, without those that were written again later.

    Args:
        paths: event files, those that were written first first.

    Returns:
        List of `(tag, (file, first byte, number of bytes))`.
    """
    found: dict[tuple[int, str], Place] = {}
    for path in paths:
        for start, length, event in read_events(path):
            for value in records_in(event):
                found[event.step, value.tag] = (path, start, length)
    return [(key[1], found[key]) for key in sorted(found, key=lambda key: key[0])]


def _load(found: Iterable[tuple[str, Place]]) -> Iterator[Record]:
    """Yield the records that stand at these places, warning once per kind of trouble."""
    seen = set()
    for tag, (path, start, length) in found:
        with open(path, "rb") as file:
            file.seek(start)
            event = parse_event(file.read(length))
        for value in records_in(event):
            try:
                if value.tag == tag:
                    yield Record.from_blobs(value.tensor.string_val)
            except ValueError as error:
                if str(error) not in seen:
                    seen.add(str(error))
                    warnings.warn(f"{path}, byte {start}: record skipped: {error}", stacklevel=2)


def records_in(event: Any) -> list[Any]:
    """Return the values of an event that carry records."""
    return [v for v in event.summary.value if v.metadata.plugin_data.plugin_name == metadata.PLUGIN_NAME]


def _scalars(record: Record) -> dict[str, float]:
    """Return tag -> number of the scalars that a record asks for."""
    scalars = record.data.get("scalars") or {}
    wrong = (
        scalars
        if not isinstance(scalars, Mapping)
        else [
            name
            for name, value in scalars.items()
            if isinstance(value, bool) or not isinstance(value, int | float | None)
        ]
    )
    if wrong:
        raise ValueError(f'data["scalars"] of {record.tag!r} must be name -> number or None; not so: {wrong!r}')
    return {f"{metadata.SUBRUN}/{name}": float(value) for name, value in scalars.items() if value is not None}


def _to_event(record: Record) -> event_pb2.Event:
    """Return the event that carries a record and its scalars."""
    blobs = record.to_blobs()
    size = sum(len(blob) for blob in blobs)
    if size > MAX_EVENT_BYTES:
        raise ValueError(
            f"the record {record.tag!r} at step {record.step} takes {size / 2**20:.0f} MB, more than the "
            f"{MAX_EVENT_BYTES // 2**20} MB that one event may hold: use fewer or smaller pictures"
        )
    event = event_pb2.Event(wall_time=time.time(), step=record.step)
    value = event.summary.value.add(tag=record.tag)
    value.metadata.plugin_data.plugin_name = metadata.PLUGIN_NAME
    value.metadata.data_class = summary_pb2.DATA_CLASS_BLOB_SEQUENCE
    value.tensor.dtype = types_pb2.DT_STRING
    value.tensor.string_val.extend(blobs)
    value.tensor.tensor_shape.dim.add(size=len(blobs))
    for tag, number in _scalars(record).items():
        value = event.summary.value.add(tag=tag)
        value.metadata.plugin_data.plugin_name = "scalars"
        value.metadata.data_class = summary_pb2.DATA_CLASS_SCALAR
        value.tensor.dtype = types_pb2.DT_FLOAT
        value.tensor.float_val.append(number)
    return event
