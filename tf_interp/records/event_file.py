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
from typing import Any

from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2

from tf_interp.records.checksum import mask_crc32c


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


def read_events(path: pathlib.Path) -> Iterator[tuple[int, int, Any]]:
    """Yield the whole events of a file; the unfinished end of a file that is being written is no error.

    Where the file is damaged, a warning says at which byte, and reading goes on behind the damage if that is possible.

    Args:
        path: the file.

    Yields:
        `(start, length, event)`: first byte and number of bytes of the event's data, and TensorBoard's protocol buffer.
    """
    count, damaged = 0, False
    size = path.stat().st_size
    with open(path, "rb") as file:
        while len(header := file.read(12)) == 12:
            start = file.tell()
            length, check = struct.unpack("<QI", header)
            readable = check == mask_crc32c(header[:8])
            if readable and start + length + 4 > size:
                return
            event = None
            if readable:
                data, check = file.read(length), struct.unpack("<I", file.read(4))[0]
                event = parse_event(data) if check == mask_crc32c(data) else None
            if event is not None:
                count += 1
                yield start, length, event
            elif not damaged:
                damaged = True
                rest = "what follows is read" if readable else "the rest of the file is lost"
                warnings.warn(
                    f"{path}: damaged at byte {start - 12}, behind {count} whole events; {rest}", stacklevel=2
                )
            if not readable:
                return


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
