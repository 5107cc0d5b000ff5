"""Each method of `attribute` on networks where its answer is known."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp import Directions, LayerTarget, Probe, attribute, find_groups, open_model
from tf_interp.attribution import METHODS

L = keras.layers
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(0, 1, (4, 6, 4, 3)).astype(np.float32)
OTHERS = RANDOM.uniform(0, 1, (7, 6, 4, 3)).astype(np.float32)
NEEDS = {"expected_gradients": {"baselines": OTHERS}, "rise": {"samples": 20}, "smoothgrad": {"samples": 4}}
NEEDS |= {name: {"samples": 4} for name in ("squaregrad", "vargrad")}


def build(layers, bias=True):
    keras.utils.set_random_seed(3)
    network = keras.Sequential([keras.Input((6, 4, 3)), *layers])
    random = np.random.default_rng(3)
    for weight in network.weights:
        value = random.normal(0, 0.5, weight.shape)
        weight.assign(abs(value) + 0.5 if "variance" in weight.name else value * (bias or "bias" not in weight.name))
    return open_model(network)


@pytest.fixture(scope="module")
def linear():
    model = build([L.Flatten(), L.Dense(4, name="dense")])
    return model, np.asarray(model.model.get_layer("dense").kernel).reshape(6, 4, 3, 4)[..., 1]


@pytest.fixture(scope="module")
def folded():
    """Return a network of convolutions with normalization and ReLU, without biases."""
    layers = [
        L.Conv2D(6, 3, padding="same", use_bias=False, name="first"),
        L.BatchNormalization(center=False, name="norm"),
        L.ReLU(name="relu"),
        L.MaxPooling2D(2, name="pool"),
        L.Conv2D(5, 2, activation="relu", use_bias=False, name="last"),
        L.Flatten(),
        L.Dense(4, use_bias=False),
    ]
    model = build(layers)
    model.model.get_layer("norm").moving_mean.assign(np.zeros(6))
    return model


@pytest.fixture(scope="module")
def saved(folded, tmp_path_factory):
    path = tmp_path_factory.mktemp("methods") / "saved"
    folded.model.export(path, verbose=False)
    return open_model(path)


@pytest.fixture(scope="module")
def early(folded):
    return find_groups(folded, IMAGES, "relu", 3, iterations=20)


# --- a linear network -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        ("integrated_gradients", {"steps": 3, "baseline": 0.5}, lambda w: (IMAGES - 0.5) * w),
        ("integrated_gradients", {"baseline": OTHERS[0]}, lambda w: (IMAGES - OTHERS[0]) * w),
        ("integrated_gradients", {"baseline": "mean"}, lambda w: (IMAGES - IMAGES.mean((1, 2), keepdims=True)) * w),
        ("expected_gradients", {"baselines": OTHERS, "samples": 14}, lambda w: (IMAGES - OTHERS.mean(0)) * w),
        ("smoothgrad", {"samples": 3}, lambda w: np.broadcast_to(w, IMAGES.shape)),
        ("squaregrad", {"samples": 3}, lambda w: np.broadcast_to(w**2, IMAGES.shape)),
        ("vargrad", {"samples": 3}, lambda w: np.zeros_like(IMAGES)),
        ("lrp", {"rule": "epsilon"}, lambda w: IMAGES * w),
        ("occlusion", {"window": 1}, lambda w: (IMAGES * w).sum(-1, keepdims=True)),
        ("occlusion", {"window": 1, "baseline": 0.5}, lambda w: ((IMAGES - 0.5) * w).sum(-1, keepdims=True)),
    ],
)
def test_on_a_linear_network(linear, method, options, expected):
    model, weights = linear
    found = attribute(model, IMAGES, 1, method=method, **options)
    np.testing.assert_allclose(found.values, expected(weights), atol=2e-5)
    np.testing.assert_allclose(found.totals, found.values.sum((1, 2, 3)), atol=1e-4)
    np.testing.assert_allclose(found.scores, model.model(IMAGES)[:, 1], atol=1e-5)


def test_windows_cover_all_and_overlap_is_averaged(linear):
    model, weights = linear
    product = (IMAGES * weights).sum(-1)
    found = attribute(model, IMAGES, 1, method="occlusion", window=4, stride=3).positions()
    falls = {y: product[:, y : y + 4].sum((1, 2)) for y in (0, 2)}  # the last window is moved back to fit
    np.testing.assert_allclose(found[:, 0, 0], falls[0], atol=1e-5)
    np.testing.assert_allclose(found[:, 3, 2], (falls[0] + falls[2]) / 2, atol=1e-5)
    np.testing.assert_allclose(found[:, 5, 3], falls[2], atol=1e-5)


def test_shapley_of_regions_adds_up(linear):
    model, weights = linear
    product = (IMAGES * weights).sum(-1)
    found = attribute(model, IMAGES, 1, method="shapley", cells=2)
    for y, x in itertools.product((0, 1), repeat=2):
        part = slice(None), slice(3 * y, 3 * y + 3), slice(2 * x, 2 * x + 2)
        np.testing.assert_allclose(found.positions()[part].sum((1, 2)), product[part].sum((1, 2)), atol=1e-5)
        assert np.ptp(found.positions()[part][0]) < 1e-6
    np.testing.assert_allclose(found.totals, product.sum((1, 2)), atol=1e-5)


def test_rise_finds_what_counts(linear):
    model, weights = linear
    product = (IMAGES * weights).sum(-1)
    found = attribute(model, IMAGES, 1, method="rise", samples=1500, cells=6).positions()
    for one, other in zip(found, product, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.6  # masks are smooth, the weights are not
    flat = build([L.Flatten(), L.Dense(2, kernel_initializer="zeros")])
    flat.model.layers[-1].kernel.assign(np.zeros((72, 2)))
    none = attribute(flat, IMAGES, 1, method="rise", samples=10)
    assert np.abs(none.values).max() < 1e-6


# --- networks that bend -----------------------------------------------------------------------------------------------


def test_lrp_with_epsilon_is_gradient_x_input_in_relu_networks(folded):
    """Ancona et al., Towards better understanding of gradient-based attribution methods, 2018, proposition 1."""
    for layer in (None, "relu", "pool"):
        plain = attribute(folded, IMAGES, 1, layer=layer, method="gradient_x_input")
        found = attribute(folded, IMAGES, 1, layer=layer, method="lrp", rule="epsilon", epsilon=1e-9)
        np.testing.assert_allclose(found.values, plain.values, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("rule", ["epsilon_plus", "z_plus", "epsilon"])
def test_lrp_conserves_the_score_without_biases(folded, saved, rule):
    found = attribute(folded, IMAGES, 1, method="lrp", rule=rule)
    np.testing.assert_allclose(found.totals, found.scores, rtol=2e-3, atol=1e-4)
    same = attribute(saved, IMAGES, 1, method="lrp", rule=rule)
    np.testing.assert_allclose(same.values, found.values, rtol=1e-3, atol=1e-5)


def test_lrp_epsilon_plus_by_hand():
    model = build([L.Conv2D(5, 1, activation="relu", name="conv"), L.GlobalAveragePooling2D(), L.Dense(2, name="end")])
    conv, end = (model.model.get_layer(name) for name in ("conv", "end"))
    kernel, bias = np.asarray(conv.kernel)[0, 0], np.asarray(conv.bias)
    active = np.maximum(IMAGES @ kernel + bias, 0)
    pooled = active.mean((1, 2))
    below = pooled @ np.asarray(end.kernel)[:, 1] + np.asarray(end.bias)[1]
    share = pooled * np.asarray(end.kernel)[:, 1]  # epsilon with the bias: what falls on it is lost
    relevance = active / 24 * np.asarray(end.kernel)[:, 1]
    np.testing.assert_allclose(relevance.sum((1, 2)), share, atol=1e-5)
    positive = IMAGES[..., None] * np.maximum(kernel, 0)  # [n,h,w,c,k]
    every = positive.sum(3, keepdims=True)
    part = np.divide(positive, every, out=np.zeros_like(positive), where=every > 0)
    expected = (part * relevance[..., None, :]).sum(-1)
    found = attribute(model, IMAGES, 1, method="lrp")
    np.testing.assert_allclose(found.values, expected, atol=1e-4)
    np.testing.assert_allclose(found.scores, below, atol=1e-5)


def test_lrp_epsilon_keeps_the_sum_with_its_bias_away_from_zero():
    """As published, and as zennit has it: what is divided by is W x + b, not W x."""
    model = build([L.Flatten(), L.Dense(2, name="end")])
    kernel, bias = (np.asarray(item)[..., 1] for item in model.model.get_layer("end").weights)
    parts = IMAGES.reshape(4, -1) * kernel
    whole = parts.sum(1) + bias
    expected = parts / (whole + 0.5 * np.sign(whole))[:, None] * whole[:, None]
    found = attribute(model, IMAGES, 1, method="lrp", epsilon=0.5)
    np.testing.assert_allclose(found.values.reshape(4, -1), expected, rtol=1e-4, atol=1e-6)


def test_lrp_z_plus_of_dense_layers_by_hand():
    """What is positive in each product shares out all: biases take nothing."""
    model = build([L.Flatten(), L.Dense(5, activation="relu", name="hidden"), L.Dense(2, name="end")])
    hidden, end = (model.model.get_layer(name) for name in ("hidden", "end"))
    flat = IMAGES.reshape(4, -1)
    active = np.maximum(flat @ np.asarray(hidden.kernel) + np.asarray(hidden.bias), 0)
    score = active @ np.asarray(end.kernel)[:, 1] + np.asarray(end.bias)[1]
    spoke = active * np.maximum(np.asarray(end.kernel)[:, 1], 0)
    relevance = score[:, None] * spoke / spoke.sum(1, keepdims=True)
    positive = flat[..., None] * np.maximum(np.asarray(hidden.kernel), 0)  # [n,input,unit]
    expected = (positive / positive.sum(1, keepdims=True) * relevance[:, None]).sum(-1).reshape(IMAGES.shape)
    found = attribute(model, IMAGES, 1, method="lrp", rule="z_plus")
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-5)
    other = attribute(model, IMAGES, 1, method="lrp", rule="epsilon_plus")  # epsilon: there are no convolutions
    assert np.abs(found.values - other.values).max() > 0.1 * np.abs(found.values).max()


@pytest.mark.parametrize("rule", ["epsilon_plus", "epsilon"])
def test_lrp_of_a_transposed_convolution_is_that_of_the_same_convolution(rule):
    found = []
    for kind, kernel in ((L.Conv2DTranspose, [[[[2.0, -1.0]]]]), (L.Conv2D, [[[[2.0], [-1.0]]]])):
        layer = kind(1, 1, use_bias=False)
        network = keras.Sequential([keras.Input((3, 3, 2)), layer, L.ReLU(), L.Flatten(), L.Dense(2, use_bias=False)])
        layer.set_weights([np.array(kernel, np.float32)])
        network.layers[-1].set_weights([np.ones((9, 2), np.float32)])
        images = IMAGES[:, :3, :3, :2]
        found.append(attribute(open_model(network), images, 1, method="lrp", rule=rule).values)
    np.testing.assert_allclose(*found, atol=1e-5)
    assert np.abs(found[0]).max() > 0.1


@pytest.mark.parametrize("activation", ["silu", "gelu", "elu", "hard_silu", "tanh", "leaky_relu"])
def test_lrp_passes_activation_functions(activation):
    model = build(
        [L.Flatten(), L.Dense(5, use_bias=False, activation=activation, name="d"), L.Dense(2, use_bias=False)]
    )
    found = attribute(model, IMAGES, 1, method="lrp", rule="epsilon", epsilon=1e-9)
    np.testing.assert_allclose(found.totals, found.scores, rtol=1e-3, atol=1e-4)
    plain = attribute(
        model, IMAGES, 1, method="gradient_x_input"
    ).values  # the same where the function is a line through 0 on each side
    assert np.allclose(found.values, plain, rtol=1e-3, atol=1e-4) == (activation == "leaky_relu")


@pytest.mark.parametrize("scale", [2, 2.0, [2.0, 2.0, 2.0]])
def test_lrp_passes_constants_of_any_type(scale):
    end = [L.Flatten(), L.Dense(2, use_bias=False)]
    found = attribute(build([L.Rescaling(scale), *end]), IMAGES, 1, method="lrp", rule="epsilon", epsilon=1e-9)
    plain = attribute(build(end), IMAGES, 1, method="gradient_x_input")
    np.testing.assert_allclose(found.values, 2 * plain.values, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rule", ["epsilon_plus", "z_plus", "epsilon"])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_lrp_in_half_precision_conserves_the_score(policy, rule):
    network = [
        L.Conv2D(5, 3, activation="relu", use_bias=False, dtype=policy),
        L.Flatten(dtype=policy),
        L.Dense(2, use_bias=False, dtype="float32"),
    ]
    found = attribute(build(network), IMAGES, 1, method="lrp", rule=rule)
    np.testing.assert_allclose(found.totals, found.scores, rtol=0.03, atol=0.03)


@pytest.mark.parametrize("kind", ["live", "saved"])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_normalizations_in_half_precision(policy, kind, tmp_path):
    """Gradients are Keras's own, of the same ReLUs; relevance, whose rules are those of folded layers, is float32's."""

    def make(policy):
        layers = []
        for _ in range(2):
            layers += [L.Conv2D(8, 3, padding="same", dtype=policy), L.BatchNormalization(dtype=policy)]
            layers.append(L.ReLU(dtype=policy))
        found = build([*layers, L.GlobalAveragePooling2D(dtype=policy), L.Dense(2)])
        for norm in found.model.layers[1:5:3]:
            norm.gamma.assign(norm.gamma * np.tile([1.0, -1.0], 4))
        return found

    half, full = make(policy), make("float32")
    full.model.set_weights(half.model.get_weights())
    if kind == "saved":
        half.model.export(tmp_path, verbose=False)
    opened = half if kind == "live" else open_model(tmp_path)

    @tf.function  # eagerly there are other roundings: TensorFlow joins a convolution and its bias in graphs
    def differentiate(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            score = tf.reduce_sum(half.model(images, training=False)[:, 1])
        return tape.gradient(score, images)

    wanted = differentiate(tf.constant(IMAGES))
    found = attribute(opened, IMAGES, 1, method="gradient").values
    np.testing.assert_allclose(found, wanted, rtol=0, atol=4e-3 * np.abs(wanted).max())
    ours, theirs = (attribute(model, IMAGES, 1, method="lrp").values for model in (opened, full))
    assert np.linalg.norm(ours - theirs) < 0.05 * np.linalg.norm(theirs)  # some ReLUs are on the other side


def test_lrp_says_where_it_has_no_rule():
    model = build([L.Reshape((24, 3)), L.LayerNormalization(), L.Flatten(), L.Dense(2)])
    with pytest.raises(ValueError, match=r"LRP has no rule for .*choose a layer behind them"):
        attribute(model, IMAGES, 1, method="lrp")


def test_shapley_along_groups_is_efficient_and_exact(folded, early):
    found = attribute(folded, IMAGES, 1, along=early, method="shapley")
    rest = np.asarray(folded.run(IMAGES, ["relu"])["relu"]) - early.weights @ early.vectors
    without = np.asarray(folded.run(IMAGES, ["output"], {"relu": rest})["output"])[:, 1]
    np.testing.assert_allclose(found.values.sum(1), found.scores - without, atol=1e-4)
    worth = {}
    for subset in itertools.product((0, 1), repeat=3):
        point = rest + (early.weights * np.array(subset, np.float32)) @ early.vectors
        worth[subset] = np.asarray(folded.run(IMAGES, ["output"], {"relu": point})["output"])[:, 1]
    expected = np.zeros((3, 4))
    for order in itertools.permutations(range(3)):  # the definition
        there = [0, 0, 0]
        for player in order:
            before = worth[tuple(there)]
            there[player] = 1
            expected[player] += (worth[tuple(there)] - before) / 6
    np.testing.assert_allclose(found.values.T, expected, atol=1e-4)


def test_occlusion_along_groups_switches_them_off(folded, early):
    found = attribute(folded, IMAGES, 1, along=early, method="occlusion")
    activation = np.asarray(folded.run(IMAGES, ["relu"])["relu"])
    for group in range(3):
        off = activation - early.weights[..., [group]] * early.vectors[group]
        fall = found.scores - np.asarray(folded.run(IMAGES, ["output"], {"relu": off})["output"])[:, 1]
        np.testing.assert_allclose(found.values[:, group], fall, atol=1e-4)


def test_class_activation_maps_by_hand(folded):
    activation = np.asarray(folded.run(IMAGES, ["relu"])["relu"])
    slope = attribute(folded, IMAGES, 1, layer="relu", method="gradient").values
    cam = np.maximum((activation * slope.mean((1, 2), keepdims=True)).sum(-1), 0)
    np.testing.assert_allclose(
        attribute(folded, IMAGES, 1, layer="relu", method="grad_cam").positions(), cam, atol=1e-5
    )
    layer_cam = (activation * np.maximum(slope, 0)).sum(-1)
    found = attribute(folded, IMAGES, 1, layer="relu", method="layer_cam")
    np.testing.assert_allclose(found.positions(), layer_cam, atol=1e-5)
    below = 2 * slope**2 + activation.sum((1, 2), keepdims=True) * slope**3
    share = np.divide(slope**2, below, out=np.zeros_like(below), where=below != 0)
    weight = (share * np.maximum(slope, 0)).sum((1, 2), keepdims=True)
    plus = attribute(folded, IMAGES, 1, layer="relu", method="grad_cam_plus_plus")
    np.testing.assert_allclose(plus.positions(), np.maximum((activation * weight).sum(-1), 0), rtol=1e-3, atol=1e-4)
    last = attribute(folded, IMAGES, 1, method="grad_cam")
    assert last.layer == "last"
    assert "drew its map of 'last'" in last.notes[0]


def test_the_heads_of_an_attention_are_no_map(tmp_path):
    x = keras.Input((6, 4, 3))
    tokens = L.Reshape((6, 5))(L.Conv2D(5, 2, 2, name="patch")(x))
    mixed = L.MultiHeadAttention(2, 3, name="attention")(tokens, tokens)
    network = keras.Model(x, L.Dense(2)(L.Flatten()(mixed)))
    network.export(tmp_path / "saved", verbose=False)
    for model in (open_model(network), open_model(tmp_path / "saved")):
        assert len(model.layers["attention/value"]) == 3
        assert attribute(model, IMAGES, 1, method="grad_cam").layer == "patch"


def test_a_map_with_channels_before_positions_is_refused_unasked_too():
    first = {"data_format": "channels_first"}
    layers = [L.Permute((3, 1, 2)), L.Conv2D(5, 2, name="conv", **first), L.GlobalAveragePooling2D(**first), L.Dense(2)]
    for layer in (None, "conv"):
        with pytest.raises(ValueError, match="'conv' has its channels before its positions"):
            attribute(build(layers), IMAGES, 1, layer=layer, method="grad_cam")


def test_guided_and_deconvnet_by_hand():
    model = build([L.Flatten(), L.Dense(6, activation="relu", name="hidden"), L.Dense(2, name="end")])
    hidden, end = (model.model.get_layer(name) for name in ("hidden", "end"))
    active = np.asarray(hidden(IMAGES.reshape(4, -1))) > 0
    wanted = np.maximum(np.asarray(end.kernel)[:, 1], 0)
    for relu, slope in (("guided", active * wanted), ("deconvnet", np.broadcast_to(wanted, active.shape))):
        expected = (slope @ np.asarray(hidden.kernel).T).reshape(IMAGES.shape)
        found = attribute(model, IMAGES, 1, method="gradient", relu=relu)
        np.testing.assert_allclose(found.values, expected, atol=1e-5)


def test_smooth_pooling_is_the_gradient_of_mean_square_by_mean():
    model = build([L.Conv2D(4, 1, activation="relu", name="conv"), L.MaxPooling2D(2), L.Flatten(), L.Dense(2)])
    kernel = np.asarray(model.model.layers[-1].kernel)[:, 1].reshape(1, 3, 1, 2, 1, 4)
    windows = np.asarray(model.run(IMAGES, ["conv"])["conv"]).reshape(4, 3, 2, 2, 2, 4)  # n, y, in it, x, in it, c
    square = (windows**2).mean((2, 4), keepdims=True)
    below = 0.01 + windows.mean((2, 4), keepdims=True)  # 0.01 is that of Lucid's override of `max_pool`: 1e-2
    slope = (2 * windows / below - square / below**2) / 4  # d (square / below) / dx; where x is 0, times x is 0 anyway
    found = attribute(model, IMAGES, 1, layer="conv", pooling="smooth")
    np.testing.assert_allclose(found.values, (windows * slope * kernel).reshape(4, 6, 4, 4), rtol=1e-4, atol=1e-7)


# --- what is asked about ----------------------------------------------------------------------------------------------


def test_a_unit_a_position_and_a_direction_of_a_layer(folded):
    last = np.asarray(folded.run(IMAGES, ["last"])["last"])  # [4,2,1,5]
    vector = np.arange(5, dtype=np.float32) - 1
    cases = [
        (LayerTarget("last", channel=2), last[..., 2].sum((1, 2))),
        (LayerTarget("last", channel=2, position=(1, 0)), last[:, 1, 0, 2]),
        (LayerTarget("last", position=(1, 0)), np.linalg.norm(last[:, 1, 0], axis=-1)),
        (LayerTarget("last"), np.linalg.norm(last.reshape(4, -1), axis=-1)),
        (LayerTarget("last", vector=vector), (last @ vector).sum((1, 2)) / np.linalg.norm(vector)),
        (Directions("last", [vector]), (last @ vector).sum((1, 2)) / np.linalg.norm(vector)),
    ]
    for target, scores in cases:
        for layer in (None, "relu"):
            found = attribute(folded, IMAGES, target, layer=layer, method="gradient_x_input")
            np.testing.assert_allclose(found.scores, scores, atol=1e-5)
            np.testing.assert_allclose(found.totals, scores, rtol=1e-3, atol=1e-4)  # no biases: homogeneous


def test_what_made_a_group_fire(folded):
    groups = find_groups(folded, IMAGES, "last", 2, iterations=20)
    part = groups.weights[..., [1]] * groups.vectors[1]
    part = part / np.linalg.norm(part.reshape(4, -1), axis=1)[:, None, None, None]
    last = np.asarray(folded.run(IMAGES, ["last"])["last"])
    found = attribute(folded, IMAGES, groups[1], layer="relu")
    np.testing.assert_allclose(found.scores, (part * last).sum((1, 2, 3)), atol=1e-4)
    np.testing.assert_allclose(found.totals, found.scores, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match=r"a target is one direction, these are 2"):
        attribute(folded, IMAGES, groups, layer="relu")


def test_difference_of_two_targets(folded):
    difference = folded.target(1) - folded.target(3)
    assert difference.name == "1 - 3"
    found, one, other = (attribute(folded, IMAGES, target) for target in (difference, 1, 3))
    np.testing.assert_allclose(found.values, one.values - other.values, atol=1e-5)


@pytest.mark.parametrize("layer", [None, "relu"])
def test_through_all_channels_is_all_and_parts_add_up(folded, layer):
    whole = attribute(folded, IMAGES, 1, layer=layer)
    channels = Directions.from_channels("last", range(5), 5)
    every = attribute(folded, IMAGES, 1, layer=layer, through=channels)
    np.testing.assert_allclose(every.values, whole.values, atol=1e-5)
    parts = [attribute(folded, IMAGES, 1, layer=layer, through=channels[row]).values for row in range(5)]
    np.testing.assert_allclose(sum(parts), whole.values, atol=1e-5)
    assert max(np.abs(part).max() for part in parts) > 0


# --- what holds for all -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_batches_do_not_matter_and_seeds_repeat(folded, method):
    options = {"layer": "relu", "method": method, **NEEDS.get(method, {})}
    whole, parts = (attribute(folded, IMAGES, [0, 1, 2, 3], batch_size=size, **options) for size in (4, 3))
    for name in ("values", "scores", "totals"):
        np.testing.assert_allclose(getattr(whole, name), getattr(parts, name), rtol=1e-3, atol=1e-5)
    assert np.abs(whole.values).max() > 0


@pytest.mark.parametrize("method", METHODS)
def test_saved_models_give_the_same(folded, saved, method):
    options = {"layer": "relu", "method": method, **NEEDS.get(method, {})}
    found, live = (attribute(model, IMAGES, 1, **options) for model in (saved, folded))
    np.testing.assert_allclose(found.values, live.values, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", ["gradient_x_input", "integrated_gradients", "expected_gradients", "lrp"])
def test_directions_and_rest_have_the_whole_sum(folded, early, method):
    found = attribute(folded, IMAGES, 1, along=early, method=method, **NEEDS.get(method, {}))
    whole = attribute(folded, IMAGES, 1, layer="relu", method=method, **NEEDS.get(method, {}))
    np.testing.assert_allclose(found.values.sum(1) + found.residual, whole.totals, rtol=1e-3, atol=1e-4)


def test_a_path_that_is_too_coarse_is_told():
    model = build([L.Flatten(), L.Dense(8, activation="tanh"), L.Dense(2)])
    coarse, fine = (attribute(model, IMAGES, 1, method="integrated_gradients", steps=steps) for steps in (1, 200))
    assert "the sums miss the change of the score by up to" in coarse.notes[0]
    assert fine.notes == ()


def test_a_path_is_not_blamed_alone_where_gradients_are_not_those_of_what_is_computed():
    straight = L.Lambda(lambda x: x + tf.stop_gradient(tf.cast(x > 0, x.dtype) - x))
    model = build([L.Flatten(), L.Dense(8), straight, L.Dense(2)])
    (note,) = attribute(model, IMAGES, 1, method="integrated_gradients", steps=50).notes
    assert "Where that does not help" in note
    assert "stop_gradient" in note


def test_noise_and_baselines_are_those_of_the_user():
    model = build([L.Flatten(), L.Dense(8, activation="tanh"), L.Dense(2)])
    first, again, other = (
        attribute(model, IMAGES, 1, method="smoothgrad", samples=3, seed=seed).values for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    probe = Probe.from_arrays(OTHERS)
    arrays, taken = (attribute(model, IMAGES, 1, method="expected_gradients", baselines=b) for b in (OTHERS, probe))
    np.testing.assert_array_equal(arrays.values, taken.values)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "grad_camm"}, ValueError, "did you mean 'grad_cam'"),
        ({"method": "gradient", "samples": 3}, TypeError, "'gradient' has no setting 'samples': it has none"),
        ({"method": "smoothgrad", "sample": 3}, TypeError, r"has no setting 'sample': it has \['samples', 'noise'"),
        ({"method": "smoothgrad", "samples": 0}, ValueError, "at least one sample"),
        ({"method": "vargrad", "samples": 1}, ValueError, "at least two samples"),
        ({"method": "expected_gradients"}, ValueError, "needs baselines="),
        ({"method": "occlusion", "baseline": "gray"}, ValueError, "baseline must be a number.*got 'gray'"),
        ({"method": "shapley", "cells": 4}, ValueError, "1 to 3 cells"),
        ({"method": "lrp", "rule": "gamma"}, ValueError, "rule must be one of"),
        ({"method": "lrp", "relu": "guided"}, ValueError, "takes neither relu= nor pooling="),
        ({"relu": "guide"}, ValueError, "relu must be one of"),
        ({"pooling": "soft"}, ValueError, "pooling must be one of"),
        ({"method": "grad_cam", "along": Directions("relu", np.eye(6))}, ValueError, "cannot be divided along"),
        ({"along": Directions("relu", np.ones((11, 6))), "method": "shapley"}, ValueError, "at most 10 players"),
        ({"layer": "last", "through": Directions("last", np.eye(5))}, ValueError, "use along="),
        ({"through": np.eye(5)}, TypeError, "through must be Directions"),
        ({"target": LayerTarget("last", channel=9)}, ValueError, "channels 0..4, got 9"),
        ({"target": LayerTarget("last", channel=1, position=(5, 0))}, ValueError, r"positions \(0..1, 0..0\)"),
        ({"target": LayerTarget("relu", channel=1), "layer": "last"}, ValueError, "does not depend on layer 'last'"),
    ],
)
def test_impossible_requests_are_refused(folded, arguments, error, message):
    with pytest.raises(error, match=message):
        attribute(folded, **{"images": IMAGES, "target": 1, **arguments})


def test_one_compiled_function_serves_all_samples(folded):
    kept = []
    for samples in (2, 5):
        attribute(folded, IMAGES, 1, layer="pool", method="smoothgrad", samples=samples)
        kept.append(len(folded.folded._functions))
    assert kept[0] == kept[1]


@pytest.mark.parametrize("method", ["occlusion", "shapley"])
def test_numbers_of_a_vector_are_covered_one_by_one(method):
    network = keras.Sequential([keras.Input((5,)), L.Dense(2)])
    table = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    found = attribute(open_model(network), table, 1, method=method)
    np.testing.assert_allclose(found.values[:, 0, 0], table * np.asarray(network.layers[-1].kernel)[:, 1], atol=1e-5)


@pytest.mark.parametrize("method", ["occlusion", "rise", "shapley"])
def test_volumes_are_not_covered_across_their_slices(method):
    network = keras.Sequential([keras.Input((4, 6, 6, 1)), L.Flatten(), L.Dense(2)])
    with pytest.raises(ValueError, match=r"is a volume.*method of the gradient"):
        attribute(open_model(network), np.ones((1, 4, 6, 6, 1), np.float32), 1, method=method)


def test_table_and_plots(folded, early):
    table = attribute(folded, IMAGES, 1, along=early).to_dataframe()
    assert list(table) == ["picture", "score", "direction", "value"]
    assert len(table) == 12
    maps = attribute(folded, IMAGES, 1)
    assert list(maps.to_dataframe()) == ["picture", "score", "y", "x", "value"]
    assert len(maps.plot(IMAGES).axes) >= 4
    assert len(attribute(folded, IMAGES, 1, along=early).plot().axes) == 4
    assert repr(maps).startswith("Attribution('gradient_x_input' of 4 pictures to the input, score ")


def test_the_gradient_of_a_target_that_bends_is_that_of_its_slope(folded):
    found = attribute(folded, IMAGES, lambda logits: tf.reduce_logsumexp(logits, -1), method="gradient")
    weights = tf.nn.softmax(folded.model(IMAGES)).numpy()
    slopes = [attribute(folded, IMAGES, number, method="gradient").values for number in range(4)]
    expected = sum(weights[:, number, None, None, None] * slopes[number] for number in range(4))
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-5)


def test_without_a_method_pictures_are_compared_with_their_mean_color(folded):
    gradient = attribute(folded, IMAGES, 1, method="gradient").values
    found = attribute(folded, IMAGES, 1)
    assert found.method == "gradient_x_input"
    np.testing.assert_allclose(found.values, (IMAGES - IMAGES.mean((1, 2), keepdims=True)) * gradient, atol=1e-5)
    named = attribute(folded, IMAGES, 1, method="gradient_x_input", baseline="mean")
    np.testing.assert_array_equal(found.values, named.values)
    plain = attribute(folded, IMAGES, 1, method="gradient_x_input")
    np.testing.assert_allclose(plain.values, IMAGES * gradient, atol=1e-5)
    layer = attribute(folded, IMAGES, 1, layer="last")
    np.testing.assert_array_equal(
        layer.values, attribute(folded, IMAGES, 1, layer="last", method="gradient_x_input").values
    )
    with pytest.raises(ValueError, match="baseline must be a number, an array like one image"):
        attribute(folded, IMAGES, 1, method="gradient_x_input", baseline="maen")


def test_without_a_method_what_is_no_picture_is_compared_with_zero():
    network = keras.Sequential([keras.Input((5,)), L.Dense(3)])
    rows = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    found = attribute(open_model(network), rows, 1).values
    np.testing.assert_allclose(found.reshape(4, 5), rows * np.asarray(network.layers[-1].kernel)[:, 1], atol=1e-5)
