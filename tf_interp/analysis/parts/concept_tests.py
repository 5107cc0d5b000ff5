"""`ConceptTests`: which human concepts a decision depends on, with honest statistics, at every step."""

import dataclasses
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_interp.analysis.part import Album, Draft, Part, View
from tf_interp.concepts import ConceptTest, ConceptWatch, tcav
from tf_interp.concepts.examples.concept import Concept, as_concept
from tf_interp.concepts.examples.sets import gather_sets
from tf_interp.concepts.examples.target_images import resolve_targets
from tf_interp.concepts.result.explain import describe_correction
from tf_interp.concepts.statistics.cav import get_fit
from tf_interp.concepts.tcav.arguments import Request, check_options
from tf_interp.concepts.tcav.comparisons import RELATIVE, declare_contrasts
from tf_interp.concepts.watching.concept_watch import least_of
from tf_interp.concepts.watching.spending import Spending, get_spending
from tf_interp.models import Target
from tf_interp.models.batches import count_rows
from tf_interp.probe import pick_rows
from tf_interp.records import Record

EXAMPLES = 12  # pictures of each concept that a record carries
_MEDIUM = 0.5  # standard deviations of the target's score over the probe: what is called an effect of medium size
_EXPLORATORY = "tested at many steps without correction over steps: read the curves as exploratory"
_ANEW = (
    "another training began, and with it another watch: its alarm may ring falsely as often as that of the one before"
)
_SAME = (
    "another fit began, no shorter than the one before (fit(epochs=1) in a loop): the alarm goes on as one watch, "
    "which had spent {:.2g} of alpha = {:g}; in such a loop attach the callback and call look(), with steps= here"
)
_GOES_ON = "a training that was interrupted goes on: its alarm has what had not been spent of alpha by then"
_COARSE = (
    "with so few relabelings for {} comparisons the alarm cannot ring at alpha = {:g}, only from {:.2g} on: ask for "
    "more permutations, give more images or sources, or test less"
)
_NOTHING: dict[str, Any] = {"share": 0.0, "spent": 0.0, "looks": 0, "rung": {}}  # of a watch before this one


