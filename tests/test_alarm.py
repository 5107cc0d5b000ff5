"""The alarm: how often it rings over all looks if any of the labelings were the true one, counted, not drawn."""

import itertools

import numpy as np
import pytest

from tf_interp.concepts.statistics.continuous import ContinuousDesign
from tf_interp.concepts.statistics.design import Design
from tf_interp.concepts.watching.alarm import Alarm, standardize
from tf_interp.concepts.watching.spending import SPENDINGS, get_spending, guess_share

LABELINGS, LOOKS = 400, 20


def walk(seed, tests=3, correlation=0.9):
    """Return statistics [looks, labelings, tests] that go from look to look as those of a training do."""
    rng = np.random.default_rng(seed)
    found = [rng.normal(size=(LABELINGS, tests))]
    for _ in range(LOOKS - 1):
        fresh = rng.normal(size=(LABELINGS, tests))
        found.append(correlation * found[-1] + (1 - correlation**2) ** 0.5 * fresh)
    return np.stack(found)


def rings_for(looks, true, alpha, spending="linear"):
    """Return for which tests the alarm rings if a labeling is the true one, bool [tests]."""
    order = np.r_[true, np.delete(np.arange(looks.shape[1]), true)]
    alarm, found = Alarm(alpha, get_spending(spending)), np.zeros(looks.shape[2], bool)
    for number, statistics in enumerate(looks):
        found |= alarm.look((number + 1) / len(looks), statistics[order]).beyond
    return found


@pytest.mark.parametrize("spending", SPENDINGS)
@pytest.mark.parametrize("correlation", [0.0, 0.98])
def test_of_all_labelings_as_many_ring_as_alpha_says(spending, correlation):
    looks = walk(1, correlation=correlation)
    rung = np.array([rings_for(looks, true, 0.05, spending) for true in range(LABELINGS)])
    assert rung.sum() == 0.05 * LABELINGS
    assert (rung.sum(0) > 0).all()


