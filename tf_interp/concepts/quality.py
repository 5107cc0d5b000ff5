"""How good a concept vector is: held-out accuracy and AUC with their null range, and stability between halves."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from tf_interp.concepts.cav import Fit, Problem, balance
from tf_interp.concepts.permutation import Design, relabelings

FOLDS = 3  # each third is held out once, as large a share as in the TCAV paper
REPEATS = 5
NULLS = 100
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


def measure_quality(design: Design, problem: Problem, fit: Fit, seed: int, nulls: int = NULLS) -> Quality:
    """Return the held-out quality of the vector that `fit` finds for a comparison.

    Args:
        design: the comparison.
        problem: its images, the concept's first, then the contrast's.
        fit: as `get_fit` returns it.
        seed: for folds and shuffles.
        nulls: number of shuffles.

    Returns:
        The quality.
    """
    labels, tests, targets, weights = _splits(design, nulls, seed)
    accuracy, auc = _judge(fit(problem, targets, weights).scores.numpy(), labels, tests)
    accuracy, auc = accuracy.reshape(-1, FOLDS).mean(1), auc.reshape(-1, FOLDS).mean(1)
    halves = fit(problem, *_halves(design, seed)).units()
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
    return accuracy, (_areas(scores, good, bad) + 1 - _areas(-scores, good, bad)) / 2  # the mean counts ties half


def _areas(scores: np.ndarray, good: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Return the share of pairs [L] where the good example scores higher; of equal scores the first counts as lower."""
    order = np.argsort(scores, axis=1, kind="stable")
    below = np.cumsum(np.take_along_axis(bad, order, 1), 1)
    pairs = np.maximum(good.sum(1), 1) * np.maximum(bad.sum(1), 1)
    return (below * np.take_along_axis(good, order, 1)).sum(1) / pairs


def _units(design: Design) -> np.ndarray:
    """Return int [E]: examples with equal numbers must stay together."""
    if design.paired:
        own = np.arange(design.concept) if design.groups is None else np.unique(design.groups, return_inverse=True)[1]
        return np.tile(own, 2)
    if design.groups is None:
        return np.arange(design.count)
    return np.unique(design.groups, return_inverse=True)[1]


@functools.lru_cache(maxsize=32)
def _splits(design: Design, nulls: int, seed: int) -> tuple[np.ndarray, np.ndarray, tf.Tensor, tf.Tensor]:
    """Return labels [L,E] of +-1, held-out masks [L,E], and the fits' targets and weights; true labels come first."""
    random = np.random.default_rng((seed, 5))
    units = _units(design)
    masks = relabelings(design, nulls, seed)
    if design.paired:
        masks = np.concatenate([masks, 1 - masks], 1)
    true = design.signs > 0
    labels, tests = [], []
    for number in range(REPEATS + nulls):
        mask = true if number < REPEATS else masks[number - REPEATS] > 0
        fold = _parts(units, mask, FOLDS, random)
        for part in range(FOLDS):
            labels.append(np.where(mask, 1, -1))
            tests.append(fold == part)
    signs, held = np.array(labels, np.int8), np.array(tests)
    return signs, held, *balance(np.where(held, 0, signs))


@functools.lru_cache(maxsize=32)
def _halves(design: Design, seed: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return targets and weights [2 * HALVES, E] of disjoint random halves: the first ones, then the second ones."""
    random = np.random.default_rng((seed, 6))
    units, true = _units(design), design.signs > 0
    parts = np.array([_parts(units, true, 2, random) for _ in range(HALVES)])
    return balance(np.concatenate([design.signs * (parts == 0), design.signs * (parts == 1)]))


def _parts(units: np.ndarray, mask: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Return int [E]: which of `count` parts each example is in; units stay whole, both labels are spread evenly."""
    share = np.bincount(units, mask) / np.bincount(units)
    order = np.lexsort((random.random(len(share)), share))
    part = np.empty(len(share), int)
    part[order] = np.arange(len(share)) % count
    return part[units]
