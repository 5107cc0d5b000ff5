"""`collect_contents`: what a log directory tells, as one dictionary that every form of the report is made of.

It holds the last step of each series: words and numbers as the records have them, no pictures.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

import tf_interp
from tf_interp.findings import RunFinding
from tf_interp.records.packed import PackedRecord, PackedRun

VERSION = 1  # of the dictionary: keys may be added, others keep name and meaning
_TEST = ("target", "concept", "contrast", "quantity", "displacement", "ci_low", "ci_high", "p_holm", "specificity",
         "claim", "sentence", "verdict", "cautions", "alarm")  # fmt: skip
# What turns the text around it: as the tab, a report shows a mark in its place.
_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SIDES = {"features": "feature visualization", "groups": "groups of neurons", "attribution": "attribution",
          "decision": "decisions", "dictionary": "dictionary", "concepts": "concept tests"}  # fmt: skip


def collect_contents(
    name: str, runs: Sequence[PackedRun], findings: Mapping[str, Sequence[RunFinding]]
) -> dict[str, Any]:
    """Return what the runs of a log directory tell.

    Args:
        name: of the log directory.
        runs: from `find_runs`.
        findings: from `read_findings`.

    Returns:
        JSON values: "report" (version), "title", "made_by", "recorded", "notices" (what was left out), "runs": list of
        {"run", "session", "model", "output", "class_names", "steps", "epoch", "probe", "looked_at", "warnings",
        "notes", "findings", "concepts", "groups", "decisions", "features"}.
    """
    found = [_tell_run(run, name, [finding.to_dict() for finding in findings.get(run.name, [])]) for run in runs]
    written = max((run.pop("_written") for run in found), default=0.0)
    moment = datetime.datetime.fromtimestamp(written, datetime.UTC)
    return {
        "report": VERSION,
        "title": _clean(f"Interpretability report: {name}"),
        "made_by": f"tf-interp {tf_interp.__version__}",
        "recorded": moment.strftime("%Y-%m-%d %H:%M UTC"),
        "notices": [],
        "runs": [_clean(run) for run in found],
    }


def _tell_run(run: PackedRun, top: str, findings: list[dict[str, Any]]) -> dict[str, Any]:
    last: dict[str, PackedRecord] = {}
    steps: set[int] = set()
    for record in run.read():
        last[record.tag] = record
        steps.add(record.step)
    records = sorted(last.values(), key=lambda record: _by_name(record.tag))
    newest: Mapping[str, Any] = max(last.values(), key=lambda record: record.step).data if last else {}
    of = {kind: [record for record in records if record.kind == kind] for kind in _SIDES}
    return {
        "run": top if run.name == "." else run.name,
        "session": newest.get("session") or 1,
        "model": _object(newest, "model"),
        "output": _object(newest, "output"),
        "class_names": newest.get("class_names"),
        "steps": sorted(steps),
        "epoch": newest.get("epoch"),
        "probe": _tell_probe(records),
        "looked_at": [
            {"what": _SIDES.get(kind, kind), "layers": [record.layer for record in records if record.kind == kind]}
            for kind in dict.fromkeys(record.kind for record in records)
            if kind != "finding"
        ],
        "warnings": _gather(records, "warnings"),
        "notes": _gather(records, "notes"),
        "findings": findings,
        "headline": _tell_headline(of["concepts"]),
        "concepts": [
            {"layer": record.layer, "step": record.step, "correction": record.data.get("correction"),
             "cautions": _list(record.data, "cautions"),
             "tests": [{name: row.get(name) for name in _TEST} for row in _rows(record.data, "tests")]}
            for record in of["concepts"]
        ],
        "groups": [
            {"layer": record.layer, "variant": record.data.get("variant"), "step": record.step,
             "method": record.data.get("method"), "left_out": record.data.get("left_out"),
             "error": record.data.get("error"), "groups": [_tell_group(row) for row in _rows(record.data, "groups")]}
            for record in of["groups"]
        ],
        "decisions": [
            {"layer": record.layer, "step": record.step,
             "pictures": [_name_picture(record.data, row.get("probe")) | {"sentence": row["sentence"]}
                          for row in _rows(record.data, "pictures") if isinstance(row.get("sentence"), str)]}
            for record in of["decision"]
        ],
        "features": [
            {"layer": record.layer, "step": record.step,
             "units": [{name: row.get(name) for name in ("name", "activation", "probe_max", "status")}
                       for row in _rows(record.data, "units")]}
            for record in of["features"]
        ],
        "_written": max((record.wall_time for record in records), default=0.0),
    }  # fmt: skip


def _tell_headline(records: Sequence[PackedRecord]) -> dict[str, Any]:
    """Return what the last concept tests say in one sentence; the layers of one step have the same."""
    newest = max(records, key=lambda record: record.step, default=None)
    return {} if newest is None else _object(_object(newest.data, "headline"), "finding")


def _tell_group(row: Mapping[str, Any]) -> dict[str, Any]:
    word = _object(row, "word")
    proofs = [{"target": target} | dict(proof) for target, proof in _object(row, "proofs").items() if proof]
    return {
        "name": row.get("name"),
        "share": row.get("share"),
        "word": word.get("word"),
        "evidence": word.get("evidence"),
        "fires": row.get("fires"),
        "proofs": proofs,
    }


def _tell_probe(records: Sequence[PackedRecord]) -> dict[str, Any] | None:
    """Return how many pictures were looked at, and how many of those that are told of were decided right."""
    probes = [(_object(record.data, "probe"), record.step) for record in records if record.data.get("probe")]
    if not probes:
        return None
    judged = [[value for value in _judge(probe) if value is not None] for probe, _ in probes]
    at = max(range(len(probes)), key=lambda at: (bool(judged[at]), probes[at][1], len(judged[at])))  # the last look
    right = judged[at]
    return {"count": probes[at][0].get("count"), "right": sum(right) if right else None, "judged": len(right)}


def _judge(probe: Mapping[str, Any]) -> list[bool | None]:
    """Return of each picture whether it was decided right, as the tab does; older records do not say so."""
    if isinstance(probe.get("right"), list):
        return [value if isinstance(value, bool) else None for value in probe["right"]]
    pairs = zip(_list(probe, "predictions"), _list(probe, "labels"), strict=False)
    return [None if None in pair else pair[0] == pair[1] for pair in pairs]


def _name_picture(data: Mapping[str, Any], row: Any) -> dict[str, Any]:
    """Return what a person calls a picture, its file or which one it is, and whether it was decided right."""
    probe = _object(data, "probe")
    if not isinstance(row, int) or row < 0:
        return {"picture": "picture", "right": None}
    own, right = _list(probe, "ids")[row : row + 1], _judge(probe)[row : row + 1]
    named = own and isinstance(own[0], str) and not re.fullmatch("[0-9a-f]{12,}", own[0])
    return {"picture": own[0] if named else f"picture {row + 1}", "right": right[0] if right else None}


def _gather(records: Sequence[PackedRecord], key: str) -> list[str]:
    """Return the sentences of all records, each once."""
    return list(dict.fromkeys(str(text) for record in records for text in _list(record.data, key)))


def _object(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return an object that a record holds, or an empty one where it holds something else, as one of anybody's may."""
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else []


def _rows(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    return [row for row in _list(data, key) if isinstance(row, dict)]


def _by_name(tag: str) -> list[tuple[bool, int, str]]:
    """Return a key by which conv2 stands before conv10."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"([0-9]+)", tag)]


def _clean(value: Any) -> Any:
    """Return JSON values without characters that turn the text around them."""
    if isinstance(value, str):
        return _OVERRIDES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return value
