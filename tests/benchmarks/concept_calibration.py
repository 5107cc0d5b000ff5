"""How often do meaningless concepts come out significant, and how often is a planted one found?

Ours and the published test, on real activations and on noise:

    python tests/benchmarks/concept_calibration.py --photos DIR

Null concepts are random crops of photographs, drawn from the same crops as the pool. Planted ones are such crops whose
activations are shifted along the target's gradient, by a part of the standard deviation that the crops have there.
"""

import argparse
import itertools
import pathlib
import time

import numpy as np
import tensorflow as tf
from concept_pictures import add_network_options, crop_photos, open_network

from tf_interp.capture import read_activations
from tf_interp.concepts.examples.sets import Sets
from tf_interp.concepts.examples.target_images import TargetImages
from tf_interp.concepts.statistics import design as permutation
from tf_interp.concepts.statistics.cav import get_fit
from tf_interp.concepts.statistics.design import Design
from tf_interp.concepts.statistics.interval import get_widening, widen
from tf_interp.concepts.statistics.specificity import Patterns
from tf_interp.concepts.tcav.comparisons import Contrast
from tf_interp.concepts.tcav.kim2018 import run_reference
from tf_interp.concepts.tcav.rows import Options, compare
from tf_interp.concepts.tcav.sensitivity import Sensitivity, sensitivities

SHIFTS = (0.5, 0.8)  # what Cohen calls medium and large


def summarize(name, p):
    p = np.asarray(p)
    print(f"{name:58s} n={len(p):5d}  p<=.05: {np.mean(p <= 0.05):6.3f}  p<=.01: {np.mean(p <= 0.01):6.3f}", flush=True)


def check_nulls(values, gradients, sizes, concepts, permutations, label, seed=0):
    """Draw null concepts from the rows of `values`, print how many are rejected."""
    random = np.random.default_rng(seed)
    for size in sizes:
        pool = min(200, len(values) - 3 * size)
        found = {"random": [], "relative": []}
        for _ in range(concepts):
            order = random.permutation(len(values))
            direction = gradients[random.integers(len(gradients))]
            sides = {"random": (size, pool), "relative": (size, 2 * size)}  # against the pool, or two null siblings
            for kind, (own, others) in sides.items():
                design = Design(own, others)
                chosen = values[order[: own + others]]
                projections = ((chosen - chosen.mean(0)) @ direction)[:, None].astype(np.float32)
                observed, null = design.test(projections, permutations, seed)
                found[kind].append(permutation.p_values(observed, null)[0])
        for kind, p in found.items():
            summarize(f"{label}, {kind}, {size} images", p)


def check_power(values, gradients, sizes, concepts, permutations, label, seed=0):
    """Shift the activations of null concepts along the target's gradient, print how many are found."""
    random = np.random.default_rng((seed, 1))
    for size in sizes:
        pool = min(200, len(values) - 3 * size)
        for shift in SHIFTS:
            found = {"random": [], "relative": []}
            for _ in range(concepts):
                order = random.permutation(len(values))
                direction = gradients[random.integers(len(gradients))]
                step = shift * (values @ direction).std() * direction / (direction @ direction)
                for kind, (own, others) in {"random": (size, pool), "relative": (size, 2 * size)}.items():
                    design = Design(own, others)
                    chosen = values[order[: own + others]] + np.outer(design.labels, step)
                    projections = ((chosen - chosen.mean(0)) @ direction)[:, None].astype(np.float32)
                    observed, null = design.test(projections, permutations, seed)
                    found[kind].append(permutation.p_values(observed, null)[0])
            for kind, p in found.items():
                summarize(f"{label}, {kind}, {size} images, planted {shift} sd", p)


def check_intervals(sides, repeats, seed=0):
    """Print how often 95 % intervals hold 0 for null concepts of few sources, as they are and as resampling gives them.

    Sources have 2 to 7 images each, which differ a fifth as much within a source as between sources.
    """
    random = np.random.default_rng(seed)
    for (concept, contrast), skewed in itertools.product(sides, (False, True)):
        held = []
        for number in range(repeats):
            sources = np.repeat(np.arange(concept + contrast), random.integers(2, 8, concept + contrast))
            means = (random.exponential if skewed else random.normal)(size=concept + contrast) - skewed
            values = (means[sources] + 0.2 * random.normal(size=len(sources)))[:, None].astype(np.float32)
            own = int((sources < concept).sum())
            design = Design(own, len(sources) - own, groups=tuple(sources.tolist()))
            drawn, center = design.resample(400, number)[0].numpy() @ values[:, 0], design.displace(values)[0]
            ends = [widen(drawn, center, factor) for factor in (1.0, get_widening(design.moves(values))[0])]
            held.append([low <= 0 <= high for low, high in ends])
        bare, widened = np.mean(held, 0)
        shape = "skewed" if skewed else "normal"
        print(
            f"{concept:3d} and {contrast:3d} sources, {shape}: intervals hold {widened:.3f}, resampled only {bare:.3f}"
        )


