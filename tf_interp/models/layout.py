"""What axes mean: what an input takes (pictures, series, ...), and whether a layer has channels before positions."""

from collections.abc import Iterator, Mapping

import tensorflow as tf

from tf_interp.models.model import Model
from tf_interp.models.private import outside_graphs

DRAWN = ("pictures", "series")  # kinds of input that can be drawn

_KNOWING = {
    *("Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3DBackpropInputV2", "BiasAdd"),
    *("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"),
}  # they have an attribute `data_format`
_TURNS = {(0, 3, 1, 2): True, (0, 4, 1, 2, 3): True, (0, 2, 3, 1): False, (0, 2, 3, 4, 1): False}
_LOOKUPS = {"GatherV2": 1, "Gather": 1, "ResourceGather": 1, "GatherNd": 1, "OneHot": 0}  # which input is the index
_HANDING_ON = ("Cast", "Identity", "Reshape", "Squeeze", "ExpandDims", "EnsureShape", "SelectV2", "Maximum", "Minimum")
_SAME_ORDER = ("ExpandDims", "Squeeze")  # around a convolution of sequences: other rank, same order of axes


def to_float(value: tf.Tensor) -> tf.Tensor:
    """Return what a layer gives as float32.

    Args:
        value: tensor of any type of real numbers.

    Raises:
        ValueError: if its numbers are complex: half of what it says would be gone.
    """
    if value.dtype.is_complex:
        raise ValueError(
            f"the layer gives complex numbers ({value.dtype.name}): name one behind it that makes them real, such as "
            "an absolute value; Model.run reads it as it is"
        )
    return tf.cast(value, tf.float32)


def find_kinds(model: Model) -> dict[str, str]:
    """Return what each input of a network takes: "pictures", "series", "volumes", "vectors" or "tokens".

    A volume or video has three axes of positions, a series one. Two axes without channels may be a grey picture or a
    series [T,F]: what the network does first with them tells.

    Args:
        model: the network; of one that was never called nothing is known.
    """
    specs = model.input_specs or {}
    kinds = {}
    for name, spec in specs.items():
        sides = () if spec.shape.rank is None else tuple(spec.shape[1:])
        kinds[name] = {2: "series", 3: "pictures"}.get(len(sides), "volumes")
        if len(sides) < 2:
            kinds[name] = "tokens" if spec.dtype.is_integer or _is_looked_up(model, specs) else "vectors"
        elif len(sides) == 2 and len(specs) == 1 and _is_grey(model, sides):
            kinds[name] = "pictures"
    return kinds


def main_input(model: Model) -> str:
    """Return the input that is drawn, of several: the first that takes pictures, or else series, or else the first.

    Beside numbers of words stand others that only say where words are, or how they are grouped: the words are meant.

    Args:
        model: the network, whose inputs are known.
    """
    kinds = find_kinds(model)
    name = min(kinds, key=lambda name: [*DRAWN, "volumes", "vectors", "tokens"].index(kinds[name]))
    if len(kinds) == 1 or kinds[name] not in ("vectors", "tokens"):
        return name
    specs, sizes = model.input_specs or {}, model.cached("vocabularies", lambda: _find_vocabularies(model))
    alike = {key: size for key, size in sizes.items() if specs[key].shape[1:].is_compatible_with(specs[name].shape[1:])}
    words = alike if kinds[name] == "vectors" else sizes  # numbers of another form are no mask
    return max(words, key=words.__getitem__, default=name)


def _find_vocabularies(model: Model) -> dict[str, int]:
    """Return input -> rows of the largest table that its numbers are looked up in, of those that are."""
    specs, found = dict(model.input_specs or {}), dict[str, int]()

    def look(given: dict[str, tf.Tensor]) -> None:
        inputs = {name: given[name] for name in specs}
        with model.replacing_gradients({}):  # so that a saved network too is built here, and not called as a function
            model._forward(inputs, list(model.outputs), {}, {})
        for name, tensor in inputs.items():
            found[name] = max(map(_count_table, _list_lookups(tensor)), default=0)

    try:
        with outside_graphs():
            tf.function(look, autograph=False).get_concrete_function(specs)
    except Exception:  # whatever a user's layer raises: nothing is known then
        return {}
    return {name: size for name, size in found.items() if size}


