"""`KeptState`: what a call of a network writes although nobody trains it, put back after each call of ours.

A counter, a moving buffer, the state of a random generator, the last attention map: variables that `call` assigns also
in inference, and attributes that it sets. A stateless scope of Keras holds its own variables back, and no others; and a
function that is compiled from Python sets attributes to tensors that nobody can read.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_interp.models.keras_model.changes.global_draws import GlobalDraws
from tf_interp.models.keras_model.changes.late_weights import list_some
from tf_interp.models.keras_model.changes.structure import list_base_names
from tf_interp.models.private import list_captures

_READING = {  # operations that leave what they are given as it was
    *("ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape", "VarIsInitializedOp", "Identity"),
    *("LookupTableFindV2", "LookupTableSizeV2", "LookupTableExportV2", "DisableCopyOnRead", "NoOp"),
}
_ONLY_READ = "_read_only_resource_inputs"  # what TensorFlow notes of each loop, branch and call of a function
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
_ABSENT = object()
_SEED = "seed_generator_state"  # that layers which draw at random move on; that is told as such


class KeptState:
    """The variables that calls of one network write, as far as traces have shown them; and `draws`, what they draw."""

    def __init__(self) -> None:
        self._variables: dict[int, tuple[Any, tf.DType]] = {}  # id of a handle -> handle and what it holds
        self._names: dict[str, None] = {}
        self._others: dict[str, None] = {}
        self._weights: dict[str, None] = {}  # that Keras knows, and holds back itself
        self._recurrent: dict[str, None] = {}
        self.draws = GlobalDraws()

    @property
    def notes(self) -> list[str]:
        """What a person should know of it, in plain sentences."""
        notes = []
        if self._recurrent:
            notes.append(
                f"stateful recurrent layers ({list_some(self._recurrent)}): each run here begins with the state that "
                "the network holds then, each batch of it too, and puts it back"
            )
        if names := {**self._names, **self._weights}:
            notes.append(
                f"calling the network changes {list_some(names)}, in inference too: that is put back after each "
                "run here, so every run starts from what the network holds"
            )
        if self._others:
            notes.append(
                f"calling the network changes something that is no variable ({list_some(self._others)}), which "
                "cannot be put back: runs here change it too"
            )
        return notes + self.draws.notes

    def learn(self, graph: Any) -> "KeptState":
        """Find out what a call writes.

        Args:
            graph: of a `tf.function`, in which the network was called.
        """
        captured = {id(inside): outside for outside, inside in list_captures(graph)}
        known = {id(variable.handle): variable for variable in graph.variables}
        for operation in graph.get_operations():
            handles = [(place, item) for place, item in enumerate(operation.inputs) if item.dtype == tf.resource]
            only_read = _list_only_read(operation) if handles else set()
            for place, item in handles:
                handle = captured.get(id(item))
                if handle is None or place in only_read:
                    continue
                variable = known.get(id(handle))
                dtype = _find_type(operation) if variable is None else variable.dtype
                if dtype is None:
                    self._others[operation.type] = None
                else:
                    self._variables[id(handle)] = handle, dtype
                    self._names[operation.name if variable is None else variable.name.removesuffix(":0")] = None
        return self

    def forget(self) -> None:
        """Forget what was found: the network has been changed."""
        self.__init__()  # type: ignore[misc]

    @contextlib.contextmanager
    def stateless(self, layers: Sequence[Any]) -> Iterator[None]:
        """While open, what Keras knows of is not written; what would have been is noted.

        Args:
            layers: the network, and all layers in it.
        """
        with keras.StatelessScope() as scope:
            yield
            recurrent = [one for one in layers if isinstance(one, keras.layers.RNN) and one.stateful]
            for layer in recurrent:
                states = keras.tree.flatten(layer.states)
                if any(scope.get_current_value(state) is not None for state in states):
                    self._recurrent[layer.name] = None
            for variable in layers[0].variables:
                if variable.name != _SEED and scope.get_current_value(variable) is not None:
                    self._weights[variable.path] = None

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """While open, the network may be called; afterwards its variables hold what they held.

        In a graph it is the graph that puts them back, each time that it runs. Scopes are for one thread.
        """
        pairs = [
            (handle, tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype))
            for handle, dtype in self._variables.values()
        ]
        try:
            with self.draws.kept():
                yield
        finally:
            for handle, value in pairs:
                tf.raw_ops.AssignVariableOp(resource=handle, value=value)


@contextlib.contextmanager
def kept_attributes(layers: Iterable[Any], learn: Callable[[], None]) -> Iterator[None]:
    """While open, a network may be traced; afterwards its layers have the attributes they had.

    Where a call makes layers or variables of its own, they stay, and what it notes beside them.

    Args:
        layers: the network and all layers in it; those that are not built yet are being made by the call.
        learn: called before anything is put back.
    """
    before = [(layer, _own(layer)) for layer in layers if getattr(layer, "built", True)]
    held = [(value, [*_items(value)]) for _, own in before for value in own.values() if isinstance(value, list | dict)]
    try:
        yield
    finally:
        learn()
        for layer, own in before:
            now = _own(layer)
            names = [name for name in {**own, **now} if own.get(name, _ABSENT) is not now.get(name, _ABSENT)]
            grows = not all(_passes(now.get(name)) for name in names)
            for name in names:
                if grows and not _is_graph(now.get(name)):
                    continue
                if name in own:
                    layer.__dict__[name] = own[name]
                else:
                    layer.__dict__.pop(name)
        for container, items in held:
            new = [*_items(container)]
            same = len(new) == len(items) and all(one is other for one, other in zip(new, items, strict=True))
            if not same and all(_passes(item) for item in new if not any(item is old for old in items)):
                _refill(container, items)


def _own(layer: Any) -> dict[str, Any]:
    """Return the attributes of a layer beside those that all have."""
    base = list_base_names(isinstance(layer, keras.Model))
    return {name: value for name, value in vars(layer).items() if name not in base}


def _items(container: Any) -> Iterable[Any]:
    """Return what a list holds, or of a dict keys and values in turn."""
    if isinstance(container, dict):
        return [part for pair in dict.items(container) for part in pair]
    return list.__iter__(container)


def _refill(container: Any, items: list[Any]) -> None:
    """Put back what a list or dict held, past what Keras does when somebody changes one."""
    if isinstance(container, dict):
        dict.clear(container)
        dict.update(container, zip(items[::2], items[1::2], strict=True))
    else:
        list.__setitem__(container, slice(None), items)


def _passes(value: Any) -> bool:
    """Return whether something is a plain value or a tensor of a graph, or holds nothing else."""
    if isinstance(value, list | tuple | dict):
        return all(_passes(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, _PLAIN) or _is_graph(value)


def _is_graph(value: Any) -> bool:
    """Return whether something is a tensor of a graph, or holds one."""
    if isinstance(value, list | tuple | dict):
        return any(_is_graph(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, tf.Tensor) and tf.is_symbolic_tensor(value)


def _list_only_read(operation: Any) -> set[int]:
    """Return which inputs of an operation it only reads."""
    if operation.type in _READING:
        return {*range(len(operation.inputs))}
    try:
        return {*operation.get_attr(_ONLY_READ)}
    except ValueError:  # it has no such note
        return set()


def _find_type(operation: Any) -> tf.DType | None:
    """Return what a variable holds that an operation writes; None if it is no variable, or that does not show."""
    if operation.type == "RngReadAndSkip":
        return tf.int64
    try:
        return operation.get_attr("dtype") if "Variable" in operation.type else None
    except ValueError:
        return None
