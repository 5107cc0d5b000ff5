"""How results introduce themselves: in one line on a console, in a little static HTML in a notebook.

All HTML that a notebook gets is written here, so that whatever names people give is escaped once and everywhere.
"""

import base64
import html
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

LONGEST = 200  # characters of a line
_LARGEST = 960  # pixels of a picture in a notebook
_NAME = 28  # characters of a name in it
_FOR, _AGAINST = np.array([33, 102, 172]) / 255, np.array([178, 24, 43]) / 255
_STYLE = "border-collapse:collapse;margin:4px 0"
_CELL = "border:1px solid #8886;padding:2px 8px;text-align:left"


def tell(value: Any, *facts: Any) -> str:
    """Return what an object is, in one line of at most 200 characters.

    Args:
        value: the object; the line begins with the name of its class.
        facts: what matters of it, the most important first; those that are None or "" are left out.

    Example:
        >>> tell(np.zeros(3), "3 numbers", None, "all 0")
        'ndarray(3 numbers, all 0)'
    """
    said = ", ".join(" ".join(str(fact).split()) for fact in facts if fact is not None and fact != "")
    name = type(value).__name__
    return f"{name}({cut(said, LONGEST - len(name) - 2)})"


def cut(text: Any, most: int = _NAME) -> str:
    """Return a text of at most so many characters; of a longer one the end is replaced by "…".

    Example:
        >>> cut("zebra crossing", 6)
        'zebra…'
    """
    text = str(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def quote(name: Any, most: int = _NAME) -> str:
    """Return a name in quotes, cut where it is long.

    Example:
        >>> quote("conv"), quote("block1/conv2/kernel", 8)
        ("'conv'", "'block1/…'")
    """
    return repr(cut(name, most))


def name_some(names: Iterable[Any], most: int = 3) -> str:
    """Return the first of some names in quotes, and how many more there are.

    Example:
        >>> name_some(["a", "b", "c", "d"]), name_some([])
        ("'a', 'b', 'c' and 1 more", 'none')
    """
    listed = list(names)
    said = ", ".join(quote(name) for name in listed[:most])
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return f"{said}{more}" or "none"


def number_of(number: int, noun: str) -> str:
    """Return how many there are of something.

    Example:
        >>> number_of(1, "picture"), number_of(2000, "group")
        ('1 picture', '2,000 groups')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def write_size(shape: Sequence[Any]) -> str:
    """Return a shape in words.

    Example:
        >>> write_size((None, 32, 3)), write_size(())
        ('? x 32 x 3', 'one number')
    """
    return " x ".join("?" if side is None else str(side) for side in shape) or "one number"


def write_number(value: Any) -> str:
    """Return a number in three digits; what is none, or not finite, as "unknown".

    Example:
        >>> write_number(0.12345), write_number(float("nan"))
        ('0.123', 'unknown')
    """
    known = isinstance(value, int | float | np.number) and math.isfinite(value)
    return f"{value:.3g}" if known else "unknown"


def write_range(values: Any) -> str:
    """Return the least and the largest of some numbers; of none, or where none is finite, "unknown".

    Example:
        >>> write_range(np.array([1.0, 3.0])), write_range([2.5])
        ('1 to 3', '2.5')
    """
    array = np.asarray(values, np.float64).ravel()
    array = array[np.isfinite(array)]
    if not array.size:
        return "unknown"
    low, high = write_number(array.min()), write_number(array.max())
    return low if low == high else f"{low} to {high}"


def describe_arrays(arrays: Any) -> str:
    """Return how many examples there are, and of which size; of several inputs that of each.

    Example:
        >>> describe_arrays(np.zeros((2, 8, 8, 1))), describe_arrays({"a": np.zeros((1, 3)), "b": np.zeros((1, 5))})
        ('2 examples 8 x 8 x 1', "1 example: 'a' 3, 'b' 5")
    """
    if not isinstance(arrays, Mapping):
        return f"{number_of(len(arrays), 'example')} {write_size(arrays.shape[1:])}"
    sizes = ", ".join(f"{quote(name)} {write_size(value.shape[1:])}" for name, value in list(arrays.items())[:4])
    return f"{number_of(len(next(iter(arrays.values()))), 'example')}: {sizes}"


# --- for notebooks: static, without scripts, everything escaped


def write_rows(rows: Sequence[Sequence[Any]], *, table: str = "", cell: str = "") -> str:
    """Return an HTML table, the head first.

    Args:
        rows: of cells, which are escaped.
        table: style of the table.
        cell: style of each cell.

    Example:
        >>> write_rows([["a"], ["<1>"]])
        '<table><tr><th>a</th></tr><tr><td>&lt;1&gt;</td></tr></table>'
    """
    style = f' style="{cell}"' if cell else ""
    written = [
        "".join(f"<{kind}{style}>{html.escape(str(item))}</{kind}>" for item in row)
        for kind, row in zip(("th", *["td"] * (len(rows) - 1)), rows, strict=True)
    ]
    return f"<table{f' style={chr(34)}{table}{chr(34)}' if table else ''}><tr>{'</tr><tr>'.join(written)}</tr></table>"


def write_table(head: Sequence[str], rows: Sequence[Sequence[Any]], most: int = 20) -> str:
    """Return an HTML table for a notebook, of the first rows; what is left out is said below.

    Args:
        head: names of the columns.
        rows: cells; they are escaped.
        most: rows to show.
    """
    said = f"<div>{len(rows) - most:,} more</div>" if len(rows) > most else ""
    return write_rows([head, *rows[:most]], table=_STYLE, cell=_CELL) + said


def write_picture(picture: np.ndarray, alt: str, smallest: int = 0) -> str:
    """Return a picture as an element that holds it, and asks no server; above 960 pixels a side it is made smaller.

    Args:
        picture: uint8 [H,W], [H,W,3] or [H,W,4].
        alt: what it shows.
        smallest: pixels that its longer side takes on a screen at least.
    """
    buffer = io.BytesIO()
    image = Image.fromarray(picture)
    image.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS)
    image.save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    width, height = image.size
    times = max(1, -(-smallest // max(height, width)))
    return (
        f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" width="{width * times}" '
        f'height="{height * times}" style="image-rendering:{"pixelated" if times > 1 else "auto"};max-width:100%;'
        'height:auto">'
    )


def color_signs(maps: np.ndarray) -> np.ndarray:
    """Return maps as colors, all on one scale: blue above 0, red below, white where nothing is.

    Args:
        maps: floats [N,h,w].

    Returns:
        float32 [N,h,w,3] in [0,1].

    Example:
        >>> color_signs(np.zeros((1, 1, 1))).ravel().tolist()
        [1.0, 1.0, 1.0]
    """
    values = np.nan_to_num(np.asarray(maps, np.float32))
    strength = np.abs(values)[..., None] / max(float(np.abs(values).max(initial=0)), 1e-30)
    end = np.where(values[..., None] > 0, _FOR, _AGAINST).astype(np.float32)
    return 1 + strength * (end - 1)


def fill_rows(cells: np.ndarray, columns: int = 6) -> tuple[np.ndarray, int]:
    """Return pictures and white ones behind them, so that they fill the last row of a sheet, and how many a row has.

    Args:
        cells: floats [N,...] in [0,1].
        columns: of a row, at most.

    Example:
        >>> fill_rows(np.zeros((7, 8, 8)))[0].shape, fill_rows(np.zeros((2, 8, 8)))[1]
        ((12, 8, 8), 2)
    """
    columns = min(columns, len(cells))
    return np.concatenate([cells, np.ones_like(cells[: -len(cells) % columns])]), columns


def write_lines(lines: Sequence[str], *pieces: str) -> str:
    """Return lines of text, each a paragraph, and pieces of HTML below them.

    Args:
        lines: plain text.
        pieces: HTML from the functions here.

    Example:
        >>> write_lines(["a < b"], "<br>")
        '<div><p>a &lt; b</p><br></div>'
    """
    return f"<div>{''.join(f'<p>{html.escape(line)}</p>' for line in lines)}{''.join(pieces)}</div>"


def write_block(line: str, *pieces: str, notes: Sequence[str] = ()) -> str:
    """Return HTML for a notebook: the line of a result, pieces of HTML below it, and what to be careful about.

    Args:
        line: plain text.
        pieces: HTML from the functions above.
        notes: plain sentences.
    """
    said = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    listed = f"<ul>{said}</ul>" if said else ""
    return f"<div><div><code>{html.escape(line)}</code></div>{''.join(pieces)}{listed}</div>"
