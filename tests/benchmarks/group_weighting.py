"""Whether the strongest group of a layer moves the decision more than chance, by what its channels were counted by.

    python tests/benchmarks/group_weighting.py PHOTOS [--layers block5c_add block6c_add] [--k 12] [--splits 5] [--same]

Groups are found on 64 photographs (`--same`: on those that they are tested on) and switched off in 40 others, in each
the one that attribution calls the strongest. Prints, as median and range over divisions of the photographs and seeds:
by how many times what random directions of equal norm move it the logit of the class that each picture is taken for
falls. Directions are drawn evenly, and as mixtures of the layer's own activations, which networks follow more than
others. Then what part of the activation the groups leave over. The last line compares division by division.
Needs tf-interp[zoo].
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

import tf_interp as ti

FOUND, TESTED, DRAWS = 64, 40, 3


def main() -> None:
    """Print a line for each layer, number of groups and weighting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos")
    parser.add_argument("--layers", nargs="+", default=["block5c_add", "block6c_add"])
    parser.add_argument("--k", type=int, nargs="+", default=[12])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--same", action="store_true")
    options = parser.parse_args()
    model = ti.open_model("zoo:efficientnet-lite0")
    images = ti.Probe.from_folder(options.photos, size=(224, 224)).images
    for layer in options.layers:
        run = tf.function(lambda batch, point, layer=layer: model.run(batch, ["output"], {layer: point})["output"])
        for k in options.k:
            found: dict[str, list[list[float]]] = {"None": [], "gradient": []}
            for seed, known, tested in _divide(len(images), options):
                for weighting, lines in found.items():
                    kind = None if weighting == "None" else weighting
                    groups = ti.find_groups(model, images[known], layer, k, seed=seed, weighting=kind)
                    lines.append(_measure(model, run, images[tested], groups, seed))
            for weighting, lines in found.items():
                evenly, alike, error = (
                    f"{np.median(numbers):.2f} ({min(numbers):.2f}-{max(numbers):.2f})"
                    for numbers in np.transpose(lines)
                )
                print(f"{layer}, {k} groups, weighting={weighting}: {evenly}; {alike}; error {error}", flush=True)
            gains = np.array(found["gradient"])[:, 0] / np.array(found["None"])[:, 0]
            print(
                f"    with weights / without: {np.median(gains):.2f} ({gains.min():.2f}-{gains.max():.2f})", flush=True
            )


def _divide(count: int, options: argparse.Namespace) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield a seed, photographs to find groups on, and others to test them on."""
    for split in range(options.splits):
        order = np.random.default_rng(100 + split).permutation(count)
        known, tested = order[:FOUND], order[FOUND : FOUND + TESTED]
        for seed in range(options.seeds):
            yield seed, tested if options.same else known, tested


def _measure(model: ti.Model, run: Callable, images: np.ndarray, groups: ti.Groups, seed: int) -> list[float]:
    """Return how many times as much as chance the strongest group moves the logit, by two chances, and the error."""
    layer, rows = groups.layer, np.arange(len(images))
    there = model.run(images, [layer, "output"])
    activation, logits = np.asarray(there[layer]), np.asarray(there["output"])
    classes = logits.argmax(1)
    gradient = ti.attribute(model, images, classes.tolist(), layer=layer, method="gradient").values
    weights = groups.weigh(activation)
    strongest = np.einsum("nhwc,kc,nhwk->nk", gradient, groups.vectors, weights, optimize=True).argmax(1)
    amount = weights[rows, ..., strongest][..., None]  # vectors have length 1

    def fall(directions: np.ndarray) -> np.ndarray:
        point = activation - amount * directions[:, None, None]
        return logits[rows, classes] - run(images, point.astype(np.float32)).numpy()[rows, classes]

    random, flat = np.random.default_rng(seed), activation.reshape(-1, activation.shape[-1])
    chances = []
    for mix in (np.eye(flat.shape[1]), flat):
        draws = [random.normal(size=(len(images), len(mix))) @ mix for _ in range(DRAWS)]
        units = [draw / np.linalg.norm(draw, axis=1, keepdims=True) for draw in draws]
        chances.append(np.abs([fall(unit) for unit in units]).mean())
    cost = fall(groups.vectors[strongest]).mean()
    return [cost / chances[0], cost / chances[1], groups.error]


if __name__ == "__main__":
    main()
