"""What a call of `render` asks for, checked before any work: objectives, sizes, numbers."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tf_interp.directions import Directions
from tf_interp.features.objective import Objective, as_objective
from tf_interp.features.objectives import from_directions
from tf_interp.features.rendering import Rendering
from tf_interp.models.model import Model

_DEFAULT_SIZE = 128  # for networks that take pictures of any size


def list_objectives(objective: Any) -> list[Objective]:
    """Return the objectives that somebody asks for.

    Args:
        objective: an objective, "layer:channel", a function of the look-up, a list of these, or `Directions`.
    """
    if isinstance(objective, Directions):
        return from_directions(objective)
    items = list(objective) if isinstance(objective, list | tuple) else [objective]
    if not items:
        raise ValueError("render needs at least one objective, got an empty list")
    return [as_objective(item) for item in items]


def choose_sizes(model: Model, size: Any, init: Any) -> tuple[tuple[int, int, int], tuple[int, int]]:
    """Return (h, w, C) of the pictures and (height, width) that the network sees.

    Args:
        model: the network.
        size: pixels of a side, (height, width), or None.
        init: what the pictures start from: images, a `Rendering`, or None.
    """
    wanted = model.input_shape or (None, None, 3)
    if not isinstance(wanted, dict) and len(wanted) == 2:
        wanted = (*wanted, 1)
    if isinstance(wanted, dict) or len(wanted) != 3:
        raise ValueError(f"render draws pictures [h,w,C] for one input, but {model.name!r} takes {wanted}")
    sides = None if size is None else _to_sides(size)
    if sides is None and isinstance(init, Rendering):
        sides = init.state.shape[:2]
    elif sides is None and init is not None and np.ndim(init) == 4:
        sides = np.shape(init)[1:3]
    height, width = sides or (wanted[0] or _DEFAULT_SIZE, wanted[1] or _DEFAULT_SIZE)
    return (int(height), int(width), wanted[2] or 3), (wanted[0] or int(height), wanted[1] or int(width))


def _to_sides(size: Any) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, list | tuple | np.ndarray) else (size, size)
    if len(sides) != 2 or any(isinstance(n, bool) or not isinstance(n, int | np.integer) for n in sides):
        raise TypeError(f"size must be a number of pixels or (height, width), got {size!r}")
    if min(sides) < 1:
        raise ValueError(f"size must be 1 pixel or more, got {size}")
    return int(sides[0]), int(sides[1])


def check_numbers(**numbers: tuple[Any, int]) -> None:
    """Raise if a number is too small or none at all.

    Args:
        numbers: name -> (value, least value).
    """
    for name, (value, least) in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name} must be a whole number, got {value!r}")
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value}")


def check_snapshots(snapshots: Any, steps: int) -> tuple[int, ...]:
    """Return the steps after which to keep pictures.

    Args:
        snapshots: step numbers from 1.
        steps: how many steps there are.
    """
    if not isinstance(snapshots, Iterable):
        raise TypeError(f"snapshots must be a list of steps, got {snapshots!r}: write [{snapshots!r}]")
    numbers = tuple(int(number) for number in snapshots)
    outside = [number for number in numbers if not 1 <= number <= steps]
    if outside:
        raise ValueError(f"snapshots must be steps from 1 to {steps}, got {outside}")
    return numbers


def check_objective(objective: Objective, model: Model, shapes: Mapping[str, tuple]) -> None:
    """Raise ValueError if a layer, class, channel, width or position of an objective is not there.

    Args:
        objective: the objective.
        model: the network.
        shapes: layer -> shape of its output without the batch axis, as far as known.
    """
    for term in objective.terms():
        for target in term.targets.values():
            model.resolve_target(target)
        for layer, kind, number in term.needs:
            path = model.resolve(layer)
            shape = shapes.get(layer, shapes.get(path, ()))
            axis = {"channel": -1, "width": -1, "x": -2, "y": -3}.get(kind)
            extent = None if axis is None or len(shape) < -axis else shape[axis]
            if extent is None:
                continue
            if kind == "width" and number != extent:
                raise ValueError(f"{term}: the vector has {number} numbers, but layer {layer!r} has {extent} channels")
            if kind != "width" and number >= extent:
                what = {"channel": "channels", "x": "columns", "y": "rows"}[kind]
                raise ValueError(f"{term}: layer {layer!r} has {what} 0..{extent - 1}, got {number}")
