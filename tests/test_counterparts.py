"""Which pictures look like the counterpart of another one: by the plain formula, and without copies of all."""

import tracemalloc

import numpy as np
import pytest

from tf_interp.concepts.examples import counterparts
from tf_interp.concepts.examples.counterparts import find_mixed


def make(count=40, side=16, seed=0):
    """Return pictures, and counterparts of which numbers 3 to 7 come in reverse order."""
    rng = np.random.default_rng(seed)
    pictures = rng.random((count, side, side, 3), np.float32)
    order = np.arange(count)
    order[3:8] = order[3:8][::-1]
    return pictures, (0.8 * pictures + 0.2 * rng.random(pictures.shape, np.float32))[order]


@pytest.mark.parametrize("chunk", [2**20, 1000])
def test_the_mixed_ones_are_found_whatever_fits_at_once(chunk, monkeypatch):
    monkeypatch.setattr(counterparts, "_CHUNK", chunk)
    pictures, others = make()
    assert find_mixed(pictures, others) == [(3, 7), (4, 6), (6, 4), (7, 3)]
    assert find_mixed(pictures, others, np.array([0, 3, 7, 20])) == [(3, 7), (7, 3)]
    assert find_mixed(pictures, others * 0.5 + np.linspace(0, 0.5, 40)[:, None, None, None]) == find_mixed(
        pictures, others
    )


def test_pictures_of_one_brightness_each_are_like_no_other():
    levels = np.random.default_rng(1).random((30, 1, 1, 1), np.float32)
    pictures = np.ones((30, 16, 16, 3), np.float32) * levels
    assert find_mixed(pictures, pictures[::-1]) == []


def test_no_copies_of_all_pictures(monkeypatch):
    monkeypatch.setattr(counterparts, "_CHUNK", 2**16)
    pictures, others = make(60, 128)
    tracemalloc.start()
    try:
        find_mixed(pictures, others, np.arange(1, 60))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < pictures.nbytes / 4