def _list_lookups(tensor: tf.Tensor) -> Iterator[tf.Operation]:
    """Yield the operations that look a tensor up in a table, behind what only casts or shapes it."""
    waiting = [tensor]
    for item in waiting:  # grows meanwhile
        for operation in item.consumers():
            place = _LOOKUPS.get(operation.type)
            if place is not None and operation.inputs[place] is item:
                yield operation
            elif operation.type in _HANDING_ON:
                waiting += operation.outputs


def _count_table(operation: tf.Operation) -> int:
    if operation.type == "OneHot":
        return int(tf.get_static_value(operation.inputs[1]) or 0)
    shape = operation.inputs[0].shape  # of a variable that is read in place nothing is known but that it is a table
    return int(shape[0] or 1) if shape.rank else 1


def _is_looked_up(model: Model, specs: Mapping[str, tf.TensorSpec]) -> bool:
    return len(specs) == 1 and next((row.kind == "Embedding" for row in model.inspect() if row.parameters), False)


def _is_grey(model: Model, sides: tuple) -> bool:
    """Return whether an input with two axes is a grey picture: made [h,w,1] at once, or a square that is flattened."""
    for row in model.inspect():
        if row.path in model.outputs or tuple(row.shape) == sides:
            continue
        if len(row.shape) == 3:
            return 1 not in row.shape[:2]  # a convolution of sequences is one of pictures one pixel high
        flat = len(row.shape) == 1 and None not in sides and row.shape[0] == sides[0] * sides[1]
        return flat and sides[0] == sides[1]
    return False


def find_channels_first(tensors: Mapping[str, tf.Tensor]) -> dict[str, str]:
    """Return which tensors have their channels before their positions, and what shows it.

    The nearest operation before a tensor that knows the order of axes decides (a convolution, pooling or
    transposition); where there is none, the nearest behind it. Where nothing tells, channels come last.

    Args:
        tensors: name -> tensor [N,...], all of one graph.

    Returns:
        Name -> a few words that name the operation.
    """
    first = next(iter(tensors.values()), None)
    if first is None or not any(_ask(item, False) or _ask(item, True) for item in first.graph.get_operations()):
        return {}  # most networks: nothing to look for
    return {name: why for name, tensor in tensors.items() if (why := _search(tensor))}


def _search(tensor: tf.Tensor) -> str | None:
    if tensor.shape.rank is None or tensor.shape.rank < 3:
        return None
    for behind in (False, True):
        seen, waiting = {id(tensor)}, [tensor]
        for item in waiting:  # grows meanwhile: the nearest come first
            operations = item.consumers() if behind else [item.op]
            for operation in operations:
                told = _ask(operation, behind)
                if told is not None:
                    return told
                for other in operation.outputs if behind else operation.inputs:
                    if id(other) not in seen and _is_alike(operation, other, item):
                        seen.add(id(other))
                        waiting.append(other)
    return None


def _ask(operation: tf.Operation, behind: bool) -> str | None:
    """Return what shows that the channels of an operation's output come first, or of its input if it is `behind` us.

    "" says that they come last, None that it does not know.
    """
    if operation.type in _KNOWING:
        form = operation.get_attr("data_format").decode()
        return f"{operation.type} {operation.name!r} works on {form}" if form.startswith("NC") else ""
    if operation.type == "Transpose":
        order = tf.get_static_value(operation.inputs[1])
        first = None if order is None else _TURNS.get(tuple(order.tolist()))
        return None if first is None else f"{operation.name!r} moves them" if first != behind else ""
    if operation.type in ("Mean", "Max") and behind and operation.inputs[0].shape.rank == 4:
        axes = tf.get_static_value(operation.inputs[1])
        over = () if axes is None else tuple(sorted(axis % 4 for axis in axes.ravel().tolist()))
        return {(2, 3): f"{operation.name!r} takes the axes 2 and 3 for positions", (1, 2): ""}.get(over)
    if operation.type == "Placeholder" and not behind and operation.outputs[0].shape.rank == 4:
        count, channels, _, width = operation.outputs[0].shape
        if count is None and channels in (1, 3) and width is not None and width > 4:
            return f"the network takes images of shape {[channels, *operation.outputs[0].shape[2:]]}"
    return None


def _is_alike(operation: tf.Operation, other: tf.Tensor, tensor: tf.Tensor) -> bool:
    """Return whether an operation leaves the order of axes as it is, between two of its tensors."""
    if operation.type in ("Transpose", "Reshape"):
        return False
    return operation.type in _SAME_ORDER or other.shape.rank == tensor.shape.rank
