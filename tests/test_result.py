"""What a test can be asked: tables, plots, words, influence, entanglement, more concepts."""

import ast
import dataclasses
import importlib
import pathlib
import sys

import matplotlib as mpl
import numpy as np
import pytest
from concept_networks import FAST, HEAD, find, make_curved, make_linear, noise, tinted
from sklearn.linear_model import LogisticRegression

from tf_interp import concepts
from tf_interp.concepts import FLAGS, add_concepts, tcav

mpl.use("Agg")
SETS = {"red": tinted(noise(40, 1), 0), "green": tinted(noise(40, 2), 1)}


@pytest.fixture(scope="module")
def result():
    model = make_linear(HEAD, class_names=["cat", "dog"])
    return tcav(model, SETS, noise(80, 4), {"cat": noise(30, 3), "dog": noise(30, 5)}, ["features", "pool"], **FAST)


def test_influence_is_the_change_without_an_image():
    model, red, pool, target = make_linear(HEAD), tinted(noise(12, 1), 0), noise(60, 2), {"0": noise(9, 3)}
    result = tcav(model, {"red": red}, pool, target, "features", **FAST)
    found = result.influence("features", "0", "red", "random")
    for index in (0, 5, 11):
        without = tcav(model, {"red": np.delete(red, index, 0)}, pool, target, "features", **FAST).rows[0]
        assert found[index] == pytest.approx(result.rows[0]["displacement"] - without["displacement"], abs=1e-5)
    with pytest.raises(ValueError, match="not tested"):
        result.influence("features", "0", "blue", "random")


def test_paired_influence_is_of_differences():
    model, base = make_linear(HEAD), noise(12, 1)
    amounts = np.linspace(0.0, 0.2, 12, dtype=np.float32)
    marked = base.copy()
    marked[..., 0] += amounts[:, None, None]
    result = tcav(model, {"mark": marked}, None, {"0": noise(9, 3)}, "features", paired={"mark": base}, **FAST)
    found = result.influence("features", "0", "mark", "paired")
    np.testing.assert_allclose(found, 2.0 * (amounts - amounts.mean()) / 11, atol=1e-5)


def test_entanglement_and_directions(result):
    names, cosines = result.entanglement("features")
    assert names == ["red", "green"]
    np.testing.assert_allclose(np.diag(cosines), 1, rtol=1e-5)
    assert abs(cosines[0, 1]) < 0.3
    _, opposite = result.entanglement("features", contrast="relative")
    assert opposite[0, 1] == pytest.approx(-1, abs=1e-4)  # of two concepts each is the other's contrast
    directions = result.directions("pool", ["green"], contrast="relative")
    assert directions.vectors.shape == (1, 3)
    assert directions.origin == "concepts"
    with pytest.raises(ValueError, match="no vector of concept 'blue'"):
        result.directions("pool", ["blue"])
    with pytest.raises(ValueError, match="no vector"):
        result.directions("pool", contrast="paired")


