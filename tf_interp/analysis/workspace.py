"""`Workspace`: what a long analysis has finished so far, in a folder, so that it can be killed and go on."""

import hashlib
import os
import pathlib
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.records import Record
from tf_interp.records.whole_file import replace_file

_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


class Workspace:
    """Finished pieces of one analysis, and whom to tell how far it is.

    A piece is kept as a whole or not at all, whenever the process is killed. It is plain arrays: opening a folder runs
    no code. Whoever makes it sees to it that a folder belongs to one model, one probe and one set of settings.

    Args:
        folder: is made when the first piece is kept.
        advance: called with the number of picture steps that were done, or were found done.
        tell: called with a line about each piece that was finished.

    Example:
        >>> import tempfile
        >>> workspace = Workspace(tempfile.mkdtemp())
        >>> workspace.keep("features/conv/0", {"value": np.ones(3)})
        >>> workspace.recall("features/conv/0")["value"]
        array([1., 1., 1.])
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        advance: Callable[[int], None] = lambda steps: None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.folder, self.advance, self.tell = pathlib.Path(folder), advance, tell

    def keep(self, key: str, arrays: Mapping[str, Any]) -> None:
        """Keep a finished piece.

        Args:
            key: what it is, such as "features/conv/0".
            arrays: name -> array of numbers or text.
        """
        replace_file(self._path(key), lambda file: np.savez(file, **arrays))
        self.tell(f"finished {key}")

    def recall(self, key: str) -> dict[str, np.ndarray] | None:
        """Return a piece, or None if it is not there or its file is damaged.

        Args:
            key: what it is.
        """
        try:
            with self._path(key).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
        except _DAMAGED:
            return None

    def drop(self, group: str) -> None:
        """Remove the pieces of a group: what they led to is written.

        Args:
            group: a key without its last part, such as "features/conv".
        """
        for path in self.folder.glob(f"{_file_name(group)}-*.npz"):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all pieces, and what a killed process left of one."""
        for path in [*self.folder.glob("*.npz"), *self.folder.glob(".*.npz.*")]:
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> pathlib.Path:
        group, _, number = key.rpartition("/")
        return self.folder / f"{_file_name(group)}-{number}.npz"


def keep_records(workspace: Workspace, kind: str, records: Sequence[Record]) -> None:
    """Keep records that were made together, as bytes.

    Args:
        workspace: where.
        kind: of all of them.
        records: all that the part made.
    """
    blobs = {f"{n}.{m}": blob for n, record in enumerate(records) for m, blob in enumerate(record.to_blobs())}
    workspace.keep(f"{kind}/all", {name: np.frombuffer(blob, np.uint8) for name, blob in blobs.items()})


def recall_records(workspace: Workspace, kind: str) -> list[Record] | None:
    """Return the records that `keep_records` kept, or None if there are none or they cannot be read.

    Args:
        workspace: where.
        kind: of all of them.
    """
    found: dict[int, dict[int, bytes]] = {}
    for name, blob in (workspace.recall(f"{kind}/all") or {}).items():
        record, _, number = name.partition(".")
        found.setdefault(int(record), {})[int(number)] = blob.tobytes()
    try:
        return [Record.from_blobs([found[n][m] for m in sorted(found[n])]) for n in sorted(found)] or None
    except ValueError:
        return None


def _file_name(key: str) -> str:
    """Return a name that a person can read, that no other key has, and that every file system takes."""
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", key).strip("-.")[:60]
    return f"{plain}-{hashlib.blake2b(key.encode(), digest_size=6).hexdigest()}"
