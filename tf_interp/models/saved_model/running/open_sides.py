"""Sides of tensors that are open as long as the number of pictures is, though they are the same for any number."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from tf_interp.models.layer_names import COUNTS, fill_sides


def fill_graph_sides(
    graph: tf.Graph, specs: Mapping[str, tf.TensorSpec], build: Callable[[dict[str, tf.TensorSpec]], tf.Graph]
) -> None:
    """Set the sides of the tensors of a graph that it leaves open, and that do not depend on the number of pictures.

    Args:
        graph: for any number of pictures.
        specs: name of each input -> what it takes, [None,...].
        build: from such specs, for some number of pictures, to the same graph with what TensorFlow can tell then.
    """
    taken = [spec.shape for spec in specs.values()]
    if any(shape.rank is None or not shape[1:].is_fully_defined() for shape in taken):
        return
    tensors = [tensor for operation in graph.get_operations() for tensor in operation.outputs if _is_open(tensor)]
    if not tensors:
        return
    try:
        others = [
            build({name: tf.TensorSpec([count, *spec.shape[1:]], spec.dtype) for name, spec in specs.items()})
            for count in COUNTS
        ]
    except ValueError:  # it was saved for one number
        return
    for tensor in tensors:
        shapes = [other.get_tensor_by_name(tensor.name).shape for other in others]
        sides = fill_sides(tensor.shape[1:], [() if shape.rank is None else tuple(shape[1:]) for shape in shapes])
        tensor.set_shape([None, *sides])


def _is_open(tensor: tf.Tensor) -> bool:
    floating = tensor.dtype.is_floating and (tensor.shape.rank or 0) > 1
    return floating and not tensor.shape[1:].is_fully_defined()
