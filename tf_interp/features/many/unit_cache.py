"""`UnitCache`: rendered units on disk, one file each, named by everything that they depend on.

A file is written beside its place and moved there, so a killed process leaves whole files only. What is damaged or was
made with other weights or settings is not found, and is rendered again.
"""

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import re
import types
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.display import number_of, quote, tell, write_range, write_size
from tf_interp.features.objectives.algebra import Objective
from tf_interp.features.renderer.settings import bind_targets
from tf_interp.images import to_uint8
from tf_interp.models.model import Model
from tf_interp.records.whole_file import replace_file

_FORMAT = 2  # another number when the same settings no longer give the same pictures


@dataclasses.dataclass(frozen=True, eq=False)
class RenderedUnit:
    """The pictures of one unit, and whether they are good.

    Args:
        name: the objective.
        images: float32 [count,h,w,C] in [0,1], in steps of 1/255; no picture at all if the unit failed.
        activations: float32 [count], what the pictures reached as they were drawn: before they were rounded to steps of
            1/255, which moved it by up to half a percent where we looked, and shrunk to `side`, which moves it by more.
        status: for each picture "ok" or a sentence on what is wrong; one sentence if the unit failed.
    """

    name: str
    images: np.ndarray
    activations: np.ndarray
    status: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether all pictures are good."""
        return all(item == "ok" for item in self.status)

    @classmethod
    def without_picture(cls, name: str, reason: str) -> "RenderedUnit":
        """Return a unit that has no picture.

        Args:
            name: the objective.
            reason: a sentence.

        Returns:
            The unit, with images [0,0,0,0].
        """
        return cls(name, np.zeros((0, 0, 0, 0), np.float32), np.zeros(0, np.float32), (reason,))

    def __repr__(self) -> str:
        size = f" {write_size(self.images.shape[1:])}" if len(self.images) else ""
        what = f"{number_of(len(self.images), 'picture')}{size}"
        status = "ok" if self.ok else next(item for item in self.status if item != "ok")
        return tell(self, quote(self.name, 60), what, f"activation {write_range(self.activations)}", status)


class UnitCache:
    """Rendered units in a folder, for one network and one set of settings.

    Args:
        folder: is made if it does not exist.
        model: the network as it is now; weights, layers and preprocessing count.
        settings: whatever else the pictures depend on, as plain values, arrays, dataclasses and functions.

    Raises:
        TypeError: if a setting cannot be told from another one.
    """

    def __init__(self, folder: str | os.PathLike, model: Model, settings: Mapping[str, Any]) -> None:
        self.folder, self._model, self._digest = pathlib.Path(folder), model, model.digest()
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"the cache {str(self.folder)!r} must be a folder, found a file")
        network = (self._digest, _describe_preprocess(model), list(model.layers.items()), model.input_shape)
        self._common = hashlib.blake2b(describe((_FORMAT, network, dict(settings))).encode()).hexdigest()

    def path(self, objective: Objective) -> pathlib.Path:
        """Return where the pictures of an objective are kept.

        Args:
            objective: any whose functions can be described, see `describe`.

        Returns:
            A path in the folder.
        """
        bound = bind_targets(objective, self._model)
        numbers = [term.values for term in bound.terms()]
        return self.folder / name_file(str(objective), (self._common, bound.structure(), numbers), ".npz")

    def read(self, objective: Objective) -> RenderedUnit | None:
        """Return a kept unit, or None if there is none or its file is damaged.

        Args:
            objective: as for `path`.

        Returns:
            The unit, equal to what was written.
        """
        try:
            with self.path(objective).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                images, activations = arrays["images"], arrays["activations"]
                status = json.loads(str(arrays["status"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            return None
        fits = images.dtype == np.uint8 and images.ndim == 4 and activations.shape == (len(images),)
        if not fits or not isinstance(status, list) or len(status) != len(images):
            return None
        return RenderedUnit(str(objective), _to_unit_range(images), activations.astype(np.float32), tuple(status))

    def is_current(self) -> bool:
        """Return whether the network still has the weights that this cache is of.

        That reads all weights: ask once for the units that were rendered together, after rendering and before `write`.
        """
        return self._model.digest() == self._digest

    def write(self, objective: Objective, unit: RenderedUnit) -> None:
        """Keep a unit; whether it was made with the weights that this cache is of says `is_current`.

        Args:
            objective: as for `path`.
            unit: its pictures.
        """
        images = to_uint8(unit.images).reshape(unit.images.shape)
        status = np.array(json.dumps(unit.status))
        replace_file(
            self.path(objective),
            lambda file: np.savez_compressed(file, images=images, activations=unit.activations, status=status),
        )


def round_pictures(images: np.ndarray) -> np.ndarray:
    """Return pictures as they come back from a cache: in steps of 1/255.

    Args:
        images: float [N,h,w,C] in [0,1].

    Returns:
        float32 array of the same shape.
    """
    return _to_unit_range(to_uint8(images).reshape(images.shape))


def name_file(title: str, value: Any, suffix: str) -> pathlib.Path:
    """Return a file name that a person can read and that no other value has.

    Args:
        title: what it begins with.
        value: what it depends on, see `describe`.
        suffix: what it ends in.

    Returns:
        The name, without a folder.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", title).strip("-.")[:60]
    digest = hashlib.blake2b(describe(value).encode(), digest_size=10).hexdigest()
    return pathlib.Path(f"{plain}-{digest}{suffix}")


