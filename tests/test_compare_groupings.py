"""Cards of groupings: known numbers on planted layers, instability told from stability, and chance beside it."""

import dataclasses

import numpy as np
import pytest
from group_layers import as_images, identity_model, plant
from sklearn.decomposition import PCA

import tf_interp as ti
from tf_interp.groups.find import group
from tf_interp.groups.judging.grouping_card import judge
from tf_interp.groups.methods.choice import METHODS, choose
from tf_interp.groups.methods.factorizer import fit_rows
from tf_interp.groups.methods.windows import average_windows


def make_card(activations, method="nmf", k=4, refits=2, **settings):
    chosen = choose(method) if isinstance(method, str) else choose("auto", method)
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


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
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


@pytest.mark.parametrize("method", [*METHODS, PCA()], ids=str)
def test_padding_does_not_count(method):
    """Whatever stands at padding, the numbers are those of the positions that count."""
    activations = planted(signed=True).reshape(150, 1, 4, 20)
    padded = np.arange(4) >= np.random.default_rng(5).integers(1, 5, (150, 1, 1))
    chosen = choose(method) if isinstance(method, str) else choose("auto", method)
    ids, rows = [str(number) for number in range(150)], activations[~padded]
    cards = []
    for value in (0, 7):
        filled = np.where(padded[..., None], np.float32(value), activations)
        groups = group("parts", filled, 4, chosen, seed=0, ids=ids, padded=padded, iterations=20)
        cards.append(judge(groups, chosen, filled, padded, refits=1, seed=0, iterations=20))
    first, second = cards
    assert first.summary() == pytest.approx(second.summary(), nan_ok=True)
    weights = first.groups.weights[~padded]
    offset = 0 if first.groups.offset is None else first.groups.offset
    rest = rows - offset - weights @ first.groups.vectors
    assert first.r2 == pytest.approx(1 - (rest**2).sum() / ((rows - rows.mean(0)) ** 2).sum(), abs=1e-5)
    assert first.active == pytest.approx((weights != 0).sum(1).mean())
    other = fit_rows(chosen, rows, 4, seed=1, iterations=20).vectors
    cosine = first.groups.vectors @ other.T
    assert first.seeds.max() == pytest.approx((np.abs(cosine) if chosen.signed_weights else cosine).max(), abs=1e-5)


def test_distance_is_to_what_the_groups_are_of():
    activations = planted(signed=True) + 30 * np.eye(20, dtype=np.float32)[0]  # far from 0: all rows look alike
    found, rows = make_card(activations, PCA(), refits=1), activations.reshape(-1, 20)
    centered = rows - rows.mean(0)
    units = centered / np.linalg.norm(centered, axis=1, keepdims=True)
    assert found.distance == pytest.approx(1 - np.abs(found.groups.vectors @ units.T).max(1), abs=1e-4)
    assert found.distance.max() < 0.5


def test_some_groups_of_a_grouping_are_looked_for_among_all():
    model, images = identity_model(20, 2), as_images(plant(rows=240)[0], 2)
    groups = ti.find_groups(model, images, "parts", 4, method="semi_nmf")
    whole, some = (ti.judge_groups(model, images, item, refits=1) for item in (groups, groups[[2, 0]]))
    for name in ("halves", "seeds", "distance"):
        assert getattr(some, name) == pytest.approx(getattr(whole, name)[[2, 0]], abs=1e-6)
    assert some.r2 < whole.r2


def test_equal_pictures_do_not_make_halves_agree():
    noise = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32)
    model = identity_model(40)
    images = np.concatenate([as_images(noise)] * 2)
    (card,) = ti.compare_groupings(model, images, "parts", 6, methods=["semi_nmf"], refits=1).cards
    assert np.median(card.halves) < 0.8
    assert "80 pictures are 40 different ones: equal ones were put into the same half" in card.notes
    scan = ti.scan_groups(model, images, "parts", [6], method="semi_nmf", resamples=1)
    assert scan.stability.max() < 0.8
    assert "80 pictures are 40 different ones" in scan.explain()


def test_few_pictures_and_starts_that_are_none_are_told():
    model, images = identity_model(20, 2), as_images(plant(rows=40)[0], 2)
    reducers = [PCA(random_state=3), PCA()]
    first, second = ti.compare_groupings(model, images, "parts", 2, methods=reducers, refits=1).cards
    said = "halves of 10 pictures say little about stability: 40 or more tell something"
    assert said in first.notes
    assert said in ti.scan_groups(model, images, "parts", [2], resamples=1).notes
    assert said in ti.find_groups(model, images, "parts", "auto").notes
    assert "random_state=3 of PCA is the same in all fits: none has another start" in first.notes
    assert not any("random_state" in note for note in second.notes)


@pytest.mark.parametrize("method", ["nmf", "semi_nmf", "sparse", PCA()], ids=str)
def test_windows_are_those_of_find_groups(method):
    model, images = identity_model(20, 4), as_images(plant(rows=640)[0], 4)
    given = {"method": method} if isinstance(method, str) else {"reducer": method}
    groups = ti.find_groups(model, images, "parts", 3, window=3, iterations=20, **given)
    (card,) = ti.compare_groupings(model, images, "parts", 3, methods=[method], refits=1, window=3, iterations=20).cards
    np.testing.assert_allclose(card.groups.weights, groups.weights, atol=1e-4)
    np.testing.assert_allclose(card.groups.vectors, groups.vectors, atol=1e-4)
    assert groups.window == card.groups.window == 3
    again = ti.judge_groups(model, images, groups, refits=1, iterations=20)
    assert again.summary() == pytest.approx(card.summary(), nan_ok=True, abs=1e-4)
    kept = 2 * images - 1 if groups.method.keeps_negative else np.maximum(2 * images - 1, 0)
    means = average_windows(kept, 3).reshape(-1, 20)
    other = fit_rows(groups.method, means, 3, seed=1, iterations=20).vectors
    cosine = groups.vectors @ other.T
    best = (np.abs(cosine) if groups.method.signed_weights else cosine).max()
    assert card.seeds.max() == pytest.approx(best, abs=1e-4), "other starts look through the window, too"
