import pytest
from hypothesis import settings

# How long an example takes says more of the machine than of the rule.
settings.register_profile("patient", deadline=None)
# As many examples as the test that looks at it says.
settings.register_profile("long", settings.get_profile("patient"))
settings.load_profile("patient")

DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_reset_sequences"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what touches the database, so that it can be run on another one."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or names & DATABASE_FIXTURES:
            item.add_marker("database")
