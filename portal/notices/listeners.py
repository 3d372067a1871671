"""What is recorded in the ledger, told to whom it concerns in the same transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.dispatch import receiver

from builds.domain.states import BuildState
from builds.models import Build
from indexes.models import File, Project
from portal.accounts.models import User
from portal.consent.services import live_consents
from portal.ledger.models import Entry
from portal.ledger.signals import recorded
from portal.notices.kinds import Kind
from portal.notices.services import notify
from portal.ownership.announcements import Announcement, Topic
from portal.ownership.owners import owners_of
from portal.ownership.signals import announced


@receiver(recorded)
def acts_were_recorded(entries: Sequence[Entry], **_kwargs: Any) -> None:
    for entry in entries:
        tell = _TELLERS.get(entry.verb)
        if tell:
            tell(entry)


@receiver(announced)
def ground_was_lost_or_found(announcement: Announcement, **_kwargs: Any) -> None:
    """Told by itself: whose proof has lapsed is no owner any more, and is to hear of it."""
    notify(
        kind=_KINDS_OF_TOPICS[announcement.topic],
        project=announcement.project,
        about={**announcement.facts, "message": announcement.text},
        people=announcement.people,
        at=announcement.at,
    )


def _consent_asked(entry: Entry) -> None:
    """Once of each person who asks, however many wishes they have."""
    project = _project(entry)
    if live_consents(project, at=entry.at).exists():
        return
    asking = User.objects.get(username=entry.actor)
    notify(
        kind=Kind.CONSENT_ASKED,
        project=project,
        about={"request": entry.facts.get("request")},
        people=owners_of(project, at=entry.at).exclude(pk=asking.pk),
        event=f"petition of {asking.pk} for {project.pk}",
        at=entry.at,
    )


def _consent_given(entry: Entry) -> None:
    needed = entry.facts.get("owners_needed", 1)
    waits = (
        f"It waits until {needed} of the project's owners have said yes. If you are one, it is your"
        " turn: read it, then approve of it or object to it."
    )
    sentences = [waits if needed > 1 else "", _of_wheels(entry.facts.get("files_withheld", 0))]
    _tell_of_consent(Kind.CONSENT_GIVEN, entry, message=" ".join(filter(None, sentences)))


def _consent_revoked(entry: Entry) -> None:
    message = _of_wheels(entry.facts.get("files_withdrawn", 0))
    if kept := entry.facts.get("files_kept", 0):
        message = (
            f"Wheels that stay listed by the word of who took it back: {kept}, until an owner takes"
            " them off on its page."
        )
    reason = entry.facts.get("reason", "")
    _tell_of_consent(Kind.CONSENT_REVOKED, entry, message=message, reason=reason)


def _of_wheels(left: int) -> str:
    if not left:
        return ""
    return f"Wheels that left the listings: {left}. Lock files that name them still resolve."


def _tell_of_consent(kind: Kind, entry: Entry, **for_owners: Any) -> None:
    """Owners and who gave it, with what is theirs to know; then who asked for wheels."""
    project, about = _project(entry), {"consent": entry.facts["consent"]}
    active = User.objects.filter(is_active=True)
    owners = owners_of(project, at=entry.at) | active.filter(consents=entry.facts["consent"])
    _tell(kind, entry, project, owners, about | for_owners)
    # Nobody is told of one event twice.
    _tell(kind, entry, project, active.filter(requests__project=project), about)


def _build_ended(entry: Entry) -> None:
    kind = {
        BuildState.PUBLISHED.value: Kind.BUILD_FINISHED,
        BuildState.FAILED.value: Kind.BUILD_FAILED,
    }.get(entry.facts.get("state"))
    if kind is None:
        return
    build = Build.objects.select_related("project").get(pk=entry.facts["build"])
    concerned = owners_of(build.project, at=entry.at) | User.objects.filter(
        is_active=True, requests__builds=build
    )
    about = {
        "build": str(build.pk),
        "version": build.version,
        "target": build.target,
        "filename": build.filename,
        "outcome": build.outcome,
        "message": build.message,
    }
    _tell(kind, entry, build.project, concerned, about)


def _release_yanked(entry: Entry) -> None:
    project, version = _project(entry), entry.facts["version"]
    if not File.objects.filter(project=project, version=version).exists():
        return
    concerned = owners_of(project, at=entry.at) | User.objects.filter(
        is_active=True, requests__builds__project=project, requests__builds__version=version
    )
    about = {"version": version, "reason": entry.facts["reason"]}
    _tell(Kind.YANK_MIRRORED, entry, project, concerned, about)


def _tell(
    kind: Kind, entry: Entry, project: Project, people: Iterable[User], about: Mapping[str, Any]
) -> None:
    notify(
        kind=kind,
        project=project,
        about=about,
        people=people,
        event=f"entry {entry.pk}",
        at=entry.at,
    )


def _project(entry: Entry) -> Project:
    return Project.objects.get(name=entry.project)


_TELLERS: Mapping[str, Callable[[Entry], None]] = {
    "build-ended": _build_ended,
    "consent-given": _consent_given,
    "consent-revoked": _consent_revoked,
    "release-yanked": _release_yanked,
    "request-made": _consent_asked,
}
_KINDS_OF_TOPICS: Mapping[Topic, Kind] = {
    Topic.PROOF_LAPSING: Kind.PROOF_LAPSING,
    Topic.PROOF_LAPSED: Kind.PROOF_LAPSED,
    Topic.PROOF_RESTORED: Kind.PROOF_RESTORED,
    Topic.CONSENT_SUSPENDED: Kind.CONSENT_SUSPENDED,
    Topic.CONSENT_RESTORED: Kind.CONSENT_RESTORED,
}
