"""`attribute`: models whose attribution is known by hand, sums that must agree, and two roads to one answer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp.attribution import attribute
from tf_interp.directions import Directions
from tf_interp.groups import find_groups
from tf_interp.models import KerasModel, open_model

METHODS = ("gradient", "gradient_x_input", "integrated_gradients")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 1, (5, 6, 4, 3)).astype(np.float32)


def build(layers, seed=3, **options):
    keras.utils.set_random_seed(seed)
    network = keras.Sequential([keras.Input((6, 4, 3)), *layers])
    random = np.random.default_rng(seed)
    for weight in network.weights:
        weight.assign(random.normal(0, 0.5, weight.shape))
    return KerasModel(network, **options)


@pytest.fixture(scope="module")
def linear():
    return build([keras.layers.Flatten(), keras.layers.Dense(4, name="dense")], class_names=["a", "b", "c", "d"])


@pytest.fixture(scope="module")
def pooled():
    """Return a network that ends in global average pooling and one dense layer: linear behind "late"."""
    return build(
        [
            keras.layers.Conv2D(7, 3, padding="same", activation="relu", name="early"),
            keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="late"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(4, name="logits"),
        ]
    )


@pytest.fixture(scope="module")
def curved():
    """Return a smooth network with a way around "middle", and a sequence in it."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input((6, 4, 3))
    x = keras.layers.Conv2D(5, 3, padding="same", activation="gelu", name="front")(inputs)
    y = keras.layers.Conv2D(5, 3, padding="same", activation="gelu", name="middle")(x)
    x = keras.layers.Multiply()([keras.layers.Add()([x, y]), y])
    x = keras.layers.Reshape((24, 5), name="tokens")(x)
    x = keras.layers.LayerNormalization(name="normal")(x)
    x = keras.layers.Dense(4, activation="tanh", name="hidden")(x)
    x = keras.layers.Flatten()(x)
    return KerasModel(keras.Model(inputs, keras.layers.Dense(3)(x)))


# --- known by hand ----------------------------------------------------------------------------------------------------


def test_linear_model_gives_its_weights(linear, images):
    kernel, bias = (np.asarray(weight) for weight in linear.model.get_layer("dense").weights)
    weights = kernel.reshape(6, 4, 3, 4)
    for target in range(4):
        gradient = attribute(linear, images, target, method="gradient")
        assert np.allclose(gradient.values, np.broadcast_to(weights[..., target], images.shape), atol=1e-6)
        for method in METHODS[1:]:
            product = attribute(linear, images, target, method=method)
            assert np.allclose(product.values, images * weights[..., target], atol=1e-5)
            assert np.allclose(product.totals, product.scores - bias[target], atol=1e-5)
            assert np.allclose(product.positions(), product.values.sum(-1))
    assert gradient.layer is None
    assert gradient.residual is None
    assert gradient.notes == ()


