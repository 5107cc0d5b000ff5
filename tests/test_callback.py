"""The callback leaves the training as it is, speaks up early about mistakes, and never kills a run."""

import copy
import logging
import pickle
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from watched import build_stateful

from tf_interp import Attributions, ConceptTests, Features, InterpCallback, NeuronGroups, Probe, read, write
from tf_interp.analysis.part import Album, Draft, Part


def _data():
    rng = np.random.default_rng(0)
    return rng.random((48, 12, 12, 1), dtype=np.float32), rng.integers(0, 3, 48)


def _parts():
    dots, pool = (np.random.default_rng(seed).random((8, 12, 12, 1)) for seed in (1, 2))
    tests = ConceptTests({"dots": dots}, pool, ["a"], permutations=99)
    return [Features(2, steps=4), NeuronGroups(2, steps=4), Attributions(pictures=3), tests]


def _fit(callbacks, model=None, **options):
    x, y = _data()
    model = model or build_stateful()
    history = model.fit(x, y, epochs=3, batch_size=16, verbose=0, callbacks=callbacks, **options)
    return model, history.history


def _watch(folder, **options):
    x, y = _data()
    options = {"layers": ["conv"], "parts": _parts(), "on_error": "raise", "max_overhead": None, **options}
    return InterpCallback(folder, Probe.from_arrays(x[:6], y[:6], ["a", "b", "c"]), **options)


def test_training_is_bit_identical_with_and_without(tmp_path):
    validation = _data()

    def draws():  # of the global generators, which a user's own code may depend on
        return random.random(), np.random.rand(), float(tf.random.uniform([]))  # noqa: NPY002

    plain, plain_history = _fit([], validation_data=validation)
    plain_draws = draws()
    watched, watched_history = _fit([_watch(tmp_path)], validation_data=validation)
    assert len(list(read(tmp_path))) == 4 * 4, "the callback did nothing, so the comparison would say nothing"
    assert plain_history == watched_history
    assert plain_draws == draws()
    ours = [*watched.variables, *watched.optimizer.variables]
    theirs = [*plain.variables, *plain.optimizer.variables]
    assert len(ours) == len(theirs) > 15
    for variable, other in zip(ours, theirs, strict=True):
        assert np.array_equal(variable.numpy(), other.numpy()), variable.path
    assert not any("call" in layer.__dict__ for layer in watched.layers), "a tap was left behind"


def test_steps_are_optimizer_iterations_and_go_on_in_a_second_fit(tmp_path):
    watch = _watch(tmp_path, parts=[NeuronGroups(2, icons=False)])
    model, _ = _fit([watch])
    _fit([watch], model)
    records = list(read(tmp_path))
    assert [record.step for record in records] == [0, 3, 6, 9, 12, 15, 18]
    assert [record.data["epoch"] for record in records] == [None, 0, 1, 2, 0, 1, 2]
    assert [record.data["ordinal"] for record in records] == list(range(7))


def test_every_counts_epochs_and_the_last_epoch_is_always_seen(tmp_path):
    _fit([_watch(tmp_path, parts=[NeuronGroups(2, icons=False)], every=2)])
    assert [record.step for record in read(tmp_path)] == [0, 6, 9]


def test_groups_keep_their_identity_over_steps(tmp_path):
    _fit([_watch(tmp_path, parts=[NeuronGroups(2, icons=False)])])
    before, after = list(read(tmp_path))[-2:]
    names = [[group["name"] for group in record.data["groups"]] for record in (before, after)]
    strongest = [[group["channels"][0]["channel"] for group in record.data["groups"]] for record in (before, after)]
    assert names[0] == names[1]
    assert strongest[0] == strongest[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ["cov"]}, "did you mean .*conv"),
        ({"layers": "conv"}, "list of layer names"),
        ({"parts": [Features([0, 99])]}, "channels 0..5"),
        ({"parts": [NeuronGroups(7)]}, "6 channels, fewer than the 7 groups"),
        ({"parts": [NeuronGroups(2, targets=["d"])]}, "no class 'd'"),
        ({"parts": [NeuronGroups(2), NeuronGroups(3)]}, "may appear once"),
        ({"parts": ["features"]}, "parts must be"),
    ],
)
def test_mistakes_are_raised_before_any_training(tmp_path, options, message):
    model = build_stateful()
    with pytest.raises((ValueError, TypeError), match=message):
        _fit([_watch(tmp_path, **{"on_error": "warn", **options})], model)
    assert int(model.optimizer.iterations) == 0


