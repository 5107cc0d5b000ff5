"""Frozen graphs, the format of TensorFlow 1: names of what goes in and comes out are guessed, or asked for."""

import numpy as np
import pytest
import tensorflow as tf
from networks import SIZE, pictures

from tf_interp.models import open_model

KERNEL = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)
HEAD = np.random.default_rng(1).normal(size=(4, 300)).astype(np.float32)


def save(path, *, files=False, keep=False, training=False, classes=False, shape=(None, *SIZE), ends=("probabilities",)):
    """Write a graph as TensorFlow 1 did, return it."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        if files:
            content = v1.placeholder(tf.string, [], "contents")
            value = tf.cast(tf.io.decode_png(content, 3, name="decode"), tf.float32)[None]
            value = tf.image.resize(value, SIZE[:2])
            value = tf.divide(value, 255.0, name="scaled")
        else:
            value = v1.placeholder(tf.float32, shape, "picture")
        with v1.name_scope("conv"):
            value = tf.nn.relu(tf.nn.conv2d(value, tf.constant(KERNEL, name="weights"), 1, "SAME"))
        if training:
            asked = v1.placeholder_with_default(False, [], "training")
            v1.disable_control_flow_v2()
            try:
                value = v1.cond(asked, lambda: v1.nn.dropout(value, rate=0.5, name="drop"), lambda: value, name="maybe")
            finally:
                v1.enable_control_flow_v2()
        value = tf.reduce_mean(value, (1, 2))
        if keep:
            value = value * v1.placeholder(tf.float32, [], "keep")
        logits = tf.matmul(value, tf.constant(HEAD, name="head"), name="logits")
        for end in ends:
            tf.nn.softmax(logits, name=end)
        if classes:
            tf.argmax(logits, -1, name="classes")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return graph


def run(graph, images, *names):
    with tf.compat.v1.Session(graph=graph) as session:
        return session.run([f"{name}:0" for name in names], {"picture:0": images})


@pytest.mark.parametrize("options", [{}, {"classes": True}, {"training": True}, {"shape": (1, *SIZE)}])
def test_input_and_output_are_guessed(options, tmp_path):
    graph = save(tmp_path / "graph.pb", **options)
    model = open_model(tmp_path / "graph.pb")
    assert model.name == "graph"
    assert model.input_shape == SIZE
    images = pictures(1 if "shape" in options else 4)
    got = model.run(images, ["output", "conv", "logits"])
    probabilities, conv, logits = run(graph, images, "probabilities", "conv/Relu", "logits")
    np.testing.assert_allclose(got["output"], logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(tf.nn.softmax(got["output"]), probabilities, rtol=1e-5)
    np.testing.assert_allclose(got["conv"], conv, rtol=1e-5, atol=1e-6)
    assert {row.path: row.parameters for row in model.inspect()}["conv"] == KERNEL.size
    assert list(model._weights) == ["head:0"]  # the large ones are kept once
    variable = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        score = tf.reduce_sum(model.run(variable, ["output"])["output"] ** 2)
    with tf.GradientTape() as plain:
        plain.watch(variable)
        value = tf.nn.relu(tf.nn.conv2d(variable, KERNEL, 1, "SAME"))
        expected = tf.reduce_sum((tf.reduce_mean(value, (1, 2)) @ HEAD) ** 2)
    np.testing.assert_allclose(tape.gradient(score, variable), plain.gradient(expected, variable), rtol=1e-4, atol=1e-5)


def test_several_ends_are_listed_and_one_is_chosen(tmp_path):
    graph = save(tmp_path / "graph.pb", ends=("first", "second"))
    with pytest.raises(ValueError, match=r"ends in \['first', 'second'\]; say with output= which"):
        open_model(tmp_path / "graph.pb")
    got = open_model(tmp_path / "graph.pb", output="second").run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, run(graph, pictures(), "logits")[0], rtol=1e-5, atol=1e-6)
    got = open_model(tmp_path / "graph.pb", output="conv/Relu:0").run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, run(graph, pictures(), "conv/Relu")[0], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"no tensor 'secnd'.*did you mean \['second'"):
        open_model(tmp_path / "graph.pb", output="secnd")
    with pytest.raises(ValueError, match="has no signatures"):
        open_model(tmp_path / "graph.pb", output="second", signature="serve")


def test_files_go_in_so_the_decoded_picture_is_fed(tmp_path):
    save(tmp_path / "graph.pb", files=True)
    with pytest.raises(ValueError, match=r"'contents' takes string, not numbers; with input= .*'scaled:0'"):
        open_model(tmp_path / "graph.pb")
    model = open_model(tmp_path / "graph.pb", input="scaled")
    assert model.input_shape == SIZE
    graph = save(tmp_path / "plain.pb")
    expected = run(graph, pictures(), "logits")[0]
    np.testing.assert_allclose(model.run(pictures(), ["output"])["output"], expected, rtol=1e-5, atol=1e-6)


def test_a_second_placeholder_is_a_second_input(tmp_path):
    graph = save(tmp_path / "graph.pb", keep=True)
    model = open_model(tmp_path / "graph.pb")
    got = model.run({"picture": pictures(), "keep": np.float32(0.5)}, ["output"])["output"]
    with tf.compat.v1.Session(graph=graph) as session:
        expected = session.run("logits:0", {"picture:0": pictures(), "keep:0": 0.5})
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_what_is_no_frozen_graph(tmp_path):
    (tmp_path / "graph.pb").write_bytes(b"no graph at all")
    with pytest.raises(ValueError, match=r"graph\.pb is no frozen graph"):
        open_model(tmp_path / "graph.pb")
    with tf.Graph().as_default() as graph:
        picture = tf.compat.v1.placeholder(tf.float32, [None, 2], "picture")
        tf.matmul(picture, tf.compat.v1.get_variable("weights", [2, 3], use_resource=False), name="end")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(ValueError, match=r"without its weights, for its variables \['weights'\]"):
        open_model(tmp_path / "graph.pb", output="end")


def test_the_file_of_a_saved_model_is_its_folder(tmp_path):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE])])
        def predict(self, picture):
            return tf.reduce_mean(picture, (1, 2))

    tf.saved_model.save(Module(), str(tmp_path / "saved"))
    models = [open_model(tmp_path / "saved" / "saved_model.pb"), open_model(tmp_path / "saved")]
    assert models[0].layers == models[1].layers
    for model in models:
        np.testing.assert_allclose(model.run(pictures(), ["output"])["output"], pictures().mean((1, 2)), rtol=1e-5)


def test_a_second_result_that_is_fed_takes_no_other_operations_name(tmp_path):
    graph = tf.Graph()
    with graph.as_default():
        fed = tf.compat.v1.placeholder(tf.float32, [None, 4], "fed")
        _, right = tf.split(fed, 2, axis=1, name="split")
        other = tf.identity(tf.constant([[100.0, 100.0]]), name="split_1")
        tf.reduce_sum(right * other, axis=1, keepdims=True, name="end")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    model = open_model(tmp_path / "graph.pb", input="split:1", output="end", head="regression")
    np.testing.assert_allclose(model.run(np.ones((3, 2), np.float32), ["output"])["output"], np.full((3, 1), 200.0))
