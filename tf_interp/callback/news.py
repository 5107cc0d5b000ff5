"""`News`: what is found while a network trains reaches people: console, log, and the user's own function."""

import logging
import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any

from tf_interp.findings import Finder, RunFinding
from tf_interp.findings.run_finding import note_nan, tell_moment
from tf_interp.models import Model
from tf_interp.records import Record

_LOG = logging.getLogger("tf_interp")
_LOGGED = ("part-failed", "looks-skipped")  # a warning of the callback has said so, and what to do
_BY_US = "a fact: it is counted, not judged"


class News:
    """The findings of one training, told as they come.

    Lines are held back until Keras is between two of its own, so that no progress bar is torn.

    Args:
        on_finding: called with each `RunFinding`, or None.
    """

    def __init__(self, on_finding: Callable[[RunFinding], Any] | None) -> None:
        self._call = on_finding
        self._finder = Finder()
        self._common: Mapping[str, Any] = {}
        self._lines: list[str] = []

    @property
    def findings(self) -> list[RunFinding]:
        """What was found so far, in the order in which it was."""
        return list(self._finder.findings)

    def begin(self, last: Record | None) -> None:
        """Begin a session; `last` is the record of what an earlier part of the same training found, or None."""
        values = [] if last is None else last.data["findings"]
        self._finder = Finder(RunFinding.from_dict(item) for item in values)

    def see(self, record: Record) -> Record:
        """Take a record of the look that is being made, and return it."""
        self._finder.see(record)
        self._common = record.data
        return record

    def note(self, kind: str, words: str, step: int, epoch: int | None, **subject: Any) -> None:
        """Add what no record shows: a failure, looks that were left out, a loss that is no number."""
        sentence = tell_moment(step, epoch) + words
        self._finder.note(RunFinding(kind, sentence, step, epoch, subject, _BY_US))

    def see_weights(self, model: Model, step: int, epoch: int | None) -> bool:
        """Note weights that are no numbers any more, once in the log too, and return whether they are so."""
        if not model.holds_nan:
            return False
        finding = note_nan(step, epoch)
        if finding.key not in [one.key for one in self.findings]:
            _LOG.warning("InterpCallback: %s No part is run of such a look.", finding.sentence)
        self._finder.note(finding)
        return True

    def see_loss(self, loss: Any, step: int, epoch: int) -> None:
        """Note a loss that is no number any more."""
        if isinstance(loss, numbers.Real) and not math.isfinite(loss):
            self.note("not-finite", f"the loss is {float(loss)}.", step, epoch, number="loss")

    def end_look(
        self,
        step: int,
        epoch: int | None,
        write: Callable[[Record], None],
        failed: Callable[[str, Exception], None],
        weights: str | None = None,
    ) -> None:
        """Find what is new at this look, write it, and hand it to the user's function.

        Args:
            step: of the look.
            epoch: of the look.
            write: takes the record of all findings so far; called if there is something new.
            failed: what to do with an error: whose it is, and the error. No training dies of a finding.
            weights: digest of the network's, where a look may have no other record.
        """
        new: list[RunFinding] = []
        try:
            new = self._finder.finish()
            if new:
                common = {**self._common, "epoch": epoch}
                if weights is not None and "model" in common:
                    common["model"] = {**common["model"], "weights": weights}
                write(self._finder.to_record(step, new, common))
        except Exception as error:
            failed("findings", error)
        self._lines += [finding.sentence for finding in new if finding.kind not in _LOGGED]
        call = self._call
        if call is None:
            return
        for finding in new:
            try:
                call(finding)
            except Exception as error:
                failed("on_finding", error)

    def tell(self, quiet: bool) -> None:
        """Print the lines that were held back; of a quiet training they go to the log only."""
        lines, self._lines = self._lines, []
        for line in lines:
            _LOG.info("InterpCallback: %s", line)
            if not quiet:
                print(line, flush=True)
