"""Finding concepts without names: planted patches, and networks whose answer is known."""

import dataclasses

import keras
import numpy as np
import pytest
from concept_networks import FAST, find

from tf_interp import find_concepts
from tf_interp.concepts import tcav
from tf_interp.discovery import discover as discovery
from tf_interp.models import KerasModel
from tf_interp.probe import Probe

SIDE, PATCH = 16, 5
RED, BLUE = 0, 2
FIND = {"k": 3, "crops": (0.5,), "designs": 16}


def plant(count, seed, strength=(0.8, 0.8)):
    """Grey noise with a red patch and a blue one, each of them in two thirds of the images."""
    rng = np.random.default_rng(seed)
    images = np.repeat(rng.uniform(0.1, 0.2, (count, SIDE, SIDE, 1)), 3, axis=-1).astype(np.float32)
    for number, image in enumerate(images):
        left = rng.integers(0, SIDE // 2 - PATCH + 1, 2)
        for channel, corner, absent in ((RED, (left[0], left[1]), 0), (BLUE, (left[1] + 8, left[0] + 8), 1)):
            if number % 3 != absent:
                rows, columns = (slice(start, start + PATCH) for start in corner)
                image[rows, columns] = 0.1
                image[rows, columns, channel] = strength[channel // 2]
    return images


def make_network(head):
    """Images -> "features" (how red, blue, grey; rectified) -> mean over positions -> logits by `head` [3,n]."""
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Conv2D(3, 1, activation="relu", use_bias=False, name="features"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(np.shape(head)[1], use_bias=False, name="logits"),
        ]
    )
    detectors = np.array([[1.0, -1.0, 0.05], [0, 0, 0.05], [-1, 1, 0.05]], np.float32)
    model.get_layer("features").set_weights([detectors[None, None]])
    model.get_layer("logits").set_weights([np.asarray(head, np.float32)])
    return KerasModel(model, class_names=[f"class {index}" for index in range(np.shape(head)[1])])


HEAD = [[2.0, 0.3], [5.0, -1.0], [0.0, 0.0]]
IMAGES = plant(36, 0)


@pytest.fixture(scope="module")
def found():
    return find_concepts(make_network(HEAD), IMAGES, "features", target="class 0", **FIND)


def test_planted_patches_are_found_in_the_order_of_their_importance(found):
    blue, red = found.directions.vectors[:2]
    assert blue.argmax() == 1  # blue counts more than twice as much
    assert red.argmax() == 0
    assert blue[1] > 0.9
    assert red[0] > 0.9
    assert found.importance[0] > 2 * found.importance[1] > 0
    assert found.directions.origin == "groups"
    assert found.layer == "features"
    assert found.directions.error < 0.2
    other = find_concepts(make_network(HEAD), IMAGES, "features", target=1, **FIND)
    assert other.directions.vectors[0].argmax() == 1
    assert other.effects[0] < 0 < other.effects[1]  # blue speaks against this class


def test_sobol_indices_and_effects_are_those_of_a_linear_network():
    # Above the layer the network is linear, so each concept's part c of the logit is known: the index of a sum of
    # m * c with m uniform is c^2 / sum of all c^2, and gradient times activation is c itself.
    found = find_concepts(make_network(HEAD), IMAGES, "features", target=0, **{**FIND, "designs": 128})
    groups = found.directions
    parts = groups.weights.mean((1, 2)) * (groups.vectors @ np.array(HEAD)[:, 0])
    expected = (parts**2).sum(0) / (parts**2).sum()
    np.testing.assert_allclose(found.importance, expected, atol=0.03)  # sampling error of 12 images * 128 designs
    np.testing.assert_allclose(found.effects, parts.mean(0), rtol=1e-4)
    cheap = find_concepts(make_network(HEAD), IMAGES, "features", target=0, importance="gradient", **FIND)
    np.testing.assert_allclose(cheap.importance, np.abs(cheap.effects) / np.abs(cheap.effects).sum(), rtol=1e-5)
    np.testing.assert_allclose(np.sort(cheap.effects), np.sort(found.effects), rtol=1e-4)
    assert cheap.method == "gradient"


def test_sobol_sees_saturation_to_which_the_gradient_is_blind():
    model = make_network([[1.0], [0.1], [0.0]])

    def saturated(logits):
        return -keras.ops.relu(0.02 - logits[:, 0])  # with a red patch there is enough, and more changes nothing

    red = IMAGES[[number for number in range(len(IMAGES)) if number % 3 == 1]]  # red patches only
    options = {"k": 2, "crops": (0.5,), "target": saturated}
    blind = find_concepts(model, red, "features", importance="gradient", **options)
    assert not blind.importance.any()
    assert any("zero" in note for note in blind.notes)
    assert any("changes the target" in note for note in blind.notes)
    seen = find_concepts(model, red, "features", **options)
    assert seen.directions.vectors[0].argmax() == 0
    assert seen.importance[0] > 0.9


def test_interacting_concepts_share_their_variance():
    model = make_network([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    both = IMAGES[2::3]
    found = find_concepts(model, both, "features", target=lambda y: y[:, 0] * y[:, 1], k=3, crops=(0.5,), designs=64)
    # A product of two uniform numbers: each alone 3/7 of the variance, together 1/7, which counts for both. It is not
    # quite a product here, since the two directions are not quite pure.
    np.testing.assert_allclose(found.importance[:2], 4 / 7, atol=0.12)
    assert found.importance[2] < 0.1


def test_same_seed_same_numbers_on_any_batch_size(found):
    again = find_concepts(make_network(HEAD), IMAGES, "features", target=0, **FIND, batch_size=7)
    np.testing.assert_allclose(again.importance, found.importance, atol=1e-5)
    np.testing.assert_allclose(again.directions.vectors, found.directions.vectors, atol=1e-5)
    np.testing.assert_array_equal(again.held_out, found.held_out)
    other = find_concepts(make_network(HEAD), IMAGES, "features", target=0, **FIND, seed=1)
    assert not np.array_equal(other.rest, found.rest)
    assert other.importance[0] != found.importance[0]


def test_examples_show_the_concept_and_come_from_different_pictures(found):
    blue = found.examples(0, 6)
    assert blue.shape == (6, SIDE, SIDE, 3)
    assert (blue[..., BLUE].mean((1, 2)) > 1.3 * blue[..., RED].mean((1, 2))).all()
    discovery = found.images[found.discovery]
    assert len(found.examples(0, 99)) <= len(discovery)
    with pytest.raises(ValueError, match="concepts 0 to 2, got 3"):
        found.examples(3)


def test_a_named_concept_is_tested_on_pictures_on_which_it_was_not_found(found):
    assert not set(found.rest) & set(found.discovery)
    assert len(found.held_out) == len(found.discovery) == 18
    blue, red = found.concept(0, "blue"), found.concept(1, "red")
    assert blue.source == "blue, found in features"
    assert set(blue.groups) <= {f"held-out {row}" for row in found.rest}
    grey = plant(70, 5, (0.15, 0.15))
    pool = found.pool(grey, 65)
    assert pool.images.shape == (65, SIDE, SIDE, 3)
    assert len(set(pool.groups)) == 65
    test = tcav(make_network(HEAD), {"blue": blue, "red": red}, pool, {"class 0": found.held_out}, found.layer, **FAST)
    for name in ("blue", "red"):
        row = find(test, concept=name, contrast="random")
        assert row["displacement"] > 0
        assert row["p"] <= 0.01
    assert find(test, concept="blue", contrast="relative")["displacement"] > 0
    assert find(test, concept="red", contrast="relative")["displacement"] < 0


def test_a_small_pool_gives_several_crops_of_each_picture(found):
    pool = found.pool(Probe.from_arrays(plant(8, 5)), 30)
    assert len(pool) == 30
    assert max(pool.groups.count(name) for name in set(pool.groups)) == 4
    assert len(found.pool(plant(8, 5), 999)) == 8 * len(found.boxes)
    np.testing.assert_array_equal(found.pool(plant(8, 5), 30).images, pool.images)
    with pytest.raises(ValueError, match="one size"):
        found.pool(np.zeros((3, 8, 8, 3)))


def test_sentences_and_notes(found):
    first = found.explain()[0]
    assert first.startswith("concept 0: ")
    assert "raises the logit" in first
    doubled = find_concepts(make_network(HEAD), np.concatenate([IMAGES, IMAGES[:4]]), "features", target=0, **FIND)
    assert "4 duplicates" in doubled.notes[0]
    assert doubled.explain()[-len(doubled.notes) :] == [f"Note: {note}." for note in doubled.notes]
    np.testing.assert_allclose(doubled.importance, found.importance, atol=1e-6)


def test_words_never_speak_of_more_than_all(found):
    wild = dataclasses.replace(found, importance=np.array([1.04, 0.9, 0.002], np.float32))
    first, second, third = wild.explain()
    assert "100 % of the changes" in first
    assert "90 %" in second
    assert "under 1 %" in third
    assert "overlap" in first


def test_sampling_error_never_makes_a_concept_more_than_the_whole(monkeypatch):
    wild = np.array([0.2, 1.04, 0.5])
    monkeypatch.setattr(discovery, "total_indices", lambda *args, **options: wild)
    found = find_concepts(make_network(HEAD), IMAGES, "features", target=0, **FIND)
    np.testing.assert_allclose(found.importance, [1, 0.5, 0.2])


def test_a_raw_network_is_refused():
    with pytest.raises(TypeError, match="find_concepts needs a Model, got Sequential: wrap it with open_model"):
        find_concepts(make_network(HEAD).model, IMAGES, "features", target=0)


def test_dense_layers_and_negative_activations():
    found = find_concepts(make_network(HEAD), IMAGES, "pool", target=0, **FIND)
    assert found.directions.weights.shape == (18, 1, 1, 3)
    signed = make_network(HEAD)
    signed.model.get_layer("features").activation = keras.activations.linear
    found = find_concepts(signed, IMAGES, "features", target=0, **FIND)
    assert "negative" in found.notes[0]
    assert not any("make up" in note for note in found.notes)
    (kernel,) = signed.model.get_layer("features").get_weights()
    kernel[..., 2] = -10  # a channel far below 0 everywhere
    signed.model.get_layer("features").set_weights([kernel])
    found = find_concepts(signed, IMAGES, "features", target=0, **{**FIND, "k": 2})
    assert any("right behind a ReLU" in note for note in found.notes)


def test_crops_cover_a_picture_evenly(found):
    assert len(found.boxes) == 9
    assert found.boxes.min() == 0
    assert found.boxes[:, 2:].max() == SIDE
    assert (found.boxes[:, 2] - found.boxes[:, 0] == SIDE // 2).all()
    assert found.presence.shape == (36, 9, 3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"layer": "feature"}, "did you mean"),
        ({"layer": "output"}, "end of the network"),
        ({"target": "class 7"}, "did you mean"),
        ({"k": 4}, "1 to 3 concepts, got k=4"),
        ({"k": 0}, "k must be"),
        ({"crops": 0.5}, "crops must list"),
        ({"crops": [1.5]}, "crops must list"),
        ({"held_out": 1.0}, "held_out"),
        ({"images": IMAGES[:9]}, "9 different pictures split into 5 .* and 4"),
        ({"importance": "shapley"}, "importance must be"),
        ({"designs": 1}, "designs must be"),
        ({"images": IMAGES * 255}, "divide by 255"),
    ],
)
def test_mistakes_are_named(changed, message):
    arguments = {"images": IMAGES, "layer": "features", "target": 0, **FIND, **changed}
    with pytest.raises(ValueError, match=message):
        find_concepts(make_network(HEAD), arguments.pop("images"), arguments.pop("layer"), **arguments)


def test_a_silent_layer_and_a_diverged_network_are_refused():
    model = make_network(HEAD)
    kernel = model.model.get_layer("features").get_weights()[0]
    model.model.get_layer("features").set_weights([-np.abs(kernel)])
    with pytest.raises(ValueError, match="no positive activation"):
        find_concepts(model, IMAGES, "features", target=0, **FIND)
    model.model.get_layer("features").set_weights([kernel * np.nan])
    with pytest.raises(ValueError, match="NaN or infinite"):
        find_concepts(model, IMAGES, "features", target=0, **FIND)


def test_a_concept_that_shows_in_few_held_out_pictures_cannot_be_tested(found):
    silent = found.presence.copy()
    silent[found.rest[4:], :, 0] = 0
    with pytest.raises(ValueError, match=r"concept 0 shows in [1-4] of 18 held-out pictures"):
        dataclasses.replace(found, presence=silent).concept(0)
