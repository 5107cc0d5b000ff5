"""The back end over HTTP, on real event files, with both of TensorBoard's loaders."""

import gzip
import io
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator

import fake_run
import numpy as np
import pytest
from PIL import Image
from plugin_server import PNG, ROOT, Server, blobs, header

from tensorboard_plugin_interp import front_end, metadata, plugin
from tf_interp.records.event_file import read_events

pytestmark = pytest.mark.filterwarnings(  # of TensorBoard, when it starts its data server
    "ignore:Implicitly cleaning up:ResourceWarning", "ignore:subprocess .* is still running:ResourceWarning"
)

STATIC = front_end.FOLDER
OURS = [path for path in sorted(STATIC.rglob("*.*")) if path.parent.name != "vendor"]


@pytest.fixture(params=["fast", "slow"])
def serve(request: pytest.FixtureRequest) -> Iterator[Callable[[pathlib.Path], Server]]:
    servers = []

    def start(folder: pathlib.Path) -> Server:
        servers.append(Server(folder, request.param == "fast"))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("logs")
    fake_run.write_run(folder, "digits", (10, 20, 30))
    return folder


def test_runs_lists_every_series_with_its_steps(run: pathlib.Path, serve: Callable) -> None:
    runs = serve(run).runs(8)
    assert list(runs) == ["digits/interp"]
    kinds = ["attribution", "concepts", "features", "groups"]
    assert sorted(runs["digits/interp"]) == [f"{kind}/{layer}" for kind in kinds for layer in ("conv2", "conv3")]
    series = runs["digits/interp"]["groups/conv3"]
    assert series["wall_time"] > 1e9
    assert {key: series[key] for key in ("kind", "layer", "variant", "steps", "last_step")} == {
        "kind": "groups",
        "layer": "conv3",
        "variant": "",
        "steps": [10, 20, 30],
        "last_step": 30,
    }


def test_runs_can_leave_out_the_steps_of_other_runs(tmp_path: pathlib.Path, serve: Callable) -> None:
    for name in ("a", "b"):
        fake_run.write_events(tmp_path / name, [("features/conv", 5, blobs(5))])
    server = serve(tmp_path)
    server.runs(2)
    runs = server.ask("runs", run="b").json["runs"]
    assert {name: runs[name]["features/conv"]["steps"] for name in runs} == {"a": None, "b": [5]}
    assert {series["features/conv"]["last_step"] for series in runs.values()} == {5}
    runs = server.ask("runs", run="").json["runs"]
    assert {name: runs[name]["features/conv"]["steps"] for name in runs} == {"a": None, "b": None}


def test_brief_says_the_same_of_all_runs_in_fewer_words(tmp_path: pathlib.Path, serve: Callable) -> None:
    for name in ("a", "b", "c"):
        fake_run.write_events(tmp_path / name, [(tag, 5, blobs(5)) for tag in ("features/conv", "groups:8/x/y")])
    server = serve(tmp_path)
    server.runs(6)
    whole, brief = (server.ask("runs", run="b", **how).json for how in ({}, {"brief": ""}))
    assert list(brief["runs"]) == ["b"]
    assert sorted(brief["brief"]) == ["a", "c"]
    told = brief["runs"] | {
        run: {
            tag: brief["tags"][tag] | {"steps": None, "last_step": step, "wall_time": time}
            for tag, (step, time) in ends.items()
        }
        for run, ends in brief["brief"].items()
    }
    assert told == whole["runs"]
    every = server.ask("runs", brief="").json
    assert every["brief"] == {}
    assert every["runs"] == server.ask("runs").json["runs"], "without a run, the steps of all are asked for"


