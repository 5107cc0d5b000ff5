"""Layers from a network's own graph: the same as a trace shows, or none at all."""

import functools

import keras
import networks
import numpy as np
import pytest
from networks import SIZE, fill

from tf_interp.models import KerasModel
from tf_interp.models.keras_model.wiring import read_wiring

L = keras.layers


def passing():
    """Return a network with what passes its input on, shared layers, several outputs, an operation, another type."""
    x = keras.Input(SIZE, name="x")
    conv, norm = L.Conv2D(4, 3, padding="same", name="conv"), L.BatchNormalization(name="norm")
    y = norm(L.Activation("linear", name="line")(L.Dropout(0.5, name="drop")(conv(x))))
    shared = L.Conv2D(4, 1, name="shared")
    y = shared(keras.ops.relu(shared(y)))
    half = L.BatchNormalization(dtype="float32")(L.Conv2D(2, 1, dtype="mixed_float16", name="half")(y))
    y = L.BatchNormalization()(L.Conv2D(2, 3, use_bias=False)(L.add([y, conv(x)])))
    ends = {"b": L.Dense(3, activation="softmax")(L.Flatten()(y)), "a": L.GlobalAveragePooling2D()(half)}
    return keras.Model(x, ends, name="passing")


def two_inputs():
    x, other = keras.Input(SIZE, name="x"), keras.Input((4,), name="other")
    pooled = L.GlobalMaxPooling2D(name="pool")(L.BatchNormalization()(L.DepthwiseConv2D(3)(x)))
    return keras.Model([x, other], L.Dense(2, name="end")(L.Concatenate()([pooled, other])))


@functools.cache  # no test changes more than the weights
def application(name, side=32):
    return getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), classes=5)


