"""What becomes of decisions without groups, as records have it: against the network run by hand."""

import keras
import numpy as np
import pytest

import tf_interp as ti
from tf_interp.analysis import analyze
from tf_interp.analysis.parts.neuron_groups import NeuronGroups
from tf_interp.analysis.parts.shown_classes import choose_classes


@pytest.fixture(scope="module")
def setting():
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, activation="relu", name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(4, activation="softmax")(x)
    network = keras.Model(inputs, outputs)
    images = np.random.default_rng(0).uniform(size=(10, 8, 8, 3)).astype(np.float32)
    probe = ti.Probe.from_arrays(images, labels=np.arange(10) % 4)
    return network, ti.open_model(network, class_names=list("abcd")), probe


@pytest.fixture(scope="module")
def record(setting):
    _, model, probe = setting
    (record,) = analyze(model, probe, ["conv"], [NeuronGroups(3, icons=False, switches=5)])
    return record


def test_the_outputs_of_each_subset_are_those_of_the_network(setting, record):
    network, model, probe = setting
    groups = ti.find_groups(model, probe, "conv", 3)
    conv, dense = network.get_layer("conv"), network.layers[-1]
    activation = np.asarray(conv(probe.images[:5]))
    switches = record.data["switches"]
    assert [one["probe"] for one in switches["pictures"]] == [0, 1, 2, 3, 4]
    for subset in range(8):
        off = [group for group in range(3) if not subset >> group & 1]
        left = activation - groups.weights[:5][..., off] @ groups.vectors[off]
        logits = left.mean((1, 2)) @ np.asarray(dense.kernel) + np.asarray(dense.bias)
        for row, one in enumerate(switches["pictures"]):
            assert one["outputs"][subset] == pytest.approx(logits[row][one["classes"]], rel=2e-3, abs=1e-4)
            assert one["decisions"][subset] == logits[row].argmax()


def test_proofs_are_the_mean_change_without_a_group(setting, record):
    _, model, probe = setting
    groups = ti.find_groups(model, probe, "conv", 3)
    found = ti.ablate_groups(model, probe.images[:5], groups, [0, 1, 2, 3], draws=4)
    for row, group in enumerate(record.data["groups"]):
        assert list(group["proofs"]) == list("abcd")
        for number, proof in enumerate(group["proofs"].values()):
            assert proof["change"] == pytest.approx(found.change[row, number].mean(), rel=2e-3)
            assert proof["random"] == pytest.approx(np.abs(found.random_change[row, number].mean(-1)).mean(), rel=2e-3)


def test_records_say_what_is_left_of_a_group_that_is_off(setting, record):
    _, model, probe = setting
    assert record.data["switches"]["baseline"] == "zero"
    (usual,) = analyze(model, probe, ["conv"], [NeuronGroups(3, icons=False, switches=5, baseline="median")])
    groups = ti.find_groups(model, probe, "conv", 3)
    found = ti.ablate_groups(model, probe.images[:5], groups, [0, 1, 2, 3], draws=4, baseline="median")
    assert usual.data["switches"]["baseline"] == "median"
    for row, one in enumerate(usual.data["switches"]["pictures"]):
        expected = found.subsets[:, row][:, one["classes"]]
        assert np.asarray(one["outputs"]) == pytest.approx(expected, rel=2e-3, abs=1e-4)
    for row, group in enumerate(usual.data["groups"]):
        assert group["proofs"]["a"]["change"] == pytest.approx(found.change[row, 0].mean(), rel=2e-3)
    assert set(found.notes) <= set(usual.data["notes"])


def test_without_switches_nothing_is_run(setting, monkeypatch):
    _, model, probe = setting
    monkeypatch.setattr("tf_interp.analysis.parts.group_record.group_switches.ablate_groups", None)
    (record,) = analyze(model, probe, ["conv"], [NeuronGroups(3, icons=False, switches=0)])
    assert record.data["switches"] is None
    assert record.data["groups"][0]["proofs"] == {}


def test_of_many_groups_each_alone_is_switched_off_and_a_note_says_so(setting):
    _, model, probe = setting
    part = NeuronGroups(9, icons=False, method=("sparse", {"active": 2}), switches=2)
    (record,) = analyze(model, probe, ["conv"], [part])
    assert record.data["switches"] is None
    assert record.data["method"] == "sparse"
    assert all(len(group["proofs"]) == 4 for group in record.data["groups"])
    assert any("all subsets are run for up to 8 groups" in note for note in record.data["notes"])


def test_classes_of_a_network_with_many_hold_the_true_one():
    head = ti.open_model(keras.Sequential([keras.Input((4,)), keras.layers.Dense(12, activation="softmax")])).head()
    logits = np.arange(24.0).reshape(2, 12)
    assert choose_classes(head, logits, [3, 11], 3).tolist() == [[11, 10, 3], [11, 10, 9]]
    assert choose_classes(head, logits, None, 3).tolist() == [[11, 10, 9]] * 2


@pytest.mark.parametrize("switches", [-1, 65, 1.5, [64], [-1], [0.5], "all"])
def test_impossible_pictures_are_refused(switches):
    with pytest.raises(ValueError, match="switches is a number of pictures"):
        NeuronGroups(3, switches=switches)


def test_pictures_can_be_named_by_their_places(setting, record):
    _, model, probe = setting
    (other,) = analyze(model, probe, ["conv"], [NeuronGroups(3, icons=False, switches=[9, 3, 3, 40])])
    found = other.data["switches"]["pictures"]
    assert [one["probe"] for one in found] == [9, 3]
    assert found[1] == record.data["switches"]["pictures"][3]


def test_targets_of_other_outputs_have_effects_but_no_switches():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(6, 3, activation="relu", name="conv")(inputs))
    ends = {name: keras.layers.Dense(3, name=name)(x) for name in ("breed", "species")}
    model = ti.open_model(keras.Model(inputs, ends), output="breed")
    probe = ti.Probe.from_arrays(np.random.default_rng(0).uniform(size=(6, 8, 8, 3)))
    part = NeuronGroups(2, icons=False, targets=["breed:1", "species:2"])
    (record,) = analyze(model, probe, ["conv"], [part])
    (group, _) = record.data["groups"]
    assert len(group["effects"]) == 2
    assert len(group["proofs"]) == 1
    assert set(group["proofs"]) < set(group["effects"])
