"""`ConceptTest`: the answer, one row for each layer, target, concept and contrast."""

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.concepts.result.explain import CLAIMS, Finding, explain_rows, find_nothing, is_significant
from tf_interp.concepts.result.plot import plot_rows
from tf_interp.concepts.statistics.continuous import ContinuousDesign
from tf_interp.concepts.statistics.design import Design
from tf_interp.corrections import benjamini_hochberg, holm
from tf_interp.directions import Directions
from tf_interp.display import number_of, quote, tell, write_block, write_number, write_table

_HEAD = {"layer", "target", "concept", "contrast"}
_PREFERRED = ("paired", "random", "continuous", "relative")  # the clearest comparison first


@dataclasses.dataclass(frozen=True, eq=False)
class ConceptTest:
    """What `tcav` found.

    Read a row in this order: `displacement` (does the logit move between contrast and concept images, with interval
    and permutation p), then whether the contrast is "random", "relative" or "paired", then `specificity` (is the
    alignment more than any pattern of the pool would have). Significance is not importance: `effect` leads.

    Args:
        rows: a dictionary for each layer x target x concept x contrast; numbers that could not be computed are None.
        family: number of tests that `p_holm` and `p_bh` are corrected for.
        settings: what was asked for.
        alpha: level of the claims, .05.
        vectors: `(layer, concept, contrast)` -> unit vector [d].
        notes: plain sentences on images that were left out, and on the method.
        designs: `(concept, contrast)` -> how images were compared.
        projections: `(layer, concept, contrast)` -> float32 [n+m,T], images on the mean gradient of each target.
        state: what `add_concepts` continues from: the arguments of `tcav` with their pictures, which are not copied,
            and all activations and gradients, if they are at most 64 MB together; larger ones are computed again then.
            `dataclasses.replace(test, state=None)` holds neither.
    """

    rows: list[dict[str, Any]]
    family: int
    settings: dict[str, Any]
    alpha: float
    vectors: Mapping[tuple[str, str, str], np.ndarray]
    notes: list[str]
    designs: Mapping[tuple[str, str], Design | ContinuousDesign] = dataclasses.field(default_factory=dict, repr=False)
    projections: Mapping[tuple[str, str, str], np.ndarray] = dataclasses.field(default_factory=dict, repr=False)
    state: Any = dataclasses.field(default=None, repr=False)

    def to_dataframe(self) -> Any:
        """Return the rows as a pandas DataFrame.

        Returns:
            A DataFrame, one row for each test; lists joined by spaces.

        Raises:
            ImportError: if pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise ImportError("to_dataframe() needs pandas: pip install pandas (or tf-interp[plot])") from error
        return pandas.DataFrame([{name: _flat(value) for name, value in row.items()} for row in self.rows])

    def find(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the rows that have the given values, e.g. `find(concept="striped", contrast="random")`.

        Args:
            **wanted: column -> value; a target may be given by its class index.

        Returns:
            Rows, in order.

        Raises:
            ValueError: if there is no such column, or a layer, target, concept or contrast was not tested.
        """
        for name in wanted:
            if self.rows and name not in self.rows[0]:
                raise ValueError(f"no column {name!r}; there are {list(self.rows[0])}")
        if "target" in wanted:
            wanted["target"] = self._name_target(wanted["target"])
        for name in _HEAD & set(wanted):
            there = list(dict.fromkeys(row[name] for row in self.rows))
            if wanted[name] not in there:
                raise ValueError(f"not tested: {name} {wanted[name]!r}; there are {there}")
        return [row for row in self.rows if all(row[key] == value for key, value in wanted.items())]

    def correct(self, family: int) -> "ConceptTest":
        """Return the same test, corrected for a larger family: over training steps, say, or several calls.

        Args:
            family: number of all tests.

        Returns:
            The test with other `p_holm` and `p_bh`.

        Raises:
            ValueError: if the family is smaller than this test.
        """
        if not isinstance(family, int | np.integer) or family < len(self.rows):
            raise ValueError(f"family must be at least {len(self.rows)}, the tests of this one alone, got {family!r}")
        rows = [dict(row) for row in self.rows]
        return dataclasses.replace(self, rows=rows, family=correct_rows(rows, family))

    def claims(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row is significant after Holm's correction, and nothing forbids the claim.

        Args:
            row: one of `rows`.

        Returns:
            True for a star.
        """
        return is_significant(row, self.alpha)

    def directions(self, layer: str, concepts: Sequence[str] | None = None, contrast: str | None = None) -> Directions:
        """Return concept vectors for the renderer, attribution and ablation.

        Args:
            layer: a tested layer.
            concepts: which; None for all.
            contrast: which of a concept's vectors; None takes "paired" where there is one, else "random".

        Returns:
            Directions with a row of unit length for each concept.

        Raises:
            ValueError: if the layer, a concept or the contrast was not tested, or pooling was "flat".
        """
        if self.settings["pooling"] != "mean":
            raise ValueError('directions are vectors of channels: run tcav with pooling="mean", not "flat"')
        path, names, vectors = self._choose(layer, concepts, contrast)
        return Directions(path, vectors, names, "concepts")

    def entanglement(self, layer: str, contrast: str | None = None) -> tuple[list[str], np.ndarray]:
        """Return how alike the vectors of different concepts are; entangled concepts cannot be told apart.

        Args:
            layer: a tested layer.
            contrast: as in `directions`.

        Returns:
            `(K names, cosines [K,K])`.

        Source: Nicolson et al., Explaining Explainability: Recommendations for Effective Use of Concept Activation
        Vectors, 2024.
        """
        _, names, vectors = self._choose(layer, None, contrast)
        return names, vectors @ vectors.T

    def _choose(
        self, layer: str, concepts: Sequence[str] | None, contrast: str | None
    ) -> tuple[str, list[str], np.ndarray]:
        """Return the layer's path, names and one vector [K,d] for each concept."""
        paths = [path for path in self.settings["layers"] if path == layer or path.endswith("/" + layer)]
        path = paths[0] if paths else layer
        there = list(dict.fromkeys(name for _, name, _ in self.vectors))
        names = there if concepts is None else list(concepts)
        found = []
        for name in names:
            kinds = [kind for other, concept, kind in self.vectors if other == path and concept == name]
            wanted = [kind for kind in ((contrast,) if contrast else _PREFERRED) if kind in kinds]
            if not wanted:
                raise ValueError(
                    f"no vector of concept {name!r} in layer {layer!r} with contrast {contrast or 'any'!r}; tested "
                    f"were layers {self.settings['layers']}, concepts {there}, contrasts {kinds}"
                )
            found.append(self.vectors[path, name, wanted[0]])
        return path, names, np.stack(found)

    def influence(self, layer: str, target: str | int, concept: str, contrast: str) -> np.ndarray:
        """Return how much of a displacement is owed to each concept image: with it minus without it.

        An image whose influence is near the whole displacement carries the finding alone: look at it.

        Args:
            layer: full path of a tested layer.
            target: name or class index of a target.
            concept: name of a concept.
            contrast: as in the rows ("relative to X" where each pair was tested).

        Returns:
            float32 [n], in logits, in the order of the concept's images without duplicates.

        Raises:
            ValueError: if that was not tested.
        """
        targets, target = list(self.settings["targets"]), self._name_target(target)
        if (layer, concept, contrast) not in self.projections or target not in targets:
            raise ValueError(
                f"not tested: {(layer, target, concept, contrast)}; there are targets {targets} and "
                f"(layer, concept, contrast) {list(self.projections)[:12]}"
            )
        projections = self.projections[layer, concept, contrast][:, targets.index(target)]
        return self.designs[concept, contrast].leave_out(projections)

    def _name_target(self, target: Any) -> Any:
        """Return the name of a target that is given by its class index, as it came otherwise."""
        if isinstance(target, str) or not isinstance(target, int | np.integer):
            return target
        classes = self.settings["classes"]
        names = [name for name, index in classes.items() if index == target]
        if len(names) != 1:
            raise ValueError(
                f"not tested: target {target}; there are targets {classes} (name: class index)"
                if not names
                else f"class {target} is several targets: choose one of {names}"
            )
        return names[0]

    def findings(self, rows: Sequence[Mapping[str, Any]] | None = None) -> tuple[list[Finding], list[str]]:
        """Return what rows say, in parts, and what to be careful about in all of them.

        Args:
            rows: some of `rows`, as `find` returns them; None for all.

        Returns:
            `(a finding for each row, cautions that they share)`; a finding holds the others.

        Example:
            >>> test = tcav(model, {"striped": stripes}, photos, {"zebra": zebras}, "conv3")
            >>> test.findings()[0][0].claim in ("finding", "hint", "negligible", "no finding", "not specific")
            True
        """
        rows = self.rows if rows is None else rows
        return explain_rows(rows, self.family, self.alpha, self.settings.get("permutations"))

    def explain(self) -> list[str]:
        """Return the findings in plain sentences: those that claim most first, then by size; notes last.

        Returns:
            A text for each row, then one for each note. What to be careful about in all rows is said once, in a note.
        """
        found, shared = self.findings()
        notes = [*(f"of all these findings: {caution}" for caution in shared), *self.notes]
        return [found[number].text for number in self._rank(found)] + [f"Note: {note}." for note in notes]

    def headline(self) -> tuple[int | None, Finding]:
        """Return the strongest finding.

        Returns:
            `(number of its row, finding with all that is to be careful about)`; where no test is a finding, None and
            one that says so.

        Example:
            >>> test = tcav(model, {"striped": stripes}, photos, {"zebra": zebras}, "conv3")
            >>> number, finding = test.headline()  # number is None where nothing is a finding, and the words say so
        """
        found, _ = self.findings()
        for number in self._rank(found)[:1]:
            if found[number].claim == "finding":
                return number, self.findings([self.rows[number]])[0][0]
        return None, find_nothing(found)

    def _rank(self, found: Sequence[Finding]) -> list[int]:
        """Return the numbers of the rows, those that claim most first; then the clearest contrast; then by size."""

        def place(number: int) -> tuple[Any, ...]:
            row = self.rows[number]
            contrast = _PREFERRED.index(row["contrast"])
            return CLAIMS.index(found[number].claim), contrast, -abs(row["effect"] or 0)

        return sorted(range(len(found)), key=place)

    def plot(self, target: str | int | None = None, contrast: str | None = None, ax: Any = None) -> Any:
        """Draw bars of the displacement by concept and layer, with intervals, null band and corrected significance.

        Args:
            target: which, by name or class index; None for the first.
            contrast: which; None for the first that was tested.
            ax: matplotlib axes to draw on; None makes new ones.

        Returns:
            The axes; nothing is shown.

        Raises:
            ImportError: if matplotlib is not installed.
            ValueError: if that was not tested.
        """
        rows = self.find(target=self.rows[0]["target"] if target is None else target)
        there = list(dict.fromkeys(row["contrast"] for row in rows))
        if (contrast or there[0]) not in there:
            raise ValueError(f"not tested: contrast {contrast!r}; there are {there}")
        rows = [row for row in rows if row["contrast"] == (contrast or there[0])]
        claims = [finding.claim for finding in self.findings(rows)[0]]
        return plot_rows(rows, claims, self.family, self.alpha, ax)

    def __repr__(self) -> str:
        found, _ = self.findings()
        claims = f"{sum(finding.claim == 'finding' for finding in found)} found"
        strongest = []
        for number in self._rank(found)[:1]:
            row = self.rows[number]
            how = f"{row['contrast']}, p {write_number(row['p_holm'])}: {found[number].claim}"
            moves = f"{quote(row['concept'])} moves {quote(row['target'])} by {write_number(row['displacement'])}"
            strongest.append(f"{moves} in {quote(row['layer'])} ({how})")
        return tell(self, number_of(len(self.rows), "test"), claims, *strongest)

    def _repr_html_(self) -> str:
        found, shared = self.findings()
        ranked = [(self.rows[number], found[number].claim) for number in self._rank(found)]
        rows = [
            [row["layer"], row["target"], row["concept"], row["contrast"], write_number(row["displacement"]),
             f"{write_number(row['ci_low'])} to {write_number(row['ci_high'])}", write_number(row["p_holm"]), claim]
            for row, claim in ranked
        ]  # fmt: skip
        head = ["layer", "target", "concept", "contrast", "displacement", "95 %", "p corrected", "claim"]
        return write_block(repr(self), write_table(head, rows), notes=[*shared, *self.notes])


def correct_rows(rows: list[dict[str, Any]], family: int | None) -> int:
    """Add p values that are corrected over the whole declared family.

    Args:
        rows: with "p", which may be None; gain "p_holm" and "p_bh".
        family: number of tests, if there are more than these rows.

    Returns:
        The size of the family.
    """
    size = max(len(rows), family or 0)
    p = np.array([np.nan if row["p"] is None else row["p"] for row in rows])
    for name, adjusted in (("p_holm", holm(p, size)), ("p_bh", benjamini_hochberg(p, size))):
        for row, value in zip(rows, adjusted, strict=True):
            row[name] = None if np.isnan(value) else float(value)
    return size


def _flat(value: Any) -> Any:
    return " ".join(value) if isinstance(value, list) else value
