"""What all doors share: a network that was not opened, what people give, batches, and memory that runs out."""

import inspect
import logging

import batch_networks
import keras
import networks
import numpy as np
import pytest
import tensorflow as tf

import tf_interp as ti
from tf_interp.models.batches import in_batches, in_parts, take_inputs
from tf_interp.probe import take_dict

IMAGES = networks.pictures(9)
DIRECTIONS = ti.Directions("conv", np.eye(5, dtype=np.float32))


def _takers():
    """Return the public functions that take a model."""
    found = {name: getattr(ti, name) for name in ti.__all__}
    functions = {name: item for name, item in found.items() if inspect.isfunction(item) or inspect.isclass(item)}
    return [name for name, item in functions.items() if "model" in inspect.signature(item).parameters]


ARGUMENTS = {
    "Analysis": [ti.Probe.from_arrays(IMAGES), ["conv"], [ti.NeuronGroups(2)]],
    "analyze": [ti.Probe.from_arrays(IMAGES), ["conv"], [ti.NeuronGroups(2)]],
    "ablate_concepts": [IMAGES, DIRECTIONS],
    "ablate_groups": [IMAGES, DIRECTIONS],
    "accentuate": [IMAGES[0], "conv:0"],
    "add_concepts": [{"dark": IMAGES}],
    "activation_grid": [IMAGES, ["conv"]],
    "attribute": [IMAGES, 0],
    "attribution_graph": [IMAGES, ["conv"]],
    "caricature": [IMAGES[0], "conv"],
    "check_path": [IMAGES[:1], IMAGES, [[0, 1]], ["conv"]],
    "compare_groupings": [IMAGES, "conv", 2],
    "concept_maps": [IMAGES, DIRECTIONS],
    "concept_scores": [IMAGES, DIRECTIONS],
    "describe_groups": [IMAGES, DIRECTIONS],
    "dream": [IMAGES[0], "conv"],
    "facets": ["conv", 0],
    "faithfulness": [IMAGES, 0],
    "find_concepts": [IMAGES, "conv"],
    "find_groups": [IMAGES, "conv", 2],
    "find_strategies": [IMAGES, DIRECTIONS, 0],
    "group_clarity": [IMAGES, DIRECTIONS],
    "interaction": ["conv:0", "conv:1"],
    "interaction_grid": [["conv:0", "conv:1"]],
    "interpolate": ["conv:0", "conv:1"],
    "judge_groups": [IMAGES, DIRECTIONS],
    "load_directions": [],
    "positive_negative": ["conv", 0],
    "predict_from_groups": [IMAGES, DIRECTIONS],
    "read_activations": [IMAGES, ["conv"]],
    "render": ["conv:0"],
    "render_many": [["conv:0"]],
    "save_directions": [],
    "scan_groups": [IMAGES, "conv", [2, 3]],
    "semantic_dictionary": [IMAGES, "conv"],
    "sobol_importance": [IMAGES, DIRECTIONS],
    "sort_by_concept": [IMAGES, DIRECTIONS],
    "spritemap": ["conv"],
    "stream_groups": [[IMAGES], "conv", 2],
    "tcav": [{"dark": IMAGES}, IMAGES**2, {"1": IMAGES**3}, "conv"],
    "transfer_style": [IMAGES[0], IMAGES[1]],
    "weight_randomization": [IMAGES, 0],
}
NAMED = {
    "find_concepts": {"target": 0},
    "transfer_style": {"content_layer": "conv", "style_layers": "conv"},
    "save_directions": {"path": "x.npz", "directions": DIRECTIONS},
    "load_directions": {"path": "x.npz"},
    "add_concepts": {"test": None},
}


def test_the_table_holds_every_public_function_that_takes_a_model():
    assert set(_takers()) == set(ARGUMENTS)


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_a_network_that_was_not_opened_is_refused_with_what_to_do(name):
    function, named = getattr(ti, name), NAMED.get(name, {})
    order = [key for key in inspect.signature(function).parameters if key != "model" and key not in named]
    given = dict(zip(order, ARGUMENTS[name], strict=False)) | named
    with pytest.raises(TypeError, match=r"needs a Model, got Functional: wrap it with open_model\(\.\.\.\) first"):
        function(model=batch_networks.build(), **given)


@pytest.fixture(scope="module")
def model():
    return ti.open_model(batch_networks.build())


