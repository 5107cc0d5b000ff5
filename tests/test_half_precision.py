"""How coarse the numbers of half precision are is told, and of nothing else."""

import keras
import numpy as np
import pytest

from tf_interp import open_model

L = keras.layers
OUTPUTS = {
    "mixed_float16": "float16 numbers, of about 3 digits",
    "mixed_bfloat16": "bfloat16 numbers, of about 2 digits",
}


def build(policy, last=None):
    keras.utils.set_random_seed(0)
    layers = [
        L.Conv2D(6, 3, activation="relu", name="conv", dtype=policy),
        L.GlobalAveragePooling2D(name="pool", dtype=policy),
        L.Dense(5, name="logits", dtype=last),
    ]
    return keras.Sequential([keras.Input((8, 8, 3)), *layers])


def told(network, door, folder):
    if door == "saved":
        network.export(folder, verbose=False)
    model = open_model(network if door == "live" else folder)
    return model, [note for note in model.notes if "digits" in note]


@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize("policy", OUTPUTS)
def test_outputs_in_half_precision(policy, door, tmp_path):
    model, (note,) = told(build(policy, policy), door, tmp_path)
    assert OUTPUTS[policy] in note
    part = {"mixed_float16": 1 / 1024, "mixed_bfloat16": 1 / 128}[policy]
    assert f"below 1/{round(1 / part)} of" in note
    logits = np.unique(
        np.abs(model.run(np.random.default_rng(0).random((400, 8, 8, 3), np.float32), ["output"])["output"])
    )
    steps = np.diff(logits) / logits[1:]
    assert part / 2 * 0.99 <= steps[logits[1:] > 0.01].min() <= part


@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize("policy", OUTPUTS)
def test_layers_in_half_precision_before_outputs_in_single(policy, door, tmp_path):
    _, (note,) = told(build(policy, "float32"), door, tmp_path)
    assert f"some of its layers compute in {policy.removeprefix('mixed_')}," in note


@pytest.mark.parametrize("door", ["live", "saved"])
def test_single_precision_is_nothing_to_tell(door, tmp_path):
    assert told(build(None), door, tmp_path)[1] == []
    x = keras.Input((8, 8, 3))
    whole = keras.Model(x, keras.ops.round(100 * L.GlobalAveragePooling2D()(x)))  # numbers that half precision has too
    assert told(whole, door, tmp_path / "whole")[1] == []
