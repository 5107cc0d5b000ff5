"""Memory: how much 1,000 render calls in a loop grow the process (bar: less than 20 MB).

The calls differ as a user's do: unit, layer, number of units, seed, learning rate, penalty weight, one or several
pictures. A few calls before the measurement compile what they need, as the first calls of any program do.

python tests/benchmarks/memory_render.py
"""

import argparse
import gc
import pathlib
import resource
import time

import keras
import numpy as np

from tf_interp.features import channel, render, total_variation
from tf_interp.features.recipes.units import facets
from tf_interp.models import open_model

L = keras.layers


def resident() -> float:
    """Return the memory of this process that is in RAM, in MB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def call(model, number: int) -> None:
    """Render something, another thing for each number."""
    random = np.random.default_rng(number)
    layer, unit = ("conv1", "conv2")[number % 2], int(random.integers(16))
    options = {"steps": 2, "retries": 0, "seed": number, "learning_rate": float(random.uniform(0.01, 0.1))}
    if number % 10 == 0:
        facets(model, layer, unit, 3, **options)
    elif number % 5 == 0:
        render(model, channel(layer, unit) - float(random.uniform(0, 1e-3)) * total_variation(), **options)
    else:
        render(model, [channel(layer, (unit + offset) % 16) for offset in range(1 + number % 3)], **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--before", type=int, default=60, help="calls before the measurement")
    options = parser.parse_args()
    x = keras.Input((48, 48, 3))
    y = L.Conv2D(16, 3, strides=2, activation="relu", name="conv1")(x)
    y = L.GlobalAveragePooling2D()(L.Conv2D(16, 3, activation="relu", name="conv2")(y))
    model = open_model(keras.Model(x, L.Dense(10)(y)))
    for number in range(options.before):
        call(model, number)
    gc.collect()
    start, began = resident(), time.perf_counter()
    print(f"{start:8.1f} MB after {options.before} calls", flush=True)
    for number in range(1, options.calls + 1):
        call(model, number)
        if number % max(1, options.calls // 10) == 0:
            gc.collect()
            print(f"{resident() - start:+8.1f} MB after {number} more", flush=True)
    grown = resident() - start
    print(f"{grown:.1f} MB in {options.calls} calls, {time.perf_counter() - began:.0f} s (bar: 20 MB)")
    return 0 if grown < 20 else 1


if __name__ == "__main__":
    raise SystemExit(main())
