import uuid

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from builds.domain.ladder import Step
from builds.domain.outcomes import Outcome
from builds.domain.remedies import ShimModule
from builds.domain.states import AttemptState, BuildState
from builds.models import Attempt, Build
from indexes.domain.status import Standing
from indexes.models import File
from portal.web.builds import LOG_SHOWN, PER_PAGE
from portal.web.diagnosis import diagnose
from portal.web.repeat import commands_to_repeat
from portal.web.report import read_report
from tests.portal.web.scenes import REPORT, Farm, digest, make_attempt, write_log
from tests.portal.web.test_every_page import words_of


def page_of(client: Client, build: Build, **query: str) -> str:
    return words_of(client.get(reverse("web:build", args=[build.pk]), query))


def test_a_failure_says_what_happened_whose_turn_it_is_and_shows_the_proof(
    client: Client, farm: Farm
):
    page = page_of(client, farm.failed)
    assert "it uses PyUnicode_AS_UNICODE, which 3.12 removed." in page
    assert "It is the project&#x27;s turn." in page
    assert "_levenshtein.so: undefined symbol" in page
    assert "stopped after" in page
    assert "This build published no file." in page
    assert "hx-trigger" not in page


def test_a_published_build_shows_what_went_in_and_what_came_out(client: Client, farm: Farm):
    page = page_of(client, farm.published)
    assert f"/files/{farm.file.sha256}/{farm.file.filename}.provenance" in page
    assert f'data-copy="{farm.file.sha256}"' in page
    assert f'data-copy="{farm.published.sdist_sha256}"' in page
    assert "setuptools 75.6.0" in page
    assert "CPython 3.12.7" in page


def test_a_running_build_follows_with_and_without_a_script(client: Client, farm: Farm):
    page = page_of(client, farm.running)
    assert "Running" in page
    assert 'hx-trigger="every 2s"' in page
    assert '<noscript> <meta http-equiv="refresh"' in page


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("queued", "no builder has taken this build yet"),
        ("cancelled", "The consent for python-levenshtein was taken back."),
    ],
)
def test_a_build_that_never_ran_has_words(client: Client, farm: Farm, name, words):
    assert words in page_of(client, getattr(farm, name))


@pytest.mark.parametrize("state", list(BuildState))
@pytest.mark.parametrize("outcome", ["", *Outcome, "made-up"])
def test_every_state_and_outcome_has_a_diagnosis(state, outcome):
    found = diagnose(
        Build(state=state, outcome=outcome, message="Because.", filename="w.whl"), None, None
    )
    assert found.headline
    assert found.what


def test_a_wheel_that_left_the_index_is_not_called_there(client: Client, farm: Farm):
    assert "How to install it" in page_of(client, farm.published)
    for standing in set(Standing) - {Standing.LISTED}:
        File.objects.update(standing=standing, standing_reason="It opens connections.")
        page = page_of(client, farm.published)
        assert "is on the index" not in page
        assert "How to install it" not in page
        assert "It opens connections." in page


def test_a_fault_of_ours_is_not_told_as_the_projects(farm: Farm):
    farm.failed.outcome = Outcome.BUILDER_LOST
    assert "It is our turn" in diagnose(farm.failed, None, None).turn


def test_the_log_is_folded_by_stage_and_clean(client: Client, farm: Farm):
    page = page_of(client, farm.failed)
    assert "<details open> <summary>smoke</summary>" in page
    assert "<details > <summary>build</summary>" in page
    assert "\x1b" not in page


def test_markup_in_a_log_is_text(client: Client, farm: Farm):
    write_log(farm.running.attempts.get(), ("build", "<script>alert(1)</script>"))
    assert "&lt;script&gt;alert(1)" in page_of(client, farm.running)


def test_the_log_goes_on_from_where_the_page_stopped(client: Client, farm: Farm):
    attempt = farm.running.attempts.get()
    write_log(attempt, ("build", "compiling\n"), ("repair", "repairing\n"))
    path = reverse("web:build-log", args=[farm.running.pk])
    more = words_of(client.get(path, {"attempt": "1", "after": "1", "stage": "build"}))
    assert 'hx-swap-oob="beforeend:#log-1-build">compiling' in more
    assert "<summary>repair</summary>" in more
    assert "after=3&amp;stage=repair" in more
    assert "running bdist_wheel" not in more
    nothing = words_of(client.get(path, {"attempt": "1", "after": "3", "stage": "repair"}))
    assert "after=3&amp;stage=repair" in nothing


