"""However a network is trained: the training is as without us, and what is recorded is what Keras computes.

Each way is trained twice, with and without the callback. One part keeps the weights that are in the network at each
look; a second network that gets these says what should have been read.
"""

import copy
import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_interp as ti
from tf_interp.analysis import Album, Draft, Part
from tf_interp.findings import Finder

C = keras.callbacks
RNG = np.random.default_rng(0)
X, Y = RNG.random((24, 8, 8, 1), dtype=np.float32), RNG.integers(0, 3, 24)
DOTS, POOL = (RNG.random((8, 8, 8, 1), dtype=np.float32) for _ in range(2))
PROBE = ti.Probe.from_arrays(X[:6], Y[:6], ["a", "b", "c"])
READ = ["conv", "norm", "output"]


class Kept(Part):
    """Keeps what our door reads, and the weights that are in the network at that moment."""

    kind = "kept"

    def __init__(self):
        self.looks = []

    def make(self, view):
        weights = [weight.numpy() for weight in view.model.model.weights]
        self.looks.append((view.step, weights, ti.read_activations(view.model, X[:6], READ)))
        for layer in view.layers:
            yield Draft(self.kind, layer, "kept", {}, Album(), {})


def build(optimizer=None, policy=None, **compiled):
    """Everything that has state in training: batch normalization, dropout with its seed generator, optimizer slots."""
    keras.utils.set_random_seed(7)
    layers = [
        keras.layers.Conv2D(4, 3, activation="relu", name="conv", dtype=policy),
        keras.layers.BatchNormalization(name="norm", dtype=policy),
        keras.layers.Dropout(0.3, name="drop", dtype=policy),
        keras.layers.GlobalAveragePooling2D(name="pool", dtype=policy),
        keras.layers.Dense(3, name="logits"),
    ]
    network = keras.Sequential([keras.Input((8, 8, 1)), *layers], name="small")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(optimizer() if optimizer else "adam", loss, metrics=["accuracy"], **compiled)
    return network


def fit(network, callbacks, **options):
    return network.fit(**{"x": X, "y": Y, "batch_size": 8, "epochs": 2, "verbose": 0, "callbacks": callbacks} | options)


@dataclasses.dataclass
class Way:
    """A way to train.

    Args:
        steps: at which it is looked at.
        compiled: what the network is built with.
        options: of `fit`; "data" is called for each training.
        before: callbacks that stand before ours.
        after: and behind it; both are called with a folder, for each training.
        train: trains, in place of `fit`.
        tolerance: relative to the largest number of a layer: half types round otherwise where layers are fused.
        whole: whether to run our parts too, which takes seconds.
    """

    steps: tuple[int, ...] = (0, 3, 6)
    compiled: dict[str, Any] = dataclasses.field(default_factory=dict)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    before: Callable[[pathlib.Path], list[Any]] = lambda folder: []
    after: Callable[[pathlib.Path], list[Any]] = lambda folder: []
    train: Callable[..., Any] | None = None
    tolerance: float = 1e-5
    whole: bool = False

    def run(self, callbacks, folder):
        network = build(**self.compiled)
        callbacks = [*self.before(folder), *callbacks, *self.after(folder)]
        if self.train:
            return network, self.train(network, callbacks)
        options = dict(self.options)
        if data := options.pop("data", None):
            options |= {"x": data(), "y": None, "batch_size": None, "shuffle": False}
        return network, fit(network, callbacks, **options).history


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[8 * index : 8 * index + 8], Y[8 * index : 8 * index + 8]


def endless():
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(8).repeat()


def by_hand(network, callbacks):
    losses = []
    for callback in callbacks:
        callback.attach(network)
    for step in range(3):
        for callback in callbacks:
            callback.look(step)
        losses.append(network.train_on_batch(X[8 * step : 8 * step + 8], Y[8 * step : 8 * step + 8]))
    for callback in callbacks:
        callback.look(3)
        callback.close()
    return losses


def toggled(network, callbacks):
    losses = []
    for trainable, optimizer in ((True, "adam"), (False, "adam"), (True, "sgd")):
        network.get_layer("conv").trainable = trainable
        network.compile(optimizer, network.loss)
        losses.append(fit(network, callbacks, epochs=1).history)
    return losses


def sgd(**options):
    return {"optimizer": lambda: keras.optimizers.SGD(0.1, **options)}


def scaled(scale):
    inner = sgd()["optimizer"]
    return {
        "policy": "mixed_float16",
        "optimizer": lambda: keras.optimizers.LossScaleOptimizer(inner(), initial_scale=scale),
    }


