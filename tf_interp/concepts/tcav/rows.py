"""One comparison in one layer, for all targets: every number of a row comes from projections and one Gram matrix."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.concepts.statistics.cav import Fit, Problem, Vectors
from tf_interp.concepts.statistics.cav_quality import label_splits, measure_quality
from tf_interp.concepts.statistics.continuous import ContinuousDesign
from tf_interp.concepts.statistics.design import Design, draws, p_values
from tf_interp.concepts.statistics.interval import get_widening, widen
from tf_interp.concepts.statistics.kept import kept
from tf_interp.concepts.statistics.specificity import Patterns, rank_effects
from tf_interp.concepts.tcav.comparisons import Contrast

NUMBERS = (
    *("score", "effect", "effect_low", "effect_high", "displacement", "ci_low", "ci_high", "null_low", "null_high"),
    *("p", "specificity", "p_specificity", "cav_accuracy", "cav_auc", "cav_accuracy_null", "cav_auc_null"),
    *("cav_correlation", "cav_correlation_null", "stability", "entanglement", "entangled_with", "influence"),
    *("influence_image", "n_concept", "n_contrast", "n_target", "sources_concept", "sources_contrast"),
    *("p_smallest", "ties", "zero_gradients", "gradient_cosine"),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Options:
    """What was asked for, the same for all rows.

    Args:
        permutations: number of relabelings.
        bootstraps: number of resamples.
        refits: in how many of these the concept vector is fitted again.
        nulls: number of shuffled fits for the null range of the accuracy.
        patterns: most coherent patterns that specificity compares with.
        seed: for all draws.
        fit: as `get_fit` returns it.
    """

    permutations: int
    bootstraps: int
    refits: int
    nulls: int
    patterns: int
    seed: int
    fit: Fit


@dataclasses.dataclass(frozen=True, eq=False)
class Compared:
    """What a comparison found in a layer.

    Args:
        numbers: for each target a dictionary with `NUMBERS`.
        vector: float32 [d], unit length; NaN where activations were not finite.
        projections: float32 [n+m,T], of each image on the mean gradient of each target.
    """

    numbers: list[dict[str, Any]]
    vector: np.ndarray
    projections: np.ndarray


def compare(
    contrast: Contrast,
    activations: tf.Tensor,
    sensitivities: list[tf.Tensor],
    patterns: Patterns | None,
    options: Options,
) -> Compared:
    """Return the numbers of one comparison in one layer.

    Args:
        contrast: the comparison.
        activations: float32 [rows,d] of the layer.
        sensitivities: float32 [q_t,d], gradients of each target.
        patterns: of the random images in the layer, or None.
        options: as asked.

    Returns:
        What was found.
    """
    design, seed = contrast.design, options.seed
    problem = Problem(*_prepare(activations, tf.constant(contrast.all_rows)))
    vectors = options.fit(problem, *_label(design, options.bootstraps, options.refits, options.nulls, seed))
    vector, refits = vectors[:1].units()[0], vectors[1 : 1 + options.refits]
    quality = _measure_quality(contrast, problem, vectors[1 + options.refits :], options)
    spread = design.resample(options.bootstraps, seed)[0]
    measured = []
    for gradient in sensitivities:
        again = draws(int(gradient.shape[0]), options.bootstraps, seed, stream=1)
        numbers = _project(
            problem.examples, vector, gradient, again, spread, refits.weights, refits.basis, refits.lengths
        )
        measured.append({name: value.numpy() for name, value in numbers.items()})
        on_each = design.displace(measured[-1].pop("on_each"))[:, None]  # target image
        measured[-1]["moves"] = on_each / len(on_each), len(on_each) - 1

    projections = np.stack([item["projections"] for item in measured], 1)
    moves = design.moves(projections)
    observed, null = design.test(projections, options.permutations, seed)
    p = p_values(observed, null, 1e-6 * np.abs(projections).max(0))
    p = np.maximum(p, design.p_smallest)  # of few relabelings a draw may by luck miss those that are as large
    band = np.quantile(null, [0.025, 0.975], axis=0)
    effects = np.array([item["cosines"].mean() for item in measured], np.float64)
    ranks = None
    if patterns is not None:
        directions = np.stack([item["direction"] for item in measured], 1)
        ranks = rank_effects(effects, patterns.align(directions, contrast.siblings))

    counts = _count(contrast) | {"p_smallest": max(design.p_smallest, 1 / (1 + options.permutations))}
    rows = []
    for number, item in enumerate(measured):
        # A resampled vector is noisier than the whole one, so its cosine shrinks: put the interval around the effect.
        turned = item["effects"] - item["effects"].mean() + effects[number]
        factor = get_widening([*((part[:, [number]], freedom) for part, freedom in moves), item["moves"]])[0]
        low, high = np.clip(widen(turned, effects[number], factor), -1, 1)
        moved = widen(item["displacements"], observed[number], factor)
        count, alive = len(item["cosines"]), float(item["alive"])
        owed = design.leave_out(projections[:, number])
        most = int(np.abs(owed).argmax())
        ties = np.abs(item["cosines"]) <= 1e-9
        row = dict.fromkeys(NUMBERS) | quality | counts
        row |= {
            "score": float(np.where(ties, 0.5, item["cosines"] > 0).mean()),
            "effect": float(effects[number]),
            "effect_low": float(low),
            "effect_high": float(high),
            "displacement": float(observed[number]),
            "ci_low": float(moved[0]),
            "ci_high": float(moved[1]),
            "null_low": float(band[0, number]),
            "null_high": float(band[1, number]),
            "p": float(p[number]),
            "specificity": None if ranks is None else float(ranks[0][number]),
            "p_specificity": None if ranks is None else float(ranks[1][number]),
            "influence": float(owed[most]),
            "influence_image": most,
            "n_target": count,
            "ties": float(ties.mean()),
            "zero_gradients": 1 - alive / count,
            "gradient_cosine": _measure_cosine(item["direction"] * count, alive),
        }
        rows.append(row)
    return Compared(rows, vector.numpy(), projections)


def leave_blank(contrast: Contrast, sensitivities: list[tf.Tensor], width: int) -> Compared:
    """Return rows without numbers, for a layer whose activations or gradients are not finite.

    Args:
        contrast: the comparison.
        sensitivities: gradients of each target.
        width: d.

    Returns:
        Rows of None, but for the numbers of images.
    """
    rows = [{**dict.fromkeys(NUMBERS), **_count(contrast), "n_target": int(item.shape[0])} for item in sensitivities]
    empty = np.full((len(contrast.all_rows), len(sensitivities)), np.nan, np.float32)
    return Compared(rows, np.full(width, np.nan, np.float32), empty)


def _count(contrast: Contrast) -> dict[str, int | None]:
    concept, other = contrast.design.sources or (None, None)
    continuous = contrast.against is None
    return {
        "n_concept": len(contrast.rows),
        "n_contrast": None if contrast.against is None else len(contrast.against),
        "sources_concept": concept,
        "sources_contrast": None if continuous else other,
    }


_MATRIX = tf.TensorSpec((None, None), tf.float32)  # one trace serves all layers, sizes and models
_VECTOR = tf.TensorSpec((None,), tf.float32)


@tf.function(input_signature=[_MATRIX, tf.TensorSpec((None,), tf.int64)], autograph=False)
def _prepare(activations: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return examples [E,d] and their Gram matrix [E,E]."""
    examples = tf.gather(activations, rows)
    examples -= tf.reduce_mean(examples, 0)  # changes no difference, and keeps float32 sums small
    return examples, tf.matmul(examples, examples, transpose_b=True)


