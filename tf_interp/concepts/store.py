"""Concept vectors on disk: one `.npz` of numbers and one `.json` that says what they belong to. Nothing is pickled."""

import hashlib
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_interp.concepts.examples.concept import as_concept
from tf_interp.directions import Directions
from tf_interp.models import Model
from tf_interp.models.batches import check_model
from tf_interp.records.whole_file import replace_file

SCHEMA = 1
MAX_BYTES = 256 * 2**20  # a larger file of vectors is a mistake or an attack


def save_directions(
    path: str | pathlib.Path, directions: Directions, model: Model, *, examples: Mapping[str, Any] | None = None
) -> pathlib.Path:
    """Write vectors beside a description of the network they were found in.

    Args:
        path: file to write, ending in .npz; the description goes into the same name with .json.
        directions: the vectors.
        model: the network; its weights and preprocessing are part of the description.
        examples: name -> images or `Concept` they were found with, to be checked again on loading.

    Returns:
        The path of the .npz file.

    Raises:
        TypeError: if the vectors are no Directions, or the model was not opened.
        ValueError: if the name does not end in .npz.
    """
    check_model(model, "save_directions")
    if not isinstance(directions, Directions):
        raise TypeError(
            f"vectors are saved as Directions, e.g. result.directions(layer), got {type(directions).__name__}"
        )
    target = pathlib.Path(path)
    if target.suffix != ".npz":
        raise ValueError(f"{target}: the name of saved vectors must end in .npz")
    about = {
        "schema": SCHEMA,
        "layer": directions.layer,
        "names": list(directions.names),
        "origin": directions.origin,
        "shape": list(directions.vectors.shape),
        "vectors": _digest(directions.vectors),
        **_describe(model, examples),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__},
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, lambda file: np.savez(file, vectors=directions.vectors))
    text = json.dumps(about, indent=1, ensure_ascii=False)
    replace_file(target.with_suffix(".json"), lambda file: file.write(text.encode()))
    return target


def load_directions(path: str | pathlib.Path, model: Model, *, examples: Mapping[str, Any] | None = None) -> Directions:
    """Return saved vectors, if they belong to this network as it is now.

    Args:
        path: the .npz file.
        model: the network they are to be used with.
        examples: name -> images or `Concept`, to check that these are what they were found with.

    Returns:
        The vectors.

    Raises:
        ValueError: if the file is damaged or foreign, or the network's weights, its preprocessing or the examples are
            not those that the vectors were found with.
    """
    check_model(model, "load_directions")
    target = pathlib.Path(path)
    about = _read_description(target.with_suffix(".json"))
    now = _describe(model, examples)
    reasons = {
        "weights": "the network's weights have changed",
        "preprocess": "the preprocessing is another one",
        "examples": "the examples are others",
    }
    stale = [reason for key, reason in reasons.items() if now[key] is not None and about.get(key) != now[key]]
    if stale:
        raise ValueError(
            f"{target}: these vectors are stale: {' and '.join(stale)} since they were found; find them again"
        )
    vectors = _read_vectors(target, about["shape"])
    if _digest(vectors) != about["vectors"]:
        raise ValueError(f"{target}: the numbers are not those that {target.stem}.json describes; the file is damaged")
    return Directions(model.resolve(about["layer"]), vectors, about["names"], about["origin"])


def _describe(model: Model, examples: Mapping[str, Any] | None) -> dict[str, Any]:
    found = None
    if examples is not None:
        found = {}
        for name, value in examples.items():
            found[str(name)] = hashlib.blake2b(" ".join(as_concept(value).digests).encode(), digest_size=8).hexdigest()
    return {"weights": model.digest(), "preprocess": _describe_preprocess(model), "examples": found}


def _describe_preprocess(model: Model) -> str | None:
    """Return a hash of what preprocessing does to a fixed picture: code can be neither compared nor trusted."""
    shape = model.input_shape
    if model.preprocess is None:
        return "none"
    if not isinstance(shape, tuple):
        return None
    sizes = [size or 8 for size in shape]
    picture = np.linspace(0, 1, int(np.prod(sizes)), dtype=np.float32).reshape(1, *sizes)
    value = np.asarray(model.preprocess(tf.constant(picture)), np.float64)
    return hashlib.blake2b(np.round(value, 3).tobytes() + str(value.shape).encode(), digest_size=8).hexdigest()


def _digest(vectors: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(vectors, np.float32).tobytes(), digest_size=16).hexdigest()


def _read_description(path: pathlib.Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text("utf-8-sig"))  # an editor may have put a mark before it
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: no readable description of saved vectors ({error})") from error
    wanted = {"schema": int, "layer": str, "names": list, "origin": str, "shape": list, "vectors": str}
    wrong = [key for key, kind in wanted.items() if not isinstance(about, dict) or not isinstance(about.get(key), kind)]
    if wrong:
        raise ValueError(f"{path}: not a description of saved vectors: {wrong} missing or of the wrong type")
    if about["schema"] != SCHEMA:
        raise ValueError(f"{path}: written by another version (schema {about['schema']}, this one reads {SCHEMA})")
    return about


def _read_vectors(path: pathlib.Path, shape: list[Any]) -> np.ndarray:
    """Return the array of an .npz file, after its size was checked against what is promised."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            promised = 4 * int(np.prod([int(size) for size in shape])) + 4096
            if [entry.filename for entry in entries] != ["vectors.npy"] or len(shape) != 2:
                raise ValueError("it holds something else than one matrix of vectors")
            if entries[0].file_size > min(promised, MAX_BYTES):
                raise ValueError(f"it holds {entries[0].file_size:,} bytes, more than vectors of shape {shape} need")
        with np.load(path, allow_pickle=False) as arrays:
            vectors = arrays["vectors"]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not readable as saved vectors: {error}") from error
    if not isinstance(vectors, np.ndarray):  # a member that is no array comes as its bytes
        raise ValueError(f"{path}: not readable as saved vectors: its member is not an array")
    if list(vectors.shape) != list(shape) or vectors.dtype != np.float32:
        raise ValueError(
            f"{path}: expected float32 vectors of shape {shape}, got {vectors.dtype} {list(vectors.shape)}"
        )
    return vectors
