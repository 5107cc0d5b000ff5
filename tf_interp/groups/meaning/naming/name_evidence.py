"""How well words fit groups: correlations over the whole probe, and what chance gives for them.

Pictures are the units of the null, never positions: neighboring positions are alike, and a picture has many. For words
that differ from picture to picture, the words of another picture are put in the place of its own (with their map, where
they have one). A word for places, such as "top", is the same in all pictures: there each picture's own agreement, which
is as often for it as against it if a group has no place, gets a random sign.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np

from tf_interp.corrections import holm
from tf_interp.groups.meaning.naming.word import Word

ENOUGH = 10_000  # permutations that are taken in any case
MOST = 200_000  # and the most; larger families are corrected by their largest agreement
_HELD = 1 << 26  # numbers of all permutations together
_FLOATS = 1 << 25  # of one block of the null
_SCALED = 64  # permutations, at least, from which the spread of each agreement is known
_SAME = 1e-9  # two agreements that differ less are equal but for rounding


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """What speaks for each word of each group: K groups, W words.

    Args:
        r: float32 [K,W], Pearson's correlation; 0 where one of the two is constant.
        p: float64 [K,W], corrected for all of them; one-sided, and of words with an opposite two-sided.
        permutations: how many were drawn.
        correction: "Holm" or "maxT".
        reachable: the smallest corrected p that these pictures and permutations allow.
    """

    r: np.ndarray
    p: np.ndarray
    permutations: int
    correction: str
    reachable: float


def weigh_evidence(
    presence: np.ndarray, pooled: np.ndarray, words: Sequence[Word], permutations: int | None, alpha: float, seed: int
) -> Evidence:
    """Correlate groups with words, and find what chance gives.

    Args:
        presence: float [N,h,w,K].
        pooled: float [N,K], one number a picture.
        words: the candidates, at least one.
        permutations: how many; None takes enough for Holm's smallest p, as long as these are at most 200,000.
        alpha: the smallest corrected p that is to be possible.
        seed: of the permutations.

    Source:
        Holm, 1979; for many words Westfall and Young, Resampling-Based Multiple Testing, 1993 (single-step maxT).
    """
    family = pooled.shape[1] * len(words)
    needed = math.ceil(2 * family / alpha)
    most = min(MOST, _HELD // len(pooled))
    drawn = max(min(ENOUGH, most), needed if needed <= most else 0) if permutations is None else permutations
    by_holm = family / (drawn + 1) <= alpha
    parts = _agreements(presence, pooled, words, np.random.default_rng((seed, 6)), drawn)
    both = np.array([word.opposite is not None for word in words])
    r = np.zeros((pooled.shape[1], len(words)))
    larger = np.zeros(r.shape)
    largest = np.full(drawn, -np.inf)
    standing = np.zeros(r.shape)
    for columns, rows, observed, blocks in parts:
        r[np.ix_(rows, columns)] = observed
        two = both[columns]
        seen = np.where(two, np.abs(observed), observed)
        center = spread = np.zeros(0)
        for start, block in blocks:
            null = np.where(two, np.abs(block), block)
            larger[np.ix_(rows, columns)] += (null >= seen - _SAME).sum(0)
            if not start:  # words with few pictures and many are made comparable
                center, spread = null.mean(0), null.std(0)
                spread = np.where(spread > _SAME, spread, np.inf)
                standing[np.ix_(rows, columns)] = (seen - center) / spread
            part = slice(start, start + len(null))
            largest[part] = np.maximum(largest[part], ((null - center) / spread).max((1, 2)))
    raw = (1 + larger) / (1 + drawn)
    if by_holm:
        p = holm(raw.ravel()).reshape(raw.shape)
    else:
        ordered = np.sort(largest)
        above = drawn - np.searchsorted(ordered, standing - _SAME)
        p = np.maximum((1 + above) / (1 + drawn), raw)
    smallest = max(1 / (drawn + 1), min(_smallest(word, len(pooled)) for word in words))
    reachable = min(smallest * (family if by_holm else 1), 1.0)
    return Evidence(r.astype(np.float32), p, drawn, "Holm" if by_holm else "maxT", reachable)


def average_precision(scores: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Return the areas under the curves of precision and recall: how well each score sorts out what is true.

    Args:
        scores: float [n,K].
        truths: bool [n,W].

    Returns:
        float64 [K,W]; that of a score that tells nothing is the share that is true; NaN where nothing is.

    Example:
        >>> average_precision(np.array([[3.0], [2.0], [1.0]]), np.array([[True], [False], [True]])).round(2).tolist()
        [[0.83]]
    """
    found = np.full((scores.shape[1], truths.shape[1]), np.nan)
    counts = truths.sum(0)
    some = counts > 0
    for row, score in enumerate(scores.T):
        order = np.argsort(-score, kind="stable")
        last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # equal scores are taken together
        hits = np.cumsum(truths[order][:, some], 0, dtype=np.float64)[last]
        gains = np.diff(hits, axis=0, prepend=0)
        found[row, some] = (gains * hits / (last + 1)[:, None]).sum(0) / counts[some]
    return found


