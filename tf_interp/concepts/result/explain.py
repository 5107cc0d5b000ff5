"""What a finding says: how much and for what; whether it is more than chance and special; what to be careful about.

Notebook, record, tab and command line show these words; none of them has a sentence or a rule of its own.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tf_interp.concepts.result.flags import FLAGS, TABLE

SPECIFIC = 0.95  # from this percentile on a concept is called specific to a decision
CLAIMS = ("finding", "not specific", "negligible", "hint", "near miss", "no finding", "no claim", "unknown")
CLEAR_OF_CHANCE = CLAIMS[:2]  # filled in pictures
_AGAINST = {
    "random": "compared with random examples",
    "relative": "compared with examples of {against}",
    "paired": "compared with the same examples without it",
    "continuous": "for each standard deviation more of it",
}
_SOMEWHAT = 0.8  # from this percentile on a concept is said to stand out a little
_NEGLIGIBLE = 0.05  # logits: a class's odds change by a twentieth at most
_CLEAR = 5  # a p this many times below the level is called clear
_NEAR = 2  # and one up to this many times above it a near miss


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one row of a concept test says.

    Args:
        sentence: how much the concept moves the decision, with its interval.
        verdict: how sure that is after correction, and whether it is special; "" where nothing can be said.
        claim: one of `CLAIMS`: "finding" (clear of chance, its interval beyond 0, specific where that was tested),
            "not specific" (the same, but other patterns fit as well), "negligible" (too small to matter), "hint" (the
            interval includes 0), "near miss", "no finding", "no claim" (a flag forbids it), "unknown".
        cautions: what to be careful about in this row.
    """

    sentence: str
    verdict: str
    claim: str
    cautions: list[str]

    @property
    def text(self) -> str:
        """Everything in one paragraph."""
        careful = f"Be careful: {'; '.join(self.cautions)}." if self.cautions else ""
        return " ".join(part for part in (self.sentence, self.verdict, careful) if part)


def is_significant(row: Mapping[str, Any], alpha: float) -> bool:
    """Return whether a row is significant after Holm's correction, and no flag forbids the claim.

    Args:
        row: one of `ConceptTest.rows`.
        alpha: level of the claims.

    Returns:
        True for a star.
    """
    forbidden = any(TABLE[flag].forbids_claim for flag in row["flags"])
    return row["p_holm"] is not None and row["p_holm"] <= alpha and not forbidden


def bears_out(row: Mapping[str, Any]) -> bool:
    """Return whether a row's own numbers bear a claim out, if chance is ruled out otherwise, as by an alarm.

    Args:
        row: one of `ConceptTest.rows`.

    Returns:
        True if no flag forbids a claim, the interval leaves 0 out, and the effect is not negligible.
    """
    if row["displacement"] is None or any(TABLE[flag].forbids_claim for flag in row["flags"]):
        return False
    return not row["ci_low"] <= 0 <= row["ci_high"] and not _is_negligible(row)


def explain_rows(
    rows: Sequence[Mapping[str, Any]], family: int, alpha: float = 0.05, permutations: int | None = None
) -> tuple[list[Finding], list[str]]:
    """Return what rows of a concept test say, and what to be careful about in all of them, which is said once.

    Args:
        rows: some of `ConceptTest.rows`.
        family: number of tests.
        alpha: level of the claims.
        permutations: how many relabelings were drawn, or None: where none of them came near, more images would not
            make the finding surer, only more relabelings.

    Returns:
        `(a finding for each row, cautions that they share)`.
    """
    # What forbids a claim is never shared: it changes how each row is read.
    shared = [
        flag
        for flag in (TABLE if len(rows) > 1 else ())
        if not TABLE[flag].forbids_claim and all(flag in row["flags"] for row in rows)
    ]
    said = [{TABLE[flag].describe(row) for row in rows} for flag in shared]
    cautions = [texts.pop() if len(texts) == 1 else FLAGS[flag] for flag, texts in zip(shared, said, strict=True)]
    return [_explain(row, shared, family, alpha, permutations) for row in rows], cautions


def describe_correction(family: int, permutations: int | None = None) -> str:
    """Return what p is corrected for, and how small it can be at all: many findings have this same value.

    Args:
        family: number of tests.
        permutations: how many relabelings were drawn, or None.

    Returns:
        The words.
    """
    words = f"p {_after(family)}"
    if permutations is None:
        return words
    return (
        f"{words}; {_p(min(1, family / (1 + permutations)))} is the smallest that {permutations:,} relabelings can give"
    )


def find_nothing(findings: Sequence[Finding]) -> Finding:
    """Return what is said in place of a finding, where none of the tests is one.

    Args:
        findings: what each test says.

    Returns:
        A sentence that counts what they claim instead.
    """
    claims = [finding.claim for finding in findings]
    counts = ", ".join(f"{claims.count(claim)} {claim}" for claim in CLAIMS if claim in claims)
    return Finding(f"No concept test is a finding. Of {_tests(len(claims))}: {counts}.", "", "no finding", [])