def relabel(design, projections):
    """Yield the projections [looks,n,T] in each order (or with each sign) that the design takes for as likely."""
    if isinstance(design, ContinuousDesign):
        yield from (projections[:, list(order)] for order in itertools.permutations(range(len(design.values))))
    elif design.paired:
        for signs in itertools.product([1, -1], repeat=len(set(design.groups or range(design.concept)))):
            moved = np.repeat(signs, design.concept // len(signs))[:, None] * projections[:, : design.concept]
            yield np.concatenate([moved, 0 * moved], 1)
    else:
        _, sources = np.unique(design.groups or range(design.count), return_inverse=True)
        own = len(set(sources[: design.concept]))
        for first in itertools.combinations(range(sources.max() + 1), own):
            order = [*first, *(source for source in range(sources.max() + 1) if source not in first)]
            yield projections[:, np.concatenate([np.flatnonzero(sources == source) for source in order])]


@pytest.mark.parametrize(
    ("design", "alpha", "rings", "ways"),
    [
        (Design(2, 5), 0.15, 3, 21),
        (Design(3, 3), 0.15, 2, 20),  # three may cross, but with all labels turned a statistic is as large
        (Design(4, 8, groups=(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)), 0.2, 3, 15),
        (Design(5, 5, paired=True), 0.17, 4, 32),
        (Design(8, 8, paired=True, groups=(0, 0, 1, 1, 2, 2, 3, 3)), 0.35, 4, 16),
        (ContinuousDesign((0.1, 0.4, 2.0, 3.0)), 0.13, 3, 24),
        (ContinuousDesign((1.0, 2.0, 3.0, 4.0)), 0.13, 2, 24),  # in the other order a statistic is as large
    ],
)
def test_whichever_labels_are_the_true_ones_as_many_ring_as_alpha_allows(design, alpha, rings, ways):
    count = len(design.values) if isinstance(design, ContinuousDesign) else design.concept + design.contrast
    projections = walk(7, tests=2)[:6, :count].astype(np.float32)
    found = []
    for own in relabel(design, projections):
        statistics = [design.test(values, 200, 0) for values in own]
        found.append(rings_for(np.stack([np.concatenate([true[None], null]) for true, null in statistics]), 0, alpha))
    assert len(found) == ways
    turned = alpha * ways - rings >= 1  # one more may cross, but never one alone
    assert design.p_smallest == pytest.approx((1 + turned) / ways)
    assert np.sum(found) == rings  # of both tests together


def test_relabelings_that_come_twice_ring_together_or_not_at_all():
    looks = walk(8)[:8, np.random.default_rng(8).integers(0, 60, LABELINGS)]  # each about seven times
    rung = np.array([rings_for(looks, true, 0.05) for true in range(LABELINGS)])
    assert 0 < rung.sum() <= 0.05 * LABELINGS
    _, same = np.unique(looks[0, :, 0], return_inverse=True)
    assert all(len(np.unique(rung[same == number], axis=0)) == 1 for number in range(same.max() + 1))


def test_a_test_without_an_effect_rings_no_more_often_beside_one_that_has_it():
    flips = np.array([*itertools.product([1.0, -1.0], repeat=8)])  # of eight pairs, the true one first
    looks = np.random.default_rng(3).normal(size=(10, 8))
    rung = np.zeros(2, int)
    for flip in flips:  # the first test moves all pairs alike; the second knows nothing of what is true
        statistics = [flips @ np.stack([np.ones(8), flip * own], 1) for own in looks]
        rung += rings_for(np.stack(statistics), 0, 0.1)
    assert rung[0] == len(flips)
    assert 0 < rung[1] <= 0.1 * len(flips)  # too many if a labeling crossed for the largest of its statistics


def test_who_reads_each_look_by_itself_is_wrong_far_more_often():
    looks = np.abs(walk(1, tests=1, correlation=0.5))[..., 0]
    p = 1 - looks.argsort(1).argsort(1) / LABELINGS
    assert (p <= 0.05).any(0).mean() > 0.3


def test_an_effect_rings_at_the_look_at_which_it_appears():
    looks = walk(2)
    looks[10:, 0, 1] += 8
    alarm = Alarm(0.05, get_spending("linear"))
    readings = [alarm.look((number + 1) / LOOKS, statistics) for number, statistics in enumerate(looks)]
    assert next(number for number, reading in enumerate(readings) if reading.beyond[1]) == 10
    assert not any(reading.beyond[[0, 2]].any() for reading in readings)
    assert readings[10].strength[1] > 1 > readings[10].strength[0]


def test_another_test_of_the_family_may_ring_later():
    looks = walk(3)
    looks[5:, 0, 0] += 9
    looks[12:, 0, 2] += 9
    alarm = Alarm(0.05, get_spending("linear"))
    readings = [alarm.look((number + 1) / LOOKS, statistics) for number, statistics in enumerate(looks)]
    assert [np.flatnonzero([r.beyond[test] for r in readings])[:1].tolist() for test in (0, 1, 2)] == [[5], [], [12]]


def test_ties_never_ring():
    alarm = Alarm(0.05, get_spending("linear"))
    assert not any(alarm.look(share, np.ones((LABELINGS, 2))).beyond.any() for share in (0.2, 0.6, 1.0))
    assert not any(alarm.look(share, np.zeros((LABELINGS, 2))).beyond.any() for share in (1.0, 1.0))
    mirrored = np.arange(1.0, 201).repeat(2)[::-1, None] * np.tile([1, -1], 200)[:, None]
    one = Alarm(1 / 400, get_spending("linear"))  # a single labeling may cross, but two are as large
    assert not one.look(1.0, mirrored).beyond.any()
    assert Alarm(2 / 400, get_spending("linear")).look(1.0, mirrored).beyond.all()


def test_before_the_training_nothing_rings_and_a_test_without_numbers_takes_no_part():
    statistics = np.abs(walk(4))[0]
    statistics[0] = 50
    alarm = Alarm(0.05, get_spending("linear"))
    reading = alarm.look(0.0, statistics)
    assert not reading.beyond.any()
    assert np.isnan(reading.strength).all()
    statistics[7, 1] = np.nan
    assert alarm.look(1.0, statistics).beyond.tolist() == [True, False, True]


def test_who_goes_on_spends_no_more_than_was_left():
    looks = walk(5, tests=1)
    rung = 0
    for true in range(LABELINGS):
        order = np.r_[true, np.delete(np.arange(LABELINGS), true)]
        alarm, found = Alarm(0.1, get_spending("linear"), start=0.4), False
        for number in range(8, LOOKS):
            found |= bool(alarm.look((number + 1) / LOOKS, looks[number][order]).beyond.any())
        rung += found
    assert rung == 0.06 * LABELINGS


def test_all_of_alpha_may_be_spent_at_the_first_look():
    statistics = walk(10, tests=1)[0]
    alarm = Alarm(0.05, get_spending(lambda over: 1.0))
    assert alarm.spent(0) == 0.05
    statistics[0] = 1.01 * np.sort(np.abs(statistics), 0)[-20]
    assert alarm.look(0.0, statistics).beyond.all()
    assert Alarm(0.05, get_spending("linear"), start=1.0).spent(1.0) == 0


def test_another_number_of_relabelings_is_refused():
    alarm = Alarm(0.05, get_spending("linear"))
    alarm.look(0.5, walk(11)[0])
    with pytest.raises(ValueError, match=r"there were 399 of 3, now there are 299 of 3"):
        alarm.look(1.0, walk(11)[1, :300])


def test_it_remembers_one_bit_a_labeling_and_test():
    alarm = Alarm(0.05, get_spending("linear"))
    alarm.look(1.0, walk(6)[0])
    assert alarm._crossed is not None
    assert alarm._crossed.nbytes == 3 * LABELINGS / 8
    assert alarm.smallest == 1 / LABELINGS


def test_each_test_counts_in_units_of_its_own_spread():
    size = standardize(np.array([[3.0, 300.0], [-4.0, -400.0], [np.nan, 0.0]])[:2])
    np.testing.assert_allclose(size[:, 0], size[:, 1])
    np.testing.assert_allclose((size**2).mean(0), 1)


def test_spending_functions():
    assert [get_spending(name)(0) for name in SPENDINGS] == [0, 0, 0]
    assert [get_spending(name)(1) for name in SPENDINGS] == pytest.approx([1, 1, 1])
    assert get_spending(lambda share: share**2)(0.5) == 0.25
    with pytest.raises(ValueError, match=r"one of .*'linear'"):
        get_spending("quick")
    with pytest.raises(ValueError, match="rises"):
        get_spending(lambda share: 1 - share)
    with pytest.raises(TypeError, match="a function, got 3"):
        get_spending(3)
    shares = [guess_share(looks) for looks in range(1000)]
    assert shares == sorted(shares)
    assert 0.98 < shares[-1] < 1
    assert shares[0] == 0
