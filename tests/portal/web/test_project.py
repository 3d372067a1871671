import time

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from builds.domain.states import BuildState
from indexes.upstream.fake import FakeUpstream
from portal.web.matrix import ROWS_SHOWN
from tests.portal.web.scenes import Farm, make_build, make_project, releases
from tests.portal.web.test_every_page import words_of


def page_of(client: Client, name: str, **query: str):
    return client.get(reverse("web:project", args=[name]), query)


def test_a_cell_says_who_serves_it_and_leads_there(client: Client, farm: Farm):
    page = words_of(page_of(client, farm.project.name))
    built = reverse("web:build", args=[farm.published.pk])
    failed = reverse("web:build", args=[farm.failed.pk])
    upstream = reverse("web:release", args=[farm.project.name, "0.27.2"])
    assert f'<td class="ours"> <a href="{built}"' in page
    assert f'<td class="cannot"> <a href="{failed}"' in page
    assert f'<td class="upstream"> <a href="{upstream}#cp313-manylinux_2_36_x86_64"' in page
    for status in ("yanked", "refused", "missing", "in-progress"):
        assert f'<td class="{status}">' in page


def test_a_release_folds_to_its_counts(client: Client, farm: Farm):
    page = words_of(page_of(client, farm.project.name))
    assert "3 upstream" in page
    assert "5 yanked" in page


def test_consent_is_told_with_its_scope(client: Client, farm: Farm):
    page = words_of(page_of(client, farm.project.name))
    assert "by maintainer, owner of the project, since" in page
    assert "every release, every target." in page


def test_no_consent_is_told_with_the_way_to_one(client: Client, farm: Farm):
    page = words_of(page_of(client, "docopt"))
    assert "nothing of it runs" in page
    assert "1 person has petitioned" in page
    assert "Every image builds it from source." in page


def test_the_page_of_a_name_written_otherwise_is_elsewhere(client: Client, farm: Farm):
    response = page_of(client, "Python_Levenshtein")
    assert response.headers["Location"] == reverse("web:project", args=["python-levenshtein"])


def test_a_project_that_was_never_seen_is_asked_for_upstream(
    client: Client, upstream: FakeUpstream, db
):
    assert "0.6.2" in words_of(page_of(client, "docopt"))


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [("unheard-of", 404, "There is no project unheard-of"), ("-bad-", 400, "is no project name")],
)
def test_a_project_that_is_not_there_says_why(client: Client, farm: Farm, name, status, words):
    response = page_of(client, name)
    assert response.status_code == status
    assert words in words_of(response)


def test_older_minors_are_folded_and_open_without_a_script(client: Client, db, upstream):
    at = timezone.now()
    releases(
        make_project("many", at=at), [f"{n}.0.{p}" for n in range(30, 0, -1) for p in "10"], at
    )
    page = words_of(page_of(client, "many"))
    assert page.count('<th scope="row">') == ROWS_SHOWN
    assert "1.0, 2 releases" in page
    opened = words_of(page_of(client, "many", minor="1.0"))
    assert opened.count('<th scope="row">') == ROWS_SHOWN + 2
    alone = words_of(client.get(reverse("web:minor", args=["many", "1.0"])))
    assert alone.count('<th scope="row">') == 2
    assert client.get(reverse("web:minor", args=["many", "99.0"])).status_code == 404


def test_three_hundred_releases_for_thirty_targets_stay_a_page_of_text(
    client: Client, db, upstream, settings, django_assert_max_num_queries
):
    settings.AFFINEUR_TARGETS = [
        f"cp3{minor}-{platform}"
        for platform in (
            "manylinux_2_36_x86_64",
            "manylinux_2_36_aarch64",
            "manylinux_2_17_x86_64",
            "musllinux_1_2_x86_64",
            "musllinux_1_2_aarch64",
        )
        for minor in range(14, 8, -1)
    ]
    at = timezone.now()
    project = make_project("huge", at=at)
    releases(
        project, [f"{n}.{m}.{p}" for n in "54321" for m in range(9, -1, -1) for p in "543210"], at
    )
    for number in range(40):
        version = f"5.9.{number % 6}"
        target = settings.AFFINEUR_TARGETS[number % 30]
        if not project.builds.filter(version=version, target=target).exists():
            make_build(project, version, target, at=at, state=BuildState.QUEUED)
    page_of(client, "huge")
    begun = time.process_time()
    with django_assert_max_num_queries(16):
        response = page_of(client, "huge")
    assert time.process_time() - begun < 3
    assert len(response.content) < 600_000


def test_a_release_tells_of_each_target_why(client: Client, farm: Farm):
    page = words_of(client.get(reverse("web:release", args=[farm.project.name, "0.25.0"])))
    assert "says that it needs Python &gt;=3.11" in page
    yanked = words_of(client.get(reverse("web:release", args=[farm.project.name, "0.26.0"])))
    assert "Broken metadata; use 0.26.1." in yanked
    ours = words_of(client.get(reverse("web:release", args=[farm.project.name, "0.27.1"])))
    assert f"{farm.file.filename}</a>" in ours
    assert ".provenance" in ours


def test_the_number_of_queries_is_bounded(
    client: Client, farm: Farm, django_assert_max_num_queries
):
    with django_assert_max_num_queries(14):
        page_of(client, farm.project.name)
