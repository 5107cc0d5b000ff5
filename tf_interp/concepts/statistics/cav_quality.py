"""How good a concept vector is: held-out accuracy and AUC with their null range, and stability between halves."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.concepts.statistics.cav import Vectors, balance
from tf_interp.concepts.statistics.design import Design, relabelings
from tf_interp.concepts.statistics.kept import kept

FOLDS = 3  # each third is held out once, as large a share as in the TCAV paper
REPEATS = 5
NULLS = 60
HALVES = 20


@dataclasses.dataclass(frozen=True)
class Quality:
    """Held-out quality of a concept vector.

    Args:
        accuracy: balanced accuracy on held-out images, 0..1; .5 is chance however unequal the sides are.
        auc: area under the ROC curve on held-out images, 0..1.
        null_accuracy: 95th percentile of the accuracy under shuffled labels.
        null_auc: the same of the AUC.
        stability: mean cosine between the vectors of two disjoint halves of the images, -1..1.
    """

    accuracy: float
    auc: float
    null_accuracy: float
    null_auc: float
    stability: float


def label_splits(design: Design, nulls: int, seed: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the labelings whose vectors `measure_quality` looks at.

    Args:
        design: the comparison.
        nulls: number of shuffles.
        seed: for folds and shuffles.

    Returns:
        `(targets [L,E], weights [L,E])` for a fit.
    """
    labels, tests = _splits(design, nulls, seed)
    return balance(np.concatenate([np.where(tests, 0, labels), _halves(design, seed)]))


def measure_quality(design: Design, vectors: Vectors, nulls: int, seed: int) -> Quality:
    """Return the held-out quality of the concept vector of a comparison.

    Args:
        design: the comparison.
        vectors: fitted to `label_splits` of the same design, nulls and seed.
        nulls: number of shuffles.
        seed: for folds and shuffles.

    Returns:
        The quality.
    """
    labels, tests = _splits(design, nulls, seed)
    accuracy, auc = _judge(vectors.scores[: len(labels)].numpy(), labels, tests)
    accuracy, auc = accuracy.reshape(-1, FOLDS).mean(1), auc.reshape(-1, FOLDS).mean(1)
    halves = vectors[len(labels) :].units()
    cosines = tf.reduce_sum(halves[:HALVES] * halves[HALVES:], 1)
    return Quality(
        float(accuracy[:REPEATS].mean()),
        float(auc[:REPEATS].mean()),
        float(np.quantile(accuracy[REPEATS:], 0.95)),
        float(np.quantile(auc[REPEATS:], 0.95)),
        float(tf.reduce_mean(cosines)),
    )


def _judge(scores: np.ndarray, labels: np.ndarray, tests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return balanced accuracy [L] and AUC [L] on the held-out examples; ties count half."""
    good, bad = tests & (labels > 0), tests & (labels < 0)
    hit = np.where(scores == 0, 0.5, scores > 0)
    positives, negatives = np.maximum(good.sum(1), 1), np.maximum(bad.sum(1), 1)
    accuracy = ((hit * good).sum(1) / positives + ((1 - hit) * bad).sum(1) / negatives) / 2
    areas, tied = _areas(scores, good, bad, None)
    if tied.any():  # counted once as losses and once as wins: half
        lost, _ = _areas(scores[tied], good[tied], bad[tied], "stable")
        won, _ = _areas(-scores[tied], good[tied], bad[tied], "stable")
        areas[tied] = (lost + 1 - won) / 2
    return accuracy, areas


def _areas(scores: np.ndarray, good: np.ndarray, bad: np.ndarray, kind: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of pairs [L] where the good example scores higher, and in which rows scores are equal.

    Of equal scores the first counts as lower, if `kind` of sorting is "stable".
    """
    order = np.argsort(scores, axis=1, kind=kind)
    below = np.cumsum(np.take_along_axis(bad, order, 1), 1)
    pairs = np.maximum(good.sum(1), 1) * np.maximum(bad.sum(1), 1)
    tied = (np.diff(np.take_along_axis(scores, order, 1), axis=1) == 0).any(1)
    return (below * np.take_along_axis(good, order, 1)).sum(1) / pairs, tied


def _units(design: Design) -> np.ndarray:
    """Return int [E]: examples with equal numbers must stay together."""
    if design.paired:
        own = np.arange(design.concept) if design.groups is None else np.unique(design.groups, return_inverse=True)[1]
        return np.tile(own, 2)
    if design.groups is None:
        return np.arange(design.count)
    return np.unique(design.groups, return_inverse=True)[1]


@kept
def _splits(design: Design, nulls: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels [L,E] of +-1 and held-out masks [L,E]; the true labels come first."""
    random = np.random.default_rng((seed, 5))
    units = _units(design)
    masks = relabelings(design, nulls, seed)
    if design.paired:
        masks = np.concatenate([masks, 1 - masks], 1)
    true = design.signs > 0
    labels, tests = [], []
    for number in range(REPEATS + nulls):
        mask = true if number < REPEATS else masks[(number - REPEATS) % len(masks)] > 0  # of few sources, again
        fold = _parts(units, mask, FOLDS, random)
        for part in range(FOLDS):
            labels.append(np.where(mask, 1, -1))
            tests.append(fold == part)
    return np.array(labels, np.int8), np.array(tests)


def _halves(design: Design, seed: int) -> np.ndarray:
    """Return labels [2 * HALVES, E] of disjoint random halves, 0 outside: the first ones, then the second ones."""
    random = np.random.default_rng((seed, 6))
    units, true = _units(design), design.signs > 0
    parts = np.array([_parts(units, true, 2, random) for _ in range(HALVES)])
    return np.concatenate([design.signs * (parts == 0), design.signs * (parts == 1)])


def _parts(units: np.ndarray, mask: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Return int [E]: which of `count` parts each example is in; units stay whole, both labels are spread evenly."""
    share = np.bincount(units, mask) / np.bincount(units)
    order = np.lexsort((random.random(len(share)), share))
    part = np.empty(len(share), int)
    part[order] = np.arange(len(share)) % count
    return part[units]
