"""What is lost in a type of fewer digits, and what is not worth a word."""

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.images.rounding import find_rounding

BRAIN = tf.bfloat16.as_numpy_dtype
NEAR = np.array([20000001, 20000003, 20000005])
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint32, np.float64])
def test_the_number_that_moves_most_is_told_with_what_tells_it_from_others(kind):
    found = find_rounding(NEAR.astype(kind), np.float32)
    assert (found.given, found.held, found.moved) in [(20000001, 2e7, 1), (20000003, 20000004.0, 1)]
    assert found.spread == pytest.approx(NEAR.std())
    assert isinstance(found.given, float if kind == np.float64 else int)


LOST = {
    "seconds of a day": (1.7e9 + RNG.uniform(0, 86400, (50, 1)), np.float32),
    "dates in days, below 2**24": (2460000.5 + RNG.uniform(0, 1, (50, 1)), np.float32),
    "one column of several": (np.stack([RNG.normal(size=50), 1.7e9 + RNG.uniform(0, 900, 50)], 1), np.float32),
    "two rows": (1.7e9 + RNG.uniform(0, 3600, (2, 6)), np.float32),
    "a row that holds none": (np.append(1.7e9 + RNG.uniform(0, 900, 50), np.nan), np.float32),
    "nanoseconds for float64": (1_700_000_000_000_000_001 + np.arange(0, 400, 7), np.float64),
    "float16": (3000 + np.arange(9), np.float16),
    "bfloat16": (1000 + np.arange(9), BRAIN),
}


@pytest.mark.parametrize("name", LOST)
def test_what_counts_is_found(name):
    values, kind = LOST[name]
    found = find_rounding(values, kind)
    assert found.moved > 1e-3 * found.spread > 0


def test_too_large_numbers_are_infinite_there():
    for value, kind in ((1e39, np.float32), (70000, np.float16)):
        assert np.isinf(find_rounding(np.array([[value], [0]]), kind).held)


KEPT = {
    "pictures": (RNG.random((4, 8, 8, 3)), np.float32),
    "pictures in float16": (RNG.random((4, 8, 8, 3)), np.float16),
    "pictures of 0..255 in bfloat16": (np.round(RNG.random((4, 8, 8, 3)) * 255), BRAIN),
    "pictures of 16 bits in bfloat16": (RNG.integers(0, 65536, (4, 8, 8, 3)), BRAIN),
    "a constant channel": (np.concatenate([RNG.random((4, 8, 8, 3)), np.ones((4, 8, 8, 1)) / 3], -1), np.float32),
    "a constant that was computed": (np.full((9, 2), 0.1) * np.linspace(1, 1 + 1e-15, 9)[:, None], np.float32),
    "two rows of many": (RNG.random((2, 4096)), np.float32),
    "tokens": (RNG.integers(0, 50000, (4, 9)), np.float32),
    "all one large number": (np.full((5, 1), 20000001), np.float32),
    "a month of seconds": (1.7e9 + RNG.uniform(0, 30 * 86400, (500, 1)), np.float32),
    "numbers of many sizes": (10.0 ** RNG.uniform(-30, 30, (500, 4)), np.float32),
    "truths": (np.array([True, False]), np.float16),
    "none": (np.zeros((0, 3)), np.float32),
    "whole numbers that it holds": (2**24 - np.arange(9), np.float32),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_does_not_count_is_not(name):
    assert find_rounding(*KEPT[name]) is None
