"""`predict_from_groups`: how much of a network's outputs a plain sum over its groups accounts for."""

import dataclasses
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_interp.attribution.evidence.weight_randomization import shuffle_weights
from tf_interp.directions import to_positions
from tf_interp.display import number_of, quote, tell
from tf_interp.groups.effects.placed_groups import PlacedGroups, place_groups
from tf_interp.groups.effects.prediction_scores import MEASURES, score_predictions
from tf_interp.groups.found_groups import Groups
from tf_interp.models import Head, Model
from tf_interp.models.batches import in_batches
from tf_interp.probe import Probe

EFFECTS = ("gradient", "ablation")
_STEP = 1 / 16  # how much stronger and weaker a group is made for its gradient


@dataclasses.dataclass(frozen=True, eq=False)
class GroupPrediction:
    """How near a sum over groups comes to all outputs: K groups, M outputs, N pictures, R draws of chance.

    `predicted = offset + presence @ effects`, where the presence of a group is the sum of its weights.

    Args:
        layer: path of the layer.
        groups: names [K].
        outputs: names [M], of the classes or numbers.
        quantity: what an output is: "logit", "number", "probability".
        effects: float32 [K,M], what one unit of a group's presence adds to each output.
        offset: float32 [M], so that the means over the pictures agree.
        presence: float32 [N,K].
        truth: float32 [N,M], the network's outputs.
        predicted: float32 [N,M].
        scores: float64 [5], of each of `measures`.
        floors: what chance reaches, float64 [R,5]: "random" directions, as many and as long; "untrained", the same
            directions in a network with shuffled weights (missing where weights cannot be exchanged);
            "shuffled_pictures", presences of other pictures; "shuffled_classes", effects on other classes; "means", the
            mean of each output alone, without any group.
        runs: of the network from the middle, on all pictures, floors included.
        notes: sentences on what a person should know.
        measures: what the scores are, see `to_dataframe`.
    """

    layer: str
    groups: tuple[str, ...]
    outputs: tuple[str, ...]
    quantity: str
    effects: np.ndarray
    offset: np.ndarray
    presence: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    scores: np.ndarray
    floors: Mapping[str, np.ndarray]
    runs: int
    notes: tuple[str, ...] = ()
    measures: tuple[str, ...] = MEASURES

    def to_dataframe(self) -> Any:
        """Return a table: a row per measure, what chance reaches beside what the groups do.

        "mae" is the mean absolute error over pictures and outputs, "emd" half the summed difference of the class
        probabilities (0..1), "top1" how often the same is decided, "spearman" the rank correlation over the classes,
        mean over the pictures (of one or two outputs over the pictures), "r2" the explained part of what differs
        between the pictures; NaN where a measure has no meaning.

        Returns:
            pandas `DataFrame` with the columns "measure", "groups", "random" (mean of the draws), "random_best" (the
            best of them), and a column for each other floor (mean of the draws).

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        columns = {"measure": list(self.measures), "groups": self.scores}
        for name, drawn in self.floors.items():
            columns[name] = drawn.mean(0)
            if name == "random":
                columns["random_best"] = self._best()
        return pd.DataFrame(columns)

    def sentence(self) -> str:
        """Return in a sentence how near the groups come, beside chance."""
        count = len(self.groups)
        who = "this group predicts" if count == 1 else f"these {count} groups predict"
        random = self.floors["random"].mean(0)
        text = f"{who} the {self.quantity}s to within {self._say(self.scores)}; random directions {self._say(random)}"
        means = self.floors["means"][0, 0]
        if self.scores[0] >= means:
            return f"{text}: no better than the mean of each {self.quantity} alone ({means:.2g})"
        if self.scores[0] >= self._best()[0]:
            return f"{text}: no better than chance"
        return f"{text}, the means alone {self._say(self.floors['means'][0])}"

    def explain(self) -> str:
        """Return the sentence, and one for each note."""
        return "\n".join([self.sentence(), *(f"Note: {note}." for note in self.notes)])

    def _say(self, scores: np.ndarray) -> str:
        top = scores[self.measures.index("top1")]
        return f"{scores[0]:.2g}" + ("" if np.isnan(top) else f", top-1 {top:.0%}")

    def _best(self) -> np.ndarray:
        drawn = self.floors["random"]
        small = np.isin(self.measures, ("mae", "emd"))
        return np.where(small, drawn.min(0), drawn.max(0))

    def __repr__(self) -> str:
        what = f"{number_of(len(self.groups), 'group')} of {quote(self.layer, 60)}"
        return tell(self, what, number_of(len(self.outputs), "output"), f"{self.measures[0]} {self.scores[0]:.3g}")


def predict_from_groups(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    groups: Groups,
    *,
    output: str | None = None,
    effects: str = "gradient",
    draws: int = 5,
    seed: int = 0,
    batch_size: int = 64,
) -> GroupPrediction:
    """Score groups as predictors of all classes: how near a plain sum over them comes to the outputs, beside chance.

    The sum is linear and untrained: of each output, an offset and, over all positions and groups, what a group does to
    the output times how strongly it is present. A group does the same at all positions and on all pictures: the mean,
    weighted by where it is present. So a network that is linear behind the layer is predicted without error where the
    groups explain all that differs, and inner layers as far as they act alike on all pictures. Directions of chance,
    an untrained network and shuffled pictures and classes get the same sum, the same offset and stand beside it.

    Args:
        model: the network.
        images: as in `ablate_groups`, at least 2; 32 or more say something.
        groups: from `find_groups`.
        output: label of the output; None is that of `Model.head`.
        effects: "gradient", how an output changes when a group becomes a sixteenth stronger and weaker, for all classes
            at once: 2 runs from the middle for each group; works where no gradient passes, too. "ablation", how it
            changes when the group is switched off: 1 run.
        draws: sets of random directions, untrained networks and shuffles, at least 1; each costs as many runs.
        seed: of these.
        batch_size: images per forward pass.

    Returns:
        Effects, predictions, scores and floors.

    Raises:
        TypeError: if these are no groups.
        ValueError: if they do not fit the layer, the output has no classes or numbers, there is one picture only, or
            outputs are not finite.

    Example:
        >>> groups = ti.find_groups(model, photos[:4], "conv3", 2)
        >>> ti.predict_from_groups(model, photos[:4], groups, draws=1).to_dataframe()["measure"].tolist()
        ['mae', 'emd', 'top1', 'spearman', 'r2']

    Source:
        arXiv 2504.10833, 2025 (SURF).
    """
    if effects not in EFFECTS:
        raise ValueError(f"effects is one of {list(EFFECTS)}, got {effects!r}")
    if not isinstance(draws, numbers.Integral) or draws < 1:
        raise ValueError(f"a prediction means nothing without one or more draws of chance, got draws={draws!r}")
    placed = place_groups(model, images, groups, "predict_from_groups", batch_size)
    head = model.head(output)
    if head.count is None:
        raise ValueError(f"output {head.label!r} is {head.describe()}: there are no classes or numbers to predict")
    if len(placed.whole) < 2:
        raise ValueError("one picture cannot show whether differences are predicted: give 2 or more")
    truth = _flat(placed.run(head.path, np.ones(len(groups))))
    if not np.isfinite(truth).all():
        raise ValueError(f"some outputs of {head.label!r} are NaN or infinite: has the training diverged?")
    presence, found = explain_outputs(placed, head.path, effects)
    predicted, offset = _predict(truth, presence, found)
    rng = np.random.default_rng((seed, 7))
    notes = list(placed.notes)
    sums = {"random": [_random(placed, rng, head.path, effects) for _ in range(draws)]}
    if (untrained := _untrained(placed, seed, draws, head.path, effects, notes)) is not None:
        sums["untrained"] = untrained
    sums["shuffled_pictures"] = [(presence[rng.permutation(len(truth))], found) for _ in range(draws)]
    if truth.shape[1] > 1:
        sums["shuffled_classes"] = [(presence, found[:, rng.permutation(truth.shape[1])]) for _ in range(draws)]
    sums["means"] = [(presence, np.zeros_like(found))]
    floors = {
        name: np.stack([score_predictions(head, truth, _predict(truth, *item)[0]) for item in drawn])
        for name, drawn in sums.items()
    }
    explained = len(sums["random"]) + len(sums.get("untrained", ())) + 1
    return GroupPrediction(
        placed.path, tuple(groups.names), _name(head, truth.shape[1]), head.quantity, found.astype(np.float32),
        offset.astype(np.float32), presence.astype(np.float32), truth.astype(np.float32), predicted.astype(np.float32),
        score_predictions(head, truth, predicted), floors,
        1 + explained * len(groups) * (2 if effects == "gradient" else 1), tuple(notes),
    )  # fmt: skip


def explain_outputs(placed: PlacedGroups, output: str, effects: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the presence of groups on each picture [N,K], and their effects on an output's numbers [K,M].

    Args:
        placed: the groups in their layer.
        output: path.
        effects: "gradient" or "ablation".
    """
    presence = placed.weights.sum((1, 2), dtype=np.float64)
    rows, count = [], presence.shape[1]
    base = _flat(placed.run(output, np.ones(count))) if effects == "ablation" else None
    for row in range(count):
        there = np.arange(count) == row
        if base is None:
            more, less = (_flat(placed.run(output, 1 + step * there)) for step in (_STEP, -_STEP))
            change = (more - less) / (2 * _STEP)
        else:
            change = base - _flat(placed.run(output, 1.0 - there))
        # a group's mean effect, weighted by its presence; signs for groups whose weights have them
        size = np.abs(presence[:, row]).sum()
        rows.append((np.sign(presence[:, row]) @ change) / size if size else np.zeros(change.shape[1]))
    return presence, np.stack(rows)


