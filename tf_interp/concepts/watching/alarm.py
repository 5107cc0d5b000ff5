"""An alarm that may ring at any look: tests that share their relabelings, read again and again, with one error rate."""

from typing import NamedTuple

import numpy as np

from tf_interp.concepts.watching.spending import Spending, get_spent

_ROUNDING = 1e-5  # numbers that differ by no more of their spread are ties: nobody is beyond them


class Reading(NamedTuple):
    """What an alarm says at one look.

    Args:
        beyond: bool [R], which tests are beyond what chance is allowed at this look.
        strength: float64 [R], how large each is, in units of the threshold; 1 and more is beyond. NaN without one.
    """

    beyond: np.ndarray
    strength: np.ndarray


class Alarm:
    """A group-sequential permutation test of a family of tests that share their relabelings.

    At each look the statistics of the true labels and of all relabelings are ranked together, those of each test in
    units of their own spread. Those at the top cross, as many as the share of alpha that may be spent by then allows,
    and keep having crossed. The alarm rings for a test when its true labels are among them: where nothing is there they
    are no likelier among them than any other, whatever the looks have to do with each other, as long as it does not
    depend on the labels which looks are made.

    What crosses is counted for each test by itself, and the counts of all tests together keep to alpha. So the rate
    also holds for tests without an effect beside others that have one. If a labeling crossed for the largest of its
    statistics, it would not: labelings like the true one cross early for the sake of a test with an effect, and are
    then missing among those that the next test is compared with.

    Args:
        alpha: probability that it ever rings though nothing is there, over all looks and tests.
        spending: share of the training that is over -> share of alpha that may be spent.
        start: the share of the training where it begins; what would have been spent until then stays unspent.

    Source: spending alpha over looks is that of Lan and DeMets, Discrete Sequential Boundaries for Clinical Trials,
    1983; the same relabelings for all looks and tests are those of Westfall and Young, Resampling-Based Multiple
    Testing, 1993, ch. 2, without their maximum over tests.

    Example:
        >>> alarm = Alarm(0.25, lambda over: over)
        >>> statistics = np.array([[9.0], [1.0], [-2.0], [0.5]])  # of the true labels and of three relabelings
        >>> [bool(alarm.look(share, statistics).beyond[0]) for share in (0.5, 1.0)]
        [False, True]
    """

    def __init__(self, alpha: float, spending: Spending, start: float = 0.0) -> None:
        self.alpha, self.spending, self.start = alpha, spending, start
        self._crossed: np.ndarray | None = None  # a bit a test and labeling, the true one first
        self._shape = (0, 0)  # labelings, tests

    @property
    def smallest(self) -> float:
        """The smallest error rate that so many labelings can tell from 0; infinity before the first look."""
        return 1 / self._shape[0] if self._shape[0] else float("inf")

    def spent(self, share: float) -> float:
        """Return how much of alpha may be spent when a share 0..1 of the training is over."""
        return self.alpha * get_spent(self.spending, self.start, share)

    def look(self, share: float, statistics: np.ndarray) -> Reading:
        """Read the tests once more.

        Args:
            share: of the training that is over, 0..1, never less than at the look before.
            statistics: float [1+B,R], of the true labels and of the same B relabelings at each look, for R tests; NaN
                where a test cannot be made.

        Returns:
            What is beyond chance.

        Raises:
            ValueError: if there are not as many tests and relabelings as before.
        """
        size = standardize(statistics)
        if self._crossed is not None and size.shape != self._shape:
            raise ValueError(
                "an alarm needs the same relabelings and tests at each look: there were "
                f"{self._shape[0] - 1:,} of {self._shape[1]}, now there are {size.shape[0] - 1:,} of {size.shape[1]}"
            )
        crossed = np.zeros(size.size, np.uint8)
        if self._crossed is not None:
            crossed = np.unpackbits(self._crossed, count=size.size)
        self._shape = size.shape
        ranked = size.ravel(order="F")  # test by test
        others = ranked[crossed == 0]
        slots = int(self.spent(share) * len(size) + 1e-9) - (size.size - len(others))
        if slots <= 0 or not len(others):
            return Reading(np.zeros(size.shape[1], bool), np.full(size.shape[1], np.nan))
        # the first that is not allowed across: who is tied with it stays too
        bound = np.partition(others, -slots - 1)[-slots - 1] if slots < len(others) else 0.0
        bound += _ROUNDING
        self._crossed = np.packbits((ranked > bound) | (crossed == 1))
        return Reading(size[0] > bound, size[0] / bound)


def standardize(statistics: np.ndarray) -> np.ndarray:
    """Return the size of statistics in units of their root mean square over all labelings; what is not finite is 0.

    Args:
        statistics: float [1+B,R].

    Returns:
        float64 array [1+B,R].
    """
    size = np.abs(np.array(statistics, np.float64, order="F"))  # by column: all that follows goes down the columns
    spread = np.sqrt((size**2).mean(0))
    said = np.isfinite(spread) & (spread > 0)
    size[:, ~said] = 0
    return np.divide(size, np.where(said, spread, 1), out=size)
