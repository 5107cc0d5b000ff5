"""SavedModels: every way to write one, names from scopes, gradients through what freezing would break."""

import re

import keras
import networks
import numpy as np
import pytest
import tensorflow as tf
from networks import SIZE, pictures

from tf_interp.models import GraphModel, open_model
from tf_interp.models.saved_model.graph_layers import find_layers

L = keras.layers


class Plain(tf.Module):
    """A network without Keras: two scopes, a filter bank from a file of weights, softmax."""

    def __init__(self, batch=None):
        super().__init__(name="plain")
        rng = np.random.default_rng(0)
        self.kernel = tf.Variable(rng.normal(size=(3, 3, 3, 4)), dtype=tf.float32, name="kernel")
        self.weights = tf.Variable(rng.normal(size=(4, 3)), dtype=tf.float32, name="weights")
        self.predict = tf.function(self.compute, input_signature=[tf.TensorSpec([batch, *SIZE], name="picture")])

    def compute(self, picture):
        with tf.name_scope("conv_1"):
            value = tf.nn.relu(tf.nn.conv2d(picture, self.kernel, 1, "SAME"))
        with tf.name_scope("conv_2"):
            value = tf.nn.relu(tf.nn.conv2d(value, self.kernel[:, :, :1, :] * tf.ones((1, 1, 4, 1)), 2, "SAME"))
        with tf.name_scope("head"):
            logits = tf.reduce_mean(value, (1, 2)) @ self.weights
        return {"scores": tf.nn.softmax(logits), "area": tf.reduce_mean(value, (1, 2))}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "module"
    module = Plain()
    tf.saved_model.save(module, str(folder), signatures=module.predict)
    return module, open_model(folder)


def test_a_module_without_keras(plain):
    module, model = plain
    images = pictures()
    assert {"conv_1", "conv_2", "head", "output", "output:1"} <= set(model.layers)
    assert model.input_shape == SIZE
    got = model.run(images, ["conv_1", "output", "output:1", "output:scores", "output:area"])
    expected = module.compute(images)
    np.testing.assert_allclose(got["conv_1"], tf.nn.relu(tf.nn.conv2d(images, module.kernel, 1, "SAME")), rtol=1e-5)
    # the outputs of a SavedModel are in the order of their names
    np.testing.assert_allclose(got["output"], expected["area"], rtol=1e-5)
    np.testing.assert_allclose(tf.nn.softmax(got["output:1"]), expected["scores"], rtol=1e-5)
    np.testing.assert_array_equal(got["output:scores"], got["output:1"])
    assert model.notes == ["softmax or sigmoid undone: 'output:1' is its input, the logits"]
    assert not model.logits_undone


def test_any_operation_can_be_named(plain):
    _, model = plain
    (relu,) = [op.name for op in model._graph.get_operations() if op.type == "Relu" and "conv_1" in op.name]
    images = pictures()
    got = model.run(images, [relu, f"{relu}:0", "conv_1"])
    np.testing.assert_array_equal(got[relu], got["conv_1"])
    np.testing.assert_array_equal(got[f"{relu}:0"], got["conv_1"])
    assert model.layers[relu] == (8, 8, 4)
    given = model.run(images, ["output"], {relu: 2.0 * got[relu]})["output"]
    np.testing.assert_allclose(given, model.run(images, ["output"], {"conv_1": 2.0 * got["conv_1"]})["output"])


def test_parameters_are_counted_by_scope(plain):
    _, model = plain
    rows = {row.path: row for row in model.inspect()}
    assert rows["conv_1"].parameters == 3 * 3 * 3 * 4
    assert rows["conv_1"].kind == "Relu"
    assert rows["head"].parameters == 12


