"""How cases come to be: reported from a page, found by staff, or noticed by the machine."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import QuerySet

from indexes.models import File, Project
from portal.accounts.models import User
from portal.budgets import is_within_budget
from portal.consent.models import Consent
from portal.errors import InvalidReport, TooManyReports
from portal.ledger.services import record
from portal.moderation.models import Case, Report
from portal.moderation.proceedings import DUE_WITHIN, UNDECIDED, CaseKind

REPORTABLE = (
    CaseKind.SUSPICIOUS_CONTENT,
    CaseKind.LICENCE_UNCLEAR,
    CaseKind.DISPUTED_OWNERSHIP,
    CaseKind.TAKEDOWN_DEMAND,
    CaseKind.ABUSE_REPORT,
)
"""What people can report; the other kinds come from the machine and from staff."""
TEXT_LENGTH = 4000

_SIGNER = Signer(salt="portal.moderation.report")

type About = File | Consent | User | None
"""One thing that a case is about; None for the project as a whole."""


@transaction.atomic
def open_case(
    *,
    kind: CaseKind,
    project: Project,
    about: About,
    reported_by: User | None,
    text: str,
    at: datetime,
) -> Report:
    """Have moderators look at something; who reports what others did joins their case.

    Raises `InvalidReport` for a text that is empty or too long.
    """
    text = text.strip()
    if not text or len(text) > TEXT_LENGTH:
        problem = f"say what is wrong, in at most {TEXT_LENGTH:,} characters."
        raise InvalidReport(str(about or project), problem)
    project = Project.objects.select_for_update().get(pk=project.pk)
    case = _undecided(kind, project, about) or _open(kind, project, about, at=at)
    report = Report.objects.create(case=case, reporter=reported_by, text=text, made_at=at)
    record(
        actor="portal",
        verb="case-reported",
        project=project.name,
        # Not who: the project's owners read this.
        facts={
            "case": str(case.pk),
            "report": str(report.pk),
            "kind": kind.value,
            "file": case.file.filename if case.file else None,
            "consent": str(case.consent.pk) if case.consent else None,
            "is_about_account": case.account is not None,
            "state": case.state,
            "assignee": case.assignee.username if case.assignee else None,
        },
        at=at,
    )
    return report


def report_something(
    *,
    kind: str,
    project: Project,
    about: File | Consent | None,
    reported_by: User | None,
    text: str,
    at: datetime,
) -> Report:
    """Open a case for a person, signed in or not.

    Visitors share one budget of reports, and each person who is signed in has one of their own.
    Raises `InvalidReport`, `TooManyReports`.
    """
    what = str(about or project)
    if kind not in {each.value for each in REPORTABLE}:
        known = ", ".join(each.value for each in REPORTABLE)
        raise InvalidReport(what, f"say what kind it is, one of {known}.")
    is_within = is_within_budget(
        "reports",
        by=reported_by,
        each=settings.AFFINEUR_REPORTS_PER_HOUR,
        visitors=settings.AFFINEUR_REPORTS_OF_VISITORS_PER_HOUR,
        seconds=3600,
        at=at,
    )
    if not is_within:
        raise TooManyReports(what, is_signed_in=reported_by is not None)
    return open_case(
        kind=CaseKind(kind),
        project=project,
        about=about,
        reported_by=reported_by,
        text=text,
        at=at,
    )


def reports_of(person: User) -> QuerySet[Report]:
    """A person's own, newest first."""
    reports = Report.objects.filter(reporter=person)
    return reports.select_related(
        "case__project", "case__file", "case__account", "case__consent"
    ).order_by("-made_at", "pk")


def receipt_of(report: Report) -> str:
    """What lets who sent a report look where it stands, without a sign-in."""
    return _SIGNER.sign(str(report.pk))


def report_of_receipt(receipt: str) -> Report | None:
    try:
        pk = UUID(_SIGNER.unsign(receipt))
    except (BadSignature, ValueError):
        return None
    return Report.objects.select_related("case").filter(pk=pk).first()


def _undecided(kind: CaseKind, project: Project, about: About) -> Case | None:
    return Case.objects.filter(
        kind=kind.value,
        state__in=[state.value for state in UNDECIDED],
        project=project,
        **_columns(about),
    ).first()


def _open(kind: CaseKind, project: Project, about: About, *, at: datetime) -> Case:
    return Case.objects.create(
        kind=kind.value,
        project=project,
        opened_at=at,
        due_at=at + DUE_WITHIN[kind],
        **_columns(about),
    )


def _columns(about: About) -> dict[str, File | Consent | User | None]:
    return {
        "file": about if isinstance(about, File) else None,
        "consent": about if isinstance(about, Consent) else None,
        "account": about if isinstance(about, User) else None,
    }
