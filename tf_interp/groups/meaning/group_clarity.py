"""`group_clarity`: does a group fire for one thing, for several, or for the same as another group?"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.cluster.vq import kmeans2

from tf_interp.attribution.attribute import find_last_map
from tf_interp.capture import read_activations
from tf_interp.display import cut, number_of, quote, tell, write_number, write_range
from tf_interp.groups.effects.placed_groups import place_groups
from tf_interp.groups.found_groups import Groups
from tf_interp.groups.matching import cosines
from tf_interp.groups.meaning.group_profile import FIRES
from tf_interp.images import crop_around
from tf_interp.models import Model
from tf_interp.models.batches import check_model, take_inputs
from tf_interp.probe import Probe

_RANDOM = 64  # crops of anywhere, that chance is made of
_SETS = 200  # draws of them, each as many as a group has
_FEWEST = 4  # crops from which two kinds can be told apart


@dataclasses.dataclass(frozen=True, eq=False)
class GroupClarity:
    """How clear K groups are, by what their strongest crops look like to a network.

    Args:
        layer: path of the layer.
        groups: K names.
        embedding: what compared the crops.
        clarity: float32 [K], mean cosine of two of a group's crops: 1 is one thing; NaN of fewer than 2 crops.
        polysemanticity: float32 [K], 1 - cosine of the centers of the two kinds that the crops fall into: 0 is one
            kind; NaN of fewer than 4 crops.
        redundancy: float32 [K], the largest cosine of a group's mean with that of another group; NaN of a silent one.
        nearest: K, which other group that is; None where there is none.
        counts: int [K], crops of each: one of each picture where the group fires, the strongest first.
        pictures: K arrays int, which pictures they are of.
        places: K arrays int [.,2], row and column of their position.
        random_clarity: float32 [2], median and 95 % of the clarity of as many crops of anywhere, one of each picture.
        random_polysemanticity: float32 [2], the same of polysemanticity.
        notes: sentences on what a person should know.
    """

    layer: str
    groups: tuple[str, ...]
    embedding: str
    clarity: np.ndarray
    polysemanticity: np.ndarray
    redundancy: np.ndarray
    nearest: tuple[str | None, ...]
    counts: np.ndarray
    pictures: tuple[np.ndarray, ...]
    places: tuple[np.ndarray, ...]
    random_clarity: np.ndarray
    random_polysemanticity: np.ndarray
    notes: tuple[str, ...] = ()

    def to_dataframe(self) -> Any:
        """Return a table: a row per group.

        Returns:
            pandas `DataFrame` with the columns "group", "crops", "clarity", "random_clarity" (median of crops of
            anywhere), "polysemanticity", "random_polysemanticity", "redundancy" and "nearest".

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "group": self.groups,
                "crops": self.counts,
                "clarity": self.clarity,
                "random_clarity": self.random_clarity[0],
                "polysemanticity": self.polysemanticity,
                "random_polysemanticity": self.random_polysemanticity[0],
                "redundancy": self.redundancy,
                "nearest": self.nearest,
            }
        )

    def explain(self) -> str:
        """Return a line per group, the clearest first, and a line for each note."""
        lines = []
        for row in np.argsort(-np.nan_to_num(self.clarity, nan=-2), kind="stable"):
            if np.isnan(self.clarity[row]):
                lines.append(f"{self.groups[row]}: fires in too few pictures to compare")
                continue
            above = " (no clearer than crops of anywhere)" if self.clarity[row] <= self.random_clarity[1] else ""
            lines.append(
                f"{self.groups[row]}: clarity {self.clarity[row]:.2f}{above}, polysemanticity "
                f"{self.polysemanticity[row]:.2f}, most alike {self.nearest[row]} ({self.redundancy[row]:.2f})"
            )
        middle, high = self.random_clarity
        if not np.isnan(middle):
            lines.append(f"crops of anywhere: clarity {middle:.2f}, up to {high:.2f}")
        return "\n".join([*lines, *(f"Note: {note}." for note in self.notes)])

    def __repr__(self) -> str:
        known = self.clarity[np.isfinite(self.clarity)]
        clear = f"clarity {write_range(known)}, of anywhere {write_number(self.random_clarity[0])}"
        by = f"by {cut(self.embedding)}"
        return tell(self, quote(self.layer, 60), number_of(len(self.groups), "group"), by, clear)


