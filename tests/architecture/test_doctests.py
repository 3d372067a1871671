"""Examples in the docstrings of pure code are true."""

import doctest
import importlib
import pkgutil

import pytest

import builds.domain
import indexes.domain

MODULES = [
    module.name
    for package in (builds.domain, indexes.domain)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    assert any(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES)
