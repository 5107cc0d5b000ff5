"""An analysis that is killed at any moment and run again gives the same records, and does nothing twice."""

import collections
import itertools
import types

import keras
import numpy as np
import pytest

from tf_interp import Attributions, ConceptTests, Directions, Features, NeuronGroups, Probe, open_model
from tf_interp.analysis import Analysis
from tf_interp.analysis.drawing import Drawing
from tf_interp.analysis.planning.cost import estimate_cost
from tf_interp.analysis.workspace import Workspace


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


@pytest.fixture(scope="module")
def analysis():
    keras.utils.set_random_seed(1)
    layers = [keras.Input((12, 12, 3)), keras.layers.Conv2D(8, 3, activation="relu", name="a")]
    layers += [keras.layers.Conv2D(8, 3, activation="relu", name="b"), keras.layers.GlobalAveragePooling2D()]
    model = open_model(keras.Sequential([*layers, keras.layers.Dense(2)]))
    pictures = np.random.default_rng(0).random((32, 12, 12, 3)).astype(np.float32)
    concepts = ConceptTests({"dark": pictures[:8] / 3}, pictures[8:24], [0], permutations=99, bootstraps=20)
    parts = [Attributions(), concepts, NeuronGroups(2, steps=2), Features(6, 3)]
    return Analysis(model, Probe.from_arrays(pictures[:6]), ["a", "b"], parts)


def _again(analysis):
    """Return the analysis as a new process would make it."""
    return Analysis(analysis.model, analysis.probe, analysis.layers, analysis.parts)


def _contents(record):
    return {k: v for k, v in record.data.items() if k != "seconds"}, [image.tolist() for image in record.images]


def _run(analysis, folder, written, lines, kill=None):
    """Run until `kill` pieces and records were finished."""

    def tell(line):
        lines.append(line)
        if kill is not None and len(lines) == kill:
            raise Killed

    for record in _again(analysis).run(workspace=Workspace(folder, tell=tell), written=set(written)):
        written[record.tag] = _contents(record)
        tell(f"wrote {record.tag}")


def test_killed_at_every_moment_it_ends_the_same(analysis, tmp_path):
    plain, lines = {}, []
    _run(analysis, tmp_path / "plain", plain, lines)
    assert len(plain) == 8
    assert not list((tmp_path / "plain").iterdir()), "pieces are removed when their record is written"
    done, written = [], {}
    for kill in range(1, len(lines) + 1):
        with pytest.raises(Killed):
            _run(analysis, tmp_path / "killed", written, done, kill)
    _run(analysis, tmp_path / "killed", written, done)
    assert [line for line, count in collections.Counter(done).items() if count > 1] == []
    assert sorted(done) == sorted(lines)
    assert written == plain


def test_pieces_give_the_pictures_of_one_go(analysis, tmp_path):
    feature = Features(6, 3)
    apart = Analysis(analysis.model, analysis.probe, ["a"], [feature])
    whole, pieces = next(apart.run()), next(apart.run(workspace=Workspace(tmp_path)))
    activations = ([unit["activation"] for unit in record.data["units"]] for record in (whole, pieces))
    np.testing.assert_allclose(*activations, rtol=1e-4)
    for one, other in zip(whole.images, pieces.images, strict=True):
        np.testing.assert_allclose(one.astype(int), other.astype(int), rtol=0, atol=2)


def test_a_damaged_piece_is_made_again(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.keep("features/a/0", {"value": np.arange(3)})
    assert workspace.recall("features/a/0")["value"].tolist() == [0, 1, 2]
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:40])
    assert workspace.recall("features/a/0") is None
    assert workspace.recall("features/a/4") is None
    workspace.keep("features/a/0", {"value": np.arange(2)})
    workspace.keep("features/a b/0", {"value": np.arange(1)})
    workspace.drop("features/a")
    assert workspace.recall("features/a/0") is None
    assert len(workspace.recall("features/a b/0")["value"]) == 1
    workspace.clear()
    assert not list(tmp_path.iterdir())


def test_the_cost_counts_what_will_be_drawn(analysis, tmp_path, monkeypatch):
    rates = {"a": 0.25, "b": 0.5}  # seconds for a step of a picture
    monkeypatch.setattr(Drawing, "try_out", lambda self, model, directions: rates[directions.layer])
    cost = estimate_cost(analysis)
    assert {kind: (count, steps) for kind, count, steps in cost.drawings} == {
        "groups": (4, 2),
        "features": (12, 3),
    }
    assert cost.steps == 44
    assert cost.seconds == (2 * 2 + 6 * 3) * (0.25 + 0.5)  # of each layer two groups in 2 steps, six features in 3
    left = estimate_cost(analysis, {"features/a", "features/b", "groups/a"})
    assert left.drawings == (("groups", 2, 2),)
    ticks = []
    list(analysis.run(parts=analysis.parts[3:], workspace=Workspace(tmp_path, advance=ticks.append)))
    assert sum(ticks) == 36, "the bar ends where the cost said"


def test_the_cost_counts_pictures_that_are_accentuated(analysis, tmp_path, monkeypatch):
    monkeypatch.setattr(Drawing, "try_out", lambda self, model, directions: 0.5)
    parts = [Features([0, 1], steps=3, accentuate=True)]
    accented = Analysis(analysis.model, analysis.probe, ["a"], parts)
    cost = estimate_cost(accented)
    assert cost.drawings == (("features", 2, 3 + 64),)
    assert cost.seconds == 2 * (3 + 64) * 0.5
    ticks = []
    list(accented.run(workspace=Workspace(tmp_path, advance=ticks.append)))
    assert sum(ticks) == cost.steps, "the bar ends where the cost said"


def test_the_rate_is_the_time_between_steps(analysis, monkeypatch):
    clock = types.SimpleNamespace(perf_counter=itertools.chain([-100.0], itertools.count()).__next__)
    monkeypatch.setattr("tf_interp.analysis.drawing.time", clock)  # compiling takes 100 s, each step one
    rate = Drawing().try_out(analysis.model, Directions.from_channels("a", [0, 1], 8))
    assert rate == 1 / 2, "a step of two pictures takes a second"
