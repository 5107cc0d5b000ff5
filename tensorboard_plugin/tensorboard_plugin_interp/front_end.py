"""`FrontEnd`: the files of the tab as they are served, and as one script: a first view asks once, not 100 times."""

import functools
import gzip
import hashlib
import json
import pathlib

from tensorboard.backend import http_util
from werkzeug import wrappers

from tensorboard_plugin_interp import metadata

FOLDER = pathlib.Path(__file__).parent / "static"
MIME_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".txt": "text/plain",
}
LINKED = "tab.js"
UNCHANGED_SECONDS = 365 * 86_400  # what has a version in its address never changes
# Styles stand in the script: nothing is drawn without them, and nothing else must be asked for.
ADD_STYLE = """const $style = document.createElement("style");
$style.dataset.interp = "";
$style.textContent = {text};
document.head.append($style);
"""


class FrontEnd:
    """The fixed table of files read at start: requests look up this table, never a path."""

    def __init__(self) -> None:
        paths = [path for path in sorted(FOLDER.rglob("*")) if path.suffix in MIME_TYPES]
        self._files = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in paths}
        self._version = hashlib.sha256(b"\0".join(self._files.values())).hexdigest()[:16]

    @property
    def start(self) -> str:
        """Return the address of the one script, which names its version."""
        return f"/static/{LINKED}?v={self._version}"

    @property
    def names(self) -> list[str]:
        """Return the paths below `/static/`."""
        return [*self._files, LINKED]

    def send(self, name: str, request: wrappers.Request) -> wrappers.Response:
        """Return one file; the one script stays with a browser that asked for this version of it."""
        if name != LINKED:
            return http_util.Respond(request, self._files[name], MIME_TYPES[pathlib.PurePath(name).suffix])
        kept = UNCHANGED_SECONDS if request.args.get("v") == self._version else 0
        return http_util.Respond(request, self._linked, "text/javascript", expires=kept, content_encoding="gzip")

    @functools.cached_property
    def _linked(self) -> bytes:
        """All modules and style sheets, packed once, when they are first asked for: TensorBoard must start quickly."""
        sheets = sorted(
            (name for name in self._files if name.endswith(".css")), key=lambda name: (name != "style.css", name)
        )
        style = "\n".join(self._files[name].decode("utf-8") for name in sheets)
        script = ADD_STYLE.format(text=json.dumps(style)) + metadata.link_modules(FOLDER, "index.js", exports=True)
        return gzip.compress(script.encode("utf-8"), mtime=0)
