"""The wire format: what packs unpacks, and nothing else does."""

import json
import subprocess
import sys

import pytest

from tensorboard_plugin_interp import metadata

HEADER = {
    "schema": 1,
    "kind": "features",
    "layer": "bloc/conv — 2",
    "step": 7,
    "title": "t",
    "data": {"a": [1.5, None]},
}


def test_unpack_returns_what_was_packed() -> None:
    blobs = metadata.pack(HEADER, [b"one", b"two"])
    assert all(isinstance(blob, bytes) for blob in blobs)
    assert metadata.unpack(blobs) == (HEADER, [b"one", b"two"])


def test_tags_tell_records_of_one_layer_apart() -> None:
    for about in (("groups", "a:1/b@2/c", ""), ("groups", "a:1/b", "16"), ("my kind", "", "4"), ("features", "7", "")):
        assert metadata.split_tag(metadata.make_tag(*about)) == about
    assert metadata.split_tag("a: b/c") == ("a: b", "c", "")
    for wrong in ("k=4", " 4", "4/", "\u0664"):
        with pytest.raises(ValueError, match="up to nine digits"):
            metadata.make_tag("groups", "conv", wrong)


def test_pack_keeps_the_keys_of_the_format_only() -> None:
    assert metadata.unpack(metadata.pack(HEADER | {"other": 1}, []))[0] == HEADER


@pytest.mark.parametrize("key", metadata.HEADER_KEYS)
def test_pack_names_a_missing_key(key: str) -> None:
    with pytest.raises(ValueError, match=f"missing: \\['{key}'\\]"):
        metadata.pack({name: value for name, value in HEADER.items() if name != key}, [])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_pack_refuses_numbers_that_json_does_not_know(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        metadata.pack(HEADER | {"data": {"value": value}}, [])


@pytest.mark.parametrize("blobs", [[], [b""], [b"\xff\xfe"], [b"[]"], [b"{}"], [b"null"], [b'"text"'], [b"\x89PNG"]])
def test_unpack_says_what_is_no_record(blobs: list[bytes]) -> None:
    with pytest.raises(ValueError, match="not a tf-interp record"):
        metadata.unpack(blobs)


@pytest.mark.parametrize("depth", [90, 101, 900, 5_000, 200_000])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}")])
def test_a_header_that_is_nested_without_end_is_no_record(depth: int, start: str, end: str) -> None:
    data = start * depth + "1" + end * depth
    blob = json.dumps(HEADER).replace(json.dumps(HEADER["data"]), data).encode()
    if depth < metadata.MAX_DEPTH:
        assert metadata.unpack(metadata.pack(metadata.unpack([blob])[0], []))[0] == json.loads(blob)
        return
    with pytest.raises(ValueError, match="not a tf-interp record"):
        metadata.unpack([blob])
    if depth < 200:
        with pytest.raises(ValueError, match="nests more than 100 lists"):
            metadata.pack(json.loads(blob), [])


@pytest.mark.parametrize("deepest", [metadata.MAX_DEPTH, metadata.MAX_DEPTH + 1])
def test_depth_is_that_of_lists_in_objects_in_lists_and_not_of_words(deepest: int) -> None:
    value: object = 1
    for turn in range(deepest - 2):  # in `data`, in the header
        value = {"}]": value, "[": []} if turn % 2 else [value, 1, "[" * 500]
    words = ["{" * 500, '"' + "{" * 500, "\\", '\\"[', "]" * 500, "\\\\[", "é\n{"]
    header = HEADER | {"title": '[[\\"', "data": {"words": words, "value": value}}
    if deepest == metadata.MAX_DEPTH:
        assert metadata.unpack(metadata.pack(header, []))[0] == header
        return
    with pytest.raises(ValueError, match="nests more than 100"):
        metadata.pack(header, [])
    with pytest.raises(ValueError, match="nests more than 100"):
        metadata.unpack([json.dumps(header).encode()])


@pytest.mark.parametrize("schema", [2, 99, "1", None])
def test_unpack_refuses_another_schema(schema: object) -> None:
    with pytest.raises(ValueError, match="upgrade tf-interp"):
        metadata.unpack([json.dumps(HEADER | {"schema": schema}).encode()])


def test_needs_the_standard_library_only() -> None:
    code = "import sys; from tensorboard_plugin_interp import metadata; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tensorboard_plugin_interp.metadata" in modules
    assert not {"numpy", "tensorboard", "tensorflow", "tf_interp", "google.protobuf"} & set(modules)
