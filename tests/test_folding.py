"""Folding batch normalization: the same numbers with fewer operations, and only where that is true."""

import keras
import networks
import numpy as np
import pytest
import tensorflow as tf
from networks import SIZE, fill, pictures

from tf_interp.models import KerasModel, open_model
from tf_interp.models.keras_model.taps import tapped

L = keras.layers


def build(layers, shape=SIZE):
    """Return an open model of layers one after the other, with weights that are not trivial."""
    network = keras.Sequential([keras.Input(shape), *layers])
    fill(network)
    return open_model(network)


def products(model, fetch, shape=SIZE, given=()):
    """Return how many multiplications over whole activations one forward pass holds."""
    specs = {name: tf.TensorSpec([None, *model.layers[name]]) for name in given}
    function = tf.function(lambda x, given: model.run(x, fetch, given), autograph=False)
    graph = function.get_concrete_function(tf.TensorSpec([None, *shape]), specs).graph
    return sum(op.type == "Mul" and op.outputs[0].shape[:1] == [None] for op in graph.get_operations())


def assert_same(model, images, fetch, tolerance=1e-5):
    """Activations, and their gradients with respect to the pictures, equal those of the model as it is."""

    def answers(one):
        def compute(images):
            with tf.GradientTape() as tape:
                tape.watch(images)
                got = one.run(images, fetch)
                total = sum(tf.reduce_sum(tf.cast(value, tf.float32) ** 2) for value in got.values())
            return [*got.values(), *tf.nest.flatten(tape.gradient(total, images))]

        return tf.function(compute, autograph=False)(tf.nest.map_structure(tf.constant, images))

    for ours, expected in zip(answers(model.folded), answers(model), strict=True):
        assert ours.dtype == expected.dtype
        ours, expected = (np.asarray(tf.cast(value, tf.float64)) for value in (ours, expected))
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(ours, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_a_known_network_gives_the_same():
    network = keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), alpha=0.35)
    fill(network)
    model = open_model(network)
    assert len(model._found.pairs) == 52  # all that it has
    assert_same(model, pictures(2, size=(32, 32, 3)), ["block_8_add", "block_13_expand_relu", "out_relu", "output"])


def test_blocks_of_a_residual_network_and_of_one_that_weighs_its_channels():
    x = keras.Input(SIZE)
    y = L.ReLU()(L.BatchNormalization(name="before")(x))
    y = L.ReLU()(L.BatchNormalization()(L.Conv2D(6, 1, use_bias=False)(y)))
    y = L.BatchNormalization()(L.Conv2D(6, 3, strides=2, use_bias=False)(L.ZeroPadding2D(1)(y)))
    y = L.Add(name="add")([L.Conv2D(6, 1)(y), L.Conv2D(6, 1)(y)])
    y = L.Activation("silu")(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same", use_bias=False)(y)))
    weight = L.Conv2D(6, 1, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(y))
    y = L.BatchNormalization()(L.Conv2D(4, 1, use_bias=False)(L.Multiply()([y, weight])))
    network = keras.Model(x, L.Dropout(0.2)(y))
    fill(network)
    model = open_model(network)
    assert len(model._found.pairs) == 4
    assert_same(model, pictures(), ["before", "add", "output"])


FOLDED = {
    "Conv1D": ((8, 3), [L.Conv1D(4, 3, padding="causal", use_bias=False)]),
    "Conv2D": (SIZE, [L.Conv2D(4, 3, use_bias=False)]),
    "Conv2D with bias": (SIZE, [L.Conv2D(4, 3, strides=2, padding="same")]),
    "Conv2D dilated": (SIZE, [L.Conv2D(4, 3, dilation_rate=2)]),
    "Conv2D in groups": ((8, 8, 4), [L.Conv2D(6, 3, groups=2, use_bias=False)]),
    "Conv3D": ((4, 4, 4, 2), [L.Conv3D(3, 2)]),
    "DepthwiseConv1D": ((8, 3), [L.DepthwiseConv1D(3, use_bias=False)]),
    "DepthwiseConv2D": (SIZE, [L.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)]),
    "DepthwiseConv2D with bias": (SIZE, [L.DepthwiseConv2D(3, depth_multiplier=2)]),
    "SeparableConv1D": ((8, 3), [L.SeparableConv1D(4, 3)]),
    "SeparableConv2D": (SIZE, [L.SeparableConv2D(4, 3, use_bias=False)]),
    "Dense": ((5,), [L.Dense(4, use_bias=False)]),
    "Dense on rows": (SIZE, [L.Dense(4)]),
    "padding before": (SIZE, [L.ZeroPadding2D(2), L.Conv2D(4, 3, use_bias=False)]),
    "what passes on": (SIZE, [L.Conv2D(4, 3), L.Dropout(0.5, name="drop"), L.Activation("linear", name="line")]),
    "a nested end": (SIZE, [keras.Sequential([keras.Input(SIZE), L.Conv2D(4, 3, name="last")], name="inner")]),
}


