"""`k="auto"`: as many groups as `scan_groups` suggests, with its reason, and nothing found twice."""

import numpy as np
import pytest
from group_layers import as_images, identity_model, plant
from sklearn.decomposition import PCA

import tf_interp as ti
from tf_interp.groups.judging.halves import COUNTS
from tf_interp.groups.methods.semi_nmf import SemiNmf


def make(rows=800, noise=0.3, channels=20, parts=4, **settings):
    matrix, _ = plant(rows, channels, parts, **settings)
    noisy = matrix + noise * matrix.std() * np.random.default_rng(1).normal(size=matrix.shape).astype(np.float32)
    return identity_model(channels, 2), as_images(noisy, 2)


class Counted(SemiNmf):
    """Semi-NMF that writes down what it is asked for."""

    asked: list = []  # noqa: RUF012

    def fit(self, rows, k, **settings):
        self.asked.append((len(rows), k))
        return super().fit(rows, k, **settings)


def test_auto_is_the_suggestion_of_the_scan(monkeypatch):
    monkeypatch.setattr("tf_interp.groups.judging.halves.COUNTS", COUNTS[:5])  # the largest take longest
    model, images = make()
    scan = ti.scan_groups(model, images, "parts", COUNTS[:5], method="semi_nmf")
    groups = ti.find_groups(model, images, "parts", "auto", method="semi_nmf")
    assert len(groups) == scan.suggested
    assert len(groups) == 4  # as were planted
    assert groups.notes[-1] == f'k="auto": {scan.reason}'
    plain = ti.find_groups(model, images, "parts", len(groups), method="semi_nmf")
    assert np.array_equal(groups.vectors, plain.vectors)
    assert groups.notes[:-1] == plain.notes


@pytest.mark.parametrize(("parts", "method"), [(3, "nmf"), (6, "semi_nmf"), (8, "nmf")])
def test_as_many_as_were_planted(parts, method):
    model, images = make(noise=0.1, parts=parts, signed=method != "nmf", seed=parts)
    assert len(ti.find_groups(model, images, "parts", "auto", method=method)) == parts


def test_nothing_is_found_twice_and_what_would_not_be_taken_is_not_tried():
    model, images = make(400)
    Counted.asked.clear()
    groups = ti.find_groups(model, images, "parts", "auto", method=Counted())
    halves = [k for rows, k in Counted.asked if rows == 200]
    assert len(groups) > COUNTS[0]
    assert halves == [k for k in reversed(COUNTS) if k >= len(groups) for _ in range(6)]
    assert [(rows, k) for rows, k in Counted.asked if rows != 200] == [(400, len(groups))]


def test_where_nothing_holds_the_most_stable_is_taken_and_this_is_said():
    noise = np.random.default_rng(0).random((40, 2, 2, 20), np.float32)
    groups = ti.find_groups(identity_model(20, 2), noise, "parts", "auto", method="semi_nmf")
    assert len(groups) in COUNTS
    assert groups.notes[-1].startswith(
        'k="auto": no number of groups is suggested: the most stable, ' + str(len(groups))
    )


def test_small_and_silent_layers():
    model, images = make(16, channels=3)
    assert len(ti.find_groups(model, images, "parts", "auto", method="semi_nmf")) in (2, 3)
    one = ti.find_groups(identity_model(1), np.ones((4, 1, 1, 1)), "parts", "auto")
    assert len(one) == 1
    assert one.notes[-1] == "the layer has one channel, and so one group"
    silent = ti.find_groups(identity_model(20), np.zeros((8, 1, 1, 20)), "parts", "auto", method="nmf")
    assert not silent.vectors.any()
    assert len(ti.find_groups(model, images, "parts", "auto", reducer=PCA())) in COUNTS
    with pytest.raises(ValueError, match='k="auto" finds groups in halves of the pictures, which have 0 positions'):
        ti.find_groups(model, images[:1], "parts", "auto")


def test_other_words_and_starts_are_refused():
    model, images = make(80)
    with pytest.raises(ValueError, match="whole number from 1 on, or \"auto\", got k='atuo'"):
        ti.find_groups(model, images, "parts", "atuo")
    groups = ti.find_groups(model, images, "parts", 3)
    with pytest.raises(ValueError, match='k="auto" starts anew: with init give the number of its groups, k=3'):
        ti.find_groups(model, images, "parts", "auto", init=groups)
    with pytest.raises(ValueError, match="is a whole number from 1 on, or \"auto\", got k='auto '"):
        ti.find_groups(model, images, "parts", "auto ")
    with pytest.raises(TypeError, match="needs a Model"):
        ti.find_groups(None, images, "parts", "auto")