def test_words_lead_with_the_effect_and_carry_the_flags(result):
    texts = result.explain()
    assert len(texts) == len(result.rows) + 1 + len(result.notes)
    assert texts[len(result.rows)] == f"Note: of all these findings: {FLAGS['GRAD_CONSTANT']}."  # said once
    assert not [text for text in texts[: len(result.rows)] if FLAGS["GRAD_CONSTANT"] in text]
    row = find(result, layer="features", target="cat", concept="red", contrast="random")
    start = "In features, red raises the network's evidence (logit) for cat by about "
    (text,) = [text for text in texts if text.startswith(start) and "compared with random examples" in text]
    order = [
        f"{row['displacement']:.3g} ",
        f"(95 % interval {row['ci_low']:.3g} to {row['ci_high']:.3g})",
        "after correction for 16 tests",
        "arbitrary patterns in the random examples fit the decision",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    start = "In features, red lowers the network's evidence (logit) for dog by about "
    (down,) = [text for text in texts if text.startswith(start) and "compared with random examples" in text]
    assert "95 % interval 0." in down  # in the direction of the words
    assert texts[-1] == f"Note: {result.notes[-1]}."


def test_claims_need_correction_and_a_clean_cell():
    model = make_curved(units=8)
    sets = {"bright": noise(40, 1, 6, 0.6, 1.0), "same": noise(40, 2, 6)}
    result = tcav(model, sets, noise(80, 4, 6), {"0": noise(40, 3, 6, 0, 1)}, "late", relative="none", bootstraps=50)
    bright, same = result.rows
    assert result.claims(bright)
    assert not result.claims(same)
    assert not result.claims({**bright, "flags": ["GRAD_ZERO"]})
    texts = result.explain()
    assert "Chance alone hardly explains that: in none of 10,000 random relabelings it was as large (p = " in texts[0]
    assert "It is no finding" in texts[1]
    few = {**bright, "p": 0.004, "p_holm": 0.02}  # some relabelings came near
    assert "to confirm with more images" in dataclasses.replace(result, rows=[few]).explain()[0]


def test_plot_draws_every_cell_and_shows_nothing(result, monkeypatch):
    pyplot = importlib.import_module("matplotlib.pyplot")
    monkeypatch.setattr(pyplot, "show", lambda *a, **k: pytest.fail("show() was called"))
    axes = result.plot(target="dog", contrast="relative")
    heights = sorted(bar.get_height() for bar in axes.patches if np.isfinite(bar.get_height()))
    wanted = sorted(row["displacement"] for row in result.find(target="dog", contrast="relative"))
    assert heights == pytest.approx(wanted)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["red", "green"]
    assert any("16 tests" in text.get_text() for text in axes.get_legend().get_texts())
    assert "dog" in axes.get_title(loc="left")
    axes.figure.canvas.draw()
    assert not axes.get_xticklabels()[0].get_rotation()
    own = pyplot.figure().add_subplot()
    assert result.plot(ax=own) is own
    with pytest.raises(ValueError, match="not tested"):
        result.plot(target="cow")
    with pytest.raises(ValueError, match="not tested: contrast 'paired'"):
        result.plot(contrast="paired")
    pyplot.close("all")


def test_a_target_is_found_by_name_and_by_index(result):
    pyplot = importlib.import_module("matplotlib.pyplot")
    assert "dog" in result.plot(target=1).get_title(loc="left")
    assert "cat" in result.plot(target=0).get_title(loc="left")
    pyplot.close("all")
    assert result.find(target=np.int64(1)) == result.find(target="dog")
    np.testing.assert_array_equal(
        result.influence("features", 1, "red", "random"), result.influence("features", "dog", "red", "random")
    )
    with pytest.raises(ValueError, match=r"not tested: target 5; there are targets \{'cat': 0, 'dog': 1\}"):
        result.plot(target=5)
    with pytest.raises(ValueError, match=r"concept 'blue'; there are \['red', 'green'\]"):
        result.find(concept="blue")
    model = make_linear(HEAD, class_names=["cat", "dog"])
    twice = tcav(model, SETS, noise(80, 4), {"old": (1, noise(9, 3)), "new": (1, noise(9, 5))}, "pool", **FAST)
    with pytest.raises(ValueError, match=r"class 1 is several targets: choose one of \['old', 'new'\]"):
        twice.find(target=1)


def test_rows_tell_of_entanglement_and_of_the_image_that_counts_most(result):
    row = find(result, layer="features", target="dog", concept="red", contrast="random")
    _, cosines = result.entanglement("features")
    assert (row["entangled_with"], row["entanglement"]) == ("green", pytest.approx(cosines[0, 1], abs=1e-6))
    owed = result.influence("features", "dog", "red", "random")
    assert row["influence_image"] == np.abs(owed).argmax()
    assert row["influence"] == pytest.approx(owed[row["influence_image"]])
    assert find(result, layer="features", target="dog", concept="red", contrast="relative")["entanglement"] is None
    one = noise(30, 7)
    one[4, ..., 0] = 1.0
    red = SETS["red"]
    twins = {"one": one, "red": red, "red again": np.clip(red + 0.001, 0, 1)}
    test = tcav(make_linear(HEAD), twins, noise(80, 4), {"0": noise(30, 3)}, "features", relative="none", **FAST)
    flags = {row["concept"]: row["flags"] for row in test.rows}
    assert "ENTANGLED" in flags["red"]
    assert "ENTANGLED" in flags["red again"]
    assert "ENTANGLED" not in flags["one"]
    assert "ONE_IMAGE" not in flags["red"]


def test_a_single_image_that_carries_the_finding_is_flagged():
    same, pool = np.repeat(noise(1, 1), 12, 0) + noise(12, 2, low=0, high=0.001), noise(70, 3)
    same = same - same.mean((0, 1, 2)) + pool.mean((0, 1, 2))
    same[5, ..., 0] += 0.1
    row = tcav(make_linear(HEAD), {"same": same}, pool, {"0": noise(9, 4)}, "features", **FAST).rows[0]
    assert "ONE_IMAGE" in row["flags"]
    assert row["influence_image"] == 5


def test_a_test_is_corrected_for_a_larger_family_afterwards(result):
    args = (make_linear(HEAD), SETS, noise(80, 4), {"0": noise(30, 3)}, "features")
    assert tcav(*args, **FAST).correct(40).rows == tcav(*args, family=40, **FAST).rows
    assert result.correct(32).family == 32
    assert result.family == 16
    with pytest.raises(ValueError, match="family must be at least 16, the tests of this one alone, got 3"):
        result.correct(3)


def test_too_few_permutations_for_the_family_are_told(result):
    assert "with 199 permutations and 16 tests no corrected p can be below 0.08" in result.notes[-1]
    assert "permutations=320" in result.notes[-1]
    args = (make_linear(HEAD), SETS, noise(80, 4), {"0": noise(30, 3)}, "features")
    assert tcav(*args, permutations=999, bootstraps=20).notes == []


def test_plot_of_the_published_test_and_of_nothing():
    pyplot = importlib.import_module("matplotlib.pyplot")
    model = make_linear(HEAD)
    args = (SETS, noise(80, 4), {"0": noise(30, 3)}, "features")
    assert "cosine" in tcav(model, *args, method="kim2018", runs=3).plot().get_ylabel()
    model.model.get_layer("features").set_weights([np.full((1, 1, 3, 3), np.inf, np.float32)])
    broken = tcav(model, *args, **FAST)
    assert "?" in [text.get_text() for text in broken.plot().texts]
    assert "nothing can be said" in broken.explain()[0]
    pyplot.close("all")


def test_each_pair_of_concepts_has_its_own_place():
    pyplot = importlib.import_module("matplotlib.pyplot")
    sets = {**SETS, "blue": tinted(noise(40, 6), 2)}
    args = (make_linear(HEAD), sets, noise(80, 4), {"0": noise(30, 3)}, ["features", "pool"])
    axes = tcav(*args, relative="pairs", **FAST).plot(contrast="relative")
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names[:3] == ["red against green", "red against blue", "green against red"]
    assert len({round(bar.get_x(), 3) for bar in axes.patches}) == 12
    pyplot.close("all")


def test_long_names_do_not_overlap(result):
    pyplot = importlib.import_module("matplotlib.pyplot")
    rows = [{**row, "concept": f"a rather long name of {number}"} for number, row in enumerate(result.rows[:8])]
    axes = dataclasses.replace(result, rows=[{**row, "contrast": "random"} for row in rows]).plot()
    axes.figure.canvas.draw()
    assert axes.get_xticklabels()[0].get_rotation() == 30
    pyplot.close("all")


def test_bars_are_filled_where_significant_and_marked_where_specific(result):
    pyplot = importlib.import_module("matplotlib.pyplot")
    first = result.rows[0]
    rows = [
        {**first, "concept": "clear", "p_holm": 0.01, "flags": [], "specificity": 0.99},
        {**first, "concept": "unspecific", "p_holm": 0.01, "flags": [], "specificity": 0.5},
        {**first, "concept": "chance", "p_holm": 0.8, "flags": [], "specificity": 0.99},
        {**first, "concept": "broken", "p_holm": 0.01, "flags": ["GRAD_ZERO"], "specificity": 0.99},
    ]
    axes = dataclasses.replace(result, rows=rows).plot()
    assert [bar.get_facecolor()[3] > 0 for bar in axes.patches] == [True, True, False, False]
    marks = [text.get_position()[0] for text in axes.texts if text.get_text() == "\N{BLACK DIAMOND}"]
    assert marks == pytest.approx([0])
    pyplot.close("all")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"specificity": 1.0},
            "; it stands out, as 99 % of arbitrary patterns in the random examples fit the decision less well (p =",
        ),
        ({"specificity": 0.9}, "; it stands out a little, as 90 %"),
        (
            {"specificity": 0.3},
            "; nothing singles it out, as 70 % of arbitrary patterns in the random examples fit the decision at least",
        ),
        ({"specificity": 0.001}, "nearly all arbitrary patterns"),
        ({"specificity": None}, "was not tested"),
        ({"flags": ["GRAD_ZERO"]}, "(p = 0.001 after correction for 16 tests), but the caution below forbids"),
        ({"contrast": "relative", "against": ["a", "b", "c"]}, "by about 0.5 compared with examples of a, b and c ("),
        ({"contrast": "relative", "against": ["a"]}, "compared with examples of a ("),
        ({"contrast": "paired"}, "compared with the same examples without it ("),
        (
            {"contrast": "continuous"},
            "red raises the network's evidence (logit) for cat by about 0.5 for each standard",
        ),
        ({"p_holm": None}, "is unknown"),
        ({}, "Chance alone hardly explains that (p = 0.001 after correction for 16 tests); it stands out"),
        ({"p_holm": 0.012}, "after correction for 16 tests, is just below the level of 0.05; it"),
        ({"p_holm": 0.049}, "It is a finding to confirm with more images: p = 0.049"),
        ({"p_holm": 0.051}, "It is no finding, and no evidence against it: p = 0.051"),
        ({"p_holm": 0.4}, "16 tests), though the interval, which speaks of this one test only, leaves 0 out; it"),
        ({"p_holm": 0.4, "ci_low": -0.1}, "chance alone could do that (p = 0.4 after correction for 16 tests); it"),
        ({"ci_low": -0.1}, "(95 % interval -0.1 to 0.9; it reaches across 0, so the direction is not certain)"),
        ({"ci_low": -0.1}, "Take it as a hint, not as a finding: chance alone is unlikely (p = 0.001"),
        ({"ci_low": 0.0}, "the interval includes 0"),
        (
            {"displacement": -0.5, "ci_low": -0.9, "ci_high": -0.2},
            "lowers the network's evidence (logit) for cat by ab",
        ),
        (
            {"displacement": -0.5, "ci_low": -0.9, "ci_high": -0.2},
            "0.5 compared with random examples (95 % interval 0.2",
        ),
    ],
)
def test_each_case_has_its_words(result, changed, said):
    base = {"displacement": 0.5, "ci_low": 0.2, "ci_high": 0.9, "p": 0.01, "p_holm": 0.001, "flags": []}
    row = {**result.rows[0], **base, "specificity": 0.99, "p_specificity": 0.03, **changed}
    (text,) = dataclasses.replace(result, rows=[row], notes=[]).explain()
    assert said in text


