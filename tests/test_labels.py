"""Whose classes? Names of folders say what pictures are; which output is which, the network's own names say."""

import keras
import numpy as np
import pytest
from PIL import Image

from tf_interp import Attributions, ConceptTests, InterpCallback, NeuronGroups, Probe, analyze, open_model, read
from tf_interp.analysis.labels import check_order
from tf_interp.models import Head

L = keras.layers
NAMES = ("T-shirt/top", "Coat", "Ankle boot")  # of the network, whose class k answers to the color k
FOLDERS = ("ankle boot", "coat", "t-shirt_top")  # alphabetical, and written as folders can be


def network(activation=None):
    """A network that is right about red, green and blue pictures, with biases as training leaves them."""
    x = keras.Input((8, 8, 3))
    colors = L.Conv2D(6, 1, name="conv")
    model = keras.Model(x, L.Dense(3, activation, name="head")(L.GlobalAveragePooling2D()(colors(x))))
    colors.set_weights([np.tile(np.eye(3), 2).reshape(1, 1, 3, 6), np.linspace(0, 0.1, 6)])
    model.get_layer("head").set_weights([np.tile(np.eye(3), (2, 1)) * 5, np.zeros(3)])
    return model


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, color in zip(FOLDERS, (2, 1, 0), strict=True):
        (tmp_path / name).mkdir()
        for index in range(5):
            pixels = rng.integers(0, 90, (8, 8, 3), dtype=np.uint8)
            pixels[..., color] += 150
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    return tmp_path


def look(model, probe, *parts):
    return next(analyze(model, probe, ["conv"], parts or [Attributions()])).data


def test_without_names_of_the_network_nothing_is_right_or_wrong(folder):
    probe = Probe.from_folder(folder)
    data = look(open_model(network()), probe)
    assert data["class_names"] is None
    assert (data["probe"]["labels"], data["probe"]["right"]) == (None, None)
    assert data["probe"]["predictions"] == [2, 1, 0] * 5
    assert data["probe"]["ids"][0] == "ankle boot/0.png"  # which still says what it is
    (note,) = [note for note in data["notes"] if "names of folders" in note]
    assert note.startswith("right and wrong were not told: names of folders ('ankle boot', 'coat', 't-shirt_top') say")
    assert "class_names=[...]" in note


@pytest.mark.parametrize("giver", ["model", "probe"])
def test_names_of_the_network_map_the_folders(folder, giver):
    given = {"class_names": NAMES}
    model = open_model(network(), **(given if giver == "model" else {}))
    data = look(model, Probe.from_folder(folder, **(given if giver == "probe" else {})))
    assert data["class_names"] == list(NAMES)
    assert data["probe"]["labels"] == [2, 1, 0] * 5
    assert all(data["probe"]["right"])
    assert not [note for note in data["notes"] if "folder" in note or "order" in note]


def test_a_folder_that_is_no_class_is_refused(folder):
    model = open_model(network(), class_names=("T-shirt/top", "Coat", "Sandal"))
    with pytest.raises(ValueError, match=r"classes \['ankle boot'\] that are not among the network's class names"):
        look(model, Probe.from_folder(folder))


@pytest.mark.parametrize("part", [Attributions, lambda name: ConceptTests({"red": RED}, POOL, [name])])
def test_a_target_called_by_a_folder_is_refused(folder, part):
    probe = Probe.from_folder(folder)
    with pytest.raises(ValueError, match=r"target 'coat' is the name of a folder only: .*order of its outputs"):
        analyze(open_model(network()), probe, ["conv"], [part("coat")])
    with pytest.raises(ValueError, match="no class 'cot'"):
        analyze(open_model(network()), probe, ["conv"], [part("cot")])
    analyze(open_model(network()), probe, ["conv"], [part(1)])
    analyze(open_model(network(), class_names=NAMES), probe, ["conv"], [part("Coat")])


RED = np.random.default_rng(1).random((8, 8, 8, 3)) * [1, 0.2, 0.2]
POOL = np.random.default_rng(2).random((16, 8, 8, 3))


