"""Where groups that were found through a window fire: one more pass over the positions as they are."""

from collections.abc import Iterable

import numpy as np

from tf_interp.groups.methods.factorizer import Factorizer, Fitted
from tf_interp.groups.methods.windows import say_window
from tf_interp.groups.rounds.shards import Shard


def weigh_shards(
    shards: Iterable[Shard], vectors: np.ndarray, method: Factorizer, *, keep: int, order: bool, window: int
) -> tuple[Fitted, float]:
    """Return what vectors explain of all rows, as `fit_windows` does of rows in memory, and how much is negative.

    Args:
        shards: of positions as they are, not of the windows' means.
        vectors: float32 [k,C], of length 1.
        method: that found them, without an offset.
        keep: of how many rows, from the first on, the weights are returned.
        order: whether to sort by share, largest first.
        window: positions on a side, for the note.

    Returns:
        The division, and the part of the sum of absolute values that is negative, 0..1.
    """
    kept, known = [np.zeros((0, len(vectors)), np.float32)], 0
    rest = total = above = below = 0.0
    explained = np.zeros(len(vectors))
    for _, rows in shards:
        positive = np.maximum(rows, 0)
        above += float(positive.sum(dtype=np.float64))
        below += float((positive - rows).sum(dtype=np.float64))
        taken = rows if method.keeps_negative else positive
        weights = method.weigh(taken, vectors)
        rest += float(((taken - weights @ vectors) ** 2).sum(dtype=np.float64))
        total += float((taken.astype(np.float64) ** 2).sum())
        explained += (weights * (taken @ vectors.T)).sum(0, dtype=np.float64)
        if known < keep:
            kept.append(weights[: keep - known].astype(np.float32))
            known += len(kept[-1])
    error = float(np.sqrt(rest / total)) if total else 0.0
    whole = explained.sum()
    shares = explained * (max(0.0, 1 - error**2) / whole) if whole > 0 else np.zeros(len(vectors))
    ranks = np.argsort(-shares, kind="stable") if order else np.arange(len(vectors))
    found = Fitted(
        np.concatenate(kept)[:, ranks], vectors[ranks], error, shares[ranks].astype(np.float32),
        notes=(say_window(window),),
    )  # fmt: skip
    return found, below / (above + below) if below else 0.0
