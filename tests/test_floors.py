"""Imports go down only (ARCHITECTURE.md), and the plugin stands alone."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
FLOORS = {
    "callback": 6, "cli": 6, "demo": 6, "evolution": 6, "notebook": 6,
    "analysis": 5, "report": 5,
    "discovery": 4, "graph": 4, "interfaces": 4, "findings": 4,
    "features": 3, "groups": 3, "concepts": 3,
    "attribution": 2, "capture": 2,
    "models": 1, "records": 1,
    "directions": 0, "probe": 0, "images": 0, "corrections": 0, "display": 0, "plots": 0,
}  # fmt: skip
PUBLIC = "__init__"  # the list of public names: it may name every room, and no room may import it
SHELLS_MAY_USE_EACH_OTHER = 6


def _imports(path: pathlib.Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write it in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _room(dotted: str) -> str:
    return dotted.split(".")[1]


SOURCES = sorted(path for path in (ROOT / "tf_interp").rglob("*.py") if path != ROOT / "tf_interp/__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path):
    room = path.relative_to(ROOT / "tf_interp").parts[0].removesuffix(".py")
    assert room in FLOORS, f"{room} has no floor: give it one in ARCHITECTURE.md and here"
    for name in _imports(path):
        if not name.startswith("tf_interp."):
            continue
        other = _room(name)
        allowed = other == room or FLOORS[other] < FLOORS[room] or FLOORS[room] == SHELLS_MAY_USE_EACH_OTHER
        # probe is made of images: both are floor 0, data types that everyone speaks
        allowed = allowed or (FLOORS[other], FLOORS[room]) == (0, 0)
        assert allowed, f"{room} (floor {FLOORS[room]}) imports {name} (floor {FLOORS[other]})"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_records_and_the_shells_know_the_plugin(path):
    plugin = {name for name in _imports(path) if name.startswith("tensorboard_plugin_interp")}
    assert all(name.split(".")[1] == "metadata" for name in plugin), f"{path} reaches into the plugin: {plugin}"


def test_the_plugin_stands_alone():
    for path in (ROOT / "tensorboard_plugin").rglob("*.py"):
        foreign = {name.split(".")[0] for name in _imports(path)} & {"tensorflow", "keras", "tf_interp", "numpy"}
        assert not foreign, f"{path} imports {foreign}"


def test_architecture_names_every_room():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    missing = [room for room in FLOORS if f"`{room}" not in text and f"`{room}.py" not in text]
    assert not missing


# --- rooms: a newcomer finds a thing in one place

PUBLIC_ROOMS = frozenset(
    f"tf_interp.{room}"
    for room in (
        "analysis", "attribution", "callback", "capture", "concepts", "demo", "directions", "discovery", "evolution",
        "features", "findings", "graph", "groups", "images", "interfaces", "models", "notebook", "probe", "records",
        "report",
    )
)  # fmt: skip
CODE = [
    path
    for folder in ("tf_interp", "tensorboard_plugin")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".js") and "vendor" not in path.parts
]


def _modules() -> dict[str, pathlib.Path]:
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in SOURCES}
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


def test_no_circles():
    modules = _modules()
    edges = {
        name: {
            module for item in _imports(path) for module in (item, item.rpartition(".")[0]) if module in modules
        } - {name}
        for name, path in modules.items()
    }  # fmt: skip
    edges = {name: others for name, others in edges.items() if modules[name].name != "__init__.py"}
    while True:  # take away what imports nothing that is left
        free = {name for name, others in edges.items() if not others & set(edges)}
        if not free:
            break
        edges = {name: others for name, others in edges.items() if name not in free}
    assert not edges, f"these import each other in a circle: {sorted(edges)}"


def test_no_name_stands_twice():
    names = [path.name for path in SOURCES if path.name != "__init__.py"]
    assert sorted(names) == sorted(set(names))


def test_rooms_are_small():
    folders: dict[pathlib.Path, int] = {}
    for path in CODE:
        folders[path.parent] = folders.get(path.parent, 0) + 1
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, f"{path} is two things"
    assert not {str(folder): count for folder, count in folders.items() if count > 10}


def test_public_names_come_from_the_front_of_a_room():
    import tf_interp

    for name, home in tf_interp._HOME.items():
        assert home in PUBLIC_ROOMS, f"{name} comes from {home}"


def test_examples_and_messages_name_public_rooms_only():
    texts = {path: path.read_text(encoding="utf-8") for path in (*SOURCES, ROOT / "README.md")}
    for path in sorted((ROOT / "examples").glob("*.py")):
        texts[path] = path.read_text(encoding="utf-8")
    for path, text in texts.items():
        lines = text.splitlines()
        shown = lines if path not in SOURCES else [x for x in lines if ">>>" in x]
        for name in re.findall(r"(?:from|import) (tf_interp[\w.]*)", "\n".join(shown)):
            assert name in {*PUBLIC_ROOMS, "tf_interp"}, f"{path}: {name} is not public"
