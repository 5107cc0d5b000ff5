"""Concept vectors: directions in a layer that point from contrast images to concept images.

All kinds are fitted in the span of the images: one Gram matrix serves every fold, shuffle, resample and pattern.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

KINDS = ("mean", "ridge", "logistic", "hinge")
_CHUNK = 2**24  # numbers in one batch of linear systems: 64 MB
_LOGISTIC_STEPS = 8
_HINGE_STEPS = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """Images that vectors are fitted on.

    Args:
        examples: float32 [E,d], centered.
        gram: float32 [E,E], their products with each other.
    """

    examples: tf.Tensor
    gram: tf.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Vectors:
    """L vectors, as mixtures of a basis: `weights @ basis`.

    Args:
        weights: float32 [L,R].
        basis: float32 [R,d].
        lengths: float32 [L], length of each vector.
        scores: float32 [L,E], product with each example plus bias; positive counts as concept.
    """

    weights: tf.Tensor
    basis: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor

    def __getitem__(self, rows: slice) -> "Vectors":
        return Vectors(self.weights[rows], self.basis, self.lengths[rows], self.scores[rows])

    def project(self, directions: Any) -> tf.Tensor:
        """Return the cosine of each vector with unit directions [d,T], float32 [L,T]."""
        return _project(self.weights, self.basis, directions, self.lengths)

    def units(self) -> tf.Tensor:
        """Return the vectors with length 1, float32 [L,d]."""
        return _unit(self.weights, self.basis, self.lengths)


Fit = Callable[[Problem, Any, Any], Vectors]
"""`(problem, targets [L,E], weights [L,E]) -> L vectors`; weight 0 leaves an example out, rows of weights sum to 1."""

_MATRIX = tf.TensorSpec((None, None), tf.float32)  # one trace serves all layers, sizes and models
_VECTOR = tf.TensorSpec((None,), tf.float32)


@tf.function(input_signature=[_MATRIX, _MATRIX, _MATRIX, _VECTOR], autograph=False)
def _project(weights: tf.Tensor, basis: tf.Tensor, directions: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(tf.matmul(weights, tf.matmul(basis, directions)), lengths[:, None])


@tf.function(input_signature=[_MATRIX, _MATRIX, _VECTOR], autograph=False)
def _unit(weights: tf.Tensor, basis: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(tf.matmul(weights, basis), lengths[:, None])


def balance(signed: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Return targets and weights of labelings, so that both sides count the same however many images they have.

    Args:
        signed: [L,E], positive for concept, negative for contrast, 0 for unused; the size is how often it counts.

    Returns:
        `(targets [L,E] of +1 and -1, weights [L,E])`, float32; each row of weights sums to 1.
    """
    signed = np.asarray(signed, np.float32)
    good, bad = np.maximum(signed, 0), np.maximum(-signed, 0)
    weights = good / np.maximum(good.sum(1, keepdims=True), 1e-20) + bad / np.maximum(bad.sum(1, keepdims=True), 1e-20)
    return tf.constant(np.where(signed < 0, np.float32(-1), np.float32(1))), tf.constant(weights / 2)


def get_fit(kind: Any, seed: int = 0) -> Fit:
    """Return the function that fits vectors of a kind, many labelings at once.

    Args:
        kind: "mean" (difference of the means, which is also the pattern of the labels), "ridge", "logistic", "hinge"
            (squared hinge, as scikit-learn's LinearSVC), all with unit regularization on images scaled to mean square
            length 1; or a scikit-learn linear classifier, which is copied and fitted to both sides with equal weight.
        seed: random_state of a scikit-learn classifier that has none.

    Returns:
        The function.

    Raises:
        TypeError: if it is neither a kind nor a scikit-learn linear classifier.
        ValueError: if there is no such kind.

    Source: Pahde et al., Navigating Neural Space (Pattern-CAV), ICLR 2025, for "mean".

    Example:
        >>> problem = Problem(tf.eye(2) - 0.5, tf.eye(2) - 0.5)
        >>> np.sign(get_fit("mean")(problem, *balance(np.array([[1, -1]]))).units().numpy()).tolist()
        [[1.0, -1.0]]
    """
    if isinstance(kind, str):
        fits = {"mean": _fit_mean, "ridge": _fit_ridge, "logistic": _fit_logistic, "hinge": _fit_hinge}
        if kind not in fits:
            raise ValueError(
                f"no concept vector of kind {kind!r}: choose one of {list(KINDS)} or give a linear classifier"
            )
        return fits[kind]
    if isinstance(kind, type) and hasattr(kind, "fit"):
        raise TypeError(f"cav must be a classifier, not its class: write {kind.__name__}()")
    if not (hasattr(kind, "fit") and hasattr(kind, "get_params")):
        raise TypeError(f"cav must be one of {list(KINDS)} or a scikit-learn linear classifier, got {kind!r}")
    return functools.partial(_fit_estimator, kind, seed)


def _fit_mean(problem: Problem, targets: Any, weights: Any) -> Vectors:
    return Vectors(*_solve_mean(problem.examples, problem.gram, targets, weights))


