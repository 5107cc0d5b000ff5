"""Words for what can be measured in any picture, without a network and without a download."""

from collections.abc import Sequence

import numpy as np

from tf_interp.groups.meaning.naming.word import Word

HUES = ("red", "yellow", "green", "cyan", "blue", "magenta")
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_DIM = 2 / 255  # differences below are no texture
_BATCH = 32  # pictures at a time


def measure_pictures(pictures: np.ndarray, cells: Sequence[int]) -> list[Word]:
    """Return what is measured in pictures, as one number for each position of a layer; for one position, a picture.

    "bright" or "dark" (luma), "edges" or "plain" (length of its gradient), "fine texture" or "coarse texture" (detail
    of 1 pixel beside detail of 4), "vertical lines" or "horizontal lines" and "falling lines" or "rising lines" (which
    way the gradient goes, by its double angle); with three channels "colorful" or "gray" (the largest channel less the
    smallest), and six hues (that difference, where the hue is nearest).

    Args:
        pictures: float32 [N,H,W,C] in [0,1].
        cells: rows and columns of the layer.

    Returns:
        Words with values [N,h,w], or [N] for one position.

    Example:
        >>> [word.name for word in measure_pictures(np.zeros((2, 8, 8, 1)), (2, 2))][:2]
        ['bright', 'edges']
    """
    parts = [_measure(pictures[start : start + _BATCH], cells) for start in range(0, len(pictures), _BATCH)]
    joined = {names: np.concatenate([part[names] for part in parts]) for names in parts[0]}
    single = tuple(cells) == (1, 1)
    values = {names: maps[:, 0, 0] if single else maps for names, maps in joined.items()}
    return [Word(name, "picture", item, opposite) for (name, opposite), item in values.items()]


def name_places(cells: Sequence[int]) -> list[Word]:
    """Return words for where in a picture a position is: they are the same in all pictures.

    Args:
        cells: rows and columns of the layer.

    Returns:
        Words with values [h,w]: "top" or "bottom", "left" or "right", "center", and, from 4 x 4 positions on, "border",
        the outermost of them.
    """
    down, across = (np.linspace(-1, 1, count) if count > 1 else np.zeros(1) for count in cells)
    rows, columns = np.meshgrid(down, across, indexing="ij")
    outside = np.maximum(np.abs(rows), np.abs(columns))
    words = [
        Word("bottom", "place", rows, "top"),
        Word("right", "place", columns, "left"),
        Word("center", "place", -outside),
    ]
    if min(cells) >= 4:
        words.append(Word("border", "place", (outside > 1 - 1e-6).astype(np.float64)))
    return words


def cover(maps: np.ndarray, cells: Sequence[int]) -> np.ndarray:
    """Return the mean of maps over the part of a picture that belongs to each position, whatever the sizes.

    Args:
        maps: [N,H,W].
        cells: rows and columns wanted.

    Returns:
        float64 [N,h,w].

    Example:
        >>> cover(np.array([[[0.0, 1.0, 1.0, 1.0]]]), (1, 2)).tolist()
        [[[0.5, 1.0]]]
    """
    rows, columns = (_overlaps(side, count) for side, count in zip(maps.shape[1:3], cells, strict=True))
    return rows @ np.asarray(maps, np.float64) @ columns.T


def _overlaps(side: int, count: int) -> np.ndarray:
    """Return which part [count,side] of each of `count` equal intervals each of `side` equal ones fills."""
    edges, marks = np.arange(count + 1) / count, np.arange(side + 1) / side
    starts = np.maximum(edges[:-1, None], marks[None, :-1])
    ends = np.minimum(edges[1:, None], marks[None, 1:])
    return np.maximum(ends - starts, 0) * count


def _measure(pictures: np.ndarray, cells: Sequence[int]) -> dict[tuple[str, str | None], np.ndarray]:
    """Return (name, opposite) -> [N,h,w]."""
    array = np.asarray(pictures, np.float32)
    colored = array.shape[-1] == 3
    luma = array @ _LUMA if colored else array.mean(-1)
    padded = np.pad(luma, ((0, 0), (1, 1), (1, 1)), "edge")  # a border is no edge
    across, down = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2], padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    energy = cover(across**2 + down**2, cells)
    fine, coarse = (
        cover(np.abs(first - second), cells)
        for first, second in ((luma, _blur(luma, 1)), (_blur(luma, 1), _blur(luma, 4)))
    )

    def share(values: np.ndarray) -> np.ndarray:
        return cover(values, cells) / (energy + _DIM**2)

    found: dict[tuple[str, str | None], np.ndarray] = {
        ("bright", "dark"): cover(luma, cells),
        ("edges", "plain"): cover(np.sqrt(across**2 + down**2), cells),
        ("fine texture", "coarse texture"): np.log((fine + _DIM) / (coarse + _DIM)),
        ("vertical lines", "horizontal lines"): share(across**2 - down**2),
        ("falling lines", "rising lines"): share(-2 * across * down),
    }
    if colored:
        chroma = array.max(-1) - array.min(-1)
        nearest = (_hue(array, chroma) + 0.5).astype(np.int64) % 6
        found["colorful", "gray"] = cover(chroma, cells)
        for number, name in enumerate(HUES):
            found[name, None] = cover(np.where(nearest == number, chroma, 0), cells)
    return found


def _hue(array: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Return the hue in sixths of the circle, 0 is red and 2 green; where there is no color, anything."""
    red, green, blue = np.moveaxis(array, -1, 0)
    by = np.where(chroma > 0, chroma, 1)
    top = array.argmax(-1)
    return np.choose(top, [(green - blue) / by % 6, (blue - red) / by + 2, (red - green) / by + 4])


def _blur(luma: np.ndarray, reach: int) -> np.ndarray:
    """Return the mean over a square of 2 * reach + 1 pixels."""
    for axis in (1, 2):
        widths = [(reach + 1, reach) if number == axis else (0, 0) for number in range(3)]
        sums = np.cumsum(np.pad(luma, widths, "edge"), axis, dtype=np.float64)
        size = sums.shape[axis]
        ends = np.take(sums, range(2 * reach + 1, size), axis)
        luma = (ends - np.take(sums, range(size - 2 * reach - 1), axis)) / (2 * reach + 1)
    return luma
