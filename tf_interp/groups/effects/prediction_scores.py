"""How near predicted outputs come to a network's own: in numbers, in decisions, in order. No network in here."""

import numpy as np
from scipy.special import expit, softmax

from tf_interp.attribution.evidence.fidelity import correlate_ranks
from tf_interp.models import Head

MEASURES = ("mae", "emd", "top1", "spearman", "r2")
_FEW = 3  # numbers from which an order among them says something
_SAME = 1e-12  # of the squares of outputs; what differs less differs by rounding


def score_predictions(head: Head, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return how near predictions of an output come, a number for each of `MEASURES`.

    * mae: mean absolute difference over pictures and numbers, in units of the output (logits).
    * emd: half the summed difference of the class probabilities, mean over the pictures; 0..1.
    * top1: part of the pictures for which the same is decided; of several sigmoids part of all decisions.
    * spearman: rank correlation over the classes, mean over the pictures; of one or two numbers, over the pictures.
    * r2: 1 less the squared error over that of each class's mean; below 0 is worse than the means.

    Args:
        head: what the output is.
        truth: float [N,M].
        predicted: float [N,M].

    Returns:
        float64 [5]; NaN where a measure has no meaning, as top1 of a regression.
    """
    truth, predicted = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    if not np.isfinite(predicted).all():
        return np.full(len(MEASURES), np.nan)
    pairs = zip(truth, predicted, strict=True) if truth.shape[1] >= _FEW else zip(truth.T, predicted.T, strict=True)
    ranks = [correlate_ranks(guess, true) for true, guess in pairs]
    decided = [head.decide(item.astype(np.float32)) for item in (truth, predicted)] if head.decides else None
    spread = ((truth - truth.mean(0)) ** 2).sum()
    return np.array(
        [
            np.abs(predicted - truth).mean(),
            _distance(head, truth, predicted),
            np.nan if decided is None else np.mean(np.asarray(decided[0]) == np.asarray(decided[1])),
            np.nanmean(ranks) if np.isfinite(ranks).any() else np.nan,
            1 - ((predicted - truth) ** 2).sum() / spread if spread > _SAME * (truth**2).sum() else np.nan,
        ]
    )


def _distance(head: Head, truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return half the summed difference of class probabilities, mean over pictures; NaN where there are none."""
    if not head.decides:
        return np.nan
    if head.quantity == "probability":
        first, second = (np.clip(item, 0, 1) for item in (truth, predicted))
    elif head.kind == "multiclass":
        first, second = (softmax(item, -1) for item in (truth, predicted))
    else:
        first, second = (expit(item) for item in (truth, predicted))
    difference = np.abs(first - second)
    if head.kind == "multiclass":
        return float(difference.sum(-1).mean() / 2)
    return float(difference.mean())  # of a yes and a no, half of twice the difference
