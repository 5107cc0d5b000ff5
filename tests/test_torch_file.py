"""Weights from files of PyTorch: tensors come out as they went in, and nothing else comes out or happens."""

import builtins
import io
import os
import pickle
import subprocess
import zipfile

import numpy as np
import pytest
import torch_writer as writer
from torch_writer import Call, Global, Stored, file_of, pickled, state, storage, tensor

from tf_interp.models.zoo.torch_file import read_tensors

RNG = np.random.default_rng(0)
ARRAYS = {
    "conv.weight": RNG.normal(size=(4, 3, 2, 2)).astype(np.float32),
    "conv.turned": np.asfortranarray(RNG.normal(size=(2, 3, 4)).astype(np.float32)),
    "conv.mixed": RNG.normal(size=(2, 5, 3)).astype(np.float32).transpose(1, 2, 0),
    "norm.weight": np.ones(3, np.float32),
    "norm.count": np.array(7, np.int64),
    "many": np.arange(5),
    "one": np.ones((1, 2, 1), np.float32),
}
ONE = np.arange(6, dtype=np.float32).reshape(2, 3)


def read(data, folder):
    (folder / "weights.pth").write_bytes(data)
    return read_tensors(folder / "weights.pth")


def one(**changes):
    return file_of({"a": tensor("0", ONE, **changes)}, ["0"], storage(ONE))


def test_tensors_come_out_as_they_went_in(tmp_path):
    got = read(state(ARRAYS), tmp_path)
    assert list(got) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_array_equal(got[name], array)
        with pytest.raises(ValueError, match="read-only"):
            got[name][...] = 0


def test_tensors_may_share_a_storage(tmp_path):
    value = {
        "whole": tensor("0", ONE),
        "second": tensor("0", ONE[1], start=3, length=6),
        "turned": tensor("0", ONE, shape=(3, 2), strides=(1, 3)),
    }
    got = read(file_of(value, ["0"], storage(ONE)), tmp_path)
    np.testing.assert_array_equal(got["second"], ONE[1])
    np.testing.assert_array_equal(got["turned"], ONE.T)


