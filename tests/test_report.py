"""Reports: one dictionary, its Markdown, the page and what is in it, and the command."""

import base64
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import zlib

import fake_run
import numpy as np
import pytest

from tensorboard_plugin_interp.metadata import link_modules
from tf_interp import cli
from tf_interp.records import Record, read_runs, write
from tf_interp.report import write_report
from tf_interp.report.embedding import DIGITS, choose_steps, write_bytes
from tf_interp.report.markdown import escape_markdown
from tf_interp.report.outline import make_outline

STEPS = fake_run.STEPS[:4]
TAG = "Epoch 2: the logit of 3 begins to rely on tag."
SCRIPT = "</script><script>alert(1)</script>\u2028<!--"


@pytest.fixture(scope="module")
def contents(report_logs, tmp_path_factory):
    return json.loads(write_report(report_logs, tmp_path_factory.mktemp("json") / "report.json").read_text())


@pytest.fixture(scope="module")
def page(report):
    return report.read_text()


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="interp-report">(.*?)</script>', page)[1])


def read_bytes(text):
    """The other way, digit by digit."""
    rest = -len(text) % 5
    values = [DIGITS.index(digit) for digit in text] + [84] * rest
    numbers = [sum(v * 85 ** (4 - i) for i, v in enumerate(values[at : at + 5])) for at in range(0, len(values), 5)]
    whole = b"".join(number.to_bytes(4) for number in numbers)
    return whole[: len(whole) - rest]


def test_the_dictionary_says_what_the_records_say(report_logs, contents):
    assert [run["run"] for run in contents["runs"]] == ["clean", "tagged"]
    run = contents["runs"][1]
    last = {record.tag: record for record in read_runs(report_logs)["tagged"]}
    assert run["steps"] == list(STEPS)
    assert run["findings"][0]["sentence"] == TAG
    rows = last["concepts/conv3"].data["tests"]
    told = run["concepts"][1]["tests"]
    assert [row["displacement"] for row in told] == [row["displacement"] for row in rows]
    assert [row["claim"] for row in told] == [row["claim"] for row in rows]
    assert [group["share"] for group in run["groups"][0]["groups"]] == [
        group["share"] for group in last["groups/conv2"].data["groups"]
    ]
    probe = last["groups/conv2"].data["probe"]
    assert run["probe"]["right"] == sum(map(int.__eq__, probe["labels"], probe["predictions"]))


def test_markdown_tells_each_run_with_its_findings_and_tests(report_logs, contents, tmp_path):
    text = write_report(report_logs, tmp_path / "report.md").read_text()
    assert text.startswith("# Interpretability report: logs\n")
    tagged = text[text.index("## Run tagged") :]
    assert f"* {TAG} (at most 5 %)" in tagged
    test = contents["runs"][1]["concepts"][1]["tests"][0]
    [row] = re.findall(rf"^\| conv3 \| {test['target']} \| {test['concept']} \| {test['contrast']} .*$", tagged, re.M)
    assert f"{abs(test['displacement']):.3g}" in row
    assert row.endswith(f"| {test['claim']} |")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b*c", r"a\_b\*c"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("[x](http://y)", r"\[x\](http&#58;//y)"),
        ("one\n# two\u2028three", r"one \# two three"),
        ("- x", r"\- x"),
        ("1. x", r"1\. x"),
        ("a|b", r"a\|b"),
        ("@octocat", "@\u200boctocat"),
    ],
)
def test_no_name_makes_markup(text, shown):
    assert escape_markdown(text) == shown


@pytest.mark.parametrize("count", range(10))
def test_bytes_come_back(count):
    data = bytes(np.random.default_rng(count).integers(0, 256, count, np.uint8))
    assert read_bytes(write_bytes(data)) == data
    assert read_bytes(write_bytes(b"\xff" * count)) == b"\xff" * count


def test_a_page_holds_every_record_whole_and_each_picture_once(report_logs, page):
    data = data_of(page)
    pictures = {number: read_bytes(text) for number, text in data["pictures"].items()}
    assert len(set(pictures.values())) == len(pictures)
    records = {(record.tag, record.step): record for record in read_runs(report_logs)["tagged"]}
    count = 0
    for tag, series in data["runs"]["tagged/interp"].items():
        for step, place in zip(series["steps"], series["records"], strict=True):
            held, record = json.loads(zlib.decompress(read_bytes(data["records"][place]))), records[tag, step]
            assert held["data"] == record.data
            again = Record.from_blobs(
                [record.to_blobs()[0], *(pictures[str(number)] for number in held["images"])]
            )  # decodes the pictures
            assert again == record
            count += 1
    assert count == len(records)
    assert len(pictures) < sum(len(record.images) for record in records.values())