class ConceptTests(Part):
    """Concept tests of the layers, with the same pictures at every step.

    Args:
        concepts: name -> images [N,H,W,C] in [0,1], or what else the network takes, for several inputs a dict of
            arrays; or `Concept`.
        random: images or `Concept` of no concept in particular; None if every concept has counterparts in `paired`.
        targets: class names or indices, whose pictures are taken from the probe by label (all of them where it has no
            labels); or a mapping to images or to (class index, images), as `tcav` takes it.
        paired: name -> the same pictures as in `concepts` without the concept, in the same order.
        relative: whether concepts are also tested against each other: "union", "pairs" or "none", as in `tcav`.
        steps: at how many steps this will be tested, to correct p for all of them too; None corrects p within each
            step. The alarm of a training (`ConceptWatch`) holds over all its steps either way.
        permutations: label permutations of each test.
        seed: of permutations and bootstrap.
        groups: name or "random" -> the source of each picture, as in `tcav`.
        hierarchy: parent -> names of concepts or parents, as in `tcav`.
        method: "displacement" or "kim2018", as in `tcav`.
        cav: kind of the concept vector, as in `tcav`.
        pooling: "mean" over positions or "flat", as in `tcav`.
        bootstraps: resamples for the intervals.
        alpha: level of the claims, and of the alarm over a whole training.
        spending: how the alarm spreads alpha over the training, as in `ConceptWatch`.
        fixed: what other inputs get wherever images are one array, as in `tcav`.

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
        relative: str = "union",
        steps: int | None = None,
        permutations: int = 10_000,
        seed: int = 0,
        groups: Mapping[str, Sequence[Any]] | None = None,
        hierarchy: Mapping[str, Sequence[str]] | None = None,
        method: str = "displacement",
        cav: Any = "mean",
        pooling: str = "mean",
        bootstraps: int = 1000,
        alpha: float = 0.05,
        spending: str | Spending = "linear",
        fixed: Mapping[str, Any] | None = None,
    ) -> None:
        for argument, value in (("concepts", concepts), ("paired", paired or {})):
            if not isinstance(value, Mapping):
                raise TypeError(f"{argument} must be a dictionary name -> images, got {type(value).__name__}")
        self.concepts = {
            str(name): as_concept(images, f"images of concept {name!r}") for name, images in concepts.items()
        }
        self.random = None if random is None else as_concept(random, "random images")
        self.paired = {
            str(name): as_concept(images, f"counterparts of concept {name!r}")
            for name, images in (paired or {}).items()
        }
        if not isinstance(targets, Mapping):
            if isinstance(targets, str | int):
                raise TypeError(
                    f"targets must be a list of classes, or a mapping, got {targets!r}: write [{targets!r}]"
                )
            targets = list(targets)
        if not self.concepts or not targets:
            raise ValueError(f"ConceptTests needs at least one concept and one target, got {list(concepts)}, {targets}")
        if steps is not None and (isinstance(steps, bool) or not isinstance(steps, numbers.Integral) or steps < 1):
            raise ValueError(f"steps must be the number of steps that are tested, or None, got {steps}")
        self.targets, self.relative, self.steps = targets, relative, steps
        self.permutations, self.seed = permutations, seed
        self.spending = get_spending(spending)
        self._options: dict[str, Any] = {
            "paired": self.paired or None,
            "relative": relative,
            "permutations": permutations,
            "seed": seed,
            "groups": groups,
            "hierarchy": hierarchy,
            "method": method,
            "cav": cav,
            "pooling": pooling,
            "bootstraps": bootstraps,
            "alpha": alpha,
            "fixed": fixed,
        }
        given = {**self._options, "paired": self.paired, "runs": 2, "batch_size": 1, "family": None}
        check_options(Request(self.concepts, self.random, {}, ["any layer"], **given))
        get_fit(cav, seed)
        if relative not in RELATIVE:
            raise ValueError(f"relative must be one of {list(RELATIVE)}, got {relative!r}")

    def check(self, view: View) -> None:
        """Raise if a target has no pictures, or pictures do not fit the network."""
        self._targets(view)
        counterparts = {f"the counterparts of {name}": concept for name, concept in self.paired.items()}
        named = self.concepts | counterparts | ({} if self.random is None else {"random": self.random})
        given = view.probe.images
        for name, concept in named.items():
            own = concept.images
            if isinstance(own, np.ndarray) and isinstance(given, np.ndarray) and own.shape[1:] != given.shape[1:]:
                raise ValueError(f"images of {name!r} have shape {own.shape[1:]}, the probe's have {given.shape[1:]}")
        groups, hierarchy = self._options["groups"], self._options["hierarchy"]
        if groups or hierarchy or isinstance(given, Mapping):  # their names and labels speak of the sets
            fixed = self._options["fixed"]
            sets = gather_sets(view.model, self.concepts, self.random, self._targets(view), self.paired, groups, fixed)
            declare_contrasts(sets, self.relative, hierarchy)

    def test(self, view: View) -> ConceptTest:
        """Return the test of all layers, targets and concepts together.

        Args:
            view: what to test.
        """
        return tcav(view.model, self.concepts, self.random, self._targets(view), list(view.layers), **self._options)

    def make(self, view: View) -> Iterator[Draft]:
        """Yield one draft per layer; the corrections count all layers, targets and concepts together."""
        result = self.test(view)
        if self.steps is not None:
            result = result.correct(result.family * self.steps)
        view.memory["looks"] = view.memory.get("looks", 0) + 1
        watched, notes = self._watch(view, result)
        late = self.steps is not None and view.memory["looks"] > self.steps
        exploratory = late or (self.steps is None and view.repeated and watched is None)
        notes = [*result.notes, *notes, *([_EXPLORATORY] if exploratory else [])]
        headline = _make_headline(result)
        for layer in view.layers:
            album = Album()
            places = [number for number, row in enumerate(result.rows) if row["layer"] == layer]
            rows = [result.rows[number] for number in places]
            findings, cautions = result.findings(rows)
            data = {
                "tests": [
                    {key: value for key, value in row.items() if key != "layer"}
                    | dataclasses.asdict(finding)
                    | {"alarm": view.memory["rung"].get(number) if watched else None}
                    for number, row, finding in zip(places, rows, findings, strict=True)
                ],
                "watch": watched,
                "cautions": cautions,
                "headline": headline,
                "family": result.family,
                "correction": describe_correction(result.family, self.permutations),
                "alpha": result.alpha,
                "exploratory": exploratory,
                "permutations": self.permutations,
                "concepts": {
                    name: {
                        "count": len(concept),
                        "examples": album.add_shown(view.show(pick_rows(concept.images, slice(EXAMPLES)))),
                    }
                    for name, concept in self.concepts.items()
                },
                "pool": None
                if self.random is None
                else {
                    "count": len(self.random),
                    "examples": album.add_shown(view.show(pick_rows(self.random.images, slice(EXAMPLES)))),
                },
            }
            scalars: dict[str, float] = {}
            for row in rows:
                name = f"{layer}/{row['concept']} to {row['target']} ({row['contrast']})"
                scalars[f"concept effect/{name}"] = row["displacement"]
                scalars[f"TCAV score/{name}"] = row["score"]
            settings = {"permutations": self.permutations, "seed": self.seed, **result.settings}
            yield Draft(self.kind, layer, f"Concepts in {layer}", data, album, settings, list(notes), scalars)

    def recall(self, record: Record, memory: dict[Any, Any]) -> None:
        """Go on with the watch of a training that was interrupted: what it had spent is not spent again."""
        watch = record.data.get("watch")
        if watch is None:
            return
        before = memory.setdefault("before", _NOTHING | {"rung": {}})
        before |= {name: max(before[name], watch.get(name, 0)) for name in ("share", "spent", "looks")}
        before["rung"] |= {
            (record.layer, *_name_test(row)): row["alarm"]
            for row in record.data["tests"]
            if row.get("alarm") is not None
        }
        memory["looks"] = max(memory.get("looks", 0), before["looks"])

    def _watch(self, view: View, result: ConceptTest) -> tuple[dict[str, Any] | None, list[str]]:
        """Read the test for the alarm of this training; return what the record says of it, and what is to be noted."""
        if not view.repeated or not result.designs:
            return None, []
        memory, notes = view.memory, []
        watch, began = memory.get("watch"), memory.setdefault("training", view.training) != view.training
        memory["training"] = view.training
        if watch is not None and watch.is_behind(view.progress):
            watch, notes = None, [_ANEW]
            memory.pop("before", None)
        elif watch is not None and began and view.progress is not None:
            notes.append(_SAME.format(watch.spent, watch.alpha))
        if watch is None:
            before = memory.get("before", _NOTHING)
            if view.progress is not None and view.progress < before["share"]:  # it was planned longer this time
                before, notes = _NOTHING, [_ANEW]
            notes += [_GOES_ON] if before["share"] else []
            start = before["share"]
            watch = memory["watch"] = ConceptWatch(result.alpha, spending=self.spending, looks=self.steps, start=start)
            memory["before"] = before
            rung = [before["rung"].get((row["layer"], *_name_test(row))) for row in result.rows]
            memory["rung"] = {number: step for number, step in enumerate(rung) if step is not None}
        before = memory["before"]
        least = _find_least(view, resolve_targets(view.model, self._targets(view)))
        for ring in watch.look(result, view.progress, least):
            memory["rung"].setdefault(ring.number, view.step)
        if watch.too_coarse is not None:
            notes.append(_COARSE.format(len(result.designs), watch.alpha, watch.too_coarse))
        said = {"alpha": watch.alpha, "spent": before["spent"] + watch.spent, "share": watch.share}
        said["looks"] = before["looks"] + watch.made
        return said | {"tests": len(result.rows), "comparisons": len(result.designs)}, notes

    def _targets(self, view: View) -> dict[Any, Any]:
        if isinstance(self.targets, Mapping):
            return dict(self.targets)
        found: dict[Any, tuple[Any, Any]] = {}
        for asked in self.targets:
            target, images = view.target(asked), view.probe.images
            ours = target.output == view.head.path and view.head.decides  # the labels are about these classes
            if view.probe.labels is not None and target.index is not None and ours:
                images = pick_rows(images, view.head.holds(view.probe.labels, target.index))
            if not count_rows(images):
                raise ValueError(f"the probe has no picture of target {asked!r}: pass targets={{{asked!r}: images}}")
            if target.name in found:
                raise ValueError(
                    f"two targets are called {target.name!r}: give each a name of its own, as in "
                    "targets={'margin': (lambda y: y[:, 1] - y[:, 0], images)}"
                )
            found[target.name] = (target, Concept(images))
        return found


def _find_least(view: View, targets: Mapping[str, tuple[Target, Concept]]) -> dict[str, float]:
    """Return target -> the smallest displacement that counts: it must matter beside what pictures differ by anyway."""
    return {
        name: max(_MEDIUM * float(np.std(target.score(tf.constant(view.outputs)))), least_of(target.quantity))
        for name, (target, _) in targets.items()
        if target.output == view.head.path
    }


def _name_test(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what tells a test from the others of its layer, at whatever step."""
    return row["target"], row["concept"], row["contrast"], tuple(row.get("against") or ())


def _make_headline(result: ConceptTest) -> dict[str, Any]:
    """Return the strongest finding of all layers, and which test of which layer's record it is."""
    number, finding = result.headline()
    layers = [row["layer"] for row in result.rows[: 0 if number is None else number + 1]]
    place = {"layer": layers[-1], "test": layers.count(layers[-1]) - 1} if layers else {"layer": None, "test": None}
    return place | {"finding": dataclasses.asdict(finding)}
