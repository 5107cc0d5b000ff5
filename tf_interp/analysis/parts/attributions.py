"""`Attributions`: what pushed a decision, and where in the picture."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.analysis.part import SHOWN, Album, Draft, Part, View
from tf_interp.attribution import attribute
from tf_interp.probe import pick_rows


class Attributions(Part):
    """Attribution of a logit to the positions of each layer, for probe pictures.

    Args:
        target: class index or name for all pictures, or what else `Model.target` takes; None takes the class that
            each picture is taken for, of a regression the first number, of a map the mean of its numbers (of shares, of
            which nothing moves the mean, that of the largest at each position).
        pictures: how many probe pictures, from the first on.
        method: as in `attribute`.

    Raises:
        ValueError: if `pictures` is not 1 to 64.

    Example:
        >>> Attributions(pictures=4).pictures
        4
    """

    kind = "attribution"
    by_layer = True

    def __init__(self, target: Any = None, *, pictures: int = 16, method: str = "gradient_x_input") -> None:
        if not 1 <= pictures <= SHOWN:
            raise ValueError(f"Attributions shows 1 to {SHOWN} pictures, got {pictures}")
        self.target, self.pictures, self.method = target, pictures, method

    def check(self, view: View) -> None:
        """Raise if the target does not exist, or the network has no classes."""
        if self.target is not None or view.head.kind != "dense":
            view.target(0 if self.target is None else self.target)

    def make(self, view: View) -> Iterator[Draft]:
        """Yield one draft per layer."""
        count = min(self.pictures, len(view.probe))
        images, logits = pick_rows(view.probe.images, slice(count)), view.logits[:count]
        asked, said = self.target, list[str]()
        if asked is None and view.head.kind == "dense":
            asked, why = _choose_of_map(logits)
            what = "their mean" if asked is _mean_of_map else asked.__name__
            said = [f"the output is {view.head.describe()}{why}: what is explained is {what}; target= names another"]
        elif asked is None and not view.head.decides:
            asked = 0
        fixed = None if asked is None else view.target(asked)
        targets = [view.target(int(index)) for index in logits.argmax(-1)] if fixed is None else [fixed] * count
        ours = targets[0].index is not None and targets[0].output == view.head.path  # whose classes have our indices
        for layer in view.layers:
            found = attribute(view.model, images, fixed or targets, layer=layer, method=self.method)
            places = view.arrange(found.positions()[..., None], layer)
            maps = places.values[..., 0]  # [N,h,w]
            scale = float(np.abs(maps).max())
            shown = maps / (scale or 1.0)
            album = Album()
            entry = view.describe_probe(album, count)
            rows = [
                {
                    "probe": index,
                    "target": targets[index].index if ours else None,
                    "logit": found.scores[index],
                    "total": found.totals[index],
                    "top": [
                        {"target": other, "logit": logits[index, other]}
                        for other in np.argsort(-logits[index], kind="stable")[: 3 if ours else 0]
                    ],
                }
                for index in range(count)
            ]
            data = {
                "target": fixed and {"index": fixed.index, "name": fixed.name},
                "quantity": targets[0].quantity,
                "method": self.method,
                "pictures": rows,
                "positive": album.add(np.maximum(shown, 0)),
                "negative": album.add(np.maximum(-shown, 0)),
                "scale": scale,
                "probe": entry,
            }
            whose = "the class that each picture is taken for" if fixed is None else fixed.name
            yield Draft(
                self.kind, layer, f"What {layer} contributes to {whose}", data, album,
                {"method": self.method, "pictures": count}, [*said, *found.notes, *places.notes],
            )  # fmt: skip


def _choose_of_map(numbers: np.ndarray) -> tuple[Callable[[tf.Tensor], tf.Tensor], str]:
    """Return what to explain of a map, and why not its mean: nothing moves the mean of shares, as a softmax gives."""
    rows = numbers.reshape(-1, numbers.shape[-1])
    if numbers.shape[-1] > 1 and _are_same(rows):
        return _largest_at_positions, ", whose numbers have the same sum at each position, so that nothing moves it"
    if _are_same(numbers.reshape(len(numbers), -1)):
        return _largest_of_map, ", whose numbers have the same sum in each picture, so that nothing moves it"
    return _mean_of_map, ""


def _are_same(rows: np.ndarray) -> bool:
    """Return whether rows of numbers that differ have one sum, up to rounding."""
    differ = len(rows) > 1 and np.ptp(rows, 0).max(initial=0.0) > 1e-3 * np.abs(rows).max(initial=0.0)
    return bool(differ and np.ptp(rows.sum(-1)) <= 1e-5 * np.abs(rows).sum(-1).max())


def _mean_of_map(output: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.reshape(output, (tf.shape(output)[0], -1)), -1)


_mean_of_map.__name__ = "the mean of the map"  # what records call it


def _largest_at_positions(output: tf.Tensor) -> tf.Tensor:
    return _mean_of_map(tf.reduce_max(output, -1))


def _largest_of_map(output: tf.Tensor) -> tf.Tensor:
    return tf.reduce_max(tf.reshape(output, (tf.shape(output)[0], -1)), -1)


_largest_at_positions.__name__ = "the mean over positions of the largest number at each"
_largest_of_map.__name__ = "the largest number of the map"
