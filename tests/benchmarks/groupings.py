"""Groupings of a layer: error beside scikit-learn's, planted parts, signed layers, sparse parts beside PCA, stability.

Without --photos only what needs none: planted parts, numbers of groups, a small transformer.

python tests/benchmarks/groupings.py [--photos PHOTOS] [--layers block5c_add] [--count 60] [--seeds 5]
"""

import argparse
import pathlib
import sys
import time

import keras
import numpy as np
from concept_pictures import add_network_options, crop_photos, open_network
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF, PCA, FastICA

import tf_interp as ti
from tf_interp.groups.judging.halves import count_groups
from tf_interp.groups.methods.choice import METHODS, choose
from tf_interp.groups.methods.factorizer import fit_rows

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from group_layers import find_again, plant, plant_sparse

STARTS = 5


def compare_errors(rows, k):
    """Print the error of NMF beside scikit-learn's coordinate descent, on what is above 0."""
    positive = np.maximum(rows, 0)
    reference = NMF(k, init="nndsvda", solver="cd", max_iter=500, random_state=0).fit(positive)
    other = reference.reconstruction_err_ / np.linalg.norm(positive)
    ours = [fit_rows(choose("nmf"), positive, k, seed=seed).error for seed in range(STARTS)]
    worst, first = max(ours) / other, ours[0] / other
    print(f"NMF k={k}: error {ours[0]:.4f}, cd {other:.4f}: {first:.4f}x (worst of {STARTS} starts {worst:.4f}x)")


def find_planted():
    """Print how near planted parts are found, over starts."""
    for method, signed in (("nmf", False), ("semi_nmf", True), ("split_nmf", True)):
        nearest = []
        for seed in range(STARTS):
            rows, vectors = plant(1000, 30, 4, signed=signed, seed=seed)
            nearest.append(find_again(vectors, fit_rows(choose(method), rows, 4, seed=0, iterations=2000).vectors))
        near = np.concatenate(nearest)
        print(f"planted, {method}: cosine {near.min():.3f} or more, {(near > 0.98).sum()} of {len(near)} > .98")
    for method in ("sparse", "archetypal"):
        nearest = []
        for seed in range(STARTS):
            rows, vectors = plant_sparse(3000, 16, 20, 2, seed=seed)
            nearest.append(find_again(vectors, fit_rows(choose((method, {"active": 2})), rows, 20, seed=0).vectors))
        near = np.concatenate(nearest)
        print(f"planted, {method}, 20 parts in 16: median {np.median(near):.3f}, {(near > 0.98).mean():.0%} > .98")


def count_planted():
    """Print how often `k="auto"` takes the number of planted parts."""
    for noise in (0.0, 0.3):
        row = []
        for parts in (3, 4, 6, 8):
            for method, signed in (("nmf", False), ("semi_nmf", True)):
                for seed in range(2):
                    rows, _ = plant(800, 20, parts, signed=signed, seed=100 * seed + parts)
                    draws = np.random.default_rng(1).normal(size=rows.shape)
                    rows = rows + noise * rows.std() * draws if signed else rows * np.exp(noise * draws)
                    activations = rows.reshape(-1, 2, 2, 20).astype(np.float32)
                    ids = list(map(str, range(len(activations))))
                    row.append((parts, count_groups(choose(method), activations, None, ids, seed=0, iterations=200)[0]))
        wrong = [f"{found} for {parts}" for parts, found in row if parts != found]
        print(f'planted, k="auto", noise {noise}: right {len(row) - len(wrong)} of {len(row)}; {wrong}')


