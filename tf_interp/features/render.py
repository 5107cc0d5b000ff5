"""`render`: draw pictures that excite what an objective asks for; joins objectives, param, transforms and the model."""

import collections
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.directions import Directions
from tf_interp.features import redirect
from tf_interp.features.objective import Objective, as_objective
from tf_interp.features.objectives import from_directions
from tf_interp.features.optimizers import SGD, Adam
from tf_interp.features.param import Fourier, Param
from tf_interp.features.program import Canvas, Program, prepare
from tf_interp.features.rendering import Rendering, State, gather
from tf_interp.features.transforms import CollapseAlpha, Geometric, Transform, standard
from tf_interp.images import check_images
from tf_interp.models.model import Model

_DEFAULT_SIZE = 128  # for networks that take pictures of any size
_KEPT = 32  # compiled programs kept per model


def render(
    model: Model,
    objective: Any,
    *,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    seed: int = 0,
    init: Any = None,
    count: int = 1,
    param: Param | None = None,
    transforms: Sequence[Transform | Geometric] | None = None,
    learning_rate: float = 0.05,
    optimizer: Adam | SGD | None = None,
    snapshots: Sequence[int] = (),
    retries: int = 3,
    batch_size: int = 32,
    progress: bool = False,
) -> Rendering:
    """Return pictures that make objectives large.

    Objectives of one structure (several channels of a layer, rows of `Directions`) run in one compiled program, and a
    later call with other units uses it again. Each picture is optimized on its own, from the same noise, as if it had
    been rendered alone; only rounding, which many steps amplify, may depend on its neighbors.

    Args:
        model: the network, from `open_model`.
        objective: an objective, "layer:channel", a list of these, or `Directions` (one picture per row).
        size: pixels of a side, or (height, width); None takes the network's input size, or 128 where that is free.
            Pictures of another size than a fixed input are enlarged or shrunk on the way to the network.
        steps: optimization steps.
        seed: seed of noise and transforms.
        init: where to start: images [N,h,w,C] in [0,1], or a `Rendering` to go on from; None is faint noise.
        count: pictures per objective, for `diversity` and interpolations; they follow each other in the result.
        param: parameterization; None is `Fourier()`, or that of `init`.
        transforms: random transforms in order; None is `transforms.standard` (with alpha, behind `CollapseAlpha`),
            () is none.
        learning_rate: of the optimizer.
        optimizer: None is `Adam()`.
        snapshots: steps after which to keep the pictures.
        retries: how often to try again, with another seed, a picture that became NaN or did not activate.
        batch_size: pictures in memory at once.
        progress: show a progress bar with the time left.

    Returns:
        A `Rendering` of N = objectives x count pictures. After Ctrl-C it holds what there is, and `status` says so.

    Raises:
        TypeError: if an argument is of the wrong kind.
        ValueError: if a layer, channel, size or start does not fit the network.

    Example:
        >>> render(model, ["conv2:7", "conv2:8"]).images.shape  # doctest: +SKIP
        (2, 224, 224, 3)

    Source: Olah et al., "Feature Visualization" (2017); Lucid, `optvis.render`.
    """
    started = time.perf_counter()
    if not isinstance(model, Model):
        raise TypeError(f"render needs a Model, got {type(model).__name__}: wrap it with open_model(...) first")
    model = model.folded
    for name, value, least in (
        ("steps", steps, 0),
        ("seed", seed, 0),
        ("retries", retries, 0),
        ("count", count, 1),
        ("batch_size", batch_size, 1),
    ):
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value}")
    objectives = _list_objectives(objective)
    if param is None:
        param = init.state.param if isinstance(init, Rendering) else Fourier()
    if not isinstance(param, Param):
        raise TypeError(f"param must be a parameterization such as Fourier(), got {param!r}")
    shape, seen = _choose_sizes(model, size, init)
    if transforms is None:
        transforms = (*((CollapseAlpha(),) if param.alpha else ()), *standard(shape[:2]))
    if not isinstance(transforms, list | tuple) or not all(
        isinstance(item, Geometric) or callable(item) for item in transforms
    ):
        raise TypeError(
            f"transforms must be a list of functions (images, seed) -> images, () for none; got {transforms!r}"
        )
    for item in objectives:
        _check(item, model, model.layers)
    job = _Job(
        model=model,
        param=param,
        transforms=tuple(transforms),
        optimizer=Adam() if optimizer is None else optimizer,
        shape=shape,
        seen=seen,
        count=count,
        steps=steps,
        rate=learning_rate,
        seed=seed,
        snapshots=tuple(snapshots),
        retries=retries,
    )
    state = job.start(len(objectives), seed) if init is None else job.start_from(init, len(objectives))
    rendering = job.render(objectives, state, batch_size, progress)
    return dataclasses.replace(rendering, seconds=time.perf_counter() - started)


