"""`Probe`: from arrays, folders and data sets, and what is refused."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_interp.probe import Probe, pick_rows


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


def test_pictures_that_are_pulled_out_of_shape_are_told(tmp_path):
    for name, size in (("a", (12, 8)), ("b", (6, 4)), ("c", (8, 8)), ("d", (4, 12)), ("e", (61, 41))):
        save(tmp_path / f"{name}.png", size=size)
    (note,) = Probe.from_folder(tmp_path).notes
    assert note.startswith("2 picture files of another aspect ratio, squeezed or stretched to 12 x 8 pixels")
    (note,) = Probe.from_folder(tmp_path, size=5).notes
    assert note.startswith("4 picture files of another aspect ratio")
    assert Probe.from_folder(tmp_path, limit=2).notes == ()


def test_a_limit_takes_as_many_of_each_class(tmp_path):
    for name in ("cat", "dog", "emu"):
        for index in range(9):
            save(tmp_path / name / f"{index}.png")
    probe = Probe.from_folder(tmp_path, limit=8)
    assert np.bincount(probe.labels).tolist() == [3, 3, 2]
    assert probe.ids[:4] == ("cat/0.png", "dog/0.png", "emu/0.png", "cat/1.png"), "the first ones are of all classes"
    assert probe.labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
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
    assert probe.labels.tolist() == [0, 1, 0]
    assert probe.labels.dtype == np.int64
    assert probe.ids == ("cat/x.png", "dog/x.png", "cat/y.png")
    assert probe.images.shape == (3, 4, 6, 3)
    assert probe.skipped == ("dog/readme.txt: not one of .png, .jpg, .jpeg, .webp, .bmp, .gif, .tif, .tiff",)


def test_hidden_folders_are_no_classes(tmp_path):
    for name in ("cat", "dog", ".ipynb_checkpoints", "@eaDir", "__MACOSX"):
        save(tmp_path / name / "x.png")
    probe = Probe.from_folder(tmp_path)
    assert probe.class_names == ("cat", "dog")
    assert [line.split(":")[0] for line in probe.skipped] == [".ipynb_checkpoints", "@eaDir", "__MACOSX"]
    save(tmp_path / "cat" / "old" / "x.png")
    assert "cat/old: a sub-folder with 1 picture, not read" in Probe.from_folder(tmp_path).skipped
    save(tmp_path / "plain" / "x.png")
    save(tmp_path / "plain" / ".ipynb_checkpoints" / "x.png")
    assert Probe.from_folder(tmp_path / "plain").ids == ("x.png",)
    assert Probe.from_folder(tmp_path / "plain", class_names=["a", "b"]).class_names == ("a", "b")


def test_names_of_folders_say_no_order_unless_the_user_gives_one(tmp_path):
    for name in ("T_shirt-top", "ankle boot"):
        save(tmp_path / name / "x.png")
    assert not Probe.from_folder(tmp_path).ordered
    probe = Probe.from_folder(tmp_path, class_names=["Coat", "Ankle boot", "T-shirt/top"])
    assert (probe.ordered, probe.labels.tolist()) == (True, [2, 1])
    assert probe.class_names == ("Coat", "Ankle boot", "T-shirt/top")
    with pytest.raises(ValueError, match=r"folders \['ankle boot'\] are not among the class names"):
        Probe.from_folder(tmp_path, class_names=["Coat", "T-shirt/top"])
    with pytest.raises(TypeError, match="class_names must be a list of names"):
        Probe.from_folder(tmp_path, class_names="Coat")
    with pytest.raises(ValueError, match="several of the network's classes are called 'ankle boot'"):
        Probe.from_folder(tmp_path, class_names=["ankle-boot", "Ankle boot", "T-shirt/top"])


def test_a_probe_tells_of_opacity(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGBA", (4, 4), (0, 255, 0, 0)).save(tmp_path / name / "x.png")
    probe = Probe.from_folder(tmp_path)
    assert probe.notes == ("2 picture files with transparent parts, put on white",)
    assert (probe.images == 1).all()
    assert Probe.from_folder(tmp_path / "cat", background=0.0).images.max() == 0


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
        ([{"image": np.full((1, 2, 2, 3), 255, np.uint8)}], {}, "'image' holds uint8 up to 255.*divide by 255"),
    ],
)
def test_data_sets_that_do_not_fit_are_refused(data, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Probe.from_dataset(data, **arguments)


def test_several_inputs_are_held_by_name(images):
    meta = np.arange(12).reshape(6, 2)
    probe = Probe.from_arrays({"image": images, "meta": meta}, labels=[0, 1, 0, 1, 0, 1])
    assert len(probe) == 6
    assert {name: value.dtype.kind for name, value in probe.images.items()} == {"image": "f", "meta": "i"}
    assert len(set(probe.ids)) == 6
    with pytest.raises(ValueError, match="read-only"):
        probe.images["meta"][0] = 1
    picked = pick_rows(probe.images, [3, 1])
    assert np.array_equal(picked["meta"], meta[[3, 1]])
    with pytest.raises(ValueError, match="same number of rows"):
        Probe.from_arrays({"image": images, "meta": meta[:2]})
    with pytest.raises(ValueError, match="at least one entry"):
        Probe.from_arrays({})
    batches = [({"image": images[:4], "meta": meta[:4]}, [1, 2, 3, 4]), ({"image": images, "meta": meta}, range(6))]
    streamed = Probe.from_dataset(batches, limit=5)
    assert (len(streamed), streamed.labels.tolist()) == (5, [1, 2, 3, 4, 0])
    assert np.array_equal(streamed.images["meta"], np.concatenate([meta[:4], meta[:1]]))


@pytest.mark.parametrize("shape", [(6, 9), (6, 4, 4, 4, 2), (6, 3, 4, 4, 4, 1)])
def test_what_is_no_picture_may_be_any_numbers(shape):
    values = np.random.default_rng(0).normal(0, 30, shape)
    assert np.array_equal(Probe.from_arrays(values).images, values.astype(np.float32))
    with pytest.raises(ValueError, match="NaN or infinite"):
        Probe.from_arrays(np.where(values > 60, np.nan, values) * np.nan)


def test_series_are_given_with_the_name_of_their_input():
    series = np.random.default_rng(0).normal(0, 5, (3, 20, 2))
    assert Probe.from_arrays({"series": series}).images.shape == (3, 20, 2)
    with pytest.raises(ValueError, match=r"series \[N,T,F\] are given with the name of their input, \{name: array\}"):
        Probe.from_arrays(series)


def test_bands_are_channels_by_index_or_name():
    cube = np.random.default_rng(0).random((2, 4, 4, 5))
    names = ["blue", "green", "red", "near infrared", "short wave"]
    assert Probe.from_arrays(cube, bands=["near infrared", 2, "green"], band_names=names).bands == (3, 2, 1)
    for bands, message in ([(9,), "no channel 9"], [("x",), "none of the band_names"], [(0, 1, 2, 3), "one to three"]):
        with pytest.raises(ValueError, match=message):
            Probe.from_arrays(cube, bands=bands, band_names=names)
    assert Probe.from_dataset([cube], bands=[4], band_names=names).bands == (4,)
    with pytest.raises(ValueError, match=r"there are 2 band_names, for \[5\] channels"):
        Probe.from_arrays(cube, band_names=["a", "b"])
    with pytest.raises(TypeError, match="bands must be a list"):
        Probe.from_arrays(cube, bands=2)


def test_labels_of_several_outputs_in_a_data_set_are_refused_in_words():
    data = [(np.zeros((2, 4, 4, 3), np.float32), {"age": np.zeros(2), "sex": np.zeros(2)})]
    with pytest.raises((ValueError, TypeError), match="labels must be of one output"):
        Probe.from_dataset(data)


def test_bands_that_there_are_not_are_refused_at_once():
    with pytest.raises(ValueError, match=r"bands \[7\] were asked for, of 4 channels"):
        Probe.from_arrays(np.zeros((2, 8, 8, 4)), bands=[7])
