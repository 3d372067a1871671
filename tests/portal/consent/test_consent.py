from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet

from builds.domain.planning import InvalidSpecifiers
from builds.domain.targets import UnknownTarget
from builds.models import Build, Permit
from builds.services.permits import live_permit
from indexes.domain.status import Decision, Standing
from indexes.models import File
from indexes.services.standing import decide
from portal.consent.agreements import all_agreements, current, with_hash
from portal.consent.models import Consent, Revocation
from portal.consent.reach import reach_of
from portal.consent.recipes import verify_may_edit
from portal.consent.services import end_development_permits, live_consents, revoke_consent
from portal.consent.tasks import end_those_of_development
from portal.errors import (
    AgreementChanged,
    AgreementNotAccepted,
    AppendOnly,
    ConsentEnded,
    ConsentStands,
    InvalidConsent,
    LicenceNeeded,
    ModificationNotAccepted,
    NotYourConsent,
    ProofNeeded,
    UnknownAgreement,
)
from portal.ledger.models import Entry
from portal.ledger.services import seal, verify_chain
from portal.requests.models import Request
from portal.requests.services import make_request
from tests.portal.people import (
    AT,
    CP312,
    CP313,
    LATER,
    all_accepted,
    attest,
    consent,
    know,
    live_permits,
    prove,
    publish,
)

pytestmark = pytest.mark.django_db


def ask(user, specifiers="==0.6.2", targets=(CP313,), at=AT) -> Request:
    return make_request(
        user=user,
        project_name="docopt",
        specifiers=specifiers,
        targets=targets,
        reason="no compiler here",
        at=at,
    )


def revoke(given: Consent, afterwards="keep", user=None, at=LATER) -> Revocation:
    return revoke_consent(
        consent=given, user=user or given.user, afterwards=afterwards, reason="tired", at=at
    )


def nothing_happened() -> bool:
    return not (Consent.objects.exists() or Permit.objects.exists() or Build.objects.exists())


