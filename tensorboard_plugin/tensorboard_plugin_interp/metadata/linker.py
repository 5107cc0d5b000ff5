"""`link_modules`: the modules of the front end as one script: a page from a disk may import no files.

Each module becomes a function that is called once, in an order in which what it imports is there already, and returns
what it exports. Only the forms that our modules use are known; anything else is refused, and no page is made of it.
"""

import pathlib
import posixpath
import re

_IMPORT = re.compile(r'^import\s*\{([^{}]*)\}\s*from\s*"(\.{1,2}/[^"\n]+)";[ \t]*$', re.M)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) ([\w$]+)\b)", re.M)
_LIST = re.compile(r"(?:^|(?<=[;}]))export\s*\{([^{}]*)\};?\s*\Z", re.M)
_ITEM = re.compile(r"([\w$]+)(?:\s+as\s+([\w$]+))?")
_COMMENT = re.compile(r"/\*.*?\*/|^\s*//[^\n]*$", re.M | re.S)
_UNKNOWN = re.compile(
    r"""^\s*(?:import|export)\b(?!\.meta).*|[;}]\s*(?:import|export)\s*[{*"'].*|\bimport\s*\(.*""", re.M
)
_NAME = "$module"  # of what a module returns, with its number


def link_modules(folder: pathlib.Path, entry: str, exports: bool = False) -> str:
    r"""Return one script that does what importing a module would do.

    Args:
        folder: where the modules are; none outside of it is read.
        entry: path of the module below the folder.
        exports: whether the script exports what that module does, for a page that imports it.

    Returns:
        JavaScript, a module.

    Raises:
        ValueError: if a module is missing, imports in a circle or what is not exported, or uses a form that is not
            known here.

    Example:
        >>> _ = (tmp_path / "one.js").write_text("export const one = 1;\n")
        >>> _ = (tmp_path / "main.js").write_text('import { one as first } from "./one.js";\nalert(first);\n')
        >>> print(link_modules(tmp_path, "main.js"))
        const $module0 = (() => { // one.js
        const one = 1;
        return { one };
        })();
        const $module1 = (() => { // main.js
        const { one: first } = $module0;
        alert(first);
        return {  };
        })();
    """
    linked: dict[str, str] = {}
    known: dict[str, set[str]] = {}

    def add(path: str, above: tuple[str, ...]) -> None:
        if path in above:
            raise ValueError(f"modules import each other in a circle: {' -> '.join([*above, path])}")
        if path in linked:
            return
        file = folder / path
        if path.startswith("..") or not file.is_file():
            raise ValueError(f"{above[-1] if above else 'the page'} imports {path!r}, which is no module in {folder}")
        text = file.read_text(encoding="utf-8")
        if _NAME in text:
            raise ValueError(f"{path} has the name {_NAME}, which linking needs")
        for _, other in _IMPORT.findall(text):
            add(_resolve(path, other), (*above, path))

        def bind(found: re.Match) -> str:
            other = _resolve(path, found[2])
            pairs = _read_items(path, found[1])
            if missing := [name for name, _ in pairs if name not in known[other]]:
                raise ValueError(f"{path} imports {missing} from {other}, which exports {sorted(known[other])}")
            names = ", ".join(name if name == own else f"{name}: {own}" for name, own in pairs)
            return f"const {{ {names} }} = {_NAME}{list(linked).index(other)};"

        given = {name: name for name in _EXPORT.findall(text)}
        body = _EXPORT.sub("", _IMPORT.sub(bind, text))
        for listed in _LIST.findall(body):
            given |= {public: own for own, public in _read_items(path, listed)}
        body = _LIST.sub("", body)
        if unknown := _UNKNOWN.search(_COMMENT.sub("", body)):
            raise ValueError(f"{path}: cannot link {unknown[0].strip()[:80]!r}")
        known[path] = set(given)
        names = ", ".join(public if public == own else f"{public}: {own}" for public, own in given.items())
        number = len(linked)
        linked[path] = f"const {_NAME}{number} = (() => {{ // {path}\n{body.strip()}\nreturn {{ {names} }};\n}})();"

    add(entry, ())
    last = f"export const {{ {', '.join(sorted(known[entry]))} }} = {_NAME}{len(linked) - 1};" if exports else ""
    return "\n".join([*linked.values(), *([last] if last else [])])


def _resolve(path: str, other: str) -> str:
    """Return the path of an imported module below the folder."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), other))


def _read_items(path: str, listed: str) -> list[tuple[str, str]]:
    """Return the pairs of names of `a, b as c`: (a, a), (b, c)."""
    items = [item.strip() for item in listed.split(",") if item.strip()]
    found = [_ITEM.fullmatch(item) for item in items]
    if wrong := [item for item, match in zip(items, found, strict=True) if match is None]:
        raise ValueError(f"{path}: cannot link the names {wrong}")
    return [(match[1], match[2] or match[1]) for match in found if match is not None]
