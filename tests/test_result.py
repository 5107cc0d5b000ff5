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
    assert len(texts) == len(result.rows)
    row = find(result, layer="features", target="cat", concept="red", contrast="random")
    text = next(
        t
        for t in texts
        if "In features, red raises the network's evidence (logit) for cat" in t and "random examples do;" in t
    )
    assert f"{row['displacement']:.3g}" in text
    assert "16 tests" in text
    assert FLAGS["GRAD_CONSTANT"] in text
    assert text.count(". ") == 1  # two sentences
    down = next(t for t in texts if "red lowers the network's evidence (logit) for dog" in t)
    assert "95 % interval 0." in down  # in the direction of the words
    assert result.explain()[0] == texts[0]


def test_claims_need_correction_and_a_clean_cell():
    model = make_curved(units=8)
    sets = {"bright": noise(40, 1, 6, 0.6, 1.0), "same": noise(40, 2, 6)}
    result = tcav(model, sets, noise(80, 4, 6), {"0": noise(40, 3, 6, 0, 1)}, "late", relative="none", bootstraps=50)
    bright, same = result.rows
    assert result.claims(bright)
    assert not result.claims(same)
    assert not result.claims({**bright, "flags": ["GRAD_ZERO"]})
    texts = result.explain()
    assert "hardly ever" in texts[0]
    assert "so this is no finding" in texts[1]


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
    own = pyplot.figure().add_subplot()
    assert result.plot(ax=own) is own
    with pytest.raises(ValueError, match="not tested"):
        result.plot(target="cow")
    pyplot.close("all")


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
        ({"specificity": 1.0}, "more than 99 % of arbitrary patterns in the random examples do, so it is specific"),
        ({"specificity": 0.9}, "so it stands out a little"),
        ({"specificity": 0.3}, "Nothing singles it out: 70 % of arbitrary patterns"),
        ({"specificity": 0.001}, "nearly all arbitrary patterns"),
        ({"specificity": 0.97, "p_holm": 0.4}, "but without the first finding that says little"),
        ({"p_holm": 0.03}, "so this is no finding"),  # at level .01
        ({"flags": ["GRAD_ZERO"]}, "but see the caution"),
        ({"contrast": "relative", "against": ["a", "b", "c"]}, "more than examples of a, b and c do;"),
        ({"contrast": "relative", "against": ["a"]}, "more than examples of a do;"),
        ({"contrast": "paired"}, "more than the same examples without it;"),
        ({"contrast": "continuous"}, "one standard deviation more red raises"),
        ({"p_holm": None}, "is unknown"),
        ({"specificity": None}, "was not tested"),
    ],
)
def test_each_case_has_its_words(result, changed, said):
    row = {**result.rows[0], "p_holm": 0.001, "flags": [], "specificity": 0.99, **changed}
    (text,) = dataclasses.replace(result, rows=[row], alpha=0.01).explain()
    assert said in text
    assert text.count(". ") == 1


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
        return step if not str(key[0]).startswith("concepts.") else lambda *a: steps.append(key[0]) or step(*a)

    monkeypatch.setattr(model, "cached", counting)
    more = add_concepts(part, model, {"green": second})
    assert steps == ["concepts.activations"] * 2  # 33 images in batches of 32, and no gradient
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
