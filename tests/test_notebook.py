"""Records in a notebook: words, tables and pictures, and nothing that runs."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from test_display import MARKUP, Reader

import tf_interp as ti


def make_record(step=3, title="Two units", gray=100):
    units = [
        {"channel": index, "name": name, "picture": index, "status": "ok", "probe_max": 1.5}
        for index, name in enumerate((MARKUP, "channel 7"))
    ]
    data = {"units": units, "pictures": {"image": 0, "rows": 1, "columns": 2, "count": 2}, "crops": None}
    return ti.Record("features", "conv", step, title, data, [np.full((8, 16), gray, np.uint8)])


def pictures(shown):
    """The pictures in it."""
    for data in re.findall(r'src="data:image/png;base64,([^"]*)"', shown._repr_html_()):
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            yield np.asarray(picture)


def test_the_last_step_is_there_with_its_pictures(tmp_path):
    records = [make_record(4, gray=200), make_record(3, gray=100)]
    shown = ti.show(records)
    [picture] = pictures(shown)
    assert (picture.shape, int(picture[0, 0])) == ((8, 16), 200)
    page = Reader(shown._repr_html_())
    assert "Two units, step 4, drawn to excite each unit" in page.text
    assert MARKUP in page.text
    assert not {"script", "style", "iframe", "link"} & set(page.tags)
    assert repr(shown) == "Shown(2 records, features, layers 'conv', 1 picture)"
    ti.write(records[::-1], tmp_path / "logs")
    assert ti.show(tmp_path / "logs")._repr_html_().count("<img") == 1


def test_one_record_and_one_that_was_made_again():
    assert repr(ti.show(make_record())).startswith("Shown(1 record")
    [picture] = pictures(ti.show([make_record(gray=1), make_record(gray=2)]))
    assert int(picture[0, 0]) == 2


def test_a_map_is_blue_for_and_red_against():
    sheet = {"rows": 1, "columns": 1, "count": 1}
    data = {"pictures": [], "positive": {"image": 0, **sheet}, "negative": {"image": 1, **sheet}}
    images = [np.array([[255, 0, 0]], np.uint8), np.array([[0, 0, 255]], np.uint8)]
    [picture] = pictures(ti.show(ti.Record("attribution", "conv", 0, "Why", data, images)))
    blue, nothing, red = picture[0]
    assert blue[2] > blue[0]
    assert red[0] > red[2]
    assert nothing.tolist() == [255, 255, 255]


def test_sheets_that_a_record_does_not_have_are_passed_over():
    data = {"units": 5, "pictures": {"image": 5}, "crops": [1]}
    assert "<img" not in ti.show(ti.Record("features", "conv", 0, "Odd", data))._repr_html_()
    assert "<img" not in ti.show(ti.Record("of my own", "conv", 0, "Own", {}))._repr_html_()


def test_runs_are_told_apart(tmp_path):
    for run in ("first", "second"):
        ti.write([make_record()], tmp_path / run)
    text = Reader(ti.show(tmp_path)._repr_html_()).text
    assert "first: Two units" in text
    assert "second: Two units" in text


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [([], ValueError, "no records"), ([1], TypeError, "log directory or records, got int"), (".", ValueError, "holds")],
)
def test_what_cannot_be_shown_is_refused(source, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        ti.show(source)
