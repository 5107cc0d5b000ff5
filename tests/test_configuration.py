"""Settings of a command from a file: the same as the options, which override them."""

import json

import pytest

from tf_interp.cli.configuration import settle
from tf_interp.cli.parser import find_command, make_parser
from tf_interp.cli.part_options import parse_options

TOML = """
model = "exported"
probe = "photos"
layer = ["block*/relu", "top"]
range = [-1, 1]
trust = true
size = 224
preprocess = "-1..1"

[features]
units = [3, 17]
at = "neuron"
"""


def _settle(*words):
    parser = make_parser()
    return settle(find_command(parser, words[0]), parser.parse_args(words))


def test_a_file_says_what_options_say(tmp_path):
    (tmp_path / "run.toml").write_text(TOML)
    found = _settle("analyze", "--config", str(tmp_path / "run.toml"))
    same = _settle(
        "analyze", "exported", "--probe", "photos", "--layer", "block*/relu", "--layer", "top", "--range", "-1", "1",
        "--trust", "--size", "224", "--preprocess", "-1..1", "--features", "units=[3,17],at=neuron",
    )  # fmt: skip
    same.config = found.config
    assert found == same


def test_options_override_the_file_and_lists_are_replaced(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"layer": "a", "size": 224, "model": "one", "groups": {"k": 3}}))
    found = _settle("analyze", "two", "--config", str(tmp_path / "run.json"), "--layer", "b", "--layer", "c")
    assert (found.model, found.layer, found.size, found.groups) == ("two", ["b", "c"], 224, "k=3")


@pytest.mark.parametrize(
    ("words", "features"),
    [
        ("--features steps=64", "units=16,steps=64"),
        ("--features 4", "units=4,steps=512"),
        ("--features at=neuron", "units=16,steps=512,at=neuron"),
        ("--units 4", "steps=512"),
        ("--units 4 --steps 8", None),
        ("--groups 3", "units=16,steps=512"),
        ("--features help", "help"),
    ],
)
def test_options_override_single_settings_of_parts(tmp_path, words, features):
    (tmp_path / "run.toml").write_text("groups = 6\n[features]\nunits = 16\nsteps = 512\n")
    found = _settle("analyze", "--config", str(tmp_path / "run.toml"), *words.split())
    assert found.features == features
    assert found.groups == ("k=3" if "--groups" in words else "6")


def test_of_two_ways_to_say_one_thing_the_option_is_taken(tmp_path):
    (tmp_path / "run.toml").write_text('preprocess = "-1..1"')
    found = _settle("analyze", "--config", str(tmp_path / "run.toml"), "--range", "0", "255")
    assert (found.preprocess, found.range) == (None, [0, 255])


@pytest.mark.parametrize("suffix", [".toml", ".json"])
@pytest.mark.parametrize("text", ["units=[3,none],size=none,steps=8", "penalty=inf,units=-1e-7"])
def test_what_a_file_has_no_word_for_is_saved_too(tmp_path, suffix, text):
    path = tmp_path / f"run{suffix}"
    _settle("analyze", "m", "--features", text, "--save-config", str(path))
    found = _settle("analyze", "--config", str(path)).features
    assert parse_options(found) == parse_options(text)


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_what_is_saved_is_read_back(tmp_path, suffix):
    path = tmp_path / f"run{suffix}"
    words = ["--layer", "a 'b' \\ \"c\"\n", "--features", "units=[1,2],at=neuron", "--range", "-1", "1"]
    saved = _settle("analyze", "my model", *words, "--save-config", str(path), "--groups", "6", "-v", "--seed", "0")
    found = _settle("analyze", "--config", str(path))
    for name in ("model", "layer", "features", "range", "groups", "seed", "units"):
        assert getattr(found, name) == getattr(saved, name), name
    assert not found.verbose, "how much is printed is no setting of the analysis"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers = 'a'", "no setting 'layers'; did you mean.*layer"),
        ("zzz = 1", "it may hold"),
        ("size = 'big'", "--size: invalid int value"),
        ("trust = 'yes'", "trust must be true or false"),
        ("size = ", "is no TOML"),
        ("labels = 'a'\nclass-names = 'b'", "'labels' and 'class-names' are one setting"),
        ("quiet = true", "no setting 'quiet'"),
        ("size = {a = 1}", "must be text, a number or a list"),
    ],
)
def test_a_mistake_in_a_file_names_the_file_and_the_setting(tmp_path, text, message):
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        _settle("analyze", "--config", str(tmp_path / "run.toml"))
    assert "run.toml" in str(error.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="No such file"):
        _settle("analyze", "--config", str(tmp_path / "none.toml"))
    with pytest.raises(ValueError, match=r"\.toml or \.json"):
        _settle("analyze", "--save-config", str(tmp_path / "run.yaml"))


def test_what_was_probably_meant(capsys):
    for words, hint in (
        (["analyze", "m", "--layr", "a"], "did you mean --layer"),
        (["analyze", "m", "--probe", "a", __file__, __file__], "quote a pattern"),
    ):
        with pytest.raises(SystemExit) as end:
            make_parser().parse_args(words)
        assert end.value.code == 2
        assert hint in capsys.readouterr().err
