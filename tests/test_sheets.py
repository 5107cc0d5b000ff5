"""What a network is given, as pictures for people: lines where the numbers are, bars, text, the middle of a volume."""

import keras
import numpy as np
import pytest

from tf_interp import open_model, render_many, spritemap
from tf_interp.records.sheets import show_inputs

L = keras.layers
RNG = np.random.default_rng(0)


def strongest(cell):
    """Return the row of the brightest pixel in each column, of the part of a picture of one line."""
    return cell.max(-1).argmax(0)


def test_lines_are_where_the_numbers_are():
    ramp, wave = np.linspace(-4, 8, 60), np.sin(np.linspace(0, 6, 60))
    shown = show_inputs(np.stack([ramp, wave], -1)[None], "series", names=["ramp", "wave"])
    assert shown.legend == "lines from the top: ramp, wave; each over its own range"
    assert shown.cells.shape == (1, 96, 240, 3)
    for row, values in enumerate((ramp, wave)):
        line = strongest(shown.cells[0, 48 * row + 2 : 48 * (row + 1), :])
        at = np.interp(np.arange(240), (np.arange(60) + 0.5) * 4, values)
        assert np.corrcoef(line, at)[0, 1] < -0.99  # up is more, and each point stands in the middle of its share


def test_pictures_of_a_probe_have_one_scale_and_rendered_lines_too():
    values = np.zeros((2, 30, 2))
    values[0, 10:20, 0], values[1, 10:20, 0], values[:, 5:9, 1] = 1, 0.5, 0.01
    first, second = show_inputs(values, "series").cells
    assert strongest(first[2:48])[120] < strongest(second[2:48])[120]  # the higher one is drawn higher
    rendered = show_inputs(values, "series", limits=(0.0, 1.0))
    assert rendered.legend == "lines from the top: feature 0, feature 1; all on one scale"
    assert np.ptp(strongest(rendered.cells[0][82:, 150:])) <= 1  # 0.01 of the scale is flat, beside the name


def test_of_many_features_those_that_vary_most_are_drawn():
    values = RNG.normal(0, 0.01, (3, 40, 30))
    values[..., [3, 17]] *= 100
    legend = show_inputs(values, "series").legend
    assert legend.startswith("lines from the top: the 12 of 30 that vary most, ")
    assert "feature 3," in legend
    assert "feature 17" in legend


def test_the_middle_of_a_volume_is_shown_with_its_range():
    volume = RNG.normal(0, 100, (2, 5, 4, 6, 1))
    shown = show_inputs(volume, "volumes")
    low, high = volume[:, 2].min(), volume[:, 2].max()
    assert shown.legend == f"slice 2 of 5, black is {low:.3g} and white {high:.3g}"
    np.testing.assert_allclose(shown.cells, (volume[:, 2, ..., 0] - low) / (high - low), atol=1e-6)


def test_bars_and_tokens_are_drawn():
    shown = show_inputs(np.array([[1.0, -1.0, 0.0], [0.5, 0.5, 2.0]]), "vectors", names=["a", "b", "c"])
    assert shown.legend == "bars from the left: a, b, c; each feature over its own range"
    above, below = shown.cells[0, :48], shown.cells[0, 48:]
    assert above[:, 40].mean() > 2 * above[:, 120].mean()  # the first is positive, the second negative
    assert below[:, 120].mean() > 2 * below[:, 40].mean()
    first, second = show_inputs(np.array([[1, 22, 333], [1, 22, 334]]), "tokens").cells
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("kind", ["series", "vectors", "volumes"])
def test_what_is_not_finite_or_all_the_same_is_drawn_too(kind):
    values = np.full({"series": (2, 9, 2), "vectors": (2, 9), "volumes": (2, 3, 4, 5, 1)}[kind], 7.0)
    assert np.isfinite(show_inputs(values, kind).cells).all()


def test_units_of_a_network_of_series_are_cells_of_lines():
    layers = [L.Conv1D(3, 5, padding="same", name="conv"), L.GlobalAveragePooling1D(), L.Dense(2)]
    model = open_model(keras.Sequential([keras.Input((40, 2)), *layers]))
    units = list(render_many(model, [f"conv:{index}" for index in range(3)], steps=2, side=16))
    assert units[0].images.shape == (1, 40, 2)
    found = spritemap(model, "conv", steps=2)
    for cell, unit in zip(found.cells, units, strict=True):
        drawn = show_inputs(unit.images, "series", limits=(0.0, 1.0)).cells[0]
        np.testing.assert_allclose(cell, drawn, atol=1e-6)
    assert found.cells.shape == (3, 160, 400, 3)
    assert found.legend is None
    image, meta = keras.Input((8, 8, 3)), keras.Input((2,))
    joined = L.Concatenate(name="joined")([L.GlobalAveragePooling2D()(image), meta])
    with pytest.raises(ValueError, match="render_many draws units of networks with one input"):
        list(render_many(open_model(keras.Model([image, meta], L.Dense(2)(joined))), ["joined:0"], steps=1))
