"""`attribution_graph`: input regions -> groups of chosen layers -> outputs, each edge with its proof."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.attribution.attribute import TargetLike
from tf_interp.attribution.scores import Scores, resolve_scores
from tf_interp.graph.graph_edges import find_slopes, run_direct
from tf_interp.graph.graph_network import GraphNetwork
from tf_interp.graph.graph_nodes import INPUT, OUTPUT, REST, Layer, check_layers, cut_input, cut_layer, unit_pattern
from tf_interp.graph.graph_result import AttributionGraph, Edge, Node
from tf_interp.groups import Groups
from tf_interp.models import Head, Model
from tf_interp.models.batches import count_rows, take_inputs
from tf_interp.models.layout import find_kinds, main_input
from tf_interp.probe import Probe

_MOST = 64  # pictures: all parts of all activations are in memory at once


def attribution_graph(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    layers: Sequence[str],
    *,
    target: TargetLike | Mapping[str, TargetLike] | None = None,
    k: int = 4,
    groups: Mapping[str, Groups] | None = None,
    cells: int = 3,
    seed: int = 0,
) -> AttributionGraph:
    """Return how regions of the input become groups of neurons, and these a decision, with a proof for every edge.

    Nodes are `cells` x `cells` regions of the picture, k neuron groups of each layer and what the groups leave over
    (the "rest"), and the outputs asked for. A group's value is how much of its own pattern the layer shows, that of an
    output the score. An edge says how much of the target's value its source puts there *directly*, past the other
    chosen layers: to first order ("value"), and measured ("proof"): by how much the target falls when the source is
    taken out of the network while the layers in between are held. What a bias or a bend of an activation function adds
    is told for each node as `bias`, so that the values of the edges + bias = the value of the node.

    Args:
        model: the network.
        images: a probe, or float32 [N,H,W,C] in [0,1], at most 64; for a network with several inputs a dict, and then
            there are no regions of the input.
        layers: names of layers with channels, in any order.
        target: what is explained, as in `attribute`; a dict name -> target for several outputs. None takes the class
            that each picture is taken for, and that minus the next one. A difference tells more than the logit of one
            class: what pushes all logits alike decides nothing.
        k: groups of each layer.
        groups: layer -> groups found before, in place of k new ones.
        cells: regions along each side of the picture; a series has cells * cells segments of time, of a
            vector each feature is a node.
        seed: of the factorizations.

    Returns:
        The graph.

    Raises:
        TypeError: if the model was not opened, or layers are no list.
        ValueError: if a layer or class does not exist, there are too many images, or the network decides for nothing
            and no target is named.

    Example:
        >>> import keras
        >>> from tf_interp.models import open_model
        >>> layers = [keras.layers.Conv2D(5, 3, activation="relu", name="conv"), keras.layers.Flatten()]
        >>> model = open_model(keras.Sequential([keras.Input((8, 8, 3)), *layers, keras.layers.Dense(2)]))
        >>> images = np.random.default_rng(0).uniform(size=(2, 8, 8, 3))
        >>> [node.name for node in attribution_graph(model, images, ["conv"], target=1, k=2, cells=1).nodes]
        ['input: region 0,0', 'conv: group 0', 'conv: group 1', 'conv: rest', 'output: 1']

    Source:
        Olah et al., The Building Blocks of Interpretability, 2018, attribution between groups; Ameisen et al., Circuit
        Tracing, 2025, direct effects, error nodes and interventions.
    """
    array = take_inputs(model, images, "attribution_graph")
    count = count_rows(array)
    if count > _MOST:
        raise ValueError(f"a graph takes at most {_MOST} pictures at a time, got {count}: take some of them")
    if cells < 1:
        raise ValueError(f"cells must be at least 1, got {cells}")
    paths = check_layers(model, layers, groups)
    known = {model.resolve(name): found for name, found in (groups or {}).items()}
    outputs = {name: resolve_scores(model, asked, count, array) for name, asked in _read_targets(model, array, target)}
    for name, scores in outputs.items():
        if scores.output not in model.outputs:
            raise ValueError(f"target {name!r} is inside of the network: a graph ends at outputs")
    fed = next(iter(array.values())) if isinstance(array, Mapping) and len(array) == 1 else array  # given by its name
    kind = find_kinds(model).get(main_input(model), "") if isinstance(fed, np.ndarray) and fed.dtype.kind == "f" else ""
    ranks = {"pictures": (4,), "series": (3, 4), "vectors": (2,)}
    places: list[Layer] = [cut_input(fed, cells, kind)] if np.ndim(fed) in ranks.get(kind, ()) else []
    used: dict[str, Groups] = {}
    for path in paths:
        place, used[path] = cut_layer(model, array, path, k, known.get(path), seed)
        places.append(place)
    network = GraphNetwork(model, fed, tuple(places), outputs)
    nodes, edges = _join(network)
    notes = [note for scores in outputs.values() for note in scores.notes] + [n for g in used.values() for n in g.notes]
    maps = {name: place.maps[row] for place in places for row, name in enumerate(place.names)}
    return AttributionGraph(tuple(nodes), tuple(edges), maps, used, tuple(dict.fromkeys(notes)), network)


def _read_targets(model: Model, images: Any, target: Any) -> list[tuple[str, Any]]:
    """Return (name, target) of each output node."""
    if isinstance(target, Mapping):
        if not target:
            raise ValueError("target is empty: name what is explained, or None for what each picture is taken for")
        return list(target.items())
    if target is not None:
        several = isinstance(target, list | tuple) or (isinstance(target, np.ndarray) and target.ndim > 0)
        named = None if several else model.target(target)
        return [("its own target" if named is None else named.name, target)]
    head = model.head(None)
    if not head.decides:
        raise ValueError(f"{model.name!r} decides for no class: say with target= what is to be explained")
    output = np.asarray(model.run(images, [head.path])[head.path])
    order = np.argsort(-head.spread(output), axis=-1, kind="stable")
    first, second = rank_scores(head, order[:, :2])
    margin = Scores(head.path, weights=first.weights - second.weights, offsets=first.offsets - second.offsets)
    return [("what it is taken for", first), ("that minus the next class", margin)]


def rank_scores(head: Head, classes: np.ndarray) -> list[Scores]:
    """Return what asks each picture about classes of its own.

    Args:
        head: the output.
        classes: int [N,M].

    Returns:
        M scores: the first asks about each picture's first class, and so on.
    """
    return [
        Scores(
            head.path,
            weights=np.stack([head.weights(int(index)) for index in column]),
            offsets=np.array([head.offset(int(index)) for index in column], np.float32),
        )
        for column in classes.T
    ]


def _join(network: GraphNetwork) -> tuple[list[Node], list[Edge]]:
    """Return all nodes, and the edges between them."""
    places, outputs = network.places, network.outputs
    ends: dict[str, dict[str, Scores]] = {}  # output path -> title -> what is asked
    for name, scores in outputs.items():
        ends.setdefault(scores.output, {})[f"{OUTPUT}: {name}"] = scores
    known, last = {}, []
    for path, asked in ends.items():
        values, edges = _trace(network, places, path, asked)
        known.update(values)
        last += edges
    # nothing is held behind the last layer: what it puts there directly is all that it does
    totals: dict[str, dict[str, np.ndarray]] = {edge.source: {} for edge in last if edge.source in places[-1].names}
    for edge in last:
        if edge.source in totals:
            totals[edge.source][edge.target.removeprefix(f"{OUTPUT}: ")] = edge.proof
    nodes, edges = [], []
    for number, place in enumerate(places):
        asked = {
            name: Scores(place.path, weights=unit_pattern(part), offsets=np.zeros(len(part), np.float32))
            for name, part in zip(place.names, place.parts, strict=True)
            if place.path != INPUT and name != place.names[-1]
        }
        values, found = _trace(network, places[:number], place.path, asked) if asked else ({}, [])
        edges += found
        for name, part in zip(place.names, place.parts, strict=True):
            kind = INPUT if place.path == INPUT else "group" if name in asked else REST
            total = totals.get(name, {})
            if len(total) < len(outputs):
                total = network.fall({place.path: place.point - part})
            size = np.linalg.norm(part.reshape(len(part), -1), axis=1)
            value = values.get(name, size)
            bias = value - _sum_into(name, found, value) if kind == "group" else np.zeros_like(value)
            nodes.append(Node(name, place.path, kind, value, bias, total))
    for name in outputs:
        title = f"{OUTPUT}: {name}"
        value = known[title]
        nodes.append(Node(title, OUTPUT, OUTPUT, value, value - _sum_into(title, last, value), {name: value}))
    return nodes, edges + last


def _sum_into(name: str, edges: Sequence[Edge], like: np.ndarray) -> np.ndarray:
    return sum((edge.value for edge in edges if edge.target == name), np.zeros_like(like))


def _trace(
    network: GraphNetwork, before: Sequence[Layer], end: str, asked: Mapping[str, Scores]
) -> tuple[dict[str, np.ndarray], list[Edge]]:
    """Return the values [N] of nodes that are read from one activation, and the edges into them."""
    model, images = network.model, network.images

    def score(changed: dict[str, Any]) -> dict[str, np.ndarray]:
        found = tf.constant(run_direct(model, end, images, before, changed))
        return {name: np.asarray(scores.score(found)) for name, scores in asked.items()}

    values = score({})
    if not before:
        return values, []
    slopes = {name: find_slopes(model, end, images, before, scores)[1] for name, scores in asked.items()}
    effects: dict[str, list[Edge]] = {name: [] for name in asked}
    for number, place in enumerate(before):
        reached = [name for name in asked if slopes[name][number] is not None]
        for row, source in enumerate(place.names if reached else ()):
            left = score({place.path: place.point - place.parts[row]})  # one run for all that is read from it
            for name in reached:
                effect = (place.parts[row] * slopes[name][number]).reshape(len(values[name]), -1).sum(1)
                effects[name].append(Edge(source, name, effect, values[name] - left[name]))
    return values, [edge for some in effects.values() for edge in some]
