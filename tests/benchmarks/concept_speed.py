"""Process-CPU time of a concept test: 2 concepts x 2 layers on MobileNetV2 at 96 px (random weights, no download).

    python tests/benchmarks/concept_speed.py [--xplique]

With `--xplique`, its TCAV loop of 20 runs in the same process, on a copy of the network: in turns with ours, one run of
the 20 (a vector and a score per concept and layer) for each of our tests, and extrapolated. README.md says how to
install it.
"""

import argparse
import contextlib
import io
import statistics
import time

import keras
import numpy as np

from tf_interp.concepts import add_concepts, tcav
from tf_interp.models import open_model

RUNS = 20


def make_xplique(network, layers, concepts, pool, target, label):
    """Return a function that makes one run of xplique's loop: each concept and layer against as many of the pool."""
    from xplique.concepts import Cav, Tcav

    copy = keras.models.clone_model(network)  # it replaces a layer's call
    copy.set_weights(network.get_weights())
    vectors = {layer: Cav(copy, layer) for layer in layers}  # once, so that nothing is compiled again at each run
    scores = {layer: Tcav(copy, layer) for layer in layers}
    random = np.random.default_rng(0)
    concepts, pool, target = {name: 2 * x - 1 for name, x in concepts.items()}, 2 * pool - 1, 2 * target - 1

    def run():
        with contextlib.redirect_stdout(io.StringIO()):  # progress bars
            for images in concepts.values():
                others = random.permutation(pool)[: len(images)]
                for layer in layers:
                    scores[layer](target, label, vectors[layer](images, others))

    return run


def report(ours, theirs):
    """Print medians and paired ratios of (CPU, wall) seconds; `theirs` are of one run."""
    for kind, index in (("CPU", 0), ("wall", 1)):
        own, other = [pair[index] for pair in ours], [RUNS * pair[index] for pair in theirs]
        ratios = [b / a for a, b in zip(own, other, strict=True)]
        print(
            f"medians [least .. most], {kind}: ours {statistics.median(own):.2f} s [{min(own):.2f} .. {max(own):.2f}], "
            f"xplique {statistics.median(other):.1f} s [{min(other):.1f} .. {max(other):.1f}] ({RUNS} x one run), "
            f"{statistics.median(ratios):.1f} times [{min(ratios):.1f} .. {max(ratios):.1f}]",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50, help="images per concept and per class")
    parser.add_argument("--pool", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--xplique", action="store_true", help="compare with xplique's loop")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2((96, 96, 3), weights=None, classes=100)
    model = open_model(network, preprocess=lambda x: 2 * x - 1)
    random = np.random.default_rng(0)
    names = ("striped", "dotted", "zigzag", "target")
    sets = {name: random.random((options.images, 96, 96, 3)).astype(np.float32) for name in names}
    pool = random.random((options.pool, 96, 96, 3)).astype(np.float32)
    concepts = {name: sets[name] for name in ("striped", "dotted")}
    layers = ["block_6_expand_relu", "block_13_expand_relu"]

    def measure(label, call):
        cpu, wall = time.process_time(), time.perf_counter()
        value = call()
        seconds = time.process_time() - cpu, time.perf_counter() - wall
        print(f"{label:45s} {seconds[0]:6.2f} s CPU {seconds[1]:6.2f} s", flush=True)
        return value, seconds

    def run():
        return tcav(model, concepts, pool, {"3": sets["target"]}, layers)

    measure("first call (with tracing)", run)
    if options.xplique:
        peer = make_xplique(network, layers, concepts, pool, sets["target"], 3)
        measure("xplique, first run of 20 (with tracing)", peer)
    ours, theirs = [], []
    for _ in range(options.repeats):
        result, seconds = measure("again", run)
        ours.append(seconds)
        if options.xplique:
            theirs.append(measure("xplique, one run of 20", peer)[1])
    if options.xplique:
        report(ours, theirs)
    measure("one more concept", lambda: add_concepts(result, model, {"zigzag": sets["zigzag"]}))
    measure(
        "as published, 20 runs", lambda: tcav(model, concepts, pool, {"3": sets["target"]}, layers, method="kim2018")
    )


if __name__ == "__main__":
    main()
