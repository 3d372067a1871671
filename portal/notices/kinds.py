"""What people are told of, how, and in which words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from portal.target_names import target_in_words


class Kind(StrEnum):
    CONSENT_ASKED = "consent-asked"
    CONSENT_GIVEN = "consent-given"
    CONSENT_OBJECTED = "consent-objected"
    CONSENT_SUSPENDED = "consent-suspended"
    CONSENT_RESTORED = "consent-restored"
    CONSENT_EXPIRING = "consent-expiring"
    CONSENT_REVOKED = "consent-revoked"
    BUILD_FINISHED = "build-finished"
    BUILD_FAILED = "build-failed"
    YANK_MIRRORED = "yank-mirrored"
    PROOF_LAPSING = "proof-lapsing"
    PROOF_LAPSED = "proof-lapsed"
    PROOF_RESTORED = "proof-restored"
    MODERATED = "moderated"

    @property
    def label(self) -> str:
        return _LABELS[self]


class Channel(StrEnum):
    IN_APP = "in-app"
    EMAIL = "email"
    WEBHOOK = "webhook"

    @property
    def label(self) -> str:
        return {Channel.IN_APP: "Here", Channel.EMAIL: "E-mail", Channel.WEBHOOK: "Webhooks"}[self]


_LABELS: Mapping[Kind, str] = {
    Kind.CONSENT_ASKED: "People ask for your project's consent",
    Kind.CONSENT_GIVEN: "A consent is given",
    Kind.CONSENT_OBJECTED: "A co-owner objects",
    Kind.CONSENT_SUSPENDED: "A consent is suspended",
    Kind.CONSENT_RESTORED: "A consent holds again",
    Kind.CONSENT_EXPIRING: "A consent ends soon",
    Kind.CONSENT_REVOKED: "A consent is taken back",
    Kind.BUILD_FINISHED: "A build has finished",
    Kind.BUILD_FAILED: "A build has failed",
    Kind.YANK_MIRRORED: "A yank upstream was followed",
    Kind.PROOF_LAPSING: "A proof of yours is about to lapse",
    Kind.PROOF_LAPSED: "A proof no longer holds",
    Kind.PROOF_RESTORED: "A proof holds again",
    Kind.MODERATED: "Moderators decide something that concerns you",
}
_NOT_MAILED = frozenset({Kind.BUILD_FINISHED, Kind.BUILD_FAILED})
"""A request can come to a hundred builds."""


def is_on_by_default(kind: Kind, channel: Channel) -> bool:
    """Whether people who chose nothing hear of it so.

    >>> is_on_by_default(Kind.BUILD_FAILED, Channel.EMAIL)
    False
    """
    return channel is not Channel.EMAIL or kind not in _NOT_MAILED


@dataclass(frozen=True, slots=True)
class Words:
    """A notice as a person reads it: `subject` is one line, `body` one paragraph."""

    subject: str
    body: str


def worded(kind: Kind, *, project: str, about: Mapping[str, Any]) -> Words:
    """Say it; `about` holds what `portal.notices.services.notify` was given.

    >>> worded(Kind.CONSENT_GIVEN, project="docopt", about={}).subject
    'docopt: consent was given'
    """
    subject, body = _PHRASES[kind]
    facts = _Facts({name: _in_line(value) for name, value in about.items()}, project=project)
    facts["target"] = target_in_words(facts["target"])
    sentences = [body.format_map(facts), facts["message"]]
    if facts["reason"]:
        sentences.append(f"The reason given: {facts['reason']}")
    return Words(
        subject=subject.format_map(facts),
        body=" ".join(sentence for sentence in sentences if sentence),
    )


class _Facts(dict[str, str]):
    """What is not known is left out of the sentence."""

    def __missing__(self, _name: str) -> str:
        return ""


def _in_line(value: object) -> str:
    """No line break: an e-mail's header has none (RFC 5322)."""
    return " ".join(str(value if value is not None else "").split())


_PHRASES: Mapping[Kind, tuple[str, str]] = {
    Kind.CONSENT_ASKED: (
        "{project}: people ask for wheels",
        (
            "Somebody asked for wheels of {project}, and nobody who owns it has consented. It is"
            " your turn, if you like: read what you would agree to, or leave it; nothing runs until"
            " then."
        ),
    ),
    Kind.CONSENT_GIVEN: (
        "{project}: consent was given",
        (
            "A consent for {project} was given: what it covers is built when somebody asks for it."
            " An owner can take it back at any time."
        ),
    ),
    Kind.CONSENT_OBJECTED: (
        "{project}: a co-owner objects",
        (
            "A co-owner of {project} objects to a consent for it. Nothing new is built, and its"
            " wheels are not listed, until the owners agree."
        ),
    ),
    Kind.CONSENT_SUSPENDED: (
        "{project}: consent is suspended",
        "A consent for {project} is suspended: no new build starts. Nothing was deleted.",
    ),
    Kind.CONSENT_RESTORED: (
        "{project}: consent holds again",
        "The consent for {project} that was suspended holds again.",
    ),
    Kind.CONSENT_EXPIRING: ("{project}: consent ends on {until}", ""),
    Kind.CONSENT_REVOKED: (
        "{project}: consent was taken back",
        "A consent for {project} was taken back. What it alone covered is built no longer.",
    ),
    Kind.BUILD_FINISHED: (
        "{project} {version}: a wheel is there",
        "The wheel of {project} {version} for {target} was built and published.",
    ),
    Kind.BUILD_FAILED: (
        "{project} {version}: the build failed",
        "No wheel of {project} {version} came out for {target}.",
    ),
    Kind.YANK_MIRRORED: (
        "{project} {version} was yanked",
        (
            "Upstream yanked {project} {version}, so our wheels of it are yanked too: lock files"
            " still resolve, and nobody else is given them."
        ),
    ),
    Kind.PROOF_LAPSING: ("{project}: your proof is about to lapse", ""),
    Kind.PROOF_LAPSED: (
        "{project}: a proof no longer holds",
        "What proved an owner of {project} is not there any more.",
    ),
    Kind.PROOF_RESTORED: (
        "{project}: a proof holds again",
        "What proves an owner of {project} is there again.",
    ),
    Kind.MODERATED: (
        "{project}: moderators have decided",
        "You are told because it concerns you.",
    ),
}
