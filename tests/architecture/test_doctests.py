"""Examples in the docstrings of pure code are true."""

import doctest
import importlib
import pkgutil

import pytest

import builds.domain
import indexes.domain
import portal.ledger.chain
import portal.ledger.effects
import portal.ledger.verbs
import portal.notices.kinds
import portal.notices.signing

MODULES = [
    module.name
    for package in (builds.domain, indexes.domain)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
] + [
    module.__name__
    for module in (
        portal.ledger.chain,
        portal.ledger.effects,
        portal.ledger.verbs,
        portal.notices.kinds,
        portal.notices.signing,
    )
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    assert any(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES)
