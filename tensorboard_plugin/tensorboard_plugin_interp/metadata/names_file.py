"""Names that people give to groups: the one home of the file in which the library and the tab keep them.

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
that is then moved to its place. Writers take turns by a file beside it that is there while one of them writes.
"""

import contextlib
import datetime
import functools
import hashlib
import json
import pathlib
import stat
import time
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

from tensorboard_plugin_interp.metadata.replacing import replace_file

NAMES_FILE = "interp-names.json"
NAMES_SCHEMA = 1
SAME_GROUP = 0.8  # cosine from which on two vectors are one group
LONGEST_NAME = 120  # letters
_MAX_BYTES = 8 * 2**20
_JOINERS = "\u200c\u200d"  # invisible, but parts of words in Persian and of pictures of people
_PATIENCE = 5.0  # seconds after which a turn that does not end is that of a writer that was killed
_WAIT = 0.02
_TRIES = 5  # where somebody writes with an editor at the same moment


class NamesFile(NamedTuple):
    """What the file of names holds.

    Args:
        path: of the file, which need not be there.
        entries: all of them as they are, those too that are not understood.
        notes: sentences on what could not be read.
        whole: all of the file; {} where there is none, None where it is no such file.
        version: tells these bytes from others; "" where there is no file.
    """

    path: pathlib.Path
    entries: list[Any]
    notes: list[str]
    whole: dict[str, Any] | None
    version: str

    def understood(self) -> dict[int, Mapping[str, Any]]:
        """Return the entries that are understood, by their place in the file."""
        return {place: entry for place, entry in enumerate(self.entries) if _is_entry(entry)}

    def remarks(self) -> list[str]:
        """Return the notes, and how many entries are not understood."""
        lost = len(self.entries) - len(self.understood())
        more = [f"{self.path}: {lost} of {len(self.entries)} names are not understood and left alone"] if lost else []
        return [*self.notes, *more]


def check_name(name: Any) -> str:
    """Return a name as it is kept, without spaces around it; "" takes a name away.

    Args:
        name: what a person typed.

    Raises:
        TypeError: if it is no text.
        ValueError: if it is too long, or has characters that no person can see or that turn a line around.
    """
    if not isinstance(name, str):
        raise TypeError(f"a name is text, got {type(name).__name__}")
    name = name.strip()
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} letters, got {len(name)}")
    for letter in name:
        kind = unicodedata.category(letter)
        if (kind[0] == "C" and letter not in _JOINERS) or kind in ("Zl", "Zp"):
            raise ValueError(f"a name is one line of text that can be read, got the character U+{ord(letter):04X}")
    return name


def read_names(logdir: pathlib.Path) -> NamesFile:
    """Return what the file of names of a run holds; what is broken is a note, never an error.

    Args:
        logdir: TensorBoard's log directory of one run.
    """
    path = logdir / NAMES_FILE
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return NamesFile(path, [], [f"{path} was not read: it is no file"], None, "?")
        if found.st_size > _MAX_BYTES:
            return NamesFile(path, [], [f"{path} was not read: it has more than {_MAX_BYTES:,} bytes"], None, "?")
        raw = path.read_bytes()
    except FileNotFoundError:
        return NamesFile(path, [], [], {}, "")
    except OSError as error:
        return NamesFile(path, [], [f"{path} was not read: {error.strerror}"], None, "?")
    version = hashlib.sha256(raw).hexdigest()[:16]
    try:
        whole = json.loads(raw.decode("utf-8-sig"))  # an editor may have put a mark before it
    except (ValueError, RecursionError) as error:
        return NamesFile(path, [], [f"{path} was not read: it is no JSON ({str(error)[:100]})"], None, version)
    if not isinstance(whole, dict) or not isinstance(whole.get("names"), list):
        return NamesFile(path, [], [f"{path} was not read: it holds no list of names"], None, version)
    if whole.get("schema") != NAMES_SCHEMA:
        said = f"it is of schema {whole.get('schema')!r}, this version reads {NAMES_SCHEMA}"
        return NamesFile(path, [], [f"{path} was not read: {said}"], whole, version)
    return NamesFile(path, whole["names"], [], whole, version)


def change_names(logdir: pathlib.Path, change: Callable[[NamesFile], list[Any]]) -> NamesFile:
    """Change the file of names of a run while nobody else does.

    Args:
        logdir: TensorBoard's log directory of one run; made if missing.
        change: called with what the file holds; returns the entries to keep, or raises to leave it as it is. Called
            again where the file was changed by somebody who does not wait for turns.

    Returns:
        What the file holds now; a file that could not be read was put aside, and a note says where.

    Raises:
        ValueError: if the file is of another version.
        OSError: if the folder cannot be written to.
    """
    path = logdir / NAMES_FILE
    with _take_turn(path):
        for _ in range(_TRIES):
            file = read_names(logdir)
            if file.whole and file.whole.get("schema") != NAMES_SCHEMA:
                raise ValueError(f"{file.notes[0]}: use the version that wrote it, or move the file away")
            entries = change(file)
            text = json.dumps(
                {**(file.whole or {}), "schema": NAMES_SCHEMA, "names": entries}, indent=1, ensure_ascii=False
            )
            raw, notes = text.encode(), list[str]()
            if read_names(logdir).version != file.version:
                continue
            if file.whole is None:
                notes = [f"{file.notes[0]}; it was put aside as {_put_aside(path).name}"]
            replace_file(path, functools.partial(_write, raw))
            now = read_names(logdir)
            return now._replace(notes=[*notes, *now.notes])
    raise OSError(f"{path} is changed again and again by another program: close it there")


def make_entry(
    layer: str, group: str, name: str, vector: Mapping[str, Any] | None, before: Sequence[Any] = ()
) -> dict[str, Any]:
    """Return an entry of the file, with the time of now.

    Args:
        layer: path of the layer.
        group: what the group is called without a name.
        name: from `check_name`.
        vector: from `shorten_vector`, or None.
        before: entries of this group that it stands for now; what others have added to the last of them stays.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    more = before[-1] if before else {}
    return {**more, "layer": layer, "group": group, "name": name, "vector": vector, "time": now}


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


@contextlib.contextmanager
def _take_turn(path: pathlib.Path) -> Iterator[None]:
    """Wait until nobody else writes, and keep others waiting."""
    path.parent.mkdir(parents=True, exist_ok=True)
    place, own, end = path.with_name(f".{path.name}.lock"), uuid.uuid4().hex, 0.0
    seen: str | None = None
    while True:
        try:
            with place.open("x") as file:
                file.write(own)
            break
        except FileExistsError:
            holder = _read_text(place)
            if holder != seen:
                seen, end = holder, time.monotonic() + _PATIENCE
            elif time.monotonic() > end:
                place.unlink(missing_ok=True)
            time.sleep(_WAIT)
    try:
        yield
    finally:
        if _read_text(place) == own:  # else it took so long that another one has the turn
            place.unlink(missing_ok=True)


def _read_text(path: pathlib.Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _write(raw: bytes, file: BinaryIO) -> None:
    file.write(raw)


def _put_aside(path: pathlib.Path) -> pathlib.Path:
    """Return where a file that cannot be read was moved, so that nothing is lost."""
    number = 1
    while (place := path.with_name(f"{path.stem}.broken-{number}{path.suffix}")).exists():
        number += 1
    return path.rename(place)
