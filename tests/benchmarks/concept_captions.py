"""The captioned-image control of the TCAV paper: does the concept test follow what the network really relies on?

    python tests/benchmarks/concept_captions.py                 # patches of two color photographs of scikit-learn
    python tests/benchmarks/concept_captions.py --photos DIR    # patches of your photographs
    python tests/benchmarks/concept_captions.py --fashion DIR   # clothes, of Debian's dataset-fashion-mnist

Pictures carry a caption (a bar code over their lower edge) that names their class, right in a share of the training
pictures. The more often it is right, the more a network relies on it: its accuracy drops when captions are taken away.
The concept "caption" of a class, paired with the same pictures without it, should follow that drop.
"""

import argparse
import gzip
import itertools
import pathlib

import keras
import numpy as np
import tensorflow as tf
from scipy.stats import spearmanr
from sklearn.datasets import load_sample_images

from tf_interp.concepts import tcav
from tf_interp.images import read_folder, read_image
from tf_interp.models import open_model

SIZE = 32
GARMENTS = (0, 2, 3, 4, 6)  # T-shirt, pullover, dress, coat, shirt: hard to tell apart without a caption
LAYERS = ["conv2", "conv3"]
BASE = 50  # pictures that captions are written on for the test
STRIPS = 3  # classes that each sample photograph is cut into
NUMBERS = ("displacement", "effect", "score", "specificity")


def cut_patches(scenes, count, seed):
    """Return patches float32 [count,32,32,3] and which scene each is from."""
    random = np.random.default_rng(seed)
    patches, labels = [], np.arange(count) % len(scenes)
    for scene in (scenes[label] for label in labels):
        side = int(random.uniform(0.1, 0.2) * scene.shape[0])
        top, left = (random.integers(0, edge - side + 1) for edge in scene.shape[:2])
        patches.append(tf.image.resize(scene[top : top + side, left : left + side], (SIZE, SIZE), antialias=True))
    return np.clip(np.stack(patches), 0, 1).astype(np.float32), labels


def load(options, seed):
    """Return pictures [N,32,32,C] and labels, in random order."""
    random = np.random.default_rng(seed)
    if options.fashion:
        with gzip.open(options.fashion / "train-labels-idx1-ubyte.gz") as file:
            labels = np.frombuffer(file.read(), np.uint8, offset=8)
        with gzip.open(options.fashion / "train-images-idx3-ubyte.gz") as file:
            images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)
        rows = random.permutation(np.flatnonzero(np.isin(labels, GARMENTS)))[: options.pictures]
        images = np.pad(images[rows] / np.float32(255), ((0, 0), (2, 2), (2, 2), (0, 0)))
        return images, np.searchsorted(GARMENTS, labels[rows])
    if options.photos:
        photos = [read_image(file) for file in read_folder(options.photos, (8, 8))[1]]
        photos = sorted((photo for photo in photos if min(photo.shape[:2]) >= 300), key=lambda photo: photo.std())
        scenes = [photos[number] for number in np.linspace(0, len(photos) - 1, options.classes).astype(int)]
    else:
        photos = [photo / np.float32(255) for photo in load_sample_images().images]
        scenes = [strip for photo in photos for strip in np.array_split(photo, STRIPS, axis=1)]
    images, labels = cut_patches(scenes, options.pictures, seed)
    order = random.permutation(len(images))
    return images[order], labels[order]


def write_captions(images, labels):
    """Write each label as three bars of different places on a black strip over the lower edge."""
    images = images.copy()
    images[:, 25:] = 0
    for image, label in zip(images, labels, strict=True):
        for bar in range(3):
            if (int(label) + 1) >> bar & 1:
                image[26:31, 2 + 10 * bar : 10 + 10 * bar] = 1
    return images


def train(images, labels, share, epochs, seed):
    """Return a network trained on captions of which `share` are right, others of a random class; None: no captions."""
    random = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    if share is not None:
        captions = np.where(random.random(len(labels)) < share, labels, random.integers(0, classes, len(labels)))
        images = write_captions(images, captions)
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            layers.Conv2D(16, 3, activation="relu", name="conv1"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", name="conv2"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", name="conv3"),
            layers.Flatten(),
            layers.Dense(classes, name="logits"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss, metrics=["accuracy"])
    network.fit(images, labels, epochs=epochs, batch_size=32, verbose=0)
    return network


