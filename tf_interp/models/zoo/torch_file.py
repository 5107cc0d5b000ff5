"""Weights out of a file that PyTorch wrote, without PyTorch: tensors and nothing else.

Such a file is a pickle, that is a program. Here it is not run by Python's pickle module, but read by a machine that
knows the few steps of which a dictionary of tensors consists: it can make dictionaries, lists, tuples, strings, numbers
and tensors, and cannot import, call or change anything.

Only the older format is read, in which `torch.save` wrote before PyTorch 1.6: five pickles (a magic number, the
version, how numbers are stored, the tensors, the keys of their storages), then each storage as a count and numbers.
"""

import io
import math
import pathlib
import pickletools
import zipfile
from typing import Any, NamedTuple

import numpy as np

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_MARK, _ORDERED_DICT, _REBUILD_TENSOR = object(), object(), object()
_NAMES = {  # all that a file may name, and what stands for it here
    "collections OrderedDict": _ORDERED_DICT,
    "torch._utils _rebuild_tensor_v2": _REBUILD_TENSOR,
    "torch FloatStorage": np.dtype("<f4"),
    "torch LongStorage": np.dtype("<i8"),
}


def read_tensors(path: str | pathlib.Path) -> dict[str, np.ndarray]:
    """Return the tensors of a state dictionary.

    Args:
        path: a file written by `torch.save(network.state_dict(), path)` before PyTorch 1.6, or with
            `_use_new_zipfile_serialization=False`; float32 and int64.

    Returns:
        Name -> array, read-only.

    Raises:
        ValueError: if it is no such file, is damaged, or holds anything else than tensors.
    """
    data = pathlib.Path(path).read_bytes()
    try:
        return _read(data)
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        hint = "the newer zip format; " if zipfile.is_zipfile(io.BytesIO(data)) else ""
        raise ValueError(
            f"{path} is not read: {hint}{error}. Expected a dictionary of tensors that torch.save wrote in its older "
            "format (_use_new_zipfile_serialization=False)"
        ) from error


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    start: int
    shape: tuple[int, ...]  # as it lies in the storage
    axes: tuple[int, ...]  # which of these is which axis of the tensor


def _read(data: bytes) -> dict[str, np.ndarray]:
    stream = io.BytesIO(data)
    if _unpickle(stream) != _MAGIC or _unpickle(stream) != _VERSION:
        raise ValueError("it does not begin as such a file does")
    if _get(_unpickle(stream), dict).get("little_endian") is not True:
        raise ValueError("its numbers are not little-endian")
    tensors = _get(_unpickle(stream), dict)
    stored = {tensor.storage for tensor in (_get(item, _Tensor) for item in tensors.values())}
    storages = {storage.key: storage for storage in stored}
    keys = _get(_unpickle(stream), list)
    if sorted(keys) != sorted(storages) or len(storages) != len(stored):
        raise ValueError("its storages are not those of its tensors")
    values = {}
    place = stream.tell()
    for key in keys:
        _, dtype, length = storages[key]
        end = place + 8 + length * dtype.itemsize
        if end > len(data) or int.from_bytes(data[place : place + 8], "little") != length:
            raise ValueError(f"storage {key[:40]!r} does not hold the {length} numbers that it should")
        values[key] = np.frombuffer(data, dtype, length, place + 8)
        place = end
    if place != len(data):
        raise ValueError(f"{len(data) - place} bytes are left over")
    return {
        name: values[storage.key][start : start + math.prod(shape)].reshape(shape).transpose(axes)
        for name, (storage, start, shape, axes) in tensors.items()
    }


