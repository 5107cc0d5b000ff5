"""`Drawing`: how a part draws directions, from scratch at its first step and from the last pictures on afterwards."""

import dataclasses
from typing import Any

from tf_interp.directions import Directions
from tf_interp.features import Objective, Rendering, direction, direction_neuron, render
from tf_interp.models import Model

_OBJECTIVES: dict[str, Any] = {"channel": direction, "neuron": direction_neuron}


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

    Raises:
        ValueError: if a number is below 1, or `at` is unknown.
        TypeError: if `penalty` is not an objective.
    """

    steps: int = 256
    warm_steps: int | None = None
    at: str = "channel"
    penalty: Objective | None = None
    size: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.at not in _OBJECTIVES:
            raise ValueError(f"at must be one of {list(_OBJECTIVES)}, got {self.at!r}")
        if self.steps < 1 or (self.warm_steps is not None and self.warm_steps < 1):
            raise ValueError(f"steps and warm_steps must be at least 1, got {self.steps} and {self.warm_steps}")
        if self.penalty is not None and not isinstance(self.penalty, Objective):
            raise TypeError(f"penalty must be an objective such as 0.01 * l1(), got {self.penalty!r}")

    def count_steps(self, warm: bool) -> int:
        """Return the optimization steps of the first picture, or of a later one."""
        return (self.warm_steps or max(1, self.steps // 8)) if warm else self.steps

    def draw(self, model: Model, directions: Directions, last: Rendering | None) -> Rendering:
        """Return one picture per direction.

        Args:
            model: the network.
            directions: what to draw.
            last: the pictures of the step before, None at the first.

        Returns:
            Rendering of len(directions) pictures.

        Raises:
            KeyboardInterrupt: after Ctrl-C, which ends the work around it: half a picture is no start for the next.
        """
        objectives: list[Any] = [_OBJECTIVES[self.at](row.layer, row.vectors[0]) for row in directions]
        if self.penalty is not None:
            objectives = [objective - self.penalty for objective in objectives]
        rendering = render(
            model,
            objectives,
            steps=self.count_steps(last is not None),
            size=self.size,
            seed=self.seed,
            init=None if last is None else last.restarted(),
        )
        if rendering.stopped:
            raise KeyboardInterrupt
        return rendering
