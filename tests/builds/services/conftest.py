import pytest

from builds.models import Permit
from indexes.models import Project
from tests.builds.farm import FakeCelery, make_project, permit_all


@pytest.fixture
def celery(monkeypatch: pytest.MonkeyPatch) -> FakeCelery:
    fake = FakeCelery()
    monkeypatch.setattr("builds.dispatch.current_app", fake)
    return fake


@pytest.fixture
def project(db: None) -> Project:
    return make_project()


@pytest.fixture
def permit(project: Project) -> Permit:
    return permit_all(project)
