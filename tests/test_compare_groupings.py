"""Cards of groupings: known numbers on planted layers, instability told from stability, and chance beside it."""

import dataclasses

import numpy as np
import pytest
from group_layers import as_images, identity_model, plant
from sklearn.decomposition import PCA

import tf_interp as ti
from tf_interp.groups.find import group
from tf_interp.groups.judging.grouping_card import judge
from tf_interp.groups.methods.choice import choose


def make_card(activations, method="nmf", k=4, refits=2, **settings):
    chosen = choose(method)
    groups = group("parts", activations, k, chosen, seed=0, ids=[str(n) for n in range(len(activations))])
    groups = dataclasses.replace(groups, **settings)
    return judge(groups, chosen, activations, refits=refits, seed=0, iterations=200)


def planted(signed=False, seed=0):
    return plant(signed=signed, seed=seed)[0].reshape(150, 2, 2, 20)


def test_planted_parts_are_stable_and_explain_all():
    found = make_card(planted())
    assert found.r2 > 0.99
    assert found.halves.min() > 0.95
    assert found.seeds.min() > 0.8
    assert found.flags == ("",) * 4
    assert found.random < 0.8
    assert (
        found.seeds_before > 0.9
    )  # means of rows are alike before anything is fitted: that is what it is there to say
    assert found.distance.max() < 0.1
    assert found.active == pytest.approx((found.groups.weights > 0).sum(-1).mean())
    assert found.sparsity == pytest.approx(1 - found.active / 4)
    assert "UNSTABLE" not in found.explain()


def test_noise_has_no_stable_groups():
    noise = np.random.default_rng(0).normal(size=(200, 1, 1, 40)).astype(np.float32)
    found = make_card(noise, "semi_nmf")
    assert "UNSTABLE" in found.flags
    assert "UNSTABLE: group" in found.explain()
    assert set(found.to_dataframe()["flag"]) >= {"UNSTABLE"}


def test_r2_is_0_for_the_means_and_below_for_worse():
    activations = planted(signed=True)
    mean = activations.mean((0, 1, 2))
    nothing = np.zeros((150, 2, 2, 4), np.float32)
    assert make_card(activations, weights=nothing, offset=mean).r2 == pytest.approx(0, abs=1e-5)
    assert make_card(activations, weights=nothing).r2 < 0
    assert make_card(activations, weights=nothing).dead == 4
    assert make_card(activations, weights=nothing).flags == ("DEAD",) * 4
    shifted = activations + 100 * np.arange(20, dtype=np.float32)  # channels that differ in their means alone
    assert make_card(shifted).mean_alone > 0.99


def test_collinear_groups_are_seen():
    vectors = np.eye(4, 20)
    vectors[1] = (vectors[0] + vectors[1]) / np.sqrt(2)
    found = make_card(planted(), vectors=vectors)
    assert found.collinearity == pytest.approx([0.7071, 0.7071, 0, 0], abs=1e-4)
    assert found.distance[3] == pytest.approx(
        1 - (planted()[..., 3] / np.linalg.norm(planted(), axis=-1)).max(), abs=1e-5
    )


def test_too_few_pictures_for_halves_are_named():
    found = make_card(planted()[:1, :2], k=3)
    assert np.isnan(found.halves).all()
    assert np.isfinite(found.stability).all()
    assert "1 pictures are too few" in found.notes[-1]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_constant_layer_has_a_card(value):
    found = make_card(np.full((8, 1, 1, 5), value, np.float32), k=2)
    assert np.isnan(found.r2)
    assert "R2 is not defined" in found.explain()


def test_methods_are_compared_on_one_layer():
    model, images = identity_model(20, 2), as_images(plant(rows=240)[0], 2)
    methods = ["nmf", ("semi_nmf", {"price": 0.02}), PCA()]
    found = ti.compare_groupings(model, images, "parts", 4, methods=methods, refits=1)
    table = found.to_dataframe().set_index("method")
    assert table.index.tolist() == ["nmf", "semi_nmf", "PCA"]
    assert table["r2"]["nmf"] < table["r2"]["semi_nmf"]
    assert table["r2"]["PCA"] == pytest.approx(1, abs=1e-4)
    assert table["seeds"]["PCA"] == pytest.approx(1, abs=1e-4)
    assert np.isnan(table["seeds_before"]["PCA"])
    assert found.explain().startswith("PCA: 4 groups explain 100%")
    card, other = found.cards[0], ti.find_groups(model, images, "parts", 4, seed=1, method="nmf")
    assert card.seeds == pytest.approx((card.groups.vectors @ other.vectors.T).max(1), abs=1e-4)
    assert card.seeds.min() < 0.9999, "another start finds something else"
    again = ti.judge_groups(model, images, found.cards[0].groups, refits=1)
    assert again.summary() == pytest.approx(found.cards[0].summary(), nan_ok=True)


def test_what_cannot_be_judged_is_refused():
    model, images = identity_model(20, 2), as_images(plant(rows=80)[0], 2)
    groups = ti.find_groups(model, images, "parts", 2)
    with pytest.raises(ValueError, match="found on other images"):
        ti.judge_groups(model, images / 2, groups)
    with pytest.raises(ValueError, match="do not say how they were found"):
        ti.judge_groups(model, images, dataclasses.replace(groups, method=None))
    with pytest.raises(TypeError, match="takes the result of find_groups, got int"):
        ti.judge_groups(model, images, 3)
    with pytest.raises(TypeError, match="methods must be a list"):
        ti.compare_groupings(model, images, "parts", 2, methods="nmf")
    with pytest.raises(ValueError, match="one or more refits"):
        ti.compare_groupings(model, images, "parts", 2, refits=0)