class TestGiving:
    def test_it_records_what_was_accepted_and_issues_a_permit(self, maintainer, docopt, proof):
        given = consent(maintainer, docopt, targets=[CP313], specifiers=">=0.6")
        assert given.proof == proof
        versions = {one["name"]: one.pop("version") for one in given.agreements}
        assert given.agreements == all_accepted()
        assert (versions["build-and-execute"], versions["redistribute-binaries"]) == (3, 4)
        given.refresh_from_db()
        permit = Permit.objects.get()
        assert permit.origin == str(given.pk)
        assert (permit.specifiers, permit.targets) == (">=0.6", [CP313])
        assert permit.channels == ["build", "publish"]
        assert Entry.objects.get(verb="consent-given").facts["agreements"] == given.agreements

    def test_the_project_is_followed_from_then_on(self, maintainer, docopt, proof):
        consent(maintainer, docopt)
        docopt.refresh_from_db()
        assert docopt.is_enrolled

    def test_what_was_asked_before_is_planned(self, maintainer, stranger, docopt, proof):
        petition = ask(stranger)
        assert petition.is_petition
        consent(maintainer, docopt)
        petition.refresh_from_db()
        assert not petition.is_petition
        assert [build.target for build in petition.builds.all()] == [CP313]

    def test_without_a_proof_there_is_none(self, stranger, docopt, proof):
        with pytest.raises(ProofNeeded, match="docopt"):
            consent(stranger, docopt)
        assert nothing_happened()

    def test_a_proof_of_another_project_is_none(self, maintainer, proof, upstream):
        upstream.add_sdist("other", "1.0")
        with pytest.raises(ProofNeeded, match="other"):
            consent(maintainer, know("other"))

    def test_a_proof_for_development_is_none_in_production(self, maintainer, docopt, settings):
        settings.AFFINEUR_DEVELOPMENT = True
        attest(maintainer, docopt)
        settings.AFFINEUR_DEVELOPMENT = False
        with pytest.raises(ProofNeeded):
            consent(maintainer, docopt)

    @pytest.mark.parametrize("text", [0, 1])
    def test_one_clause_left_open_is_no_consent(self, maintainer, docopt, proof, text):
        accepted = all_accepted()
        accepted[text]["clauses"] = accepted[text]["clauses"][1:]
        with pytest.raises(AgreementNotAccepted) as refused:
            consent(maintainer, docopt, accepted=accepted)
        assert refused.value.missing == [all_accepted()[text]["clauses"][0]]
        assert nothing_happened()

    def test_a_promise_has_no_clause_to_accept_and_is_named_by_its_hash(
        self, maintainer, docopt, proof
    ):
        named = [one | {"clauses": current(one["name"]).clause_ids} for one in all_accepted()]
        given = consent(maintainer, docopt, accepted=named)
        promised = [one for one in given.agreements if not one["clauses"]]
        assert [one["name"] for one in promised] == ["no-burden", "takedown"]
        assert promised[1]["sha256"] == current("takedown").sha256

    def test_a_promise_that_was_not_shown_is_no_consent(self, maintainer, docopt, proof):
        accepted = [one for one in all_accepted() if one["name"] != "takedown"]
        with pytest.raises(AgreementNotAccepted, match="takedown"):
            consent(maintainer, docopt, accepted=accepted)

    def test_a_text_left_out_is_no_consent(self, maintainer, docopt, proof):
        with pytest.raises(AgreementNotAccepted, match="redistribute-binaries"):
            consent(maintainer, docopt, accepted=all_accepted(["build"]))

    def test_another_text_than_the_current_is_no_consent(self, maintainer, docopt, proof):
        accepted = all_accepted()
        accepted[0]["sha256"] = "0" * 64
        with pytest.raises(AgreementChanged, match="build-and-execute"):
            consent(maintainer, docopt, accepted=accepted)

    def test_a_text_that_is_none_is_refused(self, maintainer, docopt, proof):
        accepted = [*all_accepted(), {"name": "soul", "sha256": "", "clauses": []}]
        with pytest.raises(UnknownAgreement):
            consent(maintainer, docopt, accepted=accepted)

    def test_building_alone_needs_fewer_texts_and_no_licence(self, maintainer, docopt, proof):
        given = consent(
            maintainer,
            docopt,
            accepted=all_accepted(["build"]),
            channels=["build"],
            licence_expression="",
        )
        assert given.channels == ["build"]
        assert live_permits(docopt)[0].channels == ["build"]

    @pytest.mark.parametrize("licence", ["", "GPL", "my own"])
    def test_publishing_needs_a_licence(self, maintainer, docopt, proof, licence):
        with pytest.raises(LicenceNeeded):
            consent(maintainer, docopt, licence_expression=licence)
        assert nothing_happened()

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"specifiers": "latest"}, InvalidSpecifiers),
            ({"targets": ["cp312-windows"]}, UnknownTarget),
            ({"capacity": "fan"}, InvalidConsent),
            ({"channels": []}, InvalidConsent),
            ({"channels": ["publish"]}, InvalidConsent),
            ({"channels": ["build", "sell"]}, InvalidConsent),
            ({"expires_at": AT}, InvalidConsent),
            ({"specifiers": ">=9", "covers_new_releases": False}, InvalidConsent),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_a_scope_that_means_nothing_is_refused(self, maintainer, docopt, proof, changes, error):
        with pytest.raises(error):
            consent(maintainer, docopt, **changes)
        assert nothing_happened()

    def test_an_equal_consent_is_not_given_twice(self, maintainer, docopt, proof):
        first = consent(maintainer, docopt)
        assert consent(maintainer, docopt, at=LATER) == first
        assert consent(maintainer, docopt, targets=[CP313], at=LATER) != first

    def test_it_is_written_once(self, maintainer, docopt, proof):
        given = consent(maintainer, docopt)
        given.specifiers = "==1"
        for act in (given.save, given.delete, Consent.objects.all().delete):
            with pytest.raises(AppendOnly, match="consent"):
                act()


class TestTextsOfBefore:
    """Who accepted an earlier text did so for good; what it does not allow is not done."""

    @pytest.fixture
    def first(self, maintainer, docopt, proof) -> Consent:
        given = consent(maintainer, docopt)
        texts = [text for text in all_agreements() if text.version == 1]
        accepted = [
            {
                "name": text.name,
                "version": 1,
                "sha256": text.sha256,
                "clauses": text.clause_ids,
            }
            for text in texts
            if text.name in {"build-and-execute", "redistribute-binaries"}
        ]
        QuerySet(Consent).filter(pk=given.pk).update(agreements=accepted)
        given.refresh_from_db()
        return given

    def test_it_stays_valid_and_says_which_text_it_was(self, first, docopt):
        assert list(live_consents(docopt, at=LATER)) == [first]
        assert all(with_hash(one["sha256"]).version == 1 for one in first.agreements)

    def test_it_allows_no_change_of_what_builds_are_given(self, first, maintainer, docopt):
        with pytest.raises(ModificationNotAccepted, match="repairing and patching"):
            verify_may_edit(user=maintainer, project=docopt, at=LATER)

    def test_the_texts_of_today_do(self, first, maintainer, docopt):
        consent(maintainer, docopt, at=LATER)
        verify_may_edit(user=maintainer, project=docopt, at=LATER)


