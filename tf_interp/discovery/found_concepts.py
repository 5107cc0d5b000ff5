"""`FoundConcepts`: candidate concepts of a class, to look at, to name and to test."""

import dataclasses
import numbers
from typing import Any

import numpy as np

from tf_interp.concepts import Concept
from tf_interp.display import cut, number_of, quote, tell, write_number
from tf_interp.groups import Groups
from tf_interp.images import check_images
from tf_interp.probe import Probe

MINIMUM = 5  # `tcav` takes no fewer images on a side


@dataclasses.dataclass(frozen=True, eq=False)
class FoundConcepts:
    """Candidate concepts of one class, the most important first. Look at their `examples`, then name them.

    Args:
        directions: float32 vectors [K,C] in the layer, origin "groups", with their weights on the discovery pictures.
        target: what they are important for, as it was asked for.
        importance: float32 [K], 0..1: with "sobol" the part of the target's variance that each takes part in (parts
            overlap where concepts interact, so they may add up to more than 1); with "gradient" |effect| as part of
            the sum of all.
        effects: float32 [K]: gradient times activation of each, mean over the discovery pictures, in units of the
            target; above 0 it speaks for the class, below 0 against it.
        method: how `importance` was measured.
        images: float32 [N,H,W,C], all pictures without duplicates.
        discovery: int [n], rows of the pictures on which the concepts were found and judged.
        rest: int [N-n], rows of the pictures kept for tests.
        boxes: int [B,4], (top, left, bottom, right) of the crops of each picture.
        presence: float32 [N,B,K], how strongly each concept is present in each crop, in units of the layer.
        seed: of all draws.
        notes: sentences on what a person should know.
    """

    directions: Groups
    target: Any
    importance: np.ndarray
    effects: np.ndarray
    method: str
    images: np.ndarray
    discovery: np.ndarray
    rest: np.ndarray
    boxes: np.ndarray
    presence: np.ndarray
    seed: int
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.directions)

    @property
    def layer(self) -> str:
        """Path of the layer."""
        return self.directions.layer

    @property
    def shares(self) -> np.ndarray:
        """Part of the layer's squared activation on the discovery pictures that each concept explains, float32 [K]."""
        return self.directions.shares

    @property
    def held_out(self) -> np.ndarray:
        """The pictures that took no part in finding and judging, float32 [M,H,W,C]: the class images for `tcav`."""
        return self.images[self.rest]

    def examples(self, index: int, count: int = 9) -> np.ndarray:
        """Return the crops that show a concept best, at most one of each discovery picture.

        Args:
            index: which concept, 0 is the most important.
            count: how many.

        Returns:
            float32 array [n,H,W,C], the strongest first.

        Raises:
            ValueError: if there is no such concept.
        """
        return self._cut(*self._strongest(index, self.discovery, count)).images

    def concept(self, index: int, name: str | None = None, count: int = 50) -> Concept:
        """Return a concept to pass to `tcav`, made of crops of pictures on which it was not found.

        A concept is chosen because it matters on the discovery pictures, so a test on these would find that again, true
        or not. Its examples here are the crops of held-out pictures in which it is strongest, one of each. In `tcav`
        take `held_out` for the class images, and `pool` for random images that are crops as well. Each crop is marked
        with the picture it comes from, which relative contrasts between found concepts need.

        Args:
            index: which concept.
            name: what you call it after looking at `examples`.
            count: the most examples to take.

        Returns:
            The concept.

        Raises:
            ValueError: if there is no such concept, or it shows in fewer than 5 held-out pictures.

        Example:
            >>> found = find_concepts(model, zebras, "conv3", target="zebra", k=4, designs=2)
            >>> stripes = found.concept(0, "stripes")
            >>> sets = {"stripes": stripes}, found.pool(photos), {"zebra": found.held_out}
            >>> test = tcav(model, *sets, found.layer)
            >>> test.rows[0]["concept"]
            'stripes'
        """
        rows, places = self._strongest(index, self.rest, count)
        if len(rows) < MINIMUM:
            raise ValueError(
                f"{self.directions.names[index]} shows in {len(rows)} of {len(self.rest)} held-out pictures, a test "
                f"needs at least {MINIMUM}: give more pictures"
            )
        label = name or self.directions.names[index]
        sources = tuple(f"held-out {row}" for row in rows)
        return dataclasses.replace(self._cut(rows, places), groups=sources, source=f"{label}, found in {self.layer}")

    def pool(self, images: Any, count: int = 100) -> Concept:
        """Return random crops of other pictures, as random images for `tcav`.

        Concepts are enlarged crops. Against whole pictures, a test would see "crop" and not what the crop shows.

        Args:
            images: float [M,H,W,C] in [0,1], of other classes, of the same size.
            count: how many crops; as few as possible come from one picture.

        Returns:
            The crops, each marked with its picture.

        Raises:
            ValueError: if their size differs from that of the class's pictures.
        """
        array = images.images if isinstance(images, Probe) else check_images(images, "random images")
        if array.shape[1:] != self.images.shape[1:]:
            raise ValueError(
                f"random images have shape {list(array.shape[1:])}, the pictures of the class "
                f"{list(self.images.shape[1:])}: bring them to one size"
            )
        rng = np.random.default_rng((self.seed, 3))
        turns = rng.permuted(np.tile(np.arange(len(self.boxes)), (len(array), 1)), axis=1)
        rows = np.tile(rng.permutation(len(array)), len(self.boxes))[:count]
        places = turns[rows, np.arange(len(rows)) // len(array)]
        crops = Concept.from_regions(array[rows], self.boxes[places])
        return dataclasses.replace(crops, groups=tuple(f"random {row}" for row in rows), source="random crops")

    def explain(self) -> list[str]:
        """Return a plain sentence for each concept, the most important first, then one for each note."""
        how = {
            "sobol": "it takes part in {} of the changes of the decision when concepts are faded in and out at random "
            "(such parts overlap where concepts work together)",
            "gradient": "it has {} of the sum of all effects' sizes, by gradient",
        }[self.method]
        what = "the target" if callable(self.target) else "the logit"
        return [
            f"{name}: {how.format(_percent(importance))}; on average it {'raises' if effect >= 0 else 'lowers'} "
            f"{what} by {abs(effect):.3g}, and it makes up {_percent(share)} of what {self.layer} says about "
            "these pictures."
            for name, importance, effect, share in zip(
                self.directions.names, self.importance, self.effects, self.shares, strict=True
            )
        ] + [f"Note: {note}." for note in self.notes]

    def _strongest(self, index: int, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows of pictures and, in each, the crop that shows a concept best; the strongest first."""
        if not isinstance(index, numbers.Integral) or not 0 <= index < len(self):
            raise ValueError(f"there are concepts 0 to {len(self) - 1}, got {index!r}")
        strength = self.presence[rows, :, int(index)]
        places = strength.argmax(1)
        best = strength.max(1)
        order = np.argsort(-best, kind="stable")
        order = order[best[order] > 0][:count]
        return rows[order], places[order]

    def _cut(self, rows: np.ndarray, places: np.ndarray) -> Concept:
        return Concept.from_regions(self.images[rows], self.boxes[places])

    def __repr__(self) -> str:
        most = f"{quote(self.directions.names[0])} {write_number(self.importance[0])} by {self.method}"
        what = f"{number_of(len(self), 'concept')} in {number_of(len(self.images), 'picture')}"
        return tell(self, quote(self.layer, 60), f"target {cut(self.target)}", what, f"most important {most}")


def _percent(part: float) -> str:
    """Return a part of the whole in words; sampling error never makes it more than all."""
    return "under 1 %" if 0 < part < 0.01 else f"{min(part, 1):.0%}".replace("%", " %")
