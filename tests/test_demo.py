"""The demo tells a true story, reproducibly, and the tab shows it to a person."""

import numpy as np
import pytest

from tf_interp import cli, demo, read


@pytest.fixture(scope="session")
def finding(tmp_path_factory):
    """One run of the demo, shared with the browser test."""
    return demo.run_demo(tmp_path_factory.mktemp("demo") / "logs", seed=0)


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


def test_behavior_agrees_with_the_concept_test(finding):
    assert finding.class_accuracy < 0.5 < 0.8 < finding.other_accuracy
    assert finding.fooled > 0.5
    assert finding.fooled_by_mark < 0.1


def test_a_group_sits_on_the_tag(finding):
    assert finding.group_focus > 0.5 > 3 * finding.group_area


def test_the_log_holds_every_part_at_every_epoch(finding):
    steps: dict[str, list[int]] = {}
    for record in read(finding.log_dir):
        steps.setdefault(record.tag, []).append(record.step)
    assert set(steps) == {
        f"{kind}/{layer}" for kind in ("features", "groups", "attribution", "concepts") for layer in demo.LAYERS
    }
    for tag in steps:
        assert len(steps[tag]) == demo.EPOCHS + 1
        assert steps[tag] == sorted(set(steps[tag]))


def test_the_paragraph_quotes_the_numbers(finding):
    text = finding.describe()
    assert f"{finding.last['tag']['displacement']:+.2f}" in text
    assert f"{finding.fooled:.0%}" in text


def test_the_command_refuses_a_folder_in_use(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    (tmp_path / "something").write_text("")
    assert cli.main(["demo", "--out", str(tmp_path)]) == 2
    assert "--out" in capsys.readouterr().err
