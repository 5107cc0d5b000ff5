"""The callback leaves the training as it is, speaks up early about mistakes, and never kills a run."""

import copy
import logging
import pickle

import keras
import numpy as np
import pytest

from tf_interp import Attributions, Features, InterpCallback, NeuronGroups, Probe, read
from tf_interp.analysis.part import Album, Draft, Part


def _data():
    rng = np.random.default_rng(0)
    return rng.random((48, 12, 12, 1), dtype=np.float32), rng.integers(0, 3, 48)


def _network():
    """Everything that has state in training: batch norm, dropout with its seed generator, an optimizer with slots."""
    keras.utils.set_random_seed(7)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Conv2D(6, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.3, name="drop"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(3, activation="softmax", name="dense"),
        ],
        name="small",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _parts():
    return [Features(2, steps=4), NeuronGroups(2, steps=4), Attributions(pictures=3)]


def _fit(callbacks, model=None, **options):
    x, y = _data()
    model = model or _network()
    history = model.fit(x, y, epochs=3, batch_size=16, verbose=0, callbacks=callbacks, **options)
    return model, history.history


def _watch(folder, **options):
    x, y = _data()
    options = {"layers": ["conv"], "parts": _parts(), "on_error": "raise", "max_overhead": None, **options}
    return InterpCallback(folder, Probe.from_arrays(x[:6], y[:6], ["a", "b", "c"]), **options)


def test_training_is_bit_identical_with_and_without(tmp_path):
    plain, plain_history = _fit([])
    watched, watched_history = _fit([_watch(tmp_path)])
    assert len(list(read(tmp_path))) == 4 * 3, "the callback did nothing, so the comparison would say nothing"
    assert plain_history == watched_history
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
    model = _network()
    with pytest.raises((ValueError, TypeError), match=message):
        _fit([_watch(tmp_path, **{"on_error": "warn", **options})], model)
    assert int(model.optimizer.iterations) == 0


def test_a_log_directory_that_is_a_file_is_refused_before_any_training(tmp_path):
    (tmp_path / "logs").write_text("")
    model = _network()
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


def test_our_failure_is_logged_once_and_three_in_a_row_switch_us_off(tmp_path, caplog, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    part = _Failing()
    with caplog.at_level(logging.WARNING, "tf_interp"):
        _, history = _fit([_watch(tmp_path, parts=[part], on_error="warn")])
    assert len(history["loss"]) == 3, "training did not finish"
    assert part.calls == 3
    assert sum("injected" in message for message in caplog.messages) == 1
    assert any("switched off" in message for message in caplog.messages)


def test_a_success_between_failures_keeps_us_on(tmp_path, monkeypatch, caplog):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    part = _Failing(works_at=(2, 4))
    _fit([_watch(tmp_path, parts=[part], on_error="warn")])
    assert part.calls == 4
    assert [record.step for record in read(tmp_path)] == [3, 9]


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
    steps = [record.step for record in read(tmp_path)]
    assert steps[0] == 0
    assert steps[-1] == 9
    assert watch.skipped == 2
    assert any("2 skipped" in message for message in caplog.messages)


def test_what_was_written_survives_another_callback_that_raises(tmp_path):
    class Bomb(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise OSError("another callback")

    model = _network()
    watch = _watch(tmp_path, parts=[NeuronGroups(2, icons=False)])
    with pytest.raises(OSError, match="another callback"):
        _fit([watch, Bomb()], model)
    assert [record.step for record in read(tmp_path)] == [0, 3, 6]
    model.save(tmp_path / "after.keras")
    _fit([watch], model)
    _fit([_watch(tmp_path, parts=[NeuronGroups(2, icons=False)])], model)
    assert [record.step for record in read(tmp_path)][-1] == 6 + 9 + 9


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda callback: pickle.loads(pickle.dumps(callback))])  # noqa: S301
def test_the_callback_can_be_copied_and_pickled_after_training(tmp_path, duplicate):
    watch = _watch(tmp_path, parts=[NeuronGroups(2, icons=False)])
    model, _ = _fit([watch])
    _fit([duplicate(watch)], model)
    assert [record.step for record in read(tmp_path)][-1] == 18
