"""Using concept vectors: scores, order, maps and ablation against answers by hand."""

import keras
import numpy as np
import pytest
from concept_networks import HEAD, make_curved, make_linear, noise, tinted

from tf_interp.concepts import ablate_concepts, concept_maps, concept_scores, sort_by_concept, tcav
from tf_interp.directions import Directions
from tf_interp.models import open_model

MODEL = make_linear(HEAD)
RGB = Directions("features", 3 * np.eye(3, dtype=np.float32), ["red", "green", "blue"])


def test_scores_are_cosines_with_the_mean_activation():
    images = noise(7, 1)
    means = images.mean((1, 2))
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(concept_scores(MODEL, images, RGB, batch_size=3), expected, rtol=1e-5)
    pooled = Directions("pool", RGB.vectors, RGB.names)
    np.testing.assert_allclose(concept_scores(MODEL, images, pooled), expected, rtol=1e-5)


def test_sorting_puts_the_most_alike_first():
    images = np.stack([np.full((4, 4, 3), 0.2, np.float32)] * 4)
    for index, amount in enumerate([0.1, 0.6, 0.0, 0.3]):
        images[index, ..., 0] += amount
    assert sort_by_concept(MODEL, images, RGB[0]).tolist() == [[1, 3, 0, 2]]


def test_maps_show_where():
    images = np.zeros((2, 4, 4, 3), np.float32)
    images[0, 1, 2, 0] = 0.7
    maps = concept_maps(MODEL, images, RGB)
    assert maps.shape == (2, 4, 4, 3)
    assert maps[0, 1, 2].tolist() == pytest.approx([0.7, 0, 0])
    assert maps.sum() == pytest.approx(0.7)
    with pytest.raises(ValueError, match="no positions"):
        concept_maps(MODEL, images, Directions("pool", np.eye(3), "rgb"))


def test_ablation_takes_one_direction_away():
    images = noise(5, 1)
    before, after = ablate_concepts(MODEL, images, RGB, batch_size=2)
    means = images.mean((1, 2))
    np.testing.assert_allclose(before, means @ np.array(HEAD), rtol=1e-5)
    assert after.shape == (5, 3, 2)
    without_red = means * [0, 1, 1]
    np.testing.assert_allclose(after[:, 0], without_red @ np.array(HEAD), rtol=1e-5, atol=1e-6)
    others = noise(11, 2)
    _, after = ablate_concepts(MODEL, images, RGB, baseline=others)
    level = others.mean((0, 1, 2))[0]
    np.testing.assert_allclose(after[:, 0], (without_red + np.array([level, 0, 0])) @ np.array(HEAD), rtol=1e-4)


def test_ablation_looks_at_the_chosen_output():
    x = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Activation("linear", name="features")(x))
    network = keras.Model(x, {"first": keras.layers.Dense(2)(pooled), "other": keras.layers.Dense(5)(pooled)})
    images = np.random.default_rng(1).random((4, 8, 8, 3), np.float32)
    before, after = ablate_concepts(open_model(network, output="other"), images, RGB)
    np.testing.assert_allclose(before, network(images)["other"], rtol=1e-5, atol=1e-6)
    assert after.shape == (4, 3, 5)


def test_vectors_of_a_test_go_straight_in():
    red = tinted(noise(30, 1), 0)
    result = tcav(MODEL, {"red": red}, noise(60, 2), {"0": noise(9, 3)}, "features", permutations=99, bootstraps=20)
    found = result.directions("features")
    assert list(found.names) == ["red"]
    scores = concept_scores(MODEL, np.concatenate([tinted(noise(5, 8), 0), noise(5, 8)]), found)[:, 0]
    assert scores[:5].min() > scores[5:].max()


def test_a_second_call_traces_nothing():
    model = make_linear(HEAD)
    images = noise(5, 1)
    for call in (concept_scores, concept_maps, ablate_concepts):
        call(model, images, RGB)
    calls, forward, known = [], model._forward, set(model._functions)
    model._forward = lambda *a, **k: calls.append(1) or forward(*a, **k)
    for call in (concept_scores, concept_maps, ablate_concepts):
        call(model, images[:3], RGB[1:])
    assert calls == []  # the network is built while tracing only
    assert set(model._functions) == known


def test_vectors_of_another_layer_are_refused():
    with pytest.raises(ValueError, match="3 channels, the vectors have 4"):
        concept_scores(MODEL, noise(2, 1), Directions("features", np.eye(4)))
    with pytest.raises(ValueError, match="did you mean"):
        concept_scores(MODEL, noise(2, 1), Directions("featurs", np.eye(3)))
    with pytest.raises(TypeError, match="come as Directions"):
        concept_scores(MODEL, noise(2, 1), np.eye(3))


def test_half_precision_networks_are_ablated_in_their_own_type():
    whole, half = make_curved(units=8), make_curved(units=8, dtype="mixed_float16")
    half.model.set_weights(whole.model.get_weights())
    vectors = Directions("early", np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32))
    images = noise(5, 1, 6)
    for one, other in zip(ablate_concepts(whole, images, vectors), ablate_concepts(half, images, vectors), strict=True):
        np.testing.assert_allclose(one, other, atol=0.02)