def describe(value: Any) -> str:
    """Return a text that is the same in every process, and differs where the value does.

    Of a function the name, the code, the defaults, what it closes over and global values that it names count; functions
    that it calls do not.

    Args:
        value: None, a number, text, array, tensor, list, mapping, dataclass or function, in any depth.

    Returns:
        The text.

    Raises:
        TypeError: if it holds anything else.

    Example:
        >>> describe((1, {"b": None, "a": "x"}))
        "(1,{'a':'x','b':None})"
    """
    if value is None or value is Ellipsis or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, np.ndarray | np.generic | tf.Tensor):
        array = np.ascontiguousarray(value)
        return f"{array.dtype}{array.shape}{hashlib.blake2b(array.tobytes(), digest_size=16).hexdigest()}"
    if isinstance(value, tuple | list):
        return f"({','.join(describe(item) for item in value)})"
    if isinstance(value, set | frozenset):
        return f"{{{','.join(sorted(describe(item) for item in value))}}}"
    if isinstance(value, Mapping):
        return f"{{{','.join(sorted(f'{describe(key)}:{describe(item)}' for key, item in value.items()))}}}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{_name(type(value))}{describe(fields)}"
    if isinstance(value, functools.partial):
        return f"partial{describe((value.func, value.args, value.keywords))}"
    if isinstance(value, types.MethodType):
        return f"method{describe((value.__func__, value.__self__))}"
    if isinstance(value, types.FunctionType):
        return f"{_name(value)}{describe(_ingredients(value))}"
    if isinstance(value, type | types.BuiltinFunctionType | types.ModuleType | np.ufunc):
        return _name(value)
    raise TypeError(
        f"a cache cannot tell one {type(value).__name__} from another: write objectives and transforms as functions or "
        f"frozen dataclasses of numbers, arrays and text, or render without a cache; got {value!r}"
    )


def _ingredients(function: types.FunctionType) -> tuple:
    """Return what makes a function do what it does, as far as that is written in it."""
    code = function.__code__
    globals_ = {name: function.__globals__[name] for name in sorted(_list_names(code)) if name in function.__globals__}
    plain = {k: item for k, item in globals_.items() if not callable(item) and not isinstance(item, types.ModuleType)}
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return _code(code), function.__defaults__, function.__kwdefaults__, cells, plain


def _list_names(code: types.CodeType) -> set[str]:
    """Return the names of globals and attributes in a function and in those written inside it."""
    inner = [item for item in code.co_consts if isinstance(item, types.CodeType)]
    return {*code.co_names}.union(*map(_list_names, inner))


def _code(code: types.CodeType) -> tuple:
    constants = tuple(_code(item) if isinstance(item, types.CodeType) else item for item in code.co_consts)
    return code.co_code, code.co_names, constants


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', getattr(value, '__name__', value))}"


def _describe_preprocess(model: Model) -> str:
    """Return what preprocessing does to a fixed picture: its code alone would not say."""
    shape = model.input_shape
    if model.preprocess is None or not isinstance(shape, tuple):
        return "none" if model.preprocess is None else describe(model.preprocess)
    sizes = [size or 8 for size in shape]
    picture = np.linspace(0, 1, int(np.prod(sizes)), dtype=np.float32).reshape(1, *sizes)
    return describe(np.round(np.asarray(model.preprocess(tf.constant(picture)), np.float64), 3))


def _to_unit_range(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / np.float32(255.0)
