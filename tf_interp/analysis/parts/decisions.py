"""`Decisions`: how what was detected became the decision about each picture, with a proof beside every claim."""

import dataclasses
import numbers
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tf_interp.analysis.part import Album, Draft, Part, View
from tf_interp.analysis.parts.decision_details import choose_columns, tell_evidence, tell_flows, tell_layer
from tf_interp.analysis.parts.decision_record import shorten, tell_nodes, tell_pictures
from tf_interp.analysis.parts.neuron_groups import find_part, find_shared
from tf_interp.analysis.parts.shown_classes import choose_classes
from tf_interp.attribution.scores import Scores
from tf_interp.graph import AttributionGraph, attribution_graph
from tf_interp.graph.attribution_graph import rank_scores
from tf_interp.graph.graph_nodes import INPUT, check_layers
from tf_interp.groups import GroupHistory, Groups
from tf_interp.models import Head
from tf_interp.models.layer_names import take_names
from tf_interp.probe import pick_rows

_LARGE = 224  # pixels of the longer side of the pictures that are decided about
_LAYERS = 3  # that are joined where none are named
_MOST_LAYERS = 12  # that can be named


class Decisions(Part):
    """Input regions, groups of neurons and classes joined to one graph for each picture, with proofs.

    It takes the groups and icons of `NeuronGroups` where that is among the parts. What is recorded is enough to set any
    two of the recorded classes against each other and to ask what if a node were off, doubled, or as in another
    picture, without the network.

    Args:
        target: what is explained in place of classes: what else `Model.target` takes, such as a function of the logits.
        pictures: how many probe pictures, from the first on.
        k: groups of each layer; None takes those of `NeuronGroups`, or 4.
        layers: which of the layers are joined; None takes the last three.
        cells: regions along each side of the picture.
        classes: how many classes are recorded of a network with more than ten, the highest of each picture and the
            true one.
        seed: of the factorization, where `k` is given.

    Raises:
        ValueError: if a number is below 1, or there are more than 32 pictures or 12 layers.

    Example:
        >>> Decisions(pictures=4).pictures
        4
    """

    kind = "decision"
    joins = True

    def __init__(
        self,
        target: Any = None,
        *,
        pictures: int = 8,
        k: int | None = None,
        layers: Sequence[str] | None = None,
        cells: int = 3,
        classes: int = 5,
        seed: int = 0,
    ) -> None:
        counts = {"pictures": pictures, "cells": cells, "classes": classes, "k": k or 1}
        for name, value in counts.items():
            if isinstance(value, bool) or not isinstance(value, numbers.Integral):
                raise TypeError(f"{name} must be a whole number, got {value!r}")
        if not 1 <= pictures <= 32:
            raise ValueError(f"Decisions explains 1 to 32 pictures, got {pictures}")
        if min(cells, classes, 1 if k is None else k) < 1:
            raise ValueError(f"cells, classes and k must be at least 1, got {cells}, {classes} and {k}")
        layers = None if layers is None else take_names(layers)
        if layers is not None and len(layers) > _MOST_LAYERS:
            raise ValueError(f"Decisions joins at most {_MOST_LAYERS} layers, got {len(layers)}: nobody can read more")
        self.target, self.pictures, self.k, self.layers = target, pictures, k, layers
        self.cells, self.classes, self.seed = cells, classes, seed

    def record_layers(self, layers: Sequence[str], head: Head) -> list[str]:
        """Return what the one record is filed under: the output."""
        return [head.path]

    def check(self, view: View) -> None:
        """Raise if the target does not exist, or named layers cannot be joined."""
        if self.target is not None:
            view.target(self.target)
        if self.layers is not None:
            check_layers(view.model, self.layers, None)

    def make(self, view: View) -> Iterator[Draft]:
        """Yield one draft, about the output."""
        count = min(self.pictures, len(view.probe))
        album, notes = Album(), list[str]()
        entry = view.describe_probe(album, count)
        layers = self._choose(view, notes)
        outputs, classes = self._ask(view, count, entry["labels"], notes)
        title = f"How {count} pictures were decided"
        settings = {"pictures": count, "cells": self.cells, "layers": layers}
        data: dict[str, Any] = {"layers": [], "nodes": [], "edges": [], "pictures": [], "probe": entry}
        if not layers or not outputs:
            yield Draft(self.kind, view.head.path, title, data, album, settings, notes)
            return
        groups = {path: self._find_groups(view, path, notes) for path in layers}
        images = pick_rows(view.probe.images, slice(count))
        graph = attribution_graph(view.model, images, layers, target=outputs, groups=groups, cells=self.cells)
        data["layers"] = [self._show_layer(view, album, graph, path) for path in graph.groups]
        boxes = graph.network.places[0].boxes
        data |= tell_nodes(graph, view.vocabulary) | {"regions": [] if boxes is None else shorten(boxes)}
        data["pictures"] = tell_pictures(graph, classes, view.head)
        data["details"] = self._detail(view, album, graph, images, classes, entry["labels"], data["pictures"])
        data["large"] = album.add_shown(view.show(images), _LARGE)
        shown = images[view.shown_input] if isinstance(images, dict) else images
        data["tokens"] = shown.tolist() if shown.ndim == 2 and shown.dtype.kind in "iu" else None
        data["target"] = None if self.target is None else {"name": next(iter(outputs))}
        settings |= {"k": [len(found) for found in graph.groups.values()]}
        for path, found in groups.items():
            view.memory.setdefault(path, {})["groups"] = found  # now that all is there: the next step starts from them
        yield Draft(self.kind, view.head.path, title, data, album, settings, [*notes, *graph.notes])

    def _choose(self, view: View, notes: list[str]) -> list[str]:
        """Return the layers that are joined."""
        if self.layers is not None:
            return [view.model.resolve(name, channels=True) for name in self.layers]
        order = list(view.model.layers)
        flat = sorted((path for path in view.layers if len(view.model.layers[path]) <= 3), key=order.index)
        if not flat:
            notes.append("no graph was made: the layers are those of volumes, which it cannot draw")
        if len(flat) > _LAYERS:
            notes.append(f"the graph joins the last {_LAYERS} of {len(flat)} layers: name others with layers=")
        return flat[-_LAYERS:]

    def _ask(self, view: View, count: int, labels: Any, notes: list[str]) -> tuple[dict[str, Any], np.ndarray | None]:
        """Return the outputs of the graph, and which classes [N,M] they stand for, None for a target of its own."""
        head = view.head
        if self.target is not None:
            asked = view.target(self.target)
            return {asked.name: asked}, None
        if head.count is None:
            output = f"the network gives no classes or numbers ({head.kind} output)"
            notes.append(f"no graph was made: {output}; say with target= what is explained")
            return {}, None
        classes = choose_classes(head, view.logits[:count], labels, self.classes)
        outputs: dict[str, Scores] = {str(n): scores for n, scores in enumerate(rank_scores(head, classes))}
        return outputs, classes

    def _find_groups(self, view: View, path: str, notes: list[str]) -> Groups:
        part = find_part(view)
        if part is not None and self.k in (None, part.k):
            found = find_shared(view, path, part.k, part.seed)
            if view.workspace is not None and view.vocabulary.identity(path, found.vectors[0]) is None:
                # that part's record is written already: a history that began there
                view.vocabulary.identify(found, GroupHistory().add(view.step, found).identities)
            return found
        *sides, channels = view.model.layers[path]
        rows = len(view.probe) * (1 if None in sides else int(np.prod(sides)))
        k = min(self.k or 4, channels or 4, rows)
        if self.k is not None and k < self.k:
            few = f"{channels} channels" if k == channels else f"{rows} positions on the probe"
            notes.append(f"{path!r} has {few} and so {k} groups, not the {self.k} asked for")
        return find_shared(view, path, k, self.seed)

    def _show_layer(self, view: View, album: Album, graph: AttributionGraph, path: str) -> dict[str, Any]:
        """Return maps and icons of a layer's nodes."""
        groups = graph.groups[path]
        names = [node.name for node in graph.nodes if node.layer == path]
        arranged = view.arrange(np.stack([graph.maps[name] for name in names], -1), path)
        maps = np.moveaxis(arranged.values, -1, 0)  # [V,N,h,w]
        scale = maps.max((1, 2, 3))
        shown = maps / np.where(scale > 0, scale, 1)[:, None, None, None]
        drawn = self._draw(view, groups)
        crops = None
        known = view.probe.images if groups.weights_for(view.probe.images) is not None else None
        if known is not None:
            best = groups.weights.max((1, 2)).argmax(0)
            crops = view.show_crops(view.arrange(groups.weights, path).values, best.tolist(), list(range(len(groups))))
        return {
            "layer": path,
            "sides": list(maps.shape[2:]),
            "maps": album.add(shown.swapaxes(0, 1).reshape(-1, *maps.shape[2:]), columns=len(names)),
            "map_scale": shorten(scale),
            "icons": None if drawn is None else album.add_shown(view.show(*drawn), None),
            "crops": None if crops is None else album.add_shown(crops),
        }

    def _detail(
        self, view: View, album: Album, graph: AttributionGraph, images: Any, classes: Any, labels: Any, pictures: Any
    ) -> dict[str, Any]:
        """Return attribution by position and channel for a few classes, and what passes between positions."""
        if classes is None:
            asked = list(graph.network.outputs.values())
            columns = np.zeros((len(pictures), 1), np.int64)
        else:
            columns = choose_columns(classes, labels)
            asked = rank_scores(view.head, np.take_along_axis(classes, columns, 1))
        for picture, column in zip(pictures, columns, strict=True):
            picture["detailed"] = column.tolist()
        places = graph.network.places
        layers = [None if place.path == INPUT else place.path for place in places]
        margin = asked[0]
        if view.head.decides and len(asked) > 1:
            margin = dataclasses.replace(
                margin, weights=margin.weights - asked[1].weights, offsets=margin.offsets - asked[1].offsets
            )
        return {
            "evidence": tell_evidence(view, images, list(graph.groups)[-1], margin),
            "layers": [tell_layer(view, album, images, layer, asked) for layer in layers],
            "flows": tell_flows(view, images, places, self.cells),
        }

    def _draw(self, view: View, groups: Groups) -> tuple[np.ndarray, Any] | None:
        """Return the pictures of groups that `NeuronGroups` drew, or would have drawn had it not been done before."""
        found = view.vocabulary.pictures(groups)
        part = find_part(view)
        if found is not None or view.workspace is None or part is None or not part.icons or len(groups) != part.k:
            return found
        drawing, _ = view.prepare(part.drawing)
        if drawing is None:
            return None
        # that part's record is written already: its pieces are still there
        pictures = drawing.draw(view.model, groups, None, view.workspace, f"{part.kind}/{groups.layer}").images
        view.vocabulary.keep(groups, pictures, drawing.options.get("limits", (0.0, 1.0)))
        return view.vocabulary.pictures(groups)
