"""`render_many`: pictures of thousands of units, in batches, resumable, on any engine."""

import collections
import dataclasses
import difflib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.directions import Directions
from tf_interp.features.many.unit_cache import RenderedUnit, UnitCache, round_pictures
from tf_interp.features.objectives.algebra import Objective, as_objective
from tf_interp.features.objectives.rewards import from_directions
from tf_interp.features.renderer.progress import progress_bar
from tf_interp.features.renderer.render import render
from tf_interp.features.renderer.settings import check_numbers, check_objective, check_settings
from tf_interp.models.batches import check_model
from tf_interp.models.model import Model

Batch = Sequence[int]
Engine = Callable[[Callable[[Batch], list[RenderedUnit]], Sequence[Batch]], Iterable[list[RenderedUnit]]]

_OPTIONS = {
    name: parameter.default
    for name, parameter in inspect.signature(render).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name not in ("progress", "snapshots", "fixed", "limits")
}  # kept pictures are uint8 and named by hashable settings


def render_many(
    model: Model,
    specs: Any,
    *,
    engine: Engine | None = None,
    cache: str | os.PathLike | None = None,
    side: int | None = None,
    progress: bool = False,
    **options: Any,
) -> Iterator[RenderedUnit]:
    """Return the pictures of many units, one after the other, in the order of the specs.

    Units of one structure run together in one compiled program. Nothing is rendered before a result is asked for, and
    no more is held in memory than results that wait for their turn. A unit that fails says so in its `status`, and the
    others go on. After Ctrl-C the units that are left come without a picture, and a second call with the same `cache`
    goes on with them.

    Args:
        model: the network, from `open_model`.
        specs: objectives, "layer:channel" or functions of the look-up, or `Directions`.
        engine: `(job, batches) -> results`, calls `job` on every batch and gives the results in the order of the
            batches; None is `map`, one batch after the other. `ThreadPoolExecutor(2).map` is another one.
        cache: folder in which each finished unit is kept, and from which it is read if it is there. Weights,
            preprocessing, objective and options are part of a unit's name.
        side: shrink pictures whose longer side is above this many pixels; series stay as long as they are.
        progress: show a progress bar with the time left.
        options: of `render`, without `snapshots`, `fixed` and `limits`; `init` may be one picture [1,h,w,C].

    Returns:
        An iterator of as many `RenderedUnit`s as there are specs.

    Raises:
        TypeError: if an option does not exist, a spec is no objective, or an objective has no name in a cache.
        ValueError: if a layer or class does not exist, or `init` is more than one picture.

    Example:
        >>> [unit.status for unit in render_many(model, ["conv2:7", "conv2:8"], steps=16)]
        [('ok',), ('ok',)]
    """
    check_model(model, "render_many")
    settings = _check_options(options)
    if len(model.input_specs or ()) > 1:
        raise ValueError(
            f"render_many draws units of networks with one input, {model.name!r} has {list(model.input_specs or ())}: "
            "call render(..., input=..., fixed=...)"
        )
    listed = from_directions(specs) if isinstance(specs, Directions) else specs
    if isinstance(listed, str | Objective) or not isinstance(listed, Iterable):
        raise TypeError(f"render_many needs a list of objectives or Directions, got {listed!r}")
    objectives = [as_objective(item) for item in listed]
    for item in objectives:
        check_objective(item, model, model.layers)
    if side is not None:
        check_numbers(side=(side, 1))
    own = {key: value for key, value in settings.items() if key != "batch_size"}  # decides the speed only
    kept = None if cache is None else UnitCache(cache, model, {**own, "side": side})
    pending = list(range(len(objectives)))
    if kept is not None:
        pending = [index for index in pending if kept.read(objectives[index]) is None]
    job = _Job(model, objectives, settings, side, kept)
    return _iterate(job, _split(objectives, pending, settings), map if engine is None else engine, progress)


