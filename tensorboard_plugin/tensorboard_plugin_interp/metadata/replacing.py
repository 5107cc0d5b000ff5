"""`replace_file`: a file that is there whole or not at all."""

import pathlib
import uuid
from collections.abc import Callable
from typing import Any


def replace_file(path: pathlib.Path, write: Callable[[Any], Any]) -> None:
    """Write a file beside its place and move it there, so that a reader sees the old or the new one, whole.

    Args:
        path: the place; its folder is made if need be.
        write: called with a binary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")  # threads and other machines may write the same file
    try:
        with beside.open("wb") as file:
            write(file)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
