"""Units: channels that do not react to what the network is given, or only ever give their ends."""

from collections.abc import Iterable, Sequence
from typing import Any

from tf_interp.findings.run_finding import RunFinding, find_in
from tf_interp.records import Record

_SHARE = 0.25  # of a layer's channels
_RATE = f"a plain threshold: {100 * _SHARE:.0f} % of the layer's channels, on all probe pictures"


def find_idle_units(records: Sequence[Record], told: Iterable[RunFinding], memory: dict[Any, Any]) -> list[RunFinding]:
    """Return layers of which many channels are dead, constant or saturated.

    Args:
        records: of kind "features", of all layers at one look.
        told: what was found before.
        memory: kept from look to look.

    Returns:
        The findings, one for each layer and kind.
    """
    found = []
    for record in records:
        channels = record.data.get("channels")
        if not channels or not channels["count"]:
            continue
        count, constant, saturated = (channels[name] for name in ("count", "constant", "saturated"))
        on = f"on all {channels['pictures']} probe pictures"
        of = f"of {count} channels of {record.layer} are"
        if constant == count:
            kind, words = "constant-layer", f"no channel of {record.layer} reacts: each is constant {on}."
        elif constant >= _SHARE * count:
            kind, words = "dead-units", f"{constant} {of} constant {on}."
        elif saturated >= _SHARE * count:
            kind, words = "saturated-units", f"{saturated} {of} at their ends {on}."
        else:
            continue
        found.append(find_in(record, kind, words, {"layer": record.layer}, _RATE, dict(channels)))
    return found
