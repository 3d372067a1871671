"""Two writers at once, where the database has more than one."""

import threading

import pytest
from django.db import connection, transaction

from indexes.domain.names import NormalizedName
from indexes.models import File, Project
from indexes.services.pages import OVERLAY_ROOT, stale_pages
from indexes.services.refresh import enrol_project
from tests.indexes.conftest import NAME
from tests.indexes.services.test_refresh import page

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite", reason="SQLite has one writer at a time by itself"
    ),
]


def at_once(first, second):
    """Run `second` while the transaction of `first` is open."""
    is_open, errors = threading.Event(), []

    def run():
        try:
            is_open.wait(10)
            second()
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    other = threading.Thread(target=run)
    other.start()
    with transaction.atomic():
        first()
        is_open.set()
        other.join(0.5)
    other.join(20)
    assert errors == []


def test_of_two_projects_enrolled_at_once_the_root_lists_both(farm, upstream, project):
    projects = []
    for name in ("alpha", "beta"):
        upstream.add_sdist(name, "1.0")
        projects.append(farm.refresh(NormalizedName(name)))
    at_once(
        lambda: enrol_project(project=projects[0], at=farm.now),
        lambda: enrol_project(project=projects[1], at=farm.now),
    )
    names = [listed["name"] for listed in page(OVERLAY_ROOT)["projects"]]
    assert names == ["alpha", "beta", NAME]


def test_of_two_files_published_at_once_the_page_lists_both(farm, project):
    at_once(
        lambda: farm.publish("cp311-cp311-manylinux_2_36_x86_64"),
        lambda: farm.publish("cp312-cp312-manylinux_2_36_x86_64"),
    )
    assert File.objects.count() == 2
    assert stale_pages(project=project) == []


def test_a_yank_is_not_lost_on_a_file_published_at_once(farm, upstream, project):
    upstream.yank(NAME, "0.12.2", reason="broken")
    at_once(farm.refresh, farm.publish)
    assert File.objects.get().standing == "yanked"
    assert stale_pages(project=Project.objects.get()) == []