def test_names_of_one_run_are_not_looked_for_in_all_runs(
    tmp_path: pathlib.Path, serve: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        fake_run.write_events(tmp_path / name, [("features/conv", 5, blobs(5))])
    server = serve(tmp_path)
    server.runs(2)
    read = []
    listed = server.provider.list_blob_sequences

    def count(*given: object, **named: object) -> dict:
        read.append(sorted(found := listed(*given, **named)))
        return found

    monkeypatch.setattr(server.provider, "list_blob_sequences", count)
    assert server.ask("names", run="b").status_code == 200
    assert server.ask("names", run="gone").status_code == 404
    assert read == [["b"], []]


def test_runs_tells_the_steps_of_the_latest_run_where_there_is_none_of_that_name(tmp_path: pathlib.Path) -> None:
    for name in ("b", "c", "a"):
        fake_run.write_events(tmp_path / name, [("features/conv", 5, blobs(5))])
        time.sleep(0.01)
    server = Server(tmp_path, fast=False)

    def known(**asked: str) -> list[str]:
        runs = server.ask("runs", **asked).json["runs"]
        assert sorted(runs) == ["a", "b", "c"]
        for series in (tags["features/conv"] for tags in runs.values()):
            assert (series["steps"] is None) == ("written" not in series)
        return [name for name, tags in runs.items() if tags["features/conv"]["steps"] == [5]]

    assert known(run="", or_latest="") == known(run="gone", or_latest="1") == ["a"]
    assert known(run="b", or_latest="1") == ["b"]
    assert known(run="gone") == known(run="") == []
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert Server(nothing, fast=False).ask("runs", run="", or_latest="").json == {"runs": {}}


def test_what_is_asked_for_by_its_time_is_looked_for_once_and_kept(tmp_path: pathlib.Path) -> None:
    path = fake_run.write_events(tmp_path / "r", [("features/conv", s, blobs(s)) for s in (3, 4)])
    server = Server(tmp_path, fast=False)
    looked = []
    look = server.provider.read_blob_sequences
    server.provider.read_blob_sequences = lambda *args, **options: (looked.append(1), look(*args, **options))[1]
    written = server.runs()["r"]["features/conv"]["written"]
    assert written == [event.wall_time for *_, event in read_events(path)][1:]
    assert len(looked) == 1
    question = {"run": "r", "tag": "features/conv", "step": 4}
    answer = server.ask("record", **question, written=written[1])
    assert answer.headers["Cache-Control"] == "private, max-age=86400"
    assert server.client.get(f"{ROOT}/{answer.json['images'][0]}").status_code == 200
    assert len(looked) == 1
    for other in ({}, {"written": written[0]}, {"written": "x"}, {"written": "nan"}):  # what may be another record
        again = server.ask("record", **question, **other)
        assert (again.json, again.headers["Cache-Control"]) == (answer.json, "no-cache, must-revalidate")
    assert len(looked) == 5


def test_a_run_that_is_repeated_is_never_answered_with_what_was_there_before(tmp_path: pathlib.Path) -> None:
    fake_run.write_events(tmp_path / "r", [("features/conv", 4, blobs(4, title="first"))])
    server = Server(tmp_path, fast=False)
    (first,) = server.runs()["r"]["features/conv"]["written"]
    shutil.rmtree(tmp_path / "r")
    time.sleep(0.01)
    fake_run.write_events(tmp_path / "r", [("features/conv", 4, blobs(4, title="second"))])
    server.plugin._provider = Server(tmp_path, fast=False).provider
    (second,) = server.runs()["r"]["features/conv"]["written"]
    assert first != second
    for written in (first, second):
        answer = server.ask("record", run="r", tag="features/conv", step=4, written=written)
        assert answer.json["title"] == "second"
        assert ("max-age" in answer.headers["Cache-Control"]) == (written == second)


def test_series_holds_what_record_says(tmp_path: pathlib.Path) -> None:
    tricky = header(5, title="NaN \u202e", data={"units": [], "a": [1e-300, 1e300, -0.0, 2**60], "Infinity": "é"})
    plain = json.dumps(tricky | {"images": ["x"], "step": 1}, ensure_ascii=False).encode()
    twice = (
        b'{"data":{}, "data":{"u\\nits":[ ]},"schema":1,"kind":"features","layer":"conv","title":"\\u00E9","step":1}'
    )
    odd = b" \n%b\r\n" % twice
    records = {5: metadata.pack(tricky, [PNG]), 6: [plain, PNG], 7: [odd, PNG, PNG]}
    fake_run.write_events(tmp_path / "r", [("features/conv", *item) for item in records.items()])
    server = Server(tmp_path, fast=False)
    steps = server.ask("series", run="r", tag="features/conv").json["steps"]
    alone = [server.ask("record", run="r", tag="features/conv", step=step).json for step in records]
    assert steps == alone
    for (step, (text, *pngs)), record in zip(records.items(), alone, strict=True):
        images = record.pop("images")
        assert [server.client.get(f"{ROOT}/{image}").data for image in images] == pngs
        written = {key: value for key, value in json.loads(text).items() if key != "images"}
        assert record == written | {"step": step}


def test_record_is_what_was_written(tmp_path: pathlib.Path, serve: Callable) -> None:
    written = header(7, data={"units": [{"name": "é", "activation": 1.25, "picture": None}]}, title="ü")
    fake_run.write_events(tmp_path / "r", [("features/conv", 7, metadata.pack(written, [PNG + b"0", PNG + b"1"]))])
    server = serve(tmp_path)
    server.runs()
    answer = server.ask("record", run="r", tag="features/conv", step=7)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    record = answer.json
    pictures = record.pop("images")
    assert record == written
    assert [server.client.get(f"{ROOT}/{url}").data for url in pictures] == [PNG + b"0", PNG + b"1"]
    assert not any(url.startswith(("/", "http")) for url in pictures)


def test_serves_what_the_library_writes(tmp_path: pathlib.Path, serve: Callable) -> None:
    from tf_interp.records import Record, write

    picture = np.arange(48, dtype=np.uint8).reshape(6, 8)
    records = [
        Record("groups", "block1/conv", step, "t", {"groups": [step], "error": np.nan}, [picture]) for step in (0, 9)
    ]
    write(records, tmp_path / "run")
    server = serve(tmp_path)
    assert server.runs()["run/interp"]["groups/block1/conv"]["steps"] == [0, 9]
    answer = server.ask("record", run="run/interp", tag="groups/block1/conv", step=9).json
    assert (answer["layer"], answer["data"]) == ("block1/conv", {"groups": [9], "error": None})
    png = server.client.get(f"{ROOT}/{answer['images'][0]}").data
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), picture)


