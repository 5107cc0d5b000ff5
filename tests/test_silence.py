"""No map is empty without a reason: saturated, dead, no path, or nothing that speaks for the score."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp import attribute, open_model

L = keras.layers
IMAGES = np.random.default_rng(0).uniform(0.1, 1, (3, 6, 6, 3)).astype(np.float32)
COUNTS = {"smoothgrad": {"samples": 3}, "vargrad": {"samples": 3}, "rise": {"samples": 20}}


def build(*layers):
    keras.utils.set_random_seed(0)
    return open_model(keras.Sequential([keras.Input((6, 6, 3)), *layers]))


@pytest.fixture(scope="module")
def dead():
    """Return a network whose second layer is dead."""
    model = build(
        L.Conv2D(4, 3, name="first"),
        L.Conv2D(4, 3, name="second"),
        L.ReLU(name="relu"),
        L.Flatten(),
        L.Dense(2, name="end"),
    )
    model.model.get_layer("second").bias.assign([-1e3] * 4)
    return model


@pytest.mark.parametrize("method", ["gradient", "integrated_gradients", "smoothgrad", "lrp", "rise", "occlusion"])
@pytest.mark.parametrize("layer", [None, "first"])
def test_a_dead_layer_is_named(dead, method, layer):
    found = attribute(dead, IMAGES, 1, layer=layer, method=method, batch_size=2, **COUNTS.get(method, {}))
    assert not found.values.any()
    (note,) = found.notes
    assert note.endswith(
        "for 3 of 3 images: all 16 units of layer 'relu' are zero there (a dead ReLU, or weights that are zero)"
    )


@pytest.mark.parametrize("method", ["grad_cam", "layer_cam"])
def test_a_dead_layer_is_named_by_maps(dead, method):
    (note,) = attribute(dead, IMAGES, 1, layer="first", method=method).notes
    assert note.endswith("all 16 units of layer 'relu' are zero there (a dead ReLU, or weights that are zero)")


def test_a_saved_model_says_the_same(dead, tmp_path):
    dead.model.export(tmp_path / "saved", verbose=False)
    (note,) = attribute(open_model(tmp_path / "saved"), IMAGES, 1, method="gradient").notes
    assert "zero there (a dead ReLU, or weights that are zero)" in note


def test_a_saturated_target():
    model = build(L.Flatten(), L.Dense(2, name="end"))
    model.model.get_layer("end").bias.assign([0, 1e3])
    (note,) = attribute(model, IMAGES, lambda logits: tf.nn.softmax(logits)[:, 1]).notes
    assert note.startswith(
        "the gradient at the input is zero for 3 of 3 images: the score does not change with 'output'"
    )
    assert "saturated softmax" in note
    assert attribute(model, IMAGES, 1).notes == ()


@pytest.mark.parametrize(("activation", "bound"), [("tanh", "1"), ("sigmoid", "1"), ("relu6", "6")])
def test_a_saturated_layer(activation, bound):
    model = build(L.Flatten(), L.Dense(5, activation=activation, name="hidden"), L.Dense(2))
    model.model.get_layer("hidden").bias.assign([1e3] * 5)
    (note,) = attribute(model, IMAGES, 1).notes
    assert f"all 5 units of layer 'hidden' are at {bound} there, as where it is saturated" in note


def test_a_choice_that_a_mask_took_away_is_not_called_saturated():
    x, allowed = keras.Input((4,), name="x"), keras.Input((3,), dtype="bool", name="allowed")
    scores = keras.ops.where(allowed, L.Dense(3, name="end")(L.Dense(4, name="hidden")(x)), -1e9)
    model = open_model(keras.Model({"x": x, "allowed": allowed}, L.Softmax()(scores)))
    inputs = {"x": np.eye(4, dtype=np.float32)[:1], "allowed": np.array([[False, True, True]])}
    (note,) = attribute(model, inputs, 0, layer="hidden").notes
    assert "by a factor of zero, a mask" in note


def test_only_some_images():
    model = build(L.Conv2D(1, 1, activation="relu", name="conv"), L.Flatten(), L.Dense(2))
    model.model.get_layer("conv").set_weights([np.ones((1, 1, 3, 1)), np.array([-0.01])])
    (note,) = attribute(model, np.stack([IMAGES[0], 0 * IMAGES[0]]), 1).notes
    assert note.startswith("the gradient at the input is zero for 1 of 2 images: all 36 units of layer 'conv'")


def test_no_path():
    start = keras.Input((6, 6, 3))
    x = L.Conv2D(2, 3, name="conv")(start)
    rounded = L.Lambda(tf.round, name="round")(x)
    model = open_model(keras.Model(start, L.Dense(2)(L.Flatten()(rounded))))
    with pytest.raises(ValueError, match="the score does not depend on layer 'conv', or only through operations"):
        attribute(model, IMAGES, 1, layer="conv", method="gradient")


@pytest.mark.parametrize("method", ["grad_cam", "grad_cam_plus_plus", "layer_cam"])
def test_a_map_of_which_all_is_cut_off(method):
    model = build(L.Conv2D(4, 3, activation="relu", name="conv"), L.GlobalAveragePooling2D(), L.Dense(2, name="end"))
    model.model.get_layer("end").kernel.assign(-np.ones((4, 2)))
    found = attribute(model, IMAGES, 1, layer="conv", method=method)
    assert not found.values.any()
    (note,) = found.notes
    assert note.startswith("the map of layer 'conv' is zero for 3 of 3 images: all that it shows would speak against")


def test_an_activation_that_is_zero_itself(dead):
    found = attribute(dead, IMAGES, 1, layer="relu", method="gradient_x_input")
    assert not found.values.any()
    assert found.notes == (
        "the map of layer 'relu' is zero for 3 of 3 images: its gradient is not, but all it holds is zero itself, or "
        "the same as the baseline",
    )


def test_vargrad_of_a_line():
    model = build(L.Flatten(), L.Dense(2, kernel_initializer="ones"))
    found = attribute(model, IMAGES, 1, method="vargrad", samples=3)
    assert not found.values.any()
    (note,) = found.notes
    assert note.startswith("the gradient at the input is the same under all the noise for 3 of 3 images: the score is")


def test_a_map_that_is_not_empty_says_nothing():
    model = build(L.Conv2D(4, 3, activation="relu"), L.Flatten(), L.Dense(2))
    assert attribute(model, IMAGES, 1).notes == ()


@pytest.mark.parametrize("door", ["live", "saved"])
def test_a_branch_beside_it_is_not_blamed(door, tmp_path):
    x = keras.Input((6,))
    one, other = L.Dense(4, name="one")(x), L.Dense(4, name="other")(x)
    closed = L.ReLU(name="closed")(L.Dense(4, name="before", bias_initializer=keras.initializers.Constant(-99))(one))
    network = keras.Model(x, L.Dense(2, name="end")(closed + L.Dense(4, name="beside")(other)))
    if door == "saved":
        network.export(tmp_path, verbose=False)
    model = open_model(network if door == "live" else tmp_path)
    (note,) = attribute(
        model, IMAGES[:, 0, 0, :1] + np.zeros((3, 6), np.float32), 0, layer="one", method="gradient"
    ).notes
    assert note.endswith("layer 'closed' are zero there (a dead ReLU, or weights that are zero)")


def test_numbers_that_the_score_does_not_ask_about():
    x = keras.Input((6,))
    joined = L.Concatenate(name="joined")([L.Dense(2, name="one")(x), L.Dense(2, name="other")(x)])
    model = open_model(keras.Model(x, joined))
    (note,) = attribute(
        model, IMAGES[:, 0, 0, :1] + np.zeros((3, 6), np.float32), 3, layer="one", method="gradient"
    ).notes
    assert "it ends at layer 'joined'" in note
    assert note.endswith("since the score asks only about other numbers there")
