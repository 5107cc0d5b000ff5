"""What was taken for logits of classes for want of better is told: in notes, and aloud where a name doubts it."""

import keras
import numpy as np
import pytest

from tf_interp import open_model

L = keras.layers
TAKEN, NAMED = "taken for logits of classes, though no softmax", "by its name they are numbers"


def _network(name="last", units=6, end=None):
    x = keras.Input((4,))
    return keras.Model(x, L.Dense(units, end, name=name)(L.Dense(3, "relu")(x)))


def _open(network, door, folder, **said):
    if door == "saved":
        network.export(folder / "saved", verbose=False)
    return open_model(network if door == "live" else folder / "saved", **said)


def _told(model, words):
    return [[line for line in lines if words in line] for lines in (model.warnings, model.notes)]


@pytest.mark.parametrize("door", ["live", "saved"])
def test_free_numbers_are_a_note_and_no_warning(door, tmp_path):
    model = _open(_network(), door, tmp_path)
    warned, (note,) = _told(model, TAKEN)
    assert warned == []
    assert note.startswith("'output': numbers of any size")
    assert "say head='regression'" in note
    assert _told(model, NAMED) == [[], []]


@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize("name", ["bbox", "pose_6d", "head_offsets", "Landmarks", "regressor"])
def test_names_of_numbers_are_a_warning(name, door, tmp_path):
    model = _open(_network(name), door, tmp_path)
    (warning,), (note,) = _told(model, NAMED)
    assert warning == note
    assert warning.startswith(f"{name!r} gives 6 numbers")
    assert _told(model, TAKEN) == [[], []]


@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize(
    ("network", "said"),
    [
        (lambda: _network("bbox"), {"head": "regression"}),
        (lambda: _network("bbox"), {"head": "multiclass"}),
        (lambda: _network("bbox"), {"class_names": list("abcdef")}),
        (lambda: _network(end="softmax"), {}),
        (lambda: _network(end="tanh"), {}),  # a caution of its head tells that
        (lambda: _network("bbox", 1), {}),
        (lambda: _network("class_logits"), {}),
        (lambda: _network("box_classes"), {}),
        (lambda: _network("Classifier"), {}),
    ],
)
def test_nothing_is_told_where_something_says_what_they_are(network, said, door, tmp_path):
    model = _open(network(), door, tmp_path, **said)
    assert _told(model, TAKEN) == _told(model, NAMED) == [[], []]


@pytest.mark.parametrize("loss", ["mse", keras.losses.SparseCategoricalCrossentropy(from_logits=True)])
def test_a_loss_says_what_they_are(loss):
    network = _network("bbox")
    network.compile(loss=loss)
    assert _told(open_model(network), TAKEN) == _told(open_model(network), NAMED) == [[], []]


@pytest.mark.parametrize("door", ["live", "saved"])
def test_each_of_several_outputs_is_named(door, tmp_path):
    x = keras.Input((7,))
    ends = {"boxes": L.Dense(4)(x), "classes": L.Dense(5)(x), "first": L.Dense(3)(x), "age": L.Dense(1)(x)}
    network = keras.Model(x, {**ends, "second": L.Dense(2)(x)})
    model = _open(network, door, tmp_path)
    (warning,), _ = _told(model, NAMED)
    assert "'boxes' gives 4 numbers" in warning
    assert "say head={'boxes': 'regression'}" in warning
    _, (note,) = _told(model, TAKEN)
    assert "'first'" in note
    assert "'second'" in note
    assert "'classes'" not in note
    said = {"boxes": "regression", "first": "multiclass", "second": "multilabel"}
    model = open_model(network if door == "live" else tmp_path / "saved", head=said)
    assert _told(model, TAKEN) == _told(model, NAMED) == [[], []]
    np.testing.assert_allclose(
        model.run(np.ones((2, 7), np.float32), [model.head("boxes").path])[model.head("boxes").path],
        network(np.ones((2, 7)))["boxes"],
        rtol=1e-5,
    )
