"""`weight_randomization`, and networks that run with other weights than their own."""

import keras
import numpy as np
import pytest
from scipy.stats import spearmanr

from tf_interp import WeightRandomization, attribute, open_model, weight_randomization
from tf_interp.attribution.evidence.weight_randomization import shuffle_weights

L = keras.layers
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(0, 1, (3, 8, 8, 3)).astype(np.float32)


def build(network):
    for weight in network.weights:
        value = RANDOM.normal(0, 0.5, weight.shape)
        weight.assign(abs(value) + 0.5 if "variance" in weight.name else value)
    return open_model(network)


@pytest.fixture(scope="module")
def model():
    layers = [
        L.Conv2D(6, 3, use_bias=False, name="conv"),
        L.BatchNormalization(name="norm"),
        L.ReLU(name="relu"),
        L.Conv2D(4, 3, activation="relu", groups=2, name="grouped"),
        L.Flatten(name="flat"),
        L.Dense(3, name="end"),
    ]
    return build(keras.Sequential([keras.Input((8, 8, 3)), *layers]))


class Branch(keras.layers.Layer):
    """A layer with a weight of its own and a layer inside, which it calls twice."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inner = L.Dense(3, name="inner")

    def build(self, shape):
        self.own = self.add_weight(shape=(3,), name="own")
        self.inner.build(shape)

    def call(self, x):
        return self.inner(self.inner(x) * self.own)


def nest():
    start = keras.Input((8, 8, 3))
    x = Branch(name="branch")(
        keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(3, 3, name="conv")], name="part")(start)
    )
    return build(keras.Model(start, L.Dense(2, name="end")(L.GlobalAveragePooling2D()(x))))


def test_each_weight_belongs_to_the_innermost_layer(model):
    own = model.layer_weights()
    assert {path: len(values) for path, values in own.items()} == {"conv": 1, "norm": 4, "grouped": 2, "end": 2}
    nested = nest().layer_weights()
    assert {path.rpartition("/")[2].partition("@")[0]: len(values) for path, values in nested.items()} == {
        "conv": 2,
        "branch": 1,
        "inner": 2,
        "end": 2,
    }


@pytest.mark.parametrize("kind", ["flat", "nested"])
def test_a_run_with_other_weights_is_that_of_a_network_that_has_them(model, kind):
    found = model if kind == "flat" else nest()
    network = found.model
    before = [weight.numpy() for weight in network.weights]
    own = found.layer_weights()
    changed = {path: shuffle_weights(values, [1, place]) for place, (path, values) in enumerate(own.items())}
    layer = next(iter(own))
    outside = found.run(IMAGES, ["output", layer], weights=changed)
    kept = found.run(IMAGES, ["output"])["output"]
    assert all(np.array_equal(one, other.numpy()) for one, other in zip(before, network.weights, strict=True))
    values = {old.numpy().tobytes(): new for path in own for old, new in zip(own[path], changed[path], strict=True)}
    for weight in network.weights:
        weight.assign(values[weight.numpy().tobytes()])
    inside = found.run(IMAGES, ["output", layer])
    for weight, value in zip(network.weights, before, strict=True):
        weight.assign(value)
    for name in (layer, "output"):
        np.testing.assert_allclose(outside[name], inside[name], rtol=1e-5, atol=1e-5)
    assert np.abs(kept - outside["output"]).max() > 1e-3


def test_similarities_by_hand(model):
    found = weight_randomization(model, IMAGES, 1, methods=["gradient_x_input", ("gradient", {"relu": "guided"})])
    assert found.methods == ("gradient_x_input", "gradient guided")
    assert found.layers == ("end", "grouped", "norm", "conv")
    assert found.similarity.shape == found.absolute.shape == (2, 4, 3)
    true = attribute(model, IMAGES, 1, method="gradient_x_input").positions()
    own = model.layer_weights()
    network = model.model
    kept = network.get_weights()
    for stage, path in enumerate(found.layers[:2]):
        network.get_layer(path).set_weights([value.numpy() for value in shuffle_weights(own[path], [0, stage])])
        other = attribute(model, IMAGES, 1, method="gradient_x_input").positions()
        by_hand = [spearmanr(one.ravel(), two.ravel())[0] for one, two in zip(true, other, strict=True)]
        np.testing.assert_allclose(found.similarity[0, stage], by_hand, atol=5e-3)
        sizes = [spearmanr(abs(one).ravel(), abs(two).ravel())[0] for one, two in zip(true, other, strict=True)]
        np.testing.assert_allclose(found.absolute[0, stage], sizes, atol=5e-3)
    network.set_weights(kept)


def test_the_network_is_left_as_it_is(model):
    digest, state = model.digest(), [weight.numpy().tobytes() for weight in model.model.weights]
    logits = np.asarray(model.run(IMAGES, ["output"])["output"])
    once = weight_randomization(model, IMAGES, [0, 1, 2], methods=["lrp", "grad_cam"], stages=2)
    assert state == [weight.numpy().tobytes() for weight in model.model.weights]
    assert model.digest() == digest
    assert np.array_equal(logits, model.run(IMAGES, ["output"])["output"])
    assert once.layers == ("grouped", "conv")
    again = weight_randomization(model, IMAGES, [0, 1, 2], methods=["lrp", "grad_cam"], stages=2, batch_size=2)
    np.testing.assert_allclose(once.similarity, again.similarity, atol=1e-2)


def test_a_map_that_never_depends_on_the_weights_is_told():
    """Where all weights are the same number, shuffling changes nothing; where each is another one, all."""
    model = open_model(keras.Sequential([keras.Input((8, 8, 3)), L.Flatten(), L.Dense(2, name="end")]))
    kernel = np.repeat(np.arange(1.0, 65)[:, None], 3, 1).reshape(-1, 1).repeat(2, 1)
    model.model.layers[-1].set_weights([kernel, np.zeros(2)])
    found = weight_randomization(model, IMAGES, 1, methods=["gradient"])
    assert abs(found.similarity).max() < 0.4
    assert found.explain().endswith("it depends on what was learned")
    constant = open_model(
        keras.Sequential([keras.Input((8, 8, 3)), L.Flatten(), L.Dense(2, kernel_initializer="ones")])
    )
    found = weight_randomization(constant, IMAGES, 1, methods=["gradient_x_input", "gradient"])
    np.testing.assert_allclose(found.similarity[0], 1)
    assert np.isnan(found.similarity[1]).all()  # all numbers of that map are the same
    first, second = found.explain().splitlines()
    assert first.endswith("it hardly depends on what was learned")
    assert second.endswith("no map is left to compare with when all weights are shuffled")


def test_a_map_that_does_not_notice_the_end_of_the_network_is_told():
    """As guided backpropagation does not on a trained network: another map at last, the same one halfway."""
    stages = np.array([0.97, 0.7, -0.1])[None, :, None]
    found = WeightRandomization(("gradient guided",), ("end", "middle", "start"), stages, stages)
    assert found.explain().endswith("it hardly depends on what was learned from 'middle' on")


def test_table_and_words(model):
    found = weight_randomization(model, IMAGES, 1, methods=["gradient"], layer="relu", stages=3)
    table = found.to_dataframe()
    assert list(table) == ["method", "layer", "picture", "similarity", "absolute"]
    assert len(table) == 3 * 3
    np.testing.assert_allclose(table[table["layer"] == "conv"]["similarity"], found.similarity[0, -1])
    assert repr(found).startswith("WeightRandomization('gradient' on 3 pictures, 3 stages, correlation ")


def test_layers_behind_a_target_inside_are_left_out(model):
    from tf_interp import LayerTarget

    found = weight_randomization(model, IMAGES, LayerTarget("relu", channel=1), methods=["gradient"])
    assert found.layers == ("norm", "conv")


def test_impossible_requests_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match="stages and batch_size must be at least 1"):
        weight_randomization(model, IMAGES, 1, stages=0)
    with pytest.raises(ValueError, match="at least one method"):
        weight_randomization(model, IMAGES, 1, methods=[])
    with pytest.raises(TypeError, match="has no setting 'samples'"):
        weight_randomization(model, IMAGES, 1, methods=[("gradient", {"samples": 2})])
    model.model.export(tmp_path / "saved", verbose=False)
    with pytest.raises(ValueError, match="is a SavedModel, whose weights cannot be exchanged"):
        weight_randomization(open_model(tmp_path / "saved"), IMAGES, 1)
