"""Pictures at the border: what is let in, what is refused and how it is said, and sheets for records."""

import collections

import numpy as np
import pytest
from PIL import Image

from tf_interp.images import (
    MAX_PIXELS,
    check_images,
    check_labels,
    describe,
    digest_images,
    list_folder,
    make_sheet,
    read_folder,
    read_image,
    show_bands,
    to_uint8,
)


def save(path, color=(255, 128, 0), size=(6, 4), mode="RGB"):
    Image.new(mode, size, color).save(path)
    return path


# --- check_images -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (np.zeros((2, 4, 5, 3)), (2, 4, 5, 3)),
        (np.ones((2, 4, 5)), (2, 4, 5, 1)),
        (np.zeros((1, 4, 5, 7), np.float16), (1, 4, 5, 7)),
        (np.eye(4, dtype=np.uint8)[None], (1, 4, 4, 1)),
        (np.eye(4, dtype=bool)[None], (1, 4, 4, 1)),
        ([[[[0.5]]]], (1, 1, 1, 1)),
    ],
)
def test_good_images_become_float32(images, shape):
    array = check_images(images)
    assert array.dtype == np.float32
    assert array.shape == shape
    assert np.allclose(array.ravel(), np.ravel(images))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((4, 5)), ValueError, r"shape \[N,H,W,C\] .*got \[4, 5\]; for a single image pass image\[None\]"),
        (np.zeros((0, 4, 5, 3)), ValueError, "at least one image"),
        (np.zeros((1, 2, 3, 4, 5)), ValueError, r"got \[1, 2, 3, 4, 5\]"),
        (np.full((1, 2, 2, 3), 255, np.uint8), ValueError, "got uint8 values up to 255: divide by 255 first"),
        (np.full((1, 2, 2, 3), 4095, np.uint16), ValueError, "got uint16 values up to 4095: divide by 65535 first"),
        (np.full((1, 2, 2, 3), 99, np.uint16), ValueError, r"divide by 65535 \(by 255, if they are of 8 bits\) first"),
        (np.full((1, 2, 2, 3), 60000.0), ValueError, "from 6e.04 to 6e.04: divide by 65535"),
        (np.full((1, 2, 2, 3), 200.0), ValueError, "from 200 to 200: divide by 255"),
        (np.full((1, 2, 2, 3), -1.0), ValueError, "from -1 to -1: undo the network's own scaling"),
        (np.full((1, 2, 2, 3), 1.5), ValueError, "from 1.5 to 1.5: undo the network's own scaling"),
        (np.array([[[[0, np.nan, np.inf]]]]), ValueError, "hold 2 NaN or infinite values"),
        (np.array([[["a"]]]), TypeError, "must be an array of floats"),
        (np.array([[[None]]]), TypeError, "must be an array of floats"),
        (np.zeros((1, 2, 2, 3), complex), TypeError, "got dtype complex128"),
        ([np.zeros((2, 2, 3)), np.zeros((3, 2, 3))], ValueError, "^images differ in shape"),
        (None, TypeError, "must be an array of floats"),
    ],
)
def test_bad_images_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        check_images(images)


def test_message_uses_the_callers_word():
    with pytest.raises(ValueError, match=r"^concept 'stripes' must lie in"):
        check_images(np.full((1, 2, 2, 3), 2.0), "concept 'stripes'")


def test_images_are_not_changed_behind_the_callers_back():
    images = np.full((1, 2, 2, 3), 0.5, np.float32)
    check_images(images)
    assert (images == 0.5).all()


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif"])
def test_picture_files(tmp_path, suffix):
    array = read_image(save(tmp_path / f"a.{suffix}"))
    assert array.shape == (4, 6, 3)
    assert array.dtype == np.float32
    assert np.allclose(array, np.array([255, 128, 0]) / 255, atol=0.03)


