"""`describe_groups` on a network whose answers can be written down: its groups are the colors of pictures."""

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA

import tf_interp as ti
from tf_interp.images import digest_images

NAMES = ["red", "green", "blue"]
LAST = np.array([[2.0, 0, -1], [0, 3.0, 0], [0, 0, 1.0]], np.float32)  # color -> logits


def make(relu=False):
    """Return a network whose logits are means of the colors; with `relu` red counts only where there is no green."""
    takes = keras.Input((4, 4, 3))
    parts = keras.layers.Activation("linear", name="parts")(takes)
    pooled = keras.layers.GlobalAveragePooling2D()(parts)
    if relu:
        only = keras.layers.Dense(1, activation="relu", use_bias=False, name="only")
        score = only(pooled)
        only.kernel.assign([[1.0], [-4.0], [0.0]])
        return ti.open_model(keras.Model(takes, keras.layers.Concatenate()([score, pooled])), class_names=[*NAMES, "x"])
    end = keras.layers.Dense(3, use_bias=False, name="end")
    model = keras.Model(takes, end(pooled))
    end.kernel.assign(LAST)
    return ti.open_model(model, class_names=NAMES)


def make_groups(images):
    """Return one group for each color."""
    names = [f"group {row}" for row in range(3)]
    return ti.Groups("parts", np.eye(3), names, "groups", weights=images, error=0.0, shares=np.ones(3, np.float32),
                     ids=digest_images(images))  # fmt: skip


def make_images(count=12, seed=0):
    return np.random.default_rng(seed).random((count, 4, 4, 3), np.float32)


def test_profile_and_best_and_typical_pictures():
    images = make_images() * 0.2
    labels = np.arange(12) % 3
    for row in range(12):
        images[row, row % 4, 1, labels[row]] = 0.5 + row / 24
    found = ti.describe_groups(make(), ti.Probe.from_arrays(images, labels), make_groups(images), top=3)
    assert found.classes == ("red", "green", "blue"), "the network knows what the labels are called"
    assert found.class_counts.tolist() == [4, 4, 4]
    means = images.mean((1, 2))
    np.testing.assert_allclose(found.profile, [[means[labels == c, k].mean() for c in range(3)] for k in range(3)])
    assert found.best.tolist() == [[9, 6, 3], [10, 7, 4], [11, 8, 5]]
    assert found.places[0, 9].tolist() == [1, 1]
    assert found.strength[0, 9] == pytest.approx(0.5 + 9 / 24)
    for group, typical in enumerate(found.typical):
        strength = images[..., group].max((1, 2))
        firing = np.flatnonzero(strength >= 0.1 * strength.max())
        away = np.abs(strength - np.median(strength[firing]))
        assert found.fires[group] == len(firing)
        assert sorted(away[typical]) == pytest.approx(sorted(away[firing])[:3])
    assert found.to_dataframe()["class"].tolist() == ["red", "green", "blue"]


def test_contributions_are_what_the_score_loses():
    images = make_images()
    found = ti.describe_groups(make(), images, make_groups(images), targets=["red", "blue"], batch_size=5)
    given = images.mean((1, 2)).T  # [K,N]
    np.testing.assert_allclose(found.contribution, given[:, None] * LAST[:, [0, 2], None], atol=1e-5)
    assert found.outputs == ("red", "green", "blue")
    np.testing.assert_allclose(found.effects, given.mean(1)[:, None] * LAST, atol=1e-5)
    assert found.contributing[0, 0].tolist() == np.argsort(-given[0], kind="stable")[:8].tolist()
    table = found.to_dataframe()
    assert table["for"].tolist() == ["red", "green", "blue"]
    assert table["against"][0] == "blue"
    assert table["against"][1:].isna().all()
    assert "there is no profile of classes" in found.notes[0]
    assert f"speaks for red ({given[0].mean() * 2:+.3g}), against blue" in found.explain()


