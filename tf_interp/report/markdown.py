"""`write_markdown`: the outline of a report as Markdown, for pull requests and model cards."""

import re
from collections.abc import Sequence

from tf_interp.report.outline import Block

# What Markdown reads as more than a letter wherever it stands.
_ALWAYS = re.compile(r"([\\`*_\[\]|~$])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def write_markdown(blocks: Sequence[Block]) -> str:
    r"""Return blocks as GitHub's Markdown.

    Args:
        blocks: from `make_outline`.

    Returns:
        The text. No name in it makes markup, a link or a mention.

    Example:
        >>> print(write_markdown([Block("heading", [["a_b"]], 2), Block("table", [["x"], ["1|2"]])]))
        ## a\_b
        <BLANKLINE>
        | x |
        | --- |
        | 1\|2 |
        <BLANKLINE>
    """
    return "\n".join(_write(block) for block in blocks)


def escape_markdown(text: str, *, begins: bool = True) -> str:
    r"""Return a text that Markdown shows as it is, on one line.

    Args:
        text: any text.
        begins: whether it begins a line, where more signs mean something.

    Example:
        >>> escape_markdown("<b>*x*</b> @you")
        '&lt;b&gt;\\*x\\*&lt;/b&gt; @\u200byou'
    """
    line = " ".join(text.split())
    line = re.sub("[&<>]", lambda found: _ENTITIES[found[0]], line)
    line = _ALWAYS.sub(r"\\\1", line)
    line = line.replace("@", "@\u200b").replace("://", "&#58;//")  # no mention, no link
    line = re.sub(r"\bwww\.", "www&#46;", line)
    line = re.sub(r"(?<!\S)#", r"\\#", line)  # no heading, no reference to an issue
    return re.sub(r"^([+\-=]|[0-9]+(?=[.)]))", _guard, line) if begins else line


def _guard(found: re.Match) -> str:
    """Return the start of a line that would begin a list or a rule."""
    start = found[0]
    return f"{start}\\" if start[0].isdigit() else f"\\{start}"


def _write(block: Block) -> str:
    rows = [[escape_markdown(cell, begins=block.kind != "table") for cell in row] for row in block.lines]
    if block.kind == "table":
        head, *rest = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([head, f"|{' --- |' * len(block.lines[0])}", *rest, ""])
    if block.kind == "list":
        return "\n".join([*(f"* {row[0]}" for row in rows), ""])
    return f"{'#' * block.level}{' ' if block.level else ''}{rows[0][0]}\n"
