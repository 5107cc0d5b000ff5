"""`Method`: what all methods of attribution promise.

A method says how a score is divided. Two kinds exist:

* Those of the gradient yield pairs (difference, slope). The attribution is the sum of difference x slope over all
  pairs, position by position and channel by channel; a difference of None means the slope itself. So the loop can
  divide it along directions too, without knowing the method.
* Those that switch parts off, or draw one map, answer `explain` themselves.
"""

import abc
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf

from tf_interp.attribution.scene import Scene
from tf_interp.directions import to_positions


@dataclasses.dataclass(frozen=True)
class Method(abc.ABC):
    """A way to divide a score. Settings are fields; no state."""

    name: ClassVar[str]
    divides: ClassVar[bool] = True  # whether the values are shares of a total, so that sums mean something
    along: ClassVar[bool] = True  # whether it can be divided along directions
    folded: ClassVar[bool] = False  # whether it is defined on a network whose normalizations are folded
    silence: ClassVar[str] = "the gradient at {} is zero"
    reason: ClassVar[str] = "a dead or saturated unit lies between it and the score"
    emptiness: ClassVar[str] = "its gradient is not, but all it holds is zero itself, or the same as the baseline"

    def check(self) -> None:  # noqa: B027  most have nothing to check
        """Raise a ValueError on a setting that is wrong."""

    @abc.abstractmethod
    def explain(self, scene: Scene, along: "Split | None") -> "Explained":
        """Return what each part of one batch contributes.

        Args:
            scene: the batch.
            along: how activations are divided along directions, or None.
        """


class Explained(NamedTuple):
    """What a method found for one batch of n images.

    Args:
        values: [n,h,w,C] or [n,h,w,1], or [n,K] along directions.
        totals: [n], the sum over the whole input or layer.
        silent: bool [n]: where there is nothing to show; `Method.silence` says what that is. Where the values are zero
            without it, `Method.emptiness` says why.
        expected: [n], what the totals should be by the method's own promise; None where it promises nothing.
    """

    values: Any
    totals: Any
    silent: Any
    expected: Any = None


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """K directions of a layer, and how much of an activation is along each.

    Args:
        vectors: [K,C].
        project: from activations [n,h,w,C] to what each direction has of them, [n,h,w,K], by least squares.
        own: [n,h,w,K], what neuron groups know of themselves at this point; None for other directions.
    """

    vectors: Any
    project: Callable[[Any], Any]
    own: Any = None

    def divide(self, difference: Any, slope: Any, whole: bool) -> tf.Tensor:
        """Return the sum of difference x slope along each direction, [n,K]; None stands for the slope alone.

        Args:
            difference: [n,h,w,C], or None.
            slope: [n,h,w,C].
            whole: whether the difference is the whole point, of which groups know their own part.
        """
        slopes = tf.einsum("nhwc,kc->nhwk", slope, self.vectors)
        if difference is None:
            return tf.reduce_sum(slopes, axis=(1, 2))
        shares = self.own if whole and self.own is not None else self.project(difference)
        return tf.reduce_sum(shares * slopes, axis=(1, 2))

    def remove(self, point: Any, gone: Any) -> tf.Tensor:
        """Return an activation [n,h,w,C] without what is along some directions, `gone` bool [n,K]."""
        shares = self.project(point) if self.own is None else self.own
        return point - tf.einsum("nhwk,nk,kc->nhwc", shares, tf.cast(gone, tf.float32), self.vectors)

    def parts(self, point: Any) -> Iterator[tf.Tensor]:
        """Yield what of an activation [n,h,w,C] is along each direction, one after the other."""
        shares = self.project(point) if self.own is None else self.own
        for row in range(len(self.vectors)):
            yield shares[..., row : row + 1] * self.vectors[row]


class SwitchingOff(Method):
    """A method that takes parts away and looks at the score again."""

    silence = "nothing that is taken away from {} changes the score"
    reason = "a dead or saturated unit lies between, or what is put in its place is the same"


class GradientMethod(Method):
    """A method that yields pairs."""

    @abc.abstractmethod
    def pairs(self, scene: Scene) -> Iterator[tuple[Any, Any]]:
        """Yield (difference or None, slope), both like the point."""

    def explain(self, scene: Scene, along: Split | None) -> Explained:  # noqa: D102
        effect = divided = 0.0
        flat: Any = True
        for difference, slope in self.pairs(scene):
            whole, slope = difference is scene.point, to_positions(slope)
            difference = None if difference is None else to_positions(difference)
            effect += slope if difference is None else difference * slope
            flat &= is_zero(slope)
            if along is not None:
                divided += along.divide(difference, slope, whole)
        return Explained(effect if along is None else divided, total(effect), flat, self.promise(scene))

    def promise(self, scene: Scene) -> Any:
        """Return what the totals [n] should be, or None."""
        return None


def total(effect: Any) -> tf.Tensor:
    """Return the sum [n] over all but the first axis."""
    return tf.reduce_sum(effect, axis=tuple(range(1, effect.shape.rank)))


def is_zero(value: Any) -> tf.Tensor:
    """Return for each image whether all of it is zero, bool [n]."""
    value = tf.convert_to_tensor(value)
    return tf.reduce_all(value == 0, axis=tuple(range(1, value.shape.rank)))
