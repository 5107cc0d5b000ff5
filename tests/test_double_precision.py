"""A network that computes in float64 is given float64: float32 would move times by minutes, without a word."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_interp as ti

DOUBLE = "float64"
TIMES = 1.7e9 + np.random.default_rng(0).uniform(0, 3600, (8, 6))  # seconds: neighbors in float32 lie 128 apart


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    times = keras.Input((6,), dtype=DOUBLE, name="times")
    hours = keras.layers.Rescaling(1 / 3600, offset=-1.7e9 / 3600, dtype=DOUBLE)(times)
    found = keras.layers.Dense(8, "tanh", dtype=DOUBLE, name="found")(hours)
    return keras.Model(times, keras.layers.Dense(3, dtype=DOUBLE, name="scores")(found))


@pytest.fixture(scope="module")
def expected(network: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    found, scores = keras.Model(network.input, [network.get_layer("found").output, network.output])(TIMES)
    return np.asarray(found), np.asarray(scores)


@pytest.mark.parametrize("form", ["live", "file", "exported", "two inputs"])
def test_what_float32_cannot_hold_reaches_the_network(network, expected, tmp_path, form):
    given, opened = TIMES, network
    if form == "file":
        network.save(opened := tmp_path / "network.keras")
    elif form == "exported":
        network.export(opened := tmp_path / "network", verbose=False)
    elif form == "two inputs":
        more = keras.Input((2,), name="more")
        opened = keras.Model({"times": network.input, "more": more}, [network.output, keras.layers.Dense(2)(more)])
        given = {"times": TIMES, "more": np.zeros((8, 2))}
    model = ti.open_model(opened, output="scores" if form == "two inputs" else None)
    got = model.run(given, ["found", "output"])
    np.testing.assert_array_equal(got["found"], expected[0])
    np.testing.assert_allclose(got["output"], expected[1], rtol=1e-6, atol=1e-7)
    for images in (given, ti.Probe.from_arrays(given)):
        read = ti.read_activations(model, images, ["found"])["found"]
        np.testing.assert_allclose(read, expected[0], rtol=1e-6, atol=1e-7)


def test_attribution_to_such_an_input_is_refused_and_to_a_layer_is_right(network, expected):
    model = ti.open_model(network)
    with pytest.raises(ValueError, match=r"up to 1\.7e\+09 .* in float32, which would move them by up to 6.: name a"):
        ti.attribute(model, TIMES, 0)
    weights = network.get_layer("scores").kernel.numpy()[:, 0]
    found = ti.attribute(model, TIMES, 0, layer="found", method="gradient_x_input")
    np.testing.assert_allclose(found.values.reshape(8, 8), expected[0] * weights, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.scores, expected[1][:, 0], rtol=1e-5)


def test_small_numbers_stay_float32_for_all_and_a_single_network_is_what_keras_makes_of_them(network):
    assert ti.Probe.from_arrays({"times": TIMES - 1.7e9}).images.dtype == np.float32
    assert ti.Probe.from_arrays({"times": TIMES}).images.dtype == np.float64
    single = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, name="scores")])
    got = ti.open_model(single).run(TIMES, ["output"])["output"]
    np.testing.assert_array_equal(got, single(tf.constant(TIMES, tf.float32)))
