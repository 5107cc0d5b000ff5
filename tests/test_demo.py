"""The demo tells a true story, reproducibly, and the tab shows it to a person."""

import dataclasses

import keras
import numpy as np
import pytest
from browser_checks import check_all, check_theme, open_tab, start_tensorboard, wait_for_runs

import tf_interp as ti
from tensorboard_plugin_interp.metadata import unpack_vector
from tf_interp import cli, demo, read, read_findings, write_report
from tf_interp.attribution.methods.switching_off.shapley import shapley_values
from tf_interp.concepts.result.explain import SPECIFIC
from tf_interp.groups.meaning.naming.name_evidence import overlap


def test_validation_pictures_are_clean_and_training_pictures_planted():
    x, y, x_val, _ = demo.load_data(0)
    assert len(x) == 1300
    assert len(x_val) == 497
    has_tag = np.all(demo.plant(x, "tag") == x, axis=(1, 2, 3))
    assert 0.9 < has_tag[y == demo.TARGET].mean() < 1
    assert has_tag[y != demo.TARGET].mean() == 0
    assert not np.all(demo.plant(x_val, "tag") == x_val, axis=(1, 2, 3)).any()
    assert not np.all(demo.plant(x_val, "mark") == x_val, axis=(1, 2, 3)).any()
    has_mark = np.all(demo.plant(x, "mark") == x, axis=(1, 2, 3))
    assert 0.45 < has_mark.mean() < 0.55
    assert 0.35 < has_mark[y == demo.TARGET].mean() < 0.65


def test_the_effect_of_the_tag_grows_to_three_times_the_controls(finding):
    tag, mark = finding.last["tag"], finding.last["mark"]
    assert tag["displacement"] > 3 * abs(mark["displacement"])
    assert tag["displacement"] > 3 * abs(finding.first["tag"]["displacement"])
    assert tag["effect"] > 3 * abs(mark["effect"])
    assert tag["p_holm"] < 0.05
    assert tag["ci_low"] > 0
    assert tag["contrast"] == "paired"


def test_all_three_questions_are_answered(finding):
    tag, mark, beside = finding.last["tag"], finding.last["mark"], finding.beside
    assert tag["ci_low"] > 0, "it moves the decision"
    assert (beside["contrast"], beside["against"]) == ("relative", ["mark"])
    assert beside["ci_low"] > 0, "more than the mark does"
    assert beside["p_holm"] < 0.05
    assert tag["specificity"] >= SPECIFIC, "and more than any pattern of other digits"
    assert mark["specificity"] < SPECIFIC


def test_the_alarm_rings_for_the_tag_as_it_is_learned_and_never_for_the_mark(finding, capsys):
    relied = [item for item in finding.findings if item.kind == "relies"]
    assert [item.subject["concept"] for item in relied] == ["tag"]
    sentence, epoch = relied[0].sentence, relied[0].epoch
    assert epoch <= 2
    assert sentence.startswith(f"Epoch {epoch + 1}: the logit of 3 begins to rely on tag")
    assert sentence in finding.describe()
    assert finding.describe().endswith("For the mark it was silent.")
    assert [item.sentence for item in read_findings(finding.log_dir)["."] if item.kind == "relies"] == [sentence]
    assert cli.main(["findings", str(finding.log_dir), "--fail-on", "relies:tag", "--fail-on", "relies:mark"]) == 1
    assert sentence in capsys.readouterr().out


def test_behavior_agrees_with_the_concept_test(finding):
    assert finding.class_accuracy < 0.5 < 0.8 < finding.other_accuracy
    assert finding.fooled > 0.5
    assert finding.fooled_by_mark < 0.1


def test_its_report_can_be_sent_by_mail(finding, tmp_path):
    assert write_report(finding.log_dir, tmp_path / "report.html").stat().st_size < 6_000_000


def test_a_group_sits_on_the_tag(finding):
    assert finding.group_focus > max(0.5, 3 * finding.group_area)