@pytest.mark.parametrize("low", [0.2, -0.01])
@pytest.mark.parametrize("p", [0.001, 0.02, 0.05, 0.07, 0.3])
@pytest.mark.parametrize("flags", [[], ["NON_FINITE"], ["SMALL_N"]])
def test_words_are_never_surer_than_the_numbers(result, low, p, flags):
    shown = {"displacement": 0.5, "ci_low": low, "ci_high": 0.9, "p": 0.01, "p_holm": p, "flags": flags}
    row = {**result.rows[0], **shown}
    (text,) = dataclasses.replace(result, rows=[row], notes=[]).explain()
    assert text.count(". ") - text.count("careful") == 1  # two sentences, and the cautions
    assert ("hardly explains" in text) == (low > 0 and p <= 0.01 and flags != ["NON_FINITE"])
    assert ("no finding" in text) == (p > 0.05)
    assert ("direction is not certain" in text) == (low < 0)


def test_a_test_of_one_needs_no_word_on_others(result):
    row = {**result.rows[0], "ci_low": 0.2, "ci_high": 0.9, "p_holm": 0.4, "flags": []}
    (text,) = dataclasses.replace(result, rows=[row], notes=[], family=1).explain()
    assert "It is no finding: chance alone could do that (p = 0.4 after correction for 1 test); " in text


