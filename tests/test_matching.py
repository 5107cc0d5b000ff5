"""`match_groups`: the same groups in another order are found, new ones are births, and places count."""

import dataclasses

import numpy as np
import pytest

import tf_interp as ti

RNG = np.random.default_rng(0)


def groups(vectors, weights, ids="abc", layer="conv"):
    shares = np.ones(len(vectors), np.float32) / len(vectors)
    return ti.Groups(
        layer, vectors, (), "groups", weights=weights.astype(np.float32), error=0.1, shares=shares, ids=tuple(ids)
    )


def make(k=4, channels=9, seed=0):
    rng = np.random.default_rng(seed)
    return groups(rng.gamma(0.3, 1, (k, channels)), rng.gamma(0.3, 1, (3, 2, 2, k)))


def test_groups_in_another_order_are_the_same():
    a = make()
    order = [2, 0, 3, 1]
    found = ti.match_groups(a, a[order])
    assert found.pairs.tolist() == [[0, 1], [1, 3], [2, 0], [3, 2]]
    assert np.allclose(found.cosine, 1)
    assert np.allclose(found.presence, 1)
    assert (found.births, found.deaths) == ((), ())


def test_births_and_deaths():
    eye = np.eye(5)
    weights = np.zeros((3, 1, 1, 3))
    a, b = groups(eye[[0, 1, 2]], weights, "abc"), groups(eye[[4, 2, 0]], weights, "xyz")
    found = ti.match_groups(a, b)
    assert found.pairs.tolist() == [[0, 2], [2, 1]]
    assert (found.births, found.deaths) == ((0,), (1,))
    assert found.presence is None
    table = found.to_dataframe()
    assert table["a"].fillna("").tolist() == ["direction 0", "direction 2", "direction 1", ""]
    assert table["b"].fillna("").tolist() == ["direction 2", "direction 1", "", "direction 0"]
    more = ti.match_groups(a, groups(eye[:4], np.zeros((3, 1, 1, 4)), "xyz"))
    assert (len(more.pairs), more.births, more.deaths) == (3, (3,), ())


def test_where_groups_fire_decides_between_equal_vectors():
    weights = np.zeros((3, 1, 2, 2))
    weights[..., 0, 0] = weights[..., 1, 1] = [[1], [2], [4]]
    a = groups(np.ones((2, 3)), weights)
    assert ti.match_groups(a, groups(np.ones((2, 3)), weights[..., ::-1])).pairs.tolist() == [[0, 1], [1, 0]]
    shuffled = dataclasses.replace(a, weights=a.weights[[2, 0, 1]], ids=tuple("cab"))
    assert np.allclose(ti.match_groups(a, shuffled).presence, 1)


def test_a_group_with_signs_is_its_opposite():
    vectors, weights = RNG.normal(size=(3, 6)), RNG.normal(size=(3, 1, 1, 3))
    found = ti.match_groups(groups(vectors, weights), groups(-vectors, -weights))
    assert found.pairs.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert np.allclose(found.cosine, 1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"groups of 9 channels .* and of 4"):
        ti.match_groups(make(), make(channels=4))
    with pytest.raises(TypeError, match="got ndarray"):
        ti.match_groups(make(), np.eye(9))
    assert ti.match_groups(make(), ti.Directions("conv", make().vectors)).presence is None
