"""Shards are divided as the matrix in memory is; what changes, is used up, empty or not finite is told."""

import numpy as np
import pytest
from group_layers import plant

from tf_interp.groups.methods.choice import choose
from tf_interp.groups.methods.factorizer import fit_rows
from tf_interp.groups.rounds.shards import Shard, ShardFile, Shards
from tf_interp.groups.rounds.streamed_fit import STREAMED, fit_shards

METHODS = sorted(kind.name for kind in STREAMED)


def in_shards(rows, *ends):
    """Return what begins the shards of these rows anew."""
    parts = np.split(rows, ends)
    return lambda: iter([Shard(f"shard {number}", part) for number, part in enumerate(parts)])


def noisy(method, rows=700, noise=0.3, seed=0):
    matrix, _ = plant(rows, 20, 4, signed=method != "nmf", seed=seed)
    return (matrix + noise * matrix.std() * np.random.default_rng(7).normal(size=matrix.shape)).astype(np.float32)


def assert_equal(found, wanted, keep):
    assert np.allclose(found.vectors, wanted.vectors, atol=1e-4)
    assert found.error == pytest.approx(wanted.error, abs=1e-4)
    assert np.allclose(found.shares, wanted.shares, atol=1e-4)
    assert np.allclose(found.weights, wanted.weights[:keep], atol=1e-4 * wanted.weights.max())


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize("method", METHODS)
def test_shards_give_what_the_matrix_gives(method, noise, tmp_path):
    rows = noisy(method, noise=noise)
    for seed in (0, 1):
        wanted = fit_rows(choose(method), rows, 4, seed=seed)
        for cache in (None, tmp_path):
            found = fit_shards(in_shards(rows, 100, 100, 390), 4, choose(method), seed=seed, keep=150, cache=cache)
            assert_equal(found.found, wanted, 150)
            assert found.seen.rows == 700
            assert (found.passes == 1) == (cache is not None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("method", METHODS)
def test_a_start_is_gone_on_with(method):
    rows = noisy(method)
    first = fit_rows(choose(method), rows, 4, seed=0).vectors[[2, 0, 3, 1]]
    for init in (first, first * [[1], [0], [1], [1]]):
        wanted = fit_rows(choose(method), rows, 4, seed=0, init=init, iterations=5)
        found = fit_shards(in_shards(rows, 300), 4, choose(method), init=init, iterations=5, keep=9)
        assert_equal(found.found, wanted, 9)
    with pytest.raises(ValueError, match=r"shape \[4, 20\]"):
        fit_shards(in_shards(rows), 4, choose(method), init=first[:2])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["rank one", "constant", "spike", "silent"])
def test_odd_rows_are_as_odd_in_shards(method, kind):
    rows = np.zeros((40, 6), np.float32)
    if kind == "rank one":
        rows[:] = np.outer(np.arange(40), np.arange(6))
    elif kind == "constant":
        rows[:] = 2
    elif kind == "spike":
        rows[7, 3] = 5
    wanted = fit_rows(choose(method), rows, 3, seed=0)
    found = fit_shards(in_shards(rows, 11), 3, choose(method), keep=40).found
    assert found.error == pytest.approx(wanted.error, abs=2e-3)
    assert np.isfinite(found.vectors).all()
    assert found.shares.sum() == pytest.approx(wanted.shares.sum(), abs=1e-3)
    assert found.weights.shape == (40, 3)
    assert np.allclose(found.weights @ found.vectors, rows, atol=0.05)


def test_what_is_below_zero_alone_is_silent_for_nmf():
    found = fit_shards(in_shards(-np.ones((20, 4), np.float32)), 2, choose("nmf"), keep=3)
    assert not found.found.vectors.any()
    assert found.found.weights.shape == (3, 2)
    assert found.seen.negative == 80


def test_rows_that_are_not_finite_are_told_with_their_shard():
    rows = noisy("nmf")
    rows[350, 3:5] = np.nan, np.inf
    with pytest.raises(ValueError, match="2 of 5800 activations of shard 1 are NaN or infinite"):
        fit_shards(in_shards(rows, 300, 590), 4, choose("nmf"))


def test_shards_that_are_not_the_same_the_second_time_are_refused(tmp_path):
    rows = noisy("nmf")
    used_up = in_shards(rows, 300)()
    rng = np.random.default_rng(0)
    calls = []

    def grows():
        calls.append(0)
        return in_shards(rows[: 600 + 10 * len(calls)], 300)()

    for source, where in (
        (lambda: used_up, "shard 0"),
        (lambda: in_shards(rng.permutation(rows), 300)(), "shard 0"),
        (lambda: in_shards(np.concatenate([rows[:300], rng.permutation(rows[300:])]), 300)(), "shard 1"),
        (grows, "shard 1"),
    ):
        with pytest.raises(ValueError, match=f"not the same the second time, which shows at {where}"):
            fit_shards(source, 4, choose("nmf"))
    once = in_shards(rows, 300)()
    assert fit_shards(lambda: once, 4, choose("nmf"), cache=tmp_path / "new").passes == 1


def test_impossible_shards_are_refused():
    rows = noisy("nmf")
    for source, message in (
        (lambda: iter(()), "there are no rows"),
        (in_shards(rows[:3], 2), "3 rows of 20 channels are too few for 4 groups"),
        (lambda: iter([Shard("a", rows), Shard("b", rows[:, :9])]), "b has 9 channels, those before have 20"),
        (lambda: iter([Shard("a", rows[0])]), r"a must be rows of activations \[n,C\], got shape \[20\]"),
    ):
        with pytest.raises(ValueError, match=message):
            fit_shards(source, 4, choose("nmf"))


@pytest.mark.parametrize("spool", [0, 1000, 1 << 20])
def test_a_shard_file_returns_what_it_was_given(spool, tmp_path):
    parts = [np.arange(size, dtype=np.float32) + size for size in (5, 0, 900, 7)]
    file = ShardFile(tmp_path, spool)
    for part in parts:
        file.append(part)
    file.rewrite(2, -parts[2].reshape(30, 30))
    assert len(file) == 4
    assert np.array_equal(file.read(2), -parts[2])
    assert [file.read(number).tolist() for number in (0, 1, 3)] == [parts[number].tolist() for number in (0, 1, 3)]
    file.close()


def test_rows_are_picked_by_number():
    rows = noisy("nmf")
    shards = Shards(in_shards(rows, 5, 5, 600))
    shards.look()
    places = np.array([[0, 699], [4, 5], [599, 600], [5, 5]])
    assert np.array_equal(shards.pick(places), rows[places])
