"""How often does the alarm ring in a whole training, if there is nothing to ring for?

    python tests/benchmarks/watch_calibration.py [--trainings 300]

Real small trainings on the digits of scikit-learn, read after each of 20 epochs, three classes each. Null concepts:
random validation pictures ("random", "relative"), random values ("continuous"), two noisy versions of a picture
("paired"), each also with sources: near copies of a picture on one side, or with one value, or with one noise, so that
nothing but sources may be exchanged (`groups=`). Effects of any size count. Beside the alarm: who rings when some p in
the curves is .05 or less ("by eye"), who corrects that for all tests and looks, and the alarm if it is not told that
there are sources. "Beyond chance" is the alarm alone, "rings" what the test itself bears out.
"""

import argparse
import dataclasses
import functools
import itertools
import time

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from tf_interp import open_model
from tf_interp.capture import read_activations
from tf_interp.concepts import Concept, ConceptWatch, tcav
from tf_interp.concepts.examples.sets import gather_sets
from tf_interp.concepts.result.result import ConceptTest
from tf_interp.concepts.statistics.design import p_values
from tf_interp.concepts.tcav.comparisons import declare_contrasts
from tf_interp.concepts.tcav.sensitivity import sensitivities

LOOKS = 20
PERMUTATIONS = 3999
LAYER = "conv2"
CLASSES = (1, 5, 7)
ALPHA = 0.05
COMPARED = (("concept", "random"), ("concept", "relative"), ("concept", "paired"), ("degrees", "continuous"))
ALL = "all four"
ANY_SIZE = dict.fromkeys(map(str, CLASSES), 0.0)  # of an effect counts
BORNE_OUT = {"target": "1", "displacement": 1.0, "ci_low": 1.0, "ci_high": 1.0, "flags": [], "predicted": None}
KINDS = ("rings", "beyond chance", "by eye", "corrected", "told of no sources")


