"""Batch normalization in a frozen graph, folded into the weights of the convolution before it."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

_LINEAR = ("Conv2D", "Conv3D", "DepthwiseConv2dNative", "MatMul")
_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")


class Chain(NamedTuple):
    """A linear operation and what scales and shifts its channels afterwards, computed as one.

    Args:
        inner: tensors that are not computed any more, and constants that went into the weights.
        nodes: name -> definition of the nodes that compute the end of the chain instead, one of them under its name.
        weights: tensor name -> value, for these nodes.
        exact: whether roundings are of no matter, as they are in half precision.
    """

    inner: frozenset[str]
    nodes: dict[str, Any]
    weights: dict[str, tf.Tensor]
    exact: bool = True


def find_chains(graph: tf.Graph, graph_def: Any, weights: Mapping[str, tf.Tensor], half: bool = False) -> list[Chain]:
    """Return the chains in which channels are scaled, as a batch normalization does.

    Args:
        graph: the graph.
        graph_def: its definition.
        weights: tensor name -> value, of constants that are no nodes of it.
        half: whether chains in half precision count, where Keras normalizes in float32.
    """
    nodes = {node.name: node for node in graph_def.node}
    users: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, node in nodes.items():
        for item in node.input:
            users[_name(item)].append((name, item))
    moving = _moving(graph, nodes, users)
    found = [
        (node, _follow(node, nodes, users, moving, half))
        for name, node in nodes.items()
        if node.op in _LINEAR and _channels_last(node) and name in moving and _name(node.input[1]) not in moving
    ]
    wanted = {item for node, steps in found if steps for item in [node.input[1], *(o for s in steps for o in s.others)]}
    values = _evaluate(sorted(wanted), graph_def, nodes, weights)
    fixed = frozenset(f"{name}:0" for name in nodes if name not in moving)
    chains = (_join(node, steps, values) for node, steps in found if steps)
    return [
        chain._replace(inner=chain.inner | fixed) for chain in chains if chain is not None and (half or chain.exact)
    ]


class _Step(NamedTuple):
    """One operation of a chain."""

    node: Any
    others: list[str]  # what it combines the chain with


def _moving(graph: tf.Graph, nodes: Mapping[str, Any], users: Mapping[str, list[tuple[str, str]]]) -> set[str]:
    """Return names of the nodes whose value is not always the same: inputs, state, chance, and what depends on them."""
    stack = [
        name
        for name, node in nodes.items()
        if node.op.startswith("Placeholder") or graph.get_operation_by_name(name).op_def.is_stateful
    ]
    found: set[str] = set()
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack += [user for user, _ in users.get(name, ())]
    return found


def _follow(
    node: Any,
    nodes: Mapping[str, Any],
    users: Mapping[str, list[tuple[str, str]]],
    moving: Collection[str],
    casts: bool,
) -> list[_Step]:
    """Return the operations, each the only reader of the one before, that combine `node` with constants.

    Args:
        node: where to begin.
        nodes: name -> node.
        users: name -> who reads it, and by which edge.
        moving: names of the nodes that are no constants.
        casts: whether it goes on where the type changes.
    """
    steps: list[_Step] = []
    while len(readers := users.get(node.name, [])) == 1:
        name, edge = readers[0]
        user = nodes[name]
        others = [item for item in user.input if item != edge]
        in_front = user.input[0] == edge and _channels_last(user)
        fits = (
            user.op in ("Mul", "AddV2", "Add", *(("Cast",) if casts else ()))
            or (user.op in ("Sub", "BiasAdd") and in_front)
            or (user.op in _NORMS and in_front and not _attribute(user, "is_training").b)
        )
        fits = fits and all(_edge(item) == f"{name}:0" for _, item in users.get(name, []) if "^" not in item)
        if not fits or _edge(edge) != f"{node.name}:0" or any("^" in item or _name(item) in moving for item in others):
            break
        steps.append(_Step(user, others))
        node = user
    return steps


def _join(node: Any, steps: list[_Step], values: Mapping[str, np.ndarray]) -> Chain | None:
    """Return the chain as one operation with other weights and a bias; None if nothing in it scales the channels."""
    kernel = values[node.input[1]]
    own = node.attr["T"].type
    depthwise = node.op == "DepthwiseConv2dNative"  # its kernel [..., C, M] has C * M channels
    channels = kernel.shape[-2:] if depthwise else kernel.shape[-1:]
    factor, shift = np.ones(np.prod(channels)), np.zeros(np.prod(channels))
    chain, done = [node], 1
    now = factor, shift
    for step in steps:
        others = [values[item].astype(np.float64) for item in step.others]
        if not all(_is_per_channel(item, kernel.ndim, factor.size) for item in others):
            break
        times, plus = _effect(step.node, *(item.reshape(-1) for item in others))
        now = now[0] * times, now[1] * times + plus
        chain.append(step.node)
        if step.node.attr["DstT" if step.node.op == "Cast" else "T"].type == own:  # it can end here
            done, (factor, shift) = len(chain), now
    chain = chain[:done]
    if not any(item.op == "Mul" or item.op in _NORMS for item in chain):
        return None
    end = chain[-1].name
    names = {"kernel": f"{end}/folded/kernel:0", "bias": f"{end}/folded/bias:0"}
    joined = type(node)(name=f"{end}/folded", op=node.op, input=[node.input[0], names["kernel"]])
    bias = type(node)(name=end, op="BiasAdd", input=[joined.name, names["bias"]])
    for key, value in node.attr.items():
        joined.attr[key].CopyFrom(value)
    bias.attr["T"].CopyFrom(node.attr["T"])
    outputs = {f"{item.name}:{index}" for item in chain for index in range(6)}  # a fused normalization has so many
    return Chain(
        frozenset(outputs - {f"{end}:0"}),
        {joined.name: joined, bias.name: bias},
        {
            names["kernel"]: tf.constant((kernel * factor.reshape(channels)).astype(kernel.dtype)),
            names["bias"]: tf.constant(shift.astype(kernel.dtype)),
        },
        kernel.dtype in (np.float32, np.float64) and all(item.op != "Cast" for item in chain),
    )


def _is_per_channel(value: np.ndarray, rank: int, channels: int) -> bool:
    return value.ndim <= rank and (value.size == 1 or value.shape[-1] == value.size == channels)


def _effect(node: Any, *others: np.ndarray) -> tuple[Any, Any]:
    """Return what an operation multiplies the channels with, and what it adds."""
    if node.op == "Mul":
        return others[0], 0.0
    if node.op == "Cast":
        return 1.0, 0.0
    if node.op in _NORMS:
        scale, offset, mean, variance = others
        factor = scale / np.sqrt(variance + node.attr["epsilon"].f)
        return factor, offset - mean * factor
    return 1.0, -others[0] if node.op == "Sub" else others[0]


def _channels_last(node: Any) -> bool:
    return _attribute(node, "data_format").s in (b"", b"NHWC", b"NDHWC") and not _attribute(node, "transpose_b").b


def _attribute(node: Any, name: str) -> Any:
    """Return an attribute of a node, empty if there is none; reading it from the node itself would create it."""
    return node.attr[name] if name in node.attr else tf.compat.v1.AttrValue()


def _name(item: str) -> str:
    """Return the name of the node behind an input ("node", "node:0" or "^node")."""
    return item.removeprefix("^").split(":")[0]


def _edge(item: str) -> str:
    return item if ":" in item else f"{item}:0"


def _evaluate(
    items: list[str], graph_def: Any, nodes: Mapping[str, Any], weights: Mapping[str, tf.Tensor]
) -> dict[str, np.ndarray]:
    """Return the values of constant tensors."""
    needed: dict[str, Any] = {}
    stack = [item for item in items if _edge(item) not in weights]
    while stack:
        name = _name(stack.pop())
        if name not in needed:
            needed[name] = nodes[name]
            stack += [item for item in nodes[name].input if _edge(item) not in weights]
    edges = {_edge(item) for node in needed.values() for item in node.input}
    part = tf.compat.v1.GraphDef(versions=graph_def.versions, library=graph_def.library, node=needed.values())

    def compute() -> list[tf.Tensor]:
        known = {edge: tf.identity(weights[edge]) for edge in edges if edge in weights}
        asked = [_edge(item) for item in items if _edge(item) not in weights]
        return tf.graph_util.import_graph_def(part, input_map=known, return_elements=asked, name="constants")

    values = iter(tf.function(compute, autograph=False).get_concrete_function()())
    return {item: (weights[_edge(item)] if _edge(item) in weights else next(values)).numpy() for item in items}
