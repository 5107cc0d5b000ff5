"""Both kinds of model over networks of every kind: same numbers as plain Keras, same names, nothing left behind."""

import io
import logging
import threading

import keras
import networks
import numpy as np
import pytest
import tensorflow as tf
from networks import NETWORKS, fill, pictures

from tf_interp.models import GraphModel, KerasModel, Model, open_model

L = keras.layers
KINDS = ("keras", "graph")


@pytest.fixture(scope="session")
def opened(tmp_path_factory):
    """A function (name, kind) -> (network, open model); each network is made and exported once."""
    made, models = {}, {}

    def get(name, kind):
        if name not in made:
            network = made[name] = NETWORKS[name]()
            models[name, "keras"] = open_model(network.model, input=network.input)
            assert models[name, "keras"].layers  # finds the layers, and builds a model that was never called
            fill(network.model)
            folder = tmp_path_factory.mktemp("saved") / name
            network.model.export(folder, verbose=False)
            models[name, "graph"] = open_model(folder)
        return made[name], models[name, kind]

    return get


def plain_answers(network):
    """Activation, logits, d logit 1/d activation, d sum of activation/d image, by plain Keras and by hand."""
    images = tf.nest.map_structure(tf.constant, network.images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        activation = network.before(images)
        total = tf.reduce_sum(tf.cast(activation, tf.float32) ** 2)
    d_image = tape.gradient(total, tf.nest.flatten(images))
    with tf.GradientTape() as tape:
        tape.watch(activation)
        logits = network.after(activation)
        score = logits[:, 1]
    return activation, logits, tape.gradient(score, activation), d_image


def our_answers(model, network):
    """The same through `run`."""
    images = tf.nest.map_structure(tf.constant, network.images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        activation = model.run(images, [network.layer])[network.layer]
        total = tf.reduce_sum(tf.cast(activation, tf.float32) ** 2)
    d_image = tape.gradient(total, tf.nest.flatten(images))
    with tf.GradientTape() as tape:
        tape.watch(activation)
        logits = model.run(images, ["output"], {network.layer: activation})["output"]
        score = logits[:, 1]
    return activation, logits, tape.gradient(score, activation), d_image


def assert_close(ours, expected, tolerance):
    ours, expected = (np.asarray(tf.cast(value, tf.float32)) for value in (ours, expected))
    assert ours.shape == expected.shape
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(ours, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def assert_no_taps(model):
    for layer in model._flatten_layers():
        assert "call" not in layer.__dict__, layer.name
        for operation in getattr(layer, "operations", ()):
            assert "call" not in operation.__dict__, operation.name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_numbers_equal_plain_keras(opened, name, kind):
    network, model = opened(name, kind)
    for ours, expected in zip(our_answers(model, network), plain_answers(network), strict=True):
        for one, other in zip(tf.nest.flatten(ours), tf.nest.flatten(expected), strict=True):
            assert_close(one, other, network.tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_inside_a_tf_function(opened, name, kind):
    network, model = opened(name, kind)
    inside = tf.function(lambda: our_answers(model, network), autograph=False)()
    for ours, expected in zip(tf.nest.flatten(inside), tf.nest.flatten(our_answers(model, network)), strict=True):
        assert_close(ours, expected, network.tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_folded_model_gives_the_same(opened, name, kind):
    network, model = opened(name, kind)
    assert model.folded.layers == model.layers
    answers = (our_answers(one, network) for one in (model.folded, model))
    for ours, expected in zip(*(tf.nest.flatten(item) for item in answers), strict=True):
        assert_close(ours, expected, network.tolerance)
    norms = [path for path in model.layers if path.endswith("norm")] + ["output"]
    got, expected = (one.run(network.images, norms) for one in (model.folded, model))
    for path in norms:
        assert_close(got[path], expected[path], network.tolerance)


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_of_both_kinds_agree(opened, name):
    network, taps = opened(name, "keras")
    _, graph = opened(name, "graph")
    assert taps.layers["output"] == graph.layers["output"] == (3,)
    common = [path for path in taps.layers if path in graph.layers]
    assert len(common) >= 3
    assert [path for path in graph.layers if path not in taps.layers] == []
    of_taps, of_graph = (model.run(network.images, common) for model in (taps, graph))
    for path in common:
        assert tuple(of_taps[path].shape[1:]) == taps.layers[path] == graph.layers[path], path
        assert of_taps[path].dtype == of_graph[path].dtype, path
        assert_close(of_graph[path], of_taps[path], network.tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_can_be_read_and_given(opened, name, kind):
    network, model = opened(name, kind)
    paths = list(model.layers)
    everything = model.run(network.images, paths)
    # given what it computes anyway, the network computes what it did
    for path in (paths[0], network.layer):
        again = model.run(network.images, ["output"], {path: everything[path]})
        assert_close(again["output"], everything["output"], network.tolerance)
    rows = model.inspect()
    assert [(row.path, row.shape) for row in rows] == list(model.layers.items())
    assert sum(row.parameters for row in rows) >= network.model.count_params() - 2  # bias in a nested scope


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_is_left_as_found(opened, name):
    network, model = opened(name, "keras")
    weights = [weight.numpy() for weight in network.model.weights]
    nodes = [len(layer._inbound_nodes) for layer in network.model._flatten_layers()]
    before = model.digest()
    our_answers(model, network)
    model.run(network.images, list(model.layers))
    assert_no_taps(network.model)
    assert model.digest() == before
    assert [len(layer._inbound_nodes) for layer in network.model._flatten_layers()] == nodes
    for weight, value in zip(network.model.weights, weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A function kind -> fresh model of one small network, with a preprocess that counts how often it is traced."""
    network = networks.functional()
    folder = tmp_path_factory.mktemp("small") / "functional"
    network.model.export(folder, verbose=False)

    def make(kind):
        traces = []

        def preprocess(images):
            traces.append(images.shape)
            return 2.0 * images - 1.0

        return open_model(network.model if kind == "keras" else folder, preprocess=preprocess), traces

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_one_trace_per_question(small, kind):
    model, traces = small(kind)
    images = pictures(6)
    activation = model.run(images, ["conv", "output"])["conv"]
    assert len(traces) == 1
    for count in (1, 3, 6):
        model.run(images[:count], ["conv", "output"])
        model.run(images[:count].astype(np.float64), ["output", "conv"][::-1])
    assert len(traces) == 1
    for count in (2, 6):
        model.run(images[:count], ["output"], {"conv": activation[:count]})
    assert len(traces) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_reading_many_layers_is_not_reported_as_retracing(small, kind):
    model, _ = small(kind)
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    tf.get_logger().addHandler(handler)
    try:
        for path in model.layers:
            model.run(pictures(), [path])
        tf.get_logger().warning("heard")
    finally:
        tf.get_logger().removeHandler(handler)
    assert len(model.layers) > 5
    assert said.getvalue() == "heard\n"


@pytest.mark.parametrize("kind", KINDS)
def test_preprocess_is_applied(small, kind):
    model, _ = small(kind)
    without, _ = small(kind)
    without.preprocess = None
    images = pictures()
    got, expected = model.run(images, ["conv"]), without.run(2 * images - 1, ["conv"])
    np.testing.assert_array_equal(got["conv"], expected["conv"])


@pytest.mark.parametrize("kind", KINDS)
def test_four_threads(small, kind):
    model, _ = small(kind)
    images = pictures()
    layers = ["conv", "norm", "conv2", "relu"]
    expected = {layer: model.run(images, [layer])[layer].numpy() for layer in layers}
    fresh, _ = small(kind)
    wrong = []

    def work(layer):
        for other in [layer, *layers]:
            got = fresh.run(images, [other])[other].numpy()
            if not np.array_equal(got, expected[other]):
                wrong.append((layer, other))

    threads = [threading.Thread(target=work, args=(layer,)) for layer in layers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    if isinstance(fresh, KerasModel):
        assert_no_taps(fresh.model)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_names(small, kind):
    model, traces = small(kind)
    images = pictures()
    with pytest.raises(ValueError, match=r"no layer 'conv3'; did you mean \[.*'conv2'"):
        model.run(images, ["conv3"])
    with pytest.raises(ValueError, match="no layer 'zzz'; it has"):
        model.run(images, ["output"], {"zzz": images})
    with pytest.raises(TypeError, match=r"write \['conv'\]"):
        model.run(images, "conv")
    with pytest.raises(TypeError, match="named by a string"):
        model.run(images, [3])
    with pytest.raises(ValueError, match="cannot be given"):
        model.run(images, ["conv"], {"output": np.zeros((4, 3))})
    assert not traces  # all of that is said before anything is built


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_images_and_activations(opened, kind):
    _, model = opened("functional", kind)
    with pytest.raises(TypeError, match="floats in"):
        model.run(np.zeros((2, 8, 8, 3), np.uint8), ["conv"])
    with pytest.raises(ValueError, match=r"\[N, 9, 9, 3\], but it takes \[N, 8, 8, 3\]"):
        model.run(np.zeros((2, 9, 9, 3)), ["conv"])
    with pytest.raises(ValueError, match="takes 1 input:"):
        model.run({"a": pictures(), "b": pictures()}, ["conv"])
    with pytest.raises(ValueError, match=r"shape \[4, 8, 8, 5\], the layer's is \['N', 8, 8, 6\]"):
        model.run(pictures(), ["output"], {"conv": np.zeros((4, 8, 8, 5))})


@pytest.mark.parametrize("kind", KINDS)
def test_functions_that_run_eagerly_are_refused(opened, kind, monkeypatch):
    _, model = opened("functional", kind)
    monkeypatch.setattr(tf.config, "functions_run_eagerly", lambda: True)
    with pytest.raises(ValueError, match="run_functions_eagerly"):
        model.run(pictures(), ["conv"])


@pytest.mark.parametrize("kind", KINDS)
def test_given_takes_the_type_of_the_layer(opened, kind):
    network, model = opened("mixed_float16", kind)
    activation = model.run(network.images, ["conv"])["conv"]
    assert activation.dtype == tf.float16
    logits = model.run(network.images, ["output"], {"conv": tf.cast(activation, tf.float32)})["output"]
    assert logits.dtype == tf.float32
    np.testing.assert_array_equal(logits, model.run(network.images, ["output"])["output"])


@pytest.mark.parametrize("kind", KINDS)
def test_suffixes_shared_layers_and_a_layer_called_output(opened, kind):
    _, model = opened("nested", kind)
    assert model.resolve("conv") == "backbone/inner/conv"
    assert model.resolve("inner/conv") == "backbone/inner/conv"
    _, model = opened("subclassed", kind)
    assert {"shared@0", "shared@1", "block_1/first", "block_2/first"} <= set(model.layers)
    with pytest.raises(ValueError, match=r"ambiguous, it fits \['block_1/first', 'block_2/first'\]"):
        model.resolve("first")
    with pytest.raises(ValueError, match=r"called 2 times: choose one of \['shared@0', 'shared@1'\]"):
        model.resolve("shared")
    network, model = opened("unbuilt", kind)
    got = model.run(network.images, ["output", "output@0"])
    assert_close(tf.sigmoid(got["output"]), got["output@0"], 1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_calls_of_a_shared_layer_differ(opened, kind):
    network, model = opened("many", kind)
    images = network.images
    conv = network.model.get_layer("conv")
    got = model.run(images, ["conv@0", "conv@1"])
    answers = {side: conv(images[side]).numpy() for side in ("left", "right")}
    for side, call in (("left", "conv@0"), ("right", "conv@1")):
        assert_close(got[call], answers[side], 1e-5)
    changed = model.run(images, ["join"], {"conv@1": got["conv@0"]})["join"]
    assert_close(changed, np.concatenate([answers["left"]] * 2, -1), 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_several_inputs_and_outputs(opened, kind):
    network, model = opened("many", kind)
    assert model.input_shape == {"left": (8, 8, 3), "right": (8, 8, 3)}
    assert model.layers["output:1"] == (2,)
    got = model.run(network.images, ["output", "output:1"])
    head, aside = network.model(network.images)
    assert_close(tf.nn.softmax(got["output"]), head, 1e-5)
    assert_close(tf.sigmoid(got["output:1"]), aside, 1e-5)
    in_a_list = [network.images["left"], network.images["right"]]
    if kind == "keras":  # the order of the dict that it was made with
        np.testing.assert_array_equal(model.run(in_a_list, ["output"])["output"], got["output"])
    else:  # of which a file tells nothing: it has the order of the alphabet
        with pytest.raises(ValueError, match="do not tell which is which: give a dict"):
            model.run(in_a_list, ["output"])
    label = "output:aside" if kind == "keras" else "output:output_1"
    np.testing.assert_array_equal(model.run(network.images, [label])[label], got["output:1"])
    with pytest.raises(ValueError, match=r"takes 2 inputs: 'left' \[.*'right' \["):
        model.run({"left": network.images["left"], "rihgt": network.images["right"]}, ["output"])


class Headed(keras.Model):
    """Logits and an operation on them, in a subclassed call."""

    def __init__(self, head):
        super().__init__(name="headed")
        self.pool, self.dense, self.head = L.GlobalAveragePooling2D(name="pool"), L.Dense(3, name="dense"), head

    def call(self, inputs):
        return self.head(self.dense(self.pool(inputs)))


HEADS = {
    "dense softmax": lambda: [L.Dense(3, activation="softmax", name="dense")],
    "dense sigmoid": lambda: [L.Dense(3, activation="sigmoid", name="dense")],
    "layer softmax": lambda: [L.Dense(3, name="dense"), L.Softmax(name="last")],
    "activation log_softmax": lambda: [L.Dense(3, name="dense"), L.Activation("log_softmax", name="last")],
    "half precision": lambda: [
        L.Dense(3, name="dense", dtype="mixed_float16"),
        L.Activation("softmax", dtype="float32", name="last"),
    ],
    "operation softmax": lambda: tf.nn.softmax,
    "operation sigmoid": lambda: keras.ops.sigmoid,
    "none": lambda: [L.Dense(3, name="dense")],
    "relu": lambda: [L.Dense(3, name="dense"), L.ReLU(name="last")],
}


@pytest.mark.parametrize("head", HEADS)
def test_output_is_the_logits(head, tmp_path):
    made = HEADS[head]()
    if callable(made):
        model = Headed(made)
        model(pictures())
    else:
        model = keras.Sequential([keras.Input(SIZE := (8, 8, 3)), L.GlobalAveragePooling2D(name="pool"), *made])
        assert SIZE == networks.SIZE
    fill(model)
    model.export(tmp_path / "saved", verbose=False)
    dense = model.get_layer("dense")
    pooled = tf.reduce_mean(pictures(), (1, 2))
    expected = pooled @ dense.kernel.numpy() + dense.bias.numpy()
    if head == "relu":
        expected = tf.nn.relu(expected)
    for source in (model, tmp_path / "saved"):
        ours = open_model(source)
        assert_close(ours.run(pictures(), ["output"])["output"], expected, 3e-3 if head == "half precision" else 1e-5)
        assert ours.logits_undone == (head not in ("none", "relu"))
        assert any("undone" in note for note in ours.notes) == ours.logits_undone


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_behind_the_logits_cannot_be_given(opened, kind):
    network, model = opened("sequential", kind)
    got = model.run(network.images, ["softmax", "dense"])
    with pytest.raises(ValueError, match="'softmax' holds what the softmax or sigmoid makes"):
        model.run(network.images, ["output"], {"softmax": got["softmax"]})
    with pytest.raises(ValueError, match="'softmax' holds what the softmax or sigmoid makes"):
        tf.function(
            lambda: model.run(network.images, ["output"], model.run(network.images, ["softmax"])), autograph=False
        )()
    again = model.run(network.images, ["output"], {"dense": got["dense"]})
    np.testing.assert_array_equal(again["output"], got["dense"])


@pytest.mark.parametrize("kind", KINDS)
def test_targets(small, kind):
    model, _ = small(kind)
    named = open_model(model.model, class_names=["cat", "dog", "hen"]) if kind == "keras" else model
    if kind == "graph":
        named.class_names = ("cat", "dog", "hen")
    assert named.resolve_target("dog") == named.resolve_target(1) == named.resolve_target(np.int64(1)) == 1
    assert named.resolve_target(len) is len
    with pytest.raises(ValueError, match=r"no class 'dig'; did you mean \['dog'\]"):
        named.resolve_target("dig")
    named.class_names = ("cat", "dog", "dog")
    with pytest.raises(ValueError, match=r"several classes are called 'dog': give an index, one of \[1, 2\]"):
        named.resolve_target("dog")
    assert named.resolve_target("cat") == 0
    named.class_names = ("cat", "dog", "hen")
    with pytest.raises(ValueError, match=r"outside the 3 logits \(0..2\)"):
        named.resolve_target(3)
    with pytest.raises(TypeError, match="class index, a class name"):
        named.resolve_target(1.5)


@pytest.mark.parametrize("kind", KINDS)
def test_digest_follows_the_weights(kind, tmp_path):
    digests = []
    for seed in (0, 0, 1):
        network = networks.operations()
        fill(network.model, seed)
        folder = tmp_path / str(len(digests))
        if kind == "graph":
            network.model.export(folder, verbose=False)
        digests.append(open_model(network.model if kind == "keras" else folder).digest())
    assert len(digests[0]) == 12
    assert digests[0] != digests[2]
    if kind == "keras":  # an export has counters of the process in its names
        assert digests[0] == digests[1]
    else:
        assert open_model(tmp_path / "0").digest() == digests[0]


def test_kinds(opened):
    assert isinstance(opened("functional", "keras")[1], KerasModel)
    assert isinstance(opened("functional", "graph")[1], GraphModel)
    assert issubclass(KerasModel, Model)
    assert issubclass(GraphModel, Model)


def test_the_names_of_a_network_with_one_logit():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    model = open_model(network, class_names=["cat", "dog"])
    assert model.resolve_target("dog") == model.resolve_target(0) == 0
    with pytest.raises(ValueError, match=r"one logit, and it speaks for 'dog': for 'cat' give lambda y: -y\[:, 0\]"):
        model.resolve_target("cat")