def test_a_log_directory_that_is_a_file_is_refused_before_any_training(tmp_path):
    (tmp_path / "logs").write_text("")
    model = build_stateful()
    with pytest.raises(ValueError, match="logs"):
        _fit([_watch(tmp_path / "logs")], model)
    assert int(model.optimizer.iterations) == 0


def test_a_probe_of_another_size_is_refused(tmp_path):
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, name="conv"), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"takes images of shape \(8, 8, 1\).*\(12, 12, 1\)"):
        model.fit(np.zeros((4, 8, 8, 1)), np.zeros((4, 3)), verbose=0, callbacks=[_watch(tmp_path)])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"every": 0}, "every"), ({"on_error": "ignore"}, "on_error"), ({"max_overhead": 0}, "max_overhead")],
)
def test_wrong_options_are_refused_at_once(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        _watch(tmp_path, **options)


def test_a_probe_that_is_an_array_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"Probe\.from_arrays"):
        InterpCallback(tmp_path, np.zeros((2, 8, 8, 1)), layers=["conv"])


class _Failing(Part):
    kind = "failing"

    def __init__(self, works_at=()):
        self.works_at, self.calls = works_at, 0

    def make(self, view):
        self.calls += 1
        if self.calls not in self.works_at:
            raise RuntimeError("injected")
        yield Draft("failing", "conv", "fine", {}, Album(), {})


def test_our_failure_is_logged_once_and_three_in_a_row_switch_the_part_off_and_no_other(tmp_path, caplog, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    part = _Failing()
    with caplog.at_level(logging.WARNING, "tf_interp"):
        watch = _watch(tmp_path, parts=[part, NeuronGroups(2, icons=False)], on_error="warn")
        _, history = _fit([watch])
    assert len(history["loss"]) == 3, "training did not finish"
    kinds = [record.kind for record in read(tmp_path)]
    assert kinds.count("groups") == 4, "the other part goes on"
    assert [(one.kind, one.subject) for one in watch.findings] == [("part-failed", {"part": "failing"})]
    assert (watch.looks, watch.failures) == (4, 3)
    assert part.calls == 3
    assert sum("injected" in message for message in caplog.messages) == 1
    assert any("switched off" in message for message in caplog.messages)


def test_a_success_between_failures_keeps_us_on(tmp_path, monkeypatch, caplog):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    part = _Failing(works_at=(2, 4))
    _fit([_watch(tmp_path, parts=[part], on_error="warn")])
    assert part.calls == 4
    assert [record.step for record in read(tmp_path) if record.kind == "failing"] == [3, 9]


def test_failures_are_raised_on_request_and_in_ci(tmp_path, monkeypatch):
    with pytest.raises(RuntimeError, match="injected"):
        _fit([_watch(tmp_path / "a", parts=[_Failing()], on_error="raise")])
    monkeypatch.setenv("TF_INTERP_RAISE", "1")
    with pytest.raises(RuntimeError, match="injected"):
        _fit([_watch(tmp_path / "b", parts=[_Failing()], on_error="warn")])


def test_the_budget_skips_looks_but_never_the_first_and_last(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "tf_interp"):
        watch = _watch(tmp_path, parts=[NeuronGroups(2, icons=False)], max_overhead=1e-9)
        _fit([watch])
    steps = [record.step for record in read(tmp_path) if record.kind == "groups"]
    assert steps[0] == 0
    assert steps[-1] == 9
    assert steps == [0, 3, 9], "the first look after training began shows what one costs"
    assert watch.skipped == 1
    assert any("1 skipped" in message for message in caplog.messages)


def test_what_was_written_survives_another_callback_that_raises(tmp_path):
    class Bomb(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise OSError("another callback")

    model = build_stateful()
    watch = _watch(tmp_path, parts=[NeuronGroups(2, icons=False)])
    with pytest.raises(OSError, match="another callback"):
        _fit([watch, Bomb()], model)
    assert [record.step for record in read(tmp_path)] == [0, 3, 6]
    model.save(tmp_path / "after.keras")
    _fit([watch], model)
    _fit([_watch(tmp_path, parts=[NeuronGroups(2, icons=False)])], model)
    steps = [record.step for record in read(tmp_path)]
    assert steps == sorted(set(steps))
    assert steps[-1] == 6 + 9 + 9


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda callback: pickle.loads(pickle.dumps(callback))])  # noqa: S301
def test_the_callback_can_be_copied_and_pickled_after_training(tmp_path, duplicate):
    watch = _watch(tmp_path, parts=[NeuronGroups(2, icons=False)])
    model, _ = _fit([watch])
    _fit([duplicate(watch)], model)
    assert [record.step for record in read(tmp_path)][-1] == 18


