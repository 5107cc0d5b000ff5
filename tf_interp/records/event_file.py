"""One TensorBoard event file as bytes: append events so that errors show, and find what is whole in a damaged file.

TensorFlow's summary writer reports success on a full disk and in a deleted folder, so bytes go to the file at once and
by our own hand. An event file is a list of `length (uint64), checksum of it, data, checksum of it`, little-endian.
"""

import io
import os
import pathlib
import shutil
import socket
import struct
import time
import warnings
import weakref
from collections.abc import Iterator
from typing import Any, BinaryIO

from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2

from tf_interp.records.checksum import mask_crc32c

_STEP_ENDS = 20  # bytes of an event after which its step is known: nine for the time, at most eleven for the step


class EventFile:
    """A new event file, open for appending.

    Args:
        folder: an existing folder; the file's name tells readers its age and process.

    Raises:
        OSError: if the file cannot be made; nothing is left behind.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.path, self._file = _create(folder)
        self.close = weakref.finalize(self, self._file.close)
        self._size = 0
        try:
            self.append(event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2"))
        except OSError:
            self.close()
            self.path.unlink(missing_ok=True)
            raise

    def append(self, event: event_pb2.Event) -> None:
        """Write an event to the end of the file, all of it or nothing.

        Args:
            event: TensorBoard's protocol buffer.

        Raises:
            OSError: if the disk is full or the like; the file then ends as before.
        """
        data = event.SerializeToString()
        length = struct.pack("<Q", len(data))
        whole = length + struct.pack("<I", mask_crc32c(length)) + data + struct.pack("<I", mask_crc32c(data))
        rest = memoryview(whole)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except BaseException as error:  # an interrupted write leaves no half event either
            self._file.seek(self._size)
            self._file.truncate()
            if not isinstance(error, OSError):
                raise
            free = shutil.disk_usage(self.path.parent).free
            message = f"{error.strerror}: an event of {len(whole):,} bytes was not written, {free:,} bytes are free"
            raise OSError(error.errno, message, str(self.path)) from error
        self._size += len(whole)

    def is_lost(self) -> bool:
        """Return whether the file was deleted, replaced or cut behind our back, which no write reports."""
        try:
            there, ours = os.stat(self.path), os.fstat(self._file.fileno())
        except OSError:
            return True
        return (there.st_ino, there.st_dev) != (ours.st_ino, ours.st_dev) or there.st_size < self._size

    def flush(self) -> None:
        """Bring what was written from the operating system's memory to the disk, in case the power fails."""
        os.fsync(self._file.fileno())


def find_event_files(top: pathlib.Path) -> dict[pathlib.Path, list[pathlib.Path]]:
    """Return the event files below a folder, also behind symbolic links, as TensorBoard finds them.

    A link to a folder that it lies in leads in a circle, and is not followed.

    Args:
        top: a folder.

    Returns:
        Folder -> its event files, by name; folders by name too.
    """
    found: dict[pathlib.Path, list[pathlib.Path]] = {}
    above = {str(top): frozenset({os.path.realpath(top)})}  # folder -> where it and those that it lies in really are
    for name, folders, names in os.walk(top, followlinks=True):
        ways = {folder: os.path.realpath(os.path.join(name, folder)) for folder in folders}
        folders[:] = [folder for folder in folders if ways[folder] not in above[name]]
        above |= {os.path.join(name, folder): above[name] | {ways[folder]} for folder in folders}
        if files := [pathlib.Path(name, file) for file in sorted(names) if "tfevents" in file]:
            found[pathlib.Path(name)] = files
    return {folder: found[folder] for folder in sorted(found)}


