"""Plots show the numbers that they are given."""

import builtins
import importlib

import keras
import numpy as np
import pytest

import tf_interp as ti
from tf_interp.plots import plot_bars_beside_chance, plot_curves, plot_overlays, plot_pictures

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


def test_pictures_are_under_their_titles():
    cells = np.random.default_rng(0).random((10, 4, 5, 3))
    figure = plot_pictures(cells, [f"unit {number}" for number in range(10)])
    shown = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in shown] == [f"unit {number}" for number in range(10)]
    np.testing.assert_array_equal(shown[9].images[0].get_array(), cells[9])


def test_each_map_has_a_scale_of_its_own():
    maps = np.zeros((2, 3, 3, 2))
    maps[1, 0, 0], maps[0, 2, 2, 1] = (4, 50), 100
    figure = plot_overlays(maps, ["a", "b"], np.ones((2, 6, 6, 1)))
    drawn = [axis.images[-1].get_array() for axis in figure.axes]
    assert [array.max() for array in drawn] == [0, 1, 1, 0.5]
    assert [len(axis.images) for axis in figure.axes] == [2, 2, 2, 2]


def test_bars_stand_before_what_chance_does():
    (axis,) = plot_bars_beside_chance(np.array([2.0, -1.0]), np.array([0.5, 0.25]), ["a", "b"], "logits").axes
    assert [bar.get_width() for bar in axis.patches] == [1.0, 0.5, 2.0, -1.0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]
    assert axis.get_xlabel() == "logits"


def test_curves_differ_in_more_than_color():
    (axis,) = plot_curves(np.arange(3), {"a": np.ones(3), "b": np.arange(3)}, ("k", "error"), 2).axes
    first, second, mark = axis.lines
    assert first.get_linestyle() != second.get_linestyle()
    np.testing.assert_array_equal(second.get_ydata(), [0, 1, 2])
    assert list(mark.get_xdata()) == [2, 2]


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch):
    real = importlib.import_module

    def missing(name, *rest):
        if name.startswith("matplotlib"):
            raise builtins.ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"pip install matplotlib \(or tf-interp\[plot\]\)"):
        plot_curves(np.arange(2), {}, ("", ""))


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential([
        keras.Input((8, 8, 1)),
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2, name="logits"),
    ])  # fmt: skip


def test_every_result_with_pictures_or_curves_draws_itself(network):
    model, images = ti.open_model(network, class_names=["cat", "dog"]), np.random.default_rng(0).random((6, 8, 8, 1))
    rendering = ti.render(model, [ti.channel("conv", unit) for unit in range(2)], steps=2)
    titles = [axis.get_title() for axis in rendering.plot().axes if axis.images]
    assert [title.partition("\n")[0] for title in titles] == list(rendering.names)

    groups = ti.find_groups(model, images, "conv", k=2)
    assert len(groups.plot(images, [0, 5]).axes) == 4
    assert len(groups.plot().axes) == 8
    with pytest.raises(ValueError, match="not the 6 images"):
        groups.plot(images[::-1] / 2)

    ablation = ti.ablate_groups(model, images, groups, targets=["cat", "dog"])
    (axis,) = ablation.plot("dog").axes
    widths = [bar.get_width() for bar in axis.patches]
    np.testing.assert_allclose(widths[-2:], ablation.change[:, 1].mean(1))
    with pytest.raises(ValueError, match="no target 'dogs'"):
        ablation.plot("dogs")

    (axis,) = ti.scan_groups(model, images, "conv", [2, 3]).plot().axes
    assert list(axis.lines[0].get_xdata()) == [2, 3]
    trust = ti.faithfulness(model, images[:2], 0, methods=["gradient"], steps=4, draws=3)
    (axis,) = trust.plot().axes
    assert [line.get_label() for line in axis.lines] == ["gradient", "random"]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), trust.deletion[0, :, 0].mean(0))
