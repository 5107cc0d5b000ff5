"""`Session`: one training in the log directory of a run, with a folder of its own, so that its steps always go up."""

import os
import pathlib
import re
import weakref
from typing import Any

from tensorboard_plugin_interp import metadata
from tf_interp.findings import FINDING
from tf_interp.records import Look, Record, Writer, list_sessions, read_last, read_look

_OPEN: "weakref.WeakValueDictionary[tuple[int, str], Session]" = weakref.WeakValueDictionary()  # (pid, folder)


class Session:
    """Where the records of a training go, and how far they are.

    Args:
        log_dir: log directory of the run.
        number: of the session, from 1.
        network: what is looked at.
        weights: digest of its weights when the session began.
        look: what was written last, where the session goes on.
        words: what to tell of how it began, "" for nothing.
    """

    def __init__(
        self, log_dir: str | os.PathLike, number: int, network: Any, weights: str, look: Look | None, words: str
    ) -> None:
        self.log_dir, self.number, self.network, self.words = log_dir, number, network, words
        self.first_weights = weights
        self.weights = None if look is None else look.weights
        self.last = -1 if look is None else look.step
        self.written = {} if look is None else look.written
        self.deliberate = False  # whether the callback itself began it, with another model
        self.average = ""  # what there is to say of weights that are averaged
        self.ending = ""  # what happened to the weights when the training ended
        self.looks = 0  # written by us
        self.began: int | None = None  # the first step that we wrote
        self.fit: Any = None
        self.writer: Writer | None = None

    def open(self, fit: Any, average: str = "") -> None:
        """Open the log.

        Args:
            fit: what Keras hands to all callbacks, by which one fit is told from others.
            average: what to tell of weights that are averaged, "" for nothing.
        """
        self.fit, self.ending, self.average = fit, "", average
        self.writer = Writer(self.log_dir, take_over=True, session=self.number)  # an interrupted run leaves one behind
        _OPEN[os.getpid(), str(self.folder.resolve())] = self

    def describe(self) -> dict[str, Any]:
        """Return what each record says of its session."""
        told = "notes" if self.deliberate else "warnings"
        lines = {"notes": [line for line in (self.average, self.ending) if line]}
        if self.words:
            lines[told] = [*lines.get(told, []), self.words]
        return {"session": self.number, "restored": bool(self.ending), **lines}

    def read_last(self, kinds: list[str]) -> list[Record]:
        """Return the last records of each kind that the session holds, and that of findings; none of a new one."""
        return [] if self.last < 0 else read_last(self.log_dir, self.number, [*kinds, FINDING])

    def note_look(self, step: int, weights: str, written: int) -> None:
        """Note that a step was looked at."""
        self.last, self.weights = step, weights
        if written:
            self.looks += 1
            self.began = step if self.began is None else self.began

    def summarize(self, more: str) -> str:
        """Return in a line what was written, and where, and what more there is to say."""
        line = f"{self.looks} looks written to {self.folder}"
        if self.began is not None:
            line += f", steps {self.began} to {self.last}"
        return line + (f"; {more}" if more else "") + (f"; at the end {self.ending}" if self.ending else "")

    def close(self) -> None:
        """Close the log."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    @property
    def folder(self) -> pathlib.Path:
        """The folder of the records."""
        return _folder(self.log_dir, self.number)


def begin_session(
    log_dir: str | os.PathLike,
    network: Any,
    step: int,
    weights: str,
    fit: Any,
    *,
    before: Session | None = None,
    new: bool = False,
) -> Session:
    """Return the session that a training writes to: the one that it goes on, else one of its own.

    It goes on where the weights are those of the last look, or its steps are behind those that are there. Where the
    weights are those of an earlier look, e.g. of an older checkpoint, it goes on too, and what is there stays.

    Args:
        log_dir: log directory of the run.
        network: the Keras model that is looked at.
        step: where the training is.
        weights: digest of the network's weights.
        fit: what Keras hands to all callbacks of a fit.
        before: the session that the same callback had with another model: then only weights tell that it goes on.
        new: whether this is surely another training.

    Returns:
        The session, not yet open.
    """
    session = _find_session(log_dir, network, step, weights, fit, before is not None, new)
    session.deliberate = before is not None
    return session


def _find_session(
    log_dir: str | os.PathLike, network: Any, step: int, weights: str, fit: Any, deliberate: bool, new: bool
) -> Session:
    used = {number: look for number in list_sessions(log_dir) if (look := read_look(log_dir, number)) is not None}
    open_to_us = [] if new else [number for number in used if not _is_busy(log_dir, number, fit)]
    # of several the one of a network of this name, then the newest
    ours = sorted(open_to_us, key=lambda number: (used[number].model == network.name, number), reverse=True)
    same = [number for number in ours if used[number].weights == weights]
    behind = [number for number in ours if 0 < used[number].step <= step and _is_name(used[number].model, network.name)]
    behind = [] if deliberate else behind  # Keras names a rebuilt network alike
    for number in (*same, *behind):
        return Session(log_dir, number, network, weights, used[number], "")
    for number in ours:
        last, earlier = used[number], read_look(log_dir, number, step)
        if earlier is not None and earlier.weights == weights and step > last.first:  # at the first it begins anew
            words = f"goes on from step {step}; looks up to step {last.step} are there already"
            return Session(log_dir, number, network, weights, last, words)
    number = max(used, default=0) + 1
    while _is_busy(log_dir, number, fit):  # opened, but still empty
        number += 1
    words, others = "", [taken for taken in range(1, number) if _is_busy(log_dir, taken, fit)]
    place = f"session {number} and goes to {metadata.name_session(number)} in it"
    if others:
        words = (
            f"another callback of this fit writes to the same log directory, as session {others[-1]}: this one is "
            f"{place}, and they show one training, not two (give one callback all parts and layers, or each a log "
            "directory of its own)"
        )
    elif used:
        steps = f"up to step {max(look.step for look in used.values())}"
        words = (
            f"the log directory holds records of another training {steps}: this one is {place} (give each run a log "
            "directory of its own to name them yourself)"
        )
    return Session(log_dir, number, network, weights, None, words)


def _folder(log_dir: str | os.PathLike, number: int) -> pathlib.Path:
    return pathlib.Path(log_dir) / metadata.name_session(number)


def _is_name(written: str | None, name: str) -> bool:
    """Return whether a network may have been written under another name: Keras counts those that it names itself."""
    return written is None or re.sub(r"_\d+$", "", written) == re.sub(r"_\d+$", "", name)


def _is_busy(log_dir: str | os.PathLike, number: int, fit: Any) -> bool:
    """Return whether another callback of the same fit writes there."""
    other = _OPEN.get((os.getpid(), str(_folder(log_dir, number).resolve())))
    return other is not None and other.writer is not None and other.fit is fit
