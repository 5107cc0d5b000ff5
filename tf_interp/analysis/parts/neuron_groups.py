"""`NeuronGroups`: neurons that fire together, where, what they detect and what they contribute to a decision."""

import copy
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tensorboard_plugin_interp import metadata
from tf_interp.analysis.drawing import Drawing
from tf_interp.analysis.part import SHOWN, Album, Draft, Part, View
from tf_interp.analysis.parts.decision_record import list_channels
from tf_interp.analysis.parts.group_record.group_meaning import read_groups, tell_history, tell_names, tell_profiles
from tf_interp.analysis.parts.group_record.group_switches import measure_switches, tell_proofs, tell_switches
from tf_interp.attribution import attribute
from tf_interp.directions import Directions
from tf_interp.features import Objective
from tf_interp.groups import GroupHistory, Groups, find_groups
from tf_interp.groups.effects.placed_groups import check_baseline
from tf_interp.groups.methods.choice import Automatic, choose
from tf_interp.groups.methods.weighting import check_weighting
from tf_interp.groups.methods.windows import check_window
from tf_interp.models import Target
from tf_interp.records import Record


class NeuronGroups(Part):
    """Factorization of a layer's activations on the probe, with maps, icons, effects and what switching off does.

    Groups keep their number, place and color over training: each step starts from the last factors.

    Args:
        k: number of groups; of several, `[4, 8]`, each has a record of its own, and the first is what other parts show.
        targets: class indices or names whose logit is attributed to the groups; None takes the (at most 4) most
            frequent labels of the probe, of a regression the first numbers.
        icons: whether to draw each group by feature visualization.
        steps: optimization steps for the first icon.
        warm_steps: steps for each later one; None takes an eighth of `steps`.
        at: "channel" or "neuron", as in `Features`.
        penalty: objective to subtract, as in `Features`.
        seed: of the factorization and of the icons.
        method: as in `find_groups`: a name, or (name, settings). What "auto" chose at the first step stays.
        switches: the probe pictures of which all combinations of groups are switched off, for up to 8 groups: how many,
            from the first on, or a list of their places; 0 for none.
        param: "auto", "probe" or "photographs": what the icons are drawn like, as in `Features`.
        baseline: what is left of a group that is switched off, "zero" or "median", as in `ablate_groups`.
        window: how near neurons must fire to fire together, as in `find_groups`.
        weighting: what a channel counts, as in `find_groups`: all alike, or by "gradient" as much as the decision hangs
            on it.

    Raises:
        ValueError: if a `k` or `steps` is below 1, a `k` is named twice, or there is no such method,
            `window` is no odd number, or there is no such baseline or weighting.

    Example:
        >>> NeuronGroups(4, icons=False).k
        4
    """

    kind = "groups"
    by_layer = True
    drawing: Drawing

    def __init__(
        self,
        k: int | Sequence[int] = 6,
        *,
        targets: Sequence[int | str] | None = None,
        icons: bool = True,
        steps: int = 128,
        warm_steps: int | None = None,
        at: str = "channel",
        penalty: Objective | None = None,
        seed: int = 0,
        method: str | tuple[str, Mapping[str, Any]] = "auto",
        switches: int | Sequence[int] = 8,
        param: str = "auto",
        window: int = 1,
        baseline: str = "zero",
        weighting: str | None = None,
    ) -> None:
        counts: Sequence[Any] = k if isinstance(k, Sequence) else (k,)
        if not counts or not all(isinstance(one, numbers.Integral) and int(one) > 0 for one in counts):
            raise ValueError(
                f"NeuronGroups needs at least one group: k is a number from 1, or a list of them, got {k!r}"
            )
        if len(set(counts)) < len(counts):
            raise ValueError(f"NeuronGroups names a number of groups twice: k={k!r}")
        rows = range(switches) if isinstance(switches, numbers.Integral) else switches
        negative = isinstance(switches, numbers.Integral) and switches < 0
        if negative or not isinstance(rows, Sequence) or any(row not in range(SHOWN) for row in rows):
            raise ValueError(
                f"switches is a number of pictures from 0 to {SHOWN}, or a list of their places, got {switches!r}"
            )
        self.counts = tuple(map(int, counts))
        self.k, self.targets, self.icons, self.seed = self.counts[0], targets, icons, seed
        self.method, self.switches = choose(method), tuple(dict.fromkeys(map(int, rows)))
        check_window(window)
        check_baseline(baseline)
        check_weighting(weighting)
        self.window, self.baseline, self.weighting = window, baseline, weighting
        self.drawing = Drawing(steps, warm_steps, at, penalty, None, seed, param)

    def check(self, view: View) -> None:
        """Raise if a target does not exist, or a layer has fewer channels than groups."""
        for target in self.targets or ():
            view.target(target)
        for layer in view.layers:
            if not self.method.overcomplete:
                check_channels(view, layer, max(self.counts))
            *sides, _ = view.model.layers[layer]
            if None not in sides and max(self.counts) > len(view.probe) * np.prod(sides):
                raise ValueError(
                    f"layer {layer!r} has {len(view.probe) * np.prod(sides)} positions on the {len(view.probe)} probe "
                    f"pictures, too few for {max(self.counts)} groups: give more pictures"
                )

    def tags(self, layer: str) -> list[str]:
        """Return a tag for each number of groups."""
        return [self._tag(layer, k) for k in self.counts]

    def _tag(self, layer: str, k: int) -> str:
        return metadata.make_tag(self.kind, layer, self._variant(k))

    def _variant(self, k: int) -> str:
        return "" if len(self.counts) == 1 else str(k)

    def directions(self, view: View, layer: str) -> Directions | None:
        """Return as many channels as groups will be drawn."""
        count = view.model.layers[layer][-1]
        if not self.icons or not count:
            return None
        return Directions.from_channels(layer, [row % count for row in range(sum(self.counts))], count)

    def recall(self, record: Record, memory: dict[Any, Any]) -> None:
        """Go on with the groups of a training that was interrupted: they keep their identities and start from there."""
        k = len(record.data["groups"])
        found = read_groups(record)
        if found is None or k not in self.counts:
            return
        groups, history = found
        kept = memory.setdefault(record.layer if k == self.k else (record.layer, k), {})
        kept["history"] = history
        kept["told"] = (
            f"identities go on from the record of step {record.step}: drift since birth counts from there, and a group "
            "that was gone by then would be a new one"
        )
        if groups.method is not None and self.method.name in (Automatic.name, groups.method.name):
            kept["groups"] = groups

    def make(self, view: View) -> Iterator[Draft]:
        """Yield one draft per layer and number of groups."""
        for layer in view.layers:
            for k in self.counts:
                yield self._make(view, layer, k)

    def _make(self, view: View, layer: str, k: int) -> Draft:
        memory = view.memory.setdefault(layer if k == self.k else (layer, k), {})
        groups = find_shared(view, layer, k, self.seed)
        targets = self._targets(view)
        effects, residual = self._effects(view, groups, targets)
        shown = [row for row in self.switches if row < len(view.probe)]
        switched = measure_switches(view, groups, targets, shown, self.baseline)
        album, told = Album(), [memory["told"]] if "told" in memory else list[str]()
        history = copy.deepcopy(memory.get("history")) or GroupHistory()
        tracked, events = tell_history(view, history, groups)
        view.vocabulary.identify(groups, [row["identity"] for row in tracked])
        described, common = tell_profiles(view, album, groups, targets)
        words = tell_names(view, groups, told)
        entry = view.describe_probe(album, min(SHOWN, len(groups.weights)))
        last = memory.get("rendering")
        drawing, notes = view.prepare(self.drawing if self.icons else None)
        rendering, icons, limits = None, None, None
        if drawing is not None:
            rendering = drawing.draw(view.model, groups, last, view.workspace, self._tag(layer, k))
            limits = drawing.options.get("limits", (0.0, 1.0))
            icons = album.add_shown(view.show(rendering.images, limits), None)
        places = view.arrange(groups.weights, layer)
        maps, scale = self._map(places.values[: entry["thumbnails"]["count"]], groups.weights)
        rows = [
            {
                "name": groups.names[index],
                "share": groups.shares[index],
                "icon": index if icons else None,
                "channels": list_channels(groups.vectors[index], 5),
                "vector": metadata.pack_vector(groups.vectors[index].tolist()),
                "effects": {name: values[index] for name, values in effects.items()},
                "proofs": tell_proofs(switched, index),
                "word": words[index],
                **tracked[index],
                **described[index],
            }
            for index in range(k)
        ]
        data = {
            "groups": rows,
            "error": groups.error,
            "left_out": groups.left_out,
            "method": None if groups.method is None else groups.method.label,
            "residual_effects": residual,
            "icons": icons,
            "maps": album.add(maps, columns=k),
            "map_scale": scale,
            "switches": tell_switches(view, switched, shown, self.baseline),
            "events": events,
            "next_identity": history.next_identity,
            **common,
            "probe": entry,
            **({"variant": variant} if (variant := self._variant(k)) else {}),
        }
        more = f"k={k}/" if self._variant(k) else ""
        scalars = {
            f"group share/{layer}/{more}{name}": share for name, share in zip(groups.names, groups.shares, strict=True)
        }
        if rendering is not None:
            view.vocabulary.keep(groups, rendering.images, limits)
        # now that all is there: the next step starts from them
        memory.pop("told", None)
        memory.update(groups=groups, rendering=rendering, history=history)
        return Draft(
            self.kind, layer, f"{k} groups of neurons in {layer}", data, album,
            {"k": k, "seed": self.seed, "images": len(view.probe), "method": self.method.label,
             "window": self.window, "weighting": self.weighting,
             **({} if drawing is None else {"param": drawing.param})},
            [*groups.notes, *places.notes, *notes, *(switched.notes if switched else ()), *told], scalars,
        )  # fmt: skip

    def _effects(
        self, view: View, groups: Groups, targets: Sequence[Target]
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """Mean attribution of each target's logit to the groups, and to what they leave out."""
        effects, residual = {}, {}
        for target in targets:
            found = attribute(view.model, view.probe.images, target, layer=groups.layer, along=groups)
            effects[target.name] = found.values.mean(0)
            residual[target.name] = float((found.totals - found.values.sum(-1)).mean())
        return effects, residual

    def _targets(self, view: View) -> list[Target]:
        if self.targets is not None:
            return [view.target(target) for target in self.targets]
        labels = view.probe.labels
        decided = view.logits.argmax(-1) if labels is None and view.head.decides else labels
        return [view.target(index) for index in view.head.commonest(decided)]

    @staticmethod
    def _map(weights: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return maps [M*k,h,w] in [0,1], picture by picture, and the value of each group that 1 stands for."""
        scale = whole.max((0, 1, 2))
        maps = weights / np.where(scale > 0, scale, 1)
        return maps.transpose(0, 3, 1, 2).reshape(-1, *maps.shape[1:3]), scale


def find_shared(view: View, layer: str, k: int, seed: int) -> Groups:
    """Return the groups of a layer that all parts show, which start from those of the step before.

    Args:
        view: what the part sees; its memory of the layer has the last groups.
        layer: path of the layer.
        k: number of groups.
        seed: of the factorization.
    """
    part = find_part(view)
    method, window, weighting = (
        (choose("auto"), 1, None) if part is None else (part.method, part.window, part.weighting)
    )
    kept = (view.memory.get(key, {}).get("groups") for key in (layer, (layer, k)))
    last = next((found for found in kept if found is not None and len(found) == k), None)
    settings: dict[str, Any] = {"seed": seed, "init": last, "method": method, "window": window, "weighting": weighting}
    return view.vocabulary.groups(
        (layer, k, seed, method, window, weighting), lambda: find_groups(view.model, view.probe, layer, k, **settings)
    )


def check_channels(view: View, layer: str, k: int) -> None:
    """Raise a ValueError if a layer has fewer channels than groups are asked for.

    Args:
        view: what the part sees.
        layer: path of the layer.
        k: number of groups.
    """
    channels = view.model.layers[layer][-1]
    if channels is not None and k > channels:
        raise ValueError(
            f"layer {layer!r} has {channels} channels, fewer than the {k} groups asked for: "
            f"give parts with NeuronGroups({channels}) or fewer, or other layers"
        )


def find_part(view: View) -> NeuronGroups | None:
    """Return the `NeuronGroups` of this analysis, whose groups other parts show; None without one."""
    return next((part for part in view.vocabulary.parts if isinstance(part, NeuronGroups)), None)
