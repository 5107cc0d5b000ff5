"""`ConceptWatch`: the same concept tests look after look, and an alarm when a decision begins to depend on one."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_interp.concepts.result.explain import bears_out
from tf_interp.concepts.result.result import ConceptTest
from tf_interp.concepts.watching.alarm import Alarm
from tf_interp.concepts.watching.spending import Spending, get_spending, get_spent, guess_share
from tf_interp.display import cut, number_of, tell, write_number

_LEAST = 1.0  # logits


@dataclasses.dataclass(frozen=True)
class Ring:
    """A test for which the alarm rang.

    Args:
        number: of the test's row.
        row: the row, one of `ConceptTest.rows`.
        strength: how large the displacement is, in units of what chance is allowed at this look; below 1 where it was
            beyond chance at a look before and only now its row bears it out, NaN where chance is allowed nothing now.
    """

    number: int
    row: dict[str, Any]
    strength: float

    def __repr__(self) -> str:
        named = " ".join(cut(self.row.get(key)) for key in ("layer", "target", "concept", "contrast"))
        return tell(self, f"test {self.number}", named, f"strength {write_number(self.strength)}")


class ConceptWatch:
    """An alarm for concept tests that are made at many steps of one training, valid over all tests and looks.

    The probability that it ever rings for something that is not there is `alpha` at most, over all looks and tests,
    also beside others that are there. The layers and targets of a comparison share its part of alpha, as they share its
    relabelings; different comparisons, whose pictures are others, have equal parts. Exact for random, relative, paired
    and continuous contrasts, also with sources, since the relabelings are those of the test itself. Where a training
    stops early, less was spent. It must not depend on which pictures show the concept when looks are made.

    Args:
        alpha: probability of a false alarm in a whole training.
        spending: how alpha is spread over it, see `get_spending`.
        looks: how many it will make, where `look` is told no share; None where nobody knows: the alarm then never has
            spent all of alpha.
        start: share of the training for which others have spent their part of alpha: where a training that was
            interrupted goes on, the share at which it was looked at last.

    Raises:
        ValueError: if alpha is not between 0 and 1, or no such spending function is known.

    Source: see `Alarm`, which it has one of for each comparison.

    Example:
        >>> watch, rings = ConceptWatch(looks=2), []
        >>> for step in range(2):
        ...     test = tcav(model, {"striped": stripes}, photos, {"zebra": zebras}, "conv3", permutations=200)
        ...     rings += [(step, ring.row["concept"], ring.row["contrast"]) for ring in watch.look(test)]
        >>> len({ring[1:] for ring in rings}) == len(rings)  # never twice for the same test
        True
    """

    def __init__(
        self, alpha: float = 0.05, *, spending: str | Spending = "linear", looks: int | None = None, start: float = 0.0
    ) -> None:
        if not 0 < alpha < 1:
            raise ValueError(f"alpha must be a probability between 0 and 1, got {alpha!r}")
        if not 0 <= start <= 1:
            raise ValueError(f"start must be a share of the training, 0..1, got {start!r}")
        if looks is not None and (isinstance(looks, bool) or not isinstance(looks, int | np.integer) or looks < 1):
            raise ValueError(f"looks must be a number of looks of at least 1, or None, got {looks!r}")
        self.alpha, self.looks, self.start = alpha, looks, start
        self.share = start  # of the training that was over at the last look
        self.made = 0  # looks
        self._spending = get_spending(spending)
        self._alarms: dict[tuple[str, str], Alarm] = {}
        self._asked: dict[str, Any] = {}  # what is tested at each look
        self._beyond: set[int] = set()  # rows, which have the same number at each look
        self._rung: set[int] = set()

    @property
    def spent(self) -> float:
        """How much of alpha may have been spent by now."""
        return self.alpha * get_spent(self._spending, self.start, self.share)

    def is_behind(self, share: float | None) -> bool:
        """Return whether a share of a training that is over says that another training has begun."""
        return share is not None and self.made > 0 and share < self.share

    def look(
        self, test: ConceptTest, share: float | None = None, least: Mapping[str, float] | None = None
    ) -> list[Ring]:
        """Read a test once more.

        Args:
            test: what `tcav` returned, with the same concepts, targets, layers and settings at each look.
            share: of the training that is over, 0..1, never less than before; None counts looks.
            least: target -> the smallest displacement that counts, in the units of the target; of others, and for
                None, 1 where these are logits (the odds change by a factor of 2.7), else 0.

        Returns:
            The tests for which the alarm rings now and did not before, strongest first. It rings only where the row
            itself bears it out: no flag forbids a claim, and all of the interval is beyond the smallest displacement
            that counts. Chance alone is ruled out soon for any trace of an effect; to rely on something is more.

        Raises:
            ValueError: if the share goes back, or the test has no relabelings (method "kim2018"), or others than at the
                look before.
        """
        if not test.designs:
            raise ValueError(
                'an alarm needs tests with relabelings: use tcav with method="displacement", not '
                f"{test.settings['method']!r}"
            )
        if share is None:
            over = guess_share(self.made) if self.looks is None else (self.made + 1) / self.looks
            share = self.start + (1 - self.start) * over
        share = min(1.0, float(share))
        if self.is_behind(share):
            raise ValueError(
                f"the share of the training that is over went back from {self.share:.3g} to {share:.3g}: another "
                "training needs a ConceptWatch of its own"
            )
        self._check(test)
        self.share, self.made = share, self.made + 1
        rings = []
        for number, strength in self._read(test):
            if strength >= 1:
                self._beyond.add(number)
            if number not in self._beyond - self._rung:
                continue
            row = test.rows[number]
            if bears_out(row) and _counts(row, least or {}):
                self._rung.add(number)
                rings.append(Ring(number, row, strength))
        return sorted(rings, key=lambda ring: -np.nan_to_num(ring.strength))

    def _check(self, test: ConceptTest) -> None:
        """Raise if something else is tested than at the look before: rows and relabelings would not be the same."""
        given = test.settings
        asked = {
            "comparisons": list(test.designs.items()),
            "targets": list(given["targets"]),
            **{name: given[name] for name in ("layers", "permutations", "seed")},
        }
        other = [name for name, value in self._asked.items() if asked[name] != value]
        if other:
            raise ValueError(
                f"a ConceptWatch needs the same test at each look, now it has other {' and '.join(other)}: another "
                "test needs a ConceptWatch of its own, with a part of alpha"
            )
        self._asked = asked

    def _read(self, test: ConceptTest) -> list[tuple[int, float]]:
        """Return number and strength of each test, those of a comparison by an alarm of their own."""
        layers = test.settings["layers"]
        found = []
        for order, ((concept, contrast), design) in enumerate(test.designs.items()):
            alarm = self._alarms.get((concept, contrast))
            if alarm is None:
                part = self.alpha / len(test.designs)
                alarm = self._alarms[concept, contrast] = Alarm(part, self._spending, self.start)
            projections = np.concatenate([test.projections[layer, concept, contrast] for layer in layers], 1)
            known = np.isfinite(projections).all(0)  # of a layer that holds NaN nothing can be said
            true, null = design.test(
                np.where(known, projections, 0.0).astype(np.float32),
                test.settings["permutations"],
                test.settings["seed"],
            )
            reading = alarm.look(self.share, np.where(known, np.concatenate([true[None], null]), np.nan))
            for place, strength in enumerate(reading.strength):  # rows: by layer, then target, then comparison
                found.append((place * len(test.designs) + order, float(strength)))
        return found

    @property
    def too_coarse(self) -> float | None:
        """The smallest alpha at which it could ring at all with so few relabelings; None where alpha is enough."""
        if not self._alarms:
            return None
        designs = dict(self._asked["comparisons"])
        # with few sources relabelings come in pairs of the same size, and neither is larger than the other
        least = max(max(alarm.smallest, designs[key].p_smallest) for key, alarm in self._alarms.items())
        left = get_spent(self._spending, self.start, 1.0)
        least = least * len(designs) / left if left > 0 else float("inf")
        return least if least > self.alpha else None

    def __repr__(self) -> str:
        of = "" if self.looks is None else f" of {self.looks}"
        rung = f"rang for {number_of(len(self._rung), 'test')}" if self._rung else "never rang"
        return tell(self, f"alpha {self.alpha:g}", f"{self.made}{of} looks made", f"{self.spent:.3g} spent", rung)


def least_of(quantity: str) -> float:
    """Return the smallest displacement that counts where nothing else is known: a logit, or any of other numbers."""
    return _LEAST if quantity in ("logit", "log-odds", "log-probability") else 0.0


def _counts(row: Mapping[str, Any], least: Mapping[str, float]) -> bool:
    """Return whether all of a row's interval is beyond the smallest displacement that counts."""
    usual = least_of(row.get("quantity", "logit"))
    return min(abs(row["ci_low"]), abs(row["ci_high"])) >= least.get(row["target"], usual)
