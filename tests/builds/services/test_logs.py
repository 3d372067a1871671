"""Reading a log while it grows."""

from uuid import UUID

import pytest

from builds.domain.outcomes import Outcome
from builds.models import Attempt, Permit
from builds.runner.events import LogWritten
from builds.runner.job import Job
from builds.services import logs
from builds.services.logs import log_since, log_text
from tests.builds.farm import claim_one, ended, queue_build, say, take

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(permit: Permit) -> Job:
    queue_build(permit)
    job = claim_one()
    take(job)
    return job


def write(job: Job, *sequences: int) -> Attempt:
    for sequence in sequences:
        say(job, LogWritten(sequence, "build", f"line {sequence}\n"))
    return Attempt.objects.get(pk=UUID(job.attempt))


def test_a_reader_goes_on_where_it_was(job: Job) -> None:
    attempt = write(job, 0, 1, 2)

    assert [c.sequence for c in log_since(attempt=attempt, sequence=1)] == [1, 2]
    assert log_since(attempt=attempt, sequence=3) == []


def test_a_reader_waits_for_a_piece_that_is_late(job: Job) -> None:
    attempt = write(job, 0, 2)
    assert [c.sequence for c in log_since(attempt=attempt, sequence=0)] == [0]

    attempt = write(job, 1)
    assert [c.sequence for c in log_since(attempt=attempt, sequence=1)] == [1, 2]


def test_after_the_end_a_lost_piece_is_not_waited_for(job: Job) -> None:
    write(job, 0, 2)
    say(job, ended(Outcome.BUILD_FAILED))
    attempt = write(job)

    assert [c.sequence for c in log_since(attempt=attempt, sequence=0)] == [0, 2]


def test_a_long_log_comes_in_parts(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "CHUNKS_AT_ONCE", 2)
    attempt = write(job, 0, 1, 2)

    assert [c.sequence for c in log_since(attempt=attempt, sequence=0)] == [0, 1]


def test_the_whole_log_is_plain_text(job: Job) -> None:
    attempt = write(job, 1, 0)

    assert "".join(log_text(attempt=attempt)) == "line 0\nline 1\n"
