"""`compare_groupings` and `judge_groups`: which method suits the user's own layer, and how good one grouping is."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_interp.display import name_some, quote, tell
from tf_interp.groups.find import check_count, group, read_counted
from tf_interp.groups.found_groups import Groups
from tf_interp.groups.judging.grouping_card import GroupingCard, judge
from tf_interp.groups.methods.choice import METHODS, choose
from tf_interp.groups.methods.weighting import check_weighting, read_weighting
from tf_interp.groups.methods.windows import check_flat, check_window
from tf_interp.images import digest_images
from tf_interp.models import Model
from tf_interp.models.batches import check_model, take_inputs
from tf_interp.probe import Probe


@dataclasses.dataclass(frozen=True, eq=False)
class GroupingComparison:
    """Several ways to group one layer, side by side.

    Args:
        cards: one for each method, in the order asked for; each has its `groups`.
    """

    cards: tuple[GroupingCard, ...]

    def to_dataframe(self) -> Any:
        """Return a table: a row per method.

        Returns:
            pandas `DataFrame` with the columns "method", "k", "r2", "active", "sparsity", "dead", "stability" (median
            of the groups), "halves", "seeds", "seeds_before" (of the starts), "random" (numbers in random channels),
            "unstable" (number of groups), "collinearity" and "distance" (medians).

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        return pd.DataFrame([card.summary() for card in self.cards])

    def explain(self) -> str:
        """Return a line per method, the one that explains most first, with its notes."""
        order = np.argsort([-np.nan_to_num(card.r2, nan=-np.inf) for card in self.cards], kind="stable")
        return "\n".join(self.cards[number].explain() for number in order)

    def __repr__(self) -> str:
        best = max(self.cards, key=lambda card: card.r2)
        layer = quote(best.groups.layer, 60)
        most = f"best R2 {best.r2:.2f} of {quote(best.method)}"
        return tell(self, layer, name_some(card.method for card in self.cards), most)


def compare_groupings(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    layer: str,
    k: int,
    *,
    methods: Sequence[Any] = METHODS,
    refits: int = 3,
    seed: int = 0,
    iterations: int = 200,
    batch_size: int = 64,
    window: int = 1,
    weighting: str | None = None,
) -> GroupingComparison:
    """Compare ways to group a layer: what they explain, how few groups at a position, and whether they are found again.

    A dictionary can be stable since all its trainings start alike, so the starts are matched too, and random groups.

    Args:
        model: the network.
        images: as in `find_groups`; 40 pictures or more tell something about stability.
        layer: name of the layer.
        k: number of groups.
        methods: names or (name, settings) as in `find_groups`, or scikit-learn decompositions.
        refits: fits with other starts, at least 1; each method is fitted 3 times more than that.
        seed: of the first start; the refits have the ones after it.
        iterations: the most that a fit may take.
        batch_size: images per forward pass.
        window: as in `find_groups`, of all methods.
        weighting: as in `find_groups`, of all methods.

    Returns:
        A card for each method.

    Raises:
        TypeError: if the model was not opened, or a method is none.
        ValueError: if the layer does not exist, or `k`, `window` or `weighting` does not fit it.

    Example:
        >>> found = ti.compare_groupings(model, photos[:8], "conv", 3, methods=["nmf", "semi_nmf"], refits=1)
        >>> found.to_dataframe()["method"].tolist()
        ['nmf', 'semi_nmf']

    Source:
        Fel et al., Archetypal SAE, 2025; and for the caution on what starts share, arXiv 2606.02061, 2026.
    """
    if isinstance(methods, str) or not len(methods):
        raise TypeError(f'methods must be a list of one or more, such as ["nmf", "semi_nmf"], got {methods!r}')
    chosen = [choose("auto", item) if callable(getattr(item, "fit", None)) else choose(item) for item in methods]
    _check_refits(refits)
    check_window(window)
    check_weighting(weighting)
    array = take_inputs(model, images, "compare_groupings")
    paths = [check_count(model, layer, k, method) for method in chosen]
    check_flat(model, paths[0], window)
    activations, padded, told = read_counted(model, array, paths[0], k, batch_size)
    scale, said = read_weighting(model, array, paths[0], weighting, batch_size, padded)
    given: dict[str, Any] = {"padded": padded, "window": window, "scale": scale}
    ids = digest_images(array)
    cards = []
    for method in chosen:
        found = group(paths[0], activations, k, method, seed=seed, ids=ids, iterations=iterations, **given)
        groups, settled = dataclasses.replace(found, notes=(*found.notes, *told, *said)), found.method or method
        cards.append(judge(groups, settled, activations, padded, refits=refits, seed=seed, iterations=iterations))
    return GroupingComparison(tuple(cards))


def judge_groups(
    model: Model,
    images: Probe | np.ndarray | Mapping[str, np.ndarray],
    groups: Groups,
    *,
    refits: int = 3,
    seed: int = 0,
    iterations: int = 200,
    batch_size: int = 64,
) -> GroupingCard:
    """Judge groups: what they explain, whether halves of the pictures and other starts find them again, and more.

    Args:
        model: the network.
        images: those on which the groups were found.
        groups: from `find_groups`.
        refits: fits with other starts, at least 1.
        seed: with which the groups were found; the refits have the ones after it.
        iterations: the most that a fit may take.
        batch_size: images per forward pass.

    Returns:
        The card.

    Raises:
        TypeError: if these are no groups.
        ValueError: if the groups were not found on these images, or do not say how.

    Example:
        >>> groups = ti.find_groups(model, photos[:8], "conv", 3)
        >>> ti.judge_groups(model, photos[:8], groups, refits=1).stability.shape
        (3,)
    """
    check_model(model, "judge_groups")
    if not isinstance(groups, Groups):
        raise TypeError(f"judge_groups takes the result of find_groups, got {type(groups).__name__}")
    if groups.method is None:
        raise ValueError("these groups do not say how they were found, so they cannot be found again: use find_groups")
    _check_refits(refits)
    array = take_inputs(model, images, "judge_groups")
    if groups.weights_for(array) is None:
        raise ValueError("the groups were found on other images: give the images that find_groups had")
    path = model.resolve(groups.layer, channels=True)
    activations, padded, _ = read_counted(model, array, path, len(groups), batch_size)
    weights = groups.weights_for(array, activations)
    if weights is None:
        raise ValueError(
            f"layer {path!r} does something else on these images than when the groups were found, as after a training: "
            "find them again"
        )
    known = dataclasses.replace(groups, weights=weights, ids=tuple(digest_images(array)))
    return judge(known, groups.method, activations, padded, refits=refits, seed=seed, iterations=iterations)


def _check_refits(refits: int) -> None:
    if refits < 1:
        raise ValueError(f"stability needs one or more refits, got {refits}")
