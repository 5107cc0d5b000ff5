"""`GroupHistory`: what is known of a layer's groups up to now, small enough to be kept over a whole training."""

import dataclasses
import numbers
import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from tf_interp.directions import Directions
from tf_interp.display import number_of, quote, tell
from tf_interp.groups.found_groups import Groups
from tf_interp.groups.history.group_events import GroupEvent
from tf_interp.groups.history.presence_summary import summarize
from tf_interp.groups.history.step_matching import Limits, StepMatch, match_step
from tf_interp.groups.matching import agreement, cosines, has_signs, presences

_MOST_GONE = 64  # groups that may come back; those that are gone longest are forgotten
_UNNAMED = re.compile(r"(group|direction) \d+")


@dataclasses.dataclass(frozen=True)
class TrackedStep:
    """The groups of one step, with the identities that they keep: K groups. All of it is plain, for JSON.

    Args:
        step: of the training, or a name.
        identities: of each group, in the order of the step; an empty group has none, -1.
        names: of the identities; an empty group keeps the name that it came with.
        drift: 1 - cosine of the vector with the one of the last step that had the group; 0 where it is new. 0..2.
        total_drift: 1 - cosine of the vector with the one that the group was born with.
        agreement: with the group as it was, as `match_groups` sees it; None where it is new.
        events: what happened since the step before.
    """

    step: int | str
    identities: tuple[int, ...]
    names: tuple[str, ...]
    drift: tuple[float, ...]
    total_drift: tuple[float, ...]
    agreement: tuple[float | None, ...]
    events: tuple[GroupEvent, ...]

    def __repr__(self) -> str:
        groups = number_of(len(self.identities), "group")
        return tell(self, self.step, groups, number_of(len(self.events), "event"))


@dataclasses.dataclass(eq=False)
class _Member:
    """One identity: its name, its first and last vector [C], and where it fired last [N,g,g], if that is known."""

    name: str
    born: np.ndarray
    vector: np.ndarray
    presence: np.ndarray | None


