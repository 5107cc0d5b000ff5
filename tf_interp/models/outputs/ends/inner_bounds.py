"""Bounds of what loops, called functions and choices give: what is inside them is read as well."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from tf_interp.models.outputs.ends.operations import CALLS, is_aligned, read_function_nodes, read_value, strip

Bounds = tuple[float, float]
FREE: Bounds = (-float("inf"), float("inf"))
LOOPS = ("While", "StatelessWhile")
CHOICES = ("Select", "SelectV2")
_ROUNDS, _MOST_ROUNDS = 3, 12  # before bounds that still widen count as free; of all
_Read = Callable[[Sequence[tf.Tensor], Mapping[int, Bounds]], list[Bounds]]


def read_inside(tensor: tf.Tensor, look: Callable[[tf.Tensor], Bounds], read: _Read) -> Bounds:
    """Return the bounds of what a loop or a call of a function gives.

    What a loop hands on from step to step lies where it begins, or where a step leads from there: bounds that no step
    leaves hold for all steps.

    Args:
        tensor: what a loop or call gives.
        look: the bounds of a tensor of the same graph.
        read: from tensors of the graph inside, and the bounds of what is given there by the id of its tensor, to the
            bounds of these tensors.
    """
    operation = tensor.op
    inside = _open(operation)
    if inside is None:
        return FREE
    given, made = inside
    bounds = [look(item) for item in operation.inputs]
    if operation.type in CALLS:
        return read([made[tensor.value_index]], dict(zip(map(id, given), bounds, strict=True)))[0]
    for number in range(_MOST_ROUNDS):
        new = read(made, dict(zip(map(id, given), bounds, strict=True)))
        new = [join_bounds(pair) for pair in zip(bounds, new, strict=True)]
        if new == bounds:
            return bounds[tensor.value_index]
        still = number >= _ROUNDS
        bounds = [FREE if still and one != other else one for one, other in zip(new, bounds, strict=True)]
    return FREE


def _open(operation: tf.Operation) -> tuple[list[tf.Tensor], list[tf.Tensor]] | None:
    """Return what a function is given and what it gives, in a graph of its own; None where that cannot be read."""
    call = operation.type in CALLS
    try:
        graph_def = tf.compat.v1.GraphDef(library=operation.graph.as_graph_def().library)
        functions = {function.signature.name: function for function in graph_def.library.function}
        function = functions[operation.get_attr("f" if call else "body").name]
        nodes, names = read_function_nodes(function)
        given = [names[argument.name] for argument in function.signature.input_arg]
        made = [names[function.ret[result.name]] for result in function.signature.output_arg]
        for name, item in zip(given, operation.inputs if call else operation.outputs, strict=True):
            node = graph_def.node.add(name=name.removesuffix(":0"), op="Placeholder")
            node.attr["dtype"].type = item.dtype.as_datatype_enum
            node.attr["shape"].shape.CopyFrom(item.shape.as_proto())
        graph_def.node.extend(nodes.values())
        with tf.Graph().as_default() as graph:
            tf.graph_util.import_graph_def(graph_def, name="")
        return [*map(graph.get_tensor_by_name, given)], [*map(graph.get_tensor_by_name, made)]
    except (ValueError, KeyError, TypeError, tf.errors.OpError):  # a function that is not there, a graph over 2 GB
        return None


def read_choice(
    tensor: tf.Tensor, look: Callable[[tf.Tensor], Bounds], known: Sequence[tuple[tf.Tensor, Bounds]] = ()
) -> Bounds:
    """Return the bounds of a choice between two numbers, one of which may be chosen by where it lies itself.

    Args:
        tensor: what was chosen.
        look: the bounds of a tensor.
        known: tensors, and where they lie if this choice is read at all.
    """
    asked, *both = tensor.op.inputs
    parts = []
    for branch, yes in zip(both, (True, False), strict=True):
        told = [*known, *_read_question(asked, yes)]
        if branch.op.type in CHOICES:
            parts.append(read_choice(branch, look, told))
            continue
        low, high = look(branch)
        for item, (least, most) in told:
            if is_aligned(item, branch):
                low, high = max(low, least), min(high, most)
        parts.append((low, high) if low <= high else look(branch))  # else it is never chosen
    return join_bounds(parts)


def _read_question(asked: tf.Tensor, yes: bool) -> list[tuple[tf.Tensor, Bounds]]:
    """Return where numbers lie that a comparison with a constant holds of, or does not."""
    kind = asked.op.type
    if kind not in ("Greater", "GreaterEqual", "Less", "LessEqual"):
        return []
    first, second = asked.op.inputs
    value, item = read_value(second), first
    if value is None:
        value, item = read_value(first), second
    if value is None:
        return []
    above = (kind.startswith("Greater") == (item is first)) == yes
    return [(item, (value, FREE[1]) if above else (FREE[0], value))]


def read_mean(tensor: tf.Tensor, look: Callable[[tf.Tensor], Bounds]) -> Bounds | None:
    """Return the bounds of `z * x + (1 - z) * y`, which lies between x and y for z in [0,1]; None for anything else."""
    parts = [strip(item) for item in tensor.op.inputs]
    if len(parts) != 2 or any(part.op.type != "Mul" for part in parts):
        return None
    for one, other in (parts, parts[::-1]):
        for share, x in (one.op.inputs, [*one.op.inputs][::-1]):
            for rest, y in (other.op.inputs, [*other.op.inputs][::-1]):
                left = rest.op
                whole = left.type == "Sub" and read_value(left.inputs[0]) == 1 and is_aligned(left.inputs[1], share)
                if whole and look(share)[0] >= 0 and look(share)[1] <= 1:
                    return join_bounds([look(x), look(y)])
    return None


def join_bounds(parts: Sequence[Bounds]) -> Bounds:
    """Return the bounds that hold for all of several parts."""
    lows, highs = zip(*parts, strict=True)
    return min(lows), max(highs)
