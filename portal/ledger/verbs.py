"""What entries say, in words, and how much of it the public sees. Pure.

People act under names that only a project's owners see. Of facts the public sees those listed
here; of a verb that is not listed it sees that it happened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MACHINES = frozenset({"builds", "indexes", "portal"})
"""Actors that are parts of the machine; any other is a person."""
SOMEBODY = "a person"
_MACHINES_IN_WORDS = {"builds": "the farm", "indexes": "the index", "portal": ""}


@dataclass(frozen=True, slots=True)
class Verb:
    words: str
    public: tuple[str, ...] = ()
    """Names of the facts that everybody sees."""


_RELEASE = ("build", "version", "target")
_HELD = ("ground", "builds_cancelled", "files_withheld")
_SCOPE = ("specifiers", "targets", "channels", "expires_at")

VERBS: Mapping[str, Verb] = {
    "account-banned": Verb("an account was banned"),
    "account-unbanned": Verb("the ban of an account was lifted"),
    "appeal-answered": Verb("an appeal was answered", ("is_granted",)),
    "appeal-made": Verb("somebody appealed"),
    "build-ended": Verb("a build ended", (*_RELEASE, "state", "outcome")),
    "build-queued": Verb("a build was queued", (*_RELEASE, "sdist_sha256")),
    "build-started": Verb("a build was started", (*_RELEASE, "attempt", "builder")),
    "case-assigned": Verb("a case was given to a moderator"),
    "case-closed": Verb("a case was closed"),
    "case-decided": Verb("moderators decided", ("action",)),
    "case-reported": Verb("something was reported"),
    "consent-given": Verb(
        "consent was given",
        (
            "capacity",
            "agreements",
            "covers_new_releases",
            "asked_by",
            "from_file",
            "licence_expression",
            "licence_chosen",
            "files_withheld",
            *_SCOPE,
        ),
    ),
    "consent-revoked": Verb(
        "consent was taken back",
        ("afterwards", "permits", "builds_cancelled", "files_withdrawn", "files_kept"),
    ),
    "consents-held": Verb("moderators decided to suspend consents", ("is_whole",)),
    "consents-released": Verb("moderators ended a decision to suspend consents"),
    "decision-approved": Verb("a second moderator approved a decision", ("action",)),
    "decision-carried-out": Verb("a decision of moderators was carried out", ("action",)),
    "decision-dropped": Verb("a decision of moderators was dropped", ("action",)),
    "decision-undone": Verb("a decision of moderators was undone", ("action",)),
    "evidence-added": Verb("evidence was added to a case"),
    "file-compared": Verb("a wheel was built again, to compare", ("filename", "is_reproducible")),
    "file-published": Verb("a wheel was published", ("filename", "sha256", "build")),
    "file-unyanked": Verb("a yank of ours was taken back", ("filename",)),
    "file-yanked": Verb("a wheel was yanked here", ("filename", "reason", "rebuild")),
    "files-decided": Verb("a standing of wheels was decided", ("filenames", "decision", "reason")),
    "files-withheld": Verb(
        "wheels were taken off the pages for now, or put back", ("filenames", "reason")
    ),
    "index-changed": Verb("an index of an organisation was changed"),
    "index-created": Verb("an index of an organisation was made"),
    "index-deleted": Verb("an index of an organisation was deleted"),
    "invitation-declined": Verb("an invitation was declined"),
    "invitation-revoked": Verb("an invitation was taken back"),
    "member-added": Verb("somebody joined an organisation"),
    "member-invited": Verb("somebody was invited to an organisation"),
    "member-removed": Verb("somebody left an organisation"),
    "member-role-changed": Verb("the role of a member was changed"),
    "organisation-created": Verb("an organisation was made"),
    "permit-issued": Verb("a permit was issued", _SCOPE),
    "permit-revoked": Verb("a permit was taken back"),
    "project-renamed": Verb("upstream writes the name another way", ("before", "after")),
    "project-status-changed": Verb("the project's status changed upstream", ("before", "after")),
    "project-unverified": Verb("upstream could not be checked for too long", ("verified_at",)),
    "project-verified": Verb("upstream answered again"),
    "proof-expired": Verb("a proof of ownership ran out", ("method",)),
    "proof-pending": Verb("a proof of ownership was begun", ("method",)),
    "proof-proven": Verb("ownership was proven", ("method", "is_for_development")),
    "proof-refused": Verb("a proof of ownership was refused", ("method",)),
    "proof-lapsed": Verb("a proof of ownership does not hold any more", ("method",)),
    "quotas-set": Verb("what an organisation may use was set"),
    "reader-token-issued": Verb("a token to read an organisation's indexes was made"),
    "reader-token-revoked": Verb("a token to read an organisation's indexes was revoked"),
    "recipe-changed": Verb("the recipe was changed", ("version", "in_force", "reason")),
    "release-unyanked": Verb("upstream took a yank back", ("version",)),
    "release-yanked": Verb("upstream yanked a release", ("version", "reason")),
    "releases-added": Verb("upstream has new releases", ("versions",)),
    "releases-cleared": Verb("upstream lists releases again", ("versions",)),
    "releases-quarantined": Verb("upstream lists no file of releases", ("versions",)),
    "releases-removed": Verb("upstream has releases no more", ("versions",)),
    "replayed": Verb("failures were made to run again", ("cause", "subject", "builds")),
    "reporters-revealed": Verb("who reported something was shown to the owners"),
    "request-made": Verb("wheels were asked for", ("specifiers", "targets")),
    "roles-changed": Verb("who has a role upstream changed"),
    "rule-added": Verb("a rule of diagnosis was added", ("rule",)),
    "rule-retired": Verb("a rule of diagnosis was retired", ("rule",)),
    "standing-changed": Verb(
        "the standing of a wheel changed", ("filename", "before", "after", "reason")
    ),
    "token-issued": Verb("a token was made"),
    "token-revoked": Verb("a token was revoked"),
    "consent-approved": Verb("a co-owner said yes to a consent"),
    "consent-expired": Verb(
        "a consent ended by its date", ("expires_at", "builds_cancelled", "files_withheld")
    ),
    "consent-expiring": Verb("a consent is about to end", ("expires_at",)),
    "consent-held": Verb("moderators suspended a consent", _HELD),
    "consent-in-force": Verb("enough owners said yes to a consent", ("state",)),
    "consent-objected": Verb("a co-owner objected to a consent", _HELD),
    "consent-paused": Verb("a consent was paused", _HELD),
    "consent-released": Verb("moderators ended the suspension of a consent", ("state",)),
    "consent-restored": Verb("the proof of a consent held again", ("state",)),
    "consent-resumed": Verb("a pause of a consent ended", ("state",)),
    "consent-suspended": Verb("a consent was suspended", _HELD),
    "consent-waiting": Verb("a consent waits for more of the owners", ("ground",)),
    "delegation-ended": Verb("somebody acts for an owner no longer"),
    "delegation-given": Verb("an owner named somebody to act", ("tasks",)),
    "letter-failed": Verb("the letter to the project's address could not be sent"),
    "letter-sent": Verb("the project's address was written to"),
    "objection-ended": Verb("an objection was taken back", ("state",)),
    "objection-overruled": Verb("moderators overruled an objection", ("state",)),
    "objection-restored": Verb("an objection that was overruled stands again", _HELD),
    "pause-link-failed": Verb("the link to pause could not be sent"),
    "pause-link-sent": Verb("a link to pause was sent to the project's address"),
    "pause-requested": Verb("the project's address asked to pause", ("paused",)),
    "refusal-ended": Verb("an owner lets people ask again"),
    "refused": Verb("an owner said no, and not to ask again"),
    "source-kept": Verb("a source distribution was kept", ("filename", "sha256")),
    "threshold-set": Verb("an owner said how many must agree", ("in_force",)),
    "wheels-unlisted": Verb(
        "an owner took wheels off the index that had stayed listed", ("files_withdrawn",)
    ),
}


def words_of(verb: str) -> str:
    known = VERBS.get(verb)
    return known.words if known else verb.replace("-", " ")


def actor_in_words(actor: str) -> str:
    """Who acted, as a page says it; empty where the act is all that is told.

    >>> actor_in_words("builds"), actor_in_words("ada"), actor_in_words("portal")
    ('the farm', 'ada', '')
    """
    return _MACHINES_IN_WORDS.get(actor, actor)


def public_actor(actor: str) -> str:
    """Who acted, as everybody is told.

    >>> public_actor("builds"), public_actor("ada")
    ('builds', 'a person')
    """
    return actor if actor in MACHINES else SOMEBODY


def public_facts(verb: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What everybody is told of an act.

    >>> public_facts("proof-proven", {"method": "release-challenge", "user": "ada"})
    {'method': 'release-challenge'}
    """
    known = VERBS.get(verb)
    return {name: facts[name] for name in known.public if name in facts} if known else {}
