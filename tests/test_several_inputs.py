"""Several inputs at every door: by name, in a list where that tells which is which, and what is said otherwise."""

import keras
import numpy as np
import pytest

import tf_interp as ti
from tf_interp.models.inputs import name_list

L = keras.layers
_RNG = np.random.default_rng(0)
PICTURE, NUMBERS, MASK = (_RNG.random((4, *size), np.float32) for size in ((8, 8, 3), (5,), (8, 8, 1)))
BY_NAME = {"zoo": PICTURE, "alpha": NUMBERS, "mid": MASK}


def _network(kind):
    zoo, alpha, mid = (
        keras.Input((8, 8, 3), name="zoo"),
        keras.Input((5,), name="alpha"),
        keras.Input((8, 8, 1), name="mid"),
    )
    y = L.Conv2D(4, 3, name="conv")(L.Concatenate()([zoo, mid]))
    y = L.Dense(3, name="head")(L.Concatenate()([L.GlobalAveragePooling2D()(y), alpha]))
    return keras.Model([zoo, alpha, mid] if kind is list else {"zoo": zoo, "alpha": alpha, "mid": mid}, y)


def _twins(kind):
    """Return a network with two inputs of one shape, which are not treated alike."""
    query, doc = keras.Input((4,), name="query"), keras.Input((4,), name="doc")
    y = L.Dense(2, name="dense")(L.Concatenate(name="both")([query, 3.0 * doc]))
    return keras.Model([query, doc] if kind is list else {"query": query, "doc": doc}, y)


@pytest.mark.parametrize("kind", [list, dict])
def test_a_list_is_taken_at_every_door_where_shapes_or_order_tell(kind):
    network = _network(kind)
    model, given = ti.open_model(network), [PICTURE, NUMBERS, MASK]
    expected = network(given if kind is list else BY_NAME)
    for images in (given, tuple(given), BY_NAME):
        np.testing.assert_allclose(model.run(images, ["output"])["output"], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            ti.read_activations(model, images, ["output"])["output"], expected, rtol=1e-5, atol=1e-6
        )
    one, other = (ti.attribute(model, images, layer="conv", target=1).values for images in (given, BY_NAME))
    np.testing.assert_array_equal(one, other)
    one, other = (ti.find_groups(model, images, "conv", 2).weights for images in (given, BY_NAME))
    np.testing.assert_array_equal(one, other)


def test_a_list_that_does_not_tell_is_refused():
    network = _twins(dict)
    query, doc = np.ones((2, 4), np.float32), np.zeros((2, 4), np.float32)
    model = ti.open_model(network)
    for ask in (
        lambda: model.run([query, doc], ["output"]),
        lambda: ti.attribute(model, [query, doc], layer="both", target=1),
        lambda: ti.read_activations(model, [query, doc], ["both"]),
    ):
        with pytest.raises(ValueError, match=r"do not tell which is which: give a dict, {'doc': ..., 'query': ...}"):
            ask()
    ordered = _twins(list)
    np.testing.assert_allclose(ti.open_model(ordered).run([query, doc], ["output"])["output"], ordered([query, doc]))


@pytest.mark.parametrize("kind", [list, dict])
def test_wrong_inputs_are_told_with_all_that_is_taken(kind, tmp_path):
    model = ti.open_model(_network(kind))
    small = BY_NAME | {"zoo": PICTURE[:, :4]}
    probe = ti.Probe.from_arrays(small)
    watch = ti.InterpCallback(tmp_path, probe, layers=["conv"], parts=[ti.NeuronGroups(2)], on_error="raise")
    with pytest.raises(ValueError, match=r"input 'zoo' of shape \(8, 8, 3\), the probe's are \(4, 8, 3\)"):
        _train(model.model, watch)
    doors = {
        "run": lambda: model.run(small, ["output"]),
        "attribute": lambda: ti.attribute(model, small, layer="conv", target=1),
        "groups": lambda: ti.find_groups(model, probe, "conv", 2),
        "read": lambda: ti.read_activations(model, small, ["conv"]),
    }
    for name, door in doors.items():
        with pytest.raises(ValueError, match="zoo") as error:
            door()
        said = str(error.value)
        assert "[N, 4, 8, 3]" in said, name
        assert all(part in said for part in ("'zoo' [N, 8, 8, 3]", "'alpha' [N, 5]", "'mid' [N, 8, 8, 1]")), name


def _train(network, watch):
    network.compile("sgd", "mse")
    inputs = list(BY_NAME.values()) if isinstance(network.input, list) else BY_NAME
    network.fit(inputs, np.zeros((4, 3)), verbose=0, callbacks=[watch])


def test_numbers_names_and_rows_that_do_not_match_are_told():
    model = ti.open_model(_network(list))
    with pytest.raises(ValueError, match=r"takes 3 inputs: 'zoo' \[N, 8, 8, 3\], .*got 2: \[N, 8, 8, 3\], \[N, 5\]"):
        model.run([PICTURE, NUMBERS], ["output"])
    with pytest.raises(ValueError, match=r"got 'zooo' \[N, 8, 8, 3\]"):
        model.run({"zooo": PICTURE, "alpha": NUMBERS, "mid": MASK}, ["output"])
    with pytest.raises(
        ValueError,
        match=r"no input is called 'Zoo', did you mean 'zoo'\?; no input is called 'what'; missing: \['zoo', 'mid'\]",
    ):
        model.run({"Zoo": PICTURE, "alpha": NUMBERS, "what": MASK}, ["output"])
    with pytest.raises(ValueError, match=r"differ in their number: 0 \[4, 8, 8, 3\], 1 \[2, 5\]"):
        model.run([PICTURE, NUMBERS[:2], MASK], ["output"])
    with pytest.raises(ValueError, match="several inputs give a dict"):
        ti.Probe.from_arrays([PICTURE, NUMBERS])


def test_what_is_no_list_of_inputs_stays_as_it_is():
    specs = ti.open_model(_network(list)).input_specs
    for images in (PICTURE, BY_NAME, [BY_NAME, BY_NAME]):
        assert name_list(images, specs) is images
    pictures = [PICTURE[0], PICTURE[1]]
    assert name_list(pictures, {"zoo": specs["zoo"]}) is pictures