@pytest.mark.parametrize("case", FOLDED)
def test_layers_that_fold(case):
    shape, layers = FOLDED[case]
    model = build([*layers, L.BatchNormalization(name="norm"), L.LeakyReLU(name="relu")], shape)
    assert_same(model, pictures(size=shape), ["norm", "relu"])
    assert products(model, ["relu"], shape) == 1
    assert products(model.folded, ["relu"], shape) == 0


@pytest.mark.parametrize("options", [{"scale": False}, {"center": False}, {"axis": 3}, {"epsilon": 0.5}])
def test_normalizations_that_fold(options):
    for bias in (True, False):
        model = build([L.Conv2D(4, 3, use_bias=bias), L.BatchNormalization(name="norm", **options)])
        assert_same(model, pictures(), ["norm"])
        assert products(model.folded, ["norm"]) == 0


def pads(model, fetch):
    """Return how many operations pad."""

    @tf.function(autograph=False)
    def run(images):
        return model.run(images, fetch)

    graph = run.get_concrete_function(tf.TensorSpec((None, *SIZE))).graph
    return sum(operation.type in ("Pad", "PadV2") for operation in graph.get_operations())


PADDED = {  # the sides of the pictures are even: what padding "same" adds there
    "Conv2D": (lambda: L.Conv2D(4, 3, strides=2), ((0, 1), (0, 1))),
    "Conv2D with bias": (lambda: L.Conv2D(4, 3), ((1, 1), (1, 1))),
    "DepthwiseConv2D": (lambda: L.DepthwiseConv2D(3, strides=2, use_bias=False), ((0, 1), (0, 1))),
    "another side": (lambda: L.Conv2D(4, 3, strides=2), ((1, 0), (1, 0))),
    "more": (lambda: L.Conv2D(4, 3), ((2, 2), (2, 2))),
    "padded twice": (lambda: L.Conv2D(4, 3, padding="same"), ((1, 1), (1, 1))),
    "dilated": (lambda: L.Conv2D(4, 3, dilation_rate=2), ((1, 1), (1, 1))),
}
KEPT = ("another side", "more", "padded twice", "dilated")


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("case", PADDED)
def test_a_convolution_pads_where_it_would_do_the_same(case, norm):
    make, zeros = PADDED[case]
    behind = [L.BatchNormalization(name="norm")] if norm else []
    model = build([L.ZeroPadding2D(zeros, name="pad"), make(), *behind, L.ReLU(name="relu")])
    assert_same(model, pictures(), ["pad", "relu"])
    assert pads(model, ["relu"]) == 1
    assert pads(model.folded, ["relu"]) == (case in KEPT)
    assert pads(model.folded, ["pad", "relu"]) == 1  # somebody wants to see it


class Standardized(L.Conv2D):
    """Weights of unit length: a factor in them has no effect."""

    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, kernel / tf.norm(kernel))


class OwnNormalization(L.BatchNormalization):
    """Twice what it should be."""

    def call(self, inputs, training=None, mask=None):
        return 2.0 * super().call(inputs, training=training, mask=mask)


