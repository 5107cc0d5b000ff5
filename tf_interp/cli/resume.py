"""What makes a killed command go on: which command a log directory belongs to, and what of it is written."""

import contextlib
import hashlib
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import tf_interp
from tf_interp.analysis import Analysis
from tf_interp.analysis.workspace import Workspace
from tf_interp.images import digest_images
from tf_interp.probe import Probe, pick_rows
from tf_interp.records import last_step, written_tags
from tf_interp.records.whole_file import replace_file

_FOLDER = ".tf-interp"  # in the log directory; TensorBoard and `read` look for event files only


class Session:
    """One command at one step of one log directory.

    Args:
        logdir: TensorBoard's log directory.
        step: at which its records are filed.
        identity: what its records depend on, JSON values by name.
        again: where `logdir` holds something else, take the next free name beside it.

    Raises:
        ValueError: if the log directory holds the records of something else, or is a file.
    """

    def __init__(self, logdir: pathlib.Path, step: int, identity: Mapping[str, Any], again: bool = False) -> None:
        if logdir.exists() and not logdir.is_dir():
            raise ValueError(f"--logdir {logdir} is a file; expected a folder, or the name of a new one")
        self.step = step
        self.identity = json.loads(json.dumps(identity))  # as it comes back from the file
        self.logdir = logdir
        number, trouble = 1, self._find_trouble()
        while trouble is not None:
            if not again:
                raise ValueError(trouble)
            number += 1
            self.logdir = logdir.with_name(f"{logdir.name}-{number}")
            trouble = self._find_trouble()

    @property
    def folder(self) -> pathlib.Path:
        """Where the command's own files are."""
        return self.logdir / _FOLDER / f"step-{self.step}"

    @contextlib.contextmanager
    def open(self, workspace: Workspace) -> Iterator[set[str]]:
        """Begin the command or go on with it; when it is done, remove its pieces.

        Args:
            workspace: in `folder`.

        Yields:
            Tags of the records that are written already.

        Raises:
            ValueError: if another process is at it.
        """
        path = self.folder / "command.json"
        if not path.exists():
            text = json.dumps(self.identity, indent=1)
            replace_file(path, lambda file: file.write(text.encode()))
        with path.open("r+b") as file:
            _lock(file, self.logdir)
            yield written_tags(self.logdir, self.step)
            workspace.clear()

    def _find_trouble(self) -> str | None:
        """Return why the log directory cannot take this command, or None."""
        path = self.folder / "command.json"
        if path.exists():
            try:
                other = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                other = {}
            differing = ", ".join(_compare(other, self.identity))
            if not differing:
                return None
            return (
                f"{self.logdir} holds another analysis (it differs in {differing}): choose another --logdir; or "
                f"--again, for the next free name beside it; or a --step above {last_step(self.logdir) or self.step}"
            )
        used = last_step(self.logdir) if self.logdir.is_dir() else None
        if used is None or used < self.step:
            return None
        return (
            f"{self.logdir} already holds records up to step {used}, of something else: choose another --logdir; or "
            "--again, for the next free name beside it; or a --step above it"
        )


def identify(analysis: Analysis, probe: Probe, parts: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the records of an analysis depend on.

    Args:
        analysis: what will be run.
        probe: the pictures as they were read.
        parts: settings of each part by kind.
        more: further names and values.

    Returns:
        Name -> JSON value; where two commands differ, these names are told.
    """
    model, head = analysis.model, analysis.head
    first = pick_rows(probe.images, slice(1))
    if not isinstance(first, Mapping) and first.ndim == 4:
        first = np.concatenate([first, 1 - first])  # of a black picture many value ranges make the same
    fed = first if model.preprocess is None else model.preprocess(first)
    arrays = fed.values() if isinstance(fed, Mapping) else [fed]
    numbers = [np.round(np.asarray(value, np.float64), 3).tolist() for value in arrays]
    labels = None if probe.labels is None else probe.labels.tolist()
    return {
        "version": tf_interp.__version__,
        "model": [model.digest(), _digest([*model.layers.items()])],
        "output": [head.path, head.kind, _digest(head.names)],
        "preprocess": _digest(numbers),
        "probe": [len(probe), _digest([digest_images(probe.images), labels, probe.class_names])],
        "layer": list(analysis.layers),
        **{f"part {kind}": settings for kind, settings in parts.items()},
        **more,
    }


def _digest(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=8).hexdigest()


def _compare(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the names in which two identities differ."""
    found = []
    for name in sorted({*one, *other}):
        a, b = one.get(name), other.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += [f"{name}: {inner}" for inner in _compare(a, b)]
        elif a != b:
            found.append(name)
    return found


def _lock(file: Any, logdir: pathlib.Path) -> None:
    """Claim a command for this process until the file is closed, as a kill does too."""
    try:
        import fcntl  # not on Windows
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ValueError(f"{logdir}: another process is at this very command; wait for it, or end it") from error
    except OSError:  # a file system without locks
        return
