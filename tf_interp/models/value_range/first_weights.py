"""What reaches the first weights of a network, behind all that scales, turns or cuts pictures."""

from typing import Any

import tensorflow as tf

from tf_interp.models.inputs import fit_input

_WEIGHING = {
    "Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3DBackpropInputV2", "MatMul",
    "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "XlaConvV2", "XlaDotV2",
}  # fmt: skip
_CLOSED = {
    "PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile", "If", "StatelessIf", "Case",
    "StatelessCase", "XlaCallModule",
}  # fmt: skip
_BEHIND = 3  # layers with parameters that are built: the first may be a normalization, which weighs nothing yet


def compile_first(model: Any, like: tf.Tensor) -> Any:
    """Return a compiled function from pictures, preprocessed, to what the first weights of the network get, or None.

    It is built no further than the first few layers with parameters. Normalizations count as part of the way to the
    first weights: their numbers tell of the range as a division by 255 does.

    Args:
        model: a `Model` with one input.
        like: pictures as its preprocess gives them.

    Returns:
        A function of such pictures; None where no weights are found, or they are behind a loop, a branch
        or a call that cannot be looked into.
    """
    fetch = [row.path for row in model.inspect() if row.parameters and row.path not in model.outputs][:_BEHIND]
    if not fetch:
        return None
    ((name, spec),) = model._specs.items()
    found: list[Any] = []

    def first(images: tf.Tensor) -> tf.Tensor:
        given = fit_input(images, spec, "images")
        graph = tf.compat.v1.get_default_graph()
        with model.replacing_gradients({}):  # so that a saved network too is built here, and not called as a function
            model._forward({name: given}, fetch, {}, {})
        found[:] = [_find_weighed(given, graph)]
        return given if found[0] is None else found[0]

    batch = like.shape[0] if model.fixed_batch or not model.takes_any_batch else None
    shape = tf.TensorSpec([batch, *like.shape[1:]], like.dtype)
    function = tf.function(first, autograph=False).get_concrete_function(shape)
    return None if found[0] is None else function


def _find_weighed(pictures: tf.Tensor, graph: tf.Graph) -> tf.Tensor | None:
    """Return what the first operation with weights takes of what comes from the pictures."""
    reached = {pictures.ref()}
    for operation in graph.get_operations():
        taken = [tensor for tensor in operation.inputs if tensor.ref() in reached]
        if taken and operation.type in _CLOSED:
            return None
        if len(taken) == 1 and operation.type in _WEIGHING:
            return taken[0]
        if taken:
            reached |= {tensor.ref() for tensor in operation.outputs}
    return None