PROBE = ti.Probe.from_arrays(IMAGES)
DOORS = {
    "read_activations": lambda model, images: ti.read_activations(model, images, ["conv"])["conv"],
    "attribute": lambda model, images: ti.attribute(model, images, 0, layer="conv").values,
    "find_groups": lambda model, images: ti.find_groups(model, images, "conv", 2).weights,
    "concept_scores": lambda model, images: ti.concept_scores(model, images, DIRECTIONS),
    "concept_maps": lambda model, images: ti.concept_maps(model, images, DIRECTIONS),
    "ablate_concepts": lambda model, images: ti.ablate_concepts(model, images, DIRECTIONS)[1],
    "sort_by_concept": lambda model, images: ti.sort_by_concept(model, images, DIRECTIONS),
}


@pytest.mark.parametrize("given", ["probe", "dict"])
@pytest.mark.parametrize("door", DOORS)
def test_probe_arrays_and_a_dict_are_the_same(model, door, given):
    other = {"probe": PROBE, "dict": {"images": IMAGES}}[given]
    np.testing.assert_array_equal(DOORS[door](model, other), DOORS[door](model, IMAGES))


def test_found_concepts_take_a_probe(model):
    probe = ti.Probe.from_arrays(networks.pictures(10))
    found = ti.find_concepts(model, probe, "silu", target=0, k=2, designs=2)
    assert len(found.images) == 10
    with pytest.raises(ValueError, match="find_concepts cuts pictures into crops"):
        ti.find_concepts(model, {"left": IMAGES, "right": IMAGES}, "silu", target=0)


@pytest.fixture(scope="module")
def two():
    network = networks.many()
    rng = np.random.default_rng(5)
    return network, ti.open_model(network.model), {name: rng.random((7, 8, 8, 3)) for name in ("right", "left")}


def test_several_inputs_come_as_a_dict(two):
    network, model, given = two
    joined = network.before({name: tf.constant(value, tf.float32) for name, value in given.items()}).numpy()
    got = ti.read_activations(model, given, ["join"], batch_size=3)["join"]
    np.testing.assert_allclose(got, joined, rtol=1e-5, atol=1e-6)
    with tf.GradientTape() as tape:
        point = tf.constant(joined)
        tape.watch(point)
        score = network.after(point)[:, 1]
    wanted = joined * tape.gradient(score, point).numpy()
    found = ti.attribute(model, given, 1, layer="join", batch_size=3)
    np.testing.assert_allclose(found.values, wanted, rtol=1e-4, atol=1e-6)
    groups = ti.find_groups(model, given, "join", 2, batch_size=3)
    assert groups.weights.shape == (7, 6, 6, 2)
    assert groups.weights_for({name: np.float32(value[::-1]) for name, value in given.items()}).shape == (7, 6, 6, 2)
    assert groups.weights_for({name: np.float32(value) ** 2 for name, value in given.items()}) is None
    np.testing.assert_allclose(
        ti.attribute(model, given, 1, along=groups).values,
        np.concatenate(
            [ti.attribute(model, {k: v[i : i + 1] for k, v in given.items()}, 1, along=groups).values for i in range(7)]
        ),
        rtol=1e-4,
        atol=1e-6,
    )


def test_mistakes_in_several_inputs_are_one_sentence(two):
    _, model, given = two
    with pytest.raises(ValueError, match="name a layer to attribute the score to"):
        ti.attribute(model, given, 1)
    with pytest.raises(ValueError, match=r"same number of rows, got \{'left': 7, 'right': 3\}"):
        take_inputs(model, {"left": given["left"], "right": given["right"][:3]}, "x")
    with pytest.raises(TypeError, match="input 'left' must be an array of numbers"):
        take_dict({"left": np.array(["a"]), "right": given["right"]})
    with pytest.raises(ValueError, match="N above 0"):
        take_dict({"left": np.zeros((0, 2)), "right": np.zeros((0, 2))})


class AnyNumber:
    """Stands for a network where only batches matter."""

    name, fixed_batch = "stub", None

    def __init__(self, takes_any_batch=True, fixed_batch=None):
        self.takes_any_batch, self.fixed_batch, self._kept = takes_any_batch, fixed_batch, {}

    def cached(self, key, build):
        return self._kept.setdefault(key, build())


