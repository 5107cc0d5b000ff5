"""The examples in the docstrings of concepts run as they stand."""

import doctest
import importlib
import pkgutil

import pytest

from tf_interp import concepts

MODULES = [f"tf_interp.concepts.{module.name}" for module in pkgutil.iter_modules(concepts.__path__)]


@pytest.mark.parametrize("name", [*MODULES, "tf_interp.capture", "tf_interp.analysis.discovery"])
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    assert doctest.testmod(importlib.import_module("tf_interp.concepts.concept")).attempted > 5
