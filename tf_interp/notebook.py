"""`show`: recorded analyses in a notebook, as HTML that stays when the notebook is exported."""

import os
import pathlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tf_interp.display import color_signs, name_some, number_of, tell, write_block, write_lines, write_picture
from tf_interp.records import Record, read_runs, write
from tf_interp.report import tell_in_html

MOST = 40  # pictures
_SHEETS = {  # kind -> what is shown of its record, and what that is
    "features": {"pictures": "drawn to excite each unit", "crops": "parts of the probe that excite the units most"},
    "groups": {"icons": "drawn for each group", "crops": "parts of the probe where the groups fire most"},
    "dictionary": {"icons": "drawn for each word", "crops": "parts of the probe where the words fire most"},
}
_ROWS = {"features": "units", "groups": "groups", "dictionary": "words"}  # what has the names


class Shown:
    """Recorded analyses as a notebook shows them; made by `show`.

    Args:
        html: static HTML, without scripts.
        line: what they are, for a console.
    """

    def __init__(self, html: str, line: str) -> None:
        self.html, self._line = html, line

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self._line


def show(source: str | os.PathLike | Record | Iterable[Record]) -> Shown:
    """Show recorded analyses in a notebook: their findings, tables and pictures, of the last step of each series.

    It is plain static HTML, the text of `write_report(..., "report.md")` with the pictures in it: no script, no frame
    and no server, so that it stays in the notebook, in what nbconvert makes of it, and where scripts are not trusted.
    The whole tab, with all steps and what can be clicked, is in the file of `write_report(..., "report.html")`.

    Args:
        source: a log directory, with all runs below it, or records. Where records hold a series and step twice, the
            last one counts.

    Returns:
        What a notebook shows if it is the last line of a cell.

    Raises:
        ValueError: if there are no records.
        TypeError: if it holds something else.

    Example:
        >>> ti.show(records)
        Shown(1 record, features, layers 'conv', 2 pictures)
    """
    if isinstance(source, str | os.PathLike):
        return _show_folder(pathlib.Path(source), pathlib.Path(source).resolve().name)
    records = [source] if isinstance(source, Record) else list(source)
    if wrong := [item for item in records if not isinstance(item, Record)]:
        raise TypeError(f"show takes a log directory or records, got {type(wrong[0]).__name__}")
    if not records:
        raise ValueError("there are no records to show: give those of analyze, or a log directory")
    last = {(record.step, record.tag): record for record in records}
    with tempfile.TemporaryDirectory() as folder:
        write([last[key] for key in sorted(last)], folder)
        return _show_folder(pathlib.Path(folder), "records")


def _show_folder(folder: pathlib.Path, name: str) -> Shown:
    words, runs = tell_in_html(folder, name), read_runs(folder)
    last: dict[tuple[str, str], Record] = {}
    count = 0
    for run, records in runs.items():
        for record in records:
            last[run, record.tag] = record
            count += record.kind != "finding"
    pictures = [
        write_lines([f"{run}: {said}" if len(runs) > 1 else said], picture)
        for (run, _), record in last.items()
        for said, picture in _draw(record)
    ]
    kinds = ", ".join(dict.fromkeys(record.kind for record in last.values()))
    layers = f"layers {name_some(dict.fromkeys(record.layer for record in last.values() if record.kind != 'finding'))}"
    shown = Shown("", "")
    line = tell(shown, number_of(count, "record"), kinds, layers, number_of(len(pictures), "picture"))
    rest = [f"{len(pictures) - MOST} more pictures are in the report of write_report."] if len(pictures) > MOST else []
    return Shown(write_block(line, words, *pictures[:MOST], notes=rest), line)


def _draw(record: Record) -> Iterator[tuple[str, str]]:
    """Yield pictures of a record, each a sentence and its HTML."""
    data = record.data
    given = data.get(_ROWS.get(record.kind, ""))
    rows = [row for row in given if isinstance(row, Mapping)] if isinstance(given, list) else []
    names = f": {name_some((row.get('name') for row in rows), 12)}" if rows else ""
    for key, said in _SHEETS.get(record.kind, {}).items():
        if (image := _find(record, data.get(key))) is not None:
            said = f"{record.title}, step {record.step}, {said}{names}"
            yield said, write_picture(image, said, 96 * data[key].get("columns", 1))
    if record.kind == "attribution":
        parts = [_find(record, data.get(key)) for key in ("positive", "negative")]
        if parts[0] is not None and parts[1] is not None:
            said = f"{record.title}, step {record.step}: for it (blue), against it (red)"
            signed = parts[0].astype(np.float32) - parts[1]
            picture = (255 * color_signs(signed[None])[0] + 0.5).astype(np.uint8)
            yield said, write_picture(picture, said, 96 * data["positive"].get("columns", 1))


def _find(record: Record, sheet: Any) -> np.ndarray | None:
    """Return the picture of a sheet, if the record has it, as one of anybody's may not."""
    number = sheet.get("image") if isinstance(sheet, Mapping) else None
    return record.images[number] if isinstance(number, int) and 0 <= number < len(record.images) else None
