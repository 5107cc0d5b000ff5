"""`track_groups`: the same groups through steps, seeds, runs or checkpoints, and what becomes of them."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from tf_interp.directions import Directions
from tf_interp.display import number_of, quote, tell
from tf_interp.groups.history.group_events import GroupEvent
from tf_interp.groups.history.group_history import GroupHistory, TrackedStep


@dataclasses.dataclass(frozen=True, eq=False)
class GroupTracks:
    """Groups through time: each keeps its identity, a number.

    Args:
        layer: path of the layer.
        steps: what came of each step.
        history: what is known at the end; `history.add` goes on with further steps.
    """

    layer: str
    steps: tuple[TrackedStep, ...]
    history: GroupHistory

    @property
    def identities(self) -> tuple[tuple[int, ...], ...]:
        """Of each step, the identities of its groups in their order; -1 of an empty one."""
        return tuple(step.identities for step in self.steps)

    @property
    def events(self) -> tuple[GroupEvent, ...]:
        """What happened, in the order of the steps."""
        return tuple(event for step in self.steps for event in step.events)

    def to_dataframe(self) -> Any:
        """Return a table of what happened: a row per event.

        Returns:
            pandas `DataFrame` with the columns "step", "event" ("birth", "death", "split", "merge", "rebirth"),
            "identity", "name", "from" and "to" (lists of identities), and "agreement".

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        columns = ["step", "event", "identity", "name", "from", "to", "agreement"]
        return pd.DataFrame([event.row() for event in self.events], columns=columns)

    def groups_dataframe(self) -> Any:
        """Return a table of the groups: a row per step and group.

        Returns:
            pandas `DataFrame` with the columns "step", "group" (its number at the step), "identity", "name", "drift",
            "total_drift" and "agreement", see `TrackedStep`.

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        columns = ["step", "group", "identity", "name", "drift", "total_drift", "agreement"]
        rows = [
            (step.step, number, *values)
            for step in self.steps
            for number, values in enumerate(
                zip(step.identities, step.names, step.drift, step.total_drift, step.agreement, strict=True)
            )
        ]
        return pd.DataFrame(rows, columns=columns)

    def explain(self) -> str:
        """Return a sentence per event, and the group that changed most since it was born."""
        lines = [f"{event.sentence()}." for event in self.events]
        last = self.steps[-1]
        if not lines:
            lines = [f"No group of {self.layer} was born, died, split or merged."]
        if last.total_drift and max(last.total_drift) > 0.005:
            most = max(range(len(last.total_drift)), key=lambda row: last.total_drift[row])
            lines.append(
                f"{last.names[most]} changed most since its birth: by {last.total_drift[most]:.2f} (1 - cosine)."
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        count = len({identity for step in self.identities for identity in step if identity >= 0})
        sizes = (number_of(len(self.steps), "step"), number_of(count, "group"), number_of(len(self.events), "event"))
        return tell(self, quote(self.layer, 60), *sizes)


def track_groups(
    steps: Iterable[tuple[int | str, Directions]],
    *,
    threshold: float = 0.5,
    explained: float = 0.9,
    gain: float = 0.05,
) -> GroupTracks:
    """Follow groups through the steps of a training, or compare seeds, runs and checkpoints.

    Neighboring steps are matched by what groups are made of and where they fire; what appears, goes, splits, merges and
    comes back is told, and how far each group drifts. `GroupHistory` says what each of these means, and does the same
    step by step.

    Args:
        steps: pairs of a step (or a name) and the groups of one layer, in order; two checkpoints are two of them.
        threshold: as in `match_groups`.
        explained: agreement from which two groups explain one.
        gain: how much better than each of them alone.

    Returns:
        Identities, events and drift.

    Raises:
        TypeError: if these are no pairs of a step and groups.
        ValueError: if there is none, a step stands twice, or groups are of several layers.

    Example:
        >>> first, second = (ti.Directions("conv", np.eye(4)[rows]) for rows in ([0, 1, 2], [2, 0, 3]))
        >>> tracks = ti.track_groups([(0, first), (100, second)])
        >>> tracks.identities[1]
        (2, 0, 3)
        >>> print(tracks.explain())
        group 3 appeared at step 100 (the nearest has cosine 0.00).
        group 1 is gone at step 100 (the nearest has cosine 0.00).
    """
    if isinstance(steps, Directions) or not isinstance(steps, Iterable):
        raise TypeError(f"track_groups takes pairs of a step and its groups, got {type(steps).__name__}")
    history, found, seen = GroupHistory(threshold=threshold, explained=explained, gain=gain), [], set()
    for item in steps:
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise TypeError(f"track_groups takes pairs of a step and its groups, got {type(item).__name__}")
        step, groups = item
        if step in seen:
            raise ValueError(f"step {step!r} stands twice: give each step once, in order")
        seen.add(step)
        found.append(history.add(step, groups))
    if not found:
        raise ValueError("track_groups needs the groups of one step or more, got none")
    return GroupTracks(str(history.layer), tuple(found), history)
