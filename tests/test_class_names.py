"""Class names from files as people have them."""

import json

import pytest

from tf_interp.models import read_class_names


@pytest.mark.parametrize(
    "content",
    [
        b"cat\ngreat dane\n",
        "\ufeffcat\ngreat dane".encode(),  # as Windows saves text
        b"cat\r\n great dane \r\n\r\n",
        "cat\ngreat dane\n".encode("utf-16"),
    ],
)
def test_names_are_read_without_marks(tmp_path, content):
    (tmp_path / "names.txt").write_bytes(content)
    assert read_class_names(tmp_path / "names.txt") == ("cat", "great dane")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"cat\n\ndog", "line 2 is empty"), (b"", "line 1 is empty"), (b"\xe9t\xe9", "expected a text file in UTF-8")],
)
def test_what_is_no_list_of_names_is_refused(tmp_path, content, message):
    (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_class_names(tmp_path / "names.txt")


@pytest.mark.parametrize(
    "content",
    [["cat", "dog"], {"0": "cat", "1": "dog"}, {"1": ["n02", "dog"], "0": ["n01", "cat"]}, {"dog": 1, "cat": 0}],
)
def test_json_in_every_form(tmp_path, content):
    (tmp_path / "names.json").write_text(json.dumps(content), encoding="utf-8")
    assert read_class_names(tmp_path / "names.json") == ("cat", "dog")


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "no JSON"), ('{"0": "a", "2": "b"}', "indices 0 to 1"), ("3", "list"), ("[1]", "text")],
)
def test_json_that_is_no_list_of_names_is_refused(tmp_path, content, message):
    (tmp_path / "names.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_class_names(tmp_path / "names.json")
