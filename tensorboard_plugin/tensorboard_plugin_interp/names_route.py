"""The one thing that the tab writes: names that people give to groups, into the file of names of a run.

Nothing else of a request becomes part of a path than the name of a run that TensorBoard itself has found.
"""

import json
import os
import pathlib
from typing import Any
from urllib.parse import urlsplit

from werkzeug import wrappers

from tensorboard_plugin_interp import metadata
from tensorboard_plugin_interp.problem import Problem

MOST_BYTES = 65_536  # of a request: a name and a vector
_LONGEST_PATH = 1024  # letters of a layer or of what a group is called in records
_KEYS = {"version", "replaces", "layer", "group", "name", "vector"}


def find_folder(logdir: str, run: str) -> pathlib.Path:
    """Return the log directory of a run, whose sessions share one file of names.

    A run may be a link to a folder elsewhere: trees of links are what TensorBoard advises for logs in several places.

    Args:
        logdir: what TensorBoard was started with.
        run: name of a run that TensorBoard found below it.

    Raises:
        Problem: if it is no folder of this machine.
    """
    if not logdir or "://" in logdir:
        raise Problem(403, "names are kept beside the log, where TensorBoard reads one --logdir of this machine")
    path = pathlib.PurePath(run)
    if path.is_absolute() or ".." in path.parts:
        raise Problem(403, f"run {run!r} lies outside of TensorBoard's --logdir")
    session = path.parts and metadata.parse_session(path.parts[-1]) is not None
    folder = pathlib.Path(os.path.expanduser(logdir)) / (path.parent if session else path)
    if not folder.is_dir():
        raise Problem(403, f"the log directory of run {run!r} is not on this machine any more")
    return folder


def tell_nothing(why: str) -> dict[str, Any]:
    """Return what the tab is told where there can be no file of names.

    Args:
        why: a sentence.
    """
    return {
        "version": "", "names": [], "same": metadata.SAME_GROUP, "longest": metadata.LONGEST_NAME,
        "read_only": why, "notes": [],
    }  # fmt: skip


def tell_names(folder: pathlib.Path, file: metadata.NamesFile | None = None) -> dict[str, Any]:
    """Return what the tab knows of a file of names: its entries, and where names could be written.

    Args:
        folder: log directory of a run.
        file: what was just written, or None to read it.
    """
    file = metadata.read_names(folder) if file is None else file
    return tell_nothing("") | {
        "version": file.version,
        "names": [{**entry, "place": place} for place, entry in file.understood().items()],
        "read_only": None if os.access(folder, os.W_OK) else _forbid(folder),
        "notes": file.remarks(),
    }


def change_name(folder: pathlib.Path, request: wrappers.Request) -> dict[str, Any]:
    """Write what a person calls a group, and return what `tell_names` says then.

    Args:
        folder: log directory of a run.
        request: a POST of JSON, `{"version", "replaces", "layer", "group", "name", "vector"}`.

    Raises:
        Problem: if it comes from another page, is not understood, or somebody has changed the file since it was read.
    """
    _check_origin(request)
    asked = _read(request)
    try:
        name = metadata.check_name(asked["name"])
        vector = None if asked["vector"] is None else metadata.shorten_vector(metadata.unpack_vector(asked["vector"]))
    except (TypeError, ValueError) as error:
        raise Problem(400, str(error)) from error

    def change(file: metadata.NamesFile) -> list[Any]:
        if file.version != asked["version"]:
            raise Problem(409, "the names were changed by somebody else meanwhile")
        gone = {place for place in asked["replaces"] if place in file.understood()}
        if len(gone) < len(asked["replaces"]):
            raise Problem(400, "replaces names places of the file where there is no name")
        before = [file.entries[place] for place in sorted(gone)]
        entry = metadata.make_entry(asked["layer"], asked["group"], name, vector, before)
        kept = [one for place, one in enumerate(file.entries) if place not in gone]
        return [*kept, entry] if name else kept

    try:
        return tell_names(folder, metadata.change_names(folder, change))
    except ValueError as error:
        raise Problem(409, str(error)) from error
    except OSError as error:
        raise Problem(403, f"{_forbid(folder)} ({error.strerror or error})") from error


def _forbid(folder: pathlib.Path) -> str:
    return f"TensorBoard may not write into {folder}: names are shown, but cannot be given here"


def _check_origin(request: wrappers.Request) -> None:
    """Refuse what another page sends through a person's browser.

    JSON cannot be sent across origins unless we say that it may, which we never do; and browsers tell where a request
    is from.
    """
    if request.mimetype != "application/json":
        raise Problem(415, "names are sent as application/json")
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    elsewhere = site not in (None, "same-origin")
    if site is None and origin is not None:
        elsewhere = urlsplit(origin).netloc.lower() != request.host.lower()
    if elsewhere:
        raise Problem(403, "names can be given in TensorBoard's own page only")


def _read(request: wrappers.Request) -> dict[str, Any]:
    if request.content_length is None:
        raise Problem(411, "a name is sent with its length before it")
    if request.content_length > MOST_BYTES:
        raise Problem(413, f"a name is sent in at most {MOST_BYTES:,} bytes")
    try:
        asked = json.loads(request.get_data(cache=False).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Problem(400, "this is no JSON") from error
    if not isinstance(asked, dict) or set(asked) != _KEYS:
        raise Problem(400, f"a name is sent with exactly the keys {', '.join(sorted(_KEYS))}")
    places = asked["replaces"]
    if not isinstance(places, list) or not all(type(place) is int and place >= 0 for place in places):
        raise Problem(400, "replaces is a list of places in the file")
    if len(set(places)) < len(places):
        raise Problem(400, "replaces names a place twice")
    for key in ("layer", "group"):
        if not isinstance(asked[key], str) or not 0 < len(asked[key]) <= _LONGEST_PATH:
            raise Problem(400, f"{key} is text of 1 to {_LONGEST_PATH} letters")
    return asked
