"""Recipes on a small network: each does what its name says, by the numbers that the network gives."""

import networks
import numpy as np
import pytest
from recipe_networks import SIZE, WIDTH, means, open_small, read

from tf_interp.directions import Directions
from tf_interp.features import SGD, Fourier, Pixel, Shared, render
from tf_interp.features.recipes.from_pictures import caricature, dream, fit_picture
from tf_interp.features.recipes.interactions import interaction, interaction_grid
from tf_interp.features.recipes.style import transfer_style
from tf_interp.features.recipes.units import facets, interpolate, positive_negative
from tf_interp.features.renderer.program import Program

EXACT = {
    "param": Pixel(),
    "optimizer": SGD(),
    "learning_rate": 30.0,
    "transforms": (),
    "retries": 0,
}  # Adam would magnify rounding
FAST = {"steps": 12, "transforms": (), "retries": 0}
NOISE = np.random.default_rng(0).normal(0.5, 0.02, (1, *SIZE)).astype(np.float32)
REAL = networks.pictures(1, seed=5, size=SIZE)[0]


@pytest.fixture(scope="module")
def model():
    return open_small()


def test_positive_and_negative_pictures_alternate(model):
    rendering = positive_negative(model, "conv2", [1, 4], **FAST)
    reached = means(model, rendering.images, "conv2")
    noise = means(model, NOISE, "conv2")[0]
    for row, channel in ((0, 1), (2, 4)):
        assert reached[row, channel] > noise[channel] > reached[row + 1, channel]
        assert rendering.activations[row] == pytest.approx(reached[row, channel], rel=1e-4)
        assert rendering.activations[row + 1] == pytest.approx(-reached[row + 1, channel], rel=1e-4)
    assert rendering.names[2:] == ("conv2:4", "-1 * conv2:4")
    one = positive_negative(model, "conv2", 4, **FAST)
    np.testing.assert_allclose(one.activations, rendering.activations[2:], rtol=1e-3)


def test_the_negative_of_a_silent_unit_is_not_shown_as_good():
    model = open_small()
    kernel, bias = model.model.get_layer("conv").get_weights()
    bias[2] = -100.0
    model.model.get_layer("conv").set_weights([kernel, bias])
    assert positive_negative(model, "conv", 2, **FAST).status[1].startswith("did not activate")


def likeness(model, images, layer):
    flat = read(model, images, layer).reshape(len(images), -1, WIDTH)
    grams = np.einsum("npc,npd->ncd", flat, flat)
    grams = grams.reshape(len(images), -1) / np.linalg.norm(grams, axis=(1, 2))[:, None]
    cosines = grams @ grams.T
    return cosines[~np.eye(len(images), dtype=bool)].mean()


def test_facets_differ_more_than_independent_pictures(model):
    options = {"along": "conv", "steps": 40, "transforms": (), "retries": 0}
    apart, alike = (facets(model, "conv2", 1, 3, weight=weight, **options) for weight in (0.9, 0.0))
    assert len(apart) == 3
    assert likeness(model, apart.images, "conv") < 0.5 < 0.9 < likeness(model, alike.images, "conv")
    np.testing.assert_allclose(apart.activations, means(model, apart.images, "conv2")[:, 1], rtol=1e-3)
    assert (apart.activations > 2 * means(model, NOISE, "conv2")[0, 1]).all()


def test_facets_of_a_logit_differ_in_another_layer(model):
    rendering = facets(model, "output", 1, 2, along="conv", **FAST)
    np.testing.assert_allclose(rendering.activations, read(model, rendering.images, "output")[:, 1], rtol=1e-3)


@pytest.mark.parametrize("recipe", [lambda m: facets(m, "conv", 1, 1), lambda m: interpolate(m, "a:1", "b:2", count=1)])
def test_one_picture_is_too_few(model, recipe):
    with pytest.raises(ValueError, match="count must be 2 or more, got 1"):
        recipe(model)


ENDS = "conv2:1", "relu:4"


def test_the_ends_of_an_interpolation_are_its_units(model):
    rendering = interpolate(model, *ENDS, count=3, **FAST)
    first, last = means(model, rendering.images, "conv2")[:, 1], means(model, rendering.images, "relu")[:, 4]
    np.testing.assert_allclose(rendering.activations, [first[0], (first[1] + last[1]) / 2, last[2]], rtol=1e-4)
    assert first[0] == first.max()
    assert last[2] == last.max()
    assert rendering.names[0] == "1.00 (conv2:1) + 0.00 (relu:4)"


