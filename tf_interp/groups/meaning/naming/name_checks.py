"""Whether a score of a name can be trusted on these data: it must fall when labels go, and when wrong ones come."""

import dataclasses
from collections.abc import Callable

import numpy as np

from tf_interp.groups.meaning.naming.name_evidence import average_precision

_DRAWS = 100


@dataclasses.dataclass(frozen=True)
class NameCheck:
    """What becomes of one score of a name on worse labels, over 100 draws.

    Args:
        group: name of the group.
        word: the name that it was given.
        score: "r" or "auprc".
        full: the score with all labels, each true or false.
        half: mean of the score with a random half of the labels of this word removed.
        doubled: mean of the score with as many wrong ones added.
        half_fell: share of the draws with a half removed where the score fell, as it must.
        doubled_fell: the same with wrong ones added.
    """

    group: str
    word: str
    score: str
    full: float
    half: float
    doubled: float
    half_fell: float
    doubled_fell: float


def check_name(group: str, word: str, fires: np.ndarray, truth: np.ndarray, seed: int) -> list[NameCheck]:
    """Return the two checks of both scores of one name.

    Args:
        group: name of the group.
        word: its name.
        fires: float [n], presence of the group.
        truth: bool [n], where the word is true.
        seed: of the draws.

    Source:
        Oikarinen et al., NeuronEval, 2025 (missing and extra labels).
    """
    rng = np.random.default_rng((seed, 7))
    there, others = np.flatnonzero(truth), np.flatnonzero(~truth)
    less, more = np.tile(truth[:, None], (2, 1, _DRAWS))
    for draw in range(_DRAWS):
        less[rng.choice(there, len(there) // 2, replace=False), draw] = False
        more[rng.choice(others, min(len(there), len(others)), replace=False), draw] = True
    scores: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "r": lambda truths: _correlate(fires, truths),
        "auprc": lambda truths: average_precision(fires[:, None], truths)[0],
    }
    found = []
    for name, score in scores.items():
        full, half, doubled = float(score(truth[:, None])[0]), score(less), score(more)
        means = float(half.mean()), float(doubled.mean())
        found.append(
            NameCheck(group, word, name, full, *means, float((half < full).mean()), float((doubled < full).mean()))
        )
    return found


def _correlate(fires: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation with each column, 0 with a constant one."""
    centered, columns = fires - fires.mean(), truths - truths.mean(0)
    lengths = np.linalg.norm(centered) * np.linalg.norm(columns, axis=0)
    return np.divide(centered @ columns, lengths, out=np.zeros(truths.shape[1]), where=lengths > 0)
