"""Clarity, polysemanticity and redundancy of rows whose numbers are known, and of groups that fire for known things."""

import dataclasses

import keras
import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

import tf_interp as ti
from tf_interp.groups.meaning.group_clarity import clarity, polysemanticity
from tf_interp.images import digest_images

SIDE, CELLS = 24, 8
COLORS = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1)], np.float32)


def rows(count, dimensions, seed=0):
    values = np.random.default_rng(seed).normal(size=(count, dimensions))
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_clarity_is_the_mean_cosine_of_two():
    units = rows(9, 5)
    others = ~np.eye(9, dtype=bool)
    assert clarity(units) == pytest.approx(cosine_similarity(units)[others].mean())
    assert clarity(np.tile(units[0], (6, 1))) == pytest.approx(1)
    assert clarity(np.eye(4)) == pytest.approx(0)
    assert clarity(np.array([[1.0, 0], [-1, 0]])) == pytest.approx(-1)
    assert np.isnan(clarity(units[:1]))


def test_polysemanticity_is_how_far_two_kinds_are_apart():
    angle = np.pi / 3
    kinds = np.array([[1, 0], [np.cos(angle), np.sin(angle)]])
    assert polysemanticity(np.repeat(kinds, 5, 0)) == pytest.approx(1 - np.cos(angle))
    assert polysemanticity(np.tile(kinds[0], (6, 1))) == 0
    assert polysemanticity(np.repeat(np.array([[1.0, 0], [-1, 0]]), 2, 0)) == pytest.approx(2)
    assert np.isnan(polysemanticity(kinds))


def make(count=24, seed=0):
    """Return (network, pictures, groups): one fires for red, one for red or blue, one for red too, one never.

    Each picture has one square of a color on gray.
    """
    rng = np.random.default_rng(seed)
    pictures = np.full((count, SIDE, SIDE, 3), 0.5, np.float32)
    weights = np.zeros((count, CELLS, CELLS, 4), np.float32)
    for row in range(count):
        (down, across), color = rng.integers(1, CELLS - 1, 2), row % 3
        pictures[row, 3 * (down - 1) : 3 * (down + 2), 3 * (across - 1) : 3 * (across + 2)] = COLORS[color]
        weights[row, down, across] = [color == 0, color != 1, color == 0, 0]
    takes = keras.Input((SIDE, SIDE, 3))
    cells = keras.layers.AveragePooling2D(3, name="cells")(takes)
    pooled = keras.layers.GlobalAveragePooling2D()(cells)
    network = ti.open_model(keras.Model(takes, keras.layers.Dense(2)(pooled)))
    names = ["red", "red or blue", "red too", "never"]
    groups = ti.Groups("cells", np.ones((4, 3)), names, "groups", weights=weights, error=0.0,
                       shares=np.ones(4, np.float32), ids=digest_images(pictures))  # fmt: skip
    return network, pictures, groups


def test_groups_of_one_thing_of_two_and_of_the_same():
    network, pictures, groups = make()
    found = ti.group_clarity(network, pictures, groups, embedding=lambda crops: crops.mean((1, 2)))
    assert found.counts.tolist() == [8, 16, 8, 0]
    assert found.clarity[:3] == pytest.approx([1, 7 / 15, 1], abs=1e-5)  # of 8 and 8, pairs of one kind
    assert found.polysemanticity[:3] == pytest.approx([0, 1, 0], abs=1e-5)
    assert found.nearest == ("red too", "red", "red", None)
    assert found.redundancy[:3] == pytest.approx([1, np.sqrt(0.5), 1], abs=1e-5)
    assert np.isnan([found.clarity[3], found.redundancy[3], found.polysemanticity[3]]).all()
    assert (pictures[found.pictures[0]][..., 1].min((1, 2)) == 0).all()
    assert (groups.weights[found.pictures[0], found.places[0][:, 0], found.places[0][:, 1], 0] == 1).all()
    assert found.embedding == "a function of the user"
    table = found.to_dataframe().set_index("group")
    assert table.loc["red", "clarity"] == pytest.approx(1)
    assert (table["random_clarity"] == found.random_clarity[0]).all()
    lines = found.explain().splitlines()
    assert lines[0].startswith("red: clarity 1.00, polysemanticity 0.00, most alike red too (1.00)")
    assert lines[2] == "red or blue: clarity 0.47 (no clearer than crops of anywhere), polysemanticity 1.00, most " \
        "alike red (0.71)"  # fmt: skip
    assert lines[3] == "never: fires in too few pictures to compare"


def test_groups_that_are_all_silent_are_no_error():
    network, pictures, groups = make(6)
    silent = dataclasses.replace(groups, weights=0 * groups.weights)
    found = ti.group_clarity(network, pictures, silent, embedding=lambda crops: crops.mean((1, 2)))
    assert np.isnan(found.clarity).all()
    assert found.explain().splitlines() == [f"{name}: fires in too few pictures to compare" for name in groups.names]


