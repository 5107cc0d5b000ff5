"""Every example runs: those of docstrings, the README's blocks and commands, and the scripts of examples/."""

import doctest
import importlib
import pathlib
import pkgutil
import re
import runpy
import shlex
import sys

import doc_names
import keras
import numpy as np
import pytest

import tf_interp
from tf_interp.cli import make_parser

ROOT = pathlib.Path(__file__).parent
while not (ROOT / "setup.py").exists():
    ROOT = ROOT.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODULES = sorted(module.name for module in pkgutil.walk_packages(tf_interp.__path__, "tf_interp."))
FINDER = doctest.DocTestFinder(exclude_empty=True)


def find_examples(name):
    return [test for test in FINDER.find(importlib.import_module(name), name) if test.examples]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return doc_names.names(tmp_path_factory.mktemp("examples"))


@pytest.mark.parametrize("name", [name for name in MODULES if find_examples(name)])
def test_docstrings(name, given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for test in find_examples(name):
        assert not any(example.options.get(doctest.SKIP) for example in test.examples), f"{test.name} skips an example"
        test.globs = {**given, **test.globs}
        told: list[str] = []
        assert not doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=told.append).failed, "".join(told)


def test_every_public_name_is_described():
    for name in set(tf_interp.__all__) - {"__version__", "zoo"}:
        thing = getattr(tf_interp, name)
        if callable(thing):  # a dataclass without words has a generated text
            first = (thing.__doc__ or "").split("\n")[0]
            assert first.endswith("."), f"{name} is described by {first!r}"


# text of the README -> what stands for it here: no download, no long wait; each must be there
SHORT = {
    "epochs=20": "epochs=1",
    "keras.applications.MobileNetV2()": "keras.applications.MobileNetV2((64, 64, 3), 0.35, weights=None)",
    'ti.channel("block_13_expand_relu", 42))': 'ti.channel("block_13_expand_relu", 42), steps=2)',
    "ti.Features(units=8)": "ti.Features(units=2, steps=2)",
    "ti.NeuronGroups(6)": "ti.NeuronGroups(6, steps=2)",
    "steps=5, draws=10": "steps=1, draws=2, orders=2",
}


def test_readme_blocks_run_in_order(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 3
    rng = np.random.default_rng(0)
    small = doc_names.small_network()
    known = {
        **{"x_val": rng.random((64, 32, 32, 3), np.float32), "y_val": np.arange(64) % 4, "names": doc_names.NAMES},
        **{"x": rng.random((64, 32, 32, 3), np.float32), "y": np.arange(64) % 4, "model": small},
        **{"striped": given["stripes"], "photos": given["photos"], "keras": keras},
    }
    used = set()
    for block in blocks:
        for text, short in SHORT.items():
            used |= {text} & {text if text in block else None}
            block = block.replace(text, short)
        if "MobileNetV2" in block:  # the notebook has pictures of another size
            pictures = {name: rng.random((24, 64, 64, 3), np.float32) for name in ("pool", "retrievers")}
            known |= {**pictures, "concepts": {"bright": rng.random((24, 64, 64, 3), np.float32) ** 0.5}}
            known["probe"] = tf_interp.Probe.from_arrays(rng.random((6, 64, 64, 3), np.float32))
        exec(compile(block, "README.md", "exec"), known)  # noqa: S102
    assert used == set(SHORT), "the README has other words by now"


def test_readme_commands_exist():
    text = README.replace("\\\n", " ")
    commands = re.findall(r"^\$ (?:.* && )?(tf-interp .*?)(?:\s+#.*)?$", text, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        make_parser().parse_args(shlex.split(command)[1:])


def test_contact_sheet_runs(tmp_path, monkeypatch):
    script = str(ROOT / "examples/contact_sheet.py")
    monkeypatch.setattr(sys, "argv", [script, "--units", "1", "--steps", "1", "--out", str(tmp_path / "a.jpg")])
    runpy.run_path(script, run_name="__main__")
    assert (tmp_path / "a.jpg").stat().st_size > 1000


def test_every_script_of_examples_is_run_here():
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == {"contact_sheet.py"}
