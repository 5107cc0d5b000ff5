"""`Budget`: how much of the training time looks may take, and what parts of a look that leaves room for."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_EFFORTS = (0.25, 0.5, 1.0)  # of a part that draws: pictures go on from the last look's, so few steps lose little


class Budget:
    """Decides which parts of a look may be made, and with what effort, from what each took before.

    Where there is no room for all, pictures are drawn in fewer steps; where there is none for that either, the cheapest
    parts go first and so keep every look, and what costs more waits until enough of the training time has gathered.

    Args:
        share: of the training time, e.g. 0.05; None is no limit.
        clock: says how late it is, in seconds.
    """

    def __init__(self, share: float | None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.share, self._clock = share, clock
        self.left_out: dict[str, int] = {}  # kind of a part -> looks that were made without it
        self.thinned: dict[str, int] = {}  # the same, in fewer steps
        self._missed: dict[str, int] = {}  # the same since its last record
        self._announced = False
        self.begin()

    def begin(self) -> None:
        """Count from now on: what was spent before, such as on compiling, is not held against later looks."""
        self._began, self._spent = self._clock(), 0.0
        self._costs: dict[str, dict[float, float]] = {}  # kind of a part -> effort -> seconds that it took last

    @contextlib.contextmanager
    def charged(self, kind: str | None = None, effort: float = 1.0) -> Iterator[None]:
        """While open, time is spent on a part of this kind, or for all of them."""
        started = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - started
            self._spent += seconds
            if kind is not None:
                self._costs.setdefault(kind, {})[effort] = seconds

    def plan_first(self, kinds: Mapping[str, bool], alone: bool = False) -> dict[str, float]:
        """Return the effort of each part in the first look, which is on top: little, since later ones go on from it.

        Args:
            kinds: as in `plan`.
            alone: whether no look will follow.
        """
        saves = self.share is not None and not alone
        return {kind: _EFFORTS[0] if draws and saves else 1.0 for kind, draws in kinds.items()}

    def plan(self, kinds: Mapping[str, bool], whole: bool = False) -> dict[str, float]:
        """Return the effort of each part in a look now, 0..1; 0 is a part that the look must do without.

        Args:
            kinds: of all parts -> whether it draws, and so can do with fewer steps.
            whole: whether a look in which anything is missing is worth nothing.
        """
        full = dict.fromkeys(kinds, 1.0)
        if self.share is None:
            return full
        free = self.share * (self._clock() - self._began - self._spent) - self._spent
        least = {kind: _EFFORTS[0] if draws else 1.0 for kind, draws in kinds.items()}
        chosen = dict.fromkeys(kinds, 0.0)
        ordered = sorted(kinds, key=lambda kind: self._predict(kind, least[kind]))
        for kind in ordered:
            cost = self._predict(kind, least[kind])
            if cost > max(free, 0):
                break
            chosen[kind] = least[kind]
            free -= cost
        for effort in _EFFORTS[1:] if all(chosen.values()) else ():  # else what is left gathers for those that wait
            for kind in ordered:
                more = self._predict(kind, effort) - self._predict(kind, chosen[kind])
                if chosen[kind] < effort and more <= max(free, 0):
                    chosen[kind] = effort
                    free -= more
        return dict.fromkeys(kinds, 0.0) if whole and chosen != full else chosen

    def _predict(self, kind: str, effort: float = 1.0) -> float:
        """Return how many seconds a part will take; 0 where nobody knows yet.

        Part of the time is the same with any effort, so twice the effort takes at most twice as long.
        """
        known = self._costs.get(kind, {})
        most = [seconds * effort / other for other, seconds in known.items() if other <= effort]
        if most:
            return min(most)
        return min((seconds * effort / other for other, seconds in known.items()), default=0.0)

    def note(self, plan: Mapping[str, float]) -> None:
        """Note how a look was made."""
        for kind, effort in plan.items():
            if not effort:
                self.left_out[kind] = self.left_out.get(kind, 0) + 1
                self._missed[kind] = self._missed.get(kind, 0) + 1
            elif effort < 1:
                self.thinned[kind] = self.thinned.get(kind, 0) + 1

    def describe(self, kind: str, about: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the next record of a part says of its look; also that looks before it were without the part."""
        missed = self._missed.pop(kind, 0)
        looks = f"{missed} look{'s' if missed > 1 else ''} before this one had no {kind}"
        told = [f"{looks}, to keep within max_overhead={self.share}"] if missed else []
        return {**about, "notes": [*about.get("notes", ()), *told]}

    def announce(self, plan: Mapping[str, float]) -> tuple[str, str] | None:
        """Return, the first time that something must be left out, what costs so much and what becomes of it.

        Args:
            plan: as `plan` returned it.
        """
        without = [kind for kind, effort in plan.items() if not effort]
        if not without or self._announced:
            return None
        self._announced = True
        some = [kind for kind in without if len(without) < len(self._costs)]
        seconds = sum(self._predict(kind) for kind in some or self._costs)
        what = f"{' and '.join(some)} of a look" if some else "a look"
        left = f"{' and '.join(some)} are left out of some looks" if some else "some looks are left out"
        takes = (
            f"{what} took {seconds:.1f} s: some are skipped to keep within max_overhead={self.share} (None lifts it)"
        )
        return takes, f"{left} from here on, to keep within max_overhead={self.share}."

    def summarize(self, skipped: int, failures: int) -> str:
        """Return what was left out in all and what failed; "" if nothing.

        Args:
            skipped: looks that were not made at all.
            failures: errors of parts.
        """
        if not (skipped or failures or self.left_out or self.thinned):
            return ""
        without = [f"{count} without {kind}" for kind, count in self.left_out.items()]
        fewer = [f"{count} with {kind} drawn in fewer steps" for kind, count in self.thinned.items()]
        told = ", ".join([f"{skipped} skipped", *without, *fewer])
        return f"{told} to keep max_overhead={self.share}; {failures} failures"
