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
ONE = RunFinding(
    "one-group-decides", "Of 4 taken for cat, 4 are no longer without group 2 of conv.", 150, 4, {"target": "cat"},
    "threshold", {"kind": "decision", "layer": "output"}, {"node": "group 2", "layer": "conv"},
)  # fmt: skip


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


@pytest.mark.parametrize(
    ("name", "status"), [("cat", 1), ("group 2", 1), ("conv", 1), ("output", 1), ("group 1", 0), ("dog", 0), ("tag", 0)]
)
def test_a_finding_is_about_each_name_in_its_sentence(capsys, tmp_path, name, status):
    write([Finder([ONE]).to_record(150, [ONE], {"class_names": ["cat", "dog"]})], tmp_path)
    words = ["--fail-on", f"one-group-decides:{name}", "--fail-on", f"relies:{name}"]
    assert run(capsys, tmp_path, *words)[0] == status


def test_a_name_that_nothing_has_is_told(capsys, tmp_path):
    tests = [{"target": "cat", "concept": "water<b>mark"}]
    found = Finder([TAG]).to_record(150, [TAG], {"class_names": ["cat", "dog"]})
    write([found, Record("concepts", "conv", 150, "c", {"tests": tests})], tmp_path)
    said = run(capsys, tmp_path, "--fail-on", "relies:watermrak", "-q")[2]
    assert "--fail-on relies:watermrak can never fail" in " ".join(said.split())
    assert "did you mean ['water<b>mark']" in " ".join(said.split())
    for name in ("water<b>mark", "dog", "conv", "tag", "class 7"):
        assert run(capsys, tmp_path, "--fail-on", f"relies:{name}", "-q")[2] == ""


def test_runs_to_compare_with_that_hold_nothing_are_refused(capsys, logs, tmp_path):
    status, _, err = run(capsys, logs, "--against", tmp_path)
    assert status == 2
    assert "holds no records of tf-interp: everything would be new" in " ".join(err.split())


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
