"""What is found while a network trains: on the console between two lines of Keras, in the log, in the user's hands."""

import logging

import keras
import numpy as np
import pytest

import tf_interp as ti
from tf_interp import ConceptTests, Features, InterpCallback, Probe, read, read_findings
from tf_interp.callback.news import News

RANDOM = np.random.default_rng(0)
DARK = RANDOM.random((40, 8, 8, 1), np.float32) * 0.3
BRIGHT = DARK + 0.5
X, Y = np.concatenate([DARK, BRIGHT]), np.repeat([0, 1], 40)
PROBE = Probe.from_arrays(X[::4], Y[::4], ["dark", "bright"])


def build():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 3, activation="relu", name="conv"), keras.layers.GlobalAveragePooling2D()]
    network = keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Dense(2, name="head")], name="lamp")
    network.compile(keras.optimizers.SGD(0.5), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return network


def make_tests(**options):
    own = {"paired": {"light": DARK}, "permutations": 999, "bootstraps": 50} | options
    return ConceptTests({"light": BRIGHT}, None, ["bright"], **own)


def watch(folder, *parts, **options):
    own = {"max_overhead": None, "on_error": "raise"} | options
    return InterpCallback(folder, PROBE, layers=["conv"], parts=list(parts) or [make_tests()], **own)


def fit(network, callback, epochs=6, verbose=0, **options):
    network.fit(X, Y, epochs=epochs, batch_size=20, verbose=verbose, callbacks=[callback], **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, heard = tmp_path_factory.mktemp("run"), []
    network, callback = build(), watch(folder, on_finding=heard.append)
    fit(network, callback)
    return network, callback, heard, folder


def test_an_alarm_reaches_record_function_and_reader_in_the_same_words(trained):
    _, callback, heard, folder = trained
    (finding,) = callback.findings
    assert finding.kind == "relies"
    assert f"Epoch {finding.epoch + 1}: the logit of bright begins to rely on light (+" in finding.sentence
    assert heard == [finding]
    assert read_findings(folder) == {".": [finding]}
    (record,) = [record for record in read(folder) if record.kind == "finding"]
    assert (record.step, record.data["findings"][0]["sentence"]) == (finding.step, finding.sentence)
    assert record.data["model"]["name"] == "lamp"


def test_records_of_concepts_say_when_the_alarm_rang_and_what_it_has_spent(trained):
    _, callback, _, folder = trained
    (finding,) = callback.findings
    records = [record for record in read(folder) if record.kind == "concepts"]
    assert [record.data["watch"]["share"] for record in records] == pytest.approx([n / 6 for n in range(7)])
    assert [record.data["watch"]["spent"] for record in records] == pytest.approx([n / 120 for n in range(7)])
    rang = [None if record.step < finding.step else finding.step for record in records]
    assert [record.data["tests"][0]["alarm"] for record in records] == rang
    assert {record.data["exploratory"] for record in records} == {False}


def test_a_second_fit_has_a_watch_of_its_own_and_tells_nothing_twice(trained, tmp_path):
    network, callback = build(), watch(tmp_path)
    fit(network, callback, 3)
    told = callback.findings
    fit(network, callback, 2)
    assert callback.findings == told
    records = [record for record in read(tmp_path) if record.kind == "concepts"]
    assert [record.data["watch"]["looks"] for record in records] == [1, 2, 3, 4, 1, 2]
    assert any("another training began, and with it another watch" in note for note in records[-2].data["notes"])


def test_fits_of_one_epoch_in_a_loop_share_a_watch_and_say_so(tmp_path):
    network, callback = build(), watch(tmp_path)
    for _ in range(3):
        fit(network, callback, 1)
    records = [record for record in read(tmp_path) if record.kind == "concepts"]
    assert [record.data["watch"]["looks"] for record in records] == [1, 2, 3, 4]
    told = ["another fit began, no shorter than the one before" in " ".join(r.data["notes"]) for r in records]
    assert told == [False, False, True, True]
    assert "which had spent 0.05 of alpha = 0.05" in " ".join(records[-1].data["notes"])


def test_a_training_that_goes_on_spends_what_was_left_and_knows_what_was_told(tmp_path):
    network = build()
    first = watch(tmp_path)
    network.fit(X, Y, epochs=6, batch_size=20, verbose=0, callbacks=[first, Stop(4)])
    again = watch(tmp_path)
    fit(network, again, 6, initial_epoch=4)
    assert again.findings == first.findings != []
    records = [record for record in read(tmp_path) if record.kind == "concepts"]
    spent = [record.data["watch"]["spent"] for record in records]
    assert spent == pytest.approx([0, 1 / 120, 2 / 120, 3 / 120, 4 / 120, 5 / 120, 6 / 120])
    assert [record.data["watch"]["looks"] for record in records] == [1, 2, 3, 4, 5, 6, 7]
    (finding,) = first.findings
    rang = [None if record.step < finding.step else finding.step for record in records]
    assert [record.data["tests"][0]["alarm"] for record in records] == rang
    told = [any("has what had not been spent" in note for note in record.data["notes"]) for record in records]
    assert told == [False] * 5 + [True, False]


def test_weights_that_are_put_back_begin_no_other_watch(tmp_path):
    best = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True, mode="max")
    network, callback = build(), watch(tmp_path)
    network.fit(X, Y, epochs=4, batch_size=20, verbose=0, callbacks=[best, callback])
    records = [record for record in read(tmp_path) if record.kind == "concepts"]
    assert records[-1].data["restored"]
    assert records[-1].data["epoch"] == 0
    assert [record.data["watch"]["looks"] for record in records] == [1, 2, 3, 4, 5, 6]
    assert records[-1].data["watch"]["share"] == 1


def test_targets_of_another_output_are_watched_too(tmp_path):
    x = keras.Input((8, 8, 1))
    y = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, name="conv")(x))
    heads = {"lamp": keras.layers.Dense(2, name="lamp")(y), "shade": keras.layers.Dense(5, name="shade")(y)}
    model = ti.open_model(keras.Model(x, heads))
    part = ConceptTests({"light": BRIGHT}, None, ["shade:4"], paired={"light": DARK}, permutations=99, bootstraps=20)
    (record,) = ti.Analysis(model, Probe.from_arrays(X[::4]), ["conv"], [part], repeated=True).run(0)
    assert record.data["watch"]["tests"] == 1


