"""What messages and docstrings advise can be had under the name that they give it."""

import ast
import pathlib
import re

import tf_interp

ROOT = pathlib.Path(__file__).parent
while not (ROOT / "setup.py").exists():
    ROOT = ROOT.parent
SOURCES = sorted((ROOT / "tf_interp").rglob("*.py"))
ATTRIBUTES = {"zoo", "__version__"}


def _defined() -> set[str]:
    """Classes and functions that the package defines at the top of its modules, without a leading underscore."""
    return {
        node.name
        for path in SOURCES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    }


def _raised(path: pathlib.Path) -> str:
    """All text of the errors that a module raises."""
    raised = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Raise))
    texts = (part.value for node in raised for part in ast.walk(node) if isinstance(part, ast.Constant))
    return " ".join(text for text in texts if isinstance(text, str))


def test_what_an_error_advises_is_exported():
    ours = _defined()
    advised = {
        (name, path.name) for path in SOURCES for name in re.findall(r"\b(\w+)\((?!s\))", _raised(path)) if name in ours
    }
    assert ("CollapseAlpha", "program.py") in advised
    assert not {(name, path) for name, path in advised if name not in tf_interp.__all__}


def test_names_with_their_home_exist():
    for path in (*SOURCES, ROOT / "README.md"):
        for name in re.findall(r"\bti\.(\w+)", path.read_text(encoding="utf-8")):
            assert name in {*tf_interp.__all__, *ATTRIBUTES}, f"{path} names ti.{name}"


def test_everything_is_there_and_listed_once():
    assert sorted(set(tf_interp.__all__)) == sorted(tf_interp.__all__)
    for name in tf_interp.__all__:
        assert getattr(tf_interp, name) is not None
        assert name in dir(tf_interp)
