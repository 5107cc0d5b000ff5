"""`Target`: what is asked about, a class of an output or a function of it. All doors resolve it here."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.display import cut, quote, tell
from tf_interp.models.outputs.heads import Head


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """What is asked about: a class of an output, or a function of it. Made by `Model.target`.

    Args:
        head: the output.
        name: shown to people.
        index: class index, None for a function.
        function: from logits [n,K] to scores [n], None for a class.
        note: a sentence on what was assumed, or None.
    """

    head: Head
    name: str
    index: int | None = None
    function: Callable[[Any], Any] | None = None
    note: str | None = None

    def __sub__(self, other: "Target") -> "Target":
        """Return the difference of two targets of one output, as a target: "why this and not that"."""
        if not isinstance(other, Target):
            return NotImplemented
        if other.output != self.output:
            raise ValueError(f"{self.name!r} and {other.name!r} are of two outputs, {self.output} and {other.output}")
        notes = list(dict.fromkeys(note for note in (self.note, other.note) if note))
        return Target(
            self.head,
            f"{self.name} - {other.name}",
            function=lambda outputs: self.score(outputs) - other.score(outputs),
            note="; ".join(notes) or None,
        )

    @property
    def output(self) -> str:
        """Path of the output that it is about."""
        return self.head.path

    @property
    def quantity(self) -> str:
        """What a score is: that of the head ("logit", "number", ...), or of a function "score"."""
        return self.head.quantity if self.function is None else "score"

    @property
    def weights(self) -> np.ndarray:
        """What each number of the output counts, float32 [K]; only of a class."""
        if self.index is None:
            raise TypeError(f"target {self.name!r} is a function, no class")
        return self.head.weights(self.index)

    def score(self, outputs: Any) -> tf.Tensor:
        """Return the score of each picture.

        Args:
            outputs: tensor [n,K], or [n] of a network with a single number.

        Returns:
            Tensor [n].

        Raises:
            ValueError: if a function gives something else than one number for each image.
        """
        if self.function is None:
            return weigh(outputs, self.weights[None]) + self.head.offset(self.index or 0)
        value = tf.convert_to_tensor(self.function(outputs))
        if value.shape.rank != 1 or not value.shape.is_compatible_with(outputs.shape[:1]):
            raise ValueError(
                f"a callable target must turn logits {list(outputs.shape)} into one score per image (one number for "
                f"each image), shape {list(outputs.shape[:1])}; got {list(value.shape)}"
            )
        return value

    def slope(self, outputs: tf.Tensor) -> tf.Tensor:
        """Return how a function's scores change with each number of the output; of a class these are its `weights`.

        It is asked for outside of compiled functions, so that nothing is compiled anew for another target.

        Args:
            outputs: tensor [n,...].

        Returns:
            Tensor like `outputs`.

        Raises:
            ValueError: if the score does not depend on them.
        """
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            score = self.score(outputs)
        slope = tape.gradient(score, outputs)
        if slope is None:
            raise ValueError("the callable target does not depend on the logits, or not in a way that has a gradient")
        return slope

    def decided(self, output: np.ndarray) -> np.ndarray | None:
        """Return for which pictures the network decides for this class, bool [N]; None where that has no meaning."""
        decisions = None if self.index is None else self.head.decide(output)
        if decisions is None:
            return None
        return decisions[:, self.index] if decisions.ndim == 2 else decisions == self.index

    def __repr__(self) -> str:
        kind = f"class {self.index}" if self.function is None else "function"
        return tell(self, quote(self.name, 80), kind, f"of {cut(self.head.label)}", self.quantity)


def weigh(outputs: Any, weights: Any) -> Any:
    """Return the sum of an output's numbers, each times its weight.

    Args:
        outputs: tensor [n,K], or [n].
        weights: [n,K] or [1,K].

    Returns:
        Tensor [n].
    """
    outputs = outputs[:, None] if outputs.shape.rank == 1 else outputs
    return tf.reduce_sum(outputs * tf.cast(weights, outputs.dtype), -1)


def resolve_target(heads: Mapping[str, Head], main: Head, target: Any, chosen: bool) -> Target:
    """Return what somebody asks about.

    Args:
        heads: path -> all outputs of the network.
        main: the output that is meant where none is named.
        target: class index, class name, "output label:class", a function of the logits, or a `Target`.
        chosen: whether `main` was chosen by the user, and not only the first.

    Raises:
        TypeError: if it is something else.
        ValueError: if there is no such class, or several.
    """
    if isinstance(target, Target):
        known = heads.get(target.output)
        if known is None or known.shape != target.head.shape:
            raise ValueError(
                f"target {target.name!r} was made for another network: its output {target.head.label!r} gives "
                f"{['N', *target.head.shape]}, here there are {[item.label for item in heads.values()]}"
            )
        return target
    if isinstance(target, np.ndarray) and target.ndim == 0:
        target = target.item()
    if callable(target):
        called = getattr(target, "__name__", "function")
        note = None if len(heads) == 1 or chosen else _note_first(heads, main, "a function")
        return Target(main, called, function=target, note=note)
    head, wanted = main, target
    named = False
    if isinstance(target, str) and not any(target in (item.names or ()) for item in heads.values()):
        for item in heads.values():
            for label in (*item.calls, f"output:{item.label}"):
                if target.startswith(f"{label}:"):
                    head, wanted, named = item, target.removeprefix(f"{label}:"), True
    elif isinstance(target, str) and target not in (main.names or ()):
        owners = [item for item in heads.values() if target in (item.names or ())]
        if len(owners) > 1:
            labels = [f"{item.label}:{target}" for item in owners]
            raise ValueError(f"several outputs have a class {target!r}: say which, one of {labels}")
        head, named = owners[0], True
    if isinstance(wanted, str) and wanted not in (head.names or ()) and wanted.isdecimal():
        wanted = int(wanted)  # after the names: a class may be called "2"
    index = head.index(wanted)
    name = head.name(index) if head.names is not None else str(index)
    note = None
    if len(heads) > 1 and not named and not chosen and not isinstance(wanted, str):
        note = _note_first(heads, main, repr(target), target)
    return Target(head, name if head.path == main.path else f"{head.label}:{name}", index, note=note)


def _note_first(heads: Mapping[str, Head], main: Head, asked: str, index: Any = None) -> str:
    """Return that the first of several outputs was asked, since none was named."""
    others = [item.label for item in heads.values() if item.path != main.path]
    written = "" if index is None else f"write '{others[0]}:{index}', or "
    return (
        f"the network has {len(heads)} outputs; {asked} was asked of {main.label!r}, the first. For another, "
        f"{written}open_model(..., output={others[0]!r})"
    )
