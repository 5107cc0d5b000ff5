"""Pictures out of records: what a unit looked like over training, as one animated file."""

import os
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tf_interp.records import Record, read_runs
from tf_interp.records.whole_file import replace_file

_FORMATS = {".gif": "GIF", ".webp": "WEBP"}
_CAPTION = 18  # pixels below the picture


def save_evolution(
    source: str | os.PathLike | Iterable[Record],
    path: str | os.PathLike,
    *,
    layer: str,
    unit: str | int | None = None,
    side: int = 192,
    seconds: float = 0.4,
) -> pathlib.Path:
    """Write the pictures of a layer's units over the training steps as an animated GIF or WebP.

    Args:
        source: a log directory, or records.
        path: the file to write, ending in .gif or .webp.
        layer: path of the layer, or a unique suffix of it.
        unit: name of the unit ("channel 3"), or the channel's index; None shows all units side by side.
        side: height of each picture in pixels.
        seconds: how long each step is shown; the last is shown three times as long.

    Returns:
        The path.

    Raises:
        ValueError: if the ending is another, or there is no such layer or unit; the message lists what there is.

    Example:
        >>> save_evolution(records, tmp_path / "conv.webp", layer="conv", unit=0).name
        'conv.webp'
    """
    target = pathlib.Path(path)
    if target.suffix.lower() not in _FORMATS:
        raise ValueError(f"an animation ends in {' or '.join(_FORMATS)}, got {target.name!r}")
    if isinstance(source, str | os.PathLike):
        runs = read_runs(source)
        if len(runs) != 1:
            raise ValueError(
                f"{source}: expected the log directory of one run with records, found {sorted(runs)}: name one"
            )
        source = next(iter(runs.values()))
    records = [record for record in source if record.kind == "features"]
    layers = sorted({record.layer for record in records})
    matches = [name for name in layers if name == layer or name.endswith("/" + layer)]
    if len(matches) != 1:
        raise ValueError(f"features of layer {layer!r}: {'several' if matches else 'none'} among {layers}")
    frames = [
        _frame(_cells(record, unit), f"step {record.step}", side) for record in records if record.layer == matches[0]
    ]
    durations = [int(seconds * 1000)] * (len(frames) - 1) + [int(seconds * 3000)]
    ending = target.suffix.lower()
    options: dict[str, Any] = {"lossless": True} if ending == ".webp" else {}
    options |= {"save_all": True, "append_images": frames[1:], "duration": durations, "loop": 0}
    replace_file(target, lambda file: frames[0].save(file, _FORMATS[ending], **options))
    return target


def _cells(record: Record, unit: str | int | None) -> list[np.ndarray]:
    """Return the uint8 pictures of one unit, or of all."""
    rows = record.data["units"]
    chosen = [row for row in rows if unit is None or unit in (row["name"], row["channel"])]
    if not chosen:
        raise ValueError(f"layer {record.layer!r} has no unit {unit!r}; it has {[row['name'] for row in rows]}")
    sheet = record.data["pictures"]
    if sheet is None:
        raise ValueError(f"layer {record.layer!r} has no pictures of its units: its network's input cannot be drawn")
    image = record.images[sheet["image"]]
    height, width = image.shape[0] // sheet["rows"], image.shape[1] // sheet["columns"]
    places = (divmod(row["picture"], sheet["columns"]) for row in chosen)
    return [image[y * height : (y + 1) * height, x * width : (x + 1) * width] for y, x in places]


def _frame(cells: list[np.ndarray], caption: str, side: int) -> Image.Image:
    pictures = [Image.fromarray(cell).convert("RGB") for cell in cells]
    width = max(1, round(side * pictures[0].width / pictures[0].height))
    frame = Image.new("RGB", (width * len(pictures), side + _CAPTION), "white")
    for index, picture in enumerate(pictures):
        frame.paste(picture.resize((width, side), Image.Resampling.BICUBIC), (index * width, 0))
    ImageDraw.Draw(frame).text((4, side + 3), caption, fill="black")
    return frame
