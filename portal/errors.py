"""Expected errors of the portal; `code` is stable, facts are attributes.

A message names the project, says whose turn it is and what to do.
"""

from collections.abc import Sequence
from datetime import datetime


class PortalError(Exception):
    """Base of what can be expected to go wrong between people and the portal."""

    code = "portal-error"


class AppendOnly(PortalError):
    """A row that is written once was about to be changed or deleted."""

    code = "append-only"

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"A {what} is written once: it is neither changed nor deleted.")


# Accounts.


class DevelopmentOnly(PortalError):
    code = "development-only"

    def __init__(self, act: str) -> None:
        self.act = act
        super().__init__(
            f"{act} is possible on a development deployment only, and this is none:"
            " sign in with one of the ways on the sign-in page."
        )


class InvalidUsername(PortalError):
    code = "invalid-username"

    def __init__(self, username: str) -> None:
        self.username = username
        super().__init__(
            f"{username[:150]!r} is no username: write at most 150 letters, digits and @/./+/-/_."
        )


class UsernameTaken(PortalError):
    """A development sign-in must not open an account that somebody made otherwise."""

    code = "username-taken"

    def __init__(self, username: str) -> None:
        self.username = username
        super().__init__(
            f"{username!r} is an account that was not made by the development sign-in:"
            " choose another name, or sign in to it the way it was made."
        )


class UnknownScope(PortalError):
    code = "unknown-scope"

    def __init__(self, scopes: Sequence[str], known: Sequence[str]) -> None:
        self.scopes = list(scopes)
        self.known = list(known)
        asked = ", ".join(scopes) or "no scope at all"
        super().__init__(f"A token cannot have {asked}: choose of {', '.join(known)}.")


class InvalidToken(PortalError):
    """What was asked of a new token cannot be."""

    code = "invalid-token"

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"No token was made: {problem}.")


# Projects.


class TooManyLookups(PortalError):
    """Upstream was asked for enough unknown names for now."""

    code = "too-many-lookups"

    def __init__(self, project: str, *, is_signed_in: bool) -> None:
        self.project = project
        what_to_do = (
            "try again in a minute."
            if is_signed_in
            else "try again in a minute, or sign in: who is signed in does not share in that."
        )
        super().__init__(
            f"We have never seen {project}, and asked upstream for too many such names within"
            f" this minute: {what_to_do}"
        )


# Ownership.


class UnknownProofMethod(PortalError):
    code = "unknown-proof-method"

    def __init__(self, method: str, known: Sequence[str]) -> None:
        self.method = method
        self.known = list(known)
        super().__init__(f"There is no proof by {method[:64]!r}: choose of {', '.join(known)}.")


class ProofFactMissing(PortalError):
    """A method was not told what it has to be told."""

    code = "proof-fact-missing"

    def __init__(self, method: str, fact: str, question: str) -> None:
        self.method = method
        self.fact = fact
        super().__init__(f"A proof by {method} needs `{fact}`: {question}")


class AdministratorNeeded(PortalError):
    code = "administrator-needed"

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            f"Who owns {project} is reviewed by administrators of this deployment, signed in"
            " with a second factor: ask one, or prove it yourself by a release challenge."
        )


class AnotherAdministratorNeeded(PortalError):
    """A review takes two people, and neither of them is who gains by it."""

    code = "another-administrator-needed"

    def __init__(self, project: str, username: str) -> None:
        self.project = project
        self.username = username
        super().__init__(
            f"A review of who owns {project} takes two administrators besides the person it is"
            f" about, and {username} is one of these already: it is another one's turn."
        )


class CheckedJustNow(PortalError):
    code = "checked-just-now"

    def __init__(self, project: str, seconds: int) -> None:
        self.project = project
        self.seconds = seconds
        super().__init__(
            f"We looked for your proof for {project} a moment ago, or are looking now:"
            f" try again in {seconds} seconds."
        )


class EvidenceUnreachable(PortalError):
    """Somebody whom we ask for evidence did not answer: nothing is decided by that."""

    code = "evidence-unreachable"

    def __init__(self, what: str, problem: str) -> None:
        self.what = what
        self.problem = problem
        super().__init__(
            f"We could not look at {what} ({problem}), so nothing is decided yet."
            " It is not your turn: try again in a few minutes."
        )


class ProofMethodClosed(PortalError):
    """Here nobody can prove anything that way."""

    code = "proof-method-closed"

    def __init__(self, project: str, method: str, reason: str) -> None:
        self.project = project
        self.method = method
        self.reason = reason
        super().__init__(
            f"{project} cannot be proven by {method} here: {reason} Choose another way."
        )