def test_an_end_is_drawn_as_the_unit_alone(model):
    row = interpolate(model, *ENDS, count=2, steps=6, **EXACT)
    alone = render(model, ENDS[0], steps=6, **EXACT)
    np.testing.assert_allclose(row.images[0], alone.images[0], atol=1e-4)
    assert np.abs(row.images[1] - alone.images[0]).max() > 0.01


def test_an_interpolation_is_aligned(model):
    options = {"steps": 40, "transforms": (), "retries": 0}
    shared = interpolate(model, *ENDS, count=3, **options).images
    loose = interpolate(model, *ENDS, count=3, param=Fourier(), **options).images
    step = [np.abs(np.diff(images, axis=0)).mean() / images.std() for images in (shared, loose)]
    assert step[0] < 0.5 * step[1]


def test_interaction_shows_units_alone_together_and_between(model):
    result = interaction(model, *ENDS, count=3, **FAST)
    assert result.alone.names == ("conv2:1", "conv2:1 + relu:4", "relu:4")
    a, b = means(model, result.alone.images, "conv2")[:, 1], means(model, result.alone.images, "relu")[:, 4]
    np.testing.assert_allclose(result.alone.activations, [a[0], a[1] + b[1], b[2]], rtol=1e-3)
    np.testing.assert_array_equal(result.between.images, interpolate(model, *ENDS, count=3, **FAST).images)


def test_interaction_stops_at_ctrl_c(model, monkeypatch):
    step, done = Program.step, []

    def interrupted(self, *args):
        done.append(1)
        if len(done) == 3:
            raise KeyboardInterrupt
        return step(self, *args)

    monkeypatch.setattr(Program, "step", interrupted)
    result = interaction(model, *ENDS, count=3, snapshots=(5,), **FAST)
    assert result.between.status == ("stopped after 2 of 12 steps",) * 3
    assert result.alone.status == ("stopped after 0 of 12 steps",) * 3
    assert np.isnan(result.alone.losses).all()
    assert np.isnan(result.alone.activations).all()
    assert result.alone.losses.shape == result.between.losses.shape
    assert len(done) == 3
    assert np.isfinite(result.alone.images).all()


def test_an_interpolation_goes_on_with_what_it_was_drawn_with(model):
    first = interpolate(model, *ENDS, count=3, param=Pixel(), **FAST)
    again = interpolate(model, *ENDS, count=3, init=first, **FAST)
    assert again.state.param == Pixel()
    assert again.state.step == 24


def test_recipes_take_pictures_with_alpha_where_pictures_have_it(model):
    clear = np.dstack([REAL, np.full(SIZE[:2], 0.5, np.float32)])
    options = {"param": Fourier(alpha=True), "steps": 1, "retries": 0}
    layers = {"content_layer": "conv2", "style_layers": "conv2"}
    for drawn in (
        caricature(model, clear, "conv2", **options),
        dream(model, clear, "conv2", **options),
        transfer_style(model, clear, clear, **layers, **options),
    ):
        assert drawn.images.shape == (1, *SIZE[:2], 4)
    with pytest.raises(ValueError, match="style has 4 channels, but the network takes 3"):
        transfer_style(model, REAL, clear, **layers)


def test_a_grid_shows_every_unit_alone_and_every_pair(model):
    units = ["conv2:1", "conv2:4", "relu:3"]
    grid = interaction_grid(model, units, **FAST)
    assert grid.images.shape[0] == 9
    assert grid.names[:3] == ("conv2:1", "conv2:1 + conv2:4", "conv2:1 + relu:3")
    assert (grid.names[4], grid.names[3], grid.names[8]) == ("conv2:4", grid.names[1], "relu:3")
    for i in range(3):
        for j in range(3):
            np.testing.assert_array_equal(grid.images[3 * i + j], grid.images[3 * j + i])
    conv2, relu = means(model, grid.images, "conv2"), means(model, grid.images, "relu")
    expected = [conv2[0, 1], conv2[1, 1] + conv2[1, 4], conv2[2, 1] + relu[2, 3], conv2[4, 4], relu[8, 3]]
    np.testing.assert_allclose(grid.activations[[0, 1, 2, 4, 8]], expected, rtol=1e-3)
    alone = render(model, "conv2:4", **FAST)
    np.testing.assert_allclose(grid.activations[4], alone.activations[0], rtol=0.05)
    with pytest.raises(ValueError, match="two or more, got 1"):
        interaction_grid(model, units[:1])
    with pytest.raises(TypeError, match="leave `count` out"):
        interaction_grid(model, units, count=2)
    with pytest.raises(ValueError, match="shares variables"):
        interaction_grid(model, units, param=Shared())