class TestReleasesOfNow:
    """Without new releases: those that there are, whatever number comes later."""

    @pytest.fixture(autouse=True)
    def given(self, maintainer, docopt, proof) -> Consent:
        return consent(maintainer, docopt, covers_new_releases=False)

    @pytest.mark.parametrize("version", ["0.6.1", "0.6.2"])
    def test_those_that_there_are_are_covered(self, docopt, version):
        assert self.permit(docopt, version)

    @pytest.mark.parametrize("version", ["0.7", "0.6.1.1", "0.1", "0.6.2.post1", "0.6.2rc1"])
    def test_those_that_come_are_not(self, docopt, version):
        assert self.permit(docopt, version) is None

    def test_taking_it_back_ends_all_of_its_permits(self, docopt, given):
        assert len(live_permits(docopt)) == 2
        revoke(given)
        assert not live_permits(docopt)

    def permit(self, docopt, version):
        return live_permit(
            project=docopt, version=version, target=CP313, channel="publish", at=LATER
        )


class TestTakingBack:
    @pytest.fixture
    def given(self, maintainer, docopt, proof) -> Consent:
        return consent(maintainer, docopt)

    def test_permits_builds_and_requests_end_in_one_transaction(self, given, stranger):
        waiting, running = ask(stranger), ask(stranger, targets=[CP312])
        Build.objects.filter(target=CP312).update(state="running")
        revoke(given)
        assert not live_permits(given.project)
        assert set(Build.objects.values_list("state", "outcome")) == {("cancelled", "permit-gone")}
        for request in (waiting, running):
            request.refresh_from_db()
            assert request.is_petition
            assert request.note.startswith(
                "The consent for docopt was taken back on 2026-03-01 13:00 UTC."
            )
            assert "It is their turn" in request.note
        entry = Entry.objects.get(verb="consent-revoked")
        assert entry.facts["builds_cancelled"] == 2

    def test_nothing_of_it_stands_when_any_part_fails(self, given, stranger, monkeypatch):
        ask(stranger)

        def fail(**_):
            raise RuntimeError

        monkeypatch.setattr("portal.consent.services.replan_project", fail)
        with pytest.raises(RuntimeError):
            revoke(given)
        assert not Revocation.objects.exists()
        assert len(live_permits(given.project)) == 1
        assert Build.objects.get().state == "queued"
        assert not Entry.objects.filter(verb="consent-revoked").exists()

    def test_wheels_stay_listed_when_they_are_kept(self, given, stranger):
        file = publish(ask(stranger).builds.get())
        revoke(given, "keep")
        file.refresh_from_db()
        assert file.standing == Standing.LISTED

    def test_wheels_leave_the_listing_when_they_are_withdrawn(self, given, stranger, client):
        file = publish(ask(stranger).builds.get())
        revoke(given, "withdraw")
        file.refresh_from_db()
        assert file.standing == Standing.WITHDRAWN
        page = client.get("/simple/docopt/", headers={"accept": "text/html"}).content.decode()
        assert "docopt-0.6.2.tar.gz" in page
        assert file.filename not in page

    def test_wheels_that_another_consent_covers_stay(self, given, stranger, administrator, docopt):
        prove(stranger, docopt, administrator)
        consent(stranger, docopt, targets=[CP313])
        builds = ask(stranger, targets=[CP313, CP312]).builds
        kept, gone = (publish(builds.get(target=target)) for target in (CP313, CP312))
        revoke(given, "withdraw")
        kept.refresh_from_db()
        gone.refresh_from_db()
        assert (kept.standing, gone.standing) == (Standing.LISTED, Standing.WITHDRAWN)

    def test_builds_that_another_consent_covers_go_on(self, given, stranger, administrator, docopt):
        prove(stranger, docopt, administrator)
        consent(stranger, docopt)
        build = ask(stranger).builds.get()
        revoke(given)
        build.refresh_from_db()
        assert build.state == "queued"

    def test_what_ended_by_its_date_is_over(self, maintainer, docopt, proof):
        given = consent(maintainer, docopt, expires_at=LATER)
        with pytest.raises(ConsentStands, match="ended"):
            revoke(given, "keep", at=LATER)

    def test_another_proven_owner_can_take_it_back(self, given, stranger, administrator, docopt):
        prove(stranger, docopt, administrator)
        assert revoke(given, user=stranger).user == stranger

    def test_nobody_else_can(self, given, stranger):
        with pytest.raises(NotYourConsent):
            revoke(given, user=stranger)
        assert len(live_permits(given.project)) == 1

    def test_it_ends_once(self, given):
        revoke(given)
        with pytest.raises(ConsentEnded, match="2026-03-01 13:00 UTC"):
            revoke(given, at=LATER + timedelta(hours=1))

    def test_what_becomes_of_the_wheels_has_to_be_said(self, given):
        with pytest.raises(InvalidConsent, match="keep"):
            revoke(given, "burn")

    def test_a_new_consent_lists_again_what_was_withdrawn(
        self, given, maintainer, docopt, stranger
    ):
        file = publish(ask(stranger).builds.get())
        revoke(given, "withdraw")
        consent(maintainer, docopt, at=LATER + timedelta(hours=1))
        file.refresh_from_db()
        assert file.standing == Standing.LISTED
        assert Build.objects.get().state == "published"

    def test_a_new_consent_does_not_undo_what_somebody_else_decided(
        self, given, maintainer, docopt, stranger
    ):
        file = publish(ask(stranger).builds.get())
        revoke(given)
        decide(
            files=File.objects.filter(pk=file.pk),
            decision=Decision.WITHDRAWN,
            reason="malware",
            at=LATER,
        )
        consent(maintainer, docopt, at=LATER + timedelta(hours=1))
        file.refresh_from_db()
        assert file.standing == Standing.WITHDRAWN

    def test_what_somebody_else_takes_back_does_not_come_back_without_a_consent(
        self, given, maintainer, docopt, stranger
    ):
        publish(ask(stranger).builds.get())
        wheels = File.objects.all()
        decide(files=wheels, decision=Decision.QUARANTINED, reason="suspicious", at=LATER)
        revoke(given, "withdraw")
        decide(files=wheels, decision=None, reason="", at=LATER)
        assert wheels.get().standing == Standing.WITHDRAWN
        consent(maintainer, docopt, at=LATER + timedelta(hours=1))
        assert wheels.get().standing == Standing.LISTED

    def test_the_numbers_come_before(self, given, stranger):
        publish(ask(stranger).builds.get())
        ask(stranger, targets=[CP312])
        ask(stranger, specifiers="==0.6.1")
        Build.objects.filter(target=CP312).update(state="running")
        preview = reach_of(given, at=LATER)
        assert (preview.wheels_listed, preview.builds_queued, preview.builds_running) == (1, 1, 1)
        assert not Revocation.objects.exists()

    def test_the_numbers_take_as_many_queries_for_many_wheels(
        self, given, stranger, django_assert_num_queries
    ):
        for build in ask(stranger, "", targets=[]).builds.all():
            publish(build)
        with django_assert_num_queries(7):
            reach_of(given, at=LATER)

    def test_the_ledger_holds_after_all_of_it(self, given, stranger):
        publish(ask(stranger).builds.get())
        revoke(given, "withdraw")
        seal()
        assert verify_chain() is None
        verbs = set(Entry.objects.values_list("verb", flat=True))
        assert {"permit-revoked", "standing-changed", "consent-revoked"} <= verbs


