"""Every method of `find_groups` finds planted parts again, keeps its promises, and has a clear answer to odd layers."""

import keras
import numpy as np
import pytest
from group_layers import as_images, find_again, identity_model, plant
from sklearn.decomposition import NMF, PCA, FastICA

import tf_interp as ti
from tf_interp.groups.methods.choice import METHODS, choose
from tf_interp.groups.methods.factorizer import fit_rows

SIGNED = ("semi_nmf", "split_nmf")


def fit(method, rows, k=4, *, reducer=None, **settings):
    return fit_rows(choose(method, reducer), rows, k, **{"seed": 0, **settings})


@pytest.mark.parametrize("seed", [0, 3])
def test_parts_of_any_sign_are_found_again(seed):
    rows, vectors = plant(seed=seed)
    assert find_again(vectors, fit("semi_nmf", rows).vectors).min() > 0.98
    refitted, halves = fit("split_nmf", rows), fit(("split_nmf", {"refits": 0}), rows)
    assert find_again(vectors, refitted.vectors).min() > 0.98
    assert find_again(vectors, halves.vectors).min() > 0.95  # where two parts cancel they see neither
    assert refitted.error < 0.5 * halves.error


@pytest.mark.parametrize("kind", ["noise", "doubles", "one side"])
def test_refits_leave_no_more_over(kind):
    rows = plant()[0]
    if kind == "noise":
        rows = rows + np.random.default_rng(1).normal(size=rows.shape).astype(np.float32)
    elif kind == "doubles":  # more groups than parts
        rows = plant(k=2)[0]
    else:
        rows = np.abs(rows)
    errors = [fit(("split_nmf", {"refits": refits}), rows).error for refits in range(4)]
    assert (np.diff(errors) < 1e-6).all()


def test_split_nmf_finds_parts_that_do_not_cancel():
    rows, vectors = plant(signed=False)
    signs = np.where(np.arange(20) % 3, 1, -1).astype(np.float32)
    found = fit("split_nmf", rows * signs)
    assert find_again(vectors * signs, found.vectors).min() > 0.98
    assert found.error < 0.02


def test_semi_nmf_leaves_less_over_than_nmf_where_a_layer_goes_below_zero():
    rows, _ = plant()
    errors = {name: np.linalg.norm(rows - (f := fit(name, rows)).weights @ f.vectors) for name in ("nmf", *SIGNED)}
    assert errors["semi_nmf"] < 0.1 * errors["nmf"]
    assert errors["split_nmf"] < errors["nmf"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_keeps_the_promises_of_groups(method):
    model, images = identity_model(20, 2), as_images(plant(rows=400)[0], 2)
    groups = ti.find_groups(model, images, "parts", 4, method=method)
    rows = ti.read_activations(model, images, ["parts"])["parts"]
    assert groups.weights.shape == (100, 2, 2, 4)
    assert (groups.weights.dtype, groups.vectors.dtype, groups.shares.dtype) == (np.float32,) * 3
    assert groups.weights.min() >= 0
    assert np.allclose(np.linalg.norm(groups.vectors, axis=1), 1, atol=1e-5)
    assert groups.shares.sum() == pytest.approx(1 - groups.error**2, abs=1e-4)
    assert (np.diff(groups.shares) <= 1e-6).all()
    kept = rows if groups.method.keeps_negative else np.maximum(rows, 0)
    rest = kept if groups.offset is None else kept - groups.offset
    error = np.linalg.norm(rest - groups.weights @ groups.vectors) / np.linalg.norm(rest)
    assert groups.error == pytest.approx(error, abs=1e-4)
    again = ti.find_groups(model, images, "parts", 4, method=method)
    assert np.array_equal(again.vectors, groups.vectors)
    assert groups[[2, 0]].method == groups.method


@pytest.mark.parametrize("method", METHODS)
def test_a_start_keeps_the_order(method):
    rows, vectors = plant(signed=method != "nmf")
    first = fit(method, rows)
    order = [2, 0, 3, 1]
    again = fit(method, rows, init=first.vectors[order])
    assert (again.vectors @ first.vectors[order].T).argmax(1).tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"shape \[4, 20\]"):
        fit(method, rows, init=vectors[:2])


