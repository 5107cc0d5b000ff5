"""`Drawing`: how a part draws directions, from scratch at its first step and from the last pictures on afterwards."""

import dataclasses
import time
from typing import Any

import numpy as np

from tf_interp.analysis.workspace import Workspace
from tf_interp.directions import Directions
from tf_interp.features import Objective, Rendering, direction, direction_neuron, render
from tf_interp.models import Model

PARAMS = ("auto", "probe", "photographs")
_OBJECTIVES: dict[str, Any] = {"channel": direction, "neuron": direction_neuron}
_PIECE = 4  # pictures that are kept together: as fast per picture as more on a CPU, and little is lost with a piece
_AXES = {"images": 0, "activations": 0, "losses": 1, "status": 0}  # of `Drawn`: which axis is the pictures


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """Pictures of directions; `Rendering` says what the fields are."""

    images: np.ndarray
    activations: np.ndarray
    losses: np.ndarray
    status: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Drawing:
    """Settings of feature visualization inside an analysis.

    Args:
        steps: optimization steps for the first picture.
        warm_steps: steps for each later one; None takes an eighth of `steps`.
        at: "channel" excites a direction everywhere (a texture); "neuron" at the central position only.
        penalty: objective to subtract, such as `0.01 * l1()` for networks trained on a black ground.
        size: side of the pictures in pixels; None takes the network's own.
        seed: of the initial pictures and the transforms.
        param: "probe" draws with the frequencies, colors, values and background of the probe's pictures, "photographs"
            with those of photographs; "auto" takes the first for grey pictures and the second for all others.
        options: further ones of `render`, such as what other inputs get; see `View.prepare`.
        effort: share of its steps that a picture gets, above 0 and at most 1; see `View.prepare`.
        complete: whether a picture is to have all steps by then that it has not had; see `View.prepare`.

    Raises:
        ValueError: if a number is below 1, or `at` or `param` is unknown.
        TypeError: if `penalty` is not an objective.
    """

    steps: int = 256
    warm_steps: int | None = None
    at: str = "channel"
    penalty: Objective | None = None
    size: int | None = None
    seed: int = 0
    param: str = "auto"
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    effort: float = 1.0
    complete: bool = False

    def __post_init__(self) -> None:
        if self.at not in _OBJECTIVES:
            raise ValueError(f"at must be one of {list(_OBJECTIVES)}, got {self.at!r}")
        if self.param not in PARAMS:
            raise ValueError(f"param must be one of {list(PARAMS)}, got {self.param!r}")
        if self.steps < 1 or (self.warm_steps is not None and self.warm_steps < 1):
            raise ValueError(f"steps and warm_steps must be at least 1, got {self.steps} and {self.warm_steps}")
        if self.penalty is not None and not isinstance(self.penalty, Objective):
            raise TypeError(f"penalty must be an objective such as 0.01 * l1(), got {self.penalty!r}")

    def count_steps(self, done: int) -> int:
        """Return the optimization steps of the next picture.

        Args:
            done: steps that the picture has had which it goes on from; 0 for none.
        """
        usual = (self.warm_steps or max(1, self.steps // 8)) if done else self.steps
        return max(1, round(self.effort * usual), self.steps - done if self.complete else 0)

    def try_out(self, model: Model, directions: Directions, steps: int = 8) -> float:
        """Draw for a few steps, and return how many seconds a step of one picture takes.

        The program is compiled for it, and kept.

        Args:
            model: the network.
            directions: what will be drawn.
            steps: how many steps, the first of which are not counted.
        """
        some, times = directions[:_PIECE], [time.perf_counter()]
        self._render(model, some, steps=steps, retries=0, progress=lambda done: times.append(time.perf_counter()))
        counted = times[3:] if len(times) > 4 else times
        return (counted[-1] - counted[0]) / (max(len(counted) - 1, 1) * len(some))

    def draw(
        self,
        model: Model,
        directions: Directions,
        last: Rendering | None = None,
        workspace: Workspace | None = None,
        key: str = "",
    ) -> Rendering | Drawn:
        """Return one picture per direction.

        Args:
            model: the network.
            directions: what to draw.
            last: the pictures of the step before, None at the first.
            workspace: where finished pieces are kept, of a network that is looked at once; None keeps none.
            key: what the pieces are called there, such as "features/conv".

        Returns:
            len(directions) pictures.

        Raises:
            KeyboardInterrupt: after Ctrl-C, which ends the work around it: half a picture is no start for the next.
        """
        if workspace is not None:
            return self._draw_in_pieces(model, directions, workspace, key)
        init = None if last is None else last.restarted()
        return self._render(model, directions, steps=self.count_steps(steps_of(last)), init=init)

    def _draw_in_pieces(self, model: Model, directions: Directions, workspace: Workspace, key: str) -> Drawn:
        """Draw what was not finished before.

        The pieces are the same wherever it was interrupted, since rounding may depend on the neighbors of a picture.
        """
        pieces = []
        for start in range(0, len(directions), _PIECE):
            some, done = directions[start : start + _PIECE], 0

            def advance(steps: int, count: int = len(some)) -> None:
                nonlocal done
                steps = min(steps, self.steps - done)  # a picture that is tried again takes more than it promised
                done += steps
                workspace.advance(steps * count)

            piece = workspace.recall(f"{key}/{start}")
            if piece is None or not np.array_equal(piece["vectors"], some.vectors):
                drawn = self._render(model, some, steps=self.steps, progress=advance)
                piece = {name: np.asarray(getattr(drawn, name)) for name in _AXES} | {"vectors": some.vectors}
                workspace.keep(f"{key}/{start}", piece)
            workspace.advance(len(some) * (self.steps - done))
            pieces.append(piece)
        found: dict[str, Any] = {
            name: np.concatenate([piece[name] for piece in pieces], axis) for name, axis in _AXES.items()
        }
        return Drawn(**found | {"status": tuple(found["status"].tolist())})

    def _render(self, model: Model, directions: Directions, **options: Any) -> Rendering:
        objectives: list[Any] = [_OBJECTIVES[self.at](row.layer, row.vectors[0]) for row in directions]
        if self.penalty is not None:
            objectives = [objective - self.penalty for objective in objectives]
        rendering = render(model, objectives, size=self.size, seed=self.seed, **self.options, **options)
        if rendering.stopped:
            raise KeyboardInterrupt
        return rendering


def steps_of(last: Rendering | Drawn | None) -> int:
    """Return how many optimization steps pictures have had from their beginning on, 0 where there are none."""
    return last.state.step if isinstance(last, Rendering) else 0