def test_last_layer_before_pooling_explains_the_logit_but_for_the_bias(pooled, images):
    bias = np.asarray(pooled.model.get_layer("logits").bias)
    found = attribute(pooled, images, 2, layer="late")
    assert found.values.shape == (5, 6, 4, 6)
    assert np.allclose(found.positions().sum((1, 2)), found.scores - bias[2], atol=1e-5)
    assert np.allclose(found.totals, found.scores - bias[2], atol=1e-5)
    assert np.allclose(found.scores, pooled.model(images)[:, 2], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layer", ["front", "middle", "normal"])
def test_agrees_with_a_gradient_tape_on_the_rest_of_the_network(curved, images, layer, method):
    """The other road: gradients of Keras's own layers, called one by one."""
    net = curved.model

    def rest(point, front):
        if layer in ("front", "middle"):
            x = point if layer == "front" else front
            y = net.get_layer("middle")(x) if layer == "front" else point
            point = net.get_layer("normal")(tf.reshape((x + y) * y, (-1, 24, 5)))
        return net.layers[-1](tf.reshape(net.get_layer("hidden")(point), (-1, 96)))[:, 1]

    front = net.get_layer("front")(images)
    point = keras.Model(net.input, net.get_layer(layer).output)(images)
    parts = [1.0] if method != "integrated_gradients" else [0.125, 0.375, 0.625, 0.875]
    slopes = []
    for part in parts:
        with tf.GradientTape() as tape:
            here = point * part
            tape.watch(here)
            score = rest(here, front)
        slopes.append(tape.gradient(score, here))
    expected = np.mean(slopes, 0) * (1 if method == "gradient" else point)
    found = attribute(curved, images, 1, layer=layer, method=method, steps=4)
    assert np.allclose(found.values.reshape(expected.shape), expected, atol=1e-5)
    assert np.abs(expected).max() > 1e-3


def test_saved_model_gives_the_same(pooled, images, tmp_path):
    pooled.model.export(tmp_path / "exported", verbose=False)
    saved = open_model(tmp_path / "exported")
    for layer in (None, "early"):
        for method in METHODS:
            for target in (2, lambda logits: logits[:, 1] ** 2):
                found, expected = (
                    attribute(model, images, target, layer=layer, method=method, steps=3) for model in (saved, pooled)
                )
                assert np.allclose(found.values, expected.values, rtol=1e-4, atol=1e-6)
    groups = find_groups(saved, images, "early", 3)
    assert np.allclose(groups.vectors, find_groups(pooled, images, "early", 3).vectors, atol=1e-4)


# --- sums that must agree ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [None, "front", "middle", "tokens"])
def test_integrated_gradients_are_complete(curved, images, layer):
    found = attribute(curved, images, 1, layer=layer, method="integrated_gradients", steps=300)
    if layer is None:
        before = curved.run(np.zeros_like(images), ["output"])["output"]
    else:
        activation = curved.run(images, [layer])[layer]
        before = curved.run(images, ["output"], {layer: tf.zeros_like(activation)})["output"]
    change = found.scores - np.asarray(before)[:, 1]
    assert np.allclose(found.totals, change, atol=0.005 * np.abs(change).max())
    assert np.abs(attribute(curved, images, 1, layer=layer).totals - change).max() > 0.05 * np.abs(change).max()


@pytest.mark.parametrize("method", METHODS[1:])
def test_positions_channels_groups_and_rest_have_one_sum(pooled, images, method):
    groups = find_groups(pooled, images, "early", 3, iterations=10)
    plain = attribute(pooled, images, 1, layer="early", method=method)
    channels = attribute(pooled, images, 1, along=Directions.from_channels("early", range(7), 7), method=method)
    grouped = attribute(pooled, images, 1, along=groups, method=method)
    assert np.allclose(plain.positions().sum((1, 2)), plain.totals, atol=1e-5)
    assert np.allclose(channels.values.sum(-1), plain.totals, atol=1e-5)
    assert np.allclose(channels.residual, 0, atol=1e-5)
    assert np.allclose(grouped.values.sum(-1) + grouped.residual, plain.totals, atol=1e-5)
    assert np.abs(grouped.residual).max() > 1e-3
    assert grouped.names == groups.names


@pytest.mark.parametrize("method", METHODS)
def test_one_hot_directions_are_exactly_the_channels(pooled, images, method):
    plain = attribute(pooled, images, 1, layer="early", method=method)
    along = attribute(pooled, images, 1, along=Directions.from_channels("early", [4, 0], 7), method=method)
    assert along.values.shape == (5, 2)
    assert np.allclose(along.values, plain.values.sum((1, 2))[:, [4, 0]], rtol=1e-5, atol=1e-7)
    assert along.layer == "early"
    if method == "gradient":
        assert along.residual is None
    else:
        assert np.allclose(along.residual, plain.values.sum((1, 2))[:, [1, 2, 3, 5, 6]].sum(-1), atol=1e-5)


def test_groups_use_their_own_weights_on_their_own_images(pooled, images):
    groups = find_groups(pooled, images, "early", 3, iterations=3)
    gradient = attribute(pooled, images, 1, layer="early", method="gradient").values
    expected = np.einsum("nhwk,kc,nhwc->nk", groups.weights, groups.vectors, gradient)
    assert np.allclose(attribute(pooled, images, 1, along=groups).values, expected, atol=1e-6)
    for rows in ([2], [4, 0]):
        assert np.allclose(attribute(pooled, images[rows], 1, along=groups).values, expected[rows], atol=1e-6)
        assert np.allclose(attribute(pooled, images[rows], 1, along=groups[[2, 0]]).values, expected[rows][:, [2, 0]])
    stranger = attribute(pooled, images[:, ::-1], 1, along=groups).values
    projected = Directions("early", groups.vectors)
    assert np.allclose(stranger, attribute(pooled, images[:, ::-1], 1, along=projected).values)
    assert not np.allclose(attribute(pooled, images, 1, along=projected).values, expected, atol=1e-4)


def test_single_direction_is_a_projection_whatever_its_length(pooled, images):
    vector = np.random.default_rng(1).normal(size=7).astype(np.float32)
    activation = np.asarray(pooled.run(images, ["early"])["early"])
    gradient = attribute(pooled, images, 1, layer="early", method="gradient").values
    expected = ((activation @ vector) * (gradient @ vector)).sum((1, 2)) / (vector @ vector)
    for length in (1, 100):
        found = attribute(pooled, images, 1, along=Directions("early", [vector * length]))
        assert np.allclose(found.values[:, 0], expected, rtol=1e-4, atol=1e-6)
    slope = attribute(pooled, images, 1, along=Directions("early", [vector]), method="gradient")
    assert np.allclose(slope.values[:, 0], (gradient @ vector).sum((1, 2)), atol=1e-5)


def test_equal_directions_share_and_a_basis_leaves_nothing(pooled, images):
    random = np.random.default_rng(1)
    vector = random.normal(size=7)
    alone = attribute(pooled, images, 1, along=Directions("early", [vector]))
    twice = attribute(pooled, images, 1, along=Directions("early", [vector, vector]))
    assert np.allclose(twice.values, np.repeat(alone.values / 2, 2, axis=1), atol=1e-5)
    assert np.allclose(twice.residual, alone.residual, atol=1e-5)
    basis = attribute(pooled, images, 1, along=Directions("early", random.normal(size=(7, 7))))
    assert np.allclose(basis.residual, 0, atol=1e-3)


# --- targets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_target_by_index_name_sequence_and_function_agree(linear, images, method):
    expected = attribute(linear, images, 2, method=method)
    for target in (
        "c",
        np.int64(2),
        [2] * 5,
        ["c", 2, "c", 2, np.int32(2)],
        np.full(5, 2),
        lambda logits: logits[:, 2],
    ):
        found = attribute(linear, images, target, method=method, steps=32)
        assert np.allclose(found.values, expected.values, atol=1e-6)
        assert np.allclose(found.scores, expected.scores, atol=1e-6)


def test_each_image_has_its_own_target(pooled, images):
    classes = [3, 0, 1, 1, 2]
    found = attribute(pooled, images, classes, layer="early", batch_size=2)
    for row, target in enumerate(classes):
        alone = attribute(pooled, images[row : row + 1], target, layer="early")
        assert np.allclose(found.values[row], alone.values[0], atol=1e-6)
        assert np.allclose(found.scores[row], alone.scores[0], atol=1e-6)


@pytest.mark.parametrize("layer", [None, "early"])
def test_difference_of_two_logits_and_a_curved_score(pooled, images, layer):
    difference = attribute(pooled, images, lambda logits: logits[:, 0] - logits[:, 3], layer=layer)
    parts = [attribute(pooled, images, target, layer=layer) for target in (0, 3)]
    assert np.allclose(difference.values, parts[0].values - parts[1].values, atol=1e-5)
    squared = attribute(pooled, images, lambda logits: logits[:, 0] ** 2, layer=layer)
    assert np.allclose(squared.values, parts[0].values * 2 * parts[0].scores[:, None, None, None], atol=1e-4)
    assert np.allclose(squared.scores, parts[0].scores ** 2, atol=1e-5)


def test_model_with_pictures_as_output_takes_a_callable(images):
    model = build([keras.layers.Conv2D(2, 1, use_bias=False, name="conv")])
    kernel = np.asarray(model.model.get_layer("conv").kernel)[0, 0]
    asked = lambda maps: tf.reduce_sum(maps[..., 1], axis=(1, 2))  # noqa: E731
    found = attribute(model, images, asked, method="gradient_x_input")
    assert np.allclose(found.values, images * kernel[:, 1], atol=1e-6)
    with pytest.raises(ValueError, match="no classes: give a callable"):
        attribute(model, images, 1)


# --- shapes, batches, precision ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layer", "shape"), [("tokens", (5, 1, 24, 5)), ("hidden", (5, 1, 24, 4))])
def test_sequences_are_a_row_of_positions(curved, images, layer, shape):
    found = attribute(curved, images, 1, layer=layer)
    assert found.values.shape == shape
    assert found.positions().shape == shape[:3]


def test_dense_layer_is_one_position(images):
    model = build([keras.layers.Flatten(), keras.layers.Dense(5, activation="relu", name="d"), keras.layers.Dense(2)])
    found = attribute(model, images, 1, layer="d")
    assert found.values.shape == (5, 1, 1, 5)
    assert np.allclose(found.totals, found.scores - np.asarray(model.model.layers[-1].bias)[1], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_batches_do_not_matter(curved, images, method):
    whole = attribute(curved, images, 1, layer="middle", method=method)
    parts = attribute(curved, images, 1, layer="middle", method=method, batch_size=2)
    for name in ("values", "scores", "totals"):
        assert np.allclose(getattr(whole, name), getattr(parts, name), atol=1e-6)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_comes_back_as_float32(images, dtype):
    def layers(dtype):
        return [
            keras.layers.Conv2D(4, 3, activation="relu", name="conv", dtype=dtype),
            keras.layers.GlobalAveragePooling2D(dtype=dtype),
            keras.layers.Dense(2, dtype=dtype),
        ]

    half, full = build(layers(dtype)), build(layers("float32"))
    for layer in (None, "conv"):
        for method in METHODS:
            found, expected = (attribute(model, images, 1, layer=layer, method=method) for model in (half, full))
            assert found.values.dtype == np.float32
            assert np.allclose(found.values, expected.values, atol=0.05 * np.abs(expected.values).max())


def test_images_go_through_the_models_own_preprocessing(linear, images):
    scaled = KerasModel(linear.model, preprocess=lambda x: x * 255.0 - 3.0)
    found = attribute(scaled, images, 1, method="gradient")
    assert np.allclose(found.values, 255 * attribute(linear, images, 1, method="gradient").values, rtol=1e-5)


class Counted(keras.layers.Layer):
    """A layer that counts how often it is traced."""

    traces = 0

    def call(self, x):
        type(self).traces += 1
        return x * 1.0


def test_traces_are_few_whatever_the_images_targets_and_methods(images):
    model = build([keras.layers.Conv2D(4, 3, name="conv"), Counted(), keras.layers.Flatten(), keras.layers.Dense(3)])
    many = np.concatenate([images] * 3)
    attribute(model, many, 0, layer="conv", method="integrated_gradients", batch_size=8)
    before = Counted.traces
    for target in (1, [0, 1, 2, 1, 0] * 3, lambda logits: logits[:, 1], lambda logits: logits[:, 2]):
        for method in METHODS:
            for count in (15, 9, 8, 5):
                sought = target[:count] if isinstance(target, list) else target
                attribute(model, many[:count], sought, layer="conv", method=method, batch_size=8, steps=2)
    attribute(model, images, 2, along=Directions.from_channels("conv", [0], 4))
    assert Counted.traces == before > 0


def test_many_layers_do_not_bring_warnings_of_tensorflow(curved, images, caplog):
    for layer in (None, "front", "middle", "tokens", "normal", "hidden"):
        for count in (1, 2, 4):
            attribute(curved, images[:count], 0, layer=layer)
    assert [record.message for record in caplog.records if "_gradient" in record.message] == []


def test_model_and_training_state_are_left_alone(pooled, images):
    before = [weight.numpy() for weight in pooled.model.weights]
    taps = [dict(layer.__dict__) for layer in pooled.model.layers]
    attribute(pooled, images, 1, layer="early", method="integrated_gradients", steps=3)
    assert all(np.array_equal(a, b) for a, b in zip(before, pooled.model.weights, strict=True))
    assert ["call" in layer.__dict__ for layer in pooled.model.layers] == ["call" in tap for tap in taps]


def test_weights_are_read_when_it_runs(images):
    model = build([keras.layers.Flatten(), keras.layers.Dense(2, name="dense")])
    before = attribute(model, images, 1).values
    model.model.get_layer("dense").kernel.assign(model.model.get_layer("dense").kernel * 2)
    assert np.allclose(attribute(model, images, 1).values, 2 * before, atol=1e-6)


# --- what is said and what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_gradient_that_is_zero_is_noted(images, method):
    model = build([keras.layers.Flatten(), keras.layers.Dense(3, activation="relu", name="d"), keras.layers.Dense(2)])
    model.model.get_layer("d").bias.assign([-1e3] * 3)
    found = attribute(model, images, 1, method=method, batch_size=2)
    assert not found.values.any()
    assert found.notes[0].startswith("the gradient at the input is zero for 5 of 5 images")
    assert attribute(model, images, 1, layer="d", method="gradient").notes == ()


def test_layer_that_the_score_does_not_depend_on(images):
    inputs = keras.Input((6, 4, 3))
    x = keras.layers.Flatten()(inputs)
    rounded = keras.layers.Dense(3, name="rounded")(x)
    x = keras.layers.Lambda(lambda both: both[0] + tf.stop_gradient(both[1]), output_shape=(3,))(
        [keras.layers.Dense(3, name="kept")(x), rounded]
    )
    model = KerasModel(keras.Model(inputs, keras.layers.Dense(2)(x)))
    assert attribute(model, images, 1, layer="kept").values.any()
    for target in (1, lambda logits: logits[:, 1]):
        with pytest.raises(ValueError, match="the score does not depend on layer 'rounded'"):
            attribute(model, images, target, layer="rounded")


@pytest.mark.parametrize("layer", [None, "early"])
def test_diverged_network(images, layer):
    model = build([keras.layers.Conv2D(4, 3, name="early"), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.model.layers[-1].kernel.assign(np.full(model.model.layers[-1].kernel.shape, np.nan))
    with pytest.raises(ValueError, match="holds NaN or infinite values: has the training diverged"):
        attribute(model, images, 1, layer=layer)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layer": "erly"}, ValueError, "no layer 'erly'.*early"),
        ({"target": 4}, ValueError, "class index 4 is outside the 4 logits"),
        ({"target": "zebra"}, ValueError, "no class 'zebra'"),
        ({"target": [0, 1]}, ValueError, "5 images need one target for all or one for each, got 2"),
        ({"target": 1.5}, TypeError, "a target is a class index, a class name, or a callable"),
        ({"target": None}, TypeError, "a target is a class index, a class name, or a callable"),
        ({"target": [0, 1, 2, 3, 0.5]}, TypeError, "a target is a class index, a class name, or a callable"),
        ({"target": [len] * 5}, TypeError, "one callable target serves all images"),
        ({"target": lambda logits: logits}, ValueError, r"logits \[5, 4\] into one score per image.*got \[5, 4\]"),
        ({"target": lambda logits: tf.ones(5)}, ValueError, "callable target does not depend on the logits"),
        ({"method": "saliency"}, ValueError, "method must be one of .*'gradient_x_input'.*got 'saliency'"),
        ({"steps": 0}, ValueError, "steps and batch_size must be at least 1"),
        ({"batch_size": 0}, ValueError, "steps and batch_size must be at least 1"),
        ({"along": Directions("early", np.eye(5))}, ValueError, "directions have 5 channels, their layer has 7"),
        (
            {"along": Directions("early", np.eye(7)), "layer": "late"},
            ValueError,
            "belong to layer 'early', not to 'late'",
        ),
        ({"along": np.eye(7), "layer": "early"}, TypeError, "along must be Directions .*got ndarray"),
        ({"images": np.full((5, 6, 4, 3), 200.0)}, ValueError, r"must lie in \[0,1\]"),
    ],
)
def test_impossible_requests_are_refused(pooled, images, arguments, error, message):
    with pytest.raises(error, match=message):
        attribute(pooled, **{"images": images, "target": 1, **arguments})


def test_values_along_directions_have_no_positions(pooled, images):
    found = attribute(pooled, images, 1, along=Directions.from_channels("early", [0, 1], 7))
    with pytest.raises(ValueError, match="along 2 directions has one number per image and direction"):
        found.positions()
