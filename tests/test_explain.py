"""What a row says: its claim, its cautions, the headline; and that the record says the same."""

import dataclasses

import matplotlib as mpl
import numpy as np
import pytest
from concept_networks import HEAD, make_linear, noise, tinted

from tf_interp.analysis import ConceptTests, analyze
from tf_interp.concepts import FLAGS, Finding, tcav
from tf_interp.concepts.result.explain import CLAIMS, describe_correction, explain_rows
from tf_interp.probe import Probe

SETS = {"red": tinted(noise(40, 1), 0), "green": tinted(noise(12, 2), 1), "plain": noise(40, 9)}
TARGETS = {"cat": noise(30, 3), "dog": noise(6, 5)}
LAYERS = ["features", "pool"]


@pytest.fixture(scope="module")
def model():
    return make_linear(HEAD, class_names=["cat", "dog"])


@pytest.fixture(scope="module")
def result(model):
    return tcav(model, SETS, noise(80, 4), TARGETS, LAYERS, permutations=2000, seed=0)


@pytest.fixture(scope="module")
def records(model):
    part = ConceptTests(SETS, noise(80, 4), TARGETS, permutations=2000, seed=0)
    probe = Probe.from_arrays(noise(4, 6), [0, 1, 0, 1], ["cat", "dog"])
    return list(analyze(model, probe, LAYERS, [part]))


def _row(result, **changed):
    base = {"displacement": 0.5, "ci_low": 0.2, "ci_high": 0.9, "p": 0.001, "p_holm": 0.004, "flags": []}
    return {**result.rows[0], **base, "specificity": 0.99, "p_specificity": 0.01, "predicted": 0.9, **changed}


@pytest.mark.parametrize(
    ("changed", "claim"),
    [
        ({}, "finding"),
        ({"p_holm": 0.049}, "finding"),  # to be confirmed
        ({"specificity": None}, "finding"),  # specificity was not tested, which the words say
        ({"specificity": 0.95}, "finding"),
        ({"specificity": 0.94}, "not specific"),
        ({"specificity": 0.3}, "not specific"),
        ({"displacement": 0.016, "ci_low": 0.01, "ci_high": 0.02}, "negligible"),
        ({"displacement": -0.016, "ci_low": -0.02, "ci_high": -0.01}, "negligible"),
        ({"displacement": 0.016, "ci_low": 0.01, "ci_high": 0.051}, "finding"),
        ({"displacement": 0.016, "ci_low": 0.01, "ci_high": 0.02, "predicted": None}, "finding"),  # not a class
        ({"displacement": 0.016, "ci_low": 0.01, "ci_high": 0.02, "quantity": "probability"}, "finding"),  # no odds
        ({"displacement": 0.016, "ci_low": 0.01, "ci_high": 0.02, "quantity": "log-odds"}, "negligible"),
        ({"ci_low": -0.1}, "hint"),
        ({"p_holm": 0.07}, "near miss"),
        ({"p_holm": 0.3}, "no finding"),
        ({"flags": ["GRAD_ZERO"]}, "no claim"),
        ({"displacement": None, "flags": ["OPTIMISTIC_P"]}, "no claim"),
        ({"p_holm": None}, "unknown"),
        ({"effect": None, "flags": ["NON_FINITE"]}, "unknown"),
    ],
)
def test_each_claim_has_its_rule(result, changed, claim):
    assert claim in CLAIMS
    ((finding,), shared) = explain_rows([_row(result, **changed)], 16)
    assert finding.claim == claim
    assert shared == []
    assert ("It is a finding" in finding.verdict) <= (claim == "finding")
    assert ("negligible" in finding.verdict) == (claim == "negligible")


def test_cautions_of_all_rows_are_said_once_but_not_what_forbids_a_claim(result):
    flags = ["GRAD_ZERO", "UNSTABLE", "SMALL_N"]
    rows = [_row(result, flags=flags, n_target=6), _row(result, flags=[*flags, "TIES"], n_target=6)]
    (first, second), shared = explain_rows(rows, 16)
    assert shared == [f"{FLAGS['SMALL_N']}: 6 target images", FLAGS["UNSTABLE"]]
    assert first.cautions == [FLAGS["GRAD_ZERO"]]
    assert second.cautions == [FLAGS["GRAD_ZERO"], FLAGS["TIES"]]
    assert second.text.endswith(f"Be careful: {FLAGS['GRAD_ZERO']}; {FLAGS['TIES']}.")
    rows[0]["n_target"] = 7
    assert explain_rows(rows, 16)[1] == [FLAGS["SMALL_N"], FLAGS["UNSTABLE"]]  # each has another number
    alone, shared = explain_rows(rows[:1], 16)
    assert len(alone[0].cautions) == 3
    assert shared == []


