"""Findings in words: effect and interval first, then what is special about it, then how sure it is, then cautions."""

from collections.abc import Mapping, Sequence
from typing import Any

from tf_interp.concepts.result import FLAGS, SOMEWHAT, SPECIFIC

_AGAINST = {
    "random": "compared with random examples",
    "relative": "compared with examples of {against}",
    "paired": "compared with the same examples without it",
    "continuous": "for each standard deviation more of it",
}
_CLEAR = 5  # a p this many times below the level is called clear
_NEAR = 2  # and one up to this many times above it a near miss


def explain_row(row: Mapping[str, Any], claimed: bool, family: int, alpha: float = 0.05) -> str:
    """Return a few plain sentences on one row of a concept test.

    Args:
        row: one of `ConceptTest.rows`.
        claimed: whether it is significant after correction.
        family: number of tests.
        alpha: level of the claims.

    Returns:
        How much the concept moves the decision, with its interval; whether it is special; how sure that is after
        correction; what to be careful about.
    """
    if row["effect"] is None:
        start = f"In {row['layer']} nothing can be said about {row['concept']} and {row['target']}."
        return " ".join([start, *_warn(row)])
    if row["displacement"] is None:
        return " ".join([_publish(row), *_warn(row)])
    return " ".join([_measure(row), _compare(row), _judge(row, claimed, family, alpha), *_warn(row)])


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


def _compare(row: Mapping[str, Any]) -> str:
    """Return whether arbitrary patterns matter as much."""
    cosine = f"The cosine between concept and decision is {row['effect']:.2f}"
    if row["specificity"] is None:
        return f"{cosine}; whether arbitrary patterns reach that was not tested."
    share = min(99, int(100 * row["specificity"]))
    if row["specificity"] < SOMEWHAT:
        among = f"{100 - share} % of arbitrary patterns" if share else "nearly all arbitrary patterns"
        return f"{cosine}; {among} in the random examples are at least as far from 0, so nothing singles it out."
    much = "stands out" if row["specificity"] >= SPECIFIC else "stands out a little"
    return (
        f"{cosine}, further from 0 than that of {share} % of arbitrary patterns in the random examples, so it {much} "
        f"(p = {_p(row['p_specificity'])} for this alone, not corrected)."
    )


def _judge(row: Mapping[str, Any], claimed: bool, family: int, alpha: float) -> str:
    """Return how sure the first sentence is, no surer than the corrected p and the interval."""
    p = row["p_holm"]
    if p is None:
        return "How easily chance does that is unknown."
    tests = "1 test" if family == 1 else f"{family} tests"
    said = f"After correction for {tests} p = {_p(p)}"
    crosses = row["ci_low"] <= 0 <= row["ci_high"]
    if p <= alpha and not claimed:
        return f"{said}, but the caution below forbids to build on it."
    if claimed and crosses:
        return (
            f"{said}, below the level of {alpha:g}, but the interval includes 0: take it as a hint, not as a finding."
        )
    if claimed and p > alpha / _CLEAR:
        return f"{said}, just below the level of {alpha:g}: a finding to confirm with more images."
    if claimed:
        return f"{said}: chance alone hardly explains it."
    if p <= _NEAR * alpha:
        return (
            f"{said}, just above the level of {alpha:g}: no finding, and no evidence against it; more images may tell."
        )
    alone = "" if crosses else "; the interval leaves 0 out, but it speaks of this one test only"
    return f"{said}: chance alone could do that, so this is no finding{alone if family > 1 else ''}."


def _warn(row: Mapping[str, Any]) -> list[str]:
    reasons = "; ".join(FLAGS[flag] for flag in row["flags"])
    return [f"Be careful: {reasons}."] if reasons else []


def _join(names: Sequence[str]) -> str:
    """Return names as people list them: "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _p(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2g}"
