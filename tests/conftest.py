import importlib
from collections.abc import Iterator

import pytest
from django.core.cache import caches
from django.test import TransactionTestCase
from hypothesis import settings

from indexes.upstream import close_upstreams
from tests.portal.tampering import unguarded

# How long an example takes says more of the machine than of the rule.
settings.register_profile("patient", deadline=None)
# As many examples as the test that looks at it says.
settings.register_profile("long", settings.get_profile("patient"))
settings.load_profile("patient")

DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_reset_sequences"}


@pytest.fixture(autouse=True, scope="session")
def addresses_are_productions() -> None:
    """Read the table of addresses before a test turns development on, which adds some."""
    importlib.import_module("portal.urls")


@pytest.fixture(autouse=True)
def upstreams_are_closed() -> Iterator[None]:
    """Each test has an upstream of its own: what asks it must not stay open for all."""
    yield
    close_upstreams()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what touches the database, so that it can be run on another one.

    What makes a thing that is slow to make goes to one worker: the others would wait for it.
    """
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        is_in_need = item.get_closest_marker("django_db") or names & DATABASE_FIXTURES
        if is_in_need and not item.get_closest_marker("any_database"):
            item.add_marker("database")
        if "zig" in names:
            item.add_marker(pytest.mark.xdist_group("zig"))


@pytest.fixture(scope="session", autouse=True)
def ledger_can_be_emptied() -> Iterator[None]:
    """Between tests that commit all tables are emptied: what the ledger's triggers refuse."""
    empty = TransactionTestCase._fixture_teardown  # noqa: SLF001

    def empty_unguarded(case: TransactionTestCase) -> None:
        with unguarded():
            empty(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_unguarded)
        yield


@pytest.fixture(autouse=True)
def forgotten_pages() -> Iterator[None]:
    """What one test's upstream had is not what another's has."""
    yield
    caches["upstream"].clear()