WAYS = {
    "ema": Way((0, 3, 6, 7), sgd(use_ema=True), whole=True),
    "ema that replaces the weights every 2 steps": Way(compiled=sgd(use_ema=True, ema_overwrite_frequency=2)),
    "ema that replaces the weights every 3 steps": Way(compiled=sgd(use_ema=True, ema_overwrite_frequency=3)),
    "ema exchanged for validation": Way(
        (0, 3, 6, 7), sgd(use_ema=True), {"validation_data": (X, Y)}, after=lambda folder: [C.SwapEMAWeights()]
    ),
    "ema exchanged for callbacks": Way(compiled=sgd(use_ema=True), before=lambda folder: [C.SwapEMAWeights(True)]),
    "gradients of 2 batches": Way((0, 1, 3), sgd(gradient_accumulation_steps=2)),
    "gradients of 5 batches, more than an epoch": Way(
        (0, 3, 6, 9, 12), sgd(gradient_accumulation_steps=5), {"epochs": 4}, whole=True
    ),
    "3 steps at once": Way(compiled={"steps_per_execution": 3}),
    "2 steps at once": Way(compiled={"steps_per_execution": 2}),
    "eager": Way(compiled={"run_eagerly": True}),
    "float16": Way(compiled=scaled(1024.0), tolerance=2e-3, whole=True),
    "float16 without a step in the first epoch": Way((0, 3, 6, 9), scaled(2.0**20), {"epochs": 3}, tolerance=2e-3),
    "bfloat16": Way(compiled={"policy": "mixed_bfloat16"}, tolerance=2e-2),
    "endless data": Way((0, 2, 4), options={"data": endless, "steps_per_epoch": 2}),
    "workers": Way(options={"data": lambda: Batches(workers=2)}),
    "weights of classes": Way(options={"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}}),
    "weights of samples": Way(options={"sample_weight": np.linspace(0, 1, 24)}),
    "later epochs": Way((9, 12, 15), options={"initial_epoch": 3, "epochs": 5}),
    "a loop by hand": Way((0, 1, 2, 3), train=by_hand),
    "frozen and thawed": Way((0, 3, 6, 9), train=toggled),
    "a schedule of the rate": Way(after=lambda folder: [C.LearningRateScheduler(lambda epoch, rate: rate / 2)]),
    "a plateau": Way(after=lambda folder: [C.ReduceLROnPlateau("loss", patience=0, mode="max")]),
    "checkpoints": Way(before=lambda folder: [C.ModelCheckpoint(folder / "{epoch}.keras"), C.BackupAndRestore(folder)]),
}


@pytest.mark.parametrize("name", WAYS)
def test_training_is_as_without_us_and_what_is_read_is_what_keras_computes(name, tmp_path):
    way = WAYS[name]
    plain, history = way.run([], tmp_path / "plain")
    parts = [ti.Features(1, steps=2), ti.NeuronGroups(2, icons=False)] if way.whole else []
    parts += [ti.ConceptTests({"dots": DOTS}, POOL, ["a"], permutations=99)] if way.whole else []
    kept = Kept()
    watch = ti.InterpCallback(tmp_path / "log", PROBE, layers=["conv"], parts=[kept, *parts], max_overhead=None)
    watched, watched_history = way.run([watch], tmp_path / "watched")

    assert watch.model is watched
    assert str(watched_history) == str(history)
    assert len(state(watched)) == len(state(plain)) > 10
    for ours, theirs in zip(state(watched), state(plain), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (watch.looks, watch.failures, watch.skipped) == (len(way.steps), 0, 0)
    assert tuple(step for step, *_ in kept.looks) == way.steps
    for part in [kept, *parts]:
        assert tuple(record.step for record in ti.read(tmp_path / "log") if record.kind == part.kind) == way.steps
    direct = build(**way.compiled)
    named = [direct.get_layer(name).output for name in ("conv", "norm", "logits")]
    direct = keras.Model(direct.inputs[0], named)
    for step, weights, found in kept.looks:
        direct.set_weights(weights)
        for name, expected in zip(READ, direct(X[:6], training=False), strict=True):
            expected = keras.ops.convert_to_numpy(keras.ops.cast(expected, "float32"))
            assert np.abs(found[name] - expected).max() <= way.tolerance * np.abs(expected).max(), (step, name)


def state(network):
    return [keras.ops.convert_to_numpy(variable) for variable in (*network.variables, *network.optimizer.variables)]


@pytest.mark.parametrize(
    ("compiled", "told"),
    [
        (sgd(use_ema=True), "not at the average, which takes their place when training ends"),
        (sgd(use_ema=True, ema_overwrite_frequency=2), "the average takes their place every 2 steps"),
        ({"optimizer": lambda: keras.optimizers.LossScaleOptimizer(sgd(use_ema=True)["optimizer"]())}, "not at the av"),
        (sgd(), None),
    ],
)
def test_which_weights_of_an_average_are_looked_at_is_told(tmp_path, compiled, told):
    watch = ti.InterpCallback(tmp_path, PROBE, layers=["conv"], parts=[Kept()], max_overhead=None)
    fit(build(**compiled), [watch], epochs=1)
    for record in ti.read(tmp_path):
        lines = [note for note in record.data["notes"] if "use_ema" in note]
        assert len(lines) == (told is not None)
        assert told is None or told in lines[0]


def test_a_search_that_copies_one_callback_for_each_new_network(tmp_path):
    """As KerasTuner does: every trial a network, and a deep copy of the callbacks."""
    watch = ti.InterpCallback(tmp_path, PROBE, layers=["conv"], parts=[Kept()], max_overhead=None)
    for rate in (0.1, 0.2, 0.3):
        fit(build(lambda rate=rate: keras.optimizers.SGD(rate)), [copy.deepcopy(watch)], epochs=1)
    assert [(record.data["session"], record.step) for record in ti.read(tmp_path)] == [
        (session, step) for session in (1, 2, 3) for step in (0, 3)
    ]


class Ruin(C.Callback):
    """Makes all weights NaN at the fourth step, as a rate that is too high does."""

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == 4:
            for weight in self.model.trainable_weights:
                weight.assign(weight * np.nan)


@pytest.mark.parametrize("stops", [True, False])
def test_weights_that_are_nan_are_told_and_nothing_else_is_told_of_them(tmp_path, caplog, stops):
    parts = [ti.Features(1, steps=2), ti.NeuronGroups(2, icons=False), Kept()]
    watch = ti.InterpCallback(tmp_path, PROBE, layers=["conv"], parts=parts, max_overhead=None)
    fit(build(), [Ruin(), watch, *[C.TerminateOnNaN()] * stops], epochs=4)
    assert {record.step for record in ti.read(tmp_path) if record.kind != "finding"} == {0, 3}
    assert (watch.looks, watch.failures) == (2, 0)
    found = {finding.subject.get("number"): finding for finding in watch.findings if finding.kind == "not-finite"}
    assert set(found) == {"loss", "weights"}
    assert not [finding for finding in watch.findings if finding.kind in ("constant-layer", "part-failed")]
    assert found["weights"].sentence.startswith("Epoch 2: weights of the network hold NaN")
    (last,) = [record for record in ti.read(tmp_path) if record.kind == "finding" and record.step > 3]
    assert last.data["model"]["weights"] == ti.open_model(watch.model).digest() or not stops
    assert sum("hold NaN" in line for line in caplog.messages) == 1
    assert not any("Traceback" in line for line in caplog.messages)


def test_weights_that_are_put_back_after_nan_are_looked_at(tmp_path):
    watch = ti.InterpCallback(tmp_path, PROBE, layers=["conv"], parts=[Kept()], max_overhead=None)
    stop = C.EarlyStopping("loss", patience=0, restore_best_weights=True)
    fit(build(), [Ruin(), watch, stop], epochs=4)
    assert [record.step for record in ti.read(tmp_path) if record.kind == "kept"] == [0, 3, 7]


@pytest.mark.parametrize("door", ["live", "saved"])
def test_a_finished_network_of_nan_is_told_in_every_record(tmp_path, door):
    network = build()
    for weight in network.trainable_weights:
        weight.assign(weight * np.nan)
    if door == "saved":
        network.export(tmp_path, verbose=False)
    model = ti.open_model(network if door == "live" else tmp_path)
    assert "hold NaN" in model.warnings[0]
    finder = Finder()
    for record in ti.analyze(model, ti.Probe.from_arrays(X[:6]), ["conv"], [ti.Features(1, steps=2)]):
        assert any("hold NaN" in line for line in record.data["warnings"])
        finder.see(record)
    assert [(finding.kind, finding.step) for finding in finder.finish()] == [("not-finite", 0)]
    network = build()
    assert not any("NaN" in line for line in ti.open_model(network).warnings)
