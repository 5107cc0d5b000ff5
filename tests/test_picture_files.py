"""Picture files of 16 bits: what Pillow cuts of them, and what is said of that."""

import collections
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tf_interp.images import describe, read_image

KINDS = {1: 0, 2: 4, 3: 2, 4: 6}  # bands -> kind of PNG: grey, grey and opacity, RGB, RGB and opacity


def write_deep_png(path, values, clear=None):
    """Write values 0..65535 [h,w,bands], which Pillow can read but not write; `clear` is not shown."""

    def pack(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width, bands = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = pack(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, KINDS[bands], 0, 0, 0))
    if clear is not None:
        head += pack(b"tRNS", struct.pack(f">{len(clear)}H", *clear))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + pack(b"IDAT", zlib.compress(rows)) + pack(b"IEND", b""))
    return path


def read(path, channels=3, **options):
    image = read_image(path, channels=channels, remarks=(remarks := collections.Counter()), **options)
    return image, describe(remarks)


def make(bands, most=65536, seed=0):
    return np.random.default_rng(seed).integers(0, most, (5, 7, bands))


@pytest.mark.parametrize("bands", [2, 3, 4])
def test_colors_of_sixteen_bits_are_cut_to_eight_and_that_is_told(tmp_path, bands):
    values = make(bands)
    if bands != 3:
        values[..., -1] = 65535
    image, told = read(write_deep_png(tmp_path / "a.png", values))
    expected = values[..., : bands - 1 if bands != 3 else 3] / 65535
    assert 0 < np.abs(image - expected).max() <= 1 / 255
    assert told == ("1 picture file of 16 bits a color, read as 8: where finer steps matter, give arrays",)


def test_nothing_is_cut_of_grey_of_sixteen_bits_or_of_eight_bits(tmp_path):
    values = make(1)
    image, told = read(write_deep_png(tmp_path / "a.png", values), 1)
    assert np.abs(image - values / 65535).max() < 1e-6
    assert told == ()
    for mode in ("RGB", "RGBA", "LA", "P"):
        Image.new(mode, (4, 4), 200 if mode == "P" else (200,) * len(mode)).convert("RGB").save(tmp_path / "b.png")
        assert read(tmp_path / "b.png")[1] == ()


def test_bitmaps_of_five_and_six_bits_a_color_are_not_said_to_be_cut(tmp_path):
    head = struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 16, 3, 8, 0, 0, 0, 0) + struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    data = b"BM" + struct.pack("<IHHI", 74, 0, 0, 66) + head + struct.pack("<4H", 0xFFFF, 0xF800, 0x7E0, 0x1F)
    (tmp_path / "a.bmp").write_bytes(data)
    image, told = read(tmp_path / "a.bmp")
    assert image.max() == 1
    assert told == ()


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("most", [256, 4096, 65536])
def test_pictures_that_hold_fewer_bits_are_told_to_be_nearly_black(tmp_path, bands, most):
    values = make(bands, most)
    if bands in (2, 4):
        values[..., -1] = 65535
        values[0, 0, 0] = most - 1  # what is above 255 is seen through the cut
    told = " ".join(read(write_deep_png(tmp_path / "a.png", values))[1])
    seen = most == 4096 or (most == 256 and bands in (1, 3))
    assert ("nearly black" in told) == seen


@pytest.mark.parametrize("bands", [1, 3])
def test_a_color_that_is_not_shown_is_put_on_the_background(tmp_path, bands):
    values = make(bands)
    clear = (300, 40000, 65000)[:bands]
    values[0] = clear
    path = write_deep_png(tmp_path / "a.png", values, clear)
    for background, name in ((1.0, "white"), (0.2, "grey of 0.2")):
        image, told = read(path, background=background)
        assert np.allclose(image[0], background, atol=1e-6)
        assert np.abs(image[1:] - values[1:] / 65535).max() <= 1 / 255
        assert f"1 picture file with transparent parts, put on {name}" in told
    values[0] = 5000
    assert not any("transparent" in line for line in read(write_deep_png(path, values, clear))[1])
