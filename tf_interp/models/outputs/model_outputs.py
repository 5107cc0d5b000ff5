"""The part of `Model` that is about its outputs: what they are, and what is asked of them."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

from tf_interp.display import cut, name_some, quote, tell, write_size
from tf_interp.models.outputs.heads import KINDS, Head, did_you_mean
from tf_interp.models.outputs.losses import Loss
from tf_interp.models.outputs.output_end import End
from tf_interp.models.outputs.recognition import list_heads
from tf_interp.models.outputs.targets import Target, resolve_target

_TAKEN = (
    "{}: numbers of any size, taken for logits of classes, though no softmax, no loss and no name says so. If they are "
    "numbers, as of a regression, say {}; if several classes may be true at once, 'multilabel'"
)
_NAMED = (
    "{!r} gives {} numbers of any size, which were taken for logits of classes, as no loss is known; by its name they "
    "are numbers, as of a regression: then say {}, and 'multiclass' if not"
)
_OF_CLASSES = re.compile("(?<![a-z])(class|classe|classification|classifier|categor|label|logit)(s|y|ies)?(?![a-z])")
_OF_NUMBERS = re.compile(
    "(?<![a-z])(age|angle|b?box|b?boxe|coord|coordinate|delta|forecast|keypoint|landmark|location|offset|pose|position|"
    "quantile|quaternion|regression|regressor|rotation|steering|translation|trajectory|velocity|xyz)s?(?![a-z])"
)


class ModelOutputs:
    """What a network's outputs are, and what is asked of them; see `Model`, which is made of it."""

    name: str
    input_shape: Any
    class_names: tuple[str, ...] | None

    def _tell_outputs(self) -> list[str]:
        """Return a warning for each output that has a wrong number of class names, or a name that speaks of numbers."""
        warnings = []
        for head in self.heads.values():
            count = head.shape[-1] if head.kind == "dense" else head.count
            if head.names is not None and count not in (None, len(head.names)):
                warnings.append(f"{len(head.names)} class names for {count} logits")
        found = [(head, name) for head, name in self._list_taken() if name is not None]
        return warnings + [_NAMED.format(name, head.count, self._say_numbers(head.label)) for head, name in found]

    def _tell_taken(self) -> list[str]:
        """Return a note on the outputs of which nothing says that they are logits of classes.

        A note, no warning: most networks that end in numbers of any size are classifiers, whose softmax is in the loss,
        and a warning on each of them would teach people to read none. It is one where the network's own names say more.
        """
        labels = [head.label for head, name in self._list_taken() if name is None]
        return [_TAKEN.format(name_some(labels), self._say_numbers(labels[0]))] if labels else []

    def _say_numbers(self, label: str) -> str:
        """Return the argument that says that an output holds numbers."""
        return "head='regression'" if len(self.heads) == 1 else "head={" + f"{label!r}: 'regression'" + "}"

    def _list_taken(self) -> list[tuple[Head, str | None]]:
        """Return outputs taken for logits because nothing else was known, each with a name that speaks against it."""
        found = []
        for path, head in self.heads.items():
            unsaid = head.source == "network" and head.names is None and head.caution is None
            if head.kind == "multiclass" and head.quantity == "logit" and unsaid and self._ends()[path].kind is None:
                calls = [*head.calls, *self._name_last_layer()]
                if not any(_OF_CLASSES.search(name.lower()) for name in calls):
                    found.append((head, next((name for name in calls if _OF_NUMBERS.search(name.lower())), None)))
        return found

    def _name_last_layer(self) -> list[str]:
        """Return the name of the last layer, where there is one output: an exported network calls that "output"."""
        model: Any = self
        layers = [name for name in model.layers if name not in model.outputs]
        return [layers[-1].rsplit("/", 1)[-1]] if layers and len(model.outputs) == 1 else []

    def _set_names(self, class_names: Sequence[str] | Mapping[str, Sequence[str]] | None) -> None:
        if isinstance(class_names, str):
            raise TypeError(f"class_names must be a list of names, got the string {class_names!r}")
        if class_names is not None and not hasattr(class_names, "__len__"):
            raise TypeError(f"class_names must be a list of names, or a dict of them, got {class_names!r}")
        several = class_names if isinstance(class_names, Mapping) else {}
        if wrong := [label for label, names in several.items() if isinstance(names, str)]:
            raise TypeError(
                f"class_names as a dict is for several outputs, label -> list of names; got a string for {wrong}: "
                "of one output give the list alone"
            )
        self.class_names = None if several or class_names is None else tuple(str(item) for item in class_names)
        self._names = {str(label): tuple(str(item) for item in names) for label, names in several.items()}
        self._kinds: str | Mapping[str, str] = {}  # what the user says that outputs are
        self._main: str | None = None  # the output that the user means
        self._saved_loss: Any = None  # what a file says that it was trained with

    def __repr__(self) -> str:
        model: Any = self
        head, sizes = self.head(), self.input_shape
        taken = name_some(sizes) if isinstance(sizes, Mapping) else "unknown" if sizes is None else write_size(sizes)
        layers = f"{len(model.layers) - len(model.outputs):,} layers"
        return tell(self, quote(self.name, 60), layers, f"input {taken}", f"{cut(head.label)}: {head.describe()}")

    @property
    def logits_undone(self) -> bool:
        """Whether the network ends in a softmax or sigmoid, behind which "output" looks."""
        return self._ends()["output"].kind is not None

    @property
    def heads(self) -> dict[str, Head]:
        """Path of each output ("output", "output:1", ...) -> what it is: classes, numbers, a map."""
        return list_heads(self)

    def head(self, output: str | None = None) -> Head:
        """Return what one output is.

        Args:
            output: label or path of an output; None is the one chosen in `open_model`, else the first.

        Raises:
            ValueError: if there is no such output.
        """
        heads, wanted = self.heads, self._main if output is None else output
        if wanted is None:
            return heads["output"]
        for head in heads.values():
            if wanted in head.calls:
                return head
        labels = [head.label for head in heads.values()]
        raise ValueError(f"{self.name!r} has no output {wanted!r}; {did_you_mean(wanted, labels, 'it has')}")

    def target(self, target: Any, output: str | None = None) -> Target:
        """Return what somebody asks about, for `attribute`, `tcav`, objectives and parts alike.

        Args:
            target: class index or class name; "breed:dog" for a class of another output; a callable from the logits
                [N,K] to one number each [N]; or a `Target`, which is returned as it is. Of a network with one logit
                class 1 is the logit and class 0 minus the logit.
            output: label of the output that a class or callable belongs to; None is that of `head()`.

        Returns:
            The target.

        Raises:
            TypeError: if it is something else.
            ValueError: if there is no such class or output, or several classes have that name.
        """
        return resolve_target(self.heads, self.head(output), target, output is not None or self.output_is_chosen)

    def expect(self, head: str | Mapping[str, str] | None, output: str | None) -> Self:
        """Say what outputs are, where the guess is wrong, and which one is meant where none is named.

        Args:
            head: one of "multiclass", "binary", "multilabel", "regression", "dense", "other"; for several outputs a
                dict, label -> one of these; None leaves the guess.
            output: label of the output that is meant; None is the first.

        Returns:
            This model.
        """
        if head is not None and not isinstance(head, str | Mapping):
            raise TypeError(f"head must be one of {list(KINDS)}, or a dict label -> one of them, got {head!r}")
        for kind in [] if head is None else [head] if isinstance(head, str) else list(head.values()):
            if kind not in KINDS:
                raise ValueError(f"head must be one of {list(KINDS)}, got {kind!r}")
        if output is not None and not isinstance(output, str):
            raise TypeError(f"an output is named by its label, a string, got {output!r}")
        self._kinds, self._main = head or {}, output
        if (head or output is not None or self._names) and self.input_shape is not None:
            self.head()  # what is misspelt is told now
        return self

    def trained_with(self, loss: Any) -> Self:
        """Say what loss it was trained with, where the network itself does not know.

        Args:
            loss: as `read_losses` takes it, or None.

        Returns:
            This model.
        """
        self._saved_loss = loss
        return self

    @property
    def output_is_chosen(self) -> bool:
        """Whether the user said which of several outputs is meant."""
        return self._main is not None

    def _main_path(self) -> str:
        """Return the path of the output that is meant where none is named; the first, if there is none of that name."""
        return next((path for path, calls in self._output_calls().items() if self._main in calls), "output")

    def _keeps_end(self, path: str) -> bool:
        """Return whether the user says that an output holds numbers, so that no softmax or sigmoid is to be undone."""
        if isinstance(self._kinds, str):
            return self._kinds == "regression" and path == self._main_path()
        calls = self._output_calls()[path]
        return next((kind for call, kind in self._kinds.items() if call in calls), None) == "regression"

    def resolve_target(self, target: Any) -> Any:
        """Return the column of the logits that speaks for a class; a callable is returned as it is.

        This is about numbers of the output. What a class is, with its sign, says `target`.

        Args:
            target: column, a name of `class_names`, or a callable from the logits [N,K] to one number each [N].

        Returns:
            The index into the last axis of the logits, or the callable.

        Raises:
            TypeError: if it is something else.
            ValueError: if the name is unknown or that of several classes, or the index outside the logits.
        """
        head, named = self.head(), isinstance(target, str)
        if head.kind != "binary" or callable(target):
            found = self.target(target)
            return target if found.function is not None else found.index
        index = head.index(target) - 1 if named else dataclasses.replace(head, kind="multiclass").index(target)
        if index < 0:
            first, second = head.names or ("class 0", "class 1")
            raise ValueError(
                f"{self.name!r} has one logit, and it speaks for {second!r}: for {first!r} give lambda y: -y[:, 0], or "
                f"in an objective -class_logit({second!r})"
            )
        return index

    def _ends(self) -> Mapping[str, End]:
        """Return path of each output -> how the network ends there."""
        raise NotImplementedError

    def _output_labels(self) -> dict[str, str]:
        """Return path of each output -> what the network itself calls it, else the path."""
        raise NotImplementedError

    def _output_calls(self) -> dict[str, tuple[str, ...]]:
        """Return path of each output -> all names that it answers to, the label first."""
        return {path: (label, path) for path, label in self._output_labels().items()}

    def _losses(self) -> Mapping[str, Loss]:
        """Return path of an output -> the loss it was trained with, as far as that is known."""
        return {}
