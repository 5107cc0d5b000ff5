"""Layers in a graph without source: found from the scopes in the names of its operations."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import tensorflow as tf

from tf_interp.models.dependence import NO_NUMBERS, find_before, find_behind

_CALL = re.compile(r"(Stateful)?PartitionedCall(_\d+)?")  # an inlined function call leaves this in the path
_COUNTED = re.compile(r"(.+)_(\d+)")
_CALLED = re.compile(r"@\d+$")
_ROUNDING = ("Round", "Rint", "Floor", "Ceil", "Sign")


class GraphLayer(NamedTuple):
    """A layer of a graph.

    Args:
        tensor: its output.
        scope: the scope that holds its operations; "" if it has none.
    """

    tensor: tf.Tensor
    scope: str


def find_layers(graph: tf.Graph, inputs: Iterable[tf.Tensor], outputs: Iterable[tf.Tensor]) -> dict[str, GraphLayer]:
    """Return layer name -> output and scope, in the order of the graph.

    A layer is a scope which exactly one floating-point tensor leaves that depends on an input and that the network's
    outputs are computed from: that tensor is its output. Of what is computed for its shape only, as recurrent layers do
    with the first time step of a masked sequence, nothing is listed. Layers that leave no operation (inputs, dropout,
    identity) are not there. Keras enters the scope of a layer twice in a call, so `conv` shows as `conv_1` and its
    second call as `conv_3`: the number is taken off, and several calls are told apart as `conv@0`, `conv@1`; one of
    them that several tensors leave has a number and is not listed. The scope of the whole model is left out. In a graph
    without scopes, every such tensor is listed under the name of its operation.

    Keras 3.16 (seen in a pre-release) enters a scope once: what it exports is read like any graph. Its layers have
    their names, some operations inside them are listed too, and a second call of `conv` is `conv_1`.

    Args:
        graph: a graph without function calls around the layers.
        inputs: tensors that are fed.
        outputs: tensors that the network returns.

    Returns:
        Name -> layer.
    """
    operations = graph.get_operations()
    outputs = [*outputs]
    live = find_behind(inputs) & find_before(outputs, stop=NO_NUMBERS)
    ends = {id(tensor) for tensor in outputs}
    leaving: dict[str, list[tf.Tensor]] = defaultdict(list)
    plain: dict[str, GraphLayer] = {}
    for operation in operations:
        if operation not in live:
            continue
        for tensor in operation.outputs:
            if not tensor.dtype.is_floating:
                continue
            if operation.type not in ("Identity", "Cast"):
                plain[tensor.name if tensor.value_index else operation.name] = GraphLayer(tensor, "")
            users = [user.name for user in tensor.consumers() if user in live and user.type not in NO_NUMBERS]
            for scope in _scopes(operation.name):
                if id(tensor) in ends or any(not user.startswith(scope + "/") for user in users):
                    leaving[scope].append(tensor)
    named = _name_scopes(leaving)
    order = {operation.name: place for place, operation in enumerate(operations)}
    # a block comes after the layer that makes its output
    return dict(
        sorted((named or plain).items(), key=lambda item: (order[item[1].tensor.op.name], -item[1].scope.count("/")))
    )


def name_graph_reads(layers: Mapping[str, GraphLayer], inputs: Mapping[str, tf.Tensor]) -> dict[str, str]:
    """Return path of each of several calls, as `conv@0` -> names of the layers and inputs that it reads.

    Args:
        layers: as `find_layers` returns them.
        inputs: name -> tensor that is fed.
    """
    known = {id(tensor): [("", name)] for name, tensor in inputs.items()}
    for name, (tensor, scope) in layers.items():
        known.setdefault(id(tensor), []).append((scope + "/", name))
    reads = {}
    for path, (tensor, scope) in layers.items():
        if not scope or not _CALLED.search(path):
            continue
        inside = [operation for operation in tensor.graph.get_operations() if operation.name.startswith(scope + "/")]
        stack = [value for operation in inside for value in operation.inputs if value.op not in inside][::-1]
        found: dict[str, None] = {}
        seen: set[int] = set()
        while stack:
            value = stack.pop()
            # a layer that this one is a part of is not done yet
            own = [name for outer, name in known.get(id(value), ()) if not f"{scope}/".startswith(outer or "?")]
            if own:
                found[own[-1]] = None
            elif id(value) not in seen:
                stack += list(value.op.inputs)[::-1]
            seen.add(id(value))
        reads[path] = ", ".join(found)
    return reads


def note_loops(layers: Mapping[str, GraphLayer], graph: tf.Graph) -> list[str]:
    """Return what a person should know about layers that run a loop: which of their results a name stands for.

    Args:
        layers: as `find_layers` returns them.
        graph: that they are of.
    """
    loops = [operation.name for operation in graph.get_operations() if operation.type in ("While", "StatelessWhile")]
    found = {
        max((scope, name) for name, (_, scope) in layers.items() if scope and loop.startswith(f"{scope}/"))[1]
        for loop in loops
        if any(scope and loop.startswith(f"{scope}/") for _, scope in layers.values())
    }
    if not found:
        return []
    return [
        f"of layers that run a loop, {sorted(found)}, a graph shows the one result that is used further: of a "
        "recurrent layer its sequence, its last output or a state; compare shapes"
    ]


def note_calls(reads: Mapping[str, str]) -> list[str]:
    """Return what a person should know about several calls of one name.

    Args:
        reads: as `name_graph_reads` returns them.
    """
    if not reads:
        return []
    shown = ", ".join(f"{path} on {on or 'no input'}" for path, on in [*reads.items()][:4])
    more = ", ..." if len(reads) > 4 else ""
    return [
        f"several calls of one name are numbered in the order in which the graph runs them, which of a shared layer "
        f"need not be the order in which the Keras model called it: {shown}{more} (called_on in Model.inspect). "
        "Nor does a graph tell which of several tensors that a layer returns a name stands for: compare shapes"
    ]


def note_rounding(
    layers: Mapping[str, GraphLayer], inputs: Iterable[tf.Tensor], outputs: Iterable[tf.Tensor]
) -> list[str]:
    """Return what a person should know about rounding, and gradients that are lost, from inputs to outputs.

    Custom gradients are not in the file, so what Keras gives a gradient in spite of that, as int8 layers, has none.

    Args:
        layers: as `find_layers` returns them.
        inputs: tensors that are fed.
        outputs: tensors that the network returns.
    """
    between = find_behind(inputs, stop=NO_NUMBERS) & find_before(outputs, indices=False)
    notes = []
    if found := {operation.name for operation in between if _rounds(operation)}:
        notes.append(
            f"numbers are rounded on the way{_say_where(found, layers)}, and no gradient passes that: it is that of "
            "the ways around, or zero. Where the Keras model brings a gradient of its own, as int8 layers do, open "
            "that, or its .keras file"
        )
    if found := {operation.name for operation in between if _had_gradient(operation)}:
        notes.append(
            f"the network had a gradient of its own{_say_where(found, layers)} (tf.custom_gradient), which the file "
            "does not hold: gradients are those of what is computed. Open the Keras model, or its .keras file"
        )
    return notes


def _say_where(names: Iterable[str], layers: Mapping[str, GraphLayer]) -> str:
    """Return in which layers operations are, in words."""
    inner = sorted(layers.items(), key=lambda item: -len(item[1].scope))
    places = [
        next((path for path, one in inner if one.scope and name.startswith(f"{one.scope}/")), "") for name in names
    ]
    order = [path for path in layers if path in places]
    return f" in {order[:4] + ['...'] * (len(order) > 4)}" if order else ""


def _had_gradient(operation: tf.Operation) -> bool:
    """Return whether an operation is what `tf.custom_gradient` leaves of a function; not that of TensorFlow's SiLU."""
    if operation.type != "IdentityN" or len(operation.inputs) < 2:
        return False
    first = operation.inputs[0].op
    return not (first.type == "Mul" and any(item.op.type == "Sigmoid" for item in first.inputs))