ODD = {
    "zeros": np.zeros((30, 6), np.float32),
    "constant": np.ones((30, 6), np.float32),
    "one channel": np.eye(1, 6, dtype=np.float32).repeat(30, 0),
    "rank 1": np.outer(np.arange(30), [1, -1, 2, 0, 0, 3]).astype(np.float32),
    "one row": np.outer(np.arange(30) == 3, np.arange(6)).astype(np.float32),
    "negative": -np.ones((30, 6), np.float32),
    "tiny": 1e-12 * np.ones((30, 6), np.float32),
    "huge": 1e12 * np.ones((30, 6), np.float32),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("method", [*METHODS, PCA()], ids=str)
def test_odd_layers_give_finite_groups(method, kind):
    chosen = choose(method) if isinstance(method, str) else choose("auto", method)
    found = fit_rows(chosen, ODD[kind], 3, seed=0)
    assert found.weights.shape == (30, 3)
    assert all(np.isfinite(part).all() for part in (found.weights, found.vectors, found.shares, found.error))
    lengths = np.linalg.norm(found.vectors, axis=1)
    assert np.all((lengths == 0) | np.isclose(lengths, 1, atol=1e-4))
    if kind != "zeros" and chosen.keeps_negative and not chosen.overcomplete and kind not in ("tiny", "huge"):
        assert found.error < 0.05


@pytest.mark.parametrize("method", METHODS)
def test_dense_and_sequence_layers(method):
    inputs = keras.Input((5, 3))
    sequence = keras.layers.Dense(6, name="sequence")(inputs)
    dense = keras.layers.Dense(7, name="dense")(keras.layers.Flatten()(sequence))
    model = ti.open_model(keras.Model(inputs, dense))
    series = np.random.default_rng(0).normal(size=(20, 5, 3)).astype(np.float32)
    assert ti.find_groups(model, series, "sequence", 2, method=method).weights.shape == (20, 1, 5, 2)
    assert ti.find_groups(model, series, "dense", 2, method=method).weights.shape == (20, 1, 1, 2)


@pytest.mark.parametrize("method", METHODS)
def test_odd_layers_get_a_clear_answer_of_every_method(method):
    model, overcomplete = identity_model(6), choose(method).overcomplete

    def find(rows, k=2):
        return ti.find_groups(model, as_images(rows), "parts", k, method=method)

    silent = ti.find_groups(model, np.full((5, 1, 1, 6), 0.5, np.float32), "parts", 2, method=method)
    assert not silent.weights.any()
    assert silent.error == 0
    assert silent.notes[-1] == "parts is silent: it has no positive activation on any of the images"
    constant = find(np.ones((5, 6), np.float32))
    assert constant.weights.shape == (5, 1, 1, 2)
    assert constant.error < 0.01
    flat = find(np.outer(np.arange(1, 9), [1, 2, 0, 3, 0, 1]).astype(np.float32), 3)  # more groups than the rank
    assert flat.error < 0.05
    assert flat.shares.sum() == pytest.approx(1 - flat.error**2, abs=1e-4)
    with pytest.raises(ValueError, match="'parts' has 2 positions on these images, too few for 3 groups"):
        find(np.ones((2, 6), np.float32), 3)
    if overcomplete:
        assert len(find(plant(rows=40, channels=6)[0], 7)) == 7
    else:
        with pytest.raises(ValueError, match="'parts' has 6 channels and so 1 to 6 groups, got k=7"):
            find(plant(rows=40, channels=6)[0], 7)


@pytest.mark.parametrize("method", METHODS)
def test_one_picture_of_one_pixel_is_one_group(method):
    found = ti.find_groups(identity_model(6), np.ones((1, 1, 1, 6), np.float32), "parts", 1, method=method)
    assert found.weights.shape == (1, 1, 1, 1)
    assert found.vectors[0] * found.weights.ravel() == pytest.approx(np.ones(6), abs=1e-3)


# --- decompositions of scikit-learn


@pytest.mark.parametrize("reducer", [PCA(), PCA(whiten=True), FastICA(max_iter=1000), PCA], ids=repr)
def test_a_decomposition_is_what_scikit_learn_says(reducer):
    rows = plant()[0] + 3
    found = fit("auto", rows, reducer=reducer)
    reference = PCA(4).fit(rows)
    assert np.allclose(found.offset, rows.mean(0), atol=1e-4)
    approximation = reference.inverse_transform(reference.transform(rows))
    assert np.allclose(found.offset + found.weights @ found.vectors, approximation, atol=1e-2)
    assert "weights have signs" in found.notes[0]


def test_a_decomposition_without_signs_has_no_note():
    rows, _ = plant(signed=False)
    found = fit("auto", rows, reducer=NMF(max_iter=2000))
    assert found.offset is None
    assert found.notes == ()
    assert found.error == pytest.approx(
        NMF(4, max_iter=2000).fit(rows).reconstruction_err_ / np.linalg.norm(rows), abs=1e-2
    )


class Halves:
    """An estimator that users wrote: it has no inverse_transform, and no settings but one."""

    def __init__(self, n_components=2):
        self.n_components = n_components

    def get_params(self, deep=True):
        return {"n_components": self.n_components}

    def set_params(self, **settings):
        self.n_components = settings["n_components"]
        return self

    def fit(self, rows):
        self.components_ = np.eye(self.n_components, rows.shape[1])
        return self

    def transform(self, rows):
        return rows @ self.components_.T


def test_an_estimator_of_the_user_is_taken_and_not_changed():
    rows, _ = plant()
    mine = Halves(2)
    found = fit("auto", rows, reducer=mine)
    assert sorted(found.vectors.argmax(1)) == [0, 1, 2, 3]
    assert mine.n_components == 2
    assert not hasattr(mine, "components_")


def test_what_scikit_learn_warns_of_is_a_note():
    assert any("did not converge" in note for note in fit("auto", plant()[0], reducer=FastICA(max_iter=1)).notes)


# --- what is said


def test_the_note_on_negative_activations_says_which_method_keeps_them():
    model, images = identity_model(20, 2), as_images(plant(rows=400)[0], 2)
    (note,) = ti.find_groups(model, images, "parts", 2, method="nmf").notes
    assert "is negative and was left out of the groups, their error and their shares" in note
    assert note.endswith('method="semi_nmf" or "split_nmf" keeps it')
    assert ti.find_groups(model, images, "parts", 2, method="semi_nmf").notes == ()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "seminmf"}, ValueError, "did you mean 'semi_nmf'"),
        ({"method": ("semi_nmf", {"prize": 1})}, TypeError, "has no setting 'prize'.*price"),
        ({"method": ("semi_nmf", {"price": 2})}, ValueError, "price of semi_nmf must be"),
        ({"method": PCA()}, ValueError, "PCA is an estimator: give it as reducer="),
        ({"method": "semi_nmf", "reducer": PCA()}, ValueError, "two ways to find groups"),
        ({"reducer": 3}, TypeError, "reducer must be a scikit-learn decomposition.*got int"),
        ({"reducer": PCA(), "init": np.ones((2, 20))}, ValueError, "leave out init"),
        ({"method": "semi_nmf", "k": 21}, ValueError, "1 to 20 groups"),
        ({"reducer": PCA(), "k": 0}, ValueError, "whole number from 1 on, got k=0"),
    ],
)
def test_impossible_requests_are_refused_in_words(arguments, error, message):
    with pytest.raises(error, match=message):
        ti.find_groups(identity_model(20), as_images(plant(rows=40)[0]), "parts", **{"k": 2, **arguments})


