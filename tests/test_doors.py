"""What every function above `Model.run` lets in, whichever it is: layers of any name, and of which order of axes."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import fill, pictures

import tf_interp as ti
from tf_interp.capture import read_activations

L = keras.layers
FIRST = {"data_format": "channels_first"}
POOL = pictures(12, 1)
DOORS = {
    "analyze": lambda model, layer: list(ti.analyze(model, _probe(), [layer], [ti.NeuronGroups(2, icons=False)])),
    "attribute": lambda model, layer: ti.attribute(model, pictures(), 0, layer=layer),
    "along": lambda model, layer: ti.attribute(model, pictures(), 0, along=_directions(model, layer)),
    "find_groups": lambda model, layer: ti.find_groups(model, pictures(), layer, 2),
    "tcav": lambda model, layer: ti.tcav(
        model, {"a": POOL[:6]}, POOL[6:], {0: pictures()}, layer, permutations=99, bootstraps=20
    ),
    "find_concepts": lambda model, layer: ti.find_concepts(model, POOL, layer, target=0, k=2, designs=2),
    "render": lambda model, layer: ti.render(model, ti.channel(layer, 0), size=8, steps=1),
    "render_many": lambda model, layer: list(ti.render_many(model, [f"{layer}:0"], size=8, steps=1)),
    "concept_maps": lambda model, layer: ti.concept_maps(model, pictures(), _directions(model, layer)),
    "ablate_concepts": lambda model, layer: ti.ablate_concepts(model, pictures(), _directions(model, layer)),
    "semantic_dictionary": lambda model, layer: ti.semantic_dictionary(model, pictures(), layer),
    "activation_grid": lambda model, layer: ti.activation_grid(model, pictures(), [layer]),
    "read_activations": lambda model, layer: read_activations(model, pictures(), [layer], pooling="mean"),
}


def _probe():
    return ti.Probe.from_arrays(pictures(), [0, 1, 2, 0])


def _directions(model, layer):
    return ti.Directions.from_channels(layer, [0], model.layers[model.resolve(layer)][-1])


def _open(network, kind, folder):
    fill(network)
    if kind == "keras":
        return ti.open_model(network)
    network.export(folder / "saved", verbose=False)
    return ti.open_model(folder / "saved")


# --- layers may have any name -----------------------------------------------------------------------------------------


def _chain(*names):
    layers = [
        L.Conv2D(4, 3, activation="relu", name=names[0]),
        L.Conv2D(4, 3, activation="relu", name=names[1]),
        L.GlobalAveragePooling2D(name=names[2]),
        L.Dense(3, name=names[3]),
    ]
    return keras.Sequential([keras.Input((8, 8, 3)), *layers])


@pytest.fixture(scope="module", params=["keras", "graph"])
def odd_names(request, tmp_path_factory):
    """Layers called "output_conv", and "output" itself, neither of which is an output."""
    network = _chain("output_conv", "output", "outputs", "output_logits")
    return _open(network, request.param, tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def plain_names(tmp_path_factory):
    """The same network under usual names."""
    return _open(_chain("one", "two", "three", "four"), "keras", tmp_path_factory.mktemp("plain"))


def _numbers(result):
    """Yield the numbers in what a door gave."""
    if isinstance(result, np.ndarray | float) or hasattr(result, "numpy"):
        if np.asarray(result).dtype.kind == "f":
            yield np.asarray(result)
    elif isinstance(result, list | tuple):
        for item in result:
            yield from _numbers(item)
    elif isinstance(result, dict) or dataclasses.is_dataclass(result):
        for name, item in (result if isinstance(result, dict) else vars(result)).items():
            if name not in ("seconds", "wall_time"):
                yield from _numbers(item)


def test_a_model_says_which_names_are_outputs(odd_names):
    assert odd_names.outputs == ("output",)
    assert list(odd_names.layers) == ["output_conv", "output@0", "outputs", "output_logits", "output"]
    x = keras.Input((8, 8, 3))
    two = [L.Conv2D(2, 3, name="output:1")(x), L.Conv2D(3, 3, name="b")(x)]
    model = ti.open_model(keras.Model(x, two))
    assert model.outputs == ("output", "output:1")
    assert {name: shape[-1] for name, shape in model.layers.items()} == {
        "output:1@0": 2,
        "b": 3,
        "output": 2,
        "output:1": 3,
    }


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("layer", ["output_conv", "output@0"])
def test_a_layer_may_have_any_name(odd_names, plain_names, door, layer):
    odd, plain = (
        list(_numbers(DOORS[door](model, name)))
        for model, name in ((odd_names, layer), (plain_names, {"output_conv": "one", "output@0": "two"}[layer]))
    )
    assert len(odd) == len(plain) > 0
    for found, expected in zip(odd, plain, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("door", ["analyze", "find_concepts"])
def test_an_output_is_no_layer(odd_names, door):
    with pytest.raises(ValueError, match="output"):
        DOORS[door](odd_names, "output")
    with pytest.raises(ValueError, match="cannot be given: it is the end of the network"):
        odd_names.run(pictures(), ["output"], {"output": np.zeros((4, 3), np.float32)})


# --- channels before positions ----------------------------------------------------------------------------------------


def _pooled():
    """Turns its images first; no convolution, which not every CPU can do with channels first."""
    layers = [
        L.Permute((3, 1, 2), name="turn"),
        L.BatchNormalization(axis=1, name="norm"),
        L.ReLU(name="relu"),
        L.MaxPooling2D(name="pool", **FIRST),
        L.GlobalAveragePooling2D(name="mean", **FIRST),
        L.Dense(3, name="head"),
    ]
    return keras.Sequential([keras.Input((8, 8, 3)), *layers])


class ByHand(keras.Model):
    """TensorFlow's own operations in a subclassed model."""

    def __init__(self):
        super().__init__()
        self.relu, self.again, self.head = L.ReLU(name="relu"), L.ReLU(name="again"), L.Dense(3)

    def call(self, images):
        turned = self.relu(tf.nn.bias_add(tf.transpose(images, (0, 3, 1, 2)), [0.1, 0.2, 0.3], "NCHW"))
        return self.head(tf.reduce_mean(self.again(tf.transpose(turned, (0, 2, 3, 1))), (1, 2)))


