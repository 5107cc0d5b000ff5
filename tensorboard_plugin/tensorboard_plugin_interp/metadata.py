"""Plugin name, schema number, and the one wire format of a record. Standard library only.

A record travels as a list of byte strings, `[header JSON, png, png, ...]`, in one BLOB_SEQUENCE event. The header is
`{"schema", "kind", "layer", "step", "title", "data"}`; what `data` holds for each kind is written in `http_api.md`.
"""

import json

PLUGIN_NAME = "interpretability"
TAB_NAME = "Interpretability"
SCHEMA = 1
SUBRUN = "interp"  # records live in `<run>/interp`, with one writer, beside Keras's own `train` and `validation`
HEADER_KEYS = ("schema", "kind", "layer", "step", "title", "data")


def pack(header: dict, pngs: list[bytes]) -> list[bytes]:
    """Return the byte strings that carry one record.

    Args:
        header: the keys of `HEADER_KEYS`; JSON values only, NaN and infinities are refused.
        pngs: encoded PNG images, in the order in which `data` numbers them.

    Returns:
        `[header JSON as UTF-8, png, png, ...]`.

    Raises:
        ValueError: if a header key is missing or a value is not JSON.

    Example:
        >>> header = dict(schema=1, kind="features", layer="conv", step=0, title="t", data={})
        >>> unpack(pack(header, []))[0]["kind"]
        'features'
    """
    missing = [key for key in HEADER_KEYS if key not in header]
    if missing:
        raise ValueError(f"a record header needs the keys {list(HEADER_KEYS)}, missing: {missing}")
    return [json.dumps({key: header[key] for key in HEADER_KEYS}, allow_nan=False).encode("utf-8"), *pngs]


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
    except (IndexError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not a tf-interp record: {error!r}") from error
    if not isinstance(schema, int) or schema > SCHEMA:
        raise ValueError(f"this record has schema {schema!r}, this version reads up to {SCHEMA}: upgrade tf-interp")
    return header, [bytes(blob) for blob in blobs[1:]]
