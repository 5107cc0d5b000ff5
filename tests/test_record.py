"""`Record`: JSON and pictures go in, the same come out."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from tensorboard_plugin_interp import metadata
from tf_interp.records import Record


def make_record(**changes):
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    values = {
        "kind": "features",
        "layer": "block/conv",
        "step": 7,
        "title": "<b>ä</b>",
        "data": {"units": [{"value": 0.5}], "none": None},
        "images": [picture, picture[..., 0]],
    }
    return Record(**{**values, **changes})


def test_record_equals_itself_after_a_trip_through_blobs():
    record = make_record()
    again = Record.from_blobs(record.to_blobs())
    assert again == record
    assert again.tag == "features/block/conv"
    assert again.images[1].dtype == np.uint8


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "groups"},
        {"step": 8},
        {"data": {}},
        {"images": []},
        {"images": [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)]},
    ],
)
def test_records_that_differ_are_not_equal(changes):
    assert make_record() != make_record(**changes)
    assert make_record() != "a record"


def test_numpy_values_become_json_and_what_is_not_finite_becomes_null():
    data = {
        "float": np.float32(0.5),
        "int": np.int64(3),
        "bool": np.bool_(True),
        "array": np.array([[1.0, np.nan]]),
        "infinite": float("-inf"),
        "tuple": (1, "a"),
        4: {"nested": np.array([2])},
    }
    expected = {
        "float": 0.5,
        "int": 3,
        "bool": True,
        "array": [[1.0, None]],
        "infinite": None,
        "tuple": [1, "a"],
        "4": {"nested": [2]},
    }
    record = make_record(data=data)
    assert record.data == expected
    assert type(record.data["bool"]) is bool
    assert json.loads(record.to_blobs()[0])["data"] == expected


def test_data_that_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match=r"data\['a'\]\[1\] of a record is a set"):
        make_record(data={"a": [1, {2}]})


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8), [[1]]],
)
def test_images_must_be_pictures(image):
    with pytest.raises(TypeError, match="image 0 of a record must be a uint8 array"):
        make_record(images=[image])


@pytest.mark.parametrize("channels", [None, 3, 4])
def test_each_kind_of_picture_survives(channels):
    shape = (5, 3) if channels is None else (5, 3, channels)
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    again = Record.from_blobs(make_record(images=[picture]).to_blobs()).images[0]
    assert again.shape == shape
    assert np.array_equal(again, picture)


def header(**changes):
    values = {"schema": 1, "kind": "features", "layer": "conv", "step": 0, "title": "t", "data": {}}
    return json.dumps({key: value for key, value in {**values, **changes}.items() if value is not ...}).encode()


def test_unknown_header_keys_are_ignored():
    assert Record.from_blobs([header(color="red")]).layer == "conv"


@pytest.mark.parametrize(
    "blobs",
    [
        [],
        [b"\xff"],
        [b"[]"],
        [b"3"],
        [header(kind=...)],
        [header(step="x")],
        [header(step=None)],
        [header(data=[1])],
        [header().replace(b'"data": {}', b'"data": ' + b"[" * 50_000 + b"]" * 50_000)],
        [header(), b"not a png"],
        [header(), b"\x89PNG\r\n\x1a\nbroken"],
        [header(), make_record().to_blobs()[1][:50]],
    ],
)
def test_bytes_that_are_no_record_are_a_value_error(blobs):
    with pytest.raises(ValueError, match="not a tf-interp record"):
        Record.from_blobs(blobs)


def test_newer_schema_says_upgrade():
    with pytest.raises(ValueError, match=f"schema {metadata.SCHEMA + 1}, this version reads up to .*upgrade"):
        Record.from_blobs([header(schema=metadata.SCHEMA + 1)])


def test_picture_that_is_a_bomb_is_refused():
    buffer = io.BytesIO()
    Image.new("1", (8000, 8000)).save(buffer, "PNG")
    with pytest.raises(ValueError, match="8000x8000 is over"):
        Record.from_blobs([header(), buffer.getvalue()])
