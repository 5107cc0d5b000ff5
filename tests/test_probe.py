"""`Probe`: from arrays, folders and data sets, and what is refused."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_interp.probe import Probe


@pytest.fixture
def images():
    return np.random.default_rng(0).random((6, 4, 5, 3)).astype(np.float32)


def save(path, color=(255, 0, 0), size=(6, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


def test_arrays(images):
    probe = Probe.from_arrays(images, labels=[0, 1, 2, 0, 1, 2], class_names=("a", "b", "c"))
    assert len(probe) == 6
    assert np.array_equal(probe.images, images)
    assert probe.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert probe.class_names == ("a", "b", "c")
    assert len(set(probe.ids)) == 6
    assert probe.ids == Probe.from_arrays(images).ids
    assert probe.skipped == ()
    bare = Probe.from_arrays(images)
    assert (bare.labels, bare.class_names) == (None, None)


def test_probe_stays_as_it_is(images):
    probe = Probe.from_arrays(images)
    with pytest.raises(dataclasses.FrozenInstanceError):
        probe.images = images[:1]
    before = probe.images.copy()
    images[:] = 0
    assert np.array_equal(probe.images, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": np.full((1, 2, 2, 3), 9.0)}, r"^probe images must lie in \[0,1\]"),
        ({"images": np.zeros((2, 2, 2, 3)), "labels": [0]}, "2 images need as many labels"),
        ({"images": np.zeros((1, 2, 2, 3)), "labels": [3], "class_names": ["a"]}, "there are 1 class names"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Probe.from_arrays(**arguments)


def test_class_names_must_be_a_list():
    with pytest.raises(TypeError, match="class_names must be a list of names, got the string 'cat'"):
        Probe.from_arrays(np.zeros((1, 2, 2, 3)), class_names="cat")


def test_plain_folder(tmp_path):
    save(tmp_path / "b.png", (0, 255, 0))
    save(tmp_path / "a.png", (255, 0, 0))
    (tmp_path / "c.png").write_bytes(b"broken")
    probe = Probe.from_folder(tmp_path)
    assert probe.ids == ("a.png", "b.png")
    assert probe.images.shape == (2, 4, 6, 3)
    assert probe.images[0, 0, 0].tolist() == [1, 0, 0]
    assert (probe.labels, probe.class_names) == (None, None)
    assert probe.skipped[0].startswith("c.png: ")
    assert Probe.from_folder(tmp_path, size=8, channels=1).images.shape == (2, 8, 8, 1)
    assert Probe.from_folder(str(tmp_path), size=(8, 3)).images.shape == (2, 8, 3, 3)


def test_a_limit_takes_as_many_of_each_class(tmp_path):
    for name in ("cat", "dog", "emu"):
        for index in range(9):
            save(tmp_path / name / f"{index}.png")
    probe = Probe.from_folder(tmp_path, limit=8)
    assert np.bincount(probe.labels).tolist() == [3, 3, 2]
    assert probe.ids[:3] == ("cat/0.png", "cat/1.png", "cat/2.png")
    assert len(Probe.from_folder(tmp_path / "cat", limit=4)) == 4
    assert len(Probe.from_folder(tmp_path)) == 27
    with pytest.raises(ValueError, match="limit must be at least 3, one picture of each class folder, got 2"):
        Probe.from_folder(tmp_path, limit=2)
    with pytest.raises(ValueError, match="limit must be at least 1"):
        Probe.from_folder(tmp_path / "cat", limit=0)


def test_folder_of_classes(tmp_path):
    save(tmp_path / "dog" / "x.png", size=(12, 8))
    save(tmp_path / "cat" / "x.png")
    save(tmp_path / "cat" / "y.png", size=(3, 3))
    (tmp_path / "dog" / "readme.txt").write_text("")
    (tmp_path / ".cache").mkdir()
    probe = Probe.from_folder(tmp_path)
    assert probe.class_names == ("cat", "dog")
    assert probe.labels.tolist() == [0, 0, 1]
    assert probe.labels.dtype == np.int64
    assert probe.ids == ("cat/x.png", "cat/y.png", "dog/x.png")
    assert probe.images.shape == (3, 4, 6, 3)
    assert probe.skipped == ("dog/readme.txt: not one of .png, .jpg, .jpeg, .webp, .bmp, .gif",)


def test_folders_without_pictures(tmp_path):
    with pytest.raises(ValueError, match="expected a folder of pictures, found nothing"):
        Probe.from_folder(tmp_path / "none")
    with pytest.raises(ValueError, match="found 0 readable pictures"):
        Probe.from_folder(tmp_path)
    save(tmp_path / "cat" / "x.png")
    (tmp_path / "dog").mkdir()
    with pytest.raises(ValueError, match="dog: found 0 readable pictures"):
        Probe.from_folder(tmp_path)


def test_data_sets(images):
    data = tf.data.Dataset.from_tensor_slices((images, tf.one_hot([0, 1, 2, 0, 1, 2], 3))).batch(4)
    probe = Probe.from_dataset(data, limit=5, class_names=["a", "b", "c"])
    assert np.array_equal(probe.images, images[:5])
    assert probe.labels.tolist() == [0, 1, 2, 0, 1]
    assert probe.class_names == ("a", "b", "c")
    bare = Probe.from_dataset(tf.data.Dataset.from_tensor_slices(images).batch(4))
    assert np.array_equal(bare.images, images)
    assert bare.labels is None


def test_data_set_is_read_no_further_than_needed(images):
    read = []

    def batches():
        for start in (0, 2, 4):
            read.append(start)
            yield images[start : start + 2], [0, 1]

    assert len(Probe.from_dataset(batches(), limit=3)) == 3
    assert read == [0, 2]


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        ([], {}, "data set is empty"),
        ([np.full((1, 2, 2, 3), 255.0)], {}, "divide by 255"),
        ([np.zeros((1, 2, 2, 3))], {"limit": 0}, "limit must be at least 1, got 0"),
        ([np.zeros((2, 2, 3))] * 3, {}, r"element of shape \[2, 2, 3\].*must be batched"),
        ([{"image": np.zeros((1, 2, 2, 3))}], {}, "images, labels., got a dict"),
    ],
)
def test_data_sets_that_do_not_fit_are_refused(data, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Probe.from_dataset(data, **arguments)
