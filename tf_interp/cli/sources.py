"""What a command is given as files and names: pictures, class names, preprocessing, concepts, and the model itself."""

import argparse
import dataclasses
import glob
import importlib
import pathlib
import sys
import zipfile
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_interp.cli.terminal import Terminal
from tf_interp.images import describe, list_folder, read_files, take_turns
from tf_interp.probe import Probe

# TensorFlow takes seconds to import: what needs it does so inside its function.

_WILD = frozenset("*?[")
_FIRST = 8  # pictures, of which `Decisions` tells


def open_source(options: argparse.Namespace) -> Any:
    """Return the model of a command, with class names and preprocessing as its options say.

    Args:
        options: `model`, `labels`, `preprocess`, `range`, `head`, `output`, `signature`, `trust`.

    Returns:
        A `Model`.

    Raises:
        ValueError: if one of them does not fit.
    """
    from tf_interp.models import open_model, read_class_names

    if options.model is None:
        raise ValueError(
            "which model? Give a .keras file, a SavedModel folder, a frozen graph (.pb), or zoo:efficientnet-lite0"
        )
    if options.preprocess is not None and options.range is not None:
        raise ValueError("--preprocess and --range both say what the network takes: give one of them")
    preprocess = find_preprocess(options.preprocess, options.range)
    names = None if options.labels is None else read_class_names(options.labels)
    kept = {"trust": options.trust, "head": options.head, "output": options.output, "signature": options.signature}
    own = str(options.model).startswith("zoo:") and preprocess is not None
    model = open_model(options.model, class_names=names, preprocess=None if own else preprocess, **kept)
    if own or (model.preprocess is not None and preprocess is None and options.range is not None):
        raise ValueError(f"{model.name!r} brings the value range that it takes: leave out --range and --preprocess")
    return model


def open_both(options: argparse.Namespace, terminal: Terminal) -> tuple[Any, Probe]:
    """Return the model of a command and the pictures to look at it with, and say what was not read of them.

    Args:
        options: as `open_source` takes them, `probe` and `size`.
        terminal: where to say it.
    """
    model = open_source(options)
    probe = read_probe(options.probe, model, options.size)
    for line in probe.skipped:
        terminal.warn(f"skipped {line}")
    return model, probe


def tell_warnings(analysis: Any, probe: Probe, terminal: Terminal) -> None:
    """Say what a person must read before trusting what follows; further notes with -v.

    Args:
        analysis: an `Analysis`.
        probe: whose skipped files were told already, each by itself.
        terminal: where to say it.
    """
    model = analysis.model
    model.range_guess(probe.images)
    for note in probe.notes:
        terminal.warn(note)
    for warning in analysis.warnings:
        if not any(line in warning for line in probe.skipped):
            terminal.warn(warning)
    for note in model.notes:
        if note not in model.warnings:
            terminal.detail(f"note: {note}")


def find_preprocess(name: str | None, span: tuple[float, float] | None) -> Any:
    """Return what leads from pictures in [0,1] to what a network takes.

    Args:
        name: `module:function`, or a name that `open_model` knows.
        span: lowest and highest value that the network takes, or None.

    Returns:
        A function, a name, or None for pictures as they are.

    Raises:
        ValueError: if there is no such module or function.
    """
    if span is not None:
        low, high = span
        return None if (low, high) == (0.0, 1.0) else lambda images: images * (high - low) + low
    if name is None or ":" not in name:
        return name
    module, _, function = name.partition(":")
    sys.path.insert(0, "")  # a file beside the pictures, as `python -m` would find it
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"--preprocess {name}: {error}; expected module:function, e.g. mine:scale of mine.py"
        ) from error
    finally:
        sys.path.remove("")
    if not callable(found):
        raise ValueError(f"--preprocess {name} is no function, but {type(found).__name__}")
    return found


def read_probe(source: str | None, model: Any, side: int | None) -> Probe:
    """Return the pictures to look at a network with.

    Args:
        source: a folder, a pattern of files, one file, or an `.npz` file.
        model: the network, which says size and channels.
        side: pixels of a side, where it leaves them open.

    Raises:
        ValueError: if there are none, or they cannot be read.
    """
    if source is None:
        raise ValueError("which pictures? Give --probe a folder, a quoted pattern 'photos/*.jpg', or an .npz file")
    path = pathlib.Path(source)
    if path.suffix == ".npz" and path.is_file():
        return _read_arrays(path, model.input_shape)
    size, channels = picture_shape(model.input_shape, side)
    if path.is_dir() or not (path.is_file() or _WILD & set(source)):
        return Probe.from_folder(path, size, channels)
    files = [path] if path.is_file() else [pathlib.Path(found) for found in sorted(glob.glob(source, recursive=True))]
    folders: dict[pathlib.Path, list[pathlib.Path]] = {}
    for file in files:
        if file.is_file():
            folders.setdefault(file.parent, []).append(file)
    return _read_pictures(source, take_turns(folders.values()), size, channels)


def _read_pictures(source: str, files: list[pathlib.Path], size: tuple[int, int] | None, channels: int) -> Probe:
    remarks: Counter[str] = Counter()
    images, read, left = read_files(files, size, channels, remarks=remarks)
    skipped = tuple(f"{file}: {why}" for file, why in left)
    if not images:
        listed = "".join(f"\n  {line}" for line in skipped[:5])
        raise ValueError(f"--probe {source!r}: found 0 readable pictures among {len(files)} files{listed}")
    return Probe(np.stack(images), None, None, tuple(map(str, read)), skipped, notes=describe(remarks))


