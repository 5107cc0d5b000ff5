"""`tf-interp findings`: what a run has found, for people, programs and continuous integration."""

import argparse
import difflib
import json
from collections.abc import Sequence

from tf_interp.cli.terminal import Terminal, format_count
from tf_interp.findings import KINDS, RunFinding, read_findings

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
    known = set()
    if options.against is not None:
        known = {finding.key for found in read_findings(options.against).values() for finding in found}
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
    if hits:
        terminal.say(f"{format_count(len(hits), 'finding')} of --fail-on: exit status {FAILED}")
    return FAILED if hits else 0


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
    """Return whether a finding is one of those that --fail-on names; what follows the colon may be anything in it."""
    about = {str(value) for value in finding.subject.values()}
    return any(finding.kind == kind and (name is None or name in about) for kind, name in fatal)