def test_where_best_pictures_do_not_contribute_it_is_said():
    images = make_images(20) * 0.1
    images[:8, ..., 0] += 0.8  # much red, and green that takes its effect away
    images[:8, ..., 1] += 0.8
    images[8:16, ..., 0] += 0.4
    found = ti.describe_groups(make(relu=True), images, make_groups(images), targets=["red"], top=8)
    assert set(found.best[0]) == set(range(8))
    assert set(found.contributing[0, 0]) == set(range(8, 16))
    assert found.shared[0, 0] == 0
    wanted = "pictures where it fires most few are among the 8 where it contributes most, 0 for red (by chance 3.2)"
    assert f"group 0: of the 8 {wanted}" in found.explain()


def test_concepts_that_are_near_and_those_that_are_not():
    images = make_images(40)
    near = ti.Directions("parts", [[1, 0.05, 0], [0, 0, -1], [1, 1, 1]], ["reddish", "not blue", "light"], "concepts")
    found = ti.describe_groups(make(), images, make_groups(images), targets=[0], concepts=near)
    assert found.cosine[0, 0] == pytest.approx(1 / np.sqrt(1 + 0.05**2))
    assert found.cosine[2, 1] == pytest.approx(-1)
    assert found.p[0, 0] < 0.05 < found.p[0, 1]
    assert found.p[2, 1] == 1
    table = found.to_dataframe()
    assert (table["concept"][0], table["p"][0]) == ("reddish", found.p[0, 0])
    assert 0 < found.cosine_limit[0] < 1
    with pytest.raises(ValueError, match=r"the concept vectors are of layer 'parts' with 2 channels, .* with 3"):
        ti.describe_groups(make(), images, make_groups(images), concepts=ti.Directions("parts", np.eye(2)))
    with pytest.raises(TypeError, match="concepts must be Directions"):
        ti.describe_groups(make(), images, make_groups(images), concepts=np.eye(3))


def test_random_concepts_are_seldom_near():
    """A concept that is a mean of random pictures is found near with the stated probability at most."""
    images, rng, low = make_images(40), np.random.default_rng(3), 0
    means = images.mean((1, 2)) - images.mean((0, 1, 2))
    model = make()
    for _ in range(30):
        halves = rng.permutation(np.arange(40) % 2 * 2 - 1)
        random = ti.Directions("parts", (halves @ means)[None])
        found = ti.describe_groups(model, images, make_groups(images), targets=[0], concepts=random)
        low += found.p.min() <= 0.05
    assert low <= 5


def test_silent_groups_new_pictures_and_mistakes():
    images = make_images()
    images[..., 2] = 0
    found = ti.describe_groups(make(), images, make_groups(images), targets=[0])
    assert found.fires[2] == len(found.typical[2]) == 0
    assert "group 2: fires nowhere in these pictures" in found.notes
    assert np.isnan(found.shared).tolist() == [[False], [False], [True]]
    other = ti.describe_groups(make(), make_images(5, 1), make_groups(images), targets=[0])
    assert other.best.shape == (3, 5), "there are no more pictures"
    assert "found on other images" in other.notes[0]
    with pytest.raises(TypeError, match="describe_groups takes the result of find_groups"):
        ti.describe_groups(make(), images, ti.Directions("parts", np.eye(3)))
    with pytest.raises(ValueError, match="top must be 1 or more pictures, got 0"):
        ti.describe_groups(make(), images, make_groups(images), top=0)
    with pytest.raises(TypeError, match="targets must be a list"):
        ti.describe_groups(make(), images, make_groups(images), targets="red")