def test_a_new_compile_goes_on_behind_the_last_step(tmp_path):
    watch = _watch(tmp_path, parts=[NeuronGroups(2, icons=False)])
    model, _ = _fit([watch])
    model.compile("sgd", "sparse_categorical_crossentropy")
    _fit([watch], model)
    assert [record.step for record in read(tmp_path)] == [0, 3, 6, 9, 12, 15, 18]


def test_a_new_compile_with_another_loss_says_anew_what_the_output_is(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(2, 3, activation="relu", name="conv"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1),
        ]
    )
    images, labels = np.random.default_rng(0).random((8, 12, 12, 1), np.float32), np.arange(8) % 2
    probe = Probe.from_arrays(images, labels)
    watch = InterpCallback(tmp_path, probe, layers=["conv"], parts=[NeuronGroups(2, icons=False)])
    for loss in ("mse", keras.losses.BinaryCrossentropy(from_logits=True)):
        model.compile("sgd", loss)
        model.fit(images, labels, epochs=1, verbose=0, callbacks=[watch])
    records = list(read(tmp_path))
    assert [record.data["output"]["kind"] for record in records] == ["regression"] * 2 + ["binary"] * 1
    assert records[0].data["probe"]["right"] is None
    assert len(records[-1].data["probe"]["right"]) == 8


def test_another_run_in_the_same_folder_is_warned_about(tmp_path, caplog):
    _fit([_watch(tmp_path, parts=[NeuronGroups(2, icons=False)])])
    with caplog.at_level(logging.WARNING, "tf_interp"):
        _fit([_watch(tmp_path, parts=[NeuronGroups(2, icons=False)])])
    assert any("a log directory of its own" in message for message in caplog.messages)


def test_a_mistake_that_only_the_first_look_shows_is_raised_before_any_training(tmp_path):
    few = np.zeros((2, 12, 12, 1))
    part = ConceptTests({"few": few}, np.ones((8, 12, 12, 1)), ["a"])
    model = build_stateful()
    with pytest.raises(ValueError, match="few"):
        _fit([_watch(tmp_path, parts=[part], on_error="warn")], model)
    assert int(model.optimizer.iterations) == 0
    write([], tmp_path)  # the log directory is free again


def test_a_model_that_trains_without_an_optimizer_is_watched_too(tmp_path):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = keras.layers.Conv2D(4, 3, activation="relu", name="conv")
            self.head = keras.layers.Dense(3)

        def call(self, x):
            return self.head(keras.ops.mean(self.conv(x), (1, 2)))

        def train_step(self, data):
            return {"loss": keras.ops.mean(self(data[0], training=True))}

    model = Own()
    model.compile(loss="mse")
    model.optimizer = None
    _fit([_watch(tmp_path, parts=[NeuronGroups(2, icons=False)])], model)
    assert [record.step for record in read(tmp_path)] == [0, 3, 6, 9]


