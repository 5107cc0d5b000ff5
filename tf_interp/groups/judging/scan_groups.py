"""`scan_groups`: how many groups a layer has."""

import dataclasses
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.display import quote, tell, write_range
from tf_interp.groups.find import check_count, read_counted
from tf_interp.groups.found_groups import say_left_out
from tf_interp.groups.judging.halves import RESAMPLES, THRESHOLD, agreement, draw_halves, suggest
from tf_interp.groups.judging.picture_halves import count_rows, say_few, take_halves
from tf_interp.groups.matching import cosines
from tf_interp.groups.methods.choice import choose, share_negative
from tf_interp.groups.methods.weighting import check_weighting, read_weighting
from tf_interp.groups.methods.windows import average_kept, check_flat, check_window, fit_windows
from tf_interp.images import digest_images
from tf_interp.models import Model
from tf_interp.models.batches import take_inputs
from tf_interp.plots import plot_curves
from tf_interp.probe import Probe


@dataclasses.dataclass(frozen=True, eq=False)
class GroupScan:
    """What becomes of a layer's groups when their number grows: M numbers, R resamples.

    Args:
        layer: path of the layer.
        ks: int [M], numbers of groups, smallest first.
        error: float32 [M]: part of the activation's norm that the groups leave over; where `left_out` is not 0, of what
            is not negative.
        stability: float32 [M,R]: median over the groups of the cosine of what two disjoint halves of the pictures make
            of each.
        least: float32 [M,R]: the same of the group that agrees least.
        redundancy: float32 [M]: mean over the groups of the largest cosine with another one, without its sign where a
            group and its opposite are the same.
        threshold: the stability that must hold.
        suggested: the largest number of groups whose median stability holds, and of which none is UNSTABLE (below .5)
            in any resample; None where there is no such number.
        reason: why, in a sentence.
        left_out: part of the activation that is negative and was left out, as of `Groups`.
        notes: sentences on what a person should know.
    """

    layer: str
    ks: np.ndarray
    error: np.ndarray
    stability: np.ndarray
    least: np.ndarray
    redundancy: np.ndarray
    threshold: float
    suggested: int | None
    reason: str
    left_out: float = 0.0
    notes: tuple[str, ...] = ()

    def to_dataframe(self) -> Any:
        """Return a table: a row per number of groups.

        Returns:
            pandas `DataFrame` with the columns "k", "error", "left_out" (part of the activation that the error is not
            of), "stability" (median of the resamples), "least" (lowest of the resamples), "redundancy" and "suggested"
            (bool).

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        stable = {"stability": np.median(self.stability, 1), "least": self.least.min(1)}
        columns = {"k": self.ks, "error": self.error, "left_out": self.left_out, **stable}
        return pd.DataFrame({**columns, "redundancy": self.redundancy, "suggested": self.ks == self.suggested})

    def plot(self) -> Any:
        """Draw error, stability and redundancy over the number of groups; a line stands at the suggestion.

        Returns:
            matplotlib `Figure`; nothing is shown.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        curves = {
            "error": self.error,
            "stability (median)": np.median(self.stability, 1),
            "stability (least)": self.least.min(1),
            "redundancy": self.redundancy,
        }
        return plot_curves(self.ks, curves, ("number of groups", f"of {self.layer}"), self.suggested)

    def explain(self) -> str:
        """Return a line per number of groups, the suggestion with its reason, and a line for each note."""
        part = " that is not negative" if say_left_out(self.left_out) else ""
        middle, lowest = np.median(self.stability, 1), self.least.min(1)
        rows = zip(self.ks, self.error, middle, lowest, self.redundancy, strict=True)
        lines = [
            f"{k} groups leave {error:.0%} of the activation{part}, stability {stable:.2f}, least {least:.2f}, "
            f"redundancy {alike:.2f}"
            for k, error, stable, least, alike in rows
        ]
        told = [f"{self.left_out:.1%} of the activation is negative and was left out"] if part else []
        return "\n".join([*lines, *told, self.reason, *(f"Note: {note}." for note in self.notes)])

    def __repr__(self) -> str:
        best = "none suggested" if self.suggested is None else f"{self.suggested} suggested"
        return tell(self, quote(self.layer, 60), f"{write_range(self.ks)} groups", best)


