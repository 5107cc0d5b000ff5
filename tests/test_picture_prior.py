"""`PicturePrior`: a known spectrum, colors, range and background are found, and hold of what is drawn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_interp as ti
from tf_interp.features import Fourier, PicturePrior
from tf_interp.features.picture_prior import _magnitudes

SEEDS = [(0, 0), (0, 1)]


def make_pictures(magnitude, count: int = 200, mean: float = 0.0, seed: int = 0) -> np.ndarray:
    """Return grey pictures whose logits have a given full spectrum on average."""
    random = np.random.default_rng(seed)
    noise = np.fft.fft2(random.normal(0, 1, (count, *magnitude.shape))) / np.sqrt(magnitude.size)  # mean power 1
    raw = np.fft.ifft2(noise * magnitude).real + mean
    return (1 / (1 + np.exp(-raw)))[..., None].astype(np.float32)


def waves(side: int, steep: float) -> np.ndarray:
    frequency = np.hypot(np.fft.fftfreq(side)[:, None] * 3, np.fft.fftfreq(side)[None])
    return 0.5 * side / (1 + frequency * side) ** steep


@pytest.mark.parametrize("steep", [0.0, 1.0, 2.0])
def test_a_known_spectrum_is_found(steep):
    true = waves(16, steep)
    settings = PicturePrior.learn(make_pictures(true))
    pictures = make_pictures(true)
    stretch = 1 / (pictures.max() - pictures.min())  # the range is stretched to all of 0..1, and logits with it
    found = _magnitudes(settings.learned, 16, 16)[0]
    ratio = (found / true[:, :9])[np.hypot(*np.indices((16, 9))) > 1]
    assert np.std(np.log(ratio)) < 0.35  # smoothed over neighbors
    assert 0.8 < np.median(ratio) / max(stretch, 1) < 1.6
    if steep:
        assert found[0, 6] > 1.3 * found[6, 0]  # stripes of one direction three times as fast: not by distance alone


def test_values_stay_in_the_range_of_the_pictures_and_start_at_their_mean():
    pictures = 0.2 + 0.3 * make_pictures(waves(12, 1.0), mean=-1.0)
    settings = PicturePrior.learn(pictures)
    variables = [np.random.default_rng(0).normal(0, 30, (2, 1, 12, 7, 2)).astype(np.float32)]
    images = settings.image(variables, (12, 12, 1)).numpy()
    assert pictures.min() - 1e-6 <= images.min() < images.max() <= pictures.max() + 1e-6
    still = settings.image([np.zeros((1, 1, 12, 7, 2), np.float32)], (12, 12, 1)).numpy()
    assert np.ptp(still) < 1e-6
    assert still.mean() == pytest.approx(np.median(pictures), abs=0.03)


def test_black_edges_lie_around_what_is_drawn():
    pictures = np.zeros((20, 16, 16, 1), np.float32)
    pictures[:, 4:12, 4:12] = np.random.default_rng(0).uniform(0.5, 1, (20, 8, 8, 1))
    assert PicturePrior.learn(pictures).fill.tolist() == [0.0]
    assert Fourier().fill is None


def test_own_colors_are_decorrelated():
    random = np.random.default_rng(0)
    raw = random.normal(0, 1, (40, 16, 16, 1)) * [1.0, -1.0, 0.5] + 0.05 * random.normal(0, 1, (40, 16, 16, 3))
    pictures = 1 / (1 + np.exp(-raw))
    settings = PicturePrior.learn(pictures)
    image = settings.image([v * 50 for v in settings.variables((16, 16, 3), SEEDS)], (16, 16, 3)).numpy()
    drawn = np.corrcoef(image.reshape(-1, 3).T)
    np.testing.assert_allclose(drawn, np.corrcoef(pictures.reshape(-1, 3).T), atol=0.1)
    plain = PicturePrior.learn(pictures, decorrelate=False)
    free = plain.image([v * 50 for v in plain.variables((16, 16, 3), SEEDS)], (16, 16, 3)).numpy()
    assert abs(np.corrcoef(free.reshape(-1, 3).T)[0, 1]) < 0.3


@pytest.mark.parametrize("shape", [(12, 12, 1), (11, 13, 3), (12, 9, 5)])
def test_what_was_drawn_can_be_started_from(shape):
    pictures = np.random.default_rng(1).uniform(0, 1, (30, *shape)).astype(np.float32)
    settings = PicturePrior.learn(pictures)
    image = settings.image([v * 40 for v in settings.variables(shape, SEEDS)], shape).numpy()
    inside = np.abs(image - 0.5) < 0.47
    again = settings.image(settings.invert(image), shape).numpy()
    np.testing.assert_allclose(again[inside], image[inside], atol=0.05)


def test_no_frequency_gets_above_its_bound():
    pictures = make_pictures(waves(16, 1.0))
    settings = PicturePrior.learn(pictures, bound=1.5)
    variables = [np.random.default_rng(0).normal(0, 1e3, (3, 1, 16, 9, 2)).astype(np.float32)]
    image = settings.image(variables, (16, 16, 1)).numpy()[..., 0]
    low, high = settings.learned.low, settings.learned.high
    unit = (image - low) / (high - low)
    raw = np.log(unit / (1 - unit)) - settings.learned.center[0]
    assert (np.abs(np.fft.rfft2(raw)) <= 1.5 * _magnitudes(settings.learned, 16, 16)[0] * 1.01 + 0.01).all()


def test_a_linear_unit_draws_its_weights_phases_as_strong_as_the_bound_lets_them():
    """Known answer: of pictures whose magnitudes are bounded, that of the weights' phases at the bound is best."""
    side = 12
    weights = np.random.default_rng(3).normal(0, 1, (side, side)).astype(np.float32)
    network = keras.Sequential([keras.Input((side, side, 1)), keras.layers.Flatten(), keras.layers.Dense(1, name="d")])
    network.set_weights([weights.reshape(-1, 1), np.zeros(1, np.float32)])
    pictures = make_pictures(0.02 * waves(side, 1.0))  # so faint that the sigmoid is nearly straight
    pictures[0, 0, 0], pictures[1, 0, 0] = 0.0, 1.0  # all of the range
    settings = PicturePrior.learn(pictures, bound=1.0)
    drawn = ti.render(ti.open_model(network), "d:0", param=settings, transforms=(), steps=400)
    spectrum = np.fft.rfft2(drawn.images[0, ..., 0] - drawn.images[0].mean())
    own = np.fft.rfft2(weights)
    inner = (slice(1, None), slice(1, side // 2))  # away from frequencies that the half spectrum holds twice
    assert np.median(np.cos(np.angle(spectrum[inner]) - np.angle(own[inner]))) > 0.97
    found = _magnitudes(settings.learned, side, side)[0][inner]
    size = np.abs(spectrum[inner]) * 4  # a quarter is the slope of the sigmoid
    assert 0.8 < np.median(size / found) < 1.02
    assert np.quantile(size / found, 0.05) > 0.6


def test_another_size_has_the_same_contrast():
    settings = PicturePrior.learn(make_pictures(waves(16, 1.0)))
    wide = settings.image([v * 100 for v in settings.variables((31, 24, 1), SEEDS)], (31, 24, 1)).numpy()
    same = settings.image([v * 100 for v in settings.variables((16, 16, 1), SEEDS)], (16, 16, 1)).numpy()
    assert wide.shape == (2, 31, 24, 1)
    assert wide.std() == pytest.approx(same.std(), rel=0.35)


def test_a_probe_stands_for_what_is_learned_from_it():
    network = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Conv2D(4, 3, name="c")])
    model, probe = ti.open_model(network), ti.Probe.from_arrays(make_pictures(waves(16, 1.0), 20))
    drawn = ti.render(model, "c:0", param=probe, steps=4)
    again = ti.render(model, "c:0", param=PicturePrior.learn(probe.images), steps=4)
    np.testing.assert_array_equal(drawn.images, again.images)
    assert drawn.state.param == again.state.param
    further = ti.render(model, "c:0", init=drawn, steps=2)
    assert further.state.param == drawn.state.param