def measure_accuracy(network, images, labels):
    """Return the accuracy with right captions and without any."""
    captioned = network.predict(write_captions(images, labels), verbose=0)
    plain = network.predict(images, verbose=0)
    return (captioned.argmax(1) == labels).mean(), (plain.argmax(1) == labels).mean()


def measure_concepts(network, images, labels):
    """Return (pooling, layer, contrast) -> numbers of the test, "caption of k" to the logit of k, mean over k."""
    classes = [str(label) for label in range(int(labels.max()) + 1)]
    base, pool, rest, rest_labels = images[:BASE], images[BASE:300], images[300:], labels[300:]
    captions = {name: write_captions(base, np.full(len(base), int(name))) for name in classes}
    targets = {name: (int(name), rest[rest_labels == int(name)][:60]) for name in classes}
    groups = {name: [f"picture {number}" for number in range(len(base))] for name in classes}
    paired = dict.fromkeys(classes, base)
    found = {}
    for pooling in ("mean", "flat"):
        options = {"paired": paired, "groups": groups, "pooling": pooling, "permutations": 1000, "bootstraps": 200}
        test = tcav(open_model(network), captions, pool, targets, LAYERS, **options)
        for layer, contrast in itertools.product(LAYERS, ("paired", "relative")):
            rows = test.find(layer=layer, contrast=contrast)
            rows = [row for row in rows if row["target"] == row["concept"]]
            found[pooling, layer, contrast] = [np.mean([row[key] for row in rows]) for key in NUMBERS]
            found[pooling, layer, contrast].append(np.mean(["GOES_OTHERWISE" in row["flags"] for row in rows]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--photos", type=pathlib.Path, help="folder of photographs; classes are some of them")
    source.add_argument("--fashion", type=pathlib.Path, help="folder of Fashion-MNIST")
    parser.add_argument("--classes", type=int, default=6, help="number of photographs, with --photos")
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3, help="networks for each share")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.25, 0.5, 0.75, 1.0])
    options = parser.parse_args()
    shares, drops, numbers = [None, *options.shares], [], []
    for seed in range(options.seeds):
        images, labels = load(options, seed)
        half = len(images) // 2
        for share in shares:
            network = train(images[:half], labels[:half], share, options.epochs, seed)
            captioned, plain = measure_accuracy(network, images[half:], labels[half:])
            found = measure_concepts(network, images[half:], labels[half:])
            drops.append(captioned - plain)
            numbers.append(list(found.values()))
            name = "none written" if share is None else f"{share:.2f}"
            print(f"seed {seed}, captions right {name:12s} accuracy with {captioned:.3f} without {plain:.3f} "
                  f"drop {captioned - plain:+.3f}", flush=True)  # fmt: skip
    drops = np.array(drops).reshape(options.seeds, -1)
    numbers = np.array(numbers).reshape(options.seeds, len(shares), len(found), -1)
    print("shares", shares, "mean drop", drops.mean(0).round(3))
    for place, key in enumerate(found):
        if key[-1] == "paired":
            flagged = numbers[:, :, place, -1].mean(0)
            print(f"{' '.join(key):20s} share of classes with the flag GOES_OTHERWISE {flagged.round(2)}")
        for number, name in enumerate(NUMBERS):
            values = numbers[:, :, place, number]
            apart = [spearmanr(drop[1:], value[1:]).statistic for drop, value in zip(drops, values, strict=True)]
            mean = values.mean(0)
            print(f"{' '.join(key):20s} {name:13s} {mean.round(3)} Spearman of the captioned networks: with the share "
                  f"{spearmanr(options.shares, mean[1:]).statistic:+.2f}, with the drop "
                  f"{spearmanr(drops.mean(0)[1:], mean[1:]).statistic:+.2f}; each seed alone, with the drop "
                  f"{np.round(apart, 2)}")  # fmt: skip


if __name__ == "__main__":
    main()
