"""Decisions: most pictures of a class hang on one region of the input, or on one group of neurons."""

import collections
from collections.abc import Iterable, Sequence
from typing import Any

from tf_interp.findings.run_finding import RunFinding, find_in, name_class
from tf_interp.records import Record

_DECIDES = ("multiclass", "binary")  # elsewhere the highest number is no choice
_LEAST = 4  # pictures of a class, below which nothing is said
_MOST = 0.5  # of them hang on a node
_FEW = 0.25  # of them hang on any other node: where many do, none is the one
_RATE = f"a plain threshold: over half of at least {_LEAST} probe pictures, each measured"


def find_deciders(records: Sequence[Record], told: Iterable[RunFinding], memory: dict[Any, Any]) -> list[RunFinding]:
    """Return which single nodes of the decisions' graphs, switched off alone, change most decisions for a class.

    Args:
        records: of kind "decision" at one look.
        told: what was found before.
        memory: kept from look to look.

    Returns:
        The findings, at most one region and one group for each class: the only one without which most pictures are
        taken for something else.
    """
    return [finding for record in records for finding in _find(record)]


def _find(record: Record) -> list[RunFinding]:
    data = record.data
    untrained = "session" in data and data.get("epoch") is None
    if untrained or (data.get("output") or {}).get("kind") not in _DECIDES:
        return []
    nodes = data.get("nodes", ())
    decided: dict[int, list[Any]] = collections.defaultdict(list)
    for picture in data.get("pictures", ()):
        if picture.get("classes") and picture.get("off"):
            decided[picture["classes"][0]].append(picture)
    found = []
    for index, own in sorted(decided.items()):
        name = name_class(record, index)
        for kind, wanted in (("one-region-decides", "input"), ("one-group-decides", "group")):
            places = [place for place, node in enumerate(nodes) if node["kind"] == wanted]
            flips = {place: sum(_flips(picture, place) for picture in own) for place in places}
            if len(places) < 2 or len(own) < _LEAST:
                continue
            first, *others = sorted(places, key=lambda place: -flips[place])
            second = flips[others[0]]
            if flips[first] <= _MOST * len(own) or second > _FEW * len(own):
                continue
            node, count = nodes[first], flips[first]
            where = f"{node['name']} of {'the input' if wanted == 'input' else node['layer']}"
            what = "region" if wanted == "input" else "group"
            words = (
                f"of {len(own)} probe pictures taken for {name}, {count} are no longer when {where} alone is switched "
                f"off; for any other {what} it is {second} at most."
            )
            numbers = {"node": node["name"], "pictures": len(own), "changed": count, "second": second}
            numbers |= {} if wanted == "input" else {"layer": node["layer"]}
            found.append(find_in(record, kind, words, {"target": name}, _RATE, numbers))
    return found


def _flips(picture: dict[str, Any], place: int) -> bool:
    """Return whether another class is ahead when a node is switched off."""
    left = [score + change for score, change in zip(picture["scores"], picture["off"][place], strict=True)]
    return len(left) > 1 and max(left[1:]) > left[0]
