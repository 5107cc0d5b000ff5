"""Which values a network takes is measured, whatever it begins with."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.applications import efficientnet, efficientnet_v2  # their narrow ones have no public name
from sklearn.datasets import load_digits

from tf_interp import Analysis, Attributions, Probe, open_model

A, L = keras.applications, keras.layers
SIZE = (32, 32, 3)
HEADLESS = {"weights": None, "include_top": False, "input_shape": SIZE}


def _tail():
    return [L.Conv2D(4, 3, activation="relu"), L.GlobalAveragePooling2D(), L.Dense(3)]


def _chain(*first):
    return keras.Sequential([keras.Input(SIZE), *first, *_tail()])


def _functional(first, tail=None):
    x = keras.Input(SIZE)
    y = first(x)
    for layer in tail or _tail():
        y = layer(y)
    return keras.Model(x, y)


def _adapted():
    layer = L.Normalization()
    layer.adapt(np.random.default_rng(0).random((20, *SIZE)) * 255)
    return layer


class Subclassed(keras.Model):
    """A division in `call` is no layer."""

    def __init__(self):
        super().__init__()
        self.tail = _tail()

    def call(self, x):
        x = x / 255.0
        for layer in self.tail:
            x = layer(x)
        return x


STARTS = {
    "Rescaling": lambda: _chain(L.Rescaling(1 / 255.0)),
    "augmentation": lambda: _chain(L.RandomFlip(), L.RandomRotation(0.1), L.Rescaling(1 / 127.5, -1)),
    "Resizing": lambda: _chain(L.Resizing(24, 24), L.Rescaling(1 / 255.0)),
    "CenterCrop": lambda: _chain(L.CenterCrop(24, 24), L.Rescaling(1 / 255.0)),
    "Normalization": lambda: _chain(L.Normalization(mean=[123.0, 117, 104], variance=[3000.0, 3000, 3000])),
    "adapted": lambda: _chain(_adapted()),
    "division": lambda: _functional(lambda x: x / 255.0),
    "keras.ops": lambda: _functional(lambda x: keras.ops.divide(x, 255.0)),
    "Lambda": lambda: _chain(L.Lambda(lambda x: x / 255.0)),
    "nested": lambda: _chain(keras.Sequential([L.RandomFlip(), L.Rescaling(1 / 255.0)])),
    "preprocess_input": lambda: _functional(A.mobilenet_v2.preprocess_input),
    "caffe": lambda: _functional(A.resnet50.preprocess_input),
    "subclassed": Subclassed,
    "EfficientNet": lambda: _functional(
        efficientnet.EfficientNet(0.1, 0.1, 32, name="narrow", **HEADLESS), [L.Flatten(), L.Dense(3)]
    ),
    "EfficientNetV2": lambda: _functional(
        efficientnet_v2.EfficientNetV2(0.1, 0.1, 32, name="efficientnetv2-b0", **HEADLESS), [L.Flatten(), L.Dense(3)]
    ),
}


@pytest.mark.parametrize("start", STARTS)
def test_what_is_scaled_inside_is_found_whatever_scales_it(start):
    network = STARTS[start]()
    model = open_model(network, input=SIZE)
    guess = model.range_guess()
    assert guess.expects == "0..255"
    assert model.warnings == [guess.warning]
    assert guess.warning in model.notes
    assert guess.evidence in guess.warning
    assert "reach the first weights spread by" in guess.evidence
    right = open_model(network, preprocess="0..255", input=SIZE)
    assert right.range_guess().warning is None
    assert not right.warnings


@pytest.mark.parametrize("start", ["Resizing", "adapted", "Lambda", "subclassed", "caffe"])
def test_so_it_is_in_a_saved_network(start, tmp_path):
    network = STARTS[start]()
    network(np.zeros((1, *SIZE), np.float32))
    network.export(tmp_path, verbose=False)
    assert open_model(tmp_path).range_guess().expects == "0..255"
    assert open_model(tmp_path, preprocess="0..255").range_guess().warning is None


@pytest.mark.parametrize(
    ("first", "preprocess"),
    [
        ([], None),
        ([], "-1..1"),
        ([], "0..255"),  # of random weights nobody can tell
        ([], "caffe"),
        ([], A.mobilenet_v2.preprocess_input),
        ([L.BatchNormalization()], None),
        ([L.Normalization(mean=0.5, variance=0.08)], None),
        ([L.Rescaling(2.0, -1.0)], None),
        ([L.ZeroPadding2D(3)], "caffe"),
        ([L.Rescaling(1 / 127.5, -1)], "0..255"),
    ],
)
def test_no_alarm_for_networks_that_are_fed_right(first, preprocess):
    assert open_model(_chain(*first), preprocess=preprocess).range_guess().warning is None


def test_a_network_that_makes_large_numbers_of_pictures_is_not_told_to_leave_that_out():
    network = _chain(L.Rescaling(255.0))
    assert open_model(network).range_guess().warning is None


def test_numbers_far_above_those_of_eight_bits_are_found():
    adapted = L.Normalization()
    adapted.adapt(np.random.default_rng(0).random((20, *SIZE)) * 65535)
    for first in (adapted, L.Rescaling(1 / 65535)):
        guess = open_model(_chain(first)).range_guess()
        assert guess.expects is None
        assert "seems to expect still larger numbers" in guess.warning
        assert open_model(_chain(first), preprocess=lambda x: x * 65535).range_guess().warning is None


def test_what_makes_values_too_large_is_found_where_the_network_tells():
    network = _chain(L.Normalization(mean=0.5, variance=0.08))
    guess = open_model(network, preprocess="0..255").range_guess()
    assert guess.expects == "0..1"
    assert "values 255 times smaller" in guess.warning


@pytest.mark.parametrize(("family", "home"), [("VGG16", A.vgg16), ("MobileNet", A.mobilenet)])
def test_no_alarm_for_networks_of_keras_with_their_preprocess(family, home):
    options = {"alpha": 0.25} if family == "MobileNet" else {}
    network = getattr(A, family)(weights=None, input_shape=SIZE, classes=10, **options)
    guess = open_model(network, preprocess=home.preprocess_input).range_guess()
    assert guess.warning is None
    assert "no guess" not in guess.evidence


# --- trained networks that take values as they come

DIGITS = load_digits()
PICTURES = np.kron(DIGITS.images[..., None] / 16, np.ones((1, 2, 2, 1))).astype(np.float32)


@pytest.fixture(scope="module", params=["plain", "normalized"])
def trained(request):
    """Return networks that were trained on [0,1] and on 0..255: {1: ..., 255: ...}."""
    networks = {}
    for factor in (1, 255):
        keras.utils.set_random_seed(0)
        norm = [L.BatchNormalization(momentum=0.9)] if request.param == "normalized" else []
        layers = [L.Conv2D(8, 3), *norm, L.ReLU(), L.MaxPooling2D(), L.Flatten(), L.Dense(10)]
        network = keras.Sequential([keras.Input((16, 16, 1)), *layers])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        network.compile(keras.optimizers.Adam(0.01), loss)
        network.fit(PICTURES[:1000] * factor, DIGITS.target[:1000], epochs=2, verbose=0)
        networks[factor] = network
    return networks


def test_what_is_no_logit_is_not_called_one(trained):
    x = keras.Input((16, 16, 1))
    lengths = open_model(keras.Model(x, keras.ops.sqrt(keras.ops.square(trained[1](x)))))
    assert lengths.head().quantity == "number"
    assert "numbers of 16 probe pictures spread by" in lengths.range_guess(PICTURES[::50]).evidence


def test_a_trained_network_is_asked_by_its_logits(trained):
    probe = PICTURES[::50]
    right = [open_model(trained[1]), open_model(trained[255], preprocess="0..255")]
    for model in right:
        assert model.range_guess().warning is None
        assert model.range_guess(probe).warning is None
        assert "logits of 16 probe pictures spread by" in model.range_guess().evidence
    small = open_model(trained[255]).range_guess(probe)
    assert small.expects == "0..255"
    assert "logits of 16 probe pictures spread by 0.0" in small.warning
    large = open_model(trained[1], preprocess="0..255").range_guess(probe)
    assert large.expects == "0..1"
    assert "divided by 255" in large.warning


def test_in_training_weak_logits_are_no_sign(trained):
    probe = PICTURES[::50]
    guess = open_model(trained[255]).range_guess(probe)
    assert guess.expects == "0..255"
    assert "logits of 16 probe pictures spread by 0.0" in guess.warning
    # where biases alone decide, training does not silence it
    drowned = any(isinstance(layer, L.BatchNormalization) for layer in trained[255].layers)
    assert (open_model(trained[255]).range_guess(probe, in_training=True).warning is None) != drowned


def test_weak_logits_after_one_batch_are_no_sign():
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((16, 16, 1)), L.Conv2D(8, 3), L.ReLU(), L.Flatten(), L.Dense(10)])
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert not open_model(network).is_trained
    network.fit(PICTURES[:32], DIGITS.target[:32], verbose=0)
    network.layers[-1].kernel.assign(network.layers[-1].kernel * 0.1)
    assert open_model(network).is_trained
    assert open_model(network).range_guess(PICTURES[::50]).warning is None


@pytest.mark.parametrize("start", ["as they are", "-1..1"])
@pytest.mark.parametrize("steps", [5, 20])
def test_a_network_of_several_heads_after_a_few_steps_is_not_told_to_expect_another_range(start, steps):
    """It tells little of pictures as it is fed them, and more of large ones, as one that has learned nothing does."""
    keras.utils.set_random_seed(0)
    x = keras.Input((32, 32, 3))
    y = x if start == "as they are" else L.Rescaling(2.0, -1.0)(x)
    for count in (16, 32):
        y = L.Conv2D(count, 3, 2, padding="same", activation="relu")(y)
    y = L.GlobalAveragePooling2D()(y)
    network = keras.Model(x, [L.Dense(5, name="kind")(y), L.Dense(1, name="age")(y)])
    network.compile("adam", [keras.losses.SparseCategoricalCrossentropy(from_logits=True), "mse"])
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 256)
    pictures = (0.6 * rng.random((256, 32, 32, 3)) + 0.08 * labels[:, None, None, None]).astype(np.float32)
    rows = np.arange(16 * steps) % 256
    network.fit(pictures[rows], [labels[rows], 10.0 * labels[rows] + 20], batch_size=16, verbose=0)
    model = open_model(network)
    guess = model.range_guess(pictures[:32])
    assert model.is_trained
    assert guess.warning is None
    assert "logits of 16 probe pictures spread by 0.0" in guess.evidence  # little, as it would be in a wrong range


def test_a_network_is_asked_again_once_it_is_trained(trained):
    network = keras.models.clone_model(trained[255])
    model = open_model(network)
    assert model.range_guess().warning is None
    network.set_weights(trained[255].get_weights())
    assert model.range_guess().warning is None  # it was measured once
    assert model.range_guess(PICTURES[::50]).expects == "0..255"
    assert model.range_guess().expects == "0..255"


def test_records_carry_the_warning(trained):
    model, probe = open_model(trained[255]), Probe.from_arrays(PICTURES[::50])
    analysis = Analysis(model, probe, list(model.layers)[:1], [Attributions()])
    (record,) = analysis.run()
    assert analysis.warnings
    assert set(analysis.warnings) <= set(record.data["notes"])


# --- where nothing can be said, that is said


def _two_inputs():
    x, y = keras.Input(SIZE), keras.Input((3,))
    return keras.Model([x, y], L.Dense(2)(L.Concatenate()([L.GlobalAveragePooling2D()(x), y])))


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (_two_inputs, "takes 2 inputs"),
        (lambda: keras.Sequential([keras.Input((5,)), L.Dense(2)]), r"takes \['N', 5\], no pictures"),
        (lambda: keras.Sequential([keras.Input((50, 8)), L.LSTM(2)]), r"takes \['N', 50, 8\], no pictures"),
        (lambda: keras.Sequential([keras.Input((None, None, 3)), L.Conv2D(2, 3)]), "one of a probe is needed"),
        (lambda: keras.Sequential([keras.Input(SIZE), L.Flatten()]), "no weights were found"),
    ],
)
def test_where_nothing_is_measured_it_says_why(network, why):
    guess = open_model(network()).range_guess()
    assert (guess.expects, guess.warning) == (None, None)
    assert re.search(why, guess.evidence), guess.evidence


def test_pictures_of_any_size_are_measured_with_those_of_a_probe():
    network = keras.Sequential([keras.Input((None, None, 3)), L.Rescaling(1 / 255.0), L.Conv2D(2, 3)])
    model = open_model(network)
    assert not model.warnings
    assert model.range_guess(np.zeros((2, 20, 30, 3), np.float32)).expects == "0..255"
    assert model.warnings


def test_grey_pictures_without_a_channel_axis():
    network = keras.Sequential([keras.Input((28, 28)), L.Rescaling(1 / 255.0), L.Flatten(), L.Dense(10)])
    assert open_model(network).range_guess().expects == "0..255"


def test_a_fixed_number_of_pictures(tmp_path):
    network = _chain(L.Rescaling(1 / 255.0))

    class Fixed(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((2, *SIZE))])
        def predict(self, images):
            return network(images) + tf.zeros((2, 3))

    module = Fixed()
    module.network = network
    tf.saved_model.save(module, tmp_path, signatures=module.predict)
    assert open_model(tmp_path).range_guess().expects == "0..255"


def test_a_preprocess_that_fails_on_noise_says_so():
    def refuse(images):
        raise RuntimeError("not these")

    guess = open_model(_chain(), preprocess=refuse).range_guess()
    assert guess.evidence == "no guess of the value range: not these"
    assert guess.warning is None


def test_pictures_that_a_normalization_of_another_range_puts_aside_are_not_said_to_be_right():
    expected = []
    for low in (0.0, -1.0):
        normalization = keras.layers.Normalization()
        normalization.adapt(np.random.default_rng(0).uniform(low, 1, (50, 16, 16, 3)))
        layers = [
            normalization,
            keras.layers.Conv2D(4, 3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
        expected.append(open_model(keras.Sequential([keras.Input((16, 16, 3)), *layers])).range_guess().expects)
    assert expected[0] is not None
    assert expected[1] is None


def test_without_weights_on_the_way_that_is_said():
    layers = [keras.layers.BatchNormalization(), keras.layers.GlobalAveragePooling2D()]
    guess = open_model(keras.Sequential([keras.Input((8, 8, 3)), *layers])).range_guess()
    assert guess.expects is None
    assert "no weights were found" in guess.evidence


def _query(x):
    """Return what latent vectors, the same for all pictures, read from them."""
    tokens = L.Reshape((256, 3))(x)
    latent = L.Embedding(8, 16)(keras.ops.zeros_like(tokens[:, :8, 0], dtype="int32"))
    return L.MultiHeadAttention(2, 8)(latent, tokens)


def _fourier(x):
    waves = [wave(factor * x) for factor in (1.0, 2.0, 4.0) for wave in (keras.ops.sin, keras.ops.cos)]
    return keras.ops.concatenate(waves, -1)


MIXING = {  # what mixes positions, or divides by what pictures hold, before the first weights
    "cross-attention": _query,
    "layer norm": lambda x: L.LayerNormalization(axis=(1, 2, 3))(x),
    "unit length": lambda x: L.Reshape((16, 16, 3))(keras.ops.normalize(L.Flatten()(x), -1)),
    "softmax over positions": lambda x: L.Reshape((16, 16, 3))(keras.ops.softmax(L.Reshape((256, 3))(x), 1)),
    "patches and norm": lambda x: L.LayerNormalization()(L.Conv2D(16, 4, 4)(x)),
    "Fourier features": _fourier,
    "mean of all positions": lambda x: 0.4 * keras.ops.mean(x, (1, 2), keepdims=True),
    "differences": lambda x: x - keras.ops.roll(x, 1, 2),
}


def _begin_with(start, scaled=False):
    keras.utils.set_random_seed(2)
    x = keras.Input((16, 16, 3))
    y = MIXING[start](L.Rescaling(1 / 255)(x) if scaled else x)
    return keras.Model(x, L.Dense(4)(L.Flatten()(y)))


@pytest.mark.parametrize("start", MIXING)
def test_no_alarm_for_what_mixes_positions_or_normalizes(start):
    assert open_model(_begin_with(start)).range_guess().warning is None


@pytest.mark.parametrize("start", ["patches and norm", "Fourier features", "differences"])
def test_what_scales_before_those_is_still_found(start):
    model = open_model(_begin_with(start, scaled=True))
    assert model.range_guess().expects == "0..255"
    right = open_model(_begin_with(start, scaled=True), preprocess=lambda images: images * 255.0)
    assert right.range_guess().warning is None


@pytest.mark.parametrize("start", ["cross-attention", "unit length"])
def test_where_the_range_cannot_show_nothing_is_said(start):
    for scaled in (False, True):
        guess = open_model(_begin_with(start, scaled)).range_guess()
        assert (guess.expects, guess.warning) == (None, None)
        assert "whatever the range" in guess.evidence