def test_equal_pictures_share_one_program():
    network = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Conv2D(4, 3, name="c")])
    model, pictures = ti.open_model(network), make_pictures(waves(16, 1.0), 20)
    built = []
    cached = model.folded.cached

    def count(key, build, **options):
        return cached(key, lambda: built.append(key[0]) or build(), **options)

    model.folded.cached = count
    for unit in range(3):
        ti.render(model, f"c:{unit}", param=PicturePrior.learn(pictures.copy()), steps=1)
    assert built.count("render") == 1


def test_gradients_are_those_of_the_function():
    settings = PicturePrior.learn(make_pictures(waves(8, 1.0)))
    start = tf.constant(np.random.default_rng(0).normal(0, 1, (1, 1, 8, 5, 2)), tf.float32)
    aim = np.random.default_rng(1).normal(0, 1, (1, 8, 8, 1)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(start)
        value = tf.reduce_sum(aim * settings.image([start], (8, 8, 1)))
    gradient = tape.gradient(value, start).numpy()
    step = np.random.default_rng(2).normal(0, 1, start.shape).astype(np.float32)
    step /= np.linalg.norm(step)
    ends = [float(tf.reduce_sum(aim * settings.image([start + sign * 0.05 * step], (8, 8, 1)))) for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 0.1 == pytest.approx(float((gradient * step).sum()), rel=0.02, abs=1e-3)


def test_mistakes_are_told():
    with pytest.raises(ValueError, match="one color"):
        PicturePrior.learn(np.full((3, 8, 8, 1), 0.5))
    with pytest.raises(ValueError, match="learn"):
        PicturePrior()
    pictures = make_pictures(waves(8, 1.0), 4)
    with pytest.raises(ValueError, match="above 0"):
        PicturePrior.learn(pictures, bound=0)
    settings = PicturePrior.learn(pictures)
    with pytest.raises(ValueError, match="1 channels, but 3"):
        settings.variables((8, 8, 3), SEEDS)
    with pytest.raises(ValueError, match="opacity"):
        PicturePrior(alpha=True, learned=settings.learned)
    assert len(repr(settings)) < 100


def watch(images, **options):
    network = keras.Sequential([keras.Input(images.shape[1:]), keras.layers.Conv2D(4, 3, name="conv"),
                                keras.layers.Flatten(), keras.layers.Dense(2, name="d")])  # fmt: skip
    parts = [
        ti.Features(2, steps=8, **options),
        ti.NeuronGroups(2, steps=8, switches=0, **options),
        ti.SemanticDictionary(2, icons="draw", grid=None, steps=8, **options),
    ]
    return list(ti.Analysis(ti.open_model(network), ti.Probe.from_arrays(images), ["conv"], parts).run(0))


def test_parts_draw_like_the_probe_and_say_so():
    pictures = 0.2 + 0.3 * make_pictures(waves(12, 1.0), 20)
    like_probe, like_photographs = (watch(pictures, param=param) for param in ("probe", "photographs"))
    assert [record.data["settings"]["param"] for record in like_probe] == ["probe"] * 3
    assert [record.data["settings"]["param"] for record in like_photographs] == ["photographs"] * 3
    lowest, highest = 255 * pictures.min() - 1, 255 * pictures.max() + 1
    assert [record.data["settings"]["param"] for record in watch(pictures)] == ["probe"] * 3, "grey: learned unasked"
    colored = watch(np.repeat(pictures, 3, -1))
    assert [record.data["settings"]["param"] for record in colored] == ["photographs"] * 3
    for record, inside in ((like_probe[0], True), (like_photographs[0], False)):
        sheet = record.images[record.data["pictures"]["image"]]
        drawn = sheet[: 12 * (sheet.shape[0] // 12), :24]  # two pictures side by side
        assert bool(lowest <= drawn.min() and drawn.max() <= highest) is inside


def test_a_probe_of_one_color_teaches_nothing_and_that_is_said():
    records = watch(np.full((4, 12, 12, 1), 0.5, np.float32), param="probe")
    assert records[0].data["settings"]["param"] == "photographs"
    unasked = watch(np.full((4, 12, 12, 1), 0.5, np.float32))[0]
    assert unasked.data["settings"]["param"] == "photographs"
    assert not any("one color" in note for note in unasked.data["notes"]), "nothing was promised"
    assert any("one color" in note for note in records[0].data["notes"])
    with pytest.raises(ValueError, match="photographs"):
        ti.Features(param="paintings")
