"""`GroupNames`: what groups may be called, and what speaks for it."""

import dataclasses
from typing import Any

import numpy as np

from tf_interp.display import cut, tell
from tf_interp.groups.meaning.naming.name_checks import NameCheck


@dataclasses.dataclass(frozen=True)
class GroupName:
    """The name of one group, or that it has none.

    Args:
        group: what the group is called without it, such as "group 3".
        word: the name; None where nothing speaks for one clearly enough.
        evidence: a sentence: "zebra, r .81", or why there is no name.
        r: Pearson's correlation of the group with the word; of a group without a name, with the word that came closest.
        auprc: area under the curve of precision and recall, of a word that is true or not; else NaN.
        share: how much of the probe the word is true of, which is the `auprc` of a guess; else NaN.
        iou: intersection over union with the mask, of a mask; else NaN.
        p: corrected for all groups and words.
        also: words that fit as well, with r not more than .05 below.
    """

    group: str
    word: str | None
    evidence: str
    r: float
    auprc: float
    share: float
    iou: float
    p: float
    also: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class GroupNames:
    """What K groups may be called, of W words.

    Args:
        layer: path of the layer; "" where only presence was given.
        names: of each group, in their order.
        words: W candidates.
        opposites: what each is called where r is negative, or None.
        sources: who says each: "class", "concept", "mask", "column", "words", "picture" or "place".
        r: float32 [K,W], Pearson's correlation over the probe.
        auprc: float32 [K,W], NaN of words that are not true or false.
        iou: float32 [K,W], NaN of all but masks.
        share: float32 [W], how much of the probe a word is true of; NaN of others.
        p: float32 [K,W], corrected for all groups and words by `correction`.
        n: number of pictures, each counted once.
        permutations: of the pictures, that p was counted in.
        correction: "Holm", or "maxT" where so many permutations cannot be drawn.
        checks: two for each score of each name that is true or false.
        notes: sentences on what a person should know.
    """

    layer: str
    names: tuple[GroupName, ...]
    words: tuple[str, ...]
    opposites: tuple[str | None, ...]
    sources: tuple[str, ...]
    r: np.ndarray
    auprc: np.ndarray
    iou: np.ndarray
    share: np.ndarray
    p: np.ndarray
    n: int
    permutations: int
    correction: str
    checks: tuple[NameCheck, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dataframe(self) -> Any:
        """Return a table: a row per group and word, those of a group by r, largest first.

        Returns:
            pandas `DataFrame` with the columns "group", "word" (its opposite where that fits), "source", "r", "auprc",
            "share", "iou", "p" (corrected), "n" (pictures) and "named" (bool).

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        rows = []
        for row, name in enumerate(self.names):
            found = [self.read(row, column) for column in range(len(self.words))]
            rows += sorted(found, key=lambda item: -item["r"])
            for item in found:
                item["named"] = item["word"] == name.word
        columns = ["group", "word", "source", "r", "auprc", "share", "iou", "p", "n", "named"]
        return pd.DataFrame(rows, columns=columns)

    def read(self, group: int, word: int) -> dict[str, Any]:
        """Return what is known of one group and one word: a row of the table.

        Args:
            group: its index.
            word: its index.
        """
        r, opposite = float(self.r[group, word]), self.opposites[word]
        turned = opposite is not None and r < 0
        return {
            "group": self.names[group].group if self.names else "",
            "word": opposite if turned else self.words[word],
            "source": self.sources[word],
            "r": -r if turned else r,
            "auprc": float(self.auprc[group, word]),
            "share": float(self.share[word]),
            "iou": float(self.iou[group, word]),
            "p": float(self.p[group, word]),
            "n": self.n,
        }

    def checks_to_dataframe(self) -> Any:
        """Return a table of whether the scores fall on worse labels of the user's own data, as they must.

        Returns:
            pandas `DataFrame` with the columns "group", "word", "score", "full", "half", "doubled", "half_fell" and
            "doubled_fell", see `NameCheck`.

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        columns = [field.name for field in dataclasses.fields(NameCheck)]
        return pd.DataFrame([dataclasses.asdict(check) for check in self.checks], columns=columns)

    def explain(self) -> str:
        """Return a line per group, how the scores stand the checks, and a line for each note."""
        lines = [f"{name.group}: {name.evidence}" for name in self.names]
        for score in ("r", "auprc"):
            rows = [check for check in self.checks if check.score == score]
            if rows:
                shares = [np.mean([getattr(row, key) for row in rows]) for key in ("half_fell", "doubled_fell")]
                lines.append(
                    f"{score} fell in {shares[0]:.0%} of the draws with half of the labels removed and in "
                    f"{shares[1]:.0%} with as many wrong ones added"
                )
        return "\n".join([*lines, *(f"Note: {note}." for note in self.notes)])

    def __repr__(self) -> str:
        named = {cut(name.group): cut(name.word) for name in self.names if name.word is not None}
        more = f" and {len(named) - 3} more" if len(named) > 3 else ""
        return tell(self, f"{len(named)} of {len(self.names)} named: {dict(list(named.items())[:3])}{more}")


def write_share(value: float) -> str:
    """Return a number of -1..1 in two digits, without the 0 before the point.

    Args:
        value: the number.

    Example:
        >>> write_share(0.812), write_share(1)
        ('.81', '1.00')
    """
    return f"{value:.2f}".replace("0.", ".", 1)
