"""Each training in a log directory has steps that go up: it goes on where it was, or in a folder of its own."""

import logging
import pickle

import keras
import pytest
from watched import build, fit, steps, watch

from tf_interp import Writer, read
from tf_interp.records import Record, list_sessions, read_look, read_runs


def runs(folder):
    return {name: steps(records) for name, records in read_runs(folder).items()}


def told(caplog):
    return [message for message in caplog.messages if "session" in message]


def test_another_training_in_the_same_folder_is_a_session_of_its_own(tmp_path, caplog):
    fit(build(), watch(tmp_path))
    with caplog.at_level(logging.WARNING, "tf_interp"):
        fit(build(), watch(tmp_path), epochs=1)
    assert runs(tmp_path) == {".": [0, 3, 6], "interp-2": [0, 3]}
    assert len(told(caplog)) == 1
    assert "up to step 6: this one is session 2 and goes to interp-2" in told(caplog)[0]
    first, second = (list(records) for records in read_runs(tmp_path).values())
    assert {record.data["session"] for record in first} == {1}
    assert {record.data["session"] for record in second} == {2}
    assert not first[0].data["warnings"]
    assert any("session 2" in line for line in second[0].data["warnings"])
    assert set(second[0].data["warnings"]) <= set(second[0].data["notes"])
    assert [record.data["ordinal"] for record in second] == [0, 1]


def test_a_new_model_for_each_fold_is_a_session_each(tmp_path, caplog):
    callback = watch(tmp_path)
    with caplog.at_level(logging.WARNING, "tf_interp"):
        for fold in range(3):
            fit(build(fold), callback, epochs=1)
    assert runs(tmp_path) == {".": [0, 3], "interp-2": [0, 3], "interp-3": [0, 3]}
    assert len(told(caplog)) == 2
    assert callback.looks == 6
    last = list(read(tmp_path / "interp-3"))[-1].data
    assert last["ordinal"] == 1
    assert not last["warnings"], "it was asked for"
    assert any("session 3" in line for line in last["notes"])


def test_a_model_trained_elsewhere_does_not_go_on_with_another_ones_steps(tmp_path):
    ours = watch(tmp_path)
    fit(build(), ours, epochs=2)
    other = fit(build(seed=8), epochs=4)
    fit(other, ours)
    assert list_sessions(tmp_path) == [1, 2]


def test_weights_set_back_to_the_beginning_are_a_new_training(tmp_path):
    callback, model = watch(tmp_path), build()
    initial = model.get_weights()
    fit(model, callback)
    model.set_weights(initial)
    model.compile("sgd", model.loss)
    fit(model, callback)
    assert runs(tmp_path) == {".": [0, 3, 6], "interp-2": [0, 3, 6]}


@pytest.mark.parametrize("how", ["same object", "another callback", "pickled callback", "file"])
def test_a_training_that_goes_on_writes_no_step_twice(tmp_path, how):
    callback, model = watch(tmp_path / "logs"), build()
    fit(model, callback)
    if how == "another callback":
        callback = watch(tmp_path / "logs")
    elif how == "pickled callback":
        callback = pickle.loads(pickle.dumps(callback))  # noqa: S301
    elif how == "file":
        model.save(tmp_path / "model.keras")
        model, callback = keras.saving.load_model(tmp_path / "model.keras"), watch(tmp_path / "logs")
    fit(model, callback, epochs=4, initial_epoch=2)
    assert runs(tmp_path / "logs") == {".": [0, 3, 6, 9, 12]}
    assert [record.data["ordinal"] for record in read(tmp_path / "logs")] == [0, 1, 2, 3, 4]
    assert [record.data["epoch"] for record in read(tmp_path / "logs")] == [None, 0, 1, 2, 3]


def test_weights_loaded_without_their_optimizer_go_on_behind_the_last_step(tmp_path):
    model = fit(build(), watch(tmp_path))
    again = build()
    again.set_weights(model.get_weights())
    fit(again, watch(tmp_path))
    assert runs(tmp_path) == {".": [0, 3, 6, 9, 12]}


@pytest.mark.parametrize(("name", "goes_on"), [("small_1", True), ("large", False)])
def test_a_model_that_is_built_again_has_another_name(tmp_path, name, goes_on):
    fit(build(), watch(tmp_path))
    again = build(seed=8, name=name)
    again.optimizer.iterations.assign(7)  # as in a checkpoint between two looks
    fit(again, watch(tmp_path), epochs=1)
    assert runs(tmp_path) == ({".": [0, 3, 6, 7, 10]} if goes_on else {".": [0, 3, 6], "interp-2": [7, 10]})


