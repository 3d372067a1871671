"""`manage.py mirror` and the scheduled task, against an upstream that is a real server."""

import io

import pytest
from django.core.management import CommandError, call_command

from indexes.models import File, Page, Project, UpstreamFile
from indexes.services.pages import OVERLAY_ROOT, WHEELS_ROOT
from indexes.storage import file_key, get_storage
from tests.indexes.conftest import NAME


@pytest.fixture
def served(upstream, settings):
    """The upstream over HTTP, as the settings name it."""
    with upstream.serve() as url:
        settings.AFFINEUR_UPSTREAM = url
        yield upstream


def run(*arguments):
    out = io.StringIO()
    call_command("mirror", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def run_failing(*arguments):
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("mirror", *arguments, stdout=out, stderr=out)
    return out.getvalue() + str(caught.value)


def test_it_follows_what_changed(served, ours):
    served.yank(NAME, "0.12.2", reason="broken")
    assert run() == "1 projects verified, 1 changed, 0 not reached.\n"
    ours.refresh_from_db()
    assert (ours.standing, ours.standing_reason) == ("yanked", "broken")


def test_a_project_that_was_not_reached_is_named(served, project):
    served.override(NAME, b"nonsense")
    printed = run_failing()
    assert "python-levenshtein: Upstream's answer" in printed


def test_named_projects_are_refreshed_enrolled_or_not(served, db):
    assert run("Python_Levenshtein") == "python-levenshtein: active\n"
    assert Project.objects.get().upstream_files.count() == 2


@pytest.mark.parametrize("name", ["nothing-here", "-no-name-"])
def test_an_unknown_name_is_refused(served, db, name):
    assert name in run_failing(name)


def test_a_check_of_what_is_right_finds_nothing(served, ours):
    run()
    assert run("--check") == "0 differences, 0 projects repaired.\n"


def test_a_site_without_wheels_of_ours_is_right_too(served, project):
    run()
    assert run("--check") == "0 differences, 0 projects repaired.\n"


def test_a_check_names_what_differs_and_changes_nothing(served, ours):
    run()
    served.yank(NAME, "0.12.2", reason="broken")
    Page.objects.filter(path="/wheels/simple/python-levenshtein/").update(body=b"rotten")
    get_storage().delete(file_key(ours.sha256))
    printed = run_failing("--check")
    assert "FileYanked python_levenshtein-0.12.2.tar.gz broken" in printed
    assert "page /wheels/simple/python-levenshtein/ is not what the rows say" in printed
    assert f"storage has no bytes of {ours.filename}" in printed
    assert File.objects.get().standing == "listed"


def test_a_repair_mends_rows_and_pages(served, ours):
    run()
    UpstreamFile.objects.filter(version="0.12.1").delete()
    UpstreamFile.objects.filter(version="0.12.2").update(is_yanked=True)
    Page.objects.filter(path="/simple/python-levenshtein/").delete()
    assert "1 projects repaired" in run("--repair")
    assert run("--check") == "0 differences, 0 projects repaired.\n"


def test_whatever_is_not_as_it_should_be_is_said_and_mended(served, ours):
    run()
    File.objects.update(standing="yanked", standing_reason="once")
    for path in (WHEELS_ROOT, f"/wheels/simple/{NAME}/"):
        Page.objects.filter(path=path).update(body=b"rotten")
    Page.objects.filter(path=OVERLAY_ROOT).delete()
    printed = run("--repair")
    for said in (
        f"{NAME}: {ours.filename} is yanked, and should be listed\n",
        f"{NAME}: page /wheels/simple/{NAME}/ is not",
        "all: page /simple/ is not",
        "all: page /wheels/simple/ is not",
    ):
        assert said in printed
    assert run("--check") == "0 differences, 0 projects repaired.\n"
    ours.refresh_from_db()
    assert ours.standing == "listed"


def test_bytes_that_are_cut_off_are_said(served, ours):
    run()
    File.objects.update(size=ours.size + 1)
    said = f"storage has {ours.size} bytes of {ours.filename}, and should have {ours.size + 1}"
    assert said in run_failing("--repair")


def test_named_projects_alone_are_compared(served, ours, farm):
    served.add_sdist("other", "1.0")
    run("other")
    served.yank("other", "1.0")
    assert run("--check", NAME) == "0 differences, 0 projects repaired.\n"
    assert "other: upstream: FileYanked" in run_failing("--check", "other")
    assert "other: upstream: FileYanked" in run("--repair", "Other")
    assert "nothing-here is not known here" in run_failing("--check", "nothing-here")


def test_a_deletion_is_repaired_at_once(served, ours):
    run()
    served.remove_project(NAME)
    assert "ProjectDeleted" in run("--repair")
    assert Project.objects.get().status == "deleted"


@pytest.mark.parametrize(("body", "status"), [(None, 1), (b"nonsense", 2)])
def test_the_exit_status_tells_what_differs_from_what_is_not_known(served, ours, body, status):
    run()
    served.yank(NAME, "0.12.2")
    if body:
        served.override(NAME, body)
    with pytest.raises(CommandError) as caught:
        call_command("mirror", "--check", stdout=io.StringIO())
    assert caught.value.returncode == status


def test_an_upstream_that_is_down_is_said_and_nothing_is_mended(served, ours):
    served.override(NAME, b"nonsense")
    assert "1 differences from upstream are left" in run_failing("--repair")