class ProofNeeded(PortalError):
    """`have` are the methods that count already, `would_do` what beside them would be enough."""

    code = "proof-needed"

    def __init__(
        self, project: str, *, have: Sequence[str] = (), would_do: Sequence[Sequence[str]] = ()
    ) -> None:
        self.project = project
        self.have = list(have)
        self.would_do = [list(methods) for methods in would_do]
        seen = (
            f"What you have proven of {project} ({', '.join(have)}) is not enough by itself."
            if have
            else f"Nothing shows yet that you may speak for {project}."
        )
        ways = "; or ".join(" with ".join(methods) for methods in self.would_do)
        advice = f" Enough would be: {ways}." if ways else ""
        super().__init__(f"{seen} It is your turn: prove it first, then come back.{advice}")


# Notices.


class InvalidWebhook(PortalError):
    code = "invalid-webhook"

    def __init__(self, url: str, problem: str) -> None:
        self.url = url
        self.problem = problem
        super().__init__(f"Nothing can be sent to {url[:200]!r}: {problem}.")


class NothingToReplay(PortalError):
    """A delivery that still waits, or whose webhook has ended."""

    code = "nothing-to-replay"

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            f"This notice about {project} is not sent again: it waits to be sent, or its webhook"
            " was ended."
        )


class UnsubscribeInvalid(PortalError):
    code = "unsubscribe-invalid"

    def __init__(self) -> None:
        super().__init__(
            "This link is not one of ours, or was cut short: copy all of it from the e-mail, or"
            " sign in and choose what you are told of."
        )


# Consent.


class UnknownAgreement(PortalError):
    code = "unknown-agreement"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is no agreement {name[:64]!r}: reload the page and read again.")


class AgreementNotAccepted(PortalError):
    """`missing` are the clauses left open; all of them when the text was not shown at all."""

    code = "agreement-not-accepted"

    def __init__(self, project: str, agreement: str, missing: Sequence[str]) -> None:
        self.project = project
        self.agreement = agreement
        self.missing = list(missing)
        super().__init__(
            f"No consent for {project}: of the agreement {agreement} these clauses were not"
            f" accepted: {', '.join(missing)}. Accept each, or leave it; nothing runs until then."
        )


class AgreementChanged(PortalError):
    """What was accepted is not the text as it stands now."""

    code = "agreement-changed"

    def __init__(self, project: str, agreement: str, sha256: str, current_sha256: str) -> None:
        self.project = project
        self.agreement = agreement
        self.sha256 = sha256
        self.current_sha256 = current_sha256
        super().__init__(
            f"No consent for {project}: the agreement {agreement} has another text than the one"
            " you accepted. Read the current one, and accept that."
        )


class InvalidConsent(PortalError):
    """A scope that means nothing, or can never hold."""

    code = "invalid-consent"

    def __init__(self, project: str, field: str, problem: str) -> None:
        self.project = project
        self.field = field
        self.problem = problem
        super().__init__(f"No consent for {project}: {problem}")


class LicenceNeeded(PortalError):
    code = "licence-needed"

    def __init__(self, project: str, given: str) -> None:
        self.project = project
        self.given = given
        said = f"{given[:255]!r} is no SPDX licence expression" if given else "no licence is given"
        super().__init__(
            f"Wheels of {project} can be published only under its licence, and {said}:"
            " write an expression such as MIT or GPL-2.0-or-later."
        )


class ConsentNeeded(PortalError):
    """Nothing of the project is built, so there is nothing to say about its builds."""

    code = "consent-needed"

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            f"No consent for {project} holds, so nothing of it is built."
            " It is your turn: give a consent first, then come back."
        )


class ConsentEnded(PortalError):
    code = "consent-ended"

    def __init__(self, project: str, revoked_at: datetime) -> None:
        self.project = project
        self.revoked_at = revoked_at
        super().__init__(
            f"This consent for {project} was already taken back on"
            f" {revoked_at:%Y-%m-%d %H:%M} UTC. Nothing is left to do."
        )


class ConsentStands(PortalError):
    """It is in a state in which this cannot be done to it."""

    code = "consent-state"

    def __init__(self, project: str, state: str) -> None:
        self.project = project
        self.state = state
        super().__init__(
            f"A consent for {project} is {state}, so this cannot be done to it now."
            " Look at its page to see where it stands."
        )


