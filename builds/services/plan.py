"""From a wish to builds: what is served, what is a gap, what is refused, and what is queued."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from django.conf import settings
from django.db import transaction

from builds import dispatch
from builds.domain.keys import NO_CUTOFF, TOOLCHAIN_NAMES, build_key, stands
from builds.domain.ladder import RUNGS
from builds.domain.outcomes import Outcome
from builds.domain.permits import Channel
from builds.domain.planning import (
    Gap,
    Plan,
    ProjectFacts,
    Refusal,
    ReleaseFile,
    Served,
    Settler,
    parse_specifiers,
    plan,
    releases_of,
)
from builds.domain.priority import build_priority
from builds.domain.states import BUILD_TRANSITIONS, LIVE, BuildState, sources_of
from builds.domain.targets import Target, parse_targets
from builds.models import Build, Permit
from builds.services.permits import covering, unrevoked
from builds.services.recipes import recipe_in_force
from builds.signals import builds_queued
from indexes.domain.files import FileKind
from indexes.domain.status import ProjectStatus, Standing
from indexes.models import File, Project, UpstreamFile

BATCH = 500
"""Rows in one statement."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a wish would come to."""

    served: tuple[Served, ...]
    gaps: tuple[Gap, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a wish came to. `uncovered` are gaps without a permit: nothing runs for them."""

    builds: tuple[Build, ...]
    """New ones, and those of others that are the same work: waiting, running or ended."""
    served: tuple[Served, ...]
    refusals: tuple[Refusal, ...]
    uncovered: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """A gap that may be filled."""

    gap: Gap
    permit: Permit
    sdist: UpstreamFile
    key: str
    recipe: str
    """Digest of what the recipe adds to it."""
    priority: int


def wanted_targets(names: Sequence[str]) -> tuple[Target, ...]:
    """The targets of these names, or the deployment's own when there are none.

    Raises `UnknownTarget`.
    """
    return parse_targets(names or settings.AFFINEUR_TARGETS)


def project_facts(project: Project) -> ProjectFacts:
    """What we know of a project's files, in two queries."""
    return facts_of([project])[project.pk]


def facts_of(projects: Sequence[Project]) -> dict[int, ProjectFacts]:
    """What we know of the files of some projects, by primary key, in two queries."""
    files: dict[int, list[ReleaseFile]] = {project.pk: [] for project in projects}
    upstream = UpstreamFile.objects.filter(project__in=projects).values_list(
        "project_id",
        "filename",
        "kind",
        "version",
        "requires_python",
        "sha256",
        "is_yanked",
        "yanked_reason",
        "uploaded_at",
    )
    for (
        pk,
        filename,
        kind,
        version,
        requires_python,
        sha256,
        is_yanked,
        reason,
        uploaded_at,
    ) in upstream.iterator():
        files[pk].append(
            ReleaseFile(
                filename=filename,
                kind=FileKind(kind),
                version=version,
                requires_python=requires_python,
                sha256=sha256,
                is_yanked=is_yanked,
                reason=reason,
                uploaded_at=uploaded_at,
            )
        )
    ours = File.objects.filter(project__in=projects).values_list(
        "project_id",
        "filename",
        "version",
        "requires_python",
        "sha256",
        "standing",
        "standing_reason",
        "is_to_be_remade",
    )
    for (
        pk,
        filename,
        version,
        requires_python,
        sha256,
        standing,
        reason,
        is_to_be_remade,
    ) in ours.iterator():
        files[pk].append(
            ReleaseFile(
                filename=filename,
                kind=FileKind.WHEEL,
                version=version,
                requires_python=requires_python,
                sha256=sha256,
                is_yanked=standing == Standing.YANKED,
                reason=reason,
                standing=Standing(standing),
                is_to_be_remade=is_to_be_remade,
            )
        )
    return {
        project.pk: ProjectFacts(
            name=project.name,
            status=ProjectStatus(project.status),
            status_reason=project.status_reason,
            files=tuple(files[project.pk]),
        )
        for project in projects
    }


def preview(*, project: Project, specifiers: str, targets: Sequence[str]) -> Preview:
    """Say what a request would come to, from what we know; nothing is fetched and nothing runs.

    Without targets the deployment's own are meant. Raises `InvalidSpecifiers`, `UnknownTarget`.
    """
    return previews(wishes=[(project, specifiers)], targets=targets)[0]


def previews(
    *, wishes: Sequence[tuple[Project, str]], targets: Sequence[str] = ()
) -> list[Preview]:
    """A preview of each (project, specifiers), all in two queries."""
    asked = wanted_targets(targets)
    facts = facts_of(list({project.pk: project for project, _ in wishes}.values()))
    plans = (
        plan(facts[project.pk], specifiers=parse_specifiers(specifiers), targets=asked)
        for project, specifiers in wishes
    )
    return [Preview(found.served, found.gaps, found.refusals) for found in plans]


def key_of(
    project: str, version: str, target: str, *, sdist_sha256: str, recipe: str, remakes: str = ""
) -> str:
    """The key of what this farm would make of a release now.

    `recipe` is a digest, `remakes` the file of ours whose place the wheel takes.
    """
    return build_key(
        project=project,
        version=version,
        sdist_sha256=sdist_sha256,
        target=target,
        toolchain=TOOLCHAIN_NAMES[settings.AFFINEUR_TOOLCHAIN],
        recipe=recipe,
        rung=RUNGS[0],
        cutoff=NO_CUTOFF,
        remakes=remakes,
    )


@transaction.atomic
def request_builds(
    *,
    project: Project,
    specifiers: str,
    targets: Sequence[str],
    at: datetime,
    priority: int = 0,
    is_asked: bool = True,
) -> Planned:
    """Queue a build for each gap that a permit covers, unless the same work is there already.

    The same work that waits, runs, was published, or failed by the project's own fault is the
    answer. Without targets the deployment's own are meant. It `is_asked` by a person, or by what
    follows upstream, which brings nothing back that upstream took back. Raises
    `InvalidSpecifiers`, `UnknownTarget`.
    """
    asked = wanted_targets(targets)
    # Planned one at a time for a project, so that two equal requests cannot miss each other.
    project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    planned = _plan(project, specifiers, asked)
    works, uncovered = permitted_works(project, planned.gaps, priority=priority, at=at)
    builds = queue_works(project, works, at=at, is_asked=is_asked) if works else ()
    return Planned(builds, planned.served, planned.refusals, uncovered)


def _plan(project: Project, specifiers: str, targets: Sequence[Target]) -> Plan:
    return plan(project_facts(project), specifiers=parse_specifiers(specifiers), targets=targets)


def gaps_among(facts: ProjectFacts, wanted: Collection[tuple[str, str]]) -> list[Gap]:
    """Those of these (version, target) that are gaps still; what is yanked is none."""
    targets = parse_targets(sorted({target for _, target in wanted}))
    versions = {version for version, _ in wanted}
    settler = Settler(facts, targets)
    return [
        answer
        for release in releases_of(facts)
        if release.name in versions
        for answer in settler.settle(release, is_pinned=False)
        if isinstance(answer, Gap) and (answer.version, answer.target) in wanted
    ]


def permitted_works(
    project: Project, gaps: Iterable[Gap], *, priority: int, at: datetime
) -> tuple[list[Work], tuple[Gap, ...]]:
    """The gaps that a permit covers, as work, and those that none does."""
    permits = unrevoked(project)
    in_force = recipe_in_force(project)
    sdists = {
        file.filename: file
        for file in UpstreamFile.objects.filter(project=project, kind=FileKind.SDIST.value)
    }
    works: list[Work] = []
    uncovered: list[Gap] = []
    for gap in gaps:
        permit = covering(
            permits, version=gap.version, target=gap.target, channel=Channel.BUILD, at=at
        )
        if permit is None:
            uncovered.append(gap)
            continue
        sdist = sdists[gap.sdist]
        recipe = in_force.facts_for(version=gap.version, target=gap.target).digest
        works.append(
            Work(
                gap=gap,
                permit=permit,
                sdist=sdist,
                key=key_of(
                    project.name,
                    gap.version,
                    gap.target,
                    sdist_sha256=sdist.sha256,
                    recipe=recipe,
                    remakes=gap.remakes,
                ),
                recipe=recipe,
                priority=build_priority(asked=priority, age=gap.age),
            )
        )
    return works, tuple(uncovered)


def queue_works(
    project: Project, works: Sequence[Work], *, at: datetime, is_asked: bool = True
) -> tuple[Build, ...]:
    """The builds that are this work, in its order; what has none yet is queued."""
    known = _Known(project, works)
    new: list[Build] = []
    again: list[Build] = []
    sooner: list[Build] = []
    for work in works:
        build = known.build_of(work)
        if build is None:
            new.append(_new_build(project, work, at))
        elif not stands(
            BuildState(build.state),
            outcome=build.outcome,
            ended_at=build.ended_at,
            at=at,
            is_asked=is_asked,
        ):
            build.permit, build.priority = work.permit, work.priority
            build.sdist_url = work.sdist.url
            again.append(build)
        elif build.state == BuildState.QUEUED and build.priority < work.priority:
            build.priority = work.priority
            sooner.append(build)
    # A row that came in between, from a way that does not hold the project, is the same work.
    Build.objects.bulk_create(new, ignore_conflicts=True, batch_size=BATCH)
    _queue_again(again, at)
    Build.objects.bulk_update(sooner, ["priority"], batch_size=BATCH)

    known = _Known(project, works)
    builds = [build for work in works if (build := known.build_of(work)) is not None]
    queued = {build.pk for build in (*new, *again)}
    waiting = [build for build in builds if build.state == BuildState.QUEUED]
    if told := [build for build in waiting if build.pk in queued]:
        builds_queued.send(Build, builds=told)
    if waiting:
        transaction.on_commit(dispatch.wake)
    return tuple(builds)


def _queue_again(builds: Sequence[Build], at: datetime) -> None:
    """Queue builds that have ended, as if they had not begun."""
    ended = [
        state
        for state in sources_of(BuildState.QUEUED, BUILD_TRANSITIONS)
        if BuildState(state) not in LIVE
    ]
    for batch in batched(builds, BATCH, strict=False):
        Build.objects.filter(pk__in=[build.pk for build in batch], state__in=ended).update(
            state=BuildState.QUEUED.value,
            outcome="",
            message="",
            cause="",
            covered_by=None,
            not_before=None,
            queued_at=at,
            ended_at=None,
        )
    Build.objects.bulk_update(builds, ["permit", "priority", "sdist_url"], batch_size=BATCH)


class _Known:
    """The builds there are for some work, in one query."""

    def __init__(self, project: Project, works: Sequence[Work]) -> None:
        builds = Build.objects.filter(
            project=project,
            version__in={work.gap.version for work in works},
            target__in={work.gap.target for work in works},
        ).select_related("project", "permit")
        self._by_key: dict[str, Build] = {}
        self._live: dict[tuple[str, str], Build] = {}
        self._proven: dict[tuple[str, str, str], Build] = {}
        for build in builds:
            self._by_key[build.key] = build
            if build.state in LIVE:
                self._live[build.version, build.target] = build
            elif build.outcome == Outcome.NOT_SUPPORTED:
                self._proven[build.target, build.sdist_sha256, build.recipe] = build

    def build_of(self, work: Work) -> Build | None:
        """The one that is live for the same release and target, or the one with the same key.

        Sources that were proven not to work on a target do not with another toolchain either.
        """
        gap = work.gap
        return (
            self._live.get((gap.version, gap.target))
            or self._by_key.get(work.key)
            or self._proven.get((gap.target, work.sdist.sha256, work.recipe))
        )


def _new_build(project: Project, work: Work, at: datetime) -> Build:
    return Build(
        project=project,
        version=work.gap.version,
        target=work.gap.target,
        key=work.key,
        recipe=work.recipe,
        remakes=work.gap.remakes,
        permit=work.permit,
        priority=work.priority,
        sdist_filename=work.sdist.filename,
        sdist_url=work.sdist.url,
        sdist_sha256=work.sdist.sha256,
        sdist_size=work.sdist.size,
        sdist_uploaded_at=work.sdist.uploaded_at,
        queued_at=at,
    )