def _explain(
    row: Mapping[str, Any], shared: Sequence[str], family: int, alpha: float, permutations: int | None
) -> Finding:
    cautions = [TABLE[flag].describe(row) for flag in row["flags"] if flag not in shared]
    if row["effect"] is None:
        sentence = f"In {row['layer']} nothing can be said about {row['concept']} and {row['target']}."
        return Finding(sentence, "", "unknown", cautions)
    if row["displacement"] is None:
        return Finding(_publish(row), "", "no claim", cautions)
    claim, chance = _judge(row, family, alpha, permutations)
    return Finding(_measure(row), chance + _compare(row), claim, cautions)


def _publish(row: Mapping[str, Any]) -> str:
    """Return what the test of 2018 says."""
    return (
        f"In {row['layer']} the TCAV score of {row['concept']} for {row['target']} is {row['score']:.2f} (mean cosine "
        f"{row['effect']:.2f}, {row['effect_low']:.2f} to {row['effect_high']:.2f} between runs); p = {_p(row['p'])} "
        "by the published test, which is far too optimistic."
    )


def _name_quantity(row: Mapping[str, Any]) -> str:
    """Return what is moved, as the words before the target's name; rows of older tests are all of logits."""
    quantity = row.get("quantity", "logit")
    if quantity in ("number", "score", "probability"):
        return {"number": "the output", "score": "the score", "probability": "the probability of"}[quantity] + " "
    return f"the network's evidence ({quantity}) for "


def _measure(row: Mapping[str, Any]) -> str:
    """Return size and interval of the effect, in the direction of the words."""
    up = row["displacement"] > 0
    size, ends = abs(row["displacement"]), (row["ci_low"], row["ci_high"])
    low, high = ends if up else (-ends[1], -ends[0])
    than = _AGAINST[row["contrast"]].format(against=_join(row["against"] or []))
    sign = "; it reaches across 0, so the direction is not certain" if low <= 0 <= high else ""
    return (
        f"In {row['layer']}, {row['concept']} {'raises' if up else 'lowers'} {_name_quantity(row)}"
        f"{row['target']} by about {size:.3g} {than} (95 % interval {low:.3g} to {high:.3g}{sign})."
    )


def _judge(row: Mapping[str, Any], family: int, alpha: float, permutations: int | None) -> tuple[str, str]:
    """Return the claim, and how sure the first sentence is: no surer than the corrected p and the interval."""
    p = row["p_holm"]
    if p is None:
        return "unknown", "How easily chance does that is unknown"
    exactly = f"p = {_p(p)} {_after(family)}"
    crosses = row["ci_low"] <= 0 <= row["ci_high"]
    if p > _NEAR * alpha:
        alone = ", though the interval, which speaks of this one test only, leaves 0 out"
        return "no finding", (
            f"It is no finding: chance alone could do that ({exactly}){'' if crosses or family == 1 else alone}"
        )
    if p > alpha:
        return "near miss", (
            f"It is no finding, and no evidence against it: {exactly}, is just above the level of {alpha:g}"
        )
    if not is_significant(row, alpha):
        return "no claim", (
            f"Chance alone could hardly do that ({exactly}), but the caution below forbids building on it"
        )
    if crosses:
        return "hint", (
            f"Take it as a hint, not as a finding: chance alone is unlikely ({exactly}), but the interval includes 0"
        )
    claim, but = "finding" if row["specificity"] is None or row["specificity"] >= SPECIFIC else "not specific", ""
    if _is_negligible(row):
        odds = f"even the far end of the interval changes the odds by no more than {100 * _NEGLIGIBLE:.0f} %"
        claim, but = "negligible", f", but it is negligible: {odds}"
    if permutations and row["p"] <= 1.001 / (1 + permutations):
        hardly = f"in none of {permutations:,} random relabelings it was as large ({exactly})"
        return claim, f"Chance alone hardly explains that: {hardly}{but}"
    if p > alpha / _CLEAR:
        what = "a finding" if claim == "finding" else "an effect"
        just = f"{exactly}, is just below the level of {alpha:g}"
        return claim, f"It is {what} to confirm with more images: {just}{but}"
    return claim, f"Chance alone hardly explains that ({exactly}){but}"


def _is_negligible(row: Mapping[str, Any]) -> bool:
    """Return whether the odds of a class hardly change; the size of another number means nothing by itself."""
    odds_told = row["predicted"] is not None and row.get("quantity", "logit") in ("logit", "log-odds")
    return odds_told and max(abs(row["ci_low"]), abs(row["ci_high"])) < _NEGLIGIBLE


def _compare(row: Mapping[str, Any]) -> str:
    """Return the second half of the second sentence: whether arbitrary patterns fit the decision as well."""
    if row["specificity"] is None:
        return "; whether arbitrary patterns would do the same was not tested."
    share = min(99, int(100 * row["specificity"]))
    patterns = "patterns in the random examples"
    if row["specificity"] < _SOMEWHAT:
        among = f"{100 - share} % of arbitrary {patterns}" if share else f"nearly all arbitrary {patterns}"
        return f"; nothing singles it out, as {among} fit the decision at least as well."
    much = "stands out" if row["specificity"] >= SPECIFIC else "stands out a little"
    return (
        f"; it {much}, as {share} % of arbitrary {patterns} fit the decision less well "
        f"(p = {_p(row['p_specificity'])} for this alone)."
    )


def _join(names: Sequence[str]) -> str:
    """Return names as people list them: "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _after(family: int) -> str:
    return f"after correction for {_tests(family)}"


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count:,} tests"


def _p(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2g}"