def _predict(truth: np.ndarray, presence: np.ndarray, effects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums [N,M], with the offset [M] that makes their means those of the outputs, and that."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums = presence @ effects
        offset = truth.mean(0) - sums.mean(0)
        return sums + offset, offset


def _random(placed: PlacedGroups, rng: np.random.Generator, output: str, effects: str) -> tuple[np.ndarray, np.ndarray]:
    """Return presence and effects of random directions; they are as present as comes closest, with their signs."""
    vectors = rng.normal(size=placed.groups.vectors.shape)
    lengths = np.linalg.norm(placed.groups.vectors, axis=1, keepdims=True)
    vectors *= lengths / np.linalg.norm(vectors, axis=1, keepdims=True)
    offset = 0 if placed.groups.offset is None else placed.groups.offset
    weights = placed.weigh(lambda positions: (positions - offset) @ np.linalg.pinv(vectors))
    chance = dataclasses.replace(placed.groups, vectors=vectors.astype(np.float32), chosen_from=None)
    return explain_outputs(dataclasses.replace(placed, groups=chance, weights=weights), output, effects)


def _untrained(
    placed: PlacedGroups, seed: int, draws: int, output: str, effects: str, notes: list[str]
) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Return presence and effects of the groups in networks with shuffled weights; None where that cannot be."""
    try:
        own = placed.model.layer_weights()
    except ValueError as reason:
        notes.append(f"there is no untrained network to compare with: {reason}")
        return None
    found = []
    for draw in range(draws):
        weights = {
            path: shuffle_weights(values, [seed, draw, number]) for number, (path, values) in enumerate(own.items())
        }

        def read(batch: Any, weights: Any = weights) -> Any:
            return placed.model.run(batch, [placed.path], weights=weights)[placed.path]

        parts = in_batches(placed.model, "group ablation", [placed.images], placed.batch_size, read)
        whole = np.concatenate(list(parts)).astype(np.float32)
        shuffled = dataclasses.replace(placed, whole=whole, positions=to_positions(whole), network=weights)
        there = shuffled.weigh(placed.groups.weigh)
        found.append(explain_outputs(dataclasses.replace(shuffled, weights=there), output, effects))
    return found


def _name(head: Head, count: int) -> tuple[str, ...]:
    if head.kind == "binary":
        return (head.name(1),)
    return tuple(head.name(index) for index in range(count))


def _flat(outputs: np.ndarray) -> np.ndarray:
    return outputs.reshape(len(outputs), -1).astype(np.float64)