def test_the_callback_keeps_to_it(folder, tmp_path):
    model, probe = network("softmax"), Probe.from_folder(folder)
    model.compile("sgd", "sparse_categorical_crossentropy")
    watch = InterpCallback(tmp_path / "logs", probe, layers=["conv"], parts=[Attributions()], on_error="raise")
    model.fit(probe.images, np.zeros(15), verbose=0, callbacks=[watch])
    data = next(read(tmp_path / "logs")).data
    assert (data["class_names"], data["probe"]["labels"]) == (None, None)
    assert any("names of folders" in note for note in data["notes"])


def test_of_several_outputs_none_is_chosen_by_the_number_of_folders(folder):
    x = keras.Input((8, 8, 3))
    pooled = L.GlobalAveragePooling2D()(L.Conv2D(6, 1, name="conv")(x))
    outputs = {"size": L.Dense(2, name="size")(pooled), "kind": L.Dense(3, name="kind")(pooled)}
    model, probe = keras.Model(x, outputs), Probe.from_folder(folder)
    assert look(open_model(model), probe)["output"]["label"] == open_model(model).head().label
    named = look(open_model(model, class_names={"kind": NAMES}), probe)
    assert (named["output"]["label"], named["class_names"]) == ("kind", list(NAMES))


# --- is the order right?


def test_a_wrong_order_of_names_is_told_with_its_evidence(folder):
    model = open_model(network(), class_names=(NAMES[2], NAMES[1], NAMES[0]))
    probe = Probe.from_folder(folder)
    notes = look(model, probe, NeuronGroups(2, icons=False))["notes"]
    assert any(
        "right about 0 of 10 pictures of ['Ankle boot', 'T-shirt/top'], but about 10 with names exchanged" in note
        for note in notes
    )
    shuffled = Probe.from_arrays(probe.images, [0, 2, 1] * 5)  # of labels by index too
    assert any("right about 0 of 15" in note for note in look(open_model(network()), shuffled)["notes"])


def test_a_network_of_random_weights_gives_no_alarm(folder):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(6, 1, name="conv"), L.Flatten(), L.Dense(3)])
    for shift in range(3):
        probe = Probe.from_folder(folder)
        moved = Probe.from_arrays(probe.images, (probe.labels + shift) % 3)
        assert not [note for note in look(open_model(model), moved)["notes"] if "order" in note]


def _head(classes):
    return Head("output", "output", "multiclass", "a softmax", (classes,))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("classes", "count"), [(2, 8), (3, 12), (10, 30), (1000, 32)])
def test_no_alarm_by_chance(classes, count, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    guessed = rng.normal(size=(count, classes))
    assert check_order(_head(classes), guessed, labels) is None
    assert check_order(_head(classes), np.eye(classes)[labels], labels) is None  # all right
    one = np.eye(classes)[np.zeros(count, int)]  # whatever it sees, it says the same
    assert check_order(_head(classes), one, labels) is None
    most = np.where(rng.random(count) < 0.6, labels, rng.integers(0, classes, count))
    assert check_order(_head(classes), np.eye(classes)[most], labels) is None


def test_each_picture_of_another_class_proves_nothing():
    labels = np.arange(16)
    assert check_order(_head(1000), np.eye(1000)[labels + 7], labels) is None


@pytest.mark.parametrize(("classes", "kind"), [(2, "binary"), (10, "multiclass"), (1000, "multiclass")])
def test_an_exchange_is_found_among_errors(classes, kind):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(min(classes, 10)), 8)
    found = (labels + 1) % min(classes, 10)
    found = np.where(rng.random(len(labels)) < 0.15, rng.integers(0, min(classes, 10), len(labels)), found)
    head = Head("output", "output", kind, "", (1,) if kind == "binary" else (classes,))
    outputs = 2.0 * found[:, None] - 1 if kind == "binary" else np.eye(classes)[found]
    assert "in another order" in (check_order(head, outputs, labels) or "")
