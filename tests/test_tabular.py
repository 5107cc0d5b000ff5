"""Concepts in a table: what a small network has learned about tumors, and a coin that means nothing."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from tf_interp import Concept, open_model, tcav

TESTS = {"permutations": 1999, "bootstraps": 100, "relative": "none"}


@pytest.fixture(scope="module")
def tumors():
    """Standardized columns, labels and column names of 569 tumors, in random order."""
    data = load_breast_cancer()
    order = np.random.default_rng(0).permutation(len(data.data))
    columns = ((data.data - data.data.mean(0)) / data.data.std(0)).astype(np.float32)
    return columns[order], data.target[order], list(data.feature_names)


@pytest.fixture(scope="module")
def model(tumors):
    table, labels, _ = tumors
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((table.shape[1],)),
            keras.layers.Dense(16, activation="relu", name="early"),
            keras.layers.Dense(8, activation="relu", name="late"),
            keras.layers.Dense(2, name="logits"),
        ]
    )
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    network.fit(table[:300], labels[:300], epochs=15, verbose=0)
    assert network.evaluate(table[300:], labels[300:], verbose=0)[1] > 0.9
    return open_model(network, class_names=["malignant", "benign"])


def test_size_matters_to_the_network_and_a_coin_does_not(model, tumors):
    table, labels, names = tumors
    known, pool = table[300:430], table[430:]
    radius = known[:, names.index("mean radius")]
    sizes = np.select([radius > 0.4, radius < -0.6], ["large", "small"], "medium")
    coins = np.random.default_rng(1).choice(["heads", "tails"], len(known))
    concepts = {
        "large": Concept.from_labels(known, sizes, "large"),
        "small": Concept.from_labels(known, sizes, "small"),
        "heads": Concept.from_labels(known, coins, "heads"),
    }
    malignant = table[:300][labels[:300] == 0][:60]
    result = tcav(model, concepts, pool, {"malignant": malignant}, ["early", "late"], **TESTS)
    for layer in ("early", "late"):
        large, small, heads = result.find(layer=layer)
        assert result.claims(large)
        assert result.claims(small)
        assert large["displacement"] > 0.3
        assert small["displacement"] < -0.3
        assert not result.claims(heads)
        assert abs(heads["displacement"]) < 0.2
        assert "LOW_ACCURACY" in heads["flags"]
    assert "large raises the network's evidence (logit) for malignant" in result.explain()[0] + result.explain()[1]


def test_a_column_that_comes_in_degrees_and_one_of_noise(model, tumors):
    table, labels, names = tumors
    known = table[300:430]
    concepts = {
        "concavity": Concept.from_values(known, known[:, names.index("mean concave points")]),
        "noise": Concept.from_values(known, np.random.default_rng(2).normal(size=len(known))),
    }
    targets = {"malignant": table[:60], "benign": table[:60]}
    result = tcav(model, concepts, None, targets, "early", **TESTS)
    concavity, noise = result.find(target="malignant")
    assert concavity["contrast"] == "continuous"
    assert result.claims(concavity)
    assert concavity["displacement"] > 0.3
    assert not result.claims(noise)
    assert result.find(target="benign", concept="concavity")[0]["displacement"] < 0
    assert labels.dtype.kind == "i"


def test_series_of_any_range_are_concepts_too():
    keras.utils.set_random_seed(0)
    series = keras.Input((6, 2))
    features = keras.layers.Conv1D(3, 2, name="features")(series)
    pooled = keras.layers.GlobalAveragePooling1D()(features)
    model = open_model(keras.Model(series, keras.layers.Dense(1, use_bias=False, name="logit")(pooled)))
    rng = np.random.default_rng(0)
    high = Concept(rng.normal(5, 3, (20, 6, 2)).astype(np.float32))
    pool = Concept(rng.normal(0, 3, (60, 6, 2)).astype(np.float32))
    result = tcav(model, {"high": high}, pool, {"0": Concept(pool.images[:20] + 0.5)}, "features", **TESTS)
    scores = [model.run(item.images, ["output"])["output"].numpy().mean() for item in (high, pool)]
    assert result.rows[0]["displacement"] == pytest.approx(scores[0] - scores[1], rel=1e-4)