def read_events(path: pathlib.Path) -> Iterator[tuple[int, int, Any]]:
    """Yield the whole events of a file; the unfinished end of a file that is being written is no error.

    Where the file is damaged, a warning says at which byte, and reading goes on behind the damage if that is possible.

    Args:
        path: the file.

    Yields:
        `(start, length, event)`: first byte and number of bytes of the event's data, and TensorBoard's protocol buffer.
    """
    count, damaged = 0, False
    with open(path, "rb") as file:
        for start, length in _walk(file):
            event = None if length is None else _read_event(file, start, length)
            if event is not None and length is not None:
                count += 1
                yield start, length, event
            elif not damaged:
                damaged = True
                _warn_of_damage(path, start, f", behind {count} whole events", length is None)


def read_steps(path: pathlib.Path) -> list[tuple[int, int, int]]:
    """Return the steps of a file's events, from the first bytes of each: pictures are not read.

    A damaged event may claim any step: `read_event` tells whether it is whole.

    Args:
        path: the file.

    Returns:
        List of `(step, start, length)`: first byte and number of bytes of the event's data.
    """
    steps: list[tuple[int, int, int]] = []
    with open(path, "rb", buffering=0) as file:
        for start, length in _walk(file):
            if length is None:
                _warn_of_damage(path, start, f", behind {len(steps)} events", lost=True)
            else:
                steps.append((_parse_step(file.read(min(length, _STEP_ENDS))), start, length))
    return steps


def read_event(path: pathlib.Path, start: int, length: int) -> Any:
    """Return one event of a file, or None, with a warning, if it is damaged.

    Args:
        path: the file.
        start: first byte of the event's data.
        length: number of bytes of it.

    Returns:
        TensorBoard's protocol buffer, or None.
    """
    with open(path, "rb") as file:
        event = _read_event(file, start, length)
    if event is None:
        _warn_of_damage(path, start, "", lost=False)
    return event


def _walk(file: BinaryIO) -> Iterator[tuple[int, int | None]]:
    """Yield first byte and number of bytes of each event's data, up to an unfinished end.

    Where an event's length is damaged it is None, and nothing that follows can be found.
    """
    size = os.fstat(file.fileno()).st_size
    while len(header := file.read(12)) == 12:
        start = file.tell()
        length, check = struct.unpack("<QI", header)
        if check != mask_crc32c(header[:8]):
            yield start, None
            return
        if start + length + 4 > size:
            return
        yield start, length
        file.seek(start + length + 4)


def _read_event(file: BinaryIO, start: int, length: int) -> Any:
    file.seek(start)
    data, check = file.read(length), struct.unpack("<I", file.read(4))[0]
    return parse_event(data) if check == mask_crc32c(data) else None


def _parse_step(data: bytes) -> int:
    """Return the step of an event from its first bytes: fields stand in the order of their numbers, 0 is left out."""
    place = 9 if data[:1] == b"\x09" else 0  # field 1: the time, eight bytes
    if data[place : place + 1] != b"\x10":  # field 2: the step, seven bits a byte, the lowest first
        return 0
    step = 0
    for shift, byte in enumerate(data[place + 1 :]):
        step |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            break
    return (step + 2**63) % 2**64 - 2**63


def _warn_of_damage(path: pathlib.Path, start: int, behind: str, lost: bool) -> None:
    rest = "the rest of the file is lost" if lost else "what follows is read"
    warnings.warn(f"{path}: damaged at byte {start - 12}{behind}; {rest}", stacklevel=3)


def parse_event(data: bytes) -> Any:
    """Return the event that `data` holds, or None if it holds none."""
    try:
        return event_pb2.Event.FromString(data)
    except DecodeError:
        return None


def _create(folder: pathlib.Path) -> tuple[pathlib.Path, io.FileIO]:
    while True:
        now = time.time_ns()  # nanoseconds, because readers take the order of the files from their names
        name = f"events.out.tfevents.{now // 10**9:010d}.{now % 10**9:09d}.{socket.gethostname()}.{os.getpid()}"
        try:
            return folder / name, io.FileIO(folder / name, "x")
        except FileExistsError:
            continue