@tf.function(input_signature=[_MATRIX] * 4, autograph=False)
def _solve_mean(examples: tf.Tensor, gram: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> Any:
    """Covariance of activation and label by the label's variance; for two sides half the difference of their means."""
    off = targets - tf.reduce_sum(weights * targets, 1, keepdims=True)
    mixture = weights * off / tf.maximum(tf.reduce_sum(weights * off**2, 1, keepdims=True), 1e-20)
    products = tf.matmul(mixture, gram)
    lengths = tf.sqrt(tf.maximum(tf.reduce_sum(products * mixture, 1), 0))
    return mixture, examples, lengths, products - tf.reduce_sum(products * weights, 1, keepdims=True)


def _fit_ridge(problem: Problem, targets: Any, weights: Any) -> Vectors:
    return _in_chunks(problem, targets, weights, _solve_ridge)


def _fit_logistic(problem: Problem, targets: Any, weights: Any) -> Vectors:
    return _in_chunks(problem, targets, weights, _solve_logistic)


def _fit_hinge(problem: Problem, targets: Any, weights: Any) -> Vectors:
    return _in_chunks(problem, targets, weights, _solve_hinge)


def _in_chunks(problem: Problem, targets: Any, weights: Any, solve: Callable) -> Vectors:
    """Solve all labelings, as many at once as memory allows."""
    count = int(problem.gram.shape[0])
    penalty = tf.linalg.trace(problem.gram) / count**2 + 1e-12
    step = max(1, _CHUNK // count**2)
    parts = [
        solve(problem.gram, targets[start : start + step], weights[start : start + step], penalty)
        for start in range(0, len(targets), step)
    ]
    mixture, bias = (tf.concat(part, 0) for part in zip(*parts, strict=True))
    products = tf.matmul(mixture, problem.gram)
    lengths = tf.sqrt(tf.maximum(tf.reduce_sum(products * mixture, 1), 0))
    return Vectors(mixture, problem.examples, lengths, products + bias[:, None])


_SYSTEM = [_MATRIX, _MATRIX, _MATRIX, tf.TensorSpec((), tf.float32)]


def _ridge(gram: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, penalty: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return mixture [L,E] and bias [L] that minimize sum(weights * (targets - score)^2) + penalty * length^2."""
    total = tf.maximum(tf.reduce_sum(weights, 1, keepdims=True), 1e-20)
    share = weights / total
    middle = tf.matmul(share, gram)  # [L,E], products with the weighted mean
    own = tf.reduce_sum(middle * share, 1)[:, None, None]
    centered = gram - middle[:, :, None] - middle[:, None, :] + own
    root = tf.sqrt(weights)
    system = centered * root[:, :, None] * root[:, None, :] + penalty * tf.eye(tf.shape(gram)[0])
    mean = tf.reduce_sum(share * targets, 1, keepdims=True)
    right = root * (targets - mean)
    mixture = root * tf.linalg.cholesky_solve(tf.linalg.cholesky(system), right[:, :, None])[:, :, 0]
    mixture -= share * tf.reduce_sum(mixture, 1, keepdims=True)
    return mixture, mean[:, 0] - tf.reduce_sum(mixture * middle, 1)


@tf.function(input_signature=_SYSTEM, autograph=False)
def _solve_ridge(gram: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, penalty: tf.Tensor) -> Any:
    return _ridge(gram, targets, weights, penalty)


@tf.function(input_signature=_SYSTEM, autograph=False)
def _solve_logistic(gram: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, penalty: tf.Tensor) -> Any:
    """Newton's method, each step a weighted ridge regression (iteratively reweighted least squares)."""

    def step(mixture, bias):
        score = tf.matmul(mixture, gram) + bias[:, None]
        chance = tf.sigmoid(score)
        slope = tf.maximum(chance * (1 - chance), 1e-3)  # a floor keeps far examples from throwing the step
        wanted = score + ((targets + 1) / 2 - chance) / slope
        return _ridge(gram, wanted, weights * slope, penalty)

    mixture, bias = step(tf.zeros_like(targets), tf.zeros_like(targets[:, 0]))
    for _ in range(_LOGISTIC_STEPS - 1):
        mixture, bias = step(mixture, bias)
    return mixture, bias


@tf.function(input_signature=_SYSTEM, autograph=False)
def _solve_hinge(gram: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, penalty: tf.Tensor) -> Any:
    """Newton's method on the squared hinge: a ridge regression of the examples inside the margin, repeated.

    Source: Chapelle, Training a Support Vector Machine in the Primal, 2007, section 4.
    """

    def step(inside, changed, mixture, bias):
        mixture, bias = _ridge(gram, targets, weights * inside, penalty / 2)
        score = tf.matmul(mixture, gram) + bias[:, None]
        new = tf.cast(targets * score < 1, tf.float32)
        return new, tf.reduce_any((new != inside) & (weights > 0)), mixture, bias

    first = step(tf.ones_like(targets), True, targets, targets[:, 0])
    found = tf.while_loop(lambda inside, changed, *_: changed, step, first, maximum_iterations=_HINGE_STEPS)
    return found[2], found[3]


def _fit_estimator(estimator: Any, seed: int, problem: Problem, targets: Any, weights: Any) -> Vectors:
    """Fit copies of a scikit-learn classifier, one labeling at a time."""
    from sklearn.base import clone

    examples = problem.examples.numpy()
    weighted = "sample_weight" in inspect.signature(estimator.fit).parameters
    found, biases = [], []
    for target, weight in zip(np.asarray(targets), np.asarray(weights), strict=True):
        used = weight > 0
        copy = clone(estimator)
        if copy.get_params().get("random_state", 0) is None:
            copy.set_params(random_state=seed)
        extra = {"sample_weight": weight[used] * used.sum()} if weighted else {}
        copy.fit(examples[used], target[used] > 0, **extra)
        if not hasattr(copy, "coef_"):
            raise TypeError(f"{estimator!r} has no coef_ after fitting: a concept vector needs a linear classifier")
        found.append(np.ravel(copy.coef_))
        biases.append(np.ravel(getattr(copy, "intercept_", [0.0]))[0])
    basis = tf.constant(np.array(found), tf.float32)
    scores = tf.matmul(basis, problem.examples, transpose_b=True) + tf.constant(biases, tf.float32)[:, None]
    return Vectors(tf.eye(len(found)), basis, tf.norm(basis, axis=1), scores)
