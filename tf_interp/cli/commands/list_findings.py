"""`tf-interp findings`: what a run has found, for people, programs and continuous integration."""

import argparse
import difflib
import json
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from tf_interp.cli.terminal import Terminal, format_count
from tf_interp.findings import KINDS, RunFinding, read_findings
from tf_interp.records.packed import find_runs

FAILED = 1  # exit status where a finding of --fail-on is there


def findings_command(options: argparse.Namespace) -> int:
    """Print the findings of all runs below a log directory.

    Args:
        options: of the command.

    Returns:
        Exit status: 1 if there is a finding of --fail-on, else 0.

    Raises:
        ValueError: if it is no log directory, or a kind is unknown.
    """
    terminal = Terminal(options.quiet)
    kinds, fatal = [_parse(word)[0] for word in options.kind or []], [_parse(word) for word in options.fail_on or []]
    runs = read_findings(options.logdir)
    if not runs:
        raise ValueError(f"{options.logdir} holds no records of tf-interp: give a log directory of InterpCallback, or "
                         "one that tf-interp analyze wrote")  # fmt: skip
    known = set() if options.against is None else _read_known(options.against)
    shown = {
        run: [
            finding
            for finding in found
            if finding.step >= (options.since or 0)
            and (not kinds or finding.kind in kinds)
            and finding.key not in known
        ]
        for run, found in runs.items()
    }
    for run, found in shown.items():
        if options.json:
            for finding in found:
                terminal.result(json.dumps({"run": run, **finding.to_dict()}), soft_wrap=True)
        elif found:
            _print(terminal, run if len(runs) > 1 else None, found)
    count = sum(map(len, shown.values()))
    if not count:
        new = " that --against does not have" if options.against is not None else ""
        terminal.say(f"no findings{new} in {format_count(len(runs), 'run')}")
    hits = [finding for found in shown.values() for finding in found if _is_fatal(finding, fatal)]
    for kind, name in fatal:
        if name is not None and not any(
            _is_fatal(finding, [(kind, name)]) for found in runs.values() for finding in found
        ):
            _warn_of_unknown_name(terminal, options.logdir, kind, name)
    if hits:
        terminal.say(f"{format_count(len(hits), 'finding')} of --fail-on: exit status {FAILED}")
    return FAILED if hits else 0


def _read_known(logdir: pathlib.Path) -> set[tuple[Any, ...]]:
    """Return by what the findings of other runs are known."""
    others = read_findings(logdir)
    if not others:
        raise ValueError(f"--against {logdir} holds no records of tf-interp: everything would be new")
    return {finding.key for found in others.values() for finding in found}


def _warn_of_unknown_name(terminal: Terminal, logdir: pathlib.Path, kind: str, name: str) -> None:
    """Say that a name of --fail-on is of nothing that was looked at: misspelt, it would never fail."""
    names: set[str] = set()
    for run in find_runs(logdir):
        for record in run.read():
            data = record.data
            names |= {record.layer, *map(str, data.get("class_names") or ())}
            for row in [*(data.get("tests") or ()), *(data.get("groups") or ()), *(data.get("nodes") or ())]:
                if isinstance(row, dict):
                    names |= {str(row[key]) for key in ("concept", "target", "name", "layer") if row.get(key)}
    if name in names or re.fullmatch("class [0-9]+", name):
        return
    near = difflib.get_close_matches(name, names, 3, 0.5)
    terminal.warn(f"--fail-on {kind}:{name} can never fail: no concept, class, layer or group of these runs is called "
                  f"{name!r}{f'; did you mean {near}?' if near else ''}")  # fmt: skip


def _print(terminal: Terminal, run: str | None, found: Sequence[RunFinding]) -> None:
    if run is not None:
        terminal.result(f"{run}:")
    for finding in found:
        terminal.result(f"{finding.sentence}")
        terminal.result(f"    {finding.kind}: {finding.rate}\n")


def _parse(word: str) -> tuple[str, str | None]:
    """Return kind and concept, or None, of KIND[:CONCEPT]."""
    kind, _, concept = word.partition(":")
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1, 0.5)
        raise ValueError(
            f"no findings of kind {kind!r}: {f'did you mean {near[0]!r}?' if near else f'there are {list(KINDS)}'}"
        )
    return kind, concept or None


def _is_fatal(finding: RunFinding, fatal: Sequence[tuple[str, str | None]]) -> bool:
    """Return whether a finding is one of those that --fail-on names; what follows the colon may be any name in it."""
    evidence, numbers = finding.evidence or {}, finding.numbers
    shown = (evidence.get("layer"), numbers.get("node"), numbers.get("layer"))
    about = {str(value) for value in (*finding.subject.values(), *shown)}
    return any(finding.kind == kind and (name is None or name in about) for kind, name in fatal)
