"""Sparse and archetypal dictionaries: more parts than channels, few at a time, alive, and inside the data."""

import numpy as np
import pytest
from group_layers import find_again, plant_sparse
from scipy.optimize import nnls

from tf_interp.groups.methods.choice import choose
from tf_interp.groups.methods.dictionaries.pursuit import improve, pursue
from tf_interp.groups.methods.factorizer import fit_rows

KINDS = ("sparse", "archetypal")


def fit(method, rows, k, active=2, **settings):
    return fit_rows(choose((method, {"active": active})), rows, k, **{"seed": 0, **settings})


@pytest.mark.parametrize("method", KINDS)
def test_more_parts_than_channels_are_found_again(method):
    rows, vectors = plant_sparse()
    nearest = find_again(vectors, fit(method, rows, 20).vectors)
    assert np.median(nearest) > 0.98
    least = {"sparse": 0.85, "archetypal": 0.7}[method]  # the others are mixtures of two: a local optimum
    assert (nearest > 0.9).mean() >= least


@pytest.mark.parametrize("method", KINDS)
def test_no_more_than_active_groups_fire_at_a_position(method):
    rows, _ = plant_sparse()
    found = fit(method, rows, 20, 3, iterations=10)
    assert (found.weights > 0).sum(1).max() == 3
    assert found.weights.min() == 0


@pytest.mark.parametrize("method", KINDS)
def test_codes_are_those_of_any_other_rows(method):
    rows, _ = plant_sparse()
    found, chosen = fit(method, rows, 20), choose((method, {"active": 2}))
    rest = rows if found.offset is None else rows - found.offset
    assert np.allclose(chosen.weigh(rest, found.vectors), found.weights, atol=1e-4)
    assert np.allclose(chosen.weigh(rest[70:90], found.vectors), found.weights[70:90], atol=1e-4)


def test_pursuit_finds_the_codes_that_rows_are_made_of():
    rng = np.random.default_rng(0)
    atoms = rng.normal(size=(40, 64))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = rng.uniform(0.5, 1.5, (300, 40)) * (rng.random((300, 40)).argsort(1) < 4)
    for scale in (1e-9, 1, 1e9):
        found = pursue(scale * codes @ atoms, atoms, 4)
        assert (np.abs(found / scale - codes).max(1) < 1e-2).mean() > 0.98  # a greedy choice may be wrong
    assert (pursue(codes @ atoms, atoms, 40) > 0).sum(1).max() <= 40
    assert np.linalg.norm(pursue(codes @ atoms, atoms, 40) @ atoms - codes @ atoms) < 0.05 * np.linalg.norm(codes)
    assert not pursue(np.zeros((1, 64)), atoms, 4).any()
    assert pursue(rows=np.zeros((0, 64)), atoms=atoms, active=2).shape == (0, 40)


def test_atoms_that_are_improved_leave_less_over_and_may_keep_their_places():
    rows, vectors = plant_sparse()
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    start = units + 0.1 * np.random.default_rng(1).normal(size=units.shape)
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    moved = improve(rows, start, 2, rounds=10, fresh=False, seed=0)
    assert (np.einsum("kc,kc->k", moved, units) > 0.98).all()
    assert np.array_equal(improve(rows, units, 2, rounds=0, fresh=True, seed=0), units.astype(np.float32))


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
