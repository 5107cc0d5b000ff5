"""Texture concepts on a real network: accuracy, effect and specificity by layer, and the same on shuffled weights.

    python tests/benchmarks/concept_textures.py --photos DIR

Striped, dotted, zigzag and checkered pictures are generated; the pool is crops of photographs. There are no pictures of
the classes, so each gradient is taken on the 40 crops with the highest logit for it.
"""

import argparse
import itertools
import pathlib
import time

import keras
import numpy as np
from concept_pictures import TEXTURES, add_network_options, crop_photos, draw_texture, open_network

from tf_interp.concepts import tcav

LAYERS = ["block2b_add", "block3b_add", "block4c_add", "block5c_add", "block6d_add", "block7a_project_conv_bn"]

CLASSES = {"zebra": 340, "tiger": 292, "dalmatian": 251, "crossword puzzle": 918, "honeycomb": 599, "sports car": 817}
EXPECTED = {"zebra": "striped", "tiger": "striped", "dalmatian": "dotted", "crossword puzzle": "checkered"}


def shuffle_weights(network, images, seed):
    """Shuffle every kernel's numbers, then let batch norms measure their statistics again, so that signals survive."""
    random = np.random.default_rng(seed)
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in network.layers:
        if layer not in norms and layer.weights:
            layer.set_weights([random.permuted(weight.ravel()).reshape(weight.shape) for weight in layer.get_weights()])
    for norm in norms:
        norm.momentum = 0.0
    network(images, training=True)


def choose_targets(model, crops):
    logits = np.concatenate([model.run(crops[i : i + 50], ["output"])["output"] for i in range(0, len(crops), 50)])
    return {name: (index, crops[np.argsort(-logits[:, index])[:40]]) for name, index in CLASSES.items()}


def print_layer(result, layer):
    accuracy = {row["concept"]: row["cav_accuracy"] for row in result.find(layer=layer, contrast="random")}
    print(f"\n{layer}: held-out accuracy", {name: round(value, 3) for name, value in accuracy.items()})
    for target in CLASSES:
        print(f"  {target:17s}", end="")
        for concept in TEXTURES:
            one = result.find(layer=layer, target=target, concept=concept, contrast="random")[0]
            other = result.find(layer=layer, target=target, concept=concept, contrast="relative")[0]
            star = "*" if result.claims(one) else " "
            mark = "<" if EXPECTED.get(target) == concept else " "
            print(
                f"| {concept[:8]:8s} eff {one['effect']:+.2f}{star} spec {one['specificity']:.2f} "
                f"rel {other['effect']:+.2f} spec {other['specificity']:.2f}{mark}",
                end="",
            )
        print()


def print_ranks(result):
    """Print where the class that has a texture comes among the six, layer by layer; what speaks against is last."""
    print("\nplace of the expected class by specificity (several share a place), by displacement; its specificity:")
    for (target, concept), contrast in itertools.product(EXPECTED.items(), ("random", "relative")):
        print(f"  {target:17s}{concept:10s}{contrast:9s}", end="")
        for layer in result.settings["layers"]:
            rows = {row["target"]: row for row in result.find(layer=layer, concept=concept, contrast=contrast)}
            signed = {name: np.sign(row["displacement"]) * row["specificity"] for name, row in rows.items()}
            first = 1 + sum(value > signed[target] for value in signed.values())
            moved = 1 + sum(row["displacement"] > rows[target]["displacement"] for row in rows.values())
            print(f" | {first} {moved} {signed[target]:+.2f}", end="")
        print()


def compare_runs(first, second):
    """Print the largest difference of each number between two runs that should agree."""
    apart = {}
    for row, other in zip(first.rows, second.rows, strict=True):
        for key, value in row.items():
            if isinstance(value, float):
                apart[key] = max(apart.get(key, 0), abs(value - other[key]))
    largest = sorted(apart.items(), key=lambda item: -item[1])
    print("\nanother batch size, largest differences:", {key: f"{value:.1e}" for key, value in largest[:8]})


def draw(result, path):
    """Draw each class and contrast into a file of its own."""
    for target in CLASSES:
        for contrast in ("random", "relative"):
            name = f"{path.stem}-{target.replace(' ', '-')}-{contrast}{path.suffix or '.png'}"
            result.plot(target, contrast).figure.savefig(path.with_name(name), dpi=100)


def check_shuffled(options, concepts, pool, others):
    """Print how often a network with shuffled weights looks specific; with its targets chosen the same way."""
    layers = len(options.layers)
    found = {contrast: np.empty((options.shuffles, layers, len(CLASSES) * len(concepts)))
             for contrast in ("random", "relative")}  # fmt: skip
    for seed in range(options.shuffles):
        model = open_network(options)
        shuffle_weights(model.model, model.preprocess(pool[:64]), seed)
        shuffled = tcav(model, concepts, pool, choose_targets(model, others), options.layers, seed=seed)
        for contrast, values in found.items():
            rows = shuffled.find(contrast=contrast)
            values[seed] = np.array([row["specificity"] for row in rows]).reshape(layers, -1)
        significant = np.mean([row["p"] <= 0.05 for row in shuffled.find(contrast="random")])
        flags = sorted({flag for row in shuffled.rows for flag in row["flags"]})
        high = {contrast: f"{np.mean(values[seed] > 0.95):.3f}" for contrast, values in found.items()}
        print(f"shuffle {seed}: above .95 {high}, displacement p<=.05 {significant:.2f}, flags {flags}", flush=True)
    for contrast, values in found.items():
        print(f"all shuffles, {contrast}: above .95: {np.mean(values > 0.95):.3f} of {values.size} cells, last layer "
              f"{np.mean(values[:, -1] > 0.95):.3f}, by layer {np.mean(values > 0.95, axis=(0, 2)).round(3)}, "
              f"quartiles {np.quantile(values, [0.25, 0.5, 0.75]).round(2)}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_network_options(parser, LAYERS)
    parser.add_argument("--shuffles", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=7, help="of a second run, which must give the same numbers")
    parser.add_argument("--words", type=pathlib.Path, help="text file for what the test says in words")
    parser.add_argument("--plot", type=pathlib.Path, help="picture of the test; one more for each class and contrast")
    options = parser.parse_args()

    concepts = {kind: draw_texture(kind, 60, options.size, number) for number, kind in enumerate(TEXTURES)}
    crops, _ = crop_photos(options.photos, 600, options.size, 1)
    pool, others = crops[:300], crops[300:]

    start = time.process_time()
    model = open_network(options)
    targets = choose_targets(model, others)
    result = tcav(model, concepts, pool, targets, options.layers)
    print(f"trained network: {result.family} tests, {time.process_time() - start:.0f} s CPU")
    for layer in result.settings["layers"]:
        print_layer(result, layer)
    print_ranks(result)
    compare_runs(result, tcav(model, concepts, pool, targets, options.layers, batch_size=options.batch_size))
    if options.words:
        options.words.write_text("\n".join(result.explain()) + "\n")
    if options.plot:
        draw(result, options.plot)
    check_shuffled(options, concepts, pool, others)


if __name__ == "__main__":
    main()
