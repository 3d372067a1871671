"""Claiming: from the queue of record to a job in a builder's hands."""

import logging
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from builds import dispatch
from builds.domain.ladder import FIRST, Step, Won, next_step
from builds.domain.leases import new_lease
from builds.domain.outcomes import Outcome
from builds.domain.recipes import RecipeInvalid
from builds.domain.siblings import LARGEST, choose_siblings
from builds.domain.states import BUILD_TRANSITIONS, AttemptState, BuildState, sources_of
from builds.domain.targets import parse_target
from builds.models import Attempt, Build
from builds.runner.job import Distribution, Job
from builds.services.builders import most_in_flight
from builds.services.cancel import cancel_builds
from builds.services.conclude import sources_of_build, steps_tried
from builds.services.permits import permit_to_run
from builds.services.plan import key_of
from builds.services.recipes import InForce, recipe_in_force
from builds.services.staging import STAGED
from indexes.domain.files import FileKind
from indexes.domain.status import Standing
from indexes.models import File, Project, UpstreamFile
from indexes.services.pages import file_url
from indexes.storage import get_storage, staging_key

logger = logging.getLogger(__name__)

TAKE_SECONDS = 300
"""How long a job waits for a builder before it goes back into the queue."""
SCANNED = 500
"""Builds looked at in one go; the next waking looks on."""
KIN = 20
"""Wheels of a project that are looked at for how they were made."""
UPLOAD_SECONDS = 6 * 3600
"""How long a pre-signed upload is good for: longer than any build may last."""


def claim_builds(*, at: datetime) -> list[Job]:
    """Claim what builders have room for, each under a lease of its own, and send it to them.

    While builders are stopped for their faults, that may be nothing, or one build on trial.
    Builds whose permit is gone are cancelled on the way. Two workers at the same moment may
    both see the last room there is; what is too much waits with the builders.
    """
    jobs: list[Job] = []
    for candidate in _candidates(at):
        if _room(at) <= 0:
            break
        try:
            job = _claim(candidate, at)
        except RecipeInvalid:
            # Of one project: the others go on.
            logger.exception("%s waits", candidate)
            continue
        if job is not None:
            jobs.append(job)
    return jobs


def _room(at: datetime) -> int:
    in_flight = Build.objects.filter(
        state__in=[BuildState.CLAIMED.value, BuildState.RUNNING.value]
    ).count()
    usual: int = settings.AFFINEUR_BUILDS_IN_FLIGHT
    most = most_in_flight(at=at)
    return (usual if most is None else min(usual, most)) - in_flight


def _candidates(at: datetime) -> Iterator[Build]:
    """Claimable builds in order; of a release that is tried for the first time, the newest."""
    tried: set[tuple[int, str]] = set()
    for build in Build.objects.claimable(at=at)[:SCANNED]:
        release = (build.project_id, build.version)
        if build.has_concluded:
            yield build
        elif release not in tried:
            tried.add(release)
            siblings = Build.objects.claimable(at=at).filter(
                project=build.project_id, version=build.version
            )
            newest = max(siblings, key=lambda each: parse_target(each.target).minor, default=None)
            # None: another worker claimed the last of them meanwhile.
            if newest is not None:
                yield newest


@transaction.atomic
def _claim(candidate: Build, at: datetime) -> Job | None:
    # Holding the project keeps two workers from claiming two first builds of one release.
    projects = Project.objects.filter(pk=candidate.project_id)
    if connection.features.has_select_for_update_skip_locked:
        projects = projects.select_for_update(skip_locked=True, no_key=True)
    project = projects.first()
    if project is None or not Build.objects.claimable(at=at).filter(pk=candidate.pk).exists():
        return None
    permit = permit_to_run(candidate, at=at)
    if permit is None:
        return None
    recipe = recipe_in_force(project)
    if not _has_todays_key(candidate, project, recipe, at):
        return None
    moved = Build.objects.filter(
        pk=candidate.pk, state__in=sources_of(BuildState.CLAIMED, BUILD_TRANSITIONS)
    ).update(state=BuildState.CLAIMED.value, permit=permit, not_before=None)
    if not moved:
        return None
    job = _lease(candidate, project, recipe, at)
    transaction.on_commit(partial(dispatch.send_job, job))
    return job


