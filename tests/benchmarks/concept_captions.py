"""The captioned-image control of the TCAV paper: does the concept test follow what the network really relies on?

    python tests/benchmarks/concept_captions.py

Digits carry a caption (a bar code in the corner) that names their class, right in a share of the training pictures. The
more often it is right, the more a network relies on it: its accuracy drops when captions are taken away. The concept
"caption" of a class (paired with the same pictures without it) should follow that drop.
"""

import argparse
import time

import keras
import numpy as np
from scipy.stats import spearmanr
from sklearn.datasets import load_digits

from tf_interp.concepts import tcav
from tf_interp.models import open_model

CLASSES = 6


def load(seed):
    digits = load_digits(n_class=CLASSES)
    images = np.kron(digits.images / 16, np.ones((3, 3)))[..., None].astype(np.float32)
    images = np.pad(images, ((0, 0), (8, 0), (4, 4), (0, 0)))
    order = np.random.default_rng(seed).permutation(len(images))
    return images[order], digits.target[order]


def write_captions(images, labels):
    """Write each label as three bars of different places on top of the picture."""
    images = images.copy()
    for image, label in zip(images, labels, strict=True):
        for bar in range(3):
            if (int(label) + 1) >> bar & 1:
                image[1:7, 5 + 9 * bar : 11 + 9 * bar] = 1
    return images


def train(images, labels, share, epochs, seed):
    """Return a network trained on captions of which `share` are right, others of a random class; None: no captions."""
    random = np.random.default_rng(seed)
    if share is not None:
        captions = np.where(random.random(len(labels)) < share, labels, random.integers(0, CLASSES, len(labels)))
        images = write_captions(images, captions)
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.Conv2D(16, 3, activation="relu", name="conv1"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", name="conv2"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", name="conv3"),
            layers.Flatten(),
            layers.Dense(CLASSES, name="logits"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss, metrics=["accuracy"])
    network.fit(images, labels, epochs=epochs, batch_size=32, verbose=0)
    return network


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.25, 0.5, 0.75, 1.0])
    options = parser.parse_args()
    images, labels = load(options.seed)
    half = len(images) // 2
    test_x, test_y = images[half:], labels[half:]
    base = test_x[: len(test_x) // 2]
    rest_x, rest_y = test_x[len(test_x) // 2 :], test_y[len(test_x) // 2 :]
    pool, rest_x, rest_y = rest_x[:100], rest_x[100:], rest_y[100:]
    found = {"share": [], "drop": [], "displacement": [], "effect": [], "score": [], "specificity": []}
    for share in [None, *options.shares]:
        start = time.process_time()
        network = train(images[:half], labels[:half], share, options.epochs, options.seed)
        captioned = (network.predict(write_captions(test_x, test_y), verbose=0).argmax(1) == test_y).mean()
        plain = (network.predict(test_x, verbose=0).argmax(1) == test_y).mean()
        rows = []
        for label in range(CLASSES):  # one concept and one class at a time: "caption of k" and the logit of k
            caption = write_captions(base, np.full(len(base), label))
            target = {str(label): (label, rest_x[rest_y == label])}
            test = tcav(open_model(network), {"caption": caption}, pool, target, "conv3", paired={"caption": base})
            rows += test.find(contrast="paired")
        means = {key: np.mean([row[key] for row in rows]) for key in ("displacement", "effect", "score", "specificity")}
        name = "none written" if share is None else f"{share:.2f}"
        accuracies = f"accuracy with {captioned:.3f} without {plain:.3f} drop {captioned - plain:+.3f}"
        numbers = " ".join(f"{key} {value:+.3f}" for key, value in means.items())
        seconds = f"{time.process_time() - start:.0f} s CPU"
        print(f"captions right {name:12s} {accuracies} | {numbers} | {seconds}", flush=True)
        found["share"].append(-0.01 if share is None else share)
        found["drop"].append(captioned - plain)
        for key, value in means.items():
            found[key].append(value)
    for key in ("displacement", "effect", "score", "specificity"):
        to_share = spearmanr(found["share"][1:], found[key][1:]).statistic
        to_drop = spearmanr(found["drop"], found[key]).statistic
        print(f"{key:13s} Spearman with share of right captions {to_share:+.2f}, with accuracy drop {to_drop:+.2f}")


if __name__ == "__main__":
    main()