def make_training():
    """Return the network and a function `(images, labels, seed)` -> iterator over its epochs, from new weights each."""
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv1"),
            layers.Conv2D(16, 3, activation="relu", name=LAYER),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, name="digit"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(4e-3)
    optimizer.build(network.trainable_variables)
    begin = [variable.numpy() for variable in optimizer.variables]

    @tf.function
    def run_epoch(images, labels, batches):
        for number in tf.range(tf.shape(batches)[0]):
            with tf.GradientTape() as tape:
                value = loss(tf.gather(labels, batches[number]), network(tf.gather(images, batches[number])))
            variables = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))

    def train(images, labels, seed):
        keras.utils.set_random_seed(seed)
        network.set_weights(keras.models.clone_model(network).get_weights())
        for variable, value in zip(optimizer.variables, begin, strict=True):
            variable.assign(value)
        images, labels, rng = tf.constant(images), tf.constant(labels), np.random.default_rng(seed)
        for epoch in range(LOOKS):
            order = rng.permutation(len(labels))
            run_epoch(images, labels, tf.constant(order[: len(order) // 50 * 50].reshape(-1, 50), tf.int32))
            yield epoch

    return network, train


def vary(pictures, rng, sizes):
    """Return each picture as many times as its size says, with one noise for all its copies and a little of their own.

    Returns:
        The copies, and the number of the source of each.
    """
    sources = np.repeat(np.arange(len(pictures)), sizes)
    shared = rng.normal(0, 0.15, pictures.shape)[sources]
    copies = pictures[sources] + shared + rng.normal(0, 0.03, shared.shape)
    return np.clip(copies, 0, 1).astype(np.float32), sources


def draw_sets(held, labels, rng, grouped):
    """Return the arguments of `tcav`: null concepts, pool and targets, of held-out pictures that are never the same."""
    names, counts = ("concept", "other", "degrees", "random"), ((12, 12, 14, 18) if grouped else (40, 40, 40, 50))
    order, found, groups = rng.permutation(len(held)), {}, {}
    for name, count in zip(names, counts, strict=True):
        chosen, order = held[order[:count]], order[count:]
        sizes = rng.integers(2, 7, count) if grouped else np.ones(count, int)
        found[name], sources = vary(chosen, rng, sizes)
        groups[name] = [f"{name} {source}" for source in sources]
        if name == "concept":
            paired = {name: vary(chosen, rng, sizes)[0]}
        if name == "degrees":
            found[name] = Concept(found[name], values=rng.normal(size=count)[sources])
    targets = {str(name): (name, held[order[labels[order] == name][:25]]) for name in CLASSES}
    return {
        "concepts": {name: found[name] for name in ("concept", "other", "degrees")},
        "random": found["random"],
        "targets": targets,
        "paired": paired,
        "groups": groups if grouped else None,
    }


class Once:
    """A design whose relabelings are computed once at a look, however many watches ask for them."""

    def __init__(self, design):
        self.design, self.seen = design, None

    def __getattr__(self, name):
        return getattr(self.design, name)

    def test(self, projections, permutations, seed):
        if self.seen is None or not np.array_equal(self.seen[0], projections):
            self.seen = projections, self.design.test(projections, permutations, seed)
        return self.seen[1]


class Rows:
    """Rows of a test that are made when somebody asks for them: an alarm does when a test is beyond chance."""

    def __init__(self, make):
        self.make = make

    def __getitem__(self, number):
        return self.make()[number]


class Watcher:
    """Everybody who watches one training with the same sets.

    Args:
        model: the network.
        given: the sets, as `draw_sets` returns them.
        seed: of the relabelings.
    """

    def __init__(self, model, given, seed):
        self.model, self.given, self.seed = model, given, seed
        self.sets = gather_sets(model, **given)
        self.contrasts = {item.key: item for item in declare_contrasts(self.sets, "union", None)}
        designs = {key: Once(self.contrasts[key].design) for key in COMPARED}
        self.families = {key[1]: {key: design} for key, design in designs.items()} | {ALL: designs}
        self.blind = {}
        if given["groups"]:
            self.blind = {key[1]: {key: dataclasses.replace(item.design, groups=None)} for key, item in designs.items()}
        self.watches = {(kind, name): ConceptWatch(ALPHA) for kind in KINDS for name in self.families}
        self.rung = {kind: set() for kind in KINDS}

    def read(self):
        """Return (concept, contrast) -> float32 [n+m,T], as `tcav` does but without intervals and the like."""
        values = read_activations(self.model, self.sets.blocks, [LAYER], pooling="mean", batch_size=512)[LAYER]
        asked = [(item.target, item.images) for item in self.sets.targets]
        slopes = sensitivities(self.model, [LAYER], asked, "mean", 512)
        means = np.stack([slope.gradients[LAYER].numpy().mean(0) for slope in slopes], 1)
        own = {key: values[self.contrasts[key].all_rows] for key in COMPARED}
        return {key: ((value - value.mean(0)) @ means).astype(np.float32) for key, value in own.items()}

    def test(self):
        """Return the whole test as users make it."""
        return tcav(self.model, **self.given, layers=LAYER, permutations=PERMUTATIONS, bootstraps=400, seed=self.seed)

    def check(self):
        """Raise if what is read is not what `tcav` reads."""
        whole, own = self.test(), self.read()
        for key, value in own.items():
            wanted = whole.projections[LAYER, *key]
            np.testing.assert_allclose(value, wanted, rtol=1e-3, atol=1e-5 * np.abs(value).max())

    def look(self, share):
        """Read everything once more, and note in `rung` who rings for what."""
        projections, whole = self.read(), None

        def make(compared):
            nonlocal whole
            whole = self.test() if whole is None else whole
            return [row for row in whole.rows if (row["concept"], row["contrast"]) in compared]

        def ask(kind, name, compared, rows):
            settings = {"method": "displacement", "layers": [LAYER], "permutations": PERMUTATIONS, "seed": self.seed}
            settings["targets"] = ANY_SIZE
            own = {(LAYER, *key): projections[key] for key in compared}
            test = ConceptTest(rows, len(compared) * len(CLASSES), settings, ALPHA, {}, [], compared, own)
            if self.watches[kind, name].look(test, share, ANY_SIZE):
                self.rung[kind].add(name)

        for key, design in self.families[ALL].items():
            observed, null = design.test(projections[key], PERMUTATIONS, self.seed)
            least = p_values(observed, null, 1e-6 * np.abs(projections[key]).max(0)).min()
            for kind, level in (("by eye", ALPHA), ("corrected", ALPHA / (LOOKS * len(CLASSES)))):
                if least <= level:
                    self.rung[kind].add(key[1])
        for name, compared in self.families.items():
            ask("rings", name, compared, Rows(functools.partial(make, compared)))
            if self.watches["rings", name]._beyond:
                self.rung["beyond chance"].add(name)
        for name, compared in self.blind.items():
            ask("told of no sources", name, compared, [BORNE_OUT] * len(CLASSES))


def report(counts, trainings):
    """Print in how many trainings who rang; `counts` is (label, kind) -> number."""
    print(f"{trainings} trainings, {LOOKS} looks, {len(CLASSES)} tests; % of the trainings:")
    for label in dict.fromkeys(label for label, _ in counts):
        own = [(kind, count) for (name, kind), count in counts.items() if name == label]
        print(f"  {label:20s} " + ", ".join(f"{kind} {100 * count / trainings:.1f}" for kind, count in own), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="seed of the first training")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)  # so small a network only waits for others
    tf.config.threading.set_inter_op_parallelism_threads(1)
    digits = load_digits()
    images, labels = (digits.images / 16).astype(np.float32)[..., None], digits.target.astype(np.int32)
    network, train = make_training()
    model = open_model(network)
    counts, started = {}, (time.process_time(), time.perf_counter())
    for done, seed in enumerate(range(options.first, options.first + options.trainings), 1):
        rng = np.random.default_rng((seed, 1))
        order = rng.permutation(len(images))
        own, held = order[:1000], order[1000:]
        watchers = {
            sources: Watcher(model, draw_sets(images[held], labels[held], rng, bool(sources)), seed)
            for sources in ("", ", sources")
        }
        for epoch in train(images[own], labels[own], seed):
            for watcher in watchers.values():
                if done == 1 and epoch == 0:
                    watcher.check()
                watcher.look((epoch + 1) / LOOKS)
        for sources, watcher in watchers.items():
            for name, kind in itertools.product(watcher.families, KINDS):
                if (name != ALL or kind in KINDS[:2]) and (sources or kind != KINDS[-1]):
                    label = f"{name}{sources}"
                    counts[label, kind] = counts.get((label, kind), 0) + (name in watcher.rung[kind])
        if done % 50 == 0 or done == options.trainings:
            cpu, wall = time.process_time() - started[0], time.perf_counter() - started[1]
            report(counts, done)
            print(f"  {cpu / done:.2f} s CPU, {wall / done:.2f} s a training", flush=True)


if __name__ == "__main__":
    main()