def test_size_channels_and_odd_modes(tmp_path):
    path = save(tmp_path / "a.png")
    assert read_image(path, size=(8, 2)).shape == (8, 2, 3)
    assert read_image(path, channels=1).shape == (4, 6, 1)
    for mode, color in (("L", 100), ("1", 1), ("P", 3), ("RGBA", (1, 2, 3, 0))):
        assert read_image(save(tmp_path / "b.png", color, mode=mode)).shape == (4, 6, 3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path, channels, suffix):
    for value in (0, 4000, 30000, 65535):
        path = save(tmp_path / f"a.{suffix}", value, mode="I;16")
        assert np.allclose(read_image(path, channels=channels), value / 65535, atol=1e-6)
        assert np.allclose(read_image(path, (2, 3), channels), value / 65535, atol=1e-6)


def test_sixteen_bits_of_which_twelve_are_used_are_told(tmp_path):
    save(tmp_path / "a.png", 4095, mode="I;16")
    save(tmp_path / "b.png", 4096, mode="I;16")
    save(tmp_path / "c.png", 0, mode="I;16")  # black is black on any scale
    save(tmp_path / "d.png", 100, mode="L")
    read_folder(tmp_path, remarks=(remarks := collections.Counter()))
    (told,) = describe(remarks)
    assert told.startswith("1 picture file of 16 bits that hold no more than 12 bits")


def test_deep_files_are_turned_and_floats_must_lie_in_range(tmp_path):
    values = np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(values).save(tmp_path / "a.tif", exif=exif)
    assert np.allclose(read_image(tmp_path / "a.tif", channels=1)[..., 0], np.rot90(values, -1))
    Image.fromarray((values * 65535).astype(np.int32)).save(tmp_path / "b.tif")
    assert np.allclose(read_image(tmp_path / "b.tif", channels=1)[..., 0], values, atol=1e-4)
    for array in (values * 255, values - 0.5, np.where(values > 0.5, np.nan, values), (values * 1e6).astype(np.int32)):
        Image.fromarray(array).save(tmp_path / "c.tif")
        with pytest.raises(ValueError, match=r"holds values from .* expected 0 to"):
            read_image(tmp_path / "c.tif")


# --- opacity and bands ------------------------------------------------------------------------------------------------


def _half_clear(mode, hidden):
    """A red (or grey) picture whose right half is transparent, with a hidden color under it."""
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[:, :3] = (200, 0, 0, 255)
    pixels[:, 3:] = (*hidden, 0)
    picture = Image.fromarray(pixels)
    if mode == "P":
        picture = Image.new("P", (6, 4), 0)
        picture.putpalette([*hidden, 200, 0, 0])
        picture.paste(1, (0, 0, 3, 4))
        picture.info["transparency"] = 0
    elif mode in ("RGB", "L"):  # one color that means "nothing here"
        picture = picture.convert(mode)
        picture.info["transparency"] = hidden if mode == "RGB" else picture.getpixel((5, 0))
    return picture if mode in ("P", "RGB", "L") else picture.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "L"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_looks_the_same_is_read_the_same(tmp_path, mode, channels):
    got = []
    for hidden in ((0, 0, 0), (0, 255, 0), (255, 255, 254)):
        picture = _half_clear(mode, hidden)
        picture.save(tmp_path / "a.png", transparency=picture.info.get("transparency"))
        got.append(read_image(tmp_path / "a.png", channels=channels))
        assert (got[-1][:, 3:] == 1).all(), "white shows through"
        assert got[-1][:, :3].max() < 0.8
    assert (got[0] == got[1]).all()
    assert (got[0] == got[2]).all()
    dark = read_image(tmp_path / "a.png", channels=channels, background=0.0)
    assert (dark[:, 3:] == 0).all()
    assert (dark[:, :3] == got[0][:, :3]).all()


def test_half_opaque_colors_are_mixed_with_the_background(tmp_path):
    path = save(tmp_path / "a.png", (255, 0, 0, 128), mode="RGBA")
    assert np.allclose(read_image(path), [1, 127 / 255, 127 / 255], atol=1 / 255)


