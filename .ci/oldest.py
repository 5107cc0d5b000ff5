"""Print the oldest versions that setup.py admits, as constraints for pip: each lower bound as an exact version."""

import pathlib
import re

SETUP = (pathlib.Path(__file__).parents[1] / "setup.py").read_text(encoding="utf-8")
for name, version in sorted(set(re.findall(r'"([a-z][a-z-]*)>=([0-9.]+)(?:; [^"]*)?[",]', SETUP))):
    if name not in ("ruff", "mypy", "pytest", "playwright", "matplotlib", "pandas"):
        print(f"{name}=={version}")
print("setuptools<82")  # TensorBoard 2.20 needs pkg_resources
