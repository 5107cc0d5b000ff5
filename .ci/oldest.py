"""Print the oldest versions that setup.py admits, as constraints for pip: each lower bound as an exact version."""

import pathlib
import re

SETUP = (pathlib.Path(__file__).parents[1] / "setup.py").read_text(encoding="utf-8")
PLACES = (r'"cpu": \[(.*?)\]', r"install_requires=\[(.*?)\]")  # what the gate installs as the oldest
needed = "".join(part for place in PLACES for part in re.findall(place, SETUP, re.DOTALL))
for name, version in sorted(set(re.findall(r'"([a-z][a-z-]*)>=([0-9.]+)(?:; [^"]*)?[",]', needed))):
    print(f"{name}=={version}")
print("setuptools<82")  # TensorBoard 2.20 needs pkg_resources