class NotYourConsent(PortalError):
    """`act` is what somebody wanted to do to it."""

    code = "not-your-consent"

    def __init__(self, project: str, act: str = "revoke") -> None:
        self.project = project
        self.act = act
        super().__init__(
            f"{_WHO_MAY.get(act, _WHO_MAY['revoke']).format(project=project)}: prove that you own"
            " it first."
        )


_WHO_MAY = {
    "approve": "A consent for {project} is approved by another proven owner",
    "ask": "A no for {project} is taken back by who said it, and by nobody else",
    "delegate": "Who may act for {project} is said by its proven owners",
    "object": "A consent for {project} is objected to by another proven owner",
    "pause": "A consent for {project} is paused by a proven owner, or by somebody they named",
    "relent": "An objection to a consent for {project} is taken back by who made it",
    "rescope": "The scope of a consent for {project} is changed by who gave it",
    "resume": "A pause of the consent for {project} is ended by a proven owner",
    "revoke": "A consent for {project} is taken back by who gave it or by another proven owner",
}


class LicenceRefused(PortalError):
    """We cannot do what the licence asks of who publishes."""

    code = "licence-refused"

    def __init__(self, project: str, expression: str, reason: str) -> None:
        self.project = project
        self.expression = expression
        self.reason = reason
        super().__init__(
            f"Wheels of {project} cannot be published here under {expression}: {reason}."
            " It is your turn: consent to building alone, or name the licence by its SPDX name."
        )


class ModificationNotAccepted(PortalError):
    """A recipe changes what a build is given, and no live consent allows that."""

    code = "modification-not-accepted"

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            f"No consent for {project} that holds accepts the agreement on repairing and patching,"
            " so its recipe stays as it is. It is an owner's turn: consent to the texts of today."
        )


class RefusalStands(PortalError):
    """An owner said no, and not to ask again: who that is concerns co-owners alone."""

    code = "refusal-stands"

    def __init__(self, project: str, username: str, said_at: datetime) -> None:
        self.project = project
        self.said_at = said_at
        super().__init__(
            f"{username or 'Somebody'}, who owns {project}, said no on {said_at:%Y-%m-%d}, and not"
            f" to be asked again: nothing of {project} is built here and no petition is taken. Only"
            " they can take that back. Please do not press them."
        )


class InvalidDelegation(PortalError):
    code = "invalid-delegation"

    def __init__(self, project: str, problem: str) -> None:
        self.project = project
        self.problem = problem
        super().__init__(f"Nobody was named for {project}: {problem}")


class InvalidThreshold(PortalError):
    code = "invalid-threshold"

    def __init__(self, project: str, most: int) -> None:
        self.project = project
        self.most = most
        super().__init__(
            f"How many owners of {project} have to say yes is a number from 1 to {most}, or 0 for"
            " all of them."
        )


class NoAddress(PortalError):
    """Nothing in the metadata says whom to write to."""

    code = "no-address"

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            f"The metadata of the newest release of {project} names no e-mail address, so no link"
            " can be sent. Sign in and prove that it is yours, or write to the operators of this"
            " deployment."
        )


class LinkSentJustNow(PortalError):
    code = "link-sent-just-now"

    def __init__(self, project: str, until: datetime) -> None:
        self.project = project
        self.until = until
        super().__init__(
            f"A link for {project} was sent to the address in its metadata within the last day:"
            f" look there. Another can be sent after {until:%Y-%m-%d %H:%M} UTC."
        )


class LinkInvalid(PortalError):
    code = "link-invalid"

    def __init__(self) -> None:
        super().__init__(
            "This link is none of ours, or older than a week. Have another sent on the project's"
            " page."
        )


class NoOrganisation(PortalError):
    """Upstream does not say that an organisation owns the project."""

    code = "no-organisation"

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            f"Upstream does not say that an organisation owns {project}, so there are no other"
            " projects to consent to along with it. Give a consent for it alone."
        )


class LetterNotSent(PortalError):
    """The mail server did not take it."""

    code = "letter-not-sent"

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            f"No mail could be sent for {project}: it is our turn. Try again in an hour."
        )


class ConsentsSuspended(PortalError):
    """Moderators suspended what was given, and nothing new is taken meanwhile."""

    code = "consents-suspended"

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            f"Moderators have suspended the consents for {project}, so no new one is taken now."
            " It is their turn; if you were told of their decision, you can appeal there."
        )


