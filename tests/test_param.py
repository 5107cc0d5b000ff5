"""Parameterizations: sizes, statistics, exact inversion, sharing, and that all of them are pure functions."""

import numpy as np
import pytest
import tensorflow as tf

from tf_interp.features.close_to import CloseTo
from tf_interp.features.param import (
    COLOR,
    Cppn,
    Fourier,
    Maco,
    Param,
    Pixel,
    Pyramid,
    Shared,
    _ramp,
)
from tf_interp.features.spectrum import fourier_scale, inverse_fourier

ALL = [
    Pixel(),
    Fourier(),
    Fourier(alpha=True),
    Fourier(decay_power=0),
    Pyramid(),
    Shared(),
    Cppn(depth=2),
    Maco(),
    CloseTo(),
]
SHAPES = [(8, 8, 3), (7, 9, 3), (8, 9, 1), (9, 8, 5)]
SEEDS = [(0, 0), (0, 1), (0, 2)]


def raw(settings, shape, seeds):
    return settings._raw(settings.variables(shape, seeds), shape)


@pytest.mark.parametrize("settings", ALL, ids=repr)
@pytest.mark.parametrize("shape", SHAPES)
def test_pictures_have_the_size_and_range(settings: Param, shape):
    images = settings.image(settings.variables(shape, SEEDS), shape).numpy()
    assert images.shape == (3, *shape[:2], shape[2] + settings.alpha)
    assert images.dtype == np.float32
    assert 0 <= images.min() <= images.max() <= 1


@pytest.mark.parametrize("settings", ALL, ids=repr)
def test_the_seed_decides_and_nothing_else(settings: Param):
    first, again, other = (settings.variables((8, 8, 3), [seed]) for seed in ((4, 0), (4, 0), (5, 0)))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("settings", [s for s in ALL if not s.shared], ids=repr)
def test_a_picture_does_not_depend_on_its_neighbors(settings: Param):
    all_of_them = settings.image(settings.variables((8, 8, 3), SEEDS), (8, 8, 3))
    alone = settings.image(settings.variables((8, 8, 3), SEEDS[1:2]), (8, 8, 3))
    np.testing.assert_allclose(all_of_them[1], alone[0], atol=1e-6)


@pytest.mark.parametrize(
    "settings", [Pixel(), Fourier(), Fourier(alpha=True), Pyramid(), Shared(), CloseTo()], ids=repr
)
@pytest.mark.parametrize("shape", SHAPES)
def test_invert_undoes_image(settings: Param, shape):
    images = np.random.default_rng(0).uniform(0.01, 0.99, (2, *shape[:2], shape[2] + settings.alpha)).astype(np.float32)
    np.testing.assert_allclose(settings.image(settings.invert(images), shape), images, atol=1e-4)


def test_black_and_white_can_be_started_from():
    images = np.stack([np.zeros((4, 4, 3)), np.ones((4, 4, 3))]).astype(np.float32)
    np.testing.assert_allclose(Fourier().image(Fourier().invert(images), (4, 4, 3)), images, atol=0.003)


def test_maco_keeps_the_phases_of_a_picture():
    image = Maco().image(Maco().variables((32, 31, 3), [(0, 0)]), (32, 31, 3)).numpy()
    again = Maco().image(Maco().invert(image), (32, 31, 3)).numpy()
    np.testing.assert_allclose(again, image, atol=0.05)


@pytest.mark.parametrize("shape", [(16, 16), (31, 32), (64, 48)])
def test_maco_keeps_the_phases_of_a_symmetric_picture(shape):
    rows = np.arange(shape[0])[:, None] * np.ones((1, shape[1]))
    stripes = 0.5 - 0.4 * np.cos(2 * np.pi * rows / shape[0])  # its phases are pi, where the sign makes no difference
    images = np.repeat(stripes[None, ..., None], 3, -1).astype(np.float32)
    settings = Maco(decorrelate=False)
    again = settings.image([tf.constant(value) for value in settings.invert(images)], (*shape, 3)).numpy()
    assert np.corrcoef(again.ravel(), images.ravel())[0, 1] > 0.5


def test_maco_has_the_contrast_that_is_asked_for():
    assert np.std(raw(Maco(contrast=1.8), (64, 64, 3), SEEDS)) == pytest.approx(1.8, rel=0.15)


def test_a_cppn_cannot_start_from_a_picture():
    with pytest.raises(ValueError, match="Fourier or Pixel"):
        Cppn().invert(np.zeros((1, 4, 4, 3)))


@pytest.mark.parametrize(("side", "deviation"), [(64, 0.0173), (128, 0.0189), (224, 0.0198)])
def test_fourier_starts_as_faint_as_in_lucid(side, deviation):
    assert np.std(raw(Fourier(), (side, side, 3), SEEDS)) == pytest.approx(deviation, rel=0.06)


def test_no_decay_is_white_noise():
    noise = raw(Fourier(decay_power=0), (64, 64, 1), [(1, 0)]).numpy()
    power = np.abs(np.fft.rfft2(noise[0, ..., 0])) ** 2
    assert power[:, 1:8].mean() == pytest.approx(power[:, 24:32].mean(), rel=0.3)


@pytest.mark.parametrize("settings", [Fourier(), Fourier(alpha=True), Fourier(decorrelate=False)], ids=repr)
def test_mixing_colors_before_or_after_the_transform_is_the_same(settings):
    variables = settings.variables((8, 9, 3), SEEDS)
    after = settings._valid(settings._raw(variables, (8, 9, 3)), 3)
    np.testing.assert_allclose(settings.image(variables, (8, 9, 3)), after, atol=1e-6)