def test_tables(result):
    frame = result.to_dataframe()
    assert len(frame) == len(result.rows) == result.family == 16
    assert frame.loc[0, "flags"] == " ".join(result.rows[0]["flags"])
    assert len(result.find(layer="pool", concept="red")) == 4
    with pytest.raises(ValueError, match="no column"):
        result.find(laier="pool")


def test_without_pandas_or_matplotlib_one_is_told(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        result.to_dataframe()
    with pytest.raises(ImportError, match="pip install matplotlib"):
        result.plot()


@pytest.mark.parametrize("kind", ["ridge", "logistic", "hinge", LogisticRegression()])
def test_other_vectors_change_the_effect_but_not_the_displacement(kind):
    sets = {"red": tinted(noise(15, 1), 0, 0.1)}
    args = (make_linear(HEAD), sets, noise(60, 4), {"0": noise(9, 3), "1": noise(9, 3)}, "features")
    mean, other = tcav(*args, **FAST), tcav(*args, cav=kind, permutations=199, bootstraps=20)
    for row, same in zip(other.rows, mean.rows, strict=True):
        assert row["displacement"] == pytest.approx(same["displacement"])
        assert row["p"] == same["p"]
        assert row["effect_low"] <= row["effect"] <= row["effect_high"]
        assert row["effect"] == pytest.approx(same["effect"], abs=0.2)
        assert row["effect"] != same["effect"]


def test_added_concepts_run_their_own_images_only(monkeypatch):
    model = make_curved(units=8)
    pool, target = noise(70, 4, 6), {"0": noise(20, 3, 6)}
    first, second = tinted(noise(40, 1, 6), 0), tinted(noise(33, 2, 6), 1)
    whole = tcav(model, {"red": first, "green": second}, pool, target, ["early", "late"], **FAST)
    part = tcav(model, {"red": first}, pool, target, ["early", "late"], **FAST)
    steps, cached = [], model.cached

    def counting(key, build):
        step = cached(key, build)
        ours = key[0] in ("capture", "concepts.sensitivities")
        return (lambda *a: steps.append((key[0], len(a[0]))) or step(*a)) if ours else step

    monkeypatch.setattr(model, "cached", counting)
    more = add_concepts(part, model, {"green": second})
    assert steps == [("capture", 32), ("capture", 1)]  # its 33 images, and no gradient
    assert more.family == whole.family
    for one, other in zip(whole.rows, more.rows, strict=True):
        for key in ("displacement", "effect", "p_holm", "specificity", "cav_auc"):
            assert other[key] == pytest.approx(one[key], abs=1e-5), key
    steps.clear()
    assert add_concepts(part, model, {"twin": pool[:40]}).family == 8  # two layers, two concepts, random and relative
    assert steps == []  # images that were run before, under any name
    with pytest.raises(ValueError, match="tested already"):
        add_concepts(part, model, {"red": second})
    model.model.set_weights([weight + 0.1 for weight in model.model.get_weights()])
    with pytest.raises(ValueError, match="weights have changed"):
        add_concepts(part, model, {"blue": second})


def test_heavy_extras_are_imported_where_they_are_used():
    for file in pathlib.Path(concepts.__file__).parent.glob("*.py"):
        for node in ast.parse(file.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"sklearn", "scipy", "pandas", "matplotlib"}, file