def group_clarity(
    model: Model,
    images: Probe | np.ndarray,
    groups: Groups,
    *,
    embedding: Model | str | Callable[[np.ndarray], Any] | None = None,
    centered: bool = False,
    top: int = 16,
    seed: int = 0,
    batch_size: int = 64,
) -> GroupClarity:
    """Measure how clear groups are: whether the parts of pictures where each fires most look alike.

    With v the embeddings of a group's n crops, each of length 1, and m their mean: clarity = n/(n-1) (m.m - 1/n), which
    is the mean cosine of two of them; polysemanticity = 1 - cosine of the two centers of their k-means; redundancy =
    the largest cosine of m with that of another group. Beside them stands what crops of anywhere give.

    Args:
        model: the network.
        images: pictures, as in `find_groups`.
        groups: from `find_groups`.
        embedding: what says whether two crops are alike: a second network, whose last layer with positions is averaged;
            the name of a layer of this network; or a function from crops float32 [n,H,W,C] in [0,1] to [n,d]. None
            takes this network's own last layer with positions, which is circular, as a note says.
        centered: whether the mean embedding of the crops of anywhere is taken away first. Behind a ReLU all embeddings
            are alike, and cosines close to 1; without their mean they differ by what is special to each.
        top: crops of each group.
        seed: of crops of anywhere.
        batch_size: crops per forward pass; `top` for each group, and 64 of anywhere, are made in all.

    Returns:
        The measures.

    Raises:
        TypeError: if these are no groups, or the embedding is none.
        ValueError: if they do not fit the layer, the network takes no pictures, or the embedding gives no row for each.

    Example:
        >>> groups = ti.find_groups(model, photos[:8], "conv", 2)
        >>> ti.group_clarity(model, photos[:8], groups, embedding=lambda crops: crops.mean((1, 2))).counts.tolist()
        [8, 8]

    Source:
        Dreyer et al., Mechanistic understanding and validation of large AI models with SemanticLens, 2025.
    """
    check_model(model, "group_clarity")
    if top < 2:
        raise ValueError(f"a group's crops are compared with each other, so top must be 2 or more, got {top}")
    pictures = take_inputs(model, images, "group_clarity")
    if isinstance(pictures, Mapping) or pictures.ndim != 4:
        raise ValueError("group_clarity compares parts of pictures, and this network takes something else")
    placed = place_groups(model, images, groups, "group_clarity", batch_size)
    notes = list(placed.notes)
    embed, said = _find_embedding(model, embedding, pictures, batch_size, notes)
    maps = _on_grid(placed.weights, notes)
    chosen = [_strongest(maps[..., row], top) for row in range(len(groups))]
    rng = np.random.default_rng((seed, 9))
    anywhere = _draw_anywhere(maps.shape[:3], rng)
    count = len(anywhere)
    spots = np.concatenate([*chosen, anywhere])
    found = _embed(embed, pictures, spots, maps.shape[1:3])
    units = _to_units(found - found[-count:].mean(0) if centered else found)
    counts = np.array([len(item) for item in chosen])
    parts = np.split(units, np.cumsum(counts))
    redundancy, nearest = _find_nearest(parts[:-1], groups.names)
    size = min(int(np.median(counts[counts > 1])) if (counts > 1).any() else 0, count)
    sets = [parts[-1][_draw_set(anywhere[:, 0], size, rng)] for _ in range(_SETS)]
    return GroupClarity(
        groups.layer,
        tuple(groups.names),
        f"{said}, centered" if centered else said,
        np.array([clarity(part) for part in parts[:-1]], np.float32),
        np.array([polysemanticity(part) for part in parts[:-1]], np.float32),
        redundancy,
        nearest,
        counts,
        tuple(item[:, 0] for item in chosen),
        tuple(item[:, 1:] for item in chosen),
        np.quantile([clarity(part) for part in sets], [0.5, 0.95]).astype(np.float32),
        np.quantile([polysemanticity(part) for part in sets], [0.5, 0.95]).astype(np.float32),
        tuple(notes),
    )


def clarity(units: np.ndarray) -> float:
    """Return the mean cosine of two different rows of length 1, [n,d]; NaN of fewer than 2.

    Example:
        >>> clarity(np.eye(2)), clarity(np.eye(2)[[0, 0]])
        (0.0, 1.0)
    """
    n = len(units)
    return float(n / (n - 1) * (np.square(units.mean(0)).sum() - 1 / n)) if n > 1 else float("nan")


def polysemanticity(units: np.ndarray) -> float:
    """Return 1 - cosine of the centers of the two kinds that rows of length 1 fall into; NaN of fewer than 4 rows.

    The kinds are those of k-means, started from the two sides of the longest axis.

    Example:
        >>> polysemanticity(np.eye(2)[[0, 0, 1, 1]])
        1.0
    """
    if len(units) < _FEWEST:
        return float("nan")
    if np.allclose(units, units[0], atol=1e-6):
        return 0.0
    centered = units - units.mean(0)
    side = centered @ np.linalg.svd(centered, full_matrices=False)[2][0] > 0
    centers, _ = kmeans2(units, np.stack([units[side].mean(0), units[~side].mean(0)]), minit="matrix")
    return float(1 - cosines(centers[:1], centers[1:])[0, 0])


def _find_nearest(parts: Sequence[np.ndarray], names: Sequence[str]) -> tuple[np.ndarray, tuple[str | None, ...]]:
    """Return the largest cosine of each mean with that of another group, and which group that is."""
    there = [row for row, part in enumerate(parts) if len(part)]
    found: list[str | None] = [None] * len(parts)
    largest = np.full(len(parts), np.nan, np.float32)
    if len(there) > 1:
        means = np.stack([parts[row].mean(0) for row in there])
        alike = cosines(means, means)
        np.fill_diagonal(alike, -np.inf)
        for row, near in zip(there, alike.argmax(1), strict=True):
            found[row] = names[there[near]]
        largest[there] = alike.max(1)
    return largest, tuple(found)


