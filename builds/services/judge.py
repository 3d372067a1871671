"""Judging what a builder uploaded, and publishing it.

The wheel is read, never run. Everything up to the last transaction may be done any number of
times, by any number of workers, and gives the same bytes; that transaction happens once.
"""

import hashlib
import logging
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from packaging.utils import NormalizedName
from packaging.version import Version

from builds import dispatch
from builds.domain.outcomes import Outcome
from builds.domain.states import (
    ATTEMPT_TRANSITIONS,
    BUILD_TRANSITIONS,
    AttemptState,
    BuildState,
    sources_of,
)
from builds.domain.targets import parse_target
from builds.domain.wheels import retag_wheel, tagged_filename, untagged_filename
from builds.models import Attempt, Build
from builds.runner.check import WheelFacts, check_wheel, read_wheel
from builds.runner.problems import JobProblem, WheelProblem
from builds.services.cancel import cancel_builds
from builds.services.conclude import conclude_attempt, lock_build
from builds.services.permits import live_permit
from builds.services.plan import preview
from builds.services.provenance import provenance_of
from builds.services.staging import (
    MAX_WHEEL_SIZE,
    STAGED,
    discard_staged,
    is_wheel_filename,
)
from builds.signals import builds_ended
from indexes.models import Project
from indexes.services.clock import since
from indexes.services.publish import next_build_number, publish_file
from indexes.storage import get_storage, staging_key

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A wheel under its final name, with all that is published beside it."""

    path: Path
    number: int
    build_tag: str
    sha256: str
    size: int
    provenance: dict[str, Any]


def judge_attempt(*, attempt_id: UUID, at: datetime) -> None:
    """Publish the wheel that an attempt uploaded, or say why not; again, it changes nothing.

    What counts is whether it may be published when it is, not when the judgement began. Raises
    `SigningKeyMissing` or `SigningKeyInvalid`, and leaves the build to be judged again.
    """
    began = monotonic()
    attempt = (
        Attempt.objects.select_related("build__project")
        .filter(pk=attempt_id, state=AttemptState.JUDGING.value)
        .first()
    )
    if attempt is None:
        discard_staged(attempt_id=attempt_id)
        return
    with TemporaryDirectory(prefix="affineur-judge-") as folder:
        try:
            wheel = _fetch_staged(attempt, Path(folder))
            facts = _judge(attempt, wheel)
        except JobProblem as problem:
            conclude_attempt(
                attempt_id=attempt_id,
                state=AttemptState.FAILED,
                outcome=problem.outcome,
                message=problem.message,
                evidence=problem.evidence,
                at=at,
            )
            return
        while not _publish(attempt, _seal(attempt, wheel, facts), facts, since(began, at)):
            logger.info("attempt %s: its name was taken meanwhile; it gets the next", attempt_id)


def _fetch_staged(attempt: Attempt, folder: Path) -> Path:
    """Bring the uploaded wheel here; raises `JobProblem` unless it is what was reported."""
    said = attempt.report["wheel"]
    filename: str = said["filename"]
    if not is_wheel_filename(filename):
        raise WheelProblem(
            Outcome.WHEEL_MALFORMED,
            "The build gave a file whose name is not a wheel's. The project's build backend"
            " made it: its turn.",
            filename[:255],
        )
    storage, key = get_storage(), staging_key(attempt.pk, STAGED)
    if not storage.exists(key):
        raise _upload_failed("it is not there", filename)
    size = storage.size(key)
    if size != said["size"] or size > MAX_WHEEL_SIZE:
        raise _upload_failed(f"{size} bytes came, of {said['size']}", filename)
    path = folder / filename
    with storage.open(key) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    if _sha256(path) != said["sha256"]:
        raise _upload_failed("its SHA-256 is not the one that the builder told", filename)
    return path


def _upload_failed(what: str, filename: str) -> JobProblem:
    return JobProblem(
        Outcome.UPLOAD_FAILED,
        f"The upload of {filename} failed: {what}. The farm builds it again.",
    )


def _judge(attempt: Attempt, wheel: Path) -> WheelFacts:
    build = attempt.build
    facts = read_wheel(wheel)
    check_wheel(
        facts,
        project=NormalizedName(build.project.name),
        version=Version(build.version),
        target=parse_target(build.target),
    )
    return facts


def _seal(attempt: Attempt, wheel: Path, facts: WheelFacts) -> _Sealed:
    build = attempt.build
    number = _next_number(build, facts)
    build_tag = f"{number}{settings.AFFINEUR_BUILD_LABEL}"
    folder = wheel.parent / str(number)
    folder.mkdir(exist_ok=True)
    path = folder / tagged_filename(facts.filename, build_tag)
    epoch = attempt.report.get("source_date_epoch")
    with wheel.open("rb") as source, path.open("wb") as target:
        retag_wheel(
            source,
            target,
            dist_info=facts.dist_info,
            build_tag=build_tag,
            epoch=epoch if isinstance(epoch, int) else 0,
        )
    # What is published is read once more: an error of ours must not get out either.
    sealed = read_wheel(path)
    return _Sealed(
        path=path,
        number=number,
        build_tag=build_tag,
        sha256=sealed.sha256,
        size=sealed.size,
        provenance=provenance_of(attempt=attempt, filename=path.name, sha256=sealed.sha256),
    )


def _next_number(build: Build, facts: WheelFacts) -> int:
    return next_build_number(
        project=build.project,
        version=build.version,
        wheel_name_without_build_tag=untagged_filename(facts.filename),
    )


@transaction.atomic
def _publish(attempt: Attempt, sealed: _Sealed, facts: WheelFacts, at: datetime) -> bool:
    """Publish it, unless it may not or need not be; False when its name was taken."""
    # Publishing for one project goes one by one: names are numbered.
    Project.objects.select_for_update().get(pk=attempt.build.project_id)
    build = lock_build(attempt_id=attempt.pk)
    is_judged = not Attempt.objects.filter(pk=attempt.pk, state=AttemptState.JUDGING.value).exists()
    if build is None or is_judged:
        return True
    transaction.on_commit(lambda: discard_staged(attempt_id=attempt.pk))
    transaction.on_commit(dispatch.wake)
    permit = live_permit(
        project=build.project, version=build.version, target=build.target, channel="publish", at=at
    )
    if permit is None:
        cancel_builds(
            builds=Build.objects.filter(pk=build.pk),
            reason=f"{build} was built, and is not published: the project's consent has ended.",
            outcome=Outcome.PERMIT_GONE,
            at=at,
        )
        return True
    serving = _serving(build, [build.target]).get(build.target)
    if serving is not None:
        _succeed(attempt)
        _cover(build, serving, at)
        return True
    if _next_number(build, facts) != sealed.number:
        return False
    file = publish_file(
        project=build.project,
        version=build.version,
        filename=sealed.path.name,
        build_tag=sealed.build_tag,
        wheel=sealed.path,
        sha256=sealed.sha256,
        size=sealed.size,
        source_sha256=build.sdist_sha256,
        requires_python=facts.requires_python,
        metadata=facts.metadata,
        provenance=sealed.provenance,
        build_id=build.pk,
        at=at,
    )
    _succeed(attempt)
    Build.objects.filter(
        pk=build.pk, state__in=sources_of(BuildState.PUBLISHED, BUILD_TRANSITIONS)
    ).update(
        state=BuildState.PUBLISHED.value,
        outcome=Outcome.BUILT.value,
        message="",
        filename=file.filename,
        ended_at=at,
    )
    build.refresh_from_db()
    builds_ended.send(Build, builds=[build], outcome=Outcome.BUILT)
    _settle_siblings(build, at)
    return True


def _succeed(attempt: Attempt) -> None:
    Attempt.objects.filter(
        pk=attempt.pk, state__in=sources_of(AttemptState.SUCCEEDED, ATTEMPT_TRANSITIONS)
    ).update(state=AttemptState.SUCCEEDED.value, outcome=Outcome.BUILT.value)


def _settle_siblings(build: Build, at: datetime) -> None:
    """Take those out of the queue that the release's wheels now serve."""
    queued = Build.objects.select_related("project").filter(
        project=build.project, version=build.version, state=BuildState.QUEUED.value
    )
    siblings = list(queued.order_by("pk"))
    serving = _serving(build, [sibling.target for sibling in siblings])
    for sibling in siblings:
        if sibling.target in serving:
            _cover(sibling, serving[sibling.target], at)


def _serving(build: Build, targets: list[str]) -> dict[str, str]:
    """Return, for those of `targets` that have one, the wheel that serves the build's release."""
    if not targets:
        return {}
    found = preview(project=build.project, specifiers=f"=={build.version}", targets=targets)
    return {
        served.target: served.filename for served in found.served if served.version == build.version
    }


def _cover(build: Build, filename: str, at: datetime) -> None:
    moved = Build.objects.filter(
        pk=build.pk, state__in=sources_of(BuildState.COVERED, BUILD_TRANSITIONS)
    ).update(
        state=BuildState.COVERED.value,
        outcome=Outcome.COVERED.value,
        message=f"{filename} serves {build.target}.",
        covered_by=Build.objects.filter(project=build.project, filename=filename).first(),
        not_before=None,
        ended_at=at,
    )
    if moved:
        build.refresh_from_db()
        builds_ended.send(Build, builds=[build], outcome=Outcome.COVERED)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