def test_no_training_dies_of_a_finding(tmp_path, monkeypatch, caplog):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    monkeypatch.setattr(News, "see", lambda self, record: self._finder._noted.append("no finding") or record)
    network, callback = build(), watch(tmp_path, on_error="warn")
    fit(network, callback, 2)
    assert len(network.history.epoch) == 2
    assert callback.failures > 0
    assert any("findings failed, training goes on" in line for line in caplog.messages)


class Stop(keras.callbacks.Callback):
    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 == self.epochs


def test_lines_stand_between_those_of_keras(tmp_path, capsys):
    fit(build(), watch(tmp_path), 4, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    (place,) = [place for place, line in enumerate(lines) if "begins to rely on light" in line]
    epoch = int(lines[place].removeprefix("Epoch ").split(":")[0])
    assert "loss" in lines[place - 1]
    assert lines[place + 1] == f"Epoch {epoch + 1}/4"


def test_a_quiet_training_stays_quiet_and_the_log_knows(tmp_path, capsys, caplog):
    with caplog.at_level(logging.INFO, "tf_interp"):
        fit(build(), watch(tmp_path), 3)
    assert capsys.readouterr().out == ""
    assert any("begins to rely on light" in line for line in caplog.messages)


def test_a_function_may_stop_the_training_and_its_mistakes_do_not(tmp_path, monkeypatch, caplog):
    network = build()
    fit(network, watch(tmp_path / "a", on_finding=lambda finding: setattr(network, "stop_training", True)), 6)
    assert len(network.history.epoch) < 6
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)

    def fail(finding):
        raise RuntimeError("no network to post to")

    network = build()
    callback = watch(tmp_path / "b", on_error="warn", on_finding=fail)
    fit(network, callback, 3)
    assert len(network.history.epoch) == 3
    assert callback.failures == 1
    assert any("on_finding failed" in line and "no network to post to" in line for line in caplog.messages)


def test_a_loss_that_is_no_number_and_dead_channels_are_told(tmp_path):
    network = build()
    network.get_layer("conv").bias.assign([-100.0] * 4)
    callback = watch(tmp_path, Features(2, steps=2))
    fit(network, callback, 1)
    assert [finding.kind for finding in callback.findings] == ["constant-layer"]
    news = News(None)
    for loss in (1.0, None, np.float32("nan"), float("inf")):
        news.see_loss(loss, 3, 0)
    news.end_look(3, 0, lambda record: None, lambda name, error: None)
    assert [finding.sentence for finding in news.findings] == ["Epoch 1: the loss is nan."]


def test_without_fit_lines_are_printed_at_once(tmp_path, capsys):
    network, callback = build(), watch(tmp_path)
    with callback.attach(network):
        callback.look(step=1)
        network.fit(X, Y, epochs=4, batch_size=20, verbose=0)
        for step in range(100, 108):
            callback.look(step=step)
    out = capsys.readouterr().out
    assert out.count("the logit of bright begins to rely on light") == 1
    assert out.startswith("Step 10")


def test_what_cannot_be_called_is_refused(tmp_path):
    with pytest.raises(TypeError, match="on_finding must be a function"):
        watch(tmp_path, on_finding="post")
