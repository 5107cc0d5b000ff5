"""What is worth telling of a run, from records made by hand: each thing once, the gravest first."""

import json

import numpy as np
import pytest

from tf_interp.findings import KINDS, Finder, RunFinding, read_findings
from tf_interp.records import Record, write

ROW = {"target": "3", "concept": "tag", "contrast": "paired", "claim": "finding", "quantity": "logit", "against": None,
       "displacement": 2.1, "ci_low": 1.8, "ci_high": 2.4, "p_holm": 0.001}  # fmt: skip
WATCH = {"alpha": 0.05, "tests": 8, "share": 0.3}


def concepts(step, *rows, layer="conv3", watch=WATCH, epoch=2, **data):
    tests = [{"alarm": None, **ROW, **row} for row in rows]
    return Record("concepts", layer, step, "c", {"tests": tests, "watch": watch, "epoch": epoch, **data})


def look(finder, *records):
    for record in records:
        finder.see(record)
    return [(one.kind, one.sentence) for one in finder.finish()]


def test_an_alarm_is_one_sentence_with_its_evidence():
    finder = Finder()
    rings, quiet = {"alarm": 90}, {"contrast": "random", "displacement": 1.0}
    assert look(finder, concepts(60, quiet)) == []
    other = concepts(90, {**rings, "contrast": "random", "displacement": 9.0}, layer="conv2")
    assert look(finder, other, concepts(90, rings, quiet)) == [
        (
            "relies",
            "Epoch 3: the logit of 3 begins to rely on tag (+2.1 [1.8, 2.4] in conv3, beside the same examples without "
            "it; alarm valid at 5 % over this whole training and its 8 tests).",
        )
    ]
    (found,) = finder.findings
    assert found.evidence == {"kind": "concepts", "layer": "conv3", "step": 90}
    assert found.subject == {"target": "3", "concept": "tag"}
    assert "at most 5 % of trainings" in found.rate
    assert look(finder, concepts(120, {"alarm": 120, "contrast": "random"})) == [], "told already"


def test_a_finished_model_has_no_alarm_but_a_correction():
    finder = Finder()
    exploratory = concepts(0, {}, watch=None, family=8, alpha=0.05, exploratory=True)
    assert look(Finder(), exploratory) == []
    done = concepts(0, {}, {"concept": "mark", "claim": "hint"}, watch=None, family=8, alpha=0.05, epoch=None)
    assert look(finder, done) == [
        (
            "relies",
            "The logit of 3 relies on tag (+2.1 [1.8, 2.4] in conv3, beside the same examples without it; p = 0.001 "
            "after correction for 8 tests).",
        )
    ]


def test_what_tells_two_concepts_apart_is_no_reliance_on_either():
    tag = {
        "alarm": 90,
        "contrast": "relative",
        "against": ["mark"],
        "displacement": 9.0,
        "ci_low": 8.0,
        "ci_high": 10.0,
    }
    mark = {**tag, "concept": "mark", "against": ["tag"], "displacement": -9.0, "ci_low": -10.0, "ci_high": -8.0}
    alone = look(Finder(), concepts(90, tag, mark))
    assert [sentence.partition(";")[0] for _, sentence in alone] == [
        "Epoch 3: the logit of 3 begins to rely on tag (+9 [8, 10] in conv3, beside examples of mark"
    ], "the same comparison with the other sign is no second finding"
    own = [{}, {"concept": "mark"}]
    assert look(Finder(), concepts(90, tag, mark, *own)) == [], "neither moves the logit by itself"
    ((_, sentence),) = look(Finder(), concepts(90, tag, mark, {"alarm": 90}, own[1]))
    assert "beside the same examples without it" in sentence


def test_a_concept_that_stops_or_turns_is_told():
    finder = Finder()
    look(finder, concepts(90, {"alarm": 90}))
    weak = {"displacement": 0.1, "ci_low": -0.1, "ci_high": 0.3}
    assert look(finder, concepts(120, weak)) == [], "once may be chance"
    ((kind, sentence),) = look(finder, concepts(150, weak, epoch=4))
    assert kind == "stops-relying"
    assert sentence.startswith("Epoch 5: the logit of 3 no longer relies on tag (+0.1 [-0.1, 0.3] in conv3")
    against = {"displacement": -1.0, "ci_low": -1.5, "ci_high": -0.5}
    ((kind, sentence),) = look(finder, concepts(180, against))
    assert kind == "turns-sign"
    assert "tag now speaks against 3" in sentence


def decision(count, off):
    picture = {"classes": [1, 0], "scores": [2.0, 1.0], "off": off}
    nodes = [
        {"name": "top left", "layer": "input", "kind": "input"},
        {"name": "group 2", "layer": "conv", "kind": "group"},
        {"name": "bottom", "layer": "input", "kind": "input"},
        {"name": "group 3", "layer": "conv", "kind": "group"},
    ][: len(off)]
    data = {"nodes": nodes, "pictures": [picture] * count, "class_names": ["cat", "dog"], "epoch": None}
    data["output"] = {"kind": "multiclass"}
    return Record("decision", "output", 0, "d", data)