def _has_todays_key(build: Build, project: Project, recipe: InForce, at: datetime) -> bool:
    """Bring a build that waits up to a recipe that changed; False if it is other work by now.

    What was tried by the old recipe says nothing of the new one, so it begins anew.
    """
    digest = recipe.facts_for(version=build.version, target=build.target).digest
    if digest == build.recipe:
        return True
    key = key_of(
        project.name,
        build.version,
        build.target,
        sdist_sha256=build.sdist_sha256,
        recipe=digest,
        remakes=build.remakes,
    )
    if Build.objects.filter(key=key).exists():
        cancel_builds(
            builds=Build.objects.filter(pk=build.pk),
            reason=f"{build} is the same work as an earlier build, since the recipe of {project}"
            " was changed back: what became of that one stands.",
            outcome=Outcome.CANCELLED,
            at=at,
        )
        return False
    build.recipe, build.key, build.queued_at = digest, key, at
    build.save(update_fields=["recipe", "key", "queued_at"])
    return True


def _lease(build: Build, project: Project, recipe: InForce, at: datetime) -> Job:
    token, token_hash = new_lease()
    last = Attempt.objects.filter(build=build).aggregate(last=Max("number"))["last"] or 0
    step = next_step(
        steps_tried(build), sources=sources_of_build(build), at=at, won=steps_won(build)
    )
    # One that was put back into the queue by hand begins at the bottom again.
    step = step or FIRST
    facts = recipe.facts_for(version=build.version, target=build.target)
    attempt = Attempt(
        build=build,
        number=last + 1,
        rung=step.rung,
        step=step.to_json(),
        report={"recipe": recipe.told(facts)} if facts.digest else {},
        state=AttemptState.LEASED.value,
        lease_hash=token_hash,
        heartbeat_at=at,
        created_at=at,
    )
    control_url = f"{settings.AFFINEUR_CONTROL_URL}/builder/attempts/{attempt.pk}"
    upload_url = get_storage().upload_url(
        staging_key(attempt.pk, STAGED), expires_seconds=UPLOAD_SECONDS
    )
    attempt.is_staged = upload_url is not None
    attempt.save(force_insert=True)
    return Job(
        build=str(build.pk),
        attempt=str(attempt.pk),
        lease=token,
        project=project.name,
        version=build.version,
        target=build.target,
        way=facts.added_to(step.way_with(settings.AFFINEUR_TOOLCHAIN)),
        sdist=Distribution(
            filename=build.sdist_filename,
            url=build.sdist_url,
            sha256=build.sdist_sha256,
            size=build.sdist_size,
        ),
        siblings=siblings_of(build),
        upstream=settings.AFFINEUR_UPSTREAM,
        control_url=control_url,
        upload_url=upload_url or f"{control_url}/wheel",
    )


def siblings_of(build: Build) -> tuple[Distribution, ...]:
    """Return the wheels, upstream's or ours, that tell what one of this build should hold."""
    upstream = UpstreamFile.objects.filter(
        project=build.project_id, kind=FileKind.WHEEL.value, is_yanked=False
    ).exclude(sha256="")
    ours = File.objects.filter(project=build.project_id, standing=Standing.LISTED.value)
    known = {
        filename: Distribution(
            filename, f"{settings.AFFINEUR_CONTROL_URL}{file_url(sha256, filename)}", sha256, size
        )
        for filename, sha256, size in ours.values_list("filename", "sha256", "size")
    }
    known |= {
        filename: Distribution(filename, url, sha256, size)
        for filename, url, sha256, size in upstream.values_list("filename", "url", "sha256", "size")
    }
    bearable = [name for name, wheel in known.items() if (wheel.size or 0) <= LARGEST]
    chosen = choose_siblings(bearable, version=build.version, target=parse_target(build.target))
    return tuple(known[filename] for filename in chosen)


def steps_won(build: Build) -> list[Won]:
    """Return what gave wheels of the project before: of this release first, newest first."""
    succeeded = (
        Attempt.objects.filter(build__project=build.project_id, state=AttemptState.SUCCEEDED.value)
        .order_by("-created_at", "pk")
        .values_list("step", "build__version", "build__target")[:KIN]
    )
    kin = sorted(succeeded, key=lambda row: row[1] != build.version)
    return [Won(Step.from_json(step), parse_target(target).minor) for step, _, target in kin]
