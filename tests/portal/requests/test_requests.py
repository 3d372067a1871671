from datetime import timedelta

import pytest

from builds.domain.outcomes import Outcome
from builds.domain.planning import InvalidSpecifiers
from builds.domain.targets import UnknownTarget
from builds.models import Attempt, Build, Permit
from builds.services.cancel import cancel_builds
from builds.services.claim import claim_builds
from builds.services.plan import preview
from indexes.domain.names import InvalidProjectName
from indexes.upstream import ProjectNotUpstream, UpstreamUnreachable
from indexes.upstream.fake import Fault
from portal.ledger.models import Entry
from portal.ownership.models import Proof
from portal.requests.models import Request
from portal.requests.services import (
    demand,
    make_request,
    replan_project,
    replan_requests,
    request_status,
)
from portal.requests.status import RequestState
from portal.requests.tasks import replan
from portal.requests.wanted import wanted_of
from tests.portal.people import AT, CP312, CP313, LATER, consent, know, make_user, prove, publish

pytestmark = pytest.mark.django_db


def ask(user, name="docopt", specifiers="==0.6.2", **changes) -> Request:
    wish = {"targets": [CP313], "reason": "", "at": AT} | changes
    return make_request(user=user, project_name=name, specifiers=specifiers, **wish)


class TestPetition:
    def test_without_a_permit_a_request_is_a_petition_and_says_so(self, stranger, upstream):
        request = ask(stranger, "DocOpt")
        assert request.project.name == "docopt"
        assert request.is_petition
        assert request.uncovered == [{"version": "0.6.2", "target": CP313}]
        assert "without its maintainers' consent" in request.note
        assert "It is their turn" in request.note

    def test_nothing_runs_for_it(self, stranger, maintainer, administrator, upstream, tmp_path):
        """The canary: sources that would leave a mark if any line of them ran."""
        mark = tmp_path / "ran"
        line = f"open({str(mark)!r}, 'a').write('ran')\n"
        upstream.add_sdist(
            "canary",
            "1.0",
            files={
                "setup.py": line,
                "backend.py": line,
                "pyproject.toml": (
                    '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
                    'backend-path = ["."]\n'
                ),
            },
        )
        request = ask(stranger, "canary", "")
        preview(project=request.project, specifiers="", targets=[CP313])
        replan_project(project=request.project, at=LATER)
        replan_requests(at=LATER)
        assert claim_builds(at=LATER) == []
        for model in (Permit, Build, Attempt):
            assert not model.objects.exists()
        assert not any(path.endswith(".tar.gz") for path in upstream.seen)
        assert not mark.exists()

        prove(maintainer, request.project, administrator)
        consent(maintainer, request.project, at=LATER)
        assert Build.objects.count() == 1
        assert not mark.exists()

    def test_petitions_are_counted_for_the_maintainers(self, stranger, maintainer, upstream):
        ask(stranger, reason="no compiler on the cluster")
        ask(maintainer, targets=[CP312])
        request = ask(maintainer, specifiers=">=0.6")
        found = demand(request.project)
        assert (found.petitions, found.people) == (3, 2)
        assert found.specifiers == (("==0.6.2", 2), (">=0.6", 1))
        assert found.reasons == ("no compiler on the cluster",)

    def test_who_was_banned_asks_for_nothing(self, stranger, maintainer, docopt, proof):
        ask(stranger, reason="BUY CHEAP WHEELS")
        ask(make_user("ann"), reason="no compiler")
        stranger.is_active = False
        stranger.save()
        found = demand(docopt)
        assert (found.people, found.reasons) == (1, ("no compiler",))
        [wanted] = wanted_of(maintainer, at=AT)
        assert (wanted.people, wanted.reason) == (1, "no compiler")

    def test_who_only_named_an_account_upstream_owns_nothing(self, stranger, docopt):
        Proof.objects.create(
            user=stranger, project=docopt, method="upstream-roles", state="proven", created_at=AT
        )
        assert wanted_of(stranger, at=AT) == []

    def test_counting_takes_three_queries(self, stranger, docopt, django_assert_num_queries):
        ask(stranger, reason="x")
        with django_assert_num_queries(3):
            demand(docopt)