@dataclasses.dataclass
class _Job:
    """One call of `render`: what all its batches have in common."""

    model: Model
    param: Param
    transforms: tuple[Transform | Geometric, ...]
    optimizer: Adam | SGD
    shape: tuple[int, int, int]  # of a picture, without alpha
    seen: tuple[int, int]  # height and width at the network
    count: int
    steps: int
    rate: float
    seed: int
    snapshots: tuple[int, ...]
    retries: int
    interrupted: bool = False
    tick: Callable[[], None] = lambda: None

    def start(self, number: int, seed: int) -> State:
        """Return the noise from which `number` objectives start.

        Every objective gets the same noise, so that its picture does not depend on its neighbors.
        """
        return self._state(self.param.variables(self.shape, [(seed, copy) for copy in range(self.count)] * number))

    def start_from(self, init: Any, number: int) -> State:
        """Return the state that goes on from a rendering or starts from given pictures, for `number` objectives."""
        total = number * self.count
        if isinstance(init, Rendering):
            state = init.state
            if (len(init), state.shape, state.param) != (total, self.shape, self.param):
                raise ValueError(
                    f"init has {len(init)} pictures of shape {list(state.shape)} with {state.param}; this call makes "
                    f"{total} of shape {list(self.shape)} with {self.param}"
                )
            fresh = self.optimizer.slots(state.variables)
            return state if len(state.slots) == len(fresh) else dataclasses.replace(state, slots=tuple(fresh))
        images = check_images(init, "init")
        images = np.repeat(images, total, 0) if len(images) == 1 else images
        expected = (total, *self.shape[:2], self.shape[2] + self.param.alpha)
        if images.shape != expected:
            raise ValueError(f"init must be 1 or {total} images {list(expected[1:])}, got {list(images.shape)}")
        return self._state(self.param.invert(images))

    def _state(self, variables: list[np.ndarray]) -> State:
        return State(self.param, self.shape, tuple(variables), tuple(self.optimizer.slots(variables)), 0)

    def render(self, objectives: list[Objective], state: State, batch_size: int, progress: bool) -> Rendering:
        """Render all objectives, structure by structure, and put the pictures back in order."""
        members: dict[tuple, list[int]] = collections.defaultdict(list)
        for index, item in enumerate(objectives):
            members[item.structure()].append(index)
        if self.param.shared and len(members) > 1:
            kind = type(self.param).__name__
            raise ValueError(
                f"{kind} pictures share variables: give objectives of one structure, got {len(members)} of them"
            )
        size = len(objectives) if self.param.shared else max(1, batch_size // self.count)
        batches = [group[i : i + size] for group in members.values() for i in range(0, len(group), size)]
        parts: list[Rendering] = []
        where: dict[int, tuple[int, int]] = {}
        with _progress_bar(progress, self.steps * len(batches)) as self.tick:
            for batch in batches:
                rows = self._rows(batch)
                where.update({row: (len(parts), position) for position, row in enumerate(rows)})
                parts.append(self._render_batch([objectives[index] for index in batch], state.rows(rows)))
        return gather(parts, [where[row] for row in range(len(where))])

    def _canvas(self, objectives: list[Objective], state: State) -> Canvas:
        return Canvas(state.variables, state.slots, prepare(objectives, self.model, self.count))

    def _rows(self, indices: Sequence[int]) -> np.ndarray:
        """Return the pictures of some objectives."""
        return np.concatenate([np.arange(self.count) + index * self.count for index in indices])

    def _render_batch(self, objectives: list[Objective], state: State) -> Rendering:
        """Render objectives of one structure; try the pictures that fail again."""
        program = self._program(objectives)
        program.refresh()
        noise = self._canvas(objectives, self.start(len(objectives), self.seed))
        floor = program.look(noise, 0)[1].numpy()  # what noise reaches
        for item in objectives:
            _check(item, self.model, program.layer_shapes)
        result = self._run(program, objectives, state, self.seed, floor)
        for attempt in range(1, self.retries + 1):
            failed = [row for row, status in enumerate(result.status) if status != "ok"]
            if not failed or self.interrupted or not self.steps:
                return result
            indices = sorted({row // self.count for row in failed})
            if self.param.shared:
                indices = list(range(len(objectives)))
            again, rows = [objectives[index] for index in indices], self._rows(indices)
            start = self.start(len(again), self.seed + attempt)
            other = self._run(program, again, start, self.seed + attempt, floor[rows])
            result = self._take_better(result, other, rows)
        if self.interrupted:
            return result
        tried = f" ({self.retries + 1} seeds tried)" if self.retries else ""
        return dataclasses.replace(result, status=tuple(s if s == "ok" else s + tried for s in result.status))

    def _take_better(self, result: Rendering, other: Rendering, rows: np.ndarray) -> Rendering:
        """Return `result` with those failed pictures that came out better in `other`, whose pictures are `rows`."""

        def score(rendering: Rendering, row: int) -> tuple[bool, float]:
            activation = float(rendering.activations[row])
            return rendering.status[row] == "ok", activation if np.isfinite(activation) else -np.inf

        where = [(0, row) for row in range(len(result))]
        for position, row in enumerate(rows):
            if result.status[row] != "ok" and score(other, position) > score(result, row):
                where[row] = (1, position)
        if self.param.shared:
            return other if other.status.count("ok") > result.status.count("ok") else result
        return gather([result, other], where)

    def _program(self, objectives: list[Objective]) -> Program:
        """Return the compiled program for objectives of one structure, the same for every call."""
        programs = self.model.cached("render", collections.OrderedDict)
        settings = (self.param, self.transforms, self.optimizer, self.shape, self.seen, self.count)
        key = (objectives[0].structure(), *settings, len(objectives) if self.param.shared else None)
        if key not in programs:
            programs[key] = Program(self.model, objectives[0], *settings)
            while len(programs) > _KEPT:
                programs.popitem(last=False)
        programs.move_to_end(key)
        return programs[key]

    def _run(
        self, program: Program, objectives: list[Objective], state: State, seed: int, floor: np.ndarray
    ) -> Rendering:
        """Run the steps of one batch once."""
        canvas = self._canvas(objectives, state)
        least = [getattr(item, "least", None) for item in objectives for _ in range(self.count)]
        lowest = np.array([-np.inf if value is None else value for value in least])
        silent = None  # which pictures have no way up, as long as there are any
        losses: list[Any] = []
        snapshots: dict[int, np.ndarray] = {}
        gave_up = False
        try:
            for done in range(self.steps):
                if self.interrupted:
                    break
                now = state.step + done
                check = done == 0 or (silent is not None and done % redirect.STEPS == 0)
                step = program.step(canvas, now, seed, self.rate, None if check else silent, feel=check)
                value, force, reward = step
                if check:
                    dead = force.numpy() == 0
                    gave_up = bool(dead.all()) and done >= redirect.LIMIT
                    quiet = dead & (done < redirect.LIMIT)
                    if program.gated:  # there the way up is hidden, not closed, until the unit is active
                        quiet |= ~dead & (reward.numpy() <= lowest)
                    silent = tf.constant(quiet) if quiet.any() else None
                    if gave_up:
                        break
                losses.append(value)
                if done + 1 in self.snapshots:
                    snapshots[done + 1] = program.look(canvas, now + 1)[0].numpy()
                self.tick()
        except KeyboardInterrupt:
            self.interrupted = True
        reached = state.step + len(losses)
        images, activations = (result.numpy() for result in program.look(canvas, reached))
        if gave_up:
            snapshots = {number: snapshots.get(number, images) for number in self.snapshots}
        history = np.full((self.steps, len(images)), np.nan, np.float32)
        if losses:
            history[: len(losses)] = -np.stack([value.numpy() for value in losses])
        finite = np.isfinite(images).all((1, 2, 3)) & np.isfinite(activations)
        finite &= np.isfinite(history[: len(losses)]).all(0)
        rows = range(len(images))
        return Rendering(
            images=np.clip(np.nan_to_num(images, nan=0.5), 0, 1),
            activations=activations,
            losses=history,
            status=tuple(self._status(bool(finite[r]), activations[r], floor[r], least[r], len(losses)) for r in rows),
            names=tuple(str(item) for item in objectives for _ in range(self.count)),
            snapshots=snapshots,
            state=State(
                self.param,
                self.shape,
                tuple(variable.numpy() for variable in canvas.variables),
                tuple(slot.numpy() for slot in canvas.slots),
                reached,
            ),
            seed=self.seed,
            seeds=(seed,) * len(images),
            seconds=0.0,
        )

    def _status(self, finite: bool, activation: float, floor: float, least: float | None, done: int) -> str:
        """Return "ok", or what is wrong with a picture."""
        if not finite:
            return f"became NaN within {done} steps"
        if self.interrupted:
            return f"stopped after {done} of {self.steps} steps"
        low = activation <= floor + 1e-3 * abs(floor) + 1e-9 or (least is not None and activation <= least)
        if self.steps and low:
            return f"did not activate: {activation:.4g} after {done} steps, {floor:.4g} for noise"
        return "ok"


def _list_objectives(objective: Any) -> list[Objective]:
    if isinstance(objective, Directions):
        return from_directions(objective)
    items = list(objective) if isinstance(objective, list | tuple) else [objective]
    if not items:
        raise ValueError("render needs at least one objective, got an empty list")
    return [as_objective(item) for item in items]


def _choose_sizes(model: Model, size: Any, init: Any) -> tuple[tuple[int, int, int], tuple[int, int]]:
    """Return (h, w, C) of the pictures and (height, width) that the network sees."""
    wanted = model.input_shape or (None, None, 3)
    wanted = (*wanted, 1) if len(wanted) == 2 else wanted
    if isinstance(wanted, dict) or len(wanted) != 3:
        raise ValueError(f"render draws pictures [h,w,C] for one input, but {model.name!r} takes {wanted}")
    if isinstance(size, int):
        size = (size, size)
    if isinstance(init, Rendering):
        size = size or init.state.shape[:2]
    elif init is not None and np.ndim(init) >= 3:
        size = size or np.shape(init)[1:3]
    height, width = size or (wanted[0] or _DEFAULT_SIZE, wanted[1] or _DEFAULT_SIZE)
    if int(height) < 1 or int(width) < 1:
        raise ValueError(f"size must be 1 pixel or more, got {(height, width)}")
    return (int(height), int(width), wanted[2] or 3), (wanted[0] or int(height), wanted[1] or int(width))


def _check(objective: Objective, model: Model, shapes: dict[str, tuple]) -> None:
    """Raise ValueError if a layer, class, channel, width or position of an objective is not there."""
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


@contextlib.contextmanager
def _progress_bar(shown: bool, total: int) -> Iterator[Callable[[], None]]:
    """Give a function to call after each step."""
    if not shown:
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("rendering", total=total)
        yield lambda: bar.advance(task)
