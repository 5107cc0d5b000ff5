"""Folding in a frozen graph: what is constant and acts on channels alone goes into the weights."""

import networks
import numpy as np
import pytest
import tensorflow as tf
from networks import SIZE, pictures

from tf_interp.models import GraphModel, open_model

RNG = np.random.default_rng(0)
KERNEL = tf.constant(RNG.normal(size=(3, 3, 3, 4)), tf.float32)
LARGE = tf.constant(RNG.normal(size=(1, 1, 4, 300)), tf.float32)  # so large that it is kept outside of the graph
VECTORS = [tf.constant(0.5 + RNG.random(4), tf.float32) for _ in range(4)]


class Module(tf.Module):
    """A SavedModel of one function; what it computes between its scopes is under test."""

    def __init__(self, compute):
        super().__init__()
        self.compute = compute
        self.count = tf.Variable(1.0)
        self.predict = tf.function(self.call, input_signature=[tf.TensorSpec([None, *SIZE], name="picture")])

    def call(self, picture):
        with tf.name_scope("last"):
            return {"logits": tf.nn.leaky_relu(self.compute(self, picture))}


def save(compute, folder):
    module = Module(compute)
    tf.saved_model.save(module, str(folder), signatures=module.predict)
    return open_model(folder)


def conv(x):
    return tf.nn.conv2d(x, KERNEL, 1, "SAME", name="conv")


def fused(x):
    scale, offset, mean, variance = VECTORS
    return tf.compat.v1.nn.fused_batch_norm(x, scale, offset, mean, variance, epsilon=0.01, is_training=False)[0]


def plain(x, name=None):
    scale, offset, mean, variance = VECTORS
    return tf.nn.batch_normalization(x, mean, variance, offset, scale, 0.01, name)


def all_of_fused(x):
    scale, offset, mean, variance = VECTORS
    return tf.raw_ops.FusedBatchNormV3(x=x, scale=scale, offset=offset, mean=mean, variance=variance, is_training=False)


FOLDED = {
    "plain": lambda m, x: plain(conv(x)),
    "fused, of older Keras": lambda m, x: fused(conv(x)),
    "with bias": lambda m, x: plain(tf.nn.bias_add(conv(x), VECTORS[0])),
    "with another bias": lambda m, x: plain(conv(x) + VECTORS[0]),
    "twice": lambda m, x: plain(fused(conv(x))),
    "subtracted": lambda m, x: (conv(x) - VECTORS[0]) * VECTORS[1],
    "from the left": lambda m, x: VECTORS[0] * conv(x) + 2.0,
    "one number": lambda m, x: 0.5 * conv(x),
    "a row of one": lambda m, x: conv(x) * VECTORS[0][None, None, None, :],
    "depthwise": lambda m, x: tf.nn.depthwise_conv2d(x, KERNEL, (1, 1, 1, 1), "VALID") * tf.repeat(VECTORS[0], 3),
    "matrix": lambda m, x: plain(tf.reduce_mean(x, (1, 2)) @ KERNEL[0, 0]),
    "large": lambda m, x: tf.nn.conv2d(plain(conv(x)), LARGE, 1, "VALID") * tf.range(300.0) + 1.0,
    "in three dimensions": lambda m, x: plain(tf.nn.conv3d(x[:, None], KERNEL[None], (1,) * 5, "SAME")),
    "from a variable": lambda m, x: conv(x) * (m.count * VECTORS[0]),
}


def assert_same(model, images, fetch):
    """Activations, and their gradient with respect to the pictures, equal those of the model as it is."""

    def answers(one):
        def compute(images):
            with tf.GradientTape() as tape:
                tape.watch(images)
                got = one.run(images, fetch)
                total = sum(tf.reduce_sum(value**2) for value in got.values())
            return [*got.values(), tape.gradient(total, images)]

        return tf.function(compute, autograph=False)(tf.constant(images))

    for ours, expected in zip(answers(model.folded), answers(model), strict=True):
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("case", FOLDED)
def test_what_folds(case, tmp_path):
    model = save(FOLDED[case], tmp_path)
    assert len(model.folded._chains) == (2 if case == "large" else 1)
    assert isinstance(model.folded, GraphModel)
    assert model.folded.folded is model.folded
    assert_same(model, pictures(), ["output"])
    nodes = model.folded._nodes_for([model._outputs["output"].name], ())
    assert {"Mul", "FusedBatchNormV3"}.isdisjoint(node.op for node in nodes.values())


