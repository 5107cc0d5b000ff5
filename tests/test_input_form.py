"""What is drawn for inputs that are no RGB picture: series, several inputs, numbers outside [0,1]."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_interp import Fourier, channel, open_model, render
from tf_interp.models.layout import find_kinds, main_input

L = keras.layers
LEADS, LEAD, LENGTH = 12, 4, 48
WAVE = np.sin(np.arange(8) * np.pi / 4)


def one_lead():
    """A network whose one unit looks for a wave on one of twelve leads, and a test of how much of a series is on it."""
    series = keras.Input((LENGTH, LEADS), name="series")
    find = L.Conv1D(1, 8, name="find", use_bias=False)
    network = keras.Model(series, L.GlobalAveragePooling1D()(L.ReLU(name="relu")(find(series))))
    kernel = np.zeros((8, LEADS, 1))
    kernel[:, LEAD, 0] = WAVE
    find.set_weights([kernel])
    return network


def share(series, lead):
    energy = np.square(series - np.median(series, 0)).sum(0)
    return energy[lead] / energy.sum()


def test_a_pattern_of_one_lead_stays_on_its_lead():
    rendering = render(open_model(one_lead()), channel("relu", 0), steps=48)
    assert rendering.images.shape == (1, LENGTH, LEADS)
    assert rendering.status == ("ok",)
    assert share(rendering.images[0], LEAD) > 0.95
    found = np.correlate(rendering.images[0, :, LEAD] - 0.5, WAVE)  # it is the wave, not only its place
    assert found.max() > 0.8 * 0.5 * np.abs(WAVE).sum()


def test_a_series_of_free_length_has_the_length_that_is_asked_for():
    series = keras.Input((None, 3))
    hidden = L.GRU(4, return_sequences=True, name="hidden")(series)
    model = open_model(keras.Model(series, L.Dense(2)(L.GRU(3)(hidden))))
    assert list(find_kinds(model).values()) == ["series"]
    first = render(model, "hidden:1", size=20, steps=2)
    assert first.images.shape == (1, 20, 3)
    assert render(model, "hidden:1", init=first, steps=1).images.shape == (1, 20, 3)
    again = render(model, "hidden:1", init=np.full((1, 20, 3), 0.25), steps=0)
    np.testing.assert_allclose(again.images, 0.25, atol=1e-5)


def test_limits_are_what_the_numbers_lie_between():
    rendering = render(open_model(one_lead()), channel("relu", 0), steps=16, limits=(-3, 5))
    assert rendering.images.min() < -1
    assert rendering.images.max() > 2
    start = np.linspace(-2, 4, LENGTH * LEADS).reshape(1, LENGTH, LEADS)
    same = render(open_model(one_lead()), channel("relu", 0), steps=0, init=start, limits=(-3, 5))
    np.testing.assert_allclose(same.images, start, atol=1e-4)
    expected = one_lead()(start).numpy()[0, 0]
    assert same.activations[0] == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="limits must be"):
        render(open_model(one_lead()), channel("relu", 0), limits=(1, 0))
    with pytest.raises(TypeError, match="limits must be"):
        render(open_model(one_lead()), channel("relu", 0), limits=3)


def two_inputs(kind="float32"):
    image, meta = keras.Input((8, 8, 3), name="image"), keras.Input((4,), name="meta", dtype=kind)
    conv = L.Conv2D(5, 3, activation="relu", name="conv")(image)
    side = L.Dense(5, name="side")(L.Rescaling(1.0)(meta))
    joined = L.Add(name="joined")([L.GlobalAveragePooling2D()(conv), side])
    return keras.Model([meta, image], L.Dense(3, name="logits")(joined))


def test_of_several_inputs_the_named_one_is_drawn_and_the_others_are_fixed():
    keras.utils.set_random_seed(1)
    network = two_inputs()
    model, meta = open_model(network), np.array([1, -2, 0.5, 3])
    assert (main_input(model), find_kinds(model)) == ("image", {"meta": "vectors", "image": "pictures"})
    rendering = render(model, channel("joined", 2), steps=4, fixed={"meta": meta})
    joined = keras.Model(network.inputs, network.get_layer("joined").output)
    expected = joined([meta[None].astype("float32"), rendering.images]).numpy()
    assert rendering.activations[0] == pytest.approx(expected[0, 2], rel=1e-4)
    assert not rendering.notes
    zero = render(model, channel("joined", 2), steps=4, input="image")
    assert zero.notes == ("'image' is drawn, while 'meta' got 0: give fixed=...",)
    expected = joined([np.zeros((1, 4), "float32"), zero.images]).numpy()
    assert zero.activations[0] == pytest.approx(expected[0, 2], rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input": "picture"}, "has the inputs .*'picture'"),
        ({"input": "meta"}, "input 'meta' of .* takes vectors"),
        ({"fixed": {"image": 0}}, "has the inputs .*'image'"),
        ({"fixed": {"meta": np.zeros((1, 4))}}, "give one row, without the axis of images"),
    ],
)
def test_what_cannot_be_drawn_or_fixed_is_told(options, message):
    with pytest.raises(ValueError, match=message):
        render(open_model(two_inputs()), channel("joined", 0), **options)


def test_fixed_numbers_keep_their_type():
    model = open_model(two_inputs("int32"))
    assert len(render(model, channel("joined", 0), steps=1, fixed={"meta": [1, 2, 3, 4]})) == 1
    with pytest.raises(TypeError, match=r"fixed\['meta'\] is float64, but the input takes int32"):
        render(model, channel("joined", 0), fixed={"meta": [0.5, 0, 0, 0]})


@pytest.mark.parametrize(
    ("shape", "layers", "kind"),
    [
        ((8, 8), [L.Reshape((8, 8, 1)), L.Conv2D(2, 3), L.Flatten()], "pictures"),
        ((8, 8), [L.Flatten(), L.Dense(4)], "pictures"),
        ((8, 8), [L.Rescaling(2.0), L.Conv1D(2, 3), L.Flatten()], "series"),
        ((8, 8), [L.LSTM(4)], "series"),
        ((30, 4), [L.Flatten(), L.Dense(4)], "series"),
        ((30, 4), [L.Conv1D(4, 3, padding="same"), L.Flatten()], "series"),
        ((6, 6, 6, 1), [L.Conv3D(2, 3), L.Flatten()], "volumes"),
        ((6,), [L.Dense(3)], "vectors"),
        ((6,), [L.Embedding(9, 3), L.Flatten()], "tokens"),
    ],
)
def test_what_an_input_takes_is_seen(shape, layers, kind):
    model = open_model(keras.Sequential([keras.Input(shape), *layers, L.Dense(2, name="logits")]))
    assert list(find_kinds(model).values()) == [kind]


def test_a_volume_is_not_drawn():
    network = keras.Sequential([keras.Input((6, 6, 6, 1)), L.Conv3D(2, 3, name="conv"), L.Flatten(), L.Dense(2)])
    with pytest.raises(ValueError, match=r"render draws pictures .* takes volumes of shape"):
        render(open_model(network), "conv:0")


def test_series_are_seen_in_a_saved_model(tmp_path):
    one_lead().export(tmp_path / "saved", verbose=False)
    model = open_model(tmp_path / "saved")
    assert list(find_kinds(model).values()) == ["series"]
    assert tf.TensorShape(model.input_shape).as_list() == [LENGTH, LEADS]


def test_a_unit_of_the_twin_that_is_not_drawn_says_which_input_is():
    picture = keras.Input((8, 8, 3))
    twin = keras.Model(picture, L.GlobalAveragePooling2D()(L.Conv2D(2, 3, name="conv")(picture)), name="twin")
    first, second = keras.Input((8, 8, 3), name="first"), keras.Input((8, 8, 3), name="second")
    model = open_model(keras.Model([first, second], L.Subtract()([twin(first), twin(second)])))
    unit = channel("twin/conv@1", 0)
    with pytest.raises(ValueError, match=r"not depend on input 'first', which is drawn .*one of \['second'\]"):
        render(model, unit, steps=1)
    assert render(model, unit, steps=1, input="second").images.shape == (1, 8, 8, 3)


def test_limits_are_refused_where_pictures_have_opacity():
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv")])
    with pytest.raises(ValueError, match="limits are for pictures without opacity"):
        render(open_model(network), "conv:0", steps=1, limits=(-1, 1), param=Fourier(alpha=True))


def _words(kind, names):
    """Numbers of words, beside a mask and the numbers of two segments, in the order of their names."""
    words, mask, parts = (
        keras.Input((6,), dtype=dtype, name=name)
        for name, dtype in zip(names, ("int32" if kind != "float32" else kind, kind, "int32"), strict=True)
    )
    y = L.Embedding(30, 4, name="tokens")(words) + L.Embedding(2, 4, name="segments")(parts)
    y = L.MultiHeadAttention(1, 4, name="attention")(
        y, y, attention_mask=keras.ops.expand_dims(keras.ops.cast(mask, "bool"), 1)
    )
    model = keras.Model({item.name: item for item in (words, mask, parts)}, L.Dense(2, name="head")(y[:, 0]))
    return model


@pytest.mark.parametrize("door", ["live", "saved"])
@pytest.mark.parametrize("kind", ["int32", "bool", "float32"])
@pytest.mark.parametrize("names", [("words", "mask", "parts"), ("b", "c", "a"), ("z", "a", "b")])
def test_words_are_the_main_input_and_not_their_mask(names, kind, door, tmp_path):
    network = _words(kind, names)
    if door == "saved":
        network.export(tmp_path, verbose=False)
    model = open_model(network if door == "live" else tmp_path)
    assert main_input(model) == names[0]


def test_a_column_of_kinds_is_not_the_main_input_of_a_table():
    numbers, city = keras.Input((5,), name="numbers"), keras.Input((1,), dtype="int32", name="city")
    joined = L.Concatenate()([numbers, L.Flatten()(L.Embedding(12, 3)(city))])
    assert main_input(open_model(keras.Model([city, numbers], L.Dense(2)(joined)))) == "numbers"