def test_batches_go_over_several_arrays_as_one_and_are_filled_with_a_real_image():
    columns = [[np.arange(3.0), np.arange(3.0, 8)], {"label": np.arange(8) // 3}]
    seen = []

    def work(numbers, labels):
        seen.append((numbers.tolist(), labels["label"].tolist()))
        return numbers * 2

    got = list(in_batches(AnyNumber(False), "x", columns, 3, work))
    assert seen == [([0, 1, 2], [0, 0, 0]), ([3, 4, 5], [1, 1, 1]), ([6, 7, 6], [2, 2, 2])]
    assert np.concatenate(got).tolist() == [0, 2, 4, 6, 8, 10, 12, 14]
    seen.clear()
    list(in_batches(AnyNumber(), "x", columns, 5, work))
    assert [len(numbers) for numbers, _ in seen] == [5, 3]
    seen.clear()
    list(in_batches(AnyNumber(False, 6), "x", columns, 3, work))
    assert [len(numbers) for numbers, _ in seen] == [6, 6]


def test_a_result_without_a_row_for_each_image_is_refused():
    with pytest.raises(ValueError, match=r"shape \[12\] for 4 images, so not one row for each"):
        list(in_batches(AnyNumber(), "x", [np.zeros(4)], 4, lambda x: np.repeat(x, 3)))


def _run_out(limit):
    raise tf.errors.ResourceExhaustedError(None, None, f"OOM above {limit}")


def test_parts_are_halved_when_memory_runs_out_and_stay_so(caplog):
    model, seen = AnyNumber(), []

    def work(start, stop, _):
        if stop - start > 3:
            _run_out(3)
        seen.append((start, stop))
        return stop - start

    with caplog.at_level(logging.WARNING, "tf_interp"):
        assert list(in_parts(model, "testing", 10, 8, work)) == [2] * 5
        assert list(in_parts(model, "testing", 4, 8, work)) == [2, 2]
    assert [record.getMessage() for record in caplog.records] == [
        "stub: while testing, memory did not hold 8 at a time, so it goes on with 2; the numbers stay the same"
    ]
    with pytest.raises(tf.errors.ResourceExhaustedError):
        list(in_parts(model, "more", 4, 8, lambda *_: _run_out(0)))


class Heavy(keras.layers.Layer):
    """A layer for which memory holds `most` images at a time."""

    most = 99

    def call(self, x):
        def check(value):
            if len(value) > type(self).most:
                raise MemoryError  # TensorFlow makes a ResourceExhaustedError of it
            return value

        @tf.custom_gradient
        def checked(value):
            result = tf.numpy_function(check, [value], value.dtype)
            return tf.ensure_shape(result, value.shape), lambda gradient: gradient

        return checked(x)


HEAVY = {
    **DOORS,
    "attribute, path": lambda model, images: ti.attribute(
        model, images, 0, method="integrated_gradients", steps=2
    ).values,
    "find_concepts": lambda model, images: ti.find_concepts(
        model, networks.pictures(10), "conv", target=0, k=2, designs=2
    ).importance,
    "tcav": lambda model, images: [
        row["displacement"]
        for row in ti.tcav(
            model, {"dark": images**2}, networks.pictures(12, 3), {"0": images}, ["conv"],
            permutations=99, bootstraps=20,
        ).rows
    ],
    "render": lambda model, images: ti.render(
        model, ["conv:0", "conv:1", "conv:2", "conv:3"], steps=2, retries=0
    ).images,
}  # fmt: skip


@pytest.mark.parametrize("door", HEAVY)
def test_every_door_goes_on_with_smaller_batches_and_equal_numbers(door, monkeypatch, caplog):
    layers = [
        Heavy(name="heavy"),
        keras.layers.Conv2D(5, 3, name="conv"),
        keras.layers.Activation("silu", name="silu"),
        keras.layers.GlobalAveragePooling2D(name="pool"),
        keras.layers.Dense(3, name="head"),
    ]
    network = keras.Sequential([keras.Input(networks.SIZE), *layers])
    networks.fill(network)
    wanted = HEAVY[door](ti.open_model(network), IMAGES)
    monkeypatch.setattr(Heavy, "most", 2)
    model = ti.open_model(network)
    with caplog.at_level(logging.WARNING, "tf_interp"):
        got = HEAVY[door](model, IMAGES)
        HEAVY[door](model, IMAGES)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)
    lines = [record.getMessage() for record in caplog.records if "memory did not hold" in record.getMessage()]
    assert lines
    assert len(lines) == len(set(lines)) == len({line.split(",")[0] for line in lines})  # one for each purpose


def test_a_short_last_batch_of_attributions_compiles_nothing_new(model):
    ti.attribute(model, IMAGES, 0, layer="conv", batch_size=4)
    before = len(model._functions)
    for count in (1, 2, 5, 9):
        ti.attribute(model, IMAGES[:count], 1, layer="conv", batch_size=4)
    assert len(model._functions) == before