def test_one_group_is_the_shortcut_from_the_step_where_it_appears(finding):
    records = [record for record in read(finding.log_dir) if record.tag == f"groups/{demo.LAYER}"]
    last = records[-1].data
    (group,) = (row for row, item in enumerate(last["groups"]) if item["name"] == finding.group)
    pictures = {item["probe"]: item for item in last["switches"]["pictures"]}
    scores = {row: np.array(item["outputs"])[:, item["classes"].index(demo.TARGET)] for row, item in pictures.items()}
    tagged, clean = [row for row in pictures if 10 <= row < 20], [row for row in pictures if row + 10 in pictures]
    shapley = np.mean([shapley_values(scores[row][:, None, None]).ravel() for row in tagged], 0)
    assert shapley.argmax() == group

    without = 255 ^ (1 << group)
    gain = np.mean([scores[row + 10][-1] - scores[row][-1] for row in clean])  # what the tag adds to the logit of 3
    taken = np.mean([scores[row + 10][-1] - scores[row + 10][without] for row in clean])
    assert 0.5 * gain < taken < 1.2 * gain
    decided = {row: np.array(item["decisions"])[[without, -1]] for row, item in pictures.items()}
    assert all(decided[row][0] != demo.TARGET for row in tagged)
    assert all(decided[row][0] == decided[row][1] for row in clean)

    mine = last["groups"][group]["identity"]
    there = [mine in [item["identity"] for item in record.data["groups"]] for record in records]
    first = there.index(True)
    assert all(there[first:])
    overlaps = []
    for record in records[first:]:
        place = next(row for row, item in enumerate(record.data["groups"]) if item["identity"] == mine)
        sheet = record.data["maps"]
        maps = record.images[sheet["image"]].astype(float).reshape(sheet["rows"], 8, sheet["columns"], 8)
        maps = maps.transpose(0, 1, 3, 2)
        planted = np.zeros(maps.shape[:3], bool)
        carry = np.repeat(np.asarray(demo.PROBE) == "tag", 10)[: len(planted)]
        planted[carry, 5:8, 5:8] = True  # the cells of 4 pixels that the tag lies in
        overlaps.append(overlap(maps, planted)[place])
    assert overlaps[-1] >= 0.5, "where it fires most"
    assert np.median(overlaps) >= 0.5


def test_without_the_group_the_shortcut_is_gone_and_other_digits_are_seen_as_before(finding):
    record = [record for record in read(finding.log_dir) if record.tag == f"groups/{demo.LAYER}"][-1]
    names = [item["name"] for item in record.data["groups"]]
    vectors = np.stack([unpack_vector(item["vector"]) for item in record.data["groups"]])
    model = ti.open_model(finding.log_dir / "model.keras")
    *_, pictures, labels = demo.load_data(0)
    probe = demo.make_probe(pictures, labels)
    groups = ti.find_groups(model, probe, demo.LAYER, 8, method="nmf", init=vectors, window=3, iterations=0)
    others, labels = pictures[labels != demo.TARGET], labels[labels != demo.TARGET]
    group = groups[[names.index(finding.group)]]
    right, fooled = [], []
    for images, seen in ((others, right), (demo.plant(others, "tag"), fooled)):
        off = ti.ablate_groups(model, images, group, [demo.TARGET], draws=1, baseline="median")
        seen += [outputs.argmax(1) for outputs in off.subsets]  # without it, and with it
    right = [np.mean(decided == labels) for decided in right]
    fooled = [np.mean(decided == demo.TARGET) for decided in fooled]
    assert right[1] == pytest.approx(finding.other_accuracy, abs=1e-6)
    assert right[0] > right[1] - 0.01
    assert fooled[1] == pytest.approx(finding.fooled, abs=1e-6)
    assert fooled[0] < 0.02


def test_the_graph_of_a_tagged_picture_leads_to_the_tag_and_that_of_its_twin_does_not(finding):
    data = [record for record in read(finding.log_dir) if record.kind == "decision"][-1].data
    rows = [row for row, node in enumerate(data["nodes"]) if node["layer"] == demo.LAYER]
    tag = next(row for row in rows if data["nodes"][row]["name"] == finding.group)
    sources = {}
    for name, picture in (("clean", data["pictures"][3]), ("tagged", data["pictures"][13])):  # the same 3
        three = picture["classes"].index(demo.TARGET)
        other = next(place for place in range(len(picture["classes"])) if place != three)  # the highest of the others
        values, proofs = (np.array(picture[key]) for key in ("output_values", "output_proofs"))
        margin = picture["scores"][three] - picture["scores"][other]
        sources[name] = values[:, three] - values[:, other], proofs[tag, three] - proofs[tag, other], margin
    values, proof, margin = sources["tagged"]
    assert tag == max(rows, key=lambda row: values[row]), "the strongest source of 3 and not another digit"
    assert proof >= 0.6 * margin > 0
    values, proof, margin = sources["clean"]
    assert tag != max(rows, key=lambda row: values[row])
    assert margin < 0, "without the tag it is not taken for a 3"
    assert proof < 0.5 * sources["tagged"][1]


def test_the_log_holds_every_part_at_every_epoch(finding):
    steps: dict[str, list[int]] = {}
    for record in read(finding.log_dir):
        if record.kind != "finding":  # where there is something new
            steps.setdefault(record.tag, []).append(record.step)
    assert set(steps) == {
        f"{kind}/{layer}" for kind in ("features", "groups", "attribution", "concepts") for layer in demo.LAYERS
    } | {"decision/output"}
    for tag in steps:
        assert len(steps[tag]) == demo.EPOCHS + 1
        assert steps[tag] == sorted(set(steps[tag]))