@pytest.mark.parametrize("how", ["export", "save", "endpoint"])
def test_ways_to_save_a_keras_model(how, tmp_path):
    network = networks.nested()
    if how == "export":
        network.model.export(tmp_path / "saved", verbose=False)
    elif how == "save":
        tf.saved_model.save(network.model, str(tmp_path / "saved"))
    else:
        archive = keras.export.ExportArchive()
        archive.track(network.model)
        archive.add_endpoint("serve", network.model.call, [tf.TensorSpec([None, *SIZE], tf.float32)])
        archive.write_out(tmp_path / "saved", verbose=False)
    model = open_model(tmp_path / "saved")
    assert [path for path in model.layers if path != "output@0"] == [
        "backbone/inner/conv",
        "backbone/inner/norm",
        "backbone/inner",
        "backbone/relu",
        "backbone",
        "pool",
        "head",
        "output",
    ]
    got = model.run(network.images, ["conv", "output"])
    np.testing.assert_allclose(got["conv"], network.before(network.images), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got["output"], network.model(network.images), rtol=1e-5, atol=1e-6)


def test_a_graph_saved_for_one_batch_size_takes_any_if_it_can(tmp_path):
    network = networks.subclassed()
    expected = network.model(pictures(1))  # so tf.saved_model.save writes one picture into the signature
    tf.saved_model.save(network.model, str(tmp_path / "saved"))
    model = open_model(tmp_path / "saved")
    got = model.run(pictures(3), ["output"])["output"]
    assert got.shape == (3, 3)
    np.testing.assert_allclose(tf.nn.softmax(got[:1]), expected, rtol=1e-5)
    assert not any("fixed" in note for note in model.notes)


def test_a_graph_that_needs_its_batch_size_says_so(tmp_path):
    class Fixed(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([2, *SIZE])])
        def predict(self, picture):
            return tf.reshape(picture, [2, 192])[:, :3] * 2.0

    tf.saved_model.save(Fixed(), str(tmp_path / "saved"))
    model = open_model(tmp_path / "saved")
    assert "saved for a fixed number of images at a time: [2]" in model.notes
    assert (model.fixed_batch, model.takes_any_batch) == (2, False)
    assert model.run(pictures(2), ["output"])["output"].shape == (2, 3)


