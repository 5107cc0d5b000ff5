"""`find_groups(window=)`: a thing that is larger than a position is one group, and all promises hold as without."""

import keras
import numpy as np
import pytest

import tf_interp as ti
from tf_interp.groups.methods.choice import METHODS
from tf_interp.groups.methods.windows import average_windows
from tf_interp.groups.nmf import nmf

SIDE, CHANNELS = 8, 12


def make_layer(side=SIDE):
    """Return a network whose layer "parts" is its input."""
    layers = [keras.layers.Rescaling(1.0, name="parts"), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    return ti.open_model(keras.Sequential([keras.Input((side, side, CHANNELS)), *layers]))


def make_things(count=40, seed=0):
    """Return pictures [N,8,8,12] of strokes that fire on 3 channels each, and where a tag of 3 x 3 positions is.

    Each position of the tag shows two of its six channels; strokes are made of three others, and of two of the six.
    """
    rng = np.random.default_rng(seed)
    images = np.zeros((count, SIDE, SIDE, CHANNELS), np.float32)
    for image in images:
        for _ in range(12):
            kind, (row, column) = rng.integers(3), rng.integers(0, SIDE, 2)
            image[row, column, [[0, 6, 7], [1, 8, 9], [10, 11, 6]][kind]] += rng.uniform(0.2, 1, 3)
    mask = np.zeros(images.shape[:3], bool)
    mask[::2, 4:7, 4:7] = True
    for number, (row, column) in enumerate(np.ndindex(3, 3)):
        images[::2, 4 + row, 4 + column] = 0
        images[::2, 4 + row, 4 + column, [number % 6, (number + 1 + number // 6) % 6]] = 1
    return images / images.max(), mask


@pytest.mark.parametrize("seed", [0, 1])
def test_a_thing_larger_than_a_position_is_one_group(seed):
    images, mask = make_things(seed=seed)
    covered = {}
    for window in (1, 3):
        groups = ti.find_groups(make_layer(), images, "parts", 4, window=window)
        covered[window] = (groups.weights[mask] > 0.1).mean(0).max()  # of the tag's positions, by one group
    assert covered[1] < 0.85
    assert covered[3] > 0.95


def test_vectors_are_those_of_the_means_and_weights_those_of_each_position():
    images, _ = make_things()
    groups = ti.find_groups(make_layer(), images, "parts", 4, window=3)
    means = average_windows(images, 3)
    found = nmf(means.reshape(-1, CHANNELS), 4)
    assert (groups.vectors @ found.vectors.numpy().T).max(1).min() > 0.9999
    assert np.allclose(groups.weights, groups.weigh(images), atol=1e-5), "as on new pictures"
    rest = images - groups.weights @ groups.vectors
    assert groups.error == pytest.approx(np.linalg.norm(rest) / np.linalg.norm(images), rel=1e-4)
    assert groups.shares.sum() == pytest.approx(1 - groups.error**2, rel=1e-4)
    assert (np.diff(groups.shares) <= 0).all()
    assert any("within 3 x 3 positions" in note for note in groups.notes)


def test_means_are_of_the_positions_that_there_are():
    values = np.arange(2 * 4 * 5, dtype=np.float32).reshape(2, 4, 5, 1)
    padded = np.zeros((2, 4, 5), bool)
    padded[1, :, 3:] = True
    for mask in (None, padded):
        means = average_windows(values, 3, mask)
        for n, row, column in np.ndindex(2, 4, 5):
            near = np.s_[n, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            there = np.ones((3, 3))[: values[near].shape[0], : values[near].shape[1]] if mask is None else ~mask[near]
            some = there.sum() and not (mask is not None and mask[n, row, column])
            expected = (values[near][..., 0] * there).sum() / there.sum() if some else 0
            assert means[n, row, column, 0] == pytest.approx(expected, rel=1e-5)
    assert np.allclose(average_windows(values, 9), values.mean((1, 2), keepdims=True))
    assert average_windows(values, 1) is values


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_windows(method):
    images, _ = make_things(12)
    groups = ti.find_groups(make_layer(), images, "parts", 4, window=3, method=method, iterations=20)
    assert groups.weights.shape == (12, SIDE, SIDE, 4)
    assert groups.weights.min() >= 0
    assert np.allclose(groups.weights, groups.weigh(images), atol=1e-5)
    assert 0 < groups.error < 1


def test_a_window_of_one_and_a_single_position_are_as_before():
    images, _ = make_things(12)
    before, after = (ti.find_groups(make_layer(), images, "parts", 4, **more) for more in ({}, {"window": 1}))
    assert np.array_equal(before.weights, after.weights)
    assert np.array_equal(before.vectors, after.vectors)
    small = images[:, ::8, ::8] + images[:, 4:5, 4:5]
    before, after = (ti.find_groups(make_layer(1), small, "parts", 2, window=window) for window in (1, 3))
    assert np.allclose(before.vectors, after.vectors)
    assert np.allclose(before.weights, after.weights, atol=1e-2)


def test_the_next_step_goes_on_from_them():
    images, _ = make_things()
    first = ti.find_groups(make_layer(), images, "parts", 4, window=3)
    start = first[[2, 0, 3, 1]]
    again = ti.find_groups(make_layer(), images, "parts", 4, window=3, init=start)
    assert np.einsum("kc,kc->k", again.vectors, start.vectors).min() > 0.999


def test_a_silent_layer_and_volumes_have_an_answer():
    images, _ = make_things(4)
    groups = ti.find_groups(make_layer(), images * 0, "parts", 2, window=3)
    assert not groups.vectors.any()
    volumes = keras.Sequential([keras.Input((4, 4, 4, 2)), keras.layers.Conv3D(3, 1, name="conv")])
    with pytest.raises(ValueError, match="window is 1, got 3"):
        ti.find_groups(ti.open_model(volumes), np.ones((4, 4, 4, 4, 2), np.float32), "conv", 2, window=3)
    with pytest.raises(ValueError, match="window is 1, got 3"):
        ti.scan_groups(ti.open_model(volumes), np.ones((4, 4, 4, 4, 2), np.float32), "conv", [2], window=3)


@pytest.mark.parametrize("method", ["nmf", "semi_nmf"])
def test_a_scan_is_of_the_same_groups(method):
    images, _ = make_things()
    model, given = make_layer(), {"method": method, "window": 3}
    scan = ti.scan_groups(model, images, "parts", [2, 3, 4, 6], **given)
    errors = [ti.find_groups(model, images, "parts", k, **given).error for k in (2, 3, 4, 6)]
    np.testing.assert_allclose(scan.error, errors, rtol=1e-5)
    plain = ti.scan_groups(model, images, "parts", [2, 3, 4, 6], method=method)
    assert np.abs(scan.stability - plain.stability).max() > 0.01, "the halves are looked at through the window, too"


@pytest.mark.parametrize("window", [0, 2, -1, 1.5, "3", None, True])
def test_what_is_no_window_is_refused(window):
    for find in (lambda: ti.NeuronGroups(2, window=window),
                 lambda: ti.find_groups(make_layer(), make_things(2)[0], "parts", 2, window=window),
                 lambda: ti.scan_groups(make_layer(), make_things(8)[0], "parts", [2], window=window)):  # fmt: skip
        with pytest.raises(ValueError, match="window is an odd number of positions"):
            find()


def test_the_part_and_those_that_show_its_groups_look_through_its_window():
    images, _ = make_things(12)
    probe = ti.Probe.from_arrays(images)
    parts = [ti.NeuronGroups(4, window=3, icons=False, switches=0), ti.Decisions(pictures=2)]
    records = ti.analyze(make_layer(), probe, ["parts"], parts)
    groups = ti.find_groups(make_layer(), images, "parts", 4, window=3)
    (record,) = (item for item in records if item.kind == "groups")
    assert [row["share"] for row in record.data["groups"]] == pytest.approx(groups.shares.tolist(), rel=1e-4)
    assert any("within 3 x 3 positions" in note for note in record.data["notes"])
