"""`AttributionGraph`: nodes, edges and their proofs, what may be left out, and what happens if a node is changed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tf_interp.display import number_of, tell
from tf_interp.graph.graph_network import GraphNetwork
from tf_interp.graph.graph_nodes import unit_pattern
from tf_interp.graph.influence import GraphScores, absorb, find_influence, prune_graph, score_graph
from tf_interp.groups import Groups
from tf_interp.models.outputs.heads import did_you_mean

_SMALL = 0.05  # of all that goes into a node: below it, signs of value and proof may differ


class Node(NamedTuple):
    """One node.

    Args:
        name: e.g. "conv2: group 1", "input: region 0,2", "output: zebra".
        layer: path of its layer; "input" or "output".
        kind: "input", "group", "rest" or "output".
        value: float32 [N]: of a group how much of its pattern is there, of an output the score.
        bias: float32 [N]: what no edge explains: value minus all edges into it.
        total: output -> float32 [N], by how much it falls when the node is taken out and all that follows follows.
    """

    name: str
    layer: str
    kind: str
    value: np.ndarray
    bias: np.ndarray
    total: dict[str, np.ndarray]


class Edge(NamedTuple):
    """One edge.

    Args:
        source: name of a node.
        target: name of a node of a later layer, or of an output.
        value: float32 [N]: what the source puts into the target directly, to first order, in units of the target.
        proof: float32 [N]: by how much the target falls when the source is taken out, layers between held.
    """

    source: str
    target: str
    value: np.ndarray
    proof: np.ndarray


class Intervention(NamedTuple):
    """What happens to the outputs when nodes are changed.

    Args:
        measured: output -> float32 [N], its change.
        predicted: output -> float32 [N], the change by the edges, summed along all ways.
    """

    measured: dict[str, np.ndarray]
    predicted: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class AttributionGraph:
    """How regions of the input become groups, and these a decision.

    Args:
        nodes: from the input to the outputs.
        edges: direct effects.
        maps: name of a node -> float32 [N,h,w], where it is present; outputs have none.
        groups: layer -> its groups.
        notes: sentences on what a person should know.
        network: what `intervene` asks: the network as it was, and its parts.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    maps: dict[str, np.ndarray]
    groups: dict[str, Groups]
    notes: tuple[str, ...]
    network: GraphNetwork

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the output nodes."""
        return tuple(node.name for node in self.nodes if node.kind == "output")

    def to_dataframe(self, picture: int | Sequence[int] | None = None) -> Any:
        """Return a table: a row per edge.

        Args:
            picture: of which picture, or the mean over which, those of a class say; None is the mean over all.

        Returns:
            pandas `DataFrame` with the columns "source", "target", "value", "proof", "share" (of all that goes into the
            target, in size) and "contradicted" (whether value and proof have different signs and are not small).

        Raises:
            ImportError: if pandas is not installed.
            ValueError: if there is no such picture.
        """
        import pandas as pd

        self._check(picture)
        edges = [(edge, *self._pick(edge, picture)) for edge in self.edges]
        into: dict[str, float] = {}
        for edge, value, _ in edges:
            into[edge.target] = into.get(edge.target, 0.0) + abs(value)
        rows = [
            {
                "source": edge.source,
                "target": edge.target,
                "value": value,
                "proof": proof,
                "share": abs(value) / into[edge.target] if into[edge.target] else 0.0,
                "contradicted": value * proof < 0 and max(abs(value), abs(proof)) > _SMALL * into[edge.target],
            }
            for edge, value, proof in edges
        ]
        columns = ["source", "target", "value", "proof", "share", "contradicted"]
        return pd.DataFrame(rows, columns=columns)

    def _check(self, picture: int | Sequence[int] | None) -> None:
        """Raise unless the graph has the picture, or all of several."""
        count = len(self.nodes[0].value)
        rows = np.arange(count) if picture is None else np.atleast_1d(picture)
        if not len(rows) or rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= count:
            raise ValueError(f"the graph has pictures 0..{count - 1}, got {picture}")

    @staticmethod
    def _pick(edge: Edge, picture: int | Sequence[int] | None) -> tuple[float, float]:
        rows = slice(None) if picture is None else picture
        return float(np.mean(edge.value[rows])), float(np.mean(edge.proof[rows]))

    def compare(
        self, other: "AttributionGraph", picture: int | Sequence[int] | None = None, other_picture: Any = None
    ) -> Any:
        """Lay another graph over this one: another picture, class, training step or run.

        Args:
            other: the graph to lay over it; it may be this one, for two pictures of it.
            picture: of this graph, as in `to_dataframe`.
            other_picture: of the other one.

        Returns:
            pandas `DataFrame`, a row per edge that one of them has, strongest difference first, with the columns
            "source", "target", "value", "proof", "value_other", "proof_other" and "difference" (other minus this); what
            one of them does not have counts 0 in the difference.

        Raises:
            ValueError: if they have no edge in common: other layers, or other names of outputs.
        """
        key, columns = ["source", "target"], ["source", "target", "value", "proof"]
        mine, theirs = self.to_dataframe(picture)[columns], other.to_dataframe(other_picture)[columns]
        table = mine.merge(theirs, how="outer", on=key, suffixes=("", "_other"))
        if len(table) == len(mine) + len(theirs):
            raise ValueError(
                f"the graphs have no edge in common: this one ends at {list(self.outputs)} and has nodes of "
                f"{list(self.groups)}, the other at {list(other.outputs)} and {list(other.groups)}"
            )
        table["difference"] = table["value_other"].fillna(0) - table["value"].fillna(0)
        return table.sort_values("difference", key=abs, ascending=False, ignore_index=True, kind="stable")

    def influence(self, output: str | None = None, picture: int | Sequence[int] | None = None) -> dict[str, float]:
        """Return name of a node -> how much it matters to an output along all ways, 0..1.

        Args:
            output: name of an output node, or what it is about; None is the first.
            picture: of which picture; None is the mean over all.

        Raises:
            ValueError: if there is no such output or picture.
        """
        self._check(picture)
        matrix, start = self._matrix(picture), self._start(output)
        return dict(zip((node.name for node in self.nodes), find_influence(matrix, start).tolist(), strict=True))

    def score(self, pinned: Sequence[str] | None = None, output: str | None = None) -> GraphScores:
        """Return how far the graph is to be trusted, or the part of it that somebody pinned.

        Args:
            pinned: names of groups; all others count as unexplained. None takes all.
            output: name of an output node; None is the first.

        Raises:
            ValueError: if there is no such node or output, or something is pinned in a pruned graph that lacks a rest.
        """
        matrix, start = self._matrix(None), self._start(output)
        names = [node.name for node in self.nodes]
        kinds = np.array([node.kind for node in self.nodes])
        if pinned is not None:
            for name in pinned:
                self._index(name)
            rest = {node.layer: number for number, node in enumerate(self.nodes) if node.kind == "rest"}
            if any(node.kind == "group" and node.layer not in rest for node in self.nodes):
                raise ValueError(
                    "the rest of a layer, which takes up what is not pinned, was pruned: ask the whole graph"
                )
            errors = np.array([rest[node.layer] if node.kind == "group" else -1 for node in self.nodes])
            matrix = absorb(matrix, errors, np.isin(names, list(pinned)))
        return score_graph(matrix, start, self._roots(), kinds == "rest")

    def prune(self, nodes: float = 0.8, edges: float = 0.98, output: str | None = None) -> "AttributionGraph":
        """Return the graph without what carries little.

        Args:
            nodes: share of all influence that the nodes that stay carry.
            edges: share of the edges' scores that the edges that stay carry.
            output: name of an output node; None is the first.
        """
        matrix, start = self._matrix(None), self._start(output)
        kinds = np.array([node.kind for node in self.nodes])
        starts = self._roots() | (kinds == "rest")
        keep, links = prune_graph(matrix, start, np.isin(kinds, ["input", "output"]), starts, nodes, edges)
        place = {node.name: number for number, node in enumerate(self.nodes)}
        left = tuple(edge for edge in self.edges if links[place[edge.target], place[edge.source]])
        note = (
            f"{int(keep.sum())} of {len(self.nodes)} nodes and {len(left)} of {len(self.edges)} edges: nodes that "
            f"carry {nodes:.0%} of the influence, edges that carry {edges:.0%} of what is between these"
        )
        some = tuple(node for node, stays in zip(self.nodes, keep, strict=True) if stays)
        return dataclasses.replace(self, nodes=some, edges=left, notes=(*self.notes, note))

    def intervene(
        self, factors: Mapping[str, float] | None = None, *, like: Mapping[str, int | Sequence[int]] | None = None
    ) -> Intervention:
        """Change nodes in the network itself, and compare with what the graph foretells.

        Args:
            factors: name of a node -> what to multiply it with: 0 switches it off, 2 doubles it.
            like: name of a node -> index of the picture from which it is taken instead, one for all or one for each.

        Raises:
            ValueError: if there is no such node, or it is an output; if there is no such picture, or a factor is not
                finite.
        """
        factors, others, count = factors or {}, {}, len(self.nodes[0].value)
        for name in [*factors, *(like or {})]:
            if self.nodes[self._index(name)].kind == "output":
                raise ValueError(f"{name!r} is an output: change what leads to it")
        for name, factor in factors.items():
            if not np.isfinite(factor):
                raise ValueError(f"what {name!r} is multiplied with must be a finite number, got {factor}")
        for name, rows in (like or {}).items():
            self._check(rows)
            others[name] = np.broadcast_to(np.asarray(rows, np.int64), (count,))
        before, after = self.network.whole, self.network.measure(factors, others)
        measured = {f"output: {name}": after[name] - before[name] for name in before}
        return Intervention(measured, self._foretell(factors, others))

    def _foretell(self, factors: Mapping[str, float], like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the changes of the outputs by the edges: a change of a node's value is passed on in proportion."""
        changes = {node.name: np.zeros_like(node.value) for node in self.nodes}
        values = {node.name: node.value for node in self.nodes}
        for node in self.nodes:  # sources come before targets
            for edge in self.edges:
                if edge.target == node.name:
                    source = values[edge.source]
                    share = np.divide(changes[edge.source], source, out=np.zeros_like(source), where=source != 0)
                    changes[node.name] = changes[node.name] + share * edge.value
            if node.name in factors:
                changes[node.name] = (factors[node.name] - 1) * node.value + changes[node.name]
            if node.name in like:
                part = self._part(node.name)
                found = (unit_pattern(part) * part[like[node.name]]).reshape(len(part), -1).sum(1)
                changes[node.name] = found - node.value + changes[node.name]
        return {name: changes[name] for name in self.outputs}

    def _part(self, name: str) -> np.ndarray:
        (part,) = [p.parts[p.names.index(name)] for p in self.network.places if name in p.names]
        return part

    def explain(self, output: str | None = None, limit: int = 8) -> str:
        """Return the strongest edges in words, with their proof, and how far to trust the graph.

        Args:
            output: name of an output node; None is the first.
            limit: most lines.
        """
        name = self._output(output)
        rows = sorted((edge for edge in self.edges if edge.target == name), key=lambda edge: -abs(edge.value.mean()))
        lines = [f"{name}: {self.nodes[self._index(name)].value.mean():.2f}"]
        for edge in rows[:limit]:
            value, proof = self._pick(edge, None)
            agrees = "" if value * proof >= 0 else "  (contradicted)"
            lines.append(f"  {edge.source}: {value:+.2f}; taken out: {-proof:+.2f}{agrees}")
        found = self.score(output=output)
        lines.append(
            f"named nodes carry {found.replacement:.0%} of the way from input to output; of what goes into a node "
            f"{found.completeness:.0%} is named"
        )
        return "\n".join(lines)

    def plot(self, images: Any = None, picture: int = 0, output: str | None = None) -> Any:
        """Draw the graph of one picture: layers from left to right, edges in blue (for) and red (against).

        Args:
            images: float [N,H,W,C] in [0,1], drawn below the nodes' maps; None draws the maps alone.
            picture: which one.
            output: name of an output node; None is the first.

        Returns:
            matplotlib `Figure`.

        Raises:
            ImportError: if matplotlib is not installed.
            ValueError: if there is no such picture or output.
        """
        from tf_interp.graph.graph_plot import draw_graph

        self._check(picture)
        return draw_graph(self, None if images is None else np.asarray(images), picture, self._output(output))

    def _matrix(self, picture: int | Sequence[int] | None) -> np.ndarray:
        """Return the edges as a matrix [V,V], rows are targets."""
        place = {node.name: number for number, node in enumerate(self.nodes)}
        matrix = np.zeros((len(place), len(place)))
        for edge in self.edges:
            if edge.source in place and edge.target in place:
                matrix[place[edge.target], place[edge.source]] = self._pick(edge, picture)[0]
        return matrix

    def _roots(self) -> np.ndarray:
        """Return where all begins, bool [V]: the parts of the input; without these the groups of the first layer."""
        inputs = np.array([node.kind == "input" for node in self.nodes])
        first = np.array([node.kind == "group" and node.layer == self.nodes[0].layer for node in self.nodes])
        return inputs if inputs.any() else first

    def _start(self, output: str | None) -> np.ndarray:
        name = self._output(output)
        return np.array([float(node.name == name) for node in self.nodes])

    def _output(self, output: str | None) -> str:
        if output is None:
            return self.outputs[0]
        name = output if output.startswith("output: ") else f"output: {output}"
        if name not in self.outputs:
            raise ValueError(f"the graph has no output {output!r}; {did_you_mean(name, list(self.outputs), 'it has')}")
        return name

    def _index(self, name: str) -> int:
        names = [node.name for node in self.nodes]
        if name not in names:
            raise ValueError(f"the graph has no node {name!r}; {did_you_mean(name, names, 'it has')}")
        return names.index(name)

    def __repr__(self) -> str:
        sizes = (number_of(len(self.nodes), "node"), number_of(len(self.edges), "edge"))
        return tell(self, *sizes, number_of(len(self.nodes[0].value), "picture"))
