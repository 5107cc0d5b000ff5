"""What the front end computes without a picture, by node's own test runner: the files `tests/*.mjs`."""

import pathlib
import re
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
NODE = shutil.which("node")
OLDEST = (20, 19)  # the first that knows a module by what is in it; browsers are told so by `type="module"`


def _version() -> tuple[int, ...]:
    said = subprocess.run([str(NODE), "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    return tuple(map(int, re.findall(r"\d+", said)[:2]))


@pytest.mark.parametrize("path", sorted(HERE.glob("*.mjs")), ids=lambda path: path.stem)
def test_pure_functions(path: pathlib.Path) -> None:
    if NODE is None:
        pytest.skip("no node on this machine (https://nodejs.org), which runs the tests of the front end's functions")
    if _version() < OLDEST:
        pytest.skip(
            f"node {_version()} is older than {OLDEST}, the first that reads the front end's modules as they are"
        )
    done = subprocess.run([NODE, "--test", str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^# pass [1-9]", done.stdout, re.M), done.stdout
