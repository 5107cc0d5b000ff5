"""`accentuate` and `CloseTo`: a linear unit's optimum, never further than asked, one program for all."""

import keras
import networks
import numpy as np
import pytest
from recipe_networks import SIZE, means, open_small

import tf_interp as ti
from tf_interp.analysis.parts import features
from tf_interp.features import SGD, CloseTo
from tf_interp.features.recipes.accentuation import accentuate

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.uniform(0, 1, (2, *SIZE)).astype(np.float32)
FAST = {"steps": 24, "transforms": (), "retries": 0}


def apart(images, start):
    return np.sqrt(((images - start) ** 2).mean((1, 2, 3)))


@pytest.fixture(scope="module")
def model():
    return open_small()


def test_a_linear_unit_adds_its_weights_up_to_the_distance():
    """Known answer: start + distance * weights / (root mean square of the weights)."""
    weights = RANDOM.normal(0, 1, (8, 8)).astype(np.float32)
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1, name="d")])
    network.set_weights([weights.reshape(-1, 1), np.zeros(1, np.float32)])
    start = RANDOM.uniform(0.4, 0.6, (8, 8, 1)).astype(np.float32)
    drawn = accentuate(ti.open_model(network), start, "d:0", distance=0.02, steps=500, transforms=())
    best = start[..., 0] + 0.02 * weights / np.sqrt((weights**2).mean())
    np.testing.assert_allclose(drawn.images[0, ..., 0], best, atol=0.004)


def test_each_picture_stays_close_and_excites_more(model):
    drawn = accentuate(model, PICTURES, ["conv2:1", "conv2:4"], distance=0.05, **FAST)
    before, after = (means(model, images, "conv2") for images in (PICTURES, drawn.images))
    for row, unit in enumerate((1, 4)):
        assert after[row, unit] > 1.1 * before[row, unit]
        assert drawn.activations[row] == pytest.approx(after[row, unit], rel=1e-3)
    assert (apart(drawn.images, PICTURES) <= 0.05 + 1e-5).all()
    further = accentuate(model, PICTURES, ["conv2:1", "conv2:4"], distance=0.2, **FAST)
    assert (further.activations > drawn.activations).all()


def test_one_picture_serves_all_objectives(model):
    drawn = accentuate(model, PICTURES[0], ["conv2:1", "conv2:4"], **FAST)
    twice = accentuate(model, PICTURES[[0, 0]], ["conv2:1", "conv2:4"], **FAST)
    np.testing.assert_array_equal(drawn.images, twice.images)


def test_no_step_is_no_change(model):
    drawn = accentuate(model, PICTURES, ["conv2:1", "conv2:4"], steps=0)
    np.testing.assert_allclose(drawn.images, PICTURES, atol=2e-6)


def test_the_start_is_kept_by_any_optimizer(model):
    for optimizer in (SGD(momentum=0.9), None):
        drawn = accentuate(model, PICTURES[0], "conv2:1", optimizer=optimizer, **FAST)
        np.testing.assert_array_equal(drawn.state.variables[1][0], PICTURES[0])


def test_other_pictures_use_the_same_program(model):
    built = []
    cached = model.folded.cached

    def count(key, build, **options):
        return cached(key, lambda: built.append(key[0]) or build(), **options)

    model.folded.cached = count
    try:
        for picture in PICTURES:
            accentuate(model, picture, "conv2:2", distance=0.07, **FAST)
    finally:
        del model.folded.cached
    assert built.count("render") == 1


def test_mistakes_are_told(model):
    with pytest.raises(ValueError, match="one for each of 3 objectives; got 2"):
        accentuate(model, PICTURES, ["conv2:1", "conv2:4", "conv2:5"])
    with pytest.raises(TypeError, match="leave out init, param"):
        accentuate(model, PICTURES[0], "conv2:1", init=None, param=None)
    with pytest.raises(ValueError, match="above 0"):
        CloseTo(distance=0)
    with pytest.raises(ValueError, match="opacity"):
        CloseTo(alpha=True)


@pytest.mark.parametrize("at", ["channel", "neuron"])
def test_features_add_the_best_probe_picture_made_stronger(model, at):
    probe = ti.Probe.from_arrays(networks.pictures(5, seed=3, size=SIZE))
    part = ti.Features([1, 4], steps=4, at=at, accentuate=True)
    record = next(ti.Analysis(model, probe, ["conv2"], [part]).run(0))
    assert record.data["accentuated"]["count"] == 2
    assert record.data["settings"]["accentuated"] == 0.1
    for unit in record.data["units"]:
        entry = unit["accentuated"]
        assert entry["probe"] == unit["examples"][0]["probe"]
        assert entry["before"] == pytest.approx(unit["probe_max"])
        assert entry["activation"] > 1.02 * entry["before"]
    plain = next(ti.Analysis(model, probe, ["conv2"], [ti.Features([1, 4], steps=4, at=at)]).run(0))
    assert "accentuated" not in plain.data
    assert "accentuated" not in plain.data["units"][0]


def test_a_look_with_little_room_accentuates_in_fewer_steps_and_says_so(model, monkeypatch):
    asked = []
    monkeypatch.setattr(
        features,
        "accentuate",
        lambda *given, steps, **options: asked.append(steps) or accentuate(*given, steps=steps, **options),
    )
    probe = ti.Probe.from_arrays(networks.pictures(5, seed=3, size=SIZE))
    analysis = ti.Analysis(model, probe, ["conv2"], [ti.Features([1, 4], steps=4, accentuate=True)], repeated=True)
    told = [next(analysis.run(step, effort=effort)).data["notes"] for step, effort in enumerate((1.0, 0.25))]
    assert asked == [64, 16]
    said = "to keep within max_overhead, probe pictures were accentuated in 16 steps, not 64"
    assert [said in notes for notes in told] == [False, True]


def test_what_cannot_be_accentuated_is_told():
    network = keras.Sequential([keras.Input((12, 2), name="x"), keras.layers.Conv1D(4, 3, name="c")])
    probe = ti.Probe.from_arrays({"x": RANDOM.normal(0, 1, (5, 12, 2)).astype(np.float32)})
    part = ti.Features(2, steps=2, accentuate=True)
    record = next(ti.Analysis(ti.open_model(network), probe, ["c"], [part]).run(0))
    assert any("no probe picture was accentuated" in note for note in record.data["notes"])
    assert "accentuated" not in record.data


def test_a_picture_is_judged_by_its_start_and_not_by_noise():
    network = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 1, use_bias=False, name="conv")])
    network.set_weights([np.ones((1, 1, 1, 1), np.float32)])
    model, dark = ti.open_model(network), np.zeros((4, 4, 1), np.float32)
    made = ti.accentuate(model, dark, "conv:0", distance=0.1, steps=32)
    assert 0.05 < made.activations[0] < 0.5, "stronger than black, and far below grey noise"
    assert made.status == ("ok",)
    (still,) = ti.accentuate(model, dark, "conv:0", distance=0.1, steps=0).status
    assert still == "did not become stronger: 0 after 0 steps, 0 at the start"
