"""Pauses, objections, approvals, delegations and scopes: in force at once, with a way back."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builds.models import Build
from indexes.domain.status import Standing
from portal.consent.delegation import delegate, end_delegation
from portal.consent.facts import consent_state, facts_of
from portal.consent.models import Consent, Suspension
from portal.consent.owners import owners_wanted, set_threshold, tasks_of
from portal.consent.reach import reach_of
from portal.consent.services import change_scope, live_consents, revoke_consent
from portal.consent.states import State, state_of
from portal.consent.suspension import (
    approve,
    hold_to_proofs,
    object_to,
    pause,
    pause_for_metadata,
    relent,
    resume,
)
from portal.errors import (
    ConsentEnded,
    ConsentObjectedTo,
    ConsentStands,
    InvalidConsent,
    InvalidDelegation,
    NotYourConsent,
    PortalError,
    ProofNeeded,
)
from portal.ledger.models import Entry
from portal.ledger.services import seal, verify_chain
from portal.notices.models import Notice
from portal.notices.services import words_of
from portal.requests.models import Request
from portal.requests.services import make_request, replan_project
from tests.portal.people import (
    AT,
    CP312,
    CP313,
    LATER,
    consent,
    know,
    live_permits,
    make_user,
    prove,
    publish,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def given_consent(maintainer, docopt, proof) -> Consent:
    return consent(maintainer, docopt)


def ask(user, targets=(CP313,), specifiers="==0.6.2", **why) -> Request:
    return make_request(
        user=user,
        project_name="docopt",
        specifiers=specifiers,
        targets=targets,
        reason="",
        at=AT,
        **why,
    )


def state(given, at=LATER) -> State:
    return consent_state(given, at=at)


def rescope(given, user=None, **changes) -> Consent:
    terms = {
        "specifiers": "",
        "covers_new_releases": True,
        "targets": [],
        "channels": ["build", "publish"],
        "asked_by": "anyone",
        "expires_at": None,
    }
    return change_scope(consent=given, user=user or given.user, at=LATER, **(terms | changes))


class TestPause:
    def test_it_stops_at_once_and_leaves_the_wheels(self, given_consent, maintainer, stranger):
        file = publish(ask(stranger, [CP312]).builds.get())
        build = ask(stranger).builds.get()
        held = pause(consent=given_consent, user=maintainer, reason="holidays", at=LATER)
        build.refresh_from_db()
        file.refresh_from_db()
        assert (build.state, file.standing) == ("cancelled", Standing.LISTED)
        assert held.builds_cancelled == 1
        assert not live_permits(given_consent.project)
        assert state(given_consent) is State.PAUSED
        assert not live_consents(given_consent.project, at=LATER)

    def test_its_end_brings_back_what_it_took(self, given_consent, maintainer, stranger):
        request = ask(stranger)
        pause(consent=given_consent, user=maintainer, reason="", at=LATER)
        settled = resume(consent=given_consent, user=maintainer, at=LATER + timedelta(hours=1))
        assert settled.state is State.LIVE
        assert [permit.specifiers for permit in live_permits(given_consent.project)] == [""]
        assert request.builds.get().state == "queued"

    def test_an_equal_one_is_not_made_twice(self, given_consent, maintainer):
        pause(consent=given_consent, user=maintainer, reason="", at=LATER)
        with pytest.raises(ConsentStands, match="paused"):
            pause(consent=given_consent, user=maintainer, reason="", at=LATER)

    def test_its_wheels_can_be_withdrawn_after_it_came_back(
        self, given_consent, maintainer, stranger
    ):
        file = publish(ask(stranger).builds.get())
        pause(consent=given_consent, user=maintainer, reason="", at=LATER)
        resume(consent=given_consent, user=maintainer, at=LATER)
        terms = {"afterwards": "withdraw", "reason": ""}
        done = revoke_consent(consent=given_consent, user=maintainer, at=LATER, **terms)
        file.refresh_from_db()
        assert (done.files_withdrawn, file.standing) == (1, Standing.WITHDRAWN)

    def test_only_its_people_pause(self, given_consent, stranger):
        with pytest.raises(NotYourConsent, match="paused by a proven owner"):
            pause(consent=given_consent, user=stranger, reason="", at=LATER)

    def test_releases_of_the_day_stay_those_of_that_day(self, maintainer, docopt, proof, upstream):
        given = consent(maintainer, docopt, covers_new_releases=False)
        upstream.add_sdist("docopt", "0.7.0")
        know("docopt", at=LATER)
        pause(consent=given, user=maintainer, reason="", at=LATER)
        resume(consent=given, user=maintainer, at=LATER)
        scopes = {permit.specifiers for permit in live_permits(docopt)}
        assert scopes == {"==0.6.1", "==0.6.2"}

    def test_the_metadatas_pause_ends_by_a_proven_owner_only(
        self, given_consent, maintainer, docopt, stranger
    ):
        delegate(user=maintainer, project=docopt, username="stranger", tasks=["pause"], at=AT)
        assert pause_for_metadata(project=docopt, at=LATER) == 1
        assert pause_for_metadata(project=docopt, at=LATER) == 0
        with pytest.raises(NotYourConsent):
            resume(consent=given_consent, user=stranger, at=LATER)
        assert resume(consent=given_consent, user=maintainer, at=LATER).state is State.LIVE

    def test_a_paused_consent_can_be_taken_back_wheels_and_all(
        self, given_consent, maintainer, stranger
    ):
        file = publish(ask(stranger).builds.get())
        pause(consent=given_consent, user=maintainer, reason="", at=LATER)
        assert reach_of(given_consent, at=LATER).wheels_listed == 1
        done = revoke_consent(
            consent=given_consent, user=maintainer, afterwards="withdraw", reason="", at=LATER
        )
        file.refresh_from_db()
        assert (done.files_withdrawn, file.standing) == (1, Standing.WITHDRAWN)
        with pytest.raises(ConsentEnded):
            pause(consent=given_consent, user=maintainer, reason="", at=LATER)


class TestObjection:
    def test_it_suspends_at_once(self, given_consent, owner, stranger):
        build = ask(stranger).builds.get()
        object_to(consent=given_consent, user=owner, reason="we never agreed", at=LATER)
        build.refresh_from_db()
        assert (build.state, build.outcome) == ("cancelled", "permit-gone")
        assert state(given_consent) is State.OBJECTED

    def test_who_gave_it_cannot_overrule_it(self, given_consent, maintainer, owner):
        object_to(consent=given_consent, user=owner, reason="", at=LATER)
        for act in (relent, resume):
            with pytest.raises(ConsentStands):
                act(consent=given_consent, user=maintainer, at=LATER)
        with pytest.raises(NotYourConsent):
            object_to(consent=given_consent, user=maintainer, reason="", at=LATER)
        again = consent(maintainer, given_consent.project, at=LATER)
        assert again == given_consent
        assert not live_permits(given_consent.project)

    def test_who_gave_it_cannot_go_round_it_by_another(self, given_consent, maintainer, owner):
        docopt = given_consent.project
        object_to(consent=given_consent, user=owner, reason="", at=LATER)
        with pytest.raises(ConsentObjectedTo, match="It is the turn of co-owner") as refused:
            consent(maintainer, docopt, at=LATER, specifiers="<9")
        assert (refused.value.by, refused.value.is_yours) == (["co-owner"], False)
        assert (refused.value.since, refused.value.consent) == (LATER, str(given_consent.pk))
        assert not live_permits(docopt)

    def test_who_gave_two_changes_neither_while_one_is_objected_to(
        self, given_consent, maintainer, owner
    ):
        docopt = given_consent.project
        narrow = consent(maintainer, docopt, at=AT, specifiers="==0.6.1")
        object_to(consent=given_consent, user=owner, reason="", at=LATER)
        with pytest.raises(ConsentObjectedTo):
            rescope(narrow, maintainer)
        relent(consent=given_consent, user=owner, at=LATER)
        assert rescope(narrow, maintainer).replaces == narrow

    def test_who_objects_takes_that_back_before_giving_their_own(
        self, given_consent, docopt, owner
    ):
        object_to(consent=given_consent, user=owner, reason="", at=LATER)
        with pytest.raises(ConsentObjectedTo, match="take your objection back first") as refused:
            consent(owner, docopt, at=LATER)
        assert refused.value.is_yours
        revoke_consent(
            consent=given_consent, user=owner, afterwards="withdraw", reason="", at=LATER
        )
        relent(consent=given_consent, user=owner, at=LATER)
        assert state(consent(owner, docopt, at=LATER)) is State.LIVE

    @pytest.mark.parametrize("end", [State.REVOKED, State.EXPIRED])
    def test_it_outlasts_the_consent_that_it_is_to(
        self, *, maintainer, docopt, proof, owner, administrator, end
    ):
        third = make_user("third")
        prove(third, docopt, administrator)
        first = consent(maintainer, docopt, expires_at=LATER + timedelta(hours=1))
        object_to(consent=first, user=owner, reason="", at=LATER)
        if end is State.REVOKED:
            terms = {"afterwards": "withdraw", "reason": ""}
            revoke_consent(consent=first, user=maintainer, at=LATER, **terms)
        after = LATER + timedelta(hours=1)
        assert state(first, at=after) is end
        for user in (maintainer, third):
            with pytest.raises(ConsentObjectedTo):
                consent(user, docopt, at=after)
        assert not live_permits(docopt)
        assert relent(consent=first, user=owner, at=after).state is end
        assert state(consent(maintainer, docopt, at=after), at=after) is State.LIVE

    def test_approval_goes_not_round_it(self, *, docopt, maintainer, proof, owner, administrator):
        """Nor does anything else by which a consent that waits would have enough of the owners."""
        third = make_user("third")
        prove(third, docopt, administrator)
        first = consent(maintainer, docopt, specifiers="==0.6.1")
        set_threshold(user=owner, project=docopt, owners=2, at=AT)
        waiting = consent(third, docopt)
        object_to(consent=first, user=owner, reason="", at=LATER)
        assert approve(consent=waiting, user=maintainer, at=LATER).state is State.WAITING
        set_threshold(user=owner, project=docopt, owners=1, at=LATER)
        hold_to_proofs(project=docopt, at=LATER)
        assert not live_permits(docopt)
        relent(consent=first, user=owner, at=LATER)
        assert [state(one) for one in (first, waiting)] == [State.LIVE, State.LIVE]

    def test_each_objection_is_taken_back_by_who_made_it(
        self, given_consent, docopt, owner, administrator
    ):
        third = make_user("third")
        prove(third, docopt, administrator)
        object_to(consent=given_consent, user=owner, reason="", at=LATER)
        object_to(consent=given_consent, user=third, reason="", at=LATER)
        assert relent(consent=given_consent, user=owner, at=LATER).state is State.OBJECTED
        assert relent(consent=given_consent, user=third, at=LATER).state is State.LIVE

    def test_its_wheels_are_listed_again_while_it_is_only_paused(
        self, given_consent, maintainer, owner, stranger
    ):
        file = publish(ask(stranger).builds.get())
        pause(consent=given_consent, user=maintainer, reason="", at=LATER)
        object_to(consent=given_consent, user=owner, reason="", at=LATER)
        file.refresh_from_db()
        assert file.standing == Standing.WITHDRAWN
        relent(consent=given_consent, user=owner, at=LATER)
        file.refresh_from_db()
        assert (file.standing, state(given_consent)) == (Standing.LISTED, State.PAUSED)

    def test_one_that_waits_for_others_takes_off_nothing_that_it_never_listed(
        self, given_consent, maintainer, docopt, owner, stranger
    ):
        file = publish(ask(stranger).builds.get())
        terms = {"afterwards": "keep", "reason": "", "at": LATER}
        revoke_consent(consent=given_consent, user=maintainer, **terms)
        set_threshold(user=owner, project=docopt, owners=0, at=LATER)
        object_to(consent=consent(maintainer, docopt, at=LATER), user=owner, reason="", at=LATER)
        file.refresh_from_db()
        assert file.standing == Standing.LISTED

    def test_every_other_owner_hears_of_it(self, given_consent, maintainer, owner):
        Notice.objects.all().delete()
        object_to(consent=given_consent, user=owner, reason="", at=LATER)
        relent(consent=given_consent, user=owner, at=LATER)
        heard = Notice.objects.order_by("pk").values_list("person__username", "kind")
        assert set(heard) == {
            ("maintainer", "consent-objected"),
            ("maintainer", "consent-restored"),
        }
        words = [words_of(notice).body for notice in Notice.objects.filter(kind="consent-restored")]
        assert "took the objection" in words[0]


class TestThreshold:
    def test_a_consent_waits_for_the_others(self, maintainer, docopt, proof, owner, stranger):
        set_threshold(user=owner, project=docopt, owners=2, at=AT)
        request = ask(stranger)
        given = consent(maintainer, docopt)
        request.refresh_from_db()
        assert state(given) is State.WAITING
        assert (request.is_petition, live_permits(docopt).count()) == (True, 0)
        assert approve(consent=given, user=owner, at=LATER).state is State.LIVE
        assert ask(stranger).builds.get().state == "queued"

    def test_all_means_all_of_those_there_are(self, proof, owner, administrator, settings):
        settings.AFFINEUR_CONSENT_OWNERS = 0
        third, docopt = make_user("third"), proof.project
        prove(third, docopt, administrator)
        given = consent(proof.user, docopt)
        assert owners_wanted(docopt, at=AT) == 3
        assert approve(consent=given, user=owner, at=LATER).state is State.WAITING
        assert approve(consent=given, user=third, at=LATER).state is State.LIVE

    def test_the_strictest_wish_goes(self, maintainer, docopt, proof, owner):
        set_threshold(user=owner, project=docopt, owners=0, at=AT)
        set_threshold(user=maintainer, project=docopt, owners=1, at=AT)
        assert owners_wanted(docopt, at=AT) == 2

    def test_who_lost_the_project_has_no_wish(self, maintainer, docopt, proof, owner):
        set_threshold(user=owner, project=docopt, owners=0, at=AT)
        owner.proofs.update(state="refused")
        assert owners_wanted(docopt, at=AT) == 1

    def test_who_gave_it_does_not_approve_of_it(self, maintainer, docopt, proof, owner, stranger):
        set_threshold(user=owner, project=docopt, owners=2, at=AT)
        given = consent(maintainer, docopt)
        for user in (maintainer, stranger):
            with pytest.raises(NotYourConsent):
                approve(consent=given, user=user, at=LATER)

    def test_it_is_said_by_owners(self, docopt, stranger):
        with pytest.raises(ProofNeeded):
            set_threshold(user=stranger, project=docopt, owners=0, at=AT)


class TestScope:
    def test_what_it_covers_still_goes_on(self, given_consent, stranger):
        kept, gone = (ask(stranger, [target]).builds.get() for target in (CP313, CP312))
        changed = rescope(given_consent, targets=[CP313])
        kept.refresh_from_db()
        gone.refresh_from_db()
        assert (kept.state, gone.state) == ("queued", "cancelled")
        assert changed.agreements == given_consent.agreements
        assert state(given_consent) is State.REPLACED
        assert list(live_consents(given_consent.project, at=LATER)) == [changed]

    def test_publishing_takes_its_own_agreements(self, maintainer, docopt, proof):
        given = consent(maintainer, docopt, channels=["build"])
        with pytest.raises(InvalidConsent, match="agreements of its own"):
            rescope(given)

    def test_only_who_gave_it_changes_it(self, given_consent, owner):
        with pytest.raises(NotYourConsent):
            rescope(given_consent, owner)

    def test_what_does_not_hold_is_not_widened(self, given_consent, maintainer):
        pause(consent=given_consent, user=maintainer, reason="", at=LATER)
        with pytest.raises(ConsentStands):
            rescope(given_consent)

    def test_a_wider_one_needs_the_others_again(self, given_consent, docopt, owner):
        set_threshold(user=owner, project=docopt, owners=0, at=AT)
        assert state(rescope(given_consent)) is State.WAITING


class TestDelegation:
    def test_each_may_what_they_were_named_for(self, given_consent, maintainer, docopt, stranger):
        delegate(user=maintainer, project=docopt, username="stranger", tasks=["pause"], at=AT)
        pause(consent=given_consent, user=stranger, reason="", at=LATER)
        assert resume(consent=given_consent, user=stranger, at=LATER).state is State.LIVE
        with pytest.raises(NotYourConsent):
            revoke_consent(
                consent=given_consent, user=stranger, afterwards="keep", reason="", at=LATER
            )
        delegate(user=maintainer, project=docopt, username="stranger", tasks=["revoke"], at=AT)
        with pytest.raises(NotYourConsent):
            pause(consent=given_consent, user=stranger, reason="", at=LATER)
        revoke_consent(consent=given_consent, user=stranger, afterwards="keep", reason="", at=LATER)

    def test_it_ends_with_the_owner_who_gave_it(self, given_consent, maintainer, docopt, stranger):
        delegate(user=maintainer, project=docopt, username="stranger", tasks=["pause"], at=AT)
        maintainer.proofs.update(state="refused")
        assert tasks_of(stranger, docopt, at=LATER) == frozenset()

    def test_it_is_ended_by_those_it_is_about(self, maintainer, docopt, proof, stranger):
        made = delegate(
            user=maintainer, project=docopt, username="stranger", tasks=["pause"], at=AT
        )
        with pytest.raises(NotYourConsent):
            end_delegation(delegation=made, user=make_user("passer-by"), at=LATER)
        end_delegation(delegation=made, user=stranger, at=LATER)
        assert not tasks_of(stranger, docopt, at=LATER)

    @pytest.mark.parametrize(
        ("username", "tasks"),
        [("nobody", ["pause"]), ("maintainer", ["pause"]), ("stranger", []), ("stranger", ["x"])],
    )
    def test_who_cannot_be_named(self, proof, stranger, username, tasks):
        with pytest.raises(InvalidDelegation):
            delegate(user=proof.user, project=proof.project, username=username, tasks=tasks, at=AT)

    def test_only_those_named_have_wheels_built(self, maintainer, docopt, proof, stranger):
        consent(maintainer, docopt, asked_by="named")
        wish = ask(stranger)
        assert (wish.hindrance, wish.is_petition, wish.builds.count()) == ("named-only", True, 0)
        own = ask(maintainer, [CP312])
        assert own.builds.get().state == "queued"
        delegate(user=maintainer, project=docopt, username="stranger", tasks=["request"], at=AT)
        wish.refresh_from_db()
        assert (wish.hindrance, wish.is_petition) == ("", False)
        assert wish.builds.get().state == "queued"


ACTS = {
    "pause": lambda given, user: pause(consent=given, user=user, reason="", at=LATER),
    "resume": lambda given, user: resume(consent=given, user=user, at=LATER),
    "object": lambda given, user: object_to(consent=given, user=user, reason="", at=LATER),
    "relent": lambda given, user: relent(consent=given, user=user, at=LATER),
    "approve": lambda given, user: approve(consent=given, user=user, at=LATER),
    "link": lambda given, _user: pause_for_metadata(project=given.project, at=LATER),
    "lose": lambda given, _user: lose(given),
    "prove": lambda given, _user: win(given),
    "replan": lambda given, _user: replan_project(project=given.project, at=LATER),
    "revoke": lambda given, user: revoke_consent(
        consent=given, user=user, afterwards="withdraw", reason="", at=LATER
    ),
}


def lose(given: Consent) -> None:
    given.user.proofs.update(state="lapsed")
    hold_to_proofs(project=given.project, at=LATER)


def win(given: Consent) -> None:
    given.user.proofs.update(state="proven")
    hold_to_proofs(project=given.project, at=LATER)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(0, 3)), max_size=9))
def test_there_are_permits_exactly_while_it_is_live_whatever_people_do(
    transactional_acts, acts: list[tuple[str, int]]
):
    given_consent, people = transactional_acts()
    for name, who in acts:
        with contextlib.suppress(PortalError):
            ACTS[name](given_consent, people[who])
        now = state_of(facts_of(given_consent), at=LATER)
        assert live_permits(given_consent.project).exists() == (now is State.LIVE)
        building = Build.objects.filter(project=given_consent.project, state="queued")
        assert now is State.LIVE or not building.exists()
    seal()
    assert verify_chain() is None


@pytest.fixture
def transactional_acts(upstream, administrator):
    """A consent, a build under it and four people, made anew for each example."""
    people = [make_user(name) for name in ("giver", "second-owner", "third-owner", "nobody")]
    numbers = iter(range(10_000))

    def make():
        name = f"demo-{next(numbers)}"
        upstream.add_sdist(name, "1.0")
        project = know(name)
        for person in people[:3]:
            prove(person, project, administrator)
        made = consent(people[0], project)
        make_request(
            user=people[3], project_name=name, specifiers="", targets=[CP313], reason="", at=AT
        )
        return made, people

    return make


def test_every_act_is_in_the_ledger(given_consent, maintainer, docopt, owner):
    pause(consent=given_consent, user=maintainer, reason="", at=LATER)
    resume(consent=given_consent, user=maintainer, at=LATER)
    object_to(consent=given_consent, user=owner, reason="", at=LATER)
    relent(consent=given_consent, user=owner, at=LATER)
    verbs = set(Entry.objects.filter(project="docopt").values_list("actor", "verb"))
    assert {
        ("maintainer", "consent-paused"),
        ("maintainer", "consent-resumed"),
        ("co-owner", "consent-objected"),
        ("co-owner", "objection-ended"),
    } <= verbs
    assert not Suspension.objects.filter(lifted_at=None).exists()
