"""The test as published in 2018, to reproduce published results. Its p values are far too small; see the notes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.concepts.examples.sets import Sets
from tf_interp.concepts.tcav.rows import NUMBERS
from tf_interp.concepts.tcav.sensitivity import Sensitivity

NOTE = (
    "p values of method kim2018 are optimistic: all runs share one concept set, so they are not independent, and the "
    "test calls 24 to 94 % of meaningless concepts significant (the more runs, the more); use method displacement for "
    "claims"
)


def run_reference(
    layer: str, activations: tf.Tensor, sensitivities: Sequence[Sensitivity], sets: Sets, runs: int, seed: int
) -> tuple[list[list[dict[str, Any]]], dict[str, np.ndarray]]:
    """Test all concepts in one layer by many classifiers against random sets, and a t-test of their scores.

    Args:
        layer: path.
        activations: float32 [rows,d].
        sensitivities: of each target.
        sets: the images; a pool is needed.
        runs: number of random sets, N; there are N runs for each concept and N(N-1)/2 between random sets.
        seed: for sets, splits and classifiers.

    Returns:
        `(rows of numbers for each target and concept, mean vector [d] for each concept)`.

    Source: Kim et al., Interpretability Beyond Feature Attribution, ICML 2018, section 3; settings of the authors' code
    0.2.2 (hinge loss, alpha .01, 1,000 iterations, tolerance 1e-3, a third held out).
    """
    pool = sets.pool
    if pool is None:
        raise ValueError("method kim2018 needs random images")
    values = activations.numpy()
    gradients = [item.gradients[layer].numpy() for item in sensitivities]
    size = min(len(pool), *(len(rows) for rows in sets.concepts.values()))
    negatives = draw_sets(len(pool), size, runs, seed)
    randoms = [values[pool[chosen]] for chosen in negatives]
    null = [[] for _ in gradients]  # type: list[list[float]]
    for first in range(runs):
        for second in range(first + 1, runs):
            vector, _ = fit_vector(randoms[first], randoms[second], seed)
            for number, gradient in enumerate(gradients):
                score = _score(gradient, vector)
                null[number] += [score, 1 - score]  # the pair turned around gives the opposite vector
    table: list[list[dict[str, Any]]] = [[] for _ in gradients]
    vectors = {}
    for name, rows in sets.concepts.items():
        fits = [fit_vector(values[rows[:size]], negative, seed) for negative in randoms]
        found = np.array([vector / np.linalg.norm(vector) for vector, _ in fits])
        mean = found.mean(0)
        vectors[name] = (mean / max(float(np.linalg.norm(mean)), 1e-20)).astype(np.float32)
        products = found @ found.T
        for number, gradient in enumerate(gradients):
            scores = [_score(gradient, vector) for vector in found]
            lengths = np.linalg.norm(gradient, axis=1, keepdims=True)
            cosines = (np.divide(gradient, lengths, where=lengths > 0, out=np.zeros_like(gradient)) @ found.T).mean(0)
            p = compare_means(np.array(null[number]), np.array(scores))
            table[number].append(
                dict.fromkeys(NUMBERS)
                | {
                    "score": float(np.mean(scores)),
                    "score_sd": float(np.std(scores)),
                    "effect": float(cosines.mean()),
                    "effect_low": float(np.quantile(cosines, 0.025)),
                    "effect_high": float(np.quantile(cosines, 0.975)),
                    "p": p,
                    "cav_accuracy": float(np.mean([accuracy for _, accuracy in fits])),
                    "stability": float((products.sum() - runs) / (runs * (runs - 1))),
                    "n_concept": size,
                    "n_contrast": size,
                    "n_target": len(gradient),
                    "zero_gradients": float((lengths == 0).mean()),
                    "pool_reused": size * runs > len(pool),
                }
            )
    return table, vectors


def compare_means(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the two-sided p of Student's t-test with equal variances.

    Args:
        first: float [a].
        second: float [b].

    Returns:
        p, or None where neither varies.
    """
    freedom = len(first) + len(second) - 2
    pooled = (len(first) * first.var() + len(second) * second.var()) / freedom
    if not pooled > 0:
        return None
    t = (first.mean() - second.mean()) / np.sqrt(pooled * (1 / len(first) + 1 / len(second)))
    from scipy.special import stdtr  # here, since few calls need it

    return float(2 * stdtr(freedom, -abs(t)))


def draw_sets(count: int, size: int, runs: int, seed: int) -> list[np.ndarray]:
    """Return random sets of a pool, disjoint where it is large enough.

    Args:
        count: images in the pool.
        size: images in a set.
        runs: number of sets.
        seed: for the draw.

    Returns:
        `runs` arrays int [size] without repeats.
    """
    random = np.random.default_rng((seed, 10))
    if size * runs <= count:
        return list(random.permutation(count)[: size * runs].reshape(runs, size))
    return [random.permutation(count)[:size] for _ in range(runs)]


def fit_vector(concept: np.ndarray, negative: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Return a classifier's normal, which points to the concept, and its held-out accuracy.

    Args:
        concept: float [n,d].
        negative: float [m,d].
        seed: for split and classifier.

    Returns:
        `(normal [d], accuracy 0..1)`.
    """
    from sklearn.linear_model import SGDClassifier
    from sklearn.model_selection import train_test_split

    x = np.concatenate([concept, negative])
    y = np.arange(len(x)) < len(concept)
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.33, stratify=y, random_state=seed)
    model = SGDClassifier(alpha=0.01, max_iter=1000, tol=1e-3, random_state=seed).fit(train_x, train_y)
    return model.coef_[0], float(model.score(test_x, test_y))


def _score(gradients: np.ndarray, vector: np.ndarray) -> float:
    slopes = gradients @ vector
    return float(np.mean(np.where(slopes == 0, 0.5, slopes > 0)))
