"""What is measured in pictures: each measure on a picture made for it."""

import numpy as np
import pytest

from tf_interp.groups.meaning.naming.picture_words import HUES, cover, measure_pictures, name_places

SIDE = 16
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
COLORS = dict(zip(HUES, [(1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1)], strict=True))


def measure(picture, cells=(1, 1)):
    picture = np.asarray(picture, np.float32)
    picture = picture[None, ..., None] if picture.ndim == 2 else picture[None]
    return {word.name: word.values[0] for word in measure_pictures(picture, cells)}


@pytest.mark.parametrize("hue", HUES)
def test_each_hue_is_itself_and_none_other(hue):
    found = measure(np.broadcast_to(COLORS[hue], (SIDE, SIDE, 3)))
    assert {name: found[name] for name in HUES} == {name: float(name == hue) for name in HUES}
    assert found["colorful"] == 1


def test_gray_has_no_hue_and_its_brightness():
    found = measure(np.full((SIDE, SIDE, 3), 0.25))
    assert found["bright"] == pytest.approx(0.25)
    assert not any(found[name] for name in (*HUES, "colorful", "edges", "vertical lines"))


@pytest.mark.parametrize(
    ("along", "word", "sign"),
    [(COLUMNS, "vertical lines", 1), (ROWS, "vertical lines", -1), (ROWS + COLUMNS, "falling lines", -1),
     (ROWS - COLUMNS, "falling lines", 1)],
)  # fmt: skip
def test_lines_have_the_way_they_go(along, word, sign):
    found = measure(along // 2 % 2)
    other = ({"vertical lines", "falling lines"} - {word}).pop()
    assert sign * found[word] > 0.6
    assert abs(found[other]) < 0.2


def test_texture_is_fine_or_coarse_whatever_its_contrast():
    fine, coarse = (measure(0.5 * ((ROWS // size + COLUMNS // size) % 2))["fine texture"] for size in (1, 8))
    assert fine > 0.5 > -0.2 > coarse
    assert measure(np.full((SIDE, SIDE), 0.5))["fine texture"] == 0


def test_measures_of_positions_are_those_of_their_part_of_the_picture():
    picture = np.zeros((SIDE, SIDE, 3))
    picture[:8, 8:] = (0, 0, 1)
    found = measure(picture, (2, 2))
    assert found["blue"].tolist() == [[0, 1], [0, 0]]
    assert found["edges"][1, 0] == 0 < found["edges"][0, 1]


def test_many_pictures_are_measured_like_one():
    pictures = np.random.default_rng(0).random((70, 8, 8, 3), np.float32)
    for word in measure_pictures(pictures, (2, 2)):
        np.testing.assert_allclose(word.values[-1], measure(pictures[-1], (2, 2))[word.name], rtol=1e-6)


def test_places():
    found = {word.name: word.values for word in name_places((5, 5))}
    assert found["border"].sum() == 16
    assert found["bottom"][4, 2] == found["right"][2, 4] == 1 == -found["bottom"][0, 2]
    assert np.unravel_index(found["center"].argmax(), (5, 5)) == (2, 2)
    assert "border" not in {word.name for word in name_places((3, 3))}


def test_cover_is_a_mean_over_parts_of_any_size():
    maps = np.random.default_rng(1).random((2, 7, 12))
    np.testing.assert_allclose(cover(maps, (7, 4)), maps.reshape(2, 7, 4, 3).mean(-1))
    np.testing.assert_allclose(cover(maps, (3, 5)).mean((1, 2)), maps.mean((1, 2)))
    np.testing.assert_allclose(cover(maps, (14, 12)), maps.repeat(2, 1))
