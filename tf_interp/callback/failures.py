"""`Failures`: what becomes of an error of ours while somebody's network trains."""

import collections
import logging
import os
import traceback

from tf_interp.analysis import Part

_LOG = logging.getLogger("tf_interp")
_STRIKES = 3  # failures in a row after which a part leaves the training alone
RAISE_VARIABLE = "TF_INTERP_RAISE"  # set in tests and CI: every swallowed error is raised


class Failures:
    """Counts the errors of parts, tells of each cause once, and switches off a part that fails again and again.

    Args:
        on_error: "warn", "disable" or "raise", as in `InterpCallback`.
    """

    def __init__(self, on_error: str) -> None:
        self._on_error = on_error
        self._most = 1 if on_error == "disable" else _STRIKES
        self._strikes: collections.Counter[str] = collections.Counter()
        self._told: set[str] = set()
        self.count = 0

    def begin(self) -> None:
        """Give every part another chance."""
        self._strikes.clear()

    def is_off(self, part: Part) -> bool:
        """Return whether a part is switched off."""
        return self._strikes[part.kind] >= self._most

    def forgive(self, part: Part) -> None:
        """Note that a part has worked."""
        self._strikes[part.kind] = 0

    def report(self, part: Part, error: Exception) -> None:
        """Count a failure; log the first traceback of each cause; say so when a part is switched off."""
        self._count(type(part).__name__, error)
        self._strikes[part.kind] += 1
        if self._strikes[part.kind] == self._most:
            _LOG.warning("InterpCallback: %s is switched off; training and the other parts go on", type(part).__name__)

    def report_other(self, name: str, error: Exception) -> None:
        """Count an error of what is no part; log the first traceback of each cause."""
        self._count(name, error)

    def _count(self, name: str, error: Exception) -> None:
        if self._on_error == "raise" or os.environ.get(RAISE_VARIABLE):
            raise error
        self.count += 1
        cause = f"{type(error).__name__}: {error}"
        if cause not in self._told:
            self._told.add(cause)
            text = "".join(traceback.format_exception(error))
            _LOG.warning("InterpCallback: %s failed, training goes on.\n%s", name, text)