def test_series_has_all_steps_in_order(tmp_path: pathlib.Path, serve: Callable) -> None:
    steps = [0, 10, 20, 30]
    fake_run.write_events(tmp_path / "r", [("features/conv", s, blobs(s, data={"units": [s]})) for s in steps])
    server = serve(tmp_path)
    server.runs()
    answer = server.ask("series", run="r", tag="features/conv").json
    assert answer["unreadable"] == 0
    assert [(entry["step"], entry["data"]["units"]) for entry in answer["steps"]] == [(s, [s]) for s in steps]
    assert server.client.get(f"{ROOT}/{answer['steps'][2]['images'][0]}").data == PNG + b"\0"


def test_series_can_be_read_from_a_step_on(tmp_path: pathlib.Path, serve: Callable) -> None:
    steps = [0, 10, 20, 30]
    records = [blobs(s, data={"units": [s]}) for s in steps[:3]] + [[b"no record"]]
    path = fake_run.write_events(
        tmp_path / "r", [("features/conv", *event) for event in zip(steps, records, strict=True)]
    )
    server = serve(tmp_path)
    server.runs()

    def ask(**after: int) -> tuple:
        answer = server.ask("series", run="r", tag="features/conv", **after).json
        assert [step for step, _ in answer["written"]] == steps
        return [entry["step"] for entry in answer["steps"]], answer["unreadable"]

    assert ask() == ask(after=-1) == ([0, 10, 20], 1)
    assert ask(after=10) == ask(after=19) == ([20], 1)
    assert ask(after=20) == ([], 1)
    assert ask(after=30) == ask(after=99) == ([], 0)
    whole = server.ask("series", run="r", tag="features/conv").json
    assert whole["steps"][2:] == server.ask("series", run="r", tag="features/conv", after=10).json["steps"]
    times = [event.wall_time for *_, event in read_events(path)][1:]
    assert [time for _, time in whole["written"]] == times


