"""Concept tests of networks that take other things than one RGB picture, against the formula by hand."""

import keras
import numpy as np
import pytest

import tf_interp as ti

L = keras.layers
FAST = {"permutations": 199, "bootstraps": 50, "relative": "none"}


@pytest.fixture(scope="module")
def two():
    """logits = [mean red + 2 meta[0], mean blue], so that a concept in either input has a known displacement."""
    image, meta = keras.Input((4, 4, 3), name="image"), keras.Input((2,), name="meta")
    joined = L.Concatenate(name="joined")([L.GlobalAveragePooling2D()(image), meta])
    logits = L.Dense(2, use_bias=False, name="logits")
    network = keras.Model([image, meta], logits(joined))
    logits.set_weights([np.array([[1, 0], [0, 0], [0, 1], [2, 0], [0, 0]], np.float32)])
    return ti.open_model(network)


def sets(count, seed, red=0.0, size=0.0):
    rng = np.random.default_rng(seed)
    image, meta = 0.5 * rng.random((count, 4, 4, 3), np.float32), rng.normal(0, 1, (count, 2)).astype(np.float32)
    image[..., 0] += red
    meta[:, 0] += size
    return {"image": image, "meta": meta}


def test_concepts_of_either_input_have_their_displacement(two):
    concepts, pool = {"red": sets(20, 1, red=0.5), "large": sets(20, 2, size=3)}, sets(64, 3)
    result = ti.tcav(two, concepts, pool, {"0": sets(10, 4)}, "joined", **FAST)

    def score(given):
        return (given["image"][..., 0].mean((1, 2)) + 2 * given["meta"][:, 0]).mean()

    for name, given in concepts.items():
        (row,) = result.find(concept=name)
        assert row["displacement"] == pytest.approx(score(given) - score(pool), rel=1e-4)
    assert result.claims(result.find(concept="large")[0])
    more = ti.add_concepts(result, two, {"both": sets(20, 5, red=0.5, size=3)})
    assert more.find(concept="both")[0]["displacement"] == pytest.approx(
        score(sets(20, 5, 0.5, 3)) - score(pool), rel=1e-4
    )


def test_pictures_alone_are_tested_with_the_others_fixed(two):
    concept, pool, target = sets(20, 1, red=0.5)["image"], sets(64, 3)["image"], sets(10, 4)
    result = ti.tcav(two, {"red": concept}, pool, {"0": target}, "joined", fixed={"meta": [7, 7]}, **FAST)
    expected = concept[..., 0].mean() - pool[..., 0].mean()
    assert result.rows[0]["displacement"] == pytest.approx(expected, rel=1e-4)
    assert "inputs ['meta'] are fixed: the same for all images that were given as one array" in result.notes
    with pytest.raises(ValueError, match=r"\['image', 'meta'\], and concept 'red' are one array, for one input"):
        ti.tcav(two, {"red": concept}, pool, {"0": target}, "joined", **FAST)
    with pytest.raises(ValueError, match=r"'meta' of concept 'red' have shape \[20, 3\], the model takes \[N, 2\]"):
        ti.tcav(two, {"red": concept}, pool, {"0": target}, "joined", fixed={"meta": [7, 7, 7]}, **FAST)
    with pytest.raises(ValueError, match=r"concept 'red' have the inputs \['image', 'other'\]"):
        ti.tcav(two, {"red": {"image": concept, "other": concept}}, sets(64, 3), {"0": target}, "joined", **FAST)


def test_the_part_tests_several_inputs(two):
    given = sets(12, 6)
    probe = ti.Probe.from_arrays(given, labels=[0, 1] * 6)
    part = ti.ConceptTests({"red": sets(20, 1, red=0.5)}, sets(64, 3), [0], permutations=99, bootstraps=20)
    (record,) = ti.analyze(two, probe, ["joined"], [part])
    assert record.data["concepts"]["red"]["examples"]["count"] == 12
    assert record.data["tests"][0]["n_target"] == 6
    with pytest.raises(ValueError, match="are one array"):
        list(ti.analyze(two, probe, ["joined"], [ti.ConceptTests({"red": given["image"]}, given["image"], [0])]))


def test_tokens_stay_whole_where_the_network_takes_whole_numbers():
    tokens = keras.Input((6,), dtype="int32")
    words = L.Embedding(20, 3, name="words")
    network = keras.Model(tokens, L.Dense(2, use_bias=False, name="logits")(L.GlobalAveragePooling1D()(words(tokens))))
    rng = np.random.default_rng(0)
    concept, pool, target = (rng.integers(low, 20, (count, 6)) for low, count in ((12, 20), (0, 64), (0, 10)))
    result = ti.tcav(ti.open_model(network), {"high": concept}, pool, {"1": target}, "words", **FAST)
    table, head = words.get_weights()[0], network.get_layer("logits").get_weights()[0]
    expected = (table[concept].mean((0, 1)) - table[pool].mean((0, 1))) @ head[:, 1]
    assert result.rows[0]["displacement"] == pytest.approx(expected, abs=1e-6)
    with pytest.raises(TypeError, match="reach the network as float32, but it takes int32"):
        ti.tcav(ti.open_model(network), {"high": concept + 0.5}, pool + 0.5, {"1": target + 0.5}, "words", **FAST)
    probe = ti.Probe.from_arrays(target, labels=[0, 1] * 5)
    part = ti.ConceptTests({"high": concept}, pool, [1], permutations=99, bootstraps=20)
    (record,) = ti.analyze(ti.open_model(network), probe, ["words"], [part])
    assert record.data["concepts"]["high"]["examples"]["legend"] == "token numbers"


def test_series_come_with_the_name_of_their_input():
    series = keras.Input((6, 2))
    pooled = L.GlobalAveragePooling1D()(L.Conv1D(3, 2, name="features")(series))
    model = ti.open_model(keras.Model(series, L.Dense(1, use_bias=False)(pooled)))
    rng = np.random.default_rng(0)
    high, pool = rng.normal(5, 3, (20, 6, 2)), rng.normal(0, 3, (60, 6, 2))
    named = ti.tcav(model, {"high": {"x": high}}, {"x": pool}, {"0": {"x": pool[:20] + 0.5}}, "features", **FAST)
    scores = [model.run(item.astype(np.float32), ["output"])["output"].numpy().mean() for item in (high, pool)]
    assert named.rows[0]["displacement"] == pytest.approx(scores[0] - scores[1], rel=1e-4)
    with pytest.raises(ValueError, match="fixed is for networks with several inputs"):
        ti.tcav(model, {"high": {"x": high}}, {"x": pool}, {"0": {"x": pool}}, "features", fixed={"y": 0}, **FAST)
    with pytest.raises(ValueError, match=r"series \[N,T,F\] are given with the name of their input"):
        ti.tcav(model, {"high": high}, pool, {"0": pool[:20]}, "features", **FAST)
    probe = ti.Probe.from_arrays({"x": pool[:20]}, labels=[0, 1] * 10)
    part = ti.ConceptTests({"high": {"x": high}}, {"x": pool}, [lambda y: y[:, 0]], permutations=99, bootstraps=20)
    (record,) = ti.analyze(model, probe, ["features"], [part])
    assert record.data["pool"]["examples"]["legend"].startswith("lines from the top: feature 0, feature 1")
