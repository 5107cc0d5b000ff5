"""The command line: help without TensorFlow, one clear sentence for a mistake, and a finished model in the tab."""

import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from tf_interp import Probe, cli, models, read
from tf_interp.cli import terminal
from tf_interp.concepts import Finding
from tf_interp.findings import read_findings
from tf_interp.models import zoo


def _save_pictures(folder, count, seed):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(folder / f"{index:02d}.png")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A network in both forms, probe pictures in two classes, two concepts and a pool."""
    folder = tmp_path_factory.mktemp("cli")
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(2, activation="softmax", name="dense"),
        ],
        name="tiny",
    )
    model.save(folder / "tiny.keras")
    model.export(folder / "exported", verbose=False)
    for index, name in enumerate(["cat", "dog"]):
        _save_pictures(folder / "probe" / name, 4, index)
    for index, name in enumerate(["dots", "lines"]):
        _save_pictures(folder / "concepts" / name, 12, 10 + index)
    _save_pictures(folder / "pool", 16, 20)
    (folder / "names.txt").write_text("cat\ndog\n")
    return folder


def test_help_is_quick_and_needs_no_tensorflow():
    code = """
import sys
from tf_interp import cli
try:
    cli.main(['--help'])
except SystemExit:
    pass
assert 'tensorflow' not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for command in ("demo", "inspect", "analyze"):
        assert command in done.stdout


@pytest.mark.parametrize("form", ["tiny.keras", "exported"])
def test_inspect_lists_layers_and_the_next_command(workspace, form, capsys):
    assert cli.main(["inspect", str(workspace / form)]) == 0
    out = capsys.readouterr().out
    assert "conv" in out
    assert "14 x 14 x 8" in out
    assert "tf-interp analyze" in out


