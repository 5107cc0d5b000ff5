"""The examples in the docstrings of concepts run as they stand."""

import doctest
import importlib
import pkgutil

import pytest

from tf_interp import concepts

MODULES = [module.name for module in pkgutil.walk_packages(concepts.__path__, "tf_interp.concepts.")]


@pytest.mark.parametrize(
    "name", [*MODULES, "tf_interp.analysis.part", "tf_interp.capture", "tf_interp.discovery.discover"]
)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    assert doctest.testmod(importlib.import_module("tf_interp.concepts.examples.concept")).attempted > 5