def test_a_grid_goes_on_where_it_stopped(model):
    rows = Directions("conv2", np.eye(8, dtype=np.float32)[:2], ("a", "b"), "channel")
    whole = interaction_grid(model, rows, **EXACT, steps=6)
    half = interaction_grid(model, rows, **EXACT, steps=3)
    np.testing.assert_allclose(
        interaction_grid(model, rows, **EXACT, steps=3, init=half).images, whole.images, atol=1e-4
    )


def test_a_caricature_climbs_towards_the_picture(model):
    rendering = caricature(model, REAL, ["conv", "conv2"], cossim_pow=2, **FAST)
    assert (rendering.losses[-1] < rendering.losses[0]).all()
    assert len(rendering) == 2
    for row, layer in enumerate(("conv", "conv2")):
        real, mine, noise = (read(model, x, layer).ravel() for x in (REAL[None], rendering.images[row][None], NOISE))
        assert cosine(real, mine) > cosine(real, noise) + 0.3
    assert len(caricature(model, REAL, "conv", **FAST)) == 1


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_a_dream_starts_from_the_picture_and_grows_what_is_there(model):
    still, moved = (dream(model, REAL, "conv2", **{**FAST, "steps": steps}) for steps in (0, 12))
    np.testing.assert_allclose(still.images[0], np.clip(REAL, 0.002, 0.998), atol=1e-3)
    squares = [(read(model, rendering.images, "conv2") ** 2).mean() for rendering in (still, moved)]
    assert squares[1] > 1.5 * squares[0]
    assert moved.activations[0] == pytest.approx(squares[1], rel=1e-3)


def test_pictures_are_fitted_to_the_network(model):
    large = networks.pictures(1, seed=1, size=(20, 12, 3))
    assert fit_picture(model, large).shape == SIZE
    assert fit_picture(model, large[0], size=(10, 6)).shape == (10, 6, 3)
    assert fit_picture(model, large[0], size=5).shape == (5, 5, 3)
    np.testing.assert_array_equal(fit_picture(model, REAL), REAL)
    assert dream(model, large[0], "conv2", **{**FAST, "steps": 0}, size=12).images.shape == (1, 12, 12, 3)


@pytest.mark.parametrize("recipe", [caricature, dream])
def test_wrong_pictures_are_refused(model, recipe):
    with pytest.raises(ValueError, match="image must be one picture"):
        recipe(model, networks.pictures(2, size=SIZE), "conv")
    with pytest.raises(ValueError, match=r"must lie in \[0,1\]"):
        recipe(model, 255 * REAL, "conv")


@pytest.mark.parametrize(
    "recipe",
    [
        lambda m, layer: positive_negative(m, layer, [0]),
        lambda m, layer: facets(m, layer, 0),
        lambda m, layer: facets(m, "conv", 0, along=layer),
        lambda m, layer: interpolate(m, f"{layer}:0", "conv:1"),
        lambda m, layer: interaction(m, "conv:0", f"{layer}:1"),
        lambda m, layer: caricature(m, REAL, ["conv", layer]),
        lambda m, layer: dream(m, REAL, layer),
    ],
)  # fmt: skip
def test_misspelt_layers_are_named_with_what_is_near(model, recipe):
    with pytest.raises(ValueError, match=r"no layer 'konv2'; did you mean .*'conv2'"):
        recipe(model, "konv2")


def test_wrong_channels_are_named(model):
    with pytest.raises(ValueError, match=r"channels 0\.\.7, got 8"):
        positive_negative(model, "conv2", [1, 8])


def test_the_second_call_traces_nothing(model):
    recipes = (
        lambda: interpolate(model, *ENDS, count=3, **FAST),
        lambda: facets(model, "relu", 2, 3, **FAST),
        lambda: caricature(model, REAL, "conv2", **FAST),
    )
    first = [recipe() for recipe in recipes]
    programs = model.folded.cached("render", dict)
    before = {key: program.traces() for key, program in programs.items()}
    second = [recipe() for recipe in recipes]
    assert {key: program.traces() for key, program in programs.items()} == before
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.images, b.images)
        assert (a.status, a.names) == (b.status, b.names)
