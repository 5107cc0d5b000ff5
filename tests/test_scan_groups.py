"""`scan_groups` suggests the number of parts that were planted, and says why."""

import numpy as np
import pytest
from group_layers import as_images, identity_model, plant
from sklearn.decomposition import PCA

import tf_interp as ti
from tf_interp.groups.judging.halves import suggest


def make(rows=800, noise=0.0, **settings):
    matrix, _ = plant(rows, 20, 4, **settings)
    noisy = matrix + noise * matrix.std() * np.random.default_rng(1).normal(size=matrix.shape).astype(np.float32)
    return identity_model(20, 2), as_images(noisy, 2)


def test_the_planted_number_is_suggested():
    model, images = make(noise=0.3)
    found = ti.scan_groups(model, images, "parts", [10, 2, 4, 8, 4], method="semi_nmf", resamples=2)
    assert found.ks.tolist() == [2, 4, 8, 10]
    assert found.suggested == 4
    assert found.reason.startswith("4 groups are suggested: the most whose median stability")
    assert (np.diff(found.error) < 0).all()
    assert found.error[1] < 0.3 < found.error[0]
    assert found.stability.shape == found.least.shape == (4, 2)
    assert (found.least <= found.stability).all()
    vectors = ti.find_groups(model, images, "parts", 4, method="semi_nmf").vectors
    assert found.redundancy[1] == pytest.approx((vectors @ vectors.T - 2 * np.eye(4)).max(1).mean(), abs=1e-4)
    table = found.to_dataframe()
    assert table["suggested"].tolist() == [False, True, False, False]
    assert found.explain().endswith(found.reason)


def test_noise_has_no_suggestion():
    noise = np.random.default_rng(0).random((40, 2, 2, 20), np.float32)
    found = ti.scan_groups(identity_model(20, 2), noise, "parts", [6, 8], method="semi_nmf", resamples=1)
    assert found.suggested is None
    assert "no number of groups is suggested" in found.reason


def test_what_is_negative_is_left_out_of_the_error_and_this_is_said():
    model, images = make(200)
    found = ti.scan_groups(model, images, "parts", [2, 3], method="nmf", resamples=1)
    rows = model.run(images, ["parts"])["parts"].numpy()
    assert found.left_out == pytest.approx(-rows.clip(max=0).sum() / np.abs(rows).sum(), rel=1e-4)
    assert "of the activation that is not negative, stability" in found.explain()
    assert f"\n{found.left_out:.1%} of the activation is negative and was left out\n" in found.explain()
    groups = ti.find_groups(model, images, "parts", 2, method="nmf")
    rest = rows.clip(min=0) - groups.weights @ groups.vectors
    assert found.error[0] == pytest.approx(np.linalg.norm(rest) / np.linalg.norm(rows.clip(min=0)), rel=1e-4)
    assert found.error[0] == pytest.approx(groups.error, rel=1e-6)


def test_one_group_has_no_redundancy_and_the_largest_k_is_named():
    model, images = make(200, signed=False)
    found = ti.scan_groups(model, images, "parts", [1], resamples=1)
    assert found.redundancy.tolist() == [0]
    assert "more than that was not tried" in found.reason


def test_the_largest_k_that_holds_is_taken():
    high = np.full(3, 0.9)
    assert suggest([2, 4, 6], np.array([0.9, 0.7, 0.85]), high, 0.8)[0] == 6
    assert suggest([2, 4, 6], np.array([0.9, 0.81, 0.3]), np.array([0.8, 0.6, 0.1]), 0.8) == (
        4,
        "4 groups are suggested: the most whose median stability, 0.810, holds 0.8, and the least stable, 0.600, 0.5; "
        "6 have 0.300 and 0.100",
    )


def test_a_number_with_an_unstable_group_is_not_taken_however_good_the_median():
    assert suggest([2, 4, 6], np.array([0.9, 1, 0.96]), np.array([0.9, 0.98, 0.49]), 0.8)[0] == 4
    suggested, reason = suggest([6], np.array([0.96]), np.array([0.1]), 0.8)
    assert suggested is None
    assert "the most stable, 6, has 0.960, its least stable group 0.100, and 0.8 and 0.5 are needed" in reason


def test_impossible_scans_are_refused():
    model, images = make(80)
    with pytest.raises(TypeError, match="ks must be a list"):
        ti.scan_groups(model, images, "parts", 4)
    with pytest.raises(ValueError, match="1 to 20 groups, got k=21"):
        ti.scan_groups(model, images, "parts", [2, 21])
    with pytest.raises(ValueError, match="half of these 4 pictures has 8 positions"):
        ti.scan_groups(model, images[:4], "parts", [9])
    with pytest.raises(ValueError, match="resamples must be 1 or more"):
        ti.scan_groups(model, images, "parts", [2], resamples=0)


class Opposites(PCA):
    """A decomposition of which the second component is the first turned around."""

    def fit(self, rows, y=None):
        super().fit(rows)
        self.components_ = np.stack([self.components_[0], -self.components_[0]])
        return self


def test_opposites_are_redundant_where_weights_have_signs():
    model, images = make(200)
    found = ti.scan_groups(model, images, "parts", [2], reducer=Opposites(), resamples=1)
    assert found.redundancy.tolist() == pytest.approx([1], abs=1e-4)