PLAIN = {
    "functional": lambda: networks.functional().model,
    "sequential": lambda: networks.sequential().model,
    "passing": passing,
    "two inputs": two_inputs,
    "float16": lambda: networks.mixed("mixed_float16", 1e-3).model,
    **{
        name: lambda name=name: application(name)
        for name in ("MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "ResNet50V2", "VGG16")
    },
}


@pytest.fixture(scope="module", autouse=True)
def _forget():
    yield
    application.cache_clear()


@pytest.mark.parametrize("case", PLAIN)
def test_the_graph_shows_what_a_trace_shows(case):
    network = PLAIN[case]()
    model = KerasModel(network)
    assert read_wiring(network).fits([tuple(spec.shape[1:]) for spec in model._specs.values()])
    expected, found = model._trace_layers(None), model._found
    assert list(found.spots) == list(expected.spots)
    for name, spot in expected.spots.items():
        assert found.spots[name].shape == spot.shape, name
        assert found.spots[name].layer is spot.layer
        assert found.spots[name][1:3] == spot[1:3]
    assert found.pairs == expected.pairs
    assert (found.outputs, found.aliases, found.unreadable) == (
        expected.outputs,
        expected.aliases,
        expected.unreadable,
    )
    assert (found.called_on, found.left_out) == (expected.called_on, expected.left_out)


def test_a_plain_network_is_listed_without_a_trace(monkeypatch):
    def trace(*args):
        raise AssertionError("traced")

    monkeypatch.setattr(KerasModel, "_trace", trace)
    assert "block_6_expand_relu" in KerasModel(application("MobileNetV2")).layers


class Own(L.Layer):
    """A layer of somebody's, which may do anything."""

    def call(self, x):
        return x[:1]


def changed():
    network = networks.functional().model
    layer = network.layers[1]
    own = layer.call
    layer.call = lambda *args, **kwargs: 2.0 * own(*args, **kwargs)
    return network


OTHERS = {
    "nested": lambda: networks.nested().model,
    "subclassed": lambda: networks.subclassed().model,
    "recurrent": lambda: networks.recurrent().model,
    "a layer of somebody's": lambda: keras.Sequential([keras.Input((3,)), Own()]),
    "any code": lambda: keras.Sequential([keras.Input((3,)), L.Lambda(lambda x: x[:1])]),
    "a changed layer": changed,
    "a layer around a layer": lambda: keras.Sequential([keras.Input((2, 3)), L.TimeDistributed(L.Dense(2))]),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_networks_are_traced(case):
    network = OTHERS[case]()
    wiring = read_wiring(network)
    assert (wiring is None) == (case == "subclassed")
    if wiring is not None:
        assert not wiring.fits([SIZE])
        assert not wiring.fits([tuple(item.shape[1:]) for item in network.inputs])


def test_another_size_than_the_graph_has_is_traced():
    x = keras.Input((None, None, 3))
    wiring = read_wiring(keras.Model(x, L.Conv2D(2, 3, name="conv")(x)))
    assert wiring.fits([(None, None, 3)])
    assert not wiring.fits([(8, 8, 3)])


def random():
    """Return a network that does other things in training, and is asked to do so."""
    x = keras.Input(SIZE)
    y = L.RandomContrast(0.9)(L.RandomFlip()(x))
    y = L.Dropout(0.5)(L.BatchNormalization(name="norm")(y), training=True)
    return keras.Model(x, L.Conv2D(2, 3, name="conv")(L.GaussianNoise(0.9)(y)))


DIRECT = {name: make for name, make in PLAIN.items() if name not in ("passing", "float16")}


@pytest.mark.parametrize("case", [*DIRECT, "random"])
def test_calls_give_what_the_network_gives(case, monkeypatch):
    network = {**DIRECT, "random": random}[case]()
    fill(network)
    model = KerasModel(network)
    names = [*model.layers]
    assert model._wiring.can_run()
    shapes = [tuple(spec.shape[1:]) for spec in model._specs.values()]
    draw = np.random.default_rng(0)
    images = [draw.uniform(size=(2, *shape)).astype(np.float32) for shape in shapes]
    monkeypatch.setattr(type(network), "__call__", None)  # Keras is not asked
    direct = model.run(images if len(images) > 1 else images[0], names)
    monkeypatch.undo()
    plain = KerasModel(network)
    assert list(plain.layers) == names
    plain._wiring = None
    expected = plain.run(images if len(images) > 1 else images[0], names)
    for name in names:
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(direct[name], expected[name], rtol=0, atol=1e-6 * scale, err_msg=name)
    assert np.ptp(direct["output"]) > 0


def quantized():
    network = keras.Sequential([keras.Input((5,)), L.Dense(4, name="dense")])
    network.layers[0].quantize("int8")
    return network


def masked():
    x = keras.Input((4, 3))
    return keras.Model(x, L.GlobalAveragePooling1D()(L.Masking()(x)))


def in_words():
    x = keras.Input((4,), dtype="int32")
    return keras.Model(x, L.GlobalAveragePooling1D()(L.Embedding(5, 3, mask_zero=True)(x)))


@pytest.mark.parametrize("make", [passing, PLAIN["float16"], quantized, masked, in_words])
def test_where_keras_does_more_around_a_layer_it_is_asked(make):
    model = KerasModel(make())
    assert model.layers
    assert model._wiring is not None
    assert not model._wiring.can_run()


def test_a_network_that_is_changed_later_is_asked():
    network = networks.functional().model
    model = KerasModel(network)
    images = networks.pictures()
    before = model.run(images, ["output"])["output"]
    layer = network.layers[1]
    own = layer.call
    layer.call = lambda *args, **kwargs: 2.0 * own(*args, **kwargs)
    after = model.run(images, [layer.name])[layer.name]
    expected = KerasModel(network).run(images, [layer.name, "output"])
    np.testing.assert_array_equal(after, expected[layer.name])
    np.testing.assert_allclose(after, own(images) * 2, rtol=1e-6)
    assert np.abs(expected["output"] - before).max() > 0


def test_layers_that_came_and_went_before_anything_was_compiled():
    network = keras.Sequential([keras.Input(SIZE), L.Conv2D(4, 3, name="conv"), L.Flatten(), L.Dense(3, name="head")])
    model, images = KerasModel(network), networks.pictures()
    assert model.layers["output"] == (3,)
    network.pop()
    network.add(L.Dense(5, name="another"))
    assert model.run(images, ["output"])["output"].shape == (len(images), 5)
    np.testing.assert_allclose(model.run(images, ["output"])["output"], network(images), rtol=1e-5, atol=1e-6)


def test_an_error_in_a_layer_names_it():
    x = keras.Input((None, 3))
    network = keras.Model(x, L.Reshape((4, 3), name="four")(x), name="net")
    with pytest.raises(Exception) as caught:  # whatever TensorFlow makes of it
        KerasModel(network).run(np.zeros((2, 5, 3), np.float32), ["output"])
    assert "in layer 'four' of 'net'" in caught.value.__notes__
