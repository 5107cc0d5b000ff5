"""What cannot be right is said: complex layers, gradients that a file lost, outputs that have one name."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_interp as ti

L = keras.layers
IMAGES = np.random.default_rng(0).normal(size=(3, 7)).astype(np.float32)


class Fourier(L.Layer):
    def call(self, values):
        return tf.signal.fft(tf.cast(values, tf.complex64))

    def compute_output_spec(self, values):
        return keras.KerasTensor(values.shape, "complex64")


class Magnitude(L.Layer):
    def call(self, values):
        return tf.abs(values)

    def compute_output_spec(self, values):
        return keras.KerasTensor(values.shape, "float32")


def test_a_complex_layer_is_run_and_otherwise_refused():
    keras.utils.set_random_seed(0)
    x = keras.Input((7,))
    spectrum = Fourier(name="fft", autocast=False)(x)
    network = keras.Model(x, L.Dense(3, name="out")(Magnitude(name="abs", autocast=False)(spectrum)))
    model = ti.open_model(network)
    np.testing.assert_allclose(model.run(IMAGES, ["fft"])["fft"], np.fft.fft(IMAGES), atol=1e-5)
    for ask in (
        lambda: ti.attribute(model, IMAGES, 1, layer="fft", method="gradient_x_input"),
        lambda: ti.read_activations(model, IMAGES, ["fft"]),
        lambda: ti.find_groups(model, IMAGES, "fft", k=2),
    ):
        with pytest.raises(ValueError, match=r"complex numbers \(complex64\): name one behind it"):
            ask()
    scores = ti.attribute(model, IMAGES, 1, layer="abs", method="gradient").scores
    np.testing.assert_allclose(scores, np.asarray(network(IMAGES))[:, 1], rtol=1e-5)


@tf.custom_gradient
def _reverse(values):
    return tf.identity(values), lambda upstream: -0.3 * upstream


class Reverse(L.Layer):
    def call(self, values):
        return _reverse(values)


@pytest.mark.parametrize("own", [False, True])
def test_a_gradient_that_the_file_does_not_hold_is_told(own, tmp_path):
    x = keras.Input((7,))
    inner = L.Dense(4, activation="silu", name="silu")(x)  # TensorFlow writes this one as a gradient of its own, too
    network = keras.Model(x, L.Dense(2)(Reverse(name="reverse")(inner) if own else inner))
    network.export(tmp_path / "saved", verbose=False)
    saved = ti.open_model(tmp_path / "saved")
    told = [warning for warning in saved.warnings if "gradient of its own" in warning]
    assert len(told) == own
    if own:
        assert "in ['reverse'] (tf.custom_gradient), which the file does not hold" in told[0]
    live = ti.attribute(ti.open_model(network), IMAGES, 1, method="gradient").values
    read = ti.attribute(saved, IMAGES, 1, method="gradient").values
    np.testing.assert_allclose(read * (-0.3 if own else 1), live, rtol=1e-4, atol=1e-6)


def test_a_name_that_two_outputs_have_names_none():
    first, second, dense = keras.Input((4,), name="a"), keras.Input((4,), name="b"), L.Dense(3, name="cls")
    model = ti.open_model(keras.Model([first, second], [dense(first), dense(second)]))
    assert [head.label for head in model.heads.values()] == ["output", "output:1"]
    with pytest.raises(ValueError, match="cls"):
        model.head("cls")
    with pytest.raises(ValueError, match="cls:1"):
        model.target("cls:1")


def test_a_loss_between_directions_is_of_numbers():
    x = keras.Input((6,))
    network = keras.Model(x, L.Dense(3)(x))
    network.compile("sgd", loss="cosine_similarity")
    assert ti.open_model(network).head().kind == "regression"


def test_a_layer_that_is_too_small_for_the_groups_is_told_with_a_way():
    network = keras.Sequential([keras.Input((8, 8, 1)), L.Conv2D(5, 3, name="small"), L.GlobalMaxPooling2D()])
    probe = ti.Probe.from_arrays(np.zeros((2, 8, 8, 1)))
    with pytest.raises(
        ValueError, match=r"5 channels, fewer than the 6 groups asked for: give parts with NeuronGroups\(5\)"
    ):
        list(ti.analyze(ti.open_model(network), probe, ["small"], [ti.NeuronGroups(6)]))


class Doubled(L.Dense):
    def __call__(self, *args, **kwargs):
        return 2 * super().__call__(*args, **kwargs)


class Owner(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = Doubled(4, name="first"), L.Dense(2, name="second")

    def call(self, values):
        return self.second(self.first(values))


@pytest.mark.parametrize("form", ["subclassed", "functional", "sequential"])
def test_a_layer_that_does_more_around_its_call_is_told(form):
    network = Owner()
    network(IMAGES)
    if form == "functional":
        x = keras.Input((7,))
        network = keras.Model(x, L.Dense(2, name="second")(Doubled(4, name="first")(x)))
    elif form == "sequential":
        network = keras.Sequential([keras.Input((7,)), Doubled(4, name="first"), L.Dense(2, name="second")])
    model = ti.open_model(network)
    (told,) = [note for note in model.warnings if "__call__" in note]
    assert model.notes.count(told) == 1
    assert told.startswith("Doubled has a __call__ of its own: of 'first' is read, and replaced, what its call returns")
    got = model.run(IMAGES, ["first", "output"])
    np.testing.assert_allclose(got["output"], network(IMAGES), rtol=1e-5, atol=1e-6)
    first = network.first if form == "subclassed" else network.get_layer("first")
    np.testing.assert_allclose(got["first"], first.call(IMAGES), rtol=1e-5, atol=1e-6)


def test_many_layers_of_such_a_class_are_told_in_one_warning():
    wrapped = [Doubled(4, name=f"block{number}") for number in range(6)]
    model = ti.open_model(keras.Sequential([keras.Input((7,)), *wrapped, L.Dense(2)]))
    (told,) = [line for line in model.warnings if "__call__" in line]
    assert "of 'block0', 'block1', 'block2', 'block3' and 2 more is read" in told
    assert not ti.open_model(keras.Sequential([keras.Input((7,)), L.Dense(2)])).warnings