def test_the_dictionary_may_have_an_order_and_attributes(tmp_path):
    """As PyTorch writes it: an OrderedDict with attributes, which are dropped."""
    body = (
        b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(X\x01\x00\x00\x00aq\x02"
        + writer._steps(tensor("0", ONE))
        + b"X\x01\x00\x00\x00b"
        + writer._steps(tensor("0", ONE))
        + b"u}X\x09\x00\x00\x00_metadatah\x01sb."
    )
    head = b"".join(map(pickled, (writer.MAGIC, writer.VERSION, writer.INFO)))
    got = read(head + body + pickled(["0"]) + storage(ONE), tmp_path)
    assert list(got) == ["a", "b"]


class Hostile:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


CALLS = {
    "a command": Hostile(os.system, "touch done"),
    "a process": Hostile(subprocess.run, ["touch", "done"]),
    "code": Hostile(builtins.eval, "open('done', 'w')"),
    "a file": Hostile(builtins.open, "done", "w"),
    "a look-up": Hostile(builtins.getattr, "", "join"),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("case", CALLS)
def test_calls_are_refused_and_do_not_happen(case, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = [pickled(value) for value in (writer.MAGIC, writer.VERSION, writer.INFO)]
    for before in range(4):  # as each of the pickles
        data = b"".join(good[:before]) + pickle.dumps(CALLS[case], protocol) + pickled(["0"]) + storage(ONE)
        with pytest.raises(ValueError, match="is not read"):
            read(data, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pth"]


ORDERED, REBUILD, FLOAT = (
    Global(name) for name in ("collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch FloatStorage")
)
WRONG = {
    "another function": {"a": Call(Global("os system"), ("touch done",))},
    "another function of torch": {"a": Call(Global("torch.hub load"), ("x",))},
    "a dictionary of something": Call(ORDERED, ([("a", 1)],)),
    "a dictionary called twice": Call(Call(ORDERED, ()), ()),
    "a storage called": {"a": Call(FLOAT, (3,))},
    "a function as value": {"a": REBUILD},
    "a number as value": {"a": 1},
    "a dictionary as value": {"a": {"b": tensor("0", ONE)}},
    "no dictionary": [tensor("0", ONE)],
    "only a tensor": tensor("0", ONE),
    "a number as name": {1: tensor("0", ONE)},
    "a tuple as name": {("a",): tensor("0", ONE)},
    "too few arguments": {"a": Call(REBUILD, (1, 2))},
    "no storage": {"a": Call(REBUILD, ("0", 0, (2,), (1,), False, {}))},
    "another kind of storage": {"a": tensor("0", ONE, kind=Global("torch HalfStorage"))},
    "a storage without type": {"a": tensor("0", ONE, kind="FloatStorage")},
    "a view": {"a": tensor("0", ONE, view=("0", 0, 3))},
    "a persistent name": {"a": Stored(("module", FLOAT, "0", "cpu", 6, None))},
    "a storage of two sizes": {"a": tensor("0", ONE), "b": tensor("0", ONE, length=7)},
    "a storage of two types": {"a": tensor("0", ONE), "b": tensor("0", ONE.astype(int))},
    "a negative storage": {"a": tensor("0", ONE, length=-6)},
    "no integer size": {"a": tensor("0", ONE, shape=("2", "3"))},
}


@pytest.mark.parametrize("case", WRONG)
def test_other_things_than_tensors_are_refused(case, tmp_path):
    with pytest.raises(ValueError, match=r"is not read: .* Expected a dictionary of tensors"):
        read(file_of(WRONG[case], ["0"], storage(ONE)), tmp_path)


SIZES = {
    "too large": {"shape": (2, 4), "strides": (4, 1)},
    "huge": {"shape": (2**62, 3), "strides": (3, 1)},
    "behind the end": {"start": 1},
    "before the begin": {"start": -1},
    "negative": {"shape": (-2, -3), "strides": (-3, 1)},
    "one negative": {"shape": (-1, 3), "strides": (3, 1)},
    "overlapping": {"strides": (1, 1)},
    "all the same number": {"shape": (2**40,), "strides": (0,)},
    "with gaps": {"shape": (2, 2), "strides": (3, 1)},
    "backwards": {"strides": (-3, -1)},
    "too few strides": {"strides": (3,)},
    "too many axes": {"shape": (1,) * 100_000, "strides": (1,) * 100_000},
}


@pytest.mark.parametrize("case", SIZES)
def test_wrong_sizes_are_refused(case, tmp_path):
    with pytest.raises(ValueError, match=r"a tensor (\[.*\] (does not fit|has gaps)|is not described)"):
        read(one(**SIZES[case]), tmp_path)


def test_a_file_that_ends_anywhere_too_soon_is_refused(tmp_path):
    whole = state({name: ARRAYS[name] for name in ("norm.weight", "norm.count")})
    assert len(read(whole, tmp_path)) == 2
    for length in range(len(whole)):
        with pytest.raises(ValueError, match="is not read"):
            read(whole[:length], tmp_path)
    with pytest.raises(ValueError, match="3 bytes are left over"):
        read(whole + b"\0\0\0", tmp_path)


def test_any_byte_may_be_wrong(tmp_path):
    """Nothing else than a ValueError ever comes of it, and never more numbers than the file has."""
    whole = state({name: ARRAYS[name] for name in ("norm.weight", "norm.count")})
    refused = 0
    for place in range(len(whole)):
        for value in (0x00, 0x28, 0x52, 0x62, 0x80, 0xFF):
            data = bytearray(whole)
            data[place] = value
            try:
                got = read(bytes(data), tmp_path)
            except ValueError:
                refused += 1
            else:
                assert sum(array.size for array in got.values()) <= 4
    assert refused > 4 * len(whole)


HEADERS = {
    "another magic number": file_of({}, [], b"", magic=1),
    "another version": file_of({}, [], b"", version=1002),
    "big-endian": file_of({}, [], b"", info={**writer.INFO, "little_endian": False}),
    "no byte order": file_of({}, [], b"", info={}),
    "nothing": b"",
    "text": b"not a network",
    "a string of 4 GB": b"\x80\x02X\xff\xff\xff\xffa.",
    "a string of 16 EB": b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7fa.",
    "a number of 2 GB": b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
    "a number of many digits": b"\x80\x02L" + b"9" * 100_000 + b"L\n.",
    "a storage of 8 EB": file_of({"a": tensor("0", ONE, length=2**61)}, ["0"], storage(ONE, 2**61)),
    "a storage of another size": file_of({"a": tensor("0", ONE)}, ["0"], storage(ONE, 7)),
    "another storage": file_of({"a": tensor("0", ONE)}, ["1"], storage(ONE)),
    "a storage twice": file_of({"a": tensor("0", ONE)}, ["0", "0"], storage(ONE) * 2),
    "a storage too many": file_of({"a": tensor("0", ONE)}, ["0", "1"], storage(ONE) * 2),
    "keys that are none": file_of({"a": tensor("0", ONE)}, [["0"]], storage(ONE)),
    "marks": b"\x80\x02" + b"(" * 300_000 + b"t" * 300_000 + b".",
    "a deep name": b"\x80\x02}" + b")" + b"\x85" * 300_000 + b"Ns.",
}


@pytest.mark.parametrize("case", HEADERS)
def test_other_files_are_refused(case, tmp_path):
    with pytest.raises(ValueError, match="is not read"):
        read(HEADERS[case], tmp_path)


def test_the_newer_format_is_told_apart(tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("archive/data.pkl", pickled({}))
    with pytest.raises(ValueError, match=r"the newer zip format.*_use_new_zipfile_serialization=False"):
        read(data.getvalue(), tmp_path)


def test_steps_without_values_are_refused(tmp_path):
    for steps in (b"}s.", b"Nb.", b"(s.", b"R.", b"Q.", b"u.", b"t.", b"e.", b"h\x00.", b"q\x00.", b"\x87.", b"NN."):
        with pytest.raises(ValueError, match="is not read"):
            read(b"\x80\x02" + steps, tmp_path)
