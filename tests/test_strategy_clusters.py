"""Planted clusters are found, single clouds of any form are not divided, and rows that are alone belong to none."""

import numpy as np
import pytest

from tf_interp.groups.effects.strategy_clusters import cluster, draw_clouds, local_outlier_factors, smallest_width

FEW = {"most": 3, "smallest": 3, "draws": 19, "alpha": 0.06, "seed": 0}


def plant(k, count=45, channels=4, apart=7, seed=0):
    rng = np.random.default_rng(seed)
    which = np.sort(rng.integers(k, size=count))
    return apart * np.eye(channels)[which] + rng.normal(size=(count, channels)), which


@pytest.mark.parametrize("k", [1, 2, 3])
def test_as_many_clusters_as_were_planted(k):
    rows, which = plant(k)
    found = cluster(rows, **FEW)
    assert found.labels.max() == k
    inside = found.labels > 0
    assert inside.mean() > 0.95
    pairs = {(int(a), int(b)) for a, b in zip(which[inside], found.labels[inside], strict=True)}
    assert len(pairs) == k, "each planted cluster is one that was found"
    counts = np.bincount(found.labels)[1:]
    assert (np.diff(counts) <= 0).all(), "the largest is the first"
    assert (found.p <= 0.06) == (k > 1)


@pytest.mark.parametrize("form", ["long", "skewed"])
def test_single_clouds_of_other_forms_are_one(form):
    rng = np.random.default_rng(1)
    long = rng.normal(size=(45, 4)) @ np.diag([9, 3, 1, 0.3]) @ rng.normal(size=(4, 4))
    rows = {"long": long, "skewed": rng.exponential(size=(45, 4)) * [4, 1, 1, 0.5]}[form]
    assert cluster(rows, **FEW).labels.max() == 1


def test_two_clusters_along_one_axis_only():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(45, 4)) + np.outer(np.arange(45) < 20, [9, 0, 0, 0])
    assert cluster(rows, **FEW).labels.tolist() == [2] * 20 + [1] * 25


def test_rows_that_are_alone_belong_to_none():
    rows, _ = plant(2)
    rows[[3, 40]] = [[0, 0, 60, 0], [0, -70, 0, 0]]
    found = cluster(rows, **FEW)
    assert np.flatnonzero(found.labels == 0).tolist() == [3, 40]
    assert found.labels.max() == 2
    assert local_outlier_factors(rows)[[3, 40]].min() > 5
    grid = np.stack(np.meshgrid(*[np.arange(8.0)] * 2), -1).reshape(-1, 2)
    assert local_outlier_factors(grid).max() < 1.5


def test_too_few_and_equal_rows_are_one():
    few = cluster(np.random.default_rng(0).normal(size=(4, 2)), **FEW)
    assert few.labels.tolist() == [1] * 4
    assert np.isnan(few.p)
    assert cluster(np.ones((20, 3)), **FEW).labels.tolist() == [1] * 20
    assert cluster(np.ones((20, 3)), **{**FEW, "most": 1}).labels.tolist() == [1] * 20


def test_a_cloud_is_as_long_as_the_rows_and_has_one_peak():
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(300, 3)) + np.outer(np.arange(300) < 150, [9, 0, 0])) @ rng.normal(size=(3, 3))
    (cloud,) = draw_clouds(rows, 1, rng)
    assert np.allclose(cloud.mean(0), rows.mean(0), atol=0.3 * rows.std(0).max())
    scale = np.linalg.eigvalsh(np.cov(rows.T))[-1]
    assert np.allclose(np.cov(cloud.T) / scale, np.cov(rows.T) / scale, atol=0.15)
    two, one = np.concatenate([rng.normal(size=200), rng.normal(size=200) + 8]), rng.normal(size=400)
    assert smallest_width(two) > 2 > 1 > smallest_width(one)
