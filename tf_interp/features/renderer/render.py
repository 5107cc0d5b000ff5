"""`render`: draw pictures that excite what an objective asks for.

    render              checks what is asked for
      _Job.render       objectives of one structure, as many as memory holds, are a batch
        _render_batch   runs a batch, tries its failed pictures from other seeds, takes the better ones
          _run          step by step: variables -> pictures -> transforms -> network -> objective -> gradients

What counts as failed is said in `activation`.
"""

import collections
import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.features.input_form import InputForm, find_form
from tf_interp.features.objectives.algebra import Objective
from tf_interp.features.param import Param
from tf_interp.features.renderer.activation import OK, SilenceWatch, describe, say_stopped
from tf_interp.features.renderer.optimizers import SGD, Adam
from tf_interp.features.renderer.program import Canvas, HeldWeights, Program, prepare
from tf_interp.features.renderer.progress import progress_bar
from tf_interp.features.renderer.rendering import Rendering, State, gather
from tf_interp.features.renderer.settings import (
    bind_targets,
    check_objective,
    check_settings,
    check_snapshots,
    choose_param,
    choose_sizes,
    choose_transforms,
    list_objectives,
)
from tf_interp.features.transforms import Geometric, Transform
from tf_interp.images import check_images
from tf_interp.models.batches import check_model, in_parts
from tf_interp.models.model import Model
from tf_interp.probe import Probe

_KEPT = 32  # compiled programs kept per model


def render(
    model: Model,
    objective: Any,
    *,
    size: int | tuple[int, int] | None = None,
    input: str | None = None,
    fixed: Mapping[str, Any] | None = None,
    limits: Any = None,
    steps: int = 256,
    seed: int = 0,
    init: Any = None,
    count: int = 1,
    param: Param | Probe | None = None,
    transforms: Sequence[Transform | Geometric] | None = None,
    learning_rate: float = 0.05,
    optimizer: Adam | SGD | None = None,
    snapshots: Sequence[int] = (),
    retries: int = 3,
    batch_size: int = 32,
    progress: bool | Callable[[int], None] = False,
) -> Rendering:
    """Return pictures that make objectives large.

    Objectives of one structure (several channels of a layer, rows of `Directions`) run in one compiled program, and a
    later call with other units uses it again. Each picture is optimized on its own, from the same noise, as if it had
    been rendered alone; only rounding, which many steps amplify, may depend on its neighbors.

    Args:
        model: the network, from `open_model`.
        objective: an objective, "layer:channel", a list of these, or `Directions` (one picture per row).
        size: pixels of a side, or (height, width); None takes the network's input size, or 128 where that is free.
            Pictures of another size than a fixed input are enlarged or shrunk on the way to the network. Of a series
            [T,F] it is T.
        input: name of the input that is drawn, of several; None is the first that takes pictures, or else series.
        fixed: name of each other input -> what it gets, one row without the axis of images; 0 where nothing is given.
        limits: (low, high), the numbers between which the input is made, one pair or one for each channel; None is
            (0, 1), as for all pictures.
        steps: optimization steps.
        seed: seed of noise and transforms.
        init: where to start: images [N,h,w,C] in [0,1], series [N,T,F], or a `Rendering` to go on; None is faint noise.
        count: pictures per objective, for `diversity` and interpolations; they follow each other in the result.
        param: parameterization; None is `Fourier()`, or that of `init`. A `Probe` stands for what is learned from its
            pictures, see `PicturePrior`: for grey pictures, and others that are no photographs.
        transforms: random transforms in order; None is `transforms.standard` (with alpha, behind `CollapseAlpha`), of
            series `transforms.along_time`, () is none.
        learning_rate: of the optimizer.
        optimizer: None is `Adam()`.
        snapshots: steps after which to keep the pictures.
        retries: how often to try again, with another seed, a picture that became NaN or did not activate.
        batch_size: pictures in memory at once.
        progress: show a progress bar with the time left; or a function to call with the number of steps of a batch
            that were done.

    Returns:
        A `Rendering` of N = objectives x count pictures. After Ctrl-C it holds what there is, and `status` says so.

    Raises:
        TypeError: if an argument is of the wrong kind.
        ValueError: if a layer, channel, size or start does not fit the network.

    Example:
        >>> render(model, ["conv2:7", "conv2:8"]).images.shape
        (2, 32, 32, 3)

    Source: Olah et al., "Feature Visualization" (2017); Lucid, `optvis.render`.
    """
    started = time.perf_counter()
    check_model(model, "render")
    model = model.folded
    check_settings(
        steps=steps,
        seed=seed,
        retries=retries,
        count=count,
        batch_size=batch_size,
        learning_rate=learning_rate,
        param=param,
        transforms=transforms,
        optimizer=optimizer,
    )
    snapshots = check_snapshots(snapshots, steps)
    form, notes = find_form(model, input, fixed, limits)
    if init is not None and not isinstance(init, Rendering):
        init = form.take(init)
    objectives = [bind_targets(item, model) for item in list_objectives(objective)]
    param = choose_param(param, form, init)
    if optimizer is not None and not isinstance(optimizer, Adam | SGD):
        raise TypeError(f"optimizer must be Adam() or SGD(), got {optimizer!r}")
    if param.alpha and limits is not None:
        raise ValueError("limits are for pictures without opacity: leave limits out, or take a param without alpha")
    shape, seen = choose_sizes(form, size, init)
    for item in objectives:
        check_objective(item, model, model.layers)
    job = _Job(
        model=model,
        weights=HeldWeights(model),
        param=param,
        transforms=choose_transforms(transforms, param, form, shape),
        optimizer=Adam() if optimizer is None else optimizer,
        shape=shape,
        seen=seen,
        count=count,
        steps=steps,
        rate=learning_rate,
        seed=seed,
        snapshots=snapshots,
        retries=retries,
        start_is_given=init is not None and not isinstance(init, Rendering),
        form=form,
    )
    state = job.start(len(objectives), seed) if init is None else job.start_from(init, len(objectives))
    rendering = job.render(objectives, state, batch_size, progress)
    return dataclasses.replace(
        rendering,
        images=form.give(rendering.images),
        snapshots={number: form.give(images) for number, images in rendering.snapshots.items()},
        seconds=time.perf_counter() - started,
        stopped=job.interrupted,
        notes=notes,
    )


