"""Actions on consents."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from builds.domain.states import LIVE
from builds.models import Build
from portal.consent.facts import unended_consents
from portal.consent.models import Consent
from portal.consent.services import live_consents
from portal.moderation.actions.base import Action, Effects, counted
from portal.moderation.actions.names import ActionName
from portal.moderation.holds import hold, lift, open_holds
from portal.moderation.models import Case, ConsentHold, Decision


class SuspendConsents(Action):
    name = ActionName.SUSPEND_CONSENTS
    way_back = "Undo it, and the consents hold again as they did; what was asked for is planned."

    def fits(self, case: Case) -> bool:  # noqa: ARG002  # it always does
        return True

    def will(self, case: Case, *, at: datetime) -> list[str]:
        project = case.project
        number = len(_of_case(live_consents(project, at=at), case))
        builds = Build.objects.filter(
            project=case.project, state__in=[state.value for state in LIVE]
        ).count()
        sentences = [
            (
                f"{counted(number, 'consent')} for {case.project} will be suspended; nothing new"
                " is built."
            ),
            (
                f"{counted(builds, 'build')} wait or run now: what no other consent covers is"
                " cancelled."
            ),
            (
                "Wheels that no other consent covers leave the listings, until it is undone; lock"
                " files that name them still resolve."
            ),
        ]
        if case.consent is None:
            sentences.append(f"No new consent for {case.project} is taken until it is undone.")
        return sentences

    def carry_out(self, decision: Decision, *, at: datetime) -> Effects:
        case = decision.case
        project = case.project
        return hold(
            decision,
            project=project,
            # Those too that do not hold now: they might again.
            consents=_of_case(unended_consents(project, at=at), case),
            is_whole=case.consent is None,
            at=at,
        )

    def undo(self, decision: Decision, *, at: datetime) -> None:
        lift(open_holds().filter(decision=decision), at=at)


class RestoreConsents(Action):
    name = ActionName.RESTORE_CONSENTS
    way_back = "Undo it, and the consents are suspended again."

    def fits(self, case: Case) -> bool:
        return bool(_holds(case))

    def will(self, case: Case, *, at: datetime) -> list[str]:  # noqa: ARG002  # others need the time
        consents = {one.consent_id for one in _holds(case) if one.consent_id}
        return [
            (
                f"{counted(len(consents), 'consent')} for {case.project} that moderators suspended"
                " will hold again, unless a proof, a ban or another suspension stands against it."
            ),
        ]

    def carry_out(self, decision: Decision, *, at: datetime) -> Effects:
        holds = list(_holds(decision.case))
        lift(holds, at=at)
        return {"holds": [one.pk for one in holds]}

    def undo(self, decision: Decision, *, at: datetime) -> None:
        """Again under the decisions that they were of."""
        lifted = ConsentHold.objects.filter(pk__in=decision.effects["holds"])
        for one in lifted.select_related("decision__case", "project", "consent__project"):
            is_banned = one.decision.action == ActionName.BAN_ACCOUNT
            if one.decision.ended_at is None and not is_banned:
                hold(
                    one.decision,
                    project=one.project,
                    consents=[one.consent] if one.consent else [],
                    is_whole=one.consent is None,
                    at=at,
                )


def _of_case(consents: QuerySet[Consent], case: Case) -> Sequence[Consent]:
    if case.consent_id:
        consents = consents.filter(pk=case.consent_id)
    return list(consents.order_by("given_at", "pk"))


def _holds(case: Case) -> Sequence[ConsentHold]:
    """Those of the case's project or consent; who is banned stays so."""
    holds = open_holds().filter(project=case.project)
    if case.consent_id:
        holds = holds.filter(consent=case.consent_id)
    return list(holds.exclude(decision__action=ActionName.BAN_ACCOUNT.value))
