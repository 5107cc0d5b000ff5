"""`embed_runs`: records as they stand in a page, each picture once, and as many steps as there is room for."""

import dataclasses
import hashlib
import itertools
import json
import struct
import tempfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import IO, Any

from tf_interp.records.packed import PackedRun

# 85 characters that neither HTML nor JSON has to escape; `report.js` has them in the same order.
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%'()*+-;=,?@^_`{|}~."
_PAIRS = [first + second for first in DIGITS for second in DIGITS]  # of two digits at once
_LIGHT = frozenset({"finding"})  # kinds that take no room, and say when what happened: all their steps are kept


def write_bytes(data: bytes) -> str:
    r"""Return bytes as text, five characters for four bytes: a fifth less than base64 adds.

    Args:
        data: any bytes.

    Returns:
        ASCII text; what is left over of the last four bytes takes one character more than it has bytes.

    Example:
        >>> write_bytes(b"\x00\x00\x00\x01!")
        '00001Ap'
    """
    rest = -len(data) % 4
    numbers = struct.unpack(f">{(len(data) + rest) // 4}I", data + bytes(rest))
    text = "".join(
        [_PAIRS[n // 614125] + _PAIRS[n // 85 % 7225] + DIGITS[n % 85] for n in numbers]  # 85 ** 3, 85 ** 2
    )
    return text[: len(text) - rest]


@dataclasses.dataclass(frozen=True)
class Embedded:
    """What a page holds of the records of its runs.

    Args:
        values: JSON values: "runs", "records", "pictures", as `report.js` reads them.
        kept: name of a run -> how many of its steps are in the page, and how many there are.
    """

    values: Mapping[str, Any]
    kept: Mapping[str, tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class _Piece:
    """One record, where its text waits in a file, and which pictures it shows."""

    series: Mapping[str, str]  # tag, kind, layer, and variant where there are several of these
    step: int
    wall_time: float
    place: tuple[int, int]
    pictures: tuple[int, ...]


class _Shelf:
    """Texts in a file, until it is known which of them have room."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._numbers: dict[bytes, int] = {}  # digest of a picture -> its number
        self.pictures: list[tuple[int, int]] = []  # where the text of each stands

    def put(self, data: bytes) -> tuple[int, int]:
        text = write_bytes(data).encode("ascii")
        start = self._file.seek(0, 2)
        self._file.write(text)
        return start, len(text)

    def put_picture(self, png: bytes) -> int:
        digest = hashlib.sha256(png).digest()
        if digest not in self._numbers:
            self._numbers[digest] = len(self.pictures)
            self.pictures.append(self.put(png))
        return self._numbers[digest]

    def get(self, place: tuple[int, int]) -> str:
        self._file.seek(place[0])
        return self._file.read(place[1]).decode("ascii")


def embed_runs(runs: Sequence[PackedRun], room: int) -> Embedded:
    """Return the records of runs for a page, thinned to the steps that there is room for.

    Of each run the same number of steps is kept, if it has so many: the first, the last, and others about evenly spaced
    between them, those at which something was found before their neighbors. Records of findings are kept at all steps,
    and so is the last record of each series.

    Args:
        runs: from `find_runs`.
        room: bytes that the text may take.

    Returns:
        The records and what was kept of them.

    Raises:
        ValueError: if the last step of each run takes more than that.
    """
    with tempfile.TemporaryFile() as file:
        shelf = _Shelf(file)
        pieces = {run.folder: _pack(run, shelf) for run in runs}
        steps = {
            folder: sorted({piece.step for piece in own if not _is_light(piece)} or {piece.step for piece in own})
            for folder, own in pieces.items()
        }
        most = max((len(own) for own in steps.values()), default=0)
        low, high = 0, most  # so many steps have room; so many may have
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if _measure(_choose(pieces, steps, middle), shelf) <= room else (low, middle - 1)
        if most and not low:
            size = _measure(_choose(pieces, steps, 1), shelf)
            raise ValueError(
                f"the last step alone takes {size / 1e6:.1f} MB of a report, and there are {max(room, 0) / 1e6:.1f} MB "
                "for records: give a larger --max-mb, or the log directory of one run"
            )
        chosen = _choose(pieces, steps, low)
        # a step of which only findings or the last record of a series are there is not counted: its look is left out
        kept = {run.name: (min(low, len(steps[run.folder])), len(steps[run.folder])) for run in runs}
        return Embedded(_lay_out(chosen, shelf), kept)


def choose_steps(steps: Sequence[int], count: int, told: Collection[int] = ()) -> list[int]:
    """Return some of the steps: the last; of two or more the first too, and others evenly between them.

    Args:
        steps: all of them, sorted.
        count: how many, from 1.
        told: of which step something is told: these take the place of the nearest one that is neither first nor last.

    Example:
        >>> choose_steps([0, 10, 20, 30, 40], 3), choose_steps([0, 10], 1), choose_steps([7], 3)
        ([0, 20, 40], [10], [7])
    """
    if count >= len(steps):
        return list(steps)
    if count == 1:
        return [steps[-1]]
    chosen = [steps[round(place * (len(steps) - 1) / (count - 1))] for place in range(count)]
    for step in sorted(set(told) & set(steps[1:-1]) - set(chosen)):
        free = [place for place in range(1, count - 1) if chosen[place] not in told]
        if free:
            chosen[min(free, key=lambda place: abs(chosen[place] - step))] = step
    return sorted(chosen)


def _pack(run: PackedRun, shelf: _Shelf) -> list[_Piece]:
    pieces = []
    for record in run.read():
        pictures = tuple(shelf.put_picture(png) for png in record.pngs)
        values = {"data": record.data, "title": record.title, "images": pictures}
        text = json.dumps(values, separators=(",", ":"), allow_nan=False)
        place = shelf.put(zlib.compress(text.encode("ascii"), 9))
        series = {"tag": record.tag, "kind": record.kind, "layer": record.layer}
        if isinstance(variant := record.data.get("variant"), str):
            series["variant"] = variant
        pieces.append(_Piece(series, record.step, record.wall_time, place, pictures))
    return pieces


def _is_light(piece: _Piece) -> bool:
    return piece.series["kind"] in _LIGHT


def _choose(
    pieces: Mapping[str, Sequence[_Piece]], steps: Mapping[str, Sequence[int]], count: int
) -> dict[str, list[_Piece]]:
    """Return what is kept of each run with so many steps; the last record of a series is always there."""
    chosen = {}
    for folder, own in pieces.items():
        told = {piece.step for piece in own if _is_light(piece)}
        wanted = set(choose_steps(steps[folder], count, told))
        last = {piece.series["tag"]: piece.step for piece in own}
        chosen[folder] = [
            piece
            for piece in own
            if piece.step in wanted or _is_light(piece) or piece.step == last[piece.series["tag"]]
        ]
    return chosen


def _measure(chosen: Mapping[str, Sequence[_Piece]], shelf: _Shelf) -> int:
    """Return the bytes that these records take in a page, with a little for what stands around each."""
    own = list(itertools.chain(*chosen.values()))
    pictures = {number for piece in own for number in piece.pictures}
    return sum(piece.place[1] + 40 for piece in own) + sum(shelf.pictures[number][1] + 10 for number in pictures)


def _lay_out(chosen: Mapping[str, Sequence[_Piece]], shelf: _Shelf) -> dict[str, Any]:
    records: list[str] = []
    pictures: dict[int, str] = {}
    runs: dict[str, dict[str, Any]] = {}
    for folder, own in chosen.items():
        tags = runs.setdefault(folder, {})
        for piece in own:
            about = {key: value for key, value in piece.series.items() if key != "tag"}
            series = tags.setdefault(piece.series["tag"], about | {"steps": [], "times": [], "records": []})
            series["steps"].append(piece.step)
            series["times"].append(piece.wall_time)
            series["records"].append(len(records))
            for number in piece.pictures:
                if number not in pictures:
                    pictures[number] = shelf.get(shelf.pictures[number])
            records.append(shelf.get(piece.place))
    return {"runs": runs, "records": records, "pictures": pictures}