@pytest.mark.parametrize("form", ["tiny.keras", "exported"])
def test_analyze_fills_the_log_for_both_forms(workspace, form, tmp_path, capsys):
    status = cli.main(
        ["analyze", str(workspace / form), "--probe", str(workspace / "probe"), "--layer", "conv",
         "--logdir", str(tmp_path), "--concepts", str(workspace / "concepts"), "--random", str(workspace / "pool"),
         "--target", "dog", "--class-names", str(workspace / "names.txt"), "--units", "2", "--groups", "2",
         "--steps", "4"]
    )  # fmt: skip
    assert status == 0, capsys.readouterr().err
    records = {record.kind: record for record in read(tmp_path)}
    assert set(records) - {"finding"} == {"features", "groups", "attribution", "decision", "concepts"}
    assert records["groups"].data["class_names"] == ["cat", "dog"]
    assert {row["concept"] for row in records["concepts"].data["tests"]} == {"dots", "lines"}
    out = capsys.readouterr().out
    assert "tensorboard --logdir" in out
    headline = Finding(**records["concepts"].data["headline"]["finding"]).text  # which the tab shows too
    assert " ".join(out.split()).count(headline) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--layer": "cnov"}, "did you mean .*conv"),
        ({"--probe": "nowhere"}, "expected a folder"),
        ({"--probe": "empty"}, "found 0 readable pictures"),
        ({"--target": "bird"}, "no class 'bird'"),
        ({"--target": "7"}, "class index 7"),
        ({"--class-names": None}, "target 'dog' is the name of a folder only: .* --class-names FILE"),
        ({"--random": None}, "--random"),
        ({"--concepts": None}, "--concepts"),
        ({"--logdir": "tiny.keras"}, "--logdir .*tiny.keras is a file; expected a folder"),
        ({"--class-names": "nothing.txt"}, "class names: .*nothing.txt: No such file"),
        ({"model": "missing.keras"}, "missing.keras"),
        ({"--part": "attribution,concepts", "--units": "3"}, "--units is for features, which --part leaves out"),
        ({"--part": "decisions,concepts", "--steps": "3"}, "--steps is for features and groups, which --part"),
        ({"--features": "3,units=4"}, "--features 3,units=4: gives units twice"),
        ({"model": "pool"}, "pool"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_two(workspace, change, message, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    (workspace / "empty").mkdir(exist_ok=True)
    words = {"model": "tiny.keras", "--probe": "probe", "--layer": "conv", "--logdir": str(tmp_path),
             "--concepts": "concepts", "--random": "pool", "--target": "dog", "--class-names": "names.txt",
             **change}  # fmt: skip
    paths = {"model", "--probe", "--logdir", "--concepts", "--random", "--class-names"}
    line = ["analyze", str(workspace / words.pop("model"))]
    for option, value in words.items():
        if value is not None:
            line += [option, str(workspace / value) if option in paths else value]
    assert cli.main(line) == 2
    err = capsys.readouterr().err
    assert err.startswith("tf-interp analyze: ")
    assert re.search(message, err), err
    assert not list(read(tmp_path))


def test_a_zoo_without_its_weights_says_what_to_install(capsys, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    monkeypatch.setattr(zoo, "_find_weights", lambda package: (_ for _ in ()).throw(zoo._not_installed(package)))
    assert cli.main(["inspect", "zoo:efficientnet-lite0"]) == 2
    assert "tf-interp[zoo]" in capsys.readouterr().err


def test_value_range_is_applied(workspace, tmp_path):
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 1, name="conv"), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    model.get_layer("conv").set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    model.save(tmp_path / "m.keras")
    (tmp_path / "p").mkdir()
    Image.fromarray(np.full((4, 4), 255, np.uint8)).save(tmp_path / "p/white.png")
    line = f"analyze {tmp_path}/m.keras --probe {tmp_path}/p --layer conv --logdir {tmp_path}/logs --range 0 255"
    assert cli.main([*line.split(), "--units", "1", "--groups", "1", "--steps", "1"]) == 0
    features = next(record for record in read(tmp_path / "logs") if record.kind == "features")
    assert features.data["units"][0]["probe_max"] == 255


def test_a_model_that_brings_its_value_range_keeps_it(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    layers = [
        keras.Input((4, 4, 1)),
        keras.layers.Conv2D(1, 1, name="conv"),
        keras.layers.Flatten(),
        keras.layers.Dense(2),
    ]
    network = keras.Sequential(layers)
    network.get_layer("conv").set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    model = models.open_model(network, preprocess=lambda images: images * 255)  # as those of the zoo come
    monkeypatch.setattr(models, "open_model", lambda *args, **options: model)
    (tmp_path / "p").mkdir()
    Image.fromarray(np.full((4, 4), 255, np.uint8)).save(tmp_path / "p/white.png")
    line = f"analyze zoo:any --probe {tmp_path}/p --layer conv --logdir {tmp_path}/logs --units 1 --groups 1 --steps 1"
    assert cli.main([*line.split(), "--range", "-1", "1"]) == 2
    assert "leave out --range" in capsys.readouterr().err
    assert cli.main(line.split()) == 0
    features = next(record for record in read(tmp_path / "logs") if record.kind == "features")
    assert features.data["units"][0]["probe_max"] == 255


def test_names_longer_than_a_terminal_are_shown_in_full(tmp_path, capsys, monkeypatch):
    name = "a_rather_long_name_of_a_layer_as_nested_backbones_have_them" * 2
    keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 1, name=name)]).save(tmp_path / "a b.keras")
    assert cli.main(["inspect", str(tmp_path / "a b.keras")]) == 0
    out = capsys.readouterr().out
    assert name in out
    assert f"'{tmp_path}/a b.keras'" in out, "a path with a blank must be quoted"


