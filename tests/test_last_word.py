"""Weights that change when training ends are looked at too, whatever the order of the callbacks."""

import logging

import keras
import pytest
from watched import Best, X, Y, build, fit, steps, watch

from tf_interp import open_model, read
from tf_interp.callback.last_word import WeightLog, call_last

RESTORED = "these weights were put back when training ended: they are those after epoch 2"


@pytest.fixture(autouse=True)
def _listen(caplog):
    caplog.set_level(logging.INFO, "tf_interp")


@pytest.mark.parametrize("ours_first", [True, False])
@pytest.mark.parametrize("every", [1, 3])
def test_restored_weights_are_looked_at_and_told(tmp_path, ours_first, every, caplog):
    both = [watch(tmp_path, every=every), Best(1)]
    model = fit(build(), *(both if ours_first else both[::-1]), epochs=3, verbose=2)
    records = list(read(tmp_path))
    assert steps(records) == ([0, 3, 6, 9, 10] if every == 1 else [0, 9, 10])
    last = records[-1].data
    assert last["restored"]
    assert last["epoch"] == 1
    assert RESTORED in last["notes"]
    assert not any(record.data["restored"] for record in records[:-1])
    assert sum(RESTORED in line for line in caplog.messages) == 1
    assert last["model"]["weights"] == open_model(model).digest()
    fit(model, both[0], epochs=4, initial_epoch=3)
    assert steps(read(tmp_path)) == [*steps(records), 13], "and goes on behind it"
    assert not list(read(tmp_path))[-1].data["restored"]


@pytest.mark.parametrize("ours_first", [True, False])
def test_restored_weights_of_an_epoch_that_was_looked_at_last_are_told(tmp_path, ours_first, caplog):
    both = [watch(tmp_path, every=2), Best(1)]
    fit(build(), *(both if ours_first else both[::-1]), epochs=3)
    assert steps(read(tmp_path)) == ([0, 6, 9, 10] if ours_first else [0, 6]), "6 has these weights"
    assert sum(RESTORED in line for line in caplog.messages) == 1


def test_no_step_of_the_training_has_other_weights_than_its_own(tmp_path):
    fit(build(), Best(0), watch(tmp_path, every=2), epochs=3)
    assert [(record.step, record.data["epoch"]) for record in read(tmp_path)] == [(0, None), (6, 1), (10, 0)]


def test_early_stopping_itself(tmp_path):
    stop = keras.callbacks.EarlyStopping("loss", patience=1, mode="max", restore_best_weights=True)
    model = build()
    model.optimizer.learning_rate = 0.01
    fit(model, watch(tmp_path), stop, epochs=9)
    records = list(read(tmp_path))
    assert stop.best_epoch == 0
    assert steps(records) == [0, 3, 6, 7]
    assert [record.data["epoch"] for record in records] == [None, 0, 1, 0]


def test_weights_that_are_averaged_at_the_end_are_told(tmp_path):
    model = build()
    model.compile(keras.optimizers.SGD(0.1, use_ema=True), model.loss)
    fit(model, watch(tmp_path))
    last = list(read(tmp_path))[-1]
    assert (last.step, last.data["epoch"], last.data["restored"]) == (7, None, True)
    assert any("put back, or averaged" in note for note in last.data["notes"])


def test_a_history_before_us_is_no_harm(tmp_path):
    fit(build(), keras.callbacks.History(), watch(tmp_path), Best(0))
    assert steps(read(tmp_path)) == [0, 3, 6]
    fit(build(), keras.callbacks.History(), Best(0), watch(tmp_path / "other"))
    assert steps(read(tmp_path / "other")) == [0, 3, 6, 7]


def test_without_a_history_we_end_with_our_own_turn(tmp_path):
    model, callback = build(), watch(tmp_path)
    assert not call_last(model, {}, print)
    own = keras.callbacks.CallbackList([callback], model=model, epochs=2, steps=3, verbose=0)
    own.on_train_begin()
    for epoch in range(2):
        own.on_epoch_begin(epoch)
        for batch in range(3):
            model.train_on_batch(X[batch::3], Y[batch::3])
            own.on_train_batch_end(batch)
        own.on_epoch_end(epoch)
    own.on_train_end()
    assert steps(read(tmp_path)) == [0, 3, 6]
    assert callback._session.writer is None


def test_the_history_is_as_it_was(tmp_path):
    model = fit(build(), watch(tmp_path / "a"), watch(tmp_path / "b"))
    assert "on_train_end" not in vars(model.history)


def test_what_is_said_of_weights():
    log = WeightLog("start")
    log.add("one", 0)
    log.add("two", 1)
    assert log.explain("two") == (1, "")
    assert log.explain("one")[0] == 0
    assert log.explain("start") == (
        None,
        "these weights were put back when training ended: they are those from before the first epoch",
    )
    assert "not those after any" in log.explain("other")[1]
