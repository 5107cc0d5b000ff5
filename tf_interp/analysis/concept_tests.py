"""`ConceptTests`: which human concepts a decision depends on, with honest statistics, at every step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.analysis.part import THUMBNAIL, Album, Draft, Part, View
from tf_interp.concepts import tcav
from tf_interp.images import check_images

EXAMPLES = 12  # pictures of each concept that a record carries


class ConceptTests(Part):
    """Concept tests of the layers, with the same pictures at every step.

    Args:
        concepts: name -> images [N,H,W,C] in [0,1].
        random: images [N,H,W,C] of no concept in particular; None if every concept has counterparts in `paired`.
        targets: class names or indices, whose pictures are taken from the probe by label (all of them where it has no
            labels); or a mapping to images or to (class index, images), as `tcav` takes it.
        paired: name -> the same pictures as in `concepts` without the concept, in the same order.
        permutations: label permutations of each test.
        seed: of permutations and bootstrap.

    Raises:
        ValueError: if pictures lie outside [0,1] or are missing.

    Example:
        >>> ConceptTests({"dark": np.zeros((8, 4, 4, 1))}, np.ones((8, 4, 4, 1)), [0]).targets
        [0]
    """

    kind = "concepts"

    def __init__(
        self,
        concepts: Mapping[str, Any],
        random: Any = None,
        targets: Sequence[int | str] | Mapping[Any, Any] = (),
        *,
        paired: Mapping[str, Any] | None = None,
        permutations: int = 10_000,
        seed: int = 0,
    ) -> None:
        self.concepts = {
            str(name): check_images(images, f"images of concept {name!r}") for name, images in concepts.items()
        }
        self.random = None if random is None else check_images(random, "random images")
        self.paired = {
            str(name): check_images(images, f"counterparts of concept {name!r}")
            for name, images in (paired or {}).items()
        }
        self.targets, self.permutations, self.seed = targets, permutations, seed
        if not self.concepts or not targets:
            raise ValueError(
                f"ConceptTests needs at least one concept and one target, got {list(concepts)} and {targets!r}"
            )

    def check(self, view: View) -> None:
        """Raise if a target has no pictures, or pictures do not fit the network."""
        self._targets(view)
        shape = view.probe.images.shape[1:]
        for name, images in {
            **self.concepts,
            **self.paired,
            **({} if self.random is None else {"random": self.random}),
        }.items():
            if images.shape[1:] != shape:
                raise ValueError(f"images of {name!r} have shape {images.shape[1:]}, the probe's have {shape}")

    def make(self, view: View) -> Iterator[Draft]:
        """Yield one draft per layer; the corrections count all layers, targets and concepts together."""
        result = tcav(
            view.model, self.concepts, self.random, self._targets(view), list(view.layers),
            paired=self.paired or None, permutations=self.permutations, seed=self.seed,
        )  # fmt: skip
        repeated = view.memory.setdefault("steps", 0) > 0
        view.memory["steps"] += 1
        for layer in view.layers:
            album = Album()
            rows = [{k: v for k, v in row.items() if k != "layer"} for row in result.rows if row["layer"] == layer]
            data = {
                "tests": rows,
                "family": result.family,
                "alpha": 0.05,
                "exploratory": repeated,
                "permutations": self.permutations,
                "concepts": {
                    name: {"count": len(images), "examples": album.add(images[:EXAMPLES], longest=THUMBNAIL)}
                    for name, images in self.concepts.items()
                },
                "pool": None
                if self.random is None
                else {"count": len(self.random), "examples": album.add(self.random[:EXAMPLES], longest=THUMBNAIL)},
            }
            scalars: dict[str, float] = {}
            for row in rows:
                name = f"{layer}/{row['concept']} to {row['target']}" + (
                    "" if row["contrast"] != "relative" else " (relative)"
                )
                scalars[f"concept effect/{name}"] = row["displacement"]
                scalars[f"TCAV score/{name}"] = row["score"]
            notes = (
                ["tested at many steps without correction over steps: read the curves as exploratory"]
                if repeated
                else []
            )
            settings = {"permutations": self.permutations, "seed": self.seed, **result.settings}
            yield Draft(self.kind, layer, f"Concepts in {layer}", data, album, settings, notes, scalars)

    def _targets(self, view: View) -> dict[Any, Any]:
        if isinstance(self.targets, Mapping):
            return dict(self.targets)
        found: dict[Any, tuple[int, np.ndarray]] = {}
        for target in self.targets:
            index = view.resolve_target(target)
            images = view.probe.images
            if view.probe.labels is not None:
                images = images[view.probe.labels == index]
            if not len(images):
                raise ValueError(f"the probe has no picture of target {target!r}: pass targets={{{target!r}: images}}")
            found[view.class_name(index)] = (index, images)
        return found
