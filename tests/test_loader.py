"""The entry point: light to import, and asks TensorBoard to keep our steps."""

import argparse
import importlib.metadata
import subprocess
import sys
import types

import pytest

from tensorboard_plugin_interp import loader, metadata


def flags(**values: object) -> argparse.Namespace:
    return argparse.Namespace(**values)


def test_tensorboard_finds_the_loader() -> None:
    points = importlib.metadata.entry_points(group="tensorboard_plugins")
    assert points[metadata.PLUGIN_NAME].load() is loader.InterpLoader


def test_asks_for_more_steps_than_ten() -> None:
    given = flags(samples_per_plugin={})
    loader.InterpLoader().fix_flags(given)
    assert given.samples_per_plugin == {metadata.PLUGIN_NAME: 256}


def test_what_the_user_asks_for_wins() -> None:
    given = flags(samples_per_plugin={metadata.PLUGIN_NAME: 0, "images": 5})
    loader.InterpLoader().fix_flags(given)
    assert given.samples_per_plugin == {metadata.PLUGIN_NAME: 0, "images": 5}


@pytest.mark.parametrize("given", [flags(), flags(samples_per_plugin=None), flags(samples_per_plugin="")])
def test_survives_flags_of_another_tensorboard(given: argparse.Namespace) -> None:
    before = dict(vars(given))
    loader.InterpLoader().fix_flags(given)
    assert vars(given) == before


def test_adds_no_flag_that_must_be_given() -> None:
    parser = argparse.ArgumentParser()
    loader.InterpLoader().define_flags(parser)
    parser.parse_args([])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a library inside TensorBoard
def test_loads_the_plugin() -> None:
    plugin = loader.InterpLoader().load(types.SimpleNamespace(data_provider=None))
    assert plugin.plugin_name == metadata.PLUGIN_NAME


def test_importing_the_loader_imports_little() -> None:
    code = "import sys; import tensorboard_plugin_interp.loader; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tensorboard.plugins.base_plugin" in modules
    assert not {"tensorboard_plugin_interp.plugin", "tensorflow", "keras", "numpy", "tf_interp"} & set(modules)
