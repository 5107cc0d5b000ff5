"""Findings in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from tf_interp.concepts.result import FLAGS, SOMEWHAT, SPECIFIC

_AGAINST = {
    "random": "more than random examples do",
    "relative": "more than examples of {against} do",
    "paired": "more than the same examples without it",
}


def explain_row(row: Mapping[str, Any], claimed: bool, family: int, alpha: float = 0.05) -> str:
    """Return two plain sentences on one row of a concept test.

    Args:
        row: one of `ConceptTest.rows`.
        claimed: whether it is significant after correction.
        family: number of tests.
        alpha: level of the claims.

    Returns:
        What the network does and how sure that is; then whether it is special, and what to be careful about.
    """
    if row["effect"] is None:
        return f"In {row['layer']} nothing can be said about {row['concept']} and {row['target']}{_warn(row)}"
    return f"{_first(row, claimed, family, alpha)} {_second(row, claimed)}{_warn(row)}"


def _first(row: Mapping[str, Any], claimed: bool, family: int, alpha: float) -> str:
    if row["displacement"] is None:
        found = (
            f"In {row['layer']} the score of {row['concept']} for {row['target']} is {row['score']:.2f} "
            f"(mean cosine {_between(row, 'effect', 'effect_low', 'effect_high', '.2f')})"
        )
        return f"{found}, p = {_p(row['p'])} by the published test, which is far too optimistic."
    verb = "raises" if row["displacement"] > 0 else "lowers"
    amount = _between({**row, "size": abs(row["displacement"]), **_turned(row)}, "size", "low", "high", ".3g")
    if row["contrast"] == "continuous":
        concept, than = f"one standard deviation more {row['concept']}", ""
    else:
        concept = row["concept"]
        than = f" {_AGAINST[row['contrast']].format(against=_join(row['against'] or []))}"
    evidence = f"the network's evidence (logit) for {row['target']}"
    what = f"In {row['layer']}, {concept} {verb} {evidence} by about {amount}{than}"
    if row["p_holm"] is None:
        return f"{what}; how likely chance does that is unknown."
    if claimed:
        return f"{what}; chance hardly ever does that (p = {_p(row['p_holm'])} after correction for {family} tests)."
    if row["p_holm"] <= alpha:
        return f"{what}; p = {_p(row['p_holm'])} after correction for {family} tests, but see the caution."
    chance = f"p = {_p(row['p_holm'])} after correction for {family} tests"
    return f"{what}; chance could do that too ({chance}), so this is no finding."


def _second(row: Mapping[str, Any], claimed: bool) -> str:
    if row["specificity"] is None:
        return "Whether arbitrary patterns matter as much for this decision was not tested"
    share = min(99, int(100 * row["specificity"]))
    if row["specificity"] < SOMEWHAT:
        among = f"{100 - share} % of arbitrary patterns" if share else "nearly all arbitrary patterns"
        return f"Nothing singles it out: {among} in the random examples matter for this decision at least as much"
    stands = f"It agrees with this decision more than {share} % of arbitrary patterns in the random examples do"
    if row["specificity"] < SPECIFIC:
        return f"{stands}, so it stands out a little"
    return f"{stands}, so it is specific" if claimed else f"{stands}, but without the first finding that says little"


def _warn(row: Mapping[str, Any]) -> str:
    reasons = "; ".join(FLAGS[flag] for flag in row["flags"])
    return f"; be careful: {reasons}." if reasons else "."


def _join(names: Sequence[str]) -> str:
    """Return names as people list them: "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _turned(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the interval in the direction of the displacement."""
    low, high = row["ci_low"], row["ci_high"]
    return {"low": low, "high": high} if row["displacement"] > 0 else {"low": -high, "high": -low}


def _between(row: Mapping[str, Any], value: str, low: str, high: str, form: str) -> str:
    return f"{row[value]:{form}} (95 % interval {row[low]:{form}} to {row[high]:{form}})"


def _p(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2g}"