def test_a_single_node_without_which_most_decisions_fall():
    no, yes = [-0.5, 0.4], [-0.5, 0.6]
    assert look(Finder(), decision(3, [no, yes, no, no])) == [], "too few pictures"
    assert look(Finder(), decision(4, [no, no, no, no])) == []
    assert look(Finder(), decision(4, [no, yes, no, yes])) == [], "none is the one"
    assert look(Finder(), decision(4, [no, yes])) == [], "there is no other"
    assert look(Finder(), decision(4, [no, yes, no, no])) == [
        (
            "one-group-decides",
            "Of 4 probe pictures taken for dog, 4 are no longer when group 2 of conv alone is switched off; for any "
            "other group it is 0 at most.",
        )
    ]
    assert [kind for kind, _ in look(Finder(), decision(4, [yes, no, no, no]))] == ["one-region-decides"]
    untrained = decision(4, [yes, no, no, no])
    numbers = Record("decision", "output", 0, "d", {**untrained.data, "output": {"kind": "regression"}})
    assert look(Finder(), numbers) == [], "the highest number is no choice"
    assert look(Finder(), Record("decision", "output", 0, "d", {**untrained.data, "session": 1})) == []


@pytest.mark.parametrize(("where", "told"), [((0, 15), True), ((8, 8), False)])
def test_evidence_on_the_border(where, told):
    cells = np.zeros((4, 16, 16), np.uint8)
    cells[:, where[0], where[1]] = 200
    sheet = {"image": 0, "rows": 2, "columns": 2, "count": 4}
    picture = np.vstack([np.hstack(cells[:2]), np.hstack(cells[2:])])
    data = {"positive": sheet, "pictures": [{"target": 1}] * 4, "class_names": ["cat", "dog"], "epoch": 0}
    found = look(Finder(), Record("attribution", "conv", 30, "a", data, [picture]))
    assert [kind for kind, _ in found] == (["border-evidence"] if told else [])
    if told:
        assert "in 4 of 4 probe pictures most of what speaks for dog lies on the border (by conv, 100 %" in found[0][1]


def features(constant, saturated=0):
    channels = {"count": 8, "pictures": 40, "constant": constant, "saturated": saturated}
    return Record("features", "conv", 30, "f", {"channels": channels, "epoch": 0})


@pytest.mark.parametrize(
    ("record", "kinds"),
    [
        (features(8), ["constant-layer"]),
        (features(2), ["dead-units"]),
        (features(1), []),
        (features(1, 2), ["saturated-units"]),
        (Record("features", "conv", 30, "of an older version", {"units": []}), []),
    ],
)
def test_idle_units(record, kinds):
    assert [kind for kind, _ in look(Finder(), record)] == kinds


def groups(step, events=(), shares=(0.5, 0.3)):
    rows = [{"name": f"group {n}", "identity": n, "share": share} for n, share in enumerate(shares)]
    return Record("groups", "conv", step, "g", {"groups": rows, "events": list(events), "epoch": step})


def test_groups_that_come_and_go_are_news_only_where_they_had_settled():
    death = {"event": "death", "identity": 0, "name": "group 0"}
    birth = {"event": "birth", "identity": 2, "name": "group 2"}
    restless = Finder()
    assert look(restless, groups(0)) == look(restless, groups(1, [death, birth], (0, 0.3, 0.6))) == []
    settled = Finder()
    assert look(settled, groups(0)) == look(settled, groups(1)) == []
    found = look(settled, groups(2, [death, birth], (0, 0.3, 0.05)))
    assert [kind for kind, _ in found] == ["group-lost"], "the new one is small"
    assert "in conv the group 'group 0', 50 % of the layer's activation, is gone" in found[0][1]


def test_the_gravest_comes_first_and_the_record_holds_all_so_far():
    finder = Finder()
    finder.see(features(8))
    finder.see(concepts(30, {"alarm": 30}))
    finder.note(RunFinding("not-finite", "The loss is nan.", 30, 0, {"number": "loss"}, "a fact"))
    new = finder.finish()
    assert [one.kind for one in new] == ["not-finite", "relies", "constant-layer"]
    record = finder.to_record(30, new[:1], {"epoch": 0, "warnings": ["not for this record"]})
    assert record.tag == "finding/run"
    assert [item["new"] for item in record.data["findings"]] == [True, False, False]
    assert [RunFinding.from_dict(item) for item in record.data["findings"]] == new
    assert record.data["epoch"] == 0
    assert record.data["warnings"] == []


def test_a_kind_or_field_of_a_later_version_does_no_harm():
    later = RunFinding("telepathy", "It reads minds.", 3, None, {}, "unknown")
    values = json.loads(json.dumps(later.to_dict() | {"color": "red"}))
    assert RunFinding.from_dict(values) == later
    assert later.rank > RunFinding("looks-skipped", "", 0, None, {}, "").rank
    with pytest.raises(ValueError, match="not a finding"):
        RunFinding.from_dict({"kind": "relies"})


def test_findings_are_read_back_and_found_in_logs_of_older_versions(tmp_path):
    finder = Finder()
    finder.see(concepts(30, {"alarm": 30}))
    record = finder.to_record(30, finder.finish(), {})
    write([concepts(30, {"alarm": 30}), record], tmp_path / "new")
    write([features(8)], tmp_path / "old")
    found = read_findings(tmp_path)
    assert {run: [one.kind for one in own] for run, own in found.items()} == {
        "new": ["relies"], "old": ["constant-layer"],
    }  # fmt: skip
    assert found["new"] == finder.findings


def test_every_kind_has_words():
    assert all(kind.words for kind in KINDS.values())
    assert {kind.about for kind in KINDS.values()} == {"concepts", "decisions", "groups", "units", "training"}
