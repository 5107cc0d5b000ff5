"""Settings of parts in words: what they mean, and one sentence for what they cannot mean."""

import pytest

from tf_interp import analysis
from tf_interp.analysis import Attributions, ConceptTests, Features, NeuronGroups
from tf_interp.cli.parser import FIRST_SETTINGS, PARTS, SHORT_OPTIONS
from tf_interp.cli.part_options import explain_options, format_options, list_options, make_part, parse_options

OF_CONCEPTS = ("concepts", "random", "targets")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("units=8,steps=256", {"units": 8, "steps": 256}),
        ("6", {"": 6}),
        ("6,icons=false", {"": 6, "icons": False}),
        ("units=[3,17],at=neuron", {"units": [3, 17], "at": "neuron"}),
        ("targets=['a, b',zebra]", {"targets": ["a, b", "zebra"]}),
        ("alpha=.01,size=none", {"alpha": 0.01, "size": None}),
        ("target='3'", {"target": "3"}),
    ],
)
def test_words_become_values_and_come_back(text, expected):
    assert parse_options(text) == expected
    assert parse_options(format_options(expected)) == expected


@pytest.mark.parametrize("text", ["units=", "3,4", "units=3,units=4", "units=[3", "target='a", "=3,", ",", ""])
def test_what_cannot_be_read_says_how_it_is_written(text):
    with pytest.raises(ValueError, match=r"NAME=VALUE|not closed"):
        parse_options(text)


def test_parts_take_what_their_signature_says():
    assert make_part(Features, "--features", parse_options("3")).units == 3
    assert make_part(Features, "--features", parse_options("units=[1,2],steps=4")).drawing.steps == 4
    assert make_part(NeuronGroups, "--groups", parse_options("k=3,targets=cat")).targets == ["cat"]
    assert make_part(NeuronGroups, "--groups", parse_options("weighting=gradient")).weighting == "gradient"
    assert make_part(NeuronGroups, "--groups", parse_options("weighting=none")).weighting is None
    assert make_part(Attributions, "--attribution", parse_options("target=cat")).target == "cat"


@pytest.mark.parametrize(
    ("part", "text", "message"),
    [
        (Features, "unit=3", "did you mean units"),
        (Features, "penalty=3", "no setting 'penalty'"),
        (Features, "units=3.5", "a whole number or a list"),
        (Features, "steps=true", "steps must be a whole number, got true"),
        (NeuronGroups, "icons=3", "icons must be true or false"),
        (NeuronGroups, "k=0", "at least one group"),
    ],
)
def test_what_a_part_does_not_take_is_named(part, text, message):
    with pytest.raises(ValueError, match=message):
        make_part(part, "--x", parse_options(text))


def test_a_text_that_looks_like_none_stays_a_text():
    options = list_options(ConceptTests, OF_CONCEPTS)
    assert "relative" in options
    assert "groups" not in options, "a mapping cannot be said in words"
    import numpy as np

    own = {"concepts": {"a": np.zeros((8, 4, 4, 1))}, "random": np.ones((8, 4, 4, 1)), "targets": [0]}
    assert make_part(ConceptTests, "--tests", parse_options("relative=none"), **own).relative == "none"


def test_what_is_said_of_parts_without_importing_them_is_true():
    for kind, name in FIRST_SETTINGS.items():
        assert next(iter(list_options(getattr(analysis, PARTS[kind]), OF_CONCEPTS))) == name
    for name, kinds in SHORT_OPTIONS.items():
        taking = {kind for kind, part in PARTS.items() if name in list_options(getattr(analysis, part), OF_CONCEPTS)}
        assert {*kinds} <= taking
        assert name != "seed" or {*kinds} == taking, "a seed is for all that is drawn by chance"


@pytest.mark.parametrize("part", [Features, NeuronGroups, Attributions, ConceptTests])
def test_every_setting_has_kind_and_meaning(part):
    for name, kind, _, meaning in explain_options(part, OF_CONCEPTS):
        assert kind, name
        assert meaning, name
