"""`render_many`: order, batches, failures, caching, Ctrl-C and engines, on a small network."""

import concurrent.futures
import importlib

import networks
import numpy as np
import pytest
import tensorflow as tf
from recipe_networks import EXACT, SIZE, count_renders, open_small

from tf_interp.directions import Directions
from tf_interp.features import Shared, channel, class_logit, objective, render
from tf_interp.features.many.render_many import render_many

BATCH = importlib.import_module("tf_interp.features.many.render_many")
SPECS = ["conv2:1", "relu:2", "conv2:3", "relu:0", "conv2:5"]


@pytest.fixture(scope="module")
def model():
    return open_small()


@pytest.fixture
def calls(monkeypatch):
    return count_renders(monkeypatch)


@objective
def broken(T, number):
    raise ArithmeticError("it is broken")


def check_equal(units, others, atol=0.0):
    units, others = list(units), list(others)
    assert [unit.name for unit in units] == [unit.name for unit in others]
    for unit, other in zip(units, others, strict=True):
        np.testing.assert_allclose(unit.images, other.images, atol=atol)
        np.testing.assert_allclose(unit.activations, other.activations, rtol=1e-3 if atol else 0)
        assert unit.status == other.status


def test_units_come_in_the_order_of_the_specs_as_if_rendered_alone(model, calls):
    units = list(render_many(model, SPECS, **EXACT))
    assert calls == [3, 2]  # one call for each structure
    assert [unit.name for unit in units] == SPECS
    for unit, spec in zip(units, SPECS, strict=True):
        alone = render(model, spec, **EXACT)
        np.testing.assert_allclose(unit.images, alone.images, atol=1 / 255)
        np.testing.assert_allclose(unit.activations, alone.activations, rtol=1e-3)
        assert unit.ok
    calls.clear()
    check_equal(render_many(model, SPECS, batch_size=1, **EXACT), units, atol=1.01 / 255)
    assert calls == [1] * 5


def test_nothing_happens_before_a_result_is_wanted(model, calls):
    units = render_many(model, SPECS, batch_size=2, **EXACT)
    assert calls == []
    assert next(units).name == "conv2:1"
    assert calls == [2]
    assert next(units).name == "relu:2"
    assert calls == [2, 2]
    assert next(units).name == "conv2:3"
    assert calls == [2, 2]


def test_many_units_share_one_program():
    model = open_small()
    list(render_many(model, [f"conv2:{n % 8}" for n in range(20)], batch_size=6, **EXACT))
    programs = model.folded.cached("render", dict)
    assert [program.traces() for program in programs.values()] == [1]


def test_directions_and_pictures_per_unit(model):
    rows = Directions.from_channels("conv2", [1, 4], 8)
    units = list(render_many(model, rows, count=3, batch_size=4, **EXACT))
    assert [unit.name for unit in units] == ["channel 1", "channel 4"]
    both = render(model, rows, count=3, **EXACT)
    for index, unit in enumerate(units):
        assert unit.images.shape == (3, *SIZE)
        assert unit.status == ("ok",) * 3
        np.testing.assert_allclose(unit.images, both.images[3 * index : 3 * index + 3], atol=1 / 255)


def test_units_that_share_variables_are_rendered_one_by_one(model, calls):
    options = {**EXACT, "param": Shared(parts=((1, 2),)), "steps": 1}
    assert len(list(render_many(model, SPECS[:3], **options))) == 3
    assert calls == [1, 1, 1]


def test_pictures_are_shrunk(model):
    unit = next(render_many(model, ["conv2:1"], side=8, size=(16, 12), **EXACT))
    assert unit.images.shape == (1, 8, 6, 3)
    whole = next(render_many(model, ["conv2:1"], side=99, size=(16, 12), **EXACT))
    assert whole.images.shape == (1, 16, 12, 3)
    means = [images.mean((1, 2)) for images in (unit.images, whole.images)]
    np.testing.assert_allclose(*means, atol=0.02)


def test_a_unit_that_fails_is_reported_and_the_others_go_on(model, tmp_path):
    specs = ["conv2:1", broken(1.0), "conv2:2", "conv2:3"]
    units = list(render_many(model, specs, cache=tmp_path, **EXACT))
    assert [unit.ok for unit in units] == [True, False, True, True]
    assert units[1].status == ("failed: ArithmeticError: it is broken",)
    assert len(units[1].images) == len(units[1].activations) == 0
    assert len(list(tmp_path.iterdir())) == 3  # a failure is not kept: next time may be better
    check_equal(render_many(model, specs[::2], **EXACT), units[::2], atol=1.01 / 255)


