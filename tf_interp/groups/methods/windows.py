"""Groups of what fires together within a window of positions, and not at one position only, in weighted channels."""

import numbers
from typing import Any

import numpy as np

from tf_interp.groups.methods.factorizer import Factorizer, Fitted, fit_rows, measure
from tf_interp.groups.methods.weighting import fit_scaled
from tf_interp.models import Model


def check_window(window: Any) -> None:
    """Raise unless a window is so many positions on a side that it has a middle.

    Args:
        window: what the caller was given.

    Raises:
        ValueError: if it is not an odd number from 1.
    """
    if not isinstance(window, numbers.Integral) or isinstance(window, bool) or window < 1 or window % 2 == 0:
        raise ValueError(f"window is an odd number of positions on a side, 1, 3, 5, ..., got {window!r}")


def check_flat(model: Model, path: str, window: int) -> None:
    """Raise a ValueError if a layer has no plane that windows could lie in.

    Args:
        model: the network.
        path: of the layer.
        window: positions on a side.
    """
    if window > 1 and len(model.layers[path] or ()) > 3:
        raise ValueError(f"layer {path!r} has volumes, whose slices lie below each other: window is 1, got {window}")


def average_windows(activations: np.ndarray, window: int, padded: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of the activations around each position; what lies beyond the edge does not count.

    Args:
        activations: [N,h,w,C].
        window: positions on a side, odd.
        padded: bool [N,h,w], True at positions that do not count either, and whose mean is 0; None is none.

    Returns:
        float32 [N,h,w,C].
    """
    if window == 1:
        return activations
    there = np.ones(activations.shape[:3]) if padded is None else 1.0 - padded
    count = _sum_windows(there[..., None], window)
    total = _sum_windows(activations * there[..., None].astype(np.float32), window)
    return (total * (there[..., None] / np.maximum(count, 1))).astype(np.float32)


def average_kept(
    method: Factorizer, activations: np.ndarray, window: int, padded: np.ndarray | None = None
) -> np.ndarray:
    """Return what the vectors of a method are found in: means of a window, of what the method keeps.

    Args:
        method: settled.
        activations: [N,h,w,C].
        window: positions on a side, odd; 1 is the activations as they are.
        padded: as in `average_windows`.
    """
    if window == 1:
        return activations
    return average_windows(activations if method.keeps_negative else np.maximum(activations, 0), window, padded)


def say_window(window: int) -> str:
    """Return a sentence on what groups are that were found through a window of so many positions on a side."""
    return f"groups are of what fires together within {window} x {window} positions; where they fire is found for each"


def _sum_windows(array: np.ndarray, window: int) -> np.ndarray:
    """Return the sum around each position of [N,h,w,C], along one side and then the other."""
    for axis in (1, 2):
        reach = min(window // 2, array.shape[axis] - 1)
        wide = np.pad(array, [(reach, reach) if side == axis else (0, 0) for side in range(array.ndim)])
        count = array.shape[axis]
        steps = (np.take(wide, range(begin, begin + count), axis) for begin in range(2 * reach + 1))
        array = sum(steps, np.zeros_like(array))
    return array


def fit_windows(
    method: Factorizer, activations: np.ndarray, padded: np.ndarray | None, k: int, window: int, *, seed: int,
    init: np.ndarray | None, iterations: int, scale: np.ndarray | None = None,
) -> Fitted:  # fmt: skip
    """Return activations divided into k groups of what fires together within a window.

    The vectors are those of the windows' means, in channels that count what they count, and then as long as they are in
    the layer. Where they fire is asked of each position for itself, as on other pictures: the weights with which they
    come closest to it. Error and shares are of the positions as they are.

    Args:
        method: settled.
        activations: float32 [N,h,w,C], finite.
        padded: bool [N,h,w], True at positions that are left out; None is none.
        k: number of groups.
        window: positions on a side, odd; 1 is each position for itself.
        seed: of the start.
        init: float32 [k,C] to start from.
        iterations: the most to take.
        scale: float32 [C], what each channel counts; None is all alike.
    """
    counted = slice(None) if padded is None else ~padded
    rows = activations[counted].reshape(-1, activations.shape[-1])
    if (window == 1 and scale is None) or not rows.any():
        return fit_rows(method, rows, k, seed=seed, init=init, iterations=iterations)
    means = average_kept(method, activations, window, padded)[counted].reshape(rows.shape)
    found = fit_scaled(method, means, k, scale, seed=seed, init=init, iterations=iterations)
    kept = rows if method.keeps_negative else np.maximum(rows, 0)
    weights = method.weigh(kept if found.offset is None else kept - found.offset, found.vectors)
    notes = (*found.notes, say_window(window)) if window > 1 else found.notes
    return measure(
        kept, weights, found.vectors, order=init is None, offset=found.offset, notes=notes, rounds=found.rounds
    )