@dataclasses.dataclass
class _Job:
    """One call of `render`: what all its batches have in common."""

    model: Model
    weights: HeldWeights
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
    start_is_given: bool  # by pictures: another try must start from them too
    form: InputForm
    interrupted: bool = False
    tick: Callable[[int], None] = lambda done: None

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
        if self.param.alpha and images.shape[3] == self.shape[2]:  # all of the picture is there
            images = np.concatenate([images, np.ones_like(images[..., :1])], -1)
        expected = (total, *self.shape[:2], self.shape[2] + self.param.alpha)
        if images.shape != expected:
            raise ValueError(f"init must be 1 or {total} images {list(expected[1:])}, got {list(images.shape)}")
        return self._state(self.param.invert(images))

    def _state(self, variables: list[np.ndarray]) -> State:
        return State(self.param, self.shape, tuple(variables), tuple(self.optimizer.slots(variables)), 0)

    def render(
        self, objectives: list[Objective], state: State, batch_size: int, progress: bool | Callable[[int], None]
    ) -> Rendering:
        """Render all objectives, structure by structure, and put the pictures back in order."""
        members: dict[tuple, list[int]] = collections.defaultdict(list)
        for index, item in enumerate(objectives):
            members[item.structure()].append(index)
        if self.param.shared and len(members) > 1:
            kind = type(self.param).__name__
            raise ValueError(
                f"{kind} pictures share variables: give objectives of one structure, got {len(members)} of them"
            )
        pictures = batch_size if self.model.fixed_batch is None else self.model.fixed_batch
        size = len(objectives) if self.param.shared else max(1, pictures // self.count)
        purpose = f"rendering at {self.seen[0]} x {self.seen[1]}"
        parts: list[Rendering] = []
        where: dict[int, tuple[int, int]] = {}
        total = sum(-(-len(group) // size) for group in members.values())
        with progress_bar(progress, self.steps * total, "steps") as self.tick:
            for group in members.values():
                draw = functools.partial(self._render_some, objectives, state, group)
                drawn = [draw(0, size)] if self.param.shared else in_parts(self.model, purpose, len(group), size, draw)
                for rows, part in drawn:
                    where.update({row: (len(parts), position) for position, row in enumerate(rows)})
                    parts.append(part)
        return gather(parts, [where[row] for row in range(len(where))])

    def _render_some(
        self, objectives: list[Objective], state: State, group: list[int], start: int, stop: int, *_: int
    ) -> tuple[np.ndarray, Rendering]:
        """Return which pictures belong to some objectives of a group, and these pictures."""
        rows, some = self._rows(group[start:stop]), [objectives[index] for index in group[start:stop]]
        try:
            part = None if self.interrupted else self._render_batch(some, state.rows(rows))
        except KeyboardInterrupt:  # while something was compiled
            self.interrupted, part = True, None
        return rows, self._leave(some, state.rows(rows)) if part is None else part

    def _leave(self, objectives: list[Objective], state: State) -> Rendering:
        """Return what stands for pictures that were not begun: where they would have started."""
        images = self.param.image([tf.constant(value) for value in state.variables], self.shape).numpy()
        count = len(images)
        return Rendering(
            images=_show(images),
            activations=np.full(count, np.nan, np.float32),
            losses=np.full((self.steps, count), np.nan, np.float32),
            status=(say_stopped(0, self.steps),) * count,
            names=tuple(str(item) for item in objectives for _ in range(self.count)),
            snapshots={},
            state=state,
            seed=self.seed,
            seeds=(self.seed,) * count,
            seconds=0.0,
        )

    def _canvas(self, objectives: list[Objective], state: State) -> Canvas:
        values = prepare(objectives, self.count)
        return Canvas(state.variables, state.slots, values, self.weights)

    def _rows(self, indices: Sequence[int]) -> np.ndarray:
        """Return the pictures of some objectives."""
        return np.concatenate([np.arange(self.count) + index * self.count for index in indices])

    def _render_batch(self, objectives: list[Objective], state: State) -> Rendering:
        """Render objectives of one structure; try the pictures that fail again."""
        program = self._program(objectives)
        untouched = self._canvas(objectives, self.start(len(objectives), self.seed))
        noise = program.snapshot(untouched, 0)[1].numpy()  # what noise reaches
        for item in objectives:
            check_objective(item, self.model, program.layer_shapes)
        result = self._run(program, objectives, state, self.seed, noise)
        for attempt in range(1, self.retries + 1):
            failed = [row for row, status in enumerate(result.status) if status != OK]
            if not failed or self.interrupted or not self.steps:
                return result
            indices = sorted({row // self.count for row in failed})
            if self.param.shared:
                indices = list(range(len(objectives)))
            again, rows = [objectives[index] for index in indices], self._rows(indices)
            # the optimizer goes on counting where this state began
            fresh = dataclasses.replace(self.start(len(again), self.seed + attempt), step=state.step)
            start = state.rows(rows) if self.start_is_given else fresh
            other = self._run(program, again, start, self.seed + attempt, noise[rows])
            result = self._take_better(result, other, rows)
        if self.interrupted:
            return result
        tried = f" ({self.retries + 1} seeds tried)" if self.retries else ""
        return dataclasses.replace(result, status=tuple(s if s == OK else s + tried for s in result.status))

    def _take_better(self, result: Rendering, other: Rendering, rows: np.ndarray) -> Rendering:
        """Return `result` with those failed pictures that came out better in `other`, whose pictures are `rows`."""

        def score(rendering: Rendering, row: int) -> tuple[bool, float]:
            activation = float(rendering.activations[row])
            return rendering.status[row] == OK, activation if np.isfinite(activation) else -np.inf

        where = [(0, row) for row in range(len(result))]
        for position, row in enumerate(rows):
            if result.status[row] != OK and score(other, position) > score(result, row):
                where[row] = (1, position)
        if self.param.shared:
            return other if other.status.count(OK) > result.status.count(OK) else result
        return gather([result, other], where)

    def _program(self, objectives: list[Objective]) -> Program:
        """Return the compiled program for objectives of one structure, the same for every call."""
        settings = (self.param, self.transforms, self.optimizer, self.shape, self.seen, self.count, self.form)
        key = ("render", objectives[0].structure(), *settings, len(objectives) if self.param.shared else None)
        return self.model.cached(key, lambda: Program(self.model, objectives[0], *settings), most=_KEPT)

    def _run(
        self, program: Program, objectives: list[Objective], state: State, seed: int, noise: np.ndarray
    ) -> Rendering:
        """Run the steps of one batch once."""
        canvas = self._canvas(objectives, state)
        watch = SilenceWatch()
        losses: list[Any] = []
        snapshots: dict[int, np.ndarray] = {}
        try:
            for done in range(self.steps):
                now, plain = state.step + done, watch.is_due(done)
                silent = None if plain else watch.silent
                values, push, rewards = program.step(canvas, now, seed, self.rate, silent)
                if plain:
                    canvas.leave(watch.see(done, push, rewards, program.gated))
                    if watch.lost:
                        break
                losses.append(values)
                if done + 1 in self.snapshots:
                    snapshots[done + 1] = _show(program.snapshot(canvas, now + 1)[0].numpy())
                self.tick(1)
                watch.see_values(done + 1, values)
                if watch.lost:
                    break
        except KeyboardInterrupt:
            self.interrupted = True
        reached, canvas = state.step + len(losses), canvas.copy()
        images, activations = (result.numpy() for result in program.snapshot(canvas, reached))
        if watch.lost:
            snapshots = {number: snapshots.get(number, _show(images)) for number in self.snapshots}
        history = np.full((self.steps, len(images)), np.nan, np.float32)
        if losses:
            history[: len(losses)] = -np.stack([value.numpy() for value in losses])
        finite = np.isfinite(images).all((1, 2, 3)) & np.isfinite(activations)
        finite &= np.isfinite(history[: len(losses)]).all(0)
        counts = watch.count(len(losses), len(images))
        history[np.arange(self.steps)[:, None] >= counts] = np.nan
        levels = [None if program.signed else item.silence_level for item in objectives for _ in range(self.count)]
        judge = functools.partial(describe, interrupted=self.interrupted, steps=self.steps)
        return Rendering(
            images=_show(images),
            activations=activations,
            losses=history,
            status=tuple(
                judge(activations[row], noise[row], level, finite=bool(finite[row]), done=int(counts[row]))
                for row, level in enumerate(levels)
            ),
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


def _show(images: np.ndarray) -> np.ndarray:
    """Return pictures in [0,1], grey where they are NaN: what became NaN is said, and not shown."""
    return np.clip(np.nan_to_num(images, nan=0.5), 0, 1)