def test_a_network_without_classes_tells_no_contributions():
    images = make_images()
    takes = keras.Input((4, 4, 3))
    model = ti.open_model(keras.Model(takes, keras.layers.Activation("linear", name="parts")(takes)))
    found = ti.describe_groups(model, images, make_groups(images))
    assert (found.targets, found.outputs, found.contribution.shape) == ((), (), (3, 0, 12))
    assert any("no classes to choose from" in note for note in found.notes)
    assert found.to_dataframe()["for"].isna().all()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_few_pictures_allow_few_directions(count):
    """Ten thousand draws of two halves of two pictures are two directions, so p is not one in ten thousand."""
    images = make_images(count)
    near = ti.Directions("parts", [[1, 0.05, 0]], ["reddish"], "concepts")
    found = ti.describe_groups(make(), images, make_groups(images), targets=[0], concepts=near)
    assert found.p.min() >= {1: 1, 2: 1 / 3, 4: 1 / 7}[count]
    assert np.isnan(found.cosine_limit).all() == (count == 1)
    assert any("random directions are made of" in note for note in found.notes)
    twice = ti.describe_groups(make(), np.concatenate([images] * 4), make_groups(images), targets=[0], concepts=near)
    assert twice.p.min() >= {1: 1, 2: 1 / 3, 4: 1 / 7}[count], "the same picture again is no other one"


def test_pictures_where_a_group_does_not_fire_are_no_examples_that_both_have():
    images = make_images(20) * 0
    images[3, ..., 2], images[11, ..., 2] = 0.8, 0.6
    images[..., 1] = 0.1
    groups = make_groups(images)
    found = ti.describe_groups(make(), images, groups, targets=["red", "blue"], top=8)
    assert found.fires.tolist() == [0, 20, 2]
    assert found.contribution[2, 0].max() == 0, "it speaks against red, in two pictures"
    assert found.shared[2].tolist() == [0, 1]


def test_one_class_is_not_where_a_group_fires_most():
    images = make_images()
    found = ti.describe_groups(make(), ti.Probe.from_arrays(images, np.ones(12, int)), make_groups(images), targets=[0])
    assert found.classes == ("green",)
    assert "most in those of" not in found.explain()
    assert found.to_dataframe()["class"].isna().all()


def make_tokens(count, seed):
    rng = np.random.default_rng(seed)
    return np.where(np.arange(6) < rng.integers(1, 6, (count, 1)), rng.integers(1, 9, (count, 6)), 0)


@pytest.mark.parametrize("method", ["nmf", "semi_nmf", "sparse", "reducer"])
def test_no_group_fires_at_padding_of_new_texts(method):
    keras.utils.set_random_seed(0)
    words = keras.layers.Embedding(9, 8, mask_zero=True, name="words")
    takes = keras.Input((6,), dtype="int32")
    model = ti.open_model(keras.Model(takes, keras.layers.Dense(3)(keras.layers.GRU(5)(words(takes)))))
    values = np.abs(np.random.default_rng(0).normal(size=(9, 8)))
    values[0] = 40.0 * np.sign(np.random.default_rng(1).normal(size=8))  # what stands at padding says nothing
    words.embeddings.assign(values)
    ways = {"reducer": PCA(random_state=0)} if method == "reducer" else {"method": method}
    groups = ti.find_groups(model, make_tokens(40, 0), "words", 3, **ways)
    tokens, labels = make_tokens(30, 1), np.arange(30) % 3
    counted = tokens != 0
    weights = groups.weigh(values[tokens][:, None])[:, 0]
    found = ti.describe_groups(model, ti.Probe.from_arrays(tokens, labels), groups, targets=[0], top=3)
    for row, kept in enumerate(counted):
        assert found.strength[:, row] == pytest.approx(weights[row][kept].max(0), abs=1e-4)
        assert found.places[:, row, 1].tolist() == weights[row][kept].argmax(0).tolist()
    means = np.stack([one[kept].mean(0) for one, kept in zip(weights, counted, strict=True)])
    wanted = np.stack([means[labels == number].mean(0) for number in range(3)], 1)
    np.testing.assert_allclose(found.profile, wanted, atol=1e-4)
    assert any("positions are padding" in note for note in found.notes)
    first = ti.predict_from_groups(model, tokens, groups, draws=2)
    np.testing.assert_allclose(first.presence, (weights * counted[..., None]).sum(1), atol=1e-3)
    words.embeddings.assign(np.concatenate([-values[:1], values[1:]]))
    second = ti.predict_from_groups(model, tokens, groups, draws=2)
    np.testing.assert_allclose(first.scores, second.scores, atol=1e-4)
    np.testing.assert_allclose(first.floors["random"], second.floors["random"], atol=1e-4)
