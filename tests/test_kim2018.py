"""The published test: the same numbers as scikit-learn by hand, and its known optimism."""

import numpy as np
import pytest
from concept_networks import HEAD, find, make_curved, make_linear, noise, tinted
from scipy.stats import ttest_ind
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from tf_interp.concepts import tcav
from tf_interp.concepts.tcav.kim2018 import compare_means, draw_sets


def test_scores_and_p_are_those_of_the_recipe():
    model = make_curved(units=8)
    concept, pool, target = noise(20, 1, 6), noise(80, 2, 6), noise(15, 3, 6, 0, 1)
    result = tcav(model, {"a": concept}, pool, {"0": target}, "early", method="kim2018", runs=4, seed=3)
    row = result.rows[0]
    state = result.state
    values, gradient = state.values["early"].numpy(), state.slopes[0].gradients["early"].numpy()

    def fit(positive, negative):
        x, y = np.concatenate([positive, negative]), np.repeat([1, 0], [len(positive), len(negative)])
        a, b, c, d = train_test_split(x, y, test_size=0.33, stratify=y, random_state=3)
        sgd = SGDClassifier(alpha=0.01, max_iter=1000, tol=1e-3, random_state=3).fit(a, c)
        return sgd.coef_[0], sgd.score(b, d)

    sets = [values[20 + chosen] for chosen in draw_sets(80, 20, 4, 3)]
    fits = [fit(values[:20], negative) for negative in sets]
    scores = [(gradient @ vector > 0).mean() for vector, _ in fits]
    assert row["score"] == pytest.approx(np.mean(scores))
    assert row["cav_accuracy"] == pytest.approx(np.mean([accuracy for _, accuracy in fits]))
    null = []
    for first in range(4):
        for second in range(first + 1, 4):
            score = (gradient @ fit(sets[first], sets[second])[0] > 0).mean()
            null += [score, 1 - score]
    assert row["p"] == pytest.approx(ttest_ind(null, scores).pvalue)
    assert row["displacement"] is row["specificity"] is None


def test_it_says_that_its_p_is_optimistic_and_is_seeded():
    model = make_linear(HEAD)
    args = (model, {"red": tinted(noise(20, 1), 0)}, noise(60, 2), {"0": noise(9, 3)}, "features")
    result = tcav(*args, method="kim2018", runs=5)
    row = find(result, concept="red")
    assert row["score"] == 1.0
    assert {"OPTIMISTIC_P", "POOL_REUSED"} <= set(row["flags"])
    assert "optimistic" in result.notes[-1]
    assert not any("SMALL_POOL" in row["flags"] for row in result.rows)  # it was not asked for
    assert not result.claims(row)
    assert "optimistic" in result.explain()[0]
    assert result.settings["method"] == "kim2018"
    assert tcav(*args, method="kim2018", runs=5).rows == result.rows
    assert result.directions("features").vectors[0, 0] > 0.9


def test_what_it_does_not_know_is_told():
    base = noise(20, 1)
    args = (make_linear(HEAD), {"red": tinted(base, 0)}, noise(60, 2), {"0": noise(9, 3)}, "features")
    result = tcav(
        *args, method="kim2018", runs=3, paired={"red": base}, groups={"red": [f"r{n // 2}" for n in range(20)]}
    )
    assert result.notes[:-1] == [f"method kim2018 knows no {name}, so it was left out" for name in ("paired", "groups")]
    two = (args[0], {"red": tinted(base, 0), "green": tinted(base, 1)}, *args[2:])
    assert "with random images only, not with each other" in tcav(*two, method="kim2018", runs=3).notes[-2]
    assert len(tcav(*two, method="kim2018", runs=3, relative="none").notes) == 1


def test_sets_are_disjoint_where_the_pool_allows_it():
    sets = draw_sets(100, 20, 5, 0)
    assert len(np.unique(np.concatenate(sets))) == 100
    overlapping = draw_sets(50, 20, 5, 0)
    assert all(len(np.unique(chosen)) == 20 for chosen in overlapping)


def test_errors():
    model, base = make_linear(HEAD), noise(20, 1)
    args = (model, {"red": tinted(base, 0)})
    with pytest.raises(ValueError, match="needs random images"):
        tcav(*args, None, {"0": noise(9, 3)}, "features", paired={"red": base}, method="kim2018")
    with pytest.raises(ValueError, match="runs must be"):
        tcav(*args, noise(60, 2), {"0": noise(9, 3)}, "features", method="kim2018", runs=1)
    with pytest.raises(ValueError, match="method must be one of"):
        tcav(*args, noise(60, 2), {"0": noise(9, 3)}, "features", method="kim")


def test_t_test_is_scipys():
    random = np.random.default_rng(0)
    first, second = random.normal(size=30), random.normal(0.4, 1, 9)
    assert compare_means(first, second) == pytest.approx(ttest_ind(first, second).pvalue)
    assert compare_means(np.ones(5), np.ones(4)) is None
