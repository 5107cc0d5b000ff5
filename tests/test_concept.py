"""`Concept` from everywhere: arrays, folders, data sets, indices, labels, values, regions, groups."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_interp.concepts import Concept
from tf_interp.probe import Probe


def pictures(count, size=8, channels=3, seed=0):
    return np.random.default_rng(seed).random((count, size, size, channels)).astype(np.float32)


def test_from_arrays():
    assert Concept.from_arrays(np.zeros((4, 8, 8))).images.shape == (4, 8, 8, 1)
    assert Concept.from_arrays([[1, 2], [3, 4]]).images.dtype == np.float32
    assert Concept.from_arrays(pictures(3), groups=["a", "a", "b"]).groups == ("a", "a", "b")
    same = Concept.from_arrays(np.stack([pictures(1)[0]] * 2))
    assert same.digests[0] == same.digests[1]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((2, 8, 8, 3), 255.0), "divide by 255"),
        (np.array([["a"]]), "numbers"),
        (np.zeros(3), r"\[N,H,W,C\]"),
        (np.zeros((0, 4)), r"\[N,F\]"),
        (np.array([[1.0, np.nan]]), "1 NaN"),
    ],
)
def test_from_arrays_errors(images, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Concept.from_arrays(images)


def test_from_folder_lists_what_it_skips_and_counts_what_is_missing(tmp_path):
    folder = tmp_path / "striped"
    folder.mkdir()
    for index, picture in enumerate(pictures(6)):
        Image.fromarray((picture * 255).astype(np.uint8)).save(folder / f"{index}.png")
    (folder / "notes.txt").write_text("no picture")
    (folder / "bad.png").write_bytes(b"no picture either")
    concept = Concept.from_folder(folder, size=(4, 4))
    assert concept.images.shape == (6, 4, 4, 3)
    assert concept.source == "striped"
    assert len(concept.skipped) == 2
    with pytest.raises(ValueError, match=r"found 6 readable pictures, need at least 7; skipped 2"):
        Concept.from_folder(folder, minimum=7)
    with pytest.raises(ValueError, match="found nothing"):
        Concept.from_folder(tmp_path / "stripped")


def test_from_dataset():
    images, labels = pictures(20), np.arange(20) % 4
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(6)
    found = Concept.from_dataset(dataset, where=lambda label: label == 2)
    np.testing.assert_array_equal(found.images, images[labels == 2])
    assert len(Concept.from_dataset(dataset, limit=7)) == 7
    assert len(Concept.from_dataset(dataset.map(lambda x, y: x), limit=9)) == 9
    with pytest.raises(ValueError, match="20 examples, none"):
        Concept.from_dataset(dataset, where=lambda label: label == 9)
    with pytest.raises(ValueError, match="images only"):
        Concept.from_dataset(dataset.map(lambda x, y: x), where=bool)


@pytest.mark.parametrize("labeled", [True, False])
def test_from_a_data_set_that_is_not_batched(labeled):
    images, labels = pictures(12), np.arange(12) % 3
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    if labeled:
        found = Concept.from_dataset(dataset, limit=3, where=lambda label: label == 1)
        np.testing.assert_array_equal(found.images, images[[1, 4, 7]])
    else:
        found = Concept.from_dataset(dataset.map(lambda x, y: x), limit=5)
        np.testing.assert_array_equal(found.images, images[:5])


def test_from_data_sets_of_grey_pictures_and_tables():
    grey, labels = pictures(6)[..., 0], np.arange(6)
    one_by_one = tf.data.Dataset.from_tensor_slices((grey, labels))
    for dataset in (one_by_one, one_by_one.batch(4)):
        np.testing.assert_array_equal(Concept.from_dataset(dataset, limit=3).images, grey[:3, ..., None])
    with pytest.raises(ValueError, match=r"shape \[4, 8, 8\]: .*one picture of 8 channels, or 4 grey pictures"):
        Concept.from_dataset(one_by_one.batch(4).map(lambda x, y: x))
    table = tf.data.Dataset.from_tensor_slices(np.arange(12.0).reshape(6, 2))
    for dataset in (table, table.batch(4)):
        assert Concept.from_dataset(dataset, limit=5).images.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_data_sets_that_make_no_sense_are_refused():
    images = tf.data.Dataset.from_tensor_slices({"image": pictures(4)})
    with pytest.raises(TypeError, match="got a dict"):
        Concept.from_dataset(images.batch(2))
    with pytest.raises(ValueError, match="limit must be at least 1"):
        Concept.from_dataset([pictures(4)], limit=0)
    with pytest.raises(ValueError, match="4 examples with 3 labels"):
        Concept.from_dataset([(pictures(4), [0, 1, 0])], where=bool)
    with pytest.raises(ValueError, match="one label for each example"):
        Concept.from_dataset([(pictures(4), np.eye(4))], where=lambda label: label == 1)
    with pytest.raises(ValueError, match="differ in shape"):
        Concept.from_dataset([(pictures(1)[0], 0), (pictures(1, 6)[0], 0)])
    with pytest.raises(ValueError, match=r"dataset.unbatch\(\)"):
        Concept.from_indices(tf.data.Dataset.from_tensor_slices(pictures(8)).batch(2), [0, 1])
    with pytest.raises(TypeError, match="flatnonzero"):
        Concept.from_indices(pictures(3), np.array([True, False, True]))


def test_the_constructor_checks_as_every_other_door_does():
    with pytest.raises(ValueError, match="divide by 255"):
        Concept(255 * pictures(4))
    with pytest.raises(ValueError, match="1 NaN"):
        Concept(np.array([[1.0, np.nan]]))
    with pytest.raises(TypeError, match="numbers"):
        Concept(np.array([["a"]]))
    with pytest.raises(ValueError, match="2 examples need as many groups, got 3"):
        Concept(pictures(2), groups=("a", "b", "c"))
    with pytest.raises(ValueError, match="2 examples need as many finite values"):
        Concept(pictures(2), values=np.arange(3.0))
    tokens = Concept(np.array([[7, 300], [2, 0]]))  # words by number
    assert tokens.images.dtype == np.float32
    series = Concept(np.full((2, 5, 3), -4.0))
    assert series.images.shape == (2, 5, 3)


def test_a_folder_can_be_read_in_part(tmp_path):
    for index, picture in enumerate(pictures(9)):
        Image.fromarray((picture * 255).astype(np.uint8)).save(tmp_path / f"{index}.png")
    found = Concept.from_folder(tmp_path, limit=6)
    assert found.files == tuple(f"{index}.png" for index in range(6))


def test_a_folder_is_read_as_a_probe_reads_it(tmp_path):
    for index in range(5):
        Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / f"{index}.png")
    (tmp_path / "@eaDir").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "@eaDir" / "a.png")
    found, probe = Concept.from_folder(tmp_path), Probe.from_folder(tmp_path)
    np.testing.assert_array_equal(found.images, probe.images)
    assert (found.images == 1).all()
    assert found.skipped == probe.skipped == ("@eaDir: a hidden folder with 1 picture, not read",)
    assert found.notes == probe.notes == Concept.from_arrays(probe).notes
    assert found.notes == ("5 picture files with transparent parts, put on white",)


def test_from_indices_of_arrays_and_streams():
    images = pictures(10)
    stream = tf.data.Dataset.from_tensor_slices((images, np.arange(10)))
    listed = [(image, 0) for image in images]
    for source in (images, listed, stream):
        np.testing.assert_array_equal(Concept.from_indices(source, [7, 2]).images, images[[7, 2]])
        with pytest.raises(ValueError, match=r"\[10\] are outside"):
            Concept.from_indices(source, [0, 10])
    with pytest.raises(ValueError, match="empty"):
        Concept.from_indices(images, [])


def test_from_labels():
    table = np.arange(12.0).reshape(6, 2)
    column = np.array(["red", "blue", "red", "red", "blue", "red"])
    np.testing.assert_array_equal(Concept.from_labels(table, column, "blue").images, table[[1, 4]])
    with pytest.raises(ValueError, match=r"there are \['blue', 'red'\]"):
        Concept.from_labels(table, column, "green")
    with pytest.raises(ValueError, match="as many labels"):
        Concept.from_labels(table, column[:3], "red")


def test_from_values():
    with pytest.raises(ValueError, match="nothing to regress"):
        Concept.from_values(np.eye(4), [2, 2, 2, 2])
    with pytest.raises(ValueError, match="as many finite values"):
        Concept.from_values(np.eye(4), [2, 2, 2])
    with pytest.raises(ValueError, match="as many finite values"):
        Concept.from_values(np.eye(2), [2, np.inf])


def test_from_regions_cuts_boxes_and_masks():
    images = np.zeros((2, 8, 8, 1), np.float32)
    images[:, 2:6, 2:6] = 1
    cut = Concept.from_regions(images, [[2, 2, 6, 6], [0, 0, 8, 8]])
    assert (cut.images[0] == 1).all()
    np.testing.assert_allclose(cut.images[1], images[1])
    masks = np.zeros((2, 8, 8), bool)
    masks[:, 2:6, 2:6] = True
    masks[1, 2, 2] = False
    cut = Concept.from_regions(images, masks)
    assert (cut.images[0] == 1).all()
    assert cut.images[1, 0, 0] == pytest.approx(0.5)  # outside the mask is grey
    assert cut.images[1, -1, -1] == 1
    assert (images[1, 2, 2] == 1).all()  # the caller's images are as they were


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        ([[0, 0, 4, 9]], "outside the image"),
        ([[4, 4, 4, 8]], "empty"),
        (np.zeros((1, 8, 8), bool), "empty"),
        (np.zeros((1, 5)), "need boxes"),
    ],
)
def test_from_regions_errors(regions, message):
    with pytest.raises(ValueError, match=message):
        Concept.from_regions(np.zeros((1, 8, 8, 1)), regions)


def test_from_group_cuts_where_the_group_fires():
    images = np.zeros((4, 16, 16, 1), np.float32)
    maps = np.zeros((4, 4, 4), np.float32)
    for number, (row, column) in enumerate([(0, 0), (3, 3), (1, 2)]):
        maps[number, row, column] = 1 + number
        images[number, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1
    found = Concept.from_group(images, maps, patch=0.25)
    assert found.images.shape == (3, 16, 16, 1)  # the silent image is left out
    assert found.images.mean() > 0.99
    assert len(Concept.from_group(images, maps, count=2)) == 2
    with pytest.raises(ValueError, match="silent in all 4"):
        Concept.from_group(images, maps * 0)
    with pytest.raises(ValueError, match="need maps"):
        Concept.from_group(images, maps[:2])
    with pytest.raises(ValueError, match="patch"):
        Concept.from_group(images, maps, patch=0)