class ConsentObjectedTo(PortalError):
    """A co-owner objects to a consent for the project, and a new one would go round that."""

    code = "consent-objected"

    def __init__(
        self, project: str, consent: str, by: list[str], since: datetime, *, is_yours: bool
    ) -> None:
        self.project = project
        self.consent = consent
        self.by = by
        self.since = since
        self.is_yours = is_yours
        who = " and ".join(by)
        turn = (
            "It is your turn: take your objection back first, on the page of the consent that you"
            " objected to. If that one must not hold, take it back, too: as an owner you can."
            if is_yours
            else f"It is the turn of {who}, who can take that back: talk to them. If you cannot"
            " agree, report the consent as disputed ownership, and moderators decide."
        )
        super().__init__(
            f"{who} {'objects' if len(by) == 1 else 'object'} to a consent for {project}, since"
            f" {since:%Y-%m-%d %H:%M} UTC. While that stands, no new one is taken there or comes"
            " into force, whoever gives it, even after the first is over."
            f" {turn}"
        )


class NothingKept(PortalError):
    """No wheel stays listed by the word of who took the consent back."""

    code = "nothing-kept"

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            f"No wheel of {project} stays listed by the word with which this consent was taken"
            " back, so there is nothing to take off: look at the project's page for what is listed,"
            " and at the consents that let it be."
        )


class ObjectionOverruled(PortalError):
    """Moderators decided against who objects, and that stands."""

    code = "objection-overruled"

    def __init__(self, project: str, overruled_at: datetime) -> None:
        self.project = project
        self.overruled_at = overruled_at
        super().__init__(
            f"Moderators overruled your objection to this consent for {project} on"
            f" {overruled_at:%Y-%m-%d}, so you cannot object to it again. If you think that this is"
            " wrong, it is your turn: you can appeal where you were told of their decision."
        )


# Moderation.


class YankedByModerators(PortalError):
    code = "yanked-by-moderators"

    def __init__(self, project: str, filename: str) -> None:
        self.project = project
        self.filename = filename
        super().__init__(
            f"{filename} of {project} was yanked by moderators, in a case of theirs, so only they"
            " take that back. If you were told of their decision, you can appeal there."
        )


class ModeratorNeeded(PortalError):
    code = "moderator-needed"

    def __init__(self, case: str) -> None:
        self.case = case
        super().__init__(
            f"Nothing was changed in {case}: that is for moderators of this deployment, signed in"
            " with a second factor."
        )


class AnotherModeratorNeeded(PortalError):
    """Of the rule of two: who decided does not approve it, nor answer an appeal against it."""

    code = "another-moderator-needed"

    def __init__(self, case: str, act: str) -> None:
        self.case = case
        self.act = act
        super().__init__(
            f"What was decided in {case} is {act} by another moderator than those who decided it:"
            " it is their turn."
        )


class NotImpartial(PortalError):
    code = "not-impartial"

    def __init__(self, case: str) -> None:
        self.case = case
        super().__init__(
            f"You have a stake in {case}, as its reporter, as an owner of the project or because it"
            " is about you: it is another moderator's turn."
        )


class CaseNotReady(PortalError):
    """The case is not where this act begins: somebody else was quicker, or a step is missing."""

    code = "case-not-ready"

    def __init__(self, case: str, act: str, state: str) -> None:
        self.case = case
        self.act = act
        self.state = state
        super().__init__(
            f"Nothing was changed: {case} is {state.replace('-', ' ')}, so it cannot be {act} now."
            " Reload the page, and look at what happened meanwhile."
        )


class CannotBeUndone(PortalError):
    code = "cannot-be-undone"

    def __init__(self, case: str) -> None:
        self.case = case
        super().__init__(f"What was done in {case} cannot be taken back: people have seen it.")


class InvalidDecision(PortalError):
    code = "invalid-decision"

    def __init__(self, case: str, field: str, problem: str) -> None:
        self.case = case
        self.field = field
        self.problem = problem
        super().__init__(f"Nothing was decided in {case}: {problem}")


class EvidenceRefused(PortalError):
    code = "evidence-refused"

    def __init__(self, case: str, problem: str) -> None:
        self.case = case
        self.problem = problem
        super().__init__(f"Nothing was added to {case}: {problem}")


class InvalidReport(PortalError):
    code = "invalid-report"

    def __init__(self, about: str, problem: str) -> None:
        self.about = about
        self.problem = problem
        super().__init__(f"Your report on {about[:255]} was not sent: {problem}")


class TooManyReports(PortalError):
    code = "too-many-reports"

    def __init__(self, about: str, *, is_signed_in: bool) -> None:
        self.about = about
        what_to_do = (
            "try again in an hour."
            if is_signed_in
            else "try again in an hour, or sign in: who is signed in does not share in that."
        )
        super().__init__(
            f"Your report on {about[:255]} was not sent: we got too many within this hour;"
            f" {what_to_do}"
        )