def test_series_reads_no_record_that_is_not_asked_for(tmp_path: pathlib.Path) -> None:
    fake_run.write_events(tmp_path / "r", [("features/conv", s, blobs(s)) for s in range(9)])
    server = Server(tmp_path, fast=False)
    read, keys = server.provider.read_blob, []

    def counting(*args: object, blob_key: str, **options: object) -> bytes:
        keys.append(blob_key)
        return read(*args, blob_key=blob_key, **options)

    server.provider.read_blob = counting
    server.ask("series", run="r", tag="features/conv", after=6)
    assert len(keys) == 2


def test_steps_come_sorted_and_once(tmp_path: pathlib.Path) -> None:
    """The slow loader keeps what was written out of order; the fast one drops it by itself."""
    events = [("features/conv", step, blobs(step)) for step in (0, 20, 10, 20)]
    fake_run.write_events(tmp_path / "r", events)
    server = Server(tmp_path, fast=False)
    assert server.runs()["r"]["features/conv"]["steps"] == [0, 10, 20]
    answer = server.ask("series", run="r", tag="features/conv").json
    assert [entry["step"] for entry in answer["steps"]] == [0, 10, 20]


def test_picture_is_served_for_keeps_and_cannot_run(tmp_path: pathlib.Path, serve: Callable) -> None:
    fake_run.write_events(tmp_path / "r", [("features/conv", 7, blobs(7))])
    server = serve(tmp_path)
    server.runs()
    answer = server.ask("image", run="r", tag="features/conv", step=7, index=0)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Cache-Control"] == "private, max-age=86400"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_picture_address_changes_when_the_run_is_repeated(tmp_path: pathlib.Path, serve: Callable) -> None:
    addresses = []
    for name in ("first", "second"):
        fake_run.write_events(tmp_path / name / "r", [("features/conv", 7, blobs(7))])
        server = serve(tmp_path / name)
        server.runs()
        addresses += server.ask("record", run="r", tag="features/conv", step=7).json["images"]
        time.sleep(0.01)
    assert len(set(addresses)) == 2


WRONG = [
    ("record", {}, 400),
    ("record", {"run": "r", "tag": "features/conv"}, 400),
    ("record", {"run": "r", "tag": "features/conv", "step": "x"}, 400),
    ("record", {"run": "r", "tag": "features/conv", "step": "7.0"}, 400),
    ("record", {"run": "r", "tag": "features/conv", "step": "٧"}, 400),
    ("record", {"run": "r", "tag": "features/conv", "step": "9" * 400}, 400),
    ("record", {"run": "r", "tag": "features/conv", "step": "8"}, 404),
    ("record", {"run": "r", "tag": "features/conv", "step": "-7"}, 404),
    ("record", {"run": "r", "tag": "features", "step": "7"}, 404),
    ("record", {"run": "../r", "tag": "features/conv", "step": "7"}, 404),
    ("record", {"run": "../../etc/passwd", "tag": "features/conv", "step": "7"}, 404),
    ("record", {"run": "r" * 5000, "tag": "features/conv", "step": "7"}, 404),
    ("record", {"run": "r\0", "tag": "features/conv", "step": "7"}, 404),
    ("series", {"run": "r"}, 400),
    ("series", {"run": "r", "tag": "features/conv", "after": ""}, 400),
    ("series", {"run": "r", "tag": "features/conv", "after": "7.0"}, 400),
    ("series", {"run": "r", "tag": "features/conv", "after": "all"}, 400),
    ("series", {"run": "nope", "tag": "features/conv", "after": "1"}, 404),
    ("series", {"run": "nope", "tag": "features/conv"}, 404),
    ("image", {"run": "r", "tag": "features/conv", "step": "7"}, 400),
    ("image", {"run": "r", "tag": "features/conv", "step": "7", "index": "1"}, 404),
    ("image", {"run": "r", "tag": "features/conv", "step": "7", "index": "-1"}, 404),
    ("image", {"run": "r", "tag": "features/conv", "step": "7", "index": "' or 1"}, 400),
]


