"""Class names from a file, as they come with many networks: one a line, or JSON."""

import codecs
import json
import os
import pathlib
from typing import Any


def read_class_names(path: str | os.PathLike) -> tuple[str, ...]:
    r"""Return the class names that a file holds, by class index.

    Args:
        path: text with one name per line, in UTF-8, or in UTF-16 with its mark; or `.json`: a list of names; a mapping
            of indices to names, or to [id, name] as Keras's `imagenet_class_index.json` has them; a mapping of names to
            indices.

    Returns:
        The names.

    Raises:
        ValueError: if it cannot be read or is none of these, an index is missing, or a line in the middle is empty:
            classes behind it would be called wrong.

    Example:
        >>> import tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp(), "labels.txt")
        >>> _ = file.write_text("cat\ndog\n")
        >>> read_class_names(file)
        ('cat', 'dog')
    """
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"class names: {path}: {error.strerror}; expected a text or .json file") from error
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected a text file in UTF-8, one class name per line ({error})") from error
    if pathlib.Path(path).suffix == ".json":
        return _read_json(text, path)
    names = tuple(name.strip() for name in text.rstrip().replace("\r\n", "\n").split("\n"))
    if "" in names:
        raise ValueError(f"{path}: expected one class name per line, but line {names.index('') + 1} is empty")
    return names


def _read_json(text: str, path: Any) -> tuple[str, ...]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if isinstance(value, dict):
        if value and all(isinstance(item, int) for item in value.values()):
            value = {str(index): name for name, index in value.items()}
        if sorted(value, key=str) != sorted(map(str, range(len(value)))):
            raise ValueError(f"{path}: expected the indices 0 to {len(value) - 1}, got {list(value)[:5]}...")
        value = [value[str(index)] for index in range(len(value))]
    if not isinstance(value, list):
        raise ValueError(f"{path}: expected a list or a mapping of class names, got {type(value).__name__}")
    names = [item[-1] if isinstance(item, list) and item else item for item in value]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"{path}: names must be text, got {names[:3]}...")
    return tuple(names)
