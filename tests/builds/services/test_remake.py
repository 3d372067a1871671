"""A bad wheel of ours is yanked, and another build takes its place."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from builds.domain.states import BuildState
from builds.models import Build, Permit
from builds.services.coverage import coverage
from builds.services.judge import judge_attempt
from builds.services.plan import preview, request_builds
from indexes.domain.status import Decision, Standing
from indexes.models import File
from indexes.services.standing import decide
from tests.builds.farm import AT, CP313, build_wheel, claim_one

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(hours=1)


@pytest.fixture
def keys(settings, tmp_path):
    settings.AFFINEUR_DEVELOPMENT = True
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "keys" / "provenance.pem"


def ask(permit: Permit, at=AT):
    return request_builds(project=permit.project, specifiers="", targets=[CP313], at=at)


def publish(folder: Path) -> File:
    """The next build in the queue, by a builder that does well."""
    job = claim_one()
    folder.mkdir()
    build_wheel(job, folder)
    judge_attempt(attempt_id=UUID(job.attempt), at=AT)
    return File.objects.get(build_id=job.build)


def yank(file: File, *, is_to_be_remade: bool) -> None:
    decide(
        files=File.objects.filter(pk=file.pk),
        decision=Decision.YANKED,
        reason="It crashes.",
        at=LATER,
        is_to_be_remade=is_to_be_remade,
    )


@pytest.fixture
def bad(permit, keys, celery, tmp_path) -> File:
    ask(permit)
    return publish(tmp_path / "first")


def test_what_is_yanked_is_not_built_again_by_itself(permit, bad):
    yank(bad, is_to_be_remade=False)
    planned = ask(permit)
    assert (planned.builds, [refusal.code for refusal in planned.refusals]) == ((), ["withdrawn"])


def test_a_bad_wheels_place_is_a_gap_and_its_wheel_gets_the_next_build_tag(permit, bad, tmp_path):
    yank(bad, is_to_be_remade=True)
    (build,) = ask(permit).builds
    assert (build.state, build.remakes) == (BuildState.QUEUED, bad.filename)
    assert build.pk != bad.build_id
    again = publish(tmp_path / "second")
    assert (bad.build_tag, again.build_tag) == ("1affineur", "2affineur")
    assert again.standing == Standing.LISTED
    bad.refresh_from_db()
    assert bad.standing == Standing.YANKED
    (served,) = preview(project=permit.project, specifiers="==1.0", targets=[CP313]).served
    assert served.filename == again.filename


def test_it_is_built_once_and_once_more_when_that_is_bad_too(permit, bad, tmp_path):
    yank(bad, is_to_be_remade=True)
    assert ask(permit).builds == ask(permit).builds
    second = publish(tmp_path / "second")
    assert ask(permit).builds == ()
    yank(second, is_to_be_remade=True)
    (build,) = ask(permit).builds
    assert build.remakes == second.filename
    assert publish(tmp_path / "third").build_tag == "3affineur"
    assert Build.objects.count() == 3


def test_taking_the_yank_back_closes_the_gap(permit, bad):
    yank(bad, is_to_be_remade=True)
    decide(files=File.objects.all(), decision=None, reason="", at=LATER)
    assert ask(permit).builds == ()
    bad.refresh_from_db()
    assert not bad.is_to_be_remade


def test_the_matrix_shows_the_gap_and_the_build(permit, bad):
    def cell():
        ((found,),) = (row.cells for row in coverage(project=permit.project, targets=[CP313]).rows)
        return found.status.value

    yank(bad, is_to_be_remade=True)
    assert cell() == "missing"
    ask(permit, at=LATER)
    assert cell() == "in-progress"