def test_wrong_questions_get_one_line_of_json(tmp_path: pathlib.Path, serve: Callable) -> None:
    fake_run.write_events(tmp_path / "r", [("features/conv", 7, blobs(7))])
    server = serve(tmp_path)
    server.runs()
    for route, parameters, code in WRONG:
        answer = server.ask(route, **parameters)
        assert answer.status_code == code, (route, parameters, answer.data)
        assert list(answer.json) == ["error"]
        assert "\n" not in answer.json["error"]
        assert "Traceback" not in answer.json["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_reading_is_allowed(tmp_path: pathlib.Path, method: str) -> None:
    server = Server(tmp_path, fast=False)
    for route in ("runs", "record", "series", "image", "static/index.js"):
        answer = server.client.open(f"{ROOT}/{route}", method=method)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_head_has_no_body(tmp_path: pathlib.Path) -> None:
    answer = Server(tmp_path, fast=False).client.head(f"{ROOT}/runs")
    assert (answer.status_code, answer.data) == (200, b"")


def test_names_of_any_kind_pass_through_unchanged(tmp_path: pathlib.Path, serve: Callable) -> None:
    for index, name in enumerate(fake_run.HOSTILE):
        data = {"class_names": [name], "units": [{"name": name}], "notes": [name]}
        record = blobs(1, layer=name, title=name, data=data)
        fake_run.write_events(tmp_path / f"{index}{name}", [(f"features/{name}", 1, record)])
    server = serve(tmp_path)
    runs = server.runs(len(fake_run.HOSTILE))
    assert set(runs) == {f"{index}{name}".strip("/") for index, name in enumerate(fake_run.HOSTILE)}
    for index, name in enumerate(fake_run.HOSTILE):
        assert runs[f"{index}{name}"][f"features/{name}"]["layer"] == name
        answer = server.ask("record", run=f"{index}{name}", tag=f"features/{name}", step=1)
        if answer.status_code == 422:  # a limit of TensorBoard's data server, which the answer explains
            assert '"' in name
            assert "--load_fast=false" in answer.json["error"]
            continue
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.json["data"]["notes"] == [name]
        assert server.client.get(f"{ROOT}/{answer.json['images'][0]}").status_code == 200


def test_an_empty_log_directory_has_no_runs(tmp_path: pathlib.Path, serve: Callable) -> None:
    assert serve(tmp_path).ask("runs").json == {"runs": {}}


def test_a_file_cut_off_by_a_crash_keeps_what_is_whole(tmp_path: pathlib.Path, serve: Callable) -> None:
    for cut in (1, 9, 40):
        folder = tmp_path / str(cut)
        path = fake_run.write_events(folder / "r", [("features/conv", s, blobs(s)) for s in (1, 2, 3)])
        path.write_bytes(path.read_bytes()[:-cut])
        server = serve(folder)
        assert server.runs()["r"]["features/conv"]["steps"] == [1, 2]
        assert server.ask("record", run="r", tag="features/conv", step=2).status_code == 200
        assert server.ask("record", run="r", tag="features/conv", step=3).status_code == 404


def test_a_damaged_file_is_no_error(tmp_path: pathlib.Path, serve: Callable) -> None:
    path = fake_run.write_events(tmp_path / "r", [("features/conv", s, blobs(s)) for s in (1, 2, 3)])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "events.out.tfevents.1.x").write_bytes(b"")
    (tmp_path / "zeros").mkdir()
    (tmp_path / "zeros" / "events.out.tfevents.1.x").write_bytes(bytes(500))
    server = serve(tmp_path)
    assert 1 in server.runs()["r"]["features/conv"]["steps"]


def test_data_may_vanish_under_the_server(tmp_path: pathlib.Path, serve: Callable) -> None:
    fake_run.write_events(tmp_path / "r", [("features/conv", 7, blobs(7))])
    server = serve(tmp_path)
    server.runs()
    shutil.rmtree(tmp_path / "r")
    for route in ("record", "series", "image"):
        answer = server.ask(route, run="r", tag="features/conv", step=7, index=0)
        assert answer.status_code in (200, 404)


@pytest.mark.parametrize("error", [KeyError("run"), IndexError(), UnicodeDecodeError("ascii", b"x", 0, 1, "?")])
def test_a_step_that_vanishes_between_two_questions_is_404(tmp_path: pathlib.Path, error: Exception) -> None:
    fake_run.write_events(tmp_path / "r", [("features/conv", 7, blobs(7))])
    server = Server(tmp_path, fast=False)

    def vanished(*_: object, **__: object) -> bytes:
        raise error

    server.provider.read_blob = vanished
    answer = server.ask("record", run="r", tag="features/conv", step=7)
    assert (answer.status_code, answer.json) == (404, {"error": "this record has vanished from the log directory"})


