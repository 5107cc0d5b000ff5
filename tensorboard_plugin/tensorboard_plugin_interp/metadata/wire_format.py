"""Plugin name, schema number, tags, and the one wire format of a record. Standard library only.

A record travels as a list of byte strings, `[header JSON, png, png, ...]`, in one BLOB_SEQUENCE event. The header is
`{"schema", "kind", "layer", "step", "title", "data"}`; what `data` holds for each kind is written in `http_api.md`.
"""

import json
import re

PLUGIN_NAME = "interpretability"
TAB_NAME = "Interpretability"
SCHEMA = 1
SUBRUN = "interp"  # records live in `<run>/interp`, with one writer, beside Keras's own `train` and `validation`
HEADER_KEYS = ("schema", "kind", "layer", "step", "title", "data")
MAX_DEPTH = 100  # lists in lists of a header; what is deeper is no record, and no reader's stack would hold it
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def name_session(number: int) -> str:
    """Return the sub-run that holds a session: one training of a run whose log directory is used several times.

    Args:
        number: from 1.

    Returns:
        Name of the folder.

    Example:
        >>> [name_session(number) for number in (1, 2)]
        ['interp', 'interp-2']
    """
    return SUBRUN if number == 1 else f"{SUBRUN}-{number}"


def parse_session(name: str) -> int | None:
    """Return the number of the session that a sub-run holds, or None if it holds none.

    Args:
        name: what `name_session` returned, or any name of a folder.

    Example:
        >>> [parse_session(name) for name in ("interp", "interp-2", "train")]
        [1, 2, None]
    """
    match = re.fullmatch(rf"{SUBRUN}(?:-([2-9]|[1-9][0-9]{{1,8}}))?", name)
    return None if match is None else int(match[1] or 1)


def make_tag(kind: str, layer: str, variant: str = "") -> str:
    """Return the name under which TensorBoard keeps the series of a record.

    Args:
        kind: of the record.
        layer: path of the layer.
        variant: tells records of one kind, layer and step from each other, where there are several: digits.

    Raises:
        ValueError: if the variant has anything but digits.

    Example:
        >>> make_tag("groups", "block1/conv"), make_tag("groups", "block1/conv", "8")
        ('groups/block1/conv', 'groups:8/block1/conv')
    """
    if variant and not re.fullmatch(r"[0-9]{1,9}", variant):
        raise ValueError(f"the variant of a record has up to nine digits and nothing else, got {variant!r}")
    return f"{kind}:{variant}/{layer}" if variant else f"{kind}/{layer}"


def split_tag(tag: str) -> tuple[str, str, str]:
    """Return kind, layer and variant of a tag.

    Args:
        tag: from `make_tag`.

    Example:
        >>> split_tag("groups:8/block1/conv"), split_tag("features/a:1/b")
        (('groups', 'block1/conv', '8'), ('features', 'a:1/b', ''))
    """
    kind, _, layer = tag.partition("/")
    match = re.fullmatch(r"(.+):([0-9]{1,9})", kind)
    return (kind, layer, "") if match is None else (match[1], layer, match[2])


def pack(header: dict, pngs: list[bytes]) -> list[bytes]:
    """Return the byte strings that carry one record.

    Args:
        header: the keys of `HEADER_KEYS`; JSON values only, NaN and infinities are refused.
        pngs: encoded PNG images, in the order in which `data` numbers them.

    Returns:
        `[header JSON as UTF-8, png, png, ...]`.

    Raises:
        ValueError: if a header key is missing, a value is not JSON, or lists are nested too deep.

    Example:
        >>> header = dict(schema=1, kind="features", layer="conv", step=0, title="t", data={})
        >>> unpack(pack(header, []))[0]["kind"]
        'features'
    """
    missing = [key for key in HEADER_KEYS if key not in header]
    if missing:
        raise ValueError(f"a record header needs the keys {list(HEADER_KEYS)}, missing: {missing}")
    text = _write({key: header[key] for key in HEADER_KEYS})
    if text is None or _is_deeper(text, MAX_DEPTH):
        raise ValueError(f"data of a record nests more than {MAX_DEPTH} lists or objects")
    return [text, *pngs]


def unpack(blobs: list[bytes]) -> tuple[dict, list[bytes]]:
    """Return the header and the PNG images of one packed record.

    Args:
        blobs: what `pack` returned.

    Returns:
        `(header, pngs)`.

    Raises:
        ValueError: if the bytes are not a record, or its schema is newer than this version reads.
    """
    try:
        header = json.loads(bytes(blobs[0]).decode("utf-8"))
        schema = header["schema"]
    except (IndexError, UnicodeDecodeError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not a tf-interp record: {error!r}") from error
    if _is_deeper(bytes(blobs[0]), MAX_DEPTH):
        raise ValueError(f"not a tf-interp record: its header nests more than {MAX_DEPTH} lists or objects")
    if not isinstance(schema, int) or schema > SCHEMA:
        raise ValueError(f"this record has schema {schema!r}, this version reads up to {SCHEMA}: upgrade tf-interp")
    return header, [bytes(blob) for blob in blobs[1:]]


def _write(header: dict) -> bytes | None:
    """Return JSON; None of what is nested so deep that Python gives up."""
    try:
        return json.dumps(header, allow_nan=False).encode("utf-8")
    except RecursionError:
        return None


def _is_deeper(text: bytes, depth: int) -> bool:
    """Return whether valid JSON nests lists and objects deeper than that: by its brackets, from the innermost pairs on.

    The tree that it stands for may have a hundred thousand places; to walk through it takes longer than to read it.
    """
    unescaped = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    left = b"".join(unescaped.split(b'"')[::2]).translate(_SQUARE, _NO_BRACKETS)  # strings may hold any
    for _ in range(depth):
        left = left.replace(b"[]", b"")
        if not left:
            return False
    return True
