"""A network that is changed in place is noticed by everything that reads it, and nothing else is taken for a change."""

import dataclasses
import logging
import time
import types

import keras
import networks
import numpy as np
import pytest
import tensorflow as tf
from networks import chain, fill, pictures

import tf_interp as ti
from tf_interp.analysis import Album, Draft, Part
from tf_interp.models import open_model

L = keras.layers


def small():
    return chain(
        L.Conv2D(4, 3, activation="relu", name="conv"),
        L.GlobalAveragePooling2D(name="pool"),
        L.Dense(6, activation="relu", name="wide"),
        L.Dense(3, name="head"),
    )


class Flagged(keras.Model):
    """Subclassed: a head that may be swapped, a flag, a number, an array and a counter that `call` itself writes."""

    scale = 1.0

    def __init__(self):
        super().__init__(name="flagged")
        self.flat, self.head = L.Flatten(name="flat"), L.Dense(3, name="head")
        self.spare = L.Dense(5, kernel_initializer="ones", name="spare")
        self.double, self.calls, self.last = False, 0, None
        self.table = np.ones(1, np.float32)
        self.spare.build((None, 192))

    def call(self, inputs):
        self.calls += 1
        self.last = self.head(self.flat(inputs))
        return self.last * (2.0 if self.double else 1.0) * self.scale * self.table


def flagged():
    model = Flagged()
    model(pictures(1))
    fill(model)
    return model


@dataclasses.dataclass
class Settings:
    """What a layer goes by."""

    scale: float = 1.0
    limits: tuple = (0.0, 9.0)


def configured():
    """Return a network with a layer of a class that is made for it alone."""

    class Configured(L.Layer):
        factor, writes = 1.0, 0

        def __init__(self):
            super().__init__(name="configured")
            self.settings, self.seen = Settings(), types.SimpleNamespace(calls=0)
            self.slots = types.SimpleNamespace(offset=0.0, gains={"all": [1.0]})
            self.large, self.deep = np.ones((200, 200, 3), np.float32), [[[[1.0]]]]

        def weigh(self, x):
            return x * self.factor

        def call(self, x):
            self.seen.calls += 1
            type(self).writes += 1
            y = self.weigh(x) * self.settings.scale + self.slots.offset
            return y * self.slots.gains["all"][0] * self.large[0, 0] * self.deep[0][0][0][0]

    return chain(Configured(), L.Conv2D(2, 3, name="conv"), L.Flatten(name="flat"), L.Dense(3, name="head"))


def change_code(model):
    def weigh(self, x):
        return x * 7.0 * self.factor

    type(model.layers[0]).weigh.__code__ = weigh.__code__


def add_lora(model):
    model.get_layer("wide").enable_lora(2)
    rng = np.random.default_rng(5)
    for weight in model.get_layer("wide").weights:
        if "lora" in weight.name:
            weight.assign(rng.normal(size=weight.shape))


def grow(model):
    model.add(L.Dense(2, kernel_initializer="ones", name="more"))


def quantize(model):
    model.quantize("int8")


