"""Findings in two plain sentences: how much and for what; whether it is more than chance and special. Then cautions."""

from collections.abc import Mapping, Sequence
from typing import Any

from tf_interp.concepts.result.flags import FLAGS, SOMEWHAT, SPECIFIC

_AGAINST = {
    "random": "compared with random examples",
    "relative": "compared with examples of {against}",
    "paired": "compared with the same examples without it",
    "continuous": "for each standard deviation more of it",
}
_CLEAR = 5  # a p this many times below the level is called clear
_NEAR = 2  # and one up to this many times above it a near miss


def explain_row(
    row: Mapping[str, Any], claimed: bool, family: int, alpha: float = 0.05, permutations: int | None = None
) -> str:
    """Return two plain sentences on one row of a concept test, and one of cautions.

    Args:
        row: one of `ConceptTest.rows`.
        claimed: whether it is significant after correction.
        family: number of tests.
        alpha: level of the claims.
        permutations: how many relabelings were drawn, or None: where none of them came near, more images would not
            make the finding surer, only more relabelings.

    Returns:
        How much the concept moves the decision, with its interval; how sure that is after correction, and whether it is
        special; what to be careful about.
    """
    if row["effect"] is None:
        start = f"In {row['layer']} nothing can be said about {row['concept']} and {row['target']}."
        return " ".join([start, *_warn(row)])
    if row["displacement"] is None:
        return " ".join([_publish(row), *_warn(row)])
    return " ".join([_measure(row), _judge(row, claimed, family, alpha, permutations) + _compare(row), *_warn(row)])


def _publish(row: Mapping[str, Any]) -> str:
    """Return what the test of 2018 says."""
    return (
        f"In {row['layer']} the TCAV score of {row['concept']} for {row['target']} is {row['score']:.2f} (mean cosine "
        f"{row['effect']:.2f}, {row['effect_low']:.2f} to {row['effect_high']:.2f} between runs); p = {_p(row['p'])} "
        "by the published test, which is far too optimistic."
    )


def _measure(row: Mapping[str, Any]) -> str:
    """Return size and interval of the effect, in the direction of the words."""
    up = row["displacement"] > 0
    size, ends = abs(row["displacement"]), (row["ci_low"], row["ci_high"])
    low, high = ends if up else (-ends[1], -ends[0])
    than = _AGAINST[row["contrast"]].format(against=_join(row["against"] or []))
    sign = "; it reaches across 0, so the direction is not certain" if low <= 0 <= high else ""
    return (
        f"In {row['layer']}, {row['concept']} {'raises' if up else 'lowers'} the network's evidence (logit) for "
        f"{row['target']} by about {size:.3g} {than} (95 % interval {low:.3g} to {high:.3g}{sign})."
    )


def _judge(row: Mapping[str, Any], claimed: bool, family: int, alpha: float, permutations: int | None) -> str:
    """Return how sure the first sentence is, no surer than the corrected p and the interval."""
    p = row["p_holm"]
    if p is None:
        return "How easily chance does that is unknown"
    tests = "1 test" if family == 1 else f"{family} tests"
    end = f"(p = {_p(p)} after correction for {tests})"
    crosses = row["ci_low"] <= 0 <= row["ci_high"]
    if p <= alpha and not claimed:
        return f"Chance alone could hardly do that {end}, but the caution below forbids building on it"
    if claimed and crosses:
        return f"Take it as a hint, not as a finding: chance alone is unlikely {end}, but the interval includes 0"
    if claimed and permutations and row["p"] <= 1.001 / (1 + permutations):
        return (
            f"Chance alone hardly explains that: in none of {permutations:,} random relabelings it was as large {end}"
        )
    if claimed and p > alpha / _CLEAR:
        return f"It is a finding to confirm with more images: {end[1:-1]}, is just below the level of {alpha:g}"
    if claimed:
        return f"Chance alone hardly explains that {end}"
    if p <= _NEAR * alpha:
        return f"It is no finding, and no evidence against it: {end[1:-1]}, is just above the level of {alpha:g}"
    alone = "" if crosses or family == 1 else ", though the interval, which speaks of this one test only, leaves 0 out"
    return f"It is no finding: chance alone could do that {end}{alone}"


def _compare(row: Mapping[str, Any]) -> str:
    """Return the second half of the second sentence: whether arbitrary patterns fit the decision as well."""
    if row["specificity"] is None:
        return "; whether arbitrary patterns would do the same was not tested."
    share = min(99, int(100 * row["specificity"]))
    patterns = "patterns in the random examples"
    if row["specificity"] < SOMEWHAT:
        among = f"{100 - share} % of arbitrary {patterns}" if share else f"nearly all arbitrary {patterns}"
        return f"; nothing singles it out, as {among} fit the decision at least as well."
    much = "stands out" if row["specificity"] >= SPECIFIC else "stands out a little"
    return (
        f"; it {much}, as {share} % of arbitrary {patterns} fit the decision less well "
        f"(p = {_p(row['p_specificity'])} for this alone)."
    )


def _warn(row: Mapping[str, Any]) -> list[str]:
    reasons = "; ".join(FLAGS[flag] for flag in row["flags"])
    return [f"Be careful: {reasons}."] if reasons else []


def _join(names: Sequence[str]) -> str:
    """Return names as people list them: "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _p(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2g}"