LEFT = {
    "no scale": lambda m, x: tf.nn.bias_add(conv(x), VECTORS[0]),
    "activation between": lambda m, x: plain(tf.nn.relu(conv(x))),
    "padding between": lambda m, x: plain(tf.pad(conv(x), [[0, 0], [1, 1], [1, 1], [0, 0]])),
    "squared": lambda m, x: tf.square(conv(x)) + (lambda y: y * y)(conv(x)),
    "used elsewhere": lambda m, x: (lambda y: plain(y) + y)(conv(x)),
    "by position": lambda m, x: conv(x) * tf.constant(RNG.random((8, 1)), tf.float32),
    "by chance": lambda m, x: conv(x) * tf.random.uniform((4,), 1.0, 1.0),
    "by the picture": lambda m, x: conv(x) * tf.reduce_max(x),
    "the other way round": lambda m, x: (VECTORS[0] - conv(x)) / 2.0,
    "a default": lambda m, x: conv(x) * tf.compat.v1.placeholder_with_default(VECTORS[0], [4]),
    "other outputs": lambda m, x: (lambda y, z: y + z)(*all_of_fused(conv(x))[:2]),
    "training": lambda m, x: tf.compat.v1.nn.fused_batch_norm(conv(x), VECTORS[0], VECTORS[1], is_training=True)[0],
}


@pytest.mark.parametrize("case", LEFT)
def test_what_does_not_fold(case, tmp_path):
    model = save(LEFT[case], tmp_path)
    assert model.folded is model


def test_half_precision_folds_only_where_that_is_asked_for(tmp_path):
    """Keras convolves in float16 and normalizes in float32: the chain goes through both casts."""
    half = tf.cast(KERNEL, tf.float16)

    def compute(module, x):
        found = tf.nn.conv2d(tf.cast(x, tf.float16), half, 1, "SAME")
        return tf.cast(tf.cast(plain(tf.cast(found, tf.float32)), tf.float16), tf.float32)

    model = save(compute, tmp_path)
    assert model.folded is model
    folded = model.folded_in_half
    assert len(folded._chains) == 1
    nodes = folded._nodes_for([model._outputs["output"].name], ())
    assert "Mul" not in {node.op for node in nodes.values()}
    found, wanted = (one.run(pictures(), ["output"])["output"] for one in (folded, model))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=4e-3 * np.abs(wanted).max())
    assert np.abs(found - wanted).max() > 0  # so it matters who gets it


def test_part_of_a_chain_folds_up_to_what_is_no_channel(tmp_path):
    by_position = tf.constant(RNG.random((8, 1)), tf.float32)
    model = save(lambda m, x: plain(conv(x)) * by_position, tmp_path)
    assert len(model.folded._chains) == 1
    assert_same(model, pictures(), ["output"])


def test_what_is_fetched_or_given_is_the_layers_own(tmp_path):
    network = networks.nested()
    network.model.export(tmp_path / "net", verbose=False)
    model = open_model(tmp_path / "net")
    assert len(model.folded._chains) == 1
    images = pictures()
    expected, got = (one.run(images, ["conv", "output"]) for one in (model, model.folded))
    for path in expected:
        np.testing.assert_array_equal(got[path], expected[path])
    changed = {"conv": 2.0 * expected["conv"]}
    expected, got = (one.run(images, ["output"], changed)["output"] for one in (model, model.folded))
    np.testing.assert_array_equal(got, expected)
    assert_same(model, images, ["inner/norm", "output"])
    # any operation between can be named, also one that is gone
    (inner,) = [name for name in model.folded._chains[0].inner if name.endswith("mul_1:0")]
    np.testing.assert_array_equal(model.folded.run(images, [inner])[inner], model.run(images, [inner])[inner])
    # and a constant that went into the weights
    (factor,) = [name for name in model.folded._chains[0].inner if name.endswith("batchnorm/mul:0")]
    expected, got = (one.run(images, ["output"], {factor: np.ones(4)})["output"] for one in (model, model.folded))
    np.testing.assert_array_equal(got, expected)
    assert np.abs(got - model.run(images, ["output"])["output"]).max() > 1e-3


def test_a_tensor_in_the_middle_may_be_the_input(tmp_path):
    def compute(module, picture):
        return plain(tf.nn.conv2d(picture * 255.0, KERNEL, 1, "SAME", name="conv"))

    save(compute, tmp_path)
    (name,) = [op.name for op in open_model(tmp_path)._graph.get_operations() if op.type == "Conv2D"]
    model = open_model(tmp_path, input=name)
    assert_same(model, pictures(size=(8, 8, 4)), ["output"])