UNREADABLE = {
    "a newer schema": [json.dumps(header(3, schema=99)).encode(), PNG],
    "not JSON": [b"\xff\xfe\x00", PNG],
    "another JSON": [b"[1, 2]"],
    "NaN": [json.dumps(header(3, data={"x": float("nan")})).encode()],
    "data that is no object": [json.dumps(header(3, data=[1])).encode()],
    "nothing at all": [],
    "deep nesting": [b'{"schema":1,"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"],
}


def test_a_record_that_cannot_be_read_says_so_and_hides_no_other(tmp_path: pathlib.Path, serve: Callable) -> None:
    for name, bad in UNREADABLE.items():
        fake_run.write_events(tmp_path / name, [("features/conv", 3, bad), ("features/conv", 4, blobs(4))])
    server = serve(tmp_path)
    server.runs(len(UNREADABLE))
    for name in UNREADABLE:
        answer = server.ask("record", run=name, tag="features/conv", step=3)
        assert (answer.status_code, list(answer.json)) == (422, ["error"]), (name, answer.data[:200])
        series = server.ask("series", run=name, tag="features/conv").json
        assert ([entry["step"] for entry in series["steps"]], series["unreadable"]) == ([4], 1), name
    assert "upgrade tf-interp" in server.ask("record", run="a newer schema", tag="features/conv", step=3).json["error"]


def test_only_png_is_served_as_a_picture(tmp_path: pathlib.Path, serve: Callable) -> None:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    fake_run.write_events(tmp_path / "r", [("features/conv", 7, metadata.pack(header(7), [svg, PNG]))])
    server = serve(tmp_path)
    server.runs()
    codes = [server.ask("image", run="r", tag="features/conv", step=7, index=index).status_code for index in (0, 1)]
    assert codes == [422, 200]


def test_other_plugins_data_is_not_ours(
    tmp_path: pathlib.Path, serve: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_run.write_events(tmp_path / "r", [("features/conv", 7, blobs(7))])
    monkeypatch.setattr(metadata, "PLUGIN_NAME", "somebody")
    fake_run.write_events(tmp_path / "s", [("secret/conv", 7, blobs(7))])
    monkeypatch.undo()
    server = serve(tmp_path)
    assert list(server.runs()) == ["r"]
    assert server.ask("record", run="s", tag="secret/conv", step=7).status_code == 404


def test_tensorboard_lists_the_tab_as_active_when_there_is_data(run: pathlib.Path, serve: Callable) -> None:
    server = serve(run)
    server.runs(8)
    entry = server.client.get("/data/plugins_listing").json[metadata.PLUGIN_NAME]
    assert (entry["enabled"], entry["tab_name"]) == (True, "Interpretability")
    assert re.fullmatch(f"{ROOT}/static/tab.js\\?v=[0-9a-f]{{16}}", entry["loading_mechanism"]["module_path"])


def test_asking_whether_the_tab_is_active_reads_nothing() -> None:
    assert plugin.InterpPlugin(types.SimpleNamespace(data_provider=None)).is_active() is False


def test_serves_every_file_of_the_front_end_with_its_type(tmp_path: pathlib.Path) -> None:
    client = Server(tmp_path, fast=False).client
    types_seen = set()
    for path in STATIC.rglob("*"):
        if path.is_file() and path.suffix != ".ts":  # types of the vendored module: nothing for a browser
            answer = client.get(f"{ROOT}/static/{path.relative_to(STATIC).as_posix()}")
            assert (answer.status_code, answer.data) == (200, path.read_bytes())
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            types_seen.add((path.suffix, answer.headers["Content-Type"].split(";")[0]))
    assert types_seen == {(".js", "text/javascript"), (".css", "text/css"), (".txt", "text/plain")}


def test_the_front_end_is_one_script_that_a_browser_keeps(tmp_path: pathlib.Path) -> None:
    server = Server(tmp_path, fast=False)
    start = server.plugin.frontend_metadata().es_module_path
    answer = server.client.get(f"{ROOT}{start}", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Cache-Control"] == "private, max-age=31536000"
    assert answer.headers["Content-Encoding"] == "gzip"
    script = gzip.decompress(answer.data).decode()
    assert server.client.get(f"{ROOT}{start}").data.decode() == script, "for a client that knows no gzip"
    assert "\nexport const { render } = $module" in script
    assert not re.search(r"^import\b", script, re.MULTILINE), "it would ask for more"
    for path in OURS:
        name = path.relative_to(STATIC).as_posix()
        if path.suffix == ".js" and name not in ("report.js", "records.js"):  # where a report starts; types
            assert f"=> {{ // {name}\n" in script, name
        if path.suffix == ".css":
            assert json.dumps(path.read_text())[1:-1] in script, name
    for other in ("", "?v=0", "?v="):  # an address that a browser keeps must name what is served
        other_answer = server.client.get(f"{ROOT}/static/tab.js{other}")
        assert other_answer.headers["Cache-Control"] == "no-cache, must-revalidate"
        assert other_answer.data.decode() == script


@pytest.mark.parametrize(
    "path",
    [
        "static/../plugin.py",
        "static/%2e%2e/plugin.py",
        "static/..%2fplugin.py",
        "static/%2e%2e%2fplugin.py",
        "static/....//plugin.py",
        "static//etc/passwd",
        "static/vendor/../../plugin.py",
        "static/",
        "static/index.js/x",
        "static/index.js%00",
        "static/.",
    ],
)
def test_no_path_leads_out_of_the_front_end(tmp_path: pathlib.Path, path: str) -> None:
    answer = Server(tmp_path, fast=False).client.get(f"{ROOT}/{path}")
    assert answer.status_code == 404
    assert b"import" not in answer.data


def test_the_front_end_has_no_long_file() -> None:
    assert {path.name: n for path in OURS if (n := len(path.read_text().splitlines())) > 400} == {}


def test_the_front_end_never_makes_html_or_code_of_text() -> None:
    risky = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|createContextualFragment"
    )
    for path in OURS:
        assert not re.search(risky, path.read_text()), path.name


def test_the_front_end_asks_nobody_else() -> None:
    assert {path.suffix for path in OURS} == {".js", ".css"}
    for path in OURS:
        text = path.read_text()
        assert "http://" not in text.replace("http://www.w3.org", "")
        # papers that a person may open: links, in the one file of words, and nothing that a page loads
        shown = re.sub(r'\burl: "https://[^"]*"', "", text) if path.name == "about.js" else text
        assert "https://" not in shown, path.name
        for imported in re.findall(r'^(?:import|\}) .*from "(.*)";$', text, re.MULTILINE):
            assert (path.parent / imported).is_file(), (path.name, imported)


def test_imports_and_serves_without_tensorflow(run: pathlib.Path) -> None:
    code = f"""
import sys, types
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
import tensorboard_plugin_interp.loader as loader
from tensorboard.backend import application
from tensorboard.data import server_ingester
from tensorboard.util import grpc_util
from werkzeug.test import Client
from werkzeug.wrappers import Response
import time
ingester = server_ingester.SubprocessServerDataIngester(server_ingester.get_server_binary(), {str(run)!r},
    reload_interval=0, channel_creds_type=grpc_util.ChannelCredsType.LOCAL)
ingester.start()
plugin = loader.InterpLoader().load(types.SimpleNamespace(data_provider=ingester.data_provider))
client = Client(application.TensorBoardWSGI([plugin], data_provider=ingester.data_provider), Response)
while not client.get("{ROOT}/runs").json["runs"].get("digits/interp", {{}}).get("groups/conv3"):
    time.sleep(0.02)
query = "run=digits/interp&tag=groups/conv3&step=30"
codes = [client.get("{ROOT}/" + route).status_code for route in
         (f"record?{{query}}", f"series?{{query}}", f"image?{{query}}&index=0", "static/index.js")]
print(codes, sorted({{"tensorflow", "keras", "tf_interp", "numpy"}} & set(sys.modules) - {{"numpy"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[200, 200, 200, 200] []", done.stderr
