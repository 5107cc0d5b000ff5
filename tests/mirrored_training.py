"""Trains under `MirroredStrategy` on logical devices, for `test_mirrored.py`, which runs it in a process of its own.

Devices are fixed once TensorFlow has begun, so a test cannot ask for two of them in the process of all tests.
"""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf
from watched import build_stateful

import tf_interp as ti

RNG = np.random.default_rng(0)
X, Y = RNG.random((48, 12, 12, 1), dtype=np.float32), RNG.integers(0, 3, 48)
DOTS, POOL = (RNG.random((8, 12, 12, 1)) for _ in range(2))
TESTS = ti.ConceptTests({"dots": DOTS}, POOL, ["a"], permutations=99)
GROUPS = ti.NeuronGroups(2, icons=False)
ALL = [ti.Features(2, steps=2), GROUPS, ti.Attributions(pictures=3), TESTS]


def train(strategy, watched, inside):
    """Train in the strategy's scope or outside of it: people do both."""
    with strategy.scope():
        model = build_stateful(keras.Input((12, 12, 1)))
        if inside:
            model.fit(X, Y, epochs=2, batch_size=16, verbose=0, callbacks=watched)
    if not inside:
        model.fit(X, Y, epochs=2, batch_size=16, verbose=0, callbacks=watched)
    return model


def check(devices, inside, parts, folder):
    strategy = tf.distribute.MirroredStrategy(devices)
    assert strategy.num_replicas_in_sync == len(devices)
    probe = ti.Probe.from_arrays(X[:6], Y[:6], ["a", "b", "c"])
    watch = ti.InterpCallback(folder, probe, layers=["conv"], parts=parts, on_error="raise", max_overhead=None)
    watched, plain = train(strategy, [watch], inside), train(strategy, [], inside)
    assert [record.step for record in ti.read(folder)] == [step for step in (0, 3, 6) for _ in parts]
    models = [[*model.variables, *model.optimizer.variables] for model in (watched, plain)]
    assert len(models[0]) > 15
    for ours, theirs in zip(*models, strict=True):
        values = [keras.ops.convert_to_numpy(variable) for variable in (ours, theirs)]
        assert np.array_equal(*values), f"{ours.path} is not what it is without the callback"

    single = build_stateful(keras.Input((12, 12, 1)))
    single.set_weights(watched.get_weights())
    fresh, alone = (ti.Analysis(ti.open_model(model), probe, ["conv"], parts) for model in (watched, single))
    with strategy.scope():
        found = list(fresh.run(6))
    for mirrored, one in zip(found, alone.run(6), strict=True):
        assert {**mirrored.data, "seconds": 0} == {**one.data, "seconds": 0}, f"{mirrored.kind} differ"
        assert mirrored.data["model"]["weights"] == list(ti.read(folder))[-1].data["model"]["weights"]
        for picture, other in zip(mirrored.images, one.images, strict=True):
            np.testing.assert_array_equal(picture, other)


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    check(["/cpu:0", "/cpu:1"], False, ALL, pathlib.Path(sys.argv[1]) / "two")
    check(["/cpu:0"], True, [GROUPS], pathlib.Path(sys.argv[1]) / "one")
    print("all the same")