LEFT = {
    "activation inside": lambda: [L.Conv2D(4, 3, activation="relu"), L.BatchNormalization()],
    "activation between": lambda: [L.Conv2D(4, 3), L.ReLU(), L.BatchNormalization()],
    "padding between": lambda: [L.Conv2D(4, 3), L.ZeroPadding2D(1), L.BatchNormalization()],
    "another axis": lambda: [L.Conv2D(4, 3), L.BatchNormalization(axis=1)],
    "a subclass": lambda: [Standardized(4, 3), L.BatchNormalization()],
    "a subclass behind": lambda: [L.Conv2D(4, 3), OwnNormalization()],
    "another type behind": lambda: [L.Conv2D(4, 3, dtype="mixed_float16"), L.BatchNormalization(dtype="float32")],
    "no convolution": lambda: [L.BatchNormalization(), L.Conv2D(4, 3)],
}


@pytest.mark.parametrize("case", LEFT)
def test_layers_that_do_not_fold(case):
    model = build(LEFT[case]())
    assert model._found.pairs == ()
    assert_same(model, pictures(), ["output"], 0.0)


def test_layers_with_calls_of_their_own_do_not_fold():
    for place in (0, 1):
        network = keras.Sequential([keras.Input(SIZE), L.Conv2D(4, 3), L.BatchNormalization()])
        fill(network)
        own = network.layers[place].call
        network.layers[place].call = lambda *args, own=own, **kwargs: tf.abs(own(*args, **kwargs))
        model = open_model(network)
        assert model._found.pairs == ()
        assert_same(model, pictures(), ["output"], 0.0)


@pytest.mark.parametrize("change", ["activation", "call", "padding"])
@pytest.mark.parametrize("groups", [1, 2])
def test_layers_that_change_after_they_were_listed(groups, change):
    layers = [L.ZeroPadding2D(1, name="pad"), L.Conv2D(4, 3, groups=groups, name="conv"), L.BatchNormalization()]
    model = build([*layers, L.ReLU()], (8, 8, 4))
    network, images = model.model, pictures(size=(8, 8, 4))
    assert len(model.folded._found.pairs) == len(model.folded._found.padded) == 1
    if change == "activation":
        network.get_layer("conv").activation = lambda x: 5.0 * tf.tanh(x)
    else:
        layer = network.get_layer("conv" if change == "call" else "pad")
        layer.call = lambda x, own=layer.call: 1.0 + 3.0 * own(x)
    np.testing.assert_allclose(
        model.folded.run(images, ["output"])["output"], network(images, training=False), rtol=1e-4, atol=1e-4
    )


def test_taps_of_another_thread_change_nothing():
    model = build([L.ZeroPadding2D(1), L.Conv2D(4, 3), L.BatchNormalization(name="norm")])
    folded = model.folded
    before = list(folded.folded_weights(["norm"]))
    with tapped(model.model.layers, lambda layer, call: call()):
        assert list(folded.folded_weights(["norm"])) == before
        with tapped(model.model.layers, lambda layer, call: call()):
            assert list(folded.folded_weights(["norm"])) == before
    assert len(before) == 1
    own = model.model.layers[1].call
    model.model.layers[1].call = lambda x: own(x)
    with tapped(model.model.layers, lambda layer, call: call()):
        assert list(folded.folded_weights(["norm"])) == []


def test_lora_and_quantized_layers_do_not_fold():
    lora = keras.Sequential([keras.Input((5,)), L.Dense(4), L.BatchNormalization()])
    lora.layers[0].enable_lora(2)
    fill(lora)
    quantized = keras.Sequential([keras.Input((5,)), L.Dense(4), L.BatchNormalization()])
    fill(quantized)
    quantized.layers[0].quantize("int8")
    for network in (lora, quantized):
        model = open_model(network)
        assert model._found.pairs == ()
        np.testing.assert_array_equal(
            model.folded.run(pictures(size=(5,)), ["output"])["output"], network(pictures(size=(5,)))
        )


def test_an_output_that_is_used_elsewhere_does_not_fold():
    x = keras.Input(SIZE)
    between = L.Conv2D(4, 3, name="conv")(x)
    norm = L.BatchNormalization(name="norm")
    cases = {
        "beside": L.Add()([norm(between), between]),
        "before": L.Add()([L.ReLU()(between), norm(between)]),
        "by an operation": norm(between) + keras.ops.exp(between),
        "by two": L.Add()([norm(between), L.BatchNormalization()(between)]),
    }
    for case, y in cases.items():
        network = keras.Model(x, y)
        fill(network)
        model = open_model(network)
        assert model._found.pairs == (), case
        assert_same(model, pictures(), ["output"], 0.0)


