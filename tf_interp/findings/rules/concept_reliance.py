"""Concepts: a decision begins to rely on one, stops, or the concept turns against it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tf_interp.findings.run_finding import RunFinding, find_in
from tf_interp.records import Record

_CONTRASTS = ("paired", "random", "continuous", "relative")  # the clearest comparison first
_OWN = _CONTRASTS[:3]  # of a concept by itself, not with its siblings
_AGAINST = {
    "paired": "beside the same examples without it",
    "random": "beside random examples",
    "continuous": "for each standard deviation more of it",
    "relative": "beside examples of {}",
}
_THRESHOLD = "a plain threshold: the 95 % interval of this step's test alone"
_LOOKS = 2  # in a row, in which the interval includes 0


def find_reliance(records: Sequence[Record], told: Iterable[RunFinding], memory: dict[Any, Any]) -> list[RunFinding]:
    """Return which decisions begin to rely on a concept, stop doing so, or turn.

    In training a decision relies on a concept when the alarm rings, in a finished model when a test is a finding.

    Args:
        records: of kind "concepts", of all layers at one look.
        told: what was found before.
        memory: kept from look to look.

    Returns:
        The findings.
    """
    found: dict[tuple[str, str], tuple[Any, ...]] = {}
    for record in records:
        watch, rows = record.data.get("watch"), record.data.get("tests", ())
        for row in rows:
            rings = row.get("alarm") == record.step if watch else _is_settled(record, row)
            if not rings or _is_said_otherwise(row, rows):
                continue
            rank = (row["claim"] != "finding", _rank(row), -abs(row["displacement"]))
            key = row["target"], row["concept"]
            if key not in found or rank < found[key][0]:
                found[key] = rank, record, row
    begins = [_tell_reliance(record, row) for _, record, row in found.values()]
    return begins + [item for one in told if one.kind == "relies" for item in _follow(one, records, memory)]


def _is_settled(record: Record, row: Mapping[str, Any]) -> bool:
    """Return whether a test of a finished model is a finding."""
    return row.get("claim") == "finding" and not record.data.get("exploratory")


def _is_said_otherwise(row: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a comparison with siblings says nothing of its own.

    What tells two concepts apart is no reliance on either of them where each is also compared by itself; and where
    there is only the one comparison, it stands there twice, with both signs.
    """
    if row["contrast"] in _OWN:
        return False
    others = [other for other in rows if other["target"] == row["target"]]
    mirrored = any(
        [other["concept"]] == row.get("against") and other.get("against") == [row["concept"]] for other in others
    )
    alone = not any(other["concept"] == row["concept"] and other["contrast"] in _OWN for other in others)
    return not alone or (mirrored and row["displacement"] < 0)


def _rank(row: Mapping[str, Any]) -> int:
    return _CONTRASTS.index(row["contrast"]) if row["contrast"] in _CONTRASTS else len(_CONTRASTS)


def _tell_reliance(record: Record, row: Mapping[str, Any]) -> RunFinding:
    data = record.data
    watch = data.get("watch")
    if watch:
        tests = "its one test" if watch["tests"] == 1 else f"its {watch['tests']} tests"
        sure = f"alarm valid at {100 * watch['alpha']:.3g} % over this whole training and {tests}"
        rate = (
            f"at most {100 * watch['alpha']:.3g} % of trainings have a false alarm of this kind, over all tests and "
            "looks"
        )
    else:
        tests = "the only test" if data["family"] == 1 else f"{data['family']:,} tests"
        sure = f"p = {row['p_holm']:.2g} after correction for {tests}"
        rate = f"at most {100 * data['alpha']:.3g} % of such analyses have a false finding of this kind"
    begins = "begins to rely" if watch else "relies"
    also = ", as it would on other patterns too" if row["claim"] == "not specific" else ""
    words = (
        f"the {_name_quantity(row)} {row['target']} {begins} on {row['concept']}{also} ({_measure(row)} in "
        f"{record.layer}, {_compare(row)}; {sure})."
    )
    subject = {"target": row["target"], "concept": row["concept"]}
    numbers = {name: row[name] for name in ("displacement", "ci_low", "ci_high", "p_holm", "contrast", "claim")}
    return find_in(record, "relies", words, subject, rate, numbers)


def _follow(one: RunFinding, records: Sequence[Record], memory: dict[Any, Any]) -> list[RunFinding]:
    """Return what became of a concept that a decision relies on, in the layer and comparison that it was found in."""
    layer = (one.evidence or {}).get("layer")
    wanted = {**one.subject, "contrast": one.numbers.get("contrast")}
    for record in records:
        rows = [] if record.layer != layer or record.step <= one.step else record.data.get("tests", ())
        for row in rows:
            if any(row.get(name) != value for name, value in wanted.items()) or row["displacement"] is None:
                continue
            crosses = row["ci_low"] <= 0 <= row["ci_high"]
            memory[one.key] = memory.get(one.key, 0) + 1 if crosses else 0
            turned = not crosses and row["displacement"] * one.numbers["displacement"] < 0
            kind = "turns-sign" if turned else "stops-relying" if memory[one.key] >= _LOOKS else None
            if kind is None:
                continue
            what = (
                f"{row['concept']} now speaks {'for' if row['displacement'] > 0 else 'against'} {row['target']}, the "
                "other way than before"
                if turned
                else f"the {_name_quantity(row)} {row['target']} no longer relies on {row['concept']}"
            )
            where = f"{_measure(row)} in {record.layer}, {_compare(row)}; the interval is that of this step alone"
            numbers = {name: row[name] for name in ("displacement", "ci_low", "ci_high", "contrast")}
            return [find_in(record, kind, f"{what} ({where}).", one.subject, _THRESHOLD, numbers)]
    return []


def _name_quantity(row: Mapping[str, Any]) -> str:
    quantity = row.get("quantity", "logit")
    return {"number": "output", "score": "score"}.get(quantity, f"{quantity} of")


def _measure(row: Mapping[str, Any]) -> str:
    return f"{row['displacement']:+.3g} [{row['ci_low']:.3g}, {row['ci_high']:.3g}]"


def _compare(row: Mapping[str, Any]) -> str:
    contrast = row["contrast"] if row["contrast"] in _AGAINST else "relative"
    return _AGAINST[contrast].format(" and ".join(row.get("against") or ["other concepts"]))