def test_the_headline_is_a_finding_with_all_its_cautions_or_says_that_there_is_none(result):
    weak = {"p_holm": 0.3, "effect": 0.9}
    rows = [
        _row(result, concept="weak", **weak),
        _row(result, concept="unspecific", specificity=0.3, effect=0.8),
        _row(result, concept="small", effect=-0.4),
        _row(result, concept="large", effect=-0.6, flags=["UNSTABLE"]),
        _row(result, concept="tiny", displacement=0.01, ci_low=0.005, ci_high=0.02, effect=0.7),
    ]
    test = dataclasses.replace(result, rows=rows, notes=[])
    number, headline = test.headline()
    assert number == 3
    assert headline == test.findings([rows[3]])[0][0]
    assert headline.text == test.explain()[0]
    assert [f.claim for f in test.findings()[0]] == ["no finding", "not specific", "finding", "finding", "negligible"]
    none = dataclasses.replace(test, rows=[row for row in rows if row["concept"] in ("weak", "unspecific", "tiny")])
    sentence = "No concept test is a finding. Of 3 tests: 1 not specific, 1 negligible, 1 no finding."
    assert none.headline() == (None, Finding(sentence, "", "no finding", []))


def test_pairs_lead_over_other_comparisons(result):
    rows = [_row(result, contrast="relative", against=["green"], effect=0.9), _row(result, contrast="paired")]
    assert dataclasses.replace(result, rows=rows).headline()[0] == 1


def test_bars_are_filled_as_the_words_claim(result):
    mpl.use("Agg")
    near = {"displacement": 0.016, "ci_low": 0.01, "ci_high": 0.02}
    changes = [{}, {"specificity": 0.3}, {"ci_low": -0.1}, near, {"p_holm": 0.07}]
    rows = [_row(result, concept=str(number), **changed) for number, changed in enumerate(changes)]
    axes = dataclasses.replace(result, rows=rows).plot()
    assert [bar.get_facecolor()[3] > 0 for bar in axes.patches] == [True, True, False, False, False]
    assert [text.get_text() for text in axes.texts] == ["\N{BLACK DIAMOND}"]


def test_the_smallest_possible_p_is_told():
    least = "p after correction for 22 tests; 0.0022 is the smallest that 10,000 relabelings can give"
    assert describe_correction(22, 10_000) == least
    assert describe_correction(1) == "p after correction for 1 test"
    assert "; 1 is the smallest" in describe_correction(2000, 99)


def test_notebook_and_record_say_the_same(result, records):
    texts, everywhere = result.explain(), result.findings()[1]
    assert {row["claim"] for record in records for row in record.data["tests"]} >= {"finding", "no finding"}
    for record in records:
        assert record.data["correction"] == describe_correction(result.family, 2000)
        for row, written in zip(result.find(layer=record.layer), record.data["tests"], strict=True):
            (text,) = [text for text in texts if text.startswith(f"{written['sentence']} {written['verdict']}")]
            cautions = [*record.data["cautions"], *written["cautions"]]
            assert len(cautions) == len(row["flags"])
            assert all(caution in text or caution in everywhere for caution in cautions)
            assert f"p = {row['p_holm']:.2g} after correction for {result.family} tests" in text


def test_all_layers_have_one_headline_and_it_leads_to_its_test(result, records):
    number, finding = result.headline()
    headlines = [record.data["headline"] for record in records]
    assert headlines[0] == headlines[1]
    assert Finding(**headlines[0]["finding"]) == finding
    (tests,) = [record.data["tests"] for record in records if record.layer == headlines[0]["layer"]]
    row = tests[headlines[0]["test"]]
    assert row["claim"] == finding.claim == "finding"
    assert row["sentence"] == finding.sentence
    assert row["displacement"] == result.rows[number]["displacement"]


def test_an_untrained_network_has_no_headline_that_claims():
    model = make_linear(np.array(HEAD) * 0.01)
    sets, bare = {"red": SETS["red"], "green": SETS["green"]}, {"red": noise(40, 1), "green": noise(12, 2)}
    part = ConceptTests(sets, None, {0: TARGETS["cat"]}, paired=bare, relative="none")
    (record,) = analyze(model, Probe.from_arrays(noise(4, 6)), ["features"], [part])
    assert [row["p_holm"] < 0.05 for row in record.data["tests"]] == [True, True]
    assert [row["claim"] for row in record.data["tests"]] == ["negligible", "negligible"]
    assert record.data["headline"]["finding"]["sentence"] == ("No concept test is a finding. Of 2 tests: 2 negligible.")
