"""What groups are, as records have it: their name, classes, examples, and what became of them since the last look."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorboard_plugin_interp import metadata
from tf_interp.analysis.part import Album, View
from tf_interp.analysis.parts.decision_record import shorten
from tf_interp.directions import Directions
from tf_interp.groups import GroupHistory, GroupProfiles, Groups, describe_groups, name_groups
from tf_interp.groups.methods.choice import METHODS, choose
from tf_interp.models import Target
from tf_interp.records import Record

_EXAMPLES = 4  # pictures of each kind
_PERMUTATIONS = 1000  # for names: as many as a look can afford


def tell_history(
    view: View, history: GroupHistory, groups: Groups
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what became of groups: an entry for each of them, and what happened since the last look.

    Args:
        view: what the part sees.
        history: of this layer; it takes these groups in.
        groups: of this step.
    """
    tracked = history.add(view.step, groups)
    rows = [
        {"identity": identity, "drift": shorten(drift), "total_drift": shorten(total)}
        for identity, drift, total in zip(tracked.identities, tracked.drift, tracked.total_drift, strict=True)
    ]
    return rows, [event.row() | {"sentence": event.sentence()} for event in tracked.events]


def read_groups(record: Record) -> tuple[Groups, GroupHistory] | None:
    """Return the groups of a record, without where they fire, and a history that goes on from them.

    None where a vector is missing: the layer has too many channels for records to carry them, or all is empty.
    """
    rows, label = record.data["groups"], record.data.get("method")
    vectors: list[Any] = [row.get("vector") and metadata.unpack_vector(row["vector"]) for row in rows]
    width = max((len(vector) for vector in vectors if vector), default=0)
    identities = [row.get("identity", -1) for row in rows]
    if not width or any(not vector and identity >= 0 for vector, identity in zip(vectors, identities, strict=True)):
        return None
    array = np.array([vector or [0.0] * width for vector in vectors], np.float32)
    array /= np.maximum(np.linalg.norm(array, axis=1, keepdims=True), 1e-12)
    directions = Directions(record.layer, array, [row["name"] for row in rows], "groups")
    groups = Groups(
        record.layer, array, directions.names, "groups", weights=np.zeros((1, 1, 1, len(rows)), np.float32),
        error=record.data["error"], shares=np.array([row["share"] for row in rows], np.float32), ids=(),
        method=choose(label) if label in METHODS else None,
    )  # fmt: skip
    return groups, GroupHistory.resume(directions, identities, record.data.get("next_identity"))


def tell_names(view: View, groups: Groups, notes: list[str]) -> list[dict[str, Any] | None]:
    """Return what each group may be called by the labels and what can be measured in pictures, with the evidence.

    Args:
        view: what the part sees.
        groups: of a layer, found on the probe.
        notes: where it is said why there is no name at all.
    """
    try:
        found = name_groups(groups, view.probe, permutations=_PERMUTATIONS)
    except ValueError as error:
        notes.append(f"groups have no names of their own: {str(error).splitlines()[0]}")
        return [None] * len(groups)
    notes += [note for note in found.notes if note.startswith("no name is possible")]
    return [
        {
            "word": one.word,
            "evidence": one.evidence,
            "r": shorten(one.r),
            "auprc": shorten(one.auprc),
            "p": shorten(one.p),
            "also": list(one.also),
        }
        for one in found.names
    ]


def tell_profiles(
    view: View, album: Album, groups: Groups, targets: Sequence[Target]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return an entry for each group: its classes and examples; and what these entries refer to.

    Args:
        view: what the part sees.
        album: where crops go.
        groups: of a layer, found on the probe.
        targets: what they may contribute to.
    """
    own = [target for target in targets if target.output == view.head.path]
    found = describe_groups(view.model, view.probe, groups, targets=own or None, top=_EXAMPLES)
    rows = []
    shown = [(picture, row) for row in range(len(groups)) for picture in _list_pictures(found, row)]
    pictures = list(dict.fromkeys(shown))
    values = view.arrange(groups.weights, groups.layer).values
    crops = view.show_crops(values, [one for one, _ in pictures], [row for _, row in pictures]) if pictures else None
    cells = {pair: cell for cell, pair in enumerate(pictures)} if crops is not None else {}

    def tell(some: Any, row: int) -> list[dict[str, Any]]:
        return [{"probe": int(one), "crop": cells.get((int(one), row))} for one in some]

    for row in range(len(groups)):
        target = _strongest(found, row)
        ends = {found.outputs[at]: shorten(found.effects[row, at]) for at in _ends(found, row)}
        rows.append(
            {
                "fires": int(found.fires[row]),
                "profile": shorten(found.profile[row]),
                "contributes": ends,
                "examples": {
                    "best": tell(found.best[row][: found.fires[row]], row),
                    "typical": tell(found.typical[row], row),
                    "contributing": [] if target is None else tell(_contributing(found, row, target), row),
                    "target": None if target is None else found.targets[target],
                    "shared": None if target is None else shorten(found.shared[row, target]),
                },
            }
        )
    return rows, {"classes": list(found.classes), "crops": None if crops is None else album.add_shown(crops)}


def _strongest(found: GroupProfiles, row: int) -> int | None:
    """Return the target that a group contributes most to; None of a silent group, or where nothing is asked."""
    if not found.targets or not found.fires[row]:
        return None
    return int(found.contribution[row].mean(-1).argmax())


def _contributing(found: GroupProfiles, row: int, target: int) -> np.ndarray:
    """Return the pictures where a group contributes most to a target, as many as it fires in at most."""
    return found.contributing[row, target][: found.fires[row]]


def _ends(found: GroupProfiles, row: int) -> list[int]:
    """Return the outputs that a group moves up and down most."""
    if not found.outputs:
        return []
    return list(dict.fromkeys([int(found.effects[row].argmax()), int(found.effects[row].argmin())]))


def _list_pictures(found: GroupProfiles, row: int) -> list[int]:
    if not found.fires[row]:
        return []
    target = _strongest(found, row)
    some = [
        found.best[row][: found.fires[row]],
        found.typical[row],
        *([] if target is None else [_contributing(found, row, target)]),
    ]
    return [int(picture) for picture in np.concatenate(some)]
