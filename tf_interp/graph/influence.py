"""Which nodes and edges of a graph carry the decision, and how far the graph is to be trusted. Pure NumPy.

Source: Ameisen et al., Circuit Tracing, 2025, "Graph pruning" and "Graph scores".
"""

from typing import NamedTuple

import numpy as np


class GraphScores(NamedTuple):
    """How far to trust a graph.

    Args:
        replacement: share of the way from the outputs back to the inputs that passes through named nodes, 0..1.
        completeness: mean over nodes of the named share of what comes in, weighted by influence, 0..1.
    """

    replacement: float
    completeness: float


def normalize_rows(edges: np.ndarray) -> np.ndarray:
    """Return |edges| [V,V], rows are targets, each with sum 1 or 0."""
    size = np.abs(edges)
    total = size.sum(1, keepdims=True)
    return np.divide(size, total, out=np.zeros_like(size), where=total > 0)


def find_influence(edges: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return how much each node matters to the outputs, along all ways.

    Args:
        edges: float [V,V], `edges[target, source]`; without a circle.
        start: float [V], the weight of each output, 0 elsewhere.

    Returns:
        float [V]: w A + w A^2 + ..., A with rows that sum to 1.

    Example:
        >>> find_influence(np.array([[0.0, 3.0, -1.0], [0, 0, 0], [0, 0, 0]]), np.array([1.0, 0, 0])).tolist()
        [0.0, 0.75, 0.25]
    """
    shares = normalize_rows(edges)
    found, step = np.zeros(len(edges)), np.asarray(start, np.float64)
    for _ in range(len(edges)):
        step = step @ shares
        if not step.any():
            break
        found += step
    return found


def score_graph(edges: np.ndarray, start: np.ndarray, inputs: np.ndarray, errors: np.ndarray) -> GraphScores:
    """Return both scores.

    Args:
        edges: float [V,V], `edges[target, source]`.
        start: float [V], the weight of each output.
        inputs: bool [V].
        errors: bool [V], nodes that stand for what nothing names.
    """
    influence = find_influence(edges, start)
    known, unknown = influence[inputs].sum(), influence[errors].sum()
    share = normalize_rows(edges)
    has_inputs = share.sum(1) > 0
    weight = (influence + start) * has_inputs
    complete = 1 - share[:, errors].sum(1)
    return GraphScores(
        float(known / (known + unknown)) if known + unknown else 0.0,
        float((weight * complete).sum() / weight.sum()) if weight.sum() else 0.0,
    )


def absorb(edges: np.ndarray, errors_of: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return edges in which every node that is not kept has become part of the error node of its layer.

    Args:
        edges: float [V,V], `edges[target, source]`.
        errors_of: int [V], the error node of each node's layer; -1 for inputs, outputs and error nodes, which stay.
        kept: bool [V].
    """
    edges = np.abs(edges)
    for node in np.flatnonzero(~kept & (errors_of >= 0)):
        edges[:, errors_of[node]] += edges[:, node]
        edges[node], edges[:, node] = 0, 0
    return edges


def prune_graph(
    edges: np.ndarray, start: np.ndarray, always: np.ndarray, errors: np.ndarray, nodes: float, links: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return which nodes and edges to keep.

    Args:
        edges: float [V,V], `edges[target, source]`.
        start: float [V], the weight of each output.
        always: bool [V], nodes that stay: inputs and outputs.
        errors: bool [V], nodes that need no edge in.
        nodes: share of the summed influence that the kept nodes carry.
        links: share of the summed edge scores that the kept edges carry.

    Returns:
        bool [V] and bool [V,V].
    """
    influence = find_influence(edges, start)
    keep = _carry(influence, nodes) | always
    left = np.where(keep[:, None] & keep[None, :], edges, 0)
    influence = find_influence(left, start) + start
    links_kept = _carry(normalize_rows(left) * influence[:, None], links)
    while True:
        into, out = links_kept.any(1), links_kept.any(0)
        alive = always | (keep & out & (into | errors))
        still = links_kept & alive[:, None] & alive[None, :]
        if (still == links_kept).all() and (alive == keep).all():
            return keep, links_kept
        keep, links_kept = alive, still


def _carry(weights: np.ndarray, share: float) -> np.ndarray:
    """Return the smallest set of entries that together carry a share of the sum, as bool."""
    flat = weights.ravel()
    order = np.argsort(-flat, kind="stable")
    running = np.cumsum(flat[order])
    if not len(flat) or running[-1] <= 0:
        return np.zeros(weights.shape, bool)
    count = int(np.searchsorted(running, share * running[-1] * (1 - 1e-12))) + 1
    chosen = np.zeros(len(flat), bool)
    chosen[order[:count]] = True
    return (chosen & (flat > 0)).reshape(weights.shape)