def scan_groups(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    layer: str,
    ks: Sequence[int],
    *,
    method: str | tuple[str, Mapping[str, Any]] = "auto",
    reducer: Any = None,
    resamples: int = RESAMPLES,
    threshold: float = THRESHOLD,
    seed: int = 0,
    iterations: int = 200,
    batch_size: int = 64,
    window: int = 1,
    weighting: str | None = None,
) -> GroupScan:
    """Find out how many groups a layer has: the most that two halves of the pictures still agree on.

    Args:
        model: the network.
        images: as in `find_groups`; twice the positions of the largest k or more.
        layer: name of the layer.
        ks: numbers of groups to try.
        method: as in `find_groups`.
        reducer: as in `find_groups`.
        resamples: random divisions of the pictures into halves, at least 1.
        threshold: median stability, -1..1, from which a number of groups holds.
        seed: of the starts and the divisions.
        iterations: the most that a fit may take.
        batch_size: images per forward pass.
        window: as in `find_groups`.
        weighting: as in `find_groups`.

    Returns:
        The scan, with the suggested number and its reason.

    Raises:
        TypeError: if the model was not opened, or `ks` is no list.
        ValueError: if the layer does not exist, a number does not fit it, or there are too few pictures for halves.

    Example:
        >>> ti.scan_groups(model, photos[:8], "conv", [2, 3], resamples=1).ks.tolist()
        [2, 3]

    Source:
        Wu et al., Stability-driven nonnegative matrix factorization, 2016.
    """
    if not isinstance(ks, Sequence | np.ndarray) or isinstance(ks, str) or not len(ks):
        raise TypeError(f"ks must be a list of numbers of groups, such as [2, 4, 8], got {ks!r}")
    if not isinstance(resamples, numbers.Integral) or resamples < 1:
        raise ValueError(f"resamples must be 1 or more, got {resamples!r}")
    chosen = choose(method, reducer)
    check_window(window)
    check_weighting(weighting)
    array = take_inputs(model, images, "scan_groups")
    paths = [check_count(model, layer, k, chosen) for k in ks]
    path = paths[0]
    check_flat(model, path, window)
    counts = sorted({int(k) for k in ks})
    activations, padded, notes = read_counted(model, array, path, counts[-1], batch_size)
    ids = digest_images(array)
    divisions = draw_halves(ids, resamples, seed)
    smaller = min(count_rows(activations.shape, padded, halves) for halves in divisions)
    if smaller < counts[-1]:
        raise ValueError(
            f"half of these {len(activations)} pictures has {smaller} positions in {path!r}, too few for {counts[-1]} "
            "groups: give more pictures"
        )
    rows = activations.reshape(-1, activations.shape[-1]) if padded is None else activations[~padded]
    chosen = chosen.settle(rows)  # one method for all numbers and halves
    means = average_kept(chosen, activations, window, padded)
    scale, told = read_weighting(model, array, path, weighting, batch_size, padded)
    parts = [take_halves(means, padded, halves) for halves in divisions]
    errors, stable, alike = [], [], []
    for k in counts:
        found = fit_windows(
            chosen, activations, padded, k, window, seed=seed, init=None, iterations=iterations, scale=scale
        )
        errors.append(found.error)
        alike.append(_redundancy(found.vectors, chosen.signed_weights))
        stable.append([agreement(chosen, halves, k, seed, iterations, scale) for halves in parts])
    stability, least = np.moveaxis(np.array(stable, np.float32), 2, 0)
    suggested, reason = suggest(counts, np.median(stability, 1), least.min(1), threshold)
    error, redundancy = np.array(errors, np.float32), np.array(alike, np.float32)
    left_out = 0.0 if chosen.keeps_negative else share_negative(rows)
    return GroupScan(
        path,
        np.array(counts),
        error,
        stability,
        least,
        redundancy,
        threshold,
        suggested,
        reason,
        left_out,
        (*notes, *told, *say_few(ids)),
    )


def _redundancy(vectors: np.ndarray, signed: bool) -> float:
    """Return the mean of the largest cosine of each group with another, of either sign where weights have signs."""
    if len(vectors) == 1:
        return 0.0
    cosine = cosines(vectors, vectors)
    cosine = np.abs(cosine) if signed else cosine
    np.fill_diagonal(cosine, -1)
    return float(cosine.max(1).mean())