def test_networks_find_their_own_sessions_again(tmp_path):
    for start in (0, 7):
        for seed, name in enumerate(("net_1", "net_2")):
            model = build(seed + start, name)
            model.optimizer.iterations.assign(start)
            fit(model, watch(tmp_path), epochs=1)
    names = {run: {record.data["model"]["name"] for record in records} for run, records in read_runs(tmp_path).items()}
    assert names == {".": {"net_1"}, "interp-2": {"net_2"}}
    assert runs(tmp_path) == {".": [0, 3, 7, 10], "interp-2": [0, 3, 7, 10]}


class _Power(keras.callbacks.Callback):
    """Ends the training as a power cut does."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            raise OSError("power")


@pytest.mark.parametrize("ours_first", [True, False])
def test_back_up_and_restore_goes_on_in_either_order(tmp_path, ours_first):
    def callbacks():
        both = [watch(tmp_path / "logs"), keras.callbacks.BackupAndRestore(tmp_path / "backup")]
        return both if ours_first else both[::-1]

    with pytest.raises(OSError, match="power"):
        fit(build(), *callbacks(), _Power(), epochs=4)
    assert runs(tmp_path / "logs") == {".": [0, 3, 6, 9]}
    fit(build(), *callbacks(), epochs=4)
    assert runs(tmp_path / "logs") == {".": [0, 3, 6, 9, 12]}
    assert [record.data["epoch"] for record in read(tmp_path / "logs")] == [None, 0, 1, 2, 3]


def test_an_older_checkpoint_goes_on_and_keeps_what_is_there(tmp_path, caplog):
    model = build()
    saved = keras.callbacks.ModelCheckpoint(tmp_path / "at-{epoch}.keras")
    fit(model, watch(tmp_path / "logs"), saved, epochs=3)
    older = keras.saving.load_model(tmp_path / "at-2.keras")
    with caplog.at_level(logging.WARNING, "tf_interp"):
        fit(older, watch(tmp_path / "logs"), epochs=5, initial_epoch=2)
    assert runs(tmp_path / "logs") == {".": [0, 3, 6, 9, 12, 15]}
    assert any("goes on from step 6; looks up to step 9 are there already" in line for line in caplog.messages)


def test_the_same_script_again_begins_anew(tmp_path):
    """Weights are those of the first look, but a training that had got further does not go on from there."""
    for _ in range(2):
        fit(build(), watch(tmp_path))
    assert runs(tmp_path) == {".": [0, 3, 6], "interp-2": [0, 3, 6]}


def test_two_callbacks_of_one_fit_do_not_share_a_folder(tmp_path):
    first, second = watch(tmp_path), watch(tmp_path)
    model = fit(build(), first, second, epochs=1)
    fit(model, first, second, epochs=1)
    assert runs(tmp_path) == {".": [0, 3, 6], "interp-2": [0, 3, 6]}
    for record in read(tmp_path / "interp-2"):
        (warning,) = record.data["warnings"]
        assert "another callback of this fit writes to the same log directory, as session 1: this one is" in warning
        assert "they show one training, not two" in warning


def test_a_folder_without_records_does_not_count(tmp_path):
    Writer(tmp_path).close()
    fit(build(), watch(tmp_path), epochs=1)
    assert runs(tmp_path) == {".": [0, 3]}


def test_records_of_an_earlier_version_are_gone_on_with_by_their_steps(tmp_path):
    with Writer(tmp_path) as writer:
        writer.add(Record("groups", "conv", 5, "without weights"))
    model = build()
    model.optimizer.iterations.assign(6)
    fit(model, watch(tmp_path), epochs=1)
    fit(build(), watch(tmp_path), epochs=1)
    assert runs(tmp_path) == {".": [5, 6, 9], "interp-2": [0, 3]}


def test_a_writer_of_a_session(tmp_path):
    with Writer(tmp_path, session=3) as writer:
        writer.add(Record("groups", "conv", 2, "t", {"model": {"name": "m", "weights": "w"}, "ordinal": 4}))
        writer.add(Record("features", "conv", 7, "t", {"ordinal": "many"}))
    (tmp_path / "interp-1").mkdir()
    (tmp_path / "interp-02").mkdir()
    assert list_sessions(tmp_path) == [3]
    assert read_look(tmp_path) is None
    assert read_look(tmp_path, 3) == (7, 2, None, None, {})
    assert read_look(tmp_path, 3, 2) == (2, 2, "m", "w", {"groups/conv": 5})
    assert read_look(tmp_path, 3, 5) is None
    assert pickle.loads(pickle.dumps(writer)).folder == tmp_path / "interp-3"  # noqa: S301


def test_one_line_says_what_was_written_and_where(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "tf_interp"):
        fit(build(), watch(tmp_path), epochs=1)
        fit(build(), watch(tmp_path / "other"), epochs=1, verbose=2)
    lines = [(record.levelname, record.message) for record in caplog.records]
    assert lines == [
        ("INFO", f"InterpCallback: 2 looks written to {tmp_path / 'interp'}, steps 0 to 3"),
        ("WARNING", f"InterpCallback: 2 looks written to {tmp_path / 'other/interp'}, steps 0 to 3"),
    ]
