"""What a call of `render` asks for, checked before any work: objectives, sizes, numbers."""

import dataclasses
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tf_interp.directions import Directions
from tf_interp.features.input_form import InputForm, find_form
from tf_interp.features.objectives.algebra import Objective, Term, as_objective
from tf_interp.features.objectives.rewards import class_weights, from_directions
from tf_interp.features.param import Fourier, Param
from tf_interp.features.picture_prior import PicturePrior
from tf_interp.features.renderer.rendering import Rendering
from tf_interp.features.transforms import CollapseAlpha, Geometric, Transform, along_time, standard
from tf_interp.models import Head
from tf_interp.models.model import Model
from tf_interp.models.outputs.targets import resolve_target
from tf_interp.probe import Probe

_learned: weakref.WeakKeyDictionary[Probe, dict[InputForm, PicturePrior]] = weakref.WeakKeyDictionary()
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


def bind_targets(objective: Objective, model: Model) -> Objective:
    """Return an objective whose classes are those of a network.

    Args:
        objective: any.
        model: knows what a class is.

    Raises:
        ValueError: if there is no such class.
    """

    def bind(term: Term) -> Term:
        for value in term.targets.values():
            heads = {path: _by_channel(head) for path, head in model.heads.items()}
            target = resolve_target(heads, heads[model.head().path], value, model.output_is_chosen)
            title = str(term) if target.note is None else f"{term} of {target.head.label}"
            return class_weights(term, target.output, target.weights, title)
        return term

    return objective.map(bind)


def _by_channel(head: Head) -> Head:
    """Return an output whose classes can be made large: of a map a class is its channel, at all positions."""
    return head if head.kind != "dense" else dataclasses.replace(head, kind="multiclass", shape=head.shape[-1:])


def choose_sizes(form: InputForm, size: Any, init: Any) -> tuple[tuple[int, int, int], tuple[int, int]]:
    """Return (h, w, C) of the pictures and (height, width) that the network sees.

    Args:
        form: how pictures reach the network.
        size: pixels of a side, (height, width), or None; points of time of a series.
        init: what the pictures start from: images [N,h,w,C], a `Rendering`, or None.
    """
    fixed_height, fixed_width, channels = form.shape
    sides = None if size is None else to_sides(size)
    if sides is not None and form.series:
        sides = (sides[0], 1)
    if sides is None and isinstance(init, Rendering):
        sides = init.state.shape[:2]
    elif sides is None and init is not None and np.ndim(init) == 4:
        sides = np.shape(init)[1:3]
    height, width = sides or (fixed_height or _DEFAULT_SIZE, fixed_width or _DEFAULT_SIZE)
    height, width = int(height), int(width)
    return (height, width, channels or 3), (fixed_height or height, fixed_width or width)


def read_input_shape(model: Model) -> tuple[int | None, int | None, int | None]:
    """Return (h, w, C) of the pictures that a network takes, None where that is free.

    Args:
        model: the network.
    """
    form, _ = find_form(model, None, None, None)
    if form.series or form.name is not None:
        raise ValueError(
            f"this needs a network of pictures [h,w,C] alone, but {model.name!r} takes {model.input_shape}"
        )
    return form.shape


def to_sides(size: Any) -> tuple[int, int]:
    """Return (height, width).

    Args:
        size: pixels of a side, or (height, width).
    """
    sides = tuple(size) if isinstance(size, list | tuple | np.ndarray) else (size, size)
    if len(sides) != 2 or any(isinstance(n, bool) or not isinstance(n, int | np.integer) for n in sides):
        raise TypeError(f"size must be a number of pixels or (height, width), got {size!r}")
    if min(sides) < 1:
        raise ValueError(f"size must be 1 pixel or more, got {size}")
    return int(sides[0]), int(sides[1])


def has_alpha(options: Mapping[str, Any]) -> bool:
    """Return whether pictures of a call of `render` with such options have alpha.

    Args:
        options: keyword arguments of `render`.
    """
    start = options.get("init")
    param = options.get("param") or (start.state.param if isinstance(start, Rendering) else None)
    return bool(getattr(param, "alpha", False))


def check_numbers(**numbers: tuple[Any, int]) -> None:
    """Raise if a number is too small or none at all.

    Args:
        numbers: name -> (value, smallest allowed value).
    """
    for name, (value, minimum) in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name} must be a whole number, got {value!r}")
        if value < minimum:
            raise ValueError(f"{name} must be {minimum} or more, got {value}")


def check_settings(
    *,
    steps: Any,
    seed: Any,
    retries: Any,
    count: Any,
    batch_size: Any,
    learning_rate: Any,
    param: Any,
    transforms: Any,
    optimizer: Any,
    **others: Any,
) -> None:
    """Raise if a number among the settings of a call is none, or too small, or a setting cannot be compared.

    Args:
        steps: whole, 0 or more.
        seed: whole, 0 or more.
        retries: whole, 0 or more.
        count: whole, 1 or more.
        batch_size: whole, 1 or more.
        learning_rate: any finite number.
        param: hashable, so that a later call can use what was compiled for it.
        transforms: a list or tuple of hashable ones.
        optimizer: hashable.
        others: are not looked at.
    """
    check_numbers(steps=(steps, 0), seed=(seed, 0), retries=(retries, 0), count=(count, 1), batch_size=(batch_size, 1))
    try:
        finite = np.isfinite(float(learning_rate))
    except (TypeError, ValueError) as error:
        raise TypeError(f"learning_rate must be a number, got {learning_rate!r}") from error
    if not finite:
        raise ValueError(f"learning_rate must be finite, got {learning_rate}")
    settings = {"param": param, "transforms": transforms, "optimizer": optimizer}
    for name, setting in settings.items():
        try:
            hash(tuple(setting) if isinstance(setting, list) else setting)
        except TypeError as error:
            raise TypeError(
                f"{name} must be hashable, so that what is compiled can be used again ({error}): lists as tuples, "
                f"classes of your own as @dataclass(frozen=True); got {setting!r}"
            ) from error