def test_only_what_its_hash_allows_runs_in_a_page(page):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not re.search(r"https?:|\*", policy)
    for name, element in (("script-src", 'script type="module"'), ("style-src", "style data-interp")):
        [inside] = re.findall(f"<{element}>(.*?)</(?:script|style)>", page, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert len(re.findall("<script", page)) == 2
    assert "LICENSE-preact" in page, "what is passed on goes with its license"


def test_what_is_hostile_stands_as_text(tmp_path):
    fake_run.write_hostile_run(tmp_path, [*fake_run.HOSTILE, SCRIPT])
    page = write_report(tmp_path, tmp_path / "report.html").read_text()
    assert len(re.findall("<script", page)) == len(re.findall("</script", page)) == 2
    assert "<!--" not in page
    assert "<img" not in page
    text = write_report(tmp_path, tmp_path / "report.md").read_text()
    assert not re.search("<(?!/?br)", text)
    assert "\u202e" not in text


def test_long_runs_are_thinned_and_it_is_said(report_logs, page, tmp_path):
    told = []
    limit = (len(page) - 0.35 * len(page.split('id="interp-report"')[1].split("</script>")[0])) / 1e6
    small = write_report(report_logs, tmp_path / "small.html", max_mb=limit, say=told.append).read_text()
    assert len(small.encode()) <= limit * 1e6
    data = data_of(small)
    assert data["about"]["notices"] == told
    [notice] = told
    kept = int(re.fullmatch(r"Run tagged has 4 steps; this report keeps (\d) of them, .*", notice)[1])
    steps = data["runs"]["tagged/interp"]["features/conv2"]["steps"]
    assert len(steps) < len(STEPS)
    assert len(steps) == kept, "a step of which only its findings are there is not kept"
    assert (steps[0], steps[-1]) == (STEPS[0], STEPS[-1])
    assert data["runs"]["tagged/interp"]["finding/run"]["steps"] == [STEPS[1]]
    assert notice in small.split('id="interp-report"')[0]
    with pytest.raises(ValueError, match=r"the last step alone takes .* give a larger --max-mb"):
        write_report(report_logs, tmp_path / "tiny.html", max_mb=0.01)
    assert not (tmp_path / "tiny.html").exists()


def test_findings_at_each_step_do_not_hide_that_steps_are_left_out(tmp_path):
    noise = np.random.default_rng(0).bytes
    records = []
    for step in (0, 10, 20):
        records += [Record("groups", "conv", step, noise(150_000).hex()), Record("finding", "run", step, "Findings",
                                                                               {"findings": []})]  # fmt: skip
    write(records, tmp_path / "logs")
    told = []
    write_report(tmp_path / "logs", tmp_path / "a.html", say=told.append, max_mb=30)
    assert told == []
    size = (tmp_path / "a.html").stat().st_size
    write_report(tmp_path / "logs", tmp_path / "a.html", say=told.append, max_mb=(size - 100_000) / 1e6)
    assert [line.partition(", ")[0] for line in told] == ["Run logs has 3 steps; this report keeps 2 of them"]


def test_what_is_of_an_earlier_step_is_said_to_be(tmp_path):
    def test_of(layer, step, said):
        row = dict.fromkeys(("ci_low", "ci_high", "displacement", "p_holm"), 0.5)
        row |= {"target": "cat", "concept": "tag", "contrast": "random", "quantity": "probability"}
        return Record("concepts", layer, step, "c", {"tests": [row], "headline": {"finding": {"sentence": said}}})

    def with_probe(kind, step, right):
        return Record(kind, "conv", step, "p", {"probe": {"count": 3, "right": right}, "groups": [{"name": "group 0"}]})

    logs = tmp_path / "logs"
    write([test_of("z", 0, "Old."), with_probe("attribution", 0, [False] * 3), with_probe("groups", 5, [True] * 3),
           test_of("a", 9, "New.")], logs)  # fmt: skip
    text = write_report(logs, tmp_path / "report.md").read_text()
    assert "from 0 to 9; what follows is of the last, except where an earlier step is named" in text
    assert "3 of 3 decided right" in text
    assert "New." in text
    assert "Old." not in text
    assert "| a | cat |" in text
    assert "| z, step 0 | cat |" in text
    assert "moves the probability by" in text
    assert "conv, step 5\n" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(999.4, "999"), (999.7, "1,000"), (-12345.6, "−12,346"), (999_999.7, "1e+06"), (0.012345, "0.0123"), (None, "–"),
     (float("inf"), "–"), (0, "0")],
)  # fmt: skip
def test_numbers_have_three_digits_or_are_whole(value, shown):
    unit = {"name": "channel 0", "probe_max": value, "status": "ok", "activation": None}
    run = {"run": "a", "steps": [0], "model": {}, "output": {}, "epoch": None, "probe": None, "looked_at": [],
           "warnings": [], "findings": [], "concepts": [], "groups": [], "decisions": [],
           "features": [{"layer": "conv", "step": 0, "units": [unit]}]}  # fmt: skip
    contents = {"runs": [run], "title": "t", "recorded": "r", "made_by": "m", "notices": []}
    assert make_outline(contents)[-1].lines == [[f"conv: channel 0 (probe reaches {shown})"]]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 11, 20])
