"""Overruling an owner's objection to a consent: by two moderators, told, with a way back."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from indexes.domain.status import Standing
from portal.audit.verify import database_mismatches
from portal.consent.facts import consent_state
from portal.consent.models import Consent, Suspension
from portal.consent.services import change_scope, revoke_consent
from portal.consent.states import State
from portal.consent.suspension import object_to, pause, relent
from portal.errors import (
    AnotherModeratorNeeded,
    CaseNotReady,
    ConsentObjectedTo,
    InvalidDecision,
    NotImpartial,
    ObjectionOverruled,
)
from portal.ledger.models import Entry
from portal.moderation import services
from portal.moderation.actions.catalogue import fitting
from portal.moderation.models import Case, Decision, Report
from portal.moderation.proceedings import CaseKind
from portal.notices.models import Notice
from portal.ownership.models import Proof
from portal.requests.services import make_request
from tests.portal.moderation.conftest import make_moderator
from tests.portal.moderation.test_pages import client_of, words_of
from tests.portal.people import AT, CP313, LATER, consent, live_permits, make_user, prove, publish

OVERRULE = "overrule-objections"


@pytest.fixture(autouse=True)
def explained(db):
    """Whatever a test does, the ledger says the same as the tables."""
    yield
    ours = {"suspension", "consent", "permit", "decision", "case", "appeal"}
    assert [one for one in database_mismatches() if one.subject.kind in ours] == []


@pytest.fixture
def co_owner(docopt, administrator):
    user = make_user("co-owner")
    prove(user, docopt, administrator)
    return user


@pytest.fixture
def third(docopt, administrator):
    user = make_user("third")
    prove(user, docopt, administrator)
    return user


@pytest.fixture
def panel(ann, ben):
    """Two moderators: one decides, one approves."""
    return ann, ben


@pytest.fixture
def given(maintainer, docopt, proof) -> Consent:
    return consent(maintainer, docopt)


@pytest.fixture
def objection(given, co_owner) -> Suspension:
    return object_to(consent=given, user=co_owner, reason="We never agreed.", at=AT)


@pytest.fixture
def case(objection, given, case_about) -> Case:
    return case_about(given, CaseKind.DISPUTED_OWNERSHIP)


def overrule(case: Case, panel, at=LATER) -> Decision:
    by, second = panel
    services.decide(case=case, by=by, action=OVERRULE, reason="They left in May.", at=at)
    services.approve(case=case, by=second, at=at)
    return services.carry_out(case=case, by=by, at=at)


def state(given: Consent, at=LATER) -> State:
    return consent_state(given, at=at)


def told(person) -> list[str]:
    notices = Notice.objects.filter(person=person, kind="moderated").order_by("-created_at")
    return [notice.about["message"] for notice in notices]


def names(case: Case) -> set[str]:
    return {action.name.value for action in fitting(case)}


def test_it_is_for_disputes_of_ownership_about_what_is_objected_to(
    given, co_owner, maintainer, case_about, files
):
    disputed = CaseKind.DISPUTED_OWNERSHIP
    assert OVERRULE not in names(case_about(given, disputed))
    object_to(consent=given, user=co_owner, reason="", at=AT)
    assert OVERRULE in names(case_about(given, disputed))
    assert OVERRULE in names(case_about(None, disputed))
    assert OVERRULE not in names(case_about(given))
    for about in (files[0], maintainer):
        assert OVERRULE not in names(case_about(about, disputed))


def test_two_moderators_end_it_and_wheels_are_listed_again(
    given, co_owner, stranger, case_about, panel
):
    asked = make_request(
        user=stranger,
        project_name="docopt",
        specifiers="==0.6.2",
        targets=[CP313],
        reason="",
        at=AT,
    )
    file = publish(asked.builds.get())
    object_to(consent=given, user=co_owner, reason="", at=AT)
    case = case_about(given, CaseKind.DISPUTED_OWNERSHIP)
    assert not live_permits(given.project)
    made = overrule(case, panel)
    file.refresh_from_db()
    assert (state(given), file.standing) == (State.LIVE, Standing.LISTED)
    assert "1 objection to 1 consent for docopt will end." in made.summary[0]
    assert "1 consent will let wheels be listed again: up to 1 wheel." in made.summary[1]
    assert len(made.summary) == 2
    for person in (given.user, co_owner):
        assert "Overrule objections to consents. The reason: They left in May." in told(person)[0]
        assert "you can appeal" in told(person)[0]
    (entry,) = Entry.objects.filter(verb="objection-overruled")
    assert (entry.actor, entry.facts["state"]) == ("portal", "live")


def test_until_the_second_has_approved_nothing_is_done(case, given, ann, ben):
    services.decide(case=case, by=ann, action=OVERRULE, reason="So.", at=LATER)
    with pytest.raises(AnotherModeratorNeeded):
        services.approve(case=case, by=ann, at=LATER)
    with pytest.raises(CaseNotReady):
        services.carry_out(case=case, by=ben, at=LATER)
    assert state(given) is State.OBJECTED


def owns(user, docopt, administrator, given):
    prove(user, docopt, administrator)


def objected(user, docopt, administrator, given):
    prove(user, docopt, administrator)
    object_to(consent=given, user=user, reason="", at=AT)
    Proof.objects.filter(user=user).update(state="refused")


def gave(user, docopt, administrator, given):
    prove(user, docopt, administrator)
    standing = Suspension.objects.filter(lifted_at=None)
    numbers = list(standing.values_list("pk", flat=True))
    standing.update(lifted_at=AT)
    consent(user, docopt)
    Suspension.objects.filter(pk__in=numbers).update(lifted_at=None)
    Proof.objects.filter(user=user).update(state="refused")


def reported(user, docopt, administrator, given):
    Report.objects.update(reporter=user)


@pytest.mark.parametrize("takes_part", [owns, objected, gave, reported])
def test_no_party_has_a_part_in_it(takes_part, case, administrator, panel):
    """Who objected or consented is one also when they own the project no longer."""
    ann, ben = panel
    partial = make_moderator("partial")
    takes_part(partial, case.project, administrator, case.consent)
    with pytest.raises(NotImpartial):
        services.decide(case=case, by=partial, action=OVERRULE, reason="Mine.", at=LATER)
    services.decide(case=case, by=ann, action=OVERRULE, reason="So.", at=LATER)
    with pytest.raises(NotImpartial):
        services.approve(case=case, by=partial, at=LATER)
    services.approve(case=case, by=ben, at=LATER)
    with pytest.raises(NotImpartial):
        services.carry_out(case=case, by=partial, at=LATER)
    services.carry_out(case=case, by=ann, at=LATER)
    with pytest.raises(NotImpartial):
        services.undo(case=case, by=partial, reason="Mine.", at=LATER)


def test_an_objection_that_ended_meanwhile_is_not_overruled(case, given, co_owner, ann, ben):
    services.decide(case=case, by=ann, action=OVERRULE, reason="So.", at=LATER)
    services.approve(case=case, by=ben, at=LATER)
    relent(consent=given, user=co_owner, at=LATER)
    with pytest.raises(InvalidDecision, match="any more"):
        services.carry_out(case=case, by=ann, at=LATER)
    services.drop(case=case, by=ann, reason="They agree now.", at=LATER)
    assert object_to(consent=given, user=co_owner, reason="", at=LATER).by == co_owner


def test_it_is_overruled_also_when_the_consent_was_taken_back(case, given, panel):
    revoke_consent(consent=given, user=given.user, afterwards="withdraw", reason="", at=LATER)
    with pytest.raises(ConsentObjectedTo):
        consent(given.user, given.project, at=LATER)
    made = overrule(case, panel)
    assert "1 consent ended meanwhile: where no other objection stands" in made.summary[1]
    assert state(given) is State.REVOKED
    assert state(consent(given.user, given.project, at=LATER)) is State.LIVE


def test_what_is_objected_after_the_decision_nobody_has_judged(case, given, third, ann, ben):
    services.decide(case=case, by=ann, action=OVERRULE, reason="So.", at=LATER)
    object_to(consent=given, user=third, reason="", at=LATER + timedelta(minutes=1))
    services.approve(case=case, by=ben, at=LATER + timedelta(minutes=2))
    made = services.carry_out(case=case, by=ann, at=LATER + timedelta(minutes=2))
    assert "1 consent will stay suspended" in made.summary[1]
    assert state(given) is State.OBJECTED
    assert [one.by for one in Suspension.objects.filter(lifted_at=None)] == [third]


def test_another_hold_outlasts_it(case, given, panel):
    pause(consent=given, user=given.user, reason="", at=AT)
    overrule(case, panel)
    assert state(given) is State.PAUSED


def test_who_was_overruled_can_not_object_again_but_others_can(case, given, co_owner, third, panel):
    overrule(case, panel)
    with pytest.raises(ObjectionOverruled, match="you can appeal"):
        object_to(consent=given, user=co_owner, reason="Again.", at=LATER)
    object_to(consent=given, user=third, reason="", at=LATER)
    assert state(given) is State.OBJECTED


def test_a_granted_appeal_has_the_objection_stand_again(case, given, co_owner, panel, cat):
    decision = overrule(case, panel)
    made = services.appeal(decision=decision, by=co_owner, text="I own it.", at=LATER)
    for one in panel:
        with pytest.raises(AnotherModeratorNeeded):
            services.answer_appeal(made=made, by=one, is_granted=False, text="No.", at=LATER)
    services.answer_appeal(made=made, by=cat, is_granted=True, text="They do own it.", at=LATER)
    assert state(given) is State.OBJECTED
    assert not live_permits(given.project)
    standing = Suspension.objects.get(lifted_at=None)
    assert (standing.by, standing.reason) == (co_owner, "We never agreed.")
    assert standing.suspended_at == LATER
    assert "it was granted" in " ".join(told(co_owner))
    heard = Notice.objects.filter(person=given.user, kind="consent-objected")
    assert any("stands again" in notice.about["message"] for notice in heard)
    with pytest.raises(ConsentObjectedTo):
        consent(given.user, given.project, at=LATER, specifiers="<9")
    assert relent(consent=given, user=co_owner, at=LATER).state is State.LIVE


def test_a_denied_appeal_leaves_it_ended(case, given, co_owner, panel, cat):
    decision = overrule(case, panel)
    made = services.appeal(decision=decision, by=co_owner, text="I own it.", at=LATER)
    services.answer_appeal(made=made, by=cat, is_granted=False, text="No.", at=LATER)
    assert state(given) is State.LIVE


def test_undone_it_stands_again_on_what_took_the_consents_place(case, given, panel):
    overrule(case, panel)
    changed = change_scope(
        consent=given,
        user=given.user,
        specifiers="<9",
        covers_new_releases=True,
        targets=[],
        channels=["build", "publish"],
        asked_by="anyone",
        expires_at=None,
        at=LATER,
    )
    assert state(changed) is State.LIVE
    services.undo(case=case, by=panel[1], reason="We were wrong.", at=LATER)
    assert state(changed) is State.OBJECTED
    assert not live_permits(given.project)


def test_undone_after_the_consent_is_over_it_stands_against_a_new_one(case, given, panel, co_owner):
    overrule(case, panel)
    revoke_consent(consent=given, user=given.user, afterwards="withdraw", reason="", at=LATER)
    services.undo(case=case, by=panel[1], reason="We were wrong.", at=LATER)
    with pytest.raises(ConsentObjectedTo) as refused:
        consent(given.user, given.project, at=LATER)
    assert refused.value.by == ["co-owner"]
    relent(consent=given, user=co_owner, at=LATER)
    assert state(consent(given.user, given.project, at=LATER)) is State.LIVE


def test_all_that_is_objected_to_of_a_project_ends_with_one_decision(
    case_about, given, co_owner, panel
):
    theirs = consent(co_owner, given.project, at=AT)
    object_to(consent=given, user=co_owner, reason="", at=AT)
    object_to(consent=theirs, user=given.user, reason="", at=AT)
    made = overrule(case_about(None, CaseKind.DISPUTED_OWNERSHIP), panel)
    assert "2 objections to 2 consents" in made.summary[0]
    assert [state(one) for one in (given, theirs)] == [State.LIVE, State.LIVE]


def test_pages_say_who_objects_and_what_became_of_it(case, given, co_owner, panel):
    page = reverse("web:case", args=[case.pk])
    before = words_of(client_of(panel[0]).get(page))
    assert "<b>co-owner</b> to the consent of maintainer: We never agreed." in before
    assert "overruled" not in before
    overrule(case, panel, at=timezone.now())
    assert ", overruled" in words_of(client_of(panel[1]).get(page))
    theirs = words_of(client_of(co_owner).get(reverse("web:consent", args=[given.pk])))
    assert "Moderators overruled your objection" in theirs
    assert 'value="object"' not in theirs
