"""`Rendering`: rendered pictures, how they came about, and what is needed to go on from them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tf_interp.display import (
    cut,
    fill_rows,
    name_some,
    number_of,
    tell,
    write_block,
    write_number,
    write_picture,
    write_range,
    write_size,
    write_table,
)
from tf_interp.features.param import Param
from tf_interp.images import make_sheet
from tf_interp.plots import plot_pictures
from tf_interp.records.sheets import show_inputs

SHOWN = 24  # pictures in a notebook


@dataclasses.dataclass(frozen=True, eq=False)
class State:
    """What an optimization needs to go on: the variables, the optimizer's slots and the step.

    Args:
        param: the parameterization.
        shape: (h, w, C) of a picture without alpha.
        variables: float32 arrays; the first axis is the picture, unless the parameterization is shared.
        slots: the optimizer's float32 arrays.
        step: optimization steps done so far.
    """

    param: Param
    shape: tuple[int, int, int]
    variables: tuple[np.ndarray, ...]
    slots: tuple[np.ndarray, ...]
    step: int

    def rows(self, rows: np.ndarray) -> "State":
        """Return the state of some of the pictures; of all where they share variables.

        Args:
            rows: int [M], indices of pictures.
        """
        if self.param.shared:
            return self
        variables, slots = tuple(v[rows] for v in self.variables), tuple(s[rows] for s in self.slots)
        return dataclasses.replace(self, variables=variables, slots=slots)

    def __repr__(self) -> str:
        sizes = (f"pictures {write_size(self.shape)}", number_of(sum(item.size for item in self.variables), "number"))
        return tell(self, type(self.param).__name__, f"step {self.step}", *sizes)


@dataclasses.dataclass(frozen=True, eq=False)
class Rendering:
    """Rendered pictures and how they came about.

    Args:
        images: float32 [N,h,w,C] in [0,1], or between the call's limits; with alpha one channel more; series [N,T,F].
        activations: float32 [N], the reward of each clean picture, penalties left out.
        losses: float32 [steps,N], minus the objective of the transformed pictures before each step; NaN where a step
            was not done.
        status: N times "ok", or a sentence on what is wrong with a picture.
        names: N strings, the objectives.
        snapshots: step -> float32 images at that step.
        state: to go on from with `render(..., init=this)`.
        seed: the seed of the call.
        seeds: N seeds that the pictures came from; a picture that was tried again has another one.
        seconds: wall time.
        stopped: whether Ctrl-C ended it.
        notes: sentences on what a person should know, such as what other inputs got.
    """

    images: np.ndarray
    activations: np.ndarray
    losses: np.ndarray
    status: tuple[str, ...]
    names: tuple[str, ...]
    snapshots: dict[int, np.ndarray]
    state: State
    seed: int
    seeds: tuple[int, ...]
    seconds: float
    stopped: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def restarted(self) -> "Rendering":
        """Return the same pictures to go on from after the network has changed.

        The optimizer's memory is of gradients in another network. Without it the first steps are also about three
        times as long, and half as many do as much.
        """
        slots = tuple(np.zeros_like(slot) for slot in self.state.slots)
        return dataclasses.replace(self, state=dataclasses.replace(self.state, slots=slots))

    def __repr__(self) -> str:
        good = sum(status == "ok" for status in self.status)
        return tell(
            self,
            f"{number_of(len(self), 'picture')} {write_size(self.images.shape[1:])}",
            f"{good} ok",
            f"activation {write_range(self.activations)}",
            number_of(len(self.losses), "step") + (", stopped" if self.stopped else ""),
            name_some(self.names),
        )

    def plot(self) -> Any:
        """Draw the pictures (of many the first ones), each with its name and activation.

        Returns:
            matplotlib `Figure`; nothing is shown.

        Raises:
            ImportError: if matplotlib is not installed.

        Example:
            >>> figure = ti.render(model, channel("conv", 0), steps=2).plot()
        """
        told = zip(self.names, self.activations, self.status, strict=True)
        titles = [
            f"{cut(name)}\n{write_number(activation)}{'' if status == 'ok' else ' (!)'}"
            for name, activation, status in told
        ]
        return plot_pictures(self._cells(), titles)

    def _cells(self) -> np.ndarray:
        """Return the first pictures, as they are shown to people."""
        cells = self.images[:SHOWN]
        if self.state.param.alpha:
            return cells
        return show_inputs(cells, "series" if cells.ndim == 3 else "pictures").cells

    def _repr_html_(self) -> str:
        alpha, cells = self.state.param.alpha, self._cells()
        longest = None if self.images.ndim == 3 else 160  # lines keep their size
        sheet, shape = make_sheet(*fill_rows(cells), longest, alpha)
        rows = [
            [number + 1, name, write_number(activation), status]
            for number, (name, activation, status) in enumerate(
                zip(self.names, self.activations, self.status, strict=True)
            )
        ]
        table = write_table(["picture", "name", "activation", "status"], rows, SHOWN)
        picture = write_picture(sheet, "rendered pictures, row by row", 120 * shape["columns"])
        return write_block(repr(self), picture, table, notes=self.notes)


def gather(parts: Sequence[Rendering], where: Sequence[tuple[int, int]]) -> Rendering:
    """Return one rendering of pictures that come from several.

    Args:
        parts: renderings of equal settings.
        where: for each picture of the result, (index of the part, index of the picture in it).

    Returns:
        The rendering; whatever is not per picture comes from the first part that is used.
    """
    used = sorted({part for part, _ in where})
    first = parts[used[0]]
    if len(used) == 1 and [row for _, row in where] == list(range(len(first))):
        return first

    def pick(get: Callable[[Rendering], Any]) -> np.ndarray:
        sources = {part: get(parts[part]) for part in used}
        return np.stack([sources[part][row] for part, row in where])

    def pick_all(get: Callable[[Rendering], Sequence[np.ndarray]]) -> tuple[np.ndarray, ...]:
        return tuple(pick(lambda part, i=i: get(part)[i]) for i in range(len(get(first))))  # type: ignore[misc]

    common = [step for step in first.snapshots if all(step in parts[part].snapshots for part in used)]
    return dataclasses.replace(
        first,
        images=pick(lambda part: part.images),
        activations=pick(lambda part: part.activations),
        losses=pick(lambda part: part.losses.T).T,
        status=tuple(parts[part].status[row] for part, row in where),
        names=tuple(parts[part].names[row] for part, row in where),
        snapshots={step: pick(lambda part, step=step: part.snapshots[step]) for step in common},  # type: ignore[misc]
        state=dataclasses.replace(
            first.state,
            variables=pick_all(lambda part: part.state.variables),
            slots=pick_all(lambda part: part.state.slots),
        ),
        seeds=tuple(parts[part].seeds[row] for part, row in where),
    )
