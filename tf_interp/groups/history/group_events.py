"""What happens to groups from one step to the next: births, deaths, splits, merges, and returns; and each in words."""

import dataclasses
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class GroupEvent:
    """Something that happened to a group.

    Args:
        step: of the training, or a name of what was compared.
        event: one of "birth", "death", "split" (two groups explain what was one), "merge" (one explains what were two)
            and "rebirth" (a group that had died is there again).
        identity: of the group that it happened to.
        name: of that group.
        sources: identities before.
        targets: identities after.
        agreement: of a split or merge, how well the sum of the two agrees with the one; of a rebirth how well the group
            agrees with the one that had died; of a birth or death with the nearest that there was; None where there was
            none. -1..1.
        presence: whether the agreement is also of where the groups fire, and not only of their vectors.
    """

    step: int | str
    event: str
    identity: int
    name: str
    sources: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()
    agreement: float | None = None
    presence: bool = False

    def sentence(self) -> str:
        """Return it in a sentence."""
        when = f"at step {self.step}" if isinstance(self.step, int) else f"in {self.step!r}"
        what = "agreement" if self.presence else "cosine"
        value = None if self.agreement is None else f"{self.agreement:.2f}"
        if self.event == "split":
            return f"{self.name} split into {_join(self.targets)} {when} ({what} of the sum {value})"
        if self.event == "merge":
            return f"groups {_join(self.sources)} merged into {self.name} {when} ({what} of the sum {value})"
        if self.event == "rebirth":
            return f"{self.name} is there again {when} ({what} with what it was {value})"
        verb = "appeared" if self.event == "birth" else "is gone"
        return f"{self.name} {verb} {when}" + ("" if value is None else f" (the nearest has {what} {value})")

    def row(self) -> dict[str, Any]:
        """Return the columns of a table: step, event, identity, name, from, to, agreement."""
        return {
            **{"step": self.step, "event": self.event, "identity": self.identity, "name": self.name},
            **{"from": list(self.sources), "to": list(self.targets), "agreement": self.agreement},
        }


def _join(identities: Sequence[int]) -> str:
    return " and ".join(map(str, identities))
