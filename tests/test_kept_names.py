"""Names that people give: they follow a group over steps and runs, and no file is ever lost."""

import json

import numpy as np
import pytest

import tf_interp as ti

CHANNELS = 40
VECTORS = np.abs(np.random.default_rng(0).normal(size=(4, CHANNELS))) ** 4  # no two alike


def make(vectors=VECTORS, layer="conv", first=0):
    return ti.Directions(layer, vectors, [f"group {first + row}" for row in range(len(vectors))], "groups")


def drift(amount, seed=1):
    noise = np.random.default_rng(seed).random(VECTORS.shape)
    return VECTORS + amount * noise * np.linalg.norm(VECTORS, axis=1, keepdims=True) / CHANNELS**0.5


def test_a_name_follows_its_group_to_another_step_order_and_run(tmp_path):
    ti.keep_group_names(tmp_path / "run1", make(), {"group 1": "stripes", "group 3": " grass "})
    later = make(drift(0.3)[[3, 0, 1, 2]])
    found = ti.recall_group_names(later, tmp_path / "run2", tmp_path / "run1")
    assert found.names == ("grass", None, "stripes", None)
    assert found.sources == (str(tmp_path / "run1"), None, str(tmp_path / "run1"), None)
    assert 0.9 < found.cosines[0] < 1
    assert np.isnan(found.cosines[1])
    other = make(np.random.default_rng(5).random((4, CHANNELS)) ** 4)
    assert ti.recall_group_names(other, tmp_path / "run1").names == (None,) * 4, "what is called the same is another"
    assert ti.recall_group_names(make(layer="conv2"), tmp_path / "run1").names == (None,) * 4
    assert ti.recall_group_names(make(VECTORS[:, :30]), tmp_path / "run1").names == (None,) * 4


def test_the_run_itself_comes_first(tmp_path):
    ti.keep_group_names(tmp_path / "old", make(), {"group 0": "old", "group 1": "also"})
    ti.keep_group_names(tmp_path / "new", make(), {"group 0": "new"})
    assert ti.recall_group_names(make(), tmp_path / "new", tmp_path / "old").names == ("new", "also", None, None)


def test_the_file_is_what_its_text_says(tmp_path):
    ti.keep_group_names(tmp_path, make(), {"group 2": "Gräser"})
    raw = (tmp_path / "interp-names.json").read_bytes()
    whole = json.loads(raw.decode("utf-8"))
    assert "Gräser".encode() in raw
    assert set(whole) == {"schema", "names"}
    (entry,) = whole["names"]
    assert set(entry) == {"layer", "group", "name", "vector", "time"}
    assert (whole["schema"], entry["layer"], entry["group"]) == (1, "conv", "group 2")
    vector = entry["vector"]
    assert vector["size"] == CHANNELS > len(vector["channels"]), "only the channels that matter"
    unit = VECTORS[2] / np.linalg.norm(VECTORS[2])
    np.testing.assert_allclose(vector["weights"], unit[vector["channels"]], atol=1e-4)
    assert np.square(vector["weights"]).sum() >= 0.995 - 1e-3
    assert len(list(tmp_path.iterdir())) == 1, "nothing is left beside it"


def test_a_name_is_replaced_and_taken_away_and_the_others_stay(tmp_path):
    ti.keep_group_names(tmp_path, make(), {"group 0": "a", "group 1": "b"})
    moved = make(drift(0.2)[[1, 0, 2, 3]])  # group 0 is what was group 1
    kept = ti.keep_group_names(tmp_path, moved, {"group 0": "b again"})
    assert sorted(entry["name"] for entry in kept.entries) == ["a", "b again"]
    kept = ti.keep_group_names(tmp_path, make(), {"group 0": "", "group 2": None})
    assert [entry["name"] for entry in kept.entries] == ["b again"]


def test_groups_that_are_alike_have_names_of_their_own(tmp_path):
    near = np.stack([VECTORS[0], VECTORS[0] + 0.3 * VECTORS[1]])
    ti.keep_group_names(tmp_path, make(near), {"group 0": "first"})
    ti.keep_group_names(tmp_path, make(near), {"group 1": "second"})
    assert ti.recall_group_names(make(near), tmp_path).names == ("first", "second")


