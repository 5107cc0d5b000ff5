"""`Directions`: rows, names, and what is refused."""

import numpy as np
import pytest

from tf_interp.directions import Directions, to_positions


def test_names_are_made_up_or_kept():
    assert Directions("conv", np.ones((2, 3))).names == ("direction 0", "direction 1")
    directions = Directions("conv", [[1, 0], [0, 2]], ["a", "b"], "concepts")
    assert directions.names == ("a", "b")
    assert directions.origin == "concepts"
    assert directions.vectors.dtype == np.float32


def test_channels_are_one_hot_rows_in_the_order_asked_for():
    directions = Directions.from_channels("conv", [3, 1, np.int64(3)], 4)
    assert directions.vectors.tolist() == [[0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1]]
    assert directions.names == ("channel 3", "channel 1", "channel 3")
    assert directions.origin == "channels"


@pytest.mark.parametrize("channels", [[4], [-1], [0, 9]])
def test_channels_outside_the_layer_are_named(channels):
    with pytest.raises(ValueError, match=r"layer 'conv' has channels 0\.\.3, got"):
        Directions.from_channels("conv", channels, 4)


@pytest.mark.parametrize(
    ("index", "names"),
    [(1, "b"), (-1, "c"), (slice(1, None), "bc"), ([2, 0], "ca"), (np.array([True, False, True]), "ac")],
)
def test_rows_are_directions_again(index, names):
    directions = Directions("conv", np.eye(3, 5), "abc", "groups")
    rows = directions[index]
    assert "".join(rows.names) == names
    assert rows.vectors.shape == (len(names), 5)
    assert (rows.layer, rows.origin) == ("conv", "groups")


def test_length_iteration_and_the_end_of_it():
    directions = Directions("conv", np.eye(3), "abc")
    assert len(directions) == 3
    assert [row.names for row in directions] == [("a",), ("b",), ("c",)]
    with pytest.raises(IndexError):
        directions[3]


@pytest.mark.parametrize("vectors", [np.ones(3), np.ones((0, 3)), np.ones((2, 0)), np.ones((1, 1, 2)), 4.0])
def test_shape_is_checked(vectors):
    with pytest.raises(ValueError, match=r"vectors of shape \[K,C\]"):
        Directions("conv", vectors)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_must_be_finite(value):
    with pytest.raises(ValueError, match="layer 'conv' hold NaN or infinite"):
        Directions("conv", [[1, value]])


def test_as_many_names_as_rows():
    with pytest.raises(ValueError, match="2 directions need as many names, got 1"):
        Directions("conv", np.eye(2), ["a"])


def test_vectors_cannot_be_set():
    with pytest.raises(AttributeError):
        Directions("conv", np.eye(2)).vectors = np.eye(3)


def test_only_groups_know_weights():
    assert Directions("conv", np.eye(2)).weights_for(np.zeros((1, 4, 4, 3), np.float32)) is None


@pytest.mark.parametrize(
    ("shape", "wide"), [((2, 5), (2, 1, 1, 5)), ((2, 3, 5), (2, 1, 3, 5)), ((2, 4, 3, 5), (2, 4, 3, 5))]
)
def test_positions_get_two_axes(shape, wide):
    array = np.random.default_rng(0).random(shape)
    assert to_positions(array).shape == wide
    assert np.array_equal(to_positions(array).reshape(shape), array)


def test_activations_without_channels_are_refused():
    with pytest.raises(ValueError, match="have no channels"):
        to_positions(np.zeros(2))
