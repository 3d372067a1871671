"""Cases from a report to the answer of an appeal, and what each decision does."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction

from builds.domain.states import BuildState
from builds.models import Build, Permit
from indexes.models import File
from portal.accounts.scopes import Scope
from portal.accounts.services import authenticate_token, issue_token, may_act
from portal.audit.verify import database_mismatches
from portal.consent.facts import consent_state
from portal.consent.services import live_consents, revoke_consent
from portal.consent.states import State
from portal.consent.suspension import hold_to_proofs, object_to, pause, relent
from portal.errors import (
    AnotherModeratorNeeded,
    AppealedAlready,
    AppealTooLate,
    CannotBeUndone,
    CaseNotReady,
    ConsentsSuspended,
    EvidenceRefused,
    InvalidAppeal,
    InvalidDecision,
    InvalidReport,
    ModeratorNeeded,
    NotImpartial,
    NotYoursToAppeal,
    TooManyReports,
    YankedByModerators,
)
from portal.ledger.models import Entry
from portal.ledger.services import verify_chain
from portal.moderation import services
from portal.moderation.actions.catalogue import fitting
from portal.moderation.actions.names import DESTRUCTIVE, ActionName
from portal.moderation.announcements import key_of, person_of_key
from portal.moderation.evidence import MAX_FILE, MAX_PIECES, MAX_TEXT, add_evidence
from portal.moderation.files import unyank_file, yank_file
from portal.moderation.intake import open_case, report_something
from portal.moderation.models import Appeal, Case, Decision
from portal.moderation.people import is_moderator
from portal.moderation.proceedings import APPEAL_WITHIN, DUE_WITHIN, CaseKind
from portal.notices.models import Notice
from portal.notices.services import path_of
from portal.ownership.models import Proof, ProofState
from tests.portal.people import AT, LATER, add_factor, consent, live_permits, make_user, prove
from tests.portal.web.scenes import make_build

AFTER = AT + APPEAL_WITHIN + timedelta(days=1)


def decided(case: Case, by, action: str, second=None) -> Decision:
    """Decided, approved where somebody is there to do it, and carried out."""
    services.decide(case=case, by=by, action=action, reason="We looked at it.", at=AT)
    if second:
        services.approve(case=case, by=second, at=AT)
    return services.carry_out(case=case, by=by, at=AT)


def standings() -> list[str]:
    return list(File.objects.order_by("filename").values_list("standing", flat=True))


def state(case: Case) -> str:
    return Case.objects.get(pk=case.pk).state


@pytest.fixture(autouse=True)
def explained(db):
    """Whatever a test does, the ledger says the same as the tables."""
    yield
    ours = {"decision", "hold", "ban", "permit", "consent", "case", "report", "appeal", "evidence"}
    scenery = {str(pk) for pk in Permit.objects.filter(origin="scene").values_list("pk", flat=True)}
    found = [one for one in database_mismatches() if one.subject.kind in ours]
    assert [one for one in found if one.subject.id not in scenery] == []


def told(person) -> list[str]:
    """What somebody heard of moderators, newest first."""
    notices = Notice.objects.filter(person=person, kind="moderated").order_by("-created_at")
    return [notice.about["message"] for notice in notices]


# Who moderates.


def test_a_moderator_is_staff_with_a_second_factor_and_the_permission(ann, administrator, db):
    plain = make_user("plain", is_staff=True)
    add_factor(plain)
    unstaffed = make_user("unstaffed")
    add_factor(unstaffed)
    unstaffed.user_permissions.add(Permission.objects.get(codename="moderate"))
    factorless = make_user("factorless", is_staff=True)
    factorless.groups.set(ann.groups.all())

    assert is_moderator(ann)
    assert is_moderator(administrator)
    assert [is_moderator(user) for user in (plain, unstaffed, factorless)] == [False] * 3


def test_nobody_else_acts_in_a_case(case_about, files, administrator, maintainer):
    case = case_about(files[0])
    with pytest.raises(ModeratorNeeded):
        services.assign(case=case, by=maintainer, to=None, at=AT)
    with pytest.raises(ModeratorNeeded):
        services.add_note(case=case, by=maintainer, text="Mine.", at=AT)
    with pytest.raises(ModeratorNeeded):
        services.decide(case=case, by=maintainer, action="dismiss", reason="x", at=AT)
    with pytest.raises(ModeratorNeeded):
        services.carry_out(case=case, by=maintainer, at=AT)
    with pytest.raises(ModeratorNeeded):
        services.undo(case=case, by=maintainer, reason="x", at=AT)
    with pytest.raises(ModeratorNeeded):
        add_evidence(case=case, by=maintainer, kind="text", title="x", text="x", content=b"", at=AT)


# How cases come to be.


@pytest.mark.parametrize("kind", CaseKind)
def test_every_kind_has_its_clock(docopt, kind):
    report = open_case(
        kind=kind, project=docopt, about=None, reported_by=None, text="Look at it.", at=AT
    )
    assert report.case.due_at == AT + DUE_WITHIN[kind]


def test_who_reports_what_others_did_joins_their_case(case_about, docopt, maintainer, files):
    case = case_about(files[0])
    again = open_case(
        kind=CaseKind.ABUSE_REPORT,
        project=docopt,
        about=files[0],
        reported_by=maintainer,
        text="Me too.",
        at=LATER,
    )
    assert again.case == case
    assert case_about(files[1]) != case
    assert case_about(files[0], CaseKind.LICENCE_UNCLEAR) != case


def test_the_queue_is_by_the_clock(case_about, docopt, files, ann):
    slow = case_about(files[0], CaseKind.LICENCE_UNCLEAR)
    fast = case_about(files[0], CaseKind.SUSPICIOUS_CONTENT)
    done = case_about(files[1])
    decided(done, ann, "dismiss")
    assert list(services.queue()) == [fast, slow]


def test_a_report_says_something_and_not_too_much(docopt, stranger):
    for text in ("  ", "x" * 4001):
        with pytest.raises(InvalidReport):
            report_something(
                kind="abuse-report",
                project=docopt,
                about=None,
                reported_by=stranger,
                text=text,
                at=AT,
            )


def test_people_do_not_open_cases_of_the_machine(docopt, stranger):
    with pytest.raises(InvalidReport):
        report_something(
            kind="quota", project=docopt, about=None, reported_by=stranger, text="x", at=AT
        )


def test_reports_are_bounded_for_visitors_together_and_each_person(docopt, stranger, settings):
    settings.AFFINEUR_REPORTS_OF_VISITORS_PER_HOUR = 1
    settings.AFFINEUR_REPORTS_PER_HOUR = 2

    def send(by, at=AT):
        report_something(
            kind="abuse-report", project=docopt, about=None, reported_by=by, text="x", at=at
        )

    send(None)
    with pytest.raises(TooManyReports, match="sign in"):
        send(None)
    send(stranger)
    send(stranger)
    with pytest.raises(TooManyReports):
        send(stranger)
    send(None, at=AT + timedelta(hours=1))


def test_the_ledger_does_not_say_who_reported(case_about, files, ann, stranger):
    decided(case_about(files[0]), ann, "withdraw-file")
    entries = Entry.objects.filter(verb__in=["case-reported", "decision-carried-out"])
    assert entries.count() == 2
    for entry in entries:
        assert stranger.username not in f"{entry.actor} {entry.facts}"


# Files.


@pytest.mark.parametrize(
    ("action", "standing"),
    [
        ("yank-file", "yanked"),
        ("withdraw-file", "withdrawn"),
        ("quarantine-file", "quarantined"),
    ],
)
def test_one_file_is_taken_and_given_back(case_about, *, files, ann, ben, action, standing):
    case = case_about(files[0])
    services.decide(case=case, by=ann, action=action, reason="It is odd.", at=AT)
    assert standings() == ["listed", "listed"]
    services.carry_out(case=case, by=ann, at=AT)
    files[0].refresh_from_db()
    assert files[0].standing == standing
    assert "It is odd." in files[0].standing_reason
    assert standings().count("listed") == 1

    services.undo(case=case, by=ben, reason="It is fine.", at=LATER)
    assert standings() == ["listed", "listed"]
    assert state(case) == "open"


def test_a_yank_of_moderators_is_not_the_owners_to_take_back(case_about, files, ann, maintainer):
    decided(case_about(files[0]), ann, "yank-file")
    with pytest.raises(YankedByModerators):
        unyank_file(user=maintainer, file=files[0], at=LATER)
    yank_file(user=maintainer, file=files[1], reason="Mine.", rebuild=False, at=LATER)
    unyank_file(user=maintainer, file=files[1], at=LATER)
    assert sorted(standings()) == ["listed", "yanked"]


def test_the_longest_reason_fits_where_it_stands(case_about, files, ann):
    case = case_about(files[0])
    longest = "x" * services.REASON_LENGTH
    services.decide(case=case, by=ann, action="yank-file", reason=longest, at=AT)
    services.carry_out(case=case, by=ann, at=AT)
    assert "yanked" in standings()


def test_all_files_leave_and_come_back(case_about, files, ann, ben):
    quarantined = case_about(files[0])
    decided(quarantined, ann, "quarantine-file")
    case = case_about()
    decided(case, ann, "withdraw-all", second=ben)
    assert sorted(standings()) == ["quarantined", "withdrawn"]
    services.undo(case=case, by=ann, reason="No.", at=LATER)
    assert sorted(standings()) == ["listed", "quarantined"]


def test_an_undo_leaves_what_was_decided_since(case_about, files, ann, ben):
    milder, stronger = case_about(files[0]), case_about(files[0], CaseKind.SUSPICIOUS_CONTENT)
    decided(milder, ann, "yank-file")
    decided(stronger, ann, "quarantine-file")
    services.undo(case=milder, by=ben, reason="No.", at=LATER)
    files[0].refresh_from_db()
    assert files[0].standing == "quarantined"
    services.undo(case=stronger, by=ben, reason="No.", at=LATER)
    files[0].refresh_from_db()
    # Not as it stood before that decision: the yank was undone since.
    assert files[0].standing == "listed"


def test_restoring_takes_back_what_moderators_decided_and_nothing_else(
    case_about, *, files, ann, maintainer, proof, docopt
):
    decided(case_about(files[0]), ann, "withdraw-file")
    File.objects.filter(pk=files[1].pk).update(
        decision="withdrawn", decision_reason="Withdrawn by its maintainers", standing="withdrawn"
    )
    case = case_about(None, CaseKind.TAKEDOWN_DEMAND)
    decided(case, ann, "restore-files")
    assert sorted(standings()) == ["listed", "withdrawn"]
    services.undo(case=case, by=ann, reason="No.", at=LATER)
    assert standings() == ["withdrawn", "withdrawn"]


def test_only_what_would_change_something_can_be_decided(case_about, docopt, files, ann):
    def names(case: Case) -> set[str]:
        return {action.name.value for action in fitting(case)}

    assert names(case_about(None, CaseKind.QUOTA)) == {
        "dismiss",
        "withdraw-all",
        "suspend-consents",
        "reveal-reporter",
    }
    case = case_about(files[0])
    assert names(case) >= {"yank-file", "withdraw-file", "quarantine-file"}
    decided(case_about(files[0], CaseKind.SUSPICIOUS_CONTENT), ann, "withdraw-file")
    assert names(case) >= {"quarantine-file", "restore-files"}
    assert not names(case) & {"yank-file", "withdraw-file", "ban-account", "restore-consents"}


def test_what_fits_no_more_is_not_carried_out(case_about, files, ann):
    case = case_about(files[0])
    services.decide(case=case, by=ann, action="yank-file", reason="x", at=AT)
    decided(case_about(files[0], CaseKind.SUSPICIOUS_CONTENT), ann, "quarantine-file")
    with pytest.raises(InvalidDecision):
        services.carry_out(case=case, by=ann, at=AT)
    assert state(case) == "decided"


def test_the_numbers_are_told_before(case_about, files):
    case = case_about(files[0])
    assert "1 wheel will be quarantined" in services.preview(case, "quarantine-file", at=AT)[0]
    assert "2 wheels will be withdrawn" in services.preview(case, "withdraw-all", at=AT)[0]


# Consents.


def test_suspended_consents_issue_nothing_and_come_back_as_they_were(
    case_about, *, docopt, proof, maintainer, ann, ben
):
    given = consent(maintainer, docopt, specifiers=">=0.6")
    permit = live_permits(docopt)[0]
    build = make_build(
        docopt, "0.6.2", "cp313-manylinux_2_36_x86_64", at=AT, state=BuildState.QUEUED
    )
    Build.objects.filter(pk=build.pk).update(permit=permit)
    case = case_about(given)
    decided(case, ann, "suspend-consents")
    build.refresh_from_db()
    assert build.state == "cancelled"
    assert not live_permits(docopt)

    services.undo(case=case, by=ben, reason="Settled.", at=LATER)
    assert [one.specifiers for one in live_permits(docopt)] == [">=0.6"]
    assert live_permits(docopt)[0].origin == str(given.pk)


def test_suspended_consents_list_nothing_until_the_case_is_undone(
    case_about, files, *, docopt, proof, maintainer, ann, ben
):
    given = consent(maintainer, docopt)
    case = case_about(given)
    decided(case, ann, "suspend-consents")
    assert not File.objects.on_pages().exists()
    assert File.objects.downloadable().count() == len(files)
    assert not live_consents(docopt, at=LATER).exists()
    assert consent_state(given, at=LATER) is State.HELD
    services.undo(case=case, by=ben, reason="Settled.", at=LATER)
    assert File.objects.on_pages().count() == len(files)
    assert live_consents(docopt, at=LATER).get() == given


def test_who_gave_what_is_suspended_gives_no_other_one_beside_it(
    case_about, *, docopt, proof, maintainer, stranger, administrator, ann
):
    decided(case_about(consent(maintainer, docopt)), ann, "suspend-consents")
    with pytest.raises(ConsentsSuspended), transaction.atomic():
        consent(maintainer, docopt, at=LATER, specifiers=">=0.6.2")
    prove(stranger, docopt, administrator)
    assert consent(stranger, docopt, at=LATER)


def test_a_pause_and_an_objection_outlast_what_moderators_hold(
    case_about, files, *, docopt, proof, maintainer, stranger, administrator, ann, ben
):
    given = consent(maintainer, docopt)
    prove(stranger, docopt, administrator)
    case = case_about(given)
    decided(case, ann, "suspend-consents")
    pause(consent=given, user=maintainer, reason="", at=LATER)
    object_to(consent=given, user=stranger, reason="", at=LATER)
    services.undo(case=case, by=ben, reason="Settled.", at=LATER)
    assert consent_state(given, at=LATER) is State.OBJECTED
    assert not File.objects.on_pages().exists()
    relent(consent=given, user=stranger, at=LATER)
    assert File.objects.on_pages().count() == len(files)
    assert not live_permits(docopt)


def test_no_new_consent_is_taken_for_a_suspended_project(
    case_about, *, docopt, proof, maintainer, ann, ben
):
    consent(maintainer, docopt)
    case = case_about(None, CaseKind.DISPUTED_OWNERSHIP)
    decided(case, ann, "suspend-consents")
    with pytest.raises(ConsentsSuspended), transaction.atomic():
        consent(maintainer, docopt, at=LATER, specifiers=">=0.6.2")
    assert not live_permits(docopt)
    services.undo(case=case, by=ben, reason="Settled.", at=LATER)
    consent(maintainer, docopt, at=LATER, specifiers=">=0.6.2")
    assert len(live_permits(docopt)) == 2


def test_a_consent_taken_back_meanwhile_stays_so(
    case_about, *, docopt, proof, maintainer, ann, ben
):
    given = consent(maintainer, docopt)
    case = case_about(given)
    decided(case, ann, "suspend-consents")
    revoke_consent(consent=given, user=maintainer, afterwards="keep", reason="", at=LATER)
    services.undo(case=case, by=ben, reason="Settled.", at=LATER)
    assert not live_permits(docopt)


def test_a_proof_that_comes_back_does_not_end_what_moderators_hold(
    case_about, docopt, proof, *, maintainer, ann, ben
):
    given = consent(maintainer, docopt)
    case = case_about(given)
    Proof.objects.filter(pk=proof.pk).update(state=ProofState.LAPSED)
    hold_to_proofs(project=docopt, at=LATER)
    decided(case, ann, "suspend-consents")
    Proof.objects.filter(pk=proof.pk).update(state=ProofState.PROVEN)
    hold_to_proofs(project=docopt, at=LATER)
    assert not live_permits(docopt)
    services.undo(case=case, by=ben, reason="Settled.", at=LATER)
    assert len(live_permits(docopt)) == 1


def test_of_two_suspensions_the_last_gives_back(case_about, *, docopt, proof, maintainer, ann, ben):
    given = consent(maintainer, docopt)
    one, other = case_about(given), case_about(None, CaseKind.DISPUTED_OWNERSHIP)
    decided(one, ann, "suspend-consents")
    decided(other, ann, "suspend-consents")
    services.undo(case=one, by=ben, reason="Settled.", at=LATER)
    assert not live_permits(docopt)
    services.undo(case=other, by=ben, reason="Settled.", at=LATER)
    assert len(live_permits(docopt)) == 1


def test_consents_are_restored_by_a_decision_of_their_own(
    case_about, docopt, proof, maintainer, ann
):
    consent(maintainer, docopt)
    decided(case_about(None, CaseKind.DISPUTED_OWNERSHIP), ann, "suspend-consents")
    case = case_about(None, CaseKind.TAKEDOWN_DEMAND)
    decided(case, ann, "restore-consents")
    assert len(live_permits(docopt)) == 1
    services.undo(case=case, by=ann, reason="No.", at=LATER)
    assert not live_permits(docopt)


# Accounts and reporters.


def test_who_is_banned_neither_signs_in_nor_uses_tokens(
    client, case_about, *, docopt, proof, maintainer, ann, ben
):
    consent(maintainer, docopt)
    _, secret = issue_token(
        user=maintainer, name="x", scopes=[Scope.READ.value], expires_at=None, at=AT
    )
    client.force_login(maintainer, backend="portal.accounts.backends.AccountBackend")
    case = case_about(maintainer)
    decided(case, ann, "ban-account", second=ben)
    maintainer.refresh_from_db()
    assert not may_act(maintainer)
    assert authenticate_token(secret=secret, at=AT) is None
    assert client.get("/mine/").status_code == 302
    assert not live_permits(docopt)

    services.undo(case=case, by=ben, reason="It was somebody else.", at=LATER)
    maintainer.refresh_from_db()
    assert may_act(maintainer)
    assert authenticate_token(secret=secret, at=AT) is not None
    assert len(live_permits(docopt)) == 1


def test_restored_consents_do_not_free_who_is_banned(
    case_about, *, docopt, proof, maintainer, ann, ben
):
    consent(maintainer, docopt)
    decided(case_about(maintainer), ann, "ban-account", second=ben)
    decided(case_about(None, CaseKind.DISPUTED_OWNERSHIP), ann, "suspend-consents")
    decided(case_about(None, CaseKind.TAKEDOWN_DEMAND), ann, "restore-consents")
    assert not live_permits(docopt)


def test_accounts_of_staff_are_not_banned_here(case_about, ann, ben):
    with pytest.raises(InvalidDecision):
        services.decide(case=case_about(ben), by=ann, action="ban-account", reason="x", at=AT)


def test_who_reports_after_it_was_decided_is_not_revealed(case_about, *, files, docopt, ann, ben):
    case = case_about(files[0])
    services.decide(case=case, by=ann, action="reveal-reporter", reason="Malice.", at=AT)
    joined = open_case(
        kind=CaseKind.ABUSE_REPORT,
        project=docopt,
        about=files[0],
        reported_by=make_user("good-soul"),
        text="I saw it as well.",
        at=LATER,
    )
    assert joined.case == case
    assert "name of 1 person " in services.preview(case, "reveal-reporter", at=LATER)[0]
    services.approve(case=case, by=ben, at=LATER)
    services.carry_out(case=case, by=ben, at=LATER)
    joined.refresh_from_db()
    assert joined.revealed_at is None
    assert case.reports.filter(revealed_at=LATER).count() == 1


def test_a_reporter_is_revealed_by_two_and_for_ever(case_about, *, files, ann, ben, cat, stranger):
    case = case_about(files[0])
    made = decided(case, ann, "reveal-reporter", second=ben)
    assert case.reports.get().revealed_at == AT
    assert stranger in made.told.all()
    with pytest.raises(CannotBeUndone):
        services.undo(case=case, by=cat, reason="No.", at=LATER)


# The rule of two.


# That of objections, which takes one: `test_objections`.
@pytest.mark.parametrize("action", sorted(DESTRUCTIVE - {ActionName.OVERRULE_OBJECTIONS}))
def test_what_destroys_needs_another_moderator(case_about, *, maintainer, ann, ben, files, action):
    case = case_about(maintainer if action == ActionName.BAN_ACCOUNT else None)
    services.decide(case=case, by=ann, action=action, reason="x", at=AT)
    assert state(case) == "held"
    with pytest.raises(CaseNotReady):
        services.carry_out(case=case, by=ben, at=AT)
    with pytest.raises(AnotherModeratorNeeded):
        services.approve(case=case, by=ann, at=AT)
    services.approve(case=case, by=ben, at=AT)
    services.carry_out(case=case, by=ann, at=AT)
    assert state(case) == "carried-out"


def test_the_database_holds_the_rule_of_two(case_about, files, ann, ben):
    case = case_about()
    made = services.decide(case=case, by=ann, action="withdraw-all", reason="x", at=AT)
    row = Decision.objects.filter(pk=made.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.update(approved_by=ann)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.update(carried_out_at=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(
            case=case, action="dismiss", reason="x", decided_by=ben, decided_at=AT
        )


def test_a_held_decision_can_be_refused(case_about, files, ann, ben):
    case = case_about()
    services.decide(case=case, by=ann, action="withdraw-all", reason="x", at=AT)
    services.drop(case=case, by=ben, reason="That is too much.", at=AT)
    assert (state(case), standings()) == ("open", ["listed", "listed"])
    decided(case, ben, "dismiss")


def test_nobody_judges_what_they_reported_or_own(docopt, files, ann, ben, proof):
    own = open_case(
        kind=CaseKind.ABUSE_REPORT, project=docopt, about=None, reported_by=ann, text="x", at=AT
    ).case
    with pytest.raises(NotImpartial):
        services.decide(case=own, by=ann, action="dismiss", reason="x", at=AT)
    services.decide(case=own, by=ben, action="withdraw-all", reason="x", at=AT)
    with pytest.raises(NotImpartial):
        services.approve(case=own, by=ann, at=AT)


def test_a_decision_fits_and_has_a_reason(case_about, ann):
    case = case_about()
    for action, reason in (("quarantine-file", "x"), ("explode", "x"), ("dismiss", "  ")):
        with pytest.raises(InvalidDecision):
            services.decide(case=case, by=ann, action=action, reason=reason, at=AT)


# Telling, appeals.


def test_the_people_it_concerns_are_told_and_nobody_else(
    case_about, *, files, ann, maintainer, stranger
):
    decided(case_about(files[0]), ann, "withdraw-file")
    for person in (maintainer, stranger):
        assert "you can appeal" in told(person)[0]
        notice = Notice.objects.get(person=person)
        assert key_of(Decision.objects.get(), person) in path_of(notice)
    assert not told(ann)


def test_an_appeal_goes_to_somebody_else(case_about, *, files, ann, ben, cat, maintainer):
    case = case_about()
    made = decided(case, ann, "withdraw-all", second=ben)
    appeal = services.appeal(decision=made, by=maintainer, text="They are fine.", at=LATER)
    assert state(case) == "appealed"
    for moderator in (ann, ben):
        with pytest.raises(AnotherModeratorNeeded):
            services.answer_appeal(made=appeal, by=moderator, is_granted=False, text="x", at=LATER)
    with pytest.raises(CaseNotReady):
        services.undo(case=case, by=cat, reason="x", at=LATER)
    services.answer_appeal(made=appeal, by=cat, is_granted=True, text="You are right.", at=LATER)
    assert (state(case), standings()) == ("closed", ["listed", "listed"])
    assert "it was granted" in " ".join(told(maintainer))


def test_a_rejected_appeal_leaves_it_as_it_is(case_about, *, files, ann, cat, maintainer, stranger):
    case = case_about(files[0])
    made = decided(case, ann, "withdraw-file")
    first = services.appeal(decision=made, by=maintainer, text="It is fine.", at=LATER)
    second = services.appeal(decision=made, by=stranger, text="Quarantine it.", at=LATER)
    services.answer_appeal(made=first, by=cat, is_granted=False, text="It is not.", at=LATER)
    assert state(case) == "appealed"
    services.answer_appeal(made=second, by=cat, is_granted=False, text="No.", at=LATER)
    assert state(case) == "closed"
    assert "withdrawn" in standings()
    with pytest.raises(CaseNotReady):
        services.answer_appeal(made=first, by=cat, is_granted=True, text="x", at=LATER)


def test_the_database_holds_that_somebody_else_answers(case_about, files, ann, ben, maintainer):
    made = decided(case_about(), ann, "withdraw-all", second=ben)
    appeal = services.appeal(decision=made, by=maintainer, text="They are fine.", at=LATER)
    row = Appeal.objects.filter(pk=appeal.pk)
    for moderator in (ann, ben):
        with pytest.raises(IntegrityError), transaction.atomic():
            row.update(answered_by=moderator, answered_at=LATER, is_granted=False)


def test_appeals_are_for_who_was_told_once_and_in_time(case_about, files, ann, maintainer, ben):
    made = decided(case_about(files[0]), ann, "withdraw-file")
    with pytest.raises(NotYoursToAppeal):
        services.appeal(decision=made, by=ben, text="x", at=LATER)
    with pytest.raises(InvalidAppeal):
        services.appeal(decision=made, by=maintainer, text=" ", at=LATER)
    with pytest.raises(AppealTooLate):
        services.appeal(decision=made, by=maintainer, text="x", at=AFTER)
    services.appeal(decision=made, by=maintainer, text="x", at=LATER)
    with pytest.raises(AppealedAlready):
        services.appeal(decision=made, by=maintainer, text="x", at=LATER)


def test_what_was_to_be_made_anew_is_so_again_when_a_withdrawal_is_undone(
    case_about, *, files, ann, ben, maintainer
):
    yank_file(user=maintainer, file=files[0], reason="Broken.", rebuild=True, at=AT)
    case = case_about()
    decided(case, ann, "withdraw-all", second=ben)
    services.undo(case=case, by=ann, reason="No.", at=LATER)
    file = File.objects.get(pk=files[0].pk)
    assert (file.standing, file.is_to_be_remade) == ("yanked", True)


def test_what_was_undone_cannot_be_appealed_against(case_about, files, ann, maintainer):
    case = case_about(files[0])
    made = decided(case, ann, "withdraw-file")
    services.undo(case=case, by=ann, reason="No.", at=LATER)
    with pytest.raises(CaseNotReady):
        services.appeal(decision=made, by=maintainer, text="x", at=LATER)


def test_cases_close_when_the_time_to_appeal_is_over(case_about, files, ann):
    case = case_about(files[0])
    decided(case, ann, "withdraw-file")
    assert services.close_due(at=LATER) == 0
    assert services.close_due(at=AFTER) == 1
    assert state(case) == "closed"
    services.undo(case=case, by=ann, reason="Years later.", at=AFTER)
    assert standings() == ["listed", "listed"]


def test_every_act_is_in_the_ledger(case_about, *, files, ann, ben, cat, maintainer):
    case = case_about()
    services.assign(case=case, by=ann, to=ann, at=AT)
    made = decided(case, ann, "withdraw-all", second=ben)
    appeal = services.appeal(decision=made, by=maintainer, text="x", at=LATER)
    services.answer_appeal(made=appeal, by=cat, is_granted=True, text="Yes.", at=LATER)
    verbs = Entry.objects.filter(facts__case=str(case.pk)).values_list("verb", flat=True)
    assert set(verbs) == {
        "case-reported",
        "case-assigned",
        "case-decided",
        "decision-approved",
        "decision-carried-out",
        "decision-undone",
        "appeal-made",
        "appeal-answered",
    }
    assert verify_chain() is None


def test_a_key_is_of_one_person_and_one_decision(case_about, files, ann, maintainer, stranger):
    made = decided(case_about(files[0]), ann, "withdraw-file")
    other = decided(case_about(files[1]), ann, "withdraw-file")
    key = key_of(made, maintainer)
    assert person_of_key(made, key) == maintainer.pk
    assert person_of_key(other, key) is None
    forged = key.replace(str(maintainer.pk), str(stranger.pk), 1)
    assert person_of_key(made, forged) is None
    for nonsense in ("", "-", "x-y", "9" * 400, "٣-x"):
        assert person_of_key(made, nonsense) is None


# Evidence, notes, assignment.


@pytest.mark.parametrize(
    ("kind", "text", "content"),
    [
        ("link", "javascript:alert(1)", b""),
        ("link", "https://", b""),
        ("link", "https://x.example/ y", b""),
        ("link", "http://[", b""),
        ("text", " ", b""),
        ("text", "x" * (MAX_TEXT + 1), b""),
        ("file", "", b""),
        ("file", "", b"x" * (MAX_FILE + 1)),
        ("video", "x", b"x"),
    ],
)
def test_evidence_is_bounded(case_about, ann, kind, text, content):
    with pytest.raises(EvidenceRefused):
        add_evidence(
            case=case_about(), by=ann, kind=kind, title="It", text=text, content=content, at=AT
        )


def test_a_case_holds_so_much_evidence_and_no_more(case_about, ann):
    case = case_about()

    def add(title: str = "It") -> None:
        add_evidence(case=case, by=ann, kind="text", title=title, text="x", content=b"", at=AT)

    for title in ("", "x" * 201, "a\x00b"):
        with pytest.raises(EvidenceRefused):
            add(title)
    for _ in range(MAX_PIECES):
        add()
    with pytest.raises(EvidenceRefused):
        add()


def test_a_case_is_given_to_moderators_only(case_about, ann, ben, maintainer):
    case = case_about()
    assert services.assign(case=case, by=ann, to=ben, at=AT).assignee == ben
    with pytest.raises(InvalidDecision):
        services.assign(case=case, by=ann, to=maintainer, at=AT)
    assert services.assign(case=case, by=ben, to=None, at=AT).assignee is None


def test_a_case_is_about_one_thing(case_about, files, maintainer):
    case = case_about(files[0])
    with pytest.raises(IntegrityError), transaction.atomic():
        Case.objects.filter(pk=case.pk).update(account=maintainer)
