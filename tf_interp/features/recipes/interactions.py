"""Recipes for pairs: how two units look together. All take further options of `render`."""

import dataclasses
from typing import Any

import numpy as np

from tf_interp.display import name_some, number_of, tell, write_range
from tf_interp.features.objectives.algebra import Objective, as_objective
from tf_interp.features.recipes.units import interpolate
from tf_interp.features.renderer.render import render
from tf_interp.features.renderer.rendering import Rendering, gather
from tf_interp.features.renderer.settings import list_objectives
from tf_interp.models.batches import check_model
from tf_interp.models.model import Model


@dataclasses.dataclass(frozen=True, eq=False)
class Interaction:
    """Two units together.

    Args:
        alone: three pictures, each for itself: the first unit, the sum of both, the second unit.
        between: aligned pictures from the first unit to the second.
    """

    alone: Rendering
    between: Rendering

    def __repr__(self) -> str:
        between = f"{number_of(len(self.between), 'picture')} between"
        return tell(self, name_some(self.alone.names), between, f"activation {write_range(self.alone.activations)}")

    def _repr_html_(self) -> str:
        return f"{self.alone._repr_html_()}{self.between._repr_html_()}"


def interaction(model: Model, a: Any, b: Any, *, count: int = 5, **options: Any) -> Interaction:
    """Return what two units look like alone, together, and in between.

    Args:
        model: the network, from `open_model`.
        a: an objective, or "layer:channel".
        b: another one.
        count: number of aligned pictures, both ends included.
        options: of `render`, for all pictures.

    Returns:
        An `Interaction`.

    Example:
        >>> interaction(model, "conv2:7", "conv2:8", steps=32).alone.names
        ('conv2:7', 'conv2:7 + conv2:8', 'conv2:8')

    Source: Olah et al., "Feature Visualization" (2017), "Interaction between Neurons"; Lucid's
    neuron_interaction_grids notebook.
    """
    check_model(model, "interaction")
    first, second = as_objective(a), as_objective(b)
    between = interpolate(model, first, second, count=count, **options)
    if between.stopped:  # by Ctrl-C: give what there is
        options.update(steps=0, snapshots=())
    mixtures: list[Objective] = [x * first + y * second for x, y in ((1.0, 0.0), (1.0, 1.0), (0.0, 1.0))]
    alone = render(model, mixtures, **options)
    if between.stopped:
        nothing = np.full_like(between.losses, np.nan, shape=(len(between.losses), len(alone)))
        status = (f"stopped after 0 of {len(nothing)} steps",) * len(alone)
        alone = dataclasses.replace(
            alone, status=status, losses=nothing, activations=np.full_like(alone.activations, np.nan)
        )
    names = (str(first), str(first + second), str(second))
    return Interaction(dataclasses.replace(alone, names=names), between)


def interaction_grid(model: Model, units: Any, **options: Any) -> Rendering:
    """Return what each of some units looks like alone, and together with each of the others.

    The picture in row i and column j makes the sum of units i and j large; on the diagonal each unit is alone. Since
    rows and columns are the same units, every pair is drawn once and shown twice.

    Args:
        model: the network, from `open_model`.
        units: K objectives or "layer:channel", or `Directions`; of one layer they are drawn by one compiled program.
        options: of `render`, without `count`; `init` may be another such grid.

    Returns:
        A `Rendering` of K x K pictures, row by row.

    Raises:
        TypeError: if `count` is given.
        ValueError: if there are fewer than two units, or pictures would share variables.

    Example:
        >>> interaction_grid(model, ["conv2:7", "conv2:8"], steps=32).names
        ('conv2:7', 'conv2:7 + conv2:8', 'conv2:7 + conv2:8', 'conv2:8')

    Source: as for `interaction`.
    """
    check_model(model, "interaction_grid")
    objectives = list_objectives(units)
    if len(objectives) < 2:
        raise ValueError(f"units act together: give two or more, got {len(objectives)}")
    if "count" in options:
        raise TypeError("interaction_grid draws one picture of each pair: leave `count` out")
    if getattr(options.get("param"), "shared", False):
        raise ValueError(f"interaction_grid draws each picture for itself: {options['param']} shares variables")
    places = [(i, j) for i in range(len(objectives)) for j in range(i, len(objectives))]
    # a unit alone is a sum too, of itself and nothing, so that all pictures are of one structure
    sums: list[Objective] = [1.0 * objectives[i] + float(i != j) * objectives[j] for i, j in places]
    start = options.get("init")
    if isinstance(start, Rendering) and len(start) == len(objectives) ** 2:
        options["init"] = gather([start], [(0, i * len(objectives) + j) for i, j in places])
    drawn = render(model, sums, **options)
    names = [str(objectives[i] + objectives[j]) if i != j else str(objectives[i]) for i, j in places]
    numbers = {place: number for number, place in enumerate(places)}
    rows = range(len(objectives))
    where = [(0, numbers[min(i, j), max(i, j)]) for i in rows for j in rows]
    return gather([dataclasses.replace(drawn, names=tuple(names))], where)
