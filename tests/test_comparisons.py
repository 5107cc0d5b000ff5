"""The declared family: relative to the union or to each, hierarchies, pairs, and names that do not fit."""

import numpy as np
import pytest
from concept_networks import FAST, HEAD, make_linear, noise, tinted

from tf_interp.concepts import tcav

SETS = {
    "striped": tinted(noise(20, 1), 0),
    "dotted": tinted(noise(22, 2), 1),
    "red": tinted(noise(24, 4), 2),
    "blue": noise(26, 5),
}
TREE = {"texture": ["striped", "dotted"], "color": ["red", "blue"]}
WEIGHTS = np.array(HEAD)[:, 0]


def run(**options):
    return tcav(make_linear(HEAD), SETS, noise(60, 6), {"0": noise(9, 3)}, "features", **{**FAST, **options})


def mean(*names):
    return np.concatenate([SETS[name] for name in names]).mean((0, 1, 2))


def test_a_hierarchy_compares_siblings_and_tests_parents_as_unions():
    result = run(hierarchy=TREE)
    family = {(row["concept"], row["contrast"]): row for row in result.rows}
    assert set(family) == {(name, kind) for name in [*SETS, *TREE] for kind in ("random", "relative")}
    assert result.family == 12
    assert family["striped", "relative"]["against"] == ["dotted"]
    assert family["texture", "relative"]["against"] == ["color"]
    assert family["texture", "random"]["n_concept"] == 42
    expected = (mean("striped", "dotted") - mean("red", "blue")) @ WEIGHTS
    assert family["texture", "relative"]["displacement"] == pytest.approx(expected, rel=1e-3)
    expected = (mean("striped") - mean("dotted")) @ WEIGHTS
    assert family["striped", "relative"]["displacement"] == pytest.approx(expected, rel=1e-3)


def test_a_concept_outside_the_hierarchy_stands_beside_the_parents():
    rows = run(hierarchy={"texture": ["striped", "dotted"]}).find(contrast="relative")
    against = {row["concept"]: row["against"] for row in rows}
    assert against["red"] == ["blue", "texture"]
    assert against["texture"] == ["red", "blue"]


def test_pairs_compare_each_with_each():
    result = run(relative="pairs")
    rows = result.find(contrast="relative")
    assert len(rows) == 12
    row = next(row for row in rows if row["concept"] == "red" and row["against"] == ["blue"])
    assert row["displacement"] == pytest.approx((mean("red") - mean("blue")) @ WEIGHTS, rel=1e-3)
    back = next(row for row in rows if row["concept"] == "blue" and row["against"] == ["red"])
    assert back["displacement"] == pytest.approx(-row["displacement"], rel=1e-4)
    assert ("features", "red", "relative to blue") in result.vectors
    assert result.influence("features", "0", "red", "relative to blue").shape == (24,)


def test_none_leaves_the_random_contrast_only():
    assert {row["contrast"] for row in run(relative="none").rows} == {"random"}


def test_shared_images_are_left_out_of_the_contrast():
    sets = {"a": noise(20, 1), "b": np.concatenate([noise(20, 1)[:4], noise(16, 2)])}
    result = tcav(make_linear(HEAD), sets, noise(60, 6), {"0": noise(9, 3)}, "features", **FAST)
    row = result.find(concept="a", contrast="relative")[0]
    assert row["n_contrast"] == 16
    assert "OVERLAP" in row["flags"]
    with pytest.raises(ValueError, match="0 remain"):
        tcav(make_linear(HEAD), {"a": sets["a"], "b": sets["a"]}, noise(60, 6), {"0": noise(9, 3)}, "features")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"relative": "all"}, "relative must be one of"),
        ({"hierarchy": {"texture": ["stripped", "dotted"]}}, r"did you mean \['striped'"),
        ({"hierarchy": {"red": ["striped", "dotted"]}}, "images of its own"),
        ({"hierarchy": {"texture": ["striped"]}}, "two or more"),
        ({"hierarchy": {"texture": "striped"}}, "two or more"),
        ({"hierarchy": {"a": ["striped", "dotted"], "b": ["dotted", "red"]}}, "two parents"),
        ({"hierarchy": {"a": ["b", "red"], "b": ["a", "blue"]}}, "own ancestor"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        run(**options)
