"""`Wiring`: the graph of a plain functional or sequential Keras model, to list its calls and to make them.

Tracing a known network takes longer than drawing a first picture with it, and a functional model has the answer: its
nodes. Only models are read that consist of Keras's own layers and operations, none inside another.
"""

import functools
import inspect
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import keras

from tf_interp.models.keras_model.calls import Call, rank_calls
from tf_interp.models.keras_model.taps import Around, is_overridden
from tf_interp.models.private import list_sublayers, read_function, read_nodes, read_output_structure

L = keras.layers
# what returns the very tensor that it gets, when it is not training
PASSING = (
    *(L.Dropout, L.SpatialDropout1D, L.SpatialDropout2D, L.SpatialDropout3D, L.AlphaDropout),
    *(L.GaussianDropout, L.GaussianNoise, L.ActivityRegularization, L.Identity),
)


class Wiring:
    """The graph of a plain Keras model.

    Args:
        model: a functional or sequential model of Keras's own layers and operations, see `read_wiring`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._function = read_function(model)
        self._nodes = read_nodes(self._function) or []
        self._outputs = read_output_structure(self._function)
        # the same tensors everywhere: no mask that travels with them, no cast on the way into a layer
        self._direct = all(
            tensor.dtype == "float32" for node in self._nodes for tensor in (*node.input_tensors, *node.outputs)
        ) and not any(isinstance(node.operation, L.Masking | L.Embedding) for node in self._nodes)

    def fits(self, shapes: Sequence[tuple[int | None, ...]]) -> bool:
        """Return whether the model is plain and was built for pictures of these shapes, one for each input."""
        built = [tuple(tensor.shape[1:]) for tensor in self._function.inputs]
        return built == list(shapes) and self._is_plain()

    def can_run(self) -> bool:
        """Return whether `run` gives what a call of the model would: layers may have changed since."""
        same = self._function is read_function(self._model)
        return same and self._direct and self._is_plain() and all(_is_direct(node.operation) for node in self._nodes)

    def _is_plain(self) -> bool:
        known = all(_is_known(item) for item in (self._model, self._function))
        return known and all(_is_plain(node.operation) for node in self._nodes)

    def list_calls(self) -> tuple[list[Call], Any]:
        """Return the calls of one forward pass and what it returns, as symbolic Keras tensors.

        Returns:
            `(calls, output)`, calls in the order of a forward pass, output in the model's own structure. Equal tensors
            are the same object.
        """
        nodes = self._nodes
        same: dict[int, Any] = {}  # id of a tensor -> the tensor that it is

        def find(tensor: Any) -> Any:
            return same.get(id(tensor), tensor)

        for node in nodes:
            if _passes(node.operation) and len(node.input_tensors) == len(node.outputs) == 1:
                same[id(node.outputs[0])] = find(node.input_tensors[0])
        passing = {id(node) for node in nodes if id(node.outputs[0]) in same}
        readers = Counter(
            id(find(tensor)) for node in nodes if id(node) not in passing for tensor in node.input_tensors
        )
        numbers: Counter[int] = Counter()
        ranks = rank_calls(self._function)
        calls: list[Call] = []
        for node in nodes:
            first = find(node.input_tensors[0]) if node.input_tensors else None
            if first is not None and first.dtype != getattr(node.operation, "compute_dtype", first.dtype):
                first = None  # the layer reads a cast of it, which is another tensor
            output = keras.tree.pack_sequence_as(list(node.outputs), [find(tensor) for tensor in node.outputs])
            operation, reads = node.operation, tuple(find(tensor) for tensor in node.input_tensors)
            number, alone = numbers[id(operation)], readers[id(first)] == 1
            place = (ranks[id(operation)][number] if id(operation) in ranks else number,)
            calls.append(Call(operation.name, operation, number, first, _one(output), alone, place, len(calls), reads))
            numbers[id(operation)] += 1
        return calls, keras.tree.map_structure(find, self._outputs)

    @property
    def inputs(self) -> Sequence[Any]:
        """The model's inputs, as symbolic Keras tensors."""
        return self._function.inputs

    def run(self, inputs: Sequence[Any], layers: Iterable[Any], around: Around) -> Any:
        """Compute what the model returns: its layers, without what Keras does around each, which takes longer.

        Args:
            inputs: float32 tensors, one for each input.
            layers: calls of these return `around(layer, call)`, as in `tapped`.
            around: called in place of a layer's `call`, with its arguments bound.

        Returns:
            Tensors in the model's own structure.
        """
        values = {id(tensor): value for tensor, value in zip(self._function.inputs, inputs, strict=True)}
        seen = {id(layer) for layer in layers}
        for node in self._nodes:
            operation = node.operation
            kind: Any = type(operation)
            args, kwargs = node.arguments.fill_in(values)
            if _takes_training(kind):
                kwargs = {**kwargs, "training": False}
            call = functools.partial(operation.call, *args, **kwargs)
            try:
                output = around(operation, call) if id(operation) in seen else call()
            except Exception as error:
                error.add_note(f"in layer {operation.name!r} of {self._model.name!r}")
                raise
            values.update(zip(map(id, node.outputs), keras.tree.flatten(output), strict=True))
        return keras.tree.map_structure(lambda tensor: values[id(tensor)], self._outputs)


def read_wiring(model: Any) -> Wiring | None:
    """Return the graph that a model has.

    Args:
        model: a Keras model.

    Returns:
        The graph; None if the model is none of Keras's functional or sequential ones, or does not show it.
    """
    function = read_function(model)  # a sequential model makes another one when a layer comes or goes
    if not isinstance(function, keras.Function) or read_output_structure(function) is None:
        return None
    return Wiring(model) if read_nodes(function) else None


def _one(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def _is_known(model: Any) -> bool:
    """Return whether a model does what its graph says, and not what a class or an instance of somebody's says."""
    return type(model).__module__.startswith("keras.") and not is_overridden(model)


def _is_plain(operation: Any) -> bool:
    """Return whether one call of an operation is one call, and takes any number of images."""
    inner = list_sublayers(operation) if isinstance(operation, keras.Layer) else []
    return _is_known(operation) and not isinstance(operation, L.Lambda | keras.Function | L.TFSMLayer) and not inner


def _is_direct(operation: Any) -> bool:
    """Return whether Keras would just call an operation on what it is given, with float32 weights."""
    if not isinstance(operation, keras.Layer):
        return True
    types = {operation.compute_dtype, operation.variable_dtype}
    return types == {"float32"} and getattr(operation, "quantization_mode", None) is None


@functools.cache
def _takes_training(kind: Any) -> bool:
    return "training" in inspect.signature(kind.call).parameters


def _passes(operation: Any) -> bool:
    linear = type(operation) is L.Activation and operation.activation is keras.activations.linear
    return type(operation) in PASSING or linear
