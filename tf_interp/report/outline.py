"""`make_outline`: a report's dictionary as headings, paragraphs, lists and tables, for any form of text."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

PICTURES = 10  # decisions of a step that are told in a text
UNITS = 12  # units of a layer


@dataclasses.dataclass(frozen=True)
class Block:
    """One piece of a text.

    Args:
        kind: "heading", "paragraph", "list" or "table".
        lines: the text; of a table its rows, the head first, of any other kind rows of one cell.
        level: of a heading, from 1.
    """

    kind: str
    lines: Sequence[Sequence[str]]
    level: int = 0


def make_outline(contents: Mapping[str, Any]) -> list[Block]:
    """Return a report as a text.

    Args:
        contents: from `collect_contents`.

    Returns:
        The blocks, in order; their words are as they are in the records, nothing is escaped.
    """
    runs = contents["runs"]
    blocks = [_heading(1, contents["title"]), _paragraph(" ".join(describe_report(contents)))]
    if contents["notices"]:
        blocks.append(_list(contents["notices"]))
    for run in runs:
        level = 2
        if len(runs) > 1:
            blocks.append(_heading(2, f"Run {run['run']}"))
            level = 3
        blocks += _outline_run(run, level)
    return blocks


def describe_report(contents: Mapping[str, Any]) -> list[str]:
    """Return what a report says of itself: which runs it holds, when they were recorded, and what made it."""
    runs = contents["runs"]
    names = sorted({run["model"].get("name") or "" for run in runs} - {""})
    of = f" of {', '.join(names)}" if names else ""
    return [
        f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}{of}, the last recorded {contents['recorded']}.",
        f"Made by {contents['made_by']}.",
    ]


def _outline_run(run: Mapping[str, Any], level: int) -> list[Block]:
    blocks: list[Block] = []
    if run["warnings"]:
        blocks += [_heading(level, "Read this first"), _list(run["warnings"])]
    blocks += [_heading(level, "What was looked at"), _list(_describe_run(run))]
    if run["findings"]:
        said = [f"{row['sentence']} ({row['rate']})" if row["rate"] else row["sentence"] for row in run["findings"]]
        blocks += [_heading(level, "Findings"), _list(said)]
    if run["concepts"]:
        blocks += [_heading(level, "Concepts"), *_outline_concepts(run)]
    if run["decisions"]:
        blocks += [_heading(level, "Decisions"), *_outline_decisions(run)]
    if run["groups"]:
        blocks += [_heading(level, "Groups of neurons"), *_outline_groups(run, level + 1)]
    if run["features"]:
        blocks += [_heading(level, "Units"), *_outline_units(run)]
    return blocks


def _describe_run(run: Mapping[str, Any]) -> list[str]:
    steps, output = run["steps"], run["output"]
    lines = [f"Model: {run['model'].get('name') or 'unnamed'}"]
    if output.get("kind"):
        lines.append(f"Output: {output.get('label')}, {output['kind']} ({output.get('evidence')})")
    if len(steps) > 1 or any(steps):
        epoch = f", epoch {run['epoch'] + 1}" if isinstance(run["epoch"], int) else ""
        of = "of the last" if _is_of_one_look(run) else "of the last, except where an earlier step is named"
        lines.append(f"Steps: {len(steps)}, from {steps[0]} to {steps[-1]}{epoch}; what follows is {of}")
    if probe := run["probe"]:
        right = f", {probe['right']} of {probe['judged']} decided right" if probe["right"] is not None else ""
        lines.append(f"Probe: {probe['count']} pictures{right}")
    lines += [f"{_begin(row['what'])}: {', '.join(row['layers'])}" for row in run["looked_at"]]
    return lines


def _is_of_one_look(run: Mapping[str, Any]) -> bool:
    told = [record for kind in ("concepts", "decisions", "groups", "features") for record in run[kind]]
    return not any(_tell_step(run, record) for record in told)


def _tell_step(run: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """Return at which step a part looked last, where the last look left it out or was of other layers."""
    return "" if record["step"] == run["steps"][-1] else f", step {record['step']}"


def _outline_concepts(run: Mapping[str, Any]) -> list[Block]:
    blocks: list[Block] = []
    headline = run["headline"]
    if said := " ".join(str(headline[key]) for key in ("sentence", "verdict") if headline.get(key)):
        blocks.append(_paragraph(said))
    rows = [
        [layer["layer"] + _tell_step(run, layer), test["target"], test["concept"], test["contrast"], _interval(test),
         _number(test["p_holm"]), _percent(test["specificity"]), test["claim"] or "–"]
        for layer in run["concepts"] for test in layer["tests"]
    ]  # fmt: skip
    quantities = {test["quantity"] or "target" for layer in run["concepts"] for test in layer["tests"]}
    moves = f"moves the {quantities.pop() if len(quantities) == 1 else 'target'} by [95 %]"
    head = ["layer", "target", "concept", "compared", moves, "p corrected", "specific", "claim"]
    blocks.append(_table(head, rows))
    careful = dict.fromkeys(text for layer in run["concepts"] for text in layer["cautions"])
    if careful:
        blocks.append(_paragraph(f"Be careful: {'; '.join(map(str, careful))}."))
    return blocks


def _outline_decisions(run: Mapping[str, Any]) -> list[Block]:
    rows = [row | {"at": _tell_step(run, layer)} for layer in run["decisions"] for row in layer["pictures"]]
    wrong_first = sorted(rows, key=lambda row: row["right"] is not False)
    said = [f"{row['picture']}{_verdict(row['right'])}{row['at']}: {row['sentence']}" for row in wrong_first]
    return [_list([*said[:PICTURES], *_more(len(said), PICTURES, "decision")])] if said else []


def _verdict(right: bool | None) -> str:
    return "" if right is None else " (right)" if right else " (wrong)"


def _outline_groups(run: Mapping[str, Any], level: int) -> list[Block]:
    blocks = []
    for layer in run["groups"]:
        rows = [
            [group["name"], _percent(group["share"]), group["word"] or "–", _proof(group["proofs"])]
            for group in layer["groups"]
        ]
        name = f"{layer['layer']}, {layer['variant']}" if layer["variant"] else layer["layer"]
        blocks.append(_heading(level, name + _tell_step(run, layer)))
        if layer["left_out"]:
            part = _percent(layer["left_out"])
            said = f"{part} of the layer's activation is negative and left out; shares are of the rest."
            blocks.append(_paragraph(said))
        blocks.append(_table(["group", "share", "word", "proof"], rows))
    return blocks


def _outline_units(run: Mapping[str, Any]) -> list[Block]:
    lines = []
    for layer in run["features"]:
        units = [
            f"{unit['name']} (probe reaches {_number(unit['probe_max'])}"
            f"{'' if unit['status'] in ('ok', None) else ', ' + str(unit['status'])})"
            for unit in layer["units"]
        ]
        shown = [*units[:UNITS], *_more(len(units), UNITS, "unit")]
        lines.append(f"{layer['layer']}{_tell_step(run, layer)}: {', '.join(shown)}")
    return [_list(lines)]


def _proof(proofs: Sequence[Mapping[str, Any]]) -> str:
    """Return in words what the strongest proof of a group says, beside chance."""
    known = [proof for proof in proofs if isinstance(proof.get("change"), int | float)]
    if not known:
        return "–"
    most = max(known, key=lambda proof: abs(proof["change"]))
    chance = _number(most.get("random"))
    beside = "" if chance == "–" else f", ±{chance} without a random direction"
    return f"{most['target']}: {_signed(most['change'])} without it{beside}"


def _more(count: int, shown: int, noun: str) -> list[str]:
    rest = count - shown
    return [f"{rest} more {noun}{'' if rest == 1 else 's'}"] if rest > 0 else []


def _interval(test: Mapping[str, Any]) -> str:
    value = _signed(test["displacement"])
    if None in (test["ci_low"], test["ci_high"]):
        return value
    return f"{value} [{_number(test['ci_low'])}, {_number(test['ci_high'])}]"


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    whole = 999.5 <= abs(value) < 999_999.5  # three digits would be 1e+03
    return (f"{value:,.0f}" if whole else f"{value:.3g}").replace("-", "−")


def _signed(value: Any) -> str:
    text = _number(value)
    return f"+{text}" if text[0].isdigit() and value > 0 else text


def _percent(value: Any) -> str:
    return "–" if _number(value) == "–" else f"{100 * value:.1f} %"


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]


def _heading(level: int, text: Any) -> Block:
    return Block("heading", [[str(text)]], level)


def _paragraph(text: Any) -> Block:
    return Block("paragraph", [[str(text)]])


def _list(lines: Sequence[Any]) -> Block:
    return Block("list", [[str(line)] for line in lines])


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Block:
    return Block("table", [[str(cell) for cell in row] for row in (head, *rows)])
