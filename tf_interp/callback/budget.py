"""`Budget`: how much of the training time looks may take, and which parts of a look that leaves room for."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any


class Budget:
    """Decides which parts of a look may be made, from what each took last.

    The cheapest go first and so keep every look, as long as there is room for them; what costs more waits until enough
    of the training time has gathered.

    Args:
        share: of the training time, e.g. 0.05; None is no limit.
        clock: says how late it is, in seconds.
    """

    def __init__(self, share: float | None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.share, self._clock = share, clock
        self.left_out: dict[str, int] = {}  # kind of a part -> looks that were made without it
        self._missed: dict[str, int] = {}  # the same since its last record
        self._announced = False
        self.begin()

    def begin(self) -> None:
        """Count from now on: what was spent before, such as on compiling, is not held against later looks."""
        self._began, self._spent = self._clock(), 0.0
        self._costs: dict[str, float] = {}

    @contextlib.contextmanager
    def charged(self, kind: str | None = None) -> Iterator[None]:
        """While open, time is spent on a part of this kind, or for all of them."""
        started = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - started
            self._spent += seconds
            if kind is not None:
                self._costs[kind] = seconds

    def forgo(self, kinds: Sequence[str], whole: bool = False) -> list[str]:
        """Return which parts a look now must do without, in their order; all of them if there is no room for any.

        Args:
            kinds: of all parts.
            whole: whether a look without some of them is worth nothing.
        """
        if self.share is None:
            return []
        free = self.share * (self._clock() - self._began - self._spent) - self._spent
        chosen = []
        for kind in sorted(kinds, key=lambda kind: self._costs.get(kind, 0.0)):
            free -= self._costs.get(kind, 0.0)
            if free < 0 < self._costs.get(kind, 0.0):
                break
            chosen.append(kind)
        if whole and len(chosen) < len(kinds):
            return list(kinds)
        return [kind for kind in kinds if kind not in chosen]

    def leave_out(self, kinds: Sequence[str]) -> None:
        """Note which parts a look is made without."""
        for kind in kinds:
            self.left_out[kind] = self.left_out.get(kind, 0) + 1
            self._missed[kind] = self._missed.get(kind, 0) + 1

    def describe(self, kind: str, about: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the next record of a part says of its look; also that looks before it were without the part."""
        missed = self._missed.pop(kind, 0)
        looks = f"{missed} look{'s' if missed > 1 else ''} before this one had no {kind}"
        told = [f"{looks}, to keep within max_overhead={self.share}"] if missed else []
        return {**about, "notes": [*about.get("notes", ()), *told]}

    def announce(self, without: Sequence[str]) -> tuple[str, str] | None:
        """Return, the first time that something must be left out, what costs so much and what becomes of it.

        Args:
            without: as `forgo` returned it.
        """
        if not without or self._announced:
            return None
        self._announced = True
        some = [kind for kind in without if len(without) < len(self._costs)]
        seconds = sum(self._costs.get(kind, 0.0) for kind in some or self._costs)
        what = f"{' and '.join(some)} of a look" if some else "a look"
        left = f"{' and '.join(some)} are left out of some looks" if some else "looks are left out"
        takes = (
            f"{what} took {seconds:.1f} s: some are skipped to keep within max_overhead={self.share} (None lifts it)"
        )
        return takes, f"{left} from here on."

    def summarize(self, skipped: int, failures: int) -> str:
        """Return what was left out in all and what failed; "" if nothing.

        Args:
            skipped: looks that were not made at all.
            failures: errors of parts.
        """
        if not (skipped or failures or self.left_out):
            return ""
        without = [f"{count} without {kind}" for kind, count in self.left_out.items()]
        return f"{', '.join([f'{skipped} skipped', *without])} to keep max_overhead={self.share}; {failures} failures"