def _unpickle(stream: io.BytesIO) -> Any:
    """Return the value of one pickle, made of the few steps that a dictionary of tensors takes."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for operation, argument, _ in pickletools.genops(stream):
        match operation.name:
            case "STOP":
                (value,) = stack
                return value
            case "PROTO":
                pass
            case "MARK":
                stack.append(_MARK)
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(operation.name == "NEWTRUE")
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINUNICODE":
                stack.append(argument)
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "EMPTY_TUPLE":
                stack.append(())
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "TUPLE":
                stack.append(tuple(_since_mark(stack)))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(_take(stack, int(operation.name[-1]))))
            case "APPENDS":
                items = _since_mark(stack)
                _get(stack[-1], list).extend(items)
            case "SETITEM":
                key, value = _take(stack, 2)
                _get(stack[-1], dict)[_get(key, str)] = value
            case "SETITEMS":
                items = _since_mark(stack)
                pairs = zip(items[::2], items[1::2], strict=True)
                _get(stack[-1], dict).update({_get(key, str): value for key, value in pairs})
            case "GLOBAL":
                if argument not in _NAMES:
                    raise ValueError(f"it asks for {argument[:80]!r}, which is no tensor")
                stack.append(_NAMES[argument])
            case "BINPERSID":
                stack.append(_make_storage(stack.pop()))
            case "REDUCE":
                function, arguments = _take(stack, 2)
                stack.append({} if function is _ORDERED_DICT and arguments == () else _make_tensor(function, arguments))
            case "BUILD":  # attributes of the dictionary, such as versions of layers: not needed
                stack.pop()
                _get(stack[-1], dict)
            case _:
                raise ValueError(f"it holds the step {operation.name}, which no tensor needs")
    raise ValueError("it ends too soon")


def _take(stack: list[Any], count: int) -> list[Any]:
    """Take the last items off the stack."""
    if len(stack) < count:
        raise ValueError("a step finds too few values")
    items = stack[-count:]
    del stack[-count:]
    return items


def _since_mark(stack: list[Any]) -> list[Any]:
    """Take what is behind the last mark off the stack, and the mark."""
    place = next((place for place in range(len(stack) - 1, -1, -1) if stack[place] is _MARK), None)
    if place is None:
        raise ValueError("a step finds no mark")
    items = stack[place + 1 :]
    del stack[place:]
    return items


def _get(value: Any, kind: type) -> Any:
    """Return `value` if it is of that type."""
    if not isinstance(value, kind):
        raise ValueError(f"it holds a {type(value).__name__} where a {kind.__name__.strip('_').lower()} is expected")
    return value


def _make_storage(identity: Any) -> _Storage:
    """Return the storage that a persistent id describes."""
    kind, dtype, key, _, length, view = _get(identity, tuple)
    if kind != "storage" or view is not None or _get(length, int) < 0:
        raise ValueError("a storage is not described as one")
    return _Storage(_get(key, str), _get(dtype, np.dtype), length)


def _make_tensor(function: Any, arguments: Any) -> _Tensor:
    """Return the tensor that a call of `_rebuild_tensor_v2` describes."""
    if function is not _REBUILD_TENSOR:
        raise ValueError("it calls something else than what makes tensors")
    storage, start, shape, strides, _, _ = _get(arguments, tuple)
    steps = [_get(step, int) for step in _get(strides, tuple)]
    sizes = [_get(size, int) for size in _get(shape, tuple)]
    if len(steps) != len(sizes) or len(sizes) > 8:
        raise ValueError("a tensor is not described as one")
    order = sorted(range(len(sizes)), key=lambda axis: -steps[axis])
    lying = tuple(sizes[axis] for axis in order)
    for place, axis in enumerate(order):
        if sizes[axis] != 1 and steps[axis] != math.prod(lying[place + 1 :]):
            raise ValueError(f"a tensor {sizes} has gaps or overlaps: save it with .contiguous()")
    if min(sizes, default=0) < 0 or not 0 <= _get(start, int) <= _get(storage, _Storage).length - math.prod(sizes):
        raise ValueError(f"a tensor {sizes} does not fit into its storage of {storage.length} numbers")
    return _Tensor(storage, start, lying, tuple(order.index(axis) for axis in range(len(sizes))))