def test_a_log_directory_of_another_command_is_refused(workspace, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    line = f"analyze {workspace}/tiny.keras --probe {workspace}/pool --layer conv --logdir {tmp_path}/logs --steps 1"
    line = [*line.split(), "--part", "features", "--part", "groups", "--units", "1", "--groups", "1"]
    assert cli.main(line) == 0
    before = capsys.readouterr()
    assert "nothing to compute" not in before.err
    assert cli.main(line) == 0, "the same command goes on, and finds that all is there"
    assert "nothing to compute" in capsys.readouterr().err
    assert cli.main([*line, "--seed", "1"]) == 2
    said = capsys.readouterr().err
    assert "part features: seed, part groups: seed" in said
    assert "--step" in said
    assert "--again" in said
    assert cli.main([*line, "--seed", "1", "--again"]) == 0
    assert len(list(read(tmp_path / "logs-2"))) == 2
    assert cli.main([*line, "--step", "5"]) == 0
    assert {record.step for record in read(tmp_path / "logs")} == {0, 5}


def test_names_of_the_network_lead_and_folders_follow(workspace, tmp_path):
    (tmp_path / "names.txt").write_text("dog\ncat\n")  # the other way round than the folders are sorted
    line = f"analyze {workspace}/tiny.keras --probe {workspace}/probe --layer conv --logdir {tmp_path}/logs --steps 1"
    assert cli.main([*line.split(), "--class-names", str(tmp_path / "names.txt"), "--units", "1", "--groups", "1"]) == 0
    data = next(record for record in read(tmp_path / "logs") if record.kind == "attribution").data
    folders = [name.split("/")[0] for name in data["probe"]["ids"]]
    assert [data["class_names"][label] for label in data["probe"]["labels"]] == folders


def test_pictures_beside_class_folders_are_reported(tmp_path):
    _save_pictures(tmp_path / "probe" / "cat", 2, 0)
    Image.new("RGB", (4, 4)).save(tmp_path / "probe" / "loose.png")
    assert any("loose.png" in line for line in Probe.from_folder(tmp_path / "probe").skipped)


def test_a_network_that_takes_pictures_without_a_channel_axis(tmp_path):
    layers = [keras.Input((12, 12)), keras.layers.Reshape((12, 12, 1)), keras.layers.Conv2D(2, 3, name="conv")]
    keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(2)]).save(tmp_path / "flat.keras")
    _save_pictures(tmp_path / "p", 3, 0)
    line = f"analyze {tmp_path}/flat.keras --probe {tmp_path}/p --layer conv --logdir {tmp_path}/logs --steps 1"
    assert cli.main([*line.split(), "--units", "1", "--groups", "1"]) == 0


def test_an_error_says_whose_it_is_and_where_to_see_more(workspace, capsys, monkeypatch):
    assert cli.main(["inspect", str(workspace / "nothing")]) == 2
    err = capsys.readouterr().err
    assert "--traceback" in err
    assert "TF_INTERP_RAISE=1" in err
    assert "fault of the program" not in err

    def broken(*args, **options):
        return int("seven")

    monkeypatch.setattr(models, "open_model", broken)
    assert cli.main(["inspect", str(workspace / "tiny.keras")]) == 2
    assert "may be a fault of the program" in capsys.readouterr().err
    with pytest.raises(ValueError, match="seven"):
        cli.main(["--traceback", "inspect", str(workspace / "tiny.keras")])