def _by_hand():
    model = ByHand()
    model(np.zeros((1, 8, 8, 3), np.float32))
    return model


@pytest.mark.parametrize("kind", ["keras", "graph"])
@pytest.mark.parametrize(
    ("make", "turned", "plain"),
    [(_pooled, ["turn", "norm", "relu", "pool"], ["mean", "head"]), (_by_hand, ["relu"], ["again"])],
)
def test_which_layers_have_their_channels_first(make, turned, plain, kind, tmp_path):
    model = _open(make(), kind, tmp_path)
    for layer in plain:
        assert model.resolve(layer, channels=True) == layer
    for layer in turned:
        assert model.resolve(layer) == layer
        with pytest.raises(ValueError, match=rf"layer '{layer}' has its channels before its positions, shape \['N', 3"):
            model.resolve(layer, channels=True)


def test_images_with_channels_first():
    """Nothing but the shape of its images tells."""
    network = keras.Sequential(
        [keras.Input((3, 8, 8)), L.ReLU(name="relu"), L.BatchNormalization(axis=1), L.Flatten(), L.Dense(3)]
    )
    model = ti.open_model(network, preprocess=lambda images: tf.transpose(images, (0, 3, 1, 2)))
    with pytest.raises(ValueError, match=r"takes images of shape \[3, 8, 8\]"):
        model.resolve("relu", channels=True)
    assert ti.attribute(model, pictures(), 0).values.shape == (4, 8, 8, 3)  # of the images, not of a layer


@pytest.mark.parametrize("door", DOORS)
def test_layers_with_channels_first_are_refused_everywhere(door, tmp_path):
    model = _open(_pooled(), "keras", tmp_path)
    with pytest.raises(ValueError, match="'relu' has its channels before its positions"):
        DOORS[door](model, "relu")
    got = read_activations(model, pictures(), ["relu"])["relu"]  # as they are: nothing is taken for channels
    assert got.shape == (4, 3, 8, 8)
    assert read_activations(model, pictures(), ["relu"], pooling="flat")["relu"].shape == (4, 192)


def test_flat_concept_tests_need_no_channels():
    turned = _pooled()
    layers = [L.BatchNormalization(name="norm"), L.ReLU(name="relu"), L.MaxPooling2D(), L.GlobalAveragePooling2D()]
    plain = keras.Sequential([keras.Input((8, 8, 3)), *layers, L.Dense(3)])
    fill(turned)
    plain.set_weights(turned.get_weights())
    rows = [
        ti.tcav(ti.open_model(network), {"a": POOL[:6]}, POOL[6:], {0: pictures()}, "relu", pooling="flat").rows[0]
        for network in (turned, plain)
    ]
    for name in ("displacement", "effect", "ci_low", "p", "cav_accuracy"):
        assert rows[0][name] == pytest.approx(rows[1][name], rel=1e-4), name