class NotYoursToAppeal(PortalError):
    code = "not-yours-to-appeal"

    def __init__(self, case: str) -> None:
        self.case = case
        super().__init__(
            f"An appeal against what was decided in {case} is for the people it concerns, who"
            " were told of it: sign in as one of them."
        )


class AppealedAlready(PortalError):
    code = "appealed-already"

    def __init__(self, case: str) -> None:
        self.case = case
        super().__init__(
            f"You have appealed against what was decided in {case} already, and each person does"
            " so once. The answer is shown beside the decision."
        )


class AppealTooLate(PortalError):
    code = "appeal-too-late"

    def __init__(self, case: str) -> None:
        self.case = case
        super().__init__(
            f"The time to appeal against what was decided in {case} is over. Moderators can still"
            " undo it: write to the operators of this deployment."
        )


class InvalidAppeal(PortalError):
    code = "invalid-appeal"

    def __init__(self, case: str, problem: str) -> None:
        self.case = case
        self.problem = problem
        super().__init__(f"Your appeal in {case} was not sent: {problem}")


# Organisations.


class InvalidOrganisation(PortalError):
    """`field` is what cannot be as it was given."""

    code = "invalid-organisation"

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"Nothing was made: {problem}.")


class OrganisationTaken(PortalError):
    code = "organisation-taken"

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(f"There is an organisation {slug} already: choose another name for yours.")


class RoleNeeded(PortalError):
    """Belonging to an organisation is not enough for what was to be done there."""

    code = "role-needed"

    def __init__(self, organisation: str, act: str, roles: Sequence[str]) -> None:
        self.organisation = organisation
        self.roles = list(roles)
        super().__init__(
            f"In {organisation} this takes another role ({act.lower()}: {', '.join(roles)})."
            " It is its owners' turn: ask one of them."
        )


class UnknownRole(PortalError):
    code = "unknown-role"

    def __init__(self, role: str, known: Sequence[str]) -> None:
        self.role = role[:64]
        self.known = list(known)
        super().__init__(f"There is no role {self.role!r}: choose of {', '.join(known)}.")


class UnknownMember(PortalError):
    code = "unknown-member"

    def __init__(self, organisation: str, username: str) -> None:
        self.organisation = organisation
        self.username = username[:150]
        super().__init__(
            f"{organisation}: there is nobody here whose username is {self.username!r}. Check how"
            " it is written; who has no account yet is invited by their e-mail address."
        )


class MemberAlready(PortalError):
    code = "member-already"

    def __init__(self, organisation: str, username: str) -> None:
        self.organisation = organisation
        self.username = username
        super().__init__(
            f"{username} belongs to {organisation} already: change their role where members are"
            " listed."
        )


class InvitationOver(PortalError):
    code = "invitation-over"

    def __init__(self, organisation: str) -> None:
        self.organisation = organisation
        super().__init__(
            f"This invitation to {organisation} was answered, was taken back, or has run out, or"
            " who sent it is no owner there any more. An owner can invite you again."
        )


class TooManyInvitations(PortalError):
    code = "too-many-invitations"

    def __init__(self, organisation: str, most: int) -> None:
        self.organisation = organisation
        self.most = most
        super().__init__(
            f"Nobody was invited to {organisation}: you have sent {most} invitations within this"
            " hour. Try again in an hour."
        )


class LastOwner(PortalError):
    code = "last-owner"

    def __init__(self, organisation: str) -> None:
        self.organisation = organisation
        super().__init__(
            f"{organisation} would have no owner left, and nobody could change that. Make somebody"
            " else an owner first."
        )


# Files.


class ReasonNeeded(PortalError):
    code = "reason-needed"

    def __init__(self, filename: str, longest: int) -> None:
        self.filename = filename
        super().__init__(
            f"{filename} was not yanked: say why, in words of your own and at most {longest}"
            " characters. Installers show the reason to people."
        )


class NotYankable(PortalError):
    """Our side has decided about the file already."""

    code = "not-yankable"

    def __init__(self, project: str, filename: str, decision: str) -> None:
        self.project = project
        self.filename = filename
        self.decision = decision
        super().__init__(
            f"{filename} of {project} is {decision} by a decision of ours already: nothing was"
            " changed."
        )


class NotYankedHere(PortalError):
    code = "not-yanked-here"

    def __init__(self, project: str, filename: str) -> None:
        self.project = project
        self.filename = filename
        super().__init__(
            f"{filename} of {project} was not yanked here, so there is nothing to take back. What"
            " upstream yanks is followed, and is upstream's to take back."
        )
