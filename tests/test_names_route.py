"""Names that people give, over HTTP: what is written is what the library reads, and nothing else is ever written."""

import json
import os
import pathlib
import threading

import fake_run
import numpy as np
import pytest
from plugin_server import Server, blobs

import tf_interp as ti
from tensorboard_plugin_interp import metadata, names_route

VECTORS = np.abs(np.random.default_rng(0).normal(size=(3, 40))) ** 4
GROUPS = ti.Directions("conv", VECTORS, ["group 0", "group 1", "group 2"], "groups")


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Server:
    for session in ("interp", "interp-2"):
        fake_run.write_events(tmp_path / "logs/run" / session, [("groups/conv", 1, blobs(1, kind="groups"))])
    return Server(tmp_path / "logs", fast=False)


def body(version: str = "", **values: object) -> dict:
    vector = metadata.pack_vector(VECTORS[1].tolist())
    return {
        "version": version, "replaces": [], "layer": "conv", "group": "group 1", "name": "stripes", "vector": vector,
    } | values  # fmt: skip


def files(folder: pathlib.Path) -> set[str]:
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if "tfevents" not in path.name and path.is_file()
    }


def test_a_name_given_in_the_tab_is_what_the_library_recalls(server: Server, tmp_path: pathlib.Path) -> None:
    logs = tmp_path / "logs/run"
    assert server.ask("names", run="run/interp").json == {
        "version": "", "names": [], "same": 0.8, "longest": 120, "read_only": None, "notes": [],
    }  # fmt: skip
    answer = server.post("names", body(name=" <b>Gräser</b> "), run="run/interp-2")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert files(tmp_path) == {"logs/run/interp-names.json"}
    assert ti.recall_group_names(GROUPS, logs).names == (None, "<b>Gräser</b>", None)
    assert answer.json == server.ask("names", run="run/interp").json
    (entry,) = answer.json["names"]
    assert (entry["place"], entry["name"]) == (0, "<b>Gräser</b>")
    ti.keep_group_names(logs, GROUPS, {"group 0": "by the library"})
    now = server.ask("names", run="run/interp").json
    assert [entry["name"] for entry in now["names"]] == ["<b>Gräser</b>", "by the library"]
    answer = server.post("names", body(now["version"], replaces=[0], name=""), run="run/interp")
    assert ti.recall_group_names(GROUPS, logs).names == ("by the library", None, None)
    assert server.client.head("/data/plugin/interpretability/names?run=run/interp").status_code == 200


def test_what_another_edit_wrote_is_never_overwritten(server: Server, tmp_path: pathlib.Path) -> None:
    logs = tmp_path / "logs/run"
    seen = server.post("names", body(), run="run/interp").json["version"]
    ti.keep_group_names(logs, GROUPS, {"group 1": "bars"})
    answer = server.post("names", body(seen, replaces=[0], name="mine"), run="run/interp")
    assert (answer.status_code, answer.json) == (409, {"error": "the names were changed by somebody else meanwhile"})
    assert ti.recall_group_names(GROUPS, logs).names[1] == "bars"


