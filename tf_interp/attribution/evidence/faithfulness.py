"""`faithfulness`: methods of attribution against each other and against chance, on the user's network and pictures."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.attribution.attribute import TargetLike, attribute, find_place, split_along
from tf_interp.attribution.attributed import Attribution
from tf_interp.attribution.evidence.curves import ablate, area, cover, trace_curves
from tf_interp.attribution.evidence.fidelity import correlate_sums, draw_subsets, largest_change
from tf_interp.attribution.grid import gather_cells, make_grid
from tf_interp.attribution.methods.baseline import check_baseline
from tf_interp.attribution.registry import METHODS, list_methods, number_names, read_method
from tf_interp.attribution.scene import open_scene
from tf_interp.attribution.scores import resolve_scores
from tf_interp.directions import Directions
from tf_interp.display import name_some, number_of, quote, tell, write_range
from tf_interp.models import Model
from tf_interp.models.batches import count_rows, in_batches, take_inputs
from tf_interp.plots import plot_curves
from tf_interp.probe import Probe

RANDOM = "random"
ABLATION = "ablation"  # stands for a baseline where directions are taken out
_MOST_LOST = 2  # times the score: of more than that, a share of the score says nothing


@dataclasses.dataclass(frozen=True, eq=False)
class Faithfulness:
    """How far attributions can be trusted: M methods, N pictures, B baselines, S steps.

    The last method is always "random": a map of noise, and for the curves the mean of R random orders.

    Args:
        methods: names [M].
        baselines: [B], what stood where something was taken away; "ablation" where directions were taken out.
        layer: path of the layer, None for the input.
        deletion: float32 [M,N,B,S+1]: the score while positions or directions go, the most attributed first.
        insertion: float32 [M,N,B,S+1]: the score while they come back.
        null: float32 [2,R,N,B]: areas of deletion and insertion for random orders.
        mu_fidelity: float32 [M,N]: Spearman's correlation of sums with losses, by the first baseline.
        stability: float32 [M,N]: largest relative change of the map under noise; lower is better.
        notes: sentences on what a person should know.
    """

    methods: tuple[str, ...]
    baselines: tuple[Any, ...]
    layer: str | None
    deletion: np.ndarray
    insertion: np.ndarray
    null: np.ndarray
    mu_fidelity: np.ndarray
    stability: np.ndarray
    notes: tuple[str, ...] = ()

    def to_dataframe(self) -> Any:
        """Return a table: a row per method and picture.

        Returns:
            pandas `DataFrame` with the columns "method", "picture", "deletion" and "insertion" (mean score along the
            curve, by the first baseline: deletion is better low, insertion high), "mu_fidelity", "stability",
            "better_than_random" (whether the area of deletion is below that of all random orders), and "deletion:NAME",
            "insertion:NAME" for each further baseline.

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        count = self.deletion.shape[1]
        table = {
            "method": np.repeat(self.methods, count),
            "picture": np.tile(np.arange(count), len(self.methods)),
            "deletion": area(self.deletion)[..., 0].ravel(),
            "insertion": area(self.insertion)[..., 0].ravel(),
            "mu_fidelity": self.mu_fidelity.ravel(),
            "stability": self.stability.ravel(),
            "better_than_random": self.better_than_random().ravel(),
        }
        for number, baseline in enumerate(self.baselines[1:], 1):
            for name in ("deletion", "insertion"):
                table[f"{name}:{_call(baseline)}"] = area(getattr(self, name))[..., number].ravel()
        return pd.DataFrame(table)

    def better_than_random(self) -> np.ndarray:
        """Return whether deletion in this order lowers the score faster than all random orders, bool [M,N].

        Of R random orders, one more that is random, too, is the best in one of R + 1 pictures: 4.8 % with 20.
        """
        return area(self.deletion)[..., 0] < self.null[0, ..., 0].min(0)

    @property
    def chance(self) -> float:
        """In what share of pictures chance alone is better than all random orders, 0..1."""
        return 1 / (self.null.shape[1] + 1)

    def plot(self) -> Any:
        """Draw the score along deletion, mean over the pictures, of each method: the faster it falls, the better.

        The curve "random" is the mean of random orders.

        Returns:
            matplotlib `Figure`; nothing is shown.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        steps = self.deletion.shape[-1]
        curves = {name: rows[:, 0].mean(0) for name, rows in zip(self.methods, self.deletion, strict=True)}
        across = np.linspace(0, 100, steps)
        return plot_curves(across, curves, ("taken away, %", f"score (baseline: {_call(self.baselines[0])})"))

    def explain(self) -> str:
        """Return a line per method, the best first by the area of deletion."""
        areas = area(self.deletion)[..., 0].mean(1)
        ranked = [self.methods[number] for number in np.argsort(areas) if self.methods[number] != RANDOM]
        return "\n".join(f"{method}: {self.sentence(method)}" for method in ranked)

    def sentence(self, method: str) -> str:
        """Return in a sentence what deleting what a method marks does to the score, beside chance.

        Args:
            method: one of `methods`.
        """
        row = self.methods.index(method)
        steps = self.deletion.shape[-1] - 1
        tenth = max(1, round(steps / 10))

        # what is left when all is deleted may be the score itself, so that is no measure
        whole = float(np.abs(self.deletion[row, :, 0, 0]).mean())
        lost, chance = (float((curve[:, 0] - curve[:, tenth]).mean()) for curve in self.deletion[[row, -1], :, 0])
        if whole and max(abs(lost), abs(chance)) <= _MOST_LOST * whole:
            said = f"takes away {lost / whole:.0%} of the score, a random {tenth / steps:.0%} {chance / whole:.0%}"
        else:  # scores about 0, of which a share says nothing
            said = f"takes {lost:.3g} from a score of {whole:.3g} in size, a random {tenth / steps:.0%} {chance:.3g}"
        known = self.mu_fidelity[row][np.isfinite(self.mu_fidelity[row])]
        fidelity = f"{known.mean():.2f}" if len(known) else "unknown, for the map or the score does not vary"
        better = int(self.better_than_random()[row].sum())
        return (
            f"deleting the {tenth / steps:.0%} it marks {said}; better than all {self.null.shape[1]} random orders in "
            f"{better} of {self.deletion.shape[1]} pictures (chance: {self.chance:.0%}); mu-fidelity {fidelity}"
        )

    def __repr__(self) -> str:
        where = "the input" if self.layer is None else f"layer {quote(self.layer, 60)}"
        count = self.deletion.shape[1]
        better = self.better_than_random()[:-1].sum(1)
        beside = f"(chance: {self.chance:.0%})"
        best = f"better than random orders in {write_range(better)} of {count} {beside}" if len(better) else None
        return tell(self, f"{name_some(self.methods)} on {number_of(count, 'picture')} at {where}", best)


def faithfulness(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    target: TargetLike,
    *,
    methods: Sequence[str | tuple[str, dict[str, Any]]] = ("gradient", "gradient_x_input", "integrated_gradients"),
    layer: str | None = None,
    along: Directions | None = None,
    baselines: Sequence[Any] = ("mean", "blur"),
    steps: int = 20,
    cells: int = 28,
    draws: int = 100,
    orders: int = 20,
    noise: float = 0.02,
    seed: int = 0,
    batch_size: int = 32,
) -> Faithfulness:
    """Measure how faithful attributions are: deletion, insertion, mu-fidelity and stability, beside random orders.

    Args:
        model: the network.
        images: as in `attribute`.
        target: as in `attribute`.
        methods: names, as in `attribute`, or (name, settings) pairs; "random" is added.
        layer: name of a layer with positions, None for the input.
        along: directions in that layer: not positions but groups, channels or concepts are taken out of the activation
            (ablation), the most attributed first, beside random ones; nothing is put in their place.
        baselines: what stands where something is taken away: numbers, "mean", "blur" or arrays. The choice changes
            which method looks best, so take two.
        steps: of the curves.
        cells: positions are moved in cells of a grid with so many along each side, at most.
        draws: random subsets of a 9 x 9 grid, for mu-fidelity.
        orders: random orders that the curves are compared with.
        noise: standard deviation of the noise for stability, as a share of [0,1], or of the range
            of what is no picture; its maps come from 3 draws.
        seed: of all that is random.
        batch_size: images at a time.

    Returns:
        The measures.

    Raises:
        ValueError: if a method, layer, class or baseline does not exist, or a number is out of range.
        TypeError: if methods are no list, or a method has no such setting.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> layers = [keras.layers.Conv2D(5, 3, name="conv"), keras.layers.Flatten(), keras.layers.Dense(2)]
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), *layers]))
        >>> images = np.random.default_rng(0).uniform(size=(2, 8, 8, 3))
        >>> faithfulness(model, images, 1, methods=["gradient_x_input"]).deletion.shape
        (2, 2, 2, 21)

    Source:
        Petsiuk et al., RISE, 2018; Bhatt et al., 2020; Alvarez-Melis and Jaakkola, On the Robustness of
        Interpretability Methods, 2018.
    """
    if min(steps, cells, draws, orders, batch_size) < 1 or not noise > 0:
        raise ValueError("steps, cells, draws, orders and batch_size must be at least 1, and noise above 0")
    asked = [(name, options) for name, options in list_methods(methods) if name != RANDOM]
    for name, options in asked:
        read_method(name, options)
    for baseline in baselines:
        check_baseline(baseline)
    if not asked or not baselines:
        raise ValueError(f"faithfulness needs at least one method of {list(METHODS)} and one baseline")
    array = take_inputs(model, images, "faithfulness")
    count = count_rows(array)
    if layer is None and along is None and isinstance(array, Mapping):
        raise ValueError(f"the network has {len(array)} inputs, {list(array)}: name a layer")
    path = find_place(model, layer, along)
    if along is not None and len(along) < 2:
        raise ValueError(f"one direction has no order to compare: give several, got {list(along.names)}")
    rank = np.ndim(array) if path is None else 1 + len(model.layers[path])
    if along is None and not 3 <= rank <= 4:
        where = "the input" if path is None else f"layer {path!r}"
        raise ValueError(
            f"faithfulness takes places of pictures and series away, {where} has {rank - 1} axes: name another"
        )

    scores = resolve_scores(model, target, count, array)  # once: of pictures with noise the same is asked

    def draw(pictures: Any) -> list[Attribution]:
        where: dict[str, Any] = {"layer": path, "along": along, "batch_size": batch_size}
        return [attribute(model, pictures, scores, method=name, **where, **options) for name, options in asked]

    found = draw(array)
    layers = {item.layer for item in found}
    if len(layers) > 1 or (path is None and layers != {None}):
        raise ValueError(f"the methods explain different layers, {sorted(map(str, layers))}: name one with layer=")
    random = np.random.default_rng(seed)
    split = None if along is None else split_along(model, along, array)[0]

    def read(item: Attribution) -> np.ndarray:
        return item.positions() if along is None else item.values

    maps = [read(item) for item in found]
    shape = maps[0].shape[1:]
    if along is None and shape[0] * shape[1] < 4:
        raise ValueError(f"{'the input' if path is None else path} has no positions to take away: {shape}")
    if along is not None:
        total, baselines, steps = shape[0], (ABLATION,), min(steps, shape[0])
        ranked = [np.argsort(-one, axis=1, kind="stable") for one in maps]
    else:
        grid, coarse = (make_grid(shape[0], shape[1], size) for size in (cells, 9))
        total = int(grid.max()) + 1
        ranked = [np.argsort(-gather_cells(one, grid), axis=1, kind="stable") for one in maps]
    maps.append(random.normal(size=maps[0].shape).astype(np.float32))
    shuffled = [np.stack([random.permutation(total) for _ in range(count)]) for _ in range(orders)]
    weights = model.folded.folded_weights([scores.output])

    def work(batch: Any, rows: np.ndarray) -> tuple:
        scene = open_scene(model.folded, path, None, batch, rows, scores, weights)
        if split is None:
            ways = [cover(scene, grid, baseline) for baseline in baselines]
            sets, losses = draw_subsets(
                scene, cover(scene, coarse, baselines[0]), int(coarse.max()) + 1, 0.2, draws, seed
            )
            sets = sets[:, coarse]
        else:
            ways = [ablate(scene, split(rows))]
            sets, losses = draw_subsets(scene, ways[0], total, 0.2, draws, seed)
        curves = np.stack(
            [
                np.stack([trace_curves(scene, order[rows], way, steps) for way in ways], 2)
                for order in (*ranked, *shuffled)
            ]
        )  # [orders,2,n,B,S+1]
        fidelity = np.stack([correlate_sums(one[rows], sets, losses) for one in maps])
        return np.moveaxis(curves, 2, 0), fidelity.T

    parts = list(in_batches(model, "faithfulness", [array, np.arange(count)], batch_size, work))
    curves, fidelity = (np.concatenate(items) for items in zip(*parts, strict=True))
    curves = np.moveaxis(curves, 0, 2)  # [orders,2,N,B,S+1]
    chance = curves[len(ranked) :]
    curves = np.concatenate([curves[: len(ranked)], chance.mean(0, keepdims=True)])
    notes = list(dict.fromkeys(note for item in found for note in item.notes))
    changes = [np.full(count, np.nan) for _ in found]
    if all(one.dtype.kind in "iub" for one in (array.values() if isinstance(array, Mapping) else [array])):
        notes.append("the input holds whole numbers, which no noise can be added to: stability was not measured")
    else:
        noisy = [draw(_disturb(array, noise, np.random.default_rng([seed, number]))) for number in range(3)]
        changes = [largest_change(one, [read(item[row]) for item in noisy]) for row, one in enumerate(maps[:-1])]
    return Faithfulness(
        (*number_names([name for name, _ in asked]), RANDOM),
        tuple(baselines),
        path,
        curves[:, 0],
        curves[:, 1],
        np.moveaxis(area(chance), 1, 0),
        fidelity.T.astype(np.float32),
        np.stack([*changes, np.full(count, np.nan)]).astype(np.float32),
        tuple(notes),
    )


def _disturb(images: Any, noise: float, random: np.random.Generator) -> Any:
    """Return pictures and series with noise, other inputs as they are; the noise is a share of their range."""
    if isinstance(images, Mapping):
        return {
            name: _disturb(value, noise, random) if value.ndim > 2 and value.dtype.kind == "f" else value
            for name, value in images.items()
        }
    low, high = (0.0, 1.0) if images.min() >= 0 and images.max() <= 1 else (images.min(), images.max())
    disturbed = images + (high - low) * random.normal(0, noise, images.shape)
    return np.clip(disturbed, low, high).astype(np.float32)


def _call(baseline: Any) -> str:
    return str(baseline) if np.ndim(baseline) == 0 else "array"
