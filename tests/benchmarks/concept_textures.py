"""Texture concepts on a real network: accuracy, effect and specificity by layer, and the same on shuffled weights.

    python tests/benchmarks/concept_textures.py --photos DIR --model network.keras --layers block5c_add block6d_add

Striped, dotted, zigzag and checkered pictures are generated; the pool is crops of photographs. There are no pictures of
the classes, so each gradient is taken on the 40 crops with the highest logit for it.
"""

import argparse
import pathlib
import time

import keras
import numpy as np
from concept_calibration import crop_photos

from tf_interp.concepts import tcav
from tf_interp.models import open_model

CLASSES = {"zebra": 340, "tiger": 292, "dalmatian": 251, "crossword puzzle": 918, "honeycomb": 599, "sports car": 817}
EXPECTED = {"zebra": "striped", "tiger": "striped", "dalmatian": "dotted", "crossword puzzle": "checkered"}


def draw_texture(kind, count, size, seed):
    """Return pictures float32 [count,size,size,3] of one texture in random colors, scales and angles."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    pictures = []
    for _ in range(count):
        angle, period = random.uniform(0, np.pi), random.uniform(14, 40)
        u = (x * np.cos(angle) + y * np.sin(angle)) / period + random.uniform()
        v = (-x * np.sin(angle) + y * np.cos(angle)) / period + random.uniform()
        if kind == "striped":
            mask = np.sin(2 * np.pi * (u + 0.1 * np.sin(v * random.uniform(0.5, 2)))) > 0
        elif kind == "zigzag":
            mask = np.sin(2 * np.pi * (u + 0.6 * np.abs(2 * (v / 2 % 1) - 1))) > 0
        elif kind == "dotted":
            mask = (u % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2 < random.uniform(0.05, 0.12)
        else:
            mask = (np.floor(u) + np.floor(v)) % 2 > 0
        first, second = random.uniform(0, 1, (2, 3))
        if np.abs(first - second).sum() < 0.9:
            first, second = np.zeros(3), np.ones(3)
        picture = np.where(mask[..., None], first, second) + random.normal(0, 0.03, (size, size, 3))
        pictures.append(np.clip(picture, 0, 1))
    return np.stack(pictures).astype(np.float32)


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


def run(model, concepts, pool, crops, layers, seed=0):
    logits = np.concatenate([model.run(crops[i : i + 50], ["output"])["output"] for i in range(0, len(crops), 50)])
    targets = {name: (index, crops[np.argsort(-logits[:, index])[:40]]) for name, index in CLASSES.items()}
    return tcav(model, concepts, pool, targets, layers, seed=seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--layers", nargs="+", required=True)
    parser.add_argument("--scale", type=float, default=255 / 128)
    parser.add_argument("--shift", type=float, default=127 / 128)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--shuffles", type=int, default=5)
    options = parser.parse_args()

    kinds = ("striped", "dotted", "zigzag", "checkered")
    concepts = {kind: draw_texture(kind, 60, options.size, number) for number, kind in enumerate(kinds)}
    crops, _ = crop_photos(options.photos, 600, options.size, 1)
    pool, others = crops[:300], crops[300:]

    def prepare(images):
        return images * options.scale - options.shift

    start = time.process_time()
    network = keras.models.load_model(options.model)
    model = open_model(network, preprocess=prepare)
    result = run(model, concepts, pool, others, options.layers)
    print(f"trained network: {result.family} tests, {time.process_time() - start:.0f} s CPU")
    for layer in result.settings["layers"]:
        accuracy = {row["concept"]: row["cav_accuracy"] for row in result.find(layer=layer, contrast="random")}
        print(f"\n{layer}: held-out accuracy", {name: round(value, 3) for name, value in accuracy.items()})
        for target in CLASSES:
            print(f"  {target:17s}", end="")
            for concept in kinds:
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
    high = {contrast: [] for contrast in ("random", "relative")}
    significant = []
    for seed in range(options.shuffles):
        network = keras.models.load_model(options.model)
        shuffle_weights(network, prepare(pool[:64]), seed)
        shuffled = run(open_model(network, preprocess=prepare), concepts, pool, others, options.layers, seed)
        for contrast, values in high.items():
            found = [
                row["specificity"] for row in shuffled.find(contrast=contrast, layer=result.settings["layers"][-1])
            ]
            values.append(found)
            print(
                f"shuffle {seed}, last layer, {contrast}: above .95: {np.mean(np.array(found) > 0.95):.3f}", flush=True
            )
        significant.append(np.mean([row["p"] <= 0.05 for row in shuffled.find(contrast="random")]))
        flags = {flag for row in shuffled.rows for flag in row["flags"]}
        print(f"  displacement p<=.05 in {significant[-1]:.2f} of the cells; flags {sorted(flags)}", flush=True)
    for contrast, values in high.items():
        values = np.array(values)
        print(f"all shuffles, {contrast}: above .95: {np.mean(values > 0.95):.3f} of {values.size} cells, "
              f"quartiles {np.quantile(values, [0.25, 0.5, 0.75]).round(2)}")  # fmt: skip


if __name__ == "__main__":
    main()
