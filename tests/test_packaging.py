"""What an installed tf-interp promises: no TensorFlow of its own choosing, its command, its tab and the tab's files."""

import ast
import importlib.metadata
import importlib.resources
import inspect
import pathlib
import subprocess
import sys

from packaging.requirements import Requirement

import tf_interp

REQUIREMENTS = [Requirement(line) for line in importlib.metadata.requires("tf-interp") or []]


def test_no_tensorflow_is_forced_on_anybody():
    always = {item.name for item in REQUIREMENTS if item.marker is None or item.marker.evaluate({"extra": ""})}
    assert "keras" in always
    assert not {name for name in always if name.startswith("tensorflow")}


def test_the_extras_install_one():
    found = {
        extra: {item.name for item in REQUIREMENTS if item.marker and item.marker.evaluate({"extra": extra})}
        for extra in ("cpu", "gpu")
    }
    assert "tensorflow-cpu" in found["cpu"]
    assert "tensorflow" in found["gpu"]


def test_command_and_tab_are_registered():
    entry_points = importlib.metadata.entry_points()
    (command,) = entry_points.select(group="console_scripts", name="tf-interp")
    assert command.load() is tf_interp.cli.main
    (loader,) = entry_points.select(group="tensorboard_plugins", name="interpretability")
    assert loader.load().__name__ == "InterpLoader"


def test_the_front_end_is_installed_with_its_sub_folders():
    static = importlib.resources.files("tensorboard_plugin_interp") / "static"
    assert (static / "index.js").is_file()
    assert (static / "vendor" / "preact-htm.js").is_file()
    source = pathlib.Path(__file__).parents[1] / "tensorboard_plugin" / "tensorboard_plugin_interp" / "static"
    assert {path.parent.name for path in source.rglob("*.js")} > {"static", "views", "drawing"}
    for path in source.rglob("*.*"):
        assert static.joinpath(*path.relative_to(source).parts).is_file(), path


def test_every_public_name_exists_and_importing_the_package_is_light():
    for name in tf_interp.__all__:
        assert getattr(tf_interp, name) is not None
    code = "import sys, tf_interp; assert not {'tensorflow', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_tensorflow_the_message_says_what_to_install():
    code = """
import sys, importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "tensorflow" else real(name, *rest)
import tf_interp
try:
    tf_interp.open_model
except ImportError as error:
    assert "tf-interp[cpu]" in str(error), error
else:
    raise AssertionError("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_type_checkers_see_the_same_names_as_everybody_else():
    tree = ast.parse(inspect.getsource(tf_interp))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(tf_interp.__all__) - {"__version__"}