@dataclasses.dataclass
class _Job:
    """What an engine calls with each batch."""

    model: Model
    objectives: list[Objective]
    options: dict[str, Any]
    side: int | None
    cache: UnitCache | None
    stopped: bool = False

    def __call__(self, batch: Batch) -> list[RenderedUnit]:
        """Return the units of a batch of indices, and keep those that are finished."""
        if self.stopped:
            return self.leave(batch)
        try:
            rendering = render(self.model, [self.objectives[index] for index in batch], **self.options)
        except KeyboardInterrupt:
            self.stopped = True
            return self.leave(batch)
        except Exception as error:  # whatever it is, it shall not cost the other units
            if len(batch) == 1:
                name = str(self.objectives[batch[0]])
                return [RenderedUnit.without_picture(name, f"failed: {type(error).__name__}: {error}")]
            middle = len(batch) // 2  # halves, until the unit that fails is alone
            return self(batch[:middle]) + self(batch[middle:])
        self.stopped = rendering.stopped
        images = round_pictures(self._shrink(rendering.images))
        units, count = [], self.options["count"]
        cache = None if self.cache is None or self.stopped or not self.cache.is_current() else self.cache
        for position, index in enumerate(batch):
            rows = slice(position * count, (position + 1) * count)
            objective = self.objectives[index]
            unit = RenderedUnit(str(objective), images[rows], rendering.activations[rows], rendering.status[rows])
            if cache is not None:
                cache.write(objective, unit)
            units.append(unit)
        return units

    def leave(self, batch: Batch) -> list[RenderedUnit]:
        """Return what stands for units that were not begun."""
        return [RenderedUnit.without_picture(str(self.objectives[i]), "not rendered: stopped") for i in batch]

    def look_up(self, index: int) -> RenderedUnit:
        """Return a unit that the cache had a moment ago."""
        unit = None if self.cache is None else self.cache.read(self.objectives[index])
        return self([index])[0] if unit is None else unit

    def _shrink(self, images: np.ndarray) -> np.ndarray:
        height, width = images.shape[1:3]
        if self.side is None or images.ndim < 4 or max(height, width) <= self.side:
            return images
        ratio = self.side / max(height, width)
        size = (max(1, round(height * ratio)), max(1, round(width * ratio)))
        return tf.image.resize(images, size, "lanczos3", antialias=True).numpy()


def _iterate(job: _Job, batches: list[list[int]], engine: Engine, progress: bool) -> Iterator[RenderedUnit]:
    """Give the units in order, as far as possible while the engine works."""
    waiting: dict[int, RenderedUnit] = {}
    left = collections.deque(batches)
    pending = {index for batch in batches for index in batch}
    results = iter(engine(job, batches))
    with progress_bar(progress, len(pending), "units") as advance:
        for index in range(len(job.objectives)):
            if index not in pending:
                yield job.look_up(index)
                continue
            while index not in waiting:
                batch = left.popleft()
                try:
                    units = next(results, None) if not job.stopped else job.leave(batch)
                except KeyboardInterrupt:
                    job.stopped = True
                    units = job.leave(batch)
                if units is None or len(units) != len(batch):
                    raise RuntimeError(
                        f"the engine gave {'no result' if units is None else f'{len(units)} units'} for a batch of "
                        f"{len(batch)}; it must call the job on each batch and give the results in their order"
                    )
                waiting.update(zip(batch, units, strict=True))
                advance(len(batch))
            yield waiting.pop(index)


def _split(objectives: list[Objective], pending: list[int], options: dict[str, Any]) -> list[list[int]]:
    """Return batches of units of one structure, in the order of their first units."""
    size = max(1, options["batch_size"] // options["count"])
    if getattr(options["param"], "shared", False):  # pictures of one batch share variables: each unit for itself
        size = 1
    members: dict[tuple, list[int]] = collections.defaultdict(list)
    for index in pending:
        members[objectives[index].structure()].append(index)
    return sorted(group[start : start + size] for group in members.values() for start in range(0, len(group), size))


def _check_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of `render`, defaults included."""
    for name in options:
        if name not in _OPTIONS:
            near = difflib.get_close_matches(name, _OPTIONS, 3, 0.5)
            raise TypeError(
                f"render_many has no option {name!r}; " + (f"did you mean {near}?" if near else f"it has {[*_OPTIONS]}")
            )
    init = options.get("init")
    if init is not None and (not isinstance(init, np.ndarray) or init.ndim != 4 or len(init) != 1):
        raise ValueError("render_many starts all units from the same picture: init must be an array [1,h,w,C]")
    settings = {**_OPTIONS, **options}
    check_settings(**settings)
    return settings