def test_sd_0_is_flat_grey():
    np.testing.assert_allclose(Fourier(sd=0).image(Fourier(sd=0).variables((8, 8, 3), SEEDS), (8, 8, 3)), 0.5)


def test_color_is_lightness_red_blue_and_green_magenta():
    np.testing.assert_allclose(
        COLOR, [[0.5628, 0.1948, 0.0433], [0.5845, 0, -0.1082], [0.5845, -0.1948, 0.0649]], atol=1e-4
    )
    lightness = np.zeros((1, 1, 1, 3), np.float32)
    lightness[..., 0] = 1
    np.testing.assert_allclose(
        Pixel()._valid(tf.constant(lightness), 3)[0, 0, 0], 1 / (1 + np.exp(-COLOR[:, 0])), rtol=1e-5
    )
    np.testing.assert_allclose(Pixel(decorrelate=False)._valid(tf.constant(lightness), 3)[0, 0, 0, 1], 0.5)


def test_alpha_is_not_mixed_into_color():
    raw_values = np.zeros((1, 1, 1, 4), np.float32)
    raw_values[..., 3] = 2
    valid = Pixel(alpha=True)._valid(tf.constant(raw_values), 3).numpy()[0, 0, 0]
    np.testing.assert_allclose(valid, [0.5, 0.5, 0.5, 1 / (1 + np.exp(-2))], rtol=1e-6)


@pytest.mark.parametrize("side", [(8, 8), (7, 9), (8, 9), (9, 8)])
def test_derivative_of_the_fourier_transform_is_tensorflows(side):
    random = np.random.default_rng(0)
    values = tf.constant(random.normal(size=(2, 3, side[0], side[1] // 2 + 1, 2)).astype(np.float32))
    push = random.normal(size=(2, 3, *side)).astype(np.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(values)
        ours = inverse_fourier(*side, 1.0)(values)
        scaled = values * fourier_scale(*side, 1.0)[..., None] / 4
        theirs = tf.signal.irfft2d(tf.complex(scaled[..., 0], scaled[..., 1]), fft_length=side)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(ours, values, push), tape.gradient(theirs, values, push), atol=1e-5)


def test_pyramid_is_the_sum_of_its_levels():
    settings = Pyramid(levels=2)
    variables = [np.zeros((1, 4, 4, 1), np.float32), np.ones((1, 2, 2, 1), np.float32)]
    np.testing.assert_allclose(settings._raw(variables, (4, 4, 1)), 1.0)
    assert [v.shape[1:3] for v in Pyramid().variables((8, 12, 1), SEEDS)] == [(8, 12), (4, 6), (2, 3), (1, 1)]


def test_pyramid_resizes_with_half_pixel_centers():
    low = np.array([0, 1], np.float32).reshape(1, 1, 2, 1)
    row = Pyramid(levels=2)._raw([np.zeros((1, 2, 6, 1), np.float32), low], (2, 6, 1))[0, 0, :, 0]
    np.testing.assert_allclose(row, [0, 0, 1 / 3, 2 / 3, 1, 1], atol=1e-6)


def test_shared_parts_ramp_from_the_first_picture_to_the_last():
    np.testing.assert_allclose(_ramp(6, 2)[:, 1], [0, 0.2, 0.4, 0.6, 0.8, 1], atol=1e-6)
    np.testing.assert_allclose(_ramp(3, 1), [[1], [1], [1]])
    settings = Shared(parts=((1, 2),), sd=0)
    variables = settings.variables((4, 4, 1), SEEDS)
    variables[1] = variables[1] + np.float32(1)
    np.testing.assert_allclose(settings._raw(variables, (4, 4, 1)), 1.0, atol=1e-6)


def test_cppn_starts_grey_has_lucids_number_of_weights_and_any_size():
    variables = Cppn().variables((224, 224, 3), [(0, 0)])
    assert sum(v.size for v in variables) == 8451
    np.testing.assert_allclose(Cppn().image(variables, (16, 24, 3)), np.full((1, 16, 24, 3), 0.5))
    variables[-2] = np.random.default_rng(0).normal(size=variables[-2].shape).astype(np.float32)
    small, large = Cppn().image(variables, (5, 5, 3)), Cppn().image(variables, (9, 9, 3))
    np.testing.assert_allclose(large[0, ::2, ::2], small[0], atol=1e-4)


@pytest.mark.parametrize("shape", [(16, 16, 1), (15, 16, 1), (16, 15, 1), (7, 5, 1), (4, 2, 1), (6, 1, 1)])
def test_maco_moves_phases_only(shape):
    one, two = (raw(Maco(), shape, [seed]).numpy()[0, ..., 0] for seed in SEEDS[:2])
    np.testing.assert_allclose(np.abs(np.fft.rfft2(one)), np.abs(np.fft.rfft2(two)), rtol=1e-3, atol=1e-4)
    assert not np.allclose(one, two, atol=0.1)


@pytest.mark.parametrize("settings", [s for s in ALL if not isinstance(s, CloseTo)], ids=repr)
def test_every_variable_moves_the_picture(settings: Param):
    variables = [tf.constant(v) for v in settings.variables((8, 8, 3), SEEDS)]
    if isinstance(settings, Cppn):  # its last layer starts at 0, which hides the ones before
        variables[-2] += 0.1
    with tf.GradientTape() as tape:
        tape.watch(variables)
        loss = tf.reduce_sum(settings.image(variables, (8, 8, 3)) ** 2)
    for gradient in tape.gradient(loss, variables):
        assert np.abs(gradient).max() > 0