def test_an_entry_without_vector_counts_in_its_own_log_only(tmp_path):
    entry = {"layer": "conv", "group": "group 2", "name": "by hand", "vector": None}
    (tmp_path / "interp-names.json").write_text(json.dumps({"schema": 1, "names": [entry]}))
    assert ti.recall_group_names(make(), tmp_path).names[2] == "by hand"
    assert ti.recall_group_names(make(), tmp_path / "other", tmp_path).names[2] is None
    kept = ti.keep_group_names(tmp_path, make(), {"group 2": "anew"})
    assert [(item["name"], item["vector"]["size"]) for item in kept.entries] == [("anew", CHANNELS)]


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "it is no JSON"), ("[1]", "it holds no list of names"), ("\xff", "it is no JSON"),
     ("[" * 100_000, "it is no JSON")],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_a_sentence_and_is_put_aside(tmp_path, text, why):
    path = tmp_path / "interp-names.json"
    path.write_bytes(text.encode("latin-1"))
    found = ti.recall_group_names(make(), tmp_path)
    assert found.names == (None,) * 4
    assert why in found.notes[0]
    assert path.read_bytes() == text.encode("latin-1"), "who reads changes nothing"
    for number in (1, 2):
        path.write_bytes(text.encode("latin-1"))
        kept = ti.keep_group_names(tmp_path, make(), {"group 0": "a"})
        assert kept.notes[0].endswith(f"it was put aside as interp-names.broken-{number}.json")
        assert (tmp_path / f"interp-names.broken-{number}.json").read_bytes() == text.encode("latin-1")
        assert [entry["name"] for entry in kept.entries] == ["a"]


def test_a_file_of_another_version_is_left_whole(tmp_path):
    path = tmp_path / "interp-names.json"
    path.write_text('{"schema": 9, "names": []}')
    assert "it is of schema 9, this version reads 1" in ti.read_group_names(tmp_path).notes[0]
    with pytest.raises(ValueError, match="use the version that wrote it, or move the file away"):
        ti.keep_group_names(tmp_path, make(), {"group 0": "a"})
    assert path.read_text() == '{"schema": 9, "names": []}'


def test_what_is_not_understood_is_left_as_it_is(tmp_path):
    path = tmp_path / "interp-names.json"
    strange = [5, {"layer": "conv"}, {"layer": "conv", "group": "group 0", "name": "x", "vector": {"size": "many"}},
               {"layer": "conv", "group": "g", "name": "y", "vector": {"size": 3, "channels": [7], "weights": [1]}},
               {"layer": "conv", "group": "g", "name": " "}]  # fmt: skip
    path.write_text(json.dumps({"schema": 1, "by": "me", "names": strange}))
    kept = ti.keep_group_names(tmp_path, make(), {"group 0": "a"})
    whole = json.loads(path.read_text())
    assert whole["by"] == "me"
    assert whole["names"][:5] == strange
    assert "5 of 6 names are not understood and left alone" in kept.notes[0]


def test_keys_that_others_add_to_an_entry_stay(tmp_path):
    ti.keep_group_names(tmp_path, make(), {"group 0": "a"})
    path = tmp_path / "interp-names.json"
    whole = json.loads(path.read_text())
    whole["names"][0]["color"] = "red"
    path.write_text(json.dumps(whole))
    assert ti.keep_group_names(tmp_path, make(), {"group 0": "b"}).entries[0]["color"] == "red"


def test_mistakes_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"there is no group 'group 9' in 'conv', only \['group 0'"):
        ti.keep_group_names(tmp_path, make(), {"group 9": "a"})
    with pytest.raises(TypeError, match="group 'group 0' of 'conv': a name is text, got int"):
        ti.keep_group_names(tmp_path, make(), {"group 0": 3})
    with pytest.raises(ValueError, match="a name has at most 120 letters, got 121"):
        ti.keep_group_names(tmp_path, make(), {"group 0": "x" * 121})
    with pytest.raises(TypeError, match="names are kept of groups or other directions, got ndarray"):
        ti.keep_group_names(tmp_path, VECTORS, {"group 0": "x"})
    assert not list(tmp_path.iterdir())


def test_an_empty_group_is_known_by_its_name(tmp_path):
    kept = ti.keep_group_names(tmp_path, make(np.zeros((1, 5))), {"group 0": "nothing"})
    assert kept.entries[0]["vector"] is None
