"""What an analysis will cost, from a few real steps of the programs that it will run."""

import dataclasses
import sys
from collections.abc import Collection

from tf_interp.analysis.analyze import Analysis
from tf_interp.analysis.drawing import Drawing
from tf_interp.directions import Directions

_MEASURED = 3  # layers that are tried; what others take is read off between them


@dataclasses.dataclass(frozen=True)
class Cost:
    """What the drawings of an analysis will cost; the rest takes little beside them.

    Args:
        drawings: (kind of the part, pictures, steps of each, with those to accentuate another one), a line for each
            part that draws.
        seconds: how long that will take, about; 0 for none.
        memory: most bytes that the process held while it tried, or None if that is not known.
    """

    drawings: tuple[tuple[str, int, int], ...]
    seconds: float
    memory: int | None

    @property
    def steps(self) -> int:
        """Picture steps, the sum over all pictures."""
        return sum(pictures * steps for _, pictures, steps in self.drawings)


def estimate_cost(analysis: Analysis, written: Collection[str] = ()) -> Cost:
    """Return what an analysis will cost. The programs are compiled for that, and kept: it is no time lost.

    Args:
        analysis: what will be run.
        written: tags of the records that there are already.

    Raises:
        ValueError: if something cannot be drawn.
    """
    jobs: list[tuple[str, str, Drawing, Directions, int]] = []
    for part in analysis.parts:
        view = analysis.view(part)
        drawing, _ = view.prepare(part.drawing)
        for layer in analysis.missing(part, written) if drawing is not None else ():
            directions = part.directions(view, layer)
            if drawing is not None and directions is not None:
                jobs.append((part.kind, layer, drawing, directions, drawing.steps + part.further_steps(view, drawing)))
    rates = _measure_rates(analysis, {layer: (drawing, directions) for _, layer, drawing, directions, _ in jobs})
    pictures: dict[tuple[str, int], int] = {}
    for kind, _, _, directions, steps in jobs:
        pictures[kind, steps] = pictures.get((kind, steps), 0) + len(directions)
    seconds = sum(steps * len(some) * rates[layer] for _, layer, _, some, steps in jobs)
    return Cost(tuple((kind, number, count) for (kind, count), number in pictures.items()), seconds, _peak_memory())


def _measure_rates(analysis: Analysis, jobs: dict[str, tuple[Drawing, Directions]]) -> dict[str, float]:
    """Return seconds for a step of a picture of each layer: measured at some, in between by their place."""
    order = [path for path in analysis.model.layers if path in jobs]
    tried = sorted({round(number * (len(order) - 1) / (_MEASURED - 1)) for number in range(_MEASURED)}) if order else []
    known = {}
    for index in tried:
        drawing, directions = jobs[order[index]]
        known[index] = drawing.try_out(analysis.model, directions)
    rates = {}
    for index, path in enumerate(order):
        low, high = max(i for i in known if i <= index), min(i for i in known if i >= index)
        share = (index - low) / max(high - low, 1)
        rates[path] = known[low] * (1 - share) + known[high] * share
    return rates


def _peak_memory() -> int | None:
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