def test_a_folder_tells_of_opacity_and_of_frames(tmp_path):
    for index in range(3):
        save(tmp_path / f"{index}.png", (0, 0, 0, 255 * (index > 1)), mode="RGBA")  # the last is opaque
    frames = [Image.new("RGB", (6, 4), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "z.gif", save_all=True, append_images=frames[1:])
    remarks = collections.Counter()
    images, _, _ = read_folder(tmp_path, remarks=remarks)
    assert describe(remarks) == (
        "2 picture files with transparent parts, put on white",
        "1 picture file with several frames or pages, of which the first was read",
    )
    assert images[3, 0, 0].tolist() == [1, 0, 0]
    read_folder(tmp_path, background=0.5, remarks=(grey := collections.Counter()))
    assert "2 picture files with transparent parts, put on grey of 0.5" in describe(grey)
    with pytest.raises(ValueError, match="background must be a grey level"):
        read_folder(tmp_path, background=255)


@pytest.mark.parametrize(
    ("mode", "color", "name", "bands"),
    [("LA", (9, 0), "a.png", 2), ("RGBA", (1, 2, 3, 0), "a.png", 4), ("CMYK", (1, 2, 3, 4), "a.tif", 4)],
)
def test_bands_are_read_as_they_are_if_one_asks(tmp_path, mode, color, name, bands):
    path = save(tmp_path / name, color, mode=mode)
    assert np.allclose(read_image(path, channels=bands), np.array(color) / 255)
    assert read_image(path).shape == (4, 6, 3)
    for other in {2, 4, 5} - {bands}:
        with pytest.raises(ValueError, match=f"holds {mode}, {bands} bands, not {other}"):
            read_image(path, channels=other)


# --- folders ----------------------------------------------------------------------------------------------------------


def test_hidden_and_system_folders_are_listed_and_not_read(tmp_path):
    for name in (".ipynb_checkpoints", "@eaDir", "__MACOSX", "more"):
        (tmp_path / name / "deep").mkdir(parents=True)
        save(tmp_path / name / "deep" / "a.png")
        (tmp_path / name / "a.txt").write_text("")
    (tmp_path / ".DS_Store").write_text("")  # nobody misses it
    save(tmp_path / "a.png")
    listing = list_folder(tmp_path)
    assert ([file.name for file in listing.files], [item.name for item in listing.folders]) == (["a.png"], ["more"])
    _, files, skipped = read_folder(tmp_path)
    assert [file.name for file in files] == ["a.png"]
    assert skipped == [
        *(f"{name}: a hidden folder with 1 picture, not read" for name in (".ipynb_checkpoints", "@eaDir")),
        "__MACOSX: a hidden folder with 1 picture, not read",
        "more: a sub-folder with 1 picture, not read",
    ]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
@pytest.mark.parametrize("orientation", range(9))
def test_a_picture_is_turned_as_its_orientation_says(tmp_path, suffix, orientation):
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:12, :20] = 255  # a corner and a side that no turn maps to itself
    upright[12:, :8] = (255, 0, 0)
    stored = {
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }.get(orientation, upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    got = read_image(path)
    assert got.shape == (24, 40, 3)
    assert np.abs(got - upright / 255).mean() < 0.06  # JPEG smears the colors at edges
    small = read_image(path, (12, 20), channels=1)
    assert small.shape == (12, 20, 1)
    assert small[:5, :9].min() > 0.9
    assert read_folder(tmp_path)[0].shape == (1, 24, 40, 3)


@pytest.mark.parametrize("exif", [b"Exif\0\0no header", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12"])
def test_a_picture_with_damaged_metadata_is_read_as_it_lies(tmp_path, exif):
    Image.new("RGB", (9, 6), (255, 0, 0)).save(tmp_path / "a.png", exif=exif)
    assert read_image(tmp_path / "a.png").shape == (6, 9, 3)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_file_that_is_no_picture(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.png: not a readable picture"):
        read_image(tmp_path / "a.png")


def test_damaged_missing_and_giant_pictures(tmp_path):
    data = save(tmp_path / "a.png", size=(100, 100)).read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="not a readable picture"):
        read_image(tmp_path / "cut.png")
    with pytest.raises(ValueError, match="not a readable picture"):
        read_image(tmp_path / "missing.png")
    save(tmp_path / "bomb.png", 0, (8000, MAX_PIXELS // 8000 + 1), "1")
    with pytest.raises(ValueError, match="is over 32,000,000 pixels"):
        read_image(tmp_path / "bomb.png")


def test_folder_is_read_in_order_and_tells_what_it_skipped(tmp_path):
    save(tmp_path / "b.png", (255, 0, 0))
    save(tmp_path / "a.jpg", (0, 255, 0), (12, 8))
    (tmp_path / "c.png").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    images, files, skipped = read_folder(tmp_path)
    assert images.shape == (2, 8, 12, 3)
    assert [file.name for file in files] == ["a.jpg", "b.png"]
    assert images[0].mean((0, 1)).argmax() == 1
    assert [line.split(":")[0] for line in skipped] == [".hidden.png", "c.png", "notes.txt"]


def test_folder_with_too_few_pictures_says_why(tmp_path):
    save(tmp_path / "a.png")
    for index in range(7):
        (tmp_path / f"{index}.txt").write_text("")
    with pytest.raises(
        ValueError, match=r"found 1 readable pictures, need at least 2; skipped 7 files\n  0.txt: not one of"
    ):
        read_folder(tmp_path, minimum=2)
    with pytest.raises(ValueError, match="expected a folder of pictures, found nothing"):
        read_folder(tmp_path / "none")
    with pytest.raises(ValueError, match="expected a folder of pictures, found a file"):
        read_folder(tmp_path / "a.png")


# --- uint8 and sheets -------------------------------------------------------------------------------------------------


def test_to_uint8_rounds_clips_and_survives_nan():
    values = np.array([[0, 1, 0.5, 1 / 255, -3, 7, np.nan, np.inf, -np.inf]])
    assert to_uint8(values).tolist() == [[0, 255, 128, 1, 0, 255, 128, 255, 0]]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((4, 5), (4, 5)), ((4, 5, 1), (4, 5)), ((2, 4, 5, 1), (2, 4, 5)), ((4, 5, 3), (4, 5, 3)), ((4, 1), (4, 1))],
)
def test_to_uint8_drops_a_single_channel(shape, expected):
    assert to_uint8(np.zeros(shape)).shape == expected


def test_uint8_comes_back_unchanged():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(to_uint8(values / 255.0), values)


@pytest.mark.parametrize(
    ("channels", "tail"), [((), ()), ((1,), ()), ((2,), (3,)), ((3,), (3,)), ((4,), (3,)), ((7,), (3,))]
)
def test_sheet_holds_the_cells_row_by_row(channels, tail):
    cells = np.stack([np.full((2, 3, *channels), value / 10) for value in range(5)])
    sheet, about = make_sheet(cells, columns=2)
    assert about == {"rows": 3, "columns": 2, "count": 5}
    assert sheet.shape == (6, 6, *tail)
    assert sheet.dtype == np.uint8
    for index in range(6):
        row, column = divmod(index, 2)
        cell = sheet[row * 2 : row * 2 + 2, column * 3 : column * 3 + 3]
        assert (cell == (to_uint8(np.float32(index / 10))[()] if index < 5 else 0)).all()


def test_the_fourth_channel_is_opacity_if_one_says_so():
    cells = np.random.default_rng(0).uniform(0, 1, (1, 2, 3, 4))
    np.testing.assert_array_equal(make_sheet(cells, alpha=True)[0], to_uint8(cells)[0])
    np.testing.assert_array_equal(make_sheet(cells)[0], to_uint8(cells[..., :3])[0])
    np.testing.assert_array_equal(make_sheet(cells[..., 2:], alpha=True)[0], to_uint8(cells[..., 2])[0])
    np.testing.assert_array_equal(make_sheet(cells[..., 1:], alpha=True)[0], to_uint8(cells[..., [1, 2, 2]])[0])


def test_sheet_is_about_square_and_its_cells_no_longer_than_asked():
    assert make_sheet(np.zeros((7, 4, 4)))[1] == {"rows": 3, "columns": 3, "count": 7}
    assert make_sheet(np.zeros((2, 4, 4)), columns=9)[1] == {"rows": 1, "columns": 2, "count": 2}
    sheet, _ = make_sheet(np.full((2, 40, 20, 3), 0.5), longest=10)
    assert sheet.shape == (10, 10, 3)
    assert (sheet == 128).all()
    assert make_sheet(np.zeros((1, 4, 4)), longest=10)[0].shape == (4, 4)


# --- hashes and labels ------------------------------------------------------------------------------------------------


def test_digests_tell_pictures_apart():
    images = np.random.default_rng(0).random((3, 4, 4, 3)).astype(np.float32)
    images[2] = images[0]
    names = digest_images(images)
    assert names[0] == names[2] != names[1]
    assert [len(name) for name in names] == [12] * 3
    assert digest_images(images[::-1]) == names[::-1]


@pytest.mark.parametrize("labels", [[2, 0, 1], np.array([[2], [0], [1]]), np.eye(3)[[2, 0, 1]], [2.0, 0.0, 1.0]])
def test_labels_become_indices(labels):
    found = check_labels(labels, 3, ["a", "b", "c"])
    assert found.dtype == np.int64
    assert found.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"3 images need as many labels \[N\], got shape \[2\]"),
        ([0.5, 1, 2], "must be class indices"),
        (["a", "b", "c"], "must be class indices"),
        ([0, 1, 3], r"labels run from 0 to 3, but there are 3 class names"),
        ([-1, 1, 2], "labels run from -1 to 2"),
    ],
)
def test_labels_that_do_not_match_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        check_labels(labels, 3, ["a", "b", "c"])


