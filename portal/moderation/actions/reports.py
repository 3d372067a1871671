"""Actions that change nothing but what people know."""

from collections.abc import Collection
from datetime import datetime

from portal.accounts.models import User
from portal.ledger.services import record
from portal.moderation.actions.base import Action, Effects, counted
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
    """Who reported it is shown to the owners of the project, and to moderators."""

    name = ActionName.REVEAL_REPORTER
    way_back = "There is no way back: what people have seen cannot be taken back."

    def fits(self, case: Case) -> bool:
        return case.reports.filter(reporter__isnull=False, revealed_at=None).exists()

    def will(self, case: Case, *, at: datetime) -> list[str]:
        shown, seeing = len(reporters_of(case)), len(owners_of(case, at=at))
        return [
            (
                f"The name of {counted(shown, 'person', 'people')} who reported it will be shown to"
                f" {counted(seeing, 'person', 'people')} whom the case concerns; those named are"
                " told."
            )
        ]

    def carry_out(self, decision: Decision, *, at: datetime) -> Effects:
        hidden = Report.objects.filter(case=decision.case, reporter__isnull=False, revealed_at=None)
        facts = {
            "decision": str(decision.pk),
            "reports": [str(pk) for pk in hidden.values_list("pk", flat=True)],
        }
        hidden.update(revealed_at=at)
        project = decision.case.project.name
        record(actor=PART, verb="reporters-revealed", project=project, facts=facts, at=at)
        return {"reports": facts["reports"]}
