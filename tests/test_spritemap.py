"""`spritemap`: cells are units, the sheet is the cells, and the cache never shows anything else."""

import importlib
import json

import keras
import numpy as np
import pytest
from PIL import Image
from recipe_networks import EXACT, SIZE, WIDTH, count_renders, open_small

from tf_interp.features import Fourier, as_objective, neuron, render
from tf_interp.features.many.spritemap import EMPTY, spritemap
from tf_interp.models import open_model

BATCH = importlib.import_module("tf_interp.features.many.render_many")


@pytest.fixture(scope="module")
def model():
    return open_small()


@pytest.fixture
def calls(monkeypatch):
    return count_renders(monkeypatch)


def test_a_cell_is_the_unit_alone_and_the_sheet_is_the_cells(model):
    result = spritemap(model, "conv2", **EXACT)
    assert result.channels == tuple(range(WIDTH))
    assert result.cells.shape == (WIDTH, *SIZE)
    assert result.columns == 3
    assert result.sheet.shape == (3 * SIZE[0], 3 * SIZE[1], 3)
    assert result.path is None
    alone = render(model, "conv2:5", **EXACT)
    np.testing.assert_allclose(result.cells[5], alone.images[0], atol=1 / 255)
    assert result.activations[5] == pytest.approx(alone.activations[0], rel=1e-3)
    row, column = divmod(5, result.columns)
    inside = result.sheet[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
    np.testing.assert_array_equal(inside, np.round(result.cells[5] * 255))


def test_some_channels_in_small_cells_with_another_objective(model):
    result = spritemap(model, "conv2", channels=[6, 2], side=8, objective=neuron, **EXACT)
    assert result.channels == (6, 2)
    assert result.cells.shape == (2, 8, 8, 3)
    alone = render(model, neuron("conv2", 2), **EXACT)
    assert result.activations[1] == pytest.approx(alone.activations[0], rel=1e-3)


def test_a_second_call_renders_nothing_and_is_the_same(model, tmp_path, calls):
    first = spritemap(model, "conv2", cache=tmp_path, **EXACT)
    assert calls == [WIDTH]
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    second = spritemap(model, "conv2", cache=tmp_path, **EXACT)
    assert calls == [WIDTH]
    np.testing.assert_array_equal(first.cells, second.cells)
    np.testing.assert_array_equal(first.activations, second.activations)
    assert (first.status, first.path) == (second.status, second.path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
    part = spritemap(model, "conv2", channels=[3, 1], cache=tmp_path, **EXACT)
    assert calls == [WIDTH]
    np.testing.assert_array_equal(part.cells, first.cells[[3, 1]])


def test_the_sheet_lies_beside_its_description(model, tmp_path):
    result = spritemap(model, "conv2", channels=[6, 2, 1], cache=tmp_path, **EXACT)
    np.testing.assert_array_equal(np.asarray(Image.open(result.path)), result.sheet)
    about = json.loads(result.path.with_suffix(".json").read_text("utf-8"))
    assert (about["layer"], about["channels"], about["columns"]) == ("conv2", [6, 2, 1], 2)
    assert about["cell"] == list(SIZE[:2])
    assert about["weights"] == model.digest()
    np.testing.assert_allclose(about["activations"], result.activations)


@pytest.mark.parametrize("which", ["*.png", "*.json", "conv2-6*.npz"])
def test_what_is_damaged_is_made_again(model, tmp_path, calls, which):
    first = spritemap(model, "conv2", channels=[6, 2], cache=tmp_path, **EXACT)
    (damaged,) = tmp_path.glob(which)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    calls.clear()
    second = spritemap(model, "conv2", channels=[6, 2], cache=tmp_path, **EXACT)
    assert calls == ([1] if which.endswith("npz") else [])
    np.testing.assert_allclose(second.cells, first.cells, atol=1.01 / 255)
    np.testing.assert_array_equal(np.asarray(Image.open(second.path)), second.sheet)


def test_other_weights_are_another_sheet(tmp_path, calls):
    first = spritemap(open_small(), "conv2", channels=[1], cache=tmp_path, **EXACT)
    second = spritemap(open_small(seed=1), "conv2", channels=[1], cache=tmp_path, **EXACT)
    assert calls == [1, 1]
    assert first.path != second.path
    assert first.activations != second.activations


def test_killed_half_way_it_goes_on(model, tmp_path, monkeypatch, calls):
    counted = BATCH.render

    def kill(*args, **options):
        if len(calls) == 2:
            raise SystemExit("killed")
        return counted(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(BATCH, "render", kill)
        with pytest.raises(SystemExit):
            spritemap(model, "conv2", cache=tmp_path, batch_size=2, **EXACT)
    assert not list(tmp_path.glob("*.png"))
    calls.clear()
    result = spritemap(model, "conv2", cache=tmp_path, batch_size=2, **EXACT)
    assert calls == [2, 2]
    whole = spritemap(model, "conv2", batch_size=2, **EXACT)
    assert result.status == whole.status
    np.testing.assert_allclose(result.cells, whole.cells, atol=1.01 / 255)


def test_stopped_it_shows_what_there_is(model, tmp_path, monkeypatch, calls):
    counted = BATCH.render

    def press(*args, **options):
        if len(calls) == 1:
            raise KeyboardInterrupt
        return counted(*args, **options)

    monkeypatch.setattr(BATCH, "render", press)
    result = spritemap(model, "conv2", cache=tmp_path, batch_size=4, **EXACT)
    assert result.status == ("ok",) * 4 + ("not rendered: stopped",) * 4
    np.testing.assert_array_equal(result.cells[4:], np.float32(EMPTY))
    assert np.isnan(result.activations[4:]).all()
    assert result.path is None


def test_a_unit_that_did_not_activate_is_an_empty_cell():
    model = open_small()
    weights = model.model.get_layer("conv2").get_weights()
    weights[1][2] = -100.0
    model.model.get_layer("conv2").set_weights(weights)
    result = spritemap(model, "relu", channels=[1, 2], **EXACT)
    assert result.status[0] == "ok"
    assert result.status[1].startswith("did not activate")
    np.testing.assert_array_equal(result.cells[1], np.float32(EMPTY))
    assert result.cells[0].std() > 0.01


def test_mistakes_are_named(model):
    with pytest.raises(ValueError, match=r"no layer 'konv2'; did you mean"):
        spritemap(model, "konv2")
    with pytest.raises(ValueError, match=r"layer 'conv2' has channels 0\.\.7, got \[8, -1\]"):
        spritemap(model, "conv2", channels=[1, 8, -1])
    with pytest.raises(ValueError, match="channels is empty"):
        spritemap(model, "conv2", channels=[])
    with pytest.raises(ValueError, match="one picture per unit, got count=2"):
        spritemap(model, "conv2", count=2)
    with pytest.raises(ValueError, match="no unit of layer 'conv2' could be rendered; the first: failed: ValueError"):
        spritemap(model, "conv2", objective=lambda layer, n: as_objective(lambda T: T(layer)), **EXACT)
    with pytest.raises(ValueError, match="steps must be 0 or more, got -1"):
        spritemap(model, "conv2", **{**EXACT, "steps": -1})
    with pytest.raises(TypeError, match=r"channels must be a list of units, got 3: write \[3\]"):
        spritemap(model, "conv2", channels=3)
    with pytest.raises(TypeError, match="spritemap needs a Model, got Functional: wrap it with open_model"):
        spritemap(model.model, "conv2")


@pytest.mark.parametrize(("settings", "bands", "shape"), [(Fourier(alpha=True), 3, (4,)), (Fourier(), 4, (3,))])
def test_the_fourth_channel_of_a_sheet_is_opacity_only_where_pictures_have_some(settings, bands, shape, tmp_path):
    network = keras.Sequential([keras.Input((8, 8, bands)), keras.layers.Conv2D(2, 3, name="conv")])
    result = spritemap(open_model(network), "conv", param=settings, steps=1, retries=0, cache=tmp_path)
    assert result.cells.shape == (2, 8, 8, 4)
    assert result.sheet.shape == (8, 16, *shape)
    with Image.open(result.path) as picture:
        assert picture.mode == ("RGBA" if shape == (4,) else "RGB")
