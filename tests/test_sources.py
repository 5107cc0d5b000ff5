"""What a command is given as files: pictures in every form, class names in every form, functions by name."""

import types

import numpy as np
import pytest
from PIL import Image

from tf_interp.cli.sources import find_preprocess, read_probe

MODEL = types.SimpleNamespace(input_shape=(8, 8, 3))


def test_pictures_by_pattern_and_one_by_one(tmp_path):
    for name in ("a.png", "b.png", "c.txt"):
        Image.new("RGB", (10, 10), "red").save(tmp_path / name, "PNG")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    probe = read_probe(str(tmp_path / "*.png"), MODEL, None)
    assert [name.rsplit("/")[-1] for name in probe.ids] == ["a.png", "b.png"]
    assert "broken.png" in probe.skipped[0]
    assert probe.images.shape == (2, 8, 8, 3)
    assert len(read_probe(str(tmp_path / "a.png"), MODEL, None)) == 1
    with pytest.raises(ValueError, match="0 readable pictures among 0 files"):
        read_probe(str(tmp_path / "*.jpg"), MODEL, None)
    with pytest.raises(ValueError, match="expected a folder"):
        read_probe(str(tmp_path / "nothing"), MODEL, None)
    with pytest.raises(ValueError, match="which pictures"):
        read_probe(None, MODEL, None)


@pytest.mark.parametrize("pattern", ["", "/*/*.png", "/**/*.png"])
def test_the_first_pictures_are_of_all_folders(tmp_path, pattern):
    for place, (name, count) in enumerate({"b": 2, "a": 3, "c": 1}.items()):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(count):
            shade = 100 * place + 10 * index
            Image.new("RGB", (8, 8), (shade, 0, 0)).save(tmp_path / "photos" / name / f"{index}.png")
    probe = read_probe(f"{tmp_path}/photos{pattern}", MODEL, None)
    assert ["/".join(name.split("/")[-2:]) for name in probe.ids] == [
        "a/0.png", "b/0.png", "c/0.png", "a/1.png", "b/1.png", "a/2.png"
    ]  # fmt: skip
    assert np.rint(255 * probe.images[:, 0, 0, 0]).tolist() == [100, 0, 200, 110, 10, 120]
    if not pattern:
        assert probe.labels.tolist() == [0, 1, 2, 0, 1, 0]


def test_arrays_of_pixels_and_of_floats(tmp_path):
    pixels = np.full((3, 8, 8, 3), 255, np.uint8)
    np.savez(tmp_path / "a.npz", x=pixels, y=[0, 1, 1], class_names=["cat", "dog"])
    probe = read_probe(str(tmp_path / "a.npz"), MODEL, None)
    assert (probe.images.max(), probe.labels.tolist(), probe.class_names) == (1.0, [0, 1, 1], ("cat", "dog"))
    np.savez(tmp_path / "b.npz", images=np.ones((3, 8, 8, 3)) / 2)
    assert read_probe(str(tmp_path / "b.npz"), MODEL, None).images.max() == 0.5
    np.savez(tmp_path / "c.npz", pictures=pixels)
    with pytest.raises(ValueError, match=r"'images' or 'x', it holds \['pictures'\]"):
        read_probe(str(tmp_path / "c.npz"), MODEL, None)
    np.savez(tmp_path / "d.npz", x=np.array([{}], object))
    with pytest.raises(ValueError, match="cannot be read"):
        read_probe(str(tmp_path / "d.npz"), MODEL, None)


def test_numbers_that_are_no_pixels_stay_as_they_are(tmp_path):
    tokens, photos = np.array([[3, 200, 7], [0, 1, 255]], np.uint8), np.full((2, 8, 8, 3), 51, np.uint8)
    np.savez(tmp_path / "a.npz", photo=photos, words=tokens)
    two = types.SimpleNamespace(input_shape={"photo": (8, 8, 3), "words": (3,)})
    found = read_probe(str(tmp_path / "a.npz"), two, None)
    assert found.images["words"].tolist() == tokens.tolist()
    assert found.images["photo"].max() == np.float32(0.2)
    assert [note.partition(": ")[2] for note in found.notes] == [
        "input 'words' is uint8 [2, 3], taken for numbers up to 255 and not for pixels; if it holds pixels in a row, "
        "divide by 255"
    ]
    np.savez(tmp_path / "b.npz", x=tokens)
    table = types.SimpleNamespace(input_shape=(3,))
    assert read_probe(str(tmp_path / "b.npz"), table, None).images.tolist() == tokens.tolist()


def test_pixels_in_doubt_are_told(tmp_path):
    masks = np.array([0, 1], np.uint8).repeat(64).reshape(2, 8, 8, 1)
    np.savez(tmp_path / "a.npz", x=masks, y=[0, 1], target=[5, 6])
    probe = read_probe(str(tmp_path / "a.npz"), MODEL, None)
    assert probe.images.max() == 1, "1 of 255 would be black"
    assert "0 and 1 alone" in probe.notes[0]
    assert "not read: ['target']" in probe.notes[1]
    np.savez(tmp_path / "b.npz", series=np.full((2, 8, 4), 51, np.uint8), table=np.ones((2, 3)))
    two = types.SimpleNamespace(input_shape={"series": (8, 4), "table": (3,)})
    probe = read_probe(str(tmp_path / "b.npz"), two, None)
    assert probe.images["series"].max() == np.float32(0.2)
    assert "'series' is uint8 [2, 8, 4], taken for grey pixels" in probe.notes[0]


def test_arrays_sorted_by_class_are_told(tmp_path):
    for labels, said in (
        ([4] * 9 + [5], ["its first 8 pictures are all of class 4"]),
        ([4, 5] * 5, []),
        ([4] * 10, []),
    ):
        np.savez(tmp_path / "a.npz", images=np.ones((10, 8, 8, 3)) / 2, labels=labels)
        notes = read_probe(str(tmp_path / "a.npz"), MODEL, None).notes
        assert [note.partition(": ")[2].partition(",")[0] for note in notes] == said


def test_functions_by_name(tmp_path, monkeypatch):
    (tmp_path / "scaling_of_mine.py").write_text("def twice(x):\n    return 2 * x\nvalue = 3\n")
    monkeypatch.chdir(tmp_path)
    assert find_preprocess("scaling_of_mine:twice", None)(4) == 8
    assert find_preprocess(None, (-1, 1))(np.array([0, 1])).tolist() == [-1, 1]
    assert find_preprocess("caffe", None) == "caffe", "names are what open_model knows"
    for name, message in (("scaling_of_mine:thrice", "no attribute"), ("no_such_module:f", "No module"),
                          ("scaling_of_mine:value", "no function")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            find_preprocess(name, None)
