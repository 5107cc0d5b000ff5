"""`tf-interp findings`: text, JSON lines, what is new against another run, and the exit status."""

import json

import pytest

from tf_interp import cli
from tf_interp.findings import Finder, RunFinding
from tf_interp.records import Record, write

TAG = RunFinding("relies", "Epoch 3: the logit of 3 begins to rely on tag (+2.1).", 90, 2,
                 {"target": "3", "concept": "tag"}, "at most 5 % of trainings", {"kind": "concepts"})  # fmt: skip
DEAD = RunFinding(
    "dead-units", "Epoch 5: 4 of 8 channels of conv are constant.", 150, 4, {"layer": "conv"}, "threshold"
)


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    for run, findings in {"released": [DEAD], "new": [TAG, DEAD], "quiet": []}.items():
        finder = Finder(findings)
        write([finder.to_record(150, findings, {}), Record("groups", "conv", 200, "g")], folder / run)
    return folder


def run(capsys, *words):
    status = cli.main(["findings", *map(str, words)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_people_read_sentences_and_how_sure_they_are(capsys, logs):
    status, out, _ = run(capsys, logs)
    assert status == 0
    assert out.split("\n\n")[0] == f"new:\n{TAG.sentence}\n    relies: at most 5 % of trainings"
    assert out.count(DEAD.sentence) == 2
    assert "quiet" not in out


def test_programs_read_a_json_object_a_line(capsys, logs):
    status, out, _ = run(capsys, logs, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [(row["run"], row["kind"], row["about"]) for row in rows] == [
        ("new", "relies", "concepts"), ("new", "dead-units", "units"), ("released", "dead-units", "units"),
    ]  # fmt: skip
    assert rows[0]["sentence"] == TAG.sentence


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (["--since", "100"], ["dead-units"]),
        (["--kind", "relies"], ["relies"]),
        (["--against", "released"], ["relies"]),
    ],
)
def test_what_is_listed_can_be_narrowed(capsys, logs, words, kinds):
    words = [logs / word if word == "released" else word for word in words]
    _, out, _ = run(capsys, logs / "new", "--json", *words)
    assert [json.loads(line)["kind"] for line in out.splitlines()] == kinds


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--fail-on", "relies"], 1),
        (["--fail-on", "relies:tag"], 1),
        (["--fail-on", "relies:mark"], 0),
        (["--fail-on", "not-finite", "--fail-on", "dead-units"], 1),
        (["--fail-on", "relies", "--since", "100"], 0),
    ],
)
def test_the_exit_status_is_for_continuous_integration(capsys, logs, words, status):
    assert run(capsys, logs / "new", *words)[0] == status


def test_that_nothing_was_found_is_said(capsys, logs):
    status, out, err = run(capsys, logs / "quiet")
    assert (status, out) == (0, "")
    assert "no findings in 1 run" in err


def test_mistakes_are_told(capsys, logs, tmp_path):
    assert run(capsys, logs, "--kind", "rely")[0] == 2
    assert "did you mean 'relies'?" in run(capsys, logs, "--fail-on", "rely:tag")[2]
    status, _, err = run(capsys, tmp_path)
    assert status == 2
    assert "holds no records of tf-interp" in err
