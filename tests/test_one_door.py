"""Activations, gradients and names of layers: the same through every door as Keras computes them.

Live and as SavedModel every small network that is right today is here; as `.keras`, which opens as a live one, a few.
`benchmarks/one_door.py` has all, the large ones too, and prints the numbers.
"""

import keras
import numpy as np
import pytest
from door_check import DOORS, Fixture, check, compare_with_submodel, compute, relative
from door_networks import PICTURES, some
from door_series import SERIES

from tf_interp import open_model

L = keras.layers
NETWORKS = PICTURES | SERIES
FILES = ("equal_names", "finetuned", "heads_in_a_dict", "mixed_float16", "quantized", "tabular", "variational", "words")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_door_gives_what_keras_computes(name, tmp_path):
    fixture = NETWORKS[name]()
    direct = compute(fixture.model, fixture.inputs)
    if isinstance(fixture.model, keras.Function):
        assert compare_with_submodel(fixture.model, fixture.inputs, direct) <= fixture.tolerance
    for door in [door for door in DOORS if door != "keras" or name in FILES]:
        row = check(fixture, door, tmp_path, direct, depths=1)
        assert row.meets(fixture.tolerance) == (door not in fixture.known), f"{door}: {row}"
        if (name, door) == ("quantized", "saved"):  # only gradients are not in it
            assert not row.error
            assert row.found == row.layers
            assert row.activation[0] <= fixture.tolerance


# --- the check itself: it must be able to fail


def _small() -> Fixture:
    layers = [L.Dense(4, activation="tanh", name="hidden"), L.Dense(3, activation="softmax", name="head")]
    return Fixture(keras.Sequential([keras.Input((5,)), *layers]), some(4, 5))


def test_what_is_seen_is_what_a_small_network_computes_by_hand():
    keras.utils.set_random_seed(0)
    fixture = _small()
    kernel, bias, top, shift = fixture.model.get_weights()
    direct = compute(fixture.model, fixture.inputs)
    hidden = np.tanh(fixture.inputs @ kernel + bias)
    assert [call.path for call in direct.calls] == ["hidden", "head"]
    assert relative(direct.calls[0].outputs[0], hidden) < 1e-6
    assert relative(direct.logits[0], hidden @ top + shift) < 1e-6
    assert relative(direct.calls[0].gradient, np.broadcast_to(top[:, 1], (4, 4))) < 1e-6
    assert relative(direct.inputs[0], (top[:, 1] * (1 - hidden**2)) @ kernel.T) < 1e-6
    assert fixture.model.layers[-1].activation is keras.activations.softmax  # as it was


def test_a_door_with_other_weights_is_noticed(tmp_path):
    fixture = _small()
    direct = compute(fixture.model, fixture.inputs)
    fixture.model.layers[0].kernel.assign_add(1e-3 * np.ones((5, 4)))
    row = check(fixture, "live", tmp_path, direct)
    assert row.activation[0] > 1e-5
    assert row.gradient[0] > 1e-5
    assert not row.meets(1e-5)


def test_a_layer_that_is_not_found_is_counted(tmp_path, monkeypatch):
    fixture = _small()
    direct = compute(fixture.model, fixture.inputs)
    model = open_model(fixture.model)
    monkeypatch.setattr("door_check.open_door", lambda *_: model)
    monkeypatch.setattr(type(model), "layers", property(lambda self: {"head": (3,), "output": (3,)}))
    row = check(fixture, "live", tmp_path, direct)
    assert (row.found, row.layers, row.missing) == (1, 2, ("hidden",))
    assert not row.meets(1e-5)


def test_what_is_raised_is_told(tmp_path, monkeypatch):
    fixture = _small()
    monkeypatch.setattr("door_check.open_door", lambda *_: 1 / 0)
    row = check(fixture, "live", tmp_path, compute(fixture.model, fixture.inputs))
    assert row.error == "ZeroDivisionError: division by zero"
    assert not row.meets(1e-5)