CHANGES = {
    "lora": (small, add_lora, ["wide.lora_enabled"]),
    "activation": (small, lambda m: setattr(m.layers[0], "activation", keras.activations.tanh), ["conv.activation"]),
    "quantize": (small, quantize, ["wide.dtype_policy", "wide.kernel"]),
    "pop": (small, lambda m: m.pop(), ["layers"]),
    "add": (small, grow, ["layers"]),
    "flag": (flagged, lambda m: setattr(m, "double", True), ["double"]),
    "attribute of the class": (flagged, lambda m: setattr(m, "scale", 3.0), ["scale"]),
    "array in place": (flagged, lambda m: m.table.__setitem__(0, 5.0), ["table"]),
    "head": (flagged, lambda m: setattr(m, "head", m.spare), ["head"]),
    "settings": (configured, lambda m: setattr(m.layers[0].settings, "scale", 3.0), ["configured.settings"]),
    "namespace": (configured, lambda m: setattr(m.layers[0].slots, "offset", 3.0), ["configured.slots"]),
    "inside a namespace": (
        configured,
        lambda m: m.layers[0].slots.gains["all"].__setitem__(0, 2.0),
        ["configured.slots"],
    ),
    "large array in place": (configured, lambda m: m.layers[0].large.__imul__(2.0), ["configured.large"]),
    "deep list": (configured, lambda m: m.layers[0].deep[0][0][0].__setitem__(0, 3.0), ["configured.deep"]),
    "class": (configured, lambda m: setattr(type(m.layers[0]), "factor", 3.0), ["Configured.factor"]),
    "method of the class": (
        configured,
        lambda m: setattr(type(m.layers[0]), "call", lambda self, x: 5.0 * x),
        ["Configured.call"],
    ),
    "code of a method": (configured, change_code, ["Configured.weigh"]),
    "own call": (small, lambda m: setattr(m.layers[3], "call", lambda x, training=None: x[:, :2]), ["head.call"]),
}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras with NumPy 2
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize`:UserWarning")
@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_network_is_read_as_it_is(name, caplog):
    make, change, said = CHANGES[name]
    network, images = make(), pictures()
    model = open_model(network)
    folded = model.folded
    first = next(iter(model.layers))
    before = [one.run(images, [first, "output"]) for one in (model, folded)]
    np.testing.assert_allclose(before[0]["output"], network(images), rtol=1e-5)
    change(network)
    with caplog.at_level(logging.WARNING, "tf_interp"):
        expected = np.asarray(network(images))
        for one in (model, folded, model.folded):
            np.testing.assert_allclose(one.run(images, ["output"])["output"], expected, rtol=1e-4, atol=1e-5)
        inside = tf.function(lambda x: model.run(x, ["output"])["output"], autograph=False)(images)
    np.testing.assert_allclose(inside, expected, rtol=1e-4, atol=1e-5)
    assert model.layers["output"] == expected.shape[1:]
    [line] = [record.getMessage() for record in caplog.records if record.name == "tf_interp"]
    assert "changed in place" in line
    assert all(part in line for part in said), line


def test_renderer_and_attribution_see_a_change():
    network = chain(L.Conv2D(4, 3, name="conv"), L.GlobalAveragePooling2D(name="pool"), L.Dense(3, name="head"))
    model, images = open_model(network), pictures()

    def look(model):
        options = {"size": 8, "steps": 2, "transforms": (), "retries": 0}
        picture = ti.render(model, "conv:1", **options).activations
        values = ti.attribute(model, images[:1], layer="conv", target=1).values
        return picture, values, ti.read_activations(model, images, ["head"])["head"]

    look(model)
    network.get_layer("conv").activation = keras.activations.relu
    network.get_layer("pool").data_format = "channels_last"  # as it was
    network.get_layer("head").activation = keras.activations.tanh
    for ours, expected in zip(look(model), look(open_model(network)), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5)


class Mean(Part):
    """Mean of each channel, and which look it is for this memory."""

    kind = "mean"

    def make(self, view):
        view.memory["looks"] = view.memory.get("looks", 0) + 1
        for layer in view.layers:
            mean = ti.read_activations(view.model, view.probe, [layer], pooling="mean")[layer].mean(0)
            yield Draft("mean", layer, "Mean", {"mean": mean, "looks": view.memory["looks"]}, Album(), settings={})


def test_a_second_fit_of_the_same_callback_sees_the_changed_network(tmp_path, caplog):
    network, images, labels = small(), pictures(), np.array([0, 1, 2, 0])
    watch = ti.InterpCallback(
        tmp_path, ti.Probe.from_arrays(images), layers=["conv", "wide"], parts=[Mean()], on_error="raise"
    )

    def train():
        network.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
        network.fit(images, labels, epochs=1, verbose=0, callbacks=[watch])
        last = [record for record in ti.read(tmp_path) if record.kind == "mean"][-2:]
        assert [record.layer for record in last] == ["conv", "wide"]
        conv = network.get_layer("conv")(images)
        wide = network.get_layer("wide")(network.get_layer("pool")(conv))
        np.testing.assert_allclose(last[0].data["mean"], np.mean(conv, (0, 1, 2)), rtol=1e-5)
        np.testing.assert_allclose(last[1].data["mean"], np.mean(wide, 0), rtol=1e-5)
        return last[0].data["looks"]

    assert train() == 2
    network.get_layer("conv").activation = keras.activations.tanh
    assert train() == 4  # looked at before and after; layers of the same shape: what is remembered of them goes on
    network.pop()
    network.pop()
    network.add(L.Dense(5, name="wide"))
    assert train() == 2  # other units: begun anew
    assert sum("changed in place" in record.getMessage() for record in caplog.records) == 2


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras with NumPy 2
@pytest.mark.parametrize("name", ["unbuilt", "subclassed", "recurrent"])
def test_training_saving_and_calling_are_no_change(name, caplog, tmp_path):
    network = networks.NETWORKS[name]()
    model, keras_model = open_model(network.model, input=network.input), network.model
    model.run(network.images, ["output"])
    kept = dict(model._functions)
    keras_model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    labels = np.zeros((4, 3), np.float32)
    with caplog.at_level(logging.WARNING, "tf_interp"):
        keras_model.fit(network.images, labels, batch_size=2, epochs=1, verbose=0)
        keras_model.evaluate(network.images, labels, verbose=0)
        keras_model.predict(network.images, verbose=0)
        keras_model(network.images)
        keras_model.summary(print_fn=lambda *_, **__: None)
        keras_model.save_weights(tmp_path / "some.weights.h5")
        keras_model.load_weights(tmp_path / "some.weights.h5")
        keras_model.layers[-1].trainable = False
        keras_model.compile(optimizer="sgd", loss="mse")
        keras_model.fit(network.images, labels, verbose=0)
        model.run(network.images, ["output"])
        model.run(network.images, [network.layer])
        model.run(network.images, ["output"])
    assert not [record.getMessage() for record in caplog.records if record.name == "tf_interp"]
    assert kept.items() <= model._functions.items()


def test_what_only_training_asks_for_is_no_change(caplog):
    network = chain(L.Dropout(0.2, name="drop"), L.Conv2D(2, 3, name="conv"))
    model = open_model(network)
    model.run(pictures(), ["output"])
    network.get_layer("drop").rate = 0.5
    network.get_layer("conv").kernel_regularizer = keras.regularizers.L2(0.1)
    model.run(pictures(), ["output"])
    assert not caplog.records


def test_a_normalization_that_is_adapted_later_is_seen():
    norm = L.Normalization(name="norm")
    norm.adapt(pictures(8, seed=1))
    network = chain(norm, L.Conv2D(2, 3, name="conv"))
    model, images = open_model(network), pictures()
    model.run(images, ["norm", "output"])
    norm.adapt(10.0 * pictures(8, seed=2))
    got = model.run(images, ["norm", "output"])
    np.testing.assert_allclose(got["norm"], norm(images), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got["output"], network(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [flagged, configured])
def test_what_a_call_writes_is_no_change(make, caplog):
    network, images = make(), pictures()
    model = open_model(network)
    with caplog.at_level(logging.WARNING, "tf_interp"):
        for _ in range(3):
            model.run(images, ["output"])
            model.run(images, ["head", "output"])
            network(images)
    assert not [record for record in caplog.records if "changed in place" in record.getMessage()]


def test_a_look_for_changes_costs_little():
    layers = [L.Dense(4, activation="relu", name=f"dense_{index}") for index in range(150)]
    model = open_model(keras.Sequential([keras.Input((4,)), *layers]))
    assert len(model.layers) == 151
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        model.refresh()
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.001


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras with NumPy 2
@pytest.mark.parametrize("name", ["functional", "sequential", "nested", "recurrent"])
def test_the_digest_is_that_of_layers_too_and_survives_a_file(name, tmp_path):
    network = networks.NETWORKS[name]().model
    model = open_model(network)
    digest = model.digest()
    network.save(tmp_path / "saved.keras")
    assert open_model(tmp_path / "saved.keras").digest() == digest
    network.layers[-1].name = "renamed"
    assert model.digest() == digest
    next(layer for layer in network._flatten_layers() if "activation" in vars(layer)).activation = tf.nn.elu
    assert model.digest() != digest


@pytest.mark.parametrize("kind", [list, dict])
def test_tensors_that_a_call_keeps_in_containers_are_no_change(kind, caplog):
    class Keeping(L.Layer):
        def call(self, x):
            self.maps = [2 * x] if kind is list else {"map": 2 * x}
            return x + 1

    network = keras.Sequential([keras.Input((4,)), Keeping(), L.Dense(2)])
    model, x = ti.open_model(network), np.ones((3, 4), np.float32)
    for _ in range(3):
        np.testing.assert_allclose(model.run(x, ["output"])["output"], network(x), atol=1e-6)
    assert not [record for record in caplog.records if "changed in place" in record.getMessage()]


def test_the_digest_is_the_same_before_and_after_the_first_run():
    class Counting(L.Layer):
        count = 0

        def call(self, x):
            self.count += 1
            return x

    model = ti.open_model(keras.Sequential([keras.Input((4,)), Counting(), L.Dense(2)]))
    before = model.digest()
    model.run(np.ones((1, 4), np.float32), ["output"])
    assert model.digest() == before