def _on_grid(maps: np.ndarray, notes: list[str]) -> np.ndarray:
    """Return where groups fire [N,h,w,K], in one place where the layer's positions do not lie over the picture."""
    if min(maps.shape[1:3]) == 1 < max(maps.shape[1:3]):
        notes.append("positions of this layer do not lie over the picture: whole pictures were compared")
        return maps.max((1, 2), keepdims=True)
    return maps


def _strongest(maps: np.ndarray, top: int) -> np.ndarray:
    """Return the pictures where a group fires most and where in them: int [n,3], picture, row and column."""
    flat = maps.reshape(len(maps), -1)
    strength = flat.max(1)
    rows = np.argsort(-strength, kind="stable")[:top]
    rows = rows[(strength[rows] >= FIRES * strength.max()) & (strength[rows] > 0)]
    return np.stack([rows, *np.unravel_index(flat[rows].argmax(1), maps.shape[1:])], -1)


def _draw_anywhere(form: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Return random positions of pictures, from as many pictures as can be: int [n,3], picture, row and column."""
    pictures, cells = form[0], form[1] * form[2]
    count = min(_RANDOM, pictures * cells)
    order = rng.permutation(pictures)
    spots = []
    for place, picture in enumerate(order[:count]):
        some = rng.choice(cells, len(range(place, count, pictures)), replace=False)
        spots += [(picture, *divmod(int(cell), form[2])) for cell in some]
    return np.array(spots)


def _draw_set(pictures: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return which `size` random crops to compare, one of each picture, as a group's are."""
    order = rng.permutation(len(pictures))
    first = np.unique(pictures[order], return_index=True)[1]
    return order[rng.permutation(first)[:size]]


def _embed(
    embed: Callable[[np.ndarray], np.ndarray], pictures: np.ndarray, spots: np.ndarray, cells: tuple[int, ...]
) -> np.ndarray:
    """Return the embeddings of parts of pictures, float64 [n,d]."""
    crops = np.stack([crop_around(pictures[row], place, cells) for row, *place in spots])
    found = np.asarray(embed(crops), np.float64)
    if found.ndim != 2 or len(found) != len(crops):
        raise ValueError(f"the embedding must give one row for each crop, [{len(crops)},d], got {list(found.shape)}")
    if not np.isfinite(found).all():
        raise ValueError("the embedding gives NaN or infinite values")
    return found


def _to_units(rows: np.ndarray) -> np.ndarray:
    """Return rows with length 1; those of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def _find_embedding(
    model: Model, embedding: Any, pictures: np.ndarray, batch_size: int, notes: list[str]
) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """Return what turns crops into rows, and what that is in words."""
    if callable(embedding) and not isinstance(embedding, Model):
        size = pictures.shape[1:3]
        return lambda crops: embedding(_resize(crops, size)), "a function of the user"
    if embedding is not None and not isinstance(embedding, Model | str):
        raise TypeError(
            f"embedding must be a Model, the name of a layer or a function, got {type(embedding).__name__}: wrap a "
            "network with open_model(...)"
        )
    other = embedding if isinstance(embedding, Model) else model
    layer = model.resolve(embedding, channels=True) if isinstance(embedding, str) else _last_layer(other)
    if other is model:
        notes.append(
            f"the crops were compared by the network itself, in {layer}: what it cannot tell apart counts as alike, "
            "which is circular; give a second network as embedding="
        )
    if other.input_shape is None:
        raise ValueError(f"{other.name!r} was never called: call it on a picture, or give open_model(..., input=...)")
    takes = tuple(other.input_shape) if isinstance(other.input_shape, tuple) else ()
    channels = pictures.shape[-1]
    if len(takes) != 3 or (takes[-1] not in (None, channels) and channels not in (1, 3)):
        raise ValueError(f"{other.name!r} takes {other.input_shape}, and pictures of {channels} channels are compared")
    height, width = (side or own for side, own in zip(takes[:2], pictures.shape[1:3], strict=True))

    def embed(crops: np.ndarray) -> np.ndarray:
        drawn = _recolor(_resize(crops, (height, width)), takes[-1] or channels)
        return read_activations(other, drawn, [layer], pooling="mean", batch_size=batch_size)[layer]

    return embed, f"{layer} of {other.name}"


def _last_layer(model: Model) -> str:
    """Return the last layer with positions, or else the last before the outputs."""
    try:
        return find_last_map(model)
    except ValueError:
        ends = [model.layers[path] for path in model.outputs]
        paths = [path for path in model.layers if path not in model.outputs]
        return next((path for path in reversed(paths) if model.layers[path] not in ends), paths[-1])


def _resize(crops: np.ndarray, size: Any) -> np.ndarray:
    return np.clip(tf.image.resize(crops, [int(side) for side in size]).numpy(), 0, 1)


def _recolor(pictures: np.ndarray, channels: int) -> np.ndarray:
    if pictures.shape[-1] == channels:
        return pictures
    return np.repeat(pictures.mean(-1, keepdims=True), channels, -1)
