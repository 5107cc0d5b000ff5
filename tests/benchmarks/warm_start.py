"""Pictures through training: how few steps a warm start needs for what a picture from scratch reaches.

    python tests/benchmarks/warm_start.py

A small network learns handwritten digits. After each epoch some channels of each layer are drawn from scratch, and in
fewer steps from the last epoch's pictures on, as `Features` does. Shown is the activation that the warm pictures reach
as a share of what those from scratch do, and how much a unit's picture changes from epoch to epoch either way.
"""

import argparse
import itertools

import keras
import numpy as np
from sklearn.datasets import load_digits

from tf_interp.features import channel, render
from tf_interp.models import open_model

LAYERS = ("relu1", "relu2", "relu3")


def build(seed):
    keras.utils.set_random_seed(seed)
    layers: list = [keras.Input((32, 32, 1))]
    for number, width in enumerate((16, 32, 48), 1):
        layers += [keras.layers.Conv2D(width, 3, padding="same"), keras.layers.BatchNormalization()]
        layers += [keras.layers.ReLU(name=f"relu{number}"), keras.layers.MaxPooling2D()]
    return keras.Sequential([*layers[:-1], keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)])


def change(pictures):
    """Return the mean absolute difference of each picture from the one an epoch before, over epochs and units."""
    return float(np.mean([np.abs(after - before).mean() for before, after in itertools.pairwise(pictures)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=256, help="steps from scratch")
    parser.add_argument("--warm", type=int, nargs="+", default=[16, 32, 64], help="steps from the last picture on")
    parser.add_argument("--units", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3, help="networks")
    options = parser.parse_args()
    digits = load_digits()
    images = np.kron(digits.images / 16, np.ones((4, 4)))[..., None].astype(np.float32)
    shares = {(layer, warm): [] for layer in LAYERS for warm in options.warm}
    scratch_change, warm_change = ({layer: [] for layer in LAYERS} for _ in range(2))
    for seed in range(options.seeds):
        network = build(seed)
        network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        model = open_model(network)
        last, kept = {}, {}
        for epoch in range(options.epochs):
            history = network.fit(images, digits.target, batch_size=64, verbose=0).history
            for layer in LAYERS:
                objectives = [channel(layer, n) for n in range(options.units)]
                scratch = render(model, objectives, steps=options.steps, retries=0)
                kept.setdefault((layer, "scratch"), []).append(scratch.images)
                alive = scratch.activations > 1e-3  # the others have no picture to reach
                for warm in options.warm:
                    start = last.get((layer, warm), scratch)
                    if epoch:
                        start = render(model, objectives, steps=warm, init=start.restarted(), retries=0)
                    last[layer, warm] = start
                    kept.setdefault((layer, warm), []).append(start.images)
                    if epoch:
                        shares[layer, warm].extend((start.activations / scratch.activations)[alive])
        for layer in LAYERS:
            scratch_change[layer].append(change(kept[layer, "scratch"]))
            warm_change[layer].append([change(kept[layer, warm]) for warm in options.warm])
        print(f"network {seed}: accuracy {history['accuracy'][0]:.3f} after {options.epochs} epochs", flush=True)
    print(f"\nactivation of warm pictures as a share of {options.steps} steps from scratch: median, 10th percentile")
    for (layer, warm), values in shares.items():
        print(
            f"  {layer}  {warm:4d} steps ({options.steps / warm:4.1f}x fewer): {np.median(values):.3f}  "
            f"{np.percentile(values, 10):.3f}  n={len(values)}"
        )
    print("change of a picture from epoch to epoch, mean absolute difference of pixels")
    for layer in LAYERS:
        warm = ", ".join(
            f"{value:.3f} ({steps} steps)"
            for steps, value in zip(options.warm, np.mean(warm_change[layer], 0), strict=True)
        )
        print(f"  {layer}  from scratch {np.mean(scratch_change[layer]):.3f}; warm {warm}")


if __name__ == "__main__":
    main()
