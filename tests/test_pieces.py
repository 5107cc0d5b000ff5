"""Networks that take one number of images only, or were never called, give the numbers of one that takes any."""

import re

import batch_networks
import keras
import networks
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tf_interp as ti
from tf_interp import cli
from tf_interp.attribution import METHODS
from tf_interp.features import Shared
from tf_interp.models.batching.pieces import run_in_pieces

KINDS = ("fixed 1", "fixed 4", "Keras 4", "never called")
IMAGES = networks.pictures(10)
CONCEPT, RANDOM, CLASS = networks.pictures(9, 1) ** 2, networks.pictures(13, 2), networks.pictures(11, 3)
RENDER = {"steps": 5, "retries": 1, "seed": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="module")
def anyone(folder):
    return batch_networks.open_network("any", folder)


@pytest.fixture(scope="module", params=KINDS)
def model(request, folder):
    return batch_networks.open_network(request.param, folder)


@pytest.fixture
def fresh(model, request, folder):
    """The network; one that was never called is new in each test."""
    kind = request.node.callspec.params["model"]
    return batch_networks.open_network(kind, folder) if kind == "never called" else model


def _groups(model):
    return ti.find_groups(model, IMAGES, "conv", 2, batch_size=3)


def _tcav(model):
    test = ti.tcav(
        model, {"dark": CONCEPT}, RANDOM, {"1": CLASS, "own": (lambda y: y[:, 0] - y[:, 2], CLASS)}, ["conv", "pool"],
        permutations=99, bootstraps=20,
    )  # fmt: skip
    names = ("score", "effect", "displacement", "cav_accuracy", "p")
    return np.array([[row[name] for name in names] for row in test.rows], np.float64)


def _found(model):
    found = ti.find_concepts(model, IMAGES, "silu", target=1, k=2, designs=2, held_out=0.5)
    return [found.importance, found.effects, found.presence]


def _records(model):
    parts = [
        ti.Features(2, steps=3),
        ti.NeuronGroups(2, steps=3),
        ti.Attributions(pictures=5),
        ti.ConceptTests({"dark": CONCEPT}, RANDOM, [1], permutations=99),
    ]
    records = ti.analyze(model, ti.Probe.from_arrays(IMAGES, [0, 1] * 5), ["conv"], parts)
    return [np.float64(sorted(record.data["scalars"].values())) for record in records]


def _attribute(method, **options):
    own = {"expected_gradients": {"baselines": RANDOM, "samples": 3}, "rise": {"samples": 5}}
    own["shapley"] = {"cells": 2}  # 16 runs of each piece, not 512
    own |= {name: {"samples": 3} for name in ("smoothgrad", "squaregrad", "vargrad")}
    options |= own.get(method, {})
    return lambda model: ti.attribute(model, IMAGES, [0, 1] * 5, method=method, steps=3, batch_size=6, **options).values


