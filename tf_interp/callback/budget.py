"""`Budget`: how much of the training time looks may take."""

import time


class Budget:
    """Decides whether another look may be taken, from what the last ones took.

    Args:
        share: of the training time, e.g. 0.05; None is no limit.
    """

    def __init__(self, share: float | None) -> None:
        self.share = share
        self.began = time.perf_counter()
        self.spent = self.last = 0.0

    def allows(self) -> bool:
        """Return whether a look like the last one keeps within the share of the training time."""
        training = time.perf_counter() - self.began - self.spent
        return self.share is None or self.spent + self.last <= self.share * training or self.last == 0

    def explain(self) -> str:
        """Return why looks are skipped, and what to do about it."""
        return (
            f"a look takes {self.last:.1f} s; some are skipped to keep within max_overhead={self.share} (None lifts it)"
        )

    def charge(self, seconds: float) -> None:
        """Note what a look took."""
        self.spent, self.last = self.spent + seconds, seconds
