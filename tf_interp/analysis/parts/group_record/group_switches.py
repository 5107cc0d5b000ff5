"""What becomes of decisions when groups are switched off, in all combinations: recorded, so that the tab can answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_interp.analysis.part import View
from tf_interp.analysis.parts.decision_record import shorten
from tf_interp.analysis.parts.shown_classes import choose_classes
from tf_interp.groups import GroupAblation, Groups, ablate_groups
from tf_interp.models import Target
from tf_interp.probe import pick_rows

MOST_GROUPS = 8  # of which all subsets are run: 256
_CLASSES = 5  # recorded of a network with more than ten
_DRAWS = 4  # random directions beside each group


def measure_switches(
    view: View, groups: Groups, targets: Sequence[Target], rows: Sequence[int],
    baseline: str,
) -> GroupAblation | None:  # fmt: skip
    """Return what switching groups off does to some pictures; None where there is nothing to ask about.

    Args:
        view: what the part sees.
        groups: of a layer.
        targets: what they are proved on.
        rows: of the probe, which pictures.
        baseline: as in `ablate_groups`.
    """
    own = [target for target in targets if target.output == view.head.path]  # those of others have other subsets
    if not len(rows) or not own or view.head.count is None:
        return None
    images = pick_rows(view.probe.images, np.asarray(rows))
    return ablate_groups(view.model, images, groups, own, draws=_DRAWS, baseline=baseline)


def tell_switches(view: View, found: GroupAblation | None, rows: Sequence[int], baseline: str) -> dict[str, Any] | None:
    """Return the outputs for all subsets of groups, as records have them; None for more than 8 groups.

    Args:
        view: what the part sees.
        found: from `measure_switches`.
        rows: as there.
        baseline: as there.

    Returns:
        `{"baseline": str, "pictures": [{"probe", "classes": M class indices, "outputs": [2^K][M], "decisions": [2^K] or
        None}]}`; group k is there where bit k of the place in the list is set.
    """
    if found is None or found.subsets is None:
        return None
    head, probe, places = view.head, view.probe, np.asarray(rows)
    labels = None if probe.labels is None or not head.decides else probe.labels[places]
    classes = choose_classes(head, view.logits[places], labels, _CLASSES)
    numbers = np.stack([head.spread(outputs) for outputs in found.subsets])  # [2^K,N,classes]
    decisions = None
    if head.decides:
        decided = np.asarray([head.decide(outputs) for outputs in found.subsets])
        decisions = decided if decided.ndim == 2 else None  # several classes of a picture are no one decision
    return {
        "baseline": baseline,
        "pictures": [
            {
                "probe": int(picture),
                "classes": classes[row].tolist(),
                "outputs": shorten(numbers[:, row, classes[row]]),
                "decisions": None if decisions is None else decisions[:, row].tolist(),
            }
            for row, picture in enumerate(places)
        ],
    }


def tell_proofs(found: GroupAblation | None, group: int) -> dict[str, dict[str, float]]:
    """Return what the targets lose without a group: target -> {"change", "random": mean size of what chance does}.

    Args:
        found: from `measure_switches`.
        group: its row.
    """
    if found is None:
        return {}
    chance = np.abs(found.random_change[group].mean(-1)).mean(-1)
    change = found.change[group].mean(-1)
    return {
        name: {"change": float(shorten(change[row])), "random": float(shorten(chance[row]))}
        for row, name in enumerate(found.targets)
    }
