from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from indexes.models import Project, Watch, WatchState
from indexes.services.latencies import count_latency
from tests.portal.web.scenes import Farm
from tests.portal.web.test_every_page import words_of

PAGE = reverse("web:upstream")


def shown(client: Client, **query: str) -> str:
    response = client.get(PAGE, query)
    assert response.status_code == 200
    return words_of(response)


@pytest.mark.usefixtures("db")
def test_without_projects_it_says_so(client: Client):
    page = shown(client)
    assert "No project is followed yet" in page
    assert "Nothing has changed upstream in the last 30 days" in page


def test_each_project_is_shown(client: Client, farm: Farm):
    Project.objects.update(is_enrolled=True, verified_at=timezone.now())
    Watch.objects.update_or_create(
        project=farm.project,
        defaults={
            "due_at": timezone.now(),
            "interval_seconds": 60,
            "problem": "<b>Upstream</b> was busy.",
        },
    )
    page = shown(client)
    assert farm.project.name in page
    assert "&lt;b&gt;Upstream&lt;/b&gt; was busy." in page
    assert farm.project.name in shown(client, q=farm.project.name.upper())
    assert "No project that is followed has “nothing”" in shown(client, q="nothing")


@pytest.mark.any_database
@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("query", ["x\0y", "%", "\x1b[31m", "x" * 10_000])
def test_whatever_is_looked_for_is_answered(client: Client, query: str):
    assert "No project" in shown(client, q=query)


def test_what_is_wrong_is_said(client: Client, farm: Farm):
    now = timezone.now()
    Project.objects.update(is_enrolled=True, unverified_at=now)
    WatchState.objects.create(filled_at=now, resumes_at=now + timedelta(minutes=1), stretch=2.5)
    page = shown(client)
    assert "Upstream is busy" in page
    assert "could not be verified for too long" in page
    assert "Intervals are 2.5 times as long" in page


@pytest.mark.usefixtures("db")
def test_how_long_yanks_take_is_shown(client: Client):
    now = timezone.now()
    count_latency(since=now - timedelta(minutes=5), until=now, is_yank=True)
    page = shown(client)
    assert "Yanks, removals" in page
    assert "95 % within" in page


def test_it_takes_as_many_queries_whatever_the_projects(
    client: Client, farm: Farm, django_assert_max_num_queries
):
    Project.objects.update(is_enrolled=True)
    with django_assert_max_num_queries(7):
        client.get(PAGE)
