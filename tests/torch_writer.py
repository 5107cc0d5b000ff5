"""Files as PyTorch wrote them before 1.6, made without PyTorch; and with what a hostile one would hold."""

import struct
from typing import Any, NamedTuple

import numpy as np

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
INFO = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
KINDS = {"float32": "FloatStorage", "int64": "LongStorage"}


class Global(NamedTuple):
    """Something that a pickle imports, e.g. "torch FloatStorage"."""

    name: str


class Call(NamedTuple):
    """Something that a pickle calls."""

    function: Any
    arguments: tuple


class Stored(NamedTuple):
    """What a pickle leaves to its reader: the description of a storage."""

    identity: tuple


def pickled(value: Any) -> bytes:
    """Return one pickle of protocol 2."""
    return b"\x80\x02" + _steps(value) + b"."


def _steps(value: Any) -> bytes:
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, int):
        if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(data)]) + data
    if isinstance(value, str):
        return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
    if isinstance(value, Global):
        return b"c" + value.name.replace(" ", "\n").encode() + b"\n"
    if isinstance(value, Call):
        return _steps(value.function) + _steps(value.arguments) + b"R"
    if isinstance(value, Stored):
        return _steps(value.identity) + b"Q"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_steps, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(_steps, value)) + b"e"
    return b"}(" + b"".join(_steps(key) + _steps(item) for key, item in value.items()) + b"u"


def tensor(key: str, array: np.ndarray, **changes: Any) -> Call:
    """Return the call that rebuilds a tensor; `changes` are lies about it."""
    strides = tuple(step // array.itemsize for step in array.strides)
    kind = Global(f"torch {KINDS[array.dtype.name]}")
    told = {"start": 0, "shape": array.shape, "strides": strides, "length": array.size, "kind": kind, "view": None}
    told |= changes
    storage = Stored(("storage", told["kind"], key, "cpu", told["length"], told["view"]))
    hooks = Call(Global("collections OrderedDict"), ())
    arguments = storage, told["start"], tuple(told["shape"]), tuple(told["strides"]), False, hooks
    return Call(Global("torch._utils _rebuild_tensor_v2"), arguments)


def storage(array: np.ndarray, length: int | None = None) -> bytes:
    """Return the numbers of an array in the order in which they lie, after their count (or a lie about it)."""
    axes = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    return struct.pack("<q", array.size if length is None else length) + array.transpose(axes).tobytes()


def file_of(
    value: Any, keys: Any, storages: bytes, *, magic: int = MAGIC, version: int = VERSION, info: Any = INFO
) -> bytes:
    """Return a whole file."""
    return b"".join([*map(pickled, (magic, version, info, value, keys)), storages])


def state(arrays: dict[str, np.ndarray]) -> bytes:
    """Return the file of a state dictionary."""
    keys = {name: str(1000 + place) for place, name in enumerate(arrays)}
    value = {name: tensor(keys[name], array) for name, array in arrays.items()}
    return file_of(value, list(keys.values()), b"".join(map(storage, arrays.values())))
