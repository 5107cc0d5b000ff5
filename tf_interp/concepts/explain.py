"""Findings in words."""

from collections.abc import Mapping
from typing import Any

from tf_interp.concepts.result import FLAGS

_AGAINST = {
    "random": "than random images",
    "relative": "than images of {against}",
    "paired": "than the same images without it",
}


def explain_row(row: Mapping[str, Any], claimed: bool, family: int) -> str:
    """Return two plain sentences on one row of a concept test.

    Args:
        row: one of `ConceptTest.rows`.
        claimed: whether it is significant after correction.
        family: number of tests.

    Returns:
        What the network does and how sure that is; then whether it is special, and what to be careful about.
    """
    if row["effect"] is None:
        return f"{row['concept']} in {row['layer']}: nothing can be said. {_warn(row)}".strip()
    return f"{_first(row, claimed, family)} {_second(row)}"


def _first(row: Mapping[str, Any], claimed: bool, family: int) -> str:
    if row["displacement"] is None:
        found = (
            f"In {row['layer']} the score of {row['concept']} for {row['target']} is {row['score']:.2f} "
            f"(mean cosine {_between(row, 'effect', 'effect_low', 'effect_high', '.2f')})"
        )
        return f"{found}, p = {_p(row['p'])} by the published test, which is far too optimistic."
    up = "up" if row["displacement"] > 0 else "down"
    amount = _between({**row, "size": abs(row["displacement"]), **_turned(row)}, "size", "low", "high", ".3g")
    if row["contrast"] == "continuous":
        what = f"In {row['layer']}, a standard deviation more {row['concept']} moves the logit of {row['target']} {up}"
        what += f" by about {amount}"
    else:
        against = _AGAINST[row["contrast"]].format(against=" and ".join(row["against"] or []))
        what = (
            f"In {row['layer']}, images with {row['concept']} push the logit of {row['target']} {up} by about {amount} "
            f"more {against}"
        )
    if claimed:
        return f"{what}; shuffled labels hardly ever do that (p = {_p(row['p_holm'])} corrected for {family} tests)."
    if row["p_holm"] is not None and row["p_holm"] <= 0.05:
        return f"{what}; p = {_p(row['p_holm'])} after correction, but see the caution."
    chance = f"p = {_p(row['p_holm'])} corrected for {family} tests"
    return f"{what}; shuffled labels do as much ({chance}), so it is no finding."


def _second(row: Mapping[str, Any]) -> str:
    if row["specificity"] is None:
        special = "Whether other patterns align with this decision just as well was not tested"
    else:
        share = round(100 * row["specificity"])
        verdict = (
            "so the decision is specific to it"
            if row["specificity"] >= 0.95
            else "so many arbitrary patterns matter as much"
            if row["specificity"] < 0.8
            else "so it stands out a little"
        )
        special = (
            f"It aligns with the decision more than {share} % of arbitrary patterns of the random images, {verdict}"
        )
    return f"{special}{_warn(row)}"


def _warn(row: Mapping[str, Any]) -> str:
    reasons = "; ".join(FLAGS[flag] for flag in row["flags"])
    return f"; be careful: {reasons}." if reasons else "."


def _turned(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the interval in the direction of the displacement."""
    low, high = row["ci_low"], row["ci_high"]
    return {"low": low, "high": high} if row["displacement"] > 0 else {"low": -high, "high": -low}


def _between(row: Mapping[str, Any], value: str, low: str, high: str, form: str) -> str:
    return f"{row[value]:{form}} (95 % interval {row[low]:{form}} to {row[high]:{form}})"


def _p(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2g}"
