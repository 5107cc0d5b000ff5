"""What a network is given, as pictures for people: bands as colors, series as lines, the middle of a volume.

Lines and bars lie on a dark ground of their own, in light and dark themes alike, as pictures do; time fills the whole
width, so that maps of a layer can be laid over them.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tf_interp.images import show_bands

MOST = 12  # lines in one picture
_SIZES = ((240, 20, 96, 240), (400, 32, 160, 384))  # pixels: width, height of a line, least and most height; rendered
_FINER = 3  # drawn so many times larger first, for smooth lines
_GROUND, _FAINT, _TEXT = (24, 27, 34), (48, 53, 64), (176, 184, 198)
_LINES = ((128, 182, 255), (255, 184, 108), (134, 222, 152), (240, 146, 200), (190, 164, 255), (240, 222, 120))


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """Pictures for people.

    Args:
        cells: float [N,h,w] or [N,h,w,3] in [0,1].
        legend: what they show, where they are no ordinary pictures: one sentence, or one for each.
        plotted: whether they are lines, bars or text, whose size is a matter of looks.
    """

    cells: np.ndarray
    legend: str | list[str] | None = None
    plotted: bool = False


def show_inputs(
    values: np.ndarray,
    kind: str,
    *,
    bands: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    limits: tuple[Any, Any] | None = None,
) -> Shown:
    """Return what a network is given as pictures for people.

    Args:
        values: [N,...].
        kind: "pictures" [N,h,w,C], "series" [N,T,F], "volumes" [N,D,h,w,C], "vectors" [N,F] or "tokens" [N,T].
        bands: one to three channels to show as colors; None shows those that matter.
        names: names of the channels or features; None numbers them.
        limits: of rendered pictures, the lowest and the highest number, for all or for each channel: then each picture
            shows the channels that matter to it, and all lines have one scale. None of what was given.

    Returns:
        The pictures.

    Example:
        >>> show_inputs(np.zeros((2, 50, 3)), "series").legend
        'lines from the top: feature 0, feature 1, feature 2; each over its own range'
    """
    if kind == "series":
        return _show_series(values, names, limits)
    if kind == "vectors":
        return _show_vectors(values, names)
    if kind == "tokens":
        return Shown(np.stack([_write(row) for row in values]), "token numbers", True)
    middle = ""
    while values.ndim > 4:
        middle += f"slice {values.shape[1] // 2} of {values.shape[1]}, "
        values = values[:, values.shape[1] // 2]
    pictures = values[..., None] if values.ndim == 3 else values
    low, high = (0.0, 1.0) if limits is None else limits
    if limits is None and (pictures.min() < 0 or pictures.max() > 1):
        low, high = float(pictures.min()), float(pictures.max())
        middle += f"black is {low:.3g} and white {high:.3g}, "
    scaled = (pictures - low) / np.maximum(np.subtract(high, low), 1e-12)
    rest, chunks = (None, [scaled]) if limits is None else (0.5, list(scaled[:, None]))
    found = [show_bands(chunk, bands, names, rest) for chunk in chunks]
    legends = [(middle + (legend or "")).removesuffix(", ") for _, legend in found]
    cells = np.concatenate(_same_depth([cells for cells, _ in found]))
    cells = cells[..., 0] if cells.shape[-1] == 1 else cells
    return Shown(cells, (legends[0] or None) if len(set(legends)) == 1 else legends)


def _same_depth(chunks: list[np.ndarray]) -> list[np.ndarray]:
    """Return grey pictures as colors, if one of the others has colors."""
    depth = max(chunk.shape[-1] for chunk in chunks)
    return [np.repeat(chunk, depth, -1) if chunk.shape[-1] < depth else chunk for chunk in chunks]


def _show_series(values: np.ndarray, names: Sequence[str] | None, limits: tuple[Any, Any] | None) -> Shown:
    features = values.shape[2]
    called = [f"feature {index}" for index in range(features)] if names is None else list(names)
    center = values.mean((0, 1)) if limits is None else np.add(*limits) / 2
    spread = np.square(values - center).mean((0, 1))
    chosen = np.sort(np.argsort(-spread, kind="stable")[:MOST])
    low, high = (values.min((0, 1)), values.max((0, 1))) if limits is None else limits
    low, high = (np.broadcast_to(np.asarray(end, np.float64), features) for end in (low, high))
    scaled = (values - low) / np.maximum(high - low, 1e-12)
    labels = [called[index] for index in chosen] if limits is not None else []
    cells = np.stack([_draw_lines(row[:, chosen], labels) for row in scaled])
    some = f"the {MOST} of {features} that vary most, " if features > MOST else ""
    listed = ", ".join(called[index] for index in chosen)
    scale = "each over its own range" if limits is None or np.ptp(low) or np.ptp(high) else "all on one scale"
    return Shown(cells, f"lines from the top: {some}{listed}; {scale}", True)


def _show_vectors(values: np.ndarray, names: Sequence[str] | None) -> Shown:
    scaled = values / np.maximum(np.abs(values).max(0), 1e-12)
    listed = f": {', '.join(names)}" if names is not None and len(names) <= 2 * MOST else ""
    cells = np.stack([_draw_bars(row) for row in scaled])
    return Shown(cells, f"bars from the left{listed}; each feature over its own range", True)


def _start(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width * _FINER, height * _FINER), _GROUND)
    return image, ImageDraw.Draw(image)


def _finish(image: Image.Image) -> np.ndarray:
    size = (image.width // _FINER, image.height // _FINER)
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float32) / 255.0


def _draw_lines(values: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Return lines [T,F] of numbers in [0,1], one below the other, as float32 [h,w,3]."""
    length, rows = values.shape
    width, line, least, most = _SIZES[bool(labels)]
    image, draw = _start(width, min(max(line * rows, least), most))
    step = image.height / rows
    x = (np.arange(length) + 0.5) * image.width / length  # each point in the middle of its share, as positions of maps
    for row in range(rows):
        top = row * step
        if row:
            draw.line([(0, top), (image.width, top)], fill=_FAINT, width=1)
        y = top + step * (0.92 - 0.84 * np.clip(np.nan_to_num(values[:, row], nan=0.5), 0, 1))
        points = [(0.0, y[0]), *zip(x.tolist(), y.tolist(), strict=True), (float(image.width), y[-1])]
        draw.line(points, fill=_LINES[row % len(_LINES)], width=6 if labels else 4, joint="curve")
        if labels:
            font = ImageFont.load_default(min(14 * _FINER, int(0.5 * step)))
            place = (6 * _FINER, top + 0.04 * step)
            draw.text(place, str(labels[row])[:24], _TEXT, font, stroke_width=4, stroke_fill=_GROUND)
    return _finish(image)