@pytest.mark.parametrize("query", [{}, {"attempt": "9"}, {"attempt": "1" * 40}, {"attempt": "²"}])
def test_the_log_of_no_attempt_is_not_found(client: Client, farm: Farm, query):
    path = reverse("web:build-log", args=[farm.running.pk])
    assert client.get(path, query).status_code == 404


def test_a_page_that_follows_is_loaded_anew_once_the_build_ends(client: Client, farm: Farm):
    path = reverse("web:build-state", args=[farm.running.pk])
    assert "HX-Refresh" not in client.get(path, {"attempt": "1"}).headers
    Build.objects.filter(pk=farm.running.pk).update(state=BuildState.FAILED)
    assert client.get(path, {"attempt": "1"}).headers["HX-Refresh"] == "true"


def test_a_new_attempt_loads_the_page_anew(client: Client, farm: Farm):
    path = reverse("web:build-state", args=[farm.queued.pk])
    assert "HX-Refresh" not in client.get(path, {"attempt": ""}).headers
    make_attempt(farm.queued, at=timezone.now(), state=AttemptState.LEASED, stages=[])
    assert client.get(path, {"attempt": ""}).headers["HX-Refresh"] == "true"


def test_a_log_too_long_for_a_page_ends_there_and_is_whole_as_text(client: Client, farm: Farm):
    attempt = farm.failed.attempts.get()
    write_log(attempt, *[("smoke", "x" * (LOG_SHOWN // 4) + "\n") for _ in range(6)])
    response = client.get(reverse("web:build", args=[farm.failed.pk]))
    assert "it is too long to be shown whole" in words_of(response)
    assert len(response.content) < 2 * LOG_SHOWN
    plain = client.get(reverse("web:build-plain-log", args=[farm.failed.pk]), {"attempt": "1"})
    text = b"".join(plain).decode()
    assert plain.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert len(text) > LOG_SHOWN
    assert "\x1b" not in text


def test_an_earlier_attempt_can_be_looked_at(client: Client, farm: Farm):
    Attempt.objects.filter(build=farm.failed).update(state=AttemptState.LOST)
    make_attempt(farm.failed, at=timezone.now(), state=AttemptState.FAILED, stages=["fetch"])
    page = page_of(client, farm.failed, attempt="1")
    assert "You look at attempt 1." in page
    assert "You look at attempt" not in page_of(client, farm.failed)


def test_the_commands_at_home_quote_what_strangers_wrote(farm: Farm):
    build = farm.failed
    build.sdist_url = "https://files.example/x; rm -rf ~"
    commands = commands_to_repeat(build, read_report(REPORT))
    assert "'https://files.example/x; rm -rf ~'" in commands
    assert "setuptools==75.6.0" in commands
    assert "SOURCE_DATE_EPOCH=1700000000" in commands


def test_an_address_that_is_no_web_address_is_no_link(client: Client, farm: Farm):
    Build.objects.filter(pk=farm.failed.pk).update(sdist_url="javascript:alert(1)")
    assert 'href="javascript:' not in page_of(client, farm.failed)


def test_the_list_is_paged_filtered_and_bounded(
    client: Client, farm: Farm, django_assert_max_num_queries
):
    first = farm.failed
    for number in range(PER_PAGE):
        first.pk, first.key = uuid.uuid4(), digest(str(number))
        first.save(force_insert=True)
    path = reverse("web:builds")
    with django_assert_max_num_queries(3):
        page = words_of(client.get(path))
    assert "Page 1 of 2" in page
    assert "import failed" in page
    running = words_of(client.get(path, {"state": "running"}))
    assert farm.running.version in running
    assert "import-failed" not in running
    assert "No build is in the state “judging”." in words_of(client.get(path, {"state": "judging"}))


def test_a_build_page_says_which_way_it_was_built(client: Client, farm: Farm):
    step = Step(None, (ShimModule("imp"),)).to_json()
    Attempt.objects.filter(build=farm.failed).update(step=step)
    assert "as declared, with what was removed from imp lent" in page_of(client, farm.failed)