def test_a_preprocess_that_works_in_place_leaves_the_probe_alone(tmp_path):
    class Sub(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = keras.layers.Conv2D(4, 3, activation="relu", name="conv")
            self.head = keras.layers.Dense(3)

        def call(self, x):
            return self.head(keras.ops.mean(self.conv(x), (1, 2)))

    model = Sub()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    watch = _watch(
        tmp_path, parts=[NeuronGroups(2, icons=False)], preprocess=keras.applications.mobilenet_v2.preprocess_input
    )
    before = watch.probe.images.copy()
    _fit([watch], model)
    np.testing.assert_array_equal(watch.probe.images, before)
    with pytest.raises(ValueError, match="read-only"):
        watch.probe.images[0] = 0


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_a_network_with_one_logit_has_two_classes(tmp_path, activation):
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv2D(4, 3, activation="relu", name="conv"), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([*layers, keras.layers.Dense(1, activation=activation)])
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=activation is None))
    x, y = _data()
    y = (y > 0).astype(int)
    parts = [Features(2, steps=2), NeuronGroups(2, steps=2), Attributions(pictures=6)]
    parts.append(ConceptTests({"bright": x[:10] ** 0.3}, x[30:40], ["no", "yes"], permutations=100))
    watch = InterpCallback(
        tmp_path, Probe.from_arrays(x[:24], y[:24], ["no", "yes"]), layers=["conv"], parts=parts, on_error="raise"
    )
    model.fit(x, y, epochs=1, verbose=0, callbacks=[watch])
    records = {record.kind: record for record in read(tmp_path) if record.step > 0}
    assert set(records) == {"features", "groups", "attribution", "concepts"}
    scores = model.predict(x[:24], verbose=0)[:, 0]
    expected = (scores > (0 if activation is None else 0.5)).astype(int).tolist()
    assert records["groups"].data["probe"]["predictions"] == expected
    for row in records["attribution"].data["pictures"]:
        assert row["target"] == expected[row["probe"]]
        assert row["logit"] >= 0, "the predicted class of two has the positive logit"
    for group in records["groups"].data["groups"]:
        assert group["effects"]["yes"] == pytest.approx(-group["effects"]["no"])
    no, yes = (
        next(row for row in records["concepts"].data["tests"] if row["target"] == name) for name in ("no", "yes")
    )
    assert no["displacement"] * yes["displacement"] < 0


def test_labels_follow_names_not_positions(tmp_path):
    x, y = _data()
    names = ["b", "c"]  # the probe's own order: its label 0 is the network's class 1
    probe = Probe.from_arrays(x[:6], (y[:6] > 1).astype(int), names)
    watch = InterpCallback(
        tmp_path, probe, layers=["conv"], parts=[Attributions()], class_names=["a", "b", "c"], on_error="raise"
    )
    _fit([watch])
    data = next(read(tmp_path)).data
    assert [data["class_names"][label] for label in data["probe"]["labels"]] == [names[label] for label in probe.labels]


@pytest.mark.parametrize(
    ("labels", "names", "model_names", "message"),
    [
        ([0, 1, 5], None, None, r"labels run from 0 to 5, but 'small' has 3 classes"),
        ([0, 1, 1], ["x", "a"], ["a", "b", "c"], r"\['x'\] that are not among"),
        ([0, 1, 1], None, ["a", "b"], "3 classes, but 2 class names"),
    ],
)
def test_labels_and_names_that_do_not_match_are_refused(tmp_path, labels, names, model_names, message):
    x, _ = _data()
    probe = Probe.from_arrays(x[:3], labels, names)
    watch = InterpCallback(tmp_path, probe, layers=["conv"], parts=[Attributions()], class_names=model_names)
    with pytest.raises(ValueError, match=message):
        _fit([watch])


def test_names_of_too_few_classes_are_left_out_with_a_note(tmp_path):
    x, _ = _data()
    probe = Probe.from_arrays(x[:4], [0, 0, 1, 1], ["left", "right"])
    _fit([InterpCallback(tmp_path, probe, layers=["conv"], parts=[Attributions()], on_error="raise")])
    record = next(read(tmp_path))
    assert record.data["probe"]["labels"] is None
    assert any(
        "2 class names are not those of the network, which has 3 classes" in note for note in record.data["notes"]
    )