def overlap(maps: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return intersection over union of a mask and of as many positions as it has, those where a group fires most.

    Positions where a group is silent are not taken.

    Args:
        maps: float [N,h,w,K].
        mask: bool [N,h,w].

    Returns:
        float64 [K].
    """
    flat, truth = np.asarray(maps, np.float64).reshape(-1, maps.shape[-1]), mask.ravel()
    order = np.argsort(-flat, axis=0, kind="stable")[: truth.sum()]
    taken = np.take_along_axis(flat, order, 0) > 0
    both = (truth[order] & taken).sum(0)
    return both / np.maximum(taken.sum(0) + truth.sum() - both, 1)


_Part = tuple[np.ndarray, np.ndarray, np.ndarray, Iterator[tuple[int, np.ndarray]]]


def _agreements(
    presence: np.ndarray, pooled: np.ndarray, words: Sequence[Word], rng: np.random.Generator, drawn: int
) -> Iterator[_Part]:
    """Yield (words, groups, correlations [K,W], (start, the same of some permutations [b,K,W]) ...), part by part."""
    count, groups = pooled.shape
    kinds = [word.kind for word in words]
    orders = rng.permuted(np.tile(np.arange(count, dtype=np.int32), (drawn, 1)), axis=1)
    every = np.arange(groups)
    if columns := _which(kinds, "picture"):
        left, right = _standard(pooled), _standard(np.stack([words[column].values for column in columns], 1))
        yield np.array(columns), every, left.T @ right, _exchanged(left, right, orders)
    if columns := _which(kinds, "map"):
        flat = _standard(np.stack([words[column].values.reshape(-1) for column in columns], 1))
        maps = flat.reshape(count, -1, len(columns))
        for group in every:
            own = _standard(presence[..., group].reshape(-1, 1)).reshape(count, -1)
            table = np.einsum("il,jlw->ijw", own, maps, optimize=True)
            yield (
                np.array(columns), every[[group]], np.einsum("iiw->w", table)[None], _moved(table, orders)
            )  # fmt: skip
    if columns := _which(kinds, "place"):
        places = _standard(np.stack([words[column].values.reshape(-1) for column in columns], 1))
        level = _standard(presence.reshape(-1, groups)).reshape(count, -1, groups)
        agreement = np.einsum("nlk,lw->nkw", level, places) / math.sqrt(count)
        signs = rng.integers(0, 2, (drawn, count), np.int8) * 2 - 1
        yield np.array(columns), every, agreement.sum(0), _signed(agreement, signs)


def _which(kinds: Sequence[str], kind: str) -> list[int]:
    return [number for number, item in enumerate(kinds) if item == kind]


def _standard(values: np.ndarray) -> np.ndarray:
    """Return columns [n,K] with mean 0 and length 1; constant ones are 0."""
    centered = values - values.mean(0, dtype=np.float64)
    lengths = np.linalg.norm(centered, axis=0)
    # a mean of equal numbers is not always that number
    tiny = 1e-12 * np.maximum(np.abs(values).max(0), 1e-300) * math.sqrt(len(values))
    return centered * np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > tiny)


def _blocks(drawn: int, floats: int) -> Iterator[slice]:
    step = max(_SCALED, _FLOATS // max(floats, 1))
    return (slice(start, min(start + step, drawn)) for start in range(0, drawn, step))


def _exchanged(left: np.ndarray, right: np.ndarray, orders: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    (count, groups), words = left.shape, right.shape[1]
    for part in _blocks(len(orders), max(count, groups) * words):
        moved = right[orders[part]].transpose(1, 0, 2).reshape(count, -1)
        yield part.start, (left.T @ moved).reshape(groups, -1, words).transpose(1, 0, 2)


def _moved(table: np.ndarray, orders: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the sums over pictures i of the agreement [N,N,W] of group at i and word at that put in its place."""
    count, _, words = table.shape
    for part in _blocks(len(orders), words):
        null = np.zeros((part.stop - part.start, words))
        for picture in range(count):
            null += table[picture][orders[part, picture]]
        yield part.start, null[:, None]


def _signed(agreement: np.ndarray, signs: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    flat = agreement.reshape(len(agreement), -1)
    for part in _blocks(len(signs), flat.shape[1]):
        yield part.start, (signs[part].astype(np.float64) @ flat).reshape(-1, *agreement.shape[1:])


def _smallest(word: Word, count: int) -> float:
    """Return the smallest p that the arrangements of so many pictures allow."""
    if word.kind == "place":
        return 2.0 ** -(count - 1 if word.opposite else count)
    binary = word.binary if word.kind == "picture" else None
    if binary is None:
        return math.exp(-math.lgamma(count + 1))
    return 1 / math.comb(count, int(binary.sum()))
