"""`Finder`: reads the records of a run, look after look, and says what is worth telling, each thing once."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from tf_interp.findings.rules import RULES
from tf_interp.findings.run_finding import FINDING, LAYER, RunFinding, note_nan
from tf_interp.records import Record, read_runs

_COMMON = ("model", "class_names", "output", "epoch", "session", "restored")  # what each record says of its look


class Finder:
    """Collects the findings of one run.

    Args:
        before: findings of the same run that were told already, where it goes on.

    Example:
        >>> finder = Finder()
        >>> rows = {"count": 8, "constant": 8, "saturated": 0, "pictures": 40}
        >>> finder.see(Record("features", "conv", 90, "units", {"channels": rows, "epoch": 2}))
        >>> [finding.sentence for finding in finder.finish()]
        ['Epoch 3: no channel of conv reacts: each is constant on all 40 probe pictures.']
    """

    def __init__(self, before: Iterable[RunFinding] = ()) -> None:
        self.findings = list(before)
        self._look: list[Record] = []
        self._memory: dict[str, dict[Any, Any]] = {kind: {} for kind in RULES}
        self._noted: list[RunFinding] = []

    def see(self, record: Record) -> None:
        """Take a record of the look that is being made; nothing is kept of it after `finish`.

        Of a network whose weights are no numbers any more nothing else is told.
        """
        from tf_interp.models.value_range.range_guess import NAN_WEIGHTS  # not above: `--help` needs no TensorFlow

        if NAN_WEIGHTS in record.data.get("warnings", ()):
            self.note(note_nan(record.step, record.data.get("epoch")))
        elif record.kind in RULES:
            self._look.append(record)

    def note(self, finding: RunFinding) -> None:
        """Add a finding that no record shows; it is told with the others of the look."""
        self._noted.append(finding)

    def finish(self) -> list[RunFinding]:
        """End the look.

        Returns:
            What is told now and was not before, of most consequence first.
        """
        found, self._noted = self._noted, []
        looked, self._look = self._look, []
        for kind, rule in RULES.items():
            own = [record for record in looked if record.kind == kind]
            if own:
                found = found + rule(own, self.findings, self._memory[kind])
        known = {finding.key for finding in self.findings}
        new: dict[tuple[Any, ...], RunFinding] = {}
        for finding in sorted(found, key=lambda one: one.rank):
            if finding.key not in known:
                new.setdefault(finding.key, finding)
        self.findings += new.values()
        return list(new.values())

    def to_record(self, step: int, new: Iterable[RunFinding], common: Mapping[str, Any]) -> Record:
        """Return the record of all findings so far.

        Args:
            step: of the look that has ended.
            new: which of the findings are told at this look.
            common: data of another record of the look, for what all have in common.
        """
        told, new = sorted(self.findings, key=lambda one: one.rank), list(new)
        data = {name: common[name] for name in _COMMON if name in common} | {
            "findings": [finding.to_dict() | {"new": finding in new} for finding in told],
            "settings": {},
            "seconds": 0.0,
            "notes": [],
            "warnings": [],
            "scalars": {"findings": float(len(told))},
        }
        return Record(FINDING, LAYER, step, "Findings", data)


def read_findings(logdir: str | os.PathLike) -> dict[str, list[RunFinding]]:
    """Return the findings of all runs below a log directory.

    What a run recorded as findings is returned as it is; of a run without such records, from an older version, they
    are found in what it recorded.

    Args:
        logdir: a log directory; sub-folders are read as well.

    Returns:
        Run -> its findings, of most consequence first.

    Raises:
        ValueError: if it is not a folder.
    """
    last = {run: record for run, records in read_runs(logdir, [FINDING]).items() for record in records}
    return {run: _recall(last[run]) if run in last else _find(records) for run, records in read_runs(logdir).items()}


def _recall(record: Record) -> list[RunFinding]:
    return [RunFinding.from_dict(values) for values in record.data["findings"]]


def _find(records: Iterable[Record]) -> list[RunFinding]:
    finder, step = Finder(), None
    for record in records:
        if record.step != step:
            finder.finish()
        step = record.step
        finder.see(record)
    finder.finish()
    return sorted(finder.findings, key=lambda one: one.rank)
