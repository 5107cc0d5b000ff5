"""Groups: one that had settled is gone, or a large one appears among settled ones."""

from collections.abc import Iterable, Sequence
from typing import Any

from tf_interp.findings.run_finding import RunFinding, find_in
from tf_interp.records import Record

_SETTLED = 2  # looks in a row at which nothing happened to the groups of a layer
_SHARE = 0.1  # of the layer's activation
_RATE = f"a plain threshold: groups that nothing happened to at {_SETTLED} looks, a share of {100 * _SHARE:.0f} %"


def find_turnover(records: Sequence[Record], told: Iterable[RunFinding], memory: dict[Any, Any]) -> list[RunFinding]:
    """Return which large groups come or go in layers whose groups had settled.

    Args:
        records: of kind "groups", of all layers at one look.
        told: what was found before.
        memory: kept from look to look.

    Returns:
        The findings.
    """
    found = []
    for record in records:
        data = record.data
        before = memory.get(record.tag, {"quiet": 0, "shares": {}})
        shares = {group["identity"]: group["share"] for group in data.get("groups", ()) if "identity" in group}
        among = f", among {data['variant']} groups," if data.get("variant") else ""  # several numbers are recorded
        events = [event for event in data.get("events", ()) if event["event"] in ("birth", "death")]
        for event in events if before["quiet"] >= _SETTLED else ():
            lost, identity = event["event"] == "death", event["identity"]
            share = (before["shares"] if lost else shares).get(identity) or 0
            if share < _SHARE:
                continue
            what = "is gone" if lost else "appears"
            words = (
                f"in {record.layer}{among} the group {event['name']!r}, {100 * share:.0f} % of the layer's activation, "
                f"{what}, though the groups there had settled."
            )
            subject = {"layer": record.layer, "group": event["name"]}
            kind = "group-lost" if lost else "group-born"
            found.append(find_in(record, kind, words, subject, _RATE, {"share": share, "identity": identity}))
        quiet = 0 if data.get("events") else before["quiet"] + 1
        memory[record.tag] = {"quiet": quiet, "shares": shares}
    return found
