"""Saved vectors come back whole, and stale, damaged or hostile files are refused."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from concept_networks import HEAD, make_linear, noise

from tf_interp.concepts import load_directions, save_directions
from tf_interp.directions import Directions

VECTORS = Directions("features", np.random.default_rng(0).normal(size=(2, 3)), ["tag", "mark"], "concepts")


def test_there_and_back(tmp_path):
    model = make_linear(HEAD)
    path = save_directions(tmp_path / "deep" / "zebra.npz", VECTORS, model, examples={"tag": noise(5, 1)})
    found = load_directions(path, model, examples={"tag": noise(5, 1)})
    np.testing.assert_array_equal(found.vectors, VECTORS.vectors)
    assert (found.layer, list(found.names), found.origin) == ("features", ["tag", "mark"], "concepts")
    assert sorted(item.name for item in path.parent.iterdir()) == ["zebra.json", "zebra.npz"]
    about = json.loads(path.with_suffix(".json").read_text())
    assert about["weights"] == model.digest()
    assert str(tmp_path) not in path.with_suffix(".json").read_text()


def test_stale_vectors_are_refused(tmp_path):
    model = make_linear(HEAD)
    path = save_directions(tmp_path / "v.npz", VECTORS, model, examples={"tag": noise(5, 1)})
    with pytest.raises(ValueError, match="examples are others"):
        load_directions(path, model, examples={"tag": noise(5, 2)})
    changed = make_linear(np.array(HEAD) + 1)
    with pytest.raises(ValueError, match="weights have changed"):
        load_directions(path, changed)
    with pytest.raises(ValueError, match="preprocessing is another"):
        load_directions(path, make_linear(HEAD, preprocess=lambda x: 2 * x))


def test_equal_preprocessing_is_recognized_by_what_it_does(tmp_path):
    path = save_directions(tmp_path / "v.npz", VECTORS, make_linear(HEAD, preprocess=lambda x: 2 * x - 1))
    assert len(load_directions(path, make_linear(HEAD, preprocess=lambda picture: picture * 2 - 1))) == 2
    with pytest.raises(ValueError, match="preprocessing"):
        load_directions(path, make_linear(HEAD, preprocess=lambda x: 2 * x - 0.9))


def test_files_that_are_not_ours_are_refused(tmp_path):
    model = make_linear(HEAD)
    path = save_directions(tmp_path / "v.npz", VECTORS, model)
    good, about = path.read_bytes(), json.loads(path.with_suffix(".json").read_text())

    def refuse(data, description, message):
        path.write_bytes(data)
        path.with_suffix(".json").write_text(json.dumps(description))
        with pytest.raises(ValueError, match=message):
            load_directions(path, model)

    def pack(**members):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, value in members.items():
                archive.writestr(name + ".npy", value)
        return buffer.getvalue()

    def array(value):
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=True)
        return buffer.getvalue()

    refuse(good[:100], about, "not readable")
    refuse(b"", about, "not readable")
    refuse(pack(vectors=array(np.array([{}], object))), about, "not readable")
    refuse(pack(vectors=pickle.dumps({})), about, "not readable")
    refuse(pack(vectors=array(VECTORS.vectors), more=array(VECTORS.vectors)), about, "something else")
    refuse(pack(vectors=array(np.zeros(10**6))), about, "more than vectors of shape")
    refuse(pack(vectors=array(VECTORS.vectors.astype(np.float64))), about, "expected float32")
    refuse(pack(vectors=array(VECTORS.vectors + 1)), about, "damaged")
    refuse(good, {**about, "schema": 99}, "another version")
    refuse(good, {"schema": 1}, "missing or of the wrong type")
    refuse(good, [], "missing or of the wrong type")
    path.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match="no readable description"):
        load_directions(path, model)
    with pytest.raises(ValueError, match=r"must end in \.npz"):
        save_directions(tmp_path / "v.pkl", VECTORS, model)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    model = make_linear(HEAD)
    path = save_directions(tmp_path / "v.npz", VECTORS, model)
    before = path.read_bytes()
    monkeypatch.setattr(np, "savez", lambda file, **_: file.write(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_directions(path, VECTORS, model)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2
