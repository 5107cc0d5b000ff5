"""What a look may cost: cheap parts keep every look, costly ones wait, by a clock that is set by hand."""

import pickle
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_interp as ti
from tf_interp.callback.budget import Budget
from tf_interp.groups import nmf
from tf_interp.groups.methods import semi_nmf


class Clock:
    """A clock that goes on only when it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def look(budget, clock, costs):
    """Train 10 s and look, as the callback does; return the effort of each part that was made."""
    clock.now += 10
    plan = budget.plan({kind: not isinstance(cost, float) for kind, cost in costs.items()})
    if any(plan.values()):
        for kind, effort in plan.items():
            if effort:
                with budget.charged(kind, effort):
                    clock.now += price(costs[kind], effort)
        budget.note(plan)
    return {kind: effort for kind, effort in plan.items() if effort}


def price(cost, effort):
    """Return what a part takes: so much, or (always, for its pictures)."""
    return cost if isinstance(cost, float) else cost[0] + effort * cost[1]


def test_cheap_parts_keep_every_look_and_costly_ones_wait_for_their_turn():
    clock = Clock()
    budget = Budget(0.05, clock)
    costs = {"features": 1.0, "concepts": 0.1, "groups": 0.2}
    made = [look(budget, clock, costs) for _ in range(40)]
    assert list(made[0]) == list(costs), "what one costs is not known yet"
    assert sum("concepts" in kinds for kinds in made) >= 36
    assert sum("groups" in kinds for kinds in made) >= 36
    drawn = sum("features" in kinds for kinds in made)
    assert 4 <= drawn < 12, "a fifth of the room that is left, 2 s of 10"
    spent = sum(costs[kind] for kinds in made for kind in kinds)
    assert spent <= 0.05 * 400 + 1.3, "the first look is on top"
    assert budget.left_out["features"] == sum(bool(kinds) and "features" not in kinds for kinds in made)


def test_pictures_get_fewer_steps_before_they_wait():
    clock = Clock()
    budget = Budget(0.05, clock)
    costs = {"features": (0.05, 1.0), "groups": (0.1, 0.4), "concepts": 0.02}
    made = [look(budget, clock, costs) for _ in range(60)]
    for kind in costs:
        assert sum(kind in efforts for efforts in made) > 40, f"{kind} keep most looks"
    assert sum(efforts.get("features") == 0.25 for efforts in made) > 40
    assert {efforts.get("groups") for efforts in made} >= {0.25, 0.5}, "what is left over is used"
    assert all(efforts.get("concepts", 1.0) == 1.0 for efforts in made), "what draws nothing cannot do with less"
    assert budget.thinned["features"] == sum(0 < efforts.get("features", 0) < 1 for efforts in made)
    spent = sum(price(costs[kind], effort) for efforts in made for kind, effort in efforts.items())
    assert spent <= 0.05 * 600 + 1.6, "the first look is on top"
    assert spent > 0.8 * 0.05 * 600, "and what there is room for is made"


def test_a_part_that_became_cheaper_is_made_in_full_again():
    clock = Clock()
    budget = Budget(0.05, clock)
    look(budget, clock, {"features": (0.0, 2.0)})  # the machine was busy
    made = [look(budget, clock, {"features": (0.0, 0.3)}) for _ in range(20)]
    assert made[-1] == {"features": 1.0}


def test_without_a_limit_nothing_waits():
    clock = Clock()
    budget = Budget(None, clock)
    assert all(look(budget, clock, {"features": (0.0, 100.0)}) == {"features": 1.0} for _ in range(3))


def test_the_last_look_is_all_or_nothing():
    clock = Clock()
    budget = Budget(0.05, clock)
    look(budget, clock, {"features": 9.0, "concepts": 0.001})
    clock.now += 400
    kinds = {"features": False, "concepts": False}
    assert budget.plan(kinds) == {"features": 1, "concepts": 1}
    with budget.charged():
        clock.now += 5
    assert budget.plan(kinds) == {"features": 0, "concepts": 1}
    assert budget.plan(kinds, whole=True) == {"features": 0, "concepts": 0}
    assert budget.plan({**kinds, "features": True}) == {"features": 0.5, "concepts": 1}
    assert budget.plan({**kinds, "features": True}, whole=True) == {"features": 0, "concepts": 0}


def test_what_compiles_is_not_held_against_later_looks():
    clock = Clock()
    budget = Budget(0.05, clock)
    with budget.charged("features"):
        clock.now += 60
    clock.now += 10
    assert budget.plan({"features": True}) == {"features": 0}
    budget.begin()
    assert budget.plan({"features": True}) == {"features": 1}


def test_what_is_left_out_is_told_once_and_in_the_next_record():
    clock = Clock()
    budget = Budget(0.05, clock)
    assert budget.announce({}) is None
    look(budget, clock, {"features": 2.0, "concepts": 0.1})
    log, note = budget.announce({"features": 0.0, "concepts": 1.0})
    assert log == "features of a look took 2.0 s: some are skipped to keep within max_overhead=0.05 (None lifts it)"
    assert note == "features are left out of some looks from here on, to keep within max_overhead=0.05."
    assert budget.announce({"features": 0.0}) is None
    budget.note({"features": 0.0, "concepts": 0.5})
    budget.note({"features": 0.0, "concepts": 1.0})
    assert budget.describe("concepts", {"session": 1}) == {"session": 1, "notes": []}
    told = "2 looks before this one had no features, to keep within max_overhead=0.05"
    assert budget.describe("features", {"notes": ["x"]})["notes"] == ["x", told]
    assert budget.describe("features", {})["notes"] == []
    assert budget.summarize(1, 0) == (
        "1 skipped, 2 without features, 1 with concepts drawn in fewer steps to keep max_overhead=0.05; 0 failures"
    )
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
    def plan(self, kinds, whole):
        return {kind: float(kind != "costly" and not whole) for kind in kinds}

    monkeypatch.setattr(Budget, "plan", plan)
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


def test_pictures_drawn_in_fewer_steps_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(Budget, "plan", lambda self, kinds, whole: dict.fromkeys(kinds, 1.0 if whole else 0.25))
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, name="conv"), keras.layers.Flatten(),
                                keras.layers.Dense(2)])  # fmt: skip
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.random.default_rng(0).random((8, 8, 8, 1), np.float32), np.arange(8) % 2
    parts = [ti.Features([0, 1], steps=32, warm_steps=8), ti.NeuronGroups(2, steps=16, warm_steps=4)]
    watch = ti.InterpCallback(tmp_path, ti.Probe.from_arrays(x[:3]), layers=["conv"], parts=parts, on_error="raise")
    network.fit(x, y, batch_size=8, epochs=3, verbose=0, callbacks=[watch])
    told = "to keep within max_overhead, pictures got 25% of their usual steps: those of later looks go on from there"
    records = list(ti.read(tmp_path))
    assert {(r.kind, r.step) for r in records if told in r.data["notes"]} == {
        (kind, step) for kind in ("features", "groups") for step in (0, 1, 2)
    }
    steps = [r.data["settings"]["steps"] for r in records if r.kind == "features"]
    assert steps == [8, 2, 2, 32 - 8 - 2 - 2], "what the first look saved is made up for at the end"


@pytest.mark.parametrize(("share", "epochs", "steps"), [(0.05, 0, [32]), (0.05, 1, [8, 24]), (None, 1, [32, 8])])
def test_a_first_look_saves_steps_only_where_later_ones_go_on(tmp_path, share, epochs, steps):
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, name="conv"), keras.layers.Flatten(),
                                keras.layers.Dense(2)])  # fmt: skip
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.random.default_rng(0).random((8, 8, 8, 1), np.float32), np.arange(8) % 2
    parts = [ti.Features([0, 1], steps=32, warm_steps=8)]
    watch = ti.InterpCallback(
        tmp_path, ti.Probe.from_arrays(x[:3]), layers=["conv"], parts=parts, on_error="raise", max_overhead=share
    )
    network.fit(x, y, epochs=epochs, verbose=0, callbacks=[watch])
    assert [r.data["settings"]["steps"] for r in ti.read(tmp_path) if r.kind == "features"] == steps


def test_a_first_look_translates_no_python_and_a_second_compiles_nothing(monkeypatch):
    compiled, real = [], tf.function

    def watch(*given, **options):
        if "tf_interp" in sys._getframe(1).f_code.co_filename:  # not what Keras compiles
            compiled.append(options.get("autograph", True))
        return real(*given, **options)

    monkeypatch.setattr(tf, "function", watch)
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(6, 3, activation="relu", name="a"), keras.layers.Conv2D(6, 3, name="b")]
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    pictures = np.random.default_rng(0).random((6, 12, 12, 1)).astype(np.float32)
    probe = ti.Probe.from_arrays(pictures, labels=[0, 1, 2, 0, 1, 2])
    parts = [ti.Features(2, steps=2), ti.NeuronGroups(2, steps=2), ti.Attributions(), ti.Decisions()]
    for solver in (nmf._solver, semi_nmf._solver):
        solver.cache_clear()  # as in a new process
    model = ti.open_model(keras.Sequential([keras.Input((12, 12, 1)), *layers, *head]))
    analysis = ti.Analysis(model, probe, ["a", "b"], parts, repeated=True)
    list(analysis.run(0))
    first = len(compiled)
    assert first <= 28, "a rise is paid by every first look"
    assert not any(compiled), "translating Python took longer than the traces"
    list(analysis.run(1))
    assert len(compiled) == first