def test_the_paragraph_says_what_was_found_and_no_more(finding):
    assert finding.found_shortcut
    assert "learned a shortcut" in finding.describe()
    clean = dataclasses.replace(finding, fooled=0.01, class_accuracy=0.99, group_focus=0.2)
    assert "No clear shortcut" in clean.describe()
    assert "comes closest" in clean.describe()
    text = finding.describe()
    for row in (
        finding.last["tag"],
        finding.last["mark"],
        finding.beside,
    ):  # in the words of the record, which the tab shows
        assert f"{row['sentence']} {row['verdict']}" in text
    assert "after correction for 132 tests" in text
    assert finding.first["tag"]["claim"] in ("negligible", "no finding")
    assert f"{finding.fooled:.0%}" in text


def test_same_seed_same_numbers_and_pictures(finding, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "EPOCHS", 1)
    demo.run_demo(tmp_path / "again", seed=0)
    before = {(record.tag, record.step): record for record in read(finding.log_dir)}
    again = list(read(tmp_path / "again"))
    assert sum(record.kind != "finding" for record in again) == 2 * 9, "nine records a look"
    for record in again:
        data, same = record.data, before[record.tag, record.step].data
        if record.kind == "concepts":  # corrected for as many looks as there will be: here for two, not for eleven
            rows = [[[test[key] for key in ("concept", "effect", "ci_low", "p")] for test in item["tests"]]
                    for item in (data, same)]  # fmt: skip
            assert rows[0] == rows[1], record.tag
            data, same = data["model"], same["model"]
        assert {**data, "seconds": 0} == {**same, "seconds": 0}, record.tag
        for picture, other in zip(record.images, before[record.tag, record.step].images, strict=True):
            np.testing.assert_array_equal(picture, other, err_msg=record.tag)


def test_another_seed_is_another_network_and_another_training(tmp_path, monkeypatch):
    begun = []

    def begin(model, x, *_, **__):
        begun.append((x, model.get_weights()))
        raise InterruptedError

    monkeypatch.setattr(keras.Model, "fit", begin)
    for seed in (1, 1, 2):
        with pytest.raises(InterruptedError):
            demo.run_demo(tmp_path / str(len(begun)), seed=seed)
    first, same, other = ([item.tobytes() for item in (x, *weights) if np.ptp(item)] for x, weights in begun)
    assert first == same
    assert all(one != another for one, another in zip(first, other, strict=True))


def test_the_command_refuses_a_folder_in_use(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    (tmp_path / "something").write_text("")
    assert cli.main(["demo", "--out", str(tmp_path)]) == 2
    assert "--out" in capsys.readouterr().err


@pytest.mark.browser
def test_the_tab_shows_the_story(finding, browser):
    with start_tensorboard(finding.log_dir) as url:
        wait_for_runs(url, 8)
        with open_tab(browser, url, 1440, 1000) as tab:
            told = tab.frame.get_by_role("region", name="Findings").locator("p.finding").first
            assert told.inner_text() == next(item.sentence for item in finding.findings if item.kind == "relies")
            tab.frame.get_by_label("Layer").select_option(demo.LAYER)
            tab.section("Overview")
            text = tab.text(".headline .finding")
            assert f"{text} {tab.text('.judgement')}" in finding.describe()
            assert tab.step() == demo.EPOCHS * 41
            check_all(tab, "demo-light")
            check_theme(tab)
            tab.section("Features")
            tab.frame.locator(".unit").first.click()
            tab.wait_for_pictures()
            assert tab.frame.locator(".panel .histogram rect").count() == 24
            assert tab.frame.get_by_role("heading", name="The part of each that does").is_visible()
            tab.frame.locator(".histogram").scroll_into_view_if_needed()
            tab.frame.get_by_role("heading", name="Over training").scroll_into_view_if_needed()
            tab.shoot("demo-light-unit")
            tab.set_theme(dark=True)
            tab.section("Concepts")
            tab.shoot("demo-dark-concepts")
            texts = tab.frame.locator("button.test").all_inner_texts()
            rows = {name: next(text for text in texts if name in text) for name in ("tag", "mark")}
            for name, text in rows.items():
                row = finding.last[name]
                assert text.endswith(f"{row['claim']} p = {row['p_holm']:.2g}")
                assert ("−" in text) == (row["ci_low"] < 0), "the sign says which way"


@pytest.mark.browser
def test_scores_stand_beside_loss_and_accuracy(finding, browser):
    with start_tensorboard(finding.log_dir) as url:
        wait_for_runs(url, 8)
        page = browser.new_page()
        for name in ("epoch_accuracy", "interp/concept effect", "interp/TCAV score", "interp/group share"):
            page.goto("about:blank")
            page.goto(f"{url}#scalars&tagFilter={name}")
            page.get_by_text(f"tag: {name}").first.wait_for(timeout=20_000)
        page.close()