def test_a_unit_without_a_good_picture_is_finished_too(tmp_path, calls):
    model = open_small()
    weights = model.model.get_layer("conv2").get_weights()
    weights[1][2] = -100.0
    model.model.get_layer("conv2").set_weights(weights)
    for _ in range(2):
        units = list(render_many(model, ["relu:2", "relu:3"], cache=tmp_path, **EXACT))
        assert units[0].status[0].startswith("did not activate")
        assert units[1].ok
    assert calls == [2]


def test_a_second_call_renders_nothing_and_gives_the_same(model, tmp_path, calls):
    first = list(render_many(model, SPECS, cache=tmp_path, **EXACT))
    assert sum(calls) == 5
    calls.clear()
    check_equal(render_many(model, SPECS, cache=tmp_path, **EXACT), first)
    check_equal(render_many(model, SPECS[::-1], cache=tmp_path, batch_size=2, **EXACT), first[::-1])
    assert calls == []
    check_equal(
        render_many(model, [*SPECS, "conv2:6"], cache=tmp_path, **EXACT),
        [*first, *render_many(model, ["conv2:6"], **EXACT)],
    )
    assert sum(calls) == 2


def test_other_weights_and_options_are_rendered_again(tmp_path, calls):
    model = open_small()
    first = next(render_many(model, ["conv2:1"], cache=tmp_path, **EXACT))
    for options in ({"steps": 5}, {"seed": 1}, {"size": 12}, {"side": 8}, {"count": 2}):
        list(render_many(model, ["conv2:1"], cache=tmp_path, **{**EXACT, **options}))
    assert len(calls) == 6
    weights = model.model.get_weights()
    model.model.set_weights([2 * weight for weight in weights])
    changed = next(render_many(model, ["conv2:1"], cache=tmp_path, **EXACT))
    assert len(calls) == 7
    assert changed.activations[0] > 2 * first.activations[0]
    model.model.set_weights(weights)
    check_equal(render_many(model, ["conv2:1"], cache=tmp_path, **EXACT), [first])
    assert len(calls) == 7


