"""Actions that change nothing but what people know."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from portal.accounts.models import User
from portal.ledger.services import record
from portal.moderation.actions.base import Action, Effects, counted, decided_at
from portal.moderation.actions.names import ActionName
from portal.moderation.holds import PART
from portal.moderation.models import Case, Decision, Report
from portal.moderation.people import owners_of, reporters_of


class Dismiss(Action):
    name = ActionName.DISMISS
    way_back = "Undo it, and the case is open again."

    def fits(self, case: Case) -> bool:  # noqa: ARG002  # it always does
        return True

    def will(self, case: Case, *, at: datetime) -> list[str]:  # noqa: ARG002  # others need the time
        number = len(reporters_of(case))
        return [
            f"Nothing changes. {counted(number, 'person', 'people')} who reported it will be told."
        ]

    def carry_out(self, decision: Decision, *, at: datetime) -> Effects:  # noqa: ARG002  # as above
        return {}

    def told(self, case: Case, *, at: datetime) -> Collection[User]:  # noqa: ARG002  # as above
        return []


class RevealReporter(Action):
    """Who reported it is shown to the owners of the project, and to moderators.

    Only of reports that were there when it was decided: who joins the case while that is held
    was judged by nobody.
    """

    name = ActionName.REVEAL_REPORTER
    way_back = "There is no way back: what people have seen cannot be taken back."

    def fits(self, case: Case) -> bool:
        return _hidden(case).exists()

    def will(self, case: Case, *, at: datetime) -> list[str]:
        shown = _hidden(case).values("reporter").distinct().order_by().count()
        seeing = len(owners_of(case, at=at))
        return [
            (
                f"The name of {counted(shown, 'person', 'people')} who reported it will be shown to"
                f" {counted(seeing, 'person', 'people')} whom the case concerns; those named are"
                " told."
            )
        ]

    def carry_out(self, decision: Decision, *, at: datetime) -> Effects:
        reports = list(_hidden(decision.case).values_list("pk", flat=True))
        Report.objects.filter(pk__in=reports).update(revealed_at=at)
        facts = {"decision": str(decision.pk), "reports": [str(pk) for pk in reports]}
        project = decision.case.project.name
        record(actor=PART, verb="reporters-revealed", project=project, facts=facts, at=at)
        return {"reports": facts["reports"]}


def _hidden(case: Case) -> QuerySet[Report]:
    """Reports whose reporters it would show."""
    hidden = Report.objects.filter(case=case, reporter__isnull=False, revealed_at=None)
    decided = decided_at(case, ActionName.REVEAL_REPORTER)
    return hidden.filter(made_at__lte=decided) if decided else hidden