def test_gradients_pass_loops_and_calls_of_xla(tmp_path):
    class Looped(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
        def predict(self, picture):
            value = tf.while_loop(lambda i, _: i < 3, lambda i, x: (i + 1, x * x), (0, picture))[1]
            squared = tf.function(lambda x: tf.nn.silu(x), jit_compile=True)(value)
            return tf.cond(tf.reduce_sum(squared) > -1.0, lambda: squared * 2.0, lambda: squared)

    tf.saved_model.save(Looped(), str(tmp_path / "saved"))
    model = open_model(tmp_path / "saved")
    images = tf.constant(pictures())
    with tf.GradientTape() as tape:
        tape.watch(images)
        got = model.run(images, ["output"])["output"]
    with tf.GradientTape() as plain:
        plain.watch(images)
        expected = 2.0 * tf.nn.silu(images**8)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(tape.gradient(got, images), plain.gradient(expected, images), rtol=1e-4, atol=1e-6)


def test_large_weights_are_kept_once(tmp_path):
    x = keras.Input(SIZE)
    wide = L.Dense(64, name="wide")
    network = keras.Model(x, L.Dense(3, name="head")(wide(L.Flatten(name="flat")(x))))
    network.export(tmp_path / "saved", verbose=False)
    model = open_model(tmp_path / "saved")
    assert sorted(value.shape.num_elements() for value in model._weights.values()) == [192 * 64]
    got = model.run(pictures(), ["wide", "output"])
    np.testing.assert_allclose(got["output"], network(pictures()), rtol=1e-4, atol=1e-6)
    assert {row.path: row.parameters for row in model.inspect()}["wide"] == 192 * 64 + 64


class Decoding(tf.Module):
    """Takes files; the picture arises inside."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="files")])
    def predict(self, files):
        decode = lambda file: tf.io.decode_png(file, 3)  # noqa: E731
        picture = tf.cast(tf.map_fn(decode, files, fn_output_signature=tf.uint8), tf.float32)
        picture = tf.ensure_shape(tf.divide(picture, 255.0, name="decoded"), [None, *SIZE])
        return tf.reduce_mean(tf.nn.relu(picture - 0.5), (1, 2))


def test_a_signature_that_takes_files_needs_the_tensor_to_feed(tmp_path):
    tf.saved_model.save(Decoding(), str(tmp_path / "saved"))
    with pytest.raises(ValueError, match=r"'files' takes string.*with input= name the tensor") as error:
        open_model(tmp_path / "saved")
    (name,) = re.findall(r"'(\S*EnsureShape):0'", str(error.value))
    graph = GraphModel(tmp_path / "saved", input=name)
    assert graph.input_shape == SIZE
    got = graph.run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, np.maximum(pictures() - 0.5, 0).mean((1, 2)), rtol=1e-5)
    with pytest.raises(ValueError, match="no tensor 'nothing' in the graph"):
        open_model(tmp_path / "saved", input="nothing")
    with pytest.raises(TypeError, match="name of a tensor"):
        open_model(tmp_path / "saved", input=SIZE)


def test_a_tensor_through_which_not_everything_passes(tmp_path):
    class Residual(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE], name="picture")])
        def predict(self, picture):
            return picture + tf.nn.relu(picture - 0.5, name="branch")

    tf.saved_model.save(Residual(), str(tmp_path / "saved"))
    with pytest.raises(ValueError, match=r"depend on \['picture'\] besides input=.*through which everything passes"):
        open_model(tmp_path / "saved", input="PartitionedCall/branch")


def test_lookup_tables_work(tmp_path):
    class Table(tf.Module):
        def __init__(self):
            super().__init__()
            keys, values = tf.constant([0, 1], tf.int64), tf.constant([0.5, 3.0])
            self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1.0)

        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
        def predict(self, picture):
            return tf.reduce_mean(picture, (1, 2)) * self.table.lookup(tf.constant([1], tf.int64))

    tf.saved_model.save(Table(), str(tmp_path / "saved"))
    got = open_model(tmp_path / "saved").run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, 3.0 * pictures().mean((1, 2)), rtol=1e-5)


def test_signatures(tmp_path):
    class Two(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
        def one(self, picture):
            return picture + 1.0

        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
        def two(self, picture):
            return picture + 2.0

    module = Two()
    tf.saved_model.save(module, str(tmp_path / "both"), signatures={"one": module.one, "two": module.two})
    with pytest.raises(ValueError, match=r"found \['one', 'two'\]; choose one with signature="):
        open_model(tmp_path / "both")
    got = open_model(tmp_path / "both", signature="two").run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, pictures() + 2.0)
    with pytest.raises(ValueError, match=r"no signature 'twoo'; did you mean \['two'\]"):
        open_model(tmp_path / "both", signature="twoo")
    with pytest.raises(ValueError, match="signature='two' is for a SavedModel"):
        open_model(networks.functional().model, signature="two")
    tf.saved_model.save(module, str(tmp_path / "only"), signatures={"two": module.two})
    got = open_model(tmp_path / "only").run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, pictures() + 2.0)
    tf.saved_model.save(module, str(tmp_path / "none"))
    with pytest.raises(ValueError, match=r"found \[\]"):
        open_model(tmp_path / "none")


def test_many_outputs_are_in_the_order_of_their_numbers(tmp_path):
    x = keras.Input(SIZE)
    flat = L.GlobalAveragePooling2D()(x)
    outputs = [L.Rescaling(float(factor))(flat) for factor in range(12)]
    keras.Model(x, outputs).export(tmp_path / "saved", verbose=False)
    model = open_model(tmp_path / "saved")
    names = ["output:2", "output:10", "output:11"]
    got = model.run(pictures(), names)
    for name, factor in zip(names, (2, 10, 11), strict=True):
        np.testing.assert_allclose(got[name], factor * pictures().mean((1, 2)), rtol=1e-5)


def test_the_first_factor_tells_the_range(tmp_path):
    network = keras.Sequential([keras.Input(SIZE), L.Rescaling(1 / 255.0), L.Conv2D(2, 3)])
    network.export(tmp_path / "saved", verbose=False)
    assert any("0..255" in note for note in open_model(tmp_path / "saved").notes)
    assert not open_model(tmp_path / "saved", preprocess=lambda images: 255.0 * images).notes


def _graph(build):
    with tf.Graph().as_default() as graph:
        picture = tf.compat.v1.placeholder(tf.float32, [None, *SIZE], "picture")
        output = build(picture)
    return find_layers(graph, [picture], [output])


def test_scopes_without_numbers_keep_their_names():
    def build(value):
        for name in ("stem", "block_1", "block_2", "block_3"):
            with tf.name_scope(name):
                value = tf.nn.relu(value * 2.0)
        return value

    assert list(_graph(build)) == ["stem", "block_1", "block_2", "block_3"]


def test_scopes_that_several_tensors_leave_are_no_layers():
    def build(value):
        with tf.name_scope("both"):
            left, right = value * 2.0, value * 3.0
        with tf.name_scope("sum"):
            return tf.nn.relu(left + right)

    assert list(_graph(build)) == ["sum"]


def test_a_graph_without_scopes_lists_its_operations():
    layers = _graph(lambda value: tf.nn.relu(tf.nn.relu(value, name="first"), name="second"))
    assert list(layers) == ["first", "second"]


def test_weights_that_leave_a_scope_are_no_layers():
    def build(value):
        with tf.name_scope("weights"):
            kernel = tf.ones((3, 3)) * 2.0
        with tf.name_scope("mix"):
            return value @ kernel

    assert list(_graph(build)) == ["mix"]


def test_a_gradient_passes_the_loops_of_a_recurrent_network(tmp_path):
    x = keras.Input((6, 3))
    memory = L.Bidirectional(L.GRU(4, return_sequences=True))(L.Conv1D(3, 2, name="conv")(x))
    network = keras.Model(x, L.Dense(2, name="end")(L.LSTM(4)(memory)))
    network.export(tmp_path / "saved", verbose=False)
    series = np.random.default_rng(0).normal(size=(2, 6, 3)).astype(np.float32)
    found = []
    for model in (open_model(network), open_model(tmp_path / "saved")):
        given = model.run(series, ["conv"])["conv"]
        with tf.GradientTape() as tape:
            tape.watch(given)
            score = model.run(series, ["output"], {"conv": given})["output"][:, 1]
        found.append(tape.gradient(score, given))
    assert np.abs(found[0]).max() > 0
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-6)


def test_an_output_has_the_shape_that_its_signature_states(tmp_path):
    x = keras.Input((5, 4))
    weights = L.Softmax(axis=1)(L.Dense(1)(x))  # which no graph shows to be 5 long
    scores = keras.ops.log_softmax(keras.ops.squeeze(L.Dense(1)(x), -1))
    network = keras.Model(x, {"scores": scores, "weights": keras.ops.squeeze(weights, -1)})
    network.export(tmp_path, verbose=False)
    model = open_model(tmp_path)
    assert {model.layers[path] for path in model.outputs} == {(5,)}
    assert [head.count for head in model.heads.values()] == [5, 5]


def test_a_batch_that_is_normalized_as_in_training_is_told(tmp_path):
    x = keras.Input((6, 6, 3))
    y = L.BatchNormalization()(L.Conv2D(4, 3)(x), training=True)  # an export keeps that, Model.predict does not
    network = keras.Model(x, L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(y)))
    network.export(tmp_path, verbose=False)
    (warning,) = open_model(tmp_path).warnings
    assert "depends on the other pictures of its batch" in warning
    live = open_model(network)  # reads as `predict` does: nothing is mixed, but an export is another network
    assert live.batch_mixing() is None
    assert not any("depends on the other pictures" in told for told in live.warnings)