def test_a_damaged_file_is_rendered_again(model, tmp_path, calls):
    first = list(render_many(model, SPECS, cache=tmp_path, **EXACT))
    calls.clear()
    damaged = next(path for path in tmp_path.iterdir() if path.name.startswith("relu-2"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    check_equal(render_many(model, SPECS, cache=tmp_path, **EXACT), first, atol=1.01 / 255)
    assert calls == [1]


def test_a_file_that_vanishes_on_the_way_is_rendered_again(model, tmp_path):
    first = list(render_many(model, SPECS, cache=tmp_path, **EXACT))
    units = render_many(model, SPECS, cache=tmp_path, **EXACT)
    for path in tmp_path.iterdir():
        path.unlink()
    check_equal(units, first, atol=1.01 / 255)


def test_a_killed_run_goes_on_where_it_was(model, tmp_path, monkeypatch, calls):
    whole = list(render_many(model, SPECS, **EXACT))
    calls.clear()
    with monkeypatch.context() as patch:
        counted = BATCH.render

        def kill(*args, **options):
            if len(calls) == 2:
                raise SystemExit("killed")
            return counted(*args, **options)

        patch.setattr(BATCH, "render", kill)
        with pytest.raises(SystemExit):
            list(render_many(model, SPECS, cache=tmp_path, batch_size=2, **EXACT))
    assert calls == [2, 2]
    (tmp_path / ".conv2-5-0123456789.npz.4711").write_bytes(b"what a killed process leaves")
    calls.clear()
    check_equal(render_many(model, SPECS, cache=tmp_path, batch_size=2, **EXACT), whole, atol=1.01 / 255)
    assert calls == [1]


def test_ctrl_c_keeps_what_there_is(model, tmp_path, monkeypatch, calls):
    counted = BATCH.render

    def press(*args, **options):
        if len(calls) == 1:
            raise KeyboardInterrupt
        return counted(*args, **options)

    specs = ["conv2:1", "conv2:2", "relu:1", "conv2:3"]
    with monkeypatch.context() as patch:
        patch.setattr(BATCH, "render", press)
        found = list(render_many(model, specs, cache=tmp_path, batch_size=1, **EXACT))
    assert found[0].ok
    assert [unit.status for unit in found[1:]] == [("not rendered: stopped",)] * 3
    assert [unit.name for unit in found] == specs
    assert len(list(tmp_path.iterdir())) == 1
    calls.clear()
    again = list(render_many(model, specs, cache=tmp_path, batch_size=1, **EXACT))
    assert all(unit.ok for unit in again)
    assert calls == [1, 1, 1]


def test_ctrl_c_in_an_engine_keeps_what_there_is(model):
    def stop(job, batches):
        yield job(batches[0])
        raise KeyboardInterrupt

    units = list(render_many(model, SPECS, engine=stop, batch_size=2, **EXACT))
    assert [unit.ok for unit in units] == [True, False, True, False, False]


def test_ctrl_c_in_the_middle_of_a_picture_shows_it_and_does_not_keep_it(model, tmp_path, monkeypatch):
    program = importlib.import_module("tf_interp.features.renderer.program").Program
    step, done = program.step, []

    def press(self, *args, **options):
        done.append(1)
        if len(done) == 3:
            raise KeyboardInterrupt
        return step(self, *args, **options)

    monkeypatch.setattr(program, "step", press)
    units = list(render_many(model, ["conv2:1", "conv2:2"], cache=tmp_path, batch_size=1, **EXACT))
    assert units[0].status[0].startswith("stopped after")
    assert units[0].images.shape == (1, *SIZE)
    assert units[1].status == ("not rendered: stopped",)
    assert list(tmp_path.iterdir()) == []


def test_an_engine_gets_the_job_and_the_batches(model):
    seen = []

    def backwards(job, batches):
        seen.extend(batches)
        return [job(batch) for batch in batches[::-1]][::-1]

    check_equal(
        render_many(model, SPECS, engine=backwards, batch_size=2, **EXACT),
        render_many(model, SPECS, batch_size=2, **EXACT),
        atol=1.01 / 255,
    )
    assert seen == [[0, 2], [1, 3], [4]]


def test_threads_are_an_engine(model, tmp_path):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        units = list(render_many(model, SPECS, engine=pool.map, cache=tmp_path, batch_size=1, **EXACT))
    check_equal(units, render_many(model, SPECS, **EXACT), atol=1.01 / 255)
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("engine", [lambda job, batches: [], lambda job, batches: [[] for _ in batches]])
def test_an_engine_that_loses_results_is_an_error(model, engine):
    with pytest.raises(RuntimeError, match="the engine gave"):
        list(render_many(model, SPECS, engine=engine, **EXACT))


def test_progress_counts_units(model, capsys):
    assert len(list(render_many(model, SPECS, progress=True, **EXACT))) == 5
    assert "Traceback" not in capsys.readouterr().err


def test_no_specs_give_no_units(model):
    assert list(render_many(model, [])) == []


def test_all_units_may_start_from_one_picture(model, tmp_path):
    images = networks.pictures(2, size=SIZE)
    options = {**EXACT, "steps": 0}
    for image in images:
        units = list(render_many(model, SPECS[:2], init=image[None], cache=tmp_path, **options))
        np.testing.assert_allclose(units[1].images[0], image, atol=0.004)
    with pytest.raises(ValueError, match=r"init must be an array \[1,h,w,C\]"):
        render_many(model, SPECS[:2], init=images, **options)


def test_mistakes_are_named_before_anything_is_rendered(model, calls, tmp_path):
    with pytest.raises(ValueError, match=r"no layer 'konv2'; did you mean .*'conv2'"):
        render_many(model, ["conv2:1", "konv2:1"])
    with pytest.raises(ValueError, match=r"no class 'dogg'; did you mean .*'dog'"):
        render_many(model, [2 * class_logit("dogg")])
    with pytest.raises(ValueError, match="should be written 'layer:channel'"):
        render_many(model, ["conv2"])
    with pytest.raises(TypeError, match=r"no option 'step'; did you mean .*'steps'"):
        render_many(model, SPECS, step=3)
    with pytest.raises(TypeError, match="needs a list of objectives or Directions, got 'conv2:1'"):
        render_many(model, "conv2:1")
    with pytest.raises(TypeError, match="needs a list of objectives"):
        render_many(model, channel("conv2", 1))
    with pytest.raises(TypeError, match="wrap it with open_model"):
        render_many(model.model, SPECS)
    with pytest.raises(TypeError, match="param must be hashable"):
        render_many(model, SPECS, param=Shared(parts=[(1, 2)]))
    with pytest.raises(ValueError, match="side must be 1 or more, got 0"):
        render_many(model, SPECS, side=0)
    opaque = object()
    with pytest.raises(TypeError, match="cannot tell one object from another"):
        render_many(model, [lambda T: (opaque, tf.reduce_mean(T("conv2")))[1]], cache=tmp_path)
    assert calls == []
