"""`place_groups`: groups where they fire in a layer, so that each can be taken away, faded or kept alone."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.attribution.scores import STALE
from tf_interp.capture import read_activations
from tf_interp.directions import to_positions
from tf_interp.groups.find import take_padding
from tf_interp.groups.found_groups import Groups
from tf_interp.models import Model, Target
from tf_interp.models.batches import check_model, in_batches, take_inputs
from tf_interp.models.model import Weights
from tf_interp.probe import Probe, pick_rows

BASELINES = ("zero", "median")  # what is left of a group that is switched off


@dataclasses.dataclass(frozen=True, eq=False)
class PlacedGroups:
    """Groups in the layer of a network, on N pictures.

    Args:
        model: the network.
        groups: K of them.
        images: what the network takes, N of them.
        path: of the layer.
        whole: float32 [N,...], the layer's activations.
        positions: the same as [N,h,w,C].
        weights: float32 [N,h,w,K], where each group fires, less what is left of it when it is switched off.
        batch_size: pictures per forward pass.
        notes: sentences on what a person should know.
        network: weights in place of the network's own, as `Model.run` takes them; None is its own.
        padded: bool [N,h,w], True at positions that do not count, where no group fires; None is none.
    """

    model: Model
    groups: Groups
    images: Any
    path: str
    whole: np.ndarray
    positions: np.ndarray
    weights: np.ndarray
    batch_size: int
    notes: tuple[str, ...]
    network: Weights | None = None
    padded: np.ndarray | None = None

    def weigh(self, find: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return weights float32 [N,h,w,K] that are found for the activations, with none at padding.

        Args:
            find: from activations [N,h,w,C] to weights [N,h,w,K].
        """
        found = find(self.positions).astype(np.float32)
        return found if self.padded is None else np.where(self.padded[..., None], np.float32(0), found)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return means over the positions of each picture that count, float64 [N,m]; of padding alone those over all.

        Args:
            values: [N,h,w,m].
        """
        if self.padded is None:
            return values.mean((1, 2), dtype=np.float64)
        counted = ~self.padded | self.padded.all((1, 2), keepdims=True)
        return np.einsum("nhwm,nhw->nm", values, counted, dtype=np.float64) / counted.sum((1, 2))[:, None]

    def run(self, output: str, kept: np.ndarray) -> np.ndarray:
        """Return an output with some of each group's part left, and all that no group explains.

        Args:
            output: path.
            kept: float [K] or [N,K], how much is left of each group; 1 is as it is, 0 is switched off.

        Returns:
            float32 array [N,...].
        """
        return self.run_each(output, np.asarray(kept)[None])[0]

    def run_each(self, output: str, kept: np.ndarray) -> np.ndarray:
        """Return an output for each of S choices of what is left of each group.

        Args:
            output: path.
            kept: float [S,K] or [S,N,K], as in `run`.

        Returns:
            float32 array [S,N,...].
        """
        gone = 1 - np.asarray(kept, np.float32)
        gone = gone.reshape(len(gone), -1, 1, 1, len(self.groups))
        return self.run_without(output, ((self.weights * one) @ self.groups.vectors for one in gone))

    def run_without(self, output: str, taken: Iterable[np.ndarray]) -> np.ndarray:
        """Return an output for each of S parts that are taken away from the layer.

        Args:
            output: path.
            taken: S arrays float32 [N,h,w,C]; as many share a forward pass as fit into a batch.

        Returns:
            float32 array [S,N,...].
        """
        rest, count = iter(taken), len(self.whole)

        def go_on(batch: Any, given: Any) -> tf.Tensor:
            return self.model.run(batch, [output], {self.path: given}, self.network)[output]

        outputs = []
        while some := list(itertools.islice(rest, max(1, self.batch_size // count))):
            there = (self.positions - np.stack(some)).reshape(-1, *self.whole.shape[1:])
            images = pick_rows(self.images, np.tile(np.arange(count), len(some)))
            run = in_batches(self.model, "group ablation", [images, there], self.batch_size, go_on)
            found = np.concatenate(list(run))
            outputs.append(found.reshape(len(some), count, *found.shape[1:]))
        return np.concatenate(outputs)


def place_groups(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    groups: Groups,
    caller: str,
    batch_size: int,
    baseline: str = "zero",
) -> PlacedGroups:
    """Return groups in the layer of a network, or say that they do not belong there.

    Args:
        model: the network.
        images: as in `find_groups`; on others than the groups were found on, the weights that come closest are taken.
        groups: from `find_groups`.
        caller: name of the public function.
        batch_size: images per forward pass.
        baseline: what is left of a group that is switched off, one of `BASELINES`: nothing, or at each position its
            median over the pictures that the groups were found on.

    Raises:
        TypeError: if these are no groups.
        ValueError: if they do not fit the layer, or there is no such baseline.
    """
    check_baseline(baseline)
    check_model(model, caller)
    if not isinstance(groups, Groups):
        raise TypeError(f"{caller} takes the result of find_groups, got {type(groups).__name__}")
    array = take_inputs(model, images, caller)
    path = model.resolve(groups.layer, channels=True)
    channels = model.layers[path][-1]
    if channels not in (None, groups.vectors.shape[1]):
        raise ValueError(f"the groups have {groups.vectors.shape[1]} channels, layer {path!r} has {channels}")
    whole = read_activations(model, array, [path], batch_size=batch_size)[path].astype(np.float32)
    positions = to_positions(whole)
    padded, told = take_padding(model, array, path, positions)
    weights, notes = groups.weights_for(array, positions), list(told)
    placed = PlacedGroups(model, groups, array, path, whole, positions, positions, batch_size, (), None, padded)
    if weights is None:
        weights = placed.weigh(groups.weigh)
        notes.append(f"{say_elsewhere(groups, array)}: their weights here are those that come closest")
    if baseline == "median":
        if groups.weights.shape[1:3] != weights.shape[1:3]:
            there, here = groups.weights.shape[1:3], weights.shape[1:3]
            raise ValueError(f"baseline 'median' is of {there} positions, these images have {here}: take 'zero'")
        less = weights - np.median(groups.weights, axis=0).astype(np.float32)
        weights = placed.weigh(lambda _: less)
        notes.append(
            f"switched off, a group is at each position what it is in the median of the {len(groups.weights)} pictures "
            "that the groups were found on"
        )
    return dataclasses.replace(placed, weights=weights, notes=tuple(notes))


def say_elsewhere(groups: Groups, images: Any) -> str:
    """Return the beginning of a sentence: what groups were found on, where their weights are not known.

    Args:
        groups: the groups.
        images: what the network was given.
    """
    if groups.weights_for(images) is None:
        return "the groups were found on other images"
    return STALE


def check_baseline(baseline: Any) -> None:
    """Raise a ValueError unless it is known what is left of a group that is switched off.

    Args:
        baseline: what the caller was given.

    Raises:
        ValueError: if it is none of `BASELINES`.
    """
    if baseline not in BASELINES:
        raise ValueError(f"baseline must be one of {list(BASELINES)}, got {baseline!r}")


def check_targets(targets: Any) -> None:
    """Raise a TypeError unless several targets are given as a list, or none.

    Args:
        targets: what the caller was given.

    Raises:
        TypeError: if it is a single one, or an empty list.
    """
    if targets is not None and (isinstance(targets, str) or not isinstance(targets, Sequence) or not targets):
        raise TypeError(f"targets must be a list of one or more, got {targets!r}: write [{targets!r}]")


def choose_targets(placed: PlacedGroups, targets: Sequence[Any] | None) -> list[Target]:
    """Return targets of one output; without any the classes that the network sees in the pictures most often.

    Args:
        placed: the groups and pictures.
        targets: class indices, names or functions; None to choose.

    Raises:
        ValueError: if there is no such class, they are of several outputs, or there is nothing to choose from.
    """
    model = placed.model
    if targets is None:
        head = model.head()
        if head.count is None:
            raise ValueError(
                "this network has no classes to choose from: give targets, such as a function of the output"
            )
        read = read_activations(model, placed.images, [head.path], batch_size=placed.batch_size)[head.path]
        targets = head.commonest(head.decide(read) if head.decides else None)
    found = [model.target(target) for target in targets]
    outputs = {target.output for target in found}
    if len(outputs) > 1:
        raise ValueError(f"the targets of one call must be of one output, got some of {sorted(outputs)}")
    return found


def score_all(targets: Sequence[Target], outputs: np.ndarray) -> np.ndarray:
    """Return the score of each target, float64 [M,N], from outputs [N,...]."""
    return np.stack([np.asarray(target.score(tf.constant(outputs)), np.float64) for target in targets])


def score_each(targets: Sequence[Target], outputs: np.ndarray) -> np.ndarray:
    """Return the score of each target for each of S runs, float64 [S,M,N], from outputs [S,N,...]."""
    flat = score_all(targets, outputs.reshape(-1, *outputs.shape[2:]))
    return flat.reshape(len(targets), *outputs.shape[:2]).swapaxes(0, 1)
