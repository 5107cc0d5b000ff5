"""What a record says of the graph of decisions: its nodes and edges, the numbers of each picture, and a sentence."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorboard_plugin_interp import metadata
from tf_interp.analysis.vocabulary import Vocabulary
from tf_interp.graph import AttributionGraph
from tf_interp.models import Head

_DIGITS = 4


def tell_nodes(graph: AttributionGraph, vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the nodes but for the outputs, and the edges between them.

    Args:
        graph: of all pictures.
        vocabulary: knows which groups have been followed over steps.
    """
    inner = [node for node in graph.nodes if node.kind != "output"]
    place = {node.name: number for number, node in enumerate(inner)}
    rows, counts = [], dict[str, int]()
    for node in inner:
        index = counts.setdefault(node.layer, 0)
        counts[node.layer] += 1
        rows.append({"name": node.name.split(": ", 1)[1], "layer": node.layer, "kind": node.kind, "index": index})
        if node.kind == "group":
            vector = graph.groups[node.layer].vectors[index]
            rows[-1]["channels"] = list_channels(vector, 4)
            rows[-1]["vector"] = metadata.pack_vector(vector.tolist())
            rows[-1]["identity"] = vocabulary.identity(node.layer, vector)
    edges = [[place[edge.source], place[edge.target]] for edge in graph.edges if edge.target in place]
    return {"nodes": rows, "edges": edges}


def tell_pictures(graph: AttributionGraph, classes: np.ndarray | None, head: Head) -> list[dict[str, Any]]:
    """Return the numbers of each picture; arrays over nodes and outputs are lists of lists.

    Args:
        graph: of all pictures.
        classes: int [N,M] that its outputs stand for, or None.
        head: what they are classes of.
    """
    inner = [node for node in graph.nodes if node.kind != "output"]
    ends = [node for node in graph.nodes if node.kind == "output"]
    names = [end.name.removeprefix("output: ") for end in ends]
    count = len(ends[0].value)
    partners = _choose_partners(None if classes is None else classes[:, 0], count)
    between = [edge for edge in graph.edges if not edge.target.startswith("output: ")]
    into = {(edge.source, edge.target): edge for edge in graph.edges if edge.target.startswith("output: ")}
    values, proofs = np.zeros((2, len(inner), len(ends), count), np.float32)
    for row, node in enumerate(inner):
        for column, end in enumerate(ends):
            if (node.name, end.name) in into:
                edge = into[node.name, end.name]
                values[row, column], proofs[row, column] = edge.value, edge.proof
    off = np.stack([[node.total[name] for name in names] for node in inner])
    doubled = _measure(graph, inner, lambda name: graph.network.measure({name: 2.0}))
    like = _measure(graph, inner, lambda name: graph.network.measure({}, {name: partners}))
    rows = []
    for picture in range(count):
        rows.append(
            {
                "probe": picture,
                "classes": None if classes is None else classes[picture].tolist(),
                "scores": shorten([end.value[picture] for end in ends]),
                "biases": shorten([end.bias[picture] for end in ends]),
                "values": shorten([node.value[picture] for node in inner]),
                "node_biases": shorten([node.bias[picture] for node in inner]),
                "edge_values": shorten([edge.value[picture] for edge in between]),
                "edge_proofs": shorten([edge.proof[picture] for edge in between]),
                "output_values": shorten(values[..., picture]),
                "output_proofs": shorten(proofs[..., picture]),
                "off": shorten(-off[..., picture]),
                "doubled": shorten(doubled[..., picture]),
                "like": shorten(like[..., picture]),
                "partner": int(partners[picture]),
                "sentence": _say(inner, values[..., picture], off[..., picture], ends, classes, head, picture),
            }
        )
    return rows


def _measure(graph: AttributionGraph, nodes: Sequence[Any], run: Any) -> np.ndarray:
    """Return the changes [V,M,N] of the outputs, of one run a node."""
    whole = graph.network.whole
    changes = []
    for node in nodes:
        after = run(node.name)
        changes.append([after[name] - whole[name] for name in whole])
    return np.asarray(changes)


def _choose_partners(decisions: np.ndarray | None, count: int) -> np.ndarray:
    """Return for each picture the next one that was taken for something else, or else the next one."""
    partners = (np.arange(count) + 1) % count
    if decisions is not None:
        for row in range(count):
            others = [(row + step) % count for step in range(1, count)]
            partners[row] = next((other for other in others if decisions[other] != decisions[row]), partners[row])
    return partners


def _say(
    nodes: Sequence[Any], values: np.ndarray, off: np.ndarray, ends: Sequence[Any], classes: Any, head: Head, row: int
) -> str:
    """Return what decided one picture, in words."""
    unit = {"logit": "logits", "probability": "in probability"}.get(head.quantity, "")
    scores = [float(end.value[row]) for end in ends]
    if classes is None or not head.decides or len(ends) < 2:
        name = ends[0].name.removeprefix("output: ") if classes is None else head.name(int(classes[row, 0]))
        said, margin, fall = f"{name} is {scores[0]:.3g}", values[:, 0], off[:, 0]
    else:
        first, second = (head.name(int(classes[row, rank])) for rank in (0, 1))
        said = f"taken for {first}, {scores[0] - scores[1]:.3g} {unit} above {second}".replace("  ", " ")
        margin, fall = values[:, 0] - values[:, 1], off[:, 0] - off[:, 1]
    groups = [index for index, node in enumerate(nodes) if node.kind == "group"]
    last = [index for index in groups if nodes[index].layer == nodes[groups[-1]].layer]
    best = max(last, key=lambda index: margin[index])
    if margin[best] <= 0:
        return f"{said}; no group of {nodes[best].layer} pushes toward it"
    return (
        f"{said}; in {nodes[best].layer} the strongest push comes from {nodes[best].name.split(': ', 1)[1]} "
        f"({margin[best]:+.3g}; switched off: {-fall[best]:+.3g})"
    )


def list_channels(vector: np.ndarray, count: int) -> list[dict[str, Any]]:
    """Return the channels that a group is made of, as records have them, the strongest first, either way.

    Args:
        vector: float [C].
        count: how many.
    """
    strongest = np.argsort(-np.abs(vector), kind="stable")[:count]
    return [{"channel": int(channel), "weight": shorten(vector[channel])} for channel in strongest]


def shorten(values: Any) -> Any:
    """Return numbers with as many digits as a record needs, as nested lists.

    Args:
        values: array-like; a NaN or an infinite number stays.
    """
    array = np.asarray(values, np.float64)
    size = np.abs(array)
    power = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(np.where((size > 0) & np.isfinite(size), size, 1))))
    with np.errstate(invalid="ignore"):
        return (np.round(array * power) / power).tolist()