def test_shared_layers_do_not_fold():
    x, other = keras.Input(SIZE), keras.Input(SIZE)
    conv, norm = L.Conv2D(4, 3), L.BatchNormalization()
    shared_conv = keras.Model([x, other], [norm(conv(x)), L.BatchNormalization()(conv(other))])
    shared_norm = keras.Model([x, other], [norm(L.Conv2D(4, 3)(x)), norm(L.Conv2D(4, 3)(other))])
    for network in (shared_conv, shared_norm):
        fill(network)
        model = open_model(network)
        assert model._found.pairs == ()
        assert_same(model, [pictures(), pictures(seed=1)], ["output", "output:1"], 0.0)


def test_an_output_of_the_network_folds_until_it_is_fetched():
    x = keras.Input(SIZE)
    between = L.Conv2D(4, 3, name="conv")(x)
    network = keras.Model(x, [L.BatchNormalization(name="norm")(between), between])
    fill(network)
    model = open_model(network)
    assert_same(model, pictures(), ["output"])
    assert_same(model, pictures(), ["output", "output:1"], 0.0)
    assert products(model.folded, ["output"]) == 0
    assert products(model.folded, ["output:1", "output"]) == 1


@pytest.mark.parametrize("case", ["Conv2D", "what passes on", "a nested end"])
def test_what_is_fetched_or_given_is_the_layers_own(case):
    model = build([*FOLDED[case][1], L.BatchNormalization(name="norm"), L.LeakyReLU(name="relu")])
    (pair,) = model._found.pairs
    assert len(pair.names) == {"Conv2D": 1, "what passes on": 3, "a nested end": 2}[case]
    images = pictures()
    for name in pair.names:
        expected, got = (one.run(images, [name, "relu"]) for one in (model, model.folded))
        np.testing.assert_array_equal(got[name], expected[name])
        np.testing.assert_array_equal(got["relu"], expected["relu"])
        changed = {name: 2.0 * expected[name]}
        expected, got = (one.run(images, ["relu"], changed)["relu"] for one in (model, model.folded))
        np.testing.assert_array_equal(got, expected)
        assert products(model.folded, ["relu"], given=[name]) == 1

    @tf.function(autograph=False)
    def slope(images):  # of what comes later, with respect to what is fetched: inside a function that is one graph
        with tf.GradientTape() as tape:
            got = model.folded.run(images, [name, "relu"])
            total = tf.reduce_sum(got["relu"])
        return tape.gradient(total, got[name])

    assert np.abs(slope(images)).max() > 0


