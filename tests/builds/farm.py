"""Rows and messages of a small farm, for tests of the queue."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from builds.domain.outcomes import Outcome
from builds.domain.states import BuildState
from builds.models import Attempt, Build, Permit
from builds.runner.events import Ended, Event, event_to_json
from builds.runner.job import Job
from builds.services.claim import claim_builds
from builds.services.events import record_event
from builds.services.lease import show_lease
from builds.services.permits import issue_permit
from builds.services.staging import stage_upload
from indexes.domain.files import FileKind
from indexes.models import Project, UpstreamFile
from tests.builds.runner.wheels import make_wheel

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)
CP313 = "cp313-manylinux_2_36_x86_64"
CP312 = "cp312-manylinux_2_36_x86_64"
CP311 = "cp311-manylinux_2_36_x86_64"


@dataclass
class FakeCelery:
    """Takes tasks instead of a broker: (name, kwargs) of each, in order."""

    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def send_task(self, name: str, *, kwargs: dict[str, Any] | None = None, **_: Any) -> None:
        self.sent.append((name, kwargs or {}))

    def names(self) -> list[str]:
        return [name for name, _ in self.sent]


def make_project(name: str = "demo", version: str = "1.0") -> Project:
    """A project with one release upstream: an sdist."""
    project = Project.objects.create(name=name, display_name=name, is_enrolled=True)
    UpstreamFile.objects.create(
        project=project,
        filename=f"{name}-{version}.tar.gz",
        version=version,
        kind=FileKind.SDIST.value,
        url=f"https://upstream.example/files/{name}-{version}.tar.gz",
        sha256="5" * 64,
    )
    return project


def permit_all(project: Project, channels: tuple[str, ...] = ("build", "publish")) -> Permit:
    return issue_permit(
        project=project,
        specifiers="",
        targets=[],
        channels=channels,
        origin="consent:1",
        expires_at=None,
        at=AT,
    )


def queue_build(permit: Permit, target: str = CP313, **fields: Any) -> Build:
    values = {
        "project": permit.project,
        "version": "1.0",
        "target": target,
        "key": uuid4().hex * 2,
        "permit": permit,
        "sdist_filename": "demo-1.0.tar.gz",
        "sdist_url": "https://upstream.example/files/demo-1.0.tar.gz",
        "sdist_sha256": "5" * 64,
        "sdist_size": 1234,
        "queued_at": AT,
    }
    return Build.objects.create(**values | fields)


def conclude(build: Build, state: BuildState = BuildState.FAILED) -> Build:
    """As if an earlier sibling had ended."""
    Build.objects.filter(pk=build.pk).update(state=state.value, ended_at=AT)
    build.refresh_from_db()
    return build


def claim_one(at: datetime = AT) -> Job:
    (job,) = claim_builds(at=at)
    return job


def take(job: Job, at: datetime = AT) -> bool:
    return show_lease(attempt_id=UUID(job.attempt), token=job.lease, builder="b1", at=at)


def say(job: Job, event: Event | dict[str, Any], at: datetime = AT, lease: str = "") -> None:
    record_event(
        attempt_id=UUID(job.attempt),
        lease=lease or job.lease,
        event=event if isinstance(event, dict) else event_to_json(event),
        at=at,
    )


def ended(outcome: Outcome | str, **report: Any) -> Ended:
    return Ended(
        outcome=str(outcome),
        message=f"It ended with {outcome}.",
        evidence="error: the line that shows it",
        at=AT.isoformat(),
        report=report,
    )


def wheel_report(wheel: Path) -> dict[str, Any]:
    content = wheel.read_bytes()
    return {
        "filename": wheel.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }


def upload(job: Job, wheel: Path) -> None:
    stage_upload(
        attempt_id=UUID(job.attempt),
        token=job.lease,
        filename=wheel.name,
        chunks=[wheel.read_bytes()],
    )


def build_wheel(job: Job, folder: Path, **parts: Any) -> Path:
    """What a builder does with a job that goes well, up to its last word."""
    wheel = make_wheel(folder, **parts)
    take(job)
    upload(job, wheel)
    say(
        job,
        ended(
            Outcome.BUILT,
            wheel=wheel_report(wheel),
            builder="b1",
            interpreter="3.13.1",
            resolved=[
                {
                    "name": "setuptools",
                    "version": "80.9",
                    "filename": "setuptools-80.9-py3-none-any.whl",
                    "sha256": "7" * 64,
                }
            ],
            log_sha256="9" * 64,
            source_date_epoch=1_600_000_000,
        ),
    )
    return wheel


def attempt_of(job: Job) -> Attempt:
    return Attempt.objects.select_related("build").get(pk=job.attempt)
