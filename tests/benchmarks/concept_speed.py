"""Process-CPU time of a concept test: 2 concepts x 2 layers on MobileNetV2 at 96 px (random weights, no download).

python tests/benchmarks/concept_speed.py
"""

import argparse
import time

import keras
import numpy as np

from tf_interp.concepts import add_concepts, tcav
from tf_interp.models import open_model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50, help="images per concept and per class")
    parser.add_argument("--pool", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
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
        print(f"{label:45s} {time.process_time() - cpu:6.2f} s CPU {time.perf_counter() - wall:6.2f} s", flush=True)
        return value

    def run():
        return tcav(model, concepts, pool, {"3": sets["target"]}, layers)

    measure("first call (with tracing)", run)
    for _ in range(options.repeats):
        result = measure("again", run)
    measure("one more concept", lambda: add_concepts(result, model, {"zigzag": sets["zigzag"]}))
    measure(
        "as published, 20 runs", lambda: tcav(model, concepts, pool, {"3": sets["target"]}, layers, method="kim2018")
    )


if __name__ == "__main__":
    main()
