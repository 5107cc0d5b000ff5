"""What a look may cost: cheap parts keep every look, costly ones wait, by a clock that is set by hand."""

import pickle

import keras
import numpy as np
import pytest

import tf_interp as ti
from tf_interp.callback.budget import Budget


class Clock:
    """A clock that goes on only when it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def look(budget, clock, costs):
    """Train 10 s and look, as the callback does; return which parts were made."""
    clock.now += 10
    without = budget.forgo(list(costs))
    if len(without) < len(costs):
        for kind in costs:
            if kind not in without:
                with budget.charged(kind):
                    clock.now += costs[kind]
        budget.leave_out(without)
    return [kind for kind in costs if kind not in without]


def test_cheap_parts_keep_every_look_and_costly_ones_wait_for_their_turn():
    clock = Clock()
    budget = Budget(0.05, clock)
    costs = {"features": 1.0, "concepts": 0.1, "groups": 0.2}
    made = [look(budget, clock, costs) for _ in range(40)]
    assert made[0] == list(costs), "what one costs is not known yet"
    assert sum("concepts" in kinds for kinds in made) >= 36
    assert sum("groups" in kinds for kinds in made) >= 36
    drawn = sum("features" in kinds for kinds in made)
    assert 4 <= drawn < 12, "a fifth of the room that is left, 2 s of 10"
    spent = sum(costs[kind] for kinds in made for kind in kinds)
    assert spent <= 0.05 * 400 + 1.3, "the first look is on top"
    assert budget.left_out["features"] == sum(bool(kinds) and "features" not in kinds for kinds in made)


def test_without_a_limit_nothing_waits():
    clock = Clock()
    budget = Budget(None, clock)
    assert all(look(budget, clock, {"features": 100.0}) == ["features"] for _ in range(3))


def test_the_last_look_is_all_or_nothing():
    clock = Clock()
    budget = Budget(0.05, clock)
    look(budget, clock, {"features": 9.0, "concepts": 0.001})
    clock.now += 400
    assert budget.forgo(["features", "concepts"]) == []
    with budget.charged():
        clock.now += 5
    assert budget.forgo(["features", "concepts"]) == ["features"]
    assert budget.forgo(["features", "concepts"], whole=True) == ["features", "concepts"]


def test_what_compiles_is_not_held_against_later_looks():
    clock = Clock()
    budget = Budget(0.05, clock)
    with budget.charged("features"):
        clock.now += 60
    clock.now += 10
    assert budget.forgo(["features"]) == ["features"]
    budget.begin()
    assert budget.forgo(["features"]) == []


def test_what_is_left_out_is_told_once_and_in_the_next_record():
    clock = Clock()
    budget = Budget(0.05, clock)
    assert budget.announce([]) is None
    look(budget, clock, {"features": 2.0, "concepts": 0.1})
    log, note = budget.announce(["features"])
    assert log == "features of a look took 2.0 s: some are skipped to keep within max_overhead=0.05 (None lifts it)"
    assert note == "features are left out of some looks from here on."
    assert budget.announce(["features"]) is None
    budget.leave_out(["features"])
    budget.leave_out(["features"])
    assert budget.describe("concepts", {"session": 1}) == {"session": 1, "notes": []}
    told = "2 looks before this one had no features, to keep within max_overhead=0.05"
    assert budget.describe("features", {"notes": ["x"]})["notes"] == ["x", told]
    assert budget.describe("features", {})["notes"] == []
    assert budget.summarize(1, 0) == "1 skipped, 2 without features to keep max_overhead=0.05; 0 failures"
    assert Budget(0.05).summarize(0, 0) == ""
    assert pickle.loads(pickle.dumps(Budget(0.05))).share == 0.05  # noqa: S301


class Cheap(ti.Part):
    kind = "cheap"

    def make(self, view):
        for layer in view.layers:
            album = ti.analysis.Album()
            data = {"probe": view.describe_probe(album)}
            yield ti.analysis.Draft(self.kind, layer, "t", data, album, settings={})


class Costly(Cheap):
    kind = "costly"


@pytest.mark.parametrize("stops", [False, True])
def test_a_training_keeps_its_cheap_parts_and_ends_with_all(tmp_path, monkeypatch, stops):
    def forgo(self, kinds, whole):
        return list(kinds) if whole else ["costly"]

    monkeypatch.setattr(Budget, "forgo", forgo)
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 2, name="conv"), keras.layers.Flatten(),
                                keras.layers.Dense(2)])  # fmt: skip
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.random.default_rng(0).random((8, 4, 4, 1), np.float32), np.arange(8) % 2
    watch = ti.InterpCallback(
        tmp_path, ti.Probe.from_arrays(x[:3]), layers=["conv"], parts=[Costly(), Cheap()], on_error="raise"
    )
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(network, "stop_training", stops and epoch == 2)
    )
    network.fit(x, y, batch_size=4, epochs=4, verbose=0, callbacks=[stop, watch])
    steps = {kind: [r.step for r in ti.read(tmp_path) if r.kind == kind] for kind in ("cheap", "costly")}
    if stops:  # nobody knew that the third would be the last
        assert steps == {"cheap": [0, 2, 4, 6], "costly": [0, 7]}
    else:
        assert steps == {"cheap": [0, 2, 4, 6, 8], "costly": [0, 8]}
    (*_, last) = [record for record in ti.read(tmp_path) if record.kind == "costly"]
    assert "3 looks before this one had no costly, to keep within max_overhead=0.05" in last.data["notes"]