def _rounds(operation: tf.Operation) -> bool:
    if operation.type != "Cast":
        return operation.type in _ROUNDING
    return operation.inputs[0].dtype.is_floating and operation.outputs[0].dtype.is_integer


def name_outputs(labels: list[str], outputs: list[tf.Tensor], layers: Mapping[str, GraphLayer]) -> list[str]:
    """Return what to call the outputs: a list in Keras leaves "output_0", "output_1", then the layers' names are told.

    Args:
        labels: as the signature has them.
        outputs: their tensors.
        layers: as `find_layers` returns them.
    """
    if not all(re.fullmatch(r"output_\d+", label) for label in labels):
        return labels
    innermost = {layer.tensor.name: path.rsplit("/", 1)[-1] for path, layer in reversed(list(layers.items()))}
    found = []
    for label, tensor in zip(labels, outputs, strict=True):
        while tensor.op.type == "Identity" and tensor.name not in innermost:
            tensor = tensor.op.inputs[0]
        found.append(innermost.get(tensor.name, label))
    return found if len(set(found)) == len(found) else labels


def find_augmentation(
    layers: Iterable[GraphLayer],
    inputs: Iterable[tf.Tensor],
    random: Iterable[str],
    weighted: Iterable[str],
    counting: Iterable[str] = (),
) -> dict[str, str]:
    """Return output -> input of the layers that change pictures by chance, as only training should.

    Keras exports RandomFlip and its kin as they are in training. Such a layer stands before the first weights, draws
    from a state that it changes, and makes of one tensor another of the same shape. What it changes are seeds only: a
    layer that goes by a moving mean, or by what it has counted, computes something.

    Args:
        layers: of the graph.
        inputs: tensors that are fed.
        random: names of the operations that change a state from which numbers are drawn.
        weighted: names of the operations that read weights.
        counting: names of the operations that change any other state.

    Returns:
        Names of tensors.
    """
    inputs, weighted = list(inputs), set(weighted)
    live = find_behind(inputs)
    found: dict[str, str] = {}
    for tensor, scope in layers:
        inside = [tensor.op] if scope else []
        outside: dict[str, tf.Tensor] = {}
        seen: set[str] = set()
        while inside:
            operation = inside.pop()
            if operation.name in seen:
                continue
            seen.add(operation.name)
            for source in operation.inputs:
                if source.op.name.startswith(f"{scope}/"):
                    inside.append(source.op)
                elif source.op in live or any(source is one for one in inputs):
                    outside[source.name] = source
        (before, *more) = outside.values() or [None]
        inner = f"{scope}/"
        draws = any(name.startswith(inner) for name in random) and not any(name.startswith(inner) for name in counting)
        if before is None or more or not draws or tensor.dtype != before.dtype or tensor.shape.rank != 4:
            continue
        same = tensor.shape[1:].is_compatible_with(before.shape[1:])
        if same and weighted.isdisjoint(operation.name for operation in find_before([before])):
            found.setdefault(tensor.name, before.name)  # a block comes after the layer that makes its output
    return found


