"""`find_groups`: what a layer with known parts is made of, and what is said about odd layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp.directions import Directions
from tf_interp.groups import Groups, find_groups
from tf_interp.models import KerasModel
from tf_interp.probe import Probe

PARTS = np.array([[3, 1, 0, 0, 0], [0, 0, 2, 2, 0], [0, 0, 0, 0, 4]], np.float32)  # red, green, blue -> 5 channels


def make_model(activation="relu", parts=PARTS):
    """Return a model whose layer "conv" has a group of channels for each color of the image."""
    model = keras.Sequential(
        [
            keras.Input((6, 4, 3)),
            keras.layers.Conv2D(parts.shape[1], 1, use_bias=False, activation=activation, name="conv"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(4, name="dense", activation="relu"),
        ]
    )
    model.get_layer("conv").kernel.assign(parts[None, None])
    return KerasModel(model)


def make_images(count=12, seed=0):
    """Return images [N,6,4,3] in which each pixel has one color, and some have none."""
    random = np.random.default_rng(seed)
    color = np.eye(4, 3, dtype=np.float32)[random.integers(0, 4, (count, 6, 4))]
    return color * random.uniform(0.2, 1, (count, 6, 4, 1)).astype(np.float32)


def test_groups_are_the_parts_that_the_layer_is_made_of():
    images = make_images()
    groups = find_groups(make_model(), images, "conv", 3)
    assert isinstance(groups, Directions)
    assert (groups.layer, groups.origin, groups.names) == ("conv", "groups", ("group 0", "group 1", "group 2"))
    assert groups.error < 0.02
    assert groups.notes == ()
    cosine = groups.vectors @ (PARTS / np.linalg.norm(PARTS, axis=1, keepdims=True)).T
    color = cosine.argmax(1)
    assert sorted(color) == [0, 1, 2]
    assert np.allclose(cosine.max(1), 1, atol=1e-3)
    lengths = np.linalg.norm(PARTS, axis=1)
    assert np.allclose(groups.weights, images[..., color] * lengths[color], atol=0.1)
    energy = ((images * lengths) ** 2).sum((0, 1, 2))
    assert np.allclose(groups.shares, energy[color] / energy.sum(), atol=0.01)
    assert (np.diff(groups.shares) <= 0).all()


def test_shapes_types_and_sums():
    groups = find_groups(make_model(), make_images(), "conv", 2)
    assert groups.weights.shape == (12, 6, 4, 2)
    assert groups.vectors.shape == (2, 5)
    assert (groups.weights.dtype, groups.vectors.dtype, groups.shares.dtype) == (np.float32,) * 3
    assert groups.weights.min() >= 0
    assert np.allclose(np.linalg.norm(groups.vectors, axis=1), 1, atol=1e-5)
    assert groups.shares.sum() == pytest.approx(1 - groups.error**2, abs=1e-5)


def test_probe_and_array_batches_and_seeds_agree():
    model, images = make_model(), make_images()
    first = find_groups(model, images, "conv", 2)
    for groups in (
        find_groups(model, Probe.from_arrays(images), "conv", 2),
        find_groups(model, images, "conv", 2, batch_size=5),
        find_groups(model, images, "conv", 2, seed=0),
    ):
        assert np.allclose(groups.vectors, first.vectors, atol=1e-5)
        assert np.allclose(groups.weights, first.weights, atol=1e-5)


def test_warm_start_keeps_order_and_names_while_the_network_changes():
    model, images = make_model(), make_images()
    before = find_groups(model, images, "conv", 3)[[2, 0, 1]]
    conv = model.model.get_layer("conv")
    conv.kernel.assign(conv.kernel * 1.1 + 0.05)
    after = find_groups(model, images, "conv", 3, init=before)
    assert after.names == before.names == ("group 2", "group 0", "group 1")
    assert (after.vectors @ before.vectors.T).argmax(1).tolist() == [0, 1, 2]
    assert not np.allclose(after.vectors, before.vectors, atol=1e-3)
    again = find_groups(model, images, "conv", 3, init=before.vectors)
    assert np.allclose(again.vectors, after.vectors)
    assert again.names == ("group 0", "group 1", "group 2")


def test_dense_layer_is_one_position():
    groups = find_groups(make_model(), make_images(), "dense", 2)
    assert groups.weights.shape == (12, 1, 1, 2)
    assert groups.vectors.shape == (2, 4)


def test_some_of_the_groups_weigh_on_other_pictures_as_among_all():
    vectors = np.array([[1.0, 1, 0], [0, 1, 1]], np.float32)  # both hold the second channel
    groups = Groups("conv", vectors, ["a", "b"], "groups", weights=np.ones((1, 1, 1, 2)), error=0.0, shares=np.ones(2),
                    ids=("x",))  # fmt: skip
    other = np.array([[0.5, 2.0]]) @ vectors
    for rows in ([1], [1, 0]):
        np.testing.assert_allclose(groups[rows].weigh(other[None, None]), groups.weigh(other[None, None])[..., rows])
    np.testing.assert_allclose(groups[[1, 0]][[1]].weigh(other[None, None])[..., 0], 0.5, rtol=1e-4)


def test_some_of_the_groups_are_groups():
    groups = find_groups(make_model(), make_images(), "conv", 3)
    some = groups[[2, 0]]
    assert isinstance(some, Groups)
    assert some.names == ("group 2", "group 0")
    assert np.array_equal(some.weights, groups.weights[..., [2, 0]])
    assert np.array_equal(some.shares, groups.shares[[2, 0]])
    assert [len(one) for one in groups] == [1, 1, 1]
    assert groups[1].weights.shape == (12, 6, 4, 1)


def test_weights_are_known_for_the_same_images_only():
    images = make_images()
    groups = find_groups(make_model(), images, "conv", 2)
    assert np.array_equal(groups.weights_for(images[[5, 2]]), groups.weights[[5, 2]])
    assert groups.weights_for(make_images(seed=1)) is None
    assert groups.weights_for(np.concatenate([images[:1], make_images(1, seed=1)])) is None


def test_negative_activations_are_left_out_and_this_is_said():
    model = make_model(None, np.concatenate([PARTS, -PARTS[:, :1]], axis=1))
    images = make_images()
    groups = find_groups(model, images, "conv", 3)
    negative = (images @ PARTS[:, :1]).sum()
    share = negative / (negative + (images @ PARTS).sum())
    assert groups.notes == (
        f"{share:.1%} of the activation of conv is negative and was left out of the groups, "
        "their error and their shares, which are of the rest",
    )
    assert np.allclose(groups.vectors[:, 5], 0, atol=1e-6)
    assert groups.error < 0.02
    assert groups.left_out == pytest.approx(share, rel=1e-4)
    assert f"% of what is not negative ({share:.1%} is, and was left out)" in repr(groups[:1])
    kept = find_groups(model, images, "conv", 3, method="semi_nmf")
    assert (kept.left_out, "not negative" in repr(kept)) == (0.0, False)


def test_silent_layer_gives_empty_groups_and_says_so():
    model = make_model(parts=-PARTS)
    groups = find_groups(model, make_images(), "conv", 2)
    assert "conv is silent" in groups.notes[0]
    assert not groups.vectors.any()
    assert not groups.shares.any()
    assert groups.error == 0
    conv = model.model.get_layer("conv")
    conv.kernel.assign(PARTS[None, None])
    assert find_groups(model, make_images(), "conv", 2, init=groups).shares.min() > 0.1  # it wakes up again


class Counted(keras.layers.Layer):
    """A layer that counts how often it is traced."""

    traces = 0

    def call(self, x):
        type(self).traces += 1
        return x * 1.0


def test_nothing_is_traced_again_for_other_images_and_batches():
    model = KerasModel(keras.Sequential([keras.Input((6, 4, 3)), Counted(name="counted"), keras.layers.Flatten()]))
    find_groups(model, make_images(3), "counted", 2)
    before = Counted.traces
    for count in (12, 7):
        find_groups(model, make_images(count), "counted", 2, batch_size=4)
    assert Counted.traces == before > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": "cnov"}, "has no layer 'cnov'.*conv"),
        ({"k": 0}, "layer 'conv' has 5 channels and so 1 to 5 groups, got k=0"),
        ({"k": 6}, "got k=6"),
        ({"k": 2.0}, "got k=2.0"),
        ({"images": make_images() * 255}, r"images must lie in \[0,1\]"),
        ({"layer": "dense", "k": 4, "images": make_images(3)}, "layer 'dense' has 3 positions .* too few for 4 groups"),
        ({"init": Directions("dense", np.ones((2, 5)))}, "groups of layer 'dense' cannot start those of layer 'conv'"),
        ({"init": np.ones((3, 5))}, r"init must be .* of shape \[2, 5\]"),
    ],
)
def test_impossible_requests_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_groups(make_model(), **{"images": make_images(), "layer": "conv", "k": 2, **arguments})


@pytest.mark.parametrize("form", [iter, lambda images: lambda: [images], tf.data.Dataset.from_tensors])
def test_a_data_set_is_told_where_to_go(form):
    with pytest.raises(TypeError, match=r"stream_groups\(...\) takes a data set"):
        find_groups(make_model(), form(make_images()), "conv", 2)


def test_diverged_network_is_told_from_a_good_one():
    model = make_model(parts=PARTS * [[np.nan], [1], [1]])
    with pytest.raises(ValueError, match="of 1440 activations of layer 'conv' are NaN or infinite"):
        find_groups(model, make_images(), "conv", 2)


def test_half_precision_layer():
    model = keras.Sequential(
        [
            keras.Input((6, 4, 3)),
            keras.layers.Conv2D(5, 1, use_bias=False, name="conv", dtype="mixed_float16"),
        ]
    )
    model.get_layer("conv").kernel.assign(PARTS[None, None])
    groups = find_groups(KerasModel(model), make_images(), "conv", 3)
    assert groups.error < 0.02
    assert groups.weights.dtype == np.float32
