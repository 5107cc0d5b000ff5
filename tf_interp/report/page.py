"""`write_page`: a report as one page of HTML, which asks nothing of any server and runs no script but its own."""

import base64
import hashlib
import html
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from tensorboard_plugin_interp import metadata
from tf_interp.display import write_rows
from tf_interp.report.outline import Block

STATIC = pathlib.Path(str(resources.files("tensorboard_plugin_interp"))) / "static"
_ENTRY, _PLACE = "report.js", "interp-report"
_OUTSIDE = re.compile(r"@import|url\(|expression\(", re.I)
_ENDS = re.compile(r"</(?:script|style)|<!--", re.I)  # what would end an element early
_TEXT_STYLE = """
noscript.interp { display: block; max-width: 960px; margin: 0 auto; padding: 24px; }
noscript.interp ul { list-style: disc; padding-left: 20px; margin: 0 0 12px; }
noscript.interp h2, noscript.interp h3, noscript.interp h4 { margin: 20px 0 8px; }
noscript.interp table { border-collapse: collapse; margin: 0 0 12px; }
noscript.interp td, noscript.interp th { border: 1px solid var(--line); padding: 2px 10px; text-align: left; }
"""


def make_frame(blocks: Sequence[Block], title: str) -> tuple[str, str]:
    """Return what stands before and after the records of a page.

    Args:
        blocks: from `make_outline`, for those who run no scripts.
        title: of the page.

    Returns:
        Two pieces of HTML; the records belong between them, as `write_data` writes them.
    """
    style, script = _read_style(), metadata.link_modules(STATIC, _ENTRY)
    if found := _ENDS.search(script):
        raise ValueError(f"the front end has {found[0]!r} in a script, which would end it")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    before = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<link rel="icon" href="data:,">\n'
        f"<title>{html.escape(title)}</title>\n<style data-interp>{style}</style>\n</head>\n<body>\n"
        f'<noscript class="interp">\n{write_text(blocks)}\n</noscript>\n'
        f'<template id="licenses"><pre>{html.escape(_read_licenses())}</pre></template>\n'
        f'<script type="application/json" id="{_PLACE}">'
    )
    return before, f'</script>\n<script type="module">{script}</script>\n</body>\n</html>\n'


def write_data(values: Mapping[str, Any]) -> str:
    r"""Return JSON that may stand in an element `<script>`, in ASCII.

    Args:
        values: JSON values.

    Example:
        >>> write_data({"name": "</script>"})
        '{"name":"\\u003c/script>"}'
    """
    return json.dumps(values, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def write_text(blocks: Sequence[Block]) -> str:
    """Return blocks as HTML.

    Args:
        blocks: from `make_outline`.

    Example:
        >>> write_text([Block("paragraph", [["a < b"]])])
        '<p>a &lt; b</p>'
    """
    return "\n".join(_write(block) for block in blocks)


def _write(block: Block) -> str:
    rows = [[html.escape(cell) for cell in row] for row in block.lines]
    if block.kind == "table":
        return write_rows(block.lines)
    if block.kind == "list":
        return f"<ul>{''.join(f'<li>{row[0]}</li>' for row in rows)}</ul>"
    name = f"h{min(block.level, 6)}" if block.level else "p"
    return f"<{name}>{rows[0][0]}</{name}>"


def _read_style() -> str:
    """Return all style sheets of the front end as one, the general one first."""
    paths = sorted(STATIC.rglob("*.css"), key=lambda path: (path.name != "style.css", path))
    style = "\n".join(path.read_text(encoding="utf-8") for path in paths) + _TEXT_STYLE
    if found := _OUTSIDE.search(style) or _ENDS.search(style):
        raise ValueError(f"a style sheet of the front end has {found[0]!r}, which a page that stands alone may not")
    return style


def _read_licenses() -> str:
    """Return the licenses of what the front end brings along, which go where it goes."""
    paths = sorted((STATIC / "vendor").glob("LICENSE-*.txt"))
    return "\n\n".join(f"{path.stem}\n\n{path.read_text(encoding='utf-8')}" for path in paths)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"
