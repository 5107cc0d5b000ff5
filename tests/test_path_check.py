"""`check_path`: a picture that excites a unit by channels that no real picture uses is told from one that does not."""

import keras
import numpy as np
import pytest

import tf_interp as ti

L = keras.layers


def network():
    """A unit that two sets of channels excite: bright pictures by the first eight, dark ones by the others."""
    net = keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(16, 1, activation="relu", name="early"),
                            L.Conv2D(1, 1, name="unit"), L.Flatten()])  # fmt: skip
    steps = np.linspace(0.5, 2, 8, dtype=np.float32)
    kernel = np.concatenate([steps, -steps])[None, None, None]
    bias = np.concatenate([-0.5 * steps, 0.5 * steps])
    net.get_layer("early").set_weights([kernel, bias])
    net.get_layer("unit").set_weights([np.ones((1, 1, 16, 1), np.float32), np.zeros(1, np.float32)])
    return net


@pytest.fixture(scope="module")
def model():
    return ti.open_model(network())


def test_another_path_is_told_from_that_of_pictures(model):
    bright = np.random.default_rng(0).uniform(0.5, 1, (40, 4, 4, 1)).astype(np.float32)
    some = np.argsort(-bright.mean((1, 2, 3)))[:4].tolist()
    drawn = np.stack([np.ones((4, 4, 1)), np.zeros((4, 4, 1))]).astype(np.float32)  # both excite it as much
    reached = ti.read_activations(model, drawn, ["unit"], pooling="mean")["unit"][:, 0]
    assert reached[0] == pytest.approx(reached[1])
    found = ti.check_path(model, drawn, bright, [some, some], ["early"])
    assert found.layers == ("early",)
    assert found.likeness[0, 0] == pytest.approx(1)
    assert found.natural[0] == pytest.approx(1)
    assert found.likeness[0, 1] < 0
    assert found.rank[0, 1] == 0
    assert found.strange(1) == ["early"]
    assert found.explain(1).startswith("Drawn along another path: in early its channels are less like")
    assert "1 along another path" in repr(found) or "2 along another path" in repr(found)


def test_it_is_the_rank_correlation_of_scipy(model):
    stats = pytest.importorskip("scipy.stats")
    images = np.random.default_rng(1).random((30, 4, 4, 1), np.float32)
    drawn = np.random.default_rng(2).random((1, 4, 4, 1), np.float32)
    found = ti.check_path(model, drawn, images, [[3, 5, 8]], ["early"])
    real = ti.read_activations(model, images, ["early"])["early"].mean((1, 2))
    made = ti.read_activations(model, drawn, ["early"])["early"].mean((1, 2))[0]

    def like(values):
        return np.mean([stats.spearmanr(values, real[row]).statistic for row in (3, 5, 8)])

    assert found.likeness[0, 0] == pytest.approx(like(made))
    pairs = [stats.spearmanr(real[a], real[b]).statistic for a, b in ((3, 5), (3, 8), (5, 8))]
    assert found.natural[0, 0] == pytest.approx(np.mean(pairs))
    others = np.array([like(real[row]) for row in range(30) if row not in (3, 5, 8)])
    same = np.isclose(others, like(made))
    assert found.rank[0, 0] == pytest.approx(np.mean((others < like(made)) & ~same) + same.mean() / 2)


def test_real_pictures_stand_anywhere_among_real_pictures(model):
    images = np.random.default_rng(3).random((200, 4, 4, 1), np.float32)
    found = ti.check_path(model, images[:100], images[100:], [[0, 1, 2, 3]] * 100, ["early"])
    assert sum(bool(found.strange(row)) for row in range(100)) < 20


def test_impossible_requests_are_refused(model):
    images = np.zeros((30, 4, 4, 1), np.float32)
    for exciting, message in (
        ([[1, 2], [3, 4]], "for each of 1 pictures"),
        ([[1]], "two or more"),
        ([[1, 30]], "of 30"),
        ([list(range(12))], "20 others"),
    ):
        with pytest.raises(ValueError, match=message):
            ti.check_path(model, images[:1], images, exciting, ["early"])
    with pytest.raises(ValueError, match="earyl"):
        ti.check_path(model, images[:1], images, [[1, 2]], ["earyl"])


def test_units_say_along_which_path_they_were_drawn(model):
    probe = ti.Probe.from_arrays(np.random.default_rng(4).uniform(0.5, 1, (32, 4, 4, 1)))
    (record,) = ti.analyze(model, probe, ["unit"], [ti.Features([0], steps=8)])
    path = record.data["units"][0]["path"]
    assert path["layers"] == ["early"]
    examples = [row["probe"] for row in record.data["units"][0]["examples"]]
    assert 0 <= path["rank"][0] <= 1
    assert path["sentence"].startswith("Drawn along")
    assert len(examples) == 4
    (first,) = ti.analyze(model, probe, ["early"], [ti.Features([0], steps=8)])
    assert first.data["units"][0].get("path") is None, "nothing lies before it"
    few = ti.Probe.from_arrays(np.random.default_rng(4).random((8, 4, 4, 1)))
    (record,) = ti.analyze(model, few, ["unit"], [ti.Features([0], steps=8)])
    assert record.data["units"][0].get("path") is None, "too few to stand among"


@pytest.mark.parametrize("kind", ["dead", "not a number", "zero but for rounding"])
def test_where_nothing_can_be_ranked_nothing_is_claimed(kind):
    net = network()
    middle = L.GroupNormalization(-1, center=False, name="norm") if kind.startswith("zero") else L.Identity(name="norm")
    net = keras.Sequential([keras.Input((4, 4, 1)), net.get_layer("early"), middle, net.get_layer("unit")])
    if kind == "dead":
        net.get_layer("early").set_weights([np.zeros((1, 1, 1, 16)), -np.ones(16)])
    elif kind == "not a number":
        net.get_layer("early").set_weights([np.full((1, 1, 1, 16), np.nan), np.zeros(16)])
    images = np.random.default_rng(5).random((40, 4, 4, 1), np.float32)
    found = ti.check_path(ti.open_model(net), images[:2], images, [[3, 4, 5]] * 2, ["norm"])
    assert np.isnan(found.rank).all()
    assert np.isnan(found.likeness).all()
    assert found.strange(0) == []
    assert found.explain(0) == "Along which path it was drawn does not show in norm."
