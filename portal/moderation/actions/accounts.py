"""Actions on people's accounts."""

from collections.abc import Collection
from datetime import datetime

from indexes.models import Project
from portal.accounts.models import ApiToken, User
from portal.consent.facts import unended_consents
from portal.consent.models import Consent
from portal.consent.services import live_consents
from portal.ledger.services import record
from portal.moderation.actions.base import Action, Effects, counted
from portal.moderation.actions.names import ActionName
from portal.moderation.holds import PART, hold, lift, open_holds
from portal.moderation.models import Ban, Case, Decision
from portal.moderation.people import accused_of


class BanAccount(Action):
    """The account can neither sign in nor use tokens; consents that it gave are suspended."""

    name = ActionName.BAN_ACCOUNT
    way_back = "Undo it, and the account can sign in again; its tokens and consents hold again."

    def fits(self, case: Case) -> bool:
        """Accounts of staff are for the operators to close."""
        account = accused_of(case)
        return account is not None and account.is_active and not account.is_staff

    def will(self, case: Case, *, at: datetime) -> list[str]:
        account = _accused(case)
        tokens = ApiToken.objects.filter(user=account, revoked_at=None).count()
        consents = sum(
            live_consents(project, at=at).filter(user=account).count()
            for project in _projects(account)
        )
        return [
            f"{account.username} is signed out, and cannot sign in.",
            f"{counted(tokens, 'token')} for the API can do nothing.",
            (
                f"{counted(consents, 'consent')} of theirs will be suspended. Nothing new is built"
                " under it, and wheels that no other consent covers leave the listings; lock files"
                " that name them still resolve."
            ),
        ]

    def carry_out(self, decision: Decision, *, at: datetime) -> Effects:
        account = _accused(decision.case)
        ban = Ban.objects.create(account=account, decision=decision, banned_at=at)
        _record(ban, "account-banned", at=at)
        User.objects.filter(pk=account.pk).update(is_active=False)
        for project in _projects(account):
            given = unended_consents(project, at=at).filter(user=account)
            consents = list(given.order_by("given_at", "pk"))
            hold(decision, project=project, consents=consents, is_whole=False, at=at)
        return {"account": account.pk}

    def undo(self, decision: Decision, *, at: datetime) -> None:
        account = User.objects.get(pk=decision.effects["account"])
        for ban in Ban.objects.filter(decision=decision, lifted_at=None):
            Ban.objects.filter(pk=ban.pk).update(lifted_at=at)
            _record(ban, "account-unbanned", at=at)
        User.objects.filter(pk=account.pk).update(is_active=True)
        lift(open_holds().filter(decision=decision), at=at)

    def told(self, case: Case, *, at: datetime) -> Collection[User]:  # noqa: ARG002  # others need it
        return [_accused(case)]


def _record(ban: Ban, verb: str, *, at: datetime) -> None:
    """On no project: it concerns its person only."""
    facts = {"ban": ban.pk, "user": ban.account.username, "decision": str(ban.decision_id)}
    record(actor=PART, verb=verb, project="", facts=facts, at=at)


def _accused(case: Case) -> User:
    account = accused_of(case)
    assert account is not None  # noqa: S101  # it fits
    return account


def _projects(account: User) -> list[Project]:
    given = Consent.objects.filter(user=account, revocation=None)
    return list(Project.objects.filter(pk__in=given.values("project")).order_by("pk"))
