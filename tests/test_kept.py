"""What is kept of random draws: the same for all tests, and never more than so many bytes."""

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.concepts.statistics import kept as memory
from tf_interp.concepts.statistics.continuous import ContinuousDesign
from tf_interp.concepts.statistics.design import Design, draws, relabelings
from tf_interp.concepts.statistics.kept import held_bytes, kept


@pytest.fixture
def empty(monkeypatch):
    monkeypatch.setattr(memory, "_values", memory.collections.OrderedDict())


def test_a_result_is_made_once_and_shared(empty):
    assert relabelings(Design(6, 7), 99, 0) is relabelings(Design(6, 7), 99, 0)
    assert relabelings(Design(6, 7), 99, 0) is not relabelings(Design(6, 7), 99, 1)
    assert draws(9, 20, 0, stream=1) is draws(9, 20, 0, stream=1)
    assert draws(9, 20, 0, stream=1) is not draws(9, 20, 0, stream=2)


def test_bytes_are_counted_whole(empty):
    @kept
    def make(kind):
        array = np.zeros((10, 100), np.float32)
        return {"array": array, "part": array[:, :1], "tensors": (tf.constant(array), tf.constant(array[:5]))}[kind]

    for kind, size in (("array", 4000), ("part", 4000), ("tensors", 6000)):
        before = held_bytes()
        make(kind)
        assert held_bytes() - before == size


def test_what_was_not_used_for_longest_goes_first(empty, monkeypatch):
    monkeypatch.setattr(memory, "LIMIT", 3000)
    made = []

    @kept
    def make(name, size=1000):
        made.append(name)
        return np.zeros(size, np.uint8)

    for name in "abcab":
        make(name)
    assert "".join(made) == "abc"
    make("d")  # c was used before a and b
    assert held_bytes() == 3000
    make("a")
    assert "".join(made) == "abcd"
    make("c")
    assert "".join(made) == "abcdc"
    make("large", size=5000)  # it stays, alone, until something else comes
    make("large", size=5000)
    assert "".join(made[5:]) == "large"
    assert held_bytes() == 5000
    make("a")
    assert held_bytes() == 1000


def test_many_large_designs_stay_below_the_limit(empty, monkeypatch):
    monkeypatch.setattr(memory, "LIMIT", 2**20)
    for count in range(40, 60):
        projections = np.random.default_rng(0).random((2 * count, 1), np.float32)
        for design in (Design(count, count), ContinuousDesign(tuple(np.linspace(0, 1, 2 * count)))):
            design.test(projections, 999, 0)
            design.resample(200, 0)
            assert 0 < held_bytes() <= 2**20