def _scopes(name: str) -> list[str]:
    if name.startswith("Func/"):  # arguments and results of inlined functions
        return []
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts)) if not _CALL.fullmatch(parts[end - 1])]


def _parts(scope: str) -> list[str]:
    return [part for part in scope.split("/") if not _CALL.fullmatch(part)]


def _uncounted(part: str) -> str:
    match = _COUNTED.fullmatch(part)
    return match[1] if match else part


def _name_scopes(leaving: Mapping[str, list[tf.Tensor]]) -> dict[str, GraphLayer]:
    """Return layer name -> layer for scopes with one output each.

    Args:
        leaving: scope -> what leaves it.
    """
    parts = {scope: _parts(scope) for scope in leaving}
    single = [scope for scope, tensors in leaving.items() if len(tensors) == 1]
    tops = {tuple(item[:1]) for item in parts.values()}
    scopes_by_parts = {tuple(item) for item in parts.values()}
    if len(tops) == 1 and any(len(parts[scope]) > 1 for scope in single):  # the scope of the model itself
        parts = {scope: item[1:] for scope, item in parts.items() if len(item) > 1}
    calls: dict[str, list[tuple[list[int], str]]] = defaultdict(list)
    if _looks_like_keras({parts[scope][0] for scope in single if parts.get(scope)}):
        for scope, item in parts.items():
            match = _COUNTED.fullmatch(item[-1])
            # `einsum` and `einsum_1` are operations; a Keras layer never computes in its scope without number
            if match and (_COUNTED.fullmatch(match[1]) or (*_parts(scope)[:-1], match[1]) not in scopes_by_parts):
                number = [int(counted[2]) if (counted := _COUNTED.fullmatch(part)) else 0 for part in item]
                calls["/".join(_uncounted(part) for part in item)].append((number, scope))
    else:
        for scope, item in parts.items():
            calls["/".join(item)].append(([], scope))
    named: dict[str, GraphLayer] = {}
    for path, found in calls.items():
        alone = len(found) == 1 and path != "output"
        for place, (_, scope) in enumerate(sorted(found)):
            if len(leaving[scope]) == 1:
                named[path if alone else f"{path}@{place}"] = GraphLayer(leaving[scope][0], scope)
    return named


def _looks_like_keras(tops: set[str]) -> bool:
    """Return whether the outermost scopes are numbered as Keras numbers them: most are, and never 1, 2, 3."""
    matches = [match for top in tops if (match := _COUNTED.fullmatch(top))]
    numbers = {(match[1], int(match[2])) for match in matches}
    return len(matches) * 2 >= len(tops) > 0 and not any((base, number + 1) in numbers for base, number in numbers)