class TestLive:
    def test_those_that_hold(self, maintainer, docopt, proof):
        ended = consent(maintainer, docopt)
        short = consent(maintainer, docopt, expires_at=LATER)
        long = consent(maintainer, docopt, targets=[CP313])
        revoke(ended, at=AT + timedelta(minutes=1))
        assert set(live_consents(docopt, at=AT)) == {short, long}
        assert set(live_consents(docopt, at=LATER)) == {long}
        assert set(live_consents(docopt)) == {long}

    def test_those_for_development_hold_only_there(self, maintainer, docopt, settings):
        settings.AFFINEUR_DEVELOPMENT = True
        attest(maintainer, docopt)
        consent(maintainer, docopt)
        assert end_development_permits(at=LATER) == 0
        assert live_consents(docopt, at=LATER).count() == 1
        settings.AFFINEUR_DEVELOPMENT = False
        assert live_consents(docopt, at=LATER).count() == 0
        end_those_of_development()
        assert not live_permits(docopt)


def test_many_petitions_of_one_kind_are_planned_in_as_many_queries(
    maintainer, docopt, proof, django_user_model
):
    """What grows with each petition is its own rows, not the planning."""

    def queries_with(number: int) -> int:
        for user in django_user_model.objects.bulk_create(
            django_user_model(username=f"user-{number}-{n}") for n in range(number)
        ):
            ask(user)
        given = consent(maintainer, docopt)
        with connection.execute_wrapper(counter := Counter()):
            revoke(given)
        return counter.planning

    assert queries_with(2) == queries_with(6)


class Counter:
    """Counts the queries that read upstream's files: once for each plan."""

    def __init__(self) -> None:
        self.planning = 0

    def __call__(self, execute, sql, params, many, context):
        self.planning += 'FROM "indexes_upstreamfile"' in sql
        return execute(sql, params, many, context)