def train_transformer():
    """Return a small vision transformer that reads digits, and the pictures that it was not trained on."""
    layers = keras.layers
    digits = load_digits()
    images, labels = digits.images[..., None].astype(np.float32) / 16, digits.target
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    tokens = layers.Reshape((16, 32))(layers.Conv2D(32, 2, strides=2)(inputs))
    tokens = layers.Add()([tokens, layers.Embedding(16, 32)(np.arange(16)[None])])
    for block in (1, 2):
        inner = layers.LayerNormalization()(tokens)
        tokens = layers.Add(name=f"attended{block}")([tokens, layers.MultiHeadAttention(4, 8)(inner, inner)])
        inner = layers.Dense(64, activation="gelu", name=f"gelu{block}")(layers.LayerNormalization()(tokens))
        tokens = layers.Add(name=f"block{block}")([tokens, layers.Dense(32)(inner)])
    pooled = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(tokens))
    model = keras.Model(inputs, layers.Dense(10)(pooled))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(images[:1400], labels[:1400], epochs=20, verbose=0)
    accuracy = model.evaluate(images[1400:], labels[1400:], verbose=0)[1]
    print(f"\nsmall transformer: right for {accuracy:.0%} of new digits")
    return ti.open_model(model), images[1400:]


def compare_signed(model, images, layers, k):
    """Print what methods explain of layers, beside the mean of each channel."""
    for layer in layers:
        rows = ti.read_activations(model, images, [layer])[layer]
        rows = rows.reshape(-1, rows.shape[-1]).astype(np.float32)
        total, negative = ((rows - rows.mean(0)) ** 2).sum(), -np.minimum(rows, 0).sum() / np.abs(rows).sum()
        found = {name: fit_rows(choose(name), rows, k, seed=0) for name in ("nmf", "semi_nmf", "split_nmf")}
        r2 = {name: 1 - ((rows - one.weights @ one.vectors) ** 2).sum() / total for name, one in found.items()}
        text = ", ".join(f"{name} {value:.3f}" for name, value in r2.items())
        print(f"{layer}: {rows.shape[0]} x {rows.shape[1]}, {negative:.0%} negative, k={k}: R2 {text}")


def count_parts(rows, times, actives):
    """Print how many parts at a position a sparse dictionary and PCA need for the same R2."""
    total = ((rows - rows.mean(0)) ** 2).sum()
    parts = np.cumsum(PCA().fit(rows).explained_variance_ratio_)
    for active in actives:
        start = time.time()
        found = fit_rows(choose(("sparse", {"active": active})), rows, times * rows.shape[1], seed=0)
        rest = rows - found.weights @ found.vectors - (0 if found.offset is None else found.offset)
        r2 = 1 - (rest**2).sum() / total
        used, needed = (found.weights > 0).sum(1).mean(), int(np.searchsorted(parts, r2)) + 1
        dead = int((~found.weights.any(0)).sum())
        print(
            f"sparse, {len(found.vectors)} atoms: R2 {r2:.3f} with {used:.1f} parts, PCA needs {needed}: "
            f"{used / needed:.2f}x ({dead} dead, {time.time() - start:.0f} s)"
        )


def main():
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_network_options(parser, ["block5c_add"], needed=False)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    find_planted()
    count_planted()
    compare_signed(*train_transformer(), ["block1", "gelu1", "attended2", "block2"], options.k)
    if options.photos is None:
        return
    model = open_network(options)
    images, _ = crop_photos(options.photos, options.count, options.size, 0)
    for layer in options.layers:
        values = ti.read_activations(model, images, [layer])[layer]
        rows = values.reshape(-1, values.shape[-1]).astype(np.float32)
        negative = -np.minimum(rows, 0).sum() / np.abs(rows).sum()
        print(f"\n{layer}: {rows.shape[0]} x {rows.shape[1]}, {negative:.0%} negative")
        compare_signed(model, images, [layer], options.k)
        compare_errors(rows, options.k)
        methods = [*METHODS, PCA(), FastICA(max_iter=1000)]
        found = ti.compare_groupings(model, images, layer, options.k, methods=methods, refits=options.seeds - 1)
        columns = [
            "method",
            "r2",
            "active",
            "dead",
            "halves",
            "seeds",
            "seeds_before",
            "random",
            "unstable",
            "distance",
        ]
        print(found.to_dataframe()[columns].round(3).to_string(index=False))
        print(ti.scan_groups(model, images, layer, [2, 4, 8, 16], method="semi_nmf", resamples=2).explain())
        count_parts(rows, 4, (4, 8, 16))


if __name__ == "__main__":
    main()