def test_the_network_itself_is_circular_and_a_second_one_is_not():
    network, pictures, groups = make()
    own = ti.group_clarity(network, pictures, groups)
    assert own.embedding.startswith("cells of ")
    assert "which is circular; give a second network" in own.notes[0]
    wanted = ti.group_clarity(network, pictures, groups, embedding=lambda crops: crops.mean((1, 2)))
    np.testing.assert_allclose(own.clarity, wanted.clarity, atol=1e-5)
    layers = [keras.layers.Conv2D(4, 3, name="early"), keras.layers.Flatten(), keras.layers.Dense(3)]
    second = ti.open_model(keras.Sequential([keras.Input((10, 12, 1)), *layers], name="second"))
    other = ti.group_clarity(network, pictures, groups, embedding=second)
    assert (other.embedding, other.notes) == ("early of second", ())
    assert other.clarity[0] == pytest.approx(1, abs=1e-5)
    named = ti.group_clarity(network, pictures, groups, embedding="output")
    assert named.embedding.startswith("output of")


def test_what_all_crops_share_can_be_taken_away():
    network, pictures, groups = make()
    shifted = {"embedding": lambda crops: crops.mean((1, 2)) + 9}
    plain = ti.group_clarity(network, pictures, groups, **shifted)
    found = ti.group_clarity(network, pictures, groups, centered=True, **shifted)
    assert plain.clarity[1] > 0.99
    assert found.clarity[:3] == pytest.approx([1, found.clarity[1], 1], abs=1e-5)
    assert found.clarity[1] < 0.5
    assert found.embedding == "a function of the user, centered"


def test_crops_are_bounded_whatever_the_probe():
    network, pictures, groups = make()
    seen = []
    ti.group_clarity(network, pictures, groups, top=5, embedding=lambda crops: seen.append(crops) or crops[:, 0, 0])
    assert [crops.shape for crops in seen] == [(5 + 5 + 5 + 0 + 64, SIDE, SIDE, 3)]


def test_a_layer_without_positions_compares_whole_pictures():
    pictures = np.random.default_rng(0).random((9, 8, 8, 3), np.float32)
    layers = [keras.layers.Flatten(), keras.layers.Dense(5, activation="relu", name="hidden"), keras.layers.Dense(2)]
    network = ti.open_model(keras.Sequential([keras.Input((8, 8, 3)), *layers]))
    groups = ti.find_groups(network, pictures, "hidden", 1)
    seen = []
    found = ti.group_clarity(network, pictures, groups, embedding=lambda crops: seen.append(crops) or crops[:, 0, 0])
    np.testing.assert_allclose(seen[0][0], pictures[found.pictures[0][0]], atol=1e-6)
    assert found.nearest == (None,)
    assert ti.group_clarity(network, pictures, groups).embedding.startswith("hidden of")


def test_mistakes_are_said():
    network, pictures, groups = make(6)
    with pytest.raises(ValueError, match=r"must give one row for each crop, \[\d+,d\], got \[3\]"):
        ti.group_clarity(network, pictures, groups, embedding=lambda crops: np.ones(3))
    with pytest.raises(TypeError, match=r"embedding must be a Model, the name of a layer or a function, got int"):
        ti.group_clarity(network, pictures, groups, embedding=3)
    with pytest.raises(ValueError, match="top must be 2 or more, got 1"):
        ti.group_clarity(network, pictures, groups, top=1)
    with pytest.raises(ValueError, match="the embedding gives NaN"):
        ti.group_clarity(network, pictures, groups, embedding=lambda crops: crops.mean((1, 2)) * np.nan)
    with pytest.raises(TypeError, match="group_clarity takes the result of find_groups"):
        ti.group_clarity(network, pictures, ti.Directions("cells", np.eye(3)))
    vectors = np.random.default_rng(0).random((6, 5)).astype(np.float32)
    table = ti.open_model(keras.Sequential([keras.Input((5,)), keras.layers.ReLU(name="parts"), keras.layers.Dense(2)]))
    with pytest.raises(ValueError, match="compares parts of pictures, and this network takes something else"):
        ti.group_clarity(table, vectors, ti.find_groups(table, vectors, "parts", 2))


def test_crops_of_anywhere_are_one_of_each_picture_as_those_of_a_group():
    """Else they would be alike for being of one picture, and groups no clearer than that."""
    pictures = np.repeat(np.repeat(np.eye(3, dtype=np.float32)[:, None, None], SIDE, 1), SIDE, 2)
    network, _, groups = make()
    groups = dataclasses.replace(groups, weights=np.ones((3, CELLS, CELLS, 4), np.float32), ids=digest_images(pictures))
    found = ti.group_clarity(network, pictures, groups, embedding=lambda crops: crops.mean((1, 2)))
    assert found.counts.tolist() == [3] * 4
    assert found.random_clarity == pytest.approx(0, abs=1e-6)
    assert found.clarity == pytest.approx(0, abs=1e-6)