def test_in_a_terminal_an_error_breaks_between_words(capsys, monkeypatch):
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    assert cli.main(["inspect", "nowhere.keras"]) == 2
    piped = capsys.readouterr().err.splitlines()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert cli.main(["inspect", "nowhere.keras"]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert len(piped) == 2
    assert max(len(line) for line in shown[:-1]) <= 60
    assert " ".join(shown[:-1]) == piped[0]


@pytest.mark.parametrize("command", ["inspect", "analyze"])
def test_only_an_analysis_promises_to_go_on_after_an_interruption(command, workspace, capsys, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "open_model", interrupt)
    assert cli.main([command, str(workspace / "tiny.keras"), *["--logdir", "x"] * (command == "analyze")]) == 130
    assert ("goes on there" in capsys.readouterr().err) == (command == "analyze")


def test_labels_that_were_left_out_are_told(workspace, tmp_path, capsys):
    arrays = {
        "x": np.zeros((2, 16, 16, 3), np.float32),
        "y": np.array([0, 1]),
        "class_names": np.array(list("abcdefg")),
    }
    np.savez(tmp_path / "p.npz", **arrays)
    words = ["analyze", workspace / "tiny.keras", "--probe", tmp_path / "p.npz", "--layer", "conv", "--dry-run"]
    assert cli.main([*map(str, words)]) == 0
    assert "its labels were left out" in capsys.readouterr().err.replace("\n", " ")


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert re.fullmatch(r"tf-interp \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("version", "found", "starts"), [("2.20.0", None, False), ("2.20.0", object(), True), ("2.21.0", None, True)]
)
def test_the_command_for_the_tab_says_what_an_old_tensorboard_needs(version, found, starts, monkeypatch, capsys):
    monkeypatch.setattr(terminal.metadata, "version", lambda name: version)
    monkeypatch.setattr(terminal.importlib.util, "find_spec", lambda name: found)
    assert terminal.Terminal().tell_how_to_see(pathlib.Path("logs")) == starts
    said = " ".join("".join(capsys.readouterr()).split())
    assert "tensorboard --logdir logs" in said
    assert ("pip install 'setuptools<82'" in said) != starts


@pytest.mark.parametrize("kind", ["several inputs", "vectors"])
def test_networks_that_take_no_single_picture_are_analyzed_whole(kind, tmp_path, capsys):
    layers, rng = keras.layers, np.random.default_rng(0)
    table = keras.Input((5,), name="table")
    inputs, last = [table], layers.Dense(4, activation="relu", name="dense")(table)
    if kind == "several inputs":
        picture = keras.Input((8, 8, 3), name="picture")
        seen = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu", name="conv")(picture))
        inputs, last = [picture, table], layers.Concatenate(name="joined")([seen, last])
    keras.Model(inputs, layers.Dense(3, name="end")(last)).save(tmp_path / "model.keras")
    arrays = {"table": rng.random((6, 5), np.float32), "picture": rng.random((6, 8, 8, 3), np.float32)}
    np.savez(tmp_path / "p.npz", **(arrays if kind == "several inputs" else {"images": arrays["table"]}))
    layer = "conv" if kind == "several inputs" else "dense"
    words = ["analyze", tmp_path / "model.keras", "--probe", tmp_path / "p.npz", "--layer", layer, "--steps", "2"]
    for _ in range(2):  # the second time it finds all records
        assert cli.main([*map(str, words), "--groups", "k=2", "--logdir", str(tmp_path / "log")]) == 0
    assert "nothing to compute" in " ".join(capsys.readouterr().err.split())
    kinds = {record.kind for record in read(tmp_path / "log")}
    assert kinds - {"finding"} == {"features", "groups", "attribution", "decision"}


def test_headlines_are_those_of_this_run_alone(workspace, tmp_path, capsys):
    words = ["--probe", workspace / "probe", "--layer", "conv", "--part", "concepts", "--target", "1", "--concepts"]
    words += [workspace / "concepts", "--random", workspace / "pool"]
    said = []
    for logdir in ("runs/below", "runs"):
        command = ["analyze", workspace / "tiny.keras", *words, "--logdir", tmp_path / logdir]
        assert cli.main([*map(str, command), "--seed", str(len(said))]) == 0
        said.append(capsys.readouterr().out.count("Of "))
    assert said[0] == said[1]


def test_a_later_analysis_keeps_the_findings_of_an_earlier_one(tmp_path, workspace, capsys):
    silent = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(8, 3, activation="relu", name="one"),
                               keras.layers.Conv2D(8, 3, activation="relu", name="two"),
                               keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])  # fmt: skip
    silent.get_layer("one").bias.assign([-100.0] * 8)
    silent.save(tmp_path / "silent.keras")
    said = []
    for layer, step in (("one", 0), ("two", 5), ("one", 9)):
        words = ["analyze", tmp_path / "silent.keras", "--probe", workspace / "probe", "--layer", layer, "--step", step]
        words += ["--part", "features", "--units", 1, "--steps", 1, "--logdir", tmp_path / "log"]
        assert cli.main([*map(str, words)]) == 0
        said.append(" ".join(capsys.readouterr().out.lower().split()).count("no channel of"))
    [found] = read_findings(tmp_path / "log").values()
    assert sorted((finding.subject["layer"], finding.step) for finding in found) == [("one", 0), ("two", 5)]
    assert said == [1, 1, 1], "what is found again is said again"
