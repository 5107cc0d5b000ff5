"""One round over shards: sums add up in any order, and vectors follow from them as from the whole matrix."""

import numpy as np
import pytest
from group_layers import plant

from tf_interp.groups.rounds.map_merge import Sums, map_shard, merge, update

ROWS = np.abs(plant(90, 12, 3)[0])
VECTORS = np.abs(plant(30, 12, 3, seed=1)[1]).astype(np.float32)


def shards(*ends):
    return [map_shard(part, VECTORS)[0] for part in np.split(ROWS, ends)]


def equal(a, b):
    return all(np.allclose(one, other, rtol=1e-5) for one, other in zip(a, b, strict=True))


def test_one_vector_is_solved_by_hand():
    rows, vector = np.array([[3, 4], [0, 0], [-1, 0]], np.float32), np.array([[1, 0]], np.float32)
    sums, weights = map_shard(rows, vector)
    assert weights.tolist() == [[3, 0, 0]]
    assert [item.tolist() for item in sums[:3]] == [[[9]], [[9, 12]], [3]]
    assert sums.gain == pytest.approx(9)  # from 26 to 17
    better, gained = update(sums, vector)
    assert np.allclose(better, [[1, 4 / 3]])
    assert gained == pytest.approx(16)  # from 17 to 1


def test_merging_is_associative_and_commutative():
    a, b, c = shards(20, 33)
    assert isinstance(merge(a, b), Sums)
    for one, other in ((merge(merge(a, b), c), merge(a, merge(b, c))), (merge(a, b), merge(b, a))):
        assert all(np.allclose(x, y, rtol=1e-14, atol=0) for x, y in zip(one, other, strict=True))


def test_shards_together_tell_what_the_whole_tells():
    a, b, c = shards(20, 33)
    whole = map_shard(ROWS, VECTORS)[0]
    together = merge(merge(a, b), c)
    assert equal(together, whole)
    assert np.allclose(update(together, VECTORS)[0], update(whole, VECTORS)[0], atol=1e-5)
    empty = map_shard(ROWS[:0], VECTORS)[0]
    assert equal(merge(whole, empty), whole)


def test_gains_are_the_differences_of_what_is_left_over():
    def left_over(weights, vectors):
        return ((ROWS - weights.T @ vectors) ** 2).sum(dtype=np.float64)

    sums, first = map_shard(ROWS, VECTORS)
    assert sums.gain == pytest.approx((ROWS**2).sum() - left_over(first, VECTORS), rel=1e-4)
    sums, second = map_shard(ROWS, VECTORS, first)
    assert sums.gain == pytest.approx(left_over(first, VECTORS) - left_over(second, VECTORS), rel=1e-3)
    for signed in (False, True):
        better, gained = update(sums, VECTORS, signed=signed)
        assert gained == pytest.approx(left_over(second, VECTORS) - left_over(second, better), rel=1e-3)
        assert (better.min() < 0) == signed


def test_a_price_makes_weights_smaller_and_sweeps_go_on():
    _, free = map_shard(ROWS, VECTORS)
    sums, dear = map_shard(ROWS, VECTORS, price=0.5)
    assert dear.sum() < free.sum()
    assert sums.weights == pytest.approx(dear.sum(1), rel=1e-5)
    _, twice = map_shard(ROWS, VECTORS, sweeps=2)
    assert np.allclose(twice, map_shard(ROWS, VECTORS, free)[1], atol=1e-5)
    assert np.array_equal(map_shard(ROWS, VECTORS, free, sweeps=0)[1], free)
