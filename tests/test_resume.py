"""`tf-interp analyze`, killed with SIGKILL and run again, as a user would."""

import signal
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

from tf_interp import cli, read
from tf_interp.cli.resume import identify
from tf_interp.probe import Probe


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A network and pictures, and the words of a command without its log directory."""
    folder = tmp_path_factory.mktemp("resume")
    keras.utils.set_random_seed(0)
    layers = [keras.Input((12, 12, 3)), keras.layers.Conv2D(8, 3, name="a"), keras.layers.ReLU(name="b")]
    keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]).save(folder / "m.keras")
    images = np.random.default_rng(0).integers(0, 256, (5, 12, 12, 3), np.uint8)
    np.savez(folder / "probe.npz", x=images)
    more = ["--layer", "b", "--features", "units=8,steps=3", "--groups", "k=2,steps=2", "-v"]
    return ["analyze", str(folder / "m.keras"), "--probe", str(folder / "probe.npz"), *more]


def _contents(logdir):
    return {
        record.tag: ({k: v for k, v in record.data.items() if k != "seconds"}, [i.tolist() for i in record.images])
        for record in read(logdir)
    }


def _kill_after(words, count):
    """Run the command and kill it when it has finished some pieces or records; return these and how it ended."""
    process = subprocess.Popen([sys.executable, "-m", "tf_interp.cli", *words], stderr=subprocess.PIPE, text=True)
    lines = []
    for line in process.stderr:
        if line.startswith(("finished", "wrote")):
            lines.append(line.split(" (")[0].strip())
        if len(lines) == count:
            process.send_signal(signal.SIGKILL)
            break
    lines += [line.split(" (")[0].strip() for line in process.stderr if line.startswith(("finished", "wrote"))]
    process.stderr.close()
    assert process.wait() in (-signal.SIGKILL, 0)
    return lines, process.returncode


def test_killed_twice_it_ends_as_if_undisturbed(words, tmp_path, capsys):
    done, first = _kill_after([*words, "--logdir", str(tmp_path / "killed")], 1)
    more, second = _kill_after([*words, "--logdir", str(tmp_path / "killed")], 3)
    assert -signal.SIGKILL in (first, second)
    done += more
    assert list(read(tmp_path / "killed")), "what was written can be read"
    capsys.readouterr()
    assert cli.main([*words, "--logdir", str(tmp_path / "killed")]) == 0
    done += [line.split(" (")[0] for line in capsys.readouterr().err.splitlines()
             if line.startswith(("finished", "wrote"))]  # fmt: skip
    assert len(done) == len(set(done)) == 4 + 4, "four records; pieces: one of groups, two of features, the decision"
    assert cli.main([*words, "--logdir", str(tmp_path / "plain")]) == 0
    assert _contents(tmp_path / "killed") == _contents(tmp_path / "plain")
    assert not list((tmp_path / "killed").rglob("*.npz"))


def test_two_processes_do_not_work_on_the_same_command(words, tmp_path, capsys, monkeypatch):
    fcntl = pytest.importorskip("fcntl", reason="locks of files are not on Windows")
    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    line = [*words, "--part", "attribution", "--logdir", str(tmp_path)]
    line = [word for word in line if not word.startswith(("--features", "--groups", "units=", "k="))]
    assert cli.main(line) == 0
    with next(tmp_path.rglob("command.json")).open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert cli.main(line) == 2
    assert "another process" in capsys.readouterr().err
    assert cli.main(line) == 0


def test_records_of_something_else_are_not_mixed_with_ours(words, tmp_path, capsys, monkeypatch):
    from tf_interp import Record, write

    monkeypatch.delenv("TF_INTERP_RAISE", raising=False)
    write([Record("features", "conv", 7, "of a training run")], tmp_path)
    assert cli.main([*words, "--logdir", str(tmp_path)]) == 2
    assert "already holds records up to step 7" in capsys.readouterr().err


def test_ctrl_c_is_told_apart_from_a_mistake(words, tmp_path, capsys, monkeypatch):
    from tf_interp.cli.commands import analyze_model

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(analyze_model, "write", interrupted)
    assert cli.main([*words, "--logdir", str(tmp_path)]) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_a_dry_run_says_the_cost_and_writes_nothing(words, tmp_path, capsys):
    assert cli.main([*words, "--logdir", str(tmp_path / "none"), "--dry-run"]) == 0
    said = capsys.readouterr().err
    assert "8 units x 3 steps" in said
    assert "about" in said
    assert not (tmp_path / "none").exists()


def test_value_ranges_are_told_apart_on_a_black_picture():
    def identity(scale):
        model = types.SimpleNamespace(digest=lambda: "0", layers={}, preprocess=lambda images: images * scale)
        head = types.SimpleNamespace(path="output", kind="multiclass", names=None)
        analysis = types.SimpleNamespace(model=model, head=head, layers=["conv"])
        return identify(analysis, Probe.from_arrays(np.zeros((1, 4, 4, 3))), {}, {})["preprocess"]

    assert identity(2) == identity(2)
    assert identity(2) != identity(255)
