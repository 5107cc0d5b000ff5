"""`accentuate`: what excites a unit in a real picture, made stronger."""

import dataclasses
from typing import Any

import numpy as np

from tf_interp.features.close_to import CloseTo
from tf_interp.features.recipes.from_pictures import fit_picture
from tf_interp.features.renderer.activation import OK
from tf_interp.features.renderer.render import render
from tf_interp.features.renderer.rendering import Rendering
from tf_interp.features.renderer.settings import list_objectives
from tf_interp.models.batches import check_model
from tf_interp.models.model import Model


def accentuate(
    model: Model,
    image: Any,
    objective: Any,
    *,
    distance: float = 0.1,
    steps: int = 64,
    size: int | tuple[int, int] | None = None,
    **options: Any,
) -> Rendering:
    """Return real pictures in which what excites a unit has been made stronger, close to what they were.

    Where a picture that was born of noise does not convince, this shows what of a picture a unit answers to: begin with
    the probe picture that excites it most, and look at what changes.

    Args:
        model: the network, from `open_model`.
        image: where to start, [h,w,C] in [0,1] for all objectives, or one picture for each, [N,h,w,C].
        objective: as for `render`: N objectives, "layer:channel" or `Directions`.
        distance: root mean square of what is changed, at most, over pixels and channels, for values in [0,1].
        steps: optimization steps.
        size: of the pictures; None is the network's, or the picture's own where that is free.
        options: of `render`, without `init`, `param` and `count`.

    Returns:
        A `Rendering` of N pictures, none further from its start than `distance`; `activations` are what they reach,
        and `status` says of a picture that it did not become stronger than its start.

    Raises:
        TypeError: if `init`, `param` or `count` is given.
        ValueError: if there are neither one nor N pictures, or the distance is not above 0.

    Example:
        >>> accentuate(model, image, ["conv2:7", "conv2:8"], distance=0.05, steps=16).images.shape
        (2, 32, 32, 3)

    Source: Hamblin et al., "Feature Accentuation: Revealing 'What' Features Respond to in Natural Images" (2024).
    """
    check_model(model, "accentuate")
    if taken := sorted({"init", "param", "count"} & {*options}):
        raise TypeError(f"accentuate starts from its image and changes it by CloseTo: leave out {', '.join(taken)}")
    objectives = list_objectives(objective)
    images = np.asarray(image)
    pictures = images[None] if images.ndim < 4 else images
    if len(pictures) not in (1, len(objectives)):
        raise ValueError(f"give one picture, or one for each of {len(objectives)} objectives; got {len(pictures)}")
    start = np.stack([fit_picture(model, picture, size) for picture in pictures])
    settings: dict[str, Any] = {
        "init": np.repeat(start, len(objectives), 0) if len(start) < len(objectives) else start,
        "param": CloseTo(distance=distance),
        "size": start.shape[1:3],
        **options,
    }
    made = render(model, objectives, steps=steps, **settings)
    if made.stopped:
        return made
    before = render(model, objectives, steps=0, **{**settings, "progress": None}).activations
    told = [_judge(*row, steps) for row in zip(made.status, made.activations, before, strict=True)]
    return dataclasses.replace(made, status=tuple(told))


def _judge(status: str, activation: float, before: float, steps: int) -> str:
    """Return what became of a picture: it is not noise that it must excel, but the picture from which it came."""
    if not np.isfinite(activation):
        return status
    if not activation > before:
        return f"did not become stronger: {activation:.4g} after {steps} steps, {before:.4g} at the start"
    return OK
