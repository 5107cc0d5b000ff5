"""Attribution: what speaks for a class lies on the border of most of its pictures."""

import collections
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tf_interp.findings.run_finding import RunFinding, find_in, name_class
from tf_interp.records import Record

_LEAST = 4  # pictures of a class
_WIDTH = 1 / 8  # of the picture's side
_MOST = 0.5  # of what speaks for the class
_TIMES = 1.5  # as much as the border has of the area
_RATE = f"a plain threshold: over half of at least {_LEAST} probe pictures"


def find_border_evidence(
    records: Sequence[Record], told: Iterable[RunFinding], memory: dict[Any, Any]
) -> list[RunFinding]:
    """Return the classes for which most of what speaks for them lies on the border.

    Args:
        records: of kind "attribution", of all layers at one look.
        told: what was found before.
        memory: kept from look to look.

    Returns:
        The findings, one for each class: of the layer in which it is clearest.
    """
    best: dict[str, RunFinding] = {}
    for record in records:
        for finding in _find(record):
            name = finding.subject["target"]
            if name not in best or finding.numbers["share"] > best[name].numbers["share"]:
                best[name] = finding
    return list(best.values())


def _find(record: Record) -> list[RunFinding]:
    data = record.data
    sheet, pictures = data.get("positive"), data.get("pictures") or ()
    if not sheet or not pictures:
        return []
    maps = cut_cells(record.images[sheet["image"]], sheet)[: len(pictures)]
    inside = _inside(maps.shape[1:])
    area = 1 - inside.mean()
    if area > 1 / _TIMES:  # of so coarse a map nearly all is border
        return []
    totals = maps.sum((1, 2))
    shares = np.where(totals > 0, 1 - (maps * inside).sum((1, 2)) / np.maximum(totals, 1e-9), 0.0)
    by_class: dict[int, list[float]] = collections.defaultdict(list)
    for picture, share in zip(pictures, shares, strict=False):
        if picture.get("target") is not None:
            by_class[picture["target"]].append(float(share))
    found = []
    for index, own in sorted(by_class.items()):
        on_border = [share for share in own if share > max(_MOST, _TIMES * area)]
        if len(own) < _LEAST or len(on_border) <= len(own) / 2:
            continue
        name = name_class(record, index)
        share = float(np.median(own))
        words = (
            f"in {len(on_border)} of {len(own)} probe pictures most of what speaks for {name} lies on the border (by "
            f"{record.layer}, {100 * share:.0f} % in the median, on {100 * area:.0f} % of the area)."
        )
        numbers = {"share": share, "area": float(area), "pictures": len(own), "on_border": len(on_border)}
        found.append(find_in(record, "border-evidence", words, {"target": name}, _RATE, numbers))
    return found


def _inside(sides: Sequence[int]) -> np.ndarray:
    """Return which positions are not on the border, bool [h,w]."""
    inside = np.zeros(sides, bool)
    high, wide = (max(1, round(side * _WIDTH)) for side in sides)
    inside[high : sides[0] - high, wide : sides[1] - wide] = True
    return inside


def cut_cells(picture: np.ndarray, sheet: dict[str, Any]) -> np.ndarray:
    """Return the cells of a grey sheet, float64 [count,h,w].

    Args:
        picture: uint8 [H,W] or [H,W,3].
        sheet: its description, {"rows", "columns", "count"}.
    """
    grey = np.asarray(picture, np.float64)
    grey = grey if grey.ndim == 2 else grey[..., :3].mean(-1)
    rows, columns = sheet["rows"], sheet["columns"]
    height, width = grey.shape[0] // rows, grey.shape[1] // columns
    cells = grey.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)
    return cells[: sheet["count"]]