class GroupHistory:
    """What is known of a layer's groups up to now; it takes the groups of one step after the other.

    It keeps the first and the last vector of each group and a small summary of where it fired last, so that its size
    does not grow with the number of steps. It can be pickled, and `to_dict` goes into JSON.

    Two groups of neighboring steps are the same where `match_groups` pairs them. **Split:** a group of before is
    explained by two of now, of which one at least is new: the non-negative sum of the two that comes closest, of
    vectors and of where they fire, agrees by `explained` or more with it, and by `gain` or more better than each of
    the two alone. One of the two keeps the identity. **Merge:** the same with before and now exchanged. **Rebirth:** a
    new group that agrees with one that was gone takes its identity again. The rest are births and deaths. The first
    step has no events.

    Args:
        threshold: of `match_groups`: groups that agree less are not the same.
        explained: agreement from which two groups explain one.
        gain: how much better than each of them alone.

    Example:
        >>> history = ti.GroupHistory()
        >>> first = history.add(0, ti.Directions("conv", np.eye(3)[[0, 1]]))
        >>> history.add(9, ti.Directions("conv", np.eye(3)[[1, 2, 0]])).identities
        (1, 2, 0)
    """

    def __init__(self, *, threshold: float = 0.5, explained: float = 0.9, gain: float = 0.05) -> None:
        for name, value in (("threshold", threshold), ("explained", explained), ("gain", gain)):
            if not isinstance(value, numbers.Real) or not 0 <= value <= 1:
                raise ValueError(f"{name} is a number from 0 to 1, got {value!r}")
        self.threshold, self.explained, self.gain = float(threshold), float(explained), float(gain)
        self.layer: str | None = None
        self.steps = 0
        self._next = 0
        self._ids: tuple[str, ...] = ()  # of the pictures that presences are of
        self._signed = False
        self._members: dict[int, _Member] = {}
        self._alive: list[int] = []
        self._gone: list[int] = []  # longest first

    def add(self, step: int | str, groups: Directions) -> TrackedStep:
        """Take the groups of the next step.

        Args:
            step: of the training, or a name.
            groups: from `find_groups`, or other directions.

        Returns:
            Their identities, and what happened.

        Raises:
            TypeError: if they are no groups or directions.
            ValueError: if they are of another layer than those before.
        """
        self._check(groups)
        step = int(step) if isinstance(step, numbers.Integral) else str(step)
        rows = np.flatnonzero(groups.vectors.any(1)).tolist()  # an empty group is none
        now = summarize(groups[rows]) if rows else None
        before, gone = self._recall(self._alive), self._recall(self._gone)
        match = match_step(before, gone, now, Limits(self.threshold, self.explained, self.gain))
        identities = self._identify(match, now)
        near, again = (None if old is None or now is None else agreement(old, now) for old in (before, gone))
        alike: list[float | None] = [None] * len(rows)
        for found, table in ((match.kept, near), (match.returned, again)):
            if table is not None:
                for row, old in found.items():
                    alike[row] = float(table[old, row])
        placed = before is not None and now is not None and presences(before, now) is not None
        events = self._tell(step, match, identities, near, alike, placed)
        drift, total = self._measure(identities, now, self._signed or has_signs(groups))
        self._remember(identities, now, has_signs(groups))
        self.layer, self.steps = groups.layer, self.steps + 1
        columns: list[tuple[list[Any], Any]] = [(identities, -1), (drift, 0.0), (total, 0.0), (alike, None)]
        spread = [[empty] * len(groups) for _, empty in columns]
        names = list(groups.names)
        for place, row in enumerate(rows):
            names[row] = self._members[identities[place]].name
            for column, (values, _) in zip(spread, columns, strict=True):
                column[row] = values[place]
        one, two, three, four = map(tuple, spread)
        return TrackedStep(step, one, tuple(names), two, three, four, tuple(events))

    def _check(self, groups: Directions) -> None:
        if not isinstance(groups, Directions):
            raise TypeError(f"a history takes groups or other directions, got {type(groups).__name__}")
        if self.layer not in (None, groups.layer):
            raise ValueError(f"this is the history of layer {self.layer!r}, got groups of {groups.layer!r}")
        for member in self._members.values():
            if len(member.vector) != groups.vectors.shape[1]:
                raise ValueError(
                    f"the groups before had {len(member.vector)} channels, these have {groups.vectors.shape[1]}"
                )

    def _recall(self, identities: list[int]) -> Directions | None:
        """Return groups as they were last; without places where those of some are not known."""
        if not identities:
            return None
        members = [self._members[identity] for identity in identities]
        layer, vectors = str(self.layer), np.stack([member.vector for member in members])
        presences = [member.presence for member in members]
        known = [item for item in presences if item is not None]
        if len(known) < len(members):
            return Directions(layer, vectors)
        weights, shares = np.stack(known, -1), np.zeros(len(members), np.float32)
        return Groups(layer, vectors, (), "groups", weights=weights, error=0.0, shares=shares, ids=self._ids)

    def _identify(self, match: StepMatch, now: Directions | None) -> list[int]:
        """Return the identity of each group; those that are new get a number and a name."""
        identities = []
        for row in range(0 if now is None else len(now)):
            if row in match.kept:
                identities.append(self._alive[match.kept[row]])
            elif row in match.returned:
                identities.append(self._gone[match.returned[row]])
            elif now is not None:
                given, own = now.names[row], f"group {self._next}"
                taken = {member.name for member in self._members.values()}
                name = own if _UNNAMED.fullmatch(given) or given in taken else given
                self._members[self._next] = _Member(name, now.vectors[row], now.vectors[row], None)
                identities.append(self._next)
                self._next += 1
        return identities

    def _tell(
        self,
        step: int | str,
        match: StepMatch,
        identities: list[int],
        near: np.ndarray | None,
        alike: list[float | None],
        placed: bool,
    ) -> list[GroupEvent]:
        """Return what happened; `placed` is whether agreements are also of where groups fire."""
        if not self.steps:
            return []
        events = []

        def add(event: str, identity: int, before: Any, after: Any, value: float | None) -> None:
            value = None if value is None else round(float(value), 6)
            name = self._members[identity].name
            events.append(GroupEvent(step, event, identity, name, tuple(before), tuple(after), value, placed))

        for old, pair, value in match.splits:
            own = self._alive[old]
            parts = sorted((identities[row] for row in pair), key=lambda identity: (identity != own, identity))
            add("split", own, [own], parts, value)
        for row, pair, value in match.merges:
            own = identities[row]
            parts = sorted((self._alive[old] for old in pair), key=lambda identity: (identity != own, identity))
            add("merge", own, parts, [own], value)
        split = {row for _, pair, _ in match.splits for row in pair}
        merged = {old for _, pair, _ in match.merges for old in pair}
        for row, identity in enumerate(identities):
            if row in match.returned:
                add("rebirth", identity, [identity], [identity], alike[row])
            elif row not in match.kept and row not in split:
                add("birth", identity, [], [identity], None if near is None else near[:, row].max())
        for old, identity in enumerate(self._alive):
            if old not in match.kept.values() and old not in merged:
                add("death", identity, [identity], [], None if near is None else near[old].max())
        return events

    def _measure(self, identities: list[int], now: Directions | None, signed: bool) -> tuple[list[float], list[float]]:
        """Return how far each vector is from the last one and from the first."""
        if now is None:
            return [], []
        members = [self._members[identity] for identity in identities]

        def measure(others: list[np.ndarray]) -> list[float]:
            pairs = zip(now.vectors, others, strict=True)
            found = [float(cosines(vector[None], other[None])[0, 0]) for vector, other in pairs]
            return [max(0.0, 1 - (abs(cosine) if signed else cosine)) for cosine in found]

        return measure([member.vector for member in members]), measure([member.born for member in members])

    def _remember(self, identities: list[int], now: Directions | None, signed: bool) -> None:
        """Keep the groups as they are now, and forget those that are gone longest."""
        left = [identity for identity in self._alive if identity not in identities]
        self._gone = [identity for identity in self._gone if identity not in identities] + left
        self._alive = identities
        if now is not None:
            for row, identity in enumerate(identities):
                member = self._members[identity]
                member.vector = now.vectors[row]
                member.presence = now.weights[..., row] if isinstance(now, Groups) else None
            self._signed = signed
            ids = now.ids if isinstance(now, Groups) else ()
            for identity in self._gone if ids != self._ids else ():
                self._members[identity].presence = None  # it was of other pictures
            self._ids = ids
        for identity in self._gone[:-_MOST_GONE]:
            del self._members[identity]
        self._gone = self._gone[-_MOST_GONE:]

    def __len__(self) -> int:
        return len(self._alive)

    def __repr__(self) -> str:
        sizes = (number_of(self.steps, "step"), number_of(len(self._alive), "group"), f"{len(self._gone)} gone")
        return tell(self, quote(self.layer, 60), *sizes)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain numbers and strings, for JSON."""
        return {
            **{"threshold": self.threshold, "explained": self.explained, "gain": self.gain, "layer": self.layer},
            **{"steps": self.steps, "next": self._next, "ids": list(self._ids), "signed": self._signed},
            **{"alive": list(self._alive), "gone": list(self._gone)},
            "members": {
                str(identity): {
                    "name": member.name,
                    "born": member.born.tolist(),
                    "vector": member.vector.tolist(),
                    "presence": None if member.presence is None else member.presence.tolist(),
                }
                for identity, member in self._members.items()
            },
        }

    @property
    def next_identity(self) -> int:
        """The number that the next new group gets: one more than any group had."""
        return self._next

    @classmethod
    def resume(cls, groups: Directions, identities: Sequence[int], next_identity: int | None = None) -> Self:
        """Return a history that goes on from the groups of one step, where more than these is not known any more.

        Groups that were gone by then do not come back, and drift since birth counts from that step.

        Args:
            groups: of the last step: vectors [K,C] and names.
            identities: of each of them; -1 of an empty one.
            next_identity: that the next new group gets; None is one more than the largest there is.

        Returns:
            The history.

        Raises:
            ValueError: if there are not as many identities as groups, or two are the same.

        Example:
            >>> kept = ti.GroupHistory.resume(ti.Directions("conv", np.eye(3)[:2]), [4, 1])
            >>> kept.add(9, ti.Directions("conv", np.eye(3)[[1, 2]])).identities
            (1, 5)
        """
        used = [int(identity) for identity in identities if identity >= 0]
        if len(identities) != len(groups) or len(set(used)) < len(used):
            raise ValueError(f"{len(groups)} groups have one identity each, got {list(identities)}")
        history = cls()
        history.layer, history.steps, history._signed = groups.layer, 1, has_signs(groups)
        history._next = max([next_identity or 0, *(identity + 1 for identity in used)])
        history._alive = used
        for row, identity in enumerate(identities):
            if identity >= 0:
                vector = np.asarray(groups.vectors[row], np.float32)
                history._members[int(identity)] = _Member(groups.names[row], vector, vector, None)
        return history

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """Return the history that `to_dict` gave.

        Args:
            kept: what it gave.
        """
        history = cls(threshold=kept["threshold"], explained=kept["explained"], gain=kept["gain"])
        history.layer, history.steps, history._next = kept["layer"], kept["steps"], kept["next"]
        history._ids, history._signed = tuple(kept["ids"]), kept["signed"]
        history._alive, history._gone = list(kept["alive"]), list(kept["gone"])
        for identity, member in kept["members"].items():
            born, vector = (np.array(member[name], np.float32) for name in ("born", "vector"))
            presence = None if member["presence"] is None else np.array(member["presence"], np.float32)
            history._members[int(identity)] = _Member(member["name"], born, vector, presence)
        return history