def test_no_labels_and_no_names():
    assert check_labels(None, 3, None) is None
    assert check_labels([0, 1, 99], 3, None).tolist() == [0, 1, 99]
    with pytest.raises(ValueError, match="class indices from 0 on, the lowest is -1"):
        check_labels([0, 1, -1], 3, None)


def test_the_bands_that_matter_are_shown_and_named():
    cube = np.random.default_rng(0).normal(0.5, 0.01, (3, 4, 4, 12))
    cube[0, ..., 9], cube[1, ..., 2] = 1, 0
    shown, legend = show_bands(cube)
    assert legend in ("red = band 9, cyan = band 2", "red = band 2, cyan = band 9")
    first, second = (9, 2) if legend.startswith("red = band 9") else (2, 9)
    np.testing.assert_array_equal(shown, cube[..., [first, second, second]])
    named, legend = show_bands(cube, (2, 9, 4), [f"B{n}" for n in range(12)])
    assert legend == "red = B2, green = B9, blue = B4"
    np.testing.assert_array_equal(named, cube[..., [2, 9, 4]])
    assert show_bands(cube[..., :2])[1] == "red = band 0, cyan = band 1"
    assert show_bands(cube[..., 9:10])[1] is show_bands(cube[..., :3])[1] is None
    assert show_bands(cube[..., :4])[1] == "red = band 0, green = band 1, blue = band 2"
    with pytest.raises(ValueError, match=r"channels 0\.\.11"):
        show_bands(cube, (12,))


def test_a_channel_far_from_rest_matters_even_if_it_is_the_same_everywhere():
    flat = np.full((1, 4, 4, 6), 0.5)
    flat[..., 5], flat[..., 1] = 0.95, 0.02
    assert show_bands(flat, rest=0.5)[1] == "red = band 5, cyan = band 1"