class TestPermitted:
    @pytest.fixture(autouse=True)
    def given(self, maintainer, docopt, proof):
        return consent(maintainer, docopt)

    def test_its_gaps_are_queued(self, stranger):
        request = ask(stranger, targets=[CP313, CP312])
        assert not request.is_petition
        assert {build.target for build in request.builds.all()} == {CP313, CP312}
        assert request_status(request).state == RequestState.IN_PROGRESS

    def test_equal_requests_share_their_builds(self, stranger, maintainer):
        assert ask(stranger).builds.get() == ask(maintainer).builds.get()
        assert Build.objects.count() == 1

    def test_the_deployments_targets_are_meant_without_any(self, stranger, settings):
        settings.AFFINEUR_TARGETS = [CP313, CP312]
        assert ask(stranger, targets=[]).targets == [CP313, CP312]

    def test_what_is_served_is_not_built(self, stranger, upstream):
        upstream.add_file("docopt", "docopt-0.6.2-py3-none-any.whl", b"wheel")
        request = ask(stranger, at=LATER)
        assert request.already_served == [
            {"version": "0.6.2", "target": CP313, "filename": "docopt-0.6.2-py3-none-any.whl"}
        ]
        assert not Build.objects.exists()
        assert request_status(request).state == RequestState.SERVED

    def test_what_cannot_be_is_kept_with_its_reason(self, stranger):
        request = ask(stranger, specifiers="==9")
        (refusal,) = request.refusals
        assert refusal["code"] == "unknown-release"
        assert "docopt" in refusal["message"]
        assert request_status(request).state == RequestState.REFUSED

    def test_its_note_says_how_a_build_ended(self, stranger):
        request = ask(stranger)
        cancel_builds(
            builds=request.builds.all(), reason="Operator.", outcome=Outcome.CANCELLED, at=LATER
        )
        request.refresh_from_db()
        assert request.note == f"docopt 0.6.2 for {CP313}: Operator."
        assert request_status(request).state == RequestState.CANCELLED

    def test_a_new_release_is_planned_for_who_asked_for_any(self, stranger, upstream):
        request = ask(stranger, specifiers=">=0.6.2")
        upstream.add_sdist("docopt", "0.7")
        know("docopt", at=LATER)
        assert replan_requests(at=LATER) == 1
        assert {build.version for build in request.builds.all()} == {"0.6.2", "0.7"}

    def test_a_new_release_is_planned_at_once(
        self, stranger, upstream, monkeypatch, django_capture_on_commit_callbacks
    ):
        woken = []
        monkeypatch.setattr("portal.dispatch.replan", lambda: woken.append("replan"))
        ask(stranger)
        upstream.add_sdist("other", "1.0")
        know("other")
        upstream.add_sdist("other", "2.0")
        upstream.add_sdist("docopt", "0.7")
        with django_capture_on_commit_callbacks(execute=True):
            know("other", at=LATER)
            assert woken == []
            know("docopt", at=LATER)
        assert woken == ["replan"]

    def test_what_upstream_took_back_is_built_when_somebody_asks_again(self, stranger, upstream):
        request = ask(stranger)
        upstream.add_project("docopt", status="quarantined")
        know("docopt", at=LATER)
        assert request.builds.get().outcome == Outcome.TAKEN_BACK
        upstream.add_project("docopt", status="active")
        cleared = LATER + timedelta(hours=1)
        know("docopt", at=cleared)
        replan_requests(at=cleared)
        assert request.builds.get().state == "cancelled"
        ask(stranger, at=cleared)
        assert request.builds.get().state == "queued"

    def test_what_did_not_change_is_not_planned_again(self, stranger):
        ask(stranger)
        assert replan_requests(at=LATER) == 0

    def test_the_task_does_it(self, stranger):
        Request.objects.filter(pk=ask(stranger).pk).update(planned_at=None)
        replan()
        assert Request.objects.get().planned_at > LATER

    def test_where_many_stand_takes_one_query_for_their_builds(
        self, stranger, django_assert_num_queries
    ):
        publish(ask(stranger).builds.get())
        ask(stranger, targets=[CP312])
        ask(stranger, specifiers="==0.6.1")
        with django_assert_num_queries(2):
            requests = Request.objects.select_related("project").prefetch_related("builds")
            states = [request_status(request).state for request in requests]
        assert sorted(states) == ["in-progress", "in-progress", "served"]