DIRECTIONS = ti.Directions("conv", np.eye(5, dtype=np.float32)[:3] - 0.2)
DOORS = {
    "run": lambda model: model.run(IMAGES, ["conv", "output"]),
    "run from the middle": lambda model: model.run(IMAGES, ["output"], {"conv": np.ones((10, 6, 6, 5), np.float32)}),
    "read_activations": lambda model: ti.read_activations(model, IMAGES, ["conv", "output"], batch_size=3),
    **{f"attribute, {method}": _attribute(method) for method in METHODS},
    **{f"attribute to a layer, {method}": _attribute(method, layer="conv") for method in METHODS},
    "attribute along directions": _attribute("gradient_x_input", along=DIRECTIONS),
    "attribute a callable": lambda model: ti.attribute(model, IMAGES, lambda y: y[:, 1] ** 2, layer="silu").values,
    "attribute along groups": lambda model: ti.attribute(model, IMAGES, 0, along=_groups(model)).values,
    "find_groups": lambda model: _groups(model).weights,
    "tcav": _tcav,
    "find_concepts": _found,
    "concept_scores": lambda model: ti.concept_scores(model, IMAGES, DIRECTIONS),
    "concept_maps": lambda model: ti.concept_maps(model, IMAGES, DIRECTIONS, batch_size=4),
    "ablate_concepts": lambda model: ti.ablate_concepts(model, IMAGES, DIRECTIONS, baseline=RANDOM),
    "caricature": lambda model: ti.caricature(model, IMAGES[0], ["conv", "silu"], **RENDER).images,
    "analyze": _records,
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_gives_the_same_numbers(fresh, anyone, door):
    if door.startswith("run from"):
        fresh.run(IMAGES[:1], ["output"])  # a layer can be given once it is known
    for got, wanted in zip(*(tf.nest.flatten(DOORS[door](model)) for model in (fresh, anyone)), strict=True):
        got, wanted = np.asarray(got), np.asarray(wanted)
        np.testing.assert_allclose(got, wanted, rtol=1e-4 if door == "analyze" else 1e-5, atol=2e-6)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("objective", [["conv:1", "conv:2", "early:0"], ["silu:1", "silu:4"], ["head:0"]])
def test_pictures_are_the_same(model, anyone, objective, count):
    if model.input_shape is None:
        model.run(IMAGES[:1], ["output"])
    got, wanted = (ti.render(network, objective, count=count, batch_size=2, **RENDER) for network in (model, anyone))
    np.testing.assert_allclose(got.images, wanted.images, atol=1e-4)
    np.testing.assert_allclose(got.activations, wanted.activations, rtol=1e-3, atol=1e-4)
    assert got.status == wanted.status


def test_aligned_pictures_are_the_same(model, anyone):
    if model.input_shape is None:
        model.run(IMAGES[:1], ["output"])
    objective = ti.channel("conv", 1) - 0.1 * ti.diversity("conv")
    got, wanted = (ti.render(m, objective, count=6, param=Shared(), **RENDER).images for m in (model, anyone))
    np.testing.assert_allclose(got, wanted, atol=1e-4)


class Off(keras.layers.Layer):
    """Activations far below zero: every unit behind it is silent on any picture."""

    def __init__(self, shift, batch=None, **options):
        super().__init__(**options)
        self.shift, self.batch = shift, batch

    def call(self, inputs):
        return tf.reshape(inputs, [self.batch or tf.shape(inputs)[0], *inputs.shape[1:]]) - self.shift


@pytest.mark.parametrize("kind", ["relu", "silu"])
@pytest.mark.parametrize("batch", [1, 2, 4])
def test_silent_units_find_their_way_out_in_pieces_too(kind, batch, tmp_path):
    """Of three pictures that belong together, each has gradients redirected by what it is itself."""

    def build(number):
        layers = [
            keras.layers.Conv2D(4, 3, name="conv", kernel_initializer="ones"),
            Off([20.0, 0.0, 20.0, 0.0], number, name="off"),
            keras.layers.Activation(kind, name="last"),
        ]
        return keras.Sequential([keras.Input(networks.SIZE, batch_size=number), *layers])

    def save(number):
        network = build(number)
        signature = tf.function(network, input_signature=[tf.TensorSpec([number, *networks.SIZE])])
        tf.saved_model.save(network, str(tmp_path / "saved"), signatures={"serving_default": signature})
        return ti.open_model(tmp_path / "saved")

    start = np.stack([0.1 * picture + base for picture, base in zip(IMAGES, (0.85, 0.3, 0.5), strict=False)])
    options = {"steps": 40, "count": 3, "retries": 0, "transforms": (), "init": start}
    wanted = ti.render(ti.open_model(build(None)), "last:0", **options)
    for model in (save(batch), ti.open_model(build(batch))):
        assert model.fixed_batch == batch
        got = ti.render(model, "last:0", **options)
        np.testing.assert_allclose(got.activations, wanted.activations, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(got.images, wanted.images, atol=1e-3)


@pytest.mark.parametrize("command", ["inspect", "analyze"])
def test_the_command_line_takes_them(command, folder, tmp_path, capsys):
    (tmp_path / "probe").mkdir()
    for index, picture in enumerate(IMAGES):
        Image.fromarray((picture * 255).astype(np.uint8)).save(tmp_path / "probe" / f"{index}.png")
    found: list = []
    for path in [batch_networks.save(number, folder) for number in (None, 1, 4)]:
        logs = tmp_path / f"logs_{path.stem}"
        words = ["--probe", str(tmp_path / "probe"), "--layer", "conv", "--logdir", str(logs)]
        words += ["--units", "2", "--groups", "2", "--steps", "4", "--decisions", "pictures=2"]
        assert cli.main([command, str(path), *(words if command == "analyze" else [])]) == 0, capsys.readouterr().err
        out = capsys.readouterr().out
        if command == "inspect":
            found.append(re.findall(r"input: .*", out))
        else:
            found.append([np.float64(sorted(record.data["scalars"].values())) for record in ti.read(logs)])
    for other in found[1:]:
        for got, wanted in zip(other, found[0], strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-4) if command == "analyze" else None
            assert command == "analyze" or got == wanted


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_derivatives_pass_through_pieces(model, anyone, count):
    def slope(network, compiled):
        def derive(images):
            with tf.GradientTape() as tape:
                tape.watch(images)
                value = network.run(images, ["output"])["output"] ** 2
            return tape.gradient(value, images)

        return (tf.function(derive) if compiled else derive)(tf.constant(IMAGES[:count]))

    wanted = slope(anyone, False)
    for compiled in (False, True):
        np.testing.assert_allclose(slope(model, compiled), wanted, rtol=1e-4, atol=1e-6)


def test_what_is_compiled_is_one_function_for_any_number(folder):
    model = batch_networks.open_network("fixed 4", folder)
    model.run(IMAGES, ["conv"])
    before = len(model._functions)
    for count in (1, 3, 4, 5, 9):
        model.run(IMAGES[:count], ["conv"])
    assert len(model._functions) == before


def test_an_unknown_number_of_images_is_refused_in_one_sentence(folder):
    model = batch_networks.open_network("fixed 4", folder)
    unknown = tf.function(
        lambda images: model.run(images, ["output"]), input_signature=[tf.TensorSpec([None, *networks.SIZE])]
    )
    with pytest.raises(ValueError, match="takes 4 images at a time, and others in pieces"):
        unknown(IMAGES)
    with pytest.raises(ValueError, match="the same for all inputs and layers given"):
        model.run(IMAGES, ["output"], {"conv": np.ones((3, 6, 6, 5), np.float32)})


def test_a_result_without_a_row_for_each_image_is_refused():
    def run(images):
        return {"mean": tf.reduce_mean(images, 0)[:3]}

    with pytest.raises(ValueError, match=r"'mean' has shape \[3\] for 2 images, not one row for each"):
        run_in_pieces(run, 2, tf.zeros((5, 4)))


def test_a_number_in_a_keras_input_that_nothing_depends_on_does_not_bind(anyone):
    x = keras.Input(networks.SIZE, batch_size=4)
    model = ti.open_model(keras.Model(x, keras.layers.Conv2D(2, 3)(x)))
    assert (model.fixed_batch, model.takes_any_batch, anyone.fixed_batch) == (None, True, None)