def check_clustered(values, sources, gradients, size, concepts, permutations, label, seed=0):
    """Null concepts whose images come from few photographs: without and with `groups`."""
    random = np.random.default_rng(seed)
    found = {"images exchanged": [], "photographs exchanged (groups=)": []}
    names = np.unique(sources)
    for _ in range(concepts):
        photos = random.permutation(names)
        own = np.flatnonzero(np.isin(sources, photos[: max(5, size // 8)]))[:size]
        rest = np.flatnonzero(np.isin(sources, photos[max(5, size // 8) :]))
        rest = rest[np.isin(sources[rest], random.permutation(photos[max(5, size // 8) :])[:30])][:240]
        chosen = np.concatenate([own, rest])
        direction = gradients[random.integers(len(gradients))]
        projections = ((values[chosen] - values[chosen].mean(0)) @ direction)[:, None].astype(np.float32)
        groups = tuple(np.unique(sources[chosen], return_inverse=True)[1].tolist())
        for kind, design in zip(
            found, (Design(len(own), len(rest)), Design(len(own), len(rest), groups=groups)), strict=True
        ):
            observed, null = design.test(projections, permutations, seed)
            found[kind].append(permutation.p_values(observed, null, 1e-6 * np.abs(projections).max())[0])
    for kind, p in found.items():
        summarize(f"{label}, clustered concepts, {kind}", p)


def check_reference(values, gradients, size, concepts, runs, label, seed=0):
    """The published test on null concepts of the same kind."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(values))
    pool, rest = order[: len(order) // 2], order[len(order) // 2 :]
    drawn = {str(number): random.permutation(rest)[:size] for number in range(concepts)}
    targets = [TargetImages(str(number), None, np.zeros((1, 1))) for number in range(len(gradients))]
    slopes = [Sensitivity({"layer": tf.constant(gradient)}, None) for gradient in gradients]
    sets = Sets([], drawn, {}, {}, pool, None, [], targets, frozenset(), frozenset(), [])
    table, _ = run_reference("layer", tf.constant(values), slopes, sets, runs, seed)
    p = [row["p"] if row["p"] is not None else 1.0 for rows in table for row in rows]
    summarize(f"{label}, kim2018 with {runs} runs, {size} images", p)


def check_specificity(values, gradients, size, concepts, label, seed=0):
    """Percentile of null concepts (random sets) and of coherent ones (other nearest neighbors) among the patterns."""
    random = np.random.default_rng(seed)
    fit = get_fit("mean")
    options = Options(199, 20, 20, 19, 200, seed, fit)
    slopes = [tf.constant(gradient) for gradient in gradients]
    high = {"random sets": [], "coherent sets": []}
    for number in range(concepts):
        order = random.permutation(len(values))
        pool, rest = order[:300], order[300:]
        patterns = Patterns(tf.constant(values[pool]), fit, number)
        standard = (values - values[pool].mean(0)) / np.maximum(values[pool].std(0), 1e-9)
        nearest = rest[np.argsort(((standard[rest] - standard[rest[0]]) ** 2).sum(1))[:15]]
        for kind, own in (("random sets", rest[:size]), ("coherent sets", nearest)):
            contrast = Contrast("null", "random", own, pool, Design(len(own), len(pool)))
            rows = compare(contrast, tf.constant(values), slopes, patterns, options).numbers
            high[kind] += [row["p_specificity"] for row in rows]
    for kind, p in high.items():
        summarize(f"{label}, specificity of {kind}", p)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_network_options(parser, ["block3b_add", "block5c_add", "block6d_add"])
    parser.add_argument("--crops", type=int, default=1200)
    parser.add_argument("--concepts", type=int, default=400)
    parser.add_argument("--targets", type=int, nargs="+", default=[340, 292, 8, 409, 530, 963])
    parser.add_argument("--permutations", type=int, default=2000)
    parser.add_argument("--cache", type=pathlib.Path, help="npz file to keep the activations in")
    options = parser.parse_args()

    if options.cache and options.cache.exists():
        kept = dict(np.load(options.cache))
    else:
        start = time.process_time()
        crops, sources = crop_photos(options.photos, options.crops, options.size, 0)
        model = open_network(options)
        paths = [model.resolve(layer) for layer in options.layers]
        values = read_activations(model, crops[: options.crops - 40], paths, pooling="mean", batch_size=32)
        asked = [(model.target(target), crops[options.crops - 40 :]) for target in options.targets]
        slopes = sensitivities(model, paths, asked, "mean", 32)
        kept = {"sources": sources[: options.crops - 40]}
        for path in paths:
            kept[f"values {path}"] = values[path]
            kept[f"gradients {path}"] = np.stack([slope.gradients[path].numpy() for slope in slopes])
        print(f"activations and gradients: {time.process_time() - start:.1f} s CPU", flush=True)
        if options.cache:
            np.savez(options.cache, **kept)

    sizes = (20, 60)
    for name in [key.removeprefix("values ") for key in kept if key.startswith("values ")]:
        values, gradients = kept[f"values {name}"], kept[f"gradients {name}"]
        means = gradients.mean(1)
        check_nulls(values, means, sizes, options.concepts, options.permutations, name)
        check_power(values, means, sizes, options.concepts // 2, options.permutations, name)
        check_clustered(values, kept["sources"], means, 60, options.concepts, options.permutations, name)
        for size in sizes:
            check_reference(values, list(gradients), size, options.concepts // 8, 20, name)
        check_specificity(values, list(gradients), 60, options.concepts // 10, name)
    check_intervals([(3, 30), (5, 30), (10, 30), (3, 3), (5, 5), (30, 100)], 600)
    random = np.random.default_rng(0)
    noise = random.normal(size=(1200, 512)) / np.sqrt(np.arange(1, 513))
    directions = random.normal(size=(6, 512)) / np.sqrt(np.arange(1, 513))
    check_nulls(noise, directions, sizes, options.concepts, options.permutations, "synthetic, decaying spectrum")
    check_power(noise, directions, sizes, options.concepts // 2, options.permutations, "synthetic, decaying spectrum")


if __name__ == "__main__":
    main()