class TestEqual:
    def test_the_same_wish_is_kept_once(self, stranger, upstream):
        first = ask(stranger, targets=[CP313, CP312], reason="one")
        again = ask(stranger, targets=[CP312, CP313, CP312], reason="two", at=LATER)
        assert again == first
        assert again.reason == "one"
        assert again.planned_at == LATER
        assert Entry.objects.filter(verb="request-made").count() == 1

    def test_another_wish_or_another_person_is_another_request(
        self, stranger, maintainer, upstream
    ):
        requests = {
            ask(stranger),
            ask(stranger, targets=[CP312]),
            ask(stranger, specifiers=""),
            ask(maintainer),
        }
        assert len(requests) == 4


class TestBadInput:
    @pytest.mark.parametrize(
        ("wish", "error"),
        [
            ({"name": "-no-"}, InvalidProjectName),
            ({"name": "a/b"}, InvalidProjectName),
            ({"name": "unknown"}, ProjectNotUpstream),
            ({"specifiers": "newest"}, InvalidSpecifiers),
            ({"targets": ["cp312-windows"]}, UnknownTarget),
        ],
        ids=str,
    )
    def test_it_is_refused_and_nothing_is_kept(self, stranger, upstream, wish, error):
        with pytest.raises(error):
            ask(stranger, **wish)
        assert not Request.objects.exists()

    def test_bad_specifiers_do_not_trouble_upstream(self, stranger, upstream):
        with pytest.raises(InvalidSpecifiers):
            ask(stranger, specifiers="newest")
        assert upstream.seen == []


class TestUpstreamDown:
    def test_for_a_project_we_never_saw_it_says_whose_turn_it_is(self, stranger, upstream):
        upstream.fail(Fault.UNAVAILABLE, times=9)
        with pytest.raises(UpstreamUnreachable, match="It is upstream's turn"):
            ask(stranger)

    def test_for_one_we_know_the_wish_is_kept_and_planned_later(self, stranger, docopt, upstream):
        upstream.fail(Fault.UNAVAILABLE, times=99)
        request = ask(stranger, at=LATER)
        assert request.planned_at is None
        assert request_status(request).state == RequestState.WAITING_FOR_UPSTREAM
        assert "Upstream did not answer" in request.note
        assert replan_requests(at=LATER) == 0

        upstream.recover()
        assert replan_requests(at=LATER + timedelta(minutes=5)) == 1
        request.refresh_from_db()
        assert request_status(request).state == RequestState.WAITING_FOR_CONSENT

    def test_what_was_said_just_now_is_good_enough(self, stranger, docopt, upstream):
        upstream.fail(Fault.UNAVAILABLE, times=99)
        assert ask(stranger, at=AT + timedelta(minutes=4)).planned_at

    def test_one_that_is_down_does_not_hold_up_the_others(self, stranger, upstream):
        upstream.add_sdist("other", "1.0")
        requests = [ask(stranger), ask(stranger, "other", "")]
        Request.objects.update(planned_at=None)
        upstream.fail(Fault.UNAVAILABLE, times=99, path="/simple/docopt/")
        assert replan_requests(at=LATER) == 1
        states = {request.project.name: request.planned_at for request in Request.objects.all()}
        assert states == {"docopt": None, "other": LATER}
        assert len(requests) == 2


def test_petitions_of_one_kind_are_planned_together(docopt, django_assert_max_num_queries):
    for number in range(20):
        ask(make_user(f"user-{number}"))
    with django_assert_max_num_queries(75):
        assert replan_project(project=docopt, at=LATER) == 20
