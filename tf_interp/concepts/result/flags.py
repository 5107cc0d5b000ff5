"""What to be careful about in a finding: one table, a row for each flag, with words, rule and whether it forbids."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

_SMALL = 30  # images or sources on a side


@dataclasses.dataclass(frozen=True)
class Circumstances:
    """What flags ask of a comparison beside the numbers of its row.

    Args:
        alpha: level of the claims.
        overlap: whether images were in several sets.
        shares_sources: whether images of one source stand on both sides.
        disordered: whether counterparts look as if they were in another order.
        goes_otherwise: whether the outputs of the pairs move against the displacement.
        pool_reused: whether random sets share images.
        dimensions: of the layer, as it was tested.
        examples: number of images on both sides together.
    """

    alpha: float = 0.05
    overlap: bool = False
    shares_sources: bool = False
    disordered: bool = False
    goes_otherwise: bool = False
    pool_reused: bool = False
    dimensions: int = 1
    examples: int = 1


@dataclasses.dataclass(frozen=True)
class Flag:
    """A thing to be careful about.

    Args:
        words: what it is, for any row.
        holds: `(row, circumstances)` -> whether it is so.
        forbids_claim: whether nothing may be claimed where it is so.
        detail: row -> what it is in this row, "" for nothing to add.
    """

    words: str
    holds: Callable[[Mapping[str, Any], Circumstances], bool]
    forbids_claim: bool = False
    detail: Callable[[Mapping[str, Any]], str] = lambda row: ""

    def describe(self, row: Mapping[str, Any]) -> str:
        """Return the words for one row."""
        detail = self.detail(row)
        return f"{self.words}: {detail}" if detail else self.words


def raise_flags(row: Mapping[str, Any], circumstances: Circumstances) -> list[str]:
    """Return the names of the flags that hold for a row.

    Args:
        row: its numbers, None where they could not be computed.
        circumstances: what else is known.

    Returns:
        Names, in the order of the table; a row without any number has one only.
    """
    names = (name for name, flag in TABLE.items() if flag.holds(row, circumstances))
    return ["NON_FINITE"] if row["effect"] is None else list(names)


def _above(value: float | None, bound: float) -> bool:
    return value is not None and value > bound


def _below(value: float | None, bound: float) -> bool:
    return value is not None and value < bound


def _is_published(row: Mapping[str, Any]) -> bool:
    """Return whether the row is of the test of 2018, which knows no displacement."""
    return row["effect"] is not None and row["displacement"] is None


def _name_small_sides(row: Mapping[str, Any]) -> str:
    """Return which sides are small, and how small: "12 concept images, 6 target images"."""
    found = []
    for side in ("concept", "contrast", "target"):
        sources = row.get(f"sources_{side}")
        count, what = (row[f"n_{side}"], "image") if sources is None else (sources, "source")
        if _below(count, _SMALL):
            found.append(f"{count} {side} {what}{'' if count == 1 else 's'}")
    return ", ".join(found)


def _hangs_on_one_image(row: Mapping[str, Any], _: Circumstances) -> bool:
    return row["influence"] is not None and abs(row["influence"]) > abs(row["displacement"]) / 2 > 0


def _tells_nothing_apart(row: Mapping[str, Any], _: Circumstances) -> bool:
    pairs = [(row[f"cav_{name}"], row[f"cav_{name}_null"]) for name in ("accuracy", "correlation")]
    return any(value <= chance for value, chance in pairs if value is not None and chance is not None)


TABLE = {
    "NON_FINITE": Flag(
        "activations or gradients held NaN or infinite values, so nothing could be computed",
        lambda row, _: row["effect"] is None,
        forbids_claim=True,
    ),
    "OPTIMISTIC_P": Flag(
        "the published test calls most meaningless concepts significant: its p is far too small",
        lambda row, _: _is_published(row),
        forbids_claim=True,
    ),
    "GRAD_ZERO": Flag(
        "on over a tenth of the target images the logit does not depend on the layer at all",
        lambda row, _: _above(row["zero_gradients"], 0.1),
        forbids_claim=True,
    ),
    "SMALL_N": Flag(
        "fewer than 30 images (or sources of images) on a side, so intervals are wide",
        lambda row, _: bool(_name_small_sides(row)),
        detail=_name_small_sides,
    ),
    "ONE_TARGET_IMAGE": Flag(
        "the target has a single image, so nothing is said about other images of it",
        lambda row, _: row["n_target"] == 1,
    ),
    "FEW_RELABELINGS": Flag(
        "so few images or sources that no result could be significant",
        lambda row, known: _above(row["p_smallest"], known.alpha),
    ),
    "SHARED_SOURCES": Flag(
        "some sources have images on both sides; these are compared within the source only",
        lambda _, known: known.shares_sources,
    ),
    "PAIR_ORDER": Flag(
        "some counterparts look as if they belonged to other images: is the order the same?",
        lambda _, known: known.disordered,
    ),
    "GOES_OTHERWISE": Flag(
        "on the pairs themselves the logit moves the other way; if the concept sits in one place, the mean over "
        'positions hides that: try pooling="flat"',
        lambda _, known: known.goes_otherwise,
    ),
    "ONE_IMAGE": Flag(
        "without a single one of the concept images the result would change by over half", _hangs_on_one_image
    ),
    "ENTANGLED": Flag(
        "its vector is nearly that of another concept (cosine above .9): the two cannot be told apart",
        lambda row, _: row["entanglement"] is not None and abs(row["entanglement"]) > 0.9,
    ),
    "SMALL_POOL": Flag(
        "no random images, or fewer than 60, so specificity could not be computed",
        lambda row, _: row["specificity"] is None and not _is_published(row),
    ),
    "POOL_REUSED": Flag(
        "the random sets share images, because the pool is too small for disjoint ones",
        lambda _, known: known.pool_reused,
    ),
    "OVERLAP": Flag("images were in several sets", lambda _, known: known.overlap),
    "LOW_ACCURACY": Flag(
        "the layer does not tell concept from contrast better than shuffled labels", _tells_nothing_apart
    ),
    "UNSTABLE": Flag(
        "two halves of the images, or two runs, give different concept vectors (mean cosine below .5)",
        lambda row, _: _below(row["stability"], 0.5),
    ),
    "D_MUCH_LARGER": Flag(
        "the layer has over ten times as many dimensions as there are images",
        lambda _, known: known.dimensions > 10 * known.examples,
    ),
    "GRAD_CONSTANT": Flag(
        "the gradient is the same on all target images, so the score can only be 0 or 1",
        lambda row, _: _above(row["gradient_cosine"], 0.999),
    ),
    "TIES": Flag(
        "on over a twentieth of the target images the concept changes nothing; they count half in the score",
        lambda row, _: _above(row["ties"], 0.05),
    ),
    "CLASS_NOT_PREDICTED": Flag(
        "the network gives under half of the target images to this class",
        lambda row, _: _below(row["predicted"], 0.5),
    ),
}
FLAGS = {name: flag.words for name, flag in TABLE.items()}