def test_writers_take_turns(server: Server, tmp_path: pathlib.Path) -> None:
    logs, count = tmp_path / "logs/run", 24

    def write(number: int) -> None:
        layer = ti.Directions(f"layer {number}", VECTORS, GROUPS.names)
        if number % 2:
            ti.keep_group_names(logs, layer, {"group 0": f"name {number}"})
        else:
            for _ in range(200):
                version = server.ask("names", run="run/interp").json["version"]
                asked = body(version, layer=f"layer {number}", name=f"name {number}")
                if server.post("names", asked, run="run/interp").status_code == 200:
                    return

    threads = [threading.Thread(target=write, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry["name"] for entry in ti.read_group_names(logs).entries} == {
        f"name {number}" for number in range(count)
    }
    assert files(logs) == {"interp-names.json"}


def test_a_turn_of_one_that_was_killed_ends(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_plugin_interp.metadata.names_file._PATIENCE", 0.05)
    (tmp_path / ".interp-names.json.lock").write_text("of one that is gone")
    ti.keep_group_names(tmp_path, GROUPS, {"group 0": "a"})
    assert files(tmp_path) == {"interp-names.json"}


def test_an_editor_that_writes_meanwhile_is_not_overwritten(tmp_path: pathlib.Path) -> None:
    path, looks = tmp_path / "interp-names.json", list[int]()

    def change(file: metadata.NamesFile) -> list:
        looks.append(len(file.entries))
        if len(looks) == 1:
            path.write_text(
                json.dumps({"schema": 1, "names": [metadata.make_entry("conv", "group 2", "theirs", None)]})
            )
        return [*file.entries, metadata.make_entry("conv", "group 0", "ours", None)]

    now = metadata.change_names(tmp_path, change)
    assert looks == [0, 1]
    assert [entry["name"] for entry in now.entries] == ["theirs", "ours"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://a-proxy.example"}, 200),
    ],
)
def test_other_pages_cannot_write(server: Server, tmp_path: pathlib.Path, headers: dict, code: int) -> None:
    address = "/data/plugin/interpretability/names?run=run/interp"
    content = {"Content-Type": "application/json", "Origin": "http://localhost"} | headers
    answer = server.client.post(address, data=json.dumps(body()), headers=content)
    assert answer.status_code == code, answer.data
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert bool(files(tmp_path)) == (code == 200)


WRONG = [
    ({"name": "x" * 121}, 400, "a name has at most 120 letters, got 121"),
    ({"name": "a\nb"}, 400, "one line of text that can be read, got the character U+000A"),
    ({"name": "a\u202eb"}, 400, "U+202E"),
    ({"name": "a\ud800b"}, 400, "U+D800"),
    ({"name": 5}, 400, "a name is text, got int"),
    ({"layer": ""}, 400, "layer is text of 1 to 1024 letters"),
    ({"group": None}, 400, "group is text"),
    ({"vector": "%%%"}, 400, "a vector is the base64 of signed bytes"),
    ({"vector": 7}, 400, "a vector is the base64 of signed bytes"),
    ({"vector": "A" * 20_000}, 400, "a vector has 1 to 8192 channels"),
    ({"replaces": [0]}, 400, "places of the file where there is no name"),
    ({"replaces": [True]}, 400, "replaces is a list of places"),
    ({"replaces": 0}, 400, "replaces is a list of places"),
    ({"time": "now"}, 400, "with exactly the keys group, layer, name, replaces, vector, version"),
    ({"version": "old"}, 409, "changed by somebody else"),
    ({"group": "x" * 70_000}, 413, "at most 65,536 bytes"),
]


def test_what_is_no_name_is_refused_in_a_sentence(server: Server, tmp_path: pathlib.Path) -> None:
    for values, code, said in WRONG:
        answer = server.post("names", body(**values), run="run/interp")
        assert answer.status_code == code, (values, answer.data)
        assert said in answer.json["error"]
    for content, code in ((b"", 411), (b"[1]", 400), (b"{", 400), (b"\xff", 400), (b"[" * 60_000, 400)):
        answer = server.client.post(
            "/data/plugin/interpretability/names?run=run/interp", data=content, content_type="application/json"
        )
        assert answer.status_code == code, content[:9]
    for run in ("run", "nope", "../run/interp", "/etc", ""):
        assert server.post("names", body(), run=run).status_code == 404
        assert server.ask("names", run=run).status_code == 404
    assert server.client.put("/data/plugin/interpretability/names?run=run/interp").status_code == 405
    assert files(tmp_path) == set()


def test_a_folder_that_may_not_be_written_to_says_so(
    server: Server, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "may not write into" in server.ask("names", run="run/interp").json["read_only"]

    def forbid(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "open", forbid)
    answer = server.post("names", body(), run="run/interp")
    assert answer.status_code == 403
    assert "TensorBoard may not write into" in answer.json["error"]
    assert "cannot be given here (Permission denied)" in answer.json["error"]


@pytest.mark.parametrize("logdir", ["", "gs://bucket/logs"])
def test_without_a_folder_of_this_machine_names_are_none(server: Server, logdir: str) -> None:
    server.plugin._logdir = logdir
    answer = server.ask("names", run="run/interp")
    assert answer.status_code == 200
    assert (answer.json["names"], answer.json["read_only"]) == (
        [], "names are kept beside the log, where TensorBoard reads one --logdir of this machine",
    )  # fmt: skip
    assert server.post("names", body(), run="run/interp").status_code == 403


@pytest.mark.parametrize("run", ["/etc", "../other", "a/../../b"])
def test_no_run_leads_out_of_the_log(tmp_path: pathlib.Path, run: str) -> None:
    with pytest.raises(Exception, match="lies outside of TensorBoard's --logdir") as error:
        names_route.find_folder(str(tmp_path), run)
    assert error.value.code == 403


def test_the_log_directory_of_a_run_is_that_of_its_sessions(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a/b/interp-2").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a/b")
    found = {
        run: names_route.find_folder(str(tmp_path), run)
        for run in (".", "interp", "a/b/interp-2", "a/b", "link/interp")
    }
    places = {run: str(path.relative_to(tmp_path)) for run, path in found.items()}
    assert places == {".": ".", "interp": ".", "a/b/interp-2": "a/b", "a/b": "a/b", "link/interp": "link"}


def test_a_broken_file_is_put_aside_and_one_of_another_version_left(server: Server, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "logs/run/interp-names.json"
    path.write_text("{")
    seen = server.ask("names", run="run/interp").json
    assert "it is no JSON" in seen["notes"][0]
    answer = server.post("names", body(seen["version"]), run="run/interp").json
    assert answer["notes"][0].endswith("it was put aside as interp-names.broken-1.json")
    assert (path.parent / "interp-names.broken-1.json").read_text() == "{"
    path.write_text('{"schema": 9, "names": []}')
    answer = server.post("names", body(server.ask("names", run="run/interp").json["version"]), run="run/interp")
    assert answer.status_code == 409
    assert "use the version that wrote it" in answer.json["error"]
    path.unlink()
    os.mkfifo(path)  # reading it would never end
    assert "it is no file" in server.ask("names", run="run/interp").json["notes"][0]


@pytest.mark.parametrize("size", [1, 3, 500])
def test_a_packed_vector_points_where_the_vector_did(size: int) -> None:
    vector = np.random.default_rng(size).normal(size=size)
    again = np.array(metadata.unpack_vector(metadata.pack_vector(vector.tolist())))
    assert vector @ again / np.linalg.norm(vector) / np.linalg.norm(again) > 0.999
    assert metadata.pack_vector([0.0] * 3) is None
    assert metadata.pack_vector([1.0] * 9000) is None