def _draw_bars(values: np.ndarray) -> np.ndarray:
    """Return numbers [F] in [-1,1] as bars around zero, float32 [h,w,3]."""
    image, draw = _start(_SIZES[0][0], _SIZES[0][2])
    share, zero = image.width / len(values), image.height / 2 if values.min() < 0 else 0.95 * image.height
    room = 0.9 * (zero if values.min() >= 0 else image.height / 2)
    for index, value in enumerate(np.clip(np.nan_to_num(values), -1, 1)):
        ends = sorted((zero, zero - room * float(value)))
        box = [(index + 0.1) * share, ends[0], max((index + 0.9) * share, (index + 0.1) * share + 1), ends[1]]
        draw.rectangle(box, fill=_LINES[0] if value >= 0 else _LINES[1])
    draw.line([(0, zero), (image.width, zero)], fill=_FAINT, width=_FINER)
    return _finish(image)


def _write(numbers: np.ndarray) -> np.ndarray:
    """Return numbers as lines of text, float32 [h,w,3]."""
    image, draw = _start(_SIZES[0][0], _SIZES[0][2])
    font, line = ImageFont.load_default(13 * _FINER), ""
    lines: list[str] = []
    for number in np.ravel(numbers):
        longer = f"{line} {number:g}".strip()
        if draw.textlength(longer, font) > image.width - 16 * _FINER:
            lines, longer = [*lines, line], f"{number:g}"
        line = longer
    draw.multiline_text((8 * _FINER, 6 * _FINER), "\n".join([*lines, line]), _TEXT, font, spacing=5 * _FINER)
    return _finish(image)
