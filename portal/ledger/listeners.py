"""What happens on the floors below, written down in the transaction in which it happens."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from builds import signals as builds_signals
from builds.models import Attempt, Build, LearntRule, Permit, Replay
from indexes import signals as indexes_signals
from indexes.domain.facts import Role
from indexes.models import File, Project
from portal.ledger.services import record, record_all

BUILDS = "builds"
INDEXES = "indexes"


@receiver(builds_signals.permit_issued)
def permit_was_issued(permit: Permit, **_kwargs: Any) -> None:
    facts = {
        "permit": str(permit.pk),
        "origin": permit.origin,
        "specifiers": permit.specifiers,
        "targets": permit.targets,
        "channels": permit.channels,
        "expires_at": permit.expires_at.isoformat() if permit.expires_at else None,
    }
    _write(BUILDS, "permit-issued", permit.project, facts)


@receiver(builds_signals.permits_revoked)
def permits_were_revoked(permits: Sequence[Permit], reason: str, **_kwargs: Any) -> None:
    _write_all(
        BUILDS,
        "permit-revoked",
        [
            (
                permit.project,
                {"permit": str(permit.pk), "origin": permit.origin, "reason": reason},
            )
            for permit in permits
        ],
    )


@receiver(builds_signals.builds_queued)
def builds_were_queued(builds: Sequence[Build], **_kwargs: Any) -> None:
    _write_all(
        BUILDS,
        "build-queued",
        [
            (
                build.project,
                _release(build)
                | {"permit": str(build.permit_id), "sdist_sha256": build.sdist_sha256},
            )
            for build in builds
        ],
    )


@receiver(builds_signals.build_started)
def build_was_started(build: Build, attempt: Attempt, **_kwargs: Any) -> None:
    facts = _release(build) | {"attempt": attempt.number, "builder": attempt.builder}
    _write(BUILDS, "build-started", build.project, facts)


@receiver(builds_signals.builds_ended)
def builds_have_ended(builds: Sequence[Build], outcome: str, **_kwargs: Any) -> None:
    _write_all(
        BUILDS,
        "build-ended",
        [
            (
                build.project,
                _release(build) | {"state": str(build.state), "outcome": str(outcome)},
            )
            for build in builds
        ],
    )


@receiver(indexes_signals.file_published)
def file_was_published(file: File, **_kwargs: Any) -> None:
    facts = {"filename": file.filename, "sha256": file.sha256, "build": str(file.build_id)}
    _write(INDEXES, "file-published", file.project, facts)


@receiver(indexes_signals.standing_changed)
def standing_has_changed(file: File, before: str, after: str, reason: str, **_kwargs: Any) -> None:
    facts = {
        "filename": file.filename,
        "before": str(before),
        "after": str(after),
        "reason": reason,
    }
    _write(INDEXES, "standing-changed", file.project, facts)


@receiver(indexes_signals.file_compared)
def file_was_compared(file: File, *, is_reproducible: bool, by: str, **_kwargs: Any) -> None:
    facts = {"filename": file.filename, "is_reproducible": is_reproducible, "by": by}
    _write(INDEXES, "file-compared", file.project, facts)


@receiver(indexes_signals.release_yanked)
def release_was_yanked(project: Project, version: str, reason: str, **_kwargs: Any) -> None:
    _write(INDEXES, "release-yanked", project, {"version": version, "reason": reason})


@receiver(indexes_signals.release_unyanked)
def release_was_unyanked(project: Project, version: str, **_kwargs: Any) -> None:
    _write(INDEXES, "release-unyanked", project, {"version": version})


@receiver(indexes_signals.project_status_changed)
def project_status_has_changed(project: Project, before: str, after: str, **_kwargs: Any) -> None:
    facts = {"before": str(before), "after": str(after)}
    _write(INDEXES, "project-status-changed", project, facts)


@receiver(indexes_signals.files_decided)
def files_were_decided(
    project: Project,
    filenames: Sequence[str],
    decision: str | None,
    reason: str,
    *,
    is_to_be_remade: bool,
    **_kwargs: Any,
) -> None:
    facts = {
        "filenames": list(filenames),
        "decision": str(decision or ""),
        "reason": reason,
        "is_to_be_remade": is_to_be_remade,
    }
    _write(INDEXES, "files-decided", project, facts)


@receiver(indexes_signals.files_withheld)
def files_were_withheld(
    project: Project, filenames: Sequence[str], reason: str, **_kwargs: Any
) -> None:
    facts = {"filenames": list(filenames), "reason": reason}
    _write(INDEXES, "files-withheld", project, facts)


@receiver(builds_signals.rule_added)
def rule_was_added(rule: LearntRule, **_kwargs: Any) -> None:
    facts = {
        "rule": rule.code,
        "pattern": rule.pattern,
        "stage": rule.stage,
        "turn": rule.turn,
        "remedy": rule.remedy,
        "argument": rule.argument,
    }
    record(actor=rule.by, verb="rule-added", project="", facts=facts, at=rule.created_at)


@receiver(builds_signals.rule_retired)
def rule_was_retired(code: str, by: str, **_kwargs: Any) -> None:
    facts = {"rule": code}
    record(actor=by, verb="rule-retired", project="", facts=facts, at=timezone.now())


@receiver(builds_signals.failures_replayed)
def failures_were_replayed(replay: Replay, builds: Sequence[Build], **_kwargs: Any) -> None:
    """Each build that it queued has an entry of its own besides."""
    facts = {
        "replay": str(replay.pk),
        "cause": replay.cause,
        "subject": replay.subject,
        "builds": len(builds),
    }
    record(actor=replay.by, verb="replayed", project="", facts=facts, at=replay.created_at)


@receiver(indexes_signals.project_unverified)
def project_is_unverified(project: Project, **_kwargs: Any) -> None:
    verified_at = project.verified_at
    facts = {"verified_at": None if verified_at is None else verified_at.isoformat()}
    _write(INDEXES, "project-unverified", project, facts)


@receiver(indexes_signals.project_verified)
def project_is_verified(project: Project, **_kwargs: Any) -> None:
    _write(INDEXES, "project-verified", project, {})


@receiver(indexes_signals.releases_added)
def releases_were_added(project: Project, versions: Sequence[str], **_kwargs: Any) -> None:
    _write(INDEXES, "releases-added", project, {"versions": list(versions)})


@receiver(indexes_signals.releases_removed)
def releases_were_removed(project: Project, versions: Sequence[str], **_kwargs: Any) -> None:
    _write(INDEXES, "releases-removed", project, {"versions": list(versions)})


@receiver(indexes_signals.releases_quarantined)
def releases_were_quarantined(project: Project, versions: Sequence[str], **_kwargs: Any) -> None:
    _write(INDEXES, "releases-quarantined", project, {"versions": list(versions)})


@receiver(indexes_signals.releases_cleared)
def releases_were_cleared(project: Project, versions: Sequence[str], **_kwargs: Any) -> None:
    _write(INDEXES, "releases-cleared", project, {"versions": list(versions)})


@receiver(indexes_signals.project_renamed)
def project_was_renamed(project: Project, before: str, after: str, **_kwargs: Any) -> None:
    _write(INDEXES, "project-renamed", project, {"before": before, "after": after})


@receiver(indexes_signals.roles_changed)
def roles_have_changed(
    project: Project, added: frozenset[Role], removed: frozenset[Role], **_kwargs: Any
) -> None:
    facts = {"added": sorted(map(list, added)), "removed": sorted(map(list, removed))}
    _write(INDEXES, "roles-changed", project, facts)


def _release(build: Build) -> dict[str, Any]:
    return {"build": str(build.pk), "version": build.version, "target": build.target}


def _write(actor: str, verb: str, project: Project, facts: dict[str, Any]) -> None:
    _write_all(actor, verb, [(project, facts)])


def _write_all(actor: str, verb: str, acts: Iterable[tuple[Project, Mapping[str, Any]]]) -> None:
    record_all(
        actor=actor,
        verb=verb,
        acts=[(project.name, facts) for project, facts in acts],
        at=timezone.now(),
    )
