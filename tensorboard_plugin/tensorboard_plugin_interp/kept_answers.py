"""`KeptAnswers`: the answers that were used last."""

import threading
from collections.abc import Hashable
from typing import Any


class KeptAnswers:
    """A dictionary of so many entries, for several threads; what was kept first goes first.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._answers: dict[Hashable, Any] = {}

    def keep(self, question: Hashable, answer: Any) -> None:
        """Keep one, in place of what was known before."""
        with self._lock:
            self._answers.pop(question, None)
            self._answers[question] = answer
            if len(self._answers) > self._most:
                del self._answers[next(iter(self._answers))]

    def get(self, question: Hashable, otherwise: Any) -> Any:
        """Return what is known, or what is given for that."""
        with self._lock:
            return self._answers.get(question, otherwise)
