"""Sparse and archetypal dictionaries: more parts than channels, few at a time, alive, and inside the data."""

import numpy as np
import pytest
from group_layers import find_again, plant_sparse
from scipy.optimize import nnls

from tf_interp.groups.methods.choice import choose
from tf_interp.groups.methods.factorizer import fit_rows

KINDS = ("sparse", "archetypal")


def fit(method, rows, k, active=2, **settings):
    return fit_rows(choose((method, {"active": active})), rows, k, **{"seed": 0, **settings})


@pytest.mark.parametrize("method", KINDS)
def test_more_parts_than_channels_are_found_again(method):
    rows, vectors = plant_sparse()
    nearest = find_again(vectors, fit(method, rows, 20).vectors)
    assert np.median(nearest) > 0.98
    assert (nearest > 0.9).mean() >= 0.7  # the others are mixtures of two: a local optimum


@pytest.mark.parametrize("method", KINDS)
def test_no_more_than_active_groups_fire_at_a_position(method):
    rows, _ = plant_sparse()
    found = fit(method, rows, 20, 3, iterations=10)
    assert (found.weights > 0).sum(1).max() == 3
    assert found.weights.min() == 0


def test_training_lowers_the_error_far_below_the_start():
    rows, _ = plant_sparse()
    assert fit("sparse", rows, 20).error < 0.5 * fit("sparse", rows, 20, iterations=0).error


def test_dead_atoms_are_revived():
    rows = np.abs(plant_sparse()[0])
    opposite = -np.ones((20, 16), np.float32)  # no row of the layer looks like any of these
    assert not fit("sparse", rows, 20, init=opposite, iterations=0).weights.any()
    assert fit("sparse", rows, 20, init=opposite).weights.any(0).all()


def test_archetypal_atoms_are_mixtures_of_the_data_and_free_ones_are_not():
    rows = np.abs(plant_sparse(200)[0]) + 1
    outside = {
        method: max(nnls(rows.T.astype(float), vector.astype(float))[1] for vector in fit(method, rows, 12).vectors)
        for method in KINDS
    }
    assert outside["archetypal"] < 1e-3
    assert outside["sparse"] > 0.02


def test_a_layer_without_signs_has_no_offset():
    rows, _ = plant_sparse()
    assert fit("sparse", np.abs(rows), 6, iterations=5).offset is None
    shifted = fit("sparse", rows - 2, 6)
    rest = rows - 2 - shifted.offset - shifted.weights @ shifted.vectors
    assert shifted.error == pytest.approx(np.linalg.norm(rest) / np.linalg.norm(rows - 2 - shifted.offset), abs=1e-4)


def test_settings_are_checked():
    with pytest.raises(ValueError, match=r"active of archetypal.*must be 1 or more, got 0"):
        choose(("archetypal", {"active": 0}))
