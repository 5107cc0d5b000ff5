"""`NeuronGroups`: neurons that fire together, where, what they detect and what they contribute to a decision."""

from collections.abc import Iterator, Sequence

import numpy as np

from tf_interp.analysis.drawing import Drawing
from tf_interp.analysis.part import SHOWN, Album, Draft, Part, View
from tf_interp.attribution import attribute
from tf_interp.features import Objective
from tf_interp.groups import find_groups
from tf_interp.models import Target


class NeuronGroups(Part):
    """Non-negative factorization of a layer's activations on the probe, with maps, icons and effects.

    Groups keep their number and colour over training: each step starts from the last factors.

    Args:
        k: number of groups.
        targets: class indices or names whose logit is attributed to the groups; None takes the (at most 4) most
            frequent labels of the probe, of a regression the first numbers.
        icons: whether to draw each group by feature visualization.
        steps: optimization steps for the first icon.
        warm_steps: steps for each later one; None takes an eighth of `steps`.
        at: "channel" or "neuron", as in `Features`.
        penalty: objective to subtract, as in `Features`.
        seed: of the factorization and of the icons.

    Raises:
        ValueError: if `k` or `steps` is below 1.

    Example:
        >>> NeuronGroups(4, icons=False).k
        4
    """

    kind = "groups"

    def __init__(
        self,
        k: int = 6,
        *,
        targets: Sequence[int | str] | None = None,
        icons: bool = True,
        steps: int = 128,
        warm_steps: int | None = None,
        at: str = "channel",
        penalty: Objective | None = None,
        seed: int = 0,
    ) -> None:
        if k < 1:
            raise ValueError(f"NeuronGroups needs at least one group, got k={k}")
        self.k, self.targets, self.icons, self.seed = k, targets, icons, seed
        self.drawing = Drawing(steps, warm_steps, at, penalty, None, seed)

    def check(self, view: View) -> None:
        """Raise if a target does not exist, or a layer has fewer channels than groups."""
        for target in self.targets or ():
            view.target(target)
        for layer in view.layers:
            *sides, channels = view.model.layers[layer]
            if channels is not None and self.k > channels:
                raise ValueError(f"layer {layer!r} has {channels} channels, fewer than the {self.k} groups asked for")
            if None not in sides and self.k > len(view.probe) * np.prod(sides):
                raise ValueError(
                    f"layer {layer!r} has {len(view.probe) * np.prod(sides)} positions on the {len(view.probe)} probe "
                    f"pictures, too few for {self.k} groups: give more pictures"
                )

    def make(self, view: View) -> Iterator[Draft]:
        """Yield one draft per layer."""
        for layer in view.layers:
            memory = view.memory.setdefault(layer, {})
            groups = find_groups(view.model, view.probe, layer, self.k, seed=self.seed, init=memory.get("groups"))
            effects, residual = self._effects(view, groups)
            album = Album()
            entry = view.describe_probe(album, min(SHOWN, len(groups.weights)))
            last = memory.get("rendering")
            rendering = self.drawing.draw(view.model, groups, last) if self.icons else None
            icons = None if rendering is None else album.add(rendering.images)
            maps, scale = self._map(groups.weights[: entry["thumbnails"]["count"]], groups.weights)
            rows = [
                {
                    "name": groups.names[index],
                    "share": groups.shares[index],
                    "icon": index if icons else None,
                    "channels": [
                        {"channel": channel, "weight": groups.vectors[index, channel]}
                        for channel in np.argsort(-groups.vectors[index], kind="stable")[:5]
                    ],
                    "effects": {name: values[index] for name, values in effects.items()},
                }
                for index in range(self.k)
            ]
            data = {
                "groups": rows,
                "error": groups.error,
                "residual_effects": residual,
                "icons": icons,
                "maps": album.add(maps, columns=self.k),
                "map_scale": scale,
                "probe": entry,
            }
            scalars = {
                f"group share/{layer}/{name}": share for name, share in zip(groups.names, groups.shares, strict=True)
            }
            memory.update(groups=groups, rendering=rendering)  # now that all is there: the next step starts from them
            yield Draft(
                self.kind, layer, f"{self.k} groups of neurons in {layer}", data, album,
                {"k": self.k, "seed": self.seed, "images": len(view.probe)}, list(groups.notes), scalars,
            )  # fmt: skip

    def _effects(self, view: View, groups) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """Mean attribution of each target's logit to the groups, and to what they leave out."""
        effects, residual = {}, {}
        for target in self._targets(view):
            found = attribute(view.model, view.probe.images, target, layer=groups.layer, along=groups)
            effects[target.name] = found.values.mean(0)
            residual[target.name] = float((found.totals - found.values.sum(-1)).mean())
        return effects, residual

    def _targets(self, view: View) -> list[Target]:
        if self.targets is not None:
            return [view.target(target) for target in self.targets]
        head, labels = view.head, view.probe.labels
        if head.count is None:
            return []
        counts = np.ones(head.count, np.int64)
        if head.decides:
            classes = view.logits.argmax(-1) if labels is None else labels
            counts = np.array([head.holds(classes, index).sum() for index in range(head.count)])
        used = [index for index in np.argsort(-counts, kind="stable")[:4] if counts[index]]
        return [view.target(int(index)) for index in sorted(used)]

    @staticmethod
    def _map(weights: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return maps [M*k,h,w] in [0,1], picture by picture, and the value of each group that 1 stands for."""
        scale = whole.max((0, 1, 2))
        maps = weights / np.where(scale > 0, scale, 1)
        return maps.transpose(0, 3, 1, 2).reshape(-1, *maps.shape[1:3]), scale