def check_snapshots(snapshots: Any, steps: int) -> tuple[int, ...]:
    """Return the steps after which to keep pictures.

    Args:
        snapshots: step numbers from 1.
        steps: how many steps there are.
    """
    if not isinstance(snapshots, Iterable):
        raise TypeError(f"snapshots must be a list of steps, got {snapshots!r}: write [{snapshots!r}]")
    array = np.asarray(list(snapshots))
    if array.dtype.kind not in "iuf" or (array % 1 != 0).any():
        raise TypeError(f"snapshots must be whole numbers, got {array.tolist()}")
    numbers = tuple(int(number) for number in array)
    outside = [number for number in numbers if not 1 <= number <= steps]
    if outside:
        raise ValueError(f"snapshots must be steps from 1 to {steps}, got {outside}")
    return numbers


def _as_map(shape: tuple) -> tuple:
    """Return the shape [h,w,C] in which an objective sees a layer's output: dense layers 1 x 1, tokens L x 1."""
    match shape:
        case (channels,):
            return 1, 1, channels
        case (tokens, channels):
            return tokens, 1, channels
        case (depth, height, width, channels):  # slices of a volume lie one below the other
            return None if None in (depth, height) else depth * height, width, channels
    return shape


def check_objective(objective: Objective, model: Model, shapes: Mapping[str, tuple]) -> None:
    """Raise ValueError if a layer, class, channel, width or position of an objective is not there.

    Args:
        objective: the objective.
        model: the network.
        shapes: layer -> shape of its output without the batch axis, as far as known.
    """
    for term in bind_targets(objective, model).terms():
        for layer, kind, number in term.needs:
            path = model.resolve(layer, channels=True)
            shape = _as_map(shapes.get(layer, shapes.get(path, ())))
            axis = {"channel": -1, "width": -1, "x": -2, "y": -3}.get(kind)
            extent = None if axis is None or len(shape) < -axis else shape[axis]
            if extent is None:
                continue
            if kind == "width" and number != extent:
                raise ValueError(f"{term}: the vector has {number} numbers, but layer {layer!r} has {extent} channels")
            if kind != "width" and number >= extent:
                what = {"channel": "channels", "x": "columns", "y": "rows"}[kind]
                raise ValueError(f"{term}: layer {layer!r} has {what} 0..{extent - 1}, got {number}")


def choose_param(param: Any, form: InputForm, init: Any) -> Param:
    """Return the parameterization of a rendering.

    Args:
        param: what the user gave: a parameterization, a probe to learn one from, or None for that of `init` or Fourier.
        form: how pictures reach the network.
        init: what the pictures start from: images, a `Rendering`, or None.

    Raises:
        TypeError: if it is none.
        ValueError: if nothing can be learned from the probe.
    """
    if param is None:
        return init.state.param if isinstance(init, Rendering) else Fourier(decorrelate=not form.series)
    if isinstance(param, Probe):
        return learn_prior(param, form)
    if not isinstance(param, Param):
        raise TypeError(f"param must be a parameterization such as Fourier(), or a Probe, got {param!r}")
    return param


def learn_prior(probe: Probe, form: InputForm) -> PicturePrior:
    """Return the parameterization that is learned from a probe's pictures: once, since they stay the same.

    Args:
        probe: the pictures.
        form: how pictures reach the network.

    Raises:
        ValueError: if nothing can be learned from them, or the network takes others.
    """
    known = _learned.setdefault(probe, {})
    if form not in known:
        images = probe.images[form.name] if isinstance(probe.images, Mapping) else probe.images
        array = np.asarray(form.take(images))
        if array.ndim != 4 or form.shape[2] not in (None, array.shape[3]):
            raise ValueError(
                f"the network takes {form.shape[2]} channels, and the probe's arrays are {list(array.shape)}: there is "
                "no spectrum to learn from them"
            )
        known[form] = PicturePrior.learn(array, decorrelate=not form.series)
    return known[form]


def choose_transforms(
    transforms: Any, param: Param, form: InputForm, shape: tuple[int, int, int]
) -> tuple[Transform | Geometric, ...]:
    """Return the random transforms of a rendering.

    Args:
        transforms: what the user gave; None takes the standard ones, of series those along time.
        param: the parameterization; opacity is collapsed first.
        form: how pictures reach the network.
        shape: of a picture.

    Raises:
        TypeError: if they are no functions.
    """
    if transforms is None:
        moves = along_time(shape[0]) if form.series else standard(shape[:2])
        return (*((CollapseAlpha(),) if param.alpha else ()), *moves)
    if not isinstance(transforms, list | tuple) or not all(
        isinstance(item, Geometric) or callable(item) for item in transforms
    ):
        raise TypeError(
            f"transforms must be a list of functions (images, seed) -> images, () for none; got {transforms!r}"
        )
    return tuple(transforms)
