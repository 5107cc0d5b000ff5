"""Numbers that an input cannot hold: they are what Keras makes of them, and that is said; or they are refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_interp as ti

L = keras.layers
NEAR = np.array([[20000001], [20000003], [20000005], [20000010]])


def less(kind="float32", offset=2e7):
    """A network that takes an offset off what it is given."""
    x = keras.Input((1,), dtype=kind, name="times")
    return keras.Model(x, L.Rescaling(1.0, -offset, dtype=kind, name="less")(x))


def warned(model):
    return [line for line in model.warnings if "off, where the numbers beside it spread" in line]


@pytest.mark.parametrize("form", ["whole", "floats", "list", "tensor", "named", "exported", "subclassed", "two inputs"])
def test_what_an_input_rounds_is_what_keras_makes_of_it_and_is_told_once(form, tmp_path):
    network, given = less(), NEAR
    expected, output = network.predict(NEAR, verbose=0), "output"
    assert expected.ravel().tolist() == [0, 4, 4, 10]
    if form == "floats":
        given = NEAR.astype(np.float64)
    elif form == "list":
        given = NEAR.tolist()
    elif form == "tensor":
        given = tf.constant(NEAR)
    elif form == "named":
        given = {"times": NEAR}
    elif form == "exported":
        network.export(tmp_path / "network", verbose=False)
        network = tmp_path / "network"
    elif form == "subclassed":
        network = keras.Sequential([L.Rescaling(1.0, -2e7)])
        network.build((None, 1))
    elif form == "two inputs":
        more = keras.Input((2,), name="more")
        network = keras.Model({"times": network.input, "more": more}, [network.output, L.Dense(2)(more)])
        given = {"more": np.zeros((4, 2)), "times": NEAR}
    model = ti.open_model(network)
    for _ in range(2):
        np.testing.assert_array_equal(model.run(given, [output])[output], expected)
    (told,) = warned(model)
    assert ("input 'times' lose" if form == "two inputs" else "the network lose") in told
    assert "20000001 becomes 20000000, 1 off" in told or "20000003 becomes 20000004, 1 off" in told
    assert "Take an offset off the numbers before" in told
    assert model.notes.count(told) == 1


@pytest.mark.parametrize("door", ["read_activations", "probe", "attribute", "analyze"])
def test_all_doors_tell_it(door):
    inner = keras.Sequential([keras.Input((2,)), L.Dense(4, "tanh", name="hidden"), L.Dense(3, name="scores")])
    model = ti.open_model(inner)
    data = 1.7e9 + np.random.default_rng(0).uniform(0, 900, (6, 2))
    if door == "read_activations":
        ti.read_activations(model, data, ["hidden"])
    elif door == "probe":
        ti.read_activations(model, ti.Probe.from_arrays({"times": data}), ["hidden"])
    elif door == "attribute":
        ti.attribute(model, data, 0, layer="hidden", method="gradient_x_input")
    else:
        parts = [ti.NeuronGroups(2)]
        records = list(ti.analyze(model, ti.Probe.from_arrays({"times": data}), ["hidden"], parts))
        assert all("off, where the numbers beside it" in " ".join(record.data["warnings"]) for record in records)
    assert len(warned(model)) == 1


def test_dates_in_days_stay_as_they_are_in_a_probe_and_are_told_where_a_network_rounds_them():
    days = 2460000.5 + np.random.default_rng(0).uniform(0, 1, (8, 1))
    probe = ti.Probe.from_arrays({"days": days})
    assert probe.images.dtype == np.float64
    double = ti.open_model(less("float64", 2460000.0))
    got = ti.read_activations(double, probe, ["less"])["less"]
    np.testing.assert_allclose(got, days - 2460000, rtol=1e-6)
    assert not warned(double)
    single = ti.open_model(less("float32", 2460000.0))
    ti.read_activations(single, probe, ["less"])
    assert len(warned(single)) == 1


def test_what_preprocess_takes_off_before_is_not_lost():
    model = ti.open_model(less(offset=0.0), preprocess=lambda x: x - 20000000)
    got = model.run(NEAR, ["output"])["output"]
    np.testing.assert_array_equal(got, NEAR - 20000000)  # whole numbers stay so until preprocess had them
    assert not warned(model)
    model.run(NEAR.astype(np.float64), ["output"])
    assert len(warned(model)) == 1


def test_what_preprocess_leaves_large_is_told():
    model = ti.open_model(less(), preprocess=lambda x: x + 0)
    np.testing.assert_array_equal(model.run(NEAR, ["output"])["output"].numpy().ravel(), [0, 4, 4, 10])
    assert len(warned(model)) == 1


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_has_limits_of_its_own(kind):
    model = ti.open_model(less(kind, 4000.0))
    given = 4001 + np.arange(9)[:, None]
    expected = tf.cast(less(kind, 4000.0)(tf.cast(given, kind)), tf.float32)
    np.testing.assert_array_equal(model.run(given, ["output"])["output"], expected)
    assert len(warned(model)) == 1
    small = ti.open_model(less(kind, 0.0))
    small.run(np.random.default_rng(0).random((9, 1)), ["output"])
    assert not warned(small)


def test_too_large_numbers_are_told():
    model = ti.open_model(less("float16", 0.0))
    model.run(np.array([[70000.0], [1.0]]), ["output"])
    (told,) = [line for line in model.warnings if "too large" in line]
    assert "70000 becomes inf" in told


def test_ordinary_pictures_and_tokens_are_not_told():
    pictures = ti.open_model(keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(2, 3, name="conv")]))
    pictures.run(np.random.default_rng(0).random((4, 8, 8, 3)), ["conv"])
    tokens = ti.open_model(keras.Sequential([keras.Input((5,), dtype="int32"), L.Embedding(9, 4, name="embed")]))
    tokens.run(np.random.default_rng(0).integers(0, 9, (4, 5)), ["embed"])
    assert not pictures.warnings
    assert not tokens.warnings


@pytest.fixture(scope="module")
def whole():
    x = keras.Input((2,), dtype="int32", name="ids")
    return ti.open_model(keras.Model(x, keras.ops.cast(x, "float32") + 0.0))


@pytest.mark.parametrize("value", [2**31, 2**32 + 5, -(2**31) - 1])
def test_whole_numbers_that_an_input_does_not_reach_are_refused(whole, value):
    with pytest.raises(ValueError, match=rf"takes int32, -2147483648 to 2147483647, and was given {value}, which"):
        whole.run(np.array([[1, value]]), ["output"])


@pytest.mark.parametrize("kind", [np.int64, np.uint32, np.int32, np.int8])
def test_whole_numbers_that_it_reaches_are_taken(whole, kind):
    given = np.array([[1, 100]]).astype(kind)
    np.testing.assert_array_equal(whole.run(given, ["output"])["output"], given)


def test_negative_numbers_are_no_large_ones():
    x = keras.Input((1,), dtype="uint8")
    model = ti.open_model(keras.Model(x, keras.ops.cast(x, "float32")))
    with pytest.raises(ValueError, match=r"uint8, 0 to 255, and was given -1"):
        model.run(np.array([[-1]]), ["output"])


@pytest.mark.parametrize("value", [1.5, np.nan, 3.0, 1e12])
def test_floats_for_whole_numbers_are_refused(whole, value):
    with pytest.raises(TypeError, match=r"as float32, but it takes int32: convert in preprocess"):
        whole.run(np.array([[1.0, value]]), ["output"])


def test_readers_refuse_them_too(whole):
    with pytest.raises(ValueError, match="takes int32"):
        ti.read_activations(whole, np.array([[1, 2**33]]), ["output"])
