"""Layers from a network's own graph: the same as a trace shows, or none at all."""

import keras
import networks
import pytest
from networks import SIZE

from tf_interp.models import KerasModel
from tf_interp.models.wiring import list_calls

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


@pytest.mark.parametrize("case", PLAIN)
def test_the_graph_shows_what_a_trace_shows(case):
    network = PLAIN[case]()
    model = KerasModel(network)
    assert list_calls(network, [tuple(spec.shape[1:]) for spec in model._specs.values()]) is not None
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
    assert found.first is expected.first


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
    assert list_calls(network, [SIZE]) is None
    assert list_calls(network, [tuple(item.shape[1:]) for item in getattr(network, "inputs", ())]) is None


def test_another_size_than_the_graph_has_is_traced():
    x = keras.Input((None, None, 3))
    network = keras.Model(x, L.Conv2D(2, 3, name="conv")(x))
    assert list_calls(network, [(None, None, 3)]) is not None
    assert list_calls(network, [(8, 8, 3)]) is None
