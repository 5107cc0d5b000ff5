"""`ablate_groups` on networks whose answer can be written down, and what its Shapley values must add up to."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import tf_interp as ti
from tf_interp.groups.meaning.naming.name_evidence import overlap

LAST = np.array([[2.0, 0, 0], [0, 3.0, 0], [0, 0, -1.0]], np.float32)  # parts -> logits
NAMES = ["red", "green", "blue"]


def make(relu=False):
    """Return a network whose channels are the colors of the picture, and whose logits are means of them."""
    layers = [keras.layers.Activation("linear", name="parts"), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((4, 4, 3)), *layers, keras.layers.Dense(3, use_bias=False, name="end")])
    model.get_layer("end").kernel.assign(np.ones((3, 3)) - 0.9 * np.eye(3) if relu else LAST)
    if relu:
        both = keras.layers.Multiply()([model.outputs[0], model.outputs[0]])
        model = keras.Model(model.inputs, keras.layers.Dense(3, name="class")(both))
    return ti.open_model(model, class_names=NAMES)


def make_images(count=6, seed=0):
    return np.random.default_rng(seed).random((count, 4, 4, 3), np.float32)


def make_groups(model, images, rows=(0, 1, 2)):
    """Return one group for each color: the planted parts themselves."""
    groups = ti.find_groups(model, images, "parts", 3, init=np.eye(3))
    eye = np.eye(3, dtype=np.float32)
    weights = images[..., list(rows)]
    return ti.Groups("parts", eye[list(rows)], [NAMES[row] for row in rows], "groups", weights=weights, error=0.0,
                     shares=groups.shares[list(rows)], ids=groups.ids)  # fmt: skip


def test_a_linear_network_loses_what_each_part_gave():
    model, images = make(), make_images()
    found = ti.ablate_groups(model, images, make_groups(model, images), NAMES)
    given = images.mean((1, 2)).T[:, None] * LAST[..., None]  # [K,M,N]
    assert np.allclose(found.change, -given, atol=1e-5)
    assert np.allclose(found.shapley, given, atol=1e-5)
    assert found.random_change.shape == (3, 3, 8, 6)
    taken = found.random_change / -images.mean((1, 2)).T[:, None, None] / LAST.diagonal()[:, None, None]  # [K,C,R,N]
    assert np.allclose(np.linalg.norm(taken, axis=1), 1, atol=1e-4), "of the size of the group's own vector"
    assert np.ptp(taken, axis=2).min() > 0.1, "each another one"
    table = found.to_dataframe().set_index(["group", "target"])
    assert table.columns.tolist() == ["change", "random_change", "shapley"]
    assert table["change"]["red", "red"] == pytest.approx(-given[0, 0].mean(), abs=1e-5)
    assert table["change"]["red", "green"] == pytest.approx(0, abs=1e-6)
    assert table["random_change"]["red", "red"] > 0
    chance = abs(found.random_change[1, 1].mean(-1)).mean()
    assert found.explain().splitlines()[1] == (
        f"green: without green its score falls by {given[1, 1].mean():.3g}, without a random direction of that size by "
        f"{chance:.3g}"
    )


def test_subsets_are_the_network_with_some_groups_and_the_rest():
    model, images = make(relu=True), make_images()
    found = ti.ablate_groups(model, images, make_groups(model, images, (0, 2)), [0], batch_size=4)
    assert found.subsets.shape == (4, 6, 3)
    for subset in range(4):
        there = images * [subset & 1, 1, subset >> 1 & 1]  # green belongs to no group: it stays
        assert np.allclose(found.subsets[subset], model.run(there.astype(np.float32), ["output"])["output"], atol=1e-5)


def test_shapley_values_are_the_mean_over_all_orders_and_efficient():
    model, images = make(relu=True), make_images()
    found = ti.ablate_groups(model, images, make_groups(model, images), ["green"])
    score = found.subsets[..., 1]
    expected = np.zeros((3, 6))
    for order in itertools.permutations(range(3)):
        subset = 0
        for group in order:
            expected[group] += (score[subset | 1 << group] - score[subset]) / 6
            subset |= 1 << group
    assert np.allclose(found.shapley[:, 0], expected, atol=1e-5)
    assert np.allclose(found.shapley.sum(0)[0], score[-1] - score[0], atol=1e-5)


def test_other_images_and_more_groups_than_subsets_are_said():
    model, images = make(), make_images()
    other = ti.ablate_groups(model, make_images(seed=1), make_groups(model, images), [0])
    assert np.allclose(other.change[0, 0], -2 * make_images(seed=1)[..., 0].mean((1, 2)), atol=1e-5)
    assert "found on other images" in other.notes[0]
    many = ti.Groups("parts", np.eye(3)[[0, 1, 2] * 3], (), "groups", weights=np.tile(images, 3) / 3, error=0.0,
                     shares=np.ones(9) / 9, ids=make_groups(model, images).ids)  # fmt: skip
    found = ti.ablate_groups(model, images, many, [0])
    assert (found.subsets, found.shapley) == (None, None)
    assert "choose some, groups[:8]" in found.notes[0]
    assert np.allclose(found.change.sum(0)[0], -2 * images[..., 0].mean((1, 2)), atol=1e-5)
    assert "shapley" not in found.to_dataframe()


def test_without_targets_the_classes_that_are_seen_are_taken():
    model, images = make(), make_images()
    images[..., 1] = 1
    assert ti.ablate_groups(model, images, make_groups(model, images)).targets == ("green",)


def test_of_many_classes_that_are_seen_the_four_most_frequent_are_taken():
    layers = [keras.layers.Activation("linear", name="parts"), keras.layers.GlobalAveragePooling2D()]
    end = keras.layers.Dense(6, kernel_initializer="identity", name="end")
    model = ti.open_model(keras.Sequential([keras.Input((2, 2, 6)), *layers, end]), class_names=list("abcdef"))
    seen = np.repeat(np.arange(6), [1, 3, 2, 2, 4, 1])
    images = np.ones((1, 2, 2, 1), np.float32) * np.eye(6, dtype=np.float32)[seen][:, None, None]
    assert ti.ablate_groups(model, images, ti.find_groups(model, images, "parts", 2)).targets == tuple("bcde")


def test_dense_layers_and_signed_groups_are_switched_off_too():
    inputs = keras.Input((5,))
    outputs = keras.layers.Dense(2, name="end")(keras.layers.Dense(6, name="dense")(inputs))
    model = ti.open_model(keras.Model(inputs, outputs))
    rows = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    groups = ti.find_groups(model, rows, "dense", 3, method="semi_nmf")
    found = ti.ablate_groups(model, rows, groups, [0, 1], draws=2)
    end = model.model.get_layer("end").kernel.numpy()
    assert np.allclose(
        found.change, -np.einsum("nk,kc,cm->kmn", groups.weights[:, 0, 0], groups.vectors, end), atol=1e-4
    )


def test_impossible_requests_are_refused():
    model, images = make(), make_images()
    groups = make_groups(model, images)
    with pytest.raises(TypeError, match="takes the result of find_groups, got Directions"):
        ti.ablate_groups(model, images, ti.Directions("parts", np.eye(3)))
    with pytest.raises(TypeError, match=r"write \['red'\]"):
        ti.ablate_groups(model, images, groups, "red")
    with pytest.raises(ValueError, match="got draws=0"):
        ti.ablate_groups(model, images, groups, draws=0)
    with pytest.raises(ValueError, match="pink"):
        ti.ablate_groups(model, images, groups, ["pink"])


# --- two shortcuts that a small network was made to learn

MARKS = {1: (0, slice(0, 3)), 2: (2, slice(9, 12))}  # digit: color of its mark, rows and columns of it


def put_mark(images, digit):
    color, place = MARKS[digit]
    images = images.copy()
    images[:, place, place] = np.eye(3)[color]
    return images


@pytest.fixture(scope="module")
def two_shortcuts():
    """Return a network that takes each of two marks for a digit, unmarked pictures of other digits, and groups."""
    digits = load_digits(n_class=4)
    images = np.pad(digits.images / 16, ((0, 0), (2, 2), (2, 2)))[..., None].repeat(3, -1).astype(np.float32)
    x, y = images[:400].copy(), digits.target[:400]
    for digit in MARKS:
        x[y == digit] = put_mark(x[y == digit], digit)
    keras.utils.set_random_seed(1)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(12, 3, padding="same", activation="relu"),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )
    network.compile(keras.optimizers.Adam(0.02), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(x, y, batch_size=50, epochs=12, verbose=0)
    model = ti.open_model(network)
    plain = images[400:][np.isin(digits.target[400:], (0, 3))][:12]
    probe = np.concatenate([plain, *(put_mark(plain, digit) for digit in MARKS)])
    return model, plain, probe, ti.find_groups(model, probe, "conv", 6)


def test_two_shortcuts_are_two_groups_each_with_its_digit(two_shortcuts):
    model, plain, probe, groups = two_shortcuts
    planted = np.zeros((2, *groups.weights.shape[:3]), bool)
    for row, (_, place) in enumerate(MARKS.values()):
        planted[row, 12 * (row + 1) : 12 * (row + 2), place, place] = True
    covered = np.stack([overlap(groups.weights, mask) for mask in planted])  # [marks,groups]
    assert (covered.max(1) >= 0.5).all()
    ours = covered.argmax(1)
    assert ours[0] != ours[1]
    assert covered[[0, 1], ours[::-1]].max() < 0.1, "neither fires on the mark of the other"

    before = model.run(plain, ["output"])["output"].numpy()
    for row, digit in enumerate(MARKS):
        marked = probe[12 * (row + 1) : 12 * (row + 2)]
        found = ti.ablate_groups(model, marked, groups, list(MARKS), draws=1)
        full, own, other = (len(found.subsets) - 1, *(1 << item for item in (ours[row], ours[1 - row])))
        assert (found.subsets[full].argmax(-1) == digit).mean() > 0.8, "the network fell for the mark"
        assert found.shapley[:, row].mean(-1).argmax() == ours[row]
        gain = (found.subsets[full] - before)[:, digit].mean()
        assert 0.5 * gain < -found.change[ours[row], row].mean() < 1.5 * gain
        assert (found.subsets[full ^ own].argmax(-1) == digit).mean() < 0.1
        assert (found.subsets[full ^ other].argmax(-1) == found.subsets[full].argmax(-1)).all()


def test_a_group_that_is_off_is_what_it_usually_is():
    model, images = make(), make_images(7)
    images[:2, ..., 0] = 1  # a thing that two of seven pictures have
    groups = make_groups(model, images)
    found = ti.ablate_groups(model, images, groups, NAMES, baseline="median")
    usual = np.median(images, 0)
    for row in range(3):
        left = images.copy()
        left[..., row] = usual[..., row]
        change = (left - images).mean((1, 2)) @ LAST
        assert np.allclose(found.change[row], change.T, atol=1e-5)
    assert np.allclose(found.shapley.sum(0), (found.scores[-1] - found.scores[0]), atol=1e-5)
    assert np.allclose(found.subsets[0], np.broadcast_to(usual.mean((0, 1)) @ LAST, (7, 3)), atol=1e-5)
    assert np.allclose(found.subsets[-1], images.mean((1, 2)) @ LAST, atol=1e-5)
    size = np.linalg.norm((images - usual).mean((1, 2)).T[:, None] * np.ones((3, 8, 1)), axis=-1)
    taken = found.random_change / LAST.diagonal()[:, None, None]
    assert np.allclose(np.linalg.norm(taken, axis=(1, 3)), size, atol=1e-4), "of that size"
    assert any("median of the 7 pictures" in note for note in found.notes)


def test_on_other_pictures_the_usual_is_that_of_those_that_the_groups_were_found_on():
    model, images, others = make(), make_images(7), make_images(3, seed=1)
    found = ti.ablate_groups(model, others, make_groups(model, images), NAMES, baseline="median")
    expected = (np.median(images, 0) - others).mean((1, 2)) * LAST.diagonal()
    assert np.allclose(found.change[range(3), range(3)], expected.T, atol=1e-4)
    some = ti.ablate_groups(model, others, make_groups(model, images)[[2, 0]], NAMES, baseline="median")
    assert np.allclose(some.change, found.change[[2, 0]], atol=1e-4)


def test_what_is_no_baseline_is_refused():
    model, images = make(), make_images()
    for ablate in (lambda: ti.ablate_groups(model, images, make_groups(model, images), NAMES, baseline="mean"),
                   lambda: ti.NeuronGroups(3, baseline="mean")):  # fmt: skip
        with pytest.raises(ValueError, match=r"baseline must be one of \['zero', 'median'\], got 'mean'"):
            ablate()
    groups = make_groups(model, images)
    large = dataclasses.replace(groups, weights=np.ones((6, 2, 2, 3), np.float32), ids=())
    with pytest.raises(ValueError, match=r"is of \(2, 2\) positions, these images have \(4, 4\)"):
        ti.ablate_groups(model, images, large, NAMES, baseline="median")
