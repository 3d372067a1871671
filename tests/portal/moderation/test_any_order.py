"""Moderators decide, undo and answer in any order; what they hold stays held, and nothing else."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builds.models import Permit
from indexes.models import File
from portal.accounts.models import User
from portal.audit.verify import database_mismatches
from portal.consent.models import Consent
from portal.consent.services import live_consents
from portal.errors import PortalError
from portal.moderation import services
from portal.moderation.actions.catalogue import fitting
from portal.moderation.actions.names import DESTRUCTIVE
from portal.moderation.intake import open_case
from portal.moderation.models import Appeal, Ban, Case, ConsentHold, Decision
from portal.moderation.proceedings import CaseKind
from tests.portal.people import AT, consent

ACTS = ["decide", "approve", "drop", "carry-out", "undo", "appeal", "answer"]
NEXT = {
    "open": ["decide"],
    "held": ["approve", "approve", "drop"],
    "decided": ["carry-out", "carry-out", "drop"],
    "carried-out": ["undo", "appeal"],
    "appealed": ["answer"],
    "closed": ["undo"],
}
"""What makes a case go on, tried more often than what is refused."""


def act(data: st.DataObject, case: Case, people: dict, at) -> None:
    """One act of somebody, who may not be allowed it."""
    who = data.draw(st.sampled_from(sorted(people)))
    by = people[who]
    match data.draw(st.sampled_from([*NEXT[case.state] * 4, *ACTS])):
        case "decide":
            action = data.draw(st.sampled_from([each.name.value for each in fitting(case)]))
            services.decide(case=case, by=by, action=action, reason=f"By {who}.", at=at)
        case "approve":
            services.approve(case=case, by=by, at=at)
        case "drop":
            services.drop(case=case, by=by, reason="No.", at=at)
        case "carry-out":
            services.carry_out(case=case, by=by, at=at)
        case "undo":
            services.undo(case=case, by=by, reason="No.", at=at)
        case "appeal":
            for decision in case.decisions.filter(ended_at=None):
                services.appeal(decision=decision, by=by, text="No.", at=at)
        case "answer":
            for made in Appeal.objects.filter(decision__case=case, answered_at=None):
                is_granted = data.draw(st.booleans())
                services.answer_appeal(made=made, by=by, is_granted=is_granted, text="So.", at=at)


def verify(given_: Consent, maintainer) -> None:
    """What has to hold whatever was decided."""
    is_held = ConsentHold.objects.filter(consent=given_, lifted_at=None).exists()
    live = Permit.objects.filter(origin=str(given_.pk), revoked_at=None)
    assert live.count() == (0 if is_held else 1)
    assert live_consents(given_.project, at=AT).exists() is not is_held
    assert not (is_held and File.objects.on_pages())
    maintainer.refresh_from_db()
    assert maintainer.is_active != Ban.objects.filter(lifted_at=None).exists()
    done = Decision.objects.filter(carried_out_at__isnull=False)
    assert not done.filter(action__in=[name.value for name in DESTRUCTIVE], approved_by=None)
    if not done.filter(ended_at=None):
        assert not is_held
        assert set(File.objects.values_list("standing", flat=True)) == {"listed"}
    ours = {"decision", "hold", "ban", "consent"}
    assert [one for one in database_mismatches() if one.subject.kind in ours] == []


@pytest.fixture
def people(ann, ben, cat, maintainer, stranger) -> dict[str, User]:
    return {user.username: user for user in (ann, ben, cat, maintainer, stranger)}


@given(st.data())
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_decided_the_way_back_is_whole(
    docopt, files, people: dict[str, User], data: st.DataObject
):
    maintainer, stranger = people["maintainer"], people["stranger"]
    with transaction.atomic():
        given_ = consent(maintainer, docopt)
        cases = [
            open_case(
                kind=kind, project=docopt, about=about, reported_by=stranger, text="x", at=AT
            ).case
            for kind, about in (
                (CaseKind.ABUSE_REPORT, None),
                (CaseKind.SUSPICIOUS_CONTENT, files[0]),
                (CaseKind.LICENCE_UNCLEAR, given_),
                (CaseKind.ABUSE_REPORT, maintainer),
            )
        ]
        for step in range(30):
            case = Case.objects.get(pk=data.draw(st.sampled_from(cases)).pk)
            try:
                with transaction.atomic():
                    act(data, case, people, AT + timedelta(minutes=step))
            except PortalError:
                continue
            verify(given_, maintainer)
        transaction.set_rollback(True)
    maintainer.refresh_from_db()