def test_an_offset_is_said_and_taken_away_before_other_activations_are_weighed():
    model, images = identity_model(20, 2), as_images(plant(rows=400)[0] + 2, 2)
    groups = ti.find_groups(model, images, "parts", 4, reducer=PCA())
    assert "is everywhere in parts and belongs to no group" in groups.notes[0]
    rows = ti.read_activations(model, images, ["parts"])["parts"]
    assert np.allclose(groups.weigh(rows), groups.weights, atol=1e-4)
    assert groups.weights.min() < 0
    plain = ti.find_groups(model, images, "parts", 4, method="semi_nmf")
    assert plain.weigh(-rows).min() == 0


@pytest.mark.parametrize("door", ["find_groups", "compare_groupings", "scan_groups"])
def test_a_diverged_layer_is_told_at_every_door(door):
    layers = [keras.layers.Rescaling(np.nan, name="parts"), keras.layers.Flatten()]
    model = ti.open_model(keras.Sequential([keras.Input((2, 2, 6)), *layers]))
    with pytest.raises(ValueError, match="NaN or infinite: has the training diverged"):
        getattr(ti, door)(model, np.ones((4, 2, 2, 6), np.float32), "parts", [2] if door == "scan_groups" else 2)


def test_the_automatic_method_keeps_what_is_negative_and_says_so():
    model, images = identity_model(20, 2), as_images(plant(rows=400)[0], 2)
    found = ti.find_groups(model, images, "parts", 2)
    named = ti.find_groups(model, images, "parts", 2, method="semi_nmf")
    assert found.method == named.method
    assert np.array_equal(found.vectors, named.vectors)
    assert "negative, which semi_nmf groups keep" in found.notes[0]
    positive = as_images(plant(rows=400, signed=False)[0], 2)
    assert ti.find_groups(model, positive, "parts", 2).method == choose("nmf")


def test_the_automatic_method_is_decided_by_how_much_is_negative():
    rows = np.ones((8, 4), np.float32)
    rows[0] = -8 / 3  # 32/3 of 28 + 32/3: a little more than a quarter
    assert choose("auto").settle(rows).name == "semi_nmf"
    rows[0] = -2  # 8 of 36
    assert choose("auto").settle(rows).name == "nmf"
    assert choose(("auto", {"much": 0.2})).settle(rows).name == "semi_nmf"
    assert choose("auto").settle(np.zeros_like(rows)).name == "nmf"
    with pytest.raises(ValueError, match="much of auto must be from 0 to 1"):
        choose(("auto", {"much": 2}))
    with pytest.raises(ValueError, match="refits of split_nmf is a whole number from 0 on, got -1"):
        choose(("split_nmf", {"refits": -1}))


def test_groups_that_go_on_keep_their_method():
    model, images = identity_model(20, 2), as_images(plant(rows=400)[0], 2)
    first = ti.find_groups(model, as_images(plant(rows=400, signed=False)[0], 2), "parts", 2)
    assert ti.find_groups(model, images, "parts", 2, init=first).method == first.method == choose("nmf")