def test_steps_that_are_kept_are_even(count):
    kept = choose_steps(range(0, 110, 10), count)
    assert len(kept) == len(set(kept)) == min(count, 11)
    assert kept[-1] == 100
    assert count == 1 or kept[0] == 0
    gaps = np.diff(kept)
    assert not len(gaps) or gaps.max() - gaps.min() <= 10


@pytest.mark.parametrize(
    ("count", "kept"),
    [(5, [0, 30, 40, 80, 100]), (3, [0, 30, 100]), (2, [0, 100]), (1, [100]), (12, range(0, 110, 10))],
)
def test_steps_at_which_something_was_found_come_first(count, kept):
    assert choose_steps(range(0, 110, 10), count, [30, 40]) == list(kept)


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ('import one from "./one.js";', "cannot link"),
        ('import * as one from "./one.js";', "cannot link"),
        ('import "./one.js";', "cannot link"),
        ('const one = await import("./one.js");', "cannot link"),
        ("export default 1;", "cannot link"),
        ("export let one = 1;", "cannot link"),
        ('export * from "./one.js";', "cannot link"),
        ('import { two } from "./one.js";', r"imports \['two'\] from one.js, which exports \['one'\]"),
        ('import { one } from "./none.js";', "no module in"),
        ('import { one } from "../one.js";', "no module in"),
        ('import { one } from "./main.js";\nexport const one = 1;', "in a circle: main.js -> main.js"),
        ("const $module = 1;", "linking needs"),
    ],
)
def test_what_cannot_be_linked_is_refused(tmp_path, main, said):
    (tmp_path / "one.js").write_text("export const one = 1;\n")
    (tmp_path / "main.js").write_text(main + "\n")
    with pytest.raises(ValueError, match=said):
        link_modules(tmp_path, "main.js")


def run(capsys, *words):
    status = cli.main(["report", *map(str, words)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_the_command_says_where_and_how_large(capsys, report_logs, tmp_path):
    out = tmp_path / "new" / "report.md"
    status, printed, said = run(capsys, report_logs, "-o", out)
    assert (status, printed.strip()) == (0, str(out))
    assert re.search(r"\d+ kB", said)
    assert run(capsys, report_logs, "-o", out, "-q")[2] == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{empty}", "-o", "{empty}/a.html"], "holds no records of tf-interp"),
        (["{empty}/none", "-o", "{empty}/a.html"], "expected a log directory, found nothing"),
        (["{logs}", "-o", "{empty}/a.pdf"], "a report ends in .html, .md or .json, got 'a.pdf'"),
        (["{logs}", "-o", "{empty}/a.html", "--max-mb", "0"], "--max-mb must be above 0"),
    ],
)
def test_mistakes_are_told(capsys, report_logs, tmp_path, words, said):
    status, _, err = run(capsys, *(word.format(logs=report_logs, empty=tmp_path) for word in words))
    assert status == 2
    assert said in err
    assert not list(tmp_path.iterdir())


def test_a_report_needs_no_tensorflow():
    code = "import sys, tf_interp.report; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    root = pathlib.Path(__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
