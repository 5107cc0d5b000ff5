"""Channels counted by how much the output hangs on them, before groups are found in them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_interp.attribution import attribute
from tf_interp.capture import read_activations
from tf_interp.directions import to_positions
from tf_interp.groups.methods.factorizer import Factorizer, Fitted, fit_rows
from tf_interp.models import Model

WEIGHTINGS = ("gradient",)  # what channels may be counted by; None counts them alike
_ROUNDING = 1e-6  # of the largest weight: what is below is no weight, and could not be divided by


def check_weighting(weighting: Any) -> None:
    """Raise unless it is known what channels are counted by.

    Args:
        weighting: what the caller was given.

    Raises:
        ValueError: if it is neither None nor one of `WEIGHTINGS`.
    """
    if weighting is not None and (not isinstance(weighting, str) or weighting not in WEIGHTINGS):
        raise ValueError(f"weighting must be None or one of {list(WEIGHTINGS)}, got {weighting!r}")


def read_weighting(
    model: Model, images: Any, path: str, weighting: str | None, batch_size: int, padded: np.ndarray | None = None
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return what each channel of a layer counts, float32 [C] of mean square 1 or None, and what to know of it.

    A channel counts as much as the root mean square gradient, over pictures and positions, of the logit of the class
    that each picture is taken for; of a network that decides for no classes, of its first numbers.

    Args:
        model: the network.
        images: what it is given.
        path: of the layer.
        weighting: "gradient", or None, which counts all alike.
        batch_size: images per forward pass.
        padded: bool [N,h,w], True at positions that do not count; None is none.

    Raises:
        ValueError: if the output has neither classes nor numbers, does not depend on the layer, or is the layer.
    """
    if weighting is None:
        return None, ()
    if path in model.outputs:
        raise ValueError(
            f'weighting="gradient" counts channels by what hangs on them at the end of the network, and {path!r} is '
            "the end: leave it out, or name a layer"
        )
    targets, told = _choose_scores(model, images, batch_size)
    squares: list[np.ndarray] = []
    notes: list[str] = []
    for target in targets:
        found = attribute(model, images, target, layer=path, method="gradient", batch_size=batch_size)
        gradient = to_positions(np.asarray(found.values, np.float32))
        rows = gradient.reshape(-1, gradient.shape[-1]) if padded is None else gradient[~padded]
        squares.append((rows.astype(np.float64) ** 2).mean(0) if len(rows) else np.zeros(rows.shape[1]))
        notes += found.notes
    scale = np.sqrt(np.mean(squares, axis=0))
    notes = list(dict.fromkeys(notes))
    if not scale.any():
        return None, (f"the gradient of {told} is zero all over {path}: its channels were counted alike", *notes)
    scale = np.where(scale > _ROUNDING * scale.max(), scale, 0) / np.sqrt((scale**2).mean())
    silent = int((scale == 0).sum())
    without = f", {silent} of {len(scale)} do not count: nothing hangs on them" if silent else ""
    said = (
        f"channels of {path} were counted by the root mean square gradient of {told} (from {scale.min():.2g} to "
        f"{scale.max():.2g} of what is usual there{without}); error and shares are of the activation as it is"
    )
    return scale.astype(np.float32), (said, *notes)


def _choose_scores(model: Model, images: Any, batch_size: int) -> tuple[Sequence[Any], str]:
    """Return what is differentiated, targets as `attribute` takes them, and in words what that is."""
    head = model.head()
    if head.count is None or head.kind in ("dense", "other"):
        raise ValueError(
            'weighting="gradient" counts channels by what classes or numbers hang on them, and this network has '
            f"neither ({head.describe()}): leave it out"
        )
    if head.decides:
        output = read_activations(model, images, [head.path], batch_size=batch_size)[head.path]
        return [head.spread(output).argmax(-1).tolist()], "the class that each picture is taken for"
    numbers = head.commonest(None)
    return numbers, " and ".join(head.name(number) for number in numbers)


def fit_scaled(
    method: Factorizer, rows: np.ndarray, k: int, scale: np.ndarray | None, *, seed: int,
    init: np.ndarray | None = None, iterations: int = 200,
) -> Fitted:  # fmt: skip
    """Return what a method finds in rows whose channels count what they count, with vectors and offset of the layer.

    What does not count is in no vector. Weights, error and shares are of the weighted rows.

    Args:
        method: settled.
        rows: float32 [n,C], finite.
        k: number of groups.
        scale: float32 [C], what each channel counts; None is all alike.
        seed: of the start.
        init: float32 [k,C] to start from.
        iterations: the most to take.
    """
    if scale is None:
        return fit_rows(method, rows, k, seed=seed, init=init, iterations=iterations)
    start = None if init is None else np.asarray(init, np.float32) * scale
    found = fit_rows(method, rows * scale, k, seed=seed, init=start, iterations=iterations)
    vectors = _divide(found.vectors, scale)
    vectors = _divide(vectors, np.linalg.norm(vectors, axis=1, keepdims=True))  # of length 1, as all methods give them
    if found.offset is None:
        return found._replace(vectors=vectors)
    # of a channel that does not count nothing is known but its mean, which then is everywhere, too
    return found._replace(vectors=vectors, offset=np.where(scale > 0, _divide(found.offset, scale), rows.mean(0)))


def _divide(array: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return a quotient, 0 where it is by 0."""
    return np.divide(array, by, out=np.zeros(array.shape, np.float32), where=by > 0)