@tf.function(input_signature=[_MATRIX, _VECTOR, _MATRIX, _MATRIX, _MATRIX, _MATRIX, _MATRIX, _VECTOR], autograph=False)
def _project(
    examples: tf.Tensor,
    vector: tf.Tensor,
    gradient: tf.Tensor,
    again: tf.Tensor,
    spread: tf.Tensor,
    mixtures: tf.Tensor,
    basis: tf.Tensor,
    lengths: tf.Tensor,
) -> dict[str, tf.Tensor]:
    """Return everything that one target's gradients [q,d] say about a comparison.

    `again` [B,q] and `spread` [B,E] are resamples of gradients and images; `mixtures @ basis` [<=B,d] the refits.
    """
    unit = tf.math.divide_no_nan(gradient, tf.norm(gradient, axis=1, keepdims=True))
    moved = tf.matmul(tf.matmul(again, gradient), examples, transpose_b=True)
    turned = tf.matmul(tf.matmul(again[: tf.shape(mixtures)[0]], unit), basis, transpose_b=True)
    return {
        "projections": tf.linalg.matvec(examples, tf.reduce_mean(gradient, 0)),
        "on_each": tf.matmul(examples, gradient, transpose_b=True),
        "cosines": tf.linalg.matvec(unit, vector),
        "direction": tf.reduce_mean(unit, 0),
        "alive": tf.reduce_sum(tf.cast(tf.norm(gradient, axis=1) > 0, tf.float32)),
        "displacements": tf.reduce_sum(moved * spread, 1),
        "effects": tf.math.divide_no_nan(tf.reduce_sum(turned * mixtures, 1), lengths),
    }


@kept
def _label(
    design: Design | ContinuousDesign, bootstraps: int, refits: int, nulls: int, seed: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return all labelings that vectors are fitted to, [L,E] each: the true one, resamples, those for the quality."""
    _, targets, weights = design.resample(bootstraps, seed)
    parts = [design.label(), (targets[:refits], weights[:refits])]
    if isinstance(design, Design):
        parts.append(label_splits(design, nulls, seed))
    return tf.concat([part[0] for part in parts], 0), tf.concat([part[1] for part in parts], 0)


def _measure_quality(contrast: Contrast, problem: Problem, vectors: Vectors, options: Options) -> dict[str, float]:
    design = contrast.design
    if isinstance(design, ContinuousDesign):
        correlation, high = design.measure(problem, options.fit, options.seed, options.nulls)
        return {"cav_correlation": correlation, "cav_correlation_null": high}
    quality = measure_quality(design, vectors, options.nulls, options.seed)
    return {
        "cav_accuracy": quality.accuracy,
        "cav_auc": quality.auc,
        "cav_accuracy_null": quality.null_accuracy,
        "cav_auc_null": quality.null_auc,
        "stability": quality.stability,
    }


def _measure_cosine(total: np.ndarray, alive: float) -> float | None:
    """Return the mean cosine between the gradients of different images; `total` is the sum of their unit vectors."""
    return (float(total @ total) - alive) / (alive * (alive - 1)) if alive > 1 else None
