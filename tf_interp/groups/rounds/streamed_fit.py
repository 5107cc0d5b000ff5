"""NMF, split NMF and semi-NMF of shards: the same start, rounds and end as of a matrix in memory."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from tf_interp.groups.methods.factorizer import Factorizer, Fitted, check_start
from tf_interp.groups.methods.non_negative import Nmf
from tf_interp.groups.methods.semi_nmf import FREE_SWEEPS, SemiNmf, still_moves
from tf_interp.groups.methods.split_nmf import SplitNmf, join_signs, solve_vectors, split_signs, sum_up
from tf_interp.groups.nmf import check_positive_start, mix_start, solve_weights, start_places, still_falls
from tf_interp.groups.rounds.map_merge import Sums, map_shard, merge, update
from tf_interp.groups.rounds.shards import Seen, Shard, ShardFile, Shards

_Prepare = Callable[[np.ndarray], np.ndarray]
STREAMED = (Nmf, SemiNmf, SplitNmf)  # the others need all rows at once


class Streamed(NamedTuple):
    """A division of rows that were never in memory together.

    Args:
        found: vectors, error and shares of all rows; weights of the first ones.
        seen: what there is in all.
        passes: how often the source was asked for all shards.
    """

    found: Fitted
    seen: Seen
    passes: int


def fit_shards(
    source: Callable[[], Iterator[Shard]],
    k: int,
    method: Factorizer,
    *,
    seed: int = 0,
    init: np.ndarray | None = None,
    iterations: int = 200,
    keep: int = 0,
    cache: str | pathlib.Path | None = None,
) -> Streamed:
    """Divide rows into k groups, of which one shard at a time is in memory.

    The weights of all rows wait from round to round in a temporary file, or in memory up to 64 MB.

    Args:
        source: begins anew, and returns the shards one after the other.
        k: number of groups.
        method: one of `STREAMED`.
        seed: of the random start.
        init: float32 [k,C] to start from, whose order is kept.
        iterations: the most rounds to take.
        keep: of how many rows, from the first on, the weights are returned.
        cache: folder for temporary files, with one of all rows, so that the source is asked once; None asks it in each
            round.

    Returns:
        What `method.fit` gives for the rows of all shards, up to rounding.

    Raises:
        ValueError: if there are fewer rows or channels than groups, a number is not finite, or shards change.
    """
    shards = Shards(source, cache)
    try:
        seen = shards.look()
        if k > min(seen.rows, seen.channels):
            raise ValueError(f"{seen.rows} rows of {seen.channels} channels are too few for {k} groups")
        fit = _Fit(shards, seen, k, seed, iterations, min(keep, seen.rows), cache)
        start = None if init is None else check_start(init, k, seen.channels)
        if isinstance(method, SemiNmf):
            found = fit.semi_nmf(start, method.price)
        elif isinstance(method, SplitNmf):
            found = fit.split_nmf(start, method.refits)
        else:
            found = fit.nmf(None if init is None else check_positive_start(init, k, seen.channels))
        return Streamed(found._replace(rounds=fit.rounds), seen, shards.passes)
    finally:
        shards.close()


class _Fit:
    """What all rounds of one call share."""

    def __init__(
        self, shards: Shards, seen: Seen, k: int, seed: int, iterations: int, keep: int,
        folder: str | pathlib.Path | None,
    ) -> None:  # fmt: skip
        self.shards, self.seen, self.k, self.seed, self.iterations = shards, seen, k, seed, iterations
        self.keep, self.folder, self.rounds = keep, folder, 0

    def nmf(self, start: np.ndarray | None) -> Fitted:
        """As `Nmf`."""
        with contextlib.closing(ShardFile(self.folder)) as memory:
            vectors, factor = self._positive(start, memory, _clip, self.seen.positive, self.seen.positive_squares)
            return self._measure(memory, vectors, factor, _clip, self.seen.positive_squares, order=start is None)

    def split_nmf(self, start: np.ndarray | None, refits: int) -> Fitted:
        """As `SplitNmf`."""
        given = None if start is None else split_signs(start)
        with contextlib.closing(ShardFile(self.folder)) as memory:
            size = self.seen.positive + self.seen.negative
            vectors, factor = self._positive(given, memory, split_signs, size, self.seen.squares)
            vectors = join_signs(vectors)
            refits = refits if self.rounds and self.seen.squares else 0
            for number in range(refits):
                vectors = self._refit(memory, vectors, factor, first=not number)
            return self._measure(
                memory, vectors, factor, np.asarray, self.seen.squares, order=start is None, solve=bool(refits)
            )

    def _refit(self, memory: ShardFile, vectors: np.ndarray, factor: np.ndarray, *, first: bool) -> np.ndarray:
        """Return vectors fitted to all rows: given the weights in memory at first, then those nearest."""
        gram, products = np.zeros((self.k, self.k)), np.zeros((self.k, self.seen.channels))
        for number, (_, rows) in enumerate(self.shards):
            kept = (memory.read(number).reshape(self.k, -1) * factor[:, None]).T if first else None
            more = sum_up(rows, solve_weights(rows, vectors) if kept is None else kept)
            gram, products = gram + more[0], products + more[1]
        return solve_vectors(gram, products, vectors)

    def semi_nmf(self, start: np.ndarray | None, price: float) -> Fitted:
        """As `SemiNmf`."""
        order = start is None
        if start is None or not start.any(1).all():
            fresh = self.split_nmf(None, 0).vectors
            start = fresh if start is None else np.where(start.any(1, keepdims=True), start, fresh)
        price *= float(np.sqrt(self.seen.squares / self.seen.rows))
        with contextlib.closing(ShardFile(self.folder)) as memory:
            vectors, factor, _ = self._improve(
                memory, _unit(start)[0], np.asarray, self.seen.squares, still_moves, price=price, signed=True
            )
            return self._measure(
                memory, vectors, factor, np.asarray, self.seen.squares, order=order, sweeps=FREE_SWEEPS
            )

    def _positive(
        self, start: np.ndarray | None, memory: ShardFile, prepare: _Prepare, size: float, squares: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return non-negative vectors of length 1, and what weights are to be multiplied with.

        Args:
            start: float32 [k,C], not below 0.
            memory: where the weights are kept.
            prepare: makes rows non-negative.
            size: sum of the rows so prepared.
            squares: sum of their squares.
        """
        if not squares:
            return np.zeros((self.k, prepare(np.zeros((1, self.seen.channels))).shape[1]), np.float32), np.ones(self.k)
        if start is None or not start.any(1).all():
            picked = self.shards.pick(start_places(self.k, self.seed, self.seen.rows).numpy())
            mixed = prepare(picked.reshape(-1, self.seen.channels)).reshape(*picked.shape[:2], -1)
            mean = np.float32(size / (self.seen.rows * mixed.shape[-1]))
            fresh = mix_start(mixed, mean, self.seed).numpy()
            start = fresh if start is None else np.where(start.any(1, keepdims=True), start, fresh)

        def goes_on(fall: float, error: float) -> bool:
            return still_falls(fall, error, squares)

        vectors, factor, sums = self._improve(memory, start, prepare, squares, goes_on)
        vectors, lengths = _unit(vectors)
        if sums is not None:  # with the best common scale, the parts that the groups explain add up to 1 - error^2
            explained = float((sums.products * vectors).sum(1) @ lengths)
            whole = float(lengths @ (sums.gram * (vectors @ vectors.T)) @ lengths)
            factor = factor * lengths * (explained / whole if whole else 0.0)
        return vectors, factor

    def _improve(
        self, memory: ShardFile, vectors: np.ndarray, prepare: _Prepare, squares: float,
        goes_on: Callable[[float, float], bool], *, price: float = 0.0, signed: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, Sums | None]:  # fmt: skip
        """Run rounds until nothing changes; return vectors, what weights are to be multiplied with, and last sums."""
        error, fall, sums = squares, squares, None
        factor = np.ones(self.k)
        for _ in range(self.iterations):
            if not goes_on(fall, error):
                break
            sums = self._round(memory, vectors, factor, prepare, price)
            vectors, gained = update(sums, vectors, signed=signed)
            fall = sums.gain + gained
            if signed:  # a price has a meaning beside vectors of length 1 only
                vectors, factor = _unit(vectors)
                fall -= 2 * price * float(sums.weights @ (factor - 1))
            error -= fall
            self.rounds += 1
        return vectors, factor, sums

    def _round(
        self, memory: ShardFile, vectors: np.ndarray, factor: np.ndarray, prepare: _Prepare, price: float
    ) -> Sums:
        """Return the sums of all shards."""
        first, total = not len(memory), None
        for number, (name, rows) in enumerate(self.shards):
            before = None if first else memory.read(number).reshape(self.k, -1) * factor[:, None]
            sums, weights = map_shard(prepare(rows), vectors, before, price=price)
            if not np.isfinite(sums.gram).all():
                raise ValueError(f"numbers that are NaN or too large came out of {name}")
            memory.append(weights) if first else memory.rewrite(number, weights)
            total = sums if total is None else merge(total, sums)
        assert total is not None  # `look` found rows
        return total

    def _measure(
        self, memory: ShardFile, vectors: np.ndarray, factor: np.ndarray, prepare: _Prepare, squares: float,
        *, order: bool, sweeps: int = 0, solve: bool = False,
    ) -> Fitted:  # fmt: skip
        """Return what the vectors explain, as `measure` does of rows in memory; `solve` the weights anew."""
        vectors, lengths = _unit(vectors.astype(np.float32))
        factor = factor * lengths
        kept, rest, explained, known = [], 0.0, np.zeros(self.k), 0
        for number, (_, rows) in enumerate(self.shards if squares else ()):
            rows = prepare(rows)
            before = solve_weights(rows, vectors).T if solve else None
            if len(memory) and not solve:
                before = memory.read(number).reshape(self.k, -1) * factor[:, None]
            sums, weights = map_shard(rows, vectors, before, sweeps=sweeps)
            difference = rows - weights.T @ vectors
            rest += float(np.einsum("nc,nc->n", difference, difference).sum(dtype=np.float64))
            explained += (sums.products * vectors).sum(1)
            if known < self.keep:
                kept.append(weights.T[: self.keep - known])
                known += len(kept[-1])
        error = float(np.sqrt(rest / squares)) if squares else 0.0
        whole = explained.sum()
        shares = explained * (max(0.0, 1 - error**2) / whole) if whole > 0 else np.zeros(self.k)
        ranks = np.argsort(-shares, kind="stable") if order else np.arange(self.k)
        weights = np.concatenate(kept) if kept else np.zeros((self.keep, self.k), np.float32)
        return Fitted(weights[:, ranks], vectors[ranks], error, shares[ranks].astype(np.float32))


def _clip(rows: np.ndarray) -> np.ndarray:
    return np.maximum(rows, 0)


def _unit(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors with length 1, a row of zeros stays, and their lengths."""
    lengths = np.linalg.norm(vectors, axis=1)
    return np.divide(vectors, lengths[:, None], out=np.zeros_like(vectors), where=lengths[:, None] > 0), lengths