def _read_arrays(path: pathlib.Path, shape: Any) -> Probe:
    """Return the probe that an .npz file holds, an array for each input; pictures of uint8 are pixels of 0..255."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"--probe {path} cannot be read: {error}; arrays of text or numbers are expected") from error
    left, notes = dict(arrays), list[str]()

    def take(*names: str) -> Any:
        return next((left.pop(name) for name in names if name in left), None)

    images: Any
    if isinstance(shape, dict):
        if missing := sorted({*shape} - {*arrays}):
            raise ValueError(f"--probe {path}: expected an array for each input, {missing} are not in {sorted(arrays)}")
        images = {name: _from_pixels(take(name), f"input {name!r}", notes, named=True) for name in shape}
    elif (images := take("images", "x")) is None:
        raise ValueError(f"--probe {path}: expected an array 'images' or 'x', it holds {sorted(arrays)}")
    else:
        images = _from_pixels(images, "its array", notes)
    labels, names = take("labels", "y"), take("class_names")
    probe = Probe.from_arrays(images, labels, None if names is None else [str(name) for name in names.ravel()])
    known = [] if probe.labels is None or probe.labels.ndim > 1 else probe.labels.tolist()
    if len({*known}) > 1 and len({*known[:_FIRST]}) == 1:
        notes.append(f"its first {_FIRST} pictures are all of class {known[0]}, and parts show the first ones: shuffle "
                     "it, or let classes take turns")  # fmt: skip
    if left:
        notes.append(f"not read: {sorted(left)}; labels are an array 'labels' or 'y', their names 'class_names'")
    return dataclasses.replace(probe, notes=tuple(f"{path}: {note}" for note in notes))


def _from_pixels(array: np.ndarray, what: str, notes: list[str], named: bool = False) -> np.ndarray:
    """Return pixels of 0..255 in [0,1]; tokens, counts and the rows of a table are no pixels, and stay as they are.

    Args:
        array: [N,...] of any type.
        what: it is called in a note.
        notes: takes what a person should know.
        named: whether it may also be a series [N,T,F], since it came with the name of its input.
    """
    if array.dtype == np.uint8 and array.ndim == 2:
        notes.append(f"{what} is uint8 {list(array.shape)}, taken for numbers up to {array.max(initial=0)} and not for "
                     "pixels; if it holds pixels in a row, divide by 255")  # fmt: skip
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        return array
    if array.max(initial=0) == 1:
        notes.append(f"{what} is uint8 of 0 and 1 alone, taken as it is: 1 is white")
        return array.astype(np.float32)
    if named and array.ndim == 3:
        notes.append(f"{what} is uint8 {list(array.shape)}, taken for grey pixels and divided by 255; a series that is "
                     "to stay as it is is given as another type, e.g. int32")  # fmt: skip
    return array.astype(np.float32) / np.float32(255)


def check_concepts(options: argparse.Namespace) -> None:
    """Say what a concept test is missing.

    Args:
        options: `concepts`, `random`, `target`.

    Raises:
        ValueError: if one of them was not given.
    """
    if not options.concepts or not options.target:
        raise ValueError(
            "concept tests need both --concepts (a folder with one sub-folder of pictures per concept) and --target"
        )
    if not options.random:
        raise ValueError("concept tests need --random: a folder of pictures of no concept in particular")


def read_concepts(options: argparse.Namespace, model: Any, probe: Probe) -> tuple[dict[str, Any], Any]:
    """Return the concepts of a command and the pictures of no concept in particular.

    Args:
        options: `concepts` and `random`, folders.
        model: the network, which says how many channels.
        probe: the pictures that say what size they have.

    Raises:
        ValueError: if a folder holds no pictures, or the network takes more than pictures.
    """
    from tf_interp.concepts import Concept

    if isinstance(probe.images, Mapping):
        raise ValueError(
            f"--concepts are folders of pictures, and the network takes {list(probe.images)}: test them in Python, "
            "ti.tcav(..., fixed={...})"
        )
    channels = picture_shape(model.input_shape, None)[1]
    root, size = options.concepts, (probe.images.shape[1], probe.images.shape[2])
    folders = list_folder(root).folders
    if not folders:
        raise ValueError(f"{root}: expected a folder with one sub-folder of pictures per concept")
    concepts = {folder.name: Concept.from_folder(folder, size, channels) for folder in folders}
    return concepts, Concept.from_folder(options.random, size, channels)


def picture_shape(shape: Any, side: int | None) -> tuple[tuple[int, int] | None, int]:
    """Return (height, width) or None, and the number of channels, that pictures are to be read with.

    Args:
        shape: of one image as the network takes it.
        side: pixels of a side, where it leaves them open.
    """
    if not isinstance(shape, tuple) or len(shape) not in (2, 3):
        return ((side, side) if side else None), 3
    height, width, channels = (*shape, 1)[:3] if len(shape) == 2 else shape
    height, width = height or side, width or side
    return (int(height), int(width)) if height and width else None, int(channels or 3)