def test_weights_are_live_and_left_alone():
    model = build([L.Conv2D(4, 3), L.BatchNormalization(name="norm")])
    network = model.model
    before = model.folded.run(pictures(), ["norm"])["norm"]
    weights = [weight.numpy() for weight in network.weights]
    nodes = [len(layer._inbound_nodes) for layer in network.layers]
    model.folded.run(pictures(), ["norm"])
    for weight, value in zip(network.weights, weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    assert [len(layer._inbound_nodes) for layer in network.layers] == nodes
    assert not any("call" in layer.__dict__ for layer in network.layers)
    fill(network, seed=1)
    after = model.folded.run(pictures(), ["norm"])["norm"]
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(after, network(pictures(), training=False), rtol=1e-5, atol=1e-6)
    assert len([key for key in model.folded._functions if key[0] == "run"]) == 1


def test_a_compiled_function_takes_later_weights_as_an_argument():
    model = build([L.Conv2D(4, 3), L.BatchNormalization(name="norm"), L.Conv2D(2, 1), L.BatchNormalization(name="end")])
    images = tf.constant(pictures())

    @tf.function(autograph=False)
    def compiled(images, weights):
        return model.folded.run(images, ["norm", "end"], weights=weights)

    @tf.function(autograph=False)
    def frozen(images):
        return model.folded.run(images, ["norm", "end"])

    def check(function, *args):
        got, expected = function(images, *args), model.run(images, ["norm", "end"])
        return [np.allclose(got[name], expected[name], rtol=1e-5, atol=1e-5) for name in got]

    assert check(compiled, model.folded.folded_weights(["norm", "end"])) == [True, True]
    assert check(frozen) == [True, True]
    fill(model.model, seed=1)
    assert check(compiled, model.folded.folded_weights(["norm", "end"])) == [True, True]
    assert compiled.experimental_get_tracing_count() == 1
    assert check(frozen) == [False, False]  # as it is documented
    assert check(compiled, model.folded.folded_weights(["norm"])) == [True, True]  # what has none is not folded
    assert model.folded_weights(["norm"]) == {}


def test_a_kernel_that_another_layer_uses_too_is_folded_for_one_of_them():
    first, second = L.Conv2D(3, 3, padding="same", use_bias=False), L.Conv2D(3, 3, padding="same", use_bias=False)
    network = keras.Sequential([keras.Input(SIZE), first, L.BatchNormalization(), second])
    fill(network)
    second.__dict__["_kernel"] = first._kernel  # Keras has no way of its own for that
    model = open_model(network)
    assert len(model._found.pairs) == 1
    assert_same(model, pictures(), ["output"])


def test_the_folded_model_is_the_same_in_all_else():
    network = networks.nested()
    model = open_model(network.model, class_names=["a", "b", "c"], preprocess=lambda images: 2.0 * images - 1.0)
    folded = model.folded
    assert isinstance(folded, KerasModel)
    assert folded is model.folded is folded.folded
    assert folded is not model
    assert (folded.name, folded.class_names, folded.digest()) == (model.name, model.class_names, model.digest())
    assert (folded.layers, folded.notes, folded.inspect()) == (model.layers, model.notes, model.inspect())
    assert folded.resolve("conv") == "backbone/inner/conv"
    assert folded.resolve_target("b") == 1
    assert folded.cached("mine", lambda: 1) == 1
    assert model.cached("mine", lambda: 2) == 2
    assert_same(model, pictures(), ["relu", "output"])


class Block(keras.Model):
    """Convolution and normalization; after a change of mind, something that reads the convolution too."""

    def __init__(self):
        super().__init__(name="block")
        self.conv, self.norm, self.last = L.Conv2D(3, 3, name="conv"), L.BatchNormalization(name="norm"), L.ReLU()
        self.mood = "plain"

    def call(self, inputs):
        between = self.conv(inputs)
        if self.mood == "other":
            return self.last(self.norm(tf.abs(between)))
        if self.mood == "without":
            return self.last(between)
        after = self.last(self.norm(between))
        return after + between if self.mood == "both" else after


@pytest.mark.parametrize("mood", ["other", "without", "both"])
def test_a_network_that_is_wired_differently_afterwards_is_not_folded(mood):
    network = Block()
    model = open_model(network, input=SIZE)
    assert len(model._found.pairs) == 1
    fill(network)
    network.mood = mood
    assert_same(model, pictures(), ["output"], 0.0)


def test_a_network_that_was_never_called():
    model = open_model(Block())
    got = model.folded.run(pictures(), ["output"])["output"]
    np.testing.assert_allclose(got, model.run(pictures(), ["output"])["output"], rtol=0, atol=1e-5)
    assert "conv" in model.folded.layers


@pytest.mark.parametrize(
    ("policy", "tolerance"), [("mixed_float16", 4e-3), ("mixed_bfloat16", 3e-2), ("float64", 1e-9)]
)
def test_other_number_types(policy, tolerance):
    model = build([L.Conv2D(4, 3, dtype=policy), L.BatchNormalization(dtype=policy, name="norm")])
    half = policy != "float64"
    assert_same(model, pictures(), ["norm"], 0.0 if half else tolerance)
    assert products(model.folded, ["norm"]) == (1 if half else 0)
    folded = model.folded_in_half
    assert (folded is model.folded) == (not half)
    assert products(folded, ["norm"]) == 0
    found, wanted = (one.run(pictures(), ["norm"])["norm"] for one in (folded, model))
    np.testing.assert_allclose(tf.cast(found, tf.float32), tf.cast(wanted, tf.float32), rtol=tolerance, atol=tolerance)
